"""Training of the networks behind restore="cnn": see `apercu.lab.fidelity`."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from apercu.lab import fidelity
from apercu.lab.cnn import Network, start_from, to_input
from apercu.lab.fidelity import SEED, Batch, Course, Groups, Recipe, left, shares
from apercu.lab.steps import Log, Said, quickly
from apercu.restore.networks import shipped_file
from apercu.restore.told import GRID

RECIPES = {
    "cnn": Recipe(3 * (("apercu", 6400, 16_000),), 18_000, 1e-3, 2),  # steps from 256 down to 22
    "cnn_blocks": Recipe(
        (*3 * (("taha2025", 1500, 21_000),), ("dct", 1500, 17_500), ("stacked_ae", 1500, 21_000)),
        25_600,
        7e-4,
        GRID,
        start="cnn",
        sizes=(1, 1, 0.75, 0.5),
        drawn=1500,
        in_batch=3,
    ),
}
"""By the name of the network."""


def train(
    folder: Path,
    out: Path,
    seed: int = SEED,
    log: Log = print,
    setup: Callable[[], object] | None = None,
    what: str = "cnn",
) -> None:
    """See `apercu.lab.fidelity.train`. `what`: the network, by its name in RECIPES."""
    recipe = RECIPES[what]
    fidelity.train(Course(what, "cnn", recipe.channels, fit, recipe), folder, out, seed, log, setup)


def loss_of(network: nn.Module, batch: Batch, n_drawn: int) -> tuple[Tensor, list[float]]:
    """See `apercu.lab.fidelity.shares`."""
    with quickly():
        residual = network(to_input(*batch[:3]).to(memory_format=torch.channels_last)).float()
    with torch.no_grad():
        before = left(batch)
    return shares(left(batch, residual), before, n_drawn)


def fit(
    samples: Groups, held_out: Groups, recipe: Recipe, checkpoint: Path, seed: int, log: Log
) -> tuple[Network, list[Said]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged network and the lines of the log."""
    torch.manual_seed(seed)
    network, averaged = Network(recipe.channels), Network(recipe.channels)
    if recipe.start:
        start_from(network, shipped_file(recipe.start))
    names = ["error", "dissimilarity", "drawn_error"][: 2 + len(samples[1:])]

    def loss(network: nn.Module, batch: Batch, _: int | None) -> tuple[Tensor, Said]:
        found, told = loss_of(network, batch, recipe.in_batch)
        return found, dict(zip(names, told, strict=True))

    made_by = recipe._asdict() | {"seed": seed}
    return averaged, fidelity.learn(
        (network, averaged), loss, samples, held_out, recipe, checkpoint, seed, log, made_by
    )
