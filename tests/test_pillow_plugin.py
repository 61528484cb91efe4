"""apercu as a format of Pillow's."""

import inspect
import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageFile, UnidentifiedImageError

import apercu
import apercu.bridges.pillow  # registers the format
import files_by_hand
from apercu.bridges import files
from every_codec import EVERY_CODEC, encode
from picture_bytes import image_of

X, Y = np.meshgrid(np.arange(96, dtype=np.uint8), np.arange(64, dtype=np.uint8))
IMAGES = {
    "L": X + 2 * Y,
    "RGB": np.dstack([2 * X, 255 - 2 * X, X + Y]),
    "RGBA": np.dstack([2 * X, 255 - 2 * X, X + Y, 255 - Y]),
    "I;16": 600 * X.astype(np.uint16) + Y,
}


@pytest.mark.parametrize("mode", IMAGES)
def test_save_and_open(tmp_path, mode):
    image = Image.fromarray(IMAGES[mode])
    assert image.mode == mode
    image.save(tmp_path / "a.apc", quality=40)
    data = (tmp_path / "a.apc").read_bytes()
    assert data == apercu.encode(IMAGES[mode], quality=40)
    with Image.open(tmp_path / "a.apc") as opened:
        assert (opened.format, opened.mode, opened.size) == ("APERCU", mode, (96, 64))
        assert opened.get_format_mimetype() == "image/x-apercu"
        np.testing.assert_array_equal(np.asarray(opened), apercu.decode(data))


@pytest.mark.parametrize("options", [{"bpp": 0.5}, {"n_bytes": 300}, {"psnr": 30}, {"quality": 12}, {}])
def test_save_takes_the_targets_to_a_stream(options):
    stream = io.BytesIO()
    Image.fromarray(IMAGES["RGB"]).save(stream, "APERCU", dpi=(72, 72), **options)
    assert stream.getvalue() == apercu.encode(IMAGES["RGB"], **options)


def test_open_reads_the_header_and_load_the_rest(monkeypatch):
    class Counting(io.BytesIO):
        n_read = 0

        def read(self, size=-1, /):
            data = super().read(size)
            self.n_read += len(data)
            return data

    noise = np.random.default_rng(0).integers(0, 256, (2048, 2048), dtype=np.uint8)
    data = apercu.encode(noise, quality=95)
    assert len(data) > 4 * 65536
    stream = Counting(data)
    with Image.open(stream) as opened:
        assert opened.size == (2048, 2048)
        assert stream.n_read < 2 * 65536
        decoded = []
        monkeypatch.setattr(apercu, "decode", lambda *_, **__: decoded.append(1) or noise)
        opened.load()
        opened.load()
    assert decoded == [1]


def test_a_header_longer_than_the_first_read(monkeypatch):
    monkeypatch.setattr(apercu.bridges.pillow, "_HEAD_BYTES", 3)
    with Image.open(io.BytesIO(apercu.encode(IMAGES["RGB"]))) as opened:
        assert opened.size == (96, 64)


def test_another_file_is_not_ours():
    for data in (b"something else", apercu.encode(IMAGES["L"])[:2] + b"\xff" * 20):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data))


def test_truncation():
    data = apercu.encode(IMAGES["RGB"])
    n_opened = 0
    for length in range(len(data)):
        try:
            opened = Image.open(io.BytesIO(data[:length]))
        except UnidentifiedImageError:
            continue
        n_opened += 1
        with pytest.raises(OSError, match="cannot load this apercu file") as caught:
            opened.load()
        assert isinstance(caught.value.__cause__, apercu.FormatError)
    assert 0 < n_opened < len(data)


def test_truncated_images_may_be_loaded_as_far_as_they_go(monkeypatch):
    data = apercu.encode(np.tile(IMAGES["L"], (1, 12)), layers=3)[:-9]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(np.asarray(opened), apercu.decode(data, damaged="conceal"))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_save_refuses_what_would_lose_bits(tmp_path, mode):
    with pytest.raises(OSError, match=f"cannot write mode {mode} as APERCU: .*convert it") as caught:
        Image.new(mode, (8, 8)).save(tmp_path / "a.apc")
    assert isinstance(caught.value, apercu.FileFormatError)
    assert not (tmp_path / "a.apc").exists()


@pytest.mark.parametrize(("bands", "dtype"), [(3, np.uint16), (5, np.uint8), (2, np.uint8), (4, np.uint16)])
def test_open_refuses_what_pillow_has_no_mode_for(bands, dtype):
    data = apercu.encode(np.zeros((8, 8, bands), dtype))
    with pytest.raises(OSError, match=r"use apercu\.decode") as caught:
        Image.open(io.BytesIO(data))
    assert isinstance(caught.value, apercu.FileFormatError)


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, "APERCU", **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["1", "P", "PA", "LA", "La", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"])
def test_images_of_other_modes_are_saved_as_files_of_their_kind_are(mode):
    image = image_of(mode)
    assert image.mode == mode
    assert saved(image, quality=80) == apercu.encode(image, quality=80)


def test_the_profile_and_the_transparent_colour_of_an_image_count():
    profile = imagecodecs.cms_profile("adobergb")
    plain, profiled, keyed = (Image.fromarray(IMAGES["RGB"]) for _ in range(3))
    profiled.info["icc_profile"] = profile
    colour = plain.getpixel((5, 5))
    keyed.info["transparency"] = colour
    for image in (profiled, keyed):
        data = saved(image)
        assert data == apercu.encode(*as_file(image))
        assert data != saved(plain)
    # What is given to save goes before what the image has, as with Pillow's own formats.
    assert saved(plain, icc_profile=profile) == saved(profiled)
    assert saved(plain, transparency=colour) == saved(keyed)
    assert saved(profiled, icc_profile=None) == saved(keyed, transparency=None) == saved(plain)
    assert profiled.info == {"icc_profile": profile}


def as_file(image):
    """The samples that come of a PNG of an image."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return (files.read(stream)[0],)


@pytest.mark.parametrize("name", ["qualty", "n_byte", "bytes", "optimize", "lossless", "image"])
def test_save_refuses_options_that_it_does_not_know(tmp_path, name):
    with pytest.raises(OSError, match=f"no option {name}; it takes n_bytes, bpp"):
        Image.fromarray(IMAGES["L"]).save(tmp_path / "a.apc", **{name: 50})
    assert not (tmp_path / "a.apc").exists()


def test_save_passes_over_metadata():
    image = Image.fromarray(IMAGES["L"])
    metadata = {"dpi": (72, 72), "exif": b"", "xmp": b"", "comment": b"", "icc_profile": None}
    assert saved(image, **metadata) == saved(image)


def test_save_takes_every_option_of_encode():
    image = Image.fromarray(IMAGES["RGB"])
    names = inspect.signature(apercu.encode).parameters.keys() - {"image", "codec", "options"}
    names |= {"threshold", "step", "tables"}
    assert saved(image, **dict.fromkeys(names), codec="apercu") == saved(image)
    assert saved(image, bands="spectral") == apercu.encode(IMAGES["RGB"], bands="spectral")


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"n_bytes": 1}, apercu.TargetUnreachable),
        ({"quality": 101}, apercu.OptionError),
        ({"bands": "grey"}, apercu.OptionError),
        ({"model": "nowhere.npy"}, apercu.ModelError),
    ],
)
def test_what_encode_refuses_is_an_os_error(options, cause):
    with pytest.raises(OSError, match="cannot write this image as APERCU") as caught:
        saved(Image.fromarray(IMAGES["RGB"]), **options)
    assert isinstance(caught.value.__cause__, cause)
    assert isinstance(caught.value, apercu.ApercuError)


def test_several_frames_are_refused():
    image = Image.fromarray(IMAGES["L"])
    assert saved(image, save_all=True) == saved(image)
    for options in ({"append_images": [image]}, {"save_all": True, "append_images": [image]}):
        with pytest.raises(OSError, match="one picture"):
            saved(image, **options)


def verify(data):
    with Image.open(io.BytesIO(data)) as opened:
        opened.verify()


@EVERY_CODEC
def test_verify_finds_damage_anywhere(codec):
    data = encode(np.tile(IMAGES["RGB"], (5, 5, 1)), codec, quality=60)
    verify(data)
    head = len(data) - len(data) * 9 // 10
    for at in range(head, len(data), len(data) // 40):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with pytest.raises(OSError, match="a damaged apercu file") as caught:
            verify(bytes(damaged))
        assert isinstance(caught.value.__cause__, apercu.FormatError)
    for damaged in (data[:-1], data[: len(data) // 2], data + b"more"):
        with pytest.raises(OSError, match="a damaged apercu file"):
            verify(damaged)


def test_verify_finds_a_content_that_breaks_a_rule():
    # The checksum is right, what it guards is not.
    head, segment, n_pixels = files_by_hand.taken_apart(apercu.encode(IMAGES["L"][:32, :32], codec="taha2025"))
    with pytest.raises(OSError, match="a damaged apercu file"):
        verify(files_by_hand.sealed(head + b"\xff" * len(segment), n_pixels))


def test_verify_closes_a_file_that_it_opened(tmp_path):
    (tmp_path / "a.apc").write_bytes(apercu.encode(IMAGES["L"]))
    opened = Image.open(tmp_path / "a.apc")
    opened.verify()
    assert opened.fp is None
    with pytest.raises(RuntimeError, match="directly after open"):
        opened.verify()
