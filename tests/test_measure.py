"""One codec on one image: what is measured, of which pixels, and what is left out or refused."""

import json

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import compare, measure, peers
from apercu.bench.cache import Cache
from apercu.bench.images import drawn
from apercu.bench.plan import Plan
from apercu.bridges import files
from apercu.errors import ImageError

OURS = "apercu:taha2025/none"
RATES = (0.3, 0.6)
PLAN = Plan(codecs=(OURS, "jpeg-prog", "thumbhash"), rates=RATES, metrics=("psnr", "ssim"), repeat=1)
BIG = drawn(512, 512)
COLOUR = drawn(512, 512, 3)[200:330, 40:220]


@pytest.fixture
def sources(tmp_path):
    pictures = {"disc": BIG[200:360, 40:200], "grass": BIG[340:500, 300:460]}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    return {name: str(tmp_path / f"{name}.png") for name in pictures}


def test_images_that_change_places_meanwhile_are_noticed(sources, tmp_path):
    calls = []

    def swapping(path):
        calls.append(path)
        other = {sources["disc"]: sources["grass"], sources["grass"]: sources["disc"]}
        return files.read(path if len(calls) <= 2 else other[path])

    two = {name: sources[name] for name in ("disc", "grass")}
    with pytest.raises(ImageError, match=r"disc: taha2025, exact was measured on other pixels"):
        compare.compare(two, swapping, PLAN, Cache(tmp_path), jobs=1)


def test_a_codec_that_hands_out_another_image_is_noticed(sources, tmp_path, monkeypatch):
    other = np.zeros((7, 9), np.uint8)
    monkeypatch.setattr(apercu, "decode", lambda data, restore: other)
    with pytest.raises(ImageError, match=r"decoded to \(7, 9\) uint8, where \(160, 160\) uint8 went in"):
        compare.compare({"disc": sources["disc"]}, files.read, PLAN, Cache(tmp_path), jobs=1)


def test_metrics_whose_packages_are_missing_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(measure, "find_spec", lambda name: None if name.startswith("efficientnet") else name)
    with pytest.raises(apercu.MissingExtra, match=r"deep needs efficientnet_lite_pytorch and .*pip install.*measures"):
        measure.metric_of("deep")
    assert measure.metric_of("wasserstein").smallest == 64


def test_higher_rates_have_what_was_too_large_before_decoded(sources, tmp_path):
    store, one = Cache(tmp_path), {"grass": sources["grass"]}
    most = []
    for rates in ((0.3,), (2.0,)):
        plan = Plan(("jpeg",), rates, ("psnr",), repeat=1)
        report = compare.compare(one, files.read, plan, store, jobs=1).report
        most.append(max(r["bpp"] for r in report["points"]))
    assert most[0] <= 0.6 < 1.2 < most[1] <= 2.5


def test_what_cannot_be_done_is_left_out_by_name(sources, tmp_path, monkeypatch):
    deep = (np.arange(40 * 50 * 5).reshape(40, 50, 5) * 7 % 65536).astype(np.uint16)
    monkeypatch.setattr(measure, "find_spec", lambda name: name)  # what is left out is not asked for its package
    plan = Plan((OURS, "jpeg", "jpeg2000"), (0.01, 30.0), ("psnr", "ssim", "ms_ssim", "ssimulacra2"), repeat=1)
    report = compare.compare({"scene": "x"}, lambda _: (deep, "spectral"), plan, Cache(tmp_path), jobs=1).report
    assert "jpeg on scene: does not take 16-bit spectral" in report["left_out"]
    assert "metric ms_ssim on scene: sides below 176 pixels" in report["left_out"]
    assert "metric ssimulacra2 on scene: not grey or RGB of 8 bits" in report["left_out"]
    assert "taha2025, exact on scene: no file so small: 0.01 bpp" in report["left_out"]
    assert {r["codec"] for r in report["points"]} == {OURS, "jpeg2000"}
    assert all("ms_ssim" not in r["metrics"] for r in report["points"])
    assert "1, 2, 3" in report["images"][0]["note"]

    def faulty(image, level):
        raise RuntimeError("no such luck")

    broken = peers.Peer(faulty, peers._pillow_decode, (1,), "image/x")
    monkeypatch.setitem(peers.PEERS, "broken", broken)
    plan = Plan(("broken",), RATES, ("psnr",), repeat=1)
    report = compare.compare({"disc": sources["disc"]}, files.read, plan, Cache(tmp_path), jobs=1).report
    assert report["left_out"][0] == "broken on disc: 1/1 q1: RuntimeError: no such luck"


def test_what_is_not_finite_is_null_and_on_no_curve(tmp_path):
    flat = np.full((128, 128), 128, np.uint8)
    plan = Plan((OURS, "jpeg"), (0.3,), ("psnr",), repeat=1)
    found = compare.compare({"flat": "x"}, lambda _: (flat, "grey"), plan, Cache(tmp_path), jobs=1)
    values = [r["metrics"]["psnr"] for r in found.report["points"]]
    assert None in values
    assert "Infinity" not in json.dumps(found.report)
    found.save(tmp_path / "report")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_is_luma_as_pillow_has_it(dtype):
    factor = 257 if dtype == np.uint16 else 1
    image = COLOUR.astype(dtype) * factor
    plan = Plan((OURS,), RATES, ("psnr",), grey=True)
    this = measure.subject("colour", "x", lambda _: (image, "rgb"), plan)
    assert this.bands == "grey"
    expected = np.array(Image.fromarray(COLOUR).convert("L")).astype(int) * factor
    assert np.abs(this.image.astype(int) - expected).max() <= factor // 2
    with pytest.raises(ImageError, match="spectral bands have no grey"):
        measure.subject("scene", "x", lambda _: (drawn(8, 8, 5), "spectral"), plan)
