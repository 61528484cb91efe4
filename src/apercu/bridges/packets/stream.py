"""What packets carry of a file: its length, its head, then its segments so that neighbours lie apart; and how many
packets it is cut into, in two sections, of which the first is protected more strongly (spec/PACKETS.md, "Stream",
"Sections")."""

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.packets.packet import MOST_ROWS, SHARES_LOG2, Layout, overhead
from apercu.errors import ApercuError, CorruptStream, OptionError, Truncated
from apercu.format.container import Header, Reader, put_varint, read_header, read_segments
from apercu.format.prefix import read_prefix

MOST_BYTES = (1 << 28) - 1
"""Of a file."""
MOST_BLOCKS = 256
_PHASES = (0, 0), (1, 1), (0, 1), (1, 0)
"""First row and column of the tiles that are taken in turn."""
MEASURES = 2
"""Bytes that the stream begins with: the packets of each block, and the rows that the second section needs."""

_MUCH, _LITTLE = 0.35, 0.2
"""Of parity: with more, the rest is well protected by itself; with less, the first section has to be small."""
_STRONG, _STRONG_OF_MUCH, _STRONG_OF_LITTLE = Fraction(13, 20), Fraction(9, 10), Fraction(11, 20)
"""Of the packets, those that the first section is made of; of much parity, of those that would do without any."""


def _placed(data: bytes) -> tuple[int, Header]:
    """Where the segments of a file begin, and its header; raises a FormatError, Truncated where `data` are too few."""
    _, start = read_prefix(data)
    header = read_header(data[start:] if start else data)
    return start + header.head_size, header


def _order(header: Header) -> Iterator[int]:
    """The segments in the order of the stream: layer by layer, and of each the tiles so that neighbours lie apart."""
    columns = -(-header.width // header.tile)
    grid = np.arange(header.n_tiles).reshape(-1, columns)
    tiles = np.concatenate([grid[row::2, column::2].ravel() for row, column in _PHASES])
    for layer in range(header.n_layers):
        yield from (tiles + layer * header.n_tiles).tolist()


def _segments(start: int, header: Header) -> NDArray[np.int64]:
    """Where each segment of a file begins, and where the last ends."""
    sizes = np.frombuffer(header.lengths, np.uint32).astype(np.int64) + 4
    return np.concatenate([[start], start + np.cumsum(sizes)])


def to_stream(data: bytes) -> tuple[bytes, int]:
    """The stream of a file, but for its first two bytes, which a plan gives; and where in it the head ends. Raises a
    FormatError for what is no whole file, and OptionError for one that is too long."""
    if len(data) > MOST_BYTES:
        raise OptionError(f"a file of {len(data):,} bytes is too long for packets")
    start, header = _placed(data)
    length = put_varint(len(data))
    if not header.lengths:
        return length + data, len(length) + start
    at = _segments(start, header)
    if at[-1] != len(data):
        fault = Truncated if at[-1] > len(data) else CorruptStream
        raise fault(f"the file has {len(data):,} bytes, not the {at[-1]:,} that its head says")
    parts = [length, data[:start], *(data[at[index] : at[index + 1]] for index in _order(header))]
    return b"".join(parts), len(length) + start


def from_stream(stream: bytes, known: NDArray[np.bool_]) -> tuple[bytes, int]:
    """The file of a stream as `to_stream` gives it, and how many of its bytes are not known: they are zeros. Raises a
    FormatError: Truncated where the head is not known, CorruptStream where it does not fit."""
    n_known = len(stream) if known.all() else int(known.argmin())
    try:
        reader = Reader(stream[: min(n_known, 5)])
        length = reader.varint(MOST_BYTES, "length")
        begin = reader.at
        if length > len(stream) - begin:
            raise CorruptStream("a file is longer than its packets")
        whole = stream[begin : begin + length]
        n_missing = length - int(np.count_nonzero(known[begin : begin + length]))
        start, header = _placed(whole[: max(n_known - begin, 0)])
    except Truncated:
        raise Truncated("too few packets arrived: the head of the file is missing") from None
    if not header.lengths:
        return whole, n_missing
    at = _segments(start, header)
    if at[-1] != length:
        raise CorruptStream("the length of a file does not fit its head")
    data, place = bytearray(whole[:start].ljust(length, b"\0")), start
    for index in _order(header):
        size = int(at[index + 1] - at[index])
        data[at[index] : at[index + 1]] = whole[place : place + size]
        place += size
    return bytes(data), n_missing


def fault_of(data: bytes) -> ApercuError | None:
    """The first fault that the checksums of a file tell, whose head is sound. Nothing is decoded."""
    segments, header = _placed(data)
    found = read_segments(data[segments - header.head_size :], header)
    return next((fault for fault in found if isinstance(fault, ApercuError)), None)


class Plan(NamedTuple):
    """How a stream is sent: what its packets have in common, and what it says itself of them."""

    layout: Layout
    n: int
    """Packets of each block."""
    weak: int
    """Rows that give back the second section of a block."""


def plan_for(n_stream: int, head: int, size: int, parity: float) -> Plan:
    """The plan for what `to_stream` gives, of so many bytes, of which the first `head` are what all else needs, in
    packets of at most `size` bytes. `parity`: the payloads have so many times its bytes more. Raises OptionError for a
    stream that is too long."""
    n_stream, head = n_stream + MEASURES, head + MEASURES
    more = 1 + Fraction(parity).limit_denominator(10_000)
    total = _divided(n_stream * more, size - overhead(1))
    if total > MOST_ROWS:
        total = _divided(n_stream * more, size - overhead(2))
    while True:
        n_blocks = _divided(total, MOST_ROWS)
        if n_blocks > MOST_BLOCKS:
            raise OptionError(f"{n_stream:,} bytes are too many for packets of {size} bytes; take larger ones")
        n, most = _divided(total, n_blocks), size - overhead(n_blocks)
        needed = n - (parity > 0)  # at the most: with parity, one packet at least may be lost
        for n_bytes in range(min(_divided(n_stream * more, n_blocks * n), most), most + 1):
            layout = _first_section(n_blocks, n, n_bytes, head, parity)
            rest = max(n_stream - layout.strong_bytes, 0)
            weak = max(_divided(rest, n_blocks * (n_bytes - layout.split)), 1)
            if layout.strong_bytes >= MEASURES and max(layout.strong, weak) <= needed:
                return Plan(layout, n, weak)
        total = n_blocks * n + 1


def _first_section(n_blocks: int, n: int, n_bytes: int, head: int, parity: float) -> Layout:
    """A layout by how many packets of a block there are, and of how many bytes their payloads: see docs/packets.md for
    what was tried. Where the head needs more room, it gets more of each packet, and at last more of the packets: up to
    as many as a single section would need, or the head would be protected less than the rest."""
    most, large = n - (parity > 0), len(SHARES_LOG2) - 1
    if not parity:
        of_all, least_share = Fraction(1, 3), 0
    elif parity < _LITTLE:
        of_all, least_share = max(_STRONG_OF_LITTLE, 1 - 5 * Fraction(parity)), 1
    elif parity < _MUCH:
        of_all, least_share = _STRONG, large
    else:
        of_all, least_share = _STRONG_OF_MUCH / (1 + Fraction(parity)), large
    strong, usual = _divided(n * of_all, 1), _divided(n * _STRONG_OF_LITTLE, 1)
    strong, needed = max(min(strong, most), 1), 0
    layout = Layout(n_blocks, strong, least_share, n_bytes)
    for share in range(least_share, len(SHARES_LOG2)):
        layout = layout._replace(share=share)
        needed = _divided(head, max(n_blocks * layout.split, 1))
        if needed <= max(strong, min(usual, most)):
            break
    even = _divided(n, 1 + Fraction(parity))
    return layout._replace(strong=max(strong, min(needed, even, most)))


def _divided(of: Fraction | int, by: Fraction | int) -> int:
    """Rounded up."""
    return int(-(-of // by))
