"""TIFF of any number of bands and of 16-bit colour, read whole."""

import io
import struct

import numpy as np
import pytest
import tifffile

from apercu.bridges import files
from apercu.errors import FileFormatError
from picture_bytes import tiff_of

RNG = np.random.default_rng(4)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
RGB16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
RGBA16 = RNG.integers(0, 65536, (5, 7, 4), dtype=np.uint16)


def assert_reads(data, array, bands):
    found, kind = files.read(io.BytesIO(data))
    assert (found.dtype, found.shape, kind) == (array.dtype, array.shape, bands)
    np.testing.assert_array_equal(found, array)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("n_bands", [2, 3, 4, 5, 12])
def test_multiband_tiff(planar, dtype, n_bands):
    scene = RNG.integers(0, np.iinfo(dtype).max, (6, 9, n_bands), dtype=dtype, endpoint=True)
    stored = scene if planar == "contig" else np.moveaxis(scene, -1, 0)
    for byteorder, compression in (("<", None), (">", None), ("<", "zlib"), (">", "zstd")):
        options = {"photometric": "minisblack", "planarconfig": planar, "compression": compression}
        assert_reads(tiff_of(stored, byteorder=byteorder, **options), scene, "spectral")
    assert_reads(tiff_of(stored, bigtiff=True, tile=(16, 16), **options), scene, "spectral")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_tiff_of_thousands_of_bands(planar, dtype):
    # tifffile reads tags of more than 4,096 bytes into arrays of their own dtype.
    scene = np.arange(4 * 3 * 2100).astype(dtype).reshape(4, 3, 2100)
    stored = scene if planar == "contig" else np.moveaxis(scene, -1, 0)
    assert_reads(tiff_of(stored, photometric="minisblack", planarconfig=planar), scene, "spectral")


def test_16_bit_colour_tiff():
    assert_reads(tiff_of(RGB16, photometric="rgb"), RGB16, "rgb")
    planar = tiff_of(np.moveaxis(RGB16, -1, 0), photometric="rgb", planarconfig="separate")
    assert_reads(planar, RGB16, "rgb")
    assert_reads(tiff_of(RGBA16, photometric="rgb", extrasamples=["unassalpha"]), RGBA16, "rgba")
    assert_reads(tiff_of(GREY16, photometric="miniswhite"), 65535 - GREY16, "grey")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("samples", [RGBA, RGBA16], ids=["8", "16"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_alpha_beside_grey_and_colour(planar, samples, compression):
    options = {"extrasamples": ["unassalpha"], "planarconfig": planar, "compression": compression}
    for photometric, bands in (("minisblack", [2, 3]), ("rgb", [0, 1, 2, 3])):
        stored = samples[..., bands] if planar == "contig" else np.moveaxis(samples[..., bands], -1, 0)
        expected = samples[..., [bands[0]] * 3 + [3]] if len(bands) == 2 else samples
        assert_reads(tiff_of(stored, photometric=photometric, **options), expected, "rgba")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_alpha_is_divided_out(dtype):
    top = np.iinfo(dtype).max
    alpha = np.array([[top, top // 3, 0]], dtype)
    colour = np.array([[[top, 9, 0], [top // 3, top // 6, 0], [0, 0, 0]]], dtype)
    found, bands = files.read(
        io.BytesIO(tiff_of(np.dstack([colour, alpha]), photometric="rgb", extrasamples=["assocalpha"]))
    )
    assert bands == "rgba"
    expected = np.array([[[top, 9, 0], [top, top / 2, 0], [0, 0, 0]]])
    assert np.abs(found[..., :3] - expected).max() <= 3
    np.testing.assert_array_equal(found[..., 3], alpha)


def test_a_compression_that_pillow_does_not_know():
    for array, bands in ((RGBA, "rgba"), (RGBA[..., :3], "rgb"), (RGBA[..., 0], "grey")):
        photometric = "minisblack" if bands == "grey" else "rgb"
        assert_reads(tiff_of(array, photometric=photometric, compression="png"), array, bands)


def test_a_fourth_band_without_a_name_is_no_alpha():
    # Pillow would drop it: red, green, blue and near infrared are often stored so.
    assert_reads(tiff_of(RGBA, photometric="rgb", extrasamples=["unspecified"]), RGBA, "spectral")


@pytest.mark.parametrize("array", [RGB16, RGBA[..., :3]], ids=["16", "8"])
def test_overviews_are_passed_over(array):
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(array, photometric="rgb", metadata=None)
        file.write(array[::2, ::2], photometric="rgb", metadata=None, subfiletype=1)
    assert_reads(stream.getvalue(), array, "rgb")


@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize(("height", "width"), [(20, 30), (700, 900)])
def test_pages_short_and_long_are_read_alike(height, width, compression):
    noise = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert_reads(tiff_of(noise, photometric="rgb", compression=compression), noise, "rgb")


@pytest.mark.parametrize("begin", [b"II*\0" + struct.pack("<L", 5000), b"MM\0+\0\x08\0\0" + struct.pack(">Q", 5000)])
def test_a_file_that_was_cut_before_its_directory(begin):
    with pytest.raises(FileFormatError, match="the TIFF is truncated: it ends before its directory"):
        files.read(io.BytesIO(begin.ljust(3000, b"\0")))
