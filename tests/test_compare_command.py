"""`apercu compare` as a command: its files, its tables, its mistakes in one line; and the cache it goes by."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from apercu.bench import peers
from apercu.bench.cache import Cache, write_whole
from apercu.bench.images import drawn
from apercu.cli import compare as command
from apercu.cli.main import main
from apercu.format.ids import CODECS

OURS = "apercu:taha2025/none"
BIG = drawn(512, 512)
PICTURES = {"disc": BIG[216:280, 56:120], "grass": BIG[340:404, 300:364], "colour": drawn(512, 512, 3)[215:275, 50:116]}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name, picture in PICTURES.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    return {name: str(folder / f"{name}.png") for name in PICTURES}


def test_damaged_files_of_the_cache_count_as_not_there(tmp_path):
    cache = Cache(tmp_path)
    cache.put(["a", 1], b"value")
    assert cache.get(["a", 1]) == b"value"
    assert cache.get(["a", 2]) is None
    (path,) = (p for p in tmp_path.rglob("*") if p.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    assert cache.get(["a", 1]) is None
    path.write_bytes(b"")
    assert cache.get(["a", 1]) is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "report.json"
    write_whole(target, b"old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_whole(target, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert target.read_bytes() == b"old"


def test_the_command_writes_all_files_and_prints_the_tables(sources, tmp_path, capsys):
    out = tmp_path / "report"
    folder = str(Path(sources["disc"]).parent)
    call = ["compare", folder, "--peers", "jpeg-prog,thumbhash", "--bpp", "0.9", "0.6", "--repeat", "1", "--jobs", "1"]
    assert main([*call, "--cache", str(tmp_path / "cache"), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert {path.name for path in out.iterdir()} == {
        *("comparison.json", "points.csv", "index.html"),
        *(f"curves-{metric}.{kind}" for metric in ("psnr", "ssim") for kind in ("png", "svg")),
    }
    report = json.loads((out / "comparison.json").read_text())
    assert [image["name"] for image in report["images"]] == ["colour", "disc", "grass"]
    assert report["codecs"] == [*(f"apercu:{codec}/none" for codec in CODECS), "jpeg-prog", "thumbhash"]
    assert "BD-rate on psnr in %, 0.04 to 0.35 bpp" in printed.out
    assert re.search(r"^jpeg-prog .* \d\d\.\d+/[123]$", printed.out, re.MULTILINE)
    assert "index.html shows it all" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--peers", "jpg"], "--peers: no 'jpg'; there are jpeg, "),
        (["--codecs", "h264"], "--codecs: no 'h264'; there are apercu, taha2025"),
        (["--metric", "vmaf"], "no metric 'vmaf'; there are psnr, ssim"),
        (["--metric", "no.such:thing"], "no.such"),
        (["--metric", "ssimulacra2", "--peak", "range"], "takes no peak"),
        (["--bpp", "0"], "--bpp takes rates above 0"),
        (["--bpp", "nan"], "--bpp takes rates above 0"),
        (["--jobs", "0"], "--jobs is at least 1, not 0"),
        (["--points", "nowhere.csv"], "--points nowhere.csv: no such file"),
        (["--restore", "magic", "--peers", "--jobs", "1"], "restore must be"),
    ],
)
def test_mistakes_are_told_in_one_line(sources, tmp_path, capsys, arguments, said):
    call = ["compare", sources["disc"], "--out", str(tmp_path / "r"), "--cache", str(tmp_path / "c"), *arguments]
    assert main(call) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_mistaken_files_are_told_in_one_line(sources, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for images, out in ((["empty"], "r"), (["none.png"], "r"), ([sources["disc"]], "file")):
        given = [str(tmp_path / name) for name in images]
        assert main(["compare", *given, "--out", str(tmp_path / out), "--cache", str(tmp_path / "c")]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_absent_extras_are_named_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    monkeypatch.setattr(peers.features, "check", lambda name: name == "jpg")
    tiny = str(tmp_path / "tiny.png")
    Image.fromarray(BIG[:48, :48]).save(tiny)
    out = ["--out", str(tmp_path / "r"), "--cache", str(tmp_path / "c"), "--jobs", "1", "--repeat", "1"]
    out += ["--codecs", "taha2025", "--bpp", "0.9", "1.8"]
    assert main(["compare", tiny, *out]) == 0
    error = capsys.readouterr().err
    assert error.startswith(
        "apercu: not compared with webp: needs Pillow with webp; jpeg2000: needs imagecodecs, pip install 'apercu[be"
    )
    assert main(["compare", tiny, *out, "--peers", "jpegxl"]) == 2
    assert capsys.readouterr().err == "apercu: jpegxl: needs imagecodecs, pip install 'apercu[bench]'\n"


def test_pictures_of_one_name_are_told_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "in").mkdir(parents=True)
        (tmp_path / folder / "in" / "one.png").write_bytes(b"x")
    single, a, b = tmp_path / "two.png", tmp_path / "a", tmp_path / "b"
    single.write_bytes(b"x")
    assert list(command._sources([str(a), str(single)], [".png"])[0]) == ["in/one", "two"]
    both, named = command._sources([str(a), str(b), str(single), str(single)], [".png"])
    assert list(both) == [str(a / "in/one.png"), str(b / "in/one.png"), "two"]
    assert named == {"two"}
    assert list(both.values()) == [str(a / "in/one.png"), str(b / "in/one.png"), str(single)]


def test_a_folder_is_searched_for_all_that_encode_takes(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(BIG[:48, :48]).save(folder / "small.gif")
    options = ["--codecs", "taha2025", "--peers", "--metric", "psnr", "--bpp", "0.9", "--repeat", "1", "--jobs", "1"]
    out = tmp_path / "r"
    assert main(["compare", str(folder), "--out", str(out), "--cache", str(tmp_path / "c"), *options]) == 0
    assert [image["name"] for image in json.loads((out / "comparison.json").read_text())["images"]] == ["small"]
