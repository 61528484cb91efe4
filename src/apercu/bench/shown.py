"""Pixels for a page: what of an image a browser can show, packed without loss and cut to fit.

A browser shows 8 bits of one, three or four bands. `view_of` chooses which and how once for an image; `show` does it to
the original and to everything decoded from it, so that they stay comparable.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat
from math import sqrt
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apercu.stages.colour import Samples

SIDE = 512  # pixels: the longest side of a window by default

Window = tuple[int, int, int, int]  # top, left, height, width
Shown = NDArray[np.uint8]
Key = TypeVar("Key", bound=tuple[Any, ...])

_PERCENTILES = 1, 99  # of the samples of 16 bits, shown as 0 and 255
_METHOD, _EFFORT = 2, 50  # of lossless WebP: within 5 % of the smallest, in a third of the time
_SLACK = 0.97  # of the limit is aimed at, since bytes do not quite go with the area
_LEAST_SIDE = 64
_SAMPLE = 24  # pictures on which the side is tried first: to pack hundreds takes a minute


@dataclass(frozen=True)
class View:
    """How an image is shown: which bands, and which samples become 0 and 255."""

    bands: tuple[int, ...] | None  # None: all
    low: int
    high: int

    def __str__(self) -> str:
        """A remark for whoever looks at it; empty where the samples are shown as they are."""
        said = []
        if self.bands is not None:
            said.append(f"band{'s' * (len(self.bands) > 1)} " + ", ".join(str(band + 1) for band in self.bands))
        if (self.low, self.high) != (0, 255):
            said.append(f"samples {self.low} to {self.high} shown as 0 to 255")
        return "; ".join(said)


def view_of(image: Samples, bands: str | None = None) -> View:
    """How to show an image.

    Args:
        image: uint8 or uint16, (H, W) or (H, W, B).
        bands: what the bands are, "grey", "rgb", "rgba" or "spectral"; by default B = 1, 3, 4 or other.

    Returns:
        all bands of grey, RGB and RGBA, else the first three, or the first of two; 16 bits between two percentiles of
        the samples, 8 bits as they are.
    """
    n_bands = 1 if image.ndim == 2 else image.shape[2]
    spectral = bands == "spectral" if bands else n_bands not in (1, 3, 4)
    chosen = (tuple(range(3)) if n_bands >= 3 else (0,)) if spectral and n_bands != 3 else None
    if image.dtype == np.uint8:
        return View(chosen, 0, 255)
    part = image if chosen is None else image[..., list(chosen)]
    low, high = (int(value) for value in np.percentile(part[::4, ::4], _PERCENTILES))
    return View(chosen, low, max(high, low + 1))


def show(image: Samples, view: View) -> Shown:
    """The image as a browser can show it: uint8, (H, W), (H, W, 3) or (H, W, 4)."""
    if view.bands is not None:
        image = image[..., list(view.bands)]
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    scaled = (image.astype(np.float32) - view.low) * (255 / (view.high - view.low))
    shown: Shown = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return shown


def centred(height: int, width: int, side: int = SIDE) -> Window:
    """A window of at most `side` pixels a side in the middle of an image."""
    rows, columns = min(height, side), min(width, side)
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def cut(image: Samples, window: Window) -> Samples:
    """The samples inside a window."""
    top, left, rows, columns = window
    return image[top : top + rows, left : left + columns]


def lossless(image: Shown) -> bytes:
    """Lossless WebP of uint8 (H, W), (H, W, 3) or (H, W, 4); invisible colours of RGBA are kept as well."""
    buffer = BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.save(buffer, "WEBP", lossless=True, exact=True, method=_METHOD, quality=_EFFORT)
    return buffer.getvalue()


def fit(
    originals: Mapping[str, Mapping[str, Any]],
    pictures: Mapping[Key, Mapping[str, Any]],
    limit: int,
) -> tuple[dict[str, dict[str, Any]], dict[Key, dict[str, Any]]]:
    """Cut the pictures of every image to one smaller window where all of them together pass a limit.

    Args:
        originals: for each image {"webp": bytes, "window": Window}.
        pictures: for (image, …) {"webp": bytes of the same window}, and what else there is.
        limit: bytes for all pictures together, each counted once.

    Returns:
        both, as they came where they are within the limit.
    """
    kept = {name: dict(entry) for name, entry in originals.items()}
    decoded = {key: dict(entry) for key, entry in pictures.items()}
    entries = [*kept.items(), *((key[0], entry) for key, entry in decoded.items())]
    sources = {entry["webp"] for _, entry in entries}
    sides = {webp: Image.open(BytesIO(webp)).size for webp in sources}
    side = max((max(size) for size in sides.values()), default=0)
    packed = {webp: webp for webp in sources}
    if (total := sum(map(len, sources))) > limit:
        sample = sorted(sources, key=len)[:: -(-len(sources) // _SAMPLE)]
        side, _ = _packed(sample, side, limit * sum(map(len, sample)) / total)
        side, packed = _packed(list(sources), side, limit)
    for name, entry in entries:
        width, height = sides[entry["webp"]]
        top, left, rows, columns = centred(height, width, side)
        entry["webp"] = packed[entry["webp"]]
        if name in kept and entry is kept[name] and entry.get("window"):
            entry["window"] = (entry["window"][0] + top, entry["window"][1] + left, rows, columns)
    return kept, decoded


def _packed(sources: list[bytes], side: int, limit: float) -> tuple[int, dict[bytes, bytes]]:
    """The first side from `side` down at which pictures are within a limit, and what becomes of each there."""
    while True:
        with ThreadPoolExecutor() as pool:  # Pillow lets go of the GIL while it packs
            packed = dict(zip(sources, pool.map(_smaller, sources, repeat(side)), strict=True))
        total = sum(map(len, set(packed.values())))
        if total <= limit or side == _LEAST_SIDE:
            return side, packed
        side = max(_LEAST_SIDE, int(side * min(_SLACK, sqrt(_SLACK * limit / total))))


def _smaller(webp: bytes, side: int) -> bytes:
    """The middle of a picture, or the picture where it is no larger."""
    with Image.open(BytesIO(webp)) as picture:
        if max(picture.size) <= side:
            return webp
        return lossless(np.asarray(cut(np.asarray(picture), centred(picture.height, picture.width, side)), np.uint8))
