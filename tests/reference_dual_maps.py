"""Range coding of the codec `taha2025` for the second decoder: written from spec/taha2025.md alone."""

import numpy as np

import reference_taha2025
from reference_bytes import CorruptStream, ModelError
from reference_maps import RangeReader, in_blocks, least_bits, split_tables

LAYERS = 1
setting = reference_taha2025.setting

MAPS = [("predicted", 0, None, ()), ("count", 1, None, ())] + [
    ("plain", 1 + k, {1}, tuple(range(k, max(2, k - 3) - 1, -1))) for k in range(1, 8)
]


def tables(array, _codec):
    """Weights [2][9][64], expected [2][7][4], weights of maps [2][9][18], start and age of each context."""
    if array.dtype.kind != "i" or array.shape != (11720,):
        raise ModelError("not tables of taha2025 for range coding")
    weights, expected, numbers = np.split(array, [1152, 1208])
    of_maps = split_tables(numbers.view(np.uint16).tolist(), MAPS)
    if abs(expected.astype(int)).max() > 2047 or of_maps is None:
        raise ModelError("tables of taha2025 out of their range")
    return weights.reshape(2, 9, 64), expected.reshape(2, 7, 4), *of_maps


def has_room(_head, tile, planes, _model):
    n_bytes = len(tile.segments[-1])
    return n_bytes > 0 and least_bits(in_blocks(planes, 8), MAPS, 0, 2) <= 2**19 * (n_bytes + 5)


def read(_head, tile, planes, model):
    return read_segment(tile.segments[0], in_blocks(planes, 8), *model[1:])


def synthesise(head, planes, coded, model):
    return reference_taha2025.synthesise(head, planes, coded, model[0])


def read_segment(segment, planes, expected, of_maps, starts):
    """For each plane: the blocks' groups, and their symbols in coded order, as of Huffman codes. planes: height and
    width in blocks, class, companion or None."""
    reader = RangeReader(planes, MAPS, of_maps, starts)
    reader.read(segment, 0, 9)
    coded = []
    for (height, width, chroma, _), maps in zip(planes, reader.symbols, strict=True):
        if maps[1].max() > 1:
            raise CorruptStream("flag")
        symbols = []
        for y in range(height):
            for x in range(width):
                symbols.append(int(maps[0][y, x]))
                for k in range(1, 8) if maps[1][y, x] else ():
                    guess = guessed(maps[0], y, x, expected[chroma, k - 1].tolist())
                    symbols.append(max(-32767, min(32767, int(maps[1 + k][y, x]) + guess)))
        coded.append((maps[1].ravel().astype(np.uint8), np.array(symbols, np.int64)))
    return coded


def guessed(first, y, x, weights):
    c = int(first[y, x])
    n, s = int(first[max(y - 1, 0), x]), int(first[min(y + 1, first.shape[0] - 1), x])
    w, e = int(first[y, max(x - 1, 0)]), int(first[y, min(x + 1, first.shape[1] - 1)])
    sums = (n - s, w - e, n + s - 2 * c, w + e - 2 * c)
    return max(-16383, min(16383, (sum(k * a for k, a in zip(weights, sums, strict=True)) + 2048) >> 12))
