"""What the subcommands share: files by name or `-`, the progress bar, and the limit on pixels."""

import argparse
import errno
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

import apercu
from apercu import options
from apercu.bridges import bounded
from apercu.cli import messages
from apercu.codecs.by_name import options_by_codec
from apercu.codecs.decoding import DAMAGED
from apercu.errors import OptionError, naming, naming_file, printable
from apercu.format.ids import MAGIC
from apercu.replacing import check_target, descriptor_of, replacing
from apercu.restore.by_name import options_by_restorer

STANDARD = "-"

_BAR_WIDTH = 40  # characters
_BAR_AFTER = 1.0  # seconds
_WIPE = "\r\x1b[K"  # of the line that the bar may stand in


def add_decoding(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to decode a file."""
    parser.add_argument(
        "--restore",
        metavar="NAME",
        default="none",
        help="none: exact pixels, the same on every machine (default); cnn: a network that comes closer to the "
        "original; rnn: a smaller one that does so step by step, for files of the codec apercu; gan, diffusion: one "
        "that makes up texture, for files of the codec apercu: parts of such pictures are generated, and they say so; "
        "all need an extra, pip install 'apercu[restore]'",
    )
    parser.add_argument(
        "--damaged",
        choices=DAMAGED,
        default="raise",
        help="refuse a damaged file (raise, the default), show what is intact of it (conceal), or fill "
        "tiles that are lost from those around them as well (fill)",
    )
    parser.add_argument("--model", metavar="FILE", help="weights of your own that the file was encoded with")
    add_options(parser, options_by_restorer())
    add_limit(parser)


def encoding_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given of the arguments of `apercu.encode`, and `tags` where those of scenes are to be left out."""
    left_out = {} if arguments.tags is None else {"tags": arguments.tags}
    return options_for(apercu.encode, arguments, options_by_codec()) | left_out


def decoding_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given of the arguments of `apercu.decode`."""
    return options_for(apercu.decode, arguments, options_by_restorer())


def add_options(group: argparse._ActionsContainer, by_owner: Mapping[str, type]) -> None:
    """Add a flag for each option of some codecs or restorers, which are named in its help."""
    for name, (what, owners) in options.owners(by_owner).items():
        said = f"{what.help} ({', '.join(owners)})"
        action = "append" if what.several else "store"
        group.add_argument(
            f"--{name.replace('_', '-')}", action=action, type=what.kind, metavar=what.metavar, help=said
        )


def options_for(
    function: Callable[..., Any], arguments: argparse.Namespace, by_owner: Mapping[str, type]
) -> dict[str, Any]:
    """What was given of the arguments of a function, and of the options of some codecs or restorers."""
    names = {*inspect.signature(function).parameters, *options.owners(by_owner)}
    return {name: value for name, value in vars(arguments).items() if name in names and value is not None}


def add_window(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--window`, which becomes four whole numbers."""
    parser.add_argument("--window", metavar="TOP,LEFT,HEIGHT,WIDTH", type=_window, help=what)


def add_full_size(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--full-size`, None where it is not given."""
    parser.add_argument("--full-size", action="store_true", default=None, help=what)


def _window(text: str) -> tuple[int, int, int, int]:
    try:
        top, left, height, width = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four whole numbers, TOP,LEFT,HEIGHT,WIDTH") from None
    return top, left, height, width


def add_peak(parser: argparse._ActionsContainer, what: str) -> None:
    """Add `--peak`, a number or a word, which is checked where it is used."""
    said = "a number, such as 2047 for 11 bits in 16, or range, from the smallest to the largest sample of the picture"
    parser.add_argument("--peak", metavar="P", type=_peak, help=f"{what}: {said} (default: 255 or 65535)")


def _peak(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


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


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """A file open for reading, or standard input for `-`, which stays open; an OSError in the block names it."""
    is_standard = name == STANDARD
    if is_standard and sys.stdin is None:
        raise OSError(errno.EBADF, "closed", label(name))
    file = sys.stdin.fileno() if is_standard else name
    with naming_file(label(name)), open(file, "rb", closefd=not is_standard) as stream:
        yield stream


def given(name: str) -> str | BytesIO:
    """A picture or scene by its name, or what comes on standard input for `-`: all of it, see
    `apercu.bridges.piped`."""
    if name != STANDARD:
        return name
    from apercu.bridges import piped  # Pillow comes with it, which --help has no use for

    with _opened(name) as stream, muted(), naming(label(name)):
        return piped.read_picture(stream)


def read_picture(source: str | os.PathLike[str] | BytesIO, page: int | None = None) -> tuple[Any, str]:
    """A picture file, `-` or what `given` gives of it, as `apercu.bridges.files.read` does; C libraries say nothing."""
    from apercu.bridges import files

    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if name != STANDARD:
            with _opened(name) as stream, muted():
                return files.read(stream, label(name), page)
        source = given(name)
    with muted():
        return files.read(source, label(STANDARD), page)


def read_apercu(name: str, *, cut: bool = False) -> bytes:
    """The content of an apercu file, or of standard input for `-`; see `apercu.bridges.bounded`."""
    with _opened(name) as stream:
        return bounded.read_apercu(stream, cut=cut)


def read_head(name: str) -> tuple[bytes, int]:
    """As much of an apercu file as `apercu.info` looks at, and how many bytes the file has."""
    with _opened(name) as stream:
        return bounded.read_head(stream)


def holds_apercu(name: str) -> bool | None:
    """Whether a file that is there begins as apercu files do; None where there is none, or it is empty or no file."""
    if name == STANDARD or not os.path.isfile(name):
        return None
    with _opened(name) as stream:
        begin = bounded.up_to(stream, len(MAGIC))
    return begin == MAGIC if begin else None


def read_some(name: str, most: int) -> bytes:
    """The content of a file, or of standard input for `-`. Raises OptionError where it has more than `most` bytes."""
    with _opened(name) as stream:
        data = bounded.up_to(stream, most + 1)
    if len(data) > most:
        raise OptionError(f"{label(name)} has more than {most:,} bytes")
    return data


def write_bytes(name: str, data: bytes) -> None:
    """Put a file in its place, or send it to standard output for `-`."""
    if name == STANDARD:
        messages.write_output(data)
        return
    with replacing(name) as stream:
        stream.write(data)


def label(name: str, way: str = "input") -> str:
    """What to call a file in a message, as `printable` shows it; `way` is "input" or "output"."""
    return f"standard {way}" if name == STANDARD else printable(name)


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
    number = None if target == STANDARD else descriptor_of(target)
    if target == STANDARD or number == 1:
        is_terminal = messages.open_output().isatty()
    else:
        is_terminal = number is not None and os.isatty(number)
    if is_terminal:
        raise OptionError(f"{label(target, 'output')} is a terminal; send it to a file or a pipe, or name one")
    if target == STANDARD:
        return
    check_target(target)
    # A source need not be a file: GDAL opens URLs and parts of archives.
    if source != STANDARD and all(map(os.path.exists, (source, target))) and os.path.samefile(source, target):
        raise OptionError(f"{label(target)} is the input; name another file for the output")


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[float], None] | None]:
    """Show how far the work is, on standard error, where that is a terminal and the work takes over a second.

    Yields a function of the share of the work done, 0 to 1, or None where nobody looks on. (Twenty lines; a package for
    them would be a hard dependency.)
    """
    begun, shown = time.monotonic(), -1

    def report(share: float) -> None:
        nonlocal shown
        percent = int(100 * share)
        if percent != shown and time.monotonic() - begun >= _BAR_AFTER:
            bar = "#" * int(_BAR_WIDTH * share)
            messages.draw(f"\r{doing} [{bar:{_BAR_WIDTH}}] {percent:3} %")
            shown = percent

    try:
        yield report if sys.stderr.isatty() else None
    finally:
        if shown >= 0:
            messages.draw("\r" + " " * (len(doing) + _BAR_WIDTH + 9) + "\r")


def complain_above(bar: Callable[[float], None] | None, message: str) -> None:
    """Print one line on what is wrong while work goes on, in place of the bar, which is drawn again below it."""
    if bar:
        messages.draw(_WIPE)
    messages.complain(message)
