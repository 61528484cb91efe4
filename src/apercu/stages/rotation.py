"""Bands to components and back: an integer Karhunen–Loève transform (KLT) of the bands of a scene.

Bands that resemble each other cost their detail once each. A rotation of the bands, the eigenvectors of the covariance
of their detail, makes components that are not correlated. Bands are first put in units of their own range, which is
what makes an error relative to it; a rotation keeps squared errors, so one quantiser step is right for all components.

The way back is that of spec/rotation.md: a matrix of int8 with 6 fraction bits and levels for each band, in integers.
Where float64 stands below, all of its values are integers under 2^53, and sums exact in any order.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.stages.arguments import check_number, check_samples
from apercu.stages.colour import LEVELS, MOST, Levels, Samples, check_levels

_to_bands_u8 = function("apercu_to_bands_u8", "assaaa")
_to_bands_u16 = function("apercu_to_bands_u16", "assaaa")

MAX_BANDS = 64
"""More bands are not rotated: the matrix would take more bytes than a preview has."""
FRACTION_BITS = 6
"""Of the matrix."""
CENTRE = 32768
"""The component that adds nothing to any band, which then is in the middle of its range."""
_GAIN_BITS = 24
"""Fraction bits of the encoder's matrix."""
_EXACT = 1 << 51
"""Sums of products stay below it, and so are exact in float64."""
_STRIP = 1 << 15
"""Samples worked on at a time, so that they stay in the cache."""
_AT_A_TIME = 1 << 22
"""Samples of a call of the kernel, after which Ctrl-C is heard."""

Matrix = tuple[tuple[int, ...], ...]
"""(B, B) of -128 to 127: row k is what component k adds to each band, with 6 fraction bits."""


class Rotation(NamedTuple):
    """What makes bands of components: the matrix, offset and range of each band as codes, and whether bands are uint16,
    else uint8."""

    matrix: Matrix
    levels: tuple[Levels, ...]
    wide: bool = True


class Forward(NamedTuple):
    """What makes components of bands, the inverse of a rotation."""

    offsets: NDArray[np.float64]
    """(B, 1) of each band."""
    ranges: NDArray[np.float64]
    """(B, 1) of each band."""
    gains: NDArray[np.float64]
    """(B, B) whole numbers: row k is what each band adds to component k, with 24 fraction bits."""
    levels: Levels
    """Those that every component is coded with."""


def unit_log2(n_bands: int) -> int:
    """The range of a band in units of components is 2 to the power of this: the most that keeps components of `n_bands`
    correlated bands, which are up to sqrt(n_bands) times as large, within 16 bits. 15 for two or three bands."""
    return 15 - (n_bands.bit_length() - 1) // 2


def check_rotation(rotation: Rotation, n_bands: int) -> None:
    """Raises OptionError unless a rotation is one of this number of bands."""
    if not 2 <= n_bands <= MAX_BANDS:
        raise OptionError(f"2 to {MAX_BANDS} bands can be rotated, not {n_bands}")
    if [len(row) for row in rotation.matrix] != [n_bands] * n_bands:
        raise OptionError(f"the matrix of a rotation of {n_bands} bands is {n_bands} × {n_bands}")
    for row in rotation.matrix:
        for weight in row:
            check_number("a number in the matrix of a rotation", weight, -128, 127)
    check_levels(np.empty((1, 1, n_bands), np.uint16), "spectral", rotation.levels)


def to_bands(components: Samples, rotation: Rotation) -> Samples:
    """Components (H, W, B) of uint16 to bands of uint8 or uint16 (spec/rotation.md).

    Raises OptionError for an array or a rotation of another kind.
    """
    check_samples("components", components)
    if components.itemsize != 2:
        raise OptionError("components must be uint16, not uint8")
    height, width, n_bands = components.shape
    check_rotation(rotation, n_bands)
    out = np.empty(components.shape, np.uint16 if rotation.wide else np.uint8)
    matrix = np.array(rotation.matrix, np.int8)
    levels = np.array([[LEVELS[code] for code in codes] for codes in rotation.levels], np.int32)
    call = _to_bands_u16 if rotation.wide else _to_bands_u8
    for rows in _strips(height, width * n_bands, _AT_A_TIME):
        found = np.require(components[rows], np.uint16, ("C", "ALIGNED"))
        n_pixels = found.size // n_bands
        checked(call(address(found), n_pixels, n_bands, address(matrix), address(levels), address(out[rows])))
    return out


def to_components(bands: Samples, forward: Forward) -> Samples:
    """The inverse of `to_bands`: bands (H, W, B) of uint8 or uint16 to components.

    Samples beyond the range of their band become its end. Raises OptionError for an array of another kind.
    """
    check_samples("bands", bands)
    if bands.shape[2] != len(forward.gains):
        raise OptionError(f"{len(forward.gains)} bands are rotated, not {bands.shape[2]}")
    height, width, n_bands = bands.shape
    out = np.empty(bands.shape, np.uint16)
    middle = (CENTRE + 0.5) * (2 << _GAIN_BITS) - forward.gains @ forward.ranges
    for rows in _strips(height, width * n_bands):
        samples = bands[rows].reshape(-1, n_bands).T.astype(np.float64, order="C")
        samples -= forward.offsets
        np.clip(samples, 0, forward.ranges, out=samples)
        components = 2 * forward.gains @ samples
        components += middle
        components *= 1 / (2 << _GAIN_BITS)
        np.clip(components, 0, MOST, out=components)
        out[rows] = components.T.reshape(-1, width, n_bands)  # rounded down
    return out


def forward_of(rotation: Rotation) -> Forward:
    """The inverse of a rotation; raises OptionError where there is none, or none that 53 bits hold."""
    n_bands = len(rotation.levels)
    check_rotation(rotation, n_bands)
    offsets, ranges = _ends(rotation.levels)
    widths = [int(r) for r in ranges[:, 0]]
    inverse, determinant = _inverse(rotation.matrix)
    # Bands are matrix.T @ components / 64, in units of 2^unit_log2 for the range of each.
    scale = 1 << FRACTION_BITS + unit_log2(n_bands) + _GAIN_BITS
    gains = [
        [
            (2 * scale * row[k] + determinant * r) // (2 * determinant * r)
            for row, r in zip(inverse, widths, strict=True)
        ]
        for k in range(n_bands)
    ]
    reach = max(sum(abs(gain) * r for gain, r in zip(row, widths, strict=True)) for row in gains)
    if reach >= _EXACT:
        raise OptionError("the matrix of a rotation must be near to orthogonal")
    bound = (reach >> 1 + _GAIN_BITS) + 1
    return Forward(offsets, ranges, np.array(gains, np.float64), _levels_around(bound))


def _levels_around(bound: int) -> Levels:
    """Levels that hold CENTRE - bound to CENTRE + bound, as far as those are samples of 16 bits."""
    offset_code = bisect_right(LEVELS, max(CENTRE - bound, 0)) - 1
    return Levels(offset_code, bisect_left(LEVELS, min(CENTRE + bound, MOST) - LEVELS[offset_code]))


def _ends(levels: tuple[Levels, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets and ranges, (B, 1) each."""
    offsets = np.array([[LEVELS[offset_code]] for offset_code, _ in levels], np.float64)
    return offsets, np.array([[LEVELS[range_code]] for _, range_code in levels], np.float64)


def _strips(height: int, n_samples: int, most: int = _STRIP) -> Iterator[slice]:
    step = max(most // n_samples, 1)
    return (slice(top, top + step) for top in range(0, height, step))


def _inverse(matrix: Matrix) -> tuple[list[list[int]], int]:
    """The inverse of a matrix as whole numbers over a positive one; exact, by elimination without fractions (E. H.
    Bareiss, "Sylvester's identity and multistep integer-preserving Gaussian elimination", 1968)."""
    n = len(matrix)
    rows = np.concatenate([np.array(matrix, object), np.eye(n, dtype=object)], axis=1)
    before = 1
    for k in range(n):
        below = [row for row in range(k, n) if rows[row, k]]
        if not below:
            raise OptionError("the matrix of a rotation has no inverse")
        rows[[k, below[0]]] = rows[[below[0], k]]
        pivot, own = rows[k, k], rows[k].copy()
        rows = (rows * pivot - np.multiply.outer(rows[:, k], own)) // before
        rows[k] = own
        before = pivot
    sign = 1 if before > 0 else -1
    return [[sign * int(value) for value in row] for row in rows[:, n:]], sign * int(before)
