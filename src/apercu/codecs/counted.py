"""The error, the number and the range of the samples that count (see `apercu.stages.fill`)."""

import math
from collections.abc import Iterator

import numpy as np

from apercu.stages.colour import Levels, Samples
from apercu.stages.fill import Mask, hidden
from apercu.stages.levels import bulk_levels, full_levels

_ROWS = 64  # at a time, where a wider type is needed: memory stays small


def squared_error(samples: Samples, mask: Mask | None, interpretation: str, decoded: Samples) -> int:
    """The squared error of `decoded` (H, W, B), summed over all samples that count."""
    total = 0
    for rows, out in _hidden(samples, mask, interpretation):
        difference = samples[rows].astype(np.int64) - decoded[rows]
        if out is not None:
            difference[out] = 0
        total += int(np.vdot(difference, difference))
    return total


def n_counted(samples: Samples, mask: Mask | None, interpretation: str) -> int:
    """How many samples of an image (H, W, B) count."""
    found = (out for _, out in _hidden(samples, mask, interpretation))
    return samples.size - sum(int(np.count_nonzero(out)) for out in found if out is not None)


def levels_for(samples: Samples, mask: Mask | None, interpretation: str, psnr: float | None) -> tuple[Levels, ...]:
    """Levels of a uint16 image (H, W, B): the range without outliers, or the full range if the error of the outliers
    would be more than half the error that the target PSNR allows."""
    found, lost = bulk_levels(samples, interpretation, mask)
    if psnr is not None and lost:
        best = 10 * math.log10(65535**2 * n_counted(samples, mask, interpretation) / (2 * lost))
        if best < psnr:
            found = full_levels(samples, interpretation, mask)
    return tuple(found)


def _hidden(samples: Samples, mask: Mask | None, interpretation: str) -> Iterator[tuple[slice, Mask | None]]:
    for top in range(0, len(samples), _ROWS):
        rows = slice(top, top + _ROWS)
        yield rows, hidden(samples[rows], interpretation, None if mask is None else mask[rows])
