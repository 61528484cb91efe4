"""The picture of docs/rnn.md: a part of a photograph after some of the steps of one file.

    python -m scripts.figure_rnn [OUT]

The photograph, of Eileen Collins (NASA, public domain), comes with scikit-image. The whole of it is encoded and
measured. OUT: the folder, by default docs/images.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

import apercu
from apercu.bench.metrics import psnr
from apercu.codecs.rnn import MOST_LAYERS
from scripts.figure_families import sheet
from scripts.progressive import QUALITY, prefix_bytes

STEPS = (0, 1, 2, 4, 10)
TOP, LEFT, HEIGHT, WIDTH = 10, 120, 240, 288
"""What is shown of the photograph, in pixels."""


def steps() -> Image.Image:
    """The original, the means alone, and what the steps make of them."""
    original = np.ascontiguousarray(skimage.data.astronaut())
    data = apercu.encode(original, codec="rnn", quality=QUALITY, layers=MOST_LAYERS)
    part = np.s_[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]
    panels = [("original", f"{original.nbytes:,} bytes", original[part])]
    for n in STEPS:
        decoded = apercu.decode(data, layers=1 + n).astype(np.uint8)
        title, n_bytes = f"after step {n}" if n else "means", prefix_bytes(data)[n]
        panels.append((title, f"{n_bytes:,} bytes   {psnr(original, decoded):.2f} dB", decoded[part]))
    return sheet(panels, 3)


def draw(folder: Path) -> None:
    """Writes it."""
    steps().save(folder / "rnn-steps.webp", quality=88, method=6)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images"))
