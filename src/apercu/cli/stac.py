"""`apercu stac`: an apercu file as a STAC item."""

import argparse
import os
from datetime import datetime
from io import BytesIO

from apercu.cli import streams
from apercu.cli.messages import remark
from apercu.errors import OptionError, naming

DESCRIPTION = """\
Write an item of a SpatioTemporal Asset Catalog (STAC 1.1) for an apercu file: its footprint, its bands, its place, and
beside it a thumbnail of at most 600 pixels: red, green and blue, as colours or names of the bands say, else the first
three bands or the first. Its brightest and darkest 2 % are white and black; where there are no data it is clear. The
footprint is the hull of what is valid, cut in two at the antimeridian (RFC 7946).

An item needs a time. It is that of the tag ACQUISITIONDATETIME (also of the namespace IMAGERY, which GDAL makes for
many satellites), ACQUISITION_DATE or TIFFTAG_DATETIME, or what --datetime says.

It needs rasterio, pystac and antimeridian: pip install 'apercu[geo]'.
"""

EXAMPLES = """\
examples:
  apercu stac scene.apc                                    scene.json and scene.webp
  apercu stac scene.apc items/scene.json --thumbnail scene-small.png
  apercu stac scene.apc --datetime 2026-11-26T10:30:00Z    where the scene's tags do not say when it was taken
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("file", metavar="IN.apc", help="apercu file")
    parser.add_argument(
        "out", metavar="OUT.json", nargs="?", help="the item (default: the name of the file, with .json)"
    )
    parser.add_argument(
        "--thumbnail", metavar="NAME", help="of the thumbnail beside the item, .webp or .png (default: .webp)"
    )
    parser.add_argument(
        "--datetime",
        metavar="TIME",
        type=_time,
        help="when the scene was taken, as ISO 8601 has it (default: by the tags above)",
    )
    streams.add_limit(parser)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of ISO 8601, such as 2026-11-26T10:30:00Z") from None


def run(arguments: argparse.Namespace) -> int:
    """Write the item and its thumbnail; returns the exit code."""
    import json

    from apercu.bridges import stac  # rasterio and pystac come with it, which --help has no use for

    streams.set_limit(arguments)
    source = arguments.file
    if source == streams.STANDARD:
        raise OptionError("a STAC item names its file, which cannot be standard input")
    target = arguments.out or os.path.splitext(source)[0] + ".json"
    thumbnail = arguments.thumbnail or os.path.splitext(os.path.basename(target))[0] + ".webp"
    if os.path.basename(thumbnail) != thumbnail:
        raise OptionError("the thumbnail is beside the item: give its name alone")
    beside = os.path.join(os.path.dirname(target), thumbnail)
    for each in (target, beside):
        streams.check_output(source, each)
    with naming(streams.label(source)):
        made = stac.item(source, target, thumbnail, arguments.datetime)
    picture = BytesIO()
    made.thumbnail.save(picture, os.path.splitext(thumbnail)[1][1:].upper())
    streams.write_bytes(beside, picture.getvalue())
    streams.write_bytes(target, (json.dumps(made.item, indent=2, ensure_ascii=False) + "\n").encode())
    if not arguments.out:
        remark(f"{streams.label(target)}, {streams.label(beside)}")
    return 0
