"""The reproduction of the paper: its numbers, the networks, the search at equal PSNR, the claim, and the command."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench.paper import bounds, claim, effort, measure, networks, page, points, published
from apercu.bench.paper.claim import CurvePoint, verdict
from apercu.bench.paper.points import Point
from apercu.bench.paper.table import Table
from apercu.cli.main import main
from apercu.codecs.tables import shipped
from apercu.lab import taha2025, taha2025_networks
from scripts.pictures import noise, scene

PRINTED = Path(__file__).parents[2] / "shared" / "paper"


def grey(seed, side=512):
    return scene(side, side, seed=seed)[:, :, 0]


@pytest.fixture(scope="module")
def blocks():
    return bounds.blocks_of(grey(1, 256))


def test_averages_of_the_paper_are_those_of_its_columns():
    for row in [*published.TABLE_1.values(), *published.TABLE_2.values()]:
        assert np.mean(row[:3]) == pytest.approx(row[3], abs=0.0101)
    for rows in published.SIZES.values():
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    largest = published.SIZES["goldhill"][-1][-1] / (512 * 512)
    assert largest == pytest.approx(0.2275, abs=1e-4)  # read as bits, the largest is where the text has saturation


@pytest.mark.skipif(not PRINTED.is_dir(), reason="the paper's tables as CSV are not beside this checkout")
def test_numbers_are_the_papers():
    def rows(start):
        (path,) = PRINTED.glob(f"{start}_*.csv")
        return [
            [float(cell) if cell else None for cell in row[1:]]
            for row in list(csv.reader(path.read_text().splitlines()))[1:]
        ]

    assert rows("table1") == [list(row) for row in published.TABLE_1.values()]
    assert rows("table2") == [[*row, published.TABLE_2_PARAMETERS[layers]] for layers, row in published.TABLE_2.items()]
    for name, number in published.TABLE_OF_SIZES.items():
        assert rows(f"table{number}") == [list(row[1:]) for row in published.SIZES[name]]


def test_networks_have_the_papers_parameter_counts():
    for layers, n_parameters in published.TABLE_2_PARAMETERS.items():
        network = taha2025_networks.Network("none", layers, 1, 0, 0)
        assert network.n_parameters == n_parameters
        assert sum(weights.numel() for weights in network.build().parameters()) == n_parameters
    assert list(taha2025_networks.ACTIVATIONS) == list(published.TABLE_1)


def test_a_linear_network_comes_near_the_principal_subspace_and_not_below(blocks, tmp_path):
    least = bounds.errors(blocks, bounds.subspace(blocks, 1)).mean()
    trained = taha2025_networks.train(taha2025_networks.Network("none", 2, 1, 1, 400), blocks, {"a": blocks}, tmp_path)
    assert least * 0.9999 <= trained.on_training <= least * 1.06
    assert trained.on_images["a"] == trained.on_training


def test_activations_stand_between_the_layers_and_matter(blocks, tmp_path):
    found = {}
    for activation in published.TABLE_1:
        network = taha2025_networks.Network(activation, 4, 4, 1, 40)
        found[activation] = taha2025_networks.train(network, blocks, {}, tmp_path).on_training
        assert len(network.build()) == 7
    assert found["linear"] == found["none"]
    assert len(set(found.values())) == len(found) - 1


def test_trained_networks_are_kept(blocks, tmp_path, monkeypatch):
    network = taha2025_networks.Network("elu", 4, 4, 1, 5)
    first = taha2025_networks.train(network, blocks, {}, tmp_path)
    monkeypatch.setattr(taha2025_networks, "_descend", None)  # which fails when it is called
    assert taha2025_networks.train(network, blocks, {}, tmp_path) == first
    for changed in (taha2025_networks.Network("elu", 4, 4, 2, 5), taha2025_networks.Network("elu", 4, 4, 1, 6)):
        with pytest.raises(TypeError):
            taha2025_networks.train(changed, blocks, {}, tmp_path)
    with pytest.raises(TypeError):
        taha2025_networks.train(network, blocks[1:], {}, tmp_path)


def test_the_best_start_comes_first(blocks, tmp_path):
    said = []
    three = [taha2025_networks.Network("relu", 4, 4, seed, 20) for seed in (1, 2, 3)]
    found = taha2025_networks.starts(three, blocks, {}, tmp_path, said.append)
    errors = [one.on_training for one in found]
    assert errors == sorted(errors)
    assert len(said) == 3
    assert len(set(errors)) == 3


def test_latents_that_are_not_there_take_no_bits(tmp_path):
    image = grey(2, 128)
    models = {k: bounds.write_model(shipped(1).weights[:, : 1 + k], tmp_path / f"{k}.npy") for k in published.OUTPUTS}
    sizes = []
    for k, model in models.items():
        assert not np.load(model)[:, 1 + k :].any()
        data = apercu.encode(image, codec="taha2025", threshold=20, step=20, tables="latent", model=model)
        assert apercu.info(data)["g2_share"] > 0.1
        sizes.append(len(data))
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.8 * sizes[-1]


def test_own_weights_are_better_on_the_image_than_those_of_others(tmp_path):
    image = grey(3, 256)
    model = bounds.write_model(bounds.own_weights(bounds.blocks_of(image)), tmp_path / "own.npy")
    options = {"threshold": 100.0, "step": 4.0}
    assert points.measure(image, options | {"model": model}).psnr > points.measure(image, options).psnr


def test_the_smallest_file_that_reaches_a_psnr(monkeypatch):
    image = grey(4, 128)
    settings = [{"step": step, "threshold": 100.0, "tables": "group"} for step in (20.0, 40.0, 80.0, 160.0)]
    tried = [points.measure(image, options) for options in settings]
    for point in tried:
        data = apercu.encode(image, codec="taha2025", **point.options)
        assert point.n_bits == 8 * len(data)
        error = np.mean((image.astype(float) - apercu.decode(data)) ** 2)
        assert point.psnr == pytest.approx(10 * np.log10(255**2 / error))
    target = (tried[1].psnr + tried[2].psnr) / 2
    plain = points.smallest(image, tried, target, lambda options: [])
    assert plain == min((p for p in tried if p.psnr >= target), key=lambda p: p.n_bits)
    refined = points.smallest(image, tried, target, points.near_by_hand)
    assert refined.psnr >= target
    assert refined.n_bits <= plain.n_bits
    assert points.smallest(image, tried, 99.0, points.near_by_hand) is None


def test_settings_around_stay_on_the_path():
    near = list(points.near_on_path({"quality": 3 / 256}))
    assert min(options["quality"] for options in near) == 3 / 256
    assert all(options["quality"] * 256 % 8 == 3 for options in near)
    assert len(points.on_path(11)) == 80


def curve(*points):
    return [CurvePoint(rate, value, 0.5) for rate, value in points]


def test_a_crossover_is_found_where_it_is():
    theirs = curve((0.1, 20.0), (0.4, 30.0))
    middle = 0.2  # halfway in the logarithm
    ours = curve((0.05, 21.0), (middle, 25.0), (0.4, 27.0))
    found = verdict(ours, theirs)
    assert found.low == 0.1
    assert found.high == 0.4
    ((start, end),) = found.better
    assert start == 0.1
    assert end == pytest.approx(middle, rel=0.01)
    assert not found.holds
    assert verdict(curve((0.05, 22.0), (0.25, 27.5), (0.4, 28.0)), theirs).holds
    for end, holds in ((0.2195, True), (0.214, False)):
        assert claim.Verdict(0.1, 0.4, [(0.1, end)]).holds == holds
        assert not claim.Verdict(0.1, 0.4, [(0.12, 0.4)]).holds
    swapped = verdict(theirs, ours)
    assert swapped.better[0][0] == pytest.approx(middle, rel=0.01)
    assert not swapped.holds
    assert str(swapped).endswith(" to 0.400")
    assert str(verdict(curve((0.1, 10.0), (0.4, 20.0)), theirs)) == "at no rate from 0.100 to 0.400"


def test_the_papers_points_against_a_rival():
    flat = curve((0.1, 25.0), (0.3, 25.0))
    gains = claim.gains_of_paper("lena", flat)
    assert gains[0] == (pytest.approx(20240 / 512**2), None)
    assert gains[-1] == (pytest.approx(48195 / 512**2), pytest.approx(4.2576))


def test_differences_are_ours_less_the_papers():
    starts = [networks.Start(1.0, dict.fromkeys(published.IMAGES, 100.0))]
    printed = {"elu": (90.0, 110.0, 100.0, 100.0)}
    table = networks.networks_table("t", "T", printed, {"elu": starts}, {}, published.IMAGES)
    assert table.rows[0][1:7] == [90.0, 100.0, 10.0, 110.0, 100.0, -10.0]
    assert table.rows[0][10:14] == [100.0, 100.0, 0.0, 1.0]
    found = {
        ("as published", 8): [Point(int(1.1 * row[3]), row[0] + 0.01, {}) for row in published.SIZES["lena"]],
        ("table per latent", 4): [
            Point(row[1] // 2, row[0], {}) if row[1] else None for row in published.SIZES["lena"]
        ],
    }
    table = page.sizes_table("lena", found)
    rows = {(row[0], row[1]): row for row in table.rows}
    assert len(rows) == 3 + 4 + 6
    assert rows[24.2443, 8][2:6] == [20240, 22264, pytest.approx(10.0, abs=0.01), pytest.approx(24.2543)]
    assert rows[24.2443, 4][6:8] == [9493, pytest.approx(-50.0, abs=0.01)]
    assert "24.24 dB with 8 (+10.0 %)" in table.notes[0]
    assert "24.24 dB with 6 (not reached)" in table.notes[0]
    assert "with 4" not in table.notes[0]


def test_numbers_beyond_the_bound_are_named():
    notes = networks.beyond_bound(published.TABLE_1, ["linear", "none"], {"lena": 80.0, "boat": 174.19})
    assert len(notes) == 1
    assert notes[0].startswith("boat: the paper's 172.00 (linear), 159.30 (none)")


def test_a_table_as_markdown_and_csv():
    table = Table("t", "Title", [("name", ""), ("value", "+.1f")], [["a", 1.25], ["bb", None]], ["A note."])
    assert table.markdown().splitlines() == [
        "### Title",
        "",
        "| name | value |",
        "|------|------:|",
        "| a    |  +1.2 |",
        "| bb   |     – |",
        "",
        "- A note.",
    ]
    assert table.csv() == "name,value\na,1.25\nbb,\n"


@pytest.fixture
def quick(monkeypatch):
    """As little work as makes every table and figure."""
    monkeypatch.setattr(effort, "QUICK", effort.Effort(1, 64, 20, 1, (5, 4, 9)))
    monkeypatch.setattr(taha2025, "STEPS", 20)
    monkeypatch.setattr(claim, "QUALITIES", range(1, 61, 12))
    monkeypatch.setattr(measure, "near_by_hand", lambda options: [])
    monkeypatch.setattr(measure, "near_on_path", lambda options: [])


@pytest.fixture
def folders(tmp_path):
    images, train = tmp_path / "images", tmp_path / "train"
    images.mkdir()
    train.mkdir()
    for seed, name in enumerate(published.IMAGES, 11):
        Image.fromarray(grey(seed)).save(images / f"{name}.png")
    for seed in range(3):
        rough = grey(seed, 96) // 2 + (noise((96, 96), seed) >> 9).astype(np.uint8)
        Image.fromarray(rough).save(train / f"{seed}.png")
    return images, train


def test_the_command_makes_every_table_and_figure(folders, quick, tmp_path, capsys, monkeypatch):
    images, train = folders
    out = tmp_path / "out"
    call = ["reproduce", "taha2025", "--images", str(images), "--train", str(train), "--quick", "--out", str(out)]
    assert main(call) == 0
    said = capsys.readouterr().out
    record = json.loads((out / "tables.json").read_text())
    names = [table["name"] for table in record["tables"]]
    assert names == ["table1", "table2", "table3", "table4", "table5", "claim", "paper_points"]
    text = (out / "reproduction.md").read_text()
    assert "A quick run" in text
    assert text in said
    for name in names:
        assert (out / f"{name}.csv").exists()
    for number in range(7, 13):
        assert f"](figure{number}.png)" in text
        with Image.open(out / f"figure{number}.png") as figure:
            assert min(figure.size) > 400
    assert len(record["tables"][0]["rows"]) == 6 + 2
    assert len(record["tables"][5]["rows"]) == 3 * 2 * 2
    for row in record["tables"][4]["rows"]:
        assert row[5] is None or row[5] >= row[0]
    monkeypatch.setattr(taha2025_networks, "_descend", None)  # which fails when it is called
    monkeypatch.setattr(taha2025, "fit", None)
    (images / "boat.png").unlink()
    (images / "goldhill.png").unlink()
    assert main(call) == 0
    tables = json.loads((out / "tables.json").read_text())["tables"]
    assert tables[0]["rows"][0][:4] == record["tables"][0]["rows"][0][:4]
    assert tables[2] == record["tables"][2]


def test_without_training_images_the_page_says_what_is_missing(folders, quick, tmp_path):
    images, _ = folders
    (images / "boat.png").unlink()
    (images / "goldhill.png").unlink()
    out = tmp_path / "out"
    assert main(["reproduce", "taha2025", "--images", str(images), "--quick", "--out", str(out)]) == 0
    text = (out / "reproduction.md").read_text()
    assert "Tables 1 and 2 are left out: they need training images (--train)." in text
    assert "### Table 3" in text
    assert "### Table 1" not in text


def test_mistakes_are_one_line(folders, tmp_path, capsys):
    images, train = folders
    call = ["reproduce", "taha2025", "--out", str(tmp_path / "out")]

    def complaint(*options):
        assert main([*call, *map(str, options)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert "--images" in complaint()  # there is no folder by default
    assert "none of lena, boat, goldhill" in complaint("--images", train)
    assert "train on others" in complaint("--images", images, "--train", images)
    assert "no images below" in complaint("--images", images, "--train", tmp_path / "none")
    Image.fromarray(grey(1, 64)).save(images / "boat.png")
    assert "512 × 512" in complaint("--images", images)
    assert not (tmp_path / "out").exists()


def test_the_answer_counts_who_keeps_the_claim():
    theirs = curve((0.1, 20.0), (0.4, 30.0))
    rivals = {"baseline JPEG": theirs, "optimised progressive JPEG": curve((0.1, 26.0), (0.4, 36.0))}
    better = curve((0.05, 22.0), (0.25, 27.5), (0.4, 28.0))
    curves = {"lena": {"codec": better, **rivals}, "boat": {"codec": theirs, **rivals}}
    lines = page.answer(page.claim_table(curves), page.paper_claim_table(curves))
    assert lines[0] == (
        "In short, codec: the claim holds on 1 of 2 images against baseline JPEG, "
        "on 0 of 2 images against optimised progressive JPEG"
    )
    assert "codec, against baseline JPEG: holds on lena; fails on boat" in lines[1]
    assert "holds on no image" in lines[2]
    assert lines[3].startswith("the paper's own points, against baseline JPEG: better at ")
