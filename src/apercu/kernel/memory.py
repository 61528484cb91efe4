"""Working memory, kept from call to call: new pages from the system cost more time than the work done on them.

There is no lock. A process that forks while another thread holds one leaves it closed in the child for ever, and a
signal handler that uses the codec would wait for the code that it interrupts. Each step on the dict below is atomic.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

MOST_BLOCKS, LARGEST = 4, 3 << 22
"""How many blocks are kept, and the largest in bytes: what a tile of 1024 × 1024 pixels in colour takes."""

Block = NDArray[np.uint64]
_spare: dict[int, Block] = {}  # by id, since arrays have no hash; who pops a block owns it


def _trim_function() -> Callable[[int], object]:
    """glibc's `malloc_trim`. Elsewhere nothing: other allocators give pages back by themselves."""
    with suppress(AttributeError, OSError, TypeError):
        return ctypes.CDLL(None).malloc_trim
    return lambda _: None


_trim = _trim_function()


def trim() -> None:
    """Gives the system what is free, the blocks that are kept too. glibc keeps up to 64 MB that arrays have left, which
    larger ones do not use; who goes through many large tiles calls this at each."""
    _spare.clear()
    _trim(0)


def borrow(n_bytes: int) -> Block:
    """Memory of this many bytes, rounded up to a multiple of eight, of any content. Call `give_back`, or drop it."""
    words = -(-n_bytes // 8)
    block = _kept(words)
    return np.empty(words, np.uint64) if block is None else block


def borrow_zeros(n_bytes: int) -> Block:
    """The same, of which the bytes asked for are 0. The system gives pages of new memory when they are first touched: a
    file that is refused soon costs little, however large the image that it declares."""
    words = -(-n_bytes // 8)
    block = _kept(words)
    if block is None:
        return np.zeros(words, np.uint64)
    block[:words] = 0
    return block


def _kept(words: int) -> Block | None:
    """A block that is kept and has as many words."""
    for _, key in sorted((block.size, key) for key, block in _spare.copy().items() if block.size >= words):
        block = _spare.pop(key, None)
        # Another thread may have been quicker, and another block may have the same id by now.
        if block is not None and block.size >= words:
            return block
    return None


def give_back(block: Block) -> None:
    """Keeps a block for the next `borrow`. Nothing may read or write it any more."""
    if block.nbytes > LARGEST:
        return
    _spare[id(block)] = block
    if len(_spare) > MOST_BLOCKS:
        by_size = sorted((block.size, key) for key, block in _spare.copy().items())
        for _, key in by_size[: max(0, len(by_size) - MOST_BLOCKS)]:  # the smallest
            _spare.pop(key, None)
