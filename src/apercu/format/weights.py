"""Tables and networks by id, checked against their SHA-256."""

import math
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.errors import ModelError
from apercu.format.ids import MODELS, USER_MODEL
from apercu.stages.bands import N_BANDS, N_CONTEXTS, N_WEIGHTS, BandTables, start_contexts

FOLDER = Path(__file__).parent.parent / "weights"
_MOST_BYTES = 1 << 20  # of a file; the tables of apercu have 45,000
_SHAPE = (2, 9, 64)
_BAND_WEIGHTS = N_BANDS * N_WEIGHTS

Tables = Any
"""The weights of a codec: an array (2, 9, 64) of int16 for taha2025, BandTables for apercu."""


@cache
def shipped(model_id: int) -> Tables:
    """The weights that the registry names; raises ModelError when the file is not the one that was shipped."""
    model = MODELS[model_id]
    array = _load(FOLDER / model.file)
    if _digest(array).hex() != model.sha256:
        raise ModelError(f"{model.file} is not the file that belongs to model {model_id}: its SHA-256 differs")
    return _READERS[model.codec](array, FOLDER / model.file)


def of_user(codec: str, path: str | Path) -> tuple[Tables, bytes]:
    """Weights from a file that `apercu train` wrote, and the first eight bytes of their SHA-256."""
    try:
        path = Path(path)
    except TypeError:
        raise ModelError(f"a model is the path of a file, not {path!r}") from None
    array = _load(path)
    return _READERS[codec](array, path), _digest(array)[:8]


def of_stream(codec: str, model_id: int, model_hash: bytes, path: str | Path | None) -> Tables:
    """The weights that a stream names; `path` leads to those of a user-trained model. Raises ModelError."""
    if model_id != USER_MODEL:
        return shipped(model_id)
    if path is None:
        raise ModelError(
            f"the file needs a user-trained model, SHA-256 {model_hash.hex()}…: pass it as model= (--model)"
        )
    weights, found = of_user(codec, path)
    if found != model_hash:
        raise ModelError(f"{path} is not the model of this file: {found.hex()}…, wanted {model_hash.hex()}…")
    return weights


def _digest(array: NDArray[np.generic]) -> bytes:
    import hashlib  # a tenth of the time that `import apercu` adds to NumPy's, and needed with a codec only

    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).digest()


def _load(path: Path) -> NDArray[np.generic]:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise ModelError(f"cannot read the weights {path}: {error}") from error
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError
        array = _array(data)
    except Exception as error:  # NumPy lets through what its parsers raise: TokenError, RecursionError, MemoryError
        raise ModelError(f"{path} is no file of weights, as `apercu train` writes (.npy)") from error
    if array.dtype.kind not in "iu" or array.dtype.itemsize != 2:
        raise ModelError(f"{path} holds no array of int16 or uint16")
    return array


def _array(data: bytes) -> NDArray[np.generic]:
    """The array of a .npy file; `np.load` would set memory aside for whatever size the file states."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, by_columns, dtype = read(stream)
    if min(shape, default=0) < 0:
        raise ValueError
    array = np.frombuffer(data, dtype, math.prod(shape), stream.tell())
    return array.reshape(shape, order="F" if by_columns else "C").copy()


def _read_taha2025(array: NDArray[np.generic], path: Path) -> NDArray[np.int16]:
    if array.dtype.kind != "i":
        raise ModelError(f"{path} holds no array of int16")
    if array.shape != _SHAPE:
        raise ModelError(f"{path} holds an array of shape {array.shape}; taha2025 takes {_SHAPE}")
    sums = np.abs(array.astype(np.int64))
    # The bounds that keep the kernel's sums within 32 bits: see dot() and apercu_dual_synthesise in dual_ae.c.
    if sums.sum(axis=2).max() >= 1 << 18 or sums[1, 1:].sum(axis=0).max() >= 1 << 16:
        raise ModelError(f"{path} holds weights too large for 32-bit sums")
    return np.ascontiguousarray(array, dtype=np.int16)


def _read_apercu(array: NDArray[np.generic], path: Path) -> BandTables:
    """A file holds uint16: the weights of all neighbours, then for each context its probability and its age."""
    if array.dtype.kind != "u" or array.shape != (_BAND_WEIGHTS + 2 * N_CONTEXTS,):
        raise ModelError(f"{path} does not hold {_BAND_WEIGHTS + 2 * N_CONTEXTS} numbers of uint16, as apercu takes")
    weights = array[:_BAND_WEIGHTS].reshape(N_BANDS, N_WEIGHTS)
    starts = np.ascontiguousarray(array[_BAND_WEIGHTS:].reshape(N_CONTEXTS, 2), np.uint16)
    # Sums stay within 16 bits: of parents, two sisters and a companion, smoothed magnitudes of 240 at most.
    if weights.max() > 64 or starts[:, 0].min() < 1 or starts[:, 1].min() < 2 or starts[:, 1].max() > 128:
        raise ModelError(f"{path} holds weights or probabilities that are out of range")
    return BandTables(np.ascontiguousarray(weights, np.uint8), start_contexts(starts))


_READERS: dict[str, Callable[[NDArray[np.generic], Path], Tables]] = {
    "apercu": _read_apercu,
    "taha2025": _read_taha2025,
}
