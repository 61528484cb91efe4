"""Segmentation: which class each pixel of a picture is of, by a small encoder and decoder (`apercu.lab.tasks.dense`).

Truth: masks (H, W) uint8 of the picture's size with the number of each pixel's class. Pixels of 255 have none, as in
PASCAL VOC and Cityscapes.

Score: the mean, over the classes that are there in truth, of intersection over union of the pixels of all pictures
(Everingham and others, "The PASCAL visual object classes challenge", IJCV 111, 2015).

Rare classes count in that mean as much as others. The loss weighs each class by 1 / ln(1.02 + its share of the pixels)
for that reason (Paszke and others, "ENet", 2016, section 5.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from apercu.errors import ImageError, OptionError
from apercu.lab.tasks import dense, learning
from apercu.stages.colour import Samples

KIND = "segmentation"
NOT_LABELLED = 255
# Whole pictures: with crops of a quarter of them the same time of training gave less, since a street's classes have
# their places. Chosen on the last 32 of the 160 pictures for training.
FROM_NOTHING = dense.Course(1400, 4, 8e-4, (120, 160))
FURTHER = dense.Course(800, 4, 8e-4, (120, 160))
"""For a network that has learnt already, in four sevenths of the time. With half of that, or at half the rate, less of
what compression took came back."""

Matrix = list[list[int]]
"""Numbers of pixels: a row for each class in truth, a column for each class that was found."""


@dataclass(frozen=True)
class Segmentation:
    """The task; see this module. network: what has been learnt, None for nothing."""

    seed: int
    network: dense.Network | None = None

    def retrain(self, images: Sequence[Samples], truth: Sequence[NDArray[np.uint8]]) -> Self:
        """A network that has learnt from these pictures: from nothing, or from where this one is. For pictures of
        480 × 360 that takes two minutes of a processor from nothing and one to go on, whatever their number.

        Raises ImageError for pictures or masks of the wrong shape, OptionError for none or for fewer than two classes.
        """
        _check(images, truth)
        if self.network is None:
            labels = np.unique(np.concatenate([np.unique(mask) for mask in truth]))
            labels = labels[labels != NOT_LABELLED]
            if len(labels) < 2:
                raise OptionError("all these masks have one class only; two are needed to learn from")
            network, course = dense.fresh(int(labels[-1]) + 1, self.seed), FROM_NOTHING
        else:
            network, course = self.network, FURTHER
        n_classes = network.out.out_channels
        counts = [_counts(mask, n_classes) for mask in truth]
        loss = _loss(sum(count.sum((1, 2), dtype=np.int64) for count in counts))
        return replace(self, network=dense.train(network, images, counts, loss, course, self.seed))

    def tally(self, images: Sequence[Samples], truth: Sequence[NDArray[np.uint8]]) -> list[Matrix]:
        """For each picture, pixels by class in truth (rows) and class found (columns). Raises ImageError,
        OptionError."""
        network = learning.known(self.network)
        _check(images, truth)
        n_classes = network.out.out_channels
        found = []
        for image, mask in zip(images, truth, strict=True):
            known = _known(mask, n_classes)
            classes = dense.told(network, image).argmax(0).numpy()
            pairs = n_classes * mask[known].astype(np.int64) + classes[known]
            found.append(np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes).tolist())
        return found

    def measure(self, tallies: Sequence[Matrix]) -> float:
        """Mean intersection over union, 0 to 1, of the sum of these matrices. Raises OptionError where no pixel has a
        class."""
        matrix = np.sum(np.array(tallies, np.int64), 0)
        if not matrix.any():
            raise OptionError("no pixel of these masks has a class")
        hit, there = np.diag(matrix), matrix.sum(1) > 0
        either = matrix.sum(0) + matrix.sum(1) - hit
        return float(np.mean(hit[there] / either[there]))

    def score(self, images: Sequence[Samples], truth: Sequence[NDArray[np.uint8]]) -> float:
        """Mean intersection over union, 0 to 1. Raises ImageError, OptionError."""
        return self.measure(self.tally(images, truth))

    def said(self, images: Sequence[Samples]) -> list[NDArray[np.uint8]]:
        """The masks that are found, (H, W). Raises ImageError, OptionError where nothing has been learnt."""
        network = learning.known(self.network)
        return [dense.told(network, image).argmax(0).numpy().astype(np.uint8) for image in images]

    def dump(self) -> bytes:
        """The network, without pickle. Raises OptionError where nothing has been learnt."""
        return dense.dumped(self.network, KIND, self.seed)

    def load(self, data: bytes) -> Self:
        """What another of the same seed has dumped. Raises OptionError for anything else."""
        return replace(self, network=dense.loaded(data, KIND, self.seed))


def make(seed: int) -> Segmentation:
    """The task before it has learnt anything."""
    return Segmentation(seed)


def _check(images: Sequence[Samples], truth: Sequence[NDArray[np.uint8]]) -> None:
    dense.paired(images, truth)
    for image, mask in zip(images, truth, strict=True):
        if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
            raise ImageError(
                f"a mask is uint8 and of its picture's size: {mask.dtype}, {mask.shape} for {image.shape[:2]}"
            )


def _known(mask: NDArray[np.uint8], n_classes: int) -> NDArray[np.bool_]:
    """Where a mask tells a class. Raises OptionError for a class that the network does not know."""
    known: NDArray[np.bool_] = mask != NOT_LABELLED
    if (highest := int(mask[known].max(initial=0))) >= n_classes:
        raise OptionError(f"a mask has class {highest}; those that were learnt from had none above {n_classes - 1}")
    return known


def _counts(mask: NDArray[np.uint8], n_classes: int) -> NDArray[np.uint8]:
    """Pixels of each class in each cell, (n_classes, rows, columns)."""
    known = _known(mask, n_classes)
    of_class = (mask[None] == np.arange(n_classes)[:, None, None]) & known
    return dense.cells_of(of_class.astype(np.uint8))


def _loss(pixels: NDArray[np.int64]) -> dense.Loss:
    """Cross entropy of all labelled pixels, weighted by class; `pixels`: how many of each there are to learn from."""
    weight = 1 / np.log(1.02 + pixels / pixels.sum())
    of_class = torch.from_numpy(weight).float()[None, :, None, None]

    def loss(found: Tensor, counts: Tensor) -> Tensor:
        weighted = counts * of_class
        return -(weighted * functional.log_softmax(found, 1)).sum() / weighted.sum().clamp(min=1)

    return loss
