"""How much memory encoding and decoding take above the picture and the file, at their peak.

Each job runs in a process of its own, `python -m apercu.bench.memory JOB HEIGHT WIDTH BANDS`, which loads everything
and codes a small picture before it takes the first reading. It prints a JSON list: bytes at the peak, seconds.
"""

import ctypes
import json
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

import apercu
from apercu.bench.images import drawn

MEGAPIXELS_20 = (4000, 5000, 3)
"""Height, width and bands of the RGB picture that the promises are about."""
JOBS = ("encode", "search", "decode")
"""Encoding at a fixed quality; encoding with a search for a rate; decoding."""
ABOVE = 160_000_000
"""Bytes that a job may take beyond the picture and the file."""
_QUALITY, _BPP = 40.0, 0.15
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Peak:
    """The peak of a job in bytes, without picture and file; what it may be; and how long the job took."""

    job: str
    shape: tuple[int, int, int]
    n_bytes: int
    limit: int
    seconds: float


def measure(job: str, shape: tuple[int, int, int] = MEGAPIXELS_20) -> Peak:
    """Runs a job of `JOBS` on a drawing of this shape (height, width, bands) in a process of its own."""
    file = apercu.encode(drawn(*shape), quality=_QUALITY) if job == "decode" else b""
    call = [sys.executable, "-m", "apercu.bench.memory", job, *map(str, shape)]
    answer = subprocess.run(call, input=file, stdout=subprocess.PIPE, check=True).stdout
    n_bytes, seconds = json.loads(answer)
    return Peak(job, shape, n_bytes, ABOVE, seconds)


def _run(job: str, shape: tuple[int, int, int]) -> tuple[int, float]:
    """Bytes above the picture and the file at the peak of the job, and seconds."""
    if job not in JOBS:
        raise SystemExit(f"no job {job!r}; there are {', '.join(JOBS)}")
    apercu.decode(apercu.encode(drawn(64, 64, 3), quality=_QUALITY))
    file = sys.stdin.buffer.read()
    image = drawn(*shape) if job != "decode" else np.empty(0, np.uint8)
    with suppress(AttributeError, OSError, TypeError):  # glibc only: what was freed would else be used again unseen
        ctypes.CDLL(None).malloc_trim(0)
    before = peak_from_here()
    begun = perf_counter()
    if job == "decode":
        n_result = apercu.decode(file).nbytes
    elif job == "search":
        n_result = len(apercu.encode(image, bpp=_BPP))
    else:
        n_result = len(apercu.encode(image, quality=_QUALITY))
    seconds = perf_counter() - begun
    return peak() - before - n_result, seconds


def peak_from_here() -> int:
    """Makes the present size of the process its peak where the system can (Linux); returns the peak in bytes."""
    with suppress(OSError):
        _CLEAR.write_text("5")
    return peak()


def peak() -> int:
    """The largest size in memory that the process has had, in bytes."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest


if __name__ == "__main__":
    height, width, n_bands = map(int, sys.argv[2:5])
    sys.stdout.write(json.dumps(_run(sys.argv[1], (height, width, n_bands))))
