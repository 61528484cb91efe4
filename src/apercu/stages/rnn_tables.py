"""The tables of the recurrent codec: its networks, from an array of int16 and back.

The array begins with what describes it: features, units of the encoder's cell, units of the decoder's cell, units that
draw, and binary latents of a step. Then, each row by row: the scales of both classes; the units' starts of both
classes, the encoder's and the decoder's; and the arrays of encoder and decoder. The decoder needs nothing of the
encoder.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE, MARGIN = 16, 4
"""Samples a side of a place, and how far what a network sees and draws of it reaches beyond on each side."""
WINDOW = SIDE + 2 * MARGIN
ONE_LOG2 = 9
"""Fraction bits of states, features and weights."""
ONE = 1 << ONE_LOG2
MOST_SEEN, MOST_FEATURE, MOST_DRAWN = 4 * ONE - 1, 2 * ONE, 16 * ONE - 1
"""Bounds of what a network sees of an error, of a feature and of a unit that draws, and of a sample that a place draws:
in units of a scale."""
EXACT = 1 << 24
"""Integers below this are exact as float32, so that sums are the same in any order."""
MOST_WIDTH, MOST_BITS = 256, 8
STEPS = 10
"""That a place goes through at the most."""
LARGEST_SCALE = 16383
CLASSES = 2
_HEAD = 5

Real = NDArray[np.float32]


class Encoder(NamedTuple):
    """All are integers with 9 fraction bits, as float32.

    seen: (576, features). inputs: (features, 3 units). states: (units + units of the decoder, 3 units). Of each step
    there are biases: (10, 3 units), out: (10, features + units, bits) and out_biases: (10, bits).
    """

    seen: Real
    inputs: Real
    states: Real
    biases: Real
    out: Real
    out_biases: Real


class Decoder(NamedTuple):
    """inputs: (9 bits, 3 units) and states: (9 units, 3 units), for the places around, row by row. wide: (units,
    units that draw). drawn: (units that draw, 576). Of each step there are biases: (10, 3 units), wide_bits: (10, bits,
    units that draw) and wide_biases: (10, units that draw)."""

    inputs: Real
    states: Real
    biases: Real
    wide: Real
    wide_bits: Real
    wide_biases: Real
    drawn: Real


class RnnTables(NamedTuple):
    """The networks. scales: (2, steps), of luma and of chroma, in samples with 5 fraction bits. starts: of the units of
    the encoder (2, units) and of the decoder (2, units)."""

    n_bits: int
    scales: NDArray[np.int32]
    starts: tuple[Real, Real]
    encoder: Encoder
    decoder: Decoder


def shapes(n_features: int, n_encoder: int, n_decoder: int, n_wide: int, n_bits: int) -> dict[str, tuple[int, ...]]:
    """The arrays of a file in order, by their names."""
    return {
        "scales": (CLASSES, STEPS),
        "start_encoder": (CLASSES, n_encoder),
        "start_decoder": (CLASSES, n_decoder),
        "seen": (WINDOW * WINDOW, n_features),
        "encoder_inputs": (n_features, 3 * n_encoder),
        "encoder_states": (n_encoder + n_decoder, 3 * n_encoder),
        "encoder_biases": (STEPS, 3 * n_encoder),
        "out": (STEPS, n_features + n_encoder, n_bits),
        "out_biases": (STEPS, n_bits),
        "decoder_inputs": (9 * n_bits, 3 * n_decoder),
        "decoder_states": (9 * n_decoder, 3 * n_decoder),
        "decoder_biases": (STEPS, 3 * n_decoder),
        "wide": (n_decoder, n_wide),
        "wide_bits": (STEPS, n_bits, n_wide),
        "wide_biases": (STEPS, n_wide),
        "drawn": (n_wide, WINDOW * WINDOW),
    }


BOUNDS = {
    "seen": MOST_SEEN,
    "encoder_inputs": MOST_FEATURE,
    "encoder_states": ONE,
    "out": MOST_FEATURE,
    "decoder_inputs": 1,
    "decoder_states": ONE,
    "wide": ONE,
    "drawn": MOST_FEATURE,
}
"""The largest magnitude of what each matrix multiplies. The few bits of a place are within it anyway (wide_bits)."""


def largest_sum(name: str) -> int:
    """Of the magnitudes of the weights to an output of a matrix, so that sums and what is added to them are exact."""
    return (EXACT - (1 << 22)) // BOUNDS[name]


def unpack(array: NDArray[np.int16]) -> tuple[RnnTables, NDArray[np.int16]]:
    """Tables from the beginning of an array, and its rest; raises ValueError, which says what is wrong with it."""
    if array.ndim != 1 or len(array) < _HEAD:
        raise ValueError(f"an array of shape {array.shape}")
    head = tuple(int(number) for number in array[:_HEAD])
    *widths, n_bits = head
    if not all(1 <= width <= MOST_WIDTH for width in widths):
        raise ValueError(f"widths of {', '.join(map(str, widths))}")
    if not 1 <= n_bits <= MOST_BITS:
        raise ValueError(f"{n_bits} bits in each step")
    found: dict[str, NDArray[np.int16]] = {}
    at = _HEAD
    for name, shape in shapes(*head).items():
        n = int(np.prod(shape))
        if at + n > len(array):
            raise ValueError("it ends too early")
        found[name] = array[at : at + n].reshape(shape)
        at += n
    _check(found)
    real = {name: part.astype(np.float32) for name, part in found.items()}
    of_encoder = "seen", "encoder_inputs", "encoder_states", "encoder_biases", "out", "out_biases"
    of_decoder = "decoder_inputs", "decoder_states", "decoder_biases", "wide", "wide_bits", "wide_biases", "drawn"
    encoder, decoder = Encoder(*(real[name] for name in of_encoder)), Decoder(*(real[name] for name in of_decoder))
    starts = real["start_encoder"], real["start_decoder"]
    return RnnTables(n_bits, found["scales"].astype(np.int32), starts, encoder, decoder), array[at:]


def _check(found: dict[str, NDArray[np.int16]]) -> None:
    """Raises ValueError for numbers beyond their bounds."""
    scales = found["scales"]
    if scales.min() < 1 or scales.max() > LARGEST_SCALE:
        raise ValueError(f"a scale that is not 1 to {LARGEST_SCALE}")
    if any(np.abs(found[name].astype(np.int32)).max() > ONE for name in ("start_encoder", "start_decoder")):
        raise ValueError("a unit that starts beyond 1")
    for name in BOUNDS:
        if np.abs(found[name].astype(np.int64)).sum(-2).max() > largest_sum(name):
            raise ValueError(f"weights too large for exact sums ({name})")


def pack(head: tuple[int, int, int, int, int], numbers: dict[str, NDArray[np.float64]]) -> NDArray[np.int16]:
    """An array of whole numbers of these `shapes`; raises ValueError for what `unpack` would refuse.

    head: features, units of the encoder, units of the decoder, units that draw, bits."""
    parts = [np.array(head, np.float64)]
    for name, shape in shapes(*head).items():
        if numbers[name].shape != shape:
            raise ValueError(f"{name} of shape {numbers[name].shape}, not {shape}")
        parts.append(numbers[name].ravel())
    every = np.rint(np.concatenate(parts))
    if np.abs(every).max() > 32767:
        raise ValueError("a number is too large for 16 bits")
    array = every.astype(np.int16)
    unpack(array)
    return array
