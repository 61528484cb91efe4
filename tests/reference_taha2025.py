"""Codec `taha2025` for the second decoder: segments, code tables, synthesis; written from spec/taha2025.md alone."""

import re
from itertools import pairwise

import numpy as np

from reference_bytes import Bits, Bytes, CorruptStream, ModelError, Truncated


def read_segment(segment, planes):
    """For each plane: the blocks' groups (0 for G1, 1 for G2), and their symbols in coded order."""
    bits = Bits(segment)
    groups_of = []
    for plane in planes:
        mode = bits.take(2)
        if mode == 3:
            raise CorruptStream("mode 3")
        n_blocks = -(-plane.height // 8) * -(-plane.width // 8)
        groups = [bits.bit() if mode == 2 else mode for _ in range(n_blocks)]
        if mode == 2 and len(set(groups)) == 1:
            raise CorruptStream("all flags are alike")
        groups_of.append(groups)
    coded = []
    for groups in groups_of:
        readers = {}
        if 0 in groups:
            readers[0] = [read_table(bits)]
        if 1 in groups:
            readers[1] = [read_table(bits) for _ in range(8)] if bits.bit() else [read_table(bits)] * 8
        plane_symbols = [read() for group in groups for read in readers[group]]
        coded.append((np.array(groups, np.uint8), np.array(plane_symbols, np.int64)))
    bits.end()
    return coded


def read_table(bits):
    """A function that reads one symbol."""
    listed = bits.bit()
    u = bits.exp_golomb(4)
    if u > 65535:
        raise CorruptStream("lo")
    lo = u // 2 if u % 2 == 0 else -(u + 1) // 2
    n = 0 if listed else bits.take(4)
    count = 2 + bits.exp_golomb(4) if listed else 2**n
    if count > 32768 or lo + count - 1 > 32767:
        raise CorruptStream("a table reaches beyond 32,767")
    if not listed:
        return lambda: lo + bits.take(n)
    symbol_of = canonical_code(read_lengths(bits, count))

    def read_symbol():
        length, word = 0, 0
        while (length, word) not in symbol_of:
            length, word = length + 1, 2 * word + bits.bit()
        return lo + symbol_of[length, word]

    return read_symbol


def read_lengths(bits, count):
    """The length of each symbol's code word, 0 where there is none."""
    length = 1 + bits.take(4)
    lengths = [length]
    while len(lengths) < count:
        if bits.bit():
            kind = bits.take(2)
            if kind == 3:
                run = bits.exp_golomb(0) + 1
                if len(lengths) + run >= count:
                    raise CorruptStream("the last symbol has no code word")
                lengths += [0] * run
                continue
            length = 1 + bits.take(4) if kind == 2 else length + (1, -1)[kind]
            if not 1 <= length <= 16:
                raise CorruptStream("length of a code word")
        lengths.append(length)
    return lengths


def canonical_code(lengths):
    """{(length, code word): index of the symbol}: by length, then by symbol, counting up from zero."""
    if sum(2 ** (16 - length) for length in lengths if length) != 2**16:
        raise CorruptStream("the code is not complete")
    symbol_of, word, length_before = {}, 0, 0
    for length, index in sorted((length, index) for index, length in enumerate(lengths) if length):
        word <<= length - length_before
        symbol_of[length, word] = index
        word, length_before = word + 1, length
    return symbol_of


def synthesise_plane(plane, groups, symbols, step_q3, weights):
    """The plane, with 5 fraction bits."""
    if plane.of_class:
        step_q3 = max((step_q3 * 8 + 8) // 16, 1)
    rows_of = weights[1, :1].astype(np.int64), weights[1, 1:].astype(np.int64)
    n_across = -(-plane.width // 8)
    values = np.zeros((-(-plane.height // 8) * 8, n_across * 8), np.int64)
    at = 0
    for block, group in enumerate(groups):
        z = np.clip(symbols[at : at + len(rows_of[group])] * step_q3, -16384, 16384)
        at += len(z)
        v = np.clip((z @ rows_of[group] + 2048) >> 12, -8191, 8191)
        y, x = block // n_across * 8, block % n_across * 8
        values[y : y + 8, x : x + 8] = v.reshape(8, 8)
    return values[: plane.height, : plane.width]


# --- Of a file --------------------------------------------------------------------------------------
LAYERS = 1


def setting(quality_q8, parameters, text):
    """step_q3. In the text are a table with rows of place, step_q3, threshold_q4, and one with place, step_q3."""
    if parameters is not None:
        return step_of_parameters(Bytes(parameters))
    section = text.split("**Path of `taha2025`.**")[1].split("\n## ")[0]
    q, variant = quality_q8 // 8, quality_q8 % 8
    second = q >= 512 and variant >= 4
    row = r"^\| (\d+) \| (\d+) \|$" if second else r"^\| (\d+) \| (\d+) \| \d+ \|$"
    knots = [(int(place), int(step_q3)) for place, step_q3 in re.findall(row, section, re.MULTILINE)]
    for (first, a), (last, b) in pairwise(knots):
        if first <= q <= last:
            d, p = last - first, q - first
            return (a * (d - p) + b * p + d // 2) // d
    raise AssertionError("the table of the path does not reach this quality")


def step_of_parameters(source):
    try:
        step_q3, _threshold_q4 = source.varint(1, 65535), source.varint(0, 2097151)
    except Truncated:
        raise CorruptStream("parameters end early") from None
    if source.left():
        raise CorruptStream("parameters go on")
    return step_q3


def tables(array, _codec):
    if array.dtype.kind != "i" or array.size != 1152:
        raise ModelError("not weights of taha2025")
    return array


def has_room(_head, tile, planes, _weights):
    return 8 * len(tile.segments[-1]) >= 12 * len(planes)


def read(_head, tile, planes, _weights):
    return read_segment(tile.segments[0], planes)


def synthesise(head, planes, coded, weights):
    return [synthesise_plane(plane, *c, head.setting, weights) for plane, c in zip(planes, coded, strict=True)]
