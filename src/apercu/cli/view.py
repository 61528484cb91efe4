"""`apercu view`: a page to look at one apercu file, alone or beside its original."""

import argparse
import os
import sys
import tempfile
import webbrowser
from pathlib import Path

from apercu.cli import streams
from apercu.errors import OptionError

DESCRIPTION = """\
Look at an apercu file in a browser, alone or against its original: with a divider between the two, flipped, as a
difference, zoomed in to single pixels, and with the metrics beside it. The page is one file and needs no network.
"""

EXAMPLES = """\
examples:
  apercu view photo.apc
  apercu view photo.apc --against photo.png
  apercu view photo.apc --against photo.png --out page.html   keep the page, and open it
  apercu view scene.apc --window 4096 0 1024 1024 --no-open   a part of a large picture, and no browser
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("input", metavar="FILE.apc", help="apercu file, or - for standard input")
    parser.add_argument("--against", metavar="ORIGINAL", help="the picture that was encoded")
    parser.add_argument("--out", metavar="PAGE.html", help="page to write (default: in the folder for temporary files)")
    parser.add_argument("--no-open", action="store_true", help="write the page, and open no browser")
    parser.add_argument(
        "--window",
        type=int,
        nargs=4,
        metavar=("TOP", "LEFT", "HEIGHT", "WIDTH"),
        help="the pixels to show (default: all, or the middle of a large picture)",
    )
    streams.add_decoding(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and open it; returns the exit code."""
    from apercu.bench.view import file_page  # Pillow comes with it, which --help has no use for
    from apercu.bridges import files

    streams.set_limit(arguments)
    for source in filter(None, (arguments.input, arguments.against)):
        if arguments.out is not None:
            _check_page(source, arguments.out)
    data = streams.read_bytes(arguments.input)
    original = None
    if arguments.against is not None:
        with streams.open_input(arguments.against) as stream:
            original = files.read(stream, streams.label(arguments.against))[0]
    name = os.path.basename(streams.printable(arguments.input))
    html = file_page(
        data,
        name,
        original,
        restore=arguments.restore,
        damaged=arguments.damaged,
        model=arguments.model,
        network=arguments.network,
        window=tuple(arguments.window) if arguments.window else None,
    )
    page = arguments.out if arguments.out is not None else _temporary(name)
    with files.replacing(page) as target:
        target.write(html.encode())
    print(streams.printable(page))
    if not arguments.no_open and has_display():
        webbrowser.open(Path(page).resolve().as_uri())
    return 0


def has_display() -> bool:
    """Whether a browser has a screen to open on; without one, the standard library would start one in the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _check_page(source: str, page: str) -> None:
    if page == streams.STANDARD:
        raise OptionError("--out is a file, since a browser cannot open standard output")
    streams.check_output(source, page)


def _temporary(name: str) -> str:
    """A new empty file for the page of `name`, which the user's browser may read as long as it likes."""
    number, page = tempfile.mkstemp(".html", f"{os.path.splitext(name)[0]}-")
    os.close(number)
    return page
