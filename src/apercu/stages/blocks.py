"""An image cut into tiles, and a plane into blocks."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

Array = TypeVar("Array", bound=np.ndarray[Any, Any])

BLOCK = 8
"""Pixels a side of a block."""


class Window(NamedTuple):
    """A rectangle of an image, in pixels: first row, first column, rows, columns."""

    top: int
    left: int
    height: int
    width: int


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
