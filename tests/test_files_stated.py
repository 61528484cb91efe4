"""Colours that a file states by numbers are read as sRGB, or the picture is refused by name."""

import struct
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from apercu.bridges import files
from apercu.errors import FileFormatError, MissingExtra
from picture_bytes import file_of, read, tiff_of, with_chunks

COLOUR = (60, 200, 60)
FLAT = np.full((8, 8, 3), COLOUR, np.uint8)
ALPHA = np.full((8, 8), 77, np.uint8)
PNGS = {
    "8": file_of(FLAT),
    "8 alpha": file_of(np.dstack([FLAT, ALPHA])),
    "palette": file_of(Image.fromarray(FLAT).quantize(4)),
    "16": imagecodecs.png_encode(FLAT.astype(np.uint16) * 257),
    "16 alpha": imagecodecs.png_encode(np.dstack([FLAT, ALPHA]).astype(np.uint16) * 257),
}
GREYS = {
    "8": file_of(FLAT[..., 0]),
    "16": file_of(FLAT[..., 0].astype(np.uint16) * 257),
    "16 alpha": imagecodecs.png_encode(np.dstack([FLAT[..., 0], ALPHA]).astype(np.uint16) * 257),
}
LINEAR, USUAL = struct.pack(">I", 100000), struct.pack(">I", 45455)
SRGB_WHITE = (31270, 32900)
P3_CHROMATICITIES = struct.pack(">8I", *SRGB_WHITE, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_CHROMATICITIES = struct.pack(">8I", *SRGB_WHITE, 64000, 33000, 30000, 60000, 15000, 6000)
ADOBE_RGB = b"wide\0\0" + zlib.compress(imagecodecs.cms_profile("adobergb"))
NEEDS_AVIF = pytest.mark.skipif("AVIF" not in Image.registered_extensions().values(), reason="no AVIF in this Pillow")


def assert_is(data, expected, tolerance=4, **options):
    """Whether every pixel is this colour, in 8-bit units."""
    array, _ = read(data, **options)
    colours = array[..., : len(expected)] / (257 if array.dtype == np.uint16 else 1)
    assert np.abs(colours - expected).max() <= tolerance, colours[0, 0]
    if array.ndim == 3 and array.shape[2] == 4:
        assert (array[..., 3] == (77 if array.dtype == np.uint8 else 77 * 257)).all()


# Each by the formulas of its standard, in floating point: decoded, through XYZ to the primaries of sRGB, encoded.
STATED = [
    ([(b"gAMA", LINEAR)], (133, 229, 133)),
    ([(b"gAMA", struct.pack(">I", 55556))], (77, 210, 77)),
    ([(b"gAMA", USUAL)], COLOUR),
    ([(b"gAMA", USUAL), (b"cHRM", SRGB_CHROMATICITIES)], COLOUR),
    ([(b"cHRM", P3_CHROMATICITIES)], (0, 203, 11)),
    ([(b"gAMA", LINEAR), (b"cHRM", P3_CHROMATICITIES)], (94, 232, 121)),
    ([(b"cICP", bytes([12, 13, 0, 1]))], (0, 203, 11)),  # Display P3
    ([(b"cICP", bytes([1, 8, 0, 1]))], (133, 229, 133)),  # linear
    ([(b"cICP", bytes([9, 1, 0, 1]))], (0, 216, 34)),  # BT.2020
    ([(b"cICP", bytes([1, 13, 0, 0]))], (51, 214, 51)),  # narrow range
    ([(b"cICP", bytes([2, 2, 0, 1]))], COLOUR),  # unspecified
    ([(b"gAMA", bytes(4))], COLOUR),
    ([(b"gAMA", b"\xff" * 4)], COLOUR),
    ([(b"cHRM", bytes(32))], COLOUR),
    # The order of precedence.
    ([(b"gAMA", LINEAR), (b"sRGB", b"\0")], COLOUR),
    ([(b"gAMA", LINEAR), (b"cICP", bytes([1, 13, 0, 1]))], COLOUR),
    ([(b"gAMA", LINEAR), (b"cICP", bytes([12, 13, 1, 1]))], (133, 229, 133)),  # not RGB: no chunk of a PNG's
    ([(b"gAMA", LINEAR), (b"sRGB", b"\0"), (b"iCCP", ADOBE_RGB)], (0, 201, 37)),
    ([(b"iCCP", ADOBE_RGB), (b"cICP", bytes([12, 13, 0, 1]))], (0, 203, 11)),
    ([(b"gAMA", LINEAR), (b"iCCP", b"broken\0\0nothing")], (133, 229, 133)),
]


@pytest.mark.parametrize("kind", PNGS)
@pytest.mark.parametrize(("chunks", "expected"), STATED)
def test_png(kind, chunks, expected):
    assert_is(with_chunks(PNGS[kind], *chunks), expected)


@pytest.mark.parametrize("kind", GREYS)
def test_grey_png(kind):
    assert_is(with_chunks(GREYS[kind], (b"gAMA", LINEAR)), (133,))
    assert_is(with_chunks(GREYS[kind], (b"cICP", bytes([9, 8, 0, 1]))), (133,))
    assert_is(with_chunks(GREYS[kind], (b"cHRM", P3_CHROMATICITIES)), (60,), tolerance=0)


def test_colours_stated_after_the_samples_do_not_count():
    for png in PNGS.values():
        end = png.index(b"IEND") - 4
        late = png[:end] + with_chunks(png, (b"gAMA", LINEAR))[33 : 33 + 16] + png[end:]
        assert_is(late, COLOUR, tolerance=0)


def test_white_stays_white_and_black_black():
    ends = np.array([[[0] * 3, [255] * 3]], np.uint8)
    for stored in (file_of(ends), imagecodecs.png_encode(ends.astype(np.uint16) * 257)):
        white_of_dci = struct.pack(">8I", 31400, 35100, 68000, 32000, 26500, 69000, 15000, 6000)
        for chunks in (
            [(b"gAMA", LINEAR), (b"cHRM", white_of_dci)],
            [(b"cICP", bytes([9, 14, 0, 1]))],
            [(b"cICP", bytes([4, 4, 0, 1]))],
        ):
            found, _ = read(with_chunks(stored, *chunks))
            expected = ends if found.dtype == np.uint8 else ends.astype(np.uint16) * 257
            np.testing.assert_allclose(found.astype(int), expected, rtol=0, atol=1 if found.dtype == np.uint16 else 0)


@pytest.mark.parametrize(
    ("cicp", "words"),
    [
        ((9, 16, 0, 1), r"high dynamic range \(PQ\)"),
        ((9, 18, 0, 1), r"high dynamic range \(HLG\)"),
        ((1, 16, 1, 1), "PQ"),
        ((1, 9, 0, 1), "logarithmic"),
        ((1, 17, 0, 1), "ST 428"),
        ((1, 99, 0, 1), "code 99"),
        ((99, 13, 0, 1), "code 99"),
        ((10, 13, 0, 1), "code 10"),
    ],
)
@pytest.mark.parametrize("png", [*PNGS.values(), *GREYS.values()], ids=[*PNGS, *(f"grey {kind}" for kind in GREYS)])
def test_what_would_lose_its_meaning_is_refused(png, cicp, words):
    with pytest.raises(FileFormatError, match=words):
        read(with_chunks(png, (b"cICP", bytes(cicp))))


def with_cicp(profile, transfer):
    """An ICC profile with one tag more, cicp, at its end."""
    count = int.from_bytes(profile[128:132])
    table = b""
    for at in range(132, 132 + 12 * count, 12):
        name, offset, length = struct.unpack_from(">4sII", profile, at)
        table += struct.pack(">4sII", name, offset + 12, length)
    table += struct.pack(">4sII", b"cicp", len(profile) + 12, 12)
    content = profile[132 + 12 * count :] + b"cicp\0\0\0\0" + bytes([9, transfer, 0, 1])
    return struct.pack(">I", len(profile) + 24) + profile[4:128] + struct.pack(">I", count + 1) + table + content


def test_a_profile_of_high_dynamic_range_is_refused():
    profile = imagecodecs.cms_profile("srgb")
    for transfer, words in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(FileFormatError, match=words):
            read(file_of(FLAT, icc_profile=with_cicp(profile, transfer)))
        with pytest.raises(FileFormatError, match=words):
            read(tiff_of(FLAT.astype(np.uint16), photometric="rgb", iccprofile=with_cicp(profile, transfer)))
    assert_is(file_of(FLAT, icc_profile=with_cicp(profile, 13)), COLOUR, tolerance=0)


# --- AVIF


def avif_with(primaries, transfer, **options):
    data = file_of(FLAT, "AVIF", quality=100, subsampling="4:4:4", **options)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@NEEDS_AVIF
def test_avif():
    assert_is(avif_with(1, 13), COLOUR)
    assert_is(avif_with(2, 2), COLOUR)
    assert_is(avif_with(1, 8), (133, 229, 133))
    assert_is(avif_with(12, 13), (0, 203, 11), tolerance=9)  # dark levels of a lossy file go far in sRGB
    for transfer, words in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(FileFormatError, match=words):
            read(avif_with(9, transfer))


@NEEDS_AVIF
def test_avif_of_10_bits():
    try:
        deep = imagecodecs.avif_encode(FLAT.astype(np.uint16) << 2, bitspersample=10, primaries=9, transfer=16)
    except TypeError:
        pytest.skip("imagecodecs before 2025.11 writes AVIF in no other primaries")
    with pytest.raises(FileFormatError, match="PQ"):
        read(deep)


@NEEDS_AVIF
def test_the_profile_of_an_avif_goes_before_its_code_points():
    with_profile = avif_with(1, 8, icc_profile=imagecodecs.cms_profile("adobergb"))
    assert_is(with_profile, (0, 201, 37), tolerance=9)
    with_alpha = file_of(np.dstack([FLAT, ALPHA]), "AVIF", quality=100, icc_profile=imagecodecs.cms_profile("adobergb"))
    assert_is(with_alpha, (0, 201, 37), tolerance=9)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", pytest.param("AVIF", marks=NEEDS_AVIF)])
def test_a_profile_for_grey(kind):
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}.get(kind, {})
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    data = file_of(FLAT[..., 0], kind, icc_profile=linear, **options)
    assert read(data)[1] == "grey"
    assert_is(data, (133,), tolerance=1)


# --- other files


def bmp(space, gammas, profile=b"", endpoints=(0,) * 9):
    """A BMP of version 5; it stores blue first."""
    rows = bytes(COLOUR[::-1]) * 64
    head = struct.pack("<IiiHHIIiiII4I", 124, 8, 8, 1, 24, 0, len(rows), 0, 0, 0, 0, 0, 0, 0, 0)
    head += space + struct.pack("<9i3I", *endpoints, *gammas) + struct.pack("<4I", 4, 124 + len(rows), len(profile), 0)
    return b"BM" + struct.pack("<IHHI", 138 + len(rows) + len(profile), 0, 0, 138) + head + rows + profile


def test_bmp():
    adobe_rgb = imagecodecs.cms_profile("adobergb")
    assert_is(bmp(b"BGRs", (65536,) * 3), COLOUR, tolerance=0)
    assert_is(bmp(b" niW", (65536,) * 3), COLOUR, tolerance=0)
    assert_is(bmp(bytes(4), (0,) * 3), COLOUR, tolerance=0)
    assert_is(bmp(bytes(4), (65536,) * 3), (133, 229, 133))
    assert_is(bmp(b"DEBM", (0,) * 3, adobe_rgb), (0, 201, 37))
    p3 = np.array([[0.4866, 0.2290, 0], [0.2657, 0.6917, 0.0451], [0.1982, 0.0793, 1.0439]])  # XYZ of its primaries
    assert_is(bmp(bytes(4), (0,) * 3, endpoints=(p3 * 2**30).astype(int).ravel()), (0, 203, 11))
    for space, gammas in ((b"KNIL", (0,) * 3), (bytes(4), (65536, 131072, 65536))):
        with pytest.raises(FileFormatError, match="BMP"):
            read(bmp(space, gammas))


def test_qoi():
    data = bytearray(imagecodecs.qoi_encode(FLAT))
    assert_is(bytes(data), COLOUR, tolerance=0)
    data[13] = 1  # "all channels linear"
    assert_is(bytes(data), (133, 229, 133))


def jp2_with(colr):
    """A JPEG 2000 whose colr box has this content."""
    data = file_of(FLAT, "JPEG2000")
    header, box = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    n_bytes = int.from_bytes(data[box : box + 4])
    new = struct.pack(">I", 8 + len(colr)) + b"colr" + colr
    longer = struct.pack(">I", int.from_bytes(data[header : header + 4]) + len(new) - n_bytes)
    return data[:header] + longer + data[header + 4 : box] + new + data[box + n_bytes :]


def test_jpeg_2000():
    assert_is(jp2_with(b"\1\0\0\0\0\0\x10"), COLOUR, tolerance=0)
    assert_is(jp2_with(b"\2\0\0" + imagecodecs.cms_profile("adobergb")), (0, 201, 37))
    assert_is(jp2_with(b"\5\0\0" + struct.pack(">HHHB", 12, 13, 0, 128)), (0, 203, 11))
    with pytest.raises(FileFormatError, match="colour space 21"):  # ROMM-RGB
        read(jp2_with(b"\1\0\0\0\0\0\x15"))
    with pytest.raises(FileFormatError, match="PQ"):
        read(jp2_with(b"\5\0\0" + struct.pack(">HHHB", 9, 16, 0, 128)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff(dtype):
    stored = FLAT.astype(dtype) * (257 if dtype == np.uint16 else 1)
    white = (318, 5, 2, (3127, 10000, 3290, 10000), True)
    primaries = (319, 5, 6, (68, 100, 32, 100, 265, 1000, 69, 100, 15, 100, 6, 100), True)
    assert_is(tiff_of(stored, photometric="rgb", extratags=[white, primaries]), (0, 203, 11))
    nonsense = [(318, 5, 2, (0, 0, 1, 0), True), (319, 5, 6, (0, 0) * 6, True)]
    assert_is(tiff_of(stored, photometric="rgb", extratags=nonsense), COLOUR, tolerance=0)


def test_a_camera_that_says_adobe_rgb_by_exif():
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 65535, 0xA005: {1: "R03", 2: b"0100"}}
    options = {"quality": 100, "subsampling": 0}
    assert_is(file_of(FLAT, "JPEG", exif=exif, **options), (0, 201, 37), tolerance=9)
    for space, word in ((1, "R98"), (1, "R03"), (65535, "R98")):
        exif[0x8769] = {0xA001: space, 0xA005: {1: word, 2: b"0100"}}
        assert_is(file_of(FLAT, "JPEG", exif=exif, **options), COLOUR)


def test_16_bit_grey_in_other_colours_needs_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingExtra, match=r"apercu\[tiff\]"):
        read(with_chunks(GREYS["16"], (b"gAMA", LINEAR)))
    assert_is(with_chunks(GREYS["16"], (b"gAMA", USUAL)), (60,), tolerance=0)


CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


@pytest.mark.skipif(not CASES.exists(), reason="../shared, with the cases, is not beside this checkout")
def test_the_cases():
    for name, expected in (("gama1", (133, 229, 133)), ("cicp_p3", (0, 203, 11))):
        array, _ = files.read(CASES / f"png8_{name}.png")
        assert np.abs(array.astype(int) - expected).max() <= 4
    with pytest.raises(FileFormatError, match="PQ"):
        files.read(CASES / "png8_cicp_pq.png")
