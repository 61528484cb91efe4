"""Images that are read window by window make the same bytes as arrays."""

import numpy as np
import pytest

import apercu
from apercu.codecs import decoding, encoding, source
from apercu.codecs.encoding import Target
from apercu.codecs.source import ArraySource
from apercu.format.container import read_header
from apercu.stages import levels
from apercu.stages.blocks import Window, part, tiles
from apercu.stages.squared_error import squared_error
from every_codec import CODECS, EVERY_CODEC, EVERY_KIND, drawn
from scripts.pictures import noise, scene, wide
from windows import Windows


def encode(source, codec, tile=None, bands=None, **target):
    options = dict(CODECS[codec])
    name = options.pop("codec")
    how = encoding.How(name, encoding.options_of(name, options), bands, tile=tile)
    return encoding.encode(source, Target(**target), how)


def with_holes(image, kind):
    """The picture (H, W, B) with what levels and fill look at, and a mask, or None."""
    image = image.reshape(*image.shape[:2], -1).copy()
    if image.dtype == np.uint16:
        image[60:, :30] = 65535
        image[5, 7] = 0
    if kind == "rgba":
        image[:20, :, 3] = 0
    mask = np.zeros(image.shape, np.bool_)
    mask[10:40, 20:50] = mask[70:, 70:, :1] = True
    return image, None if kind == "spectral of 2" else mask


@EVERY_CODEC
@EVERY_KIND
def test_a_source_makes_the_bytes_of_an_array(codec, kind, dtype):
    image, mask = with_holes(drawn(kind, 75, 100, dtype), kind)
    masked = image if mask is None else np.ma.MaskedArray(image, mask)
    array = masked[:, :, 0] if kind in ("flat grey", "grey") else masked  # one band is flat
    bands = "spectral" if "spectral" in kind else None
    for tile, target in ((32, {"quality": 40}), (None, {"n_bytes": 3000}))[: 2 if codec == "apercu" else 1]:
        made = encode(Windows(image, mask), codec, tile, bands, **target)
        assert made == encode(array, codec, tile, bands, **target)


@pytest.mark.parametrize("kind", ["grey", "rgba", "spectral of 5"])
@pytest.mark.parametrize("codec", ["apercu", "dct"])
def test_a_psnr_is_that_of_the_samples_that_count(codec, kind):
    image, mask = with_holes(drawn(kind, 75, 100), kind)
    bands = "spectral" if "spectral" in kind else None
    data = encode(Windows(image, mask), codec, 32, bands, psnr=30.0)
    array = np.ma.MaskedArray(image, mask)
    array = array[:, :, 0] if kind == "grey" else array
    assert data == encode(array, codec, 32, bands, psnr=30.0)
    counted = ~mask
    if kind == "rgba":
        counted[:, :, :3] &= image[:, :, 3:] > 0
    error = (apercu.decode(data).reshape(image.shape).astype(float) - image)[counted]
    assert 10 * np.log10(255**2 / np.mean(error**2)) == pytest.approx(30, abs=0.06)


def test_levels_may_be_given():
    image = wide(scene(64, 64, 2), 300, 9000)
    given = (levels.Levels(0, 208), levels.Levels(120, 150))
    data = encoding.encode(ArraySource(image), Target(quality=50), encoding.How("apercu"), levels=given)
    assert read_header(data).levels == given
    for wrong in (given[:1], [(0, 208), (0, 209)], ()):
        with pytest.raises(apercu.OptionError, match=r"level|range"):
            encoding.encode(image, Target(quality=50), encoding.How("apercu"), levels=wrong)


def picture(number):
    """A picture of uint16 with outliers of many kinds, a mask or none, and what its bands are."""
    n_bands, interpretation = ((1, "grey"), (3, "rgb"), (4, "rgba"), (3, "spectral"))[number % 4]
    height, width = (int(n) % 150 + 1 for n in noise((2,), number))
    image = wide(scene(height, width, n_bands, number), 900 * (number % 7), 10_000)
    for place, value in zip(noise((5,), number) % (height * width), (0, 65535, 40_000, 100, 30_000), strict=True):
        image.reshape(-1, n_bands)[place, number % n_bands] = value
    if (special := number // 4 % 4) == 1:
        image[: height // 3] = 65535
    elif special == 2:
        image[:, width // 2] = 60_000
    if interpretation == "rgba":
        image[: height // 4, :, 3] = 0
    return image, noise(image.shape, number) % 3 == 0 if number % 5 == 0 else None, interpretation


@pytest.mark.parametrize("number", range(40))
def test_levels_of_windows_are_those_of_the_array(number, monkeypatch):
    """However the image is cut. It is read once, or twice where there may be outliers."""
    image, mask, interpretation = picture(number)
    height, width, n_bands = image.shape
    for strip, at_once in ((1 << 18, 512), (2000, 16), (500, 1)):
        monkeypatch.setattr(levels, "_STRIP", strip)
        monkeypatch.setattr(levels, "_AT_ONCE", at_once)
        expected = levels.measure(levels.image_of(image, mask), interpretation)
        source = Windows(image, mask)
        of_windows = levels.Image(height, width, n_bands, source.read, list(tiles(height, width, 32)))
        assert levels.measure(of_windows, interpretation) == expected
        assert source.n_read in (height * width, 2 * height * width)


def test_what_a_source_gives_is_checked():
    class Wrong(Windows):
        def read(self, window):
            return super().read(Window(0, 0, 8, 8))

    with pytest.raises(apercu.ImageError, match=r"\(8, 8, 1\)"):
        encoding.encode(Wrong(scene(20, 20)), Target(quality=50), encoding.How("apercu"))
    for samples in (np.zeros((8, 8, 1), np.int16), np.zeros((8, 0, 1), np.uint8)):
        with pytest.raises(apercu.ImageError):
            encoding.encode(Windows(samples), Target(quality=50), encoding.How("apercu"))


@pytest.mark.parametrize("damaged", ["raise", "conceal"])
def test_what_is_decoded_comes_tile_by_tile(damaged):
    """In scan order, each tile once, all together the image; of a window too, and where a tile is lost."""
    data = apercu.encode(scene(75, 100, 3), quality=50, tile=32)
    if damaged == "conceal":
        header = read_header(data)
        at = header.head_size + sum(header.lengths[:5]) + 5 * 4
        data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    for window in (None, Window(10, 40, 50, 50)):
        image = apercu.decode(data, damaged=damaged, window=window)
        parts = list(decoding.windows(data, decoding.How(damaged), window))
        assert [place[:2] for place, _ in parts] == sorted(place[:2] for place, _ in parts)
        assert len(parts) == (12 if window is None else 4)
        joined = np.zeros_like(image)
        for place, samples in parts:
            assert not part(joined, place).any()
            part(joined, place)[:] = samples
        assert np.array_equal(joined, image)


def test_what_is_known_to_be_wrong_is_refused_before_the_first_part():
    data = apercu.encode(scene(75, 100, 3), quality=50, tile=32)
    with pytest.raises(apercu.Truncated):
        decoding.windows(data[:-9])


@pytest.mark.parametrize(("dtype", "side"), [("uint8", 300), ("uint16", 70)])
def test_squared_errors_are_whole_numbers(dtype, side):
    most = np.iinfo(dtype).max
    a, b = np.full((side, side, 3), most, dtype), np.zeros((side, side, 3), dtype)
    assert squared_error(a, b) == side * side * 3 * most**2
    a, b = (noise((side + 2, side + 5, 2), seed).astype(dtype) for seed in (1, 2))
    a, b = a[1:-1, 2:-3], b[2:, 5:].astype(np.dtype(dtype).newbyteorder(">"))  # windows, and bytes of another order
    assert squared_error(a, b) == int(((a.astype(np.int64) - b) ** 2).sum()) > 0
    hidden = noise(a.shape, 3) % 3 == 0
    assert source.squared_error(a, hidden, b) == int(((a.astype(np.int64) - b)[~hidden] ** 2).sum())
