"""What the prefix of a file of version 2 says, in memory (spec/scenes.md, "Chunks").

Every field may be None: nothing is said of it. `apercu.format.prefix` makes bytes of a `Scene`, and a `Scene` of bytes.
Rows and columns, sizes, transforms and ground control points are those of the full size, whatever the size that is
coded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from apercu.stages.rotation import Rotation

Crs = int | str | None
"""A coordinate reference system: an EPSG code, or a WKT, or the code of another authority ("ESRI:102008")."""
Tags = dict[tuple[int, str], dict[str, str]]
"""Names, not empty, and values by number of the band (from 1; 0 is the dataset) and namespace ("" is that of no
name)."""

DTYPES = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
)  # fmt: skip
"""Of the samples that were encoded; the place of each is its number in files."""
MASK_KINDS = "nodata", "alpha", "band"
"""What a mask was before: a no-data value, a band of alpha, a mask of its own. Places are numbers in files."""


class Geo(NamedTuple):
    """Where the image lies.

    transform: (a, b, c, d, e, f), x = a column + b row + c and y = d column + e row + f at the upper left corner of a
        pixel.
    point: whether a sample is the value at the middle of its pixel (AREA_OR_POINT=Point), not that of its area.
    """

    crs: Crs = None
    transform: tuple[float, float, float, float, float, float] | None = None
    point: bool = False


class ControlPoint(NamedTuple):
    """A ground control point: a place in the image, in pixels from its upper left corner, and one on the ground."""

    row: float
    column: float
    x: float
    y: float
    z: float = 0.0
    id: str = ""
    info: str = ""


class Gcps(NamedTuple):
    """Ground control points, and the reference system of x, y and z."""

    points: tuple[ControlPoint, ...]
    crs: Crs = None


class Rpcs(NamedTuple):
    """The numbers of the RPC00B model (NGA STDI-0002, appendix E), by the names that `rasterio.rpc.RPC` has. The
    coefficients are 20 each; errors may be unknown. Lines and samples are those of the full size."""

    height_off: float
    height_scale: float
    lat_off: float
    lat_scale: float
    line_den_coeff: tuple[float, ...]
    line_num_coeff: tuple[float, ...]
    line_off: float
    line_scale: float
    long_off: float
    long_scale: float
    samp_den_coeff: tuple[float, ...]
    samp_num_coeff: tuple[float, ...]
    samp_off: float
    samp_scale: float
    err_bias: float | None = None
    err_rand: float | None = None


class Bands(NamedTuple):
    """What is said of the bands, one item a band in each tuple.

    names: GDAL's descriptions. units: of the values. colours: GDAL's names of colour interpretations ("red", "gray",
    "nir" …). An empty one of these three is none. scales, offsets: the value that a sample v stands for is
    v * scale + offset, as GDAL means them: samples are not changed by them.
    """

    names: tuple[str | None, ...] | None = None
    units: tuple[str | None, ...] | None = None
    colours: tuple[str | None, ...] | None = None
    scales: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None


class SampleType(NamedTuple):
    """What the samples were.

    dtype: one of `DTYPES`; without a mapping it is that of the coded samples.
    mapping: (offset, scale) of each band: a coded sample c is the value offset + scale * c, in float64, the product
        rounded first, then the sum, then the value to the dtype (to the nearest, ties to even, within its range).
    nodata: of each band, the value of samples that do not count, None where there is none; NaN is one.
    Of either, a tuple of one item is for all bands; `apercu.format.prefix.fitted` repeats it.
    """

    dtype: str
    mapping: tuple[tuple[float, float], ...] | None = None
    nodata: tuple[float | int | None, ...] | None = None


class MaskBits(NamedTuple):
    """Which samples of the coded size do not count, as `apercu.stages.mask` codes it.

    kind: one of `MASK_KINDS`. halvings: the mask has ceil(size / 2^halvings) rows and columns. n_masks: 1 for all
    bands, or one a band.
    """

    kind: str
    halvings: int
    n_masks: int
    data: bytes


class Reduced(NamedTuple):
    """The full size of an image that is coded at ceil(size / 2^log2) rows and columns."""

    log2: int
    height: int
    width: int


@dataclass(frozen=True)
class Scene:
    """All that a prefix says.

    n_bands: of a scene that was read, how many bands a chunk counts, by the name of its field. What it says does not
        always tell: it may be nothing, or a value of one band that is not for all.
    """

    geo: Geo | None = None
    gcps: Gcps | None = None
    rpcs: Rpcs | None = None
    bands: Bands | None = None
    tags: Tags | None = None
    samples: SampleType | None = None
    mask: MaskBits | None = None
    rotation: Rotation | None = None
    reduced: Reduced | None = None
    n_bands: Mapping[str, int] = field(default_factory=dict, compare=False)
