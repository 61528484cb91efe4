"""Bytes at equal PSNR with the small tables of the codec apercu, as a change from those of model 2.

    python -m scripts.small_tables [--model apercu_small] [--data ../shared/data/test] [--only NAME ...]

Sets of test images, whole and in tiles; what they shrink to, as small files; and placeholders. For each quality the
mean over the images, in per cent of bytes, and the largest loss of an image. Bytes are those of the same quality,
brought to the PSNR of model 2 along the curve of the small tables; of placeholders, the change in PSNR at equal size
is told.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import apercu
from apercu.codecs import placeholder, tables
from apercu.stages.bands import BandTables

ROOT = Path(__file__).resolve().parents[1]
QUALITIES = (4, 12, 20, 28, 36, 44, 52, 60, 72, 88)
SLOPES = 0.05, 0.3
"""Of a curve, logarithm of bytes by dB: near 0 bytes it has no slope that can be trusted."""
TILES = (64, 128, 256, 512, 1024)
SIDES = (16, 32, 48, 64, 96, 128)
HASH_BYTES = 9
"""By which a file names tables of a user's; shipped ones have a number, as model 2 has."""
BYTES = (16, 21, 32, 64, 128, 256, 300)

Picture = NDArray[Any]


class Set(NamedTuple):
    """Test images: their folder, and how one is read."""

    folder: str
    read: Callable[[Path], Picture]


def picture(mode: str, path: Path) -> Picture:
    """As Pillow reads it, in a mode."""
    with Image.open(path) as image:
        found: Picture = np.asarray(image.convert(mode))
    return found


def scene(path: Path) -> Picture:
    """All bands of a scene, (H, W, B), those samples masked that do not count."""
    import rasterio

    with rasterio.open(path) as source:
        bands: Picture = source.read(masked=True).transpose(1, 2, 0)
    if bands.dtype == np.int16:
        bands = (bands.astype(np.int32) - int(bands.min())).astype(np.uint16)
    return bands


SETS = {
    "kodak": Set("kodak", partial(picture, "RGB")),
    "aerial": Set("aerial", partial(picture, "RGB")),
    "classic": Set("classic", partial(picture, "L")),
    "geo": Set("geo", scene),
}


def images(of: Set, data: Path) -> list[Picture]:
    """All of a set."""
    return [of.read(path) for path in sorted((data / of.folder).iterdir())]


def shrunk(image: Picture, side: int) -> Picture:
    """With a longer side of so many pixels."""
    bands = image if image.ndim == 3 else image[:, :, None]
    height, width = (max(side * length // max(bands.shape[:2]), 1) for length in bands.shape[:2])
    small = placeholder.shrink(bands, height, width)
    return small if image.ndim == 3 else small[:, :, 0]


def point(image: Picture, data: bytes, model: str | None = None) -> tuple[float, float]:
    """The logarithm of the bytes of a file, and its PSNR."""
    error = np.square(image.astype(np.float64) - apercu.decode(data, model=model)).mean()
    peak = 255 if image.dtype == np.uint8 else 65535
    size = len(data) - (HASH_BYTES if isinstance(apercu.info(data)["model"], str) else 0)
    return float(np.log(size)), float(10 * np.log10(peak**2 / max(error, 1e-9)))


def changes(image: Picture, model: str, tile: int | None = None) -> NDArray[np.float64]:
    """At each quality, in per cent of bytes, with as many layers as the encoder takes with the tables of model 2."""
    points = []
    for quality in QUALITIES:
        how: dict[str, Any] = {"quality": quality, "tile": tile}
        how["bands"] = "spectral" if isinstance(image, np.ma.MaskedArray) else None
        plain = apercu.encode(image, **how)
        other = apercu.encode(image, model=model, layers=int(str(apercu.info(plain)["layers"])), **how)
        points.append((*point(image, plain), *point(image, other, model)))
    size, psnr, other_size, other_psnr = np.array(points).T
    slope = np.clip(np.gradient(other_size) / np.maximum(np.gradient(other_psnr), 1e-3), *SLOPES)
    found: NDArray[np.float64] = 100 * np.expm1(other_size + slope * (psnr - other_psnr) - size)
    return found


def rows(only: list[str], data: Path, model: str) -> Iterable[tuple[str, NDArray[np.float64]]]:
    """A name, and changes by image and quality."""
    for name, of in SETS.items():
        found = images(of, data) if not only or any(each.startswith(name) for each in only) else []
        for tile in (None, *TILES):
            if found and (not only or f"{name}-{tile or 'whole'}" in only or name in only):
                yield (
                    f"{name}, {f'tiles of {tile}' if tile else 'whole'}",
                    np.array([changes(image, model, tile) for image in found]),
                )
    for side in SIDES:
        if not only or "small" in only:
            small = [
                shrunk(image, side) for name in ("kodak", "aerial", "classic") for image in images(SETS[name], data)
            ]
            yield f"{side} pixels", np.array([changes(image, model) for image in small])


def placeholder_gains(image: Picture, other: BandTables) -> list[float]:
    """In dB at each of BYTES."""
    shipped, found = tables.shipped, list[list[float]]()
    seen = shrunk(image, 192).astype(np.float64)
    for which in (shipped(2), other):
        tables.shipped = lambda _, which=which: which  # type: ignore[assignment]
        shown = [apercu.placeholder_image(apercu.placeholder(image, n), size=seen.shape[:2]) for n in BYTES]
        found.append([10 * np.log10(255**2 / np.square(seen - each).mean()) for each in shown])
    tables.shipped = shipped
    return [after - before for before, after in zip(*found, strict=True)]


def line(name: str, values: NDArray[np.float64], worst: Callable[..., Any], digits: int) -> str:
    """A row of a table: means, each with the worst image."""
    cells = [f"{mean:+.{digits}f} ({w:+.{digits}f})" for mean, w in zip(values.mean(0), worst(values, 0), strict=True)]
    return f"| {' | '.join([name, *cells])} |"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="apercu_small", help="a name or a file")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/test")
    parser.add_argument("--only", nargs="*", default=[], help="kodak, kodak-64, kodak-whole, …, small, placeholders")
    arguments = parser.parse_args()
    print("| | " + " | ".join(map(str, QUALITIES)) + " |\n" + "|---" * (len(QUALITIES) + 1) + "|", flush=True)
    for name, values in rows(arguments.only, arguments.data, arguments.model):
        print(line(name, values, np.max, 2), "mean", round(float(values.mean()), 3), flush=True)
    if not arguments.only or "placeholders" in arguments.only:
        number = tables.named(arguments.model, "apercu", "range")
        other = tables.shipped(number) if number else tables.of_user("apercu", arguments.model)[0]
        print("| dB | " + " | ".join(map(str, BYTES)) + " |", flush=True)
        for name in ("kodak", "aerial", "classic"):
            gains = np.array([placeholder_gains(image, other) for image in images(SETS[name], arguments.data)])
            print(line(f"{name}, placeholders", gains, np.min, 3), flush=True)


if __name__ == "__main__":
    main()
