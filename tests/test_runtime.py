"""ONNX Runtime as apercu runs it: it calls nobody, writes nothing, and a forked child ends."""

import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("onnxruntime")

PROGRAM = """
import os, sys, time
import numpy as np
import apercu
from scripts.pictures import scene
data = apercu.encode(np.tile(scene(80, 80, 3, 3), (2, 2, 1)), quality=45)
assert not np.array_equal(apercu.decode(data, restore="cnn"), apercu.decode(data))
time.sleep(float(sys.argv[1]))  # what is sent from another thread shows
if "fork" in sys.argv:
    child = os.fork()
    if child == 0:
        sys.exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
"""
TRACED = "trace=socket,connect,sendto,sendmsg,sendmmsg"


def environment(folder):
    """Only what a process needs, so that all that it writes goes below the folder."""
    places = {name: str(folder / name.lower()) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    for place in places.values():
        os.mkdir(place)
    return places | {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


@pytest.fixture(scope="module", autouse=True)
def traced(tmp_path_factory):
    """A process that waits as long as it would take to call somebody, and its trace: meanwhile the other tests run."""
    if shutil.which("strace") is None:
        yield None
        return
    folder = tmp_path_factory.mktemp("traced")
    call = ["strace", "-f", "-qq", "-e", TRACED, "-o", str(folder / "trace"), sys.executable, "-c", PROGRAM, "10"]
    with subprocess.Popen(call, env=environment(folder), stderr=subprocess.PIPE, text=True) as process:
        yield process, folder / "trace"
        process.kill()


def test_nothing_is_left_behind_and_a_forked_child_ends(tmp_path):
    call = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, "1"]
    call += ["fork"] if hasattr(os, "fork") else []
    done = subprocess.run(call, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_who_wants_the_telemetry_keeps_it():
    program = "import os; from apercu.restore.runtime import _imported; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    program = program.replace("; print", "; _imported(); print")
    for set_to, found in ((None, "1"), ("1", "1"), ("0", "0")):
        given = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        given |= {} if set_to is None else {"ORT_DISABLE_TELEMETRY": set_to}
        if set_to == "0":  # without an import, which would call somebody
            program = program.replace("_imported(); print", "sys.modules['onnxruntime'] = os; _imported(); print")
            program = program.replace("import os;", "import os, sys;")
        done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == found


def test_one_module_imports_it():
    root = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = []
    for folder in ("src", "scripts", "fuzz"):
        for where, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                path = os.path.join(where, name)
                if name.endswith(".py"):
                    with open(path, encoding="utf-8") as file:
                        text = file.read()
                    if "import onnxruntime" in text or "from onnxruntime" in text:
                        found.append(os.path.relpath(path, root))
    assert found == [os.path.join("src", "apercu", "restore", "runtime.py")]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace to see the calls of the system")
def test_nobody_is_called(traced):
    """At last, when much of the waiting is over."""
    process, trace = traced
    said = process.communicate(timeout=120)[1]
    if not trace.exists() or "ptrace" in said:
        pytest.skip(f"strace may not be used here: {said}")
    assert process.returncode == 0, said
    assert trace.read_text() == ""
