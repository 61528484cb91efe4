"""Noise of generative restorers: Gaussian numbers that depend on a seed and their place alone.

A number belongs to a row, a column and a channel, whatever is asked for beside it: so the parts of a picture agree,
however it is cut. Each row has its own stream of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom
number generators"), of which a column takes one number for four channels. All is in integers but the table that makes
them Gaussian. That is rounded so coarsely that it is the same where the logarithms of two machines differ.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from apercu.stages.blocks import Window

Hashes = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_AT_ONCE = 4
"""Channels that share a hash: 16 bits each."""
FRACTION_BITS = 12
"""Of a number: it is a whole multiple of 2^-12."""


def gaussian(seed: int, window: Window, channels: int, first: int = 0) -> NDArray[np.float32]:
    """(channels, window.height, window.width) of mean 0 and variance 1, between -4.33 and 4.33.

    `window`: rows and columns, absolute, each below 2^32; `first`: the first channel, a multiple of 4; `seed`: 0 to
    2^64 - 1.
    """
    top, left, height, width = window
    groups = np.arange(first // _AT_ONCE, -(-(first + channels) // _AT_ONCE), dtype=np.uint64)
    rows, columns = (np.arange(start, start + n, dtype=np.uint64) for start, n in ((top, height), (left, width)))
    starts = mixed(mixed(np.array([seed], np.uint64)) + (rows + np.uint64(1)) * _GAMMA)
    positions = columns + (groups[:, None, None] << np.uint64(32))
    hashes = mixed(starts[:, None] + (positions + np.uint64(1)) * _GAMMA)
    parts = [(hashes >> np.uint64(16 * k)).astype(np.uint16) for k in range(_AT_ONCE)]
    found: NDArray[np.float32] = _table()[np.stack(parts, 1)].reshape(_AT_ONCE * len(groups), height, width)
    return found[:channels]


def mixed(values: Hashes) -> Hashes:
    """The function that makes numbers of the states of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


@cache
def _table() -> NDArray[np.float32]:
    """(65536,): the quantiles of the normal distribution, the middle of each of as many equal parts."""
    from statistics import NormalDist  # which loads fractions and decimals, for this table alone

    n = 1 << 15
    upper = [NormalDist().inv_cdf(0.5 + (k + 0.5) / (2 * n)) for k in range(n)]
    rounded = np.rint(np.array(upper) * (1 << FRACTION_BITS)) / (1 << FRACTION_BITS)
    return np.concatenate([-rounded[::-1], rounded]).astype(np.float32)
