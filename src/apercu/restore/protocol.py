"""The shape of a restorer: a module with these names. It turns decoded planes into better ones, on the receiver's side.

Nothing inherits from the class; it is for the type checker, which holds each restorer against it at the end of its
file.
"""

from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from apercu.stages.layout import Restore

OptionsT = TypeVar("OptionsT")


Kind: TypeAlias = Literal["fidelity", "generative"]


class Restorer(Protocol[OptionsT]):
    """A module."""

    KIND: Kind
    """Whether it comes closer to what was encoded, or makes up what the file does not say."""
    CODECS: tuple[str, ...]
    """Those whose planes it has learnt."""
    Options: type[OptionsT]
    """A frozen dataclass. A field is a keyword of `apercu.decode` and a flag of the command (`apercu.options`)."""

    def load(self, codec: str, options: OptionsT, /) -> Restore:
        """What improves the planes of a codec; raises MissingExtra or ModelError."""

    def provenance(self, codec: str, options: OptionsT, /) -> dict[str, object]:
        """What made the picture: `network`, the SHA-256 of its file in hex, and where there are such, `strength`,
        `steps` and `seed`, each as it was used. It needs no extra; raises ModelError."""


AnyRestorer: TypeAlias = Restorer[Any]
