"""Coded samples to values of the type that was encoded and back, and no-data values (spec/scenes.md, "Samples")."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from apercu.stages.colour import Samples
from apercu.stages.fill import Mask

Mapping = Sequence[tuple[float, float]]
"""(offset, scale) of each band: the value of a coded sample c is offset + scale * c."""
Values = NDArray[Any]
"""(H, W, B), of any real dtype."""
MOST_CODE = 65_535
_AT_ONCE = 1 << 18  # values in float64


def mapping_for(least: float, most: float, dtype: DTypeLike) -> tuple[float, float]:
    """Offset and scale of the codes 0 to 65,535 for values of a dtype between these two, which are finite.

    Integers within 65,535 of each other keep their steps, and come back exactly if they are within ±2^53, where float64
    holds them; other values to (most - least) / 131,070, but for the rounding of the dtype.
    """
    least, most = float(least) + 0.0, float(most)  # -0.0 would take 9 bytes
    if np.dtype(dtype).kind in "iu" and most - least <= MOST_CODE:
        return least, 1.0
    scale = most / MOST_CODE - least / MOST_CODE  # the difference itself may be beyond float64
    return least, scale or 1.0


def to_codes(values: Values, mapping: Mapping) -> NDArray[np.uint16]:
    """Values (H, W, B) as the nearest codes (H, W, B), held to 0 to 65,535; what is not finite becomes an end of it."""
    codes = np.empty(values.shape, np.uint16)
    for rows, band in _parts(values.shape):
        offset, scale = mapping[band]
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.rint((values[rows, :, band].astype(np.float64) - offset) / scale)
        codes[rows, :, band] = np.clip(np.nan_to_num(found, nan=0.0), 0, MOST_CODE)
    return codes


def to_values(codes: Samples, mapping: Mapping, dtype: DTypeLike) -> Values:
    """The inverse of `to_codes`: codes (H, W, B) as values (H, W, B) of this dtype."""
    values = np.empty(codes.shape, dtype)
    for rows, band in _parts(codes.shape):
        offset, scale = mapping[band]
        with np.errstate(over="ignore"):
            found = codes[rows, :, band] * np.float64(scale)  # two roundings: none is fused
            found += offset
            values[rows, :, band] = _integers(found, values.dtype) if values.dtype.kind in "iu" else found
    return values


def _integers(found: NDArray[np.float64], dtype: np.dtype[Any]) -> Values:
    """The nearest integers, held to the range of the dtype: of 64 bits, float64 has no exact end."""
    limits = np.iinfo(dtype)
    np.rint(found, out=found)
    above, below = found >= float(limits.max), found <= float(limits.min)
    found[above | below] = 0
    values = found.astype(dtype)
    values[above], values[below] = limits.max, limits.min
    return values


def set_nodata(values: Values, nodata: Sequence[float | int | None], mask: Mask | None) -> None:
    """Gives the samples of (H, W, B) that do not count the no-data value of their band, and no others.

    mask: (H, W, 1) or (H, W, B), True where a sample does not count; None where all do. A band without a no-data value,
    or with one that the dtype has not, stays as it is.
    """
    for rows, band in _parts(values.shape):
        value = None if (given := nodata[band]) is None else representable(given, values.dtype)
        if value is None:
            continue
        those = values[rows, :, band]
        np.copyto(those, _beside(value), where=those == value)
        if mask is not None:
            np.copyto(those, value, where=mask[rows, :, band if mask.shape[2] > 1 else 0])


def representable(value: float | int, dtype: DTypeLike) -> Any:
    """A no-data value in a dtype, or None where it has no such value."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        whole = isinstance(value, int) or float(value).is_integer()
        return kind.type(int(value)) if whole and limits.min <= value <= limits.max else None
    with np.errstate(over="ignore"):
        found = np.float64(value).astype(kind)
    return found if np.isfinite(found) or not math.isfinite(value) else None


def _beside(value: Any) -> Any:
    """The next value, towards the middle of the dtype's range."""
    if value.dtype.kind == "f":
        return np.nextafter(value, value.dtype.type(0 if value else 1))
    limits = np.iinfo(value.dtype)
    return value.dtype.type(int(value) + (-1 if 2 * int(value) > int(limits.min) + int(limits.max) else 1))


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[slice, int]]:
    """Rows and a band, few enough at once for wider types."""
    height, width, n_bands = shape
    n_rows = max(_AT_ONCE // width, 1)
    for top in range(0, height, n_rows):
        for band in range(n_bands):
            yield slice(top, min(top + n_rows, height)), band
