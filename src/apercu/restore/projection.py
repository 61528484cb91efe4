"""Generated planes, held to what was sent: each wavelet coefficient comes back into the bin of its symbol.

The planes are analysed by the codec's own wavelet, as they come back from the samples that are shown. Where a
coefficient is farther from the value of its symbol than ALLOWED of a step, it is put to HELD; zeros are symbols like
others, and so are those of LL. What changes is synthesised and added. Samples that no such coefficient reaches stay as
they are, to the bit. Stages that were not decoded have no symbols: there everything is allowed.

ALLOWED is below the half step at which a symbol becomes another one, since samples are rounded afterwards. A wider bin
for what an encoder rounds down (from about 0.6 of a step up) would contradict the file, and brings no texture that
could be measured.

Samples that are shown have lost what was beyond their range, and detail of chroma that was brought to full size. A
picture as it was decoded stays the same but for such places. Where colours are clipped over large areas, no samples
have all the symbols of LL.

At its border a tile is treated as inside. The encoder fits coefficients there to its step (`wavelet_analyse`), so that
those of the original lie outside of the bins more often. What networks make of the decoded planes does not.

Everything is in integers. The wavelet takes 2 products for a sample, a level and a direction, and one for each sample
of LL: 5.7 a sample there, and as many back. So a plane costs 11.3 products a sample. RGB with chroma at half size costs
17 a pixel for that, 7.5 for colours there and back, and one for what is sharpened. The rest is sums and shifts.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.restore.squares import CHROMA_REACH, grown
from apercu.stages.bands import STAGES, band_step_q6
from apercu.stages.blocks import Window, n_blocks, relative
from apercu.stages.colour import MAX_LEVEL_CODE, Levels, Plane, from_planes, to_planes
from apercu.stages.layout import Evidence, Layout, PlaneLayout
from apercu.stages.wavelet import Bands, places_with_low, wavelet_analyse, wavelet_synthesise

ALLOWED, HELD = 40, 35
"""How far from its symbol a coefficient may be, and how far it is put that is farther, in 1/100 of a step."""
ROUNDING = 2
"""What the wavelet there and back moves a coefficient by, in its unit."""
ROUNDED = 4
"""What rounding to samples of 8 bits moves one of LL by, hardly ever more: less than that from the end of a bin is none
put."""
REACH = 256
"""Pixels around those that are wanted on which they depend, through five levels there and back."""
UNIT = 1 << STAGES
"""Pixels after which the grid of the coarsest level repeats."""
LIMIT = 8191
"""Of a sample of a plane, either way."""

T = TypeVar("T", np.int16, np.int32)
Mask = NDArray[np.bool_]
Change = NDArray[np.int16] | NDArray[np.int32]


def project(planes: list[Plane], layout: Layout, step_q8: int, evidence: Evidence, wanted: Window) -> None:
    """Brings the planes of a tile, int16 of -8160 to 8160 with 5 fraction bits, back to what was sent; in place.

    `step_q8`: the quantiser's step, in 8-bit samples with 8 fraction bits. `evidence`: of codec `apercu`, the
    coefficients that were decoded of each plane. `wanted`: the pixels of the tile that must be right. It writes these
    and the chroma around them, from what the planes are in `seen`, and takes memory for that alone. Alpha stays as it
    is. Raises OptionError for planes of another kind.
    """
    place, written = seen(layout, wanted), grown(wanted, CHROMA_REACH, layout.height, layout.width)
    has_colours = layout.interpretation in ("rgb", "rgba")
    for group in [[0, 1, 2]] if has_colours else [[index] for index in range(len(planes))]:
        of_group = [layout.planes[index] for index in group]
        samples = [_samples(place, 1 + of.chroma) for of in of_group]
        parts = [
            planes[index][: of.height, : of.width][where]
            for index, of, where in zip(group, of_group, samples, strict=True)
        ]
        for index, of, part, shown in zip(group, of_group, parts, _shown(parts, layout.wide), strict=True):
            scale = 1 + of.chroma
            change = _change(shown, of, (place.top // scale, place.left // scale), evidence[index], step_q8)
            if change is not None:
                inner = _samples(relative(written, place), scale)
                part[inner] = np.clip(part[inner] + change[inner], -LIMIT, LIMIT)


def seen(layout: Layout, wanted: Window) -> Window:
    """The pixels of a tile whose planes must be right before `project` for those `wanted` to be right after it."""
    return grown(wanted, REACH, layout.height, layout.width, UNIT)


def _samples(window: Window, scale: int) -> tuple[slice, slice]:
    """Rows and columns of a plane at 1 / scale of the size that hold the pixels of a window."""
    top, left, height, width = window
    return (
        slice(top // scale, n_blocks(top + height, scale)),
        slice(left // scale, n_blocks(left + width, scale)),
    )


def _shown(planes: list[Plane], wide: bool) -> list[Plane]:
    """What a plane, or luma and chroma, are when they come back from samples of 8 bits, or of 16."""
    kind = "rgb" if len(planes) > 1 else "grey"
    image = np.empty((*planes[0].shape, 3 if kind == "rgb" else 1), np.uint16 if wide else np.uint8)
    levels = [Levels(0, MAX_LEVEL_CODE)] * wide
    from_planes([np.ascontiguousarray(plane) for plane in planes], kind, levels, image)
    back = to_planes(image, kind, levels)
    return [
        np.ascontiguousarray(plane[: was.shape[0], : was.shape[1]]) for plane, was in zip(back, planes, strict=True)
    ]


def _change(shown: Plane, of: PlaneLayout, corner: tuple[int, int], known: Bands, step_q8: int) -> Change | None:
    """What is to be added to a part of a plane that begins in `corner`; None for nothing."""
    height, width, levels = *shown.shape, STAGES - of.chroma
    bands: Bands = np.empty(shown.size, np.int16)
    wavelet_analyse(shown, height, width, levels, of.centre, bands)
    moved = _hold(bands, (height, width), of, corner, known, step_q8)
    if not moved:
        return None
    change = np.empty_like(shown)
    wavelet_synthesise(bands, change, levels, of.centre)
    change -= shown
    change *= _reached(moved, height, width, levels)  # elsewhere it differs by rounding alone
    return _sharpened(change) if of.chroma else change


def _hold(
    bands: Bands, shape: tuple[int, int], of: PlaneLayout, corner: tuple[int, int], known: Bands, step_q8: int
) -> dict[int, list[Mask]]:
    """Puts the coefficients of a part of a plane into their bins, in place; returns by level which were outside."""
    levels = STAGES - of.chroma
    sent_at = places_with_low(known, of.height, of.width, levels)
    moved: dict[int, list[Mask]] = {}
    for (level, orientation), (start, height, width) in places_with_low(bands, *shape, levels).items():
        if (level, orientation) not in sent_at:
            continue
        first, down, across = sent_at[level, orientation]
        top, left = (side >> level for side in corner)
        sent = known[first : first + down * across].reshape(down, across)[top : top + height, left : left + width]
        found = bands[start : start + height * width].reshape(height, width)
        step_q6 = band_step_q6(step_q8, of.chroma, level, orientation)
        allowed = max(ALLOWED * step_q6 // 6400, ROUNDING)
        most = max(min(HELD * step_q6 // 6400, step_q6 // 128 - ROUNDED), 0)
        off = np.subtract(found, sent, dtype=np.int32)
        outside = np.abs(off) > allowed
        if outside.any():
            found[outside] = sent[outside] + np.clip(off[outside], -most, most)
            moved.setdefault(level, []).append(outside)
    return moved


def _reached(moved: dict[int, list[Mask]], height: int, width: int, levels: int) -> Mask:
    """The samples on which coefficients have an effect in the synthesis, or a few more."""
    reached = np.zeros((n_blocks(height, 1 << levels), n_blocks(width, 1 << levels)), np.bool_)
    for level in range(levels, 0, -1):
        for mask in moved.get(level, ()):
            reached[: mask.shape[0], : mask.shape[1]] |= mask
        for _ in range(2):  # lifting reaches four samples to each side, which are two of a level's
            for lines in (reached, reached.T):
                pairs = lines[:-1] | lines[1:]
                lines[:-1] |= pairs
                lines[1:] |= pairs
        finer = n_blocks(height, 1 << level - 1), n_blocks(width, 1 << level - 1)
        reached = reached.repeat(2, 0).repeat(2, 1)[: finer[0], : finer[1]]
    return reached


def _sharpened(difference: Plane) -> NDArray[np.int32]:
    """The change of chroma that comes back from full size as this difference: the inverse of a filter of 1/8, 6/8 and
    1/8 each way, but for 2 %; exact for frequencies of 0, 1/4 and 1/2."""
    change = difference.astype(np.int32)
    for _ in range(2):
        change = (change - (_bent(change, 1) + 2 >> 2) + (5 * _bent(change, 2) + 64 >> 7)).T
    return change


def _bent(values: NDArray[T], far: int) -> NDArray[T]:
    """The sum of the samples so far above and below, less twice that between; the edge mirrored."""
    padded = np.pad(values, ((far, far), (0, 0)), mode="symmetric")
    bent: NDArray[T] = padded[: -2 * far] - 2 * values + padded[2 * far :]
    return bent
