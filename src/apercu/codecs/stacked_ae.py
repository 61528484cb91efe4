"""The codec of stacked autoencoders: the mean of each block, one of several experts, and the latents of that expert.

    encode:  planes → experts tried, symbols chosen → symbol maps → range coder, or Huffman codes
    decode:  planes ← the chosen experts            ← symbol maps ← range coder, or Huffman codes

After Fraihat and Al-Betar, Array 2023, as the survey of Baskar et al. tells it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.plan import Plan
from apercu.codecs.protocol import Codec, Domain
from apercu.codecs.quality_path import Setting as Setting
from apercu.codecs.quality_path import by_hand as by_hand
from apercu.codecs.quality_path import on_path, quality_of
from apercu.codecs.quality_path import parameters as parameters
from apercu.codecs.quality_path import variants as variants
from apercu.errors import ApercuError, CorruptStream, FormatError, ModelError, OptionError
from apercu.format.container import Header
from apercu.format.ids import CODECS
from apercu.options import entropy_option
from apercu.stages import map_huffman, symbol_maps
from apercu.stages.colour import FULL, Plane
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout
from apercu.stages.map_huffman import map_coder
from apercu.stages.stacked_ae import AT_A_TIME, Symbols, stacked_analyse, stacked_synthesise
from apercu.stages.stacked_tables import SIDES, StackedTables, unpack
from apercu.stages.symbol_maps import (
    Map,
    MapLayout,
    MapPlane,
    MapTables,
    as_they_are,
    map_numbers,
    map_tables,
    n_numbers,
)

DOMAIN: Domain = "planes"
VARIANTS = 1
MOST_LAYERS = 2
SYMBOLS_NEED_TABLES = frozenset({"range", "huffman"})
counts = code_and_read = read_torn = None
TILE = 1024
"""Pixels a side of a tile."""
FIRST = [Map("predicted", 0), Map("selector", 1)]
FIRST_MAPS = len(FIRST)
"""Maps of the first of two layers, which every block has: means and numbers of experts."""
CHROMA_STEP_Q4 = 8
"""The step of chroma planes relative to luma's, in sixteenths: at half size a sample stands for four pixels."""
PRICE_Q8 = 38
"""What a bit costs, in 1/256 of the squared step: what the networks were trained for."""
PATH_KNOTS = (
    (0, 32768), (1600, 23170), (3200, 16384), (4800, 11585), (6400, 8192), (8000, 5793), (9600, 4096), (11200, 2896),
    (12800, 2048), (14400, 1448), (16000, 1024), (17600, 724), (19200, 512), (20800, 362), (22400, 256), (24000, 181),
    (25600, 160),
)  # fmt: skip
"""(quality in 1/256, step_q5, that of the quantiser); linear between two knots. Finer steps bring nothing: the networks
have few latents."""


class Tables(NamedTuple):
    """Networks, the maps that their symbols make, and the tables of these; None for Huffman codes, which need none."""

    networks: StackedTables
    maps: list[Map]
    coding: MapTables | None

    @property
    def block_side(self) -> int:
        """Of blocks, in pixels: 8 or 28. No side of a tile is a multiple of 28; an image in such blocks is one tile."""
        return self.networks.side


@dataclass(frozen=True)
class Options:
    """entropy: "range", by default, or "huffman", which takes more bits."""

    entropy: str | None = entropy_option(CODECS["stacked_ae"])


def at_quality(quality_q8: int, _: object = None) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256 (spec/stacked_ae.md, "Settings")."""
    return on_path(PATH_KNOTS, quality_q8)


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    return at_quality(quality_of(header))


def plan(_: str, __: int, height: int, width: int) -> Plan:
    """Two layers, and tiles where the image is larger than one."""
    return Plan(TILE if max(height, width) > TILE else None, layers=2, most_layers=2)


def maps_of(networks: StackedTables) -> list[Map]:
    """The maps of a plane: the first, and latents, each where the block's expert has it."""
    maps = FIRST.copy()
    for index in range(networks.n_maps - FIRST_MAPS):
        present = frozenset(number for number, one in enumerate(networks.experts) if one.n_latents > index)
        earlier = tuple(range(FIRST_MAPS + index - 1, max(FIRST_MAPS + index - 5, FIRST_MAPS - 1), -1))
        maps.append(Map("plain", FIRST_MAPS + index, present, earlier))
    return maps


def map_layout(layout: Layout, tables: Tables) -> MapLayout:
    """Where the maps of a tile's planes lie."""
    side = tables.networks.side
    planes = [MapPlane(-(-h // side), -(-w // side), chroma, beside) for h, w, chroma, beside in layout.planes]
    return MapLayout(planes, tables.maps)


def _step(setting: Setting, chroma: int, networks: StackedTables) -> int:
    step = (setting.step_q5 * CHROMA_STEP_Q4 + 8) // 16 if chroma else setting.step_q5
    return max(step, 32 * networks.least_step)


@dataclass(frozen=True)
class Analysis:
    """The planes of a tile: which experts code them depends on the step."""

    layout: Layout
    planes: list[Plane]


def analyse(planes: list[Plane], layout: Layout, _: Setting | None, __: Tables) -> Analysis:
    """The planes themselves."""
    return Analysis(layout, planes)


def code(analysis: Analysis, setting: Setting, tables: Tables, layers: int) -> list[bytes]:
    """The segments of a tile, one for each layer."""
    maps = map_layout(analysis.layout, tables)
    values = np.concatenate([symbols.ravel() for symbols in symbols_of(analysis, setting, tables)])
    coder = map_coder(maps, tables.coding)
    symbols = np.zeros(maps.n_symbols, np.int16)
    settings = as_they_are(maps.maps)
    segments = [coder.encode(values, *settings, *part, symbols) for part in _parts(len(maps.maps), layers)]
    coder.close()
    return [segments[0] or b"\0", *segments[1:]]


def _parts(n_maps: int, layers: int) -> list[tuple[int, int]]:
    """First map and end of each layer."""
    return [(0, n_maps)] if layers == 1 else [(0, FIRST_MAPS), (FIRST_MAPS, n_maps)]


def symbols_of(analysis: Analysis, setting: Setting, tables: Tables) -> list[Symbols]:
    """The symbols of every plane."""
    found: list[Symbols] = []
    side = tables.networks.side
    for run in _runs(analysis.layout, side):
        of, planes = analysis.layout.planes[run.start], analysis.planes[run.start : run.stop]
        several = planes[0][np.newaxis] if len(run) == 1 else np.stack(planes)
        down, across = -(-of.height // side), -(-of.width // side)
        beyond = [max(0, n * side - have) for n, have in zip((down, across), several.shape[1:], strict=True)]
        whole = np.pad(several, [(0, 0), *((0, n) for n in beyond)], mode="edge") if any(beyond) else several
        settled = None
        if run.start == ALPHA and analysis.layout.interpretation == "rgba":
            settled = _settled(whole[0], (down, across), side, analysis.layout.alpha)
        how = (tables.networks, _step(setting, of.chroma, tables.networks), PRICE_Q8, bool(of.chroma), settled)
        found.extend(np.ascontiguousarray(stacked_analyse(whole, (down, across), *how).swapaxes(0, 1)))
    return found


def _runs(layout: Layout, side: int) -> list[range]:
    """Planes of a tile that go through the networks at once: one, or small ones of the same size."""
    runs: list[range] = []
    for index, (height, width, *_) in enumerate(layout.planes):
        most = AT_A_TIME // (-(-height // side) * -(-width // side)) if layout.interpretation == "spectral" else 1
        if runs and len(runs[-1]) < most:
            runs[-1] = range(runs[-1].start, index + 1)
        else:
            runs.append(range(index, index + 1))
    return runs


def _settled(alpha: Plane, blocks: tuple[int, int], side: int, of_all: int | None) -> NDArray[np.int16]:
    """0 or 8160 for blocks whose alpha is that, or is to decode to it, all over; -1 for others."""
    down, across = blocks
    if of_all in (0, FULL):
        return np.full(down * across, of_all, np.int16)
    cut = alpha[: down * side, : across * side].reshape(down, side, across, side)
    least, most = cut.min((1, 3)).ravel(), cut.max((1, 3)).ravel()
    return np.where((least == most) & np.isin(least, (0, FULL)), least, np.int16(-1))


def least_bytes(layout: Layout, layer: int, _: int, entropy: str, of_user: bool) -> int:
    """The fewest bytes that a segment of a layer has: the first holds the first maps of every block, and has a byte or
    more (spec/symbol_maps.md, "What a stream can hold"). Of a user's tables, blocks may be larger."""
    if layer > 0:
        return 0
    side = SIDES[-1] if of_user else SIDES[0]
    sizes = [(-(-plane.height // side), -(-plane.width // side)) for plane in layout.planes]
    if entropy == "huffman":
        return map_huffman.least_bytes(sizes)
    return max(1, symbol_maps.least_bytes(sizes, FIRST, 0, len(FIRST)))


def read(segments: list[bytes], layout: Layout, _: Setting | None, tables: Tables, layers: int) -> list[Symbols]:
    """The symbols of every plane from the first layers of a tile; raises CorruptStream or Truncated."""
    maps = map_layout(layout, tables)
    symbols = np.zeros(maps.n_symbols, np.int16)
    coder = map_coder(maps, tables.coding)
    for layer, (segment, part) in enumerate(zip(segments, _parts(len(maps.maps), layers), strict=False)):
        try:
            coder.decode(segment, *part, symbols)
            if layer == 0 and any(
                maps.part(symbols, plane, 1).max() > len(tables.networks.experts) for plane in range(len(maps.planes))
            ):
                raise CorruptStream("a block of an expert that there is not")
        except FormatError as fault:
            fault.layer = layer
            raise
    coder.close()
    ends = maps.starts
    return [
        symbols[start:end].reshape(len(maps.maps), plane.height, plane.width)
        for plane, start, end in zip(maps.planes, ends, ends[1:], strict=False)
    ]


def synthesise(symbols: list[Symbols], layout: Layout, setting: Setting, tables: Tables) -> list[Plane]:
    """The planes of a tile, sides extended to whole blocks."""
    planes: list[Plane] = []
    for run in _runs(layout, tables.networks.side):
        chroma = layout.planes[run.start].chroma
        several = np.stack(symbols[run.start : run.stop], axis=1)
        step_q5 = _step(setting, chroma, tables.networks)
        planes.extend(stacked_synthesise(several, tables.networks, step_q5, bool(chroma)))
    return planes


def evidence(symbols: list[Symbols], _: Layout, __: int, ___: int) -> Evidence:
    """The latents of each block, (down, across, n)."""
    return [np.ascontiguousarray(np.moveaxis(of_plane[FIRST_MAPS:], 0, -1)) for of_plane in symbols]


def tell(setting: Setting, _: Iterable[tuple[bytes | ApercuError, Layout]]) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only."""
    return {"step": setting.step_q5 / 32}


def read_tables(array: NDArray[np.generic], entropy: str) -> Tables:
    """A file holds int16: the networks (`stacked_tables`), then, as uint16, the tables of their symbol maps, which
    Huffman coding does not take."""
    if array.dtype != np.int16:
        raise ModelError("holds no array of int16")
    try:
        networks, rest = unpack(np.ascontiguousarray(array, np.int16))
    except ValueError as fault:
        raise ModelError(f"holds no networks of stacked_ae: {fault}") from None
    maps = maps_of(networks)
    if len(rest) != n_numbers(maps):
        raise ModelError(f"holds {len(rest)} numbers after its networks, not {n_numbers(maps)}")
    try:
        coding = map_tables(rest.view(np.uint16).copy(), maps)
    except OptionError:
        raise ModelError("holds weights or probabilities that are out of range") from None
    return Tables(networks, maps, coding if entropy == "range" else None)


def to_array(networks: NDArray[np.int16], weights: NDArray[np.uint8], starts: NDArray[np.uint16]) -> NDArray[np.int16]:
    """The inverse of `read_tables`, from packed networks and the tables of their maps."""
    return np.concatenate([networks, map_numbers(weights, starts).view(np.int16)])


if TYPE_CHECKING:
    from apercu.codecs import stacked_ae

    _: Codec[list[Plane], Setting, Options, Tables, Analysis, list[Symbols]] = stacked_ae
