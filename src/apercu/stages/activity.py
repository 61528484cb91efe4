"""How strong contrasts are in the parts of a picture, and what errors count for there: less where these hide them.

Errors are seen less, the stronger the contrasts around them are (masking; it is what SSIM divides by). So some of the
bits that strong texture takes do more for the eye elsewhere. Measures that tell structure from texture (quantiles of
the variances in an area, eigenvalues of the structure tensor) gained less on training images, in MS-SSIM, GMSD and the
distance of deep features.
"""

import numpy as np
from numpy.typing import NDArray

from apercu.stages.blocks import BLOCK
from apercu.stages.colour import FULL, Plane
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Layout

AREA = 4
"""Blocks a side of an area, in which errors count for the same. Tiles are whole areas, so that it does not matter how
an image is divided."""
HIDING, LEAST = 1000 << 10, 64
"""Mean variance of the blocks of an area, in planes (32 a grey level), with which errors count for half as much; and
what they count for at least, in 1/256, so that letters stay legible."""
_LIMITS = np.array([HIDING * (256 - weight) // weight + 1 for weight in range(255, LEAST - 1, -1)])
"""Variances from which errors count for so much, in 1/256, or less: 256 / (1 + variance / HIDING)."""


def activity(plane: Plane, height: int, width: int) -> NDArray[np.int64]:
    """The mean variance of the blocks of each area of a plane, (down, across). Blocks cover its first `height` rows and
    `width` columns."""
    down, across = -(-height // BLOCK), -(-width // BLOCK)
    found = []
    for top in range(0, down, AREA):  # a row of areas at a time, for its memory
        rows = slice(BLOCK * top, BLOCK * min(top + AREA, down))
        samples = plane[rows, : across * BLOCK].astype(np.int32) - FULL // 2
        sums, squares = (_of_blocks(values) for values in (samples, samples * samples))
        variances = (BLOCK**2 * squares - sums * sums) // BLOCK**4
        of_areas = np.add.reduceat(variances.sum(axis=0), np.arange(0, across, AREA))
        n_blocks = len(variances) * np.minimum(AREA, across - np.arange(0, across, AREA))
        found.append(of_areas // n_blocks)
    return np.array(found)


def _of_blocks(values: NDArray[np.int32]) -> NDArray[np.int64]:
    """The sums of blocks, which fit in 32 bits."""
    height, width = values.shape
    rows = values.reshape(height // BLOCK, BLOCK, width).sum(axis=1, dtype=np.int32)
    sums: NDArray[np.int64] = rows.reshape(-1, width // BLOCK, BLOCK).sum(axis=2, dtype=np.int64)
    return sums


def codes_of_content(planes: list[Plane], layout: Layout) -> NDArray[np.uint8]:
    """What errors count for at each pixel of a tile, (H, W), in 1/256, less 1. Of several planes at full size, the mean
    of their activities tells; colour and alpha do not."""
    height, width = layout.height, layout.width
    found = [
        activity(plane, height, width)
        for index, (plane, of) in enumerate(zip(planes, layout.planes, strict=True))
        if not of.chroma and not (layout.interpretation == "rgba" and index == ALPHA)
    ]
    mean: NDArray[np.int64] = np.sum(found, axis=0) // len(found)
    codes = (255 - np.searchsorted(_LIMITS, mean, side="right")).astype(np.uint8)
    side = AREA * BLOCK
    return codes.repeat(side, 0).repeat(side, 1)[:height, :width]
