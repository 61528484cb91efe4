"""Stacked autoencoders in integers: against plain loops of Python's integers, at the bounds, and what tables are
refused."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from apercu.errors import OptionError
from apercu.stages.stacked_ae import stacked_analyse, stacked_synthesise
from apercu.stages.stacked_tables import Expert, Layer, StackedTables, pack, unpack, widths
from scripts.pictures import scene

LATENTS = (0, 2, 3)
HIDDEN = (5, 4)


def drawn_tables(side=8, n_features=0, seed=0, size=700):
    """Small tables of random weights; costs rise with the magnitude."""
    rng = np.random.default_rng(seed)
    n_inputs = n_features or side * side

    def weights(*shape):
        return rng.integers(-size, size + 1, shape).astype(np.float64)

    def stack(sizes):
        pairs = list(pairwise(sizes))
        return tuple(Layer(weights(*pair), weights(pair[1]) * 4096) for pair in pairs), weights(sizes[0], sizes[-1])

    experts = []
    for n_latents in LATENTS:
        down, up = widths(n_inputs, HIDDEN, n_latents)
        costs = np.tile(64 + 70 * np.arange(16), (12, n_latents, 1))
        experts.append(Expert(n_latents, *stack(down), *stack(up), costs))
    features = (weights(side * side, n_features), weights(n_features, side * side)) if n_features else None
    return StackedTables(side, 2, features, tuple(experts), np.tile([20, 90, 150], (12, 1)))


def plane_of(height, width, seed=0):
    return np.ascontiguousarray(scene(height, width, 1, seed).reshape(height, width).astype(np.int16) * 32)


def by_loops(symbols, tables, step_q5, low, high):
    """The plane that symbols stand for, number by number."""
    _, down, across = symbols.shape
    side = tables.side
    plane = np.zeros((down * side, across * side), np.int16)
    means = [[int(symbols[0, y, x]) for x in range(across)] for y in range(down)]

    def layer(inputs, weights, biases, more=(), more_weights=()):
        outputs = []
        for j in range(weights.shape[1]):
            total = int(biases[j])
            for i, value in enumerate(inputs):
                total += value * int(weights[i, j])
            for i, value in enumerate(more):
                total += value * int(more_weights[i, j])
            assert abs(total) + 2048 < 1 << 31
            outputs.append(max(-32767, min(32767, (total + 2048) >> 12)))
        return outputs

    for y in range(down):
        for x in range(across):
            own = means[y][x]
            around = []
            for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
                near = means[min(max(y + dy, 0), down - 1)][min(max(x + dx, 0), across - 1)]
                around.append(16 * (near - own))
            around += [16 * own, 16 * 8160 // step_q5]
            around = [max(-32767, min(32767, value)) for value in around]
            level = (2 * own * step_q5 + side) // (2 * side)
            if symbols[1, y, x] == len(tables.experts):
                plane[y * side : (y + 1) * side, x * side : (x + 1) * side] = max(low, min(high, level))
                continue
            expert = tables.experts[symbols[1, y, x]]
            inputs = [128 * int(symbols[2 + k, y, x]) for k in range(expert.n_latents)] + around
            hidden = inputs
            for one in expert.decoder[:-1]:
                hidden = [value if value >= 0 else value >> 2 for value in layer(hidden, one.weights, one.biases)]
            last = expert.decoder[-1]
            drawn = layer(hidden, last.weights, last.biases, inputs, expert.straight_out)
            if tables.features:
                drawn = layer(drawn, tables.features[1], np.zeros(side * side))
            for index, value in enumerate(drawn):
                sample = max(low, min(high, level + ((value * step_q5 + 64) >> 7)))
                plane[y * side + index // side, x * side + index % side] = sample
    return plane


@pytest.mark.parametrize(("side", "n_features"), [(8, 0), (28, 6)])
@pytest.mark.parametrize("chroma", [False, True])
def test_planes_are_those_of_plain_integers(side, n_features, chroma):
    tables = drawn_tables(side, n_features)
    rng = np.random.default_rng(5)
    symbols = rng.integers(-5, 6, (tables.n_maps, 3, 4)).astype(np.int16)
    symbols[0] = rng.integers(-40, 90, (3, 4))
    symbols[1] = rng.integers(0, 4, (3, 4))
    symbols[2:, symbols[1] == 3] = 0
    for index, n_latents in enumerate(LATENTS):
        symbols[2 + n_latents :, symbols[1] == index] = 0
    for step_q5 in (32, 700, 65535):
        expected = by_loops(symbols, tables, step_q5, *((-4080, 4080) if chroma else (0, 8160)))
        assert np.array_equal(stacked_synthesise(symbols, tables, step_q5, chroma), expected)


def test_symbols_and_planes_stay_what_they_are():
    """Known answers: another machine, library or order of summation gives the same."""
    tables = drawn_tables(size=300)
    symbols = stacked_analyse(plane_of(64, 96), (8, 12), tables, 640, 38, False)
    plane = stacked_synthesise(symbols, tables, 640, False)
    found = [hashlib.sha256(array.astype("<i2").tobytes()).hexdigest()[:16] for array in (symbols, plane)]
    assert found == ["e18ef287abdc1555", "ca42d00ba3e55b7a"]
    assert set(np.unique(symbols[1])) == {0, 1, 2}


def test_several_planes_at_once_are_each_what_it_is_alone():
    """Smooth and rough ones, whose costs are from other rows of the tables."""
    tables = drawn_tables()
    tables.choice[:] = np.arange(12)[:, None] * np.array([40, 10, 3])
    rough = np.random.default_rng(4).integers(0, 8161, (16, 24)).astype(np.int16)
    planes = np.stack([plane_of(16, 24, 3), rough, plane_of(16, 24, 5), rough // 9, np.full((16, 24), 77, np.int16)])
    settled = np.full((5, 6), -1, np.int16)
    settled[3, 2] = 8160
    symbols = stacked_analyse(planes, (2, 3), tables, 320, 38, False, settled.ravel())
    drawn = stacked_synthesise(symbols, tables, 320, False)
    assert (symbols.shape, drawn.shape) == ((5, 5, 2, 3), planes.shape)
    for index, plane in enumerate(planes):
        alone = stacked_analyse(plane, (2, 3), tables, 320, 38, False, settled[index])
        assert np.array_equal(symbols[:, index], alone)
        assert np.array_equal(drawn[index], stacked_synthesise(alone, tables, 320, False))


def test_every_choice_is_one_that_the_decoder_knows():
    tables = drawn_tables()
    symbols = stacked_analyse(plane_of(40, 56, 3), (5, 7), tables, 320, 38, False)
    for index, n_latents in enumerate(LATENTS):
        assert not symbols[2 + n_latents :, symbols[1] == index].any()
    assert np.abs(symbols[2:]).max() <= 127


def cost_of(plane, symbols, tables, step_q5, price):
    """Squared error in steps and bits together, from the decoder's plane."""
    drawn = stacked_synthesise(symbols, tables, step_q5, False)
    error = float((((drawn - plane.astype(float)) / step_q5) ** 2).sum())
    bits = np.array([20, 90, 150])[symbols[1]].sum() / 64
    for index, n_latents in enumerate(LATENTS):
        sizes = np.abs(symbols[2 : 2 + n_latents, symbols[1] == index])
        bits += ((64 + 70 * np.minimum(sizes, 15)) / 64 + np.maximum(sizes - 15, 0)).sum()
    return error + price / 256 * bits


def test_the_choice_costs_least_of_all_experts():
    """Putting all blocks to one expert costs more than letting each choose; a higher price takes fewer bits."""
    tables, plane = drawn_tables(size=300), plane_of(64, 96)
    chosen = stacked_analyse(plane, (8, 12), tables, 640, 38, False)
    best = cost_of(plane, chosen, tables, 640, 38)
    for number in range(3):
        alone = tables._replace(choice=np.full((12, 3), 30_000))
        alone.choice[:, number] = 0
        forced = stacked_analyse(plane, (8, 12), alone, 640, 38, False)
        assert (forced[1] == number).mean() > 0.9
        assert best < cost_of(plane, forced, tables, 640, 38)
    dear = stacked_analyse(plane, (8, 12), tables, 640, 1000, False)
    assert np.abs(dear[2:]).sum() < np.abs(chosen[2:]).sum()


def test_a_plane_without_detail_takes_the_cheapest_expert_and_no_latents():
    tables = drawn_tables(size=0)
    symbols = stacked_analyse(np.full((16, 24), 4000, np.int16), (2, 3), tables, 256, 38, False)
    assert (symbols[0] == round(4000 / 32)).all()
    assert not symbols[1:].any()


def test_extreme_planes_and_steps():
    """The least and the largest step, and samples at both ends, give symbols that decode to the same plane each
    time."""
    tables = drawn_tables(size=300)
    rng = np.random.default_rng(2)
    for chroma, (low, high) in ((False, (0, 8160)), (True, (-4080, 4080))):
        plane = rng.choice(np.array([low, high], np.int16), (24, 32))
        for step_q5 in (32, 65535):
            symbols = stacked_analyse(plane, (3, 4), tables, step_q5, 38, chroma)
            drawn = stacked_synthesise(symbols, tables, step_q5, chroma)
            assert np.array_equal(drawn, by_loops(symbols, tables, step_q5, low, high))


@pytest.mark.parametrize("step_q5", [32, 999, 65535])
def test_settled_blocks_are_exact(step_q5):
    """Where all of a block is 0 or white, as of alpha, it stays so at any step, whatever the samples are."""
    tables, plane = drawn_tables(), plane_of(24, 32)
    settled = np.array([-1, 0, 8160, -1, 8160, 8160, 0, 0, -1, -1, 8160, 0], np.int16)
    symbols = stacked_analyse(plane, (3, 4), tables, step_q5, 38, False, settled)
    drawn = stacked_synthesise(symbols, tables, step_q5, False).reshape(3, 8, 4, 8).swapaxes(1, 2).reshape(12, 64)
    assert (drawn[settled >= 0] == settled[settled >= 0, None]).all()
    assert (symbols[1].ravel() == 3).tolist() == (settled >= 0).tolist()


@pytest.mark.parametrize(("side", "n_features"), [(8, 0), (28, 6)])
def test_tables_survive_packing(side, n_features):
    tables = drawn_tables(side, n_features, size=100)
    array = pack(tables)
    assert array.dtype == np.int16
    assert list(array[:9]) == [side, 2, n_features, 5, 4, 3, 0, 2, 3]
    again, rest = unpack(np.append(array, np.int16(77)))
    assert list(rest) == [77]
    assert again.side == side
    assert np.array_equal(pack(again), array)
    assert np.array_equal(again.experts[2].decoder[1].biases, tables.experts[2].decoder[1].biases)


def changed(**places):
    array = pack(drawn_tables())
    for place, value in places.items():
        array[int(place[1:])] = value
    return array


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (changed(_0=16), "16 pixels a side"),
        (changed(_1=0), "least step"),
        (changed(_1=256), "least step"),
        (changed(_5=0), "0 experts"),
        (changed(_5=9), "9 experts"),
        (changed(_2=-1), "widths"),
        (changed(_2=257), "widths"),
        (changed(_3=0), "widths"),
        (changed(_4=300), "widths"),
        (changed(_6=1, _7=0), "latents"),
        (changed(_6=-1), "latents"),
        (changed(_8=33), "latents"),
        (changed(_7=0, _8=0), "no expert has latents"),
        (changed(_3=6), "ends too early"),
        (changed()[:-1], "ends too early"),
        (changed()[:7], "latents"),
        (changed()[:5], "shape"),
        (changed()[None], "shape"),
        (np.append(changed()[:-1], np.int16(-1)), "less than nothing"),
    ],
)
def test_other_arrays_are_refused(array, said):
    with pytest.raises(ValueError, match=said):
        unpack(array)


@pytest.mark.parametrize("which", ["hidden", "straight", "features"])
def test_weights_whose_sums_leave_32_bits_are_refused(which):
    """Inputs reach 32,767: weights to an output may add up to 65,535 less what bias and rounding take."""
    tables = drawn_tables(28, 6, size=1)
    expert = tables.experts[2]
    weights = {"hidden": expert.encoder[0].weights, "straight": expert.straight_out, "features": tables.features[0]}[
        which
    ]
    for one in (weights, expert.decoder[2].weights):
        one[:, 0] = 0
    weights[:2, 0] = 32767
    pack(tables)
    weights[2, 0] = -8
    with pytest.raises(ValueError, match="32-bit sums"):
        pack(tables)


def test_numbers_beyond_16_bits_are_refused():
    tables = drawn_tables()
    tables.experts[1].straight_in[3, 1] = 32768
    with pytest.raises(ValueError, match="16 bits"):
        pack(tables)


def test_other_arguments_are_refused():
    tables = drawn_tables()
    plane, symbols = plane_of(16, 16), np.zeros((5, 2, 2), np.int16)
    several = np.stack([plane, plane])
    for bad in (
        *((plane[:8], (2, 2)), (plane.astype(np.int32), (2, 2)), (plane, (0, 2)), (plane, 2), (plane[0], (2, 2))),
        *((several[:0], (2, 2)), (several[:, :8], (2, 2)), (several[None], (2, 2))),
    ):
        with pytest.raises(OptionError):
            stacked_analyse(*bad, tables, 320, 38, False)
    for step_q5, price in ((31, 38), (65536, 38), (320.0, 38), (320, -1)):
        with pytest.raises(OptionError):
            stacked_analyse(plane, (2, 2), tables, step_q5, price, False)
    with pytest.raises(OptionError):
        stacked_analyse(plane, (2, 2), tables, 320, 38, False, np.zeros(3, np.int16))
    with pytest.raises(OptionError):
        stacked_analyse(several, (2, 2), tables, 320, 38, False, np.zeros(4, np.int16))
    for bad in (symbols[:4], symbols.astype(np.int32), symbols[0], symbols + np.int16(4), symbols - np.int16(1)):
        with pytest.raises(OptionError):
            stacked_synthesise(bad, tables, 320, False)
    with pytest.raises(OptionError):
        stacked_synthesise(symbols, tables, 31, False)
