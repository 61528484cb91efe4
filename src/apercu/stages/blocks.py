"""Windows of an image, the tiles that it is cut into, and the blocks of a plane."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from apercu.errors import OptionError
from apercu.options import whole

Array = TypeVar("Array", bound=np.ndarray[Any, Any])

BLOCK = 8
"""Pixels a side of a block."""


class Window(NamedTuple):
    """A rectangle of an image, in pixels: first row, first column, rows, columns."""

    top: int
    left: int
    height: int
    width: int


def window_of(given: object) -> Window | None:
    """What somebody gave as (top, left, height, width), as a window; None for None. Raises OptionError."""
    if given is None:
        return None
    numbers = tuple(given) if isinstance(given, Iterable) else ()
    if len(numbers) != 4:
        raise OptionError(f"window must be (top, left, height, width), not {given!r}")
    return Window(*(whole("window", number) for number in numbers))


def overlap(a: Window, b: Window) -> Window | None:
    """What two windows of an image have in common; None where that is nothing."""
    top, left = max(a.top, b.top), max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - top
    width = min(a.left + a.width, b.left + b.width) - left
    return Window(top, left, height, width) if height > 0 and width > 0 else None


def relative(window: Window, origin: Window) -> Window:
    """A window of an image, counted from the corner of another."""
    return Window(window.top - origin.top, window.left - origin.left, window.height, window.width)


def absolute(window: Window, origin: Window) -> Window:
    """The inverse of `relative`."""
    return Window(window.top + origin.top, window.left + origin.left, window.height, window.width)


def part(samples: Array, window: Window) -> Array:
    """The samples of a window, not copied."""
    return samples[window.top : window.top + window.height, window.left : window.left + window.width]  # type: ignore[return-value]  # of a subclass, too


def tiles(height: int, width: int, size: int) -> Iterator[Window]:
    """The tiles of an image, row by row; those at the right and lower edge are smaller where need be."""
    for top in range(0, height, size):
        for left in range(0, width, size):
            yield Window(top, left, min(size, height - top), min(size, width - left))


def tile_at(index: int, height: int, width: int, size: int) -> Window:
    """The tile that `tiles` yields after `index` others."""
    row, column = divmod(index, -(-width // size))
    top, left = row * size, column * size
    return Window(top, left, min(size, height - top), min(size, width - left))


def n_tiles(height: int, width: int, size: int) -> int:
    """How many tiles `tiles` yields."""
    return -(-height // size) * -(-width // size)


def n_blocks(n_pixels: int, size: int = BLOCK) -> int:
    """Blocks that cover `n_pixels` in one direction."""
    return -(-n_pixels // size)
