"""`apercu machine`: how well a network does its task on what each codec leaves of pictures."""

import argparse
import os
from pathlib import Path
from typing import Any

from apercu.bench.tasks.built_in import RATES, TASKS
from apercu.cli import measuring, streams
from apercu.cli.messages import complain, say
from apercu.errors import MissingExtra, OptionError

_TASKS = "\n".join(f"  {name:22} {entry.help}" for name, entry in TASKS.items())

DESCRIPTION = f"""\
Measure how well a network does its task on what each codec leaves of pictures, at equal bytes, and how much of what is
lost comes back when the network is trained further on compressed pictures. Every score has an interval of 95 % over
networks (seeds) and pictures. Writes report.json, points.csv, curves as PNG and SVG, and index.html, a page that needs
no network, to look at it all. What was measured before is kept, so that an interrupted run goes on where it was.

tasks:
{_TASKS}
  module:function        one of your own: score(images, truth) -> float, or make(seed) -> a task
"""

EXAMPLES = """\
examples:
  apercu machine classification --out report/               on drawn pictures, for a first look
  apercu machine classification --images scenes/ --out report/         scenes/train/CLASS/* and scenes/test/CLASS/*
  apercu machine segmentation --images road/ --retrain same mixed --out report/    with images/ and labels/ in both
  apercu machine text --images pages/ --codecs apercu taha2025 --restore none cnn --bpp 0.1 0.3 --out report/
  apercu machine mine:score --images photos/ --out report/   score(images, truth) of mine.py

Peers are taken at their best: of all their levels, at full size and reduced, the file with the highest PSNR that is not
above the rate. Where a codec has no file so small, a grey picture stands for it, and the report says for how many.
"""

_CODECS = ("apercu",)
_PEERS = ("jpeg-prog", "avif")
_NEEDS = ("matplotlib", "scipy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("task", metavar="TASK", help="a task, see above")
    parser.add_argument("--out", metavar="FOLDER", required=True, type=Path, help="where the report goes")
    parser.add_argument("--images", metavar="FOLDER", type=Path, help="pictures with their truth (default: drawn ones)")
    measuring.add_codecs(parser, " ".join(_CODECS))
    parser.add_argument(
        "--peers", metavar="NAME", nargs="*", help="other codecs (default: jpeg-prog, avif, if they run)"
    )
    parser.add_argument(
        "--bpp",
        type=float,
        metavar="R",
        nargs="+",
        help=f"bits per pixel (default: {' '.join(f'{rate:g}' for rate in RATES)}; more for digits)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        default=5,
        help="networks that are trained, each from another seed (default: 5)",
    )
    parser.add_argument(
        "--retrain",
        metavar="HOW",
        nargs="+",
        help="go on training with compressed pictures: same (a network for each codec and rate), mixed (one for each "
        "codec)",
    )
    measuring.add_work(parser)
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the tables, write the report; returns the exit code."""
    measuring.check_rates(arguments.bpp or ())
    measuring.check_least(seeds=arguments.seeds, jobs=arguments.jobs)
    try:
        from apercu.bench import needs, peers
        from apercu.bench.cache import Cache
        from apercu.bench.plan import Plan
        from apercu.bench.tasks import built_in, report, shown
        from apercu.bench.tasks import run as running
        from apercu.bench.tasks.tables import tables
    except ImportError as error:
        raise MissingExtra(f"machine needs {error.name}: pip install 'apercu[machine]'") from error

    streams.set_limit(arguments)
    if arguments.seeds > running.MOST_SEEDS:
        raise OptionError(f"--seeds is at most {running.MOST_SEEDS}, not {arguments.seeds}")
    needs.check_packages("machine", _NEEDS, "machine")
    out = arguments.out.absolute()  # before a task's module can go to another folder
    images = arguments.images and arguments.images.absolute()
    if images and out.resolve().is_relative_to(images.resolve()):
        raise OptionError(f"--out {out.name} lies in --images, where its pictures would be measured the next time")
    cache = (arguments.cache or measuring.cache_folder("machine", "machine")).absolute()
    built_in.maker_of(arguments.task)
    retrain = measuring.listed(arguments.retrain, "--retrain", running.RETRAINED) or []
    wanted = measuring.listed(arguments.peers, "--peers", peers.PEERS)
    names = (
        peers.chosen(wanted)[0] if wanted is not None else [one for one in _PEERS if not peers.fault(peers.PEERS[one])]
    )
    ours, models, networks = measuring.contestants(arguments, _CODECS)
    for option, folder in (("--out", out), ("--cache", cache)):
        needs.check_folder(option, folder)
    data = _data(arguments.task, images)
    entry = TASKS.get(arguments.task)
    plan = Plan(
        codecs=(*(one.name for one in ours), *names),
        rates=tuple(sorted(set(arguments.bpp or (entry.rates if entry else RATES)))),
        metrics=("psnr",),
        models=tuple(models),
        networks=tuple(networks),
    )
    with streams.progress_bar("measuring") as progress:
        found = running.run(
            data,
            arguments.task,
            plan,
            Cache(cache),
            range(arguments.seeds),
            retrain,
            arguments.jobs,
            progress,
            drawn=images is None,
        )
        report.save(found.report, shown.pictures(data, plan, Cache(cache), found.told), out)
    say(tables(found.report, measuring.width()))
    say(f"\n{streams.label(os.fspath(arguments.out / 'index.html'))} shows it all.")
    return 0


def _data(task: str, images: Path | None) -> Any:
    """The pictures of the folder, or drawn ones, which is said."""
    from apercu.bench.tasks import built_in, data
    from apercu.lab.images import ENDINGS

    entry = TASKS.get(task)
    if images is not None:
        given = data.from_folder(images, streams.read_picture, ENDINGS, entry.kind if entry else None)
        for remark in given.remarks:
            complain(remark)
        if seen := given.seen():
            more = f" and {len(seen) - 1} more" * (len(seen) > 1)
            complain(
                f"{streams.label(seen[0])}{more}: among the pictures to train on as well; a network that is trained on "
                "what it is tested on scores too high"
            )
        return given
    if entry is None:
        raise OptionError(f"{task} needs --images: pictures are drawn for the built-in tasks only")
    found = built_in.drawn(task)
    complain("no --images: measured on drawn pictures, which say little of photographs")
    return found
