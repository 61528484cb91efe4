"""The command: what it writes, what it says, and how it ends."""

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main

X, Y = np.meshgrid(np.arange(96), np.arange(64))
GREY = (X + 2 * Y).astype(np.uint8)
RGB = np.dstack([2 * X, 255 - 2 * X, X + Y]).astype(np.uint8)
RGBA = np.dstack([RGB, 255 - Y]).astype(np.uint8)
SCENE = np.dstack([500 * X, 700 * Y, 300 * (X + Y), 9 * X * Y, 65535 - 99 * X]).astype(np.uint16)
# Output that stays in a buffer until the end is the harder case.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def run(*arguments, stdin=b""):
    """The command as a process of its own."""
    call = [sys.executable, "-m", "apercu", *map(str, arguments)]
    return subprocess.run(call, input=stdin, capture_output=True, timeout=60, check=False)


def is_one_line(text):
    return text.startswith("apercu: ") and text.count("\n") == 1 and text.endswith("\n")


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def apc(tmp_path):
    path = tmp_path / "photo.apc"
    path.write_bytes(apercu.encode(RGB, quality=40))
    return path


@pytest.fixture
def damaged(tmp_path):
    """A file of two tiles, the second damaged."""
    data = bytearray(apercu.encode(np.tile(GREY, (1, 12)), quality=60, codec="taha2025"))
    assert apercu.info(bytes(data))["tiles"] == 2
    data[-8] ^= 1
    path = tmp_path / "damaged.apc"
    path.write_bytes(data)
    return path


# --- encode and decode


@pytest.mark.parametrize("output", ["-b.apc", "b.apc"])
def test_names_after_two_dashes_are_no_options(photo, monkeypatch, output):
    monkeypatch.chdir(photo.parent)
    photo.rename("-a.png")
    assert main(["encode", "--quality", "40", "--", "-a.png", output]) == 0
    assert main(["decode", "--", output, "-c.png"]) == 0
    with Image.open("-c.png") as shown:
        assert shown.size == (96, 64)


@pytest.mark.parametrize(
    ("image", "name", "bands"),
    [
        (GREY, "a.png", "grey"),
        (RGB, "a.webp", "rgb"),
        (RGBA, "a.png", "rgba"),
        (SCENE, "a.tif", "spectral"),
        (SCENE[..., 0], "a.png", "grey"),
        (SCENE[..., :3], "a.png", "rgb"),
        (SCENE[..., :4], "a.tif", "rgba"),
        (SCENE[..., :3], "a.tif", "spectral"),
    ],
)
def test_there_and_back(tmp_path, image, name, bands):
    from apercu.bridges import files

    paths = [str(tmp_path / name), str(tmp_path / "a.apc"), str(tmp_path / f"b{name[1:]}")]
    files.write(paths[0], image, bands)
    assert main(["encode", *paths[:2], "--quality", "90"]) == 0
    facts = apercu.info((tmp_path / "a.apc").read_bytes())
    assert (facts["interpretation"], facts["dtype"], facts["quality"]) == (bands, str(image.dtype), 90)
    assert main(["decode", *paths[1:]]) == 0
    found, kind = files.read(paths[2])
    assert (kind, found.dtype, found.shape) == (bands, image.dtype, image.shape)
    assert np.abs(found.astype(int) - image).mean() < 0.02 * np.iinfo(image.dtype).max


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ((), {}),
        (("--quality", "20.5"), {"quality": 20.5}),
        (("--bpp", "0.4"), {"bpp": 0.4}),
        (("--bytes", "250"), {"n_bytes": 250}),
        (("--psnr", "30"), {"psnr": 30}),
        (
            ("--threshold", "90", "--step", "40", "--codec", "taha2025"),
            {"threshold": 90, "step": 40, "codec": "taha2025"},
        ),
        (
            ("--quality", "30", "--tables", "latent", "--codec", "taha2025"),
            {"quality": 30, "tables": "latent", "codec": "taha2025"},
        ),
        (("--bands", "spectral"), {"bands": "spectral"}),
    ],
)
def test_encode_does_what_the_library_does(photo, tmp_path, options, keywords):
    assert main(["encode", str(photo), str(tmp_path / "a.apc"), *options]) == 0
    assert (tmp_path / "a.apc").read_bytes() == apercu.encode(RGB, **keywords)


def test_encode_says_what_came_of_it(photo, tmp_path, capsys):
    out = tmp_path / "a.apc"
    main(["encode", str(photo), str(out), "--quality", "20.5"])
    said = capsys.readouterr()
    size = out.stat().st_size
    assert said.out == ""
    assert said.err == (
        f"{out}: 96 × 64 rgb uint8, {size} bytes (1/{RGB.size / size:.0f} of the samples), "
        f"{8 * size / GREY.size:.3f} bpp, quality 20.5\n"
    )
    main(["encode", str(photo), str(out), "--codec", "taha2025", "--threshold", "90", "--step", "40"])
    assert capsys.readouterr().err.endswith("threshold 90, step 40\n")
    main(["encode", str(photo), str(out), "--quiet"])
    main(["decode", str(out), str(tmp_path / "a.png")])
    assert capsys.readouterr() == ("", "")


def test_standard_input_and_output(photo):
    encoded = run("encode", "-", "-", "--quality", "40", stdin=photo.read_bytes())
    assert encoded.returncode == 0
    assert encoded.stdout == apercu.encode(RGB, quality=40)
    assert encoded.stderr.startswith(b"standard output: 96")
    expected = apercu.decode(encoded.stdout)
    for options, kind in (((), "PNG"), (("--format", "tif"), "TIFF"), (("--format", ".webp"), "WEBP")):
        decoded = run("decode", "-", "-", *options, stdin=encoded.stdout)
        assert (decoded.returncode, decoded.stderr) == (0, b"")
        with Image.open(io.BytesIO(decoded.stdout)) as image:
            assert image.format == kind
            np.testing.assert_array_equal(np.asarray(image), expected)
    assert run("check", "-", stdin=encoded.stdout).stdout == b"standard input: sound\n"
    spectral = run("decode", "-", "-", stdin=apercu.encode(SCENE))
    assert (spectral.returncode, spectral.stdout) == (2, b"")
    assert b".tif" in spectral.stderr


def test_damage_is_refused_or_concealed(damaged, tmp_path, capsys):
    out = tmp_path / "a.png"
    assert main(["decode", str(damaged), str(out)]) == 2
    assert is_one_line(capsys.readouterr().err)
    assert not out.exists()
    assert main(["decode", str(damaged), str(out), "--damaged", "conceal"]) == 0
    assert "faults concealed: 1" in capsys.readouterr().err
    with Image.open(out) as image:
        np.testing.assert_array_equal(np.asarray(image), apercu.decode(damaged.read_bytes(), damaged="conceal"))


# --- info and check


def test_info(apc, capsys):
    facts = apercu.info(apc.read_bytes())
    assert main(["info", "--json", str(apc), str(apc)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [{"file": str(apc), **facts}] * 2
    assert main(["info", str(apc)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{apc}\n")
    assert re.findall(r"^  (\w+)", said, re.MULTILINE) == list(facts)
    assert re.search(r"^  quality +40$", said, re.MULTILINE)


def test_info_goes_on_after_a_file_it_cannot_read(apc, photo, capsys):
    assert main(["info", str(photo), str(photo) + "x", str(apc)]) == 2
    said = capsys.readouterr()
    assert said.out.startswith(f"{apc}\n")
    assert re.fullmatch(r"apercu: .*photo\.png: not an apercu file.*\napercu: .*photo\.pngx: No such.*\n", said.err)


def test_check(apc, damaged, photo, tmp_path, capsys):
    assert main(["check", str(apc)]) == 0
    assert capsys.readouterr().out == f"{apc}: sound\n"
    assert main(["check", str(damaged), str(apc), str(photo)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{damaged}: ChecksumError: ")
    assert lines[1] == f"{apc}: sound"
    assert lines[2].startswith(f"{photo}: NotApercu: ")
    assert main(["check", str(damaged), str(tmp_path / "none.apc")]) == 2
    assert "none.apc" in capsys.readouterr().err


# --- mistakes


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
        (("encode", "photo.png", "a.apc", "--psnr", "99"), "photo.png: 99.0 dB"),
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


def test_a_window_the_first_layers_and_a_restored_image(tmp_path):
    image = np.tile(RGB, (6, 5, 1))
    data = apercu.encode(image, quality=40, layers=3)
    (tmp_path / "in.apc").write_bytes(data)
    for options, named in (
        (["--window", "10,20,30,40"], {"window": (10, 20, 30, 40)}),
        (["--layers", "1"], {"layers": 1}),
        (["--restore", "cnn"], {"restore": "cnn"}),
    ):
        assert main(["decode", str(tmp_path / "in.apc"), str(tmp_path / "out.png"), *options]) == 0
        assert np.array_equal(Image.open(tmp_path / "out.png"), apercu.decode(data, **named))


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


def test_a_quality_that_was_printed_makes_the_same_file(tmp_path, capsys):
    """All of its digits: with the last ones another variant of the encoder's choices would go."""
    paths = [str(tmp_path / name) for name in ("a.png", "a.apc", "b.apc")]
    Image.fromarray(RGB).save(paths[0])
    options = ["--codec", "taha2025", "--quality"]
    assert main(["encode", *paths[:2], *options, "40.57421875"]) == 0
    assert main(["info", paths[1]]) == 0
    said = capsys.readouterr().out.split()
    assert main(["encode", paths[0], paths[2], *options, said[said.index("quality") + 1].rstrip(",")]) == 0
    assert (tmp_path / "a.apc").read_bytes() == (tmp_path / "b.apc").read_bytes()
    assert said[len(said) - said[::-1].index("quality")] == "40.57421875"
