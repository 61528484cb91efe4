"""Analysis, G1's error and synthesis, against products in NumPy and whole numbers of any size."""

import numpy as np
import pytest

from apercu.codecs.tables import shipped
from apercu.errors import OptionError
from apercu.stages.dual_ae import EVERY_BLOCK, dual_analyse, dual_synthesise
from apercu.stages.dual_quantise import dual_quantise


def at_bounds(rng):
    """Weights as large as the loader lets them be: rows sum to 2^18 - 1, G2's in synthesis to 2^16 - 1 in 32 pixels."""
    weights = np.zeros((2, 9, 64), np.int64)
    for row in weights.reshape(18, 64):
        large = rng.choice(64, 9, replace=False)
        row[large[:8]] = 32767
        row[large[8]] = 7
    chosen = rng.choice(64, 32, replace=False)
    weights[1, 1:] = 0
    weights[1, 1:, chosen] = 8191 + (np.arange(8) != np.arange(32)[:, None] % 8)
    assert weights.sum(2).max() == 2**18 - 1
    assert weights[1, 1:].sum(0).max() == 2**16 - 1
    return (weights * rng.choice([-1, 1], weights.shape)).astype(np.int16)


def light_and_dark(weights, limit=8191):
    """The planes of one block that drive each row of `weights` to its ends."""
    signs = np.where(weights.reshape(18, 8, 8) < 0, -1, 1)
    return np.concatenate([signs, -signs]).astype(np.int16) * np.int16(limit)


def blocks_of(plane):
    """(n, 64) in raster order of the blocks."""
    down, across = plane.shape[0] // 8, plane.shape[1] // 8
    return plane[: 8 * down, : 8 * across].reshape(down, 8, across, 8).swapaxes(1, 2).reshape(-1, 64)


def to_plane(blocks, down, across):
    return blocks.reshape(down, across, 8, 8).swapaxes(1, 2).reshape(8 * down, 8 * across)


def latents_of(blocks, weights):
    """Float64 is exact here: all numbers are below 2^53."""
    return np.clip(np.floor(blocks.astype(float) @ weights[0].T.astype(float) / 65536 + 0.5), -16383, 16383)


def exact_mse_q4(block, latent, row):
    """Whole numbers of any size: 16 / 64 of the squared error, which has 2 * 17 fraction bits."""
    error = sum((int(x) * 2**12 - int(s) * int(latent)) ** 2 for x, s in zip(block, row, strict=True))
    return error * 16 // 64 // 2**34


def planes():
    rng = np.random.default_rng(1)
    weights = shipped(1).weights
    yield "grey", rng.integers(0, 8161, (40, 56)), weights
    yield "signed", rng.integers(-8191, 8192, (64, 40)), weights
    yield "ends", rng.choice([-8191, 8191], (64, 64)), weights
    yield "smooth", np.add.outer(np.arange(64) * 40, np.arange(64) * 60), weights
    yield "white", np.full((8, 8), 8160), weights
    yield "black", np.zeros((8, 8)), weights
    yield "lowest", np.full((8, 8), -8191), weights
    yield "along shipped rows", to_plane(light_and_dark(weights), 6, 6), weights
    halves, odd = np.zeros((8, 16)), np.zeros((2, 9, 64))  # all sums end in half a unit of a latent
    halves[0, ::8] = -4096, 4096
    odd[..., 0] = 8 * (2 * np.arange(9) + 1)
    yield "halves", halves, odd.astype(np.int16)
    for seed in range(3):
        bounds = at_bounds(np.random.default_rng([2, seed]))
        yield f"along rows at their bounds {seed}", to_plane(light_and_dark(bounds), 6, 6), bounds
        yield f"signed, rows at their bounds {seed}", rng.integers(-8191, 8192, (40, 40)), bounds


PLANES = [(name, plane.astype(np.int16), weights) for name, plane, weights in planes()]
EACH_PLANE = pytest.mark.parametrize(("plane", "weights"), [p[1:] for p in PLANES], ids=[p[0] for p in PLANES])


def analysed(plane, weights, threshold_q4=EVERY_BLOCK):
    return dual_analyse(plane, (plane.shape[0] // 8, plane.shape[1] // 8), weights, threshold_q4)


@EACH_PLANE
def test_latents(plane, weights):
    latents, _ = analysed(plane, weights)
    assert latents.dtype == np.int16
    assert np.array_equal(latents, latents_of(blocks_of(plane), weights))


@EACH_PLANE
def test_error_of_g1_is_exact(plane, weights):
    latents, mse_q4 = analysed(plane, weights)
    row = weights[1, 0]
    expected = [exact_mse_q4(block, z, row) for block, z in zip(blocks_of(plane), latents[:, 0], strict=True)]
    assert mse_q4.tolist() == expected


def test_the_bounds_are_reached():
    ends = {name: (plane, weights) for name, plane, weights in PLANES}["along rows at their bounds 0"]
    latents, mse_q4 = analysed(*ends)
    assert (latents.min(), latents.max()) == (-16383, 16383)
    assert mse_q4.max() > 2**22
    assert max(mse for _, plane, _ in PLANES for mse in analysed(plane, shipped(1).weights)[1]) <= 16 * 256**2


@EACH_PLANE
def test_only_blocks_above_the_threshold_have_latents_of_g2(plane, weights):
    every, mse_q4 = analysed(plane, weights)
    for threshold in {0, int(np.median(mse_q4)), int(mse_q4.max()) - 1, int(mse_q4.max()), 2**32, 2**62}:
        latents, again = analysed(plane, weights, threshold)
        assert np.array_equal(again, mse_q4)
        expected = every.copy()
        expected[mse_q4 <= threshold, 1:] = 0
        assert np.array_equal(latents, expected)


def test_blocks_within_a_larger_plane():
    rng = np.random.default_rng(3)
    plane = rng.integers(-8191, 8192, (50, 70)).astype(np.int16)
    latents, mse_q4 = dual_analyse(plane, (3, 5), shipped(1).weights, EVERY_BLOCK)
    inside = np.ascontiguousarray(plane[:24, :40])
    assert np.array_equal(latents, analysed(inside, shipped(1).weights)[0])
    assert np.array_equal(mse_q4, analysed(inside, shipped(1).weights)[1])


@pytest.mark.parametrize("step_q3", [1, 7, 200, 65535])
@pytest.mark.parametrize("bounds", [False, True])
def test_synthesis(step_q3, bounds):
    rng = np.random.default_rng([4, step_q3])
    weights = at_bounds(rng) if bounds else shipped(1).weights
    for limit in (1, 40, 16384 // step_q3 + 1, 32767):
        groups = rng.integers(0, 2, 30).astype(np.uint8)
        symbols = rng.integers(-limit, limit + 1, (30, 8)).astype(np.int16)
        symbols[:4] = rng.choice([-32768, 32767], (4, 8))
        plane = dual_synthesise(groups, symbols, (5, 6), weights, step_q3)
        z = np.clip(symbols.astype(np.int64) * step_q3, -16384, 16384)
        rows = weights[1].astype(np.int64)
        sums = np.where(groups[:, None], z @ rows[1:], z[:, :1] * rows[0])
        expected = np.clip(np.floor(sums / 4096 + 0.5), -8191, 8191)
        assert plane.dtype == np.int16
        assert np.array_equal(plane, to_plane(expected, 5, 6))


def test_error_is_that_of_the_pixels():
    # What mse_q4 says without making the reconstruction is what synthesis leaves, but for its rounding.
    plane = np.random.default_rng(5).normal(4000, 900, (64, 64)).astype(np.int16)
    latents, mse_q4 = analysed(plane, shipped(1).weights)
    groups, symbols = dual_quantise(latents, mse_q4, 2**31, 1)
    back = dual_synthesise(groups, symbols, (8, 8), shipped(1).weights, 1)
    assert not groups.any()
    rmse = np.sqrt(((blocks_of(plane) - blocks_of(back).astype(float)) ** 2).mean(1)) / 32
    assert np.abs(rmse - np.sqrt(mse_q4 / 16)).max() < 0.03


def test_g2_restores_what_lies_in_its_subspace():
    rng = np.random.default_rng(6)
    weights = shipped(1).weights
    blocks = rng.integers(-3000, 3000, (20, 8)) @ weights[1, 1:].astype(int) >> 14
    plane = np.ascontiguousarray(to_plane(blocks.astype(np.int16), 4, 5))
    latents, mse_q4 = analysed(plane, weights)
    groups, symbols = dual_quantise(latents, mse_q4, EVERY_BLOCK, 1)
    back = dual_synthesise(groups, symbols, (4, 5), weights, 1)
    assert groups.all()
    assert np.abs(back - plane).max() < 32  # within one 8-bit unit


def test_step_out_of_range():
    symbols = np.zeros((1, 8), np.int16)
    for step_q3 in (-1, 0, 65536):
        with pytest.raises(OptionError):
            dual_synthesise(np.zeros(1, np.uint8), symbols, (1, 1), shipped(1).weights, step_q3)
