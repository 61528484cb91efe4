"""`apercu reproduce tallec2017`: the task, what verdicts are made of, and the command."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from apercu.bench import tallec2017 as bench
from apercu.cli.main import main
from apercu.lab import influence_balancing as task
from apercu.lab.online_rules import rtrl


def test_the_task_is_that_of_the_paper():
    """A parameter that helps for some forty steps and harms in the long run, by an inverse matrix."""
    assert task.TRANSITION.shape == (23, 23)
    for row in range(23):
        assert [float(value) for value in task.TRANSITION[row].nonzero()] == [row, row + 1][: 23 - row]
        assert set(task.TRANSITION[row].tolist()) <= {0.0, 0.5}
    assert task.SIGNS.tolist() == [1.0] * 10 + [-1.0] * 13
    settled = torch.linalg.solve(torch.eye(23, dtype=torch.float64) - task.TRANSITION, task.SIGNS)
    assert float(settled[0]) == pytest.approx(task.LONG_RUN) == -6
    by_last = task.influence(200)
    assert by_last[[0, 9]].tolist() == [1, 10]
    assert by_last[:40].min() > 0 > by_last[40:].max()
    assert by_last[-1] == pytest.approx(-6, abs=1e-6)
    means = {k: mean for k, _, mean in bench.influences_of(by_last)}
    assert means[100] > 0 > means[200]  # why the paper's TBPTT needs 200 steps
    state = torch.ones(23, dtype=torch.float64)
    theta, weight = torch.tensor([0.5], dtype=torch.float64), torch.ones((), dtype=torch.float64)
    first = task.cell(theta, state, state)
    assert first[[0, 9, 10, 21, 22]].tolist() == [1.5, 1.5, 0.5, 0.5, 0.0]
    assert float(task.loss(theta, first, weight)) == 0.125


def test_a_run_is_gradient_descent_by_the_rule():
    """RTRL step by step, with a rate that falls."""
    kept, losses = task.learn("rtrl", [1e-3, 1e-2], 12, decreasing=True, n_kept=3)
    assert kept.tolist() == [0, 4, 8, 12]
    for run, rate in enumerate([1e-3, 1e-2]):
        theta, state, carry = torch.tensor([0.5], dtype=torch.float64), torch.ones(23, dtype=torch.float64), None
        one = torch.ones(1, dtype=torch.float64)
        for update in range(12):
            learnt = rtrl(task.cell, task.loss, theta, one, one, state, carry)
            theta = theta - rate / (1 + update**0.5) * learnt.gradient
            state, carry = learnt.state, learnt.carry
        assert losses[run, -1] == pytest.approx(float(0.5 * (-6 * theta - 1) ** 2))
    assert losses[:, 0].tolist() == [8.0, 8.0]


def test_where_the_loss_stands_decides_which_way_tbptt_goes():
    """100 steps back are enough where only the last of a piece has a loss, and not where every one has."""
    _, at_the_end = task.learn("tbptt", [6e-4], 30, 100, last_only=True, n_kept=2)
    _, at_every = task.learn("tbptt", [2e-5], 30, 100, n_kept=2)
    assert at_the_end[0, -1] < 0.5 * 8
    assert at_every[0, -1] > 8


def curve(*losses):
    return np.array(losses, float)


def test_a_verdict_is_of_the_curve():
    assert bench.became(curve(8, 900, 0.08)) == "converges"
    assert bench.became(curve(8, 0.01, 0.09)) == "gets nearer"
    assert bench.became(curve(8, 8.1)) == "drifts away"
    assert bench.became(curve(8, 801)) == "diverges"
    assert bench.became(curve(8, np.inf)) == "diverges"


def runs(setting, stated, *losses):
    """Runs of two steps: for each rate the last losses of its seeds."""
    ends = np.array(losses, float)
    line = bench.Line("UORO", setting, "uoro", 1, tuple(10.0**-k for k in range(len(ends))), ends.shape[1], 1, stated)
    return bench.Runs(line, np.array([0, 1]), np.stack([np.full_like(ends, 8), ends], -1))


def test_a_statement_holds_or_not():
    assert runs("2021", "converges", [0.01, 0.02, 1e9]).holds()  # the median counts
    assert not runs("2021", "converges", [0.01, 1e8, 1e9]).holds()
    assert not runs("2021", "drifts away", [900.0]).holds()
    assert runs("2021", "diverges", [900.0]).holds()
    several = runs("2017", "converges", [1e9, 1e9, 1e9], [0.02, 0.01, 5.0], [3.0, 3.0, 3.0])
    assert several.best() == 1
    assert several.holds()
    assert not runs("2017", "diverges", [1e9], [7.0]).holds()  # one rate that helps is enough to refute it
    assert runs("2017", "diverges", [1e9], [8.5]).holds()
    row = bench.table("2017", [several]).rows[0]
    assert row == ["UORO", 1, "converges, with a suitable rate", "converges", 0.1, 0.02, "2 of 3", "holds"]


def test_the_command_writes_all(tmp_path, capsys, monkeypatch):
    """With few steps, of which the shortest already say which way a rule goes."""
    few = [
        bench.Line("TBPTT(10)", "2021", "tbptt", 10, (1e-4,), 1, 2_000, bench.DRIFTS),
        bench.Line("RTRL", "2017", "rtrl", 1, (1e-4, 3e-3), 1, 400, bench.CONVERGES),
        bench.Line("UORO", "2017", "uoro", 1, (1e-3,), 3, 100, bench.CONVERGES),
    ]
    monkeypatch.setattr(bench, "lines", lambda quick: few if quick else None)
    out = tmp_path / "out"
    assert main(["reproduce", "tallec2017", "--quick", "--out", str(out)]) == 0
    page = (out / "reproduction.md").read_text("utf-8")
    assert page in capsys.readouterr().out
    assert "2 of 3 statements hold" in page
    assert "A quick run" in page
    tables = json.loads((out / "tables.json").read_text("utf-8"))["tables"]
    assert [(row[0], row[3], row[-1]) for table in tables for row in table["rows"]] == [
        ("TBPTT(10)", "drifts away", "holds"),
        ("RTRL", "converges", "holds"),
        ("UORO", "drifts away", "does not hold"),
    ]
    rows = list(csv.reader((out / "curves.csv").read_text("utf-8").splitlines()))
    assert rows[0] == ["setting", "rule", "rate", "run", "step", "loss"]
    assert [row[:4] for row in rows if row[4] == "0"] == [
        ["2021", "TBPTT(10)", "0.0001", "0"],
        ["2017", "RTRL", "0.0001", "0"],
        ["2017", "RTRL", "0.003", "0"],
        *(["2017", "UORO", "0.001", str(run)] for run in range(3)),
    ]
    assert rows[1][5] == "8"
    assert (out / "setting2021.csv").exists()
    with Image.open(out / "curves.png") as figure:
        assert min(figure.size) > 400


def test_it_takes_no_images(tmp_path, capsys):
    assert main(["reproduce", "tallec2017", "--images", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "unrecognized arguments: --images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
