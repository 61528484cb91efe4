"""Where samples come from: an encoder reads an image window by window, and never needs the whole of it."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from apercu.errors import ImageError
from apercu.format.container import MAX_BANDS, MAX_SIDE
from apercu.stages import squared_error as difference
from apercu.stages.blocks import Window, part
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask


@runtime_checkable
class Source(Protocol):
    """An image (H, W, B) of uint8 or uint16. The same window gives the same samples whenever it is read.

    An encoder passes over the image once or several times. It reads tile by tile, each row of tiles from left to right,
    or many whole rows at once.
    """

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def n_bands(self) -> int:
        """Samples of a pixel."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of samples: uint8 or uint16."""

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """The samples of a window (h, w, B), and which of them do not count (True); None where all do. Neither is
        written to."""

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """The squared error of a decoded window (h, w, B), summed over the samples that count."""


class ArraySource:
    """An array (H, W) or (H, W, B) in memory, and the mask (of its shape) of samples that do not count; no copies."""

    def __init__(self, samples: Samples, mask: Mask | None = None) -> None:
        self.flat = samples.ndim == 2
        """Whether it has the shape (H, W), which a decoder makes again."""
        self.samples: Samples = samples[:, :, np.newaxis] if self.flat else samples
        self.mask: Mask | None = None if mask is None else mask.reshape(self.samples.shape)
        self.height, self.width, self.n_bands = self.samples.shape
        self.dtype: np.dtype[Any] = samples.dtype

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        return part(self.samples, window), None if self.mask is None else part(self.mask, window)

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`."""
        return squared_error(*self.read(window), decoded)


def source_of(image: object, most_side: int = MAX_SIDE) -> Source:
    """A source as it is, or an array (H, W) or (H, W, B) as one; raises ImageError for those that cannot be coded, or
    that have more rows or columns than `most_side`."""
    # Looking for what a protocol has takes a tenth of the time of a small image.
    if isinstance(image, ArraySource) or (not isinstance(image, np.ndarray) and isinstance(image, Source)):
        _check(np.dtype(image.dtype), (image.height, image.width, image.n_bands), most_side)
        return image
    try:
        samples = np.asarray(image)
    except (TypeError, ValueError) as error:
        raise ImageError(f"an image is an array of uint8 or uint16: {error}") from None
    _check(samples.dtype, samples.shape, most_side)
    # First by type, since NumPy imports numpy.ma only when it is asked for.
    if type(image) is not np.ndarray and isinstance(image, np.ma.MaskedArray) and image.mask.ndim:
        return ArraySource(samples, np.asarray(image.mask))
    return ArraySource(samples)


def _check(dtype: np.dtype[Any], shape: tuple[int, ...], most_side: int) -> None:
    if dtype.kind != "u" or dtype.itemsize > 2:
        raise ImageError(f"an image is an array of uint8 or uint16, not {dtype}: scale and round it first")
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ImageError(f"an image has the shape (H, W) or (H, W, B), none of them 0, not {shape}")
    if max(shape[:2]) > most_side or (shape[2:] or (1,)) > (MAX_BANDS,):
        raise ImageError(f"an image has at most {most_side} × {most_side} pixels and {MAX_BANDS} bands")


def squared_error(samples: Samples, mask: Mask | None, decoded: Samples) -> int:
    """The squared error of `decoded` (h, w, B), summed over all samples that the mask does not hide."""
    if mask is not None:
        decoded = np.where(mask, samples, decoded)
    return difference.squared_error(samples, decoded)


def is_flat(source: Source, interpretation: str) -> bool:
    """Whether a decoder makes an array (H, W) of it, not (H, W, 1): as an array was, and what is grey of any other
    source."""
    return source.n_bands == 1 and bool(getattr(source, "flat", interpretation == "grey"))
