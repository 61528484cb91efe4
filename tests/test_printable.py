"""Names and texts from anyone: nothing of them acts on a terminal, in a spreadsheet, or in a page."""

import ast
import csv
import io
import json
import os
import re
import struct
import zlib
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import plots
from apercu.bench.cells import from_cell, to_cell
from apercu.bench.compare import points_csv
from apercu.bench.curves import read_points
from apercu.bridges import files
from apercu.cli.main import main
from apercu.errors import OptionError, naming, printable
from apercu.lab.images import fault_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names cannot hold such characters")

X, Y = np.meshgrid(np.arange(48), np.arange(32))
RGB = np.dstack([2 * X, 255 - 2 * X, X + Y]).astype(np.uint8)
DATA = apercu.encode(RGB, quality=40)

# As a name, and as it is shown.
NAMES = {
    "escape": ("a\x1b[31m\x1b]0;title\x07", r"a\x1b[31m\x1b]0;title\x07"),
    "8-bit CSI": ("a\x9b31m\x90", r"a\x9b31m\x90"),
    "lines": ("a\nb\rc\vd\fe\x85f\u2028g\u2029", r"a\nb\rc\x0bd\x0ce\x85f\u2028g\u2029"),
    "tab, backspace and delete": ("a\t\b\x7f", r"a\t\x08\x7f"),
    "direction": ("a\u202egnp.\u2066b\u200f", r"a\u202egnp.\u2066b\u200f"),
    "unseen": ("a\u200bb\ufeffc\u00a0d\U000e0041", r"a\u200bb\ufeffc\xa0d\U000e0041"),
    "bytes": (os.fsdecode(b"a\xff\xc3"), r"a\xff\xc3"),
    "spaces": ("a  b ", "a  b "),
    "letters": ("é–日本語ßλ", "é–日本語ßλ"),
}


def is_harmless(text):
    """Whether nothing is in it that a terminal acts upon, but for the ends of lines."""
    return all(char.isprintable() or char == "\n" for char in text)


@pytest.fixture(params=NAMES)
def name(request, tmp_path, monkeypatch):
    """A name with the suffix .png and how it is shown, in a folder of its own: a picture, and its .apc."""
    monkeypatch.chdir(tmp_path)
    name, shown = NAMES[request.param]
    try:
        Path(f"{name}.apc").write_bytes(DATA)
    except OSError as error:
        pytest.skip(f"no such name here: {error}")
    Image.fromarray(RGB).save(f"{name}.png")
    return name, shown


def test_what_is_printable():
    for name, shown in NAMES.values():
        assert printable(name) == shown
        assert is_harmless(shown)
    assert printable("a\nb\x1b\n", keep="\n") == "a\nb\\x1b\n"
    for code in [*range(32), *range(127, 160)]:
        assert printable(chr(code)).isprintable()
    with pytest.raises(OptionError, match=r"^a\\x1b: no$"), naming("a\x1b"):
        raise OptionError("no")


def test_names_are_shown_escaped(name, capsys):
    name, shown = name
    for arguments, out, err in (
        (["info", f"{name}.apc"], f"{shown}.apc\n  width", ""),
        (["check", f"{name}.apc"], f"{shown}.apc: sound\n", ""),
        (["check", f"{name}.png"], f"{shown}.png: NotApercu: ", ""),
        (["encode", f"{name}.png", f"{name}.2"], "", f"{shown}.2: 48 × 32 rgb uint8"),
        (["encode", f"{name}.png", "--out", "out"], "", f"out/{shown}.apc: 48 × 32 rgb uint8"),
        (["encode", f"{name}.apc", "b"], "", f"apercu: {shown}.apc: an apercu file already\n"),
        (["encode", f"{name}.apc", "--out", "out"], "", f"apercu: {shown}.apc: an apercu file already\n"),
        (["decode", f"{name}.png", "b.png"], "", f"apercu: {shown}.png: not an apercu file"),
        (["decode", f"{name}.png", "--out", "out"], "", f"apercu: {shown}.png: not an apercu file"),
        (["info", f"{name}.none"], "", f"apercu: {shown}.none: No such file or directory\n"),
        (["decode", f"{name}.none", "--out", "out"], "", f"apercu: {shown}.none: No such file or directory\n"),
        (["view", f"{name}.apc", "--no-open", "--out", f"{name}.html"], f"{shown}.html\n", ""),
        (["encode", f"{name}.png", f"{name}.png/b"], "", "apercu: "),
        (["encode", f"{name}.png", "b", "--model", f"{name}.npy"], "", "apercu: "),
        (["encode", f"{name}.png", "b", "--codec", name], "", "apercu: "),
        (["encode", f"{name}.png", "b", "--bpp", name], "", "apercu: "),
        (["encode", "a", "b", f"--{name}"], "", "apercu: "),
        ([f"{name}-"], "", "apercu: "),
        (["compare", f"{name}.none", "--out", "out"], "", "apercu: "),
        (["compare", f"{name}.png", "--out", "out", "--metric", f"{name}:f"], "", "apercu: "),
        (["train", "apercu", "--images", f"{name}.none", "--out", "a.npy"], "", "apercu: "),
    ):
        main(arguments)
        said = capsys.readouterr()
        assert said.out.startswith(out), arguments
        assert said.err.startswith(err), arguments
        assert is_harmless(said.out), arguments
        assert is_harmless(said.err), arguments
        if err == "apercu: ":
            assert said.err.count("\n") == 1


def test_json_holds_the_name_and_is_ascii(name, capsys):
    main(["info", "--json", f"{name[0]}.apc"])
    said = capsys.readouterr().out
    assert said.isascii()
    assert is_harmless(said)
    assert json.loads(said)["file"] == f"{name[0]}.apc"


def test_a_page_calls_the_file_as_it_is_shown(name):
    name, shown = name
    assert main(["view", f"{name}.apc", "--no-open", "--out", "page.html"]) == 0
    page = Path("page.html").read_text("utf-8")
    assert f"<title>apercu view: {shown}.apc</title>" in page
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data)["images"][0]["name"] == f"{shown}.apc"


def png_of(*chunks):
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data))]
    return b"".join(parts)


HEAD = (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
PIXELS = (b"IDAT", zlib.compress(bytes(8 * 25)))
ACTS = b"\x1b[2J\x1b]0;x\x07\x9b31m\r\n\xe2\x80\xae"


@pytest.mark.parametrize(
    "data",
    [
        png_of(HEAD, (b"tEXt", ACTS + b"\0" + ACTS), PIXELS, (b"IEND", b"")),
        png_of(HEAD, (b"iCCP", ACTS[:60] + b"\0\0" + zlib.compress(ACTS)), PIXELS, (b"IEND", b"")),
        png_of(HEAD, (b"a\x1b[A", ACTS), PIXELS, (b"IEND", b"")),
        png_of(HEAD, (b"\x1b[2J", ACTS), PIXELS),
        png_of(HEAD, (b"eXIf", b"II*\0" + ACTS), PIXELS, (b"IEND", b"")),
        png_of(HEAD, (b"IDAT", ACTS)),
        png_of((b"IHDR", ACTS)),
        b"P6 " + ACTS,
        b"P5\n8 8\n" + ACTS + b"\n" + bytes(64),
        b"/* XPM */\n" + ACTS,
        b"#define im_width \x1b[2J\n" + ACTS,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: \x1b[2J\n%%" + ACTS,
        b"SIMPLE  =  \x1b[2J" + bytes(80),
    ],
)
def test_what_a_hostile_picture_says_is_harmless(data, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(data)
    Path("a.apc").write_bytes(DATA)
    for arguments in (
        ["encode", "a.png", "b.apc"],
        ["encode", "a.png", "--out", "out"],
        ["check", "a.png"],
        ["view", "a.apc", "--against", "a.png", "--no-open", "--out", "b.html"],
        ["bench", "--only", "speed", "--repeat", "1", "--image", "a.png"],
        ["compare", "a.png", "--jobs", "1", "--peers", "--bpp", "1", "--cache", "cache", "--out", "out2"],
    ):
        assert main(arguments) in (0, 1, 2)
        said = capfd.readouterr()
        assert is_harmless(said.out)
        assert is_harmless(said.err)


def test_warnings_and_crashes_are_harmless(tmp_path, monkeypatch, capsys):
    def warning(_):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a\x1b[31m", UserWarning, stacklevel=1)
        raise ZeroDivisionError("b\x1b[31m\n\x9b")

    monkeypatch.setattr(apercu, "info", warning)
    Path(tmp_path / "a.apc").write_bytes(DATA)
    assert main(["info", str(tmp_path / "a.apc")]) == 70
    said = capsys.readouterr().err
    assert is_harmless(said)
    assert said.startswith("apercu: a\\x1b[31m\nTraceback")
    assert "ZeroDivisionError: b\\x1b[31m\n\\x9b\n" in said


def test_nothing_but_the_messages_writes_to_a_stream():
    folder = Path(__file__).parent.parent / "src" / "apercu" / "cli"
    found = []
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write"):
                    found.append((path.name, called))
    assert found == [("messages.py", "sys.stderr.write")]


def test_what_training_passes_over_is_named_once(tmp_path):
    (tmp_path / "a\x1b.png").write_bytes(b"no picture")
    said = fault_of(files.read, tmp_path / "a\x1b.png")
    assert said == f"{tmp_path}/a\\x1b.png: no picture of a kind that is known"


# --- Spreadsheets, figures and pages


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "'=1", "''+1", "＝1", "＠a", "-"]  # noqa: RUF001


@pytest.mark.parametrize("text", [*FORMULAS, "", "'", "a", "a=1", "'a", "1", "é", "a;=1"])
def test_a_cell_is_text_and_becomes_the_text_again(text):
    assert from_cell(to_cell(text)) == text
    assert to_cell(text) == (f"'{text}" if text in FORMULAS else text)


def report(name, codec="c"):
    record = {"scale": 1, "level": "-2+3", "n_bytes": 9, "encode_s": -1.5, "decode_s": None, "external": True}
    points = [
        {"image": name, "codec": codec, "bpp": bpp, "metrics": {"psnr": -30 - bpp}, **record}
        for bpp in (0.1, 0.15, 0.2)
    ]
    return {
        "metrics": {"psnr": {"unit": "dB", "higher_is_better": True}},
        "rates": [0.1, 0.2],
        "budgets": [],
        "images": [{"name": name, "width": 8, "height": 8}],
        "codecs": [codec],
        "labels": {codec: codec},
        "points": points,
    }


def test_points_hold_no_formula_and_are_read_again(tmp_path):
    for name in FORMULAS:
        text = points_csv(report(name, "=HYPERLINK(1)"))
        for row in list(csv.reader(io.StringIO(text)))[1:]:
            for cell in row:
                assert cell[:1] not in "=+@\t\r" or not cell
                assert not cell.startswith("-") or float(cell)  # a number
        (tmp_path / "points.csv").write_text(text, newline="")
        for record in read_points(tmp_path / "points.csv", {name: 64}, ["psnr"]):
            assert (record["image"], record["codec"], record["level"]) == (name, "=HYPERLINK(1)", "")
    assert '"a;=1"' in points_csv(report("a;=1"))  # quoted, where a semicolon parts the cells


def test_codecs_of_other_people_are_harmless(tmp_path):
    (tmp_path / "points.csv").write_text("image,codec,bpp,psnr\na,b\x1b[31m,0.1,30\n")
    (record,) = read_points(tmp_path / "points.csv", {"a": 64}, ["psnr"])
    assert record["codec"] == r"b\x1b[31m"


@pytest.mark.parametrize("name", ["a$b$", r"$\frac{x", "$x_{", "日本語", "<b>&\"'", "x" * 250, "%d{}\\"])
def test_curves_of_any_name(name):
    drawn = plots.draw(report(name, name))
    text = minidom.parseString(drawn["curves-psnr.svg"]).documentElement.toxml()
    assert name in text or not name.isascii() or len(name) > 50 or not name.isalnum()
    assert Image.open(io.BytesIO(drawn["curves-psnr.png"])).size == (1200, 780)


def test_a_metric_of_a_long_name_has_a_file():
    found = report("a")
    for metric in ("m" * 300 + ":f", "m" * 300 + ":g"):
        found["metrics"][metric] = {"unit": "", "higher_is_better": True}
    names = list(plots.draw(found))
    assert len(set(names)) == 6
    assert max(map(len, names)) < 100


# --- Long names


@pytest.mark.parametrize("stem", ["x" * 246, "é" * 123, "日" * 82, "\x1b" * 246, "=" + "$" * 245])
def test_names_of_250_bytes(stem, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert len(os.fsencode(f"{stem}.png")) == 250
    Image.fromarray(RGB).save(f"{stem}.png")
    assert main(["encode", f"{stem}.png", f"{stem}.apc", "--quality", "40"]) == 0
    assert main(["encode", f"{stem}.png", "--out", "out", "--quality", "40"]) == 0
    assert Path(f"out/{stem}.apc").read_bytes() == Path(f"{stem}.apc").read_bytes() == DATA
    assert main(["decode", f"{stem}.apc", f"out/{stem}.png"]) == 0
    assert main(["decode", f"{stem}.apc", "--out", "back", "--format", "webp"]) == 0
    for command in ("info", "check"):
        assert main([command, f"{stem}.apc"]) == 0
    capsys.readouterr()
    assert main(["view", f"{stem}.apc", "--against", f"{stem}.png", "--no-open"]) == 0
    page = Path(capsys.readouterr().out.strip("\n"))
    assert page.parent == tmp_path
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert main(["view", f"{stem}.apc", "--no-open", "--out", f"{stem}.htm"]) == 0


def test_a_comparison_of_hostile_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    stems = ["=1+1;x", "a$b$", "<script>alert(1)<", "x" * 246, "e\x1b[31m\u202e", "n\nl", os.fsdecode(b"b\xff")]
    for stem in stems:
        Image.fromarray(RGB).save(f"in/{stem}.png")
    Path("in/broken\x1b.png").write_bytes(b"no picture")
    call = ["compare", "in", "--out", "out", "--jobs", "1", "--peers", "--codecs", "apercu", "--bpp", "1"]
    assert main([*call, "--metric", "psnr", "--cache", "cache"]) == 0
    said = capsys.readouterr()
    assert is_harmless(said.out)
    assert said.err == "apercu: passed over: in/broken\\x1b.png: no picture of a kind that is known\n"
    shown = {printable(stem) for stem in stems}
    found = json.loads(Path("out/comparison.json").read_text("utf-8"))
    assert {image["name"] for image in found["images"]} == shown
    rows = csv.DictReader(io.StringIO(Path("out/points.csv").read_text("utf-8")))
    assert {from_cell(row["image"]) for row in rows} == shown
    page = Path("out/index.html").read_text("utf-8")
    assert is_harmless(page)
    assert "<script>alert" not in page
