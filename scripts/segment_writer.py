"""The pieces of a taha2025 segment as strings of 0 and 1 (spec/taha2025.md, "Segment"; spec/FORMAT.md, "Code tables").

Written without the kernel: for conformance vectors and for the fuzzer, which need what no encoder writes.
"""

from dataclasses import replace
from itertools import groupby

from apercu.format.container import Header, put_varint


def bits_of(value: int, n: int) -> str:
    """`value` in `n` binary digits."""
    return f"{value:0{n}b}" if n else ""


def exp_golomb(value: int, order: int) -> str:
    """As in spec/FORMAT.md, "Code tables"."""
    number = value + (1 << order)
    return "0" * (number.bit_length() - order - 1) + f"{number:b}"


def zigzag(value: int) -> int:
    """0, -1, 1, -2, … to 0, 1, 2, 3, …"""
    return 2 * value if value >= 0 else -2 * value - 1


def flat_table(lo: int, width: int) -> str:
    """A table whose code words are all `width` bits long."""
    return "0" + exp_golomb(zigzag(lo), 4) + bits_of(width & 15, 4)


def listed_table(lo: int, lengths: list[int], count: int | None = None) -> str:
    """A table that lists the length of every code word, 0 for a symbol without one."""
    out = "1" + exp_golomb(zigzag(lo), 4) + exp_golomb((len(lengths) if count is None else count) - 2, 4)
    return out + list_of_lengths(lengths)


def list_of_lengths(lengths: list[int]) -> str:
    """The lengths as steps from each to the next."""
    out = bits_of(lengths[0] - 1 & 15, 4)
    before = lengths[0]
    for length, same in groupby(lengths[1:]):
        n = len(list(same))
        if length == 0:
            out += "111" + exp_golomb(n - 1, 0)
            continue
        steps = {before: "0", before + 1: "100", before - 1: "101"}
        out += steps.get(length, "110" + bits_of(length - 1 & 15, 4)) + "0" * (n - 1)
        before = length
    return out


def canonical(lengths: list[int]) -> dict[int, str]:
    """Code words by index: shorter before longer, then in order."""
    words, word, before = {}, 0, 0
    for length, index in sorted((length, index) for index, length in enumerate(lengths) if length):
        word <<= length - before
        words[index] = bits_of(word, length)
        word, before = word + 1, length
    return words


def to_bytes(bits: str) -> bytes:
    """Filled up with zeros to whole bytes."""
    bits += "0" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def by_hand(header: Header, step_q3: int, threshold_q4: int = 0) -> Header:
    """The header with settings made by hand."""
    return replace(header, quality_q8=None, parameters=put_varint(step_q3) + put_varint(threshold_q4))
