"""The codec `dct` for the second decoder: written from spec/dct.md alone, plain, exact and slow."""

import numpy as np

import reference_wavelet
from reference_bytes import Bytes, CorruptStream, ModelError
from reference_maps import HuffmanReader, RangeReader, in_blocks, least_bits, least_bits_of_huffman, split_tables

BASIS = (1448, 2009, 1892, 1703, 1448, 1138, 784, 400)
BY_RANGE, BY_HUFFMAN = 3, 4
STREAMS = (0, 1), (1, 64)


def dct_maps():
    """The list of maps of the codec `dct`, and the frequencies of each."""
    places = sorted(((u, v) for u in range(8) for v in range(8)), key=lambda p: (sum(p), p[0] if sum(p) % 2 else p[1]))
    maps = []
    for m, (u, v) in enumerate(places):
        like = [(u, v - 1), (u - 1, v), (u - 1, v - 1), (u, v - 2), (u - 2, v)]
        earlier = [places.index(one) for one in like if min(one) >= 0 and one != (0, 0)][:4]
        group = m if u + v <= 3 else 6 + u + v if u + v <= 7 else 14
        maps.append(("plain" if m else "predicted", group, None, tuple(earlier)))
    return maps, places


def matrix():
    rows = np.zeros((8, 8), np.int64)
    for u in range(8):
        for x in range(8):
            angle = (2 * x + 1) * u % 32  # in sixteenths of pi
            angle = min(angle, 32 - angle)
            rows[u, x] = BASIS[angle] if angle < 8 else -BASIS[16 - angle]
    return rows


def dct_plane(symbols, chroma, step_q8, steps, smoothing, expected):
    """Samples of a plane. symbols: (64, height, width). steps, smoothing: the matrix [2][64] and the limits [2]."""
    _, places = dct_maps()
    z = np.empty(symbols.shape, np.int64)
    for m in range(64):
        step_q6 = max(1, step_q8 * int(steps[chroma, m]) >> 6)
        z[m] = np.sign(symbols[m]) * np.minimum(32767, (np.abs(symbols[m]) * step_q6 + 32) >> 6)
    c = z[0]
    padded = np.pad(c, 1, mode="edge")
    height, width = c.shape
    nw, n, ne, w, _, e, sw, s, se = (padded[i : i + height, j : j + width] for i in range(3) for j in range(3))
    none = 0 * c
    sums = {
        (0, 0): (n + s - 2 * c, w + e - 2 * c, nw + ne + sw + se - 4 * c),
        (1, 0): (n - s, nw + ne - sw - se, none),
        (0, 1): (w - e, nw + sw - ne - se, none),
        (1, 1): (nw - ne - sw + se, none, none),
    }
    for m in range(1, 10):
        u, v = places[m]
        more = sum(int(k) * part for k, part in zip(expected[chroma, m - 1], sums[u % 2, v % 2], strict=True))
        z[m] = np.clip(z[m] + ((more + 2048) >> 12), -32767, 32767)
    blocks = np.zeros((height, width, 8, 8), np.int64)
    for m, (u, v) in enumerate(places):
        blocks[:, :, u, v] = z[m]
    t = (matrix().T @ blocks + 1024) >> 11
    p = np.clip(((t @ matrix() + 2048) >> 12) + (0 if chroma else 4080), -8191, 8191)
    plane = p.transpose(0, 2, 1, 3).reshape(8 * height, 8 * width)
    limit = step_q8 * int(smoothing[chroma]) >> 14
    return smoothed(smoothed(plane, limit).T, limit).T if limit else plane


def smoothed(plane, limit):
    out = plane.copy()
    for x in range(8, plane.shape[1], 8):
        p2, p1, p0, q0, q1, q2 = (plane[:, x + i] for i in range(-3, 3))
        d = (9 * (q0 - p0) - 3 * (q1 - p1) + 8) >> 4
        soft = np.abs(d) < 10 * limit
        d, half = np.clip(d, -limit, limit), limit // 2
        before = np.clip((((p2 + p0 + 1) >> 1) - p1 + d) >> 1, -half, half)
        after = np.clip((((q2 + q0 + 1) >> 1) - q1 - d) >> 1, -half, half)
        changed = [p1 + before, p0 + d, q0 - d, q1 + after]
        for i, new in enumerate(changed, -2):
            out[:, x + i] = np.where(soft, np.clip(new, -8191, 8191), plane[:, x + i])
    return out


# --- Of a file --------------------------------------------------------------------------------------
LAYERS = 2


def setting(quality_q8, parameters, text):
    """step_q8, and the number of the quantiser."""
    if parameters is not None:
        raise CorruptStream("dct has no settings made by hand")
    number = quality_q8 % 4
    return reference_wavelet.step_of_quality(quality_q8 - number, text), number


def tables(array, _codec):
    """matrices, smoothing, expected, weights, starts."""
    numbers = array.tolist()
    of_maps = split_tables(numbers[578:], dct_maps()[0]) if array.dtype == np.uint16 and array.ndim == 1 else None
    if of_maps is None:
        raise ModelError("not tables of dct")
    prices, smoothing = numbers[:4], np.array(numbers[4:12]).reshape(4, 2)
    matrices = np.array(numbers[12:524]).reshape(4, 2, 64)
    expected = np.array(numbers[524:578]).reshape(2, 9, 3) - 32768
    in_range = 1 <= min(prices) <= max(prices) <= 255 and smoothing.max() <= 4096
    if not (in_range and 1 <= matrices.min() <= matrices.max() <= 4096 and abs(expected).max() < 2048):
        raise ModelError("tables of dct out of their range")
    return matrices, smoothing, expected, *of_maps


def has_room(head, tile, planes, _model):
    in_maps, (maps, _), n_bytes = in_blocks(planes, 8), dct_maps(), len(tile.segments[-1])
    streams = STREAMS if head.n_layers == 1 else STREAMS[len(tile.segments) - 1 :][:1]
    n_bytes -= head.n_layers == 1
    if head.codec == BY_RANGE:
        least = sum(max(0, -(-least_bits(in_maps, maps, *stream) // 2**19) - 5) for stream in streams)
    else:
        least = len(streams) * -(-least_bits_of_huffman(in_maps) // 8)
    return least <= n_bytes


def read(head, tile, planes, model):
    """The symbols of each plane, (64, height, width)."""
    in_maps, (maps, _) = in_blocks(planes, 8), dct_maps()
    reader = RangeReader(in_maps, maps, *model[3:]) if head.codec == BY_RANGE else HuffmanReader(in_maps, maps)
    streams = tile.segments
    if head.n_layers == 1:
        source = Bytes(tile.segments[0])
        streams = [source.take(source.varint(0, 2**28 - 1)), source.take(source.left())]
    for stream, (first, end) in zip(streams, STREAMS, strict=False):
        reader.read(stream, first, end)
    return [np.array(of_plane) for of_plane in reader.symbols]


def synthesise(head, planes, symbols, model):
    matrices, smoothing, expected, *_ = model
    step_q8, number = head.setting
    how = step_q8, matrices[number], smoothing[number], expected
    whole = [dct_plane(s, p.of_class, *how) for p, s in zip(planes, symbols, strict=True)]
    return [v[: p.height, : p.width] for v, p in zip(whole, planes, strict=True)]
