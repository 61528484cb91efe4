"""Training of the stacked autoencoders: the loss falls by a stated factor, and what comes out is what the codec
takes."""

import gzip
import json

import numpy as np
import pytest
import torch
from PIL import Image

from apercu.cli.main import main
from apercu.errors import OptionError
from apercu.lab import stacked_ae as lab
from apercu.lab import stacked_blocks
from apercu.lab.stacked_blocks import Kind, blocks_of_images, held_out, mosaic, read_idx
from apercu.stages.stacked_ae import stacked_analyse, stacked_synthesise
from apercu.stages.stacked_tables import pack, unpack
from scripts.pictures import scene

SMALL = Kind(8, 3, (0, 2, 4), (12, 8), 0, 120, 128)
SMALL_DIGITS = Kind(28, 32, (2, 4), (12, 8), 16, 90, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few drawn pictures, one of them too small for a block."""
    path = tmp_path_factory.mktemp("images")
    for seed in range(4):
        Image.fromarray(scene(96, 128 + seed, 3, seed)).save(path / f"{seed}.png")
    Image.fromarray(scene(5, 5, 3)).save(path / "tiny.png")
    return path


@pytest.fixture
def quick(monkeypatch):
    """A recipe of seconds."""
    monkeypatch.setattr(lab, "PHOTOGRAPHS", SMALL)
    monkeypatch.setattr(lab, "DIGITS", SMALL_DIGITS)
    monkeypatch.setattr(lab, "GREEDY_STEPS", 40)
    monkeypatch.setattr(lab, "EVERY", 30)


def loss_of(network, blocks):
    """The loss of all blocks at steps and noise that stay the same."""
    batch = lab.batch_of(blocks, np.arange(len(blocks.samples)), np.random.default_rng(1))
    noise = (
        torch.rand(len(network.kind.latents), len(blocks.samples), 4, generator=torch.Generator().manual_seed(1)) - 0.5
    )
    with torch.no_grad():
        return float(
            (lab.losses(network, batch, noise) + lab.LAMBDA * network.choice_bits(batch.detail)).min(1)[0].mean()
        )


def test_every_stage_of_training_makes_the_loss_fall(folder, quick, tmp_path):
    """Sharing out brings it to a fifth of what networks begin with, and joint training takes another tenth off."""
    blocks, unseen = blocks_of_images(sorted(folder.iterdir()), 3)
    torch.manual_seed(3)
    network = lab.Network(SMALL)
    before = loss_of(network, blocks)
    lines = []
    lab.train_greedily(network, blocks, lab.found(network, blocks, 3), 3, lines.append)
    lab.soften(network)
    founded = loss_of(network, blocks)
    lab.train_jointly(network, blocks, unseen, tmp_path / "kept.pt", 3, lines.append)
    after = loss_of(network, blocks)
    assert founded < before / 5
    assert after < 0.9 * founded
    first, last = (float(word.rstrip(",")) for word in lines[0].split() if word[0].isdigit() and "." in word)
    assert last < 0.7 * first


def test_blocks_are_shared_out_by_what_codes_them_best(folder):
    """Plain blocks go to the expert without latents, detailed ones to others: more detail, more latents."""
    blocks, _ = blocks_of_images(sorted(folder.iterdir()), 3)
    torch.manual_seed(3)
    network = lab.Network(SMALL)
    numbers = lab.found(network, blocks, 3)
    assert set(numbers) == {0, 1, 2}
    generator = np.random.default_rng((3, 1))
    which = generator.permutation(len(blocks.samples))
    energy = lab.batch_of(blocks, which, generator).rest.square().sum(1).numpy()
    means = [float(energy[numbers == number].mean()) for number in range(3)]
    assert means[0] < 0.2 * min(means[1:])


def test_integers_draw_what_the_network_draws(folder, quick, tmp_path):
    """Tables of a trained network: the plane of integers lies within a quarter of a level of the one by floats."""
    blocks, unseen = blocks_of_images(sorted(folder.iterdir()), 3)
    torch.manual_seed(3)
    network = lab.Network(SMALL)
    lab.found(network, blocks, 3)
    lab.train_jointly(network, blocks, unseen, tmp_path / "kept.pt", 3, lambda line: None)
    tables, _ = unpack(pack(lab.to_tables(network)))
    rng = np.random.default_rng(4)
    symbols = rng.integers(-3, 4, (tables.n_maps, 4, 5)).astype(np.int16)
    symbols[0] = rng.integers(60, 70, (4, 5))
    symbols[1] = rng.integers(0, 3, (4, 5))
    for index, n_latents in enumerate(SMALL.latents):
        symbols[2 + n_latents :, symbols[1] == index] = 0
    step = 12.0
    drawn = stacked_synthesise(symbols, tables, int(32 * step), False) / 32
    padded = np.pad(symbols[0].astype(np.float32), 1, mode="edge")
    near = [padded[y : y + 4, x : x + 5] - symbols[0] for y in range(3) for x in range(3)]
    around = np.stack([*near[:4], *near[5:], symbols[0], np.full((4, 5), 255 / step)], -1).reshape(-1, 10) / 8
    latents = torch.from_numpy(symbols[2:].reshape(4, -1).T.astype(np.float32)).expand(3, -1, -1)
    with torch.no_grad():
        blocks_ = network.decode(latents, torch.from_numpy(around.astype(np.float32))).numpy()
    chosen = blocks_[symbols[1].ravel(), np.arange(20)] * step + symbols[0].reshape(-1, 1) * step / 8
    plane = np.clip(chosen, 0, 255).reshape(4, 5, 8, 8).swapaxes(1, 2).reshape(32, 40)
    assert np.abs(plane - drawn).max() < 0.25


def test_costs_are_those_of_the_trained_distributions(folder):
    """Probabilities by the costs of an expert's number, and of a latent's symbols, add up to about one."""
    torch.manual_seed(3)
    network = lab.Network(SMALL)
    with torch.no_grad():
        network.prior.normal_()
        network.scale.uniform_(-1, 0.5)
    tables = lab.to_tables(network)
    assert np.allclose((2.0 ** (-tables.choice / 64)).sum(1), 1, atol=0.03)
    likely = 2.0 ** (-tables.experts[2].costs / 64)
    assert np.allclose(likely[..., 0] + 2 * likely[..., 1:].sum(-1), 1, atol=0.03)


def test_command_trains_tables_that_code_a_picture(folder, quick, tmp_path, capsys):
    """`apercu train` writes tables and recipe, and leaves no checkpoint."""
    out = tmp_path / "mine.npy"
    assert main(["train", "stacked_ae", "--images", str(folder), "--out", str(out), "--seed", "3"]) == 0
    assert "held out" in capsys.readouterr().out
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["seed"] == 3
    assert recipe["experts"] == [0, 2, 4]
    assert recipe["images"]["n_images"] == 5
    assert recipe["log"][-1]["step"] == 120
    assert sorted(path.name for path in tmp_path.iterdir()) == [recipe["images"]["list"], "mine.json", "mine.npy"]
    tables, _ = unpack(np.load(out))
    plane = np.ascontiguousarray(scene(64, 96, 1, 9).reshape(64, 96).astype(np.int16) * 32)
    symbols = stacked_analyse(plane, (8, 12), tables, 256, 38, False)
    error = stacked_synthesise(symbols, tables, 256, False) - plane.astype(float)
    means = symbols[0].repeat(8, 0).repeat(8, 1) * 32.0 - plane
    assert (error**2).mean() < 0.5 * (means**2).mean()


def test_same_seed_same_bytes_also_after_a_break(folder, quick, tmp_path, monkeypatch):
    """On one machine, training is repeatable to the byte, and a checkpoint leads to where an unbroken run does."""
    lab.train(folder, tmp_path / "a.npy", log=lambda line: None)

    class Cut(Exception):
        """The run ends."""

    def until_60(line):
        if line.startswith('{"step": 60'):
            raise Cut

    kept = torch.save
    monkeypatch.setattr(torch, "save", lambda state, path: kept(state, path))
    with pytest.raises(Cut):
        lab.train(folder, tmp_path / "b.npy", log=until_60)
    assert (tmp_path / "b.pt").exists()
    lab.train(folder, tmp_path / "b.npy", log=lambda line: None)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def idx(digits):
    """The bytes of a gzipped IDX file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in digits.shape)
    return gzip.compress(b"\0\0\x08\3" + sizes + digits.tobytes())


def drawn_digits(n):
    """Strokes on black, (n, 28, 28)."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:28, :28]
    angles, places = rng.uniform(0, np.pi, n), rng.uniform(-5, 5, n)
    apart = [np.abs((x - 14) * np.cos(a) + (y - 14) * np.sin(a) - p) for a, p in zip(angles, places, strict=True)]
    return np.clip(255 - 90 * np.stack(apart), 0, 255).astype(np.uint8)


def test_digits_are_trained_on_whole(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(stacked_blocks, "DIGIT_ROUND", 50)
    monkeypatch.setattr(stacked_blocks, "DIGITS_HELD_OUT", 10)
    (tmp_path / "some-images-idx3-ubyte.gz").write_bytes(idx(drawn_digits(150)))
    lab.train(tmp_path, tmp_path / "digits.npy", log=lambda line: None)
    tables, _ = unpack(np.load(tmp_path / "digits.npy"))
    assert tables.side == 28
    assert [expert.n_latents for expert in tables.experts] == [2, 4]
    rows = json.loads((tmp_path / "digits.json").read_text())["log"]
    assert rows[-1]["held_out"] < rows[0]["held_out"]


def test_digits_held_out_are_the_first_of_each_round():
    out = held_out(10_000)
    assert out.sum() == 2000
    assert out[:1000].all()
    assert not out[1000:5000].any()
    assert out[5000:6000].all()


def test_idx_files(tmp_path):
    digits, path = drawn_digits(6), tmp_path / "digits.gz"
    path.write_bytes(idx(digits))
    assert np.array_equal(read_idx(path), digits)
    picture = mosaic(digits, 4)
    assert picture.shape == (56, 112)
    assert np.array_equal(picture[28:, 28:56], digits[5])
    assert not picture[28:, 56:].any()
    whole = gzip.decompress(idx(digits))
    for data in (idx(digits)[:50], b"", gzip.compress(whole[:-1]), gzip.compress(b"\0\0\x08\1" + whole[4:])):
        path.write_bytes(data)
        with pytest.raises(OptionError, match=r"digits\.gz"):
            read_idx(path)


def test_nothing_to_train_on(tmp_path, capsys):
    """An empty folder, and one picture alone, are one line and exit code 2."""
    assert main(["train", "stacked_ae", "--images", str(tmp_path), "--out", str(tmp_path / "o.npy")]) == 2
    Image.fromarray(scene(64, 64, 3)).save(tmp_path / "one.png")
    assert main(["train", "stacked_ae", "--images", str(tmp_path), "--out", str(tmp_path / "o.npy")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert not (tmp_path / "o.npy").exists()
