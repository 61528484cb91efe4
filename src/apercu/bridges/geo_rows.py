"""Scenes whose file holds whole rows, as strips do: windows are read from a copy of one row of them.

A block of such a file is a part of every tile in its row, and would be inflated again for each. A row of tiles does not
fit into memory beside the encoder, so it lies in a temporary file.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.geo_open import CACHE
from apercu.codecs.source import Source, squared_error
from apercu.stages.blocks import Window, overlap
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask

_MOST_HELD = 1 << 28
"""Bytes of samples that are held, unless a single window has more."""
_AT_ONCE = 1 << 22
"""Bytes that are copied at a time."""


@contextmanager
def by_rows(dataset: Any, source: Source) -> Iterator[Source]:
    """A source of a dataset whose blocks are each read once for all windows of a row, also where they are as wide as
    the image. Where there is no room for a temporary file, they are read as often as they are needed."""
    n_bytes = source.height * source.width * _n_bytes(source)
    with ExitStack() as stack:
        if dataset.block_shapes[0][1] == dataset.width and n_bytes > CACHE:
            with suppress(OSError):
                source = ByRows(source, stack.enter_context(TemporaryFile(buffering=0)))
        yield source


class _Held(NamedTuple):
    """Some rows that are held, with their masks behind them."""

    top: int
    height: int
    at: int
    """Where they begin in the file."""
    n_masks: int
    """None, one for all bands, or one for each."""


class ByRows:
    """A source that reads whole rows of another, and holds those of the last window in a file (see
    `apercu.codecs.source.Source`)."""

    def __init__(self, source: Source, file: FileIO) -> None:
        self._source, self._file = source, file
        self.height, self.width, self.n_bands, self.dtype = source.height, source.width, source.n_bands, source.dtype
        self._place = Window(0, 0, 0, 0)
        self._held: list[_Held] = []
        self._has_room = True

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """See `Source`."""
        top, left, height, width = window
        is_held = overlap(window, self._place) == window
        if not is_held and width < self.width and self._has_room:
            is_held = self._has_room = self._hold(window)
        if not is_held:
            return self._source.read(window)
        samples = np.empty((height, width, self.n_bands), self.dtype)
        n_masks = max(held.n_masks for held in self._held)
        mask = np.zeros((height, width, n_masks), np.bool_)
        for held in self._held:
            first, last = max(top, held.top), min(top + height, held.top + held.height)
            if first >= last:
                continue
            rows, of_held = slice(first - top, last - top), first - held.top
            self._take(samples[rows], held.at, of_held, left)
            if held.n_masks:
                own = np.empty((last - first, width, held.n_masks), np.bool_)
                self._take(own, held.at + held.height * self._place.width * _n_bytes(self), of_held, left)
                mask[rows] = own
        return samples, np.broadcast_to(mask, samples.shape) if mask.any() else None

    def _hold(self, window: Window) -> bool:
        """Holds the rows of a window from its left on; returns whether there was room for them."""
        n_columns = max(_MOST_HELD // (window.height * _n_bytes(self)), window.width)
        n_columns = min(n_columns, self.width - window.left)
        step = max(_AT_ONCE // (n_columns * _n_bytes(self)), 1)
        self._place, self._held = Window(0, 0, 0, 0), []
        end = window.top + window.height
        at = 0
        for top in range(window.top, end, step):
            height = min(step, end - top)
            samples, mask = self._source.read(Window(top, window.left, height, n_columns))
            parts: list[NDArray[Any]] = [samples]
            if mask is not None:
                parts.append(mask[:, :, :1] if mask.strides[2] == 0 else mask)
            self._held.append(_Held(top, height, at, parts[1].shape[2] if mask is not None else 0))
            try:
                for part in parts:
                    at += self._put(part, at)
            except OSError:
                return False
        self._place = Window(window.top, window.left, window.height, n_columns)
        return True

    def _put(self, array: NDArray[Any], at: int) -> int:
        self._file.seek(at)
        n_bytes = self._file.write(np.ascontiguousarray(array).data)
        if n_bytes != array.nbytes:
            raise OSError("there is no room for all of it")
        return n_bytes

    def _take(self, out: NDArray[Any], at: int, row: int, left: int) -> None:
        """Rows (h, w, n) of an array that begins there, from a row of it and a column of the image on."""
        n_bytes = out.shape[2] * out.itemsize
        for number, of_row in enumerate(out, row):
            self._file.seek(at + (number * self._place.width + left - self._place.left) * n_bytes)
            self._file.readinto(of_row.data)

    def squared_error(self, window: Window, decoded: Samples) -> int:
        """See `Source`."""
        return squared_error(*self.read(window), decoded)


def _n_bytes(source: Source) -> int:
    """Of the samples of a pixel."""
    return source.n_bands * source.dtype.itemsize
