"""Small networks of the codec `rnn` that are drawn, not trained."""

import numpy as np

from apercu.codecs import rnn as codec
from apercu.stages.rnn_tables import BOUNDS, STEPS, largest_sum, pack, shapes, unpack
from apercu.stages.symbol_maps import CLASSES, N_WEIGHTS, n_contexts, n_groups

HEAD = (5, 4, 6, 7, 3)


def drawn_numbers(seed=0, head=HEAD, size=400):
    """The arrays of a file by name: noise, small enough for exact sums."""
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(0, size, shape) for name, shape in shapes(*head).items()}
    for name in BOUNDS:
        total = np.abs(found[name]).sum(0).max() + found[name].shape[0]
        found[name] *= min(1, largest_sum(name) / total)
    found["scales"] = np.array([[900], [300]]) * 0.85 ** np.arange(STEPS)
    for name in ("start_encoder", "start_decoder"):
        found[name] = np.clip(found[name], -512, 512)
    return {name: np.rint(values) for name, values in found.items()}


def drawn_networks(seed=0, head=HEAD):
    """As the stage takes them."""
    tables, rest = unpack(pack(head, drawn_numbers(seed, head)))
    assert rest.size == 0
    return tables


def file_of(seed=0, head=HEAD):
    """The numbers of a file of tables whose contexts know nothing."""
    networks = pack(head, drawn_numbers(seed, head))
    maps = codec.maps_of(unpack(networks)[0])
    weights = np.full((CLASSES, n_groups(maps), N_WEIGHTS), 12, np.uint8)
    starts = np.tile(np.array((32768, 3), np.uint16), (n_contexts(maps), 1))
    return codec.to_array(networks, weights, starts)
