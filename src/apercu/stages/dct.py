"""The DCT of blocks of 8 × 8 samples in integers: planes to maps of coefficients and back (spec/dct.md)."""

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.stages.arguments import INT16, check_array, check_number, check_plane

_analyse = function("apercu_dct_analyse", "asssiaa")
_synthesise = function("apercu_dct_synthesise", "assiaas")

_dequantise = function("apercu_dct_dequantise", "asaa")
_expect = function("apercu_dct_expect", "assaai")
_smooth = function("apercu_dct_smooth", "asssi")

SIDE, N_MAPS, MOST_CENTRE = 8, 64, 8191
N_EXPECTED, N_SUMS, LARGEST_WEIGHT = 9, 3, 2047
LARGEST_LIMIT = 1 << 16


def _zigzag() -> NDArray[np.uint8]:
    places = sorted((u + v, u if (u + v) % 2 else v, 8 * u + v) for u in range(8) for v in range(8))
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


def dct_dequantise(symbols: NDArray[np.int16], steps_q6: NDArray[np.int32], maps: NDArray[np.int16]) -> None:
    """The coefficients that symbols (64, height, width) stand for, into `maps`: |symbol| × step / 64, rounded, at most
    32,767.

    steps_q6: (64,), 1 to 2^24. Raises OptionError for other arguments.
    """
    check_array("symbols", symbols, INT16, (N_MAPS, *_sides(symbols)))
    check_array("maps", maps, INT16, symbols.shape, written=True)
    check_array("steps_q6", steps_q6, np.dtype(np.int32), (N_MAPS,))
    checked(_dequantise(address(symbols), symbols[0].size, address(steps_q6), address(maps)))


def dct_expect(maps: NDArray[np.int16], weights: NDArray[np.int16], sign: int) -> None:
    """Adds to maps 1 to 9 what is expected of them given map 0 (sign = 1), or takes it away (sign = -1), in place.

    maps: (64, height, width), of which the first holds the coefficients as they will be decoded. The means of the
    blocks around tell how a block goes on from them: that is coded already. weights: (9, 3) int16, -2047 to 2047, in
    1/4096. After JPEG's annex K.8 (ITU-T T.81), which smooths what the first scans of a progressive file show. Raises
    OptionError for other arguments.
    """
    check_array("maps", maps, INT16, (N_MAPS, *_sides(maps)), written=True)
    check_array("weights", weights, INT16, (N_EXPECTED, N_SUMS))
    check_number("sign", sign, -1, 1)
    _, height, width = maps.shape
    checked(_expect(address(maps), height, width, address(ORDER), address(weights), sign))


def dct_smooth(plane: NDArray[np.int16], height: int, width: int, limit: int) -> None:
    """Smooths the edges between the first `height` × `width` blocks of a plane, in place.

    limit: the most that a sample changes by, in units of the plane, 0 to 65,536. An edge ten times as high stays as it
    is. The filter is that of H.265 for a boundary of inner blocks (ITU-T H.265, 8.7.2.5.7). Raises OptionError for
    other arguments.
    """
    check_number("height", height, 1, 1 << 20)
    check_number("width", width, 1, 1 << 20)
    check_number("limit", limit, 0, LARGEST_LIMIT)
    check_plane("plane", plane, SIDE * height, SIDE * width, written=True)
    checked(_smooth(address(plane), plane.shape[1], height, width, limit))


def _sides(maps: object) -> tuple[int, int]:
    """Height and width of maps; of what is no such array, what none has."""
    if isinstance(maps, np.ndarray) and maps.ndim == 3 and maps.size:
        return maps.shape[1], maps.shape[2]
    return -1, -1


def _check(plane: NDArray[np.int16], height: int, width: int, centre: int, maps: NDArray[np.int16]) -> None:
    check_number("height", height, 1, 1 << 20)
    check_number("width", width, 1, 1 << 20)
    check_number("centre", centre, -MOST_CENTRE, MOST_CENTRE)
    check_plane("plane", plane, SIDE * height, SIDE * width, written=True)
    check_array("maps", maps, INT16, (N_MAPS, height, width), written=True)
