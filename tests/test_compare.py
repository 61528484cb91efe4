"""A comparison: every number recomputed from files made here, what is kept, processes."""

import csv
import json
import math
import multiprocessing
import os
from io import BytesIO, StringIO

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import compare, curves, measure, peers, plots
from apercu.bench.cache import Cache
from apercu.bench.images import drawn
from apercu.bench.plan import Plan
from apercu.bridges import files
from apercu.errors import OptionError

OURS = "apercu:taha2025/none"
RATES = (0.3, 0.6)
PLAN = Plan(codecs=(OURS, "jpeg-prog", "thumbhash"), rates=RATES, metrics=("psnr", "ssim"), repeat=1)
BIG = drawn(512, 512)
PICTURES = {"disc": BIG[200:360, 40:200], "grass": BIG[340:500, 300:460], "colour": drawn(512, 512, 3)[200:330, 40:220]}
KEYS = {"image", "codec", "scale", "level", "n_bytes", "bpp", "metrics", "encode_s", "decode_s", "external", "pixels"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name, picture in PICTURES.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    return {name: str(folder / f"{name}.png") for name in PICTURES}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def found(sources, store):
    return compare.compare(sources, files.read, PLAN, store, jobs=1)


def without_times(report):
    points = [{key: value for key, value in p.items() if key not in ("encode_s", "decode_s")} for p in report["points"]]
    return {**report, "points": points, "times": None, "environment": None}


def made_again(record):
    """The file and the pixels of a record, by Pillow and apercu alone."""
    image = PICTURES[record["image"]]
    if record["codec"] == OURS:
        data = apercu.encode(image, codec="taha2025", quality=float(record["level"][1:]))
        return data, apercu.decode(data)
    height, width = image.shape[:2]
    size = width // record["scale"], height // record["scale"]
    small = Image.fromarray(image) if record["scale"] == 1 else Image.fromarray(image).resize(size, 1)
    file = BytesIO()
    small.save(file, "JPEG", quality=int(record["level"][1:]), optimize=True, progressive=True)
    opened = Image.open(BytesIO(file.getvalue()))
    return file.getvalue(), np.array(opened if record["scale"] == 1 else opened.resize((width, height), 1))


def psnr(image, decoded):
    return 10 * math.log10(255**2 / np.mean((image.astype(float) - decoded) ** 2))


def test_every_point_is_of_a_whole_file_of_its_own_image(found):
    """A rate without the header, or the pixels of another image, cannot pass this."""
    checked = 0
    for record in found.report["points"]:
        if record["codec"] == "thumbhash":
            continue
        data, decoded = made_again(record)
        image = PICTURES[record["image"]]
        assert record["n_bytes"] == len(data)
        assert record["bpp"] == pytest.approx(8 * len(data) / (image.shape[0] * image.shape[1]), rel=1e-12)
        assert record["metrics"]["psnr"] == pytest.approx(psnr(image, decoded), abs=1e-6)
        checked += 1
    assert checked > 60


def test_the_report_is_as_agreed(found):
    report = json.loads(json.dumps(found.report, allow_nan=False))
    assert report["version"] == 1
    assert report["rates"] == list(RATES)
    assert report["metrics"] == {
        "psnr": {"unit": "dB", "higher_is_better": True},
        "ssim": {"unit": "", "higher_is_better": True},
    }
    assert report["codecs"] == list(PLAN.codecs)
    first = {key: value for key, value in report["images"][0].items() if key != "pixels"}
    assert first == {
        "name": "disc",
        "width": 160,
        "height": 160,
        "bands": 1,
        "interpretation": "grey",
        "dtype": "uint8",
    }
    for record in report["points"]:
        assert set(record) - {"quality"} == KEYS
        assert set(record["metrics"]) == {"psnr", "ssim"}
        assert record["external"] is False
    for metric in ("psnr", "ssim"):
        for row in PLAN.codecs:
            assert set(report["bd_rate"][metric][row]) == set(PLAN.codecs) - {row}
            for entry in report["bd_rate"][metric][row].values():
                assert set(entry) == {"mean", "images", "overlap", "refused"}
        assert [entry["rate"] for entry in report["means"][metric]["jpeg-prog"]] == list(RATES)
    assert set(report["times"]) == set(PLAN.codecs)
    assert report["arithmetic"][OURS]["encoder"] > report["arithmetic"][OURS]["decoder"] > 0
    assert "apercu" in report["environment"]


def test_peers_are_measured_at_every_level_and_scale(found):
    of_peer = [r for r in found.report["points"] if r["codec"] == "jpeg-prog" and r["image"] == "disc"]
    assert {r["scale"] for r in of_peer} == {1, 2, 4}
    assert {r["level"] for r in of_peer if r["scale"] == 4} == {
        f"q{level}" for level in peers.PEERS["jpeg-prog"].levels
    }
    assert max(r["bpp"] for r in of_peer) <= 0.75  # a quarter more than the highest rate
    ours = [r for r in found.report["points"] if r["codec"] == OURS and r["image"] == "disc"]
    assert len(ours) == len({*measure.CURVE_RATES, *RATES}) - len(
        [rate for rate in measure.CURVE_RATES if rate < min(r["bpp"] for r in ours)]
    )


def test_the_table_of_bd_rate_is_that_of_the_points(found):
    lines = compare._curves(found.report["points"], "psnr")
    single = curves.bd_rate(lines["jpeg-prog"]["disc"], lines[OURS]["disc"])
    table = found.report["bd_rate"]["psnr"][OURS]["jpeg-prog"]
    assert table["images"] + sum(table["refused"].values()) == 3
    assert single.percent is not None or single.refused in table["refused"]


def test_what_is_shown_is_the_best_within_the_rate_and_without_loss(found):
    for name, image in PICTURES.items():
        for codec in PLAN.codecs:
            among = [r for r in found.report["points"] if (r["image"], r["codec"]) == (name, codec)]
            for rate in RATES:
                allowed = [r for r in among if r["bpp"] <= rate]
                picture = found.pictures.get((name, codec, rate))
                if not allowed:
                    assert picture is None
                    continue
                assert picture["point"] in allowed
                assert picture["point"]["metrics"]["psnr"] == max(r["metrics"]["psnr"] for r in allowed)
                with Image.open(BytesIO(picture["webp"])) as opened:
                    shown = np.array(opened.convert("L" if image.ndim == 2 else "RGB"))
                assert psnr(image, shown) == pytest.approx(picture["point"]["metrics"]["psnr"], abs=1e-6)
    with Image.open(BytesIO(found.originals["colour"]["webp"])) as opened:
        assert np.array_equal(np.array(opened.convert("RGB")), PICTURES["colour"])
    assert found.originals["disc"]["window"] == (0, 0, 160, 160)


def test_what_was_measured_is_not_measured_again(sources, store, found, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("measured again")

    monkeypatch.setattr(apercu, "encode", refuse)
    monkeypatch.setattr(peers, "file_of", refuse)
    again = compare.compare(sources, files.read, PLAN, store, jobs=1)
    assert again.report == found.report
    assert again.pictures == found.pictures


def test_another_name_is_no_other_image_and_another_image_no_known_one(sources, store, found, monkeypatch):
    counted = count_files(monkeypatch)
    renamed = compare.compare({"new": sources["disc"]}, files.read, PLAN, store, jobs=1)
    assert counted == []
    assert {r["image"] for r in renamed.report["points"]} == {"new"}
    array, bands = files.read(sources["disc"])
    array = array.copy()
    array[0, 0] ^= 1
    compare.compare({"new": "x"}, lambda _: (array, bands), PLAN, store, jobs=1)
    assert counted


def count_files(monkeypatch, stop_after=None):
    made = peers.file_of
    counted = []

    def counting(*arguments):
        if stop_after is not None and len(counted) == stop_after:
            raise KeyboardInterrupt
        counted.append(arguments)
        return made(*arguments)

    monkeypatch.setattr(peers, "file_of", counting)
    return counted


def test_an_interrupted_comparison_goes_on_where_it_was(sources, tmp_path, monkeypatch):
    plan = Plan(codecs=("jpeg",), rates=RATES, metrics=("psnr",), repeat=1)
    one = {"disc": sources["disc"]}
    with monkeypatch.context() as patch:
        whole = count_files(patch)
        expected = compare.compare(one, files.read, plan, Cache(tmp_path / "whole"), jobs=1)
    with monkeypatch.context() as patch:
        count_files(patch, stop_after=20)
        with pytest.raises(KeyboardInterrupt):
            compare.compare(one, files.read, plan, Cache(tmp_path / "parts"), jobs=1)
    with monkeypatch.context() as patch:
        rest = count_files(patch)
        resumed = compare.compare(one, files.read, plan, Cache(tmp_path / "parts"), jobs=1)
    assert len(rest) == len(whole) - 20
    assert without_times(resumed.report) == without_times(expected.report)


def test_other_metrics_and_other_code_are_other_measurements(sources, store, found, monkeypatch, tmp_path):
    one = {"disc": sources["disc"]}
    counted = count_files(monkeypatch)
    compare.compare(one, files.read, Plan(PLAN.codecs, RATES, ("psnr",), repeat=1), store, jobs=1)
    assert counted
    counted.clear()
    monkeypatch.setattr(measure, "metric_version", lambda name: "changed")
    compare.compare(one, files.read, PLAN, store, jobs=1)
    assert counted


def test_processes_find_what_one_finds(sources, found, tmp_path):
    told = []
    two = {name: sources[name] for name in ("disc", "colour")}
    parallel = compare.compare(two, files.read, PLAN, Cache(tmp_path), jobs=2, progress=told.append)
    expected = [r for r in without_times(found.report)["points"] if r["image"] in two]
    assert without_times(parallel.report)["points"] == expected
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_interruption_leaves_no_process_behind(sources, tmp_path):
    def interrupt(share):
        raise KeyboardInterrupt

    plan = Plan(("avif",), (0.3,), ("psnr",))
    with pytest.raises(KeyboardInterrupt):
        compare.compare(sources, files.read, plan, Cache(tmp_path), jobs=2, progress=interrupt)
    assert multiprocessing.active_children() == []


def dies(path):
    os._exit(9)


def test_a_process_that_is_killed_is_told_as_want_of_memory(tmp_path):
    with pytest.raises(MemoryError, match="--jobs 1"):
        compare.compare({"a": "x"}, dies, PLAN, Cache(tmp_path), jobs=2)


def test_points_measured_elsewhere_join_the_curves(sources, store, found, tmp_path):
    table = tmp_path / "elic.csv"
    lines = [f"disc,elic,{rate:.3f},{30 + 5 * math.log2(rate)}" for rate in np.geomspace(0.04, 0.35, 10)]
    table.write_text("image,codec,bpp,psnr\n" + "\n".join(lines))
    joined = compare.compare(sources, files.read, PLAN, store, jobs=1, points_file=table)
    external = [r for r in joined.report["points"] if r["external"]]
    assert len(external) == 10
    assert set(external[0]) == KEYS
    assert "elic" not in joined.report["codecs"]
    assert "elic" in joined.report["bd_rate"]["psnr"]["jpeg-prog"]
    assert b"elic" in plots.draw(joined.report)["curves-psnr.svg"]
    (tmp_path / "own.csv").write_text(compare.points_csv(found.report))
    with pytest.raises(OptionError, match="taha2025, exact is measured here as well"):
        compare.compare(sources, files.read, PLAN, store, jobs=1, points_file=tmp_path / "own.csv")


def test_the_csv_has_every_point(found):
    rows = list(csv.DictReader(StringIO(compare.points_csv(found.report))))
    assert list(rows[0]) == [
        *("image", "codec", "scale", "level", "n_bytes", "bpp", "psnr", "ssim", "encode_s", "decode_s", "external"),
        "label",
    ]
    assert len(rows) == len(found.report["points"])
    for row, record in zip(rows, found.report["points"], strict=True):
        assert float(row["psnr"]) == record["metrics"]["psnr"]
        assert int(row["n_bytes"]) == record["n_bytes"]
        assert row["label"] == {OURS: "taha2025, exact"}.get(row["codec"], row["codec"])


def test_curves_are_drawn_where_all_images_reach(found):
    lines = plots.mean_curves(found.report, "psnr")
    of_each = compare._curves(found.report["points"], "psnr")["jpeg-prog"]
    envelopes = [curves.envelope(points) for points in of_each.values()]
    rates = [rate for rate, _ in lines["jpeg-prog"]]
    assert min(rates) >= max(line[0][0] for line in envelopes)
    assert max(rates) <= min(line[-1][0] for line in envelopes)
    drawn_files = plots.draw(found.report)
    assert set(drawn_files) == {f"curves-{m}.{kind}" for m in ("psnr", "ssim") for kind in ("png", "svg")}
    assert drawn_files["curves-ssim.png"].startswith(b"\x89PNG")
    assert b"taha2025, exact" in drawn_files["curves-ssim.svg"]
    assert plots.draw(found.report)["curves-psnr.svg"] == drawn_files["curves-psnr.svg"]


def test_labels_keep_apart_and_stay_near():
    gap = plots._LABEL_GAP
    assert plots._spread([0.9, 0.5, 0.1]) == pytest.approx([0.9, 0.5, 0.1])
    assert plots._spread([0.9, 0.5, 0.5, 0.1]) == pytest.approx([0.9, 0.5 + gap / 2, 0.5 - gap / 2, 0.1])
    crowded = plots._spread([0.5] * 9)
    assert -np.diff(crowded) == pytest.approx([gap] * 8)
    assert np.mean(crowded) == pytest.approx(0.5)
