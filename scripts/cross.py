"""The kernel on other machines: its every call for the conformance vectors, compared with those of this machine.

    python -m scripts.cross               and writes docs/machines.md, where every build could be made
    python -m scripts.cross --no-table    leaves the document alone
    python -m scripts.cross --some        one compiler for each machine, by turns; leaves the document alone
    python -m scripts.cross NAME …        these machines only; leaves the document alone
    python -m scripts.cross --packages    the packages of Debian that have the compilers and emulators

Other machines' programs run under qemu-user, those of Windows under Wine. Ends with 1 where a result differs.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from scripts.cross_calls import KERNEL, c_code, functions

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "machines.md"
OLDEST_CLANG = 14
LONGEST = 300  # seconds for one program
MISSING, DIFFERENT = "not run", "DIFFERENT"


class Machine(NamedTuple):
    """`triplet`: GCC's name. A program runs under each of `emulators`; where this is such a machine, the first time
    without."""

    about: str
    triplet: str
    emulators: tuple[str, ...]


MACHINES = {
    "x86_64": Machine("64 bits; AVX2, SSE2", "x86_64-linux-gnu", ("qemu-x86_64", "qemu-x86_64 -cpu Nehalem")),
    "i386": Machine("32 bits, no vectors", "i686-linux-gnu", ("qemu-i386",)),
    "aarch64": Machine("64 bits, NEON", "aarch64-linux-gnu", ("qemu-aarch64",)),
    "armel": Machine("32 bits, no vectors", "arm-linux-gnueabi", ("qemu-arm",)),
    "riscv64": Machine("64 bits, no vectors", "riscv64-linux-gnu", ("qemu-riscv64",)),
    "powerpc": Machine("32 bits, big-endian, no vectors", "powerpc-linux-gnu", ("qemu-ppc",)),
    "ppc64el": Machine("64 bits, AltiVec", "powerpc64le-linux-gnu", ("qemu-ppc64le",)),
    "s390x": Machine("64 bits, big-endian, no vectors", "s390x-linux-gnu", ("qemu-s390x",)),
}
WINDOWS = Machine("64 bits; a DLL, under Wine", "x86_64-w64-mingw32", ("wine",))
PACKAGES = (
    "qemu-user wine wine64 clang-14 clang gcc-mingw-w64-x86-64 gcc-x86-64-linux-gnu gcc-i686-linux-gnu "
    "gcc-aarch64-linux-gnu gcc-arm-linux-gnueabi gcc-riscv64-linux-gnu gcc-powerpc-linux-gnu "
    "gcc-powerpc64le-linux-gnu gcc-s390x-linux-gnu libc6-dev-i386-cross libc6-dev-arm64-cross libc6-dev-armel-cross "
    "libc6-dev-riscv64-cross libc6-dev-powerpc-cross libc6-dev-ppc64el-cross libc6-dev-s390x-cross"
)


class Build(NamedTuple):
    """A machine and the command that compiles for it; the command is empty where the compiler is missing."""

    name: str
    machine: Machine
    compiler: str
    command: tuple[str, ...]


def clangs() -> list[tuple[str, str]]:
    """(name, command) of the oldest clang from 14 on and of the newest, as far as there are any."""
    found = {}
    for number in range(OLDEST_CLANG, 100):
        if command := shutil.which(f"clang-{number}"):
            found[number] = command
    if command := shutil.which("clang"):
        found.setdefault(int(version(command).split(".")[0]), command)
    numbers = sorted(number for number in found if number >= OLDEST_CLANG)
    return [(f"clang {number}", found[number]) for number in dict.fromkeys(numbers[:1] + numbers[-1:])]


def version(command: str) -> str:
    """The version of a compiler, as it says."""
    text = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r" (\d+(?:\.\d+)+|\d+-win32)", text)
    return match.group(1) if match else "0"


def builds(names: list[str], some: bool = False) -> list[Build]:
    """All that are wanted of these machines. `some`: one for each, whose compiler is the newest clang, the oldest, and
    GCC by turns."""
    if some:
        each = [builds([name]) for name in names]
        return [of_one[(len(of_one) - 1 - place) % len(of_one)] for place, of_one in enumerate(each)]
    wanted: list[Build] = []
    for name in names:
        machine = MACHINES.get(name, WINDOWS)
        gcc = shutil.which(f"{machine.triplet}-gcc")
        wanted.append(Build(name, machine, "GCC", (gcc, "-O3") if gcc else ()))
        if machine is WINDOWS:
            continue
        options = "-O3", f"--target={machine.triplet}", "-isystem", f"/usr/{machine.triplet}/include"
        for compiler, command in clangs() or [("clang", "")]:  # it takes headers and libraries from GCC's
            wanted.append(Build(name, machine, compiler, (command, *options) if command and gcc else ()))
    return wanted


def runners(build: Build) -> list[list[str]] | None:
    """What to put before the program of a build, once for each run; None where something is missing."""
    libraries = Path("/usr", build.machine.triplet)
    found: list[list[str]] = []
    for emulator in build.machine.emulators:
        command = [] if not found and build.name == platform.machine() else emulator.split()
        if command and not shutil.which(command[0]):
            return None
        if command and build.machine is not WINDOWS and libraries.exists():
            command += ["-L", str(libraries)]
        found.append(command)
    return found


def run(build: Build, calls: Path, folder: Path, sources: Path = KERNEL) -> str:
    """Makes the library that Python would load and a program that calls it, and runs the program. Returns "identical",
    `MISSING`, or `DIFFERENT` with what was different. `folder` is that of `prepare`."""
    before = runners(build)
    if not build.command or before is None:
        return MISSING
    own = folder / f"{build.name}-{build.compiler.replace(' ', '-')}"
    own.mkdir(exist_ok=True)
    program = own / "replay.exe"
    if build.machine is WINDOWS:
        library, linking, finding = own / "_kernel.dll", ["-static-libgcc"], ["-static-libgcc"]
    else:
        library, finding = own / "_kernel.so", ["-Wl,-rpath,$ORIGIN"]
        linking = ["-fPIC", "-Wl,-z,defs", "-Wl,-soname,_kernel.so"]
    options = ["-std=c99", "-fvisibility=hidden", f"-I{sources}", f"-I{folder}"]
    kernel = [*options, "-shared", *linking, *map(str, sorted(sources.glob("*.c"))), "-o", str(library)]
    caller = [*options, *finding, str(ROOT / "scripts" / "cross_replay.c"), str(library), "-o", str(program)]
    for arguments in (kernel, caller):
        made = subprocess.run([*build.command, *arguments], capture_output=True, text=True)
        if made.returncode:
            return f"{DIFFERENT}: cannot be built: {made.stderr.strip()[-300:]}"
    env = os.environ | {"WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    for command in before:
        arguments = [*command, str(program), str(calls)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=LONGEST, env=env)
        said = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]
        if done.returncode or not said.endswith("identical"):
            return f"{DIFFERENT}: {said} (exit code {done.returncode})"
    return "identical"


def prepare(folder: Path) -> Path:
    """The calls of this machine, recorded in a process of its own, and the C code that makes them."""
    calls = folder / "calls.bin"
    (folder / "cross_calls.h").write_text(c_code(functions()), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "scripts.cross_record", str(calls)], cwd=ROOT, check=True)
    return calls


BY_HAND = ROOT / "scripts" / "machines_by_hand.md"
Results = dict[tuple[str, str], tuple[str, str]]
"""(version of the compiler, what came out) by name of the machine and of the compiler."""


def table(results: Results, n_calls: int) -> str:
    """docs/machines.md."""
    compilers = list(dict.fromkeys(compiler for name, compiler in results if name in MACHINES))
    files = json.loads((ROOT / "vectors" / "manifest.json").read_text())["files"]
    n_valid = sum(path.endswith("in.apc") for path in files)
    n_invalid = sum(path.startswith("invalid/") and path.endswith(".apc") for path in files)
    n_encoded = len(json.loads((ROOT / "tests" / "encoded.json").read_text()))
    lines = [
        "# Machines and compilers",
        "",
        "Written by `make cross`. On one machine it decodes all conformance vectors and encodes their sources, and",
        "records every call of the kernel, with all that goes in and all that comes out. It then makes the same calls",
        "on the others, in the library that Python loads. *Identical*: every number that comes out of every call is",
        "the same.",
        "",
        f"{n_valid} files decoded, {n_invalid} damaged files refused, {n_encoded} images encoded: {n_calls:,} calls.",
        "All compilers with `-O3`. The machines other than x86_64 are emulated by qemu-user.",
        "",
        "| machine | | " + " | ".join(compilers) + " |",
        "|---|---|" + "---|" * len(compilers),
    ]
    for name, machine in {**MACHINES, "windows": WINDOWS}.items():
        cells = [": ".join(results.get((name, compiler), ("", ""))).removeprefix(": ") for compiler in compilers]
        lines.append(f"| {name} | {machine.about} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n" + BY_HAND.read_text(encoding="utf-8")


def main() -> int:
    """Runs all builds, two at a time; 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*MACHINES, "windows"]))
    parser.add_argument("--no-table", action="store_true")
    parser.add_argument("--some", action="store_true")
    parser.add_argument("--packages", action="store_true")
    arguments = parser.parse_args()
    if arguments.packages:
        print(PACKAGES)
        return 0
    if unknown := set(arguments.names) - {*MACHINES, "windows"}:
        parser.error(f"there is no machine {', '.join(sorted(unknown))}")
    results: Results = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, ThreadPoolExecutor(2) as pool:
        folder = Path(scratch)
        calls = prepare(folder)
        wanted = builds(arguments.names or [*MACHINES, "windows"], arguments.some)
        for build, result in zip(wanted, pool.map(lambda build: run(build, calls, folder), wanted), strict=True):
            number = version(build.command[0]) if build.command else ""
            results[build.name, build.compiler] = number, result
            print(f"{build.name:8} {build.compiler:8} {number:8} {result}", flush=True)
        n_calls = int.from_bytes(calls.read_bytes()[-4:], "little")
    found = [result for _, result in results.values()]
    if missing := found.count(MISSING):
        print(f"{missing} of {len(found)} were not run: a compiler or an emulator is missing (--packages names them)")
    elif not arguments.no_table and not arguments.some and not arguments.names:
        TABLE.write_text(table(results, n_calls), encoding="utf-8")
    return int(any(result.startswith(DIFFERENT) for result in found))


if __name__ == "__main__":
    sys.exit(main())
