"""Drawn maps for tests of the coders of symbol maps, and tables for them."""

import numpy as np

from apercu.stages.map_huffman import HuffmanMapCoder
from apercu.stages.symbol_maps import (
    Map,
    MapCoder,
    MapLayout,
    MapPlane,
    MapTables,
    n_contexts,
    n_groups,
    start_contexts,
)

ENTROPIES = ("range", "huffman")

EVERY_KIND = [
    Map("predicted", 0),
    Map("selector", 0),
    Map("plain", 1, frozenset({1, 2})),
    Map("count", 2, None, (0,)),
    Map("plain", 3, frozenset(range(1, 16)), (2, 0)),
    Map("plain", 3, frozenset(range(3, 16)), (4, 2, 0)),
    Map("predicted", 4, frozenset({0}), (0,)),
]
COLOUR = [MapPlane(7, 11, 0, -1), MapPlane(4, 6, 1, 0), MapPlane(4, 6, 1, 1), MapPlane(7, 11, 0, -1)]


def tables(maps, seed=1):
    """Tables of the right size, other than new ones."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 30, (2, n_groups(maps), 18)).astype(np.uint8)
    starts = np.empty((n_contexts(maps), 2), np.uint16)
    starts[:, 0], starts[:, 1] = rng.integers(20000, 60000, len(starts)), rng.integers(2, 60, len(starts))
    return MapTables(weights, start_contexts(starts, maps))


def coder(entropy, layout, seed=1):
    return MapCoder(layout, tables(layout.maps, seed)) if entropy == "range" else HuffmanMapCoder(layout)


def drawn(layout, seed, most=900, share=0.4):
    """Values that have something in common with their neighbours; counts and selectors within their ranges."""
    rng = np.random.default_rng(seed)
    values = np.zeros(layout.n_symbols, np.int16)
    for plane in range(len(layout.planes)):
        for index, one in enumerate(layout.maps):
            part = layout.part(values, plane, index)
            if one.kind == "selector":
                part[:] = rng.integers(0, 4, part.shape)
            elif one.kind == "count":
                part[:] = rng.integers(0, 20, part.shape) * (rng.random(part.shape) < share)
            else:
                slope = np.add.outer(np.arange(part.shape[0]), np.arange(part.shape[1])) * (one.kind == "predicted")
                noise = rng.integers(-most, most + 1, part.shape) * (rng.random(part.shape) < share)
                part[:] = np.clip(40 * slope + noise, -32767, 32767)
    return values


def settings(layout, step_q6=64 * 60, price=26):
    shape = (2, len(layout.maps))
    return np.full(shape, step_q6, np.int32), np.full(shape, price, np.int32)


def encoded(entropy, layout, values, steps_q6, prices, streams):
    """The streams, and the symbols chosen."""
    one, symbols = coder(entropy, layout), np.zeros(layout.n_symbols, np.int16)
    return [one.encode(values.copy(), steps_q6, prices, *stream, symbols) for stream in streams], symbols


def decoded(entropy, layout, data, streams):
    one, symbols = coder(entropy, layout), np.zeros(layout.n_symbols, np.int16)
    for part, stream in zip(data, streams, strict=True):
        one.decode(part, *stream, symbols)
    return symbols


def layout_of(planes=COLOUR, maps=EVERY_KIND):
    return MapLayout(planes, maps)


def choices(layout, symbols, plane, index):
    """Of the blocks of a plane, for a map, told in the plainest way."""
    before = [m for m in range(index) if layout.maps[m].kind in ("count", "selector")]
    height, width, *_ = layout.planes[plane]
    return np.minimum(layout.part(symbols, plane, before[-1]) if before else np.zeros((height, width), int), 15)


def present(layout, symbols, plane, index):
    """Which blocks of a plane have a map."""
    one, chosen = layout.maps[index], choices(layout, symbols, plane, index)
    return np.ones(chosen.shape, bool) if one.present is None else np.isin(chosen, [*one.present])
