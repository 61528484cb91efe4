"""What stands before the samples of a JPEG: its size, EXIF, XMP, and where other pictures are in the same file.

Layouts are those of ITU-T T.81 (annex B), of Exif 2.32 (section 4.5.4) and of CIPA DC-007 (multi-picture format).
"""

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from apercu.bridges.tiff_tags import form_and_first, read_tags
from apercu.errors import FileFormatError

_EXIF, _XMP, _MPF = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"
_MOST_SCANS = 64  # progressive files have about ten; each takes the time of all of the picture, and few bytes
_MOST_SEGMENTS = 1 << 14  # a gigabyte of metadata
_ENTRIES = 0xB002  # of MPF: 16 bytes for each picture
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_CONTENT = {0x00, 0x01, *range(0xD0, 0xD9), 0xFF}
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # coded samples hold none of these pairs
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF, not the tables of the same range


class Head(NamedTuple):
    """What the segments before the first scan say."""

    width: int
    height: int
    n_components: int
    exif: bytes
    """The record, without the six bytes before it; empty where there is none."""
    xmp: bytes
    exif_at: tuple[int, ...]
    """Where the names of the segments of EXIF are."""
    mpf_at: int | None
    """Where the content of a multi-picture segment is."""
    is_hdr: bool
    """Whether XMP calls it the base of an Ultra HDR picture, whose other picture is a gain map."""


def read_head(data: bytes) -> Head:
    """Read the segments before the first scan.

    Raises:
        FileFormatError: there is no frame before a scan, or there are more scans than any sound file has.
        struct.error, IndexError: it is cut short.
    """
    size, xmp, mpf_at, is_hdr = None, b"", None, False
    exif: dict[int, bytes] = {}
    for kind, at in _segments(data, 2):
        if kind == _SCAN:
            _check_scans(data, at)
            break
        (length,) = struct.unpack_from(">H", data, at)
        content = data[at + 2 : at + length]
        if kind in _FRAMES and size is None:
            height, width, n_components = struct.unpack_from(">HHB", content, 1)
            size = width, height, n_components
        elif kind == 0xE1 and content.startswith(_EXIF):
            exif[at + 2] = content[len(_EXIF) :]
        elif kind == 0xE1 and content.startswith(_XMP):
            xmp = content[len(_XMP) :]
            is_hdr = is_hdr or b' hdrgm:Version="' in content
        elif kind == 0xE2 and content.startswith(_MPF):
            mpf_at = at + 2 + len(_MPF)
    if size is None:
        raise FileFormatError("the JPEG is damaged: there is no frame before its samples")
    return Head(*size, b"".join(exif.values()), xmp, tuple(exif), mpf_at, is_hdr)


def without_exif(data: bytes, head: Head) -> bytes:
    """A JPEG whose EXIF has another name, so that no reader looks into it; everything stands where it stood."""
    if not head.exif_at:
        return data
    renamed = bytearray(data)
    for at in head.exif_at:
        renamed[at : at + 4] = b"void"
    return bytes(renamed)


def pictures(data: bytes, head: Head) -> list[int]:
    """Where the pictures of a multi-picture file begin: 0 alone where it is none, or its index cannot be read."""
    if head.mpf_at is None or head.is_hdr:
        return [0]
    try:
        record = BytesIO(data[head.mpf_at : head.mpf_at + (1 << 16)])
        form, first = form_and_first(record)
        entries = read_tags(record, form, first, {_ENTRIES: 1 << 16})[_ENTRIES].content
        found = [head.mpf_at + start for _, _, start, _ in struct.iter_unpack(form.order + "LLLL", entries)]
    except (KeyError, struct.error, FileFormatError):
        return [0]
    return [0, *found[1:]]


def _segments(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """(marker, where its length is) of each segment with content from `at` on, up to the end of the picture."""
    n_segments = 0
    while (at := data.find(b"\xff", at)) >= 0:
        kind = data[at + 1]
        if kind == _END:
            return
        if kind in _WITHOUT_CONTENT:
            at += 1 if kind == 0xFF else 2
            continue
        n_segments += 1
        if n_segments > _MOST_SEGMENTS:
            raise FileFormatError(f"a JPEG of more than {_MOST_SEGMENTS} segments")
        yield kind, at + 2
        at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])


def _check_scans(data: bytes, at: int) -> None:
    if data.count(b"\xff\xda") <= _MOST_SCANS:  # other pictures and films in the same file counted too
        return
    n_scans, end = 0, at
    while (marker := _MARKER.search(data, end)) and data[marker.end() - 1] != _END:
        n_scans += data[marker.end() - 1] == _SCAN
        if n_scans >= _MOST_SCANS:
            raise FileFormatError(f"a JPEG of more than {_MOST_SCANS} scans")
        end = marker.end()
