"""The search for a size or an error in an image that is not kept in memory: each pass reads it again, so there should
be few.

The first pass counts the coefficients of each part of the image for a forecast, and at once codes the part with the
setting that is best as far as the image is known by then. The size or the error of a part with another setting is that
which it had, times the ratio of what the forecast says of both. So the second pass comes near the target. Where the
parts that it has coded show that it will not, the next begins at once, with what has been learnt.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np

from apercu.codecs.forecast import HEAD_BITS, Counts, Forecast, picked
from apercu.codecs.job import Job
from apercu.codecs.protocol import Setting
from apercu.codecs.rate import PSNR_TOLERANCE, most_unused
from apercu.format.container import put_varint

_PARTS = 64
"""At the most, of as many tiles each."""
_PASSES, _GIVEN_UP = 5, 2
"""After the first, at the most; and how many of them may be given up, since a whole one tells more."""
_AIM, _AIM_LATER = 0.992, 0.996
"""The share of a budget that the second pass aims at, and those after it, which know more."""
_DOUBT = 0.01
"""How wrong amounts are expected to be, at most, of parts that were coded at nearly the same rate."""
_FAR = 1.4
"""Amounts whose ratio is larger are not nearly the same."""
_OTHER = 1.5
"""That ratio at least between settings of two variants."""
_HEAD = HEAD_BITS / 8
"""Bytes of a file besides its segments, about."""
_EMPTY = 2
"""Bytes of an empty segment, about, beside its length and its checksum."""
_BESIDE = 5
"""Bytes that the length of a short segment and its checksum take."""

SettingAt = Callable[[int, int], Setting]
"""Of a place on the path of the codec, and a variant."""


@dataclass(frozen=True)
class _Goal:
    """What is sought: an amount of the file, its bytes or its squared error. That of a part of the image is without
    lengths and checksums of segments."""

    amount: float
    """What the first pass aims at."""
    shares: tuple[float, float]
    """Of the amount, which the second pass aims at, and those after it, which know more."""
    within: tuple[float, float]
    """The least and the most that will do."""
    sign: int
    """1 where the amount grows with the place on the path, -1 where it falls."""
    said: Callable[[Forecast, Setting, int], float]
    """What a forecast says of so many segments."""
    taken: Callable[[int, Setting, list[bytes]], float]
    """The amount of a tile that was coded in these segments."""
    picked: Callable[[dict[int, Forecast], float], int]
    """The variant that is best for an amount."""


@dataclass
class _Part:
    """Some tiles that follow each other."""

    tiles: range
    n_segments: int
    forecasts: dict[int, Forecast] = field(default_factory=dict)
    """By variant."""
    known: list[tuple[int, float, float]] = field(default_factory=list)
    """Of each setting that the part was coded with, its variant, what the forecast says and what it took."""

    def said(self, setting: Setting, variant: int, goal: _Goal) -> float:
        """What the forecast says."""
        return goal.said(self.forecasts[variant], setting, self.n_segments)

    def expected(self, setting: Setting, variant: int, goal: _Goal) -> tuple[float, float]:
        """How far the nearest setting that is known is from this one, as a ratio of what the forecast says of both; and
        what the part will take, judging by that."""
        said = self.said(setting, variant, goal)
        far, known, taken = min(
            (max(known / said, said / known) * (1 if of == variant else _OTHER), known, taken)
            for of, known, taken in self.known
        )
        return far, taken * said / known


@dataclass
class _Seen:
    """What is known of the image while the first pass goes on."""

    counts: Counts | None = None
    n_pixels: int = 0
    n_segments: int = 0
    said: float = 0.0
    taken: float = 0.0


def best_within(n_bytes: int, job: Job, setting_at: SettingAt, top: int, variants: Sequence[int]) -> bytes | None:
    """A file of `n_bytes` at the most that leaves next to nothing of them unused, or that of quality 100, at place
    `top` of the path, if it is smaller. None if a few passes find none."""
    assert job.n_layers
    budget = n_bytes - _HEAD - _BESIDE * job.n_layers * job.header.n_tiles
    least = n_bytes - most_unused(n_bytes)
    goal = _Goal(
        budget,
        (_AIM, _AIM_LATER),
        (budget - (n_bytes - least), budget),
        1,
        _said_bytes,
        lambda _tile, _setting, segments: _size(segments),
        lambda forecasts, amount: picked(forecasts, int(amount), 0.0),
    )
    for place, setting, by_tile, _ in _passes(goal, job, setting_at, top, variants):
        data = job.joined(by_tile, setting)
        if len(data) <= n_bytes and (place == top or len(data) >= least):
            return data
    return None


def nearest_error(error: float, job: Job, setting_at: SettingAt, top: int, variants: Sequence[int]) -> bytes | None:
    """A file of this squared error, within the tolerance of a PSNR, or that of quality 0 if it has less. None if a few
    passes find none."""
    tolerance = 10 ** (PSNR_TOLERANCE / 10)
    least, most = within = error / tolerance, error * tolerance
    goal = _Goal(
        error,
        (1.0, 1.0),
        within,
        -1,
        _said_error,
        lambda tile, setting, segments: job.tile_error(tile, segments, setting),
        lambda forecasts, amount: picked(forecasts, None, amount),
    )
    for place, setting, by_tile, taken in _passes(goal, job, setting_at, top, variants):
        if taken <= most and (place == 0 or taken >= least):
            return job.joined(by_tile, setting)
    return None


def _passes(
    goal: _Goal, job: Job, setting_at: SettingAt, top: int, variants: Sequence[int]
) -> Iterator[tuple[int, Setting, list[list[bytes]], float]]:
    """Passes that are expected to be near the goal and were not given up: the place on the path, its setting, the
    segments of each tile, and the amount. Ends where no place is expected to be near."""
    layers = job.n_layers
    assert layers
    bounds = np.linspace(0, job.header.n_tiles, min(job.header.n_tiles, _PARTS) + 1).astype(int).tolist()
    parts = [_Part(range(first, end), layers * (end - first)) for first, end in pairwise(bounds)]
    variant = goal.picked(_look(parts, goal, job, setting_at, top, variants), goal.amount)

    def expected(place: int) -> float:
        return _expected(parts, setting_at(place, variant), variant, goal)

    for number in range(1, 1 + _PASSES):
        place = _place(goal, top, expected, goal.shares[number > 1] * goal.amount)
        if place is None:
            return
        least, most = goal.within
        if place == (top if goal.sign > 0 else 0):  # there is no more to be had, or no less
            least = 0.0
        setting = setting_at(place, variant)
        if by_tile := _coded(parts, (least, most), goal, job, setting, variant, number):
            yield place, setting, by_tile, _expected(parts, setting, variant, goal)


def _look(
    parts: list[_Part], goal: _Goal, job: Job, setting_at: SettingAt, top: int, variants: Sequence[int]
) -> dict[int, Forecast]:
    """The first pass. Returns forecasts of the image."""
    seen = _Seen()
    n_pixels, layers = job.header.height * job.header.width, job.n_layers
    assert layers

    def guess(tile: int, counts: Counts) -> tuple[Setting, int]:
        """The setting and the variant that meet the goal if the rest of the image is like the part seen."""
        seen.n_pixels += job.windows[tile].height * job.windows[tile].width
        seen.counts = counts if seen.counts is None else seen.counts + counts
        seen.n_segments += layers
        forecasts = job.expected(seen.counts, variants)
        aim = goal.amount * seen.n_pixels / n_pixels
        variant = goal.picked(forecasts, aim)
        aim *= seen.said / seen.taken if seen.taken else 1.0
        said = forecasts[variant]
        place = _place(goal, top, lambda place: goal.said(said, setting_at(place, variant), seen.n_segments), aim)
        return setting_at(place or 0, variant), variant

    variant = variants[0]
    for part in parts:
        of_part = []
        said, taken = seen.said, seen.taken
        for tile in part.tiles:
            _tell(job, 0, tile)
            counts, setting, variant, segments = _count_and_code(job, tile, guess)
            seen.said += goal.said(job.expected(counts, (variant,))[variant], setting, layers)
            seen.taken += goal.taken(tile, setting, segments)
            of_part.append(counts)
        part.forecasts = job.expected(reduce(add, of_part), variants)
        part.known.append((variant, seen.said - said, seen.taken - taken))
    assert seen.counts is not None
    return job.expected(seen.counts, variants)


def _count_and_code(
    job: Job, tile: int, guess: Callable[[int, Counts], tuple[Setting, int]]
) -> tuple[Counts, Setting, int, list[bytes]]:
    """A function of its own, since memory is for one tile: it is not even there for planes while coefficients are
    coded."""
    count, layers = job.codec.counts, job.n_layers
    assert count
    assert layers
    content = job.content(job.windows[tile])
    counts = count(job.codec.analyse(*content, None, job.tables), job.tables)
    setting, variant = guess(tile, counts)
    analysis = job.codec.analyse(*content, setting, job.tables)
    del content
    job.trim()
    return counts, setting, variant, job.codec.code(analysis, setting, job.tables, layers)


def _coded(
    parts: list[_Part],
    within: tuple[float, float],
    goal: _Goal,
    job: Job,
    setting: Setting,
    variant: int,
    number: int,
) -> list[list[bytes]] | None:
    """The segments of each tile; None as soon as the amount is expected not to lie `within` two. Parts come first of
    which only others are known."""
    layers, (least, most) = job.n_layers, within
    assert layers
    by_tile: list[list[bytes]] = [[] for _ in job.windows]
    far = [part for part in parts if part.expected(setting, variant, goal)[0] > _FAR]
    near = [part for part in parts if part not in far]
    for done, part in enumerate(order := far + near, 1):
        taken = 0.0
        for tile in part.tiles:
            _tell(job, number, tile)
            by_tile[tile] = job.code(tile, setting, layers)
            taken += goal.taken(tile, setting, by_tile[tile])
        part.known.append((variant, part.said(setting, variant, goal), taken))
        rest = _expected(order[done:], setting, variant, goal)
        total = rest + _expected(order[:done], setting, variant, goal)
        if number <= _GIVEN_UP and done >= len(far) and not least - _DOUBT * rest <= total <= most + _DOUBT * rest:
            return None
    return by_tile


def _expected(parts: Sequence[_Part], setting: Setting, variant: int, goal: _Goal) -> float:
    """What parts will take."""
    return sum(part.expected(setting, variant, goal)[1] for part in parts)


def _said_bytes(forecast: Forecast, setting: Setting, n_segments: int) -> float:
    """What a forecast says of so many segments."""
    return max(forecast.n_bytes(setting.step_q8) - _HEAD, 0.0) + _EMPTY * n_segments


def _said_error(forecast: Forecast, setting: Setting, n_segments: int) -> float:
    """The same of the error. What is flat has one too, of which forecasts know nothing: it goes with the square of the
    step."""
    return forecast.error(setting.step_q8) + n_segments * (setting.step_q8 / 256) ** 2


def _size(segments: list[bytes]) -> int:
    """Bytes of the segments of a tile, without what all take besides."""
    return sum(len(segment) + len(put_varint(len(segment))) + 4 - _BESIDE for segment in segments)


def _place(goal: _Goal, top: int, amount: Callable[[int], float], aim: float) -> int | None:
    """The place whose amount is expected to be nearest to the aim and, of bytes, not above it; None if even that of
    least bytes is above it, or that of least error."""
    last = _last(top, lambda place: goal.sign * amount(place), goal.sign * aim)
    if goal.sign > 0:
        return last
    return None if last == top else last or 0


def _last(top: int, size: Callable[[int], float], most: float) -> int | None:
    """The last place, 0 to `top`, whose size is `most` or less; sizes grow with the place. None if there is none."""
    below, beyond = -1, top + 1
    while beyond - below > 1:
        place = (below + beyond) // 2
        below, beyond = (place, beyond) if size(place) <= most else (below, place)
    return None if below < 0 else below


def _tell(job: Job, number: int, tile: int) -> None:
    """Tells of progress in a pass; how many there will be is not known."""
    job.progress(1 - 0.5 ** (number + tile / job.header.n_tiles))
