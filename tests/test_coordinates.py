"""Coordinates and attributes of xarray, as CF and rioxarray have them."""

import json

import numpy as np
import pytest

pytest.importorskip("xarray")

from apercu.bridges.coordinates import attributes, coordinates
from apercu.format.chunks import Bands, ControlPoint, Gcps, Geo, Rpcs, SampleType, Scene

UTM = (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0)


def test_a_grid_has_the_middles_of_its_pixels_and_its_system():
    rasterio = pytest.importorskip("rasterio")
    found = coordinates(Scene(geo=Geo(32632, UTM)), 3, 2)
    assert found["x"].values.tolist() == [399965.0, 399975.0]
    assert found["y"].values.tolist() == [4900015.0, 4900005.0, 4899995.0]
    assert found["y"].attrs == {
        "axis": "Y", "standard_name": "projection_y_coordinate", "long_name": "y coordinate of projection",
        "units": "metre",
    }  # fmt: skip
    system = found["spatial_ref"]
    assert system.shape == ()
    assert system.attrs["GeoTransform"] == "399960.0 10.0 0.0 4900020.0 0.0 -10.0"
    for name in ("spatial_ref", "crs_wkt"):
        assert rasterio.crs.CRS.from_wkt(system.attrs[name]) == rasterio.crs.CRS.from_epsg(32632)
    degrees = coordinates(Scene(geo=Geo(4326, (0.1, 0, 5, 0, -0.1, 50))), 1, 1)
    assert degrees["x"].attrs["units"] == "degrees_east"
    assert degrees["y"].attrs["standard_name"] == "latitude"


def test_without_rasterio_the_code_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rasterio.errors", None)
    found = coordinates(Scene(geo=Geo(32632, UTM)), 3, 2)
    assert found["spatial_ref"].attrs["spatial_ref"] == "EPSG:32632"
    assert found["x"].attrs == {"axis": "X"}
    assert coordinates(Scene(geo=Geo("LOCAL_CS[]")), 3, 2)["spatial_ref"].attrs["crs_wkt"] == "LOCAL_CS[]"


def test_a_system_that_nobody_knows_is_passed_on():
    assert coordinates(Scene(geo=Geo(99999)), 3, 2)["spatial_ref"].attrs == {"spatial_ref": "EPSG:99999"}
    assert coordinates(Scene(geo=Geo("ESRI:99")), 3, 2)["spatial_ref"].attrs == {"spatial_ref": "ESRI:99"}
    assert coordinates(Scene(geo=Geo("ESRI:54009")), 3, 2)["spatial_ref"].attrs["crs_wkt"].startswith("PROJCS[")
    assert coordinates(Scene(geo=Geo("nonsense")), 3, 2)["spatial_ref"].attrs["crs_wkt"] == "nonsense"


def test_what_is_no_grid_has_no_x_and_y():
    assert coordinates(Scene(), 3, 2) == {}
    turned = coordinates(Scene(geo=Geo(None, (10, 1, 0, 2, -10, 5))), 3, 2)
    assert list(turned) == ["spatial_ref"]
    assert turned["spatial_ref"].attrs == {"GeoTransform": "0 10 1 5 2 -10"}
    points = (ControlPoint(0.5, 7, 10.25, 50, 3, "a", "tower"), ControlPoint(2, 1, 11, 51))
    coefficients = tuple(map(float, range(20)))
    rpcs = Rpcs(1, 2, 3, 4, coefficients, coefficients, 5, 6, 7, 8, coefficients, coefficients, 9, 10)
    said = coordinates(Scene(gcps=Gcps(points, 4326), rpcs=rpcs), 3, 2)["spatial_ref"].attrs
    assert json.loads(said["gcps"])["features"][0] == {
        "type": "Feature", "properties": {"id": "a", "info": "tower", "row": 0.5, "col": 7},
        "geometry": {"type": "Point", "coordinates": [10.25, 50, 3]},
    }  # fmt: skip
    assert json.loads(said["rpcs"])["line_num_coeff"] == list(range(20))
    assert "4326" in said["spatial_ref"]


def told(dtype, nodata=None, bands=None, n_bands=2):
    return attributes(Scene(samples=SampleType(dtype, None, nodata), bands=bands), np.dtype(dtype), n_bands)


def test_attributes_of_the_samples():
    same = Bands(("red", "nir"), ("W", "W"), None, (0.5, 0.5), (3.0, 3.0))
    found = told("uint16", (0, 0), same)
    assert found == {
        "_FillValue": 0, "scale_factor": 0.5, "add_offset": 3.0, "long_name": ["red", "nir"], "units": "W"
    }  # fmt: skip
    assert found["_FillValue"].dtype == np.uint16
    each = Bands((None, "nir"), None, None, (1.0, 0.5), (0.0, 0.0))
    assert told("uint8", (0, 1), each) == {"scales": [1.0, 0.5], "long_name": ["", "nir"]}
    assert told("uint8", None, each, 1) == {}
    nan = told("float32", (float("nan"), float("nan")))
    assert list(nan) == ["_FillValue"]
    assert np.isnan(nan["_FillValue"])
    for nodata in (None, (None, 3), (-1, -1), (300, 300), (0.5, 0.5)):
        assert told("uint8", nodata) == {}
