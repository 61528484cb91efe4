"""Peers: whole files that others can read, images of any depth, and ThumbHash against its reference."""

import math
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, features

from apercu.bench import curves, peers, thumbhash
from apercu.bench.images import drawn
from apercu.bench.peers import PEERS
from apercu.errors import MissingExtra

PART = np.s_[280:376, 60:180]  # an edge and a texture
GREY, RGB = np.ascontiguousarray(drawn(512, 512)[PART]), np.ascontiguousarray(drawn(512, 512, 3)[PART])
RGBA = np.dstack([RGB, np.full((96, 120), 200, np.uint8)])
HASHES = ("blurhash", "thumbhash")


def psnr(first, second):
    error = np.mean((first.astype(float) - second.astype(float)) ** 2)
    return 10 * math.log10(np.iinfo(first.dtype).max ** 2 / error)


def kind(image):
    return "grey" if image.ndim == 2 else {3: "rgb", 4: "rgba"}.get(image.shape[2], "spectral")


@pytest.mark.parametrize("image", [GREY, RGB, RGBA], ids=["grey", "rgb", "rgba"])
@pytest.mark.parametrize("name", PEERS)
def test_what_is_coded_comes_back_as_it_was_and_better_from_larger_files(name, image):
    peer = PEERS[name]
    if why := peer.refusal(image, kind(image)):
        assert "8-bit rgba" in why
        return
    coarse, fine = peer.levels_for(image)[0], peer.levels_for(image)[-1]
    found = []
    for level in (coarse, fine):
        data = peers.file_of(peer, image, level, 1)
        decoded = peers.array_of(peer, data, image.shape, 1)
        assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
        found.append((len(data), psnr(image, decoded)))
    if coarse != fine:
        assert found[0] < found[1]
    if name not in HASHES:  # which may show less with more components
        assert found[0][1] < found[1][1]
    assert found[1][1] > (12 if name in HASHES else 24)


@pytest.mark.parametrize("name", [name for name in PEERS if name not in HASHES])
def test_the_files_are_whole(name):
    """A rate that leaves out a header would come from bytes that nobody else can open."""
    data = peers.file_of(PEERS[name], RGB, PEERS[name].levels[-1], 1)
    if name in ("jpegxl", "jpegxr"):
        starts = {"jpegxl": b"\xff\x0a", "jpegxr": b"II\xbc"}
        assert data.startswith(starts[name])
        return
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == (120, 96)
        assert psnr(RGB, np.array(picture.convert("RGB"))) > 24


@pytest.mark.parametrize("scale", peers.SCALES)
@pytest.mark.parametrize(("height", "width"), [(96, 120), (33, 47), (3, 2)])
def test_reduced_images_come_back_at_full_size(scale, height, width):
    image = drawn(height, width, 3)
    data = peers.file_of(PEERS["jpeg"], image, 39, scale)
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == (max(1, width // scale), max(1, height // scale))
    assert peers.array_of(PEERS["jpeg"], data, image.shape, scale).shape == image.shape


def test_resizing_is_pillows_lanczos_and_the_same_at_16_bits():
    expected = np.array(Image.fromarray(RGB).resize((60, 48), Image.Resampling.LANCZOS))
    assert np.array_equal(peers.resize(RGB, (48, 60)), expected)
    deep = peers.resize(RGB.astype(np.uint16) * 257, (48, 60))
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - expected).max() <= 1.1  # each pass over 8 bits is rounded
    edge = np.where(np.arange(64) < 32, 0, 65535).astype(np.uint16)[None].repeat(8, axis=0)
    wide = peers.resize(edge, (4, 200))  # overshoot is cut off, not wrapped
    assert wide[:, :98].max() < 20_000
    assert wide[:, 102:].min() > 45_000


@pytest.mark.parametrize("n_bands", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_jpeg_2000_takes_any_bands_and_depth(n_bands, dtype):
    image = (drawn(64, 80, max(2, n_bands)).astype(dtype) * (257 if dtype == np.uint16 else 1))[..., :n_bands]
    image = np.ascontiguousarray(image[..., 0] if n_bands == 1 else image)
    for scale in (1, 2):
        data = peers.file_of(PEERS["jpeg2000"], image, 30.0, scale)
        decoded = peers.array_of(PEERS["jpeg2000"], data, image.shape, scale)
        assert decoded.dtype == dtype
        assert psnr(image, decoded) > (22 if scale == 1 else 15)


def test_jpeg_xl_takes_16_bits():
    image = RGB.astype(np.uint16) * 257
    decoded = peers.array_of(PEERS["jpegxl"], peers.file_of(PEERS["jpegxl"], image, 2, 1), image.shape, 1)
    assert decoded.dtype == np.uint16
    assert psnr(image, decoded) > 28


def test_those_that_cannot_take_an_image_say_so():
    deep, spectral = GREY.astype(np.uint16), drawn(16, 16, 5)
    can = {name for name, peer in PEERS.items() if peer.refusal(deep, "grey") is None}
    assert can == {"jpeg2000", "jpegxl"}
    assert {name for name, peer in PEERS.items() if peer.refusal(spectral, "spectral") is None} == {"jpeg2000"}
    assert PEERS["jpeg"].refusal(deep, "grey") == "does not take 16-bit grey"


def test_avif_tuned_for_psnr_keeps_colour_at_full_size_where_it_is_told_to():
    colour = np.zeros((64, 64, 3), np.uint8)
    colour[:, ::2] = (200, 0, 30)
    half, full = (peers.file_of(PEERS["avif-psnr"], colour, (60, chroma), 1) for chroma in ("4:2:0", "4:4:4"))
    decode = PEERS["avif-psnr"].decode
    assert psnr(colour, decode(full, colour.shape)) > psnr(colour, decode(half, colour.shape)) + 3
    assert all(level[1] == "4:2:0" for level in PEERS["avif-psnr"].levels_for(GREY))
    assert {level[1] for level in PEERS["avif-psnr"].levels_for(RGB)} == {"4:2:0", "4:4:4"}


@pytest.mark.skipif(
    tuple(map(int, (features.version("avif") or "0.0").split(".")[:2])) < (1, 4),
    reason="before libavif 1.4, AVIF comes tuned for PSNR",
)
def test_avif_tuned_for_psnr_needs_fewer_bits_for_it_than_avif_as_it_comes():
    image = np.ascontiguousarray(drawn(512, 512)[260:452, 60:252])
    found = {}
    for name in ("avif", "avif-psnr"):
        files = [PEERS[name].encode(image, level) for level in PEERS[name].levels_for(image)]
        found[name] = [(len(data), psnr(image, PEERS[name].decode(data, image.shape))) for data in files]
    result = curves.bd_rate(found["avif"], found["avif-psnr"], limits=(0, 1e6))
    assert result.percent is not None
    assert result.percent < -1


def test_levels_have_names_of_their_own():
    for peer in PEERS.values():
        names = [peer.name_of(level) for level in peer.levels + peer.finer]
        assert len(set(names)) == len(names)
    assert PEERS["jpeg"].name_of(12) == "q12"
    assert PEERS["avif-psnr"].name_of((12, "4:4:4")) == "q12 4:4:4"
    assert PEERS["jpegxl"].name_of(10.5) == "d10.5"


def test_what_is_not_installed_is_left_out_or_refused_by_name(monkeypatch):
    assert peers.chosen(None) == (list(PEERS), {})
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    present, absent = peers.chosen(None)
    assert set(absent) == {"jpeg2000", "jpegxl", "jpegxr", "blurhash"}
    assert set(present) == set(PEERS) - set(absent)
    with pytest.raises(MissingExtra, match=r"jpegxl: needs imagecodecs, pip install 'apercu\[bench\]'"):
        peers.chosen(["jpeg", "jpegxl"])
    monkeypatch.setattr(peers.features, "check", lambda name: name != "avif")
    assert "avif" in peers.chosen(None)[1]
    with pytest.raises(MissingExtra, match="avif: needs Pillow with avif"):
        peers.chosen(["avif"])


def test_a_peer_that_is_installed_and_does_not_run_is_left_out_with_the_reason(monkeypatch):
    def broken(image, level):
        raise ImportError("libjxl.so.9: cannot open shared object")

    monkeypatch.setitem(PEERS, "jpegxl", replace(PEERS["jpegxl"], encode=broken))
    present, absent = peers.chosen(None)
    assert set(present) == set(PEERS) - {"jpegxl"}
    assert absent["jpegxl"].endswith("does not code a picture: ImportError: libjxl.so.9: cannot open shared object")
    with pytest.raises(MissingExtra, match=r"jpegxl: .*libjxl\.so\.9"):
        peers.chosen(["jpeg", "jpegxl"])


def test_a_blurhash_costs_its_characters():
    data = PEERS["blurhash"].encode(RGB, (4, 3))
    assert len(data) == 28
    assert data.isascii()


# From the encoder of the package thumbhash 0.1.2, an independent port, on drawn(height, width, 3).
THUMBHASHES = {
    (75, 100): "5c490615848687877f77777977878778652f100666",
    (100, 60): "db3806240487f777b77778878787775f510766",
    (32, 32): "df080217027677877f777877778877778778270777708309",
}


@pytest.mark.parametrize(("size", "expected"), THUMBHASHES.items(), ids=str)
def test_thumbhashes_are_those_of_an_independent_port(size, expected):
    assert thumbhash.encode(drawn(*size, 3)).hex() == expected


@pytest.mark.parametrize("size", [(75, 100), (100, 60), (32, 32)], ids=str)
def test_thumbhashes_are_decoded_as_by_the_reference(size):
    data = thumbhash.encode(drawn(*size, 3))
    assert np.array_equal(thumbhash.decode(data, (6, 9)), reference_decoder(data, 9, 6))


def test_thumbhash_refuses_large_images():
    with pytest.raises(ValueError, match="101 × 1 is above"):
        thumbhash.encode(np.zeros((1, 101, 3), np.uint8))


def reference_decoder(data, w, h):
    """The reference's thumbHashToRGBA, line by line, for hashes without alpha and at a size of one's own."""
    header24 = data[0] | data[1] << 8 | data[2] << 16
    header16 = data[3] | data[4] << 8
    l_dc, p_dc, q_dc = (header24 & 63) / 63, (header24 >> 6 & 63) / 31.5 - 1, (header24 >> 12 & 63) / 31.5 - 1
    l_scale = (header24 >> 18 & 31) / 31
    p_scale, q_scale = (header16 >> 3 & 63) / 63, (header16 >> 9 & 63) / 63
    landscape = header16 >> 15
    lx = max(3, 7 if landscape else header16 & 7)
    ly = max(3, header16 & 7 if landscape else 7)
    index = 0

    def channel(nx, ny, scale):
        nonlocal index
        ac = []
        for cy in range(ny):
            cx = 0 if cy else 1
            while cx * ny < nx * (ny - cy):
                ac.append(((data[5 + (index >> 1)] >> ((index & 1) << 2) & 15) / 7.5 - 1) * scale)
                index += 1
                cx += 1
        return ac

    l_ac, p_ac, q_ac = channel(lx, ly, l_scale), channel(3, 3, p_scale * 1.25), channel(3, 3, q_scale * 1.25)
    pixels = np.zeros((h, w, 3), np.uint8)
    for y in range(h):
        for x in range(w):
            values = []
            for dc, ac, nx, ny in ((l_dc, l_ac, lx, ly), (p_dc, p_ac, 3, 3), (q_dc, q_ac, 3, 3)):
                value, j = dc, 0
                for cy in range(ny):
                    cx = 0 if cy else 1
                    while cx * ny < nx * (ny - cy):
                        fx, fy = math.cos(math.pi / w * (x + 0.5) * cx), math.cos(math.pi / h * (y + 0.5) * cy)
                        value += ac[j] * fx * fy * 2
                        j += 1
                        cx += 1
                values.append(value)
            luma, p, q = values
            b = luma - 2 / 3 * p
            r = (3 * luma - b + q) / 2
            pixels[y, x] = [int(max(0, 255 * min(1, band))) for band in (r, r - q, b)]
    return pixels
