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
        help="none: exact pixels, the same on every machine (default); cnn: a network that comes closer to the "
        "original and needs an extra, pip install 'apercu[restore]'",
    )
    parser.add_argument(
        "--damaged",
        choices=("raise", "conceal"),
        default="raise",
        help="refuse a damaged file (raise, the default), or show what is intact of it (conceal)",
    )
    parser.add_argument("--model", metavar="FILE", help="weights of your own that the file was encoded with")
    parser.add_argument("--network", metavar="FILE", help="a network of your own for --restore cnn")
    add_limit(parser)


def add_window(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--window`, which becomes four whole numbers."""
    parser.add_argument("--window", metavar="TOP,LEFT,HEIGHT,WIDTH", type=_window, help=what)


def _window(text: str) -> tuple[int, int, int, int]:
    try:
        top, left, height, width = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four whole numbers, TOP,LEFT,HEIGHT,WIDTH") from None
    return top, left, height, width


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Add `--max-pixels`; `set_limit` puts it into force."""
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help=f"refuse pictures of more than N pixels, width × height; 0: refuse none (default: {apercu.MAX_PIXELS})",
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


def write_bytes(name: str, data: bytes) -> None:
    """Put a file in its place, or send it to standard output for `-`."""
    if name == STANDARD:
        sys.stdout.buffer.write(data)
        return
    from apercu.bridges.files import replacing  # Pillow comes with it, which --help has no use for

    with replacing(name) as stream:
        stream.write(data)


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
    from apercu.bridges.files import check_target, descriptor_of  # Pillow comes with it, as above

    if target == STANDARD:
        if sys.stdout is None:
            raise OptionError("standard output is closed; send it to a file or a pipe, or name one")
        is_terminal = sys.stdout.isatty()
    else:
        number = descriptor_of(target)
        is_terminal = number is not None and os.isatty(number)
    if is_terminal:
        raise OptionError(f"{label(target, 'output')} is a terminal; send it to a file or a pipe, or name one")
    if target == STANDARD:
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
