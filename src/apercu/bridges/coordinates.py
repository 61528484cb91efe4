"""What a file says of its place and its bands, as xarray and rioxarray have it: coordinates and attributes.

By the CF conventions (grid mapping, packed data), and by the names that rioxarray adds: `spatial_ref` with
GeoTransform, gcps and rpcs.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from apercu.bridges import geo_metadata
from apercu.errors import FileFormatError
from apercu.format.chunks import Bands, ControlPoint, Crs, Gcps, Geo, Scene
from apercu.stages.sample_types import representable

GRID_MAPPING = "spatial_ref"
"""The coordinate that holds the reference system."""

_METRE = 1.0


def coordinates(scene: Scene, height: int, width: int) -> dict[str, xr.Variable]:
    """The coordinates `x` and `y`, of the middles of pixels, where the rows lie along x and the columns along y, and
    `spatial_ref`, where anything is said of the place. `scene` is that of the size (height, width)."""
    found: dict[str, xr.Variable] = {}
    said: dict[str, Any] = {}
    geo, gcps = scene.geo or Geo(), scene.gcps or Gcps(())
    system = _system(geo.crs or gcps.crs)
    said.update(_of_system(geo.crs or gcps.crs, system))
    if geo.transform:
        a, b, c, d, e, f = geo.transform
        said["GeoTransform"] = " ".join(map(repr, (c, a, b, f, d, e)))
        if b == d == 0:
            x, y = _of_axes(system)
            found["x"] = xr.Variable("x", c + a * (np.arange(width) + 0.5), x)
            found["y"] = xr.Variable("y", f + e * (np.arange(height) + 0.5), y)
    if gcps.points:
        said["gcps"] = json.dumps({"type": "FeatureCollection", "features": [*map(_feature, gcps.points)]})
    if scene.rpcs:
        said["rpcs"] = json.dumps(scene.rpcs._asdict())
    if said:
        found[GRID_MAPPING] = xr.Variable((), 0, said)
    return found


def _feature(point: ControlPoint) -> dict[str, Any]:
    properties = {"id": point.id, "info": point.info, "row": point.row, "col": point.column}
    place = {"type": "Point", "coordinates": [point.x, point.y, point.z]}
    return {"type": "Feature", "properties": properties, "geometry": place}


def _system(crs: Crs) -> Any:
    """A `rasterio.crs.CRS`; None where there is none, no rasterio, or a system that it does not know."""
    try:
        return geo_metadata.crs_as_rasterio(crs)
    except (ImportError, FileFormatError):
        return None


def _of_system(crs: Crs, system: Any) -> dict[str, str]:
    if crs is None:
        return {}
    code = geo_metadata.code_of(crs)
    if system is None and code:
        return {"spatial_ref": code}  # which pyproj and rasterio take for the WKT that is usual here
    wkt = system.to_wkt() if code else str(crs)
    return {"crs_wkt": wkt, "spatial_ref": wkt}


def _of_axes(system: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The attributes of x and y, with what CF says of degrees and metres."""
    x, y = {"axis": "X"}, {"axis": "Y"}
    if system is not None and system.is_geographic:
        x |= {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
        y |= {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
    elif system is not None and system.is_projected:
        for attributes, name in ((x, "x"), (y, "y")):
            attributes["standard_name"] = f"projection_{name}_coordinate"
            attributes["long_name"] = f"{name} coordinate of projection"
            unit, factor = system.linear_units_factor
            attributes["units"] = "metre" if factor == _METRE else unit
    return x, y


def attributes(scene: Scene, dtype: np.dtype[Any], n_bands: int) -> dict[str, Any]:
    """Of the variable of the samples: `_FillValue`, where all bands have the same no-data value; `scale_factor` and
    `add_offset`, or `scales` and `offsets` where they are not the same for all bands; `long_name` and `units`."""
    found: dict[str, Any] = {}
    bands, nodata = scene.bands or Bands(), scene.samples and scene.samples.nodata
    fill = representable(nodata[0], dtype) if nodata and nodata[0] is not None and _all_the_same(nodata) else None
    if fill is not None:
        found["_FillValue"] = fill
    for one, many, numbers, usual in (
        ("scale_factor", "scales", bands.scales, 1.0),
        ("add_offset", "offsets", bands.offsets, 0.0),
    ):
        numbers = (numbers or (usual,))[:n_bands]  # one more is that of alpha, which is the mask
        if not _all_the_same(numbers):
            found[many] = list(numbers)
        elif numbers[0] != usual:
            found[one] = numbers[0]
    for name, texts in (("long_name", bands.names), ("units", bands.units)):
        texts = (texts or ())[:n_bands]
        if any(texts):
            found[name] = texts[0] if _all_the_same(texts) else [text or "" for text in texts]
    return found


def _all_the_same(values: Sequence[Any]) -> bool:
    return all(value == values[0] or (value != value and values[0] != values[0]) for value in values)  # NaN is one
