"""A call under watch: what may be raised, how long it may take, how much memory; everything else is a finding."""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import apercu
from apercu.errors import ApercuError

MAX_SECONDS = 3.0
"""Of processor time for one call: sanitisers and unoptimised builds are slow, and a hang is never over."""
MAX_GROWTH = 256 << 20
"""Bytes by which a call may raise the peak of memory; the pictures that are fuzzed are small."""
PACKAGE = Path(apercu.__file__).parent
NEVER = (RuntimeError, MemoryError, AssertionError, Warning)
"""Signs of a fault of our own, also where they are the cause of an error that may be raised (RecursionError is one)."""


def strict() -> None:
    """From here on a warning is raised as an error, and so becomes a finding."""
    warnings.simplefilter("error")


def call(
    faults: list[str],
    what: str,
    expected: type[BaseException] | tuple[type[BaseException], ...],
    function: Callable[..., Any],
    *arguments: object,
    seconds: float = MAX_SECONDS,
    **options: object,
) -> Any:
    """The result, or the error that was raised; what must not be is added to `faults`."""
    begin, before = time.process_time(), _peak()
    try:
        result = function(*arguments, **options)
    except Exception as error:
        result = error
        if not isinstance(error, expected):
            faults.append(f"{what} raised {error!r}{_place(error.__traceback__)}")
        elif hidden := _hidden(error):
            faults.append(f"{what} raised {error!r} for {hidden!r}{_place(hidden.__traceback__)}")
    if (took := time.process_time() - begin) > seconds:
        faults.append(f"{what} took {took:.1f} s, more than {seconds:.1f} s")
    if (grown := _peak() - before) > MAX_GROWTH:
        faults.append(f"{what} took {grown >> 20} MB of memory")
    return result


def _peak() -> int:
    """Bytes. Not `ru_maxrss`, which begins at what the process that started this one had taken."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def _hidden(error: BaseException) -> BaseException | None:
    """An error that was raised in the package itself and never should be, behind one that may be raised."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        own = _frames(cause.__traceback__)[-1:]
        if isinstance(cause, RecursionError | MemoryError):
            return cause
        if isinstance(cause, NEVER) and not isinstance(cause, ApercuError) and own and own[0].is_relative_to(PACKAGE):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _frames(trace: TracebackType | None) -> list[Path]:
    files = []
    while trace is not None:
        files.append(Path(trace.tb_frame.f_code.co_filename))
        trace = trace.tb_next
    return files


def _place(trace: TracebackType | None) -> str:
    """Where it was raised."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return "" if last is None else f" in {Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}"
