"""`apercu decode`: apercu files to picture files."""

import argparse

from apercu.cli import many, streams
from apercu.cli.messages import complain, remark
from apercu.errors import OptionError, naming

DESCRIPTION = """\
Turn an apercu file back into a picture, or many into a folder of pictures. The suffix of OUT says what kind of picture.
PNG, WebP, BMP, JPEG, PGM and PPM hold 8-bit grey or colour; PNG and TIFF hold 16-bit samples too; only TIFF holds any
number of bands. A kind that would lose bits is refused, and the message names one that does not.

A scene becomes a GeoTIFF, with its georeference, no-data value, mask, tags and type of samples; with --cog a
cloud-optimised one. That needs rasterio: pip install 'apercu[geo]'. PNG and WebP show what is no data as transparent.

With --restore, the picture says how it was made (XMP and text; PGM and PPM a comment), and whether parts of it are
generated. BMP cannot say so: it is refused where parts are generated.
"""

EXAMPLES = """\
examples:
  apercu decode photo.apc photo.png
  apercu decode scene.apc scene.tif                         16 bits, many bands
  apercu decode photo.apc photo.png --restore cnn           closer to the original, but slower
  apercu decode photo.apc photo.png --restore rnn --steps 1    in a quarter of the time that its four steps take
  apercu decode photo.apc photo.png --restore gan           sharper: with texture that is made up
  apercu decode photo.apc photo.png --restore diffusion --steps 2 --seed 3    the same by denoising, in steps
  apercu decode photo.apc photo.png --damaged conceal       what is intact of a damaged or cut file
  apercu decode photo.apc photo.png --damaged fill          the same, lost tiles filled from those around them
  apercu decode scene.apc part.tif --window 0,99,50,50      a part; the rest is not decoded
  apercu decode scene.apc quicklook.tif --cog               with overviews, for viewers of maps
  apercu decode scene.apc whole.tif --full-size             of a file that encode --reduce made
  apercu decode *.apc --out pictures/ --format webp         many files, each as a picture of that kind
  apercu decode photo.apc - | display                       a PNG on standard output
  apercu decode scene.apc - --format tif > scene.tif

With --out, a.apc becomes a.png in the folder. A file that cannot be decoded is named, the others are done, and the exit
code is 2. Two files that would have the same name there are refused before any work is done.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    what = "the apercu file and the picture to write (- for standard input or output); with --out, apercu files only"
    many.add_files(parser, "IN.apc OUT", "IN.apc ... --out FOLDER", what)
    parser.add_argument(
        "--format", metavar="KIND", help="png, tif, ... (default: the suffix of OUT; else png, or tif with --cog)"
    )
    streams.add_window(parser, "decode this part alone, in pixels")
    streams.add_full_size(parser, "enlarge what was coded at a reduced size; --window is of it")
    parser.add_argument("--cog", action="store_true", help="write a cloud-optimised GeoTIFF")
    parser.add_argument("--layers", metavar="N", type=int, help="stop after N layers: a coarser image in less time")
    streams.add_decoding(parser)


def run(arguments: argparse.Namespace) -> int:
    """Decode; returns the exit code."""
    from apercu.bridges import batch, files, scene_files  # Pillow comes with them, which --help has no use for

    streams.set_limit(arguments)
    options = streams.decoding_options(arguments)
    suffix = "." + (arguments.format or ("tif" if arguments.cog else "png")).lower().removeprefix(".")
    if arguments.out is not None:
        sources = many.inputs(arguments)
        outcomes = batch.decode(sources, arguments.out, suffix, arguments.cog, **options)
        done, code = many.report("decoding", outcomes, len(sources))
        if any(outcome.generated for outcome in done):
            remark(many.GENERATED)
        return code
    source, target = many.in_and_out(arguments)
    streams.check_output(source, target)
    written = streams.label(target, "output")
    if not arguments.format and target != streams.STANDARD:
        suffix = files.suffix_of(target)
    if suffix not in files.PICTURE_SUFFIXES:
        raise OptionError(f"{written}: {files.no_format(suffix)}")
    with naming(streams.label(source)):
        data = streams.read_apercu(source, cut=arguments.damaged != "raise")
    cog = arguments.cog
    with streams.progress_bar("decoding") as progress:
        given = {**options, "progress": progress}
        if target != streams.STANDARD and scene_files.is_geotiff(data, suffix, cog):
            made = batch.write_scene(data, streams.label(source), target, cog, given)
        else:
            made = batch.decoded(data, streams.label(source), suffix, given, written, cog)
            streams.write_bytes(target, made.content)
    if scene_files.loses_its_place(data, suffix):
        remark(f"{streams.label(source)}: {scene_files.LEFT_OUT}")
    if made.generated:
        remark(many.GENERATED)
    if made.n_concealed:
        complain(many.concealed(streams.label(source), made.n_concealed))
    return 0
