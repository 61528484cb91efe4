"""What the stages require of their arguments before they hand addresses to the kernel, which checks none."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from apercu.errors import OptionError

UINT8, UINT16, INT16 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int16)
UINT32, UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)
LARGEST_STEP_Q8 = 1 << 24
"""A step with which no product of the kernel leaves 32 bits."""
MOST_SAMPLES = 1 << 40
_ARRAY = np.ndarray


def check_array(name: str, array: object, dtype: np.dtype[Any], shape: tuple[int, ...], written: bool = False) -> None:
    """Raises OptionError unless `array` is a C-ordered array of this dtype and shape; if `written`, a writeable one."""
    if isinstance(array, _ARRAY) and array.shape == shape and ((of := array.dtype) is dtype or of == dtype):
        flags = array.flags
        if flags.carray or (not written and flags.c_contiguous and flags.aligned):
            return
    raise OptionError(
        f"{name} must be a C-ordered{' writeable' * written} array of {dtype}, {shape}, not {_described(array)}"
    )


def check_plane(name: str, plane: object, height: int, width: int, written: bool = False) -> None:
    """Raises OptionError unless `plane` is a C-ordered array of int16 with at least so many rows and columns."""
    if isinstance(plane, _ARRAY) and len(shape := plane.shape) == 2 and shape[0] >= height and shape[1] >= width:
        if plane.dtype is INT16 and plane.flags.carray:  # what follows asks the same, in more time
            return
        check_array(name, plane, INT16, shape, written)
    else:
        raise OptionError(f"{name} must be an array of int16, ({height}, {width}) or larger, not {_described(plane)}")


def check_integers(name: str, array: object) -> None:
    """Raises OptionError unless `array` is an array of any type of integers or of bool."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iub":
        raise OptionError(f"{name} must be an array of integers, not {_described(array)}")


def check_mask(name: str, mask: object, shape: tuple[int, ...]) -> None:
    """Raises OptionError unless `mask` is an array of bool of this shape."""
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
        raise OptionError(f"{name} must be an array of bool, {shape}, not {_described(mask)}")


def check_samples(name: str, tile: object) -> None:
    """Raises OptionError unless `tile` is an array (H, W, B) of uint8 or uint16 with at least one sample."""
    if isinstance(tile, np.ndarray) and tile.dtype.kind == "u" and tile.itemsize <= 2 and tile.ndim == 3 and tile.size:
        return
    raise OptionError(f"{name} must be an array (H, W, B) of uint8 or uint16, not {_described(tile)}")


def bytes_of(data: object) -> bytes:
    """What holds bytes, as bytes; raises OptionError for anything else."""
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)  # type: ignore[arg-type]  # anything without a buffer is refused below
    except TypeError:
        raise OptionError(f"data must be bytes, not {type(data).__name__}") from None
    if view.itemsize != 1:
        raise OptionError(f"data must be bytes, not items of {view.itemsize} bytes each")
    return bytes(view)


def check_number(name: str, number: object, least: int, most: int) -> None:
    """Raises OptionError unless `number` is an int within this range; with NumPy's integers, products would wrap."""
    if not isinstance(number, int) or not least <= number <= most:
        raise OptionError(f"{name} must be an int from {least} to {most}, not {number!r}")


def check_limit(name: str, limit: object) -> None:
    """Raises OptionError unless `limit` is a number, or None for no limit."""
    if limit is not None and (not isinstance(limit, Real) or math.isnan(limit)):
        raise OptionError(f"{name} must be a number, or None for no limit, not {limit!r}")


def check_pair(name: str, pair: object) -> None:
    """Raises OptionError unless `pair` is a sequence of two numbers from 1 to 2^20."""
    if not isinstance(pair, (tuple, Sequence)) or len(pair) != 2:  # a tuple is found at once
        raise OptionError(f"{name} must be a pair of numbers, not {pair!r}")
    for number in pair:
        check_number(name, number, 1, 1 << 20)


def check_bytes(name: str, data: object) -> None:
    """Raises OptionError unless `data` are bytes."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise OptionError(f"{name} must be bytes, not {type(data).__name__}")


def _described(found: object) -> str:
    if not isinstance(found, np.ndarray):
        return type(found).__name__
    return f"{'C-ordered ' * found.flags.c_contiguous}{found.dtype.str}, {found.shape}"
