"""Bounds on what a block of a test may take."""

import time
import tracemalloc
from contextlib import contextmanager


@contextmanager
def at_most(seconds):
    """Time of this process alone, so that others do not count."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds


@contextmanager
def within(n_bytes):
    """Memory of Python's and NumPy's at its peak."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n_bytes
