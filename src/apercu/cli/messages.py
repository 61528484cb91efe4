"""Exit codes, and everything that the command prints: nothing else here writes text to standard output or error.

What comes from others, such as the name of a file, cannot act on the terminal: see `apercu.errors.printable`.
"""

import errno
import os
import re
import sys
import time
from contextlib import suppress
from typing import TextIO

from apercu.errors import OptionError, naming_file, printable

EXIT_FAULTS, EXIT_MISTAKE, EXIT_CRASH, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 70, 130, 141
"""A crash has EX_SOFTWARE of sysexits.h: Python's own code for an exception would say that `check` found faults."""

STANDARD_OUTPUT = "standard output"


def say(text: str, end: str = "\n", keep: str = "\n") -> None:
    """Print lines on standard output; of control characters, those to `keep` stay. Raises OptionError where it is
    closed, and OSError."""
    with naming_file(STANDARD_OUTPUT):
        open_output().write(printable(text, keep) + end)


def write_output(data: bytes) -> None:
    """Send bytes to standard output. Raises as `say`."""
    stream = open_output()
    with naming_file(STANDARD_OUTPUT):
        stream.flush()
        rest = memoryview(data)
        while rest:  # unbuffered (python -u), it may take a part of them at once
            n_taken = stream.buffer.write(rest)
            if n_taken is None:  # by a pipe that does not wait
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            rest = rest[n_taken:]


def open_output() -> TextIO:
    """Standard output; raises OptionError where the caller has closed it."""
    if sys.stdout is None:
        raise OptionError(f"{STANDARD_OUTPUT} is closed; send it to a file or a pipe, or to /dev/null")
    return sys.stdout


def flush_output() -> None:
    """Let standard output have what was printed so far. Raises OSError."""
    if sys.stdout is not None:
        with naming_file(STANDARD_OUTPUT):
            sys.stdout.flush()


def give_up_output() -> None:
    """Drop what standard output cannot take, or the interpreter would complain about it at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _abandon(sys.stdout)


def remark(text: str) -> None:
    """Print lines on standard error: what came of the work."""
    _to_error(printable(text, "\n") + "\n")


def log(text: str) -> None:
    """Print a line on standard error, after the time of day: how far long work is."""
    remark(f"[{time.strftime('%H:%M:%S')}] {text}")


def complain(message: str) -> None:
    """Print one line on standard error, as the command's own: what is wrong."""
    _to_error("apercu: " + printable(re.sub(r"\s*\n\s*", " ", message.strip())) + "\n")


def draw(text: str) -> None:
    """Write to standard error, where that is a terminal, what moves its cursor."""
    _to_error(text)


def describe(error: Exception) -> str:
    """What an error says; for an OSError `file: what is wrong`, without its number."""
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return what if error.filename is None else f"{printable(os.fsdecode(error.filename))}: {what}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory"
    return str(error)


def _to_error(text: str) -> None:
    """What standard error cannot take is dropped: there is nowhere to say so, and no work depends on it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _abandon(sys.stderr)


def _abandon(stream: TextIO) -> None:
    """Send the rest of what a stream holds, and all that follows, nowhere."""
    with suppress(OSError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
