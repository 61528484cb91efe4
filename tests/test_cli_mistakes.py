"""The command where something is wrong: mistakes are one line, nothing is left half-written, and codes of its end."""

import os
import re
import subprocess
import sys

import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from tests.command import RGB, RGBA, is_one_line, run

# Output that stays in a buffer until the end is the harder case.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def apc(tmp_path):
    path = tmp_path / "photo.apc"
    path.write_bytes(apercu.encode(RGB, quality=40))
    return path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name a command"),
        (("encod", "a", "b"), "no command 'encod'"),
        (("encode",), "give IN OUT.apc, or IN ... --out FOLDER; no files"),
        (("encode", "photo.png"), "give IN OUT.apc, or IN ... --out FOLDER; 1 file was"),
        (("encode", "photo.png", "rgba.apc", "a.apc"), "; 3 files were given, and no --out"),
        (("decode", "photo.apc"), "give IN.apc OUT, or IN.apc ... --out FOLDER; 1 file was"),
        (("encode", "photo.png", "a.apc", "--bpp", "1", "--bytes", "9"), "not allowed with"),
        (("encode", "photo.png", "a.apc", "--bpp", "much"), "--bpp: 'much' is no number (see"),
        (("encode", "photo.png", "a.apc", "--bpp", "nan"), "bpp must be a finite number above 0, not nan"),
        (("encode", "photo.png", "a.apc", "--bpp", "-1"), "bpp must be a finite number above 0, not -1"),
        (("encode", "photo.png", "a.apc", "--bytes", "0"), "--bytes) must be above 0, not 0"),
        (("encode", "photo.png", "a.apc", "--psnr", "-5"), "psnr must be a finite number, 0 or more, not -5"),
        (("encode", "photo.png", "a.apc", "--step", "4"), "the codec apercu has no step"),
        (("encode", "photo.png", "a.apc", "--qual", "9"), "unrecognized"),
        (("encode", "photo.png", "a.apc", "--quality", "101"), "0 to 100"),
        (("encode", "photo.png", "a.apc", "--bytes", "1"), "photo.png: 1 bytes are too few"),
        (("encode", "photo.png", "a.apc", "--psnr", "99"), "photo.png: no quality was found that gives 99.0 dB"),
        (("encode", "photo.png", "a.apc", "--codec", "jpeg"), "taha2025"),
        (("encode", "photo.png", "a.apc", "--bands", "grey"), "does not fit"),
        (("encode", "photo.png", "a.apc", "--model", "none.npy"), "none.npy"),
        (("encode", "photo.png", "a.apc", "--max-pixels", "6143"), "limit of 6143"),
        (("encode", "photo.png", "a.apc", "--max-pixels", "-1"), "at least 0"),
        (("encode", "photo.png", "a.png"), "decode writes pictures; for many pictures name a folder with --out"),
        (("encode", "photo.png", "."), ". is a folder; to write to it, put --out before it"),
        (("decode", "photo.apc", "photo.apc", "photo.apc", "."), "put --out before it"),
        (("encode", "photo.png", "none/a.apc"), "No such folder"),
        (("encode", "photo.apc", "photo.apc"), "is the input"),
        (("encode", "none.png", "a.apc"), "none.png: No such file"),
        (("encode", "no\nne.png", "a.apc"), "no\\nne.png: No such file"),
        (("encode", ".", "a.apc"), "directory"),
        (("encode", "photo.apc", "a.apc"), "an apercu file already"),
        (("encode", "text.png", "a.apc"), "text.png: no picture"),
        (("decode", "photo.png", "a.png"), "photo.png: not an apercu file"),
        (("decode", "photo.apc", "a.gif"), ".png or .tif"),
        (("decode", "photo.apc", "a"), ".png or .tif"),
        (("decode", "photo.apc", "none/a.png"), "No such folder"),
        (("decode", "photo.apc", "a.png", "--restore", "vae"), "restore"),
        (("decode", "photo.apc", "a.png", "--window", "0,0,9"), "four whole numbers"),
        (("decode", "photo.apc", "a.png", "--window", "0,0,64,97"), "photo.apc: window (0, 0, 64, 97) does not lie"),
        (("decode", "photo.apc", "a.png", "--layers", "0"), "layers"),
        (("decode", "photo.apc", "a.png", "--max-pixels", "6143"), "photo.apc: 96 × 64 pixels of 3 bands"),
        (("decode", "rgba.apc", "a.jpg"), ".png"),
        (("decode", "none.apc", "a.png"), "none.apc: No such file"),
    ],
)
def test_a_mistake_is_one_line_and_no_file(arguments, words, photo, apc, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(apercu, "MAX_PIXELS", apercu.MAX_PIXELS)  # --max-pixels moves it
    (tmp_path / "rgba.apc").write_bytes(apercu.encode(RGBA))
    (tmp_path / "text.png").write_text("no picture")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert is_one_line(said.err), said.err
    assert words in said.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_limit_can_be_lifted(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(apercu, "MAX_PIXELS", 9)
    assert main(["encode", str(photo), str(tmp_path / "a.apc")]) == 2
    assert main(["encode", str(photo), str(tmp_path / "a.apc"), "--max-pixels", "0"]) == 0
    assert main(["check", str(tmp_path / "a.apc"), "--max-pixels", "9"]) == 1


def test_a_mistake_in_a_process_of_its_own(tmp_path):
    ended = run("encode", tmp_path / "none.png", tmp_path / "a.apc")
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert is_one_line(ended.stderr.decode())


def test_a_damaged_file_is_one_line_whatever_c_libraries_have_to_say(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.tif", compression="tiff_lzw")
    data = bytearray((tmp_path / "photo.tif").read_bytes())
    data[400:440] = b"\xff" * 40
    (tmp_path / "photo.tif").write_bytes(data)
    ended = run("encode", tmp_path / "photo.tif", tmp_path / "a.apc")
    assert ended.returncode == 2
    assert is_one_line(ended.stderr.decode()), ended.stderr


def test_no_bytes_go_to_a_terminal(apc, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["decode", str(apc), "-"]) == 2
    assert "terminal" in capsys.readouterr().err


def raising(error):
    def function(*_, **__):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (MemoryError(), 2), (OSError(28, "No space left"), 2), (apercu.ModelError("no"), 2)],
)
@pytest.mark.parametrize(("name", "target"), [("encode", "old.apc"), ("decode", "old.png")])
def test_whatever_stops_the_work_leaves_the_old_file(
    photo, apc, tmp_path, monkeypatch, capsys, error, code, name, target
):
    old = tmp_path / target
    old.write_bytes(b"old")
    names = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(apercu, name, raising(error))
    assert main([name, str(photo if name == "encode" else apc), str(old)]) == code
    assert is_one_line(capsys.readouterr().err)
    monkeypatch.undo()
    monkeypatch.setattr(os, "replace", raising(error))
    assert main([name, str(photo if name == "encode" else apc), str(old)]) == code
    assert is_one_line(capsys.readouterr().err)
    assert old.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.parametrize(
    "error", [ZeroDivisionError, RecursionError, KeyError, UnicodeEncodeError("a", "b", 0, 1, "c")]
)
def test_a_fault_of_our_own_has_a_code_of_its_own_and_is_not_hidden(photo, tmp_path, monkeypatch, capsys, error):
    monkeypatch.setattr(apercu, "encode", raising(error))
    assert main(["encode", str(photo), str(tmp_path / "none" / "a.apc")]) == 2  # before any work is done
    capsys.readouterr()
    assert main(["encode", str(photo), str(tmp_path / "a.apc")]) == 70
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Traceback (most recent call last):\n")
    assert said.err.endswith("\napercu: this is a fault of apercu's own; please report it, with the lines above\n")
    assert not (tmp_path / "a.apc").exists()


@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
@pytest.mark.parametrize("arguments", [("info", "photo.apc"), ("--help",), ("decode", "photo.apc", "-")])
def test_a_pipe_that_nobody_reads(apc, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    call = [sys.executable, "-m", "apercu", *arguments]
    ended = subprocess.run(
        call, stdout=writer, stderr=subprocess.PIPE, cwd=apc.parent, env=BUFFERED, timeout=60, check=False
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_an_output_that_is_full(apc):
    with open("/dev/full", "wb") as full:
        call = [sys.executable, "-m", "apercu", "info", str(apc)]
        ended = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, env=BUFFERED, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, b"apercu: standard output: No space left on device\n")


def test_closed_streams(apc, photo, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["encode", str(photo), str(apc), "--quiet"]) == 0
    assert main(["decode", str(apc), "-"]) == 2
    assert main(["info", str(apc)]) == 2
    assert main(["decode", "-", str(photo)]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch("(apercu: standard output is closed; .*\n){2}apercu: standard input: closed\n", said)
