"""What an encoder knows of the files that it has just made: what is read of their segments, so that who measures their
error need not decode the entropy code.

    with made.kept():
        data = apercu.encode(image)
        apercu.decode(data)  # takes what is kept, to the same pixels
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

Read: TypeAlias = Callable[[], Any]
"""Gives what a codec's `read` makes of all the segments of a tile."""
_kept: ContextVar[dict[bytes, list[Read]] | None] = ContextVar("files that were made", default=None)


@contextmanager
def kept() -> Iterator[None]:
    """Keeps what is known of the files that this thread makes in the block, 12 MB of each at most; else nothing."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def is_kept() -> bool:
    """Whether what is known of files is kept here."""
    return _kept.get() is not None


def keep(data: bytes, tiles: list[Read]) -> None:
    """Keeps what is known of each tile of a file."""
    if (files := _kept.get()) is not None:
        files[data] = tiles


def known(data: bytes) -> list[Read] | None:
    """What is known of each tile of a file."""
    files = _kept.get()
    return files.get(data) if files else None
