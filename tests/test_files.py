"""Picture files: read whole, upright and in sRGB, or refused by name; written without loss, or not at all."""

import io
import struct
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

import apercu
from apercu.bridges import files
from apercu.errors import FileFormatError, MissingExtra
from picture_bytes import file_of, png_of, read, tiff_of

RNG = np.random.default_rng(2)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
RGB16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
RGBA16 = RNG.integers(0, 65536, (5, 7, 4), dtype=np.uint16)

Image.init()
NEEDS_AVIF = pytest.mark.skipif("AVIF" not in Image.OPEN, reason="this Pillow reads no AVIF")


def assert_reads(data, array, bands):
    found, kind = read(data)
    assert (found.dtype, found.shape, kind) == (array.dtype, array.shape, bands)
    np.testing.assert_array_equal(found, array)
    assert found.flags.c_contiguous


# --- what is taken in


@pytest.mark.parametrize(
    ("data", "array", "bands"),
    [
        (file_of(GREY), GREY, "grey"),
        (file_of(RGB), RGB, "rgb"),
        (file_of(RGBA), RGBA, "rgba"),
        (file_of(GREY16), GREY16, "grey"),
        (file_of(RGB, "BMP"), RGB, "rgb"),
        (file_of(RGB, "PPM"), RGB, "rgb"),
        (file_of(GREY16, "PPM"), GREY16, "grey"),
        (file_of(RGB, "TIFF"), RGB, "rgb"),
        (file_of(RGBA, "TIFF"), RGBA, "rgba"),
        (file_of(GREY16, "TIFF"), GREY16, "grey"),
        (file_of(RGB, "WEBP", lossless=True), RGB, "rgb"),
        (file_of(RGB, "JPEG2000"), RGB, "rgb"),
        (file_of(Image.fromarray(RGBA).convert("LA")), None, "rgba"),
        (file_of(Image.fromarray(RGB).convert("CMYK"), "TIFF"), RGB, "rgb"),
        (imagecodecs.png_encode(RGB16), RGB16, "rgb"),
        (imagecodecs.png_encode(RGBA16), RGBA16, "rgba"),
        (imagecodecs.png_encode(RGBA16[..., 2:].copy()), RGBA16[..., [2, 2, 2, 3]], "rgba"),
    ],
)
def test_read(data, array, bands):
    if array is None:
        array = np.asarray(Image.fromarray(RGBA).convert("LA").convert("RGBA"))
    assert_reads(data, array, bands)


def test_a_jpeg_is_read_as_pillow_decodes_it():
    data = file_of(RGB, "JPEG")
    assert_reads(data, np.asarray(Image.open(io.BytesIO(data))), "rgb")


def test_a_cmyk_jpeg_is_not_inverted():
    flat = np.full((16, 16, 3), (200, 90, 30), np.uint8)
    found, bands = read(file_of(Image.fromarray(flat).convert("CMYK"), "JPEG", quality=100))
    assert bands == "rgb"
    assert np.abs(found.astype(int) - flat).max() <= 3


def test_of_a_photograph_with_previews_the_first_picture_is_read():
    frames = [Image.fromarray(array) for array in (RGB, RGB[::2])]
    data = file_of(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert_reads(data, np.asarray(Image.open(io.BytesIO(file_of(RGB, "JPEG")))), "rgb")


def test_palettes_are_expanded():
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert_reads(file_of(palette), np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), "rgb")
    expected = np.array([[[255, 0, 0, 255], [0, 255, 0, 9], [0, 0, 255, 255]]], np.uint8)
    assert_reads(file_of(palette, transparency=b"\xff\x09"), expected, "rgba")


def test_one_bit_becomes_0_and_255():
    bits = Image.fromarray(GREY > 99)
    assert bits.mode == "1"
    for kind in ("PNG", "TIFF", "BMP"):
        assert_reads(file_of(bits, kind), np.where(GREY > 99, 255, 0).astype(np.uint8), "grey")


@pytest.mark.parametrize(
    ("depth", "rows", "transparent", "top"),
    [
        (1, b"\x00\x40", 1, 255),
        (2, b"\x00\x1b", 1, 255),
        (4, b"\x00\x01\x23", 2, 255),
        (8, b"\x00\x01\x07", 7, 255),
        (16, b"\x00\x00\x01\x00\x07", 7, 65535),
    ],
)
def test_a_transparent_grey_of_any_depth_becomes_alpha(depth, rows, transparent, top):
    width = 8 * (len(rows) - 1) // depth
    levels = np.frombuffer(rows[1:], np.uint8)
    levels = np.unpackbits(levels).reshape(width, depth) @ (1 << np.arange(depth)[::-1])
    grey = levels * (255 // ((1 << depth) - 1)) if depth < 8 else levels
    expected = np.stack([grey, grey, grey, np.where(levels == transparent, 0, top)], -1)[None]
    data = png_of(width, 1, depth, 0, rows, (b"tRNS", struct.pack(">H", transparent)))
    assert_reads(data, expected.astype(np.uint8 if depth <= 8 else np.uint16), "rgba")


@pytest.mark.parametrize(("depth", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_a_transparent_colour_becomes_alpha(depth, dtype):
    colours = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    rows = b"\0" + colours.astype(colours.dtype.newbyteorder(">")).tobytes()
    data = png_of(2, 1, depth, 2, rows, (b"tRNS", struct.pack(">3H", 4, 5, 6)))
    expected = np.array([[[1, 2, 3, np.iinfo(dtype).max], [4, 5, 6, 0]]], dtype)
    assert_reads(data, expected, "rgba")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file_of(RGB, exif=exif)))))
    assert_reads(file_of(RGB, exif=exif), upright, "rgb")
    assert_reads(file_of(RGB, "WEBP", lossless=True, exif=exif), upright, "rgb")
    assert_reads(file_of(RGB, "TIFF", exif=exif), upright, "rgb")
    jpeg = file_of(RGB, "JPEG", exif=exif)
    assert_reads(jpeg, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg)))), "rgb")
    wide = (RGB.astype(np.uint16) << 8, upright.astype(np.uint16) << 8)
    tag = [(274, "H", 1, orientation, True)]
    assert_reads(tiff_of(wide[0], photometric="rgb", extratags=tag), wide[1], "rgb")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide[0])
    data = png_of(7, 5, 16, 2, rows, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    assert_reads(data, wide[1], "rgb")


# --- what is refused


def pages(*subfile_types):
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for subfile_type in subfile_types:
            file.write(GREY, metadata=None, subfiletype=subfile_type)
    return stream.getvalue()


def sgi16():
    return b"\x01\xda\x00\x02" + struct.pack(">4H", 3, 7, 5, 3) + bytes(500) + RGB16.astype(">u2").tobytes()


def fits():
    cards = ["SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 7", "NAXIS2  = 5", "END"]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode() + bytes(2880)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"no picture at all", "no picture"),
        (apercu.encode(GREY), "an apercu file already"),
        (pages(1, 0), "thumbnail"),
        (tiff_of(GREY.astype(np.float32)), "floating-point samples of 32 bits"),
        (tiff_of(GREY.astype(np.float16)), "floating-point samples of 16 bits"),
        (tiff_of(GREY.astype(np.int16)), "signed samples of 16 bits"),
        (tiff_of(GREY.astype(np.int8)), "signed samples of 8 bits"),
        (tiff_of(RGB.astype(np.int16), photometric="rgb"), "signed"),
        (tiff_of(GREY.astype(np.uint32)), "32 bits"),
        (tiff_of(RGBA16, photometric="separated"), "CMYK"),
        (file_of(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "floating-point"),
        (b"P6 7 5 65535 " + RGB16.astype(">u2").tobytes(), "16-bit"),
        (b"P6 # 9 9\n7 5 #\n1023\n" + (RGB16 >> 6).astype(">u2").tobytes(), "10-bit"),
        (b"Pf 7 5 -1.0 " + GREY.astype("<f4").tobytes(), "floating-point"),
        (imagecodecs.jpeg2k_encode(RGB16 >> 4, bitspersample=12), "12-bit"),
        (imagecodecs.jpeg2k_encode(RGB16 >> 4, bitspersample=12, codecformat="j2k"), "12-bit"),
        pytest.param(imagecodecs.avif_encode(RGB16 >> 6, bitspersample=10), "10-bit", marks=NEEDS_AVIF),
        pytest.param(imagecodecs.avif_encode(RGB16 >> 4, bitspersample=12), "12-bit", marks=NEEDS_AVIF),
        (sgi16(), "16-bit"),
        (fits(), "signed"),
        (file_of(RGB, "EPS"), "drawing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(data, words):
    with pytest.raises(FileFormatError, match=words):
        read(data)


def test_eight_bits_of_the_same_kinds_are_not_refused():
    assert read(b"P6 7 5 255 " + RGB.tobytes())[1] == "rgb"
    assert read(file_of(RGB, "SGI"))[1] == "rgb"
    if "AVIF" in Image.OPEN:
        assert read(imagecodecs.avif_encode(RGB, bitspersample=8))[1] == "rgb"


def test_the_name_of_the_file_stands_in_the_message(tmp_path):
    path = tmp_path / "scene.tif"
    path.write_bytes(tiff_of(GREY.astype(np.float32)))
    with pytest.raises(FileFormatError, match=r"scene\.tif: floating-point"):
        files.read(path)
    with pytest.raises(FileNotFoundError, match=r"other\.tif"):
        files.read(tmp_path / "other.tif")


@pytest.mark.parametrize(
    "data",
    [
        file_of(RGB),
        imagecodecs.png_encode(RGB16),
        file_of(RGB, "JPEG"),
        file_of(RGB, "WEBP"),
        file_of(RGB, "TIFF"),
        tiff_of(RGB16, photometric="rgb"),
        tiff_of(RGBA16, photometric="rgb", compression="zlib"),
    ],
)
def test_truncated_anywhere(data):
    # A trailer may be missing, a sample may not.
    whole = read(data)[0]
    for length in range(0, len(data), max(1, len(data) // 97)):
        try:
            array, _ = read(data[:length])
        except FileFormatError:
            continue
        np.testing.assert_array_equal(array, whole)


def test_a_flipped_bit_in_a_16_bit_png_is_found(capfd):
    data = bytearray(imagecodecs.png_encode(RGB16))
    data[data.index(b"IDAT") + 20] ^= 4
    with pytest.raises(FileFormatError, match="checksum of chunk IDAT"):
        read(bytes(data))
    assert capfd.readouterr() == ("", "")


def huge(tiff):
    """A little-endian TIFF that says it is 20,000 × 20,000 pixels."""
    for tag in (256, 257):
        at = max(tiff.find(struct.pack("<HHI", tag, kind, 1)) for kind in (3, 4)) + 8  # a SHORT or a LONG
        tiff = tiff[:at] + struct.pack("<I", 20000) + tiff[at + 4 :]
    return tiff


@pytest.mark.parametrize(
    "data",
    [
        png_of(20000, 20000, 8, 2, b""),
        png_of(20000, 20000, 16, 6, b""),
        huge(file_of(GREY, "TIFF")),
        huge(tiff_of(RGB16, photometric="rgb")),
    ],
)
def test_the_limit_holds_before_anything_is_allocated(data):
    with pytest.raises(FileFormatError, match="limit of"):
        read(data)


@pytest.mark.parametrize(
    ("data", "least"),
    [
        (file_of(RGB), 35),
        (imagecodecs.png_encode(RGB16), 35),
        (tiff_of(RGB16, photometric="rgb"), 35),
        (tiff_of(np.zeros((5, 7, 12), np.uint8), photometric="minisblack", planarconfig="contig"), 12 * 35 // 4),
    ],
)
def test_the_limit_can_be_moved(data, least, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)  # is not what counts, and stays what it was
    monkeypatch.setattr(apercu, "MAX_PIXELS", least - 1)
    with pytest.raises(FileFormatError, match=f"limit of {least - 1}"):
        read(data)
    for limit in (least, None):
        monkeypatch.setattr(apercu, "MAX_PIXELS", limit)
        read(data)
    assert Image.MAX_IMAGE_PIXELS == 9


@pytest.mark.parametrize(
    "data",
    [
        imagecodecs.png_encode(RGB16),
        tiff_of(RGB16, photometric="rgb"),
        file_of(GREY16, icc_profile=imagecodecs.cms_profile("gray", gamma=1.0)),
    ],
)
def test_what_needs_the_extra_says_so(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingExtra, match=r"apercu\[tiff\]"):
        read(data)


def test_without_the_extra_everything_else_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    for array, kind in ((RGB, "PNG"), (GREY16, "PNG"), (RGBA, "TIFF"), (GREY16, "TIFF")):
        np.testing.assert_array_equal(read(file_of(array, kind))[0], array)
