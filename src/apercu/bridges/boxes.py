"""The boxes of AVIF and JP2 files that Pillow does not read: colours, and broken EXIF.

Layouts are those of ISO/IEC 14496-12 (boxes, colr), ISO/IEC 23008-12 (items and their properties) and ISO/IEC 15444-1
(JP2's colr).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from apercu.bridges.colours import of_code_points
from apercu.bridges.icc import Profile
from apercu.errors import FileFormatError

_JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_SRGB_SPACES = (0, 15, 16, 17, 18)  # bilevel, sRGB, grey and sYCC, which Pillow turns to RGB
_CMYK = 12
_PARAMETERISED = 5


class _Box(NamedTuple):
    kind: bytes
    start: int  # of the content
    end: int


def avif_profile(data: bytes) -> Profile:
    """What the colr boxes of an AVIF's primary item say: its ICC profile, or else its code points.

    Raises:
        FileFormatError: high dynamic range, or code points that are not known.
    """
    stated = [data[box.start : box.end] for box in _primary_properties(data) if box.kind == b"colr"]
    if not stated and (at := data.find(b"colrnclx")) >= 0:  # a sequence keeps them deep in its track
        stated = [data[at + 4 : at + 15]]
    for content in stated:
        if content[:4] in (b"prof", b"rICC"):
            return content[4:]
    for content in stated:
        if content[:4] == b"nclx" and len(content) >= 11:
            primaries, transfer = struct.unpack_from(">HH", content, 4)
            return of_code_points(primaries, transfer)  # the range is for Y'CbCr: the reader's decoder resolves it
    return None


def without_exif(data: bytes) -> bytes:
    """An AVIF whose EXIF item has another name, so that no reader looks into it.

    Pillow refuses the whole file if its EXIF is broken. EXIF is not needed: an AVIF is turned by the properties of its
    item (irot, imir).
    """
    renamed = bytearray(data)
    for meta in _children(data, 0, len(data), b"meta"):
        for item_info in _children(data, meta.start + 4, meta.end, b"iinf"):
            n_bytes = 2 if data[item_info.start] == 0 else 4  # of the count of entries, after version and flags
            for entry in _children(data, item_info.start + 4 + n_bytes, item_info.end, b"infe"):
                if (at := data.find(b"Exif", entry.start, min(entry.start + 12, entry.end))) >= 0:
                    renamed[at : at + 4] = b"void"
    return bytes(renamed)


def jp2_profile(data: bytes) -> Profile:
    """What the first colr box of a JP2 says; None for a bare codestream, which says nothing.

    Raises:
        FileFormatError: an enumerated colour space that Pillow would take for sRGB, or high dynamic range.
    """
    if not data.startswith(_JP2_SIGNATURE):
        return None
    for header in _children(data, 0, len(data), b"jp2h"):
        for box in _children(data, header.start, header.end, b"colr"):
            method, content = data[box.start], data[box.start + 3 : box.end]
            if method in (2, 3):
                return content
            if method == _PARAMETERISED and len(content) >= 4:
                return of_code_points(*struct.unpack_from(">HH", content))
            (space,) = struct.unpack_from(">I", content)
            if method == 1 and space not in (*_SRGB_SPACES, _CMYK):
                raise FileFormatError(f"a JPEG 2000 of colour space {space} (ISO/IEC 15444); convert it to sRGB first")
            return None
    return None


def jp2_codestream(data: bytes) -> int:
    """Where the codestream of a JPEG 2000 begins: 0 for a bare one."""
    if not data.startswith(_JP2_SIGNATURE):
        return 0
    return next((box.start for box in _children(data, 0, len(data), b"jp2c")), 0)


def _primary_properties(data: bytes) -> Iterator[_Box]:
    """The properties that are associated with the primary item."""
    for meta in _children(data, 0, len(data), b"meta"):
        inside = (meta.start + 4, meta.end)  # after version and flags
        primary = None
        for box in _children(data, *inside, b"pitm"):
            primary = int.from_bytes(data[box.start + 4 : box.start + (6 if data[box.start] == 0 else 8)])
        for properties in _children(data, *inside, b"iprp"):
            known = [
                box
                for container in _children(data, properties.start, properties.end, b"ipco")
                for box in _children(data, container.start, container.end)
            ]
            for association in _children(data, properties.start, properties.end, b"ipma"):
                for item, number in _associations(data, association):
                    if item == primary and 1 <= number <= len(known):
                        yield known[number - 1]


def _associations(data: bytes, box: _Box) -> Iterator[tuple[int, int]]:
    """(item, number of its property) of an ipma box; a number counts from 1."""
    version, flags = data[box.start], int.from_bytes(data[box.start + 1 : box.start + 4])
    item_bytes, number_bytes = 2 if version < 1 else 4, 2 if flags & 1 else 1
    (n_items,) = struct.unpack_from(">I", data, box.start + 4)
    at = box.start + 8
    for _ in range(n_items):
        if at + item_bytes + 1 > box.end:
            return
        item, n_numbers = int.from_bytes(data[at : at + item_bytes]), data[at + item_bytes]
        at += item_bytes + 1
        for _ in range(n_numbers):
            # The highest bit says that a reader has to know the property.
            number = int.from_bytes(data[at : at + number_bytes]) & (0x7FFF if number_bytes == 2 else 0x7F)
            at += number_bytes
            yield item, number


def _children(data: bytes, start: int, end: int, kind: bytes | None = None) -> Iterator[_Box]:
    """The boxes that stand between two positions, all or those of one kind; stops where one does not fit."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        if kind is None or name == kind:
            yield _Box(name, start + head, start + size)
        start += size
