"""The 9/7 wavelet: what goes in comes out, at every size, and a flat plane is its low band alone."""

import numpy as np
import pytest

from apercu.stages.wavelet import wavelet_analyse, wavelet_synthesise

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (5, 9), (33, 70), (64, 64)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("kind", ["noise", "chequered"])
def test_inverse(height, width, kind):
    samples = np.random.default_rng(1).integers(0, 256, (height, width))
    if kind == "chequered":
        samples = np.add.outer(np.arange(height), np.arange(width)) % 2 * 255
    plane = (samples * 32).astype(np.int16)
    bands, back = np.empty(plane.size, np.int16), np.empty_like(plane)
    wavelet_analyse(plane, height, width, 5, 4080, bands)
    wavelet_synthesise(bands, back, 5, 4080)
    # Rounding alone: one and a half of 255 at the worst, a quarter in the mean.
    assert np.abs(back.astype(int) - plane).max() <= 48
    assert np.abs(back.astype(int) - plane).mean() <= 16


def test_flat_plane_is_low_band():
    bands = np.empty(64 * 64, np.int16)
    wavelet_analyse(np.full((64, 64), 6000, np.int16), 64, 64, 5, 4080, bands)
    assert np.abs(bands[:4] - 960).max() <= 16
    assert np.abs(bands[4:]).max() <= 8
