"""The 9/7 wavelet, in integers (Cohen, Daubechies, Feauveau 1992; Daubechies, Sweldens 1998)."""

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, give_back
from apercu.stages.arguments import INT16, LARGEST_STEP_Q8, MOST_SAMPLES, check_array, check_number, check_plane
from apercu.stages.colour import Plane

_analyse = function("apercu_wavelet_analyse", "asssiiiiasa")
_synthesise = function("apercu_wavelet_synthesise", "assiiasas")

Bands = NDArray[np.int16]
"""(H * W,) coefficients with 4 fraction bits: LL, then HL, LH and HH of each level, the coarsest first, row by row."""
LOW = -1
"""LL, where orientations are numbered."""


def band_places(height: int, width: int, levels: int) -> dict[tuple[int, int], tuple[int, int, int]]:
    """The place of each band: (level, orientation 0 HL, 1 LH, 2 HH) to (first coefficient, height, width); the coarsest
    level first. LL is before the first of them."""
    sizes = [(height, width)]
    for _ in range(levels):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    places, start = {}, sizes[-1][0] * sizes[-1][1]
    for level in range(levels, 0, -1):
        (whole_h, whole_w), (low_h, low_w) = sizes[level - 1], sizes[level]
        shapes = ((low_h, whole_w - low_w), (whole_h - low_h, low_w), (whole_h - low_h, whole_w - low_w))
        for orientation, (h, w) in enumerate(shapes):
            places[level, orientation] = start, h, w
            start += h * w
    return places


def known_places(known: Bands, height: int, width: int, levels: int) -> dict[tuple[int, int], tuple[int, int, int]]:
    """The same of those bands alone that have any coefficients, and are there: the finest may be missing."""
    places = band_places(height, width, levels).items()
    return {place: (start, h, w) for place, (start, h, w) in places if h and w and start + h * w <= known.size}


def places_with_low(known: Bands, height: int, width: int, levels: int) -> dict[tuple[int, int], tuple[int, int, int]]:
    """The same, and LL before them, as orientation LOW of the last level."""
    low = -(-height >> levels), -(-width >> levels)
    return {(levels, LOW): (0, *low), **known_places(known, height, width, levels)}


def wavelet_analyse(
    plane: Plane, height: int, width: int, levels: int, centre: int, bands: Bands, step_q8: int = 0, chroma: int = 0
) -> None:
    """Bands of the first `height` rows and `width` columns of a plane after 1 to 5 levels, into `bands`.

    `centre` is subtracted from every sample. `step_q8`: the step that the bands will be quantised with, of an
    orthonormal transform, in 8-bit samples with 8 fraction bits; low-pass samples at the border then compensate for
    what quantisation will remove from high-pass samples there. 0: they do not. `chroma`: 1 for a plane of chroma at
    half size, else 0, which has 4 levels at most. Raises OptionError for arrays of another kind and for numbers out of
    range.
    """
    check_number("height", height, 1, MOST_SAMPLES)
    check_number("width", width, 1, MOST_SAMPLES)
    check_plane("plane", plane, height, width)
    check_array("bands", bands, INT16, (height * width,), written=True)
    check_number("levels", levels, 1, 5 - bool(chroma))
    check_number("centre", centre, -8191, 8191)
    check_number("step_q8", step_q8, 0, LARGEST_STEP_Q8)
    check_number("chroma", chroma, 0, 1)
    n_workspace = _workspace(height, width)
    workspace = borrow(2 * n_workspace)
    source = (address(plane), plane.shape[1], width, height, levels, centre, step_q8, chroma)
    checked(_analyse(*source, address(workspace), n_workspace, address(bands)))
    give_back(workspace)


def wavelet_synthesise(bands: Bands, plane: Plane, levels: int, centre: int) -> None:
    """The inverse of `wavelet_analyse`, except for rounding, into a plane (H, W): samples within -8191 to 8191.

    Raises OptionError for arrays of another kind and for numbers out of range.
    """
    check_plane("plane", plane, 1, 1, written=True)
    check_array("bands", bands, INT16, (plane.size,))
    check_number("levels", levels, 1, 5)
    check_number("centre", centre, -8191, 8191)
    height, width = plane.shape
    n_workspace = _workspace(height, width)
    workspace = borrow(2 * n_workspace)
    source = (address(bands), width, height, levels, centre)
    checked(_synthesise(*source, address(workspace), n_workspace, address(plane), width))
    give_back(workspace)


def _workspace(height: int, width: int) -> int:
    """Samples of 16 bits."""
    return 8 * (width + 12) + 2 * -(-width // 2) * -(-height // 2)
