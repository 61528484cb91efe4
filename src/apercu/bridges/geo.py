"""Scenes: whatever GDAL reads, with its georeference, to an apercu file, and back to GeoTIFF.

    data = apercu.bridges.geo.encode("scene.tif", n_bytes=40_000)
    apercu.bridges.geo.decode(data, "quicklook.tif", cog=True)
    scene = apercu.bridges.geo.open(data)
    scene.read(window=rasterio.windows.Window(0, 0, 256, 256), masked=True), scene.transform, scene.crs

They need rasterio (`pip install 'apercu[geo]'`).
"""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bridges import bounded, geo_metadata, geo_read, geo_write
from apercu.bridges.geo_rows import by_rows
from apercu.bridges.geometry import check_size
from apercu.bridges.label import label_of
from apercu.codecs import decoding, encoding, limits, scenes
from apercu.codecs.decoding import DAMAGED, PLAINLY, How
from apercu.codecs.protocol import Progress, no_progress
from apercu.codecs.reduced import log2_of
from apercu.codecs.source import Source
from apercu.codecs.target import target_of
from apercu.errors import OptionError
from apercu.format.chunk_places import at_coded_size, cropped
from apercu.format.chunks import SampleType
from apercu.options import one_of, positive_if_given
from apercu.restore import by_name
from apercu.stages.blocks import Window, absolute, overlap, relative, tiles, window_of
from apercu.stages.fill import Mask
from apercu.stages.sample_types import Mapping

_AT_ONCE = 1 << 25
"""Samples of the full size that are made together, where the coded size is smaller."""


def encode(
    scene: Any,
    *,
    n_bytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    quality: float | None = None,
    codec: str = "apercu",
    bands: str | None = None,
    tags: bool = True,
    model: str | Path | None = None,
    tile: int | None = None,
    layers: int | None = None,
    reduce: int | str | None = None,
    peak: float | str | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> bytes:
    """A scene as the bytes of an apercu file that says where it lies, what has no data, and what its samples were.

    It is read window by window, never as a whole. Its reference system, transform, control points, RPCs, the names,
    units, scales and offsets of its bands and its tags are kept, but for namespaces that GDAL makes itself and colour
    profiles. Samples of any type from int8 to float64 come back as such: integers exactly mapped where those that count
    are no further than 65,535 apart and within ±2^53, all others to their range over 131,070. What has the no-data
    value, is hidden by a mask or by an alpha that is 0, or is not finite does not count, and comes back so: with the
    no-data value, if there is one; where there is none, what is not finite comes back as NaN, which is the no-data
    value then. Where bands have no-data values of their own, that of the first becomes that of all, since a GeoTIFF has
    one. A palette becomes colours.

    scene: a path, a URL, whatever else GDAL opens (`/vsizip/…`, `NETCDF:"a.nc":t`), an open rasterio dataset, or the
        content of a TIFF or JPEG 2000 (`io.BytesIO`).
    bands: what the bands are, in place of what GDAL says: "grey", "rgb", "rgba" or "spectral".
    tags: whether to keep tags, and names and units of bands.
    All others are those of `apercu.encode`; `peak` is in units of the samples.

    Raises FileFormatError where GDAL cannot read it, or it is above `apercu.MAX_PIXELS`, or has complex samples or no
    bands; FileNotFoundError;
    MissingExtra without rasterio; and what `apercu.encode` raises.
    """
    chosen, log2 = encoding.options_of(codec, options), log2_of(reduce)
    tile, layers = positive_if_given("tile", tile), positive_if_given("layers", layers)
    given = {"n_bytes": n_bytes, "bpp": bpp, "psnr": psnr, "quality": quality}
    with geo_read.raster_of(scene) as raster:
        found = raster.bands
        interpretation = bands or found.interpretation
        said = geo_metadata.described(raster.dataset, found.said, interpretation, bool(found.alpha), tags)
        check_size(raster.width, raster.height, raster.n_bands)
        geo_read.check_memory(raster)
        source, samples, mask_kind = _as_codes(raster)
        peak = _of_codes(peak, samples and samples.mapping)
        target = target_of(given, raster.height * raster.width, chosen if options else None, peak)
        how = encoding.How(codec, chosen, interpretation, model, progress or no_progress, tile, layers)
        with by_rows(raster.dataset, source) as rows:
            return scenes.encode(rows, replace(said, samples=samples), target, how, mask_kind, log2)


def _as_codes(raster: geo_read.RasterSource) -> tuple[Source, SampleType | None, str | None]:
    """A raster as a source of uint8 or uint16, what its samples were where that is to be said, and what its mask is."""
    dtype, kind, nodata = raster.bands.dtype, raster.bands.kind, raster.bands.nodata
    if dtype in (np.uint8, np.uint16):
        return raster, SampleType(dtype.name, None, nodata) if nodata else None, kind
    mapping, has_hidden = geo_read.scanned(raster, geo_read.windows_to_scan(raster.dataset))
    if not has_hidden:
        kind = None  # nobody need look for a mask again
    elif kind == "nodata" and nodata is None:
        nodata = (math.nan,) * raster.n_bands
    return geo_read.Mapped(raster, mapping), SampleType(dtype.name, mapping, nodata), kind


def _of_codes(peak: Any, mapping: Mapping | None) -> Any:
    """A peak in units of the samples as one in those of the codes that samples are mapped to."""
    if mapping is None or not isinstance(peak, int | float):
        return peak
    scales = {scale for _, scale in mapping}
    if len(scales) > 1:
        raise OptionError("these bands are scaled each by its own range: give peak='range'")
    return peak / scales.pop()


class Opened:
    """An apercu file as a raster that is read window by window, with names that rasterio has.

    It holds the bytes of the file and nothing else, so that there is nothing to close.

    Args:
        data: the file.
        full_size: where the image is coded at a reduced size, show it at the full one.
        window: (top, left, height, width), the part to show, in pixels of this size; by default all.
        how: `apercu.MAX_PIXELS` is the limit, whatever it says.
    """

    def __init__(
        self,
        data: bytes,
        full_size: bool = False,
        window: tuple[int, int, int, int] | None = None,
        how: How = PLAINLY,
    ) -> None:
        self._file = scenes.opened(data, apercu.MAX_PIXELS)
        said, header = self._file.scene, self._file.header
        limits.check_size(*self._file.size(full_size), header.n_bands, apercu.MAX_PIXELS)
        self._how, self._full_size = replace(how, max_pixels=apercu.MAX_PIXELS), full_size
        self._log2 = self._file.log2 if full_size else 0
        self._kept: scenes.Kept = {}
        self._whole = Window(0, 0, *self._file.size(full_size))
        if not full_size:
            said = at_coded_size(said)
        self._place = decoding.inside(window_of(window), *self._whole[2:])
        self.scene = cropped(said, self._place)
        """What is said of it; its georeference is that of what is shown."""
        self.shape: tuple[int, int] = self._place[2:]
        """Rows and columns."""
        samples = said.samples
        self.dtype: np.dtype[Any] = np.dtype(self._file.dtype())
        self.nodata = geo_read.nodata_in(self.dtype, samples.nodata[0]) if samples and samples.nodata else None
        self._kind = said.mask.kind if said.mask else None
        self.count: int = header.n_bands + (self._kind == "alpha")
        """The number of bands."""

    @property
    def crs(self) -> Any:
        """The reference system, a `rasterio.crs.CRS`, or None."""
        from rasterio import Env

        with Env():  # without which GDAL prints its errors beside raising them
            return geo_metadata.crs_as_rasterio(self.scene.geo.crs) if self.scene.geo else None

    @property
    def transform(self) -> Any:
        """From columns and rows to coordinates, an `affine.Affine`; the identity where there is none."""
        from rasterio import Affine

        geo = self.scene.geo
        return Affine(*geo.transform) if geo and geo.transform else Affine.identity()

    def tags(self, bidx: int = 0, ns: str | None = None) -> dict[str, str]:
        """The tags of a namespace, of the dataset or of a band (from 1)."""
        found = dict((self.scene.tags or {}).get((bidx, ns or ""), {}))
        if not bidx and not ns and self.scene.geo:
            found["AREA_OR_POINT"] = "Point" if self.scene.geo.point else "Area"
        return found

    def read(self, window: Any = None, *, masked: bool = False) -> NDArray[Any]:
        """The samples of a window (`rasterio.windows.Window`), by default of all, (count, rows, columns); a masked
        array, where `masked` is set, hides what does not count."""
        place = Window(0, 0, *self.shape)
        if window is not None:
            place = Window(*(int(each) for each in (window.row_off, window.col_off, window.height, window.width)))
        samples, hidden = self.part(place)
        if self._kind == "alpha":
            clear = np.zeros((*place[2:], 1), np.bool_) if hidden is None else hidden.all(axis=2, keepdims=True)
            if hidden is not None:
                hidden = np.concatenate([np.broadcast_to(hidden, samples.shape), clear], axis=2)
            alpha = (~clear).astype(self.dtype) * geo_read.opaque(self.dtype)
            samples = np.concatenate([samples, alpha], axis=2)
        out = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
        if not masked:
            return out
        mask = False if hidden is None else np.moveaxis(np.broadcast_to(hidden, samples.shape), -1, 0)
        return np.ma.MaskedArray(out, mask, fill_value=self.nodata)

    def part(self, place: Window) -> geo_write.Part:
        """The samples of a window (h, w, B), without alpha, and which do not count, (h, w, 1) or (h, w, B)."""
        there = absolute(place, self._place)
        samples = scenes.part(self._file, self._how, there, self._full_size, self._kept)
        return samples.reshape(*samples.shape[:2], -1), self._hidden(there)

    def forget(self) -> None:
        """Lets go of tiles that are kept, which are decoded again when they are needed."""
        self._kept.clear()

    def parts(self, progress: Progress = no_progress) -> Iterator[tuple[Window, *geo_write.Part]]:
        """All of it, window by window in scan order: where each lies, and what `part` gives of it."""
        if not self._log2:
            how = replace(self._how, progress=progress)
            found = scenes.parts(self._file, how, self._place, self._full_size)
            for place, samples in found:
                yield place, samples, self._hidden(absolute(place, self._place))
                del samples  # before the next are made
            return
        # What is lost is known only of all tiles together.
        windows = [Window(0, 0, *self.shape)] if self._how.damaged != "raise" else list(self.windows())
        for done, place in enumerate(windows):
            progress(done / len(windows))
            yield place, *self.part(place)
        progress(1.0)

    def _hidden(self, there: Window) -> Mask | None:
        """Of a window of the whole size."""
        if self.scene.mask is None:
            return None
        hidden = scenes.part_of_mask(self._file, there, self._how.max_pixels, self._full_size)
        return hidden.reshape(*hidden.shape[:2], -1)

    def windows(self) -> Iterator[Window]:
        """Windows over all of it that can be decoded without any other, in scan order."""
        side = self._file.header.tile << self._log2
        if self._log2:
            while min(side, max(self.shape)) ** 2 * self._file.header.n_bands > _AT_ONCE:
                side //= 2
        for tile in tiles(*self._whole[2:], side):
            if common := overlap(tile, self._place):
                yield relative(common, self._place)

    def raster(self) -> geo_write.Raster:
        """What a GeoTIFF of it is."""
        bands, kind = (self._file.header.n_bands, self._file.header.interpretation), self._kind
        return geo_write.Raster(*self.shape, bands[0], self.dtype, bands[1], self.nodata, kind, self.scene)


def open(source: bytes | str | os.PathLike[str], *, full_size: bool = False) -> Opened:
    """An apercu file, its content or its path, as a raster that is read window by window.

    full_size: where the image is coded at a reduced size, show it at the full one; its transform follows.

    Raises OSError, a FormatError, or OptionError.
    """
    return Opened(_content(source), full_size)


def decode(
    source: bytes | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    cog: bool = False,
    full_size: bool = False,
    window: tuple[int, int, int, int] | None = None,
    restore: str = "none",
    damaged: str = "raise",
    layers: int | None = None,
    model: str | Path | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> None:
    """Write an apercu file, its content or its path, as GeoTIFF, tile by tile: with its georeference, no-data value,
    mask, dtype and tags. What was restored says how, as `apercu.bridges.label` has it; its XMP takes the place of the
    scene's. The file takes the place of `path`, whole or not at all. At the full size of an image that was
    coded at a reduced one, damage is concealed in memory.

    cog: whether to write a cloud-optimised GeoTIFF, with overviews.
    full_size: where the image is coded at a reduced size, write the full one.
    window: (top, left, height, width), the part to write, in pixels of that size; its georeference follows.
    restore, damaged, layers, model, options: as for `apercu.decode`.
    progress: called with the share of the work done, 0 to 1.

    Raises as `apercu.decode`, MissingExtra, FileFormatError where GDAL cannot write it, or OSError.
    """
    one_of(DAMAGED)("damaged", damaged)
    data = _content(source, cut=damaged != "raise")
    layers = positive_if_given("layers", layers)
    how = How(damaged, model, layers=layers, restorer=by_name.restorer_for_file(restore, data, options))
    opened = Opened(data, full_size, window, how)
    raster = opened.raster()
    if label := label_of(apercu.provenance(data, restore=restore, **options)):
        raster = raster._replace(scene=geo_metadata.labelled(raster.scene, label))
    geo_write.write(path, raster, opened.parts(progress or no_progress), cog=cog)


def _content(source: bytes | str | os.PathLike[str], *, cut: bool = False) -> bytes:
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as stream:
            return bounded.read_apercu(stream, cut=cut)
    if not isinstance(source, bytes):
        raise OptionError(f"an apercu file is bytes or a path, not {type(source).__name__}")
    return source
