"""Codec `apercu` for the second decoder: written from spec/apercu.md alone, plain, exact and slow."""

import re
from itertools import pairwise

import numpy as np

from reference_bytes import CorruptStream, ModelError
from reference_range import Contexts, Stream

HL, LH, HH = range(3)
STARTS = (0, 1, 3, 5, 8, 12, 19, 30, 47, 75)  # of the buckets
GAINS = {5: (134, 239, 166), 4: (269, 480, 336), 3: (543, 980, 690), 2: (1149, 2053, 1508), 1: (2246, 4053, 2690)}
GAIN_OF_LL = {5: 122, 4: 244}  # by the plane's levels
SHAPES = {
    "zero": (2, 5, 3, 10, 10, 2),
    "sign": (2, 5, 3, 81),
    "magnitude": (2, 5, 10, 14),
    "flag": (2, 2, 3, 8, 10),
    "length": (2, 10, 17),
    "second": (2, 17),
    "sign of LL": (2,),
}


def bucket(number):
    return sum(number >= start for start in STARTS[1:])


def layout(plane):
    """{(level, orientation) or "LL": (height, width)}."""
    h, w, sizes = plane.height, plane.width, {}
    for level in range(1, 6 - plane.of_class):
        low_h, low_w = (h + 1) // 2, (w + 1) // 2
        sizes[level, HL], sizes[level, LH], sizes[level, HH] = (low_h, w // 2), (h // 2, low_w), (h // 2, w // 2)
        h, w = low_h, low_w
    return sizes | {"LL": (h, w)}


def smooth(m):
    p = np.pad(m, 1)
    p = p[:-2] + 2 * p[1:-1] + p[2:]
    return p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]


def placed(values, shape):
    """Values that do not reach over all of the shape are 0 beyond; what lies beyond the shape is left out."""
    out = np.zeros(shape, np.int64)
    h, w = min(shape[0], values.shape[0]), min(shape[1], values.shape[1])
    out[:h, :w] = values[:h, :w]
    return out


class Tile:
    def __init__(self, planes, model):
        self.planes = planes
        self.weights = model[:270].reshape(2, 5, 3, 9).astype(int)
        self.contexts, self.places, at = Contexts(model[270:]), {}, 0
        for name, shape in SHAPES.items():
            n = int(np.prod(shape))
            self.places[name] = np.arange(at, at + n).reshape(shape)
            at += n
        self.symbols = [{band: np.zeros(size, np.int64) for band, size in layout(p).items()} for p in planes]

    def context(self, name, *place):
        return self.contexts[int(self.places[name][place])]

    def layer(self, stream, first, last):
        coder = Stream(stream)
        for stage in range(first, last - 1, -1):
            for index, plane in enumerate(self.planes):
                if stage == 5:
                    self.read_low(coder, index)
                if stage - plane.of_class >= 1:
                    for orientation in (HL, LH, HH):
                        self.read_band(coder, index, stage, orientation)
        coder.end()

    def read_low(self, coder, index):
        of_class, s = self.planes[index].of_class, self.symbols[index]["LL"]
        for y, x in np.ndindex(s.shape):
            n = int(s[y - 1, x]) if y else int(s[y, x - 1]) if x else 0
            w = int(s[y, x - 1]) if x else n
            nw = int(s[y - 1, x - 1]) if x and y else n
            guess = sorted((n, w, n + w - nw))[1]
            about = bucket(2 * (abs(n - nw) + abs(w - nw)))
            k = 0
            while k < 16 and coder.bit(self.context("length", of_class, about, k)):
                k += 1
            size = min(k, 1)
            if k > 1:
                size = 2 + coder.bit(self.context("second", of_class, k))
                size = (size << (k - 2)) + coder.bypass(k - 2)
            if k and coder.bit(self.context("sign of LL", of_class)):
                size = -size
            s[y, x] = min(max(guess + size, -32768), 32767)

    def around(self, index, stage, orientation):
        plane, symbols = self.planes[index], self.symbols[index]
        level = stage - plane.of_class
        w = self.weights[plane.of_class, stage - 1, orientation]
        shape = symbols[level, orientation].shape

        def smoothed(of, band):
            return smooth(np.minimum(abs(of[band]), 15))

        total = np.zeros(shape, np.int64)
        if (level + 1, orientation) in symbols:
            parent = smoothed(symbols, (level + 1, orientation))
            total += w[6] * placed(parent.repeat(2, 0).repeat(2, 1), shape)
        for sister in range(orientation):
            total += w[7] * placed(smoothed(symbols, (level, sister)), shape)
        if plane.companion is not None:
            other = plane.companion
            band = (stage - self.planes[other].of_class, orientation)
            total += w[8] * placed(smoothed(self.symbols[other], band), shape)
        return np.minimum(total // 16, 255)

    def read_band(self, coder, index, stage, orientation):
        of_class = self.planes[index].of_class
        s = self.symbols[index][stage - of_class, orientation]
        around = self.around(index, stage, orientation)
        height, width = s.shape
        flags = np.zeros((-(-height // 4) + 1, -(-width // 4) + 2), int)
        for gy, gx in np.ndindex(flags.shape[0] - 1, flags.shape[1] - 2):
            rows, columns = range(4 * gy, min(4 * gy + 4, height)), range(4 * gx, min(4 * gx + 4, width))
            if stage <= 2:
                f = flags[gy + 1, gx] + 2 * flags[gy, gx + 1] + 4 * flags[gy, gx + 2]
                total = int(around[rows.start : rows.stop, columns.start : columns.stop].sum())
                context = self.context("flag", of_class, stage - 1, orientation, f, bucket(total // 8))
                flags[gy + 1, gx + 1] = coder.bit(context)
                if not flags[gy + 1, gx + 1]:
                    continue
            has = False
            for y in rows:
                for x in columns:
                    must = stage <= 2 and not has and y == rows[-1] and x == columns[-1]
                    s[y, x] = self.read_symbol(coder, s, around, (of_class, stage, orientation), y, x, has, must)
                    has |= bool(s[y, x])

    def read_symbol(self, coder, s, around, band, y, x, has, must):
        of_class, stage, orientation = band

        def at(dy, dx):
            inside = 0 <= y + dy < s.shape[0] and 0 <= x + dx < s.shape[1]
            return int(s[y + dy, x + dx]) if inside else 0

        def sign(dy, dx):
            return (at(dy, dx) > 0) + 2 * (at(dy, dx) < 0)

        w = self.weights[of_class, stage - 1, orientation].tolist()
        places = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
        before = sum(weight * min(abs(at(*place)), 15) for weight, place in zip(w, places, strict=False))
        about = int(around[y, x])
        group = int(has and stage <= 2)
        zero = self.context("zero", of_class, stage - 1, orientation, bucket(about), bucket(before), group)
        if not must and not coder.bit(zero):
            return 0
        pattern = 27 * sign(0, -1) + 9 * sign(-1, 0) + 3 * sign(-1, -1) + sign(-1, 1)
        negative = coder.bit(self.context("sign", of_class, stage - 1, orientation, pattern))
        near = bucket((before + about) // 2)
        q = 1
        while q <= 14 and coder.bit(self.context("magnitude", of_class, stage - 1, near, q - 1)):
            q += 1
        if q == 15:
            z = 0
            while z < 15 and coder.bypass(1) == 0:
                z += 1
            q += 2**z + coder.bypass(z) - 1
        q = min(q, 32767)
        return -q if negative else q


def step_of_quality(quality_q8, text):
    section = text.split("**Path of `apercu`.**")[1].split("\n\n`apercu` writes")[0]
    knots = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+) \| (\d+) \|$", section, re.MULTILINE)]
    for (first, a), (last, b) in pairwise(knots):
        if first <= quality_q8 <= last:
            d, p = last - first, quality_q8 - first
            return (a * (d - p) + b * p + d // 2) // d
    raise AssertionError("the table of the path does not reach this quality")


def wrap(v):
    return (v + 32768) % 65536 - 32768


def times(v, factor):
    return (v * factor) >> 16


def undo_rows(x):
    """All rows at once, (rows, n)."""
    n = x.shape[1]
    if n == 1:
        return x
    at = np.arange(n)
    before, after = np.where(at > 0, at - 1, 1), np.where(at < n - 1, at + 1, n - 2)
    x = x.copy()
    for first, step in (
        (0, lambda v, u: v - times(u, 29066)),
        (1, lambda v, u: v - u + times(u, 7671)),
        (0, lambda v, u: v + times(u, 3472)),
        (1, lambda v, u: v + 2 * u - times(u, 27123)),
    ):
        u = wrap(x[:, before[first::2]] + x[:, after[first::2]])
        x[:, first::2] = wrap(step(x[:, first::2], u))
    return x


def synthesise_plane(plane, symbols, step_q8):
    """The plane, with 5 fraction bits."""

    def coefficients(band, gain):
        step_q6 = max(4, step_q8 * gain * (154 if plane.of_class else 256) >> 18)
        s = symbols[band]
        return np.sign(s) * np.minimum(32767, (abs(s) * step_q6 + 32) >> 6)

    levels = 5 - plane.of_class
    low = coefficients("LL", GAIN_OF_LL[levels])
    for level in range(levels, 0, -1):
        low = wrap(low + (low >> 1) + times(low, 873))
        hl, lh, hh = (coefficients((level, o), GAINS[level][o]) for o in (HL, LH, HH))
        x = np.zeros((low.shape[0] + lh.shape[0], low.shape[1] + hl.shape[1]), np.int64)
        x[::2, ::2], x[::2, 1::2], x[1::2, ::2], x[1::2, 1::2] = low, hl, lh, hh
        x = undo_rows(x.T).T.copy()
        if x.shape[1] > 1:
            x[:, 1::2] = wrap(2 * x[:, 1::2])
        low = undo_rows(x)
    return np.clip(2 * low + (0 if plane.of_class else 4080), -8191, 8191)


# --- Of a file --------------------------------------------------------------------------------------
LAYERS = 5


def setting(quality_q8, parameters, text):
    """step_q8."""
    if parameters is not None:
        raise CorruptStream("apercu has no settings made by hand")
    return step_of_quality(quality_q8, text)


def tables(array, _codec):
    """Weights, then `fast` = `slow` and `age` of each context."""
    if array.dtype == np.uint8:
        return small_tables(array)
    if array.dtype.kind != "u" or array.dtype.itemsize != 2 or array.size != 270 + 2 * 11166:
        raise ModelError("not tables of apercu")
    return array


P = (
    25,
    32,
    41,
    53,
    68,
    87,
    111,
    143,
    184,
    236,
    302,
    387,
    497,
    636,
    815,
    1042,
    1333,
    1701,
    2168,
    2758,
    3500,
    4427,
    5577,
)
P += (6992, 8714, 10782, 13226, 16062, 19282, 22849, 26695, 30723)
A = (4, 11, 32, 91)


def small_tables(array):
    """Those of a byte for each context, in the form of the others; contexts that cannot occur stay 0."""
    if array.shape != (8362,) or max(array[:243]) > 64:
        raise ModelError("not small tables of apercu")
    numbers = iter(array.tolist())
    model = np.zeros(270 + 2 * 11166, np.uint16)
    for place in range(270):
        if not 135 <= place < 162:  # class 1, stage 1
            model[place] = next(numbers)
    at = 270
    for kind, shape in SHAPES.items():
        for place in np.ndindex(shape):
            if occurs(kind, *place):
                c = next(numbers)
                i = c % 64
                model[at : at + 2] = P[i] if i < 32 else 65536 - P[63 - i], A[c // 64]
            at += 2
    return model


def occurs(kind, *place):
    if kind in ("zero", "sign", "magnitude", "flag") and place[:2] == (1, 0):
        return False
    if kind == "zero":
        stage, group = 1 + place[1], place[-1]
        return group == 0 or stage <= 2
    if kind == "length":
        return place[-1] < 16
    return kind != "second" or place[-1] >= 2


def has_room(head, tile, planes, _model):
    layer, n_bytes = len(tile.segments) - 1, len(tile.segments[-1])
    last = head.n_layers - layer
    stages = range(last, 6 if layer == 0 else last + 1)
    least = 0
    for plane in planes:
        for band, (h, w) in layout(plane).items():
            stage = 5 if band == "LL" else band[0] + plane.of_class
            if stage in stages:
                least += -(-h // 4) * -(-w // 4) if stage < 3 else h * w
    return least <= (2**19 if head.model == 0 else 2**15) * (n_bytes + 5)


def read(head, tile, planes, array):
    """For each plane its symbols by band."""
    reader = Tile(planes, array)
    for layer, segment in enumerate(tile.segments):
        last = head.n_layers - layer
        reader.layer(segment, last if layer else 5, last)
    return reader.symbols


def synthesise(head, planes, symbols, _array):
    return [synthesise_plane(plane, s, head.setting) for plane, s in zip(planes, symbols, strict=True)]
