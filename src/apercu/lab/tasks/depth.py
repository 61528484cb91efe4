"""Depth from one picture, by a small encoder and decoder (`apercu.lab.tasks.dense`).

Truth: the distance of each pixel, (H, W) float32, positive, in metres or whatever unit all pictures share.

Score: the share of pixels whose distance is found within 25 %, δ < 1.25 of Eigen, Puhrsch and Fergus (NeurIPS 2014,
section 4.2). The network learns the logarithm of the distance, since errors count in proportion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from apercu.errors import ImageError
from apercu.lab.tasks import dense, learning
from apercu.stages.colour import Samples

KIND = "depth"
WITHIN = 1.25
FROM_NOTHING = dense.Course(1200, 4, 2e-3, (64, 96))
FURTHER = dense.Course(400, 4, 1e-3, (64, 96))

Distances = NDArray[np.float32]
Tally = list[int]
"""Pixels within 25 %, and pixels in all."""


@dataclass(frozen=True)
class Depth:
    """The task; see this module. network: what has been learnt, None for nothing."""

    seed: int
    network: dense.Network | None = None

    def retrain(self, images: Sequence[Samples], truth: Sequence[Distances]) -> Self:
        """A network that has learnt from these pictures: from nothing, or from where this one is.

        Raises ImageError for pictures or distances of the wrong shape, OptionError for none.
        """
        _check(images, truth)
        targets = [_cells(distances) for distances in truth]
        course = FURTHER
        network = self.network
        if network is None:
            course, network = FROM_NOTHING, dense.fresh(1, self.seed)
            usual = float(np.mean([target.mean() for target in targets]))
            nn.init.constant_(cast(Tensor, network.out.bias), usual)  # it begins with what is right on average
        return replace(self, network=dense.train(network, images, targets, _loss, course, self.seed))

    def tally(self, images: Sequence[Samples], truth: Sequence[Distances]) -> list[Tally]:
        """For each picture, how many pixels are found within 25 %, and how many there are. Raises ImageError,
        OptionError."""
        network = learning.known(self.network)
        _check(images, truth)
        found = []
        for image, distances in zip(images, truth, strict=True):
            off = np.abs(dense.told(network, image)[0].numpy() - np.log(distances))
            found.append([int((off < np.log(WITHIN)).sum()), off.size])
        return found

    def measure(self, tallies: Sequence[Tally]) -> float:
        """The share of all pixels within 25 %, 0 to 1."""
        right, pixels = np.sum(np.array(tallies, np.int64), 0)
        return float(right / pixels)

    def score(self, images: Sequence[Samples], truth: Sequence[Distances]) -> float:
        """The share of all pixels within 25 %, 0 to 1. Raises ImageError, OptionError."""
        return self.measure(self.tally(images, truth))

    def said(self, images: Sequence[Samples]) -> list[Distances]:
        """The distance that is found of each pixel, (H, W). Raises ImageError, OptionError where nothing has been
        learnt."""
        network = learning.known(self.network)
        return [np.exp(dense.told(network, image)[0].numpy()) for image in images]

    def dump(self) -> bytes:
        """The network, without pickle. Raises OptionError where nothing has been learnt."""
        return dense.dumped(self.network, KIND, self.seed)

    def load(self, data: bytes) -> Self:
        """What another of the same seed has dumped. Raises OptionError for anything else."""
        return replace(self, network=dense.loaded(data, KIND, self.seed))


def make(seed: int) -> Depth:
    """The task before it has learnt anything."""
    return Depth(seed)


def _check(images: Sequence[Samples], truth: Sequence[Distances]) -> None:
    dense.paired(images, truth)
    for image, distances in zip(images, truth, strict=True):
        if distances.shape != image.shape[:2]:
            raise ImageError(f"distances are of their picture's size: {distances.shape} for {image.shape[:2]}")
        if not (np.isfinite(distances).all() and (distances > 0).all()):
            raise ImageError("distances are finite and above 0")


def _cells(distances: Distances) -> NDArray[np.float32]:
    """The mean logarithm in each cell, (1, rows, columns)."""
    height, width = distances.shape
    side = dense.CELL
    padded = np.pad(np.log(distances.astype(np.float32)), ((0, -height % side), (0, -width % side)), "edge")
    split = padded.reshape(1, padded.shape[0] // side, side, padded.shape[1] // side, side)
    found: NDArray[np.float32] = split.mean((2, 4))
    return found


def _loss(found: Tensor, logarithms: Tensor) -> Tensor:
    return functional.l1_loss(found, logarithms)
