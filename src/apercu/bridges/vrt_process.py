"""A process that decodes windows for the pixel functions of VRTs (`vrt_function.py`).

It reads a request a line, JSON, and answers "sound" and the samples, or what is wrong, until nobody asks any more.
"""

import json
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.bridges import geo
from apercu.bridges.geo_read import opaque
from apercu.bridges.geo_write import Part
from apercu.errors import ApercuError, FileFormatError, printable
from apercu.stages.blocks import Window
from apercu.stages.fill import Mask

_MOST_KEPT = 1 << 28  # bytes of decoded windows
_SHOWN, _HIDDEN = 255, 0  # in a mask, as GDAL has it


class Windows:
    """Files that were asked for, and the windows of them that were decoded last."""

    def __init__(self, most_kept: int = _MOST_KEPT) -> None:
        self._files: dict[tuple[str, int, int, bool], geo.Opened] = {}
        self._kept: OrderedDict[tuple[geo.Opened, Window], Part] = OrderedDict()
        self._left = most_kept
        self._last: geo.Opened | None = None

    def answer(self, asked: dict[str, Any]) -> NDArray[Any]:
        """The samples of a window of a band, (rows, columns): of a smaller or larger size, the nearest ones.

        Band 0 is the mask, and the one after the last is alpha.
        """
        opened = self._opened(asked["file"], asked["full_size"] == "yes")
        band, dtype = int(asked["band"]), np.dtype(asked["dtype"])
        if dtype != (opened.dtype if band else np.uint8):
            raise FileFormatError("the file has changed; write the VRT again")
        rows = _nearest(asked["top"], asked["height"], asked["rows"])
        columns = _nearest(asked["left"], asked["width"], asked["columns"])
        if rows[-1] >= opened.shape[0] or columns[-1] >= opened.shape[1]:
            raise FileFormatError("the file has changed; write the VRT again")
        out = np.empty((len(rows), len(columns)), dtype)
        for window, place in _touched(opened, rows, columns):
            samples, hidden = self._decoded(opened, window)
            of_band = _band(samples, hidden, band, dtype)
            out[place] = of_band[np.ix_(rows[place[0]] - window.top, columns[place[1]] - window.left)]
        return out

    def _opened(self, path: str, full_size: bool) -> geo.Opened:
        found = os.stat(path)
        key = path, found.st_mtime_ns, found.st_size, full_size
        if key not in self._files:
            self._files[key] = geo.open(path, full_size=full_size)
        return self._files[key]

    def _decoded(self, opened: geo.Opened, window: Window) -> Part:
        key = opened, window
        if key not in self._kept:
            if self._last is not None and self._last is not opened:
                self._last.forget()  # so that tiles are kept of one file at a time
            self._last = opened
            made = opened.part(window)
            self._left -= _size(made)
            while self._left < 0 and self._kept:
                self._left += _size(self._kept.popitem(last=False)[1])
            self._kept[key] = made
        self._kept.move_to_end(key)
        return self._kept[key]


def _nearest(start: int, extent: int, n: int) -> NDArray[np.int64]:
    """The n rows or columns that are nearest to the middles of n equal parts of some."""
    return start + (2 * np.arange(n) + 1) * extent // (2 * n)


def _touched(
    opened: geo.Opened, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Iterator[tuple[Window, tuple[slice, slice]]]:
    """The windows that hold some of these rows and columns, which ascend, and the places of these."""
    for window in opened.windows():
        first = np.searchsorted(rows, (window.top, window.top + window.height))
        second = np.searchsorted(columns, (window.left, window.left + window.width))
        if first[0] < first[1] and second[0] < second[1]:
            yield window, (slice(*first), slice(*second))


def _band(samples: NDArray[Any], hidden: Mask | None, band: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    if 1 <= band <= samples.shape[2]:
        return samples[:, :, band - 1]
    shown = opaque(dtype) if band else _SHOWN
    if hidden is None:
        return np.full(samples.shape[:2], shown, dtype)
    return np.where(hidden.all(axis=2), _HIDDEN, shown).astype(dtype)


def _size(decoded: Part) -> int:
    return decoded[0].nbytes + (0 if decoded[1] is None else decoded[1].nbytes)


def main() -> None:
    """Answer until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the program that asks, whose end ends this
    windows = Windows()
    for line in sys.stdin.buffer:
        try:
            made = windows.answer(json.loads(line)).tobytes()
        except (ApercuError, OSError, MemoryError) as error:
            sys.stdout.buffer.write(f"apercu: {printable(str(error))}\n".encode(errors="replace"))
        else:
            sys.stdout.buffer.write(b"sound\n" + made)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
