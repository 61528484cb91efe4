"""Pictures drawn at random for training: waves, stripes, edges, clouds, slopes, print, plain ground."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 256
"""Pixels to each side."""
LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:-+()")
Y, X = np.mgrid[0:SIDE, 0:SIDE].astype(float)

Values = NDArray[np.float64]
"""(SIDE, SIDE), mostly from 0 to 1."""


def picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(SIDE, SIDE, 3): one drawing, or two with a border between them, in grey or two colours, a few with grain."""
    values = _drawing(rng)
    if rng.random() < 0.3:
        values = np.where(_along(rng) < rng.uniform(0.3, 0.7) * SIDE, values, _drawing(rng))
    paper = rng.uniform(0, 255, 3)
    contrast = 255 * rng.uniform(0.02, 1) ** 1.5
    ink = paper + contrast * np.sign(127.5 - paper) * rng.uniform(0.3, 1, 3)
    if rng.random() < 0.5:  # grey
        paper[:], ink[:] = paper[0], ink[0]
    found = paper + (ink - paper) * values[:, :, None]
    if rng.random() < 0.2:
        found += rng.normal(0, rng.uniform(0.5, 4), found.shape)
    return pixels(found)


def pixels(values: Values) -> NDArray[np.uint8]:
    """Rounded, and clipped to 0 to 255."""
    rounded: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def _drawing(rng: np.random.Generator) -> Values:
    return KINDS[int(rng.integers(len(KINDS)))](rng)


def _along(rng: np.random.Generator) -> Values:
    """The distance in pixels along a direction, half the time down or across, from -SIDE / 2 to 1.5 SIDE."""
    angle = rng.integers(4) * np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
    centre = SIDE / 2
    along: Values = centre + (X - centre) * np.cos(angle) + (Y - centre) * np.sin(angle)
    return along


def _period(rng: np.random.Generator) -> float:
    """In pixels; a third of them whole numbers."""
    period = float(np.exp(rng.uniform(np.log(2), np.log(48))))
    return round(period) if rng.random() < 1 / 3 else period


def _waves(rng: np.random.Generator) -> Values:
    waves: Values = 0.5 + 0.5 * np.sin(2 * np.pi * _along(rng) / _period(rng) + rng.uniform(0, 6))
    return waves


def _rings(rng: np.random.Generator) -> Values:
    y, x = rng.uniform(0, SIDE, 2)
    rings: Values = 0.5 + 0.5 * np.sin(2 * np.pi * np.hypot(Y - y, X - x) / _period(rng))
    return rings


def _stripes(rng: np.random.Generator) -> Values:
    period, share = _period(rng), rng.uniform(0.2, 0.8)
    return ((_along(rng) / period + rng.random()) % 1 < share).astype(float)


def _chequers(rng: np.random.Generator) -> Values:
    period = rng.integers(1, 40) if rng.random() < 0.7 else 8 * rng.integers(1, 4)
    y, x = rng.integers(0, 8, 2) * (rng.random() < 0.5)
    chequers: Values = ((Y + y) // period + (X + x) // period) % 2
    return chequers


def _edge(rng: np.random.Generator) -> Values:
    softness = rng.uniform(0.01, 4) if rng.random() < 0.5 else 0.01
    edge: Values = np.clip((_along(rng) - rng.uniform(0.1, 0.9) * SIDE) / softness, 0, 1)
    return edge


def _discs(rng: np.random.Generator) -> Values:
    found = np.zeros((SIDE, SIDE))
    for y, x, radius, value in rng.random((int(rng.integers(1, 25)), 4)):
        found[np.hypot(Y - y * SIDE, X - x * SIDE) < 2 + radius**2 * SIDE / 3] = value
    return found


def _clouds(rng: np.random.Generator) -> Values:
    """Noise whose amplitude falls with a power of the frequency."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    frequency[0, 0] = 1
    spectrum = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    values = np.fft.irfft2(spectrum / frequency ** rng.uniform(0, 3.2), (SIDE, SIDE))
    clouds: Values = 0.5 + 0.2 * (values - values.mean()) / values.std()
    return clouds


def _slope(rng: np.random.Generator) -> Values:
    slope: Values = np.clip((_along(rng) / SIDE + 0.5) / 2, 0, 1) ** rng.uniform(0.5, 2)
    return slope


def _glow(rng: np.random.Generator) -> Values:
    y, x, size = rng.uniform(0, SIDE, 3)
    glow: Values = np.exp(-((Y - y) ** 2 + (X - x) ** 2) / (20 + size) ** 2)
    return glow


def _flat(rng: np.random.Generator) -> Values:
    return np.full((SIDE, SIDE), rng.random())


def _halftone(rng: np.random.Generator) -> Values:
    return (rng.random((SIDE, SIDE)) < _slope(rng)).astype(float)


def _print(rng: np.random.Generator) -> Values:
    """Lines of letters, and none between paragraphs."""
    image = Image.new("L", (SIDE, SIDE), 0)
    size = int(rng.integers(7, 40))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for top in range(int(rng.integers(0, size)), SIDE, int(size * rng.uniform(1.1, 1.8))):
        words = ("".join(rng.choice(LETTERS, int(rng.integers(1, 10)))) for _ in range(256 // size))
        if rng.random() < 0.8:
            draw.text((int(rng.integers(0, 30)), top), " ".join(words), fill=255, font=font)
    return np.asarray(image) / 255


def _lines(rng: np.random.Generator) -> Values:
    """Straight lines, boxes and rings, as plans and diagrams have them."""
    image = Image.new("L", (SIDE, SIDE), 0)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 40))):
        ends = rng.integers(0, SIDE, (2, 2))
        box = [(*ends.min(0).tolist(),), (*ends.max(0).tolist(),)]
        width, shape = int(rng.integers(1, 4)), rng.random()
        if shape < 0.6:
            draw.line([(*end.tolist(),) for end in ends], fill=255, width=width)
        elif shape < 0.8:
            draw.rectangle(box, outline=255, width=width)
        else:
            draw.ellipse(box, outline=255, width=width)
    return np.asarray(image) / 255


KINDS: tuple[Callable[[np.random.Generator], Values], ...] = (
    *(_waves, _waves, _rings, _stripes, _stripes, _chequers, _edge, _edge, _discs, _clouds, _clouds),
    *(_slope, _glow, _flat, _halftone, _print, _print, _lines),
)
"""The more often one stands here, the likelier it is."""
