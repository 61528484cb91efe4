"""The path of taha2025 compared with the best threshold for each step, and with a search for each image.

    python scripts/fit_path.py IMAGES [--every N]

First table: for each step, the threshold, as a share of the squared step, that costs least over all images, error and
bits priced as the codec prices them when it chooses symbols; beside it the share on the shipped path. Second table:
how much lower the PSNR of the path is, at equal size, than that of a search over step and threshold for each image.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import apercu
from apercu.codecs import taha2025
from apercu.codecs.content import to_content
from apercu.codecs.tables import shipped
from apercu.codecs.taha2025_path import PATH_KNOTS, PLAIN_FROM_Q5
from apercu.format.container import Header
from apercu.stages.colour import from_planes

STEPS_Q3 = tuple(step for place, step, _ in PATH_KNOTS if place >= PLAIN_FROM_Q5)
SHARES = (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.06, 0.08, 0.12)
RATES = (0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)
PRICE_Q4 = 2
HEAD_BYTES = 14  # and checksum, of a file of this size at a quality

Grey = NDArray[np.uint8]


def threshold_q4(step_q3: int, share: float) -> int:
    """A threshold that is `share` of the squared step."""
    return round(16 * share * (step_q3 / 8) ** 2)


def measure(
    image: Grey, analysis: taha2025.Analysis, tables: taha2025.Tables, step: int, threshold: int
) -> tuple[int, float]:
    """Bits of a file and summed squared error at a step and a threshold, symbols chosen as on the path."""
    setting = taha2025.Setting(None, step, threshold, PRICE_Q4)
    (segment,) = segments = taha2025.code(analysis, setting, tables, 1)
    decoded = np.empty((*image.shape, 1), np.uint8)
    symbols = taha2025.read(segments, analysis.layout, setting, tables, 1)
    from_planes(taha2025.synthesise(symbols, analysis.layout, setting, tables), "grey", [], decoded)
    difference = image - decoded[:, :, 0].astype(float)
    return 8 * (len(segment) + HEAD_BYTES), float(np.vdot(difference, difference))


def psnr(error: float, n: int) -> float:
    """Of a summed squared error over n samples, in dB."""
    return 10 * math.log10(255**2 * n / error)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="folder of images, searched for WebP, PNG and JPEG")
    parser.add_argument("--every", type=int, default=20, help="take every so manieth image (default 20)")
    arguments = parser.parse_args()
    files = sorted(path for ending in ("webp", "png", "jpg") for path in arguments.images.rglob(f"*.{ending}"))
    tables = shipped(1)
    cost = np.zeros((len(STEPS_Q3), len(SHARES)))
    lost: dict[float, list[float]] = {rate: [] for rate in RATES}
    for path in files[:: arguments.every]:
        image = np.asarray(Image.open(path).convert("L"))
        height, width = image.shape
        planes, layout = to_content(image[:, :, None], Header(height, width, 1, "grey"))
        analysis = taha2025.analyse(planes, layout, None, tables)
        at = partial(measure, image, analysis, tables)
        points = [[at(step, threshold_q4(step, share)) for share in SHARES] for step in STEPS_Q3]
        grid = np.array(points)
        price = PRICE_Q4 / 16 * (np.array(STEPS_Q3) / 8) ** 2
        cost += (grid[:, :, 1] + price[:, None] * grid[:, :, 0]) / image.size / price[:, None]
        for rate in RATES:
            fits = grid[grid[:, :, 0] <= rate * image.size]
            if len(fits):
                decoded = apercu.decode(apercu.encode(image, codec="taha2025", bpp=rate))
                error = float(((image - decoded.astype(float)) ** 2).sum())
                lost[rate].append(psnr(fits[:, 1].min(), image.size) - psnr(error, image.size))
    print(" step   best share   path's share")
    on_path = {step: threshold for place, step, threshold in PATH_KNOTS if place >= PLAIN_FROM_Q5}
    for index, step in enumerate(STEPS_Q3):
        print(f"{step / 8:6.1f} {SHARES[int(cost[index].argmin())]:10.3f} {on_path[step] / 16 / (step / 8) ** 2:12.3f}")
    print("\n  bpp   dB given away (mean)   images")
    for rate, values in lost.items():
        print(f"{rate:5.2f} {np.mean(values):15.3f} {len(values):13d}")


if __name__ == "__main__":
    main()
