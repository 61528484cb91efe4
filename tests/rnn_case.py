"""Small networks of the codec `rnn` that are not trained: drawn ones, and ones by hand that make errors smaller."""

import numpy as np

from apercu.codecs import rnn as codec
from apercu.stages.rnn_tables import BOUNDS, STEPS, WINDOW, largest_sum, pack, shapes, unpack
from apercu.stages.symbol_maps import CLASSES, N_WEIGHTS, n_contexts, n_groups

HEAD = (5, 4, 6, 7, 3)


def drawn_numbers(seed=0, head=HEAD, size=400):
    """The arrays of a file by name: noise, small enough for exact sums."""
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(0, size, shape) for name, shape in shapes(*head).items()}
    for name in BOUNDS:
        total = np.abs(found[name]).sum(-2).max() + found[name].shape[-2]
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


def useful_numbers():
    """Networks by hand: a bit is the sign of what is left along a wave, and draws some of that wave."""
    n = HEAD[-1]
    head = (n, n, n, 2 * n, n)
    found = {name: np.zeros(shape) for name, shape in shapes(*head).items()}
    at = np.pi * (np.arange(WINDOW) + 0.5) / WINDOW
    waves = [np.outer(np.cos(i * at), np.cos(j * at)).ravel() for i, j in ((0, 0), (0, 1), (1, 0))]
    found["scales"] = np.array([[600], [200]]) * 0.8 ** np.arange(STEPS)
    found["encoder_biases"][:, :n] = found["decoder_biases"][:, :n] = 2048  # always on
    for k, wave in enumerate(waves):
        found["seen"][:, k] = 8 * wave
        found["encoder_inputs"][k, 2 * n + k] = 512
        found["out"][:, n + k, k] = 512
        found["decoder_inputs"][4 * n + k, 2 * n + k] = 512
        for unit, sign in ((k, 1), (n + k, -1)):
            found["wide"][k, unit] = 512 * sign
            found["drawn"][unit] = 200 * sign * wave
    return {name: np.rint(values) for name, values in found.items()}, head


def file_of(numbers=None, head=HEAD):
    """The numbers of a file of tables whose contexts know nothing; of drawn networks unless there are others."""
    networks = pack(head, numbers or drawn_numbers(0, head))
    maps = codec.maps_of(unpack(networks)[0])
    weights = np.full((CLASSES, n_groups(maps), N_WEIGHTS), 12, np.uint8)
    starts = np.tile(np.array((32768, 3), np.uint16), (n_contexts(maps), 1))
    return codec.to_array(networks, weights, starts)
