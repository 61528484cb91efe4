"""Picture files as bytes: by Pillow, by tifffile, by hand. And an image of every mode of Pillow's."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image, ImageCms

from apercu.bridges import files


def read(data, **options):
    return files.read(io.BytesIO(data), **options)


def file_of(image, kind="PNG", **options):
    """The bytes that Pillow writes for an array or an image."""
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff_of(array, **options):
    """The bytes that tifffile writes."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, metadata=None, **options)
    return stream.getvalue()


def tiff_by_hand(rows, *tags, order="<"):
    """A TIFF of one strip: its bytes and tags of (number, type, values), types 3 (SHORT) and 4 (LONG)."""
    tags = sorted([*tags, (273, 4, (8,)), (279, 4, (len(rows),))])
    entries, after = b"", b""
    start = 8 + len(rows) + 2 + 12 * len(tags) + 4
    for number, kind, values in tags:
        content = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'L'}", *values)
        if len(content) > 4:
            content, after = struct.pack(f"{order}L", start + len(after)), after + content
        entries += struct.pack(f"{order}HHL", number, kind, len(values)) + content.ljust(4, b"\0")
    head = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return head + struct.pack(f"{order}L", 8 + len(rows)) + rows + directory + after


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width, height, depth, colour_type, rows, *chunks):
    """A PNG by hand: `rows` with their filter bytes, `chunks` of (type, content) before the samples."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def with_chunks(png, *chunks):
    """A PNG with more chunks after its head, which takes 33 bytes."""
    return png[:33] + b"".join(chunk(*part) for part in chunks) + png[33:]


def image_of(mode):
    """A drawn image of Pillow's in a mode."""
    x, y = np.meshgrid(np.arange(96, dtype=np.uint8), np.arange(64, dtype=np.uint8))
    image = Image.fromarray(np.dstack([2 * x, 255 - 2 * x, x + y]))
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        del image.info["icc_profile"]
        return image
    if mode.startswith("I;16"):
        samples = 600 * x.astype(np.uint16) + y
        return Image.frombytes(mode, (96, 64), samples.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    for step in {"PA": ["P"], "La": ["LA"], "RGBa": ["RGBA"]}.get(mode, []):
        image = image.convert(step)
    return image.convert(mode)
