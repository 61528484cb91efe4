"""Training of the network behind restore="gan" on images that the codec has encoded, decoded and restored by "cnn".

First towards the original's pixels, statistics and deep features alone; then against a discriminator, too.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from apercu.lab import generative
from apercu.lab.adversary import Adversary
from apercu.lab.gan import Generator
from apercu.lab.generative import AVERAGED, SEED, batch_of, descend
from apercu.lab.generative_samples import Sample
from apercu.lab.judge import Batch, Judge, told_of
from apercu.lab.steps import DEVICE, Log, Part, Said, Told, average, mean_of, run, share_of_rate
from apercu.restore.gan import CHANNELS, NOISE, RESIDUAL


class Recipe(NamedTuple):
    """`warm`: steps without the discriminator, whose weight then rises for as many. `grey`: the share of crops without
    chroma. `gain`: what the network makes up is multiplied by it in the end, since losses that count errors leave it
    fainter than what is missing; of the diffuser, that is every sample. The rest are weights of losses."""

    steps: int = 5_400
    warm: int = 500
    batch: int = 8
    crop: int = 128
    grey: float = 0.25
    rate: float = 4e-4
    rate_of_discriminator: float = 4e-4
    error: float = 0.15
    bias: float = 1.0
    structure: float = 0.3
    oriented: float = 1.0
    deep: float = 1.0
    direction: float = 5.0
    spectrum: float = 0.5
    flat: float = 1.5
    adversary: float = 0.1
    features: float = 0.05
    lattice: float = 5.0
    bins: float = 1.0
    gain: float = 1.0


RECIPE = Recipe() if DEVICE.type == "cpu" else Recipe(steps=12_000, batch=16, crop=192)
"""On a processor: for one core and an hour and a half."""


def train(folder: Path, out: Path, seed: int = SEED, log: Log = print) -> None:
    """See `apercu.lab.generative.train`."""
    generative.train("gan", CHANNELS, fit, RECIPE, folder, out, seed, log)


def to_input(decoded: Tensor, restored: Tensor, step: Tensor) -> Tensor:
    """What the generator is given beside noise, (N, CHANNELS - NOISE, H / 4, W / 4)."""
    told = told_of(step)[:, None, None, None].expand(-1, 1, *decoded.shape[2:])
    return torch.cat([decoded, RESIDUAL * (restored - decoded), told], 1)


def noise_of(batch: Batch, seed: int | None = None) -> Tensor:
    """As many numbers as pixels, from torch's generator or from one with a seed."""
    shape = (len(batch.step), NOISE, *batch.decoded.shape[2:])
    if seed is None:
        return torch.randn(shape, device=DEVICE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def generate(network: Generator, batch: Batch, noises: list[Tensor]) -> list[Tensor]:
    """The planes that the generator makes of each noise, in squares."""
    given = to_input(batch.decoded, batch.restored, batch.step)
    with torch.autocast(DEVICE.type, torch.bfloat16):
        near = network.look(given.contiguous(memory_format=torch.channels_last))
        noise = torch.cat(noises).contiguous(memory_format=torch.channels_last)
        added = network.paint(near.repeat(len(noises), 1, 1, 1), noise)
    return [batch.restored + one for one in added.float().chunk(len(noises))]


def fit(
    samples: list[Sample],
    held_out: list[Sample],
    recipe: Recipe,
    checkpoint: Path,
    seed: int,
    log: Log,
) -> tuple[Generator, list[Said]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged generator and the lines of the log."""
    torch.manual_seed(seed)
    network, averaged, judge = Generator().to(DEVICE), Generator().to(DEVICE), Judge().to(DEVICE)
    for each in (network, judge.networks):
        each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    adversary = Adversary(recipe.rate_of_discriminator, recipe.warm)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, (0.5, 0.99), weight_decay=1e-4)

    def step_of(step: int) -> Told:
        part_of_rate = share_of_rate(step, recipe.steps)
        optimiser.param_groups[0]["lr"] = recipe.rate * part_of_rate
        adversary.optimiser.param_groups[0]["lr"] = recipe.rate_of_discriminator * part_of_rate
        batch = batch_of(samples, recipe, np.random.default_rng((seed, step)))
        torch.manual_seed(seed + step)
        generated, again = generate(network, batch, [noise_of(batch) for _ in range(2)])
        found = judge(batch, generated, again, step) | adversary.judge(step, batch, generated)
        descend(network, optimiser, recipe, found)
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        return {name: value.detach() for name, value in found.items()} | adversary.learn(step, batch, generated)

    parts: dict[str, Part] = {
        "network": network, "averaged": averaged, "optimiser": optimiser, **adversary.parts(),
    }  # fmt: skip
    rows = run(parts, recipe.steps, step_of, lambda: _unseen(held_out, recipe, averaged, judge, seed), checkpoint, log)
    averaged.gain = recipe.gain
    return averaged, rows


def _unseen(held_out: list[Sample], recipe: Recipe, network: Generator, judge: Judge, seed: int) -> Said:
    """The losses of crops of images that are not trained on; the same ones each time."""
    found = []
    with torch.no_grad():
        for k in range(8):
            batch = batch_of(held_out, recipe, np.random.default_rng((seed, 0, k)))
            pair = generate(network, batch, [noise_of(batch, 2 * k + draw) for draw in range(2)])
            found.append(judge(batch, *pair, k))
    return mean_of(found)
