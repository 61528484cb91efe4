"""The chunks of a PNG around its samples, and what they say about colours.

Names and layouts are those of the PNG specification, third edition (W3C, 2025).
"""

import struct
import zlib
from typing import BinaryIO

from apercu.bridges.colours import of_code_points, of_gamma
from apercu.bridges.icc import Profile
from apercu.errors import FileFormatError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MAX_PROFILE_BYTES = 1 << 24  # a zlib bomb in iCCP stops here; real profiles stay under 4 MB
_COLOURS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")


def chunks(data: bytes) -> dict[bytes, bytes]:
    """All chunks of a PNG by type, checksums verified; of a type that comes again the first, of IDAT nothing.

    Raises:
        FileFormatError: the file is truncated, or a checksum does not match.
    """
    found: dict[bytes, bytes] = {}
    view = memoryview(data)
    position = len(SIGNATURE)
    while b"IEND" not in found:
        if position + 12 > len(data):
            raise FileFormatError("the PNG is truncated")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise FileFormatError("the PNG is truncated")
        # libpng would find this too, and print its own line about it.
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise FileFormatError(f"the PNG is damaged: the checksum of chunk {kind.decode('latin-1')} does not match")
        # What is said of colours counts only where it stands before the samples.
        if kind not in found and not (kind in _COLOURS and b"IDAT" in found):
            found[kind] = b"" if kind == b"IDAT" else bytes(view[position + 8 : end - 4])
        position = end
    return found


def without_metadata(data: bytes) -> bytes:
    """A sound PNG with the chunks that its samples need: of the others libpng would print what it finds odd."""
    kept, position = [SIGNATURE], len(SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind[:1].isupper() or kind == b"tRNS":
            kept.append(data[position : position + 12 + length])
        position += 12 + length
    return b"".join(kept)


def colour_chunks(stream: BinaryIO) -> dict[bytes, bytes]:
    """The chunks before the samples that speak of colours, checksums unread; `stream` is rewound."""
    found: dict[bytes, bytes] = {}
    stream.seek(len(SIGNATURE))
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            break
        if kind in _COLOURS and kind not in found and length <= _MAX_PROFILE_BYTES:
            found[kind] = stream.read(length)
            length = 0
        stream.seek(length + 4, 1)
    stream.seek(0)
    return found


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
