"""A second decoder of masks, written from spec/mask.md: plain, exact and slow. It shares no code with apercu."""

import itertools

from reference_bytes import CorruptStream
from reference_range import Context, Stream

EAST, NORTH, SOUTH = 0, 1, 3
ACROSS, DOWN = (1, 0, -1, 0), (0, -1, 0, 1)
ON_NEEDS = ((0, -1), (-1, -1), (-1, 0), (0, 0))
RIGHT_NEEDS = ((0, 0), (0, -1), (-1, -1), (-1, 0))
INSIDE, WEAK, STRONG = range(3)


class Bits:
    """The stream and its contexts, which are made when they are first asked for."""

    def __init__(self, data):
        self.stream = Stream(data)
        self.contexts = {}

    def context(self, *name):
        if name not in self.contexts:
            self.contexts[name] = Context(57344 if name[0] == "miss own" else 32768, 2)
            self.contexts[name].fast_shift = 7 if name[0] in ("group", "pixel") else 4
        return self.contexts[name]

    def bit(self, *name):
        return self.stream.bit(self.context(*name))

    def double(self, what, own, history):
        return self.stream.double(self.context(f"{what} own", *own), self.context(f"{what} history", *history))

    def gap(self, s):
        node = 1
        for _ in range(6):
            node = 2 * node + self.bit("length", s, node)
        n = node - 64
        if n > 31:
            raise CorruptStream("a gap is too long")
        if n == 0:
            return 0
        t = 2 + self.bit("top", s, n)
        return t * 2 ** (n - 1) + self.stream.even(n - 1) - 1


class Line:
    def __init__(self, way):
        self.way_a, self.way_b, self.last = way, None, way
        self.steps, self.turns, self.a, self.b, self.least, self.x, self.y = 1, 0, 0, 1, 0, 1, 0
        self.upper, self.lower = [(0, 0), (1, 0)], [(0, 0), (1, 0)]

    def h(self):
        return self.a * self.x - self.b * self.y

    def class_of(self, way):
        if way == self.way_a:
            r = self.h() - self.least - self.b
            return INSIDE if r < 0 else WEAK if r == 0 else STRONG
        if self.way_b is None:
            return WEAK if (way - self.way_a) % 2 else STRONG
        if way != self.way_b:
            return STRONG
        r = self.least + self.b - self.h()
        return INSIDE if r <= 0 else WEAK if r == 1 else STRONG

    def add(self, way):
        kind = self.class_of(way)
        if kind == STRONG:
            return False
        if way == self.way_a:
            self.x += 1
        else:
            self.way_b, self.y = way, self.y + 1
        self.steps, self.turns, self.last = self.steps + 1, self.turns + (way != self.last), way
        if kind == WEAK and self.h() < self.least:
            self.upper[1], self.lower[0] = (self.x, self.y), self.lower[1]
            self.a, self.b = self.y - self.upper[0][1], self.x - self.upper[0][0]
            self.least = self.h()
        elif kind == WEAK:
            self.lower[1], self.upper[0] = (self.x, self.y), self.upper[1]
            self.a, self.b = self.y - self.lower[0][1], self.x - self.lower[0][0]
            self.least = self.h() - self.a - self.b + 1
        else:
            if self.h() == self.least:
                self.upper[1] = (self.x, self.y)
            if self.h() == self.least + self.a + self.b - 1:
                self.lower[1] = (self.x, self.y)
        return True


def line_after(line, steps):
    """The line with the last of all steps of the outline."""
    if line is None:
        return Line(steps[-1])
    if line.add(steps[-1]):
        return line
    most, back, n = min(line.steps // 2 + 1, 4096), Line(steps[-1]), 1
    while n < most and n < len(steps) and back.add(steps[-1 - n]):
        n += 1
    new = Line(steps[-n])
    for way in steps[len(steps) - n + 1 :]:
        assert new.add(way)
    return new


def octave(v):
    return min(v.bit_length() - 1, 7)


def next_way(bits, line, d, past, possible):
    left, right = (d + 1) % 4, (d + 3) % 4
    if not possible[d] and not possible[right]:
        return left
    turn, expected, kind, along, period = None, d, 0, line.steps, 1
    if line.way_b is not None:
        turn = line.way_b if d == line.way_a else line.way_a
        kind, along, period = 1, line.a, line.b
    if line.turns > 1:
        other = line.way_b
        expected = line.way_a
        if line.class_of(expected) != INSIDE:
            expected, other = other, expected
        kind, along, period = 2 if line.class_of(other) == WEAK else 3, line.steps // (line.a + line.b), line.a + line.b
    turns = int(expected != d)
    own = kind, turns, octave(along), octave(period)
    history = {None: 0, left: 1, right: 2}[turn], turns, past
    if possible[expected] and bits.double("miss", own, history) == 0:
        return expected
    if turns:
        first, second = d, (expected + 2) % 4
    else:
        first = left if turn is None else turn
        second = (first + 2) % 4
    if not possible[first] or not possible[second]:
        return first if possible[first] else second
    return (first, second)[bits.double("other", own, history)]


def outlines(bits, height, width, before):
    """Rows of 0 and 1. `before`: in a difference, the mask before; else None."""
    passed = [[0] * (width + 1) for _ in range(height)]
    left, at, more = 2 * width * height + width + height, -1, 0
    likely = []
    if before:
        for y in range(height):
            row = [0, *before[y], 0, 0]
            likely += [
                y * (width + 1) + x for x in range(width + 1) if row[x] != row[x + 1] or row[x + 1] != row[x + 2]
            ]
    while not bits.bit("more", more):
        more = 1
        if before and bits.bit("likely"):
            ahead, gap = [place for place in likely if place > at], bits.gap(1)
            if gap >= len(ahead):
                raise CorruptStream("there is no such likely place")
            at = ahead[gap]
        else:
            at += 1 + bits.gap(0)
            if at >= height * (width + 1):
                raise CorruptStream("there is no such place")
        y, x = divmod(at, width + 1)
        north = 0 if x == 0 else 1 if x == width else bits.bit("side")
        d, y = (NORTH, y + 1) if north else (SOUTH, y)
        start, steps, line, past = (x, y), [], None, 0
        while True:
            if d in (NORTH, SOUTH):
                passed[y - (d == NORTH)][x] += 1
            x, y = x + ACROSS[d], y + DOWN[d]
            steps.append(d)
            line = line_after(line, steps)
            left -= 1
            if (x, y) == start:
                break
            if left <= 0:
                raise CorruptStream("more steps than edges")
            possible = {(d + 1) % 4: True, (d + 2) % 4: False}
            for way, (over, below) in ((d, ON_NEEDS[d]), ((d + 3) % 4, RIGHT_NEEDS[d])):
                possible[way] = 0 <= x + over < width and 0 <= y + below < height
            new = next_way(bits, line, d, past, possible)
            past = (4 * past + {0: 1, 1: 2, 3: 3}[(new - d) % 4]) % 4**5
            d = new
    return [[n % 2 for n in itertools.accumulate(row[:width])] for row in passed]


def pixels(bits, height, width):
    rows = []

    def pixel(x, y):
        return rows[y][x] if 0 <= y < len(rows) and 0 <= x < len(rows[y]) else 0

    for y in range(height):
        rows.append([])
        for x in range(0, width, 8):
            n, c = min(8, width - x), pixel(x - 1, y)
            flat = [all(pixel(i, y - up) == c for i in range(x - 8, x + 16)) for up in (1, 2)]
            if flat[0] and pixel(x - 2, y) == pixel(x - 3, y) == c and not bits.bit("group", c, flat[1]):
                rows[y] += [c] * n
                continue
            for i in range(x, x + n):
                around = [pixel(i + over, y - 2) for over in (-1, 0, 1)]
                around += [pixel(i + over, y - 1) for over in (-2, -1, 0, 1, 2)]
                around += [pixel(i - 3, y), pixel(i - 2, y), pixel(i - 1, y)]
                rows[y].append(bits.bit("pixel", *around))
    return rows


def decode(data, height, width, n_masks):
    """Masks, each a list of rows of 0 and 1."""
    bits, masks = Bits(data), []
    for number in range(n_masks):
        before = masks[-1] if masks else [[0] * width for _ in range(height)]
        if not bits.bit("changed", min(number, 1)):
            masks.append(before)
            continue
        differs = number > 0 and not bits.bit("apart")
        if bits.bit("pixels"):
            mask = pixels(bits, height, width)
        else:
            mask = outlines(bits, height, width, before if differs else None)
        if differs:
            mask = [[a ^ b for a, b in zip(*rows, strict=True)] for rows in zip(mask, before, strict=True)]
        masks.append(mask)
    bits.stream.end()
    return masks
