"""A second reader of version 2, written from spec/scenes.md alone and to be read beside it: plain, exact and slow.

It shares no code with apercu. `read` gives a dictionary of chunks, in the specification's own terms, and the inner
file; `decode` an image.
"""

import binascii
import math
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np

import reference_decoder
import reference_mask
from reference_bytes import (
    Bytes,
    ChecksumError,
    CorruptStream,
    NotApercu,
    Truncated,
    UnknownChunk,
    UnsupportedVersion,
)

DICTIONARY = (Path(__file__).resolve().parent.parent / "src/apercu/weights/scenes.txt").read_bytes()
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"]


# --- Prefix and chunks ----------------------------------------------------------------------------
def read(data):
    source = Bytes(data)
    if not b"\xae\x70".startswith(data[:2]):
        raise NotApercu("the file does not begin with AE 70")
    source.take(2)
    if (version := source.number(1)) != 0x20:
        raise UnsupportedVersion(f"version byte {version:02x}")
    chunks = Bytes(source.take(source.varint(0, 2**24 - 1)))
    if binascii.crc32(data[: source.at]) != source.number(4):
        raise ChecksumError("prefix")
    found, last = {}, -1
    while chunks.left():
        number = chunks.number(1)
        if number <= last:
            raise CorruptStream("chunks out of order")
        last = number
        payload = within(chunks, lambda: chunks.take(chunks.varint(0, 2**24 - 1)))
        if number not in CHUNKS:
            if number >= 128:
                raise UnknownChunk(f"{number:02x}")
            continue
        inside = Bytes(payload)
        found[number] = within(inside, lambda number=number, inside=inside: CHUNKS[number](inside))
        if inside.left():
            raise CorruptStream("a chunk goes on")
    return found, source.take(source.left())


def within(_, reading):
    """What is read of a chunk; its end is no end of the file."""
    try:
        return reading()
    except Truncated as early:
        raise CorruptStream("a chunk ends too soon") from early


# --- Parts of chunks ------------------------------------------------------------------------------
def unzigzag(z):
    return z // 2 if z % 2 == 0 else -(z + 1) // 2


def number(source, finite=True):
    u = source.varint(0, 2**66 - 1)
    if u % 2 == 0:
        return unzigzag(u // 2)
    if u > 257:
        raise CorruptStream("exponent")
    if u == 1:
        (value,) = struct.unpack("<d", source.take(8))
        if finite and not math.isfinite(value):
            raise CorruptStream("not finite")
        return value
    return float(unzigzag(source.varint(0, 2**64 - 1)) * Fraction(10) ** unzigzag((u - 3) // 2))


def real(source):
    return float(number(source))


def text(data):
    if 0 in data:
        raise CorruptStream("a zero byte")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CorruptStream("UTF-8") from None


def string(source):
    return text(source.take(source.varint(0, 2**20)))


def string_or_none(source):
    n = source.varint(0, 2**20 + 1)
    return text(source.take(n - 1)) if n else None


def count(source):
    return source.varint(1, 65536)


def inflate(data):
    engine = zlib.decompressobj(-15, zdict=DICTIONARY)
    try:
        found = engine.decompress(data, 2**20 + 1)
    except zlib.error:
        raise CorruptStream("deflate") from None
    if len(found) > 2**20 or not engine.eof or engine.unused_data:
        raise CorruptStream("deflate")
    return found


def deflated(reading):
    """A payload that is deflated as a whole."""

    def read_all(source):
        inside = Bytes(inflate(source.take(source.left())))
        found = reading(inside)
        if inside.left():
            raise CorruptStream("a text goes on")
        return found

    return read_all


def reference_system(source, kind):
    if kind == 0:
        return None
    if kind == 1:
        return source.varint(1, 2**24 - 1)
    if kind == 2:
        return text(inflate(source.take(source.varint(0, 2**21 - 1))))
    raise CorruptStream("reference system")


# --- Payloads -------------------------------------------------------------------------------------
def geo(source):
    kinds = source.number(1)
    transform = kinds >> 2 & 7
    if kinds >> 6 or transform > 4:
        raise CorruptStream("kinds")
    crs = reference_system(source, kinds & 3)
    six = None
    if transform == 1:
        a, c, f = real(source), real(source), real(source)
        six = (a, 0.0, c, 0.0, -a, f)
    elif transform == 2:
        a, c, e, f = (real(source) for _ in range(4))
        six = (a, 0.0, c, 0.0, e, f)
    elif transform == 3:
        six = tuple(real(source) for _ in range(6))
    elif transform == 4:
        six = struct.unpack("<6d", source.take(48))
        if not all(map(math.isfinite, six)):
            raise CorruptStream("not finite")
    return crs, six, bool(kinds & 32)


def gcps(source):
    crs = reference_system(source, source.number(1))
    n = count(source)
    columns = [[real(source) for _ in range(n)] for _ in range(5)]
    columns += [[string(source) for _ in range(n)] for _ in range(2)]
    return crs, list(zip(*columns, strict=True))


def rpcs(source):
    known = source.number(1)
    if known > 3:
        raise CorruptStream("errors")
    found = {}
    for bit, name in enumerate(("err_bias", "err_rand")):
        found[name] = real(source) if known >> bit & 1 else None
    for kind in ("off", "scale"):
        for what in ("line", "samp", "lat", "long", "height"):
            found[f"{what}_{kind}"] = real(source)
    for what in ("line", "samp"):
        for part in ("num", "den"):
            found[f"{what}_{part}_coeff"] = tuple(real(source) for _ in range(20))
    return found


def bands(source):
    what = source.number(1)
    if what > 31:
        raise CorruptStream("bands")
    n = count(source)
    found = []
    for bit in range(5):
        read_one = string_or_none if bit < 3 else real
        found.append(tuple(read_one(source) for _ in range(n)) if what >> bit & 1 else None)
    return n, found


def tags(source):
    found, last = {}, None
    while source.left():
        place = source.varint(0, 65536), string(source).encode()
        if last is not None and place <= last:
            raise CorruptStream("tags")
        last, name_before, group = place, None, {}
        for _ in range(count(source)):
            name = string(source).encode()
            if name_before is not None and name <= name_before:
                raise CorruptStream("tags")
            name_before = name
            group[name.decode()] = string(source)
        found[place[0], place[1].decode()] = group
    return found


def samples(source):
    kinds = source.number(1)
    dtype, of_nodata, of_mapping = kinds & 15, kinds >> 4 & 3, kinds >> 6
    if dtype > 10 or of_mapping == 3:
        raise CorruptStream("samples")
    n = count(source) if of_nodata == 3 or of_mapping == 2 else 1
    nodata, mapping = None, None
    if of_nodata == 1:
        nodata = [0]
    elif of_nodata == 2:
        nodata = [number(source, finite=False)]
    elif of_nodata == 3:
        nodata = [number(source, finite=False) if source.varint(0, 1) else None for _ in range(n)]
    if of_mapping:
        mapping = [(real(source), real(source)) for _ in range(n if of_mapping == 2 else 1)]
        if any(scale == 0 for _, scale in mapping):
            raise CorruptStream("scale")
    return {"dtype": DTYPES[dtype], "n": n, "nodata": nodata, "mapping": mapping}


def mask(source):
    kinds = source.number(1)
    if kinds & 3 == 3 or kinds >> 3 > 16:
        raise CorruptStream("mask")
    return {"kind": kinds & 3, "each": bool(kinds & 4), "halvings": kinds >> 3, "data": source.take(source.left())}


def rotation(source):
    n = math.isqrt(source.left()) - 1
    bits = source.number(1)
    if (n + 1) ** 2 != source.left() + 1 or not 2 <= n <= 64 or bits not in (8, 16):
        raise CorruptStream("rotation")
    matrix = np.frombuffer(source.take(n * n), np.int8).reshape(n, n)
    levels = [tuple(source.take(2)) for _ in range(n)]
    if any(offset > 208 or not 1 <= width <= 208 for offset, width in levels):
        raise CorruptStream("levels")
    return matrix, levels, bits == 16


def reduced(source):
    k = source.number(1)
    if not 1 <= k <= 15:
        raise CorruptStream("reduced")
    return k, source.varint(0, 2**31 - 1) + 1, source.varint(0, 2**31 - 1) + 1


CHUNKS = {
    0x01: geo,
    0x02: deflated(gcps),
    0x03: rpcs,
    0x04: deflated(bands),
    0x05: deflated(tags),
    0x81: samples,
    0x82: mask,
    0x83: rotation,
    0x84: reduced,
}


# --- Fitting the head -----------------------------------------------------------------------------
def check_fit(chunks, head):
    """Refuses chunks that contradict the head of the inner file."""
    n_bands = head.bands
    most = n_bands + (0x82 in chunks and chunks[0x82]["kind"] == 1)
    fits = {
        0x04: lambda found: found[0] in (n_bands, most),
        0x05: lambda found: all(band <= most for band, _ in found),
        0x81: lambda found: fitting_samples(found, head, chunks[0x83][2] if 0x83 in chunks else head.wide),
        0x83: lambda found: len(found[1]) == n_bands and head.wide and head.interpretation == 3,
        0x84: lambda found: [-(-side // 2 ** found[0]) for side in found[1:]] == [head.height, head.width],
    }
    for number, fit in fits.items():
        if number in chunks and not fit(chunks[number]):
            raise CorruptStream(f"chunk {number:02x} does not fit the head")


def fitting_samples(found, head, wide):
    each = [values for values in (found["nodata"], found["mapping"]) if values and len(values) > 1]
    return (found["mapping"] or found["dtype"] == ("uint16" if wide else "uint8")) and all(
        len(values) == head.bands for values in each
    )


# --- Pixels ---------------------------------------------------------------------------------------
def decode(data, weights=None, limit=2**28):
    """The image at the coded size."""
    with np.errstate(over="ignore"):
        return decode_file(data, weights, limit)


def decode_file(data, weights, limit):
    if data[2:3] != b"\x20":
        return reference_decoder.decode(data, weights)
    chunks, inner = read(data)
    head = reference_decoder.read_head(Bytes(inner), limit)
    check_fit(chunks, head)
    hidden = hidden_samples(chunks[0x82], head) if 0x82 in chunks else np.zeros((head.height, head.width, 1), bool)
    image = reference_decoder.decode(inner, weights)
    if 0x83 in chunks:
        image = bands_of(image, *chunks[0x83])
    if 0x81 not in chunks:
        return image
    found = chunks[0x81]
    out = np.empty(image.shape, found["dtype"])
    for place in np.ndindex(image.shape):
        band = place[2] if len(place) == 3 else 0
        value = image[place]
        if found["mapping"]:
            offset, scale = found["mapping"][band if len(found["mapping"]) > 1 else 0]
            value = rounded(offset + scale * int(value), out.dtype)
        nodata = found["nodata"] and found["nodata"][band if len(found["nodata"]) > 1 else 0]
        if nodata is not None and has(out.dtype, nodata):
            if hidden[place[0], place[1], band if hidden.shape[2] > 1 else 0]:
                value = nodata
            elif value == out.dtype.type(nodata):
                value = beside(out.dtype.type(nodata))
        out[place] = value
    return out


def hidden_samples(mask, head):
    """Which samples do not count, (H, W, 1 or B)."""
    side = 2 ** mask["halvings"]
    height, width = -(-head.height // side), -(-head.width // side)
    masks = reference_mask.decode(mask["data"], height, width, head.bands if mask["each"] else 1)
    whole = np.array(masks).reshape(-1, height, width).repeat(side, 1).repeat(side, 2)
    return whole[:, : head.height, : head.width].transpose(1, 2, 0)


def bands_of(components, matrix, levels, wide):
    """From components to bands."""
    n = len(levels)
    u = 15 if n < 4 else 14 if n < 16 else 13 if n < 64 else 12
    out = np.empty(components.shape, np.uint16 if wide else np.uint8)
    for y, x in np.ndindex(components.shape[:2]):
        for b, (offset, width) in enumerate(map(reference_decoder.level, codes) for codes in levels):
            v = sum(int(matrix[k, b]) * (int(components[y, x, k]) - 32768) for k in range(n)) + 2 ** (u + 5)
            share = min(max(v, 0), 2 ** (u + 6)) * width + 2 ** (u + 5) >> u + 6
            out[y, x, b] = min(offset + share, 65535 if wide else 255)
    return out


def rounded(value, dtype):
    if dtype.kind == "f":
        return dtype.type(value)
    limits = np.iinfo(dtype)
    return dtype.type(min(max(round(value), int(limits.min)), int(limits.max)))


def has(dtype, value):
    if dtype.kind == "f":
        return bool(np.isfinite(dtype.type(value))) or not math.isfinite(value)
    return (
        value == value
        and abs(value) < 2**65
        and value == int(value)
        and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    )


def beside(value):
    """The next value towards the middle of the range."""
    if value.dtype.kind != "f":
        limits = np.iinfo(value.dtype)
        down = 2 * int(value) > int(limits.min) + int(limits.max)
        return value.dtype.type(int(value) - 1 if down else int(value) + 1)
    bits = np.dtype(f"i{value.dtype.itemsize}").type
    if value == 0:
        return bits(1).view(value.dtype)
    return bits(int(value.view(bits)) - 1).view(value.dtype)  # of either sign, the size becomes less
