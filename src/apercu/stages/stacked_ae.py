"""Stacked autoencoders over blocks, in integers: the mean of a block, one of several experts, and its latents.

After Fraihat and Al-Betar, Array 2023, as the survey of Baskar et al. tells it. An expert is a pair of stacks,
64-32-16-m and m-16-32-64 for blocks of 8 × 8, leaky ReLU after each layer but the last, with a linear layer beside each
that leads straight from its input to its output. What is added here: the mean of each block is coded by itself, and
both stacks see how the means around differ from it, so that an expert without latents (m = 0) can draw what is smooth;
everything is measured in steps of the quantiser, so that one network serves all steps.

Numbers within a network are integers with 7 fraction bits, in steps; weights have 12. A layer adds up products, rounds
to 7 fraction bits (halves upwards) and clips to ±32767. The sums fit in 32 bits (`tables_fault` has the bounds), and
are exact here as float64 at any order of summation.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.stages.arguments import INT16, check_array, check_number, check_pair, check_plane
from apercu.stages.colour import FULL, Plane
from apercu.stages.stacked_tables import (
    AROUND,
    FRACTION_BITS,
    LEVELS,
    MAGNITUDES,
    MOST,
    WEIGHT_BITS,
    Expert,
    Layer,
    Real,
    StackedTables,
)

ONE = 1 << FRACTION_BITS
LARGEST_SYMBOL = 127
DEAD_ZONE = ONE // 8
"""A latent is rounded up from 5/8; the other whole number next to it is tried as well."""
WHITE_Q5 = 255 * 32
LEAST_STEP_Q5, LARGEST_STEP_Q5 = 32, 65535
LOWEST_LEVEL = -9
AT_A_TIME = 2048
"""Blocks that go through a network at once: what they take stays in the processor's cache."""

Limit = int | NDArray[np.int64]
Symbols = NDArray[np.int16]
"""(maps, rows of blocks, columns), or of several planes (maps, planes, rows of blocks, columns): map 0 has the means in
steps; map 1 the number of each block's expert, or one more than the last for a block that is its mean alone; the rest
latents, zero beyond those that a block's expert has."""


def _rounded(sums: Real) -> Real:
    """Sums with 19 fraction bits to 7, clipped. In place."""
    sums += 1 << (WEIGHT_BITS - 1)
    sums *= 1 / (1 << WEIGHT_BITS)
    np.floor(sums, out=sums)
    return _clipped(sums, -MOST, MOST)


def _clipped(values: Real, low: Limit, high: Limit) -> Real:
    """In place. Of few values, np.clip takes three times as long."""
    np.maximum(values, low, out=values)
    np.minimum(values, high, out=values)
    return values


def _through(stack: tuple[Layer, ...], straight: Real, inputs: Real) -> Real:
    """A stack and what leads straight past it: (n, inputs) to (n, outputs)."""
    hidden = inputs
    for layer in stack[:-1]:
        hidden = _rounded(hidden @ layer.weights + layer.biases)
        np.maximum(hidden, np.floor(hidden * 0.25), out=hidden)
    last = stack[-1]
    return _rounded(hidden @ last.weights + inputs @ straight + last.biases)


def _encoded(expert: Expert, features: Real, around: Real) -> Real:
    """Latents (n, m) of blocks, with 7 fraction bits."""
    if not expert.n_latents:
        return np.empty((len(around), 0))
    return _through(expert.encoder, expert.straight_in, np.concatenate([features, around], 1))


def _decoded(expert: Expert, latents: Real, around: Real, back: Real | None) -> Real:
    """What whole latents (n, m) stand for: blocks less their means (n, pixels), in steps with 7 fraction bits."""
    inputs = np.concatenate([_clipped(latents * ONE, -MOST, MOST), around], 1)
    found = _through(expert.decoder, expert.straight_out, inputs)
    return found if back is None else _rounded(found @ back)


def _around(means: NDArray[np.int64], step_q5: int) -> Real:
    """The inputs beside a block (blocks, 10), from the means of all blocks of its plane as coded."""
    rows, columns = means.shape[-2:]
    padded = np.pad(means, [(0, 0)] * (means.ndim - 2) + [(1, 1)] * 2, mode="edge")
    near = [padded[..., y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    differences = [one - means for one in near[:4] + near[5:]]
    white = np.full(means.shape, ONE // 8 * WHITE_Q5 // step_q5)
    found = np.stack([*(ONE // 8 * one for one in (*differences, means)), white], axis=-1)
    clipped: Real = np.clip(found, -MOST, MOST).reshape(-1, AROUND).astype(np.float64)
    return clipped


def _mean_levels(means: NDArray[np.int64], side: int, step_q5: int) -> NDArray[np.int64]:
    """Means in steps to samples of a plane."""
    return (2 * means * step_q5 + side) // (2 * side)


def _limits(chroma: bool) -> tuple[int, int]:
    return (-FULL // 2, FULL // 2) if chroma else (0, FULL)


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, start + AT_A_TIME) for start in range(0, n, AT_A_TIME))


def stacked_analyse(
    plane: Plane,
    blocks: tuple[int, int],
    tables: StackedTables,
    step_q5: int,
    price_q8: int,
    chroma: bool,
    settled: NDArray[np.int16] | None = None,
) -> Symbols:
    """The symbols of a plane that cost least: squared error and bits at `price_q8`/256 squared steps a bit together.

    plane: int16 samples with 5 fraction bits, 0 to 8160, of chroma -4080 to 4080; (height, width), or of several planes
    of one size, which takes less time where they are small, (planes, height, width). blocks: down and across. step_q5:
    1/32 of an 8-bit unit, 32 to 65,535. settled: (blocks,), 0 or 8160 where all samples of a block are to be exactly
    that, -1 elsewhere. Every block tries all experts, but those whose bits alone cost more than the best so far.
    Raises OptionError for arguments of another kind.
    """
    check_pair("blocks", blocks)
    (down, across), side = blocks, tables.side
    several: tuple[int, ...] = tuple(getattr(plane, "shape", ()))[:-2]
    check_plane("plane", plane[0] if len(several) == 1 and several[0] else plane, down * side, across * side)
    check_number("step_q5", step_q5, LEAST_STEP_Q5, LARGEST_STEP_Q5)
    check_number("price_q8", price_q8, 0, 1 << 12)
    cut = plane[..., : down * side, : across * side].reshape(-1, down, side, across, side).swapaxes(2, 3)
    n_blocks = cut.size // (side * side)
    samples = cut.reshape(n_blocks, side * side).astype(np.int64)
    unit = side * step_q5
    means = (2 * samples.sum(1) + unit) // (2 * unit)
    if settled is not None:
        check_array("settled", settled, INT16, (n_blocks,))
        means = np.where(settled < 0, means, -(-settled.astype(np.int64) * side // step_q5))
    means = means.reshape(-1, down, across)
    levels = _mean_levels(means, side, step_q5).reshape(-1, 1)
    rest = (2 * ONE * (samples - levels) + step_q5) // (2 * step_q5)
    around = _around(means, step_q5)
    rows = _rows(rest.reshape(len(means), -1))
    flat = np.zeros((tables.n_maps, n_blocks), np.int16)
    flat[0] = means.ravel()
    low, high = ((2 * ONE * (limit - levels) + step_q5) // (2 * step_q5) for limit in _limits(chroma))
    for row in np.unique(rows):
        which = np.flatnonzero(np.repeat(rows == row, down * across))
        for part in _slices(len(which)):
            at = which[part]
            some = _Blocks(rest[at].astype(np.float64), around[at], low[at], high[at])
            flat[1, at], flat[2:, at] = _chosen(tables, some, int(row), price_q8)
    if settled is not None:
        flat[1, settled >= 0], flat[2:, settled >= 0] = len(tables.experts), 0
    return flat.reshape(tables.n_maps, *several, down, across)


def _rows(rest: NDArray[np.int64]) -> NDArray[np.intp]:
    """Which row of the cost tables fits each plane (planes, pixels)."""
    variances = np.einsum("ij,ij->i", rest, rest) // rest.shape[1]
    rows = [int(variance).bit_length() - 2 * FRACTION_BITS - 1 - LOWEST_LEVEL for variance in variances]
    return np.clip(np.array(rows, np.intp), 0, LEVELS - 1)


class _Blocks(NamedTuple):
    """Blocks less their means (n, pixels), what lies around, and the limits of each (n, 1): all in steps."""

    rest: Real
    around: Real
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def of(self, which: NDArray[np.intp]) -> "_Blocks":
        """Some of them."""
        return _Blocks(self.rest[which], self.around[which], self.low[which], self.high[which])


class _Cost:
    """Squared errors and bits of an expert together, in 2^-14 squared steps."""

    def __init__(self, tables: StackedTables, number: int, level: int, price_q8: int) -> None:
        self.expert, self.price = tables.experts[number], price_q8
        self.back = tables.features[1] if tables.features else None
        self.choice = int(tables.choice[level, number])
        self.table = self.expert.costs[level].astype(np.int64)
        self.latents = np.arange(self.expert.n_latents)
        self.least = price_q8 * (self.choice + int(self.table.min(1, initial=MOST).sum()))

    def __call__(self, blocks: _Blocks, latents: Real) -> Real:
        drawn = _decoded(self.expert, latents, blocks.around, self.back)
        _clipped(drawn, blocks.low, blocks.high)
        drawn -= blocks.rest
        sizes = np.abs(latents).astype(np.intp)
        bits = self.choice + self.table[self.latents, np.minimum(sizes, MAGNITUDES - 1)].sum(1)
        bits += 64 * np.maximum(sizes - MAGNITUDES + 1, 0).sum(1)
        costs: Real = np.einsum("ij,ij->i", drawn, drawn) + self.price * bits.astype(np.float64)
        return costs


def _chosen(
    tables: StackedTables, blocks: _Blocks, level: int, price_q8: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The experts (n,) and latents (m, n) of some blocks."""
    n = len(blocks.rest)
    best = np.full(n, np.inf)
    numbers = np.zeros(n, np.int16)
    latents = np.zeros((n, tables.n_maps - 2))
    features = _rounded(blocks.rest @ tables.features[0]) if tables.features else blocks.rest
    exact = np.zeros_like(latents)
    costs = [_Cost(tables, number, level, price_q8) for number in range(len(tables.experts))]
    for number, cost in enumerate(costs):
        open_ = np.flatnonzero(best > cost.least)
        if not len(open_):
            continue
        some, m = blocks.of(open_), cost.expert.n_latents
        found = _encoded(cost.expert, features[open_], some.around)
        rounded = np.sign(found) * np.clip(np.floor((np.abs(found) + ONE // 2 - DEAD_ZONE) / ONE), 0, LARGEST_SYMBOL)
        total = cost(some, rounded)
        better = total < best[open_]
        at = open_[better]
        best[at], numbers[at] = total[better], number
        latents[at], exact[at] = 0, 0
        latents[at, :m], exact[at, :m] = rounded[better], found[better]
    for number, cost in enumerate(costs):
        which = np.flatnonzero(numbers == number)
        for index in range(cost.expert.n_latents if len(which) else 0):
            _settle(cost, blocks, which, index, latents, exact, best)
    return numbers, latents.T.astype(np.int16)


def _settle(
    cost: _Cost, blocks: _Blocks, which: NDArray[np.intp], index: int, latents: Real, exact: Real, best: Real
) -> None:
    """Tries another whole number for a latent: the next towards zero, or away from it where much had been cut off."""
    now, sign = latents[which, index], np.sign(exact[which, index])
    short = np.abs(exact[which, index]) - ONE * np.abs(now)  # of what was cut off
    move = np.where(short > ONE // 2 - DEAD_ZONE, sign, np.where(now != 0, -sign, 0))
    tried = np.flatnonzero((move != 0) & (np.abs(now + move) <= LARGEST_SYMBOL))
    if not len(tried):
        return
    at = which[tried]
    m = cost.expert.n_latents
    other = latents[at, :m]
    other[:, index] += move[tried]
    total = cost(blocks.of(at), other)
    better = total < best[at]
    best[at[better]] = total[better]
    latents[at[better], index] = other[better, index]


def stacked_synthesise(symbols: Symbols, tables: StackedTables, step_q5: int, chroma: bool) -> Plane:
    """The plane, or planes, int16 with 5 fraction bits, that symbols stand for. Raises OptionError for arguments of
    another kind."""
    check_number("step_q5", step_q5, LEAST_STEP_Q5, LARGEST_STEP_Q5)
    check_array("symbols", symbols, INT16, (tables.n_maps, *getattr(symbols, "shape", ())[1:4]))
    if (symbols[1] < 0).any() or (symbols[1] > len(tables.experts)).any():
        raise OptionError(f"map 1 of symbols must hold numbers of experts, 0 to {len(tables.experts)}")
    *several, down, across = symbols.shape[1:]
    side = tables.side
    means = symbols[0].astype(np.int64)
    levels = _mean_levels(means, side, step_q5).reshape(-1, 1)
    around = _around(means, step_q5)
    flat = symbols.reshape(tables.n_maps, -1)
    low, high = _limits(chroma)
    out = np.repeat(np.clip(levels, low, high).astype(np.int16), side * side, axis=1)
    back = tables.features[1] if tables.features else None
    for number, expert in enumerate(tables.experts):
        which = np.flatnonzero(flat[1] == number)
        for part in _slices(len(which)):
            at = which[part]
            latents = flat[2 : 2 + expert.n_latents, at].T.astype(np.float64)
            drawn = _decoded(expert, latents, around[at], back).astype(np.int64)
            out[at] = np.clip(levels[at] + ((drawn * step_q5 + ONE // 2) >> FRACTION_BITS), low, high)
    cut = out.reshape(-1, down, across, side, side).swapaxes(2, 3)
    return np.ascontiguousarray(cut).reshape(*several, down * side, across * side)
