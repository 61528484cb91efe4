"""Training of the two autoencoders of taha2025: the optimum is known, so training can be held against it."""

import json

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from apercu.codecs.tables import shipped
from apercu.format.weights import digest
from apercu.lab import taha2025 as lab
from apercu.lab.recipes import images_of
from scripts.pictures import scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few drawn pictures with plain and detailed blocks, one of them too small for a block."""
    path = tmp_path_factory.mktemp("images")
    for seed in range(4):
        Image.fromarray(scene(96, 128 + seed, 3, seed)).save(path / f"{seed}.png")
    Image.fromarray(scene(5, 5, 3)).save(path / "tiny.png")
    return path


@pytest.fixture(scope="module")
def moments(folder):
    """Second moments of all blocks of the folder."""
    return lab.second_moments(sorted(folder.iterdir()))[0]


@pytest.mark.parametrize(("latents", "steps"), [(1, 500), (8, 1500)])
def test_training_reaches_the_principal_subspace(moments, latents, steps, monkeypatch):
    """Within 1 % of the optimum of a linear autoencoder, after a small part of the recipe's steps."""
    monkeypatch.setattr(lab, "STEPS", steps)
    (analysis, synthesis), loss = lab.fit(moments, latents, lab.SEED)
    best = lab.subspace_loss(moments, latents)
    assert best <= loss * (1 + 1e-9)
    assert loss < 1.01 * best
    assert analysis.shape == (latents, 64)
    assert synthesis.shape == (64, latents)


def test_the_subspace_loss_is_that_of_the_blocks(folder, moments):
    """The optimum by eigenvalues of the moments equals what projecting the blocks themselves leaves."""
    blocks = np.concatenate(list(lab.blocks_of(sorted(folder.iterdir()))))
    basis = np.linalg.svd(blocks, full_matrices=False)[2][:8]
    left = ((blocks - blocks @ basis.T @ basis) ** 2).mean()
    assert lab.subspace_loss(moments, 8) == pytest.approx(left)


def test_loss_by_moments_is_the_mean_squared_error_of_the_blocks(folder, moments, monkeypatch):
    """What `fit` reports is what the autoencoder does to the blocks."""
    monkeypatch.setattr(lab, "STEPS", 50)
    (analysis, synthesis), loss = lab.fit(moments, 8, lab.SEED)
    blocks = np.concatenate(list(lab.blocks_of(sorted(folder.iterdir()))))
    assert ((blocks - blocks @ analysis.T @ synthesis.T) ** 2).mean() == pytest.approx(loss)


def test_principal_axes_leave_the_reconstruction_and_order_the_latents(moments):
    """Rotated latents are uncorrelated, of falling power, and reconstruct the same."""
    rng = np.random.default_rng(0)
    analysis, synthesis = rng.normal(size=(8, 64)), rng.normal(size=(64, 8))
    a, s = lab.principal_axes(analysis, synthesis, moments)
    np.testing.assert_allclose(s @ a, synthesis @ analysis, atol=1e-9)
    np.testing.assert_allclose(s.T @ s, np.eye(8), atol=1e-9)
    covariance = a @ moments @ a.T
    powers = np.diag(covariance)
    np.testing.assert_allclose(covariance, np.diag(powers), atol=1e-6 * powers.max())
    assert (np.diff(powers) <= 0).all()


def test_command_trains_weights_that_encode_and_decode(folder, tmp_path, monkeypatch, capsys):
    """`apercu train` writes weights and recipe; a stream of them needs them."""
    monkeypatch.setattr(lab, "STEPS", 200)
    out = tmp_path / "mine.npy"
    assert main(["train", "taha2025", "--images", str(folder), "--out", str(out), "--seed", "3"]) == 0
    assert "principal subspace" in capsys.readouterr().out
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["seed"] == 3
    assert len(images_of(out.with_suffix(".json"))) == 5
    image = scene(64, 64)[:, :, 0]
    data = apercu.encode(image, codec="taha2025", quality=80, model=out)
    assert apercu.info(data)["model"] == recipe["sha256"][:16]
    assert apercu.decode(data, model=out).shape == image.shape
    with pytest.raises(apercu.ModelError, match="user-trained"):
        apercu.decode(data)
    np.save(tmp_path / "other.npy", shipped(1).weights)
    with pytest.raises(apercu.ModelError, match="not the model"):
        apercu.decode(data, model=tmp_path / "other.npy")


def test_tables_for_range_coding_keep_the_weights_and_save_bits(folder, tmp_path, monkeypatch):
    """Trained tables take 8 % fewer bytes than what knows nothing; pixels are those of the weights alone."""
    monkeypatch.setattr(lab, "STEPS", 200)
    weights, both, none = (tmp_path / name for name in ("mine.npy", "both.npy", "none.npy"))
    command = ["train", "taha2025", "--images", str(folder), "--out"]
    assert main([*command, str(weights)]) == 0
    assert main([*command, str(both), "--weights", str(weights)]) == 0
    recipe = json.loads(both.with_suffix(".json").read_text())
    assert recipe["weights"] == json.loads(weights.with_suffix(".json").read_text())["sha256"]
    assert recipe["command"].endswith("--weights mine.npy --seed 2025 --out both.npy")
    trained = np.load(both)
    assert np.array_equal(trained[:1152], np.load(weights).ravel())
    unknowing = np.concatenate([np.zeros(56), np.full(324, 12), np.tile((32768, 3), 5094)]).astype(np.uint16)
    np.save(none, np.concatenate([trained[:1152], unknowing.view(np.int16)]))
    image, sizes = scene(128, 128, 3, 9), []
    for model in (both, none):
        data = apercu.encode(image, codec="taha2025", entropy="range", quality=50, model=model)
        sizes.append(len(data))
        alone = apercu.encode(image, codec="taha2025", quality=50, model=weights)
        assert np.array_equal(apercu.decode(data, model=model), apercu.decode(alone, model=weights))
    assert sizes[0] < 0.92 * sizes[1]


def test_options_of_one_codec_are_refused_with_others(folder, tmp_path, capsys):
    for what, option in (("taha2025", "--every"), ("apercu", "--weights"), ("dct", "--weights"), ("cnn", "--every")):
        assert main(["train", what, "--images", str(folder), "--out", str(tmp_path / "o.npy"), option, "3"]) == 2
        assert capsys.readouterr().err.endswith(f"train {what} takes no {option}\n")


@pytest.mark.parametrize("seed", ["-1", "9223372036854775808"])
def test_seeds_that_no_generator_takes_are_refused(seed, folder, tmp_path, capsys):
    call = ["train", "apercu", "--images", str(folder), "--out", str(tmp_path / "o.npy"), "--seed", seed]
    assert main(call) == 2
    assert capsys.readouterr().err.endswith(f"--seed is a number from 0 to 2^63 - 1, not {seed}\n")


def test_deep_images_are_refused_and_not_cut(tmp_path):
    """Pillow turns samples of 16 bits to RGB by cutting them at 255."""
    Image.fromarray(np.full((64, 64), 3000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(apercu.OptionError, match=r"deep\.png: samples of more than 8 bits"):
        lab.train(tmp_path, tmp_path / "o.npy", log=lambda line: None)


def test_same_seed_same_bytes(folder, tmp_path, monkeypatch):
    """On one machine, training is repeatable to the byte."""
    monkeypatch.setattr(lab, "STEPS", 30)
    for name in ("a.npy", "b.npy"):
        lab.train(folder, tmp_path / name, log=lambda line: None)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_nothing_to_train_on(tmp_path, capsys):
    """An empty folder, and none, are one line and exit code 2."""
    for folder in (tmp_path, tmp_path / "none"):
        assert main(["train", "taha2025", "--images", str(folder), "--out", str(tmp_path / "o.npy")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "o.npy").exists()


def test_shipped_weights_come_from_the_recipe_beside_them():
    """Losses of the recipe lie within 1 % of the principal subspace, and the hash is that of the weights."""
    recipe = json.loads((lab.Path(lab.__file__).parent.parent / "weights" / "taha2025.json").read_text())
    for group in ("G1", "G2"):
        assert recipe[group]["loss"] < 1.01 * recipe[group]["principal_subspace"]
    assert recipe["sha256"] == digest(shipped(1).weights).hex()
