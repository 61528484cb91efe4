"""Reduced size: means against plain ones, enlarging against the specification's sums, windows as crops."""

import numpy as np
import pytest

from apercu.errors import OptionError
from apercu.stages.blocks import Window
from apercu.stages.resize import add_up, enlarged, means, needed_window, reduced_size, source_window
from scripts.pictures import noise

SIZES = ((1, 1), (1, 2), (2, 1), (3, 5), (1, 37), (16, 16), (33, 62))


def image(height, width, n_bands, dtype, seed=1):
    """Noise that reaches both ends of the range, so that filters pass them."""
    samples = noise((height, width, n_bands), seed) >> (8 if dtype == np.uint8 else 0)
    return np.where(samples % 5 == 0, np.iinfo(dtype).max, np.where(samples % 5 == 1, 0, samples)).astype(dtype)


def plain_means(samples, mask, log2):
    side, (height, width, n_bands) = 2**log2, samples.shape
    out = np.zeros((-(-height // side), -(-width // side), n_bands), samples.dtype)
    empty = np.zeros(out.shape, bool)
    for y, x, b in np.ndindex(out.shape):
        block = np.s_[y * side : (y + 1) * side, x * side : (x + 1) * side, b]
        counted = [int(v) for v, hidden in zip(samples[block].flat, mask[block].flat, strict=True) if not hidden]
        empty[y, x, b] = not counted
        out[y, x, b] = (2 * sum(counted) + len(counted)) // (2 * len(counted)) if counted else 0
    return out, empty


def plain_doubled(samples, height, width):
    """As the specification says, a sample at a time."""
    h, w, n_bands = samples.shape
    out = np.empty((height, width, n_bands), samples.dtype)
    weights = {0: 29, 1: 7, -1: -3, 2: -1}
    for y, x, b in np.ndindex(out.shape):
        total = 0
        for down, of_row in weights.items():
            for across, of_column in weights.items():
                row = min(max(y // 2 + (down if y % 2 else -down), 0), h - 1)
                column = min(max(x // 2 + (across if x % 2 else -across), 0), w - 1)
                total += of_row * of_column * int(samples[row, column, b])
        out[y, x, b] = min(max((total + 512) // 1024, 0), np.iinfo(samples.dtype).max)
    return out


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_means_beside_plain_ones(size, dtype):
    samples = image(*size, 2, dtype)
    masks = np.zeros(samples.shape, bool), noise(samples.shape, 2) % 3 > 0
    for log2 in (0, 1, 2, 5, 9):
        for mask in masks:
            wanted, empty = plain_means(samples, mask, log2)
            for given in [mask, None] if mask is masks[0] else [mask]:
                found, out = means(*add_up(samples, given, log2), samples.dtype)
                assert found.dtype == dtype
                assert np.array_equal(found, wanted)
                assert np.array_equal(np.zeros(found.shape, bool) if out is None else out, empty)


@pytest.mark.parametrize("log2", [8, 15])
def test_the_largest_sums_have_room(log2):
    samples = np.full((2**log2 + 1, 300, 1), 65535, np.uint16)
    found, _ = means(*add_up(samples, None, log2), samples.dtype)
    assert found.shape == (2, -(-300 // 2**log2), 1)
    assert (found == 65535).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_enlarging_beside_the_specification(size, dtype):
    height, width = size
    for log2 in (1, 3):
        samples = image(reduced_size(height, log2), reduced_size(width, log2), 2, dtype)
        wanted = samples
        for of in range(log2 - 1, -1, -1):
            wanted = plain_doubled(wanted, reduced_size(height, of), reduced_size(width, of))
        whole = Window(0, 0, height, width)
        assert needed_window(whole, height, width, log2) == (0, 0, *samples.shape[:2])
        assert np.array_equal(enlarged(samples, whole, height, width, log2), wanted)


def test_a_large_image_is_enlarged_strip_by_strip_alike():
    small = image(70, 900, 2, np.uint16)
    found = enlarged(small, Window(0, 0, 139, 1800), 139, 1800, 1)
    assert np.array_equal(found[60:68, 1000:1020], plain_doubled(small[20:44, 490:520], 48, 60)[20:28, 20:40])
    for rows in (slice(0, 20), slice(50, 110), slice(100, 139)):
        part = Window(rows.start, 0, rows.stop - rows.start, 1800)
        top, _, n, _ = needed_window(part, 139, 1800, 1)
        assert np.array_equal(enlarged(small[top : top + n], part, 139, 1800, 1), found[rows])


@pytest.mark.parametrize("log2", [0, 1, 2, 4])
def test_windows_are_crops(log2):
    height, width = 101, 67
    full = image(height, width, 3, np.uint8)
    small, _ = means(*add_up(full, None, log2), full.dtype)
    again = enlarged(small, Window(0, 0, height, width), height, width, log2)
    for window in [(0, 0, 1, 1), (100, 66, 1, 1), (13, 5, 40, 62), (50, 0, 51, 9), (31, 32, 2, 3), (0, 0, 101, 67)]:
        top, left, n_rows, n_columns = window
        y, x, h, w = needed_window(Window(*window), height, width, log2)
        assert h <= (n_rows >> log2) + 8
        found = enlarged(small[y : y + h, x : x + w], Window(*window), height, width, log2)
        assert np.array_equal(found, again[top : top + n_rows, left : left + n_columns])
    for y, x, h, w in [(0, 0, *small.shape[:2]), (1, 2, 3, 1), (small.shape[0] - 1, small.shape[1] - 1, 1, 1)]:
        top, left, n_rows, n_columns = source_window(Window(y, x, h, w), height, width, log2)
        found, _ = means(*add_up(full[top : top + n_rows, left : left + n_columns], None, log2), full.dtype)
        assert np.array_equal(found, small[y : y + h, x : x + w])


def test_flat_areas_and_slopes_stay():
    flat = np.full((9, 7, 1), 1234, np.uint16)
    assert (enlarged(flat, Window(0, 0, 70, 50), 70, 50, 3) == 1234).all()
    slope = (np.arange(40, dtype=np.uint16) * 64)[:, np.newaxis, np.newaxis]
    there = enlarged(slope[2:36], Window(8, 0, 60, 1), 80, 1, 1)[:, 0, 0].astype(int)
    assert set(np.diff(there)) == {32}
    assert there[0] == 4 * 64 - 16


def test_samples_of_another_window_are_refused():
    small = image(10, 10, 1, np.uint8)
    with pytest.raises(OptionError, match="samples must be those of"):
        enlarged(small, Window(0, 0, 8, 8), 20, 20, 1)
    with pytest.raises(OptionError, match="log2"):
        enlarged(small, Window(0, 0, 10, 10), 10, 10, 16)
