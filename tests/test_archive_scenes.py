"""Archives of scenes: their georeference goes along, and errors are measured in units of their samples."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from tests.archives import png, rows
from tests.geo_scenes import HEIGHT, SENTINEL_2, SHOWS, WIDTH, smooth, write

pytest.importorskip("fsspec")
from apercu.bridges import files, geo
from apercu.bridges.archive import making
from apercu.cli.main import main
from apercu.errors import FileFormatError
from apercu.format.ids import CODECS


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


def root_mean_square(difference):
    return math.sqrt(math.fsum(np.square(difference).ravel().tolist()) / difference.size)


def measured(source, preview):
    """The error at the full size, by the bridge to GDAL alone."""
    import rasterio

    with rasterio.open(source) as dataset:
        original = np.ma.masked_invalid(dataset.read(masked=True).astype(np.float64))
    decoded = geo.open(preview, full_size=True).read().astype(np.float64)
    return root_mean_square((original - decoded).compressed())


def measured_picture(source, preview):
    image, bands = files.read(source)
    decoded = apercu.decode(preview, full_size=True).astype(np.float64).reshape(image.shape)
    counts = np.ones(image.shape, np.bool_)
    if bands == "rgba":
        counts[:, :, :3] = image[:, :, 3:] > 0
    return root_mean_square((image - decoded)[counts])


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


HOW = [{"n_bytes": 900}, {"n_bytes": 900, "reduce": 2}, {"quality": 40, "tile": 32}]
HOW += [{"quality": 40, "codec": codec} for codec in CODECS if codec != "apercu"]


@pytest.fixture(scope="module")
def of_every_kind(tmp_path_factory):
    """A folder of scenes and pictures: masked by values, by a band, by alpha and by NaN; mapped, and as they are."""
    folder = tmp_path_factory.mktemp("kinds")
    place = {"crs": "EPSG:32632", "transform": SENTINEL_2}
    bands = smooth("uint16", 4)
    bands[:, :20, :30] = 0
    write(folder / "bands.tif", bands, nodata=0, **place)
    write(folder / "mask.tif", smooth("uint8", 3, 10, 240), mask=SHOWS, photometric="RGB", **place)
    write(folder / "heights.tif", smooth("int16", 1, -300, 2000), nodata=900, **place)
    write(folder / "wide.tif", smooth("int32", 1, -90_000, 90_000), **place)
    write(folder / "float.tif", np.where(SHOWS, smooth("float32", 2, -1.5, 2.5), np.float32(np.nan)), **place)
    shown = np.moveaxis(smooth("uint8", 4, 0, 255), 0, -1)
    shown[:, :, 3][~SHOWS] = 0
    Image.fromarray(shown).save(folder / "alpha.png")
    (folder / "picture.png").write_bytes(png(1, 96))
    return folder


@pytest.mark.parametrize("options", HOW, ids=str)
def test_the_error_is_that_of_a_full_decode_to_the_last_digit(of_every_kind, tmp_path, options):
    out = tmp_path / "out"
    *_, step = making.make([str(of_every_kind)], str(out), **options)
    assert (step.n_done, step.n_failed) == (7, 0)
    for name, rmse in rows(tmp_path / "out.sqlite", "object, rmse"):
        data, source = (out / name).read_bytes(), name.removesuffix(".apc")
        full = (measured_picture if source.endswith(".png") else measured)(of_every_kind / source, data)
        assert rmse == (full if source != "float.tif" else pytest.approx(full, rel=1e-14)), name
        if source == "bands.tif":
            assert bool(apercu.info(data)["rotated"]) == (options.get("codec") != "predictive")


def test_an_archive_opens_no_file_that_a_source_names(tmp_path, monkeypatch):
    """What lies beside a file, and what names others, anyone may have sent. A scene of one's own keeps its mask."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    write(Path("in/a.tif"), smooth("uint16", 2), crs="EPSG:32632", transform=SENTINEL_2)
    write(Path("secret.tif"), np.where(SHOWS, 255, 0)[np.newaxis].astype(np.uint8))
    band = '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>../secret.tif</SourceFilename>'
    band = band.replace("../secret.tif", str(Path("secret.tif").absolute())) + "</SimpleSource></VRTRasterBand>"
    flags = '<Metadata><MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata>'
    vrt = f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}">{flags}{band}</VRTDataset>'
    Path("in/a.tif.msk").write_text(vrt)
    Path("in/named.dat").write_text(vrt)
    *_, step = making.make(["in/a.tif", "in/named.dat"], "out", n_bytes=900)
    assert (step.n_done, step.n_failed) == (1, 1)
    assert apercu.info(Path("out/a.tif.apc").read_bytes())["mask"] is None
    assert "may name other files" in rows("out.sqlite")[-1][-1]
    assert apercu.info(geo.encode("in/a.tif", n_bytes=900))["mask"]


def test_samples_that_are_read_at_once_are_bounded_in_bytes(tmp_path, monkeypatch):
    write(tmp_path / "a.tif", smooth("float64", 3), interleave="band")
    monkeypatch.setattr(apercu, "MAX_PIXELS", HEIGHT * WIDTH * 3)
    geo.encode(tmp_path / "a.tif", quality=30)
    monkeypatch.setattr(apercu, "MAX_PIXELS", HEIGHT * WIDTH * 3 - 1)
    with pytest.raises(FileFormatError, match="bytes of samples are read at once"):
        geo.encode(tmp_path / "a.tif", quality=30)
