"""Breathing as a marker on the chest shows it, simulated, and its prediction by learners that never stop learning.

The simulator: along each axis a of three

    x_a(t) = −A_c r_a (1 − cos⁶(π φ(t − l_a))) + d_a(t) + noise

(Lujan et al. 1999, "A method for incorporating organ motion due to breathing into 3D dose calculations", with n = 3),
where φ grows by 1 in a cycle c, whose period τ_c and amplitude A_c are log-normal about 4 s and 10 mm, spread 12 % and
20 %; r_a and l_a are ratios and lags of the axes; d_a is a random walk that is pulled back to 0; the noise is 0.1 mm.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from apercu.lab.online_rules import random_signs, rtrl, uoro
from apercu.lab.recurrent_cells import initial, tanh_cell

Real = NDArray[np.float64]

RATE_HZ = 10
N_AXES = 3
RATIOS, LAGS_S = np.array([1.0, 0.4, 0.15]), np.array([0.0, 0.15, 0.3])
PERIOD_S, AMPLITUDE_MM, PERIOD_SPREAD, AMPLITUDE_SPREAD = 4.0, 10.0, 0.12, 0.2
DRIFT_MM, PULL, NOISE_MM = 0.05, 0.005, 0.1
"""Of the drift a step of 0.1 s, and what share of it goes back."""

WINDOW = 12
"""Positions that a prediction sees, 1.2 s."""
N_INPUTS = N_AXES * WINDOW
N_UNITS = 16
CLIP = 1.0
"""Longer gradients are shortened to this length."""


def trace(n_steps: int, seed: int) -> Real:
    """Positions in mm, (n_steps, 3), ten a second."""
    draw = np.random.default_rng(seed)
    n_cycles = int(n_steps / RATE_HZ / PERIOD_S * 3) + 20
    periods = PERIOD_S * np.exp(PERIOD_SPREAD * draw.standard_normal(n_cycles))
    amplitudes = AMPLITUDE_MM * np.exp(AMPLITUDE_SPREAD * draw.standard_normal(n_cycles))
    ends = np.cumsum(periods) - LAGS_S.max() - PERIOD_S  # time 0 is within the first cycles
    times = np.arange(n_steps)[:, None] / RATE_HZ - LAGS_S
    cycle = np.searchsorted(ends, times, side="right")
    phase = 1 - (ends[cycle] - times) / periods[cycle]
    moved = amplitudes[cycle] * RATIOS * (1 - np.cos(np.pi * phase) ** 6)
    drift = np.zeros((n_steps, N_AXES))
    for step in range(1, n_steps):
        drift[step] = (1 - PULL) * drift[step - 1] + DRIFT_MM * draw.standard_normal(N_AXES)
    return np.asarray(-moved + drift + NOISE_MM * draw.standard_normal((n_steps, N_AXES)))


def pairs(traces: Real, horizon: int) -> tuple[Real, Real]:
    """Traces (S, N, 3) -> what is seen (S, M, N_INPUTS), the last position at the end, and what comes `horizon` steps
    after that position, (S, M, 3)."""
    n_seen = traces.shape[1] - WINDOW - horizon + 1
    seen = np.stack([traces[:, first : first + n_seen] for first in range(WINDOW)], 2)
    return seen.reshape(len(traces), n_seen, N_INPUTS), traces[:, WINDOW + horizon - 1 :]


def by_regression(seen: Real, coming: Real, n_first: int) -> Real:
    """Predictions (S, M, 3), linear in what is seen, fitted once to the first pairs of each trace."""
    found = []
    for x, y in zip(seen, coming, strict=True):
        x = np.concatenate([x, np.ones((len(x), 1))], 1)
        found.append(x @ np.linalg.lstsq(x[:n_first], y[:n_first])[0])
    return np.stack(found)


def by_learning(rule: str, seen: Real, coming: Real, rates: Sequence[float], horizon: int, seed: int = 0) -> Real:
    """Predictions (rates, S, M, 3), each made with what was known then: a pair's gradient counts `horizon` steps later,
    when the position that it is about has come.

    rule: "lms", a linear filter (Widrow and Hoff 1960), "uoro" or "rtrl", a tanh cell of N_UNITS with a linear
    readout. They predict the change from the last position seen, so that all begin as "no change". seen, coming: of
    any scale, about 1. Gradient descent, gradients of more than CLIP shortened.
    """
    n_rates, (n_traces, n_steps, _) = len(rates), seen.shape
    x = torch.from_numpy(np.tile(seen, (n_rates, 1, 1))).float()
    y = torch.from_numpy(np.tile(coming - seen[:, :, -N_AXES:], (n_rates, 1, 1))).float()
    rate = torch.tensor(rates).repeat_interleave(n_traces)[:, None]
    theta, step = _learner(rule, n_traces, n_rates, torch.Generator().manual_seed(seed))
    waiting: deque[Tensor] = deque()
    found = []
    for t in range(n_steps):
        if len(waiting) == horizon:
            gradient = waiting.popleft()
            theta = theta - rate * gradient * (CLIP / gradient.norm(dim=1, keepdim=True).clamp(min=CLIP))
        gradient, predicted = step(theta, x[:, t], y[:, t])
        found.append(predicted)
        waiting.append(gradient)
    changes = torch.stack(found, 1).double().numpy().reshape(n_rates, n_traces, n_steps, N_AXES)
    return np.asarray(changes + seen[:, :, -N_AXES:])


def _learner(rule: str, n_traces: int, n_rates: int, draw: torch.Generator) -> tuple[Tensor, Any]:
    """θ at the start (runs, p), and what makes a step: θ, x (runs, N_INPUTS), y (runs, 3) -> the gradients (runs, p) of
    ½ ‖prediction − y‖², and the predictions before y is known."""
    if rule == "lms":
        theta = torch.zeros(n_rates * n_traces, N_AXES * (N_INPUTS + 1))

        def linear(theta: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            features = torch.nn.functional.pad(x, (0, 1), value=1.0)
            predicted = torch.einsum("raf,rf->ra", theta.view(len(x), N_AXES, -1), features)
            return torch.einsum("ra,rf->raf", predicted - y, features).flatten(1), predicted

        return theta, linear
    cell = tanh_cell(N_INPUTS, N_UNITS)
    n_out = N_AXES * (N_UNITS + 1)
    thetas = [torch.cat([initial(cell, draw), torch.zeros(n_out)]) for _ in range(n_traces)]

    def readout(theta: Tensor, state: Tensor) -> Tensor:
        return theta[-n_out:].view(N_AXES, -1) @ torch.nn.functional.pad(state, (0, 1), value=1.0)

    def loss(theta: Tensor, state: Tensor, target: Tensor) -> Tensor:
        return 0.5 * (readout(theta, state) - target).square().sum()

    def of_run(theta: Tensor, x: Tensor, y: Tensor, state: Tensor, signs: Tensor, *carry: Any) -> Any:
        given = cell, loss, theta, x[None], y[None], state
        learnt = uoro(*given, signs, *carry) if rule == "uoro" else rtrl(*given, *carry)
        return learnt.gradient, readout(theta, learnt.state), learnt.state, learnt.carry

    runs = n_rates * n_traces
    kept: list[Any] = [torch.zeros(runs, N_UNITS), ()]

    def recurrent(theta: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        signs = random_signs(n_traces, 1, N_UNITS, generator=draw).repeat(n_rates, 1, 1)
        gradient, predicted, state, carry = vmap(of_run)(theta, x, y, kept[0], signs, *kept[1])
        kept[:] = state, (carry,)
        return gradient, predicted

    return torch.stack(thetas).repeat(n_rates, 1), recurrent
