"""Training of the tables of codec `apercu`: weights of neighbours, and what each context begins with.

Weights: the size of a coefficient, in steps, is modelled as exponential with a mean that is a weighted sum of
magnitudes around it, and the weights are those of greatest likelihood. They are found by the multiplicative updates of
Itakura-Saito factorisation (Févotte, Bertin, Durrieu, Neural Computation 21, 2009), which keep them from falling below
zero.

Contexts: every image is coded at every step. A context starts with the mean of its final probabilities, weighted by the
number of bits it coded. The more they differ between images, beyond chance, the fewer bits the start counts for.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.codecs import apercu as codec
from apercu.codecs.content import to_content
from apercu.format.container import Header, read_header
from apercu.lab import recipes
from apercu.lab.images import Reader, fault_of, files_below, read_rgb, sound
from apercu.processes import Run, in_order, n_cores, pool
from apercu.stages.bands import (
    N_BANDS,
    N_CONTEXTS,
    N_WEIGHTS,
    STAGES,
    BandCoder,
    BandPlane,
    BandTables,
    band_step,
    start_contexts,
)
from apercu.stages.colour import Samples
from apercu.stages.wavelet import band_places

SEED = 2026
TAKES_ANY_PICTURE = True
"""Not RGB of 8 bits alone: the command reads what `encode` takes."""
STEPS_Q8 = tuple(256 * step for step in (16, 28, 48, 80, 130, 220))
FIRST_WEIGHTS = (5, 5, 2, 2, 1, 1, 6, 5, 5)
NEW = (32768, 3)  # a context that knows nothing
SAMPLES = 100  # of every band of an image, and as many with something around them
UPDATES = 200
PASSES = 3
TRUST = 60  # the most bits that a mean is trusted for
LEAST_BITS = 30  # a context that saw fewer stays new
MOST_STEPS = 30.0  # larger coefficients say no more about the mean
LARGEST_WEIGHT = 60
BAND_WEIGHT = 12
"""Of the band before, for a band of many, where no training image has one. (Red, green and blue as bands would take 32,
but they are more alike than bands far from each other.)"""
MOST_SAMPLES = 1 << 25
"""Of an image; of a larger one the middle is taken."""

Real = NDArray[np.float64]
Jobs = Iterable[tuple[Path, int]]
Job = TypeVar("Job")
Setup = Callable[[], object]


def train(
    folder: Path,
    out: Path,
    seed: int = SEED,
    log: Callable[[str], None] = print,
    read: Reader = read_rgb,
    setup: Setup | None = None,
) -> None:
    """Trains on all images below `folder`; writes tables to `out` (.npy, uint16) and the recipe beside them.

    read: how a file becomes an array; what it cannot read is passed over and named in the log.
    setup: puts your own stages in the place of the codec's, as `docs/replace-a-stage.md` shows. It is called here and
        in every process that codes images, under every way to start processes; so it has to be a function of a module.

    Raises OptionError where there is nothing to train on.
    """
    if setup:
        setup()
    files = files_below(folder)
    with pool(n_cores(), setup, how=None) as run:
        files = sound(files, in_order(run, partial(fault_of, read), files), log)
        array, sizes = _trained(run, read, files, seed, log)
    recipe = {
        "codec": "apercu",
        "command": f"apercu train apercu --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "bytes_before_each_pass": sizes,
        "sha256": hashlib.sha256(array.astype("<u2").tobytes()).hexdigest(),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)


def _trained(
    run: Run, read: Reader, files: list[Path], seed: int, log: Callable[[str], None]
) -> tuple[NDArray[np.uint16], list[int]]:
    """The tables, and the bytes that all images took before each pass."""
    weights = np.tile(np.array(FIRST_WEIGHTS, np.uint8), (N_BANDS, 1))
    new = np.tile(np.array(NEW, np.uint16), (N_CONTEXTS, 1))
    every = [(path, step) for path in files for step in STEPS_Q8]
    thirds = [(path, STEPS_Q8[(index + shift) % 6]) for index, path in enumerate(files) for shift in (0, 3)]
    starts, n_bytes = trained_starts(run, partial(_ends, read, weights, new), thirds, new)
    log(f"first weights: {n_bytes} bytes")
    weights = _trained_weights(run, read, thirds, weights, starts, seed)
    starts = new
    sizes: list[int] = []
    for _ in range(PASSES):
        starts, n_bytes = trained_starts(run, partial(_ends, read, weights, starts), every, starts)
        sizes.append(n_bytes)
        log(f"contexts, pass {len(sizes)}: {n_bytes} bytes")
    return np.concatenate([weights.astype(np.uint16).ravel(), starts.ravel()]), sizes


def analysis_of(path: Path, read: Reader = read_rgb) -> codec.Analysis:
    """Coefficients of an image as the codec makes them, as one tile; of a large image its middle."""
    image, bands = read(path)
    image = _middle(image if image.ndim == 3 else image[..., None])
    height, width, n_bands = image.shape
    header = Header(height, width, n_bands, bands, codec="apercu")
    if image.dtype == np.uint16:  # how samples are scaled is the encoder's to say
        header = read_header(apercu.encode(image, bands=bands, quality=0))
    no_tables = BandTables(np.empty(0, np.uint8), np.empty(0, np.uint64))
    return codec.analyse(*to_content(image, header), None, no_tables)


def _middle(image: Samples) -> Samples:
    """As much of the middle of (H, W, B) as has MOST_SAMPLES; all of a smaller image."""
    height, width, n_bands = image.shape
    share = (MOST_SAMPLES / (height * width * n_bands)) ** 0.5
    if share >= 1:
        return image
    rows, columns = max(1, int(share * height)), max(1, int(share * width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


class Coded(NamedTuple):
    """An image coded at a step: what was coded, as which symbols, how contexts ended, and how many bytes it took."""

    planes: list[BandPlane]
    coefficients: NDArray[np.int16]
    symbols: NDArray[np.int16]
    contexts: NDArray[np.uint16]
    n_bytes: int


def _coded(path: Path, read: Reader, step_q8: int, weights: NDArray[np.uint8], starts: NDArray[np.uint16]) -> Coded:
    analysis = analysis_of(path, read)
    coder = BandCoder(analysis.planes, BandTables(weights, start_contexts(starts)))
    coefficients, symbols = (np.zeros(coder.n_samples, np.int16) for _ in range(2))
    codec.coefficients_of(analysis, step_q8, coefficients)
    n_bytes = len(coder.encode(coefficients.copy(), step_q8, STAGES, 1, symbols))  # which changes them at the border
    contexts = coder.contexts.view(np.uint16).reshape(-1, 4)
    return Coded(analysis.planes, coefficients, symbols, contexts, n_bytes)


def _ends(
    read: Reader, weights: NDArray[np.uint8], starts: NDArray[np.uint16], job: tuple[Path, int]
) -> tuple[Real, Real, int]:
    """Probability of a 0 and age of every context after an image; and the image's size in bytes."""
    path, step_q8 = job
    coded = _coded(path, read, step_q8, weights, starts)
    fields = coded.contexts
    return fields[:, :2].mean(1) / 65536, (fields[:, 2] & 255).astype(float), coded.n_bytes


def trained_starts(
    run: Run, ends: Callable[[Job], tuple[Real, Real, int]], jobs: Iterable[Job], starts: NDArray[np.uint16]
) -> tuple[NDArray[np.uint16], int]:
    """Starts by the moments of what contexts end at; and the size of all images with the starts that were given.

    ends: of a job, the probability of a 0 and the age of every context after it, and the size in bytes.
    """
    n, np_, npp, thin, total = (np.zeros(len(starts)) for _ in range(5))
    size = 0
    for p, age, n_bytes in in_order(run, ends, jobs):
        bits = np.maximum(age - starts[:, 1], 0)
        n, np_, npp, size = n + bits, np_ + bits * p, npp + bits * p * p, size + n_bytes
        thin, total = thin + bits / (bits + 2), total + bits
    before = starts[:, 0] / 65536
    mean = (np_ + 2 * before) / (n + 2)
    seen = np.maximum(n, 1e-9)
    variance = npp / seen - 2 * mean * np_ / seen + mean**2
    apart = np.maximum(variance - mean * (1 - mean) * thin / np.maximum(total, 1e-9), 1e-7)
    trust = np.where(n < LEAST_BITS, NEW[1], np.clip(mean * (1 - mean) / apart - 1, 2, TRUST))
    found = np.stack([np.clip(np.rint(65536 * mean), 1, 65535), np.floor(trust)], 1)
    return found.astype(np.uint16), size


def _smooth(magnitudes: Real) -> Real:
    padded = np.pad(magnitudes, 1)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16


def _placed(values: Real, shape: tuple[int, ...]) -> Real:
    out = np.zeros(shape)
    height, width = min(shape[0], values.shape[0]), min(shape[1], values.shape[1])
    out[:height, :width] = values[:height, :width]
    return out


def _past(bands: dict[tuple[int, int], Real], key: tuple[int, int], companion: Real | None) -> Real:
    """What predicts each sample of a band, (9, H, W): see `band_model.h`."""
    own = np.pad(bands[key], 2)
    shape = bands[key].shape
    down, across = (slice(2, 2 + side) for side in shape)
    up, left, far_up, far_left = slice(1, 1 + shape[0]), slice(1, 1 + shape[1]), slice(shape[0]), slice(shape[1])
    right = slice(3, 3 + shape[1])
    near = [own[down, left], own[up, across], own[up, left], own[up, right], own[down, far_left], own[far_up, across]]
    level, orientation = key
    parent = np.zeros(shape)
    if (level + 1, orientation) in bands:
        parent = _placed(_smooth(bands[level + 1, orientation]).repeat(2, 0).repeat(2, 1), shape)
    sisters = sum((_placed(_smooth(bands[level, o]), shape) for o in range(orientation)), np.zeros(shape))
    beside = np.zeros(shape) if companion is None else _smooth(companion)
    return np.stack([*near, parent, sisters, beside])


def _samples(
    read: Reader,
    weights: NDArray[np.uint8],
    starts: NDArray[np.uint16],
    seed: int,
    numbered: tuple[int, tuple[Path, int]],
) -> dict[int, tuple[Real, Real]]:
    """For each band (class, stage, orientation): rows of the nine magnitudes, and the sizes that they predict."""
    number, (path, step_q8) = numbered
    rng = np.random.default_rng((seed, number))
    planes, coefficients, all_symbols, *_ = _coded(path, read, step_q8, weights, starts)
    found: dict[int, tuple[Real, Real]] = {}
    all_bands: list[dict[tuple[int, int], Real]] = []
    at = 0
    for plane in planes:
        places = band_places(plane.height, plane.width, STAGES - plane.chroma)
        bands: dict[tuple[int, int], Real] = {}
        for key, (start, height, width) in places.items():
            symbols = all_symbols[at + start : at + start + height * width].astype(float)
            bands[key] = np.minimum(np.abs(symbols), 15).reshape(height, width)
        all_bands.append(bands)
        for key, (start, height, width) in places.items():
            if min(height, width) < 2:
                continue
            level, orientation = key
            stage = level + plane.chroma
            beside = None
            if plane.companion >= 0:
                beside = all_bands[plane.companion][stage - planes[plane.companion].chroma, orientation]
            past = _past(bands, key, beside).reshape(N_WEIGHTS, -1).T
            sizes = np.abs(coefficients[at + start : at + start + height * width].astype(float))
            sizes /= band_step(step_q8, plane.chroma, level, orientation)
            chosen = rng.choice(len(sizes), min(len(sizes), SAMPLES), replace=False)
            if len(active := np.flatnonzero(past.any(1))):
                chosen = np.append(chosen, rng.choice(active, min(len(active), SAMPLES), replace=False))
            band = (plane.chroma * STAGES + stage - 1) * 3 + orientation
            found[band] = past[chosen], np.minimum(sizes[chosen], MOST_STEPS)
        at += plane.width * plane.height
    return found


def likeliest_weights(past: Real, sizes: Real) -> Real:
    """Weights (K,), zero or more, of the columns of `past` (N, K) that make `sizes` (N,) likeliest as exponentials of
    mean constant + past · weights. A column of zeros gets none."""
    columns = np.column_stack([np.ones(len(past)), past])
    weights = np.full(columns.shape[1], 0.15)
    weights[0] = 0.5 * sizes.mean() + 1e-3
    weights[~columns.any(0)] = 0
    for _ in range(UPDATES):
        mean = np.maximum(columns @ weights, 1e-4)
        pull, push = columns.T @ (sizes / mean**2), columns.T @ (1 / mean)
        weights *= np.sqrt(pull / np.maximum(push, 1e-12))
    return weights[1:]


def _trained_weights(
    run: Run,
    read: Reader,
    jobs: Jobs,
    weights: NDArray[np.uint8],
    starts: NDArray[np.uint16],
    seed: int,
) -> NDArray[np.uint8]:
    """Weights in 1/16: those within the band and those of other bands each by themselves, as contexts use them."""
    rows: dict[int, list[tuple[Real, Real]]] = {}
    for found in in_order(run, partial(_samples, read, weights, starts, seed), enumerate(jobs)):
        for band, row in found.items():
            rows.setdefault(band, []).append(row)
    trained = weights.copy()
    trained[: STAGES * 3, -1] = BAND_WEIGHT
    for band, parts in rows.items():
        past, sizes = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        both = [likeliest_weights(past[:, :6], sizes), likeliest_weights(past[:, 6:], sizes)]
        trained[band] = np.clip(np.rint(16 * np.concatenate(both)), 0, LARGEST_WEIGHT)
        if band < STAGES * 3 and not past[:, -1].any():
            trained[band, -1] = BAND_WEIGHT
    return trained
