"""A reader of packets, written from spec/PACKETS.md alone. It shares nothing with the package, and takes its time."""

import binascii

import reference_decoder
import reference_scenes
from reference_bytes import Bytes, ChecksumError, CorruptStream, NotApercu, Refused, Truncated, UnsupportedVersion

MOST = 2**28 - 1


def multiply(a, b):
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = a << 1, b >> 1
        if a & 256:
            a ^= 0x11D
    return product


def power(base, exponent):
    found = 1
    for _ in range(exponent):
        found = multiply(found, base)
    return found


def inverse(a):
    return power(a, 254)


def read(data):
    """Image, layout (B, n, k0, k1, split, P), block, row and payload of a packet."""
    if not data or data[0] >> 4 != 11:
        raise NotApercu("packet")
    if data[0] >> 1 & 7 != 1:
        raise UnsupportedVersion("packet")
    head = 10 if data[0] & 1 else 8
    if len(data) < head + 1 + 4:
        raise Truncated("packet")
    if len(data) > 1024:
        raise CorruptStream("packet")
    if binascii.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise ChecksumError("packet")
    blocks, block = (data[3] + 1, data[4]) if data[0] & 1 else (1, 0)
    n, row, k0, k1, split = data[head - 5 : head]
    sound = block < blocks and row < n and all(1 <= k <= n <= 3 * k for k in (k0, k1))
    if not sound or (data[0] & 1 and blocks == 1):
        raise CorruptStream("packet")
    payload = data[head:-4]
    return data[1] + 256 * data[2], (blocks, n, k0, k1, split, len(payload)), block, row, payload


def solved(n, there, column):
    """The coefficients of a word, by row, from those that are there: as many roots are taken as are missing."""
    missing = [row for row in range(n) if row not in there]
    equations = []
    for root in range(len(missing)):
        x = power(2, root)
        known = 0
        for row in there:
            known ^= multiply(column[row], power(x, n - 1 - row))
        equations.append([power(x, n - 1 - row) for row in missing] + [known])
    for at in range(len(missing)):
        pivot = next(each for each in range(at, len(missing)) if equations[each][at])
        equations[at], equations[pivot] = equations[pivot], equations[at]
        factor = inverse(equations[at][at])
        equations[at] = [multiply(factor, value) for value in equations[at]]
        for other in range(len(missing)):
            if other != at and (factor := equations[other][at]):
                pairs = zip(equations[other], equations[at], strict=True)
                equations[other] = [value ^ multiply(factor, beside) for value, beside in pairs]
    found = dict(column)
    for row, equation in zip(missing, equations, strict=True):
        found[row] = equation[-1]
    return found


def section(rows, k, n, begin, end):
    """Bytes of a section of a block, None for those that are not known."""
    shares = {row: payload[begin:end] for row, payload in rows.items()}
    out = [[None] * (end - begin) for _ in range(k)]
    for at in range(end - begin):
        column = {row: share[at] for row, share in shares.items()}
        if len(shares) >= k and any(row not in shares for row in range(k)):
            column = solved(n, list(shares), column)
        for row in range(k):
            out[row][at] = column.get(row)
    return [value for row in out for value in row]


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
    blocks, n, k0, k1, split, size = layout
    cut = size * split // 256
    stream = []
    for k, begin, end in ((k0, 0, cut), (k1, cut, size)):
        for block in range(blocks):
            rows = {row: payload for (of, row), payload in arrived.items() if of == block}
            stream += section(rows, k, n, begin, end)
    if len(arrived) * size * 64 < len(stream):
        raise Truncated("too few packets")
    return from_stream(stream)


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
