"""The codecs, and what encoding and decoding share."""

from collections.abc import Callable
from typing import Any, TypeVar

from apercu.codecs import apercu, taha2025
from apercu.stages.blocks import Window
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask

CODECS: dict[str, Any] = {"apercu": apercu, "taha2025": taha2025}
"""Modules of one shape: a dict of them needs no class."""
Progress = Callable[[float], None]
"""Is told the share of the work that is done, 0 to 1."""
Array = TypeVar("Array", Samples, Mask)


def no_progress(_: float) -> None:
    """Where nobody wants to know."""


def part(samples: Array, window: Window) -> Array:
    """The samples of a window, not copied."""
    return samples[window.top : window.top + window.height, window.left : window.left + window.width]
