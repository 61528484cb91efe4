"""TIFF: which files Pillow reads whole, and tifffile for the rest.

Pillow cuts 16-bit RGB to 8 bits, shows the first band of a planar file as if it were all, and drops samples that
ExtraSamples leaves unspecified, each time without an error. So the tags decide, not what Pillow says after opening.
Tag numbers and values are those of TIFF 6.0 (Adobe, 1992).
"""

import re
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from apercu.bridges.colours import of_gamma
from apercu.bridges.embedded import check_embedded
from apercu.bridges.exif import orientation
from apercu.bridges.geometry import check_page, check_size, orient, with_alpha
from apercu.bridges.icc import Profile, samples_to_srgb
from apercu.bridges.label import Label
from apercu.bridges.label_files import XMP
from apercu.bridges.tiff_page import SAMPLE_TAGS, Pieces, alone, number, pieces_of
from apercu.bridges.tiff_pages import directories
from apercu.bridges.tiff_tags import Form, Tag, form_and_first, read_tags, values_of
from apercu.errors import FileFormatError, MissingExtra
from apercu.stages.colour import Samples

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PHOTOMETRIC_NAMES = {0: "white-is-zero", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELAB", 32803: "raw"}
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
_PLANAR = 2
_BIG_ENDIAN_BIGTIFF = Form(">", is_big=True)

# Beside those of samples: description, orientation, white and primaries, XMP, ICC profile.
_WANTED = SAMPLE_TAGS | {270: 1 << 20, 274: 64, 318: 64, 319: 64, 700: 1 << 24, 34675: 1 << 24}

# (photometric, samples, ExtraSamples): the bit depths that Pillow reads whole.
_PILLOW_DEPTHS: dict[tuple[int, int, tuple[int, ...]], tuple[int, ...]] = {
    (_WHITE_IS_ZERO, 1, ()): (1, 2, 4, 8),
    (_BLACK_IS_ZERO, 1, ()): (1, 2, 4, 8, 16),
    (_BLACK_IS_ZERO, 2, (_ASSOCIATED_ALPHA,)): (8,),
    (_BLACK_IS_ZERO, 2, (_UNASSOCIATED_ALPHA,)): (8,),
    (_RGB, 3, ()): (8,),
    (_RGB, 4, ()): (8,),  # ExtraSamples left out against the rule: alpha, as every reader takes it
    (_RGB, 4, (_ASSOCIATED_ALPHA,)): (8,),
    (_RGB, 4, (_UNASSOCIATED_ALPHA,)): (8,),
    (3, 1, ()): (1, 2, 4, 8),
    (3, 2, (_UNASSOCIATED_ALPHA,)): (8,),
    (5, 4, ()): (8,),
    (6, 1, ()): (8,),
    (6, 3, ()): (8,),
    (8, 3, ()): (8,),
}


class Layout(NamedTuple):
    """Where a page stands, and what its tags say about its samples."""

    form: Form
    tags: dict[int, Tag]
    """Those that its samples are read by."""
    pieces: Pieces
    width: int
    height: int
    samples: int
    bits: int
    photometric: int
    extra: tuple[int, ...]
    compression: int
    planar: bool
    opens_in_pillow: bool
    orientation: int
    profile: Profile

    @property
    def pillow_keeps_all(self) -> bool:
        """Whether Pillow reads every sample of such a file at its full depth."""
        depths = _PILLOW_DEPTHS.get((self.photometric, self.samples, self.extra), ())
        # Of grey with alpha, say, they come out wrong.
        planes_known = not self.planar or (self.photometric == _RGB and self.extra != (_ASSOCIATED_ALPHA,))
        known = planes_known and self.compression in TiffImagePlugin.COMPRESSION_INFO
        return self.opens_in_pillow and known and self.bits in depths


def is_tiff(head: bytes) -> bool:
    """Whether these first 4 bytes or more begin a TIFF or BigTIFF; Pillow takes those that mix byte orders too."""
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0"))


def read_layout(stream: BinaryIO, page: int | None = None) -> tuple[Layout, Layout | None]:
    """Read the tags of a TIFF's page and of its transparency mask, and refuse what no reader could bring here whole.

    Overviews (marked as reduced-resolution, as in a cloud-optimised GeoTIFF) are no pages, nor are transparency masks,
    which belong to the page before them.

    Args:
        stream: the file, seekable.
        page: which page, from 1; None for a file that has no more than one.

    Raises:
        FileFormatError: several pages and none chosen, a thumbnail in the first place, samples that are signed,
            floating-point or above 16 bits, or a size above `apercu.MAX_PIXELS`.
        OptionError: there is no such page.
    """
    pages: list[int] = []
    masks: dict[int, int] = {}
    found = directories(stream)
    for place, directory in enumerate(found):
        if directory.is_reduced:
            if place == 0:
                raise FileFormatError("the first page of this TIFF is a thumbnail, as in a camera's raw file")
        elif directory.is_mask and pages:
            masks.setdefault(pages[-1], place)
        else:
            pages.append(place)
    if not pages:
        raise FileFormatError("the TIFF holds no page")
    place = pages[check_page(page, len(pages), "TIFF", "pages")]
    form, _ = form_and_first(stream)
    tags = read_tags(stream, form, found[place].offset, _WANTED)
    stack = re.match(rb"ImageJ=[\s\S]*?^images=(\d{1,9})", tags[270].content if 270 in tags else b"", re.MULTILINE)
    if stack and int(stack[1]) > len(pages):
        raise FileFormatError(
            f"an ImageJ stack of {int(stack[1])} images under {len(pages)} directories; save it as pages"
        )
    end = stream.seek(0, 2)
    layout = _layout(form, tags, end)
    if place not in masks:
        return layout, None
    mask = _layout(form, read_tags(stream, form, found[masks[place]].offset, SAMPLE_TAGS), end)
    if (mask.width, mask.height, mask.samples) != (layout.width, layout.height, 1):
        raise FileFormatError(
            f"a TIFF of {layout.width} × {layout.height} pixels with a transparency mask of {mask.width} × "
            f"{mask.height}, or of several samples"
        )
    return layout, mask


def read_mask(stream: BinaryIO, mask: Layout, orientation: int) -> Samples:
    """A transparency mask, (H, W), upright: 1 where the page shows, else 0.

    Raises:
        FileFormatError: damaged.
        MissingExtra: tifffile or imagecodecs is not installed.
    """
    stored = _stored(stream, mask, "a TIFF with a transparency mask needs")
    return orient((stored != 0).astype(np.uint8), orientation)


def read_tiff(stream: BinaryIO, layout: Layout) -> tuple[Samples, str]:
    """Read a TIFF of any number of bands, planar or chunky, through tifffile.

    Args:
        stream: the file, seekable.
        layout: what `read_layout` made of it.

    Returns:
        (array, bands): uint8 or uint16, (H, W) and "grey", (H, W, 3) and "rgb", (H, W, 4) and "rgba", or (H, W, B)
        and "spectral", by the photometric tag. Orientation, colours and premultiplied alpha are resolved. Samples of
        less than 8 bits are scaled to 0 to 255; those of 9 to 15 keep their values, as scenes of 12 bits do in 16,
        unless alpha or a colour profile stands beside them, which means a part of the full range: then to 65,535.

    Raises:
        FileFormatError: damaged, or samples of a colour space that only Pillow knows at 8 bits.
        MissingExtra: tifffile or imagecodecs is not installed.
    """
    if layout.photometric not in (_BLACK_IS_ZERO, _RGB) and (layout.photometric, layout.samples) != (_WHITE_IS_ZERO, 1):
        name = _PHOTOMETRIC_NAMES.get(layout.photometric, f"photometric {layout.photometric}")
        raise FileFormatError(f"a {name} TIFF of {layout.samples} × {layout.bits} bits; convert it to RGB first")
    if layout.photometric == _RGB and layout.bits not in (8, 16):
        raise FileFormatError(f"{layout.bits}-bit RGB; convert it to 8 or 16 bits first")
    stored = _stored(stream, layout, f"a TIFF of {layout.samples} × {layout.bits} bits needs")
    samples: Any = stored.astype(np.uint8 if stored.dtype.itemsize == 1 else np.uint16, copy=False)
    samples, bands = _as_bands(samples, layout)
    return orient(samples, layout.orientation), bands


def page_alone(stream: BinaryIO, layout: Layout) -> BinaryIO:
    """The page as a file of its own, for readers that take what a directory says as it comes."""
    return alone(stream, layout.tags, layout.form, layout.pieces)


def _stored(stream: BinaryIO, layout: Layout, what_needs: str) -> NDArray[Any]:
    """The samples as they are stored, (H, W) or (H, W, B), through tifffile."""
    tifffile = _tifffile(what_needs)
    check_embedded(
        stream, layout.compression, layout.pieces, samples=1 if layout.planar else layout.samples, tags=layout.tags
    )
    with tifffile.TiffFile(page_alone(stream, layout)) as file:
        page = file.pages[0]
        if page.axes not in ("YX", "YXS", "SYX") or page.dtype not in (np.bool_, np.uint8, np.uint16):
            raise FileFormatError(f"a TIFF of axes {page.axes} and samples {page.dtype}")
        stored: NDArray[Any] = page.asarray()
        return np.moveaxis(stored, 0, -1) if page.axes == "SYX" else stored


def write_tiff(stream: BinaryIO, array: Samples, bands: str, label: Label | None = None) -> None:
    """Write a chunky, deflated TIFF.

    Args:
        stream: where to, seekable.
        array: uint8 or uint16, (H, W) or (H, W, B).
        bands: "grey", "rgb", "rgba" or "spectral"; the last is written as black-is-zero with unspecified samples.
        label: what it says of how it was made.

    Raises:
        MissingExtra: tifffile is not installed.
    """
    tifffile = _tifffile("a TIFF of these samples needs")
    coloured = bands in ("rgb", "rgba")
    tifffile.imwrite(
        stream,
        array,
        photometric="rgb" if coloured else "minisblack",
        planarconfig="contig" if array.ndim == 3 else None,
        extrasamples=["unassalpha"] if bands == "rgba" else None,
        compression="zlib",
        software=label.software if label else "apercu",
        description=label.sentence if label else None,
        extratags=[(XMP, 1, len(label.xmp), label.xmp, True)] if label else (),  # 1: bytes
        metadata=None,  # no description of the array's shape, which only tifffile reads
    )


def _layout(form: Form, tags: dict[int, Tag], end: int) -> Layout:
    if not {256, 257, 262} <= tags.keys():
        raise FileFormatError("the TIFF lacks its width, its height or what its samples mean")

    def numbers(name: int, default: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(map(int, values_of(tags[name], form))) if name in tags else default

    width, height, samples = (number(tags, form, name, 1) for name in (256, 257, 277))
    check_size(width, height, samples)
    bits = max(numbers(258, (1,)), default=1)
    for sample_format in numbers(339, (1,)):
        if sample_format in _SAMPLE_FORMATS:
            kind = _SAMPLE_FORMATS[sample_format]
            raise FileFormatError(f"{kind} samples of {bits} bits; apercu encodes unsigned ones of 8 or 16")
    if bits > 16:
        raise FileFormatError(f"samples of {bits} bits would lose some; apercu encodes 8 or 16")
    xmp = tags[700].content if 700 in tags else b""
    return Layout(
        form=form,
        tags=tags,
        pieces=pieces_of(tags, form, end, width=width, height=height, samples=samples, bits=bits),
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        photometric=number(tags, form, 262, 0),
        extra=numbers(338, ()),
        compression=number(tags, form, 259, 1),
        planar=number(tags, form, 284, 1) == _PLANAR,
        opens_in_pillow=form != _BIG_ENDIAN_BIGTIFF,
        orientation=number(tags, form, 274, orientation(b"", xmp)),
        profile=_profile(form, tags),
    )


def _profile(form: Form, tags: dict[int, Tag]) -> Profile:
    """The ICC profile, or else the chromaticities of white and of the primaries (TIFF 6.0, section 20)."""
    if 34675 in tags and tags[34675].kind in (1, 7):
        return tags[34675].content
    white, primaries = (values_of(tags[name], form) if name in tags else () for name in (318, 319))
    return of_gamma(None, [*white, *primaries]) if (len(white), len(primaries)) == (2, 6) else None


def _as_bands(samples: Samples, layout: Layout) -> tuple[Samples, str]:
    """Name what the samples, (H, W) or (H, W, B), are, and bring colours to plain sRGB with unassociated alpha."""
    n_bands = samples.shape[2] if samples.ndim == 3 else 1
    n_colours = 3 if layout.photometric == _RGB else 1
    has_alpha = n_bands == n_colours + 1 and (
        layout.extra in ((_ASSOCIATED_ALPHA,), (_UNASSOCIATED_ALPHA,)) or (n_colours == 3 and not layout.extra)
    )
    is_spectral = n_bands != n_colours and not has_alpha
    if layout.photometric == _WHITE_IS_ZERO:
        samples = (1 << layout.bits) - 1 - samples
    if layout.bits < 8 or has_alpha or (layout.profile is not None and not is_spectral):
        samples = _scaled(samples, layout.bits)
    if is_spectral:
        return samples, "spectral"
    if not has_alpha:
        return samples_to_srgb(samples, layout.profile), "grey" if n_colours == 1 else "rgb"
    colour: Samples = samples[..., :3] if n_colours == 3 else samples[..., 0]
    alpha: Samples = samples[..., -1]
    if layout.extra == (_ASSOCIATED_ALPHA,):
        colour = _unpremultiply(colour, alpha)
    return with_alpha(samples_to_srgb(colour, layout.profile), alpha), "rgba"


def _scaled(samples: Samples, bits: int) -> Samples:
    """Samples of so many bits to the full range of their dtype."""
    top, limit = int(np.iinfo(samples.dtype).max), (1 << bits) - 1
    if limit == top:
        return samples
    levels = (np.arange(limit + 1) * top + limit // 2) // limit
    scaled = levels[samples]
    return scaled.astype(np.uint8) if top == 255 else scaled.astype(np.uint16)


def _unpremultiply(colour: Samples, alpha: Samples) -> Samples:
    """(H, W) or (H, W, 3) samples that were multiplied by their alpha, (H, W), to what they were before."""
    top = np.uint32(np.iinfo(colour.dtype).max)
    divisor = np.maximum(alpha if colour.ndim == 2 else alpha[..., None], 1).astype(np.uint32)
    straight: Samples = np.minimum((colour * top + divisor // 2) // divisor, top).astype(colour.dtype)
    return straight


def _tifffile(what_needs: str) -> ModuleType:
    try:
        import imagecodecs  # noqa: F401  # tifffile reads and writes next to no compression without it
        import tifffile
    except ImportError as error:
        raise MissingExtra(f"{what_needs} tifffile and imagecodecs: pip install 'apercu[tiff]'") from error
    module: ModuleType = tifffile
    return module
