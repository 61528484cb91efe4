"""Archives in S3 by several processes: everything is done once, whatever is killed on the way."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

import apercu
from tests.archives import png, processes_below, rows, s3_server

for needed in ("distributed", "s3fs", "moto.server"):
    pytest.importorskip(needed)
from apercu.bridges.archive import cluster, making  # noqa: E402  # which need them

linux = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc to find processes in")


@pytest.fixture(scope="module")
def s3():
    with s3_server("scenes") as client:
        client.create_bucket(Bucket="previews")
        yield client


@pytest.fixture(scope="module")
def workers(s3):
    with cluster.workers(2) as do:
        yield do


def last(steps):
    *_, step = steps
    return step


def objects(s3, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="previews", Prefix=prefix)
    return {
        entry["Key"]: s3.get_object(Bucket="previews", Key=entry["Key"])["Body"].read()
        for page in pages
        for entry in page.get("Contents", ())
    }


def test_from_s3_to_s3(s3, workers, tmp_path):
    for number in range(20):
        s3.put_object(Bucket="scenes", Key=f"one/{number % 3}/{number}.png", Body=png(number))
    s3.put_object(Bucket="scenes", Key="one/0/broken.png", Body=b"no picture")
    s3.put_object(Bucket="scenes", Key="one/0/notes.txt", Body=b"no picture either")
    place = str(tmp_path / "m.sqlite")
    step = last(making.make(["s3://scenes/one"], "s3://previews/one", place=place, workers=workers, n_bytes=300))
    assert (step.n_done, step.n_failed, step.n_made) == (20, 1, 20)
    found = objects(s3, "one/")
    assert sorted(found) == sorted(f"one/{number % 3}/{number}.png.apc" for number in range(20))
    assert all(len(data) <= 300 and apercu.decode(data).shape == (64, 64) for data in found.values())
    assert sum(map(len, found.values())) == step.n_bytes
    again = last(making.make(["s3://scenes/one"], "s3://previews/one", place=place, workers=workers, n_bytes=300))
    assert (again.n_done, again.n_failed, again.n_made) == (20, 1, 0)


DEADLY = """
import os, signal, sys, time
from apercu.bridges import files
from apercu.cli.main import main

read = files.read

def deadly(path, **how):
    with open(path, "rb") as stream:
        if stream.read(4) == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.03)  # time to be killed in
    return read(path, **how)

files.read = deadly  # also in the workers, which read this file again

if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(480)  # processes are started ten times, which is slow on a busy machine
@linux
def test_what_is_killed_at_random_moments_is_done_once(s3, tmp_path):
    """The first process, workers, and a source that kills every worker that reads it."""
    n_sources, moments = 80, random.Random(os.environ.get("APERCU_SEED", "1"))
    for number in range(n_sources):
        s3.put_object(Bucket="scenes", Key=f"kill/{number % 7}/{number}.png", Body=png(number))
    s3.put_object(Bucket="scenes", Key="kill/3/broken.png", Body=b"no picture")
    s3.put_object(Bucket="scenes", Key="kill/4/deadly.png", Body=b"kill")
    (tmp_path / "deadly.py").write_text(DEADLY)
    call = [sys.executable, "deadly.py", "batch", "s3://scenes/kill", "s3://previews/kill", "--bytes", "300"]
    call += ["--workers", "2", "--manifest", "m.sqlite"]

    def recorded():
        try:
            return len(rows(tmp_path / "m.sqlite"))
        except sqlite3.OperationalError:  # it has no tables yet
            return 0

    for kill_first in (True, False):
        with subprocess.Popen(call, cwd=tmp_path, stderr=subprocess.PIPE) as process:
            before, started = recorded(), time.monotonic()
            while recorded() <= before and process.poll() is None:
                time.sleep(0.02)
                assert time.monotonic() - started < 90
            time.sleep(moments.random() / 2)
            below = processes_below(process.pid)
            workers = [number for number in below if b"spawn_main" in command(number)]
            assert len(workers) == 2 or not kill_first
            if workers:
                os.kill(moments.choice(workers), signal.SIGKILL)
            time.sleep(moments.random())
            if kill_first:
                below += processes_below(process.pid)
                process.kill()
            said = process.stderr.read().decode()
        until = time.monotonic() + 10
        while alive := [number for number in below if os.path.exists(f"/proc/{number}")]:
            assert time.monotonic() < until, alive
            time.sleep(0.02)
    assert process.returncode == 2, said
    assert f"{n_sources} of {n_sources + 2} sources have previews" in said
    found = rows(tmp_path / "m.sqlite", "source, object, state, message, bytes")
    failures = [(source, message) for source, _, state, message, _ in found if state != "done"]
    assert failures == [
        ("s3://scenes/kill/3/broken.png", "no picture of a kind that is known"),
        ("s3://scenes/kill/4/deadly.png", "its workers ended: killed, or out of memory"),
    ]
    expected = [f"kill/{number % 7}/{number}.png.apc" for number in range(n_sources)]
    objects_there = objects(s3, "kill/")
    assert sorted(objects_there) == sorted(expected)
    assert sorted(f"kill/{one}" for _, one, state, *_ in found if state == "done") == sorted(expected)
    assert {f"kill/{one}": size for _, one, state, _, size in found if state == "done"} == {
        name: len(data) for name, data in objects_there.items()
    }
    assert all(apercu.check(data) == [] for data in objects_there.values())


def command(number):
    try:
        with open(f"/proc/{number}/cmdline", "rb") as stream:
            return stream.read()
    except OSError:
        return b""


@pytest.mark.slow
@linux
def test_an_interrupted_call_ends_cleanly_and_goes_on(tmp_path):
    """The signal goes to all processes, as Ctrl-C of a terminal does."""
    (tmp_path / "in").mkdir()
    for number in range(200):
        (tmp_path / "in" / f"{number}.png").write_bytes(png(number))
    (tmp_path / "deadly.py").write_text(DEADLY)
    call = [sys.executable, "deadly.py", "batch", "in", "out", "--bytes", "300", "--quiet"]
    with subprocess.Popen(
        [*call, "--workers", "1"], cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        started = time.monotonic()
        while not (tmp_path / "out").exists():
            assert process.poll() is None
            assert time.monotonic() - started < 90
            time.sleep(0.02)
        below = processes_below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read().decode()
    assert (process.returncode, said) == (130, "apercu: interrupted\n")
    until = time.monotonic() + 10
    while alive := [number for number in below if os.path.exists(f"/proc/{number}")]:
        assert time.monotonic() < until, alive
        time.sleep(0.02)
    ended = subprocess.run([*call, "--workers", "0"], cwd=tmp_path, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(list((tmp_path / "out").iterdir())) == len(rows(tmp_path / "out.sqlite")) == 200
