"""Classes of pictures, named by a small convolutional network that knows nothing but the pictures it was trained on.

Each stage filters by 3 × 3, norms, rectifies and halves; the class is told from means and maxima over all places of the
last one, so that pictures may be of any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from apercu.errors import OptionError
from apercu.lab.tasks import fitting, learning
from apercu.stages.colour import Samples

SMOOTHING = 0.1  # of what is true, so that a network of few pictures is not too sure of them
DECAY = 0.05
TOGETHER = 64
"""Pictures of one size that are named at a time."""

Pictures = Sequence[Samples]
"""uint8, (H, W) or (H, W, 3)."""


class Recipe(NamedTuple):
    """How a network is made and trained.

    reduced: a value is the mean of so many pixels each way. widths: bands of each stage. strided: the first one halves
    twice, also by the stride of its filters. turned: whether a picture means the same turned and mirrored. crop: side
    of training crops, in values. passes, further: over all pictures, from nothing, and where something was learnt
    before; rate, further_rate: the highest of the steps. batch: pictures of a step.
    """

    reduced: int
    widths: tuple[int, ...]
    strided: bool
    turned: bool
    crop: int
    passes: int
    further: int
    rate: float
    further_rate: float
    batch: int


class Network(nn.Module):
    """Values (N, 3, h, w), float32 of -2 to 2, to (N, n_classes)."""

    def __init__(self, recipe: Recipe, n_classes: int) -> None:
        super().__init__()
        stages, bands = list[nn.Module](), 3
        for index, width in enumerate(recipe.widths):
            stride = 2 if recipe.strided and index == 0 else 1
            stages += [nn.Conv2d(bands, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            if index < len(recipe.widths) - 1:
                stages.append(nn.MaxPool2d(2, ceil_mode=True))
            bands = width
        self.stages = nn.Sequential(*stages)
        self.last = nn.Linear(2 * bands, n_classes)

    def forward(self, values: Tensor) -> Tensor:
        """See the class."""
        seen = self.stages(values)
        told: Tensor = self.last(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))
        return told


@dataclass(frozen=True)
class Convolutional:
    """A task of classes; see `apercu.bench.tasks.task`. A class is a number from 0. The score is accuracy."""

    seed: int
    recipe: Recipe
    network: Network | None = field(default=None, compare=False)

    def retrain(self, images: Pictures, truth: Sequence[Any]) -> Self:
        """One whose network learns from these pictures: from nothing if this has not learnt yet, else a copy goes on.

        Raises OptionError: less than two classes, a class without a picture or that was not learnt before, what is no
        class; ImageError: no picture.
        """
        known = self.network
        numbers = fitting.numbers_of(images, truth, None if known is None else len(known.last.bias))
        n_classes = int(numbers.max()) + 1 if known is None else len(known.last.bias)
        values = [self._values(image) for image in images]
        with learning.alone(self.seed):
            network = self._fresh(n_classes)
            if known is not None:
                learning.give(network, learning.weights_of(known))
            passes = self.recipe.passes if known is None else self.recipe.further
            rate = self.recipe.rate if known is None else self.recipe.further_rate
            self._train(network, values, numbers, passes, rate)
        return replace(self, network=network)

    def score(self, images: Pictures, truth: Sequence[Any]) -> float:
        """The share of pictures whose class is found. Raises OptionError and ImageError, as `tally`."""
        return self.measure(self.tally(images, truth))

    def tally(self, images: Pictures, truth: Sequence[Any]) -> list[int]:
        """1 for a picture whose class is found, else 0.

        Raises OptionError where nothing has been learnt, or not this class; ImageError for what is no picture.
        """
        numbers = fitting.numbers_of(images, truth, len(learning.known(self.network).last.bias))
        return fitting.right(self._named(images), numbers)

    def said(self, images: Pictures) -> list[int]:
        """The class that is found in each picture. Raises OptionError where nothing has been learnt."""
        found: list[int] = self._named(images).tolist()
        return found

    def _named(self, images: Pictures) -> fitting.Numbers:
        network = learning.known(self.network)
        found = np.empty(len(images), np.int64)
        sizes = [image.shape[:2] for image in images]
        with learning.alone(self.seed), torch.inference_mode():
            for size in sorted(set(sizes)):
                places = [place for place, other in enumerate(sizes) if other == size]
                for start in range(0, len(places), TOGETHER):
                    some = places[start : start + TOGETHER]
                    found[some] = network(torch.stack([self._values(images[place]) for place in some])).argmax(1)
        return found

    def measure(self, tallies: Sequence[int]) -> float:
        """Their mean."""
        return fitting.accuracy(tallies)

    def dump(self) -> bytes:
        """The network's weights, as a file of NumPy's arrays. Raises OptionError where nothing has been learnt."""
        return learning.to_bytes({"seed": np.array(self.seed), **learning.weights_of(learning.known(self.network))})

    def load(self, data: bytes) -> Self:
        """This one with weights that `dump` wrote. Raises OptionError for other bytes, or another seed's."""
        weights = learning.from_bytes(data)
        bias = weights.get("last.bias", np.empty(0))
        if weights.pop("seed", None) != self.seed or bias.ndim != 1 or len(bias) < 2:
            raise OptionError("these bytes are not what a network of this task and seed has learnt")
        network = self._fresh(len(bias))
        learning.give(network, weights)
        return replace(self, network=network.eval())

    def _fresh(self, n_classes: int) -> Network:
        with learning.alone(self.seed):
            network = Network(self.recipe, n_classes)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def _values(self, image: Samples) -> Tensor:
        """(3, h, w), of -2 to 2; at the edge, a value is the mean of the pixels that are left."""
        bands = torch.from_numpy(image.astype(np.float32).reshape(*image.shape[:2], -1)).permute(2, 0, 1)
        return functional.avg_pool2d(bands.expand(3, -1, -1) / 64 - 2, self.recipe.reduced, ceil_mode=True)

    def _train(
        self, network: Network, values: list[Tensor], numbers: NDArray[np.int64], passes: int, rate: float
    ) -> None:
        rng = np.random.default_rng(self.seed)
        side = min(self.recipe.crop, *(min(value.shape[1:]) for value in values))
        batches = max(1, len(values) // self.recipe.batch)
        order = np.concatenate([rng.permutation(len(values))[: batches * self.recipe.batch] for _ in range(passes)])
        waiting = iter(np.split(order, passes * batches))

        def loss() -> Tensor:
            places = next(waiting)
            seen = torch.stack([self._cut(values[place], side, rng) for place in places])
            told = network(seen.contiguous(memory_format=torch.channels_last))
            return functional.cross_entropy(told, torch.from_numpy(numbers[places]), label_smoothing=SMOOTHING)

        learning.fit(network, loss, passes * batches, rate, DECAY)

    def _cut(self, value: Tensor, side: int, rng: np.random.Generator) -> Tensor:
        """A crop at a random place, turned and mirrored at random where that changes nothing of what it shows."""
        top, left = (int(rng.integers(length - side + 1)) for length in value.shape[1:])
        crop = value[:, top : top + side, left : left + side]
        if not self.recipe.turned:
            return crop
        crop = torch.rot90(crop, int(rng.integers(4)), (1, 2))
        return crop.flip(2) if rng.random() < 0.5 else crop
