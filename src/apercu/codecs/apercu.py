"""The codec `apercu`: a 9/7 wavelet, symbols chosen for rate and distortion, range coding in learnt contexts.

encode:  tile → planes → wavelet → choose and code, stage by stage → layers
decode:  tile ← planes ← wavelet ← dequantise ← decode             ← layers
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from apercu.errors import CorruptStream, OptionError
from apercu.format.container import Header
from apercu.stages.bands import STAGES, BandCoder, BandPlane, BandTables
from apercu.stages.colour import FULL, Plane, Samples, from_planes, plane_sizes, to_planes
from apercu.stages.wavelet import wavelet_analyse, wavelet_synthesise

TILE_LOG2 = 10
VARIANTS = 1
RESTORERS = ("none", "cnn")
LAYERS, LAYERED_FROM = 3, 1 << 17
"""Images of so many pixels come in so many layers, smaller ones in one: each costs some bytes in the directory."""

PATH_KNOTS = (
    (0, 262144), (1600, 185364), (3200, 131072), (4800, 92682), (6400, 65536), (8000, 46341), (9600, 32768),
    (11200, 23170), (12800, 16384), (13600, 12634), (14400, 9742), (15200, 7512), (16000, 5793), (16800, 4467),
    (17600, 3444), (18400, 2656), (19200, 2048), (20000, 1579), (20800, 1218), (21600, 939), (22400, 724),
    (23200, 558), (24000, 431), (24800, 332), (25600, 256),
)  # fmt: skip
"""(quality in 1/256, step_q8); between two knots in a straight line."""


@dataclass(frozen=True)
class Setting:
    """A point of operation: `step_q8`, quantiser step in 8-bit samples of an orthonormal transform, 8 fraction bits."""

    quality_q8: int
    step_q8: int


def at_quality(quality_q8: int) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256 (spec/FORMAT.md, "Path of apercu")."""
    index = min(bisect_right(PATH_KNOTS, quality_q8, key=itemgetter(0)), len(PATH_KNOTS) - 1)
    (q0, step0), (q1, step1) = PATH_KNOTS[index - 1 : index + 1]
    past, apart = quality_q8 - q0, q1 - q0
    return Setting(quality_q8, (step0 * (apart - past) + step1 * past + apart // 2) // apart)


def parameters(_: Setting) -> bytes:
    """Nothing: the quality says it all."""
    return b""


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    if header.n_layers > STAGES:
        raise CorruptStream(f"apercu has {STAGES} layers at most, not {header.n_layers}")
    if header.quality_q8 is None:
        raise CorruptStream("apercu has no settings made by hand")
    return at_quality(header.quality_q8)


def n_layers(height: int, width: int) -> int:
    """Layers that an encoder makes of an image."""
    return LAYERS if height * width >= LAYERED_FROM else 1


def stages_of(layer: int, layers: int) -> tuple[int, int]:
    """First and last stage of a layer: the last layers hold one each, the first all that is coarser."""
    last = layers - layer
    return (STAGES if layer == 0 else last), last


def planes_of(header: Header, height: int, width: int) -> list[BandPlane]:
    """The planes of a tile of this size."""
    sizes = plane_sizes(header.interpretation, header.n_bands, height, width)
    colour = header.interpretation in ("rgb", "rgba")
    chroma = [int(colour and i in (1, 2)) for i in range(len(sizes))]
    spectral = header.interpretation == "spectral"
    companions = [i - 1 if is_chroma or (spectral and i) else -1 for i, is_chroma in enumerate(chroma)]
    return [BandPlane(w, h, c, k) for (h, w), c, k in zip(sizes, chroma, companions, strict=True)]


def _centre(plane: BandPlane) -> int:
    return 0 if plane.chroma else FULL // 2


@dataclass(frozen=True)
class Analysis:
    """Coefficients of all planes of a tile, one plane after the other: all that a search over settings needs."""

    planes: list[BandPlane]
    coefficients: NDArray[np.int16]
    layers: int


def analyse(tile: Samples, header: Header, _: BandTables, __: Setting | None) -> Analysis:
    """Analysis of a tile (H, W, B)."""
    planes = planes_of(header, *tile.shape[:2])
    samples = to_planes(tile, header.interpretation, list(header.levels))
    coefficients = np.empty(sum(p.width * p.height for p in planes), np.int16)
    at = 0
    for plane, p in zip(samples, planes, strict=True):
        bands = coefficients[at : at + p.width * p.height]
        wavelet_analyse(plane, p.height, p.width, STAGES - p.chroma, _centre(p), bands)
        at += bands.size
    return Analysis(planes, coefficients, header.n_layers)


def code(analysis: Analysis, setting: Setting, tables: BandTables) -> list[bytes]:
    """The segments of a tile, one a layer."""
    coder = BandCoder(analysis.planes, tables)
    stages = (stages_of(layer, analysis.layers) for layer in range(analysis.layers))
    segments = [coder.encode(analysis.coefficients, setting.step_q8, first, last) for first, last in stages]
    coder.close()
    return segments


def read(segments: list[bytes], header: Header, tables: BandTables, height: int, width: int) -> BandCoder:
    """Symbols of a tile of this size from its first layers; raises CorruptStream or Truncated."""
    coder = BandCoder(planes_of(header, height, width), tables)
    step_q8 = setting_of(header).step_q8
    for layer, segment in enumerate(segments):
        coder.decode(segment, step_q8, *stages_of(layer, header.n_layers))
    return coder


Restorer = Callable[[list[Plane], list[bool], int], list[Plane]]
"""From planes, which of them are chroma, and step_q8, to better planes; see `apercu.restore`."""


def decode(
    segments: list[bytes], header: Header, tables: BandTables, out: Samples, restorer: Restorer | None = None
) -> None:
    """A tile's first layers, one or more, into `out` (H, W, B); raises CorruptStream or Truncated before it writes."""
    coder = read(segments, header, tables, *out.shape[:2])
    planes: list[Plane] = []
    at = 0
    for p in coder.planes:
        place = slice(at, at + p.width * p.height)
        planes.append(coder.symbols[place].reshape(p.height, p.width))  # which have served
        wavelet_synthesise(coder.coefficients[place], planes[-1], STAGES - p.chroma, _centre(p))
        at = place.stop
    if restorer:
        planes = restorer(planes, [bool(p.chroma) for p in coder.planes], setting_of(header).step_q8)
    from_planes(planes, header.interpretation, list(header.levels), out)
    coder.close()


def fill(header: Header, out: Samples) -> None:
    """The middle of the range, without colour, in place of a tile that is lost."""
    planes = [np.full((p.height, p.width), _centre(p), np.int16) for p in planes_of(header, *out.shape[:2])]
    from_planes(planes, header.interpretation, list(header.levels), out)


def tell(header: Header, _: object) -> dict[str, object]:
    """What `apercu.info` says of this codec's files beyond what it says of all."""
    return {"step": setting_of(header).step_q8 / 256}


def check_options(tables: str | None, by_hand: tuple[float | None, float | None] | None) -> None:
    """Raises OptionError for what belongs to other codecs; `by_hand`: threshold and step."""
    threshold, step = by_hand or (None, None)
    given = {"threshold": threshold, "step": step, "tables": tables}
    if strange := [name for name, value in given.items() if value is not None]:
        raise OptionError(f"the codec apercu has no {' and no '.join(strange)}; the codec taha2025 has")
