"""The directories of a TIFF: how many there are, what each is, and the tags of one.

Numbers are those of TIFF 6.0 (Adobe, 1992) and of BigTIFF.
"""

import struct
from typing import Any, BinaryIO, NamedTuple

from PIL import TiffImagePlugin

from apercu.errors import FileFormatError

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType (tag 254)
_OLD_REDUCED = 2  # of SubfileType (tag 255), which it took the place of
_MASK_PHOTOMETRIC = 4
_MAX_DIRECTORIES = 1 << 18  # a second's work
_NUMBERS = {1: "B", 3: "H", 4: "L", 16: "Q"}  # by type of a tag


class Directory(NamedTuple):
    """One directory, by the little that tells a page from an overview and a mask."""

    offset: int
    is_reduced: bool
    is_mask: bool


def directories(stream: BinaryIO) -> list[Directory]:
    """All directories of the main chain, without the values of their tags: time and memory are those of their length.

    A chain that comes back to an earlier directory ends there.

    Raises:
        FileFormatError: a directory is empty, there are too many, or all together are longer than the file, as
            overlapping ones can be.
    """
    end = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head.startswith(b"II") else ">"
    is_big = b"+" in head[2:4]
    kinds = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHL4s", "L")
    count_as, entry_as, offset_as = (order + kind for kind in kinds)
    (offset,) = struct.unpack_from(offset_as, head, 8 if is_big else 4)
    found: dict[int, Directory] = {}
    n_read = 0
    while offset and offset not in found:
        stream.seek(offset)
        (n_entries,) = struct.unpack(count_as, stream.read(struct.calcsize(count_as)))
        if n_entries == 0:
            raise FileFormatError("a directory of the TIFF is empty")
        if len(found) == _MAX_DIRECTORIES:
            raise FileFormatError(f"a TIFF of more than {_MAX_DIRECTORIES} directories")
        n_bytes = n_entries * struct.calcsize(entry_as)
        n_read += n_bytes
        if n_read > end:
            raise FileFormatError("the TIFF is truncated, or its directories overlap")
        numbers: dict[int, int] = {}
        for tag, kind, count, value in struct.iter_unpack(entry_as, stream.read(n_bytes)):
            if count == 1 and kind in _NUMBERS and tag not in numbers:
                (numbers[tag],) = struct.unpack_from(order + _NUMBERS[kind], value) if kind != 16 or is_big else (0,)
        kind = numbers.get(254, _REDUCED if numbers.get(255) == _OLD_REDUCED else 0)
        is_mask = bool(kind & _MASK) or numbers.get(262) == _MASK_PHOTOMETRIC
        found[offset] = Directory(offset, bool(kind & _REDUCED), is_mask)
        # Where the file ends before it, as in one that was cut short, this was the last.
        rest = stream.read(struct.calcsize(offset_as))
        offset = struct.unpack(offset_as, rest)[0] if len(rest) == struct.calcsize(offset_as) else 0
    return list(found.values())


def tags_at(stream: BinaryIO, offset: int) -> dict[int, Any]:
    """The tags of the directory that stands at `offset`, as Pillow reads them."""
    stream.seek(0)
    head = stream.read(4)
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if head.startswith(b"II") else b"MM\0*\0\0\0\0")
    directory._bigtiff = b"+" in head[2:]  # of a big-endian one, Pillow itself does not see it
    stream.seek(offset)
    directory.load(stream)
    return dict(directory)
