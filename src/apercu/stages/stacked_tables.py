"""The tables of stacked autoencoders: experts and what their symbols cost, from an array of int16 and back.

The array begins with what describes it: pixels of a block's side, the least step, features (0: none), widths of the two
hidden layers, number of experts, and the latents of each, in rising order. Then, each row by row: the linear layers to
the features and back, where there are any; for each expert the weights and biases of the encoder's three layers, the
weights straight past them, and the same of the decoder; what the experts' numbers cost; what the latents of each expert
cost.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FRACTION_BITS, WEIGHT_BITS = 7, 12
MOST = 32767
"""The largest number that goes from one layer to the next."""
AROUND = 10
"""Inputs besides the block: the means of its eight neighbours less its own, row by row; its own; and white; in 8
steps."""
MOST_EXPERTS, MOST_LATENTS, MOST_WIDTH = 8, 32, 256
LARGEST_LEAST_STEP = 255
SIDES = (8, 28)
LEVELS = 12
"""Rows of the cost tables, by the detail of a plane: log2 of its variance within blocks in squared steps, from -9 to
2."""
MAGNITUDES = 16
"""Columns of the cost tables of latents; what is larger costs one bit more for each."""
_HEAD = 6

Real = NDArray[np.float64]
Costs = NDArray[np.int64]


class Layer(NamedTuple):
    """weights (inputs, outputs) with 12 fraction bits and biases (outputs,) with 19: integers, as float64."""

    weights: Real
    biases: Real


class Expert(NamedTuple):
    """A pair of stacks, and the weights straight past each, (inputs, outputs).

    costs: (12, latents, 16), what a latent of each magnitude costs in 1/64 bit, by the detail of the plane.
    """

    n_latents: int
    encoder: tuple[Layer, ...]
    straight_in: Real
    decoder: tuple[Layer, ...]
    straight_out: Real
    costs: Costs


class StackedTables(NamedTuple):
    """Tables as the codec takes them. side: pixels of a block. least_step: in 8-bit units, what the networks were
    trained for; finer ones make nothing better. experts: in order of their latents.

    features: for large blocks, a linear layer (side², features) before and (features, side²) after all experts; None:
    the experts take the block itself. choice: (12, experts), what an expert's number costs in 1/64 bit.
    """

    side: int
    least_step: int
    features: tuple[Real, Real] | None
    experts: tuple[Expert, ...]
    choice: Costs

    @property
    def n_maps(self) -> int:
        """Maps of symbols of a plane: means, experts, and latents of the expert that has most."""
        return 2 + self.experts[-1].n_latents


def widths(n_inputs: int, hidden: tuple[int, int], n_latents: int) -> tuple[list[int], list[int]]:
    """Widths of the layers of an expert's encoder and decoder, with what lies around at the input of both."""
    first, second = hidden
    return [n_inputs + AROUND, first, second, n_latents], [n_latents + AROUND, second, first, n_inputs]


def unpack(array: NDArray[np.int16]) -> tuple[StackedTables, NDArray[np.int16]]:
    """Tables from the beginning of an array, and its rest; raises ValueError, which says what is wrong with it.

    Sums of a layer stay within 32 bits: the magnitudes of all weights to an output times 32,767, and the bias, below
    2^31.
    """
    side, least_step, n_features, first, second, n_experts = _head(array)
    latents = [int(n) for n in array[_HEAD : _HEAD + n_experts]]
    if len(latents) < n_experts or latents != sorted(latents) or not 0 <= latents[0] <= latents[-1] <= MOST_LATENTS:
        raise ValueError(f"experts of {latents} latents")
    if latents[-1] == 0:
        raise ValueError("no expert has latents")
    rest = _Reader(array[_HEAD + n_experts :])
    n_inputs = n_features or side * side
    features = None
    if n_features:
        features = rest.weights(side * side, n_features), rest.weights(n_features, side * side)
        _check_sums(features[0])
        _check_sums(features[1])
    stacks = []
    for n_latents in latents:
        stack = []
        for sizes in widths(n_inputs, (first, second), n_latents):
            layers = tuple(rest.layer(*pair) for pair in pairwise(sizes))
            straight = rest.weights(sizes[0], sizes[-1])
            for layer in layers[:-1]:
                _check_sums(*layer)
            _check_sums(np.concatenate([layers[-1].weights, straight]), layers[-1].biases)
            stack.append((layers, straight))
        stacks.append(stack)
    choice = rest.costs(LEVELS, n_experts)
    experts = []
    for n_latents, ((encoder, straight_in), (decoder, straight_out)) in zip(latents, stacks, strict=True):
        costs = rest.costs(LEVELS, n_latents, MAGNITUDES)
        experts.append(Expert(n_latents, encoder, straight_in, decoder, straight_out, costs))
    return StackedTables(side, least_step, features, tuple(experts), choice), rest.left


def pack(tables: StackedTables) -> NDArray[np.int16]:
    """The inverse of `unpack`; raises ValueError for tables that it would refuse."""
    layers = tables.experts[0].encoder
    n_features = tables.features[0].shape[1] if tables.features else 0
    hidden = [layer.weights.shape[1] for layer in layers[:2]]
    head = [tables.side, tables.least_step, n_features, *hidden, len(tables.experts)]
    parts: list[NDArray[np.float64] | NDArray[np.int64]] = [
        np.array([*head, *(expert.n_latents for expert in tables.experts)]),
        *(tables.features or ()),
    ]
    for expert in tables.experts:
        for stack, straight in ((expert.encoder, expert.straight_in), (expert.decoder, expert.straight_out)):
            for layer in stack:
                parts += [layer.weights, layer.biases / (1 << WEIGHT_BITS)]
            parts.append(straight)
    parts += [tables.choice, *(expert.costs for expert in tables.experts)]
    numbers = np.concatenate([part.ravel() for part in parts])
    if np.abs(numbers).max() > MOST:
        raise ValueError("a number is too large for 16 bits")
    array = numbers.astype(np.int16)
    unpack(array)
    return array


def _head(array: NDArray[np.int16]) -> tuple[int, ...]:
    if array.ndim != 1 or len(array) < _HEAD:
        raise ValueError(f"an array of shape {array.shape}")
    head = tuple(int(number) for number in array[:_HEAD])
    side, least_step, n_features, first, second, n_experts = head
    if side not in SIDES or not 1 <= n_experts <= MOST_EXPERTS:
        raise ValueError(f"{n_experts} experts for blocks of {side} pixels a side")
    if not 1 <= least_step <= LARGEST_LEAST_STEP:
        raise ValueError(f"a least step of {least_step}")
    if not (0 <= n_features <= MOST_WIDTH and 1 <= first <= MOST_WIDTH and 1 <= second <= MOST_WIDTH):
        raise ValueError(f"widths of {n_features}, {first} and {second}")
    return head


class _Reader:
    """Takes numbers from an array, one after the other."""

    def __init__(self, array: NDArray[np.int16]) -> None:
        self.left = array

    def _take(self, *shape: int) -> NDArray[np.int16]:
        n = int(np.prod(shape))
        if n > len(self.left):
            raise ValueError("it ends too early")
        taken, self.left = self.left[:n], self.left[n:]
        return taken.reshape(shape)

    def weights(self, *shape: int) -> Real:
        return self._take(*shape).astype(np.float64)

    def layer(self, n_inputs: int, n_outputs: int) -> Layer:
        return Layer(self.weights(n_inputs, n_outputs), self.weights(n_outputs) * (1 << WEIGHT_BITS))

    def costs(self, *shape: int) -> Costs:
        taken = self._take(*shape).astype(np.int64)
        if taken.size and taken.min() < 0:
            raise ValueError("a symbol that costs less than nothing")
        return taken


def _check_sums(weights: Real, biases: Real | None = None) -> None:
    """The bound of a layer's sums; an empty layer has none."""
    sums = np.abs(weights).sum(0) * MOST + (1 << (WEIGHT_BITS - 1))
    if biases is not None:
        sums += np.abs(biases)
    if sums.size and sums.max() >= 1 << 31:
        raise ValueError("weights too large for 32-bit sums")
