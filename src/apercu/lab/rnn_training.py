"""Training of the network of restore="rnn" by back-propagation through time, with a loss at every step.

Each step's loss weighs FALLING times that of the next one (Teed and Deng 2020, section 3.4): all steps are to come
nearer to the original, the last one most. Sequences grow while the network learns, which saves time. Then, now and
again, one is as long as a decoder may ask for, and in the end every second, so that later steps take nothing back.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from apercu.lab import fidelity
from apercu.lab.cnn import to_input
from apercu.lab.fidelity import LOSS, SEED, Batch, Course, Groups, Recipe, left, shares
from apercu.lab.rnn import Network
from apercu.lab.steps import Log, Said, quickly
from apercu.restore.rnn import FOUND, GIVEN, MOST_STEPS, STATE, STEPS
from apercu.restore.squares import OUT

RECIPE = Recipe(3 * (("apercu", 6400, 16_000),), 14_000, 1e-3, 2)  # the files that "cnn" learns from
FALLING = 0.8
GROWING = 1, 2, STEPS, STEPS, STEPS, STEPS  # steps of a sequence, in each sixth of training
LONG = 8, 2  # of sequences of STEPS, one of so many has MOST_STEPS; in the last sixth of training
UNROLLED = {
    "rule": "BPTT",
    "steps_of_sequences": [*GROWING],
    "long_ones": [MOST_STEPS, *LONG],
    "weight_of_a_step_beside_the_next": FALLING,
}
"""What the recipe says of it."""


def train(
    folder: Path, out: Path, seed: int = SEED, log: Log = print, setup: Callable[[], object] | None = None
) -> None:
    """See `apercu.lab.fidelity.train`."""
    course = Course("rnn", "rnn", GIVEN + FOUND, fit, RECIPE, f"at each step of a sequence: {LOSS}", UNROLLED)
    fidelity.train(course, folder, out, seed, log, setup)


def length_of(step: int, steps: int) -> int:
    """Steps of the network that a step of training, out of so many, goes through."""
    part = len(GROWING) * step // steps
    each = LONG[part == len(GROWING) - 1]
    return GROWING[part] if GROWING[part] < STEPS or step % each else MOST_STEPS


def residuals(network: Network, batch: Batch, length: int) -> Iterator[Tensor]:
    """(N, OUT, H / 4, W / 4) after each of so many steps, float32."""
    given = to_input(*batch[:3]).to(memory_format=torch.channels_last)
    residual, state = (torch.zeros(len(given), n, *given.shape[2:]) for n in (OUT, STATE))
    for _ in range(length):
        with quickly():
            residual, state = network.step(given, residual, state)
        yield residual


def loss_of(network: Network, batch: Batch, length: int) -> tuple[Tensor, Said]:
    """The mean of the losses of all steps, by their weights; and of some of them the shares of squared error and of
    dissimilarity that are left: of the first, of the last and, under no other name, of the one that decoders end with
    unless they are told to take another."""
    with torch.no_grad():
        before = left(batch)
    losses, told = [], list[list[float]]()
    for residual in residuals(network, batch, length):
        loss, shares_left = shares(left(batch, residual), before, 0)
        losses.append(loss)
        told.append(shares_left)
    weights = FALLING ** torch.arange(length - 1, -1, -1.0)
    error, dissimilarity = told[min(STEPS, length) - 1]
    said = {"error": error, "dissimilarity": dissimilarity, "first_error": told[0][0], "last_error": told[-1][0]}
    return (torch.stack(losses) * weights).sum() / weights.sum(), said


def fit(
    samples: Groups, held_out: Groups, recipe: Recipe, checkpoint: Path, seed: int, log: Log
) -> tuple[Network, list[Said]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged network and the lines of the log."""
    torch.manual_seed(seed)
    network, averaged = Network(), Network()

    def loss(network: nn.Module, batch: Batch, step: int | None) -> tuple[Tensor, Said]:
        return loss_of(cast(Network, network), batch, MOST_STEPS if step is None else length_of(step, recipe.steps))

    made_by = recipe._asdict() | {"seed": seed, **UNROLLED}
    return averaged, fidelity.learn(
        (network, averaged), loss, samples, held_out, recipe, checkpoint, seed, log, made_by
    )
