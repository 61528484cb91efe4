"""How surely a picture has letters or lines around each block: what generative restorers must add nothing to.

Letters are all strokes: their contrast is in the finest levels, while that of photographs is the greater the coarser
the level. So there are many symbols of fine levels for so little deviation. And there is less of the letters than of
the ground that they stand on, so that samples are skewed; those of grass, which is all strokes as well, are not. The
numbers are fitted to training photographs at 0.04 to 0.14 bits a pixel, of whose texture 98 % is kept, and to pages
of letters 10 to 48 pixels high: up to 24 they are left alone, and larger ones the more the coarser the step is
(`scripts/measure_strokes.py`).
"""

import numpy as np
from numpy.typing import NDArray

from apercu.restore.trust import Factors, mean_around, ramp, symbols
from apercu.stages.bands import STAGES
from apercu.stages.blocks import BLOCK, n_blocks
from apercu.stages.colour import FULL, Plane
from apercu.stages.wavelet import Bands

REACH = 6
"""Blocks to each side."""
LEVELS = 1, 2, 3
POWER = 2.35
"""The number of symbols times this power of the step is about the square of the deviation that they stand for."""
LITTLE = 1.0
"""What is added to the deviation, in 8-bit samples."""
FEWEST = 1e-4
"""Symbols in a block that are counted where there are none."""
SURE = 6.86, 7.20
"""Binary logarithms of the ratio of that square to that of the deviation there is: from 0, no letters, to 1."""
SKEWED = 0.45, 0.6
"""Skewness of samples, either way: from 0, no letters, to 1."""


def strokes(luma: Plane, bands: Bands, step_q8: int) -> Factors:
    """(down, across), 0 to 1, a number for each 8×8 samples of a plane as it was decoded.

    `bands`: its decoded coefficients, where the finest may be missing; `step_q8`: the quantiser's step.
    """
    levels, _ = symbols(bands, luma, STAGES)
    fine = mean_around(np.sum([levels[level] for level in LEVELS], 0), REACH)
    values = luma.astype(np.int64) - FULL // 2
    mean, square, cube = (mean_around(_sums(values**n), REACH) / (BLOCK**2 * 32.0**n) for n in (1, 2, 3))
    variance = np.maximum(square - mean**2, 0)
    ratio = np.log2(np.maximum(fine, FEWEST)) + POWER * np.log2(step_q8 / 256) - 2 * np.log2(np.sqrt(variance) + LITTLE)
    skewness = np.abs(cube - 3 * mean * square + 2 * mean**3) / (variance + LITTLE) ** 1.5
    return ramp(ratio, *SURE) * ramp(skewness, *SKEWED)


def _sums(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each 8×8 samples; the edge is repeated."""
    down, across = (n_blocks(side) for side in values.shape)
    margins = ((0, down * BLOCK - values.shape[0]), (0, across * BLOCK - values.shape[1]))
    blocks = np.pad(values, margins, mode="edge").reshape(down, BLOCK, across, BLOCK)
    sums: NDArray[np.int64] = blocks.sum((1, 3), np.int64)
    return sums
