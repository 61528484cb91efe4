"""An apercu file as an item of a SpatioTemporal Asset Catalog (STAC 1.1): footprint, thumbnail, what its bands are.

It needs rasterio, pystac and antimeridian (`pip install 'apercu[geo]'`).
"""

import math
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apercu.bridges import geo, geo_metadata
from apercu.bridges.footprint import footprint
from apercu.bridges.geo_open import check_name, rasterio_of
from apercu.errors import MissingExtra, OptionError
from apercu.format.chunks import Bands
from apercu.stages.blocks import Window

MOST_SIDE = 600
"""Pixels of the longer side of a thumbnail."""
_STRETCH = (2, 98)  # percentiles that become black and white
_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
_MEDIA_TYPE = "image/x-apercu"
_THUMBNAILS = {".webp": "image/webp", ".png": "image/png"}
_TIMES = {
    ("IMAGERY", "ACQUISITIONDATETIME"): "%Y-%m-%d %H:%M:%S",  # what GDAL finds in products of many satellites
    ("", "ACQUISITIONDATETIME"): "",
    ("", "ACQUISITION_DATE"): "",
    ("", "TIFFTAG_DATETIME"): "%Y:%m:%d %H:%M:%S",
}


class Made(NamedTuple):
    """An item, and its thumbnail."""

    item: dict[str, Any]
    """As JSON has it."""
    thumbnail: Image.Image


def item(
    path: str | os.PathLike[str], out: str | os.PathLike[str], thumbnail: str, when: datetime | None = None
) -> Made:
    """The STAC item of an apercu file.

    Args:
        path: of the file, which is the asset "overview".
        out: where the item is to be; assets are named relative to it.
        thumbnail: the name of the thumbnail beside it, .webp or .png.
        when: of the acquisition; by default what the tags of the scene say.

    Raises:
        OptionError: neither says when; a thumbnail of another kind; or a name that is not UTF-8.
        MissingExtra: rasterio, pystac or antimeridian is not installed.
        FileFormatError: the scene's place is not on Earth.
        FormatError, OSError: as `apercu.bridges.geo.open`.
    """
    rasterio = rasterio_of("a STAC item needs")
    try:
        import antimeridian
        import pystac
    except ImportError as error:
        raise MissingExtra("a STAC item needs pystac and antimeridian: pip install 'apercu[geo]'") from error

    if (suffix := os.path.splitext(thumbnail)[1].lower()) not in _THUMBNAILS:
        raise OptionError(f"a thumbnail is {' or '.join(_THUMBNAILS)}, not {suffix!r}")
    check_name(path, "an item")
    opened = geo.open(path)
    when = when or _told_time(opened)
    if when is None:
        raise OptionError("no tag says when the scene was taken: give the time (--datetime)")
    small = _Thumbnail(opened, _display_bands(opened))
    with rasterio.Env():  # without which GDAL prints its errors beside raising them
        geometry = footprint(opened.scene, opened.shape, small.valid, small.side)
        projection = _projection(opened)
    made = pystac.Item(
        id=Path(path).stem,
        geometry=geometry,
        bbox=None if geometry is None else list(antimeridian.bbox(geometry)),
        datetime=(when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC),
        properties=projection,
        stac_extensions=[_PROJECTION, _RASTER],
    )
    folder = os.path.dirname(os.path.abspath(out))
    overview = quote(os.path.relpath(os.path.abspath(path), folder).replace(os.sep, "/"))
    made.add_asset(
        "overview",
        pystac.Asset(overview, media_type=_MEDIA_TYPE, roles=["overview"], extra_fields={"bands": _bands(opened)}),
    )
    made.add_asset("thumbnail", pystac.Asset(quote(thumbnail), media_type=_THUMBNAILS[suffix], roles=["thumbnail"]))
    return Made(made.to_dict(include_self_link=False), small.picture())


class _Thumbnail:
    """Means of some bands of a scene over squares of pixels, only over samples that count."""

    def __init__(self, opened: geo.Opened, bands: list[int]) -> None:
        self.side = -(-max(opened.shape) // MOST_SIDE)
        """Of a square, in pixels."""
        size = tuple(-(-side // self.side) for side in opened.shape)
        self.valid: NDArray[np.bool_] = np.zeros(size, np.bool_)
        """(h, w), where any sample of any band counts."""
        sums, counts = np.zeros((*size, len(bands))), np.zeros((*size, len(bands)), np.int64)
        for window, samples, hidden in opened.parts():
            rows, columns = (
                slice(start // self.side, -(-(start + extent) // self.side))
                for start, extent in ((window.top, window.height), (window.left, window.width))
            )
            counted = np.True_ if hidden is None else ~hidden
            some = np.broadcast_to(np.any(counted, axis=-1), samples.shape[:2])
            self.valid[rows, columns] |= _added(some, window, self.side, np.int64) > 0
            counted = np.broadcast_to(counted, samples.shape)[:, :, bands]
            shown = np.where(counted, samples[:, :, bands], 0)
            with np.errstate(over="ignore"):
                sums[rows, columns] += _added(shown, window, self.side, np.float64)
            counts[rows, columns] += _added(counted, window, self.side, np.int64)
        self.means = np.ma.MaskedArray(sums / np.maximum(counts, 1), counts == 0)

    def picture(self) -> Image.Image:
        """A picture of one or three bands, each stretched between its percentiles; clear where nothing counts."""
        planes = []
        for values in np.moveaxis(self.means, -1, 0):
            valid = values.compressed()
            with np.errstate(over="ignore", invalid="ignore"):  # of the largest of float64
                low, high = np.percentile(valid, _STRETCH) if valid.size else (0.0, 1.0)
                shown = (values.filled(low) - low) / ((high - low) or 1.0)
            planes.append((np.clip(np.nan_to_num(shown), 0, 1) * 255 + 0.5).astype(np.uint8))
        colours = planes if len(planes) == 3 else planes[:1] * 3
        alpha = np.where(self.valid, 255, 0).astype(np.uint8)
        return Image.fromarray(np.dstack([*colours, alpha] if not self.valid.all() else colours))


def _added(samples: NDArray[Any], window: Window, side: int, dtype: type) -> NDArray[Any]:
    """Sums of the samples of a window (h, w, …) in each square of the image that it touches."""
    rows, columns = (
        np.flatnonzero(np.r_[True, np.diff((start + np.arange(extent)) // side) > 0])
        for start, extent in ((window.top, window.height), (window.left, window.width))
    )
    of_rows = np.add.reduceat(samples, rows, axis=0, dtype=dtype)
    return np.asarray(np.add.reduceat(of_rows, columns, axis=1))


def _projection(opened: geo.Opened) -> dict[str, Any]:
    """Properties of the projection extension."""
    place = opened.scene.geo
    crs = place and place.crs
    told: dict[str, Any] = {"proj:code": geo_metadata.code_of(crs), "proj:shape": list(opened.shape)}
    if crs and told["proj:code"] is None:
        from rasterio.enums import WktVersion

        told["proj:wkt2"] = geo_metadata.crs_as_rasterio(crs).to_wkt(version=WktVersion.WKT2_2019)
    if place and place.transform:
        told["proj:transform"] = list(place.transform)
    return told


def _bands(opened: geo.Opened) -> list[dict[str, Any]]:
    """What is said of each band, in the words of STAC's common metadata and of the raster extension."""
    raster = opened.raster()
    said = raster.scene.bands or Bands()
    nodata = raster.nodata if raster.nodata is None or math.isfinite(raster.nodata) else str(raster.nodata)
    told = []
    for band in range(raster.n_bands):
        of_band = {
            "name": said.names[band] if said.names else None,
            "data_type": raster.dtype.name,
            "nodata": nodata,
            "unit": said.units[band] if said.units else None,
            "raster:scale": said.scales[band] if said.scales else None,
            "raster:offset": said.offsets[band] if said.offsets else None,
        }
        told.append({name: value for name, value in of_band.items() if value is not None})
    return told


def _display_bands(opened: geo.Opened) -> list[int]:
    """The places of the bands that a thumbnail shows: red, green and blue by their colours, or else by their names, or
    else the first three, or the first."""
    raster = opened.raster()
    colours = geo_metadata.colours_of(raster.scene, raster.interpretation, raster.n_bands)
    bands = raster.scene.bands or Bands()
    for told in (colours, [(name or "").lower() for name in bands.names or ()]):
        if {"red", "green", "blue"} <= set(told):
            return [told.index(name) for name in ("red", "green", "blue")]
    return [0, 1, 2] if raster.n_bands >= 3 else [0]


def _told_time(opened: geo.Opened) -> datetime | None:
    """When the scene was taken, as far as a tag says so; in UTC, if it says no zone."""
    for (namespace, name), form in _TIMES.items():
        if text := opened.tags(ns=namespace).get(name):
            with suppress(ValueError):
                return datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    return None
