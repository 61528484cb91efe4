"""Scenes: an image and what a prefix says of it, to a file and back (spec/scenes.md, "Order of decoding").

A file without a prefix goes through the same functions, and nothing is done to its image.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import decoding, encoding, limits, scene_mask
from apercu.codecs.by_name import codec_of
from apercu.codecs.decoding import PLAINLY, How
from apercu.codecs.importance import map_of
from apercu.codecs.protocol import Progress
from apercu.codecs.reduced import Seen, best_size, reduced
from apercu.codecs.rotated import Rotated, levels_of, rotation_of
from apercu.codecs.rotated import n_bytes as rotation_bytes
from apercu.codecs.scene_mask import SIDE_READ, Noting, mask_bits
from apercu.codecs.source import ArraySource, source_of
from apercu.codecs.target import Target, measured
from apercu.errors import ApercuError, TargetUnreachable
from apercu.format.chunk_places import at_coded_size
from apercu.format.chunk_samples import MOST_SIDE
from apercu.format.chunks import Bands, Reduced, Scene
from apercu.format.container import Header
from apercu.format.ids import SCENE_VERSION
from apercu.format.prefix import dtype_of, fitted, has_prefix, pack_prefix, read_prefix
from apercu.stages import blocks
from apercu.stages import mask as masks
from apercu.stages.arguments import check_limit
from apercu.stages.blocks import Window, absolute, overlap, relative, tile_at
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask
from apercu.stages.resize import enlarged, needed_window
from apercu.stages.rotation import to_bands
from apercu.stages.sample_types import set_nodata, to_values

Kept = dict[int, Samples]
"""The bands (h, w, B) of tiles by their numbers, in the order in which they were needed."""
_MOST_KEPT = 1 << 27
"""Bytes of them, unless one has more."""
NOTHING = Scene()
ROTATION_SHARE = 2 / 3
"""A rotation takes at most this part of a budget; of 64 bands, with more of it, it gained nothing."""


# --- Encoding -------------------------------------------------------------------------------------
def encode(
    image: object,
    scene: Scene,
    target: Target,
    how: encoding.How,
    mask_kind: str | None = "band",
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
    is_plain = not rotate and isinstance(source, ArraySource) and source.mask is None and scene is NOTHING
    if is_plain and log2 == 0 and target.n_bytes is None and target.psnr is None:  # the sooner for small images
        return encoding.encode(source, target, how)
    bands, target = encoding.interpretation_of(source, how.bands), measured(target, source)
    of_pixels = map_of(how.options, source.height, source.width)

    def at_size(log2: int, progress: Progress = how.progress) -> bytes:
        now = replace(how, bands=bands, progress=progress)
        if is_plain and not log2:
            return encoding.encode(source, target, now)
        small = source_of(reduced(source, log2, bands))
        said = replace(scene, reduced=Reduced(log2, source.height, source.width) if log2 else None)
        noting = None if mask_kind is None else Noting(small)
        # What is not in memory is read once for both.
        measured_of = small if noting is None or isinstance(small, ArraySource) else noting
        rotation, coded, levels, inner = None, small, None, target
        affordable = target.n_bytes is None or rotation_bytes(source.n_bands) <= ROTATION_SHARE * target.n_bytes
        if rotate and affordable and bands == "spectral" and codec_of(how.codec).DOMAIN == "planes":
            levels = levels_of(measured_of, target.of_65535())
            rotation = rotation_of(small, levels)
            levels = levels if small.dtype.itemsize == 2 else None
        elif small.dtype.itemsize == 2:
            levels = encoding.levels_of(measured_of, bands, how.codec, target, SIDE_READ)
        if rotation:
            components = Rotated(small, rotation)
            coded, levels = components, components.levels
        if noting and mask_kind:
            said = replace(said, mask=mask_bits(noting, mask_kind, target.n_bytes))
        prefix = pack_prefix(replace(said, rotation=rotation))
        if target.n_bytes is not None:
            inner = replace(inner, n_bytes=target.n_bytes - len(prefix))
            if target.n_bytes <= len(prefix):
                what = f"georeference, tags, mask and the like take {len(prefix)} alone"
                if said.tags:
                    what += ", which tags=False (--no-tags) makes fewer"
                raise TargetUnreachable(f"{target.n_bytes} bytes are too few: {what}")
        try:
            return prefix + encoding.encode(
                coded, inner, now, levels=levels, one_price=rotation is not None, reduced=said.reduced
            )
        except TargetUnreachable as unreachable:
            if target.n_bytes is None or not prefix:
                raise
            raise TargetUnreachable(f"besides a prefix of {len(prefix)} bytes, {unreachable}") from None

    def seen(data: bytes) -> Seen:
        """What a file that was made here shows."""
        file = opened(data, None)
        return Seen(
            lambda window: _bands(file, decoding.decode(file.inner, How(model=how.model), window)),
            lambda window: _hidden(file, window, full_size=True),
            file.scene.mask is None or not file.scene.mask.halvings,
        )

    if log2 is None and target.n_bytes is not None:
        return best_size(source, target.n_bytes, bands, at_size, seen, how.progress, of_pixels)
    try:
        return at_size(log2 or 0)
    except TargetUnreachable as unreachable:
        if target.n_bytes is None:
            raise
        raise TargetUnreachable(f'{unreachable}; reduce="auto" (--reduce auto) codes fewer pixels') from None


# --- Decoding -------------------------------------------------------------------------------------
class Opened(NamedTuple):
    """A file of which all has been read that is not the image; `part` gives windows of that."""

    scene: Scene
    """What its prefix says, fitted to the head; nothing for a file of version 1."""
    inner: decoding.File
    """The file of version 1."""
    planes: masks.Planes | None = None
    """The mask as bits (n, h, w), halved as it is."""

    @property
    def header(self) -> Header:
        """The head of the file of version 1."""
        return self.inner.header

    @property
    def log2(self) -> int:
        """The image is coded at 1/2^log2 of its size."""
        return self.scene.reduced.log2 if self.scene.reduced else 0

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
    scene, version_1 = split(data)
    inner = decoding.opened(version_1, max_pixels)
    file = Opened(fitted(scene, inner.header), inner)
    if (bits := file.scene.mask) is None or not with_mask:
        return file
    height, width = (-(-side >> bits.halvings) for side in file.size())
    return file._replace(planes=masks.decode_planes(bits.data, height, width, bits.n_masks))


def decode(data: bytes, how: How = PLAINLY, window: Window | None = None, full_size: bool = False) -> NDArray[Any]:
    """See `apercu.decode`."""
    if not has_prefix(data):
        return decoding.decode(data, how, window)
    return part(opened(data, how.max_pixels), how, window, full_size)


def part(
    file: Opened,
    how: How = PLAINLY,
    window: Window | None = None,
    full_size: bool = False,
    kept: Kept | None = None,
) -> NDArray[Any]:
    """A window of a file, all of it for None; see `apercu.decode`. `kept`: where the windows of a file at a larger size
    than the coded one share tiles."""
    window = inside(file, window, full_size, how.max_pixels)
    log2 = file.log2 if full_size else 0
    place = needed_window(window, *file.size(True), log2)
    if log2 and kept is not None and how.damaged == "raise":  # else what is lost is known only of all tiles together
        bands = _of_kept(file, how, place, kept)
    else:
        bands = _bands(file, decoding.decode(file.inner, how, place))
    if log2:
        bands = enlarged(bands, window, *file.size(True), log2)
    values = _values(file, bands, window, full_size)
    return values[:, :, 0] if file.header.flat and file.header.interpretation == "grey" else values


def _of_kept(file: Opened, how: How, place: Window, kept: Kept) -> Samples:
    """The bands of a window at the coded size, of tiles of which those that were needed last are kept."""
    header = file.header
    out = np.empty((*place[2:], header.n_bands), np.uint16 if header.wide else np.uint8)
    for tile in decoding.touched(header, place):
        there = tile_at(tile, header.height, header.width, header.tile)
        bands = kept.pop(tile) if tile in kept else _bands(file, decoding.decode(file.inner, how, there))
        kept[tile] = bands
        while len(kept) > 1 and sum(each.nbytes for each in kept.values()) > _MOST_KEPT:
            del kept[next(iter(kept))]
        common = overlap(there, place)
        assert common  # for the place touches these tiles
        blocks.part(out, relative(common, place))[:] = blocks.part(bands, relative(common, there))
    return out


def parts(
    file: Opened, how: How = PLAINLY, window: Window | None = None, full_size: bool = False
) -> Iterator[tuple[Window, NDArray[Any]]]:
    """What `part` gives at the coded size, tile by tile, as `decoding.windows` does: where each lies in the window, and
    its samples (h, w, B). `full_size` must be False where an image is coded at a reduced size."""
    assert not (full_size and file.log2)
    window = inside(file, window, full_size, how.max_pixels)
    for place, image in decoding.windows(file.inner, how, window):
        bands = _bands(file, image)
        del image
        yield place, _values(file, bands, absolute(place, window), full_size)
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


def inside(file: Opened, window: Window | None, full_size: bool, max_pixels: int | None) -> Window:
    """A window of a file, which is not too large; raises TooLarge or OptionError."""
    if full_size:
        limits.check_size(*file.size(True), file.header.n_bands, max_pixels)
    return decoding.inside(window, *file.size(full_size))


def _hidden(file: Opened, window: Window, full_size: bool) -> Mask | None:
    """A window of the mask, (h, w, 1) or (h, w, B); None where there is none."""
    if file.planes is None or (bits := file.scene.mask) is None:
        return None
    log2 = file.log2 if full_size else 0
    return scene_mask.part_of_mask(file.planes, bits.halvings + log2, window)


def mask(data: bytes, max_pixels: int | None, window: Window | None = None, full_size: bool = False) -> Mask:
    """See `apercu.mask`."""
    return part_of_mask(opened(data, max_pixels), window, max_pixels, full_size)


def part_of_mask(file: Opened, window: Window | None, max_pixels: int | None, full_size: bool = False) -> Mask:
    """A window of the mask of a file, all of it for None; see `apercu.mask`."""
    window = inside(file, window, full_size, max_pixels)
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
        return decoding.check(opened(data, max_pixels).inner.data, model, max_pixels)
    except ApercuError as fault:
        return [fault]


def info(data: bytes, max_pixels: int | None) -> dict[str, object]:
    """See `apercu.info`."""
    if not has_prefix(data):
        return decoding.info(data, max_pixels)
    file = opened(data, max_pixels, with_mask=False)
    height, width = file.size(full_size=True)
    told = decoding.info(file.inner.data, max_pixels)
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
