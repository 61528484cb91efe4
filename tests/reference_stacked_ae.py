"""The codec `stacked_ae` for the second decoder: written from spec/stacked_ae.md alone, plain, exact and slow."""

import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from reference_bytes import CorruptStream, ModelError
from reference_maps import HuffmanReader, RangeReader, in_blocks, least_bits, least_bits_of_huffman, split_tables

BY_RANGE = 6
AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
LAYERS = 2


def setting(quality_q8, parameters, text):
    """step_q5, from the table of the text."""
    if parameters is not None:
        raise CorruptStream("stacked_ae has no settings made by hand")
    section = text.split("# Codec `stacked_ae`")[1]
    rows = [re.search(rf"^\| {name} \|(.*)\|$", section, re.MULTILINE)[1] for name in ("place", "step_q5")]
    places, steps = ([int(number) for number in row.split("|")] for row in rows)
    for (first, last), (a, b) in zip(pairwise(places), pairwise(steps), strict=True):
        if first <= quality_q8 <= last:
            d, p = last - first, quality_q8 - first
            return (a * (d - p) + b * p + d // 2) // d
    raise AssertionError("the table of the path does not reach this quality")


class Numbers:
    """The array of a model, taken in order."""

    def __init__(self, numbers):
        self.numbers, self.at = numbers, 0

    def take(self, *shape):
        n = int(np.prod(shape))
        if self.at + n > len(self.numbers):
            raise ModelError("the tables end early")
        self.at += n
        return np.array(self.numbers[self.at - n : self.at], np.int64).reshape(shape)

    def number(self, least, most):
        (found,) = self.take(1).tolist()
        if not least <= found <= most:
            raise ModelError("a number out of its range")
        return found


def check_sums(*weights, bias):
    if any(32767 * sum(abs(w).sum(0) for w in weights) + 4096 * abs(bias) + 2048 >= 2**31):
        raise ModelError("sums that do not fit")


def layers(numbers, *widths):
    """Weights and biases of the three layers, and the straight weights."""
    found = [(numbers.take(*shape), numbers.take(shape[1])) for shape in pairwise(widths)]
    straight = numbers.take(widths[0], widths[-1])
    for index, (weights, bias) in enumerate(found):
        check_sums(weights, *([straight] if index == 2 else []), bias=bias)
    return found, straight


def tables(array, _codec):
    if array.dtype != np.int16 or array.ndim != 1:
        raise ModelError("not tables of stacked_ae")
    numbers = Numbers(array.tolist())
    t = SimpleNamespace(side=numbers.number(8, 28), least=numbers.number(1, 255), width=numbers.number(0, 256))
    h1, h2 = numbers.number(1, 256), numbers.number(1, 256)
    t.latents = [numbers.number(0, 32) for _ in range(numbers.number(1, 8))]
    if t.side not in (8, 28) or t.latents != sorted(t.latents) or t.latents[-1] < 1:
        raise ModelError("the head of the tables")
    n_samples = t.side**2
    ends = t.width or n_samples
    t.features = None
    if t.width:
        for_encoders, t.features = numbers.take(n_samples, t.width), numbers.take(t.width, n_samples)
        check_sums(for_encoders, bias=np.zeros(t.width, np.int64))
        check_sums(t.features, bias=np.zeros(n_samples, np.int64))
    t.decoders = []
    for m in t.latents:
        layers(numbers, ends + 10, h1, h2, m)
        t.decoders.append(layers(numbers, m + 10, h2, h1, ends))
    costs = [numbers.take(12, len(t.latents)), *(numbers.take(12, m, 16) for m in t.latents)]
    t.maps = maps_of(t.latents)
    t.of_maps = split_tables([n % 65536 for n in numbers.numbers[numbers.at :]], t.maps)
    if t.of_maps is None or any(cost.min(initial=0) < 0 for cost in costs):
        raise ModelError("costs or the tables of the symbol maps")
    return t


def maps_of(latents):
    maps = [("predicted", 0, None, ()), ("selector", 1, None, ())]
    for k in range(latents[-1]):
        having = {expert for expert, m in enumerate(latents) if m > k}
        maps.append(("plain", 2 + k, having, tuple(range(1 + k, max(2, k - 2) - 1, -1))))
    return maps


def streams_of(head, t):
    return [(0, len(t.maps))] if head.n_layers == 1 else [(0, 2), (2, len(t.maps))]


def has_room(head, tile, planes, t):
    layer = len(tile.segments) - 1
    if head.codec != BY_RANGE:
        return layer > 0 or 8 * len(tile.segments[0]) >= least_bits_of_huffman(in_blocks(planes, t.side))
    least = least_bits(in_blocks(planes, t.side), t.maps, *streams_of(head, t)[layer])
    n_bytes = len(tile.segments[layer])
    return (n_bytes > 0 or layer > 0) and least <= 2**19 * (n_bytes + 5)


def read(head, tile, planes, t):
    """The symbols of each plane, by map."""
    in_maps = in_blocks(planes, t.side)
    reader = RangeReader(in_maps, t.maps, *t.of_maps) if head.codec == BY_RANGE else HuffmanReader(in_maps, t.maps)
    for stream, (first, end) in zip(tile.segments, streams_of(head, t), strict=True):
        reader.read(stream, first, end)
        if first == 0 and any(of_plane[1].max() > len(t.latents) for of_plane in reader.symbols):
            raise CorruptStream("number of an expert")
    return reader.symbols


def hold(v):
    return np.clip(v, -32767, 32767)


def decoded(inputs, layers_of_expert, features):
    found, straight = layers_of_expert
    x = inputs
    for index, (weights, bias) in enumerate(found):
        total = x @ weights + 4096 * bias + 2048
        if index == 2:
            total += inputs @ straight
        x = hold(total >> 12)
        if index < 2:
            x = np.where(x < 0, x >> 2, x)
    return x if features is None else hold((x @ features + 2048) >> 12)


def block(symbols, y, x, s, t):
    """The samples of a block, in raster order."""
    means = symbols[0]
    height, width = means.shape
    c = int(means[y, x])
    level = (2 * c * s + t.side) // (2 * t.side)
    expert = int(symbols[1][y, x])
    if expert == len(t.latents):
        return np.full(t.side**2, level)
    near = [int(means[min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)]) for dy, dx in AROUND]
    around = [16 * (one - c) for one in near] + [16 * c, 130560 // s]
    latents = [128 * int(symbols[2 + k][y, x]) for k in range(t.latents[expert])]
    outputs = decoded(hold(np.array(latents + around, np.int64)), t.decoders[expert], t.features)
    return level + ((outputs * s + 64) >> 7)


def synthesise(head, planes, symbols, t):
    out = []
    for plane, of_plane in zip(planes, symbols, strict=True):
        s = max((head.setting * 8 + 8) // 16 if plane.of_class else head.setting, 32 * t.least)
        low, high = (-4080, 4080) if plane.of_class else (0, 8160)
        height, width = of_plane[0].shape
        values = np.empty((height * t.side, width * t.side), np.int64)
        for y, x in np.ndindex(height, width):
            samples = np.clip(block(of_plane, y, x, s, t), low, high)
            values[y * t.side :, x * t.side :][: t.side, : t.side] = samples.reshape(t.side, t.side)
        out.append(values[: plane.height, : plane.width])
    return out
