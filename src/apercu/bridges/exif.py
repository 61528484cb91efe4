"""The little of EXIF and XMP that changes a picture: its orientation, and whether its colours are Adobe RGB.

What cannot be read counts as absent: the picture is sound without it. Numbers are those of Exif 2.32.
"""

import re
import struct
from io import BytesIO

from apercu.bridges.tiff_tags import Form, Tag, form_and_first, read_tags, values_of
from apercu.errors import FileFormatError

_ORIENTATION = 274
_EXIF, _INTEROPERABILITY = 0x8769, 0xA005  # tags that point to directories of their own
_COLOUR_SPACE, _INTEROPERABILITY_INDEX = 0xA001, 1
_SRGB = 1
_MOST_BYTES = 64  # of the values that are looked for


def orientation(record: bytes, xmp: bytes = b"") -> int:
    """What a record of EXIF says, else XMP; 1 where neither can be read."""
    for value in _numbers(record, (), _ORIENTATION):
        return value
    found = re.search(rb'tiff:Orientation(?:="|>)([0-9])', xmp)
    return int(found[1]) if found else 1


def is_adobe_rgb(record: bytes) -> bool:
    """Whether a camera's EXIF says Adobe RGB, by the word that DCF 2.0 has for it (R03)."""
    paths = ((_EXIF, _INTEROPERABILITY), (_INTEROPERABILITY,))
    words = [bytes(_numbers(record, path, _INTEROPERABILITY_INDEX)[:3]) for path in paths]
    return b"R03" in words and _numbers(record, (_EXIF,), _COLOUR_SPACE)[:1] != (_SRGB,)  # converted since


def _numbers(record: bytes, path: tuple[int, ...], name: int) -> tuple[int, ...]:
    """The whole numbers of a tag, in the directory that a path of pointers leads to; none where it cannot be read."""
    stream = BytesIO(record.removeprefix(b"Exif\0\0"))
    try:
        form, offset = form_and_first(stream)
        for pointer in path:
            offset = _whole(read_tags(stream, form, offset, {pointer: _MOST_BYTES}), pointer, form)[0]
        return _whole(read_tags(stream, form, offset, {name: _MOST_BYTES}), name, form)
    except (FileFormatError, struct.error, KeyError, IndexError, ValueError, OverflowError):
        return ()


def _whole(tags: dict[int, Tag], name: int, form: Form) -> tuple[int, ...]:
    return tuple(int(value) for value in values_of(tags[name], form))
