"""Generated planes, held to what was sent: each wavelet coefficient comes back into the bin of its symbol.

The planes are analysed by the codec's own wavelet. Where a coefficient is farther from the value of its symbol than
HELD of a step, it is put to that distance; zeros are symbols like others, and so are those of LL. What changes is
synthesised and added. Samples that no such coefficient reaches stay as they are, to the bit. Stages that were not
decoded have no symbols: there everything is allowed.

HELD is below the half step at which a symbol becomes another one, since the picture is rounded to 8 bits afterwards,
and its colours are clipped. A wider bin for what an encoder rounds down (from about 0.6 of a step up) would contradict
the file, and brings no texture that could be measured.

Colours are seen after chroma was brought to full size, which takes detail away from it. So chroma is analysed as it
would come back at half size, 1/8, 6/8 and 1/8 of three samples each way, and what changes is sharpened by the inverse.

At its border a tile is treated as inside. The encoder fits coefficients there to its step (`wavelet_analyse`), so that
those of the original lie outside of the bins more often. What networks make of the decoded planes does not.

Everything is in integers. The wavelet takes 2 products for a sample, a level and a direction, and one for each sample
of LL: 5.7 a sample there, and as many back. Chroma takes 2 more. So a plane costs 11.3 products a sample, and RGB with
chroma at half size 18 a pixel. The rest is sums and shifts.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.stages.bands import STAGES, band_step_q6
from apercu.stages.blocks import Window, n_blocks, relative
from apercu.stages.colour import Plane
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout, PlaneLayout
from apercu.stages.wavelet import Bands, places_with_low, wavelet_analyse, wavelet_synthesise

ALLOWED, HELD = 40, 35
"""How far from its symbol a coefficient may be, and how far it is put that is farther, in 1/100 of a step."""
ROUNDING = 2
"""What the wavelet there and back moves a coefficient by, in its unit."""
REACH = 256
"""Pixels around those that are wanted on which they depend, through five levels there and back."""
UNIT = 1 << STAGES
"""Pixels after which the grid of the coarsest level repeats."""
CHROMA_REACH = 2
"""The colour of a pixel depends on chroma samples up to this many pixels away."""
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
    place, written = seen(layout, wanted), _grown(layout, wanted, CHROMA_REACH, 1)
    for index, (plane, of, known) in enumerate(zip(planes, layout.planes, evidence, strict=True)):
        if layout.interpretation == "rgba" and index == ALPHA:
            continue
        scale = 1 + of.chroma
        samples = _samples(place, scale)
        part = plane[: of.height, : of.width][samples]
        change = _change(part, of, (samples[0].start, samples[1].start), known, step_q8)
        if change is not None:
            inner = _samples(relative(written, place), scale)
            part[inner] = np.clip(part[inner] + change[inner], -LIMIT, LIMIT)


def seen(layout: Layout, wanted: Window) -> Window:
    """The pixels of a tile whose planes must be right before `project` for those `wanted` to be right after it."""
    return _grown(layout, wanted, REACH, UNIT)


def _grown(layout: Layout, window: Window, margin: int, unit: int) -> Window:
    """With a margin, and further to multiples of `unit`, as far as the tile goes."""
    top, left = (max(start - margin, 0) // unit * unit for start in (window.top, window.left))
    bottom, right = window.top + window.height + margin, window.left + window.width + margin
    height, width = n_blocks(bottom, unit) * unit - top, n_blocks(right, unit) * unit - left
    return Window(top, left, min(height, layout.height - top), min(width, layout.width - left))


def _samples(window: Window, scale: int) -> tuple[slice, slice]:
    """Rows and columns of a plane at 1 / scale of the size that hold the pixels of a window."""
    top, left, height, width = window
    return (
        slice(top // scale, n_blocks(top + height, scale)),
        slice(left // scale, n_blocks(left + width, scale)),
    )


def _change(plane: Plane, of: PlaneLayout, corner: tuple[int, int], known: Bands, step_q8: int) -> Change | None:
    """What is to be added to a part of a plane that begins in `corner`; None for nothing."""
    plane = _returned(plane) if of.chroma else np.ascontiguousarray(plane)
    height, width, levels = *plane.shape, STAGES - of.chroma
    bands: Bands = np.empty(plane.size, np.int16)
    wavelet_analyse(plane, height, width, levels, of.centre, bands)
    moved = _hold(bands, (height, width), of, corner, known, step_q8)
    if not moved:
        return None
    made = np.empty_like(plane)
    wavelet_synthesise(bands, made, levels, of.centre)
    made -= plane
    made *= _reached(moved, height, width, levels)  # elsewhere it differs by rounding alone
    return _sharpened(made) if of.chroma else made


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
        most = min(HELD * step_q6 // 6400, allowed - ROUNDING)
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


def _returned(plane: Plane) -> Plane:
    """Chroma as it is at half size again after it was brought to full size (spec/FORMAT.md, "Planes")."""
    for _ in range(2):
        plane = (plane + (_bent(plane, 1) + 4 >> 3)).T
    return np.ascontiguousarray(plane)


def _sharpened(difference: Plane) -> NDArray[np.int32]:
    """The inverse of a difference, but for 2 % of it: exact for frequencies of 0, 1/4 and 1/2."""
    change = difference.astype(np.int32)
    for _ in range(2):
        change = (change - (_bent(change, 1) + 2 >> 2) + (5 * _bent(change, 2) + 64 >> 7)).T
    return change


def _bent(values: NDArray[T], far: int) -> NDArray[T]:
    """The sum of the samples so far above and below, less twice that between; the edge mirrored."""
    padded = np.pad(values, ((far, far), (0, 0)), mode="symmetric")
    bent: NDArray[T] = padded[: -2 * far] - 2 * values + padded[2 * far :]
    return bent
