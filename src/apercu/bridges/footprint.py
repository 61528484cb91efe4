"""Where a scene lies on Earth: its outline in longitude and latitude, by transform, ground control points or RPCs."""

import json
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.bridges import geo_metadata
from apercu.errors import FileFormatError
from apercu.format.chunks import Scene

_DENSE = 32  # points on a side, which need not be straight on the globe
_TOLERANCE, _DECIMALS = 1e-6, 7  # in degrees, a tenth of a metre and less
_ROUND = 360
_FAR = 2 * _ROUND  # degrees that no longitude of a scene has
_STEPS = 20  # of a bisection


def footprint(scene: Scene, shape: tuple[int, int], valid: NDArray[np.bool_], side: int) -> dict[str, Any] | None:
    """Where the samples that count lie, as GeoJSON (RFC 7946): the hull of their squares on the globe, cut in two at
    the antimeridian. None for a scene that says nothing of its place.

    Args:
        scene: what is said of it.
        shape: its rows and columns.
        valid: (h, w), in which squares of it samples count; all of it where they count in none.
        side: pixels of a square.

    Raises FileFormatError where the place is not on Earth. rasterio, shapely and antimeridian must be installed.
    """
    import antimeridian
    import shapely
    from rasterio._err import CPLE_BaseError

    shown = valid if valid.any() else ~valid
    rows = np.flatnonzero(shown.any(axis=1))
    left, right = shown[rows].argmax(axis=1), shown.shape[1] - shown[rows, ::-1].argmax(axis=1)
    corners = [
        (column, row + down) for row, *ends in zip(rows, left, right, strict=True) for column in ends for down in (0, 1)
    ]
    height, width = shape
    points = np.minimum(np.array(corners) * side, (width, height))
    hull = shapely.MultiPoint(points).convex_hull.segmentize(max(height, width) / _DENSE)
    try:
        if (found := _to_ground(scene)) is None:
            return None
        places = _on_globe(*found, np.array(hull.exterior.coords))
    except CPLE_BaseError as error:  # points of which GDAL makes no transform, or that it takes off the globe
        raise FileFormatError(f"the corners of the scene have no longitude and latitude: {error}") from error
    if not (np.abs(places) < _FAR).all():  # NaN is not
        raise FileFormatError("the corners of the scene have no longitude and latitude")
    places[:, 1] = np.clip(places[:, 1], -90, 90)  # grids of points go half a pixel beyond the poles
    if (area := shapely.Polygon(places)).area == 0:
        raise FileFormatError("the corners of the scene lie on a line")
    if getattr(found[0], "is_geographic", False) and np.ptp(places[:, 0]) > _ROUND - _TOLERANCE:
        fixed = shapely.box(-180, area.bounds[1], 180, area.bounds[3])  # also of longitudes from 0 to 360
    else:
        try:
            fixed = antimeridian.fix_polygon(area, fix_winding=True).simplify(_TOLERANCE)
        except ValueError as error:
            raise FileFormatError(f"the corners of the scene enclose no area: {error}") from error
    rounded = shapely.transform(fixed, lambda corners: np.round(corners, _DECIMALS))
    geometry: dict[str, Any] = json.loads(shapely.to_geojson(rounded))
    return geometry


def _on_globe(crs: Any, on_ground: Any, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes and latitudes of points (n, 2), columns and rows. What lies off the globe, such as the corners of a
    full disk, is moved towards the middle of all until it does not."""
    from rasterio._err import CPLE_BaseError
    from rasterio.warp import transform

    def places(points: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of points that RPCs lead nowhere: they are not finite
            return np.column_stack(transform(crs, "EPSG:4326", *on_ground(points[:, 1], points[:, 0])))

    def lie_on_globe(points: NDArray[np.float64]) -> bool:
        try:
            return bool(np.isfinite(places(points)).all())
        except CPLE_BaseError:  # of any of them
            return False

    middle = corners.mean(axis=0, keepdims=True)
    if lie_on_globe(corners) or not lie_on_globe(middle):
        return places(corners)
    moved = []
    for corner in corners:
        within, tried = 0.0, 1.0
        for step in range(1, _STEPS):
            if lie_on_globe(middle + tried * (corner - middle)):
                within = tried
            if within == 1:
                break
            tried = within + 0.5**step
        moved.append(middle + within * (corner - middle))
    return places(np.concatenate(moved))


def _to_ground(scene: Scene) -> tuple[Any, Any] | None:
    """A reference system, and what takes rows and columns to it; None where nothing says how."""
    from rasterio.transform import AffineTransformer, GCPTransformer, RPCTransformer

    def at_corners(transformer: Any) -> Any:
        return lambda rows, columns: transformer.xy(rows, columns, offset="ul")

    if scene.geo and scene.geo.transform and scene.geo.crs is not None:
        from rasterio import Affine

        return geo_metadata.crs_as_rasterio(scene.geo.crs), at_corners(AffineTransformer(Affine(*scene.geo.transform)))
    if scene.gcps and scene.gcps.crs is not None:
        points = geo_metadata.control_points(scene.gcps)
        return geo_metadata.crs_as_rasterio(scene.gcps.crs), at_corners(GCPTransformer(points))
    if scene.rpcs:
        from rasterio.rpc import RPC

        return "EPSG:4326", at_corners(RPCTransformer(RPC(**scene.rpcs._asdict())))
    return None
