"""The search for a budget in an image that is not kept in memory: each pass reads it again, so there should be few.

The first pass counts the coefficients of each part of the image for a forecast, and at once codes the part with the
setting that is best as far as the image is known by then. What a part takes with another setting is what it took, times
the ratio of what the forecast says of both. So the second pass comes near the budget. Where the parts that it has coded
show that it will not, the next begins at once, with what has been learnt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np

from apercu.codecs.forecast import HEAD_BITS, Counts, Forecast, picked
from apercu.codecs.job import Job
from apercu.codecs.protocol import Setting
from apercu.codecs.rate import most_unused
from apercu.format.container import put_varint

_PARTS = 64
"""At the most, of as many tiles each."""
_PASSES, _GIVEN_UP = 5, 2
"""After the first, at the most; and how many of them may be given up, since a whole one tells more."""
_AIM, _AIM_LATER = 0.992, 0.996
"""The share of the budget that the second pass aims at, and those after it, which know more."""
_DOUBT = 0.01
"""How wrong sizes are expected to be, at most, of parts that were coded at nearly the same rate."""
_FAR = 1.4
"""Rates whose ratio is larger are not nearly the same."""
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


@dataclass
class _Part:
    """Some tiles that follow each other; sizes in bytes, without lengths and checksums of segments."""

    tiles: range
    n_segments: int
    forecasts: dict[int, Forecast] = field(default_factory=dict)
    """By variant."""
    known: list[tuple[int, float, float]] = field(default_factory=list)
    """Of each setting that the part was coded with, its variant, what the forecast says and what it took."""

    def said(self, setting: Setting, variant: int) -> float:
        """What the forecast says."""
        return _said(self.forecasts[variant], setting, self.n_segments)

    def expected(self, setting: Setting, variant: int) -> tuple[float, float]:
        """How far the nearest setting that is known is from this one, as a ratio of what the forecast says of both; and
        what the part will take, judging by that."""
        said = self.said(setting, variant)
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
    taken: int = 0


def best_within(n_bytes: int, job: Job, setting_at: SettingAt, top: int, variants: Sequence[int]) -> bytes | None:
    """A file of `n_bytes` at the most that leaves next to nothing of them unused, or that of quality 100, at place
    `top` of the path, if it is smaller. None if a few passes find none."""
    layers = job.n_layers
    assert layers
    bounds = np.linspace(0, job.header.n_tiles, min(job.header.n_tiles, _PARTS) + 1).astype(int).tolist()
    parts = [_Part(range(first, end), layers * (end - first)) for first, end in pairwise(bounds)]
    budget = n_bytes - _HEAD - _BESIDE * layers * job.header.n_tiles
    variant = picked(_look(parts, budget, job, setting_at, top, variants), n_bytes, 0.0)

    def expected(place: int) -> float:
        setting = setting_at(place, variant)
        return _expected(parts, setting, variant)

    for number in range(1, 1 + _PASSES):
        place = _last(top, expected, (_AIM if number == 1 else _AIM_LATER) * budget)
        if place is None:
            return None
        least = 0.0 if place == top else n_bytes - most_unused(n_bytes) - (n_bytes - budget)
        setting = setting_at(place, variant)
        by_tile = _coded(parts, (least, budget), job, setting, variant, number)
        data = job.joined(by_tile, setting) if by_tile else None
        if data and len(data) <= n_bytes and (place == top or len(data) >= n_bytes - most_unused(n_bytes)):
            return data
    return None


def _look(
    parts: list[_Part], budget: float, job: Job, setting_at: SettingAt, top: int, variants: Sequence[int]
) -> dict[int, Forecast]:
    """The first pass. Returns forecasts of the image."""
    seen = _Seen()
    n_pixels, layers = job.header.height * job.header.width, job.n_layers
    assert layers

    def guess(tile: int, counts: Counts) -> tuple[Setting, int]:
        """The setting and the variant that meet the budget if the rest of the image is like the part seen."""
        seen.n_pixels += job.windows[tile].height * job.windows[tile].width
        seen.counts = counts if seen.counts is None else seen.counts + counts
        seen.n_segments += layers
        forecasts = job.expected(seen.counts, variants)
        most = budget * seen.n_pixels / n_pixels
        variant = picked(forecasts, int(most), 0.0)
        most *= seen.said / seen.taken if seen.taken else 1.0
        said = forecasts[variant]
        place = _last(top, lambda place: _said(said, setting_at(place, variant), seen.n_segments), most)
        return setting_at(place or 0, variant), variant

    variant = variants[0]
    for part in parts:
        of_part = []
        said, taken = seen.said, seen.taken
        for tile in part.tiles:
            _tell(job, 0, tile)
            counts, setting, variant, segments = _count_and_code(job, tile, guess)
            seen.said += _said(job.expected(counts, (variant,))[variant], setting, layers)
            seen.taken += _size(segments)
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
    parts: list[_Part], within: tuple[float, float], job: Job, setting: Setting, variant: int, number: int
) -> list[list[bytes]] | None:
    """The segments of each tile; None as soon as the size is expected not to lie `within` two. Parts come first of
    which only other rates are known."""
    layers, (least, most) = job.n_layers, within
    assert layers
    by_tile: list[list[bytes]] = [[] for _ in job.windows]
    far = [part for part in parts if part.expected(setting, variant)[0] > _FAR]
    near = [part for part in parts if part not in far]
    for done, part in enumerate(order := far + near, 1):
        for tile in part.tiles:
            _tell(job, number, tile)
            by_tile[tile] = job.code(tile, setting, layers)
        taken = sum(map(_size, by_tile[part.tiles.start : part.tiles.stop]))
        part.known.append((variant, part.said(setting, variant), taken))
        rest = _expected(order[done:], setting, variant)
        total = rest + _expected(order[:done], setting, variant)
        if number <= _GIVEN_UP and done >= len(far) and not least - _DOUBT * rest <= total <= most + _DOUBT * rest:
            return None
    return by_tile


def _expected(parts: Sequence[_Part], setting: Setting, variant: int) -> float:
    """What parts will take."""
    return sum(part.expected(setting, variant)[1] for part in parts)


def _said(forecast: Forecast, setting: Setting, n_segments: int) -> float:
    """What a forecast says of so many segments."""
    return max(forecast.n_bytes(setting.step_q8) - _HEAD, 0.0) + _EMPTY * n_segments


def _size(segments: list[bytes]) -> int:
    """Bytes of the segments of a tile, without what all take besides."""
    return sum(len(segment) + len(put_varint(len(segment))) + 4 - _BESIDE for segment in segments)


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
