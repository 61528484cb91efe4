"""Rules by which recurrent networks learn, each a plain function that says the gradient of a loss.

    rule(cell, loss, parameters, inputs, targets, state, …, carry=None) -> Learnt(loss, gradient, state, carry)

    cell(theta, state, x) -> state      p parameters, n units: (p,), (n,), any shape -> (n,)
    loss(theta, state, target) -> ()    of one step; it may depend on theta itself, as a readout does
    parameters (p,)                     θ, constant during a call
    inputs (T, …), targets (T, …)       one of each for each step
    state (n,)                          before the first step; no gradient flows into it
    Learnt.loss ()                      the sum over the steps
    Learnt.gradient (p,)                of that sum, exact or estimated as the rule says
    Learnt.state (n,)                   after the last step
    Learnt.carry                        what a rule that looks forward (`apercu.lab.online_rules`) keeps of the past;
                                        () of those here, which see no further back than the call

Calls with T = 1 that hand state and carry on are online learning, with a change of the parameters after every step;
what is carried then belongs to earlier parameters, as it does in RTRL whenever it learns online. All rules are pure
functions and work under `torch.func.vmap`, over batches, seeds or parameters; randomness is an argument. `bptt` and
`tbptt` take states of any shape.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value

from apercu.errors import OptionError
from apercu.lab.recurrent_cells import Attend, Cell

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
EPSILON = 1e-7
"""Keeps quotients finite where both parts are zero."""


class Learnt(NamedTuple):
    """What a rule returns; the module says the shapes."""

    loss: Tensor
    gradient: Tensor
    state: Tensor
    carry: Any = ()


def bptt(cell: Cell, loss: Loss, parameters: Tensor, inputs: Tensor, targets: Tensor, state: Tensor) -> Learnt:
    """Back-propagation through time (Werbos 1990): exact. Memory T times what the cell keeps for its derivative."""

    def total(theta: Tensor) -> tuple[Tensor, Tensor]:
        here, losses = state, []
        for x, target in steps(inputs, targets):
            here = cell(theta, here, x)
            losses.append(loss(theta, here, target))
        return torch.stack(losses).sum(), here

    gradient, (value, last) = grad_and_value(total, has_aux=True)(parameters)
    return Learnt(value, gradient, last)


def tbptt(
    cell: Cell, loss: Loss, parameters: Tensor, inputs: Tensor, targets: Tensor, state: Tensor, length: int
) -> Learnt:
    """Truncated back-propagation, TBPTT(k): the sequence is cut into pieces of k = `length` steps (the last may be
    shorter), and no gradient flows from one into another. Memory k times that of a step.

    It is biased: an influence that takes longer than k steps to show is taken for none. The first step of a piece sees
    one step back and the last one k, k / 2 in the mean (Williams and Peng 1990 have other schemes)."""
    if length < 1:
        raise OptionError(f"length={length}: a piece has one step at least")
    values, gradients = [], []
    for first in range(0, len(steps(inputs, targets)), length):
        piece = slice(first, first + length)
        learnt = bptt(cell, loss, parameters, inputs[piece], targets[piece], state)
        state = learnt.state
        values.append(learnt.loss)
        gradients.append(learnt.gradient)
    return Learnt(torch.stack(values).sum(), torch.stack(gradients).sum(0), state)


def sab(
    cell: Cell,
    loss: Loss,
    parameters: Tensor,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    attend: Attend,
    every: int,
    top: int,
    length: int,
) -> Learnt:
    """Sparse attentive backtracking (Ke et al. 2018, "Sparse Attentive Backtracking: Temporal Credit Assignment Through
    Reminding", NeurIPS, algorithm 1). The network is another one: at each step it reads from stored states of its past,

        ŝ = cell(θ, s, x)                   the provisional state
        aᵢ = attend(θ, ŝ, m)ᵢ               a score for each of the M memories
        wᵢ = max(aᵢ − a₍top+1₎, 0)          the `top` best count, by how far they are above the next one
        s' = ŝ + Σ wᵢ mᵢ / Σ wᵢ
        every `every`-th s' becomes a memory

    and the chain of states is cut after every `length` steps. A gradient goes back through the steps since the last
    cut, and through each read into the memories that it selected, then on from these to the cut before them, and
    through their own reads. So it reaches any distance, through few steps.

    attend: (p,), (n,), (M, n) -> (M,), such as `additive_attention`, whose parameters are a part of θ.
    every, top, length: k_att, k_top and k_trunc of the paper, 1 at least.

    What the paper does not state: with at most `top` memories there is no next score, and the lowest less 1 takes its
    place, so that all memories count and a single one is read as it is. The paper's readout takes the read beside the
    state; here it is in the state only. Memory T times what the cell keeps, and T² / `every` scores."""
    for name, value in (("every", every), ("top", top), ("length", length)):
        if value < 1:
            raise OptionError(f"{name}={value}: it is 1 at least")

    def total(theta: Tensor) -> tuple[Tensor, Tensor]:
        here, losses, memories = state, [], list[Tensor]()
        for step, (x, target) in enumerate(steps(inputs, targets)):
            here = cell(theta, here if step % length else here.detach(), x)  # (n,)
            if memories:
                stored = torch.stack(memories)  # (M, n)
                here = here + read(attend(theta, here, stored), stored, top)
            if (step + 1) % every == 0:
                memories.append(here)
            losses.append(loss(theta, here, target))
        return torch.stack(losses).sum(), here

    gradient, (value, last) = grad_and_value(total, has_aux=True)(parameters)
    return Learnt(value, gradient, last)


def read(scores: Tensor, memories: Tensor, top: int) -> Tensor:
    """Scores (M,) and memories (M, n) -> the mean (n,) of the memories by how far their scores are above that of rank
    top + 1; zero where all are equal, and nothing stands out."""
    threshold = scores.topk(top + 1).values[-1] if len(scores) > top else scores.min() - 1
    weights = (scores - threshold).clamp(min=0)  # (M,)
    return weights @ memories / (weights.sum() + EPSILON)


def steps(inputs: Tensor, targets: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The inputs and the targets of each step. Raises OptionError where their numbers differ, or are 0."""
    if len(inputs) != len(targets) or not len(inputs):
        raise OptionError(f"{len(inputs)} inputs and {len(targets)} targets: there is one of each for each step")
    return list(zip(inputs.unbind(), targets.unbind(), strict=True))
