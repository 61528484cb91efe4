"""How much of the residual that restore="cnn" predicts for a codec of 8×8 blocks is added, block by block: 0 to 1.

The network was trained on photographs at the steps where such codecs are used. At finer ones its residual can be larger
than the error that is left. Where nothing but one level was coded there is nothing to go by. Mosaics and chequers of
whole blocks may be exact as they are. The numbers are fitted to training images and to drawn ones
(`scripts/measure_trust.py` prints the table).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.restore.told import FIRST_SYMBOL
from apercu.restore.trust import Factors, log_ramp, mean_around, ramp
from apercu.stages.blocks import BLOCK, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence


class Limits(NamedTuple):
    """Of a codec: pairs of numbers, between which the factor goes from one end to the other.

    `steps`: from 0 to 1, linearly in the logarithm of the step. `few`: the same where hardly any block around has a
    symbol, as on slopes. `busy`: from 1 to 0, symbols in a block, the mean of those around; photographs have fewer than
    print and noise. `even`: from 0 to 1, their variance relative to their mean. In photographs symbols crowd at edges,
    in noise and clouds they are spread evenly.
    """

    steps: tuple[float, float]
    few: tuple[float, float]
    busy: tuple[float, float]
    even: tuple[float, float]


LIMITS = {
    "taha2025": Limits((5, 9), (5, 9), (7, 8), (0.15, 0.3)),
    "dct": Limits((24, 48), (113, 200), (8, 14), (0.9, 1.2)),
    "stacked_ae": Limits((8, 14), (30, 60), (12, 14), (0.3, 0.6)),
}
LIVELY = 0.01, 0.04
"""Share of the blocks around that have symbols, below which there are hardly any."""
JUMP, HARD = 1.0, (0.3, 0.6)
"""A block without symbols beside one whose mean is more than JUMP steps away is a sharp edge between two blocks. Few
edges of photographs lie there. HARD: the share of such blocks within REACH."""
ALTERNATING = 2.7, 3.0
"""The squares of second differences of the means of blocks, relative to those of first differences: 3 for noise, 4 for
chequers and stripes of whole blocks, less in photographs."""
REACH = 16
"""Blocks to each side."""
VARIED = 0.25, 0.4
"""Share of the blocks around that have symbols, or another mean than a neighbour. Elsewhere the plane is even."""
EVEN = 0.25
"""The most that means differ which are the same, in 8-bit samples."""
LEAST_SIDE = 32
"""In smaller planes there is too little to decide."""

Means = NDArray[np.float32]


def block_trust(codec: str, planes: list[Plane], evidence: Evidence, step_q8: int) -> list[Factors]:
    """Factors for a plane, or for luma and the two of chroma at half size that go with it."""
    luma, step = planes[0], step_q8 / 256
    shape = n_blocks(luma.shape[0]), n_blocks(luma.shape[1])
    limits = LIMITS[codec]
    if step <= limits.steps[0] or min(luma.shape) < LEAST_SIDE:
        return [np.zeros(shape, np.float32) for _ in planes]
    means = _means(luma)
    counts = np.count_nonzero(evidence[0][..., FIRST_SYMBOL[codec] :], axis=2)
    hard = mean_around((counts == 0) & (_largest_jump(means) > JUMP * step), REACH)
    factors = log_ramp(step, *limits.steps) * _natural(counts, limits, step)
    factors *= (1 - ramp(hard, *HARD)) * (1 - _alternating(means))
    found = []
    for index, (plane, symbols) in enumerate(zip(planes, evidence, strict=True)):
        varied = _varied(_means(plane), (symbols[..., FIRST_SYMBOL[codec] :] != 0).any(axis=2))
        trusted = varied * ramp(mean_around(varied, REACH), *VARIED)
        if index:
            trusted = trusted.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]
        found.append((factors * trusted).astype(np.float32))
    return found


def _natural(counts: NDArray[np.int64], limits: Limits, step: float) -> Factors:
    """How surely the symbols around each block are those of a photograph, 0 to 1; `counts`: of each block."""
    mean = mean_around(counts, REACH)
    spread = (mean_around(counts**2, REACH) - mean**2) / np.maximum(mean, 1e-6)
    lively = ramp(mean_around(counts > 0, REACH), *LIVELY)
    crowded = lively * ramp(spread, *limits.even) + (1 - lively) * log_ramp(step, *limits.few)
    natural: Factors = crowded * (1 - ramp(mean, *limits.busy))
    return natural


def _means(plane: Plane) -> Means:
    """Of each block, in 8-bit samples."""
    down, across = (np.arange(0, side, BLOCK) for side in plane.shape)
    sums = np.add.reduceat(np.add.reduceat(plane, down, 0, np.int32), across, 1)
    sizes = (np.diff(np.append(starts, side)) for starts, side in zip((down, across), plane.shape, strict=True))
    means: Means = (sums / (32 * np.multiply.outer(*sizes))).astype(np.float32)
    if plane.shape[0] % BLOCK:  # the part of a block that is there tells another mean
        means[-1] = means[-2]
    if plane.shape[1] % BLOCK:
        means[:, -1] = means[:, -2]
    return means


def _largest_jump(means: Means) -> Means:
    """Of each block: the difference to the one of its four neighbours that is the furthest from it."""
    found = np.zeros_like(means)
    for axis in (0, 1):
        jumps = np.abs(np.diff(means, axis=axis))
        before, after = np.moveaxis(found, axis, 0)[:-1], np.moveaxis(found, axis, 0)[1:]
        np.maximum(before, np.moveaxis(jumps, axis, 0), out=before)
        np.maximum(after, np.moveaxis(jumps, axis, 0), out=after)
    return found


def _alternating(means: Means) -> Factors:
    """How surely the means around each block go up and down from block to block, 0 to 1."""
    energies = []
    for order in (1, 2):
        squares = np.zeros(means.shape, np.int64)
        for axis in (0, 1):
            differences = np.rint(64 * np.diff(means, n=order, axis=axis) ** 2).astype(np.int64)
            squares[: differences.shape[0], : differences.shape[1]] += differences
        energies.append(mean_around(squares, REACH))
    return ramp(energies[1] / (energies[0] + 64), *ALTERNATING)


def _varied(means: Means, coded: NDArray[np.bool_] | np.bool_) -> NDArray[np.bool_]:
    """Which blocks differ from one around them, or have symbols, or one around them has."""
    height, width = means.shape
    around = np.pad(np.stack([means, -means, coded]), ((0, 0), (1, 1), (1, 1)), mode="edge")
    most = np.max([around[:, y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    varied: NDArray[np.bool_] = (most[0] + most[1] > EVEN) | (most[2] > 0)
    return varied
