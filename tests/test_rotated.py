"""Sources whose bands are rotated: what is coded, what it gains, and what becomes of samples that do not count."""

import numpy as np
import pytest

import apercu
from apercu.bench.tasks.drawing import rough
from apercu.codecs import encoding, scenes
from apercu.codecs.encoding import Target
from apercu.codecs.rotated import Rotated, levels_of, n_bytes, rotation_of
from apercu.codecs.source import ArraySource
from apercu.errors import OptionError
from apercu.format import chunks
from apercu.stages.blocks import Window
from apercu.stages.colour import Levels
from apercu.stages.rotation import Rotation, to_bands
from scripts.pictures import noise, scene, wide

SIDE = 160
WHOLE = Window(0, 0, SIDE, SIDE)
SPECTRAL = encoding.How("apercu", bands="spectral")


def bands_of_a_scene(n_bands, side=SIDE):
    """uint16: two pictures in different parts, each band with its own gain, offset and noise."""
    first, second = (wide(scene(side, side, 1, seed), 0, 40000)[:, :, 0].astype(np.int64) for seed in (3, 8))
    mixed = [(first * (9 - band) + second * (3 + band)) // 12 for band in range(n_bands)]
    gained = [3000 * band + values * (6 + band % 4) // 10 for band, values in enumerate(mixed)]
    return np.stack(gained, axis=2).clip(0, 65535).astype(np.uint16)


def wedge(shape):
    """Where a sensor saw nothing: two corners beyond slanting lines, True."""
    row, column = np.mgrid[: shape[0], : shape[1]]
    out = (row + column // 4 < 40) | (row * 4 - column > 560)
    return np.repeat(out[:, :, np.newaxis], shape[2], axis=2)


def by_range(samples, decoded, mask=None):
    """PSNR in dB of the samples that count, errors relative to the range of their band."""
    seen = np.ones(samples.shape, np.bool_) if mask is None else ~mask
    bands = range(samples.shape[2])
    ranges = [np.ptp(samples[:, :, band][seen[:, :, band]].astype(np.int64)) for band in bands]
    relative = (decoded.astype(np.float64) - samples) / ranges
    return -10 * np.log10(np.mean(relative[seen] ** 2))


def encoded(samples, mask, n, **options):
    """What is decoded of a file of n bytes with the matrix counted, and the rotation."""
    source = ArraySource(samples, mask)
    rotation = rotation_of(source, levels_of(source))
    components = Rotated(source, rotation)
    target = Target(n_bytes=n - n_bytes(samples.shape[2]))
    data = encoding.encode(components, target, SPECTRAL, levels=components.levels)
    return to_bands(apercu.decode(data, **options), rotation), rotation


@pytest.mark.parametrize("n_bands", [3, 4, 6])
def test_bands_that_resemble_each_other_gain(n_bands):
    samples = bands_of_a_scene(n_bands)
    mask = wedge(samples.shape)
    n = 250 * n_bands
    plain = apercu.decode(apercu.encode(np.ma.masked_array(samples, mask), n_bytes=n, bands="spectral"))
    found, _ = encoded(samples, mask, n)
    assert found.dtype == np.uint16
    assert by_range(samples, found, mask) > by_range(samples, plain, mask) + 1.0
    if n_bands == 3:
        rgb = apercu.decode(apercu.encode(np.ma.masked_array(samples, mask), n_bytes=n, bands="rgb"))
        assert by_range(samples, found, mask) > by_range(samples, rgb, mask) + 0.1


def test_bytes_gain_too():
    samples = (bands_of_a_scene(4) >> 8).astype(np.uint8)
    plain = apercu.decode(apercu.encode(samples, n_bytes=900, bands="spectral"))
    found, rotation = encoded(samples, None, 900)
    assert not rotation.wide
    assert found.dtype == np.uint8
    assert by_range(samples, found) > by_range(samples, plain) + 1.0


def test_independent_bands_are_left_as_they_are():
    squares = [noise((20, 20), seed).astype(np.uint16).repeat(8, 0).repeat(8, 1) for seed in (1, 2, 3)]
    for samples in (np.stack(squares, axis=2), bands_of_a_scene(1), bands_of_a_scene(3)[:2, :2]):
        source = ArraySource(samples)
        assert rotation_of(source, levels_of(source)) is None
    many = ArraySource(np.zeros((4, 4, 65), np.uint16))
    assert rotation_of(many, levels_of(many)) is None
    source = ArraySource(bands_of_a_scene(3))
    assert rotation_of(source, levels_of(source)) is not None


def test_errors_at_the_border_of_no_data_are_those_of_the_interior():
    samples = bands_of_a_scene(3)
    mask = wedge(samples.shape)
    found, _ = encoded(np.where(mask, np.uint16(0), samples), mask, 320)  # 0.1 bpp
    near = mask.copy()
    for _ in range(2):
        framed = np.pad(near, ((1, 1), (1, 1), (0, 0)))
        near = np.any([framed[y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)], axis=0)
    squared = (found.astype(np.float64) - samples) ** 2
    assert np.sqrt(squared[near & ~mask].mean() / squared[~near].mean()) < 1.2


def test_what_no_data_hides_makes_no_difference():
    samples = bands_of_a_scene(3)
    mask = wedge(samples.shape)
    mask[70:90, 70:110, 1] = True  # in one band alone
    some = Rotated(
        ArraySource(samples, mask), Rotation(((37,) * 3, (-45, 0, 45), (26, -52, 26)), (Levels(0, 208),) * 3)
    )
    spoilt = Rotated(ArraySource(np.where(mask, np.uint16(60000), samples), mask), some.rotation)
    components, hidden = some.read(WHOLE)
    others, others_hidden = spoilt.read(WHOLE)
    np.testing.assert_array_equal(hidden, np.repeat(mask.all(axis=2, keepdims=True), 3, axis=2))
    np.testing.assert_array_equal(others_hidden, hidden)
    np.testing.assert_array_equal(others[~hidden], components[~hidden])
    back = to_bands(components, some.rotation)
    assert np.abs(back.astype(int) - samples)[~mask].max() <= 2
    assert some.read(Window(64, 120, 30, 20))[1] is None


def test_errors_are_those_of_the_bands():
    samples = bands_of_a_scene(3, 64)
    mask = wedge(samples.shape)
    source = Rotated(ArraySource(samples, mask), rotation_of(ArraySource(samples), levels_of(ArraySource(samples))))
    window = Window(16, 8, 40, 30)
    decoded = source.read(window)[0] + np.uint16(500)
    bands = to_bands(decoded, source.rotation).astype(np.int64)
    apart = np.where(mask, 0, bands_of_a_scene(3, 64).astype(np.int64))[16:56, 8:38]
    expected = int(((np.where(mask[16:56, 8:38], 0, bands) - apart) ** 2).sum())
    assert source.squared_error(window, decoded) == expected > 0


def test_symbols_of_components_are_chosen_for_psnr_alone():
    rng = np.random.default_rng(5)
    ground = rough(rng, 2.0, (SIDE, SIDE))
    bands = [(1 + band / 10) * ground + 0.15 * rough(rng, 2.0, (SIDE, SIDE)) for band in range(3)]
    samples = (20000 + 4000 * np.stack(bands, axis=2)).clip(0, 65535).astype(np.uint16)
    source = ArraySource(samples)
    components = Rotated(source, rotation_of(source, levels_of(source)))
    how = {"how": SPECTRAL, "levels": components.levels}
    with_prices, with_one = (
        encoding.encode(components, Target(n_bytes=900), one_price=one, **how) for one in (False, True)
    )
    errors = [components.squared_error(WHOLE, apercu.decode(data)) for data in (with_prices, with_one)]
    assert errors[1] < 0.99 * errors[0]
    as_array, _ = components.read(WHOLE)
    assert encoding.encode(as_array, Target(n_bytes=900), one_price=True, **how) == with_one
    found = scenes.split(scenes.encode(samples, chunks.Scene(), Target(n_bytes=900), SPECTRAL))[1]
    quality = Target(quality=apercu.info(found)["quality"])
    assert found == encoding.encode(components, quality, one_price=True, **how)
    assert found != encoding.encode(components, quality, **how)


def test_restored_components_are_no_worse():
    pytest.importorskip("onnxruntime")
    samples = bands_of_a_scene(4)
    mask = wedge(samples.shape)
    exact, _ = encoded(samples, mask, 700)
    restored, _ = encoded(samples, mask, 700, restore="cnn")
    assert by_range(samples, restored, mask) > by_range(samples, exact, mask) - 0.02


def test_levels_of_bytes_are_measured():
    samples = np.array([[[10, 0], [200, 1]]], np.uint8)
    mask = np.array([[[False, False], [True, False]]])
    assert levels_of(ArraySource(samples)) == (Levels(10, 72), Levels(0, 1))  # 10 to 202, 0 to 1
    assert levels_of(ArraySource(samples, mask))[0] == (10, 1)


def test_another_number_of_bands_is_refused():
    source = ArraySource(bands_of_a_scene(4, 32))
    rotation = Rotation(((64, 0), (0, 64)), (Levels(0, 208),) * 2)
    with pytest.raises(OptionError, match="4 × 4"):
        Rotated(source, rotation)
