"""The table for fitting apercu.restore.trust: PSNR of restore="cnn" minus that of "none" in dB, with trust and without.

    python -m scripts.measure_trust                       drawn pictures
    python -m scripts.measure_trust --images FOLDER       and the first 24 images below FOLDER: training images
    python -m scripts.measure_trust --seed 5              other drawn pictures
    python -m scripts.measure_trust --codec taha2025      files of a codec of blocks

Each cell: with trust / with a factor of 1 everywhere. The numbers in `trust` are those that keep the first above -0.05
and lose the least of the second where it is a gain. Those of `block_trust` are fitted by `scripts.fit_block_trust`.
"""

import argparse
from pathlib import Path

import numpy as np

import apercu
from apercu.codecs import decoding
from apercu.lab.images import files_below, read_rgb
from apercu.restore import cnn
from apercu.restore.trust import Factors
from apercu.stages.blocks import n_blocks
from apercu.stages.colour import Plane, Samples
from scripts.drawn import images

QUALITIES = (0, 10, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 80, 100)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--images", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--codec", choices=cnn.CODECS, default="apercu")
    arguments = parser.parse_args()
    pictures = images(arguments.seed)
    for path in files_below(arguments.images)[:24] if arguments.images else ():
        pictures[path.stem], _ = read_rgb(path)
    print(f"{'':20}", *(f"{quality:>13}" for quality in QUALITIES))
    for name, image in pictures.items():
        cells = ("{:.2f} / {:.2f}".format(*gains(image, arguments.codec, quality)) for quality in QUALITIES)
        print(f"{name[:20]:20}", *(f"{cell:>13}" for cell in cells), flush=True)


def gains(image: Samples, codec: str, quality: float) -> tuple[float, float]:
    """With trust, and without."""
    data = apercu.encode(image, quality=quality, codec=codec)
    plain, restored = _error(image, apercu.decode(data)), _error(image, apercu.decode(data, restore="cnn"))
    everywhere = decoding.decode(data, decoding.How(restorer=cnn.load(codec, cnn.Options(), trust=in_full)))
    return 10 * np.log10(plain / restored), 10 * np.log10(plain / _error(image, everywhere))


def in_full(planes: list[Plane], _: object, __: int) -> list[Factors]:
    """A trust of 1 in every block."""
    height, width = planes[0].shape
    return [np.ones((n_blocks(height), n_blocks(width)), np.float32) for _ in planes]


def _error(image: Samples, decoded: Samples) -> float:
    return max(float(np.mean((image.astype(float) - decoded) ** 2)), 1e-9)


if __name__ == "__main__":
    main()
