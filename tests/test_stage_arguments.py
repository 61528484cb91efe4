"""Every function of the stages that hands addresses to the kernel refuses arguments of another kind.

The functions are found in the sources, so that a new one fails here until it has an example.
"""

import ast
import importlib
import inspect
import pkgutil
from contextlib import suppress

import numpy as np
import pytest

import apercu.stages
from apercu.codecs.tables import shipped
from apercu.errors import ApercuError, OptionError
from apercu.stages import (
    bands,
    colour,
    dct,
    dual_ae,
    dual_code,
    dual_quantise,
    fill,
    map_huffman,
    mask,
    predict,
    range_coding,
    rotation,
    squared_error,
    symbol_maps,
    wavelet,
)
from tests import map_cases

RNG = np.random.default_rng(1)
WEIGHTS = np.array(shipped(1).weights)
TABLES = shipped(2)
PLANES = [bands.BandPlane(20, 12, 0, -1), bands.BandPlane(10, 6, 1, 0), bands.BandPlane(10, 6, 1, 1)]


def coder(planes=PLANES, tables=TABLES):
    return bands.BandCoder(planes, tables)


def int16(*shape, most=60):
    return RNG.integers(-most, most, shape).astype(np.int16)


def band_encode(coefficients, step_q8, first, last, symbols):
    return coder().encode(coefficients, step_q8, first, last, symbols)


def band_decode(data, step_q8, first, last, coefficients):
    return coder().decode(data, step_q8, first, last, coefficients)


def to_bands(components):
    rotation.to_bands(components, rotation.Rotation(((64, -9), (7, 64)), (LEVELS[0], LEVELS[0])))


def band_coder(weights, contexts, planes):
    coder(planes, bands.BandTables(weights, contexts)).close()


def predict_encode(samples, max_error, taps, contexts, order, decoded):
    return predict.encode_samples(samples, max_error, predict.PredictTables(taps, contexts), order, 7, decoded)


def predict_decode(data, out, max_error, taps, contexts, order):
    predict.decode_samples(data, out, max_error, predict.PredictTables(taps, contexts), order)


def planes_encode(groups, symbols, tables):
    return dual_code.dual_encode([(groups, symbols)], tables)


def from_rgb(luma, cb, cr, interpretation, out):
    colour.from_planes([luma, cb, cr], interpretation, [], out)


def from_wide(plane, interpretation, levels, out):
    colour.from_planes([plane], interpretation, levels, out)


N = sum(p.width * p.height for p in PLANES)
GROUPS = np.array([0, 1, 1, 0, 1, 0], np.uint8)
SYMBOLS = int16(6, 8)
TILE = RNG.integers(0, 255, (12, 20, 4)).astype(np.uint8)
TILE[2:5, 3:9, 3] = 0
WIDE = RNG.integers(0, 60000, (12, 20, 1)).astype(np.uint16)
LEVELS = [colour.Levels(0, 208)]
STARTS = np.full((bands.N_CONTEXTS, 2), 7, np.uint16)
BITS = np.array([0, 1, 1, 0], np.uint8)
PREDICT_STARTS = np.full((predict.N_CONTEXTS, 2), 7, np.uint16)
PREDICT_TABLES = predict.predict_tables(int16(3, 8, 16), PREDICT_STARTS)

MAP_LAYOUT = map_cases.layout_of()
MAP_TABLES = map_cases.tables(MAP_LAYOUT.maps)
MAP_VALUES = map_cases.drawn(MAP_LAYOUT, 1)
STEPS_Q6, PRICES = map_cases.settings(MAP_LAYOUT)
MAP_STARTS = np.full((len(MAP_TABLES.contexts), 2), 9, np.uint16)
MAP_NUMBERS = symbol_maps.map_numbers(MAP_TABLES.weights, MAP_STARTS)


def map_coder(weights, contexts):
    symbol_maps.MapCoder(MAP_LAYOUT, symbol_maps.MapTables(weights, contexts)).close()


def map_coder_of(weights, contexts):
    map_huffman.map_coder(MAP_LAYOUT, symbol_maps.MapTables(weights, contexts)).close()


def map_numbers(numbers):
    symbol_maps.map_tables(numbers, MAP_LAYOUT.maps)


def map_start(starts):
    symbol_maps.start_contexts(starts, MAP_LAYOUT.maps)


def map_encode(entropy, values, steps_q6, prices, first, end, symbols):
    return map_cases.coder(entropy, MAP_LAYOUT).encode(values, steps_q6, prices, first, end, symbols)


def range_maps(values, steps_q6, prices, first, end, symbols):
    return map_encode("range", values, steps_q6, prices, first, end, symbols)


def huffman_maps(values, steps_q6, prices, first, end, symbols):
    return map_encode("huffman", values, steps_q6, prices, first, end, symbols)


def range_read(data, first, end, symbols):
    map_cases.coder("range", MAP_LAYOUT).decode(data, first, end, symbols)


def huffman_read(data, first, end, symbols):
    map_cases.coder("huffman", MAP_LAYOUT).decode(data, first, end, symbols)


def to_maps(plane, height, width, centre, maps):
    dct.dct_analyse(plane, height, width, centre, maps)


def map_symbols():
    return np.zeros(MAP_LAYOUT.n_symbols, np.int16)


MAP_ENCODE = {
    "values": MAP_VALUES,
    "steps_q6": STEPS_Q6,
    "prices": PRICES,
    "first": 0,
    "end": 7,
    "symbols": map_symbols(),
}

# (function it is about, what to call, arguments)
EXAMPLES = [
    (bands.start_contexts, bands.start_contexts, {"starts": STARTS}),
    (bands.band_step, bands.band_step, {"step_q8": 900, "chroma": 0, "level": 2, "orientation": 1}),
    (bands.band_step_q6, bands.band_step_q6, {"step_q8": 900, "chroma": 1, "level": 4, "orientation": -1}),
    (bands.low_step_q6, bands.low_step_q6, {"step_q8": 900}),
    (bands.workspace_bytes, bands.workspace_bytes, {"planes": PLANES}),
    (bands.BandCoder, band_coder, {"weights": TABLES.weights, "contexts": TABLES.contexts, "planes": PLANES}),
    (bands.BandCoder, band_encode,
     {"coefficients": int16(N), "step_q8": 900, "first": 5, "last": 1, "symbols": np.zeros(N, np.int16)}),
    (bands.BandCoder, band_decode,
     {"data": band_encode(np.zeros(N, np.int16), 900, 5, 1, None), "step_q8": 900, "first": 5, "last": 1,
      "coefficients": np.zeros(N, np.int16)}),
    (bands.dequantise, bands.dequantise, {"symbols": int16(N), "planes": PLANES, "step_q8": 900}),
    (colour.to_planes, colour.to_planes, {"tile": TILE, "interpretation": "rgba", "levels": []}),
    (colour.to_planes, colour.to_planes, {"tile": WIDE, "interpretation": "grey", "levels": LEVELS}),
    (colour.from_planes, from_rgb,
     {"luma": int16(12, 20), "cb": int16(6, 10), "cr": int16(6, 10), "interpretation": "rgb",
      "out": np.empty((12, 20, 3), np.uint8)}),
    (colour.from_planes, from_wide,
     {"plane": int16(12, 20), "interpretation": "grey", "levels": LEVELS, "out": np.empty((12, 20, 1), np.uint16)}),
    (fill.filled, fill.filled,
     {"tile": TILE, "interpretation": "rgba", "levels": (), "mask": np.zeros(TILE.shape, np.bool_)}),
    (mask.encode_mask, mask.encode_mask, {"mask": TILE[:, :, :3] > 99}),
    (mask.encode_planes, mask.encode_planes, {"planes": mask.pack(TILE > 99), "width": 20}),
    (mask.decode_mask, mask.decode_mask,
     {"data": mask.encode_mask(TILE > 99), "height": 12, "width": 20, "n_masks": 4}),
    (mask.decode_planes, mask.decode_planes,
     {"data": mask.encode_mask(TILE > 99), "height": 12, "width": 20, "n_masks": 4}),
    (predict.predict_tables, predict.predict_tables, {"taps": int16(3, 8, 16), "starts": PREDICT_STARTS}),
    (predict.encode_samples, predict_encode,
     {"samples": TILE, "max_error": 3, **PREDICT_TABLES._asdict(), "order": [3, 0, 2, 1], "decoded": TILE.copy()}),
    (predict.decode_samples, predict_decode,
     {"data": predict.encode_samples(TILE, 0, PREDICT_TABLES), "out": np.empty((12, 20, 4), np.uint8), "max_error": 0,
      **PREDICT_TABLES._asdict(), "order": None}),
    (dual_quantise.dual_quantise, dual_quantise.dual_quantise,
     {"latents": int16(6, 9), "mse_q4": np.arange(6, dtype=np.uint32), "threshold_q4": 3, "step_q3": 8}),
    (dual_ae.dual_analyse, dual_ae.dual_analyse,
     {"plane": int16(16, 24), "blocks": (2, 3), "weights": WEIGHTS, "threshold_q4": 3}),
    (dual_ae.dual_synthesise, dual_ae.dual_synthesise,
     {"groups": GROUPS, "symbols": SYMBOLS, "blocks": (2, 3), "weights": WEIGHTS, "step_q3": 8}),
    (dual_code.dual_optimise, dual_code.dual_optimise,
     {"groups": GROUPS, "symbols": SYMBOLS, "latents": int16(6, 9), "step_q3": 8, "bit_price_q4": 2, "tables": None}),
    (dual_code.dual_encode, planes_encode, {"groups": GROUPS, "symbols": SYMBOLS, "tables": "group"}),
    (dual_code.dual_decode, dual_code.dual_decode, {"data": planes_encode(GROUPS, SYMBOLS, None), "n_blocks": [6]}),
    (dual_code.dual_decode_groups, dual_code.dual_decode_groups,
     {"data": planes_encode(GROUPS, SYMBOLS, None), "n_blocks": [6]}),
    (range_coding.range_encode, range_coding.range_encode,
     {"bits": BITS, "contexts": np.zeros(4, int), "n_contexts": 1, "starts": np.array([[9, 3, 4, 7]], np.uint16)}),
    (range_coding.range_decode, range_coding.range_decode,
     {"data": range_coding.range_encode(BITS, np.zeros(4, int), 1), "contexts": np.zeros(4, np.uint16), "n_contexts": 1,
      "starts": None}),
    (wavelet.wavelet_analyse, wavelet.wavelet_analyse,
     {"plane": int16(12, 20), "height": 12, "width": 20, "levels": 4, "centre": 0, "bands": np.empty(240, np.int16),
      "step_q8": 900, "chroma": 1}),
    (wavelet.wavelet_synthesise, wavelet.wavelet_synthesise,
     {"bands": int16(240), "plane": np.empty((12, 20), np.int16), "levels": 5, "centre": 4080}),
    (rotation.to_bands, to_bands, {"components": np.concatenate([WIDE, WIDE[::-1]], 2)}),
    (squared_error.squared_error, squared_error.squared_error, {"samples": TILE, "decoded": TILE[::-1].copy()}),
    (symbol_maps.start_contexts, map_start, {"starts": MAP_STARTS}),
    (symbol_maps.map_tables, map_numbers, {"numbers": MAP_NUMBERS}),
    (map_huffman.map_coder, map_coder_of, {"weights": MAP_TABLES.weights, "contexts": MAP_TABLES.contexts}),
    (symbol_maps.MapCoder, map_coder, {"weights": MAP_TABLES.weights, "contexts": MAP_TABLES.contexts}),
    (symbol_maps.MapCoder, range_maps, MAP_ENCODE),
    (symbol_maps.MapCoder, range_read,
     {"data": range_maps(**MAP_ENCODE), "first": 0, "end": 7, "symbols": map_symbols()}),
    (map_huffman.HuffmanMapCoder, huffman_maps, MAP_ENCODE),
    (map_huffman.HuffmanMapCoder, huffman_read,
     {"data": huffman_maps(**MAP_ENCODE), "first": 0, "end": 7, "symbols": map_symbols()}),
    (dct.dct_analyse, to_maps,
     {"plane": int16(16, 24), "height": 2, "width": 3, "centre": 4080, "maps": np.empty((64, 2, 3), np.int16)}),
    (dct.dct_synthesise, dct.dct_synthesise,
     {"maps": int16(64, 2, 3), "height": 2, "width": 3, "centre": 0, "plane": np.empty((16, 24), np.int16)}),
    (dct.dct_dequantise, dct.dct_dequantise,
     {"symbols": int16(64, 2, 3), "steps_q6": np.full(64, 900, np.int32), "maps": np.empty((64, 2, 3), np.int16)}),
    (dct.dct_expect, dct.dct_expect, {"maps": int16(64, 2, 3), "weights": int16(9, 3), "sign": 1}),
    (dct.dct_smooth, dct.dct_smooth, {"plane": int16(16, 24), "height": 2, "width": 3, "limit": 9}),
]  # fmt: skip
ANY_INTEGERS = {
    ("range_encode", "bits"),
    ("range_encode", "contexts"),
    ("range_encode", "starts"),
    ("range_decode", "contexts"),
}
"""Arrays that may be of any type of integers, in any order of memory."""


def functions_with_addresses():
    """Names of the public functions and classes of the stages that call the kernel, themselves or by a private one."""
    found = set()
    for module in pkgutil.iter_modules(apercu.stages.__path__):
        tree = ast.parse(inspect.getsource(importlib.import_module(f"apercu.stages.{module.name}")))
        named = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        names = {name: {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} for name, node in named.items()}
        handles = {"address", "checked"}
        while more := {name for name, used in names.items() if used & handles} - handles:
            handles |= more
        found |= {f"{module.name}.{name}" for name in handles & set(names) if not name.startswith("_")}
    return found


def test_every_function_that_calls_the_kernel_has_an_example():
    known = {f"{about.__module__.split('.')[-1]}.{about.__name__}" for about, _, _ in EXAMPLES}
    assert functions_with_addresses() == known
    assert len(known) >= 17


def wrong_arrays(array):
    """The array in other shapes, types and places."""
    yield array[:-1].copy()
    yield np.concatenate([array, array[:1]])
    yield array.ravel()[: max(array.size // 2, 1)].copy()
    yield array[np.newaxis].copy()
    yield array.astype(np.int64)
    yield array.astype(np.float32)
    yield array.astype(array.dtype.newbyteorder()) if array.itemsize > 1 else array.astype(np.int8)
    yield np.repeat(array, 2, axis=-1)[..., ::2]
    yield array[::-1]
    if array.itemsize > 1:
        bytes_of = np.zeros(array.nbytes + 1, np.uint8)
        odd = bytes_of[1:].view(array.dtype).reshape(array.shape)
        odd[...] = array
        yield odd
    yield array.tolist()
    yield None
    yield "array"


def wrong(value):
    if isinstance(value, np.ndarray):
        yield from wrong_arrays(value)
    elif isinstance(value, bytes):
        yield from (None, 7, "text", list(value), value[:-1] + b"\xff\xff\xff", b"")
    elif isinstance(value, int):
        yield from (-(1 << 63) - 1, -1 << 40, -9000, 1 << 27, 1 << 40, 1 << 63, 1.5, None, "1")
    elif isinstance(value, str) or value is None:
        yield from ("nonsense", 7, ["rgb"])
    elif isinstance(value, tuple) and len(value) == 2:
        yield from ((0, 3), (2, 1 << 40), (-2, -3), (2,), (2.0, 3.0), (1 << 40, 1 << 40), None, 4)
    elif value and isinstance(value[0], tuple) and len(value[0]) == 2:
        yield from ([], [(0, 0)], [(209, 1)], [(-1, 9)], value + value)
    elif value and isinstance(value[0], tuple):
        yield from ([], None, 7, [(3, 4)], [(0, 5, 0, -1, 0)], [(5, 5, 2, -1, 0)], [(5, 5, 0, 0, 0)], [(5, 5, 0, 9, 0)])
        yield from ([(-5, -5, 0, -1, 0)], [(1 << 40, 5, 0, -1, 0)], [(5, 5, 0, -1, 0), (6, 5, 0, 0, 0)])
    elif value == [6]:
        yield from ([-1], [0], [1 << 63], ["6"], [1.5], [None])
    else:
        yield from ([(0, 9)], [(1, 2, 3)])


CASES = [(call, arguments, name) for _, call, arguments in EXAMPLES for name in arguments]


@pytest.mark.parametrize(("call", "arguments", "name"), CASES, ids=[f"{c.__name__}-{n}" for c, _, n in CASES])
def test_wrong_arguments_are_refused(call, arguments, name):
    def copies():
        return {key: value.copy() if isinstance(value, np.ndarray) and key not in ("contexts", "taps") else value
                for key, value in arguments.items()}  # fmt: skip

    call(**copies())
    value = arguments[name]
    for other in wrong(value):
        if (call.__name__, name) in ANY_INTEGERS and isinstance(other, np.ndarray) and other.ndim == value.ndim:
            continue
        # What is not refused has to be of the same kind, in a place from which the kernel can read it.
        with (
            suppress(ApercuError) if fits(call.__name__, name, value, other) else pytest.raises(ApercuError, match=r".")
        ):
            call(**copies() | {name: other})


def fits(function, name, value, other):
    """Whether `other` may take the place of `value`."""
    if other is None:
        return name in ("symbols", "mask", "starts", "tables", "decoded")
    if isinstance(value, bytes):
        return isinstance(other, bytes)
    if not isinstance(value, np.ndarray):
        return name in ("threshold_q4", "levels") and not isinstance(other, (str, float))
    if not isinstance(other, np.ndarray) or other.dtype.kind != value.dtype.kind or other.ndim != value.ndim:
        return False
    if name == "out":
        return other.dtype.itemsize <= 2 and other.dtype.isnative and other.shape[1:] == value.shape[1:]
    if function == "squared_error":
        return other.shape == value.shape and other.dtype.itemsize == value.dtype.itemsize
    if name in ("tile", "mask", "samples", "planes", "components"):  # a copy is made where need be
        return other.dtype.itemsize <= 2
    larger = name in ("plane", "luma", "cb", "cr") and function != "wavelet_synthesise"
    shaped = other.shape == value.shape or (
        larger and all(n >= m for n, m in zip(other.shape, value.shape, strict=True))
    )
    return shaped and other.dtype == value.dtype and other.flags.carray


def test_out_may_be_a_window_and_nothing_else():
    plane = int16(12, 20)
    whole = np.zeros((30, 40, 1), np.uint8)
    colour.from_planes([plane], "grey", [], whole[3:15, 7:27])
    assert not whole[:3].any()
    read_only = np.zeros((12, 20, 1), np.uint8)
    read_only.flags.writeable = False
    for out in (whole[::2, :20][:12], whole[:12, ::2], whole[11::-1, :20]):
        if out.strides[0] > 0 and out.strides[1] == 1:
            colour.from_planes([plane], "grey", [], out)
            continue
        with pytest.raises(ApercuError):
            colour.from_planes([plane], "grey", [], out)
    with pytest.raises(ApercuError):
        colour.from_planes([plane], "grey", [], read_only)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
def test_numbers_of_numpy_are_refused_since_their_products_wrap(dtype):
    # 40 contexts take 320 bytes, which are 64 in uint8: the kernel would write behind its workspace.
    with pytest.raises(OptionError, match="n_contexts must be an int"):
        range_coding.range_decode(bytes(8), np.zeros(3, int), dtype(40))
