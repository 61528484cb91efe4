"""The loop of every training of a generative restorer: the judge, the discriminator, averaged weights, checkpoints."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from apercu.lab.adversary import Adversary
from apercu.lab.generative import AVERAGED, Recipe, batch_of
from apercu.lab.generative_samples import Sample
from apercu.lab.judge import Batch, Judge
from apercu.lab.steps import DEVICE, Log, Losses, Part, Said, average, mean_of, run, share_of_rate

HELD_OUT_BATCHES = 8

N = TypeVar("N", bound=nn.Module)
Made = tuple[list[Tensor], dict[str, Tensor]]
"""Two pictures of each image, planes in squares as `Batch` has them, and the losses of their own that they come to."""


class Learner(NamedTuple, Generic[N]):
    """What one training has of its own.

    `new`: makes the network. `made`: its pictures of a batch, by a generator of choices; without one, as a decoder
    makes them. `comparable`: the batch as the discriminator is shown it. `momentum`: of the network's Adam.
    """

    new: Callable[[], N]
    made: Callable[[N, Batch, Any, np.random.Generator | None], Made]
    comparable: Callable[[Batch], Batch]
    momentum: float


def fit(
    learner: Learner[N],
    samples: list[Sample],
    held_out: list[Sample],
    recipe: Any,
    checkpoint: Path,
    seed: int,
    log: Log,
) -> tuple[N, list[Said]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged network and the lines of the log. Raises
    OptionError where the checkpoint is of another recipe."""
    torch.manual_seed(seed)
    network, averaged, judge = learner.new().to(DEVICE), learner.new().to(DEVICE), Judge().to(DEVICE)
    for each in (network, judge.networks):
        each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    adversary = Adversary(recipe.rate_of_discriminator, recipe.warm)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, (learner.momentum, 0.99), weight_decay=1e-4)

    def step_of(step: int) -> Losses:
        part_of_rate = share_of_rate(step, recipe.steps)
        optimiser.param_groups[0]["lr"] = recipe.rate * part_of_rate
        adversary.optimiser.param_groups[0]["lr"] = recipe.rate_of_discriminator * part_of_rate
        torch.manual_seed(seed + step)
        rng = np.random.default_rng((seed, step))
        batch = batch_of(samples, recipe, rng)
        (generated, again), own = learner.made(network, batch, recipe, rng)
        shown = learner.comparable(batch)
        losses = own | judge(batch, generated, again, step) | adversary.losses(step, shown, generated)
        descend(network, optimiser, recipe, losses)
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        discriminator = adversary.learn(step, shown, generated)
        return {name: value.detach() for name, value in losses.items()} | discriminator

    def unseen() -> Said:
        """The losses of crops of images that are not trained on; the same ones each time."""
        found = []
        with torch.no_grad():
            for k in range(HELD_OUT_BATCHES):
                torch.manual_seed(seed + k)
                batch = batch_of(held_out, recipe, np.random.default_rng((seed, 0, k)))
                (generated, again), own = learner.made(averaged, batch, recipe, None)
                found.append(own | judge(batch, generated, again, k))
        return mean_of(found)

    parts: dict[str, Part] = {
        "network": network, "averaged": averaged, "optimiser": optimiser, **adversary.parts(),
    }  # fmt: skip
    made_by = recipe._asdict() | {"seed": seed}
    return averaged, run(parts, recipe.steps, step_of, unseen, checkpoint, log, made_by)


def descend(network: nn.Module, optimiser: torch.optim.Optimizer, recipe: Recipe, losses: Mapping[str, Tensor]) -> None:
    """One step down the sum of losses, by the weights of the recipe."""
    loss = sum((getattr(recipe, name) * value for name, value in losses.items()), torch.zeros((), device=DEVICE))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
