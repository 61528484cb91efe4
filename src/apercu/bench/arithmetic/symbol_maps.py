"""Products for the contexts of symbol maps: the weighted sums of magnitudes, as if every symbol were looked at."""

from apercu.stages.layout import PlaneLayout
from apercu.stages.symbol_maps import Map

_WITHIN, _OF_ALL, _OF_FIRST, _OF_COMPANION = 6, 2, 2, 2
_BESIDE = 2  # earlier maps that also count beside the symbol's place


def products(plane: PlaneLayout, n_blocks: int, maps: list[Map]) -> float:
    """Of a plane in so many blocks. A selector's contexts have no weights."""
    each = 0
    for m, one in enumerate(maps):
        if one.kind != "selector":
            each += _WITHIN + len(one.earlier) + min(len(one.earlier), _BESIDE) + _OF_ALL + _OF_FIRST * (m > 0)
            each += _OF_COMPANION * (plane.companion >= 0)
    return float(each * n_blocks)
