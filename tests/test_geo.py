"""Scenes through the bridge to GDAL: all that is said of them, their masks and the type of their samples come back."""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from rio_cogeo.cogeo import cog_validate

import apercu
import geo_scenes
from apercu.bridges import geo
from apercu.codecs import decoding
from apercu.stages.blocks import Window
from geo_scenes import ALL, HEIGHT, ROTATED, SENTINEL_2, WIDTH, opened, said_of, smooth, write

rasterio = geo_scenes.rasterio
REAL = sorted(Path(__file__).parent.parent.parent.glob("shared/data/test/geo/*.tif"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each scene, and the GeoTIFF of it that was encoded and decoded."""
    folder, found = tmp_path_factory.mktemp("scenes"), {}

    def make(name):
        if name not in found:
            scene, back = ALL[name](folder / f"{name}.tif"), folder / f"{name}-back.tif"
            data = geo.encode(scene, quality=60)
            geo.decode(data, back)
            found[name] = scene, data, back
        return found[name]

    return make


def masks(path):
    """Where each band has data, and where any has, as GDAL sees it."""
    with opened(path) as found:
        return found.read_masks(), found.dataset_mask() > 0


@pytest.mark.parametrize("name", ALL)
def test_what_is_said_of_a_scene_comes_back(name, made):
    scene, data, back = made(name)
    assert said_of(back) == said_of(scene)
    assert apercu.check(data) == []
    assert sorted(back.parent.glob("*.aux.xml")) == []
    (each, shown), (each_back, shown_back) = masks(scene), masks(back)
    if name != "soft_alpha":  # which is coded like a colour
        np.testing.assert_array_equal(each_back, each)
        np.testing.assert_array_equal(shown_back, shown)
        np.testing.assert_array_equal(np.atleast_3d(apercu.mask(data)).all(axis=2), ~shown)
    with opened(scene) as before, opened(back) as after:
        first, last = before.read()[:, shown].astype(np.float64), after.read()[:, shown].astype(np.float64)
    assert np.abs(first - last).mean() < 0.04 * np.ptp(first)


def test_a_code_of_another_authority_stands_for_a_reference_system(made):
    _, data, _ = made("authority")
    assert apercu.info(data)["geo"]["crs"] == "ESRI:54009"


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_what_is_said_of_real_scenes_comes_back(path, tmp_path):
    geo.decode(geo.encode(path, bpp=0.05), tmp_path / "back.tif")
    assert said_of(tmp_path / "back.tif") == said_of(path)
    for before, after in zip(masks(path), masks(tmp_path / "back.tif"), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("name", ["int8", "uint8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "no_epsg"])
def test_integers_come_back_exactly(name, made, tmp_path):
    scene, *_ = made(name)
    geo.decode(geo.encode(scene, quality=100, codec="predictive"), tmp_path / "back.tif")
    with opened(scene) as before, opened(tmp_path / "back.tif") as after:
        np.testing.assert_array_equal(before.read(), after.read())


@pytest.mark.parametrize("name", ["nan", "least", "float32", "float64"])
def test_floats_come_back_within_their_range_over_131070(name, made, tmp_path):
    scene, *_ = made(name)
    geo.decode(geo.encode(scene, quality=100, codec="predictive"), tmp_path / "back.tif")
    with opened(scene) as before, opened(tmp_path / "back.tif") as after:
        for first, last in zip(before.read(masked=True), after.read(masked=True), strict=True):
            np.testing.assert_array_equal(first.mask, last.mask)
            first, last = first.compressed(), last.compressed()
            rounding = np.spacing(np.abs(first).max()) / 2  # of the type itself
            assert (
                np.abs(first.astype(np.float64) - last).max() <= np.ptp(first.astype(np.float64)) / 131_070 + rounding
            )


def test_samples_that_are_not_finite_become_no_data(tmp_path):
    samples = smooth("float32", 1, 0, 1)
    samples[0, 3, 5], samples[0, 4, :7] = np.nan, np.inf
    geo.decode(geo.encode(write(tmp_path / "a.tif", samples), quality=60), tmp_path / "back.tif")
    with opened(tmp_path / "back.tif") as back:
        assert np.isnan(back.nodata)
        np.testing.assert_array_equal(np.isnan(back.read()), ~np.isfinite(samples))


def validated(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return cog_validate(path, quiet=True)


@pytest.mark.parametrize("name", ["sentinel_2", "rotated", "gcps", "rpcs", "mask", "alpha", "nan", "said"])
def test_a_cloud_optimised_geotiff_says_the_same(name, made, tmp_path):
    scene, data, back = made(name)
    geo.decode(data, tmp_path / "cog.tif", cog=True)
    assert validated(tmp_path / "cog.tif") == (True, [], [])
    assert said_of(tmp_path / "cog.tif") == said_of(scene)
    with opened(back) as plain, opened(tmp_path / "cog.tif") as cog:
        np.testing.assert_array_equal(plain.read(), cog.read())


def test_a_cog_keeps_tags_of_bands_with_and_without_a_namespace(tmp_path):
    odd = {"c": "d", 'e & "f" <g>': 'h & "i" <j>\n\u00fc', "long": "k" * 40_000}
    tags = {(0, "IMAGERY"): {"CLOUDCOVER": "12"}, (0, ""): {"a": "b"}, (1, ""): odd, (2, 'X "&'): {"l": "m &"}}
    tags[2, "xml:Y"] = {"xml": '<a b="c">d</a>'}
    write(tmp_path / "a.tif", smooth(n_bands=2), tags=tags, crs="EPSG:32632", transform=SENTINEL_2, names=("n", "o"))
    geo.decode(geo.encode(tmp_path / "a.tif", quality=20), tmp_path / "cog.tif", cog=True)
    assert said_of(tmp_path / "cog.tif") == said_of(tmp_path / "a.tif")
    assert validated(tmp_path / "cog.tif") == (True, [], [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "cog.tif"]


def test_what_was_beside_an_old_file_is_not_taken_for_the_new_one_s(made, tmp_path):
    _, data, _ = made("nothing")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><Metadata><MDI key='old'>1</MDI></Metadata></PAMDataset>")
    geo.decode(data, tmp_path / "a.tif")
    with opened(tmp_path / "a.tif") as found:
        assert found.tags() == {}
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_large_cog_has_overviews(tmp_path):
    y, x = np.mgrid[:600, :700]
    write(tmp_path / "a.tif", ((x + y)[np.newaxis] * 9).astype(np.uint16), crs="EPSG:32632", transform=SENTINEL_2)
    geo.decode(geo.encode(tmp_path / "a.tif", n_bytes=2000, tile=256), tmp_path / "cog.tif", cog=True)
    assert validated(tmp_path / "cog.tif") == (True, [], [])
    with opened(tmp_path / "cog.tif") as cog:
        assert (cog.overviews(1), cog.block_shapes) == ([2], [(512, 512)])


def test_a_palette_becomes_colours_and_its_no_data_a_mask(tmp_path):
    classes = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    classes[0, 20:, 30:], classes[0, :, :8] = 3, 7
    colours = {0: (10, 20, 30), 3: (200, 100, 0), 7: (1, 2, 3)}
    write(tmp_path / "a.tif", classes, photometric="palette", colormap=colours, nodata=7)
    data = geo.encode(tmp_path / "a.tif", quality=100, codec="predictive")
    shown = geo.open(data).read(masked=True)
    np.testing.assert_array_equal(shown[:, 40, 50], (200, 100, 0))
    np.testing.assert_array_equal(shown[:, 4, 50], (10, 20, 30))
    np.testing.assert_array_equal(shown.mask.all(axis=0), classes[0] == 7)


def test_opened_windows_are_those_of_the_file(made):
    _, data, back = made("alpha")
    found = geo.open(data)
    window = rasterio.windows.Window(col_off=7, row_off=11, width=40, height=33)
    with opened(back) as expected:
        assert (found.shape, found.count, found.dtype) == (expected.shape, 4, "uint8")
        np.testing.assert_array_equal(found.read(), expected.read())
        np.testing.assert_array_equal(found.read(window), expected.read(window=window))
        np.testing.assert_array_equal(found.read(masked=True).mask[:3], expected.read(masked=True).mask[:3])


def test_what_opened_files_say(made, tmp_path):
    scene, data, _ = made("said")
    (tmp_path / "a.apc").write_bytes(data)
    for found in (geo.open(data), geo.open(tmp_path / "a.apc")):
        with opened(scene) as expected:
            assert (found.crs, found.transform, found.nodata) == (expected.crs, expected.transform, None)
            assert (found.tags(), found.tags(ns="IMAGERY")) == (expected.tags(), {"CLOUDCOVER": "12"})
            assert (found.tags(2), found.tags(2, ns="X"), found.tags(3)) == ({"a": "b"}, {"a": "=c=<d>"}, {})


def test_without_tags_the_place_is_kept(made):
    scene, *_ = made("said")
    found = geo.open(geo.encode(scene, quality=20, tags=False))
    assert found.tags() == {"AREA_OR_POINT": "Area"}
    assert found.transform.c == 179.95


def test_the_georeference_of_a_window(made, tmp_path):
    for name in ("rotated", "gcps", "rpcs"):
        _, data, whole = made(name)
        geo.decode(data, tmp_path / "part.tif", window=(8, 16, 32, 48))
        with opened(whole) as expected, opened(tmp_path / "part.tif") as part:
            np.testing.assert_array_equal(part.read(), expected.read(window=((8, 40), (16, 64))))
            if name == "rotated":
                assert part.transform[2] == pytest.approx(500000.123 + 16 * 9.5 + 8 * 0.3, abs=1e-9)
                assert part.transform[5] == pytest.approx(4000000.75 + 16 * 0.2 - 8 * 10.25, abs=1e-9)
            elif name == "gcps":
                assert (part.gcps[0][30].row, part.gcps[0][30].col) == (4 - 8, 45 - 16)
            else:
                assert (part.rpcs.line_off, part.rpcs.samp_off) == (15.5 - 8, 16.5 - 16)


def test_windows_and_layers_that_there_are_not(made, tmp_path):
    _, data, _ = made("rotated")
    with pytest.raises(apercu.OptionError, match="does not lie within 72 rows and 100 columns"):
        geo.decode(data, tmp_path / "part.tif", window=(0, 0, 73, 5))
    for window in ((0, 0, 5), (0, 0.5, 5, 5), 7):
        with pytest.raises(apercu.OptionError, match="window must be"):
            geo.decode(data, tmp_path / "part.tif", window=window)
    for layers in (0, 1.5, "1"):
        with pytest.raises(apercu.OptionError, match="layers must be"):
            geo.decode(data, tmp_path / "part.tif", layers=layers)


@pytest.mark.parametrize("name", ["rotated", "gcps", "rpcs", "no_epsg"])
def test_a_reduced_size_lies_at_the_same_place(name, made, tmp_path):
    scene, _, whole = made(name)
    data = geo.encode(scene, quality=80, reduce=4)
    geo.decode(data, tmp_path / "small.tif")
    geo.decode(data, tmp_path / "full.tif", full_size=True)
    assert said_of(tmp_path / "full.tif") == said_of(scene)
    with opened(whole) as before, opened(tmp_path / "small.tif") as small, opened(tmp_path / "full.tif") as full:
        assert (small.shape, full.shape) == ((18, 25), (72, 100))
        assert np.abs(full.read().astype(float) - before.read()).mean() < 0.05 * np.ptp(before.read().astype(float))
        if small.gcps[0]:
            assert (small.gcps[0][30].row, small.gcps[0][30].col) == (1, 11.25)
        elif small.rpcs:
            found = small.rpcs.line_off, small.rpcs.samp_off, small.rpcs.line_scale, small.rpcs.samp_scale
            assert found == (3.5, 3.75, 3.125 / 4, 4.125 / 4)
        else:
            a, b, c, d, e, f = before.transform[:6]
            assert small.transform[:6] == (4 * a, 4 * b, c, 4 * d, 4 * e, f)


def test_windows_of_the_full_size_share_tiles_of_the_coded_one(made, monkeypatch):
    """Each is decoded once, and a damaged one is refused in its windows only."""
    scene, *_ = made("nothing")
    data = geo.encode(scene, quality=80, reduce=2, tile=32, layers=1)
    decoded, decode = [], decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda file, how, place: decoded.append(place) or decode(file, how, place))
    shown, expected = geo.open(data, full_size=True), apercu.decode(data, full_size=True)
    for place, samples, _ in shown.parts():
        there = np.s_[place.top : place.top + place.height, place.left : place.left + place.width]
        np.testing.assert_array_equal(samples[:, :, 0], expected[there])
    assert len(decoded) == len(set(decoded)) == 4 + 1  # and the whole of `apercu.decode`
    shown.forget()
    first = shown.part(Window(0, 0, 20, 20))[0]
    assert len(decoded) == 6
    cut = geo.open(data[:-8], full_size=True)
    np.testing.assert_array_equal(cut.part(Window(0, 0, 20, 20))[0], first)
    with pytest.raises(apercu.FormatError):
        cut.part(Window(52, 80, 20, 20))


def test_a_peak_is_in_units_of_the_samples(made):
    scene, *_ = made("float64")
    with pytest.raises(apercu.OptionError, match="range"):
        geo.encode(scene, psnr=30, peak=100)
    scene, *_ = made("no_epsg")
    assert len(geo.encode(scene, psnr=30, peak=3500)) > len(geo.encode(scene, psnr=30, peak=65535))
    assert geo.encode(scene, psnr=30, peak="range") != geo.encode(scene, psnr=30)


def test_a_scene_in_an_archive_and_one_that_is_open(made, tmp_path):
    scene, data, _ = made("sentinel_2")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(scene, "b/c.tif")
    assert geo.encode(f"/vsizip/{tmp_path}/a.zip/b/c.tif", quality=60) == data
    with opened(scene) as dataset:
        assert geo.encode(dataset, quality=60) == data
        assert not dataset.closed


def test_scenes_that_are_refused(tmp_path):
    write(tmp_path / "complex.tif", smooth("complex64", 1))
    (tmp_path / "text.tif").write_text("no raster")
    (tmp_path / "cut.tif").write_bytes(ALL["rotated"](tmp_path / "whole.tif").read_bytes()[:5000])
    for name, says in (("complex.tif", "complex64 samples"), ("text.tif", "not recognized"), ("cut.tif", "cut.tif")):
        with pytest.raises(apercu.FileFormatError, match=says):
            geo.encode(tmp_path / name, quality=60)
    with pytest.raises(FileNotFoundError):
        geo.encode(tmp_path / "absent.tif", quality=60)
    with pytest.raises(apercu.OptionError):
        geo.open(7)


def test_a_file_that_is_there_stays_where_writing_fails(made, tmp_path):
    scene, *_ = made("nothing")
    data = geo.encode(scene, quality=60, tile=32)
    (tmp_path / "a.tif").write_bytes(b"before")
    with pytest.raises(apercu.ApercuError):
        geo.decode(data[:-3], tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    geo.decode(data[:-3], tmp_path / "a.tif", damaged="conceal")
    with opened(tmp_path / "a.tif") as found:
        np.testing.assert_array_equal(found.read(1), apercu.decode(data[:-3], damaged="conceal"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_what_a_sentinel_2_grid_takes(tmp_path):
    samples = smooth(n_bands=1)
    write(tmp_path / "bare.tif", samples)
    write(tmp_path / "a.tif", samples, nodata=0, crs="EPSG:32632", transform=SENTINEL_2)
    write(tmp_path / "b.tif", samples, crs="EPSG:32632", transform=ROTATED)
    bare = len(geo.encode(tmp_path / "bare.tif", quality=60))
    assert len(geo.encode(tmp_path / "a.tif", quality=60)) - bare <= 28
    assert len(geo.encode(tmp_path / "b.tif", quality=60)) - bare <= 70


def test_the_head_of_a_file_is_read_once_whatever_its_tiles(made, tmp_path, monkeypatch):
    scene, *_ = made("nothing")
    n_read = []
    read = decoding.read_header
    monkeypatch.setattr(decoding, "read_header", lambda *given: (n_read.append(1), read(*given))[1])
    for tile in (32, 256):
        geo.decode(geo.encode(scene, quality=60, tile=tile), tmp_path / "a.tif")
        assert len(n_read) == 1
        n_read.clear()
