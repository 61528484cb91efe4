"""One unit of a run: one network scored on the test pictures in one state. What processes of the run are given to do.

A network is trained on originals, or goes on from there with compressed pictures or with originals again. Every result
is kept, and the networks of tasks that can be kept, so that an interrupted run goes on where it was.
"""

import copy
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from apercu.bench.cache import Cache
from apercu.bench.measure import behind
from apercu.bench.plan import Plan
from apercu.bench.tasks import built_in, said
from apercu.bench.tasks.coding import NOTHING, decoded, summary
from apercu.bench.tasks.data import DataSet, Split
from apercu.bench.tasks.task import Agreeing, Images, Kept, Tallied, Task, Telling, Trained, Truth
from apercu.errors import OptionError, printable
from apercu.stages.colour import Samples

ORIGINALS, SHUFFLED, GREY, CODED = "originals", "shuffled", "grey", "coded"
SAME, MIXED, FURTHER = "same", "mixed", "further"
_VERSION = 1  # of what is kept
_SHUFFLING = 2  # of how truth is shuffled
_GROUPS = 10  # of pictures, of which each is left out once, where a task does not tell what each picture adds
_MOST_LEFT_OUT = 200  # times that pictures are left out: by themselves, or in as many groups where there are more


class Unit(NamedTuple):
    """What is scored.

    seed: of the network. trained: on ORIGINALS, then on pictures at the SAME rate, at MIXED ones, or FURTHER on
    originals. shown: which test pictures: ORIGINALS, those with SHUFFLED truth, GREY ones, CODED ones. codec, rate: of
    CODED ones.
    """

    seed: int
    trained: str
    shown: str
    codec: str = ""
    rate: float = 0.0

    @property
    def learning(self) -> tuple[int, str, str, float]:
        """What the network depends on: a mixture is one for all rates."""
        coded = self.trained in (SAME, MIXED)
        return self.seed, self.trained, self.codec if coded else "", self.rate if self.trained == SAME else 0.0


@dataclass(frozen=True)
class Work:
    """What all units of a run share.

    data: the set, or where it lies for other processes. digest: of the set. shown: places of the test pictures of which
    the network of one seed, `teller`, tells people what it finds; none of a task that does not tell.
    """

    task: str
    data: DataSet | Path
    digest: str
    plan: Plan
    store: Cache
    teller: int = 0
    shown: tuple[int, ...] = ()

    def key(self, *what: Any) -> list[Any]:
        """What something of this task and data is kept under."""
        return ["task", _VERSION, self.task, built_in.code_of(self.task), self.digest, *what]


@dataclass(frozen=True)
class Abilities:
    """What a task can do, of the protocols of `apercu.bench.tasks.task`."""

    trained: bool
    kept: bool
    telling: bool


def abilities(task: str) -> Abilities:
    """What a task can do: its networks are made where they are used, in processes."""
    one = built_in.made(task, 0)
    return Abilities(isinstance(one, Trained), isinstance(one, Kept), isinstance(one, Telling))


def count(work: Work, codec: str, part: str, places: range) -> list[list[tuple[int | None, float | None]]]:
    """Code some pictures of a part of the data, "train" or "test", by one codec; see `coding.summary`."""
    images = _part(work, part).images
    return [summary(images[place], codec, work.plan, work.store) for place in places]


def score(work: Work, units: Sequence[Unit]) -> dict[Unit, dict[str, Any]]:
    """For each unit {"score": float, "without": [float]}: the score, and those without each picture, or group of them.
    The score is None where no picture can get the truth of another. Beside them is "said" where the network tells of
    pictures, with a `said.Record` for each of `work.shown`.

    Raises OptionError for what a user's task does wrong, and what the package's own raise.
    """
    found = {}
    for unit in units:
        found[unit] = _scored(work, unit)
        if (unit.seed, unit.trained) == (work.teller, ORIGINALS) and unit.shown in (ORIGINALS, CODED) and work.shown:
            found[unit] = {**found[unit], "said": _told(work, unit)}
    return found


def _scored(work: Work, unit: Unit) -> dict[str, Any]:
    key = work.key("score", *_key(work, unit))
    known: dict[str, Any] | None = work.store.load(key)
    if known is None:
        task = _network(work, *unit.learning)
        images = _shown(work, unit)
        with built_in.at_work(work.task):
            truth = _truth(work, task, unit)
            if unit.shown == SHUFFLED:
                others = _others(truth, images, unit.seed)
                images, truth = [images[place] for place in others], list(others.values())
            known = _jackknifed(work.task, task, images, truth) if images else {"score": None, "without": []}
        work.store.save(key, known)
    return known


def _told(work: Work, unit: Unit) -> list[said.Record]:
    key = work.key("said", *_key(work, unit), list(work.shown), [printable(name) for name in _data(work).classes])
    known: list[said.Record] | None = work.store.load(key)
    if known is None:
        task: Any = _network(work, *unit.learning)  # which tells: the run has looked
        images = _shown(work, unit, work.shown)
        truth: Sequence[Any] = [None] * len(images)
        agreeing = isinstance(task, Agreeing)
        with built_in.at_work(work.task):
            if _part(work, "test").truth is not None or (agreeing and unit.shown == CODED):
                every = _truth(work, task, unit)
                truth = [every[place] for place in work.shown]
            entries = list(task.said(images))
        if len(entries) != len(images):
            raise OptionError(f"task {work.task}: said returned {len(entries)} entries for {len(images)} pictures")
        known = [_record(work, task, *each) for each in zip(images, entries, truth, strict=True)]
        work.store.save(key, known)
    return known


def _record(work: Work, task: Task, image: Samples, entry: Any, true: Any) -> said.Record:
    found = said.pack(entry, image.shape[:2])
    if found is None:
        what = f"{entry.dtype}, {entry.shape}" if isinstance(entry, np.ndarray) else f"a {type(entry).__name__}"
        raise OptionError(
            f"task {work.task}: said returned {what} for a picture of {image.shape[:2]}; it can be a text, a class's "
            "number, a mask or a map of the picture's size, or boxes"
        )

    def alone() -> float | None:
        try:
            with built_in.at_work(work.task):
                return built_in.number(work.task, task.score([image], [true]))
        except OptionError:  # one picture may have no score, as where no pixel of a mask has a class
            return None

    truth = None if true is None else said.pack(true, image.shape[:2])
    how = said.verdict(found, truth, _data(work).classes, alone)
    return {"said": found, "truth": None if isinstance(task, Agreeing) else truth, **how}


def _key(work: Work, unit: Unit) -> list[Any]:
    coded = [behind(unit.codec, work.plan), unit.rate] if unit.shown == CODED else []
    shuffled = [_SHUFFLING] if unit.shown == SHUFFLED else []
    return [*_learning_key(work, *unit.learning), unit.shown, *coded, *shuffled]


def _learning_key(work: Work, seed: int, trained: str, codec: str, rate: float) -> list[Any]:
    how: dict[str, list[Any]] = {ORIGINALS: [], FURTHER: [], SAME: [rate], MIXED: [list(work.plan.rates)]}
    return [seed, trained, *([behind(codec, work.plan)] if codec else []), *how[trained]]


@lru_cache(maxsize=1)
def _held(path: Path) -> DataSet:
    data: DataSet = pickle.loads(path.read_bytes())  # which the first process of this run has written
    return data


def _data(work: Work) -> DataSet:
    return work.data if isinstance(work.data, DataSet) else _held(work.data)


def _part(work: Work, part: str) -> Split:
    data = _data(work)
    if part == "test":
        return data.test
    assert data.train is not None  # which the run has looked at
    return data.train


def _sealed(image: Samples) -> Samples:
    """The picture, which a task cannot change: the next network is to see the same."""
    view = image.view()
    view.flags.writeable = False
    return view


def _own(truth: Truth) -> list[Any]:
    """What is true of pictures, for one call: nothing that a task does to it is seen by the next."""
    return [_sealed(one) if isinstance(one, np.ndarray) else copy.deepcopy(one) for one in truth]


_networks: dict[str, Any] = {}  # the last base network and the last one that went on from it, of this process


def _network(work: Work, seed: int, trained: str, codec: str, rate: float) -> Task:
    """A network that has learnt what a unit asks for. The same one is asked for by several units in a row."""
    key = work.key(*_learning_key(work, seed, trained, codec, rate))
    place = "base" if trained == ORIGINALS else "further"
    if _networks.get(place, (None,))[0] != key:
        learnt = _base(work, seed, key) if trained == ORIGINALS else _further(work, seed, trained, codec, rate)
        _networks[place] = key, learnt
    task: Task = _networks[place][1]
    return task


def _base(work: Work, seed: int, key: list[Any]) -> Task:
    task = built_in.made(work.task, seed)
    if not isinstance(task, Trained):
        return task
    with built_in.at_work(work.task):
        kept = work.store.get([*key, "network"]) if isinstance(task, Kept) else None
        if kept is not None and isinstance(task, Kept):
            return _able(work, task.load(kept), "load")
        train = _part(work, "train")
        assert train.truth is not None  # which the run has looked at
        learnt = _able(work, task.retrain([_sealed(image) for image in train.images], _own(train.truth)), "retrain")
        if isinstance(learnt, Kept):
            work.store.put([*key, "network"], learnt.dump())
        return learnt


def _able(work: Work, task: Task, where: str) -> Task:
    """A task that another has returned, if it can score."""
    if not callable(getattr(task, "score", None)):
        raise OptionError(f"task {work.task}: {where} returned a {type(task).__name__}, which has no score")
    return task


def _further(work: Work, seed: int, trained: str, codec: str, rate: float) -> Task:
    base = _network(work, seed, ORIGINALS, "", 0.0)
    if not isinstance(base, Trained):
        raise OptionError(f"task {work.task}: what it has learnt is a {type(base).__name__}, which has no retrain")
    train = _part(work, "train")
    assert train.truth is not None
    rates = [rate] * len(train.images)
    if trained == MIXED:
        drawn = np.random.default_rng(seed).integers(len(work.plan.rates), size=len(train.images))
        rates = [work.plan.rates[place] for place in drawn]
    arrived = [
        _sealed(image if trained == FURTHER else decoded(image, codec, one, work.plan, work.store))
        for image, one in zip(train.images, rates, strict=True)
    ]
    with built_in.at_work(work.task):
        learnt = _able(work, base.retrain(arrived, _own(train.truth)), "retrain")
    if learnt is base:
        raise OptionError(f"task {work.task}: retrain returned the task itself, which has to stay as it is")
    return learnt


def _shown(work: Work, unit: Unit, places: Sequence[int] | None = None) -> Images:
    images = _part(work, "test").images
    if places is not None:
        images = [images[place] for place in places]
    if unit.shown == GREY:
        images = [np.full_like(image, NOTHING) for image in images]
    elif unit.shown == CODED:
        images = [decoded(image, unit.codec, unit.rate, work.plan, work.store) for image in images]
    return [_sealed(image) for image in images]


_found: dict[str, Any] = {}  # the truth that the last network of this process has told


def _truth(work: Work, task: Task, unit: Unit) -> Truth:
    """What is true of the test pictures: as given, else what the network finds in the originals, else those."""
    test = _part(work, "test")
    if not isinstance(task, Agreeing):
        return _own(test.truth if test.truth is not None else test.images)
    key = work.key("truth", *_learning_key(work, *unit.learning))
    if _found.get("key") != key:
        truth = list(task.truth_of([_sealed(image) for image in test.images]))
        if len(truth) != len(test.images):
            raise OptionError(
                f"task {work.task}: truth_of returned {len(truth)} entries for {len(test.images)} pictures"
            )
        _found.update(key=key, truth=truth)
    return _own(_found["truth"])


def _others(truth: Truth, images: Images, seed: int) -> dict[int, Any]:
    """By the place of each picture, the truth of another one: none keeps its own, and each truth is given once.

    A truth of a picture's size, such as a mask, is brought to the size of the picture that gets it, by its nearest
    samples. Arrays of other bands go among themselves; a picture without another of its kind has no entry.
    """
    kinds: dict[Any, list[int]] = {}
    for place, one in enumerate(truth):
        kinds.setdefault(one.shape[2:] if isinstance(one, np.ndarray) else None, []).append(place)
    draw, found = np.random.default_rng(seed), {}
    for among in kinds.values():
        order = draw.permutation(among).tolist()
        for place, other in zip(order, order[1:] + order[:1], strict=True):
            if place != other:
                found[place] = _fitted(truth[other], images[other].shape[:2], images[place].shape[:2])
    return dict(sorted(found.items()))


def _fitted(one: Any, size: tuple[int, ...], wanted: tuple[int, ...]) -> Any:
    if not isinstance(one, np.ndarray) or one.shape[:2] != size or size == wanted:
        return one
    rows, columns = (np.arange(new) * old // new for old, new in zip(size, wanted, strict=True))
    return one[rows[:, None], columns]


def _jackknifed(name: str, task: Task, images: Images, truth: Truth) -> dict[str, Any]:
    places = range(len(images))
    if isinstance(task, Tallied):
        tallies = task.tally(images, truth)
        if len(tallies) != len(images):
            raise OptionError(f"task {name}: tally returned {len(tallies)} entries for {len(images)} pictures")
        groups = min(len(images), _MOST_LEFT_OUT)

        def of(some: Sequence[int]) -> float:
            return built_in.number(name, task.measure([tallies[place] for place in some]))
    else:
        groups = min(len(images), _GROUPS)

        def of(some: Sequence[int]) -> float:
            return built_in.number(name, task.score([images[place] for place in some], [truth[p] for p in some]))

    left = range(groups if groups > 1 else 0)
    return {"score": of(places), "without": [of([p for p in places if p % groups != group]) for group in left]}
