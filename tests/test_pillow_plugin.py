"""apercu as a format of Pillow's."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile, UnidentifiedImageError

import apercu
import apercu.bridges.pillow  # registers the format

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
    data = apercu.encode(np.tile(IMAGES["L"], (1, 12)))[:-9]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(np.asarray(opened), apercu.decode(data, damaged="conceal"))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK", "F", "I"])
def test_save_refuses_other_modes(tmp_path, mode):
    with pytest.raises(apercu.FileFormatError, match=f"cannot write mode {mode} as APERCU: .*RGBA"):
        Image.new(mode, (8, 8)).save(tmp_path / "a.apc")
    assert not (tmp_path / "a.apc").exists()


@pytest.mark.parametrize(("bands", "dtype"), [(3, np.uint16), (5, np.uint8), (2, np.uint8), (4, np.uint16)])
def test_open_refuses_what_pillow_has_no_mode_for(bands, dtype):
    data = apercu.encode(np.zeros((8, 8, bands), dtype))
    with pytest.raises(apercu.FileFormatError, match=r"use apercu\.decode"):
        Image.open(io.BytesIO(data))
