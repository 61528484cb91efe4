"""Text: what is read in a picture, against what the same network reads in its original.

The network is PP-OCRv4 in the wheel of rapidocr-onnxruntime (Apache-2.0), which finds lines and reads them. The score
is 1-N.E.D. of Sun et al. 2019 (ICDAR competition on large-scale street view text): lines whose boxes are the same are
paired, of each pair counts 1 - edit distance / length of the longer, a line without a partner counts 0, and the mean is
over all pairs and lines without one. Boxes are upright ones about the lines, unlike there.
"""

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from apercu.bench.tasks import opencv
from apercu.bench.tasks.boxes import matched
from apercu.bench.tasks.task import Images, Tally, Truth
from apercu.errors import OptionError
from apercu.stages.colour import Samples

Line = tuple[list[float], str]
"""The box about a line (left, top, right, bottom, in pixels), and what is written there."""


class Text:
    """The task. It learns nothing, so that one seed says all."""

    def truth_of(self, originals: Images) -> Truth:
        """The lines of each original. Raises OptionError where there is none in any, and MissingExtra."""
        found = [read(image) for image in originals]
        if not any(found):
            raise OptionError("no text is read in any of these pictures; this task needs some that show text")
        return found

    def tally(self, images: Images, truth: Truth) -> list[Tally]:
        """[what was read again, number of pairs and of lines without a partner] for each picture."""
        return [compared(read(image), lines) for image, lines in zip(images, truth, strict=True)]

    def measure(self, tallies: Sequence[Tally]) -> float:
        """1-N.E.D. over all lines, 0 to 1; 0 where there are none."""
        right, n_lines = np.sum(tallies, axis=0) if len(tallies) else (0, 0)
        return float(right / n_lines) if n_lines else 0.0

    def score(self, images: Images, truth: Truth) -> float:
        """As `measure`, of pictures."""
        return self.measure(self.tally(images, truth))

    def said(self, images: Images) -> list[list[Line]]:
        """The lines that are read in each picture. Raises MissingExtra."""
        return [read(image) for image in images]


def make(seed: int) -> Text:
    """The task; nothing in it is random."""
    return Text()


def read(image: Samples) -> list[Line]:
    """The lines in a picture, uint8 (H, W) or (H, W, 3). Raises MissingExtra."""
    colour = np.dstack([image] * 3) if image.ndim == 2 else image
    lines, _ = _reader()(np.ascontiguousarray(colour[:, :, ::-1]))  # which takes blue first
    return [(_about(corners), str(said)) for corners, said, _ in lines or ()]


def compared(found: Sequence[Line], expected: Sequence[Line]) -> list[float]:
    """[sum of what was read again, number of pairs and of lines without a partner]."""
    pairs = matched([box for box, _ in found], [box for box, _ in expected])
    right = sum(likeness(found[i][1], expected[j][1]) for i, j in pairs)
    return [right, len(found) + len(expected) - len(pairs)]


def likeness(one: str, other: str) -> float:
    """1 - edit distance (Levenshtein 1966) / length of the longer, 0 to 1; 1 for two empty ones."""
    before = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        now = [i]
        for j, beside in enumerate(other, 1):
            now.append(min(before[j] + 1, now[-1] + 1, before[j - 1] + (letter != beside)))
        before = now
    return 1 - before[-1] / max(len(one), len(other), 1)


def _about(corners: Any) -> list[float]:
    points = np.asarray(corners, float)
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


@cache
def _reader() -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the first import; see apercu.restore.runtime
    try:
        opencv.one_thread()
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        raise opencv.missing("to read text", error, " (rapidocr-onnxruntime needs Python < 3.13)") from None
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
