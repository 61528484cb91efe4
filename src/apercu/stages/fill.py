"""Samples that do not count: colour where alpha is 0, and what a mask hides.

Before a tile is coded they are filled smoothly from the samples around them, so that they take almost no bits and leave
no rims. The fill depends only on the tile.
"""

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, give_back
from apercu.stages.arguments import check_mask, check_samples
from apercu.stages.colour import MOST, Levels, Samples, check_levels, ends

_workspace = function("apercu_fill_workspace", "ss")
_fill_u8 = function("apercu_fill_u8", "asssssaaas")
_fill_u16 = function("apercu_fill_u16", "asssssaaas")

_ROWS = 256  # at a time

Mask = NDArray[np.bool_]
"""(H, W, B), True where a sample does not count."""
Places = NDArray[np.bool_]
Weights = NDArray[np.uint8]
"""(H, W), how much a sample counts, 0 to 255."""
ALPHA = 3
"""The band of alpha, which follows the colours."""
SOLID = 15
"""From this alpha (in 1/255) up a colour is not changed. Below, the smaller alpha is, the more the colour is replaced
by those around it: it is hardly visible, and often noise from multiplying by alpha and dividing again."""
LITTLE = 4
"""The weight, out of 255, of samples of 65,535 that mark missing data: the picture continues into such an area, and
fades within about eight samples."""


def hidden(tile: Samples, interpretation: str, mask: Mask | None) -> Mask | None:
    """Which samples of a tile (H, W, B) do not count; None where all do. `mask`: those that do not in any case.

    What lies under the mask makes no difference.
    """
    found = mask if mask is not None and mask.any() else None
    if interpretation != "rgba" or _least_alpha(tile) > 0:
        return found
    clear = tile[:, :, ALPHA] == 0
    out = np.zeros(tile.shape, np.bool_) if found is None else found.copy()
    out[:, :, :ALPHA] |= (clear & ~out[:, :, ALPHA])[:, :, np.newaxis]
    return out


def filled(tile: Samples, interpretation: str, levels: tuple[Levels, ...], mask: Mask | None) -> Samples:
    """A tile (H, W, B), or a copy of it in which the samples that do not count are filled.

    `levels` as for `to_planes`: where no sample of a band counts, all become the middle of its range. Areas of 65,535
    that the range leaves out become its end, with a soft edge: a sharp one would take many bits. Raises OptionError for
    arrays or levels of another kind.
    """
    check_samples("tile", tile)
    check_levels(tile, interpretation, levels)
    if mask is not None:
        check_mask("mask", mask, tile.shape)
    seen = _weights_by_alpha(tile) if interpretation == "rgba" and _least_alpha(tile) < SOLID * _unit(tile) else None
    mask = mask if mask is not None and mask.any() else None
    of_bands = ends(interpretation, tile.shape[2], levels)
    empty = tile.itemsize == 2 and min(high for _, high in of_bands) < MOST and int(tile.max()) == MOST
    if seen is None and mask is None and not empty:
        return tile
    height, width, n_bands = tile.shape
    middle = np.array([(low + high + 1) // 2 for low, high in of_bands], np.int32)
    out, n_workspace, workspace = tile, 0, None  # a copy once there is something to fill: a hot pixel alone is not

    def fill(first: int, n: int, weights: Weights) -> None:
        nonlocal out, n_workspace, workspace
        if workspace is None:
            out = tile.astype(np.uint16, order="C") if tile.itemsize == 2 else tile.astype(np.uint8, order="C")
            n_workspace = checked(_workspace(width, height))
            workspace = borrow(n_workspace)
        if n == 1:
            np.clip(out[:, :, first], *of_bands[first], out=out[:, :, first])
        place = (address(out) + first * out.itemsize, n_bands * width, n_bands, width, height, n)
        call = _fill_u16 if out.itemsize == 2 else _fill_u8
        checked(call(*place, address(weights), address(middle[first:]), address(workspace), n_workspace))

    if mask is None and not empty:
        assert seen is not None
        fill(0, ALPHA, seen)
    else:
        for band, (_, high) in enumerate(of_bands):
            weights = seen if band < ALPHA else None
            if mask is not None:
                weights = _under_mask(weights, mask[:, :, band], None if seen is None else mask[:, :, ALPHA])
            if empty:
                weights = _of_no_data(weights, tile[:, :, band], high)
            if weights is not None:
                fill(band, 1, weights)
    if workspace is not None:
        give_back(workspace)
    return out


def _unit(tile: Samples) -> int:
    """The value of 1/255 of the full range."""
    return 257 if tile.itemsize == 2 else 1


def _weights_by_alpha(tile: Samples) -> Weights:
    """0 where alpha is 0, and no less than 1 elsewhere."""
    unit = _unit(tile)
    alpha = np.minimum(tile[:, :, ALPHA], SOLID * unit)
    if unit > 1:
        alpha = -(-alpha.astype(np.int32) // unit)
    return alpha.astype(np.uint8, order="C") * np.uint8(255 // SOLID)


def _under_mask(weights: Weights | None, mask: NDArray[np.bool_], of_alpha: NDArray[np.bool_] | None) -> Weights | None:
    """Weights of a band with a mask; for a colour, `weights` come from alpha, and do not apply where alpha is
    masked."""
    if weights is None and not mask.any():
        return None
    out = np.full(mask.shape, 255, np.uint8) if weights is None else weights.copy()
    if weights is not None and of_alpha is not None:
        out[of_alpha] = 255
    out[mask] = 0
    return out


def _of_no_data(weights: Weights | None, band: Samples, high: int) -> Weights | None:
    """Weights of a band (H, W) with small ones in areas of 65,535, if that is above the range. Isolated samples keep
    their weight: they may be of interest."""
    if high == MOST:
        return weights
    anywhere, everywhere = False, True
    for _, empty, areas in _areas_of_no_data(weights, band):
        anywhere |= bool(areas.any())
        everywhere &= bool(empty.all())
    if everywhere or not anywhere:
        return weights
    out = np.full(band.shape, 255, np.uint8) if weights is None else weights.copy()
    for rows, _, areas in _areas_of_no_data(weights, band):
        out[rows][areas] = np.minimum(out[rows][areas], LITTLE)
    return out


def _areas_of_no_data(weights: Weights | None, band: Samples) -> Iterator[tuple[slice, Places, Places]]:
    """For some rows of a band (H, W) at a time, so that little memory is needed: the rows, where they are 65,535, and
    where the areas of that are, without what is thin."""
    for top in range(0, len(band), _ROWS):
        rows, beside = slice(top, top + _ROWS), slice(max(top - 2, 0), top + _ROWS + 2)
        empty = band[beside] == MOST
        if weights is not None:
            empty &= weights[beside] > 0
        inside = slice(top - beside.start, top - beside.start + _ROWS)
        yield rows, empty[inside], grown(eroded(empty))[inside]


def grown(places: Places) -> Places:
    """Samples marked in (H, W), and the eight neighbours of each."""
    down = places.copy()
    down[1:] |= places[:-1]
    down[:-1] |= places[1:]
    out = down.copy()
    out[:, 1:] |= down[:, :-1]
    out[:, :-1] |= down[:, 1:]
    return out


def eroded(places: Places) -> Places:
    """Samples marked in (H, W) all of whose neighbours inside the array are marked too."""
    return ~grown(~places)


def _least_alpha(tile: Samples) -> int:
    """The smallest alpha of a tile (H, W, 4). A pixel is read as one number, of which alpha is the highest part:
    several times as fast."""
    whole = tile.strides[2] == tile.itemsize and sys.byteorder == "little" and tile.dtype.isnative
    if not whole:
        return int(tile[:, :, ALPHA].min())
    return int(tile.view(np.uint64 if tile.itemsize == 2 else np.uint32).min()) >> 24 * tile.itemsize
