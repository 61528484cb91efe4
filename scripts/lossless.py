"""Bytes without loss and within a largest error: `predictive` beside JPEG-LS, JPEG XL, LERC and PNG (imagecodecs).

    python -m scripts.lossless [--data ../shared/data/test]

Every file is decoded again and held against its image. Of `predictive` the whole file counts. The others' bytes are
those of their streams, a stream for each band where a codec takes bands of this kind in no other way.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

import apercu
from apercu.bridges import files
from apercu.errors import FileFormatError

Samples = NDArray[Any]
ERRORS = (1, 2, 4, 8)


class Set(NamedTuple):
    """Images of a folder, as they are or their luma alone."""

    title: str
    folder: str
    luma: bool


SETS = (
    Set("Kodak, luma", "kodak", luma=True),
    Set("Kodak, RGB", "kodak", luma=False),
    Set("scenes of 8 and 16 bits, 1 to 4 bands", "geo", luma=False),
)


def images(one: Set, data: Path) -> Iterator[tuple[str, Samples, str]]:
    """Name, samples (H, W) or (H, W, B), and what the bands are."""
    for path in sorted((data / one.folder).iterdir()):
        if path.suffix.lower() in files.PICTURE_SUFFIXES:
            image, bands = read(path)
            if one.luma:
                red, green, blue = (image[..., band].astype(np.uint32) for band in range(3))
                image, bands = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).astype(np.uint8), "grey"
            yield path.name, np.ascontiguousarray(image), bands


def read(path: Path) -> tuple[Samples, str]:
    """As `apercu encode` reads a picture; and a TIFF of signed samples, of which none is below 0, as spectral bands."""
    try:
        return files.read(path)
    except FileFormatError:
        image = tifffile.imread(path)
        if image.dtype != np.int16 or image.min() < 0:
            raise
        return image.astype(np.uint16), "spectral"


def bands_of(image: Samples) -> list[Samples]:
    """The bands of an image, each in a row of memory."""
    return [image] if image.ndim == 2 else [np.ascontiguousarray(image[..., band]) for band in range(image.shape[2])]


def held(image: Samples, decoded: Samples, max_error: int, codec: str) -> None:
    """Raises AssertionError where a sample is off by more than the largest error."""
    off = int(np.abs(image.astype(np.int64) - decoded.reshape(image.shape)).max())
    assert off <= max_error, f"{codec} is off by {off}, not by {max_error} at the most"


def ours(image: Samples, bands: str, max_error: int) -> int:
    """A file of `predictive`."""
    data = apercu.encode(image, bands=bands, codec="predictive", max_error=max_error)
    held(image, apercu.decode(data), max_error, "predictive")
    return len(data)


def jpeg_ls(image: Samples, _: str, max_error: int) -> int:
    """JPEG-LS (CharLS), each band by itself."""
    n_bytes = 0
    for band in bands_of(image):
        data = imagecodecs.jpegls_encode(band, level=max_error)
        held(band, imagecodecs.jpegls_decode(data), max_error, "JPEG-LS")
        n_bytes += len(data)
    return n_bytes


def jpeg_ls_of_differences(image: Samples, _: str, max_error: int) -> int | None:
    """The same with what JPEG-LS has no way to do: of each band the smaller of itself and its difference to the second
    band, modulo 2^8 or 2^16. None with loss, where that would not keep the largest error."""
    if max_error:
        return None
    bands = bands_of(image)
    n_bytes = [len(imagecodecs.jpegls_encode(band)) for band in bands]
    if len(bands) > 1:
        apart = [len(imagecodecs.jpegls_encode(band - bands[1])) for band in bands]
        n_bytes = [n if at == 1 else min(n, apart[at]) for at, n in enumerate(n_bytes)]
    return sum(n_bytes)


def jpeg_xl(effort: int) -> Callable[[Samples, str, int], int | None]:
    """JPEG XL (libjxl), without loss. Three or four spectral bands as RGB or RGBA, or each by itself: the smaller."""

    def n_bytes(image: Samples, bands: str, max_error: int) -> int | None:
        if max_error:
            return None
        whole = [[image]] if image.ndim == 2 or image.shape[2] in (3, 4) else []
        ways = [*whole, bands_of(image)] if bands == "spectral" else whole
        return min(sum(coded(part) for part in parts) for parts in ways)

    def coded(part: Samples) -> int:
        data = imagecodecs.jpegxl_encode(part, lossless=True, effort=effort, numthreads=1)
        held(part, imagecodecs.jpegxl_decode(data, numthreads=1), 0, "JPEG XL")
        return len(data)

    return n_bytes


def lerc(image: Samples, _: str, max_error: int) -> int:
    """LERC, each band by itself, its stream compressed with Zstandard."""
    n_bytes = 0
    for band in bands_of(image):
        data = imagecodecs.lerc_encode(band, level=max_error, compression="zstd")
        held(band, imagecodecs.lerc_decode(data), max_error, "LERC")
        n_bytes += len(data)
    return n_bytes


def png(image: Samples, _: str, max_error: int) -> int | None:
    """PNG, grey, RGB and RGBA."""
    if max_error:
        return None
    data = imagecodecs.png_encode(image, level=9)
    held(image, imagecodecs.png_decode(data), 0, "PNG")
    return len(data)


CODECS: dict[str, Callable[[Samples, str, int], int | None]] = {
    "predictive": ours,
    "JPEG-LS": jpeg_ls,
    "JPEG-LS of band differences": jpeg_ls_of_differences,
    "JPEG XL, effort 3": jpeg_xl(3),
    "JPEG XL, effort 7": jpeg_xl(7),
    "LERC with Zstandard": lerc,
    "PNG": png,
}


def report(data: Path) -> str:
    """A table without loss and one with: bytes, and their ratio to those of JPEG-LS, summed over the images."""
    sums: dict[tuple[str, int, str], int] = {}
    missing: set[tuple[str, int, str]] = set()
    counts = {}
    for one in SETS:
        for number, (name, image, bands) in enumerate(images(one, data), 1):
            print(f"{one.title}: {name}", file=sys.stderr, flush=True)
            counts[one.title] = number
            for max_error in (0, *ERRORS):
                for codec, measure in CODECS.items():
                    n_bytes = measure(image, bands, max_error)
                    if n_bytes is None:
                        missing.add((one.title, max_error, codec))
                    else:
                        key = one.title, max_error, codec
                        sums[key] = sums.get(key, 0) + n_bytes
    titles = [f"{one.title} ({counts[one.title]})" for one in SETS]
    lines = [
        "Bytes of all images of a set together, and over those of JPEG-LS. All files were decoded and held against",
        "their images. JPEG-LS and LERC code each band by itself; `predictive` is measured in whole files.",
        "",
        f"| without loss | {' | '.join(titles)} |",
        f"|---|{'---|' * len(SETS)}",
    ]
    for codec in CODECS:
        cells = [cell(sums, (one.title, 0, codec)) for one in SETS]
        lines.append(f"| {codec} | {' | '.join(cells)} |")
    lines += ["", f"| largest error | | {' | '.join(titles)} |", f"|---|---|{'---|' * len(SETS)}"]
    for max_error in ERRORS:
        for codec in CODECS:
            keys = [(one.title, max_error, codec) for one in SETS]
            if not missing.intersection(keys):
                lines.append(f"| {max_error} | {codec} | {' | '.join(cell(sums, key) for key in keys)} |")
    return "\n".join([*lines, ""])


def cell(sums: dict[tuple[str, int, str], int], key: tuple[str, int, str]) -> str:
    """Bytes and their ratio."""
    title, max_error, _ = key
    return f"{sums[key]:,} ({sums[key] / sums[title, max_error, 'JPEG-LS']:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/test"), help="folder of the test sets")
    print(report(parser.parse_args().data))
