"""What a file among the conformance vectors is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import apercu
from apercu.stages.colour import Samples


@dataclass(frozen=True)
class Encoded:
    """An image and the arguments of `apercu.encode`.

    `tile_log2` and `layers` in place of the encoder's own keep files small. The codec is taha2025 unless the arguments
    name another. A case that is `restored` says what the restorer of this name makes of it, too.
    """

    about: str
    image: Samples
    options: dict[str, object] = field(default_factory=dict)
    tile_log2: int = 10
    user_model: bool = False
    layers: int = 1
    restored: str = ""

    @property
    def codec(self) -> str:
        """The codec's name."""
        return str(self.options.get("codec", "taha2025"))


@dataclass(frozen=True)
class Written:
    """A file put together by hand."""

    about: str
    data: bytes


Case = Encoded | Written


@dataclass(frozen=True)
class Fault:
    """A damaged file, the error that refuses it, and a part of the error's message, which no other decoder need repeat.

    `model` is the path of a model to decode with, under vectors/.
    """

    about: str
    error: str
    says: str
    data: bytes
    model: str | None = None


KERNEL = "breaks a rule"
"""What the kernel's refusals say."""


def encode(case: Encoded, model: str | None) -> bytes:
    """The file of a case; `model` is the user model's, for the case that asks for it."""
    cut = {"tile": 1 << case.tile_log2, "layers": case.layers}
    options: dict[str, object] = {**case.options, "codec": case.codec, **cut}
    if case.user_model:
        options["model"] = model
    make: Callable[..., bytes] = apercu.encode
    return make(case.image, **options)
