"""What a picture file states beside its samples: its colours and its orientation, by kind of file."""

import struct
from contextlib import suppress
from typing import Any, BinaryIO

from PIL import Image

from apercu.bridges import exif
from apercu.bridges.boxes import avif_profile, jp2_profile
from apercu.bridges.colours import ADOBE_RGB, of_code_points, of_gamma
from apercu.bridges.icc import Profile
from apercu.bridges.png_chunks import colour_chunks, profile_of
from apercu.errors import FileFormatError

_HEAD_BYTES = 1 << 20  # of JPEG 2000: its header comes long before this
_LINEAR = 8  # a transfer function of H.273


def orientation_of(image: Image.Image) -> int:
    """The orientation by EXIF or XMP, as `geometry.orient` takes it; 1 where there is none that can be read."""
    record, xmp = image.info.get("exif"), image.info.get("xmp")
    text, raw = image.info.get("XML:com.adobe.xmp"), image.info.get("Raw profile type exif")  # of a PNG
    if not isinstance(record, bytes) and isinstance(raw, str):
        with suppress(ValueError):
            record = bytes.fromhex("".join(raw.split("\n")[3:]))
    if isinstance(text, str):
        xmp = text.encode()
    return exif.orientation(record if isinstance(record, bytes) else b"", xmp if isinstance(xmp, bytes) else b"")


def colours_of(image: Image.Image, stream: BinaryIO) -> Profile:
    """What the file says about the colours of its samples, Pillow's reading and ours together.

    Args:
        image: the file as Pillow opened it.
        stream: the same file; its position stays what it was.

    Raises:
        FileFormatError: high dynamic range, or colours that are not known.
    """
    position = stream.tell()
    stream.seek(0)
    try:
        match image.format:
            case "PNG":
                return profile_of(colour_chunks(stream))
            case "AVIF":
                return avif_profile(stream.read())
            case "JPEG2000":
                return jp2_profile(stream.read(_HEAD_BYTES))
            case "BMP":
                return _bmp_profile(stream)
            case "QOI":
                return of_code_points(1, _LINEAR) if stream.read(14)[13] == 1 else None
            case "JPEG" if "icc_profile" not in image.info and exif.is_adobe_rgb(image.info["exif"]):
                return ADOBE_RGB
            case _:
                profile: bytes | None = image.info.get("icc_profile")
                return profile
    finally:
        stream.seek(position)


def colours_in_memory(info: dict[Any, Any]) -> Profile:
    """What Pillow keeps in `image.info` about the colours of samples: an ICC profile, or the chunks of a PNG."""
    if profile := info.get("icc_profile"):
        icc: bytes = profile
        return icc
    if "srgb" in info or not ("gamma" in info or "chromaticity" in info):
        return None
    gamma = info.get("gamma")
    return of_gamma(1 / gamma if gamma else None, info.get("chromaticity"))


def _bmp_profile(stream: BinaryIO) -> Profile:
    """The colours of a BMP's header of version 4 or 5 (Microsoft, BITMAPV5HEADER); None for those that say nothing."""
    head = stream.read(14 + 124)
    header_bytes = int.from_bytes(head[14:18], "little")
    if header_bytes < 108 or len(head) < 14 + 108:
        return None
    match head[70:74][::-1]:
        case b"MBED" if header_bytes >= 124:
            offset, length = struct.unpack_from("<II", head, 14 + 112)
            stream.seek(14 + offset)
            return stream.read(length)
        case b"LINK":
            raise FileFormatError("a BMP whose colour profile is a file of its own; convert it to sRGB first")
        case b"\0\0\0\0":
            return _calibrated(struct.unpack_from("<9i3I", head, 14 + 60))
        case _:  # sRGB, or the colours of the system, which are that
            return None


def _calibrated(numbers: tuple[int, ...]) -> Profile:
    """XYZ of red, green and blue as fixed point of 30 fraction bits, and an exponent of 16 for each."""
    points, gammas = [numbers[at : at + 3] for at in (0, 3, 6)], numbers[9:]
    if max(gammas) > 1.01 * min(gammas):
        raise FileFormatError("a BMP of a gamma for each colour; convert it to sRGB first")
    points = [tuple(map(sum, zip(*points, strict=True))), *points]  # white first: all three together
    chromaticities = None
    if min(sum(point) for point in points) > 0:
        chromaticities = [value / sum(point) for point in points for value in point[:2]]
    return of_gamma(gammas[0] / 65536 or None, chromaticities)
