"""The codec of Taha et al. 2025: one of two autoencoders for each 8x8 block, the larger where the smaller is too
coarse.

    encode:  planes → analyse → classify and quantise → optimise → Huffman, or symbol maps → range coder
    decode:  planes ← synthesise                                 ← Huffman, or symbol maps ← range coder

H. Taha, L. A. Elrefaei, H. Akah, M. Abdelrasoul, "Efficient Image Compression Technique for Low Bit Rate
Requirements", Fayoum University Journal of Engineering 8(2), 2025, doi 10.21608/fuje.2025.314170.1091.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.plan import Plan
from apercu.codecs.protocol import Codec, Domain
from apercu.codecs.quality_path import between
from apercu.codecs.taha2025_path import ALL_G1, PATH_KNOTS, PLAIN_FROM_Q5, PLAIN_KNOTS
from apercu.errors import ApercuError, CorruptStream, FormatError, ModelError, OptionError
from apercu.format.container import Header, put_varint, read_varints
from apercu.format.ids import CODECS
from apercu.options import entropy_option, number, one_of, option
from apercu.stages import symbol_maps
from apercu.stages.blocks import BLOCK
from apercu.stages.colour import FULL, Plane
from apercu.stages.dual_ae import EVERY_BLOCK, Weights, dual_analyse, dual_synthesise
from apercu.stages.dual_code import TABLES, Groups, Symbols, dual_decode, dual_decode_groups, dual_encode, dual_optimise
from apercu.stages.dual_maps import FIRST, MAPS, N_NUMBERS, DualMapTables, dual_get_maps, dual_map_tables, dual_put_maps
from apercu.stages.dual_quantise import dual_quantise
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout
from apercu.stages.symbol_maps import MapLayout, MapPlane

TILE = 1024
"""Pixels a side of a tile."""
DOMAIN: Domain = "planes"
VARIANTS = 8
MOST_LAYERS = 1
SYMBOLS_NEED_TABLES = frozenset({"range"})
counts = code_and_read = read_torn = None
WEIGHTS_SHAPE = 2, 9, 64
N_WEIGHTS = 2 * 9 * 64
MAX_STEP_Q3 = 65535
LATENT_LIMIT = 16384
"""The limit that the decoder clamps latents to: for G1, the brightest block, 254 or 255 of 255 in every sample."""
CHROMA_STEP_Q4, CHROMA_THRESHOLD_Q4 = 8, 6
"""Step and threshold of chroma planes relative to those of luma, in sixteenths: at half size a sample stands for four
pixels."""
PATH_VARIANTS = ((1, 1, 2), (2, 3, 2), (3, 2, 2), (1, 1, 0))
"""Factor and divisor of the threshold, and bit_price_q4, of variants 0 to 3 from quality 16 up."""
PLAIN_VARIANTS = (1, 0, 2, 3)
"""bit_price_q4 of variants 4 to 7 from quality 16 up, in which G1 codes all blocks."""
PLAIN_START_VARIANTS = (1, 0, 2, 3, 4, 5, 6, 8)
"""bit_price_q4 of variants 0 to 7 below quality 16."""
LEAST_BITS = 12
"""Of a plane in a segment."""
FLAGS_DOUBTED_BELOW = 0.25
"""Flags take one bit for each block: if fewer blocks than this use G2, the plane is also coded without flags, and the
smaller result is taken."""


class Tables(NamedTuple):
    """The autoencoders, and the tables of the range coder; None for Huffman codes, whose tables are in the file."""

    weights: Weights
    coding: DualMapTables | None


@dataclass(frozen=True)
class Setting:
    """A point of operation. `quality_q8` is None where step and threshold were set by hand.

    step_q3: quantiser step of the latents in 1/8 of an 8-bit sample. threshold_q4: blocks whose G1 error is above it
    go to G2, in 1/16 of an 8-bit sample squared. bit_price_q4: the price of a bit when symbols are
    chosen, in 1/16 of the squared step; 0: they are not chosen but rounded. The entropy coder codes what is chosen.
    """

    quality_q8: int | None
    step_q3: int
    threshold_q4: int
    bit_price_q4: int = 0
    tables: str | None = None
    entropy: str = "huffman"

    @property
    def step_q8(self) -> int:
        """The step with 8 fraction bits."""
        return self.step_q3 << 5


@dataclass(frozen=True)
class Options:
    """Both `threshold` and `step` make a setting by hand, in units of an 8-bit sample, in place of a target.

    threshold: blocks whose mean squared error under the first autoencoder is above it go to the second.
    step: quantiser step of the latents.
    tables: "group" codes all latents of the second autoencoder with one table, as published, "latent" each with its
        own; by default the smaller, for each plane. Of Huffman coding only.
    entropy: "huffman", as published and by default, or "range", which takes fewer bits for the same pixels.
    """

    threshold: float | None = option("block error above which the finer code is used", "T", number, float, True)
    step: float | None = option("quantiser step; --threshold and --step go together", "S", number, float, True)
    tables: str | None = option("Huffman tables per group or per latent: group or latent", "KIND", one_of((*TABLES,)))
    entropy: str | None = entropy_option(CODECS["taha2025"])


def at_quality(quality_q8: int, options: Options = Options()) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256 (spec/taha2025.md, "Path of taha2025").

    The last three bits are a variant of the encoder's choices at the same step. With variants a rate search reaches
    sizes between two qualities (a Huffman code takes at least one bit) and finds the best of several ways to code.
    """
    quality_q5, variant = divmod(quality_q8, VARIANTS)
    how = _how(options)
    start = quality_q5 < PLAIN_FROM_Q5
    knots = PLAIN_KNOTS if variant >= 4 and not start else PATH_KNOTS
    step, threshold = between(knots, quality_q5)
    if start:
        return Setting(quality_q8, step, threshold, PLAIN_START_VARIANTS[variant], *how)
    if variant >= 4:
        return Setting(quality_q8, step, threshold, PLAIN_VARIANTS[variant - 4], *how)
    times, over, price = PATH_VARIANTS[variant]
    return Setting(quality_q8, step, min(threshold * times // over, ALL_G1), price, *how)


def variants(_: Options) -> range:
    """All of them may be taken by a search."""
    return range(VARIANTS)


def by_hand(options: Options) -> Setting | None:
    """A setting from threshold and step: the codec as published, every latent going to the nearest multiple of the
    step. Raises OptionError."""
    threshold, step = options.threshold, options.step
    if options.tables and options.entropy == "range":
        raise OptionError("tables are those of Huffman codes: with entropy='range' there are none to choose")
    if threshold is None and step is None:
        return None
    if threshold is None or step is None:
        raise OptionError("threshold and step are set together")
    if not 0 < step * 8 <= MAX_STEP_Q3:
        raise OptionError(f"step must be above 0 and at most {MAX_STEP_Q3 / 8}, not {step}")
    if not threshold >= 0:
        raise OptionError(f"threshold must be 0 or more, not {threshold}")
    return Setting(None, max(round(step * 8), 1), round(min(threshold * 16, ALL_G1)), 0, *_how(options))


def _how(options: Options) -> tuple[str | None, str]:
    return options.tables, options.entropy or CODECS["taha2025"][0]


def plan(_: str, __: int, height: int, width: int) -> Plan:
    """One layer, and tiles where the image is larger than one."""
    return Plan(TILE if max(height, width) > TILE else None)


def parameters(setting: Setting) -> bytes:
    """The parameters in the header for a setting made by hand; none for a quality, which sets everything."""
    if setting.quality_q8 is not None:
        return b""
    return put_varint(setting.step_q3) + put_varint(setting.threshold_q4)


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    if header.quality_q8 is not None:
        return at_quality(header.quality_q8, Options(entropy=header.entropy))
    step, threshold = read_varints(header.parameters, 2, ALL_G1)
    if not 1 <= step <= MAX_STEP_Q3:
        raise CorruptStream(f"step {step} is out of range")
    return Setting(None, step, threshold, entropy=header.entropy)


def _of_plane(setting: Setting, chroma: int) -> tuple[int, int]:
    """(step_q3, threshold_q4) of a plane."""
    if not chroma:
        return setting.step_q3, setting.threshold_q4
    step_q3 = max((setting.step_q3 * CHROMA_STEP_Q4 + 8) // 16, 1)
    all_g1 = setting.threshold_q4 == ALL_G1
    return step_q3, ALL_G1 if all_g1 else setting.threshold_q4 * CHROMA_THRESHOLD_Q4 // 16


@dataclass(frozen=True)
class Analysis:
    """Latents (n, 9) and G1 errors (n,) of every plane of a tile: everything that a search over settings needs."""

    layout: Layout
    planes: list[tuple[NDArray[np.int16], NDArray[np.uint32]]]
    opaque: NDArray[np.bool_] | None
    """(n,), which blocks of an alpha plane are fully opaque; None where there is no alpha."""


def analyse(planes: list[Plane], layout: Layout, setting: Setting | None, tables: Tables) -> Analysis:
    """Analysis of a tile for one setting, or for all of them if it is None."""
    found = []
    for plane, of in zip(planes, layout.planes, strict=True):
        threshold = _of_plane(setting, of.chroma)[1] if setting else EVERY_BLOCK
        found.append(dual_analyse(plane, of.blocks, tables.weights, threshold))
    opaque = None
    if layout.interpretation == "rgba":
        down, across = layout.planes[ALPHA].blocks
        opaque = (planes[ALPHA].reshape(down, BLOCK, across, BLOCK) == FULL).all(axis=(1, 3)).ravel()
        opaque |= layout.alpha == FULL
    return Analysis(layout, found, opaque)


def code(analysis: Analysis, setting: Setting, tables: Tables, _: int) -> list[bytes]:
    """The one segment of a tile."""
    planes = chosen(analysis, setting)
    if tables.coding is None:
        return [dual_encode(planes, setting.tables)]
    return [dual_put_maps(planes, map_layout(analysis.layout), tables.coding) or b"\0"]


def chosen(analysis: Analysis, setting: Setting) -> "Decoded":
    """Groups and symbols of every plane, the same for both entropy coders."""
    planes = []
    for index, (latents, mse_q4) in enumerate(analysis.planes):
        chroma = analysis.layout.planes[index].chroma
        step_q3, threshold_q4 = _of_plane(setting, chroma)
        groups, symbols = dual_quantise(latents, mse_q4, threshold_q4, step_q3)
        if setting.bit_price_q4:
            how = (step_q3, setting.bit_price_q4, setting.tables, bool(chroma))
            cost = dual_optimise(groups, symbols, latents, *how)
            if 0 < groups.sum() < len(groups) * FLAGS_DOUBTED_BELOW:
                plain, plain_symbols = dual_quantise(latents, mse_q4, ALL_G1, step_q3)
                if dual_optimise(plain, plain_symbols, latents, *how) < cost:
                    groups, symbols = plain, plain_symbols
        if index == ALPHA and (opaque := analysis.opaque) is not None:
            groups[opaque] = 0
            symbols[opaque, 0] = np.sign(latents[opaque, 0]) * min(-(-LATENT_LIMIT // step_q3), LATENT_LIMIT - 1)
        planes.append((groups, symbols))
    return planes


Decoded = list[tuple[Groups, Symbols]]


def least_bytes(layout: Layout, _: int, __: int, entropy: str, ___: bool) -> int:
    """The fewest bytes that a segment has. Of Huffman codes a plane takes two bits for its mode and ten for a table
    whose symbols take none, whatever its size."""
    if entropy == "range":
        return max(1, symbol_maps.least_bytes([plane.blocks for plane in layout.planes], FIRST, 0, len(FIRST)))
    return -(-LEAST_BITS * layout.n_bands // 8)


def read(segments: list[bytes], layout: Layout, _: Setting | None, tables: Tables, __: int) -> Decoded:
    """Groups and symbols of every plane of a tile; raises CorruptStream or Truncated."""
    if tables.coding is None:
        return dual_decode(segments[0], _n_blocks(layout))
    return dual_get_maps(segments[0], map_layout(layout), tables.coding)


def map_layout(layout: Layout) -> MapLayout:
    """The maps of a tile."""
    return MapLayout([MapPlane(*of.blocks, of.chroma, of.companion) for of in layout.planes], MAPS)


def _n_blocks(layout: Layout) -> list[int]:
    return [down * across for down, across in (plane.blocks for plane in layout.planes)]


def synthesise(decoded: Decoded, layout: Layout, setting: Setting, tables: Tables) -> list[Plane]:
    """The planes of a tile, sides extended to multiples of 8."""
    return [
        dual_synthesise(groups, symbols, plane.blocks, tables.weights, _of_plane(setting, plane.chroma)[0])
        for (groups, symbols), plane in zip(decoded, layout.planes, strict=True)
    ]


def evidence(decoded: Decoded, layout: Layout, _: int, __: int) -> Evidence:
    """The symbols of each block, (down, across, 8); a block of G1 has the first of them alone."""
    found = []
    for (groups, symbols), plane in zip(decoded, layout.planes, strict=True):
        used = symbols.copy()
        used[groups == 0, 1:] = 0
        found.append(used.reshape(*plane.blocks, -1))
    return found


def tell(setting: Setting, tiles: Iterable[tuple[bytes | ApercuError, Layout]]) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only.

    `tiles`: the segment of each, or its fault. The shares of blocks are None unless every segment can be read; in range
    coding nobody can know them without the tables.
    """
    told: dict[str, object] = {"step": setting.step_q3 / 8, "threshold": setting.threshold_q4 / 16}
    if setting.entropy == "range":
        return told
    try:
        total, detailed = _count_blocks(tiles)
    except FormatError:
        return told | {"g1_share": None, "g2_share": None}
    return told | {"g1_share": (total - detailed) / total, "g2_share": detailed / total}


def _count_blocks(tiles: Iterable[tuple[bytes | ApercuError, Layout]]) -> tuple[int, int]:
    """The number of blocks of all planes, and of those that G2 codes."""
    total = detailed = 0
    for segment, layout in tiles:
        if isinstance(segment, ApercuError):
            raise segment
        for groups in dual_decode_groups(segment, _n_blocks(layout)):
            total, detailed = total + len(groups), detailed + int(groups.sum())
    return total, detailed


def read_tables(array: NDArray[np.generic], entropy: str) -> Tables:
    """A file holds int16: for Huffman coding the weights, (2, 9, 64); for range coding a list of them and of its own
    tables (`dual_map_tables`), of which Huffman coding takes the weights."""
    if array.dtype == np.int16 and array.shape == (N_WEIGHTS + N_NUMBERS,):
        numbers = np.ascontiguousarray(array, np.int16)
        try:
            coding = dual_map_tables(numbers[N_WEIGHTS:])
        except OptionError as fault:
            raise ModelError(f"holds no tables of taha2025: {fault}") from None
        return Tables(_weights(numbers[:N_WEIGHTS].reshape(WEIGHTS_SHAPE)), coding if entropy == "range" else None)
    weights = _weights(array)
    if entropy == "range":
        raise ModelError("holds no tables for range coding: apercu train taha2025 --weights makes them")
    return Tables(weights, None)


def to_array(weights: Weights, numbers: NDArray[np.int16]) -> NDArray[np.int16]:
    """The inverse of `read_tables` for range coding, from weights and the numbers of `dual_map_tables`."""
    return np.concatenate([weights.ravel(), numbers])


def _weights(array: NDArray[np.generic]) -> Weights:
    if array.dtype.kind != "i":
        raise ModelError("holds no array of int16")
    if array.shape != WEIGHTS_SHAPE:
        raise ModelError(f"holds an array of shape {array.shape}; taha2025 takes {WEIGHTS_SHAPE}")
    sums = np.abs(array.astype(np.int64))
    # The bounds that keep the kernel's sums within 32 bits: see dot() and apercu_dual_synthesise in dual_ae.c.
    if sums.sum(axis=2).max() >= 1 << 18 or sums[1, 1:].sum(axis=0).max() >= 1 << 16:
        raise ModelError("holds weights too large for 32-bit sums")
    return np.ascontiguousarray(array, dtype=np.int16)


if TYPE_CHECKING:
    from apercu.codecs import taha2025

    _: Codec[list[Plane], Setting, Options, Tables, Analysis, Decoded] = taha2025
