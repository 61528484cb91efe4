"""Reads and writes picture files of every kind that apercu supports.

PNG, JPEG, WebP, BMP, GIF, PGM, PPM, JPEG 2000, AVIF, …   -> pictures.py   (Pillow)
PNG of 16-bit RGB and RGBA                                <-> png16.py     (imagecodecs)
TIFF of more than Pillow keeps                            <-> tiff.py      (tifffile)
what all of them state about colours and orientation      -> stated.py, then icc.py
"""

import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from apercu.bridges import piped
from apercu.bridges.geometry import masked, orient
from apercu.bridges.label import Label, Provenance, is_generated, label_of
from apercu.bridges.label_files import comment_pnm, said_by_pillow
from apercu.bridges.pictures import read_picture, read_tiff_picture
from apercu.bridges.png16 import is_deep, png16_bytes, read_png16
from apercu.bridges.png_chunks import SIGNATURE, check_chunks
from apercu.bridges.tiff import is_tiff, page_alone, read_layout, read_mask, read_tiff, write_tiff
from apercu.errors import ApercuError, FileFormatError, naming, printable
from apercu.format.ids import MAGIC
from apercu.replacing import replacing
from apercu.stages.colour import Samples

# What each suffix can hold without loss of bits, as bands and bits per sample.
_GREY, _RGB, _RGBA = ("grey", 8), ("rgb", 8), ("rgba", 8)
_DEEP = (("grey", 16), ("rgb", 16), ("rgba", 16))
_ALL = (_GREY, _RGB, _RGBA, *_DEEP, ("spectral", 8), ("spectral", 16))
_HELD_BY = {
    ".png": (_GREY, _RGB, _RGBA, *_DEEP),
    ".tif": _ALL,
    ".tiff": _ALL,
    ".jpg": (_GREY, _RGB),
    ".jpeg": (_GREY, _RGB),
    ".webp": (_GREY, _RGB, _RGBA),
    ".bmp": (_GREY, _RGB),
    ".pgm": (_GREY, ("grey", 16)),
    ".ppm": (_RGB,),
}
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},  # exact: colours under alpha 0 are kept
}

_SILENT = (".bmp",)  # hold nothing but samples
_MOST_SAID = 200  # characters of what a decoder says

PICTURE_SUFFIXES = tuple(_HELD_BY)


def read(
    source: str | os.PathLike[str] | BinaryIO, name: str | None = None, page: int | None = None
) -> tuple[Samples, str]:
    """Read a picture file without loss: every bit of every sample, upright and in sRGB; otherwise refuse it.

    Orientation tags are applied, ICC profiles and what else a file says about its colours (gAMA, cHRM, cICP, nclx)
    converted to sRGB, palettes, CMYK and transparent colours expanded, 1-bit samples become grey of 0 and 255, grey
    with alpha and what has a transparency mask become RGBA. EXIF that cannot be read counts as none.

    Args:
        source: a path, or a binary stream. A stream is read from its beginning, wherever it stands.
        name: what messages call the file; by default the path.
        page: which frame of an animation or page of a TIFF, from 1. By default the file has to hold one picture only.

    Returns:
        (array, bands): uint8 or uint16, (H, W) and "grey", (H, W, 3) and "rgb", (H, W, 4) and "rgba", or (H, W, B)
        and "spectral". `apercu.encode(array, bands=bands)` takes them as they are.

    Raises:
        FileFormatError: not a picture, damaged, above `apercu.MAX_PIXELS`, or holding what would be lost: signed,
            floating-point or 32-bit samples, more than 8 bits where the reader cuts them, several frames or pages,
            high dynamic range; or a stream that cannot be rewound, and has been read from.
        MissingExtra: the file needs tifffile or imagecodecs, and they are not installed.
        OptionError: there is no such page.
        OSError: the file cannot be opened.
    """
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as stream:
            return _read_stream(stream, name or printable(os.fspath(source)), page)
    return _read_stream(source, name or "the stream", page)


def write(
    target: str | os.PathLike[str] | BinaryIO,
    array: Samples,
    bands: str,
    suffix: str | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write a picture file without losing a bit of any sample (JPEG, which is lossy, at quality 95).

    Args:
        target: a path, written as `replacing` does, or a binary stream.
        array: uint8 or uint16, (H, W) or (H, W, B).
        bands: "grey", "rgb", "rgba" or "spectral".
        suffix: one of `PICTURE_SUFFIXES`; by default that of the path.
        provenance: what `apercu.provenance` tells of a picture that was restored. PNG, JPEG, WebP and TIFF hold it as
            XMP and as text (see `apercu.bridges.label`), PGM and PPM as a comment.

    Raises:
        FileFormatError: the suffix is unknown, such files cannot hold these samples, or parts of the picture are
            generated and they cannot say so (BMP).
        MissingExtra: the file needs tifffile or imagecodecs, and they are not installed.
        OSError: the file cannot be written.
    """
    if suffix is None:
        suffix = suffix_of(target) if isinstance(target, str | os.PathLike) else ""
    check_suffix(suffix, bands, array.dtype, provenance)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    # Built in memory, since the writers want to seek, and a pipe cannot.
    buffer = BytesIO()
    try:
        _write_stream(buffer, array, bands, suffix, label_of(provenance))
    except (ValueError, OSError, struct.error) as error:  # sides longer than the format allows, mostly
        if isinstance(error, ApercuError):
            raise
        raise FileFormatError(f"{suffix}: {error}") from error
    if isinstance(target, str | os.PathLike):
        with replacing(target) as stream:
            stream.write(buffer.getbuffer())
    else:
        target.write(buffer.getbuffer())


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The suffix of a path in small letters, with its dot; empty where there is none."""
    return os.path.splitext(os.fspath(path))[1].lower()


def check_suffix(suffix: str, bands: str, dtype: Any, provenance: Provenance | None = None) -> None:
    """Refuse a suffix under which such samples could not be written whole, or not with what is to be said of them.

    Args:
        suffix: with its dot, in small letters.
        bands: "grey", "rgb", "rgba" or "spectral".
        dtype: one of NumPy's, or its name; none but uint8 and uint16 can be written.
        provenance: see `write`.

    Raises:
        FileFormatError: naming the suffixes that serve.
    """
    if np.dtype(dtype) not in (np.uint8, np.uint16):
        raise FileFormatError(
            f"{np.dtype(dtype)} samples cannot be written as {suffix}; use .tif, which needs rasterio for them: "
            "pip install 'apercu[geo]'"
        )
    bits = 8 * np.dtype(dtype).itemsize
    serving = [name for name, held in _HELD_BY.items() if (bands, bits) in held]
    if suffix not in _HELD_BY:
        raise FileFormatError(no_format(suffix, serving))
    if suffix not in serving:
        raise FileFormatError(f"{bits}-bit {bands} samples cannot be written as {suffix}; use {' or '.join(serving)}")
    if suffix in _SILENT and is_generated(provenance):
        serving = [name for name in serving if name not in _SILENT]
        raise FileFormatError(f"{suffix} cannot say that a picture has generated parts; use {' or '.join(serving)}")


def holds_alpha(suffix: str, bands: str, dtype: Any) -> bool:
    """Whether grey or colours of a type could be written with alpha under a suffix."""
    return bands in ("grey", "rgb") and ("rgba", 8 * np.dtype(dtype).itemsize) in _HELD_BY[suffix]


def no_format(suffix: str, serving: Iterable[str] = PICTURE_SUFFIXES) -> str:
    """What is wrong with a suffix that no picture format has; `serving` are those to use."""
    by = f"by the suffix {suffix!r}" if suffix else "without a suffix"
    return f"no picture format is known {by}; use {' or '.join(serving)}"


def _read_stream(stream: BinaryIO, name: str, page: int | None) -> tuple[Samples, str]:
    stream = _rewound(stream, name)
    head = stream.read(32)
    stream.seek(0)
    if isinstance(head, str):
        raise FileFormatError(f"{name}: a stream of text; open the file in binary mode")
    if head.startswith(MAGIC):
        raise FileFormatError(f"{name}: an apercu file already")
    try:
        return _dispatch(stream, head, page)
    except UnidentifiedImageError as error:
        raise FileFormatError(f"{name}: {'no picture of a kind that is known' if head else 'an empty file'}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own limit, for what a rare kind of file holds beside its declared size.
        raise FileFormatError(f"{name}: more pixels than Pillow allows in such a file: {error}") from error
    except ApercuError as error:
        raise type(error)(f"{name}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise almost any exception for damaged files
        what = " ".join(str(error)[:_MOST_SAID].split())  # some quote the content of the file, all of it
        raise FileFormatError(f"{name}: damaged, or not what it seems: {what}") from error


def _rewound(stream: BinaryIO, name: str) -> BinaryIO:
    """The stream at its beginning; a pipe or a device is read into memory, if it is a picture."""
    if stream.seekable() and not piped.is_endless(stream):
        stream.seek(0)
        return stream
    position = 0
    with suppress(OSError):  # a pipe has no position; what counts for itself may have one
        position = stream.tell()
    if position:
        raise FileFormatError(f"{name}: cannot be rewound, and {position} bytes of it have been read already")
    with naming(name):
        return piped.read_picture(stream)


def _dispatch(stream: BinaryIO, head: bytes, page: int | None) -> tuple[Samples, str]:
    if head.startswith(SIGNATURE):
        check_chunks(stream)
    if is_deep(head):
        return read_png16(stream.read(), page)
    if not is_tiff(head):
        return read_picture(stream, page)
    layout, mask = read_layout(stream, page)
    if layout.pillow_keeps_all:
        array, bands = read_tiff_picture(page_alone(stream, layout), layout.profile)
        array = orient(array, layout.orientation)
    else:
        array, bands = read_tiff(stream, layout)
    return (array, bands) if mask is None else masked(array, bands, read_mask(stream, mask, layout.orientation))


def _write_stream(stream: BinaryIO, array: Samples, bands: str, suffix: str, label: Label | None) -> None:
    deep = array.dtype == np.uint16 and bands != "grey"
    if suffix in (".tif", ".tiff") and (deep or bands == "spectral"):
        write_tiff(stream, array, bands, label)
    elif deep:
        stream.write(png16_bytes(array, label))
    else:
        kind = Image.registered_extensions()[suffix]
        Image.fromarray(array).save(stream, kind, **_SAVE_OPTIONS.get(kind, {}), **said_by_pillow(kind, label))
        if kind == "PPM" and label:
            comment_pnm(stream, label)
