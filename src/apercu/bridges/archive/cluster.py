"""Dask's processes, on this machine or on a cluster, which make the previews of an archive.

Each task is a few seconds' worth of sources, and each worker has two tasks, so that scheduling costs little and the
first process holds no more than a few thousand names, however large the archive is. A worker that ends is replaced, and
its tasks are done again. Tasks whose workers ended repeatedly are taken apart: their sources are done one at a time,
while nothing else is being done, and the one with which workers end then has failed.
"""

import logging
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

from apercu.bridges.archive import work
from apercu.bridges.archive.making import Lots, Take
from apercu.bridges.archive.work import Job, Outcome, Task
from apercu.errors import MissingExtra, OptionError

_SECONDS = 2.0  # of work in a task
_FIRST, _MOST = 4, 256  # sources of the first tasks, and of any
_WINDOW, _LEAST = 2, 4  # tasks for each worker, and where there is none yet
_LOOK = 5.0  # seconds between two looks at how many workers there are
_ENDS = 1  # ends of workers that a task of our own cluster survives

_SETTINGS = {
    "distributed.scheduler.allowed-failures": _ENDS,
    "distributed.deploy.lost-worker-timeout": "1 hour",  # on a busy machine one takes long to start
    # By default Dask has each worker give back all memory that it frees, and be given it again for the next picture.
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
    ),
    # What follows takes a few per cent of each processor at its usual pace.
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.client.scheduler-info-interval": "10s",
}


@contextmanager
def workers(
    n_workers: int | None = None, scheduler: str | None = None, say: Callable[[str], object] = lambda _: None
) -> Iterator[Callable[[Take, Job], Lots]]:
    """Processes of this machine, or those of a scheduler that is there already, for `making.make`.

    say: is told where the dashboard is.

    Raises:
        MissingExtra: `distributed` is not installed.
        OptionError: no scheduler answers there.
        ChildProcessError: processes cannot be started, or, during the work: the scheduler is gone.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise MissingExtra("workers need distributed: pip install 'apercu[archive]'") from error
    with _quiet(), dask.config.set(_SETTINGS):
        if scheduler is None:
            with _own(n_workers) as client:
                said = "" if find_spec("bokeh") else " (which needs bokeh)"
                say(f"dashboard{said}: {client.dashboard_link}")
                yield partial(_lots, client)
            return
        try:
            client = distributed.Client(scheduler, timeout="20s")
        except (OSError, ValueError) as error:
            raise OptionError(f"no scheduler answers at {scheduler}: {error}") from error
        with client:
            say(f"dashboard: {client.dashboard_link}")
            if not client.nthreads():
                say("the scheduler has no workers yet; the work begins when it has")
            yield partial(_lots, client)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging what ends, and what it does about that."""
    of_dask = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = [logger.level for logger in of_dask]
    for logger in of_dask:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(of_dask, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _own(n_workers: int | None) -> Iterator[Any]:
    """A cluster of this machine, which ends with the block or this process."""
    import distributed

    try:
        cluster = distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:  # out of memory, or killed already
        raise ChildProcessError(f"the workers cannot be started: {error}") from error
    with cluster, distributed.Client(cluster) as client, _kept_whole(cluster, len(cluster.workers)):
        yield client


@contextmanager
def _kept_whole(cluster: Any, n_workers: int) -> Iterator[None]:
    """Start a worker anew that ended while it was being started, which Dask gives up."""
    from distributed.core import Status

    async def forget() -> bool:
        gone = [name for name, nanny in cluster.workers.items() if nanny.status in (Status.closed, Status.failed)]
        for name in gone:
            del cluster.workers[name]
        return bool(gone)

    def look() -> None:
        while not ended.wait(_LOOK):
            if cluster.sync(forget):
                cluster.scale(n_workers)

    ended = threading.Event()
    keeper = threading.Thread(target=look, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _lots(client: Any, take: Take, job: Job) -> Lots:
    """The outcomes of all tasks, as they are done."""
    import distributed

    running: dict[Any, list[Task]] = {}
    suspects: deque[Task] = deque()
    done = distributed.as_completed()
    size, pace, looked, window = _FIRST, 0.0, 0.0, _LEAST

    def submit(tasks: list[Task]) -> Any:
        future = client.submit(_work, pickle.dumps((tasks, job)), pure=False)
        running[future] = tasks
        done.add(future)
        return future

    is_listed, alone = False, None
    try:
        while True:
            if time.monotonic() - looked > _LOOK:
                window = max(_WINDOW * sum(client.nthreads().values()), _LEAST)
                looked = time.monotonic()
            while not is_listed and len(running) < window:
                tasks = take(size)
                if tasks:
                    submit(tasks)
                elif tasks is None:
                    is_listed = True
                else:
                    yield ()  # nothing of these had to be done: time to show how far it is
            if not running:
                if not suspects:
                    return
                alone = submit([suspects.popleft()])
            future = next(done)
            tasks = running.pop(future)
            try:
                outcomes, seconds = future.result()
            except distributed.KilledWorker:
                if future is alone:
                    yield [work.failed(tasks[0], "its workers ended: killed, or out of memory")]
                else:
                    suspects.extend(tasks)
                continue
            except distributed.client.FutureCancelledError as error:
                raise ChildProcessError(
                    "the scheduler is gone; what was done is recorded, so go on by calling again"
                ) from error
            finally:
                future.release()
            pace = seconds / len(tasks) if not pace else 0.7 * pace + 0.3 * seconds / len(tasks)
            size = min(max(round(_SECONDS / max(pace, 1e-6)), 1), _MOST)
            yield outcomes
    finally:
        client.cancel(list(running))


def _work(packed: bytes) -> tuple[Sequence[Outcome], float]:
    """What a worker does; in bytes, into which Dask does not look."""
    begun = time.monotonic()
    outcomes = work.done(*pickle.loads(packed))
    return outcomes, time.monotonic() - begun
