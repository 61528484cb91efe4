"""The place on a codec's path that meets a target.

A quality is a whole number: a place on the path times the codec's number of variants, plus a variant of the encoder's
choices there.
"""

from collections.abc import Callable
from itertools import pairwise

from apercu.errors import TargetUnreachable

SLACK_SHARE, SLACK_BYTES = 0.02, 16
PSNR_TOLERANCE = 0.05
WHOLE = 100
"""Places all along the path, the whole qualities: tried and bisected where PSNR is no smooth function of it."""
_LOOK_AROUND = 64


def _highest(last: int, variants: int, variant: int, holds: Callable[[int], bool], guess: int = 0) -> int:
    """The highest quality of a variant for which `holds`; that of place 0 is known to hold.

    From a guess of the place outwards in growing strides, then by bisection between the last two.
    """
    low, high, stride = 0, last // variants, 16
    while low < guess + stride < high and holds(variants * (guess + stride) + variant):
        low, stride = guess + stride, 4 * stride
    if low < guess + stride < high:
        high = guess + stride
    stride = 16
    while low == 0 < guess - stride:
        if holds(variants * (guess - stride) + variant):
            low = guess - stride
        else:
            high, stride = guess - stride, 4 * stride
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(variants * middle + variant) else (low, middle)
    return variants * low + variant


def best_within(
    n_bytes: int, size_at: Callable[[int], int], error_at: Callable[[int], float], last: int, variants: int
) -> int:
    """The quality, 0 to `last`, of least error among those whose files come nearest to `n_bytes` and do not pass it.

    `size_at` gives a file's size, `error_at` its squared error. Every variant offers the highest place that fits, and
    the best of those that leave no more than 2 % or 16 bytes unused is taken. Sizes grow with the place but for
    ripples: where no variant comes so near, the places around are tried as well, and at last the largest file found
    is taken. Raises TargetUnreachable where quality 0 is too large.
    """
    if size_at(last) <= n_bytes:
        return last
    if (least := size_at(0)) > n_bytes:
        raise TargetUnreachable(
            f"{n_bytes} bytes are too few: quality 0 takes {least} bytes, the nearest that can be met"
        )

    def fits(quality: int) -> bool:
        return size_at(quality) <= n_bytes

    first = _highest(last, variants, 0, fits)
    others = (variant for variant in range(1, variants) if fits(variant))
    found = [first, *(_highest(last, variants, variant, fits, guess=first // variants) for variant in others)]
    enough = n_bytes - max(SLACK_BYTES, SLACK_SHARE * n_bytes)
    if near := [quality for quality in found if size_at(quality) >= enough]:
        return min(near, key=error_at)
    for distance in range(variants, variants * _LOOK_AROUND, variants):
        for quality in found:
            for place in (quality + distance, quality - distance):
                if 0 <= place < last and enough <= size_at(place) <= n_bytes:
                    return place
    return max(found, key=size_at)


def nearest_psnr(psnr: float, psnr_at: Callable[[int], float], last: int, variants: int) -> int:
    """A quality within 0.05 dB of the target, or the nearest found; quality 0 where that is better already.

    PSNR grows with the place but for ripples, since symbols are chosen for their rate as well: where the first variant
    leaps over the target, the others are tried, then the whole path, and between any two of its qualities that have the
    target between them, then the places around the nearest. Raises TargetUnreachable where quality 100 is more than
    0.05 dB short of the target.
    """
    if (best := psnr_at(last)) < psnr:
        if best < psnr - PSNR_TOLERANCE:
            raise TargetUnreachable(
                f"{psnr} dB cannot be reached: quality 100 gives {best:.2f} dB, the nearest that can"
            )
        return last
    if psnr_at(0) >= psnr:
        return 0

    def falls_short(quality: int) -> bool:
        return psnr_at(quality) < psnr

    def miss(quality: int) -> float:
        return abs(psnr_at(quality) - psnr)

    nearest, guess = 0, 0
    for variant in filter(falls_short, range(variants)):
        below = _highest(last, variants, variant, falls_short, guess)
        guess = below // variants
        places = (nearest, below, below + variants)
        nearest = min((quality for quality in places if quality <= last), key=miss)
        if miss(nearest) <= PSNR_TOLERANCE:
            return nearest
    tried = range(0, last + 1, last // WHOLE)
    nearest = min((nearest, *tried), key=miss)
    for low, high in pairwise(tried):
        left = falls_short(low)
        while left != falls_short(high) and high - low > 1 and miss(nearest) > PSNR_TOLERANCE:
            middle = (low + high) // 2
            nearest = min(nearest, middle, key=miss)
            low, high = (middle, high) if falls_short(middle) == left else (low, middle)
    start = nearest
    for distance in range(variants, last // WHOLE, variants):
        places = (nearest, start + distance, start - distance)
        nearest = min((quality for quality in places if 0 <= quality <= last), key=miss)
        if miss(nearest) <= PSNR_TOLERANCE:
            break
    return nearest
