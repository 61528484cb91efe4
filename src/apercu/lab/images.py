"""The images below a folder, how they are read, and the list of them that a recipe keeps."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apercu.errors import ApercuError, OptionError, printable
from apercu.stages.colour import Samples

ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".ppm", ".pnm", ".avif"),
    *(".jp2", ".j2k"),
)

Reader = Callable[[Path], tuple[Samples, str]]
"""From a file to an array, uint8 or uint16, and what its bands are; as `apercu.bridges.files.read`. A function of a
module, so that other processes find it."""


def files_below(folder: Path) -> list[Path]:
    """All images below a folder, in order. Raises OptionError where there are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise OptionError(f"no images below {folder}")
    return files


def read_rgb(path: Path) -> tuple[NDArray[np.uint8], str]:
    """An image of 8 bits as RGB, by Pillow alone. Raises OptionError for deeper ones, and OSError."""
    with Image.open(path) as picture:
        if picture.mode.startswith(("I", "F")):  # which Pillow would cut at 255
            raise OptionError(f"{path}: samples of more than 8 bits")
        return np.asarray(picture.convert("RGB")), "rgb"


def fault_of(read: Reader, path: Path) -> str | None:
    """Why a file cannot be read, or None."""
    try:
        read(path)
    except (ApercuError, OSError) as error:
        said = printable(str(error))
        return said if printable(path.name) in said else f"{printable(str(path))}: {said}"
    return None


def sound(files: list[Path], faults: Iterable[str | None], log: Callable[[str], None]) -> list[Path]:
    """The files without a fault; the faults of the others go to the log. Raises OptionError where no file is sound."""
    kept = []
    for path, fault in zip(files, faults, strict=True):
        if fault is None:
            kept.append(path)
        else:
            log(f"passed over: {fault}")
    if not kept:
        raise OptionError(f"none of the {len(files)} images can be read")
    return kept


def manifest(files: list[Path], folder: Path) -> dict[str, str]:
    """SHA-256 of each file by its path below the folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
