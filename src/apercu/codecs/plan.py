"""How an encoder divides an image. Each codec has a `plan`, and whoever encodes may have another."""

from typing import NamedTuple


class Plan(NamedTuple):
    """Tiles and layers of a file, and what of the image is kept in memory meanwhile."""

    tile: int | None = None
    """Pixels a side, a power of two; None: the image is one tile."""
    layers: int = 1
    """Layers of a file, unless it is small or its first layer is too large a part of it."""
    most_layers: int = 1
    """Layers of a file whose first layer would be too large a part of it otherwise."""
    layered_from: int = 2000
    """A file that is smaller than this, in bytes, has one layer. Each further layer costs about 6 bytes."""
    first_share: float = 0.58
    """The largest share of a file that head and first layer take, if there are enough layers to split it."""
    kept_samples: int = 1 << 24
    """The analysis of an image of up to this many samples is kept; a larger one is read and analysed again in each try,
    and has the most layers at once, unless how many it has is settled."""

    @property
    def n_layers(self) -> int | None:
        """How many layers a file has, whatever its size; None where its size decides."""
        settled = self.layers == self.most_layers and (self.layers == 1 or self.layered_from == 0)
        return self.layers if settled else None
