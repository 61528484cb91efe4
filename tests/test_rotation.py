"""Rotation of bands: exact, the same everywhere, and kept only where it gains."""

import numpy as np
import pytest

from apercu.errors import OptionError
from apercu.stages.colour import Levels
from apercu.stages.klt import added, detail_moments, klt
from apercu.stages.rotation import Rotation, forward_of, to_bands, to_components
from scripts.pictures import noise, scene, wide

FULL = Levels(0, 208)  # 0 to 65,535


def level(code):
    return code if code < 16 else (16 + code % 16) * 2 ** (code // 16 - 1)


def plainly(components, matrix, levels, most):
    """Components (H, W, B) to bands by spec/rotation.md, in Python's integers."""
    n = len(matrix)
    u = {1: 15, 2: 14, 3: 13}.get(next(k for k in (1, 2, 3, 4) if n < 4**k), 12)
    out = np.empty(components.shape, np.int64)
    for place in np.ndindex(components.shape[:2]):
        c = [int(value) - 32768 for value in components[place]]
        for b, (offset_code, range_code) in enumerate(levels):
            v = sum(matrix[k][b] * c[k] for k in range(n)) + 2 ** (u + 5)
            v = min(max(v, 0), 2 ** (u + 6))
            out[(*place, b)] = min(level(offset_code) + ((v * level(range_code) + 2 ** (u + 5)) >> (u + 6)), most)
    return out


def rows_of(values):
    return tuple(tuple(int(value) for value in row) for row in values)


def random_case(n_bands, seed):
    """Any matrix, any levels and any components, the ends of all of them among them."""
    numbers = noise((n_bands, n_bands), seed).astype(np.int64) % 256 - 128
    codes = noise((n_bands, 2), seed + 1).astype(np.int64) % 209
    levels = tuple(Levels(int(offset), max(int(extent), 1)) for offset, extent in codes)
    components = noise((3, 5, n_bands), seed + 2).astype(np.uint16)
    components[0, 0], components[0, 1] = 0, 65535
    return components, rows_of(numbers), levels


@pytest.mark.parametrize("n_bands", [2, 3, 4, 5, 15, 16, 63, 64])
@pytest.mark.parametrize(("is_wide", "most"), [(True, 65535), (False, 255)])
def test_bands_are_those_of_the_specification(n_bands, is_wide, most):
    for seed in (1, 2):
        components, matrix, levels = random_case(n_bands, seed)
        if not is_wide:
            levels = tuple(Levels(code.offset_code % 80, code.range_code % 80 + 1) for code in levels)
        found = to_bands(components, Rotation(matrix, levels, is_wide))
        assert found.dtype == (np.uint16 if is_wide else np.uint8)
        np.testing.assert_array_equal(found, plainly(components, matrix, levels, most))


def test_any_rows_may_be_decoded_alone():
    components, matrix, levels = random_case(4, 9)
    components = np.tile(components, (500, 40, 1))  # more than are worked on at a time
    whole = to_bands(components, Rotation(matrix, levels))
    window = (slice(700, 705), slice(3, 90))
    np.testing.assert_array_equal(to_bands(components[window], Rotation(matrix, levels)), whole[window])


def correlated(n_bands, side=64, seed=1):
    """Bands of uint16 that resemble each other: two pictures in different parts, and some noise."""
    first, second = (wide(scene(side, side, 1, seed + k), 2000, 30000, seed)[:, :, 0].astype(np.int64) for k in (0, 5))
    bands = [
        (first * (12 - b % 5) + second * (b % 3)) // 14 + noise((side, side), seed + b) % 99 for b in range(n_bands)
    ]
    return np.stack(bands, axis=2).astype(np.uint16)


def independent(n_bands, side=64):
    return np.concatenate([wide(scene(side, side, 1, 7 * b + 1), 100, 60000, b) for b in range(n_bands)], axis=2)


def fitted(samples, mask=None, levels=None):
    levels = levels or (FULL,) * samples.shape[2]
    return klt(detail_moments(samples, mask, levels), levels, samples.shape[0] * samples.shape[1])


def test_the_matrix_is_the_same_on_every_machine():
    matrix, saved = fitted(correlated(4), levels=(FULL, Levels(100, 190), FULL, Levels(0, 200)))
    assert matrix == ((49, -11, 12, -37), (7, -37, 40, 33), (32, -13, -44, 32), (25, 49, 22, 25))
    assert saved == 949


@pytest.mark.parametrize("n_bands", [2, 3, 8, 40])
def test_rows_are_eigenvectors_of_the_covariance_of_detail(n_bands):
    samples = correlated(n_bands, 128)
    matrix, _ = fitted(samples)
    squares = samples.reshape(32, 4, 32, 4, n_bands).sum((1, 3)).astype(np.float64)
    changes = np.concatenate([np.diff(squares, axis=axis).reshape(-1, n_bands) for axis in (0, 1)])
    covariance = changes.T @ changes
    turned = np.array(matrix) @ covariance @ np.array(matrix).T / 4096
    values = np.linalg.eigvalsh(covariance)
    assert np.abs(np.diag(turned) - values).max() < 0.02 * values[-1]
    assert np.abs(turned - np.diag(np.diag(turned))).max() < 0.02 * values[-1]
    np.testing.assert_allclose(np.array(matrix) @ np.array(matrix).T / 4096, np.eye(n_bands), atol=0.05)
    assert all(sum(row) >= -n_bands for row in matrix)


@pytest.mark.parametrize("n_bands", [2, 3, 4, 15, 16, 64])
def test_components_and_back(n_bands):
    """What is lost is rounding, of samples of 16 bits to 11 bits or more of their range; of 8 bits nothing is."""
    samples = correlated(n_bands)
    matrix, _ = fitted(samples)
    rotation = Rotation(matrix, (FULL,) * n_bands)
    back = to_bands(to_components(samples, forward_of(rotation)), rotation)
    assert np.abs(back.astype(int) - samples).max() <= (2 if n_bands < 4 else 32)
    small = (samples >> 8).astype(np.uint8)
    rotation = Rotation(matrix, (Levels(0, 111),) * n_bands, wide=False)
    np.testing.assert_array_equal(to_bands(to_components(small, forward_of(rotation)), rotation), small)


def test_samples_beyond_the_levels_become_their_ends():
    rotation = Rotation(((64, 0), (0, 64)), (Levels(96, 128), Levels(0, 208)))  # 512 to 2,560
    samples = np.array([[[0, 4], [1000, 6], [65535, 65535]]], np.uint16)
    back = to_bands(to_components(samples, forward_of(rotation)), rotation)
    np.testing.assert_array_equal(back, [[[512, 4], [1000, 6], [2560, 65535]]])


def test_the_levels_of_components_hold_all_samples():
    rotation = Rotation(((36, 36, 38), (-45, 45, 0), (-26, -26, 52)), (FULL,) * 3)
    forward = forward_of(rotation)
    ends = np.array(np.meshgrid(*[[0, 65535]] * 3)).reshape(3, 1, 8).transpose(1, 2, 0).astype(np.uint16)
    components = to_components(ends, forward)
    offset, extent = (level(code) for code in forward.levels)
    assert components.min() >= offset
    assert components.max() <= offset + extent
    assert components.max() - components.min() > 0.9 * extent


def test_what_is_saved_decides():
    """Bands that resemble each other save more than the matrix takes; others nothing to speak of."""
    _, saved = fitted(correlated(3, 128))
    assert saved > 8 * 200
    _, saved = fitted(independent(3, 128))
    assert saved < 8 * 18
    _, saved = fitted(correlated(40, 16))
    assert saved <= 16 * 16 * 40 // 16  # a rotation cannot save more than there is
    flat = np.full((64, 64, 3), 7, np.uint16)
    assert fitted(flat)[1] == 0


def test_samples_that_do_not_count_do_not_matter():
    samples = correlated(3, 96)
    mask = np.zeros(samples.shape, np.bool_)
    mask[20:50, 30:60, 1] = True
    spoilt = samples.copy()
    spoilt[20:50, 30:60] = noise((30, 30, 3), 3)
    assert fitted(spoilt, mask) == fitted(samples, mask)
    assert fitted(spoilt) != fitted(samples)
    assert fitted(samples, np.ones_like(mask))[1] == 0


def test_moments_of_windows_add_up():
    samples, levels = correlated(3, 64), (FULL,) * 3
    parts = added(detail_moments(samples[:32], None, levels), detail_moments(samples[32:], None, levels))
    whole = detail_moments(samples, None, levels)
    assert [n for n, _ in parts] == [n - 64 // 2**scale for scale, (n, _) in enumerate(whole)][:6]


@pytest.mark.parametrize(
    ("components", "rotation", "said"),
    [
        (np.zeros((2, 2, 2), np.uint8), Rotation(((64, 0), (0, 64)), (FULL,) * 2), "uint16"),
        (np.zeros((2, 2, 3), np.uint16), Rotation(((64, 0), (0, 64)), (FULL,) * 2), "3 × 3"),
        (np.zeros((2, 2, 2), np.uint16), Rotation(((64, 0), (0, 128)), (FULL,) * 2), "-128 to 127"),
        (np.zeros((2, 2, 2), np.uint16), Rotation(((64, 0), (0, 64)), (FULL,)), "levels"),
        (np.zeros((2, 2, 2), np.uint16), Rotation(((64, 0), (0, 64)), (Levels(0, 0),) * 2), "range"),
        (np.zeros((2, 2, 1), np.uint16), Rotation(((64,),), (FULL,)), "2 to 64 bands"),
        (np.zeros((2, 2, 65), np.uint16), Rotation(((0,) * 65,) * 65, (FULL,) * 65), "2 to 64 bands"),
    ],
)
def test_what_is_no_rotation_is_refused(components, rotation, said):
    with pytest.raises(OptionError, match=said):
        to_bands(components, rotation)


def test_matrices_that_cannot_be_inverted_are_refused():
    with pytest.raises(OptionError, match="no inverse"):
        forward_of(Rotation(((64, 64), (64, 64)), (FULL,) * 2))
    with pytest.raises(OptionError, match="near to orthogonal"):
        forward_of(Rotation(tuple((127,) * k + (1,) + (0,) * (15 - k) for k in range(16)), (FULL,) * 16))
    forward = forward_of(Rotation(((0, 64), (64, 0)), (FULL,) * 2))  # rows change places
    with pytest.raises(OptionError, match="2 bands"):
        to_components(np.zeros((2, 2, 3), np.uint16), forward)
