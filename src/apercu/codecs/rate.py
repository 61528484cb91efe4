"""The place on a codec's path that meets a target."""

from collections.abc import Callable

from apercu.errors import TargetUnreachable

SLACK_SHARE, SLACK_BYTES = 0.02, 16
PSNR_TOLERANCE = 0.05
_LOOK_AROUND = 32


def largest_within(n_bytes: int, size_at: Callable[[int], int], last: int) -> int:
    """The highest quality, 0 to `last` in 1/32, whose file has at most `n_bytes`; `size_at` gives a file's size.

    Sizes grow with quality but for small ripples, so a bisection finds a place; where it leaves more than 2 % and 16 bytes
    unused, the qualities just above it are tried as well. Raises TargetUnreachable.
    """
    if size_at(last) <= n_bytes:
        return last
    low, high = 0, last
    if (least := size_at(0)) > n_bytes:
        raise TargetUnreachable(f"{n_bytes} bytes are too few: quality 0 takes {least} bytes, the nearest that can be met")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size_at(middle) <= n_bytes else (low, middle)
    best, best_size = low, size_at(low)
    for quality in range(low + 1, min(low + _LOOK_AROUND, last)):
        if n_bytes - best_size <= max(SLACK_BYTES, SLACK_SHARE * n_bytes):
            break
        if best_size < (size := size_at(quality)) <= n_bytes:
            best, best_size = quality, size
    return best


def nearest_psnr(psnr: float, psnr_at: Callable[[int], float], last: int) -> int:
    """The quality whose PSNR is nearest to the target; quality 0 where that is better already.

    Raises TargetUnreachable where quality 100 is more than 0.05 dB short of it.
    """
    if (best := psnr_at(last)) < psnr:
        if best < psnr - PSNR_TOLERANCE:
            raise TargetUnreachable(f"{psnr} dB cannot be reached: quality 100 gives {best:.2f} dB, the nearest that can")
        return last
    if psnr_at(0) >= psnr:
        return 0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if psnr_at(middle) < psnr else (low, middle)
    return min((low, high), key=lambda quality: abs(psnr_at(quality) - psnr))
