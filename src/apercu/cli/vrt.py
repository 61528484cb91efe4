"""`apercu vrt`: an apercu file for GDAL, rasterio and QGIS, as a VRT."""

import argparse
import os

from apercu.cli import streams
from apercu.cli.messages import remark
from apercu.errors import OptionError, naming

DESCRIPTION = """\
Write a VRT that shows an apercu file to gdalinfo, gdalwarp, rasterio, QGIS and whatever else reads rasters by GDAL,
with its georeference, no-data value, mask and tags. A function in Python, in the VRT, decodes the windows that are
asked for. GDAL calls it where GDAL_VRT_ENABLE_PYTHON=YES is set. The VRT names the apercu file and the Python of this
command by absolute paths: write it again when either has moved.

It needs rasterio: pip install 'apercu[geo]'.
"""

EXAMPLES = """\
examples:
  apercu vrt scene.apc                                     scene.vrt
  GDAL_VRT_ENABLE_PYTHON=YES gdalinfo -stats scene.vrt
  GDAL_VRT_ENABLE_PYTHON=YES qgis scene.vrt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("file", metavar="IN.apc", help="apercu file")
    parser.add_argument("out", metavar="OUT.vrt", nargs="?", help="the VRT (default: the name of the file, with .vrt)")
    streams.add_full_size(parser, "show what was coded at a reduced size enlarged")
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the VRT; returns the exit code."""
    from apercu.bridges import vrt  # rasterio comes with it, which --help has no use for

    streams.set_limit(arguments)
    source = arguments.file
    if source == streams.STANDARD:
        raise OptionError("a VRT names its file, which cannot be standard input")
    target = arguments.out or os.path.splitext(source)[0] + ".vrt"
    streams.check_output(source, target)
    with naming(streams.label(source)):
        text = vrt.vrt(source, full_size=bool(arguments.full_size))
    streams.write_bytes(target, text.encode())
    if not arguments.out:
        remark(streams.label(target))
    return 0
