"""Rules of learning that look forward: they carry how the state depends on the parameters, instead of going back.

The contract is that of `apercu.lab.rules`. With G = ds/dθ, the influence (n, p), each step s' = F(θ, s, x) has

    G' = J G + I,   J = ∂F/∂s (n, n),   I = ∂F/∂θ (n, p),   gradient += ∂l/∂s · G' + ∂l/∂θ

RTRL keeps G whole. UORO and KF-RTRL keep products of random factors whose mean is G, SnAp-1 keeps some of its entries.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value, jacrev, jvp, vjp

from apercu.errors import OptionError
from apercu.lab.recurrent_cells import Cell, LinearCell
from apercu.lab.rules import EPSILON, Learnt, Loss, steps


def random_signs(*shape: int, generator: torch.Generator | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """1 and −1, each as likely, independent; of the default dtype, or another one."""
    dtype = dtype or torch.get_default_dtype()
    return torch.randint(0, 2, shape, generator=generator).to(dtype) * 2 - 1


def rtrl(
    cell: Cell,
    loss: Loss,
    parameters: Tensor,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    carry: Tensor | None = None,
) -> Learnt:
    """Real-time recurrent learning (Williams and Zipser 1989): exact. carry: G (n, p). Memory n p, and n² p products a
    step, whatever T is."""
    influence = parameters.new_zeros(len(state), len(parameters)) if carry is None else carry
    total = Total(parameters)
    for x, target in steps(inputs, targets):
        (direct, through), state = jacrev(_twice(cell), (0, 1), has_aux=True)(parameters, state, x)
        influence = through @ influence + direct  # (n, n) (n, p) + (n, p)
        of_state = total.add(loss, state, target)
        total.gradient = total.gradient + of_state @ influence
    return Learnt(total.loss, total.gradient, state, influence)


class RankOne(NamedTuple):
    """Two vectors whose product s̃ θ̃ᵀ has the mean G: s̃ (n,) and θ̃ (p,)."""

    of_state: Tensor
    of_parameters: Tensor


def uoro(
    cell: Cell,
    loss: Loss,
    parameters: Tensor,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    signs: Tensor,
    carry: RankOne | None = None,
) -> Learnt:
    """Unbiased online recurrent optimisation (Tallec and Ollivier 2017, arXiv 1702.05043, algorithm 1): an estimate
    whose mean is the exact gradient. Memory n + p and the work of three cells a step; the noise grows with n.

    signs: ν (T, n), from `random_signs`, independent of everything else. The product J s̃ is a forward-mode derivative
    and νᵀ I a backward one, so that neither matrix is made."""
    _check_signs(signs, len(inputs), (len(state),))
    if carry is None:
        carry = RankOne(torch.zeros_like(state), torch.zeros_like(parameters))
    total = Total(parameters)
    for (x, target), nu in zip(steps(inputs, targets), signs.unbind(), strict=True):
        pull = vjp(lambda theta, here=state, x=x: cell(theta, here, x), parameters)[1]
        (direct,) = pull(nu)  # c = νᵀ I, (p,)
        moved = jvp(lambda here, x=x: cell(parameters, here, x), (state,), (carry.of_state,))
        state, forwarded = moved[0], moved[1]  # s', and f = J s̃, (n,) each
        carry = one_product(forwarded, carry.of_parameters, nu, direct)
        of_state = total.add(loss, state, target)
        total.gradient = total.gradient + (of_state @ carry.of_state) * carry.of_parameters
    return Learnt(total.loss, total.gradient, state, carry)


def one_product(forwarded: Tensor, of_parameters: Tensor, nu: Tensor, direct: Tensor) -> RankOne:
    """One product whose mean over ν is f θ̃ᵀ + I, where c = νᵀ I: f (n,), θ̃ (p,), ν (n,) and c (p,).

    (ρ₀ f + ρ₁ ν) (θ̃ / ρ₀ + c / ρ₁)ᵀ has that mean for any ρ, since the mean of ν is 0 and that of ν νᵀ the identity.
    These ρ make both vectors of equal length in each product, which makes the variance least."""
    rho_0 = _balance(of_parameters, forwarded)
    rho_1 = _balance(direct, nu)
    return RankOne(rho_0 * forwarded + rho_1 * nu, of_parameters / rho_0 + direct / rho_1)


def snap1(
    cell: Cell,
    loss: Loss,
    parameters: Tensor,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    unit_of: Tensor,
    carry: Tensor | None = None,
) -> Learnt:
    """SnAp-1 (Menick et al. 2020, "A Practical Sparse Approximation for Real Time Recurrent Learning"): of G only the
    entries are kept that I has, of each parameter the influence on the one unit that it feeds directly.

    It is biased: what a parameter does by way of other units is left out. It is exact where units do not feed each
    other. Memory p. The step takes p + n products and the diagonal of J, here from n backward derivatives of the cell.

    unit_of: (p,), from `units_fed`. carry: (p,), entry j being that of row unit_of[j] and column j."""
    influence = torch.zeros_like(parameters) if carry is None else carry
    total = Total(parameters)
    for x, target in steps(inputs, targets):
        pull = vjp(lambda theta, here=state, x=x: cell(theta, here, x), parameters)[1]
        through, after = jacrev(_twice(cell), 1, has_aux=True)(parameters, state, x)
        (direct,) = pull(torch.ones_like(state))  # the sum over rows of I, of which each column has one
        influence = through.diagonal()[unit_of] * influence + direct
        state = after
        of_state = total.add(loss, state, target)
        total.gradient = total.gradient + of_state[unit_of] * influence
    return Learnt(total.loss, total.gradient, state, influence)


def units_fed(cell: Cell, parameters: Tensor, state: Tensor, x: Tensor) -> Tensor:
    """The unit that each parameter feeds directly, (p,), as `snap1` takes it; 0 for those that feed none (a readout).

    It looks at I at a random θ, s and x of the shapes given, where no entry is zero by chance as it is at s = 0.
    Raises OptionError where a parameter feeds several units."""
    draw = torch.Generator().manual_seed(0)
    theta, here, there = (torch.randn(like.shape, generator=draw).to(like) for like in (parameters, state, x))
    fed = jacrev(cell, 0)(theta, here, there) != 0  # (n, p)
    if (fed.sum(0) > 1).any():
        raise OptionError("a parameter of the cell feeds several units directly; SnAp-1 is for one")
    units: Tensor = fed.int().argmax(0)
    return units


class Kronecker(NamedTuple):
    """For each matrix of a cell a vector u (qᵦ,) and a matrix A (n, mᵦ), whose Kronecker product A ⊗ uᵀ has the mean of
    the columns of G that belong to the matrix."""

    vectors: tuple[Tensor, ...]
    matrices: tuple[Tensor, ...]


def kf_rtrl(
    cell: Cell,
    loss: Loss,
    parameters: Tensor,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    signs: Tensor,
    carry: Kronecker | None = None,
) -> Learnt:
    """Kronecker-factored RTRL (Mujika et al. 2018, NeurIPS, algorithm 1): an estimate whose mean is the exact gradient,
    with less noise than UORO's. Memory n m + q and n² m products a step, for m rows and q columns.

    cell: a `LinearCell`, whose I is D ⊗ fᵀ, with D = ∂s'/∂z and f its features. Raises OptionError for others.
    signs: (T, number of matrices, 2), from `random_signs`."""
    if not isinstance(cell, LinearCell):
        raise OptionError("KF-RTRL needs a cell whose parameters act linearly, a LinearCell")
    n, rows_of = len(state), [rows for rows, _ in cell.shapes]
    _check_signs(signs, len(inputs), (len(cell.shapes), 2))
    if carry is None:
        carry = Kronecker(
            tuple(parameters.new_zeros(columns) for _, columns in cell.shapes),
            tuple(parameters.new_zeros(n, rows) for rows in rows_of),
        )
    total = Total(parameters)
    rest = parameters.new_zeros(len(parameters) - cell.n_parameters)  # no part of the cell
    for (x, target), sign in zip(steps(inputs, targets), signs.unbind(), strict=True):
        features = cell.features(state, x)
        by_z = jacrev(cell.activation, 0)(cell.linear(parameters, features), state)  # D, (n, m)
        through, state = jacrev(_twice(cell), 1, has_aux=True)(parameters, state, x)  # J, (n, n)
        parts = [by_z[:, end - rows : end] for rows, end in zip(rows_of, accumulate(rows_of), strict=True)]
        vectors, matrices = [], []
        for u, a, f, d, (first, second) in zip(*carry, features, parts, sign, strict=True):
            forwarded = through @ a  # J A, (n, mᵦ)
            rho_0, rho_1 = first * _balance(forwarded, u), second * _balance(d, f)
            vectors.append(rho_0 * u + rho_1 * f)
            matrices.append(forwarded / rho_0 + d / rho_1)
        carry = Kronecker(tuple(vectors), tuple(matrices))
        of_state = total.add(loss, state, target)
        products = [torch.outer(of_state @ a, u).flatten() for u, a in zip(*carry, strict=True)]
        total.gradient = total.gradient + torch.cat([*products, rest])
    return Learnt(total.loss, total.gradient, state, carry)


class Total:
    """The loss and the gradient so far; `add` adds the loss of a step and ∂l/∂θ, and returns ∂l/∂s (n,)."""

    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters
        self.loss = parameters.new_zeros(())
        self.gradient = torch.zeros_like(parameters)

    def add(self, loss: Loss, state: Tensor, target: Tensor) -> Tensor:
        """The rules add ∂l/∂s · G themselves."""
        of_state: Tensor
        (of_parameters, of_state), value = grad_and_value(loss, (0, 1))(self.parameters, state, target)
        self.loss = self.loss + value
        self.gradient = self.gradient + of_parameters
        return of_state


def _balance(long: Tensor, short: Tensor) -> Tensor:
    """ρ = √(‖long‖ / ‖short‖), so that ρ · short is as long as long / ρ."""
    length, shorter = (torch.linalg.vector_norm(vector) + EPSILON for vector in (long, short))
    return torch.sqrt(length / shorter)


def _twice(cell: Cell) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The cell's new state twice: for its derivative, and as it is."""

    def both(theta: Tensor, state: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        after = cell(theta, state, x)
        return after, after

    return both


def _check_signs(signs: Tensor, n_steps: int, of_step: tuple[int, ...]) -> None:
    if signs.shape != (n_steps, *of_step):
        raise OptionError(f"signs of shape {tuple(signs.shape)}, not {(n_steps, *of_step)}")
