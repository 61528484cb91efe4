"""The picture of docs/importance.md: a photograph in as many bytes without importance, with a region and with content.

    python -m scripts.figure_importance [OUT]

The photograph is NASA's of the astronaut Eileen Collins (public domain), which comes with scikit-image. OUT: the
folder, by default docs/images.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

import apercu
from scripts.demo import Picture, psnr
from scripts.figure_families import sheet

BPP = 0.06
FACE = (30, 150, 210, 150)  # top, left, height, width


def panel(image: Picture, title: str, **how: Any) -> tuple[str, str, Picture]:
    """The photograph with these options, and the PSNR of the face and of the rest."""
    data = apercu.encode(image, bpp=BPP, **how)
    decoded = apercu.decode(data)
    top, left, height, width = FACE
    inside = np.zeros(image.shape[:2], bool)
    inside[top : top + height, left : left + width] = True
    face, rest = (psnr(image[where], decoded[where]) for where in (inside, ~inside))
    return title, f"{len(data):,} bytes   face {face:.1f} dB, the rest {rest:.1f} dB", decoded


def marked(image: Picture) -> Picture:
    """With the face in a frame."""
    top, left, height, width = FACE
    shown = Image.fromarray(image)
    ImageDraw.Draw(shown).rectangle((left, top, left + width, top + height), outline=(255, 255, 0), width=2)
    return np.asarray(shown)


def main() -> None:
    """Write the picture."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    image: Picture = skimage.data.astronaut()
    panels = [
        ("original", "and the region", marked(image)),
        panel(image, "without"),
        panel(image, "roi: the face", roi=FACE),
        panel(image, 'importance="content"', importance="content"),
    ]
    sheet(panels, across=2).save(folder / "importance.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
