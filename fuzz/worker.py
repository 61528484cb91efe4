"""Runs cases against the package on its path, in a process of its own, and judges what comes back.

Started by run.py with a JSON object as its only argument: seed, first, last and step of the cases; seconds after which
to end; folder and worker, for the file `current-N.bin`, which holds the case that runs, so that the driver can name the
one that killed the process; replay, a file to run in place of mutants, or null. The last line that it prints is its
report, in JSON.
"""

import collections
import json
import os
import random
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for scripts.pictures

import numpy as np

import apercu
import encoding
from apercu.codecs import taha2025
from apercu.codecs.by_name import CODECS
from apercu.errors import ChecksumError, FormatError, ModelError, Truncated
from apercu.format.container import read_header, read_segments
from apercu.kernel import memory
from apercu.stages.bands import BandCoder
from corpus import seeds
from mutate import mutant

MAX_PIXELS = 1 << 16
MAX_SECONDS = 3.0
"""Of processor time for one call: sanitisers and unoptimised builds are slow, and a hang is never over."""
MAX_FINDINGS = 20


class Judge:
    """Runs calls on damaged files; keeps outcomes and findings."""

    def __init__(self, model: Path) -> None:
        self.model = model
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.counts: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []
        self._reached = False
        self._watch_entropy_decoder()
        memory.MOST_BLOCKS = 0  # a block that was larger once would hide what is written behind its end

    def _watch_entropy_decoder(self) -> None:
        """Counts calls of the entropy decoder, and hands it an array of its own: what lies behind it is out of bounds,
        which the end of a `bytes` object, with its zero beyond, is not."""

        def watched(inner):
            def call(data, n_blocks):
                self._reached = True
                return inner(np.frombuffer(data, np.uint8).copy(), n_blocks)

            return call

        def stage(coder, data, *arguments):
            self._reached = True
            return decode_stage(coder, np.frombuffer(data, np.uint8).copy(), *arguments)

        decode_stage, BandCoder.decode = BandCoder.decode, stage
        taha2025.dual_decode = watched(taha2025.dual_decode)
        taha2025.dual_decode_groups = watched(taha2025.dual_decode_groups)

    def call(self, what, function, *arguments, **options):
        """The result, or the error where it is one that damaged files may raise."""
        begin = time.process_time()
        try:
            result = function(*arguments, **options)
        except (FormatError, ModelError) as error:
            result = error
        except Exception as error:
            self.faults.append(f"{what} raised {error!r}")
            result = error
        if time.process_time() - begin > MAX_SECONDS:
            self.faults.append(f"{what} took more than {MAX_SECONDS} s")
        return result

    def file(self, data: bytes) -> None:
        """Every way to read a file, each held against the others."""
        self._reached = False
        header = self.call("read_header", read_header, data)
        image = self.call("decode", apercu.decode, data, model=self.model)
        shown = self.call("decode (conceal)", apercu.decode, data, damaged="conceal", model=self.model)
        found = self.call("check", apercu.check, data, model=self.model)
        told = self.call("info", apercu.info, data)
        self.outcomes[type(image).__name__ if isinstance(image, Exception) else "decoded"] += 1
        if isinstance(header, Exception):
            self._agree("a head that cannot be read", image, header)
            self._agree("a head that cannot be read", shown, header)
        for picture in (image, shown):
            if not isinstance(picture, Exception) and (picture.shape, picture.dtype) != _declared(header):
                self.faults.append(f"decode returned {picture.shape} {picture.dtype}, the head says otherwise")
        if not isinstance(image, Exception):
            if isinstance(shown, Exception) or not np.array_equal(image, shown):
                self.faults.append("damaged='conceal' changes a sound file")
            if found or isinstance(told, Exception):
                self.faults.append(f"decode took what check or info refuse: {found}, {told}")
        elif isinstance(found, Exception) or type(image) not in map(type, found):
            self.faults.append(f"decode raised {image!r}, and check found {found}")
        if not isinstance(header, Exception):
            broken = [s for s in read_segments(data, header) if isinstance(s, ChecksumError | Truncated)]
            self.counts["good checksums"] += not broken
        self.counts["reached the entropy decoder"] += self._reached

    def writing(self, what: str, case, *arguments) -> None:
        """Runs a case of `encoding`."""
        self.counts[what] += 1
        try:
            self.faults += case(*arguments)
        except Exception:
            self.faults.append(traceback.format_exc(limit=-4))

    def _agree(self, why, result, header):
        if type(result) is not type(header):
            self.faults.append(f"{why}: read_header raised {header!r}, decode gave {result!r}")


def _declared(header):
    shape = (header.height, header.width, header.n_bands)
    flat = header.interpretation == "grey" and header.flat
    return shape[:2] if flat else shape, np.dtype("u2" if header.wide else "u1")


def run_cases(job, judge: Judge, corpus) -> tuple[list[dict[str, object]], int]:
    """What was found, and the index after the last case."""
    folder = Path(job["folder"])
    current = os.open(folder / f"current-{job['worker']}.bin", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    until = time.monotonic() + job["seconds"]
    findings: list[dict[str, object]] = []
    index = job["first"]
    try:
        while index < job["last"] and len(findings) < MAX_FINDINGS and time.monotonic() < until:
            rng = random.Random(f"{job['seed']} {index}")
            data = mutant(rng, corpus)
            os.pwrite(current, f"{index} {len(data)}\n".encode().ljust(32) + data, 0)
            run_case(judge, rng, index, data)
            for fault in judge.faults:
                name = f"seed{job['seed']}-{index}.apc"
                (folder / name).write_bytes(data)
                findings.append({"index": index, "fault": fault, "file": name})
            judge.faults.clear()
            index += job["step"]
    except KeyboardInterrupt:
        pass  # the report of what was done so far is still wanted
    return findings, index


def run_case(judge: Judge, rng: random.Random, index: int, data: bytes) -> None:
    """A mutant, and with some of them a case for all that writes."""
    judge.counts["mutants"] += 1
    judge.file(data)
    if index % 4 == 0:
        judge.writing("range coder", encoding.range_coder, rng)
    if index % 16 == 0:
        judge.writing("symbols", encoding.symbols, rng)
        judge.writing("wavelet", encoding.wavelet, rng)
    if index % 32 == 0:
        judge.writing("images", encoding.image, rng, judge.model)


def main() -> None:
    """See the module."""
    job = json.loads(sys.argv[1])
    folder = Path(job["folder"])
    assert Path(apercu.__file__).is_relative_to(folder)  # not the package that happens to be installed
    model = folder / "model.npy"
    corpus = seeds(model)
    judge = Judge(model)
    apercu.MAX_PIXELS = MAX_PIXELS
    if job["replay"]:
        judge.file(Path(job["replay"]).read_bytes())
        findings = [{"index": None, "fault": fault} for fault in judge.faults]
        following = 0
    else:
        findings, following = run_cases(job, judge, corpus)
    print(json.dumps({"counts": judge.counts, "outcomes": judge.outcomes, "findings": findings, "next": following}))


if __name__ == "__main__":
    assert set(CODECS) == {
        "apercu",
        "taha2025",
    }  # another codec has segments and settings of its own to be fuzzed
    main()
