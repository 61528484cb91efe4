"""The codec `rnn` for the second decoder: written from spec/rnn.md alone, plain, exact and slow."""

import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from reference_bytes import CorruptStream, ModelError
from reference_maps import RangeReader, in_blocks, least_bits, split_tables

STEPS = 10
LAYERS = 11
BOUND = 12_582_912


def setting(quality_q8, parameters, text):
    """step_q5, from the table of the text."""
    if parameters is not None:
        raise CorruptStream("rnn has no settings made by hand")
    section = text.split("# Codec `rnn`")[1]
    rows = [re.search(rf"^\| {name} \|(.*)\|$", section, re.MULTILINE)[1] for name in ("place", "step_q5")]
    places, steps = ([int(number) for number in row.split("|")] for row in rows)
    for (first, last), (a, b) in zip(pairwise(places), pairwise(steps), strict=True):
        if first <= quality_q8 <= last:
            d, p = last - first, quality_q8 - first
            return (a * (d - p) + b * p + d // 2) // d
    raise AssertionError("the table of the path does not reach this quality")


def maps_of(bits):
    """Kind, group, choices with which a place has it, earlier maps."""
    found = [("predicted", 0, None, ())]
    for t in range(STEPS):
        f = 1 + t * (1 + bits)
        found.append(("count", 1 + t, {0} if t else None, (f - 1 - bits,) if t else ()))
        for k in range(bits):
            earlier = ([f - bits + k] if t else []) + [f + k - back for back in range(3) if k - 1 - back >= 0]
            found.append(("plain", 11 + bits * min(t, 2) + k, {0}, tuple(earlier)))
    return found


def tables(array, _codec):
    if array.dtype != np.int16 or array.ndim != 1 or len(array) < 5:
        raise ModelError("not tables of rnn")
    numbers = array.astype(np.int64)
    n_features, n_own, n_units, n_wide, n_bits = (int(n) for n in numbers[:5])
    if not all(1 <= n <= 256 for n in (n_features, n_own, n_units, n_wide)) or not 1 <= n_bits <= 8:
        raise ModelError("the head of the tables")
    at = 5

    def take(*shape, bound=None):
        nonlocal at
        n = int(np.prod(shape))
        if at + n > len(numbers):
            raise ModelError("the tables end early")
        found = numbers[at : at + n].reshape(shape)
        at += n
        if bound and (abs(found).sum(-2) * bound > BOUND).any():
            raise ModelError("sums that do not fit")
        return found

    t = SimpleNamespace(n_bits=n_bits, n_units=n_units)
    t.scales = take(2, STEPS)
    if t.scales.min() < 1 or t.scales.max() > 16383:
        raise ModelError("a scale")
    starts = take(2, n_own), take(2, n_units)
    if any(abs(one).max() > 512 for one in starts):
        raise ModelError("a start")
    t.starts = starts[1]
    take(576, n_features, bound=2047)
    take(n_features, 3 * n_own, bound=1024)
    take(n_own + n_units, 3 * n_own, bound=512)
    take(STEPS, 3 * n_own)
    take(STEPS, n_features + n_own, n_bits, bound=1024)
    take(STEPS, n_bits)
    t.inputs, t.states, t.biases = (
        take(9 * n_bits, 3 * n_units, bound=1),
        take(9 * n_units, 3 * n_units, bound=512),
        take(STEPS, 3 * n_units),
    )
    t.wide, t.marks, t.offsets, t.drawn = (
        take(n_units, n_wide, bound=512),
        take(STEPS, n_bits, n_wide, bound=1),
        take(STEPS, n_wide),
        take(n_wide, 576, bound=1024),
    )
    t.maps = maps_of(n_bits)
    t.coding = split_tables([n % 65536 for n in numbers[at:].tolist()], t.maps)
    if t.coding is None:
        raise ModelError("the tables of the symbol maps")
    return t


def between(y, n):
    """The rows of places that a row of samples lies between, and their weights."""
    p, i = y // 16, y % 16
    other, own, beyond = (p - 1, 17 + 2 * i, 15 - 2 * i) if i < 8 else (p + 1, 47 - 2 * i, 2 * i - 15)
    return (p, own), (min(max(other, 0), n - 1), beyond)


def begun(means, middle, unit):
    """Samples before the first step, with four more on each side."""
    down, across = means.shape
    means = hold(means, -255, 255) + middle
    inner = np.zeros((16 * down, 16 * across), np.int64)
    for y in range(16 * down):
        for x in range(16 * across):
            total = sum(int(means[p, q]) * unit * v * w for p, v in between(y, down) for q, w in between(x, across))
            inner[y, x] = (total + 512) >> 10
    return np.pad(inner, 4, mode="edge")


def hold(value, low, high):
    return np.minimum(np.maximum(value, low), high)


def streams_of(head, t):
    """First map and end of each layer."""
    ends = [1 + step * (1 + t.n_bits) for step in range(head.n_layers - 1)] + [len(t.maps)]
    return list(pairwise([0, *ends]))


def has_room(head, tile, planes, t):
    layer = len(tile.segments) - 1
    least = least_bits(in_blocks(planes, 16), t.maps, *streams_of(head, t)[layer])
    n_bytes = len(tile.segments[layer])
    return (n_bytes > 0 or layer > 0) and least <= 2**19 * (n_bytes + 5)


def read(head, tile, planes, t):
    """The symbols of each plane, by map."""
    reader = RangeReader(in_blocks(planes, 16), t.maps, *t.coding)
    for stream, (first, end) in zip(tile.segments, streams_of(head, t), strict=False):
        reader.read(stream, first, end)
        for of_plane in reader.symbols:
            if any(one.min() < 0 or one.max() > 1 for one in of_plane[max(first, 1) : end]):
                raise CorruptStream("a bit that is neither 0 nor 1")
    for step in range(len(tile.segments) - 1, STEPS if len(tile.segments) < head.n_layers else 0):
        for of_plane in reader.symbols:
            of_plane[1 + step * (1 + t.n_bits)][:] = 1
    return reader.symbols


def synthesise(head, planes, symbols, t):
    found = [plane_of(np.array(one), t, plane.of_class) for plane, one in zip(planes, symbols, strict=True)]
    return [samples[: plane.height, : plane.width] for plane, samples in zip(planes, found, strict=True)]


def plane_of(symbols, t, chroma):
    """A plane, from its symbols (maps, rows, columns)."""
    down, across = symbols.shape[1:]
    samples = begun(symbols[0], *((0, 64) if chroma else (32, 128)))
    states = np.zeros((down + 2, across + 2, t.n_units), np.int64)
    states[1:-1, 1:-1] = t.starts[chroma]
    n = t.n_units
    for step in range(STEPS):
        f = 1 + step * (1 + t.n_bits)
        worth = np.zeros((down + 2, across + 2, t.n_bits), np.int64)
        going = [(y, x) for y in range(down) for x in range(across) if not symbols[f, y, x]]
        for y, x in going:
            worth[y + 1, x + 1] = 2 * symbols[f + 1 : f + 1 + t.n_bits, y, x].astype(np.int64) - 1
        after = states.copy()
        for y, x in going:
            of_bits = t.biases[step] + worth[y : y + 3, x : x + 3].ravel() @ t.inputs
            of_states = (states[y : y + 3, x : x + 3].ravel() @ t.states + 256) >> 9
            gates = hold((of_bits[: 2 * n] + of_states[: 2 * n] + 1024) >> 2, 0, 512)
            c = hold(of_bits[2 * n :] + ((gates[n:] * of_states[2 * n :] + 256) >> 9), -512, 512)
            state = states[y + 1, x + 1]
            after[y + 1, x + 1] = state + ((gates[:n] * (c - state) + 256) >> 9)
            of_step = t.offsets[step] + worth[y + 1, x + 1] @ t.marks[step]
            u = hold(of_step + ((after[y + 1, x + 1] @ t.wide + 256) >> 9), 0, 1024)
            d = hold((u @ t.drawn + 256) >> 9, -8191, 8191)
            more = (d * t.scales[chroma, step] + 256) >> 9
            samples[16 * y : 16 * y + 24, 16 * x : 16 * x + 24] += more.reshape(24, 24)
        states = after
    return hold(samples[4:-4, 4:-4], *((-4080, 4080) if chroma else (0, 8160)))
