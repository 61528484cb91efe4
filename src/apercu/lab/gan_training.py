"""Training of the network behind restore="gan" on images that the codec has encoded, decoded and restored by "cnn".

First towards the original's pixels, statistics and deep features alone; then against a discriminator, too.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from apercu.lab import generative, generative_fit
from apercu.lab.gan import Generator
from apercu.lab.generative import SEED
from apercu.lab.generative_fit import Learner, Made
from apercu.lab.generative_losses import energy, nothing, share
from apercu.lab.judge import Batch, planes_of, told_of
from apercu.lab.steps import DEVICE, Log, quickly
from apercu.restore.gan import CHANNELS, NOISE, RESIDUAL
from apercu.restore.generated import GREY_LEVELS


class Recipe(NamedTuple):
    """`warm`: steps without the discriminator, whose weight then rises for as many. `grey`: the share of crops without
    chroma. The rest are weights of losses."""

    steps: int = 5_400
    warm: int = 500
    batch: int = 8
    crop: int = 128
    grey: float = 0.25
    rate: float = 4e-4
    rate_of_discriminator: float = 4e-4
    error: float = 0.1
    energy: float = 1.0
    bias: float = 0.5
    structure: float = 0.6
    oriented: float = 1.5
    deep: float = 1.0
    direction: float = 15.0
    spectrum: float = 0.5
    flat: float = 1.5
    adversary: float = 0.05
    features: float = 0.05
    lattice: float = 5.0
    lines: float = 1.0
    bins: float = 1.0


RECIPE = Recipe() if DEVICE.type == "cpu" else Recipe(steps=12_000, batch=16, crop=192)
"""The first is for one core and an hour and a half, the second for a GPU."""


def train(folder: Path, out: Path, seed: int = SEED, log: Log = print) -> None:
    """See `apercu.lab.generative.train`."""
    generative.train("gan", CHANNELS, fit, RECIPE, folder, out, seed, log)


def to_input(decoded: Tensor, restored: Tensor, step: Tensor) -> Tensor:
    """What the generator is given beside noise, (N, CHANNELS - NOISE, H / 4, W / 4)."""
    told = told_of(step)[:, None, None, None].expand(-1, 1, *decoded.shape[2:])
    return torch.cat([decoded, RESIDUAL * (restored - decoded), told], 1)


def generate(network: Generator, batch: Batch, noises: list[Tensor]) -> list[Tensor]:
    """The planes that the generator makes of each noise (N, NOISE, H / 4, W / 4), in squares."""
    given = to_input(batch.decoded, batch.restored, batch.step)
    with quickly(DEVICE):
        near = network.look(given.contiguous(memory_format=torch.channels_last))
        noise = torch.cat(noises).contiguous(memory_format=torch.channels_last)
        added = network.paint(near.repeat(len(noises), 1, 1, 1), noise)
    return [batch.restored + one for one in added.float().chunk(len(noises))]


def made(network: Generator, batch: Batch, recipe: Recipe, rng: np.random.Generator | None) -> Made:
    """See `apercu.lab.generative_fit.Learner`. The energy score is that of luma."""
    shape = len(batch.step), NOISE, *batch.decoded.shape[2:]
    pictures = generate(network, batch, [torch.randn(shape, device=DEVICE) for _ in range(2)])
    faithful, truth, *samples = (planes_of(squares)[0] for squares in (batch.restored, batch.original, *pictures))
    missing, first, second = (GREY_LEVELS * (luma - faithful) for luma in (truth, *samples))
    return pictures, {"energy": share(energy(first, second, missing), nothing(missing))}


fit = partial(generative_fit.fit, Learner(Generator, made, comparable=lambda batch: batch, momentum=0.5))
