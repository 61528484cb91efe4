"""Fits the table of apercu.bench.noise_filler, and writes it and its recipe into the package, as one file.

    python -m scripts.fit_noise_filler --images FOLDER [--out FILE]

Every 6th of the images below FOLDER is encoded at a rate between 0.03 and 0.15 bits a pixel, decoded and restored by
"cnn"; what is left of the error of luma is counted. Three minutes on one core. A float network comes before it: another
machine may differ in the last of the four digits that are kept.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from apercu.bench import noise_filler
from apercu.lab.generative_samples import RATES, UNIT, sample_of, unpack
from apercu.lab.images import files_below, manifest, read_rgb
from apercu.stages.colour import Plane

FILE = Path("src/apercu/bench/noise_filler.json")
EVERY, SEED = 6, 2026
LEAST = 16 * UNIT
"""Pixels that the shorter side of an image must have."""


def pairs(files: list[Path]) -> Iterator[tuple[Plane, Plane, float]]:
    """Luma of each image, luma as it was restored, and the step."""
    low, high = np.log(RATES)
    for index, path in enumerate(files):
        image, _ = read_rgb(path)
        if min(image.shape[:2]) >= LEAST:
            rate = np.exp(np.random.RandomState(SEED + index).uniform(low, high))
            packed, step = sample_of(image, float(rate))
            yield unpack(packed[:, :, :24])[0], unpack(packed[:, :, 24:48])[0], step


def write(folder: Path, out: Path, every: int = EVERY) -> None:
    """Fits to one of `every` images, and writes."""
    files = files_below(folder)[::every]
    table = noise_filler.fit(pairs(files))
    recipe = {
        "command": f"python -m scripts.fit_noise_filler --images {folder.name}",
        "every": every,
        "seed": SEED,
        "rates": RATES,
        "images": manifest(files, folder),
        "table": [[[float(f"{value:.4g}") for value in row] for row in level] for level in table],
    }
    out.write_text(json.dumps(recipe, indent=1) + "\n")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, metavar="FOLDER", required=True, help="training images")
    parser.add_argument("--out", type=Path, default=FILE, help=f"(default: {FILE})")
    arguments = parser.parse_args()
    write(arguments.images, arguments.out)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
