"""Training of the tables that taha2025 needs for range coding: what is expected of latents, what contexts begin with.

What is expected is found by least squares from the first symbols around. Contexts: `apercu.lab.symbol_maps`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import taha2025 as codec
from apercu.lab.images import read_rgb
from apercu.lab.symbol_maps import Coded, Real, train_tables
from apercu.processes import in_order, n_cores, pool
from apercu.stages.colour import to_planes
from apercu.stages.dual_ae import Weights
from apercu.stages.dual_code import Groups, Symbols
from apercu.stages.dual_maps import (
    LARGEST_EXPECTED,
    MAPS,
    N_EXPECTED,
    N_SUMS,
    around,
    dual_to_maps,
)
from apercu.stages.layout import layout_of
from apercu.stages.symbol_maps import CLASSES, MapCoder, MapLayout, MapPlane, MapTables, as_they_are, map_numbers

QUALITIES = (8, 14, 20, 26, 32, 38, 44, 50, 57, 66, 80)
TIMES = 3  # of each image, each time at another quality
PASSES = 2


class Chosen(NamedTuple):
    """What an image was coded as: its planes, and the groups and symbols of each."""

    planes: list[MapPlane]
    symbols: list[tuple[Groups, Symbols]]


class Job(NamedTuple):
    """The maps of an image."""

    planes: list[MapPlane]
    values: NDArray[np.int16]


def _chosen(weights: Weights, source: tuple[Path, int]) -> Chosen:
    """An image at a quality."""
    path, quality = source
    image, bands = read_rgb(path)
    layout = layout_of(bands, image.shape[2], *image.shape[:2])
    tables = codec.Tables(weights, None)
    setting = codec.at_quality(256 * quality)
    analysis = codec.analyse(to_planes(image, bands, []), layout, setting, tables)
    return Chosen(codec.map_layout(layout).planes, codec.chosen(analysis, setting))


def _trained_expected(pictures: Sequence[Chosen]) -> NDArray[np.int16]:
    """Weights of what is around, (2, 7, 4), by least squares over the blocks of G2."""
    left, right = np.zeros((CLASSES, N_SUMS, N_SUMS)), np.zeros((CLASSES, N_SUMS, N_EXPECTED))
    for planes, symbols in pictures:
        for plane, (groups, of_plane) in zip(planes, symbols, strict=True):
            means = of_plane[:, 0].reshape(plane.height, plane.width)
            sums: Real = np.stack(around(means)).reshape(N_SUMS, -1)[:, groups == 1].astype(float)
            left[plane.chroma] += sums @ sums.T
            right[plane.chroma] += sums @ of_plane[groups == 1, 1:]
    weights = np.stack([np.linalg.lstsq(*of_class, rcond=1e-9)[0].T for of_class in zip(left, right, strict=True)])
    expected: NDArray[np.int16] = np.clip(np.rint(4096 * weights), -LARGEST_EXPECTED, LARGEST_EXPECTED).astype(np.int16)
    return expected


def _code(tables: MapTables, job: Job) -> Coded:
    layout = MapLayout(job.planes, MAPS)
    coder, symbols = MapCoder(layout, tables), np.zeros(layout.n_symbols, np.int16)
    steps, prices = as_they_are(MAPS)
    stream = coder.encode(job.values, steps, prices, 0, len(MAPS), symbols)
    return Coded(coder, job.values, steps, symbols, len(stream))


def train_maps(weights: Weights, files: list[Path], seed: int, log: Callable[[str], None]) -> NDArray[np.int16]:
    """The numbers of `dual_map_tables`, from the symbols that the autoencoders make of images."""
    sources = [
        (path, QUALITIES[(index + time * len(QUALITIES) // TIMES) % len(QUALITIES)])
        for index, path in enumerate(files)
        for time in range(TIMES)
    ]
    with pool(n_cores(), None, how=None) as run:
        pictures = list(in_order(run, partial(_chosen, weights), sources))
        expected = _trained_expected(pictures)
        jobs = []
        for planes, symbols in pictures:
            jobs.append(Job(planes, dual_to_maps(symbols, MapLayout(planes, MAPS), expected)))
        trained = train_tables(run, _code, jobs, MAPS, seed, PASSES, log)
    return np.concatenate([expected.ravel(), map_numbers(trained.weights, trained.starts).view(np.int16)])
