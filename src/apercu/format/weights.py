"""Tables and networks by id, held to their SHA-256."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.errors import ModelError
from apercu.format.ids import MODELS, USER_MODEL

FOLDER = Path(__file__).parent.parent / "weights"
_SHAPE = (2, 9, 64)


@cache
def shipped(model_id: int) -> NDArray[np.int16]:
    """The weights that the registry names; raises ModelError when the file is not the one that was shipped."""
    model = MODELS[model_id]
    weights = _load(FOLDER / model.file)
    if _digest(weights).hex() != model.sha256:
        raise ModelError(f"{model.file} is not the file that belongs to model {model_id}: its SHA-256 differs")
    return weights


def of_user(path: str | Path) -> tuple[NDArray[np.int16], bytes]:
    """Weights from a file that `apercu train` wrote, and the first eight bytes of their SHA-256."""
    try:
        path = Path(path)
    except TypeError:
        raise ModelError(f"a model is the path of a file, not {path!r}") from None
    weights = _load(path)
    return weights, _digest(weights)[:8]


def of_stream(model_id: int, model_hash: bytes, path: str | Path | None) -> NDArray[np.int16]:
    """The weights that a stream names; `path` leads to those of a user-trained model. Raises ModelError."""
    if model_id != USER_MODEL:
        return shipped(model_id)
    if path is None:
        raise ModelError(f"the file needs a user-trained model, SHA-256 {model_hash.hex()}…: pass it as model=")
    weights, found = of_user(path)
    if found != model_hash:
        raise ModelError(f"{path} is not the model of this file: {found.hex()}…, wanted {model_hash.hex()}…")
    return weights


def _digest(weights: NDArray[np.int16]) -> bytes:
    import hashlib  # a tenth of the time that `import apercu` adds to NumPy's, and needed with a codec only

    return hashlib.sha256(weights.astype("<i2").tobytes()).digest()


def _load(path: Path) -> NDArray[np.int16]:
    try:
        with path.open("rb") as file:
            weights = np.load(file, allow_pickle=False)
    except Exception as error:  # NumPy lets through what its parsers raise: BadZipFile, TokenError, MemoryError
        raise ModelError(f"cannot read the weights {path}: {error}") from error
    if not isinstance(weights, np.ndarray) or weights.dtype.kind != "i" or weights.dtype.itemsize != 2:
        raise ModelError(f"{path} holds no array of int16")
    if weights.shape != _SHAPE:
        raise ModelError(f"{path} holds an array of shape {weights.shape}; taha2025 takes {_SHAPE}")
    sums = np.abs(weights.astype(np.int64))
    # The bounds that keep the kernel's sums within 32 bits: see dot() and apercu_dual_synthesise in dual_ae.c.
    if sums.sum(axis=2).max() >= 1 << 18 or sums[1, 1:].sum(axis=0).max() >= 1 << 16:
        raise ModelError(f"{path} holds weights too large for 32-bit sums")
    return np.ascontiguousarray(weights, dtype=np.int16)
