"""Maps of symbols to bytes and back: context modelling, range coding, the encoder's choice (spec/symbol_maps.md).

A codec that codes blocks turns each plane into a list of maps: a map holds one integer for each block, for one
frequency or latent or for a choice between transforms. The list is the same for all planes. Each map is coded with
contexts from its own symbols before, from earlier maps, and from a companion plane.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, borrow_zeros, give_back
from apercu.stages.arguments import INT16, UINT8, UINT16, UINT64, check_array, check_bytes, check_number
from apercu.stages.layout import AT_A_TIME, runs_of_planes

_start = function("apercu_maps_start", "assa")
_workspace = function("apercu_maps_workspace", "ass")
_encode = function("apercu_maps_encode", "asassaaassssaasaaasai")
_decode = function("apercu_maps_decode", "asassassssaasaasai")

KINDS = {"plain": 0, "predicted": 1, "count": 2, "selector": 3}
CLASSES, N_WEIGHTS, GROUP_CONTEXTS, CHOICE_CONTEXTS = 2, 18, 283, 4335
MOST_MAPS, MOST_GROUPS, EARLIER = 128, 64, 4
MOST_BLOCKS = 1 << 20
"""Of a side of a plane."""
LARGEST_WEIGHT = 90
LARGEST_PRICE = 65535
LARGEST_STEP_Q6 = 1 << 24
BITS_A_BYTE_LOG2, BEYOND = 19, 5
"""The most bits in contexts that a byte of a stream can hold, and how many bytes more its tail counts for."""
SYMBOL_BYTES, CONTEXT_BYTES = 9, 8
"""Room in the stream for each symbol and, besides, for each context, in bytes, as in `bands`. A symbol is 32 bits with
contexts and 16 others at the most."""

Values = NDArray[np.int16]
Settings = NDArray[np.int32]
INT32 = np.dtype(np.int32)


class MapPlane(NamedTuple):
    """A plane in blocks: its height and width, whether it is chroma (1, else 0), and its companion, the index of an
    earlier plane whose maps predict its own, of the same size or of twice that, rounded up (-1: none)."""

    height: int
    width: int
    chroma: int
    companion: int


class Map(NamedTuple):
    """A map of every plane.

    kind: "plain", a signed symbol; "predicted", the same, coded less the median of what its neighbours predict;
    "count",
        0 or more; "selector", a choice of 0 to 15 without order.
    group: which contexts and weights it uses; maps with like statistics share them.
    present: the values of the latest count or selector before it with which a block has this map, counts held to 15;
        None: every block has it. Where it is absent its symbol takes no bits and is 0, but of a count it is the choice.
    earlier: up to four maps before it that are most like it, by index, the likest first.
    """

    kind: str
    group: int
    present: frozenset[int] | None = None
    earlier: tuple[int, ...] = ()


class MapTables(NamedTuple):
    """The trained tables, which encoder and decoder share.

    weights: (2, groups, 18) uint8, for each class and group those of what is around, in 1/64, at most 90.
    contexts: (n,) uint64, the start of each context, as the kernel stores it: what `start_contexts` returns.
    """

    weights: NDArray[np.uint8]
    contexts: NDArray[np.uint64]


def n_groups(maps: list[Map]) -> int:
    """The number of groups that maps name."""
    return 1 + max(one.group for one in maps)


def _n_selectors(maps: list[Map]) -> int:
    return int(any(one.kind == "selector" for one in maps))


def n_contexts(maps: list[Map]) -> int:
    """The number of contexts of these maps, in both classes."""
    return CLASSES * (n_groups(maps) * GROUP_CONTEXTS + _n_selectors(maps) * CHOICE_CONTEXTS)


def start_contexts(starts: NDArray[np.uint16], maps: list[Map]) -> NDArray[np.uint64]:
    """Contexts of these maps with `starts` (n, 2): the probability of a 0 in 1/65536, 1 to 65,535, and the number of
    bits that it counts for, 2 to 128. They cannot be written to: a coder takes a copy. Raises OptionError for other
    starts."""
    described_maps(maps)
    check_array("starts", starts, UINT16, (n_contexts(maps), 2))
    contexts = np.empty(len(starts), np.uint64)  # range_context has 8 bytes
    checked(_start(address(starts), n_groups(maps), _n_selectors(maps), address(contexts)))
    contexts.flags.writeable = False
    return contexts


def n_numbers(maps: list[Map]) -> int:
    """How many numbers the tables of these maps take in a file."""
    return CLASSES * n_groups(maps) * N_WEIGHTS + 2 * n_contexts(maps)


def map_tables(numbers: NDArray[np.uint16], maps: list[Map]) -> MapTables:
    """Tables from the numbers of a file, (`n_numbers`,): the weights (2, groups, 18), then of each context its start,
    see `start_contexts`. Raises OptionError for an array of another size, and for numbers out of range."""
    check_array("numbers", numbers, UINT16, (n_numbers(maps),))
    n_weights = len(numbers) - 2 * n_contexts(maps)
    weights = numbers[:n_weights].reshape(CLASSES, -1, N_WEIGHTS)
    if weights.max() > LARGEST_WEIGHT:
        raise OptionError(f"a weight of symbol maps is {LARGEST_WEIGHT} at most")
    starts = start_contexts(np.ascontiguousarray(numbers[n_weights:]).reshape(-1, 2), maps)
    return MapTables(weights.astype(np.uint8), starts)


def map_numbers(weights: NDArray[np.uint8], starts: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The numbers of a file, from weights (2, groups, 18) and starts (n, 2): the inverse of `map_tables`."""
    return np.concatenate([weights.ravel().astype(np.uint16), starts.ravel()])


def described_maps(maps: object) -> NDArray[np.int32]:
    """Maps as the kernel takes them, (n, 7). Raises OptionError for others than described at `Map`."""
    if not isinstance(maps, list) or not 1 <= len(maps) <= MOST_MAPS:
        raise OptionError(f"maps must be a list of 1 to {MOST_MAPS} of Map")
    rows = []
    for index, one in enumerate(maps):
        if not isinstance(one, Map) or one.kind not in tuple(KINDS):
            raise OptionError(f"a map must be a Map of one of the kinds {', '.join(KINDS)}, not {one!r}")
        check_number("group", one.group, 0, MOST_GROUPS - 1)
        for earlier in one.earlier:
            check_number("earlier", earlier, 0, index - 1)
        if len(one.earlier) > EARLIER:
            raise OptionError(f"a map names {EARLIER} earlier maps at most, not {len(one.earlier)}")
        mask = -1
        if one.present is not None:
            for value in one.present:
                check_number("present", value, 0, 15)
            mask = sum(1 << value for value in one.present)
        rows.append((KINDS[one.kind], one.group, mask, *one.earlier, *[-1] * (EARLIER - len(one.earlier))))
    return np.array(rows, np.int32)


def described_planes(planes: object) -> NDArray[np.int32]:
    """Planes as the kernel takes them, (n, 4). Raises OptionError for others than described at `MapPlane`."""
    if not isinstance(planes, list) or not planes:
        raise OptionError(f"planes must be a list of MapPlane, one or more, not {planes!r}")
    for index, plane in enumerate(planes):
        if not isinstance(plane, tuple) or len(plane) != len(MapPlane._fields):
            raise OptionError(f"a plane must be a MapPlane, not {plane!r}")
        height, width, chroma, companion = plane
        check_number("height", height, 1, MOST_BLOCKS)
        check_number("width", width, 1, MOST_BLOCKS)
        check_number("chroma", chroma, 0, CLASSES - 1)
        check_number("companion", companion, -1, index - 1)
        if companion >= 0:
            sizes = [(n, -(-n // 2)) for n in planes[companion][:2]]
            if (height, width) not in zip(*sizes, strict=True):
                raise OptionError(f"a companion has the same size or twice that: {plane!r} has {planes[companion]!r}")
    return np.array(planes, np.int32)


def least_bits(planes: list[tuple[int, int]], maps: list[Map], first: int, end: int) -> int:
    """The fewest bits in contexts that a stream of maps `first` to before `end` takes in range coding, for planes of so
    many (rows, columns) of blocks: one for each block and map that is not absent in some."""
    n_blocks = sum(height * width for height, width in planes)
    return n_blocks * sum(one.present is None for one in maps[first:end])


def least_bytes(planes: list[tuple[int, int]], maps: list[Map], first: int, end: int) -> int:
    """The fewest bytes of such a stream (spec/symbol_maps.md, "What a stream can hold")."""
    return max(0, -(-least_bits(planes, maps, first, end) >> BITS_A_BYTE_LOG2) - BEYOND)


def as_they_are(maps: list[Map]) -> tuple[Settings, Settings]:
    """Steps and prices with which the symbols are the values themselves: those of an encoder that has chosen them."""
    shape = (CLASSES, len(maps))
    return np.full(shape, 64, np.int32), np.zeros(shape, np.int32)


class MapLayout:
    """Where maps lie in arrays of values and of symbols: int16, the planes one after the other, each as its maps, each
    row by row. `n_symbols` is their length. Raises OptionError for other planes and maps than described above."""

    def __init__(self, planes: list[MapPlane], maps: list[Map]) -> None:
        self.planes, self.maps = planes, maps
        self.described_planes, self.described_maps = described_planes(planes), described_maps(maps)
        self.starts = [0]
        for height, width, *_ in planes:
            self.starts.append(self.starts[-1] + height * width * len(maps))
        self.n_symbols = self.starts[-1]

    def part(self, values: Values, plane: int, index: int) -> Values:
        """The map `index` of a plane, (height, width), as a view into an array of all."""
        height, width, *_ = self.planes[plane]
        start = self.starts[plane] + index * height * width
        return values[start : start + height * width].reshape(height, width)

    def check(self, values: Values, first: int, end: int) -> None:
        """Raises OptionError unless these are values or symbols of this layout, and maps that it has."""
        check_array("values and symbols", values, INT16, (self.n_symbols,), written=True)
        check_number("first", first, 0, len(self.maps) - 1)
        check_number("end", end, first + 1, len(self.maps))

    def check_settings(self, steps_q6: Settings, prices: Settings) -> None:
        """Raises OptionError unless these are steps and prices as `MapCoder.encode` takes them."""
        shape = (CLASSES, len(self.maps))
        check_array("steps_q6", steps_q6, INT32, shape)
        check_array("prices", prices, INT32, shape)
        if steps_q6.min() < 1 or steps_q6.max() > LARGEST_STEP_Q6 or prices.min() < 0 or prices.max() > LARGEST_PRICE:
            raise OptionError("steps_q6 must be 1 to 2^24, and prices 0 to 65535")


class MapCoder:
    """Range coding: the state that one stream of a tile passes to the next, contexts and magnitudes.

    A stream holds the maps `first` to before `end` of all planes. Streams go in order, without a gap. `contexts`: as
    adapted so far. One object either encodes or decodes. Raises OptionError for arguments of another kind.
    """

    def __init__(self, layout: MapLayout, tables: MapTables) -> None:
        planes, maps = layout.described_planes, layout.described_maps
        groups = n_groups(layout.maps)
        check_array("weights", tables.weights, UINT8, (CLASSES, groups, N_WEIGHTS))
        check_array("contexts", tables.contexts, UINT64, (n_contexts(layout.maps),))
        if tables.contexts.flags.writeable or tables.weights.max() > LARGEST_WEIGHT:
            raise OptionError("contexts must be what start_contexts returned, and weights at most 90")
        self._n_workspace = checked(_workspace(address(planes), len(planes), len(maps)))
        self.layout = layout
        self.contexts = tables.contexts.copy()
        self._workspace = borrow_zeros(self._n_workspace)
        self._state = np.zeros(3, np.uint64)
        self._weights = tables.weights
        self._what = (address(planes), len(planes), address(maps), len(maps), groups, address(tables.weights))
        self._where = (address(self.contexts), address(self._workspace), self._n_workspace)

    def close(self) -> None:
        """Gives the memory back."""
        give_back(self._workspace)
        del self._workspace, self._where

    def encode(
        self,
        values: Values,
        steps_q6: Settings,
        prices: Settings,
        first: int,
        end: int,
        symbols: Values,
    ) -> bytes:
        """Maps `first` to before `end` as one stream.

        values: what the symbols are to stand for; of counts and selectors, the symbols. steps_q6: (2, maps), 1 to 2^24,
        what a symbol stands for in 1/64 of a value, by class and map. prices: (2, maps), 0 to 65,535, the price of
        1/256 bit in 2^-16 squared steps; 0: the nearest symbol at any price.
            26 is 0.1 squared steps a bit.
        symbols: receives what was chosen, and begins as zeros.
        """
        self.layout.check(values, first, end)
        self.layout.check(symbols, first, end)
        self.layout.check_settings(steps_q6, prices)
        n_symbols = self.layout.n_symbols // len(self.layout.maps) * (end - first)
        capacity = 64 + SYMBOL_BYTES * n_symbols + CONTEXT_BYTES * len(self.contexts)
        out = borrow(capacity)
        buffers = (address(values), address(symbols), address(out), capacity)
        n_bytes = 0
        for part, state in self._parts(first, end, (address(steps_q6), address(prices))):
            n_bytes = checked(_encode(*part, *buffers, *state))
        data = out.view(np.uint8)[:n_bytes].tobytes()
        give_back(out)
        return data

    def decode(self, data: bytes, first: int, end: int, symbols: Values) -> None:
        """The inverse: fills in `symbols`, which begin as zeros. Raises CorruptStream or Truncated."""
        check_bytes("data", data)
        self.layout.check(symbols, first, end)
        source = np.frombuffer(data, np.uint8)
        for part, state in self._parts(first, end, ()):
            checked(_decode(*part, address(symbols), address(source), source.size, *state))

    def _parts(
        self, first: int, end: int, settings: tuple[int, ...]
    ) -> Iterable[tuple[tuple[int, ...], tuple[int, int]]]:
        """Arguments of a call for each part of a stream, those before the buffers and those after them: for all planes,
        or where that would take long, for some."""
        state = address(self._state)
        self._state[:] = 0
        sizes = [
            (after - before) // len(self.layout.maps) * (end - first) for before, after in pairwise(self.layout.starts)
        ]
        runs = runs_of_planes(sizes, AT_A_TIME)
        return [
            ((*self._what, *settings, first, end, *run, *self._where), (state, int(run == runs[-1]))) for run in runs
        ]
