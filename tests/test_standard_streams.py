"""Processes whose standard streams are closed, full, or take ASCII alone: every command ends as it should.

    closed: none, standard input, output, or error    x    on a full device: none, output, error

by every command, under a locale of UTF-8 and one of ASCII in turn. Of the cases in which two streams are in the way,
every command takes one of four in turn; of those with one, a command that neither reads standard input nor has anything
for standard output takes three of six in turn.
"""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import COMMANDS, main
from apercu.cli.messages import write_output

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")

X, Y = np.meshgrid(np.arange(96), np.arange(64))
RGB = np.dstack([2 * X, 255 - 2 * X, X + Y]).astype(np.uint8)
DATA = apercu.encode(RGB, quality=40)
COMMAND = [sys.executable, "-m", "apercu"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SHELL = {None: "", 0: "0<&-", 1: "1>&-", 2: "2>&-"}

CASES = [(None, None), (None, 1), (None, 2), (0, None), (1, None), (2, None)]
TWO = [(0, 1), (1, 2), (0, 2), (2, 1)]
# Arguments; the exit code where nothing is in the way; is standard input read? what does standard output begin with?
CALLS = {
    "encode to standard output": (("encode", "a.png", "-", "--quality", "40"), 0, False, DATA),
    "encode from standard input": (("encode", "-", "OUT.apc", "--quality", "40"), 0, True, None),
    "encode to a folder": (("encode", "a.png", "none.png", "--out", "OUT"), 2, False, None),
    "decode to standard output": (("decode", "a.apc", "-"), 0, False, b"\x89PNG"),
    "decode to a file": (("decode", "a.apc", "OUT.png"), 0, False, None),
    "info": (("info", "a.apc"), 0, False, b"a.apc\n  width"),
    "check": (("check", "a.apc", "cut.apc"), 1, False, b"a.apc: sound\ncut.apc: "),
    "view": (("view", "a.apc", "--no-open", "--out", "OUT.html"), 0, False, b"OUT"),
    "view to standard output": (("view", "a.apc", "--no-open", "--out", "-"), 0, False, b"<!doctype html>"),
    "train": (("train", "apercu", "--images", "none", "--out", "OUT.npy"), 2, False, b""),
    "compare": (("compare", "none.png", "--out", "OUT"), 2, False, b""),
    "reproduce": (("reproduce", "taha2025", "--images", "none", "--out", "OUT"), 2, False, b""),
    "bench": (("bench", "--repeat", "0"), 2, False, b""),
    "help of encode": (("encode", "--help"), 0, False, b"usage: apercu encode"),
    "no such command": (("nonsense",), 2, False, None),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    Image.fromarray(RGB).save(folder / "a.png")
    (folder / "a.apc").write_bytes(DATA)
    (folder / "cut.apc").write_bytes(DATA[:-3])
    return folder


def started(here, arguments, closed=None, full=None, environment=None, name="out"):
    """A process whose streams are as said, and the files that take its output and its errors."""
    paths = [here / f"{name}.{stream}" for stream in ("out", "err")]
    with (
        open(here / "a.png", "rb") as given,
        open(paths[0], "wb") as out,
        open(paths[1], "wb") as err,
        open("/dev/full", "wb") as device,
    ):
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" {SHELL[closed]}', "sh", *COMMAND, *arguments],
            stdin=given,
            stdout=device if full == 1 else out,
            stderr=device if full == 2 else err,
            cwd=here,
            env={**os.environ, "COLUMNS": "80", **(environment or {})},
        )
    return process, *paths


@pytest.mark.parametrize("call", CALLS)
def test_every_command_with_every_stream_closed_or_full(here, call):
    arguments, code, reads, says = CALLS[call]
    turn = list(CALLS).index(call)
    running = []
    one = CASES if says or reads else CASES[turn // 2 % 2 :: 2]
    for number, (closed, full) in enumerate([*one, TWO[turn % 4]]):
        name = f"{turn}-{number}"
        environment = ASCII if (turn + number) % 2 else {}
        own = [argument.replace("OUT", name) for argument in arguments]
        running.append((closed, full, name, *started(here, own, closed, full, environment, name)))
    for closed, full, name, process, out, err in running:
        case = f"closed: {closed}, full: {full}"
        expected = code
        if (says is not None and 1 in (closed, full)) or (reads and closed == 0):
            expected = 2
        assert process.wait(60) == expected, (case, err.read_bytes())
        written, said = out.read_bytes(), err.read_bytes()
        assert b"Traceback" not in said, case
        assert b"apercu" not in said or said.isascii() or "×".encode() in said, case
        if says is None or 1 in (closed, full):
            assert written == b"", case
        elif says == b"OUT":
            assert written == f"{name}.html\n".encode(), case
        elif says == DATA:
            assert written == DATA, case
        else:
            assert written.startswith(says), case
        if expected == 0 and call == "encode from standard input":
            assert (here / f"{name}.apc").read_bytes() == DATA
        if call == "encode to a folder":
            assert apercu.decode((here / name / "a.apc").read_bytes()).shape == RGB.shape, case


def test_what_is_said_of_a_closed_stream(here):
    for closed, arguments, says in (
        (1, ("info", "a.apc"), "standard output is closed; "),
        (1, ("encode", "a.png", "-"), "standard output is closed; "),
        (1, ("encode", "a.png", "/dev/stdout"), "standard output is closed; "),
        (1, ("--help",), "standard output is closed; "),
        (0, ("info", "-"), "standard input: closed\n"),
    ):
        process, _, err = started(here, arguments, closed)
        assert process.wait(60) == 2
        assert err.read_text().startswith(f"apercu: {says}")
        assert err.read_text().count("\n") == 1


def test_a_file_is_never_given_the_number_of_a_closed_stream(here):
    """Of three closed streams, none takes a line, and the file that is written holds what it should."""
    call = 'exec "$@" 0<&- 1>&- 2>&-'
    for arguments in (("encode", "a.png", "b.apc", "--quality", "40"), ("encode", "none.png", "c.apc")):
        ended = subprocess.run(["sh", "-c", call, "sh", *COMMAND, *arguments], cwd=here, timeout=60, check=False)
        assert ended.returncode == (0 if "a.png" in arguments else 2)
    assert (here / "b.apc").read_bytes() == DATA
    assert not (here / "c.apc").exists()


def test_processes_of_the_command_have_the_streams_too(here):
    """Where a process is started by one without standard error, nothing of it ends in a file either."""
    code = (
        "import subprocess, sys; from apercu.cli.terminal import prepare; prepare(); "
        "subprocess.run([sys.executable, '-c', 'import sys; print(sys.stderr is None)'])"
    )
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert ended.stdout == b"False\n"


def test_a_stream_that_takes_a_part_at_once_gets_all(monkeypatch):
    class Unbuffered(io.BytesIO):
        def write(self, data):
            return super().write(bytes(data)[:100])

    taken = Unbuffered()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(taken, "utf-8", write_through=True))
    write_output(bytes(range(256)) * 9)
    assert taken.getvalue() == bytes(range(256)) * 9
    monkeypatch.setattr(taken, "write", lambda _: None)
    with pytest.raises(BlockingIOError):
        write_output(b"a")


# --- Encodings


def screen(monkeypatch, encoding):
    """Standard output and error as streams of an encoding; what is written to them is in the result's buffers."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, errors="strict", write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    return [stream.buffer for stream in streams]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_every_help_in_every_encoding(monkeypatch, encoding):
    for arguments in ((), *((name,) for name in COMMANDS)):
        out, err = screen(monkeypatch, encoding)
        assert main([*arguments, "--help"]) == 0
        said = out.getvalue().decode(encoding)
        assert said.startswith("usage: apercu")
        assert "\\" not in said
        assert err.getvalue() == b""


def test_what_ascii_has_not_has_a_look_alike_or_an_escape(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(RGB).save("é–日.png")
    _, err = screen(monkeypatch, "ascii")
    assert main(["encode", "é–日.png", "é–日.apc", "--quality", "40"]) == 0
    assert err.getvalue().startswith(rb"\xe9-\u65e5.apc: 96 x 64 rgb uint8, ")
    out, _ = screen(monkeypatch, "latin-1")
    assert main(["check", "é–日.apc"]) == 0
    assert out.getvalue() == b"\xe9-\\u65e5.apc: sound\n"


# --- A crash


def test_a_crash_has_a_code_of_its_own():
    code = "import sys; from apercu.cli import main; main.COMMANDS = None; sys.exit(main.main(['info']))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (70, b"")
    assert ended.stderr.startswith(b"Traceback")
    assert ended.stderr.endswith(b"please report it, with the lines above\n")
