"""The directories of a TIFF: how many there are, and what each is.

Numbers are those of TIFF 6.0 (Adobe, 1992) and of BigTIFF.
"""

import struct
from typing import BinaryIO, NamedTuple

from apercu.bridges.tiff_tags import form_and_first, n_entries_at
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
    form, offset = form_and_first(stream)
    found: dict[int, Directory] = {}
    n_read = 0
    while offset and offset not in found:
        n_entries = n_entries_at(stream, form, offset)
        if n_entries == 0:
            raise FileFormatError("a directory of the TIFF is empty")
        if len(found) == _MAX_DIRECTORIES:
            raise FileFormatError(f"a TIFF of more than {_MAX_DIRECTORIES} directories")
        n_bytes = n_entries * struct.calcsize(form.entry)
        n_read += n_bytes
        if n_read > end:
            raise FileFormatError("the TIFF is truncated, or its directories overlap")
        numbers: dict[int, int] = {}
        for tag, kind, count, value in struct.iter_unpack(form.entry, stream.read(n_bytes)):
            if count == 1 and kind in _NUMBERS and tag not in numbers:
                fits = kind != 16 or form.is_big  # else the value is an offset
                numbers[tag] = struct.unpack_from(form.order + _NUMBERS[kind], value)[0] if fits else 0
        kind = numbers.get(254, _REDUCED if numbers.get(255) == _OLD_REDUCED else 0)
        is_mask = bool(kind & _MASK) or numbers.get(262) == _MASK_PHOTOMETRIC
        found[offset] = Directory(offset, bool(kind & _REDUCED), is_mask)
        # Where the file ends before it, as in one that was cut short, this was the last.
        rest = stream.read(struct.calcsize(form.offset))
        offset = struct.unpack(form.offset, rest)[0] if len(rest) == struct.calcsize(form.offset) else 0
    return list(found.values())
