"""The range coder's decoder and its contexts for the second decoder; written from spec/FORMAT.md, "Range coder"."""

from reference_bytes import CorruptStream, Truncated


class Context:
    def __init__(self, start, age):
        self.fast = self.slow = start
        self.age, self.fast_shift = age, 4

    def p0(self):
        return (self.fast + self.slow) // 2

    def learn(self, bit):
        s = self.age.bit_length() - 1
        f, g = min(s, self.fast_shift), min(s, 7)
        self.fast += -(self.fast // 2**f) if bit else (65536 - self.fast) // 2**f
        self.slow += -(self.slow // 2**g) if bit else (65536 - self.slow) // 2**g
        self.age = min(self.age + 1, 128)


class Contexts(dict):
    """Those of a model, from `fast` = `slow` and `age` of each, flat; each is made when it is first asked for."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers

    def __missing__(self, place):
        start, age = self.numbers[2 * place : 2 * place + 2]
        self[place] = Context(int(start), int(age))
        return self[place]


class Stream:
    def __init__(self, data):
        self.data, self.n_read, self.range, self.code = bytes(data), 0, 2**32 - 1, 0
        for _ in range(4):
            self.code = self.code * 256 + self.byte()
        self.code = min(self.code, 2**32 - 2)

    def byte(self):
        self.n_read += 1
        return self.data[self.n_read - 1] if self.n_read <= len(self.data) else 0

    def refill(self):
        while self.range < 2**24:
            self.code, self.range = self.code * 256 + self.byte(), self.range * 256
        if self.n_read > len(self.data) + 8:
            raise Truncated("a stream ends early")

    def plain(self, p0):
        """A bit of which a 0 has the probability p0 / 65,536."""
        bound = self.range * p0 // 65536
        bit = int(self.code >= bound)
        if bit:
            self.code, self.range = self.code - bound, self.range - bound
        else:
            self.range = bound
        self.refill()
        return bit

    def bit(self, context):
        bit = self.plain(context.p0())
        context.learn(bit)
        return bit

    def bypass(self, n):
        value = 0
        for _ in range(n):
            value = 2 * value + self.plain(32768)
        return value

    def double(self, a, b):
        """A double bit, of spec/predictive.md."""
        bit = self.plain((a.p0() + b.p0()) >> 1)
        a.learn(bit)
        b.learn(bit)
        return bit

    def even(self, n):
        """An even number, of spec/predictive.md."""
        value = 0
        while n:
            p = min(n, 8)
            self.range >>= p
            v = min(self.code // self.range, 2**p - 1)
            self.code = min(self.code - v * self.range, self.range - 1)
            self.refill()
            value, n = value << p | v, n - p
        return value

    def end(self):
        if self.n_read > len(self.data) + 8:
            raise Truncated("a stream ends early")
        if self.n_read < len(self.data) + 3:
            raise CorruptStream("bytes are left over")
