"""Coefficients of the DCT to symbols and back: the list of maps, the quantiser, the order of coding (spec/dct.md).

The means of all blocks are coded first. They tell what to expect of the low frequencies, and only what differs from
that is coded.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.stages.arguments import INT16, UINT16, check_array, check_number
from apercu.stages.dct import (
    LARGEST_WEIGHT,
    N_EXPECTED,
    N_MAPS,
    N_SUMS,
    ORDER,
    SIDE,
    dct_dequantise,
    dct_expect,
    dct_smooth,
    dct_synthesise,
)
from apercu.stages.map_huffman import HuffmanMapCoder
from apercu.stages.symbol_maps import (
    CLASSES,
    EARLIER,
    Map,
    MapCoder,
    MapLayout,
    MapTables,
    Settings,
    Values,
    map_tables,
    n_numbers,
)

LARGEST_STEP_Q8 = 1 << 18
LARGEST_MATRIX, LARGEST_PRICE, LARGEST_SMOOTHING = 4096, 255, 4096
"""With these, steps in coefficients are 2^24 and limits of smoothing 2^16 at the most."""
N_QUANTISERS = 4
"""In the tables; a file's quality names one."""
BASES = (256, 154)
"""Of each class, in the unit of the matrix. A sample of chroma stands for four pixels: half the step, and a fifth
more."""
STREAMS = ((0, 1), (1, N_MAPS))
"""The means, then all other frequencies, as maps from the first to before the end."""


class Quantiser(NamedTuple):
    """How coefficients are quantised and edges smoothed, at every step.

    price: what an encoder holds a bit to cost, in 2^-16 squared steps of the base of a class for each 1/256 bit, 1 to
        255.
    smoothing: of each class, the limit of `dct_smooth` in units of a plane for a step of 64 samples (`step_q8` of
        2^14), 0 to 4096.
    matrix: (2, 64) uint16, the step of each map as a multiple of the setting's, in 1/256, 1 to 4096.
    """

    price: int
    smoothing: tuple[int, int]
    matrix: NDArray[np.uint16]


class DctTables(NamedTuple):
    """What is trained.

    quantisers: four, of which a setting names one.
    expected: (2, 9, 3) int16, see `dct_expect`.
    maps: those of the range coder; None for Huffman codes, which need none.
    """

    quantisers: tuple[Quantiser, ...]
    expected: NDArray[np.int16]
    maps: MapTables | None


def _maps() -> list[Map]:
    """Low frequencies have contexts of their own; from the fifth diagonal on, those of a diagonal share them, and all
    from the ninth."""
    index = {divmod(int(place), SIDE): m for m, place in enumerate(ORDER)}
    groups: dict[object, int] = {}
    found = []
    for (down, across), m in index.items():
        diagonal = down + across
        group = groups.setdefault(m if diagonal <= 3 else f"{min(diagonal, 8)}", len(groups))
        like = [(down, across - 1), (down - 1, across), (down - 1, across - 1), (down, across - 2), (down - 2, across)]
        earlier = [index[place] for place in like if min(place) >= 0 and place != (0, 0)]
        found.append(Map("plain" if m else "predicted", group, None, tuple(earlier[:EARLIER])))
    return found


MAPS = _maps()
"""The list of maps of every plane."""


def dct_tables(array: NDArray[np.uint16]) -> DctTables:
    """Tables from the numbers of a file, uint16: prices, (4,); smoothing, (4, 2); matrices, (4, 2, 64); expected,
    32,768 more; weights of maps; starts of contexts.

    Raises OptionError for an array of another size, and for numbers out of range.
    """
    of_quantisers = N_QUANTISERS, N_QUANTISERS * CLASSES, N_QUANTISERS * CLASSES * N_MAPS
    sizes = (*of_quantisers, CLASSES * N_EXPECTED * N_SUMS, n_numbers(MAPS))
    check_array("tables", array, UINT16, (sum(sizes),))
    prices, smoothing, matrices, expected, maps = np.split(array, np.cumsum(sizes[:-1]))
    signed = expected.astype(np.int32) - 32768
    if not 1 <= prices.min() <= prices.max() <= LARGEST_PRICE or smoothing.max() > LARGEST_SMOOTHING:
        raise OptionError("a price is 1 to 255, and a limit of smoothing 0 to 4096")
    if not 1 <= matrices.min() <= matrices.max() <= LARGEST_MATRIX:
        raise OptionError("a number of a matrix is 1 to 4096")
    if np.abs(signed).max() > LARGEST_WEIGHT:
        raise OptionError("a weight of the tables is too large")
    pairs = [(luma, chroma) for luma, chroma in smoothing.reshape(-1, CLASSES).tolist()]
    return DctTables(
        tuple(map(Quantiser, prices.tolist(), pairs, matrices.reshape(-1, CLASSES, N_MAPS).copy())),
        signed.astype(np.int16).reshape(CLASSES, N_EXPECTED, N_SUMS),
        map_tables(maps.copy(), MAPS),
    )


def dct_numbers(quantisers: Iterable[Quantiser], expected: NDArray[np.int16]) -> NDArray[np.uint16]:
    """What `dct_tables` reads of a file, up to the tables of maps."""
    prices, smoothing, matrices = zip(*quantisers, strict=True)
    parts = prices, np.ravel(smoothing), np.ravel(matrices), expected.ravel().astype(np.int32) + 32768
    return np.concatenate(parts).astype(np.uint16)


def dct_steps(step_q8: int, matrix: NDArray[np.uint16]) -> Settings:
    """Steps of the maps, (2, 64) int32, in 1/64 of a coefficient. step_q8: 1 to 2^18, the step of an orthonormal
    transform in samples of 8 bits, with 8 fraction bits."""
    check_number("step_q8", step_q8, 1, LARGEST_STEP_Q8)
    check_array("matrix", matrix, UINT16, (CLASSES, N_MAPS))
    steps: Settings = np.maximum(step_q8 * matrix.astype(np.int64) >> 6, 1).astype(np.int32)
    return steps


def dct_prices(price: int, matrix: NDArray[np.uint16]) -> Settings:
    """Prices of the maps, (2, 64) int32, as `MapCoder.encode` takes them: the same squared error for a bit in all. That
    of means goes by their own step: what follows goes by them."""
    squares = matrix.astype(np.int64) ** 2
    bases = np.array(BASES)[:, None] ** 2
    prices: Settings = np.clip((price * bases + squares // 2) // squares, 1, 65535).astype(np.int32)
    prices[:, 0] = price
    return prices


def dct_encode(
    coder: MapCoder | HuffmanMapCoder,
    coefficients: Values,
    step_q8: int,
    quantiser: Quantiser,
    expected: NDArray[np.int16],
    symbols: Values,
) -> list[bytes]:
    """The streams of a tile. `coefficients`: as `dct_analyse` makes them, laid out as the coder says; what is expected
    is taken from them. `step_q8`: see `dct_steps`; `expected`: see `DctTables`. `symbols` receives what was chosen,
    and begins as zeros."""
    layout = coder.layout
    steps, prices = dct_steps(step_q8, quantiser.matrix), dct_prices(quantiser.price, quantiser.matrix)
    (first, end), rest = STREAMS
    streams = [coder.encode(coefficients, steps, prices, first, end, symbols)]
    for index, plane in enumerate(layout.planes):
        maps = plane_of(layout, coefficients, index)
        coefficient = np.zeros_like(maps)
        dct_dequantise(plane_of(layout, symbols, index), steps[plane.chroma], coefficient)
        maps[0] = coefficient[0]
        dct_expect(maps, expected[plane.chroma], -1)
    return [*streams, coder.encode(coefficients, steps, prices, *rest, symbols)]


def dct_plane(
    symbols: NDArray[np.int16],
    chroma: int,
    centre: int,
    step_q8: int,
    quantiser: Quantiser,
    expected: NDArray[np.int16],
    plane: NDArray[np.int16],
) -> None:
    """The samples that the symbols (64, height, width) of a plane stand for, into its first blocks: int16 with 5
    fraction bits. chroma: 0 for luma, 1 for chroma. centre: of the samples of this plane, see `dct_analyse`."""
    check_array("symbols", symbols, INT16, (N_MAPS, *symbols.shape[1:]))
    _, height, width = symbols.shape
    maps = np.empty_like(symbols)
    dct_dequantise(symbols, dct_steps(step_q8, quantiser.matrix)[chroma], maps)
    dct_expect(maps, expected[chroma], 1)
    dct_synthesise(maps, height, width, centre, plane)
    dct_smooth(plane, height, width, step_q8 * quantiser.smoothing[chroma] >> 14)


def plane_of(layout: MapLayout, values: Values, index: int) -> Values:
    """The maps of a plane, (64, height, width), as a view into an array of all."""
    height, width, *_ = layout.planes[index]
    return values[layout.starts[index] : layout.starts[index + 1]].reshape(N_MAPS, height, width)
