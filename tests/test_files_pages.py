"""One page of several, transparency masks, odd depths, and streams that do not stand at their beginning."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

import apercu
from apercu.bridges import files
from apercu.cli.main import main
from apercu.errors import FileFormatError, OptionError
from picture_bytes import file_of, png_of, read, tiff_by_hand, tiff_of

RNG = np.random.default_rng(8)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
PAGES = [RGB, RGB[::-1].copy(), RGB[:, ::-1].copy()]
MASK = RGB[..., 0] > 99
NEEDS_AVIF = pytest.mark.skipif("AVIF" not in Image.registered_extensions().values(), reason="no AVIF in this Pillow")


def many(kind, **options):
    frames = [Image.fromarray(page) for page in PAGES]
    return file_of(frames[0], kind, save_all=True, append_images=frames[1:], **options)


def tiff_pages(*pages):
    """A TIFF of pages, each (array, options)."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=pages[0][1].get("bigtiff", False)) as file:
        for array, options in pages:
            file.write(array, metadata=None, **{name: options[name] for name in options if name != "bigtiff"})
    return stream.getvalue()


def masked(array, mask=MASK, **options):
    return tiff_pages((array, options), (mask, {"photometric": "mask", "subfiletype": 4}))


# --- pages


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_a_page_is_read(kind, options):
    data = many(kind, **options)
    for number, page in enumerate(PAGES, 1):
        found, bands = read(data, page=number)
        assert bands == "rgb"
        np.testing.assert_array_equal(found, page)


@pytest.mark.parametrize("kind", ["GIF", pytest.param("AVIF", marks=NEEDS_AVIF), "MPO"])
def test_a_page_of_a_lossy_file_is_read(kind):
    data = many(kind)
    for number in (1, 2, 3):
        found, _ = read(data, page=number)
        errors = [np.abs(found[..., :3].astype(int) - page).mean() for page in PAGES]
        assert np.argmin(errors) == number - 1


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", pytest.param("AVIF", marks=NEEDS_AVIF)])
def test_several_pages_are_refused_with_a_word_on_how_to_choose(kind):
    with pytest.raises(FileFormatError, match=r"3 (frames|pages) .*--page.*1 to 3"):
        read(many(kind))
    for page in (0, 4, -1):
        with pytest.raises(OptionError, match=f"no page {page}; .* 1 to 3"):
            read(many(kind), page=page)


@pytest.mark.parametrize(
    "data", [file_of(RGB), file_of(RGB, "JPEG"), file_of(RGB, "TIFF"), imagecodecs.png_encode(RGB16), tiff_of(RGB16)]
)
def test_the_only_page_may_be_named(data):
    np.testing.assert_array_equal(read(data, page=1)[0], read(data)[0])
    with pytest.raises(OptionError, match="no page 2"):
        read(data, page=2)


def test_an_animated_16_bit_png():
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RGB16)
    data = png_of(
        9, 6, 16, 2, rows, (b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", struct.pack(">IIIIIHHBB", *[0] * 9))
    )
    with pytest.raises(FileFormatError, match="2 frames"):
        read(data)
    np.testing.assert_array_equal(read(data, page=1)[0], RGB16)
    with pytest.raises(FileFormatError, match="only the first frame"):
        read(data, page=2)


def test_the_command_takes_a_page(tmp_path, capsys):
    source, out = tmp_path / "a.gif", tmp_path / "a.apc"
    source.write_bytes(many("GIF"))
    assert main(["encode", str(source), str(out)]) == 2
    assert "--page" in capsys.readouterr().err
    assert main(["encode", str(source), str(out), "--page", "4"]) == 2
    assert "a.gif: there is no page 4" in capsys.readouterr().err
    assert not out.exists()
    assert main(["encode", str(source), str(out), "--page", "2"]) == 0
    array, bands = files.read(source, page=2)
    assert out.read_bytes() == apercu.encode(array, bands=bands)


@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"bigtiff": True}])
@pytest.mark.parametrize("array", [RGB, RGB16], ids=["8", "16"])
def test_each_page_has_an_orientation_of_its_own(options, array):
    data = tiff_pages(
        *((array, {"photometric": "rgb", "extratags": [(274, 3, 1, turn, True)]} | options) for turn in (1, 6, 3))
    )
    for page, turns in ((1, 0), (2, -1), (3, 2)):
        np.testing.assert_array_equal(read(data, page=page)[0], np.rot90(array, turns))


def test_overviews_and_masks_are_no_pages():
    rgb = {"photometric": "rgb"}
    data = tiff_pages(
        (RGB16, rgb),
        (RGB16[::2, ::2], rgb | {"subfiletype": 1}),
        (RGB16[::-1], rgb),
        (MASK, {"photometric": "mask", "subfiletype": 4}),
        (RGB, rgb),
    )
    with pytest.raises(FileFormatError, match="3 pages"):
        read(data)
    np.testing.assert_array_equal(read(data, page=1)[0], RGB16)
    second, bands = read(data, page=2)
    assert bands == "rgba"
    np.testing.assert_array_equal(second, np.dstack([RGB16[::-1], MASK * np.uint16(65535)]))
    np.testing.assert_array_equal(read(data, page=3)[0], RGB)


def test_a_stack_under_one_directory_is_no_picture():
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.stack([page[..., 0] for page in PAGES]), imagej=True, truncate=True)
    with pytest.raises(FileFormatError, match="ImageJ stack of 3 images"):
        read(stream.getvalue())
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.stack([page[..., 0] for page in PAGES]), imagej=True)
    np.testing.assert_array_equal(read(stream.getvalue(), page=2)[0], PAGES[1][..., 0])


def test_directories_that_overlap_are_refused_in_bounded_time():
    # Each directory begins two bytes after the one before it, and holds nearly all of the file.
    n = 4000
    data = bytearray(b"II*\0" + struct.pack("<L", 8) + bytes(12 * n))
    for at in range(8, 8 + 2 * n, 2):
        struct.pack_into("<H", data, at, 600)
    with pytest.raises(FileFormatError):
        read(bytes(data))


# --- masks


@pytest.mark.parametrize("array", [RGB, RGB[..., 0], RGB16, RGB16[..., 0]], ids=["rgb", "grey", "rgb 16", "grey 16"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_mask_becomes_alpha(array, orientation):
    options = {"photometric": "rgb" if array.ndim == 3 else "minisblack", "extratags": [(274, 3, 1, orientation, True)]}
    found, bands = read(masked(array, **options))
    top = np.iinfo(array.dtype).max
    colour = array if array.ndim == 3 else np.dstack([array] * 3)
    expected = np.dstack([colour, (MASK * top).astype(array.dtype)])
    assert (bands, found.dtype) == ("rgba", array.dtype)
    np.testing.assert_array_equal(found, expected if orientation == 1 else np.rot90(expected, -1))


def test_a_mask_beside_alpha_hides_more():
    rgba = np.dstack([RGB, RGB[..., 1]])
    found, _ = read(masked(rgba, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(found, np.dstack([RGB, RGB[..., 1] * MASK]))


def test_masks_that_are_refused():
    with pytest.raises(FileFormatError, match="many bands"):
        read(masked(np.dstack([RGB, RGB]), photometric="minisblack", planarconfig="contig"))
    with pytest.raises(FileFormatError, match="9 × 6 pixels with a transparency mask"):
        read(masked(RGB, MASK[::2], photometric="rgb"))


def test_the_mask_of_an_overview_is_passed_over():
    data = tiff_pages(
        (RGB, {"photometric": "rgb"}),
        (RGB[::2, ::2], {"photometric": "rgb", "subfiletype": 1}),
        (MASK[::2, ::2], {"photometric": "mask", "subfiletype": 5}),
    )
    np.testing.assert_array_equal(read(data)[0], RGB)


# --- alpha and depths of TIFF


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_colours(planar, dtype):
    unit = 257 if dtype == np.uint16 else 1
    stored = (np.full((5, 7, 4), (100, 50, 0, 128)) * unit).astype(dtype)
    stored = stored if planar == "contig" else np.moveaxis(stored, -1, 0)
    found, bands = read(tiff_of(stored, photometric="rgb", extrasamples=["assocalpha"], planarconfig=planar))
    assert (bands, found.shape, found.dtype) == ("rgba", (5, 7, 4), dtype)
    assert np.abs(found / unit - (199, 100, 0, 128)).max() <= 1


def packed(levels, bits):
    """Rows of samples of so many bits, each row in whole bytes."""
    rows = ["".join(f"{level:0{bits}b}" for level in row) for row in levels]
    return b"".join(int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8)) for row in rows)


def grey_tiff(levels, bits, *tags, samples=1, photometric=1):
    height, width = len(levels), len(levels[0]) // samples
    tags = [
        *((256, 3, (width,)), (257, 3, (height,)), (258, 3, (bits,) * samples), (259, 3, (1,))),
        *((262, 3, (photometric,)), (277, 3, (samples,)), (278, 3, (height,))),
        *tags,
    ]
    return tiff_by_hand(packed(levels, bits), *tags)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("photometric", [0, 1])
def test_grey_of_few_bits_takes_the_full_range(bits, photometric):
    top = 2**bits - 1
    levels = [[0, top, top // 2], [top, 0, 1]]
    expected = np.round(np.array(levels) * 255 / top)
    found, bands = read(grey_tiff(levels, bits, photometric=photometric))
    assert (bands, found.dtype) == ("grey", np.uint8)
    np.testing.assert_array_equal(found, expected if photometric == 1 else 255 - expected)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_grey_of_more_bits_keeps_its_values(bits):
    levels = [[0, 2**bits - 1, 5], [7, 100, 2**bits - 2]]
    np.testing.assert_array_equal(read(grey_tiff(levels, bits))[0], np.array(levels, np.uint16))


@pytest.mark.parametrize(("bits", "top"), [(4, 255), (6, 255), (12, 65535)])
def test_alpha_of_an_odd_depth_is_opaque_at_its_top(bits, top):
    most = 2**bits - 1
    found, bands = read(grey_tiff([[1, most, most, 0]], bits, (338, 3, (2,)), samples=2))
    assert bands == "rgba"
    grey = round(top / most)
    np.testing.assert_array_equal(found, [[[grey, grey, grey, top], [top, top, top, 0]]])


@pytest.mark.parametrize("array", [RGB, RGB16], ids=["8", "16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_bigtiff_of_either_byte_order(array, order):
    data = tiff_of(array, photometric="rgb", bigtiff=True, byteorder=order)
    np.testing.assert_array_equal(read(data)[0], array)


def test_a_header_of_mixed_byte_orders_loses_no_bits():
    data = tiff_of(RGB16, photometric="rgb", byteorder=">")
    try:
        found, _ = read(b"MM*\0" + data[4:])
    except FileFormatError:
        return
    np.testing.assert_array_equal(found, RGB16)


def test_lossless_webp_keeps_the_colours_under_alpha_0():
    rgba = np.dstack([RGB, np.zeros((6, 9), np.uint8)])
    stream = io.BytesIO()
    files.write(stream, rgba, "rgba", ".webp")
    np.testing.assert_array_equal(read(stream.getvalue())[0], rgba)


# --- streams


class OneWay(io.RawIOBase):
    """A stream that cannot go back; `has_position` says whether it knows where it stands."""

    def __init__(self, data, has_position):
        self.data, self.has_position = io.BytesIO(data), has_position

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.data.readinto(buffer)

    def tell(self):
        if not self.has_position:
            raise io.UnsupportedOperation("tell")
        return self.data.tell()


PICTURES = {
    "PNG 16": (imagecodecs.png_encode(RGB16), RGB16),
    "PNG": (file_of(RGB), RGB),
    "TIFF 16": (tiff_of(RGB16, photometric="rgb"), RGB16),
    "TIFF": (file_of(RGB, "TIFF"), RGB),
    "WEBP": (file_of(RGB, "WEBP", lossless=True), RGB),
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("position", [0, 8, 10**6])
def test_a_stream_is_read_from_its_beginning_wherever_it_stands(kind, position, tmp_path):
    data, array = PICTURES[kind]
    stream = io.BytesIO(data)
    stream.seek(position)
    np.testing.assert_array_equal(files.read(stream)[0], array)
    (tmp_path / "a").write_bytes(data)
    with open(tmp_path / "a", "rb", buffering=0) as file:
        file.read(position)
        np.testing.assert_array_equal(files.read(file)[0], array)


@pytest.mark.parametrize("kind", PICTURES)
def test_a_stream_that_cannot_go_back(kind):
    data, array = PICTURES[kind]
    for has_position in (True, False):
        np.testing.assert_array_equal(files.read(OneWay(data, has_position))[0], array)
        stream = OneWay(data, has_position)
        stream.read(8)
        with pytest.raises(FileFormatError, match="8 bytes of it have been read" if has_position else "no picture"):
            files.read(stream)


def test_a_stream_of_text():
    with pytest.raises(FileFormatError, match="binary"):
        files.read(io.StringIO("text"))
