"""The codec `dct`: its quantisers, what `tune` chooses, and what a search picks."""

from itertools import pairwise

import numpy as np
import pytest

import apercu
from apercu.codecs import dct, encoding, forecast
from apercu.format.weights import FOLDER
from scripts.pictures import scene

IMAGE = scene(64, 80, 3, 5)


def variant_of(data):
    return round(256 * apercu.info(data)["quality"]) % 4


@pytest.mark.parametrize("entropy", ["range", "huffman"])
def test_the_last_bits_of_a_quality_name_the_quantiser(entropy):
    """At the same step; all four give other files and other pictures, and a file's quality makes it again."""
    files = [apercu.encode(IMAGE, codec="dct", entropy=entropy, quality=40 + v / 256) for v in range(4)]
    assert len(set(files)) == 4
    assert {apercu.info(data)["step"] for data in files} == {apercu.info(files[0])["step"]}
    assert [apercu.info(data)["quality"] for data in files] == [40, 40.00390625, 40.0078125, 40.01171875]
    assert [apercu.info(data)["quantiser"] for data in files] == [0, 1, 2, 3]
    pictures = [apercu.decode(data) for data in files]
    assert not any(np.array_equal(a, b) for a, b in pairwise(pictures))


@pytest.mark.parametrize("entropy", ["range", "huffman"])
def test_tuned_for_ssim(entropy):
    """The last quantiser, at every quality but 100, and in every search."""
    options = {"codec": "dct", "entropy": entropy, "tune": "ssim"}
    for target in ({"quality": 40}, {"quality": 40 + 1 / 256}, {"quality": 33.33}, {"n_bytes": 900}, {"psnr": 27}):
        data = apercu.encode(IMAGE, **target, **options)
        assert variant_of(data) == 3
        again = apercu.info(data)["quality"]
        assert apercu.encode(IMAGE, quality=again, **options) == data
        assert apercu.encode(IMAGE, codec="dct", entropy=entropy, quality=again) == data
        assert len(data) <= target.get("n_bytes", len(data))
    finest = apercu.encode(IMAGE, quality=100, **options)
    assert finest == apercu.encode(IMAGE, codec="dct", entropy=entropy, quality=100)
    assert apercu.encode(IMAGE, codec="dct", tune="psnr", quality=40) == apercu.encode(IMAGE, codec="dct", quality=40)


@pytest.mark.parametrize("pick", [0, 2])
def test_the_ends_of_a_search_are_qualities_0_and_100(pick, monkeypatch):
    """Whatever is picked."""
    monkeypatch.setattr(encoding, "picked", lambda *_: pick)
    least, most = (apercu.encode(IMAGE, codec="dct", quality=quality) for quality in (0, 100))
    assert len(apercu.encode(IMAGE, codec="dct", n_bytes=len(least))) <= len(least)
    assert apercu.encode(IMAGE, codec="dct", n_bytes=len(most)) == most
    with pytest.raises(apercu.TargetUnreachable, match=f"quality 0 takes {len(least)} bytes"):
        apercu.encode(IMAGE, codec="dct", n_bytes=len(least) - 1)


def line(n_bytes, error):
    """A forecast of so many bytes, times 2^16 / step, and of this error, times step / 2^16."""
    steps = [step / 65536 for step in forecast.STEPS_Q8]
    return forecast.Forecast([8 * n_bytes / step for step in steps], [error * step for step in steps])


def test_the_variant_of_much_the_least_error_or_the_least_size_is_picked():
    """At 1000 bytes the steps are 65,536, 98,304 and 32,768, and the errors 500, 480 and 550."""
    forecasts = {0: line(1000, 500.0), 1: line(1500, 320.0), 2: line(500, 1100.0)}
    assert forecast.picked(forecasts, 1000, 0.0) == 1
    assert forecast.picked({0: forecasts[0], 2: forecasts[2]}, 1000, 0.0) == 0
    assert forecast.picked({0: forecasts[0], 1: line(1500, 328.0)}, 1000, 0.0) == 1  # 492
    assert forecast.picked({0: forecasts[0], 1: line(1500, 329.0)}, 1000, 0.0) == 0  # 493.5: not much less
    assert forecast.picked(forecasts, 800, 0.0) == 1
    assert forecast.picked(forecasts, 799, 0.0) == 0  # next to empty
    # At an error of 500, they take 1000, 960 and 1100 bytes.
    assert forecast.picked(forecasts, None, 500.0) == 1
    assert forecast.picked({2: forecasts[2], 0: forecasts[0]}, None, 500.0) == 0
    assert forecast.picked(forecasts, None, 700.0) == 0  # of 714 bytes


@pytest.mark.parametrize("target", [{"n_bytes": 1500}, {"psnr": 27}])
@pytest.mark.parametrize("pick", [0, 1, 2])
def test_a_search_stays_with_what_was_picked(pick, target, monkeypatch):
    monkeypatch.setattr(encoding, "picked", lambda forecasts, *_: {v: v for v in forecasts}[pick])
    data = apercu.encode(scene(120, 140, 3, 6), codec="dct", **target)
    assert variant_of(data) == pick
    assert apercu.encode(scene(120, 140, 3, 6), codec="dct", quality=apercu.info(data)["quality"]) == data


@pytest.mark.parametrize("codec", ["apercu", "dct"])
@pytest.mark.parametrize("psnr", [99_999, 1e308])
def test_a_psnr_beyond_all_numbers_cannot_be_reached(codec, psnr):
    with pytest.raises(apercu.TargetUnreachable, match="quality 100"):
        apercu.encode(IMAGE, codec=codec, psnr=psnr)


def test_a_search_for_psnr_is_given_three_quantisers_and_one_for_ssim():
    assert list(dct.variants(dct.Options())) == list(dct.variants(dct.Options(tune="psnr"))) == [0, 1, 2]
    assert list(dct.variants(dct.Options(tune="ssim"))) == [3]


def test_what_tune_does_not_go_with():
    image = scene(16, 16)
    with pytest.raises(apercu.OptionError, match="tune must be one of 'psnr', 'ssim'"):
        apercu.encode(image, codec="dct", tune="sharp")
    with pytest.raises(apercu.OptionError, match="tune"):
        apercu.encode(image, codec="apercu", tune="ssim")


def test_tables_of_your_own_are_tuned_too():
    data = apercu.encode(IMAGE, codec="dct", tune="ssim", model=FOLDER / "dct.npy", quality=40)
    assert variant_of(data) == 3
    shipped = apercu.encode(IMAGE, codec="dct", tune="ssim", quality=40)
    assert np.array_equal(apercu.decode(data, model=FOLDER / "dct.npy"), apercu.decode(shipped))
