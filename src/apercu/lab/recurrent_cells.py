"""Recurrent cells as plain functions (θ, s, x) → s over one flat vector of parameters, for the rules of learning.

A cell is any callable `cell(theta, state, x) -> state`: theta (p,), state (n,), x of any shape. It may read the first
entries of theta only: what follows belongs to a readout (the loss) or to an attention. Those here have parameters that
act linearly, in matrices whose products with some features of the state and the input are all that the cell sees of
them. That form is what KF-RTRL needs; for the other rules any callable will do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from apercu.errors import OptionError

Cell = Callable[[Tensor, Tensor, Tensor], Tensor]
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""theta (p,), state (n,), memories (M, n) -> scores (M,)"""


@dataclass(frozen=True)
class LinearCell:
    """A cell s' = activation(z, s) with z = (W₁ f₁, W₂ f₂, …), where f = features(s, x) and theta begins with the
    matrices W, row by row (Mujika et al. 2018, "Approximating Real-Time Recurrent Learning with Random Kronecker
    Factors", NeurIPS, section 3).

    features: (n,), x -> a vector (qᵦ,) for each matrix.
    activation: z (m,), s (n,) -> s' (n,); m is the number of rows of all matrices.
    shapes: (rows, columns) of each matrix, (mᵦ, qᵦ).
    n_units: n.
    """

    features: Callable[[Tensor, Tensor], tuple[Tensor, ...]]
    activation: Callable[[Tensor, Tensor], Tensor]
    shapes: tuple[tuple[int, int], ...]
    n_units: int

    @property
    def n_parameters(self) -> int:
        """The length of theta that the cell reads."""
        return sum(rows * columns for rows, columns in self.shapes)

    def weights(self, theta: Tensor) -> list[Tensor]:
        """The matrices in theta (p,), (mᵦ, qᵦ) each. Raises OptionError where theta is too short."""
        if theta.shape[-1] < self.n_parameters:
            raise OptionError(f"the cell has {self.n_parameters} parameters, not {theta.shape[-1]}")
        ends = accumulate(rows * columns for rows, columns in self.shapes)
        return [theta[end - m * q : end].view(m, q) for (m, q), end in zip(self.shapes, ends, strict=True)]

    def linear(self, theta: Tensor, features: tuple[Tensor, ...]) -> Tensor:
        """z, (m,)."""
        return torch.cat([weights @ vector for weights, vector in zip(self.weights(theta), features, strict=True)])

    def __call__(self, theta: Tensor, state: Tensor, x: Tensor) -> Tensor:
        """theta (p,), state (n,), x -> the next state (n,)."""
        return self.activation(self.linear(theta, self.features(state, x)), state)


def tanh_cell(n_inputs: int, n_units: int) -> LinearCell:
    """s' = tanh(W (s, x, 1)), with x (n_inputs,): n (n + n_inputs + 1) parameters (Elman 1990)."""
    return LinearCell(_all, _tanh, ((n_units, n_units + n_inputs + 1),), n_units)


def gru_cell(n_inputs: int, n_units: int) -> LinearCell:
    """The gated recurrent unit of Cho et al. 2014 as `torch.nn.GRUCell` has it, the reset gate after the product:

    (r, u) = σ(W₁ (s, x, 1)), c = tanh(W₂ (x, 1) + r ∘ W₃ (s, 1)), s' = (1 − u) ∘ c + u ∘ s.

    With x (n_inputs,) it has 3 n (n + n_inputs) + 4 n parameters, 2 n fewer than torch's, whose r and u have two biases
    each. Every parameter feeds one unit directly, as SnAp-1 needs."""
    n = n_units
    shapes = (2 * n, n + n_inputs + 1), (n, n_inputs + 1), (n, n + 1)
    return LinearCell(_for_gates, partial(_gated, n=n), shapes, n)


def initial(cell: LinearCell, generator: torch.Generator, **like: Any) -> Tensor:
    """Random parameters of a cell, (p,): normal, of variance 1 / columns, so that z is about 1 where features are.

    like: `dtype=` and `device=`, as torch takes them."""
    weights = [torch.randn(shape, generator=generator, **like) / shape[1] ** 0.5 for shape in cell.shapes]
    return torch.cat([matrix.flatten() for matrix in weights])


def additive_attention(n_units: int, n_hidden: int, start: int) -> tuple[Attend, int]:
    """How well memories match a state, W₃ tanh(W₁ m + W₂ s) (Ke et al. 2018, algorithm 1, lines 4 and 5).

    Returns `attend(theta, state, memories) -> scores`: (p,), (n,), (M, n) -> (M,), and the number of its parameters,
    which stand in theta from `start` on: W₁ and W₂ (n_hidden, n), W₃ (n_hidden,)."""
    ends = [start + n_hidden * n_units * k for k in range(3)] + [start + n_hidden * (2 * n_units + 1)]

    def attend(theta: Tensor, state: Tensor, memories: Tensor) -> Tensor:
        of_memory, of_state, out = (theta[begin:end] for begin, end in pairwise(ends))
        hidden = memories @ of_memory.view(n_hidden, n_units).T + of_state.view(n_hidden, n_units) @ state
        return torch.tanh(hidden) @ out  # (M,)

    return attend, ends[-1] - start


def _all(state: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    return (_and_one(state, x),)


def _tanh(z: Tensor, state: Tensor) -> Tensor:
    return torch.tanh(z)


def _for_gates(state: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    return _and_one(state, x), _and_one(x), _and_one(state)


def _gated(z: Tensor, state: Tensor, n: int) -> Tensor:
    reset, update, of_input, of_state = z.view(4, n).unbind()
    candidate = torch.tanh(of_input + torch.sigmoid(reset) * of_state)
    return torch.lerp(candidate, state, torch.sigmoid(update))


def _and_one(*parts: Tensor) -> Tensor:
    """Vectors end to end, and a 1, whose weights are biases."""
    return functional.pad(torch.cat(parts), (0, 1), value=1.0)
