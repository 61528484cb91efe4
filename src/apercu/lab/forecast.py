"""Training of what a codec's sizes and errors are forecast from (`apercu.codecs.forecast`): the bits that a magnitude
takes, and the squared error that it leaves.

Some images of a folder are coded at several qualities, each in colour, in grey, and in colour a small part of it. The
weights are those, zero or more, whose forecasts of all sizes and errors are least wrong, in relation to each. They are
found by multiplicative updates (Lee and Seung, Advances in Neural Information Processing Systems 13, 2000). Each
variant of a codec that counts has weights of its own.

    python -m apercu.lab.forecast CODEC IMAGES OUT.npy [OPTION=VALUE ...]

Options are the codec's, by which the model is chosen: `entropy=huffman`, for instance.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.codecs import encoding, tables
from apercu.codecs.by_name import codec_of
from apercu.codecs.content import to_content
from apercu.codecs.forecast import HEAD_BITS, RATIOS, STEPS_Q8, UNIT, Counts, between, by_ratio
from apercu.errors import OptionError
from apercu.format.container import read_header
from apercu.lab import recipes
from apercu.lab.images import files_below, read_rgb
from apercu.stages.colour import Samples

MOST_IMAGES = {"apercu": 160}
"""Of a codec; of others, 80."""
QUALITIES = tuple(range(4, 78, 7))
FROM_QUALITY = {"dct": 25}
"""Where a codec codes next to nothing below: sizes there would spoil the forecast of others."""
SMALL = 96  # sides of the small parts
UPDATES = 20_000

Real = NDArray[np.float64]
Log = Callable[[str], None]
Options = Mapping[str, Any]


class Coded(NamedTuple):
    """An image at a quality: its bits and errors by ratios, (kinds * RATIOS,) each; the bits that are known to come on
    top; and how many bits and how much of an error there were."""

    of_bits: Real
    of_errors: Real
    known_bits: float
    n_bits: float
    error: float


def train(codec: str, folder: Path, out: Path, options: Options = MappingProxyType({}), log: Log = print) -> None:
    """Trains on images below `folder`; writes weights to `out` (.npy, uint32) and the recipe beside them. `options`:
    those of the codec that files are encoded with. Raises OptionError where there is nothing to train on."""
    files = files_below(folder)
    files = files[:: -(-len(files) // MOST_IMAGES.get(codec, 80))]
    module = codec_of(codec)
    coded = [point for path in files for part in _parts(read_rgb(path)[0]) for point in _points(codec, options, part)]
    found = [_weights(coded[variant :: module.VARIANTS]) for variant in range(module.VARIANTS)]
    array = np.rint(UNIT * np.stack([weights for weights, *_ in found])).astype("<u4")
    of_sizes, of_errors = (np.concatenate(shares) for shares in zip(*(shares for _, *shares in found), strict=True))
    wrong = {"size": _wrong(of_sizes), "error": _wrong(of_errors)}
    log(f"{len(coded)} files of {len(files)} images; forecasts are wrong by {wrong}")
    given = [f"{name}={value}" for name, value in options.items()]
    recipe = {
        "codec": codec,
        "command": " ".join(["python -m apercu.lab.forecast", codec, folder.name, out.name, *given]),
        "wrong_by": wrong,
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)


def _weights(coded: list[Coded]) -> tuple[Real, Real, Real]:
    """Weights, (2, kinds, RATIOS), and how large forecasts of sizes and errors are by them, in relation to each."""
    sizes = np.array([p.n_bits for p in coded])
    known = np.array([p.known_bits for p in coded])
    of_bits = np.stack([p.of_bits for p in coded])
    bits = least_wrong(of_bits, sizes - known, sizes)
    lossy = [p for p in coded if p.error > 0]
    true, of_errors = np.array([p.error for p in lossy]), np.stack([p.of_errors for p in lossy])
    errors = least_wrong(of_errors, true, true)
    weights = np.stack([bits, errors]).reshape(2, -1, RATIOS)
    return weights, (of_bits @ bits + known) / sizes, of_errors @ errors / true


def _wrong(shares: Real) -> float:
    """Root of the mean square of how far from 1 they are."""
    return round(float(np.sqrt(np.mean((shares - 1) ** 2))), 4)


def _parts(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    top, left = (max(side - SMALL, 0) // 2 for side in image.shape[:2])
    return [image, image[:, :, 1:2], np.ascontiguousarray(image[top : top + SMALL, left : left + SMALL])]


def _points(codec: str, options: Options, image: Samples) -> Iterator[Coded]:
    """An image at every quality, by each variant in turn."""
    module = codec_of(codec)
    if module.counts is None:
        raise OptionError(f"the codec {codec} counts nothing that could be forecast from")
    whole = [quality for quality in QUALITIES if quality >= FROM_QUALITY.get(codec, 0)]
    qualities = [256 * quality + variant for quality in whole for variant in range(module.VARIANTS)]
    files = [apercu.encode(image, quality=quality / 256, codec=codec, **options) for quality in qualities]
    header = read_header(files[0])
    shipped = tables.shipped(header.model_id)
    counts = module.counts(module.analyse(*to_content(image, header), None, shipped), shipped)
    for quality, data in zip(qualities, files, strict=True):
        difference = image.astype(np.int64) - apercu.decode(data).reshape(image.shape)
        step_q8 = module.at_quality(quality, encoding.options_of(codec, options)).step_q8
        error = float(np.sum(difference**2)) / header.n_bands * (256 / step_q8) ** 2
        yield Coded(*_features(counts, step_q8), 8 * len(data), error)


def _features(counts: Counts, step_q8: int) -> tuple[Real, Real, float]:
    """The first three of `Coded`: a forecast lies between those of two knots."""
    of_bits, of_errors, beyond = by_ratio()
    bits, errors = (np.einsum("jrb,kb->jkr", of, counts).reshape(len(of), -1) for of in (of_bits, of_errors))
    known = beyond @ counts.sum(0)
    index, share = between(step_q8, inverse=True)
    mixed = (1 - share) * bits[index] + share * bits[index + 1]
    on_top = HEAD_BITS + (1 - share) * known[index] + share * known[index + 1]
    index, share = between(step_q8)
    squares = [(STEPS_Q8[knot] / step_q8) ** 2 for knot in (index, index + 1)]
    return mixed, (1 - share) * squares[0] * errors[index] + share * squares[1] * errors[index + 1], float(on_top)


def least_wrong(features: Real, true: Real, scales: Real) -> Real:
    """Weights (K,), zero or more, for which `features` (N, K) times them come nearest to `true` (N,), in relation to
    `scales` (N,). A column of zeros gets none."""
    relative = features / scales[:, None]
    pull, square = np.maximum(relative.T @ (true / scales), 0), relative.T @ relative
    weights = np.where(pull > 0, 1.0, 0.0)
    for _ in range(UPDATES):
        weights *= pull / np.maximum(square @ weights, 1e-12)
    return weights


if __name__ == "__main__":
    train(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), dict(word.split("=") for word in sys.argv[4:]))
