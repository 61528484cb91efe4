"""restore="cnn" is never worse than "none" by more than 0.05 dB, whatever the picture and the quality."""

import numpy as np
import pytest

import apercu
from scripts.pictures import scene, wide

pytest.importorskip("onnxruntime")
QUALITIES = (0, 5, 10, 20, 30, 40, 50, 57.5, 62.5, 65, 67.5, 70, 80, 90, 100)
H, W = 152, 169
Y, X = np.mgrid[0:H, 0:W].astype(float)


def pixels(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def sky(height, width):
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    t = (y + 0.1 * (x - 0.4) ** 2)[:, :, None] ** 1.3
    return np.array([60, 120, 200]) + np.array([130, 95, 40]) * t


def cloudy(seed, bands, fall):
    """Noise whose amplitude falls with the frequency to the power of `fall`, of deviation 1."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(H)[:, None], np.fft.rfftfreq(W)[None])
    frequency[0, 0] = 1
    made = []
    for _ in range(bands):
        spectrum = (rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)) / frequency**fall
        spectrum[0, 0] = 0
        values = np.fft.irfft2(spectrum, (H, W))
        made.append(values / values.std())
    return np.stack(made, 2)


def noise(seed, deviation, bands=1):
    return np.random.default_rng(seed).normal(0, deviation, (H, W, bands))


def lines(seed):
    """Lines of one pixel without anti-aliasing."""
    rng = np.random.default_rng(seed)
    image = np.full((H, W), 255, np.uint8)
    for y0, x0, y1, x1 in rng.random((30, 4)):
        t = np.linspace(0, 1, 400)
        image[
            np.rint((y0 + (y1 - y0) * t) * (H - 1)).astype(int), np.rint((x0 + (x1 - x0) * t) * (W - 1)).astype(int)
        ] = 0
    return image


def letters(seed):
    """Strokes of one pixel on a grid of 3 x 5, as small print has them."""
    rng = np.random.default_rng(seed)
    image = np.full((H, W), 255, np.uint8)
    for top in range(3, H - 8, 9):
        for left in range(3, W - 6, 5):
            image[top : top + 5, left : left + 3][rng.random((5, 3)) < 0.55] = 30
    return image


def hot(image):
    """One pixel of 65,535."""
    image = image.copy()
    image[50, 60] = 65535
    return image


def wedge(image):
    image = image.copy()
    image[X + Y < 60] = 65535
    return image


IMAGES = {
    "flat": np.full((H, W), 77, np.uint8),
    "flat colour": np.full((H, W, 3), (200, 40, 90), np.uint8),
    "black": np.zeros((H, W, 3), np.uint8),
    "slope": pixels(20 + 0.9 * X + 0.1 * Y),
    "slope of 16 bits": (1000 + 3 * X + 2 * Y).astype(np.uint16),
    "sky": pixels(sky(H, W)),
    "sky of 16 bits": (sky(H, W) * 200).astype(np.uint16),
    "sky with grain": pixels(sky(H, W) + noise(1, 0.7, 3)),
    "glow": pixels(255 * np.exp(-((X - 80) ** 2 + (Y - 50) ** 2) / 3500)),
    "hills": pixels(128 + 35 * cloudy(2, 3, 3.0)),
    "clouds": pixels(128 + 30 * cloudy(3, 3, 1.8) + 20 * cloudy(4, 1, 1.8)),
    "texture": pixels(128 + 30 * cloudy(5, 3, 1.2)),
    "rough texture": pixels(128 + 30 * cloudy(6, 1, 0.8)),
    "faint texture": pixels(120 + 2.5 * cloudy(7, 3, 1.2)),
    "scene of 12 bits": (1000 + 250 * cloudy(8, 1, 1.4)[:, :, 0]).astype(np.uint16),
    "hot pixel": hot((1000 + 120 * cloudy(9, 1, 1.3)[:, :, 0]).astype(np.uint16)),
    "hot wedge": wedge((1000 + 120 * cloudy(10, 1, 1.3)[:, :, 0]).astype(np.uint16)),
    "noise": pixels(128 + noise(11, 8)),
    "much noise": pixels(128 + noise(12, 30)),
    "noise in the dark": pixels(4 + noise(13, 3, 3)),
    "noise of 16 bits": np.random.default_rng(14).integers(0, 65536, (H, W)).astype(np.uint16),
    "lines": lines(15),
    "letters": letters(16),
    "halftone": ((np.random.default_rng(17).random((H, W)) < 0.3 + X / 2 / W) * 255).astype(np.uint8),
    "chequered": ((X + Y) % 2 * 255).astype(np.uint8),
    "chequered coarsely": ((X // 8 + Y // 8) % 2 * 200 + 20).astype(np.uint8),
    "disc": pixels(np.where((X - 80) ** 2 + (Y - 70) ** 2 < 2500, 200, 60)),
    "edge": pixels(np.where(X < 70, 90, 140)),
    "scene": scene(H, W, 3, 2),
    "scene of 16 bits": wide(scene(H, W, 3, 3), 100, 30000),
    "spectral": pixels(128 + 30 * cloudy(18, 5, 1.2)),
    "with alpha": np.concatenate([scene(H, W, 3, 4), pixels(X)[:, :, None]], 2),
    "1 x 1": pixels(sky(1, 1)),
    "3 x 5": pixels(sky(3, 5)),
    "17 x 1": pixels(sky(17, 1)),
    "9 x 130": pixels(sky(9, 130)),
    "33 x 31": pixels(sky(33, 31)),
}


def psnr(image, other):
    error = np.mean((image.astype(float) - other) ** 2)
    peak = 65535 if image.dtype == np.uint16 else 255
    return 10 * np.log10(peak**2 / error) if error else np.inf


@pytest.mark.parametrize("name", IMAGES)
def test_never_worse(name):
    image = IMAGES[name]
    for quality in QUALITIES:
        data = apercu.encode(image, codec="apercu", quality=quality)
        plain, restored = psnr(image, apercu.decode(data)), psnr(image, apercu.decode(data, restore="cnn"))
        assert restored >= plain - 0.05, (quality, plain, restored)


@pytest.mark.parametrize("bpp", [0.02, 0.05, 0.1])
def test_a_wide_sky_stays_as_smooth_as_it_was(bpp):
    image = pixels(sky(700, 700))
    data = apercu.encode(image, codec="apercu", bpp=bpp)
    assert psnr(image, apercu.decode(data, restore="cnn")) >= psnr(image, apercu.decode(data)) - 0.05


def test_the_gain_stays():
    """Where the network is at home, it is trusted in full."""
    image = scene(200, 180, 3, 3)
    gains = []
    for quality in (30, 40, 50):
        data = apercu.encode(image, codec="apercu", quality=quality)
        gains.append(psnr(image, apercu.decode(data, restore="cnn")) - psnr(image, apercu.decode(data)))
    assert min(gains) > 0.8, gains


def test_alpha_is_left_as_it_is():
    image = np.concatenate([scene(90, 80, 3), scene(90, 80, 1, 5)], 2)
    data = apercu.encode(image, codec="apercu", quality=45)
    plain, restored = apercu.decode(data), apercu.decode(data, restore="cnn")
    assert np.array_equal(plain[:, :, 3], restored[:, :, 3])
    assert not np.array_equal(plain[:, :, :3], restored[:, :, :3])
