"""`apercu encode`: picture files to apercu files."""

import argparse
import math
from typing import Any

import numpy as np

from apercu.cli import many, streams
from apercu.cli.messages import remark
from apercu.codecs.by_name import options_by_codec
from apercu.errors import OptionError, printable
from apercu.options import about

DESCRIPTION = """\
Compress a picture into an apercu file, or many pictures into a folder. PNG, JPEG, WebP, TIFF, BMP and everything else
that Pillow reads is accepted; the picture is turned upright and converted to sRGB. A picture that would lose bits or
meaning (PQ and HLG, ...) is refused, and the message says why. So is a file of several frames or pages, unless --page
chooses one. 16-bit colour and TIFF files of many bands need: pip install 'apercu[tiff]'.

A scene keeps its georeference, no-data value, mask, tags and type of samples (int8 to float64): a GeoTIFF, a TIFF of
many bands, JPEG 2000 that says where it lies, NetCDF, VRT and everything else that GDAL reads, also by a URL or in an
archive (/vsizip/...); on standard input, TIFF and JPEG 2000. That needs rasterio: pip install 'apercu[geo]'.

For text, line art and screenshots use AVIF, or PNG where there is room: at 0.2 bpp a drawn page reaches 22 dB here and
37 dB in AVIF. For very small files, --reduce auto codes the picture at half or a quarter of its size, and so on, where
that is better.
"""

EXAMPLES = """\
examples:
  apercu encode photo.jpg photo.apc                    quality 50
  apercu encode photo.jpg photo.apc --quality 20       a smaller file
  apercu encode photo.jpg photo.apc --bpp 0.1          at most 0.1 bits per pixel
  apercu encode scene.tif scene.apc --bytes 4000       at most 4,000 bytes
  apercu encode photo.png photo.apc --psnr 30          30 dB, in as few bytes as possible
  apercu encode scene.tif scene.apc --bytes 500 --reduce auto
  apercu encode s3://bucket/scene.tif scene.apc        whatever GDAL opens
  apercu encode scan.tif third.apc --page 3            the third page
  apercu encode *.png --out previews/ --bytes 2000     many pictures, each in at most 2,000 bytes
  curl -s https://example.org/a.png | apercu encode - - --bytes 300 > a.apc

With --out, a.png becomes a.apc in the folder. A picture that cannot be encoded is named, the others are done, and the
exit code is 2. Two pictures that would have the same name there are refused before any work is done.
"""

_SHARP_FROM_BPP = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    what = "the picture and the apercu file to write (- for standard input or output); with --out, pictures only"
    many.add_files(parser, "IN OUT.apc", "IN ... --out FOLDER", what)
    add_encoding(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing when all goes well")
    streams.add_limit(parser)


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to encode a picture."""
    parser.add_argument("--page", type=int, metavar="N", help="which frame of an animation or page of a TIFF, from 1")
    targets = parser.add_argument_group("how small, or how good (one of the first four; default: --quality 50)")
    target = targets.add_mutually_exclusive_group()
    target.add_argument("--bpp", type=float, metavar="R", help="at most R bits per pixel, all bands together")
    target.add_argument(
        "--bytes", "--n-bytes", type=int, metavar="N", dest="n_bytes", help="at most N bytes (n_bytes= in Python)"
    )
    target.add_argument("--psnr", type=float, metavar="D", help="a peak signal-to-noise ratio of D dB")
    target.add_argument("--quality", type=float, metavar="Q", help="0 (smallest) to 100 (best)")
    streams.add_peak(targets, "the peak of --psnr")
    targets.add_argument(
        "--reduce",
        metavar="N",
        type=_reduction,
        help="code at 1/N of the size, N a power of two; auto: for --bytes and --bpp, where that is better or "
        "nothing else is small enough (decode --full-size enlarges it again)",
    )
    parser.add_argument(
        "--no-tags",
        dest="tags",
        action="store_const",
        const=False,
        help="of scenes: leave out tags, and names and units of bands, which count in --bytes",
    )
    tuning = parser.add_argument_group("for those who know the codec")
    tuning.add_argument("--codec", metavar="NAME", help="codec to use (default: apercu)")
    tuning.add_argument(
        "--bands", metavar="KIND", help="what the bands are: grey, rgb, rgba or spectral (default: as the file says)"
    )
    tuning.add_argument("--tile", type=int, metavar="SIDE", help="side of tiles in pixels, a power of two from 32")
    tuning.add_argument(
        "--layers",
        type=int,
        metavar="N",
        help="layers, coarse to fine, 1 to 5; with dct and stacked_ae 1 or 2, with rnn 1 to 11",
    )
    tuning.add_argument(
        "--model", metavar="FILE", help="weights of your own, made by training; apercu_small: shipped tables of 8 kB"
    )
    of_codecs = parser.add_argument_group("options of some codecs alone")
    streams.add_options(of_codecs, options_by_codec())


def _reduction(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def run(arguments: argparse.Namespace) -> int:
    """Encode, and say on standard error what came of it; returns the exit code."""
    from apercu.bridges import batch, files, scene_files  # Pillow comes with them, which --help has no use for

    streams.set_limit(arguments)
    options = streams.encoding_options(arguments)
    if arguments.out is not None:
        sources = many.inputs(arguments)
        done, code = many.report(
            "encoding", batch.encode(sources, arguments.out, arguments.page, **options), len(sources)
        )
        if done and not arguments.quiet:
            one = summary(printable(done[0].target), done[0].facts)
            remark(one if len(sources) == 1 else total([outcome.facts for outcome in done], len(sources)))
            _hint([(printable(outcome.source), outcome.facts) for outcome in done])
        return code
    source, target = many.in_and_out(arguments)
    if files.suffix_of(target) in files.PICTURE_SUFFIXES:
        hint = "apercu decode writes pictures; for many pictures name a folder with --out"
        raise OptionError(f"{streams.label(target)}: encode writes apercu files, named *.apc; {hint}")
    streams.check_output(source, target)
    batch.check_encoding(options)
    name = streams.label(source)
    given = streams.given(source)
    is_scene = scene_files.is_scene(given, arguments.page)
    if is_scene and scene_files.can_be_read(given):
        with streams.progress_bar("encoding") as progress, streams.muted():
            made = batch.encoded_scene(given, {**options, "progress": progress})
    else:
        image, bands = streams.read_picture(given, arguments.page)
        with streams.progress_bar("encoding") as progress:
            made = batch.encoded(image, name, {"bands": bands, **options, "progress": progress})
        if is_scene:
            remark(f"{name}: {scene_files.LEFT_OUT}")
    streams.write_bytes(target, made.content)
    if not arguments.quiet:
        remark(summary(streams.label(target, "output"), made.facts))
        _hint([(name, made.facts)])
    return 0


def _hint(done: list[tuple[str, dict[str, Any]]]) -> None:
    for what in dict.fromkeys(facts.get("left_out") for _, facts in done):
        if what:
            remark(f"{_first([name for name, facts in done if facts.get('left_out') == what])}: {what}")
    found = [name for name, facts in done if facts["line_art"] and facts["bpp"] < _SHARP_FROM_BPP]
    if found:
        looks = "look" if len(found) > 1 else "looks"
        what = "which blurs at such a rate: PNG, WebP or AVIF keeps it sharper"
        remark(f"{_first(found)} {looks} like text or line art, {what}")


def _first(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def total(facts: list[dict[str, Any]], n_files: int) -> str:
    """One line: `198 of 200 files: 812,345 bytes (1/240 of the samples), 0.099 bpp`."""
    n_bytes = sum(each["n_bytes"] for each in facts)
    n_pixels = sum(math.prod(_full_size(each)) for each in facts)
    ratio = sum(map(_sample_bytes, facts)) / n_bytes
    done = f"{len(facts):,}" if len(facts) == n_files else f"{len(facts):,} of {n_files:,}"
    return f"{done} files: {n_bytes:,} bytes (1/{ratio:.0f} of the samples), {8 * n_bytes / n_pixels:.3f} bpp"


def _sample_bytes(facts: dict[str, Any]) -> int:
    n_bytes: int = math.prod(_full_size(facts)) * facts["bands"] * np.dtype(facts["dtype"]).itemsize
    return n_bytes


def _full_size(facts: dict[str, Any]) -> tuple[int, int]:
    """Rows and columns of what was encoded."""
    of = facts.get("reduced") or facts
    return of["height"], of["width"]


def summary(name: str, facts: dict[str, Any]) -> str:
    """One line: `photo.apc: 512 × 512 rgb uint8, 3,276 bytes (1/240 of the samples), 0.100 bpp, quality 12.5`."""
    ratio = _sample_bytes(facts) / facts["n_bytes"]
    if facts["quality"] is None:
        own = about(options_by_codec()[facts["codec"]])
        how = ", ".join(f"{name} {facts[name]:g}" for name, what in own.items() if what.is_target)
    else:
        how = f"quality {facts['quality']:.10g}"
    height, width = _full_size(facts)
    part = f" at 1/{facts['reduced']['factor']}" if facts.get("reduced") else ""
    return (
        f"{name}: {width} × {height}{part} {facts['interpretation']} {facts['dtype']}, "
        f"{facts['n_bytes']:,} bytes (1/{ratio:.0f} of the samples), {facts['bpp']:.3f} bpp, {how}"
    )
