"""Scenes of others, which may say anything, to GDAL and STAC; and rasters that say what is no text or no number."""

import json
import math
import os
from datetime import UTC, datetime
from xml.etree import ElementTree

import numpy as np
import pytest

import apercu
import geo_scenes
from apercu.bridges import geo, stac, vrt
from apercu.format.chunks import Bands, ControlPoint, Gcps, Geo, MaskBits, Reduced, SampleType, Scene
from apercu.format.prefix import pack_prefix
from apercu.stages.mask import encode_mask
from geo_scenes import opened, write

rasterio = geo_scenes.rasterio
pytest.importorskip("pystac")
WHEN = datetime(2026, 11, 26, tzinfo=UTC)
SIDE = 32
PLACE = Geo(32632, (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0))
IMAGE = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8)
INNER = apercu.encode(IMAGE, quality=50)
SAME = Gcps((ControlPoint(0, 0, 0, 0),) * 5, 4326)

# What of each is refused: T GeoTIFF, V VRT, S STAC.
HOSTILE = {
    "no_epsg_code": ("TVS", Scene(geo=PLACE._replace(crs=1))),
    "no_wkt": ("TVS", Scene(geo=PLACE._replace(crs="GEOGCS"))),
    "no_epsg_code_of_points": ("TVS", Scene(gcps=SAME._replace(crs=7))),
    "no_dtype_of_geotiff": ("TV", Scene(samples=SampleType("float16", ((0, 1),)))),
    "no_number_of_rasterio": ("TV", Scene(samples=SampleType("uint64", ((0, 1),), (2**64 - 1,)))),
    "points_of_no_transform": ("S", Scene(gcps=SAME)),
    "points_of_no_system": ("", Scene(gcps=SAME._replace(crs=None))),
    "off_the_globe": ("S", Scene(geo=Geo(32632, (1e308, 1e308, 1e308, 1e308, -1e308, 1e308)))),
    "on_a_line": ("S", Scene(geo=Geo(32632, (0.0,) * 6))),
    "no_colour": ("", Scene(bands=Bands(colours=("heat",)))),
    "tags_like_arguments": ("", Scene(tags={(0, ""): {"ns": "x", "bidx": "3", "self": "q"}})),
    "nodata_too_large": ("", Scene(samples=SampleType("uint8", None, (300,)))),
    "nodata_no_number": ("", Scene(samples=SampleType("uint8", None, (math.nan,)))),
    "nodata_infinite": ("", Scene(samples=SampleType("float32", ((0, 1),), (math.inf,)))),
    "alpha_of_floats": (
        "",
        Scene(samples=SampleType("float32", ((0, 1),)), mask=MaskBits("alpha", 0, 1, encode_mask(IMAGE > 30))),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_scene_of_others_says_is_taken_or_refused(name, tmp_path):
    refused, scene = HOSTILE[name]
    (tmp_path / "a.apc").write_bytes(pack_prefix(scene) + INNER)
    ways = {
        "T": lambda: geo.decode(tmp_path / "a.apc", tmp_path / "a.tif"),
        "V": lambda: vrt.vrt(tmp_path / "a.apc"),
        "S": lambda: json.dumps(
            stac.item(tmp_path / "a.apc", tmp_path / "a.json", "a.webp", WHEN).item, allow_nan=False
        ),
    }
    for way, run in ways.items():
        if way in refused:
            with pytest.raises(apercu.FileFormatError):
                run()
        else:
            run()
    if "T" in refused:
        assert not (tmp_path / "a.tif").exists()
        return
    shown = geo.open(tmp_path / "a.apc").read(masked=True)
    with opened(tmp_path / "a.tif") as found:
        np.testing.assert_array_equal(found.read(), shown.data)


@pytest.mark.parametrize(("bands", "n_bands", "n_masks"), [("rgba", 4, 1), ("rgb", 3, 3), ("spectral", 5, 5)])
def test_any_alpha_that_is_a_mask(bands, n_bands, n_masks, tmp_path):
    image = np.repeat(IMAGE[:, :, np.newaxis], n_bands, axis=2)
    hides = IMAGE[:, :, np.newaxis] > 20 + np.arange(n_masks)
    scene = Scene(mask=MaskBits("alpha", 0, n_masks, encode_mask(hides)))
    data = pack_prefix(scene) + apercu.encode(image, quality=50, bands=bands)
    geo.decode(data, tmp_path / "a.tif")
    shown = geo.open(data).read(masked=True)
    with opened(tmp_path / "a.tif") as found:
        assert found.colorinterp[-1].name == "alpha"
        np.testing.assert_array_equal(found.read(), shown.data)
    np.testing.assert_array_equal(shown.data[-1] == 0, hides.all(axis=2))
    np.testing.assert_array_equal(shown.mask[-1], hides.all(axis=2))
    np.testing.assert_array_equal(shown.mask[n_masks - 1], hides[:, :, -1])


@pytest.mark.skipif(os.name == "nt", reason="there it is no name, but a path")
def test_paths_of_windows_are_named_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / r"\data\new.tif").write_bytes(b"II*\0" + bytes(40))
    with pytest.raises(apercu.FileFormatError, match=r"\\data\\new\.tif"):
        geo.encode(r"\data\new.tif", quality=20)


def test_what_is_no_scene_no_window_and_no_number(tmp_path):
    for scene in (5, None, b"II*\0", IMAGE):
        with pytest.raises(apercu.OptionError, match="a scene is"):
            geo.encode(scene, quality=20)
    for name, value in (("window", 5), ("window", (0, 0, 5)), ("window", (0, 0, 5.5, 5)), ("layers", "x")):
        with pytest.raises(apercu.OptionError, match=name):
            geo.decode(INNER, tmp_path / "a.tif", **{name: value})
    assert not (tmp_path / "a.tif").exists()


def test_tags_named_like_arguments_of_rasterio_are_kept(tmp_path):
    geo.decode(pack_prefix(HOSTILE["tags_like_arguments"][1]) + INNER, tmp_path / "a.tif")
    with opened(tmp_path / "a.tif") as found:
        assert found.tags().items() >= {"NS": "x", "BIDX": "3", "SELF": "q"}.items()


def test_what_is_no_text_and_no_number_is_left_out(tmp_path):
    write(tmp_path / "a.tif", IMAGE[np.newaxis])
    (tmp_path / "a.vrt").write_bytes(
        b"""<VRTDataset rasterXSize="32" rasterYSize="32">
        <Metadata domain="RPC"><MDI key="LINE_OFF">many</MDI></Metadata>
        <GCPList Projection="EPSG:4326"><GCP Id="a" Pixel="nan" Line="1" X="1" Y="2"/>
        <GCP Id="b" Pixel="3" Line="1" X="1" Y="2"/></GCPList><VRTRasterBand dataType="Byte" band="1">
        <Description>gr\xf6n</Description><UnitType>\xb5m</UnitType><Scale>nan</Scale><Offset>-inf</Offset>
        <SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
        </VRTRasterBand></VRTDataset>"""
    )
    told = apercu.info(geo.encode(tmp_path / "a.vrt", quality=50))
    assert [told[name] for name in ("names", "units", "scales", "offsets", "gcps", "rpcs")] == [None] * 4 + [1, None]


def test_names_that_are_not_utf_8(tmp_path):
    name = tmp_path / b"\xff.apc".decode(errors="surrogateescape")
    name.write_bytes(INNER)
    with pytest.raises(apercu.OptionError, match="UTF-8"):
        vrt.vrt(name)
    with pytest.raises(apercu.OptionError, match="UTF-8"):
        stac.item(name, tmp_path / "a.json", "a.webp", WHEN)
    with pytest.raises(apercu.FileFormatError, match="UTF-8"):
        geo.encode(str(name))


def test_alpha_beside_more_than_three_bands_is_a_mask(tmp_path):
    shown = IMAGE > 20
    profile = {"height": SIDE, "width": SIDE, "count": 5, "dtype": "uint8", "transform": rasterio.Affine(*PLACE[1])}
    kinds = rasterio.enums.ColorInterp
    with rasterio.open(tmp_path / "a.tif", "w", **profile) as made:
        made.colorinterp = [kinds.red, kinds.green, kinds.blue, kinds.undefined, kinds.alpha]
        made.write(np.stack([IMAGE] * 4 + [255 * shown.astype(np.uint8)]))
    data = geo.encode(tmp_path / "a.tif", quality=50)
    assert (apercu.info(data)["bands"], apercu.info(data)["mask"]["kind"]) == (4, "alpha")
    geo.decode(data, tmp_path / "b.tif")
    with opened(tmp_path / "b.tif") as found:
        assert found.colorinterp == (kinds.red, kinds.green, kinds.blue, kinds.undefined, kinds.alpha)
        np.testing.assert_array_equal(found.read(5), 255 * shown)


def test_an_alpha_of_signed_integers_is_a_mask_and_one_of_floats_a_band(tmp_path):
    shown = IMAGE > 20
    cases = ("int16", 32767, 1, "alpha"), ("int16", 255, 2, None), ("float32", 1, 2, None)
    for dtype, opaque, n_bands, kind in cases:
        samples = np.stack([IMAGE - 30.0, opaque * shown]).astype(dtype)
        write(tmp_path / "a.tif", samples, colours=("gray", "alpha"))
        data = geo.encode(tmp_path / "a.tif", codec="predictive", quality=100)
        told = apercu.info(data)
        assert (told["bands"], told["mask"] and told["mask"]["kind"]) == (n_bands, kind)
        geo.decode(data, tmp_path / "b.tif")
        with opened(tmp_path / "b.tif") as found:
            assert [colour.name for colour in found.colorinterp] == ["gray", "alpha"]
            np.testing.assert_allclose(found.read(2), samples[1], atol=1e-4)


def test_bands_of_several_types_become_the_type_of_all(tmp_path):
    write(tmp_path / "a.tif", IMAGE[np.newaxis])
    bands = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{band}"><SimpleSource><SourceFilename relativeToVRT="1">a.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for band, kind in enumerate(("Byte", "Int16"), 1)
    )
    (tmp_path / "a.vrt").write_text(f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}">{bands}</VRTDataset>')
    found = apercu.decode(geo.encode(tmp_path / "a.vrt", codec="predictive", quality=100))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, np.dstack([IMAGE] * 2))


def test_a_scene_of_more_columns_than_an_image_may_have_is_coded_at_a_smaller_size(tmp_path):
    (tmp_path / "a.vrt").write_text(
        '<VRTDataset rasterXSize="70000" rasterYSize="3"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
    )
    with pytest.raises(apercu.ImageError, match="65535"):
        geo.encode(tmp_path / "a.vrt", quality=50)
    for options in ({"quality": 50, "reduce": 4}, {"n_bytes": 200, "reduce": "auto"}):
        data = geo.encode(tmp_path / "a.vrt", **options)
        assert apercu.decode(data).shape[1] < 65536
        np.testing.assert_array_equal(apercu.decode(data, full_size=True), np.zeros((3, 70000)))


def test_peaks_whose_squares_no_float_holds():
    for peak in (1e-200, 1e300):
        with pytest.raises(apercu.OptionError, match="peak"):
            apercu.encode(IMAGE, psnr=30, peak=peak)


def test_a_full_size_above_the_limit_is_refused_before_its_windows_are_listed(tmp_path):
    reduced = Scene(reduced=Reduced(15, SIDE << 15, SIDE << 15))
    (tmp_path / "a.apc").write_bytes(pack_prefix(reduced) + INNER)
    with pytest.raises(apercu.TooLarge):
        geo.open(tmp_path / "a.apc", full_size=True)
    with pytest.raises(apercu.TooLarge):
        vrt.vrt(tmp_path / "a.apc", full_size=True)
    assert geo.open(tmp_path / "a.apc").shape == (SIDE, SIDE)


def test_tags_in_characters_that_xml_has_not(tmp_path):
    said = Scene(tags={(0, ""): {"a": "b\x01"}, (1, "c\x02"): {"d\x03": "e\x04]]>"}})
    (tmp_path / "a.apc").write_bytes(pack_prefix(said) + INNER)
    found = ElementTree.fromstring(vrt.vrt(tmp_path / "a.apc"))
    assert found.find("VRTRasterBand/Metadata[@domain='c']/MDI[@key='d']").text == "e]]>"
