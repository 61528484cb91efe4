"""VRTs that show apercu files to GDAL, in this process and in Debian's gdalinfo, whose Python is another."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

import geo_scenes
from apercu.bridges import geo, vrt_process
from apercu.cli.main import main
from apercu.errors import FileFormatError
from geo_scenes import ALL, opened, said_of, smooth, write

rasterio = geo_scenes.rasterio
NAMES = ("no_epsg", "mask", "alpha", "gcps", "said")  # no-data, mask, alpha, points, tags


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """VRTs and GeoTIFFs of some scenes, by name."""
    folder, found = tmp_path_factory.mktemp("vrt"), {}
    for name in NAMES:
        path = folder / f"{name}.apc"
        path.write_bytes(geo.encode(ALL[name](folder / "scene.tif"), quality=60, tile=64))
        assert main(["vrt", str(path)]) == 0
        geo.decode(path, folder / f"{name}.tif")
        found[name] = folder / f"{name}.vrt", folder / f"{name}.tif"
    return found


def said(path):
    """Without the domain that VRTs have to tell what is at a place."""
    found = said_of(path)
    return found | {"tags": {key: tags for key, tags in found["tags"].items() if key[1] != "LocationInfo"}}


@pytest.mark.parametrize("name", NAMES)
def test_rasterio_sees_what_is_in_the_geotiff(name, shown):
    with_function, tiff = shown[name]
    with rasterio.Env(GDAL_VRT_ENABLE_PYTHON="YES"), opened(with_function) as found, opened(tiff) as expected:
        np.testing.assert_array_equal(found.read(), expected.read())
        np.testing.assert_array_equal(found.read_masks(), expected.read_masks())
        part = rasterio.windows.Window(50, 30, 33, 40)
        np.testing.assert_array_equal(found.read(1, window=part), expected.read(1, window=part))
        small = (expected.count, 23, 31)
        np.testing.assert_array_equal(found.read(out_shape=small), expected.read(out_shape=small))
    assert said(with_function) == said(tiff)


def test_a_reduced_size_is_shown_at_the_full_one(tmp_path):
    data = geo.encode(ALL["no_epsg"](tmp_path / "scene.tif"), quality=60, reduce=4)
    (tmp_path / "a.apc").write_bytes(data)
    for flags, options in (([], {}), (["--full-size"], {"full_size": True})):
        assert main(["vrt", str(tmp_path / "a.apc"), str(tmp_path / "a.vrt"), *flags]) == 0
        geo.decode(data, tmp_path / "a.tif", **options)
        with (
            rasterio.Env(GDAL_VRT_ENABLE_PYTHON="YES"),
            opened(tmp_path / "a.vrt") as found,
            opened(tmp_path / "a.tif") as expected,
        ):
            np.testing.assert_array_equal(found.read(), expected.read())
            assert found.transform == expected.transform


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="gdalinfo is not installed")
def test_gdalinfo_sees_what_is_in_the_geotiff(shown):
    def checksums(path):
        told = subprocess.run(
            ["gdalinfo", "-checksum", path],
            env=os.environ | {"GDAL_VRT_ENABLE_PYTHON": "YES"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "ERROR" not in told.stderr
        return re.findall(r"Checksum=(-?\d+)|Mask Flags: (.*)", told.stdout)

    for name in ("no_epsg", "alpha"):
        with_function, tiff = shown[name]
        assert checksums(with_function) == checksums(tiff)


def test_a_process_that_was_ended_is_started_again(shown):
    with_function, tiff = shown["no_epsg"]
    with rasterio.Env(GDAL_VRT_ENABLE_PYTHON="YES"):
        with opened(with_function) as found:
            first = found.read(1)
        process = vrt_processes()[sys.executable, os.getpid()]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with opened(with_function) as found, opened(tiff) as expected:
            np.testing.assert_array_equal(found.read(2), expected.read(2))
            np.testing.assert_array_equal(first, expected.read(1))


def vrt_processes():
    return sys.modules["apercu_of_vrts"].processes


def test_a_file_that_is_gone_is_named(shown, tmp_path):
    with_function, _ = shown["no_epsg"]
    text = with_function.read_text().replace("no_epsg.apc", "absent.apc")
    (tmp_path / "a.vrt").write_text(text)
    with (
        rasterio.Env(GDAL_VRT_ENABLE_PYTHON="YES"),
        opened(tmp_path / "a.vrt") as found,
        pytest.raises(rasterio.errors.RasterioIOError),
    ):
        found.read(1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "a.apc"
    scene = write(path.with_suffix(".tif"), smooth(n_bands=2))
    path.write_bytes(geo.encode(scene, quality=40, tile=32))
    return {"file": str(path), "full_size": "no", "band": "2", "dtype": "uint16", "left": 3, "top": 5} | {
        "width": 90,
        "height": 60,
        "columns": 90,
        "rows": 60,
    }


def test_windows_of_any_size_hold_the_nearest_samples(asked):
    windows, samples = vrt_process.Windows(), geo.open(asked["file"]).read()[1]
    np.testing.assert_array_equal(windows.answer(asked), samples[5:65, 3:93])
    third = windows.answer(asked | {"rows": 20, "columns": 30})
    np.testing.assert_array_equal(third, samples[6:65:3, 4:93:3])
    twice = windows.answer(asked | {"rows": 120, "columns": 180})
    np.testing.assert_array_equal(twice, samples[5:65, 3:93].repeat(2, axis=0).repeat(2, axis=1))


def test_windows_are_kept_as_long_as_there_is_room(asked, monkeypatch):
    decoded, of_file = [], geo.Opened.part
    monkeypatch.setattr(geo.Opened, "part", lambda self, window: decoded.append(window) or of_file(self, window))
    for room, n_decoded in ((1 << 20, 9), (0, 18)):
        windows = vrt_process.Windows(room)
        expected = windows.answer(asked)
        np.testing.assert_array_equal(windows.answer(asked), expected)
        assert len(decoded) == n_decoded
        decoded.clear()


def test_a_file_that_has_changed_is_refused(asked):
    for change in ({"dtype": "uint8"}, {"left": 20}, {"height": 70, "rows": 70}):
        with pytest.raises(FileFormatError, match="changed"):
            vrt_process.Windows().answer(asked | change)


def test_the_process_answers_line_by_line(asked):
    given = "".join(f"{line}\n" for line in (json.dumps(asked), json.dumps(asked | {"file": "/absent"})))
    call = [sys.executable, "-m", "apercu.bridges.vrt_process"]
    told = subprocess.run(call, input=given.encode(), capture_output=True, timeout=60, check=True).stdout
    n_bytes = 60 * 90 * 2
    assert told[:6] == b"sound\n"
    assert told[6 : 6 + n_bytes] == geo.open(asked["file"]).read()[1, 5:65, 3:93].tobytes()
    assert b"absent" in told[6 + n_bytes :]
