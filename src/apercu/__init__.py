"""apercu compresses images to very low bit rates, for previews that must be small.

>>> import numpy as np, apercu
>>> image = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
>>> apercu.decode(apercu.encode(image, bpp=0.1)).shape
(256, 256)
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import encoding, scenes
from apercu.codecs.decoding import DAMAGED, How
from apercu.codecs.protocol import no_progress
from apercu.codecs.reduced import log2_of
from apercu.codecs.source import source_of
from apercu.codecs.target import target_of
from apercu.errors import (
    ApercuError,
    ChecksumError,
    CorruptStream,
    FileFormatError,
    FormatError,
    ImageError,
    MissingExtra,
    ModelError,
    NotApercu,
    OptionError,
    TargetUnreachable,
    TooLarge,
    Truncated,
    UnknownChunk,
    UnknownModel,
    UnsupportedVersion,
)
from apercu.options import one_of, positive_if_given
from apercu.stages.arguments import bytes_of
from apercu.stages.blocks import Window, window_of

__version__ = "0.1.0"

__all__ = [
    "MAX_PIXELS",
    "ApercuError",
    "ChecksumError",
    "CorruptStream",
    "FileFormatError",
    "FormatError",
    "ImageError",
    "MissingExtra",
    "ModelError",
    "NotApercu",
    "OptionError",
    "TargetUnreachable",
    "TooLarge",
    "Truncated",
    "UnknownChunk",
    "UnknownModel",
    "UnsupportedVersion",
    "__version__",
    "check",
    "damage",
    "decode",
    "encode",
    "info",
    "mask",
    "placeholder",
    "placeholder_image",
    "placeholder_info",
    "provenance",
]

MAX_PIXELS: int | None = 1 << 28
"""Largest width x height that `decode`, `info` and `check` accept, and a quarter of the largest width x height x bands.
Of a thin image of many bands, blocks count whole: an eighth of its samples with sides rounded up to multiples of 16, if
these are more than 2^24. It is checked before memory is allocated, since files may come from anyone. None: no limit."""


def encode(
    image: object,
    *,
    n_bytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    quality: float | None = None,
    codec: str = "apercu",
    bands: str | None = None,
    model: str | Path | None = None,
    tile: int | None = None,
    layers: int | None = None,
    reduce: int | str | None = None,
    peak: float | str | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> bytes:
    """An image as the bytes of an apercu file.

    image: array of uint8 or uint16, (H, W) or (H, W, B), sides of 1 to 65,535. Samples that a masked array hides do
        not count, nor do colours where alpha is 0: they are filled smoothly from the samples around them. `mask` gives
        what a masked array hides again: exactly, unless that takes more than 5 % of n_bytes or bpp. Then it is halved,
        until it takes an eighth, and `info` says so (and its quality makes an exact mask, not the same bytes). A Pillow
        image is taken like a file of its mode: palettes, CMYK, transparent colours and ICC profiles (`info`) become
        grey, RGB or RGBA in sRGB. Its EXIF orientation is not applied: use PIL.ImageOps.exif_transpose. An array
        that looks like (B, H, W) is encoded as (H, W, B), with a UserWarning, unless `bands` is given.
    bands: what the bands are, "grey", "rgb", "rgba" or "spectral"; by default B = 1, 3, 4 or any other number.

    One of four targets, or none for quality=50:
    n_bytes: the largest size of the file in bytes (`--bytes` of the command).
    bpp: the same in bits per pixel (of width x height, all bands together).
    psnr: peak signal-to-noise ratio in dB over all samples of the image that count, as decoded with restore="none",
        the peak being 255 or 65,535, or `peak`; met within 0.05 dB where the steps of the codec allow, and exceeded
        where even quality 0 is better.
    quality: 0 to 100, in steps of 1/256. `info` gives the quality of a file, and the same quality makes the same
        bytes. (The last bits number a variant of the encoder's choices, of which a search may take another than the
        first: three bits with "taha2025", two with "dct". A number that is no multiple of 1/256 is rounded to one of
        the first variant, to 1/32 or 1/64.)

    model: file of user-trained weights in place of the shipped ones; decoding needs the same file. Or the name of other
        shipped ones, which decoding finds by itself: "apercu_small", for the codec "apercu", are tables of 8 kB.
    tile: pixels a side of a tile, a power of two from 32 to 65,536. Each tile is decoded without the others, so that a
        window of small tiles is quick to read. But small tiles take more bytes, and at low rates their seams can be
        visible. By default an image is one tile: by "apercu" and "dct" up to 2^25 samples in its planes (22 megapixels
        in colour, where chroma is at half size), by "predictive" up to 2^22 samples, by "taha2025", "stacked_ae" and
        "rnn" up to 1,024 pixels a side. Tiles that would cut blocks of the model are refused; without `tile`, an image
        with such a model is one tile.
    layers: 1 to 5 ("dct", "stacked_ae": 1 or 2; "rnn": 1 to 11; "taha2025", "predictive": 1), coarse to fine; a file
        that is cut short shows the layers that are complete. By default 1 below 2,000 bytes ("rnn": 4,000), else as
        many as there may be; by "apercu", up to 2^24 samples, 4 if the first takes 58 % of the file or less.
    reduce: code the image at 1/reduce of its size, a power of two up to 32,768: means of the samples that count.
        "auto": for n_bytes and bpp, where the error at the full size is smaller then, or nothing else is small enough:
        64 bytes or more are met by an image of any size, unless it has many bands (each of uint16 takes 2 bytes
        in the head of a file). With psnr and quality, which are those of the reduced image, "auto" reduces nothing.
        `decode` gives the coded size, or with full_size=True the full one.
    peak: with psnr, what errors are related to: a number, such as 2047 for 11 bits in 16, or "range", from the smallest
        to the largest sample of the image that counts, all bands together.
    progress: called with the share of the work done, 0 to 1.
    options: those of the codec, each a field of `apercu.codecs.NAME.Options`; `apercu encode --help` lists all. One
        that only other codecs have is refused. "apercu" has `importance` and `roi` (below).
        "taha2025" (Taha et al. 2025) has `threshold` and `step`, both together in place of a target, in 8-bit sample
        units: blocks whose mean squared error under the first autoencoder is above the threshold go to the second, and
        the step is that of the latents' quantiser. And `tables`: "group" codes all latents of the second autoencoder
        with one table, as published, "latent" each with its own; by default the smaller, for each plane. "predictive"
        has `max_error` in place of a target, 0 to 65,535: no sample that counts is off by more, and 0 is lossless, as
        quality=100 is.

    importance, roi: what errors count for, where the codec "apercu" chooses what to send; one of them. Important parts
        get more of the bits, and what little counts gets next to none. The format is the same, and so is what a decoder
        does; `psnr` is still that of all samples. importance: an array (H, W) of weights, any finite numbers from 0 up,
        bool too, of which the largest counts as 1 and those below 1/256 of it as 1/256, as does what a masked array
        hides; where all are equal, it changes nothing. Or "content": errors count for less, down to a quarter, where
        strong contrasts hide them. roi: (top, left, height, width), the region of interest, or a list of them: outside,
        errors count for a sixteenth, from 16 pixels beyond its edge on. All in pixels of the image as it is given, also
        with `reduce`.

    Alpha that is 0, or 255 (65,535), in a whole tile comes back exactly. (With taha2025, 255 comes back as 254 or 255.)

    A uint16 image is coded within the range of its samples, band by band, colours together ("predictive": as it is).
    Outliers are left out of the range, and come back as the end of it. These are hot and dead pixels (at most one
    sample in 1,000, more than twice as far out as all others, with nothing like them around), and areas of 65,535,
    which many scenes have where there are no data, if all else is in the lower quarter. An area of 0 comes back near
    0. A `psnr` that cannot be met without the outliers is met with the full range.

    Raises ImageError, OptionError, TargetUnreachable, ModelError, or MissingExtra for a 16-bit Pillow image in
    colours other than sRGB.
    """
    chosen = encoding.options_of(codec, options)
    samples, bands = _samples(image, bands)
    source = source_of(samples)
    given = {"n_bytes": n_bytes, "bpp": bpp, "psnr": psnr, "quality": quality}
    target = target_of(given, source.height * source.width, chosen if options else None, peak)
    tile = positive_if_given("tile", tile)
    layers = positive_if_given("layers", layers)
    how = encoding.How(codec, chosen, bands, model, progress or no_progress, tile, layers)
    return scenes.encode(source, scenes.NOTHING, target, how, log2=log2_of(reduce), rotate=False)


def decode(
    data: bytes,
    *,
    restore: str = "none",
    damaged: str = "raise",
    window: tuple[int, int, int, int] | None = None,
    layers: int | None = None,
    full_size: bool = False,
    model: str | Path | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> NDArray[Any]:
    """The image of an apercu file, with the shape and dtype of what was encoded.

    Of a scene (`info`), samples that do not count have the no-data value, if there is one, and no others do; `mask`
    says which they are.

    restore: "none", integer synthesis only, the same pixels on every machine; "cnn" (not for "predictive"; extra
        `restore`), followed by a network that brings them closer to the original, the same on every machine but for
        rounding; "rnn" (for "apercu" alone), by a smaller one that does so step by step; "gan" or "diffusion" (for
        "apercu" alone), by one more that makes up the texture for which there were no bits: *generated*, sharper, and
        farther from the original. `provenance` tells how the picture was made, and whether parts of it are generated.
    damaged: "raise" raises on any fault; "conceal" returns every tile and layer that is intact, and the middle of the
        range where a tile has none. "fill" does the same, but shows what the first bytes of a layer say that ends in
        zeros, where bytes were lost, or with the file (codec "apercu"); and fills tiles that have none smoothly from
        those around them (up to eight tiles away), which is closer to the image. Both raise the first fault where there
        is nothing to show, in the window alone if there is one. `damage` says where what is lost.
    window: (top, left, height, width), a part of the image; its pixels are the same as in the whole image. Only the
        tiles that it touches are read, and those around them to fill what is lost.
    layers: the number of layers to decode, 1 or more: the same image with less detail.
    full_size: of an image that was coded at a reduced size, give the full one; `window` is then a part of that.
    model, progress: as for `encode`.
    options: those of the restorer, each a field of `apercu.restore.NAME.Options`; one that only others have is refused.
        "cnn" has `network`: the file of your own network (`apercu train cnn`, or `cnn_blocks`) in place of the shipped
        one, or the name of one that was shipped. What yours may hold and take is limited (docs/replace-a-stage.md).
        "rnn" has `network` (`apercu train rnn`) and `steps`, 1 to 8 (default: 4), to which its time is in proportion.
        "gan" and "diffusion" have `network` (`apercu train gan`, or `diffusion`); `strength`, from 0, exactly the image
        of "cnn", to 1 (default); and `seed`, 0 (default) to 2^63 - 1: which of many images is made up. "diffusion" has
        `steps`, 1 to 16 (default: 4).

    Raises a FormatError (NotApercu, UnsupportedVersion, UnknownModel, UnknownChunk, TooLarge, Truncated,
    ChecksumError, CorruptStream), ModelError, MissingExtra or OptionError.
    """
    one_of(DAMAGED)("damaged", damaged)
    place = window_of(window)
    layers = positive_if_given("layers", layers)
    data = bytes_of(data)
    restorer = None
    if restore != "none" or options:
        from apercu.restore import by_name

        restorer = by_name.restorer_for_file(restore, data, options)
    how = How(damaged, model, MAX_PIXELS, progress or no_progress, layers, restorer)
    return scenes.decode(data, how, place, full_size)


def info(data: bytes) -> dict[str, object]:
    """What the head of a file says, without decoding its pixels.

    Keys: width, height, bands (a number), interpretation ("grey", "rgb", "rgba" or "spectral"), dtype, codec, model
    (an id, or the start of a user-trained model's SHA-256), version, quality (None where threshold and step, or
    max_error, were set by hand), n_bytes, bpp, tiles, layers; of predictive max_error, of the others step; of dct also
    quantiser, 0 to 3; of taha2025 also threshold, and g1_share and g2_share, the parts of the blocks that each
    autoencoder codes, or None where a damaged or missing segment keeps them from being counted.

    Of a scene, which has a prefix (version 2), also, or None where nothing is said: geo, a dict of crs ("EPSG:32632",
    or WKT), transform (a, b, c, d, e, f; of the size that is coded) and point; gcps, how many; rpcs, True; names,
    units, colours, scales, offsets, of each band; tags, a list of dicts of band (0: of the dataset), namespace and
    tags; nodata, of each band; mask, a dict of kind ("nodata", "alpha", "band"), exact (if not, it is halved), halvings
    and n_bytes; rotated, True; reduced, a dict of factor, height and width of the full size, for which bpp is told.

    Only the head is needed; the rest may be damaged or missing. Raises a FormatError if the head cannot be read.
    """
    return scenes.info(bytes_of(data), MAX_PIXELS)


def provenance(data: bytes, *, restore: str = "none", **options: Any) -> dict[str, object]:
    """How the picture was made that `decode` gives for the same file, `restore` and options: what is to be said with it
    wherever it goes. `apercu.bridges.label` says it as XMP; the files that apercu writes carry it.

    Keys: restore; kind: "exact" (the same pixels on every machine), "fidelity" (brought closer to the original by a
    network) or "generative" (a network has made up detail that the file does not hold: parts of the picture are
    generated); software ("apercu 0.1.0"). Of a restorer also network, the SHA-256 of its file in hex, and strength,
    steps and seed, if it has such, each as it is used. At strength 0, where nothing is made up, the kind is "fidelity".

    >>> import numpy as np, apercu
    >>> apercu.provenance(apercu.encode(np.zeros((8, 8), np.uint8)), restore="cnn")["kind"]
    'fidelity'

    restore, options: as for `decode`; options of the restorer alone.

    Nothing is decoded, and no extra is needed. Raises a FormatError, OptionError or ModelError.
    """
    from apercu.restore import by_name

    return {**by_name.provenance(restore, bytes_of(data), options), "software": f"apercu {__version__}"}


def mask(data: bytes, *, window: tuple[int, int, int, int] | None = None, full_size: bool = False) -> NDArray[np.bool_]:
    """Which samples of a file do not count: (H, W), or (H, W, B) where each band has a mask of its own; True where one
    does not, as in numpy.ma. All False where the file has no mask.

    window, full_size: as for `decode`. Raises a FormatError or OptionError.
    """
    return scenes.mask(bytes_of(data), MAX_PIXELS, window_of(window), full_size)


def damage(
    data: bytes,
    *,
    window: tuple[int, int, int, int] | None = None,
    full_size: bool = False,
    model: str | Path | None = None,
) -> NDArray[np.uint8]:
    """How many layers are lost at each pixel of a damaged file, uint8 (H, W): 0 where none is; as many as `info` counts
    where nothing is left of a tile, and `decode` shows the middle of the range, or with "fill" what is around.

    window, full_size, model: as for `decode`. Raises a FormatError where the head cannot be read, ModelError or
    OptionError.
    """
    from apercu.codecs import damage as damages  # which few need

    return damages.damage(bytes_of(data), model, MAX_PIXELS, window_of(window), full_size)


def check(data: bytes, *, model: str | Path | None = None) -> list[ApercuError]:
    """Every fault of a file, as the error that `decode` would raise for it; empty if there is none.

    Tiles with the same fault in the same layer are one error, whose message names them: "tiles 13–4,096 of 4,096,
    layer 2 of 4: the file ends too soon". Tiles are counted from 1, row by row; of many, the first are named. So the
    list stays short, whatever the file. The first error is of the type that `decode` raises.

    model: as for `decode`. Without the tables that a file of codec "apercu" needs, its head and its checksums are
        checked, but not what they guard.
    """
    return scenes.check(bytes_of(data), model, MAX_PIXELS)


def placeholder(image: object, n_bytes: int = 32, *, bands: str | None = None) -> bytes:
    """A placeholder of an image: what to show until it is there, in at most `n_bytes` bytes, 16 to 300
    (spec/PLACEHOLDER.md). It is no apercu file, has no checksum, and holds the proportions but not the size.

    image, bands: as for `encode`; grey, rgb or rgba. uint16 is shown from the smallest to the largest of its
        samples whose alpha is not 0.

    Raises ImageError, OptionError or TargetUnreachable.
    """
    from apercu.codecs import placeholder as placeholders  # and its codec, which other tasks may not need

    samples, bands = _samples(image, bands)
    source = source_of(samples)
    kind = bands or {1: "grey", 3: "rgb", 4: "rgba"}.get(source.n_bands, "spectral")
    placeholders.check(kind, source.n_bands, n_bytes)
    taken, _ = source.read(Window(0, 0, source.height, source.width))
    return placeholders.encode(taken, kind, n_bytes)


def placeholder_image(
    data: bytes, size: tuple[int, int] | None = None, restore: str = "none", **options: Any
) -> NDArray[np.uint8]:
    """The picture of a placeholder, uint8 (H, W) or (H, W, B).

    size: (height, width), at most 2^24 pixels; by default 256 pixels along the longer side.
    restore, options: as for `decode`; a network works on the shrunk picture, before it is enlarged. With "none" the
        pixels are the same on every machine.

    Raises a FormatError, OptionError, ModelError or MissingExtra.
    """
    from apercu.codecs import placeholder as placeholders  # and its codec, which other tasks may not need

    data = bytes_of(data)
    restorer = None
    if restore != "none" or options:
        from apercu.restore import by_name

        restorer = by_name.restorer_for_placeholders(restore, options)
    return placeholders.decode(data, size, restorer)


def placeholder_info(data: bytes) -> dict[str, object]:
    """What the first four bytes of a placeholder say: kind ("grey", "rgb" or "rgba"), aspect (width by height, to a
    sixteenth of the longer side), colour (red, green, blue, 0 to 255: the average), height and width of the shrunk
    picture. Raises Truncated, NotApercu or CorruptStream."""
    from apercu.codecs import placeholder as placeholders  # and its codec, which other tasks may not need

    return placeholders.tell(bytes_of(data))


def _samples(image: object, bands: str | None) -> tuple[NDArray[Any], str | None]:
    """The image as an array of any dtype and shape, and what its bands are, if that is known."""
    pillow = sys.modules.get("PIL.Image")  # without Pillow imported, it is no Pillow image
    if pillow is not None and isinstance(image, pillow.Image):
        from apercu.bridges.pictures import samples_in_memory

        try:
            taken, kind = samples_in_memory(image)
        except FileFormatError as error:
            raise ImageError(str(error)) from None
        return taken, bands or kind
    if isinstance(image, str | bytes | os.PathLike):
        raise ImageError("an image is an array of uint8 or uint16; apercu.bridges.files.read makes one of a file")
    try:
        samples = image if isinstance(image, np.ndarray) else np.asarray(image)
    except (TypeError, ValueError) as error:
        raise ImageError(f"an image is an array of uint8 or uint16: {error}") from None
    if bands is None and samples.ndim == 3 and _bands_seem_first(samples.shape):
        warnings.warn(
            f"an image of shape {samples.shape} has {samples.shape[2]} bands, by its last axis; if the bands are the "
            "first axis, give np.moveaxis(image, 0, -1), if not, bands='spectral'",
            stacklevel=3,
        )
    return samples, bands


def _bands_seem_first(shape: tuple[int, ...]) -> bool:
    """Whether the shape looks like the (B, H, W) of a raster library: a short first axis and two long ones."""
    return shape[0] <= 16 <= min(shape[1:]) and 4 * shape[0] <= min(shape[1:])
