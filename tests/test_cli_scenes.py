"""Scenes by the command: whatever GDAL opens, to files that keep what is said of them, and back."""

import base64
import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image
from rio_cogeo.cogeo import cog_validate
from scipy.io import netcdf_file

import apercu
import geo_scenes
from apercu.bench import view
from apercu.bridges import geo, scene_files
from apercu.cli.main import main
from geo_scenes import ALL, SHOWS, opened, said_of, write

rasterio = geo_scenes.rasterio


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    for name in ("no_epsg", "sentinel_2", "mask", "float32", "said"):
        ALL[name](folder / f"{name}.tif")
    return folder


@pytest.fixture
def folder(drawn, tmp_path, monkeypatch):
    for path in drawn.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_and_back(folder, capsys):
    assert main(["encode", "no_epsg.tif", "a.apc", "--bytes", "1200"]) == 0
    said = capsys.readouterr().err
    data = (folder / "a.apc").read_bytes()
    assert said.startswith("a.apc: 100 × 72 spectral int16, ")
    assert len(data) <= 1200
    assert f"(1/{100 * 72 * 3 * 2 / len(data):.0f} of the samples)" in said
    assert data == geo.encode("no_epsg.tif", n_bytes=1200)
    assert main(["decode", "a.apc", "back.tif"]) == 0
    assert main(["decode", "a.apc", "cog.tif", "--cog"]) == 0
    assert said_of("back.tif") == said_of("cog.tif") == said_of("no_epsg.tif")
    assert cog_validate("cog.tif", quiet=True)[0]
    assert main(["decode", "a.apc", "part.tif", "--window", "8,16,32,48"]) == 0
    with opened("part.tif") as part:
        assert (part.shape, part.transform[2]) == ((32, 48), 399960 + 160)
    assert capsys.readouterr().err == ""


def test_many_pictures_and_scenes(folder):
    Image.fromarray(np.zeros((9, 8), np.uint8)).save("a.png")
    assert main(["encode", "sentinel_2.tif", "a.png", "mask.tif", "--out", "made", "--quiet"]) == 0
    assert main(["decode", "made/sentinel_2.apc", "made/mask.apc", "--out", "back", "--format", "tif"]) == 0
    for name in ("sentinel_2.tif", "mask.tif"):
        assert said_of(f"back/{name}") == said_of(name)
    assert (folder / "made/a.apc").read_bytes() == apercu.encode(np.zeros((9, 8), np.uint8))


def test_without_tags(folder):
    Image.fromarray(np.zeros((9, 8), np.uint8)).save("a.png")
    assert geo.open(geo.encode("said.tif")).tags() != {"AREA_OR_POINT": "Area"}
    assert main(["encode", "said.tif", "a.apc", "--no-tags", "--quiet"]) == 0
    assert (folder / "a.apc").read_bytes() == geo.encode("said.tif", tags=False)
    assert main(["encode", "said.tif", "a.png", "--no-tags", "--out", "made", "--quiet"]) == 0
    assert (folder / "made/said.apc").read_bytes() == geo.encode("said.tif", tags=False)
    assert main(["encode", "a.png", "b.apc", "--no-tags", "--quiet"]) == 0
    plain = apercu.encode(np.zeros((9, 8), np.uint8))
    assert (folder / "b.apc").read_bytes() == (folder / "made/a.apc").read_bytes() == plain


def test_what_gdal_opens_by_another_name(folder):
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("sentinel_2.tif")
    for _ in range(2):  # the second takes the place of the first
        assert main(["encode", "/vsizip/a.zip/sentinel_2.tif", "a.apc", "--quiet"]) == 0
    assert (folder / "a.apc").read_bytes() == geo.encode("sentinel_2.tif")
    rasterio.shutil.copy("sentinel_2.tif", "b.img", driver="HFA")
    assert main(["encode", "b.img", "b.apc", "--quiet"]) == 0
    assert geo.open("b.apc").transform == geo.open("a.apc").transform


def test_pictures_of_scenes_are_clear_where_there_are_no_data(folder):
    assert main(["encode", "mask.tif", "a.apc", "--quiet"]) == 0
    for suffix in ("png", "webp"):
        assert main(["decode", "a.apc", f"a.{suffix}"]) == 0
        with Image.open(f"a.{suffix}") as shown:
            np.testing.assert_array_equal(np.asarray(shown)[:, :, 3] == 255, SHOWS)
    assert main(["decode", "a.apc", "a.jpg"]) == 0
    with Image.open("a.jpg") as shown:
        assert shown.mode == "RGB"


def test_a_geotiff_on_standard_output(folder):
    assert main(["encode", "sentinel_2.tif", "a.apc", "--quiet"]) == 0
    call = [sys.executable, "-m", "apercu", "decode", "a.apc", "-", "--format", "tif"]
    (folder / "b.tif").write_bytes(subprocess.run(call, capture_output=True, timeout=60, check=True).stdout)
    assert said_of("b.tif") == said_of("sentinel_2.tif")


def piped(folder, arguments, source):
    call = [sys.executable, "-m", "apercu", *arguments]
    return subprocess.run(call, input=source, capture_output=True, timeout=60, cwd=folder)


def test_a_scene_on_standard_input(folder):
    rasterio.shutil.copy("sentinel_2.tif", "a.jp2", driver="JP2OpenJPEG", REVERSIBLE="YES", QUALITY="100")
    (folder / "a.jp2.aux.xml").unlink(missing_ok=True)
    for name in ("sentinel_2.tif", "float32.tif", "a.jp2"):
        found = piped(folder, ["encode", "-", "-", "--quality", "30"], (folder / name).read_bytes())
        assert found.stdout == geo.encode(name, quality=30)
        assert found.stderr.startswith(b"standard output: 100")


def test_standard_input_that_no_driver_of_gdal_s_choice_reads(folder):
    text = "<VRTDataset rasterXSize='1' rasterYSize='1'><VRTRasterBand dataType='Byte' band='1'/></VRTDataset>"
    for content in (text.encode(), b"GRIB" + text.encode(), (folder / "sentinel_2.tif").read_bytes()[:3000]):
        found = piped(folder, ["encode", "-", "a.apc"], content)
        assert found.returncode == 2
        assert found.stderr.startswith(b"apercu: ")
        assert found.stderr.count(b"\n") == 1
        assert not (folder / "a.apc").exists()


def test_a_cog_on_standard_output(folder):
    (folder / "a.apc").write_bytes(geo.encode("mask.tif", quality=30))
    (folder / "b.tif").write_bytes(piped(folder, ["decode", "a.apc", "-", "--cog"], b"").stdout)
    assert said_of("b.tif") == said_of("mask.tif")
    assert cog_validate("b.tif", quiet=True)[0]


def test_a_page_shows_a_scene_beside_its_original(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)  # which is not needed
    pages = []
    monkeypatch.setattr(view, "page_html", lambda comparison, *_, **__: pages.append(comparison) or "")
    for name in ("sentinel_2", "mask"):
        (folder / f"{name}.apc").write_bytes(geo.encode(f"{name}.tif", quality=60))
        assert main(["view", f"{name}.apc", "--against", f"{name}.tif", "--no-open", "--out", "a.html"]) == 0
        hidden = apercu.mask((folder / f"{name}.apc").read_bytes())
        decoded = apercu.decode((folder / f"{name}.apc").read_bytes()).astype(float)
        with opened(f"{name}.tif") as found:
            original = np.moveaxis(found.read(), 0, -1).reshape(decoded.shape).astype(float)
        error = np.mean(np.where(hidden.reshape(*hidden.shape, *[1] * (decoded.ndim - 2)), 0, decoded - original) ** 2)
        peak = 255 if name == "mask" else 65535
        assert pages[-1]["points"][0]["metrics"]["psnr"] == pytest.approx(10 * np.log10(peak**2 / error), abs=1e-6)
    assert capsys.readouterr().err == ""


def test_what_is_left_out_is_said_once(folder, capsys):
    classes = np.zeros((1, 40, 50), np.uint8)
    write(folder / "palette.tif", classes, photometric="palette", colormap={0: (10, 20, 30)}, nodata=7)
    write(folder / "profile.tif", np.zeros((3, 40, 50), np.uint8), photometric="RGB", nodata=0,
          tags={(0, "COLOR_PROFILE"): {"SOURCE_ICC_PROFILE": base64.b64encode(bytes(200)).decode()}})  # fmt: skip
    for names, says in (
        (["palette.tif"], "palette.tif: the palette became colours"),
        (["profile.tif", "sentinel_2.tif"], "profile.tif: the colour profile is left out"),
    ):
        assert main(["encode", *names, "--out", "made"]) == 0
        said = capsys.readouterr().err
        assert said.count("left out") == 1
        assert says in said


def test_what_cannot_be_is_refused_in_one_line(folder, capsys):
    assert main(["encode", "float32.tif", "a.apc", "--quiet"]) == 0
    (folder / "no.vrt").write_text("no raster")
    for arguments, says in (
        (("decode", "a.apc", "a.png"), ".tif"),
        (("decode", "a.apc", "a.png", "--cog"), "named .tif"),
        (("encode", "no.vrt", "b.apc"), "no.vrt"),
        (("encode", "absent.tif", "b.apc"), "absent.tif"),
        (("encode", "/vsizip/absent.zip/a.tif", "b.apc"), "absent.zip"),
        (("vrt", "-"), "standard input"),
        (("vrt", "absent.apc"), "absent.apc"),
    ):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert said.startswith("apercu: ")
        assert said.count("\n") == 1
        assert says in said
    assert sorted(path.name for path in folder.iterdir() if path.suffix not in (".tif",)) == ["a.apc", "no.vrt"]


def test_without_rasterio_a_scene_is_a_picture(folder, capsys, monkeypatch):
    data = geo.encode("sentinel_2.tif")
    (folder / "scene.apc").write_bytes(data)
    monkeypatch.setattr(scene_files, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert main(["encode", "sentinel_2.tif", "a.apc"]) == 0
    left_out = "its georeference, no-data value and tags are left out; pip install 'apercu[geo]' keeps them\n"
    assert f"sentinel_2.tif: {left_out}" in capsys.readouterr().err
    assert apercu.info((folder / "a.apc").read_bytes())["version"] == 1
    assert main(["decode", "scene.apc", "a.tif"]) == 0
    assert capsys.readouterr().err == f"scene.apc: {left_out}"
    for arguments in (
        ("encode", "s3://a/b.tif", "b.apc"),
        ("decode", "scene.apc", "c.tif", "--cog"),
        ("vrt", "scene.apc"),
    ):
        assert main(arguments) == 2
        assert "pip install 'apercu[geo]'" in capsys.readouterr().err


def test_info_says_where_a_scene_lies(folder, capsys):
    assert main(["encode", "sentinel_2.tif", "a.apc", "--quiet"]) == 0
    assert main(["info", "--json", "a.apc"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["geo"]["crs"] == "EPSG:32632"
    assert main(["info", "a.apc"]) == 0
    said = capsys.readouterr().out
    for line in (
        "geo             EPSG:32632",
        "geo             x = 399960 + 10 column",
        "geo             y = 4900020 - 10 row",
    ):
        assert f"  {line}\n" in said
    assert "  nodata          0\n" in said
    assert "  mask            kind nodata, exact yes, halvings 0, " in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("complex.tif", "complex.tif: complex64 samples; encode their amplitudes and phases, or their parts\n"),
        ("two.nc", "two.nc: holds 2 datasets; name one of them: netcdf:two.nc:a, netcdf:two.nc:b\n"),
        ("said.tif", "said.tif: 30 bytes are too few: georeference, tags, mask and the like take "),
        ("cut.tif", "cut.tif, band 1: IReadBlock failed"),
    ],
)
def test_a_refusal_names_the_scene_once(folder, capsys, name, says):
    write(folder / "complex.tif", np.ones((1, 9, 8), np.complex64))
    (folder / "cut.tif").write_bytes((folder / "float32.tif").read_bytes()[:-2000])
    with netcdf_file(folder / "two.nc", "w") as two:
        for axis in ("y", "x"):
            two.createDimension(axis, 8)
        for variable in ("a", "b"):
            two.createVariable(variable, "f4", ("y", "x"))[:] = 1
    assert main(["encode", name, "a.apc", "--bytes", "30"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"apercu: {says}")
    assert ("--no-tags" in said) == (name == "said.tif")
