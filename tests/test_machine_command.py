"""`apercu machine` as a command: its files, its tables, and its mistakes in one line."""

import json
import sys
from dataclasses import replace

import pytest
from PIL import Image

from apercu.bench import needs, peers
from apercu.bench.tasks import built_in, units
from apercu.cli.main import main
from tests import plain_task

PLAIN = built_in.Entry("tests.plain_task:make", "classes", "share found", "tests.plain_task:drawn", "plain", (0.5, 2))


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "squares", plain_task.SQUARES)
    monkeypatch.setitem(built_in.TASKS, "plain", PLAIN)
    monkeypatch.setitem(built_in.TASKS, "undrawn", replace(PLAIN, drawn=None))
    monkeypatch.setattr(units, "_networks", {})


def call(tmp_path, task, *more, codec="dct", peer="squares"):
    return main(
        ["machine", task, "--codecs", codec, "--peers", peer, "--jobs", "1", "--cache", str(tmp_path / "kept"),
         "--out", str(tmp_path / "out"), *more]
    )  # fmt: skip


def test_the_command_measures_drawn_pictures_says_so_and_writes_all_files(tmp_path, capsys):
    assert call(tmp_path, "plain", "--seeds", "2", "--retrain", "same") == 0
    said = capsys.readouterr()
    assert "no --images: measured on drawn pictures" in said.err
    assert "squares" in said.out
    assert "index.html shows it all" in said.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "curves.png", "curves.svg", "index.html", "points.csv", "report.json",
    ]  # fmt: skip
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["rates"], report["task"]["seeds"], report["task"]["drawn"]) == ([0.5, 2], [0, 1], True)
    assert report["task"]["learns"]
    assert report["codecs"] == ["apercu:dct/none", "squares"]
    assert {one["trained"] for one in report["points"]} == {"originals", "same"}


def test_a_folder_is_measured_by_a_task_of_ones_own_and_what_did_not_arrive_is_told(tmp_path, capsys):
    data = plain_task.drawn(3, 3)
    for part, split in (("train", data.train), ("test", data.test)):
        for name, image, number in zip(split.names, split.images, split.truth, strict=True):
            path = tmp_path / "data" / part / data.classes[number] / f"{name.split('/')[1]}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    Image.fromarray(data.test.images[0]).save(tmp_path / "data" / "train" / "fine" / "again.png")
    where = ["--images", str(tmp_path / "data"), "--bpp", "0.06", "2", "--seeds", "1"]
    assert call(tmp_path, "tests.plain_task:make", *where) == 0
    said = capsys.readouterr()
    assert "squares has no file so small for 9 at 0.06 bpp, of 9 pictures; grey stands for them\n" in said.out
    assert "drawn" not in said.err
    assert "test/fine/0.png: among the pictures to train on as well" in said.err
    assert "9 pictures (1 of them trained on)" in said.out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["task"]["n_test"], report["task"]["classes"]) == (9, ["coarse", "fine", "middle"])


def test_a_task_that_goes_to_another_folder_leaves_the_report_where_it_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "photos").mkdir()
    Image.fromarray(plain_task.drawn(1, 1).test.images[0]).save(tmp_path / "photos" / "a.png")
    (tmp_path / "wandering.py").write_text(
        "import os\nos.chdir('elsewhere')\n\ndef score(images, truth):\n    return 1.0\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    arguments = [
        "wandering:score",
        "--images",
        "photos",
        "--codecs",
        "dct",
        "--peers",
        "--bpp",
        "8",
        "--jobs",
        "1",
        "--cache",
        "kept",
        "--out",
        "out",
    ]
    assert main(["machine", *arguments]) == 0
    assert (tmp_path / "out" / "index.html").is_file()
    assert (tmp_path / "kept").is_dir()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_extra_that_brings_all_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "scipy" else name)
    assert call(tmp_path, "plain") == 2
    assert capsys.readouterr().err == "apercu: machine needs scipy: pip install 'apercu[machine]'\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "no task 'nonsense'; there are classification, "),
        (["tests.plain_task:make"], "needs --images: pictures are drawn for the built-in tasks only"),
        (["undrawn"], "for undrawn nothing is drawn: it needs pictures of yours (--images)"),
        (["plain", "--images", "/absent"], "/absent: no such folder"),
        (["plain", "--retrain", "twice"], "--retrain: no 'twice'; there are same, mixed"),
        (["plain", "--seeds", "0"], "--seeds is at least 1, not 0"),
        (["plain", "--seeds", "100000000000000000000"], "--seeds is at most 1000, not 1"),
        (["plain", "--images", "/"], "--out out lies in --images, where its pictures would be measured the next time"),
        (["plain", "--jobs", "0"], "--jobs is at least 1, not 0"),
        (["plain", "--bpp", "0"], "--bpp takes rates above 0"),
        (["plain", "--peers", "nobody"], "--peers: no 'nobody'"),
        (["plain", "--codecs", "nobody"], "--codecs: no 'nobody'"),
    ],
)
def test_mistakes_are_said_in_one_line_before_any_work(tmp_path, capsys, arguments, said):
    assert call(tmp_path, *arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
