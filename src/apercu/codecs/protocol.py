"""The shape of a codec: a module with these names. It turns planes into symbols, symbols into bytes, and both back.

Everything else is written once, in `encoding` and `decoding`: colour, samples that do not count, tiles, layers,
targets, windows, damage, restorers. Nothing inherits from these classes; they are for the type checker, which holds
each codec against them at the end of its file. A new codec is a file of this package, an entry of `apercu.format.ids`,
and its part of the specification.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.forecast import Counts
from apercu.codecs.plan import Plan
from apercu.errors import ApercuError
from apercu.format.container import Header
from apercu.stages.layout import Evidence, Layout

Domain: TypeAlias = Literal["planes", "samples"]
"""What a codec codes."""
Progress = Callable[[float], None]
"""Is told the share of the work that is done, 0 to 1."""


def no_progress(_: float) -> None:
    """Where nobody wants to know."""


class Setting(Protocol):
    """A point of operation."""

    @property
    def quality_q8(self) -> int | None:
        """The quality in 1/256; None where it was set by hand."""

    @property
    def step_q8(self) -> int:
        """The quantiser's step in 8-bit samples, with 8 fraction bits: what a restorer is told."""


Content = TypeVar("Content")
"""What is coded of a tile: its planes, or its samples (H, W, B)."""
SettingT = TypeVar("SettingT", bound=Setting)
OptionsT = TypeVar("OptionsT")
Tables = TypeVar("Tables")
Analysis = TypeVar("Analysis")
Symbols = TypeVar("Symbols")


class Codec(Protocol[Content, SettingT, OptionsT, Tables, Analysis, Symbols]):
    """A module; its own types are no concern of those who call it."""

    DOMAIN: Domain
    """"planes": as `to_planes` makes them of a tile, sides extended to multiples of 8, of luma with
    chroma to multiples of 16; decoded ones have at least the size that the layout says. "samples": the tile itself,
    without colour transform, levels and chroma, and without loss at the highest quality."""
    VARIANTS: int
    """Ways to code that each quality on the path has; the last bits of `quality_q8` number them."""
    MOST_LAYERS: int
    SYMBOLS_NEED_TABLES: frozenset[str]
    """The entropy coders with which no symbol can be read without the tables of the file."""
    Options: type[OptionsT]
    """A frozen dataclass. A field is a keyword of `apercu.encode` and a flag of the command (`apercu.options`)."""

    def variants(self, options: OptionsT, /) -> Iterable[int]:
        """The variants that a search may take. It tries all of them; but where the codec counts, it tries the one that
        a forecast picks, and the others only if that does not meet the target."""

    def plan(self, interpretation: str, n_bands: int, height: int, width: int, /) -> Plan:
        """How an image is divided by default."""

    def at_quality(self, quality_q8: int, options: OptionsT, /) -> SettingT:
        """The setting of a quality of 0 to 25,600, in 1/256."""

    def by_hand(self, options: OptionsT, /) -> SettingT | None:
        """The setting that the options make, in place of a target; None where they make none. Raises OptionError."""

    def parameters(self, setting: SettingT, /) -> bytes:
        """The parameters in the header, at most 255 bytes, for a setting made by hand; none for a quality."""

    def setting_of(self, header: Header, /) -> SettingT:
        """The setting that a header names; raises CorruptStream where it is none of this codec's."""

    def analyse(self, content: Content, layout: Layout, setting: SettingT | None, tables: Tables, /) -> Analysis:
        """Analysis of a tile for one setting, or for all of them if it is None. Does not write to what it is given."""

    @property
    def counts(self) -> Callable[[Analysis, Tables], Counts] | None:
        """A function that counts the coefficients of a tile by kind and magnitude, from which the file's size and error
        are forecast with weights of its own for each model (`apercu.codecs.forecast`). None: a search goes without."""

    def code(self, analysis: Analysis, setting: SettingT, tables: Tables, layers: int, /) -> list[bytes]:
        """The segments of a tile, one for each layer. One for all settings may be coded again."""

    @property
    def code_and_read(
        self,
    ) -> Callable[[Analysis, SettingT, Tables, int], tuple[list[bytes], Callable[[], Symbols]]] | None:
        """A function that does what `code` does, and returns one besides that gives what `read` makes of all the
        segments, sooner than reading them would. None where there is no such way."""

    def least_bytes(self, layout: Layout, layer: int, layers: int, entropy: str, of_user: bool, /) -> int:
        """The fewest bytes that a segment of a layer has by an entropy coder, with tables of a user's or with the
        shipped ones; shorter ones are refused before memory is set aside."""

    def read(self, segments: list[bytes], layout: Layout, setting: SettingT, tables: Tables, layers: int, /) -> Symbols:
        """The symbols of a tile from the first segments, one or more, of `layers`; they may come multiplied by the
        step, as `synthesise` takes them. Raises CorruptStream or Truncated; the fault's `layer` is
        that of the segment."""

    @property
    def read_torn(self) -> Callable[[list[bytes], bytes, Layout, SettingT, Tables, int], Symbols | None] | None:
        """A function that does what `read` does, of segments, perhaps none, and the first bytes of the next one: of
        that too it gives what is known for sure; None where that is too little to show. None: there is no such way."""

    def synthesise(self, symbols: Symbols, layout: Layout, setting: SettingT, tables: Tables, /) -> Content:
        """What is decoded of a tile from what was read with this setting."""

    def evidence(self, symbols: Symbols, layout: Layout, n_read: int, n_layers: int, /) -> Evidence:
        """What a restorer may know of where symbols are, of a tile of which so many of its layers were read."""

    def tell(self, setting: SettingT, tiles: Iterable[tuple[bytes | ApercuError, Layout]], /) -> dict[str, object]:
        """Entries of `apercu.info` for files of this codec only; of a setting made by hand also the options that make
        it again, by their names. `tiles`: the first segment of each, or its fault."""

    def read_tables(self, array: NDArray[np.generic], entropy: str, /) -> Tables:
        """The tables that a file of int16 or uint16 holds; raises ModelError, whose words follow the file's name, for
        any others. Tables may have a `block_side`, the side in pixels of blocks that no tile of an encoder cuts."""


AnyCodec: TypeAlias = Codec[Any, Any, Any, Any, Any, Any]
"""For those who hand on what a codec makes, and do not look at it."""
