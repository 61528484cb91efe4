"""Training of the codec apercu's tables and of its network, on a handful of drawn pictures."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from apercu.format import ids
from apercu.lab import cnn_training
from apercu.lab.apercu import likeliest_weights
from apercu.restore import cnn
from scripts.pictures import scene

WEIGHTS = cnn_training.Path(cnn.__file__).parent.parent / "weights"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("images")
    for seed in range(4):
        Image.fromarray(scene(150, 170, 3, seed)).save(path / f"{seed}.png")
    Image.fromarray(scene(60, 200, 3)).save(path / "smaller than a crop.png")
    return path


def test_tables_of_ones_own(folder, tmp_path, capsys):
    """They take less for such images than no knowledge does, and a stream of them needs them."""
    out = tmp_path / "mine.npy"
    assert main(["train", "apercu", "--images", str(folder), "--out", str(out)]) == 0
    recipe = json.loads(out.with_suffix(".json").read_text())
    sizes = recipe["bytes_before_each_pass"]
    assert sizes[1] < 0.9 * sizes[0]
    assert f"pass 3: {sizes[2]} bytes" in capsys.readouterr().out
    image = scene(150, 170, 3, 9)
    data = apercu.encode(image, quality=50, model=out)
    assert apercu.info(data)["model"] == recipe["sha256"][:16]
    assert apercu.decode(data, model=out).shape == image.shape


def test_likeliest_weights_are_those_that_made_the_sizes():
    rng = np.random.default_rng(3)
    past = rng.integers(0, 4, (40_000, 3)).astype(float)
    sizes = rng.exponential(0.2 + past @ [0.5, 0.0, 0.25])
    np.testing.assert_allclose(likeliest_weights(past, sizes), [0.5, 0.0, 0.25], atol=0.03)


@pytest.fixture
def short(monkeypatch):
    """A run of eight steps."""
    for name, value in {"STEPS": 8, "EVERY": 4, "HELD_OUT": 4, "BATCH": 4, "WARM": 1}.items():
        monkeypatch.setattr(cnn_training, name, value)


def test_network_learns_and_takes_its_place(folder, tmp_path, short):
    out = tmp_path / "net.onnx"
    lines = []
    cnn_training.train(folder, out, log=lines.append)
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert [json.loads(line) for line in lines] == recipe["log"]
    assert recipe["log"][-1]["step"] == 8
    assert recipe["held_out"] == ["0.png", "smaller than a crop.png"]
    assert out.with_suffix(".svg").read_text().count("held out") == 2
    assert not out.with_suffix(".pt").exists()
    # The file is what the decoder takes in place of the shipped one.
    data = apercu.encode(scene(64, 64, 3, 7), quality=40)
    plain, shipped, own = (
        apercu.decode(data, restore=restore, network=network).astype(int)
        for restore, network in (("none", None), ("cnn", None), ("cnn", out))
    )
    assert 0 < np.abs(own - plain).max() < 40
    assert not np.array_equal(own, shipped)


def test_network_whose_training_was_cut_off_goes_on(folder, tmp_path, short, monkeypatch):
    """The same log, but for the time it took, as in one go."""
    files = [tmp_path / "whole.onnx", tmp_path / "cut.onnx"]
    cnn_training.train(folder, files[0], log=lambda _: None)

    class Cut(Exception):
        pass

    saved = cnn_training.torch.save

    def save_then_cut(state, path):
        saved(state, path)
        shutil.copy(path, path.with_suffix(".pt"))
        raise Cut

    monkeypatch.setattr(cnn_training.torch, "save", save_then_cut)
    with pytest.raises(Cut):
        cnn_training.train(folder, files[1], log=lambda _: None)
    monkeypatch.setattr(cnn_training.torch, "save", saved)
    lines = []
    cnn_training.train(folder, files[1], log=lines.append)
    assert len(lines) == 1
    logs = [json.loads(file.with_suffix(".json").read_text())["log"] for file in files]
    for whole, gone_on in zip(*logs, strict=True):
        assert {**whole, "seconds": 0} == pytest.approx({**gone_on, "seconds": 0}, abs=2e-3)


def test_too_little_to_train_on(tmp_path):
    Image.fromarray(scene(60, 60, 3)).save(tmp_path / "small.png")
    with pytest.raises(apercu.OptionError, match="too few images"):
        cnn_training.train(tmp_path, tmp_path / "o.onnx", log=lambda _: None)


def test_shipped_files_are_those_of_the_recipes_beside_them():
    tables = json.loads((WEIGHTS / "apercu.json").read_text())
    assert tables["sha256"] == ids.MODELS[2].sha256
    sizes = tables["bytes_before_each_pass"]
    assert sizes[2] < sizes[1] < sizes[0]
    network = json.loads((WEIGHTS / "cnn.json").read_text())
    assert network["sha256"] == ids.NETWORKS["cnn"].sha256
    last = network["log"][-1]
    assert last["step"] == network["steps"]
    assert last["held_out_error"] < 0.95
