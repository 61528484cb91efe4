"""A reader of packets, written from spec/PACKETS.md alone. It shares nothing with the package, and takes its time."""

import binascii
from functools import cache

import reference_decoder
import reference_scenes
from reference_bytes import Bytes, ChecksumError, CorruptStream, NotApercu, Refused, Truncated, UnsupportedVersion

MOST = 2**28 - 1


@cache
def multiply(a, b):
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = a << 1, b >> 1
        if a & 256:
            a ^= 0x11D
    return product


@cache
def inverse(a):
    return next(b for b in range(1, 256) if multiply(a, b) == 1)


def read(data):
    """Image, layout (B, k0, c, P), block, row and payload of a packet."""
    if not data or data[0] >> 5 != 7:
        raise NotApercu("packet")
    if data[0] >> 3 & 3 != 1:
        raise UnsupportedVersion("packet")
    head = 7 if data[0] & 1 else 5
    if len(data) < head + 1 + 4:
        raise Truncated("packet")
    if len(data) > 1024:
        raise CorruptStream("packet")
    if binascii.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise ChecksumError("packet")
    blocks, block = (data[3] + 1, data[4]) if data[0] & 1 else (1, 0)
    row, k0 = data[head - 2 : head]
    payload, c = data[head:-4], data[0] >> 1 & 3
    sound = block < blocks and row < 255 and k0 >= 1 and blocks * k0 * (len(payload) // 2 ** (5 - c)) >= 2
    if not sound or (data[0] & 1 and blocks == 1):
        raise CorruptStream("packet")
    return data[1] + 256 * data[2], (blocks, k0, c, len(payload)), block, row, payload


def weights(there, row):
    """By what the rows of these numbers are multiplied to give another one."""
    found = []
    for number in there:
        product = 1
        for other in there:
            if other != number:
                product = multiply(product, multiply(row ^ other, inverse(number ^ other)))
        found.append(product)
    return found


def section(rows, k, begin, end):
    """Bytes of a section of a block, None for those that are not known."""
    shares = {row: payload[begin:end] for row, payload in rows.items()}
    there = list(shares)[:k]
    out = []
    for row in range(k):
        if row in shares:
            out += shares[row]
        elif len(there) < k:
            out += [None] * (end - begin)
        else:
            factors = weights(there, row)
            for at in range(end - begin):
                value = 0
                for number, factor in zip(there, factors, strict=True):
                    value ^= multiply(shares[number][at], factor)
                out.append(value)
    return out


def assemble(packets, image):
    """The file of an image."""
    by_layout = {}
    for data in packets:
        try:
            number, layout, block, row, payload = read(data)
        except Refused:
            continue
        if number == image:
            by_layout.setdefault(layout, {}).setdefault((block, row), payload)
    layout, arrived = max(by_layout.items(), key=lambda item: len(item[1]))
    blocks, k0, c, size = layout
    cut = size // 2 ** (5 - c)
    stream = sections(arrived, blocks, k0, 0, cut)
    if None in stream[:2]:
        raise Truncated("the first bytes")
    n, k1 = stream[:2]
    if not k0 <= n or not 1 <= k1 <= n or n > 255:
        raise CorruptStream("numbers of packets")
    return from_stream((stream + sections(arrived, blocks, k1, cut, size))[2:])


def sections(arrived, blocks, k, begin, end):
    """A section of all blocks."""
    if len(arrived) * 64 < blocks * k:
        raise Truncated("too few packets")
    found = []
    for block in range(blocks):
        rows = {row: payload for (of, row), payload in arrived.items() if of == block}
        found += section(rows, k, begin, end)
    return found


def from_stream(stream):
    """The file: zeros where its bytes are not known."""
    known = bytes(stream[: stream.index(None)] if None in stream else stream)
    source = Bytes(known)
    length = source.varint(0, MOST)
    begin = source.at
    if length > len(stream) - begin:
        raise CorruptStream("longer than the stream")
    known, content = known[begin : begin + length], stream[begin : begin + length]
    start = len(known) - len(reference_scenes.read(known)[1]) if known[2:3] == b"\x20" else 0
    source = Bytes(known[start:])
    head = reference_decoder.read_head(source, 2**28)
    if head.parts:
        content = in_order(content, start + source.at, head)
    return bytes(value or 0 for value in content)


def in_order(content, at, head):
    """The segments in the order of the file."""
    if len(content) != at + sum(head.lengths) + 4 * len(head.lengths):
        raise CorruptStream("not what the head says")
    down, across = -(-head.height // head.side), -(-head.width // head.side)
    places = [(row, column) for row in range(down) for column in range(across)]
    wave = [(0, 0), (1, 1), (0, 1), (1, 0)]
    sent = sorted(places, key=lambda place: (wave.index((place[0] % 2, place[1] % 2)), place))
    found, out = {}, content[:at]
    for layer in range(head.n_layers):
        for row, column in sent:
            number = layer * len(places) + row * across + column
            size = head.lengths[number] + 4
            found[number] = content[at : at + size]
            at += size
    for number in sorted(found):
        out += found[number]
    return out
