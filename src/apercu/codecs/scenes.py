"""Scenes: an image and what a prefix says of it, to a file and back (spec/scenes.md, "Order of decoding").

A file without a prefix goes through the same functions, and nothing is done to its image.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import decoding, encoding
from apercu.codecs.by_name import codec_of
from apercu.codecs.protocol import Progress, no_progress
from apercu.codecs.reduced import best_size, reduced
from apercu.codecs.rotated import Rotated, levels_of, rotation_of
from apercu.codecs.rotated import n_bytes as rotation_bytes
from apercu.codecs.source import ArraySource, Source, source_of
from apercu.codecs.target import Target, measured
from apercu.errors import ApercuError, TargetUnreachable
from apercu.format.chunk_places import at_coded_size
from apercu.format.chunk_samples import MOST_SIDE
from apercu.format.chunks import Bands, MaskBits, Reduced, Scene
from apercu.format.container import Header, read_header
from apercu.format.ids import SCENE_VERSION
from apercu.format.prefix import dtype_of, fitted, has_prefix, pack_prefix, read_prefix
from apercu.stages import mask as masks
from apercu.stages.arguments import check_limit
from apercu.stages.blocks import Window
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask
from apercu.stages.layout import Restore
from apercu.stages.resize import enlarged, needed_window
from apercu.stages.rotation import to_bands
from apercu.stages.sample_types import set_nodata, to_values

MASK_SHARE = 20
"""An exact mask takes at most one byte in so many of a budget."""
_NOTHING = Scene()
ROTATION_SHARE = 2 / 3
"""A rotation takes at most this part of a budget; of 64 bands, with more of it, it gained nothing."""
_SIDE_READ = 1024
"""Pixels a side of the windows that are read for a mask, a multiple of 8: large scenes are stored in tiles."""


# --- Encoding -------------------------------------------------------------------------------------
def encode(
    image: object,
    scene: Scene,
    target: Target,
    codec: str,
    options: Any = None,
    bands: str | None = None,
    mask_kind: str | None = "band",
    model: str | Path | None = None,
    progress: Progress = no_progress,
    tile: int | None = None,
    layers: int | None = None,
    log2: int | None = 0,
    rotate: bool = True,
) -> bytes:
    """A source, or an array (H, W) or (H, W, B), as a file that says what the scene says; see `apercu.encode`.

    scene: without mask, rotation and reduced size, which are found here; places are those of the source. mask_kind:
    what the source's mask is, None where it has none. log2: the image is coded at 1/2^log2 of its size, None at the
    best for a budget in bytes, or else at the full one. rotate: whether spectral bands may become components, where
    that gains and leaves a third of a budget (else its quality does not make the same bytes, but a rotation).

    Raises as `apercu.encode`.
    """
    source = source_of(image, MOST_SIDE)
    bands, target = encoding.interpretation_of(source, bands), measured(target, source)
    is_plain = isinstance(source, ArraySource) and source.mask is None and scene == _NOTHING and not rotate

    def at_size(log2: int, progress: Progress = progress) -> bytes:
        if is_plain and not log2:  # the sooner for small images
            return encoding.encode(source, target, codec, options, bands, model, progress, tile, layers)
        small = source_of(reduced(source, log2, bands))
        said = replace(scene, reduced=Reduced(log2, source.height, source.width) if log2 else None)
        if mask_kind is not None:
            said = replace(said, mask=_mask_bits(small, mask_kind, target.n_bytes))
        rotation, coded, levels, inner = None, small, None, target
        affordable = target.n_bytes is None or rotation_bytes(source.n_bands) <= ROTATION_SHARE * target.n_bytes
        if rotate and affordable and bands == "spectral" and codec_of(codec).DOMAIN == "planes":
            rotation = rotation_of(small, levels_of(small, target.of_65535()))
        if rotation:
            components = Rotated(small, rotation)
            coded, levels = components, components.levels
        prefix = pack_prefix(replace(said, rotation=rotation))
        if target.n_bytes is not None:
            inner = replace(inner, n_bytes=target.n_bytes - len(prefix))
            if target.n_bytes <= len(prefix):
                what = f"georeference, tags, mask and the like take {len(prefix)} alone"
                raise TargetUnreachable(f"{target.n_bytes} bytes are too few: {what}")
        try:
            return prefix + encoding.encode(
                coded, inner, codec, options, bands, model, progress, tile, layers, None, levels, rotation is not None
            )
        except TargetUnreachable as unreachable:
            if target.n_bytes is None or not prefix:
                raise
            raise TargetUnreachable(f"besides a prefix of {len(prefix)} bytes, {unreachable}") from None

    def decoded(data: bytes, window: Window) -> Samples:
        """A window of the bands (h, w, B) of a file that was made here, at the size that is coded."""
        file = opened(data, None, with_mask=False)
        return _bands(file, decoding.decode(file.inner, model=model, window=window))

    if log2 is None and target.n_bytes is not None:
        return best_size(source, target.n_bytes, bands, at_size, decoded, progress)
    try:
        return at_size(log2 or 0)
    except TargetUnreachable as unreachable:
        if target.n_bytes is None:
            raise
        raise TargetUnreachable(f'{unreachable}; reduce="auto" (--reduce auto) codes fewer pixels') from None


def _mask_bits(source: Source, kind: str, n_bytes: int | None) -> MaskBits | None:
    """The mask of a source, exact if a budget has room for it; None where all samples count."""
    planes, width, halvings = _packed(source), source.width, 0
    if planes is None:
        return None
    data = masks.encode_planes(planes, width)
    while n_bytes is not None and MASK_SHARE * len(data) > n_bytes and max(planes.shape[1], width) > 1:
        planes, width, halvings = masks.halved(planes, width), -(-width // 2), halvings + 1
        data = masks.encode_planes(planes, width)
    return MaskBits(kind, halvings, len(planes), data)


def _packed(source: Source) -> masks.Planes | None:
    """The mask of a source as bits, one for all bands if they have the same; None where all samples count."""
    if isinstance(source, ArraySource) and source.mask is None:
        return None
    strips = []
    for top in range(0, source.height, _SIDE_READ):
        of_row = []
        for left in range(0, source.width, _SIDE_READ):
            height, width = min(_SIDE_READ, source.height - top), min(_SIDE_READ, source.width - left)
            hidden = source.read(Window(top, left, height, width))[1]
            if hidden is None:
                hidden = np.zeros((height, width, 1), np.bool_)
            alike = hidden.strides[2] == 0 or bool((hidden == hidden[:, :, :1]).all())
            of_row.append(masks.pack(hidden[:, :, :1] if alike else hidden))
        strips.append(_joined(of_row, axis=2))
    planes = _joined(strips, axis=1)
    return planes if planes.any() else None


def _joined(planes: list[masks.Planes], axis: int) -> masks.Planes:
    """Parts of masks, of which some are one for all bands, side by side or one below the other."""
    most = max(map(len, planes))
    return np.concatenate([np.repeat(part, most // len(part), axis=0) for part in planes], axis=axis)


# --- Decoding -------------------------------------------------------------------------------------
class Opened(NamedTuple):
    """A file of which all has been read that is not the image; `part` gives windows of that."""

    scene: Scene
    """What its prefix says, fitted to the head; nothing for a file of version 1."""
    inner: bytes
    """The file of version 1."""
    header: Header
    """The head of that."""
    planes: masks.Planes | None = None
    """The mask as bits (n, h, w), halved as it is."""

    def size(self, full_size: bool = False) -> tuple[int, int]:
        """Rows and columns."""
        reduced = self.scene.reduced if full_size else None
        return (reduced.height, reduced.width) if reduced else (self.header.height, self.header.width)

    def dtype(self) -> str:
        """That of the samples that were encoded."""
        return dtype_of(self.scene, self.header)


def split(data: bytes) -> tuple[Scene, bytes]:
    """What the prefix of a file says, and the file of version 1 after it. Raises a FormatError."""
    scene, start = read_prefix(data)
    return scene, data[start:] if start else data


def opened(data: bytes, max_pixels: int | None, with_mask: bool = True) -> Opened:
    """A file up to its image; raises a FormatError."""
    scene, inner = split(data)
    header = read_header(inner)
    decoding.check_head(header, max_pixels)
    file = Opened(fitted(scene, header), inner, header)
    if (bits := file.scene.mask) is None or not with_mask:
        return file
    height, width = (-(-side >> bits.halvings) for side in file.size())
    return file._replace(planes=masks.decode_planes(bits.data, height, width, bits.n_masks))


def decode(
    data: bytes,
    damaged: str = "raise",
    model: str | Path | None = None,
    max_pixels: int | None = None,
    progress: Progress = no_progress,
    window: Window | None = None,
    layers: int | None = None,
    restorer: Restore | None = None,
    full_size: bool = False,
) -> NDArray[Any]:
    """See `apercu.decode`."""
    if not has_prefix(data):
        return decoding.decode(data, damaged, model, max_pixels, progress, window, layers, restorer)
    file = opened(data, max_pixels)
    return part(file, window, damaged, model, max_pixels, progress, layers, restorer, full_size)


def part(
    file: Opened,
    window: Window | None = None,
    damaged: str = "raise",
    model: str | Path | None = None,
    max_pixels: int | None = None,
    progress: Progress = no_progress,
    layers: int | None = None,
    restorer: Restore | None = None,
    full_size: bool = False,
) -> NDArray[Any]:
    """A window of a file, all of it for None; see `apercu.decode`."""
    window = _inside(file, window, full_size, max_pixels)
    log2 = file.scene.reduced.log2 if full_size and file.scene.reduced else 0
    coded = needed_window(window, *file.size(True), log2) if log2 else window
    image = decoding.decode(file.inner, damaged, model, max_pixels, progress, coded, layers, restorer)
    bands = _bands(file, image)
    if log2:
        bands = enlarged(bands, window, *file.size(True), log2)
    return _values(file, bands, window, full_size).reshape(*window[2:], *image.shape[2:])


def parts(
    file: Opened,
    window: Window | None = None,
    damaged: str = "raise",
    model: str | Path | None = None,
    max_pixels: int | None = None,
    progress: Progress = no_progress,
    layers: int | None = None,
    restorer: Restore | None = None,
    full_size: bool = False,
) -> Iterator[tuple[Window, NDArray[Any]]]:
    """What `part` gives at the coded size, tile by tile, as `decoding.windows` does: where each lies in the window, and
    its samples (h, w, B). `full_size` must be False where an image is coded at a reduced size."""
    assert not (full_size and file.scene.reduced)
    window = _inside(file, window, full_size, max_pixels)
    for place, image in decoding.windows(file.inner, damaged, model, max_pixels, progress, window, layers, restorer):
        bands = _bands(file, image)
        del image
        there = Window(window.top + place.top, window.left + place.left, *place[2:])
        yield place, _values(file, bands, there, full_size)
        del bands  # before the next are made


def _values(file: Opened, bands: Samples, window: Window, full_size: bool) -> NDArray[Any]:
    """The samples that were encoded, of the bands of a window (h, w, B), which may be overwritten."""
    values: NDArray[Any] = bands
    if samples := file.scene.samples:
        if samples.mapping:
            values = to_values(bands, samples.mapping, samples.dtype)
        if samples.nodata:
            set_nodata(values, samples.nodata, _hidden(file, window, full_size))
    return values


def _bands(file: Opened, image: Samples) -> Samples:
    """The bands (h, w, B) that the inner file's image is, or that its components make."""
    found: Samples = image.reshape(*image.shape[:2], -1)
    return to_bands(found, file.scene.rotation) if file.scene.rotation else found


def _inside(file: Opened, window: Window | None, full_size: bool, max_pixels: int | None) -> Window:
    """A window of a file, which is not too large; raises TooLarge or OptionError."""
    if full_size:
        decoding.check_size(*file.size(True), file.header.n_bands, max_pixels)
    return decoding.inside(window, *file.size(full_size))


def _hidden(file: Opened, window: Window, full_size: bool) -> Mask | None:
    """A window of the mask, (h, w, 1) or (h, w, B); None where there is none."""
    if file.planes is None or (bits := file.scene.mask) is None:
        return None
    halvings = bits.halvings + (file.scene.reduced.log2 if full_size and file.scene.reduced else 0)
    top, left, height, width = window
    first, last = top >> halvings, top + height - 1 >> halvings
    byte, end = left >> halvings + 3, (left + width - 1 >> halvings) + 1
    found = masks.unpack(file.planes[:, first : last + 1, byte : -(-end // 8)], end - 8 * byte)
    if not halvings:
        return found[:, left - 8 * byte :]
    rows, columns = np.arange(top, top + height) >> halvings, np.arange(left, left + width) >> halvings
    hidden: Mask = found[(rows - first)[:, np.newaxis], columns - 8 * byte]
    return hidden


def mask(data: bytes, max_pixels: int | None, window: Window | None = None, full_size: bool = False) -> Mask:
    """See `apercu.mask`."""
    return part_of_mask(opened(data, max_pixels), window, max_pixels, full_size)


def part_of_mask(file: Opened, window: Window | None, max_pixels: int | None, full_size: bool = False) -> Mask:
    """A window of the mask of a file, all of it for None; see `apercu.mask`."""
    window = _inside(file, window, full_size, max_pixels)
    hidden = _hidden(file, window, full_size)
    if hidden is None:
        return np.zeros(window[2:], np.bool_)
    return hidden.reshape(window[2:]) if hidden.shape[2] == 1 else hidden


# --- What is known of a file ----------------------------------------------------------------------
def check(data: bytes, model: str | Path | None, max_pixels: int | None) -> list[ApercuError]:
    """See `apercu.check`."""
    check_limit("apercu.MAX_PIXELS", max_pixels)  # which is no fault of the file's
    if not has_prefix(data):
        return decoding.check(data, model, max_pixels)
    try:
        return decoding.check(opened(data, max_pixels).inner, model, max_pixels)
    except ApercuError as fault:
        return [fault]


def info(data: bytes, max_pixels: int | None) -> dict[str, object]:
    """See `apercu.info`."""
    if not has_prefix(data):
        return decoding.info(data, max_pixels)
    file = opened(data, max_pixels, with_mask=False)
    height, width = file.size(full_size=True)
    told = decoding.info(file.inner, max_pixels)
    told |= {
        "dtype": file.dtype(),
        "version": SCENE_VERSION,
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (height * width),
    }
    return told | _told(at_coded_size(file.scene))


def _told(scene: Scene) -> dict[str, object]:
    """What a scene says; None where it says nothing."""
    geo, bands, samples, bits, reduced = scene.geo, scene.bands, scene.samples, scene.mask, scene.reduced
    told: dict[str, object] = {}
    crs = geo and (f"EPSG:{geo.crs}" if isinstance(geo.crs, int) else geo.crs)
    told["geo"] = geo and {"crs": crs, "transform": geo.transform, "point": geo.point}
    told["gcps"] = scene.gcps and len(scene.gcps.points)
    told["rpcs"] = scene.rpcs and True
    told |= {name: bands and getattr(bands, name) for name in Bands._fields}
    tags = (scene.tags or {}).items()
    told["tags"] = [{"band": band, "namespace": namespace, "tags": group} for (band, namespace), group in tags] or None
    told["nodata"] = samples and samples.nodata
    told["mask"] = bits and {
        "kind": bits.kind,
        "exact": bits.halvings == 0,
        "halvings": bits.halvings,
        "n_bytes": len(bits.data),
    }
    told["rotated"] = scene.rotation and True
    told["reduced"] = reduced and {"factor": 1 << reduced.log2, "height": reduced.height, "width": reduced.width}
    return told
