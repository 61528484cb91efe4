"""Models of a user's: any that the loader lets through, above all at the ends of its limits, and files of none."""

import random
from io import BytesIO
from pathlib import Path

import numpy as np

from apercu.codecs import rnn
from apercu.format.ids import MODELS
from apercu.format.weights import FOLDER
from apercu.stages.band_contexts import packed
from apercu.stages.rnn_tables import BOUNDS, CLASSES, LARGEST_SCALE, ONE, STEPS, largest_sum, pack, shapes, unpack
from apercu.stages.symbol_maps import N_WEIGHTS, n_contexts, n_groups
from mutate import havoc
from scripts.vector_cases import OF_CODECS

BANDS, CONTEXTS = 30 * 9, 11_166


def random_model(rng: random.Random, codec: str, entropy: str | None = None) -> np.ndarray:
    """Weights that are valid for a codec and an entropy coder, or for its default."""
    draw = np.random.default_rng(rng.randrange(1 << 32))
    if codec == "predictive":
        return _predictive(rng, draw)
    if codec == "rnn" and rng.random() < 0.7:
        return _rnn(rng, draw)
    if codec not in ("apercu", "taha2025"):  # it takes its own tables, if nothing else, and those of its vectors
        own = np.load(FOLDER / next(model.file for model in MODELS.values() if model.codec == codec))
        return rng.choice((own, OF_CODECS[codec].user_model()))
    if codec == "apercu":
        return _apercu(rng, draw)
    weights = _taha2025(rng, draw)
    return weights if entropy != "range" and rng.random() < 0.5 else _with_maps(draw, weights)


def _predictive(rng: random.Random, draw: np.random.Generator) -> np.ndarray:
    """Taps of the 24 experts, whose sizes add up to 8192 at most, as two's complement; starts of the contexts."""
    kind = rng.randrange(4)
    if kind == 0:
        taps = draw.choice((-512, 512), (24, 16))
    elif kind == 1:
        taps = np.zeros((24, 16), np.int64)
        taps[np.arange(24), draw.integers(0, 16, 24)] = draw.choice((-8192, 8192), 24)
    else:
        taps = draw.integers(-500, 501, (24, 16))
    likely = draw.choice((1, 65535), 25080) if kind == 0 else draw.integers(1, 65536, 25080)
    starts = np.stack([likely, draw.integers(2, 129, 25080)], 1)
    return np.concatenate([taps.astype(np.int16).ravel().view(np.uint16), starts.astype(np.uint16).ravel()])


def _rnn(rng: random.Random, draw: np.random.Generator) -> np.ndarray:
    """Small networks whose sums are as large as they may be, or few, and any starts of contexts."""
    head = (*(rng.choice((1, 2, 3, 9)) for _ in range(4)), rng.choice((1, 2, 8)))
    numbers = {name: draw.choice((-32767, 0, 32767), shape) for name, shape in shapes(*head).items()}
    for name in BOUNDS:
        most = largest_sum(name) // numbers[name].shape[-2]
        numbers[name] = np.clip(numbers[name] // rng.choice((1, 1, 9, 4000)), -most, most)
    numbers["scales"] = draw.choice((1, 700, LARGEST_SCALE), (CLASSES, STEPS))
    for name in ("start_encoder", "start_decoder"):
        numbers[name] = np.clip(numbers[name], -ONE, ONE)
    networks = pack(head, {name: values.astype(np.float64) for name, values in numbers.items()})
    maps = rnn.maps_of(unpack(networks)[0])
    weights = draw.choice((0, 12, 90), (CLASSES, n_groups(maps), N_WEIGHTS)).astype(np.uint8)
    n = n_contexts(maps)
    starts = np.stack([draw.choice((1, 32768, 65535), n), draw.integers(2, 129, n)], 1).astype(np.uint16)
    return rnn.to_array(networks, weights, starts)


def _with_maps(draw: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """Weights and what range coding takes: what is expected, weights of maps, starts of contexts."""
    expected, of_maps = draw.integers(-2047, 2048, 56), draw.choice((0, 12, 90), 324)
    starts = np.stack([draw.choice((1, 32768, 65535), 5094), draw.integers(2, 129, 5094)], 1)
    parts = weights.ravel(), expected, of_maps, starts.astype(np.uint16).ravel().view(np.int16)
    return np.concatenate([part.astype(np.int16) for part in parts])


def _taha2025(rng: random.Random, draw: np.random.Generator) -> np.ndarray:
    """(2, 9, 64) int16: rows add up to less than 2^18, a pixel's eight weights of G2's synthesis to less than 2^16."""
    signs = draw.choice((-1, 1), (2, 9, 64))
    kind = rng.randrange(6)
    if kind == 0:
        weights = signs * 4095
    elif kind == 1:
        weights = signs * 8191 * (np.arange(64) % 2)
    elif kind == 2:  # eight pixels count, as much as 16 bits hold, in two rows
        weights = signs * 32767 * (np.arange(64) % 8 == 0) * (np.arange(9) % 4 == 1)[:, np.newaxis]
    elif kind == 3:
        weights = draw.integers(-4095, 4096, (2, 9, 64))
    elif kind == 4:
        weights = signs * rng.choice((0, 1, 2, 100))
    else:
        weights = signs * 2048
        weights[:, 0] = 4095 * rng.choice((-1, 1))
    return weights.astype(np.int16)


def _apercu(rng: random.Random, draw: np.random.Generator) -> np.ndarray:
    """(22602,) uint16: weights of 0 to 64, then for each context a probability of 1 to 65535 and an age of 2 to 128. Or
    small tables, (8362,) uint8."""
    weights = draw.integers(0, 65, BANDS) if rng.random() < 0.5 else np.full(BANDS, rng.choice((0, 1, 64)))
    if rng.random() < 0.2:
        codes = draw.integers(0, 256, CONTEXTS) if rng.random() < 0.5 else np.full(CONTEXTS, rng.choice((0, 63, 255)))
        return packed(weights.astype(np.uint8).reshape(30, 9), codes.astype(np.uint8))
    ends = rng.choice(((1,), (65535,), (1, 65535), (1, 32768, 65535), (32768,)))
    chances = draw.choice(ends, CONTEXTS) if rng.random() < 0.7 else draw.integers(1, 65536, CONTEXTS)
    ages = np.full(CONTEXTS, rng.choice((2, 128))) if rng.random() < 0.7 else draw.integers(2, 129, CONTEXTS)
    return np.concatenate([weights, np.stack([chances, ages], 1).ravel()]).astype(np.uint16)


def broken_file(rng: random.Random, model: np.ndarray) -> bytes:
    """A file that may hold no model at all."""
    kind = rng.randrange(6)
    if kind == 0:
        model = model.astype(rng.choice(("f4", "i8", "u1", ">i2", ">u2", "i2", "u2", "c8", "U3", "M8[s]")))
    elif kind == 1:
        model = rng.choice((model[:-1], model.reshape(-1)[:, np.newaxis], model.reshape(-1)[:0], model.T))
    elif kind == 2:
        model = model.copy()
        model.reshape(-1)[rng.randrange(model.size) :: rng.choice((1, 2, 7, 1000))] = np.array(
            rng.choice((0, 65, 129, 32767))
        ).astype(model.dtype)
    stream = BytesIO()
    np.save(stream, model)
    data = stream.getvalue()
    if kind == 3:  # the header is a literal of Python's
        return data[:10] + havoc(rng, data[10:128], data[10:60]) + data[128:]
    return havoc(rng, data, data[:200]) if kind > 3 else data


def write(path: Path, data: np.ndarray | bytes) -> Path:
    """A model or the bytes of one into a file."""
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        with path.open("wb") as stream:
            np.save(stream, data)
    return path
