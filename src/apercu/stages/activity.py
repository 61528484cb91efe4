"""What is going on in the parts of a picture, and what errors count for there: less where they hide."""

import numpy as np
from numpy.typing import NDArray

from apercu.stages.blocks import BLOCK
from apercu.stages.colour import Plane
from apercu.stages.fill import ALPHA
from apercu.stages.layout import Layout

AREA = 4
"""Blocks a side of an area, in which errors count for the same. Tiles are whole areas, so that it does not matter how
an image is divided."""
QUIET = 4
"""The block of an area that stands for it, of its blocks in order of activity, from 0: a quarter are less active. So an
edge or a letter with something flat beside it counts for as much as what is flat, and texture, which is active
everywhere, for less."""
HIDING = 30 << 10
"""Variance of a block, in units of planes (1/32 grey level, squared), whose errors count for 84 %: with twice as much, 76 %, and so on."""
_LIMITS = np.array([HIDING * (256**4 - weight**4) // weight**4 + 1 for weight in range(255, 0, -1)])
"""Variances from which errors count for so much, in 1/256: 256 / (1 + variance / HIDING)^(1/4)."""


def activity(plane: Plane, height: int, width: int) -> NDArray[np.int64]:
    """The variance of each block of a plane, (down, across); blocks cover its first `height` rows and `width`
    columns."""
    down, across = -(-height // BLOCK), -(-width // BLOCK)
    samples = plane[: down * BLOCK, : across * BLOCK].astype(np.int64)
    blocks = samples.reshape(down, BLOCK, across, BLOCK)
    n = BLOCK * BLOCK
    sums, squares = blocks.sum(axis=(1, 3)), np.square(blocks).sum(axis=(1, 3))
    return (n * squares - sums * sums) // (n * n)


def codes_of_content(planes: list[Plane], layout: Layout) -> NDArray[np.uint8]:
    """What errors count for at each pixel of a tile, (H, W), in 1/256, less 1. Of several planes at full size, the mean
    of their activities tells; colour and alpha do not."""
    height, width = layout.height, layout.width
    told = [
        plane
        for plane, of in zip(planes, layout.planes, strict=True)
        if not of.chroma and not (layout.interpretation == "rgba" and plane is planes[ALPHA])
    ]
    total = activity(told[0], height, width)
    for plane in told[1:]:
        total += activity(plane, height, width)
    means = total // len(told)
    down, across = (-(-side // AREA) for side in means.shape)
    means = np.pad(means, ((0, down * AREA - means.shape[0]), (0, across * AREA - means.shape[1])), "edge")
    areas = means.reshape(down, AREA, across, AREA).swapaxes(1, 2).reshape(down, across, AREA * AREA)
    quiet = np.partition(areas, QUIET, axis=2)[:, :, QUIET]
    codes = (255 - np.searchsorted(_LIMITS, quiet, side="right")).astype(np.uint8)
    side = AREA * BLOCK
    return codes.repeat(side, 0).repeat(side, 1)[:height, :width]
