"""Drawn pictures with printed text, for a first run of reading without any files: the same on every call."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from apercu.bench.tasks.data import DataSet, Split
from apercu.bench.tasks.drawing import ground, pixels
from apercu.stages.colour import Samples

SEED = 17
SHAPE = 256, 384
N = 24
WORDS = (
    *("HARBOUR", "STATION", "Exit", "Bakery", "Platform", "Museum", "NORTH", "Garden"),
    *("Market", "Ferry", "Library", "School", "TICKETS", "Bridge", "Hotel"),
)
SIZES = 12, 40
"""Of letters, in pixels: the least and the most."""
SIGNS = ((250, 250, 245), (20, 20, 24)), ((22, 66, 140), (245, 245, 245)), ((240, 200, 40), (20, 20, 20))
"""Colours of a sign and of its letters."""


def text() -> DataSet:
    """24 pictures, RGB, 384 × 256, each with four signs of words and numbers, in letters of 12 to 40 pixels."""
    images = [_signs(np.random.default_rng((SEED, 5, number))) for number in range(N)]
    return DataSet("pictures", (), None, Split(tuple(f"signs/{number:02}" for number in range(N)), images, None))


def _signs(rng: np.random.Generator) -> Samples:
    height, width = SHAPE
    below = ground(rng, rng.uniform(60, 190, 3), SHAPE, 22)
    image = Image.fromarray(pixels(below))
    draw = ImageDraw.Draw(image)
    for row in range(4):
        size = int(rng.integers(SIZES[0], SIZES[1] + 1))
        said = f"{WORDS[rng.integers(len(WORDS))]} {rng.integers(10, 1000)}"
        sign, ink = SIGNS[rng.integers(len(SIGNS))]
        font = ImageFont.load_default(size)
        n_across = int(font.getlength(said)) + size
        top, left = row * height // 4 + 3, int(rng.integers(4, max(5, width - n_across - 4)))
        draw.rectangle((left, top, left + n_across, top + 1.4 * size), fill=sign)
        draw.text((left + size / 2, top + 0.15 * size), said, fill=ink, font=font)
    return np.array(image)
