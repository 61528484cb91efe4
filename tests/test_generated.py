"""The comparison of generated pictures with others, and the table of the noise that they have to be better than."""

import json
import sys
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import generated, noise_filler
from apercu.bench.cache import Cache
from apercu.bench.metrics import psnr
from apercu.bridges.files import read
from apercu.options import anything, option
from apercu.restore import by_name
from scripts.pictures import noise, scene

pytest.importorskip("onnxruntime")  # of "cnn"
script = pytest.importorskip("scripts.generated")
fit_noise_filler = pytest.importorskip("scripts.fit_noise_filler")


@pytest.fixture
def grain(monkeypatch):
    """A restorer that adds noise to what "cnn" gives, in the left half of luma."""

    @dataclass(frozen=True)
    class Options:
        seed: int = option("", "", anything)

    def load(_, options):
        better = by_name.restorer_for("cnn", "apercu", {})

        def restore(planes, layout, *rest):
            better(planes, layout, *rest)
            half = planes[0].shape[0], layout.width // 2
            planes[0][:, : layout.width // 2] += (noise(half, options.seed or 0) // 128).astype(np.int16) - 256

        return restore

    module = ModuleType("apercu.restore.grain")
    vars(module).update(KIND="generative", CODECS=("apercu",), Options=Options, load=load)
    monkeypatch.setitem(sys.modules, "apercu.restore.grain", module)
    monkeypatch.setattr(by_name, "RESTORERS", ("cnn", "grain"))
    monkeypatch.setattr(generated, "METRICS", ("psnr", "gmsd"))
    known = by_name.restorer_of
    known.cache_clear()
    yield
    known.cache_clear()


@pytest.fixture
def path(tmp_path):
    """A drawing whose right quarter is flat."""
    image = 60 + scene(96, 128, 3, 5) // 4 + (noise((96, 128, 3), 9) % 40).astype(np.uint8)
    image[:, 96:] = 120
    Image.fromarray(image).save(tmp_path / "drawn.png")
    return str(tmp_path / "drawn.png")


def test_an_image_in_every_way(grain, path, tmp_path, monkeypatch):
    store = Cache(tmp_path / "store")
    found = generated.of_image("drawn", path, read, 0.5, (), store)
    assert list(found) == ["none", "cnn", "grain", "noise", "noise as grain", "avif"]
    image, _ = read(path)
    data = apercu.encode(image, bpp=0.5)
    for way in ("none", "cnn", "grain"):
        assert found[way]["psnr"] == pytest.approx(psnr(image, apercu.decode(data, restore=way)))
        assert found[way]["n_bytes"] == len(data)
    assert found["noise as grain"]["psnr"] == pytest.approx(found["grain"]["psnr"], abs=0.02)
    assert found["noise"]["strength"] == 0.64
    assert found["noise"]["psnr"] < found["cnn"]["psnr"]
    shares = generated.means([found])
    for share in ("kept", "same"):
        assert 0 < shares["grain"][share] < shares["none"][share] <= 100
    assert "kept" not in shares["avif"]
    assert found["grain"]["flat"] == 0  # it adds nothing there
    assert found["grain"]["seeds_flat"] == 0
    assert found["grain"]["seeds"] > 1
    assert len(data) <= found["avif"]["n_bytes"] <= 1.1 * len(data)

    monkeypatch.setattr(apercu, "encode", None)  # what is known is not made again
    assert generated.of_image("drawn", path, read, 0.5, (), store) == found


def test_pictures_that_stay_the_same_are_not_measured_again(grain, path, tmp_path, monkeypatch):
    """A change of the package changes few pictures: values are kept by the pictures that they are of."""
    store, measured, metric_of = Cache(tmp_path / "store"), [], generated.metric_of
    found = generated.of_image("drawn", path, read, 0.5, (), store)

    def watched(name):
        metric = metric_of(name)
        return replace(metric, function=lambda *pair: measured.append(pair[1]) or metric.function(*pair))

    monkeypatch.setattr(generated, "own_version", lambda: "another")
    monkeypatch.setattr(generated, "metric_of", watched)
    assert generated.of_image("drawn", path, read, 0.5, (), store) == found
    assert measured == []
    darker = ModuleType("apercu.restore.grain")
    vars(darker).update(vars(sys.modules["apercu.restore.grain"]))
    darker.load = lambda *_: lambda planes, *_: np.subtract(planes[0], 64, planes[0])
    monkeypatch.setattr(by_name, "restorer_of", {"cnn": by_name.restorer_of("cnn"), "grain": darker}.__getitem__)
    monkeypatch.setattr(generated, "own_version", lambda: "a third")
    again = generated.of_image("drawn", path, read, 0.5, (), store)
    assert {way: again[way] == found[way] for way in ("none", "cnn", "grain", "noise", "avif")} == {
        "none": True, "cnn": True, "grain": False, "noise": True, "avif": True,
    }  # fmt: skip
    assert len(measured) == 4  # by two metrics: what it gives now, and the noise as that


def test_avif_gets_the_next_size_above():
    image = scene(96, 128, 3, 5)
    data = generated.avif_file(image, 900)
    assert 900 <= len(data) <= 990
    assert generated.avif_file(image, len(data)) == data
    assert len(generated.avif_file(image, len(data) + 1)) > len(data)
    assert generated.avif_file(image, 100) is None  # its smallest file is larger by far


def test_the_strength_of_noise_at_a_psnr():
    original = np.full((64, 64), 100, np.uint8)

    def picture(strength):
        return original + np.uint8(round(10 * strength))

    assert generated.strength_at(picture, original, psnr(original, picture(2))) == pytest.approx(2, abs=0.06)
    assert generated.strength_at(picture, original, 99) == pytest.approx(0, abs=0.06)
    assert generated.strength_at(picture, original, 1) == pytest.approx(4, abs=0.01)


def test_deviations_of_flat_windows_and_of_others():
    rng = np.random.default_rng(1)
    original = np.full((64, 64), 100, np.uint8)
    original[:, 32:] = rng.integers(0, 255, (64, 32))
    first = original.copy()
    first[:, :32] += np.tile(np.array([[0, 6]], np.uint8), (64, 16))
    assert generated.deviation(original, first, original, flat=True) == pytest.approx(3)
    assert generated.deviation(original, first, original, flat=False) == 0
    assert generated.deviation(original[:, 32:], first[:, 32:], original[:, 32:], flat=True) is None
    brighter = original + np.uint8(1)  # which deviates from nothing in itself
    assert generated.deviation(original, brighter, original, flat=True) == 0


def test_means_leave_out_what_has_no_value():
    found = generated.means([{"a": {"x": 1.0, "y": None}}, {"a": {"x": 3.0, "y": 5.0}, "b": {"x": None}}])
    assert found == {"a": {"x": 2.0, "y": 5.0}, "b": {"x": None}}


def test_symbols_are_counted_over_all_images_and_the_worst_plane_and_stage_tells():
    names = ("sent", "kept", "symbols", "same")

    def counts(plane, stage, *numbers):
        return {f"{name} of plane {plane}, stage {stage}": n for name, n in zip(names, numbers, strict=True)}

    images = [{"a": counts(0, 2, 10, 10, 100, 100) | counts(1, 6, 2, 1, 10, 9)}, {"a": counts(0, 2, 30, 20, 300, 260)}]
    assert generated.means(images) == {"a": {"kept": 50.0, "same": 90.0}}
    assert generated.means([*images, {"a": counts(1, 6, 8, 8, 10, 10)}])["a"]["kept"] == 75.0


@pytest.mark.parametrize(
    ("metric", "beside", "limit", "value", "other", "number", "passes"),
    [
        ("deep", "noise as gan", 0.9, 89.0, 100.0, 0.89, True),
        ("deep", "noise as gan", 0.9, 91.0, 100.0, 0.91, False),
        ("ms_ssim", "noise as gan", 0.0, 0.8, 0.8, 0.0, False),
        ("ms_ssim", "noise as gan", 0.0, 0.75, 0.5, 0.25, True),
        ("psnr", "cnn", -1.2, 24.0, 25.0, -1.0, True),
        ("psnr", "cnn", -1.2, 23.0, 25.0, -2.0, False),
    ],
)
def test_bars(metric, beside, limit, value, other, number, passes):
    found = {"gan": {metric: value}, beside: {metric: other}}
    assert script.held(script.Bar(beside, metric, limit), "gan", found) == (pytest.approx(number), passes)
    assert script.held(script.Bar(beside, metric, limit), "gan", {**found, beside: {}}) is None


def test_those_that_work_in_steps_are_compared_with_other_numbers_of_them_too():
    assert {"gan", "diffusion"} <= generated.made_by().keys() == set(generated.generative())
    found = generated.made_by((1, 16))
    more = {name: how for name, how in found.items() if name not in generated.made_by()}
    assert more["diffusion, 1 step"] == {"restore": "diffusion", "steps": 1}
    assert more["diffusion, 16 steps"] == {"restore": "diffusion", "steps": 16}
    assert not [name for name in more if name.startswith("gan")]
    assert {"diffusion, 16 steps", "noise as diffusion, 1 step"} <= set(generated.ways((1, 16)))


def test_bars_for_a_value_itself():
    kept = script.Bar(None, "kept", 99.5)
    assert script.held(kept, "gan", {"gan": {"kept": 99.6}}) == (99.6, True)
    assert script.held(kept, "gan", {"gan": {"kept": 99.4}}) == (99.4, False)
    bar = script.Bar(None, "flat", 0.5)
    assert script.held(bar, "gan", {"gan": {"flat": 0.4}}) == (0.4, True)
    assert script.held(bar, "gan", {"gan": {"flat": 0.6}}) == (0.6, False)


def test_the_command_prints_means_and_bars(grain, path, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "METRICS", ("psnr", "gmsd"))
    said = script.report(tmp_path, ["."], [0.5], 1, (), tmp_path / "store", 1)
    lines = {line.partition("  ")[0].strip(): line.split()[-1] for line in said.splitlines() if line}
    assert {"none", "cnn", "grain", "noise as grain", "avif", "grain beside cnn"} <= set(lines)
    assert "0.5 bpp: means over 1 images" in said
    assert lines["grain: flat, at most 0.5"] == "passes"


# --- The table of the noise


def test_the_table_is_what_its_recipe_makes(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    for seed in range(3):
        Image.fromarray(scene(144, 136, 3, seed)).save(folder / f"{seed}.png")
    Image.fromarray(scene(40, 40, 3)).save(folder / "small.png")
    out = tmp_path / "filler.json"
    fit_noise_filler.write(folder, out, 2)
    recipe = json.loads(out.read_text())
    files = [folder / "0.png", folder / "2.png"]
    expected = noise_filler.fit(fit_noise_filler.pairs(files))
    np.testing.assert_allclose(recipe["table"], expected, rtol=6e-4)
    assert set(recipe["images"]) == {"0.png", "2.png"}
    assert recipe["every"] == 2


def test_the_table_that_comes_with_the_package():
    table = noise_filler.shipped()
    assert table.shape == (3, 3, 24)
    assert (table > 0).all()
    assert (table < 1 / 4).all()  # of a squared step: no more than rounding to whole steps leaves at its most
    assert (table[:, :, 12] > 1.5 * table[:, :, 4]).all()  # more is left where more is there
