"""How a conformance vector is written: pixels as PNG or TIFF, symbols as text. See vectors/README.md."""

import io
from collections.abc import Iterable

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from apercu.codecs import taha2025
from apercu.errors import ApercuError
from apercu.format.container import read_header, read_segments
from apercu.format.weights import shipped
from apercu.stages.blocks import tiles
from apercu.stages.colour import Samples


def write_pixels(image: Samples) -> tuple[str, bytes]:
    """File name ending and content: PNG where it can hold the samples, else TIFF without compression."""
    file = io.BytesIO()
    n_bands = image.shape[2] if image.ndim == 3 else 1
    if image.dtype == np.uint8 and n_bands in (1, 3, 4):
        Image.fromarray(image[:, :, 0] if image.ndim == 3 and n_bands == 1 else image).save(file, "PNG", optimize=True)
        return "png", file.getvalue()
    plain = np.ascontiguousarray(image, image.dtype.newbyteorder("<"))
    layout = {"planarconfig": "contig"} if n_bands > 1 else {}
    tifffile.imwrite(file, plain, photometric="minisblack", metadata=None, software="", **layout)
    return "tif", file.getvalue()


def read_pixels(content: bytes, name: str, shape: Iterable[int]) -> Samples:
    """The inverse of `write_pixels`; a file does not tell (H, W) from (H, W, 1), nor (1, W, B) from (W, B)."""
    file = io.BytesIO(content)
    pixels: Samples = np.asarray(Image.open(file)) if name.endswith("png") else tifffile.imread(file)
    return pixels.reshape(tuple(shape))


def write_symbols(data: bytes) -> str:
    """Groups and symbols of a sound file: a line for every plane of every tile, and one for every block of it.

    A block's line begins with its group, 1 or 2, and goes on with its symbols: one of G1, eight of G2.
    """
    header = read_header(data)
    weights = shipped(1)  # symbols do not hang on them
    lines = []
    windows = tiles(header.height, header.width, header.tile)
    for number, (window, segment) in enumerate(zip(windows, read_segments(data, header), strict=True)):
        if isinstance(segment, ApercuError):
            raise segment
        read = taha2025.read([segment], header, weights, window.height, window.width)
        for plane, (groups, symbols) in enumerate(read):
            lines.append(f"tile {number} plane {plane} blocks {len(groups)}")
            lines += [_block(group, values) for group, values in zip(groups.tolist(), symbols, strict=True)]
    return "\n".join(lines) + "\n"


def _block(group: int, values: NDArray[np.int16]) -> str:
    used = values if group else values[:1]
    return " ".join(map(str, (group + 1, *used.tolist())))
