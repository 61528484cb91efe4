"""A comparison: images × codecs × settings over all cores, gathered into one report and its files.

comparison.json   everything that was measured, with the versions of what was measured
points.csv        a line for every point
curves-METRIC.png, curves-METRIC.svg
index.html        the page to look at it all
"""

import csv
import io
import json
import os
import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import PIL
from PIL import Image

from apercu.bench import curves, means, measure, own, peers, plots
from apercu.bench.cache import Cache, write_whole
from apercu.bench.cells import to_cell
from apercu.bench.measure import Reader, Record
from apercu.bench.page import write_page
from apercu.bench.pictures import decoded_pictures, original_picture
from apercu.bench.plan import Ceiling, Plan
from apercu.errors import ApercuError, ImageError, OptionError, printable
from apercu.processes import Run, n_cores, pool

VERSION = 1
"""Of comparison.json."""
_MEGA = 1_000_000
_POINTS_COLUMNS = ("image", "codec", "scale", "level", "n_bytes", "bpp")
_TIME_COLUMNS = ("encode_s", "decode_s", "external")  # after which comes the label
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_SHARES = (0.05, 0.65, 0.3)  # of the work, about: reading, measuring, pictures

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    report: what comparison.json holds. pictures: (image, codec, `Ceiling.key`) -> {"webp", "point"}, and "sent" where
    parts are generated. originals: image -> {"webp", "window"}.
    """

    report: dict[str, Any]
    pictures: dict[tuple[str, str, float | str], dict[str, Any]]
    originals: dict[str, dict[str, Any]]

    def save(self, folder: Path) -> None:
        """Write all files into a folder, which is made where there is none. Raises OSError and MissingExtra."""
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(self.report, ensure_ascii=False, allow_nan=False, indent=1)
        write_whole(folder / "comparison.json", content.encode())
        write_whole(folder / "points.csv", points_csv(self.report).encode())
        for name, data in plots.draw(self.report).items():
            write_whole(folder / name, data)
        write_page(self.report, self.pictures, folder / "index.html", originals=self.originals)


def compare(
    sources: Mapping[str, str],
    read: Reader,
    plan: Plan,
    store: Cache,
    jobs: int | None = None,
    progress: Progress | None = None,
    points_file: Path | None = None,
    may_fail: Collection[str] = (),
) -> Comparison:
    """Measure every codec of a plan on every image.

    sources: name of an image -> what `read` reads it from; images are read when their turn comes, one by each process.
    read: gives (array, bands); it has to be a function of a module, so that other processes find it.
    store: results found in it are not measured again, and new ones are stored at once.
    jobs: processes, each with one thread; None for as many as there are cores; 1 stays in this process.
    points_file: CSV of points measured elsewhere, see `curves.read_points`.
    may_fail: names of images to be passed over where they cannot be read; the report names them. The comparison is of
        the others.

    Raises what `read` raises, OptionError, ImageError, MissingExtra, OSError; MemoryError when a process was killed.
    """
    tell = progress or _no_progress
    metrics = {name: measure.metric_of(name, plan.peak) for name in plan.metrics}
    with workers(jobs or n_cores()) as run:
        reading = {name: (name, path, read, plan, name in may_fail) for name, path in sources.items()}
        described = _gathered(run(_describe, reading), reading, _part(tell, 0))
        not_read = {name: found for name in sources if isinstance(found := described[name], str)}
        sources = {name: path for name, path in sources.items() if name not in not_read}
        if not sources:
            raise ImageError(f"none of the {len(not_read)} pictures can be read: {next(iter(not_read.values()))}")
        facts = {name: described[name][0] for name in sources}
        external = _external(points_file, facts, plan) if points_file else []
        tasks = {(name, codec): (name, path, codec, read, plan, store) for name, path in sources.items()
                 for codec in plan.codecs}  # fmt: skip
        found = _gathered(run(_points, tasks), tasks, _part(tell, 1))
        points = _checked([record for key in tasks for record in found[key].points], facts)
        chosen = {
            (name, codec): choice
            for name, codec in tasks
            if (choice := _chosen(found[name, codec].points, plan, facts[name], metrics))
        }
        shown_tasks = {key: (*tasks[key], choice) for key, choice in chosen.items()}
        shown = _gathered(run(_pictures, shown_tasks), shown_tasks, _part(tell, 2))
    pictures = {}
    for (name, codec), choice in chosen.items():
        for ceiling, record in choice.items():
            seen = shown[name, codec][ceiling]
            record.update({time: seen[time] for time in ("encode_s", "decode_s")})
            held = {kind: seen[kind] for kind in ("webp", "sent") if kind in seen}
            pictures[name, codec, ceiling.key] = {**held, "point": record}
    everyone = list(dict.fromkeys([*plan.codecs, *(record["codec"] for record in external)]))
    by_metric = {name: _curves(points + external, name) for name in metrics}
    report = {
        "version": VERSION,
        "rates": list(plan.rates),
        "budgets": list(plan.budgets),
        "peak": plan.peak,
        "metrics": {
            name: {"unit": metric.unit, "higher_is_better": metric.higher_is_better} for name, metric in metrics.items()
        },
        "codecs": list(plan.codecs),
        "labels": {codec: own.label(codec) for codec in everyone},
        "provenance": {codec: plan.own(codec).provenance for codec in plan.codecs if codec.startswith(own.OURS)},
        "images": list(facts.values()),
        "points": points + external,
        "means": {
            name: means.at_rates(points + external, name, everyone, plan.rates, metric.higher_is_better)
            for name, metric in metrics.items()
        },
        "means_in_bytes": {
            name: means.in_bytes(points + external, name, everyone, plan.budgets, next(iter(metrics.items())))
            for name in metrics
        },
        "bd_range": list(curves.BD_RANGE),
        "bd_rate": {
            name: curves.bd_table(by_metric[name], metric.higher_is_better) for name, metric in metrics.items()
        },
        "times": _times(chosen, facts),
        "arithmetic": _arithmetic(shown),
        "left_out": list(dict.fromkeys(why for key in tasks for why in found[key].left_out)),
        "not_read": not_read,
        "environment": environment(plan, jobs or n_cores()),
    }
    return Comparison(report, pictures, {name: described[name][1] for name in sources})


# What processes are given to do: functions of this module, and arguments that can be sent.


def _describe(
    name: str, path: str, read: Reader, plan: Plan, may_fail: bool
) -> tuple[dict[str, Any], dict[str, Any]] | str:
    """What is known of an image before it is coded, and the image as it is shown; or why it cannot be read."""
    try:
        this = measure.subject(name, path, read, plan)
    except (ApercuError, OSError) as error:
        if not may_fail:
            raise
        said = printable(str(error))
        return f"{name}: {said}" if name not in said else said
    measure.try_metrics(this, plan)
    original = original_picture(this)
    note = original.pop("note")
    facts = {
        "name": name,
        "width": this.image.shape[1],
        "height": this.image.shape[0],
        "bands": 1 if this.image.ndim == 2 else this.image.shape[2],
        "interpretation": this.bands,
        "dtype": str(this.image.dtype),
        "pixels": this.tie,
    }
    return facts | ({"note": note} if note else {}), original


def _points(name: str, path: str, codec: str, read: Reader, plan: Plan, store: Cache) -> measure.Found:
    return measure.points(measure.subject(name, path, read, plan), codec, plan, store)


def _pictures(
    name: str, path: str, codec: str, read: Reader, plan: Plan, store: Cache, chosen: dict[Ceiling, Record]
) -> dict[Ceiling, dict[str, Any]]:
    return decoded_pictures(measure.subject(name, path, read, plan), codec, chosen, plan, store)


@contextmanager
def workers(jobs: int) -> Iterator[Run]:
    """A function that does work in processes of one thread each; for one job, in this process."""
    if jobs == 1:
        yield lambda work, tasks: ((key, work(*arguments)) for key, arguments in tasks.items())
        return
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # before the processes start: libraries read it once
    try:
        with pool(jobs, _start) as run:
            yield run
    except ChildProcessError as error:
        raise MemoryError(f"{error}; --jobs 1 takes the least memory") from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start() -> None:
    """How a process of the pool begins."""
    Image.MAX_IMAGE_PIXELS = None  # what peers decode here was encoded here


def _gathered(results: Iterator[tuple[Any, Any]], tasks: Mapping[Any, Any], tell: Progress) -> dict[Any, Any]:
    found = {}
    for key, result in results:
        found[key] = result
        tell(len(found) / len(tasks))
    return found


def _part(tell: Progress, number: int) -> Progress:
    before, share = sum(_SHARES[:number]), _SHARES[number]
    return lambda done: tell(min(1.0, before + share * done))


def _no_progress(_: float) -> None:
    pass


def _external(path: Path, facts: Mapping[str, dict[str, Any]], plan: Plan) -> list[Record]:
    sizes = {name: entry["width"] * entry["height"] for name, entry in facts.items()}
    records = curves.read_points(path, sizes, plan.metrics)
    for record in records:
        if record["codec"] in plan.codecs or record["codec"] in map(own.label, plan.codecs):
            raise OptionError(
                f"{path}: {own.label(record['codec'])} is measured here as well; give the points another name"
            )
        record["pixels"] = facts[record["image"]]["pixels"]
    return records


def _checked(points: list[Record], facts: Mapping[str, dict[str, Any]]) -> list[Record]:
    """The points, each of which has to be of the pixels that its image was found to have."""
    for record in points:
        if record["pixels"] != facts[record["image"]]["pixels"]:
            raise ImageError(
                f"{record['image']}: {own.label(record['codec'])} was measured on other pixels; did the file change?"
            )
    return points


def _chosen(
    records: Sequence[Record], plan: Plan, facts: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[Ceiling, Record]:
    """For each ceiling the record to show: the best by the first metric of those below it."""
    n_pixels, first = facts["width"] * facts["height"], next(iter(metrics.items()))
    found = {
        ceiling: means.best(records, ceiling.bytes_of(n_pixels), first[0], first[1].higher_is_better)
        for ceiling in plan.ceilings
    }
    return {ceiling: record for ceiling, record in found.items() if record}


def _curves(points: Sequence[Record], metric: str) -> dict[str, dict[str, list[curves.Point]]]:
    """codec -> image -> points of one metric."""
    found: dict[str, dict[str, list[curves.Point]]] = {}
    for record in points:
        value = record["metrics"].get(metric)
        if value is not None:
            found.setdefault(record["codec"], {}).setdefault(record["image"], []).append((record["bpp"], value))
    return found


def _times(
    chosen: Mapping[tuple[str, str], dict[Ceiling, Record]], facts: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, float]]:
    """codec -> seconds per megapixel, medians over what is shown."""
    table: dict[str, dict[str, list[float]]] = {}
    for (name, codec), choice in chosen.items():
        megapixels = facts[name]["width"] * facts[name]["height"] / _MEGA
        entry = table.setdefault(codec, {"encode_s": [], "decode_s": []})
        for record in choice.values():
            for time, found in entry.items():
                found.append(record[time] / megapixels)
    return {codec: {f"{time}_per_megapixel": median(v) for time, v in entry.items()} for codec, entry in table.items()}


def _arithmetic(shown: Mapping[tuple[str, str], dict[Ceiling, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """codec -> multiply-accumulates per pixel, means over what is shown; of codecs whose arrays can be counted."""
    table: dict[str, list[dict[str, Any]]] = {}
    for (_, codec), by_rate in shown.items():
        table.setdefault(codec, []).extend(entry for entry in by_rate.values() if "encoder" in entry)
    return {
        codec: {side: sum(entry[side] for entry in entries) / len(entries) for side in ("encoder", "decoder")}
        for codec, entries in table.items()
        if entries
    }


def environment(plan: Plan, jobs: int) -> dict[str, str]:
    """Versions of all that the numbers of some codecs depend on, and the machine, by name."""
    versions = {codec: peers.PEERS[codec].version for codec in plan.codecs if not codec.startswith(own.OURS)}
    return {
        "apercu": measure.own_version(),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Pillow": PIL.__version__,
        **versions,
        **{f"tables {given.label}": given.digest[:16] for given in plan.models},
        **{f"network {given.label}": given.digest[:16] for given in plan.networks},
        "machine": f"{platform.system()} {platform.machine()}, {n_cores()} cores, {jobs} at work",
    }


def points_csv(report: Mapping[str, Any]) -> str:
    """The points of a report as CSV, a column for each metric; empty where a metric was not measured or is infinite.

    All text is quoted: a name with a semicolon would be cut where that parts the cells. See `cells` for formulas.
    """
    text = io.StringIO()
    metrics = list(report["metrics"])
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(map(to_cell, [*_POINTS_COLUMNS, *metrics, *_TIME_COLUMNS, "label"]))
    for record in report["points"]:
        values = (record["metrics"].get(name) for name in metrics)
        row = [*(record[name] for name in _POINTS_COLUMNS), *values, *(record[name] for name in _TIME_COLUMNS)]
        row.append(report["labels"][record["codec"]])
        cells = ["" if value is None else value for value in row]
        writer.writerow([to_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()
