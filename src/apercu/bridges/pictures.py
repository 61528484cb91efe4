"""Pictures of 8 bits a sample, and 16-bit grey: everything that Pillow reads or holds, as grey, RGB or RGBA in sRGB.

Pillow opens many files that it cannot hold without loss, and does not say so. Each such case that is known is refused
here by name; what it reads without loss is expanded (palette, CMYK, transparent colour, orientation, colours other than
sRGB).
"""

import re
import struct
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image

from apercu.bridges.boxes import without_exif
from apercu.bridges.geometry import check_page, orient, with_alpha
from apercu.bridges.icc import Profile, samples_to_srgb, to_srgb
from apercu.bridges.png_chunks import SIGNATURE, without_metadata
from apercu.bridges.stated import colours_in_memory, colours_of, orientation_of
from apercu.errors import FileFormatError
from apercu.stages.colour import Samples

_DRAWINGS = ("EPS", "WMF", "PDF")
# The first picture of these stands for the file; the others are layers of it, or other views that viewers leave out.
_FIRST_OF_MANY = ("PSD", "MPO", "TIFF")
_LAYERED = ("PSD", "TIFF")  # of TIFF, the caller has found the frame among overviews and masks
_WITHOUT_GREY = ("AVIF", "WEBP")  # Pillow gives these as colours, or most of them
_HEAD_BYTES = 1 << 20  # of JPEG 2000 and AVIF: their headers come long before this, or not at all


def read_picture(
    stream: BinaryIO, page: int | None = None, frame: int = 0, profile: Profile = None
) -> tuple[Samples, str]:
    """Read a picture through Pillow.

    Args:
        stream: the file, seekable. A TIFF is one for which `Layout.pillow_keeps_all` holds, a PNG one for which
            `is_deep` does not.
        page: which of several frames, from 1; None for a file that has no more than one.
        frame: where Pillow finds the page of a TIFF, from 0.
        profile: the colours of a TIFF; other files are asked.

    Returns:
        (array, bands): (H, W) uint8 or uint16 and "grey", (H, W, 3) uint8 and "rgb", or (H, W, 4) uint8 and "rgba".

    Raises:
        FileFormatError: refused because bits or meaning would be lost. Other exceptions come out of Pillow, for damaged
            files and for pictures above its limit of pixels, which is the caller's to set.
        OptionError: there is no such page.
    """
    with _open(stream) as image:
        if image.format != "TIFF":
            n_frames = 1 if image.format in _FIRST_OF_MANY and page is None else _n_frames(image)
            frame = check_page(page, n_frames, image.format or "")
            profile = colours_of(image, stream)
        if frame:
            image.seek(frame)
        _refuse(image, stream)
        image.load()
        if image.format == "PNG" and image.mode == "L" and "transparency" in image.info:
            # Pillow scales samples of 2 and 4 bits to 8, but not the transparent level beside them.
            stream.seek(24)
            (depth,) = stream.read(1)
            image.info["transparency"] *= 255 // ((1 << depth) - 1)
        # Pillow turns a TIFF as it loads it, and then takes the tag away.
        orientation = orientation_of(image)
        if image.format in _WITHOUT_GREY and isinstance(profile, bytes) and profile[16:20] == b"GRAY":
            array, bands = _samples(_as_grey(image), profile)
        else:
            array, bands = _samples(image, profile)
    return orient(array, orientation), bands


def samples_in_memory(image: Image.Image) -> tuple[Samples, str]:
    """An image that Pillow holds, as a file of its kind would be read.

    Its mode, its transparent colour and its colour profile (`info`) count; its orientation tag does not, as nowhere in
    Pillow: an image that was turned keeps it.

    Returns:
        As `read_picture`.

    Raises:
        FileFormatError: floating-point, 32-bit or signed samples, or a mode that nothing is known of.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):  # as in `_refuse`
        what = "floating-point" if image.mode == "F" else "32-bit signed"
        raise FileFormatError(
            f"a Pillow image of mode {image.mode} ({what} samples); convert it to L, I;16, RGB or RGBA first"
        )
    image.load()
    return _samples(image, colours_in_memory(image.info))


def _open(stream: BinaryIO) -> Image.Image:
    """Open a file; a PNG or AVIF that Pillow refuses, once more without metadata, which may be all that is broken."""
    try:
        return Image.open(stream)
    except Exception:
        stream.seek(0)
        head = stream.read(8)
        if head == SIGNATURE:
            return Image.open(BytesIO(without_metadata(head + stream.read(), but=b"eXIf")))
        if head[4:] == b"ftyp":
            return Image.open(BytesIO(without_exif(head + stream.read())))
        raise


def _as_grey(image: Image.Image) -> Image.Image:
    """RGB or RGBA whose colours are all equal as the grey that they are, which a profile for grey is about."""
    if image.mode not in ("RGB", "RGBA"):
        return image
    red, green, blue = (np.asarray(image.getchannel(band)) for band in "RGB")
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        return image
    return image.convert("LA" if image.mode == "RGBA" else "L")


def _n_frames(image: Image.Image) -> int:
    return 1 if image.format in _LAYERED else getattr(image, "n_frames", 1)


def _refuse(image: Image.Image, stream: BinaryIO) -> None:
    """Refuse what Pillow would cut or flatten."""
    kind = image.format or ""
    if kind in _DRAWINGS:
        raise FileFormatError(f"a {kind} is a drawing, not a picture; render it first")
    if kind == "FITS" and image.mode != "L":
        raise FileFormatError("a FITS of signed or floating-point samples; apercu encodes unsigned integers")
    if image.mode == "F" or (image.mode == "I" and kind != "PPM"):
        what = "floating-point" if image.mode == "F" else "32-bit or signed"
        raise FileFormatError(f"a {kind} of {what} samples; apercu encodes unsigned ones of 8 or 16 bits")
    bits = _bits(kind, stream)
    if bits > 8 and Image.getmodebands(image.mode) > 1:
        raise FileFormatError(f"a {kind} of {bits}-bit colours, of which Pillow keeps 8; convert it to PNG or TIFF")


def _bits(kind: str, stream: BinaryIO) -> int:
    """Bits per sample of formats that Pillow cuts to 8, as the file itself states them; 8 for all others."""
    if kind not in ("JPEG2000", "AVIF", "PPM", "SGI", "DDS"):
        return 8
    position = stream.tell()
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    stream.seek(position)
    match kind:
        case "SGI":
            return 8 * head[3]
        case "PPM":  # magic, width, height, largest value; comments run from # to the end of a line
            fields = re.sub(rb"#[^\r\n]*", b"", head[:4096]).split(maxsplit=4)
            return int(fields[3]).bit_length() if fields[0] in (b"P3", b"P6") else 8
        case "DDS":  # DXGI formats 94 to 96 are BC6H, half-precision floats
            return 16 if head[84:88] == b"DX10" and struct.unpack_from("<I", head, 128)[0] in (94, 95, 96) else 8
        case "AVIF":  # AV1 ISOBMFF, section 2.3.3: high_bitdepth and twelve_bit
            flags = head[head.index(b"av1C") + 6]
            return 12 if flags & 0x20 else 10 if flags & 0x40 else 8
        case _:  # JPEG 2000: the SIZ segment follows the start of the codestream; Csiz, then 3 bytes a component
            start = head.index(b"\xff\x4f\xff\x51") + 4
            (n_components,) = struct.unpack_from(">H", head, start + 36)
            depths = head[start + 38 : start + 38 + 3 * n_components : 3]
            if any(depth & 0x80 for depth in depths):
                raise FileFormatError("a JPEG 2000 of signed samples; apercu encodes unsigned ones of 8 or 16 bits")
            return max(depths) + 1


def _samples(image: Image.Image, profile: Profile) -> tuple[Samples, str]:
    """Expand a loaded image to grey, RGB or RGBA."""
    mode = image.mode
    if mode.startswith("I"):
        return _grey_16(image, profile)
    if mode == "1":
        transparent = image.info.get("transparency")
        image, mode = image.convert("L"), "L"
        if transparent is not None:
            image.info["transparency"] = 255 if transparent else 0
    if mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif mode in ("PA", "RGBa"):
        image = image.convert("RGBA")
    elif mode == "La":
        image = image.convert("LA")
    elif mode in ("YCbCr", "HSV", "RGBX"):
        image = image.convert("RGB")
    elif "transparency" in image.info and mode in ("L", "RGB"):
        image = image.convert("RGBA" if mode == "RGB" else "LA")
    if image.mode in ("LA", "RGBA"):
        colour = to_srgb(image.convert(image.mode[:-1]), profile)
        return with_alpha(np.asarray(colour), np.asarray(image.getchannel("A"))), "rgba"
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        raise FileFormatError(f"Pillow's mode {mode} is none that apercu encodes; convert it to RGB first")
    image = to_srgb(image, profile)
    return np.asarray(image), "grey" if image.mode == "L" else "rgb"


def _grey_16(image: Image.Image, profile: Profile) -> tuple[Samples, str]:
    """16-bit grey of modes I;16, I;16B and, from a PGM whose values Pillow scales to 65,535, I."""
    array = np.asarray(image).astype(np.uint16)
    grey = samples_to_srgb(array, profile)
    if "transparency" not in image.info:
        return grey, "grey"
    alpha = np.where(array == image.info["transparency"], 0, 65535).astype(np.uint16)
    return with_alpha(grey, alpha), "rgba"
