"""The DCT of blocks of 8 × 8 samples in integers: planes to maps of coefficients and back (spec/dct.md)."""

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.stages.arguments import INT16, UINT8, check_array, check_number, check_plane

_analyse = function("apercu_dct_analyse", "asssiaa")
_synthesise = function("apercu_dct_synthesise", "assiaas")

SIDE, N_MAPS, MOST_CENTRE = 8, 64, 8191


def _zigzag() -> NDArray[np.uint8]:
    places = sorted((u + v, v if (u + v) % 2 else u, 8 * u + v) for u in range(8) for v in range(8))
    return np.array([place for *_, place in places], np.uint8)


ORDER = _zigzag()
"""Of each map, 8 × (frequency down) + frequency across, from low to high, as in JPEG."""


def dct_analyse(plane: NDArray[np.int16], height: int, width: int, centre: int, maps: NDArray[np.int16]) -> None:
    """The first `height` × `width` blocks of a plane to `maps`, (64, height, width) int16, in the order of `ORDER`.

    Samples have 5 fraction bits, coefficients 4 of an orthonormal transform. Samples less `centre` are held to ±8191.
    Raises OptionError for arrays of another kind.
    """
    _check(plane, height, width, centre, maps)
    source = (address(plane), plane.shape[1], height, width, centre)
    checked(_analyse(*source, address(ORDER), address(maps)))


def dct_synthesise(maps: NDArray[np.int16], height: int, width: int, centre: int, plane: NDArray[np.int16]) -> None:
    """The inverse, for any coefficients; samples are held to ±8191."""
    _check(plane, height, width, centre, maps)
    checked(_synthesise(address(maps), height, width, centre, address(ORDER), address(plane), plane.shape[1]))


def _check(plane: NDArray[np.int16], height: int, width: int, centre: int, maps: NDArray[np.int16]) -> None:
    check_number("height", height, 1, 1 << 20)
    check_number("width", width, 1, 1 << 20)
    check_number("centre", centre, -MOST_CENTRE, MOST_CENTRE)
    check_plane("plane", plane, SIDE * height, SIDE * width, written=True)
    check_array("maps", maps, INT16, (N_MAPS, height, width), written=True)
