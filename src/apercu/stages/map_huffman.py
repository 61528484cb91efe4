"""Maps of symbols to canonical Huffman codes and back, with the tables in the stream (spec/symbol_maps.md, "Huffman").

Maps go block by block, in scans as in progressive JPEG: each run of plain maps is one, each other map another. In a
scan the planes of each class share a table.
"""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from apercu.errors import CorruptStream
from apercu.kernel import address, checked, function
from apercu.stages.arguments import check_bytes
from apercu.stages.symbol_maps import CLASSES, MapCoder, MapLayout, MapTables, Settings, Values

_choose = function("apercu_map_huffman_choose", "ssasssaaaiaa")
_count = function("apercu_map_huffman_count", "ssasssaa")
_plan = function("apercu_map_huffman_plan", "aasaasl")
_put = function("apercu_map_huffman_put", "ssasssaaasasl")
_get_table = function("apercu_map_huffman_get_table", "aslas")
_get = function("apercu_map_huffman_get", "ssasssasllasa")
_ENCODER_WORKSPACE = function("apercu_map_huffman_encoder_workspace", "")()
_DECODER_WORKSPACE = function("apercu_map_huffman_decoder_workspace", "")()

WORDS = 272
PASSES = 3
"""Times that symbols are chosen against the code lengths of those before."""
SYMBOL_BYTES, TABLE_BYTES = 6, 1 << 11
"""Room in the stream: a symbol has a word of 16 bits and 16 others, and at most one word of zeros or of an end before
it."""
FIRST_END_Q8 = 256
TABLE_BITS, END_BITS, MOST_ENDED = 10, 14, (1 << 15) - 1
"""The bits of the shortest table; and of an end for as many blocks as can be."""


class HuffmanMapCoder:
    """Huffman coding of the maps of a tile; the same interface as `MapCoder`, without tables and without state."""

    def __init__(self, layout: MapLayout) -> None:
        self.layout = layout

    def close(self) -> None:
        """Nothing: there is no memory to give back."""

    def encode(
        self, values: Values, steps_q6: Settings, prices: Settings, first: int, end: int, symbols: Values
    ) -> bytes:
        """Maps `first` to before `end` as one stream; see `MapCoder.encode`. The last byte is filled up with zeros."""
        self.layout.check(values, first, end)
        self.layout.check(symbols, first, end)
        self.layout.check_settings(steps_q6, prices)
        n_symbols = self.layout.n_symbols // len(self.layout.maps) * (end - first)
        out = np.empty(64 + SYMBOL_BYTES * n_symbols + TABLE_BYTES * CLASSES * (end - first), np.uint8)
        workspace = np.empty(_ENCODER_WORKSPACE, np.uint8)
        where = (address(workspace), workspace.size)
        target, n_bits = (address(out), out.size), 0
        frequency, lengths = np.empty(WORDS, np.uint32), np.empty(WORDS, np.uint8)
        for scan, chroma, planes in self._scans(first, end):
            settings = (address(steps_q6[chroma]), address(prices[chroma]))
            what = [(*self._plane(plane), *scan) for plane in planes]
            places = [(address(values[start:]), address(symbols[start:])) for start in map(self._start, planes)]
            known: int | None = None
            planned = n_bits
            end_q8 = FIRST_END_Q8
            for number in range(1 + PASSES):
                frequency[:] = 0
                ended = 0
                for plane, place in zip(what, places, strict=True):
                    checked(_choose(*plane, *settings, known, end_q8, *place))
                    ended += checked(_count(*plane, place[1], address(frequency)))
                table = (address(frequency), *where, address(lengths))
                where_to = target if number == PASSES else (None, 0)
                planned = checked(_plan(*table, *where_to, n_bits))
                known = address(lengths)
                end_q8 = _end_cost(frequency, lengths, ended)
            n_bits = planned
            for plane, place in zip(what, places, strict=True):
                n_bits = checked(_put(*plane, place[1], address(frequency), *where, *target, n_bits))
        return out[: -(-n_bits // 8)].tobytes()

    def decode(self, data: bytes, first: int, end: int, symbols: Values) -> None:
        """The inverse: fills in `symbols`, which begin as zeros. Raises CorruptStream or Truncated."""
        check_bytes("data", data)
        self.layout.check(symbols, first, end)
        source = np.frombuffer(data, np.uint8)
        workspace = np.empty(_DECODER_WORKSPACE, np.uint8)
        where, n_bits = (address(workspace), workspace.size), 0
        for scan, _, planes in self._scans(first, end):
            table_at = n_bits
            n_bits = checked(_get_table(address(source), source.size, table_at, *where))
            for plane in planes:
                place = address(symbols[self._start(plane) :])
                what = (*self._plane(plane), *scan, address(source), source.size)
                n_bits = checked(_get(*what, table_at, n_bits, *where, place))
        if -(-n_bits // 8) != source.size or (n_bits % 8 and data[-1] & 0xFF >> n_bits % 8):
            raise CorruptStream("data follow the last symbol")

    def _start(self, plane: int) -> int:
        return self.layout.starts[plane]

    def _plane(self, plane: int) -> tuple[int, int, int, int]:
        height, width, *_ = self.layout.planes[plane]
        return height, width, address(self.layout.described_maps), len(self.layout.maps)

    def _scans(self, first: int, end: int) -> Iterable[tuple[tuple[int, int], int, list[int]]]:
        """For each scan and class that has planes: the scan as (first map, end), the class, and its planes."""
        classes = self.layout.described_planes[:, 2]
        for scan in scans_of(self.layout, first, end):
            for chroma in range(CLASSES):
                if planes := np.flatnonzero(classes == chroma).tolist():
                    yield scan, chroma, planes


def least_bytes(planes: list[tuple[int, int]]) -> int:
    """The fewest bytes of a stream with a scan that every block has, and in which a block that does not end takes a
    bit, for planes of so many (rows, columns) of blocks (spec/symbol_maps.md, "What a stream can hold")."""
    n_bits = TABLE_BITS
    for height, width in planes:
        times, rest = divmod(height * width, MOST_ENDED)
        n_bits += END_BITS * times + max(rest, 1).bit_length() - 1
    return -(-n_bits // 8)


def map_coder(layout: MapLayout, tables: MapTables | None) -> MapCoder | HuffmanMapCoder:
    """A coder of a tile: with tables, the range coder; Huffman codes need none."""
    return HuffmanMapCoder(layout) if tables is None else MapCoder(layout, tables)


def scans_of(layout: MapLayout, first: int, end: int) -> list[tuple[int, int]]:
    """The scans of a stream: runs of plain maps, and each other map by itself."""
    found = []
    for key, run in groupby(range(first, end), lambda m: -1 if layout.maps[m].kind == "plain" else m):
        indices = list(run)
        found.append((indices[0], indices[-1] + 1) if key < 0 else (key, key + 1))
    return found


def _end_cost(frequency: NDArray[np.uint32], lengths: NDArray[np.uint8], ended: int) -> int:
    """What the end of a block costs in the mean, in 1/256 bit."""
    n = np.arange(15)
    n_bits = int((frequency[:15].astype(np.int64) * (lengths[:15] + n)).sum())
    return 256 * n_bits // ended if ended else FIRST_END_Q8
