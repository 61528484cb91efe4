"""How the command ends when it is told to (SIGTERM) or its terminal goes away (SIGHUP)."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Ended(BaseException):
    """A signal has come that ends the process; no `except Exception` holds it up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def orderly_end() -> Iterator[None]:
    """Let such signals leave the block as Ctrl-C does, past all that cleans up, and then end the process.

    It ends by the signal, so that whoever started it sees that. A signal that is ignored (nohup) stays so, and a second
    one ends the process at once.
    """
    caught = []
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                caught.append(number)
                signal.signal(number, _end)
    try:
        yield
    except Ended as ended:
        os.kill(os.getpid(), ended.number)
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Ended(number)
