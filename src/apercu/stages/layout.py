"""How a tile lies in planes: the size of each, which are chroma, and which earlier one each resembles."""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.stages.blocks import BLOCK, Window
from apercu.stages.colour import FULL, Plane, plane_sizes

AT_A_TIME = 1 << 25
"""Symbols that the kernel codes in one call, unless a plane has more: while it works, Python cannot be interrupted."""


def runs_of_planes(sizes: list[int], most: int) -> list[tuple[int, int]]:
    """First and end of runs of planes that have `most` symbols or fewer together, or of one that has more."""
    ends, n_symbols = [0], 0
    for index, size in enumerate(sizes):
        if n_symbols and n_symbols + size > most:
            ends.append(index)
            n_symbols = 0
        n_symbols += size
    return list(pairwise([*ends, len(sizes)]))


class PlaneLayout(NamedTuple):
    """A plane: its size in samples, whether it is chroma at half size (1, else 0), and its companion, the index of an
    earlier plane that has its detail in the same places (-1: none)."""

    height: int
    width: int
    chroma: int
    companion: int

    @property
    def centre(self) -> int:
        """The middle of its range."""
        return 0 if self.chroma else FULL // 2

    @property
    def blocks(self) -> tuple[int, int]:
        """Blocks of 8×8 samples that cover it, down and across."""
        return -(-self.height // BLOCK), -(-self.width // BLOCK)


class Layout(NamedTuple):
    """A tile of `height` × `width` pixels, and its planes in coded order; of a codec of samples, its bands."""

    height: int
    width: int
    interpretation: str
    n_bands: int
    wide: bool
    """uint16 rather than uint8."""
    planes: tuple[PlaneLayout, ...]
    alpha: int | None = None
    """For an encoder: what alpha is, 0 to 8160, where it is the same in all of the tile. It is 0 or 8160 where that end
    of the range decodes to exactly the alpha of the tile, whatever sample the plane has there."""
    one_price: bool = False
    """For an encoder: whether symbols are chosen for PSNR alone (`BandPlane.one_price`)."""
    importance: NDArray[np.uint8] | None = None
    """For an encoder: what errors count for, as `apercu.stages.bands.pooled` returns it; None: all alike."""
    span: int = 255
    """Of a codec of samples: the largest range of a level group of the image; 255 for uint8."""

    @property
    def n_samples(self) -> int:
        """Of all planes."""
        return sum(plane.height * plane.width for plane in self.planes)


def layout_of(interpretation: str, n_bands: int, height: int, width: int, wide: bool = False) -> Layout:
    """The layout of the planes of a tile; colours are followed by alpha, if there is one."""
    if interpretation in ("rgb", "rgba"):
        return _of_colour(interpretation, n_bands, height, width, wide)
    return layout_of_bands(interpretation, n_bands, height, width, wide)


@lru_cache(maxsize=16)  # the tiles of a file have four sizes at most
def _of_colour(interpretation: str, n_bands: int, height: int, width: int, wide: bool) -> Layout:
    sizes = plane_sizes(interpretation, n_bands, height, width)
    kinds = [(0, -1), (1, 0), (1, 1), (0, -1)]
    planes = tuple(PlaneLayout(h, w, *kind) for (h, w), kind in zip(sizes, kinds, strict=False))
    return Layout(height, width, interpretation, n_bands, wide, planes)


@lru_cache(maxsize=1)  # of thousands of bands it is asked for many times in a row; more of them would fill memory
def layout_of_bands(interpretation: str, n_bands: int, height: int, width: int, wide: bool = False) -> Layout:
    """The layout of a tile whose bands are all coded alike, at full size."""
    planes = tuple([PlaneLayout(height, width, 0, band) for band in range(-1, n_bands - 1)])
    return Layout(height, width, interpretation, n_bands, wide, planes)


Evidence = list[NDArray[np.int16]]
"""Of each plane, what a codec knows of where its symbols are: (n,) coefficients as `wavelet_analyse` orders them, the
coarse ones alone where no more were decoded, or (down, across, n) symbols or coefficients of each block."""
Restore = Callable[[list[Plane], Layout, int, Evidence, Window, Window], None]
"""Improves the decoded planes of a tile in place, given their layout, the quantiser's step in 8-bit samples with 8
fraction bits, the codec's evidence, where the tile lies in the coded image, and the pixels of the tile that are wanted:
the rest may stay as it is."""
