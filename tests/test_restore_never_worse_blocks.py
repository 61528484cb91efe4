"""restore="cnn" for codecs of blocks: drawn pictures are no worse than with "none", and photographs are better."""

import numpy as np
import pytest

import apercu
from apercu.bench.tasks.drawing import pixels
from scripts.drawn import images

pytest.importorskip("onnxruntime")
CODECS = ("taha2025", "dct", "stacked_ae")
IMAGES = images(0)
Y, X = np.mgrid[0:150, 0:170].astype(float)
FROM_THE_MIDDLE = np.hypot(X - 85, Y - 75)
PATTERNS = {
    "stripes of 10": 128 + 60 * np.sign(np.sin(2 * np.pi * (X + 0.5) / 10)),
    "waves of 12": 128 + 60 * np.sin(2 * np.pi * X / 12),
    "stripes of 12": 128 + 60 * np.sign(np.sin(2 * np.pi * (X + 0.5) / 12)),
    "rings of 12": 128 + 60 * np.sin(2 * np.pi * FROM_THE_MIDDLE / 12),
    "chequers of 12": (X // 12 + Y // 12) % 2 * 120 + 60,
    "chequers of 16": (X // 16 + Y // 16) % 2 * 120 + 60,
    "chequers of 20": (X // 20 + Y // 20) % 2 * 120 + 60,
    "waves of 28": 128 + 60 * np.sin(2 * np.pi * X / 28),
    "waves of 28, aslant": 128 + 60 * np.sin(2 * np.pi * (X * 0.8 + Y * 0.6) / 28),
    "chequers of 28": (X // 28 + Y // 28) % 2 * 120 + 60,
    "edge": np.where(X < 70, 60, 140),
    "edge, aslant": np.where(X + 0.4 * Y < 100, 60, 140),
    "disc": np.where(np.hypot(X - 80, Y - 70) < 50, 60, 140),
}
WORST = {
    "taha2025": {
        "stripes of 10": (10,),
        "waves of 12": (10,),
        "stripes of 12": (5, 10),
        "chequers of 12": (15, 20),
        "chequers of 16": (2, 10, 30),
    },
    "dct": {"waves of 28, aslant": (15,), "edge": (5, 10), "edge, aslant": (10,), "disc": (10,)},
    "stacked_ae": {
        "stripes of 12": (10,),
        "waves of 12": (10,),
        "rings of 12": (10,),
        "chequers of 12": (30, 65),
        "chequers of 16": (20, 30),
        "chequers of 20": (2, 50),
        "waves of 28": (2,),
        "chequers of 28": (10, 50),
    },
}
"""Patterns and qualities at which a network that had learnt photographs alone lost up to 18 dB. Where others still lose
more than is allowed here is in docs/taha2025.md."""


def gain(image, codec, quality):
    """What the network brings, in dB."""
    data = apercu.encode(image, codec=codec, quality=quality)
    plain, restored = (
        float(np.mean((image.astype(float) - apercu.decode(data, restore=name)) ** 2)) for name in ("none", "cnn")
    )
    return 10 * np.log10(max(plain, 1e-9) / max(restored, 1e-9))


@pytest.mark.parametrize(
    ("codec", "name", "quality"),
    [(codec, name, quality) for codec in CODECS for name in WORST[codec] for quality in WORST[codec][name]],
)
def test_patterns_stay_as_good_as_they_were(codec, name, quality):
    assert gain(pixels(PATTERNS[name]), codec, quality) >= -0.02


def test_chroma_that_has_more_contrast_than_luma_stays_as_it_is():
    second = ((X // 24 + Y // 24) % 2).astype(bool)
    image = np.where(second[:, :, None], (60, 84, 172), (80, 112, 128)).astype(np.uint8)
    assert min(gain(image, "taha2025", quality) for quality in (30, 50, 53)) >= -0.02


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("index", "name"), list(enumerate(IMAGES)))
def test_drawn_pictures_stay_as_good_as_they_were(codec, index, name):
    """At one quality each, coarse ones for a half."""
    qualities = (2, 30, 10, 50, 20, 65, 5, 80, 40, 95)
    assert gain(IMAGES[name], codec, qualities[(index + CODECS.index(codec)) % 10]) >= -0.05


def leaves(seed, side=192):
    """Grey discs and ellipses over one another, few large and many small, with a little texture: what photographs have
    in common (the dead leaves of Lee, Mumford and Huang 2001)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side].astype(float)
    frequency = np.maximum(np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]), 1 / side)
    texture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) / frequency**1.3, (side, side))
    texture /= texture.std()
    values = np.zeros((side, side))
    for _ in range(700):
        radius = min(4 / np.sqrt(1 - 0.995 * rng.random()), 70)
        down, across = y - rng.uniform(-20, side + 20), x - rng.uniform(-20, side + 20)
        angle = rng.uniform(0, np.pi)
        along, aside = across * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - across * np.sin(angle)
        leaf = rng.uniform(20, 235) + rng.uniform(0, 10) * texture + rng.uniform(-1, 1) * along
        inside = along**2 + (aside / rng.uniform(0.4, 1)) ** 2 < radius**2
        values[inside] = leaf[inside]
    return pixels(values)


@pytest.mark.parametrize(("codec", "least"), [("taha2025", 0.8), ("dct", 0.35), ("stacked_ae", 0.5)])
def test_the_gain_stays_where_a_picture_is_like_a_photograph(codec, least):
    image = leaves(1)
    gains = [gain(image, codec, quality) for quality in (30, 40, 50)]
    assert min(gains) > least, gains
