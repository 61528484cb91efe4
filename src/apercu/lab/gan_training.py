"""Training of the network behind restore="gan" on images that the codec has encoded, decoded and restored by "cnn".

First towards the original's pixels, statistics and deep features alone; then against a discriminator, too, by the
relativistic loss of pairs (Jolicoeur-Martineau 2019) and by the features that it sees (Wang et al. 2018).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.lab import generative
from apercu.lab.gan import Discriminator, Generator
from apercu.lab.generative import AVERAGED, SEED, batch_of
from apercu.lab.generative_losses import between, share
from apercu.lab.generative_samples import Sample
from apercu.lab.judge import Batch, Judge, told_of
from apercu.lab.steps import Log, Part, Said, average, mean_of, run, share_of_rate
from apercu.restore.gan import CHANNELS, NOISE, RESIDUAL


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
    error: float = 0.15
    bias: float = 1.0
    structure: float = 0.3
    oriented: float = 1.0
    deep: float = 1.0
    direction: float = 5.0
    flat: float = 10.0
    adversary: float = 0.1
    features: float = 0.05
    lattice: float = 5.0
    bins: float = 1.0


RECIPE = Recipe()


def train(folder: Path, out: Path, seed: int = SEED, log: Log = print) -> None:
    """See `apercu.lab.generative.train`."""
    generative.train("gan", CHANNELS, fit, RECIPE, folder, out, seed, log)


def to_input(decoded: Tensor, restored: Tensor, step: Tensor) -> Tensor:
    """What the generator is given beside noise, (N, CHANNELS - NOISE, H / 4, W / 4)."""
    told = told_of(step)[:, None, None, None].expand(-1, 1, *decoded.shape[2:])
    return torch.cat([decoded, RESIDUAL * (restored - decoded), told], 1)


def noise_of(batch: Batch, seed: int | None = None) -> Tensor:
    """As many numbers as pixels, from torch's generator or from one with a seed."""
    own = None if seed is None else torch.Generator().manual_seed(seed)
    return torch.randn(len(batch.step), NOISE, *batch.decoded.shape[2:], generator=own)


def generate(network: Generator, batch: Batch, noises: list[Tensor]) -> list[Tensor]:
    """The planes that the generator makes of each noise, in squares."""
    given = to_input(batch.decoded, batch.restored, batch.step)
    with torch.autocast("cpu", torch.bfloat16):
        near = network.look(given.contiguous(memory_format=torch.channels_last))
        noise = torch.cat(noises).contiguous(memory_format=torch.channels_last)
        added = network.paint(near.repeat(len(noises), 1, 1, 1), noise)
    return [batch.restored + one for one in added.float().chunk(len(noises))]


def tell(adversary: Discriminator, batch: Batch, planes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """What the discriminator tells of planes."""
    with torch.autocast("cpu", torch.bfloat16):
        given = (planes - batch.restored, batch.restored)
        told, features = adversary(*(each.contiguous(memory_format=torch.channels_last) for each in given))
    return told, [each.float() for each in features]


def apart(better: list[Tensor], worse: list[Tensor]) -> Tensor:
    """The relativistic loss, the mean over scales: small where `better` is told to be more of an original."""
    pairs = zip(better, worse, strict=True)
    return torch.stack([functional.softplus(b - a).mean() for a, b in pairs]).mean()


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
    network, averaged, adversary, judge = Generator(), Generator(), Discriminator(), Judge()
    for each in (network, adversary, judge.networks):
        each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, (0.5, 0.99), weight_decay=1e-4)
    opponent = torch.optim.AdamW(adversary.parameters(), recipe.rate_of_discriminator, (0.5, 0.99), weight_decay=1e-4)

    def step_of(step: int) -> Said:
        part_of_rate = share_of_rate(step, recipe.steps)
        optimiser.param_groups[0]["lr"] = recipe.rate * part_of_rate
        opponent.param_groups[0]["lr"] = recipe.rate_of_discriminator * part_of_rate
        batch = batch_of(samples, recipe, np.random.default_rng((seed, step)))
        torch.manual_seed(seed + step)
        said = _step(recipe, step, batch, network, adversary, judge, optimiser, opponent)
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        return said

    parts: dict[str, Part] = {
        "network": network, "averaged": averaged, "adversary": adversary, "optimiser": optimiser, "opponent": opponent,
    }  # fmt: skip
    rows = run(parts, recipe.steps, step_of, lambda: _unseen(held_out, recipe, averaged, judge, seed), checkpoint, log)
    return averaged, rows


def _step(
    recipe: Recipe,
    step: int,
    batch: Batch,
    network: Generator,
    adversary: Discriminator,
    judge: Judge,
    optimiser: torch.optim.Optimizer,
    opponent: torch.optim.Optimizer,
) -> Said:
    """One step of the generator, and once it is warm of the discriminator; what the log tells."""
    generated, again = generate(network, batch, [noise_of(batch) for _ in range(2)])
    found = judge(batch, generated, again, step)
    loss = sum((getattr(recipe, name) * value for name, value in found.items()), torch.zeros(()))
    said = {name: float(value.detach()) for name, value in found.items()}
    if step >= recipe.warm:
        part = min((step + 1 - recipe.warm) / max(recipe.warm, 1), 1)
        adversary.requires_grad_(False)
        with torch.no_grad():
            of_original, seen = tell(adversary, batch, batch.original)
            _, seen_before = tell(adversary, batch, batch.restored)
        of_generated, seen_now = tell(adversary, batch, generated)
        fooled = apart(of_generated, of_original)
        alike = share(between(seen_now, seen), between(seen_before, seen))
        loss = loss + part * (recipe.adversary * fooled + recipe.features * alike)
        said |= {"features": float(alike.detach())}
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    if step >= recipe.warm - 200:
        adversary.requires_grad_(True)
        told = (tell(adversary, batch, planes)[0] for planes in (batch.original, generated.detach()))
        caught = apart(*told)
        opponent.zero_grad(set_to_none=True)
        caught.backward()  # type: ignore[no-untyped-call]
        opponent.step()
        said |= {"caught": float(caught.detach())}
    return said


def _unseen(held_out: list[Sample], recipe: Recipe, network: Generator, judge: Judge, seed: int) -> Said:
    """The losses of crops of images that are not trained on; the same ones each time."""
    found = []
    with torch.no_grad():
        for k in range(8):
            batch = batch_of(held_out, recipe, np.random.default_rng((seed, 0, k)))
            pair = generate(network, batch, [noise_of(batch, 2 * k + draw) for draw in range(2)])
            found.append({name: float(value) for name, value in judge(batch, *pair, k).items()})
    return mean_of(found)
