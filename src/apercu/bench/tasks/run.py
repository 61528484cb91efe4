"""A run: how well networks do a task on originals and on what each codec leaves of them, and what retraining regains.

For each seed a network learns from the originals of the training pictures, and is scored on the test pictures: as they
are, as each codec leaves them at each rate, and on two controls: with the truth of other pictures, where there are
others, and all grey. Then, where that is asked for, it goes on to learn from compressed training pictures: for each
codec at each rate ("same"), and once for each codec from pictures at any of the rates ("mixed"). Since learning for
longer may help too, one also goes on to learn from originals ("further"), and is scored on originals and on what each
codec leaves of them. Test pictures are never learnt from.
"""

import math
import pickle
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from apercu.bench import compare, own
from apercu.bench.cache import Cache
from apercu.bench.plan import Plan
from apercu.bench.tasks import built_in, units
from apercu.bench.tasks.data import DataSet, spread
from apercu.bench.tasks.intervals import Scores, interval, jackknife, ratio
from apercu.bench.tasks.said import Told
from apercu.bench.tasks.units import CODED, FURTHER, GREY, MIXED, ORIGINALS, SAME, SHUFFLED, Abilities, Unit, Work
from apercu.errors import OptionError, naming_file, printable
from apercu.processes import Run, n_cores

VERSION = 1
"""Of the report."""
SEEDS = (0, 1, 2, 3, 4)
MOST_SEEDS = 1000
RETRAINED = (SAME, MIXED)
"""How networks can be retrained on compressed pictures."""
_CHUNK = 8  # pictures that a process codes at a time
_SHARES = (0.4, 0.2, 0.4)  # of the work, about: coding, training on originals, all else

Counts = dict[str, list[list[tuple[int | None, float | None]]]]  # codec -> for each picture, for each rate
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Result:
    """A run and what it was made of.

    report: as JSON, with an interval of 95 % for every score. told: what the first network, trained on originals, finds
    in the pictures of `data.spread`, by (codec, rate); empty where the task does not tell.
    """

    report: dict[str, Any]
    data: DataSet
    plan: Plan
    told: Told


def run(
    data: DataSet,
    task: str,
    plan: Plan,
    store: Cache,
    seeds: Sequence[int] = SEEDS,
    retrain: Collection[str] = (),
    jobs: int | None = None,
    progress: Tell | None = None,
    drawn: bool = False,
) -> Result:
    """Measure a task on the test pictures of a data set.

    Args:
        data: pictures and truth; see `apercu.bench.tasks.data`.
        task: a name of `built_in.TASKS`, or a function of the user's, `module:function`; see `built_in`.
        plan: its codecs and rates, in bpp, count; see `apercu.bench.plan`.
        store: results found in it are not measured again, and new ones are stored at once.
        seeds: of the networks, each once. A task that does not learn is the same for all of them and has one.
        retrain: some of "same" and "mixed".
        jobs: processes, each with one thread; None for as many as there are cores; 1 stays in this process.
        progress: called with the share of the work that is done, 0 to 1.
        drawn: whether the pictures are drawn ones, which the report says.

    Raises OptionError, MissingExtra, OSError, what the task raises; MemoryError when a process was killed.
    """
    _check(plan, seeds, retrain)
    tell = progress or _no_progress
    n_jobs = jobs or n_cores()
    with compare.workers(n_jobs) as processes, TemporaryDirectory(prefix="apercu-") as folder:
        held: DataSet | Path = data
        if n_jobs > 1:
            held = Path(folder) / "data"
            with naming_file(held):
                held.write_bytes(pickle.dumps(data))
        ((_, able),) = processes(units.abilities, {0: (task,)})
        work = Work(task, held, data.digest(), plan, store, seeds[0], tuple(spread(data)) if able.telling else ())
        if retrain and not able.trained:
            raise OptionError(f"task {task} does not learn (it has no retrain), so that it cannot be retrained")
        if able.trained and (data.train is None or data.train.truth is None):
            raise OptionError(f"task {task} learns, and needs pictures to train on, with what is true of them")
        numbers = list(seeds) if able.trained else [seeds[0]]
        parts = ("test", "train") if retrain else ("test",)
        counts = {part: _counted(processes, work, data, part, _part(tell, 0, place, len(parts)))
                  for place, part in enumerate(parts)}  # fmt: skip
        first, then = _groups(_units(plan, numbers, retrain), able)
        found = _scored(processes, work, first, _part(tell, 1))
        found |= _scored(processes, work, then, _part(tell, 2))
    report = _report(data, task, plan, numbers, found, counts["test"], able.trained, drawn)
    report["environment"] = compare.environment(plan, n_jobs)
    told = {(unit.codec, unit.rate): one["said"] for unit, one in found.items() if "said" in one}
    return Result(report, data, plan, told)


def _check(plan: Plan, seeds: Sequence[int], retrain: Collection[str]) -> None:
    if not plan.rates or not plan.codecs:
        raise OptionError("a run needs a codec and a rate at least")
    if len(seeds) > MOST_SEEDS:
        raise OptionError(f"there are {MOST_SEEDS} networks at most")
    if not seeds or len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise OptionError("seeds are numbers from 0, each once, and one at least")
    if unknown := [how for how in retrain if how not in RETRAINED]:
        raise OptionError(f"retrain is some of {', '.join(RETRAINED)}, not {unknown[0]!r}")


def _no_progress(_: float) -> None:
    pass


def _part(tell: Tell, number: int, place: int = 0, among: int = 1) -> Tell:
    before, share = sum(_SHARES[:number]), _SHARES[number] / among
    return lambda done: tell(min(1.0, before + share * (place + done)))


def _counted(processes: Run, work: Work, data: DataSet, part: str, tell: Tell) -> Counts:
    """Code all pictures of a part, those that are restored after the files that they are restored from."""
    split = data.test if part == "test" else data.train
    assert split is not None  # looked at before
    n_pictures = len(split.images)
    chunks = [range(start, min(start + _CHUNK, n_pictures)) for start in range(0, n_pictures, _CHUNK)]
    tasks = {(codec, chunk.start): (work, codec, part, chunk) for codec in work.plan.codecs for chunk in chunks}
    found = {}
    for key, result in processes(units.count, tasks):
        found[key] = result
        tell(len(found) / len(tasks))
    return {codec: [one for chunk in chunks for one in found[codec, chunk.start]] for codec in work.plan.codecs}


def _units(plan: Plan, seeds: Sequence[int], retrain: Collection[str]) -> list[Unit]:
    wanted = []
    for seed in seeds:
        wanted += [Unit(seed, ORIGINALS, shown) for shown in (ORIGINALS, SHUFFLED, GREY)]
        wanted += [Unit(seed, FURTHER, ORIGINALS)] if retrain else []
        ways = (FURTHER, ORIGINALS, *(how for how in RETRAINED if how in retrain)) if retrain else (ORIGINALS,)
        wanted += [Unit(seed, how, CODED, codec, rate) for how in ways for codec in plan.codecs for rate in plan.rates]
    return wanted


def _groups(wanted: Sequence[Unit], able: Abilities) -> tuple[dict[Any, list[Unit]], dict[Any, list[Unit]]]:
    """What one process does in a row, at first and then.

    Where networks are kept, each is trained first, and those that see the same pictures come together then: a task may
    remember what it has seen. Those that go on from them are not kept, and all units of one are in one place. Where no
    network can be kept, so are all units of a seed.
    """
    if not able.trained:
        return {unit: [unit] for unit in wanted}, {}
    first: dict[Any, list[Unit]] = {}
    then: dict[Any, list[Unit]] = {}
    for unit in wanted:
        if unit.shown != CODED or unit.trained == FURTHER or not able.kept:
            first.setdefault(unit.seed, []).append(unit)
        else:
            then.setdefault((unit.trained, unit.codec, unit.trained != MIXED and unit.rate), []).append(unit)
    return first, then


def _scored(processes: Run, work: Work, groups: dict[Any, list[Unit]], tell: Tell) -> dict[Unit, dict[str, Any]]:
    found: dict[Unit, dict[str, Any]] = {}
    n_units = sum(map(len, groups.values()))
    for _, result in processes(units.score, {key: (work, among) for key, among in groups.items()}):
        found |= result
        tell(len(found) / n_units)
    return found


def _report(
    data: DataSet,
    task: str,
    plan: Plan,
    seeds: Sequence[int],
    found: dict[Unit, dict[str, Any]],
    counts: Counts,
    learns: bool,
    drawn: bool,
) -> dict[str, Any]:
    def results(trained: str, shown: str, codec: str = "", rate: float = 0.0) -> list[dict[str, Any]]:
        return [found[Unit(seed, trained, shown, codec, rate)] for seed in seeds]

    def scores(trained: str, shown: str, codec: str = "", rate: float = 0.0) -> Scores:
        of_seeds = results(trained, shown, codec, rate)
        return jackknife([one["score"] for one in of_seeds], [one["without"] for one in of_seeds])

    points = [(codec, rate) for codec in plan.codecs for rate in plan.rates]
    ways = (ORIGINALS, *(() if _anew(found) else (FURTHER,)), *RETRAINED)
    trained = [how for how in ways if any(unit.trained == how for unit in found)]
    by_point = {(how, *point): scores(how, CODED, *point) for how in trained for point in points}
    whole = {how: scores(how, ORIGINALS) for how in trained if how not in RETRAINED}
    losses = {(how, *point): whole[how] - by_point[how, *point] for how in whole for point in points}
    mine = [codec for codec in plan.codecs if codec.startswith(own.OURS)]
    peers = [codec for codec in plan.codecs if codec not in mine]
    entry = built_in.TASKS.get(task)
    bounds = (0.0, 1.0) if entry else (-math.inf, math.inf)  # all of the package's own scores are shares
    return {
        "version": VERSION,
        "task": {
            "name": printable(task),
            "score": entry.score if entry else "score",
            "higher_is_better": True,
            "kind": data.kind,
            "n_test": len(data.test.images),
            "n_train": 0 if data.train is None else len(data.train.images),
            "classes": [printable(name) for name in data.classes],
            "learns": learns,
            "n_seen": len(data.seen()) if learns else 0,
            "seeds": list(seeds),
            "drawn": drawn,
        },
        "rates": list(plan.rates),
        "codecs": list(plan.codecs),
        "labels": {codec: own.label(codec) for codec in plan.codecs},
        "originals": interval(whole[ORIGINALS], bounds),
        "further": interval(whole[FURTHER], bounds) if FURTHER in whole else None,
        "controls": {
            shown: interval(scores(ORIGINALS, shown), bounds) for shown in (SHUFFLED, GREY)
            if all(one["score"] is not None for one in results(ORIGINALS, shown))
        },
        "points": [
            {"codec": codec, "rate": rate, "trained": how, "score": interval(one, bounds),
             **_sizes(data, counts[codec], plan.rates.index(rate))}
            for (how, codec, rate), one in by_point.items()
        ],
        "losses": [
            {"codec": codec, "rate": rate, "trained": how, "loss": interval(one)}
            for (how, codec, rate), one in losses.items()
        ],
        "kept": [
            {"codec": codec, "rate": rate, "trained": how, "share": share}
            for (how, codec, rate), one in by_point.items()
            if (share := ratio(one, whole[ORIGINALS]))
        ],
        "relative": [
            {"codec": codec, "rate": rate, "to": peer, "share": share}
            for codec in mine for rate in plan.rates for peer in peers
            if (share := ratio(losses[ORIGINALS, codec, rate], losses[ORIGINALS, peer, rate]))
        ],
        "recovered": [
            {"codec": codec, "rate": rate, "trained": how, "of": base, "share": share}
            for how in trained if how not in whole for base in whole for codec, rate in points
            if (share := ratio(by_point[how, codec, rate] - by_point[base, codec, rate], losses[base, codec, rate]))
        ],
        "restoration": [
            {"codec": codec, "exact": exact, "rate": rate, "trained": how,
             "difference": interval(by_point[how, codec, rate] - by_point[how, exact, rate])}
            for codec in mine if (exact := _exact(codec, plan)) in plan.codecs and exact != codec
            for how in trained if how != FURTHER for rate in plan.rates
        ],
    }  # fmt: skip


def _anew(found: dict[Unit, dict[str, Any]]) -> bool:
    """Whether networks that go on to learn from originals do what they did before: a task may begin anew each time."""
    return all(
        one[name] == found[unit._replace(trained=ORIGINALS)][name]
        for unit, one in found.items() if unit.trained == FURTHER for name in ("score", "without")
    )  # fmt: skip


def _exact(codec: str, plan: Plan) -> str:
    """The same codec without a restorer."""
    return replace(plan.own(codec), restore="none", network=None).name


def _sizes(data: DataSet, counts: Sequence[Sequence[tuple[int | None, float | None]]], place: int) -> dict[str, Any]:
    """Means over the pictures that have a file, and how many have none."""
    rates, qualities = [], []
    for image, of_picture in zip(data.test.images, counts, strict=True):
        n_bytes, quality = of_picture[place]
        if n_bytes is not None:
            rates.append(8 * n_bytes / (image.shape[0] * image.shape[1]))
            qualities += [quality] if quality is not None else []
    return {
        "bpp": fmean(rates) if rates else None,
        "psnr": fmean(qualities) if qualities else None,
        "missing": len(counts) - len(rates),
    }
