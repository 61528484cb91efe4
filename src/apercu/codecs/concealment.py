"""Tiles that are lost, filled from the tiles around them; of any codec, and in integers."""

from collections.abc import Callable

import numpy as np

from apercu.format.container import Header
from apercu.stages.blocks import Window, part, relative, tile_at
from apercu.stages.colour import Samples
from apercu.stages.membrane import stretched
from apercu.stages.resize import add_up, enlarged, means, needed_window

CELLS_LOG2, LEAST_LOG2 = 5, 2
"""A tile is filled at a reduced size of 32 cells a side, or less: a cell has 4 pixels a side at least."""

FARTHEST_LOG2 = 3
"""A tile is filled from others that are up to 2^3 tiles away."""

Cells = dict[int, Samples | None]
"""Of tiles by their numbers, their samples at the reduced size (h, w, B); None of those that are lost."""


def cells_of(samples: Samples, header: Header) -> Samples:
    """A tile (H, W, B) at the reduced size."""
    return _reduced(samples, _log2(header))


def _reduced(samples: Samples, log2: int) -> Samples:
    found, _ = means(*add_up(samples, None, log2), samples.dtype)
    return found


def _log2(header: Header) -> int:
    return max((header.tile.bit_length() - 1) - CELLS_LOG2, LEAST_LOG2)


def fill(
    header: Header, tile: int, wanted: Window, out: Samples, known: Cells, cells: Callable[[int], Samples | None]
) -> bool:
    """Fills a part of a lost tile, `wanted` of the image, into `out`; False where no tile near it is there.

    It depends on the tiles around it alone, so that windows are crops: on its neighbours; where none of them is there,
    on those that are up to two tiles away, or four, or eight, at a size that is smaller as much, so that each tile
    takes the same time. `cells` makes those of a tile that are not `known` yet.
    """
    across, down = -(-header.width // header.tile), -(-header.height // header.tile)
    row, column = divmod(tile, across)
    for reach_log2 in range(FARTHEST_LOG2 + 1):
        reach = 1 << reach_log2
        rows = range(max(row - reach, 0), min(row + reach + 1, down))
        columns = range(max(column - reach, 0), min(column + reach + 1, across))
        around = [other * across + beside for other in rows for beside in columns]
        for each in around:
            if each not in known:
                known[each] = cells(each) if each != tile else None
        if any(known[each] is not None for each in around):
            out[:] = _filled(header, around, reach_log2, wanted, known)
            return True
    return False


def _filled(header: Header, around: list[int], smaller_log2: int, wanted: Window, known: Cells) -> Samples:
    """A part of the image, from the cells of tiles around it, of which 2^smaller_log2 a side become one."""
    log2 = _log2(header) + smaller_log2
    first, last = (tile_at(each, header.height, header.width, header.tile) for each in (around[0], around[-1]))
    height, width = last.top + last.height - first.top, last.left + last.width - first.left
    dtype = np.uint16 if header.wide else np.uint8
    region = np.zeros((-(-height >> log2), -(-width >> log2), header.n_bands), dtype)
    missing = np.ones(region.shape[:2], np.bool_)
    for each in around:
        if (there := known[each]) is not None:
            there = _reduced(there, smaller_log2)
            place = relative(tile_at(each, header.height, header.width, header.tile), first)
            at = Window(place.top >> log2, place.left >> log2, *there.shape[:2])
            part(region, at)[:], part(missing, at)[:] = there, False
    window = relative(wanted, first)
    found = part(stretched(region, missing), needed_window(window, height, width, log2))
    return enlarged(found, window, height, width, log2)
