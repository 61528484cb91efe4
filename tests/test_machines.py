"""Other machines and compilers: the kernel's known answers, what compilers must not do, and the tool that compares."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import apercu.kernel
from scripts import cross, cross_calls

ROOT = Path(__file__).resolve().parents[1]
KERNEL = ROOT / "src" / "apercu" / "kernel"
PARTS = (
    *("samples", "wavelet", "bands", "range coder", "dual autoencoder", "Huffman coder", "fill"),
    *("symbol maps", "DCT", "masks"),
)
ASKED = re.compile(r'\bfunction\("(\w+)", "(\w*)"\)')

# A change that a wrong compiler might have made: file, what stands there, what comes in its place, the parts that it
# breaks. Arithmetic, one in each family; what several families share breaks each of them.
PLANTED = {
    "luma": ("samples.c", "blue[x] + COLOUR_HALF) >>", "blue[x]) >>", {"samples"}),
    "chroma": ("samples.c", "column[x] + 8, 4)", "column[x] + 7, 4)", {"samples"}),
    "scale": ("samples_scale.h", "by.factor + by.half)", "by.factor)", {"samples"}),
    "store": ("samples.c", "out[x] = (uint8_t)round_sample(in[x]);", "out[x] = (uint8_t)(in[x] >> 5);", {"samples"}),
    "lift": ("wavelet_lift.h", "(a * factor >> 16)", "((a * factor + 32768) >> 16)", {"wavelet", "bands"}),
    "border": ("wavelet_border.c", "more >> FRACTION", "(more + WHOLE / 2) >> FRACTION", {"wavelet", "bands"}),
    "none kept": ("wavelet_border.c", "    return n;", "    return 0 * n;", {"wavelet", "bands"}),
    "all kept": ("wavelet_border.c", "    return n;", "    return n + 99999;", {"wavelet"}),
    "price": ("choice.h", "weight) + bit_price * (expense)cost", "weight) - bit_price * (expense)cost",
              {"bands", "symbol maps"}),
    "weight": ("choice.h", "error * weight >> 8", "error * weight >> 7", {"bands"}),
    "around": ("band_around.h", "2 * load(column + x + 1)", "1 * load(column + x + 1)", {"bands"}),
    "step": ("band_step.h", "(step & 63) + 32) >> 6", "(step & 63) + 31) >> 6", {"bands"}),
    "learn": ("range_context.h", "(65536 - slow) >> slow", "(65535 - slow) >> slow",
              {"bands", "range coder", "symbol maps", "masks"}),
    "starts": ("range_coder.c", "range_context_at(s[0], s[1]", "range_context_at(s[0], s[1] / 2 + 1", {"range coder"}),
    "latent": ("dual_ae.c", "sum + (1 << 15), 16", "sum + (1 << 14), 16", {"dual autoencoder"}),
    "energy": ("dual_ae.c", "* (1 << 13) + z", "* (1 << 12) + z", {"dual autoencoder"}),
    "synthesis": ("dual_ae.c", "sum[i] = 1 << 11", "sum[i] = 1 << 10", {"dual autoencoder"}),
    "drop": ("dual_code.c", "16 * *gain > bit_price", "4 * *gain > bit_price", {"Huffman coder"}),
    "codes": ("huffman.c", "(word + n_of[d - 1]) << 1", "(word + n_of[d - 1] + (d == 5)) << 1",
              {"Huffman coder", "symbol maps"}),
    "above": ("map_around.h", "nn * far[x]", "nn * above[x]", {"symbol maps"}),
    "beside": ("map_around.h", "here[(ptrdiff_t)x - 1] + here[x + 1]", "here[x] + here[x + 1]", {"symbol maps"}),
    "four": ("map_around.h", "most : a + b + c + d", "most : a + b + c", {"symbol maps"}),
    "totals": ("map_around.h", "(uint32_t)sums[x] + values[x];", "(uint32_t)sums[x];", {"symbol maps"}),
    "plane": ("map_predict.h", "w + n - nw;", "w + n - ne;", {"symbol maps"}),
    "ends": ("map_huffman.c", "length_of(run) - 1", "length_of(run - 1) - (run < 2 ? 0 : 1)", {"symbol maps"}),
    "absent": ("map_code.c", "[y * p->width + x] = chosen;", "[y * p->width + x] = 0;", {"symbol maps"}),
    "best": ("map_huffman_choice.c", "price) - of_zero", "price)", {"symbol maps"}),
    "forward": ("dct.c", "ODD[k][i] * (in[i][x] - in[7 - i][x])", "ODD[i][k] * (in[i][x] + in[7 - i][x])", {"DCT"}),
    "inverse": ("dct.c", "int32_t even = 1 << (shift - 1)", "int32_t even = 1 << (shift - 2)", {"DCT"}),
    "expected": ("dct_synthesis.c", "sum + 2048, 12", "sum + 2047, 12", {"DCT"}),
    "smooth": ("dct_synthesis.c", "q1 + after", "q1 - after", {"DCT"}),
    "line": ("mask_line.h", "l->least = l->here - l->a - l->b + 1;", "l->least = l->here - l->a - l->b;", {"masks"}),
    "look back": ("mask_outline.h", "n_steps / 2 + 1", "n_steps / 2 + 2", {"masks"}),
    "template": ("mask_pixels.h", "now & 7", "now & 3", {"masks"}),
    "weigh": ("fill.c", "(sum + total / 2) / total", "sum / total", {"fill"}),
    "enlarge": ("fill.c", "sums[x + 2] + 8) >> 4", "sums[x + 2] + 7) >> 4", {"fill"}),
}  # fmt: skip


def planted(folder, file="api.h", old="", new=""):
    """A copy of the kernel's sources with a change."""
    copy = folder / "kernel"
    shutil.copytree(KERNEL, copy, ignore=shutil.ignore_patterns("_kernel.*", "__pycache__"))
    text = (copy / file).read_text()
    assert text.count(old) >= 1, f"{file} has no {old!r}"
    (copy / file).write_text(text.replace(old, new))
    return copy


def compiler(name=None):
    found = shutil.which(name or os.environ.get("CC", "cc"))
    if not found:
        pytest.skip(f"there is no compiler {name}")
    return found


def known_answers(files, folder, *command, before=()):
    """What the program that runs at the build prints, and its exit code."""
    program = folder / "known_answers"
    subprocess.run([*command, "-std=c99", *map(str, files), "-o", str(program)], check=True)
    done = subprocess.run([*before, str(program)], capture_output=True, text=True)
    return done.stderr, done.returncode


def sources_of(kernel):
    return [*sorted(kernel.glob("*.c")), kernel / "at_build" / "known_answers.c"]


# --- Names -----------------------------------------------------------------------------------------


def asked():
    """Every function of the kernel that Python asks for, with the letters of its arguments."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    return {name: letters for text in texts for name, letters in ASKED.findall(text)}


def test_the_library_has_every_name_that_python_asks_for():
    names = asked()
    assert len(names) >= 31
    for name in names:
        assert hasattr(apercu.kernel.library, name), name


def test_python_and_c_agree_on_the_arguments():
    declared = {function.name: function.letters for function in cross_calls.functions()}
    assert asked() == declared


@pytest.mark.parametrize("name", ["gcc", *(name.replace(" ", "-") for name, _ in cross.clangs())])
def test_the_library_of_each_compiler_has_every_name(name, tmp_path):
    library = tmp_path / "_kernel.so"
    options = ["-std=c99", "-O0", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-z,defs"]
    if sys.platform != "linux":
        pytest.skip("the linker's options are those of Linux")
    subprocess.run([compiler(name), *options, *map(str, KERNEL.glob("*.c")), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    for wanted in asked():
        assert hasattr(loaded, wanted), wanted


def test_only_static_functions_are_compiled_twice():
    """clang 14 to 17 leave the name of an exported one out of the library."""
    for path in KERNEL.glob("*.[ch]"):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for what in re.findall(r"^ *APERCU_VECTORISED\s+(\w+)", code, re.MULTILINE):
            assert what == "static", path.name


# --- Known answers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """Every file of the kernel, compiled, with the names of the files that it is made of."""
    folder = tmp_path_factory.mktemp("objects")
    made = {}
    for source in sources_of(KERNEL):
        made[source.name] = folder / f"{source.stem}.o", folder / f"{source.stem}.d"
        options = ["-std=c99", "-O0", "-MMD", "-c", str(source), "-o", str(made[source.name][0])]
        subprocess.run([compiler(), *options], check=True)
    return {name: (out, re.findall(r"[\w.]+\.[ch]\b", notes.read_text())) for name, (out, notes) in made.items()}


def test_the_kernel_gives_its_known_answers(objects, tmp_path):
    assert known_answers([out for out, _ in objects.values()], tmp_path, compiler()) == ("", 0)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_shows_in_its_part(objects, name, tmp_path):
    file, old, new, parts = PLANTED[name]
    copy = planted(tmp_path, file, old, new)
    files = [source if file in objects[source.name][1] else objects[source.name][0] for source in sources_of(copy)]
    said, code = known_answers(files, tmp_path, compiler(), "-O0")
    assert code == 1
    assert said.startswith("apercu: the compiler made wrong code of the kernel: ")
    assert said.endswith(". Take another compiler (CC=...) or a newer one. Nothing is built.\n")
    assert {part for part in PARTS if part in said} == parts


def test_every_part_has_a_planted_fault():
    assert set().union(*(parts for *_, parts in PLANTED.values())) == set(PARTS)


def test_a_workspace_that_is_too_small_is_refused():
    function = apercu.kernel.function
    size = function("apercu_self_test_workspace", "")()
    workspace = np.empty(size // 8 + 1, np.uint64)
    assert function("apercu_self_test", "as")(apercu.kernel.address(workspace), size - 1) == -1
    assert function("apercu_self_test", "as")(apercu.kernel.address(workspace), size) == 0


@pytest.mark.slow
def test_the_build_fails_where_the_compiler_makes_wrong_code(tmp_path):
    cmake = shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))
    if not cmake:
        pytest.skip("there is no cmake")
    source = tmp_path / "source"
    (source / "src" / "apercu").mkdir(parents=True)
    shutil.copy(ROOT / "CMakeLists.txt", source)
    planted(source / "src" / "apercu", *PLANTED["weigh"][:3])
    objects = tmp_path / "objects"
    command = [cmake, "-S", str(source), "-B", str(objects), "-DCMAKE_BUILD_TYPE=Debug"]
    subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run([cmake, "--build", str(objects)], capture_output=True, text=True)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "apercu: the compiler made wrong code of the kernel: fill. Take another compiler" in said


def test_the_import_fails_where_the_kernel_is_wrong(tmp_path):
    if sys.platform != "linux":
        pytest.skip("the library has another name")
    package = tmp_path / "apercu"
    shutil.copytree(ROOT / "src" / "apercu", package, ignore=shutil.ignore_patterns("__pycache__", "_kernel.*"))
    sources = planted(tmp_path, *PLANTED["lift"][:3])
    library = package / "kernel" / "_kernel.so"
    command = [compiler(), "-std=c99", "-O0", "-fPIC", "-shared", *map(str, sources.glob("*.c")), "-o", str(library)]
    subprocess.run(command, check=True)
    program = "try:\n import apercu\nexcept ImportError as error:\n print(error)"
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert done.stdout == (
        "apercu's kernel was miscompiled: wrong results of wavelet, bands. Install the package again with another "
        "compiler (CC=...) or a newer one\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["riscv64", "i386"])
def test_what_gcc_12_makes_wrong_is_kept_from_it_and_would_show(name, tmp_path):
    machine = cross.MACHINES[name]
    gcc, emulator = compiler(f"{machine.triplet}-gcc"), shutil.which(machine.emulators[0])
    if not emulator:
        pytest.skip(f"there is no {machine.emulators[0]}")
    if not re.match(r"12\.[012]\.", cross.version(gcc)):
        pytest.skip("another version of GCC")
    subprocess.run([gcc, "-O3", "-std=c99", "-c", *map(str, sources_of(KERNEL))], check=True, cwd=tmp_path)
    objects = sorted(tmp_path.glob("*.o"))
    assert known_answers(objects, tmp_path, gcc, "-static", before=[emulator]) == ("", 0)
    trusting = planted(tmp_path, "api.h", '#pragma GCC optimize("no-tree-vectorize")', "")
    files = [trusting / "wavelet.c" if path.stem == "wavelet" else path for path in objects]
    said, code = known_answers(files, tmp_path, gcc, "-O3", "-static", before=[emulator])
    assert code == 1
    assert "wavelet" in said


# --- The calls on other machines -------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(folder, calls) as the tool prepares them."""
    folder = tmp_path_factory.mktemp("cross")
    return folder, cross.prepare(folder)


def native():
    if sys.platform != "linux":
        pytest.skip("the linker's options are those of Linux")
    about = cross.Machine("this machine", "none", ("none",))
    return cross.Build(os.uname().machine, about, "GCC", (compiler(), "-O0"))


def test_this_machine_makes_its_own_calls_again(recorded):
    folder, calls = recorded
    assert cross.run(native(), calls, folder) == "identical"


@pytest.mark.parametrize("name", ["scale", "lift", "step"])
def test_a_planted_fault_is_found(recorded, tmp_path, name):
    folder, calls = recorded
    sources = planted(tmp_path, *PLANTED[name][:3])
    assert re.match(r"DIFFERENT: .*apercu_\w+: (argument|returns)", cross.run(native(), calls, folder, sources))


def test_a_name_that_is_missing_is_found(recorded, tmp_path):
    folder, calls = recorded
    sources = planted(tmp_path, "samples.h", "APERCU_API int64_t apercu_load_u8", "int64_t apercu_load_u8")
    assert cross.run(native(), calls, folder, sources).startswith("DIFFERENT: cannot be built: ")


def test_a_file_of_calls_that_was_cut_is_no_success(recorded):
    folder, calls = recorded
    cut = folder / "cut.bin"
    cut.write_bytes(calls.read_bytes()[:-9])
    assert cross.run(native(), cut, folder) == "DIFFERENT: the file of calls ends early (exit code 2)"


def test_no_call_reaches_beyond_its_arrays_nor_counts_on_their_alignment(recorded):
    folder, calls = recorded
    program = folder / "sanitised"
    options = ["-std=c99", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{KERNEL}"]
    files = [str(ROOT / "scripts" / "cross_replay.c"), *map(str, KERNEL.glob("*.c"))]
    command = [compiler(), *options, f"-I{folder}", *files, "-o", str(program)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode and "san" in made.stderr:
        pytest.skip("the compiler has no sanitisers")
    assert made.returncode == 0
    done = subprocess.run([str(program), str(calls)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_compiler_that_is_missing_is_said_to_be(recorded, monkeypatch):
    folder, calls = recorded
    monkeypatch.setattr(cross.shutil, "which", lambda name: None)
    found = cross.builds(["s390x", "windows"])
    assert [build.compiler for build in found] == ["GCC", "clang", "GCC"]
    assert [cross.run(build, calls, folder) for build in found] == ["not run"] * 3


def test_some_builds_have_every_machine_and_every_compiler_several_kinds(monkeypatch):
    monkeypatch.setattr(cross, "clangs", lambda: [("clang 14", "old"), ("clang 22", "new")])
    found = cross.builds([*cross.MACHINES, "windows"], some=True)
    assert [build.name for build in found] == [*cross.MACHINES, "windows"]
    for compiler in ("GCC", "clang 14", "clang 22"):
        about = " ".join(build.machine.about for build in found if build.compiler == compiler)
        assert "32 bits" in about
        assert "64 bits" in about
    assert {build.compiler for build in found if "big-endian" in build.machine.about} == {"GCC", "clang 14"}


def test_the_table_says_what_was_different():
    results = {
        (name, which): ("12.2.0", "identical") for name in cross.MACHINES for which in ("GCC", "clang 14", "clang 22")
    }
    results["s390x", "clang 14"] = "14.0.6", "DIFFERENT: call 7"
    results["windows", "GCC"] = "12-win32", "identical"
    text = cross.table(results, 3903)
    assert text.count("identical") == 24
    assert (
        "| s390x | 64 bits, big-endian, no vectors | 12.2.0: identical | 14.0.6: DIFFERENT: call 7 | 12.2.0: " in text
    )
    assert "3,903 calls" in text


def test_the_document_has_eight_machines_by_three_compilers():
    text = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")
    for name in ("x86_64", "i386", "aarch64", "armel", "riscv64", "powerpc", "ppc64el", "s390x"):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        assert line.count(": identical") == 3
