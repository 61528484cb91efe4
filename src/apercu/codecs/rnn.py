"""The codec of recurrent networks: the mean of each place, then step by step a few bits where they pay.

    encode:  planes → means, all steps tried → where each place stops → symbol maps → range coder
    decode:  planes ← steps of the decoder                            ← symbol maps ← range coder

After Toderici et al., ICLR 2016 and CVPR 2017. That places stop is after Johnston et al., CVPR 2018.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.plan import Plan
from apercu.codecs.protocol import Codec, Domain
from apercu.codecs.quality_path import Options as Options
from apercu.codecs.quality_path import Setting as Setting
from apercu.codecs.quality_path import by_hand as by_hand
from apercu.codecs.quality_path import on_path, quality_of
from apercu.codecs.quality_path import parameters as parameters
from apercu.codecs.quality_path import variants as variants
from apercu.errors import ApercuError, CorruptStream, FormatError, ModelError, OptionError
from apercu.format.container import Header
from apercu.stages import symbol_maps
from apercu.stages.colour import Plane
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout, PlaneLayout
from apercu.stages.rnn import AT_A_TIME, Symbols, n_maps, rnn_analyse, rnn_symbols, rnn_synthesise, stop_map
from apercu.stages.rnn_tables import SIDE, STEPS, RnnTables, unpack
from apercu.stages.symbol_maps import (
    Map,
    MapCoder,
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
MOST_LAYERS = 1 + STEPS
SYMBOLS_NEED_TABLES = frozenset({"range"})
counts = code_and_read = read_torn = None
TILE = 1024
"""Pixels a side of a tile."""
LAYERED_FROM = 4000
"""Bytes: of smaller files ten more layers would be more than 1.5 %."""
PRICE_Q8 = 38
"""What a bit costs, in 1/256 of the squared step."""
CHROMA_STEP_Q4 = 8
"""The step of chroma planes relative to luma's, in sixteenths: at half size a sample stands for four pixels."""
FLAG_BITS = 1
"""What it costs to say that a place goes on, about."""
PATH_KNOTS = (
    (0, 16384), (1600, 12363), (3200, 9329), (4800, 7039), (6400, 5312), (8000, 4008), (9600, 3025), (11200, 2282),
    (12800, 1722), (14400, 1300), (16000, 981), (17600, 740), (19200, 558), (20800, 421), (22400, 318), (24000, 240),
    (25600, 181),
)  # fmt: skip
"""(quality in 1/256, step_q5); linear between two knots. Nothing is quantised by the step: it says what a bit has to
bring, as that of a quantiser does, and is no concern of a decoder."""
_ALIKE = 2
"""Steps whose bits have contexts of their own; those of all later steps share theirs."""
GOES_ON = frozenset({0})
"""What the map of a step says of a place that goes on to it. Zeros follow where data end: a stream that was cut runs
into bits of places that all go on, and is found out."""


class Tables(NamedTuple):
    """Networks, the maps that their symbols make, and the tables of these."""

    networks: RnnTables
    maps: list[Map]
    coding: MapTables


def at_quality(quality_q8: int, _: object = None) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256."""
    return on_path(PATH_KNOTS, quality_q8)


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    return at_quality(quality_of(header))


def plan(_: str, __: int, height: int, width: int) -> Plan:
    """The means are a layer, and each step is one; and there are tiles where the image is larger than one."""
    side = TILE if max(height, width) > TILE else None
    return Plan(side, layers=MOST_LAYERS, most_layers=MOST_LAYERS, layered_from=LAYERED_FROM)


def maps_of(networks: RnnTables) -> list[Map]:
    """The maps of a plane: means; of each step, which places stop before it, and bits of the others."""
    maps = [Map("predicted", 0)]
    bits = networks.n_bits
    for step in range(STEPS):
        stops = stop_map(networks, step)
        before = stops - 1 - bits  # the map that says who stopped before the last step
        maps.append(Map("count", 1 + step, GOES_ON if step else None, (before,) if step else ()))
        for bit in range(bits):
            own = stops + 1 + bit
            earlier = [own - 1 - bits] if step else []
            earlier += range(own - 1, max(stops, own - EARLIER_BITS - 1), -1)
            maps.append(Map("plain", 1 + STEPS + bits * min(step, _ALIKE) + bit, GOES_ON, tuple(earlier[:4])))
    return maps


EARLIER_BITS = 3
"""Bits of the same step that are context of the next one; the same bit of the step before is, too."""


def map_layout(layout: Layout, tables: Tables) -> MapLayout:
    """Where the maps of a tile's planes lie."""
    return MapLayout([MapPlane(*_places(of), of.chroma, of.companion) for of in layout.planes], tables.maps)


def _places(of: tuple[int, ...]) -> tuple[int, int]:
    """Places that cover a plane, down and across."""
    return -(-of[0] // SIDE), -(-of[1] // SIDE)


@dataclass(frozen=True)
class Analysis:
    """The planes of a tile, in runs, and their errors by step where no place stops (`Analysed`)."""

    layout: Layout
    planes: list[Plane]
    errors: list[NDArray[np.int64]]
    made: dict[bytes, list[Symbols]] = field(default_factory=dict)
    """The symbols that were made last, by where places stop: a search comes to the same again."""


def analyse(planes: list[Plane], layout: Layout, _: Setting | None, tables: Tables) -> Analysis:
    """All steps at all places: which of them are coded depends on the step."""
    stacked: list[Plane] = []
    errors: list[NDArray[np.int64]] = []
    for run in _runs(layout):
        of = layout.planes[run.start]
        several = [planes[index][: of.height, : of.width] for index in run]
        if run.start == ALPHA and layout.interpretation == "rgba" and layout.alpha is not None:
            several = [np.full_like(several[0], layout.alpha)]
        stacked.append(np.stack(several))
        errors.append(rnn_analyse(stacked[-1], _places(of), tables.networks, bool(of.chroma)).errors)
    return Analysis(layout, stacked, errors)


def _runs(layout: Layout) -> list[range]:
    """Planes of a tile that go through the networks at once: one, or small ones of the same kind and size."""
    runs: list[range] = []
    for index, of in enumerate(layout.planes):
        down, across = _places(of)
        if runs and of[:3] == layout.planes[index - 1][:3] and len(runs[-1]) < AT_A_TIME // (down * across):
            runs[-1] = range(runs[-1].start, index + 1)
        else:
            runs.append(range(index, index + 1))
    return runs


def code(analysis: Analysis, setting: Setting, tables: Tables, layers: int) -> list[bytes]:
    """The segments of a tile, one for each layer."""
    maps = map_layout(analysis.layout, tables)
    values = np.concatenate([symbols.ravel() for symbols in symbols_of(analysis, setting, tables)])
    coder = MapCoder(maps, tables.coding)
    symbols = np.zeros(maps.n_symbols, np.int16)
    settings = as_they_are(maps.maps)
    segments = [coder.encode(values, *settings, *part, symbols) for part in parts(tables.networks, layers)]
    coder.close()
    return [segments[0] or b"\0", *segments[1:]]


def parts(networks: RnnTables, layers: int) -> list[tuple[int, int]]:
    """First map and end of each layer: of several, the first has the means, each other one a step, the last one all
    further steps."""
    ends = [stop_map(networks, step) for step in range(layers - 1)] + [n_maps(networks)]
    return list(zip([0, *ends], ends, strict=False))


def symbols_of(analysis: Analysis, setting: Setting, tables: Tables) -> list[Symbols]:
    """The symbols of every plane (maps, rows of places, columns): each place stops where squared error and bits
    together are least while none stops. Then bits are made anew, for what is left beside places that have stopped:
    those of places that all go on would make an error there that nobody takes away. Planes that all of this
    brings nothing have their means alone."""
    runs = _runs(analysis.layout)
    kinds = [analysis.layout.planes[run.start] for run in runs]
    depths = [_depths(of, errors, setting, tables) for of, errors in zip(kinds, analysis.errors, strict=True)]
    key = b"".join(of_run.astype(np.uint8).tobytes() for of_run in depths)
    if key not in analysis.made:
        found: list[Symbols] = []
        for of, planes, of_run, errors in zip(kinds, analysis.planes, depths, analysis.errors, strict=True):
            chosen, left = rnn_symbols(planes, _places(of), tables.networks, bool(of.chroma), of_run)
            worse = np.flatnonzero(left.sum((1, 2)) >= errors[0].sum((1, 2)))
            chosen[1:, worse] = 0
            for step in range(STEPS):
                chosen[stop_map(tables.networks, step), worse] = 1
            found.extend(chosen.swapaxes(0, 1))
        analysis.made.clear()
        analysis.made[key] = [np.ascontiguousarray(one) for one in found]
    return analysis.made[key]


def _depths(of: PlaneLayout, errors: NDArray[np.int64], setting: Setting, tables: Tables) -> NDArray[np.int64]:
    """After how many steps the places of planes stop."""
    step_q5 = (setting.step_q5 * CHROMA_STEP_Q4 + 8) // 16 if of.chroma else setting.step_q5
    price = (PRICE_Q8 * step_q5 * step_q5 + 128) >> 8
    of_steps = price * (tables.networks.n_bits + FLAG_BITS) * np.arange(STEPS + 1, dtype=np.int64)
    depths: NDArray[np.int64] = (errors + of_steps[:, None, None, None]).argmin(0).astype(np.int64)
    return depths


def least_bytes(layout: Layout, layer: int, layers: int, _: str, __: bool) -> int:
    """The fewest bytes that a segment of a layer has: every place has a mean, and says whether it goes on to the first
    step (spec/symbol_maps.md, "What a stream can hold")."""
    everywhere = [Map("predicted", 0), Map("count", 1)]
    part = (0, 2) if layers == 1 else (layer, layer + 1)
    least = symbol_maps.least_bytes([_places(of) for of in layout.planes], everywhere, *part) if layer < 2 else 0
    return max(least, int(layer == 0))


def read(segments: list[bytes], layout: Layout, _: Setting | None, tables: Tables, layers: int) -> list[Symbols]:
    """The symbols of every plane from the first layers of a tile; raises CorruptStream or Truncated."""
    maps = map_layout(layout, tables)
    symbols = np.zeros(maps.n_symbols, np.int16)
    ends = maps.starts
    planes = [
        symbols[start:end].reshape(len(maps.maps), plane.height, plane.width)
        for plane, start, end in zip(maps.planes, ends, ends[1:], strict=False)
    ]
    coder = MapCoder(maps, tables.coding)
    for layer, (segment, part) in enumerate(zip(segments, parts(tables.networks, layers), strict=False)):
        try:
            coder.decode(segment, *part, symbols)
            if any(_no_bits(plane[max(part[0], 1) : part[1]]) for plane in planes):
                raise CorruptStream("a symbol in the place of a bit that is neither 0 nor 1")
        except FormatError as fault:
            fault.layer = layer
            raise
    coder.close()
    for step in range(len(segments) - 1, STEPS if len(segments) < layers else 0):  # of layers that are missing
        for plane in planes:
            plane[stop_map(tables.networks, step)] = 1
    return planes


def _no_bits(symbols: Symbols) -> bool:
    """Whether not all are 0 or 1."""
    return bool(symbols.size) and not 0 <= int(symbols.min()) <= int(symbols.max()) <= 1


def synthesise(symbols: list[Symbols], layout: Layout, _: Setting, tables: Tables) -> list[Plane]:
    """The planes of a tile, sides extended to whole places."""
    planes: list[Plane] = []
    for run in _runs(layout):
        several = np.stack(symbols[run.start : run.stop], axis=1)
        planes.extend(rnn_synthesise(several, tables.networks, bool(layout.planes[run.start].chroma)))
    return planes


def evidence(symbols: list[Symbols], _: Layout, __: int, ___: int) -> Evidence:
    """What the bits of each place are worth, 1 or -1, (down, across, n); 0 where there are none."""
    found: Evidence = []
    for of_plane in symbols:
        of_steps = of_plane[1:].reshape(STEPS, -1, *of_plane.shape[1:])
        worth = (2 * of_steps[:, 1:] - 1) * (1 - of_steps[:, :1])
        found.append(np.ascontiguousarray(np.moveaxis(worth.reshape(-1, *of_plane.shape[1:]), 0, -1)))
    return found


def tell(setting: Setting, _: Iterable[tuple[bytes | ApercuError, Layout]]) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only."""
    return {"step": setting.step_q5 / 32}


def read_tables(array: NDArray[np.generic], _: str) -> Tables:
    """A file holds int16: the networks (`rnn_tables`), then, as uint16, the tables of their symbol maps."""
    if array.dtype != np.int16:
        raise ModelError("holds no array of int16")
    try:
        networks, rest = unpack(np.ascontiguousarray(array, np.int16))
    except ValueError as fault:
        raise ModelError(f"holds no networks of rnn: {fault}") from None
    maps = maps_of(networks)
    if len(rest) != n_numbers(maps):
        raise ModelError(f"holds {len(rest)} numbers after its networks, not {n_numbers(maps)}")
    try:
        coding = map_tables(rest.view(np.uint16).copy(), maps)
    except OptionError:
        raise ModelError("holds weights or probabilities that are out of range") from None
    return Tables(networks, maps, coding)


def to_array(networks: NDArray[np.int16], weights: NDArray[np.uint8], starts: NDArray[np.uint16]) -> NDArray[np.int16]:
    """The inverse of `read_tables`, from packed networks and the tables of their maps."""
    return np.concatenate([networks, map_numbers(weights, starts).view(np.int16)])


if TYPE_CHECKING:
    from apercu.codecs import rnn

    _: Codec[list[Plane], Setting, Options, Tables, Analysis, list[Symbols]] = rnn
