"""The loop over the cases of a worker: the same for all kinds of input.

A worker is started by run.py with a JSON object as its only argument: seed, first, last and step of the cases; seconds
after which to end; folder and worker, for the file `current-N.bin`, which holds the case that runs, so that the driver
can name the one that killed the process; replay, a file to run in place of mutants, or null; planted, whether faults
are planted that have to be found. The last line that it prints is its report, in JSON.
"""

import collections
import json
import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_FINDINGS = 20


def run_cases(
    job: dict[str, Any],
    faults: list[str],
    make: Callable[[random.Random], bytes],
    run: Callable[[random.Random, int, bytes], None],
    suffix: str,
    patterns: dict[str, str],
) -> tuple[list[dict[str, object]], int]:
    """What was found, and the index after the last case. `patterns`: of findings that prove a planted fault, by its
    name; where there are any, one finding of each is enough and ends the run."""
    folder = Path(job["folder"])
    current = os.open(folder / f"current-{job['worker']}.bin", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    until = time.monotonic() + job["seconds"]
    findings: list[dict[str, object]] = []
    wanted, index = dict(patterns), job["first"]
    try:
        while index < job["last"] and len(findings) < MAX_FINDINGS and time.monotonic() < until:
            wanted = {name: pattern for name, pattern in wanted.items() if not _proof(folder, name).exists()}
            if patterns and not wanted:
                break
            rng = random.Random(f"{job['seed']} {index}")
            data = make(rng)
            os.pwrite(current, f"{index} {len(data)}\n".encode().ljust(32) + data, 0)
            run(rng, index, data)
            for fault in faults:
                proved = [name for name, pattern in wanted.items() if re.search(pattern, fault)]
                if patterns and not proved:
                    continue
                for name in proved:
                    del wanted[name]
                    _proof(folder, name).touch()
                file = f"seed{job['seed']}-{index}{suffix}"
                (folder / file).write_bytes(data)
                findings.append({"index": index, "fault": fault, "file": file, "proves": proved})
            faults.clear()
            index += job["step"]
    except KeyboardInterrupt:
        pass  # the report of what was done so far is still wanted
    return findings, index


def _proof(folder: Path, name: str) -> Path:
    """A file that tells all workers that a planted fault was found."""
    return folder / f"found-{name.replace(' ', '-')}.plant"


def report(
    counts: collections.Counter[str], outcomes: collections.Counter[str], findings: list[dict[str, object]]
) -> None:
    """Prints what run.py reads."""
    print(json.dumps({"counts": counts, "outcomes": outcomes, "findings": findings}))
