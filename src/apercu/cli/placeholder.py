"""`apercu placeholder`: pictures in a few bytes, for a field of a database or a page."""

import argparse
import base64
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import apercu
from apercu.cli import messages, streams
from apercu.cli.messages import EXIT_MISTAKE, complain, describe, say
from apercu.errors import ApercuError, OptionError, naming_file, printable

DESCRIPTION = """\
Make placeholders of pictures: 16 to 300 bytes each, to be shown until the picture is there. Of a folder, all pictures
in it and below it are taken. A picture that cannot be read does not keep back the others.
"""

EXAMPLES = """\
examples:
  apercu placeholder photo.jpg                               base64, on one line
  apercu placeholder photos/ --bytes 64 --format json    a line of JSON a picture
  apercu placeholder photo.jpg --format raw > photo.ph
"""

MEDIA_TYPE = "image/x-apercu-placeholder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="picture, folder, or - for standard input")
    parser.add_argument(
        "--bytes", metavar="N", type=int, default=32, help="the most bytes of a placeholder, 16 to 300 (default: 32)"
    )
    parser.add_argument(
        "--format",
        choices=("raw", "base64", "data-uri", "json"),
        default="base64",
        help="raw: the bytes, of one picture; base64 (default) and data-uri: a line for each picture, after its name "
        "and a tab where there are several; json: an object on each line",
    )
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the placeholder of each picture; returns the exit code."""
    streams.set_limit(arguments)
    names = list(_pictures(arguments.files))
    several = len(names) > 1 or any(os.path.isdir(name) for name in arguments.files)
    if arguments.format == "raw" and several:
        raise OptionError("--format raw goes with one picture")
    code = 0
    for name in names:
        try:
            image, bands = streams.read_picture(name)
            data = apercu.placeholder(image, arguments.bytes, bands=bands)
        except OptionError:
            raise
        except (ApercuError, OSError) as error:
            named = isinstance(error, OSError) or streams.label(name) in str(error)
            complain(describe(error) if named else f"{streams.label(name)}: {error}")
            code = EXIT_MISTAKE
            continue
        if arguments.format == "raw":
            messages.write_output(data)
        else:
            say(_line(name, data, arguments.format, several), keep="\t")
    return code


def _line(name: str, data: bytes, form: str, several: bool) -> str:
    text = base64.b64encode(data).decode()
    if form == "json":
        found = {"file": name, "placeholder": text, "n_bytes": len(data), **apercu.placeholder_info(data)}
        return json.dumps(found).replace("\x7f", "\\u007f")  # which else would be printed as no JSON has it
    if form == "data-uri":
        text = f"data:{MEDIA_TYPE};base64,{text}"
    return f"{printable(name)}\t{text}" if several else text


def _pictures(names: Sequence[str]) -> Iterator[str]:
    """The files, and of folders all pictures in them and below, by name. Raises OptionError for a folder without."""
    from apercu.bridges.files import PICTURE_SUFFIXES, suffix_of

    for name in names:
        if not os.path.isdir(name):
            yield name
            continue
        with naming_file(name):
            found = sorted(str(path) for path in Path(name).rglob("*") if path.is_file())
        pictures = [path for path in found if suffix_of(path) in PICTURE_SUFFIXES]
        if not pictures:
            raise OptionError(f"{printable(name)} holds no pictures")
        yield from pictures
