"""A second decoder, written from the specification (spec/) alone and to be read beside it: plain, exact and slow.

It shares no code with apercu. The paths of quality, and the SHA-256 of the weights, are read from the text itself. Here
are the container and the planes. A codec is a module with

    LAYERS                                         the most layers
    setting(quality_q8, parameters, text)          what its part says of settings; one of the two is None
    tables(array, codec)                           the model; raises ModelError
    has_room(head, tile, planes, model)            whether the last of the tile's segments can hold what it should
    read(head, tile, planes, model)                the tile's symbols; the bands of a codec of samples
    synthesise(head, planes, symbols, model)       the planes, with 5 fraction bits; not of a codec of samples
"""

import binascii
import hashlib
import re
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

import reference_dct
import reference_dual_maps
import reference_predictive
import reference_rnn
import reference_stacked_ae
import reference_taha2025
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

ROOT = Path(__file__).resolve().parent.parent
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "spec").glob("*.md")))
GREY, RGB, RGBA, SPECTRAL = range(4)
CODECS = {
    1: reference_taha2025,
    2: reference_wavelet,
    3: reference_dct,
    4: reference_dct,
    5: reference_predictive,
    6: reference_stacked_ae,
    7: reference_dual_maps,
    8: reference_stacked_ae,
    9: reference_rnn,
}
"""By the number in the file, which stands for an entropy coder, too."""
OTHER_MODELS = {10: 2}
"""Models whose number is not that of their codec."""
OF_SAMPLES = {5}
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
    head.codec = source.number(1) if head.model == 0 else OTHER_MODELS.get(head.model, head.model)
    if head.codec not in CODECS:
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
    codec = CODECS[head.codec]
    if head.n_layers > codec.LAYERS:
        raise CorruptStream("too many layers")
    head.setting = codec.setting(None if parameters is not None else quality_q8, parameters, TEXT)
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


def read_tiles(source, head, model):
    if head.parts:
        return read_parts(source, head, model)
    n_check = 2 if head.width * head.height <= 4096 else 4
    if source.left() < n_check:
        raise Truncated("no room for the checksum")
    body, checksum = source.data[:-n_check], int.from_bytes(source.data[-n_check:], "little")
    if checksum != (binascii.crc_hqx(body, 0xFFFF) if n_check == 2 else zlib.crc32(body)):
        raise ChecksumError("file")
    tile = Tile(0, 0, head.height, head.width, [body[source.at :]])
    check_room(head, tile, model)
    return [tile]


def read_parts(source, head, model):
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
        check_room(head, tiles[number % len(tiles)], model)
    if source.left():
        raise CorruptStream("bytes after the last segment")
    return tiles


def check_room(head, tile, model):
    if not CODECS[head.codec].has_room(head, tile, planes_of(head, tile), model):
        raise Truncated("a segment has too few bytes for what it holds")


# --- The model ------------------------------------------------------------------------------------
def model_of(head, users):
    """The array of the registry, or the user's: either way, the one with the right SHA-256; as the codec takes it."""
    row = re.search(rf"^\| {head.model} \| `\w+` \| `\w+` \| `(.*?)` \| `(.*?)` \|$", TEXT, re.MULTILINE)
    array, sha256 = (np.load(ROOT / row[1]), bytes.fromhex(row[2])) if row and head.model else (users, head.hash)
    if array is None:
        raise ModelError("the file was made with weights that are not at hand")
    model = CODECS[head.codec].tables(array, head.codec)
    if hashlib.sha256(array.astype("<u2" if array.itemsize == 2 else "u1").tobytes()).digest()[: len(sha256)] != sha256:
        raise ModelError("the file was made with other weights")
    return model


# --- Planes and samples ---------------------------------------------------------------------------
class Plane(NamedTuple):
    height: int
    width: int
    of_class: int  # 1 for Cb and Cr
    companion: int | None = None


def planes_of(head, tile):
    full, half = (tile.height, tile.width, 0), ((tile.height + 1) // 2, (tile.width + 1) // 2, 1)
    if head.interpretation in (RGB, RGBA):
        return [Plane(*full), Plane(*half, 0), Plane(*half, 1), Plane(*full)][: head.bands]
    return [Plane(*full, band - 1 if band else None) for band in range(head.bands)]


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
    """What the codec reads of each tile, given the registry's model."""
    source = Bytes(data)
    head = read_head(source, limit)
    model = model_of(head, None)
    tiles = read_tiles(source, head, model)
    return [CODECS[head.codec].read(head, tile, planes_of(head, tile), model) for tile in tiles]


def decode(data, weights=None, limit=2**28):
    """The image, uint8 or uint16, (H, W), or (H, W, bands) unless it is grey without an axis of one band.

    `weights`: the array of model 0. Raises a subclass of Refused.
    """
    source = Bytes(data)
    head = read_head(source, limit)
    model, codec = model_of(head, weights), CODECS[head.codec]
    tiles = read_tiles(source, head, model)
    image = np.zeros((head.height, head.width, head.bands), np.uint16 if head.wide else np.uint8)
    for tile in tiles:
        planes = planes_of(head, tile)
        bands = codec.read(head, tile, planes, model)
        if head.codec not in OF_SAMPLES:
            bands = codec.synthesise(head, planes, bands, model)
            if head.interpretation in (RGB, RGBA):
                bands = [*colour(*bands[:3]), *bands[3:]]
            bands = [samples(v, head, band) for band, v in enumerate(bands)]
        for band, v in enumerate(bands):
            image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width, band] = v
    return image[:, :, 0] if head.interpretation == GREY and not head.axis else image
