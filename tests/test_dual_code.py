"""Huffman coding of groups and symbols, read back by the second decoder too, against heapq and Fibonacci numbers."""

import heapq
import itertools
from collections import Counter

import numpy as np
import pytest

import reference_decoder
from apercu.errors import CorruptStream, OptionError, Truncated
from apercu.stages.dual_code import (
    TABLES,
    dual_decode,
    dual_decode_groups,
    dual_encode,
    dual_optimise,
    workspace_bytes,
)
from apercu.stages.dual_quantise import dual_quantise
from reference_bytes import Bits
from reference_decoder import Plane
from reference_taha2025 import canonical_code, read_lengths, read_segment

LIMIT = 16383


def laplacian(rng, n_blocks, share=0.4, scale=3.0, limit=LIMIT):
    """A plane: groups and symbols; those of G2 fall off from latent to latent."""
    groups = (rng.random(n_blocks) < share).astype(np.uint8)
    symbols = rng.laplace(0, scale * 2.0 ** -np.arange(8), (n_blocks, 8)).round().clip(-limit, limit)
    return groups, np.where(used(groups), symbols, 0).astype(np.int16)


def used(groups):
    """Which of the symbols (n, 8) are coded."""
    return (groups[:, None] == 1) | (np.arange(8) == 0)


def of_g1(values):
    """A plane of G1 alone."""
    symbols = np.zeros((len(values), 8), np.int16)
    symbols[:, 0] = values
    return np.zeros(len(values), np.uint8), symbols


def n_bits(plane, tables=None):
    """Bits of a plane in the stream: eight of them make whole bytes."""
    return len(dual_encode([plane] * 8, tables))


def code_of(values):
    """From the stream of a plane of G1: {symbol: length of its code word}, and the bits of the table."""
    bits = Bits(dual_encode([of_g1(values)]), at=2)
    listed, u = bits.bit(), bits.exp_golomb(4)
    lo = -(u + 1) // 2 if u % 2 else u // 2
    if not listed:
        n = bits.take(4)
        return {lo + i: n for i in range(2**n)}, bits.at - 2
    lengths = read_lengths(bits, 2 + bits.exp_golomb(4))
    assert len(canonical_code(lengths)) == len(set(values))  # complete, and a word for each symbol, none besides
    return {lo + i: n for i, n in enumerate(lengths) if n}, bits.at - 2


def huffman_bits(frequencies):
    """Bits of an optimal code without a limit."""
    heap, total = list(frequencies), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        total += both
        heapq.heappush(heap, both)
    return total


def limited_bits(frequencies, limit=16):
    """Bits of an optimal code of at most `limit` a word: package-merge (Larmore and Hirschberg, 1990)."""
    weights = sorted(frequencies)
    packages = weights
    for _ in range(limit - 1):
        pairs = [a + b for a, b in zip(packages[::2], packages[1::2], strict=False)]
        packages = sorted(weights + pairs)
    return sum(packages[: 2 * len(weights) - 2])


def assert_round_trip(planes, tables=None):
    data = dual_encode(planes, tables)
    back = dual_decode(data, [len(groups) for groups, _ in planes])
    read = read_segment(data, [Plane(8, 8 * len(groups), False) for groups, _ in planes])
    groups_alone = dual_decode_groups(data, [len(groups) for groups, _ in planes])
    for (groups, symbols), (again, found), (theirs, coded), alone in zip(planes, back, read, groups_alone, strict=True):
        assert np.array_equal(again, groups)
        assert np.array_equal(found, symbols)
        assert np.array_equal(theirs, groups)
        assert np.array_equal(alone, groups)
        assert np.array_equal(coded, symbols[used(groups)])
    return data


@pytest.mark.parametrize("tables", TABLES)
def test_round_trips(tables):
    rng = np.random.default_rng(1)
    for n_blocks, share, scale in itertools.product((1, 2, 9, 200), (0, 0.3, 1), (0.1, 3, 300, 5000)):
        planes = [laplacian(rng, n_blocks, share, scale) for _ in range(3)]
        planes.append(laplacian(rng, int(rng.integers(1, 30)), share, 1))
        assert_round_trip(planes, tables)
    assert_round_trip([laplacian(rng, 3) for _ in range(300)], tables)


def test_an_encoder_of_few_blocks_takes_little_memory():
    """Tables have no more entries than there are symbols to code, however wide their range (the test below)."""
    for n_blocks, most in ((1, 1_200), (64, 13_500), (256, 51_000), (1 << 20, 3_200_000)):
        assert 0 < workspace_bytes(n_blocks) < most


def test_ends_of_the_symbols():
    rng = np.random.default_rng(2)
    low, high = -LIMIT, LIMIT
    for ends in ([low, high], [low], [high], [low, 0, 0, high], [high - 1, high], [1, high], [low, -1]):
        for groups in ((rng.random(40) < share).astype(np.uint8) for share in (0, 0.5, 1)):
            symbols = np.where(used(groups), rng.choice(ends, (40, 8)), 0).astype(np.int16)
            for tables in TABLES:
                assert_round_trip([(groups, symbols)], tables)
    every = np.arange(-LIMIT, LIMIT + 1)
    assert_round_trip([of_g1(every)])
    assert_round_trip([of_g1(np.concatenate([every, np.zeros(40000, int)]))])


@pytest.mark.parametrize("symbol", [-32768, -LIMIT - 1, LIMIT + 1, 32767])
@pytest.mark.parametrize("group", [0, 1])
def test_symbols_out_of_range(symbol, group):
    symbols = np.zeros((2, 8), np.int16)
    symbols[1, 5 * group] = symbol
    for tables in TABLES:
        with pytest.raises(OptionError):
            dual_encode([(np.full(2, group, np.uint8), symbols)], tables)


@pytest.mark.parametrize("seed", range(20))
def test_lengths_are_optimal(seed):
    rng = np.random.default_rng([3, seed])
    kind = seed % 4
    if kind == 0:
        values = rng.geometric(rng.uniform(0.05, 0.8), 5000)
    elif kind == 1:
        values = rng.laplace(0, rng.uniform(1, 20), 5000).round()
    elif kind == 2:
        values = rng.choice([-300, -7, 0, 1, 2, 900], 3000, p=[0.02, 0.03, 0.6, 0.3, 0.04, 0.01])
    else:
        values = np.repeat(np.arange(40), 2 ** rng.integers(0, 9, 40))
    values = values.astype(int).tolist()
    frequencies = Counter(values)
    lengths, n_table = code_of(values)
    assert len(set(lengths.values())) > 1  # not a flat table: heapq has something to say
    assert sum(lengths[value] * n for value, n in frequencies.items()) == huffman_bits(frequencies.values())
    assert n_bits(of_g1(values)) == 2 + n_table + huffman_bits(frequencies.values())


def test_equal_symbols_take_a_flat_table():
    for n in range(1, 10):
        values = np.repeat(np.arange(-3, 2**n - 3), 5)
        lengths, n_table = code_of(values)
        assert set(lengths.values()) == {n}
        assert n_table == 1 + 5 + 4
        assert n_bits(of_g1(values)) == 2 + n_table + n * values.size


@pytest.mark.parametrize("n_symbols", [16, 17, 18, 20, 22])
def test_no_word_above_16_bits(n_symbols):
    fibonacci = [1, 1]
    while len(fibonacci) < n_symbols:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    values = np.random.default_rng(n_symbols).permutation(np.repeat(np.arange(n_symbols) * 3 - 20, fibonacci))
    lengths, _ = code_of(values)
    assert max(lengths.values()) == min(n_symbols - 1, 16)
    assert sum(2.0**-n for n in lengths.values()) == 1
    coded = sum(lengths[value] * n for value, n in Counter(values.tolist()).items())
    if n_symbols <= 17:
        assert coded == huffman_bits(fibonacci)
    else:
        assert huffman_bits(fibonacci) < limited_bits(fibonacci) <= coded < 1.001 * limited_bits(fibonacci)
    for last in range(n_symbols):  # each ends a stream once: zeros follow it, as in the shortest look ahead
        at = np.flatnonzero(values == last * 3 - 20)[0]
        values[[at, -1]] = values[[-1, at]]
        assert np.array_equal(dual_decode(dual_encode([of_g1(values)]), [values.size])[0][1][:, 0], values)
    assert_round_trip([of_g1(values)])


def test_limit_with_many_symbols():
    # 3000 symbols that occur once, beside some that occur often: their words would be longer than 16 bits.
    rng = np.random.default_rng(4)
    often = np.repeat(np.arange(6), 4000 * 2 ** np.arange(6))
    values = rng.permutation(np.concatenate([np.arange(6, 3006), often]))
    lengths, _ = code_of(values)
    frequencies = Counter(values.tolist())
    assert max(lengths.values()) == 16
    assert sum(2.0**-n for n in lengths.values()) == 1
    coded = sum(lengths[value] * n for value, n in frequencies.items())
    assert huffman_bits(frequencies.values()) < coded < 1.02 * limited_bits(frequencies.values())
    assert_round_trip([of_g1(values)])


@pytest.mark.parametrize("tables", TABLES)
@pytest.mark.parametrize("group", [0, 1])
def test_one_symbol_takes_no_bits(group, tables):
    for symbol in (0, -1, 1, 700, -LIMIT, LIMIT):
        planes = [(np.full(n, group, np.uint8), np.zeros((n, 8), np.int16)) for n in (1, 5000)]
        for _, symbols in planes:
            symbols[:, : 8 if group else 1] = symbol
        short, long = (assert_round_trip([plane], tables) for plane in planes)
        assert long == short
    flags = np.arange(5000) % 2 == 0
    mixed = flags.astype(np.uint8), np.zeros((5000, 8), np.int16)
    assert n_bits(mixed, tables) == 2 + 5000 + 10 + 1 + 10 * (8 if tables == "latent" else 1)


def test_tables_of_every_kind():
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 2, 60).astype(np.uint8)
    alike = groups, np.where(used(groups), rng.integers(-3, 4, (60, 8)), 0).astype(np.int16)
    apart = laplacian(rng, 4000, 0.5, 40)
    for plane, cheaper in ((alike, "group"), (apart, "latent")):
        sizes = {tables: n_bits(plane, tables) for tables in TABLES}
        assert sizes[None] == sizes[cheaper] < max(sizes.values())
    # The cheaper is taken plane by plane.
    assert len(dual_encode([alike, apart] * 8)) == n_bits(alike, "group") + n_bits(apart, "latent")
    plain = laplacian(rng, 500, 0)
    assert len({n_bits(plain, tables) for tables in TABLES}) == 1


def priced(plane, latents, step_q3, tables):
    """Squared error of the latents that are coded, and bits of tables, symbols and flags."""
    groups, symbols = plane
    detailed = groups == 1
    rest = latents[:, 1:].astype(np.int64) - symbols.astype(np.int64) * step_q3
    plain_rest = latents[~detailed, 0] - symbols[~detailed, 0].astype(np.int64) * step_q3
    return int((rest[detailed] ** 2).sum() + (plain_rest**2).sum()), n_bits(plane, tables)


def optimise_cases():
    rng = np.random.default_rng(6)
    for n_blocks, share, step_q3, price in itertools.product((1, 30, 800), (0, 0.3, 1), (1, 40, 900), (1, 2, 8, 16)):
        scales = step_q3 * rng.uniform(0.1, 6) * np.concatenate([[4], 2.0 ** -np.arange(8)])
        latents = rng.laplace(0, scales, (n_blocks, 9)).round().clip(-LIMIT, LIMIT).astype(np.int16)
        mse_q4 = (rng.random(n_blocks) < share).astype(np.uint32)
        yield latents, *dual_quantise(latents, mse_q4, 0, step_q3), step_q3, price


@pytest.mark.parametrize("tables", TABLES)
@pytest.mark.parametrize("drop_g1", [False, True])
def test_optimised_symbols_are_worth_it(tables, drop_g1):
    gained, dropped = [], 0
    for latents, groups, symbols, step_q3, price in optimise_cases():
        before = priced((groups, symbols), latents, step_q3, tables)
        plain = symbols.copy()
        cost = dual_optimise(groups, symbols, latents, step_q3, price, tables, drop_g1)
        after = priced((groups, symbols), latents, step_q3, tables)
        lagrangian = [16 * error + price * step_q3**2 * bits for error, bits in (before, after)]
        # Lengths change with the symbols, and tables with the lengths: a small plane may lose a little.
        assert lagrangian[1] <= lagrangian[0] * (1.02 if len(groups) < 100 else 1)
        gained.append(1 - lagrangian[1] / lagrangian[0])
        dropped += plain[:, 1:].any() and not symbols[:, 1:].any()

        zeros = priced((groups, np.zeros_like(symbols)), latents, step_q3, tables)[0]
        n_bits_of_mode = 2 + int(groups.any())  # and of the flag *each*: the same whatever the symbols
        assert cost == 16 * (after[0] - zeros) + price * step_q3**2 * (after[1] - n_bits_of_mode)
        assert not symbols[groups == 0, 1:].any()
        assert_round_trip([(groups, symbols)], tables)
    assert np.mean(gained) > 0.01
    assert dropped > 0 or tables == "group"


def test_a_price_of_nothing_changes_nothing_but_ties():
    for latents, groups, symbols, step_q3, _ in optimise_cases():
        before = priced((groups, symbols), latents, step_q3, None)[0]
        dual_optimise(groups, symbols, latents, step_q3, 0)
        assert priced((groups, symbols), latents, step_q3, None)[0] == before


def test_g1_is_dropped_only_where_it_may_be():
    latents = np.random.default_rng(7).integers(-30, 31, (200, 9)).astype(np.int16)
    groups, symbols = dual_quantise(latents, np.zeros(200, np.uint32), 0, 20)
    kept, left_out = symbols.copy(), symbols.copy()
    dual_optimise(groups, kept, latents, 20, 16, drop_g1=False)
    dual_optimise(groups, left_out, latents, 20, 16, drop_g1=True)
    assert kept.any()
    assert not left_out.any()


@pytest.mark.parametrize(("step_q3", "price"), [(0, 2), (65536, 2), (-1, 2), (8, -1), (8, 17)])
def test_optimiser_refuses(step_q3, price):
    groups, symbols = of_g1([1, 2, 3])
    with pytest.raises(OptionError):
        dual_optimise(groups, symbols, np.zeros((3, 9), np.int16), step_q3, price)


def test_every_prefix_and_what_follows():
    rng = np.random.default_rng(8)
    planes = [laplacian(rng, 30), laplacian(rng, 20, 1), laplacian(rng, 20, 0)]
    sizes = [30, 20, 20]
    data = dual_encode(planes)
    for n_bytes in range(len(data)):
        with pytest.raises(Truncated):
            dual_decode(data[:n_bytes], sizes)
        with pytest.raises(reference_decoder.Truncated):
            read_segment(data[:n_bytes], [Plane(8, 8 * n, False) for n in sizes])
    for more in (b"\0", b"\1", data):
        with pytest.raises(CorruptStream):
            dual_decode(data + more, sizes)
    for n_symbols in range(1, 9):  # every number of bits that fill the last byte
        filled = dual_encode([of_g1([0, 1] * n_symbols)])
        spare = -n_bits(of_g1([0, 1] * n_symbols)) % 8
        for bit in range(spare):
            with pytest.raises(CorruptStream):
                dual_decode(filled[:-1] + bytes([filled[-1] | 1 << bit]), [2 * n_symbols])
