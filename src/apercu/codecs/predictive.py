"""The codec `predictive`: each sample predicted from those before it, lossless or within a largest error
(spec/predictive.md).

encode:  samples → predict and code what is missed
decode:  samples ← predict and add what was missed
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs.plan import Plan
from apercu.codecs.protocol import Codec, Domain
from apercu.codecs.quality_path import variants as variants
from apercu.errors import ApercuError, ModelError, OptionError
from apercu.format.container import Header, put_varint, read_varints
from apercu.options import option, whole
from apercu.stages.colour import Samples
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Evidence, Layout
from apercu.stages.predict import (
    CLASSES,
    EXPERTS,
    INPUTS,
    MOST_ERROR,
    N_CONTEXTS,
    PredictTables,
    decode_samples,
    encode_samples,
    predict_tables,
)

DOMAIN: Domain = "samples"
VARIANTS = 1
MOST_LAYERS = 1
SYMBOLS_NEED_TABLES = frozenset({"range"})
counts = code_and_read = read_torn = None
LEAST_SIDE, MOST_SIDE, TILE_SAMPLES = 32, 2048, 1 << 22
"""Pixels a side of a tile; and the samples that it has at the most, half a second's worth. Each tile learns anew, which
takes about 600 bytes."""
ORDERS = {"rgb": [1, 0, 2], "rgba": [1, 0, 2, 3]}
"""The order in which bands are coded: green tells most of the others."""
HELD_LOG2, HELD_OF_USER_LOG2, BEYOND = 13, 19, 5
"""The most samples that a byte can hold, with the shipped tables or with any, and how many bytes more its end counts
for."""
N_TAPS = CLASSES * EXPERTS * INPUTS
KNOTS = (
    (0, 32768),
    (2304, 28160),
    (4864, 23040),
    (7680, 16384),
    (10496, 11520),
    (12544, 8192),
    (14464, 5888),
    (16128, 4096),
    (17664, 2816),
    (18688, 2048),
    (19712, 1536),
    (20992, 1024),
    (21760, 768),
    (22528, 512),
    (23808, 256),
    (25600, 0),
)
"""The path: quality in 1/256, and the largest error of samples of 8 bits in 1/256. The logarithm of the rate falls
about evenly."""
FULL_SPAN = 255
"""The range of samples of 8 bits."""
SQUARE_SHARE = 128 * FULL_SPAN
"""At quality 0, the largest error is 128 of 255 parts of the range, whatever that is."""


class Setting(NamedTuple):
    """A point of operation: a quality, or a largest error set by hand."""

    quality_q8: int | None
    max_error: int = 0

    @property
    def step_q8(self) -> int:
        """The distance of samples that are told apart, of 8 bits, with 8 fraction bits."""
        error_q8 = 256 * self.max_error if self.quality_q8 is None else _error_q24(self.quality_q8) >> 16
        return 2 * error_q8 + 256


def _error(name: str, value: Any) -> int:
    """A check of an option."""
    if not 0 <= (error := whole(name, value)) <= MOST_ERROR:
        raise OptionError(f"{name} must be from 0 to {MOST_ERROR}, not {error}")
    return error


@dataclass(frozen=True)
class Options:
    """max_error: no sample is off by more, in place of a target; 0 is lossless."""

    max_error: int | None = option("no sample is off by more than K; 0: lossless", "K", _error, int, is_target=True)


def at_quality(quality_q8: int, _: Options = Options()) -> Setting:
    """The setting of a quality of 0 to 25,600, in 1/256."""
    return Setting(quality_q8)


def by_hand(options: Options) -> Setting | None:
    """The setting of a largest error."""
    return None if options.max_error is None else Setting(None, options.max_error)


def parameters(setting: Setting) -> bytes:
    """The largest error; none for a quality, which sets everything."""
    return b"" if setting.quality_q8 is not None else put_varint(setting.max_error)


def setting_of(header: Header) -> Setting:
    """The setting that a header names; raises CorruptStream where it is none of this codec's."""
    if header.quality_q8 is not None:
        return at_quality(header.quality_q8)
    return Setting(None, *read_varints(header.parameters, 1, MOST_ERROR))


def errors_of(setting: Setting, layout: Layout) -> tuple[int, int]:
    """The largest error of a tile, and the row from which it is one more ("Path of `predictive`" in its
    specification)."""
    if setting.quality_q8 is None:
        return setting.max_error, layout.height
    error_q24 = _error_q24(setting.quality_q8)
    squared_q24 = error_q24**2 >> 24
    error_q24 += squared_q24 * max(layout.span - FULL_SPAN, 0) // SQUARE_SHARE
    error, share_q24 = error_q24 >> 24, error_q24 & (1 << 24) - 1
    return error, layout.height - (layout.height * share_q24 >> 24)


def _error_q24(quality_q8: int) -> int:
    """The largest error of samples of 8 bits, with 24 fraction bits."""
    for (q0, error0), (q1, error1) in pairwise(KNOTS):
        if quality_q8 <= q1:
            return ((error0 * (q1 - quality_q8) + error1 * (quality_q8 - q0)) << 16) // (q1 - q0)
    raise AssertionError("the path goes up to the highest quality")


def plan(_: str, n_bands: int, height: int, width: int) -> Plan:
    """One layer. An image of more samples than a tile has is cut into the largest tiles."""
    if height * width * n_bands <= TILE_SAMPLES:
        return Plan()
    side = MOST_SIDE
    while side > LEAST_SIDE and side * side * n_bands > TILE_SAMPLES:
        side //= 2
    return Plan(side)


class Analysis(NamedTuple):
    """The samples of a tile."""

    samples: Samples
    layout: Layout


def analyse(samples: Samples, layout: Layout, _: Setting | None, __: PredictTables) -> Analysis:
    """Nothing is done before the setting is known."""
    return Analysis(samples, layout)


def code(analysis: Analysis, setting: Setting, tables: PredictTables, _: int) -> list[bytes]:
    """The one segment of a tile. What is clear or opaque stays exactly that."""
    samples, layout = analysis
    error, coarser_from = errors_of(setting, layout)
    order, ends_from = ORDERS.get(layout.interpretation), ALPHA if layout.interpretation == "rgba" else None
    return [encode_samples(samples, error, tables, order, coarser_from, ends_from=ends_from)]


def least_bytes(layout: Layout, _: int, __: int, ___: str, of_user: bool) -> int:
    """The fewest bytes that a segment has ("What a segment can hold" in the specification)."""
    n_samples = layout.height * layout.width * layout.n_bands
    return max(0, -(-n_samples >> (HELD_OF_USER_LOG2 if of_user else HELD_LOG2)) - BEYOND)


def read(segments: list[bytes], layout: Layout, setting: Setting, tables: PredictTables, _: int) -> Samples:
    """The samples of a tile (H, W, B); raises CorruptStream or Truncated."""
    out = np.empty((layout.height, layout.width, layout.n_bands), np.uint16 if layout.wide else np.uint8)
    error, coarser_from = errors_of(setting, layout)
    decode_samples(segments[0], out, error, tables, ORDERS.get(layout.interpretation), coarser_from)
    return out


def synthesise(samples: Samples, _: Layout, __: Setting, ___: PredictTables) -> Samples:
    """The samples themselves."""
    return samples


def evidence(_: Samples, __: Layout, ___: int, ____: int) -> Evidence:
    """None: no restorer takes this codec's files."""
    return []


def tell(setting: Setting, tiles: Iterable[tuple[bytes | ApercuError, Layout]]) -> dict[str, object]:
    """Entries of `apercu.info` for files of this codec only."""
    _, layout = next(iter(tiles))
    error, coarser_from = errors_of(setting, layout)
    return {"max_error": error + (coarser_from < layout.height)}


def read_tables(array: NDArray[np.generic], _: str) -> PredictTables:
    """A file holds uint16, (50544,): taps as two's complement, then the start of each context, see
    `predict_tables`."""
    if array.dtype.kind != "u" or array.itemsize != 2 or array.shape != (N_TAPS + 2 * N_CONTEXTS,):
        raise ModelError(f"holds no list of {N_TAPS + 2 * N_CONTEXTS} numbers of uint16, as predictive takes")
    numbers = np.ascontiguousarray(array, np.uint16)
    taps = numbers[:N_TAPS].view(np.int16).reshape(CLASSES, EXPERTS, INPUTS)
    try:
        return predict_tables(taps, numbers[N_TAPS:].reshape(N_CONTEXTS, 2))
    except OptionError as error:
        raise ModelError(f"holds no tables of predictive: {error}") from None


if TYPE_CHECKING:
    from apercu.codecs import predictive

    _: Codec[Samples, Setting, Options, PredictTables, Analysis, Samples] = predictive
