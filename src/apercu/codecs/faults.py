"""The faults of a file, each with its place; those of one kind together, since a file may have a million tiles."""

from dataclasses import dataclass, field

from apercu.errors import ApercuError, FormatError
from apercu.format.container import Header

MOST_RUNS = 8
"""Of tiles that a message names; the others are counted."""


@dataclass
class _Kind:
    """Tiles with the same fault in the same layer: how many they are, and the first runs of them."""

    fault: FormatError
    layer: int
    n: int = 0
    runs: list[range] = field(default_factory=list)


class Faults:
    """The faults that are found, tile after tile, in bounded memory."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._kinds: dict[tuple[type[FormatError], str, int], _Kind] = {}

    def add(self, fault: FormatError, layer: int = 0, tiles: range = range(0)) -> None:
        """A fault of a layer of some tiles, or, without tiles, of the file. Tiles come in order for each kind."""
        kind = self._kinds.setdefault((type(fault), str(fault), layer), _Kind(fault.with_traceback(None), layer))
        kind.n += len(tiles)
        if kind.runs and kind.runs[-1].stop == tiles.start:
            kind.runs[-1] = range(kind.runs[-1].start, tiles.stop)
        elif tiles and len(kind.runs) < MOST_RUNS:
            kind.runs.append(tiles)

    def errors(self) -> list[ApercuError]:
        """An error for each kind of fault, in the order in which the first of each was found."""
        return [
            _placed(kind.fault, self._header, kind.layer, kind.runs, kind.n) if kind.n else kind.fault
            for kind in self._kinds.values()
        ]


def placed(fault: FormatError, header: Header, layer: int, tile: int) -> FormatError:
    """A fault with the place of its segment in the message; layer and tile are counted from 0."""
    return _placed(fault, header, layer, [range(tile, tile + 1)], 1)


def _placed(fault: FormatError, header: Header, layer: int, runs: list[range], n: int) -> FormatError:
    where = []
    if header.n_tiles > 1:
        names = [f"{run.start + 1:,}" + (f"–{run.stop:,}" if len(run) > 1 else "") for run in runs]
        if more := n - sum(map(len, runs)):
            names.append(f"{more:,} more")
        where.append(f"tile{'s' * (n > 1)} {', '.join(names)} of {header.n_tiles:,}")
    if header.n_layers > 1:
        where.append(f"layer {layer + 1} of {header.n_layers}")
    return type(fault)(f"{', '.join(where)}: {fault}") if where else fault
