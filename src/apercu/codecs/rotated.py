"""A source whose bands are rotated to components before they are coded (spec/rotation.md)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from apercu.codecs import counted
from apercu.codecs.scene_mask import SIDE_READ
from apercu.codecs.source import Source
from apercu.stages.blocks import Window, tiles
from apercu.stages.colour import Levels, Samples
from apercu.stages.fill import Mask, filled
from apercu.stages.klt import Moments, added, detail_moments, klt
from apercu.stages.levels import measure
from apercu.stages.rotation import MAX_BANDS, Rotation, check_rotation, forward_of, to_bands, to_components

_SIDE, _MOST_WINDOWS = 256, 32
"""Of the windows whose detail is measured."""


class Rotated:
    """The components of a source. They are coded as a spectral image, with `levels`.

    A pixel of components does not count if it counts in no band. In other pixels, bands that do not count are filled
    from their neighbours first, as areas of 65,535 are that the levels of a band leave out: by window.
    """

    def __init__(self, source: Source, rotation: Rotation) -> None:
        """Raises OptionError for a rotation of other bands, and for one that cannot be inverted."""
        check_rotation(rotation, source.n_bands)
        self.source, self.rotation = source, rotation
        self.height, self.width, self.n_bands = source.height, source.width, source.n_bands
        self.dtype: np.dtype[Any] = np.dtype(np.uint16)
        self._forward = forward_of(rotation)
        self.levels = (self._forward.levels,) * source.n_bands
        self._fill_levels = rotation.levels if rotation.wide else ()

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        samples, mask = self.source.read(window)
        samples = filled(samples, "spectral", self._fill_levels, mask)  # those that were read are let go of
        components = to_components(samples, self._forward)
        if mask is None or not (hidden := mask.all(axis=2, keepdims=True)).any():
            return components, None
        return components, np.broadcast_to(hidden, components.shape)

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """Of the bands that decoded components make; see `Source`."""
        return self.source.squared_error(window, to_bands(decoded, self.rotation))


def levels_of(source: Source, psnr: float | None = None) -> tuple[Levels, ...]:
    """The levels of the bands of a source, as those of a spectral image, of uint8 too.

    psnr: what a uint16 image is to reach, as for `apercu.codecs.counted.levels_for`.
    """
    image = counted.image_to_measure(source, SIDE_READ)
    if source.dtype.itemsize == 2:
        return counted.levels_for(image, "spectral", psnr)

    def read(window: Window) -> tuple[Samples, Mask | None]:
        samples, mask = image.read(window)
        return samples.astype(np.uint16), mask

    return measure(image._replace(read=read), "spectral").full


def rotation_of(source: Source, levels: Sequence[Levels]) -> Rotation | None:
    """The rotation of a source whose bands have these levels, of uint8 as of uint16; None where it gains nothing."""
    n_bands = source.n_bands
    if not 2 <= n_bands <= MAX_BANDS:
        return None
    moments: Moments | None = None
    n_read = n_counted = 0
    for window in _spread(source.height, source.width):
        samples, mask = source.read(window)
        found = detail_moments(samples, mask, levels)
        moments = found if moments is None else added(moments, found)
        n_read += window.height * window.width
        n_counted += window.height * window.width if mask is None else int(np.count_nonzero(~mask.all(axis=2)))
    assert moments is not None  # there is always a window
    matrix, saved = klt(moments, levels, source.height * source.width * n_counted // n_read)
    rotation = Rotation(matrix, tuple(levels), source.dtype.itemsize == 2)
    return rotation if saved > 8 * n_bytes(n_bands) else None


def n_bytes(n_bands: int) -> int:
    """Of the chunk, with its id and its length, which takes a byte more from 11 bands on."""
    return n_bands * n_bands + 2 * n_bands + 3


def _spread(height: int, width: int) -> Iterator[Window]:
    """Windows of an image: all, or so many, spread evenly over it."""
    windows = list(tiles(height, width, _SIDE))
    n = min(len(windows), _MOST_WINDOWS)
    return (windows[(2 * index + 1) * len(windows) // (2 * n)] for index in range(n))
