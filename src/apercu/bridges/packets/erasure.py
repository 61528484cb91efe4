"""The erasure code over packets: Reed and Solomon's (spec/PACKETS.md, "Code"), as they first described it in 1960
(Polynomial codes over certain finite fields): a row is the value of a polynomial at its own number. Any k rows give the
polynomial, and so all others. Rows of a block may be added later; nothing depends on how many there are.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]

_FIELD, _ORDER = 0x11D, 255
"""The field's polynomial, and how many powers its generator 2 has."""


@cache
def _tables() -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Logarithms of 1 to 255 (that of 0 is never used), and powers of 2 up to two turns."""
    logs, powers, value = np.zeros(256, np.int64), np.zeros(2 * _ORDER, np.uint8), 1
    for exponent in range(_ORDER):
        logs[value] = exponent
        powers[exponent] = powers[exponent + _ORDER] = value
        value = value << 1 ^ (_FIELD if value & 0x80 else 0)
    return logs, powers


def rows_from(known: Rows, numbers: Sequence[int], wanted: Sequence[int]) -> Rows:
    """The rows of `wanted` numbers (w, a) of a block of which `known` (k, a) have these `numbers`, none of them wanted.

    By Lagrange: row w is the sum over all known rows t of row t times the product over all others u of
    (w - u) / (t - u). In this field, differences are those of bits.
    """
    logs, powers = _tables()
    out = np.zeros((len(wanted), known.shape[1]), np.uint8)
    if not out.size:
        return out
    at, of = np.array(numbers), np.array(wanted)
    to_known = logs[of[:, np.newaxis] ^ at]
    between = logs[at[:, np.newaxis] ^ at].sum(1)  # the logarithm of a row and itself, 0, is 0 in the table
    exponents = (to_known.sum(1)[:, np.newaxis] - to_known - between) % _ORDER
    for row, factors in zip(known, exponents.T, strict=True):
        out ^= np.where(row == 0, np.uint8(0), powers[factors[:, np.newaxis] + logs[row]])
    return out


def parity(data: Rows, n: int) -> Rows:
    """The further rows (n - k, a) of a block of n, for its data (k, a)."""
    k = len(data)
    return rows_from(data, range(k), range(k, n))


def recovered(rows: Mapping[int, bytes], k: int) -> Rows | None:
    """The data (k, a) from rows by their numbers; None where there are too few."""
    if len(rows) < k:
        return None
    there = sorted(rows)[:k]  # those of the data, as far as they are there, come first
    known = np.stack([np.frombuffer(rows[row], np.uint8) for row in there])
    data = np.empty_like(known)
    lost = [row for row in range(k) if row not in rows]
    n_data = k - len(lost)
    data[there[:n_data]] = known[:n_data]
    data[lost] = rows_from(known, there, lost)
    return data
