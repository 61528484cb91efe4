"""How a conformance vector is written: pixels as PNG or TIFF, symbols as text. See vectors/README.md."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from apercu.codecs.by_name import codec_of
from apercu.codecs.content import layout_of_tile
from apercu.codecs.scenes import split
from apercu.codecs.tables import of_file
from apercu.errors import ApercuError
from apercu.format.container import read_header, read_segments
from apercu.stages.blocks import tiles
from apercu.stages.colour import Samples
from apercu.stages.layout import Layout
from apercu.stages.wavelet import band_places

NOW = {"version-2": "ChecksumError"}
"""The error of invalid files whose number was unknown when they were frozen: a decoder that knows it reads on, and
finds another fault."""


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


def write_symbols(data: bytes, model: Path | None) -> str:
    """All symbols of a sound file as text; none of a codec of samples. See vectors/README.md.

    model: the user's, where the file needs it.
    """
    _, data = split(data)
    header = read_header(data)
    codec, tables = codec_of(header.codec), of_file(header, model)
    if codec.DOMAIN == "samples":
        return ""
    layers = list(read_segments(data, header))
    lines: list[str] = []
    for number, window in enumerate(tiles(header.height, header.width, header.tile)):
        segments = []
        for segment in layers[number :: header.n_tiles]:
            if isinstance(segment, ApercuError):
                raise segment
            segments.append(segment)
        layout = layout_of_tile(header, window.height, window.width)
        read = codec.read(segments, layout, None, tables, header.n_layers)  # they do not depend on the setting
        lines += _TELL.get(header.codec, _tell_arrays)(number, read, layout)
    return "\n".join(lines) + "\n"


def write_words(data: bytes) -> dict[str, Any]:
    """What a prefix says that does not change pixels, as JSON has it; see vectors/README.md."""
    scene, _ = split(data)
    found = {name: value._asdict() for name in ("geo", "gcps", "rpcs", "bands") if (value := getattr(scene, name))}
    if scene.tags:
        found["tags"] = [[band, namespace, group] for (band, namespace), group in scene.tags.items()]
    words: dict[str, Any] = json.loads(json.dumps(found))
    return words


def _tell_arrays(number: int, read: Any, _: Layout) -> Iterator[str]:
    """A line for every array that there is of a tile, and one for every row of it."""
    for index, array in enumerate(read if isinstance(read, list) else [read]):
        yield f"tile {number} array {index} shape {' '.join(map(str, array.shape))}"
        yield from (" ".join(map(str, row)) for row in array.reshape(-1, array.shape[-1]).tolist())


def _tell_blocks(number: int, read: list[tuple[NDArray[np.uint8], NDArray[np.int16]]], _: Layout) -> Iterator[str]:
    """A line for every plane, and one for every block of it: its group, and its symbols."""
    for plane, (groups, symbols) in enumerate(read):
        yield f"tile {number} plane {plane} blocks {len(groups)}"
        yield from (_block(group, values) for group, values in zip(groups.tolist(), symbols, strict=True))


def _block(group: int, values: NDArray[np.int16]) -> str:
    used = values if group else values[:1]
    return " ".join(map(str, (group + 1, *used.tolist())))


def _tell_bands(number: int, read: list[NDArray[np.int16]], layout: Layout) -> Iterator[str]:
    """A line for every band of a plane that is not empty, and one for every row of it."""
    for plane, (p, symbols) in enumerate(zip(layout.planes, read, strict=True)):
        levels = 5 - p.chroma
        places = band_places(p.height, p.width, levels)
        bands = {f"LL {levels}": (0, -(-p.height // 2**levels), -(-p.width // 2**levels))}
        bands |= {f"{('HL', 'LH', 'HH')[which]} {level}": place for (level, which), place in places.items()}
        for name, (start, height, width) in bands.items():
            if height * width == 0:
                continue
            yield f"tile {number} plane {plane} band {name}"
            values = symbols[start : start + height * width].reshape(height, width)
            yield from (" ".join(map(str, row)) for row in values.tolist())


_TELL: dict[str, Callable[[int, Any, Layout], Iterator[str]]] = {"apercu": _tell_bands, "taha2025": _tell_blocks}
"""Of the codecs whose files of symbols have a form of their own."""
