"""The range of samples that a uint16 image is coded with, measured by level group.

One hot pixel of 65,535 in a scene of 12 bits would cost all other samples four bits of precision. So outliers, far
from the bulk of the samples, may be left out of the range: hot and dead pixels, and areas of 65,535, which mark missing
data in many scenes. Samples that are left out become the end of the range.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class Group(NamedTuple):
    """The bands of a level group of an image (H, W, B), and the mask of samples that do not count."""

    image: Samples
    interpretation: str
    bands: slice
    mask: Mask | None


def full_levels(image: Samples, interpretation: str, mask: Mask | None = None) -> list[Levels]:
    """Levels of a uint16 image (H, W, B): the smallest codes whose range holds every sample that counts.

    `mask` (H, W, B) is True where a sample does not count. Colour where alpha is 0 does not count either.
    """
    return [_codes(*_ends(group)) for group in _groups(image, interpretation, mask)]


def bulk_levels(image: Samples, interpretation: str, mask: Mask | None = None) -> tuple[list[Levels], int]:
    """As `full_levels`, but without outliers; and the sum of the squared errors of the outliers.

    High outliers are left out if they are more than twice as far from the low end as the bulk's high end, with no
    sample between, isolated (thin, without a bright rim), and at most one sample in 1,000. Samples of 65,535 may be
    of any number and form larger areas, if that is more than four times as far. Low outliers are left out by the
    first rule only: an area of 0 stays in the range, since 0 marks missing data in most scenes. Alpha has no outliers.
    """
    found, lost = [], 0
    for group in _groups(image, interpretation, mask):
        low, high = _ends(group)
        core = None if interpretation == "rgba" and group.bands.start == ALPHA else _core(group)
        above = below = np.zeros(MOST + 1, np.int64)
        if core and core[1] - core[0] < high - low:
            if high - core[0] > FARTHER * (core[1] - core[0]):
                high, above = _end_of_bulk(group, *core, high)
            if core[1] - low > FARTHER * (core[1] - core[0]):
                end, below = _end_of_bulk(group, MOST - core[1], MOST - core[0], MOST - low, flipped=True)
                low, below = MOST - end, below[::-1]
        codes = _codes(low, high)
        found.append(codes)
        first, last = LEVELS[codes.offset_code], LEVELS[codes.offset_code] + LEVELS[codes.range_code]
        lost += _squared(above, last) + _squared(below, first)
    return found, lost


def _groups(image: Samples, interpretation: str, mask: Mask | None) -> list[Group]:
    return [Group(image, interpretation, bands, mask) for bands in level_groups(interpretation, image.shape[2])]


def _codes(low: int, high: int) -> Levels:
    offset_code = max(code for code, value in enumerate(LEVELS) if value <= low)
    span = max(high - LEVELS[offset_code], 1)
    return Levels(offset_code, next(code for code, value in enumerate(LEVELS) if value >= span))


def _squared(counts: NDArray[np.int64], end: int) -> int:
    """Squared error of samples that become `end`; `counts` has their number for each value."""
    return sum(int(counts[value]) * (int(value) - end) ** 2 for value in np.flatnonzero(counts))


def _part(group: Group, rows: slice, columns: slice = slice(None)) -> tuple[Samples, Mask | None]:
    """Samples (h, w, b) of a part of a group, contiguous, and which of them do not count."""
    image, mask = group.image[rows, columns], None if group.mask is None else group.mask[rows, columns]
    out = hidden(image, group.interpretation, mask) if group.interpretation == "rgba" else mask
    samples: Samples = (
        image[:, :, group.bands].copy() if group.bands.stop - group.bands.start < image.shape[2] else image
    )
    return samples, None if out is None else out[:, :, group.bands]


def _strips(group: Group, beside: int = 0) -> Iterator[tuple[Samples, Mask | None]]:
    """A group a few rows at a time, with `beside` more rows above and below."""
    height, width = group.image.shape[:2]
    step = max(_STRIP // (width * (group.bands.stop - group.bands.start)), 1)
    for top in range(0, height, step):
        yield _part(group, slice(max(top - beside, 0), top + step + beside))


def _turned(samples: Samples, flipped: bool) -> Samples:
    return np.invert(samples) if flipped else samples


def _counted(samples: Samples, out: Mask | None, instead: int) -> Samples:
    """Samples, with another value for those that do not count."""
    return samples if out is None else np.where(out, np.uint16(instead), samples)


def _ends(group: Group) -> tuple[int, int]:
    """The least and the greatest sample that counts; 0 twice where none does."""
    low, high = MOST, 0
    for samples, out in _strips(group):
        low = min(low, int(_counted(samples, out, MOST).min()))
        high = max(high, int(_counted(samples, out, 0).max()))
    return (low, high) if low <= high else (0, 0)


def _core(group: Group) -> tuple[int, int] | None:
    """The range of most samples, estimated from some of them; None if those are all 65,535."""
    height, width = group.image.shape[:2]
    step = 1
    while height * width > _LOOK_AT * step * step:
        step += 1
    samples, out = _part(group, slice(None, None, step), slice(None, None, step))
    some = np.sort(samples[_counted(samples, out, MOST) < MOST])
    tail = some.size // _TAIL
    return (int(some[tail]), int(some[-1 - tail])) if some.size else None


def _end_of_bulk(
    group: Group, core_low: int, core_high: int, high: int, flipped: bool = False
) -> tuple[int, NDArray[np.int64]]:
    """The highest sample of a group without its outliers, and the number of outliers of each value.

    `flipped`: for 65,535 minus every sample.
    """
    counts = np.zeros(MOST + 1, np.int64)
    n, end, reach = 0, core_high, core_high
    if core_high - core_low >= LEAST_BULK:
        reach = core_low + FARTHER * (core_high - core_low)  # gaps below this do not count
    for samples, out in _strips(group):
        counted = _counted(_turned(samples, flipped), out, core_low)
        n += counted.size - (0 if out is None else int(np.count_nonzero(out)))
        if counted.max() > reach:
            beyond = counted > reach
            counts += np.bincount(counted[beyond & (counted < MOST)], minlength=MOST + 1)
            counts[MOST] += np.count_nonzero(counted == MOST)
            counted = np.where(beyond, np.uint16(core_low), counted)
        end = max(end, int(counted.max()))
    for value in np.flatnonzero(counts).tolist():
        if end - core_low >= LEAST_BULK and value - core_low > FARTHER * (end - core_low):
            break
        end = value
    counts[: end + 1] = 0
    n_out, n_most = int(counts.sum()), 0 if flipped else int(counts[MOST])
    far = n_out <= n // FEW or MOST - core_low > FARTHER_IF_MANY * (end - core_low)
    plain = max(core_high, core_low + (int(np.argmax(counts > 0)) - core_low) // DIMMER)
    if n_out and n_out - n_most <= n // FEW and far and _stand_alone(group, end, plain, flipped):
        return end, counts
    return high, np.zeros_like(counts)


def _stand_alone(group: Group, end: int, plain: int, flipped: bool) -> bool:
    """Whether the samples above `end`, except those of 65,535, are single or in lines, and most samples around them at
    most `plain`."""
    n_around = n_plain = n_single = n_paired = 0
    for samples, hidden_samples in _strips(group, beside=LINE):
        if (samples.min() >= MOST - end) if flipped else (samples.max() <= end):
            continue
        for band in range(samples.shape[2]):
            plane = _turned(samples[:, :, band], flipped).copy()  # contiguous: several times as fast
            counted = np.True_ if hidden_samples is None else ~hidden_samples[:, :, band]
            out = (plane > end) & counted
            if not out.any():
                continue
            pixels = out if flipped else out & (plane < MOST)
            if eroded(pixels)[1:-1, 1:-1].any():  # a square of 3 x 3
                return False
            pixels &= ~(_in_columns(pixels) | _in_columns(pixels.T).T)
            single = pixels & ~_touching(pixels)
            n_single += int(np.count_nonzero(single))
            n_paired += int(np.count_nonzero(pixels & ~single))
            around = plane[grown(out) & ~out & counted]
            n_around += around.size
            n_plain += int(np.count_nonzero(around <= plain))
    return n_paired * PAIRED <= n_single + n_paired and n_plain * PLAIN[1] >= n_around * PLAIN[0]


def _in_columns(places: Mask) -> Mask:
    """Those of places (H, W) that have LINE or more in one piece above and below them, themselves among them."""
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
