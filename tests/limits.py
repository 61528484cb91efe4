"""Bounds on what a block of a test may take, and on what eight times as much may take."""

import time
import tracemalloc
from contextlib import contextmanager

import numpy as np

from apercu.kernel import memory
from scripts.pictures import noise

MOST = 15.6
"""The law: eight times as much takes 8 times as long where cost is in proportion, at most 15 times (2.5³) where each of
three doublings makes it grow 2.5-fold, and 64 times where each looks at all the others."""
TRIES = 4
FLOOR_S, FLOOR_BYTES = 0.004, 1 << 18
"""What is less is not measured: it is start-up, and noise of the clock."""


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


def seconds(job):
    begin = time.process_time()
    job()
    return time.process_time() - begin


def assert_no_dearer(job, other, times):
    """`job` takes at most `times` as long as `other`. Of both the best time counts, so that a busy machine, which slows
    both, decides nothing."""
    found = known = np.inf
    for _ in range(TRIES):
        known, found = min(known, seconds(other)), min(found, seconds(job))
        if found <= times * known:
            return
    raise AssertionError(f"time: {found:.3f} s, and the other takes {known:.3f} s")


def peak(job):
    """Memory of Python's and NumPy's, what the package would keep from earlier calls with it."""
    memory._spare.clear()
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_in_proportion(small, large, most=MOST, times=lambda result: 1):
    """`small` and `large` are jobs, the second eight times as large. Of each the best time counts, divided by
    `times` of what it returned: how often it did what it does. Returns what both returned."""
    small()  # loads what is loaded once
    results = []

    def best(job, before=np.inf):
        begin = time.process_time()
        results.append(job())
        return min(before, (time.process_time() - begin) / times(results[-1]))

    once, eight_times = best(small), best(large)
    for _ in range(TRIES):
        if eight_times <= most * max(once, FLOOR_S):
            break
        once, eight_times = best(small, once), best(large, eight_times)
    assert eight_times <= most * max(once, FLOOR_S), f"time: {once:.4f} s, then {eight_times:.4f} s"
    once, eight_times = peak(small), peak(large)
    assert eight_times <= most * max(once, FLOOR_BYTES), f"memory: {once:,} bytes, then {eight_times:,}"
    return results[:2]


def textured(height, width, n_bands, dtype=np.uint8):
    slope = np.add.outer(np.arange(height), np.arange(width))[:, :, np.newaxis] + 17 * np.arange(n_bands)
    rough = noise((height, width, n_bands), 3) >> 11
    return ((slope + rough) % 256).astype(np.uint8) if dtype == np.uint8 else (slope * 5 + rough + 300).astype(dtype)


def of_files(files, job):
    """Two jobs: one for each file."""
    return tuple((lambda data=data: job(data)) for data in files)
