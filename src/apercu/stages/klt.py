"""Which rotation of bands makes their detail independent, and what it saves: in integers, the same on every machine.

The matrix has the eigenvectors of the covariance of detail, not of samples: differences between neighbouring squares
of 4 × 4 samples, which is the detail that low rates code. Noise, which is not coded, is in finer ones. The component of
the smallest variance comes first: the few symbols of a plane help to code the many of the next one (0.02 to 0.13 dB).
"""

from collections.abc import Iterator, Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from apercu.stages.colour import LEVELS, Levels, Samples
from apercu.stages.fill import Mask
from apercu.stages.rotation import FRACTION_BITS, Matrix

SCALES = 6
"""Detail between neighbouring squares of 1, 2, 4, 8, 16 and 32 samples a side."""
_SCALE = 2
"""The one whose eigenvectors are taken."""
BITS_A_SAMPLE_LOG2 = -4
"""A rotation is judged at a rate of about 1/16 bit a sample of each band."""
MOST_SIDE = 512
"""Of a window whose moments are taken: sums stay below 2^53."""
_ANGLE_BITS = 30
_VARIANCE_BITS = 30
"""The largest variance has at most so many bits."""
_FINE_BITS = 64
_WORTH_Q8 = 369
"""256 / ln 2."""
_SWEEPS = 30

Moments = list[tuple[int, list[list[int]]]]
"""For each scale the number of differences, and the sums of their products by pair of bands (B, B)."""


def detail_moments(samples: Samples, mask: Mask | None, levels: Sequence[Levels]) -> Moments:
    """Moments of the detail of a window (H, W, B), sides of at most MOST_SIDE.

    Samples beyond their band's levels become their end. Squares with a sample that does not count, in any band, are
    left out.
    """
    offsets = np.array([LEVELS[codes.offset_code] for codes in levels], np.int32)
    ranges = np.array([LEVELS[codes.range_code] for codes in levels], np.int32)
    low = np.clip(samples - offsets, 0, ranges)
    valid = np.ones(samples.shape[:2], np.bool_)
    if mask is not None:
        np.logical_not(np.logical_or.reduce(mask, axis=2), out=valid)
    found = []
    for _ in range(SCALES):
        across = (low[:, 1:] - low[:, :-1])[valid[:, 1:] & valid[:, :-1]]
        down = (low[1:] - low[:-1])[valid[1:] & valid[:-1]]
        changes = np.concatenate([across, down]).astype(np.float64)  # sums of products below 2^53: exact
        products = changes.T @ changes
        found.append((len(changes), [[int(value) for value in row] for row in products]))
        height, width = (side // 2 * 2 for side in low.shape[:2])
        quarters = [(slice(top, height, 2), slice(left, width, 2)) for top in (0, 1) for left in (0, 1)]
        low = sum(low[quarter] for quarter in quarters) >> 1  # as the low band of an orthonormal transform
        valid = np.logical_and.reduce([valid[quarter] for quarter in quarters])
    return found


def added(some: Moments, more: Moments) -> Moments:
    """The moments of two windows together."""
    return [
        (n + m, [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(of, others, strict=True)])
        for (n, of), (m, others) in zip(some, more, strict=True)
    ]


def klt(moments: Moments, levels: Sequence[Levels], n_pixels: int) -> tuple[Matrix, int]:
    """The matrix of a rotation, and about how many bits it saves in an image of so many pixels that count, without
    those of the matrix itself."""
    ranges = [LEVELS[codes.range_code] for codes in levels]
    # Eigenvalues, up to B times the largest variance, stay below 2^31, and their products with cosines below 2^62.
    bits = _VARIANCE_BITS + 1 - len(ranges).bit_length()
    vectors = _eigenvectors(*_covariances(moments[_SCALE : _SCALE + 1], ranges, bits))
    matrix = vectors * (1 << FRACTION_BITS) + (1 << _ANGLE_BITS - 1) >> _ANGLE_BITS
    found = _covariances(moments, ranges, _VARIANCE_BITS)
    before = [np.diag(of) for of in found]
    after = [np.diag(matrix @ of @ matrix.T) >> 2 * FRACTION_BITS for of in found]
    return tuple(tuple(row) for row in matrix.tolist()), _saved_bits(before, after, n_pixels)


def _covariances(moments: Moments, ranges: list[int], bits: int) -> list[NDArray[np.int64]]:
    """Of each scale, in units of each band's range, and multiplied by the same power of two: the largest variance has
    so many bits."""

    def covariances(shift: int) -> list[list[list[int]]]:
        return [
            [
                [(value << shift) // (max(n, 1) * r * s) for value, s in zip(row, ranges, strict=True)]
                for row, r in zip(of, ranges, strict=True)
            ]
            for n, of in moments
        ]

    largest = max(of[b][b] for of in covariances(_FINE_BITS) for b in range(len(ranges)))
    shift = _FINE_BITS + bits - largest.bit_length()
    return [np.array(of, np.int64) for of in covariances(max(shift, 0))]


def _eigenvectors(covariance: NDArray[np.int64]) -> NDArray[np.int64]:
    """The eigenvectors (B, B) of a symmetric matrix, a row each, with _ANGLE_BITS fraction bits; that of the smallest
    eigenvalue first, and each with a sum of 0 or more.

    By Jacobi's rotations, of as many pairs at once as have nothing in common (R. P. Brent, F. T. Luk, "The solution of
    singular-value and symmetric eigenvalue problems on multiprocessor arrays", 1985).
    """
    n = len(covariance)
    rest, vectors = covariance.copy(), np.eye(n, dtype=np.int64) << _ANGLE_BITS
    for _ in range(_SWEEPS):
        turned = False
        for pairs in _rounds(n):
            angles = [_angle(*(int(rest[place]) for place in ((p, p), (q, q), (p, q)))) for p, q in pairs]
            if not any(sine for _, sine in angles):
                continue
            turned = True
            for rows in (rest, rest.T, vectors):
                _turn(rows, np.array(pairs), np.array(angles))
        if not turned:
            break
    vectors = vectors[np.argsort(np.diag(rest), kind="stable")]
    vectors[vectors.sum(axis=1) < 0] *= -1
    return vectors


def _rounds(n: int) -> Iterator[list[tuple[int, int]]]:
    """All pairs of n, in rounds in which each is in one pair at most: as in a tournament."""
    others = list(range(1, n + n % 2))
    for _ in others:
        order = [0, *others]
        pairs = zip(order[: len(order) // 2], reversed(order[len(order) // 2 :]), strict=True)
        yield [(min(pair), max(pair)) for pair in pairs if max(pair) < n]
        others = others[-1:] + others[:-1]


def _angle(first: int, second: int, both: int) -> tuple[int, int]:
    """Cosine and sine, with _ANGLE_BITS fraction bits, of the rotation that takes the covariance `both` from two
    variances. One that does not show in 6 fraction bits is 0."""
    whole, apart, twice = 1 << _ANGLE_BITS, second - first, 2 * both
    if abs(twice) << 12 <= abs(apart) or abs(twice) <= 2:
        return whole, 0
    size = abs(apart) + isqrt(apart * apart + twice * twice)
    tangent = ((-twice if apart < 0 else twice) << _ANGLE_BITS) // size
    cosine = whole * whole // isqrt(whole * whole + tangent * tangent)
    return cosine, tangent * cosine >> _ANGLE_BITS


def _turn(rows: NDArray[np.int64], pairs: NDArray[np.int64], angles: NDArray[np.int64]) -> None:
    """Rotates pairs of rows."""
    (p, q), (cosine, sine), half = pairs.T, angles.T[:, :, np.newaxis], 1 << _ANGLE_BITS - 1
    first, second = rows[p], rows[q]
    rows[p] = cosine * first - sine * second + half >> _ANGLE_BITS
    rows[q] = sine * first + cosine * second + half >> _ANGLE_BITS


def _saved_bits(before: list[NDArray[np.int64]], after: list[NDArray[np.int64]], n_pixels: int) -> int:
    """What bands of these variances at each scale, `after` in place of `before`, save in bits, or in what errors are
    worth in bits.

    At an error D, detail of a larger variance V takes log2(V / D) / 2 bits and is left with D; other detail is left
    with V (reverse water-filling; T. M. Cover, J. A. Thomas, "Elements of Information Theory", 10.3.3). Along this
    curve an error of D is worth 1 / ln 4 bits. D is that of the rate at which rotations are judged, and more than all
    bits of that rate cannot be saved.
    """

    def bits(scales: list[NDArray[np.int64]], error: int, worth: int) -> int:
        """A scale has three quarters of the samples that finer ones leave."""
        own = _log2_q8(error)
        found = 0
        for scale, variances in enumerate(scales):
            total = 0
            for variance in variances.tolist():
                total += _log2_q8(variance) - own + worth if variance > error else worth * variance // error
            found += 3 * n_pixels * total >> 2 * scale + 2 + 1 + 8
        return found

    rate = n_pixels * len(before[0]) >> -BITS_A_SAMPLE_LOG2
    low, error = 0, 1 << _VARIANCE_BITS
    while error - low > 1:
        middle = (low + error) // 2
        low, error = (middle, error) if bits(before, middle, 0) > rate else (low, middle)
    return min(bits(before, error, _WORTH_Q8) - bits(after, error, _WORTH_Q8), rate)


def _log2_q8(value: int) -> int:
    """The logarithm of a whole number above 0 to base 2, rounded down to 8 fraction bits."""
    return int(value**256).bit_length() - 1
