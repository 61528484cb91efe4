"""The three streams that a process begins with, made fit for use: one may be closed, or take ASCII alone."""

import codecs
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from apercu.cli.messages import complain

_DESCRIPTORS = (0, 1, 2)
_IN_ASCII = {"×": "x", "–": "-", "−": "-", "…": "...", "’": "'", "σ": "sigma", "α": "alpha"}
_ERRORS = "apercu.in_ascii"


def prepare() -> None:
    """Make the standard streams fit for use; called before a file is opened.

    A descriptor that is closed, as under some schedulers, would be given to the next file that is opened, and what is
    printed would end in that file. `sys.stdin` and `sys.stdout` stay None where they are closed.
    """
    for number in _DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is taken, which is this one. Processes that are started have it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:  # for which print and argparse would take standard output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open as long as the process is
    codecs.register_error(_ERRORS, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that a stream's encoding has not: one that looks alike, or an escape sequence."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wanted = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in wanted), error.end


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Print warnings as the command's own, without the place in the source."""
    before = warnings.showwarning
    warnings.showwarning = lambda message, *_, **__: complain(str(message))
    try:
        yield
    finally:
        warnings.showwarning = before
