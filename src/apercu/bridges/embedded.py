"""How large the pictures are that a TIFF holds as its tiles or strips, in formats that state a size of their own.

A decoder gives them the room that they ask for, whatever the TIFF around them says.
"""

import struct
from collections.abc import Mapping
from typing import BinaryIO

from apercu.bridges.boxes import jp2_codestream
from apercu.bridges.jpeg_head import read_head
from apercu.bridges.tiff_page import Pieces
from apercu.bridges.tiff_tags import Tag
from apercu.errors import FileFormatError

Size = tuple[int, int, int]
"""Width, height, and samples per pixel."""

# By compression: those that state no size and are decoded to the length that is asked for, CCITT's of a given size.
_WITHOUT_SIZE = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000)
_JPEG, _WEBP, _LERC, _PNG, _JPEG_2000 = 7, 50001, 34887, 34933, (33003, 33005, 34712)
_LERC_PARAMETERS = 50674  # version and a second compression, each a LONG
_WEBP_ANIMATED = 2
_MOST_SPARE = 1 << 16  # bytes of a PNG that are no samples
_MOST_TILES = 65535  # of JPEG 2000 (ISO/IEC 15444-1, annex A.4.2)
_SPARE_TILES, _PIXELS_PER_TILE = 512, 256  # each takes 12 kB of memory


def check_embedded(
    stream: BinaryIO, compression: int, pieces: Pieces, *, samples: int, tags: Mapping[int, Tag]
) -> None:
    """Refuse tiles or strips whose own size is larger than they are to be, and compressions whose size is not known.

    Args:
        stream: the TIFF.
        compression: as its tag 259 has it.
        pieces: its tiles or strips.
        samples: per pixel of one of them.
        tags: all tags of the page.

    Raises:
        FileFormatError: one of them is larger, or the compression is none that is decoded here.
    """
    if compression in _WITHOUT_SIZE:
        return
    known = compression in (_JPEG, _WEBP, _LERC, _PNG, *_JPEG_2000)
    if not known or pieces.n_bytes is None or (compression == _LERC and _compressed_again(tags)):
        raise FileFormatError(f"a TIFF of compression {compression}, which is not read here; convert it to deflate")
    for offset, n_bytes in zip(pieces.offsets.tolist(), pieces.n_bytes.tolist(), strict=True):
        if n_bytes == 0:  # left out
            continue
        stream.seek(offset)
        width, height, n_samples = _size(stream.read(n_bytes), compression)
        # libpng inflates all that is there.
        is_stuffed = compression == _PNG and n_bytes > _MOST_SPARE + 4 * pieces.width * pieces.height * samples
        if is_stuffed or width * height * n_samples > pieces.width * pieces.height * max(samples, 4):
            raise FileFormatError(
                f"a TIFF with a tile or strip of {pieces.width} × {pieces.height} pixels and {samples} samples that "
                f"holds a picture of {width} × {height} pixels and {n_samples} samples in {n_bytes} bytes"
            )


def _compressed_again(tags: Mapping[int, Tag]) -> bool:
    """Whether LERC stands in deflate or zstd, of a length that nothing states."""
    return _LERC_PARAMETERS in tags and any(tags[_LERC_PARAMETERS].content[4:])


def _size(data: bytes, compression: int) -> Size:
    try:
        if compression == _JPEG:
            head = read_head(data)
            return head.width, head.height, head.n_components
        if compression == _WEBP:
            return _webp_size(data)
        if compression == _LERC:
            return _lerc_size(data)
        if compression == _PNG:
            width, height = struct.unpack_from(">II", data, 16)
            return width, height, 1
        return jpeg_2000_size(data)
    except (struct.error, IndexError) as error:
        raise FileFormatError("a TIFF with a tile or strip that is damaged") from error


def webp_canvas(head: bytes) -> tuple[int, int] | None:
    """Width and height by the first 30 bytes of a WebP; None where they are none (RFC 9649)."""
    match head[12:16]:
        case b"VP8X" if len(head) >= 30:
            return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        case b"VP8L" if len(head) >= 25:
            bits = int.from_bytes(head[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if len(head) >= 30:
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
    return None


def _webp_size(data: bytes) -> Size:
    canvas = webp_canvas(data[:30])
    if canvas is None or (data[12:16] == b"VP8X" and data[20] & _WEBP_ANIMATED):
        raise FileFormatError("a TIFF with a tile or strip of WebP that is damaged or animated")
    return *canvas, 3


def _lerc_size(data: bytes) -> Size:
    """Of LERC 2 (Esri, github.com/Esri/lerc): bands may be blobs one after the other, or the depth of one."""
    (version,) = struct.unpack_from("<i", data, 6)
    if not data.startswith(b"Lerc2 ") or version < 2:
        raise FileFormatError("a TIFF of another version of LERC than 2; convert it to deflate")
    height, width, depth = struct.unpack_from("<iii", data, 14 if version >= 3 else 10)
    if min(height, width) < 1:
        raise struct.error("no size")
    return width, height, data.count(b"Lerc2 ") * (depth if version >= 4 else 1)


def jpeg_2000_size(data: bytes) -> Size:
    """Of the SIZ segment of a JPEG 2000, a JP2 or a bare codestream.

    Raises:
        FileFormatError: it has more tiles than the standard allows, or far more than its pixels need.
        struct.error: there is none.
    """
    start = jp2_codestream(data)
    if data[start : start + 4] != b"\xff\x4f\xff\x51":
        raise struct.error("no codestream")
    right, bottom, left, top, across, down, x, y = struct.unpack_from(">8I", data, start + 8)
    (n_components,) = struct.unpack_from(">H", data, start + 40)
    width, height = right - left, bottom - top
    most = min(_MOST_TILES, _SPARE_TILES + max(0, width * height) // _PIXELS_PER_TILE)
    if min(across, down) < 1 or -(-(right - x) // across) * -(-(bottom - y) // down) > most:
        raise FileFormatError(f"a JPEG 2000 of {width} × {height} pixels in tiles of {across} × {down}: too many")
    return width, height, n_components
