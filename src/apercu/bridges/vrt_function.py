"""The pixel function of a VRT: `vrt.py` copies this file into it, and GDAL calls `window`.

The Python that GDAL loads may be another than that of apercu, with another NumPy. So this takes no more than the
standard library, of any Python 3, and asks a process of the right Python, which all bands and files share
(`vrt_process.py`).
"""

import atexit
import json
import os
import subprocess
import sys
import threading
import types
from typing import Any

SHARED = sys.modules.setdefault("apercu_of_vrts", types.ModuleType("apercu_of_vrts"))
LOCK = SHARED.__dict__.setdefault("lock", threading.Lock())
PROCESSES = SHARED.__dict__.setdefault("processes", {})


def window(
    _sources: Any, out: Any, left: int, top: int, width: int, height: int, *_more: Any, **arguments: Any
) -> None:
    """Fill `out`, (rows, columns), with a window of a band."""
    given = {name: value if isinstance(value, str) else value.decode() for name, value in arguments.items()}
    python = given.pop("python")
    rows, columns = out.shape
    given.update(left=left, top=top, width=width, height=height, rows=rows, columns=columns, dtype=str(out.dtype))
    with LOCK:
        out[:] = type(out)(out.shape, out.dtype, _answer(python, given, out.nbytes))


def _answer(python: str, given: Any, n_bytes: int) -> bytes:
    process: Any = PROCESSES.get((python, os.getpid()))  # a process that was forked off has its own
    if process is None or process.poll() is not None:
        command = [python, "-E", "-m", "apercu.bridges.vrt_process"]
        no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # of Windows, where QGIS has no console
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, creationflags=no_window)
        PROCESSES[python, os.getpid()] = process
        atexit.register(_end, process)
    process.stdin.write(json.dumps(given).encode() + b"\n")
    process.stdin.flush()
    said = process.stdout.readline().decode().strip()
    if said != "sound":
        raise RuntimeError(said or "the process that decodes has ended")
    content: bytes = process.stdout.read(n_bytes)
    return content


def _end(process: Any) -> None:
    process.stdin.close()
    process.stdout.close()
    process.wait()
