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
    """The data (k, a) from rows by their numbers; None where there are too few.

    A word of the code is one of each code with fewer roots too, so that no more is computed than rows are missing.
    """
    if len(rows) < k:
        return None
    length = len(next(iter(rows.values())))
    block = np.zeros((n, length), np.uint8)
    for index, row in rows.items():
        block[index] = np.frombuffer(row, np.uint8)
    missing = [index for index in range(n) if index not in rows]
    lost = [index for index in missing if index < k]
    if lost and length:
        codec = _codec(n, len(missing))
        if length <= len(rows):
            block[:] = _completed(codec, block, missing)
        else:
            block[lost] = _combined(codec, block, sorted(rows), missing, lost)
    return block[:k]


def _completed(codec: Any, block: Rows, missing: list[int]) -> Rows:
    """A block whose columns are made words of the code, one by one."""
    columns = [bytes(codec.decode(column.tobytes(), None, missing, True)[1]) for column in block.T]
    return np.frombuffer(b"".join(columns), np.uint8).reshape(block.T.shape).T


def _combined(codec: Any, block: Rows, there: list[int], missing: list[int], lost: list[int]) -> Rows:
    """The lost rows as sums of products of those that are there. Of long rows it is quicker to find the factors: they
    are what is lost of the words that have a single 1."""
    units = np.zeros((len(block), len(there)), np.uint8)
    units[there, np.arange(len(there))] = 1
    factors = _completed(codec, units, missing)[lost]
    exp, log = np.frombuffer(bytes(codec.gf_exp), np.uint8), np.frombuffer(bytes(codec.gf_log), np.uint8).astype(int)
    out = np.zeros((len(lost), block.shape[1]), np.uint8)
    for column, row in zip(factors.T, block[there], strict=True):
        products = exp[log[column][:, np.newaxis] + log[row]]
        out ^= np.where((column != 0)[:, np.newaxis] & (row != 0), products, np.uint8(0))
    return out
