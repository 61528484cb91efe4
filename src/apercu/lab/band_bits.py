"""The bits that the symbols of a tile become in codec `apercu`, each with its context, in coded order.

Which contexts the bits have depends on the symbols alone, not on what the contexts have learnt: so training can try
starts on the bits of an image without coding it again. That these bits are the coder's, a test shows: range coding
makes the same bytes of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.stages.band_contexts import places
from apercu.stages.bands import FLAGGED_STAGES, GROUP, STAGES, BandPlane
from apercu.stages.range_coding import BYPASS
from apercu.stages.wavelet import band_places

Ints = NDArray[np.int64]
BUCKETS = np.array([0, 1, 3, 5, 8, 12, 19, 30, 47, 75])
MOST, UNARY = 15, 14
_PLACES, _BITS = GROUP * GROUP + 1, 64  # of a group, its flag first; of a symbol, at most


class Bits(NamedTuple):
    """contexts: (n,) uint16, as `range_encode` takes them; bits: (n,) uint8."""

    contexts: NDArray[np.uint16]
    bits: NDArray[np.uint8]


class _Band(NamedTuple):
    """A band on its way: which one (class, stage - 1, orientation), its symbols (H, W), *around* of each."""

    at: tuple[int, int, int]
    symbols: Ints
    around: Ints


def bits_of(symbols: NDArray[np.int16], planes: list[BandPlane], weights: NDArray[np.uint8]) -> Bits:
    """Of all stages. `symbols`: of all planes, as `BandCoder.encode` gives them."""
    cut, at = [], 0
    for plane in planes:
        cut.append(_bands(symbols[at : at + plane.width * plane.height].astype(np.int64), plane))
        at += plane.width * plane.height
    found = []
    for stage in range(STAGES, 0, -1):
        for plane, own in zip(planes, cut, strict=True):
            level = stage - plane.chroma
            if stage == STAGES:
                found.append(_of_low(own[level, -1], plane.chroma))
            for orientation in range(3 if level else 0):
                symbols_of = own[level, orientation]
                if not symbols_of.size:
                    continue
                beside = None
                if plane.companion >= 0:
                    beside = cut[plane.companion][stage - planes[plane.companion].chroma, orientation]
                of = plane.chroma, stage - 1, orientation
                band_weights = weights.reshape(2, STAGES, 3, -1)[of].astype(np.int64)
                around = _around(own, (level, orientation), beside, band_weights)
                found.append(_of_band(_Band(of, symbols_of, around), band_weights))
    return Bits(np.concatenate([each.contexts for each in found]), np.concatenate([each.bits for each in found]))


def _bands(symbols: Ints, plane: BandPlane) -> dict[tuple[int, int], Ints]:
    """By level and orientation; LL has orientation -1."""
    levels = STAGES - plane.chroma
    where = band_places(plane.height, plane.width, levels)
    found = {key: symbols[start : start + h * w].reshape(h, w) for key, (start, h, w) in where.items()}
    found[levels, -1] = symbols[: where[levels, 0][0]].reshape(-1, -(-plane.width >> levels))
    return found


def _bucket(sums: Ints) -> Ints:
    found: Ints = np.searchsorted(BUCKETS, sums, "right") - 1
    return found


def _smooth(symbols: Ints) -> Ints:
    padded = np.pad(np.minimum(np.abs(symbols), MOST), 1)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    sums: Ints = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
    return sums


def _placed(values: Ints, shape: tuple[int, ...]) -> Ints:
    out = np.zeros(shape, np.int64)
    height, width = min(shape[0], values.shape[0]), min(shape[1], values.shape[1])
    out[:height, :width] = values[:height, :width]
    return out


def _around(own: dict[tuple[int, int], Ints], key: tuple[int, int], beside: Ints | None, weights: Ints) -> Ints:
    level, orientation = key
    shape = own[key].shape
    sums = np.zeros(shape, np.int64)
    if (parent := own.get((level + 1, orientation))) is not None:
        sums += weights[6] * _placed(_smooth(parent).repeat(2, 0).repeat(2, 1), shape)
    for sister in range(orientation):
        sums += weights[7] * _placed(_smooth(own[level, sister]), shape)
    if beside is not None:
        sums += weights[8] * _smooth(beside)
    return np.minimum(sums // 16, 255)


def _in_order(keys: list[Ints], contexts: list[Ints], bits: list[Ints]) -> Bits:
    order = np.argsort(np.concatenate(keys), kind="stable")
    found = np.concatenate(contexts)[order], np.concatenate(bits)[order]
    return Bits(found[0].astype(np.uint16), found[1].astype(np.uint8))


def _of_low(symbols: Ints, chroma: int) -> Bits:
    n = np.vstack([symbols[:1] * 0, symbols[:-1]])
    w = np.hstack([n[:, :1], symbols[:, :-1]])
    n[0] = w[0]
    nw = np.vstack([n[:1], np.hstack([n[1:, :1], symbols[:-1, :-1]])])
    guess = np.maximum(np.minimum(n, w), np.minimum(np.maximum(n, w), n + w - nw))
    about = _bucket(2 * (np.abs(n - nw) + np.abs(w - nw))).ravel()
    residual = (symbols - guess).ravel()
    size = np.abs(residual)
    length = np.frexp(size.astype(float))[1].astype(np.int64)
    index = np.arange(size.size) * _BITS
    of_length, of_second, of_sign = (places()[kind][chroma] for kind in ("length", "second", "sign of LL"))
    keys, contexts, bits = [], [], []
    for k in range(16):
        has = length >= k
        keys.append(index[has] + k)
        contexts.append(of_length[about[has], k])
        bits.append((length[has] > k).astype(np.int64))
    for k in range(16):
        has = length >= k + 2
        keys.append(index[has] + 16 + k)
        bits.append(size[has] >> (length[has] - 2 - k) & 1)
        contexts.append(of_second[length[has]] if k == 0 else np.full(has.sum(), BYPASS))
    has = length > 0
    keys.append(index[has] + 40)
    contexts.append(np.full(has.sum(), of_sign))
    bits.append((residual[has] < 0).astype(np.int64))
    return _in_order(keys, contexts, bits)


def _before(magnitudes: Ints, weights: Ints, right: NDArray[np.bool_]) -> Ints:
    """Weighted sums of what was coded before each symbol in its band. `right`: where the neighbour above and to the
    right was."""
    height, width = magnitudes.shape
    m = np.pad(magnitudes, 2)

    def at(dy: int, dx: int) -> Ints:
        return m[2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]

    sums: Ints = weights[0] * at(0, -1) + weights[1] * at(-1, 0) + weights[2] * at(-1, -1)
    sums += weights[3] * at(-1, 1) * right + weights[4] * at(0, -2) + weights[5] * at(-2, 0)
    return sums


def _of_band(band: _Band, weights: Ints) -> Bits:
    of_class, stage, orientation = band.at
    symbols, around = band.symbols, band.around
    height, width = symbols.shape
    y, x = np.indices(symbols.shape)
    right = (x % GROUP < GROUP - 1) | (y % GROUP == 0)
    before = _before(np.minimum(np.abs(symbols), MOST), weights, right)
    groups_down, groups_across = -(-height // GROUP), -(-width // GROUP)
    group = y // GROUP * groups_across + x // GROUP
    keys, contexts, bits = [], [], []
    coded = np.ones(symbols.shape, np.bool_)
    has, must = np.zeros(symbols.shape, np.int64), ~coded
    if stage < FLAGGED_STAGES:
        n_groups = groups_down * groups_across
        flags = np.bincount(group.ravel(), (symbols != 0).ravel(), n_groups) > 0
        sums = np.bincount(group.ravel(), around.ravel(), n_groups).astype(np.int64)
        grid = np.pad(flags.reshape(groups_down, groups_across).astype(np.int64), 1)
        known = grid[1:-1, :-2] + 2 * grid[:-2, 1:-1] + 4 * grid[:-2, 2:]
        keys.append(np.arange(n_groups) * _PLACES * _BITS)
        contexts.append(places()["flag"][of_class, stage, orientation][known.ravel(), _bucket(sums // 8)])
        bits.append(flags.astype(np.int64))
        coded = flags[group]
        down, across = -height % GROUP, -width % GROUP
        squares = np.pad(symbols != 0, ((0, down), (0, across)))
        squares = squares.reshape(groups_down, GROUP, groups_across, GROUP).swapaxes(1, 2)
        sofar = np.cumsum(squares.reshape(groups_down, groups_across, -1), -1).reshape(squares.shape)
        through = sofar.swapaxes(1, 2).reshape(height + down, width + across)[:height, :width]
        has = (through - (symbols != 0) > 0).astype(np.int64)
        last = ((y % GROUP == GROUP - 1) | (y == height - 1)) & ((x % GROUP == GROUP - 1) | (x == width - 1))
        must = last & (has == 0)
    index = (group * _PLACES + 1 + y % GROUP * GROUP + x % GROUP) * _BITS
    zero = coded & ~must
    of_zero = places()["zero"][of_class, stage, orientation]
    keys.append(index[zero])
    contexts.append(of_zero[_bucket(around[zero]), _bucket(before[zero]), has[zero]])
    bits.append((symbols[zero] != 0).astype(np.int64))
    some = symbols != 0
    signs = np.pad(np.where(symbols < 0, 2, np.sign(symbols)), 1)
    pattern = 27 * signs[1:-1, :-2] + 9 * signs[:-2, 1:-1] + 3 * signs[:-2, :-2] + signs[:-2, 2:] * right
    keys.append(index[some] + 1)
    contexts.append(places()["sign"][of_class, stage, orientation][pattern[some]])
    bits.append((symbols[some] < 0).astype(np.int64))
    size, start, near = np.abs(symbols[some]), index[some] + 2, _bucket((before[some] + around[some]) // 2)
    of_size = places()["magnitude"][of_class, stage]
    for q in range(1, UNARY + 1):
        there = size >= q
        keys.append(start[there] + q - 1)
        contexts.append(of_size[near[there], q - 1])
        bits.append((size[there] > q).astype(np.int64))
    for at in np.flatnonzero(size > UNARY):
        rest = _rest(int(size[at]) - UNARY - 1)
        keys.append(start[at] + UNARY + np.arange(len(rest)))
        contexts.append(np.full(len(rest), BYPASS))
        bits.append(np.array(rest))
    return _in_order(keys, contexts, bits)


def _rest(number: int) -> list[int]:
    """Exp-Golomb code of order 0, of at most 15 zeros."""
    binary = [int(digit) for digit in f"{number + 1:b}"]
    return [0] * (len(binary) - 1) + ([1] if len(binary) < 16 else []) + binary[1:]
