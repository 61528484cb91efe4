"""A second decoder, written from the specification (spec/) alone and to be read beside it: plain, exact and slow.

It shares no code with apercu. The path of quality, and the SHA-256 of the weights, are read from the text itself.
"""

import binascii
import hashlib
import re
import zlib
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

import reference_predictive
import reference_wavelet
from reference_bytes import (
    Bytes,
    ChecksumError,
    CorruptStream,
    ModelError,
    NotApercu,
    TooLarge,
    Truncated,
    UnknownModel,
    UnsupportedVersion,
)
from reference_taha2025 import read_segment, synthesise

ROOT = Path(__file__).resolve().parent.parent
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "spec").glob("*.md")))
GREY, RGB, RGBA, SPECTRAL = range(4)
DUAL, WAVELET, PREDICTIVE = 1, 2, 5
LACKED = (3, 4, 6, 7, 8)
"""Numbers of models and of codecs, in the fourth byte or after a 0 there, that this decoder does not have."""
MOST_LAYERS = {DUAL: 1, WAVELET: 5, PREDICTIVE: 1}
BY_HAND = 32767


# --- Container ------------------------------------------------------------------------------------
class Tile(NamedTuple):
    y: int
    x: int
    height: int
    width: int
    segments: list[bytes]


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
    if flags >> 4 != 1:
        raise UnsupportedVersion(f"version {flags >> 4}")
    head.wide, head.parts, head.interpretation = bool(flags & 8), bool(flags & 4), flags & 3
    head.model = source.number(1)
    head.codec = source.number(1) if head.model == 0 else head.model
    if head.codec not in MOST_LAYERS:
        raise UnknownModel(f"model {head.model}, codec {head.codec}")
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
    head.n_layers = head.n_layers if head.parts else 1
    if head.n_layers > MOST_LAYERS[head.codec]:
        raise CorruptStream("too many layers")
    if head.codec == WAVELET:
        if parameters is not None:
            raise CorruptStream("apercu has no settings made by hand")
        head.step_q8 = reference_wavelet.step_of_quality(quality_q8, TEXT)
    elif head.codec == PREDICTIVE:
        head.quality_q8 = None if parameters is not None else quality_q8
        head.max_error = None if parameters is None else error_of_parameters(parameters)
    else:
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
    tile = Tile(0, 0, head.height, head.width, [body[source.at :]])
    check_room(head, tile, 0)
    return [tile]


def read_parts(source, head):
    tiles = [
        Tile(y, x, min(head.side, head.height - y), min(head.side, head.width - x), [])
        for y in range(0, head.height, head.side)
        for x in range(0, head.width, head.side)
    ]
    for number, length in enumerate(head.lengths):
        segment = source.take(length)
        if source.number(4) != zlib.crc32(head.checksum + number.to_bytes(4, "little") + segment):
            raise ChecksumError(f"segment {number}")
        tiles[number % len(tiles)].segments.append(segment)
        check_room(head, tiles[number % len(tiles)], number // len(tiles))
    if source.left():
        raise CorruptStream("bytes after the last segment")
    return tiles


def check_room(head, tile, layer):
    """Whether the segment can hold what it should."""
    n_bytes, planes = len(tile.segments[-1]), planes_of(head, tile)
    if head.codec == PREDICTIVE:
        n_samples = tile.height * tile.width * head.bands
        too_few = n_samples > (2**19 if head.model == 0 else 2**13) * (n_bytes + 5)
    elif head.codec == DUAL:
        too_few = 8 * n_bytes < 12 * len(planes)
    else:
        last = head.n_layers - layer
        stages = range(last, 6 if layer == 0 else last + 1)
        least = 0
        for plane in planes:
            of_class = int(plane.is_chroma)
            for band, (h, w) in reference_wavelet.layout(wavelet_plane(head, 0, plane)).items():
                stage = 5 if band == "LL" else band[0] + of_class
                if stage in stages:
                    least += -(-h // 4) * -(-w // 4) if stage < 3 else h * w
        too_few = least > (2**19 if head.model == 0 else 2**15) * (n_bytes + 5)
    if too_few:
        raise Truncated("a segment has too few bytes for what it holds")


# --- Settings and weights -------------------------------------------------------------------------
def error_of_parameters(parameters):
    source = Bytes(parameters)
    try:
        max_error = source.varint(0, 65535)
    except Truncated:
        raise CorruptStream("parameters end early") from None
    if source.left():
        raise CorruptStream("parameters go on")
    return max_error


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
    section = TEXT.split("**Path of `taha2025`.**")[1].split("\n## ")[0]
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
    row = re.search(rf"^\| {head.model} \| `\w+` \| `\w+` \| `(.*?)` \| `(.*?)` \|$", TEXT, re.MULTILINE)
    weights, sha256 = (np.load(ROOT / row[1]), bytes.fromhex(row[2])) if row and head.model else (users, head.hash)
    kind, size = {DUAL: ("i", 1152), WAVELET: ("u", 270 + 2 * 11166), PREDICTIVE: ("u", 384 + 2 * 25080)}[head.codec]
    if weights is None or weights.dtype.kind != kind or weights.size != size:
        raise ModelError("the file was made with other weights")
    if hashlib.sha256(weights.astype("<u2").tobytes()).digest()[: len(sha256)] != sha256:
        raise ModelError("the file was made with other weights")
    return weights


# --- Planes and samples ---------------------------------------------------------------------------
class Plane(NamedTuple):
    height: int
    width: int
    is_chroma: bool


def planes_of(head, tile):
    full = Plane(tile.height, tile.width, False)
    half = Plane((tile.height + 1) // 2, (tile.width + 1) // 2, True)
    return [full, half, half, full][: head.bands] if head.interpretation in (RGB, RGBA) else [full] * head.bands


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
def wavelet_plane(head, index, plane):
    has_companion = plane.is_chroma or (head.interpretation == SPECTRAL and index > 0)
    return reference_wavelet.Plane(plane.height, plane.width, int(plane.is_chroma), has_companion)


def read_tile(head, tile, weights):
    """taha2025: what read_segment returns. apercu: for each plane its symbols by band. predictive: the bands."""
    planes = planes_of(head, tile)
    if head.codec == PREDICTIVE:
        spans = [extent for _, extent in head.levels]
        how = reference_predictive.errors(head.quality_q8, head.max_error, tile.height, max(spans, default=255), TEXT)
        order = [1, 0, 2, 3][: head.bands] if head.interpretation in (RGB, RGBA) else list(range(head.bands))
        shape, peak = (tile.height, tile.width, head.bands), 65535 if head.wide else 255
        coded = reference_predictive.decode(tile.segments[0], shape, peak, how[0], weights, how[1])
        return [np.array(coded[order.index(band)]) for band in range(head.bands)]
    if head.codec == DUAL:
        return read_segment(tile.segments[0], planes)
    reader = reference_wavelet.Tile([wavelet_plane(head, i, plane) for i, plane in enumerate(planes)], weights)
    for layer, segment in enumerate(tile.segments):
        last = head.n_layers - layer
        try:
            reader.layer(segment, last if layer else 5, last)
        except reference_wavelet.Ended as end:
            raise (Truncated if end.args[0] else CorruptStream)("the end of a stream") from None
    return reader.symbols


def synthesise_tile(head, tile, coded, weights):
    planes = planes_of(head, tile)
    if head.codec == DUAL:
        return [synthesise(plane, *c, head.step_q3, weights) for plane, c in zip(planes, coded, strict=True)]
    return [
        reference_wavelet.synthesise(wavelet_plane(head, i, plane), symbols, head.step_q8)
        for i, (plane, symbols) in enumerate(zip(planes, coded, strict=True))
    ]


def symbols(data, limit=2**28):
    """For each tile, for each plane: (groups uint8, one a block, 0 for G1 and 1 for G2; symbols int64, as coded), or
    symbols by band."""
    source = Bytes(data)
    head = read_head(source, limit)
    weights = None if head.codec == DUAL else weights_of(head, None)
    return [read_tile(head, tile, weights) for tile in read_tiles(source, head)]


def decode(data, weights=None, limit=2**28):
    """The image, uint8 or uint16, (H, W), or (H, W, bands) unless it is grey without an axis of one band.

    `weights`: those of model 0. Raises a subclass of Refused.
    """
    source = Bytes(data)
    head = read_head(source, limit)
    weights = weights_of(head, weights)
    image = np.zeros((head.height, head.width, head.bands), np.uint16 if head.wide else np.uint8)
    for tile in read_tiles(source, head):
        bands = read_tile(head, tile, weights)
        if head.codec != PREDICTIVE:
            bands = synthesise_tile(head, tile, bands, weights)
            if head.interpretation in (RGB, RGBA):
                bands[:3] = colour(*bands[:3])
            bands = [samples(v, head, band) for band, v in enumerate(bands)]
        for band, v in enumerate(bands):
            image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width, band] = v
    return image[:, :, 0] if head.interpretation == GREY and not head.axis else image
