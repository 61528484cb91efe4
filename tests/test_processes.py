"""Processes that work for another: they end with it, however it ends, and what goes wrong in them is told."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from apercu.processes import in_order, pool
from scripts.pictures import scene
from tests.pipes import meanwhile

linux = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc to find processes in")


# --- What is asked of them


def square(number):
    return number * number


def slow_square(number):
    time.sleep(0.2 if number == 0 else 0)
    return number * number


def wrong(kind):
    if kind == "end":
        os._exit(9)
    if kind == "exit":
        sys.exit(3)
    if kind == "lambda":
        return lambda: 1
    if kind == "odd":
        raise Odd(1, 2)
    raise ConnectionResetError("of the work's own")


class Odd(Exception):
    """One that cannot be made again from its arguments."""

    def __init__(self, first, second):
        super().__init__(first)


def large(n_bytes):
    return bytes(n_bytes)


def when_done(_):
    return time.monotonic()


def length_and_more(data):
    return len(data), bytes(1_000_000)


def streams(_):
    os.write(1, b"to standard output, by number\n")
    sys.stdout.write("to standard output, by name\n")
    sys.stdout.flush()
    return sys.stdin.read(), os.read(0, 10)


def setting():
    global _set
    _set = "set"


_set = "not set"


def what_is_set(_):
    return _set


def of(arguments):
    return {argument: (argument,) for argument in arguments}


# --- Work and errors


@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_results_come_with_their_keys_and_in_order_where_asked(how):
    if how not in multiprocessing.get_all_start_methods() or (how == "fork" and sys.version_info >= (3, 12)):
        pytest.skip("no fork here, or one that warns")
    with pool(2, setting, how) as run:
        assert dict(run(square, of(range(20)))) == {n: n * n for n in range(20)}
        assert list(in_order(run, slow_square, range(9))) == [n * n for n in range(9)]
        assert dict(run(what_is_set, of([1]))) == {1: "set"}
        assert dict(run(square, {})) == {}
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("end", ChildProcessError, "ended in the middle"),
        ("exit", ChildProcessError, "ended in the middle"),
        ("lambda", RuntimeError, "function cannot be sent"),
        ("odd", RuntimeError, "Odd cannot be sent"),
        ("own", ConnectionResetError, "of the work's own"),
    ],
)
def test_what_goes_wrong_is_raised_and_the_pool_can_be_used_again(kind, error, words):
    with pool(2) as run:
        with pytest.raises(error, match=words):
            dict(run(wrong, of([kind, kind, kind])))
        assert dict(run(square, of([3]))) == {3: 9}
    assert multiprocessing.active_children() == []


def test_an_error_brings_its_place_along():
    with pytest.raises(ConnectionResetError) as caught, pool(1) as run:
        dict(run(wrong, of(["own"])))
    assert "in wrong" in caught.value.__notes__[0]


def unknown_there(_):
    return None


def test_a_start_that_fails_and_work_that_is_not_found_are_errors(monkeypatch):
    with pytest.raises(ZeroDivisionError), pool(1, zero_division) as run:
        dict(run(square, of([3])))
    monkeypatch.setattr(unknown_there, "__qualname__", "nowhere")
    monkeypatch.setitem(globals(), "nowhere", unknown_there)
    with pytest.raises(AttributeError, match="nowhere"), pool(1) as run:
        dict(run(unknown_there, of([3])))


def zero_division():
    return 1 // 0


def interrupted():
    with pool(2) as run:
        for _ in run(large, dict.fromkeys(range(8), (100_000_000,))):
            time.sleep(0.3)
            raise KeyboardInterrupt


def test_nothing_waits_for_the_rest_of_a_large_result():
    """The others are in the middle of sending when the first has arrived."""
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begun < 20
    assert multiprocessing.active_children() == []


def test_a_process_has_its_next_task_while_a_result_is_used():
    with pool(1) as run:
        times = run(when_done, {number: (number,) for number in range(12)})
        next(times)
        time.sleep(0.5)
        now = time.monotonic()
        assert [when < now for _, when in (next(times), next(times), next(times))] == [True, True, False]
        assert len(list(times)) == 8


def test_large_tasks_and_results_do_not_wait_for_each_other():
    sizes = {number: 1_000_000 if number % 3 == 2 else 10 for number in range(30)}
    with pool(2) as run:
        found = dict(run(length_and_more, {number: (bytes(size),) for number, size in sizes.items()}))
    assert {number: size for number, (size, _) in found.items()} == sizes


def test_a_caller_that_stops_ends_the_work():
    with pool(2) as run:
        results = run(square, of(range(100)))
        next(results)
        results.close()
        assert multiprocessing.active_children() == []


def test_standard_output_is_left_to_the_first_process(capfd):
    with pool(1) as run:
        assert dict(run(streams, of([1]))) == {1: ("", b"")}
    assert capfd.readouterr() == ("", "to standard output, by number\nto standard output, by name\n")


# --- They end with their parent

SLEEPING = """
import hashlib, os, sys, time
from pathlib import Path
from apercu.processes import pool

def work(what):
    try:
        Path(f"{os.getpid()}.begun").touch()
        if what == "in C":
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 30)
        time.sleep(600)
    finally:
        Path(f"{os.getpid()}.begun").unlink()

if __name__ == "__main__":
    with pool(2, how=sys.argv[1]) as run:
        dict(run(work, {key: (sys.argv[2],) for key in range(4)}))
"""
METRIC = """
import os, time
from pathlib import Path

def score(original, decoded):
    if original.shape[0] > 70:  # not the small picture that a metric is tried on
        Path(f"{os.getpid()}.begun").touch()
        print("at work", flush=True)
        time.sleep(600)
    return 0.0
"""
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGKILL", "SIGINT", "SIGHUP") if hasattr(signal, name)]


def children(number):
    """The processes that another has started."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]) == number:
                found.append(int(name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def ends(call, folder, sign, to_all, ready):
    """Sends a signal to a command, or to it and its processes, once `ready`; all have to end, and the output with them.

    Returns the exit code.
    """
    with subprocess.Popen(
        call,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        started = []
        try:
            output = meanwhile(process.stdout.read)
            until = time.monotonic() + 60
            while not ready(process.pid):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.02)
            started = children(process.pid)
            assert len(started) >= 2
            if to_all:
                os.killpg(process.pid, sign)
            else:
                process.send_signal(sign)
            assert b"at work" not in output.get(timeout=10)  # its end: nobody holds the pipe any more
            code = process.wait(10)
            until = time.monotonic() + 5
            while alive := [number for number in started if os.path.exists(f"/proc/{number}")]:
                assert time.monotonic() < until, alive
                time.sleep(0.02)
            return code
        finally:
            process.kill()
            for number in started:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)


@linux
@pytest.mark.parametrize("sign", SIGNALS)
@pytest.mark.parametrize(("how", "what"), [("spawn", "sleep"), ("spawn", "in C"), ("fork", "sleep")])
def test_processes_end_with_their_parent(tmp_path, sign, how, what):
    (tmp_path / "sleeping.py").write_text(SLEEPING)
    call = [sys.executable, "sleeping.py", how, what]
    code = ends(call, tmp_path, sign, to_all=False, ready=lambda _: len(list(tmp_path.glob("*.begun"))) == 2)
    assert code == -sign
    if what == "sleep":  # what was begun has been put in order
        assert list(tmp_path.glob("*.begun")) == []


@linux
@pytest.mark.parametrize("to_all", [False, True])
@pytest.mark.parametrize("sign", SIGNALS)
def test_compare_ends_with_all_its_processes(tmp_path, sign, to_all):
    pytest.importorskip("scipy")
    (tmp_path / "slow.py").write_text(METRIC)
    for name in ("a", "b", "c"):
        Image.fromarray(scene(90, 100, 3)).save(tmp_path / f"{name}.png")
    options = ["--peers", "--metric", "slow:score", "--jobs", "2", "--out", "out", "--cache", "cache"]
    call = [sys.executable, "-m", "apercu", "compare", "a.png", "b.png", "c.png", *options]
    code = ends(call, tmp_path, sign, to_all, ready=lambda _: len(list(tmp_path.glob("*.begun"))) == 2)
    assert code == 130 if sign == signal.SIGINT else code in (-sign, 128 + sign)
    assert not (tmp_path / "out" / "comparison.json").exists()


@pytest.fixture(scope="module")
def large_pictures(tmp_path_factory):
    """A folder of pictures that training takes seconds for."""
    folder = tmp_path_factory.mktemp("large")
    for number in range(6):
        Image.fromarray(scene(900, 1000, 3, number)).save(folder / f"{number}.png", compress_level=0)
    return folder


@linux
@pytest.mark.parametrize("sign", SIGNALS)
def test_training_ends_with_all_its_processes(large_pictures, tmp_path, sign):
    call = [sys.executable, "-m", "apercu", "train", "apercu", "--images", str(large_pictures), "--out", "mine.npy"]
    program = (
        "import sys; from apercu import processes; from apercu.lab import apercu; apercu.n_cores = lambda: 2; "
        "from apercu.cli.main import main; sys.exit(main())"
    )
    call[1:3] = ["-c", program]
    code = ends(call, tmp_path, sign, to_all=False, ready=lambda number: len(children(number)) >= 2)
    assert code == 130 if sign == signal.SIGINT else code in (-sign, 128 + sign)
    assert not (tmp_path / "mine.npy").exists()
