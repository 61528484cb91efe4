"""Pictures that the project draws to try a restorer with: flat, smooth, textured, noisy, drawn, hot, tiny."""

import numpy as np
from numpy.typing import NDArray

from apercu.bench.tasks.drawing import Values, pixels, rough
from apercu.stages.colour import Samples
from scripts.pictures import scene, wide

H, W = 152, 169
Y, X = np.mgrid[0:H, 0:W].astype(float)


def sky(height: int, width: int) -> Values:
    """A smooth slope of blues, (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    t = (y + 0.1 * (x - 0.4) ** 2)[:, :, None] ** 1.3
    blues: Values = np.array([60, 120, 200]) + np.array([130, 95, 40]) * t
    return blues


def images(seed: int) -> dict[str, Samples]:
    """All of them by name."""
    rng = np.random.default_rng(seed)

    def wide_of(values: Values) -> NDArray[np.uint16]:
        return np.clip(np.rint(values), 0, 65535).astype(np.uint16)

    hot, wedge = (wide_of(1000 + 120 * _cloudy(rng, 1, 1.3)[:, :, 0]) for _ in range(2))
    hot[50, 60] = 65535
    wedge[X + Y < 60] = 65535
    smooth = {
        "flat": np.full((H, W), 77, np.uint8),
        "flat colour": np.full((H, W, 3), (200, 40, 90), np.uint8),
        "black": np.zeros((H, W, 3), np.uint8),
        "slope": pixels(20 + 0.9 * X + 0.1 * Y),
        "slope of 16 bits": wide_of(1000 + 3 * X + 2 * Y),
        "sky": pixels(sky(H, W)),
        "sky of 16 bits": wide_of(sky(H, W) * 200),
        "sky with grain": pixels(sky(H, W) + rng.normal(0, 0.7, (H, W, 3))),
        "glow": pixels(255 * np.exp(-((X - 80) ** 2 + (Y - 50) ** 2) / 3500)),
        "hills": pixels(128 + 35 * _cloudy(rng, 3, 3.0)),
        "clouds": pixels(128 + 30 * _cloudy(rng, 3, 1.8) + 20 * _cloudy(rng, 1, 1.8)),
    }
    textured = {
        "texture": pixels(128 + 30 * _cloudy(rng, 3, 1.2)),
        "rough texture": pixels(128 + 30 * _cloudy(rng, 1, 0.8)),
        "faint texture": pixels(120 + 2.5 * _cloudy(rng, 3, 1.2)),
        "scene of 12 bits": wide_of(1000 + 250 * _cloudy(rng, 1, 1.4)[:, :, 0]),
        "hot pixel": hot,
        "hot wedge": wedge,
        "spectral": pixels(128 + 30 * _cloudy(rng, 5, 1.2)),
        "noise": pixels(128 + rng.normal(0, 8, (H, W))),
        "much noise": pixels(128 + rng.normal(0, 30, (H, W))),
        "noise in the dark": pixels(4 + rng.normal(0, 3, (H, W, 3))),
        "noise of 16 bits": rng.integers(0, 65536, (H, W)).astype(np.uint16),
    }
    drawn = {
        "lines": _lines(rng),
        "letters": _letters(rng),
        "halftone": ((rng.random((H, W)) < 0.3 + X / 2 / W) * 255).astype(np.uint8),
        "chequered": ((X + Y) % 2 * 255).astype(np.uint8),
        "chequered coarsely": ((X // 8 + Y // 8) % 2 * 200 + 20).astype(np.uint8),
        "waves": pixels(128 + 60 * np.sin(2 * np.pi * (X + 0.3 * Y) / 7.3)),
        "disc": pixels(np.where((X - 80) ** 2 + (Y - 70) ** 2 < 2500, 200, 60)),
        "edge": pixels(np.where(X < 70, 90, 140)),
        "scene": scene(H, W, 3, seed + 2),
        "scene of 16 bits": wide(scene(H, W, 3, seed + 3), 100, 30000),
        "with alpha": np.concatenate([scene(H, W, 3, seed + 4), pixels(X)[:, :, None]], 2),
    }
    sizes = ((1, 1), (3, 5), (17, 1), (9, 130), (33, 31))
    return smooth | textured | drawn | {f"{h} x {w}": pixels(sky(h, w)) for h, w in sizes}


def _cloudy(rng: np.random.Generator, bands: int, fall: float) -> Values:
    """Such noise in each band."""
    return np.stack([rough(rng, fall, (H, W)) for _ in range(bands)], 2)


def _lines(rng: np.random.Generator) -> Samples:
    """Lines of one pixel without anti-aliasing."""
    image = np.full((H, W), 255, np.uint8)
    t = np.linspace(0, 1, 400)
    for y0, x0, y1, x1 in rng.random((30, 4)):
        rows, columns = (y0 + (y1 - y0) * t) * (H - 1), (x0 + (x1 - x0) * t) * (W - 1)
        image[np.rint(rows).astype(int), np.rint(columns).astype(int)] = 0
    return image


def _letters(rng: np.random.Generator) -> Samples:
    """Strokes of one pixel on a grid of 3 x 5, as small print has them."""
    image = np.full((H, W), 255, np.uint8)
    for top in range(3, H - 8, 9):
        for left in range(3, W - 6, 5):
            image[top : top + 5, left : left + 3][rng.random((5, 3)) < 0.55] = 30
    return image
