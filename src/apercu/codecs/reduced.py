"""The size at which an image is coded: the full one, or means of 2^k × 2^k samples, chosen for a budget.

With very few bits a codec spends most of them on saying where it has none. At a smaller size it has more for each
sample, and what the size loses, the budget could not have paid for. Which size is best is tried, since forecasts are
wrong by more than what is to be gained: each is coded within the budget and enlarged, and its error at the full size
compared. That is cheap: each size has a quarter of the samples of the one before it.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from apercu.codecs.protocol import Progress, no_progress
from apercu.codecs.source import ArraySource, Source, is_flat, squared_error
from apercu.errors import OptionError, TargetUnreachable
from apercu.format.container import MAX_SIDE
from apercu.options import positive
from apercu.stages.blocks import Window, absolute, part, tiles
from apercu.stages.colour import Samples, plane_sizes
from apercu.stages.fill import ALPHA, Mask, hidden
from apercu.stages.resize import MOST_LOG2, add_up, enlarged, means, needed_window, reduced_size, source_window

ENOUGH = 0.3
"""Bits for each sample of the planes: with more, the next smaller size is never better. On 862 training images the full
size was better in all but those where it made no difference."""
TOO_FEW = 0.015
"""And with fewer, the next smaller size is as good or better, so that a large image need not be coded at this one. In
small images the bytes of a prefix count, and scenes that are almost empty are quick to try."""
WORTH = 0.99
"""What the error of a smaller size must be less than, as a part of the least before it: fewer pixels for nothing are no
gain.
"""
LARGE = 1 << 24
"""Samples. Larger images are measured in places; and their sizes of fewer samples are kept in memory."""
_READ_AT_ONCE = 1 << 22
"""Samples of a source that are read at a time: in squares, since large scenes are stored in tiles."""
_PLACES, _A_PLACE = 4, 1 << 18
"""Where a large image is measured: places down and across, and samples in each."""
_KEPT = 1 << 26
"""Bytes of a decoded image that are kept while it is measured."""


class Reduced:
    """A source at ceil(size / 2^log2) rows and columns: each sample is the mean of those that count, and counts if one
    of them does. Colours count where alpha is above 0. It is read in large windows, and never as a whole."""

    def __init__(self, source: Source, log2: int, interpretation: str) -> None:
        self.source, self.log2, self.interpretation = source, log2, interpretation
        self.height, self.width = reduced_size(source.height, log2), reduced_size(source.width, log2)
        self.n_bands, self.dtype = source.n_bands, source.dtype
        self.flat = is_flat(source, interpretation)
        """Whether it has the shape (H, W), as the source."""

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        out = np.empty((window.height, window.width, self.n_bands), self.dtype.newbyteorder("="))
        mask = np.zeros(out.shape, np.bool_)
        for there in tiles(window.height, window.width, max(_side(self.n_bands) >> self.log2, 1)):
            part(out, there)[:], empty = self._means(absolute(there, window))
            if empty is not None:
                part(mask, there)[:] = empty
        if self.interpretation == "rgba":  # where alpha is 0, it alone says that colours do not count
            mask[:, :, :ALPHA] &= (out[:, :, ALPHA:] > 0) | mask[:, :, ALPHA:]
        return out, mask if mask.any() else None

    def _means(self, window: Window) -> tuple[Samples, Mask | None]:
        """Of a square that is read at once, or of one sample, for which the source is read in parts."""
        of = source_window(window, self.source.height, self.source.width, self.log2)
        sums, counts = np.zeros((2, window.height, window.width, self.n_bands), np.uint64)
        for there in tiles(of.height, of.width, _side(self.n_bands)):
            samples, mask = self.source.read(absolute(there, of))
            found = add_up(samples, hidden(samples, self.interpretation, mask), self.log2)
            sums += found[0]
            counts += found[1]
        return means(sums, counts, self.dtype.newbyteorder("="))

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`: at the reduced size."""
        return squared_error(*self.read(window), decoded)


def _side(n_bands: int) -> int:
    """Pixels a side of a square that is read at once, a power of two."""
    return 1 << max(math.isqrt(_READ_AT_ONCE // n_bands), 1).bit_length() - 1


def reduced(source: Source, log2: int, interpretation: str) -> Source:
    """A source at 1/2^log2 of its size; itself for log2 = 0. Kept in memory where it is not large, since an encoder
    reads it several times."""
    if log2 == 0:
        return source
    small = Reduced(source, log2, interpretation)
    if small.height * small.width * small.n_bands > LARGE:
        return small
    kept = ArraySource(*small.read(Window(0, 0, small.height, small.width)))
    kept.flat = small.flat
    return kept


def log2_of(reduce: object) -> int | None:
    """What `reduce` of an encoder says: the size is divided by 2^this; None for "auto". Raises OptionError."""
    if reduce is None:
        return 0
    if isinstance(reduce, str) and reduce == "auto":
        return None
    divisor = 0 if isinstance(reduce, str) else positive("reduce", reduce)
    if divisor.bit_count() != 1 or divisor > 1 << MOST_LOG2:
        raise OptionError(f'reduce must be "auto" or a power of two from 1 to {1 << MOST_LOG2:,}, not {reduce!r}')
    return divisor.bit_length() - 1


class Seen(NamedTuple):
    """What a file shows."""

    decoded: Callable[[Window], Samples]
    """A window at its own size, (h, w, B), comparable with the source's."""
    hidden: Callable[[Window], Mask | None]
    """Which samples of a window of the full size do not count, (h, w, 1) or (h, w, B)."""
    is_exact: bool
    """Whether these are, at the size that is coded, those of the source."""


def best_size(
    source: Source,
    n_bytes: int,
    interpretation: str,
    coded: Callable[[int, Progress], bytes],
    seen: Callable[[bytes], Seen],
    progress: Progress = no_progress,
    importance: Source | None = None,
) -> bytes:
    """The file of least error at the full size among those in `n_bytes` at full, half, quarter … size: of squared
    errors, weighed by their importance, where a sample that counts and is hidden, or does not and is shown, has the
    variance of those that count.

    coded: makes the file at 1/2^k of the size, within the budget, and tells how far it is; raises TargetUnreachable.
    seen: what such a file shows. importance: weights in 1/256, less 1, as a source of one band.

    Sizes that cannot be best are not tried, nor is anything measured where only one can be. Raises TargetUnreachable if
    even the smallest size takes too many bytes.
    """
    most = min((max(source.height, source.width) - 1).bit_length(), MOST_LOG2)
    large = source.height * source.width * source.n_bands > LARGE
    best: tuple[float, bytes, bool] | None = None
    done = reached = 0.0  # of the work, of which each size takes three quarters of what the one before it left

    def tell(share: float, end: float) -> None:
        nonlocal reached
        reached = max(reached, done + (end - done) * share)
        progress(reached)

    for log2 in range(most + 1):
        if reduced_size(max(source.height, source.width), log2) > MAX_SIDE:
            continue
        bits = _bits_a_sample(source, n_bytes, interpretation, log2)
        if best and best[2] and bits > ENOUGH:
            break
        if large and bits < TOO_FEW and log2 < most:
            continue
        alone = log2 == most or 4 * bits > ENOUGH
        end = 1.0 if alone and not best else 1 - (1 - done) / 4
        try:
            data = coded(log2, partial(tell, end=end))
        except TargetUnreachable as unreachable:
            if log2 < most or best:
                continue
            raise TargetUnreachable(f"at 1/{1 << most} of the size, {unreachable}") from None
        shown = seen(data)
        if alone and not best and shown.is_exact:
            return data
        done = end
        error = _error(source, interpretation, log2, shown, importance)
        if not best or error < WORTH * best[0]:
            best = error, data, shown.is_exact
    progress(1.0)
    assert best  # or a single pixel has been returned, or raised
    return best[1]


def _bits_a_sample(source: Source, n_bytes: int, interpretation: str, log2: int) -> float:
    """Bits of the budget for each sample of the planes at 1/2^log2 of the size."""
    size = reduced_size(source.height, log2), reduced_size(source.width, log2)
    return 8 * n_bytes / sum(h * w for h, w in plane_sizes(interpretation, source.n_bands, *size))


def _error(source: Source, interpretation: str, log2: int, seen: Seen, importance: Source | None = None) -> float:
    """Of what is decoded and enlarged, at the full size; of a large image in places only."""
    height, width = source.height, source.width
    small = Window(0, 0, reduced_size(height, log2), reduced_size(width, log2))
    kept = None
    if small.height * small.width * source.n_bands * source.dtype.itemsize <= _KEPT:
        kept = seen.decoded(small)
    error = 0
    wrong, moments = np.zeros(source.n_bands, np.int64), np.zeros((3, source.n_bands), np.int64)
    for window in _places(source):
        place = needed_window(window, height, width, log2)
        whole = enlarged(seen.decoded(place) if kept is None else part(kept, place), window, height, width, log2)
        samples, mask = source.read(window)
        if interpretation == "rgba" and (out := hidden(samples, "rgba", mask)) is not None:
            whole = np.where(out, samples, whole)  # colours where alpha is 0 are no errors
        covered = seen.hidden(window)
        if covered is None:
            error += _weighed(samples, mask, whole, window, importance)
            continue
        covered = np.broadcast_to(covered, samples.shape)
        mask = np.zeros_like(covered) if mask is None else mask
        error += _weighed(samples, mask | covered, whole, window, importance)
        wrong += np.count_nonzero(mask != covered, axis=(0, 1))
        for band in range(source.n_bands):
            values = samples[:, :, band][~mask[:, :, band]].astype(np.int64)
            moments[:, band] += np.array([values.size, values.sum(), np.vdot(values, values)])
    return error + sum(map(_unknown, wrong.tolist(), *moments.tolist()))


def _weighed(samples: Samples, mask: Mask | None, decoded: Samples, window: Window, importance: Source | None) -> int:
    """The squared error of a window, that of each pixel multiplied by its weight."""
    if importance is None:
        return squared_error(samples, mask, decoded)
    off = np.where(False if mask is None else mask, 0, samples.astype(np.int64) - decoded)
    weights = importance.read(window)[0][:, :, 0].astype(np.int64) + 1
    return sum(int(np.vdot(*rows)) for rows in zip((off * off).sum(axis=2), weights, strict=True)) >> 8


def _unknown(n: int, n_values: int, total: int, squares: int) -> float:
    """The squared error of n samples of which no more is known than the mean of these values."""
    return n * (squares * n_values - total * total) / n_values**2 if n_values else 0.0


def _places(source: Source) -> Iterator[Window]:
    """Where an image is measured: everywhere, a few rows at a time, or in places that lie evenly over a large one."""
    height, width, n_bands = source.height, source.width, source.n_bands
    if height * width * n_bands <= LARGE:
        n_rows = max(_READ_AT_ONCE // (width * n_bands), 1)
        for top in range(0, height, n_rows):
            yield Window(top, 0, min(n_rows, height - top), width)
        return
    side = max(math.isqrt(_A_PLACE // n_bands), 1)
    rows, columns = min(side, height), min(side, width)
    for down in range(_PLACES):
        for across in range(_PLACES):
            top, left = (
                (2 * i + 1) * (size - n) // (2 * _PLACES)
                for i, size, n in ((down, height, rows), (across, width, columns))
            )
            yield Window(top, left, rows, columns)
