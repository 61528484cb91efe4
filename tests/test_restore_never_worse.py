"""restore="cnn" and "rnn" are never worse than "none" by more than 0.05 dB, whatever the picture and the quality."""

import numpy as np
import pytest

import apercu
from apercu.bench.tasks.drawing import pixels
from apercu.restore.by_name import restorer_of, ways_of
from scripts.drawn import images, sky
from scripts.pictures import scene

pytest.importorskip("onnxruntime")
EVERY_WAY = pytest.mark.parametrize(
    "way", [way for way in ways_of("apercu")[1:] if restorer_of(way).KIND == "fidelity"]
)
IMAGES = images(0)
QUALITIES = (0, 5, 10, 20, 30, 40, 50, 57.5, 62.5, 65, 67.5, 70, 80, 90, 100)


def psnr(image, other):
    error = np.mean((image.astype(float) - other) ** 2)
    peak = 65535 if image.dtype == np.uint16 else 255
    return 10 * np.log10(peak**2 / error) if error else np.inf


@EVERY_WAY
@pytest.mark.parametrize(("index", "name"), list(enumerate(IMAGES)))
def test_never_worse(index, name, way):
    """Five qualities of each: every picture has coarse and fine ones, and pictures of a kind have all of them."""
    image = IMAGES[name]
    for quality in QUALITIES[index % 3 :: 3]:
        data = apercu.encode(image, codec="apercu", quality=quality)
        plain, restored = psnr(image, apercu.decode(data)), psnr(image, apercu.decode(data, restore=way))
        assert restored >= plain - 0.05, (quality, plain, restored)


@EVERY_WAY
@pytest.mark.parametrize("bpp", [0.02, 0.05, 0.1])
def test_a_wide_sky_stays_as_smooth_as_it_was(bpp, way):
    image = pixels(sky(700, 700))
    data = apercu.encode(image, codec="apercu", bpp=bpp)
    assert psnr(image, apercu.decode(data, restore=way)) >= psnr(image, apercu.decode(data)) - 0.05


Y, X = np.mgrid[0:150, 0:170].astype(float)
WAVES = {
    "waves of 12": 128 + 60 * np.sin(2 * np.pi * X / 12),
    "waves of 13": 128 + 60 * np.sin(2 * np.pi * X / 13.3),
    "waves of 15, aslant": 128 + 60 * np.sin(2 * np.pi * (X * 0.7 + Y * 0.72) / 15),
    "waves of 21": 128 + 60 * np.sin(2 * np.pi * X / 21),
    "rings of 12": 128 + 90 * np.sin(2 * np.pi * np.hypot(X - 85, Y - 75) / 12),
    "rings of 18": 128 + 90 * np.sin(2 * np.pi * np.hypot(X - 85, Y - 75) / 18),
    "stripes of 12": X // 12 % 2 * 100 + 60,
    "chequers of 18": (X // 18 + Y // 18) % 2 * 200 + 20,
    "chequers of 26": (X // 26 + Y // 26) % 2 * 200 + 20,
}


@EVERY_WAY
@pytest.mark.parametrize("name", WAVES)
def test_waves_of_one_period_and_chequers_stay_as_they_are(name, way):
    image = pixels(WAVES[name])
    for quality in (42, 50, 58, 63):
        data = apercu.encode(image, codec="apercu", quality=quality)
        plain, restored = psnr(image, apercu.decode(data)), psnr(image, apercu.decode(data, restore=way))
        assert restored >= plain - 0.05, (quality, plain, restored)


@EVERY_WAY
def test_the_gain_stays(way):
    """Where the network is at home, it is trusted in full."""
    image = scene(200, 180, 3, 3)
    gains = []
    for quality in (30, 40, 50):
        data = apercu.encode(image, codec="apercu", quality=quality)
        gains.append(psnr(image, apercu.decode(data, restore=way)) - psnr(image, apercu.decode(data)))
    assert min(gains) > 0.8, gains


def test_alpha_is_left_as_it_is():
    image = np.concatenate([scene(90, 80, 3), scene(90, 80, 1, 5)], 2)
    data = apercu.encode(image, codec="apercu", quality=45)
    plain, restored = apercu.decode(data), apercu.decode(data, restore="cnn")
    assert np.array_equal(plain[:, :, 3], restored[:, :, 3])
    assert not np.array_equal(plain[:, :, :3], restored[:, :, :3])
