"""`apercu view`: a page to look at one apercu file, alone or beside its original."""

import argparse
import os
import re
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

from apercu.cli import streams
from apercu.cli.messages import say
from apercu.errors import naming
from apercu.replacing import descriptor_of

DESCRIPTION = """\
Look at an apercu file in a browser. With --against, the original stands beside it: drag a divider between the two, flip
from one to the other, see their difference, zoom in to single pixels, and read the metrics. Of a picture with generated
parts the page shows what was sent and what was invented. The page is one file that works without a network.
"""

EXAMPLES = """\
examples:
  apercu view photo.apc
  apercu view photo.apc --against photo.png
  apercu view photo.apc --against photo.png --out page.html   keep the page, and open it
  apercu view scene.apc --window 4096,0,1024,1024 --no-open   a part of a large picture, and no browser
  apercu view photo.apc --out - > page.html                   the page on standard output
"""

_STEM = 40  # characters of the file's name that the name of its page has: four bytes each, and there are others


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("input", metavar="FILE.apc", help="apercu file, or - for standard input")
    parser.add_argument("--against", metavar="ORIGINAL", help="the picture that was encoded")
    parser.add_argument(
        "--out",
        metavar="PAGE.html",
        help="page to write, or - for standard output (default: a new file in the folder for temporary files)",
    )
    parser.add_argument("--no-open", action="store_true", help="write the page, but do not open a browser")
    streams.add_window(
        parser, "part to show, in pixels; no more is decoded or measured (default: all of it, or the middle)"
    )
    streams.add_peak(parser, "with --against, the largest sample, which metrics relate errors to")
    streams.add_decoding(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and open it; returns the exit code."""
    from apercu.bench.view import file_page  # Pillow comes with it, which --help has no use for

    streams.set_limit(arguments)
    if arguments.out is not None:
        for source in filter(None, (arguments.input, arguments.against)):
            streams.check_output(source, arguments.out)
    with naming(streams.label(arguments.input)):
        data = streams.read_apercu(arguments.input, cut=arguments.damaged != "raise")
    original = None if arguments.against is None else _original(arguments.against)
    name = streams.label(os.path.basename(arguments.input))
    with naming(streams.label(arguments.input)):
        html = file_page(data, name, original, peak=arguments.peak, **streams.decoding_options(arguments))
    page = arguments.out if arguments.out is not None else _temporary(name)
    streams.write_bytes(page, html.encode())
    if page == streams.STANDARD or not os.path.isfile(page) or descriptor_of(page) is not None:
        return 0  # a browser cannot open a pipe, and the name of the page has no place in it
    say(streams.label(page))
    if not arguments.no_open and has_display():
        webbrowser.open(Path(page).resolve().as_uri())
    return 0


def _original(source: str) -> Any:
    """The samples of a picture or of a scene; a masked array, where some do not count."""
    from apercu.bridges import scene_files

    given = streams.given(source)
    if not (scene_files.is_scene(given) and scene_files.can_be_read(given)):
        return streams.read_picture(given)[0]
    from apercu.bridges import geo_read

    with streams.muted():
        return geo_read.read_all(given)


def has_display() -> bool:
    """Whether a browser has a screen to open on; without one, the standard library would start one in the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _temporary(name: str) -> str:
    """A new empty file for the page of `name`, which the user's browser may read as long as it likes."""
    stem = re.sub(r"[^\w.-]+", "-", os.path.splitext(name)[0])[:_STEM]
    number, page = tempfile.mkstemp(".html", f"{stem}-")
    os.close(number)
    return page
