"""What a picture says of how it was made (`label.py`), as the files of each kind hold it."""

import struct
import zlib
from typing import Any, BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from apercu.bridges.label import Label

_IMAGE_DESCRIPTION, _SOFTWARE, XMP = 270, 305, 700
_AFTER_IHDR = 33
"""Bytes of a PNG: its signature, and the first chunk."""


def said_by_pillow(kind: str, label: Label | None) -> dict[str, Any]:
    """Options of `PIL.Image.Image.save` for a kind of file; none where it has no place for a label (PPM)."""
    if label is None:
        return {}
    tags = {_IMAGE_DESCRIPTION: label.sentence, _SOFTWARE: label.software}
    if kind == "PNG":
        return {"pnginfo": _png_info(label)}
    if kind == "TIFF":
        return {"tiffinfo": {**tags, XMP: label.xmp}}
    if kind not in ("JPEG", "WEBP"):
        return {}
    exif = Image.Exif()
    exif.update(tags)
    return {"exif": exif, "xmp": label.xmp}


def in_png(png: bytes, label: Label | None) -> bytes:
    """A PNG with the same text chunks that Pillow writes."""
    if label is None:
        return png
    found = [png[:_AFTER_IHDR]]
    for kind, content, _ in _png_info(label).chunks:
        found.append(struct.pack(">I4s", len(content), kind) + content + zlib.crc32(kind + content).to_bytes(4))
    return b"".join([*found, png[_AFTER_IHDR:]])


def comment_pnm(stream: BinaryIO, label: Label) -> None:
    """Puts a comment after the first line of a PGM or PPM."""
    stream.seek(0)
    first, rest = stream.readline(), stream.read()
    stream.seek(0)
    stream.write(first + f"# {label.sentence}\n".encode("ascii") + rest)


def _png_info(label: Label) -> PngInfo:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", label.xmp.decode())
    info.add_text("Software", label.software)
    info.add_text("Description", label.sentence)
    return info
