"""One packet: its head, its payload and its checksum (spec/PACKETS.md, "Packet")."""

import binascii
from typing import NamedTuple

from apercu.errors import ChecksumError, CorruptStream, NotApercu, Truncated, UnsupportedVersion

VERSION = 1
LEAST_SIZE, MOST_SIZE = 48, 1024
"""Bytes of a packet, as a sender may choose them. A reader takes shorter ones: small files make them."""
HEAD, SEVERAL, CHECKSUM = 5, 2, 4
"""Bytes of the head, of what it has more where there are several blocks, and of the checksum."""
MOST_ROWS = 255
"""Of a block: the code's symbols are those of GF(2^8), and a row is numbered by one."""
SHARES_LOG2 = 5, 4, 3, 2
"""By their number in the head: 1/2^n of a payload is a share of the first section."""

_KIND = 0xE0
FIRST_BYTES = tuple(_KIND | VERSION << 3 | rest for rest in range(8))
"""Of packets: with each share, of an image of one block or of several."""
LEAST = HEAD + 1 + CHECKSUM
"""Bytes of a packet, the least."""


class Layout(NamedTuple):
    """How the bytes of an image lie in its packets: what all of them have in common."""

    n_blocks: int
    strong: int
    """Rows that give back the first section of a block."""
    share: int
    """How much of a payload is of the first section: an index of `SHARES_LOG2`."""
    n_bytes: int
    """Of a payload."""

    @property
    def split(self) -> int:
        """Where the second section begins in a payload."""
        return self.n_bytes >> SHARES_LOG2[self.share]

    @property
    def strong_bytes(self) -> int:
        """Of the first section."""
        return self.n_blocks * self.strong * self.split


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
    head = bytearray([_KIND | VERSION << 3 | of.share << 1 | (of.n_blocks > 1)])
    head += packet.image_id.to_bytes(2, "little")
    if of.n_blocks > 1:
        head += bytes([of.n_blocks - 1, packet.block])
    head += bytes([packet.row, of.strong])
    body = bytes(head) + packet.payload
    return body + binascii.crc32(body).to_bytes(CHECKSUM, "little")


def read(data: bytes) -> Packet:
    """The inverse; raises NotApercu, UnsupportedVersion, Truncated, ChecksumError or CorruptStream."""
    if not data or data[0] & 0xE0 != _KIND:
        raise NotApercu("not a packet of apercu")
    several = data[0] & 1
    if data[0] >> 3 & 3 != VERSION:
        raise UnsupportedVersion(f"version {data[0] >> 3 & 3} of packets is not read by this release")
    head = HEAD + (SEVERAL if several else 0)
    if len(data) <= head + CHECKSUM:
        raise Truncated("a packet ends within its head")
    if len(data) > MOST_SIZE:
        raise CorruptStream(f"a packet has {len(data):,} bytes, more than {MOST_SIZE:,}")
    if binascii.crc32(memoryview(data)[:-CHECKSUM]) != int.from_bytes(data[-CHECKSUM:], "little"):
        raise ChecksumError("the checksum of a packet does not match")
    n_blocks, block = (data[3] + 1, data[4]) if several else (1, 0)
    row, strong = data[head - 2 : head]
    layout = Layout(n_blocks, strong, data[0] >> 1 & 3, len(data) - head - CHECKSUM)
    if (several and n_blocks == 1) or block >= n_blocks or row >= MOST_ROWS:
        raise CorruptStream("the place of a packet is out of range")
    if not 1 <= strong <= MOST_ROWS or layout.strong_bytes < 2:
        raise CorruptStream("the first section of a packet is out of range")
    return Packet(int.from_bytes(data[1:3], "little"), layout, block, row, data[head:-CHECKSUM])
