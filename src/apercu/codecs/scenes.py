"""Scenes: what a prefix says, applied to the image after it (spec/scenes.md, "Order of decoding").

A file without a prefix goes through the same functions, and nothing is done to its image.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import decoding
from apercu.codecs.protocol import Progress, no_progress
from apercu.errors import ApercuError, UnknownChunk
from apercu.format.chunk_places import at_coded_size
from apercu.format.chunks import Bands, MaskBits, Scene
from apercu.format.container import Header, read_header
from apercu.format.ids import SCENE_VERSION
from apercu.format.prefix import fitted, has_prefix, read_prefix
from apercu.stages.arguments import check_limit
from apercu.stages.blocks import Window
from apercu.stages.fill import Mask
from apercu.stages.layout import Restore
from apercu.stages.sample_types import set_nodata, to_values


def split(data: bytes) -> tuple[Scene | None, bytes]:
    """What the prefix of a file says, None where there is none, and the file of version 1 after it. Raises a
    FormatError."""
    if not has_prefix(data):
        return None, data
    scene, start = read_prefix(data)
    return scene, data[start:]


def decode(
    scene: Scene | None,
    inner: bytes,
    damaged: str = "raise",
    model: str | Path | None = None,
    max_pixels: int | None = None,
    progress: Progress = no_progress,
    window: Window | None = None,
    layers: int | None = None,
    restorer: Restore | None = None,
    full_size: bool = False,
) -> NDArray[Any]:
    """See `apercu.decode`; `scene` and `inner` as `split` gives them."""
    if scene is None:
        return decoding.decode(inner, damaged, model, max_pixels, progress, window, layers, restorer)
    scene, header = _fitted(scene, inner, max_pixels)
    log2, height, width = _size(scene, header, full_size, max_pixels)
    window = decoding.inside(window, height, width)
    mask = (
        None if scene.mask is None else part_of_mask(read_mask(scene.mask, header), scene.mask.halvings + log2, window)
    )
    resize: Any = import_module("apercu.stages.resize") if log2 else None
    coded = resize.needed_window(window, height, width, log2) if log2 else window
    image = decoding.decode(inner, damaged, model, max_pixels, progress, coded, layers, restorer)
    bands = image.reshape(*image.shape[:2], -1)
    if log2:
        bands = resize.enlarged(bands, window, height, width, log2)
    return finished(bands, scene, mask).reshape(*window[2:], *image.shape[2:])


def finished(bands: NDArray[Any], scene: Scene, mask: Mask | None) -> NDArray[Any]:
    """Bands (h, w, B) of a window as values of the samples that were encoded; may be done in place.

    scene: as `fitted` gives it. mask: (h, w, 1) or (h, w, B), of the same window, None where all samples count.
    """
    if (samples := scene.samples) is None:
        return bands
    values = to_values(bands, samples.mapping, samples.dtype) if samples.mapping else bands
    if samples.nodata:
        set_nodata(values, samples.nodata, mask)
    return values


def mask(data: bytes, max_pixels: int | None, window: Window | None = None, full_size: bool = False) -> Mask:
    """See `apercu.mask`."""
    scene, inner = split(data)
    scene, header = _fitted(scene or Scene(), inner, max_pixels)
    log2, height, width = _size(scene, header, full_size, max_pixels)
    window = decoding.inside(window, height, width)
    if scene.mask is None:
        return np.zeros((window.height, window.width), np.bool_)
    found = part_of_mask(read_mask(scene.mask, header), scene.mask.halvings + log2, window)
    return found.reshape(found.shape[:2]) if found.shape[2] == 1 else found


def check(data: bytes, model: str | Path | None, max_pixels: int | None) -> list[ApercuError]:
    """See `apercu.check`."""
    check_limit("apercu.MAX_PIXELS", max_pixels)  # which is no fault of the file's
    try:
        scene, inner = split(data)
        if scene is not None:
            scene, header = _fitted(scene, inner, max_pixels)
            if scene.mask is not None:
                read_mask(scene.mask, header)
    except ApercuError as fault:
        return [fault]
    return decoding.check(inner, model, max_pixels)


def info(data: bytes, max_pixels: int | None) -> dict[str, object]:
    """See `apercu.info`."""
    scene, inner = split(data)
    told = decoding.info(inner, max_pixels)
    if scene is None:
        return told
    scene, header = _fitted(scene, inner, max_pixels)
    _, height, width = _size(scene, header, True, None)
    told |= {"version": SCENE_VERSION, "n_bytes": len(data), "bpp": 8 * len(data) / (height * width)}
    return told | _told(scene)


def _told(scene: Scene) -> dict[str, object]:
    """What a scene says, None where it says nothing; as JSON has it, but for numbers that are not finite."""
    geo, bands, samples, bits, reduced = at_coded_size(scene).geo, scene.bands, scene.samples, scene.mask, scene.reduced
    told: dict[str, object] = {} if samples is None else {"dtype": samples.dtype}
    told["geo"] = (
        None if geo is None else {**geo._asdict(), "crs": f"EPSG:{geo.crs}" if isinstance(geo.crs, int) else geo.crs}
    )
    told["gcps"] = None if scene.gcps is None else len(scene.gcps.points)
    told["rpcs"] = None if scene.rpcs is None else True
    for name in Bands._fields:
        told[name] = None if bands is None else getattr(bands, name)
    told["tags"] = scene.tags and [
        {"band": band, "namespace": namespace, "tags": group} for (band, namespace), group in scene.tags.items()
    ]
    told["nodata"] = None if samples is None else samples.nodata
    told["mask"] = (
        None
        if bits is None
        else {"kind": bits.kind, "exact": not bits.halvings, "halvings": bits.halvings, "n_bytes": len(bits.data)}
    )
    told["rotated"] = None if scene.rotation is None else True
    told["reduced"] = (
        None if reduced is None else {"factor": 1 << reduced.log2, "height": reduced.height, "width": reduced.width}
    )
    return told


def _fitted(scene: Scene, inner: bytes, max_pixels: int | None) -> tuple[Scene, Header]:
    """The scene, fitted to the head of the file after it, and that head."""
    header = read_header(inner)
    decoding.check_head(header, max_pixels)
    scene = fitted(scene, header)
    if scene.rotation:
        raise UnknownChunk("the rotation chunk is not read yet")
    return scene, header


def _size(scene: Scene, header: Header, full_size: bool, max_pixels: int | None) -> tuple[int, int, int]:
    """How often rows and columns are to be doubled, and how many there are then."""
    if scene.reduced is None or not full_size:
        return 0, header.height, header.width
    log2, height, width = scene.reduced
    decoding.check_size(height, width, header.n_bands, max_pixels)
    return log2, height, width


def read_mask(bits: MaskBits, header: Header) -> Mask:
    """The mask of a file, halved as it is: (h, w, 1) or (h, w, B). Raises CorruptStream or Truncated."""
    height, width = (-(-side >> bits.halvings) for side in (header.height, header.width))
    masks: Any = import_module("apercu.stages.mask")
    found: Mask = masks.decode_mask(bits.data, height, width, bits.n_masks).reshape(height, width, bits.n_masks)
    return found


def part_of_mask(halved: Mask, halvings: int, window: Window) -> Mask:
    """A window of a mask (h, w, n) at 2^halvings times its size."""
    top, left, height, width = window
    if not halvings:
        return halved[top : top + height, left : left + width]
    rows, columns = np.arange(top, top + height) >> halvings, np.arange(left, left + width) >> halvings
    found: Mask = halved[rows[:, np.newaxis], columns]
    return found
