"""LL of an alpha plane, chosen so that what is wholly opaque or wholly clear comes back as such.

A step of LL is several levels of alpha wide: rounded to the nearest multiple, an opaque image comes back translucent. A
multiple beyond the end of the range costs no more, and the decoder's clamp makes the end of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apercu.format.container import Header
from apercu.stages.bands import STAGES, low_step_q6
from apercu.stages.colour import FULL, Plane, Samples, ends
from apercu.stages.fill import ALPHA

BEYOND = 2064, 2040
"""How much larger coefficients of an end of the range have to be for every sample to pass it, in spite of rounding."""
MOSTLY = 48
"""Of 64 samples around one of LL's, more than so many at an end of the range make it one of that end."""
_EVERY = 4
"""One sample in so many is looked at, in either direction."""


@dataclass(frozen=True)
class AlphaEnds:
    """What LL of an alpha plane belongs to."""

    upper: NDArray[np.bool_]
    """(m,), which samples of LL belong to the upper end of the range."""
    lower: NDArray[np.bool_]
    """(m,), which to the lower."""
    flat: bool
    """Whether the plane is the same all over."""


def find(tile: Samples, header: Header, plane: Plane) -> AlphaEnds:
    """What `settle` needs, of a tile (H, W, 4) and its alpha plane."""
    height, width = tile.shape[:2]
    if (value := value_of_all(tile, header, plane)) is not None:
        shape = (-(-height >> STAGES)) * (-(-width >> STAGES))
        return AlphaEnds(np.full(shape, value == FULL), np.full(shape, value == 0), True)
    own = plane[:height, :width]
    return AlphaEnds(_share(own == FULL) > MOSTLY, _share(own == 0) > MOSTLY, False)


def value_of_all(tile: Samples, header: Header, plane: Plane) -> int | None:
    """What all samples of the alpha plane of a tile (H, W, 4) are, 0 to 8160; None where they differ.

    It is an end of the range where that comes back as just what alpha is.
    """
    own, value = plane[: tile.shape[0], : tile.shape[1]], int(plane[0, 0])
    if (own != value).any():
        return None
    low, high = ends(header.interpretation, header.n_bands, header.levels)[ALPHA]
    sample = int(tile[0, 0, ALPHA])
    return 0 if sample == low else FULL if sample == high else value


def settle(alpha: AlphaEnds, step_q8: int, coefficients: NDArray[np.int16]) -> None:
    """Makes multiples of the step of LL's coefficients: at an end of the range the next beyond, of a plane that is the
    same all over else the nearest. Such a plane loses its detail."""
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
    """Of 64 samples of a plane (H, W) around each of LL's, how many are at an end of the range."""
    cell = (1 << STAGES) // _EVERY
    some = at_end[::_EVERY, ::_EVERY]
    down, across = (-(-n >> STAGES) for n in at_end.shape)
    around = np.pad(some, ((cell // 2, cell), (cell // 2, cell)), mode="edge")[: down * cell, : across * cell]
    counts: NDArray[np.int64] = around.reshape(down, cell, across, cell).sum(axis=(1, 3)).ravel()
    return counts
