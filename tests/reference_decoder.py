"""A second decoder, written from spec/FORMAT.md alone and to be read beside it: plain, exact and slow.

It shares no code with apercu. The path of quality, and the SHA-256 of the weights, are read from the text itself.
"""

import binascii
import hashlib
import re
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "spec" / "FORMAT.md").read_text(encoding="utf-8")
GREY, RGB, RGBA, SPECTRAL = range(4)
BY_HAND = 32767


class Refused(Exception):
    """No image; the subclass says which kind of rule was broken."""


ERRORS = "NotApercu UnsupportedVersion UnknownModel ModelError TooLarge Truncated ChecksumError CorruptStream"
NotApercu, UnsupportedVersion, UnknownModel, ModelError, TooLarge, Truncated, ChecksumError, CorruptStream = (
    type(name, (Refused,), {}) for name in ERRORS.split()
)


# --- Bytes and bits -------------------------------------------------------------------------------
@dataclass
class Bytes:
    data: bytes
    at: int = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n > self.left():
            raise Truncated("the file ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def varint(self, least, most):
        value, shift, byte = 0, 0, 128
        while byte >= 128:
            byte = self.number(1)
            value |= (byte & 127) << shift
            if value > most or (byte == 0 and shift > 0) or (byte < 128 and value < least):
                raise CorruptStream("a varint out of range, or longer than it need be")
            shift += 7
        return value


@dataclass
class Bits:
    data: bytes
    at: int = 0

    def bit(self):
        if self.at == 8 * len(self.data):
            raise Truncated("a segment ends early")
        self.at += 1
        return self.data[(self.at - 1) >> 3] >> (-self.at & 7) & 1

    def take(self, n):
        value = 0
        for _ in range(n):
            value = 2 * value + self.bit()
        return value

    def exp_golomb(self, k):
        zeros = 0
        while self.bit() == 0:
            zeros += 1
            if zeros > 20:
                raise CorruptStream("an Exp-Golomb code has more than 20 zeros")
        return 2 ** (zeros + k) + self.take(zeros + k) - 2**k

    def end(self):
        n_left = 8 * len(self.data) - self.at
        if n_left > 7 or self.take(n_left):
            raise CorruptStream("a segment is not at its end")


# --- Container ------------------------------------------------------------------------------------
class Tile(NamedTuple):
    y: int
    x: int
    height: int
    width: int
    segment: bytes


def level(code):
    return code if code < 16 else (16 + code % 16) << (code // 16 - 1)


def level_group(head, band):
    return band // 3 if head.interpretation in (RGB, RGBA) else band


def read_head(source, limit):
    """What stands before the first segment."""
    head = SimpleNamespace()
    if not b"\xae\x70".startswith(source.data[:2]):
        raise NotApercu("the file does not begin with AE 70")
    source.take(2)
    flags = source.number(1)
    if flags >> 4 != 0:
        raise UnsupportedVersion(f"version {flags >> 4}")
    head.wide, head.parts, head.interpretation = bool(flags & 8), bool(flags & 4), flags & 3
    head.model = source.number(1)
    codec = source.number(1) if head.model == 0 else 1
    if head.model > 1 or codec != 1:
        raise UnknownModel(f"model {head.model}, codec {codec}")
    if head.model == 0:
        head.hash = source.take(8)
    head.width = 1 + source.varint(0, 65534)
    head.height = 1 + source.varint(0, 65534)
    head.bands = 1 + source.varint(0, 65534) if head.interpretation == SPECTRAL else (1, 3, 4)[head.interpretation]
    settings = source.number(2)
    quality_q8, head.axis = settings & 32767, bool(settings >> 15)
    if 25600 < quality_q8 < BY_HAND or (head.axis and head.interpretation != GREY):
        raise CorruptStream("settings")
    head.levels = []  # (offset, range) of each level group
    for _ in range(1 + level_group(head, head.bands - 1) if head.wide else 0):
        offset_code, range_code = source.number(1), source.number(1)
        if offset_code > 208 or not 1 <= range_code <= 208:
            raise CorruptStream("levels")
        head.levels.append((level(offset_code), level(range_code)))
    parameters = source.take(source.varint(0, 255)) if quality_q8 == BY_HAND else None
    if head.parts:
        read_directory(source, head)
    if head.width * head.height > limit or head.width * head.height * head.bands > 4 * limit:
        raise TooLarge(f"{head.width} × {head.height} pixels of {head.bands} bands")
    if head.parts and head.n_layers > 1:
        raise CorruptStream("taha2025 has one layer")
    head.step_q3 = step_of_quality(quality_q8) if parameters is None else step_of_parameters(parameters)
    return head


def read_directory(source, head):
    tiling = source.number(1)
    n, head.n_layers = tiling >> 4, 1 + (tiling & 15)
    if 11 < n < 15:
        raise CorruptStream("size of tiles")
    head.side = max(head.width, head.height) if n == 15 else 2 ** (5 + n)
    n_segments = -(-head.width // head.side) * -(-head.height // head.side) * head.n_layers
    if n_segments < 2:
        raise CorruptStream("parts, and only one of them")
    if source.left() < n_segments:
        raise Truncated("fewer bytes than segments")
    head.lengths = [source.varint(0, 2**28 - 1) for _ in range(n_segments)]
    checksum = zlib.crc32(source.data[: source.at])
    if source.number(4) != checksum:
        raise ChecksumError("head")
    head.checksum = checksum.to_bytes(4, "little")


def read_tiles(source, head):
    if head.parts:
        return read_parts(source, head)
    n_check = 2 if head.width * head.height <= 4096 else 4
    if source.left() < n_check:
        raise Truncated("no room for the checksum")
    body, checksum = source.data[:-n_check], int.from_bytes(source.data[-n_check:], "little")
    if checksum != (binascii.crc_hqx(body, 0xFFFF) if n_check == 2 else zlib.crc32(body)):
        raise ChecksumError("file")
    return [Tile(0, 0, head.height, head.width, body[source.at :])]


def read_parts(source, head):
    tiles = []
    for y in range(0, head.height, head.side):
        for x in range(0, head.width, head.side):
            number = len(tiles)
            segment = source.take(head.lengths[number])
            if source.number(4) != zlib.crc32(head.checksum + number.to_bytes(4, "little") + segment):
                raise ChecksumError(f"segment {number}")
            tiles.append(Tile(y, x, min(head.side, head.height - y), min(head.side, head.width - x), segment))
    if source.left():
        raise CorruptStream("bytes after the last segment")
    return tiles


# --- Settings and weights of taha2025 -------------------------------------------------------------
def step_of_parameters(parameters):
    source = Bytes(parameters)
    try:
        step_q3, _threshold_q4 = source.varint(1, 65535), source.varint(0, 2097151)
    except Truncated:
        raise CorruptStream("parameters end early") from None
    if source.left():
        raise CorruptStream("parameters go on")
    return step_q3


def step_of_quality(quality_q8):
    """From the text: a table with rows of place, step_q3, threshold_q4, and one with rows of place, step_q3."""
    section = TEXT.split("**Path of `taha2025`.**")[1].split("\n### ")[0]
    q, variant = quality_q8 // 8, quality_q8 % 8
    second = q >= 512 and variant >= 4
    row = r"^\| (\d+) \| (\d+) \|$" if second else r"^\| (\d+) \| (\d+) \| \d+ \|$"
    knots = [(int(place), int(step_q3)) for place, step_q3 in re.findall(row, section, re.MULTILINE)]
    for (first, a), (last, b) in pairwise(knots):
        if first <= q <= last:
            d, p = last - first, q - first
            return (a * (d - p) + b * p + d // 2) // d
    raise AssertionError("the table of the path does not reach this quality")


def weights_of(head, users):
    """The array of the registry, or the user's: either way, the one with the right SHA-256."""
    row = re.search(rf"^\| {head.model} \| `taha2025` \| `(.*?)` \| `(.*?)` \|$", TEXT, re.MULTILINE)
    weights, sha256 = (np.load(ROOT / row[1]), bytes.fromhex(row[2])) if row else (users, head.hash)
    if weights is None or hashlib.sha256(weights.astype("<i2").tobytes()).digest()[: len(sha256)] != sha256:
        raise ModelError("the file was made with other weights")
    return weights


# --- Code tables and symbols ----------------------------------------------------------------------
class Plane(NamedTuple):
    height: int
    width: int
    is_chroma: bool


def planes_of(head, tile):
    full = Plane(tile.height, tile.width, False)
    half = Plane((tile.height + 1) // 2, (tile.width + 1) // 2, True)
    return [full, half, half, full][: head.bands] if head.interpretation in (RGB, RGBA) else [full] * head.bands


def read_segment(segment, planes):
    """For each plane: the blocks' groups (0 for G1, 1 for G2), and their symbols in coded order."""
    bits = Bits(segment)
    groups_of = []
    for plane in planes:
        mode = bits.take(2)
        if mode == 3:
            raise CorruptStream("mode 3")
        n_blocks = -(-plane.height // 8) * -(-plane.width // 8)
        groups = [bits.bit() if mode == 2 else mode for _ in range(n_blocks)]
        if mode == 2 and len(set(groups)) == 1:
            raise CorruptStream("all flags are alike")
        groups_of.append(groups)
    coded = []
    for groups in groups_of:
        readers = {}
        if 0 in groups:
            readers[0] = [read_table(bits)]
        if 1 in groups:
            readers[1] = [read_table(bits) for _ in range(8)] if bits.bit() else [read_table(bits)] * 8
        plane_symbols = [read() for group in groups for read in readers[group]]
        coded.append((np.array(groups, np.uint8), np.array(plane_symbols, np.int64)))
    bits.end()
    return coded


def read_table(bits):
    """A function that reads one symbol."""
    listed = bits.bit()
    u = bits.exp_golomb(4)
    if u > 65535:
        raise CorruptStream("lo")
    lo = u // 2 if u % 2 == 0 else -(u + 1) // 2
    n = 0 if listed else bits.take(4)
    count = 2 + bits.exp_golomb(4) if listed else 2**n
    if count > 32768 or lo + count - 1 > 32767:
        raise CorruptStream("a table reaches beyond 32,767")
    if not listed:
        return lambda: lo + bits.take(n)
    symbol_of = canonical_code(read_lengths(bits, count))

    def read_symbol():
        length, word = 0, 0
        while (length, word) not in symbol_of:
            length, word = length + 1, 2 * word + bits.bit()
        return lo + symbol_of[length, word]

    return read_symbol


def read_lengths(bits, count):
    """The length of each symbol's code word, 0 where there is none."""
    length = 1 + bits.take(4)
    lengths = [length]
    while len(lengths) < count:
        if bits.bit():
            kind = bits.take(2)
            if kind == 3:
                run = bits.exp_golomb(0) + 1
                if len(lengths) + run >= count:
                    raise CorruptStream("the last symbol has no code word")
                lengths += [0] * run
                continue
            length = 1 + bits.take(4) if kind == 2 else length + (1, -1)[kind]
            if not 1 <= length <= 16:
                raise CorruptStream("length of a code word")
        lengths.append(length)
    return lengths


def canonical_code(lengths):
    """{(length, code word): index of the symbol}: by length, then by symbol, counting up from zero."""
    if sum(2 ** (16 - length) for length in lengths if length) != 2**16:
        raise CorruptStream("the code is not complete")
    symbol_of, word, length_before = {}, 0, 0
    for length, index in sorted((length, index) for index, length in enumerate(lengths) if length):
        word <<= length - length_before
        symbol_of[length, word] = index
        word, length_before = word + 1, length
    return symbol_of


# --- Synthesis ------------------------------------------------------------------------------------
def synthesise(plane, groups, symbols, step_q3, weights):
    """The plane, with 5 fraction bits."""
    if plane.is_chroma:
        step_q3 = max((step_q3 * 8 + 8) // 16, 1)
    rows_of = weights[1, :1].astype(np.int64), weights[1, 1:].astype(np.int64)
    n_across = -(-plane.width // 8)
    values = np.zeros((-(-plane.height // 8) * 8, n_across * 8), np.int64)
    at = 0
    for block, group in enumerate(groups):
        z = np.clip(symbols[at : at + len(rows_of[group])] * step_q3, -16384, 16384)
        at += len(z)
        v = np.clip((z @ rows_of[group] + 2048) >> 12, -8191, 8191)
        y, x = block // n_across * 8, block % n_across * 8
        values[y : y + 8, x : x + 8] = v.reshape(8, 8)
    return values[: plane.height, : plane.width]


def twice_the_rows(c, n_rows):
    t = []
    for y in range(n_rows):
        n = y // 2
        m = n + 1 if y % 2 else n - 1
        t.append(3 * c[n] + c[m if 0 <= m < len(c) else n])
    return np.array(t)


def full_size(c, height, width):
    return (twice_the_rows(twice_the_rows(c, height).T, width).T + 8) >> 4


def colour(y, cb, cr):
    cb, cr = full_size(cb, *y.shape), full_size(cr, *y.shape)
    r = y + ((22970 * cr + 8192) >> 14)
    g = y - ((5638 * cb + 11700 * cr + 8192) >> 14)
    b = y + ((29032 * cb + 8192) >> 14)
    return [r, g, b]


def samples(v, head, band):
    v = np.clip(v, 0, 8160)
    if not head.wide:
        return (v + 16) >> 5
    offset, extent = head.levels[level_group(head, band)]
    return np.minimum(offset + (v * extent + 4080) // 8160, 65535)


# --- The two functions ----------------------------------------------------------------------------
def symbols(data, limit=2**28):
    """For each tile, for each plane: (groups uint8, one a block, 0 for G1 and 1 for G2; symbols int64, as coded)."""
    source = Bytes(data)
    head = read_head(source, limit)
    return [read_segment(tile.segment, planes_of(head, tile)) for tile in read_tiles(source, head)]


def decode(data, weights=None, limit=2**28):
    """The image, uint8 or uint16, (H, W), or (H, W, bands) unless it is grey without an axis of one band.

    `weights`: int16 (2, 9, 64), those of model 0. Raises a subclass of Refused.
    """
    source = Bytes(data)
    head = read_head(source, limit)
    weights = weights_of(head, weights)
    tiles = read_tiles(source, head)
    image = np.zeros((head.height, head.width, head.bands), np.uint16 if head.wide else np.uint8)
    for tile in tiles:
        planes = planes_of(head, tile)
        coded = read_segment(tile.segment, planes)
        bands = [synthesise(plane, *c, head.step_q3, weights) for plane, c in zip(planes, coded, strict=True)]
        if head.interpretation in (RGB, RGBA):
            bands[:3] = colour(*bands[:3])
        for band, v in enumerate(bands):
            part = image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width, band]
            part[:] = samples(v, head, band)
    return image[:, :, 0] if head.interpretation == GREY and not head.axis else image
