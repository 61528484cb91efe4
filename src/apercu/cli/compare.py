"""`apercu compare`: rate-distortion curves, BD-rate and a page, on the user's own pictures."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apercu.cli import streams
from apercu.cli.messages import complain
from apercu.errors import MissingExtra, OptionError

DESCRIPTION = """\
Compare apercu with JPEG, JPEG 2000, JPEG XL, WebP, AVIF and others on pictures of your own, each at its strongest: at
every rate the best of full size, and of the picture halved or quartered before coding and enlarged after. Writes
comparison.json, points.csv, curves as PNG and SVG, and index.html, a page that needs no network, to look at it all.
What was measured before is kept, so that an interrupted comparison goes on where it was.
"""

EXAMPLES = """\
examples:
  apercu compare photo.png --out report/
  apercu compare photos/ --grey --out report/               every picture below a folder, as grey
  apercu compare *.png --peers jpeg-prog avif --out report/
  apercu compare *.png --bpp 0.05 0.1 0.2 --metric psnr ssim gmsd --out report/
  apercu compare *.png --metric mine:score --out report/    score(original, decoded) of mine.py
  apercu compare *.png --points learned.csv --out report/   columns image, codec, bpp, psnr, ...

BD-rate is computed from 0.04 to 0.35 bpp: how many per cent more bits the row needs than the column for the same value.
"""

DEFAULT_RATES = (0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3)
DEFAULT_METRICS = ("psnr", "ssim")
_WIDTH = 14  # characters of a column: "taha2025/none" fits
_LEFT_OUT = 8  # reasons that are printed; all are in comparison.json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture files, and folders of them")
    parser.add_argument("--out", metavar="FOLDER", required=True, type=Path, help="where the report goes")
    parser.add_argument("--codecs", metavar="NAME", nargs="+", help="codecs of apercu (default: all)")
    parser.add_argument(
        "--restore", metavar="NAME", nargs="+", default=["none"], help="how apercu restores detail (default: none)"
    )
    parser.add_argument("--peers", metavar="NAME", nargs="*", help="other codecs (default: all that are installed)")
    parser.add_argument(
        "--bpp",
        type=float,
        metavar="R",
        nargs="+",
        default=list(DEFAULT_RATES),
        help=f"bits per pixel to be shown (default: {' '.join(f'{rate:g}' for rate in DEFAULT_RATES)})",
    )
    parser.add_argument(
        "--metric",
        metavar="NAME",
        nargs="+",
        default=list(DEFAULT_METRICS),
        help="psnr, ssim, ms_ssim, gmsd, swd, spectrum, or module:function (default: psnr ssim); the first one chooses "
        "the setting that is shown at a rate",
    )
    parser.add_argument("--points", metavar="CSV", type=Path, help="points measured elsewhere")
    parser.add_argument("--grey", action="store_true", help="turn colour to grey first")
    parser.add_argument("--repeat", type=int, metavar="N", default=3, help="runs for the median of times (default: 3)")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one for each core)")
    parser.add_argument(
        "--cache", metavar="FOLDER", type=Path, help="where measurements are kept (default: the user's cache folder)"
    )
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print the tables, write the report; returns the exit code."""
    try:
        from apercu.bench import compare, measure, peers
        from apercu.bench.cache import Cache
    except ImportError as error:
        raise MissingExtra(f"compare needs {error.name}: pip install 'apercu[bench]'") from error
    from apercu.bridges import files
    from apercu.codecs.pipeline import CODECS

    streams.set_limit(arguments)
    names, absent = peers.chosen(_listed(arguments.peers, "--peers", peers.PEERS))
    codecs = _listed(arguments.codecs, "--codecs", CODECS) or list(CODECS)
    restorers = dict.fromkeys(arguments.restore)
    ours = [f"{measure.OURS}{codec}/{how}" for codec in codecs for how in restorers if how in CODECS[codec].RESTORERS]
    if strangers := [how for how in restorers if not any(how in CODECS[codec].RESTORERS for codec in codecs)]:
        raise OptionError(f"restore must be a way that {' or '.join(codecs)} has, not {strangers[0]!r}")
    _check(arguments)
    for metric in arguments.metric:
        measure.metric_of(metric)
    sources = _sources(arguments.images, files.PICTURE_SUFFIXES)
    if absent:
        complain(f"not compared with {', '.join(absent)}, which need the extra: pip install 'apercu[bench]'")
    plan = measure.Plan(
        codecs=(*ours, *names),
        rates=tuple(sorted(set(arguments.bpp))),
        metrics=tuple(dict.fromkeys(arguments.metric)),
        grey=arguments.grey,
        repeat=arguments.repeat,
    )
    store = Cache(arguments.cache or _cache_folder())
    with streams.progress_bar("comparing") as progress:
        found = compare.compare(
            sources, files.read, plan, store, arguments.jobs, progress, points_file=arguments.points
        )
        found.save(arguments.out)
    print(tables(found.report))
    left_out = found.report["left_out"]
    for why in left_out[:_LEFT_OUT]:
        complain(f"left out: {why}")
    if len(left_out) > _LEFT_OUT:
        complain(f"left out: {len(left_out) - _LEFT_OUT} more, named in comparison.json")
    print(f"\n{streams.printable(os.fspath(arguments.out / 'index.html'))} shows it all.")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not all(0 < rate <= 64 for rate in arguments.bpp):
        raise OptionError("--bpp takes rates above 0, and of 64 at most")
    for name, value in (("--repeat", arguments.repeat), ("--jobs", arguments.jobs)):
        if value is not None and value < 1:
            raise OptionError(f"{name} is at least 1, not {value}")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise OptionError(f"--out {arguments.out}: a file is there; name a folder")
    if arguments.points and not arguments.points.is_file():
        raise OptionError(f"--points {arguments.points}: no such file")


def _listed(given: Sequence[str] | None, option: str, known: Mapping[str, Any] | Sequence[str]) -> list[str] | None:
    """Names separated by spaces or commas, each once and each known; None where none were given."""
    if given is None:
        return None
    names = list(dict.fromkeys(name for part in given for name in part.split(",") if name))
    for name in names:
        if name not in known:
            raise OptionError(f"{option}: no {name!r}; there are {', '.join(known)}")
    return names


def _cache_folder() -> Path:
    try:
        import platformdirs
    except ImportError as error:
        raise MissingExtra("compare needs platformdirs, or --cache: pip install 'apercu[bench]'") from error
    return Path(platformdirs.user_cache_path("apercu", appauthor=False)) / "compare"


def _sources(given: Sequence[str], suffixes: Sequence[str]) -> dict[str, str]:
    """Picture files by a name for each: what is needed of its path to tell it from the others."""
    found: list[tuple[str, Path]] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            below = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
            if not below:
                raise OptionError(f"{name}: no pictures in this folder ({' '.join(suffixes)})")
            found += [(file.relative_to(path).with_suffix("").as_posix(), file) for file in below]
        else:
            with streams.open_input(name):  # whatever cannot be opened is said before any work is done
                found.append((path.stem, path))
    sources: dict[str, str] = {}
    for name, path in dict.fromkeys(found):
        clash = sum(other == name for other, _ in dict.fromkeys(found)) > 1
        sources[streams.printable(path.as_posix() if clash else name)] = os.fspath(path)
    return sources


def tables(report: Mapping[str, Any]) -> str:
    """The tables of a report as text: means at the rates, BD-rate, times and arithmetic."""
    n_images = len(report["images"])
    blocks = []
    for metric, entry in report["metrics"].items():
        unit = f" in {entry['unit']}" if entry["unit"] else ""
        lines = [f"{metric}{unit}: mean over the images that reach a rate in bpp (of {n_images})"]
        lines.append(_row("", [f"{rate:g}" for rate in report["rates"]]))
        for codec, row in report["means"][metric].items():
            lines.append(_row(codec, ["-" if e["mean"] is None else f"{e['mean']:.4g}/{e['images']}" for e in row]))
        lines += ["", _bd_heading(report, metric)]
        table = report["bd_rate"][metric]
        columns = [column for column in table if any(row.get(column, {}).get("images") for row in table.values())]
        lines.append(_row("", [column.removeprefix("apercu:")[-_WIDTH + 1 :] for column in columns]))
        for codec in columns:
            lines.append(_row(codec, [_bd_cell(table[codec].get(column)) for column in columns]))
        blocks.append("\n".join(lines))
    lines = [
        "Milliseconds per megapixel, and multiply-accumulates per pixel (one thread, while others worked; medians)"
    ]
    lines.append(_row("", ["encode", "decode", "encoder", "decoder"]))
    for codec, times in report["times"].items():
        work = report["arithmetic"].get(codec)
        cells = [f"{1000 * times[f'{way}_s_per_megapixel']:.1f}" for way in ("encode", "decode")]
        lines.append(_row(codec, cells + ([f"{work['encoder']:.2f}", f"{work['decoder']:.2f}"] if work else [])))
    blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _bd_heading(report: Mapping[str, Any], metric: str) -> str:
    low, high = report["bd_range"]
    overlaps = [e["overlap"] for row in report["bd_rate"][metric].values() for e in row.values() if e["images"]]
    least = f"; of their values curves share {min(overlaps):.0%} or more, in the mean" if overlaps else ""
    return (
        f"BD-rate on {metric} in %, {low:g} to {high:g} bpp: below 0 the row needs fewer bits than the column "
        f"(/images that allow it{least})"
    )


def _bd_cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    return "-" if entry["mean"] is None else f"{entry['mean']:.1f}/{entry['images']}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:24}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)
