"""Training of the tables of the symbol maps of codec="rnn": what the range coder starts from."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import rnn as codec
from apercu.lab.images import read_rgb
from apercu.lab.symbol_maps import Coded, Trained, train_tables
from apercu.processes import in_order, n_cores, pool
from apercu.stages.colour import to_planes
from apercu.stages.layout import layout_of
from apercu.stages.rnn_tables import RnnTables, unpack
from apercu.stages.symbol_maps import Map, MapCoder, MapLayout, MapPlane, MapTables, as_they_are

MAP_STEPS = (12, 20, 32, 50, 80, 130, 200)
TIMES = 3  # of each image, each time at another step
EVERY = 6  # one image of so many
PASSES = 3


class Job(NamedTuple):
    """The symbols of an image."""

    planes: list[MapPlane]
    symbols: NDArray[np.int16]


def _code(networks: RnnTables, maps: list[Map], tables: MapTables, job: Job) -> Coded:
    layout = MapLayout(job.planes, maps)
    steps, prices = as_they_are(maps)
    coder, symbols = MapCoder(layout, tables), np.zeros(layout.n_symbols, np.int16)
    n_bytes = sum(
        len(coder.encode(job.symbols, steps, prices, *part, symbols))
        for part in codec.parts(networks, codec.MOST_LAYERS)
    )
    return Coded(coder, job.symbols, steps, symbols, n_bytes)


def _jobs(networks: RnnTables, numbered: tuple[int, Path]) -> list[Job]:
    """An image at some of the steps."""
    index, path = numbered
    image, bands = read_rgb(path)
    layout = layout_of(bands, image.shape[2], *image.shape[:2])
    maps = codec.maps_of(networks)
    blank = MapTables(np.zeros((2, 1, 18), np.uint8), np.zeros(1, np.uint64))  # which an analysis does not look at
    tables = codec.Tables(networks, maps, blank)
    analysis = codec.analyse(to_planes(image, bands, []), layout, None, tables)
    planes, found = codec.map_layout(layout, tables).planes, []
    for time in range(TIMES):
        step = MAP_STEPS[(index + time * len(MAP_STEPS) // TIMES) % len(MAP_STEPS)]
        symbols = codec.symbols_of(analysis, codec.Setting(0, 32 * step), tables)
        found.append(Job(planes, np.concatenate([one.ravel() for one in symbols])))
    return found


def train_maps(
    networks: NDArray[np.int16], files: list[Path], seed: int, log: Callable[[str], None], every: int = EVERY
) -> Trained:
    """The tables of the maps, from the symbols that packed networks make of one of `every` images."""
    tables, _ = unpack(networks)
    maps = codec.maps_of(tables)
    with pool(n_cores(), None, how=None) as run:
        found = in_order(run, partial(_jobs, tables), enumerate(files[::every]))
        jobs = [job for of_image in found for job in of_image]
        return train_tables(run, partial(_code, tables, maps), jobs, maps, seed, PASSES, log)
