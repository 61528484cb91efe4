"""Packets in files: one after another, as software for radios writes what it sends and what it has received.

They are found by their first byte and their checksum, so that bytes before, between and after them do no harm: headers
of frames, telemetry, a packet that lost some of its bytes.
"""

import binascii
import re
from collections.abc import Iterator
from contextlib import suppress

from apercu.bridges.packets.packet import CHECKSUM, FIRST_BYTES, LEAST, MOST_SIZE, read
from apercu.errors import FormatError

_MOST_SIZES = 16
"""So many sizes of packets are known in one file; images have one each."""
_MOST_SEARCHES = 1024
"""At so many places in a row a packet of an unknown size is looked for, which takes about 0.5 ms at each."""

_FIRST = re.compile(b"[" + re.escape(bytes(FIRST_BYTES)) + b"]")


def packets_in(data: bytes) -> Iterator[bytes]:
    """The packets that lie in bytes, in order. Takes time in proportion to the length of the data."""
    view, sizes = memoryview(data), list[int]()
    at, n_searches = 0, 0
    while found := _FIRST.search(data, at):
        at = found.start()
        size = next((size for size in sizes if _ends_well(view[at : at + size], size)), None)
        if size is None and n_searches < _MOST_SEARCHES and len(sizes) < _MOST_SIZES:
            n_searches += 1
            size = _size_at(view[at : at + MOST_SIZE])
            if size is not None:
                sizes.insert(0, size)
        if size is None:
            at += 1
            if not sizes and n_searches == _MOST_SEARCHES:
                return
            continue
        n_searches = 0
        yield data[at : at + size]
        at += size


def _ends_well(data: memoryview, size: int) -> bool:
    """Whether bytes are a packet of this size, by its checksum."""
    end = size - CHECKSUM
    return len(data) == size and binascii.crc32(data[:end]) == int.from_bytes(data[end:], "little")


def _size_at(data: memoryview) -> int | None:
    """The size of a packet that data begin with, by its checksum; None where there is none."""
    checksum = binascii.crc32(data[: LEAST - CHECKSUM - 1])
    for end in range(LEAST - CHECKSUM, len(data) - CHECKSUM + 1):
        checksum = binascii.crc32(data[end - 1 : end], checksum)
        if checksum.to_bytes(CHECKSUM, "little") == data[end : end + CHECKSUM]:
            with suppress(FormatError):
                read(bytes(data[: end + CHECKSUM]))
                return end + CHECKSUM
    return None
