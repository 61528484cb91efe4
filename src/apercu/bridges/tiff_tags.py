"""The tags of one directory: of a TIFF, and of the records of the same form in other files (EXIF).

Numbers are those of TIFF 6.0 (Adobe, 1992) and of BigTIFF.
"""

import struct
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from apercu.errors import FileFormatError

# Of each type of values, how `struct` reads one; UNDEFINED and ASCII stay bytes.
_KINDS = {1: "B", 2: "s", 3: "H", 4: "L", 5: "LL", 6: "b", 7: "s", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d"}
_KINDS |= {13: "L", 16: "Q", 17: "q", 18: "Q"}
_BYTES = (2, 7)
_RATIONAL = (5, 10)


class Form(NamedTuple):
    """How the numbers of a TIFF are written."""

    order: str
    """"<" or ">", as `struct` has it."""
    is_big: bool
    """BigTIFF, of 64-bit counts and offsets."""

    @property
    def n_entries(self) -> str:
        """The format of the number of entries of a directory."""
        return self.order + ("Q" if self.is_big else "H")

    @property
    def entry(self) -> str:
        """The format of an entry: tag, type, count, value or offset."""
        return self.order + ("HHQ8s" if self.is_big else "HHL4s")

    @property
    def offset(self) -> str:
        """The format of an offset."""
        return self.order + ("Q" if self.is_big else "L")


class Tag(NamedTuple):
    """What a directory holds under one number."""

    kind: int
    n_values: int
    content: bytes
    """The values as they are in the file."""


def form_and_first(stream: BinaryIO) -> tuple[Form, int]:
    """How a TIFF is written, and where its first directory is. Raises FileFormatError where the file ends before."""
    stream.seek(0)
    head = stream.read(16)
    form = Form("<" if head.startswith(b"II") else ">", b"+" in head[2:4])
    at = 8 if form.is_big else 4
    if len(head) < at + struct.calcsize(form.offset):
        raise FileFormatError("the TIFF is truncated")
    (first,) = struct.unpack_from(form.offset, head, at)
    return form, first


def n_entries_at(stream: BinaryIO, form: Form, offset: int) -> int:
    """How many entries the directory at `offset` has, which follow. Raises FileFormatError where the file ends before,
    as one does that was cut and has its directory at the end."""
    stream.seek(offset)
    head = stream.read(struct.calcsize(form.n_entries))
    if len(head) < struct.calcsize(form.n_entries):
        raise FileFormatError("the TIFF is truncated: it ends before its directory")
    (n_entries,) = struct.unpack(form.n_entries, head)
    return int(n_entries)


def read_tags(stream: BinaryIO, form: Form, offset: int, wanted: Mapping[int, int]) -> dict[int, Tag]:
    """Those tags of the directory at `offset` that are wanted; of one that comes again, the first.

    Args:
        stream: the file or record.
        form: see `form_and_first`.
        offset: of the directory.
        wanted: by number, the most bytes that the values of a tag may take. One that has more counts as absent.

    Raises:
        FileFormatError: the directory is longer than the file, or the values of a tag that is wanted end after it.
    """
    end = stream.seek(0, 2)
    n_bytes = n_entries_at(stream, form, offset) * struct.calcsize(form.entry)
    if n_bytes > end - offset:
        raise FileFormatError("the TIFF is truncated")
    found: dict[int, Tag] = {}
    for number, kind, count, value in struct.iter_unpack(form.entry, stream.read(n_bytes)):
        if number not in wanted or number in found or kind not in _KINDS:
            continue
        size = count * struct.calcsize(form.order + _KINDS[kind])
        if size > wanted[number]:
            continue
        if size > len(value):
            (at,) = struct.unpack(form.offset, value)
            if at + size > end:
                raise FileFormatError(f"the values of tag {number} are not within the file")
            stream.seek(at)
            value = stream.read(size)
        found[number] = Tag(kind, count, value[:size])
    return found


def values_of(tag: Tag, form: Form) -> tuple[float, ...]:
    """The numbers of a tag; those of bytes are 0 to 255, and a fraction without a denominator is 0."""
    kind = "B" if tag.kind in _BYTES else _KINDS[tag.kind]
    numbers = struct.unpack(form.order + kind * tag.n_values, tag.content)
    if tag.kind not in _RATIONAL:
        return numbers
    return tuple(above / below if below else 0.0 for above, below in zip(numbers[::2], numbers[1::2], strict=True))
