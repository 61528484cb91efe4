"""How much of the residual that restore="cnn" predicts is added, block by block: a factor from 0 to 1.

The network was trained on photographs at steps of 22 and more. There its residual is right on average. It can be wrong
at finer steps, where only a slope was coded, in drawings, noise and waves of one period, and where chroma has as much
detail as luma. The symbols show where that is. All numbers here are fitted to training images and to drawn ones
(`scripts/measure_trust.py` prints the table).
"""

import math

import numpy as np
from numpy.typing import NDArray

from apercu.stages.bands import STAGES
from apercu.stages.blocks import BLOCK, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.wavelet import Bands, known_places

STEPS = 16, 20
"""The factor rises from 0 to 1 between these steps, linearly in the logarithm of the step."""
LIVELY = {2: ((0.01, 0.035), None), 3: ((0.005, 0.02), (50, 100)), 4: ((0.05, 0.15), (181, 362))}
"""For each level: the share of the blocks within REACH that have a symbol other than 0 in it (for level 2: or in level
1), and the steps between which this criterion is phased in. Photographs have edges, and edges have symbols in the finer
of these levels. Where there are none, the image is a slope."""
STEEP, HOLLOW, FEW = (0.03, 0.09), (1.3, 2.0), 0.02
"""The ratio of this share to that of the next coarser level, to which FEW is added. Below STEEP there are no edges, and
level 3 is ignored. Above HOLLOW the factor is 0: the image has points, print or a pattern of one period."""
BUSY, DIAGONAL = (34, 80), 4
"""The number of symbols other than 0 of level 1 in a block and its neighbours, out of 432; each in HH counts DIAGONAL
times. Drawings and noise have more, since they have many diagonals."""
RICH, LITTLE = (1.0, 2.5), 0.05
"""The number of chroma symbols for an area relative to that of luma, to which LITTLE is added. Photographs have
less."""
PEAK, PEAK_STEP, PEAK_FLOOR, WAVES = 0.01, 68, 0.35, ((1.15, 1.4), (190, 290))
"""Waves of one period, such as ripples and blinds, have their energy in one level. In photographs the energy changes
little from one level to the next. Energy is the mean square of the coefficients in steps, with PEAK added; the ratio is
that of levels 3 and 4 to the next finer level. `_drawn` has its usual value, which falls with the step. WAVES: how many
times as far above 1 the ratio must be, and the steps between which too few symbols are left to decide."""
LOUD = (85, 110), (33, 45)
"""Drawings and chequers in black and white have a larger mean square of the coefficients of level 2, in 8-bit samples.
The steps between which this criterion is phased out."""
REACH, NEAR = 16, 8
"""Distances in blocks, to each side."""
LEAST_SIDE = 32
"""In smaller planes there are too few symbols to decide."""
SMALL_SIDE, SMALL_STEPS = 56, (34, 68)
"""Of placeholders whose shorter side is below this, the factor rises from 0 to 1 at least between these steps, linearly
in the logarithm of the step. Photographs have coarser ones; what is smooth or simple has finer ones."""

Factors = NDArray[np.float32]
"""A number for each 8×8 samples of luma, or 4×4 of chroma."""
Counts = NDArray[np.int16]


def trust(planes: list[Plane], bands: list[Bands], step_q8: int) -> list[Factors]:
    """Factors for a plane, or for luma and the two of chroma at half size that go with it.

    `bands`: the decoded coefficients of each, as `wavelet_analyse` orders them, where the finest may be missing;
    `step_q8`: the quantiser's step.
    """
    luma, *pair = planes
    step = step_q8 / 256
    if step <= STEPS[0] or min(luma.shape) < LEAST_SIDE:
        return [np.zeros((n_blocks(luma.shape[0]), n_blocks(luma.shape[1])), np.float32) for _ in planes]
    levels, diagonal = symbols(bands[0], luma, STAGES)
    share = {
        2: mean_around(levels[1] + levels[2] > 0, REACH),
        3: mean_around(levels[3] > 0, REACH),
        4: mean_around(levels[4] > 0, REACH),
    }
    fall = {level: share[level] / (share[level + 1] + FEW) for level in (2, 3)}
    by_level = {level: ramp(share[level], *shares) for level, (shares, _) in LIVELY.items()}
    by_level[3] *= ramp(fall[3], *STEEP)
    counts = {level: log_ramp(step, *steps) if steps else 1.0 for level, (_, steps) in LIVELY.items()}
    lively = np.max([counts[level] * by_level[level] for level in LIVELY], axis=0)
    hollow = ramp(np.maximum(fall[2], fall[3]), *HOLLOW)
    busy = ramp(9 * mean_around(levels[1] + (DIAGONAL - 1) * diagonal, 1), *BUSY)
    factors = log_ramp(step, *STEPS) * lively * (1 - hollow) * (1 - busy) * (1 - _drawn(bands[0], luma, step))
    found = [factors]
    n_luma = mean_around(levels[1] + levels[2] + levels[3], NEAR) + LITTLE
    for plane, its_bands in zip(pair, bands[1:], strict=True):
        levels, _ = symbols(its_bands, plane, STAGES - 1)
        n_chroma = mean_around(levels[1] + levels[2] + levels[3], NEAR // 2).repeat(2, 0).repeat(2, 1)
        rich = ramp(n_chroma[: factors.shape[0], : factors.shape[1]] / n_luma, *RICH)
        found.append(factors * (1 - rich))
    return found


def trust_of_placeholder(planes: list[Plane], bands: list[Bands], step_q8: int) -> list[Factors]:
    """The same for placeholders, most of which have few samples."""
    factors = trust(planes, bands, step_q8)
    if min(planes[0].shape) >= SMALL_SIDE:
        return factors
    return [np.maximum(of, np.float32(log_ramp(step_q8 / 256, *SMALL_STEPS))) for of in factors]


def _drawn(bands: Bands, plane: Plane, step: float) -> Factors:
    """How surely there are waves of one period around each block, or drawings of hard contrast, 0 to 1."""
    squares = [mean_around(values, REACH) / 1024 for values in _squares(bands, plane)]  # of 5 fraction bits
    finest, *coarser = [values / step**2 + PEAK for values in squares]
    most = np.maximum(coarser[0] / finest, coarser[1] / coarser[0])
    least = 1 / (PEAK_FLOOR + (step / PEAK_STEP) ** 1.7)
    (usual, peaked), wave_steps = WAVES
    loud, loud_steps = LOUD
    waves = ramp(most, 1 + usual * least, 1 + peaked * least) * (1 - log_ramp(step, *wave_steps))
    drawn: Factors = np.maximum(waves, ramp(squares[0], *loud) * (1 - log_ramp(step, *loud_steps)))
    return drawn


def _squares(bands: Bands, plane: Plane) -> list[NDArray[np.int64]]:
    """Mean squares of the coefficients of levels 2 to 4 for each 8×8 samples, in whole numbers."""
    height, width = plane.shape
    found = [np.zeros((n_blocks(height), n_blocks(width)), np.int64) for _ in range(3)]
    for (level, _), (start, rows, columns) in known_places(bands, height, width, STAGES).items():
        if not 2 <= level <= 4:
            continue
        squares = bands[start : start + rows * columns].reshape(rows, columns).astype(np.int64) ** 2
        if level == 2:
            down, across = (np.arange(0, side, 2) for side in squares.shape)
            squares = np.add.reduceat(np.add.reduceat(squares, down, 0), across, 1) // 4
        elif level == 4:
            squares = squares.repeat(2, 0).repeat(2, 1)[: found[2].shape[0], : found[2].shape[1]]
        found[level - 2][: squares.shape[0], : squares.shape[1]] += squares
    return [values // 3 for values in found]


def symbols(bands: Bands, plane: Plane, levels: int) -> tuple[dict[int, Counts], Counts]:
    """By level 1 to 4, how many coefficients are not zero for each 8×8 samples, and how many of level 1 are in HH.

    Of level 4, whose coefficients stand for 16×16 samples, each counts in all four blocks.
    """
    height, width = plane.shape
    shape = n_blocks(height), n_blocks(width)
    found = {level: np.zeros(shape, np.int16) for level in range(1, 5)}
    diagonal = np.zeros(shape, np.int16)
    for (level, orientation), (start, rows, columns) in known_places(bands, height, width, levels).items():
        if level not in found:
            continue
        has = bands[start : start + rows * columns].reshape(rows, columns) != 0
        if level == 4:
            counts = has.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]
        else:
            down, across = (np.arange(0, side, BLOCK >> level) for side in has.shape)
            # Sums of at most 16, in bytes: nothing of the size of a plane in a wider type.
            counts = np.add.reduceat(np.add.reduceat(has.view(np.uint8), down, 0, np.uint8), across, 1, np.uint8)
        found[level][: counts.shape[0], : counts.shape[1]] += counts
        if (level, orientation) == (1, 2):
            diagonal[: counts.shape[0], : counts.shape[1]] = counts
    return found, diagonal


def mean_around(values: Counts | NDArray[np.int64] | NDArray[np.bool_], reach: int) -> Factors:
    """Of the blocks around each, `reach` to each side as far as there are any. Sums are of integers: exact."""
    sums = np.pad(values.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    (top, bottom), (left, right) = (
        (np.maximum(np.arange(n) - reach, 0), np.minimum(np.arange(n) + reach + 1, n)) for n in values.shape
    )
    inside = np.diff(sums[np.stack([top, bottom])], axis=0)[0]
    inside = inside[:, right] - inside[:, left]
    mean: Factors = (inside / np.multiply.outer(bottom - top, right - left)).astype(np.float32)
    return mean


def ramp(values: Factors | NDArray[np.float64], low: float, high: float) -> Factors:
    """0 up to `low`, 1 from `high` on, a straight line between."""
    ramp: Factors = np.clip((values - low) / (high - low), 0, 1)
    return ramp


def log_ramp(step: float, low: float, high: float) -> float:
    """The same of a step, a straight line in its logarithm."""
    return min(max(math.log2(step / low) / math.log2(high / low), 0.0), 1.0)
