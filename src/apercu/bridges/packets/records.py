"""Packets in files: one after another, as software for radios writes what it sends and what it has received.

They are found by their first byte and their checksum, so that bytes before, between and after them do no harm: headers
of frames, telemetry, a packet that lost some of its bytes.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.packets.packet import FIRST_BYTES, LEAST, MOST_SIZE, read
from apercu.errors import FormatError

_POLYNOMIAL = 0xEDB88320
_BEFORE, _AFTER = 0xFFFFFFFF, 0xDEBB20E3
"""The register of CRC-32 before the first byte of a packet, and after the last of its checksum if that is right."""
_AT_ONCE = 1 << 14
"""Bytes in which packets are looked for at once."""
_MOST_ENDS = 4
"""So many right checksums are tried behind a first byte. A packet has one; bytes can be made that have more."""

_Words = NDArray[np.uint32]


def packets_in(data: bytes) -> Iterator[bytes]:
    """The packets that lie in bytes, in order. Takes time in proportion to the length of the data."""
    free = 0  # where the last packet ends
    for start in range(0, len(data), _AT_ONCE):
        for begin, ends in _checked(data[start : start + _AT_ONCE + MOST_SIZE]):
            for end in ends:
                packet = data[start + begin : start + end]
                if start + begin < free:
                    break
                with suppress(FormatError):
                    read(packet)
                    yield packet
                    free = start + end


def _checked(piece: bytes) -> Iterator[tuple[int, list[int]]]:
    """Where a first byte of packets is, before `_AT_ONCE`, and behind it bytes that end with their checksum: where it
    is, and where they end.

    The register of CRC-32 is linear in what it held before and in the bytes since then. Turned back to the beginning of
    the piece by the steps that were made, what it holds at the end of a packet depends on that end alone, and equals
    what the beginning of the packet has to have. So all pairs of both are found by sorting.
    """
    values, back = np.frombuffer(piece, np.uint8), _back()
    n = len(values)
    steps = np.zeros(n + 1, np.uint32)
    bits = np.unpackbits(values[:, np.newaxis], 1, bitorder="little")
    steps[1:] = np.bitwise_xor.reduce(bits * back[: 8 * n].reshape(n, 8), 1)
    steps = np.bitwise_xor.accumulate(steps)
    first = np.flatnonzero(np.isin(values[:_AT_ONCE], FIRST_BYTES))
    wanted, found = (steps ^ _turned_back(register)[: n + 1] for register in (_BEFORE, _AFTER))
    order = np.argsort(found, kind="stable")
    found = found[order]
    least, most = (np.searchsorted(found, wanted[first], side) for side in ("left", "right"))
    for at in np.flatnonzero(most > least).tolist():
        begin, ends = int(first[at]), order[least[at] : most[at]]
        inside = slice(*np.searchsorted(ends, (begin + LEAST, begin + MOST_SIZE + 1)))
        yield begin, ends[inside][:_MOST_ENDS].tolist()


@cache
def _back() -> _Words:
    """The register that holds 1, turned back by 0, 1, 2 … bits. Turned back by k bits, for k below 32, it is 2^k."""
    register, found = 1, []
    for _ in range(8 * (_AT_ONCE + MOST_SIZE) + 32):
        found.append(register)
        register = (register ^ _POLYNOMIAL) << 1 | 1 if register >> 31 else register << 1
    return np.array(found, np.uint32)


@cache
def _turned_back(register: int) -> _Words:
    """A register, turned back by 0, 1, 2 … bytes."""
    bits = [bit for bit in range(32) if register >> bit & 1]
    columns = [_back()[bit : bit + 8 * (_AT_ONCE + MOST_SIZE) + 1 : 8] for bit in bits]
    found: _Words = np.bitwise_xor.reduce(columns)
    return found
