"""Working memory, kept from call to call: new pages from the system cost more time than the work done on them."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

MOST_BLOCKS, LARGEST = 4, 3 << 22
"""How many blocks are kept, and the largest in bytes: what a tile of 1024 × 1024 pixels in colour takes."""

Block = NDArray[np.uint64]
_spare: list[Block] = []
_lock = Lock()


def borrow(n_bytes: int) -> Block:
    """Memory of this many bytes, rounded up to a multiple of eight, of any content. Call `give_back`, or drop it."""
    words = -(-n_bytes // 8)
    with _lock:
        fitting = [place for place, block in enumerate(_spare) if block.size >= words]
        block = _spare.pop(min(fitting, key=lambda place: _spare[place].size)) if fitting else None
    return np.empty(words, np.uint64) if block is None else block


def give_back(block: Block) -> None:
    """Keeps a block for the next `borrow`. Nothing may read or write it any more."""
    if block.nbytes > LARGEST:
        return
    with _lock:
        _spare.append(block)
        _spare.sort(key=len)
        del _spare[: max(0, len(_spare) - MOST_BLOCKS)]
