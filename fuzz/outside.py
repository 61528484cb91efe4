"""Runs cases in which other people's code takes part, pictures, networks and restored files, against the installed
package, in a process of its own.

See cases.py for how it is started. No sanitisers: it is not our code that they would watch. Memory is bounded by the
system (RLIMIT_AS).
"""

import collections
import json
import os
import random
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for scripts.pictures

import apercu
import apercu.bridges.files
import calls
import cases
import network_cases
import picture_cases
import plants
import restored_cases

MAX_PIXELS = 1 << 20
MEMORY = 1 << 30
"""Address space beyond what the packages take once they are loaded."""
NETWORK_ONE_IN, RESTORED_ONE_IN = 5, 4
"""Of all cases, and of the others."""
KINDS = {b"\x00": "pictures", b"\x08": "networks", b"\x09": "restored"}
"""By the first byte of a case."""


def bound_memory() -> None:
    """From here on, asking for more ends in a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def main() -> None:
    """See the module."""
    job = json.loads(sys.argv[1])
    folder = Path(job["folder"])
    counts: collections.Counter[str] = collections.Counter()
    outcomes: collections.Counter[str] = collections.Counter()
    faults: list[str] = []
    pictures, networks = picture_cases.seeds(), network_cases.seeds()
    files = restored_cases.seeds() if networks else []
    watch = network_cases.Watch(folder / "networks" / "inner")
    os.chdir(watch.folder)  # where a runtime that was given bytes looks for what lies beside them
    file = network_cases.picture()
    for seed in files:
        apercu.decode(seed.data, restore="cnn")  # the runtime and the networks are loaded before memory is bounded
    apercu.MAX_PIXELS = MAX_PIXELS
    bound_memory()
    calls.strict()
    patterns = plants.plant(plants.OF_OTHERS) if job["planted"] else {}

    def make(rng: random.Random) -> bytes:
        if networks and rng.randrange(NETWORK_ONE_IN) == 0:
            return b"\x08" + network_cases.mutant(rng, networks, watch.folder)
        if files and rng.randrange(RESTORED_ONE_IN) == 0:
            return b"\x09" + restored_cases.case(rng, files)
        return b"\x00" + picture_cases.mutant(rng, pictures)

    def run(rng: random.Random, index: int, data: bytes) -> None:
        kind = KINDS[data[:1]]
        counts[kind] += 1

        def count(outcome: str) -> None:
            outcomes[f"{kind} {outcome}"] += 1

        if kind == "networks":
            network_cases.run(rng, data[1:], faults, count, watch, file)
        elif kind == "restored":
            restored_cases.run(rng, data[1:], faults, count)
        else:
            picture_cases.run(rng, data[1:], faults, count)

    if job["replay"]:
        run(random.Random(0), 0, Path(job["replay"]).read_bytes())
        findings: list[dict[str, object]] = [{"index": None, "fault": fault} for fault in faults]
    else:
        findings, _ = cases.run_cases(job, faults, make, run, ".bin", patterns)
    cases.report(counts, outcomes, findings)


if __name__ == "__main__":
    main()
