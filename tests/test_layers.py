"""How many layers an encoder makes: a file cut short shows a picture."""

import numpy as np
import pytest

import apercu
from apercu.errors import OptionError, TargetUnreachable
from scripts.pictures import scene
from test_border import drawn


def psnr(image, decoded):
    return 10 * np.log10(255**2 / np.mean((image.astype(float) - decoded) ** 2))


def colour(seed, side):
    grey = drawn(seed, side)
    return np.dstack([grey, np.roll(grey, 3, 0) // 2 + 60, 255 - drawn(seed + 1, side) // 2])


PICTURES = {
    "small": drawn(1, 130),
    "colour": colour(2, 220),
    "large": drawn(4, 500),
    "scene": scene(300, 400, 3),
    "noise": np.random.default_rng(3).integers(0, 256, (90, 100, 3)).astype(np.uint8),
}


@pytest.mark.parametrize("name", PICTURES)
def test_60_per_cent_of_a_file_are_a_picture(name):
    image = PICTURES[name]
    seen = 0
    for n_bytes in (2_100, 2_500, 3_500, 5_000, 9_000, 20_000, 60_000):
        try:
            data = apercu.encode(image, n_bytes=n_bytes)
        except TargetUnreachable:
            continue
        if len(data) < 2_000:  # as good as it gets
            break
        seen += 1
        shown = apercu.decode(data[: len(data) * 6 // 10], damaged="conceal")
        assert shown.shape == image.shape
        assert psnr(image, shown) > psnr(image, np.full_like(image, round(image.mean())))
    assert seen


@pytest.mark.parametrize("name", ["colour", "large"])
def test_layers_differ_visibly(name):
    image = PICTURES[name]
    for n_bytes in (3_000, 6_000, 15_000):
        data = apercu.encode(image, n_bytes=n_bytes)
        layers = apercu.info(data)["layers"]
        assert layers >= 4
        steps = np.diff([psnr(image, apercu.decode(data, layers=n)) for n in range(1, layers + 1)])
        assert np.all(steps >= -0.02)
        assert steps[0] > 0.5


def test_a_small_file_has_one_layer_a_larger_one_several():
    for image in (drawn(1, 64), drawn(1, 200), drawn(4, 500)):
        for n_bytes in (150, 900, 1_900, 2_100, 8_000):
            try:
                data = apercu.encode(image, n_bytes=n_bytes)
            except TargetUnreachable:
                continue
            layers = apercu.info(data)["layers"]
            assert (layers == 1) if len(data) < 2_000 else layers in (4, 5)
            assert apercu.encode(image, quality=apercu.info(data)["quality"]) == data


def test_five_layers_cost_little():
    """Against one: 36 bytes of directory and checksums, and a few to end a stream."""
    image = drawn(4, 500)
    for quality in (35, 55, 75):
        one, five = (len(apercu.encode(image, quality=quality, layers=layers)) for layers in (1, 5))
        assert 20 <= five - one <= 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 6}, "1 to 5 layers"),
        ({"layers": 0}, "1 or more"),
        ({"layers": 2, "codec": "taha2025"}, "one layer"),
        ({"layers": 1.5}, "whole number"),
        ({"tile": 100}, "power of two"),
        ({"tile": 16}, "power of two"),
        ({"tile": 1 << 17}, "power of two"),
        ({"tile": -32}, "1 or more"),
        ({"tile": "64"}, "whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        apercu.encode(scene(8, 8), **options)
