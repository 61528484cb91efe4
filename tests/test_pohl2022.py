"""`apercu reproduce pohl2022`: simulated breathing, causal predictions, the sentence, and the command."""

import json

import numpy as np
import pytest
from PIL import Image

from apercu.bench import pohl2022 as bench
from apercu.cli.main import main
from apercu.lab import breathing


def test_traces_breathe():
    one = breathing.trace(1200, 3)
    assert np.array_equal(one, breathing.trace(1200, 3))
    assert not np.array_equal(one, breathing.trace(1200, 4))
    assert one.shape == (1200, 3)
    power = np.abs(np.fft.rfft(one[:, 0] - one[:, 0].mean()))
    assert 120 / power.argmax() == pytest.approx(breathing.PERIOD_S, rel=0.25)
    assert 6 < np.ptp(one[:, 0]) < 25
    assert np.abs(np.diff(one[:, 0])).max() < 3  # no jumps between cycles


def test_pairs_are_of_the_horizon():
    traces = np.arange(60.0).reshape(1, 20, 3)
    seen, coming = breathing.pairs(traces, 5)
    assert seen.shape == (1, 4, breathing.N_INPUTS)
    assert seen[0, 0].tolist() == list(range(36))
    assert coming[0, 0].tolist() == traces[0, 11 + 5].tolist()
    assert coming[0, -1].tolist() == traces[0, -1].tolist()


@pytest.mark.parametrize("rule", ["lms", "uoro", "rtrl"])
@pytest.mark.parametrize("horizon", [1, 3])
def test_no_prediction_knows_what_comes(rule, horizon):
    """Positions from time t on change predictions made at t and later, and none that is earlier."""
    traces = np.random.default_rng(5).standard_normal((1, 30, 3))
    other = traces.copy()
    other[:, 20:] += 1
    both = [
        breathing.by_learning(rule, *breathing.pairs(one, horizon), [0.1], horizon)[0, 0] for one in (traces, other)
    ]
    same = (both[0] == both[1]).all(1)
    first = 20 - (breathing.WINDOW - 1)  # the pair whose last position is that at time 20
    assert same[:first].all()
    assert not same[first:].any()


@pytest.mark.parametrize("rule", ["lms", "uoro", "rtrl"])
def test_learning_helps(rule):
    traces = np.stack([breathing.trace(300, seed) for seed in range(2)])
    traces = (traces - traces.mean(1, keepdims=True)) / traces.std((1, 2), keepdims=True)
    seen, coming = breathing.pairs(traces, 1)
    still, learnt = (
        np.square(one - coming)[:, -100:].mean() for one in breathing.by_learning(rule, seen, coming, [0.0, 0.03], 1)
    )
    assert learnt < 0.75 * still
    linear = breathing.by_regression(seen, coming, 150)
    assert np.square(linear - coming)[:, -100:].mean() < 0.4 * still


def of(name, rmse):
    return bench.Errors(name, 1, 0.1, np.array(rmse), np.array(rmse) * 3)


def test_the_sentence_follows_the_numbers():
    found = [of("UORO", [0.4, 0.6]), of("RTRL", [0.5, 0.5]), of("LMS", [0.7, 0.8]), of("linear regression", [0.9, 0.9])]
    assert bench.sentence(found, 1) == (
        "0.1 s ahead UORO has the least error: RMSE in mm UORO 0.50, RTRL 0.50, LMS 0.75, linear regression 0.90; "
        "UORO is better than RTRL in 1 of 2, than LMS in 2 of 2, than linear regression in 2 of 2 traces."
    )
    found[3] = of("linear regression", [0.1, 0.5])
    assert "UORO is behind linear regression" in bench.sentence(found, 1)


def test_errors_are_distances():
    true = np.zeros((1, 2, 3))
    one = bench.errors("LMS", 1, None, np.array([[[3.0, 4, 0], [0, 0, 1]]]), true)
    assert one.rmse[0] == pytest.approx(13**0.5)
    assert one.largest[0] == 5
    assert bench.errors("LMS", 1, None, true + np.nan, true).largest[0] == np.inf


def test_the_command_writes_all(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("apercu.cli.papers.pohl2022.QUICK", (2, 80))
    out = tmp_path / "out"
    assert main(["reproduce", "pohl2022", "--quick", "--out", str(out)]) == 0
    page = (out / "reproduction.md").read_text("utf-8")
    assert page in capsys.readouterr().out
    assert "A quick run" in page
    record = json.loads((out / "results.json").read_text("utf-8"))
    assert [row[:2] for row in record["tables"][0]["rows"]] == [
        [horizon, name] for horizon in (0.1, 0.5) for name in (*bench.LEARNERS.values(), *bench.OTHERS)
    ]
    assert len(record["sentences"]) == 2
    assert (out / "errors.csv").exists()
    with Image.open(out / "traces.png") as figure:
        assert min(figure.size) > 200
