"""Images coded at a smaller size: the source that is read reduced, and the choice of the size."""

from functools import partial

import numpy as np
import pytest

from apercu.codecs import reduced
from apercu.codecs.source import ArraySource
from apercu.errors import OptionError, TargetUnreachable
from apercu.stages.blocks import Window, part, tiles
from apercu.stages.resize import add_up, means
from scripts.pictures import noise, scene


class Watched(ArraySource):
    """An array that notes what is read of it."""

    def __init__(self, samples, mask=None):
        super().__init__(samples, mask)
        self.windows = []

    def read(self, window):
        self.windows.append(window)
        return super().read(window)


def whole(source):
    return source.read(Window(0, 0, source.height, source.width))


def test_the_source_is_read_once_in_squares(monkeypatch):
    """Of its blocks, GDAL keeps no more than a few."""
    monkeypatch.setattr(reduced, "_READ_AT_ONCE", 64 * 64 * 2 + 100)
    source = Watched(noise((200, 300, 2), 3).astype(np.uint16))
    whole(reduced.Reduced(source, 2, "spectral"))
    assert source.windows == list(tiles(200, 300, 64))


@pytest.mark.parametrize("log2", [1, 3, 9])
@pytest.mark.parametrize("at_once", [1 << 21, 900, 7])
def test_windows_are_crops_however_the_source_is_read(log2, at_once, monkeypatch):
    monkeypatch.setattr(reduced, "_READ_AT_ONCE", at_once)
    samples = noise((70, 53, 2), 3).astype(np.uint16)
    mask = noise(samples.shape, 4) % 2 > 0
    mask[:40, :40] = True
    source = Watched(samples, mask)
    small = reduced.Reduced(source, log2, "spectral")
    wanted, empty = means(*add_up(samples, mask, log2), samples.dtype)
    found, out = whole(small)
    assert (small.height, small.width) == wanted.shape[:2]
    assert found.dtype == np.uint16
    assert np.array_equal(np.where(empty, 0, wanted) if empty is not None else wanted, found)
    assert np.array_equal(out, empty) or (out is None and empty is None)
    for window in [(0, 0, 1, 1), (small.height - 1, 0, 1, small.width), (small.height // 2, small.width // 2, 1, 1)]:
        again, hidden = small.read(Window(*window))
        assert np.array_equal(again, part(found, Window(*window)))
        assert np.array_equal(np.zeros(again.shape, bool) if hidden is None else hidden,
                              np.zeros(again.shape, bool) if out is None else part(out, Window(*window)))  # fmt: skip
    assert max(height * width * 2 for _, _, height, width in source.windows) <= max(at_once, 2 * 4**log2 * small.width)
    assert max(height * width * 2 for _, _, height, width in source.windows) <= max(at_once, 2)


def test_colours_do_not_count_where_alpha_is_zero():
    image = np.zeros((4, 4, 4), np.uint8)
    image[..., :3] = 200
    image[0, 0] = 40, 60, 80, 255
    image[0, 1] = 40, 60, 80, 1
    samples, mask = whole(reduced.Reduced(ArraySource(image), 1, "rgba"))
    assert samples[0, 0].tolist() == [40, 60, 80, 64]
    assert samples[1, 1, 3] == 0
    assert mask is None
    masked = np.zeros(image.shape, bool)
    masked[0, 0], masked[0, 1, :3], masked[2:, 2:] = True, True, True
    image[0, 1] = 40, 60, 80, 9
    samples, mask = whole(reduced.Reduced(ArraySource(image, masked), 1, "rgba"))
    assert samples[0, 0, 3] == 3
    assert mask[0, 0].tolist() == [True, True, True, False]
    assert mask[1, 1].tolist() == [True] * 4
    assert not mask[0, 1].any()
    as_bands, none = whole(reduced.Reduced(ArraySource(image), 1, "spectral"))
    assert as_bands[0, 0].tolist() == [120, 130, 140, 66]
    assert none is None


def test_errors_of_a_reduced_source_are_those_of_what_counts():
    samples, mask = np.full((4, 6, 1), 10, np.uint8), np.zeros((4, 6, 1), bool)
    mask[:2, :2] = True
    small = reduced.Reduced(ArraySource(samples, mask), 1, "grey")
    assert small.squared_error(Window(0, 0, 2, 3), np.full((2, 3, 1), 13, np.uint8)) == 5 * 9


@pytest.mark.parametrize(("given", "log2"), [(None, 0), (1, 0), (2, 1), (8, 3), (np.int64(32768), 15), ("auto", None)])
def test_reductions_that_there_are(given, log2):
    assert reduced.log2_of(given) == log2


@pytest.mark.parametrize("given", [0, -2, 3, 6, 65536, 2.0, "2", "AUTO", True + 2, [2]])
def test_reductions_that_there_are_not(given):
    with pytest.raises(OptionError, match="reduce must be"):
        reduced.log2_of(given)


# --- The choice, with files that are a number and samples -------------------------------------------


class Coder:
    """Files of one letter; at each size an error of its own is added to the means."""

    def __init__(self, image, errors, unreachable=(), mask=None, shown=()):
        """`shown`: the mask that each size shows; it is exact where that is the source's."""
        self.source, self.errors, self.unreachable, self.tried = Watched(image), errors, unreachable, []
        self.source.mask, self.shown = mask, shown

    def code(self, log2, progress):
        progress(0.0)
        progress(1.0)
        self.tried.append(log2)
        if log2 in self.unreachable:
            raise TargetUnreachable("too few")
        return bytes([log2])

    def decode(self, data, window):
        samples, _ = reduced.reduced(self.source, data[0], "grey").read(window)
        return samples + np.uint8(self.errors[data[0]])

    def see(self, data):
        hidden = self.shown[data[0]] if self.shown else None
        return reduced.Seen(
            partial(self.decode, data),
            lambda window: None if hidden is None else part(hidden, window),
            hidden is self.source.mask,
        )

    def choose(self, n_bytes):
        self.told = []
        return reduced.best_size(self.source, n_bytes, "grey", self.code, self.see, self.told.append)[0]


FLAT = np.full((64, 64, 1), 100, np.uint8)
SLOPE = np.arange(64, dtype=np.uint8)[:, np.newaxis, np.newaxis].repeat(64, 1)


def test_the_least_error_at_the_full_size_wins():
    assert Coder(FLAT, [9, 7, 5, 6, 9, 9, 9]).choose(1) == 2
    assert Coder(FLAT, [9, 9, 9, 4]).choose(1) == 3
    assert Coder(FLAT, [5, 9, 9, 6]).choose(1) == 0


def test_colours_under_alpha_0_are_no_errors():
    image = noise((64, 64, 4), 1).astype(np.uint8)
    image[..., 3] = 0
    image[:, :32] = 100, 100, 100, 255
    seen = ArraySource(image)
    decoded = [np.where([[[1, 1, 1, 0]]], np.uint8(5), image), np.where(image == 100, np.uint8(102), image)]
    for samples, of_error in zip(decoded, (95 * 95 * 3, 2 * 2 * 3), strict=True):
        shown = reduced.Seen(lambda w, s=samples: part(s, w), lambda _: None, True)
        assert reduced._error(seen, "rgba", 0, shown) == of_error * 32 * 64


def test_what_is_hidden_and_counts_is_an_error_and_what_is_shown_and_does_not():
    """Of the variance of what counts, each: here 30² of samples that are 30 from their mean."""
    image, mask = np.full((64, 64, 1), 100, np.uint8), np.zeros((64, 64, 1), bool)
    image[:, ::2] = 160
    mask[:, :16] = True
    hidden, shown = mask.copy(), mask.copy()
    hidden[:, 16:20], shown[:, 10:16] = True, False
    for of, n_wrong in ((mask, 0), (hidden, 4 * 64), (shown, 6 * 64)):
        seen = reduced.Seen(lambda w: part(image, w) + np.uint8(1), lambda w, of=of: part(of, w), True)
        n_both = np.count_nonzero(~mask & ~of)
        assert reduced._error(ArraySource(image, mask), "grey", 0, seen) == n_both + n_wrong * 30**2


def test_a_size_whose_mask_is_closer_wins():
    mask = np.zeros((64, 64, 1), bool)
    mask[:, :20] = True
    coarse = mask.copy()
    coarse[:, 20:24] = True
    for shown, found in (([mask] * 7, 0), ([coarse, mask, *[coarse] * 5], 1)):
        coder = Coder(SLOPE, [2, 2, 9, 9, 9, 9, 9], mask=mask, shown=shown)
        assert coder.choose(1) == found


def test_where_little_is_gained_the_larger_size_wins():
    assert Coder(FLAT, [100] * 7).choose(1) == 0
    dark = np.zeros((64, 64, 1), np.uint8)
    assert Coder(dark, [200, 199, 199, 199]).choose(1) == 0
    assert Coder(dark, [200, 199, 198, 198]).choose(1) == 2  # of whose error the square is 98 %
    assert Coder(FLAT, [0] * 7).choose(1) == 0


def test_with_bits_enough_nothing_is_tried_and_nothing_measured():
    coder = Coder(FLAT, [9, 0, 0, 0, 0, 0, 0])
    assert coder.choose(64 * 64) == 0
    assert coder.tried == [0]
    assert coder.told == [0, 1]
    assert not coder.source.windows
    coder = Coder(FLAT, [9, 8, 0, 0, 0, 0, 0])
    assert coder.choose(32) == 1  # 1/16 of a bit a sample, at half size 1/4
    assert coder.tried == [0, 1]
    assert coder.told == [0, 0.75, 0.75, 0.9375, 1]


def test_with_bits_enough_other_sizes_are_tried_where_the_mask_is_not_exact():
    mask = np.zeros((64, 64, 1), bool)
    mask[:, :20] = True
    coder = Coder(FLAT, [0] * 7, mask=mask, shown=[~mask, mask, *[~mask] * 5])
    assert coder.choose(64 * 64) == 0  # flat: what is hidden is no loss
    assert coder.tried == [0, 1, 2, 3, 4, 5, 6]
    coder = Coder(SLOPE, [0] * 7, mask=mask, shown=[~mask, mask, *[~mask] * 5])
    assert coder.choose(64 * 64) == 1
    assert coder.tried == [0, 1]


def test_smaller_ones_are_taken_until_one_fits():
    coder = Coder(FLAT, [0, 0, 9, 3], unreachable=(0, 1))
    assert coder.choose(1) == 3
    coder = Coder(FLAT, [0] * 7, unreachable=(0, 1, 2, 3, 4, 5))
    assert coder.choose(64 * 64) == 6
    with pytest.raises(TargetUnreachable, match="at 1/64 of the size, too few"):
        Coder(FLAT, [0] * 7, unreachable=range(7)).choose(1)
    with pytest.raises(TargetUnreachable):
        Coder(FLAT[:1, :1], [0], unreachable=[0]).choose(1)


def test_a_large_image_is_neither_coded_nor_read_as_a_whole(monkeypatch):
    monkeypatch.setattr(reduced, "LARGE", 1 << 10)
    monkeypatch.setattr(reduced, "_A_PLACE", 25)
    image = scene(150, 130, 1, 1)
    coder = Coder(image, [0, 0, 0, 9, 7, 9, 9, 9, 9])
    coder.decode = lambda data, window: np.full((window.height, window.width, 1), coder.errors[data[0]], np.uint8)
    assert coder.choose(1) in (3, 4, 5)
    assert coder.tried[0] == 3  # 26/1,000 of a bit a sample; at a quarter of the size it is 6/1,000
    assert all(height <= 5 and width <= 5 for _, _, height, width in coder.source.windows)
    rows, columns = ({window[axis] for window in coder.source.windows} for axis in (0, 1))
    assert len(rows) == len(columns) == 4
    assert (min(rows), max(rows), min(columns), max(columns)) == (18, 126, 15, 109)
