"""The search for the quality that meets a target.

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
GUESS = 40
"""The quality at which a search begins."""
COARSE, FINE = 16, 512
"""First strides of a search, as parts of the path: from a guess, and from the place that another variant has found."""
_LOOK_AROUND = 64


def _highest(top: int, excess: Callable[[int], float], guess: int, strides: int) -> int:
    """A place below `top` where `excess` is below 0, while it is not in the next.

    Place 0 is known to be below 0, `top` is assumed not to be. The search goes from the guess in growing strides (the
    first is about `top` / `strides`), then between the last two places by ITP, which takes at most one step more than
    bisection, and few where `excess` is nearly linear (Oliveira and Takahashi, ACM Transactions on Mathematical
    Software 47, 2020).
    """
    low, high, place, stride = 0, top, min(max(guess, 1), top - 1), 1 + top // strides
    while low < place < high:
        if excess(place) < 0:
            low, place = place, min(place + stride, top - 1)
        else:
            high, place = place, place - stride
        stride *= 2
    width = high - low
    most = 2.0 ** (width - 1).bit_length()  # twice what bisection would have left
    while high - low > 1:
        below, beyond, middle = excess(low), excess(high), (low + high) / 2
        straight = low + (high - low) * below / (below - beyond)
        nudge = min(0.2 * (high - low) ** 2 / width, abs(middle - straight))
        nudged = straight + (nudge if straight < middle else -nudge)
        reach = most - (high - low) / 2
        place = min(max(round(min(max(nudged, middle - reach), middle + reach)), low + 1), high - 1)
        low, high = (place, high) if excess(place) < 0 else (low, place)
        most /= 2
    return low


def best_within(
    n_bytes: int, size_at: Callable[[int], int], error_at: Callable[[int], float], last: int, variants: int
) -> int:
    """The quality, 0 to `last`, of least error among those whose files come nearest to `n_bytes` and do not pass it.

    `size_at` gives a file's size, `error_at` its squared error. For each variant the highest place that fits is found,
    and the best of those that leave no more than 2 % or 16 bytes unused is taken. Sizes grow with the place except for
    ripples: if no variant comes that close, the places around are tried too, and at last the largest file found is
    taken. Raises TargetUnreachable if quality 0 is too large.
    """
    if (least := size_at(0)) > n_bytes:
        raise TargetUnreachable(
            f"{n_bytes} bytes are too few: quality 0 takes {least} bytes, the nearest that can be met; a "
            "smaller picture takes fewer"
        )

    def highest(variant: int, top: int, guess: int, strides: int) -> int:
        def excess(place: int) -> float:  # without a logarithm: the same on every machine
            size = size_at(variants * place + variant)
            return (2 * (size - n_bytes) - 1) / (size + n_bytes)

        return variants * _highest(top, excess, guess, strides) + variant

    found = [highest(0, last // variants + 1, GUESS * last // variants // WHOLE, COARSE)]
    if found == [last]:
        return last
    others = (variant for variant in range(1, variants) if size_at(variant) <= n_bytes)
    found += [highest(variant, last // variants, found[0] // variants, FINE) for variant in others]
    enough = n_bytes - max(SLACK_BYTES, SLACK_SHARE * n_bytes)
    if near := [quality for quality in found if size_at(quality) >= enough]:
        return near[0] if len(near) == 1 else min(near, key=error_at)
    if size_at(last) <= n_bytes:
        return last
    for distance in range(variants, variants * _LOOK_AROUND, variants):
        for quality in found:
            for place in (quality + distance, quality - distance):
                if 0 <= place < last and enough <= size_at(place) <= n_bytes:
                    return place
    return max(found, key=size_at)


def nearest_psnr(psnr: float, psnr_at: Callable[[int], float], last: int, variants: int) -> int:
    """A quality within 0.05 dB of the target, or the nearest found; quality 0 if that is better already.

    PSNR grows with the place except for ripples, since symbols are chosen for their rate as well. If the first variant
    jumps over the target, the others are tried, then the whole path, with a search between each two of its qualities
    that have the target between them, then the places around the nearest. Raises TargetUnreachable if quality 100 is
    more than 0.05 dB below the target.
    """
    if psnr_at(0) >= psnr:
        return 0

    def falls_short(quality: int) -> bool:
        return psnr_at(quality) < psnr

    def miss(quality: int) -> float:
        return abs(psnr_at(quality) - psnr)

    def below(variant: int, top: int, guess: int) -> int:
        def excess(place: int) -> float:
            return min(psnr_at(variants * place + variant) - psnr, 99.0)

        return variants * _highest(top, excess, guess, FINE if variant else COARSE) + variant

    nearest, guess = 0, GUESS * last // variants // WHOLE
    for variant in filter(falls_short, range(variants)):
        short = below(variant, last // variants + (variant == 0), guess)
        if short == last:
            break
        guess = short // variants
        places = (nearest, short, short + variants)
        nearest = min((quality for quality in places if quality <= last), key=miss)
        if miss(nearest) <= PSNR_TOLERANCE:
            return nearest
    if falls_short(last):
        if miss(last) > PSNR_TOLERANCE:
            raise TargetUnreachable(
                f"{psnr} dB cannot be reached: quality 100 gives {psnr_at(last):.2f} dB, the nearest that can"
            )
        return last
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
