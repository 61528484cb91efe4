"""One function over many arguments in processes of their own, which also end after Ctrl-C or if their parent dies."""

import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import TypeVar

import apercu

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def each(
    function: Callable[[Argument], Result], arguments: Sequence[Argument], n_workers: int
) -> Generator[tuple[Argument, Result], None, None]:
    """What a function returns for each of many arguments, and the argument, in the order in which they are done.

    The processes are spawned; the function must be one that a process can find by its name. What it raises is raised
    here, and the rest is not done.

    Raises:
        ChildProcessError: a process ended in the middle of its work.
    """
    others = active_children()
    pool = ProcessPoolExecutor(n_workers, get_context("spawn"), _start, (apercu.MAX_PIXELS,))
    coming, n_left = iter(arguments), len(arguments)
    try:
        # No more at once than this: results wait in memory until they are taken.
        at_work = {pool.submit(function, argument): argument for argument in islice(coming, 2 * n_workers)}
        while at_work:
            for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                yield at_work.pop(future), future.result()
                n_left -= 1
                at_work |= {pool.submit(function, argument): argument for argument in islice(coming, 1)}
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"a process ended in the middle of its work (killed, or out of memory); {n_left} files are not done"
        ) from error
    except BaseException:  # Ctrl-C, or the caller has stopped
        for process in active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(max_pixels: int | None) -> None:
    """How a process begins."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the first process reacts to Ctrl-C
    apercu.MAX_PIXELS = max_pixels
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent has ended: a parent that was killed cannot do that."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
