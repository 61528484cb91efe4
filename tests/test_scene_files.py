"""Which files are scenes, which GDAL reads, and which stay pictures."""

import struct
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image

from apercu.bridges import scene_files

GREY, RGB = np.zeros((8, 9), np.uint8), np.zeros((8, 9, 3), np.uint8)
SCALE = (33550, "d", 3, (10.0, 10.0, 0.0), True)
KEYS = (34735, "H", 4, (1, 1, 0, 0), True)
NODATA = (42113, "s", 2, "0", True)
JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"


def tiff(samples, **options):
    options = {"photometric": "rgb" if samples.shape[2:] in ((3,), (4,)) else "minisblack", **options}

    def make(path):
        tifffile.imwrite(path, samples, metadata=None, software=None, **options)

    return make


def pages(path):
    with tifffile.TiffWriter(path) as out:
        for _ in range(2):
            out.write(GREY, metadata=None, extratags=[SCALE])


def with_overview(path):
    with tifffile.TiffWriter(path) as out:
        out.write(GREY, metadata=None, extratags=[NODATA])
        out.write(GREY[::2, ::2], metadata=None, subfiletype=1)


def content(data):
    return lambda path: path.write_bytes(data)


def saved(path):
    Image.fromarray(RGB).save(path)


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("grey.tif", tiff(GREY), False),
        ("grey16.tif", tiff(GREY.astype(np.uint16)), False),
        ("rgb.tif", tiff(RGB), False),
        ("rgba.tif", tiff(np.zeros((8, 9, 4), np.uint8), extrasamples=["unassalpha"]), False),
        (
            "grey_alpha.tif",
            tiff(np.zeros((8, 9, 2), np.uint8), extrasamples=["unassalpha"], planarconfig="contig"),
            False,
        ),
        ("scale.tif", tiff(GREY, extratags=[SCALE]), True),
        ("keys.tif", tiff(RGB, extratags=[KEYS]), True),
        ("big.tif", tiff(RGB, extratags=[KEYS], bigtiff=True, byteorder=">"), True),
        ("nodata.tif", tiff(GREY, extratags=[NODATA]), True),
        ("overview.tif", with_overview, True),
        ("pages.tif", pages, False),
        ("bands.tif", tiff(np.zeros((8, 9, 3), np.uint8), photometric="minisblack", planarconfig="contig"), True),
        ("nir.tif", tiff(np.zeros((8, 9, 4), np.uint8), extrasamples=["unspecified"]), True),
        ("int16.tif", tiff(GREY.astype(np.int16)), True),
        ("uint32.tif", tiff(GREY.astype(np.uint32)), True),
        ("float32.tif", tiff(GREY.astype(np.float32)), True),
        ("cut.tif", content(b"II*\0" + struct.pack("<L", 1 << 20)), False),
        ("no_tiff.tif", content(b"<VRTDataset/>"), False),
        ("a.png", saved, False),
        ("a.dat", lambda path: Image.fromarray(RGB).save(path, "PNG"), False),
        ("a.jp2", content(JP2 + bytes(64)), False),
        ("uuid.jp2", content(JP2 + bytes(64) + bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")), True),
        ("gml.jp2", content(JP2 + bytes(1 << 21) + b"gml.data" + bytes(9)), True),
        ("a.vrt", content(b"<VRTDataset/>"), True),
        ("a.png", content(b"<VRTDataset/>"), False),
        ("a.jp2", content(b"<VRTDataset/>"), False),
        ("a.nc", content(b"CDF\x01" + bytes(28)), True),
        ("a.h5", content(b"\x89HDF\r\n\x1a\n" + bytes(28)), True),
        ("a.apc", content(b"\xaep\x10"), False),
        ("a.dat", content(b""), False),
    ],
)
def test_which_files_are_scenes(name, make, expected, tmp_path):
    make(tmp_path / name)
    assert scene_files.is_scene(tmp_path / name) is expected


def test_what_is_no_file_by_its_name(tmp_path):
    for name in ("/vsizip/a.zip/b.png", "https://example.org/a.png", "s3://bucket/a.tif", 'NETCDF:"a.nc":t'):
        assert scene_files.is_scene(name)
    for name in (tmp_path / "not_there.tif", "C:\\not_there.tif"):
        assert not scene_files.is_scene(name)


def test_what_comes_without_a_name(tmp_path):
    for name, make, expected in (
        ("scale.tif", tiff(GREY, extratags=[SCALE]), True),
        ("grey.tif", tiff(GREY), False),
        ("a.jp2", content(JP2 + bytes(64) + b"gml.data"), True),
        ("a.nc", content(b"CDF\x01" + bytes(28)), False),  # which GDAL reads by its name only
        ("a.h5", content(b"\x89HDF\r\n\x1a\n" + bytes(28)), False),
    ):
        make(tmp_path / name)
        stream = BytesIO((tmp_path / name).read_bytes())
        assert scene_files.is_scene(stream) is expected
        assert not scene_files.is_scene(stream, 1)


def test_a_page_that_is_chosen_is_a_picture(tmp_path):
    tiff(GREY, extratags=[SCALE])(tmp_path / "a.tif")
    assert scene_files.is_scene(tmp_path / "a.tif")
    assert not scene_files.is_scene(tmp_path / "a.tif", 1)
