"""A second reader of version 2, written from spec/scenes.md alone and to be read beside it: plain, exact and slow.

It shares no code with apercu. `read` gives a dictionary of chunks, in the specification's own terms, and the inner
file; `decode` an image.
"""

import binascii
import math

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
from reference_chunks import CHUNKS


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
        payload = within(lambda: chunks.take(chunks.varint(0, 2**24 - 1)))
        if number not in CHUNKS:
            if number >= 128:
                raise UnknownChunk(f"{number:02x}")
            continue
        inside = Bytes(payload)
        found[number] = within(lambda number=number, inside=inside: CHUNKS[number](inside))
        if inside.left():
            raise CorruptStream("a chunk goes on")
    return found, source.take(source.left())


def within(reading):
    """What is read of a chunk; its end is no end of the file."""
    try:
        return reading()
    except Truncated as early:
        raise CorruptStream("a chunk ends too soon") from early


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
    own = found["mapping"] or found["dtype"] == ("uint16" if wide else "uint8")
    return own and found["n"] in (None, head.bands)


# --- Pixels ---------------------------------------------------------------------------------------
def decode(data, weights=None, limit=2**28, full_size=False):
    """The image at the coded size, or the full one."""
    with np.errstate(over="ignore"):
        return decode_file(data, weights, limit, full_size)


def decode_file(data, weights, limit, full_size):
    if data[2:3] != b"\x20":
        return reference_decoder.decode(data, weights)
    chunks, inner = read(data)
    head = reference_decoder.read_head(Bytes(inner), limit)
    check_fit(chunks, head)
    hidden = hidden_samples(chunks[0x82], head) if 0x82 in chunks else np.zeros((head.height, head.width, 1), bool)
    image = reference_decoder.decode(inner, weights)
    if 0x83 in chunks:
        image = bands_of(image, *chunks[0x83])
    if full_size and 0x84 in chunks:
        k, height, width = chunks[0x84]
        image = enlarged(image, k, height, width)
        hidden = hidden.repeat(2**k, 0).repeat(2**k, 1)[:height, :width]
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


WEIGHTS = {-1: -3, 0: 29, 1: 7, 2: -1}


def enlarged(image, k, height, width):
    """From the coded size to the full one (spec/reduced.md)."""
    for j in range(k - 1, -1, -1):
        image = doubled(image, -(-height // 2**j), -(-width // 2**j))
    return image


def doubled(s, height, width):
    h, w = s.shape[:2]
    out = np.empty((height, width, *s.shape[2:]), s.dtype)
    for place in np.ndindex(out.shape):
        (y, x), band = place[:2], place[2:]
        i, u = y // 2, 1 if y % 2 else -1
        j, v = x // 2, 1 if x % 2 else -1
        total = 0
        for m, a in WEIGHTS.items():
            for n, b in WEIGHTS.items():
                row, column = min(max(i + u * m, 0), h - 1), min(max(j + v * n, 0), w - 1)
                total += a * b * int(s[(row, column, *band)])
        out[place] = min(max((total + 512) // 1024, 0), int(np.iinfo(s.dtype).max))
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
