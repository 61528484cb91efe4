"""Importance: what errors count for, more where an image matters, so that bits go there. The encoder's concern alone.

It is given as weights or as regions, or found in the image ("content"); after Wu, Huang and Shen (*A GAN-based tunable
image compression system*, WACV 2020), whose map of importance a network makes. Weights are small integers before they
meet a coefficient: the same image and options give the same bytes on every machine.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.reduced import reduced
from apercu.codecs.source import Source, squared_error
from apercu.errors import OptionError
from apercu.format.chunks import Reduced
from apercu.options import option
from apercu.stages.activity import codes_of_content
from apercu.stages.bands import pooled
from apercu.stages.blocks import Window, overlap, part, window_of
from apercu.stages.colour import Plane, Samples
from apercu.stages.fill import Mask
from apercu.stages.layout import Layout

ALL = 256
"""A weight of 1. Codes are weights less 1, 0 to 255."""
BEYOND = np.array([256, 215, 181, 152, 128, 108, 91, 76, 64, 54, 45, 38, 32, 27, 23, 19, 16], np.uint16)
"""What errors count for at so many pixels from a region, in 1/256, and at more than that: a sixteenth. On training
images with a quarter marked, that gains 1.7 dB there at 0.05 bpp and 1.9 at 0.1, and costs 2.4 elsewhere, where the
picture stays recognisable. A soft edge costs little, and shows less."""

Codes: TypeAlias = NDArray[np.uint8]
Importance: TypeAlias = Callable[[Window, list[Plane], Layout], Codes]
"""Of a tile: its place in the image, its planes and their layout. Gives `Layout.importance`."""


def _weights(name: str, value: Any) -> Any:
    """A check of an option."""
    if isinstance(value, str):
        if value != "content":
            raise OptionError(f'{name} must be an array of weights or "content", not {value!r}')
        return value
    try:
        found = np.asarray(np.ma.filled(value, 0))  # what a mask hides counts for least
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} must be an array of weights: {error}") from None
    if found.ndim != 2 or found.dtype.kind not in "biuf" or not found.size:
        raise OptionError(f"{name} must be an array (H, W) of numbers, not {found.dtype} of {found.shape}")
    least, most = float(found.min()), float(found.max())  # NaN, if there is one
    if not 0 <= least <= most < np.inf or most == 0:
        raise OptionError(f"{name} must be finite numbers, 0 or more, and not all 0")
    return found


def _regions(name: str, value: Any) -> list[Window]:
    """A check of an option."""
    found = []
    for region in _listed(value):
        try:
            window = window_of(region)
        except (OptionError, TypeError):  # the latter of an array without axes, which cannot be iterated
            window = None
        if window is None or window.height < 1 or window.width < 1:
            raise OptionError(f"{name} must be (top, left, height, width), or several of them, not {value!r}")
        found.append(window)
    return found


def _listed(value: Any) -> list[Any]:
    """One region, or several, as a list of them."""
    try:
        regions = list(value)
    except TypeError:
        return [value]
    return regions if any(isinstance(each, Iterable) for each in regions) else [value]


def region(text: str) -> tuple[int, ...]:
    """TOP,LEFT,HEIGHT,WIDTH."""
    top, left, height, width = map(int, text.split(","))
    return top, left, height, width


@dataclass(frozen=True)
class Options:
    """What errors count for, by one of two.

    importance: an array of weights (H, W), 0 or more, of which the largest counts as 1, and less than 1/256 as that;
        or "content": errors count for less where strong contrasts hide them. roi: (top, left, height, width) of a
        region of interest, or a list of them: outside, errors count for a sixteenth.
    """

    importance: Any = option(
        "what errors count for; content: less where strong contrasts hide them", "WHAT", _weights, of_places=True
    )
    roi: Any = option(
        "a region of interest, which gets more of the bits; may be given several times",
        "TOP,LEFT,HEIGHT,WIDTH",
        _regions,
        region,
        several=True,
        of_places=True,
    )

    def __post_init__(self) -> None:
        if self.importance is not None and self.roi is not None:
            raise OptionError("importance (--importance) and roi (--roi) both say what errors count for: give one")


class Map:
    """Codes as a source of one band, so that they are reduced and read in windows as the image is."""

    n_bands = 1
    dtype: np.dtype[Any] = np.dtype(np.uint8)

    def __init__(self, height: int, width: int, codes: Callable[[Window], Codes]) -> None:
        self.height, self.width, self.codes = height, width, codes

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        return self.codes(window)[:, :, np.newaxis], None

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`."""
        return squared_error(*self.read(window), decoded)


def map_of(options: object, height: int, width: int) -> Map | None:
    """What the options of a codec say of each pixel of an image of this full size; None where all is alike, or the
    content of tiles says it. Raises OptionError."""
    weights, regions = getattr(options, "importance", None), getattr(options, "roi", None)
    if regions is not None:
        whole = Window(0, 0, height, width)
        inside = [overlap(region, whole) for region in regions]
        if None in inside:
            outside = tuple(regions[inside.index(None)])
            raise OptionError(f"roi {outside} is outside the image of {height} rows and {width} columns")
        return Map(height, width, _of_regions([region for region in inside if region]))
    if weights is None or isinstance(weights, str):
        return None
    if weights.shape != (height, width):
        raise OptionError(f"importance must have the shape of the image, {(height, width)}, not {weights.shape}")
    return None if weights.min() == weights.max() else Map(height, width, _of_array(weights))


def importance_of(options: object, of: Reduced) -> Importance | None:
    """What the options of a codec say of an image that was reduced, in pixels of its full size; None where all is
    alike. Raises OptionError."""
    of_pixels = map_of(options, of.height, of.width)
    if of_pixels:
        source: Source = reduced(of_pixels, of.log2, "grey")
        return lambda window, _, __: pooled(source.read(window)[0][:, :, 0].astype(np.uint8))
    if isinstance(getattr(options, "importance", None), str):
        return lambda _, planes, layout: pooled(codes_of_content(planes, layout))
    return None


def _of_array(weights: NDArray[Any]) -> Callable[[Window], Codes]:
    most = float(weights.max())

    def codes(window: Window) -> Codes:
        # Of float64, with operations whose results are the same everywhere.
        shares = part(weights, window).astype(np.float64) / most
        found: Codes = np.maximum(np.rint(shares * ALL) - 1, 0).astype(np.uint8)
        return found

    return codes


def _of_regions(regions: Sequence[Window]) -> Callable[[Window], Codes]:
    def of_side(first: int, n: int, start: int, size: int) -> Codes:
        at = np.arange(first, first + n)
        distance = np.maximum(start - at, at - (start + size - 1))
        found: Codes = (BEYOND[np.clip(distance, 0, len(BEYOND) - 1)] - 1).astype(np.uint8)
        return found

    def codes(window: Window) -> Codes:
        found = np.zeros((window.height, window.width), np.uint8)
        for region in regions:
            down = of_side(window.top, window.height, region.top, region.height)
            across = of_side(window.left, window.width, region.left, region.width)
            np.maximum(found, np.minimum.outer(down, across), out=found)
        return found

    return codes
