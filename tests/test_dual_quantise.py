"""Classification and rounding of latents."""

import numpy as np
import pytest

from apercu.errors import OptionError
from apercu.stages.dual_quantise import dual_quantise

EVERY_LATENT = np.arange(-16383, 16384)


def quantised(z, step_q3):
    """Symbols of G1 for latents `z`."""
    latents = np.zeros((len(z), 9), np.int16)
    latents[:, 0] = z
    return dual_quantise(latents, np.zeros(len(z), np.uint32), 0, step_q3)[1]


@pytest.mark.parametrize("step_q3", [1, 2, 3, 4, 7, 16, 100, 333, 16382, 16383, 32765, 32766, 32767, 65535])
def test_nearest_multiple_and_halves_away_from_zero(step_q3):
    symbols = quantised(EVERY_LATENT, step_q3).astype(np.int64)
    assert not symbols[:, 1:].any()
    twice_the_rest = 2 * (EVERY_LATENT - symbols[:, 0] * step_q3)
    assert np.abs(twice_the_rest).max() <= step_q3
    half = np.abs(twice_the_rest) == step_q3
    assert np.array_equal(half.any(), step_q3 % 2 == 0 and step_q3 // 2 <= 16383)
    assert np.all(np.abs(symbols[half, 0] * step_q3) > np.abs(EVERY_LATENT[half]))


def test_groups():
    rng = np.random.default_rng(1)
    mse_q4 = np.array([0, 1, 99, 100, 101, 2**21 - 1, 2**32 - 1], np.uint32)
    latents = rng.integers(-16383, 16384, (7, 9)).astype(np.int16)
    for threshold in (-1, 0, 100, 2**21 - 1, 2**31, 2**32 - 1, 2**62):
        groups, symbols = dual_quantise(latents, mse_q4, threshold, 1)
        assert (groups.dtype, symbols.dtype) == (np.uint8, np.int16)
        assert groups.tolist() == [int(int(mse) > threshold) for mse in mse_q4]
        assert np.array_equal(symbols[groups == 1], latents[groups == 1, 1:])
        assert np.array_equal(symbols[groups == 0, 0], latents[groups == 0, 0])
        assert not symbols[groups == 0, 1:].any()


@pytest.mark.parametrize("step_q3", [-1, 0, 65536])
def test_step_out_of_range(step_q3):
    with pytest.raises(OptionError):
        quantised(EVERY_LATENT, step_q3)
