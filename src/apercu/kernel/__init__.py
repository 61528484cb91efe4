"""The C99 kernel, loaded through ctypes.

The library is a plain shared object without any Python in it, the same that an on-board encoder would link.
`ctypes.CDLL` releases the GIL during every call. Nothing here checks shapes: the stages do (`apercu.stages.arguments`).
"""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.errors import ApercuError, CorruptStream, OptionError, Truncated

_FAULTS: dict[int, tuple[type[ApercuError], str]] = {
    -1: (OptionError, "a buffer passed to the kernel is too small"),
    -2: (Truncated, "the data end before the content does"),
    -3: (CorruptStream, "the content breaks a rule of the format"),
    -4: (OptionError, "an argument is out of the range that the kernel takes"),
}  # api.h


def _load() -> ctypes.CDLL:
    folder = Path(__file__).parent
    for suffix in ("so", "dylib", "dll"):
        path = folder / f"_kernel.{suffix}"
        if path.exists():
            return ctypes.CDLL(str(path))
    raise ImportError(f"apercu's kernel is missing from {folder}: install the package with pip, which builds it")


library = _load()

_nothing_at, _address_of = (ctypes.c_char * 0).from_buffer, ctypes.addressof
_SIZE, _INT, _LONG, _ADDRESS = ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
_PARTS = (
    *("samples", "wavelet", "bands", "range coder", "dual autoencoder", "Huffman coder", "fill"),
    *("symbol maps", "DCT", "prediction", "masks"),
)  # self_test.h


def function(name: str, arguments: str) -> Callable[..., int]:
    """The kernel's function `name`; `arguments` has a letter for each: a(ddress), s(ize), i(nt32), l(ong, 64 bits)."""
    entry = getattr(library, name)
    entry.restype = _LONG
    entry.argtypes = [{"a": _ADDRESS, "s": _SIZE, "i": _INT, "l": _LONG}[letter] for letter in arguments]
    return entry  # type: ignore[no-any-return]  # ctypes attributes are Any


def address(array: NDArray[np.generic]) -> int:
    """Address of the first sample. The caller keeps the array alive during the call."""
    try:
        # Three times as fast as what follows.
        return _address_of(_nothing_at(array))  # type: ignore[arg-type]  # arrays are buffers
    except (TypeError, ValueError):  # read-only, or a window of a larger array
        return array.__array_interface__["data"][0]  # type: ignore[no-any-return]  # a plain dict


def checked(code: int) -> int:
    """The count that a kernel function returned, or its fault raised as an error of `apercu.errors`."""
    if code < 0:
        error, what = _FAULTS[code]
        raise error(what)
    return code


def _test() -> None:
    """Known answers of every part of the kernel, in less than a millisecond: a wrong compiler shows nowhere else."""
    workspace = np.empty(-(-function("apercu_self_test_workspace", "")() // 8), np.uint64)
    wrong = checked(function("apercu_self_test", "as")(address(workspace), workspace.nbytes))
    if wrong:
        parts = ", ".join(part for bit, part in enumerate(_PARTS) if wrong >> bit & 1)
        raise ImportError(
            f"apercu's kernel was miscompiled: wrong results of {parts}. Install the package again with another "
            "compiler (CC=...) or a newer one"
        )


_test()
