"""PNG of 16-bit RGB, RGBA and grey with alpha, which Pillow would reduce to 8 bits without an error.

Read and written by imagecodecs (libpng); the chunks around the samples are read in png_chunks.py.
"""

import struct
from contextlib import suppress
from io import BytesIO
from types import ModuleType

import numpy as np
from PIL import PngImagePlugin

from apercu.bridges import exif
from apercu.bridges.geometry import check_page, check_size, orient, with_alpha
from apercu.bridges.icc import samples_to_srgb
from apercu.bridges.label import Label
from apercu.bridges.label_files import in_png
from apercu.bridges.png_chunks import SIGNATURE, chunks, profile_of, samples_bytes, texts_alone, without_metadata
from apercu.bridges.stated import orientation_of
from apercu.errors import FileFormatError, MissingExtra
from apercu.stages.colour import Samples

_MOST_SPARE = 1 << 16  # bytes of samples, more than twice as many as a picture has
_CHANNELS = {2: 3, 4: 2, 6: 4}  # by colour type


def is_deep(head: bytes) -> bool:
    """Whether these first 26 bytes or more begin a PNG of 16-bit samples with more than one channel."""
    if len(head) < 26 or not head.startswith(SIGNATURE):
        return False
    depth, colour_type = head[24], head[25]
    return depth == 16 and colour_type in _CHANNELS


def read_png16(data: bytes, page: int | None = None) -> tuple[Samples, str]:
    """Read a PNG for which `is_deep` holds.

    Args:
        data: the whole file.
        page: which of several frames, from 1; of an animation, only the first can be read at 16 bits.

    Returns:
        (array, bands): uint16 (H, W, 3) and "rgb", or (H, W, 4) and "rgba". Grey with alpha becomes RGBA, a
        transparent colour (tRNS) becomes alpha, the orientation is applied and other colours converted to sRGB.

    Raises:
        FileFormatError: the file is damaged, animated, high dynamic range, or above `apercu.MAX_PIXELS`.
        MissingExtra: imagecodecs is not installed.
        OptionError: there is no such page.
    """
    found = chunks(data)
    n_frames = max(1, int.from_bytes(found.get(b"acTL", b"\0\0\0\1")[:4]))
    if check_page(page, n_frames, "PNG"):
        raise FileFormatError("of an animated 16-bit PNG, only the first frame can be read whole (--page 1, page=1)")
    profile = profile_of(found)
    width, height, _, colour_type = struct.unpack(">IIBB", found[b"IHDR"][:10])
    check_size(width, height, _CHANNELS[colour_type])
    # libpng inflates all that is there, of which a picture of this size cannot have so much.
    if samples_bytes(data) > _MOST_SPARE + 4 * width * height * _CHANNELS[colour_type]:
        raise FileFormatError(f"a PNG of {width} × {height} pixels with far more samples than that")
    samples: Samples = _imagecodecs("reading").png_decode(without_metadata(data))
    channels = samples.shape[2]
    colour = samples_to_srgb(samples[..., 0] if channels == 2 else samples[..., :3], profile)
    if channels != 3:
        colour = with_alpha(colour, samples[..., -1])
    return orient(colour, _orientation(data, found)), "rgb" if channels == 3 else "rgba"


def _orientation(data: bytes, found: dict[bytes, bytes]) -> int:
    if b"eXIf" in found:
        return exif.orientation(found[b"eXIf"])
    # Pillow knows the text chunks that hold EXIF or XMP, and may refuse another: the samples are read already.
    with suppress(Exception):
        return orientation_of(PngImagePlugin.PngImageFile(BytesIO(texts_alone(data))))
    return 1


def png16_bytes(array: Samples, label: Label | None = None) -> bytes:
    """The PNG of a uint16 array, (H, W, 3) RGB or (H, W, 4) RGBA, and what it says of how it was made.

    Raises:
        MissingExtra: imagecodecs is not installed.
    """
    return in_png(bytes(_imagecodecs("writing").png_encode(np.ascontiguousarray(array))), label)


def _imagecodecs(doing: str) -> ModuleType:
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingExtra(
            f"{doing} a 16-bit PNG with more than one channel needs imagecodecs: pip install 'apercu[tiff]'"
        ) from error
    return imagecodecs
