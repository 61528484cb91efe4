"""The page of a comparison as a file: what stands in it, and what it leaves out."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from apercu.bench import page, shown
from tests.page_case import CODECS, NAMES, RATES, comparison, original


@pytest.fixture(scope="module")
def document():
    contents, pictures, originals = comparison()
    return page.page_html(contents, pictures, originals, title="A <b>title</b>")


def test_the_page_is_one_file_that_names_no_other(document):
    script = json.loads(re.search(r'id="data">(.*?)</script>', document, re.DOTALL)[1])
    assert script["images"][1]["name"] == NAMES[1]
    assert "<b>" not in document.replace("&lt;b&gt;", "")
    assert not re.search(r"(src|href)\s*=\s*[\"']?(?!data:)\w", document)
    assert set(re.findall(r"https?://[^\"' ]*", document)) == {"http://www.w3.org/2000/svg"}  # a name, not an address


def test_a_page_for_which_there_is_no_room_leaves_the_one_that_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    contents, pictures, originals = comparison()
    (tmp_path / "index.html").write_text("the old one")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            page.write_page(contents, pictures, tmp_path / "index.html", originals=originals)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the old one"]


def test_equal_pictures_stand_in_the_page_once(document):
    ids = re.findall(r'id="picture-(\d+)"', document)
    assert len(ids) == len(set(ids)) == 3 + 3 * 8
    contents, pictures, originals = comparison()
    for entry in pictures.values():
        entry["webp"] = originals["boat"]["webp"]
    assert page.page_html(contents, pictures, originals).count('id="picture-') == 3


def test_numbers_that_json_does_not_know_are_words():
    contents, pictures, originals = comparison()
    contents["points"][0]["metrics"] = {"psnr": float("inf"), "gmsd": float("nan")}
    document = page.page_html(contents, pictures, originals)
    data = json.loads(re.search(r'id="data">(.*?)</script>', document, re.DOTALL)[1], parse_constant=pytest.fail)
    assert data["points"][0][0][0]["metrics"] == {"psnr": "∞", "gmsd": None}


def test_a_page_above_the_limit_shows_smaller_windows():
    rng = np.random.default_rng(1)
    contents, pictures, originals = comparison()
    images = {name: rng.integers(0, 256, (160, 200), np.uint8) for name in NAMES}
    for name in NAMES:
        originals[name] = {"webp": shown.lossless(images[name]), "window": (10, 20, 160, 200)}
    for key, entry in pictures.items():
        entry["webp"] = shown.lossless(images[key[0]] ^ CODECS.index(key[1]) ^ 4 * RATES.index(key[2]))
    limit = 500_000
    whole = page.page_html(contents, pictures, originals)
    document = page.page_html(contents, pictures, originals, limit=limit)
    assert len(whole.encode()) > limit > len(document.encode()) > 0.7 * limit
    data = json.loads(re.search(r'id="data">(.*?)</script>', document, re.DOTALL)[1])
    packed = re.findall(r'id="picture-\d+">(.*?)</script>', document)
    entry = data["images"][0]
    top, left, rows, columns = entry["window"]
    expected = images["boat"][top - 10 : top - 10 + rows, left - 20 : left - 20 + columns]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(packed[entry["original"]]))).convert("L"))
    assert np.array_equal(seen, expected)
    i, c, r, number, _ = data["pictures"][-1]
    last = np.asarray(Image.open(io.BytesIO(base64.b64decode(packed[number]))).convert("L"))
    part = images[NAMES[i]][top - 10 : top - 10 + rows, left - 20 : left - 20 + columns]
    assert np.array_equal(last, part ^ c ^ 4 * r)


def test_samples_that_a_browser_cannot_show():
    wide = np.linspace(1000, 5000, 64 * 64).reshape(64, 64).astype(np.uint16)
    view = shown.view_of(wide)
    assert "shown as 0 to 255" in str(view)
    eight = shown.show(wide, view)
    assert (eight.dtype, eight.min(), eight.max()) == (np.uint8, 0, 255)
    scene = np.dstack([original(i) for i in (0, 2, 0, 2, 0)])
    view = shown.view_of(scene)
    assert str(view) == "bands 1, 2, 3"
    assert np.array_equal(shown.show(scene, view), scene[..., :3])
    rgb = original(1)
    assert str(shown.view_of(rgb)) == ""
    assert np.array_equal(shown.show(rgb, shown.view_of(rgb)), rgb)
