"""`apercu compare`: rate-distortion curves, BD-rate and a page, on the user's own pictures."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from apercu.cli import measuring, streams
from apercu.cli.messages import complain, say
from apercu.errors import MissingExtra, OptionError, printable
from apercu.options import peak_or_range

DESCRIPTION = """\
Compare apercu with JPEG, JPEG 2000, JPEG XL, WebP, AVIF and others on pictures of your own, each at its strongest: at
every rate the best of full size, and of the picture halved or quartered before coding and enlarged after. Writes
comparison.json, points.csv, curves as PNG and SVG, and index.html, a page that needs no network, to look at it all.
What was measured before is kept, so that an interrupted comparison goes on where it was. Files of a FOLDER that cannot
be read are passed over, and named at the end.
"""

EXAMPLES = """\
examples:
  apercu compare photo.png --out report/
  apercu compare photos/ --grey --out report/               every picture below a folder, as grey
  apercu compare *.png --peers jpeg-prog avif --out report/
  apercu compare *.png --bpp 0.05 0.1 0.2 --metric psnr ssim gmsd --out report/
  apercu compare photos/ --bytes 1000 4000 --out report/    the best files of at most 1,000 and 4,000 bytes
  apercu compare photos/ --model mine=mine.npy --out report/      tables of your own beside the shipped ones
  apercu compare photos/ --network mine=mine.onnx --out report/   a network of your own beside the shipped one
  apercu compare *.png --metric mine:score --out report/    score(original, decoded) of mine.py
  apercu compare *.png --points learned.csv --out report/   columns image, codec, bpp, psnr, ...

BD-rate is computed from 0.04 to 0.35 bpp: how many per cent more bits the row needs than the column for the same value.
"""

DEFAULT_RATES = (0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3)
DEFAULT_METRICS = ("psnr", "ssim")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture files, and folders, which are searched")
    parser.add_argument("--out", metavar="FOLDER", required=True, type=Path, help="where the report goes")
    measuring.add_codecs(parser, "all")
    parser.add_argument("--peers", metavar="NAME", nargs="*", help="other codecs (default: all that are installed)")
    parser.add_argument(
        "--bpp",
        type=float,
        metavar="R",
        nargs="+",
        help=f"bits per pixel to be shown (default: {' '.join(f'{rate:g}' for rate in DEFAULT_RATES)})",
    )
    parser.add_argument(
        "--bytes",
        type=int,
        metavar="N",
        nargs="+",
        dest="n_bytes",
        default=[],
        help="file sizes to be shown: the best file of at most N bytes (without --bpp: in place of rates)",
    )
    parser.add_argument(
        "--metric",
        metavar="NAME",
        nargs="+",
        default=list(DEFAULT_METRICS),
        help="psnr, ssim, ms_ssim, gmsd, swd, spectrum, ssimulacra2, wasserstein, deep, deep_unseen, or "
        "module:function (default: psnr ssim); the first one chooses the setting that is shown at a rate",
    )
    streams.add_peak(parser, "the largest sample, which metrics relate errors to")
    parser.add_argument("--points", metavar="CSV", type=Path, help="points measured elsewhere")
    parser.add_argument("--grey", action="store_true", help="turn colour to grey first")
    parser.add_argument("--repeat", type=int, metavar="N", default=3, help="runs for the median of times (default: 3)")
    measuring.add_work(parser)
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print the tables, write the report; returns the exit code."""
    _check(arguments)
    try:
        from apercu.bench import compare, measure, needs, peers
        from apercu.bench.cache import Cache
        from apercu.bench.plan import Plan
        from apercu.bench.tables import tables
    except ImportError as error:
        raise MissingExtra(f"compare needs {error.name}: pip install 'apercu[bench]'") from error
    from apercu.format.ids import CODECS
    from apercu.lab.images import ENDINGS

    streams.set_limit(arguments)
    needs.check_packages("compare", needs.COMPARING)
    names, absent = peers.chosen(measuring.listed(arguments.peers, "--peers", peers.PEERS))
    ours, models, networks = measuring.contestants(arguments, list(CODECS))
    for metric in arguments.metric:
        measure.metric_of(metric, arguments.peak)
    sources, named = _sources(arguments.images, ENDINGS)
    cache = arguments.cache or measuring.cache_folder("compare")
    for option, folder in (("--out", arguments.out), ("--cache", cache)):
        needs.check_folder(option, folder)
    if absent:
        complain("not compared with " + "; ".join(f"{peer}: {why}" for peer, why in absent.items()))
    plan = Plan(
        codecs=(*(one.name for one in ours), *names),
        rates=_rates(arguments),
        metrics=tuple(dict.fromkeys(arguments.metric)),
        grey=arguments.grey,
        repeat=arguments.repeat,
        budgets=tuple(sorted(set(arguments.n_bytes))),
        models=tuple(models),
        networks=tuple(networks),
        peak=arguments.peak,
    )
    with streams.progress_bar("comparing") as progress:
        found = compare.compare(
            sources,
            streams.read_picture,
            plan,
            Cache(cache),
            arguments.jobs,
            progress,
            points_file=arguments.points,
            may_fail=sources.keys() - named,
        )
        found.save(arguments.out)
    say(tables(found.report, measuring.width()))
    measuring.say_reasons("left out", found.report["left_out"], "comparison.json")
    measuring.say_reasons("passed over", list(found.report["not_read"].values()), "comparison.json")
    say(f"\n{streams.label(os.fspath(arguments.out / 'index.html'))} shows it all.")
    return 0


def _rates(arguments: argparse.Namespace) -> tuple[float, ...]:
    """Those asked for; none where sizes are, and no rates."""
    if arguments.bpp is None:
        return () if arguments.n_bytes else DEFAULT_RATES
    return tuple(sorted(set(arguments.bpp)))


def _check(arguments: argparse.Namespace) -> None:
    measuring.check_rates(arguments.bpp or ())
    if not all(n_bytes >= 1 for n_bytes in arguments.n_bytes):
        raise OptionError("--bytes takes sizes of 1 byte or more")
    measuring.check_least(repeat=arguments.repeat, jobs=arguments.jobs)
    if arguments.peak is not None:
        peak_or_range("--peak", arguments.peak)
    if arguments.points and not arguments.points.is_file():
        raise OptionError(f"--points {arguments.points}: no such file")


def _sources(given: Sequence[str], suffixes: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Picture files by a name for each, what is needed of its path to tell it from the others; and the names of those
    that were given themselves, not by their folder."""
    found: dict[tuple[str, Path], bool] = {}
    for name in given:
        path = Path(name)
        if path.is_dir():
            below = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
            if not below:
                raise OptionError(f"{name}: no pictures in this folder ({' '.join(suffixes)})")
            for file in below:
                found.setdefault((file.relative_to(path).with_suffix("").as_posix(), file), False)
        elif path.exists() and not path.is_file():
            raise OptionError(f"{name}: not a file; pictures are read more than once here, and so from files only")
        else:
            with open(path, "rb"):  # a file that cannot be opened is reported before any work is done
                found[path.stem, path] = True
    sources: dict[str, str] = {}
    named = set()
    for (name, path), by_itself in found.items():
        clash = sum(other == name for other, _ in found) > 1
        shown = printable(path.as_posix() if clash else name)
        sources[shown] = os.fspath(path)
        if by_itself:
            named.add(shown)
    return sources, named
