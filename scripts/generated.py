"""Measures generated pictures beside those of "cnn", noise at equal PSNR, and AVIF in as many bytes.

    python -m scripts.generated [--sets kodak aerial] [--bpp 0.05 0.1] [--every N] [--steps 1 16] [--data FOLDER]

Prints means over the images of each set, how each generative restorer stands to the others, and which of the bars that
are set for one it passes. Values are kept below build/results/generated, so that an interrupted run goes on; three
quarters of an hour of one core for 24 images of Kodak and 12 aerial ones at two rates. Needs the extra `measures`.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from apercu.bench import generated
from apercu.bench.cache import Cache
from apercu.bench.compare import workers
from apercu.bench.generated import BESIDE, METRICS, NOISE_AS, PEER, Values
from apercu.bench.tables import table
from apercu.bridges.files import read
from apercu.lab.images import files_below

STORE = Path("build/results/generated")
SETS, RATES = ("kodak", "aerial"), (0.05, 0.1)
COLUMNS = (*METRICS, *BESIDE, "strength", "n_bytes")
DIGITS = {"psnr": 2, "ms_ssim": 4, "gmsd": 4, "n_bytes": 0}
"""Of the fraction; 2 for the others."""
DIFFERENCES = ("psnr", "ms_ssim", "ssimulacra2")
"""Metrics whose values are told apart by their difference, not by their ratio."""
SHARES = ("kept", "same")


class Bar(NamedTuple):
    """What a restorer is held to: a metric at most `limit` times as large as that of another way, or, for one of
    DIFFERENCES, larger by more than `limit`. Without another way the value itself is at most the limit, or, of SHARES,
    at least."""

    beside: str | None
    metric: str
    limit: float


BARS = (
    *(Bar(NOISE_AS, metric, limit) for metric, limit in
      (("deep", 0.9), ("deep_unseen", 0.9), ("wasserstein", 0.9), ("ms_ssim", 0.0))),
    *(Bar("cnn", metric, limit) for metric, limit in
      (("wasserstein", 0.8), ("deep", 0.95), ("deep_unseen", 0.95), ("spectrum", 0.5), ("psnr", -1.2))),
    Bar(PEER, "wasserstein", 1.0),
    Bar(PEER, "deep", 1.0),
    Bar(PEER, "deep_unseen", 1.0),
    Bar(None, "flat", 0.5),
    Bar(None, "kept", 99.5),
    Bar(None, "same", 99.9),
)  # fmt: skip


def compared(value: float, other: float, metric: str) -> float:
    """The difference of two values, or the first over the other."""
    return value - other if metric in DIFFERENCES else value / other


def held(bar: Bar, way: str, found: Mapping[str, Values]) -> tuple[float, bool] | None:
    """What is held to a bar, and whether it passes; None where there is nothing to compare."""
    value = found[way].get(bar.metric)
    if bar.beside is None:
        return None if value is None else (value, value >= bar.limit if bar.metric in SHARES else value <= bar.limit)
    other = found[bar.beside.format(way)].get(bar.metric)
    if value is None or other is None:
        return None
    number = compared(value, other, bar.metric)
    return number, number > bar.limit if bar.metric in DIFFERENCES else number <= bar.limit


def said_of(bar: Bar, way: str) -> str:
    """A bar in words."""
    if bar.beside is None:
        return f"{way}: {bar.metric}, at {'least' if bar.metric in SHARES else 'most'} {bar.limit:g}"
    more = bar.metric in DIFFERENCES
    limit = f"more than {bar.limit:+g}" if more else f"at most {100 * bar.limit:.0f} %"
    return f"{way}: {bar.metric} beside {bar.beside.format(way)}, {limit}"


def _number(value: float | None, metric: str) -> str:
    return "" if value is None else f"{value:,.{DIGITS.get(metric, 2)}f}"


def _verdict(result: tuple[float, bool] | None, metric: str) -> str:
    if result is None:
        return ""
    number, passes = result
    said = f"{number:+.4f}" if metric == "ms_ssim" else f"{number:.2f}"
    return f"{said} {'passes' if passes else 'FAILS'}"


def _change(value: float | None, other: float | None, metric: str) -> str:
    if value is None or other is None:
        return ""
    if metric in DIFFERENCES:
        return f"{value - other:+.{DIGITS.get(metric, 2)}f}"
    return f"{100 * (value / other - 1):+.1f} %" if other else ""


def _made(found: Mapping[str, Values]) -> list[str]:
    """The ways that have a row of noise at their PSNR."""
    return [way for way in found if NOISE_AS.format(way) in found]


def means_table(found: Mapping[str, Values]) -> str:
    """Means of one set at one rate: a row for each way, and for each restorer how it stands to others."""
    columns = [name for name in COLUMNS if any(values.get(name) is not None for values in found.values())]
    rows = {way: [_number(values.get(name), name) for name in columns] for way, values in found.items()}
    for way in _made(found):
        for other in ("cnn", NOISE_AS.format(way), PEER):
            pairs = [(found[way].get(name), found[other].get(name), name) for name in columns]
            rows[f"{way} beside {other}"] = [_change(*pair) if pair[2] in METRICS else "" for pair in pairs]
    return table(columns, rows)


def bars_table(found: Mapping[tuple[str, float], Mapping[str, Values]]) -> str:
    """A row for each bar of each restorer, a column for each set at a rate."""
    rows = {}
    for way in _made(next(iter(found.values()))):
        for bar in BARS:
            rows[said_of(bar, way)] = [_verdict(held(bar, way, by_way), bar.metric) for by_way in found.values()]
    return table([f"{name} {bpp:g}" for name, bpp in found], rows)


def report(
    data: Path, sets: Sequence[str], rates: Sequence[float], every: int, steps: Sequence[int], store: Path, jobs: int
) -> str:
    """Everything as Markdown."""
    kept = Cache(store)
    tasks: dict[tuple[str, float, str], tuple[Any, ...]] = {}
    for folder in sets:
        for path in files_below(data / folder)[::every]:
            tasks |= {(folder, bpp, path.stem): (path.stem, str(path), read, bpp, steps, kept) for bpp in rates}
    values = {}
    with workers(jobs) as run:
        for key, result in run(generated.of_image, tasks):
            values[key] = result
            print(f"{len(values)} of {len(tasks)}: {key[2]} at {key[1]:g} bpp", file=sys.stderr, flush=True)
    sections, found = [], {}
    for folder in sets:
        for bpp in rates:
            by_image = [values[key] for key in tasks if key[:2] == (folder, bpp)]
            found[folder, bpp] = generated.means(by_image)
            title = f"### {folder}, {bpp:g} bpp: means over {len(by_image)} images"
            sections.append(f"{title}\n\n```text\n{means_table(found[folder, bpp])}\n```\n")
    if generated.generative():
        sections.append(f"### What a generative restorer is held to\n\n```text\n{bars_table(found)}\n```\n")
    return "\n".join(sections)


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/test"), help="folder of the sets")
    parser.add_argument("--sets", nargs="+", default=SETS, help=f"folders below it (default: {' '.join(SETS)})")
    parser.add_argument("--bpp", type=float, nargs="+", default=RATES, help="rates (default: 0.05 0.1)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one of every N images")
    parser.add_argument(
        "--steps", type=int, nargs="+", default=(), help="of restorers that work in steps, beside their defaults"
    )
    parser.add_argument("--store", type=Path, default=STORE, help=f"where values are kept (default: {STORE})")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    given = parser.parse_args()
    print(report(given.data, given.sets, given.bpp, given.every, given.steps, given.store, given.jobs))


if __name__ == "__main__":
    main()
