"""Samples that are missing, from those beside the gap: a membrane over it, each sample the mean of its four neighbours.

It is the most likely picture where the spectrum falls with the square of the frequency, as that of photographs does.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.stages.arguments import check_mask, check_samples
from apercu.stages.colour import Samples

_FRACTION_BITS = 8
_STEPS = 16
"""Of relaxation at each size. On training photographs 64 gain 0.02 to 0.2 dB in the gap, in four times as long."""
_AT_ONCE = 1 << 20
"""Samples that are worked on at a time."""

Fixed = NDArray[np.int32]
Places = NDArray[np.bool_]


def stretched(samples: Samples, missing: Places) -> Samples:
    """Samples (h, w, B), those at `missing` (h, w) places replaced; integers only, so the same everywhere.

    Where none is there, they are 0. Raises OptionError for arrays of another kind.
    """
    check_samples("samples", samples)
    check_mask("missing", missing, samples.shape[:2])
    out = samples.copy()
    n_bands = max(_AT_ONCE // missing.size, 1)
    for first in range(0, samples.shape[2], n_bands):
        bands = slice(first, first + n_bands)
        values = np.moveaxis(samples[:, :, bands], 2, 0).astype(np.int32) << _FRACTION_BITS
        found = _solved(values, missing) + (1 << _FRACTION_BITS - 1) >> _FRACTION_BITS
        out[missing, bands] = found[:, missing].T
    return out


def _solved(values: Fixed, missing: Places) -> Fixed:
    """Values (B, h, w), those missing found: first at half the size, then relaxed."""
    if not missing.any():
        return values
    if max(missing.shape) > 1:
        coarse = _solved(*_halved(values, missing))
        height, width = missing.shape
        values = np.where(missing, coarse.repeat(2, 1).repeat(2, 2)[:, :height, :width], values)
    else:
        values = np.where(missing, np.int32(0), values)
    beside = np.empty((len(values), values.shape[1] + 2, values.shape[2] + 2), np.int32)
    inside = beside[:, 1:-1, 1:-1]
    inside[:] = values
    for _ in range(_STEPS):
        beside[:, 0], beside[:, -1] = beside[:, 1], beside[:, -2]
        beside[:, :, 0], beside[:, :, -1] = beside[:, :, 1], beside[:, :, -2]
        sums = beside[:, 2:, 1:-1] + beside[:, :-2, 1:-1] + beside[:, 1:-1, 2:] + beside[:, 1:-1, :-2]
        np.copyto(inside, sums + 2 >> 2, where=missing)
    return inside


def _halved(values: Fixed, missing: Places) -> tuple[Fixed, Places]:
    """Means of two by two values, of those that are there; missing where none is."""
    there = _sums_of_four(~missing[np.newaxis])
    means = _sums_of_four(np.where(missing, np.int32(0), values)) // np.maximum(there, 1)
    return means, there[0] == 0


def _sums_of_four(values: NDArray[Any]) -> Fixed:
    _, height, width = values.shape
    padded = np.zeros((len(values), height + height % 2, width + width % 2), np.int32)
    padded[:, :height, :width] = values
    rows = padded[:, ::2] + padded[:, 1::2]
    sums: Fixed = rows[:, :, ::2] + rows[:, :, 1::2]
    return sums
