"""Samples to bytes and back by prediction: lossless, or with no sample off by more than a largest error.

Each sample is predicted by a blend of linear experts from its neighbours and from bands before it, and what the
prediction misses is range coded in contexts (spec/predictive.md).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import CorruptStream, OptionError, Truncated
from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, borrow_zeros, give_back
from apercu.stages.arguments import INT16, UINT16, UINT64, check_array, check_bytes, check_number, check_samples

_workspace = function("apercu_predict_workspace", "a")
_start = function("apercu_predict_start", "aa")
_encode = function("apercu_predict_encode", "aaaaasallasai")
_decode = function("apercu_predict_decode", "aaaaasallasai")
_count = function("apercu_predict_count", "asa")
_map = function("apercu_predict_map", "asa")

CLASSES, EXPERTS, INPUTS = 3, 8, 16
N_CONTEXTS = 25_080
MOST_ERROR, MOST_TAPS = 65_535, 8192
AT_A_TIME = 1 << 22
"""Samples that the kernel codes in one call: while it works, Python cannot be interrupted."""
SAMPLE_BYTES, CONTEXT_BYTES = 10, 8
"""Room in the stream for each sample and, besides, for each context, in bytes. A sample is 21 bits with contexts and 16
others at the most. A bit with two contexts costs less than 2.5 bits in the mean, whatever comes, once they have left
their starts."""
MAPPED_FROM = 1 << 12
"""A band with fewer samples has no map."""

Samples = NDArray[np.uint8] | NDArray[np.uint16]
_Planes = NDArray[np.uint16]


class PredictTables(NamedTuple):
    """The trained tables, which encoder and decoder share.

    taps: (3, 8, 16) int16, for each class of band (none before it, one, more) the weights of each expert's inputs, with
        10 fraction bits.
    contexts: (25080,) uint64, the start of each context, as the kernel stores it.
    """

    taps: NDArray[np.int16]
    contexts: NDArray[np.uint64]


def predict_tables(taps: NDArray[np.int16], starts: NDArray[np.uint16]) -> PredictTables:
    """Tables of `taps` (3, 8, 16), whose sizes add up to 8192 at most in each expert, and `starts` (25080, 2): the
    probability of a 0 in 1/65536, 1 to 65,535, and the number of bits that it counts for, 2 to 128. Raises OptionError
    for others. They cannot be written to."""
    check_array("taps", taps, INT16, (CLASSES, EXPERTS, INPUTS))
    check_array("starts", starts, UINT16, (N_CONTEXTS, 2))
    if np.abs(taps.astype(np.int64)).sum(2).max() > MOST_TAPS:
        raise OptionError(f"the taps of an expert must add up to {MOST_TAPS} at most")
    contexts = np.empty(N_CONTEXTS, np.uint64)  # range_context has 8 bytes
    checked(_start(address(starts), address(contexts)))
    taps = taps.copy()
    contexts.flags.writeable = taps.flags.writeable = False
    return PredictTables(taps, contexts)


def _check_tables(tables: PredictTables) -> None:
    check_array("taps", tables.taps, INT16, (CLASSES, EXPERTS, INPUTS))
    check_array("contexts", tables.contexts, UINT64, (N_CONTEXTS,))
    if tables.contexts.flags.writeable or tables.taps.flags.writeable:
        raise OptionError("tables must be what predict_tables returned")


def _check_order(order: object, n_bands: int) -> list[int]:
    bands = list(range(n_bands)) if order is None else order
    if not isinstance(bands, list) or (order is not None and sorted(bands) != list(range(n_bands))):
        raise OptionError(f"order must be a list of the numbers 0 to {n_bands - 1}, not {order!r}")
    return bands


def _check_errors(max_error: int, coarser_from: int | None, height: int) -> tuple[int, int]:
    check_number("max_error", max_error, 0, MOST_ERROR)
    if coarser_from is None:
        return max_error, height
    check_number("coarser_from", coarser_from, 0, height)
    return max_error, coarser_from


class _Coder:
    """What the calls of the kernel for one tile share."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        tops: NDArray[np.int32],
        errors: tuple[int, int],
        tables: PredictTables,
        ends_from: int | None = None,
    ) -> None:
        n_bands, height, width = shape
        self._tile = np.array([width, height, n_bands, *errors, n_bands if ends_from is None else ends_from], np.int32)
        self._tops, self._taps, self.contexts = tops, tables.taps, tables.contexts.copy()
        n_workspace = checked(_workspace(address(self._tile)))
        self._memory = borrow_zeros(n_workspace)
        self._state = np.zeros(3, np.uint64)
        arrays = (self._tile, tops, self._taps, self.contexts, self._memory)
        self.before = (*(address(array) for array in arrays), n_workspace)
        self.state = address(self._state)
        self._n_rows, self._at_once = n_bands * height, max(1, AT_A_TIME // width)

    def runs(self) -> Iterable[tuple[int, int, int]]:
        """First row, end and whether it is the last, of each call."""
        for first in range(0, self._n_rows, self._at_once):
            end = min(first + self._at_once, self._n_rows)
            yield first, end, int(end == self._n_rows)

    def close(self) -> None:
        """Gives the memory back."""
        give_back(self._memory)


def encode_samples(
    samples: Samples,
    max_error: int,
    tables: PredictTables,
    order: list[int] | None = None,
    coarser_from: int | None = None,
    decoded: Samples | None = None,
    contexts: NDArray[np.uint64] | None = None,
    ends_from: int | None = None,
) -> bytes:
    """Bytes from which `decode_samples` makes `samples` (H, W, B), uint8 or uint16, again, no sample off by more than
    `max_error`, 0 to 65,535.

    order: the bands in the order in which they are coded; each is predicted from the two before it as well. By default
        as they stand.
    coarser_from: the row from which samples may be off by one more.
    decoded: receives what a decoder makes of the bytes.
    contexts: receives the contexts as they are in the end, (25080,) uint64.
    ends_from: the band, in coded order, from which samples of 0 and of 255 or 65,535 come back exactly.
    Raises OptionError for arguments of another kind.
    """
    check_samples("samples", samples)
    _check_tables(tables)
    bands = _check_order(order, samples.shape[2])
    errors = _check_errors(max_error, coarser_from, samples.shape[0])
    if decoded is not None:
        check_array("decoded", decoded, samples.dtype, samples.shape, written=True)
    if contexts is not None:
        check_array("contexts", contexts, UINT64, (N_CONTEXTS,), written=True)
    if ends_from is not None:
        check_number("ends_from", ends_from, 0, len(bands))
    planes = _planes(samples, bands)
    tops = np.full(len(bands), 255 if samples.dtype.itemsize == 1 else 65535, np.int32)
    maps = _Maps.found(planes, tops) if errors == (0, planes.shape[1]) else _Maps([])
    maps.apply(planes, tops)
    coder = _Coder(planes.shape, tops, errors, tables, ends_from)
    capacity = 64 + SAMPLE_BYTES * planes.size + CONTEXT_BYTES * N_CONTEXTS
    out = borrow(capacity)
    n_bytes = 0
    for first, end, last in coder.runs():
        where = (address(planes), first, end, address(out), capacity, coder.state, last)
        n_bytes = checked(_encode(*coder.before, *where))
    data = out.view(np.uint8)[:n_bytes].tobytes()
    give_back(out)
    if contexts is not None:
        contexts[:] = coder.contexts
    coder.close()
    if decoded is not None:
        maps.undo(planes)
        _place(planes, bands, decoded)
    return maps.to_bytes() + data if errors == (0, planes.shape[1]) else data


def decode_samples(
    data: bytes,
    out: Samples,
    max_error: int,
    tables: PredictTables,
    order: list[int] | None = None,
    coarser_from: int | None = None,
) -> None:
    """The inverse: fills in `out` (H, W, B), given the same other arguments. Raises CorruptStream or Truncated before
    it writes, and OptionError for arguments of another kind."""
    check_bytes("data", data)
    check_samples("out", out)
    if not out.flags.writeable or not out.dtype.isnative:
        raise OptionError("out must be writeable, in the byte order of this machine")
    _check_tables(tables)
    bands = _check_order(order, out.shape[2])
    errors = _check_errors(max_error, coarser_from, out.shape[0])
    height, width, n_bands = out.shape
    tops = np.full(n_bands, 255 if out.dtype.itemsize == 1 else 65535, np.int32)
    maps, at = _Maps.of_bytes(data, tops) if errors == (0, height) else (_Maps([]), 0)
    for position, values in maps.bands:
        tops[position] = values.size - 1
    source = np.frombuffer(data, np.uint8)[at:]
    memory = borrow(2 * out.size)
    planes = memory.view(np.uint16)[: out.size].reshape(n_bands, height, width)
    coder = _Coder(planes.shape, tops, errors, tables)
    for first, end, last in coder.runs():
        where = (address(planes), first, end, address(source), source.size, coder.state, last)
        checked(_decode(*coder.before, *where))
    coder.close()
    maps.undo(planes)
    _place(planes, bands, out)
    give_back(memory)


def _planes(samples: Samples, bands: list[int]) -> _Planes:
    """A copy, (B, H, W), in coded order."""
    height, width, n_bands = samples.shape
    planes = np.empty((n_bands, height, width), np.uint16)
    for position, band in enumerate(bands):
        planes[position] = samples[..., band]
    return planes


def _place(planes: _Planes, bands: list[int], out: Samples) -> None:
    for position, band in enumerate(bands):
        out[..., band] = planes[position]


class _Maps(NamedTuple):
    """Bands of which most values are not used: their samples are coded as places in a list of values.

    bands: (position in coded order, its values in rising order), by position.
    """

    bands: list[tuple[int, NDArray[np.uint16]]]

    @classmethod
    def found(cls, planes: _Planes, tops: NDArray[np.int32]) -> "_Maps":
        """The bands where three samples of four have values that stand alone, with none used beside them, and the list
        of values takes a small part of what it saves."""
        size = planes[0].size
        if size < MAPPED_FROM:
            return cls([])
        bands = []
        for position, plane in enumerate(planes):
            counts = np.zeros(65536, np.uint32)
            checked(_count(address(plane), size, address(counts)))
            values = np.flatnonzero(counts)
            gaps = np.diff(values, prepend=-2, append=int(tops[position]) + 2)
            alone = int(counts[values[(gaps[:-1] > 1) & (gaps[1:] > 1)]].sum(dtype=np.int64))
            if 4 * alone >= 3 * size and 64 * len(_runs(values)) <= size:
                bands.append((position, values.astype(np.uint16)))
        return cls(bands)

    def apply(self, planes: _Planes, tops: NDArray[np.int32]) -> None:
        """Samples to places in the lists."""
        for position, values in self.bands:
            places = np.zeros(65536, np.uint16)
            places[values] = np.arange(values.size)
            checked(_map(address(planes[position]), planes[position].size, address(places)))
            tops[position] = values.size - 1

    def undo(self, planes: _Planes) -> None:
        """The inverse."""
        for position, values in self.bands:
            whole = np.zeros(65536, np.uint16)
            whole[: values.size] = values
            checked(_map(address(planes[position]), planes[position].size, address(whole)))

    def to_bytes(self) -> bytes:
        """A byte that says whether there are any; then numbers of 16 bits."""
        if not self.bands:
            return b"\0"
        numbers: list[int] = [len(self.bands) - 1]
        for position, values in self.bands:
            runs = _runs(values.astype(np.int64))
            numbers += [position, int(values[0]), len(runs)]
            for gap, times in runs:
                numbers += [gap, times]
        return b"\1" + np.array(numbers, "<u2").tobytes()

    @classmethod
    def of_bytes(cls, data: bytes, tops: NDArray[np.int32]) -> tuple["_Maps", int]:
        """The inverse, and where it ends."""
        if len(data) < 1:
            raise Truncated("a segment without samples ends before its maps do")
        if data[0] > 1:
            raise CorruptStream("whether there are maps is neither 0 nor 1")
        numbers = np.frombuffer(data, "<u2", (len(data) - 1) // 2, 1)
        at = 0

        def take(count: int) -> list[int]:
            nonlocal at
            if at + count > numbers.size:
                raise Truncated("the maps end early")
            at += count
            return [int(number) for number in numbers[at - count : at]]

        bands: list[tuple[int, NDArray[np.uint16]]] = []
        n_maps = take(1)[0] + 1 if data[0] else 0
        for _ in range(n_maps):
            position, lowest, n_runs = take(3)
            gaps = np.array(take(2 * n_runs), np.int64).reshape(n_runs, 2)
            if position >= tops.size or (bands and position <= bands[-1][0]):
                raise CorruptStream("maps are of bands that there are, in order")
            if np.any(gaps == 0) or lowest + int((gaps[:, 0] * gaps[:, 1]).sum()) > tops[position]:
                raise CorruptStream("a map has a value twice, or one that is too large")
            steps = np.repeat(gaps[:, 0], gaps[:, 1])
            bands.append((position, (lowest + np.concatenate([[0], np.cumsum(steps)])).astype(np.uint16)))
        return cls(bands), 1 + 2 * at


def _runs(values: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Gaps between values, as (gap, how many times in a row)."""
    gaps = np.diff(values)
    if not gaps.size:
        return []
    starts = np.flatnonzero(np.diff(gaps, prepend=0))
    return list(zip(gaps[starts].tolist(), np.diff(starts, append=gaps.size).tolist(), strict=True))
