"""A codec of samples in as few lines as one takes: the upper bits of each, deflated or by LZMA, in two layers."""

import lzma
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apercu.codecs.plan import Plan
from apercu.errors import CorruptStream, FormatError, ModelError, Truncated
from apercu.format.container import put_varint, read_varints
from apercu.options import one_of, option, positive

DOMAIN = "samples"
VARIANTS = 1
MOST_LAYERS = 2
SYMBOLS_NEED_TABLES = frozenset({"huffman", "range"})
counts = code_and_read = read_torn = None
SECOND_BITS = 2
CODERS = {
    "huffman": (lambda data: zlib.compress(data, 9), zlib.decompressobj, zlib.error),
    "range": (lzma.compress, lzma.LZMADecompressor, lzma.LZMAError),
}


class Setting(NamedTuple):
    quality_q8: int | None
    shift: int

    @property
    def step_q8(self):
        return 256 << self.shift


@dataclass(frozen=True)
class Options:
    off_by: int | None = option("largest error of a sample", "K", positive, int, is_target=True)
    entropy: str | None = option("how symbols become bits", "NAME", one_of(("huffman", "range")))


class Tables(NamedTuple):
    entropy: str
    mark: int


def plan(_, __, height, width):
    return Plan(32 if max(height, width) > 32 else None, layers=2, most_layers=2, layered_from=300)


def at_quality(quality_q8, _=None):
    return Setting(quality_q8, 5 - quality_q8 * 5 // 25600)


def variants(_):
    return (0,)


def by_hand(options):
    return options.off_by and Setting(None, options.off_by.bit_length() - 1)


def parameters(setting):
    return b"" if setting.quality_q8 is not None else put_varint(setting.shift)


def setting_of(header):
    if header.quality_q8 is not None:
        return at_quality(header.quality_q8)
    return Setting(None, *read_varints(header.parameters, 1, 5))


def analyse(samples, layout, setting, tables):
    assert samples.shape == (layout.height, layout.width, layout.n_bands)
    assert (samples.dtype == np.uint16) == layout.wide
    return samples


def code(samples, setting, tables, layers):
    put = CODERS[tables.entropy][0]
    symbols = samples >> setting.shift
    mark = bytes([tables.mark])
    if layers == 1:
        return [put(mark + symbols.tobytes())]
    return [put(mark + (symbols >> SECOND_BITS).tobytes()), put((symbols & 3).tobytes())]


def least_bytes(layout, layer, layers, entropy, of_user):
    return 8


def read(segments, layout, setting, tables, layers):
    dtype = np.dtype(np.uint16 if layout.wide else np.uint8)
    shape = (layout.height, layout.width, layout.n_bands)
    parts = []
    for layer, segment in enumerate(segments):
        try:
            data = unpacked(tables.entropy, segment, int(np.prod(shape)) * dtype.itemsize + (layer == 0))
            if layer == 0 and data[0] != tables.mark:
                raise CorruptStream("another mark")
        except FormatError as fault:
            fault.layer = layer
            raise
        parts.append(np.frombuffer(data[layer == 0 :], dtype).reshape(shape))
    if layers == 1:
        return parts[0]
    return (parts[0] << SECOND_BITS) + (parts[1] if len(parts) > 1 else 1 << SECOND_BITS - 1)


def unpacked(entropy, segment, n_bytes):
    _, begin, error = CODERS[entropy]
    reader = begin()
    try:
        data = reader.decompress(segment, n_bytes + 1)
    except error as fault:
        raise CorruptStream(str(fault)) from None
    if len(data) < n_bytes or not (reader.eof or len(data) > n_bytes):
        raise Truncated("the data end before the content does")
    if len(data) > n_bytes or reader.unused_data:
        raise CorruptStream("data follow the last symbol")
    return data


def synthesise(symbols, layout, setting, tables):
    return (symbols << setting.shift) + (1 << setting.shift >> 1)


def evidence(symbols, layout, n_read, n_layers):
    return []


def tell(setting, tiles):
    return {"shift": setting.shift} | ({} if setting.quality_q8 is not None else {"off_by": 1 << setting.shift})


def read_tables(array, entropy):
    if array.shape != (1,) or not 0 <= array[0] <= 255:
        raise ModelError("holds no mark")
    return Tables(entropy, int(array[0]))
