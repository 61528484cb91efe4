"""`apercu encode`: a picture file to an apercu file."""

import argparse
import sys
from typing import Any

import apercu
from apercu.cli import streams
from apercu.errors import OptionError

DESCRIPTION = """\
Compress a picture into an apercu file. PNG, JPEG, WebP, TIFF, BMP and whatever else Pillow reads is taken in: upright,
in sRGB, and whole. A file that would lose bits or meaning on the way in (floating-point samples, PQ and HLG, ...) is
refused by name, and so is one of several frames or pages, unless --page chooses one. 16-bit colour and TIFF of many
bands need the extra: pip install 'apercu[tiff]'.
"""

EXAMPLES = """\
examples:
  apercu encode photo.jpg photo.apc                    quality 50
  apercu encode photo.jpg photo.apc --quality 20       smaller
  apercu encode photo.jpg photo.apc --bpp 0.1          at most 0.1 bits per pixel
  apercu encode scene.tif scene.apc --bytes 4000       at most 4,000 bytes
  apercu encode photo.png photo.apc --psnr 30          30 dB, in as few bytes as that takes
  apercu encode scan.tif third.apc --page 3            the third page
  curl -s https://example.org/a.png | apercu encode - - --bytes 300 > a.apc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("input", metavar="IN", help="picture file, or - for standard input")
    parser.add_argument("output", metavar="OUT.apc", help="file to write, or - for standard output")
    parser.add_argument("--page", type=int, metavar="N", help="which frame or page of a file of several, from 1")
    targets = parser.add_argument_group("how small, or how good (one of these; default: --quality 50)")
    target = targets.add_mutually_exclusive_group()
    target.add_argument("--bpp", type=float, metavar="R", help="at most R bits per pixel, all bands together")
    target.add_argument("--bytes", type=int, metavar="N", dest="n_bytes", help="at most N bytes")
    target.add_argument("--psnr", type=float, metavar="D", help="a peak signal-to-noise ratio of D dB")
    target.add_argument("--quality", type=float, metavar="Q", help="0 (smallest) to 100 (best)")
    tuning = parser.add_argument_group("for those who know the codec")
    tuning.add_argument("--codec", metavar="NAME", help="codec to use (default: apercu)")
    tuning.add_argument(
        "--bands", metavar="KIND", help="what the bands are: grey, rgb, rgba or spectral (default: as the file says)"
    )
    tuning.add_argument("--threshold", type=float, metavar="T", help="block error above which the finer code is used")
    tuning.add_argument("--step", type=float, metavar="S", help="quantiser step; --threshold and --step go together")
    tuning.add_argument("--tables", metavar="KIND", help="Huffman tables per group or per latent: group or latent")
    tuning.add_argument("--model", metavar="FILE", help="weights of your own, made by training")
    parser.add_argument("--quiet", action="store_true", help="print nothing when all goes well")
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Encode, and say on standard error what came of it; returns the exit code."""
    from apercu.bridges import files  # Pillow comes with it, which --help has no use for

    streams.set_limit(arguments)
    if files.suffix_of(arguments.output) in files.PICTURE_SUFFIXES:
        raise OptionError(f"{arguments.output}: encode writes apercu files, by custom *.apc; decode writes pictures")
    streams.check_output(arguments.input, arguments.output)
    with streams.open_input(arguments.input) as stream, streams.muted():
        image, bands = files.read(stream, streams.label(arguments.input), arguments.page)
    names = ("bpp", "n_bytes", "psnr", "quality", "codec", "threshold", "step", "tables", "model")
    options: dict[str, Any] = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    with streams.progress_bar("encoding") as progress:
        data = apercu.encode(image, bands=arguments.bands or bands, progress=progress, **options)
    if arguments.output == streams.STANDARD:
        sys.stdout.buffer.write(data)
    else:
        with files.replacing(arguments.output) as target:
            target.write(data)
    if not arguments.quiet:
        print(summary(streams.label(arguments.output, "output"), apercu.info(data)), file=sys.stderr)
    return 0


def summary(name: str, facts: dict[str, Any]) -> str:
    """One line: `photo.apc: 512 × 512 rgb uint8, 3,276 bytes (1/240 of the samples), 0.100 bpp, quality 12.5`."""
    n_samples = facts["width"] * facts["height"] * facts["bands"]
    ratio = n_samples * (2 if facts["dtype"] == "uint16" else 1) / facts["n_bytes"]
    if facts["quality"] is None:
        how = f"threshold {facts['threshold']:g}, step {facts['step']:g}"
    else:
        how = f"quality {facts['quality']:.7g}"
    return (
        f"{name}: {facts['width']} × {facts['height']} {facts['interpretation']} {facts['dtype']}, "
        f"{facts['n_bytes']:,} bytes (1/{ratio:.0f} of the samples), {facts['bpp']:.3f} bpp, {how}"
    )
