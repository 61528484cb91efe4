"""Files and segments put together by hand, also such as no encoder of ours writes."""

import binascii
import itertools
import zlib

import reference_decoder


def sealed(body, n_pixels):
    """A file of one segment."""
    if n_pixels <= 4096:
        return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")
    return body + zlib.crc32(body).to_bytes(4, "little")


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def in_parts(head, segments, tiling=0):
    """A file of several segments; `head` is that of any file."""
    flags = head[2] | 4
    data = head[:2] + bytes([flags]) + head[3:] + bytes([tiling]) + b"".join(varint(len(s)) for s in segments)
    checksum = zlib.crc32(data).to_bytes(4, "little")
    data += checksum
    for number, segment in enumerate(segments):
        data += segment + zlib.crc32(checksum + number.to_bytes(4, "little") + segment).to_bytes(4, "little")
    return data


def taken_apart(data):
    """Head and segment of a file of one segment, and its number of pixels."""
    source = reference_decoder.Bytes(data)
    head = reference_decoder.read_head(source, 2**28)
    n_pixels = head.width * head.height
    return data[: source.at], data[source.at : -2 if n_pixels <= 4096 else -4], n_pixels


class BitWriter:
    def __init__(self, bits=""):
        self.bits = bits

    def put(self, value, n):
        self.bits += f"{value:0{n}b}" if n else ""

    def exp_golomb(self, u, k):
        digits = f"{u + 2**k:b}"
        self.bits += "0" * (len(digits) - k - 1) + digits

    def bytes(self):
        n_bytes = -(-len(self.bits) // 8)
        return int(self.bits.ljust(8 * n_bytes, "0") or "0", 2).to_bytes(n_bytes, "big")


def random_lengths(rng, n_words):
    """Lengths of a complete code of at most 16 bits."""
    lengths = [0]
    while len(lengths) < n_words:
        split = lengths.pop(int(rng.integers(len(lengths)) * rng.random()))
        lengths += [split + 1] * 2 if split < 16 else [split]
        lengths.sort(reverse=rng.random() < 0.5)
    return [int(n) for n in rng.permutation(lengths)]


def random_table(rng, writer):
    """Writes a table, and returns a function that writes a random symbol of it."""
    lowest, highest = (-32768, 32767) if rng.random() < 0.3 else (-40, 40)
    if rng.random() < 0.4:
        n = int(rng.integers(0, 16))
        lo = int(rng.integers(lowest, min(highest, 32767 - 2**n + 1) + 1))
        writer.put(0, 1)
        writer.exp_golomb(2 * lo if lo >= 0 else -2 * lo - 1, 4)
        writer.put(n, 4)
        return lambda: writer.put(int(rng.integers(2**n)), n)
    lengths = random_lengths(rng, int(rng.integers(2, 60)))
    with_gaps = [lengths[0]]
    for length in lengths[1:]:
        with_gaps += [0] * int(rng.integers(0, 6) * (rng.random() < 0.3)) + [length]
    lo = int(rng.integers(lowest, min(highest, 32767 - len(with_gaps) + 1) + 1))
    writer.put(1, 1)
    writer.exp_golomb(2 * lo if lo >= 0 else -2 * lo - 1, 4)
    writer.exp_golomb(len(with_gaps) - 2, 4)
    before = with_gaps[0]
    writer.put(before - 1, 4)
    for length, group in itertools.groupby(with_gaps[1:]):
        n = len(list(group))
        if length == 0:
            while n:  # one run, or several
                part = int(rng.integers(1, n + 1))
                writer.put(0b111, 3)
                writer.exp_golomb(part - 1, 0)
                n -= part
            continue
        for _ in range(n):
            ways = [(0b110 << 4 | length - 1, 7)]
            ways += [(0, 1)] * (length == before) + [(0b100, 3)] * (length == before + 1)
            ways += [(0b101, 3)] * (length == before - 1)
            writer.put(*ways[rng.integers(len(ways))])
            before = length
    words, word, last = [], 0, 0
    for length in sorted(lengths):
        word <<= length - last
        words.append((word, length))
        word, last = word + 1, length
    return lambda: writer.put(*words[rng.integers(len(words))])


def random_segment(rng, planes):
    """Random tables and symbols for planes of so many blocks."""
    writer, groups_of = BitWriter(), []
    for n_blocks in planes:
        groups = rng.integers(0, 2, n_blocks)
        mixed = 0 < groups.sum() < n_blocks
        writer.put(2 if mixed else int(groups[0]), 2)
        for group in groups if mixed else ():
            writer.put(int(group), 1)
        groups_of.append(groups)
    for groups in groups_of:
        tables = {}
        if 0 in groups:
            tables[0] = [random_table(rng, writer)]
        if 1 in groups:
            each = int(rng.integers(2))
            writer.put(each, 1)
            tables[1] = [random_table(rng, writer) for _ in range(8)] if each else [random_table(rng, writer)] * 8
        for group in groups:
            for write_symbol in tables[group]:
                write_symbol()
    return writer.bytes()


def table(lo_u, *fields):
    """Bits of a listed table by hand: u of lo, then (value, n bits), or ("eg", u, k) in Exp-Golomb code."""
    writer = BitWriter()
    writer.put(1, 1)
    writer.exp_golomb(lo_u, 4)
    for field in fields:
        writer.exp_golomb(*field[1:]) if field[0] == "eg" else writer.put(*field)
    return writer.bits
