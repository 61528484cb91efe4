"""The table for fitting apercu.restore.strokes: how surely it finds letters in photographs, and in pages of letters.

    python -m scripts.measure_strokes --images FOLDER     the images below FOLDER, one of twenty: training images

A row for each rate of the photographs: the mean, and the largest of an image; and one for each height and contrast of
letters, by quality. Thresholds are such that of the difference between two seeds of restore="gan" in photographs 98 %
is kept. Pillow's own font is drawn.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import apercu
from apercu.codecs import decoding
from apercu.lab.images import files_below, read_rgb
from apercu.restore.strokes import strokes
from apercu.stages.blocks import Window
from apercu.stages.colour import Plane, Samples
from apercu.stages.layout import Evidence, Layout

RATES = 0.04, 0.08, 0.14
HEIGHTS = 10, 14, 18, 24, 32, 48
INKS = {
    "black": ((20, 20, 40), (245, 240, 230)),
    "white": (3 * (255,), (30, 60, 140)),
    "soft": (3 * (110,), (180, 175, 170)),
}
QUALITIES = 20, 28, 36, 44
TEXT = 4 * "The quick brown fox jumps over the lazy dog, and sphinx of black quartz judge my vow. "
SIDE = 384


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--images", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    photos = (
        [read_rgb(path)[0][:SIDE, :SIDE] for path in files_below(arguments.images)[7::20]] if arguments.images else []
    )
    for bpp in RATES if photos else ():
        found = [share(photo, bpp=bpp) for photo in photos]
        print(f"photographs, {bpp} bpp: {np.mean(found):.3f}, at most {max(found):.2f}")
    print(f"{'letters':12}", *(f"{quality:>6}" for quality in QUALITIES))
    for name, (ink, paper) in INKS.items():
        for height in HEIGHTS:
            row = [share(page(height, ink, paper), quality=quality) for quality in QUALITIES]
            print(f"{name:6}{height:6}", *(f"{value:6.2f}" for value in row))


def share(image: Samples, **target: Any) -> float:
    """The mean over an image."""
    found: list[float] = []

    def look(planes: list[Plane], _: Layout, step_q8: int, evidence: Evidence, *__: Window) -> None:
        found.append(float(strokes(planes[0], evidence[0], step_q8).mean()))

    decoding.decode(apercu.encode(image, **target), decoding.How(restorer=look))
    return found[0]


def page(height: int, ink: Any, paper: Any) -> Samples:
    """Lines of text, (SIDE, SIDE, 3)."""
    image = Image.new("RGB", (SIDE, SIDE), paper)
    for line in range(int(SIDE / (1.3 * height))):
        ImageDraw.Draw(image).text((6, int(1.3 * height * line)), TEXT[7 * line :], fill=ink, font_size=height)
    return np.asarray(image)


if __name__ == "__main__":
    main()
