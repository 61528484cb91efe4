"""The container: head, directory, segments and their checksums (spec/FORMAT.md, "Container")."""

import binascii
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from apercu.errors import (
    ApercuError,
    ChecksumError,
    CorruptStream,
    FormatError,
    NotApercu,
    Truncated,
    UnknownModel,
    UnsupportedVersion,
)
from apercu.format.ids import CODEC_IDS, CODECS, INTERPRETATION_IDS, MAGIC, MODELS, USER_MODEL, VERSION
from apercu.stages.blocks import n_tiles
from apercu.stages.colour import MAX_LEVEL_CODE, Levels, level_groups

MAX_SIDE = 65535
MAX_BANDS = 65535
MAX_QUALITY_Q8 = 25_600
BY_HAND = 32_767
"""The code in place of a quality: the codec's settings follow as parameters."""
SMALL_PIXELS = 4096
"""Images of up to this many pixels have CRC-16 instead of CRC-32."""
_HOLE, _HOLE_AT_END = 16, 4
"""Zeros in a row that stand for lost bytes; and of those that end with a checksum, which is seldom 0."""
MIN_TILE_LOG2, MAX_TILE_LOG2 = 5, 16
MOST_BYTES = 0xFFFFFFF  # of a segment
_AT_A_TIME, _FEW = 1 << 14, 32  # bytes of a directory that are read at once, and numbers that are read one by one

_INTERPRETATIONS = {number: name for name, number in INTERPRETATION_IDS.items()}
_N_BANDS = {"grey": 1, "rgb": 3, "rgba": 4}


@dataclass(frozen=True)
class Header:
    """Everything before the first segment.

    `lengths` counts the bytes of every segment, layer by layer and tile by tile within a layer, in 4 bytes each; it is
    empty in a file of one segment, which needs no directory. `head_size` is the number of bytes before the first
    segment.
    """

    height: int
    width: int
    n_bands: int
    interpretation: str
    wide: bool = False
    """uint16 rather than uint8."""
    flat: bool = True
    """A grey image without an axis of bands."""
    codec: str = "taha2025"
    model_id: int = 1
    model_hash: bytes = b""
    quality_q8: int | None = None
    """Quality in 1/256; None where `parameters` hold settings made by hand."""
    parameters: bytes = b""
    levels: tuple[Levels, ...] = ()
    tile_log2: int = 0
    n_layers: int = 1
    lengths: "array[int]" = field(default_factory=lambda: array("I"))
    head_size: int = 0
    version: int = VERSION
    other_entropy: str = ""
    """The entropy coder, where it is not the codec's default."""

    @property
    def entropy(self) -> str:
        """The entropy coder."""
        return self.other_entropy or CODECS[self.codec][0]

    @property
    def tile(self) -> int:
        """Pixels a side of a tile; the longer side of the image where there is but one tile."""
        return 1 << self.tile_log2 if self.tile_log2 else max(self.height, self.width)

    @property
    def n_tiles(self) -> int:
        """Tiles of the image."""
        return n_tiles(self.height, self.width, self.tile)


def pack(header: Header, segments: list[bytes]) -> bytes:
    """A whole file. `header.lengths` and `head_size` are filled in; more than one segment makes a directory."""
    small = header.height * header.width <= SMALL_PIXELS
    if len(segments) == 1:
        body = _pack_head(replace(header, lengths=array("I")) if header.lengths else header) + segments[0]
        return body + (_crc16(body) if small else _crc32(body))
    head = _pack_head(replace(header, lengths=array("I", map(len, segments))))
    checksum = _crc32(head)
    parts = [head, checksum]
    for index, segment in enumerate(segments):
        parts += [segment, _segment_crc(checksum, index, segment)]
    return b"".join(parts)


def read_header(data: bytes, *, directory: bool = True) -> Header:
    """The header at the start of `data`, which may be no more than the first bytes of a file.

    Without its `directory`, it says nothing of tiles, layers and segments, and takes few bytes, whatever they declare.

    Raises NotApercu, UnsupportedVersion, UnknownModel, CorruptStream, ChecksumError (of the head, where it has one of
    its own), or Truncated where more bytes are needed.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotApercu("not an apercu file: the first bytes are not those of the format")
    reader = Reader(data, len(MAGIC))
    flags = reader.byte()
    if flags >> 4 != VERSION:
        raise UnsupportedVersion(f"version {flags >> 4} of the format is not read by this release (it reads {VERSION})")
    wide, parts, interpretation = bool(flags & 8), bool(flags & 4), _INTERPRETATIONS[flags & 3]
    model_id, model_hash = reader.byte(), b""
    if model_id == USER_MODEL:
        codec_id = reader.byte()
        names = next((names for names, number in CODEC_IDS.items() if number == codec_id), None)
        if names is None:
            raise UnknownModel(f"codec {codec_id} is not known to this release")
        (codec, entropy), model_hash = names, reader.take(8)
    elif model_id in MODELS:
        codec, entropy, _, _ = MODELS[model_id]
    else:
        raise UnknownModel(f"model {model_id} is not known to this release")
    width, height = reader.varint(MAX_SIDE - 1, "width") + 1, reader.varint(MAX_SIDE - 1, "height") + 1
    n_bands = _N_BANDS.get(interpretation) or reader.varint(MAX_BANDS - 1, "bands") + 1
    word = int.from_bytes(reader.take(2), "little")
    quality_q8: int | None = word & 0x7FFF
    if quality_q8 == BY_HAND:
        quality_q8 = None
    elif word & 0x7FFF > MAX_QUALITY_Q8:
        raise CorruptStream(f"quality {word & 0x7FFF}/256 is above 100")
    if word & 0x8000 and interpretation != "grey":
        raise CorruptStream("only a grey image can come with or without an axis of bands")
    levels = []
    for _ in range(len(level_groups(interpretation, n_bands)) if wide else 0):
        levels.append(Levels(reader.byte(), reader.byte()))
        if max(levels[-1]) > MAX_LEVEL_CODE or levels[-1].range_code == 0:
            raise CorruptStream("a level code is out of range")
    parameters = reader.take(reader.varint(255, "parameters")) if quality_q8 is None else b""
    header = Header(
        height, width, n_bands, interpretation, wide, not word & 0x8000, codec, model_id, model_hash, quality_q8,
        parameters, tuple(levels), head_size=reader.at, other_entropy="" if entropy == CODECS[codec][0] else entropy,
    )  # fmt: skip
    return _read_directory(reader, header) if parts and directory else header


def _read_directory(reader: "Reader", header: Header) -> Header:
    code = reader.byte()
    header = replace(header, tile_log2=(code >> 4) + MIN_TILE_LOG2 if code >> 4 != 15 else 0, n_layers=(code & 15) + 1)
    if header.tile_log2 > MAX_TILE_LOG2:
        raise CorruptStream("a tile size is out of range")
    n_segments = header.n_tiles * header.n_layers
    if n_segments < 2:
        raise CorruptStream("a directory of one segment")
    if n_segments > reader.left():  # each takes at least one byte: no memory is allocated for a false number
        raise Truncated("the file ends within its directory")
    lengths = reader.lengths(n_segments)
    expected = binascii.crc32(memoryview(reader.data)[: reader.at])
    if int.from_bytes(reader.take(4), "little") != expected:
        raise ChecksumError("the checksum of the head does not match")
    return replace(header, lengths=lengths, head_size=reader.at)


class Segments:
    """The segments of a file by number. They are looked at one by one and not copied in advance: a file may have
    millions, most of which a window does not need."""

    def __init__(self, data: bytes, header: Header) -> None:
        self._data, self._header = data, header
        self._small = header.height * header.width <= SMALL_PIXELS
        self.n_whole = 1
        """So many are there in full; those after them are cut off."""
        if header.lengths:
            self._lengths: Sequence[int] = header.lengths
            self._sums: Any = np.cumsum(np.frombuffer(header.lengths, np.uint32), dtype=np.int64)
            self.n_whole = len(self)
            if self._end(len(self) - 1) + 4 > len(data):
                self.n_whole = bisect_right(range(len(self)), len(data), key=lambda index: self._end(index) + 4)
        else:
            self._lengths = self._sums = [max(len(data) - header.head_size - (2 if self._small else 4), 0)]

    def _end(self, index: int) -> int:
        return self._header.head_size + int(self._sums[index]) + 4 * index

    def __len__(self) -> int:
        return len(self._lengths)

    def length(self, index: int) -> int:
        """Bytes of a segment."""
        return self._lengths[index]

    def content(self, index: int) -> bytes:
        """A segment, or what the file has of it."""
        end = self._end(index)
        return self._data[end - self._lengths[index] : end]

    def known_part(self, index: int) -> bytes:
        """The first bytes of a segment that has a fault: those before the end of the file, or before zeros where bytes
        were lost, as packets leave them (spec/PACKETS.md) and tools that rescue files. None where no bytes are lost."""
        if index >= self.n_whole:
            return self.content(index)
        end = self._end(index)
        guarded = self._data[end - self._lengths[index] : end + 4]
        if (hole := guarded.find(bytes(_HOLE))) >= 0:
            return guarded[:hole]
        known = guarded.rstrip(b"\0")
        n_zeros = len(guarded) - len(known)
        goes_on = n_zeros > 0 and not any(self._data[end + 4 : end + 4 + _HOLE - n_zeros])
        return known[: len(guarded) - 4] if n_zeros >= _HOLE_AT_END or goes_on else b""

    def fault(self, index: int) -> FormatError | None:
        """Truncated or ChecksumError, without the place of the segment; None where its bytes are sound."""
        if not self._header.lengths:
            return self._fault_of_one()
        if index >= self.n_whole:
            return Truncated("the file ends too soon")
        end = self._end(index)
        payload = memoryview(self._data)[end - self._lengths[index] : end]
        seed = self._data[self._header.head_size - 4 : self._header.head_size]
        if self._data[end : end + 4] != _segment_crc(seed, index, payload):
            return ChecksumError("the checksum does not match")
        return None

    def _fault_of_one(self) -> FormatError | None:
        size = 2 if self._small else 4
        if len(self._data) < self._header.head_size + size:
            return Truncated("the file ends within its first segment")
        body, checksum = memoryview(self._data)[:-size], self._data[-size:]
        if checksum != (_crc16(body) if self._small else _crc32(body)):
            return ChecksumError("the checksum does not match: the file is damaged or cut short")
        return None

    def excess(self) -> FormatError | None:
        """CorruptStream where bytes follow the last segment."""
        over = len(self._data) - self._end(len(self) - 1) - 4
        if self._header.lengths and over > 0:
            return CorruptStream(f"bytes follow the last segment: {over}")
        return None


def read_segments(data: bytes, header: Header) -> Iterator[bytes | ApercuError]:
    """Every segment of a file in order, or the error that its bytes raise: Truncated or ChecksumError.

    Bytes after the last segment are a last error, CorruptStream.
    """
    segments = Segments(data, header)
    for index in range(len(segments)):
        yield segments.fault(index) or segments.content(index)
    if over := segments.excess():
        yield over


def put_varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first, the high bit set on all but the last (LEB128)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def first_varint(data: bytes, largest: int, part: str, what: str) -> tuple[int, int]:
    """The number, at most `largest`, that `data` begin with, and how many bytes it takes; raises Truncated or
    CorruptStream, which name the part of the file and the number."""
    reader = Reader(data, part=part)
    return reader.varint(largest, what), reader.at


class Reader:
    """A position in bytes that must not run past their end."""

    def __init__(self, data: bytes, at: int = 0, part: str = "head") -> None:
        self.data, self.at, self.part = data, at, part

    def left(self) -> int:
        """Bytes that are left."""
        return len(self.data) - self.at

    def rest(self) -> bytes:
        """All of them."""
        return self.take(self.left())

    def end(self) -> None:
        """Raises CorruptStream where there are any."""
        if self.left():
            raise CorruptStream(f"bytes follow the end of the {self.part}")

    def take(self, n: int) -> bytes:
        """The next bytes; raises Truncated where fewer are left, as do all below."""
        if self.left() < n:
            raise Truncated(f"the file ends within its {self.part}")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self, largest: int, what: str) -> int:
        """The next number; raises CorruptStream where it is above the largest, or longer than need be."""
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            goes_on = byte >= 128
            # One that goes on beyond the bits of the largest is out of range, or ends in a zero.
            if value > largest or (byte == 0 and shift > 7) or (goes_on and shift >= largest.bit_length()):
                raise CorruptStream(f"a number in the {self.part} is out of range or too long: {what}")
            if not goes_on:
                return value

    def lengths(self, n: int) -> "array[int]":
        """`n` lengths of segments."""
        if n <= _FEW:  # for which NumPy takes longer
            return array("I", [self.varint(MOST_BYTES, "segment") for _ in range(n)])
        found = array("I")
        while len(found) < n:
            n_bytes = min(4 * (n - len(found)), _AT_A_TIME, self.left())
            some = np.frombuffer(self.data, np.uint8, n_bytes, self.at)
            lasts = np.flatnonzero(some < 128)[: n - len(found)]
            if not lasts.size:
                found.append(self.varint(MOST_BYTES, "segment"))  # which raises, since it goes on too long or ends
                continue
            firsts = np.concatenate([[0], lasts[:-1] + 1])
            sizes = lasts - firsts
            if sizes.max() > 3 or np.any((some[lasts] == 0) & (sizes > 0)):
                raise CorruptStream("a number in the head is out of range or too long: segment")
            values = np.zeros(lasts.size, np.uint32)
            for k in range(int(sizes.max()) + 1):
                some_more = np.flatnonzero(sizes >= k)
                values[some_more] |= (some[firsts[some_more] + k].astype(np.uint32) & 127) << np.uint32(7 * k)
            found.frombytes(values.tobytes())
            self.at += int(lasts[-1]) + 1
        return found


def read_varints(data: bytes, n: int, largest: int) -> list[int]:
    """Exactly `n` numbers of at most `largest` that fill `data`; raises CorruptStream otherwise."""
    reader = Reader(data)
    try:
        values = [reader.varint(largest, "parameter") for _ in range(n)]
    except Truncated:
        raise CorruptStream("the parameters are too short") from None
    if reader.left():
        raise CorruptStream("the parameters are too long")
    return values


def _pack_head(header: Header) -> bytes:
    out = bytearray(MAGIC)
    flags = INTERPRETATION_IDS[header.interpretation] | (4 if header.lengths else 0) | (8 if header.wide else 0)
    out.append(header.version << 4 | flags)
    out.append(header.model_id)
    if header.model_id == USER_MODEL:
        out.append(CODEC_IDS[header.codec, header.entropy])
        out += header.model_hash
    out += put_varint(header.width - 1) + put_varint(header.height - 1)
    if header.interpretation == "spectral":
        out += put_varint(header.n_bands - 1)
    word = BY_HAND if header.quality_q8 is None else header.quality_q8
    out += (word | (0 if header.flat else 0x8000)).to_bytes(2, "little")
    for levels in header.levels:
        out += bytes(levels)
    if header.quality_q8 is None:
        out += put_varint(len(header.parameters)) + header.parameters
    if header.lengths:
        tile = header.tile_log2 - MIN_TILE_LOG2 if header.tile_log2 else 15
        out.append(tile << 4 | (header.n_layers - 1))
        for length in header.lengths:
            out += put_varint(length)
    return bytes(out)


def _crc16(data: bytes | memoryview) -> bytes:
    """CRC-16/IBM-3740: polynomial 0x1021, initial value 0xFFFF."""
    return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "little")


def _crc32(data: bytes | memoryview) -> bytes:
    """CRC-32/ISO-HDLC, that of zlib and PNG."""
    return binascii.crc32(data).to_bytes(4, "little")


def _segment_crc(seed: bytes, index: int, payload: bytes | memoryview) -> bytes:
    """The checksum of the head's checksum, the segment's number and the segment: a segment in the wrong place fails."""
    return binascii.crc32(payload, binascii.crc32(seed + index.to_bytes(4, "little"))).to_bytes(4, "little")
