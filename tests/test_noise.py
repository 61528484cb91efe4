"""Noise that depends on a seed and its place alone: Gaussian, without a pattern, the same however it is cut."""

import hashlib
from statistics import NormalDist

import numpy as np
import pytest

from apercu.restore.noise import _table, gaussian, mixed
from apercu.stages.blocks import Window

GAMMA = 0x9E3779B97F4A7C15


@pytest.fixture(scope="module")
def numbers():
    """Of 2^20, an estimate of a correlation deviates by 0.001."""
    return gaussian(3, Window(100, 7000, 256, 256), 16)


def test_the_generator_is_splitmix64():
    """Its first numbers for the seed 1234567, as its authors' program prints them."""
    states = (1234567 + np.arange(1, 6).astype(object) * GAMMA) % (1 << 64)
    assert mixed(states.astype(np.uint64)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_the_table_is_the_same_on_every_machine():
    """Logarithms of two machines may differ in their last bits. No quantile is so near to where rounding changes."""
    quantiles = np.array([NormalDist().inv_cdf((k + 0.5) / 65536) for k in range(65536)]) * 4096
    assert np.abs(quantiles % 1 - 0.5).min() > 1e-5
    assert np.array_equal(_table(), (np.rint(quantiles) / 4096).astype(np.float32))
    whole = (_table().astype(float) * 4096).astype("<i2").tobytes()
    assert hashlib.sha256(whole).hexdigest() == "1ea009ce409dac97d6bd609266910f809c5fb912f78e16bd89145b08174d6fc5"


def test_known_numbers():
    found = gaussian(0, Window(0, 0, 2, 3), 16)
    assert (found.shape, found.dtype) == ((16, 2, 3), np.float32)
    assert (found[[0, 5, 15]] * 4096).astype(int).tolist() == [
        [[-63, -2031, 7432], [-160, 3216, 745]],
        [[2473, -5223, 958], [4731, 4333, -1780]],
        [[1725, 6128, 4626], [5810, -1896, -4262]],
    ]
    found = gaussian(2**63 - 1, Window(16383, 16380, 1, 4), 6)
    assert (found[4:] * 4096).astype(int).tolist() == [[[859, 9378, -3885, 3457]], [[-1690, 1912, 3148, -5660]]]


def test_mean_variance_and_shape(numbers):
    assert abs(numbers.mean(dtype=float)) < 0.004
    assert abs(numbers.var(dtype=float) - 1) < 0.006
    assert abs((numbers.astype(float) ** 4).mean() - 3) < 0.03
    shares = np.histogram(numbers, [NormalDist().inv_cdf(k / 32) if 0 < k < 32 else 9 * (k - 16) for k in range(33)])[0]
    assert np.abs(shares / numbers.size * 32 - 1).max() < 0.03
    assert np.abs(numbers.mean((1, 2))).max() < 0.016  # of each channel
    assert np.abs(numbers.var((1, 2)) - 1).max() < 0.023
    assert np.abs(numbers.mean((0, 2))).max() < 0.065  # of each row
    assert np.abs(numbers.mean((0, 1))).max() < 0.065


def test_nothing_is_alike(numbers):
    """Neighbours, channels, seeds, and places a power of two apart; and their squares."""
    channels, down, across = numbers.shape
    moves = [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, -1), (1, 0, 0), (4, 0, 0), (8, 0, 0), (0, 128, 0), (0, 0, 128)]
    moves += [(1, 0, 1), (4, 1, 0), (0, 2, 0), (0, 0, 2), (0, 0, 4), (0, 64, 64)]
    others = [numbers] + [gaussian(seed, Window(100, 7000, down, across), channels) for seed in (2, 4, 3 + 2**62)]
    pairs = [(numbers, np.roll(numbers, move, (0, 1, 2))) for move in moves]
    pairs += [(numbers, other) for other in others[1:]]
    for index, (one, other) in enumerate(pairs):
        assert abs((one * other).mean(dtype=float)) < 0.005, index
        assert abs(((one * other) ** 2).mean(dtype=float) - 1) < 0.02, index


def test_nothing_repeats(numbers):
    """No two rows are alike, nor are those of seeds that lie as far apart as the states of a stream."""
    seen = gaussian(3, Window(0, 0, 1000, 4), 4)
    other = gaussian(3 + GAMMA % (1 << 63), Window(0, 0, 1000, 4), 4)
    rows = {row.tobytes() for values in (seen, other) for row in values.transpose(1, 0, 2)}
    assert len(rows) == 2000


def test_windows_are_crops(numbers):
    for top, left, height, width in ((0, 0, 1, 1), (17, 3, 50, 77), (255, 0, 1, 256)):
        found = gaussian(3, Window(100 + top, 7000 + left, height, width), 16)
        assert np.array_equal(found, numbers[:, top : top + height, left : left + width])
    assert np.array_equal(gaussian(3, Window(100, 7000, 256, 256), 5, first=8), numbers[8:13])
    assert gaussian(3, Window(0, 0, 0, 5), 16).shape == (16, 0, 5)
