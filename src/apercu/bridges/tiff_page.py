"""One page of a TIFF as a file of its own, for readers that take what a directory says as it comes.

Such a file has the tags that its samples need, in sizes that fit the picture, and no other directory. So no reader
meets what else is in a file from anyone: tags that overlap, directories that go round in circles, tiles of a size that
would fill the memory.
"""

import struct
from collections.abc import Mapping
from io import SEEK_CUR, SEEK_END, BytesIO, RawIOBase
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.geometry import check_size
from apercu.bridges.tiff_tags import Form, Tag, values_of
from apercu.errors import FileFormatError

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _PLANAR, _ROWS = 256, 257, 259, 277, 284, 278
_STRIPS, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 273, 279, 322, 323, 324, 325
_OLD_JPEG = 6
_SHORT = 1 << 20  # bytes of a page that is read at once
_LONG, _LONG_8 = 4, 16
_MOST_PADDING = 1 << 25
"""Samples that tiles may have outside the picture, besides three times as many as are in it."""
_MOST_PIECES, _SAMPLES_PER_PIECE = 1 << 16, 16  # each takes a reader 20 microseconds, however small it is

_SMALL, _TABLE, _PLACES = 1 << 18, 1 << 20, 1 << 27  # bytes that the values of a tag may take
SAMPLE_TAGS: dict[int, int] = {
    **dict.fromkeys((_WIDTH, _HEIGHT, 258, _COMPRESSION, 262, 266, _SAMPLES, _ROWS, _PLANAR, 317, 338, 339), _SMALL),
    **dict.fromkeys((292, 293, 332, 529, 530, 531, 532, 50674, _TILE_WIDTH, _TILE_HEIGHT), _SMALL),
    **dict.fromkeys((320, 347), _TABLE),  # colour map, tables of JPEG
    **dict.fromkeys(range(512, 522), _SMALL),  # JPEG of the old kind, where its parts are
    **dict.fromkeys((_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES), _PLACES),
}
"""The tags that samples are read by, and the most bytes that their values take."""


class Pieces(NamedTuple):
    """The strips or tiles of a page."""

    width: int
    """Of one of them, in pixels."""
    height: int
    offsets: NDArray[np.int64]
    n_bytes: NDArray[np.int64] | None
    """Of each; None where the file does not say."""


def number(tags: Mapping[int, Tag], form: Form, name: int, default: int) -> int:
    """The first number of a tag, or what it is where the tag is absent."""
    values = values_of(tags[name], form) if name in tags else ()
    return int(values[0]) if values else default


def pieces_of(
    tags: Mapping[int, Tag], form: Form, end: int, *, width: int, height: int, samples: int, bits: int
) -> Pieces:
    """Where the samples of a page are, in a file that ends at `end`.

    Raises:
        FileFormatError: the places of strips or tiles are not all there, tiles are larger than `apercu.MAX_PIXELS`
            allows, or far larger than the picture, or far too many for it, or all together have far more bytes than
            the picture and the file.
    """
    is_tiled = _TILES in tags or (_TILE_WIDTH in tags and _STRIPS not in tags)
    wide = number(tags, form, _TILE_WIDTH, 0) if is_tiled else width
    high = number(tags, form, _TILE_HEIGHT, 0) if is_tiled else min(number(tags, form, _ROWS, height), height)
    planes = samples if number(tags, form, _PLANAR, 1) == 2 else 1
    check_size(wide, high, samples // planes)
    across, down = -(-width // wide), -(-height // high)
    if is_tiled and across * wide * down * high * samples > _MOST_PADDING + 4 * width * height * samples:
        raise FileFormatError(f"a TIFF of {width} × {height} pixels in tiles of {wide} × {high}")
    n_pieces = across * down * planes
    if n_pieces > _MOST_PIECES + width * height * samples // _SAMPLES_PER_PIECE:
        raise FileFormatError(f"a TIFF of {width} × {height} pixels in {n_pieces} tiles or strips, which are too many")
    offsets = _integers(tags, form, _TILES if is_tiled and _TILES in tags else _STRIPS)
    if offsets is None or len(offsets) < n_pieces:
        raise FileFormatError(
            f"the TIFF lacks the places of some of its {n_pieces} {'tiles' if is_tiled else 'strips'}"
        )
    offsets = np.minimum(offsets[:n_pieces], end)
    n_bytes = _integers(tags, form, _TILE_BYTES if is_tiled and _TILE_BYTES in tags else _STRIP_BYTES)
    if n_bytes is None or len(n_bytes) < n_pieces:
        return Pieces(wide, high, offsets, None)
    n_raw = -(-wide * (samples // planes) * bits // 8) * high
    n_most = end if number(tags, form, _COMPRESSION, 1) != 1 else min(n_raw, end)
    n_bytes = np.minimum(n_bytes[:n_pieces], n_most)
    # Tiles may share bytes, as empty ones do, but a reader reads them again for each.
    if int(n_bytes.sum()) > 2 * end + 4 * n_raw * n_pieces:
        raise FileFormatError("a TIFF whose tiles or strips have far more bytes than the file and the picture")
    return Pieces(wide, high, offsets, n_bytes)


def alone(stream: BinaryIO, tags: Mapping[int, Tag], form: Form, pieces: Pieces) -> BinaryIO:
    """The page as a file of its own; it reads from `stream`, whose position then changes."""
    end = stream.seek(0, 2)
    n_head = 16 if form.is_big else 8
    kept = {name: tag for name, tag in tags.items() if name in SAMPLE_TAGS}
    offsets_in, n_bytes_in = (_TILES, _TILE_BYTES) if _TILES in kept else (_STRIPS, _STRIP_BYTES)
    if offsets_in == _STRIPS:
        kept[_ROWS] = _places(form, np.array([pieces.height]))
    kept[offsets_in] = _places(form, pieces.offsets)
    if pieces.n_bytes is not None:
        kept[n_bytes_in] = _places(form, pieces.n_bytes)
    compression = number(tags, form, _COMPRESSION, 1)
    if compression == _OLD_JPEG:  # which has more places than those of its strips, so everything stays where it is
        return _spliced(_header(form, end), stream, n_head, end, _directory(form, kept, end))
    filled = pieces.offsets[pieces.offsets > 0]
    start = min(int(filled.min(initial=end)), end)
    if pieces.n_bytes is not None and compression != 1:  # of samples as they are, nobody asks how many bytes there are
        end = max(start, min(end, int(filled.max(initial=0)) + int(pieces.n_bytes.max())))
    moved = n_head + len(_directory(form, kept, n_head)) - start
    kept[offsets_in] = _places(form, np.where(pieces.offsets > 0, pieces.offsets + moved, 0))  # 0: one is left out
    return _spliced(_header(form, n_head) + _directory(form, kept, n_head), stream, start, end, b"")


def _spliced(head: bytes, source: BinaryIO, start: int, end: int, tail: bytes) -> BinaryIO:
    file = _Spliced(head, source, start, end, tail)
    if len(head) + end - start + len(tail) <= _SHORT:  # many short reads take longer
        return BytesIO(file.read())
    return cast(BinaryIO, file)  # by all that is asked of one that is read


def _header(form: Form, first: int) -> bytes:
    numbers = struct.pack(
        form.order + ("HHHQ" if form.is_big else "HL"), *((43, 8, 0) if form.is_big else (42,)), first
    )
    return (b"II" if form.order == "<" else b"MM") + numbers


def _integers(tags: Mapping[int, Tag], form: Form, name: int) -> NDArray[np.int64] | None:
    if name not in tags:
        return None
    kind = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}.get(tags[name].kind)
    if kind is None:
        raise FileFormatError(f"tag {name} of the TIFF holds no whole numbers")
    numbers = np.frombuffer(tags[name].content, form.order + kind)
    if kind == "u8" and (numbers >> 62).any():
        raise FileFormatError(f"tag {name} of the TIFF is beyond the end of any file")
    return numbers.astype(np.int64)


def _places(form: Form, numbers: NDArray[np.int64]) -> Tag:
    kind, dtype = (_LONG_8, "u8") if form.is_big else (_LONG, "u4")
    return Tag(kind, len(numbers), numbers.astype(form.order + dtype).tobytes())


def _directory(form: Form, tags: Mapping[int, Tag], at: int) -> bytes:
    """A directory that is to stand at `at`, with the values of its tags behind it."""
    room = struct.calcsize(form.offset)
    behind = at + struct.calcsize(form.n_entries) + len(tags) * struct.calcsize(form.entry) + room
    entries, values = b"", b""
    for name in sorted(tags):
        kind, count, content = tags[name]
        if len(content) > room:
            content, values = struct.pack(form.offset, behind + len(values)), values + content
            values += bytes(len(values) % 2)
        entries += struct.pack(form.entry, name, kind, count, content)
    return struct.pack(form.n_entries, len(tags)) + entries + bytes(room) + values


class _Spliced(RawIOBase):
    """Bytes, a part of a file, and bytes again, as one file to read."""

    def __init__(self, head: bytes, source: BinaryIO, start: int, end: int, tail: bytes) -> None:
        super().__init__()
        self._head, self._source, self._start, self._tail = head, source, start, tail
        self._n_middle, self._at = end - start, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        length = len(self._head) + self._n_middle + len(self._tail)
        self._at = max(0, offset + {SEEK_CUR: self._at, SEEK_END: length}.get(whence, 0))
        return self._at

    def readinto(self, buffer: Any) -> int:
        """As much as one of the three parts has at this place, into an array of any dtype."""
        room = memoryview(buffer).cast("B")
        in_middle = self._at - len(self._head)
        if 0 <= in_middle < self._n_middle:
            self._source.seek(self._start + in_middle)
            room = room[: self._n_middle - in_middle]
            if hasattr(self._source, "readinto"):
                n_read: int = self._source.readinto(room)
            else:
                data = self._source.read(len(room))
                n_read = len(data)
                room[:n_read] = data
        else:
            part, at = (self._head, self._at) if in_middle < 0 else (self._tail, in_middle - self._n_middle)
            data = part[at : at + len(room)]
            n_read = len(data)
            room[:n_read] = data
        self._at += n_read
        return n_read

    def read(self, size: int | None = -1) -> bytes:
        """That many bytes, or what is left; room is made for no more than that, whatever is asked for."""
        left = max(0, len(self._head) + self._n_middle + len(self._tail) - self._at)
        room = memoryview(bytearray(left if size is None or size < 0 else min(size, left)))
        n_read = 0
        while n_read < len(room) and (step := self.readinto(room[n_read:])):
            n_read += step
        return bytes(room[:n_read])
