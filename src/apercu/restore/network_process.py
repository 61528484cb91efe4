"""A network of a user, run in a process of its own.

ONNX Runtime does not check all that an operator is given. A small network can end the process that runs it: by the
least integer divided by -1, an input that is left out, or an attribute out of its range. Some go on for ever, and
nothing stops them. Here that is the end of the network's own process, and this one raises a ModelError.

Both sides speak by frames: a number of bytes, as 8 bytes, and the bytes. This side sends the names of input and output,
the file, and then the values of one square after another. Each of them but the names has an answer: "+" and the result,
or "-" and what went wrong.
"""

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing.spawn import get_executable
from queue import SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from typing import IO, NoReturn, TypeVar
from weakref import finalize

import numpy as np

from apercu.errors import MissingExtra, ModelError
from apercu.restore import onnx_file, runtime
from apercu.restore.runtime import Ends, Network, Values

LOADING_SECONDS, TRIAL_SECONDS, MOST_SECONDS = 30, 10, 600
"""To start the process and load a network, for the trial run on a small square, and for any other run."""
_GRACE = 5.0  # seconds that a process which was killed is given to end in
_LENGTH, _SHAPE = struct.Struct("<Q"), struct.Struct("<4Q")
_LONGEST_WORDS = 1000  # bytes of a message, none of which has more than 300 characters

Result = TypeVar("Result")


def of_user(data: bytes, ends: Ends) -> Network:
    """A network from a stranger's file; its process ends with the last reference to it.

    Raises ModelError, also from the network that is returned, and MissingExtra.
    """
    onnx_file.check(data)
    if find_spec("onnxruntime") is None:
        raise MissingExtra(runtime.MISSING)
    process = _started()
    lock = Lock()

    def ask(parts: list[bytes], n_bytes: int, seconds: float) -> bytes:
        """The answer of `n_bytes`."""
        with lock:
            return _stoppable(lambda: _answer(process, parts, n_bytes), process.kill, seconds)

    def run(values: Values, seconds: float = MOST_SECONDS) -> Values:
        shape = (1, ends[1][1][1], *values.shape[2:])
        sent = _SHAPE.pack(*values.shape) + values.astype("<f4").tobytes()
        found = np.frombuffer(ask([sent], 4 * int(np.prod(shape)), seconds), "<f4").astype(np.float32, copy=False)
        if not np.isfinite(found).all():
            raise ModelError("gives numbers that are not finite")
        return found.reshape(shape)

    end = finalize(run, _end, process, os.getpid())
    try:
        ask([json.dumps(ends).encode(), data], 0, LOADING_SECONDS)
        trial = (1, ends[0][1][1], 16, 16)
        run(np.linspace(-1, 1, int(np.prod(trial)), dtype=np.float32).reshape(trial), TRIAL_SECONDS)
    except BaseException:  # whoever keeps the error would keep the process
        end()
        raise
    return run


def _started() -> "subprocess.Popen[bytes]":
    python = get_executable()
    if not python or getattr(sys, "frozen", False):
        raise ModelError("cannot be run: there is no Python to start a process with")
    program = f"import sys; sys.path[:] = {sys.path!a}; from apercu.restore.network_process import _serve; _serve()"
    try:
        # Not by `multiprocessing`, which runs the caller's program again, and lets no process of a pool start others.
        return subprocess.Popen(
            [python, "-P", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows opens one otherwise
        )
    except OSError as error:
        raise ModelError(f"cannot be run: no process can be started: {error}") from error


def _end(process: "subprocess.Popen[bytes]", parent: int) -> None:
    if os.getpid() != parent:  # a forked child: the process is not its own
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):  # what the process has not read
            if stream is not None:
                stream.close()


def _answer(process: "subprocess.Popen[bytes]", parts: list[bytes], n_bytes: int) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for part in parts:
            _send(process.stdin, part)
        answer = _received(process.stdout, max(n_bytes, _LONGEST_WORDS) + 1)
    except (OSError, EOFError):
        raise ModelError(f"cannot be run: it ends the process that runs it{_how(process)}") from None
    if answer[:1] == b"-":
        raise ModelError(_printable(answer[1:].decode(errors="replace")))
    if len(answer) != 1 + n_bytes:
        raise ModelError("cannot be run: its process gives no proper answer")
    return answer[1:]


def _how(process: "subprocess.Popen[bytes]") -> str:
    with suppress(subprocess.TimeoutExpired, ValueError):  # it closed its pipes only; a number without a name
        return f" ({signal.Signals(-process.wait(1)).name})"
    return ""


def _stoppable(work: Callable[[], Result], stop: Callable[[], None], seconds: float) -> Result:
    """What `work` returns. It runs in a thread, so that Ctrl-C is heard meanwhile; `stop` makes it end early.

    Raises ModelError where `work` fails, or takes more than `seconds`.
    """
    found: list[Result | ModelError] = []
    over = Event()  # not the end of the thread: `Thread.join` takes a thread for ended once it was interrupted

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error if isinstance(error, ModelError) else ModelError(f"cannot be run: {error}"))
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
            found[:] = [ModelError(f"takes more than {seconds:g} seconds")]
    if isinstance(found[0], ModelError):
        raise found[0]
    return found[0]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))[:250]


# Frames


def _send(stream: IO[bytes], part: bytes) -> None:
    stream.write(_LENGTH.pack(len(part)))
    stream.write(part)
    stream.flush()


def _received(stream: IO[bytes], most: int) -> bytes:
    """Raises EOFError where the stream ends, or the frame has more than `most` bytes."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > most:
        raise EOFError
    part = stream.read(length)
    if len(part) < length:
        raise EOFError
    return part


# The process of the network


def _serve() -> NoReturn:
    """Answers until the other side is gone, even in the middle of a run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other side, which ends this one
    with suppress(ImportError):  # Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a file `core` is of no use to anyone
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # no word of ONNX Runtime gets among the answers
        os.dup2(nothing, stream)
    parts: SimpleQueue[bytes] = SimpleQueue()

    def read() -> None:
        with suppress(EOFError, OSError):
            while True:
                parts.put(_received(requests, onnx_file.MOST_BYTES))
        os._exit(0)

    Thread(target=read, daemon=True).start()
    ends: Ends = json.loads(parts.get())
    network: Network | None = None
    while True:
        part = parts.get()
        try:
            if network is None:
                network, found = runtime.of_stranger(part, ends), b""
            else:
                shape = _SHAPE.unpack_from(part)
                values = np.frombuffer(part, "<f4", offset=_SHAPE.size).astype(np.float32).reshape(shape)
                found = network(values).astype("<f4").tobytes()
            answer = b"+" + found
        except Exception as error:  # also MemoryError: whatever it is, the other side raises a ModelError
            words = str(error) if isinstance(error, ModelError) else f"cannot be run: {error}"
            answer = b"-" + _printable(words).encode()[:_LONGEST_WORDS]
        _send(answers, answer)
