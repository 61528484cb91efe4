"""Coverage-guided fuzzing of the kernel's C functions by libFuzzer. See fuzz/README.md.

    python fuzz/guided.py --seconds 600                       AddressSanitizer and UndefinedBehaviorSanitizer
    python fuzz/guided.py --sanitiser memory                  MemorySanitizer: reads of what was never written
    python fuzz/guided.py --sanitiser address-32              the kernel as 32-bit x86 code
    python fuzz/guided.py --replay FILE                       one input again
    python fuzz/guided.py --seconds 60 --coverage             and lines of the kernel that all inputs reach
    python fuzz/guided.py --seconds 60 --plant                a kernel with a fault in it, which has to be found

What was learnt is kept in build/fuzz/guided/corpus for the next run, whatever the sanitiser. CLANG names a compiler; by
default it is the newest there is. Exits 0 where nothing was found (with --plant: where the fault was), 1 for a finding,
3 where a build is impossible.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for scripts.pictures

import numpy as np

import build
import guided_seeds
from apercu.bridges import tables_c
from apercu.format.ids import MODELS
from scripts import c_library

FOLDER = build.ROOT / "build" / "fuzz" / "guided"
SOURCES = (build.ROOT / "fuzz" / "guided", build.ROOT / "src" / "apercu" / "kernel", build.ROOT / "c")
SANITISERS = {
    "address": ["-fsanitize=address,undefined"],
    "memory": ["-fsanitize=memory,undefined", "-fsanitize-memory-track-origins"],
    "address-32": ["-fsanitize=address,undefined", "--target=i686-linux-gnu"],
}
FLAGS = ["-std=c99", "-g", "-O2", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", "-DAPERCU_ONE_TARGET"]
FLAGS += ["-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"]  # by which checksums of files are not looked at
CROSS_32 = Path("/usr/i686-linux-gnu/lib")
"""Where Debian's cross compiler keeps the 32-bit libraries; where it is missing, the compiler's own place serves."""
LIMITS = [
    "-max_len=4096",
    "-len_control=20",
    "-timeout=120",
    "-report_slow_units=60",
    "-rss_limit_mb=1024",
    "-malloc_limit_mb=64",
]
MINIMISING_SECONDS = 15
CLOSING_SECONDS = 600


def compiler() -> str:
    """Clang: that of CLANG, else the newest in PATH."""
    if own := os.environ.get("CLANG"):
        return own
    found: dict[int, str] = {}
    for folder in os.get_exec_path():
        for path in Path(folder).glob("clang-[1-9]*"):
            if re.fullmatch(r"clang-\d+", path.name):
                found.setdefault(int(path.name.removeprefix("clang-")), str(path))
    plain = shutil.which("clang")
    if not found and not plain:
        raise build.Unavailable("there is no clang")
    return found[max(found)] if found else str(plain)


def make(sanitiser: str, planted: bool) -> Path:
    """Compiles the kernel and the harnesses to a fuzzer."""
    folder = FOLDER / (sanitiser + "-planted" * planted)
    folder.mkdir(parents=True, exist_ok=True)
    (FOLDER / "tables.h").write_text(guided_seeds.tables())
    for number in c_library.MODELS_READ:
        tables = np.load(build.ROOT / "src/apercu/weights" / MODELS[number].file)
        (FOLDER / f"model_{number}.c").write_text(tables_c.source_of(tables, number))
    target = folder / "fuzzer"
    flags = [*FLAGS, *SANITISERS[sanitiser], "-fsanitize=fuzzer", *["-DAPERCU_PLANT_OVERFLOW"] * planted]
    if sanitiser == "address-32" and CROSS_32.is_dir():
        flags += [f"-L{CROSS_32}", f"-Wl,-rpath,{CROSS_32},--dynamic-linker={CROSS_32 / 'ld-linux.so.2'}"]
    build._run([compiler(), *flags, *_sources(), "-o", str(target)])
    return target


def _sources() -> list[str]:
    files = [str(path) for folder in SOURCES for path in sorted(folder.glob("*.c"))]
    return [
        f"-I{FOLDER}",
        *(f"-I{folder}" for folder in SOURCES[1:]),
        *files,
        *(str(FOLDER / f"model_{number}.c") for number in c_library.MODELS_READ),
    ]


def environment() -> dict[str, str]:
    """With a program that gives addresses their names, where there is one."""
    version = re.search(r"clang-(\d+)$", compiler())
    symbolizer = shutil.which(f"llvm-symbolizer-{version[1]}") if version else shutil.which("llvm-symbolizer")
    paths = {f"{name}_SYMBOLIZER_PATH": symbolizer for name in ("ASAN", "MSAN", "UBSAN")} if symbolizer else {}
    return dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1", **paths)


def write_seeds() -> Path:
    """The folder of the inputs to begin with."""
    folder = FOLDER / "seeds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in guided_seeds.inputs(FOLDER / "models"):
        (folder / name).write_bytes(data)
    return folder


def fuzz(fuzzer: Path, options: argparse.Namespace) -> tuple[list[str], list[Path]]:
    """Runs the workers; the text of each, and the inputs that ended one."""
    corpus, findings = FOLDER / "corpus", fuzzer.parent / "findings"
    shutil.rmtree(findings, ignore_errors=True)
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    if options.plant:  # nothing that an earlier run learnt: the seeds have to do
        corpus = fuzzer.parent / "corpus"
        shutil.rmtree(corpus, ignore_errors=True)
        corpus.mkdir()
    seeds, running, logs = write_seeds(), [], []
    for number in range(options.workers):
        command = [str(fuzzer), *LIMITS, f"-max_total_time={options.seconds}", f"-seed={options.seed + number + 1}"]
        command += ["-print_final_stats=1", f"-artifact_prefix={findings}/"]
        command += [str(corpus), str(seeds)] if options.seconds else ["-runs=0", str(seeds)]
        logs.append(fuzzer.parent / f"log-{number}.txt")
        with logs[-1].open("w") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment()))
    until = time.monotonic() + options.seconds + CLOSING_SECONDS
    try:
        while any(process.poll() is None for process in running) and time.monotonic() < until:
            time.sleep(0.1)
            if options.plant and any(process.poll() for process in running):
                break
    except KeyboardInterrupt:
        print("interrupted")
    for process in running:
        process.kill()
        process.wait()
    return [log.read_text(errors="replace") for log in logs], sorted(findings.iterdir())


def summary(text: str) -> str:
    """What a sanitiser, libFuzzer or a broken claim says in one line."""
    lines = [line for line in text.splitlines() if line.startswith(("CLAIM BROKEN", "SUMMARY"))]
    return lines[0] if lines else "no summary"


def minimised(fuzzer: Path, finding: Path) -> Path:
    """A smaller input that ends in the same way, if one is found soon."""
    smaller = finding.with_name(finding.name + ".min")
    command = [str(fuzzer), "-minimize_crash=1", f"-max_total_time={MINIMISING_SECONDS}"]
    command += [f"-exact_artifact_path={smaller}", *LIMITS[2:], str(finding)]
    subprocess.run(command, capture_output=True, env=environment(), check=False)
    return smaller if smaller.exists() else finding


def replay(fuzzer: Path, path: str) -> int:
    """Runs one input; the exit code of the fuzzer."""
    return subprocess.run([str(fuzzer), *LIMITS[2:], path], env=environment(), check=False).returncode


def report(name: str, texts: list[str], seconds: float) -> int:
    """Prints what the workers did; returns how many inputs ran."""
    runs = sum(int(number) for text in texts for number in re.findall(r"number_of_executed_units: (\d+)", text))
    runs = runs or sum(max(map(int, re.findall(r"^#(\d+)", text, re.MULTILINE)), default=0) for text in texts)
    edges = [int(number) for text in texts for number in re.findall(r" cov: (\d+)", text)]
    total = re.search(r"(\d+) inline 8-bit counters", texts[0])
    print(
        f"{runs} inputs in {seconds:.0f} s, {runs / max(seconds, 1e-9):.0f} a second; {name}; "
        f"{max(edges, default=0)} of {total[1] if total else '?'} edges of kernel and harnesses"
    )
    return runs


def report_coverage() -> None:
    """Prints the lines of the kernel that all inputs of the corpus reach, counted by a build of their own."""
    folder = FOLDER / "coverage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [os.environ.get("CC", "cc"), "-std=c99", "-O0", "-g", "--coverage", "-DGUIDED_ALONE"]
    command += ["-DAPERCU_ONE_TARGET", "-DAPERCU_COVERAGE"]
    build._run([*command, *_sources(), "-o", str(folder / "runner")], cwd=folder)
    files = [str(path) for place in ("corpus", "seeds") for path in sorted((FOLDER / place).iterdir())]
    for start in range(0, len(files), 500):
        build._run([str(folder / "runner"), *files[start : start + 500]], cwd=folder)
    kernel = {path.name for folder in SOURCES[1:] for path in folder.iterdir()}
    n_code = n_ran = 0
    for name, (code, ran) in sorted(build.line_coverage(folder).items()):
        if name in kernel:
            n_code, n_ran = n_code + len(code), n_ran + len(ran)
            missed = ", ".join(map(str, sorted(code - ran)))
            print(f"  {name}: {len(ran)} of {len(code)} lines{'; not ' + missed if missed else ''}")
    print(f"line coverage of the kernel: {100 * n_ran / n_code:.1f} %")


def run(options: argparse.Namespace) -> int:
    """Compiles, fuzzes and reports; the exit code."""
    fuzzer = make(options.sanitiser, options.plant)
    if options.replay:
        return int(replay(fuzzer, options.replay) != 0)
    begin = time.monotonic()
    texts, findings = fuzz(fuzzer, options)
    report(f"{options.sanitiser} sanitiser, seed {options.seed}", texts, time.monotonic() - begin)
    ended = [text for text in texts if "SUMMARY" in text or "CLAIM BROKEN" in text]
    if not findings and not ended and any("Done" not in text for text in texts) and not options.plant:
        print(texts[0][-2000:])
        ended = texts[:1]
    for finding in findings:
        shown = finding if options.plant else minimised(fuzzer, finding)
        print(
            f"FINDING {shown}, {shown.stat().st_size} bytes; again: python fuzz/guided.py --sanitiser "
            f"{options.sanitiser} --replay {shown}"
        )
    for text in ended:
        print(f"  {summary(text)}")
    print(f"{len(findings)} finding{'s' * (len(findings) != 1)}")
    if options.coverage:
        report_coverage()
    return int(bool(findings or ended) != options.plant)


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="0: the first inputs alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--sanitiser", choices=SANITISERS, default="address")
    parser.add_argument("--replay", metavar="FILE", help="run an input in place of fuzzing")
    parser.add_argument("--coverage", action="store_true", help="also count the lines of the kernel that are reached")
    parser.add_argument("--plant", action="store_true", help="a kernel with a missing check, which has to be found")
    options = parser.parse_args()
    try:
        with build.alone(FOLDER):
            return run(options)
    except build.Unavailable as reason:
        print(f"cannot build the kernel for fuzzing: {reason}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
