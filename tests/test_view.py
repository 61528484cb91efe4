"""`apercu view`: the page of one file."""

import base64
import json
import re
import sys
import webbrowser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import metrics
from apercu.cli import view
from apercu.cli.main import main
from tests import browser
from tests.page_case import colour, numbers, original, picture, pixels, split

PICTURE = original(1)
NAME = "a <b> & c.apc"


@pytest.fixture
def apc(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(apercu.encode(PICTURE, quality=30))
    Image.fromarray(PICTURE).save(tmp_path / "original.png")
    return path


@pytest.fixture
def opened(monkeypatch):
    """The addresses that were opened in a browser."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    monkeypatch.setattr(view, "has_display", lambda: True)
    return addresses


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', Path(page).read_text("utf-8"), re.DOTALL)[1])


def refused(capsys, *arguments):
    assert main(["view", *map(str, arguments), "--no-open"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_the_page_holds_the_file_and_its_original(apc, tmp_path, opened, capsys):
    page = tmp_path / "page.html"
    assert main(["view", str(apc), "--against", str(tmp_path / "original.png"), "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert opened == [page.as_uri()]
    data = data_of(page)
    decoded = apercu.decode(apc.read_bytes())
    ((_, _, _, _, point),) = data["pictures"]
    assert point["n_bytes"] == apc.stat().st_size
    assert point["bpp"] == pytest.approx(8 * apc.stat().st_size / (128 * 96), rel=1e-5)
    assert point["level"] == "quality 30"
    assert point["metrics"]["psnr"] == pytest.approx(metrics.psnr(PICTURE, decoded), rel=1e-5)
    assert point["metrics"]["ssim"] == pytest.approx(metrics.ssim(PICTURE, decoded), rel=1e-5)
    assert "original" in data["images"][0]


def test_without_a_name_the_page_is_temporary(apc, tmp_path, opened, monkeypatch, capsys):
    monkeypatch.setattr(view.tempfile, "tempdir", str(tmp_path))
    assert main(["view", str(apc)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.parent == tmp_path
    assert page.suffix == ".html"
    assert opened == [page.as_uri()]
    assert "original" not in data_of(page)["images"][0]


def test_no_browser_is_opened_where_none_is_wanted_or_can_be(apc, tmp_path, opened, monkeypatch):
    page = str(tmp_path / "page.html")
    assert main(["view", str(apc), "--out", page, "--no-open"]) == 0
    monkeypatch.setattr(view, "has_display", lambda: False)
    assert main(["view", str(apc), "--out", page]) == 0
    assert opened == []


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
    ],
)
def test_a_display(monkeypatch, platform, environment, expected):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(view.os, "environ", environment)
    assert view.has_display() is expected


def test_what_is_wrong_is_said_in_one_line(apc, tmp_path, capsys):
    page = tmp_path / "page.html"
    Image.fromarray(PICTURE[:64]).save(tmp_path / "cut.png")
    said = refused(capsys, apc, "--against", tmp_path / "cut.png", "--out", page)
    assert "128 × 64 pixels of 3 bands, uint8, the file holds 128 × 96" in said
    for window in ("0,0,97,10", "0,0,0,10"):
        assert "does not lie within 96 rows" in refused(capsys, apc, "--window", window, "--out", page)
    assert "four whole numbers, TOP,LEFT,HEIGHT,WIDTH" in refused(capsys, apc, "--window", "0,0,9", "--out", page)
    assert "is the input" in refused(capsys, apc, "--out", apc)
    assert "No such" in refused(capsys, apc, "--out", tmp_path / "nowhere" / "page.html")
    assert not page.exists()


def test_what_cannot_be_decoded_leaves_no_page(apc, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(view.tempfile, "tempdir", str(tmp_path))
    apc.write_bytes(apc.read_bytes()[:-9])
    refused(capsys, apc)
    assert {path.name for path in tmp_path.iterdir()} == {NAME, "original.png"}


def test_a_picture_too_large_to_be_measured_in_full(apc, monkeypatch):
    monkeypatch.setattr("apercu.bench.view.MOST_MEASURED", 96 * 128 - 1)
    from apercu.bench.view import file_page

    assert '"metrics":{"psnr":' in (html := file_page(apc.read_bytes(), "x", PICTURE))
    assert '"ssim"' not in html


def test_wide_samples_and_many_bands(tmp_path):
    scene = np.dstack([257 * original(0).astype(np.uint16) + band for band in range(5)])
    (tmp_path / "scene.apc").write_bytes(apercu.encode(scene, quality=40))
    page = tmp_path / "page.html"
    window = ["--window", "8,0,32,128"]
    assert main(["view", str(tmp_path / "scene.apc"), "--out", str(page), "--no-open", *window]) == 0
    (image,) = data_of(page)["images"]
    assert image["bands"] == 5
    assert image["window"] == [8, 0, 32, 128]
    assert re.fullmatch(r"bands 1, 2, 3; samples \d+ to \d+ shown as 0 to 255", image["note"])


def shown_in(page):
    """The pictures of a page, in their order."""
    texts = re.findall(r'id="picture-\d+">(.*?)</script>', Path(page).read_text("utf-8"))
    return [np.asarray(Image.open(BytesIO(base64.b64decode(text)))) for text in texts]


def test_no_more_than_the_window_is_decoded_and_measured(tmp_path):
    image = np.tile(PICTURE, (2, 9, 1))
    data = bytearray(apercu.encode(image, quality=30, codec="taha2025"))
    assert apercu.info(bytes(data))["tiles"] == 2
    data[-8] ^= 1  # of the second tile
    (tmp_path / "a.apc").write_bytes(data)
    Image.fromarray(image).save(tmp_path / "a.png")
    page = tmp_path / "page.html"
    call = ["view", str(tmp_path / "a.apc"), "--no-open", "--out", str(page), "--window", "50,900,40,100"]
    for against in ([], ["--against", str(tmp_path / "a.png")]):
        assert main([*call, *against]) == 0
        data_shown = data_of(page)
        assert data_shown["images"][0]["window"] == [50, 900, 40, 100]
        assert (data_shown["images"][0]["width"], data_shown["images"][0]["height"]) == (9 * 128, 2 * 96)
    part = apercu.decode(bytes(data), window=(50, 900, 40, 100))
    original = image[50:90, 900:1000]
    assert [picture.tolist() for picture in shown_in(page)] == [original.tolist(), part.tolist()]
    ((_, _, _, _, point),) = data_shown["pictures"]
    assert point["metrics"]["psnr"] == pytest.approx(metrics.psnr(original, part), rel=1e-5)
    assert "metrics of this part" in data_shown["images"][0]["note"]


def test_of_a_large_file_the_middle_alone_is_decoded(apc, monkeypatch):
    from apercu.bench.view import file_page

    windows, decode = [], apercu.decode
    monkeypatch.setattr("apercu.bench.view.SIDE", 64)
    monkeypatch.setattr(
        apercu, "decode", lambda *a, window, **k: windows.append(window) or decode(*a, window=window, **k)
    )
    file_page(apc.read_bytes(), "x")
    assert windows == [(16, 32, 64, 64)]
    file_page(apc.read_bytes(), "x", PICTURE)  # all is measured
    assert windows[1:] == [None]


def test_one_band_with_or_without_an_axis(tmp_path):
    from apercu.bench.view import file_page

    grey = PICTURE[..., :1]
    assert '"psnr"' in file_page(apercu.encode(grey), "x", grey[..., 0])
    assert '"psnr"' in file_page(apercu.encode(grey[..., 0]), "x", grey)


def test_the_window_is_that_of_decode(apc, tmp_path, capsys):
    for name, out in (("view", "p.html"), ("decode", "p.png")):
        for text in ("0,0,9", "0 0 9 9", "0,0,9,x", "0;0;9;9"):
            assert (
                main([name, str(apc), *(["--out"] if name == "view" else []), str(tmp_path / out), "--window", text])
                == 2
            )
            assert f"{text!r} is not four whole numbers, TOP,LEFT,HEIGHT,WIDTH" in capsys.readouterr().err


@pytest.mark.skipif(browser.executable() is None, reason="the page was not opened: no browser here")
def test_the_page_in_a_browser(apc, tmp_path):
    decoded = apercu.decode(apc.read_bytes())
    alone, beside = tmp_path / "alone.html", tmp_path / "beside.html"
    assert main(["view", str(apc), "--out", str(alone), "--no-open"]) == 0
    assert main(["view", str(apc), "--against", str(tmp_path / "original.png"), "--out", str(beside), "--no-open"]) == 0
    with browser.opened(tmp_path) as tab:
        tab.size(1280, 800)
        tab.open(alone)
        assert tab.js("document.title") == f"apercu view: {NAME}"
        tab.key("m", "c", "v", "f", "ArrowUp", "n", "g", "ArrowLeft")  # of no effect, and no harm
        scale = int(tab.js("document.querySelector('#zooms [aria-pressed=true]').textContent")[0])
        assert np.array_equal(picture(tab, scale), decoded)
        for hidden in ("#divider", "#modes", "#hold", "#image-field", "#codec-field", "#curves-section"):
            assert tab.js(f"getComputedStyle(document.querySelector('{hidden}')).display") == "none"
        assert numbers(tab)["setting"][1] == "quality 30"
        tab.open(beside)
        assert split(tab) == 50
        assert numbers(tab)["psnr dB"] == ("–", f"{metrics.psnr(PICTURE, decoded):.2f}")
        tab.key("End")
        assert np.array_equal(picture(tab, scale), colour(PICTURE))
        tab.key("v", "v")
        assert pixels(tab)[..., :3].any()
        assert tab.complaints == []
        assert all(address.startswith(("file:", "data:")) for address in tab.requests)


def test_a_file_at_a_reduced_size_is_shown_and_measured_at_the_full_one(tmp_path):
    path, page = tmp_path / "small.apc", tmp_path / "page.html"
    path.write_bytes(apercu.encode(PICTURE, quality=60, reduce=2))
    Image.fromarray(PICTURE).save(tmp_path / "original.png")
    options = ["--against", str(tmp_path / "original.png"), "--out", str(page), "--no-open", "--peak", "range"]
    assert main(["view", str(path), *options]) == 0
    data = data_of(page)
    decoded = apercu.decode(path.read_bytes(), full_size=True)
    ((_, _, _, _, point),) = data["pictures"]
    assert point["metrics"]["psnr"] == pytest.approx(metrics.psnr(PICTURE, decoded, "range"), rel=1e-5)
    image = data["images"][0]
    assert (image["height"], image["width"]) == PICTURE.shape[:2]
    assert image["note"] == "coded at 1/2 of the size"
