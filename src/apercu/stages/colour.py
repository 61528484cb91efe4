"""Samples of an image to planes of int16 with 5 fraction bits, and back: levels, colour transform, chroma at half size.

A plane holds 0 to 8160 (255 * 32) for grey, luma, alpha and spectral bands, and is signed around zero for chroma.
Bands that are coded together share one *level group*, a pair (offset, range): the samples offset to offset + range of
a uint16 image become 0 to 8160. A uint8 image has no levels of its own: its offset is 0 and its range 255.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.stages.arguments import check_number, check_plane, check_samples
from apercu.stages.blocks import BLOCK, n_blocks

_load_u8 = function("apercu_load_u8", "assssass")
_load_u16 = function("apercu_load_u16", "assssiiass")
_store_u8 = function("apercu_store_u8", "asassss")
_store_u16 = function("apercu_store_u16", "asassssii")
_rgb_to_ycc_u8 = function("apercu_rgb_to_ycc_u8", "assssaassaa")
_rgb_to_ycc_u16 = function("apercu_rgb_to_ycc_u16", "assssiiaassaa")
_ycc_to_rgb_u8 = function("apercu_ycc_to_rgb_u8", "asaasaassss")
_ycc_to_rgb_u16 = function("apercu_ycc_to_rgb_u16", "asaasaassssii")

Samples = NDArray[np.uint8] | NDArray[np.uint16]
Plane = NDArray[np.int16]
INTERPRETATIONS = ("grey", "rgb", "rgba", "spectral")
_BANDS = {"grey": 1, "rgb": 3, "rgba": 4}
MAX_LEVEL_CODE = 208
FULL = 8160
"""The largest sample of a plane that is not chroma."""
MOST = 65535
"""The largest sample of uint16. An area of it marks missing data in many scenes."""


class Levels(NamedTuple):
    """Codes of the offset (0 to 65,535) and the range (1 to 65,536) of a level group; see `level`."""

    offset_code: int
    range_code: int


def level(code: int) -> int:
    """The number that a level code stands for: a float of 4 mantissa bits, 0 to 65,536, as code goes from 0 to 208."""
    return code if code < 16 else (16 + code % 16) << (code // 16 - 1)


LEVELS = [level(code) for code in range(MAX_LEVEL_CODE + 1)]
"""By level code."""


def level_groups(interpretation: str, n_bands: int) -> list[slice]:
    """The bands of each level group: colour components share one, every other band has its own."""
    if interpretation in ("rgb", "rgba"):
        return [slice(0, 3), slice(3, 4)][: n_bands - 2]
    return [slice(band, band + 1) for band in range(n_bands)]


def plane_sizes(interpretation: str, n_bands: int, height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) in samples of every plane of a tile, in coded order; chroma is at half size, rounded up."""
    if interpretation in ("rgb", "rgba"):
        half = (-(-height // 2), -(-width // 2))
        return [(height, width), half, half, (height, width)][:n_bands]
    return [(height, width)] * n_bands


def to_planes(tile: Samples, interpretation: str, levels: list[Levels]) -> list[Plane]:
    """A tile (H, W, B), uint8 or uint16, to its planes.

    Each plane is int16, extended to multiples of 8 (luma of a colour image: of 16) by repeating its edge. `levels` has
    one entry a level group for uint16 and is empty for uint8. Raises OptionError for a tile or levels of another kind.
    """
    check_samples("tile", tile)
    check_levels(tile, interpretation, levels)
    height, width, n_bands = tile.shape
    wide = tile.itemsize == 2
    samples = plain_rows(tile)
    row_pitch = samples.strides[0] // samples.itemsize
    of_band = _levels_of_bands(interpretation, n_bands, levels)
    planes = []
    if interpretation in ("rgb", "rgba"):
        luma = _empty_plane(height, width, 2 * BLOCK)
        rows, columns = luma.shape
        cb, cr = (np.empty((rows // 2, columns // 2), np.int16) for _ in range(2))
        scratch = np.empty(5 * columns, np.int16)
        source = (address(samples), row_pitch, n_bands, width, height)
        target = (address(scratch), address(luma), columns, rows, address(cb), address(cr))
        checked(_rgb_to_ycc_u16(*source, *of_band[0], *target) if wide else _rgb_to_ycc_u8(*source, *target))
        planes = [luma, cb, cr]
    for band in range(len(planes), n_bands):
        plane = _empty_plane(height, width, BLOCK)
        source = (address(samples) + band * samples.itemsize, row_pitch, n_bands, width, height)
        size = (address(plane), plane.shape[1], plane.shape[0])
        checked(_load_u16(*source, *of_band[band], *size) if wide else _load_u8(*source, *size))
        planes.append(plane)
    return planes


def _empty_plane(height: int, width: int, unit: int) -> Plane:
    return np.empty((n_blocks(height, unit) * unit, n_blocks(width, unit) * unit), np.int16)


def plain_rows(tile: Samples) -> Samples:
    """A tile itself where the kernel can read it in place, row after row without gaps in them; otherwise a copy."""
    row_stride, *strides = tile.strides
    whole = strides == [tile.shape[2] * tile.itemsize, tile.itemsize]
    if whole and row_stride > 0 and row_stride % tile.itemsize == 0 and tile.flags.aligned and tile.dtype.isnative:
        return tile
    return tile.astype(np.uint16, order="C") if tile.itemsize == 2 else tile.astype(np.uint8, order="C")


def from_planes(planes: list[Plane], interpretation: str, levels: list[Levels], out: Samples) -> None:
    """The inverse of `to_planes` into `out` (H, W, B), a C-ordered array or a window of one.

    Planes may be larger than `plane_sizes` says; the rest is ignored. Raises OptionError for arrays or levels of
    another kind.
    """
    check_samples("out", out)
    check_levels(out, interpretation, levels)
    height, width, n_bands = out.shape
    if not (out.flags.carray and out.dtype.isnative):
        _check_window(out)
    sizes = plane_sizes(interpretation, n_bands, height, width)
    if len(planes) != len(sizes):
        raise OptionError(f"{interpretation} of {n_bands} bands has {len(sizes)} planes, not {len(planes)}")
    for plane, (rows, columns) in zip(planes, sizes, strict=True):
        check_plane("a plane", plane, rows, columns)
    if interpretation in ("rgb", "rgba") and planes[1].shape[1] != planes[2].shape[1]:
        raise OptionError("planes of chroma must have rows of the same length")
    itemsize = out.itemsize
    row_pitch = out.strides[0] // itemsize
    wide = out.dtype == np.uint16
    of_band = _levels_of_bands(interpretation, n_bands, levels)
    start = 0
    if interpretation in ("rgb", "rgba"):
        start = 3
        luma, cb, cr = planes[:3]
        scratch = np.empty(3 * (width + 2), np.int16)
        arguments = (
            address(luma),
            luma.shape[1],
            address(cb),
            address(cr),
            cb.shape[1],
            address(scratch),
            address(out),
        )
        size = (row_pitch, n_bands, width, height)
        checked(_ycc_to_rgb_u16(*arguments, *size, *of_band[0]) if wide else _ycc_to_rgb_u8(*arguments, *size))
    for band in range(start, n_bands):
        plane = planes[band]
        target = address(out) + band * itemsize
        size = (row_pitch, n_bands, width, height)
        if wide:
            checked(_store_u16(address(plane), plane.shape[1], target, *size, *of_band[band]))
        else:
            checked(_store_u8(address(plane), plane.shape[1], target, *size))


def _check_window(out: Samples) -> None:
    (row, *within), (_, width, n_bands) = out.strides, out.shape
    plain = within == [n_bands * out.itemsize, out.itemsize] and row >= width * within[0] and row % out.itemsize == 0
    if not (plain and out.flags.behaved and out.dtype.isnative):
        raise OptionError("out must be a writeable C-ordered array or a window of one, of the machine's order of bytes")


def check_levels(tile: Samples, interpretation: str, levels: Sequence[Levels]) -> None:
    """Raises OptionError unless bands and levels are those of a tile (H, W, B) of this interpretation."""
    n_bands = tile.shape[2]
    if interpretation not in INTERPRETATIONS or n_bands != _BANDS.get(interpretation, n_bands):
        raise OptionError(f"interpretation={interpretation!r} does not fit a tile of {n_bands} bands")
    if tile.itemsize == 1 and not levels:
        return
    n_groups = len(level_groups(interpretation, n_bands)) if tile.itemsize == 2 else 0
    if len(levels) != n_groups or any(len(codes) != len(Levels._fields) for codes in levels):
        raise OptionError(f"levels must be {n_groups} pairs of codes, not {levels!r}")
    for offset_code, range_code in levels:
        check_number("the code of an offset", offset_code, 0, MAX_LEVEL_CODE)
        check_number("the code of a range", range_code, 1, MAX_LEVEL_CODE)


def ends(interpretation: str, n_bands: int, levels: Sequence[Levels]) -> list[tuple[int, int]]:
    """The samples that 0 and 8160 in the plane of each band represent."""
    of_band = _levels_of_bands(interpretation, n_bands, levels)
    return [(offset, min(offset + extent, MOST)) for offset, extent in of_band] or [(0, 255)] * n_bands


def _levels_of_bands(interpretation: str, n_bands: int, levels: Sequence[Levels]) -> list[tuple[int, int]]:
    """(offset, range) of every band; nothing for uint8, which has no levels."""
    groups = level_groups(interpretation, n_bands)
    return [
        (LEVELS[codes.offset_code], LEVELS[codes.range_code])
        for bands, codes in zip(groups, levels, strict=False)
        for _ in range(bands.start, bands.stop)
    ]
