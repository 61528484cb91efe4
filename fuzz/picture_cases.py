"""Pictures of other formats, small ones of each kind, and mutants of them for what reads pictures."""

import random
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from apercu.bridges import files
from apercu.bridges.png16 import png16_bytes
from apercu.errors import FileFormatError, MissingExtra, OptionError
from calls import call
from mutate import havoc
from scripts.pictures import noise, scene, wide

TAGS = (
    254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 297, 317, 320, 322, 323, 324, 325, 330, 338, 339,
    34675,
)  # fmt: skip
VALUES = (
    0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 255, 256, 1000, 16384, 32773, 34712, 65535, 65536, 1 << 20, (1 << 31) - 1, 1 << 31,
    (1 << 32) - 1,
)  # fmt: skip
CHUNKS = b"IHDR PLTE tRNS iCCP gAMA cHRM cICP sRGB eXIf acTL fcTL fdAT IDAT IEND zTXt".split()


def seeds() -> dict[str, bytes]:
    """By name."""
    Image.init()  # which fills Image.SAVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _pillow_files() | _png_files() | _tiff_files()


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


def _images() -> dict[str, Image.Image]:
    grey, rgb, rgba = scene(13, 17)[:, :, 0], scene(12, 18, 3), scene(11, 9, 4)
    images = {"L": Image.fromarray(grey), "RGB": Image.fromarray(rgb), "RGBA": Image.fromarray(rgba)}
    images |= {mode: images["RGB"].convert(mode) for mode in ("P", "1", "CMYK", "YCbCr", "LAB")}
    images["LA"] = images["RGBA"].convert("LA")
    images["I;16"] = Image.fromarray(wide(scene(9, 14), 0, 65535)[:, :, 0])
    return images


def _pillow_files() -> dict[str, bytes]:
    images = _images()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kinds = {
        "JPEG": ("L", "RGB", "CMYK"),
        "GIF": ("P", "L", "RGB"),
        "BMP": ("1", "L", "P", "RGB"),
        "PPM": ("1", "L", "RGB", "I;16"),
        "WEBP": ("RGB", "RGBA"),
        "AVIF": ("RGB", "RGBA"),
        "JPEG2000": ("L", "RGB", "RGBA"),
        "TGA": ("RGB", "RGBA"),
        "ICO": ("RGBA",),
        "PCX": ("L", "RGB"),
        "TIFF": tuple(images),
        "QOI": ("RGB", "RGBA"),
        "DDS": ("RGB", "RGBA"),
        "SGI": ("L", "RGB"),
    }
    found = {}
    for kind, modes in kinds.items():
        for mode in modes:
            if kind in Image.SAVE:
                found[f"{kind} {mode}"] = _saved(images[mode], kind)
    rgb = images["RGB"]
    found["JPEG exif"] = _saved(rgb, "JPEG", exif=_exif(6), icc_profile=profile, progressive=True)
    found["JPEG mpo"] = _saved(rgb, "MPO", save_all=True, append_images=[rgb])
    found["WEBP frames"] = _saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)])
    found["GIF frames"] = _saved(images["P"], "GIF", save_all=True, append_images=[images["P"].rotate(90)])
    found["WEBP exif"] = _saved(rgb, "WEBP", exif=_exif(3), icc_profile=profile, lossless=True)
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        found[f"TIFF {compression}"] = _saved(rgb, "TIFF", compression=compression, icc_profile=profile)
    found["TIFF group4"] = _saved(images["1"], "TIFF", compression="group4")
    found["TIFF frames"] = _saved(rgb, "TIFF", save_all=True, append_images=[images["L"]])
    return found


def _png_files() -> dict[str, bytes]:
    images = _images()
    found = {f"PNG {mode}": _saved(images[mode], "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")}
    more = PngImagePlugin.PngInfo()
    more.add(b"gAMA", struct.pack(">I", 45455))
    more.add(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    more.add(b"cICP", bytes([12, 13, 0, 1]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found["PNG colours"] = _saved(images["RGB"], "PNG", pnginfo=more, exif=_exif(8), icc_profile=profile)
    found["PNG transparent"] = _saved(images["P"], "PNG", transparency=3)
    found["PNG frames"] = _saved(images["RGB"], "PNG", save_all=True, append_images=[images["RGB"].rotate(180)])
    try:
        found["PNG deep"] = png16_bytes(wide(scene(10, 7, 3), 0, 65535))
        found["PNG deep alpha"] = png16_bytes(wide(scene(6, 11, 4), 0, 65535))
    except MissingExtra:
        pass
    return found


def _tiff_files() -> dict[str, bytes]:
    try:
        import tifffile
    except ImportError:
        return {}
    grey, rgb = scene(20, 33)[:, :, 0], scene(20, 33, 3)
    variants: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "tiles": (rgb, {"photometric": "rgb", "tile": (16, 16)}),
        "planar": (np.moveaxis(rgb, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "big": (grey, {"bigtiff": True}),
        "big end": (grey, {"bigtiff": True, "byteorder": ">"}),
        "deep": (wide(rgb, 0, 65535), {"photometric": "rgb", "byteorder": ">"}),
        "spectral": (scene(9, 8, 7), {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": (0,) * 6}),
        "alpha": (scene(9, 8, 4), {"photometric": "rgb", "extrasamples": ("assocalpha",)}),
        "alpha planar": (np.moveaxis(scene(9, 8, 4), 2, 0),
                         {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ("unassalpha",)}),
        "pages": (np.stack([grey, grey]), {"photometric": "minisblack"}),
        "floats": (grey.astype(np.float32), {"photometric": "minisblack"}),
        "strips": (grey, {"rowsperstrip": 3}),
        "imagej": (np.stack([grey, grey]), {"imagej": True}),
    }  # fmt: skip
    found = {}
    for name, (array, options) in variants.items():
        stream = BytesIO()
        tifffile.imwrite(stream, array, **options)
        found[f"TIFF {name}"] = stream.getvalue()
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(rgb, photometric="rgb")
        writer.write(noise((20, 33), 1) % 2 == 0, subfiletype=4, photometric="mask")
    return found | {"TIFF mask": stream.getvalue()}


def mutant(rng: random.Random, pictures: dict[str, bytes]) -> bytes:
    """One damaged picture."""
    name = rng.choice(list(pictures))
    data, other = pictures[name], pictures[rng.choice(list(pictures))]
    kind = rng.random()
    if kind < 0.02:
        return data
    if name.startswith("TIFF") and kind < 0.7:
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = _with_other_tag(rng, data)
        return data
    if name.startswith("PNG") and kind < 0.7:
        return _with_other_chunk(rng, data)
    if kind < 0.8:  # lengths and sizes are near the beginning
        at = rng.randrange(1, min(len(data), 200))
        return havoc(rng, data[:at], other) + data[at:]
    return havoc(rng, data, other)


def _with_other_tag(rng: random.Random, data: bytes) -> bytes:
    """A TIFF with one entry of a directory changed: its tag, type, count or value, or the offset to the next."""
    order, big = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
    number, size = ("Q", 20) if big else ("L", 12)
    out = bytearray(data)
    try:
        (at,) = struct.unpack_from(order + number, data, 8 if big else 4)
        (n,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        at += 8 if big else 2
        if n > 100 or rng.random() < 0.04:
            struct.pack_into(order + number, out, at + size * min(n, 100), rng.choice((0, 8, at, len(data))))
            return bytes(out)
        entry = at + size * rng.randrange(n)
        field = rng.randrange(8)
        if field == 0:
            struct.pack_into(order + "H", out, entry, rng.choice(TAGS))
        elif field == 1:
            struct.pack_into(order + "H", out, entry + 2, rng.randrange(20))
        elif field == 2:
            struct.pack_into(order + number, out, entry + 4, rng.choice(VALUES))
        else:
            (kind,) = struct.unpack_from(order + "H", out, entry + 2)
            value, width = rng.choice((*VALUES, len(data), rng.randrange(len(data)))), {3: "H"}.get(kind, "L")
            struct.pack_into(
                order + width, out, entry + (12 if big else 8), value & (65535 if width == "H" else 0xFFFFFFFF)
            )
    except struct.error:
        return havoc(rng, data, data)
    return bytes(out)


def _with_other_chunk(rng: random.Random, data: bytes) -> bytes:
    """A PNG with one chunk changed, dropped, repeated or put in, and all checksums right."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    place, kind = rng.randrange(len(chunks)), rng.randrange(6)
    name, body = chunks[place]
    if kind == 0:
        del chunks[place]
    elif kind == 1:
        chunks.insert(rng.randrange(len(chunks)), chunks[place])
    elif kind == 2:
        chunks.insert(rng.randrange(1, len(chunks) + 1), (rng.choice(CHUNKS), havoc(rng, body, body)[:400]))
    elif kind == 3 and name in (b"IDAT", b"iCCP"):  # more than there should be, in few bytes
        body = zlib.compress(bytes(rng.choice((1 << 16, 1 << 22))))
        chunks[place] = name, body if name == b"IDAT" else b"x\0\0" + body
    elif kind == 4 and chunks[0][0] == b"IHDR":
        sizes = struct.pack(">II", *(rng.choice(VALUES[1:]) for _ in range(2)))
        chunks[0] = b"IHDR", havoc(rng, sizes + chunks[0][1][8:], b"")[:13]
    else:
        chunks[place] = name, havoc(rng, body, chunks[0][1])
    out = data[:8]
    for name, body in chunks:
        out += len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
    return out


def run(rng: random.Random, data: bytes, faults: list[str], count: Callable[[str], None]) -> None:
    """Reads a picture: an array that is what its bands say, or an error that says what is wrong; all else stays."""
    page = rng.choice((None, None, None, 1, 2, 7))
    before = _settings()
    expected = (FileFormatError, OptionError, MissingExtra)
    found = call(faults, "files.read", expected, files.read, BytesIO(data), page=page)
    if _settings() != before:
        faults.append(f"reading changes MAX_IMAGE_PIXELS or warnings: {before[0]}, {_settings()[0]}")
        Image.MAX_IMAGE_PIXELS = before[0]
    if isinstance(found, Exception):
        count(type(found).__name__)
        return
    count("read")
    array, bands = found
    shapes = {"grey": (2, 1), "rgb": (3, 3), "rgba": (3, 4), "spectral": (3, array.shape[-1])}
    if (array.ndim, array.shape[2] if array.ndim == 3 else 1) != shapes[bands] or 0 in array.shape:
        faults.append(f"read as {bands} of shape {array.shape}")
    if array.dtype not in (np.uint8, np.uint16):
        faults.append(f"read as {array.dtype}")


def _settings() -> tuple[Any, ...]:
    return Image.MAX_IMAGE_PIXELS, list(warnings.filters)
