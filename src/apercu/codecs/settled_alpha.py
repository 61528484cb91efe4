"""LL of an alpha plane, chosen so that fully opaque or fully clear areas come back exactly so.

One step of LL is several levels of alpha: rounded to the nearest multiple, an opaque image would come back translucent.
A multiple beyond the end of the range takes no more bits, and the decoder clamps it to the end of the range.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apercu.stages.bands import STAGES, low_step_q6
from apercu.stages.colour import FULL, Plane
from apercu.stages.layout import Layout

BEYOND = 2064, 2040
"""The ratio by which coefficients at an end of the range are enlarged so that every sample passes it, despite
rounding."""
MOSTLY = 48
"""A sample of LL belongs to an end of the range if more than this many of the 64 samples around it are at that end."""
_EVERY = 4
"""One sample in this many is examined, in either direction."""


@dataclass(frozen=True)
class AlphaEnds:
    """Which samples of LL of an alpha plane belong to an end of the range."""

    upper: NDArray[np.bool_]
    """(m,), True for samples of LL at the upper end."""
    lower: NDArray[np.bool_]
    """(m,), True for those at the lower end."""
    flat: bool
    """Whether the plane is the same all over."""


def find(plane: Plane, layout: Layout) -> AlphaEnds:
    """What `settle` needs to know of the alpha plane of a tile."""
    height, width = layout.height, layout.width
    if layout.alpha is not None:
        shape = (-(-height >> STAGES)) * (-(-width >> STAGES))
        return AlphaEnds(np.full(shape, layout.alpha == FULL), np.full(shape, layout.alpha == 0), True)
    own = plane[:height, :width]
    return AlphaEnds(_share(own == FULL) > MOSTLY, _share(own == 0) > MOSTLY, False)


def settle(alpha: AlphaEnds, step_q8: int, coefficients: NDArray[np.int16]) -> None:
    """Replaces LL's coefficients by multiples of the step: at an end of the range by the next beyond it, elsewhere, if
    the plane is the same all over, by the nearest. The other bands of such a plane become 0."""
    n_low, step_q6 = alpha.upper.size, low_step_q6(step_q8)
    low = coefficients[:n_low].astype(np.int64)
    if alpha.flat:
        coefficients[n_low:] = 0
    size = np.abs(low) << 6
    beyond = -(-size * BEYOND[0] // (BEYOND[1] * step_q6))
    near = (size + step_q6 // 2) // step_q6
    is_end = np.where(low > 0, alpha.upper, alpha.lower)
    sized = np.where(is_end, beyond, near) * step_q6 + 32 >> 6
    coefficients[:n_low] = np.where(is_end | alpha.flat, np.sign(low) * np.minimum(sized, 32767), low)


def _share(at_end: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each sample of LL, how many of the 64 samples around it in the plane (H, W) are at an end of the range."""
    cell = (1 << STAGES) // _EVERY
    some = at_end[::_EVERY, ::_EVERY]
    down, across = (-(-n >> STAGES) for n in at_end.shape)
    around = np.pad(some, ((cell // 2, cell), (cell // 2, cell)), mode="edge")[: down * cell, : across * cell]
    counts: NDArray[np.int64] = around.reshape(down, cell, across, cell).sum(axis=(1, 3)).ravel()
    return counts
