"""The two measures of texture, against the programs of those who proposed them and against what is known exactly."""

import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter
from scipy.stats import wasserstein_distance

from apercu.bench.metrics import ssim
from apercu.bench.texture import laplacian_pyramid, radial_spectrum, sliced_distance, spectrum, swd
from scripts.pictures import noise, scene
from tests.pairs import pair


def grass(seed: int) -> np.ndarray:
    """Noise of some coarseness, (128, 128) uint8."""
    return gaussian_filter(noise((128, 128), seed) / 65536 * 255, 1.0, mode="wrap").astype(np.uint8)


# --- Sliced Wasserstein distance


@pytest.mark.parametrize(("own_scale", "value"), [(True, 93.49833), (False, 92.53789)])
def test_swd_as_in_karras_program(own_scale, value):
    """metrics/sliced_wasserstein.py of tkarras/progressive_growing_of_gans (commit 1c5876cb), times 1000.

    Its functions were run with our places and directions for random numbers. On each image's own scale the levels are
    216.718, 102.332, 31.757 and 23.186; with the original's mean and deviation in `finalize_descriptors` for both,
    174.287, 104.257, 37.159 and 54.448.
    """
    assert swd(*pair(128, 160, 3, 2), own_scale=own_scale) == pytest.approx(value, rel=1e-5)


def test_pyramid_as_in_karras_program():
    sizes = [np.abs(level).mean() for level in laplacian_pyramid(scene(128, 160, 3, 2))]
    assert sizes == pytest.approx([3.1336482, 3.0494316, 5.1884384, 188.25075], rel=1e-6)


@pytest.mark.parametrize("shape", [(64, 96, 1), (67, 45, 2)])
def test_levels_of_the_pyramid(shape):
    image = scene(*shape)
    levels = list(laplacian_pyramid(image))
    row = np.array([1, 4, 6, 4, 1]) / 16
    window = np.outer(row, row)[:, :, np.newaxis]
    rest = image.astype(float)
    for level in levels[:-1]:
        smaller = convolve(rest, window, mode="mirror")[::2, ::2]
        spread = np.zeros_like(rest)
        spread[::2, ::2] = smaller
        np.testing.assert_allclose(level, rest - convolve(spread, 4 * window, mode="mirror"), atol=1e-3)
        rest = smaller
    np.testing.assert_allclose(levels[-1], rest, atol=1e-3)
    assert 16 <= min(levels[-1].shape[:2]) < 32


def test_sliced_distance_as_scipy():
    random = np.random.default_rng(2)
    first, second = random.standard_normal((200, 6)), 1 + 2 * random.standard_normal((200, 6))
    directions = random.standard_normal((6, 5))
    expected = [wasserstein_distance(first @ direction, second @ direction) for direction in directions.T]
    assert sliced_distance(first, second, directions) == pytest.approx(np.mean(expected), rel=1e-5)


def test_swd_is_the_same_every_time_and_hardly_hangs_on_the_seed():
    images = pair(128, 128, 1, 1)
    assert swd(*images) == swd(*images)
    values = [swd(*images, seed=seed) for seed in range(4)]
    assert len(set(values)) == 4
    assert np.std(values) < 0.05 * np.mean(values)


def test_images_of_one_value():
    original = scene(64, 64, 3)
    flat, other = np.full_like(original, 90), np.full_like(original, 91)
    for own_scale in (False, True):
        assert 100 < swd(original, flat, own_scale=own_scale) < 10000
    assert swd(flat, other, own_scale=True) == 0
    assert 0 < swd(flat, other) < 10000
    assert swd(*(image.astype(np.uint16) * 257 for image in (flat, other))) == pytest.approx(swd(flat, other))


# --- Power spectrum


def test_spectrum_as_in_pysteps():
    """pysteps.utils.spectral.rapsd (pySTEPS/pysteps, commit 057ce025) of the plane times SciPy's periodic Hann."""
    original, decoded = (image[:, :, 0] for image in pair(64, 64, 1, 4))
    rings = [0, 1, 7, 30]
    found = radial_spectrum(original.astype(float))
    assert found.shape == (32,)
    assert found[rings] == pytest.approx([1032952.15933, 316093.004251, 3391.08458283, 119.413084507], rel=1e-9)
    found = radial_spectrum(decoded.astype(float))
    assert found[rings] == pytest.approx([911607.267208, 283735.977059, 2511.42174942, 9.09036276214], rel=1e-9)
    assert spectrum(original, decoded) == pytest.approx(5.79823792928, rel=1e-9)


@pytest.mark.parametrize("shape", [(96, 96), (95, 60), (64, 131)])
def test_white_noise_has_its_variance_at_every_frequency(shape):
    random = np.random.default_rng(3)
    found = np.mean([radial_spectrum(100 + 5 * random.standard_normal(shape)) for _ in range(40)], axis=0)
    assert found.shape == (min(shape) // 2,)
    assert found[2:] == pytest.approx(np.full(len(found) - 2, 25.0), rel=0.2)
    assert found.mean() == pytest.approx(25, rel=0.02)


@pytest.mark.parametrize(("down", "across", "ring"), [(0, 8, 8), (8, 0, 8), (6, 8, 10), (-6, 8, 10), (24, -32, 40)])
def test_a_wave_lies_in_its_ring_whatever_its_direction(down, across, ring):
    y, x = np.mgrid[:96, :96] / 96
    found = radial_spectrum(10 * np.cos(2 * np.pi * (down * y + across * x)))
    assert found.argmax() + 1 == ring
    assert found[ring - 3 : ring + 2].sum() > 0.99 * found.sum()


def test_doubled_contrast_is_6_db():
    original = scene(80, 80).astype(np.uint8) // 2
    assert spectrum(original, 2 * original) == pytest.approx(20 * np.log10(2), abs=0.1)
    assert spectrum(2 * original, original) == pytest.approx(20 * np.log10(2), abs=0.1)


def test_an_image_of_one_value_has_a_distance():
    original = scene(64, 64)
    assert 5 < spectrum(original, np.full_like(original, 90)) < 100
    assert spectrum(np.full_like(original, 7), np.full_like(original, 90)) == 0


# --- What they are for


def test_texture_elsewhere_is_nearer_than_none():
    """Error and structure prefer a smooth surface; these two prefer the same grass, shifted."""
    original = grass(1)
    shifted = np.roll(original, (37, 51), (0, 1))
    smooth = gaussian_filter(original, 2.0, mode="wrap")
    assert ssim(original, shifted) < ssim(original, smooth)
    assert swd(original, shifted) < 0.5 * swd(original, smooth)
    assert spectrum(original, shifted) < 0.1 * spectrum(original, smooth)


def test_lost_contrast_counts_unless_each_image_has_its_own_scale():
    original = grass(2)
    flatter = original // 2 + 64
    assert spectrum(original, flatter) > 5
    assert swd(original, flatter) > 5 * swd(original, flatter, own_scale=True)
