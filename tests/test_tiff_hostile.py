"""TIFF files made to cost time and memory: refused, or read at the cost that their length and their size explain."""

import lzma
import struct
import zlib
from contextlib import suppress

import imagecodecs
import numpy as np
import pytest

import apercu
from apercu.errors import FileFormatError
from limits import assert_no_dearer, at_most, within
from picture_bytes import read, tiff_of

RNG = np.random.default_rng(9)
RGB = RNG.integers(0, 256, (16, 16, 3), np.uint8)
LARGE = np.tile(RGB, (5, 5, 1))
UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}


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


def test_a_strip_of_png_that_inflates_to_far_more():
    png = imagecodecs.png_encode(RGB)
    content = zlib.compress(bytes(2**27))
    more = struct.pack(">L4s", len(content), b"IDAT") + content + struct.pack(">L", zlib.crc32(b"IDAT" + content))
    stuffed = strip(png[:-12] + more + png[-12:], compression=34933, samples=3)
    with pytest.raises(FileFormatError, match="16 × 16 pixels and 1 samples in 13"), at_most(0.2):
        read(stuffed)


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


def test_a_strip_for_every_pixel():
    for n_rows in (72_000, 300_000):
        places = struct.pack("<L", 8) * n_rows, struct.pack("<L", 1) * n_rows
        tags = (273, 4, n_rows, 12), (279, 4, n_rows, 12 + len(places[0])), (278, 4, 1, 1)
        made = tiff(bytes(4) + b"".join(places), *tags, (257, 4, 1, n_rows), width=1)
        with at_most(0.5), pytest.raises(FileFormatError, match="which are too many"):
            read(made)


def test_many_strips_of_a_narrow_picture_are_read():
    rows = RNG.integers(0, 256, (70_000, 16), np.uint8)
    np.testing.assert_array_equal(read(tiff_of(rows, rowsperstrip=1))[0], rows)


def test_strips_that_all_are_the_whole_file():
    rows, content = 40_000, zlib.compress(bytes(16)) + bytes(2_000_000)
    at = 8 + len(content)
    places = struct.pack("<L", 8) * rows + struct.pack("<L", len(content)) * rows
    sound = tiff_of(np.tile(RGB[..., 0], (rows // 16, 1)), rowsperstrip=1)
    for layout in ({}, {"bits": 16, "photometric": 2, "samples": 3}):
        tags = (273, 4, rows, at), (278, 4, 1, 1), (279, 4, rows, at + 4 * rows)
        for compression in (8, 5):
            data = tiff(content + places, *tags, height=rows, compression=compression, **layout)
            with at_most(1), suppress(FileFormatError):
                read(data)
        data = tiff(content + places, *tags, height=rows, **layout)
        assert_no_dearer(lambda data=data: read(data), lambda: read(sound), 4)
    with pytest.raises(FileFormatError, match="far more bytes"):
        read(tiff(content + places, *tags, height=rows, compression=8))


def test_tiles_that_share_their_bytes():
    content = zlib.compress(RGB[..., 0].tobytes())
    places = struct.pack("<L", 8) * 900 + struct.pack("<L", len(content)) * 900
    at = 8 + len(content)
    tags = (322, 4, 1, 16), (323, 4, 1, 16), (324, 4, 900, at), (325, 4, 900, at + 3600)
    found, _ = read(tiff(content + places, *tags, width=480, height=480, compression=8))
    np.testing.assert_array_equal(found, np.tile(RGB[..., 0], (30, 30)))


@pytest.mark.parametrize("compression", [1, 7, 8, 34712, 50000, 50001])
def test_a_strip_said_to_have_more_bytes_than_memory(compression):
    for layout in ({}, {"bits": 16, "photometric": 2, "samples": 3}):
        for n_bytes in (2**32, 2**50, 2**61):
            data = tiff(
                bytes(4000), (273, 16, 1, 16), (279, 16, 1, n_bytes), compression=compression, big=True, **layout
            )
            with at_most(0.5), suppress(FileFormatError):
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


def test_opening_costs_in_proportion():
    """Memory of NumPy's and Python's for a hostile directory is a small multiple of the file."""
    data = strip(bytes(2_000_000), *((name, 7, 2_000_000, 8) for name in range(1000, 3000)))
    with within(6 * len(data)):
        read(data)
