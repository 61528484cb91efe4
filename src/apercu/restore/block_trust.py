"""How much of the residual that restore="cnn" predicts for a codec of 8×8 blocks is added, block by block: 0 to 1.

On photographs the network's residual is right. In drawings it can be wrong: from the code of a wave or an edge it
cannot tell how much error is left. What was decoded shows whether a block is of a photograph. Contrasts there are of
all sizes, most of them small and a few large, they have no single direction, and no block repeats its neighbour. Two
perceptrons of one hidden layer for each codec weigh such signs, and the factor is the product of what they say. Their
numbers are fitted to training photographs and to drawn pictures (`python -m scripts.fit_block_trust`).
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.restore.told import BLOCK_CODECS, FIRST_SYMBOL
from apercu.restore.trust import Factors, log_ramp, mean_around, ramp
from apercu.stages.blocks import BLOCK, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence

FILE = Path(__file__).parent.parent / "weights" / "block_trust.npy"
"""(3, 2, 2 + HIDDEN, SIGNS + 2) float32, by codec and perceptron: the means of the signs and the last bias; their
deviations; and for each hidden unit the weights of the signs, its bias and its weight in the sum."""
HIDDEN = 16
SURE = 0.3, 0.8
"""The probabilities between which the factor goes from 0 to 1."""
STEPS = {"taha2025": (4, 5.5), "dct": (12, 24), "stacked_ae": (5, 7)}
"""The factor rises from 0 to 1 between these steps, linearly in the logarithm of the step. The network has learnt no
finer ones."""
REACH, NEAR = 16, 5
"""Blocks to each side that are looked at."""
CELLS = 2, 4
"""Samples a side of the squares whose contrasts are taken, beside those of blocks and of four blocks."""
SHIFTS = (0, 1), (1, 0), (0, 2), (2, 0), (1, 1)
"""Where a repetition of a block is looked for, in blocks down and across."""
SIGNS = 15 + len(SHIFTS) + 6 * len(CELLS)
COLOURFUL = 0.5, 1.0
"""The energy of contrasts between blocks of chroma, relative to those of luma. Photographs have less."""
VARIED = 0.25, 0.4
"""Share of the blocks around that have symbols, or another mean than a neighbour. Elsewhere the plane is even."""
EVEN = 0.25
"""The most that means differ which are the same, in 8-bit samples."""
LEAST_SIDE = 32
"""In smaller planes there is too little to decide."""

Means = NDArray[np.float64]
Maps = list[NDArray[Any]]


def block_trust(codec: str, planes: list[Plane], evidence: Evidence, step_q8: int) -> list[Factors]:
    """Factors for a plane, or for luma and the two of chroma at half size that go with it."""
    luma, step = planes[0], step_q8 / 256
    shape = n_blocks(luma.shape[0]), n_blocks(luma.shape[1])
    if step <= STEPS[codec][0] or min(luma.shape) < LEAST_SIDE:
        return [np.zeros(shape, np.float32) for _ in planes]
    seen = signs(codec, luma, evidence[0], step)
    first, second = (_photographic(seen, weights) for weights in _weights()[BLOCK_CODECS.index(codec)])
    factors = first * second * log_ramp(step, *STEPS[codec])
    found, of_luma = [], _energy(_means(luma, 2 * BLOCK))
    for index, (plane, symbols) in enumerate(zip(planes, evidence, strict=True)):
        means = _means(plane, BLOCK)
        varied = _varied(means, (symbols[..., FIRST_SYMBOL[codec] :] != 0).any(axis=2))
        trusted = varied * ramp(mean_around(varied, REACH), *VARIED)
        if index:
            trusted *= 1 - ramp(_energy(means) / (of_luma + 1), *COLOURFUL)
            trusted = trusted.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]
        found.append((factors * trusted).astype(np.float32))
    return found


@cache
def _weights() -> NDArray[np.float32]:
    weights: NDArray[np.float32] = np.load(FILE)
    return weights


def _photographic(found: NDArray[np.float32], weights: NDArray[np.float32]) -> Factors:
    """How surely each block is of a photograph, 0 to 1, by its signs (SIGNS, H, W)."""
    means, deviations = weights[:2, :SIGNS, None, None]
    values = np.clip((found - means) / deviations, -4, 4)
    total = np.full(found.shape[1:], weights[0, SIGNS], np.float32)
    for *of_signs, bias, weight in weights[2:]:
        total += weight * np.tanh(np.tensordot(np.array(of_signs), values, 1) + bias)
    return ramp(1 / (1 + np.exp(-total)), *SURE)


def signs(codec: str, luma: Plane, symbols: NDArray[np.int16], step: float) -> NDArray[np.float32]:
    """Signs (SIGNS, H, W) of a photograph for each of H × W blocks, all of the order of 1. luma: decoded, int16 with 5
    fraction bits. symbols: (H, W, n) of its blocks. step: in 8-bit samples."""
    means = _means(luma, BLOCK)
    coded = symbols[..., FIRST_SYMBOL[codec] :]
    found = [np.full(means.shape, np.log2(step) - 5), *_of_symbols(coded), *_of_means(luma, means, coded, step)]
    for side in CELLS:
        found += _of_cells(luma, side, means.shape, step)
    return np.stack([np.asarray(sign, np.float32) for sign in found])


def _of_symbols(coded: NDArray[np.int16]) -> Maps:
    """How many there are, whether they crowd as at edges, and how many blocks are repeated."""
    counts = np.count_nonzero(coded, axis=2)
    mean, lively = mean_around(counts, REACH), mean_around(counts > 0, REACH)
    spread = (mean_around(counts**2, REACH) - mean**2) / np.maximum(mean, 1e-6)
    found: Maps = [
        _log(counts) / 3,
        _log(mean_around(counts, 1)) / 3,
        _log(mean) / 3,
        np.minimum(spread, 4) / 2,
        lively,
    ]
    for down, across in SHIFTS:
        again = np.zeros(counts.shape, bool)
        height, width = (max(side - by, 0) for side, by in zip(counts.shape, (down, across), strict=True))
        again[:height, :width] = (coded[down:, across:] == coded[:height, :width]).all(axis=2)
        found.append(mean_around(again & (counts > 0), REACH) / (lively + 0.02))
    return found


def _of_means(luma: Plane, means: Means, coded: NDArray[np.int16], step: float) -> Maps:
    """Their contrasts, whether they go up and down from block to block, sharp edges between blocks without symbols, and
    where nothing varies."""
    empty, varied = (coded == 0).all(axis=2), _varied(means, (coded != 0).any(axis=2))
    edges = (_largest_jump(means) > step) & empty
    first, second = (mean_around(_whole(_squares(means, order)), REACH) / 64 for order in (1, 2))
    found: Maps = [mean_around(edges, REACH), second / (first + 1) / 3, _log(first) / 8]
    found += [varied, mean_around(varied, REACH)]
    for size in (1, 2):
        values = means if size == 1 else _means(luma, size * BLOCK)
        steep = np.sum(np.abs(_contrasts(values)), axis=0)
        squares, sums = (mean_around(_whole(of), REACH // size) / 64 for of in (_squares(values, 1), steep))
        tail, energy = np.minimum(_log(2 * squares / (sums**2 + 0.1)), 5) / 3, _log(squares / step**2) / 3
        found += [sign.repeat(size, 0).repeat(size, 1)[: means.shape[0], : means.shape[1]] for sign in (tail, energy)]
    return found


def _of_cells(luma: Plane, side: int, shape: tuple[int, ...], step: float) -> Maps:
    """Contrasts of neighbouring squares: whether they have one direction, whether a few are large and most small, how
    large they are, and how many are none."""
    down, across = _contrasts(_means(luma, side))
    steep = np.abs(down) + np.abs(across)
    # One after the other, since each is as large as the plane.
    maps = [_whole(_by_block(a * b, BLOCK // side, shape)) for a, b in ((down, down), (across, across), (down, across))]
    maps += [_whole(_by_block(one, BLOCK // side, shape)) for one in (steep, steep < 0.5)]
    found: Maps = []
    for reach in (NEAR, REACH):
        rows, columns, both, sums, none = (mean_around(one, reach) / 64 for one in maps)
        energy = rows + columns
        found.append(np.sqrt((rows - columns) ** 2 + 4 * both**2) / (energy + 0.01))
        found.append(np.minimum(_log(2 * energy / (sums**2 + 0.02)), 5) / 3)
        if reach == REACH:
            found += [_log(energy / step**2) / 3, none]
    return found


def _log(values: NDArray[Any]) -> NDArray[Any]:
    logarithm: NDArray[Any] = np.log2(1 + values)
    return logarithm


def _whole(values: Means | Factors) -> NDArray[np.int64]:
    """In 64ths, since sums of whole numbers are exact."""
    whole: NDArray[np.int64] = np.rint(64 * values).astype(np.int64)
    return whole


def _contrasts(values: Means) -> tuple[Means, Means]:
    """To the next one down and across, 0 at the end."""
    down, across = np.zeros_like(values), np.zeros_like(values)
    down[:-1], across[:, :-1] = np.diff(values, axis=0), np.diff(values, axis=1)
    return down, across


def _squares(values: Means, order: int) -> Means:
    """The squares of differences of an order, down and across together."""
    found = np.zeros_like(values)
    for axis in (0, 1):
        differences = np.diff(values, order, axis)
        found[: differences.shape[0], : differences.shape[1]] += differences**2
    return found


def _energy(means: Means) -> Means:
    """The mean square of the differences of neighbouring means around each."""
    energy: Means = mean_around(_whole(_squares(means, 1)), REACH // 2) / 64
    return energy


def _by_block(values: NDArray[np.generic], n: int, shape: tuple[int, ...]) -> Means:
    """The means of n × n cells, as many as a block has a side; beyond the plane they are 0."""
    padded = np.pad(values.astype(float), [(0, n * of - side) for of, side in zip(shape, values.shape, strict=True)])
    means: Means = padded.reshape(shape[0], n, shape[1], n).mean((1, 3))
    return means


def _means(plane: Plane, side: int) -> Means:
    """Of each square of so many samples a side, in 8-bit samples."""
    starts = [np.arange(0, length, side) for length in plane.shape]
    sums = np.add.reduceat(np.add.reduceat(plane, starts[0], 0, np.int32), starts[1], 1)
    sizes = (np.diff(np.append(at, length)) for at, length in zip(starts, plane.shape, strict=True))
    means: Means = sums / (32 * np.multiply.outer(*sizes))
    if plane.shape[0] % side:  # the part of a square that is there tells another mean
        means[-1] = means[-2]
    if plane.shape[1] % side:
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


def _varied(means: Means, coded: NDArray[np.bool_] | np.bool_) -> NDArray[np.bool_]:
    """Which blocks differ from one around them, or have symbols, or one around them has."""
    height, width = means.shape
    around = np.pad(np.stack([means, -means, coded]), ((0, 0), (1, 1), (1, 1)), mode="edge")
    most = np.max([around[:, y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    varied: NDArray[np.bool_] = (most[0] + most[1] > EVEN) | (most[2] > 0)
    return varied
