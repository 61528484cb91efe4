"""Products of `rnn`, as its matrices have them. On the way back those of the steps that each place goes through. On the
way there the encoder tries all steps at all places, and runs the decoder to know what is left. Choice: then it makes
the bits anew, of the steps that are coded. Contexts: as if every symbol were looked at.
"""

import numpy as np

from apercu.bench.arithmetic import Work, layers, layouts, symbol_maps
from apercu.codecs import rnn, tables
from apercu.format.container import Header
from apercu.stages.colour import Samples
from apercu.stages.rnn_tables import SIDE, STEPS, WINDOW, RnnTables

_SCALED = WINDOW**2  # of a place: what is seen of the error, and what is drawn
_GATES = 2  # of a unit: the reset gate's and the update gate's
_BETWEEN = 2 * SIDE + 2 * SIDE**2  # of a place: samples between means, down and then across
_ERROR = SIDE**2  # of a place, before the first step and after each


def work(image: Samples, data: bytes, header: Header, model: str | None) -> Work:
    """Of a file of `rnn`, in products; what counts is said at the top of this module."""
    of_codec = tables.of_file(header, model)
    there, back = _of_a_step(of_codec.networks)
    stops = [first for first, _ in rnn.parts(of_codec.networks, 1 + STEPS)[1:]]
    encode = decode = contexts = choice = 0.0
    for tile, (_, layout) in enumerate(layouts(header)):
        segments = layers(data, header, tile)
        symbols = rnn.read(segments, layout, rnn.setting_of(header), of_codec, header.n_layers)
        for of_plane, plane in zip(symbols, layout.planes, strict=True):
            n = of_plane[0].size
            steps = int(np.count_nonzero(of_plane[stops] == 0))
            encode += n * (_BETWEEN + STEPS * (there + back + _ERROR) + _ERROR)
            choice += n * (_BETWEEN + _ERROR) + steps * (there + back + _ERROR)
            decode += n * _BETWEEN + steps * back
            contexts += symbol_maps.products(plane, n, of_codec.maps)
    return Work(encode, decode, contexts, choice)


def _of_a_step(networks: RnnTables) -> tuple[int, int]:
    """Products of a step of a place: of the encoder, and of the decoder."""
    encoder, decoder = networks.encoder, networks.decoder
    there = encoder.seen.size + encoder.inputs.size + encoder.states.size + encoder.out[0].size
    back = decoder.inputs.size + decoder.states.size + decoder.wide.size + decoder.wide_bits[0].size
    units = [_GATES * start.shape[1] for start in networks.starts]
    return there + units[0] + _SCALED, back + units[1] + decoder.drawn.size + _SCALED
