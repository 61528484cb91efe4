"""Action: what a figure does in a picture that holds some frames side by side (`apercu.bench.tasks.drawn_action`).

Truth: the number of the class. Score: the share of pictures whose class is found. Every place of the picture says how
likely each class is (`apercu.lab.tasks.dense`); the class is that of the mean. Pictures are not mirrored in training,
which would turn the order of the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from apercu.errors import OptionError
from apercu.lab.tasks import dense, learning
from apercu.stages.colour import Samples

KIND = "action"
FROM_NOTHING = dense.Course(1400, 10, 1e-3, (64, 96), mirrored=False)
FURTHER = dense.Course(400, 10, 5e-4, (64, 96), mirrored=False)


@dataclass(frozen=True)
class Action:
    """The task; see this module. network: what has been learnt, None for nothing."""

    seed: int
    network: dense.Network | None = None

    def retrain(self, images: Sequence[Samples], truth: Sequence[int]) -> Self:
        """A network that has learnt from these pictures: from nothing, or from where this one is.

        Raises ImageError for pictures of the wrong shape, OptionError for none, for one class only, and for a class
        that is new to a network which has learnt others.
        """
        dense.paired(images, truth)
        if min(truth) < 0 or len(set(truth)) < 2:
            raise OptionError("two classes or more are needed to learn from, numbered from 0")
        course, network = (FURTHER, self.network) if self.network else (FROM_NOTHING, None)
        network = network or dense.fresh(max(truth) + 1, self.seed)
        n_classes = network.out.out_channels
        if max(truth) >= n_classes:
            raise OptionError(f"class {max(truth)} is new to a network that has learnt {n_classes} classes")
        targets = [_everywhere(image, number, n_classes) for image, number in zip(images, truth, strict=True)]
        return replace(self, network=dense.train(network, images, targets, _loss, course, self.seed))

    def tally(self, images: Sequence[Samples], truth: Sequence[int]) -> list[int]:
        """For each picture 1 where its class is found, else 0. Raises ImageError, OptionError."""
        dense.paired(images, truth)
        return [int(one == number) for one, number in zip(self.said(images), truth, strict=True)]

    def measure(self, tallies: Sequence[int]) -> float:
        """The share of pictures whose class is found, 0 to 1."""
        return float(np.mean(tallies))

    def score(self, images: Sequence[Samples], truth: Sequence[int]) -> float:
        """The share of pictures whose class is found, 0 to 1. Raises ImageError, OptionError."""
        return self.measure(self.tally(images, truth))

    def said(self, images: Sequence[Samples]) -> list[int]:
        """The class that is found in each picture. Raises ImageError, OptionError where nothing has been learnt."""
        network = learning.known(self.network)
        return [int(dense.told(network, image).mean((1, 2)).argmax()) for image in images]

    def dump(self) -> bytes:
        """The network, without pickle. Raises OptionError where nothing has been learnt."""
        return dense.dumped(self.network, KIND, self.seed)

    def load(self, data: bytes) -> Self:
        """What another of the same seed has dumped. Raises OptionError for anything else."""
        return replace(self, network=dense.loaded(data, KIND, self.seed))


def make(seed: int) -> Action:
    """The task before it has learnt anything."""
    return Action(seed)


def _everywhere(image: Samples, number: int, n_classes: int) -> NDArray[np.uint8]:
    """The class as a target in every cell, (n_classes, rows, columns)."""
    rows, columns = (-(-side // dense.CELL) for side in image.shape[:2])
    target = np.zeros((n_classes, rows, columns), np.uint8)
    target[number] = 1
    return target


def _loss(found: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(found.mean((2, 3)), targets[:, :, 0, 0])
