"""Groups and symbols of a dual autoencoder as symbol maps, for the range coder (spec/taha2025.md, "Range coding").

Both autoencoders' first latents are eight times the mean of a block: together they are a map that every block has, and
that its neighbours predict. What is expected of the other latents, from the means around, is taken from them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import CorruptStream, OptionError
from apercu.stages.arguments import INT16, check_array
from apercu.stages.dual_code import Groups, Symbols
from apercu.stages.symbol_maps import (
    CLASSES,
    EARLIER,
    Map,
    MapCoder,
    MapLayout,
    MapTables,
    Values,
    as_they_are,
    map_tables,
    n_numbers,
)

N_EXPECTED, N_SUMS = 7, 4
LARGEST_EXPECTED = 2047
LARGEST_GUESS = 16383

FIRST = [Map("predicted", 0), Map("count", 1)]
"""Of every block: its first symbol, and its group."""
DETAILS = range(len(FIRST), len(FIRST) + N_EXPECTED)
"""The maps of G2's other latents."""
MAPS = FIRST + [
    Map("plain", index, frozenset({1}), tuple(range(index - 1, DETAILS[0] - 1, -1))[:EARLIER]) for index in DETAILS
]
"""The list of maps of every plane."""


class DualMapTables(NamedTuple):
    """What is trained. expected: (2, 7, 4) int16, by class and latent, the weights of what is around, in 1/4096, at
    most 2,047; maps: those of the range coder."""

    expected: NDArray[np.int16]
    maps: MapTables


N_NUMBERS = CLASSES * N_EXPECTED * N_SUMS + n_numbers(MAPS)


def dual_map_tables(array: NDArray[np.int16]) -> DualMapTables:
    """Tables from the numbers of a file, (`N_NUMBERS`,): expected; those of the maps, as uint16. Raises OptionError for
    an array of another size, and for numbers out of range."""
    check_array("tables", array, INT16, (N_NUMBERS,))
    expected, maps = np.split(array, [CLASSES * N_EXPECTED * N_SUMS])
    if np.abs(expected.astype(np.int32)).max() > LARGEST_EXPECTED:
        raise OptionError(f"a weight of what is expected is {LARGEST_EXPECTED} at most")
    return DualMapTables(expected.reshape(CLASSES, N_EXPECTED, N_SUMS).copy(), map_tables(maps.view(np.uint16), MAPS))


def around(means: NDArray[np.int16]) -> list[NDArray[np.int32]]:
    """The four sums that tell what to expect of a block (height, width): how the first symbols around it rise, down and
    across, and how they bend."""
    height, width = means.shape
    padded = np.pad(means.astype(np.int32), 1, mode="edge")
    n, s, w, e = (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1)))
    twice = 2 * means.astype(np.int32)
    return [n - s, w - e, n + s - twice, w + e - twice]


def _guesses(means: NDArray[np.int16], expected: NDArray[np.int16]) -> NDArray[np.int32]:
    """What is expected of G2's other latents, (7, height, width). Sums fit into 32 bits."""
    weighted = np.tensordot(expected.astype(np.int32), np.stack(around(means)), 1)
    guesses: NDArray[np.int32] = np.clip((weighted + 2048) >> 12, -LARGEST_GUESS, LARGEST_GUESS)
    return guesses


def dual_to_maps(planes: list[tuple[Groups, Symbols]], layout: MapLayout, expected: NDArray[np.int16]) -> Values:
    """Groups (n,) and symbols (n, 8), -16,384 to 16,384, of every plane as maps."""
    values = np.zeros(layout.n_symbols, np.int16)
    for index, ((groups, symbols), plane) in enumerate(zip(planes, layout.planes, strict=True)):
        size = plane.height, plane.width
        means, chosen = (layout.part(values, index, one) for one in range(len(FIRST)))
        means[:], chosen[:] = symbols[:, 0].reshape(size), groups.reshape(size)
        if not groups.any():
            continue
        for latent, guess in enumerate(_guesses(means, expected[plane.chroma]), 1):
            detail = layout.part(values, index, DETAILS[latent - 1])
            detail[:] = np.where(chosen, symbols[:, latent].reshape(size) - guess, 0)
    return values


def dual_from_maps(values: Values, layout: MapLayout, expected: NDArray[np.int16]) -> list[tuple[Groups, Symbols]]:
    """The inverse; symbols of G1 other than the first are 0. Raises CorruptStream for a group that there is not."""
    planes = []
    for index, plane in enumerate(layout.planes):
        means, chosen = (layout.part(values, index, one) for one in range(len(FIRST)))
        if chosen.max() > 1:
            raise CorruptStream("a block of a group that there is not")
        symbols = np.zeros((means.size, 1 + N_EXPECTED), np.int16)
        symbols[:, 0] = means.ravel()
        if chosen.any():
            for latent, guess in enumerate(_guesses(means, expected[plane.chroma]), 1):
                symbol = np.clip(layout.part(values, index, DETAILS[latent - 1]) + guess, -32767, 32767)
                symbols[:, latent] = np.where(chosen, symbol, 0).ravel()
        planes.append((chosen.ravel().astype(np.uint8), symbols))
    return planes


def dual_put_maps(planes: list[tuple[Groups, Symbols]], layout: MapLayout, tables: DualMapTables) -> bytes:
    """Groups and symbols of the planes of a tile as a stream of the range coder."""
    values, symbols = dual_to_maps(planes, layout, tables.expected), np.zeros(layout.n_symbols, np.int16)
    coder = MapCoder(layout, tables.maps)
    stream = coder.encode(values, *as_they_are(MAPS), 0, len(MAPS), symbols)
    coder.close()
    return stream


def dual_get_maps(stream: bytes, layout: MapLayout, tables: DualMapTables) -> list[tuple[Groups, Symbols]]:
    """The inverse; raises CorruptStream or Truncated."""
    symbols = np.zeros(layout.n_symbols, np.int16)
    coder = MapCoder(layout, tables.maps)
    coder.decode(stream, 0, len(MAPS), symbols)
    coder.close()
    return dual_from_maps(symbols, layout, tables.expected)
