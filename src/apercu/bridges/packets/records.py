"""Packets in files: one after another, as software for radios writes what it sends and what it has received.

They are found by their first byte and their checksum, so that bytes before, between and after them do no harm: headers
of frames, telemetry, a packet that lost some of its bytes.
"""

import binascii
import re
from collections.abc import Iterator

from apercu.bridges.packets.packet import CHECKSUM, FIRST_BYTES, LEAST, MOST_SIZE, read
from apercu.errors import FormatError

_MOST_SIZES = 16
"""So many sizes of packets are known in one file; images have one each."""
_MOST_SEARCHES = 4096
"""At so many places in a row a packet of an unknown size is looked for, which takes about 0.1 ms at each."""

_FIRST = re.compile(b"[" + re.escape(bytes(FIRST_BYTES)) + b"]")


def packets_in(data: bytes) -> Iterator[bytes]:
    """The packets that lie in bytes, in order. Takes time in proportion to the length of the data."""
    sizes: list[int] = []
    at, n_searches = 0, 0
    while found := _FIRST.search(data, at):
        at = found.start()
        size = next((size for size in sizes if _is_packet(data[at : at + size], size)), None)
        if size is None and n_searches < _MOST_SEARCHES and len(sizes) < _MOST_SIZES:
            n_searches += 1
            if size := _size_at(data, at):
                sizes.insert(0, size)
        if size is None:
            at += 1
            continue
        n_searches = 0
        yield data[at : at + size]
        at += size


def _is_packet(data: bytes, size: int) -> bool:
    if len(data) < size:
        return False
    try:
        read(data)
    except FormatError:
        return False
    return True


def _size_at(data: bytes, at: int) -> int | None:
    """The size of a packet that begins at a place, by its checksum; None where there is none."""
    body = memoryview(data)[at : at + MOST_SIZE]
    checksum = binascii.crc32(body[: LEAST - CHECKSUM - 1])
    for end in range(LEAST - CHECKSUM, len(body) - CHECKSUM + 1):
        checksum = binascii.crc32(body[end - 1 : end], checksum)
        if checksum.to_bytes(CHECKSUM, "little") == body[end : end + CHECKSUM] and _is_packet(
            bytes(body[: end + CHECKSUM]), end + CHECKSUM
        ):
            return end + CHECKSUM
    return None
