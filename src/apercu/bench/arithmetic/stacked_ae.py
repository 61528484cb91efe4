"""Products of `stacked_ae`, as its layers have them. On the way back those of each block's expert; none for a block
that is its mean alone. On the way there every expert encodes every block, as if none were left out, which those are
whose bits alone cost too much. Choice: every expert draws what it coded, and the chosen one once more for each of its
latents, as if another number were tried for all. Contexts: with the range coder, as if every symbol were looked
at.
"""

from itertools import chain

import numpy as np

from apercu.bench.arithmetic import Work, layers, layouts, symbol_maps
from apercu.codecs import stacked_ae, tables
from apercu.format.container import Header
from apercu.stages.colour import Samples
from apercu.stages.stacked_tables import Layer, Real, StackedTables

_IN_STEPS, _ERROR = 1, 1  # of a sample


def work(image: Samples, data: bytes, header: Header, model: str | None) -> Work:
    """See above."""
    of_codec = tables.of_file(header, model)
    networks: StackedTables = of_codec.networks
    pixels = networks.side**2
    before, after = (weights.size for weights in networks.features) if networks.features else (0, 0)
    drawn = [_products(one.decoder, one.straight_out) + after for one in networks.experts]
    coded = [_products(one.encoder, one.straight_in) for one in networks.experts if one.n_latents]
    tried = sum(drawn) + len(drawn) * pixels * _ERROR
    again = [one.n_latents * (n + pixels * _ERROR) for one, n in zip(networks.experts, drawn, strict=True)]
    encode = decode = contexts = choice = 0.0
    ranged = header.entropy == "range"
    for tile, (_, layout) in enumerate(layouts(header)):
        segments = layers(data, header, tile)
        symbols = stacked_ae.read(segments, layout, stacked_ae.setting_of(header), of_codec, header.n_layers)
        for of_plane, plane in zip(symbols, layout.planes, strict=True):
            n = of_plane[1].size
            uses = np.bincount(of_plane[1].ravel(), minlength=len(drawn) + 1)[: len(drawn)]
            encode += n * (before + sum(coded) + pixels * _IN_STEPS)
            decode += float(uses @ [one + pixels * _IN_STEPS for one in drawn])
            choice += n * tried + float(uses @ again)
            contexts += ranged * symbol_maps.products(plane, n, stacked_ae.maps_of(networks))
    return Work(encode, decode, contexts, choice)


def _products(stack: tuple[Layer, ...], straight: Real) -> int:
    return sum(weights.size for weights in chain((layer.weights for layer in stack), [straight]))
