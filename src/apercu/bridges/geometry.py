"""Pages, size and orientation of a picture that has just been opened."""

import numpy as np

import apercu
from apercu.errors import FileFormatError, OptionError, size_of
from apercu.stages.arguments import check_limit
from apercu.stages.colour import Samples


def most_pixels() -> int | None:
    """`apercu.MAX_PIXELS`, which is the caller's to set. Raises OptionError where that is neither a number nor None."""
    check_limit("apercu.MAX_PIXELS", apercu.MAX_PIXELS)
    return apercu.MAX_PIXELS


def check_size(width: int, height: int, n_bands: int) -> None:
    """Refuse a picture above `apercu.MAX_PIXELS` before anything is allocated for it.

    Raises:
        FileFormatError: the picture holds no sample, or so many that `apercu.decode` would refuse it.
        OptionError: as `most_pixels`.
    """
    if min(width, height, n_bands) < 1:
        raise FileFormatError(f"a picture of {width} × {height} pixels and {n_bands} bands holds nothing to encode")
    most = most_pixels()
    if most is not None and (width * height > most or width * height * n_bands > 4 * most):
        raise FileFormatError(
            f"{size_of(width, height, n_bands)} are more than the limit of {most} pixels allows; raise it "
            "for a file that you trust (apercu.MAX_PIXELS, --max-pixels)"
        )


def check_page(page: int | None, n_pages: int, kind: str, unit: str = "frames") -> int:
    """The place, from 0, of the page that is asked for, from 1; that of the only one for None.

    Raises:
        FileFormatError: several pages, and none chosen; `kind` ("TIFF") and `unit` ("pages") stand in the message.
        OptionError: no such page.
    """
    if page is not None and not isinstance(page, int):
        raise OptionError(f"page must be a whole number, not {page!r}")
    if page is None and n_pages > 1:
        raise FileFormatError(
            f"{n_pages} {unit} ({kind}); choose one of them with --page N (page=N in Python), 1 to {n_pages}"
        )
    if page is not None and not 1 <= page <= n_pages:
        raise OptionError(f"there is no page {page}; this file has {f'1 to {n_pages}' if n_pages > 1 else 'one'}")
    return (page or 1) - 1


def orient(array: Samples, orientation: int) -> Samples:
    """Turn and flip a picture as its orientation tag asks for.

    Args:
        array: (H, W) or (H, W, B), as stored.
        orientation: 1 to 8 (Exif 2.32, section 4.6.4, tag 274; TIFF 6.0, page 36). Anything else counts as 1.

    Returns:
        A contiguous array whose row 0 is the visual top and column 0 the visual left; height and width change places
        for 5 to 8.
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array if array.flags.c_contiguous else array.copy()


def with_alpha(colour: Samples, alpha: Samples) -> Samples:
    """(H, W) grey or (H, W, 3) RGB, and (H, W) alpha of the same dtype -> (H, W, 4) RGBA."""
    rgba = np.empty((*alpha.shape, 4), colour.dtype)
    rgba[..., :3] = colour if colour.ndim == 3 else colour[..., None]
    rgba[..., 3] = alpha
    return rgba


def masked(array: Samples, bands: str, mask: Samples) -> tuple[Samples, str]:
    """A picture, (H, W) or (H, W, B), with a mask, (H, W), 1 where it shows and else 0, as RGBA.

    Raises:
        FileFormatError: a scene of many bands, which has no alpha.
    """
    if bands == "spectral":
        raise FileFormatError("a scene of many bands with a transparency mask would lose it")
    alpha = array[..., 3] if bands == "rgba" else np.full(mask.shape, np.iinfo(array.dtype).max, array.dtype)
    alpha = alpha * mask.astype(array.dtype)
    return with_alpha(array[..., :3] if array.ndim == 3 else array, alpha), "rgba"
