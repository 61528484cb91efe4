"""ONNX Runtime: imported here and nowhere else, and kept from harm by networks of strangers and by forks.

It is imported with its telemetry off. A network of a user has a limit of memory, and runs in a process of its own
(`apercu.restore.network_process`). After a fork the threads of a session are gone, and to use it or to let go of it may
hang: the child leaves those of its parent alone and makes its own.
"""

import ctypes
import os
from collections.abc import Callable
from functools import cache
from threading import RLock
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from apercu.errors import MissingExtra, ModelError

MOST_MEMORY = 1 << 30
"""Bytes that a network of a user may take besides its weights; the shipped one takes less than 40 MB."""
MISSING = "to restore by a network needs onnxruntime: pip install 'apercu[restore]'"

Values = NDArray[np.float32]
Network = Callable[[Values], Values]
"""What a network makes of its input."""
Ends = list[tuple[str, list[int]]]
"""Of a network: the names of its input and its output, each with its first two dimensions."""

_sessions: "WeakSet[Any]" = WeakSet()
_lock = RLock()
"""Held while a session is made. A fork waits for it, because what ONNX Runtime locks in the meantime would stay locked
in the child."""


def of_shipped(data: bytes) -> Network:
    """A network that comes with apercu. Raises MissingExtra."""
    ort = _imported()
    with _lock:
        session = ort.InferenceSession(data, _options(ort), providers=["CPUExecutionProvider"])
        _sessions.add(session)
    (given,) = session.get_inputs()

    def run(values: Values) -> Values:
        (found,) = session.run(None, {given.name: values})
        return found  # type: ignore[no-any-return]  # onnxruntime is not typed

    return run


def of_stranger(data: bytes, ends: Ends) -> Network:
    """A network of a user, in this process, which it can end: see `apercu.restore.network_process`.

    Raises ModelError, also from the network that is returned, and MissingExtra.
    """
    ort = _imported()
    options = _options(ort)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.use_env_allocators", "1")
    _limit_memory()
    try:
        # Folding would compute at once whatever the file says, with no limit. It brings 2 % of speed.
        session = ort.InferenceSession(
            data,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["ConstantFolding"],
            enable_fallback=0,  # which would try again, and print that
        )
        shown = [[(e.name, e.type, e.shape) for e in of] for of in (session.get_inputs(), session.get_outputs())]
    except Exception as error:  # of ONNX Runtime, whose errors have no common class
        raise ModelError(f"holds no network that can be run: {error}") from None
    if not all(len(of) == 1 and _fits(of[0], end) for of, end in zip(shown, ends, strict=True)):
        raise ModelError("holds another network than `apercu train` makes for this codec")
    (given, _), (_, n_found) = ends

    def run(values: Values) -> Values:
        run_options = ort.RunOptions()
        run_options.log_severity_level = 4
        run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            (result,) = session.run(None, {given: values}, run_options)
        except Exception as error:  # as above
            raise ModelError(f"cannot be run: {error}") from None
        if result.shape != (*n_found, *values.shape[2:]) or result.dtype != np.float32:
            raise ModelError("gives planes of another size than it is given")
        return result  # type: ignore[no-any-return]  # onnxruntime is not typed

    return run


def _fits(shown: tuple[str, str, list[int | str | None]], end: tuple[str, list[int]]) -> bool:
    """By name, type and the dimensions that are numbers. Exporters give names to some; a run shows what they are."""
    name, of_type, shape = shown
    fixed = all(n == wanted or not isinstance(n, int) for n, wanted in zip(shape, end[1], strict=False))
    return (name, of_type) == (end[0], "tensor(float)") and fixed


def _imported() -> Any:
    # Before the first import: otherwise it writes an identifier and a database below the home folder, calls its maker,
    # and a forked child hangs at its end. Who wants that sets the variable to 0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        with _lock:
            import onnxruntime
    except ImportError:
        raise MissingExtra(MISSING) from None
    return onnxruntime


def _options(ort: Any) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what fails is raised; lines on standard error say it twice
    return options


@cache
def _limit_memory() -> None:
    """Gives networks of users memory of their own, with a limit."""
    ort = _imported()
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": MOST_MEMORY, "arena_extend_strategy": 1}))


# Forks


def _before_fork() -> None:
    _lock.acquire()


def _after_fork_in_parent() -> None:
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = RLock()
    for session in _sessions:  # one that is let go of waits for its threads, also at the end of the process
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
