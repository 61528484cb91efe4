"""Training of the recurrent restorer on a few drawn pictures: where it starts, its loss, that it learns and goes on."""

import json
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from apercu.codecs import decoding
from apercu.restore import rnn
from scripts.pictures import scene

torch = pytest.importorskip("torch")
for package in ("onnxruntime", "onnx", "onnxscript", "matplotlib"):
    pytest.importorskip(package)
lab, training, fidelity, steps = (
    import_module(f"apercu.lab.{name}") for name in ("rnn", "rnn_training", "fidelity", "steps")
)
SMALL = training.RECIPE._replace(versions=2 * (("apercu", 8000, 12_000),), steps=2, batch=2)


@pytest.fixture(scope="module", autouse=True)
def small():
    """Crops of 32 × 32, of one of two pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"CROP": 32, "HELD_OUT": 2, "HELD_OUT_BATCHES": 1}.items():
            patch.setattr(fidelity, name, value)
        patch.setattr(lab, "FAR", 32)
        patch.setattr(steps, "WARM", 1)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("images")
    for seed in range(2):
        Image.fromarray(scene(80, 96, 3, seed)).save(path / f"{seed}.png")
    return path


@pytest.fixture(scope="module")
def groups(folder):
    return [fidelity.samples_of(SMALL, 7, (0, folder / "0.png"))]


@pytest.fixture
def batch(groups):
    return fidelity.batch_of(groups, SMALL, np.random.default_rng(3))


@pytest.fixture
def network():
    """One that finds something."""
    torch.manual_seed(5)
    network = lab.Network()
    torch.nn.init.normal_(network.tail.weight, std=0.02)
    return network


def test_a_network_begins_by_adding_nothing():
    values = torch.randn(2, rnn.GIVEN + rnn.FOUND, 6, 8)
    found = lab.Network()(values)
    assert found.shape == (2, rnn.FOUND, 6, 8)
    assert torch.equal(found[:, :24], values[:, rnn.GIVEN : rnn.GIVEN + 24])
    assert float((found[:, 24:] - values[:, -rnn.STATE :]).detach().abs().mean()) > 0.1  # its state moves at once


def test_the_state_is_a_mean_of_what_it_was_and_of_a_candidate(network):
    """By the gate for each: with one shut the state stays, with one open it is the candidate, in -1 to 1."""
    given, residual, state = (
        torch.randn(1, rnn.GIVEN, 6, 8),
        torch.zeros(1, 24, 6, 8),
        5 * torch.randn(1, rnn.STATE, 6, 8),
    )
    update = slice(rnn.STATE, None)  # of the gates, reset comes first
    with torch.no_grad():
        network.gates.weight.zero_()
        network.gates.bias[update] = -99
        assert torch.equal(network.step(given, residual, state)[1], state)
        network.gates.bias[update] = 99
        assert float(network.step(given, residual, state)[1].abs().max()) <= 1 + 1e-5
        network.gates.bias[: rnn.STATE] = -99  # what is forgotten has no part in the candidate
        assert torch.allclose(*(network.step(given, residual, of)[1] for of in (state, 0 * state)), atol=1e-5)


def test_training_makes_the_steps_that_a_decoder_makes(network, batch):
    """But for the rounding of 16 bits."""
    given = training.to_input(*batch[:3]).numpy()

    def step(values):
        with torch.no_grad():
            return network(torch.from_numpy(values)).numpy()

    with torch.no_grad():
        found = [residual.numpy() for residual in training.residuals(network, batch, 3)]
    for k, residual in enumerate(found):
        wanted = np.concatenate([rnn.refined(step, k + 1, given[i : i + 1]) for i in range(2)])
        assert np.abs(wanted).mean() > 0.002
        assert np.abs(residual - wanted).mean() < 0.02 * np.abs(wanted).mean()


def test_the_loss_goes_back_through_time(network, batch):
    """The last step depends on the first one by the residual, and by the state as well."""
    first, *_, last = training.residuals(network, batch, 3)
    through = torch.autograd.grad(last.sum(), first, retain_graph=True)[0]
    assert float((through - 1).abs().mean()) > 1e-4
    with torch.no_grad():
        network.head.weight[:, rnn.GIVEN :] = 0  # a step that does not see the residual
    states = []
    step = network.step

    def keep(*given):
        states.append(given[2].requires_grad_() if not states else given[2])
        return step(*given)

    network.step = keep
    *_, last = training.residuals(network, batch, 3)
    for state in states:
        assert float(torch.autograd.grad(last.sum(), state, retain_graph=True)[0].abs().mean()) > 1e-6


def test_the_loss_is_of_all_steps_and_most_of_the_last(batch):
    class Darker:
        """Takes 0.01 at each step."""

        def step(self, given, residual, state):
            return residual - 0.01 * (torch.arange(24) < 16)[:, None, None], state

    with torch.no_grad():
        before = fidelity.left(batch)
        found, told = training.loss_of(Darker(), batch, 5)
        each = list(training.residuals(Darker(), batch, 5))
        losses, shares = zip(*(fidelity.shares(fidelity.left(batch, of), before, 0) for of in each), strict=True)
    assert [float(of[0, 0, 0, 0]) for of in each] == pytest.approx([-0.01 * k for k in range(1, 6)])
    weights = [0.4096, 0.512, 0.64, 0.8, 1]
    assert float(found) == pytest.approx(
        sum(w * float(of) for w, of in zip(weights, losses, strict=True)) / sum(weights)
    )
    errors = [error for error, _ in shares]
    assert [told[name] for name in ("first_error", "error", "last_error")] == [errors[0], errors[3], errors[4]]
    assert told["dissimilarity"] == shares[3][1]


def test_sequences_grow_from_one_step_to_four_and_at_times_have_eight():
    lengths = [training.length_of(step, 2400) for step in range(2400)]
    assert [set(lengths[:400]), set(lengths[400:800])] == [{1}, {2}]
    assert (lengths[800:2000].count(4), lengths[800:2000].count(8)) == (1050, 150)
    assert (lengths[2000:].count(4), lengths[2000:].count(8)) == (200, 200)


def trained(groups, path, recipe=SMALL, log=lambda line: None):
    return training.fit(groups, groups, recipe, path, 7, log)


@pytest.mark.parametrize("learns", [True, False])
def test_the_error_of_two_crops_falls_and_not_by_chance(groups, batch, tmp_path, learns, monkeypatch):
    """After every step of the network to less than 0.9 of what it is without one; where gradients are noise, it does
    not."""
    monkeypatch.setattr(fidelity, "batch_of", lambda *_: batch)
    monkeypatch.setattr(steps, "EVERY", 40)
    if not learns:
        noise = torch.Generator().manual_seed(1)

        def replaced(parameters, _):
            for parameter in parameters:
                parameter.grad = torch.randn(parameter.shape, generator=noise)

        monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", replaced)
    _, rows = trained(groups, tmp_path / "a.pt", SMALL._replace(steps=40, rate=3e-3))
    found = [rows[-1][f"held_out_{name}"] for name in ("first_error", "error", "last_error")]
    assert all(np.isfinite(found))
    assert (max(found) < 0.9) == learns, found


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(groups, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "EVERY", 1)

    def cut_off(line):
        if json.loads(line)["step"] == 2:
            raise KeyboardInterrupt

    whole, rows = trained(groups, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        trained(groups, tmp_path / "parts.pt", log=cut_off)
    parts, rows_of_parts = trained(groups, tmp_path / "parts.pt")
    assert all(torch.equal(*pair) for pair in zip(whole.parameters(), parts.parameters(), strict=True))
    assert [{**row, "seconds": 0} for row in rows] == [{**row, "seconds": 0} for row in rows_of_parts]
    with pytest.raises(apercu.OptionError, match="another recipe"):
        trained(groups, tmp_path / "parts.pt", SMALL._replace(rate=1e-4))


def test_the_command_writes_a_network_that_takes_its_place(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "RECIPE", SMALL._replace(rate=2e-3))
    out = tmp_path / "mine.onnx"
    assert main(["train", "rnn", "--images", str(folder), "--out", str(out), "--seed", "7"]) == 0
    assert "wrote" in capsys.readouterr().out
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["command"] == f"apercu train rnn --images {folder.name} --seed 7 --out mine.onnx"
    assert (recipe["restorer"], recipe["rule"], recipe["steps_of_sequences"]) == ("rnn", "BPTT", [1, 2, 4, 4, 4, 4])
    assert recipe["held_out"] == ["0.png"]
    assert {"error", "first_error", "last_error", "held_out_dissimilarity"} <= set(recipe["log"][-1])
    assert out.with_suffix(".svg").exists()
    data = apercu.encode(scene(64, 64, 3, 7), quality=40)
    restorer = rnn.load("apercu", rnn.Options(network=out))
    plain, own = (decoding.decode(data, decoding.How(restorer=of)).astype(int) for of in (None, restorer))
    assert 0 < np.abs(own - plain).max() < 60


def test_a_step_takes_as_many_products_as_the_docs_say(monkeypatch):
    monkeypatch.setattr(lab, "FAR", 96)
    network, found = lab.Network(), []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda of, _, made: found.append(of.weight.numel() * made[0, 0].numel()))
    with torch.no_grad():
        network(torch.zeros(1, rnn.GIVEN + rnn.FOUND, 32, 32))
    assert round(sum(found) / 128**2, -2) == 23_400  # as docs/recurrent.md says
    assert sum(parameter.numel() for parameter in network.parameters()) * 2 < 1.5e6  # bytes of the file
