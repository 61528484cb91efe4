"""The range of samples that a uint16 image is coded with, measured by level group.

One hot pixel of 65,535 in a scene of 12 bits would cost all other samples four bits of precision. So outliers, far
from the bulk of the samples, may be left out of the range: hot and dead pixels, and areas of 65,535, which mark missing
data in many scenes. Samples that are left out become the end of the range.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.stages.blocks import Window, part
from apercu.stages.colour import LEVELS, MOST, Levels, Samples, level_groups
from apercu.stages.fill import ALPHA, Mask, eroded, grown, hidden

FEW = 1000
"""At most one sample in this many may be hot or dead."""
FARTHER, FARTHER_IF_MANY = 2, 4
"""Outliers are at least this many times as far from the low end of the bulk as its high end is."""
LEAST_BULK = 16
"""If the bulk has a smaller range it is flat, and what differs from it is the picture."""
PLAIN, DIMMER = (3, 4), 8
"""PLAIN: at least this part of the samples around outliers must be within the core, or DIMMER times as near to its low
end as the outliers. A star has a bright rim, a hot pixel has none."""
LINE, PAIRED = 8, 16
"""Dead lines have LINE samples or more. Of the other outliers, except those of 65,535, one in PAIRED may touch another,
as it happens by chance. If more do, they are small objects, such as ships and fires."""
_TAIL = 200
"""The core of a band is without one sample in this many at either end."""
_LOOK_AT = 1 << 16
"""About this many samples are examined to find the core."""
_STRIP = 1 << 18
"""Samples in a strip, so that little memory is needed."""
_AT_ONCE, _MOST_AT_ONCE = 512, 1 << 25
"""Rows that are read at once where strips overlap: those of the blocks of a file, or fewer if they have more samples
than that."""


Counts = NDArray[np.int64]
"""How many samples there are of each value, 0 to MOST."""


Rows = tuple[Samples, Mask | None]
"""Samples (h, w, B), and the mask of those that do not count."""


class Image(NamedTuple):
    """A uint16 image (H, W, B) that is read part by part."""

    height: int
    width: int
    n_bands: int
    read: Callable[[Window], Rows]
    """Of a window."""
    windows: Sequence[Window] = ()
    """Where reading costs much: the windows to read the image by, once. Only to look around outliers it is read again,
    in strips of whole rows. Empty: reading costs nothing."""


def image_of(samples: Samples, mask: Mask | None = None) -> Image:
    """An array (H, W, B) as an image. `mask` (H, W, B) is True where a sample does not count."""
    height, width, n_bands = samples.shape
    return Image(
        height, width, n_bands, lambda window: (part(samples, window), None if mask is None else part(mask, window))
    )


class Measured(NamedTuple):
    """Levels of each level group, and what they leave out."""

    full: tuple[Levels, ...]
    """The smallest codes whose range holds every sample that counts."""
    bulk: tuple[Levels, ...]
    """The same without outliers."""
    lost: int
    """The sum of the squared errors of the outliers, which become the ends of the bulk's range."""


@dataclass
class _Group:
    """The bands of a level group, and what is known of their samples that count."""

    bands: slice
    low: int = MOST
    high: int = 0
    counts: Counts | None = None
    tails: list["_Tail"] = field(default_factory=list)


@dataclass
class _Tail:
    """The samples of a group beyond one end of its core. `flipped`: the low end, told of 65,535 minus every sample."""

    bands: slice
    flipped: bool
    core: tuple[int, int]
    high: int
    counts: Counts | None = None
    """Those up to `reach` may all count as the highest of them."""
    end: int = 0
    """The highest sample that is no outlier."""
    plain: int = 0
    """Samples up to here are plain, around outliers."""

    @property
    def reach(self) -> int:
        """Gaps below this do not count."""
        low, high = self.core
        return low + FARTHER * (high - low) if high - low >= LEAST_BULK else high


def measure(image: Image, interpretation: str) -> Measured:
    """Levels of a uint16 image. Samples that a mask hides do not count, nor does colour where alpha is 0.

    High outliers are left out of the bulk if they are more than twice as far from the low end as the bulk's high end,
    with no sample between, isolated (thin, without a bright rim), and at most one sample in 1,000. Samples of 65,535
    may be of any number and form larger areas, if that is more than four times as far. Low outliers are left out by the
    first rule only: an area of 0 stays in the range, since 0 marks missing data in most scenes. Alpha has no outliers.
    """
    groups = [_Group(bands) for bands in level_groups(interpretation, image.n_bands)]
    _look(image, interpretation, groups)
    tails = [tail for group in groups for tail in group.tails]
    if not image.windows:
        _count(image, interpretation, tails)
    _stand_alone(image, interpretation, [tail for tail in tails if _may_have_outliers(tail)])
    full, bulk, lost = [], [], 0
    for group in groups:
        low, high = group.low, group.high
        full.append(_codes(low, high))
        for tail in group.tails:
            low, high = (MOST - tail.end, high) if tail.flipped else (low, tail.end)
        codes = _codes(low, high)
        bulk.append(codes)
        first, last = LEVELS[codes.offset_code], LEVELS[codes.offset_code] + LEVELS[codes.range_code]
        for tail in group.tails:
            lost += _squared(tail, MOST - first if tail.flipped else last)
    return Measured(tuple(full), tuple(bulk), lost)


def _codes(low: int, high: int) -> Levels:
    offset_code = bisect_right(LEVELS, low) - 1
    return Levels(offset_code, bisect_left(LEVELS, max(high - LEVELS[offset_code], 1)))


def _squared(tail: _Tail, end: int) -> int:
    """Squared error of the outliers, which become `end`."""
    assert tail.counts is not None
    beyond = np.flatnonzero(tail.counts[tail.end + 1 :]) + tail.end + 1
    return sum(int(tail.counts[value]) * (value - end) ** 2 for value in beyond.tolist())


def strips(image: Image, interpretation: str) -> Iterator[tuple[int, int, Samples, Mask | None]]:
    """The image some rows of a window at a time, so that little memory is needed: the place of the first pixel, the
    samples (h, w, B), and which of them do not count."""
    for window in image.windows or [Window(0, 0, image.height, image.width)]:
        yield from _strips_of(window, interpretation, *image.read(window))  # which lets go of them before the next


def _strips_of(
    window: Window, interpretation: str, samples: Samples, mask: Mask | None
) -> Iterator[tuple[int, int, Samples, Mask | None]]:
    step = max(_STRIP // (window.width * samples.shape[2]), 1)
    for top in range(0, window.height, step):
        rows = slice(top, top + step)
        out = _out(samples[rows], interpretation, None if mask is None else mask[rows])
        yield window.top + top, window.left, samples[rows], out


def _out(samples: Samples, interpretation: str, mask: Mask | None) -> Mask | None:
    """Which samples do not count."""
    return hidden(samples, interpretation, mask) if interpretation == "rgba" else mask


def _of(bands: slice, samples: Samples, out: Mask | None) -> tuple[Samples, Mask | None]:
    """Some bands of samples, contiguous, and which of them do not count."""
    some = bands.stop - bands.start < samples.shape[2]
    return samples[:, :, bands].copy() if some else samples, None if out is None else out[:, :, bands]


def _turned(samples: Samples, flipped: bool) -> Samples:
    return np.invert(samples) if flipped else samples


def _counted(samples: Samples, out: Mask | None, instead: int) -> Samples:
    """Samples, with another value for those that do not count."""
    return samples if out is None else np.where(out, np.uint16(instead), samples)


def _look(image: Image, interpretation: str, groups: list[_Group]) -> None:
    """Finds ends, core and tails of each group, and where reading costs much also its counts."""
    some: list[list[Samples]] = [[] for _ in groups]
    step = 1
    while image.height * image.width > _LOOK_AT * step * step:
        step += 1

    def look(top: int, left: int, samples: Samples, out: Mask | None) -> None:
        for group, of_group in zip(groups, some, strict=True):
            own, own_out = _of(group.bands, samples, out)
            if image.windows:
                counts = np.bincount(_counted(own, own_out, 0).ravel(), minlength=MOST + 1)
                counts[0] -= 0 if own_out is None else np.count_nonzero(own_out)
                group.counts = counts if group.counts is None else group.counts + counts
            else:
                group.low = min(group.low, int(_counted(own, own_out, MOST).min()))
                group.high = max(group.high, int(_counted(own, own_out, 0).max()))
            grid = np.s_[-top % step :: step, -left % step :: step]
            seen = _counted(own[grid], None if own_out is None else own_out[grid], MOST)
            of_group.append(seen[seen < MOST])

    for _ in starmap(look, strips(image, interpretation)):  # a loop over strips would keep one while the next is read
        pass
    for group, of_group in zip(groups, some, strict=True):
        if group.counts is not None and group.counts.any():
            values = np.flatnonzero(group.counts)
            group.low, group.high = int(values[0]), int(values[-1])
        if group.low > group.high:
            group.low = group.high = 0
        seen = np.sort(np.concatenate(of_group))
        if seen.size and not (interpretation == "rgba" and group.bands.start == ALPHA):
            at = seen.size // _TAIL
            _find_tails(group, int(seen[at]), int(seen[-1 - at]))


def _find_tails(group: _Group, low: int, high: int) -> None:
    """Adds the tails that are long, beyond a core from `low` to `high`."""
    far, counts = FARTHER * (high - low), group.counts
    if group.high - low > far:
        group.tails.append(_Tail(group.bands, False, (low, high), group.high, counts))
    if high - group.low > far:
        flipped = None if counts is None else counts[::-1]
        group.tails.append(_Tail(group.bands, True, (MOST - high, MOST - low), MOST - group.low, flipped))


def _count(image: Image, interpretation: str, tails: list[_Tail]) -> None:
    """Counts the samples of tails."""
    for tail in tails:
        # Only where needed: counts of all 65,536 values take longer than the rest of a small band.
        tail.counts = np.zeros(MOST + 1, np.int64)
        for _, _, samples, out in strips(image, interpretation):
            own, own_out = _of(tail.bands, samples, out)
            counted, n = _counted(_turned(own, tail.flipped), own_out, tail.core[0]), own.size
            if counted.max() > tail.reach:
                beyond = counted > tail.reach
                n -= int(np.count_nonzero(beyond))
                tail.counts += np.bincount(counted[beyond & (counted < MOST)], minlength=MOST + 1)
                tail.counts[MOST] += np.count_nonzero(counted == MOST)
                counted = np.where(beyond, np.uint16(tail.core[0]), counted)
            tail.counts[counted.max()] += n - (0 if own_out is None else int(np.count_nonzero(own_out)))


def _may_have_outliers(tail: _Tail) -> bool:
    """Finds the end of the bulk, and whether what is beyond it is far and little enough; if not, all is bulk."""
    assert tail.counts is not None
    low, high = tail.core
    within = np.flatnonzero(tail.counts[: tail.reach + 1])
    end = max(high, int(within[-1]) if within.size else 0)
    for value in (np.flatnonzero(tail.counts[tail.reach + 1 :]) + tail.reach + 1).tolist():
        if end - low >= LEAST_BULK and value - low > FARTHER * (end - low):
            break
        end = value
    few = int(tail.counts.sum()) // FEW
    beyond = tail.counts[end + 1 :]
    n_out, n_most = int(beyond.sum()), 0 if tail.flipped else int(tail.counts[MOST])
    far = n_out <= few or MOST - low > FARTHER_IF_MANY * (end - low)
    if n_out and n_out - n_most <= few and far:
        tail.end, tail.plain = end, max(high, low + (end + 1 + int(np.argmax(beyond > 0)) - low) // DIMMER)
        return True
    tail.end = tail.high
    return False


def _stand_alone(image: Image, interpretation: str, tails: list[_Tail]) -> None:
    """Ends the bulk of tails before their outliers only if these, except those of 65,535, are single or in lines, and
    most samples around them are plain."""
    seen = {id(tail): np.zeros(4, np.int64) for tail in tails}
    step = max(_STRIP // (image.width * max((tail.bands.stop - tail.bands.start for tail in tails), default=1)), 1)
    for samples, mask in _overlapping(image, step) if tails else ():
        out = _out(samples, interpretation, mask)
        for tail in tails:
            if tail.end < tail.high:
                seen[id(tail)] += _around(tail, *_of(tail.bands, samples, out))
        if all(tail.end == tail.high for tail in tails):
            break
    for tail in tails:
        n_around, n_plain, n_single, n_paired = seen[id(tail)].tolist()
        if n_paired * PAIRED > n_single + n_paired or n_plain * PLAIN[1] < n_around * PLAIN[0]:
            tail.end = tail.high


def _overlapping(image: Image, step: int) -> Iterator[Rows]:
    """Strips of `step` rows, with LINE more above and below; each row is read once."""
    at_once = _AT_ONCE
    while at_once > 1 and at_once * image.width * image.n_bands > _MOST_AT_ONCE:
        at_once //= 2
    held: list[Rows] = []
    start = end = 0
    for top in range(0, image.height, step):
        first, last = max(top - LINE, 0), min(top + step + LINE, image.height)
        while end < last:
            if end:
                held, start = [_joined(held, first - start, end - start)], first  # no more than a strip
            held.append(image.read(Window(end, 0, min(at_once, image.height - end), image.width)))
            end += len(held[-1][0])
        yield _joined(held, first - start, last - start)


def _joined(pieces: list[Rows], first: int, last: int) -> Rows:
    """A copy of some rows of pieces that follow each other."""
    samples, masks, at = [], [], 0
    for piece, mask in pieces:
        rows = slice(max(first - at, 0), max(last - at, 0))
        at += len(piece)
        samples.append(piece[rows])
        masks.append(np.zeros(samples[-1].shape, np.bool_) if mask is None else mask[rows])
    whole: Samples = np.concatenate(samples)  # type: ignore[assignment]  # of either type
    return whole, None if all(mask is None for _, mask in pieces) else np.concatenate(masks)


def _around(tail: _Tail, samples: Samples, hidden_samples: Mask | None) -> NDArray[np.int64]:
    """How many samples lie around the outliers of a strip (h, w, b), and how many of them are plain; how many outliers
    are single, and how many paired. Where an area of outliers is found, all is bulk."""
    found = np.zeros(4, np.int64)
    if (samples.min() >= MOST - tail.end) if tail.flipped else (samples.max() <= tail.end):
        return found
    for band in range(samples.shape[2]):
        plane = _turned(samples[:, :, band], tail.flipped).copy()  # contiguous: several times as fast
        counted = np.True_ if hidden_samples is None else ~hidden_samples[:, :, band]
        out = (plane > tail.end) & counted
        if not out.any():
            continue
        pixels = out if tail.flipped else out & (plane < MOST)
        if eroded(pixels)[1:-1, 1:-1].any():  # a square of 3 x 3
            tail.end = tail.high
            break
        pixels &= ~(_in_columns(pixels) | _in_columns(pixels.T).T)
        single = pixels & ~_touching(pixels)
        around = plane[grown(out) & ~out & counted]
        n_single = np.count_nonzero(single)
        of_band = around.size, np.count_nonzero(around <= tail.plain), n_single, np.count_nonzero(pixels) - n_single
        found += np.array(of_band, np.int64)
    return found


def _in_columns(places: Mask) -> Mask:
    """Those of places (H, W) that have LINE or more in one piece above and below them, themselves among them."""
    if len(places) < LINE:
        return np.zeros_like(places)
    below = np.zeros((len(places) + 1, places.shape[1]), np.int32)
    np.cumsum(places, axis=0, out=below[1:])
    whole = np.pad(below[LINE:] - below[:-LINE] == LINE, ((LINE - 1, LINE - 1), (0, 0)))
    found = whole[LINE - 1 :].copy()
    for shift in range(LINE - 1):
        found |= whole[shift : shift + len(found)]
    return found


def _touching(places: Mask) -> Mask:
    """Those of places (H, W) that have another among their eight neighbours."""
    framed = np.pad(places, 1)
    height, width = places.shape
    found = np.zeros_like(places)
    for down, right in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
        found |= framed[down : down + height, right : right + width]
    return places & found
