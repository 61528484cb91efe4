"""Images as the training of the DCT takes them: their coefficients, and how they are coded with tables."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import printable
from apercu.lab.images import Reader, fault_of
from apercu.lab.symbol_maps import Coded
from apercu.stages.colour import FULL, to_planes
from apercu.stages.dct import SIDE, dct_analyse
from apercu.stages.dct_symbols import MAPS, Quantiser, dct_encode, dct_steps, plane_of
from apercu.stages.symbol_maps import MapCoder, MapLayout, MapPlane, MapTables

MOST_SIDE, LEAST_SIDE = 1 << 12, 16  # chroma has half of it, and a block is 8
KEPT = 64


class Job(NamedTuple):
    """An image, a step, and which of the quantisers it is to be coded with."""

    path: Path
    step_q8: int
    variant: int = 0


class Picture:
    """An image of three planes as coefficients: its planes, the layout, and the coefficients of all maps."""

    def __init__(self, path: Path, read: Reader) -> None:
        image = read(path)[0][:MOST_SIDE, :MOST_SIDE]
        self.planes = to_planes(image, "rgb", [])
        sizes = [(plane.shape[0] // SIDE, plane.shape[1] // SIDE) for plane in self.planes]
        self.layout = MapLayout([MapPlane(*size, int(p > 0), p - 1) for p, size in enumerate(sizes)], MAPS)
        self.coefficients = np.empty(self.layout.n_symbols, np.int16)
        for p, (plane, size) in enumerate(zip(self.planes, sizes, strict=True)):
            dct_analyse(plane, *size, centre(p), plane_of(self.layout, self.coefficients, p))


@lru_cache(KEPT)
def picture(path: Path, read: Reader) -> Picture:
    """Of a file; the last ones are kept."""
    return Picture(path, read)


def fault(read: Reader, path: Path) -> str | None:
    """Why a file cannot be used, or None."""
    found = fault_of(read, path)
    if found is None and min(read(path)[0].shape[:2]) < LEAST_SIDE:
        return f"{printable(str(path))}: smaller than {LEAST_SIDE} pixels a side"
    return found


def centre(plane: int) -> int:
    """The middle of the samples of a plane."""
    return 0 if plane else FULL // 2


def coded(
    read: Reader, quantisers: tuple[Quantiser, ...], expected: NDArray[np.int16], tables: MapTables, job: Job
) -> Coded:
    """An image coded at a step with these tables."""
    one, quantiser = picture(job.path, read), quantisers[job.variant]
    coder = MapCoder(one.layout, tables)
    values, symbols = one.coefficients.copy(), np.zeros(one.layout.n_symbols, np.int16)
    streams = dct_encode(coder, values, job.step_q8, quantiser, expected, symbols)
    return Coded(coder, values, dct_steps(job.step_q8, quantiser.matrix), symbols, sum(map(len, streams)))
