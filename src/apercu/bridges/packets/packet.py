"""One packet: its head, its payload and its checksum (spec/PACKETS.md, "Packet")."""

import binascii
from typing import NamedTuple

from apercu.errors import ChecksumError, CorruptStream, NotApercu, Truncated, UnsupportedVersion

VERSION = 1
LEAST_SIZE, MOST_SIZE = 48, 1024
"""Bytes of a packet, as a sender may choose them. A reader takes shorter ones: small files make them."""
HEAD, SEVERAL, CHECKSUM = 8, 2, 4
"""Bytes of the head, of what it has more where there are several blocks, and of the checksum."""
MOST_SHARES = 255
"""Of a block: the code's symbols are those of GF(2^8)."""
MOST_REDUNDANCY = 3
"""A block has at most so many times the packets that it needs, which bounds the work of a reader."""

_KIND = 0xB0
FIRST_BYTES = _KIND | VERSION << 1, _KIND | VERSION << 1 | 1
"""Of a packet: of an image of one block, and of one of several."""
LEAST = HEAD + 1 + CHECKSUM
"""Bytes of a packet, the least."""
_SPLIT_BITS = 8


class Layout(NamedTuple):
    """How the bytes of an image lie in its packets: what all of them have in common."""

    n_blocks: int
    n: int
    """Packets of a block."""
    strong: int
    """How many of them give back the first section of a block."""
    weak: int
    """And how many the second."""
    split: int
    """Where the second section begins in a payload, in 1/256 of it."""
    n_bytes: int
    """Of a payload."""

    @property
    def sections(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Of each section: the packets that it needs, and first and last byte (exclusive) of its shares."""
        at = self.n_bytes * self.split >> _SPLIT_BITS
        return (self.strong, 0, at), (self.weak, at, self.n_bytes)

    @property
    def capacity(self) -> int:
        """Bytes of the stream."""
        return self.n_blocks * sum(needed * (end - begin) for needed, begin, end in self.sections)


class Packet(NamedTuple):
    """A packet; `payload` has the bytes that its layout says."""

    image_id: int
    layout: Layout
    block: int
    row: int
    """Its number in the block."""
    payload: bytes


def overhead(n_blocks: int) -> int:
    """Bytes of a packet that are not payload."""
    return HEAD + (SEVERAL if n_blocks > 1 else 0) + CHECKSUM


def pack(packet: Packet) -> bytes:
    """A packet as bytes."""
    of = packet.layout
    head = bytearray([FIRST_BYTES[of.n_blocks > 1]]) + packet.image_id.to_bytes(2, "little")
    if of.n_blocks > 1:
        head += bytes([of.n_blocks - 1, packet.block])
    head += bytes([of.n, packet.row, of.strong, of.weak, of.split])
    body = bytes(head) + packet.payload
    return body + binascii.crc32(body).to_bytes(CHECKSUM, "little")


def read(data: bytes) -> Packet:
    """The inverse; raises NotApercu, UnsupportedVersion, Truncated, ChecksumError or CorruptStream."""
    if not data or data[0] & 0xF0 != _KIND:
        raise NotApercu("not a packet of apercu")
    several = data[0] & 1
    if data[0] >> 1 & 7 != VERSION:
        raise UnsupportedVersion(f"version {data[0] >> 1 & 7} of packets is not read by this release")
    head = HEAD + (SEVERAL if several else 0)
    if len(data) <= head + CHECKSUM:
        raise Truncated("a packet ends within its head")
    if len(data) > MOST_SIZE:
        raise CorruptStream(f"a packet has {len(data):,} bytes, more than {MOST_SIZE:,}")
    if binascii.crc32(memoryview(data)[:-CHECKSUM]) != int.from_bytes(data[-CHECKSUM:], "little"):
        raise ChecksumError("the checksum of a packet does not match")
    n_blocks, block = (data[3] + 1, data[4]) if several else (1, 0)
    n, row, strong, weak, split = data[head - 5 : head]
    layout = Layout(n_blocks, n, strong, weak, split, len(data) - head - CHECKSUM)
    if (several and n_blocks == 1) or block >= n_blocks or row >= n:
        raise CorruptStream("the place of a packet is out of range")
    if not all(needed <= n <= MOST_REDUNDANCY * needed for needed in (strong, weak)):
        raise CorruptStream("the protection of a packet is out of range")
    return Packet(int.from_bytes(data[1:3], "little"), layout, block, row, data[head:-CHECKSUM])
