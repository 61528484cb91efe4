"""A recurrent decoder of blocks that refines its picture step by step, and how it learns by each rule.

After Ororbia, Mali et al. 2019 ("Learned neural iterative decoding for lossy image compression systems", DCC): a cell
sees the latents of a block and of its neighbours K times, and after every step its state gives the samples,

    s_k = cell(θ, s_{k-1}, latents)
    samples_k = the codec's decode + W s_k + b
    loss = Σ_k mean squared error of samples_k

W and b start as zeros, so that an untrained decoder is the codec's own. Numbers are float32; latents and what is
lacking are scaled by their spread in training.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, vmap

from apercu.lab.block_latents import N_INPUTS, N_SAMPLES, Coded, Pool, Real, join
from apercu.lab.online_rules import kf_rtrl, random_signs, rtrl, snap1, units_fed, uoro
from apercu.lab.recurrent_cells import additive_attention, gru_cell, initial, tanh_cell
from apercu.lab.rules import Learnt, bptt, read, sab, tbptt

K = 4
"""Refinements of a block."""
CELLS = {"tanh": tanh_cell, "GRU": gru_cell}
BACK, FORWARD = ("BPTT", "TBPTT", "SAB"), ("RTRL", "UORO", "KF-RTRL", "SnAp-1")
RULES = *BACK, *FORWARD
TBPTT_LENGTH = 2
SAB_EVERY, SAB_TOP, SAB_LENGTH, SAB_HIDDEN = 1, 2, 2, 8
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": torch.optim.SGD,
    "Adam": torch.optim.Adam,
    "RMSprop": torch.optim.RMSprop,
    "Adagrad": torch.optim.Adagrad,
}
LARGEST_CARRY = 1 << 22
"""Numbers that RTRL carries at once; with more, runs go one after the other."""


class Scaling(NamedTuple):
    """Mean and spread of the inputs, (N_INPUTS,) each, and the spread of what is lacking."""

    mean: Real
    spread: Real
    lacking: float


def scaling(of: Pool) -> Scaling:
    """As they are in a pool; an input that never changes has the spread 1."""
    spread = of.inputs.std(0)
    return Scaling(of.inputs.mean(0), np.where(spread > 0, spread, 1).astype(np.float32), float(of.lacking.std()))


class Run(NamedTuple):
    """One training: a key of OPTIMISERS, its learning rate, and the seed of θ and of the rule's signs."""

    optimiser: str
    rate: float
    seed: int


def one_thread() -> None:
    """Has PyTorch use one thread, where processes share the work."""
    torch.set_num_threads(1)


class Decoder:
    """A cell of `n_units` with a readout, for a rule; θ holds the cell's parameters, W (64, n), b (64,), and with SAB
    those of its attention."""

    def __init__(self, cell: str, n_units: int, rule: str, scale: Scaling) -> None:
        self.rule, self.n_units, self.scale = rule, n_units, scale
        self.cell = CELLS[cell](N_INPUTS, n_units)
        self.start = self.cell.n_parameters
        end = self.start + N_SAMPLES * (n_units + 1)
        self.attend, n_more = additive_attention(n_units, SAB_HIDDEN, end)
        self.n_parameters = end + (n_more if rule == "SAB" else 0)

    def initial(self, seed: int) -> Tensor:
        """θ (p,): the cell and the attention at random, the readout zero."""
        draw = torch.Generator().manual_seed(seed)
        of_cell = initial(self.cell, draw)
        n_more = self.n_parameters - self.start - N_SAMPLES * (self.n_units + 1)
        attention = torch.randn(n_more, generator=draw) / self.n_units**0.5
        return torch.cat([of_cell, torch.zeros(N_SAMPLES * (self.n_units + 1)), attention])

    def readout(self, theta: Tensor, state: Tensor) -> Tensor:
        """State (n,) -> what is lacking (64,), scaled."""
        middle = self.start + N_SAMPLES * self.n_units
        weights = theta[self.start : middle].view(N_SAMPLES, self.n_units)
        return weights @ state + theta[middle : middle + N_SAMPLES]

    def loss(self, theta: Tensor, state: Tensor, target: Tensor) -> Tensor:
        """The mean squared error of one step; target (64,), scaled."""
        return (self.readout(theta, state) - target).square().mean()

    def refine(self, theta: Tensor, x: Tensor) -> Tensor:
        """θ (p,), inputs (N_INPUTS,) -> what is lacking after each step, (K, 64), all scaled. Of SAB this is the
        network with its reads."""
        state, found, memories = x.new_zeros(self.n_units), [], list[Tensor]()
        for step in range(K):
            state = self.cell(theta, state, x)
            if self.rule == "SAB":
                if memories:
                    stored = torch.stack(memories)
                    state = state + read(self.attend(theta, state, stored), stored, SAB_TOP)
                if (step + 1) % SAB_EVERY == 0:
                    memories.append(state)
            found.append(self.readout(theta, state))
        return torch.stack(found)

    def scaled(self, inputs: Real) -> Tensor:
        """Inputs (…, N_INPUTS) as the cell takes them."""
        return torch.from_numpy((inputs - self.scale.mean) / self.scale.spread)

    def error(self, thetas: Tensor, of: Pool) -> Tensor:
        """The mean squared error after the last step, as a multiple of the codec's own, of each θ (R, p) -> (R,)."""
        x, lacking = self.scaled(of.inputs), torch.from_numpy(of.lacking)
        found = [vmap(self.refine, (None, 0))(theta, x)[:, -1] * self.scale.lacking for theta in thetas]
        return torch.stack([(one - lacking).square().mean() for one in found]) / lacking.square().mean()

    def decode(self, theta: Real, of: Coded) -> list[Real]:
        """By θ (p,): the picture after each step, K of (8 h, 8 w), 0 to 255, not rounded."""
        height, width, _ = of.inputs.shape
        x = self.scaled(of.inputs.reshape(-1, N_INPUTS))
        lacking = (vmap(self.refine, (None, 0))(torch.from_numpy(theta), x) * self.scale.lacking).numpy()
        return [np.clip(of.decoded + join(lacking[:, k], height, width), 0, 255) for k in range(K)]


class Trained(NamedTuple):
    """θ of each run (R, p), and the error on blocks that it did not learn from, (R, kept), at `updates` (kept,)."""

    thetas: Real
    updates: list[int]
    errors: Real


def train(
    decoder: Decoder, runs: Sequence[Run], of: Pool, checked: Pool, n_updates: int, batch: int, n_kept: int = 8
) -> Trained:
    """All runs learn from the same blocks in the same order, each once: n_updates × batch of them.

    Rules that go back take `batch` blocks for an update, K steps of each. Those that look forward learn online: they
    take K × `batch` blocks at once, and after each of the K steps θ changes, so that all rules have the same number of
    blocks, of steps and of updates; `n_updates` is a multiple of K.
    """
    n_carried = K * batch * decoder.n_units * decoder.n_parameters * len(runs)
    if decoder.rule == "RTRL" and n_carried > LARGEST_CARRY and len(runs) > 1:
        parts = [train(decoder, [run], of, checked, n_updates, batch, n_kept) for run in runs]
        thetas, kept_errors = (np.concatenate([part[i] for part in parts]) for i in (0, 2))
        return Trained(thetas, parts[0].updates, kept_errors)
    x, y = decoder.scaled(of.inputs), torch.from_numpy(of.lacking) / decoder.scale.lacking
    leaves = [decoder.initial(run.seed) for run in runs]
    change = [OPTIMISERS[run.optimiser]([leaf], lr=run.rate) for run, leaf in zip(runs, leaves, strict=True)]
    at_once = K * batch if decoder.rule in FORWARD else batch
    learn = _online(decoder, len(runs)) if decoder.rule in FORWARD else _whole(decoder)
    kept = set(np.linspace(0, n_updates * batch, n_kept + 1).round().astype(int) // at_once)
    updates, errors = [0], [decoder.error(torch.stack(leaves), checked)]
    for turn, first in enumerate(range(0, n_updates * batch, at_once)):
        piece = slice(first, first + at_once)

        def update(gradients: Tensor) -> Tensor:
            for leaf, gradient, optimiser in zip(leaves, gradients, change, strict=True):
                leaf.grad = gradient
                optimiser.step()
            return torch.stack(leaves)

        learn(torch.stack(leaves), x[piece], y[piece], update)
        if turn + 1 in kept:
            updates.append((turn + 1) * at_once // batch)
            errors.append(decoder.error(torch.stack(leaves), checked))
    return Trained(torch.stack(leaves).numpy(), updates, torch.stack(errors, 1).numpy())


Update = Callable[[Tensor], Tensor]
"""Takes gradients (R, p), changes θ, and returns it, (R, p)."""


def _whole(decoder: Decoder) -> Callable[[Tensor, Tensor, Tensor, Update], None]:
    """Learning from whole refinements: one update for B blocks."""
    more: dict[str, Any] = {
        "BPTT": (bptt, {}),
        "TBPTT": (tbptt, {"length": TBPTT_LENGTH}),
        "SAB": (sab, {"attend": decoder.attend, "every": SAB_EVERY, "top": SAB_TOP, "length": SAB_LENGTH}),
    }
    rule, options = more[decoder.rule]

    def of_block(theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        state = x.new_zeros(decoder.n_units)
        learnt: Learnt = rule(decoder.cell, decoder.loss, theta, x.expand(K, -1), y.expand(K, -1), state, **options)
        return learnt.gradient

    of_runs = vmap(lambda theta, x, y: vmap(of_block, (None, 0, 0))(theta, x, y).mean(0), (0, None, None))

    def learn(thetas: Tensor, x: Tensor, y: Tensor, update: Update) -> None:
        update(of_runs(thetas, x, y))

    return learn


def _online(decoder: Decoder, n_runs: int) -> Callable[[Tensor, Tensor, Tensor, Update], None]:
    """Learning after every step: K updates for B blocks, which refine in parallel; the past is carried on."""
    rule: Any = {"RTRL": rtrl, "UORO": uoro, "KF-RTRL": kf_rtrl, "SnAp-1": snap1}[decoder.rule]
    n, draw = decoder.n_units, torch.Generator().manual_seed(0)
    of_step: tuple[int, ...] = (n,) if rule is uoro else (len(decoder.cell.shapes), 2)
    is_random = rule in (uoro, kf_rtrl)
    if rule is snap1:
        theta = decoder.initial(0)
        rule = partial(snap1, unit_of=units_fed(decoder.cell, theta, torch.zeros(n), torch.zeros(N_INPUTS)))

    def by_rtrl(theta: Tensor, x: Tensor, y: Tensor, state: Tensor, carry: Any) -> Learnt:
        """The state does not depend on the readout, whose columns of the influence are left out."""
        of_cell, rest = theta[: decoder.start], theta[decoder.start :]
        learnt = rtrl(decoder.cell, partial(_with_rest, decoder.loss, rest), of_cell, x[None], y[None], state, carry)
        of_rest = grad(lambda rest: decoder.loss(torch.cat([of_cell, rest]), learnt.state, y))(rest)
        return learnt._replace(gradient=torch.cat([learnt.gradient, of_rest]))

    def of_block(theta: Tensor, x: Tensor, y: Tensor, state: Tensor, signs: Tensor, carry: Any = None) -> Learnt:
        if rule is rtrl:
            return by_rtrl(theta, x, y, state, carry)
        extra = {"signs": signs} if is_random else {}
        learnt: Learnt = rule(decoder.cell, decoder.loss, theta, x[None], y[None], state, carry=carry, **extra)
        return learnt

    def of_run(theta: Tensor, x: Tensor, y: Tensor, state: Tensor, signs: Tensor, *carry: Any) -> Any:
        found = vmap(of_block, (None, *(0,) * (4 + len(carry))))(theta, x, y, state, signs, *carry)
        return found.gradient.mean(0), found.state, found.carry

    def learn(thetas: Tensor, x: Tensor, y: Tensor, update: Update) -> None:
        state = x.new_zeros(n_runs, len(x), n)
        carry: tuple[Any, ...] = ()
        for _ in range(K):
            signs = random_signs(n_runs, len(x), 1, *of_step, generator=draw) if is_random else state
            of_runs = vmap(of_run, (0, None, None, *(0,) * (2 + len(carry))))
            gradients, state, after = of_runs(thetas, x, y, state, signs, *carry)
            carry = (after,)
            thetas = update(gradients)

    return learn


def _with_rest(
    loss: Callable[[Tensor, Tensor, Tensor], Tensor], rest: Tensor, theta: Tensor, state: Tensor, target: Tensor
) -> Tensor:
    return loss(torch.cat([theta, rest]), state, target)
