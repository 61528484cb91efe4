"""Training of the sampler behind restore="diffusion"."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from apercu.lab import generative, generative_fit
from apercu.lab.diffusion import Sampler
from apercu.lab.generative import SEED
from apercu.lab.generative_fit import Learner, Made
from apercu.lab.generative_losses import energy, nothing, share
from apercu.lab.judge import Batch, planes_of, told_of
from apercu.lab.steps import DEVICE, Log, quickly
from apercu.lab.wavelet import analysed, synthesised, units
from apercu.restore.diffusion import GIVEN, LEVELS, NOISE, SHARP, STEPS

CHAINS = 1, 2, 4, 4, 4, 8
"""Steps of denoising at a level, in training one of these."""
COARSER, CLEAN = 8, 8
"""By how many times the step of clean images is larger, which are denoised without a condition; and the most, either
way, of their bands: a few edges would else outweigh all texture in the score."""


class Recipe(NamedTuple):
    """`conditioned`: crops of a batch that are denoised with their condition. `grey`: the share of crops without
    chroma. `warm`: as in `apercu.lab.gan_training`. `energy` and all after it are weights of losses."""

    steps: int = 4_200
    batch: int = 8
    conditioned: int = 6
    crop: int = 128
    grey: float = 0.25
    rate: float = 6e-4
    warm: int = 500
    rate_of_discriminator: float = 4e-4
    energy: float = 0.5
    sampled: float = 0.5
    error: float = 0.15
    bias: float = 0.5
    structure: float = 0.6
    oriented: float = 1.5
    deep: float = 1.0
    direction: float = 12.0
    spectrum: float = 0.5
    flat: float = 1.5
    adversary: float = 0.05
    features: float = 0.05
    lattice: float = 3.0
    lines: float = 0.5
    bins: float = 1.0


RECIPE = Recipe() if DEVICE.type == "cpu" else Recipe(steps=6_000, batch=16, conditioned=12, crop=192)
"""The first is for one core and three hours, the second for a GPU."""


def train(folder: Path, out: Path, seed: int = SEED, log: Log = print) -> None:
    """See `apercu.lab.generative.train`."""
    generative.train("diffusion", GIVEN + NOISE, fit, RECIPE, folder, out, seed, log)


class Level(NamedTuple):
    """What is known of a level's bands: each (N, 3, h, w), in steps but for `unit` (N, 3, 1, 1)."""

    faithful: Tensor
    decoded: Tensor
    original: Tensor
    unit: Tensor


def levels_of(batch: Batch) -> tuple[list[Level], Tensor]:
    """Of luma, finest first; and LL of the coarsest one of the faithful planes."""
    lumas = [planes_of(squares)[0] for squares in (batch.restored, batch.decoded, batch.original)]
    found = []
    for level in range(1, LEVELS + 1):
        unit = units(level, batch.step)
        pairs = [analysed(luma) for luma in lumas]
        lumas = [low for low, _ in pairs]
        faithful, decoded, original = (bands / unit for _, bands in pairs)
        found.append(Level(faithful, decoded, original, unit))
    return found, lumas[0]


def compressed(values: Tensor) -> Tensor:
    """Symbols and residuals on a scale that large ones do not fill."""
    return values.sign() * values.abs().log1p()


def given(low: Tensor, level: int, known: Level, noisy: Tensor, time: Tensor, step: Tensor, told: Tensor) -> Tensor:
    """The input of the sampler but for its noise: (N, GIVEN, h, w). `time` and `told` (N,): the latter 0 where the
    condition is left out."""
    n, _, h, w = noisy.shape
    bright = low / 2**level
    around = functional.avg_pool2d(functional.pad(bright, (1, 1, 1, 1), mode="replicate"), 3, 1)
    fine = compressed((bright - around) * (127.5 / step)[:, None, None, None] * 4)
    condition = torch.cat(
        [
            bright,
            fine,
            compressed(known.decoded),
            2 * (known.faithful - known.decoded),
            (known.decoded.abs() > 0.5).to(noisy.dtype),
        ],
        1,
    )
    numbers = torch.stack([told_of(step), torch.full_like(step, level - 2.0)], 1) * told[:, None]
    numbers = torch.cat([numbers, time[:, None], told[:, None]], 1)
    return torch.cat([condition * told[:, None, None, None], noisy, numbers[:, :, None, None].expand(n, -1, h, w)], 1)


def draw(network: Sampler, values: Tensor, noises: list[Tensor]) -> list[Tensor]:
    """Samples of what is missing, one for each noise."""
    with quickly(DEVICE):
        near = network.look(values.contiguous(memory_format=torch.channels_last))
        noise = torch.cat(noises).contiguous(memory_format=torch.channels_last)
        found = network.paint(near.repeat(len(noises), 1, 1, 1), noise)
    return list(found.float().chunk(len(noises)))


def denoised(network: Sampler, batch: Batch, levels: list[Level], low: Tensor, conditioned: int) -> Tensor:
    """The energy score of two samples that begin with a part of the truth, as a share of that of no sample: the mean
    over levels. All but the first `conditioned` images are denoised without a condition."""
    n = len(batch.step)
    told = (torch.arange(n, device=DEVICE) < conditioned).float()
    scores = []
    for level in range(LEVELS, 0, -1):
        known = levels[level - 1]
        missing = SHARP[level - 1] * (known.original - known.faithful)
        clean = (known.original * (SHARP[level - 1] / COARSER)).clamp(-CLEAN, CLEAN)
        truth = torch.where(told[:, None, None, None] > 0, missing, clean)
        time = torch.rand(n, device=DEVICE)
        mixed = time[:, None, None, None]
        noisy = (1 - mixed) * truth + mixed * torch.randn_like(truth)
        values = given(low, level, known, noisy, time, batch.step, told)
        samples = draw(network, values, [_noise_for(truth) for _ in range(2)])
        scores.append(share(energy(samples[0], samples[1], truth), nothing(truth)))
        low = synthesised(low, known.original * known.unit)
    return torch.stack(scores).mean()


def sampled(
    network: Sampler, batch: Batch, levels: list[Level], low: Tensor, steps: Sequence[int]
) -> tuple[list[Tensor], Tensor]:
    """Two pictures of each image, made as a decoder does with so many steps at each level, finest first; planes in
    squares. And the energy score of their bands.

    Gradients pass through the last step of each level alone.
    """
    n = len(batch.step)
    twice = batch.step.repeat(2)
    low = low.repeat(2, 1, 1, 1)
    plane, scores = low, []
    for level in range(LEVELS, 0, -1):
        known = Level(*(of.repeat(2, 1, 1, 1) for of in levels[level - 1]))
        noisy = torch.randn_like(known.original)
        for k in range(steps[level - 1]):
            time, next_time = 1 - k / steps[level - 1], 1 - (k + 1) / steps[level - 1]
            values = given(low, level, known, noisy, torch.full_like(twice, time), twice, torch.ones_like(twice))
            with torch.set_grad_enabled(torch.is_grad_enabled() and next_time == 0):
                found = draw(network, values, [_noise_for(noisy)])[0]
            kept = next_time / time
            noisy = kept * noisy + (1 - next_time - kept * (1 - time)) * found
        truth = SHARP[level - 1] * (known.original - known.faithful)[:n]
        scores.append(share(energy(noisy[:n], noisy[n:], truth), nothing(truth)))
        bands = (known.faithful + noisy / SHARP[level - 1]) * known.unit
        plane, low = synthesised(plane, bands), synthesised(low, bands.detach())
    squares = torch.cat([functional.pixel_unshuffle(plane, 4), batch.restored[:, 16:].repeat(2, 1, 1, 1)], 1)
    return list(squares.chunk(2)), torch.stack(scores).mean()


def _noise_for(values: Tensor) -> Tensor:
    return torch.randn(len(values), NOISE, *values.shape[2:], device=values.device)


def _of_luma(batch: Batch) -> Batch:
    """A batch whose original has the chroma of "cnn": this restorer leaves that as it is."""
    return batch._replace(original=torch.cat([batch.original[:, :16], batch.restored[:, 16:]], 1))


def made(network: Sampler, batch: Batch, recipe: Recipe, rng: np.random.Generator | None) -> Made:
    """See `apercu.lab.generative_fit.Learner`."""
    levels, low = levels_of(batch)
    steps = [STEPS] * LEVELS if rng is None else rng.choice(CHAINS, LEVELS).tolist()
    pictures, score = sampled(network, batch, levels, low, steps)
    if rng is None:
        return pictures, {"sampled": score}
    return pictures, {"energy": denoised(network, batch, levels, low, recipe.conditioned), "sampled": score}


fit = partial(generative_fit.fit, Learner(Sampler, made, comparable=_of_luma, momentum=0.9))
