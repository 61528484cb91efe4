"""The 9/7 wavelet of codec apercu in float32, for networks: on planes in -1 to 1.

Restored pixels are held to a tolerance, so floats serve. What was sent is kept by `apercu.restore.projection`, in
integers. `apercu.lab.wavelet` is the same in torch.
"""

import numpy as np

from apercu.restore.runtime import Values
from apercu.restore.squares import HALF
from apercu.stages.bands import band_step

LIFTS = (-1.586134342, -0.052980118, 0.882911076, 0.443506852)
SCALE = 1.230174105
GAINS, FALL = (0.25, 0.5, 0.37831), 0.43664
"""Of the codec's own coefficients relative to these, for HL, LH and HH of level 1; and from a level to the next one."""
ONE = 1 << 16
"""A step for which those of bands are not rounded much."""


def _lifted(x: Values) -> tuple[Values, Values]:
    """One level along the last axis, of even length: low-pass and high-pass samples."""
    even, odd = x[..., ::2].copy(), x[..., 1::2].copy()
    for index, lift in enumerate(LIFTS):
        if index % 2 == 0:
            odd += np.float32(lift) * (even + np.concatenate([even[..., 1:], even[..., -1:]], -1))
        else:
            even += np.float32(lift) * (odd + np.concatenate([odd[..., :1], odd[..., :-1]], -1))
    return even, odd


def _joined(even: Values, odd: Values) -> Values:
    """The inverse of `_lifted`."""
    even, odd = even.copy(), odd.copy()
    for index, lift in reversed(list(enumerate(LIFTS))):
        if index % 2 == 0:
            odd -= np.float32(lift) * (even + np.concatenate([even[..., 1:], even[..., -1:]], -1))
        else:
            even -= np.float32(lift) * (odd + np.concatenate([odd[..., :1], odd[..., :-1]], -1))
    found: Values = np.stack([even, odd], -1).reshape(*even.shape[:-1], -1)
    return found


def analysed(plane: Values) -> tuple[Values, Values]:
    """A level of an orthonormal wavelet: (H, W), both even, to LL (H / 2, W / 2), and HL, LH and HH (3, …)."""
    low, high = _lifted(plane)
    (ll, lh), (hl, hh) = ([part.T for part in _lifted(half.T)] for half in (low, high))
    return ll * np.float32(SCALE**2), np.stack([hl, lh, hh / np.float32(SCALE**2)])


def synthesised(low: Values, bands: Values) -> Values:
    """The inverse of `analysed`."""
    hl, lh, hh = bands
    lows, highs = (low / np.float32(SCALE**2), lh), (hl, hh * np.float32(SCALE**2))
    return _joined(*(_joined(*(part.T for part in pair)).T for pair in (lows, highs)))


def steps_of(level: int, chroma: int = 0) -> Values:
    """(3,): the steps of a level's bands for a quantiser's step of one 8-bit sample, in the unit of `analysed`."""
    gains = [gain * FALL ** (level - 1) for gain in GAINS]
    return np.array([band_step(ONE, chroma, level, k) / (256 * gains[k] * HALF) for k in range(3)], np.float32)
