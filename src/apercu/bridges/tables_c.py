"""Tables of a model as a C source; as a program, `python tables_c.py apercu.npy 2 model_2.c`.

Model 0 is for a user's tables. The program needs NumPy alone: c/Makefile runs it where apercu is not installed.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

N_WEIGHTS, N_SMALL_WEIGHTS = 270, 243
MISSING = slice(135, 162)
"""Weights of bands that small tables leave out: class 1 in stage 1."""

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.generic]]


def source_of(numbers: Numbers, number: int) -> str:
    """A definition of `apc_model_<number>` (c/apercu.h); `numbers`: uint16, or small tables, uint8, (n,)."""
    small = numbers.dtype == np.uint8
    digest = hashlib.sha256(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).digest()
    weights, starts = np.split(numbers, [N_SMALL_WEIGHTS if small else N_WEIGHTS])
    if small:
        weights = np.insert(weights, [MISSING.start] * (MISSING.stop - MISSING.start), 0)
    kind, name = ("uint8_t", "apercu_codes") if small else ("uint16_t", "apercu_starts")
    where = f"NULL, {name}" if small else f"{name}, NULL"
    return "\n".join(
        [
            f"/* Model {number}, SHA-256 {digest.hex()}. */",
            '#include "apercu.h"',
            "",
            f"static const uint8_t WEIGHTS[{weights.size}] = {{",
            *_rows(weights),
            "};",
            "",
            "#ifdef APERCU_SMALL_ENCODER",
            f"extern const {kind} {name}[{starts.size}]; /* the kernel looks here */",
            "#else",
            "static",
            "#endif",
            f"const {kind} {name}[{starts.size}] = {{",
            *_rows(starts),
            "};",
            "",
            f"const apc_model apc_model_{number} = {{",
            f"    {number}, {{{', '.join(map(str, digest[:8]))}}}, WEIGHTS, {where}}};",
            "",
        ]
    )


def _rows(numbers: Numbers) -> list[str]:
    return [f"    {', '.join(map(str, numbers[at : at + 20].tolist()))}," for at in range(0, numbers.size, 20)]


if __name__ == "__main__":
    weights, number, out = sys.argv[1:]
    Path(out).write_text(source_of(np.load(weights), int(number)), encoding="ascii")
