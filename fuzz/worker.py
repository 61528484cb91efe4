"""Runs cases of apercu's own files, models and images against the package on its path, in a process of its own.

See cases.py for how it is started.
"""

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for scripts.pictures

import apercu
import calls
import cases
import encoding
import images
import packet_cases
import plants
from apercu.format.ids import USER_MODEL
from corpus import seeds
from judge import Judge
from mutate import Seed, mutant
from prefixes import scene_mutant

MAX_PIXELS = 1 << 16
SCENES_ONE_IN, PACKETS_ONE_IN = 8, 16


def packets(judge: Judge, rng: random.Random, corpus: list[Seed], alone: bool) -> None:
    """A case of packets; where there are no others, a fifth of what comes of them is decoded."""
    judge.counts["packets"] += 1
    outcome = packet_cases.run(rng, corpus, judge.faults, 0.2 if alone else 1)
    judge.outcomes[f"packets: {outcome}"] += 1


def run_case(judge: Judge, rng: random.Random, index: int, data: bytes, folder: Path) -> None:
    """A mutant, and with some of them a case for all that writes. Two workers share even and odd places."""
    judge.counts["mutants"] += 1
    judge.file(data, rng)
    if index % 4 == 0:
        judge.writing("range coder", encoding.range_coder, rng)
    if index % 16 == 1:
        judge.writing("symbols", encoding.symbols, rng)
        judge.writing("wavelet", encoding.wavelet, rng)
    if index % 4 == 2:
        judge.writing("placeholders", encoding.placeholder, rng)
    if index % 16 == 9:
        judge.writing("masks", encoding.masks, rng)
    if index % 48 == 3:
        judge.writing("images", images.image, rng, judge, folder)
    if index % 48 == 27:
        judge.writing("broken models", images.broken_model, rng, judge, folder)


def main() -> None:
    """See the module."""
    job = json.loads(sys.argv[1])
    folder = Path(job["folder"])
    assert Path(apercu.__file__).is_relative_to(folder)  # not the package that happens to be installed
    scratch = folder / f"scratch-{job['worker']}"
    scratch.mkdir(exist_ok=True)
    corpus = seeds(folder / "model.npy")
    sent = [seed for seed in corpus if seed.header.model_id != USER_MODEL]
    judge = Judge(folder / "model.npy")
    apercu.MAX_PIXELS = MAX_PIXELS
    calls.strict()
    patterns = plants.plant(plants.OF_FILES) if job["planted"] else {}
    if job["replay"]:
        judge.file(Path(job["replay"]).read_bytes(), random.Random(0))
        findings: list[dict[str, object]] = [{"index": None, "fault": fault} for fault in judge.faults]
    else:

        def made(rng: random.Random) -> bytes:
            if job["packets"]:
                return b""
            return scene_mutant(rng, corpus) if rng.randrange(SCENES_ONE_IN) == 0 else mutant(rng, corpus)

        def run(rng: random.Random, index: int, data: bytes) -> None:
            if job["packets"]:
                judge.counts["mutants"] += 1
            else:
                run_case(judge, rng, index, data, scratch)
            if job["packets"] or index % PACKETS_ONE_IN == PACKETS_ONE_IN // 2:
                packets(judge, rng, sent, job["packets"])

        findings, _ = cases.run_cases(job, judge.faults, made, run, ".apc", patterns)
    cases.report(judge.counts, judge.outcomes, findings)


if __name__ == "__main__":
    main()
