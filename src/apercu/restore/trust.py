"""How far the correction of restore="cnn" is trusted, block by block: a factor from 0 to 1.

The network was trained on photographs at steps of 22 and more. What it adds is right on average there and can be wrong
elsewhere: below those steps, where nothing but a slope was coded, in drawings and noise, and in chroma that is as rich
as luma. The symbols tell where that is. Everything is fitted on training images and on drawn ones.
"""

import math

import numpy as np
from numpy.typing import NDArray

from apercu.stages.bands import STAGES
from apercu.stages.blocks import BLOCK, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.wavelet import Bands, band_places

STEPS = 13, 22
"""Steps between which trust grows from nothing to all, in the logarithm."""
LIVELY = 0.01, 0.03
"""Share of blocks around, within REACH, that have a symbol in the three finest levels. Below it all is a slope."""
LIVELY_COARSE, COARSE_STEPS = (0.05, 0.15), (128, 256)
"""The same of level 4, which serves instead at steps so coarse that photographs have little else."""
BUSY = 25, 80
"""Symbols of level 1 in a block and its neighbours, of 432. Above it are drawings and noise."""
RICH = 0.5, 1.5
"""Symbols of chroma to those of luma, by area in their own samples. Above it chroma is no photograph's."""
REACH = 8
"""Blocks to each side."""

Factors = NDArray[np.float32]
"""A number for each 8×8 samples of luma, or 4×4 of chroma."""


def trust(planes: list[Plane], bands: list[Bands], step_q8: int) -> list[Factors]:
    """Factors for a plane, or for luma and the two of chroma at half size that go with it.

    `bands`: the decoded coefficients of each, as `wavelet_analyse` orders them; `step_q8`: the quantiser's step.
    """
    luma, *pair = planes
    step = step_q8 / 256
    by_level = _symbols(bands[0], luma, STAGES)
    n_fine = by_level[1] + by_level[2] + by_level[3]
    lively = _ramp(_mean(n_fine > 0, REACH), *LIVELY)
    coarse = _log_ramp(step, *COARSE_STEPS) * _ramp(_mean(by_level[4] > 0, REACH), *LIVELY_COARSE)
    busy = 9 * _mean(by_level[1], 1)
    factors = _log_ramp(step, *STEPS) * np.maximum(lively, coarse) * (1 - _ramp(busy, *BUSY))
    found = [factors.astype(np.float32)]
    n_luma = _mean(n_fine, REACH)
    for plane, its_bands in zip(pair, bands[1:], strict=True):
        of_chroma = _symbols(its_bands, plane, STAGES - 1)
        n_chroma = _mean(of_chroma[1] + of_chroma[2] + of_chroma[3], REACH // 2)
        n_chroma = n_chroma.repeat(2, 0).repeat(2, 1)[: factors.shape[0], : factors.shape[1]]
        found.append((factors * (1 - _ramp(n_chroma / (n_luma + 0.05), *RICH))).astype(np.float32))
    return found


def _symbols(bands: Bands, plane: Plane, levels: int) -> dict[int, NDArray[np.int64]]:
    """By level 1 to 4: how many coefficients are not zero, for each 8×8 samples; of level 4, whether its 16×16 have."""
    height, width = plane.shape
    shape = n_blocks(height), n_blocks(width)
    found = {level: np.zeros(shape, np.int64) for level in range(1, 5)}
    for (level, _), (start, rows, columns) in band_places(height, width, levels).items():
        if level > 4 or not rows * columns:
            continue
        has = bands[start : start + rows * columns].reshape(rows, columns) != 0
        if level == 4:
            counts = has.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]].astype(np.int64)
        else:
            side = BLOCK >> level
            down, across = np.arange(0, rows, side), np.arange(0, columns, side)
            counts = np.add.reduceat(np.add.reduceat(has, down, 0, np.int64), across, 1)
        found[level][: counts.shape[0], : counts.shape[1]] += counts
    return found


def _mean(values: NDArray[np.int64] | NDArray[np.bool_], reach: int) -> NDArray[np.float64]:
    """Of the square of blocks around each, `reach` to each side; the edge is repeated. Sums are of integers: exact."""
    side = 2 * reach + 1
    sums = np.pad(np.pad(values.astype(np.int64), reach, mode="edge"), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    mean: NDArray[np.float64] = inside / side**2
    return mean


def _ramp(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """0 up to `low`, 1 from `high` on, a straight line between."""
    return np.clip((values - low) / (high - low), 0, 1)


def _log_ramp(step: float, low: float, high: float) -> float:
    return min(max(math.log2(step / low) / math.log2(high / low), 0.0), 1.0)
