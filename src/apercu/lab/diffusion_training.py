"""Training of the sampler behind restore="diffusion"."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from apercu.lab import generative
from apercu.lab.diffusion import Sampler
from apercu.lab.generative import AVERAGED, SEED, batch_of
from apercu.lab.generative_losses import share
from apercu.lab.generative_samples import Sample
from apercu.lab.judge import Batch, Judge, planes_of, told_of
from apercu.lab.steps import Log, Part, Said, average, mean_of, run, share_of_rate
from apercu.lab.wavelet import analysed, synthesised, units
from apercu.restore.diffusion import GIVEN, LEVELS, NOISE, SHARP

PATCHES = 4, 8
"""Sides of the patches of the energy score, in samples of a band."""
LEAST_TIME = 0.1
"""Of the mixtures that are learnt: nearer to 0 there is next to no noise to take away."""
HELPED = 0.5
"""How often a level begins with a part of the truth, and how often with the original's coarser levels."""
COARSER, CLEAN = 8, 8
"""By how many times the step of clean images is larger, which are denoised without a condition; and the most, either
way, of their bands: a few edges would else outweigh all texture in the score."""


class Recipe(NamedTuple):
    """`conditioned`: crops of a batch that are not denoised without a condition. `grey`: the share of crops without
    chroma. `energy` and all after it are weights of losses."""

    steps: int = 4_200
    batch: int = 8
    conditioned: int = 6
    crop: int = 128
    grey: float = 0.25
    rate: float = 6e-4
    energy: float = 4.0
    error: float = 0.15
    bias: float = 1.0
    structure: float = 0.3
    oriented: float = 1.0
    deep: float = 1.0
    direction: float = 5.0
    flat: float = 10.0
    lattice: float = 1.0
    bins: float = 1.0


RECIPE = Recipe()


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
    with torch.autocast("cpu", torch.bfloat16):
        near = network.look(values.contiguous(memory_format=torch.channels_last))
        noise = torch.cat(noises).contiguous(memory_format=torch.channels_last)
        found = network.paint(near.repeat(len(noises), 1, 1, 1), noise)
    return list(found.float().chunk(len(noises)))


def energy(first: Tensor, second: Tensor, truth: Tensor) -> Tensor:
    """The energy score of two samples (N, 3, h, w) on overlapping patches, (N, number of sizes of patches): less means
    nearer to the distribution of the truth (Gneiting and Raftery 2007); that of no sample at all is in the second."""

    def lengths(values: Tensor, side: int) -> Tensor:
        squares = functional.avg_pool2d(values.square().sum(1, keepdim=True), side, side // 2)
        return (squares + 1e-4).sqrt().mean((1, 2, 3))

    scores = [
        (lengths(first - truth, side) + lengths(second - truth, side) - lengths(first - second, side)) / 2
        for side in PATCHES
    ]
    return torch.stack(scores, 1)


def nothing(truth: Tensor) -> Tensor:
    """The energy score of a sample that is 0."""
    return energy(torch.zeros_like(truth), torch.zeros_like(truth), truth)


def generate(
    network: Sampler, batch: Batch, conditioned: int, rng: np.random.Generator, helped: bool = True
) -> tuple[list[Tensor], Tensor]:
    """Two pictures of the first `conditioned` images, planes in squares; and the energy score of all, as a share of
    that of no sample, the mean over levels. The other images are denoised without a condition.

    The finer levels of both are told what came out of the first: the energy score wants two samples of one condition.

    `helped`: some samples begin with a part of the truth, and some levels with the original's coarser ones.
    """
    levels, low = levels_of(batch)
    n = len(batch.step)
    told = (torch.arange(n) < conditioned).float()
    chains: list[list[Tensor]] = [[], []]
    lows, scores = low, []
    for level in range(LEVELS, 0, -1):
        known = levels[level - 1]
        missing = SHARP[level - 1] * (known.original - known.faithful)
        clean = (known.original * (SHARP[level - 1] / COARSER)).clamp(-CLEAN, CLEAN)
        truth = torch.where(told[:, None, None, None] > 0, missing, clean)
        time = torch.from_numpy(rng.uniform(LEAST_TIME, 1, n).astype(np.float32))
        time = torch.where(torch.from_numpy(rng.random(n) >= HELPED * helped) & (told > 0), torch.ones(n), time)
        mixed = time[:, None, None, None]
        noisy = (1 - mixed) * truth + mixed * torch.randn_like(truth)
        values = given(lows, level, known, noisy, time, batch.step, told)
        noises = [torch.randn(n, NOISE, *truth.shape[2:]) for _ in range(2)]
        samples = draw(network, values, noises)
        scores.append(share(energy(samples[0], samples[1], truth), nothing(truth)))
        for chain, sample in zip(chains, samples, strict=True):
            chain.append((known.faithful + sample / SHARP[level - 1]) * known.unit)
        forced = torch.from_numpy(rng.random(n) < HELPED * helped)[:, None, None, None]
        own = chains[0][-1].detach()
        lows = synthesised(lows, torch.where(forced, known.original * known.unit, own))
    pictures = []
    for chain in chains:
        plane = low
        for bands in chain:
            plane = synthesised(plane, bands)
        squares = functional.pixel_unshuffle(plane, 4)
        pictures.append(torch.cat([squares, batch.restored[:, 16:]], 1)[:conditioned])
    return pictures, torch.stack(scores).mean()


def fit(
    samples: list[Sample],
    held_out: list[Sample],
    recipe: Recipe,
    checkpoint: Path,
    seed: int,
    log: Log,
) -> tuple[Sampler, list[Said]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged sampler and the lines of the log."""
    torch.manual_seed(seed)
    network, averaged, judge = Sampler(), Sampler(), Judge()
    for each in (network, judge.networks):
        each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, (0.9, 0.99), weight_decay=1e-4)

    def losses_of(
        network: Sampler, of: list[Sample], seeds: tuple[int, ...], turn: int, helped: bool
    ) -> dict[str, Tensor]:
        rng = np.random.default_rng(seeds)
        batch = batch_of(of, recipe, rng)
        pictures, score = generate(network, batch, recipe.conditioned, rng, helped)
        shown = Batch(*(part[: recipe.conditioned] for part in batch))
        return {"energy": score, **judge(shown, pictures[0], pictures[1], turn)}

    def step_of(step: int) -> Said:
        optimiser.param_groups[0]["lr"] = recipe.rate * share_of_rate(step, recipe.steps)
        torch.manual_seed(seed + step)
        found = losses_of(network, samples, (seed, step), step, True)
        loss = sum((getattr(recipe, name) * value for name, value in found.items()), torch.zeros(()))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        return {name: float(value.detach()) for name, value in found.items()}

    def unseen() -> Said:
        told = []
        with torch.no_grad():
            for k in range(8):
                torch.manual_seed(seed + k)
                found = losses_of(averaged, held_out, (seed, 0, k), k, False)
                told.append({name: float(value) for name, value in found.items()})
        return mean_of(told)

    parts: dict[str, Part] = {"network": network, "averaged": averaged, "optimiser": optimiser}
    return averaged, run(parts, recipe.steps, step_of, unseen, checkpoint, log)
