"""The images below a folder, and the list of them that a recipe keeps."""

import hashlib
from pathlib import Path

from apercu.errors import OptionError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def files_below(folder: Path) -> list[Path]:
    """All images below a folder, in order. Raises OptionError where there are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not files:
        raise OptionError(f"no images below {folder}")
    return files


def manifest(files: list[Path], folder: Path) -> dict[str, str]:
    """SHA-256 of each file by its path below the folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
