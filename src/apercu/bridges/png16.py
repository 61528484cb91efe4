"""PNG of 16-bit RGB, RGBA and grey with alpha, which Pillow would cut to 8 bits without a word.

Read and written by imagecodecs (libpng); the chunks around the samples are read here. Field names and chunk layouts
are those of the PNG specification, third edition (W3C, 2025).
"""

import struct
import zlib
from types import ModuleType

import numpy as np
from PIL import Image

from apercu.bridges.geometry import check_size, orient, with_alpha
from apercu.bridges.icc import samples_to_srgb
from apercu.errors import FileFormatError, MissingExtra
from apercu.stages.colour import Samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ORIENTATION = 274
_CHANNELS = {2: 3, 4: 2, 6: 4}  # by colour type
_MAX_PROFILE_BYTES = 1 << 24  # a zlib bomb in iCCP stops here; real profiles stay under 4 MB
_HDR_TRANSFER_FUNCTIONS = {16: "PQ", 18: "HLG"}  # ITU-T H.273, table 3


def is_deep(head: bytes) -> bool:
    """Whether these first 26 bytes or more begin a PNG of 16-bit samples with more than one channel."""
    if len(head) < 26 or not head.startswith(SIGNATURE):
        return False
    depth, colour_type = head[24], head[25]
    return depth == 16 and colour_type in _CHANNELS


def read_png16(data: bytes) -> tuple[Samples, str]:
    """Read a PNG for which `is_deep` holds.

    Returns:
        (array, bands): uint16 (H, W, 3) and "rgb", or (H, W, 4) and "rgba". Grey with alpha becomes RGBA, a
        transparent colour (tRNS) becomes alpha, the orientation is applied and an ICC profile converted to sRGB.

    Raises:
        FileFormatError: the file is damaged, animated, high dynamic range, or above `apercu.MAX_PIXELS`.
        MissingExtra: imagecodecs is not installed.
    """
    chunks = _chunks(data)
    if b"acTL" in chunks:
        raise FileFormatError("an animated PNG holds several frames; apercu encodes one picture")
    transfer = chunks.get(b"cICP", b"\0\0")[1]
    if transfer in _HDR_TRANSFER_FUNCTIONS:
        raise FileFormatError(
            f"a high dynamic range picture ({_HDR_TRANSFER_FUNCTIONS[transfer]}) would lose its meaning; convert it "
            "to sRGB first"
        )
    width, height, _, colour_type = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    check_size(width, height, _CHANNELS[colour_type])
    samples: Samples = _imagecodecs("reading").png_decode(data)
    channels = samples.shape[2]
    colour = samples_to_srgb(samples[..., 0] if channels == 2 else samples[..., :3], _profile(chunks))
    if channels != 3:
        colour = with_alpha(colour, samples[..., -1])
    exif = Image.Exif()
    exif.load(chunks.get(b"eXIf", b""))
    return orient(colour, exif.get(_ORIENTATION, 1)), "rgb" if channels == 3 else "rgba"


def png16_bytes(array: Samples) -> bytes:
    """The PNG of a uint16 array, (H, W, 3) RGB or (H, W, 4) RGBA.

    Raises:
        MissingExtra: imagecodecs is not installed.
    """
    return bytes(_imagecodecs("writing").png_encode(np.ascontiguousarray(array)))


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG by type, checksums verified; of IDAT, and of any type that comes again, the last."""
    chunks: dict[bytes, bytes] = {}
    view = memoryview(data)
    position = len(SIGNATURE)
    while b"IEND" not in chunks:
        if position + 12 > len(data):
            raise FileFormatError("the PNG is truncated")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise FileFormatError("the PNG is truncated")
        # libpng would find this too, and print its own line about it.
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise FileFormatError(f"the PNG is damaged: the checksum of chunk {kind.decode('latin-1')} does not match")
        chunks[kind] = b"" if kind == b"IDAT" else bytes(view[position + 8 : end - 4])
        position = end
    return chunks


def _profile(chunks: dict[bytes, bytes]) -> bytes | None:
    """The profile of iCCP (name, a zero, compression method, zlib stream); None where there is no good one."""
    _, _, rest = chunks.get(b"iCCP", b"").partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], _MAX_PROFILE_BYTES) or None
    except zlib.error:
        return None


def _imagecodecs(doing: str) -> ModuleType:
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingExtra(
            f"{doing} a 16-bit PNG with more than one channel needs imagecodecs: pip install 'apercu[tiff]'"
        ) from error
    return imagecodecs
