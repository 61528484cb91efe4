"""Training of the tables of the symbol maps of stacked autoencoders: what the range coder starts from."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import stacked_ae as codec
from apercu.lab.images import read_rgb
from apercu.lab.stacked_blocks import HELD_OUT, held_out, mosaic, read_idx
from apercu.lab.symbol_maps import Coded, Trained, train_tables
from apercu.processes import in_order, n_cores, pool
from apercu.stages.colour import to_planes
from apercu.stages.layout import layout_of
from apercu.stages.stacked_tables import StackedTables, unpack
from apercu.stages.symbol_maps import Map, MapCoder, MapLayout, MapPlane, MapTables, as_they_are

MAP_STEPS = (10, 16, 25, 40, 64, 100, 160)
TIMES = 3  # of each image, each time at another step
EVERY = 12  # one image of so many
DIGITS_ACROSS = 20  # of the mosaics of digits, in rows and columns
PASSES = 3


class Job(NamedTuple):
    """The symbols of an image."""

    planes: list[MapPlane]
    symbols: NDArray[np.int16]


def _code(maps: list[Map], tables: MapTables, job: Job) -> Coded:
    layout = MapLayout(job.planes, maps)
    steps, prices = as_they_are(maps)
    coder, symbols = MapCoder(layout, tables), np.zeros(layout.n_symbols, np.int16)
    n_bytes = sum(
        len(coder.encode(job.symbols, steps, prices, *part, symbols))
        for part in ((0, codec.FIRST_MAPS), (codec.FIRST_MAPS, len(maps)))
    )
    return Coded(coder, job.symbols, steps, symbols, n_bytes)


def _job(networks: StackedTables, source: tuple[Path | NDArray[np.uint8], int]) -> Job:
    """An image, or a mosaic of digits, at a step."""
    picture, step = source
    image, bands = read_rgb(picture) if isinstance(picture, Path) else (picture[:, :, None], "grey")
    layout = layout_of(bands, image.shape[2], *image.shape[:2])
    tables = codec.Tables(networks, codec.maps_of(networks), None)
    analysis = codec.Analysis(layout, to_planes(image, bands, []))
    found = codec.symbols_of(analysis, codec.Setting(0, 32 * step), tables)
    return Job(codec.map_layout(layout, tables).planes, np.concatenate([symbols.ravel() for symbols in found]))


def _sources(files: list[Path]) -> Iterator[tuple[Path | NDArray[np.uint8], int]]:
    """Images that are not held out, or mosaics of digits that are not, each at some of the steps."""
    pictures: list[Path | NDArray[np.uint8]] = [path for index, path in enumerate(files) if index % HELD_OUT]
    pictures = pictures[:: EVERY if len(pictures) > 100 else 1]
    if files[0].suffix == ".gz":
        digits = read_idx(files[0])
        digits = digits[~held_out(len(digits))]
        some = DIGITS_ACROSS**2
        pictures = [mosaic(digits[at : at + some], DIGITS_ACROSS) for at in range(0, len(digits), some)]
    for index, picture in enumerate(pictures):
        for time in range(TIMES):
            yield picture, MAP_STEPS[(index + time * len(MAP_STEPS) // TIMES) % len(MAP_STEPS)]


def train_maps(networks: NDArray[np.int16], files: list[Path], seed: int, log: Callable[[str], None]) -> Trained:
    """The tables of the maps, from the symbols that packed networks make of images or of digits."""
    tables, _ = unpack(networks)
    maps = codec.maps_of(tables)
    with pool(n_cores(), None, how=None) as run:
        jobs = list(in_order(run, partial(_job, tables), _sources(files)))
        return train_tables(run, partial(_code, maps), jobs, maps, seed, PASSES, log)
