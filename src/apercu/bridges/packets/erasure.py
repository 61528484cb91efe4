"""The erasure code over packets: Reed and Solomon's, by reedsolo (spec/PACKETS.md, "Code").

Row i of a block is the share of packet i. The first k rows are the data themselves; any k of the n rows give them back.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.errors import MissingExtra

Rows = NDArray[np.uint8]

_FIELD, _GENERATOR, _FIRST_ROOT = 0x11D, 2, 0
_ORDER = 255  # of the generator


def _codec(n: int, n_roots: int) -> Any:
    try:
        import reedsolo
    except ImportError as error:
        raise MissingExtra("packets that make up for lost ones need reedsolo: pip install 'apercu[packets]'") from error
    return reedsolo.RSCodec(n_roots, nsize=n, fcr=_FIRST_ROOT, prim=_FIELD, generator=_GENERATOR)


def parity(data: Rows, n: int) -> Rows:
    """The further rows (n - k, a) of a block of n, for its data (k, a)."""
    k, length = data.shape
    if n == k or not length:
        return np.empty((n - k, length), np.uint8)
    words = _codec(n, n - k).encode(np.ascontiguousarray(data.T).tobytes())
    return np.frombuffer(words, np.uint8).reshape(length, n)[:, k:].T


def recovered(rows: Mapping[int, bytes], k: int, n: int) -> Rows | None:
    """The data (k, a) from rows by their numbers; None where there are too few."""
    if len(rows) < k:
        return None
    there = sorted(rows)
    known = np.stack([np.frombuffer(rows[row], np.uint8) for row in there])
    lost = [row for row in range(k) if row not in rows]
    data = np.zeros((k, known.shape[1]), np.uint8)
    n_data = k - len(lost)
    data[there[:n_data]] = known[:n_data]
    if lost and known.size:
        data[lost] = _lost_rows(known, there, lost, n)
    return data


def _lost_rows(known: Rows, there: list[int], lost: list[int], n: int) -> Rows:
    """Lost rows as sums of products of those that are there.

    With x_r = 2^(n - 1 - r), a word c has the sum 0 over all rows of c_r p(x_r), for each polynomial p of a smaller
    degree than its number of roots. The p that is 0 at all missing rows but i gives c_i. (The library's own decoder
    solves each word by itself, in Python, which takes a thousand times as long where much is lost.)
    """
    codec = _codec(n, 1)
    exp, log = (np.array(table, np.int64) for table in (codec.gf_exp, codec.gf_log))
    at = exp[n - 1 - np.arange(n)]
    missing = np.array([row for row in range(n) if row not in set(there)])
    logs = log[at[there][:, np.newaxis] ^ at[missing]]
    own = log[at[lost][:, np.newaxis] ^ at[missing]]  # log of 0, for a row and itself, is 0
    exponents = (logs.sum(1)[:, np.newaxis] - logs[:, np.searchsorted(missing, lost)] - own.sum(1)) % _ORDER
    out = np.zeros((len(lost), known.shape[1]), np.uint8)
    products = exp.astype(np.uint8)
    for row, factors in zip(known, exponents, strict=True):
        out ^= np.where(row == 0, np.uint8(0), products[factors[:, np.newaxis] + log[row]])
    return out
