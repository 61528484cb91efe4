"""Reduced size: means of 2^k × 2^k samples, and the way back, a filter that doubles rows and columns k times.

Means are the encoder's choice; what a decoder makes of them at the full size is exact (spec/reduced.md). Both work on
windows, whose samples are those of the whole.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.stages.arguments import check_mask, check_number, check_samples
from apercu.stages.blocks import Window
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask

MOST_LOG2 = 15
"""Reduced by 2^15, an image of 65,535 × 65,535 is one of 2 × 2."""
NEAR, BESIDE, OPPOSITE, FAR = 29, 7, -3, -1
"""Parts of 2^FRACTION_BITS that the samples of a row have in one that lies a quarter of their distance beside the
nearest: that, its neighbour on the same side, its neighbour on the other side, and the next on the same side. Fitted on
training images, decoded at rates where reduction pays as well as not coded at all, and rounded."""
FRACTION_BITS = 5
MARGIN = 2
"""Samples on either side of the nearest that the filter takes."""
_AT_ONCE = 1 << 16
"""Samples that are filtered at a time, so that what they take stays in the processor's cache."""
_LOG2_OF_32_BITS = 8
"""Up to which sums of uint16 fit into 32 bits."""

Sums = NDArray[np.unsignedinteger[Any]]


def reduced_size(n: int, log2: int) -> int:
    """Rows or columns of `n` reduced by 2^log2."""
    return -(-n >> log2)


def add_up(samples: Samples, mask: Mask | None, log2: int) -> tuple[Sums, Sums]:
    """Sums of blocks of 2^log2 × 2^log2 samples of (h, w, B), and how many samples each is the sum of; (h', w', B).

    Blocks at the right and lower edge are smaller where need be. Samples under the mask do not count. Raises
    OptionError.
    """
    check_samples("samples", samples)
    check_number("log2", log2, 0, MOST_LOG2)
    if mask is None:
        height, width, n_bands = samples.shape
        ones = np.ones((height, 1, 1), np.uint8), np.ones((1, width, 1), np.uint8)
        counts = _block_sums(ones[0], log2) * _block_sums(ones[1], log2)
        return _block_sums(samples, log2), np.broadcast_to(counts, (*counts.shape[:2], n_bands))
    check_mask("mask", mask, samples.shape)
    counted = ~mask
    return _block_sums(samples * counted, log2), _block_sums(counted.view(np.uint8), log2)


def _block_sums(values: NDArray[Any], log2: int) -> Sums:
    sums: Sums = values.astype(np.uint32 if log2 <= _LOG2_OF_32_BITS else np.uint64)
    for _ in range(log2):
        sums = _pair_sums(sums)
    for _ in range(log2):
        sums = _pair_sums(sums.swapaxes(0, 1)).swapaxes(0, 1)
    return sums


def _pair_sums(sums: Sums) -> Sums:
    """Of rows 0 and 1, 2 and 3 and so on; a last one alone stays."""
    pairs = sums[::2].copy()
    pairs[: len(sums) // 2] += sums[1::2]
    return pairs


def means(sums: Sums, counts: Sums, dtype: np.dtype[Any]) -> tuple[Samples, Mask | None]:
    """Means from sums and how many samples each is of, halves rounded up; and where that is none (else None)."""
    empty = counts == 0
    some = np.maximum(counts, 1)
    return ((sums + some // 2) // some).astype(dtype), empty if empty.any() else None


def source_window(window: Window, height: int, width: int, log2: int) -> Window:
    """The part of an image of this height and width that a window of it, reduced by 2^log2, is the means of."""
    top, left = window.top << log2, window.left << log2
    bottom = min((window.top + window.height) << log2, height)
    right = min((window.left + window.width) << log2, width)
    return Window(top, left, bottom - top, right - left)


def needed_window(window: Window, height: int, width: int, log2: int) -> Window:
    """The part of the reduced image that a window of the full size, `height` × `width`, takes to be made again."""
    for of in range(1, log2 + 1):
        window = _needed(window, reduced_size(height, of), reduced_size(width, of))
    return window


def _needed(window: Window, height: int, width: int) -> Window:
    """The part of an image of this height and width that a window of twice its size takes."""
    top, left = max(window.top // 2 - MARGIN, 0), max(window.left // 2 - MARGIN, 0)
    bottom = min((window.top + window.height - 1) // 2 + MARGIN + 1, height)
    right = min((window.left + window.width - 1) // 2 + MARGIN + 1, width)
    return Window(top, left, bottom - top, right - left)


def enlarged(samples: Samples, window: Window, height: int, width: int, log2: int) -> Samples:
    """A window of an image of height × width from samples of it reduced by 2^log2, those that `needed_window` names.

    samples: (h, w, B). Returns (window.height, window.width, B), of the same dtype. Raises OptionError.
    """
    check_samples("samples", samples)
    check_number("log2", log2, 0, MOST_LOG2)
    windows = [window]
    for of in range(1, log2 + 1):
        windows.append(_needed(windows[-1], reduced_size(height, of), reduced_size(width, of)))
    if samples.shape[:2] != windows[-1][2:]:
        raise OptionError(f"samples must be those of {tuple(windows[-1])}, not {samples.shape[:2]}")
    for of in range(log2, 0, -1):
        size = reduced_size(height, of), reduced_size(width, of)
        samples = _doubled(samples, windows[of], *size, windows[of - 1])
    return samples


def _doubled(samples: Samples, place: Window, height: int, width: int, window: Window) -> Samples:
    """A window of the image at twice the size, from what it needs of one of this height and width: `samples`, at
    `place`."""
    first, left = window.top // 2, window.left // 2
    last, right = (window.top + window.height - 1) // 2, (window.left + window.width - 1) // 2
    rows, columns = (
        np.clip(np.arange(start - MARGIN, end + MARGIN + 1), 0, size - 1) - origin
        for start, end, size, origin in ((first, last, height, place.top), (left, right, width, place.left))
    )
    n_bands, n_columns = samples.shape[2], right - left + 1
    out = np.empty((2 * (last - first + 1), 2 * n_columns, n_bands), samples.dtype)
    strip = max(_AT_ONCE // (columns.size * n_bands), 1)
    for start in range(0, last - first + 1, strip):
        those = rows[start : start + strip + 2 * MARGIN]
        _double(samples[those[:, np.newaxis], columns].astype(np.int32), out[2 * start : 2 * (start + strip)])
    top, left = window.top - 2 * first, window.left - 2 * left
    return out[top : top + window.height, left : left + window.width]


def _double(samples: NDArray[np.int32], out: Samples) -> None:
    """Twice the rows and columns into `out` (2 h, 2 w, B), of samples with the margin around them."""
    height, width, n_bands = out.shape[0] // 2, out.shape[1] // 2, out.shape[2]
    beside = samples.reshape(height + 2 * MARGIN, -1)
    rows = np.empty((height, 2, beside.shape[1]), np.int32)
    rows[:, 0], rows[:, 1] = _filtered([beside[i : i + height] for i in range(2 * MARGIN + 1)])
    lengthened = rows.reshape(2 * height, -1)
    columns = [lengthened[:, n_bands * i : n_bands * (i + width)] for i in range(2 * MARGIN + 1)]
    most = np.iinfo(out.dtype).max
    for side, sums in enumerate(_filtered(columns)):
        sums += 1 << 2 * FRACTION_BITS - 1
        sums >>= 2 * FRACTION_BITS
        out[:, side::2] = np.clip(sums, 0, most, out=sums).reshape(2 * height, width, n_bands)


def _filtered(beside: list[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The two samples a quarter before and behind the middle one of five; times 2^FRACTION_BITS."""
    far_before, before, middle, behind, far_behind = beside
    near = NEAR * middle
    return (
        near + BESIDE * before + OPPOSITE * behind + FAR * far_before,
        near + BESIDE * behind + OPPOSITE * before + FAR * far_behind,
    )
