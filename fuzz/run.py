"""The mutation fuzzer. See fuzz/README.md.

    python fuzz/run.py                                until interrupted
    python fuzz/run.py --mutants 10000 --seed 0       as in the tests; the same mutants every time
    python fuzz/run.py --minutes 30 --seed 7
    python fuzz/run.py --only 4711 --seed 0           one case again
    python fuzz/run.py --replay FILE                  one file
    python fuzz/run.py --mutants 100000 --packets     packets alone
    python fuzz/run.py --mutants 2000 --coverage      lines of the kernel that these cases reach
    python fuzz/run.py --mutants 10000 --plant        a kernel with a fault in it, which has to be found
    python fuzz/run.py --mutants 10000 --plant reach  a fault for each reach of the fuzzer (plants.py), all to be found

Beside the workers for files of apercu's own, one reads pictures and networks of others, and restores files (--outside:
that one alone).
Exits 0 where nothing was found (with --plant: where the faults were), 1 for a finding, 3 where a build is impossible.
"""

import argparse
import collections
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import build
import plants

MAX_RESTARTS = 5
OUTSIDE_SHARE = 8
"""For so many mutants of files, one picture or network of others, or a file that is restored."""
SECONDS_PER_CASE, SILENT_SECONDS = 60, 300
"""Of processor time, and of any: a worker whose case takes longer hangs. On a busy machine the second says little."""
ENDLESS = 1 << 60


@dataclass
class Total:
    """What all workers report together."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    findings: list[dict[str, object]] = field(default_factory=list)


@dataclass
class Worker:
    """A process with a share of the cases: first, first + step, …, below last."""

    number: int
    first: int
    step: int
    last: int
    script: str = "worker.py"
    restarts: int = 0
    process: subprocess.Popen[str] | None = None
    alive_at: float = 0
    used: float = 0
    last_case: bytes = b""


def folder_of(kind: str) -> Path:
    """Where a kernel of a kind is built and run."""
    return build.ROOT / "build" / "fuzz" / kind


class Run:
    """One run of the fuzzer over all its workers."""

    def __init__(self, options: argparse.Namespace, kind: str) -> None:
        self.options, self.kind = options, kind
        self.folder = folder_of(kind)
        self.package = build.build(kind, self.folder)
        self.environment = build.environment(kind, self.package)
        for stale in (*self.folder.rglob("*.gcda"), *self.folder.glob("current-*.bin"), *self.folder.glob("*.plant")):
            stale.unlink()
        self._python("import corpus, pathlib, sys; corpus.write_model(pathlib.Path(sys.argv[1]))", "model.npy")
        self.until = time.monotonic() + (options.minutes * 60 if options.minutes else ENDLESS)
        self.total = Total()

    def _python(self, code: str, name: str) -> None:
        paths = [str(build.ROOT / "fuzz"), str(build.ROOT)]
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path += {paths}; {code}", str(self.folder / name)],
            env=self.environment, check=True,
        )  # fmt: skip

    def start(self, worker: Worker) -> None:
        """Sends a worker off on its cases."""
        job = {
            "seed": self.options.seed,
            "first": worker.first,
            "last": worker.last,
            "step": worker.step,
            "folder": str(self.folder),
            "worker": worker.number,
            "replay": self.options.replay,
            "packets": self.options.packets,
            "planted": self.options.plant == "reach",
            "seconds": self.until - time.monotonic(),
        }
        command = [sys.executable, str(build.ROOT / "fuzz" / worker.script), json.dumps(job)]
        environment = self.environment if worker.script == "worker.py" else build.environment("installed", None)
        pipe = subprocess.PIPE
        worker.alive_at = time.monotonic()
        errors = (self.folder / f"errors-{worker.number}.txt").open("w")
        worker.process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=errors, text=True)
        errors.close()

    def all(self) -> Total:
        """Runs until every worker is done."""
        workers = self._workers()
        for worker in workers:
            self.start(worker)
        try:
            while running := [worker for worker in workers if worker.process]:
                try:
                    time.sleep(0.05)
                except KeyboardInterrupt:
                    print("interrupted: the workers report")  # they were interrupted as well
                for worker in running:
                    self._look_after(worker)
                if self.options.plant == "overflow" and self.total.findings:
                    break
        finally:
            for worker in workers:
                if worker.process:
                    worker.process.kill()
        return self.total

    def _workers(self) -> list[Worker]:
        options = self.options
        first, last, step = 0, options.mutants, options.workers
        if options.only is not None:
            first, last, step = options.only, options.only + 1, 1
        of_files = [] if options.outside else [Worker(n, first + n, step, last) for n in range(step)]
        one = options.only is not None or options.replay
        if options.packets or (not options.outside and (self.kind != "sanitised" or one)):
            return of_files
        last = last if options.outside else -(-last // OUTSIDE_SHARE)
        return [*of_files, Worker(len(of_files), first, 1, last, "outside.py")]

    def _look_after(self, worker: Worker) -> None:
        assert worker.process
        if worker.process.poll() is None:
            case = _read(self.folder / f"current-{worker.number}.bin")
            used = _processor_time(worker.process.pid)
            if case != worker.last_case:
                worker.last_case, worker.alive_at, worker.used = case, time.monotonic(), used
            elif used - worker.used > SECONDS_PER_CASE or time.monotonic() - worker.alive_at > SILENT_SECONDS:
                worker.process.kill()
            return
        output = worker.process.communicate()[0]
        code, worker.process = worker.process.returncode, None
        try:
            report = json.loads(output.splitlines()[-1])
        except (IndexError, ValueError):
            self._bury(worker, code)
        else:
            self.total.counts.update(report["counts"])
            self.total.outcomes.update(report["outcomes"])
            self.total.findings += report["findings"]

    def _bury(self, worker: Worker, code: int) -> None:
        """A worker died: its case is a finding, and the next ones go to another worker."""
        index, _, data = _split(_read(self.folder / f"current-{worker.number}.bin"))
        errors = (self.folder / f"errors-{worker.number}.txt").read_text(errors="replace")
        if index is None:
            raise SystemExit(f"the worker did not come to its first case (exit code {code}):\n{errors[-3000:]}")
        name = f"seed{self.options.seed}-{index}{'.apc' if worker.script == 'worker.py' else '.bin'}"
        (self.folder / name).write_bytes(data)
        (self.folder / f"{name}.txt").write_text(errors)
        summary = next((line for line in errors.splitlines() if line.startswith("SUMMARY")), f"exit code {code}")
        self.total.findings.append({"index": index, "fault": summary, "file": name})
        self.total.counts["died"] += 1
        worker.restarts += 1
        worker.first = index + worker.step
        if worker.restarts < MAX_RESTARTS and worker.first < worker.last and self.options.only is None:
            self.start(worker)


def _processor_time(process: int) -> float:
    """Seconds that a process has used."""
    fields = _read(Path(f"/proc/{process}/stat")).rpartition(b")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _split(case: bytes) -> tuple[int | None, int, bytes]:
    """Index, length and bytes of the case that a worker wrote down before it ran it."""
    if not case:
        return None, 0, b""
    index, length = map(int, case[:32].split())
    return index, length, case[32 : 32 + length]


BESIDE = (
    "windows", "layers", "scenes", "in C", "loaded by Pillow", "images", "user models", "broken models", "range coder",
    "symbols", "wavelet", "masks", "placeholders", "packets", "pictures", "networks", "restored",
)  # fmt: skip


def report(run: Run, total: Total, seconds: float) -> None:
    """Prints what happened."""
    n = total.counts["mutants"]
    speed, seed = n / max(seconds, 1e-9), run.options.seed
    of_processor = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    print(
        f"{n} mutants in {seconds:.1f} s ({of_processor:.0f} s of processor time), {speed:.0f} a second; "
        f"{run.kind} kernel, seed {seed}"
    )
    for name in ("good checksums", "reached the entropy decoder"):
        print(f"  {name}: {100 * total.counts[name] / max(n, 1):.1f} %")
    print("  outcomes: " + ", ".join(f"{name} {count}" for name, count in total.outcomes.most_common()))
    print("  beside them: " + ", ".join(f"{total.counts[name]} {name}" for name in BESIDE))
    for finding in total.findings:
        print(
            f"FINDING {finding}\n  in {run.folder}; again: python fuzz/run.py --seed {seed} --only {finding['index']}"
            f"{' --outside' * str(finding.get('file')).endswith('.bin')}{' --packets' * bool(run.options.packets)}"
        )
    print(f"{len(total.findings)} finding{'s' * (len(total.findings) != 1)}")


def report_coverage(run: Run) -> None:
    """Prints the share of the kernel's lines that ran, and which did not."""
    n_code = n_ran = 0
    for name, (code, ran) in sorted(build.line_coverage(run.folder).items()):
        n_code, n_ran = n_code + len(code), n_ran + len(ran)
        missed = ", ".join(map(str, sorted(code - ran)))
        print(f"  {name}: {len(ran)} of {len(code)} lines{'; not ' + missed if missed else ''}")
    print(f"line coverage of the kernel: {100 * n_ran / n_code:.1f} %")


def report_plants(total: Total, planted: Collection[str]) -> int:
    """Prints which planted faults were found; 0 where all were."""
    found = {name for finding in total.findings for name in finding.get("proves", ())}  # type: ignore[attr-defined]
    missed = sorted(set(planted) - found)
    print(f"planted faults found: {', '.join(sorted(found))}" + (f"; not found: {', '.join(missed)}" if missed else ""))
    return int(bool(missed))


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=ENDLESS, help="number of mutants (default: no end)")
    parser.add_argument("--minutes", type=float, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, metavar="INDEX", help="run this one case of the seed")
    parser.add_argument("--replay", metavar="FILE", type=os.path.abspath, help="run a file in place of mutants")
    parser.add_argument(
        "--coverage", action="store_true", help="an unoptimised kernel that counts its lines, no sanitisers"
    )
    parser.add_argument("--outside", action="store_true", help="pictures, networks and restored files only")
    parser.add_argument("--packets", action="store_true", help="packets only, each case of which is a mutant")
    parser.add_argument(
        "--plant", nargs="?", const="overflow", choices=("overflow", "reach"), help="faults that have to be found"
    )
    options = parser.parse_args()
    if options.only is not None or options.replay:
        options.workers = 1
    kind = "coverage" if options.coverage else "planted" if options.plant == "overflow" else "sanitised"
    try:
        with build.alone(folder_of(kind)):
            run = Run(options, kind)
            begin = time.monotonic()
            total = run.all()
            report(run, total, time.monotonic() - begin)
            if options.coverage:
                report_coverage(run)
    except build.Unavailable as reason:
        print(f"cannot build the kernel for fuzzing: {reason}", file=sys.stderr)
        return 3
    if options.plant == "reach":
        return report_plants(total, plants.OF_OTHERS if options.outside else plants.OF_FILES | plants.OF_OTHERS)
    return int(bool(total.findings) != bool(options.plant))


if __name__ == "__main__":
    sys.exit(main())
