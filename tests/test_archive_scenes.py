"""Archives of scenes: their georeference goes along, and errors are measured in units of their samples."""

from pathlib import Path

import numpy as np
import pytest

import apercu
from tests.archives import png, rows
from tests.geo_scenes import HEIGHT, SENTINEL_2, WIDTH, smooth, write

pytest.importorskip("fsspec")
from apercu.bridges import geo
from apercu.bridges.archive import making
from apercu.cli.main import main
from apercu.errors import FileFormatError


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    place = {"crs": "EPSG:32632", "transform": SENTINEL_2}
    samples = smooth("uint16", 4)
    samples[:, :20, :30] = 0
    write(Path("in/bands.tif"), samples, nodata=0, **place)
    write(Path("in/heights.tif"), smooth("int16", 1, -300, 2000), **place)
    write(Path("in/float.tif"), smooth("float32", 1, -1.5, 2.5) + np.float32(0.25), **place)
    Path("in/picture.png").write_bytes(png(1))
    Path("in/broken.tif").write_bytes(Path("in/bands.tif").read_bytes()[:900])


def measured(source, preview):
    """The error at the full size, by the bridge to GDAL alone."""
    import rasterio

    with rasterio.open(source) as dataset:
        original = dataset.read(masked=True).astype(np.float64)
    decoded = geo.open(preview, full_size=True).read().astype(np.float64)
    return float(np.sqrt(((original - decoded) ** 2).mean()))


def test_without_tags(scenes):
    write(Path("in/bands.tif"), smooth("uint16", 4), crs="EPSG:32632", transform=SENTINEL_2, tags={(0, ""): {"a": "b"}})
    assert main(["batch", "in", "out", "--no-tags", "--workers", "0", "--quiet"]) == 2  # of the broken one
    assert Path("out/bands.tif.apc").read_bytes() == geo.encode("in/bands.tif", tags=False)
    assert Path("out/bands.tif.apc").read_bytes() != geo.encode("in/bands.tif")
    assert Path("out/picture.png.apc").exists()


@pytest.mark.parametrize("reduce", [None, 2])
def test_scenes_and_pictures(scenes, reduce):
    *_, step = making.make(["in"], "out", n_bytes=900, reduce=reduce)
    assert (step.n_done, step.n_failed) == (4, 1)
    found = rows("out.sqlite", "object, state, width, height, bands, dtype, reduced, rmse, mapping_error, message")
    by_name = {row[0].removesuffix(".apc"): row[1:] for row in found}
    factor = reduce or 1
    for name, n_bands, dtype, mapping_error in (
        ("bands.tif", 4, "uint16", None),
        ("heights.tif", 1, "int16", 0.0),
        ("float.tif", 1, "float32", pytest.approx(4 / 65535 / 2, rel=0.05)),
    ):
        state, *size, reduced, rmse, mapped, message = by_name[name]
        assert (state, message) == ("done", "")
        assert (*size, reduced) == (WIDTH, HEIGHT, n_bands, dtype, factor)
        assert mapped == mapping_error
        data = Path(f"out/{name}.apc").read_bytes()
        assert len(data) <= 900
        assert apercu.info(data)["geo"]["crs"] == "EPSG:32632"
        assert rmse == pytest.approx(measured(f"in/{name}", data), rel=1e-6)
        assert 0 < rmse < 1000
    assert by_name["picture.png"][:6] == ("done", 64, 64, 1, "uint8", factor)
    assert by_name["picture.png"][7] is None
    state, *_, message = by_name["broken.tif"]
    assert state == "failed"
    assert message


def test_a_scene_of_a_store_is_that_of_a_file(scenes):
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.put("in/bands.tif", "/scenes/06/bands.tif")
    fs.pipe("/scenes/06/broken.tif", Path("in/broken.tif").read_bytes())
    *_, step = making.make(["memory://scenes"], "memory://previews", place="m.sqlite", n_bytes=900, measure=False)
    assert (step.n_done, step.n_failed) == (1, 1)
    assert fs.cat("/previews/06/bands.tif.apc") == geo.encode("in/bands.tif", n_bytes=900)
    failed = rows("m.sqlite")[-1]
    assert failed[0] == "memory:///scenes/06/broken.tif"
    assert "apercu-" not in failed[-1]  # no name of a copy
    with pytest.raises(FileFormatError):
        geo.encode("in/broken.tif", n_bytes=900)


def test_without_rasterio_the_manifest_says_what_is_left_out(scenes, monkeypatch):
    monkeypatch.setattr("apercu.bridges.scene_files.find_spec", lambda name: None)
    *_, step = making.make(["in/bands.tif", "in/picture.png"], "out", n_bytes=900)
    assert step.n_done == 2
    assert [(name, "its georeference" in message) for name, message in rows("out.sqlite", "object, message")] == [
        ("bands.tif.apc", True),
        ("picture.png.apc", False),
    ]
