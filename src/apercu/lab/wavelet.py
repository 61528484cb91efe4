"""The 9/7 wavelet of codec apercu for gradients, in torch.

`apercu.restore.wavelet` is the same in NumPy.
"""

from functools import cache

import torch
from torch import Tensor

from apercu.restore.wavelet import LIFTS, SCALE, steps_of


def _lifted(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level along the last axis, of even length: low-pass and high-pass samples."""
    even, odd = x[..., ::2], x[..., 1::2]
    for index, lift in enumerate(LIFTS):
        if index % 2 == 0:
            odd = odd + lift * (even + torch.cat([even[..., 1:], even[..., -1:]], -1))
        else:
            even = even + lift * (odd + torch.cat([odd[..., :1], odd[..., :-1]], -1))
    return even, odd


def _joined(even: Tensor, odd: Tensor) -> Tensor:
    """The inverse of `_lifted`."""
    for index, lift in reversed(list(enumerate(LIFTS))):
        if index % 2 == 0:
            odd = odd - lift * (even + torch.cat([even[..., 1:], even[..., -1:]], -1))
        else:
            even = even - lift * (odd + torch.cat([odd[..., :1], odd[..., :-1]], -1))
    return torch.stack([even, odd], -1).flatten(-2)


def analysed(plane: Tensor) -> tuple[Tensor, Tensor]:
    """A level of an orthonormal wavelet: (N, 1, H, W) to LL (N, 1, H / 2, W / 2), and HL, LH and HH (N, 3, …)."""
    low, high = _lifted(plane)
    (ll, lh), (hl, hh) = ([part.transpose(-1, -2) for part in _lifted(half.transpose(-1, -2))] for half in (low, high))
    return ll * SCALE**2, torch.cat([hl, lh, hh / SCALE**2], 1)


def synthesised(low: Tensor, bands: Tensor) -> Tensor:
    """The inverse of `analysed`."""
    hl, lh, hh = (bands[:, k : k + 1] for k in range(3))
    lows, highs = (low / SCALE**2, lh), (hl, hh * SCALE**2)
    halves = [_joined(*(part.transpose(-1, -2) for part in pair)).transpose(-1, -2) for pair in (lows, highs)]
    return _joined(*halves)


def units(level: int, step: Tensor, chroma: int = 0) -> Tensor:
    """(N, 3, 1, 1): the quantiser's steps of a level's bands, in the unit of `analysed`; `step` (N,) in 8-bit
    samples."""
    return (step[:, None] * _steps(level, chroma, step.device))[:, :, None, None]


@cache
def _steps(level: int, chroma: int, device: torch.device) -> Tensor:
    return torch.from_numpy(steps_of(level, chroma)).to(device)
