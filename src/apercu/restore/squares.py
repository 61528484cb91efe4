"""How the networks of restorers see planes: square by square of a fixed grid, in channels of a quarter of the size.

A square is seen with a margin, so that what is found for it depends only on the tile. Luma is in channels of 4×4
samples and chroma of 2×2 (space to depth), scaled to -1 to 1.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.errors import ModelError
from apercu.restore.runtime import Network, Values
from apercu.restore.trust import Factors
from apercu.stages.blocks import BLOCK, Window, n_blocks
from apercu.stages.colour import FULL, Plane
from apercu.stages.layout import Layout

SQUARE = 512
"""Pixels a side of a square, inside the tile."""
OUT = 24
"""Channels of planes: 16 of luma, and 4 each of Cb and Cr. A network gives so many, which are added to the planes."""
HALF = FULL // 2
"""Half the range of a plane."""
CHROMA_REACH = 2
"""The colour of a pixel depends on chroma samples up to this many pixels away."""

T = TypeVar("T", bound=np.generic)


def groups(layout: Layout) -> list[slice]:
    """Planes that go through a network together: luma with Cb and Cr, alpha not at all, every other plane by itself."""
    if layout.interpretation in ("rgb", "rgba"):
        return [slice(0, 3)]
    return [slice(i, i + 1) for i in range(len(layout.planes))]


def add(
    planes: list[Plane],
    factors: list[Factors],
    wanted: Window,
    square: int,
    margin: int,
    found: Callable[[Window], list[Values]],
) -> None:
    """Adds to a plane, or to luma with its chroma, what is `found` for each square that holds wanted pixels, times the
    factors of its blocks; in place.

    `found` is given a square with its margin, and sees the planes as they were: a row of squares is written once the
    next one has been looked at. It is not asked where all factors are 0.
    """
    height, width = planes[0].shape
    scales = [1, *(2 for _ in planes[1:])]
    ready: list[tuple[Plane, Plane]] = []
    for row in squares(square, height, width, wanted, len(planes) > 1):
        these: list[tuple[Plane, Plane]] = []
        for place in row:
            of_square = [part(of, place, BLOCK) for of in factors]
            if not any(of.any() for of in of_square):
                continue
            seen = grown(place, margin, height, width)
            at = place._replace(top=place.top - seen.top, left=place.left - seen.left)
            for plane, more, of, scale in zip(planes, found(seen), of_square, scales, strict=True):
                target = part(plane, place, scale)
                these.append((target, sums(target, part(more, at, scale), of, BLOCK // scale)))
        for target, values in ready:
            target[:] = values
        ready = these
    for target, values in ready:
        target[:] = values


def squares(side: int, height: int, width: int, wanted: Window, with_chroma: bool) -> Iterator[list[Window]]:
    """The squares of the grid that hold the pixels wanted, or the chroma around them, too; by rows."""
    need = grown(wanted, CHROMA_REACH, height, width) if with_chroma else wanted
    for top in range(need.top // side * side, need.top + need.height, side):
        lefts = range(need.left // side * side, need.left + need.width, side)
        yield [Window(top, left, min(side, height - top), min(side, width - left)) for left in lefts]


def seen_for(wanted: Window, layout: Layout, square: int, margin: int) -> Window:
    """The pixels of a tile that are seen for those that are wanted."""
    rows = [*squares(square, layout.height, layout.width, wanted, groups(layout)[0].stop > 1)]
    first, last = rows[0][0], rows[-1][-1]
    height, width = last.top + last.height - first.top, last.left + last.width - first.left
    return grown(Window(first.top, first.left, height, width), margin, layout.height, layout.width)


def grown(window: Window, margin: int, height: int, width: int, unit: int = 1) -> Window:
    """With a margin, and further to multiples of `unit`, as far as the plane goes."""
    top, left = (max(start - margin, 0) // unit * unit for start in (window.top, window.left))
    bottom, right = window.top + window.height + margin, window.left + window.width + margin
    bottom, right = min(n_blocks(bottom, unit) * unit, height), min(n_blocks(right, unit) * unit, width)
    return Window(top, left, bottom - top, right - left)


def part(plane: NDArray[T], window: Window, scale: int) -> NDArray[T]:
    """The samples of a window whose corner is a multiple of `scale`, of a plane at that part of the size."""
    top, left = window.top // scale, window.left // scale
    return plane[top : top + n_blocks(window.height, scale), left : left + n_blocks(window.width, scale)]


def parts(planes: list[Plane], window: Window) -> list[Plane]:
    """The samples of a window of a plane, or of luma with its chroma."""
    return [part(plane, window, 1 + (index > 0)) for index, plane in enumerate(planes)]


def sums(plane: Plane, more: Values, factors: Factors, side: int) -> Plane:
    """A plane and what is added to it. Each factor holds for `side` x `side` samples."""
    height, width = plane.shape
    trusted = factors.repeat(side, 0).repeat(side, 1)[:height, :width] * more
    with np.errstate(over="ignore"):  # a user's network may give any finite numbers; all end within the range
        found: Plane = np.clip(np.rint(plane + HALF * trusted), -FULL, FULL).astype(np.int16)
    return found


def channels(planes: list[Plane], out: Values) -> None:
    """Writes a plane, or luma with its chroma, to (OUT, height / 4, width / 4), of a size that covers it; its edge is
    repeated. Missing chroma is left as it is."""
    luma, *pair = planes
    down, across = out.shape[1:]
    split(luma.astype(np.float32) / np.float32(HALF) - 1, 4 * down, 4 * across, 4, out[:16])
    for index, plane in enumerate(pair):
        start = 16 + 4 * index
        split(plane.astype(np.float32) / np.float32(HALF), 2 * down, 2 * across, 2, out[start : start + 4])


def run(network: Network, values: Values, n_planes: int) -> list[Values]:
    """What a network finds of (1, channels, height / 4, width / 4), for each plane. Raises ModelError."""
    found = network(values)
    if found.shape != (1, OUT, *values.shape[2:]):
        raise ModelError("the network gives planes of another size than it is given")
    pairs = (_joined(found[0, 16 + 4 * index : 20 + 4 * index], 2) for index in range(n_planes - 1))
    return [_joined(found[0, :16], 4), *pairs]


def split(values: Values, height: int, width: int, size: int, out: Values) -> None:
    """Space to depth, (h, w) to (size * size, height / size, width / size); the edge is repeated."""
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])), mode="edge")
    in_squares = padded.reshape(height // size, size, width // size, size)
    out[:] = in_squares.transpose(1, 3, 0, 2).reshape(out.shape)


def _joined(values: Values, size: int) -> Values:
    """Depth to space: the inverse of `split`."""
    _, height, width = values.shape
    in_squares = values.reshape(size, size, height, width).transpose(2, 0, 3, 1)
    return in_squares.reshape(height * size, width * size)
