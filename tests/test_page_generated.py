"""The page of a picture with generated parts: the badge, what was sent and what was invented."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import measure, own
from apercu.bench.view import file_page
from apercu.cli.main import main
from scripts.pictures import scene
from tests import browser, made_up
from tests.page_case import SIZE, numbers, picture, pressed, split

PICTURE = scene(*SIZE, 3, 3)
HOW = {"restore": "made_up", "amount": 0.5, "draw": 7}
SENT, GENERATED, INVENTED = "Sent", "Generated", "Invented"


@pytest.fixture(autouse=True)
def made_up_is_known():
    with made_up.known():
        yield


@pytest.fixture(scope="module")
def apc():
    return apercu.encode(PICTURE, quality=40)


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_the_page_says_how_the_picture_was_made(apc):
    for how in ({}, {"restore": "cnn"}, HOW, {"restore": "made_up", "amount": 0}):
        if "cnn" in how.values():
            pytest.importorskip("onnxruntime")
        html = file_page(apc, "a.apc", **how)
        data = data_of(html)
        told = apercu.provenance(apc, **how)
        assert data["provenance"] == [{key: str(value) for key, value in told.items()}]
        assert len(data["pictures"][0]) == (6 if told["kind"] == "generative" else 5)
        assert html.count('id="picture-') == (2 if told["kind"] == "generative" else 1)
        name = {"exact": "exact", "generative": "generated (made_up)"}.get(
            told["kind"], f"restored ({told['restore']})"
        )
        assert data["codecs"] == [f"apercu, {name}"]


def test_seed_and_strength_are_told_to_the_last_digit(apc):
    """Without them the picture cannot be made again."""
    (told,) = data_of(file_page(apc, "a.apc", restore="made_up", amount=0.123456789, draw=2**53 + 1))["provenance"]
    assert (told["strength"], told["seed"]) == ("0.123456789", "9007199254740993")


def test_what_comes_from_outside_stays_text(apc, monkeypatch):
    monkeypatch.setattr(made_up, "NETWORK", "</script><b>&")
    html = file_page(apc, "a.apc", **HOW)
    assert data_of(html)["provenance"][0]["network"] == "</script><b>&"
    assert "</script><b>" not in html


def test_a_comparison_has_what_was_sent_of_each_file(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(measure, "CURVE_RATES", (0.3,))
    monkeypatch.setattr("apercu.bench.plots.draw", lambda _: {})
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    call = ["compare", str(tmp_path / "a.png"), "--codecs", "apercu", "--peers", "--restore", "none", "made_up"]
    call += ["--bpp", "0.3", "--jobs", "1", "--repeat", "1", "--metric", "psnr", "--cache", str(tmp_path / "cache")]
    for _ in range(2):  # the second is made of what the cache has
        assert main([*call, "--out", str(tmp_path / "out")]) == 0
        report = json.loads((tmp_path / "out" / "comparison.json").read_text())
        kinds = {name: how["kind"] for name, how in report["provenance"].items()}
        assert kinds == {"apercu:apercu/none": "exact", "apercu:apercu/made_up": "generative"}
        assert report["labels"]["apercu:apercu/made_up"] == "apercu, generated (made_up)"
        data = data_of((tmp_path / "out" / "index.html").read_text("utf-8"))
        assert [how["kind"] for how in data["provenance"]] == ["exact", "generative"]
        exact, generated = data["pictures"]
        assert generated[5] == exact[3]  # of one file, it is the same picture
        assert len(exact) == 5
        assert own.parsed("apercu:apercu/made_up").provenance == apercu.provenance(
            apercu.encode(PICTURE), restore="made_up"
        )


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    if browser.executable() is None:
        pytest.skip("the page was not opened: no browser here")
    with browser.opened(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


def opened(tab, tmp_path, data, original=None, **how):
    page = tmp_path / "page.html"
    page.write_text(file_page(data, "a.apc", original, **how), "utf-8")
    tab.size(1280, 800)
    tab.complaints.clear()
    tab.open(page)
    return int(tab.js("document.querySelector('#zooms [aria-pressed=true]').textContent")[0])


def texts(tab, selector):
    return tab.js(
        f"[...document.querySelectorAll('{selector}')].filter(e => e.checkVisibility()).map(e => e.textContent)"
    )


def test_what_was_sent_and_what_was_invented(tab, tmp_path, apc):
    sent, made = apercu.decode(apc), apercu.decode(apc, **HOW)
    scale = opened(tab, tmp_path, apc, **HOW)
    assert pressed(tab, "parts") == [GENERATED]
    assert texts(tab, "#tag-right .badge, #how-badge .badge") == ["Generated"] * 2
    assert texts(tab, "#tag-left") == [f"sent, exact · {8 * len(apc) / made[..., 0].size:.3g} bpp"]
    assert texts(tab, "#tag-left .badge, #legend") == []
    assert "detail that the file does not hold" in texts(tab, "#how summary")[0]
    assert split(tab) == 50
    # The divider stands between what was sent and what was made of it.
    seen = picture(tab, scale)
    assert np.array_equal(seen[:, :60], sent[:, :60])
    assert np.array_equal(seen[:, -60:], made[:, -60:])
    tab.key("s")
    assert pressed(tab, "parts") == [INVENTED]
    assert texts(tab, "#tag-right") == ["Generated what was invented"]
    for gain, reach in ((4, 32), (8, 16)):
        change = 128 + gain * (made.astype(int) - sent)
        assert np.array_equal(picture(tab, scale), change.clip(0, 255))
        assert texts(tab, "#legend-low, #legend-high") == [f"−{reach}", f"+{reach}"]
        tab.key("g")
    change = made.astype(float) - sent
    rms, most = re.search(
        r"([\d.]+) grey levels in the root mean square, (\d+) at most", texts(tab, "#legend")[0]
    ).groups()
    assert float(rms) == pytest.approx(np.sqrt(np.mean(change**2)), abs=0.06)
    assert int(most) == np.abs(change).max()
    tab.key("s")
    assert pressed(tab, "parts") == [SENT]
    assert np.array_equal(picture(tab, scale), sent)
    assert texts(tab, ".badge, #modes, #legend") == []
    assert texts(tab, "#how-said") == ["What was sent, decoded exactly: nothing is made up here."]
    assert tab.complaints == []


def test_all_that_is_known_can_be_read_by_keys(tab, tmp_path, apc):
    opened(tab, tmp_path, apc, PICTURE, **HOW)
    assert texts(tab, "#tag-left") == ["original"]
    assert {"psnr dB", "bytes"} <= set(numbers(tab))
    tab.key("c")
    assert texts(tab, "#head-left") == ["sent, exact"]
    assert numbers(tab)["psnr dB"][0] == "–"
    tab.js("document.querySelector('#how summary').focus()")
    tab.key("Enter")
    told = dict(zip(texts(tab, "#how dt"), texts(tab, "#how dd"), strict=True))
    assert told == {
        "restore": "made_up",
        "kind": "generative",
        "network": f"SHA-256 {'0123456789abcdef' * 4}",
        "strength": "0.5",
        "seed": "7",
        "software": f"apercu {apercu.__version__}",
    }
    tab.click("#parts button:nth-child(3)")
    assert pressed(tab, "parts") == [INVENTED]
    for dark in (False, True):
        tab.size(390, 844, dark=dark, phone=True)
        tab.wait("innerWidth === 390")
        assert tab.js("document.documentElement.scrollWidth") <= 390
    assert tab.complaints == []


def test_fidelity_has_a_lighter_label(tab, tmp_path, apc):
    opened(tab, tmp_path, apc, restore="made_up", amount=0)
    assert texts(tab, ".badge") == ["Restored"] * 2
    assert texts(tab, "#parts, #modes") == []
    colours = "getComputedStyle(document.querySelector('#how .badge')).backgroundColor"
    assert tab.js(colours) == "rgba(0, 0, 0, 0)"
    opened(tab, tmp_path, apc)
    assert texts(tab, ".badge, #how, #parts") == []
    assert tab.complaints == []
