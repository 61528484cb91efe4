"""Files of tables: arrays of 16-bit integers or of bytes, of any shape; what they mean is the codec's."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib.format import MAGIC_PREFIX
from numpy.typing import NDArray

from apercu.errors import ModelError

FOLDER = Path(__file__).parent.parent / "weights"
_MOST_BYTES = 1 << 24
"""Of a file: the largest tables of `rnn` have 5.8 million bytes, and those of `stacked_ae` 9.9 million."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts the name of a file before what a ModelError says of it."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path} {error}") from None


def digest(array: NDArray[np.generic]) -> bytes:
    """SHA-256 of an array's little-endian bytes."""
    import hashlib  # a tenth of the time that `import apercu` adds to NumPy's, and needed with a codec only

    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).digest()


def load(path: Path) -> NDArray[np.generic]:
    """The array of int16, uint16 or uint8 in a file, in the byte order of this machine; raises ModelError."""
    try:
        with path.open("rb") as file:
            data = file.read(len(MAGIC_PREFIX))
            if data == MAGIC_PREFIX:
                data += file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise ModelError(f"cannot read the weights {path}: {error}") from error
    if len(data) > _MOST_BYTES:
        raise ModelError(f"{path} has more than {_MOST_BYTES >> 20} MiB, as no tables have")
    try:
        array = _array(data)
    except Exception as error:  # NumPy lets through what its parsers raise: TokenError, RecursionError, MemoryError
        raise ModelError(f"{path} is no file of weights, as `apercu train` writes (.npy)") from error
    if array.dtype != np.uint8 and (array.dtype.kind not in "iu" or array.dtype.itemsize != 2):
        raise ModelError(f"{path} holds no array of int16, uint16 or uint8")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


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
