"""Reads a picture from a pipe or a device, which cannot be rewound and may never end.

The first bytes have to be those of a picture before more is read, and `apercu.MAX_PIXELS` bounds the rest.
"""

import os
import stat
import struct
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from apercu.bridges.bounded import up_to
from apercu.bridges.geometry import most_pixels
from apercu.bridges.tiff import is_tiff
from apercu.errors import FileFormatError
from apercu.format.ids import MAGIC

_PREFIX = 16  # bytes by which Pillow knows a kind of picture
_FIRST = 1 << 16  # bytes by which the kinds without a signature are known
_HEAD = 1 << 20  # bytes in which the head of most pictures is
_OF_ONE_FRAME = ("PNG", "JPEG", "JPEG2000", "BMP", "PPM")
_STEP = 1 << 22  # bytes read at once
_BYTES_PER_PIXEL = 8  # four bands of 16 bits, not compressed
_SLACK = 1 << 26  # bytes: for all else that a file holds


def read_picture(stream: BinaryIO) -> BytesIO:
    """The content of a picture that comes from a pipe or a device, or its first bytes if it is of no known kind.

    Raises:
        FileFormatError: more bytes than a picture of its size has, or any within `apercu.MAX_PIXELS`.
        OSError: the stream cannot be read.
    """
    data = up_to(stream, _PREFIX)
    if data.startswith(MAGIC):  # an apercu file, as which Pillow may know it too
        return BytesIO(data)
    kind = _kind(data)
    if kind is None:
        data += up_to(stream, _FIRST)
        if not _has_no_signature(data):
            return BytesIO(data)
    picture = BytesIO(data + up_to(stream, _HEAD))
    try:
        n_pixels = _pixels(picture, kind)
    except FileFormatError:  # which the reader says better
        return BytesIO(picture.getvalue())
    limit = None if n_pixels is None else _BYTES_PER_PIXEL * n_pixels + _SLACK
    picture.seek(0, os.SEEK_END)
    while data := up_to(stream, _STEP):
        picture.write(data)
        if limit is not None and picture.tell() > limit:
            raise FileFormatError(f"goes on after {limit} bytes, more than a picture of {n_pixels} pixels takes")
    picture.seek(0)
    return picture


def is_endless(stream: BinaryIO) -> bool:
    """Whether a stream may have no end, or give other bytes when it is read again: a pipe, a socket, a device."""
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, TypeError):  # in memory, or over a network
        return False


def _kind(prefix: bytes) -> str | None:
    """Pillow's name of the kind of picture that begins like this; None where none does."""
    if len(prefix) < _PREFIX:
        return None
    for load in (Image.preinit, Image.init):  # the most common, then all
        load()
        for kind, (_, accept) in Image.OPEN.items():
            accepted = accept is not None and accept(prefix)
            if accepted and not isinstance(accepted, str):  # text says why this kind cannot be read
                return kind
    return "TIFF" if is_tiff(prefix) else None


def _has_no_signature(data: bytes) -> bool:
    """Whether this may be the beginning of a picture of one of the kinds that have no signature, such as TGA."""
    for open_kind, accept in Image.OPEN.values():
        if accept is None:
            try:
                open_kind(BytesIO(data), "")
            except (SyntaxError, IndexError, TypeError, KeyError, EOFError, struct.error):  # it is of another kind
                continue
            except Exception:  # or begins like one, and is cut here
                pass
            return True
    return False


def _pixels(picture: BytesIO, kind: str | None) -> int | None:
    """How many pixels a picture with this beginning may have, all frames together; None: there is no limit.

    Pillow's own `Image.open` would remark on a large one. Raises FileFormatError where the head is damaged.
    """
    if kind in _OF_ONE_FRAME:
        n_bytes = len(picture.getvalue())
        try:
            image = Image.OPEN[kind][0](picture, "")
            if image.format == kind:  # a JPEG may be the first picture of an MPO
                return image.width * image.height
        except Exception as error:
            if picture.tell() < n_bytes:  # not because the head is longer than what has been read
                raise FileFormatError(f"a damaged head of {kind}: {error}") from error
    return most_pixels()
