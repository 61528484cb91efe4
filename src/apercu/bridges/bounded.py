"""Reads apercu files from anyone, and from pipes and devices that may never end.

The first bytes are looked at before more is read, and what the header says bounds the rest.
"""

import errno
import os
import stat
from typing import IO

import apercu
from apercu.codecs.limits import check_head
from apercu.codecs.scenes import split
from apercu.errors import CorruptStream, Truncated
from apercu.format.container import Header, read_header
from apercu.format.ids import MAGIC

_MOST_PER_SAMPLE = 16
"""Bytes. Of noise, and of images of one pixel, the encoder makes 5, and 15 at the most."""
_SLACK = 1 << 20  # bytes: for the head of such a file, and its tables
_MOST_AFTER = 1 << 16  # bytes after the last segment that are read, to be counted as the fault that they are
_COUNTED = "taha2025", "huffman"  # the codec, so coded, of which `apercu.info` looks at the segments too
_FIRST, _STEP = 1 << 16, 1 << 24  # bytes read at once
_PIECE = 1 << 16  # bytes: as many as a pipe has ready


def read_apercu(stream: IO[bytes], *, cut: bool = False) -> bytes:
    """The content of an apercu file, from where the stream stands.

    cut: where the stream goes on after what its header says, give the beginning, which holds all that can be decoded.

    Raises:
        FormatError: as `apercu.info`, after a few bytes; CorruptStream: far more bytes follow than the header allows.
        OSError: the stream cannot be read.
    """
    data, _, limit = _with_head(stream)
    data += up_to(stream, limit - len(data))
    if len(data) == limit and not cut and up_to(stream, 1):
        raise _endless(limit)
    return data


def read_head(stream: IO[bytes]) -> tuple[bytes, int]:
    """As much of an apercu file as `apercu.info` looks at, and how many bytes the file has.

    Raises:
        FormatError, OSError: as `read_apercu`.
    """
    begin = _place(stream)
    data, header, limit = _with_head(stream)
    if (header.codec, header.entropy) == _COUNTED:
        data += up_to(stream, limit - len(data))
    size = _file_size(stream)
    if size is not None and begin is not None and size - begin >= len(data):
        return data, size - begin
    n_bytes = len(data)
    while n_more := len(up_to(stream, min(_STEP, limit + 1 - n_bytes))):
        n_bytes += n_more
    if n_bytes > limit:
        raise _endless(limit)
    return data, n_bytes


def _with_head(stream: IO[bytes]) -> tuple[bytes, Header, int]:
    """The first bytes of a file, its header, and how many bytes it may have at most."""
    data = up_to(stream, len(MAGIC))
    while True:
        try:
            _, inner = split(data)
            check_head(read_header(inner, directory=False), apercu.MAX_PIXELS)
            header = read_header(inner)
        except Truncated:
            more = up_to(stream, max(_FIRST, len(data)))
            if not more:
                raise
            data += more
        else:
            n_samples = header.width * header.height * header.n_bands
            start = len(data) - len(inner)
            limit = start + header.head_size + _SLACK + _MOST_PER_SAMPLE * n_samples
            return data, header, min(limit, start + _declared(header) + _MOST_AFTER) if header.lengths else limit


def _declared(header: Header) -> int:
    return header.head_size + sum(header.lengths) + 4 * len(header.lengths)


def _endless(limit: int) -> CorruptStream:
    return CorruptStream(f"goes on after {limit} bytes, more than a file with this head can have")


def up_to(stream: IO[bytes], n_bytes: int) -> bytes:
    """So many bytes of a stream, fewer at its end only."""
    parts = []
    while n_bytes > 0 and (part := _part(stream, min(n_bytes, _STEP))):
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _part(stream: IO[bytes], n_bytes: int) -> bytes:
    """What one read of the system gives: `read` would call it again and again, and no Ctrl-C is heard between them."""
    if hasattr(stream, "readinto1"):
        room = bytearray(min(n_bytes, _PIECE))
        n_read: int | None = stream.readinto1(room)
        part = None if n_read is None else bytes(memoryview(room)[:n_read])
    else:
        part = stream.read(n_bytes)
    if part is None:  # nothing yet, of a pipe that does not wait
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return part


def _place(stream: IO[bytes]) -> int | None:
    try:
        return stream.tell()
    except OSError:
        return None


def _file_size(stream: IO[bytes]) -> int | None:
    """What the file system says of a file; None for a stream of another kind."""
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, TypeError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
