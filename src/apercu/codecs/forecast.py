"""What to expect of a file before it is coded: its size and its error at every step, from statistics of the image.

One pass over the coefficients counts how many there are of each magnitude. A magnitude costs so many bits, and leaves
so much of an error, as its ratio to the quantiser's step says: a table of both is trained for each codec
(`apercu.lab.forecast`), and the sums over all magnitudes are the forecast. That an image's statistics choose the
setting is the arbitration of Khashman and Dimililer (EUROCON 2007), who train a network to choose a compression ratio
of the DCT. By integers, or by operations that IEEE 754 rounds alike everywhere, so that a search takes the same way on
every machine.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.format.ids import CODECS, MODELS

FOLDER = Path(__file__).parent.parent / "weights"
BINS = 50
"""Of magnitudes, two an octave: bin k holds those from 2^(k/2) times the step of `step_q8` = 1 on; the first and the
last also what is smaller or larger."""
FIRST, KNOTS = 16, 21
"""The steps that a forecast is made for, two an octave: from 2^(16/2) = 256 to 262,144, in `step_q8`."""
LOWEST, RATIOS = -6, 16
"""Ratios of a magnitude to the step that the tables have, in half octaves. Below the lowest nothing is coded: the error
is the magnitude's square, the bits are those of the lowest. Above the highest every octave takes a bit more."""
UNIT = 4096
"""Bits, and errors in squares of the step, are multiples of 1/UNIT."""
STEPS_Q8 = [256 << knot // 2 if knot % 2 == 0 else (362039 << knot // 2) // 1000 for knot in range(KNOTS)]

Counts = NDArray[np.int64]
"""(kinds, BINS), how many coefficients there are of each magnitude; a codec says what its kinds are."""
Weights = NDArray[np.uint32]
"""(2, kinds, RATIOS): bits and squared errors for each ratio of a magnitude to the step, in 1/UNIT. A model has those
of each variant of its codec."""
LARGEST_STEP_LOG2 = 18
"""Of steps that a pick considers, in `step_q8`."""
HEAD_BITS = 8 * 14
"""Of a file, with its checksums."""
_MUCH = 0.015
"""What a pick must promise, as a share of the first variant's error or size. On training images that were kept apart,
picks that promised less lost by it."""
_LARGE = 800
"""Bytes of the smallest file that a pick is made for. Smaller ones are next to empty; variants were trained without."""
_PIECE = 1 << 16
"""Coefficients that are counted at a time, so that little memory is needed."""
_MANTISSA_BITS, _BIAS, _EXPONENTS = 23, 127, 256
"""Of a float32."""


def counted(coefficients: NDArray[np.signedinteger[Any]], steps: Sequence[float], sizes: Sequence[int]) -> Counts:
    """How many of coefficients (n,) there are of each magnitude, (BINS,). `steps`: the quantiser's for `step_q8` = 1,
    of runs of these `sizes` of them, one after the other."""
    factors = np.array([1 / step for step in steps], np.float32)
    ends = np.cumsum([0, *sizes])
    found = np.zeros(_EXPONENTS, np.int64)
    for start in range(0, coefficients.size, _PIECE):
        piece = coefficients[start : start + _PIECE]
        ratios = piece.astype(np.float32)
        ratios *= np.repeat(factors, np.diff(np.clip(ends, start, start + piece.size)))
        np.square(ratios, out=ratios)  # so its exponent counts half octaves
        found += np.bincount(ratios.view(np.int32) >> _MANTISSA_BITS, minlength=_EXPONENTS)
    first, last = _BIAS, _BIAS + BINS - 1
    return np.concatenate([[found[: first + 1].sum()], found[first + 1 : last], [found[last:].sum()]])


class Forecast(NamedTuple):
    """`bits` and `errors` at STEPS_Q8: of a whole file, and squared and summed, in planes of 8 bits."""

    bits: list[float]
    errors: list[float]

    def n_bytes(self, step_q8: int) -> float:
        """Of the file with this step."""
        index, share = between(step_q8, inverse=True)
        return (self.bits[index] + share * (self.bits[index + 1] - self.bits[index])) / 8

    def error(self, step_q8: int) -> float:
        """Squared, and summed over the planes of a class."""
        index, share = between(step_q8)
        return self.errors[index] + share * (self.errors[index + 1] - self.errors[index])


def between(step_q8: int, inverse: bool = False) -> tuple[int, float]:
    """The knot at a step or before it, and the share of the way to the next one; or of the way of their inverses,
    which sizes go more evenly with."""
    index = min(max(bisect_right(STEPS_Q8, step_q8) - 1, 0), KNOTS - 2)
    before, behind = STEPS_Q8[index : index + 2]
    share = (step_q8 - before) / (behind - before)
    return index, share * behind / step_q8 if inverse else share


def forecast(counts: Counts, weights: Weights, share: float = 1.0) -> Forecast:
    """For an image with these counts. Errors are multiplied by `share`."""
    bits, errors = (of_knots @ counts.ravel() for of_knots in _at_knots(weights.tobytes(), len(counts)))
    squares = [(step / 256) ** 2 / UNIT for step in STEPS_Q8]
    return Forecast(
        [HEAD_BITS + n / UNIT for n in np.minimum.accumulate(bits).tolist()],
        [share * (n * square) for n, square in zip(errors.tolist(), squares, strict=True)],
    )


def picked(forecasts: Mapping[int, Forecast], n_bytes: int | None, error: float) -> int:
    """The variant with the least error expected in a file of `n_bytes`, or, where that is None, the one with the
    smallest file expected to have this error, the squared one over all samples. The first variant, where that promises
    little or the file is next to empty."""
    found, first = {}, next(iter(forecasts))
    for variant, expected in forecasts.items():
        finest = 0
        for bit in range(LARGEST_STEP_LOG2 - 1, -1, -1):  # the largest step that is too fine, or not too coarse
            step = finest + (1 << bit)
            if expected.n_bytes(step) > n_bytes if n_bytes is not None else expected.error(step) <= error:
                finest = step
        step = max(finest, 1)
        found[variant] = expected.error(step) if n_bytes is not None else expected.n_bytes(step)
    best = min(found, key=found.__getitem__)
    large = (found[first] if n_bytes is None else n_bytes) >= _LARGE
    return best if large and found[best] < (1 - _MUCH) * found[first] else first


@cache
def shipped(model_id: int) -> Weights:
    """The weights that come with a model, (variants, 2, kinds, RATIOS), in a file of the model's name; where not with
    the codec's default, that of its entropy coder is in it too."""
    codec, entropy, file, _ = MODELS[model_id]
    other = "" if entropy == CODECS[codec][0] else f"_{entropy}"
    weights: Weights = np.load(FOLDER / f"{Path(file).stem}{other}_forecast.npy").astype(np.uint32)
    return weights.reshape(-1, *weights.shape[-3:])


@cache
def _at_knots(weights: bytes, kinds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bits and errors of a coefficient of each kind and bin at each knot, (KNOTS, kinds * BINS)."""
    bits, errors = np.frombuffer(weights, np.uint32).reshape(2, kinds, RATIOS).astype(float)
    of_bits, of_errors, beyond = by_ratio()
    bits_of, errors_of = bits @ of_bits + UNIT * beyond[:, None], errors @ of_errors
    return bits_of.reshape(KNOTS, -1).astype(np.int64), errors_of.reshape(KNOTS, -1).astype(np.int64)


def by_ratio() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How much each ratio counts for the bits of a bin's magnitudes at each knot, (KNOTS, RATIOS, BINS), and for their
    errors; and what bits come on top, (KNOTS, BINS)."""
    ratios = np.arange(BINS) - (FIRST + np.arange(KNOTS))[:, None] - LOWEST
    within = np.clip(ratios, 0, RATIOS - 1)
    of_bits = (within[:, None] == np.arange(RATIOS)[:, None]).astype(float)
    return of_bits, of_bits * 0.5 ** np.maximum(within - ratios, 0)[:, None], np.maximum(ratios - within, 0) / 2
