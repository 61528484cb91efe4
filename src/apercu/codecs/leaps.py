"""Where to look next for a PSNR that goes up and down on the way, and leaps.

A curve is what is known of PSNRs less the target, in dB, by place; places and qualities are those of `rate`.
"""

from itertools import pairwise

WHOLE = 100
"""The highest quality."""
_SHARES = (0.25, 0.5, 0.75)
"""Where places between two others are considered."""
_LEAST_CHANGE = 0.0005
"""PSNR, in dB, changes by this at least from a quality to the next, in 1/256."""
_LEVEL, _FAR = 64, 3000
"""Qualities, in 1/256: two of the same PSNR so near have nothing else between them; the longest stride of a variant."""
_OTHERS, _APART = 3, 0.3
"""The variants that are tried beside the first, and how far their PSNRs are from its, in dB."""
_NEARLY = 0.02
"""What is so much below the highest PSNR, in dB, has half the weight of that where a higher one is looked for."""

Point = tuple[int, float]
"""A place, and the PSNR there less the target, in dB."""
Curve = list[Point]
"""The points of a variant that are known, in order."""


def onwards(before: Point, reached: Point, top: int) -> int:
    """The place, `top` at most, where a straight line through two points reaches the target, and a fifth more."""
    (place, short), (low, less) = reached, before
    rise = (short - less) / (place - low)
    stride = 1.2 * -short / rise if rise > 0 else top
    return min(place + max(1 + round(min(stride, top)), top // 32), top)


def higher(curve: Curve) -> int | None:
    """The middle of the gap that is likeliest to hide a higher point: wide, and with an end that is nearly the highest.
    None if there is no gap."""
    most = max(excess for _, excess in curve)
    gaps = [
        ((high - low) / (_NEARLY + most - max(a, b)), (low + high) // 2)
        for (low, a), (high, b) in pairwise(curve)
        if high - low > 1
    ]
    return max(gaps)[1] if gaps else None


def middle(curve: Curve) -> int | None:
    """The middle between two neighbours on either side of the target, of which one is the nearest to it; None if there
    is nothing between any."""
    gaps = [
        (min(abs(a), abs(b)), low, high)
        for (low, a), (high, b) in pairwise(curve)
        if (a < 0) != (b < 0) and high - low > 1
    ]
    return sum(min(gaps)[1:]) // 2 if gaps else None


def likeliest(curves: dict[int, Curve], last: int, variants: int) -> tuple[int, int] | None:
    """The variant and the place that are likeliest to meet the target; None if there is nothing between the points.

    The model of a curve is a Cauchy process, which goes steadily for a while and leaps at times: from a point to
    another at a distance of n places, the excess changes by a number of the Cauchy distribution, whose scale is n times
    the median change a place seen so far. So the density of excess 0 between two points is that of a step to it from
    the one and of a step from it to the other, over that of the step between them. Whole qualities come first.
    """
    changes = sorted(abs(b - a) / (to - at) for (at, a), (to, b) in pairwise(curves[0]))
    scale = max(changes[len(changes) // 2], _LEAST_CHANGE * variants)
    best, found, whole = 0.0, None, last // variants // WHOLE
    for variant, points in curves.items():
        for (at, a), (to, b) in pairwise(points):
            if to - at < 2 or (a == b and (to - at) * variants <= _LEVEL):
                continue
            shares = _SHARES if (a < 0) == (b < 0) else (*_SHARES, min(max(a / (a - b), 0.1), 0.9))
            for share in shares:
                place = _whole(at + share * (to - at), at, to, whole)
                before, behind = scale * (place - at), scale * (to - place)
                density = _cauchy(a, before) * _cauchy(b, behind) / _cauchy(b - a, before + behind)
                if density > best:
                    best, found = density, (variant, place)
        if variant and points:  # known in the middle only
            for (at, a), direction in ((points[0], -1), (points[-1], 1)):
                for times in (0.3, 1, 3):
                    stride = max(round(times * abs(a) / scale), 1)
                    place = at + direction * stride
                    if stride * variants > _FAR or not 0 < place <= (last - variant) // variants:
                        continue
                    density = _cauchy(a + direction * scale * stride / 2, scale * stride)
                    if density > best:
                        best, found = density, (variant, place)
    at, a = min(curves[0], key=lambda point: abs(point[1]))
    for variant in range(min(variants - 1, _OTHERS), 0, -1):
        if variant not in curves and at > 0 and variants * at + variant <= last and _cauchy(a, _APART) > best:
            return variant, at
    return found


def _whole(place: float, low: int, high: int, whole: int) -> int:
    """A place between two others near this one: that of a whole quality if there is one."""
    there = whole * round(place / whole)
    if not low < there < high:
        there += whole if there <= low else -whole
    return there if low < there < high else min(max(round(place), low + 1), high - 1)


def _cauchy(change: float, scale: float) -> float:
    """Density of a Cauchy distribution, times pi."""
    return scale / (scale * scale + change * change)
