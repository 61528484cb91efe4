"""A metric of the user's own: how it is found, what it says of itself, and what is said of one that cannot be used."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from apercu.bench import measure
from apercu.bench.metrics import load_metric
from apercu.errors import OptionError
from tests.pairs import pair

GREY = pair(256, 320, 1, 1)


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Writes own_metrics.py in the current folder, which Python does not look in by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    yield (tmp_path / "own_metrics.py").write_text
    sys.modules.pop("own_metrics", None)


def test_own_metric(own_module):
    page = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
    own_module(page.read_text("utf-8").split("```python\n")[1].split("```")[0])
    metric = load_metric("own_metrics:largest_error")
    assert (metric.higher_is_better, metric.unit) == (False, "levels")
    value = metric.function(*GREY)
    assert isinstance(value, float)
    assert value == np.abs(GREY[0].astype(int) - GREY[1]).max()
    assert pickle.loads(pickle.dumps(metric)).function(*GREY) == value
    with pytest.raises(OptionError, match="shape"):
        metric.function(GREY[0], GREY[0][1:])


def test_own_metric_that_says_nothing_of_itself(own_module):
    own_module("class Of:\n    plain = staticmethod(lambda original, decoded: 0.5)\n")
    metric = load_metric("own_metrics:Of.plain")
    assert (metric.function(*GREY), metric.higher_is_better, metric.unit) == (0.5, True, "")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("psnr", "module:function"),
        (":score", "module:function"),
        ("own_metrics:", "module:function"),
        ("no_such_module_here:score", "no_such_module_here"),
        ("own_metrics:missing", "missing"),
        ("own_metrics:number", "number is a int, not a function"),
        ("own_metrics:undecided", "higher_is_better is 'yes'"),
        ("own_metrics:unitless", "unit is 3"),
    ],
)
def test_own_metric_that_cannot_be_loaded(own_module, name, says):
    own_module(
        "number = 5\ndef undecided(a, b): return 0\nundecided.higher_is_better = 'yes'\n"
        "def unitless(a, b): return 0\nunitless.unit = 3\n"
    )
    with pytest.raises(OptionError, match=says):
        load_metric(name)


def test_own_metric_that_fails(own_module):
    own_module("def fails(a, b): return 1 / 0\ndef words(a, b): return 'good'\ndef nothing(a, b): pass\n")
    for function, says in (("fails", "ZeroDivisionError"), ("words", "a str"), ("nothing", "a NoneType")):
        with pytest.raises(OptionError, match=f"own_metrics:{function}.*{says}"):
            load_metric(f"own_metrics:{function}").function(*GREY)
    sys.modules.pop("own_metrics")
    own_module("raise RuntimeError('no licence')\n")
    with pytest.raises(OptionError, match=r"cannot be imported: RuntimeError: no licence \(own_metrics\.py, line 1\)"):
        load_metric("own_metrics:score")
    with pytest.raises(OptionError, match=r"it is named own_metrics:score, without \.py"):
        load_metric("own_metrics.py:score")


def test_a_metric_of_the_users_is_known_by_its_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    versions = []
    for factor in (1, 2):
        Path(f"mine{factor}.py").write_text(f"def score(a, b):\n    return {factor}\n")
        versions.append(measure.metric_version(f"mine{factor}:score"))
    assert versions[0] != versions[1]
    assert measure.metric_of("mine2:score").function(*GREY) == 2
