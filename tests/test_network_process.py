"""The process that a network of a user runs in: whatever happens to it, there is a ModelError here and no more."""

import gc
import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import apercu
from apercu.errors import MissingExtra, ModelError
from apercu.restore import network_process

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from onnx import TensorProto, helper  # after the check that it is there

from tests.test_networks import DATA, FLOAT, INT64, decoded, halved, ints, model, refused

ENDS = [("planes", [1, 25]), ("lack", [1, 24])]
SQUARE = np.zeros((1, 25, 4, 6), np.float32)
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and forks")
ROOT = Path(__file__).parents[1]


def run(program, folder, *options):
    """A program of Python, in a folder, with its own modules on the path last."""
    program = f"import sys; sys.path.append({str(ROOT)!r})\n{program}"
    call = [sys.executable, *options, "-c", program]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started meanwhile."""
    found, start = [], network_process._started
    monkeypatch.setattr(network_process, "_started", lambda: (found.append(start()), found[-1])[1])
    return found


def network():
    return network_process.of_user(halved().SerializeToString(), ENDS)


# --- Operators that end the process, or do not end


def computed(operator, element, left, right):
    """A division of integers that nobody sees before it is run."""
    nodes = [
        helper.make_node("Shape", ["first"], ["sides"]),
        helper.make_node("Gather", ["sides", "place"], ["one64"]),
        helper.make_node("Cast", ["one64"], ["one"], to=element),
        helper.make_node("Mul", ["one", "left"], ["a"]),
        helper.make_node("Mul", ["one", "right"], ["b"]),
        helper.make_node(operator, ["a", "b"], ["c"]),
        helper.make_node("Cast", ["c"], ["float"], to=FLOAT),
        helper.make_node("Add", ["first", "float"], ["lack"]),
    ]
    numbers = {"left": left, "right": right}
    return model(nodes, [ints("place", [0]), *(helper.make_tensor(k, element, [1], [v]) for k, v in numbers.items())])


def odd(operator, inputs, **attributes):
    """An operator without an input that it needs, or with an attribute out of its range."""
    node = helper.make_node(operator, inputs, ["odd"], **attributes)
    return model(
        [
            node,
            helper.make_node("ReduceMax", ["odd"], ["m"], keepdims=0),
            helper.make_node("Add", ["first", "m"], ["lack"]),
        ],
        [
            helper.make_tensor("data", FLOAT, [2, 2, 2], list(range(8))),
            helper.make_tensor("places", INT64, [2, 1], [1, 0]),
        ],
    )


KILLERS = [
    computed("Div", TensorProto.INT32, -(1 << 31), -1),
    computed("Div", INT64, -(1 << 63), -1),
    computed("Mod", TensorProto.INT32, -(1 << 31), -1),
    computed("Mod", INT64, -(1 << 63), -1),
    computed("Mod", INT64, 1, 0),
    *(odd("GatherND", ["data", "places"], batch_dims=n) for n in (-2, -128, -(1 << 31), -(1 << 62))),
    odd("LayerNormalization", ["data", "", "data"]),
    odd("Min", ["data", "data", ""]),
]


@pytest.mark.parametrize("made", KILLERS)
def test_an_operator_that_ends_a_process_is_a_model_error(tmp_path, capfd, made):
    """Or nothing, with a version or on a machine where it does no harm."""
    with suppress(ModelError):
        decoded(tmp_path / "a.onnx", made)
    assert not np.array_equal(decoded(tmp_path / "b.onnx", halved()), apercu.decode(DATA))
    assert capfd.readouterr() == ("", "")
    assert sorted(os.listdir(tmp_path)) == ["a.onnx", "b.onnx"]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other machines divide without a trap")
def test_the_message_says_what_it_died_of(tmp_path):
    said = refused(tmp_path / "a.onnx", KILLERS[0])
    assert said.startswith("cannot be run")
    if os.name == "posix" and "ends the process" in said:
        assert said == "cannot be run: it ends the process that runs it (SIGFPE)"


@pytest.mark.parametrize("equation", ["...ii>->...i", "...>i ->...i"])
def test_a_file_that_cannot_be_loaded_in_time_is_refused(tmp_path, monkeypatch, equation):
    """An equation that is read for ever."""
    monkeypatch.setattr(network_process, "LOADING_SECONDS", 3)
    assert refused(tmp_path / "a.onnx", odd("Einsum", ["data"], equation=equation))


@POSIX
def test_a_process_that_is_killed_is_a_model_error(started):
    run_network = network()
    assert run_network(SQUARE).shape == (1, 24, 4, 6)
    started[0].kill()
    for words in (r"ends the process that runs it \(SIGKILL\)", "cannot be run"):  # and from then on
        with pytest.raises(ModelError, match=words):
            run_network(SQUARE)


@POSIX
def test_a_process_that_does_not_answer_is_ended(started):
    run_network = network()
    started[0].send_signal(signal.SIGSTOP)  # hears of nothing, as in the middle of an operator
    begun = time.monotonic()
    with pytest.raises(ModelError, match=r"takes more than 0\.3 seconds"):
        run_network(SQUARE, 0.3)
    assert time.monotonic() - begun < 5
    assert started[0].wait(5) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("", "ends the process"),
        ("out(b'+')", "ends the process"),
        ("out((1 << 60).to_bytes(8, 'little') + b'+' * 5000)", "ends the process"),
        ("out((9).to_bytes(8, 'little') + b'+' * 9)", "no proper answer"),
        ("out((0).to_bytes(8, 'little'))", "no proper answer"),
        ("out((7).to_bytes(8, 'little') + b'-\\x1b[1m\\xff\\n')", r"\?\[1m"),
    ],
)
def test_an_answer_that_no_process_of_ours_gives(monkeypatch, program, words):
    """From one that the network has taken over, once both parts have been sent: before that a pipe would be broken."""
    heard = "ask = sys.stdin.buffer.read; [ask(int.from_bytes(ask(8), 'little')) for _ in range(2)]"
    program = f"import sys; out = sys.stdout.buffer.write; {heard}; {program}"
    call, pipe = [sys.executable, "-c", program], subprocess.PIPE
    monkeypatch.setattr(network_process, "_started", lambda: subprocess.Popen(call, stdin=pipe, stdout=pipe))
    with pytest.raises(ModelError, match=words) as caught:
        network()
    assert str(caught.value).isprintable()


# --- Its end


def test_it_ends_with_its_network(started, tmp_path):
    run_network = network()
    assert started[0].poll() is None
    del run_network
    gc.collect()
    assert started[0].poll() is not None
    decoded(tmp_path / "a.onnx", halved())
    gc.collect()
    with pytest.raises(ModelError) as caught:
        decoded(tmp_path / "a.onnx", model([helper.make_node("NoSuchThing", ["first"], ["lack"])]))
    assert caught.value is not None  # who keeps the error does not keep the process
    assert [process.poll() is None for process in started] == [False, False, False]


@POSIX
@pytest.mark.parametrize("endless", ["run", "load"])
def test_it_ends_with_its_parent_in_the_middle_of_work(tmp_path, endless):
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("no /proc")
    made = looping() if endless == "run" else odd("Einsum", ["data"], equation="...ii>->...i")
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    program = f"""
from apercu.restore import network_process
start = network_process._started
def started():
    process = start()
    print(process.pid, flush=True)
    return process
network_process._started = started
network_process.of_user(open("a.onnx", "rb").read(), {ENDS!r})
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE) as parent:
        stat = Path(f"/proc/{int(parent.stdout.readline())}/stat")
        until = time.monotonic() + 30
        while (used := processor_time(stat)) is not None and used < 70 and time.monotonic() < until:
            time.sleep(0.05)
        parent.kill()
    until = time.monotonic() + 10
    while processor_time(stat) is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert processor_time(stat) is None


def processor_time(stat):
    """Of a process, in ticks of 10 ms; None where it has ended."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[11])


# --- Where it is started


def test_a_program_without_a_guard_runs_once(tmp_path):
    """Nothing of the caller's program is run again, as `multiprocessing` would."""
    (tmp_path / "a.onnx").write_bytes(halved().SerializeToString())
    (tmp_path / "a.apc").write_bytes(DATA)
    program = """
import apercu
print("once")
apercu.decode(open("a.apc", "rb").read(), restore="cnn", network="a.onnx")
"""
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")


def test_no_module_of_the_working_folder_is_taken(tmp_path):
    (tmp_path / "a.onnx").write_bytes(halved().SerializeToString())
    (tmp_path / "a.apc").write_bytes(DATA)
    for name in ("json", "numpy", "onnxruntime", "resource", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("open('taken', 'w')")
    call = [sys.executable, "-P", "-m", "apercu", "decode", "a.apc", "a.png", "--restore", "cnn", "--network", "a.onnx"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "taken").exists()


@POSIX
def test_a_forked_child_leaves_it_alone(tmp_path):
    (tmp_path / "a.onnx").write_bytes(halved().SerializeToString())
    program = f"""
import os
import numpy as np
from apercu.restore import network_process
network = network_process.of_user(open("a.onnx", "rb").read(), {ENDS!r})
child = os.fork()
if child == 0:
    del network
    sys.exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
print(network(np.zeros((1, 25, 2, 2), np.float32)).shape)
"""
    done = run(program, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 24, 2, 2)\n", "")


def test_without_a_python_to_start(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ModelError, match="no Python"):
        network()
    monkeypatch.setattr(sys, "frozen", False)
    monkeypatch.setattr(network_process, "get_executable", lambda: "/no/such/python")
    with pytest.raises(ModelError, match="no process can be started"):
        network()


def test_without_onnx_runtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"apercu\[restore\]"):
        network()


# --- Loops without an end


def looping():
    """A loop whose condition is always true."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["again"]), helper.make_node("Neg", ["x"], ["y"])],
        "body",
        [info("i", INT64, []), info("c", TensorProto.BOOL, []), info("x", FLOAT, None)],
        [info("again", TensorProto.BOOL, []), info("y", FLOAT, None)],
    )
    loop = helper.make_node("Loop", ["", "yes", "first"], ["lack"], body=body)
    return model([loop], [helper.make_tensor("yes", TensorProto.BOOL, [], [True])])


def test_a_loop_without_an_end_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(network_process, "TRIAL_SECONDS", 0.5)
    assert "takes more than 0.5 seconds" in refused(tmp_path / "a.onnx", looping())


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_ends_a_loop_without_an_end(tmp_path):
    (tmp_path / "a.onnx").write_bytes(looping().SerializeToString())
    (tmp_path / "a.apc").write_bytes(DATA)
    call = (
        "import sys; from apercu.cli.main import main; from apercu.restore import network_process as p; "
        "run = p._stoppable; "
        "p._stoppable = lambda *a: (print('runs', flush=True), run(*a))[1]; sys.exit(main())"
    )
    call = [sys.executable, "-c", call, "decode", "a.apc", "a.png", "--restore", "cnn", "--network", "a.onnx"]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"runs\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.wait(30) == 130
        assert time.monotonic() - begun < 8
        assert process.stderr.read() == b"apercu: interrupted\n"
    assert not (tmp_path / "a.png").exists()
