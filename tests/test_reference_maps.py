"""The second decoder of symbol maps and of the DCT, written from the specification, gives what the kernel gives."""

import numpy as np
import pytest

import reference_dct
import reference_maps
from apercu.errors import CorruptStream, Truncated
from apercu.stages.dct_symbols import MAPS, Quantiser, dct_plane
from apercu.stages.symbol_maps import Map, MapLayout, MapPlane
from reference_bytes import Refused
from tests.map_cases import COLOUR, ENTROPIES, EVERY_KIND, coder, drawn, encoded, layout_of, settings, tables


def second(entropy, layout, seed=1):
    """A reader with the tables that `coder` takes."""
    planes = [(h, w, chroma, None if companion < 0 else companion) for h, w, chroma, companion in layout.planes]
    maps = [(one.kind, one.group, one.present, one.earlier) for one in layout.maps]
    if entropy == "huffman":
        return reference_maps.HuffmanReader(planes, maps)
    trained = tables(layout.maps, seed)
    fields = trained.contexts.view(np.uint16).reshape(-1, 4)
    starts = np.stack([fields[:, 0], fields[:, 2] & 255], 1)
    return reference_maps.RangeReader(planes, maps, trained.weights, starts)


def of_second(reader):
    return np.concatenate([part.ravel() for plane in reader.symbols for part in plane])


STREAMS = [(0, 2), (2, 5), (5, 7)]


@pytest.mark.parametrize("entropy", ENTROPIES)
@pytest.mark.parametrize(("most", "share", "step"), [(900, 0.4, 3840), (32767, 1.0, 1), (60, 0.1, 640), (9, 0.02, 64)])
def test_it_reads_the_same_symbols(entropy, most, share, step):
    layout = layout_of()
    data, symbols = encoded(entropy, layout, drawn(layout, 4, most, share), *settings(layout, step), STREAMS)
    reader = second(entropy, layout)
    for part, stream in zip(data, STREAMS, strict=True):
        reader.read(part, *stream)
    assert np.array_equal(of_second(reader), symbols)


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_it_reads_the_maps_of_the_dct(entropy):
    layout = MapLayout([MapPlane(5, 6, 0, -1), MapPlane(3, 3, 1, 0), MapPlane(3, 3, 1, 1)], MAPS)
    data, symbols = encoded(entropy, layout, drawn(layout, 6, 300, 0.2), *settings(layout), [(0, 1), (1, 64)])
    reader = second(entropy, layout)
    reader.maps, _ = reference_dct.dct_maps()
    reader.read(data[0], 0, 1)
    reader.read(data[1], 1, 64)
    assert np.array_equal(of_second(reader), symbols)


GOES_ON = frozenset({0})
NESTED = [
    *(Map("predicted", 0), Map("count", 1)),
    *(Map("plain", 2, GOES_ON), Map("count", 1, GOES_ON, (1,))),
    *(Map("plain", 2, GOES_ON, (2,)), Map("count", 1, GOES_ON, (3, 1))),
]


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_who_stops_at_a_count_has_stopped_at_those_after_it(entropy):
    """A count that a block does not have is the choice before it, and is context as one that was coded."""
    layout = layout_of(maps=NESTED)
    streams = [(0, 2), (2, 4), (4, 6)]
    data, symbols = encoded(entropy, layout, drawn(layout, 8, 300, 0.4), *settings(layout), streams)
    reader = second(entropy, layout)
    for part, stream in zip(data, streams, strict=True):
        reader.read(part, *stream)
    assert np.array_equal(of_second(reader), symbols)
    first, *others = (layout.part(symbols, 0, index) for index in (1, 3, 5))
    stopped = first > 0
    assert 0 < np.count_nonzero(stopped) < stopped.size
    for later in others:
        assert np.array_equal(later[stopped], np.minimum(first[stopped], 15))
        assert np.any(later[~stopped])


@pytest.mark.parametrize("entropy", ENTROPIES)
@pytest.mark.parametrize("seed", range(25))
def test_it_refuses_what_the_kernel_refuses(entropy, seed):
    layout = layout_of(COLOUR[:2], EVERY_KIND)
    (whole,), _ = encoded(entropy, layout, drawn(layout, 2, 200, 0.2), *settings(layout), [(0, 7)])
    rng = np.random.default_rng(seed)
    damaged = bytearray(whole)
    damaged[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
    data = bytes(damaged) if seed % 3 else whole[: int(rng.integers(len(whole)))]
    symbols, reader = np.zeros(layout.n_symbols, np.int16), second(entropy, layout)
    refused = []
    for read in (lambda: coder(entropy, layout).decode(data, 0, 7, symbols), lambda: reader.read(data, 0, 7)):
        try:
            read()
            refused.append(None)
        except (Truncated, CorruptStream, Refused) as fault:
            refused.append(fault)
    assert (refused[0] is None) == (refused[1] is None)
    if refused[0] is None:
        assert np.array_equal(of_second(reader), symbols)


@pytest.mark.parametrize("chroma", [0, 1])
@pytest.mark.parametrize("step_q8", [1, 700, 9000, 1 << 18])
def test_it_makes_the_same_samples(chroma, step_q8):
    rng = np.random.default_rng(step_q8 + chroma)
    symbols = (rng.integers(-30, 31, (64, 4, 5)) * (rng.random((64, 4, 5)) < 0.2)).astype(np.int16)
    symbols[0] = rng.integers(-9, 10, (4, 5)) + 20000 * (step_q8 == 1)
    matrix = rng.integers(1, 4097, (2, 64)).astype(np.uint16)
    expected = rng.integers(-2047, 2048, (2, 9, 3)).astype(np.int16)
    smoothing = (4096, 300) if step_q8 == 700 else (60, 4096)
    plane = np.empty((32, 40), np.int16)
    quantiser = Quantiser(23, smoothing, matrix)
    dct_plane(symbols, chroma, 0 if chroma else 4080, step_q8, quantiser, expected, plane)
    found = reference_dct.dct_plane(symbols.astype(np.int64), chroma, step_q8, matrix, smoothing, expected)
    assert np.array_equal(plane, found)
