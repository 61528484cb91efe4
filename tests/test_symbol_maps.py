"""Maps of symbols through both coders: what goes in comes out, whatever the planes and the kinds of maps."""

import hashlib
import re
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import apercu.stages.symbol_maps
from apercu.errors import CorruptStream, OptionError, Truncated
from apercu.stages.map_huffman import least_bytes as least_bytes_of_huffman
from apercu.stages.symbol_maps import Map, MapCoder, MapLayout, MapPlane, MapTables, least_bits, start_contexts
from limits import assert_in_proportion
from tests.map_cases import (
    COLOUR,
    ENTROPIES,
    EVERY_KIND,
    choices,
    coder,
    decoded,
    drawn,
    encoded,
    layout_of,
    present,
    settings,
    tables,
)

WHOLE = [(0, 7)]


@st.composite
def cases(draw):
    """Planes, maps and values of every sort."""
    planes = [MapPlane(draw(st.integers(1, 9)), draw(st.integers(1, 12)), draw(st.integers(0, 1)), -1)]
    for _ in range(draw(st.integers(0, 3))):
        companion = draw(st.integers(-1, len(planes) - 1))
        height, width = draw(st.integers(1, 9)), draw(st.integers(1, 12))
        if companion >= 0:
            height, width, *_ = planes[companion]
            if draw(st.booleans()):
                height, width = -(-height // 2), -(-width // 2)
        planes.append(MapPlane(height, width, draw(st.integers(0, 1)), companion))
    maps = []
    for index in range(draw(st.integers(1, 8))):
        present = draw(st.one_of(st.none(), st.frozensets(st.integers(0, 15))))
        earlier = draw(st.lists(st.integers(0, index - 1), max_size=4)) if index else []
        kind = draw(st.sampled_from(["plain", "predicted", "count", "selector"]))
        maps.append(Map(kind, draw(st.integers(0, 3)), present, tuple(earlier)))
    layout = MapLayout(planes, maps)
    most = draw(st.sampled_from([1, 60, 900, 32767]))
    values = drawn(layout, draw(st.integers(0, 999)), most, draw(st.sampled_from([0.0, 0.05, 0.5, 1.0])))
    step, price = draw(st.sampled_from([1, 64, 3840, 1 << 24])), draw(st.sampled_from([0, 1, 26, 65535]))
    cut = draw(st.integers(1, len(maps)))
    streams = [(0, cut), (cut, len(maps))] if cut < len(maps) else [(0, cut)]
    return layout, values, settings(layout, step, price), streams


@pytest.mark.parametrize("entropy", ENTROPIES)
@given(case=cases())
def test_what_is_encoded_comes_back(entropy, case):
    layout, values, chosen, streams = case
    data, symbols = encoded(entropy, layout, values, *chosen, streams)
    assert np.array_equal(decoded(entropy, layout, data, streams), symbols)
    for plane in range(len(layout.planes)):
        for index in range(len(layout.maps)):
            absent = ~present(layout, symbols, plane, index)
            stays = (
                choices(layout, symbols, plane, index) if layout.maps[index].kind == "count" else np.zeros_like(absent)
            )
            assert np.array_equal(layout.part(symbols, plane, index)[absent], stays[absent])


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_without_a_price_symbols_are_the_nearest(entropy):
    layout = layout_of()
    values = drawn(layout, 3)
    _, symbols = encoded(entropy, layout, values, *settings(layout, 64 * 60, 0), WHOLE)
    for plane in range(4):
        for index, one in enumerate(layout.maps):
            has = present(layout, symbols, plane, index)
            value, symbol = (layout.part(a, plane, index)[has].astype(int) for a in (values, symbols))
            if one.kind in ("plain", "predicted"):
                assert np.abs(value - 60 * symbol).max(initial=0) <= 31
            else:
                assert np.array_equal(value, symbol)


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_a_price_saves_bits_and_costs_little(entropy):
    layout = layout_of([MapPlane(40, 60, 0, -1)], [Map("predicted", 0), *[Map("plain", 1)] * 12])
    values = drawn(layout, 5, most=120, share=0.3)
    sizes, errors = [], []
    for price in (0, 13, 26, 52):
        data, symbols = encoded(entropy, layout, values, *settings(layout, 64 * 60, price), [(0, 13)])
        sizes.append(len(data[0]))
        errors.append(float(np.mean((values - 60.0 * symbols) ** 2)))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    # At 0.1 squared steps a bit: the sum of both falls against that of the nearest symbols.
    costs = [error * values.size + 0.1 * 60**2 * 8 * size for error, size in zip(errors, sizes, strict=True)]
    assert costs[2] < 0.98 * costs[0]


@pytest.mark.parametrize(("entropy", "most"), [("range", 40), ("huffman", 60)])
def test_maps_of_nothing_take_few_bytes(entropy, most):
    layout = layout_of(
        [MapPlane(128, 96, 0, -1), MapPlane(64, 48, 1, 0)], [Map("predicted", 0), *[Map("plain", 1)] * 63]
    )
    data, symbols = encoded(entropy, layout, np.zeros(layout.n_symbols, np.int16), *settings(layout), [(0, 64)])
    assert not symbols.any()
    trained = len(data[0]) if entropy == "huffman" else _trained_size(layout)
    assert trained < most


def _trained_size(layout):
    """With contexts that begin at what they learn from maps of nothing."""
    starts = np.full((len(tables(layout.maps).contexts), 2), (65535, 128), np.uint16)
    weights = tables(layout.maps).weights
    one = MapCoder(layout, MapTables(weights, start_contexts(starts, layout.maps)))
    nothing = np.zeros(layout.n_symbols, np.int16)
    return len(one.encode(nothing.copy(), *settings(layout), 0, 64, nothing))


@pytest.mark.parametrize("sizes", [[(1, 1)], [(5, 7), (3, 4)], [(181, 182)], [(1, 32767)], [(200, 500), (1, 3)]])
def test_maps_of_nothing_take_no_less_than_huffman_codes_can_hold(sizes):
    layout = MapLayout([MapPlane(*size, 0, -1) for size in sizes], [Map("predicted", 0)])
    data, _ = encoded("huffman", layout, np.zeros(layout.n_symbols, np.int16), *settings(layout), [(0, 1)])
    assert (
        0 <= len(data[0]) - least_bytes_of_huffman(sizes) <= 4
    )  # a table of several words is longer than the shortest


@pytest.mark.parametrize(("entropy", "known"), [("range", "d5d1df0a32ed14aa"), ("huffman", "02ddaba14943bd48")])
def test_the_bytes_are_the_same_on_every_machine(entropy, known):
    layout = layout_of()
    data, symbols = encoded(entropy, layout, drawn(layout, 11), *settings(layout), [(0, 2), (2, 7)])
    assert hashlib.sha256(b"".join(data) + symbols.astype("<i2").tobytes()).hexdigest()[:16] == known


def test_the_bits_that_a_stream_takes_at_least():
    maps = [Map("predicted", 0), Map("count", 1), Map("plain", 2, frozenset({1})), Map("plain", 2)]
    assert least_bits([(3, 4), (2, 2)], maps, 0, 4) == 48
    assert least_bits([(3, 4), (2, 2)], maps, 2, 3) == 0
    # With contexts as sure of nothing as they can be, a byte holds so many and no more.
    layout = MapLayout([MapPlane(1 << 10, 1 << 9, 0, -1)], [Map("plain", 0)])
    starts = np.full((len(tables(layout.maps).contexts), 2), (65535, 128), np.uint16)
    one = MapCoder(layout, MapTables(tables(layout.maps).weights, start_contexts(starts, layout.maps)))
    nothing = np.zeros(layout.n_symbols, np.int16)
    data = one.encode(nothing.copy(), *settings(layout), 0, 1, nothing)
    assert least_bits([(1 << 10, 1 << 9)], layout.maps, 0, 1) <= (len(data) + 5) << 19


def test_many_planes_take_time_in_proportion():
    """Each of them looks for its companion, the one before it."""
    layouts = [MapLayout([MapPlane(1, 1, 0, at - 1) for at in range(n)], EVERY_KIND[:1]) for n in (4000, 32_000)]
    values = [np.random.default_rng(1).integers(-300, 300, layout.n_symbols, np.int16) for layout in layouts]
    jobs = [partial(encoded, "range", *of, *settings(of[0]), [(0, 1)]) for of in zip(layouts, values, strict=True)]
    assert_in_proportion(*jobs)
    data = [job()[0] for job in jobs]
    jobs = [partial(decoded, "range", *of, [(0, 1)]) for of in zip(layouts, data, strict=True)]
    assert_in_proportion(*jobs)


def test_parts_of_a_stream_make_the_same_bytes(monkeypatch):
    layout = layout_of()
    values = drawn(layout, 7)
    whole = encoded("range", layout, values, *settings(layout), WHOLE)
    monkeypatch.setattr(apercu.stages.symbol_maps, "AT_A_TIME", 100)
    parts = encoded("range", layout, values, *settings(layout), WHOLE)
    assert whole[0] == parts[0]
    assert np.array_equal(decoded("range", layout, parts[0], WHOLE), whole[1])


@pytest.mark.parametrize("entropy", ENTROPIES)
@given(data=st.binary(max_size=300), seed=st.integers(0, 99))
def test_any_bytes_decode_or_are_refused(entropy, data, seed):
    layout = layout_of()
    whole = encoded(entropy, layout, drawn(layout, 2), *settings(layout), WHOLE)[0][0]
    rng = np.random.default_rng(seed)
    damaged = bytearray(whole)
    for _ in range(3):
        damaged[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
    for stream in (data, bytes(damaged), whole[: seed * len(whole) // 100], whole + data[:9]):
        symbols = np.zeros(layout.n_symbols, np.int16)
        with suppress(CorruptStream, Truncated):
            coder(entropy, layout).decode(stream, 0, 7, symbols)
        assert symbols.min() >= -32767
        for plane in range(4):
            assert 0 <= layout.part(symbols, plane, 1).min() <= layout.part(symbols, plane, 1).max() <= 15
            assert layout.part(symbols, plane, 3).min() >= 0


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_a_stream_that_is_cut_or_goes_on_is_refused(entropy):
    layout = layout_of()
    (whole,), _ = encoded(entropy, layout, drawn(layout, 2), *settings(layout), WHOLE)
    for length in range(0, len(whole) - 8, 7):
        with pytest.raises((Truncated, CorruptStream)):
            coder(entropy, layout).decode(whole[:length], 0, 7, np.zeros(layout.n_symbols, np.int16))
    with pytest.raises(CorruptStream):
        coder(entropy, layout).decode(whole + bytes(9), 0, 7, np.zeros(layout.n_symbols, np.int16))


def test_neighbours_and_other_maps_save_bits():
    """Contexts are there for something: a map that repeats another one, and one that has nothing to do with it."""
    layout = layout_of([MapPlane(60, 60, 0, -1)], [Map("plain", 0), Map("plain", 1, None, (0,))])
    starts = np.full((len(tables(layout.maps).contexts), 2), (32768, 3), np.uint16)
    weights = np.zeros((2, 2, 18), np.uint8)
    weights[0, 1, 6] = 60
    trained = MapTables(weights, start_contexts(starts, layout.maps))
    sizes = []
    for seed in (0, 1):
        values = drawn(layout, 0, share=0.1)
        layout.part(values, 0, 1)[:] = drawn(layout, seed, share=0.1)[: 60 * 60].reshape(60, 60)
        symbols = np.zeros(layout.n_symbols, np.int16)
        sizes.append(len(MapCoder(layout, trained).encode(values, *settings(layout), 0, 2, symbols)))
    assert sizes[0] < 0.85 * sizes[1]


@pytest.mark.parametrize(
    ("planes", "maps", "said"),
    [
        ([], EVERY_KIND, "one or more"),
        ([(3, 4)], EVERY_KIND, "must be a MapPlane"),
        ([MapPlane(0, 4, 0, -1)], EVERY_KIND, "height"),
        ([MapPlane(4, (1 << 20) + 1, 0, -1)], EVERY_KIND, "width"),
        ([MapPlane(4, 4, 2, -1)], EVERY_KIND, "chroma"),
        ([MapPlane(4, 4, 0, 0)], EVERY_KIND, "companion"),
        ([MapPlane(8, 8, 0, -1), MapPlane(4, 8, 1, 0)], EVERY_KIND, "twice that"),
        (COLOUR, [], "1 to 128"),
        (COLOUR, [Map("plain", 0)] * 129, "1 to 128"),
        (COLOUR, [Map("odd", 0)], "kinds plain"),
        (COLOUR, [Map("plain", 64)], "group"),
        (COLOUR, [Map("plain", 0, None, (0,))], "earlier"),
        (COLOUR, [*[Map("plain", 0)] * 5, Map("plain", 0, None, (0, 1, 2, 3, 4))], "4 earlier maps"),
        (COLOUR, [Map("plain", 0, frozenset({16}))], "present"),
    ],
)
def test_other_planes_and_maps_are_refused(planes, maps, said):
    with pytest.raises(OptionError, match=re.escape(said)):
        MapLayout(planes, maps)


def test_other_settings_are_refused():
    layout = layout_of()
    values = drawn(layout, 1)
    for step, price in ((0, 26), ((1 << 24) + 1, 26), (64, -1), (64, 65536)):
        for entropy in ENTROPIES:
            with pytest.raises(OptionError, match="steps_q6 must be"):
                encoded(entropy, layout, values, *settings(layout, step, price), WHOLE)
