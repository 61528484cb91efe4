"""Makes an archive: what is listed and not yet done goes to workers, and what came of it into the manifest.

    for step in making.make(["s3://scenes/2026"], "s3://previews/2026", n_workers=8, n_bytes=4000):
        print(step.n_done, step.n_failed)

It can be stopped at any moment, also by SIGKILL, and called again: what the manifest has is not done again, and objects
that were written without having got there are written again, to the same bytes, each in one step.
"""

import hashlib
import json
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from fsspec.core import url_to_fs

import apercu
from apercu.bridges import batch
from apercu.bridges.archive import manifest, work
from apercu.bridges.archive.sources import Listed, Shard, is_local, listed
from apercu.bridges.archive.work import Job, Outcome, Task
from apercu.format.ids import NAMED_MODELS

_LOT = 256  # sources that are looked up in the manifest at once
_MOST_ENDS = 3  # processes that a source may end before it counts as failed

Take = Callable[[int], list[Task] | None]
"""Gives so many tasks or fewer, perhaps none, from the front of what is listed; None at its end."""
Lots = Iterator[Sequence[Outcome]]


class Step(NamedTuple):
    """How far the work is."""

    share: float
    """Of the sources, what has been listed, 0 to 1."""
    n_done: int
    """Sources that have a sound preview, those from before among them."""
    n_failed: int
    """Sources that have none, likewise."""
    n_made: int
    """Previews that were made now."""
    n_bytes: int
    """Of the previews that were made now."""
    seconds: float
    """Processor time of the workers."""
    failures: Sequence[Outcome]
    """What failed since the step before."""


def make(
    sources: Sequence[str],
    destination: str,
    *,
    names: str | None = None,
    place: str | None = None,
    shard: Shard | None = None,
    retry: bool = False,
    workers: Callable[[Take, Job], Lots] | None = None,
    page: int | None = None,
    measure: bool = True,
    **options: Any,
) -> Generator[Step, None, None]:
    """Make a preview of every source, `destination`/NAME.apc, NAME being that of the source below its folder.

    Args:
        sources, names, shard: see `sources.listed`.
        destination: a folder of this machine, or of a store in `work.STORES`.
        place: the file of the manifest; by default `manifest.place_of(destination, shard)`.
        retry: try again what failed before; else only what has changed, or is now to be made by other settings.
        workers: does tasks, such as `cluster.workers` gives; by default this process, one source after the other.
        page: which frame or page of each file, from 1.
        measure: decode each preview, to record its error.
        options: those of `apercu.encode`; a target holds for each source by itself. Also `tags`, False to leave
            those of scenes out.

    Raises:
        OptionError, ModelError: an option is wrong, another process writes the manifest, or a source is not there.
        OSError: a listing cannot be read, or nothing can be written any more. What was done is recorded.
    """
    options = batch.check_encoding(options)
    work.check_destination(destination)
    if options.get("model", "") not in ("", *NAMED_MODELS):
        options["model"] = os.path.abspath(options["model"])
    fs, path = url_to_fs(destination)
    canonical = path if is_local(fs) else fs.unstrip_protocol(path)
    job = Job(canonical, options, page, measure, apercu.MAX_PIXELS, apercu.__version__)
    settings, found = _settings(job), listed(sources, names, shard)
    first = list(islice(found, _LOT))  # before a manifest is made: a source may not be there
    with manifest.opened(place or manifest.place_of(canonical, shard), canonical) as database:
        todo = _Todo(database, chain(first, found), manifest.settings_of(database, *settings), retry)
        for lot in _here(todo, job) if workers is None else workers(todo.take, job):
            yield todo.recorded(lot)
        yield todo.recorded(())


def _settings(job: Job) -> tuple[str, dict[str, Any]]:
    """What previews depend on, and its SHA-256; a model and an array count by their content."""
    content: dict[str, Any] = {name: value for name, value in job.options.items() if value is not None}
    if content.get("model", "") not in ("", *NAMED_MODELS):
        content["model"] = hashlib.sha256(Path(content["model"]).read_bytes()).hexdigest()
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            content[name] = hashlib.sha256(f"{value.dtype.str} {value.shape} ".encode() + value.tobytes()).hexdigest()
    if job.page is not None:
        content["page"] = job.page
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest(), content


class _Todo:
    """What is left to do of a listing, and what has been counted of it."""

    def __init__(self, database: sqlite3.Connection, found: Iterator[Listed], settings: int, retry: bool) -> None:
        self.database, self.settings, self.retry = database, settings, retry
        self._found = found
        self._waiting: deque[Task] = deque()
        self._at_work: dict[str, str] = {}  # source by target
        self._refused: list[Outcome] = []
        self._step = Step(0.0, 0, 0, 0, 0, 0.0, ())

    def take(self, n_tasks: int) -> list[Task] | None:
        """See `Take`."""
        if not self._waiting:
            lot = list(islice(self._found, _LOT))
            if not lot:
                self._step = self._step._replace(share=1.0)
                return None
            self._look_up(lot)
            self._step = self._step._replace(share=lot[-1].share)
        return [self._waiting.popleft() for _ in range(min(n_tasks, len(self._waiting)))]

    def recorded(self, lot: Sequence[Outcome]) -> Step:
        """Put outcomes into the manifest, and count them."""
        lot = [*self._refused, *lot]
        self._refused.clear()
        manifest.record(self.database, lot, self.settings)
        for one in lot:
            if one.state != "refused":
                self._at_work.pop(manifest.text_of(one.target), None)
        failures = [one for one in lot if one.state in ("failed", "refused")]
        made = [one for one in lot if one.state == "done"]
        was = self._step
        self._step = was._replace(
            n_done=was.n_done + len(lot) - len(failures),
            n_failed=was.n_failed + len(failures),
            n_made=was.n_made + len(made),
            n_bytes=was.n_bytes + sum(one.n_bytes or 0 for one in made),
            seconds=was.seconds + sum(one.seconds for one in lot),
        )
        return self._step._replace(failures=failures)

    def _look_up(self, lot: list[Listed]) -> None:
        rows = manifest.known(self.database, [one.target for one in lot])
        known = {(row.source, row.target): row for row in rows}
        owners = {row.target: row.source for row in rows if row.state != "refused"} | self._at_work
        for one in lot:
            source, target = manifest.text_of(one.source), manifest.text_of(one.target)
            row, owner = known.get((source, target)), owners.setdefault(target, source)
            if row is not None and self._is_settled(row, one):
                is_done, was = row.state == "done", self._step
                self._step = was._replace(n_done=was.n_done + is_done, n_failed=was.n_failed + (not is_done))
            elif one.fault or owner != source:
                self._refuse(one, "refused", one.fault or f"{one.target} is the preview of {owner}")
            elif target in self._at_work:
                continue  # listed twice
            elif row is not None and row.state == "begun" and row.tries >= _MOST_ENDS and not self.retry:
                self._refuse(one, "failed", f"ended the process that it was in, {row.tries} times")
            else:
                of_now = row is not None and row.state == "done" and row.settings == self.settings
                before = (row.identity, row.sha256) if row is not None and of_now and row.sha256 else None
                self._at_work[target] = source
                self._waiting.append(Task(one.source, one.url, one.target, one.identity, before))

    def _is_settled(self, row: manifest.Row, one: Listed) -> bool:
        """Whether a source need not be looked at again."""
        if row.settings != self.settings or row.state == "begun":
            return False
        if row.state == "done":  # without an identity, a worker asks for it
            return one.identity is not None and one.identity == row.identity
        return not self.retry and one.identity in (None, row.identity)

    def _refuse(self, one: Listed, state: str, why: str) -> None:
        self._refused.append(Outcome(one.source, one.target, state, one.identity, None, message=why))


def _here(todo: _Todo, job: Job) -> Lots:
    """In this process: a source that ends it is known by having been begun."""
    while (tasks := todo.take(1)) is not None:
        for task in tasks:
            manifest.begin(todo.database, task.source, task.target, todo.settings)
        yield work.done(tasks, job)
