"""The DCT in integers: near the exact one, within its limits, and what follows it in the synthesis."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apercu.stages.dct import ORDER, dct_analyse, dct_dequantise, dct_expect, dct_smooth, dct_synthesise
from scripts.pictures import scene

INDEX = np.arange(8)
BASIS = np.cos((2 * INDEX[None] + 1) * INDEX[:, None] * np.pi / 16) / 2
BASIS[0] = 8**-0.5


def exact(plane, centre):
    """Coefficients of the true DCT in the unit of maps."""
    height, width = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = (plane.astype(float) - centre).reshape(height, 8, width, 8).transpose(0, 2, 1, 3)
    found = BASIS @ blocks @ BASIS.T / 2
    return found.reshape(height, width, 64)[..., ORDER].transpose(2, 0, 1)


def analysed(plane, centre=0):
    height, width = plane.shape[0] // 8, plane.shape[1] // 8
    maps = np.empty((64, height, width), np.int16)
    dct_analyse(plane, height, width, centre, maps)
    return maps


def synthesised(maps, centre=0):
    plane = np.empty((8 * maps.shape[1], 8 * maps.shape[2]), np.int16)
    dct_synthesise(maps, maps.shape[1], maps.shape[2], centre, plane)
    return plane


def noise(height, width, most, seed=0):
    return np.random.default_rng(seed).integers(-most, most + 1, (height, width)).astype(np.int16)


@pytest.mark.parametrize("most", [40, 2000, 8191])
def test_it_is_near_the_true_one(most):
    plane = noise(40, 72, most)
    true = exact(plane, 0)
    # The rounding of the matrix is less than one part in 4096 of what the samples hold, that of sums less than 1.
    assert np.abs(analysed(plane) - true).max() < 1 + 8 * most / 4096
    back = exact(synthesised(np.rint(true).astype(np.int16)), 0)
    assert np.abs(back - true).max() < 2 + 8 * most / 4096


@pytest.mark.parametrize("most", [40, 2000, 4080])
def test_there_and_back_is_within_a_grey_level(most):
    plane = (noise(64, 48, most) + 4080).astype(np.int16)
    assert np.abs(synthesised(analysed(plane, 4080), 4080).astype(int) - plane).max() <= 8  # of 32: a quarter


def test_the_order_is_that_of_jpeg():
    assert [divmod(int(place), 8) for place in ORDER[:10]] == [
        (0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0),
    ]  # fmt: skip
    assert sorted(ORDER) == list(range(64))


def test_a_flat_block_has_a_mean_and_nothing_else():
    maps = analysed(np.full((8, 16), 321, np.int16))
    assert maps[0, 0].tolist() == [1284, 1284]  # 321 x 8 / 2
    assert not maps[1:].any()


@given(st.integers(0, 999))
def test_no_sample_and_no_coefficient_leaves_its_range(seed):
    rng = np.random.default_rng(seed)
    extremes = rng.choice(np.array([-32768, -8192, -1, 0, 8191, 32767], np.int16), (16, 24))
    assert np.abs(analysed(extremes, int(rng.integers(-8191, 8192))).astype(int)).max() <= 32767
    maps = rng.choice(np.array([-32768, 0, 1, 32767], np.int16), (64, 2, 3))
    assert np.abs(synthesised(maps, int(rng.integers(-8191, 8192))).astype(int)).max() <= 8191


def test_the_largest_sums_do_not_wrap():
    signs = np.sign(BASIS)
    for down in range(8):
        for across in range(8):
            plane = (8191 * np.outer(signs[down], signs[across])).astype(np.int16)
            assert np.abs(analysed(plane) - exact(plane, 0).clip(-32767, 32767)).max() < 20
    for y in (0, 3):
        maps = np.empty((64, 1, 1), np.int16)
        maps[:, 0, 0] = 32767 * np.outer(signs[:, y], signs[:, y]).ravel()[ORDER]
        assert synthesised(maps)[y, y] == 8191


def test_symbols_stand_for_multiples_of_a_step():
    steps = np.arange(1, 65, dtype=np.int32) * 40
    steps[63] = 1 << 24
    symbols = np.random.default_rng(0).integers(-32768, 32768, (64, 3, 5)).astype(np.int16)
    symbols[:, 0, :3] = [0, 1, -3]
    maps = np.empty_like(symbols)
    dct_dequantise(symbols, steps, maps)
    sizes = (np.minimum(np.abs(symbols.astype(np.int64)), 32767) * steps[:, None, None] + 32) >> 6
    assert np.array_equal(maps, np.minimum(sizes, 32767) * np.sign(symbols))


def slope(height, width, down, across):
    return np.add.outer(down * np.arange(8 * height), across * np.arange(8 * width)).astype(np.int16)


def test_a_slope_is_expected_from_its_means():
    """With the weight that fits it."""
    maps = analysed(slope(5, 6, 0, 20))
    difference = float(maps[0, 2, 1]) - float(maps[0, 2, 3])
    weights = np.zeros((9, 3), np.int16)
    weights[0, 0] = round(4096 * float(maps[1, 2, 2]) / difference)
    less = maps.copy()
    dct_expect(less, weights, -1)
    assert np.abs(less[1, :, 1:-1]).max() <= 1 < 80 < np.abs(maps[1]).min()
    assert np.array_equal(less[2:], maps[2:])
    dct_expect(less, weights, 1)
    assert np.array_equal(less, maps)


@pytest.mark.parametrize("index", range(9))
def test_what_is_expected_has_the_symmetry_of_its_frequency(index):
    rng = np.random.default_rng(index)
    maps = np.zeros((64, 4, 5), np.int16)
    maps[0] = rng.integers(-3000, 3000, (4, 5))
    weights = np.zeros((9, 3), np.int16)
    weights[index] = rng.integers(-2047, 2048, 3)
    down, across = divmod(int(ORDER[1 + index]), 8)
    found = []
    for turn in (np.s_[:, :], np.s_[::-1, :], np.s_[:, ::-1]):
        turned = np.zeros_like(maps)
        turned[0] = maps[0][turn]
        dct_expect(turned, weights, 1)
        found.append(turned[1 + index][turn].astype(int))
        assert not np.delete(turned, (0, 1 + index), 0).any()
    assert found[0].any()
    for other, odd in ((found[1], down % 2), (found[2], across % 2)):
        assert np.abs(other - (-found[0] if odd else found[0])).max() <= 1  # halves are rounded up


def test_smoothing_takes_steps_down_and_leaves_edges():
    plane = np.zeros((8, 24), np.int16)
    plane[:, 8:] = 100
    plane[:, 16:] = 4000
    smooth = plane.copy()
    dct_smooth(smooth, 1, 3, 30)
    assert smooth[0, 5:11].tolist() == [0, 15, 30, 70, 85, 100]
    assert np.array_equal(smooth[:, 11:], plane[:, 11:])
    assert np.array_equal(smooth, smooth[:1].repeat(8, 0))
    for limit in (0, 65536):
        other = plane.copy()
        dct_smooth(other, 1, 3, limit)
        assert np.array_equal(other, plane) == (limit == 0)
    across, down = plane.copy(), np.ascontiguousarray(plane.T)
    dct_smooth(across, 1, 3, 30)
    dct_smooth(down, 3, 1, 30)
    assert np.array_equal(across, down.T)


def test_the_bits_are_the_same_on_every_machine():
    plane = (scene(48, 64, 1, 3)[..., 0].astype(np.int16) * 32).copy()
    maps = analysed(plane, 4080)
    symbols = maps // 300
    dct_dequantise(symbols, np.full(64, 300 * 64, np.int32), maps)
    dct_expect(maps, np.arange(-13, 14, dtype=np.int16).reshape(9, 3) * 60, 1)
    out = synthesised(maps, 4080)
    dct_smooth(out, 6, 8, 90)
    digest = hashlib.sha256(analysed(plane, 4080).astype("<i2").tobytes() + out.astype("<i2").tobytes())
    assert digest.hexdigest()[:16] == "3d400e76db44a406"
