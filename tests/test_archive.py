"""Archives by one process: what is listed, what is done again and what is not, and what the manifest says."""

import errno
import math
import os
import sqlite3
import threading
from contextlib import closing, contextmanager
from functools import partial
from glob import glob
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import apercu
from apercu.cli.main import main
from apercu.errors import OptionError
from tests.archives import png, rows

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")
from apercu.bridges import files
from apercu.bridges.archive import making, manifest, work
from apercu.bridges.archive.sources import Shard, listed


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """Six pictures in two folders and a note, in the folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "b.tif.png", "2026/a.png", "2026/c d.PNG", "2026/06/e.png", "z.png")):
        path = Path("in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    Path("in/note.txt").write_text("no picture")
    return tmp_path


def made(*sources, to="out", **options):
    *_, step = making.make([*sources] or ["in"], to, **{"n_bytes": 300, **options})
    return step


def counts(step):
    return step.n_done, step.n_failed, step.n_made


def targets(*sources, **options):
    return [one.target for one in listed(sources, **options)]


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


# --- What is listed

ALL = ["2026/06/e.png.apc", "2026/a.png.apc", "2026/c d.PNG.apc", "a.png.apc", "b.tif.png.apc", "z.png.apc"]


@pytest.mark.usefixtures("scenes")
def test_files_folders_and_patterns():
    assert targets("in") == targets("in/") == targets(os.path.abspath("in")) == ALL
    assert targets("in/*.png") == ["a.png.apc", "b.tif.png.apc", "z.png.apc"]
    assert targets("in/**/*.png") == ["2026/06/e.png.apc", "2026/a.png.apc", "a.png.apc", "b.tif.png.apc", "z.png.apc"]
    assert targets("in/20*/[ac]*") == ["2026/a.png.apc", "2026/c d.PNG.apc"]
    assert targets("in/20??/0?/e.png") == ["2026/06/e.png.apc"]
    assert targets("in/note.txt", "in/2026") == ["note.txt.apc", "06/e.png.apc", "a.png.apc", "c d.PNG.apc"]
    os.rename("in/a.png", "in/[x].png")
    assert targets("in/[x].png") == ["[x].png.apc"]
    shares = [one.share for one in listed(["in", "in/2026"])]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] < 1.0
    with pytest.raises(OptionError, match=r"in/none: no such file or folder"):
        targets("in/none")


@pytest.mark.usefixtures("scenes")
def test_links_are_followed_to_files_only():
    os.symlink("a.png", "in/link.png")
    os.symlink(".", "in/round")
    os.symlink("nowhere", "in/lost.png")
    assert targets("in") == sorted([*ALL, "link.png.apc"])
    found = {one.target: one.identity for one in listed(["in"])}
    assert found["link.png.apc"] == found["a.png.apc"]


@pytest.mark.usefixtures("scenes")
def test_lists(monkeypatch):
    lines = ["./a.png", "", "2026//c d.PNG", os.path.abspath("in/z.png"), "note.txt", "../in2/b.png", "/etc/passwd"]
    Path("list.txt").write_text("\r\n".join(lines))
    found = list(listed(["in"], "list.txt"))
    assert [one.target for one in found[:4]] == ["a.png.apc", "2026/c d.PNG.apc", "z.png.apc", "note.txt.apc"]
    assert [one.fault for one in found[:4]] == ["", "", "", ""]
    assert [one.fault for one in found[4:]] == [f"lies outside {os.path.abspath('in')}"] * 2
    with pytest.raises(OptionError, match="one folder, and 2 sources"):
        list(listed(["in", "out"], "list.txt"))
    with open("list.txt", "rb") as stream:
        monkeypatch.setattr("sys.stdin", type("", (), {"buffer": stream}))
        assert [one.target for one in listed(["in"], "-")] == [one.target for one in found]


@contextmanager
def web_server(folder):
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("scenes")
def test_from_a_web_server():
    with web_server("in") as url:
        assert counts(made(f"{url}/2026/", f"{url}/z.png?token=secret")) == (4, 0, 4)
        assert tree("out") == ["06/e.png.apc", "a.png.apc", "c d.PNG.apc", "z.png.apc"]
        assert not any("secret" in source for source, *_ in rows("out.sqlite"))
        assert counts(made(f"{url}/2026/", f"{url}/z.png?token=other")) == (4, 0, 0)
        Path("in/z.png").write_bytes(png(9))
        Path("list.txt").write_text(f"z.png\n2026/a.png\n{url}/2026/c%20d.PNG\n2026/%2e%2e/%2e%2e/b.png")
        assert counts(made(url, names="list.txt", to="listed")) == (3, 1, 3)
        assert tree("listed") == ["2026/a.png.apc", "2026/c d.PNG.apc", "z.png.apc"]


# --- Shards


def test_shards_are_the_same_for_ever():
    names = [f"2026/{number}.tif.apc" for number in range(1000)]
    parts = [[name for name in names if Shard(number, 7).has(name)] for number in range(1, 8)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert [len(part) for part in parts] == [129, 136, 150, 140, 140, 149, 156]
    assert parts[6][0] == "2026/0.tif.apc"


@pytest.mark.usefixtures("scenes")
def test_shards_do_everything_once_and_need_nobody(capsys):
    for number in (3, 1, 2):
        assert main(["batch", "in", "out", "--bytes", "300", "--shard", f"{number}/3", "--quiet"]) == 0
    assert tree("out") == sorted(ALL)
    of_shards = [rows(f"out-{number}-of-3.sqlite", "object") for number in (1, 2, 3)]
    assert sorted(name for found in of_shards for (name,) in found) == sorted(ALL)
    assert main(["batch", "in", "out", "--shard", "4/3"]) == 2
    assert "'4/3' is not I/N, with I from 1 to N" in capsys.readouterr().err


# --- What is done again


def test_nothing_is_done_twice(scenes):
    assert counts(made()) == (6, 0, 6)
    assert tree("out") == sorted(ALL)
    image, bands = files.read("in/2026/a.png")
    assert Path("out/2026/a.png.apc").read_bytes() == apercu.encode(image, bands=bands, n_bytes=300)
    before = {name: os.stat(f"out/{name}").st_ino for name in tree("out")}
    assert counts(made()) == (6, 0, 0)

    os.utime("in/a.png", (1, 1))  # of the same content
    assert counts(made()) == (6, 0, 0)
    Path("in/z.png").write_bytes(png(100))
    assert counts(made()) == (6, 0, 1)
    assert counts(made()) == (6, 0, 0)
    after = {name: os.stat(f"out/{name}").st_ino for name in tree("out")}
    assert {name for name in before if before[name] != after[name]} == {"z.png.apc"}

    assert counts(made(n_bytes=250)) == (6, 0, 6)
    assert all(os.path.getsize(f"out/{name}") <= 250 for name in tree("out"))
    assert counts(made(n_bytes=250, measure=False)) == (6, 0, 0)
    Path("list.txt").write_text("a.png\nz.png")
    assert counts(made(names="list.txt", n_bytes=250)) == (2, 0, 0)  # a worker asks how old they are
    assert {tries for *_, tries in rows("out.sqlite", "tries")} == {1}


def test_a_broken_source_is_recorded_once(scenes):
    Path("in/broken.png").write_bytes(png(1)[:100])
    Path("in/empty.png").touch()
    step = made()
    assert counts(step) == (6, 2, 6)
    assert counts(made()) == (6, 2, 0)
    assert [(source[-10:], *rest) for source, _, state, *rest in rows("out.sqlite") if state == "failed"] == [
        ("broken.png", 1, "damaged, or not what it seems: image file is truncated"),
        ("/empty.png", 1, "an empty file"),
    ]
    assert counts(made(retry=True)) == (6, 2, 0)
    assert [tries for _, _, state, tries, _ in rows("out.sqlite") if state == "failed"] == [2, 2]
    Path("in/broken.png").write_bytes(png(1))
    assert counts(made()) == (7, 1, 1)
    Path("list.txt").write_text("none.png\nempty.png")
    assert counts(made(names="list.txt")) == (0, 2, 0)
    assert rows("out.sqlite")[-2][-1] == "No such file or directory"
    assert sorted(tree("out")) == sorted([*ALL, "broken.png.apc"])


def test_a_budget_that_cannot_be_met_fails_by_itself(scenes):
    Path("in/large.png").write_bytes(png(1, 512))
    assert counts(made(n_bytes=30)) == (6, 1, 6)
    assert "30 bytes are too few" in rows("out.sqlite")[-2][-1]
    assert tree("out") == sorted(ALL)


def test_two_sources_never_write_one_object(scenes):
    assert counts(made("in", "in/2026")) == (8, 1, 8)  # 2026/a.png is to be a.png.apc too
    source, owner = os.path.abspath("in/2026/a.png"), os.path.abspath("in/a.png")
    refused = (source, "a.png.apc", "refused", 1, f"a.png.apc is the preview of {owner}")
    assert [row for row in rows("out.sqlite") if row[2] != "done"] == [refused]
    assert counts(made("in", "in/2026")) == (8, 1, 0)
    Path("in/twice.txt").write_text("2026/06/e.png\n2026//06/e.png\n2026/06/./e.png\n")
    assert counts(made(names="in/twice.txt", to="other")) == (1, 2, 1)
    assert [row[2] for row in rows("other.sqlite")] == ["refused", "refused", "done"]
    assert counts(made("in/a.png", "in/a.png", to="third")) == (1, 0, 1)


def test_a_source_that_ends_its_process_is_left_out_at_last(scenes, monkeypatch):
    class Ended(BaseException):
        pass

    read = files.read

    def deadly(path, **how):
        if Path(path).read_bytes() == png(2):
            raise Ended
        return read(path, **how)

    with monkeypatch.context() as patched:
        patched.setattr(files, "read", deadly)
        for n_tries in (1, 2, 3):
            with pytest.raises(Ended):
                made()
            assert rows("out.sqlite", "state, tries")[-1] == ("begun", n_tries)
        assert counts(made()) == (5, 1, 4)
        (failed,) = [row for row in rows("out.sqlite") if row[2] == "failed"]
        assert failed[1:] == ("2026/a.png.apc", "failed", 3, "ended the process that it was in, 3 times")
        assert counts(made()) == (5, 1, 0)
    assert counts(made(retry=True)) == (6, 0, 1)


# --- What ends the work, and what does not


def test_a_destination_that_takes_nothing_ends_the_work(scenes, monkeypatch):
    made("in/2026")

    @contextmanager
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", path)
        yield

    with monkeypatch.context() as patch:
        patch.setattr(work, "replacing", full)
        with pytest.raises(OSError, match="No space left"):
            made("in/a.png", "in/b.tif.png")
    assert counts(made("in/a.png", "in/z.png")) == (1, 1, 1)  # a.png is taken
    long = "n" * 252
    Path(f"in/{long}").write_bytes(png(1))
    assert counts(made(f"in/{long}", "in/b.tif.png")) == (1, 1, 1)
    assert rows("out.sqlite")[-2][2:] == ("failed", 1, "File name too long")


@pytest.mark.usefixtures("scenes")
def test_what_is_refused_before_any_work():
    for to, what in (("in/a.png", "is a file"), ("https://example.org/x", "objects are written to folders")):
        with pytest.raises(OptionError, match=what):
            made(to=to)
    with pytest.raises(OptionError, match="codec must be one of"):
        made(codec="none")
    for sources, names in ((["missing"], None), (["in", "missing.png"], None), (["in"], "missing.txt")):
        with pytest.raises((OptionError, FileNotFoundError), match=r"missing|No such file"):
            list(making.make(sources, "out", names=names, n_bytes=200))
    assert os.listdir() == ["in"]
    made("in/2026", place="m.sqlite")
    with pytest.raises(OptionError, match=r"m.sqlite: the manifest of .*out, not of .*other"):
        made("in/2026", to="other", place="m.sqlite")
    Path("text.sqlite").write_text("no database" * 100)
    with pytest.raises(OSError, match="file is not a database"):
        made("in/2026", place="text.sqlite")
    with closing(sqlite3.connect("strange.sqlite")) as database:
        database.execute("CREATE TABLE other (a)")
    with pytest.raises(OptionError, match="no manifest that this release reads"):
        made("in/2026", place="strange.sqlite")
    steps = making.make(["in/2026"], "out", place="m.sqlite", n_bytes=200)
    next(steps)
    with pytest.raises(OptionError, match="another process writes this manifest"):
        made("in/2026", place="m.sqlite")
    steps.close()
    assert counts(made("in/2026", place="m.sqlite", n_bytes=200)) == (3, 0, 2)


# --- The manifest


def test_what_the_manifest_says(scenes, monkeypatch):
    assert manifest.place_of("s3://bucket/a/b/") == "bucket-a-b.sqlite"
    assert manifest.place_of("out/", (3, 10)) == f"{scenes}/out-3-of-10.sqlite"
    Path("in/broken.png").touch()
    monkeypatch.setattr(manifest, "_ROWS", 3)
    assert main(["batch", "in", "out", "--bpp", "0.5", "--workers", "0", "--quiet", "--export", "out.parquet"]) == 2
    parquet = pytest.importorskip("pyarrow.parquet").ParquetFile("out.parquet")
    assert parquet.num_row_groups == 3
    found = {row["object"]: row for row in parquet.read().to_pylist()}
    assert sorted(found) == sorted([*ALL, "broken.png.apc"])
    image, _ = files.read("in/z.png")
    data = Path("out/z.png.apc").read_bytes()
    row = found["z.png.apc"]
    error = image.astype(float) - apercu.decode(data)
    assert row["rmse"] == pytest.approx(math.sqrt(np.mean(error**2)))
    assert (row["bytes"], row["width"], row["height"], row["bands"], row["dtype"]) == (len(data), 64, 64, 1, "uint8")
    assert row["quality"] == apercu.info(data)["quality"]
    assert (row["state"], row["tries"], row["message"], row["settings"]) == ("done", 1, "", '{"bpp": 0.5}')
    assert row["source"] == f"{scenes}/in/z.png"
    assert row["seconds"] > 0
    assert found["broken.png.apc"]["bytes"] is None
    assert main(["batch", "--manifest", "out.sqlite", "--export", "again.parquet"]) == 0
    assert parquet.read().equals(pytest.importorskip("pyarrow.parquet").read_table("again.parquet"))
    assert counts(made(to="plain", measure=False)) == (6, 1, 6)
    assert rows("plain.sqlite", "rmse") == [(None,)] * 7


def test_names_of_any_bytes(scenes):
    name = os.fsdecode(b"in/\xff\n\x1b.png")
    Path(name).write_bytes(png(1))
    assert counts(made()) == (7, 0, 7)
    assert os.path.exists(os.fsdecode(b"out/\xff\n\x1b.png.apc"))
    assert counts(made()) == (7, 0, 0)


# --- The command


def test_what_the_command_says(scenes, capsys):
    Path("in/broken\x1b.png").touch()
    call = ["batch", "in", "out", "--bytes", "300", "--workers", "0"]
    assert main(call) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == f"apercu: {scenes}/in/broken\\x1b.png: an empty file"
    assert lines[1].startswith("6 of 7 sources have previews; 6 made now, ")
    assert lines[2] == f"apercu: 1 source has no preview; {scenes}/out.sqlite says why, and --retry tries again"
    os.unlink("in/broken\x1b.png")
    assert main(call) == 0
    assert capsys.readouterr().err == "6 of 6 sources have previews; 0 made now\n"
    for wrong, what in (
        (["in"], "give at least one source, and a folder for the previews"),
        (["in", "out", "--workers", "-1"], "--workers is 0 or more, not -1"),
        (["in", "out", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "not allowed with"),
        (["--export", "x.parquet", "--manifest", "none.sqlite"], "none.sqlite: there is no such manifest"),
        (["missing", "other", "--workers", "0"], "missing: no such file or folder"),
    ):
        assert main(["batch", *wrong]) == 2
        assert what in capsys.readouterr().err
    assert not glob("other*")


@pytest.mark.usefixtures("scenes")
def test_shipped_tables_are_taken_by_name():
    made("in/2026", model="apercu_small")
    assert apercu.info(Path("out/a.png.apc").read_bytes())["model"] == 10
    assert counts(made("in/2026", model="apercu_small"))[2] == 0
    assert counts(made("in/2026"))[2] == 3
