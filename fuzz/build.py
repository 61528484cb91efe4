"""Builds of the package that only the fuzzer runs: with sanitisers, for coverage, with a planted fault."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for scripts

from scripts import c_library  # noqa: E402

OPTIONS = {
    "plain": [],
    "sanitised": ["-DAPERCU_SANITIZE=ON"],
    "planted": ["-DAPERCU_SANITIZE=ON", "-DAPERCU_PLANT_OVERFLOW=ON"],
    "coverage": ["-DAPERCU_COVERAGE=ON"],
}
SANITISED_C = "-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"
SANITISERS = {
    # Python never frees all it has; a wrong size that asks for much is a finding, and so is a process that grows.
    "ASAN_OPTIONS": "detect_leaks=0:max_allocation_size_mb=64:allocator_may_return_null=1:hard_rss_limit_mb=1024:"
    "quarantine_size_mb=16:handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


class Unavailable(Exception):
    """Something that a build needs is missing on this machine; the message says what."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps it for one run at a time, since each builds and counts in it: others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another run is in {folder}; this one begins when it ends", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(kind: str, folder: Path) -> Path:
    """Compiles the kernel as `kind` says and returns the folder to put on PYTHONPATH."""
    cmake = shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))
    if not cmake:
        raise Unavailable("there is no cmake")
    if kind in ("sanitised", "planted"):
        runtime_libraries()
    objects, package = folder / "objects", folder / "package"
    _run([cmake, "-S", str(ROOT), "-B", str(objects), f"-DCMAKE_INSTALL_PREFIX={package}", *OPTIONS[kind]])
    _run([cmake, "--build", str(objects), "--parallel", "2"])
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(
        ROOT / "src" / "apercu", package / "apercu", ignore=shutil.ignore_patterns("__pycache__", "_kernel.*")
    )
    _run([cmake, "--install", str(objects)])
    if kind == "sanitised":
        c_library.build(folder / "c", *SANITISED_C)
    return package


def environment(kind: str, package: Path | None) -> dict[str, str]:
    """The environment of a process that imports such a package; without one, that which is installed."""
    env = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    if package is None:
        return env
    env |= {"PYTHONPATH": str(package), "PYTHONMALLOC": "malloc"}
    if kind in ("sanitised", "planted"):
        env |= SANITISERS | {"LD_PRELOAD": " ".join(runtime_libraries())}
    return env


def runtime_libraries() -> list[str]:
    """The sanitisers' libraries, which a Python that was built without them has to load first."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if not compiler:
        raise Unavailable("there is no C compiler")
    found = []
    for name in ("libasan.so", "libubsan.so"):
        path = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
        if not Path(path.strip()).is_absolute():
            raise Unavailable(f"the compiler {compiler} brings no {name} (GCC on Linux does)")
        found.append(str(Path(path.strip()).resolve()))
    return found


def line_coverage(folder: Path) -> dict[str, tuple[set[int], set[int]]]:
    """Lines of code and those that ran, for each file of the kernel, once the processes of a "coverage" build ended."""
    gcov = shutil.which("gcov")
    if not gcov:
        raise Unavailable("there is no gcov")
    notes = sorted(str(path) for path in folder.rglob("*.gcda"))
    text = _run([gcov, "--stdout", "--preserve-paths", *notes], cwd=folder)
    files: dict[str, tuple[set[int], set[int]]] = {}
    code: set[int] = set()
    ran: set[int] = set()
    for line in text.splitlines():
        count, number, rest = ([part.strip() for part in line.split(":", 2)] + ["", ""])[:3]
        if number == "0" and rest.startswith("Source:"):
            code, ran = files.setdefault(Path(rest.removeprefix("Source:")).name, (set(), set()))
        elif number.isdigit() and number != "0" and count != "-":
            code.add(int(number))
            if not count.startswith(("#", "=")):
                ran.add(int(number))
    return files


def _run(command: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:3])} … failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
