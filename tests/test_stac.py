"""STAC items: footprints, thumbnails, what tags say of the time; all of them valid."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

import apercu
import geo_scenes
from apercu.bridges import geo, stac
from apercu.cli.main import main
from apercu.errors import FileFormatError, OptionError
from apercu.format.chunks import Geo, Reduced, SampleType, Scene
from apercu.format.prefix import pack_prefix
from geo_scenes import ALL, HEIGHT, WIDTH, smooth, write
from limits import within

rasterio = geo_scenes.rasterio
validation = pytest.importorskip("pystac.validation")
BGR = ("blue", "green", "red", "undefined")
WHEN = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)


def item_of(scene, folder, **options):
    (folder / "a.apc").write_bytes(geo.encode(scene, **(options or {"quality": 60})))
    made = stac.item(folder / "a.apc", folder / "a.json", "a.webp", WHEN)
    assert validation.validate_dict(made.item, extensions=[])  # extensions are validated by schemas of the network
    return made


def test_all_that_an_item_says(tmp_path):
    made = item_of(ALL["said"](tmp_path / "a.tif"), tmp_path)
    assert made.item["id"] == "a"
    assert made.item["properties"] == {
        "datetime": "2026-11-26T10:30:00Z",
        "proj:code": "EPSG:4326",
        "proj:shape": [72, 100],
        "proj:transform": [0.001, 0, 179.95, 0, -0.001, -16.5],
    }
    assert made.item["assets"]["overview"] == {
        "href": "a.apc",
        "type": "image/x-apercu",
        "roles": ["overview"],
        "bands": [
            {
                "name": "red edge",
                "data_type": "uint8",
                "unit": "W/(m² sr µm)",
                "raster:scale": 0.0001,
                "raster:offset": -0.1,
            },
            {"data_type": "uint8", "raster:scale": 1, "raster:offset": 0},
            {"name": "Wärme", "data_type": "uint8", "unit": "K", "raster:scale": 1 / 3, "raster:offset": 273.15},
        ],
    }
    assert made.item["assets"]["thumbnail"] == {"href": "a.webp", "type": "image/webp", "roles": ["thumbnail"]}


def test_a_footprint_across_180_degrees_is_cut_in_two(tmp_path):
    made = item_of(ALL["said"](tmp_path / "a.tif"), tmp_path).item
    assert made["bbox"] == [179.95, -16.572, -179.95, -16.5]
    assert made["geometry"]["type"] == "MultiPolygon"
    longitudes = [{corner[0] for corner in polygon[0]} for polygon in made["geometry"]["coordinates"]]
    assert longitudes == [{179.95, 180}, {-180, -179.95}]


def test_a_footprint_around_the_pole_reaches_it(tmp_path):
    place = {"crs": "EPSG:3413", "transform": (1000, 0, -50_000, 0, -1000, 36_000)}
    made = item_of(write(tmp_path / "a.tif", smooth(n_bands=1), **place), tmp_path).item
    assert made["bbox"][3] == 90
    assert made["bbox"][0::2] == [-180, 180]


def test_a_grid_around_the_globe_from_any_meridian(tmp_path):
    for west in (-180, 0, -10.5):
        place = {"crs": "EPSG:4326", "transform": (3.6, 0, west, 0, -2, 70)}
        made = item_of(write(tmp_path / "a.tif", smooth(n_bands=1), **place), tmp_path).item
        assert (made["bbox"], made["geometry"]["type"]) == ([-180, -74, 180, 70], "Polygon")


def test_the_corners_of_a_full_disk_are_off_the_globe(tmp_path):
    place = {"crs": "+proj=geos +h=35785831 +lon_0=0 +sweep=y", "transform": (111e3, 0, -555e4, 0, -154e3, 5544e3)}
    made = item_of(write(tmp_path / "a.tif", smooth(n_bands=1), **place), tmp_path).item
    assert made["bbox"] == pytest.approx([-81.1, -81.2, 81.1, 81.2], abs=0.3)


def test_hrefs_are_urls(tmp_path):
    (tmp_path / "é 100%:#?.apc").write_bytes(geo.encode(ALL["said"](tmp_path / "a.tif"), quality=20))
    made = stac.item(tmp_path / "é 100%:#?.apc", tmp_path / "x" / "a.json", "é 100%:#?.webp", WHEN).item
    assert made["id"] == "é 100%:#?"
    hrefs = [made["assets"][name]["href"] for name in ("overview", "thumbnail")]
    assert hrefs == ["../%C3%A9%20100%25%3A%23%3F.apc", "%C3%A9%20100%25%3A%23%3F.webp"]


def test_gdal_prints_nothing_beside_the_error(tmp_path, capfd):
    (tmp_path / "a.apc").write_bytes(geo.encode(ALL["rpcs"](tmp_path / "a.tif"), quality=20))  # no place on Earth
    assert main(["stac", str(tmp_path / "a.apc"), "--datetime", "2026-11-26"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("apercu: ")
    assert said.count("\n") == 1


def crafted(folder, **said):
    """A file that says something an encoder would not."""
    path = folder / "a.apc"
    path.write_bytes(pack_prefix(Scene(**said)) + apercu.encode(np.full((8, 8), 100, np.uint8), quality=10))
    return path


def test_many_bands_take_no_more_memory(tmp_path):
    image = np.zeros((100, 100, 600), np.uint8)
    (tmp_path / "a.apc").write_bytes(apercu.encode(image, quality=0, bands="spectral"))
    with within(60 << 20):  # of 16 bytes for each sample it would be 96 MB
        stac.item(tmp_path / "a.apc", tmp_path / "a.json", "a.webp", WHEN)


@pytest.mark.parametrize("transform", [(1e300, 0, 0, 0, -1e300, 0), (1, 0, 1e6, 0, -1, 0), (0, 1e308, 0, 1e308, 0, 0)])
def test_what_is_far_from_the_globe_has_no_footprint(transform, tmp_path):
    path = crafted(tmp_path, geo=Geo(4326, transform, False))
    with pytest.raises(FileFormatError, match="no longitude and latitude"):
        stac.item(path, tmp_path / "a.json", "a.webp", WHEN)


def test_a_grid_of_points_ends_at_the_poles(tmp_path):
    place = {"crs": "EPSG:4326", "transform": (3.6, 0, -180, 0, -2.6, 93.6)}
    made = item_of(write(tmp_path / "a.tif", smooth(n_bands=1), **place), tmp_path).item
    assert made["bbox"] == [-180, -90, 180, 90]


def test_a_transform_that_overflows_is_none(tmp_path):
    place = Geo(None, (1.7e308, 0, 0, 0, -1.7e308, 0), False)
    made = stac.item(crafted(tmp_path, geo=place, reduced=Reduced(3, 64, 64)), tmp_path / "a.json", "a.webp", WHEN)
    assert "proj:transform" not in made.item["properties"]
    json.dumps(made.item, allow_nan=False)


def test_words_that_are_no_reference_system(tmp_path):
    with pytest.raises(FileFormatError, match="PROJ"):
        stac.item(crafted(tmp_path, geo=Geo("<b>", None, False)), tmp_path / "a.json", "a.webp", WHEN)


def test_thumbnails_of_the_largest_numbers(tmp_path):
    samples = SampleType("float64", ((-1.7e308, 1e306),), None)
    stac.item(crafted(tmp_path, samples=samples), tmp_path / "a.json", "a.webp", WHEN)


def test_a_footprint_is_that_of_what_counts(tmp_path):
    samples = smooth(n_bands=2)
    samples[:, :, :40] = samples[:, 60:] = 0
    place = {"crs": "EPSG:4326", "transform": (0.01, 0, 10, 0, -0.01, 50)}
    made = item_of(write(tmp_path / "a.tif", samples, nodata=0, **place), tmp_path)
    assert made.item["bbox"] == [10.4, 49.4, 11, 50]
    assert made.thumbnail.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(made.thumbnail)[:, :, 3] == 255, samples[0] != 0)


@pytest.mark.parametrize("name", ["gcps", "rpcs"])
def test_footprints_by_control_points_and_rpcs(name, tmp_path):
    if name == "rpcs":  # those of all scenes are no place on Earth
        zeros = " ".join(["0"] * 20)
        on = {"LINE_NUM_COEFF": "0 0 -1 " + zeros[:33], "SAMP_NUM_COEFF": "0 1 " + zeros[:35]}
        scales = {"LAT_OFF": 45, "LONG_OFF": 7, "HEIGHT_OFF": 0, "LINE_OFF": 36, "SAMP_OFF": 50}
        scales |= {"LAT_SCALE": 0.5, "LONG_SCALE": 0.25, "HEIGHT_SCALE": 1, "LINE_SCALE": 36, "SAMP_SCALE": 50}
        unit = "1 " + zeros[:37]
        rpcs = (
            on | {"LINE_DEN_COEFF": unit, "SAMP_DEN_COEFF": unit} | {key: str(value) for key, value in scales.items()}
        )
        found = item_of(write(tmp_path / "a.tif", smooth(n_bands=1), rpcs=rpcs), tmp_path).item["bbox"]
        assert found == pytest.approx([6.75, 44.5, 7.25, 45.5], abs=0.02)
    else:
        found = item_of(ALL["gcps"](tmp_path / "a.tif"), tmp_path).item["bbox"]
        right, bottom = 8.5 + WIDTH / 1024, 50.25 - HEIGHT / 512
        assert found == pytest.approx([8.5, bottom, right, 50.25], abs=1e-4)


def test_a_scene_without_a_place_has_no_footprint(tmp_path):
    made = item_of(ALL["nothing"](tmp_path / "a.tif"), tmp_path).item
    assert (made["geometry"], "bbox" in made) == (None, False)


def test_thumbnails_show_means_between_percentiles(tmp_path):
    samples = np.zeros((1, 700, 1300), np.uint16)
    samples[0] = np.arange(1300) * 20 + 5000
    samples[0, :2, :2] = 65535
    made = item_of(write(tmp_path / "a.tif", samples), tmp_path, tile=256, n_bytes=3000).thumbnail
    assert made.size == (434, 234)  # of means over 3 × 3
    row = np.asarray(made)[100, :, 0].astype(int)
    assert (row[2], row[-3]) == (0, 255)
    assert abs(row - np.clip((np.arange(434) - 8.66) / (433 - 17.3) * 255, 0, 255)).max() < 4


@pytest.mark.parametrize("said", [{"colours": BGR}, {"names": ("Blue", "Green", "Red", "NIR")}])
def test_thumbnails_show_red_green_and_blue(said, tmp_path):
    flat = np.zeros((4, HEIGHT, WIDTH), np.uint8)
    flat[:] = np.arange(WIDTH)
    flat[2] = 99 - flat[2]
    scene = write(tmp_path / "a.tif", flat, **said)
    left = np.asarray(item_of(scene, tmp_path).thumbnail)[30, 3].astype(int)
    assert left[0] > 200 > 50 > left[1]


def test_the_time_of_a_scene_is_in_its_tags(tmp_path):
    for tags in (
        {(0, ""): {"TIFFTAG_DATETIME": "2020:02:03 04:05:06"}},
        {(0, "IMAGERY"): {"ACQUISITIONDATETIME": "2020-02-03 04:05:06"}},
    ):
        scene = write(tmp_path / "a.tif", smooth(n_bands=1), tags=tags)
        (tmp_path / "a.apc").write_bytes(geo.encode(scene, quality=20))
        made = stac.item(tmp_path / "a.apc", tmp_path / "a.json", "a.png").item
        assert made["properties"]["datetime"] == "2020-02-03T04:05:06Z"
    (tmp_path / "a.apc").write_bytes(geo.encode(ALL["nothing"](tmp_path / "a.tif"), quality=20))
    with pytest.raises(OptionError, match="--datetime"):
        stac.item(tmp_path / "a.apc", tmp_path / "a.json", "a.png")


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.apc").write_bytes(geo.encode(ALL["sentinel_2"](tmp_path / "a.tif"), quality=20))
    assert main(["stac", "a.apc", "--datetime", "2026-11-26T10:30:00+01:00"]) == 0
    assert json.loads((tmp_path / "a.json").read_text())["properties"]["datetime"] == "2026-11-26T09:30:00Z"
    assert (tmp_path / "a.webp").read_bytes()[8:12] == b"WEBP"
    (tmp_path / "items").mkdir()
    assert main(["stac", "a.apc", "items/b.json", "--thumbnail", "b.png", "--datetime", "2026-11-26"]) == 0
    assert json.loads((tmp_path / "items/b.json").read_text())["assets"]["overview"]["href"] == "../a.apc"
    assert (tmp_path / "items/b.png").read_bytes().startswith(b"\x89PNG")
    assert main(["stac", "a.apc"]) == 2
    assert main(["stac", "a.apc", "--thumbnail", "a.jpg", "--datetime", "2026-11-26"]) == 2
    assert main(["stac", "-", "--datetime", "2026-11-26"]) == 2
    assert main(["stac", "a.apc", "--datetime", "noon"]) == 2
    assert capsys.readouterr().err.count("apercu: ") == 4
