"""ONNX Runtime: imported here and nowhere else, and kept from harm by networks of strangers and by forks.

It is imported with its telemetry off. A network of a user is looked at first (`apercu.restore.onnx_file`), has limits
of memory and of time, and can be interrupted. After a fork the threads of a session are gone, and to use it or to let
go of it may hang: the child leaves those of its parent alone and makes its own.
"""

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Event, RLock, Thread
from time import monotonic
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from apercu.errors import MissingExtra, ModelError
from apercu.restore import onnx_file

MOST_MEMORY = 1 << 30
"""Bytes that networks of users may take besides their weights; the shipped one takes less than 40 MB."""
MOST_SECONDS, TRIAL_SECONDS = 600, 10
"""For one run of a network of a user, and for the trial run on a small square."""
_GRACE = 5.0  # seconds that an operator in work is given to end in

Values = NDArray[np.float32]
Network = Callable[[Values], Values]
"""What a network makes of its input."""

_sessions: "WeakSet[Any]" = WeakSet()
_lock = RLock()
"""Held while a session is made and while a network of a user runs: two at once would share the limit of memory. A fork
waits for it, because what ONNX Runtime locks in the meantime would stay locked in the child."""


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


def of_user(data: bytes, given: tuple[str, list[int]], found: tuple[str, list[int]]) -> Network:
    """A network from a stranger's file. `given`, `found`: names of its input and output, and their first dimensions.

    Raises ModelError, also from the network that is returned, and MissingExtra.
    """
    onnx_file.check(data)
    ort = _imported()
    options = _options(ort)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.use_env_allocators", "1")
    with _lock:
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
            ends = [[(e.name, e.shape[:2], e.type) for e in of] for of in (session.get_inputs(), session.get_outputs())]
        except Exception as error:  # of ONNX Runtime, whose errors have no common class
            raise ModelError(f"holds no network that can be run: {_one_line(error)}") from None
        _sessions.add(session)
    if ends != [[(*given, "tensor(float)")], [(*found, "tensor(float)")]]:
        raise ModelError("holds another network than `apercu train cnn` makes")

    def run(values: Values, seconds: float = MOST_SECONDS) -> Values:
        run_options = ort.RunOptions()
        run_options.log_severity_level = 4
        run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def stop() -> None:
            run_options.terminate = True

        with _lock:
            (result,) = _stoppable(lambda: session.run(None, {given[0]: values}, run_options), stop, seconds)
        if result.dtype != np.float32 or not np.isfinite(result).all():
            raise ModelError("gives numbers that are not finite")
        return result  # type: ignore[no-any-return]  # onnxruntime is not typed

    shape = (1, *given[1][1:], 16, 16)
    ramp = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32)
    if run(ramp.reshape(shape), TRIAL_SECONDS).shape != (1, *found[1][1:], 16, 16):
        raise ModelError("gives planes of another size than it is given")
    return run


def _imported() -> Any:
    # Before the first import: otherwise it writes an identifier and a database below the home folder, calls its maker,
    # and a forked child hangs at its end. Who wants that sets the variable to 0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        with _lock:
            import onnxruntime
    except ImportError:
        raise MissingExtra("restore='cnn' needs onnxruntime: pip install 'apercu[restore]'") from None
    return onnxruntime


def _options(ort: Any) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what fails is raised; lines on standard error say it twice
    return options


@cache
def _limit_memory() -> None:
    """Gives networks of users memory of their own, with a limit for all together."""
    ort = _imported()
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    with suppress(Exception):  # the process has set a limit itself, which holds then
        ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": MOST_MEMORY, "arena_extend_strategy": 1}))


def _stoppable(work: Callable[[], Any], stop: Callable[[], None], seconds: float) -> Any:
    """What `work` returns. It runs in a thread, so that Ctrl-C is heard meanwhile; `stop` makes it end early.

    Raises ModelError where it fails, or takes more than `seconds`.
    """
    found: list[Any] = []
    over = Event()  # not the end of the thread: `Thread.join` takes a thread for ended once it was interrupted

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:  # of ONNX Runtime, as above
            found.append(ModelError(f"cannot be run: {_one_line(error)}"))
        finally:
            over.set()

    Thread(target=run, daemon=True).start()
    until = monotonic() + seconds
    try:
        while not over.is_set() and monotonic() < until:
            over.wait(min(0.2, seconds))  # in short waits, since Windows hears of Ctrl-C between them only
    finally:
        if not over.is_set():
            stop()
            over.wait(_GRACE)
            found[:] = [ModelError(f"takes more than {seconds:g} seconds for a square")]
    if isinstance(found[0], ModelError):
        raise found[0]
    return found[0]


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]


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
