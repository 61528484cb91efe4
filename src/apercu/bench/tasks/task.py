"""A task: what a network makes of pictures, and how good that is. The shape of built-in ones and of the user's own."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from apercu.stages.colour import Samples

Images = Sequence[Samples]
"""Pictures, uint8, (H, W) or (H, W, 3), which may be of different sizes."""
Truth = Sequence[Any]
"""What is true of each picture, in order: a class's number, a mask (H, W) uint8, what is found in the original."""
Tally = Any
"""What a picture adds to a score, as JSON: 1 where its class was found, a confusion matrix, numbers of boxes."""


class Task(Protocol):
    """What every task can do."""

    def score(self, images: Images, truth: Truth) -> float:
        """How well the task is done on these pictures, a finite number."""


@runtime_checkable
class Trained(Task, Protocol):
    """A task that can learn, first from nothing, then from where it is."""

    def retrain(self, images: Images, truth: Truth) -> Self:
        """Another task of the same kind which has learnt from these pictures; this one stays as it is."""


@runtime_checkable
class Tallied(Task, Protocol):
    """A task that tells what each picture adds, for narrower intervals: score(...) == measure(tally(...))."""

    def tally(self, images: Images, truth: Truth) -> list[Tally]:
        """For each picture what it adds to the score."""

    def measure(self, tallies: Sequence[Tally]) -> float:
        """The score of pictures by what each of them adds."""


@runtime_checkable
class Agreeing(Task, Protocol):
    """A task without labels: the truth of a picture is what the network finds in its original."""

    def truth_of(self, originals: Images) -> Truth:
        """What is found in each original."""


@runtime_checkable
class Kept(Task, Protocol):
    """A task whose learning can be kept in a file, so that an interrupted run goes on where it was."""

    def dump(self) -> bytes:
        """What it has learnt; no pickle."""

    def load(self, data: bytes) -> Self:
        """This task with what another of the same kind and seed has dumped. Raises OptionError where it is not that."""


@runtime_checkable
class Telling(Task, Protocol):
    """A task that tells people what it finds in a picture: what the report shows beside the picture and over it."""

    def said(self, images: Images) -> Sequence[Any]:
        """For each picture one of these; truth of the same shape is shown with it.

        A text; the number of a class; a mask (H, W) of such numbers, 0 to 254, and 255 where there is none; a map
        (H, W) of floats; boxes in pixels, [(left, top, right, bottom), ...], or each with a text, [(box, text), ...].
        """


Maker = Callable[[int], Task]
"""`make(seed)`: the task as it is before it has learnt anything. What is random in it follows from the seed alone."""
