"""Small problems for the rules of learning: a random cell, its readout, inputs, targets and a state."""

from typing import NamedTuple

import torch
from torch.func import vmap

from apercu.lab import online_rules
from apercu.lab.recurrent_cells import additive_attention, gru_cell, initial, tanh_cell

CELLS = {"tanh": tanh_cell, "gru": gru_cell}
N_INPUTS = 2


class Problem(NamedTuple):
    """What every rule takes, in its order."""

    cell: object
    loss: object
    parameters: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor
    state: torch.Tensor


def readout(first):
    """½ (w · s − y)², with w in the parameters from `first` on."""

    def loss(theta, state, target):
        return 0.5 * (theta[first : first + len(state)] @ state - target) ** 2

    return loss


def problem(name, n_units=4, n_steps=8, seed=0):
    draw = torch.Generator().manual_seed(seed)
    cell = CELLS[name](N_INPUTS, n_units)
    like = {"generator": draw, "dtype": torch.float64}
    weights = torch.randn(n_units, **like) / n_units**0.5
    parameters = torch.cat([initial(cell, draw, dtype=torch.float64), weights])
    inputs, targets = torch.randn(n_steps, N_INPUTS, **like), torch.randn(n_steps, **like)
    state = 0.5 * torch.randn(n_units, **like)
    return Problem(cell, readout(cell.n_parameters), parameters, inputs, targets, state)


def with_attention(given, n_hidden=3, seed=5):
    """The same with the parameters of an attention at the end, and the attention."""
    attend, n_more = additive_attention(len(given.state), n_hidden, len(given.parameters))
    more = torch.randn(n_more, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return given._replace(parameters=torch.cat([given.parameters, more])), attend


def signs_for(rule, given, *more, seed=1):
    """Signs for `uoro` or `kf_rtrl`, (*more, T, …)."""
    of_step = (len(given.state),) if rule is online_rules.uoro else (len(given.cell.shapes), 2)
    draw = torch.Generator().manual_seed(seed)
    return online_rules.random_signs(*more, len(given.inputs), *of_step, generator=draw, dtype=torch.float64)


def estimates(rule, given, n_seeds, seed=1):
    """Gradients by so many seeds, (n_seeds, p)."""
    signs = signs_for(rule, given, n_seeds, seed=seed)
    return vmap(lambda of_seed: rule(*given, of_seed).gradient)(signs)


def z_scores(found, exact):
    """(seeds, p) and (p,): how many standard errors the mean is off, of each parameter whose estimates differ; the
    others have to be exact."""
    error = found.mean(0) - exact
    spread = found.std(0)
    constant = spread < 1e-12
    assert (error[constant].abs() < 1e-10).all()
    return error[~constant] / spread[~constant] * len(found) ** 0.5


def noise(rule, given, n_seeds=200):
    """The root mean square error of one estimate, as a multiple of the exact gradient, both of the cell alone."""
    n_cell = given.cell.n_parameters
    exact = online_rules.rtrl(*given).gradient[:n_cell]
    errors = estimates(rule, given, n_seeds)[:, :n_cell] - exact
    return float(errors.square().sum(1).mean().sqrt() / exact.norm())
