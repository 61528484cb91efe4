"""Symbol maps for the second decoder: written from spec/symbol_maps.md alone, plain, exact and slow."""

from itertools import groupby

import numpy as np

from reference_bytes import Bits, CorruptStream
from reference_range import Contexts, Stream
from reference_taha2025 import read_table
from reference_wavelet import bucket


def in_blocks(planes, side):
    """The planes of an image, each as `Maps` takes it."""
    return [(-(-p.height // side), -(-p.width // side), p.of_class, p.companion) for p in planes]


def least_bits(planes, maps, first, end):
    """What these maps of these planes, in blocks, take at least: a bit in a context where a block must have a map."""
    needed = sum(present is None for _, _, present, _ in maps[first:end])
    return needed * sum(height * width for height, width, *_ in planes)


def least_bits_of_huffman(planes):
    """Of a stream with a scan of a predicted map, or of 63 plain maps, that all blocks have."""
    blocks = [height * width for height, width, *_ in planes]
    return 10 + sum(14 * (n // 32767) + max(1, n % 32767).bit_length() - 1 for n in blocks)


def split_tables(numbers, maps):
    """Weights and starts of contexts for these maps, which are all of `numbers`; None if they are not."""
    n_groups = 1 + max(group for _, group, _, _ in maps)
    n_contexts = 2 * n_groups * 283 + 8670 * any(kind == "selector" for kind, *_ in maps)
    if len(numbers) != 2 * n_groups * 18 + 2 * n_contexts:
        return None
    weights = np.array(numbers[: 2 * n_groups * 18], np.int64).reshape(2, n_groups, 18)
    starts = np.array(numbers[2 * n_groups * 18 :], np.int64).reshape(-1, 2)
    right = weights.min() >= 0 and weights.max() <= 90 and starts.min() >= 1 and starts.max() <= 65535
    return (weights, starts) if right and starts[:, 1].min() >= 2 and starts[:, 1].max() <= 128 else None


def sign(v):
    return (v > 0) + 2 * (v < 0)


class Maps:
    """Symbols and magnitudes of the planes of a tile. planes: (height, width, class, companion or None). maps: (kind,
    group, set of choices or None, earlier)."""

    def __init__(self, planes, maps):
        self.planes, self.maps = planes, maps
        self.symbols, self.magnitudes = (
            [[np.zeros(plane[:2], np.int64) for _ in maps] for plane in planes] for _ in range(2)
        )
        self.totals = [np.zeros(plane[:2], np.int64) for plane in planes]

    def choice(self, p, m, y, x):
        before = [k for k in range(m) if self.maps[k][0] in ("count", "selector")]
        return min(int(self.symbols[p][before[-1]][y, x]), 15) if before else 0

    def has(self, p, m, y, x):
        present = self.maps[m][2]
        return present is None or self.choice(p, m, y, x) in present

    def skip(self, p, m, y, x):
        """A block that does not have a map."""
        if self.maps[m][0] == "count":
            self.symbols[p][m][y, x] = self.magnitudes[p][m][y, x] = self.choice(p, m, y, x)

    def around(self, p, m, y, x):
        """w, n, nw, ne for prediction."""
        s, width = self.symbols[p][m], self.planes[p][1]
        if y == 0:
            w = int(s[y, x - 1]) if x else 0
            return w, w, w, w
        n = int(s[y - 1, x])
        ne = int(s[y - 1, x + 1]) if x + 1 < width else n
        return (int(s[y, x - 1]), n, int(s[y - 1, x - 1]), ne) if x else (n, n, n, ne)

    def guess(self, p, m, y, x):
        if self.maps[m][0] != "predicted":
            return 0
        w, n, nw, _ = self.around(p, m, y, x)
        return sorted((n, w, n + w - nw))[1]


def at(a, y, x):
    return int(a[y, x]) if 0 <= y < a.shape[0] and 0 <= x < a.shape[1] else 0


def ring(a, y, x):
    return at(a, y - 1, x) + at(a, y + 1, x) + at(a, y, x - 1) + at(a, y, x + 1)


class RangeReader(Maps):
    """weights: (2, groups, 18); starts: (n, 2)."""

    def __init__(self, planes, maps, weights, starts):
        super().__init__(planes, maps)
        self.weights = weights
        self.contexts = Contexts(starts.ravel())
        self.n_groups = weights.shape[1]

    def read(self, stream, first, end):
        coder = Stream(stream)
        for p, (height, width, *_) in enumerate(self.planes):
            for m in range(first, end):
                for y in range(height):
                    for x in range(width):
                        if self.has(p, m, y, x):
                            self.read_block(coder, p, m, y, x)
                        else:
                            self.skip(p, m, y, x)
                if self.maps[m][0] == "plain":
                    self.totals[p] = np.minimum(63, self.totals[p] + self.magnitudes[p][m])
        coder.end()

    def read_block(self, coder, p, m, y, x):
        (kind, group, *_), chroma = self.maps[m], self.planes[p][2]
        if kind == "selector":
            chosen = self.symbols[p][m]
            left, above = (1 + chosen[y, x - 1] if x else 0), (1 + chosen[y - 1, x] if y else 0)
            base = 2 * self.n_groups * 283 + chroma * 4335 + (left * 17 + above) * 15
            k = 1
            for _ in range(4):
                k = 2 * k + coder.bit(self.contexts[base + k - 1])
            chosen[y, x] = k - 16
            return
        base = (chroma * self.n_groups + group) * 283
        within, around = self.sums(p, m, y, x, self.weights[chroma, group].astype(int))
        guess = self.guess(p, m, y, x)
        self.symbols[p][m][y, x] = guess
        if not coder.bit(self.contexts[base + 10 * bucket(around) + bucket(within)]):
            return
        negative = kind != "count" and coder.bit(self.contexts[base + 100 + self.pattern(p, m, y, x)])
        q = 1
        while q <= 14 and coder.bit(self.contexts[base + 127 + 14 * bucket((around + within) // 2) + q - 1]):
            q += 1
        if q == 15:
            z = 0
            while z < 16 and not coder.bit(self.contexts[base + 267 + z]):
                z += 1
            q += 2**z + coder.bypass(z) - 1
        self.symbols[p][m][y, x] = max(-32767, min(32767, guess - q if negative else guess + q))
        self.magnitudes[p][m][y, x] = min(q, 15)

    def sums(self, p, m, y, x, w):
        kind, _, _, earlier = self.maps[m]
        own, magnitudes, total = self.magnitudes[p][m], self.magnitudes[p], self.totals[p]
        places = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
        within = sum(int(w[i]) * at(own, y + dy, x + dx) for i, (dy, dx) in enumerate(places)) >> 2
        values = [int(magnitudes[e][y, x]) for e in earlier] + [0] * (4 - len(earlier))
        values += [ring(magnitudes[e], y, x) for e in earlier[:2]] + [0] * (2 - len(earlier[:2]))
        values += [int(total[y, x]), ring(total, y, x)]
        values += [int(magnitudes[0][y, x]), ring(magnitudes[0], y, x)] if m else [0, 0]
        companion = self.planes[p][3]
        c = d = 0
        if companion is not None and self.planes[companion][:2] == self.planes[p][:2]:
            c, d = int(self.magnitudes[companion][m][y, x]), int(self.totals[companion][y, x])
        elif companion is not None:
            four = [(2 * y + i, 2 * x + j) for i in (0, 1) for j in (0, 1)]
            c = sum(at(self.magnitudes[companion][m], *place) for place in four)
            d = max(at(self.totals[companion], *place) for place in four)
        around = sum(int(w[6 + i]) * value for i, value in enumerate([*values, c, d]))
        if kind == "predicted":
            west, n, nw, ne = self.around(p, m, y, x)
            around += int(w[6]) * min(255, abs(n - nw) + abs(west - nw) + abs(ne - n))
        return within, around >> 2

    def pattern(self, p, m, y, x):
        if self.maps[m][0] == "predicted":
            w, n, nw, ne = self.around(p, m, y, x)
            return 9 * sign(n - nw) + 3 * sign(w - nw) + sign(ne - n)
        own, companion = self.symbols[p][m], self.planes[p][3]
        same = companion is not None and self.planes[companion][:2] == self.planes[p][:2]
        c = int(self.symbols[companion][m][y, x]) if same else 0
        return 9 * sign(at(own, y, x - 1)) + 3 * sign(at(own, y - 1, x)) + sign(c)


class HuffmanReader(Maps):
    def read(self, stream, first, end):
        bits = Bits(stream)
        for _, run in groupby(range(first, end), lambda m: -1 if self.maps[m][0] == "plain" else m):
            scan = list(run)
            for chroma in (0, 1):
                planes = [p for p, plane in enumerate(self.planes) if plane[2] == chroma]
                read_word = read_table(bits) if planes else None
                for p in planes:
                    self.read_scan(bits, read_word, p, scan)
        bits.end()

    def read_scan(self, bits, read_word, p, scan):
        height, width, *_ = self.planes[p]
        ended = 0
        for y in range(height):
            for x in range(width):
                maps = [m for m in scan if self.has(p, m, y, x)]
                for m in set(scan) - set(maps):
                    self.skip(p, m, y, x)
                if not maps:
                    continue
                left = list(maps)
                while left and not ended:
                    word = read_word()
                    if not 0 <= word <= 271:
                        raise CorruptStream("word")
                    if word < 15:
                        ended = 2**word + bits.take(word)
                        continue
                    zeros = 16 if word == 15 else (word - 16) % 16
                    if zeros + (word > 15) > len(left):
                        raise CorruptStream("more numbers than the block has")
                    for m in left[:zeros]:
                        self.symbols[p][m][y, x] = self.guess(p, m, y, x)
                    left = left[zeros:]
                    if word > 15:
                        self.put(bits, p, left.pop(0), y, x, (word - 16) // 16 + 1)
                for m in left:
                    self.symbols[p][m][y, x] = self.guess(p, m, y, x)
                ended -= bool(left)
        if ended:
            raise CorruptStream("blocks beyond the plane")

    def put(self, bits, p, m, y, x, k):
        kind = self.maps[m][0]
        negative = kind in ("plain", "predicted") and bits.bit()
        number = k if kind == "selector" else 2 ** (k - 1) + bits.take(k - 1)
        symbol = self.guess(p, m, y, x) + (-number if negative else number)
        if abs(symbol) > 32767 or (kind == "selector" and symbol > 15):
            raise CorruptStream("symbol")
        self.symbols[p][m][y, x] = symbol
