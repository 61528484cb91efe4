"""Files made to cost time and memory: refused, or read at the cost that their length and their size explain."""

import gzip
import re
import struct
import subprocess
import sys
import time
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.errors import FileFormatError
from limits import at_most
from picture_bytes import chunk, file_of, png_of, read, tiff_of, with_chunks

RNG = np.random.default_rng(9)
RGB = RNG.integers(0, 256, (16, 16, 3), np.uint8)
LARGE = np.tile(RGB, (5, 5, 1))
UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}
ROWS = b"".join(b"\0" + row.tobytes() for row in RGB)
ROWS_16 = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RGB)


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


@pytest.mark.parametrize("depth", [8, 16])
def test_samples_in_chunks_of_one_byte_are_no_more_samples(depth):
    samples = np.random.default_rng(3).integers(0, 1 << depth, (64, 64, 3), np.uint16).astype(f">u{depth // 8}")
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples))
    parts = [chunk(b"IDAT", rows[at : at + 1]) for at in range(len(rows))]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, depth, 2, 0, 0, 0))
    found, _ = read(b"\x89PNG\r\n\x1a\n" + head + b"".join(parts) + chunk(b"IEND", b""))
    np.testing.assert_array_equal(found, samples)


def test_a_jpeg_2000_of_tiles_of_one_pixel():
    def of_tiles(side):
        siz = struct.pack(">HHIIIIIIIIH", 47, 0, 250, 250, 0, 0, side, side, 0, 0, 3) + b"\7\1\1" * 3
        cod = b"\xff\x52" + struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 0, 4, 4, 0, 1)
        tile = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14, 0, 1) + b"\xff\x93"
        return b"\xff\x4f\xff\x51" + siz + cod + b"\xff\x5c\0\4\x40\x40" + tile + b"\xff\xd9"

    for side in (1, 5):  # 12 kB of memory for each
        with pytest.raises(FileFormatError, match="in tiles of"), at_most(0.2):
            read(of_tiles(side))
    assert read(file_of(np.tile(RGB, (16, 16, 1)), "JPEG2000", tile_size=(16, 16)))[0].shape == (256, 256, 3)


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
    with pytest.raises(FileFormatError, match="in tiles of"):
        read(bytes(data))


def test_messages_do_not_quote_the_file():
    for data in (b"P6 " + b"1" * 100_000, b"P6 8 8 255 " + b"\n" * 9, struct.pack("<3H", 0, 1, 1) + bytes(100_000)):
        with pytest.raises(FileFormatError) as caught:
            read(data)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)


def test_a_compressed_fits():
    def cards(*lines):
        return "".join(line.ljust(80) for line in (*lines, "END")).ljust(2880).encode()

    sides = ["ZNAXIS  = 2", "ZNAXIS1 = 9000", "ZNAXIS2 = 9000", "ZBITPIX = 8", "ZIMAGE  = T", "ZCMPTYPE= 'GZIP_1  '"]
    table = ["XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 1", *sides]
    data = cards("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0") + cards(*table) + gzip.compress(bytes(2**20))
    with pytest.raises(FileFormatError, match="compressed FITS"), at_most(0.5):
        read(data)


def test_the_command_says_it_in_one_line(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_of(60000, 60000, 8, 2, b""))
    (tmp_path / "bomb.jpg").write_bytes(in_jpeg(*[segment(0xE5, b"")] * 20_000))
    for name in ("bomb.png", "bomb.jpg"):
        run = subprocess.run(
            [sys.executable, "-m", "apercu", "encode", name, "out.apc"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (run.returncode, run.stdout) == (2, "")
        assert re.fullmatch(rf"apercu: {name}: .*\n", run.stderr)
    assert not (tmp_path / "out.apc").exists()


def pages(n):
    """A TIFF of so many pages, and its last page."""
    tags = [(256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 16), (279, 256)]
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHLL", name, 4, 1, value) for name, value in tags)
    starts = [8 + 256 + at * (len(entries) + 4) for at in range(n)] + [0]
    head = b"II*\0" + struct.pack("<L", starts[0]) + bytes(256)
    return head + b"".join(entries + struct.pack("<L", after) for after in starts[1:]), n


def strips(n):
    """A TIFF of one strip for each row."""
    return tiff_of(np.zeros((n, 16), np.uint16), rowsperstrip=1, compression="zlib"), None


def frames(n):
    """A GIF of so many frames, and the last of them."""
    frame = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + bytes(6) + n * frame + b";", n


def png_chunks(n):
    return png_of(16, 16, 8, 2, ROWS, *[(b"tEXt", b"Comment\0")] * n), None


def segments(n):
    return in_jpeg(*[segment(0xE5, b"x")] * n), None


def exif_tags(n):
    return with_chunks(file_of(RGB), (b"eXIf", record_of(n, 20 * n))), None


@pytest.mark.parametrize(
    ("make", "n"),
    [(pages, 2000), (strips, 1000), (frames, 200), (png_chunks, 2000), (segments, 2000), (exif_tags, 7000)],
)
def test_twice_as_much_takes_about_twice_as_long(make, n):
    def cost(n):
        data, page = make(n)
        times = []
        for _ in range(5):
            begun = time.process_time()
            read(data, page=page)
            times.append(time.process_time() - begun)
        return min(times)

    # Over three doublings, so that one measurement that was disturbed does not decide.
    assert cost(8 * n) <= 2.5**3 * max(cost(n), 0.002)
