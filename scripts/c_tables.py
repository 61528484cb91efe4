"""Tables of a model as a C source: `python scripts/c_tables.py src/apercu/weights/apercu.npy 2 model_2.c`.

Model 0 is for a user's tables. Reads the file without apercu: an environment with NumPy does.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np


def source_of(numbers: "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]", number: int) -> str:
    """A definition of `apc_model_<number>` (c/apercu.h); `numbers`: uint16, (n,)."""
    digest = hashlib.sha256(numbers.astype("<u2").tobytes()).digest()
    rows = [", ".join(map(str, numbers[at : at + 20].tolist())) for at in range(0, numbers.size, 20)]
    return "\n".join(
        [
            f"/* Model {number}, SHA-256 {digest.hex()}. */",
            '#include "apercu.h"',
            "",
            f"static const uint16_t NUMBERS[{numbers.size}] = {{",
            *(f"    {row}," for row in rows),
            "};",
            "",
            f"const apc_model apc_model_{number} = {{",
            f"    {number}, {{{', '.join(map(str, digest[:8]))}}}, NUMBERS, sizeof NUMBERS / sizeof *NUMBERS}};",
            "",
        ]
    )


if __name__ == "__main__":
    weights, number, out = sys.argv[1:]
    Path(out).write_text(source_of(np.load(weights), int(number)), encoding="ascii")
