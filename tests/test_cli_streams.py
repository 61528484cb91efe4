"""Pipes, devices, what is open already, terminals: as input and as output; and what ends the command half-way."""

import io
import os
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from tests.pipes import meanwhile, opened

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no such files")

X, Y = np.meshgrid(np.arange(96), np.arange(64))
RGB = np.dstack([2 * X, 255 - 2 * X, X + Y]).astype(np.uint8)
DATA = apercu.encode(RGB, quality=40)
COMMAND = [sys.executable, "-m", "apercu"]


def png():
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG")
    return buffer.getvalue()


PNG = png()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder to run in, with a picture and its file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "a.apc").write_bytes(DATA)
    return tmp_path


def run(*arguments, **options):
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, "check": False, **options}
    return subprocess.run([*COMMAND, *arguments], **given)


def check_output(name, content):
    """Whether what a command wrote is what it should have written."""
    if name == "encode":
        assert content == DATA
    else:
        assert np.array_equal(Image.open(io.BytesIO(content)), apercu.decode(DATA))


CALLS = [("encode", "a.png", ("--quality", "40", "--quiet")), ("decode", "a.apc", ("--format", "png"))]


# --- Output


@pytest.mark.parametrize(("name", "source", "options"), CALLS)
@pytest.mark.parametrize("target", ["-", "/dev/stdout", "/dev/fd/1", "link"])
def test_standard_output_by_any_name(name, source, options, target):
    os.symlink("/dev/stdout", "link")
    ended = run(name, source, target, *options)
    assert (ended.returncode, ended.stderr) == (0, b"")
    check_output(name, ended.stdout)
    assert sorted(os.listdir()) == ["a.apc", "a.png", "link"]


@pytest.mark.parametrize(("name", "source", "options"), CALLS)
def test_what_is_open_already_is_written_where_it_stands(here, name, source, options):
    with open("out", "wb") as out:
        out.write(b"before")
        out.flush()
        assert run(name, source, "/dev/stdout", *options, stdout=out).returncode == 0
        assert run(name, source, f"/dev/fd/{out.fileno()}", *options, pass_fds=[out.fileno()]).returncode == 0
    written = (here / "out").read_bytes()
    half = (len(written) - 6) // 2
    assert written[:6] == b"before"
    check_output(name, written[6 : 6 + half])
    check_output(name, written[6 + half :])


@pytest.mark.parametrize(("name", "source", "options"), CALLS)
def test_a_process_that_reads_what_is_written(here, name, source, options):
    call = f'"$@" >(cat > caught) {" ".join(options)}; wait $!'
    ended = subprocess.run(["bash", "-c", call, "bash", *COMMAND, name, source], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    check_output(name, (here / "caught").read_bytes())


@pytest.mark.parametrize(("name", "source", "options"), CALLS)
def test_a_named_pipe_takes_the_output(here, name, source, options):
    os.mkfifo("pipe")
    caught = meanwhile((here / "pipe").read_bytes)
    assert main([name, source, "pipe", *options]) == 0
    check_output(name, caught.get(timeout=30))
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_the_page_of_a_file_to_a_pipe():
    for target in ("-", "/dev/stdout"):
        ended = run("view", "a.apc", "--out", target)
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert ended.stdout.startswith(b"<!doctype html>")
        assert ended.stdout.rstrip().endswith(b"</html>")


@pytest.mark.parametrize(
    ("target", "says"), [("/dev/fd/99", "/dev/fd/99: Bad file descriptor"), ("/dev/stdin", "/dev/stdin: Bad file desc")]
)
def test_what_is_not_open_for_writing_is_refused_before_any_work(target, says, monkeypatch):
    with open("a.png", "rb") as given:
        ended = run("encode", "a.png", target, stdin=given)
    assert ended.returncode == 2
    assert ended.stderr.decode().startswith(f"apercu: {says}")
    assert ended.stderr.count(b"\n") == 1


def test_a_terminal_takes_no_bytes_by_any_name(capsys):
    main_end, terminal = os.openpty()
    try:
        for name, source in (("encode", "a.png"), ("decode", "a.apc")):
            assert main([name, source, f"/dev/fd/{terminal}"]) == 2
            assert capsys.readouterr().err.startswith(f"apercu: /dev/fd/{terminal} is a terminal; send it to a file")
            ended = run(name, source, "-", stdout=terminal)
            assert ended.returncode == 2
            assert ended.stderr.startswith(b"apercu: standard output is a terminal;")
    finally:
        os.close(main_end)
        os.close(terminal)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize(("name", "source", "options"), CALLS)
def test_a_full_device_is_named(name, source, options, capsys):
    assert main([name, source, "/dev/full", *options]) == 2
    assert capsys.readouterr().err == "apercu: /dev/full: No space left on device\n"


@pytest.mark.parametrize(("name", "source", "options"), CALLS)
@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_nobody_reads_the_output(name, source, options, target):
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(name, source, target, *options, stdout=writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["encode", "a.png", "old"], "old"),
        (["decode", "a.apc", "old", "--format", "png"], "old"),
        (["view", "a.apc", "--out", "old", "--no-open"], "old"),
        (["encode", "a.png", "--out", "."], "./a.apc"),
    ],
)
def test_a_disk_without_room_is_told_and_leaves_the_old_file(here, arguments, named):
    (here / "old").write_bytes(b"old")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    call = ["bash", "-c", 'ulimit -f 0; "$@"', "bash", *COMMAND, *arguments]
    ended = subprocess.run(call, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.decode()) == (2, f"apercu: {named}: File too large\n")
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


# --- Input


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        (("encode", "pipe", "b.apc", "--quality", "40"), PNG),
        (("decode", "pipe", "b.png"), DATA),
        (("info", "pipe"), DATA),
        (("check", "pipe"), DATA),
        (("view", "pipe", "--no-open", "--out", "b.html"), DATA),
        (("view", "a.apc", "--against", "pipe", "--no-open", "--out", "b.html"), PNG),
        (("encode", "pipe", "--out", "out", "--quality", "40"), PNG),
    ],
)
def test_a_named_pipe_gives_the_input(here, arguments, content):
    os.mkfifo("pipe")
    meanwhile(lambda: (here / "pipe").write_bytes(content))
    assert main(list(arguments)) == 0
    if arguments[0] == "encode":
        assert (here / ("out/pipe.apc" if "--out" in arguments else "b.apc")).read_bytes() == DATA
    if arguments[0] == "decode":
        check_output("decode", (here / "b.png").read_bytes())


def test_standard_input_by_its_path():
    ended = run("encode", "/dev/stdin", "-", "--quality", "40", "--quiet", input=PNG)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, DATA, b"")


# --- Ctrl-C


@pytest.mark.parametrize(
    "arguments", [("encode", "pipe", "b.apc"), ("decode", "pipe", "b.png"), ("encode", "pipe", "--out", "out")]
)
def test_an_interrupt_is_one_line_and_no_file(arguments):
    os.mkfifo("pipe")
    before = sorted(os.listdir())
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE) as process:
        try:
            pipe = opened("pipe", process)
            os.write(pipe, DATA[:9])
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            os.close(pipe)
            assert process.stderr.read() == b"apercu: interrupted\n"
        finally:
            process.kill()
    assert sorted(os.listdir()) == before
