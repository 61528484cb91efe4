"""Scenes as GDAL reads them, by rasterio: which bands, which samples do not count, and their range."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.geo_open import name_of, opened
from apercu.bridges.geometry import check_size, most_pixels
from apercu.codecs.source import squared_error
from apercu.errors import FileFormatError, naming, printable
from apercu.format.chunks import DTYPES
from apercu.stages.blocks import Window, part
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask
from apercu.stages.sample_types import Mapping, mapping_for, representable, to_codes

_AT_ONCE = 1 << 21  # samples
_KEPT = 1 << 25
"""Bytes of the samples of a raster that is read once and kept: an encoder looks at it several times."""
NoData = float | int | None
_TILE = 1024
"""Pixels a side of the smallest tiles that large scenes are read in."""
_NEAR = 2 * float(np.finfo(np.float32).eps)
"""What differs from a no-data value in floating point by less than this, times the sum of both, is no data to GDAL."""


class CodedBands(NamedTuple):
    """Which bands of a raster are coded, and what says which samples do not count."""

    numbers: list[int]
    """Of those that are coded, from 1."""
    dtype: np.dtype[Any]
    """Of their samples, as the raster has them."""
    interpretation: str
    """"grey", "rgb", "rgba" or "spectral"."""
    kind: str | None
    """Of the mask: "nodata", "alpha", "band" (see `apercu.format.chunks`), or None."""
    nodata: tuple[NoData, ...] | None
    """Of each band that is coded; of the samples that it returns where they are masked, too."""
    alpha: int = 0
    """The number of a band of alpha that is a mask."""
    mask_each: bool = False
    """Whether each band has a mask of its own."""
    palette: NDArray[np.uint8] | None = None
    """(n, 4), red, green, blue and alpha of each index of the only band, which becomes RGB."""

    @property
    def said(self) -> list[int]:
        """The numbers of those of which more is said than their samples: also of an alpha that is a mask, but of none
        that a palette made colours of."""
        if self.palette is not None:
            return []
        return [*self.numbers, self.alpha] if self.alpha else self.numbers


def check_memory(raster: "RasterSource") -> None:
    """Refuse a raster of whose samples too many are read at once: what MAX_PIXELS allows of uint16.

    Raises FileFormatError.
    """
    blocks = (rows * columns for rows, columns in raster.dataset.block_shapes)
    n_pixels = max(*blocks, min(raster.height, _TILE) * min(raster.width, _TILE))
    most, n_bytes = most_pixels(), n_pixels * raster.n_bands * raster.dtype.itemsize
    if most is not None and n_bytes > 8 * most:
        raise FileFormatError(
            f"{n_bytes:,} bytes of samples are read at once, more than the limit of {most} pixels allows; raise it for "
            "a file that you trust (apercu.MAX_PIXELS, --max-pixels)"
        )


def bands_of(dataset: Any) -> CodedBands:
    """Which bands of a dataset are coded, and how.

    Three or four bands of red, green, blue (and alpha) are a picture, one band is grey, all others are spectral. A band
    of a palette becomes RGB. A band of alpha of integers that is 0 or the largest value everywhere, and 0
    somewhere, is a mask; of other values, or of floats, it is coded.

    Raises:
        FileFormatError: no bands, but datasets within the file; complex samples; or samples of a kind that is unknown.
    """
    if not dataset.count:
        names = [printable(name) for name in dataset.subdatasets]
        raise FileFormatError(f"holds {len(names)} datasets; name one of them: {', '.join(names[:8])}")
    dtype = _dtype(dataset)
    colours = [colour.name for colour in dataset.colorinterp]
    flags = [{flag.name for flag in of_band} for of_band in dataset.mask_flag_enums]
    nodata = tuple(nodata_in(dtype, value) for value in dataset.nodatavals)
    if colours == ["palette"] and dtype.kind == "u" and dtype.itemsize <= 2:
        palette = _palette(dataset.colormap(1), dtype, nodata[0])
        clear = bool((palette[:, 3] == 0).any()) or flags[0] != {"all_valid"}
        return CodedBands([1], np.dtype(np.uint8), "rgb", "band" if clear else None, None, palette=palette)
    numbers = list(range(1, dataset.count + 1))
    alpha, kind, mask_each = 0, None, False
    is_plain = all(of_band == {"all_valid"} for of_band in flags)
    if {"nodata"} in flags:
        kind = "nodata"
    elif "alpha" in flags[0] or (is_plain and dtype.kind in "iu" and colours[-1] == "alpha"):
        # To GDAL, an alpha beside other than one or three bands, or of other than 8 or 16 bits, is no mask.
        if colours[-1] == "alpha" and dataset.count > 1 and _is_mask(dataset, numbers[-1], dtype):
            kind, alpha = "alpha", numbers.pop()
    elif not is_plain:
        kind, mask_each = "band", "per_dataset" not in flags[0]
    elif dtype.kind == "f":
        kind = "nodata"  # NaN and infinities
    same = tuple(value for value in nodata if value is not None)  # a GeoTIFF has one no-data value for all bands
    of_all = None if not same else (same[0],) * len(numbers)
    return CodedBands(numbers, dtype, _interpretation(colours[: len(numbers)], dtype), kind, of_all, alpha, mask_each)


def left_out(dataset: Any) -> str:
    """What of a dataset is not kept, though it means something for its samples; empty where there is nothing."""
    if [colour.name for colour in dataset.colorinterp] == ["palette"]:
        return "the palette became colours, and the numbers that stood for them are left out"
    return "the colour profile is left out" if dataset.tags(ns="COLOR_PROFILE") else ""


@contextmanager
def raster_of(scene: Any, alone: bool = False) -> "Iterator[RasterSource]":
    """The bands of a scene, as `opened` takes it; raises as that and `bands_of`. A `RasterSource` is given back."""
    if isinstance(scene, RasterSource):
        yield scene
        return
    with opened(scene, alone=alone) as dataset:
        with naming(name_of(dataset)):
            bands = bands_of(dataset)
        yield RasterSource(dataset, bands)


class RasterSource:
    """The bands of a dataset, read window by window, in the dtype that they have (see `apercu.codecs.source.Source`;
    `Mapped` makes a source for an encoder of those that are neither uint8 nor uint16). A small raster is read once."""

    def __init__(self, dataset: Any, bands: CodedBands) -> None:
        self.dataset, self.bands = dataset, bands
        self._nodata = [nodata_in(bands.dtype, value) for value in dataset.nodatavals]
        self.height, self.width = int(dataset.height), int(dataset.width)
        self.n_bands = 3 if bands.palette is not None else len(bands.numbers)
        self.dtype = bands.dtype
        self._is_small = self.height * self.width * self.n_bands * self.dtype.itemsize <= _KEPT
        self._kept: tuple[NDArray[Any], Mask | None] | None = None

    def read(self, window: Window) -> tuple[NDArray[Any], Mask | None]:
        """See `Source`."""
        if not self._is_small:
            return self._read(window)
        if self._kept is None:
            self._kept = self._read(Window(0, 0, self.height, self.width))
        samples, mask = self._kept
        hidden = None if mask is None else part(mask, window)
        return part(samples, window), hidden if hidden is not None and hidden.any() else None

    def _read(self, window: Window) -> tuple[NDArray[Any], Mask | None]:
        place, bands = _rasterio_window(window), self.bands
        if bands.palette is not None:
            indices = np.minimum(self.dataset.read(1, window=place), len(bands.palette) - 1)
            out: NDArray[Any] = bands.palette[indices]
            hidden = (out[:, :, 3:] == 0) | (self.dataset.read_masks(1, window=place) == 0)[:, :, np.newaxis]
            return np.ascontiguousarray(out[:, :, :3]), _wide(hidden, self.n_bands)
        out = np.empty((window.height, window.width, self.n_bands), self.dtype)
        if len(set(self.dataset.dtypes)) == 1:
            self.dataset.read(bands.numbers, out=np.moveaxis(out, -1, 0), window=place)
        else:  # which rasterio does not read together
            for band, number in enumerate(bands.numbers):
                out[:, :, band] = self.dataset.read(number, window=place)
        return out, self._mask(out, place)

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`."""
        return squared_error(*self.read(window), decoded)

    def _mask(self, samples: NDArray[Any], place: Any) -> Mask | None:
        bands, hidden = self.bands, np.zeros((1, 1, 1), np.bool_)
        if bands.kind == "alpha":
            hidden = self.dataset.read(bands.alpha, window=place)[:, :, np.newaxis] == 0
        elif bands.kind == "band" and bands.mask_each:
            hidden = np.moveaxis(self.dataset.read_masks(bands.numbers, window=place), 0, -1) == 0
        elif bands.kind == "band":
            hidden = self.dataset.read_masks(1, window=place)[:, :, np.newaxis] == 0
        elif bands.kind == "nodata":
            values = [self._nodata[number - 1] for number in bands.numbers]
            hidden = _equal(samples, values)
        if samples.dtype.kind == "f":
            hidden = hidden | ~np.isfinite(samples)
        return _wide(hidden, self.n_bands)


class Mapped:
    """A source whose samples become uint16, band by band, as `mapping` says (see `apercu.codecs.source.Source`)."""

    def __init__(self, source: RasterSource, mapping: Mapping) -> None:
        self._source, self._mapping = source, mapping
        self.height, self.width, self.n_bands = source.height, source.width, source.n_bands
        self.dtype: np.dtype[Any] = np.dtype(np.uint16)

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        samples, mask = self._source.read(window)
        return to_codes(samples, self._mapping), mask

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`: of the codes."""
        return squared_error(*self.read(window), decoded)


def read_all(scene: Any) -> NDArray[Any]:
    """The samples of a scene that are coded, (H, W, B); a masked array, if some do not count. Raises as `opened`, and
    TooLarge."""
    with opened(scene) as dataset:
        raster = RasterSource(dataset, bands_of(dataset))
        check_size(raster.width, raster.height, raster.n_bands)
        samples, mask = raster.read(Window(0, 0, raster.height, raster.width))
    return samples if mask is None else np.ma.MaskedArray(samples, mask)


def windows_to_scan(dataset: Any) -> Iterator[Window]:
    """Windows over all of a dataset, of whole blocks in the order in which they lie in the file."""
    rows, columns = dataset.block_shapes[0]
    columns = min(dataset.width, columns * max(1, _AT_ONCE // (rows * columns * dataset.count)))
    rows = min(dataset.height, rows * max(1, _AT_ONCE // (rows * columns * dataset.count)))
    for top in range(0, dataset.height, rows):
        for left in range(0, dataset.width, columns):
            yield Window(top, left, min(rows, dataset.height - top), min(columns, dataset.width - left))


def scanned(source: RasterSource, windows: Iterator[Window]) -> tuple[tuple[tuple[float, float], ...], bool]:
    """The mapping of each band by the range of its samples that count, and whether there are any that do not; one pass
    over all windows."""
    ends: list[set[Any]] = [set() for _ in range(source.n_bands)]
    has_hidden = False
    for window in windows:
        samples, mask = source.read(window)
        has_hidden |= mask is not None
        for band, found in enumerate(ends):
            of_band = samples[:, :, band]
            valid = of_band if mask is None else of_band[~mask[:, :, band]]
            if valid.size:
                found |= {valid.min().item(), valid.max().item()}
                found.intersection_update({min(found), max(found)})
    mapping = (mapping_for(min(found), max(found), source.dtype) if found else (0.0, 1.0) for found in ends)
    return tuple(mapping), has_hidden


def _dtype(dataset: Any) -> np.dtype[Any]:
    if complex_ones := [name for name in dataset.dtypes if "complex" in name]:
        raise FileFormatError(f"{complex_ones[0]} samples; encode their amplitudes and phases, or their parts")
    dtype: np.dtype[Any] = np.result_type(*dataset.dtypes)
    if dtype.name not in DTYPES:
        raise FileFormatError(f"samples of {dtype}; apercu encodes {', '.join(DTYPES)}")
    return dtype


def nodata_in(dtype: np.dtype[Any], value: NoData) -> NoData:
    """A no-data value as samples of that dtype have it; None where none can have it."""
    found = None if value is None else representable(value, dtype)
    return None if found is None else found.item()


def _interpretation(colours: list[str], dtype: np.dtype[Any]) -> str:
    if len(colours) == 1:
        return "grey"
    if colours == ["red", "green", "blue"]:
        return "rgb"
    if colours == ["red", "green", "blue", "alpha"] and dtype in (np.uint8, np.uint16):
        return "rgba"
    return "spectral"


def _palette(colours: dict[int, tuple[int, ...]], dtype: np.dtype[Any], nodata: NoData) -> NDArray[np.uint8]:
    out = np.zeros((np.iinfo(dtype).max + 1, 4), np.uint8)
    for index, colour in colours.items():
        if 0 <= index < len(out):
            out[index] = np.clip(colour, 0, 255)
    if nodata is not None:
        out[int(nodata), 3] = 0
    return out


def opaque(dtype: np.dtype[Any]) -> Any:
    """What alpha of this dtype is where nothing shines through."""
    return dtype.type(1 if dtype.kind == "f" else np.iinfo(dtype).max)


def _is_mask(dataset: Any, alpha: int, dtype: np.dtype[Any]) -> bool:
    """Whether a band of alpha is 0 or the largest value everywhere, and 0 somewhere."""
    most, is_clear = opaque(dtype), False
    for window in windows_to_scan(dataset):
        found = dataset.read(alpha, window=_rasterio_window(window))
        clear = found == 0
        if not (clear | (found == most)).all():
            return False
        is_clear |= bool(clear.any())
    return is_clear


def _rasterio_window(window: Window) -> Any:
    from rasterio.windows import Window as Place

    return Place(window.left, window.top, window.width, window.height)


def _equal(samples: NDArray[Any], values: list[NoData]) -> Mask:
    """Where samples (h, w, B) have the no-data value of their band, as GDAL sees it: (h, w, B), or (h, w, 1) where that
    is the same in all bands."""
    first = _equal_in_band(samples[:, :, 0], values[0])
    others = (_equal_in_band(samples[:, :, band], value) for band, value in enumerate(values[1:], 1))
    if all(np.array_equal(each, first) for each in others):
        return first[:, :, np.newaxis]
    return np.stack([_equal_in_band(samples[:, :, band], value) for band, value in enumerate(values)], axis=2)


def _equal_in_band(samples: NDArray[Any], value: NoData) -> Mask:
    if value is None:
        return np.zeros(samples.shape, np.bool_)
    equal = np.asarray(samples == value)
    if samples.dtype.kind == "f" and np.isfinite(value):
        with np.errstate(over="ignore", invalid="ignore"):
            equal |= np.abs(samples - value) < _NEAR * np.abs(samples + value)
    return equal


def _wide(hidden: Mask, n_bands: int) -> Mask | None:
    if not hidden.any():
        return None
    return np.broadcast_to(hidden, (*hidden.shape[:2], n_bands))
