"""`apercu decode`: an apercu file to a picture file."""

import argparse
import sys

import apercu
from apercu.cli import streams
from apercu.cli.messages import complain

DESCRIPTION = """\
Turn an apercu file back into a picture. The kind of picture goes by the suffix of OUT. PNG, WebP, BMP, JPEG, PGM and
PPM take 8-bit grey and colour; PNG and TIFF 16-bit samples too; TIFF alone any number of bands. What would lose bits
is refused, and the message names a suffix that serves.
"""

EXAMPLES = """\
examples:
  apercu decode photo.apc photo.png
  apercu decode scene.apc scene.tif                         16 bits, many bands
  apercu decode photo.apc photo.png --damaged conceal       what is intact of a damaged file, or of its beginning
  apercu decode photo.apc photo.png --restore cnn           nearer to the original, in more time
  apercu decode scene.apc part.tif --window 0,99,50,50       a part, without the rest
  apercu decode photo.apc - | display                       a PNG on standard output
  apercu decode scene.apc - --format tif > scene.tif
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("input", metavar="IN.apc", help="apercu file, or - for standard input")
    parser.add_argument("output", metavar="OUT", help="picture file to write, or - for standard output")
    parser.add_argument("--format", metavar="KIND", help="png, tif, ...; by default the suffix of OUT, and png for -")
    parser.add_argument(
        "--window",
        metavar="TOP,LEFT,HEIGHT,WIDTH",
        type=_window,
        help="part of the image that is wanted, in pixels; tiles beyond it are not decoded",
    )
    parser.add_argument("--layers", metavar="N", type=int, help="stop after N layers, for a coarser image in less time")
    streams.add_decoding(parser)


def _window(text: str) -> tuple[int, int, int, int]:
    try:
        top, left, height, width = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four whole numbers, TOP,LEFT,HEIGHT,WIDTH") from None
    return top, left, height, width


def run(arguments: argparse.Namespace) -> int:
    """Decode; returns the exit code."""
    from apercu.bridges import files  # Pillow comes with it, which --help has no use for
    from apercu.format.container import read_header

    streams.set_limit(arguments)
    streams.check_output(arguments.input, arguments.output)
    data = streams.read_bytes(arguments.input)
    header = read_header(data)
    suffix = files.suffix_of(arguments.output)
    if arguments.format:
        suffix = "." + arguments.format.lower().removeprefix(".")
    elif arguments.output == streams.STANDARD:
        suffix = ".png"
    files.check_suffix(suffix, header.interpretation, "uint16" if header.wide else "uint8")
    with streams.progress_bar("decoding") as progress:
        image = apercu.decode(
            data,
            restore=arguments.restore,
            damaged=arguments.damaged,
            window=arguments.window,
            layers=arguments.layers,
            model=arguments.model,
            network=arguments.network,
            progress=progress,
        )
    target = sys.stdout.buffer if arguments.output == streams.STANDARD else arguments.output
    files.write(target, image, header.interpretation, suffix)
    if arguments.damaged == "conceal" and (faults := apercu.check(data, model=arguments.model)):
        complain(
            f"{streams.label(arguments.input)}: damaged, faults concealed: {len(faults)} (apercu check names them)"
        )
    return 0
