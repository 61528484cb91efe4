"""The search for the quality that meets a target, in at most 39 codings.

A quality is a whole number: a place on the path times the codec's number of variants, plus a variant of the encoder's
choices there.
"""

from collections.abc import Callable
from functools import partial
from math import inf

from apercu.codecs.leaps import WHOLE, Curve, higher, likeliest, middle, onwards
from apercu.errors import TargetUnreachable

MOST_TRIES = 39
"""Codings of a search at the most; the file itself may be one more."""
SLACK_SHARE, SLACK_BYTES = 0.02, 16
PSNR_TOLERANCE = 0.05
GUESS, COARSE = 40, 16
"""The quality at which a search begins, and its first stride from there, as a part of the path."""

_GOOD_SHARE = 0.001
"""With a forecast, a file that leaves no more than this part of the budget unused need not be improved."""
_STRETCH, _SLACK = 8, 2
"""With a forecast: what strides grow by, and how many more steps than bisection may be taken."""
_ALIKE, _ALIKE_DB = 0.3, 1.0
"""With a forecast, the ends of the path are tried only where their sizes are expected to be so near to that of the
place found, in relation to it, or the PSNR of quality 0 so near; or if it is no farther off than the forecast was
wrong."""
_LOW, _LOW_PSNR = 20, 3
"""Quality 0 is also tried where a size, or a PSNR, is met in the first of so many parts of the path: there both go up
and down."""
_FEW_TRIES = 8
"""And where a size took more tries than these, which the forecast has not helped."""
_NEARER = 0.7
"""PSNRs are looked for where the forecast says as long as each is nearer to the target than this part of the last."""

_STEPS, _CLOSE, _BESIDE = 5, 0.004, 400
"""For a size, in each further variant: the sizes tried at the most, how close one ends it, and from what distance in
places the slope is taken."""
_RESERVED, _ALMOST = 8, 2 * PSNR_TOLERANCE
"""If the nearest PSNR found is within _ALMOST, in dB, so many tries are left for bisection: where many qualities make
almost the same PSNR, just off the target, the likeliest places lie within that stretch, and the target beyond it."""
_LOOKS, _BELOW_BEST = 20, 1.0
"""Where all PSNRs on the way are below the target, so many tries look between them for a better one, if the best is
so near, in dB."""
_LOOK_AROUND = (2, 14, 128, 1024, 5, 42, 256, 2048, 8, 74, 512, 3, 24, 1)
"""Distances in places from those found, near and far ones in turn: what lies next to each other often makes the same
file."""

_BEYOND = 99.0
"""An excess, in dB, that stands for all that are larger, such as infinity."""
_NO_ERROR = 3.0
"""A squared error of 0 is as far from the target as twice the target's, which is 3 dB below it."""
_TOO_FAR_APART = 5.0
"""A variant whose PSNR is so far from that of the first, in dB, is of no use."""

Expected = Callable[[int], float]
"""What a forecast says of a quality: the size of its file in bytes, or its PSNR."""


def _highest(
    top: int, excess: Callable[[int], float], guess: int, expected: Expected | None = None, good: float = 0.0
) -> int:
    """A place below `top` where `excess` is below 0, while it is not in the next; or the first that is found where it
    is between `good` and 0.

    Place 0 is taken to be below 0, `top` not to be. The search goes from the guess in growing strides, then between the
    last two places by ITP, which takes at most one step more than bisection, and few where `excess` is nearly linear
    (Oliveira and Takahashi, ACM Transactions on Mathematical Software 47, 2020). Where `excess` is `expected` to be, it
    begins and goes there, in place of strides and of the straight line.
    """
    low, high, stride = 0, top, 1 if expected else 1 + top // COARSE
    place = min(max(_crossing(expected, {}, 0, top, good / 2) if expected else guess, 1), top - 1)
    known: dict[int, float] = {}
    while low < place < high:
        over = known[place] = excess(place)
        if good <= over < 0:
            return place
        low, high = (place, high) if over < 0 else (low, place)
        there = _crossing(expected, known, low, high, good / 2) if expected else place
        place = min(max(there, place + stride), top - 1) if over < 0 else min(there, place - stride)
        stride *= _STRETCH if expected else 2
    width = high - low
    most = 2.0 ** ((width - 1).bit_length() + (_SLACK if expected else 0))  # twice what bisection would have left
    while high - low > 1:
        below, beyond, middle = known.setdefault(low, excess(low)), excess(high), (low + high) / 2
        if good <= below < 0:
            break
        if expected:
            nudged = float(_crossing(expected, known, low, high, good / 2))
        else:
            straight = low + (high - low) * below / (below - beyond)
            nudge = min(0.2 * (high - low) ** 2 / width, abs(middle - straight))
            nudged = straight + (nudge if straight < middle else -nudge)
        reach = most - (high - low) / 2
        place = min(max(round(min(max(nudged, middle - reach), middle + reach)), low + 1), high - 1)
        known[place] = excess(place)
        low, high = (place, high) if known[place] < 0 else (low, place)
        most /= 2
    return low


def _crossing(expected: Expected, known: dict[int, float], low: int, high: int, aim: float) -> int:
    """The last place between two others where less than `aim` is expected, once the curve has been moved to what is
    known at either; the first place between them if there is none."""
    moves = [(place, known[place] - expected(place)) for place in (low, high) if place in known]
    at, move = moves[0] if moves else (low, 0.0)
    slope = (moves[1][1] - move) / (high - low) if len(moves) == 2 else 0.0
    below, beyond = low, high
    while beyond - below > 1:
        place = (below + beyond) // 2
        if expected(place) + move + slope * (place - at) < aim:
            below = place
        else:
            beyond = place
    return max(below, low + 1)


def most_unused(n_bytes: int) -> float:
    """What may be left of a budget: 2 % or 16 bytes, whichever is more."""
    return max(SLACK_BYTES, SLACK_SHARE * n_bytes)


def best_within(
    n_bytes: int,
    size_at: Callable[[int], int],
    error_at: Callable[[int], float],
    last: int,
    variants: int,
    forecast: Expected | None = None,
    lossless: bool = False,
) -> int:
    """The quality, 0 to `last`, of least error among those whose files come nearest to `n_bytes` and do not pass it.

    `size_at` gives a file's size, `error_at` its squared error; `forecast` says what size to expect. For the first
    variant the highest place that fits is found, or one whose file leaves next to nothing unused. For the others, which
    with a forecast are tried only if that file does not come near, a place near it whose file is hardly smaller is
    found. The best of those that leave no more than 2 % or 16 bytes unused is taken. Sizes grow with the place except
    for ripples: if no variant comes that close, the places around are tried too, and at last the largest file found is
    taken. With `lossless` the last quality is without loss: its file may be smaller than some before it, and is taken
    if it fits. Raises TargetUnreachable if quality 0 is too large.
    """
    sizes: dict[int, int] = {}
    top = last // variants

    def size_of(quality: int) -> int:
        if quality not in sizes:
            sizes[quality] = size_at(quality)
            if quality == 0 and sizes[0] > n_bytes:
                raise TargetUnreachable(
                    f"{n_bytes} bytes are too few: quality 0 takes {sizes[0]} bytes, the nearest that can be met"
                )
        return sizes[quality]

    def excess_of(size: float) -> float:  # without a logarithm: the same on every machine
        return (2 * (size - n_bytes) - 1) / (size + n_bytes)

    def excess(place: int, variant: int = 0) -> float:
        return excess_of(size_of(variants * place + variant))

    def meets(quality: int) -> bool:
        return n_bytes - most_unused(n_bytes) <= size_of(quality) <= n_bytes

    def may_try() -> bool:
        """Whether another size can be tried, so that an error is left for all files that come near and one more."""
        return len(sizes) + sum(map(meets, found)) + 1 < MOST_TRIES

    if lossless and size_of(last) <= n_bytes:
        return last
    expected = _excess_expected(forecast, excess_of, variants) if forecast else None
    if expected is None or n_bytes < 1:
        size_of(0)
        first = _highest(top + 1, excess, GUESS * last // variants // WHOLE)
    else:
        first = _highest(top + 1, excess, 0, expected, excess_of((1 - _GOOD_SHARE) * n_bytes))
        wrong = abs(expected(first) - excess(first))
        if expected(first) - expected(0) < _ALIKE + wrong or first * _LOW <= top or len(sizes) > _FEW_TRIES:
            size_of(0)
        if expected(top) - expected(first) < _ALIKE and size_of(last) <= n_bytes:
            return last
    found = [variants * first]
    if found == [last]:
        return last
    slope, others = 0.0, range(1, variants)
    if expected and meets(found[0]):
        others = range(0)
    if others:
        places = (first, max(first - _BESIDE, 0) if first else 1) if expected else {at // variants for at in sizes}
        slope = _slope([(place, (expected or excess)(place)) for place in places], first)
    for variant in others:
        place = _near(partial(excess, variant=variant), max(first, 1), slope, top, may_try)
        found += [variants * place + variant] if place is not None else []
    if near := list(filter(meets, found)):
        return near[0] if len(near) == 1 else min(near, key=error_at)
    if size_of(last) <= n_bytes:
        return last
    for distance in _LOOK_AROUND:
        for quality in found:
            for place in (quality + variants * distance, quality - variants * distance):
                if 0 <= place < last and len(sizes) < MOST_TRIES and meets(place):
                    return place
    return max([*found, *(quality for quality, size in sizes.items() if size <= n_bytes)], key=size_of)


def _excess_expected(forecast: Expected, excess_of: Callable[[float], float], variants: int) -> Expected:
    """The excess that is expected at a place."""
    return lambda place: excess_of(forecast(variants * place))


def _slope(points: Curve, place: int) -> float:
    """The growth of excess a place, from one of the points to that at `place`."""
    excess = dict(points)
    others = [at for at in excess if at != place]
    beside = min(others, key=lambda at: (abs(at - place) < _BESIDE, abs(at - place)))
    return max(abs(excess[beside] - excess[place]) / abs(beside - place), 1e-6)


def _near(
    excess: Callable[[int], float], place: int, slope: float, top: int, may_try: Callable[[], bool]
) -> int | None:
    """A place where `excess` is a little below 0, as steps along a line of this slope find it from `place`; None if
    there is none."""
    low, high, found, stride = 0, top, None, 0
    tried: dict[int, float] = {}
    for _ in range(_STEPS):
        if not low < place < high or not may_try():
            break
        over = tried[place] = excess(place)
        if over < 0:
            low = found = place
        else:
            high = place
        if -_CLOSE < over < 0:
            break
        if low in tried and high in tried:
            place = low + round((high - low) * tried[low] / (tried[low] - tried[high]))
            place = min(max(place, low + 1), high - 1)
        else:  # at least twice as far as before
            stride = max(2 * stride, round(abs(over) / slope) + (over > 0), 1)
            place = min(place + stride, top - 1) if over < 0 else max(place - stride, 1)
    return found


def nearest_psnr(
    psnr: float, psnr_at: Callable[[int], float], last: int, variants: int, forecast: Expected | None = None
) -> int:
    """A quality within 0.05 dB of the target, or the nearest found with 39 PSNRs; quality 0 if that is better already.

    PSNR grows with the place on the whole, but goes up and down on the way and leaps, since symbols are chosen for
    their rate as well: in small and in flat pictures by decibels. The search goes where the `forecast` of the PSNR,
    moved to what has been found, meets the target. If that fails, it goes up in strides from quality 0 until the target
    is passed, then always to the place that is likeliest to meet it. If that comes near and no nearer, it bisects what
    lies between two neighbours on either side of the target. Raises TargetUnreachable if no stride passes the target
    and nothing that is found between them is within 0.05 dB of it.
    """
    top = last // variants
    known: dict[int, float] = {}
    misses: dict[int, float] = {}

    def excess_at(quality: int) -> float:
        beyond = psnr_at(quality) - psnr
        excess = min(beyond, _BEYOND)
        misses[quality] = abs(excess) if beyond < inf else _NO_ERROR
        return excess

    low, high, miss = -1, top + 1, _BEYOND / _NEARER
    expected = _excess_expected(forecast, lambda expected: expected - psnr, variants) if forecast else None
    while expected and high - low > 1:
        place = _crossing(expected, known, low, high, 0.0)
        excess = known[place] = excess_at(variants * place)
        if abs(excess) <= PSNR_TOLERANCE:
            wrong = abs(expected(place) - excess)
            may_be_low = place * _LOW_PSNR <= top or expected(place) - expected(0) < _ALIKE_DB + wrong
            if may_be_low and excess_at(0) >= -PSNR_TOLERANCE:
                return 0
            return variants * place
        if abs(excess) > _NEARER * miss:
            break
        low, high, miss = *((place, high) if excess < 0 else (low, place)), abs(excess)
    if (first := excess_at(0)) >= -PSNR_TOLERANCE:
        return 0
    looks, curves = 0, {0: [(0, first)]}  # points of a forecast that failed are close together, and mislead
    while len(misses) < MOST_TRIES - 1:
        variant, (place, excess) = 0, curves[0][-1]
        if any(excess > 0 for _, excess in curves[0]):
            if len(misses) >= MOST_TRIES - 1 - _RESERVED and min(misses.values()) <= _ALMOST:
                break
            if (found := likeliest(curves, last, variants)) is None:
                break
            variant, place = found
        elif place == 0:
            place = GUESS * last // variants // WHOLE
        elif place < top:
            place = onwards(curves[0][-2], curves[0][-1], top)
        elif looks < _LOOKS and _most(curves[0]) >= -_BELOW_BEST and (better := higher(curves[0])):
            looks, place = looks + 1, better
        else:
            raise _unreachable(psnr, excess, _most(curves[0]))
        quality = variants * place + variant
        excess = excess_at(quality)
        if abs(excess) <= PSNR_TOLERANCE:
            return quality
        if variant not in curves and not 0 < abs(excess - dict(curves[0])[place]) < _TOO_FAR_APART:
            curves[variant] = []  # it brings nothing new
        else:
            curves.setdefault(variant, []).append((place, excess))
            curves[variant].sort()
    while len(misses) < MOST_TRIES - 1 and min(misses.values()) <= _ALMOST and (between := middle(curves[0])):
        excess = excess_at(variants * between)
        if abs(excess) <= PSNR_TOLERANCE:
            return variants * between
        curves[0].append((between, excess))
        curves[0].sort()
    if last not in misses:
        excess_at(last)  # where PSNRs leap over the target on the way, the end of the path may still meet it
    nearest = min(misses, key=misses.__getitem__)
    if looks and misses[nearest] > PSNR_TOLERANCE:
        raise _unreachable(psnr, curves[0][-1][1], _most(curves[0]))
    return nearest


def _most(curve: Curve) -> float:
    """The highest excess."""
    return max(excess for _, excess in curve)


def _unreachable(psnr: float, at_last: float, most: float) -> TargetUnreachable:
    """Says what quality 100 gives, and what is the most that was found, both less the target."""
    found = f"{psnr + most:.2f} dB is the most" if most > at_last else "the most"
    return TargetUnreachable(
        f"no quality was found that gives {psnr} dB: quality 100 gives {psnr + at_last:.2f} dB, {found} of those tried"
    )
