"""The recurrent networks of the codec `rnn` in integers, with drawn ones: as the specification has them, exact, and in
any company."""

import numpy as np
import pytest

import reference_rnn
from apercu.errors import OptionError
from apercu.stages import rnn
from apercu.stages.rnn import n_maps, rnn_analyse, rnn_symbols, rnn_synthesise, stop_map
from apercu.stages.rnn_tables import STEPS, pack, shapes, unpack
from rnn_case import HEAD, drawn_networks, drawn_numbers, file_of, useful_numbers
from scripts.pictures import scene

TABLES = drawn_networks()
USEFUL = useful_numbers()
BITS = HEAD[-1]


def drawn_symbols(seed, *shape):
    """Means, places that stop somewhere, and bits where they go on."""
    rng = np.random.default_rng(seed)
    symbols = np.zeros((n_maps(TABLES), *shape), np.int16)
    symbols[0] = rng.integers(-5, 70, shape)
    depths = rng.integers(0, STEPS + 1, shape)
    for step in range(STEPS):
        stops = stop_map(TABLES, step)
        symbols[stops] = depths <= step
        symbols[stops + 1 : stops + 1 + BITS] = rng.integers(0, 2, (BITS, *shape)) * (depths > step)
    return symbols


def planes_of(*shape):
    """Samples of a drawn scene with 5 fraction bits, (planes, height, width)."""
    n, height, width = shape
    return np.ascontiguousarray(np.moveaxis(scene(height, width, n), 2, 0)).astype(np.int16) * 32


@pytest.mark.parametrize("chroma", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 2), (4, 5)])
def test_pixels_are_those_of_the_specification(shape, chroma):
    symbols = drawn_symbols(3, 1, *shape)
    reference = reference_rnn.tables(file_of(), None)
    found = rnn_synthesise(symbols, TABLES, bool(chroma))
    assert np.array_equal(found[0], reference_rnn.plane_of(symbols[:, 0], reference, chroma))
    assert max(shape) == 1 or np.ptp(found) > 2000


@pytest.mark.parametrize("chroma", [False, True])
def test_the_decoder_draws_what_the_encoder_saw(chroma):
    """Where no place stops, errors after the last step are those of the decoded planes; and bits matter."""
    planes = planes_of(2, 45, 39) - (4080 if chroma else 0)
    found = rnn_analyse(planes, (3, 3), TABLES, chroma)
    decoded = rnn_synthesise(found.symbols, TABLES, chroma)[:, :45, :39].astype(np.int64)
    assert int(((decoded - planes) ** 2).sum()) == int(found.errors[-1].sum())
    bits = np.delete(found.symbols[1:], [stop_map(TABLES, step) - 1 for step in range(STEPS)], 0)
    assert 0.02 < bits.mean() < 0.98


def test_bits_are_made_for_what_is_left_beside_places_that_have_stopped():
    """With networks that make errors smaller, there is less error than with bits that were made as if no place
    stopped."""
    tables, _ = unpack(pack(USEFUL[1], USEFUL[0]))
    planes = planes_of(2, 75, 90)
    depths = np.random.default_rng(8).integers(0, STEPS + 1, (2, 5, 6))
    found, _ = rnn_symbols(planes, (5, 6), tables, False, depths)
    together, errors = rnn_analyse(planes, (5, 6), tables, False)

    def error(symbols):
        decoded = rnn_synthesise(symbols, tables, False)[:, :75, :90].astype(np.int64)
        return int(((decoded - planes) ** 2).sum())

    cut = together.copy()
    for step in range(STEPS):
        begun = together.copy()
        begun[stop_map(tables, step) :] = 1
        assert error(begun) == int(errors[step].sum())
    for step in range(STEPS):
        stops = stop_map(tables, step)
        assert np.array_equal(found[stops], depths <= step)
        cut[stops] = depths <= step
    assert error(found) < 0.985 * error(cut)
    every, _ = rnn_symbols(planes, (5, 6), tables, False, np.full((2, 5, 6), STEPS))
    assert np.array_equal(every, together)
    none, _ = rnn_symbols(planes, (5, 6), tables, False, np.zeros((2, 5, 6), np.int64))
    assert np.all(none[1 :: 1 + BITS] == 1)


def test_planes_side_by_side_are_planes_by_themselves(monkeypatch):
    """However many places go through the networks at once."""
    planes = planes_of(5, 70, 33)
    symbols = drawn_symbols(4, 5, 5, 3)
    depths = np.random.default_rng(9).integers(0, STEPS, (5, 5, 3))
    stopping, _ = rnn_symbols(planes, (5, 3), TABLES, False, depths)
    together = rnn_analyse(planes, (5, 3), TABLES, False), rnn_synthesise(symbols, TABLES, False)
    for at_a_time in (1, 3, 4, 31):
        monkeypatch.setattr(rnn, "AT_A_TIME", at_a_time)
        found = rnn_analyse(planes, (5, 3), TABLES, False)
        assert np.array_equal(found.symbols, together[0].symbols)
        assert np.array_equal(found.errors, together[0].errors)
        assert np.array_equal(rnn_symbols(planes, (5, 3), TABLES, False, depths)[0], stopping)
        assert np.array_equal(rnn_synthesise(symbols, TABLES, False), together[1])
    for index in range(5):
        one = slice(index, index + 1)
        alone = rnn_analyse(planes[one], (5, 3), TABLES, False)
        assert np.array_equal(alone.symbols, together[0].symbols[:, one])
        assert np.array_equal(rnn_synthesise(symbols[:, one].copy(), TABLES, False), together[1][one])


def test_a_place_that_stops_keeps_still():
    """What it draws by itself stays; with all places stopped a further step changes nothing."""
    symbols = drawn_symbols(5, 1, 3, 3)
    last = stop_map(TABLES, 4)
    symbols[last:] = 1
    early = symbols.copy()
    early[stop_map(TABLES, 2) :] = 1
    whole = rnn_synthesise(symbols, TABLES, False)
    symbols[last + 1 : last + 1 + BITS] = 0  # bits of places that do not go on
    assert np.array_equal(rnn_synthesise(symbols, TABLES, False), whole)
    assert not np.array_equal(rnn_synthesise(early, TABLES, False), whole)


def test_means_alone_are_smooth_and_flat_where_they_are_alike():
    symbols = np.ones((n_maps(TABLES), 1, 4, 4), np.int16)
    symbols[0] = 20
    assert np.all(rnn_synthesise(symbols, TABLES, False) == (32 + 20) * 128)
    symbols[0, 0, :, 2:] = 30
    drawn = rnn_synthesise(symbols, TABLES, False)[0].astype(int)
    steps = np.diff(drawn, axis=1)
    assert steps.min() == 0
    assert steps.max() == 80  # a sixteenth of ten steps
    assert np.ptp(drawn, axis=0).max() == 0


def test_extreme_tables_stay_exact():
    """Weights as large as they may be: sums are the same as in integers of 64 bits."""
    rng = np.random.default_rng(1)
    numbers = drawn_numbers(2)
    for name in ("decoder_states", "wide", "wide_bits", "drawn", "decoder_inputs"):
        numbers[name] = rng.choice([-1.0, 1.0], numbers[name].shape) * min(
            32767,
            (12_582_912 // {"decoder_inputs": 1, "wide_bits": 1, "drawn": 1024}.get(name, 512))
            // numbers[name].shape[-2],
        )
    numbers["scales"][:] = 16383
    numbers["wide_biases"][:], numbers["decoder_biases"][:] = 32767, -32767
    array = pack(HEAD, numbers)
    tables, _ = unpack(array)
    whole = np.concatenate([array, file_of()[len(array) :]])
    symbols = drawn_symbols(6, 1, 2, 3)
    symbols[0] *= 400
    assert np.array_equal(
        rnn_synthesise(symbols, tables, False)[0],
        reference_rnn.plane_of(symbols[:, 0], reference_rnn.tables(whole, 0), 0),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda array: array[:4], "shape"),
        (lambda array: array[:-1], "too early"),
        (lambda array: np.concatenate([[300], array[1:]]), "widths of 300"),
        (lambda array: np.concatenate([array[:4], [9], array[5:]]), "9 bits"),
        (lambda array: np.concatenate([array[:5], [0], array[6:]]), "scale"),
        (lambda array: np.concatenate([array[:25], [513], array[26:]]), "unit"),
        (lambda array: np.where(np.arange(len(array)) < 60, array, 32767), "exact sums"),
    ],
)
def test_tables_that_are_refused(change, said):
    array = pack(HEAD, drawn_numbers())
    with pytest.raises(ValueError, match=said):
        unpack(change(array).astype(np.int16))


def test_sums_of_every_step_are_exact():
    """Of the matrix that makes the bits, which every step has by itself."""
    numbers = drawn_numbers()
    for step in (0, STEPS - 1):
        large = numbers | {"out": np.zeros_like(numbers["out"])}
        large["out"][step, :, 1] = 12_582_912 // 1024 // numbers["out"].shape[1]
        pack(HEAD, large)
        large["out"][step, :, 1] += 1
        with pytest.raises(ValueError, match=r"exact sums \(out\)"):
            pack(HEAD, large)


def test_tables_come_back():
    numbers = drawn_numbers(7)
    tables, rest = unpack(np.append(pack(HEAD, numbers), np.int16(77)))
    assert rest.tolist() == [77]
    assert np.array_equal(tables.decoder.drawn, numbers["drawn"])
    assert np.array_equal(tables.encoder.out_biases, numbers["out_biases"])
    assert set(numbers) == set(shapes(*HEAD))


def test_arguments_of_another_kind_are_refused():
    planes = planes_of(1, 20, 20)
    for given in ((planes.astype(np.int32), (2, 2)), (planes, (1, 2)), (planes, (3, 2)), (planes[0], (2, 2))):
        with pytest.raises(OptionError):
            rnn_analyse(*given, TABLES, False)
    symbols = drawn_symbols(1, 1, 2, 2)
    for wrong in (symbols[:-1], symbols.astype(np.int32), symbols[:, 0]):
        with pytest.raises(OptionError):
            rnn_synthesise(wrong, TABLES, False)
