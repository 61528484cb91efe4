"""Many files to a folder: what is written, what is refused before any work, and how it ends when something fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges import batch, files
from apercu.cli import streams
from apercu.cli.main import main
from tests.pipes import opened

X, Y = np.meshgrid(np.arange(64), np.arange(48))
DRAWN = {
    "a.png": (X + 3 * Y).astype(np.uint8),
    "b.c.jpg": np.dstack([3 * X, 4 * Y, X + Y]).astype(np.uint8),
    "d.webp": np.dstack([4 * X, 255 - X, 2 * Y]).astype(np.uint8),
}


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Three pictures in the folder `in` of the folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name, image in DRAWN.items():
        Image.fromarray(image).save(tmp_path / "in" / name)
    return [f"in/{name}" for name in DRAWN]


@pytest.fixture
def at_once(monkeypatch):
    """Other processes are started after the first file, however quick it is."""
    monkeypatch.setattr(batch, "_ALONE", 0)
    monkeypatch.setattr(batch, "_WORTH", 0)
    monkeypatch.setattr(batch, "n_cores", lambda: 2)


def tree(folder="."):
    return sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)


def expected(name, **options):
    image, bands = files.read(f"in/{name}")
    return apercu.encode(image, bands=bands, **options)


# --- What is written


def test_pictures_to_a_folder_and_back(pictures, capsys):
    assert main(["encode", *pictures, "--out", "deep/previews/", "--bytes", "200"]) == 0
    assert tree("deep") == ["deep/previews/a.apc", "deep/previews/b.c.apc", "deep/previews/d.apc"]
    total = 0
    for name, made in zip(DRAWN, tree("deep"), strict=True):
        data = Path(made).read_bytes()
        assert data == expected(name, n_bytes=200)
        total += len(data)
    said = capsys.readouterr()
    ratio = (64 * 48 + 2 * 3 * 64 * 48) / total
    assert said.out == ""
    assert said.err == f"3 files: {total} bytes (1/{ratio:.0f} of the samples), {8 * total / (3 * 64 * 48):.3f} bpp\n"

    assert main(["decode", *tree("deep"), "--out", "back"]) == 0
    assert main(["decode", *tree("deep"), "--out", "back", "--format", "TIF", "--window", "8,0,16,32"]) == 0
    assert capsys.readouterr() == ("", "")
    assert tree("back") == [f"back/{name}" for name in ("a.png", "a.tif", "b.c.png", "b.c.tif", "d.png", "d.tif")]
    for made, name in zip(tree("deep"), ("a", "b.c", "d"), strict=True):
        whole = apercu.decode(Path(made).read_bytes())
        assert np.array_equal(Image.open(f"back/{name}.png"), whole)
        assert np.array_equal(Image.open(f"back/{name}.tif"), whole[8:24, :32])


def test_one_file_to_a_folder(pictures, capsys):
    assert main(["encode", "in/a.png", "--out", "."]) == 0
    assert Path("a.apc").read_bytes() == expected("a.png")
    assert capsys.readouterr().err.startswith("./a.apc: 64 × 48 grey uint8, ")
    assert main(["encode", "--quiet", "in/a.png", "--bpp", "1", "in/d.webp", "--out", "."]) == 0  # in any order
    assert (Path("a.apc").read_bytes(), Path("d.apc").read_bytes()) == (
        expected("a.png", bpp=1),
        expected("d.webp", bpp=1),
    )
    assert capsys.readouterr().err == ""


def test_the_old_file_stays_until_the_new_one_is_whole(pictures, monkeypatch, capsys):
    os.mkdir("out")
    Path("out/a.apc").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["encode", *pictures, "--out", "out"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"apercu: {picture}: No space left on device" for picture in pictures
    ]
    assert tree("out") == ["out/a.apc"]
    assert Path("out/a.apc").read_text() == "old"


@pytest.mark.usefixtures("at_once")
def test_other_processes_do_what_this_one_does(pictures, monkeypatch, capsys):
    monkeypatch.setattr(apercu, "MAX_PIXELS", 64 * 48)
    Image.fromarray(np.zeros((48, 65), np.uint8)).save("in/large.png")
    sources = [*pictures, "in/large.png", "in/none.png"]
    read, seen = files.read, []
    monkeypatch.setattr(files, "read", lambda source, *a, **k: seen.append(source) or read(source, *a, **k))
    outcomes = list(batch.encode(sources, "out", quality=30))
    assert seen == ["in/a.png"]  # and no other in this process
    assert sorted(outcome.source for outcome in outcomes) == sorted(sources)
    failed = {outcome.source: outcome.error for outcome in outcomes if outcome.error}
    assert {name: type(error) for name, error in failed.items()} == {
        "in/large.png": apercu.FileFormatError,  # MAX_PIXELS goes with them
        "in/none.png": FileNotFoundError,
    }
    for name, made in zip(DRAWN, tree("out"), strict=True):
        assert Path(made).read_bytes() == expected(name, quality=30)
    assert main(["decode", *tree("out"), "in/large.png", "--out", "back"]) == 2
    assert capsys.readouterr().err.startswith("apercu: in/large.png: not an apercu file")
    assert tree("back") == ["back/a.png", "back/b.c.png", "back/d.png"]


# --- What fails


def test_a_file_that_fails_keeps_back_no_other(pictures, capsys):
    Path("in/text.png").write_text("no picture")
    Path("in/cut.jpg").write_bytes(Path("in/b.c.jpg").read_bytes()[:300])
    named = ["in/none.png", "in/text.png", "in", "in/cut.jpg"]
    assert main(["encode", *named[:2], pictures[0], *named[2:], *pictures[1:], "--out", "out"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 5
    for line, name in zip(said, named, strict=False):
        assert line.startswith(f"apercu: {name}: ")
    assert said[4].startswith("3 of 7 files: ")
    assert tree("out") == ["out/a.apc", "out/b.c.apc", "out/d.apc"]

    os.truncate("out/d.apc", 60)
    assert main(["decode", *tree("out"), "--out", "back"]) == 2
    assert capsys.readouterr().err.startswith("apercu: out/d.apc: the checksum")
    assert tree("back") == ["back/a.png", "back/b.c.png"]


def test_what_each_file_says_of_its_own_is_said_with_its_name(pictures, capsys):
    assert main(["encode", *pictures, "--out", "out", "--bands", "grey", "--psnr", "20"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in said[:2]] == pictures[1:]
    assert all("does not fit" in line for line in said[:2])
    assert main(["encode", *pictures, "--out", "out", "--bytes", "9"]) == 2
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == pictures
    spectral = np.dstack([DRAWN["a.png"]] * 5)
    Path("s.apc").write_bytes(apercu.encode(spectral))
    assert main(["decode", "s.apc", "--out", "out"]) == 2
    assert capsys.readouterr().err == (
        "apercu: s.apc: 8-bit spectral samples cannot be written as .png; use .tif or .tiff\n"
    )


def test_concealed_faults_are_told_for_each_file(pictures, capsys):
    data = bytearray(apercu.encode(np.tile(DRAWN["a.png"], (1, 20)), quality=60, codec="taha2025"))
    assert apercu.info(bytes(data))["tiles"] == 2
    data[-8] ^= 1
    for name in ("x.apc", "y.apc"):
        Path(name).write_bytes(data)
    assert main(["decode", "x.apc", "y.apc", "--out", "out", "--damaged", "conceal"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"apercu: {name}.apc: damaged, faults concealed: 1 (apercu check names them)" for name in "xy"
    ]
    assert tree("out") == ["out/x.png", "out/y.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["encode", "in/a.png", "in/a.jpg", "--out", "out"],
            "in/a.png and in/a.jpg would both be written to out/a.apc",
        ),
        (["encode", "in/a.png", "other/a.png", "--out", "out"], "in/a.png and other/a.png would both"),
        (["encode", "in/a.png", "in/a.png", "--out", "out"], "would both"),
        (["decode", "in/a.apc", "in/../b/a.apc", "--out", "out"], "would both be written to out/a.png"),
        (["encode", "a.apc", "in/a.png", "--out", "."], "would both"),
        (["encode", "a.apc", "--out", "."], "./a.apc would take the place of a.apc, which is an input"),
        (["decode", "in/a.png", "a.apc", "--out", "in"], "would both"),
        (["decode", "in/a.png", "--out", "in"], "in/a.png would take the place of in/a.png"),
        (["encode", "--out", "out"], "no files were given"),
        (["encode", "-", "--out", "out"], "not with -"),
        (["encode", "in/a.png", "--out", "-"], "not with -"),
        (["encode", "in/a.png", "--out", "in/a.png"], "in/a.png is a file"),
        (["encode", "in/a.png", "--out", "in/a.png/out"], "in/a.png is a file"),
        (["encode", "in/a.png", "--out", "deep/out.apc"], "has the name of a file"),
        (["encode", "in/a.png", "in/d.webp", "--out", "out", "--quality", "101"], "quality must be"),
        (["encode", "in/a.png", "in/d.webp", "--out", "out", "--codec", "jpeg"], "codec must be"),
        (["encode", "in/a.png", "in/d.webp", "--out", "out", "--model", "none.npy"], "none.npy"),
        (["decode", "a.apc", "b.apc", "--out", "out", "--layers", "0"], "layers must be"),
        (["decode", "a.apc", "b.apc", "--out", "out", "--restore", "vae"], "restore must be"),
        (["decode", "a.apc", "b.apc", "--out", "out", "--format", "gif"], "suffix '.gif'"),
    ],
)
def test_what_cannot_be_is_one_line_before_any_work(pictures, arguments, words, monkeypatch, capsys):
    Path("a.apc").write_bytes(apercu.encode(DRAWN["a.png"]))
    monkeypatch.setattr(files, "read", lambda *_, **__: pytest.fail("a picture was read"))
    before = tree()
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert words in said.err
    assert tree() == before


def test_a_protected_folder_is_one_line(pictures, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert main(["encode", *pictures, "--out", "in/deep/out"]) == 2
    assert capsys.readouterr().err == "apercu: in: Permission denied\n"
    assert not os.path.exists("in/deep")


def test_a_fault_of_our_own_is_not_hidden(pictures, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(batch, "encoded", broken)
    assert main(["encode", *pictures, "--out", "out"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


# --- Progress, and how it ends


def test_one_bar_over_all(pictures, monkeypatch, capsys):
    monkeypatch.setattr(streams, "_BAR_AFTER", -1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["encode", "in/none.png", *pictures, "--out", "out"]) == 2
    said = capsys.readouterr().err
    shares = [line[-5:].strip() for line in said.split("\r") if line.startswith("encoding [")]
    assert shares == ["25 %", "50 %", "75 %", "100 %"]
    assert "\x1b[Kapercu: in/none.png: No such file" in said  # on a line of its own


PROGRAM = """
import os, sys, threading, time
from apercu.bridges import batch
from apercu.cli.main import main
batch._ALONE = batch._WORTH = 0
batch.n_cores = lambda: 2
raise SystemExit(main(["encode", "--out", "out", *sys.argv[1:]]))
"""


@pytest.fixture
def process(pictures):
    """A command with two processes, each of which waits for a picture from a pipe that does not come."""
    for name in ("one.png", "two.png"):
        os.mkfifo(f"in/{name}")
    call = [sys.executable, "-c", PROGRAM, pictures[0], "in/one.png", "in/two.png", *pictures[1:]]
    with subprocess.Popen(call, stderr=subprocess.PIPE, start_new_session=True) as command:
        try:
            pipes = [opened(f"in/{name}", command) for name in ("one.png", "two.png")]
            yield command
            for pipe in pipes:
                os.close(pipe)
        finally:
            command.kill()


def others(process):
    """The processes that another has started, but for one that keeps the books of them."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == process.pid and b"spawn_main" in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def gone(numbers):
    for _ in range(100):
        if not any(os.path.exists(f"/proc/{number}") for number in numbers):
            return True
        time.sleep(0.1)
    return False


linux = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc to find processes in")


@linux
@pytest.mark.parametrize("to_all", [True, False])
def test_interrupt_stops_all_and_leaves_whole_files(process, to_all):
    started = others(process)
    assert len(started) == 2
    if to_all:  # as a terminal does
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr.read() == b"apercu: interrupted\n"
    assert gone(started)
    assert tree("out") == ["out/a.apc"]


@linux
def test_a_process_that_dies_is_an_error_and_no_hang(process):
    os.kill(others(process)[0], signal.SIGKILL)
    assert process.wait(30) == 2
    said = process.stderr.read().decode()
    assert said.startswith(
        "apercu: a process ended in the middle of its work (killed, or out of memory); 4 files are not done"
    )
    assert said.count("\n") == 1
    assert tree("out") == ["out/a.apc"]


@linux
def test_no_process_outlives_the_command(process):
    started = others(process)
    process.kill()
    process.wait(30)
    assert gone(started)
