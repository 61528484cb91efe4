"""How a tile lies in planes: the size of each, which are chroma, and which earlier one each resembles."""

from typing import NamedTuple

from apercu.stages.blocks import n_blocks
from apercu.stages.colour import FULL, plane_sizes


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
        return n_blocks(self.height), n_blocks(self.width)


class Layout(NamedTuple):
    """A tile of `height` × `width` pixels, and its planes in coded order."""

    height: int
    width: int
    interpretation: str
    n_bands: int
    planes: list[PlaneLayout]
    alpha: int | None = None
    """For an encoder: what alpha is, 0 to 8160, where it is the same in all of the tile. It is 0 or 8160 where that end
    of the range decodes to exactly the alpha of the tile, whatever sample the plane has there."""

    @property
    def n_samples(self) -> int:
        """Of all planes."""
        return sum(plane.height * plane.width for plane in self.planes)


def layout_of(interpretation: str, n_bands: int, height: int, width: int) -> Layout:
    """The layout of a tile; colours are followed by alpha, if there is one."""
    sizes = plane_sizes(interpretation, n_bands, height, width)
    if interpretation in ("rgb", "rgba"):
        kinds = [(0, -1), (1, 0), (1, 1), (0, -1)]
        planes = [PlaneLayout(h, w, *kind) for (h, w), kind in zip(sizes, kinds, strict=False)]
    else:  # bands resemble the one before; there is one band where they are grey
        planes = [PlaneLayout(h, w, 0, index - 1) for index, (h, w) in enumerate(sizes)]
    return Layout(height, width, interpretation, n_bands, planes)
