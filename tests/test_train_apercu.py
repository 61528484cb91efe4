"""Training of the codec apercu's tables and of its network, on a handful of drawn pictures."""

import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import apercu
from apercu.bridges import files
from apercu.cli.main import main
from apercu.format import ids
from apercu.lab import apercu as lab
from apercu.lab import cnn as cnn_lab
from apercu.lab import cnn_training, drawn, fidelity, steps
from apercu.lab.apercu import likeliest_weights
from apercu.lab.recipes import images_of
from apercu.restore import cnn
from scripts.pictures import scene

WEIGHTS = Path(cnn.__file__).parent.parent / "weights"


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


def test_tables_need_no_torch(folder, tmp_path):
    """Nor anything else of the extra for training."""
    names = ("torch", "onnx", "onnxscript", "matplotlib", "onnxruntime")
    call = ["train", "apercu", "--images", str(folder), "--out", str(tmp_path / "mine.npy")]
    code = f"import sys; sys.modules.update(dict.fromkeys({names})); from apercu.cli.main import main; main({call})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert "contexts, pass 3: " in done.stdout, done.stderr
    assert (tmp_path / "mine.npy").exists()


def test_what_training_needs_is_looked_for_first(folder, tmp_path, capsys, monkeypatch):
    """PyTorch, packages of the end of a training of hours, and a name that the recipe has."""
    monkeypatch.setattr(fidelity, "find_spec", lambda name: None if name in ("onnxscript", "matplotlib") else name)
    call = ["train", "cnn", "--images", str(folder), "--out", str(tmp_path / "mine.onnx")]
    assert main(call) == 2
    said = capsys.readouterr().err
    assert said == "apercu: train cnn needs onnxscript and matplotlib: pip install 'apercu[train]'\n"
    monkeypatch.delitem(sys.modules, "apercu.lab.predictive", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "predictive", *call[2:]]) == 2
    assert capsys.readouterr().err == "apercu: train predictive needs torch: pip install 'apercu[train]'\n"
    assert main(["train", "apercu", "--images", str(folder), "--out", str(tmp_path / "mine.json")]) == 2
    assert "recipe" in capsys.readouterr().err
    assert main(["train", "apercu", "--images", str(folder), "--out", str(tmp_path / "none" / "mine.npy")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_tables_of_whatever_encode_takes(tmp_path, capsys):
    """Grey, transparent and 16-bit pictures of many bands; what cannot be read is passed over and named."""
    images = tmp_path / "images"
    images.mkdir()
    colour = scene(90, 120, 3, 1)
    Image.fromarray(colour[..., 0]).save(images / "grey.png")
    alpha = (np.arange(120) * 2).astype(np.uint8)
    Image.fromarray(np.dstack([colour, np.broadcast_to(alpha, (90, 120))])).save(images / "alpha.webp", lossless=True)
    spectral = np.dstack([colour.astype(np.uint16) * 13, colour[:, ::-1] * np.uint16(11)])
    files.write(images / "spectral.tif", spectral, "spectral")
    files.write(images / "colour16.png", colour.astype(np.uint16) * 200, "rgb")
    (images / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "mine.npy"
    assert main(["train", "apercu", "--images", str(images), "--out", str(out)]) == 0
    assert re.search(r"^passed over: .*broken\.jpg: ", capsys.readouterr().out, re.MULTILINE)
    names = set(images_of(out.with_suffix(".json")))
    assert names == {"grey.png", "alpha.webp", "spectral.tif", "colour16.png"}
    planes = {name: lab.analysis_of(images / name, files.read).planes for name in names}
    assert {name: len(found) for name, found in planes.items()} == {
        "grey.png": 1, "alpha.webp": 4, "spectral.tif": 6, "colour16.png": 3,
    }  # fmt: skip
    weights = np.load(out)[: 15 * 9].reshape(15, 9)
    assert len(set(weights[:, 8])) > 1  # of the band before: learnt, where there is one
    data = apercu.encode(spectral, quality=50, model=out)
    assert len(data) < len(apercu.encode(spectral, quality=50))  # the bands before were learnt from
    assert np.array_equal(apercu.decode(data, model=out).shape, spectral.shape)
    for path in images.iterdir():
        if path.name != "broken.jpg":
            path.unlink()
    assert main(["train", "apercu", "--images", str(images), "--out", str(out)]) == 2
    assert "none of the 1 images can be read" in capsys.readouterr().err


def test_any_reader_makes_the_same_tables_of_the_same_samples(folder, tmp_path):
    """So the recipe of the shipped ones stays good, whose images were read as RGB by Pillow."""
    quiet = {"log": lambda _: None}
    lab.train(folder, tmp_path / "pillow.npy", **quiet)
    lab.train(folder, tmp_path / "any.npy", read=files.read, **quiet)
    assert (tmp_path / "pillow.npy").read_bytes() == (tmp_path / "any.npy").read_bytes()
    weights = np.load(tmp_path / "any.npy")[: 30 * 9].reshape(30, 9)
    assert set(weights[:15, 8]) == {12}  # of the band before, which colour has none of


def test_of_a_large_image_the_middle_is_taken(monkeypatch):
    image = np.arange(100 * 60 * 2).reshape(100, 60, 2)
    monkeypatch.setattr(lab, "MOST_SAMPLES", 3000)
    assert np.array_equal(lab._middle(image), image[25:75, 15:45])
    assert lab._middle(image[:30, :50]).shape == (30, 50, 2)


def test_likeliest_weights_are_those_that_made_the_sizes():
    rng = np.random.default_rng(3)
    past = rng.integers(0, 4, (40_000, 3)).astype(float)
    sizes = rng.exponential(0.2 + past @ [0.5, 0.0, 0.25])
    np.testing.assert_allclose(likeliest_weights(past, sizes), [0.5, 0.0, 0.25], atol=0.03)


@pytest.fixture(scope="module")
def short():
    """Runs of eight steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "EVERY", 4)
        patch.setattr(fidelity, "HELD_OUT", 4)
        patch.setattr(steps, "WARM", 1)
        for name, recipe in cnn_training.RECIPES.items():
            few = {"steps": 8, "batch": 4, "drawn": min(recipe.drawn, 8), "in_batch": min(recipe.in_batch, 1)}
            patch.setitem(cnn_training.RECIPES, name, recipe._replace(**few))
        yield


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory, short):
    """A network, and the lines that were told of its training."""
    out, lines = tmp_path_factory.mktemp("network") / "net.onnx", []
    cnn_training.train(folder, out, log=lines.append)
    return out, lines


def test_network_learns_and_takes_its_place(trained):
    out, lines = trained
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


def test_network_whose_training_was_cut_off_goes_on(folder, tmp_path, trained, monkeypatch):
    """The same log, but for the time it took, as in one go."""
    files = [trained[0], tmp_path / "cut.onnx"]

    class Cut(Exception):
        pass

    saved = steps.torch.save

    def save_then_cut(state, path):
        saved(state, path)
        shutil.copy(path, path.with_suffix(".pt"))
        raise Cut

    monkeypatch.setattr(steps.torch, "save", save_then_cut)
    monkeypatch.setattr(fidelity, "export", lambda network, n_channels, out: out.write_bytes(b"not of interest"))
    with pytest.raises(Cut):
        cnn_training.train(folder, files[1], log=lambda _: None)
    monkeypatch.setattr(steps.torch, "save", saved)
    lines = []
    cnn_training.train(folder, files[1], log=lines.append)
    assert len(lines) == 1
    logs = [json.loads(file.with_suffix(".json").read_text())["log"] for file in files]
    for whole, gone_on in zip(*logs, strict=True):
        assert {**whole, "seconds": 0} == pytest.approx({**gone_on, "seconds": 0}, abs=2e-3)


@pytest.fixture(scope="module")
def trained_for_blocks(folder, tmp_path_factory, short):
    out = tmp_path_factory.mktemp("blocks") / "net.onnx"
    cnn_training.train(folder, out, log=lambda _: None, what="cnn_blocks")
    return out


@pytest.mark.parametrize("codec", ["taha2025", "dct", "stacked_ae"])
def test_network_for_blocks_takes_its_place(folder, trained_for_blocks, codec):
    """And begins with what the one for the wavelet knows."""
    out = trained_for_blocks
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["command"] == f"apercu train cnn_blocks --images {folder.name} --seed 2026 --out net.onnx"
    assert recipe["start"] == "cnn"
    assert recipe["log"][0]["error"] < 0.99
    assert (recipe["drawn"], recipe["drawn_in_batch"]) == (8, 1)
    assert recipe["log"][-1]["held_out_drawn_error"] > 0
    data = apercu.encode(scene(64, 64, 3, 7), quality=40, codec=codec)
    plain, shipped, own = (
        apercu.decode(data, restore=restore, network=network).astype(int)
        for restore, network in (("none", None), ("cnn", None), ("cnn", out))
    )
    assert 0 < np.abs(own - plain).max() < 60
    assert not np.array_equal(own, shipped)


def test_a_network_for_other_codecs_is_refused(trained, trained_for_blocks):
    for codec, network in (("apercu", trained_for_blocks), ("taha2025", trained[0])):
        data = apercu.encode(scene(64, 64, 3, 7), quality=40, codec=codec)
        with pytest.raises(apercu.ModelError, match="another network"):
            apercu.decode(data, restore="cnn", network=network)


@pytest.mark.parametrize(("processor", "dtype"), [("AVX2", torch.float32), ("AVX512", torch.bfloat16)])
def test_networks_compute_in_what_the_processor_is_quick_in(processor, dtype, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    with steps.quickly():
        assert torch.nn.Linear(2, 2)(torch.ones(2)).dtype == dtype


def test_the_error_of_a_picture_falls(folder, tmp_path, short, monkeypatch):
    """From nothing, to less than 0.8 of what it is without a network."""
    versions = (*3 * (("taha2025", 4000, 19_500),), ("dct", 6400, 16_500), ("stacked_ae", 6400, 19_000))
    changed = {"versions": versions, "steps": 120, "rate": 2e-3, "sizes": (1,), "start": None, "in_batch": 0}
    recipe = cnn_training.RECIPES["cnn_blocks"]._replace(**changed)
    groups = [fidelity.samples_of(recipe, 1, (0, folder / "0.png"))]
    monkeypatch.setattr(steps, "EVERY", 120)
    for name, n_channels in {"NEAR": 32, "FAR": 48}.items():
        monkeypatch.setattr(cnn_lab, name, n_channels)
    _, rows = cnn_training.fit(groups, groups, recipe, tmp_path / "a.pt", 1, lambda _: None)
    assert rows[-1]["held_out_error"] < 0.8


def test_drawn_pictures_are_those_of_their_seed_and_come_last_in_a_batch(folder, short):
    first, again, other = (drawn.picture(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first.shape, first.dtype) == ((256, 256, 3), np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    recipe = cnn_training.RECIPES["cnn_blocks"]
    groups = [fidelity.samples_of(recipe, 1, (0, folder / "0.png"))]
    groups.append(fidelity.samples_of_drawing(recipe, 1, 0))
    assert [len(group) for group in groups] == [5, 5]
    for _, _, told, original in groups[1]:
        told[0], original[:] = 9, 0  # a step that no file has, and black
    _, _, told, original, _ = fidelity.batch_of(groups, recipe, np.random.default_rng(0))
    assert (told[:, 0].amax((1, 2)) == 9).tolist() == [False, False, False, True]
    assert original[3].max() == -1 < original[:3].max()


def test_what_is_lost_in_a_drawn_picture_counts_although_its_error_is_small(short):
    """Relative to its error and to an eighth of the usual one."""
    luma, chroma = torch.zeros(4, 1, 128, 128), torch.zeros(4, 2, 64, 64)
    original = torch.full((4, 3, 128, 128), 0.1)
    original[3] = 0.01
    batch = (luma, chroma, torch.zeros(4, 0, 32, 32), original, torch.zeros(4, dtype=torch.bool))

    def darker(_):
        residual = torch.zeros(4, 24, 32, 32)
        residual[:, :16] = -0.01
        return residual

    _, shares = cnn_training.loss_of(darker, batch, 1)
    assert shares[0] == pytest.approx(0.11**2 / 0.1**2, rel=1e-3)
    assert shares[2] == pytest.approx((1 + 1 / 8) * 0.02**2 / (0.01**2 + 0.1**2 / 8), rel=1e-3)
    assert len(cnn_training.loss_of(darker, batch, 0)[1]) == 2


def test_too_little_to_train_on(tmp_path):
    Image.fromarray(scene(60, 60, 3)).save(tmp_path / "small.png")
    with pytest.raises(apercu.OptionError, match="too few images"):
        cnn_training.train(tmp_path, tmp_path / "o.onnx", log=lambda _: None)


def test_shipped_files_are_those_of_the_recipes_beside_them():
    tables = json.loads((WEIGHTS / "apercu.json").read_text())
    assert tables["sha256"] == ids.MODELS[2].sha256
    sizes = tables["bytes_before_each_pass"]
    assert sizes[2] < sizes[1] < sizes[0]
    for name, known in ids.NETWORKS.items():
        network = json.loads((WEIGHTS / f"{name}.json").read_text())
        assert network["sha256"] == known.sha256
        last = network["log"][-1]
        assert last["step"] == network["steps"]
        if name in ("gan", "diffusion"):  # which give errors up for likeness
            assert last["held_out_deep"] < 0.85
        else:
            assert last["held_out_error"] < 0.95
    trust = json.loads((WEIGHTS / "block_trust.json").read_text())
    assert trust["sha256"] == sha256((WEIGHTS / "block_trust.npy").read_bytes()).hexdigest()
    assert trust["network"] == ids.NETWORKS["cnn_blocks"].sha256
