"""Samples of any colour space to sRGB, by an embedded ICC profile or by what else the file states about its colours.

The codecs store no profile, so what a file says has to go into the samples before they are coded. Conversions are
relative colorimetric with black point compensation: in-gamut colours stay what they are, and shadows do not clip.
"""

import struct
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from apercu.bridges.colours import Colours, icc_profile, of_code_points
from apercu.errors import MissingExtra
from apercu.stages.colour import Samples

_MOST_BYTES = 1 << 24  # real profiles stay under 4 MB
_MOST_TAGS = 100  # as many as Little CMS reads

Profile = bytes | Colours | None
"""An ICC profile, colours described by numbers, or nothing: sRGB."""


def to_srgb(image: Image.Image, profile: Profile) -> Image.Image:
    """Convert 8-bit samples to sRGB.

    Args:
        image: of mode "L", "RGB", "CMYK" or "LAB", without alpha.
        profile: what the file says. An ICC profile that is broken, or made for another colour space than the samples',
            is ignored, as libpng and the browsers do; CMYK then goes by Pillow's plain formula.

    Returns:
        An image of mode "L" when `image` is grey, else "RGB". Samples of a profile that is sRGB already do not change.

    Raises:
        FileFormatError: the profile names a transfer function of high dynamic range.
    """
    transform = _transform(image.mode, _as_icc(profile, image.mode, 8))
    if transform is None or (image.mode in ("L", "RGB") and _is_identity(transform, image.mode)):
        return image if image.mode == "L" else image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only for conversions in place
    # A grey profile holds no chroma: the three bands are equal but for rounding.
    return converted.getchannel("G") if image.mode == "L" else converted


def samples_to_srgb(array: Samples, profile: Profile) -> Samples:
    """Convert samples of 8 or 16 bits to sRGB.

    Args:
        array: uint8 or uint16, (H, W) grey or (H, W, 3) RGB.
        profile: what the file says; ignored where `to_srgb` ignores it.

    Returns:
        The same shape and dtype.

    Raises:
        FileFormatError: the profile names a transfer function of high dynamic range.
        MissingExtra: colours other than sRGB in 16 bits, for which only imagecodecs has a transform, and it is not
            installed.
    """
    mode = "L" if array.ndim == 2 else "RGB"
    if array.dtype == np.uint8:
        return np.asarray(to_srgb(Image.fromarray(array), profile))
    icc = _as_icc(profile, mode, 16)
    transform = _transform(mode, icc)
    if transform is None or _is_identity(transform, mode):
        return array
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingExtra(
            "a 16-bit picture in other colours than sRGB needs imagecodecs: pip install 'apercu[tiff]'"
        ) from error
    assert icc is not None  # there would be no transform
    converted: NDArray[np.uint16] = imagecodecs.cms_transform(
        np.ascontiguousarray(array),
        icc,
        imagecodecs.cms_profile("srgb"),
        colorspace="gray" if mode == "L" else "rgb",
        outcolorspace="rgb",
        outdtype="u2",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        # For 16-bit colours Little CMS would use a coarse table, with errors of 8 of 255 levels in dark ones.
        flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION | imagecodecs.CMS.FLAGS.NOOPTIMIZE,
    )
    return converted[..., 1] if mode == "L" else converted


def _as_icc(profile: Profile, mode: str, bits: int) -> bytes | None:
    """The ICC profile to convert samples of `mode` by; refuses one of high dynamic range."""
    if isinstance(profile, Colours):
        # Numbers say nothing of CMYK and L*a*b*, which have colours of their own.
        return icc_profile(profile, grey=mode == "L", bits=bits) if mode in ("L", "RGB") else None
    if profile is None or len(profile) > _MOST_BYTES:
        return None
    _refuse_high_dynamic_range(profile)
    return _without_steps(profile)


def _tags(profile: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """(name, where its entry is, offset, length) of each tag."""
    n_tags = min(int.from_bytes(profile[128:132]), _MOST_TAGS, max(0, len(profile) - 132) // 12)
    for at in range(132, 132 + 12 * n_tags, 12):
        name, offset, length = struct.unpack_from(">4sII", profile, at)
        yield name, at, offset, length


def _without_steps(profile: bytes) -> bytes:
    """A profile without the tags that describe colours by any number of steps (ICC.1:2022, 9.2.15 and 9.2.35).

    Each step takes eight bytes and is computed for every colour: a file of 600 bytes could take minutes. Such tags are
    beside others that describe the same colours.
    """
    changed = bytearray(profile)
    for name, at, _, _ in _tags(profile):
        if name[:3] in (b"D2B", b"B2D"):
            changed[at : at + 4] = b"~~%02d" % (at // 12 % 100)  # each its own: a profile may hold no name twice
    return bytes(changed)


def _refuse_high_dynamic_range(profile: bytes) -> None:
    """Raise where a profile has a cicp tag (ICC.1:2022, 9.2.17) whose transfer function is none of sRGB's range."""
    for name, _, offset, length in _tags(profile):
        if name == b"cicp" and length >= 12 and offset + 12 <= len(profile):
            transfer = profile[offset + 9]
            if transfer in (16, 18):
                of_code_points(1, transfer)


def _transform(mode: str, profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """The transform from `profile` to sRGB for samples of `mode`; None where there is nothing to go by."""
    try:
        if profile is not None:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
        elif mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            return None
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError):  # no profile at all; one of broken tables, or of another colour space
        return None


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether the transform moves no 8-bit sample by more than the one level that rounding explains.

    The many profiles that are sRGB under other names are found this way, and pictures that carry one keep their
    samples, 16-bit ones without any 16-bit transform at hand.
    """
    levels = np.arange(0, 256, 15 if mode == "RGB" else 1, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), axis=-1) if mode == "RGB" else levels
    samples: NDArray[np.uint8] = lattice.reshape(1, -1, 3) if mode == "RGB" else lattice.reshape(1, -1)
    converted = ImageCms.applyTransform(Image.fromarray(samples), transform)
    assert converted is not None  # None only for conversions in place
    before = samples.astype(int) if mode == "RGB" else samples[..., None].astype(int)
    return int(np.abs(np.asarray(converted) - before).max()) <= 1
