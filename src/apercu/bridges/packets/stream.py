"""What packets carry of a file: its length, its head, then its segments so that neighbours lie apart; and the cut into
two sections, of which the first is protected more strongly (spec/PACKETS.md, "Stream", "Sections")."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.packets.packet import MOST_REDUNDANCY, MOST_SHARES, Layout, overhead
from apercu.errors import CorruptStream, OptionError, Truncated
from apercu.format.container import Header, Reader, put_varint, read_header
from apercu.format.prefix import read_prefix

MOST_BYTES = (1 << 28) - 1
"""Of a file."""
MOST_BLOCKS = 256
_PHASES = (0, 0), (1, 1), (0, 1), (1, 0)
"""First row and column of the tiles that are taken in turn."""
_LARGEST_STRONG = Fraction(3, 5)
"""Of a stream, the first section of which has the first layer: were it larger, protection would cost too much."""

_LITTLE = 0.35
"""Of parity. With 0.25, p^2 costs 0.02 dB on training photographs at 5 % of losses, and halves the receptions of which
nothing is shown at 20 %; with 0.5 it would cost 0.4 dB at 20 %, and p^1.5 0.1 dB."""


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


def to_stream(data: bytes) -> tuple[bytes, int, int]:
    """The stream of a file; where in it the head ends, and where the first layer. Raises a FormatError for what is no
    whole file, and OptionError for one that is too long."""
    if len(data) > MOST_BYTES:
        raise OptionError(f"a file of {len(data):,} bytes is too long for packets")
    start, header = _placed(data)
    length = put_varint(len(data))
    if not header.lengths:
        return length + data, 0, 0
    at = _segments(start, header)
    if at[-1] != len(data):
        fault = Truncated if at[-1] > len(data) else CorruptStream
        raise fault(f"the file has {len(data):,} bytes, not the {at[-1]:,} that its head says")
    parts = [length, data[:start], *(data[at[index] : at[index + 1]] for index in _order(header))]
    return b"".join(parts), len(length) + start, len(length) + int(at[header.n_tiles])


def from_stream(stream: bytes, known: NDArray[np.bool_]) -> tuple[bytes, int]:
    """The file of a stream, and how many of its bytes are not known: they are zeros. Raises a FormatError: Truncated
    where the head is not known, CorruptStream where it does not fit."""
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


def layout_for(n_stream: int, head: int, first_layer: int, size: int, parity: float) -> Layout:
    """The layout of a stream in packets of at most `size` bytes; `parity`: of so many times the packets that the stream
    alone would take, more are sent. Raises OptionError for a stream that is too long."""
    strong = first_layer if parity and first_layer <= _LARGEST_STRONG * n_stream else head
    n_data = -(-n_stream // (size - overhead(1)))
    n_data = n_data if n_data <= MOST_SHARES else -(-n_stream // (size - overhead(2)))
    total = -(-n_data * (1 + Fraction(parity).limit_denominator(10_000)) // 1)
    while True:
        n_blocks = -(-total // MOST_SHARES)
        if n_blocks > MOST_BLOCKS:
            raise OptionError(f"{n_stream:,} bytes are too many for packets of {size} bytes; take larger ones")
        n = -(-total // n_blocks)
        least = -(-n // MOST_REDUNDANCY)
        for needed in range(least, n + 1):
            first = max(least, _stronger(needed, n, parity)) if parity else least
            if layout := _fitting(n_stream, strong, n_blocks, n, first, needed, size - overhead(n_blocks)):
                return layout
        total = n_blocks * n + 1


def _stronger(needed: int, n: int, parity: float) -> int:
    """Of n packets, those that the first section needs where the second needs so many: if a share p of them is enough
    for that, p^2, and with much parity p^1.25: what the first has more is taken from the second."""
    power, root = (2, 1) if parity <= _LITTLE else (5, 4)
    return next(found for found in range(1, n + 1) if found**root * n ** (power - root) >= needed**power)


def _fitting(n_stream: int, strong: int, n_blocks: int, n: int, first: int, second: int, most: int) -> Layout | None:
    """The layout with these numbers of packets that are needed of each block and with the shortest payloads, if they
    have no more than `most` bytes."""
    share = -(-strong // (n_blocks * first))
    if not share:
        first = second
    rest = max(n_stream - n_blocks * first * share, 0)
    for n_bytes in range(max(share + -(-rest // (n_blocks * second)), 1), most + 1):
        layout = Layout(n_blocks, n, first, second, -(-share * 256 // n_bytes), n_bytes)
        if layout.split < 256 and layout.capacity >= n_stream:
            return layout
    return None
