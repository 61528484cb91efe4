"""What metrics are taken of: two images of one shape, checked, and their planes as floats."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.options import peak_or_range
from apercu.stages.colour import Samples

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in luma (ITU-R BT.601)."""

Plane = NDArray[np.float64]
Peak = float | str | None
"""A number above 0, "range", or None; see `peak_of`."""


def checked(original: Samples, decoded: Samples, smallest: int = 1) -> None:
    """Raises OptionError unless both are uint8 or both uint16, of one shape (H, W) or (H, W, B), and large enough.

    smallest: pixels that the shorter side must have.
    """
    for name, image in (("original", original), ("decoded", decoded)):
        if not isinstance(image, np.ndarray):
            raise OptionError(f"the {name} image is a {type(image).__name__}, not a NumPy array")
        if image.dtype not in (np.uint8, np.uint16):
            raise OptionError(f"the {name} image holds {image.dtype}; metrics take uint8 or uint16")
        if image.ndim not in (2, 3) or not image.size:
            raise OptionError(f"the {name} image has shape {image.shape}; metrics take (H, W) or (H, W, B), not empty")
    if original.shape != decoded.shape:
        raise OptionError(f"the original has shape {original.shape} and the decoded image {decoded.shape}")
    if original.dtype != decoded.dtype:
        raise OptionError(f"the original holds {original.dtype} and the decoded image {decoded.dtype}")
    height, width = original.shape[:2]
    if min(height, width) < smallest:
        raise OptionError(
            f"{width} × {height} pixels are too few for this metric: the shorter side needs {smallest} or more"
        )


def peak_of(image: Samples, peak: Peak = None) -> float:
    """The peak that is given. None: the largest sample of the dtype, 255 or 65535, even if the image has none so large.
    "range": the difference between the largest and the smallest sample of the image, all bands together; 1 if there is
    none. Raises OptionError."""
    if peak is None:
        return float(np.iinfo(image.dtype).max)
    given = peak_or_range("peak", peak)
    return max(float(image.max()) - float(image.min()), 1.0) if isinstance(given, str) else given


def planes(image: Samples) -> list[Plane]:
    """The planes, (H, W) float64 in units of the samples, that structure is measured on.

    Grey gives itself; three bands are R, G and B and give their luma, which is not rounded; any other number of bands
    gives each of them.
    """
    if image.ndim == 3 and image.shape[2] == len(LUMA):
        return [LUMA[0] * image[:, :, 0] + LUMA[1] * image[:, :, 1] + LUMA[2] * image[:, :, 2]]
    bands = image.reshape(*image.shape[:2], -1)
    return [bands[:, :, band].astype(np.float64) for band in range(bands.shape[2])]


def mean_over_planes(original: Samples, decoded: Samples, measure: Callable[[Plane, Plane], float]) -> float:
    """The mean of what `measure` gives for each pair of planes."""
    pairs = zip(planes(original), planes(decoded), strict=True)
    return float(np.mean([measure(first, second) for first, second in pairs]))
