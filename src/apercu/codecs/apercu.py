"""The codec `apercu`: a 9/7 wavelet, symbols chosen for rate and distortion, range coding with trained contexts.

encode:  tile → planes → wavelet → choose and code, stage by stage → layers
decode:  tile ← planes ← wavelet ← decode and dequantise          ← layers
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.settled_alpha import AlphaEnds, find, settle
from apercu.errors import CorruptStream, FormatError, OptionError
from apercu.format.container import Header
from apercu.format.ids import USER_MODEL
from apercu.kernel.memory import borrow, give_back
from apercu.stages.bands import STAGES, BandCoder, BandPlane, BandTables, least_bits
from apercu.stages.blocks import Window
from apercu.stages.colour import FULL, Plane, Samples, from_planes, plane_sizes, to_planes
from apercu.stages.fill import ALPHA
from apercu.stages.wavelet import Bands, wavelet_analyse, wavelet_synthesise

VARIANTS = 1
RESTORERS = ("none", "cnn")
SYMBOLS_NEED_TABLES = True
"""Whether no symbol can be read without the tables of the file."""
MOST_LAYERS, LAYERS = STAGES, 4
"""Layers that there can be, and that a file has unless its first one would be too large a part of it."""
TILE_SAMPLES, TILE_SIDES = 1 << 25, (1 << 10, 1 << 12)
"""An image whose planes have so many samples is one tile, which has no seams; a larger one is cut into the largest
tiles that have no more, with sides of 1,024 to 4,096."""

BITS_A_BYTE_LOG2, BEYOND = (15, 19), 5
"""The most bits that a byte of a segment can hold, with the shipped tables and with any; and how many bytes more its
tail counts for."""

FITTED = True
"""Whether the encoder fits coefficients at the border to its step. It is right for the 9/7 wavelet only, and is
switched off where another takes its place."""

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


def at_quality(quality_q8: int) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256 (spec/apercu.md, "Path of apercu")."""
    index = min(bisect_right(PATH_KNOTS, quality_q8, key=itemgetter(0)), len(PATH_KNOTS) - 1)
    (q0, step0), (q1, step1) = PATH_KNOTS[index - 1 : index + 1]
    past, apart = quality_q8 - q0, q1 - q0
    return Setting(quality_q8, (step0 * (apart - past) + step1 * past + apart // 2) // apart)


def parameters(_: Setting) -> bytes:
    """No parameters: the quality sets everything."""
    return b""


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    if header.n_layers > STAGES:
        raise CorruptStream(f"apercu has {STAGES} layers at most, not {header.n_layers}")
    if header.quality_q8 is None:
        raise CorruptStream("apercu has no settings made by hand")
    return at_quality(header.quality_q8)


def tile_side(height: int, width: int, interpretation: str, n_bands: int) -> int | None:
    """Pixels a side of an image's tiles; None: the image is one tile."""

    def n_samples(height: int, width: int) -> int:
        return sum(h * w for h, w in plane_sizes(interpretation, n_bands, height, width))

    if n_samples(height, width) <= TILE_SAMPLES:
        return None
    least, side = TILE_SIDES
    while side > least and n_samples(side, side) > TILE_SAMPLES:
        side //= 2
    return side


def stages_of(layer: int, layers: int) -> tuple[int, int]:
    """First and last stage of a layer: the first layer holds the coarsest stages, every other one stage."""
    last = layers - layer
    return (STAGES if layer == 0 else last), last


def planes_of(header: Header, height: int, width: int, fitted: bool = False) -> list[BandPlane]:
    """The planes of a tile of this size. `fitted`: the encoder fits their borders to its step; all but alpha, which has
    to be exact at the ends of its range."""
    sizes = plane_sizes(header.interpretation, header.n_bands, height, width)
    colour = header.interpretation in ("rgb", "rgba")
    chroma = [int(colour and i in (1, 2)) for i in range(len(sizes))]
    spectral = header.interpretation == "spectral"
    companions = [i - 1 if is_chroma or (spectral and i) else -1 for i, is_chroma in enumerate(chroma)]
    fit = [int(fitted and not (header.interpretation == "rgba" and i == ALPHA)) for i in range(len(sizes))]
    return [BandPlane(w, h, *rest) for (h, w), *rest in zip(sizes, chroma, companions, fit, strict=True)]


def _centre(plane: BandPlane) -> int:
    return 0 if plane.chroma else FULL // 2


Coefficients = NDArray[np.int16]


@dataclass(frozen=True)
class Analysis:
    """A tile on its way to symbols.

    samples: its planes, as `to_planes` makes them, and ends of alpha: everything that a search over settings needs.
    coefficients: in place of them, for a single setting; coding overwrites them.
    """

    planes: list[BandPlane]
    samples: list[Plane]
    alpha: AlphaEnds | None
    coefficients: Coefficients | None = None


def analyse(tile: Samples, header: Header, _: BandTables, setting: Setting | None) -> Analysis:
    """Analysis of a tile (H, W, B) for one setting, or for all of them if it is None."""
    planes = planes_of(header, tile.shape[0], tile.shape[1], FITTED)
    samples = to_planes(tile, header.interpretation, list(header.levels))
    alpha = find(tile, header, samples[ALPHA]) if header.interpretation == "rgba" else None
    del tile  # where something was filled, this is the last of a copy
    analysis = Analysis(planes, samples, alpha)
    if not setting:
        return analysis
    coefficients = np.empty(_n_samples(planes), np.int16)
    coefficients_of(analysis, setting.step_q8, coefficients)
    return Analysis(planes, [], None, coefficients)


def _n_samples(planes: list[BandPlane]) -> int:
    return sum(p.width * p.height for p in planes)


def coefficients_of(analysis: Analysis, step_q8: int, coefficients: Coefficients) -> None:
    """Coefficients of all planes of a tile, one plane after the other, into an array. At the border they depend on the
    quantiser's step."""
    at = 0
    bands = coefficients
    for plane, p in zip(analysis.samples, analysis.planes, strict=True):
        bands = coefficients[at : at + p.width * p.height]
        wavelet_analyse(plane, p.height, p.width, STAGES - p.chroma, _centre(p), bands, step_q8 * p.fitted, p.chroma)
        at += bands.size
    if analysis.alpha:
        settle(analysis.alpha, step_q8, bands)  # alpha comes last


def code(analysis: Analysis, setting: Setting, tables: BandTables, layers: int) -> list[bytes]:
    """The segments of a tile, one for each layer."""
    memory, coefficients = None, analysis.coefficients
    if coefficients is None:
        n_samples = _n_samples(analysis.planes)
        memory = borrow(2 * n_samples)
        coefficients = memory.view(np.int16)[:n_samples]
        coefficients_of(analysis, setting.step_q8, coefficients)
    coder = BandCoder(analysis.planes, tables)
    stages = (stages_of(layer, layers) for layer in range(layers))
    segments = [coder.encode(coefficients, setting.step_q8, first, last) for first, last in stages]
    coder.close()
    if memory is not None:
        give_back(memory)
    return segments


def _decoded(
    segments: list[bytes], header: Header, tables: BandTables, planes: list[BandPlane], step_q8: int, out: Coefficients
) -> None:
    """Decodes the coefficients of a tile's first layers into `out`; if the step is 0, the symbols."""
    coder = BandCoder(planes, tables)
    out[:] = 0
    for layer, segment in enumerate(segments):
        try:
            coder.decode(segment, step_q8, *stages_of(layer, header.n_layers), out)
        except FormatError as fault:
            fault.layer = layer
            raise
    coder.close()


def can_hold(n_bytes: int, layer: int, header: Header, height: int, width: int) -> bool:
    """Whether a segment of so many bytes can hold a layer of a tile of this size; asked before memory is set aside
    (spec/apercu.md, "What a segment can hold")."""
    of_user = header.model_id == USER_MODEL
    needed = _least_bits(header.interpretation, header.n_bands, height, width, layer, header.n_layers)
    return needed <= (n_bytes + BEYOND) << BITS_A_BYTE_LOG2[of_user]


@lru_cache(maxsize=64)  # the tiles of a file have four sizes at most
def _least_bits(interpretation: str, n_bands: int, height: int, width: int, layer: int, layers: int) -> int:
    stages = stages_of(layer, layers)
    sizes = plane_sizes(interpretation, n_bands, height, width)
    if interpretation in ("rgb", "rgba"):
        return sum(least_bits(h, w, int(i in (1, 2)), *stages) for i, (h, w) in enumerate(sizes))
    return n_bands * least_bits(height, width, 0, *stages)


def read(
    segments: list[bytes], header: Header, tables: BandTables, height: int, width: int
) -> tuple[list[BandPlane], Coefficients]:
    """The planes of a tile of this size and the symbols of its first layers, one plane after the other, each as
    `wavelet_analyse` orders it; raises CorruptStream or Truncated."""
    planes = planes_of(header, height, width)
    symbols = np.empty(_n_samples(planes), np.int16)
    _decoded(segments, header, tables, planes, 0, symbols)
    return planes, symbols


Restorer = Callable[[list[Plane], list[Bands], str, int, Window], None]
"""Improves planes in place, given their coefficients, the interpretation, step_q8 and the part of the tile that is
wanted; see `apercu.restore`."""


def decode(
    segments: list[bytes],
    header: Header,
    tables: BandTables,
    out: Samples,
    restorer: Restorer | None = None,
    wanted: Window | None = None,
) -> None:
    """Decodes a tile's first layers, one or more, into `out` (H, W, B); raises CorruptStream or Truncated before it
    writes.

    `wanted`: the part that has to be restored, by default the whole tile.
    """
    described, step_q8 = planes_of(header, *out.shape[:2]), setting_of(header).step_q8
    n_samples = _n_samples(described)
    memory = [borrow(2 * n_samples) for _ in range(2)]
    coefficients, samples = (block.view(np.int16)[:n_samples] for block in memory)
    _decoded(segments, header, tables, described, step_q8, coefficients)
    planes: list[Plane] = []
    bands: list[Bands] = []
    at = 0
    for p in described:
        place = slice(at, at + p.width * p.height)
        planes.append(samples[place].reshape(p.height, p.width))
        bands.append(coefficients[place])
        wavelet_synthesise(bands[-1], planes[-1], STAGES - p.chroma, _centre(p))
        at = place.stop
    if restorer:
        restorer(planes, bands, header.interpretation, step_q8, wanted or Window(0, 0, *out.shape[:2]))
    from_planes(planes, header.interpretation, list(header.levels), out)
    for block in memory:
        give_back(block)


def fill(header: Header, out: Samples) -> None:
    """Fills `out` with the middle of the range, without colour, in place of a lost tile."""
    planes = [np.full((p.height, p.width), _centre(p), np.int16) for p in planes_of(header, *out.shape[:2])]
    from_planes(planes, header.interpretation, list(header.levels), out)


def tell(header: Header, _: object) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only."""
    return {"step": setting_of(header).step_q8 / 256}


def check_options(tables: str | None, by_hand: tuple[float | None, float | None] | None) -> None:
    """Raises OptionError for options of other codecs; `by_hand`: threshold and step."""
    threshold, step = by_hand or (None, None)
    given = {"threshold": threshold, "step": step, "tables": tables}
    if strange := [name for name, value in given.items() if value is not None]:
        raise OptionError(f"the codec apercu has no {' and no '.join(strange)}; the codec taha2025 has")
