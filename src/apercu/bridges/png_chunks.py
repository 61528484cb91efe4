"""The chunks of a PNG around its samples, and what they say about colours.

Names and layouts are those of the PNG specification, third edition (W3C, 2025).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from apercu.bridges.colours import of_code_points, of_gamma
from apercu.bridges.icc import Profile
from apercu.errors import FileFormatError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MAX_PROFILE_BYTES = 1 << 24  # a zlib bomb in iCCP stops here; real profiles stay under 4 MB
_MOST_CHUNKS = 1 << 17  # a gigabyte of samples, as most writers cut them
_EMPTY_IDAT = b"\0\0\0\0IDAT\x35\xaf\x06\x1e"
_COLOURS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")


def chunks(data: bytes) -> dict[bytes, bytes]:
    """All chunks of a PNG by type; of a type that comes again the first, of IDAT nothing.

    Metadata of a wrong checksum is passed over, as libpng does; so is what is said of colours after the samples.

    Raises:
        FileFormatError: the file is truncated, or the checksum of a chunk that its samples need does not match.
    """
    found: dict[bytes, bytes] = {}
    for kind, chunk in _each(data):
        if len(chunk) < 12:
            break
        if not _is_sound(chunk):
            if _is_needed(kind):
                raise FileFormatError(
                    f"the PNG is damaged: the checksum of chunk {kind.decode('latin-1')} does not match"
                )
        elif kind not in found and not (kind in _COLOURS and b"IDAT" in found):
            found[kind] = b"" if kind == b"IDAT" else bytes(chunk[8:-4])
        if kind == b"IEND":
            return found
    raise FileFormatError("the PNG is truncated")


def without_metadata(data: bytes, but: bytes = b"") -> bytes:
    """A PNG with the chunks alone that its samples need, and sound ones of type `but`.

    Pillow refuses the whole file for broken metadata, and libpng prints a line about it.
    """
    kept = [chunk for kind, chunk in _each(data) if _is_needed(kind) or (kind == but and _is_sound(chunk))]
    return b"".join([SIGNATURE, *kept])


def samples_bytes(data: bytes) -> int:
    """The length of all compressed samples together."""
    return sum(max(0, len(chunk) - 12) for kind, chunk in _each(data) if kind == b"IDAT")


def check_chunks(stream: BinaryIO) -> None:
    """Refuse a PNG of more chunks than any sound file has; `stream` is rewound."""
    stream.seek(len(SIGNATURE))
    for _ in range(_MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        stream.seek(int.from_bytes(head[:4]) + 4, 1)
    else:
        raise FileFormatError(f"a PNG of more than {_MOST_CHUNKS} chunks")
    stream.seek(0)


def texts_alone(data: bytes) -> bytes:
    """A PNG of the same head with its sound text chunks, and without samples."""
    kept = [chunk for kind, chunk in _each(data) if kind in (b"tEXt", b"zTXt", b"iTXt") and _is_sound(chunk)]
    head = data[len(SIGNATURE) : len(SIGNATURE) + 25]
    return b"".join([SIGNATURE, head, *kept, _EMPTY_IDAT])


def colour_chunks(stream: BinaryIO) -> dict[bytes, bytes]:
    """The sound chunks before the samples that speak of colours; `stream` is rewound."""
    found: dict[bytes, bytes] = {}
    stream.seek(len(SIGNATURE))
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            break
        if kind in _COLOURS and kind not in found and length <= _MAX_PROFILE_BYTES:
            rest = stream.read(length + 4)
            if _is_sound(memoryview(head + rest)):
                found[kind] = rest[:-4]
        else:
            stream.seek(length + 4, 1)
    stream.seek(0)
    return found


def _each(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """(type, the chunk with its length, type and checksum) of each chunk; of one that is cut short an empty chunk."""
    view, position = memoryview(data), len(SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        yield kind, view[position:end] if end <= len(data) else view[:0]
        position = end


def _is_sound(chunk: memoryview) -> bool:
    return len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _is_needed(kind: bytes) -> bool:
    """Whether the samples cannot be made without such chunks: critical ones, transparency, animation."""
    return kind[:1].isupper() or kind in (b"tRNS", b"acTL", b"fcTL", b"fdAT")


def profile_of(found: dict[bytes, bytes]) -> Profile:
    """What chunks say about colours, by the order of their precedence: cICP, iCCP, sRGB, gAMA and cHRM.

    Raises:
        FileFormatError: high dynamic range, or code points that are not known.
    """
    if len(found.get(b"cICP", b"")) == 4:
        primaries, transfer, matrix, full_range = found[b"cICP"]
        colours = of_code_points(primaries, transfer, full_range == 1)
        if matrix == 0:  # the samples of a PNG are RGB: libpng passes over a chunk that says otherwise
            return colours
    if icc := _icc_profile(found):
        return icc
    if b"sRGB" in found:
        return None
    gamma = chromaticities = None
    if len(found.get(b"gAMA", b"")) == 4:
        (encoding,) = struct.unpack(">I", found[b"gAMA"])
        gamma = 100000 / encoding if encoding else None
    if len(found.get(b"cHRM", b"")) == 32:
        chromaticities = [value / 100000 for value in struct.unpack(">8I", found[b"cHRM"])]
    return None if gamma is chromaticities is None else of_gamma(gamma, chromaticities)


def _icc_profile(found: dict[bytes, bytes]) -> bytes | None:
    """The profile of iCCP (name, a zero, compression method, zlib stream); None where there is no good one."""
    _, _, rest = found.get(b"iCCP", b"").partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], _MAX_PROFILE_BYTES) or None
    except zlib.error:
        return None
