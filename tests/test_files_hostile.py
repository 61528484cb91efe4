"""Files made to cost time and memory: refused, or read at the cost that their length and their size explain."""

import lzma
import re
import struct
import subprocess
import sys
import time
import zlib
from contextlib import contextmanager, suppress

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.errors import FileFormatError
from picture_bytes import chunk, file_of, png_of, read, tiff_of, with_chunks

RNG = np.random.default_rng(9)
RGB = RNG.integers(0, 256, (16, 16, 3), np.uint8)
LARGE = np.tile(RGB, (5, 5, 1))
UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}
ROWS = b"".join(b"\0" + row.tobytes() for row in RGB)
ROWS_16 = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RGB)


def tiff(content, *tags, width=16, height=16, bits=8, photometric=1, samples=1, compression=1, big=False, order="<"):
    """A TIFF of tags (number, type, count, value or offset): content follows the header, and the directory that."""
    head, entry, wide, n_head = (("HHHQ", "HHQ8s", "Q", 16)) if big else (("HL", "HHL4s", "L", 8))
    known = {256: width, 257: height, 258: bits, 259: compression, 262: photometric, 277: samples}
    given = {tag[0] for tag in tags}
    tags = [*tags, *((name, 3, 1, value) for name, value in known.items() if name not in given)]
    numbers = (43, 8, 0, n_head + len(content)) if big else (42, n_head + len(content))
    data = (b"II" if order == "<" else b"MM") + struct.pack(order + head, *numbers) + content
    entries = []
    for name, kind, count, value in sorted(tags):
        if isinstance(value, int):
            inline = {1: "B", 3: "H", 4: "L", 16: "Q"}.get(kind) if count == 1 else wide
            value = struct.pack(order + (inline or wide), value)
        entries.append(struct.pack(order + entry, name, kind, count, value.ljust(8, b"\0")[: 8 if big else 4]))
    return data + struct.pack(order + ("Q" if big else "H"), len(tags)) + b"".join(entries) + bytes(8)


def strip(content, *tags, **layout):
    """A TIFF of one strip."""
    at = 16 if layout.get("big") else 8
    return tiff(content, (273, 4, 1, at), (278, 4, 1, 16), (279, 4, 1, len(content)), *tags, **layout)


def tile(content, width, height, **layout):
    """A TIFF of one tile."""
    tags = (322, 4, 1, width), (323, 4, 1, height), (324, 4, 1, 8), (325, 4, 1, len(content))
    return tiff(content, *tags, **layout)


@contextmanager
def at_most(seconds):
    """Time of this process alone, so that others do not count."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds


# --- sizes in a TIFF


def test_the_tiffs_of_this_file_are_sound():
    for order in "<>":
        np.testing.assert_array_equal(read(strip(RGB.tobytes(), photometric=2, samples=3, order=order))[0], RGB)
        big = strip(RGB.tobytes(), photometric=2, samples=3, order=order, big=True)
        np.testing.assert_array_equal(read(big)[0], RGB)
    np.testing.assert_array_equal(read(tile(RGB.tobytes(), 16, 16, photometric=2, samples=3))[0], RGB)


@pytest.mark.parametrize("layout", [{}, {"bits": 16}, {"samples": 5}, {"samples": 3, "photometric": 2, "bits": 16}])
@pytest.mark.parametrize("sides", [(16384, 16384), (2**26, 16), (16, 2**26), (2**16, 2**16), (2**31, 2**31), (0, 16)])
def test_a_tile_far_larger_than_its_picture(layout, sides):
    for compression, content in ((8, zlib.compress(bytes(4096))), (5, b"\x80\x01"), (1, bytes(4096))):
        with pytest.raises(FileFormatError, match=r"tiles of|limit of|nothing to encode"), at_most(0.5):
            read(tile(content, *sides, compression=compression, **layout))


def test_tiles_larger_than_a_small_picture_are_read():
    for side in (256, 512, 1024):
        grey = np.zeros((side, side), np.uint8)
        grey[:16, :16] = RGB[..., 0]
        np.testing.assert_array_equal(read(tile(zlib.compress(grey), side, side, compression=8))[0], RGB[..., 0])


def test_the_limit_of_pixels_holds_for_tiles_and_strips(monkeypatch):
    monkeypatch.setattr(apercu, "MAX_PIXELS", 4000)
    with pytest.raises(FileFormatError, match="limit of 4000 pixels"):
        read(tile(zlib.compress(bytes(4096)), 64, 64, compression=8))
    # The rows of a strip are no more than the picture has, whatever is said of them.
    found, _ = read(tiff(RGB[..., 0].tobytes(), (273, 4, 1, 8), (278, 4, 1, 2**31), (279, 4, 1, 256)))
    np.testing.assert_array_equal(found, RGB[..., 0])


def test_a_strip_that_decodes_to_far_more_than_its_rows():
    for compression, content in (
        (8, zlib.compress(bytes(2**27))),
        (34925, lzma.compress(bytes(2**25), preset=0)),
        (50000, imagecodecs.zstd_encode(bytes(2**27))),
        (32773, b"\x81\0" * 2**20),
    ):
        for layout in ({}, {"samples": 3, "photometric": 2, "bits": 16}):
            data = strip(content, compression=compression, **layout)
            with at_most(0.1), suppress(FileFormatError):
                assert read(data)[0].max() == 0


HELD = {
    7: imagecodecs.jpeg8_encode,
    34712: imagecodecs.jpeg2k_encode,
    33003: lambda array: imagecodecs.jpeg2k_encode(array, codecformat="j2k"),
    34887: imagecodecs.lerc_encode,
    34933: imagecodecs.png_encode,
    50001: imagecodecs.webp_encode,
}


@pytest.mark.parametrize("compression", HELD)
@pytest.mark.parametrize("layout", [{"bits": 16, "photometric": 2}, {"photometric": 1}], ids=["16", "spectral"])
def test_a_strip_that_holds_a_larger_picture(compression, layout):
    for outer in (strip, lambda data, **layout: tile(data, 16, 16, **layout)):
        with pytest.raises(FileFormatError, match="holds a picture of 80 × 80"):
            read(outer(HELD[compression](LARGE), compression=compression, samples=3, **layout))
    if "bits" not in layout:
        found, bands = read(strip(HELD[compression](RGB), compression=compression, samples=3, **layout))
        assert (found.shape, bands) == ((16, 16, 3), "spectral")


@pytest.mark.parametrize("compression", [6, 22610, 34892, 50002, 52546, 65000])
def test_a_compression_whose_size_is_not_known(compression):
    with pytest.raises(FileFormatError, match=f"compression {compression}, "):
        read(strip(bytes(500), compression=compression, samples=3, photometric=2, bits=16))


def test_lerc_inside_another_compression():
    data = zlib.compress(imagecodecs.lerc_encode(RGB))
    with pytest.raises(FileFormatError, match="compression 34887"):
        read(strip(data, (50674, 4, 2, 8), compression=34887, samples=3))


def test_a_mask_is_checked_as_the_picture_is():
    data = strip(RGB[..., 0].tobytes())
    content = data[8:]
    for tags in (
        ((322, 4, 1, 16384), (323, 4, 1, 16384), (324, 4, 1, 8), (325, 4, 1, 32)),
        ((256, 4, 1, 16384), (257, 4, 1, 16384), (273, 4, 1, 8), (279, 4, 1, 32)),
        ((277, 3, 1, 9), (273, 4, 1, 8), (279, 4, 1, 32)),
    ):
        second = tiff(content, (254, 4, 1, 4), *tags, bits=1, photometric=4, compression=8)
        first = struct.pack("<L", 8 + 256)
        whole = bytearray(second[:4] + first + second[8:])
        struct.pack_into("<L", whole, 8 + 256 + 2 + 12 * 9, len(data))
        with pytest.raises(FileFormatError, match=r"mask of|tiles of"), at_most(0.5):
            read(bytes(whole))


# --- tags and directories


@pytest.mark.parametrize("layout", [{}, {"bits": 16, "photometric": 2, "samples": 3}], ids=["Pillow", "tifffile"])
@pytest.mark.parametrize("kind", [2, 4, 5, 7])
def test_tags_that_all_have_the_same_long_values(layout, kind):
    content = bytes(2_000_000)
    tags = [(name, kind, len(content) // UNITS[kind], 8) for name in range(1000, 4000)]
    tags += [(name, kind, len(content) // UNITS[kind], 8) for name in (305, 306, 315, 33432, 34377, 37724, 42112)]
    with at_most(1):
        found, _ = read(strip(content, *tags, **layout))
    assert (found.shape[:2], found.max()) == ((16, 16), 0)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("name", [270, 330, 700, 34665, 34675, 42112, 258, 273, 279, 320, 338, 339])
def test_a_count_that_no_file_could_hold(name, big):
    data = strip(bytes(768), (name, 4, 2**63 if big else 2**32 - 1, 8), samples=3, photometric=2, big=big)
    try:
        with at_most(0.5):
            assert read(data)[0].shape == (16, 16, 3)
    except FileFormatError:
        assert name not in (270, 330, 700, 34665, 34675, 42112)


def test_a_million_strips_for_sixteen_rows():
    places = struct.pack("<L", 8) * 1_000_000
    for layout in ({}, {"bits": 16, "photometric": 2, "samples": 3}):
        tags = (273, 4, 1_000_000, 8), (278, 4, 1, 16), (279, 4, 1_000_000, 8)
        data = tiff(places, *tags, compression=8, **layout)
        with at_most(1), suppress(FileFormatError):
            read(data)


def test_strips_that_are_not_there():
    for layout in ({}, {"bits": 16, "photometric": 2, "samples": 3}):
        with pytest.raises(FileFormatError, match="lacks the places"):
            read(tiff(bytes(2000), (273, 4, 1, 8), (278, 4, 1, 1), (279, 4, 1, 16), **layout))


def test_directories_that_go_round_in_circles():
    data = strip(RGB[..., 0].tobytes(), *((name, 4, 1, 8 + 256) for name in (330, 34665, 34853, 40965)))
    np.testing.assert_array_equal(read(data)[0], RGB[..., 0])
    again = data[:-8] + data[4:8]  # the chain comes back to where it began
    np.testing.assert_array_equal(read(again)[0], RGB[..., 0])


def test_descriptions_that_invite_a_long_search():
    for text in (b"ImageJ=" * 400_000, b"ImageJ=\n" + b"images\n" * 400_000, b"<?xml?>" + b"<OME>" * 500_000 + b"OME>"):
        for layout in ({}, {"bits": 16, "photometric": 2, "samples": 3}):
            with at_most(1):
                read(strip(bytes(1536) + text, (270, 2, len(text), 8 + 1536), **layout))


# --- colour profiles and EXIF


def profile(n_steps):
    """A profile for RGB that describes its colours by a matrix and curves, and again by any number of steps."""

    def xyz(*values):
        return struct.pack(">4sI3i", b"XYZ ", 0, *(round(value * 65536) for value in values))

    curve = struct.pack(">4sIHHi", b"para", 0, 0, 0, 2 * 65536)
    matrix = struct.pack(">4sIHH12f", b"matf", 0, 3, 3, 0.9, 0, 0, 0, 0.9, 0, 0, 0, 0.9, 0, 0, 0)
    steps = struct.pack(">4sIHHI", b"mpet", 0, 3, 3, n_steps) + struct.pack(">II", 16 + 8 * n_steps, 60) * n_steps
    tags = {
        b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.43, 0.22, 0.01),
        b"gXYZ": xyz(0.38, 0.71, 0.09),
        b"bXYZ": xyz(0.14, 0.06, 0.71),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        **({b"D2B0": steps + matrix, b"D2B1": steps + matrix} if n_steps else {}),
    }
    table, content = struct.pack(">I", len(tags)), b""
    for name, element in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(content), len(element))
        content += element
    head = struct.pack(">II4s4s4s4s", 132 + len(table) + len(content), 0, b"\x04\x40\0\0", b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2025, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + content


@pytest.mark.parametrize(
    "make",
    [
        lambda icc: with_chunks(file_of(RGB), (b"iCCP", b"x\0\0" + zlib.compress(icc))),
        lambda icc: png_of(16, 16, 16, 2, ROWS_16, (b"iCCP", b"x\0\0" + zlib.compress(icc))),
        lambda icc: file_of(RGB, "WEBP", lossless=True, icc_profile=icc),
        lambda icc: file_of(RGB, "TIFF", icc_profile=icc),
        lambda icc: tiff_of(RGB.astype(np.uint16), photometric="rgb", iccprofile=icc),
    ],
    ids=["PNG", "PNG 16", "WEBP", "TIFF", "TIFF 16"],
)
def test_a_profile_of_many_steps_costs_no_more_than_one_without(make):
    expected, _ = read(make(profile(0)))
    assert not np.array_equal(expected, RGB)
    with at_most(1):
        found, _ = read(make(profile(50_000)))
    np.testing.assert_array_equal(found, expected)


def test_an_image_of_pillow_with_such_a_profile():
    image = Image.fromarray(RGB)
    image.info["icc_profile"] = profile(50_000)
    with at_most(1):
        apercu.encode(image)


def record_of(n_tags, length):
    """EXIF whose tags all have the same long value."""
    entries = b"".join(struct.pack("<HHLL", 1000 + number, 7, length, 0) for number in range(n_tags))
    return (b"II*\0" + struct.pack("<LH", 8, n_tags) + entries + bytes(4)).ljust(length, b"\0")


def segment(kind, content):
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(content) + 2) + content


def in_jpeg(*segments):
    jpeg = file_of(RGB, "JPEG")
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def test_exif_of_many_long_tags():
    record = record_of(60_000, 900_000)
    parts = [segment(0xE1, b"Exif\0\0" + record[at : at + 60_000]) for at in range(0, len(record), 60_000)]
    webp = file_of(RGB, "WEBP", lossless=True, exif=b"Exif\0\0" + record_of(1, 20))
    for data in (
        in_jpeg(*parts),
        in_jpeg(segment(0xE2, b"MPF\0" + record_of(5000, 65_000))),
        with_chunks(file_of(RGB), (b"eXIf", record)),
        png_of(16, 16, 16, 2, ROWS_16, (b"eXIf", record)),
        webp,
    ):
        for page in (None, 1):
            with at_most(0.5):
                assert read(data, page=page)[0].shape == (16, 16, 3)


# --- PNG, JPEG, icons, animations


@pytest.mark.parametrize(("depth", "rows"), [(8, ROWS), (16, ROWS_16)])
def test_text_and_profiles_that_inflate_to_a_hundred_megabytes(depth, rows):
    bomb = zlib.compress(bytes(2**27))
    for kind, name in (
        (b"iCCP", b"x\0\0"),
        (b"zTXt", b"Raw profile type exif\0\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"),
    ):
        data = png_of(16, 16, depth, 2, rows, (kind, name + bomb))
        with at_most(1):
            np.testing.assert_array_equal(read(data)[0], RGB)


def test_samples_that_inflate_to_far_more_than_the_picture():
    data = {depth: png_of(16, 16, depth, 2, bytes(2**27)) for depth in (8, 16)}
    with at_most(0.2):
        assert read(data[8])[0].max() == 0  # Pillow inflates no more than it needs
        with pytest.raises(FileFormatError, match="far more samples"):
            read(data[16])


@pytest.mark.parametrize(("depth", "rows"), [(8, ROWS), (16, ROWS_16)])
def test_a_png_of_very_many_chunks(depth, rows):
    png = png_of(16, 16, depth, 2, rows)
    with pytest.raises(FileFormatError, match="131072 chunks"), at_most(0.5):
        read(png[:33] + chunk(b"abCd", b"") * 140_000 + png[33:])
    assert read(png[:33] + chunk(b"abCd", b"") * 1000 + png[33:])[0].shape == (16, 16, 3)


def test_a_jpeg_of_very_many_scans_or_segments():
    jpeg = file_of(RGB, "JPEG", progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    assert read(jpeg[:-2] + 40 * last + b"\xff\xd9")[0].shape == (16, 16, 3)
    with pytest.raises(FileFormatError, match="64 scans"):
        read(jpeg[:-2] + 64 * last + b"\xff\xd9")
    # What only looks like scans, as in a film behind the picture, is none.
    assert read(jpeg + 1000 * b"\xff\xda")[0].shape == (16, 16, 3)
    with pytest.raises(FileFormatError, match="16384 segments"), at_most(0.5):
        read(in_jpeg(*[segment(0xE5, b"")] * 20_000))


def icon(content):
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(content), 22) + content


def test_an_icon_that_holds_a_large_picture():
    png = png_of(9000, 9000, 8, 6, bytes(9000))
    bitmap = struct.pack("<IiiHHIIiiII", 40, 9000, 18000, 1, 32, 0, 0, 0, 0, 0, 0)
    icns = b"icns" + struct.pack(">I4sI", 16 + len(png), b"ic07", 8 + len(png)) + png
    for data in (icon(png), icon(bitmap), icns):
        with pytest.raises(FileFormatError, match="an icon that holds a picture of 9000"), at_most(0.5):
            read(data)
    np.testing.assert_array_equal(read(icon(file_of(RGB)))[0], RGB)


def test_a_late_frame_of_a_large_animation():
    control, frame = b"!\xf9\x04\0\0\0\0\0", b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    gif = b"GIF89a" + struct.pack("<HHBBB", 9000, 9000, 0x80, 0, 0) + bytes(6) + 2000 * (control + frame) + b";"
    with pytest.raises(FileFormatError, match="frame 2000 of 9000 × 9000"), at_most(1):
        read(gif, page=2000)


def test_a_frame_larger_than_the_animation(monkeypatch):
    frames = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0" + b"," + struct.pack("<HHHHB", 0, 0, 3000, 3000, 0) + b"\2\2D\1\0"
    gif = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frames + b";"
    monkeypatch.setattr(apercu, "MAX_PIXELS", 10_000)
    with pytest.raises(FileFormatError, match="limit of 10000 pixels"):
        read(gif, page=2)


def test_a_canvas_of_webp_is_checked_before_it_is_made(monkeypatch):
    webp = file_of(LARGE, "WEBP", lossless=True, exif=b"Exif\0\0" + record_of(1, 20))
    assert webp[12:16] == b"VP8X"
    monkeypatch.setattr(imagecodecs, "webp_decode", None)
    monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile._open", lambda image: pytest.fail("opened"))
    monkeypatch.setattr(apercu, "MAX_PIXELS", 6399)
    with pytest.raises(FileFormatError, match="limit of 6399 pixels"):
        read(webp)


def test_a_jpeg_2000_of_very_many_tiles():
    data = bytearray(file_of(RGB[..., 0], "JPEG2000", no_jp2=True))
    struct.pack_into(">8I", data, 8, 4000, 4000, 0, 0, 1, 1, 0, 0)
    with pytest.raises(FileFormatError, match="65535 tiles"):
        read(bytes(data))


def test_the_command_says_it_in_one_line(tmp_path):
    (tmp_path / "bomb.tif").write_bytes(tile(zlib.compress(bytes(2**20)), 16384, 16384, compression=8))
    (tmp_path / "bomb.jpg").write_bytes(in_jpeg(*[segment(0xE5, b"")] * 20_000))
    for name in ("bomb.tif", "bomb.jpg"):
        run = subprocess.run(
            [sys.executable, "-m", "apercu", "encode", name, "out.apc"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (run.returncode, run.stdout) == (2, "")
        assert re.fullmatch(rf"apercu: {name}: .*\n", run.stderr)
    assert not (tmp_path / "out.apc").exists()


def test_opening_costs_in_proportion():
    """Memory of NumPy's and Python's for a hostile directory is a small multiple of the file."""
    import tracemalloc

    data = strip(bytes(2_000_000), *((name, 7, 2_000_000, 8) for name in range(1000, 3000)))
    tracemalloc.start()
    try:
        read(data)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(data)
    finally:
        tracemalloc.stop()
