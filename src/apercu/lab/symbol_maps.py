"""Training of the tables of symbol maps: weights of what is around, and what each context begins with.

As for the codec `apercu` (`apercu.lab.apercu`): weights make the sizes of values, in steps, likeliest as exponentials
whose mean is the weighted sum of magnitudes around; contexts start with the mean of their final probabilities over all
images.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.lab.apercu import NEW, Job, likeliest_weights, trained_starts
from apercu.processes import Run, in_order
from apercu.stages.symbol_maps import (
    CLASSES,
    EARLIER,
    LARGEST_WEIGHT,
    N_WEIGHTS,
    Map,
    MapCoder,
    MapTables,
    n_contexts,
    n_groups,
    start_contexts,
)

MOST_ROWS = 20_000  # that the weights of a group are found from
SAMPLES = 30  # of every map of an image, and as many with something around them
MOST_STEPS = 30.0  # larger values say no more about the mean
FIRST_WEIGHT = 12
WITHIN = 6

Real = NDArray[np.float64]


class Trained(NamedTuple):
    """Tables as they are kept: weights (2, groups, 18) uint8 and starts (n, 2) uint16 of these maps."""

    maps: list[Map]
    weights: NDArray[np.uint8]
    starts: NDArray[np.uint16]

    def tables(self) -> MapTables:
        """As a coder takes them. Contexts cannot go from process to process: they must not be writeable."""
        return MapTables(self.weights, start_contexts(self.starts, self.maps))


class Coded(NamedTuple):
    """An image that has been coded: the coder, what its symbols stand for, their steps, the symbols, and its size."""

    coder: MapCoder
    values: NDArray[np.int16]
    steps_q6: NDArray[np.int32]
    symbols: NDArray[np.int16]
    n_bytes: int


Code = Callable[[MapTables, Job], Coded]
"""Codes with these tables what a job names, an image and a setting; a function that other processes find."""


def _ends(code: Code[Job], trained: Trained, job: Job) -> tuple[Real, Real, int]:
    """Probability of a 0 and age of every context after an image; and the image's size in bytes."""
    coded = code(trained.tables(), job)
    fields = coded.coder.contexts.view(np.uint16).reshape(-1, 4)
    coded.coder.close()
    return fields[:, :2].mean(1) / 65536, (fields[:, 2] & 255).astype(float), coded.n_bytes


def _shifted(magnitudes: Real, down: int, across: int) -> Real:
    """The magnitude that lies so far down and across of each, 0 beyond the edge."""
    height, width = magnitudes.shape
    padded = np.zeros((height + 4, width + 4))  # much faster than np.pad
    padded[2:-2, 2:-2] = magnitudes
    return padded[2 + down : 2 + down + height, 2 + across : 2 + across + width]


def _ring(magnitudes: Real) -> Real:
    return sum(
        (_shifted(magnitudes, *place) for place in ((-1, 0), (1, 0), (0, -1), (0, 1))), np.zeros(magnitudes.shape)
    )


def _four(magnitudes: Real, shape: tuple[int, ...], largest: bool) -> Real:
    height, width = shape
    rows, columns = magnitudes.shape
    padded = np.pad(magnitudes, ((0, 2 * height - rows), (0, 2 * width - columns)))
    blocks = padded.reshape(height, 2, width, 2)
    found: Real = blocks.max((1, 3)) if largest else blocks.sum((1, 3))
    return found


class _Plane(NamedTuple):
    """Magnitudes of a plane that has been coded: of its maps, and the totals of its plain maps before each."""

    maps: list[Real]
    totals: list[Real]


def _past(map_: Map, index: int, own: _Plane, spread: Real, companion: _Plane | None) -> Real:
    """What predicts each symbol of a map, (18, height, width): see `map_around.h`."""
    here = own.maps[index]
    shape = here.shape
    near = [_shifted(here, *place) for place in ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))]
    earlier = [own.maps[e] for e in map_.earlier] + [np.zeros(shape)] * (EARLIER - len(map_.earlier))
    around = [*earlier, _ring(earlier[0]), _ring(earlier[1]), own.totals[index], _ring(own.totals[index])]
    around += [own.maps[0], _ring(own.maps[0])] if index else [np.zeros(shape)] * 2
    beside = [np.zeros(shape)] * 2
    if companion and companion.maps[0].shape == shape:
        beside = [companion.maps[index], companion.totals[-1]]
    elif companion:
        beside = [_four(companion.maps[index], shape, False), _four(companion.totals[-1], shape, True)]
    if map_.kind == "predicted":
        around[0] = spread
    return np.stack([*near, *around, *beside])


def _residuals(symbols: NDArray[np.int16]) -> tuple[Real, Real]:
    """Of a predicted map, what is coded, and how far the neighbours differ that predict it."""
    s = symbols.astype(float)
    height, width = s.shape
    padded = np.pad(s, 1)
    w, n, nw, ne = (
        padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] for i, j in ((0, -1), (-1, 0), (-1, -1), (-1, 1))
    )
    w, n, nw, ne = w.copy(), n.copy(), nw.copy(), ne.copy()
    w[1:, 0] = n[1:, 0]
    n[0] = w[0]
    nw[0] = w[0]
    nw[1:, 0] = n[1:, 0]
    ne[0], ne[:, -1] = n[0], n[:, -1]
    guess = np.clip(w + n - nw, np.minimum(w, n), np.maximum(w, n))
    return s - guess, np.minimum(np.abs(n - nw) + np.abs(w - nw) + np.abs(ne - n), 255)


def _samples(
    code: Code[Job], trained: Trained, seed: int, numbered: tuple[int, Job]
) -> dict[tuple[int, int], tuple[Real, Real]]:
    """For each (class, group): rows of the 18 magnitudes, and the sizes that they predict."""
    number, job = numbered
    rng = np.random.default_rng((seed, number))
    coder, values, steps_q6, symbols, _ = code(trained.tables(), job)
    layout = coder.layout
    found: dict[tuple[int, int], list[tuple[Real, Real]]] = {}
    planes: list[_Plane] = []
    for p, plane in enumerate(layout.planes):
        shape = (plane.height, plane.width)
        all_symbols = [layout.part(symbols, p, index) for index in range(len(layout.maps))]
        coded = [
            _residuals(s) if m.kind == "predicted" else (s.astype(np.float64), np.zeros(shape))
            for m, s in zip(layout.maps, all_symbols, strict=True)
        ]
        own = _Plane([np.minimum(np.abs(residual), 15) for residual, _ in coded], [np.zeros(shape)])
        for m, magnitudes in zip(layout.maps, own.maps, strict=True):
            own.totals.append(np.minimum(own.totals[-1] + magnitudes * (m.kind == "plain"), 63))
        planes.append(own)
        chosen = np.zeros(shape, int)
        for index, m in enumerate(layout.maps):
            present = np.ones(shape, bool) if m.present is None else np.isin(chosen, list(m.present))
            if m.kind in ("count", "selector"):
                chosen = np.minimum(all_symbols[index], 15)
            if m.kind == "selector" or not present.any():
                continue
            past = _past(m, index, own, coded[index][1], planes[plane.companion] if plane.companion >= 0 else None)
            past = past.reshape(N_WEIGHTS, -1).T[present.ravel()]
            sizes = np.abs(coded[index][0])
            if m.kind == "plain":
                sizes = np.abs(layout.part(values, p, index)) / (steps_q6[plane.chroma, index] / 64)
            sizes = np.minimum(sizes[present], MOST_STEPS)
            some = rng.choice(len(sizes), min(len(sizes), SAMPLES), replace=False)
            if len(active := np.flatnonzero(past.any(1))):
                some = np.append(some, rng.choice(active, min(len(active), SAMPLES), replace=False))
            found.setdefault((plane.chroma, m.group), []).append((past[some], sizes[some]))
    coder.close()
    return {
        key: (np.concatenate([a for a, _ in rows]), np.concatenate([b for _, b in rows])) for key, rows in found.items()
    }


def trained_weights(run: Run, code: Code[Job], jobs: Iterable[Job], before: Trained, seed: int) -> NDArray[np.uint8]:
    """Weights in 1/64, those within the map and those of other maps each by themselves, as contexts use them."""
    rows: dict[tuple[int, int], list[tuple[Real, Real]]] = {}
    for found in in_order(run, partial(_samples, code, before, seed), enumerate(jobs)):
        for key, row in found.items():
            rows.setdefault(key, []).append(row)
    trained = before.weights.copy()
    for key, parts in rows.items():
        past, sizes = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        chosen = np.random.default_rng(seed).permutation(len(sizes))[:MOST_ROWS]
        past, sizes = past[chosen], sizes[chosen]
        both = [likeliest_weights(past[:, :WITHIN], sizes), likeliest_weights(past[:, WITHIN:], sizes)]
        trained[key] = np.clip(np.rint(64 * np.concatenate(both)), 0, LARGEST_WEIGHT)
    return trained


def train_tables(
    run: Run,
    code: Code[Job],
    jobs: Sequence[Job],
    maps: list[Map],
    seed: int,
    passes: int,
    log: Callable[[str], None],
    for_weights: Sequence[Job] | None = None,
) -> Trained:
    """The tables of maps, from all jobs; weights, which need fewer, from those `for_weights`."""
    some = jobs if for_weights is None else for_weights
    weights = np.full((CLASSES, n_groups(maps), N_WEIGHTS), FIRST_WEIGHT, np.uint8)
    new = np.tile(np.array(NEW, np.uint16), (n_contexts(maps), 1))
    trained = Trained(maps, weights, new)
    for number in range(1 + passes):
        starts, n_bytes = trained_starts(run, partial(_ends, code, trained), jobs if number else some, trained.starts)
        trained = Trained(maps, weights, starts)
        log(f"pass {number}: {n_bytes} bytes")
        if number == 0:
            weights = trained_weights(run, code, some, trained, seed)
            trained = Trained(maps, weights, new)
    return trained
