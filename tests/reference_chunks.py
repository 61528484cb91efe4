"""What a prefix of version 2 is made of, written from spec/scenes.md alone: the chunks, for the second reader.

It shares no code with apercu. `CHUNKS` has for each id a function that reads its payload.
"""

import math
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np

from reference_bytes import Bytes, CorruptStream

LINES = (Path(__file__).resolve().parent.parent / "src/apercu/weights/scenes.txt").read_bytes()
DICTIONARY = bytes(0 if byte == 0x0A else byte for byte in LINES)
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"]


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
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CorruptStream("UTF-8") from None


def string(source):
    found = bytearray()
    byte = source.number(1)  # of nothing is Truncated
    while byte:
        found.append(byte)
        byte = source.number(1) if source.left() else 0
    return text(bytes(found))


def string_or_none(source):
    return string(source) or None


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
        number = source.varint(1, 2**24 - 1 + 127)
        if number >= 128:
            return number - 127
        if not 1 <= number % 64 <= 60:
            raise CorruptStream("zone")
        return (32600 if number < 64 else 32700) + number % 64
    if kind == 2:
        words = inflate(source.take(source.varint(0, 2**21 - 1)))
        if 0 in words:
            raise CorruptStream("a zero byte")
        return text(words)
    raise CorruptStream("reference system")


# --- Payloads -------------------------------------------------------------------------------------
def geo(source):
    kinds = source.number(1)
    shape, raw = kinds >> 2 & 3, kinds >> 4 & 1
    if kinds >> 6 or (raw and not shape):
        raise CorruptStream("kinds")
    crs = reference_system(source, kinds & 3)
    n = (0, 3, 4, 6)[shape]
    six = struct.unpack(f"<{n}d", source.take(8 * n)) if raw else tuple(real(source) for _ in range(n))
    if not all(map(math.isfinite, six)):
        raise CorruptStream("not finite")
    if shape == 1:
        a, c, f = six
        six = (a, 0.0, c, 0.0, -a, f)
    elif shape == 2:
        a, c, e, f = six
        six = (a, 0.0, c, 0.0, e, f)
    return crs, six or None, bool(kinds & 32)


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


RESAMPLINGS = ["NEAREST", "AVERAGE", "BILINEAR", "CUBIC", "CUBICSPLINE", "LANCZOS", "MODE", "RMS"]
RESOLUTIONS = [("1 (unitless)", 1), ("1 (unitless)", 1), ("2 (pixels/inch)", 72), ("2 (pixels/inch)", 96)]
RESOLUTIONS += [("2 (pixels/inch)", 300)]


def usual_tags(number):
    resampling, resolution = number % 16, number // 16
    if number == 0 or resampling > 8 or resolution > 5:
        raise CorruptStream("usual tags")
    found = {}
    if resampling:
        found["OVR_RESAMPLING_ALG"] = RESAMPLINGS[resampling - 1]
    if resolution:
        unit, pixels = RESOLUTIONS[resolution - 1]
        found["TIFFTAG_RESOLUTIONUNIT"] = unit
        found["TIFFTAG_XRESOLUTION"] = found["TIFFTAG_YRESOLUTION"] = str(pixels)
    if resolution == 2:
        found["TIFFTAG_SOFTWARE"] = "tifffile.py"
    return {(0, ""): found}


def tags(payload):
    if payload.left() == 1:
        return usual_tags(payload.number(1))
    source = Bytes(inflate(payload.take(payload.left())))
    found, place, is_closed = {}, (0, b""), False
    while True:
        group, before, is_closed = {}, b"", False
        while source.left() and not is_closed:
            name = string(source).encode()
            if not name:
                is_closed = True
            elif name <= before:
                raise CorruptStream("tags")
            else:
                group[name.decode()] = string(source)
                before = name
        if group:
            found[place[0], place[1].decode()] = group
        elif place != (0, b"") or not is_closed:
            raise CorruptStream("no tags")
        if not is_closed:
            return found
        last, place = place, (source.varint(0, 65536), string(source).encode())
        if place <= last:
            raise CorruptStream("tags")


def samples(source):
    kinds = source.number(1)
    dtype, of_nodata, of_mapping = kinds & 15, kinds >> 4 & 3, kinds >> 6
    if dtype > 10 or of_mapping == 3:
        raise CorruptStream("samples")
    n = count(source) if of_nodata == 3 or of_mapping == 2 else None
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
    0x05: tags,
    0x81: samples,
    0x82: mask,
    0x83: rotation,
    0x84: reduced,
}
