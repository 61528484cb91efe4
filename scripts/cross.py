"""The kernel on other machines: every call of it for the conformance vectors, by each compiler, compared with this machine's.

    python -m scripts.cross               and writes docs/machines.md, where every build could be made
    python -m scripts.cross --no-table    leaves the document alone
    python -m scripts.cross NAME …        these machines only; leaves the document alone

Another machine's program runs under qemu-user, a Windows one under Wine. Ends with 1 where a result differs, and says what
is missing where a compiler is; on Debian: see PACKAGES.
"""

import argparse
import json
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


class Machine(NamedTuple):
    """`triplet`: GCC's name. `emulators`: its program runs under each; under the first only where it does not run by itself."""

    about: str
    triplet: str
    emulators: tuple[str, ...]


MACHINES = {
    "x86_64": Machine("64 bits; with AVX2 and without", "x86_64-linux-gnu", ("qemu-x86_64", "qemu-x86_64 -cpu Nehalem")),
    "i386": Machine("32 bits, no vectors", "i686-linux-gnu", ("qemu-i386",)),
    "aarch64": Machine("64 bits", "aarch64-linux-gnu", ("qemu-aarch64",)),
    "armel": Machine("32 bits, no vectors", "arm-linux-gnueabi", ("qemu-arm",)),
    "riscv64": Machine("64 bits, no vectors", "riscv64-linux-gnu", ("qemu-riscv64",)),
    "powerpc": Machine("32 bits, big-endian, no vectors", "powerpc-linux-gnu", ("qemu-ppc",)),
    "ppc64el": Machine("64 bits", "powerpc64le-linux-gnu", ("qemu-ppc64le",)),
    "s390x": Machine("64 bits, big-endian, no vectors", "s390x-linux-gnu", ("qemu-s390x",)),
}
WINDOWS = Machine("64 bits; a DLL, under Wine", "x86_64-w64-mingw32", ("wine",))
MISSING, DIFFERENT = "not run", "DIFFERENT"


class Build(NamedTuple):
    """A machine and the command that compiles for it."""

    name: str
    machine: Machine
    compiler: str
    command: tuple[str, ...]


def clangs() -> list[tuple[str, str]]:
    """(version, command) of the oldest clang from 14 on and of the newest, as far as there are any."""
    found = {}
    for number in range(OLDEST_CLANG, 100):
        if command := shutil.which(f"clang-{number}"):
            found[number] = command
    if command := shutil.which("clang"):
        found.setdefault(int(version(command).split(".")[0]), command)
    numbers = sorted(number for number in found if number >= OLDEST_CLANG)
    return [(f"clang {number}", found[number]) for number in dict.fromkeys((numbers[:1] + numbers[-1:]))]


def version(command: str) -> str:
    """The version of a compiler, as it says."""
    text = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r" (\d+(?:\.\d+)+|\d+-win32)", text)
    return match.group(1) if match else "?"


def builds(names: list[str]) -> list[Build]:
    """All that are wanted; the command of one whose compiler is missing is empty."""
    wanted: list[Build] = []
    for name in names:
        machine = MACHINES.get(name, WINDOWS)
        gcc = shutil.which(f"{machine.triplet}-gcc") or shutil.which(f"{machine.triplet}-gcc-12")
        wanted.append(Build(name, machine, "GCC", (gcc,) if gcc else ()))
        if machine is WINDOWS:
            continue
        headers = f"/usr/{machine.triplet}/include"
        for compiler, command in clangs() or [("clang", "")]:
            options = (command, f"--target={machine.triplet}", "-isystem", headers) if command and gcc else ()
            wanted.append(Build(name, machine, compiler, options))
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
    options = ["-O3", "-std=c99", "-fvisibility=hidden", f"-I{sources}", f"-I{folder}"]
    kernel = [*options, "-shared", *linking, *map(str, sorted(sources.glob("*.c"))), "-o", str(library)]
    caller = [*options, *finding, str(ROOT / "scripts" / "cross_replay.c"), str(library), "-o", str(program)]
    for arguments in (kernel, caller):
        made = subprocess.run([*build.command, *arguments], capture_output=True, text=True)
        if made.returncode:
            return f"{DIFFERENT}: cannot be built: {made.stderr.strip()[-300:]}"
    for command in before:
        done = subprocess.run([*command, str(program), str(calls)], capture_output=True, text=True, timeout=LONGEST)
        said = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]
        if done.returncode or not said.endswith("identical"):
            return f"{DIFFERENT}: {said} (exit code {done.returncode})"
    return "identical"


def prepare(folder: Path) -> Path:
    """The calls of this machine, in a process of its own, and the C code that makes them."""
    calls = folder / "calls.bin"
    (folder / "cross_calls.h").write_text(c_code(functions()), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "scripts.cross_record", str(calls)], cwd=ROOT, check=True)
    return calls


def table(results: dict[tuple[str, str], str], versions: dict[tuple[str, str], str], n_calls: int) -> str:
    """docs/machines.md."""
    compilers = list(dict.fromkeys(compiler for name, compiler in results if name != "windows"))
    manifest = json.loads((ROOT / "vectors" / "manifest.json").read_text())["files"]
    n_valid = sum(path.endswith("in.apc") for path in manifest)
    n_invalid = sum(path.startswith("invalid/") and path.endswith(".apc") for path in manifest)
    n_encoded = len(json.loads((ROOT / "tests" / "encoded.json").read_text()))
    lines = [
        "# Machines and compilers",
        "",
        "Written by `make cross`. It decodes all conformance vectors and encodes their sources on one machine, records every call of "
        "the kernel, with all that goes in and all that comes out, and makes the same calls on the others. `identical`: every "
        "number of every call is the same.",
        "",
        f"{n_valid} files decoded, {n_invalid} damaged ones refused, {n_encoded} images encoded: {n_calls:,} calls. All compilers "
        "with `-O3`. Machines other than x86_64 are emulated by qemu-user.",
        "",
        "| machine | | " + " | ".join(compilers) + " |",
        "|---|---|" + "---|" * len(compilers),
    ]
    for name, machine in MACHINES.items():
        cells = [f"{versions[name, c]}: {results[name, c]}" for c in compilers]
        lines.append(f"| {name} | {machine.about} | " + " | ".join(cells) + " |")
    windows = f"{versions['windows', 'GCC']} (mingw-w64): {results['windows', 'GCC']}"
    lines += [
        f"| windows | {WINDOWS.about} | {windows} | " + " | ".join("" for _ in compilers[1:]) + " |",
        "",
        "The kernel has a self-test besides (`apercu_self_test`), which runs when the package is built and when Python imports it. GCC "
        "12.0 to 12.2 makes wrong code of it on processors without vectors, unless `api.h` stops that.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Runs all builds, two at a time; 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *MACHINES, "windows"], metavar="NAME")
    parser.add_argument("--no-table", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or [*MACHINES, "windows"]
    results: dict[tuple[str, str], str] = {}
    versions: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        folder = Path(scratch)
        calls = prepare(folder)
        wanted = builds(names)
        for build, result in zip(wanted, pool.map(lambda build: run(build, calls, folder), wanted), strict=True):
            key = build.name, build.compiler
            results[key] = result
            versions[key] = version(build.command[0]) if build.command else ""
            print(f"{build.name:8} {build.compiler} {versions[key]}: {result}", flush=True)
        n_calls = int.from_bytes(calls.read_bytes()[-4:], "little")
    missing = sum(result == MISSING for result in results.values())
    if missing:
        print(f"{missing} of {len(results)} were not run: a compiler or an emulator is missing. Debian: apt install {PACKAGES}")
    elif not arguments.no_table and not arguments.names:
        TABLE.write_text(table(results, versions, n_calls), encoding="utf-8")
    return int(any(result.startswith(DIFFERENT) for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
