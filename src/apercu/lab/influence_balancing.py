"""The influence-balancing task of Tallec and Ollivier 2017 (arXiv 1702.05043): a parameter that helps at once and harms
in the long run.

s' = A s + θ v with 23 units, A = ½ on the diagonal and above it, v = +1 for the first ten units and −1 for the other
thirteen, and the loss ½ (s₁ − 1)². What θ does to a unit moves up one unit in two steps in the mean. So θ raises s₁ for
about 40 steps, until the thirteen units with −1 have their say; in the long run s₁ = −6 θ, and the loss is least at
θ = −1/6. A rule that looks back too few steps takes θ the wrong way.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from apercu.lab.online_rules import RankOne, random_signs, rtrl, uoro
from apercu.lab.rules import Learnt, tbptt

N_UNITS, N_POSITIVE = 23, 10
FIRST, GOAL = 0.5, 1.0
"""θ at the start, and what s₁ is to be."""
LONG_RUN = 2 * N_POSITIVE - 2 * (N_UNITS - N_POSITIVE)
"""ds₁/dθ where the state has settled: (1 − A)⁻¹ sums differences of units, and doubles."""

_ONES = torch.ones(N_UNITS, dtype=torch.float64)
TRANSITION = torch.diag(_ONES / 2) + torch.diag(_ONES[1:] / 2, 1)
SIGNS = torch.where(torch.arange(N_UNITS) < N_POSITIVE, _ONES, -_ONES)

Step = Callable[[Tensor, Tensor, object, Tensor], Learnt]


def cell(theta: Tensor, state: Tensor, x: Tensor) -> Tensor:
    """θ (1,), state (23,), x is not used -> (23,)."""
    return TRANSITION @ state + theta * SIGNS


def loss(theta: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    """½ (s₁ − 1)², by a weight () that says whether the step counts."""
    return 0.5 * weight * (state[0] - GOAL).square()


def influence(n_steps: int) -> NDArray[np.float64]:
    """d s₁ / dθ through the last 1, 2, …, n_steps steps alone: what a rule sees that looks back so far."""
    found, state = [], torch.zeros(N_UNITS, dtype=torch.float64)
    for _ in range(n_steps):
        state = cell(state.new_ones(1), state, state)  # linear in θ
        found.append(float(state[0]))
    return np.array(found)


def learn(
    rule: str,
    rates: Sequence[float],
    n_updates: int,
    length: int = 1,
    decreasing: bool = False,
    last_only: bool = False,
    n_kept: int = 300,
    seed: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Learns online by plain gradient descent, a run for each rate, all at once.

    rule: "tbptt", "rtrl" or "uoro".
    length: the steps between two updates, and those that TBPTT looks back.
    decreasing: rates are divided by 1 + √(number of updates so far).
    last_only: of the steps between two updates, only the last has a loss; otherwise the gradients of all are added.

    Returns the numbers of updates at which θ was kept, (n_kept + 1,), and there the loss in the long run,
    ½ (−6 θ − 1)², (runs, n_kept + 1); infinite where it is no number any more.
    """
    draw = torch.Generator().manual_seed(seed)
    rate = torch.tensor(rates, dtype=torch.float64)
    runs = len(rate)
    theta = rate.new_full((runs, 1), FIRST)
    state = rate.new_ones(runs, N_UNITS)
    inputs = rate.new_zeros(length, 0)
    weights = rate.new_ones(length)
    if last_only:
        weights[:-1] = 0
    step, carry = _steps(inputs, weights, runs)[rule]
    kept = np.unique(np.linspace(0, n_updates, n_kept + 1).round().astype(np.int64))
    thetas = [theta[:, 0].numpy().copy()]
    for update in range(n_updates):
        # One sign for each step and unit; the other rules have no use for them.
        signs = random_signs(runs, length, N_UNITS, generator=draw, dtype=rate.dtype) if rule == "uoro" else state
        learnt = step(theta, state, carry, signs)
        share = 1 / (1 + update**0.5) if decreasing else 1.0
        theta = theta - share * rate[:, None] * learnt.gradient
        state, carry = learnt.state, learnt.carry
        if update + 1 in kept:
            thetas.append(theta[:, 0].numpy().copy())
    with np.errstate(over="ignore", invalid="ignore"):
        losses = 0.5 * (LONG_RUN * np.stack(thetas, 1) - GOAL) ** 2
    return kept, np.where(np.isfinite(losses), losses, np.inf)


def _steps(inputs: Tensor, weights: Tensor, runs: int) -> dict[str, tuple[Step, object]]:
    """For each rule what makes the steps up to the next update, over all runs, and what it begins with."""
    n, new = N_UNITS, weights.new_zeros
    by_tbptt = vmap(lambda theta, state: tbptt(cell, loss, theta, inputs, weights, state, len(weights)))
    by_rtrl = vmap(lambda theta, state, carry: rtrl(cell, loss, theta, inputs, weights, state, carry))
    by_uoro = vmap(lambda theta, state, carry, signs: uoro(cell, loss, theta, inputs, weights, state, signs, carry))
    return {
        "tbptt": (lambda theta, state, carry, signs: by_tbptt(theta, state), None),
        "rtrl": (lambda theta, state, carry, signs: by_rtrl(theta, state, carry), new(runs, n, 1)),
        "uoro": (by_uoro, RankOne(new(runs, n), new(runs, 1))),
    }
