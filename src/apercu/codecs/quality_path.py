"""What codecs share whose settings come from the quality: a path typed by hand, and no settings but those on it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from apercu.errors import CorruptStream
from apercu.format.container import Header


@dataclass(frozen=True)
class Options:
    """There are none."""


@dataclass(frozen=True)
class Setting:
    """A point of operation: `step_q5`, a step in 8-bit samples with 5 fraction bits."""

    quality_q8: int
    step_q5: int

    @property
    def step_q8(self) -> int:
        """The step with 8 fraction bits."""
        return self.step_q5 << 3


def between(knots: Sequence[tuple[int, ...]], place: int) -> list[int]:
    """The values at a place of a path whose knots are (place, value, ...): linear between two knots, and rounded."""
    index = min(bisect_right(knots, place, key=itemgetter(0)), len(knots) - 1)
    (first, *before), (last, *after) = knots[index - 1 : index + 1]
    past, apart = place - first, last - first
    return [(a * (apart - past) + b * past + apart // 2) // apart for a, b in zip(before, after, strict=True)]


def on_path(knots: Sequence[tuple[int, int]], quality_q8: int) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256, on a path of knots (quality_q8, step_q5)."""
    return Setting(quality_q8, *between(knots, quality_q8))


def variants(_: object) -> tuple[int, ...]:
    """There is one way to code each quality."""
    return (0,)


def by_hand(_: object) -> None:
    """No setting is made by hand."""


def parameters(_: object) -> bytes:
    """No parameters: the quality sets everything."""
    return b""


def quality_of(header: Header) -> int:
    """The quality that a header names, in 1/256; raises CorruptStream for settings made by hand."""
    if header.quality_q8 is None:
        raise CorruptStream(f"{header.codec} has no settings made by hand")
    return header.quality_q8
