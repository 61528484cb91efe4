"""From the samples of a tile to what a codec codes, and back: planes, or the samples themselves."""

from typing import Any

import numpy as np

from apercu.codecs.by_name import codec_of
from apercu.format.container import Header
from apercu.stages.colour import (
    FULL,
    MAX_LEVEL_CODE,
    Levels,
    Plane,
    Samples,
    ends,
    from_planes,
    level,
    level_groups,
    to_planes,
)
from apercu.stages.fill import ALPHA, Mask, filled, hidden
from apercu.stages.layout import Layout, layout_of, layout_of_bands

FULL_RANGE = Levels(0, MAX_LEVEL_CODE)
"""Of uint16."""


def layout_of_tile(header: Header, height: int, width: int) -> Layout:
    """The layout of a tile of this size."""
    kind = (header.interpretation, header.n_bands, height, width, header.wide)
    if codec_of(header.codec).DOMAIN == "planes":
        return layout_of(*kind)
    ranges = [level(of_group.range_code) for of_group in header.levels]
    return layout_of_bands(*kind)._replace(span=max(ranges, default=255))


def filled_tile(tile: Samples, header: Header, mask: Mask | None = None) -> Samples:
    """A tile (H, W, B), those samples filled that do not count. For a codec of samples all others stay as they are."""
    if codec_of(header.codec).DOMAIN == "planes":
        return filled(tile, header.interpretation, header.levels, mask)
    levels = full_levels_of("spectral", header.n_bands) if header.wide else ()
    return filled(tile, "spectral", levels, hidden(tile, header.interpretation, mask))


def to_content(tile: Samples, header: Header) -> tuple[Any, Layout]:
    """What the codec of a header codes of a tile (H, W, B), those samples filled that do not count, and its layout."""
    return content_of(filled_tile(tile, header), header)


def content_of(tile: Samples, header: Header) -> tuple[Any, Layout]:
    """The same of a tile that is filled."""
    height, width, n_bands = tile.shape
    if codec_of(header.codec).DOMAIN == "samples":
        return tile, layout_of_tile(header, height, width)
    layout = layout_of(header.interpretation, n_bands, height, width, header.wide)
    planes = to_planes(tile, header.interpretation, list(header.levels))
    if header.interpretation == "rgba":
        layout = layout._replace(alpha=_value_of_alpha(tile, header, planes[ALPHA]))
    return planes, layout


def from_content(content: Any, header: Header, out: Samples) -> None:
    """The inverse, into `out` (H, W, B)."""
    if codec_of(header.codec).DOMAIN == "samples":
        out[:] = content
    else:
        from_planes(content, header.interpretation, list(header.levels), out)


def fill_with_middle(header: Header, out: Samples) -> None:
    """Fills `out` with the middle of the range, without colour, in place of a lost tile; of whatever codec."""
    row = np.empty((1, *out.shape[1:]), out.dtype)  # planes of all rows would take more than the image
    layout = layout_of(header.interpretation, header.n_bands, 1, out.shape[1], header.wide)
    planes = [np.full((plane.height, plane.width), plane.centre, np.int16) for plane in layout.planes]
    from_planes(planes, header.interpretation, list(header.levels), row)
    out[:] = row


def full_levels_of(interpretation: str, n_bands: int) -> tuple[Levels, ...]:
    """The levels of a uint16 image that none are measured of."""
    return tuple(FULL_RANGE for _ in level_groups(interpretation, n_bands))


def _value_of_alpha(tile: Samples, header: Header, plane: Plane) -> int | None:
    """See `Layout.alpha`."""
    own, value = plane[: tile.shape[0], : tile.shape[1]], int(plane[0, 0])
    if (own != value).any():
        return None
    low, high = ends(header.interpretation, header.n_bands, header.levels)[ALPHA]
    sample = int(tile[0, 0, ALPHA])
    return 0 if sample == low else FULL if sample == high else value
