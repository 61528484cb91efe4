"""How long the command and the package take to start, as multiples of `import numpy`."""

import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from time import perf_counter

_NUMPY = ("-c", "import numpy")
_IMPORT = ("-c", "import apercu")
_HELP = ("-m", "apercu", "--help")


@dataclass(frozen=True)
class StartUp:
    """Medians of whole processes in seconds, and their ratios to that of `python -c "import numpy"`."""

    numpy_s: float
    import_s: float
    help_s: float
    import_ratio: float
    help_ratio: float


def measure(repeat: int) -> StartUp:
    """Runs each of the three `repeat` times, in turn, after one round that is not counted."""
    spent: dict[tuple[str, ...], list[float]] = {_NUMPY: [], _IMPORT: [], _HELP: []}
    for _ in range(1 + repeat):
        for arguments, times in spent.items():
            begun = perf_counter()
            subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
            times.append(perf_counter() - begun)
    numpy_s, import_s, help_s = (median(times[1:]) for times in spent.values())
    return StartUp(numpy_s, import_s, help_s, import_s / numpy_s, help_s / numpy_s)
