"""Mutants of valid files: damage to their bytes, and damage behind lengths and checksums that are made good again.

Every function takes a `random.Random` and depends on nothing else: the same seed makes the same mutant.
"""

import binascii
import random
from dataclasses import dataclass, replace

from apercu.format.container import BY_HAND, Header, pack, put_varint
from apercu.format.ids import MAGIC, USER_MODEL
from segments import random_segment

INTERESTING = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255)
LARGE_SHARE = 0.06
"""How many of the files of very many bands or tiles are kept where one is drawn: they take long."""
NUMBERS = (0, 1, 7, 8, 9, 31, 32, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 16383, 16384, 32767, 65534)


@dataclass(frozen=True)
class Seed:
    """A valid file, whole and in parts."""

    name: str
    data: bytes
    header: Header
    segments: list[bytes]


def mutant(rng: random.Random, seeds: list[Seed]) -> bytes:
    """One damaged file."""
    seed = rng.choice(seeds)
    while seed.name.startswith("many ") and rng.random() > LARGE_SHARE:
        seed = rng.choice(seeds)
    kind = rng.random()
    if kind < 0.2:
        return havoc(rng, seed.data, rng.choice(seeds).data)
    if kind < 0.35:
        return repair(havoc(rng, seed.data, rng.choice(seeds).data))
    header, segments = seed.header, list(seed.segments)
    if kind < 0.7:
        index = rng.randrange(len(segments))
        segments[index] = havoc(rng, segments[index], rng.choice(rng.choice(seeds).segments))
    elif kind < 0.9:
        segments[rng.randrange(len(segments))] = random_segment(rng, seed.header)
    elif len(segments) > 1 and kind < 0.93:
        a, b = rng.randrange(len(segments)), rng.randrange(len(segments))
        segments[a] = segments[b]
    else:
        header = edited(rng, header)
    return pack(header, segments)


def edited(rng: random.Random, header: Header) -> Header:
    """A header with one field changed to a value that can be written, sound or not."""
    number = rng.choice(NUMBERS)
    field = rng.randrange(9)
    if field == 0:
        return replace(header, height=number + 1)
    if field == 1:
        return replace(header, width=number + 1)
    if field == 2:
        return replace(header, interpretation="spectral", n_bands=number + 1)
    if field == 3:
        return replace(header, interpretation=rng.choice(["grey", "rgb", "rgba", "spectral"]))
    if field == 4:
        return replace(header, wide=not header.wide)
    if field == 5:
        parameters = put_varint(rng.choice((*NUMBERS, 1 << 16, (1 << 21) - 1, 1 << 21))) + put_varint(number)
        return replace(header, quality_q8=None, parameters=parameters[: rng.choice((99, 99, 2, 1))])
    if field == 6:
        return replace(header, quality_q8=rng.choice((0, 1, 25600, 25601, 32766, rng.randrange(25600))), parameters=b"")
    if field == 7:
        return replace(header, tile_log2=rng.choice((0, 5, 6, 10, 16)), n_layers=rng.choice((1, 1, 2, 16)))
    return replace(header, flat=not header.flat)


def havoc(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One to four small accidents, one after the other."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        _accident(rng, out, other)
    return bytes(out)


def _accident(rng: random.Random, out: bytearray, other: bytes) -> None:
    at = rng.randrange(len(out) + 1)
    n = min(rng.choice((1, 1, 2, 3, 4, 8, 32)), len(out) - at)
    kind = rng.randrange(12)
    if kind == 0:
        del out[at:]
    elif kind == 1:
        out[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 16)))
    elif kind == 2:
        out[at:at] = out[at : at + n]
    elif kind == 3 and other:
        start = rng.randrange(len(other))
        out[at : at + n] = other[start : start + n]
    elif kind == 4 and other:
        out[at:] = other[rng.randrange(len(other)) :]
    elif n == 0:
        out.append(rng.choice(INTERESTING))
    elif kind == 5:
        del out[at : at + n]
    elif kind == 6:
        out[at : at + n] = rng.randbytes(n)
    elif kind == 7:
        out[at : at + n] = bytes([rng.choice((0, 0, 255))]) * n
    elif kind == 8:
        out[at] = rng.choice(INTERESTING)
    elif kind == 9:
        _shift_bits(rng, out, at)
    else:
        out[at] ^= 1 << rng.randrange(8)


def _shift_bits(rng: random.Random, out: bytearray, at: int) -> None:
    """Takes out or puts in one to twenty bits at byte `at`: all fields behind it move."""
    tail = len(out) - at
    bits = f"{int.from_bytes(out[at:], 'big'):0{8 * tail}b}"
    place, n = rng.randrange(8), rng.randrange(1, 21)
    new, behind = ("", place + n) if rng.random() < 0.5 else (rng.choice("01") * n, place)
    bits = bits[:place] + new + bits[behind:]
    bits += "0" * (-len(bits) % 8)
    out[at:] = int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def repair(data: bytes) -> bytes:
    """The file with a magic, lengths and checksums that fit again: what a sender of bad files would do.

    Where the head itself cannot be read to its end, only the magic is made good.
    """
    data = MAGIC + data[2:]
    reader = _Loose(data, 2)
    try:
        n_pixels, parts = reader.head()
        if not parts:
            return _close(data, n_pixels)
        at = reader.at
        lengths = reader.lengths(n_pixels)
    except IndexError:
        return data
    head, rest = bytearray(data[: at + 1]), data[reader.at + 4 :]
    pieces = []
    for index, length in enumerate(lengths):
        last = index == len(lengths) - 1
        pieces.append(rest[:-4] if last else rest[:length])
        rest = rest[length + 4 :]
        head += put_varint(len(pieces[-1]))
    checksum = binascii.crc32(head)
    out = bytes(head) + checksum.to_bytes(4, "little")
    for index, piece in enumerate(pieces):
        label = checksum.to_bytes(4, "little") + index.to_bytes(4, "little")
        out += piece + binascii.crc32(label + piece).to_bytes(4, "little")
    return out


def _close(data: bytes, n_pixels: int) -> bytes:
    """A file of one segment with its last bytes replaced by the checksum of the others."""
    if n_pixels <= 4096:
        body = data[:-2]
        return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")
    body = data[:-4]
    return body + binascii.crc32(body).to_bytes(4, "little")


class _Loose:
    """Walks through a head without judging what it says; IndexError where it ends too soon."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def head(self) -> tuple[int, bool]:
        """Pixels, and whether a directory follows, which then begins at `at`."""
        flags = self.byte()
        if self.byte() == USER_MODEL:
            self.at += 9
        self.width, self.height = self.varint() + 1, self.varint() + 1
        interpretation = flags & 3
        n_bands = self.varint() + 1 if interpretation == 3 else 1
        settings = self.byte() | self.byte() << 8
        if flags & 8:
            self.at += 2 * {1: 1, 2: 2}.get(interpretation, n_bands)
        if settings & BY_HAND == BY_HAND:
            length = self.varint()
            self.at += length
        return self.width * self.height, bool(flags & 4)

    def lengths(self, n_pixels: int) -> list[int]:
        """Of all segments that the directory promises."""
        tiling = self.byte()
        side = max(self.width, self.height) if tiling >> 4 == 15 else 32 << (tiling >> 4)
        n_segments = -(-self.width // side) * -(-self.height // side) * ((tiling & 15) + 1)
        if n_segments > len(self.data):
            raise IndexError
        return [self.varint() for _ in range(n_segments)]
