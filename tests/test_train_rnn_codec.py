"""Training of the networks of codec="rnn": the loss falls by a stated factor, and integers draw what floats draw."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from apercu.cli.main import main
from apercu.cli.train import TRAINERS
from apercu.codecs import rnn as codec
from apercu.errors import OptionError
from apercu.lab import rnn_codec, rnn_codec_maps, steps
from apercu.lab import rnn_codec_training as lab
from apercu.lab.symbol_maps import Trained
from apercu.stages.rnn import rnn_analyse, rnn_synthesise
from apercu.stages.rnn_tables import MARGIN, STEPS, unpack
from apercu.stages.symbol_maps import CLASSES, N_WEIGHTS, n_contexts, n_groups
from scripts.pictures import scene

BATCH = (6, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few drawn pictures, one of them too small."""
    path = tmp_path_factory.mktemp("images")
    for seed in range(4):
        Image.fromarray(scene(160, 192 + seed, 3, seed)).save(path / f"{seed}.png")
    Image.fromarray(scene(5, 5, 3)).save(path / "tiny.png")
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A recipe of seconds."""
    for name, value in (("FEATURES", 12), ("ENCODER", 10), ("DECODER", 12), ("WIDE", 16), ("BITS", 4)):
        monkeypatch.setattr(rnn_codec, name, value)
    monkeypatch.setattr(lab, "CROP", 32)
    monkeypatch.setattr(lab, "RATE", 5e-3)
    monkeypatch.setattr(rnn_codec_maps, "n_cores", lambda: 1)
    monkeypatch.setattr(rnn_codec_maps, "PASSES", 1)
    monkeypatch.setattr(steps, "WARM", 5)
    monkeypatch.setattr(steps, "EVERY", 20)


@pytest.fixture
def without_maps(monkeypatch):
    """Tables of maps that know nothing, which take no training."""

    def blank(networks, *_):
        maps = codec.maps_of(unpack(networks)[0])
        weights = np.full((CLASSES, n_groups(maps), N_WEIGHTS), 12, np.uint8)
        return Trained(maps, weights, np.tile(np.array((32768, 3), np.uint16), (n_contexts(maps), 1)))

    monkeypatch.setattr(lab, "train_maps", blank)


def trained(folder, out, n_steps=60, **options):
    lines = []
    lab.train(folder, out, 3, lines.append, n_steps, BATCH, **options)
    return lines


def rows_of(lines):
    return [json.loads(line) for line in lines if line.startswith("{")]


def gain(rows):
    """What ten steps take off the squared error of luma that is held out, in dB, at the end."""
    return rows[-1]["held_out_luma_db_10"] - rows[-1]["held_out_luma_db_0"]


def test_training_makes_steps_that_take_the_error_away(folder, tmp_path):
    """Ten steps take a third off the squared error, 1.8 dB."""
    lines = trained(folder, tmp_path / "mine.npy")
    rows = rows_of(lines)
    assert "passed over, too small: tiny.png" in lines
    assert gain(rows) > 1.8
    assert rows[-1]["held_out_loss"] < rows[0]["held_out_loss"]
    recipe = json.loads((tmp_path / "mine.json").read_text())
    assert (recipe["seed"], recipe["images"]["n_images"], recipe["log"]) == (3, 5, rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == [recipe["images"]["list"], "mine.json", "mine.npy"]
    tables = codec.read_tables(np.load(tmp_path / "mine.npy"), "range")
    plane = np.ascontiguousarray(scene(64, 96, 1, 9).reshape(1, 64, 96).astype(np.int16) * 32)
    errors = rnn_analyse(plane, (4, 6), tables.networks, False).errors.sum((1, 2, 3))
    assert errors[-1] < 0.8 * errors[0]


def test_noise_in_the_place_of_gradients_does_not(folder, tmp_path, monkeypatch, without_maps):
    """Where networks begin by drawing too little, gradients take a quarter more off the error, and noise nothing."""

    def spoilt(parameters, _):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape)

    monkeypatch.setattr(rnn_codec, "MEAN", 0.5)
    learnt = gain(rows_of(trained(folder, tmp_path / "learnt.npy", 30)))
    with monkeypatch.context() as still:
        still.setattr(lab, "RATE", 0.0)
        begun = gain(rows_of(trained(folder, tmp_path / "begun.npy", 30)))
    monkeypatch.setattr(lab.nn.utils, "clip_grad_norm_", spoilt)
    noise = gain(rows_of(trained(folder, tmp_path / "noise.npy", 30)))
    assert learnt > begun + 1
    assert noise < begun


def test_networks_begin_as_a_transform_coder():
    """Functions of a place and of those beside it are orthogonal, and every step takes error away untrained."""
    waves, frequencies = rnn_codec.lapped(256)
    plane = torch.zeros(256, 1, 16 * 3 + 8, 16 * 3 + 8)
    plane[:, 0, 16:40, 16:40] = waves
    found = torch.nn.functional.conv2d(plane, waves[:, None], stride=16)
    assert torch.allclose(found[:, :, 1, 1], torch.eye(256), atol=1e-5)
    found[:, :, 1, 1] = 0
    assert float(found.abs().max()) < 1e-5
    assert torch.all(frequencies.diff() >= 0)


def test_a_late_step_brings_as_much_as_it_can_before_training(monkeypatch):
    """On noise whose power falls with the frequency each step takes error away; with the weights of the first step in
    the place of their own, the last five together take less than half as much.
    """
    for name, value in (("FEATURES", 64), ("ENCODER", 10), ("DECODER", 12), ("WIDE", 128), ("BITS", 8)):
        monkeypatch.setattr(rnn_codec, name, value)
    torch.manual_seed(4)
    network = rnn_codec.Network()
    network.hold()
    rng = np.random.default_rng(5)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(136), np.fft.rfftfreq(136), indexing="ij")) + 0.004
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(2, 136, 136))) / radius, (136, 136))
    planes = torch.from_numpy(40 * noise / noise.std() + 128).float()[:, None]
    chroma, none = torch.tensor([False, True]), torch.full((2, 1, 1, 1), -torch.inf)

    def gains():
        with torch.no_grad():
            found = lab.unroll(network, planes, chroma, none, 0.0, torch.Generator().manual_seed(1))
        return -np.diff([10 * np.log10(float(luma)) for luma, _ in found.errors])

    own = gains()
    assert own.min() > 0.02
    with torch.no_grad():
        network.out[:], network.wide_bits[:] = network.out[0].clone(), network.wide_bits[0].clone()
    same = gains()
    assert same[5:].sum() < 0.5 * own[5:].sum()


@pytest.mark.parametrize("chroma", [False, True])
def test_integers_draw_what_the_network_draws(chroma):
    """The error after each step, as the training has it and as the codec has it, is the same within 2 %."""
    torch.manual_seed(1)
    network = rnn_codec.Network()
    with torch.no_grad():
        for start in (network.start_encoder, network.start_decoder):
            start.uniform_(-0.8, 0.8)
        network.scales.fill_(20)
    network.hold()
    tables, _ = unpack(rnn_codec.to_array(network))
    plane = scene(48, 64, 1, 4)[:, :, 0].astype(np.int16) * 32 - (4000 if chroma else 0)
    errors = rnn_analyse(plane[None].copy(), (3, 4), tables, chroma).errors.sum((1, 2, 3)) / plane.size / 1024
    padded = torch.from_numpy(np.pad(plane / 32, MARGIN, mode="edge").astype(np.float32))[None, None].expand(
        2, -1, -1, -1
    )
    with torch.no_grad():
        price = torch.full((2, 1, 1, 1), -torch.inf)
        found = lab.unroll(network, padded, torch.tensor([chroma, not chroma]), price, 0.0, torch.Generator())
    by_floats = [float(of_class[int(chroma)]) for of_class in found.errors]
    assert np.allclose(by_floats, errors, rtol=0.02)
    assert abs(by_floats[-1] / by_floats[0] - 1) > 0.05


def test_places_stop_in_training_as_in_the_codec():
    """With a price that no step is worth, all stop after the first; a place that has stopped draws nothing more."""
    torch.manual_seed(2)
    network = rnn_codec.Network()
    planes = lab.batch_of(
        ([scene(60, 60, 1)[:, :, 0]], [np.zeros((60, 60), np.int8)]), (2, 1), np.random.default_rng(1)
    )
    chroma, generator = torch.tensor([False, False, True]), torch.Generator().manual_seed(1)
    with torch.no_grad():
        found = lab.unroll(network, planes, chroma, torch.full((3, 1, 1, 1), 1e12), 0.0, generator)
    assert found.going.tolist() == [1.0] + [0.0] * (STEPS - 1)
    errors = torch.tensor([[float(one) for one in both] for both in found.errors])
    assert torch.all(errors[2:] == errors[1])


def test_same_seed_same_bytes_also_after_a_break(folder, tmp_path, without_maps):
    """On one machine, training is repeatable to the byte, and a checkpoint leads to where an unbroken run does."""
    trained(folder, tmp_path / "a.npy", 30)

    class Cut(Exception):
        """The run ends."""

    def until_the_end(line):
        if line.startswith('{"step": 30'):
            raise Cut

    with pytest.raises(Cut):
        lab.train(folder, tmp_path / "b.npy", 3, until_the_end, 30, BATCH)
    assert (tmp_path / "b.pt").exists()
    trained(folder, tmp_path / "b.npy", 30)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_too_few_images(tmp_path):
    Image.fromarray(scene(160, 160, 3)).save(tmp_path / "one.png")
    with pytest.raises(OptionError, match="too few or too small"):
        trained(tmp_path, tmp_path / "mine.npy")


def test_the_command_that_trains_the_codec_is_not_that_of_the_restorer(tmp_path, capsys):
    Image.fromarray(scene(160, 160, 3)).save(tmp_path / "one.png")
    assert main(["train", "rnn-codec", "--images", str(tmp_path), "--out", str(tmp_path / "mine.npy")]) == 2
    assert "too few or too small to train on" in capsys.readouterr().err
    assert TRAINERS["rnn-codec"] == lab.__name__ != TRAINERS["rnn"]


def test_weights_that_are_held_fit():
    """However large they have become."""
    network = rnn_codec.Network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(50)
    with pytest.raises(ValueError, match=r"too large|exact sums|beyond 1"):
        rnn_codec.to_array(network)
    network.hold()
    unpack(rnn_codec.to_array(network))


def test_synthesis_of_a_trained_table_is_bounded(folder):
    """Bits of any sort draw samples within the range."""
    network = rnn_codec.Network()
    tables, _ = unpack(rnn_codec.to_array(network))
    rng = np.random.default_rng(3)
    symbols = rng.integers(0, 2, (1 + STEPS * (1 + tables.n_bits), 1, 3, 3)).astype(np.int16)
    drawn = rnn_synthesise(symbols, tables, False)
    assert drawn.min() >= 0
    assert drawn.max() <= 8160
