"""Tables of a model as a C source; as a program, `python tables_c.py apercu.npy 2 model_2.c`.

Model 0 is for a user's tables. The program needs NumPy alone: c/Makefile runs it where apercu is not installed.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

N_WEIGHTS = 270


def source_of(numbers: "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]", number: int) -> str:
    """A definition of `apc_model_<number>` (c/apercu.h); `numbers`: uint16, (n,)."""
    digest = hashlib.sha256(numbers.astype("<u2").tobytes()).digest()
    weights, starts = numbers[:N_WEIGHTS], numbers[N_WEIGHTS:]
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
            f"extern const uint16_t apercu_starts[{starts.size}]; /* the kernel looks here */",
            "#else",
            "static",
            "#endif",
            f"const uint16_t apercu_starts[{starts.size}] = {{",
            *_rows(starts),
            "};",
            "",
            f"const apc_model apc_model_{number} = {{",
            f"    {number}, {{{', '.join(map(str, digest[:8]))}}}, WEIGHTS, apercu_starts}};",
            "",
        ]
    )


def _rows(numbers: "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]") -> list[str]:
    return [f"    {', '.join(map(str, numbers[at : at + 20].tolist()))}," for at in range(0, numbers.size, 20)]


if __name__ == "__main__":
    weights, number, out = sys.argv[1:]
    Path(out).write_text(source_of(np.load(weights), int(number)), encoding="ascii")
