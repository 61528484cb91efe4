"""Work in many processes, which end with their parent, however it ends.

The pool of `concurrent.futures` is not used, since it can wait for ever. Where a process was stopped in the middle of a
result, the parent waits for the rest of it; where the parent was killed, its processes wait for work that nobody will
send. Here every process has a pipe of its own, whose end is seen at once on either side. The package `multiprocessing`
takes 12 ms to import, and so is imported where work is done in processes.
"""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import apercu

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Key = TypeVar("Key", bound=Hashable)
Argument = TypeVar("Argument")
Result = TypeVar("Result")

_GRACE = 1.0  # seconds that a process is given to end in, before it is killed
_LAST, _SMALL = 4, 2048  # tasks for each process that are given to who is free; bytes of one that may be sent ahead


class Run(Protocol):
    """Does work in the processes of a pool."""

    def __call__(
        self, work: Callable[..., Result], tasks: Mapping[Key, tuple[Any, ...]]
    ) -> Generator[tuple[Key, Result], None, None]:
        """(key, result of `work(*arguments)`) for each key and arguments, as they are done.

        What the work raises is raised here, and the rest is not done. Raises ChildProcessError where a process ended in
        the middle of its work.
        """


@contextmanager
def pool(n_workers: int, start: Callable[[], object] | None = None, how: str | None = "spawn") -> Iterator[Run]:
    """Processes, which are started when there is work for them, and end with the block.

    start: called in each of them at its beginning. how: a way to start processes, None for the one that is in force.
    Unless it is "fork", work and `start` must be functions that a process can find by their names. What the processes
    print goes to standard error, and their standard input is empty: results come from the first process alone.
    """
    from multiprocessing import get_context
    from multiprocessing.connection import wait
    from multiprocessing.reduction import ForkingPickler

    workers: dict[Any, BaseProcess] = {}  # by our end of the pipe
    context: Any = get_context(how)

    def run(
        work: Callable[..., Result], tasks: Mapping[Key, tuple[Any, ...]]
    ) -> Generator[tuple[Key, Result], None, None]:
        while len(workers) < min(n_workers, len(tasks)):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, start, apercu.MAX_PIXELS))
            with _ctrl_c_later():
                process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
            workers[ours] = process
        waiting, most = deque(tasks), 2
        at_work: dict[Any, deque[Key]] = {worker: deque() for worker in workers}

        def give(worker: Any) -> None:
            nonlocal most
            keys = at_work[worker]
            # One ahead, so that it need not wait while a result is used here; of the last ones, each to who is free.
            while waiting and len(keys) < (most if len(waiting) > _LAST * len(workers) else 1):
                task = ForkingPickler.dumps((work, tasks[waiting[0]]))
                if keys and len(task) > _SMALL:  # both sides could wait for each other to read
                    most = 1
                    return
                keys.append(waiting.popleft())
                with suppress(ConnectionError):  # it has ended, which shows when its result is read
                    worker.send_bytes(task)

        try:
            for worker in workers:
                give(worker)
            while busy := [worker for worker, keys in at_work.items() if keys]:
                for worker in wait(busy):
                    done, result = _received(worker)
                    if not done:
                        raise result
                    key = at_work[worker].popleft()
                    give(worker)
                    yield key, result
        except BaseException:  # also Ctrl-C, or the caller has stopped: the work that is being done is of no use
            _end(workers)
            workers.clear()
            raise

    try:
        yield run
    finally:
        _end(workers)


def in_order(run: Run, work: Callable[[Argument], Result], arguments: Iterable[Argument]) -> Iterator[Result]:
    """The results in the order of the arguments, whichever are done first."""
    tasks = {number: (argument,) for number, argument in enumerate(arguments)}
    found = run(work, tasks)
    early: dict[int, Result] = {}
    for number in tasks:
        while number not in early:
            other, result = next(found)
            early[other] = result
        yield early.pop(number)
    next(found, None)  # whose end, and no end in the middle, leaves the processes to the next work


def n_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """A process that is started here never gets Ctrl-C, also before it can ignore it; this one gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # whose own start would let Ctrl-C through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _received(worker: Any) -> tuple[bool, Any]:
    try:
        return worker.recv()  # type: ignore[no-any-return]  # of what `_work` sends
    except (EOFError, ConnectionError) as error:
        raise ChildProcessError("a process ended in the middle of its work (killed, or out of memory)") from error


def _end(workers: "Mapping[Any, BaseProcess]") -> None:
    try:
        for process in workers.values():  # all of them before any is waited for
            process.terminate()
        until = time.monotonic() + _GRACE
        for process in workers.values():
            process.join(max(0.0, until - time.monotonic()))
    finally:  # also after another Ctrl-C
        for connection, process in workers.items():
            process.kill()
            connection.close()
    for process in workers.values():
        process.join()


# What follows runs in the processes


def _work(tasks: "Connection", start: Callable[[], object] | None, max_pixels: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the first process reacts to Ctrl-C
    signal.signal(signal.SIGTERM, _stop)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # which is `nohup`
        signal.signal(signal.SIGHUP, _stop)
    try:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        _leave_streams()
        apercu.MAX_PIXELS = max_pixels
        ready = _done(start, ()) if start else (True, None)
        with suppress(EOFError, ConnectionError):  # the parent has ended
            while True:
                answer = _done(*_task(tasks))
                tasks.send_bytes(_packed(answer if ready[0] else ready))
    except SystemExit:  # `_stop`: what was begun has been put in order, and nothing else is worth the time
        os._exit(1)


def _task(tasks: "Connection") -> tuple[Callable[..., Any], tuple[Any, ...]]:
    try:
        return tasks.recv()  # type: ignore[no-any-return]  # of what `give` sends
    except (EOFError, ConnectionError):
        raise
    except Exception as error:  # the function is not found by its name, or its module cannot be imported
        return _raise, (error,)


def _raise(error: Exception) -> None:
    raise error


def _done(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """(True, result), or (False, error) with the traceback as a note."""
    try:
        return True, work(*arguments)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        return False, error.with_traceback(None)  # which would keep the arrays


def _packed(answer: tuple[bool, Any]) -> memoryview:
    """What goes through the pipe: an answer, or an error that says why it cannot be sent."""
    from multiprocessing.reduction import ForkingPickler

    try:
        data = ForkingPickler.dumps(answer)
        if not answer[0]:
            pickle.loads(data)  # classes of the user's may not come back
    except Exception as error:
        what = type(answer[1]).__name__
        data = ForkingPickler.dumps((False, RuntimeError(f"{what} cannot be sent to another process: {error}")))
    return data


def _stop(number: int, _: object) -> None:
    """Ends the process as an error would, so that files that are being written are removed."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended: a parent that was killed cannot do that."""
    from multiprocessing import parent_process

    parent = parent_process()
    assert parent is not None
    parent.join()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        time.sleep(_GRACE)
    os._exit(1)


def _leave_streams() -> None:
    """Lets go of the parent's standard input and output: who reads the output waits for all that hold it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # it is closed
        os.dup2(nowhere, 1)
    if nowhere > 2:
        os.close(nowhere)
    sys.stdout = sys.stderr
