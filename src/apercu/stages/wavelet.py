"""The 9/7 wavelet, in integers (Cohen, Daubechies, Feauveau 1992; Daubechies, Sweldens 1998)."""

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.stages.colour import Plane

_analyse = function("apercu_wavelet_analyse", "asssiiasa")
_synthesise = function("apercu_wavelet_synthesise", "assiiasas")

Bands = NDArray[np.int16]
"""(H * W,) coefficients with 4 fraction bits: LL, then HL, LH and HH of each level, the coarsest first, row by row."""


def wavelet_analyse(plane: Plane, height: int, width: int, levels: int, centre: int) -> Bands:
    """Bands of the first `height` rows and `width` columns of a plane after 1 to 5 levels.

    `centre` is taken off every sample.
    """
    bands = np.empty(height * width, np.int16)
    workspace = _workspace(height, width)
    source = (address(plane), plane.shape[1], width, height, levels, centre)
    checked(_analyse(*source, address(workspace), workspace.size, address(bands)))
    return bands


def wavelet_synthesise(bands: Bands, height: int, width: int, levels: int, centre: int) -> Plane:
    """The inverse of `wavelet_analyse`, but for rounding: a plane (height, width), held within -8191 to 8191."""
    plane = np.empty((height, width), np.int16)
    workspace = _workspace(height, width)
    source = (address(bands), width, height, levels, centre)
    checked(_synthesise(*source, address(workspace), workspace.size, address(plane), plane.shape[1]))
    return plane


def _workspace(height: int, width: int) -> NDArray[np.int16]:
    return np.empty(8 * (width + 12) + 2 * -(-width // 2) * -(-height // 2), np.int16)
