"""The codec `dct`: a DCT of 8 × 8 by integers, means first, symbols chosen for rate and distortion (spec/dct.md).

encode:  planes → DCT → means → less what they let expect → choose and code
decode:  planes ← smooth ← DCT ← with what means let expect ← dequantise ← symbols

What the means of a block and of those around it tell of its slope and curvature need not be coded, and is shown where
nothing else is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import apercu
from apercu.codecs.forecast import BINS, Counts, counted
from apercu.codecs.plan import Plan
from apercu.codecs.protocol import Codec, Domain
from apercu.codecs.quality_path import by_hand as by_hand
from apercu.codecs.quality_path import parameters as parameters
from apercu.codecs.quality_path import quality_of
from apercu.errors import ApercuError, FormatError, ModelError, OptionError, Truncated
from apercu.format.container import MAX_QUALITY_Q8, MOST_BYTES, Header, first_varint, put_varint
from apercu.format.ids import CODECS
from apercu.kernel.memory import borrow, give_back
from apercu.options import entropy_option, one_of, option
from apercu.stages import map_huffman, symbol_maps
from apercu.stages.blocks import BLOCK
from apercu.stages.colour import FULL, Plane
from apercu.stages.dct import dct_analyse
from apercu.stages.dct_symbols import (
    MAPS,
    N_QUANTISERS,
    STREAMS,
    DctTables,
    dct_encode,
    dct_plane,
    dct_steps,
    dct_tables,
    plane_of,
)
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout
from apercu.stages.map_huffman import map_coder
from apercu.stages.symbol_maps import CLASSES, MapLayout, MapPlane, Values

DOMAIN: Domain = "planes"
VARIANTS = N_QUANTISERS
"""Those for PSNR, of which a forecast picks one (the first is for all images); then the one for SSIM."""
FOR_SSIM = 3
MOST_LAYERS = 2
SYMBOLS_NEED_TABLES = frozenset({"range"})
code_and_read = read_torn = None
COUNTED_TO = (1, 3, 10, 21, 43, 64)
"""Where the maps of a kind end that are counted together: the means, and bands of frequencies, which end at u + v = 1,
3, 5, 8 and 14."""
OPAQUE, LARGEST = FULL * 2, 32767
"""The coefficient of the mean of a block whose samples are all 8160, less the centre; and the largest of all."""


@dataclass(frozen=True)
class Setting:
    """A point of operation: `step_q8`, quantiser step in 8-bit samples of an orthonormal transform, 8 fraction bits;
    `variant`, which of the quantisers in the tables."""

    quality_q8: int
    step_q8: int
    variant: int


@dataclass(frozen=True)
class Options:
    """entropy: "range", by default, or "huffman", which takes more bits and less time to decode.

    tune: "psnr", by default, or "ssim", the measure that the steps of frequencies are for. For PSNR there are three
        quantisers. A search for a size or a PSNR picks one by the image's statistics; a quality takes the first, unless
        its last two bits name another, as those that `info` tells do. Quality 100 is the same for both measures. So
        with "ssim" there is nothing between its finest files, of 45 to 48 dB, and that one, which is a fifth larger.
    """

    entropy: str | None = entropy_option(CODECS["dct"])
    tune: str | None = option("what the steps of frequencies are for: psnr or ssim", "NAME", one_of(("psnr", "ssim")))


def at_quality(quality_q8: int, options: Options = Options()) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256: the last two bits number the quantiser, the rest
    is a place on the path of `apercu`."""
    place, variant = divmod(quality_q8, VARIANTS)
    if options.tune == "ssim" and quality_q8 < MAX_QUALITY_Q8:
        variant = FOR_SSIM
    return Setting(VARIANTS * place + variant, apercu.at_quality(VARIANTS * place).step_q8, variant)


def variants(options: Options) -> tuple[int, ...]:
    """The quantisers that a search may take."""
    return (FOR_SSIM,) if options.tune == "ssim" else tuple(range(FOR_SSIM))


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    return at_quality(quality_of(header))


def plan(interpretation: str, n_bands: int, height: int, width: int) -> Plan:
    """Tiles as `apercu` has them; the means are a layer, all else another."""
    side = apercu.plan(interpretation, n_bands, height, width).tile
    return Plan(side, layers=MOST_LAYERS, most_layers=MOST_LAYERS)


def map_layout(layout: Layout) -> MapLayout:
    """The maps of a tile."""
    return MapLayout([MapPlane(*of.blocks, of.chroma, of.companion) for of in layout.planes], MAPS)


@dataclass(frozen=True)
class Analysis:
    """Coefficients of a tile, laid out as `maps` says; and which blocks of alpha are all 0 or all 8160."""

    maps: MapLayout
    coefficients: Values
    ends: NDArray[np.int8] | None
    """(down, across), -1 and 1 for those two; None where there is no alpha."""


def analyse(planes: list[Plane], layout: Layout, _: Setting | None, __: DctTables) -> Analysis:
    """Analysis of the planes of a tile, for every setting."""
    maps = map_layout(layout)
    coefficients = np.empty(maps.n_symbols, np.int16)
    for index, (plane, of) in enumerate(zip(planes, layout.planes, strict=True)):
        dct_analyse(plane, *of.blocks, of.centre, plane_of(maps, coefficients, index))
    return Analysis(maps, coefficients, _ends(planes[ALPHA], layout) if layout.interpretation == "rgba" else None)


def _ends(alpha: Plane, layout: Layout) -> NDArray[np.int8]:
    down, across = layout.planes[ALPHA].blocks
    blocks = alpha[: down * BLOCK, : across * BLOCK].reshape(down, BLOCK, across, BLOCK)
    full, none = ((blocks == end).all(axis=(1, 3)) for end in (FULL, 0))
    full |= layout.alpha == FULL
    none |= layout.alpha == 0
    ends: NDArray[np.int8] = full.astype(np.int8) - none
    return ends


def counts(analysis: Analysis, tables: DctTables) -> Counts:
    """For both classes, of the differences of means and of the bands of frequencies, by the steps of the first
    quantiser."""
    maps = analysis.maps
    found = np.zeros((CLASSES, len(COUNTED_TO), BINS), np.int64)
    for index, (height, width, chroma, _) in enumerate(maps.planes):
        values, steps = plane_of(maps, analysis.coefficients, index), tables.quantisers[0].matrix[chroma] / 4096
        changes = _changes(values[0].astype(np.int32)).ravel()
        found[chroma, 0] += counted(changes, steps[:1].tolist(), [changes.size])
        for kind, (first, end) in enumerate(pairwise(COUNTED_TO), 1):
            sizes = [height * width] * (end - first)
            found[chroma, kind] += counted(values[first:end].ravel(), steps[first:end].tolist(), sizes)
    return found.reshape(-1, BINS)


def _changes(means: NDArray[np.int32]) -> NDArray[np.int32]:
    """Means less what those before them predict, about as they are coded."""
    changes = means.copy()
    w, n = means[1:, :-1], means[:-1, 1:]
    changes[1:, 1:] -= np.clip(w + n - means[:-1, :-1], np.minimum(w, n), np.maximum(w, n))
    changes[0, 1:] -= means[0, :-1]
    changes[1:, 0] -= means[:-1, 0]
    return changes


def code(analysis: Analysis, setting: Setting, tables: DctTables, layers: int) -> list[bytes]:
    """The segments of a tile, one for each layer."""
    maps = analysis.maps
    memory = [borrow(2 * maps.n_symbols) for _ in range(2)]
    values, symbols = (block.view(np.int16)[: maps.n_symbols] for block in memory)
    values[:], symbols[:] = analysis.coefficients, 0
    quantiser = tables.quantisers[setting.variant]
    if analysis.ends is not None:
        _settle(plane_of(maps, values, ALPHA), analysis.ends, int(dct_steps(setting.step_q8, quantiser.matrix)[0, 0]))
    coder = map_coder(maps, tables.maps)
    streams = dct_encode(coder, values, setting.step_q8, quantiser, tables.expected, symbols)
    coder.close()
    for block in memory:
        give_back(block)
    if layers == len(streams):
        return streams
    return [put_varint(len(streams[0])) + b"".join(streams)]


def _settle(values: NDArray[np.int16], ends: NDArray[np.int8], step_q6: int) -> None:
    """Puts the means of blocks at an end of alpha's range beyond it, so that whatever is chosen decodes to that end,
    but for what is expected of a block beside an edge and the smoothing there."""
    beyond = min(OPAQUE + 2 * (step_q6 >> 6) + 1, LARGEST)
    values[0][ends != 0] = (ends * np.int16(beyond))[ends != 0]
    values[1:, ends != 0] = 0


def least_bytes(layout: Layout, layer: int, layers: int, entropy: str, _: bool) -> int:
    """The fewest bytes that a segment of a layer has (spec/symbol_maps.md, "What a stream can hold")."""
    streams = STREAMS if layers == 1 else STREAMS[layer : layer + 1]
    sizes = [of.blocks for of in layout.planes]
    if entropy == "huffman":
        least = len(streams) * map_huffman.least_bytes(sizes)
    else:
        least = sum(symbol_maps.least_bytes(sizes, MAPS, *stream) for stream in streams)
    return least + (layers == 1)


def read(segments: list[bytes], layout: Layout, _: Setting | None, tables: DctTables, layers: int) -> Values:
    """The symbols of a tile from the first of its layers, laid out as `map_layout` says; raises CorruptStream or
    Truncated."""
    maps = map_layout(layout)
    symbols = np.zeros(maps.n_symbols, np.int16)
    coder = map_coder(maps, tables.maps)
    for number, (stream, part) in enumerate(zip(_streams(segments, layers), STREAMS, strict=False)):
        try:
            coder.decode(stream, *part, symbols)
        except FormatError as fault:
            fault.layer = min(number, layers - 1)
            raise
    coder.close()
    return symbols


def _streams(segments: list[bytes], layers: int) -> list[bytes]:
    if layers == len(STREAMS):
        return segments
    (segment,) = segments
    length, at = first_varint(segment, MOST_BYTES, "segment", "the length of its first stream")
    if length > len(segment) - at:
        raise Truncated("the first stream ends early")
    return [segment[at : at + length], segment[at + length :]]


def synthesise(symbols: Values, layout: Layout, setting: Setting, tables: DctTables) -> list[Plane]:
    """The planes of a tile, sides extended to multiples of 8."""
    maps = map_layout(layout)
    how = setting.step_q8, tables.quantisers[setting.variant], tables.expected
    planes = []
    for index, of in enumerate(layout.planes):
        down, across = of.blocks
        planes.append(np.empty((BLOCK * down, BLOCK * across), np.int16))
        dct_plane(plane_of(maps, symbols, index), of.chroma, of.centre, *how, planes[-1])
    return planes


def evidence(symbols: Values, layout: Layout, _: int, __: int) -> Evidence:
    """The symbols of each block, (down, across, 64)."""
    maps = map_layout(layout)
    return [np.moveaxis(plane_of(maps, symbols, index), 0, -1) for index in range(len(layout.planes))]


def tell(setting: Setting, _: Iterable[tuple[bytes | ApercuError, Layout]]) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only."""
    return {"step": setting.step_q8 / 256, "quantiser": setting.variant}


def read_tables(array: NDArray[np.generic], entropy: str) -> DctTables:
    """A file holds uint16, see `dct_tables`; Huffman coding takes the first of them alone."""
    if array.dtype.kind != "u" or array.itemsize != 2 or array.ndim != 1:
        raise ModelError("holds no list of uint16, as dct takes")
    try:
        tables = dct_tables(np.ascontiguousarray(array, np.uint16))
    except OptionError as error:
        raise ModelError(f"holds no tables of dct: {error}") from None
    return tables if entropy == "range" else tables._replace(maps=None)


if TYPE_CHECKING:
    from apercu.codecs import dct

    _: Codec[list[Plane], Setting, Options, DctTables, Analysis, Values] = dct
