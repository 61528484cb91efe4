"""Masks to bytes and back, exactly: which samples do not count (spec/mask.md).

Outlines of areas are followed along the edges of pixels. A straight or gently curved one costs little more than its
ends do, however long it is; a mask that is like the one before it costs what differs.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, give_back
from apercu.stages.arguments import check_bytes, check_number
from apercu.stages.fill import Mask

_workspace = function("apercu_mask_workspace", "ii")
_encode = function("apercu_mask_encode", "aiiiasas")
_decode = function("apercu_mask_decode", "asiiiasa")

MOST = 65_535
"""The largest height, width and number of masks."""
_ROWS = 256
"""At a time, so that little memory is needed; even."""

Planes = NDArray[np.uint8]


def encode_mask(mask: Mask) -> bytes:
    """The bytes from which `decode_mask` makes `mask` again: bool (H, W), or (H, W, B) for B masks of one size, none of
    the three above 65,535.

    The same mask gives the same bytes everywhere. Masks that are all False have no bytes at all; a mask that equals the
    one before it takes a fraction of a bit. Raises OptionError for arrays of another kind.

    >>> mask = np.zeros((1000, 1000), bool)
    >>> mask[:, :200] = True
    >>> len(encode_mask(mask))
    5
    """
    return encode_planes(pack(mask), mask.shape[1])


def decode_mask(data: bytes, height: int, width: int, n_masks: int) -> Mask:
    """The inverse: bool (height, width, n_masks), from bytes of anyone.

    Memory depends on the three numbers alone, which the caller judges: a byte for a pixel of each mask, an eighth
    of that while it works, and three eighths of one mask. Raises CorruptStream or Truncated where the data are no such
    masks (some damage makes another mask), and OptionError where a number is not from 1 to 65,535.
    """
    return unpack(decode_planes(data, height, width, n_masks), width)


def encode_planes(planes: Planes, width: int) -> bytes:
    """As `encode_mask`, for masks in an eighth of the memory: uint8 (B, H, ceil(width / 8)), as `pack` makes them. Bits
    past the width do not matter."""
    _check_planes(planes, width)
    n_masks, height, _ = planes.shape
    packed = np.ascontiguousarray(planes)
    n_workspace = checked(_workspace(width, height))
    # A bit in a context costs less than 2.5 bits in the mean, whatever comes, once the context has left its start.
    capacity = 4 * planes.size + (1 << 17)
    workspace, out = borrow(n_workspace), borrow(capacity)
    room = (address(workspace), n_workspace)
    n_bytes = checked(_encode(address(packed), width, height, n_masks, *room, address(out), capacity))
    data = out.view(np.uint8)[:n_bytes].tobytes()
    give_back(workspace)
    give_back(out)
    return data


def decode_planes(data: bytes, height: int, width: int, n_masks: int) -> Planes:
    """The inverse of `encode_planes`, as `decode_mask`: uint8 (n_masks, height, ceil(width / 8))."""
    check_bytes("data", data)
    for name, number in (("height", height), ("width", width), ("n_masks", n_masks)):
        check_number(name, number, 1, MOST)
    source = np.frombuffer(data, np.uint8)
    n_workspace = checked(_workspace(width, height))
    workspace = borrow(n_workspace)
    planes = np.empty((n_masks, height, -(-width // 8)), np.uint8)
    room = (address(workspace), n_workspace)
    checked(_decode(address(source), source.size, width, height, n_masks, *room, address(planes)))
    give_back(workspace)
    return planes


def pack(mask: Mask) -> Planes:
    """Masks, bool (H, W) or (H, W, B), as bits: uint8 (B, H, ceil(W / 8)), the first pixel of eight in the highest bit.

    Raises OptionError for arrays of another kind.
    """
    masks = _masks(mask)
    height, width, n_masks = masks.shape
    planes = np.empty((n_masks, height, -(-width // 8)), np.uint8)
    for rows, band in _parts(height, n_masks):
        planes[band, rows] = np.packbits(masks[rows, :, band], axis=1)
    return planes


def unpack(planes: Planes, width: int) -> Mask:
    """The inverse: bool (H, width, B). Raises OptionError for planes of another width."""
    _check_planes(planes, width)
    n_masks, height, _ = planes.shape
    masks = np.empty((height, width, n_masks), np.bool_)
    for rows, band in _parts(height, n_masks):
        masks[rows, :, band] = np.unpackbits(planes[band, rows], axis=1, count=width)
    return masks


def halved(planes: Planes, width: int) -> Planes:
    """Masks as bits at half their size, of ceil(H / 2) rows and ceil(width / 2) columns.

    A sample of one is True if at least half are of the four that it stands for, of two or one at an odd edge. No other
    rule makes fewer samples wrong once each is repeated again. Where both are as many, True: a value missing at a
    border does less harm than one that was never measured. Raises OptionError for planes of another width.

    >>> mask = np.array([[True, False, False], [False, True, True]])
    >>> unpack(halved(pack(mask), 3), 2)[:, :, 0].tolist()
    [[True, True]]
    """
    _check_planes(planes, width)
    n_masks, height, _ = planes.shape
    out = np.empty((n_masks, -(-height // 2), -(-width // 16)), np.uint8)
    for rows, band in _parts(height, n_masks):
        bits = np.unpackbits(planes[band, rows], axis=1, count=width)
        pairs = bits[0::2].copy()
        pairs[: len(bits) // 2] += bits[1::2]
        pairs[len(bits) // 2 :] *= 2  # as if the last row were there twice
        count = pairs[:, 0::2].copy()
        count[:, : width // 2] += pairs[:, 1::2]
        count[:, width // 2 :] *= 2
        out[band, rows.start // 2 : rows.start // 2 + len(count)] = np.packbits(count >= 2, axis=1)
    return out


def _parts(height: int, n_masks: int) -> Iterator[tuple[slice, int]]:
    """Some rows of a mask at a time."""
    for top in range(0, height, _ROWS):
        for band in range(n_masks):
            yield slice(top, top + _ROWS), band


def _masks(mask: object) -> Mask:
    """(H, W, B) of what an encoder takes, else OptionError."""
    if isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.ndim in (2, 3):
        masks = mask if mask.ndim == 3 else mask[:, :, np.newaxis]
        if all(1 <= side <= MOST for side in masks.shape):
            return masks
    raise OptionError(f"mask must be an array (H, W) or (H, W, B) of bool, with sides of 1 to {MOST}")


def _check_planes(planes: object, width: int) -> None:
    check_number("width", width, 1, MOST)
    if (
        not isinstance(planes, np.ndarray)
        or planes.dtype != np.uint8
        or planes.ndim != 3
        or planes.shape[2] != -(-width // 8)
        or not all(1 <= side <= MOST for side in planes.shape[:2])
    ):
        raise OptionError(f"planes must be an array (B, H, {-(-width // 8)}) of uint8, as pack makes it")
