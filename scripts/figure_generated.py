"""The pictures of docs/generated.md: parts of six photographs as every decoder shows them, and AVIF in as many bytes.

    python -m scripts.figure_generated [OUT]

The photographs come with scikit-image; all are in the public domain or CC0. Whole pictures are encoded and measured,
and a part of each is shown as it is, pixel by pixel. OUT: the folder, by default docs/images. Needs the extra
`measures`.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data

import apercu
from apercu.bench import generated, peers
from apercu.bench.deep import deep
from apercu.bench.metrics import psnr
from apercu.bench.wasserstein import wasserstein
from scripts.demo import Picture
from scripts.figure_families import sheet

BPP = 0.1
PART = 240, 320
"""Rows and columns that are shown."""
ACROSS = 3
QUALITY = 90
TITLES = {"none": 'restore="none"', "cnn": 'restore="cnn"'}


class Shown(NamedTuple):
    """A photograph of scikit-image, and the corner of what is shown of it."""

    name: str
    top: int
    left: int


PHOTOGRAPHS = (
    Shown("chelsea", 40, 60),
    Shown("coffee", 150, 270),
    Shown("grass", 60, 60),
    Shown("gravel", 60, 60),
    Shown("rocket", 180, 60),
    Shown("astronaut", 40, 100),
)


def panel(title: str, n_bytes: int, original: Picture, picture: Picture, of: Shown) -> tuple[str, str, Picture]:
    """A part of a picture with what is measured of the whole."""
    height, width = PART
    part = picture[of.top : of.top + height, of.left : of.left + width]
    shown = part if part.ndim == 3 else np.repeat(part[:, :, np.newaxis], 3, 2)
    if picture is original:
        return title, f"{original.nbytes:,} bytes", shown
    pair = original, picture
    measured = f"{psnr(*pair):.2f} dB   W {wasserstein(*pair):.0f}   deep {deep(*pair):.0f}"
    return title, f"{n_bytes:,} bytes   {measured}", shown


def panels(of: Shown) -> list[tuple[str, str, Picture]]:
    """The original, the file by each decoder, and AVIF."""
    original: Picture = np.ascontiguousarray(getattr(skimage.data, of.name)())
    data = apercu.encode(original, bpp=BPP)
    found = [panel("original", 0, original, original, of)]
    for way in ("none", "cnn", *generated.generative()):
        picture = apercu.decode(data, restore=way).astype(np.uint8)
        title = TITLES.get(way, f'restore="{way}": generated')
        found.append(panel(title, len(data), original, picture, of))
    for scale in peers.SCALES:
        file = generated.avif_file(original, len(data), scale)
        if file is not None:
            picture = peers.array_of(peers.PEERS[generated.PEER], file, original.shape, scale).astype(np.uint8)
            title = "AVIF" if scale == 1 else f"AVIF at 1/{scale} of the size"
            return [*found, panel(title, len(file), original, picture, of)]
    return found


def draw(folder: Path) -> None:
    """Writes all of them."""
    for of in PHOTOGRAPHS:
        path = folder / f"generated-{of.name}.webp"
        sheet(panels(of), ACROSS).save(path, quality=QUALITY, method=6)
        print(path, path.stat().st_size)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images"))
