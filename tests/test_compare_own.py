"""A comparison with tables and networks of one's own; sizes in bytes; names, tables of text, and what is missing."""

import itertools
import json
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import compare, measure, own, peers, plots, tables
from apercu.bench.cache import Cache
from apercu.bench.own import Given, Own
from apercu.bench.plan import Plan
from apercu.bench.view import file_page
from apercu.bridges import files
from apercu.cli.main import main
from apercu.format.container import read_header
from apercu.format.weights import FOLDER
from scripts.pictures import scene

PICTURE = scene(96, 110, 3)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "disc.png"
    Image.fromarray(PICTURE).save(path)
    return path


@pytest.fixture
def mine(tmp_path):
    """Tables that differ from the shipped ones, and are worse."""
    array = np.load(FOLDER / "apercu.npy")
    array[-2:] = 40_000, 9
    array[270:][::2] = 32_768
    path = tmp_path / "mine.npy"
    np.save(path, array)
    return path


def adding_nothing(path):
    """Writes a network that leaves the planes as they are: the shipped one with a last layer of zeros."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(FOLDER / "cnn.onnx")
    last = [tensor for tensor in model.graph.initializer if tensor.name.startswith("tail.")]
    assert len(last) == 2
    for tensor in last:
        tensor.raw_data = bytes(len(tensor.raw_data))
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("apercu:apercu/none", "apercu, exact"),
        ("apercu:apercu/cnn", "apercu, restored (cnn)"),
        ("apercu:taha2025/none", "taha2025, exact"),
        ("apercu:dct-huffman/none", "dct-huffman, exact"),
        ("apercu:dct-huffman+mine/none", "dct-huffman (mine), exact"),
        ("apercu:apercu+mine/none", "apercu (mine), exact"),
        ("apercu:apercu+mine/cnn+net 2", "apercu (mine), restored (cnn, net 2)"),
        ("jpeg-prog", "jpeg-prog"),
    ],
)
def test_names_are_plain(name, label):
    assert own.label(name) == label
    if name.startswith("apercu:"):
        given = [Given("mine", "a", "1"), Given("net 2", "b", "2")]
        assert own.parsed(name, given, given).name == name


def test_a_codec_with_another_entropy_coder():
    """By a hyphen; each of them is measured with its own coder, and has results of its own in the cache."""
    default, huffman = own.contestants(["dct", "dct-huffman"], ["none"], [], [])
    assert default == Own("dct")
    assert (huffman.name, huffman.codec, huffman.entropy) == ("apercu:dct-huffman/none", "dct", "huffman")
    assert default.key != huffman.key
    for one, coder in ((default, "range"), (huffman, "huffman")):
        data = one.encode(PICTURE, "rgb", quality=30)
        assert read_header(data).entropy == coder
        assert np.array_equal(one.decode(data), apercu.decode(data))
    assert "dct-range" in own.names()
    assert "apercu-range" not in own.names()  # it has no other


def test_the_page_of_one_file_has_a_plain_name():
    page = file_page(apercu.encode(PICTURE, bpp=0.5), "disc.apc")
    assert json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["codecs"] == ["apercu, exact"]


def test_files_come_with_labels(tmp_path):
    for name in ("mine.npy", "a=b.npy"):
        (tmp_path / name).write_bytes(b"x")
    found = own.given([str(tmp_path / "mine.npy"), f"two words={tmp_path / 'mine.npy'}"], "--model")
    assert [given.label for given in found] == ["mine", "two words"]
    for text in (f"a/b={tmp_path / 'mine.npy'}", f"a+b={tmp_path / 'mine.npy'}", f"={tmp_path / 'mine.npy'}"):
        with pytest.raises(apercu.OptionError, match="--model"):
            own.given([text], "--model")
    with pytest.raises(apercu.OptionError, match="'mine' is taken"):
        own.given([str(tmp_path / "mine.npy"), f"mine={tmp_path / 'a=b.npy'}"], "--model")


def test_tables_and_networks_of_ones_own_stand_beside_the_shipped_ones(picture, mine, tmp_path, capsys, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(measure, "CURVE_RATES", (0.1, 0.3))
    network = tmp_path / "net.onnx"
    adding_nothing(network)
    out = tmp_path / "out"
    call = ["compare", str(picture), "--codecs", "apercu", "--peers", "--bpp", "0.2", "--jobs", "1", "--repeat", "1"]
    call += ["--model", str(mine), "--network", f"my net={network}", "--metric", "psnr"]
    assert main([*call, "--cache", str(tmp_path / "cache"), "--out", str(out)]) == 0
    report = json.loads((out / "comparison.json").read_text())
    assert report["labels"] == {
        "apercu:apercu/none": "apercu, exact",
        "apercu:apercu/cnn": "apercu, restored (cnn)",
        "apercu:apercu/cnn+my net": "apercu, restored (cnn, my net)",
        "apercu:apercu+mine/none": "apercu (mine), exact",
        "apercu:apercu+mine/cnn": "apercu (mine), restored (cnn)",
        "apercu:apercu+mine/cnn+my net": "apercu (mine), restored (cnn, my net)",
    }
    assert set(report["environment"]) >= {"tables mine", "network my net"}
    values = {}
    for record in report["points"]:
        model = mine if "+mine" in record["codec"] else None
        data = apercu.encode(PICTURE, quality=record["quality"], model=model)
        assert len(data) == record["n_bytes"]
        values.setdefault(record["codec"], []).append(record["metrics"]["psnr"])
    assert values["apercu:apercu/cnn+my net"] == pytest.approx(values["apercu:apercu/none"], abs=0.05)
    assert np.abs(np.subtract(values["apercu:apercu/cnn"], values["apercu:apercu/none"])).min() > 0.06
    assert values["apercu:apercu/none"] != values["apercu:apercu+mine/none"]
    printed = capsys.readouterr().out
    page, curves = (out / "index.html").read_text(), (out / "curves-psnr.svg").read_text()
    for label in report["labels"].values():
        assert re.search(rf"^{re.escape(label)} +\d\d", printed, re.MULTILINE)
        assert label in page
        assert label in curves
    assert "apercu:apercu" not in page.replace("apercu:apercu\\", "")
    assert '\n"apercu (mine), exact",' not in (out / "points.csv").read_text()
    assert (out / "points.csv").read_text().count(',"apercu:apercu+mine/none",') == len(
        values["apercu:apercu+mine/none"]
    )


def test_a_network_is_compared_with_the_codecs_that_it_fits(tmp_path):
    pytest.importorskip("onnxruntime")
    adding_nothing(tmp_path / "net.onnx")
    (network,) = own.given([str(tmp_path / "net.onnx")], "--network")
    found = own.contestants(["apercu", "dct"], ["none", "cnn"], [], [network])
    assert [(one.codec, one.restore, one.network) for one in found] == [
        ("apercu", "none", None),
        ("apercu", "cnn", None),
        ("apercu", "cnn", network),
        ("dct", "none", None),
        ("dct", "cnn", None),
    ]
    with pytest.raises(apercu.ModelError, match="another network"):
        own.contestants(["dct"], ["none"], [], [network])


def test_another_label_is_no_other_measurement_and_another_file_is(picture, mine, tmp_path, monkeypatch):
    store = Cache(tmp_path / "cache")

    def run(label, path):
        models = tuple(own.given([f"{label}={path}"], "--model"))
        name = Own("apercu", model=models[0]).name
        plan = Plan((name,), (0.5,), ("psnr",), repeat=1, models=models)
        return compare.compare({"disc": str(picture)}, files.read, plan, store, jobs=1).report["points"]

    first = run("one", mine)
    with monkeypatch.context() as patch:
        patch.setattr(apercu, "encode", lambda *_, **__: pytest.fail("measured again"))
        again = run("two", mine)
    assert {record["codec"] for record in again} == {"apercu:apercu+two/none"}
    assert [record["n_bytes"] for record in again] == [record["n_bytes"] for record in first]
    np.save(mine, np.load(FOLDER / "apercu.npy"))
    assert [record["quality"] for record in run("one", mine)] != [record["quality"] for record in first]


def test_sizes_in_bytes(picture, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(measure, "CURVE_RATES", (0.3, 0.7))
    out = tmp_path / "out"
    call = ["compare", str(picture), "--codecs", "apercu", "--peers", "jpeg", "thumbhash", "--bytes", "700", "60"]
    call += ["--jobs", "1"]
    assert main([*call, "--repeat", "1", "--cache", str(tmp_path / "cache"), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    report = json.loads((out / "comparison.json").read_text())
    assert report["rates"] == []
    assert report["budgets"] == [60, 700]
    for codec in ("apercu:apercu/none", "jpeg"):
        among = [r for r in report["points"] if r["codec"] == codec and r["n_bytes"] <= 700]
        best = max(among, key=lambda r: r["metrics"]["psnr"])
        assert report["means_in_bytes"]["psnr"][codec][1] == {
            "n_bytes": 700, "mean": best["metrics"]["psnr"], "images": 1, "note": None,
        }  # fmt: skip
        assert report["means_in_bytes"]["ssim"][codec][1]["mean"] == best["metrics"]["ssim"]
    (ours,) = {
        r["n_bytes"] for r in report["points"] if r["codec"] == "apercu:apercu/none" and 684 <= r["n_bytes"] <= 700
    }
    assert ours <= 700
    assert "60 bytes" in printed
    assert re.search(r"^jpeg +no file +\d+\.\d+/1$", printed, re.MULTILINE)
    page = (out / "index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["rates"] == ["60 bytes", "700 bytes"]
    jpeg, thumbhash = map(report["codecs"].index, ("jpeg", "thumbhash"))
    shown = {(codec, rate) for _, codec, rate, *_ in data["pictures"]}
    assert shown >= {(0, 1), (jpeg, 1), (thumbhash, 0), (thumbhash, 1)}


def test_a_codec_without_a_file_says_so_in_the_table(tmp_path):
    deep = (np.arange(40 * 50 * 5).reshape(40, 50, 5) * 7 % 65536).astype(np.uint16)
    plan = Plan(("apercu:apercu/none", "jpeg", "jpeg2000"), (0.01, 60.0), ("psnr",), repeat=1, budgets=(10, 9000))
    report = compare.compare({"scene": "x"}, lambda _: (deep, "spectral"), plan, Cache(tmp_path), jobs=1).report
    notes = {codec: [entry["note"] for entry in row] for codec, row in report["means"]["psnr"].items()}
    assert notes["jpeg"] == ["no file", "no file"]
    assert notes["apercu:apercu/none"][0] == "no file"
    assert notes["jpeg2000"][1] == "only smaller"
    assert [entry["note"] for entry in report["means_in_bytes"]["psnr"]["apercu:apercu/none"]] == ["no file", None]
    text = tables.tables(report)
    assert re.search(r"^jpeg +no file +no file$", text, re.MULTILINE)
    assert "(no file: the codec has no file that small)" in text
    assert "(only smaller: all its files are smaller)" in text
    assert "multiply-accumulates per pixel, without those of restorers" in text


def test_tables_are_not_cut_off():
    names = [f"a codec with quite a long name, number {n}" for n in range(14)]
    text = tables.table(names, {name: [f"{n}.{m}" for m in range(14)] for n, name in enumerate(names)})
    heading = text.splitlines()[: text.splitlines().index(next(line for line in text.splitlines() if "0.0" in line))]
    assert " ".join(heading).split().count("number") == 14
    assert all(f"number {n} " in text for n in range(14))
    narrow = tables.table(names, {name: [f"{n}.{m}" for m in range(14)] for n, name in enumerate(names)}, width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    assert sorted(re.findall(r"\d+\.\d+", narrow)) == sorted(re.findall(r"\d+\.\d+", text))
    starts = [narrow.count(f"\na codec with quite a long name, number {n} ") for n in (0, 13)]
    assert starts[0] == starts[1] > 1  # every part names every row
    assert tables.table(["x" * 40], {"y": ["z"]}, width=20).splitlines()[0].strip() == "x" * 40


def test_a_folder_with_files_that_cannot_be_read(picture, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(picture, folder)
    (folder / "cut.png").write_bytes(picture.read_bytes()[:200])
    (folder / "words.jpg").write_text("not a picture")
    call = ["compare", "--codecs", "apercu", "--peers", "--bpp", "0.5", "--repeat", "1", "--jobs", "1"]
    call += ["--metric", "psnr", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    assert main([*call, str(folder)]) == 0
    error = capsys.readouterr().err
    assert error.count("passed over: ") == 2
    assert re.search(r"passed over: .*cut\.png: ", error)
    assert re.search(r"passed over: .*words\.jpg: ", error)
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [image["name"] for image in report["images"]] == ["disc"]
    assert set(report["not_read"]) == {"cut", "words"}
    assert main([*call, str(folder / "words.jpg")]) == 2  # named, and so wanted
    assert "words.jpg" in capsys.readouterr().err
    (folder / "disc.png").unlink()
    assert main([*call, str(folder)]) == 2
    assert "none of the 2 pictures can be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "nowhere.npy"], "nowhere.npy"),
        (["--model", "{text}"], "--model text: "),
        (["--network", "{text}"], "text"),
        (["--network", "nowhere.onnx"], "nowhere.onnx"),
        (["--codecs", "predictive", "--network", "{text}"], "predictive cannot be restored by a network"),
        (["--codecs", "taha2025", "--model", "{mine}"], "tables of apercu, which is not compared"),
        (["--bytes", "0"], "--bytes takes sizes of 1 byte or more"),
        (["--out", "{text}"], "is no folder"),
        (["--out", "{text}/below"], "is no folder"),
        (["--cache", "{text}"], "--cache"),
    ],
)
def test_what_is_needed_is_looked_for_first(picture, mine, tmp_path, capsys, monkeypatch, arguments, said):
    (tmp_path / "text.txt").write_text("text")
    places = {"text": str(tmp_path / "text.txt"), "mine": str(mine)}
    monkeypatch.setattr(compare, "compare", lambda *_, **__: pytest.fail("measured"))
    call = ["compare", str(picture), "--peers", "--out", str(tmp_path / "r"), "--cache", str(tmp_path / "c")]
    assert main([*call, *(word.format(**places) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_packages_of_the_end_are_looked_for_at_the_beginning(picture, tmp_path, capsys, monkeypatch):
    from apercu.bench import needs

    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "bjontegaard" else name)
    monkeypatch.setattr(compare, "compare", lambda *_, **__: pytest.fail("measured"))
    assert main(["compare", str(picture), "--out", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err == "apercu: compare needs bjontegaard: pip install 'apercu[bench]'\n"


def test_a_metric_that_fails_is_found_before_anything_is_coded(picture, tmp_path, capsys, monkeypatch):
    (tmp_path / "brittle.py").write_text("def score(original, decoded):\n    return original.no_such_thing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr(apercu, "encode", lambda *_, **__: pytest.fail("coded"))
    call = ["compare", str(picture), "--peers", "--metric", "brittle:score", "--jobs", "1"]
    assert main([*call, "--out", str(tmp_path / "r"), "--cache", str(tmp_path / "c")]) == 2
    assert "metric brittle:score failed: AttributeError" in capsys.readouterr().err


def oklab(colour):
    """Björn Ottosson's: the distance of two colours says how different they look."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]) @ linear
    return np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]) @ np.cbrt(cones)


def test_twelve_codecs_have_twelve_colours():
    from apercu.bench.page import _part

    style = _part("report.css")
    light, dark = (re.findall(r"--hue-\d+: (#\w{6});", part) for part in style.split("prefers-color-scheme: dark"))
    drawn_in = [look["color"] for look in plots.styles([f"codec {n}" for n in range(12)]).values()]
    assert list(light) == drawn_in
    for colours in (light, dark):
        assert len(colours) == 12
        apart = [np.linalg.norm(oklab(a) - oklab(b)) for a, b in itertools.combinations(colours, 2)]
        assert min(apart) > 0.15  # of Okabe's and Ito's eight, the nearest two are 0.14 apart
    names = ["apercu:taha2025/none", *peers.PEERS, *(f"other {n}" for n in range(8))]
    looks = [(s["color"], str(s["linestyle"]), s["marker"]) for s in plots.styles(names).values()]
    assert len(set(looks)) == len(looks)
