"""Training of the sample predictor's tables on a handful of drawn pictures, and the tables that are shipped."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apercu.lab.recipes import images_of
from apercu.stages import predict
from scripts.pictures import scene

WEIGHTS = Path(predict.__file__).parent.parent / "weights"


def tables_of(array):
    """Tables of a file's array."""
    taps, starts = array[:384].view(np.int16).reshape(3, 8, 16), array[384:].reshape(-1, 2)
    return predict.predict_tables(np.ascontiguousarray(taps), np.ascontiguousarray(starts))


def new_starts():
    return np.tile(np.array([32768, 3], np.uint16), (25080, 1))


def size(picture, tables, max_error=0):
    return len(predict.encode_samples(np.ascontiguousarray(picture[..., [1, 0, 2]]), max_error, tables))


def test_shipped_tables():
    """They are those of the recipe, and less than they is not enough."""
    array = np.load(WEIGHTS / "predictive.npy")
    recipe = json.loads((WEIGHTS / "predictive.json").read_text())
    assert hashlib.sha256(array.astype("<u2").tobytes()).hexdigest() == recipe["sha256"]
    assert recipe["losses"][-1] < 0.97 * recipe["losses"][0]
    tables = tables_of(array)
    for starts in (array[384:].reshape(-1, 2), new_starts()):
        assert starts[:, 0].min() >= 127
        assert starts[:, 0].max() <= 65409  # no start is likelier than what is learnt: see "What a segment can hold"
    picture = scene(40, 40, 3, 9)
    assert size(picture, tables) < 0.985 * size(picture, predict.predict_tables(tables.taps, new_starts()))


def test_training(tmp_path, monkeypatch):
    """From experts that know nothing, the loss falls by a tenth of a bit in 40 steps; and trained contexts take fewer
    bytes."""
    torch = pytest.importorskip("torch")
    from apercu.lab import predictive as lab

    torch.set_num_threads(1)
    for name, value in {"BEGIN": ((),) * 3, "BATCH": 3, "SIDE": 32, "MAX_ERRORS": (0, 3)}.items():
        monkeypatch.setattr(lab, name, value)

    for seed in range(4):
        Image.fromarray(scene(150, 170, 3, seed)).save(tmp_path / f"{seed}.png")
    said = []
    lab.train(tmp_path, tmp_path / "mine.npy", log=said.append, steps=40)
    recipe = json.loads((tmp_path / "mine.json").read_text())
    assert recipe["losses"][-1] < recipe["losses"][0] - 0.1
    before, after = recipe["bytes_before_each_pass"]
    assert after < 0.99 * before
    assert said[-1] == f"contexts, pass 2: {after} bytes"
    assert list(images_of(tmp_path / "mine.json")) == [f"{seed}.png" for seed in range(4)]
    tables = tables_of(np.load(tmp_path / "mine.npy"))
    assert tables.taps.any()
