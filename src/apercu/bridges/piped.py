"""Reads a picture from a pipe or a device, which cannot be rewound and may never end.

The first bytes have to be those of a picture before more is read, and `apercu.MAX_PIXELS` bounds the rest.
"""

import os
import stat
from io import BytesIO
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

import apercu
from apercu.bridges.bounded import up_to
from apercu.bridges.tiff import is_tiff
from apercu.errors import FileFormatError
from apercu.format.ids import MAGIC

_PREFIX = 16  # bytes by which Pillow knows a kind of picture
_FIRST = 1 << 16  # bytes by which the kinds without a signature are known
_STEP = 1 << 24  # bytes read at once
_BYTES_PER_PIXEL = 8  # four bands of 16 bits, not compressed
_SLACK = 1 << 26  # bytes: for all else that a file holds


def read_picture(stream: BinaryIO) -> BytesIO:
    """The content of a picture that comes from a pipe or a device, or its first bytes if it is of no known kind.

    Raises:
        FileFormatError: more bytes than a picture within `apercu.MAX_PIXELS` has.
        OSError: the stream cannot be read.
    """
    data = up_to(stream, _PREFIX)
    if not _is_known(data):
        data += up_to(stream, _FIRST)
        if data.startswith(MAGIC) or not _opens(data):
            return BytesIO(data)
    limit = None if apercu.MAX_PIXELS is None else _BYTES_PER_PIXEL * apercu.MAX_PIXELS + _SLACK
    picture = BytesIO()
    while data:
        picture.write(data)
        if limit is not None and picture.tell() > limit:
            raise FileFormatError(
                f"more than {limit} bytes, which no picture within the limit of {apercu.MAX_PIXELS} pixels needs "
                "(apercu.MAX_PIXELS, --max-pixels)"
            )
        data = up_to(stream, _STEP)
    picture.seek(0)
    return picture


def is_endless(stream: BinaryIO) -> bool:
    """Whether a stream may have no end, or give other bytes when it is read again: a pipe, a socket, a device."""
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, TypeError):  # in memory, or over a network
        return False


def _is_known(prefix: bytes) -> bool:
    """Whether a picture begins with the signature of a kind that Pillow or tifffile reads."""
    if is_tiff(prefix):
        return True
    for load in (Image.preinit, Image.init):
        load()
        found = [accept(prefix) for _, accept in Image.OPEN.values() if accept is not None]
        if any(accepted and not isinstance(accepted, str) for accepted in found):  # text says why it cannot be read
            return True
    return False


def _opens(data: bytes) -> bool:
    """Whether this may be the beginning of a picture of one of the kinds that have no signature."""
    try:
        with Image.open(BytesIO(data)):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # of what begins like a picture, and is cut here
        return True
