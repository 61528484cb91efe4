"""What the subcommands share: files by name or `-`, the progress bar, and the limit on pixels."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

import apercu
from apercu.errors import OptionError

STANDARD = "-"

_BAR_WIDTH = 40  # characters
_BAR_AFTER = 1.0  # seconds


def add_decoding(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to decode a file."""
    parser.add_argument(
        "--restore",
        metavar="NAME",
        default="none",
        help="none: the exact integer synthesis (default); cnn: a network nearer to the original, extra 'restore'",
    )
    parser.add_argument(
        "--damaged",
        choices=("raise", "conceal"),
        default="raise",
        help="what to do about a damaged file: refuse it, or show what is intact (default: raise)",
    )
    parser.add_argument("--model", metavar="FILE", help="the weights that the file was encoded with, if your own")
    parser.add_argument("--network", metavar="FILE", help="the network of --restore cnn, if your own")
    add_limit(parser)


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Add `--max-pixels`; `set_limit` puts it into force."""
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help=f"largest picture that is accepted, width × height; 0 for no limit (default {apercu.MAX_PIXELS})",
    )


def set_limit(arguments: argparse.Namespace) -> None:
    """Let `apercu.MAX_PIXELS` be what was asked for."""
    if arguments.max_pixels is not None:
        if arguments.max_pixels < 0:
            raise OptionError(f"--max-pixels is at least 0, not {arguments.max_pixels}")
        apercu.MAX_PIXELS = arguments.max_pixels or None


def open_input(name: str) -> BinaryIO:
    """Open a file, or all of standard input for `-`, for reading from its beginning; the caller closes it."""
    if name != STANDARD:
        return open(name, "rb")
    if sys.stdin is None:
        raise OptionError("standard input is closed")
    return BytesIO(sys.stdin.buffer.read())


def read_bytes(name: str) -> bytes:
    """The content of a file, or of standard input for `-`."""
    with open_input(name) as stream:
        return stream.read()


def label(name: str, way: str = "input") -> str:
    """What to call a file in a message; `way` is "input" or "output"."""
    return f"standard {way}" if name == STANDARD else name


def printable(name: str) -> str:
    """`label` for standard output, which refuses the stray bytes that a file name may hold."""
    return label(name).encode(errors="backslashreplace").decode()


@contextmanager
def muted() -> Iterator[None]:
    """Keep C libraries from printing lines of their own on standard error, as libtiff does of a damaged file."""
    try:
        kept = os.dup(2)
    except OSError:  # closed: nothing can be printed on it
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def check_output(source: str, target: str) -> None:
    """Refuse an output that cannot be written, before work is put into it.

    Raises:
        OptionError: it is the input, or a terminal.
        OSError: it is a folder, lies in none, or is protected.
    """
    from apercu.bridges.files import check_target  # Pillow comes with it, which --help has no use for

    if target == STANDARD:
        if sys.stdout is None or sys.stdout.isatty():
            state = "closed" if sys.stdout is None else "a terminal"
            raise OptionError(f"standard output is {state}; send it to a file or a pipe, or name one")
        return
    check_target(target)
    if source != STANDARD and os.path.exists(target) and os.path.samefile(source, target):
        raise OptionError(f"{target} is the input; name another file for the output")


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[float], None] | None]:
    """Show how far the work is, on standard error, where that is a terminal and the work takes over a second.

    Yields a function of the share of the work done, 0 to 1, or None where nobody looks on. (Twenty lines; a package for
    them would be a hard dependency.)
    """
    stream, begun, shown = sys.stderr, time.monotonic(), -1

    def report(share: float) -> None:
        nonlocal shown
        percent = int(100 * share)
        if percent != shown and time.monotonic() - begun >= _BAR_AFTER:
            bar = "#" * int(_BAR_WIDTH * share)
            print(f"\r{doing} [{bar:{_BAR_WIDTH}}] {percent:3} %", end="", file=stream, flush=True)
            shown = percent

    try:
        yield report if stream.isatty() else None
    finally:
        if shown >= 0:
            print("\r" + " " * (len(doing) + _BAR_WIDTH + 9), end="\r", file=stream, flush=True)
