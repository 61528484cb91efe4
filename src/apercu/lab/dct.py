"""Training of the tables of the DCT: quantisers, what is expected of low frequencies, contexts.

What is expected is found by least squares from means as they are decoded. Quantisers: `apercu.lab.dct_quantisers`.
Contexts: `apercu.lab.symbol_maps`.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.lab import recipes
from apercu.lab.dct_pictures import Job, coded, fault, picture
from apercu.lab.dct_quantisers import STEPS_Q8, first_parts, quantiser_of, trained_quantisers
from apercu.lab.images import Reader, files_below, read_rgb, sound
from apercu.lab.symbol_maps import Real, Trained, train_tables
from apercu.processes import Run, in_order, n_cores, pool
from apercu.stages.dct import N_EXPECTED, N_SUMS, ORDER, SIDE
from apercu.stages.dct_symbols import MAPS, N_QUANTISERS, Quantiser, dct_numbers, dct_steps, plane_of
from apercu.stages.symbol_maps import CLASSES, map_numbers

SEED = 2026
TABLE_STEPS_Q8 = tuple(256 * step for step in (16, 24, 36, 54, 80, 120, 180))
SHIFTS = (0, 2, 4)
"""Image i is coded at three of these steps, those at i, i + 2 and i + 4, counted round."""
SEARCH_IMAGES = 32
PASSES = 2
FEW = 200  # jobs that weights are found from


def _sums(means: Real, odd_down: int, odd_across: int) -> list[Real]:
    """The sums that `dct_expect` weights, for a parity of frequencies."""
    height, width = means.shape
    padded = np.pad(means, 1, mode="edge")
    n, s, w, e = (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1)))
    nw, ne, sw, se = (padded[i : i + height, j : j + width] for i in (0, 2) for j in (0, 2))
    if not odd_down and not odd_across:
        return [n + s - 2 * means, w + e - 2 * means, nw + ne + sw + se - 4 * means]
    if not odd_across:
        return [n - s, nw + ne - sw - se]
    return [nw - ne - sw + se] if odd_down else [w - e, nw + sw - ne - se]


def _moments(read: Reader, quantisers: Sequence[Quantiser], job: Job) -> list[tuple[Real, Real]]:
    """For each class and expected map, the moments of the sums, and those of the sums with the coefficients."""
    one = picture(job.path, read)
    steps = dct_steps(job.step_q8, quantisers[job.variant].matrix)[:, 0] / 64
    found = [(np.zeros((N_SUMS, N_SUMS)), np.zeros(N_SUMS)) for _ in range(CLASSES * N_EXPECTED)]
    for p, plane in enumerate(one.layout.planes):
        maps = plane_of(one.layout, one.coefficients, p).astype(float)
        means = np.rint(maps[0] / steps[plane.chroma]) * steps[plane.chroma]
        for index in range(N_EXPECTED):
            down, across = divmod(int(ORDER[1 + index]), SIDE)
            sums = np.zeros((N_SUMS, means.size))
            for k, of_places in enumerate(_sums(means, down % 2, across % 2)):
                sums[k] = of_places.ravel() * 256 / job.step_q8
            left, right = found[plane.chroma * N_EXPECTED + index]
            left += sums @ sums.T
            right += sums @ maps[1 + index].ravel() * 256 / job.step_q8
    return found


def trained_expected(run: Run, read: Reader, quantisers: Sequence[Quantiser], jobs: Sequence[Job]) -> NDArray[np.int16]:
    """Weights of `dct_expect` for both classes, (2, 9, 3), by least squares."""
    total: list[tuple[Real, Real]] = []
    for moments in in_order(run, partial(_moments, read, quantisers), jobs):
        both = zip(total, moments, strict=True) if total else ((one, one) for one in moments)
        total = [(a[0] + b[0], a[1] + b[1]) for a, b in both]
    weights = np.zeros((CLASSES * N_EXPECTED, N_SUMS))
    for row, (left, right) in zip(weights, total, strict=True):
        row[:] = np.linalg.lstsq(left, right, rcond=1e-9)[0]
    found: NDArray[np.int16] = np.clip(np.rint(4096 * weights), -2047, 2047).astype(np.int16)
    return found.reshape(CLASSES, N_EXPECTED, N_SUMS)


def train(
    folder: Path,
    out: Path,
    seed: int = SEED,
    log: Callable[[str], None] = print,
    read: Reader = read_rgb,
    every: int = 1,
) -> None:
    """Trains on all images below `folder`, or one of `every`; writes tables to `out` (.npy, uint16) and the recipe
    beside them.

    read: how a file becomes an array (H, W, 3); what it cannot read is passed over and named in the log, as is what has
        less than 16 pixels a side.

    Raises OptionError where there is nothing to train on, and for an `every` below 1.
    """
    if every < 1:
        raise OptionError(f"every (--every) must be 1 or more, not {every}")
    files = files_below(folder)[::every]
    with pool(n_cores(), None, how=None) as run:
        files = sound(files, in_order(run, partial(fault, read), files), log)
        jobs = [
            Job(path, TABLE_STEPS_Q8[(i + shift) % len(TABLE_STEPS_Q8)], (i + k) % N_QUANTISERS)
            for i, path in enumerate(files)
            for k, shift in enumerate(SHIFTS)
        ]
        quantisers: tuple[Quantiser, ...] = (quantiser_of(first_parts()),)
        few = files[:: max(1, len(files) // SEARCH_IMAGES)]
        some = [Job(path, step) for path in few for step in STEPS_Q8]
        expected = trained_expected(run, read, quantisers, some)
        first = train_tables(run, partial(coded, read, quantisers, expected), some, MAPS, seed, 1, log)
        parts = trained_quantisers(run, read, few, expected, first, log)
        quantisers = tuple(map(quantiser_of, parts))
        expected = trained_expected(run, read, quantisers, jobs)
        some = jobs[:: -(-len(jobs) // FEW)]
        trained = train_tables(run, partial(coded, read, quantisers, expected), jobs, MAPS, seed, PASSES, log, some)
    array = pack(quantisers, expected, trained)
    recipe = {
        "codec": "dct",
        "command": f"apercu train dct --images {folder.name} --every {every} --seed {seed} --out {out.name}",
        "seed": seed,
        "quantisers": [{name: round(value, 4) for name, value in one.items()} for one in parts],
        "sha256": hashlib.sha256(array.astype("<u2").tobytes()).hexdigest(),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)


def pack(quantisers: Sequence[Quantiser], expected: NDArray[np.int16], trained: Trained) -> NDArray[np.uint16]:
    """The numbers of a file, see `dct_tables`."""
    return np.concatenate([dct_numbers(quantisers, expected), map_numbers(trained.weights, trained.starts)])
