"""A second decoder of the codec `predictive`, written from spec/predictive.md and "Range coder" of spec/FORMAT.md:
plain, exact and slow. It shares no code with apercu."""

import itertools
import re
import struct

import numpy as np

from reference_bytes import Bytes, CorruptStream, ModelError, Truncated
from reference_range import Contexts, Stream

MIXED, REPEAT = 72 * 58, 432 * 58
"""The first of the contexts of each kind; the own ones stand before."""


def level(v):
    if v < 4:
        return v
    o = v.bit_length() - 1
    return 4 * (o - 1) + (v >> (o - 2)) % 4


def clamp(v, low, high):
    return max(low, min(v, high))


class Grid:
    """What is kept of every sample of a band, with the rules for what lies outside."""

    def __init__(self, width, above, second_is_first=False):
        self.width, self.above, self.second_is_first = width, above, second_is_first
        self.rows = []

    def begin_row(self):
        self.rows.append([])

    def put(self, value):
        self.rows[-1].append(value)

    def at(self, up, x):
        """`up` rows above the present one."""
        y = len(self.rows) - 1 - up
        if y == -1 and up == 2 and self.second_is_first:
            y = 0
        if y < 0:
            return self.above
        if up == 0 and x < 0:
            return self.at(1, 0)
        return self.rows[y][clamp(x, 0, self.width - 1)]


def read_maps(data, n_bands, peak):
    """{position: values}, and where they end."""
    if not data:
        raise Truncated("no byte for the maps")
    if data[0] > 1:
        raise CorruptStream("mapped")
    maps, at = {}, 1
    if not data[0]:
        return maps, at

    def take():
        nonlocal at
        if at + 2 > len(data):
            raise Truncated("within the maps")
        at += 2
        return struct.unpack_from("<H", data, at - 2)[0]

    last = -1
    for _ in range(take() + 1):
        position, lowest, n_runs = take(), take(), take()
        runs = [(take(), take()) for _ in range(n_runs)]
        if not last < position < n_bands:
            raise CorruptStream("position of a map")
        last, values = position, [lowest]
        for gap, times in runs:
            if gap == 0 or times == 0:
                raise CorruptStream("a run of nothing")
            if values[-1] + gap * times > peak:
                raise CorruptStream("a value too large")
            for _ in range(times):
                values.append(values[-1] + gap)
        if lowest > peak:
            raise CorruptStream("a value too large")
        maps[position] = values
    return maps, at


class Decoder:
    def __init__(self, data, shape, peak, max_error, array, coarser_from):
        self.height, self.width, self.n_bands = shape
        self.of_tile, self.coarser_from = max_error, self.height if coarser_from is None else coarser_from
        lossless = max_error == 0 and self.coarser_from == self.height
        self.maps, at = read_maps(data, self.n_bands, peak) if lossless else ({}, 0)
        self.tops = [len(self.maps[p]) - 1 if p in self.maps else peak for p in range(self.n_bands)]
        self.stream = Stream(data[at:])
        assert len(array) == 3 * 8 * 16 + 2 * (REPEAT + 24)
        signed = [(int(n) + 32768) % 65536 - 32768 for n in array[: 3 * 8 * 16]]
        self.taps = [[signed[128 * k + 16 * m : 128 * k + 16 * m + 16] for m in range(8)] for k in range(3)]
        self.contexts = Contexts(array[3 * 8 * 16 :])
        self.typical = [0, 0, 0]
        self.learnt = [[0] * 16 for _ in range(3)]
        self.biases = {}
        self.past = [0, 0, 0]
        self.bands = []
        self.kept = []

    def steps(self, v):
        return v * (65536 // self.step) >> 16 if self.max_error else v

    def decode(self):
        for position in range(self.n_bands):
            self.bands.append(self.band(position))
        self.stream.end()
        return [[[self.value(p, v) for v in row] for row in band] for p, band in enumerate(self.bands)]

    def value(self, position, v):
        return self.maps[position][v] if position in self.maps else v

    def other(self, position, y, x):
        rows = self.bands[position]
        return rows[clamp(y, 0, self.height - 1)][clamp(x, 0, self.width - 1)]

    def band(self, position):
        self.kind, self.top = min(position, 2), self.tops[position]
        self.s = Grid(self.width, (self.top + 1) // 2, second_is_first=True)
        self.error, self.missed = Grid(self.width, 0), Grid(self.width, (0,) * 9)
        kept, self.kept = self.kept, []
        for y in range(self.height):
            for grid in (self.s, self.error, self.missed):
                grid.begin_row()
            self.kept.append([])
            self.max_error = self.of_tile + (y >= self.coarser_from)
            self.step = 2 * self.max_error + 1
            t = self.typical[self.kind]
            self.down = next(n for n in range(40) if t >> n <= 4096)
            self.up = next((n for n in range(4) if t << n >= 512), 4)
            total = 0
            for x in range(self.width):
                inputs = self.inputs(position, y, x)
                total += sum(abs(i) for i in inputs[2:])
                self.sample(position, y, x, inputs, kept[y][x] if self.kind else None)
            self.typical[self.kind] = total // self.width
        return self.s.rows

    def inputs(self, position, y, x):
        s, n = self.s.at, self.s.at(1, x)
        near = [s(0, x - 1), s(0, x - 2), s(1, x - 1), s(1, x + 1), s(2, x), s(2, x + 1)]
        far = [s(1, x - 2), s(1, x + 2), s(2, x - 1), s(2, x + 2), s(2, x - 2)]
        i = [v - n for v in near]
        if self.kind == 0:
            return i + [v - n for v in far] + [0] * 5
        c = lambda dy, dx: self.other(position - 1, y + dy, x + dx)  # noqa: E731  # as the text writes it
        i += [v - c(0, -1) for v in (c(0, 0), c(-1, 0), c(-1, -1), c(-1, 1), c(0, 1), c(1, 0))]
        if self.kind == 1:
            return [*i, c(1, 1) - c(0, -1), *(v - n for v in far[:3])]
        d = lambda dy, dx: self.other(position - 2, y + dy, x + dx)  # noqa: E731
        return i + [v - d(0, -1) for v in (d(0, 0), d(-1, 0), d(-1, -1), d(0, 1))]

    def sample(self, position, y, x, inputs, kept):
        s = self.s.at
        w, ww, n, nw, ne, nn = s(0, x - 1), s(0, x - 2), s(1, x), s(1, x - 1), s(1, x + 1), s(2, x)
        # 1. Repeats.
        above, left = w == nw and ww == s(1, x - 2), n == nw and nn == s(2, x - 1)
        r, kind, context, asked = w if left else n, 0 if above and left else 1 if above else 2, None, False
        if self.kind:
            c = [self.other(position - 1, y + dy, x + dx) for dy, dx in ((0, 0), (-1, 0), (0, -1), (0, 1), (1, 0))]
        if above or left:
            too = n == ne if self.kind == 0 else c[0] == c[2] if left else c[0] == c[1]
            context = self.contexts[REPEAT + 8 * kind + 4 * too + self.past[kind]]
            asked = context.p0() < 4096

        def learn_repeat(hit):
            context.learn(hit)
            self.past[kind] = 2 * (self.past[kind] % 2) + hit

        if asked:
            hit = self.stream.plain(context.p0())
            learn_repeat(hit)
            if hit:
                place = (0, x - 1) if left else (1, x)
                self.error.put(self.error.at(*place))
                self.missed.put(self.missed.at(*place))
                self.s.put(r)
                self.kept[-1].append(0)
                return
        # 2 and 3. Inputs and experts.
        sign = lambda v: (v > 0) - (v < 0)  # noqa: E731
        v = [sign(i) * min((abs(i) << self.up) >> self.down, 4095) for i in inputs]
        learnt, top = self.learnt[self.kind], self.top
        e = []
        for taps in self.taps[self.kind]:
            weighed = sum(t * i for t, i in zip(taps, inputs, strict=True))
            e.append(clamp((1024 * n + weighed + 64) >> 7, 0, 8 * top))
        by_learner = sum(a * b for a, b in zip(learnt, v, strict=True)) >> (self.up + 10)
        e.append(clamp(8 * n + by_learner * 2**self.down, 0, 8 * top))
        m = self.missed.at
        energy = [
            2 + m(1, x - 1)[i] + m(1, x)[i] + m(1, x + 1)[i] + 2 * m(0, x - 1)[i] + m(0, x - 2)[i] for i in range(9)
        ]
        least = min(energy)
        q = [(min(v, 32 * least - 1) * (2**20 // least)) >> 16 for v in energy]
        g = [256 if v < 16 else min(256, (65536 + v * v // 2) // (v * v)) for v in q]
        whole, inverse = sum(g), 2**32 // sum(g)
        blend = ((sum(a * b for a, b in zip(g, e, strict=True)) + whole // 2) * inverse) >> 32
        spread = (sum(a * abs(b - blend) for a, b in zip(g, e, strict=True)) * inverse) >> 31
        # 4. Contexts.
        f = self.error.at
        near = 4 * (f(0, x - 1) + f(1, x)) + 2 * (f(1, x - 1) + f(1, x + 1) + f(0, x - 2) + f(2, x))
        a = level(self.steps((near + 16 * spread) >> 5))
        low = 0 if a < 24 else a // 4 - 5
        a -= 4 * low
        if self.kind == 0:
            kept = level(self.steps(8 * (abs(w - nw) + abs(n - ne))))
        beside = min(max(kept - 4 * low, 0) // 3, 9)
        apart = min(level(self.steps(spread) >> low) // 2, 11)
        own = 58 * (24 * self.kind + a)
        mixed = MIXED + 58 * ((12 * self.kind + apart) * 10 + beside)
        # 5. Prediction.
        lies = [8 * w, 8 * n, 8 * nw, 8 * ne, 8 * ww, 8 * nn, 8 * (2 * n - nn), 8 * (2 * w - ww)]
        around = sum((v > blend) << i for i, v in enumerate(lies))
        compared = [c[0] > v for v in c[1:]] if self.kind else [e[0] > blend, e[1] > blend]
        aside = sum(v << i for i, v in enumerate(compared))
        biases = [
            self.biases.setdefault(key, [0, 0]) for key in ((self.kind, 0, a // 4, around), (self.kind, 1, a, aside))
        ]
        prediction = clamp(blend + ((biases[0][0] + biases[1][0]) >> 7), 0, 8 * top)
        start = (prediction + 4) >> 3
        off = prediction - 8 * start
        offset = 0 if low else self.steps(abs(off))
        # 6. Residual.
        residual = self.residual((own, mixed), offset, off < 0, low, start)
        sample = clamp(start + residual * self.step, 0, top)
        # 7. Learning.
        self.s.put(sample)
        self.error.put(abs(8 * sample - prediction))
        self.missed.put(tuple(min(abs(8 * sample - v), 65535) for v in e))
        self.kept[-1].append(level(self.steps(abs(8 * sample - prediction))))
        for bias in biases:
            bias[0] += (64 * (8 * sample - blend) - bias[0]) >> (1 + (bias[1] + 2).bit_length() - 1)
            bias[1] += bias[1] < 30
        off, rate = 8 * sample - e[8], 2**23 // max(512, sum(abs(i) for i in v[2:]))
        z = sign(off) * min(256, (((abs(off) << self.up) >> (self.down + 3)) * rate) >> 9)
        for j in range(16):
            u = (v[j] * rate + 32768) >> 16
            u = clamp(u, -128, 128) if j < 2 else u
            learnt[j] = clamp(learnt[j], -32000, 32000) + ((z * u + 128) >> 8)
        if context and not asked:
            learn_repeat(int(sample == r))

    def residual(self, first, offset, mirrored, low, start):
        even = self.stream.even
        bit = lambda place: self.stream.double(*(self.contexts[n + place] for n in first))  # noqa: E731
        h = 0
        if bit(offset):
            if low == 0 and start == 0:
                negative = False
            elif low == 0 and start == self.top:
                negative = True
            else:
                negative = bool(bit(5 + offset)) != mirrored
            k = 0
            while k < 16 and bit(10 + k):
                k += 1
            h, left = 1, k
            if 1 <= k <= 8:
                for _ in range(min(k, 2)):
                    h = 2 * h + bit(26 + 4 * (k - 1) + h)
                    left -= 1
            h = h << left | even(left)
            h = -h if negative else h
        return h * 2**low + even(low) - 2 ** (low - 1) if low else h


def errors(quality_q8, max_error, height, span, text):
    """max_error, and the row from which it is one more; set by hand if the quality is None. The path is in the text."""
    if quality_q8 is None:
        return max_error, height
    section = text.split("**Path of `predictive`.**")[1].split("\n\n**")[0].split("\n## ")[0]
    knots = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+) \| (\d+) \|$", section, re.MULTILINE)]
    for (first, a), (last, b) in itertools.pairwise(knots):
        if first <= quality_q8 <= last:
            d, p = last - first, quality_q8 - first
            e = (a * (d - p) + b * p) * 65536 // d
            break
    e += (e * e // 2**24) * max(span - 255, 0) // 32640
    return e // 2**24, height - height * (e % 2**24) // 2**24


def decode(data, shape, peak, max_error, array, coarser_from=None):
    """Bands in coded order, rows, samples: of (height, width, bands) `shape`, with samples up to `peak`; `array` is the
    model's."""
    return Decoder(bytes(data), shape, peak, max_error, array, coarser_from).decode()


# --- Of a file --------------------------------------------------------------------------------------
LAYERS = 1


def setting(quality_q8, parameters, text):
    """Of a tile's height and the largest range of the levels: max_error, and the row from which it is one more."""
    max_error = None
    if parameters is not None:
        source = Bytes(parameters)
        try:
            max_error = source.varint(0, 65535)
        except Truncated:
            raise CorruptStream("parameters end early") from None
        if source.left():
            raise CorruptStream("parameters go on")
    return lambda height, span: errors(quality_q8, max_error, height, span, text)


def tables(array, _codec):
    if array.dtype.kind != "u" or array.size != 384 + 2 * 25080:
        raise ModelError("not tables of predictive")
    return array


def has_room(head, tile, _planes, _array):
    most = 2**19 if head.model == 0 else 2**13
    return tile.height * tile.width * head.bands <= most * (len(tile.segments[-1]) + 5)


def read(head, tile, _planes, array):
    """The bands of the tile."""
    max_error, coarser_from = head.setting(tile.height, max((span for _, span in head.levels), default=255))
    of_colour = head.interpretation in (1, 2)  # rgb, rgba
    order = [1, 0, 2, 3][: head.bands] if of_colour else list(range(head.bands))
    shape, peak = (tile.height, tile.width, head.bands), 65535 if head.wide else 255
    coded = decode(tile.segments[0], shape, peak, max_error, array, coarser_from)
    return [np.array(coded[order.index(band)]) for band in range(head.bands)]
