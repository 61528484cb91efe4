"""The mask of a scene: from what a source says to a chunk of the prefix, and back (spec/scenes.md, "Mask")."""

from collections import deque
from typing import Any

import numpy as np

from apercu.codecs.source import ArraySource, Source
from apercu.format.chunks import MaskBits
from apercu.stages import mask as masks
from apercu.stages.blocks import Window, tiles
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask

MASK_SHARE = 20
"""An exact mask takes at most one byte in so many of a budget."""
HALVED_SHARE = 8
"""And a halved one. Of a small budget the share of an exact mask is some bytes, and to halve a mask until it takes no
more would make stairs of it."""
SIDE_READ = 1024
"""Pixels a side of the windows that are read for a mask, and for levels at the same time; a multiple of 8. Large scenes
are stored in tiles."""


class Noting:
    """A source whose mask is noted while something else reads it, by windows of `SIDE_READ` in scan order (see
    `apercu.codecs.source.Source`)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.height, self.width, self.n_bands = source.height, source.width, source.n_bands
        self.dtype: np.dtype[Any] = source.dtype
        self._awaited = deque(tiles(self.height, self.width, SIDE_READ))
        self._strips: list[list[masks.Planes]] = []

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        samples, hidden = self._source.read(window)
        if self._awaited and window == self._awaited[0]:
            self._note(self._awaited.popleft(), hidden)
        return samples, hidden

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`."""
        return self._source.squared_error(window, decoded)

    def _note(self, window: Window, hidden: Mask | None) -> None:
        if hidden is None:
            hidden = np.zeros((window.height, window.width, 1), np.bool_)
        alike = hidden.strides[2] == 0 or bool((hidden == hidden[:, :, :1]).all())
        if not window.left:
            self._strips.append([])
        self._strips[-1].append(masks.pack(hidden[:, :, :1] if alike else hidden))

    def planes(self) -> masks.Planes | None:
        """The mask as bits, one for all bands if they have the same; None where all samples count. What was not read
        yet is read. It is let go of: to be called once."""
        if isinstance(self._source, ArraySource) and self._source.mask is None:
            return None
        while self._awaited:
            self.read(self._awaited[0])
        strips, self._strips = [_joined(of_row, axis=2) for of_row in self._strips], []
        found = _joined(strips, axis=1)
        return found if found.any() else None


def _joined(planes: list[masks.Planes], axis: int) -> masks.Planes:
    """Parts of masks, of which some are one for all bands, side by side or one below the other."""
    most = max(map(len, planes))
    return np.concatenate([np.repeat(part, most // len(part), axis=0) for part in planes], axis=axis)


def mask_bits(source: Noting, kind: str, n_bytes: int | None) -> MaskBits | None:
    """The mask of a source: exact if a budget has room for it, else halved as far as it must be. None where all samples
    count."""
    planes, width = source.planes(), source.width
    if planes is None:
        return None
    data, halvings, share = masks.encode_planes(planes, width), 0, MASK_SHARE
    while n_bytes is not None and share * len(data) > n_bytes and max(planes.shape[1], width) > 1:
        planes, width, halvings, share = masks.halved(planes, width), -(-width // 2), halvings + 1, HALVED_SHARE
        data = masks.encode_planes(planes, width)
    return MaskBits(kind, halvings, len(planes), data)


def part_of_mask(planes: masks.Planes, halvings: int, window: Window) -> Mask:
    """A window of a mask, (h, w, 1) or (h, w, B), of 2^halvings times its size."""
    top, left, height, width = window
    first, last = top >> halvings, top + height - 1 >> halvings
    byte, end = left >> halvings + 3, (left + width - 1 >> halvings) + 1
    found = masks.unpack(planes[:, first : last + 1, byte : -(-end // 8)], end - 8 * byte)
    if not halvings:
        return found[:, left - 8 * byte :]
    rows, columns = np.arange(top, top + height) >> halvings, np.arange(left, left + width) >> halvings
    hidden: Mask = found[(rows - first)[:, np.newaxis], columns - 8 * byte]
    return hidden
