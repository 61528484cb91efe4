"""The range coder against a model of it in whole numbers of any size, which knows no carry, no cache and no words."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from apercu.errors import CorruptStream, FormatError, OptionError, Truncated
from apercu.kernel import address
from apercu.stages import range_coding
from apercu.stages.range_coding import BYPASS, range_decode, range_encode

NEW = (32768, 3, 4, 7)
FROZEN = "346bb2e7a9ed76fc262312a903751f4e0d8b3f07cca886490325fe6c3d1d894dbe5c7c593fed456f505a9cb850"


class Context:
    def __init__(self, p0, age, fast_shift, slow_shift):
        self.fast, self.slow, self.age, self.last_shifts = p0, p0, age, (fast_shift, slow_shift)

    @property
    def p0(self):
        return (self.fast + self.slow) // 2

    def learn(self, bit):
        fast_shift, slow_shift = (min(self.age.bit_length() - 1, last) for last in self.last_shifts)
        if bit:
            self.fast -= self.fast >> fast_shift
            self.slow -= self.slow >> slow_shift
        else:
            self.fast += (65536 - self.fast) >> fast_shift
            self.slow += (65536 - self.slow) >> slow_shift
        self.age = min(self.age + 1, 128)


@dataclass
class Model:
    """The interval [low, low + width) in units of 256^-n_read, and what the bits in it were."""

    contexts: list
    low: int = 0
    width: int = 2**32 - 1
    n_read: int = 4
    n_carried: int = 0  # bytes that the longest carry changed
    bits: list = field(default_factory=list)
    p0s: list = field(default_factory=list)

    def step(self, chosen, bit=None, data=None):
        """Codes `bit`, or the bit that `data` holds."""
        context = None if chosen == BYPASS else self.contexts[chosen]
        p0 = context.p0 if context else 32768
        middle = self.low + self.width * p0 // 65536
        if bit is None:
            first = min(int.from_bytes(data[:4].ljust(4, b"\0"), "big"), 2**32 - 2).to_bytes(4, "big")
            value = int.from_bytes((first + data[4:]).ljust(self.n_read, b"\0")[: self.n_read], "big")
            bit = int(value >= middle)
        if bit:
            changed = (self.low >> 32) ^ (middle >> 32)
            self.n_carried = max(self.n_carried, (changed.bit_length() + 7) // 8)
            self.low, self.width = middle, self.low + self.width - middle
        else:
            self.width = middle - self.low
        while self.width < 2**24:
            self.low, self.width, self.n_read = self.low << 8, self.width << 8, self.n_read + 1
        if context:
            context.learn(bit)
        self.bits.append(int(bit))
        self.p0s.append(p0)

    def shortest(self):
        """The fewest bytes that, zeros appended, lie in the interval, at most 8 bytes short of what is read."""
        for n_bytes in range(max(self.n_read - 8, 0), self.n_read + 1):
            unit = 256 ** (self.n_read - n_bytes)
            first = -(-self.low // unit)
            if first * unit < self.low + self.width:
                return first.to_bytes(n_bytes, "big")
        raise AssertionError("the interval is empty")

    def verdict(self, n_bytes):
        return Truncated if self.n_read > n_bytes + 8 else CorruptStream if self.n_read < n_bytes + 3 else None


def model_of(contexts, starts, bits=None, data=None):
    model = Model([Context(*(int(v) for v in start)) for start in starts])
    for i, chosen in enumerate(contexts):
        model.step(int(chosen), None if bits is None else bits[i], data)
    return model


def refusal(data, contexts, n_contexts):
    try:
        range_decode(data, contexts, n_contexts)
    except FormatError as error:
        return type(error)
    return None


def skewed(rng, n, n_contexts=5, bypass=0.1):
    """Bits in contexts from nearly always 0 to nearly always 1, some in none."""
    contexts = rng.integers(0, n_contexts, n)
    bits = rng.random(n) < 1 / (1 + np.exp(-np.linspace(-6, 6, n_contexts)))[contexts]
    contexts[rng.random(n) < bypass] = BYPASS
    return bits.astype(np.uint8), contexts


def cases():
    rng = np.random.default_rng(2)
    for n in (0, 1, 2, 7, 100, 4000):
        yield f"skewed-{n}", *skewed(rng, n), 5
    for bit in (0, 1):
        for n in (1, 3000):
            yield f"all-{bit}-{n}", np.full(n, bit), np.zeros(n, int), 1
            yield f"all-{bit}-bypass-{n}", np.full(n, bit), np.full(n, BYPASS), 0
    yield "even", rng.integers(0, 2, 2000), np.full(2000, BYPASS), 0
    yield "surprises", np.arange(3000) % 300 == 299, np.zeros(3000, int), 1
    yield "many contexts", rng.integers(0, 2, 500), rng.integers(0, BYPASS, 500), BYPASS


CASES = list(cases())


@pytest.mark.parametrize(("bits", "contexts", "n_contexts"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_bytes_are_those_of_the_model(bits, contexts, n_contexts):
    data = range_encode(bits, contexts, n_contexts)
    model = model_of(contexts, [NEW] * n_contexts, bits)
    assert data == model.shortest()
    assert model.verdict(len(data)) is None
    back = range_decode(data, contexts, n_contexts)
    assert back.dtype == np.uint8
    assert np.array_equal(back, bits)
    cost = -sum(math.log2((65536 - p0 if bit else p0) / 65536) for bit, p0 in zip(bits, model.p0s, strict=True)) / 8
    assert cost - 5 < len(data) < cost * 1.0001 + 1.5  # 5: zeros dropped from the tail


def test_every_length_of_tail():
    rng = np.random.default_rng(3)
    for _ in range(400):
        bits, contexts = skewed(rng, int(rng.integers(0, 40)), 3, 0.5)
        assert range_encode(bits, contexts, 3) == model_of(contexts, [NEW] * 3, bits).shortest()


def test_starts():
    rng = np.random.default_rng(4)
    for lowest, highest in ((1, 1), (65535, 65535), (1, 65535)):
        starts = np.column_stack(
            [rng.integers(lowest, highest + 1, 300), rng.integers(2, 129, 300), rng.integers(1, 8, (300, 2))]
        )
        starts[0, 1], starts[1, 1] = 2, 128
        bits, contexts = rng.integers(0, 2, 1500), rng.integers(0, 300, 1500)
        data = range_encode(bits, contexts, 300, starts)
        assert data == model_of(contexts, starts, bits).shortest()
        assert np.array_equal(range_decode(data, contexts, 300, starts), bits)
    new = np.tile(NEW, (300, 1))
    assert range_encode(bits, contexts, 300, new) == range_encode(bits, contexts, 300)


def test_dearest_bits_fit():
    for bit, p0 in ((1, 65535), (0, 1)):
        starts = np.tile((p0, 128, 7, 7), (20000, 1))
        data = range_encode(np.full(20000, bit), np.arange(20000), 20000, starts)
        assert 39996 <= len(data) <= 40020  # 4: zeros dropped from the tail
        assert np.all(range_decode(data, np.arange(20000), 20000, starts) == bit)


@pytest.mark.parametrize("head", [b"\x80", b"\x01", b"\x12\x34\x57"])
def test_carry_through_many_bytes(head):
    # While the interval straddles `head` and many zeros, its lower end is head - 1, FF, FF, FF ...
    contexts = np.tile([0, BYPASS, BYPASS], 300)
    for tail in (b"\1", b"\0\x55\xaa", b"\xff" * 40):
        model = model_of(contexts, [NEW] * 2, data=head + bytes(40) + tail)
        assert range_encode(np.array(model.bits), contexts, 2) == model.shortest()
        assert model.n_carried >= 30


def test_any_bytes_decode_as_the_model_says():
    rng = np.random.default_rng(5)
    contexts = np.tile([0, 1, 2, 0, BYPASS], 30)
    verdicts = set()
    for n_bytes in range(48):
        for data in (rng.bytes(n_bytes), b"\xff" * n_bytes, b"\xff\xff\xff\xff" + rng.bytes(n_bytes), bytes(n_bytes)):
            model = model_of(contexts, [NEW] * 3, data=data)
            verdicts.add(verdict := model.verdict(len(data)))
            assert refusal(data, contexts, 3) is verdict
            if verdict is None:
                assert range_decode(data, contexts, 3).tolist() == model.bits
    assert verdicts == {None, Truncated, CorruptStream}


def test_every_prefix():
    bits, contexts = skewed(np.random.default_rng(6), 400)
    data = range_encode(bits, contexts, 5)
    refused = [refusal(data[:n_bytes], contexts, 5) for n_bytes in range(len(data))]
    assert refused == [model_of(contexts, [NEW] * 5, data=data[:n]).verdict(n) for n in range(len(data))]
    assert refused.count(Truncated) > len(data) / 2
    assert refusal(data + bytes(6), contexts, 5) is CorruptStream


def test_size_beside_constriction():
    constriction = pytest.importorskip("constriction", reason="constriction, of the extra `test`, is not installed")
    bits, contexts = skewed(np.random.default_rng(7), 30000, n_contexts=12)
    n_bytes = len(range_encode(bits, contexts, 12))
    p0s = np.array(model_of(contexts, [NEW] * 12, bits).p0s)
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(bits.astype(np.int32), constriction.stream.model.Bernoulli(perfect=False), 1 - p0s / 65536)
    assert n_bytes > 1500
    assert n_bytes <= coder.get_compressed().nbytes * 1.001 + 1


def test_capacity():
    bits, contexts = skewed(np.random.default_rng(8), 400)
    chosen, _, workspace = range_coding._contexts(contexts, 5, None)
    data = range_encode(bits, contexts, 5)
    for capacity in range(len(data) + 8):
        out = np.full(capacity + 16, 0xA5, np.uint8)
        arguments = address(bits), address(chosen), bits.size, 5, None, address(workspace), address(out), capacity
        n_bytes = range_coding._encode(*arguments)
        assert np.all(out[capacity:] == 0xA5)
        if capacity >= len(data) + 5 or n_bytes >= 0:
            assert out[:n_bytes].tobytes() == data
        else:
            assert n_bytes == -1  # APERCU_ERROR_CAPACITY
    assert range_coding._encode(address(bits), address(chosen), bits.size, 5, None, address(workspace), None, 0) == -1
    assert range_coding._encode(address(bits), address(chosen), 0, 5, None, address(workspace), None, 0) == 0


def test_frozen():
    # A change of these bytes is a change of the format.
    x, bits, contexts = 1, [], []
    for i in range(600):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        contexts.append(BYPASS if i % 16 == 15 else i % 4)
        bits.append(int((x >> 16) % 64 < (3, 20, 40, 63)[i % 4]))
    data = range_encode(np.array(bits), np.array(contexts), 4)
    assert data.hex() == FROZEN


def test_kernel_refuses():
    # Beneath the checks in Python: no index or shift that the kernel is given can lead it astray.
    ok = np.zeros(4, np.uint16)
    start = np.array([NEW], np.uint16)
    workspace, out = np.zeros(8, np.uint8), np.zeros(64, np.uint8)
    bits = np.array([0, 1, 0, 1], np.uint8)

    def codes(bits=bits, chosen=ok, n_contexts=1, start=start):
        last = (address(start), address(workspace), address(out))
        return (
            range_coding._encode(address(bits), address(chosen), 4, n_contexts, *last, 64),
            range_coding._decode(address(bits), 1, address(chosen), 4, n_contexts, *last),
        )

    assert codes() == (1, 0)
    assert codes(bits=np.array([0, 1, 2, 0], np.uint8))[0] == -4
    assert codes(chosen=np.array([0, 0, 0, 1], np.uint16)) == (-4, -4)
    assert codes(chosen=np.array([0, 65534, 0, 0], np.uint16)) == (-4, -4)
    assert codes(n_contexts=65536) == (-4, -4)
    for bad in ((0, 3, 4, 7), (9, 1, 4, 7), (9, 129, 4, 7), (9, 3, 0, 7), (9, 3, 8, 7), (9, 3, 4, 0), (9, 3, 4, 8)):
        assert codes(start=np.array([bad], np.uint16)) == (-4, -4)


@pytest.mark.parametrize(
    ("bits", "contexts", "n_contexts", "starts"),
    [
        ([2], [0], 1, None),
        ([-1], [0], 1, None),
        ([0, 1], [0], 1, None),
        ([0], [1], 1, None),
        ([0], [-1], 1, None),
        ([0], [65536], 1, None),
        ([[0]], [[0]], 1, None),
        ([0], [0], 65536, None),
        ([0], [BYPASS], -1, None),
        ([0], [0], 1, [(0, 3, 4, 7)]),
        ([0], [0], 1, [(65536, 3, 4, 7)]),
        ([0], [0], 1, [(9, 3, 4, 8)]),
        ([0], [0], 1, [NEW, NEW]),
    ],
)
def test_arguments_out_of_range(bits, contexts, n_contexts, starts):
    starts = None if starts is None else np.array(starts)
    with pytest.raises(OptionError):
        range_encode(np.array(bits), np.array(contexts), n_contexts, starts)
    if bits == [0] or bits == [[0]]:
        with pytest.raises(OptionError):
            range_decode(b"", np.array(contexts), n_contexts, starts)
