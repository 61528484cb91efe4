"""Plain noise with the variance of what is missing: the least that a generative restorer has to be better than.

Measures of texture are easily fooled: noise in the finest wavelet bands, as strong as the error that is left there,
brings many of them down, and looks like grain. So a generated picture is compared with this one at the same PSNR.
`scripts/fit_noise_filler.py` wrote noise_filler.json, the table that comes with it.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.stages.bands import STAGES
from apercu.stages.colour import FULL, Plane
from apercu.stages.wavelet import Bands, band_places, wavelet_analyse, wavelet_synthesise

LEVELS = 1, 2, 3
BINS = 24
"""Of the activity around a coefficient in steps, in halves of powers of two."""
LIKE = 10
"""Coefficients that the mean over all bins counts for in each."""
STRENGTH = 0.64
"""Times the standard deviation of the error that is left: costs about 1.2 dB."""

Table = NDArray[np.float32]
"""(levels, orientations, BINS): the variance of the error in squared steps."""
Activity = NDArray[np.intp]


@cache
def shipped() -> Table:
    """The table of the training images."""
    recipe = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return np.array(recipe["table"], np.float32)


def fit(images: Iterable[tuple[Plane, Plane, float]]) -> Table:
    """The table of pairs of luma, original and restored, and their quantiser's step."""
    sums, counts = (np.zeros((len(LEVELS), 3, BINS)) for _ in range(2))
    for original, restored, step in images:
        wanted, had = _bands(original), _bands(restored)
        for index, level in enumerate(LEVELS):
            for k in range(3):
                bins = _activity(had, level, k, step).ravel()
                errors = (((wanted[level, k] - had[level, k]) / (16 * step)) ** 2).ravel()
                sums[index, k] += np.bincount(bins, errors, BINS)
                counts[index, k] += np.bincount(bins, minlength=BINS)
    prior = sums.sum(2, keepdims=True) / counts.sum(2, keepdims=True)
    table: Table = ((sums + LIKE * prior) / (counts + LIKE)).astype(np.float32)
    return table


def noise(restored: Plane, step: float, table: Table, seed: int = 0) -> NDArray[np.float64]:
    """Laplacian noise for a luma plane, int16 with 5 fraction bits, as strong as the error that is left."""
    height, width = restored.shape
    had, rng = _bands(restored), np.random.RandomState(seed)
    coefficients: Bands = np.zeros(height * width, np.int16)
    for (level, k), (start, rows, columns) in band_places(height, width, STAGES).items():
        if level in LEVELS:
            deviation = 16 * step * np.sqrt(table[LEVELS.index(level), k][_activity(had, level, k, step)])
            values = rng.laplace(0, 0.5**0.5, (rows, columns)) * deviation
            coefficients[start : start + rows * columns] = np.clip(np.rint(values), -32767, 32767).ravel()
    made = np.empty_like(restored)
    wavelet_synthesise(coefficients, made, STAGES, 0)
    return made.astype(np.float64)


def filled(restored: Plane, noise: NDArray[np.float64], strength: float = STRENGTH) -> Plane:
    """A luma plane with so many times its noise."""
    return np.clip(np.rint(restored + strength * noise), 0, FULL).astype(np.int16)


def _bands(plane: Plane) -> dict[tuple[int, int], NDArray[np.float32]]:
    height, width = plane.shape
    bands: Bands = np.empty(height * width, np.int16)
    wavelet_analyse(np.ascontiguousarray(plane), height, width, STAGES, FULL // 2, bands)
    places = band_places(height, width, STAGES).items()
    return {
        place: bands[start : start + rows * columns].reshape(rows, columns).astype(np.float32)
        for place, (start, rows, columns) in places
    }


def _activity(bands: dict[tuple[int, int], NDArray[np.float32]], level: int, orientation: int, step: float) -> Activity:
    """The bin of each coefficient: by magnitudes around it, and around its parents of the next two levels, in steps."""
    own = bands[level, orientation]
    total = _around(np.abs(own))
    for coarser in (1, 2):
        above = _around(np.abs(bands[level + coarser, orientation]))
        y, x = (np.minimum(np.arange(n) >> coarser, most - 1) for n, most in zip(own.shape, above.shape, strict=True))
        total = total + above[np.ix_(y, x)]
    bins: Activity = np.clip(np.rint(2 * np.log2(total / (16 * step) + 1e-3) + 14), 0, BINS - 1).astype(np.intp)
    return bins


def _around(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Means of 3×3."""
    for _ in range(2):
        padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
        values = ((padded[:-2] + padded[1:-1] + padded[2:]) / 3).T
    return values
