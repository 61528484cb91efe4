"""The codec `apercu`: a 9/7 wavelet, symbols chosen for rate and distortion, range coding with trained contexts.

encode:  planes → wavelet → choose and code, stage by stage → layers
decode:  planes ← wavelet ← decode and dequantise          ← layers
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.forecast import BINS, Counts, counted
from apercu.codecs.importance import Options as Options
from apercu.codecs.plan import Plan
from apercu.codecs.protocol import Codec, Domain
from apercu.codecs.quality_path import between, quality_of
from apercu.codecs.quality_path import by_hand as by_hand
from apercu.codecs.quality_path import parameters as parameters
from apercu.codecs.quality_path import variants as variants
from apercu.codecs.settled_alpha import AlphaEnds, find, settle
from apercu.errors import FormatError, ModelError, OptionError
from apercu.format.container import Header
from apercu.kernel.memory import borrow, give_back
from apercu.stages.arguments import LARGEST_STEP_Q8
from apercu.stages.band_contexts import unpacked
from apercu.stages.bands import (
    N_BANDS,
    N_CONTEXTS,
    N_WEIGHTS,
    STAGES,
    BandCoder,
    BandPlane,
    BandTables,
    band_step,
    dequantise,
    least_bits,
    low_step_q6,
    of_stages,
    start_contexts,
)
from apercu.stages.colour import Plane, plane_sizes
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout, PlaneLayout
from apercu.stages.torn_bands import read_torn as read_torn_bands
from apercu.stages.wavelet import Bands, band_places, wavelet_analyse, wavelet_synthesise

DOMAIN: Domain = "planes"
VARIANTS = 1
MOST_LAYERS = STAGES
SYMBOLS_NEED_TABLES = frozenset({"range"})
TILE_SIDES = 1 << 10, 1 << 12
"""The smallest and the largest tiles that an image is cut into."""

LARGEST_WEIGHT = 64
"""Of a neighbour. Sums stay within 16 bits: of parents, two sisters and a companion, smoothed magnitudes of 240 at
most."""

BITS_A_BYTE_LOG2, BEYOND = (15, 19), 5
"""The most bits that a byte of a segment can hold, with the shipped tables and with any; and how many bytes more its
tail counts for."""


class Transform(NamedTuple):
    """What takes a plane to coefficients and back, with the arguments of `wavelet_analyse` and `wavelet_synthesise`."""

    analyse: Callable[..., None]
    synthesise: Callable[[Bands, Plane, int, int], None]
    fitted: bool
    """Whether the encoder fits coefficients at the border to its step, which is right for the 9/7 wavelet only."""


transform = Transform(wavelet_analyse, wavelet_synthesise, fitted=True)
"""Another may take its place (docs/replace-a-stage.md)."""

COUNTED_AT_Q8 = 4096
"""The step that coefficients of other transforms are counted at; those of ours depend on none then."""
LOW_STEP = low_step_q6(LARGEST_STEP_Q8) / 64 / LARGEST_STEP_Q8
"""That of LL for `step_q8` = 1, of a plane at full size."""
_ROOTS = np.sqrt(np.arange(1, 257, dtype=np.float32) / 256)
"""Of what errors count for, by its code."""

PATH_KNOTS = (
    (0, 262144), (1600, 185364), (3200, 131072), (4800, 92682), (6400, 65536), (8000, 46341), (9600, 32768),
    (11200, 23170), (12800, 16384), (13600, 12634), (14400, 9742), (15200, 7512), (16000, 5793), (16800, 4467),
    (17600, 3444), (18400, 2656), (19200, 2048), (20000, 1579), (20800, 1218), (21600, 939), (22400, 724),
    (23200, 558), (24000, 431), (24800, 332), (25600, 256),
)  # fmt: skip
"""(quality in 1/256, step_q8); linear between two knots."""


@dataclass(frozen=True)
class Setting:
    """A point of operation: `step_q8`, quantiser step in 8-bit samples of an orthonormal transform, 8 fraction bits."""

    quality_q8: int
    step_q8: int


def at_quality(quality_q8: int, _: object = None) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256 (spec/apercu.md, "Path of apercu")."""
    return Setting(quality_q8, *between(PATH_KNOTS, quality_q8))


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    return at_quality(quality_of(header))


def plan(interpretation: str, n_bands: int, height: int, width: int, tile_samples: int = 1 << 25) -> Plan:
    """Four layers, or five. An image whose planes have `tile_samples` or fewer is one tile, which has no seams; a
    larger one is cut into the largest tiles that have no more, with sides of 1,024 to 4,096."""

    def n_samples(height: int, width: int) -> int:
        return sum(h * w for h, w in plane_sizes(interpretation, n_bands, height, width))

    side = None
    if n_samples(height, width) > tile_samples:
        least, side = TILE_SIDES
        while side > least and n_samples(side, side) > tile_samples:
            side //= 2
    return Plan(side, layers=4, most_layers=MOST_LAYERS)


def stages_of(layer: int, layers: int) -> tuple[int, int]:
    """First and last stage of a layer: the first layer holds the coarsest stages, every other one stage."""
    last = layers - layer
    return (STAGES if layer == 0 else last), last


def band_planes(layout: Layout, fitted: bool = False) -> list[BandPlane]:
    """The planes of a tile as the coder takes them. `fitted`: the encoder fits their borders to its step; all but
    alpha, which has to be exact at the ends of its range."""
    how = int(fitted), int(layout.one_price)
    planes = [BandPlane(w, h, chroma, companion, *how) for h, w, chroma, companion in layout.planes]
    if fitted and layout.interpretation == "rgba":
        planes[ALPHA] = planes[ALPHA]._replace(fitted=0)
    return planes


Coefficients = NDArray[np.int16]


@dataclass(frozen=True)
class Analysis:
    """A tile on its way to symbols.

    samples: its planes, and ends of alpha: everything that a search over settings needs.
    coefficients: in place of them, for a single setting; coding overwrites them.
    """

    layout: Layout
    planes: list[BandPlane]
    samples: list[Plane]
    alpha: AlphaEnds | None
    coefficients: Coefficients | None = None


def analyse(samples: list[Plane], layout: Layout, setting: Setting | None, _: BandTables) -> Analysis:
    """Analysis of the planes of a tile for one setting, or for all of them if it is None."""
    planes = band_planes(layout, transform.fitted)
    alpha = find(samples[ALPHA], layout) if layout.interpretation == "rgba" else None
    analysis = Analysis(layout, planes, samples, alpha)
    if not setting:
        return analysis
    coefficients = np.empty(layout.n_samples, np.int16)
    coefficients_of(analysis, setting.step_q8, coefficients)
    return Analysis(layout, planes, [], None, coefficients)


def coefficients_of(analysis: Analysis, step_q8: int, coefficients: Coefficients) -> None:
    """Coefficients of all planes of a tile, one plane after the other, into an array. At the border they depend on the
    quantiser's step."""
    at = 0
    bands = coefficients
    for plane, of, coded in zip(analysis.samples, analysis.layout.planes, analysis.planes, strict=True):
        bands = coefficients[at : at + of.height * of.width]
        fits_to = step_q8 if coded.fitted or not transform.fitted else 0
        how = (STAGES - of.chroma, of.centre, bands, fits_to, of.chroma)
        transform.analyse(plane, of.height, of.width, *how)
        at += bands.size
    if analysis.alpha:
        settle(analysis.alpha, step_q8, bands)  # alpha comes last


def counts(analysis: Analysis, _: BandTables) -> Counts:
    """Of luma and other planes at full size, of chroma, and of the differences along the rows of either's LL."""
    found = np.zeros((4, BINS), np.int64)
    memory = borrow(2 * max(of.height * of.width for of in analysis.layout.planes))
    for plane, of in zip(analysis.samples, analysis.layout.planes, strict=True):
        bands = memory.view(np.int16)[: of.height * of.width]
        fits_to = 0 if transform.fitted else COUNTED_AT_Q8
        transform.analyse(plane, of.height, of.width, STAGES - of.chroma, of.centre, bands, fits_to, of.chroma)
        steps, sizes = _counted_bands(of.height, of.width, of.chroma)
        n_low = bands.size - sum(sizes)
        if analysis.layout.importance is not None:
            _shrink(bands, of, analysis.layout)
        found[of.chroma] += counted(bands[n_low:], steps, sizes)
        low = bands[:n_low].reshape(-1, -(-of.width >> STAGES - of.chroma))
        change = (low[:, 1:].astype(np.int32) - low[:, :-1]).ravel()
        found[2 + of.chroma] += counted(change, [LOW_STEP], [change.size])
    give_back(memory)
    return found


def _shrink(bands: Bands, of: PlaneLayout, layout: Layout) -> None:
    """Makes coefficients smaller where errors count for less, in place, LL as it is. As many bits are spent on a
    coefficient whose error counts for a quarter as on one of half its size, about."""
    assert layout.importance is not None
    counts_for = of_stages(layout.importance, layout.height, layout.width)
    for (level, _), (start, h, w) in band_places(of.height, of.width, STAGES - of.chroma).items():
        band = bands[start : start + h * w].reshape(h, w)
        np.multiply(band, _ROOTS[counts_for[level + of.chroma][:h, :w]], out=band, casting="unsafe")


@lru_cache(maxsize=16)
def _counted_bands(height: int, width: int, chroma: int) -> tuple[list[float], list[int]]:
    """Steps for `step_q8` = 1, and sizes, of all bands but LL of a plane."""
    places = band_places(height, width, STAGES - chroma)
    steps = [band_step(LARGEST_STEP_Q8, chroma, *place) / LARGEST_STEP_Q8 for place in places]
    return steps, [h * w for _, h, w in places.values()]


def code(analysis: Analysis, setting: Setting, tables: BandTables, layers: int) -> list[bytes]:
    """The segments of a tile, one for each layer."""
    return _coded(analysis, setting, tables, layers, None)


def code_and_read(
    analysis: Analysis, setting: Setting, tables: BandTables, layers: int
) -> tuple[list[bytes], Callable[[], list[Bands]]]:
    """The same, and what gives the coefficients that `read` makes of them all."""
    planes, layout = analysis.planes, analysis.layout
    memory = borrow(2 * layout.n_samples)
    symbols = memory.view(np.int16)[: layout.n_samples]
    symbols[:] = 0
    segments = _coded(analysis, setting, tables, layers, symbols)

    def read_again() -> list[Bands]:
        return in_planes(dequantise(symbols, planes, setting.step_q8), layout)

    finalize(read_again, give_back, memory)  # most are never asked, since their files are not taken
    return segments, read_again


def _coded(
    analysis: Analysis, setting: Setting, tables: BandTables, layers: int, symbols: Coefficients | None
) -> list[bytes]:
    memory, coefficients = None, analysis.coefficients
    if coefficients is None:
        n_samples = analysis.layout.n_samples
        memory = borrow(2 * n_samples)
        coefficients = memory.view(np.int16)[:n_samples]
        coefficients_of(analysis, setting.step_q8, coefficients)
    coder = BandCoder(analysis.planes, tables, analysis.layout.importance)
    stages = (stages_of(layer, layers) for layer in range(layers))
    segments = [coder.encode(coefficients, setting.step_q8, first, last, symbols) for first, last in stages]
    coder.close()
    if memory is not None:
        give_back(memory)
    return segments


def least_bytes(layout: Layout, layer: int, layers: int, _: str, of_user: bool) -> int:
    """The fewest bytes that a segment of a layer has, with tables of a user's or with the shipped ones
    (spec/apercu.md, "What a segment can hold")."""
    stages = stages_of(layer, layers)
    kinds = Counter((plane.height, plane.width, plane.chroma) for plane in layout.planes)  # of 65,535 bands, one
    needed = sum(n * least_bits(*kind, *stages) for kind, n in kinds.items())
    return -(-needed >> BITS_A_BYTE_LOG2[of_user]) - BEYOND


def read(
    segments: list[bytes], layout: Layout, setting: Setting | None, tables: BandTables, layers: int
) -> list[Bands]:
    """The coefficients of the planes of a tile from the first of its layers, each as `wavelet_analyse` orders them;
    without a setting the symbols in their places. Raises CorruptStream or Truncated."""
    coder = BandCoder(band_planes(layout), tables)
    coefficients = np.zeros(layout.n_samples, np.int16)
    step_q8 = setting.step_q8 if setting else 0
    for layer, segment in enumerate(segments):
        try:
            coder.decode(segment, step_q8, *stages_of(layer, layers), coefficients)
        except FormatError as fault:
            fault.layer = layer
            raise
    coder.close()
    return in_planes(coefficients, layout)


def read_torn(
    segments: list[bytes], torn: bytes, layout: Layout, setting: Setting, tables: BandTables, layers: int
) -> list[Bands] | None:
    """What `read` gives, with what the first bytes of the next layer say; None where that is too little to be shown."""
    stages = [stages_of(layer, layers) for layer in range(len(segments) + 1)]
    found = read_torn_bands(segments, torn, stages, band_planes(layout), tables, setting.step_q8)
    return None if found is None else in_planes(found, layout)


def in_planes(values: Coefficients, layout: Layout) -> list[Bands]:
    """The part of each plane."""
    bands, at = [], 0
    for plane in layout.planes:
        end = at + plane.height * plane.width
        bands.append(values[at:end])
        at = end
    return bands


def synthesise(bands: list[Bands], layout: Layout, _: Setting, __: BandTables) -> list[Plane]:
    """The planes of a tile."""
    planes = []
    samples = np.empty(layout.n_samples, np.int16)
    for of, its_bands, its_samples in zip(layout.planes, bands, in_planes(samples, layout), strict=True):
        planes.append(its_samples.reshape(of.height, of.width))
        transform.synthesise(its_bands, planes[-1], STAGES - of.chroma, of.centre)
    return planes


def evidence(bands: list[Bands], layout: Layout, n_read: int, n_layers: int) -> Evidence:
    """The coefficients of each plane, without those of layers that were not read, which are not zeros: they are not
    known."""
    _, last = stages_of(n_read - 1, n_layers)
    known = []
    for of, its_bands in zip(layout.planes, bands, strict=True):
        finer, levels = last - of.chroma - 1, STAGES - of.chroma
        end = band_places(of.height, of.width, levels)[finer, 0][0] if finer > 0 else its_bands.size
        known.append(its_bands[:end])
    return known


def tell(setting: Setting, _: object) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only."""
    return {"step": setting.step_q8 / 256}


def read_tables(array: NDArray[np.generic], _: str) -> BandTables:
    """A file holds uint16: the weights of all neighbours, then for each context its probability and its age. Or uint8:
    the weights, then a byte for each context, both of what can occur only (`apercu.stages.band_contexts`)."""
    n_weights = N_BANDS * N_WEIGHTS
    if array.dtype == np.uint8:
        return _small_tables(array.astype(np.uint8))
    if array.dtype.kind != "u" or array.shape != (n_weights + 2 * N_CONTEXTS,):
        raise ModelError(f"does not hold {n_weights + 2 * N_CONTEXTS} numbers of uint16, as apercu takes")
    weights = array[:n_weights].reshape(N_BANDS, N_WEIGHTS)
    starts = np.ascontiguousarray(array[n_weights:].reshape(N_CONTEXTS, 2), np.uint16)
    if weights.max() > LARGEST_WEIGHT or starts[:, 0].min() < 1 or starts[:, 1].min() < 2 or starts[:, 1].max() > 128:
        raise ModelError("holds weights or probabilities that are out of range")
    return BandTables(np.ascontiguousarray(weights, np.uint8), start_contexts(starts))


def _small_tables(array: NDArray[np.uint8]) -> BandTables:
    try:
        weights, starts = unpacked(array)
    except OptionError as fault:
        raise ModelError(f"holds no small tables of apercu: {fault}") from None
    if weights.max() > LARGEST_WEIGHT:
        raise ModelError("holds weights that are out of range")
    return BandTables(weights, start_contexts(starts))


if TYPE_CHECKING:
    from apercu.codecs import apercu

    _: Codec[list[Plane], Setting, Options, BandTables, Analysis, list[Bands]] = apercu
