"""Any size to any other, in integers: means of areas, or more than that, on the way down, a cubic filter on the way up.

Weights are rational numbers with a common denominator, so that the same samples give the same sums on every machine
(products of float64 that are whole and below 2^53 are exact in any order).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
FRACTION_BITS = 10
"""Of the weights of the filter that enlarges."""
FITTING_BITS = 16
"""Of those of `fitting_weights`."""


def area_weights(n: int, to: int) -> Weights:
    """(to, n): how much of each of `n` samples lies in each of `to` equal parts of them, in 1/to; rows sum to `n`."""
    starts, ends = np.arange(to)[:, None] * n, (np.arange(to)[:, None] + 1) * n
    left = np.arange(n)[None, :] * to
    weights: Weights = np.maximum(np.minimum(ends, left + to) - np.maximum(starts, left), 0).astype(np.float64)
    return weights


def fitting_weights(n: int, to: int) -> Weights:
    """(to, n): what each of `n` samples counts for in each of `to` that, enlarged again, come closer to them than means
    of areas do, in 2^-FITTING_BITS.

    They are the means, and the means of what these, enlarged, are off by: a step of iterative back projection (Irani,
    Peleg, CVGIP 53, 1991), on the way to least squares.
    """
    areas = area_weights(n, to)
    if to >= n:
        return np.rint(areas * (1 << FITTING_BITS) / n)
    again = areas @ cubic_weights(to, n)  # means of the enlarged, in 2^-FRACTION_BITS / n
    # whole numbers below 2^53, so that a division is the only thing that is rounded
    fitted = 2 * (n << FRACTION_BITS) * areas - again @ areas
    return np.rint(fitted * (1 << FITTING_BITS) / (n * n << FRACTION_BITS))


def cubic_weights(n: int, to: int) -> Weights:
    """(to, n): what each of `n` samples counts for in each of `to` that cover the same length, in 2^-FRACTION_BITS.

    The cubic of Keys (IEEE Trans. ASSP 29, 1981, a = -1/2), at the distances that the middles of samples have; the edge
    is repeated. The weights of the four neighbours are rounded down, and the nearer of the two inner ones has the rest.
    """
    weights = np.zeros((to, n), np.float64)
    rows = np.arange(to)
    at = (2 * rows + 1) * n - to  # in 1 / (2 to) of a sample
    first, t = at // (2 * to), at % (2 * to)
    whole = 2 * to
    # in 1 / (2 whole^3); 2^10 times that is below 2^63 for sides of 65,535
    around = [
        t * (-(t**2) + 2 * t * whole - whole**2),
        3 * t**3 - 5 * t**2 * whole + 2 * whole**3,
        t * (-3 * t**2 + 4 * t * whole + whole**2),
        t**2 * (t - whole),
    ]
    taken = [(each << FRACTION_BITS) // (2 * whole**3) for each in around]
    rest = (1 << FRACTION_BITS) - sum(taken)
    nearer = 2 * t >= whole
    taken[1] = taken[1] + np.where(nearer, 0, rest)
    taken[2] = taken[2] + np.where(nearer, rest, 0)
    for offset, each in enumerate(taken, -1):
        np.add.at(weights, (rows, np.clip(first + offset, 0, n - 1)), each)
    return weights


def enlarge(plane: NDArray[Any], down: Weights, across: Weights) -> NDArray[np.int32]:
    """A plane (h, w) at the size that the weights of its columns and rows say; halves are rounded up."""
    return _resized(plane, down, across, FRACTION_BITS)


def fit(plane: NDArray[Any], down: Weights, across: Weights) -> NDArray[np.int32]:
    """A plane (H, W) at the size that `fitting_weights` of its columns and rows say; halves are rounded up."""
    return _resized(plane, down, across, FITTING_BITS)


def _resized(plane: NDArray[Any], down: Weights, across: Weights, fraction_bits: int) -> NDArray[np.int32]:
    sums = down @ plane.astype(np.float64) @ across.T
    return (sums.astype(np.int64) + (1 << 2 * fraction_bits - 1) >> 2 * fraction_bits).astype(np.int32)
