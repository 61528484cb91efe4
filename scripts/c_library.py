"""The C library of whole files, compiled for this machine and called as a host would call it."""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from apercu.bridges.tables_c import MISSING, N_SMALL_WEIGHTS, N_WEIGHTS
from apercu.format.container import BY_HAND, Header
from apercu.format.ids import CODEC_IDS, MODELS
from apercu.stages.dual_code import TABLES

ROOT = Path(__file__).parents[1]
COMPILER = os.environ.get("CC", "cc")
HAS_COMPILER = shutil.which(COMPILER.split()[0]) is not None and shutil.which("make") is not None
ALL_LAYERS = 0
INTERPRETATIONS = "grey", "rgb", "rgba", "spectral"
WRITTEN = {CODEC_IDS["taha2025", "huffman"], CODEC_IDS["apercu", "range"]}
READ = ("dct", "range"), ("dct", "huffman"), ("taha2025", "range"), ("predictive", "range"), ("stacked_ae", "range")
CODECS = WRITTEN | {CODEC_IDS[names] for names in (*READ, ("stacked_ae", "huffman"), ("rnn", "range"))}
"""That the library writes, and that it reads (c/codecs.c)."""
MODELS_READ = [number for number, model in MODELS.items() if CODEC_IDS[model.codec, model.entropy] in CODECS]
"""Shipped models of these (c/models.c)."""
GUARD = 0xA5
"""Bytes that stand around what the library may write to."""
FILLED = 1 << 22
"""Numbers at each end of `rubbish`."""


class Layer(ctypes.Structure):
    """A part of apc_file."""

    _fields_ = (("length_at", ctypes.c_size_t), ("begins", ctypes.c_uint64))


class File(ctypes.Structure):
    """apc_file."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("width", "height", "bands")),
        *((name, ctypes.c_uint8) for name in ("interpretation", "wide", "axis", "model")),
        ("hash", ctypes.c_uint8 * 8),
        ("quality_q8", ctypes.c_uint16),
        ("step_q8", ctypes.c_int32),
        *((name, ctypes.c_uint32) for name in ("tile", "n_tiles", "n_layers")),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("head_size", ctypes.c_size_t),
        ("codec", ctypes.c_void_p),
        ("levels", ctypes.c_void_p),
        ("by_hand", ctypes.c_uint32 * 2),
        ("head_checksum", ctypes.c_uint32),
        ("parts", ctypes.c_uint8),
        ("writing", ctypes.c_uint8),
        ("tables", ctypes.c_uint8),
        ("layer", Layer * 11),
    )


class Image(ctypes.Structure):
    """apc_image."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("width", "height", "bands")),
        *((name, ctypes.c_uint8) for name in ("interpretation", "wide", "axis", "n_layers")),
        ("quality_q8", ctypes.c_uint16),
        ("tile", ctypes.c_uint32),
        ("levels", ctypes.c_void_p),
        ("codec", ctypes.c_uint8),
        ("tables", ctypes.c_uint8),
        ("by_hand", ctypes.c_uint32 * 2),
    )


class Model(ctypes.Structure):
    """apc_model."""

    _fields_ = (
        ("number", ctypes.c_uint8),
        ("hash", ctypes.c_uint8 * 8),
        ("weights", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("codes", ctypes.c_void_p),
        ("numbers", ctypes.c_void_p),
        ("n_numbers", ctypes.c_size_t),
    )


class Place(ctypes.Structure):
    """apc_place."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("top", "left", "height", "width"))


class Refused(Exception):
    """By the name of an error of the format."""


def build(folder: Path, *flags: str) -> Path:
    """Compiles it below `folder` by its own Makefile; returns the folder of what is built."""
    command = ["make", "-s", "-C", ROOT / "c", f"BUILD={folder}", f"PYTHON={sys.executable}", f"CC={COMPILER}"]
    subprocess.run([*map(str, command), f"CFLAGS=-fPIC {' '.join(flags)}", "all", f"{folder}/libapercu.so"], check=True)
    return folder


@functools.cache
def trapping() -> tuple[str, ...]:
    """The compiler's flags that end a program where C leaves undefined what it does; none where it has none."""
    flags = "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"
    command = [*COMPILER.split(), "-x", "c", *flags, "-o", os.devnull, "-c", "-"]
    done = subprocess.run(command, input=b"int main(void) { return 0; }", capture_output=True, check=False)
    return flags if done.returncode == 0 else ()


def load(folder: Path) -> ctypes.CDLL:
    """The shared library as ctypes has it."""
    library = ctypes.CDLL(str(folder / "libapercu.so"))
    library.apc_memory.restype = library.apc_encode_memory.restype = ctypes.c_size_t
    library.apc_encode.restype = library.apc_encode_end.restype = ctypes.c_int64
    library.apc_error_name.restype = ctypes.c_char_p
    library.apc_tile_place.restype = Place
    return library


class Decoder:
    """The library, by the functions of the package."""

    def __init__(self, folder: Path, guard: int = 64) -> None:
        self.functions, self.guard = load(folder), guard

    def _checked(self, found: int) -> int:
        if found < 0:
            raise Refused(self.functions.apc_error_name(found).decode())
        return found

    def opened(self, data: bytes, limit: int = 2**28) -> File:
        """An apc_file; its bytes stay as long as it does."""
        file = File()
        file.bytes = ctypes.create_string_buffer(data, len(data))
        at, n = ctypes.cast(file.bytes, ctypes.c_void_p), ctypes.c_size_t(len(data))
        self._checked(self.functions.apc_open(ctypes.byref(file), at, n, ctypes.c_uint64(limit)))
        return file

    def model(self, file: File, path: Path | None = None, codec: int | None = None) -> Model:
        """The shipped tables, or a user's, of the codec of a file or of this number."""
        codec = file.bytes[4][0] if codec is None and not file.model else codec
        if file.model:
            return Model.in_dll(self.functions, f"apc_model_{file.model}")
        if path is None:
            return Model(255)
        numbers = np.ascontiguousarray(np.load(path)).ravel()
        if codec != CODEC_IDS["apercu", "range"]:
            if numbers.dtype not in (np.int16, np.uint16):
                return Model(255)
            model = Model(
                0, (ctypes.c_uint8 * 8)(*hash_of(numbers)), None, None, None, numbers.ctypes.data, numbers.size
            )
            model.arrays = (numbers,)
            return model
        small = numbers.dtype == np.uint8
        n_weights = N_SMALL_WEIGHTS if small else N_WEIGHTS
        if numbers.size != n_weights + (8_119 if small else 2 * 11_166):  # as a host knows another codec's
            return Model(255)
        weights = np.minimum(numbers[:n_weights], 255).astype(np.uint8)
        if small:
            weights = np.insert(weights, [MISSING.start] * (MISSING.stop - MISSING.start), 0)
        starts = numbers[n_weights:].copy()
        where = (None, starts.ctypes.data) if small else (starts.ctypes.data, None)
        model = Model(0, (ctypes.c_uint8 * 8)(*hash_of(numbers)), weights.ctypes.data, *where)
        model.arrays = weights, starts
        return model

    def memory(self, file: File) -> "np.ndarray[Any, Any]":
        """What decoding takes, and `guard` bytes more that it must not touch. It begins as rubbish."""
        return rubbish(self.functions.apc_memory(ctypes.byref(file)), self.guard)

    def decode(
        self,
        data: bytes,
        *,
        damaged: str = "raise",
        model: Path | None = None,
        layers: int | None = None,
        limit: int = 2**28,
    ) -> Any:
        """As apercu.decode."""
        file = self.opened(data, limit)
        memory, dtype = self.memory(file), np.uint16 if file.wide else np.uint8
        margin = self.guard and file.width * file.bands
        around = rubbish(file.height * file.width * file.bands, margin, dtype)
        pixels = around[: around.size - margin].reshape(file.height, file.width, file.bands)
        shown = np.zeros(file.n_tiles, np.uint8)
        tables = self.model(file, model)
        told = [ctypes.byref(file), ctypes.byref(tables), address(memory), address(pixels)]
        told += [ctypes.c_size_t(0), ctypes.c_uint32(layers or ALL_LAYERS)]
        if damaged == "raise":
            found = self.functions.apc_decode(*told)
        else:
            found = self.functions.apc_decode_damaged(*told, address(shown))
        if (memory[len(memory) - self.guard :] != GUARD).any() or (around[around.size - margin :] != GUARD).any():
            raise AssertionError("the library writes beyond its memory or the image")
        self._checked(found)
        self.shown = shown
        return pixels[:, :, 0] if file.interpretation == 0 and not file.axis else pixels

    def encode(
        self,
        image: "np.ndarray[Any, Any]",
        like: Header,
        path: Path | None = None,
        capacity: int | None = None,
        tables: str | None = None,
    ) -> bytes:
        """A file of an image (H, W) or (H, W, B); all but its samples is as a header says. `tables`: of taha2025."""
        levels = np.array(like.levels, np.uint8).ravel()
        codec, settings = CODEC_IDS[like.codec, like.entropy], read_all_varints(like.parameters)
        quality = BY_HAND if like.quality_q8 is None else like.quality_q8
        tile = 1 << like.tile_log2 if like.tile_log2 else 0
        how = INTERPRETATIONS.index(like.interpretation), like.wide, not like.flat, like.n_layers, quality, tile
        chosen = codec, TABLES[tables], (ctypes.c_uint32 * 2)(*settings)
        at = levels.ctypes.data if like.wide else None
        about = Image(like.width, like.height, like.n_bands, *how, at, *chosen)
        n = self.functions.apc_encode_memory(ctypes.byref(about))
        file = File(model=0 if path else like.model_id)
        memory, model = np.full(n + self.guard, GUARD, np.uint8), self.model(file, path, codec)
        pixels = np.ascontiguousarray(image)
        out = np.full(4 * pixels.nbytes + 4096 if capacity is None else capacity, GUARD, np.uint8)
        told = [ctypes.byref(about), ctypes.byref(model), address(memory), address(pixels), ctypes.c_size_t(0)]
        size = self._checked(self.functions.apc_encode(*told, address(out), ctypes.c_size_t(out.size)))
        if (memory[n:] != GUARD).any():
            raise AssertionError("the encoder writes beyond its memory")
        return out[:size].tobytes()

    def segment(self, data: bytes, tile: int, layer: int) -> tuple[str | None, int]:
        """The name of its fault or None, and its bytes."""
        file, at, n = self.opened(data), ctypes.c_void_p(), ctypes.c_size_t()
        place = ctypes.c_uint32(tile), ctypes.c_uint32(layer)
        fault = self.functions.apc_segment(ctypes.byref(file), *place, ctypes.byref(at), ctypes.byref(n))
        return self.functions.apc_error_name(fault).decode() if fault else None, n.value

    def tile(self, data: bytes, tile: int, layers: int | None = None) -> SimpleNamespace:
        """The samples of a tile (h, w, B), its place, how many layers are shown, and the fault's name or None."""
        file = self.opened(data)
        place, fault = self.functions.apc_tile_place(ctypes.byref(file), ctypes.c_uint32(tile)), ctypes.c_int(0)
        pixels = np.full((place.height, place.width, file.bands), GUARD, np.uint16 if file.wide else np.uint8)
        memory, tables = self.memory(file), self.model(file)
        told = [ctypes.byref(file), ctypes.byref(tables), address(memory), ctypes.c_uint32(tile)]
        told += [ctypes.c_uint32(layers or ALL_LAYERS), address(pixels), ctypes.c_size_t(0), ctypes.byref(fault)]
        n_shown = self._checked(self.functions.apc_decode_tile(*told))
        name = self.functions.apc_error_name(fault).decode() if fault.value else None
        return SimpleNamespace(pixels=pixels, place=place, shown=n_shown, fault=name)


def read_all_varints(data: bytes) -> list[int]:
    """The numbers of parameters in a head."""
    found, shift = [0], 0
    for byte in data:
        found[-1] |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found, shift = [*found, 0], 0
    return found[:-1]


class Encoder:
    """An apc_encoder: what each call returns, 0 or a size, or the name of its error."""

    def __init__(self, decoder: Decoder) -> None:
        self.functions, self.state = decoder.functions, ctypes.create_string_buffer(512)

    def _told(self, found: int) -> Any:
        return found if found >= 0 else self.functions.apc_error_name(ctypes.c_int(found)).decode()

    def begin(self, about: Image, memory: "np.ndarray[Any, Any]", out: "np.ndarray[Any, Any]", capacity: int) -> Any:
        """apc_encode_begin, with the default model."""
        tables = ctypes.byref(Model.in_dll(self.functions, "apc_model_2"))
        told = [self.state, ctypes.byref(about), tables, address(memory), address(out), ctypes.c_size_t(capacity)]
        return self._told(self.functions.apc_encode_begin(*told))

    def strip(self, pixels: "np.ndarray[Any, Any]") -> Any:
        """apc_encode_strip."""
        return self._told(self.functions.apc_encode_strip(self.state, address(pixels), ctypes.c_size_t(0)))

    def end(self) -> Any:
        """apc_encode_end."""
        return self._told(self.functions.apc_encode_end(self.state))


def hash_of(numbers: "np.ndarray[Any, Any]") -> bytes:
    """What a file names a user's model by."""
    return hashlib.sha256(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).digest()[:8]


def rubbish(n: int, guard: int, dtype: "np.typing.DTypeLike" = np.uint8) -> "np.ndarray[Any, Any]":
    """Memory of `n` numbers, and `guard` more: all are GUARD, but for what lies between the first and the last four
    million of the `n`. That is left untouched: a file of few bytes that tells of gigabytes is to be refused before it
    takes any."""
    found = np.zeros(n + guard, dtype)
    found[:FILLED] = found[max(n - FILLED, 0) :] = GUARD
    return found


def address(array: "np.ndarray[Any, Any]") -> ctypes.c_void_p:
    """Of its first element."""
    return ctypes.c_void_p(array.ctypes.data)


def expected(data: bytes, error: str, codecs: Collection[int] = CODECS) -> str:
    """The error of a reader of these codecs where a decoder of everything has this one, or none ("")."""
    if len(data) < 3 or data[:2] != b"\xae\x70":
        return error
    if data[2] >> 4 != 1:
        return "UnsupportedVersion"
    if len(data) > 3 and data[3]:
        found = MODELS.get(data[3])
        return error if found and CODEC_IDS[found.codec, found.entropy] in codecs else "UnknownModel"
    return error if len(data) < 5 or data[4] in codecs else "UnknownModel"


def outcome(decode: Callable[..., Any], data: bytes, **how: Any) -> Any:
    """Pixels, or the name of the error."""
    try:
        return decode(data, **how)
    except Refused as error:
        return str(error)
