"""Progressive coding by recurrent networks, in integers: the mean of each place, then step by step a few bits.

After Toderici et al. (Variable Rate Image Compression with Recurrent Neural Networks, ICLR 2016; Full Resolution Image
Compression with Recurrent Neural Networks, CVPR 2017). A *place* is 16 × 16 samples. At each step a recurrent encoder
sees the error that is left in a window of 24 × 24 around each place, and makes bits of it; a recurrent decoder adds
what they stand for, drawn over the same windows. Both are GRUs; the decoder's is convolutional, over the grid of
places. A place may stop: it keeps its state from then on, and draws nothing more.

Numbers are integers with 9 fraction bits, held as float32: every sum stays below 2^24 (`rnn_tables`), so that products
of matrices are exact in any order of summation. `>> 9` rounds down.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.stages.arguments import INT16, check_array, check_pair
from apercu.stages.colour import FULL, Plane
from apercu.stages.rnn_tables import (
    MARGIN,
    MOST_DRAWN,
    MOST_FEATURE,
    MOST_SEEN,
    ONE,
    ONE_LOG2,
    SIDE,
    STEPS,
    WINDOW,
    Real,
    RnnTables,
)

MEAN_STEP_Q5 = (128, 64)
"""What a symbol of means stands for, in luma and in chroma: 4 and 2 8-bit units."""
MIDDLE = (32, 0)
"""What a symbol of means has to be added to: luma lies around the middle of its range, and the first mean of a small
picture has no other to be predicted from."""
LARGEST_MEAN = 255
"""The largest magnitude that a symbol of means counts as: more than any sample is, and small enough for 32 bits."""
AT_A_TIME = 2048
"""Places that go through a network at once: what they take stays small."""
_LARGEST_ERROR = 1 << 20
"""Of a sample, as the encoder takes it: what is larger is beyond what it can see at any scale."""

Symbols = NDArray[np.int16]
"""(maps, planes, rows of places, columns): map 0 has the means in steps; then come for each step a map that is 1 where
a place has stopped, and one for each bit, 0 or 1, which is 0 where it has."""
Canvas = NDArray[np.int32]
"""Samples with 5 fraction bits, (planes, rows + 1, 16, columns + 1, 16), from 4 samples above and to the left of the
first place on; of the last half place that this adds on the other sides, 4 samples are used."""
Index = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


def n_maps(tables: RnnTables) -> int:
    """Maps of symbols of a plane."""
    return stop_map(tables, STEPS)


def stop_map(tables: RnnTables, step: int) -> int:
    """The map that says which places have stopped before a step; its bits are in the maps after it."""
    return 1 + step * (1 + tables.n_bits)


def _rounded(sums: Real) -> Real:
    """Sums with 18 fraction bits to 9, halves upwards. In place."""
    sums += ONE // 2
    sums *= 1 / ONE
    found: Real = np.floor(sums, out=sums)
    return found


class _Grid:
    """Numbers of places, (planes, rows, columns, n), with zeros all around; and which lie around which."""

    def __init__(self, shape: tuple[int, int, int], start: Real) -> None:
        planes, down, across = shape
        self.padded = np.zeros((planes, down + 2, across + 2, len(start)), np.float32)
        self.padded[:, 1:-1, 1:-1] = start
        self.flat = self.padded.reshape(-1, len(start))
        self.around = (np.arange(-1, 2)[:, None] * (across + 2) + np.arange(-1, 2)).ravel()

    def near(self, at: Index) -> Real:
        """What lies around places, with themselves, (n, 9 × numbers)."""
        return self.flat[at[:, None] + self.around].reshape(len(at), -1)


def _at(going: NDArray[np.bool_]) -> Index:
    """Where places (planes, rows, columns) are in the rows of a `_Grid`."""
    return np.flatnonzero(np.pad(going, ((0, 0), (1, 1), (1, 1))))


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, start + AT_A_TIME) for start in range(0, n, AT_A_TIME))


def _chunks(shape: tuple[int, int, int]) -> Iterator[tuple[slice, slice]]:
    """Planes and rows of places, at most AT_A_TIME where a row has no more: some rows of a plane, or whole planes."""
    planes, down, across = shape
    n_planes, n_rows = max(1, AT_A_TIME // (down * across)), max(1, AT_A_TIME // across)
    for plane in range(0, planes, n_planes):
        for row in range(0, down, n_rows):
            yield slice(plane, min(plane + n_planes, planes)), slice(row, min(row + n_rows, down))


def _moved(state: Real, from_inputs: Real, from_states: Real) -> Real:
    """The next state of units (n, units): a GRU whose gates are piecewise linear, and whose reset gate acts after the
    matrix. from_inputs, from_states: (n, 3 units), for the update gate, the reset gate and the candidate."""
    n = state.shape[1]
    gates = from_inputs[:, : 2 * n] + from_states[:, : 2 * n]
    gates = np.clip(np.floor((gates + 2 * ONE) * 0.25), 0, ONE)
    candidate = from_inputs[:, 2 * n :] + _rounded(gates[:, n:] * from_states[:, 2 * n :])
    np.clip(candidate, -ONE, ONE, out=candidate)
    moved: Real = state + _rounded(gates[:, :n] * (candidate - state))
    return moved


class _Decoder:
    """The decoder's states and what has been drawn so far."""

    def __init__(self, means: NDArray[np.int16], tables: RnnTables, chroma: bool) -> None:
        self.tables, self.chroma, self.step = tables, int(chroma), 0
        self.shape = means.shape[0], means.shape[1], means.shape[2]
        self.states = _Grid(self.shape, tables.starts[1][self.chroma])
        self.bits = _Grid(self.shape, np.zeros(tables.n_bits, np.float32))
        self.canvas = _interpolated(means, MIDDLE[self.chroma], MEAN_STEP_Q5[self.chroma])

    def advance(self, going: NDArray[np.bool_], bits: NDArray[np.int16]) -> None:
        """The next step. going: (planes, rows, columns). bits: (places that go on, bits), 0 or 1."""
        networks, at = self.tables.decoder, _at(going)
        self.bits.flat[:] = 0
        self.bits.flat[at] = 2 * bits - 1
        moved = np.empty((len(at), self.states.flat.shape[1]), np.float32)
        for part in _parts(len(at)):
            from_inputs = self.bits.near(at[part]) @ networks.inputs + networks.biases[self.step]
            from_states = _rounded(self.states.near(at[part]) @ networks.states)
            moved[part] = _moved(self.states.flat[at[part]], from_inputs, from_states)
        self.states.flat[at] = moved
        self._draw(going, moved, self.bits.flat[at])
        self.step += 1

    def _draw(self, going: NDArray[np.bool_], states: Real, bits: Real) -> None:
        """Adds what places draw that go on, from their states (places, units) and what their bits are worth."""
        networks = self.tables.decoder
        scale, first = int(self.tables.scales[self.chroma, self.step]), 0
        for planes, rows in _chunks(self.shape):
            some = going[planes, rows]
            n = int(np.count_nonzero(some))
            if not n:
                continue
            part = slice(first, first + n)
            wide = bits[part] @ networks.wide_bits[self.step] + networks.wide_biases[self.step]
            wide += _rounded(states[part] @ networks.wide)
            drawn = _rounded(np.clip(wide, 0, MOST_FEATURE) @ networks.drawn)
            samples = np.clip(drawn, -MOST_DRAWN, MOST_DRAWN).astype(np.int32) * scale
            samples += ONE // 2
            samples >>= ONE_LOG2
            _add(self.canvas[planes, rows.start : rows.stop + 1], some, samples.reshape(n, WINDOW, WINDOW))
            first = part.stop

    def drawn(self, planes: slice = slice(None)) -> Plane:
        """What has been drawn so far of some planes, (planes, 16 rows, 16 columns)."""
        low, high = (-FULL // 2, FULL // 2) if self.chroma else (0, FULL)
        _, down, across = self.shape
        whole = self.canvas[planes].reshape(-1, SIDE * (down + 1), SIDE * (across + 1))
        inner = whole[:, MARGIN : MARGIN + SIDE * down, MARGIN : MARGIN + SIDE * across]
        return np.clip(inner, low, high).astype(np.int16)


def _windows(whole: NDArray[Number]) -> NDArray[Number]:
    """The windows of places, (planes, rows, columns, 24, 24), as a view of a part of a canvas, (planes, rows + 1, 16,
    columns + 1, 16), or of anything laid out like one."""
    planes, rows, _, columns, _ = whole.shape
    flat = whole.reshape(planes, SIDE * rows, SIDE * columns)
    found: NDArray[Number] = np.lib.stride_tricks.sliding_window_view(flat, (WINDOW, WINDOW), (1, 2), writeable=True)
    return found[:, ::SIDE, ::SIDE]


def _add(canvas: Canvas, going: NDArray[np.bool_], drawn: Canvas) -> None:
    """Adds what places draw that go on, (n, 24, 24), to the part of a canvas that it reaches."""
    windows, (planes, rows, columns) = _windows(canvas), np.nonzero(going)
    for down in range(2):  # of every second row and column, windows do not overlap
        for across in range(2):
            some = (rows % 2 == down) & (columns % 2 == across)
            windows[planes[some], rows[some], columns[some]] += drawn[some]


def _between(values: Canvas, axis: int) -> Canvas:
    """Sixteen for each, linear between the middles of places and 32 times as large, along an axis."""
    n = values.shape[axis]
    before = np.take(values, np.maximum(np.arange(n) - 1, 0), axis)
    after = np.take(values, np.minimum(np.arange(n) + 1, n - 1), axis)
    j: Canvas = 2 * np.arange(SIDE // 2, dtype=np.int32).reshape(-1, *[1] * (values.ndim - axis - 1))
    own, first, last = (np.expand_dims(part, axis + 1).astype(np.int32) for part in (values, before, after))
    halves = own * (17 + j) + first * (15 - j), own * (31 - j) + last * (1 + j)
    found: Canvas = np.concatenate(halves, axis + 1).reshape(*values.shape[:axis], SIDE * n, *values.shape[axis + 1 :])
    return found


def _interpolated(means: NDArray[np.int16], middle: int, per_mean: int) -> Canvas:
    """The picture before the first step, of the means (planes, rows, columns), less the middle, of `per_mean` each."""
    planes, down, across = means.shape
    held = np.clip(means, -LARGEST_MEAN, LARGEST_MEAN).astype(np.int32) + middle
    rows = _between(held * per_mean, 1)
    whole = np.empty((planes, SIDE * (down + 1), SIDE * (across + 1)), np.int32)
    at_a_time = max(1, AT_A_TIME // (down * across))
    for some in (slice(plane, plane + at_a_time) for plane in range(0, planes, at_a_time)):
        inner = (_between(rows[some], 2) + 512) >> 10
        whole[some] = np.pad(inner, ((0, 0), *2 * ((MARGIN, SIDE - MARGIN),)), mode="edge")
    return whole.reshape(planes, down + 1, SIDE, across + 1, SIDE)


class Analysed(NamedTuple):
    """What all steps make of planes whose places do not stop.

    symbols: see `Symbols`. errors: (steps + 1, planes, rows, columns) int64, the squared error of each place before the
    first step and after each, in 2^-10 squared 8-bit units, of the samples that the plane has.
    """

    symbols: Symbols
    errors: NDArray[np.int64]


def rnn_analyse(plane: Plane, places: tuple[int, int], tables: RnnTables, chroma: bool) -> Analysed:
    """The symbols and errors of planes of one size, none of whose places stops.

    plane: (planes, height, width) int16 samples with 5 fraction bits, 0 to 8160, of chroma -4080 to 4080. places: down
    and across, as many as cover it. Raises OptionError for arguments of another kind.
    """
    found = [(symbols, _errors(plane, decoder)) for symbols, decoder in _walk(plane, places, tables, chroma, None)]
    return Analysed(found[0][0], np.stack([errors for _, errors in found]))


def rnn_symbols(
    plane: Plane, places: tuple[int, int], tables: RnnTables, chroma: bool, depths: NDArray[np.int64]
) -> tuple[Symbols, NDArray[np.int64]]:
    """The symbols of planes whose places stop after so many steps, (planes, rows, columns), and the error of each place
    after the last: bits are made knowing what has been drawn by those that go on and by those that have stopped. Else
    as `rnn_analyse`."""
    *_, (symbols, decoder) = _walk(plane, places, tables, chroma, depths)
    return symbols, _errors(plane, decoder)


def _walk(
    plane: Plane, places: tuple[int, int], tables: RnnTables, chroma: bool, depths: NDArray[np.int64] | None
) -> Iterator[tuple[Symbols, _Decoder]]:
    """Before the first step and after each: the symbols so far, and the decoder."""
    check_pair("places", places)
    down, across = places
    shape: tuple[int, ...] = tuple(getattr(plane, "shape", ()))
    if len(shape) != 3 or not all(shape):
        raise OptionError(f"plane must be an array of planes, rows and columns, not of shape {shape}")
    check_array("plane", plane, INT16, shape)
    n, height, width = shape
    if (down, across) != (-(-height // SIDE), -(-width // SIDE)):
        raise OptionError(f"{down} × {across} places do not cover {height} × {width} samples as they should")
    if depths is None:
        depths = np.full((n, down, across), STEPS)
    check_array("depths", depths, np.dtype(np.int64), (n, down, across))
    below, beyond = SIDE * down - height, SIDE * across - width
    wide = np.pad(plane, ((0, 0), (MARGIN, SIDE - MARGIN + below), (MARGIN, SIDE - MARGIN + beyond)), mode="edge")
    inner = wide[:, MARGIN : MARGIN + SIDE * down, MARGIN : MARGIN + SIDE * across]
    cut = inner.reshape(n, down, SIDE, across, SIDE)
    unit = SIDE * SIDE * MEAN_STEP_Q5[chroma]
    symbols = np.zeros((n_maps(tables), n, down, across), np.int16)
    symbols[0] = (2 * cut.sum((2, 4), dtype=np.int64) + unit) // (2 * unit) - MIDDLE[chroma]
    symbols[[stop_map(tables, step) for step in range(STEPS)]] = 1
    whole = wide.astype(np.int32).reshape(n, down + 1, SIDE, across + 1, SIDE)
    decoder, encoder = _Decoder(symbols[0], tables, chroma), _Encoder((n, down, across), tables, chroma)
    yield symbols, decoder
    for step in range(int(depths.max())):
        going = depths > step
        bits = encoder.advance(whole, decoder, going)
        stops = stop_map(tables, step)
        symbols[stops, going] = 0
        symbols[stops + 1 : stops + 1 + tables.n_bits, going] = bits.T
        decoder.advance(going, bits)
        yield symbols, decoder


class _Encoder:
    """The encoder's states."""

    def __init__(self, shape: tuple[int, int, int], tables: RnnTables, chroma: bool) -> None:
        self.shape, self.tables, self.chroma = shape, tables, int(chroma)
        self.at = _at(np.ones(shape, bool))
        self.states = np.tile(tables.starts[0][self.chroma], (len(self.at), 1))

    def advance(self, wide: Canvas, decoder: _Decoder, going: NDArray[np.bool_]) -> NDArray[np.int16]:
        """The bits (places that go on, bits) of the next step. wide: the planes, laid out as the decoder's canvas."""
        networks, scale = self.tables.encoder, int(self.tables.scales[self.chroma, decoder.step])
        numbers, first = np.flatnonzero(going), 0
        bits = np.empty((len(numbers), self.tables.n_bits), np.int16)
        for planes, rows in _chunks(self.shape):
            some = going[planes, rows]
            part = slice(first, first + int(np.count_nonzero(some)))
            if part.start == part.stop:
                continue
            reach, at = slice(rows.start, rows.stop + 1), numbers[part]
            shown = _seen(wide[planes, reach] - decoder.canvas[planes, reach], scale).astype(np.float32)
            windows = _windows(shown)[some].reshape(-1, WINDOW * WINDOW)
            first, states = part.stop, self.states[at]
            features = np.clip(_rounded(windows @ networks.seen), -MOST_FEATURE, MOST_FEATURE)
            from_inputs = _rounded(features @ networks.inputs) + networks.biases[decoder.step]
            both = np.concatenate([states, decoder.states.flat[self.at[at]]], 1)
            self.states[at] = states = _moved(states, from_inputs, _rounded(both @ networks.states))
            known = np.concatenate([features, states], 1)
            bits[part] = _rounded(known @ networks.out[decoder.step]) + networks.out_biases[decoder.step] >= 0
        return bits


def _seen(left: Canvas, scale: int) -> Canvas:
    """What is left, as the encoder sees it: in scales, with 9 fraction bits."""
    held = np.clip(left, -_LARGEST_ERROR, _LARGEST_ERROR)
    found: Canvas = np.clip((2 * ONE * held + scale) // (2 * scale), -MOST_SEEN, MOST_SEEN)
    return found


def _errors(plane: Plane, decoder: _Decoder) -> NDArray[np.int64]:
    """Squared errors of places, of what has been drawn so far."""
    n, height, width = plane.shape
    _, down, across = decoder.shape
    found = np.empty((n, down, across), np.int64)
    for planes, _ in _chunks((n, 1, down * across)):
        drawn = decoder.drawn(planes)
        error = np.zeros(drawn.shape)
        error[:, :height, :width] = drawn[:, :height, :width] - plane[planes].astype(np.float64)
        cut = error.reshape(-1, down, SIDE, across, SIDE)
        found[planes] = np.einsum("paibj,paibj->pab", cut, cut)
    return found


def rnn_synthesise(symbols: Symbols, tables: RnnTables, chroma: bool) -> Plane:
    """The planes (planes, 16 rows, 16 columns), int16 with 5 fraction bits, that symbols stand for. Steps that no place
    goes on to take no time. Raises OptionError for arguments of another kind."""
    shape: tuple[int, ...] = tuple(getattr(symbols, "shape", ()))
    if len(shape) != 4 or not all(shape):
        raise OptionError(f"symbols must be an array of maps, planes, rows and columns, not of shape {shape}")
    check_array("symbols", symbols, INT16, (n_maps(tables), *shape[1:]))
    decoder = _Decoder(symbols[0], tables, chroma)
    for step in range(STEPS):
        stops = stop_map(tables, step)
        going = symbols[stops] == 0
        if not going.any():
            break
        decoder.advance(going, symbols[stops + 1 : stops + 1 + tables.n_bits, going].T)
    return decoder.drawn()
