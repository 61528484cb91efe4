"""Scenes that tests of the bridge to GDAL draw and write."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")

from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.errors import NotGeoreferencedWarning  # noqa: E402

HEIGHT, WIDTH = 72, 100
ALBERS = (
    'PROJCS["a system of no authority",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,'
    'AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]],PROJECTION["Albers_Conic_Equal_Area"],'
    'PARAMETER["latitude_of_center",23],PARAMETER["longitude_of_center",-96],PARAMETER["standard_parallel_1",29.5],'
    'PARAMETER["standard_parallel_2",45.25],PARAMETER["false_easting",0],PARAMETER["false_northing",0],'
    'UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
)
SENTINEL_2 = (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0)
ROTATED = (9.5, 0.3, 500000.123, 0.2, -10.25, 4000000.75)
RPC = {
    "ERR_BIAS": "0",
    "ERR_RAND": "0.25",
    **{f"{name}_OFF": f"{12.5 + at}" for at, name in enumerate(("HEIGHT", "LAT", "LONG", "LINE", "SAMP"))},
    **{f"{name}_SCALE": f"{0.125 + at}" for at, name in enumerate(("HEIGHT", "LAT", "LONG", "LINE", "SAMP"))},
    **{
        f"{of}_{part}_COEFF": " ".join(f"{(-1) ** at / (at + 3 + len(of + part)):.12g}" for at in range(20))
        for of in ("LINE", "SAMP")
        for part in ("NUM", "DEN")
    },
}
TAGS = {"ACQUIRED": "2026-11-26T10:00:00Z", "words": 'été <&> "quoted"'}


def control_points(n: int = 210) -> list[Any]:
    """As a product of Sentinel-1 has them."""
    places = [(4.0 * (at // 21), 5.0 * (at % 21)) for at in range(n)]
    return [
        GroundControlPoint(row, column, 8.5 + column / 1024, 50.25 - row / 512, 100.5 + column / 64, str(at + 1))
        for at, (row, column) in enumerate(places)
    ]


def smooth(dtype: str = "uint16", n_bands: int = 3, low: float = 200, high: float = 3000) -> NDArray[Any]:
    """(B, HEIGHT, WIDTH), hills from about `low` to `high`."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    hills = [np.sin(x / (9 + band)) + np.cos(y / (7 + band)) + np.sin((x + y) / 31) for band in range(n_bands)]
    return (low + (np.stack(hills) + 3) / 6 * (high - low)).astype(dtype)


def write(path: Path, samples: NDArray[Any], *, mask: NDArray[np.bool_] | None = None, **said: Any) -> Path:
    """A GeoTIFF of samples (B, H, W).

    What is said of it besides: any keyword of `rasterio.open`, and `transform` (six numbers), `gcps`, `rpcs`, `tags` by
    (band, namespace), `names`, `units`, `scales`, `offsets`, `colours`, `point`, `colormap`.
    """
    with_writer = ("gcps", "rpcs", "tags", "names", "units", "scales", "offsets", "colours", "point", "colormap")
    profile = {name: value for name, value in said.items() if name not in with_writer}
    if transform := profile.pop("transform", None):
        profile["transform"] = rasterio.Affine(*transform)
    n_bands, height, width = samples.shape
    shape = {"count": n_bands, "height": height, "width": width, "dtype": samples.dtype.name}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **shape, **{"photometric": "MINISBLACK", **profile}) as out:
            if said.get("point"):
                out.update_tags(AREA_OR_POINT="Point")
            for (band, namespace), pairs in said.get("tags", {}).items():
                out.update_tags(band, ns=namespace or None, **pairs)
            if said.get("rpcs"):
                out.update_tags(ns="RPC", **said["rpcs"])
            if said.get("gcps"):
                out.gcps = said["gcps"], rasterio.crs.CRS.from_epsg(4326)
            for field, name in (("descriptions", "names"), ("units",) * 2, ("scales",) * 2, ("offsets",) * 2):
                if name in said:
                    setattr(out, field, said[name])
            if "colours" in said:
                out.colorinterp = [rasterio.enums.ColorInterp[name] for name in said["colours"]]
            if "colormap" in said:
                out.write_colormap(1, said["colormap"])
            out.write(samples)
            if mask is not None:
                out.write_mask(mask)
    return path


def opened(path: object) -> Any:
    """A dataset, without the warning that it has no georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def said_of(path: object) -> dict[str, Any]:
    """All that `rio info` and rasterio say of a file but how it is stored."""
    with opened(path) as found:
        gcps, gcps_crs = found.gcps
        numbers = range(found.count + 1)
        own = {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS"}
        return {
            "size": (found.count, found.height, found.width),
            "dtypes": found.dtypes,
            "crs": found.crs and found.crs.to_wkt(),
            "transform": tuple(found.transform),
            "nodata": [repr(value) for value in found.nodatavals],
            "mask_flags": found.mask_flag_enums,
            "gcps": [point.asdict() for point in gcps],
            "gcps_crs": gcps_crs and gcps_crs.to_wkt(),
            "rpcs": found.rpcs and found.rpcs.to_dict(),
            "colours": found.colorinterp,
            "names": found.descriptions,
            "units": found.units,
            "scales": found.scales,
            "offsets": found.offsets,
            "tags": {
                (number, name): found.tags(number, ns=name)
                for number in numbers
                for name in (None, *sorted(set(found.tag_namespaces(number)) - own))
            },
        }


def _wedge() -> NDArray[np.bool_]:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(x + y // 2 > 40)


def _with(samples: NDArray[Any], value: float, where: NDArray[np.bool_]) -> NDArray[Any]:
    samples = samples.copy()
    samples[:, where] = value
    return samples


SHOWS = _wedge()
ALL = {
    "sentinel_2": lambda path: write(
        path, _with(smooth(n_bands=1), 0, ~SHOWS), nodata=0, crs="EPSG:32632", transform=SENTINEL_2
    ),
    "rotated": lambda path: write(path, smooth(), crs="EPSG:32632", transform=ROTATED, point=True),
    "gcps": lambda path: write(path, smooth(n_bands=2), gcps=control_points()),
    "rpcs": lambda path: write(path, smooth(n_bands=1), rpcs=RPC),
    "no_epsg": lambda path: write(path, smooth("int16", low=-500), crs=ALBERS, transform=SENTINEL_2, nodata=-9999),
    "authority": lambda path: write(path, smooth(n_bands=1), crs="ESRI:54009", transform=SENTINEL_2),
    "no_crs": lambda path: write(path, smooth(n_bands=4), transform=(2.5, 0, 1e6 + 0.1, 0, -2.5, 2e6 + 1 / 3)),
    "nothing": lambda path: write(path, smooth(n_bands=1)),
    "said": lambda path: write(
        path,
        smooth("uint8", 3, 10, 240),
        crs="EPSG:4326",
        transform=(1e-3, 0, 179.95, 0, -1e-3, -16.5),
        names=("red edge", None, "Wärme"),
        units=("W/(m² sr µm)", None, "K"),
        scales=(0.0001, 1, 1 / 3),
        offsets=(-0.1, 0, 273.15),
        colours=("undefined", "gray", "undefined"),
        tags={(0, ""): TAGS, (0, "IMAGERY"): {"CLOUDCOVER": "12"}, (2, ""): {"a": "b"}, (2, "X"): {"a": "=c=<d>"}},
    ),
    "mask": lambda path: write(
        path, smooth("uint8", 3, 10, 240), mask=SHOWS, photometric="RGB", crs="EPSG:32632", transform=SENTINEL_2
    ),
    "alpha": lambda path: write(
        path,
        np.concatenate([smooth("uint8", 3, 10, 240), np.where(SHOWS, 255, 0)[np.newaxis].astype(np.uint8)]),
        photometric="RGB",
        alpha="YES",
        names=(None, None, None, "shows"),
    ),
    "opaque": lambda path: write(
        path,
        np.concatenate([smooth("uint16", 2), np.full((1, HEIGHT, WIDTH), 65535, np.uint16)]),
        colours=("gray", "undefined", "alpha"),
    ),
    "opaque_rgb": lambda path: write(
        path,
        np.concatenate([smooth("uint8", 3, 10, 240), np.full((1, HEIGHT, WIDTH), 255, np.uint8)]),
        photometric="RGB",
        alpha="YES",
    ),
    "soft_alpha": lambda path: write(path, smooth("uint8", 4, 0, 255), photometric="RGB", alpha="YES"),
    "nan": lambda path: write(path, _with(smooth("float32", 2, -0.25, 1.5), np.nan, ~SHOWS), nodata=np.nan),
    "least": lambda path: write(
        path, _with(smooth("float32", 1, 0, 9000), np.finfo(np.float32).min, ~SHOWS), nodata=-3.4028234663852886e38
    ),
    **{
        dtype: lambda path, dtype=dtype, low=low: write(
            path, _with(smooth(dtype, 2, low, low + 200), low + 100, ~SHOWS), nodata=low + 100
        )
        for dtype, low in {
            "int8": -100,
            "uint8": 20,
            "uint16": 40_000,
            "int16": -20_000,
            "uint32": 4_000_000_000,
            "int32": -2_000_000_000,
            "uint64": 2**40,
            "int64": -(2**40),
            "float32": -3,
            "float64": 5e3,
        }.items()
    },
}
"""Scenes by name, each a function that writes one. In those of a dtype the no-data value is amid the other values."""
