"""Named pipes in tests: nothing here waits for ever for an other end that does not come."""

import os
import time
from queue import Queue
from threading import Thread


def meanwhile(work):
    """A queue that gets what a function returns, if it ever does."""
    found = Queue()
    Thread(target=lambda: found.put(work()), daemon=True).start()
    return found


def opened(pipe, process):
    """The end of a pipe to write to, once a process, or one of its own, reads it; process: with stderr=PIPE."""
    while process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.02)
    raise AssertionError(process.stderr.read().decode())
