"""`apercu reproduce mali2021`: the codec's latents, the decoder and its learning, verdicts, and the command."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from apercu.bench import mali2021 as bench
from apercu.bench.metrics import psnr
from apercu.cli.main import main
from apercu.lab import block_latents as latents
from apercu.lab import iterative_decoder as learning
from apercu.lab.iterative_decoder import Decoder, Run
from apercu.lab.rules import bptt
from scripts.pictures import scene


def grey(seed, side=64):
    return scene(side, side, seed=seed)[:, :, 0]


@pytest.fixture(scope="module")
def pools():
    learnt = latents.pool([grey(seed) for seed in range(6)], (3, 10), 800, 0)
    return learnt, latents.pool([grey(9)], (3, 10), 60, 1)


def test_latents_are_jpegs(tmp_path):
    """Pillow's own decoder makes nearly the same picture of the same quality; its tables are these."""
    image = grey(3, 72)
    path = tmp_path / "a.jpg"
    for quality in (5, 60):
        Image.fromarray(image).save(path, quality=quality)
        with Image.open(path) as jpeg:
            assert sorted(jpeg.quantization[0]) == sorted(latents.steps_of(quality).tolist())
            theirs = np.asarray(jpeg)
        ours = np.round(latents.coded(image, quality).decoded).astype(np.uint8)
        assert psnr(theirs, ours) > 48


def test_inputs_are_of_the_block_and_its_neighbours():
    image = grey(4, 67)  # three pixels are no block
    of = latents.coded(image, 10)
    assert of.decoded.shape == of.original.shape == (64, 64)
    assert of.inputs.shape == (8, 8, latents.N_INPUTS)
    means = of.inputs[:, :, 0]
    for index, (down, across) in enumerate(latents.AROUND):
        at = latents.N_OWN + index * latents.N_AROUND
        assert of.inputs[3, 4, at] == means[3 + down, 4 + across] - means[3, 4]
        assert of.inputs[3, 4, at + 1] == of.inputs[3 + down, 4 + across, 1]
    assert of.inputs[0, 0, latents.N_OWN] == 0  # no neighbour there
    assert of.inputs[:, :, -1] == pytest.approx(np.log2(80))
    blocks = latents.cut(of.decoded)
    assert blocks[9].tolist() == of.decoded[8:16, 8:16].ravel().tolist()
    assert np.array_equal(latents.join(blocks, 8, 8), of.decoded)


@pytest.mark.parametrize("rule", ["BPTT", "SAB"])
def test_an_untrained_decoder_is_the_codec(pools, rule):
    decoder = Decoder("GRU", 5, rule, learning.scaling(pools[0]))
    of = latents.coded(grey(5), 5)
    theta = decoder.initial(1).numpy()
    for picture in decoder.decode(theta, of):
        assert np.array_equal(picture, of.decoded)
    theta[decoder.start :] += 0.1
    assert not np.array_equal(decoder.decode(theta, of)[-1], of.decoded)


@pytest.mark.parametrize("rule", ["RTRL", "SnAp-1"])
def test_online_without_a_change_is_back_propagation(pools, rule):
    """RTRL's gradients of the four steps add up to that of BPTT, readout and all; those of SnAp-1 do not."""
    decoder = Decoder("tanh", 4, rule, learning.scaling(pools[0]))
    theta = decoder.initial(2) + 0.1 * torch.randn(decoder.n_parameters, generator=torch.Generator().manual_seed(3))
    x = decoder.scaled(pools[0].inputs[:3])
    y = torch.from_numpy(pools[0].lacking[:3]) / decoder.scale.lacking
    found = []

    def keep(gradients):
        found.append(gradients)
        return theta[None]

    learning._online(decoder, 1)(theta[None], x, y, keep)
    assert len(found) == learning.K
    exact = sum(
        bptt(decoder.cell, decoder.loss, theta, a.expand(4, -1), b.expand(4, -1), x.new_zeros(4)).gradient
        for a, b in zip(x, y, strict=True)
    )
    off = (sum(found)[0] - exact / 3).norm() / (exact / 3).norm()
    assert off < 1e-5 if rule == "RTRL" else off > 1e-3


FALLS = {"BPTT": 0.94, "TBPTT": 0.94, "SAB": 0.97, "RTRL": 0.94, "UORO": 0.97, "KF-RTRL": 0.95, "SnAp-1": 0.95}
"""Error on the blocks learnt from, of the codec's own, after 120 updates."""


@pytest.mark.parametrize("rule", learning.RULES)
def test_the_error_falls(pools, rule):
    decoder = Decoder("tanh", 6, rule, learning.scaling(pools[0]))
    runs = [Run("Adam", 0.01, 0), Run("RMSprop", 0.0, 0)]
    trained = learning.train(decoder, runs, pools[0], pools[0], 120, 6, n_kept=2)
    assert trained.updates == [0, 60, 120]
    assert trained.errors[:, 0] == pytest.approx(1)
    assert trained.errors[0, -1] < FALLS[rule]
    assert trained.errors[1, -1] == pytest.approx(1)  # a rate of zero


def test_runs_of_rtrl_are_the_same_one_by_one(pools, monkeypatch):
    decoder = Decoder("tanh", 3, "RTRL", learning.scaling(pools[0]))
    runs = [Run("SGD", 0.1, 0), Run("Adagrad", 0.03, 4)]
    together = learning.train(decoder, runs, *pools, 8, 4, n_kept=1)
    monkeypatch.setattr(learning, "LARGEST_CARRY", 1)
    apart = learning.train(decoder, runs, *pools, 8, 4, n_kept=1)
    assert together.thetas == pytest.approx(apart.thetas, abs=1e-6)
    assert together.errors == pytest.approx(apart.errors)


def test_regression_is_better_than_nothing(pools):
    """On blocks of the same images that it was not fitted to; `decode` puts them where they belong."""
    fitted, other = (latents.Pool(*(array[part] for array in pools[0])) for part in (slice(500), slice(500, 800)))
    linear = latents.regression(fitted, other)
    assert np.square(other.lacking - linear(other.inputs)).mean() < 0.97 * np.square(other.lacking).mean()
    of = latents.coded(grey(2), 10)
    block = of.decoded[8:16, 24:32] + linear(of.inputs[1, 3]).reshape(8, 8)
    assert linear.decode(of)[8:16, 24:32] == pytest.approx(np.clip(block, 0, 255), abs=1e-3)


def results(**changed):
    """Decoders of four rules and two sizes, for which all findings hold; `changed` gives other gains to a rule."""
    base = {"BPTT": 0.5, "SAB": 0.45, "RTRL": 0.3, "UORO": 0.2} | changed
    found = []
    for rule, gain in base.items():
        for cell in ("tanh", "GRU"):
            for size in (16, 32):
                for optimiser in bench.RATES:
                    odd = rule in ("RTRL", "UORO") and optimiser != "SGD"
                    mine = gain - (0.05 if odd else 0) + (0.02 if rule == "BPTT" and optimiser == "Adam" else 0)
                    mine -= 0.1 if rule == "UORO" and size == 32 else 0
                    quality = bench.Quality(mine, mine / 100)
                    errors = [1.0, 1 - mine / 10]
                    found.append(
                        bench.Result(rule, cell, optimiser, size, 0.1, [0, 9], errors, [30] * 4, quality, quality)
                    )
    return found


def test_verdicts_follow_the_numbers():
    def holds(found):
        return [one.holds for one in bench.verdicts(found)]

    assert holds(results()) == [True] * 4
    assert holds(results(RTRL=0.46))[0] is False  # ahead of SAB
    assert holds(results(UORO=0.6))[:2] == [False, False]
    assert holds(results(UORO=-0.01))[1] is False  # worse than the codec
    adaptive_helps = [
        dataclasses.replace(one, test=bench.Quality(0.4, 0.01))
        if (one.rule, one.optimiser) == ("RTRL", "Adam")
        else one
        for one in results()
    ]
    assert holds(adaptive_helps) == [True, True, False, True]
    steady = [one for one in results() if one.n_units == 16]
    assert holds(steady)[3] is False
    only_transfer = [
        dataclasses.replace(one, transfer=bench.Quality(0.9, 0)) if one.rule == "UORO" else one for one in results()
    ]
    assert holds(only_transfer) == [False, True, True, True]
    without = [dataclasses.replace(one, transfer=None) for one in only_transfer]
    assert holds(without)[0] is True
    assert "UORO +0.200" in bench.verdicts(results())[0].why
    lost = [dataclasses.replace(one, errors=[1, np.nan]) if one.optimiser == "SGD" else one for one in results()]
    assert bench.best(lost, "UORO", "GRU").optimiser != "SGD"


def test_the_command_writes_all(tmp_path, capsys, monkeypatch):
    for folder, seeds in {"train": range(5), "test": (7,), "other": (8,)}.items():
        (tmp_path / folder).mkdir()
        for seed in seeds:
            Image.fromarray(scene(64, 64, 3, seed=seed)).save(tmp_path / folder / f"{seed}.png")
    small = bench.Plan(("BPTT", "SAB", "RTRL", "UORO"), ("tanh",), (3, 4), 8, 2, 20, 5, 1, 48)
    monkeypatch.setattr(bench, "plan", lambda quick: small)
    monkeypatch.setattr("apercu.cli.papers.mali2021.WORKERS", 1)
    folders = [f"--{name}={tmp_path / folder}" for name, folder in
               (("images", "train"), ("test", "test"), ("transfer", "other"))]  # fmt: skip
    out = tmp_path / "out"
    assert main(["reproduce", "mali2021", *folders, "--quick", "--out", str(out)]) == 0
    page = (out / "reproduction.md").read_text("utf-8")
    assert page in capsys.readouterr().out
    assert "of 4 findings hold" in page
    assert "A quick run" in page
    assert bench.CRITERIA in page
    record = json.loads((out / "results.json").read_text("utf-8"))
    assert len(record["verdicts"]) == 4
    rows = record["tables"][1]["rows"]
    assert [row[0] for row in rows[:2]] == ["the codec", "linear regression"]
    assert len(rows) == 2 + 4 * 2 * 4
    chosen = {(row[3], row[2]): row[4] for row in rows if row[0] == "RTRL"}
    for optimiser in bench.RATES:
        assert chosen[optimiser, 3] == chosen[optimiser, 4]
    assert all((out / name).exists() for name in ("decoders.csv", "rules.csv"))
    with Image.open(out / "figure.png") as figure:
        assert min(figure.size) > 400


def test_images_are_needed(tmp_path, capsys):
    Image.fromarray(grey(1)).save(tmp_path / "one.png")
    assert main(["reproduce", "mali2021", "--images", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "two at least" in capsys.readouterr().err
