"""The IDX files that collections of handwritten digits come in: bytes to arrays, with or without gzip.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits": two zero bytes, a byte 8 for
unsigned bytes, a byte for the number of dimensions, each dimension as 32 bits, the most significant byte first; then
the samples.
"""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from apercu.errors import FileFormatError

MOST_SAMPLES = 1 << 28
"""A file that declares more is refused before memory is set aside for it."""
_UNSIGNED_BYTE = 8


def read(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """The samples of a file, uint8, of so many dimensions: 3 for pictures (N, H, W), 1 for labels (N,).

    Raises FileFormatError: another kind of file, more or fewer samples than it declares, or more than `MOST_SAMPLES`;
    and OSError.
    """
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        try:
            return _samples(cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if packed else plain, n_dimensions, path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FileFormatError(f"{path.name}: damaged gzip: {error}") from error


def _samples(stream: BinaryIO, n_dimensions: int, path: Path) -> NDArray[np.uint8]:
    magic = stream.read(4)
    if magic != bytes((0, 0, _UNSIGNED_BYTE, n_dimensions)):
        raise FileFormatError(f"{path.name}: no IDX file of unsigned bytes in {n_dimensions} dimensions")
    head = stream.read(4 * n_dimensions)
    if len(head) != 4 * n_dimensions:
        raise FileFormatError(f"{path.name}: ends within its head")
    shape = tuple(int.from_bytes(head[4 * place : 4 * place + 4], "big") for place in range(n_dimensions))
    n_samples = 1
    for side in shape:
        n_samples *= side
    if not 1 <= n_samples <= MOST_SAMPLES:
        raise FileFormatError(f"{path.name}: declares {n_samples:,} samples; 1 to {MOST_SAMPLES:,} are read")
    data = stream.read(n_samples + 1)
    if len(data) != n_samples:
        more = "more" if len(data) > n_samples else "fewer"
        raise FileFormatError(f"{path.name}: {more} samples than the {n_samples:,} that it declares")
    return np.frombuffer(data, np.uint8).reshape(shape)
