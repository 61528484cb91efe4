"""What is written of a run of a task: tables, points.csv, curves, the pictures that are shown."""

import csv
import io
import json
import re

import matplotlib
import numpy as np
import pytest
from PIL import Image

from apercu.bench.cache import Cache
from apercu.bench.plan import Plan
from apercu.bench.tasks import shown
from apercu.bench.tasks.data import DataSet, Split, spread
from apercu.bench.tasks.report import draw, points_csv, save
from apercu.bench.tasks.tables import enough, tables, with_interval
from tests.task_report import APERCU, CNN, FURTHER, interval, pictures, report


def test_the_tables_say_what_was_found():
    text = tables(report())
    assert "originals 0.90 ±0.02, by networks retrained on them 0.93 ±0.02; chance" in text
    assert "±0.02; chance, by truth of other pictures: 0.14 ±0.02; grey pictures: 0.14" in text
    assert "apercu, exact           0.70 ±0.03  0.80 ±0.03  0.85 ±0.03" in text
    assert "grey pictures: 0.14\n" in re.sub(" ±0.00", "", text)
    assert "At 0.1 bpp apercu, exact loses 50 % ±4 of what =jpeg loses." in text
    assert "At 0.1 bpp apercu, restored (cnn) loses 40 % ±4 of what =jpeg loses." in text
    assert text.splitlines()[2] == "=jpeg has no file so small for 2 at 0.05 bpp, of 140 pictures; grey stands for them"
    enough = text.partition("Rate in bpp from which on 90 % of the score on originals is left")[2].splitlines()
    assert [line.split()[-4:] for line in enough[4:7]] == [
        ["0.2", "0.2", "0.05", "0.1"], ["0.2", "0.2", "0.05", "0.1"], ["-", "-", "0.1", "0.2"]
    ]  # fmt: skip
    assert "Share of the loss that comes back, retrained at the same rate\n" in text
    shares = text.partition("retrained at the same rate instead of on originals for as long\n")[2]
    assert shares.splitlines()[1] == "apercu, exact           63 % ±10  55 % ±10  43 % ±10"
    assert "apercu, restored (cnn)  +0.02 ±0.01  +0.02 ±0.01  +0.01 ±0.01" in text
    assert (
        "At 0.05 bpp apercu, exact loses 33 % ±4 of what =jpeg loses, which has no file for 2 of 140 pictures."
        in tables(report() | {"rates": [0.05]})
    )
    assert max(map(len, tables(report(), 50).partition("trained on originals\n")[2].splitlines()[:4])) <= 50


def test_a_task_that_does_not_learn_has_no_networks_that_were_trained():
    found = report(())
    found["task"] |= {"learns": False, "seeds": [0], "n_test": 1, "drawn": True}
    text = tables(found)
    assert "class is found, on 1 drawn picture (±: 95 %, over pictures)\n" in text
    assert "Score at rates in bpp\n" in text
    assert "Score of restored pictures less that of exact ones\n" in text
    assert "networks" not in text
    assert ">trained on originals</text>" not in draw(found)["curves.svg"].decode()
    found["task"] |= {"learns": True}
    assert "on 1 drawn picture, 1 network (±: 95 %, over pictures)\n" in tables(found)


def test_a_share_of_a_loss_that_may_be_none_is_not_told():
    found = report()
    shares = [one["share"] for kind in ("relative", "recovered") for one in found[kind]]
    for share in shares:
        share |= {"mean": 2.27, "low": None, "high": None}
    assert "227 %" not in tables(found)
    assert "At 0.1 bpp apercu, exact loses" not in tables(found)
    found["originals"] |= {"low": None, "high": None}  # of one picture and one network there are no intervals at all
    assert "227 %" in tables(found)


def test_a_rate_is_enough_where_all_higher_ones_are_too_for_sure():
    found = report(())
    shares = [one["share"] for one in found["kept"] if one["codec"] == APERCU]

    def first(*lows):
        for share, low in zip(shares, lows, strict=True):
            share["low"] = low
        return enough(found).get(("originals", APERCU))

    assert first(0.5, 0.9, 0.95) == 0.1
    assert first(0.95, 0.89, 0.95) == 0.2
    assert first(0.95, 0.95, 0.89) is None
    assert first(0.95, None, 0.95) == 0.2
    assert "90 %" not in tables(found | {"kept": []})  # as where scores are below 0


def test_how_scores_are_told():
    assert with_interval(interval(0.4567, 0.031)) == "0.46 ±0.03"
    assert with_interval(interval(0.4567, 0.0031)) == "0.457 ±0.003"
    assert with_interval({"mean": 0.5, "low": None, "high": None}) == "0.50"
    assert with_interval(interval(0.573, 0.06), by_cent=True) == "57 % ±6"
    assert with_interval(interval(0.03, 0.012), signed=True) == "+0.03 ±0.01"
    assert with_interval(interval(31.26, 2.5)) == "31.26 ±2.50"
    assert with_interval({"mean": 0.98, "low": 0.93, "high": 1.0}) == "0.98 -0.05 +0.02"
    assert with_interval({"mean": 0.998, "low": 0.991, "high": 1.0}) == "0.998 -0.007 +0.002"
    assert with_interval(None) == "-"
    assert with_interval(interval(-0.001, 0.02), by_cent=True) == "0 % ±2"
    assert with_interval(interval(-0.001, 0.02), signed=True) == "+0.00 ±0.02"


def test_points_as_csv():
    text = points_csv(report())
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["shown"] for row in rows[:3]] == ["originals", "shuffled", "grey"]
    assert len(rows) == 4 + len(report()["points"])
    further = next(row for row in rows if row["trained"] == "further")
    assert (further["shown"], float(further["score"])) == ("originals", FURTHER)
    first = rows[4]
    assert (first["codec"], first["trained"], float(first["rate"]), first["label"]) == (
        APERCU, "originals", 0.05, "apercu, exact"
    )  # fmt: skip
    assert float(first["score_low"]) < float(first["score"]) < float(first["score_high"])
    assert first["recovered"] == ""
    retrained = next(row for row in rows if row["trained"] == "same")
    assert retrained["loss"] == ""
    assert float(retrained["recovered"]) == pytest.approx(0.8)
    assert float(retrained["recovered_further"]) == pytest.approx((0.86 - 0.74) / (0.93 - 0.74))
    longer = next(row for row in rows if (row["shown"], row["trained"]) == ("coded", "further"))
    assert (float(longer["loss"]), longer["recovered"]) == (pytest.approx(0.93 - 0.74), "")
    assert {row["codec"] for row in rows if row["label"].endswith("jpeg")} == {"'=jpeg"}  # no formula


@pytest.mark.parametrize("retrained", [(), ("same",), ("same", "mixed")])
def test_the_curves_are_drawn(retrained):
    found = draw(report(retrained))
    assert found["curves.png"].startswith(b"\x89PNG")
    svg = found["curves.svg"].decode()
    for words in ("originals", "chance: truth of other pictures", "grey pictures", "apercu, exact", "=jpeg"):
        assert f">{words}</text>" in svg
    assert ">trained on originals</text>" in svg
    assert ("retrained at the same rate (solid)" in svg) == bool(retrained)
    assert (">originals, by networks retrained on them</text>" in svg) == bool(retrained)
    assert ("at mixed rates (dotted)" in svg) == ("mixed" in retrained)


def test_settings_of_a_users_own_do_not_change_the_curves():
    before = draw(report(()))
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "axes.facecolor": "red"}):
        assert draw(report(())) == before


def test_scores_without_intervals_are_drawn_and_told():
    bare = json.loads(re.sub(r'"(low|high)": [-\d.e]+', r'"\1": null', json.dumps(report())))
    assert "±" not in tables(bare).replace("(±: 95 %, over networks and pictures)", "")
    assert draw(bare)["curves.png"].startswith(b"\x89PNG")
    assert '"score","score_low"' in points_csv(bare)


def test_all_files_are_written(tmp_path):
    save(report(), pictures(), tmp_path / "new" / "report")
    out = tmp_path / "new" / "report"
    assert sorted(path.name for path in out.iterdir()) == [
        "curves.png", "curves.svg", "index.html", "points.csv", "report.json"
    ]  # fmt: skip
    assert json.loads((out / "report.json").read_text()) == report()
    data = json.loads(re.search(r'id="data">(.*?)</script>', (out / "index.html").read_text(), re.DOTALL)[1])
    assert len(data["task"]["points"]) == len(report()["points"])
    assert data["task"]["points"][0]["score"] == pytest.approx([0.7, 0.67, 0.73])
    assert data["provenance"][1]["kind"] == "fidelity"
    assert data["codecs"] == ["apercu, exact", "apercu, restored (cnn)", "=jpeg"]


def test_pictures_of_every_class_are_shown():
    images = [np.full((8, 8), number, np.uint8) for number in range(30)]
    truth = [0] * 20 + [1] * 9 + [2]
    names = tuple(f"p{number}" for number in range(30))
    data = DataSet("classes", ("a", "b", "c"), None, Split(names, images, truth))
    places = spread(data)
    assert len(places) == 8
    assert [truth[place] for place in places] == [0] * 4 + [1] * 3 + [2]
    unlabelled = DataSet("pictures", (), None, Split(names, images, None))
    assert spread(unlabelled) == [0, 3, 7, 11, 15, 18, 22, 26]
    assert spread(unlabelled, 100) == list(range(30))


def test_files_whose_names_are_printed_alike_are_shown_apart(tmp_path):
    images = [np.full((8, 8), number, np.uint8) for number in (10, 200)]
    data = DataSet("pictures", (), None, Split(("a\x01", "a\\x01"), images, None))
    found = shown.pictures(data, Plan(("jpeg",), (0.1,), ("psnr",)), Cache(tmp_path))
    assert [image["name"] for image in found.images] == ["a\\x01", "a\\x01'"]
    assert len({entry["webp"] for entry in found.originals.values()}) == 2


def test_shown_pictures_are_those_that_arrive(tmp_path):
    y, x = np.mgrid[:48, :64]
    image = (60 + 2 * x + y).astype(np.uint8)
    data = DataSet("classes", ("field", "<sea>"), None, Split(("one",), [image], [1]))
    plan = Plan((APERCU, CNN, "jpeg"), (0.01, 0.8), ("psnr",))
    found = shown.pictures(data, plan, Cache(tmp_path))
    assert found.originals["one"]["note"] == "truth: <sea>"
    assert {rate for _, codec, rate in found.pictures if codec == APERCU} == {0.8}  # no file of 3 bytes
    point = found.pictures["one", APERCU, 0.8]["point"]
    assert 0 < point["n_bytes"] <= 0.8 * 48 * 64 / 8
    assert point["bpp"] == pytest.approx(8 * point["n_bytes"] / (48 * 64))
    assert found.provenance[CNN]["kind"] == "fidelity"
    picture = np.asarray(Image.open(io.BytesIO(found.pictures["one", APERCU, 0.8]["webp"])).convert("L"))
    error = ((picture.astype(float) - image) ** 2).mean()
    assert 10 * np.log10(255**2 / error) == pytest.approx(point["metrics"]["psnr"])
