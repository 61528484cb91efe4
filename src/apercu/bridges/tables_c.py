"""Tables of a model as a C source; as a program, `python tables_c.py apercu.npy 2 model_2.c`.

Model 0 is for a user's tables. The program needs NumPy alone: c/Makefile runs it where apercu is not installed.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

N_WEIGHTS, N_STARTS, N_SMALL_WEIGHTS = 270, 22_332, 243
MISSING = slice(135, 162)
"""Weights of bands that small tables leave out: class 1 in stage 1."""

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.generic]]


def source_of(numbers: Numbers, number: int) -> str:
    """A definition of `apc_model_<number>` (c/apercu.h) from the array of a file: of apercu, uint16 or, small tables,
    uint8; of other codecs, int16 or uint16 of any shape."""
    if numbers.dtype != np.uint8 and (numbers.dtype != np.uint16 or numbers.size != N_WEIGHTS + N_STARTS):
        return _of_other_codecs(numbers, number)
    small = numbers.dtype == np.uint8
    weights, starts = _split(numbers)
    kind, name = ("uint8_t", "CODES") if small else ("uint16_t", "STARTS")
    where = f"NULL, {name}" if small else f"{name}, NULL"
    digest = _digest(numbers)
    return "\n".join(
        [
            f"/* Model {number}, SHA-256 {digest.hex()}. */",
            '#include "apercu.h"',
            "",
            *_array("static const uint8_t WEIGHTS", weights),
            "",
            *_array(f"static const {kind} {name}", starts),
            "",
            f"const apc_model apc_model_{number} = {{",
            f"    {number}, {{{', '.join(map(str, digest[:8]))}}}, WEIGHTS, {where}, NULL, 0}};",
            "",
        ]
    )


def _of_other_codecs(numbers: Numbers, number: int) -> str:
    values, digest = np.ascontiguousarray(numbers).ravel().view(np.uint16), _digest(numbers)
    return "\n".join(
        [
            f"/* Model {number}, SHA-256 {digest.hex()}. */",
            '#include "apercu.h"',
            "",
            *_array("static const uint16_t NUMBERS", values),
            "",
            f"const apc_model apc_model_{number} = {{",
            f"    {number}, {{{', '.join(map(str, digest[:8]))}}}, NULL, NULL, NULL, NUMBERS, {values.size}}};",
            "",
        ]
    )


def arrays_of(numbers: Numbers, number: int) -> str:
    """The same tables for an encoder that has no others (c/flying): `apercu_weights`, and `apercu_starts` or, of small
    tables, `apercu_codes`."""
    weights, starts = _split(numbers)
    rest = "const uint8_t apercu_codes" if numbers.dtype == np.uint8 else "const uint16_t apercu_starts"
    return "\n".join(
        [
            f"/* Model {number}, SHA-256 {_digest(numbers).hex()}. */",
            "#include <stdint.h>",
            "",
            f"extern const uint8_t apercu_weights[{weights.size}];",
            f"extern {rest}[{starts.size}];",
            "",
            *_array("const uint8_t apercu_weights", weights),
            "",
            *_array(rest, starts),
            "",
        ]
    )


def _split(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Weights of all bands, and starts of contexts."""
    if numbers.dtype != np.uint8:
        return numbers[:N_WEIGHTS], numbers[N_WEIGHTS:]
    weights = np.insert(numbers[:N_SMALL_WEIGHTS], [MISSING.start] * (MISSING.stop - MISSING.start), 0)
    return weights, numbers[N_SMALL_WEIGHTS:]


def _digest(numbers: Numbers) -> bytes:
    return hashlib.sha256(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).digest()


def _array(name: str, numbers: Numbers) -> list[str]:
    return [f"{name}[{numbers.size}] = {{", *_rows(numbers), "};"]


def _rows(numbers: Numbers) -> list[str]:
    return [f"    {', '.join(map(str, numbers[at : at + 20].tolist()))}," for at in range(0, numbers.size, 20)]


if __name__ == "__main__":
    weights, number, out = sys.argv[1:]
    Path(out).write_text(source_of(np.load(weights), int(number)), encoding="ascii")
