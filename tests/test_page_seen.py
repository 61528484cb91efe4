"""The page of a comparison, as a browser shows it and as its user drives it."""

import re
import time

import numpy as np
import pytest

from apercu.bench import page, shown
from tests import browser
from tests.page_case import (
    CODECS,
    NAMES,
    SIZE,
    colour,
    comparison,
    decoded,
    looked_at,
    numbers,
    original,
    picture,
    pixels,
    pressed,
    record,
    split,
)

pytestmark = pytest.mark.skipif(
    browser.executable() is None, reason=f"the page was not opened: no browser here, none of {', '.join(browser.NAMES)}"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    contents, pictures, originals = comparison()
    page.write_page(contents, pictures, path, originals=originals, title="A <b>title</b>")
    return path


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture
def report(tab, file):
    """The page, newly opened; nothing may have gone wrong in it when the test is over."""
    yield from looked_at(tab, file, 1280, 800)


def test_the_pixels_are_those_of_the_files(report):
    report.key("End")
    assert np.array_equal(picture(report, 4), colour(original(0)))  # 4: what fits the stage
    report.key("Home")
    assert np.array_equal(picture(report, 4), colour(decoded(original(0), 0, 1)))
    report.key("n", "2", "ArrowUp")
    assert np.array_equal(picture(report, 4), decoded(original(1), 1, 2))


def test_names_are_text(report):
    assert report.js("document.title") == "A <b>title</b>"
    report.js("Object.assign(document.querySelector('#image'), {value: 1}).onchange({target: {value: '1'}})")
    report.settle()
    report.key("2", "c")
    assert report.js("document.querySelectorAll('b').length") == 0
    assert report.js("document.querySelector('#image').selectedOptions[0].textContent") == NAMES[1]
    assert NAMES[1] in report.js("document.querySelector('#caption').textContent")
    assert pressed(report, "codecs") == [CODECS[1]]


def test_the_numbers_follow_the_choice(report):
    assert numbers(report)["psnr dB"] == ("–", "28.00")
    assert numbers(report)["bytes"] == ("49,152", "298")
    assert "128 × 96 from column 64, row 48" in report.js("document.querySelector('#caption').textContent")
    report.click("#rates button:nth-child(1)")
    assert numbers(report)["psnr dB"] == ("–", "25.00")
    assert numbers(report)["setting"] == ("–", "q10 at 1/2 size")
    report.click("#codecs button:nth-child(2)")
    assert numbers(report)["psnr dB"] == ("–", "24.00")
    report.click("#image-next")
    report.click("#image-next")
    assert numbers(report)["psnr dB"] == ("–", "24.50")
    assert "a note" in report.js("document.querySelector('#caption').textContent")
    report.key("c")  # against the first codec
    assert numbers(report)["psnr dB"] == ("25.50", "24.50")
    assert report.js("[...document.querySelectorAll('td.best')].map(e => e.textContent)") == ["25.50"]
    assert report.js("document.querySelector('#head-left').textContent") == CODECS[0]


def test_a_rate_that_a_codec_does_not_reach(report):
    report.key("3", "ArrowDown")
    assert report.js("document.querySelector('#absent').textContent").startswith("webp has no file of at most 0.1")
    assert report.js("!document.querySelector('#absent').hidden")
    assert numbers(report)["bytes"] == ("49,152", "no file")
    assert np.array_equal(picture(report, 4), colour(original(0)))
    assert report.js("document.querySelectorAll('#rates .absent').length") == 1
    report.key("ArrowUp")
    assert report.js("document.querySelector('#absent').hidden")


def test_the_divider_moves(report):
    assert split(report) == 50
    x, y = report.centre("#divider")
    report.drag((x, y), (x + 128, y + 5))  # a quarter of 4 × 128 pixels
    assert split(report) == 75
    seen = picture(report, 4)
    assert np.array_equal(seen[:, :94], colour(original(0))[:, :94])
    assert np.array_equal(seen[:, 98:], colour(decoded(original(0), 0, 1))[:, 98:])
    report.drag((x + 128, y), (x + 600, y))
    assert split(report) == 100  # and no further
    report.js("document.querySelector('#divider').focus()")
    report.key("ArrowLeft", "ArrowLeft")
    assert split(report) == 96
    report.key("Home")
    assert split(report) == 0
    report.drag((x, y + 40), (x + 64, y + 40))  # from anywhere, where the whole picture is seen
    assert 61 <= split(report) <= 64


def test_flip(report):
    left, right = colour(original(0)), colour(decoded(original(0), 0, 1))
    report.click("#modes button:nth-child(2)")
    assert np.array_equal(picture(report, 4), right)
    report.key_down("f")
    assert np.array_equal(picture(report, 4), left)
    report.key_up("f")
    assert np.array_equal(picture(report, 4), right)
    report.js("document.querySelector('#hold').focus()")
    report.key_down(" ")
    assert np.array_equal(picture(report, 4), left)
    report.key_up(" ")
    assert np.array_equal(picture(report, 4), right)
    for what in ("#hold", "#stage"):
        at = report.centre(what)
        report.pointer("mousePressed", *at)
        assert np.array_equal(picture(report, 4), left)
        report.pointer("mouseReleased", *at)
        assert np.array_equal(picture(report, 4), right)


def test_the_difference(report):
    report.click("#modes button:nth-child(3)")
    apart = np.abs(original(0).astype(int) - decoded(original(0), 0, 1))
    assert apart.max() >= 8  # some pixels brighter, some darker
    assert np.array_equal(picture(report, 4), colour(np.minimum(255, 4 * apart)))
    report.key("g")
    assert pressed(report, "gains") == ["×8"]
    assert np.array_equal(picture(report, 4), colour(np.minimum(255, 8 * apart)))
    report.key("c")  # the codec against itself
    assert not picture(report, 4).any()
    report.key("c")
    assert np.array_equal(picture(report, 4), np.full((*SIZE, 3), 8 * 3))


def test_zoom_and_pan(report):
    assert pressed(report, "zooms") == ["4×"]  # the largest step that shows all
    report.key("-", "-")
    assert pressed(report, "zooms") == ["1×"]
    report.key("Home")
    assert np.array_equal(picture(report, 1), colour(decoded(original(0), 0, 1)))
    report.click("#zooms button:nth-child(5)")
    assert pressed(report, "zooms") == ["8×"]
    seen = pixels(report)[..., 0]
    cells = seen[seen.shape[0] % 8 // 2 :, :]
    assert (np.diff(cells.astype(int), axis=1) != 0).any(axis=0).nonzero()[0].size <= seen.shape[
        1
    ] / 8 + 1  # hard edges
    report.key("ArrowRight", "ArrowDown", shift=True)
    report.key("f")
    moved = pixels(report)[..., 0]
    assert np.array_equal(moved[:-64, :-64], seen[64:, 64:])
    x, y = report.centre("#canvas")
    report.drag((x + 100, y), (x + 164, y + 64))
    assert np.array_equal(pixels(report)[..., 0], seen)  # back where it was
    # Both pictures move together: the divider lies between equal places of both.
    report.key("v", "v")
    apart = np.abs(original(0).astype(int) - decoded(original(0), 0, 1))
    assert set(np.unique(pixels(report)[..., 0])) <= set(np.unique(np.minimum(255, 4 * apart)))
    report.key("0")
    assert pressed(report, "zooms") == ["Fit"]


def test_the_curves_follow_the_choice(report):
    def chosen():
        return report.js("document.querySelector('.mark.chosen title').textContent")

    assert report.js("document.querySelectorAll('path.curve').length") == 4
    assert report.js("document.querySelectorAll('path.external').length") == 1
    assert report.js("document.querySelector('#others').textContent") == "learned"
    assert report.js("document.querySelectorAll('.mark').length") == 8
    assert chosen() == f"{CODECS[0]}, 0.194 bits per pixel, psnr 28.00"
    report.key("2", "ArrowUp")
    assert chosen() == f"{CODECS[1]}, 0.38 bits per pixel, psnr 30.00"
    report.key("m")
    assert "gmsd against rate" in report.js("document.querySelector('#curves-title').textContent")
    assert chosen() == f"{CODECS[1]}, 0.38 bits per pixel, gmsd 0.1000"
    report.key("m")
    report.js("[...document.querySelectorAll('.mark')].find(m => m.textContent.startsWith('webp, 0.186'))"
              ".dispatchEvent(new MouseEvent('click'))")  # fmt: skip
    report.settle()
    assert (pressed(report, "codecs"), pressed(report, "rates")) == (["webp"], ["0.2"])
    # The rate is logarithmic: 0.1 to 0.2 is as far as 0.2 to 0.4.
    places = report.js(
        "[...document.querySelectorAll('.mark.hue-1')].map(m => +m.querySelector('circle').getAttribute('cx'))"
    )
    assert np.allclose(np.diff(sorted(places))[0], np.diff(sorted(places))[1], atol=0.01)
    assert report.js("document.querySelector('#bd td').textContent") == "−8.1 %"
    report.js("document.querySelector('#curves').scrollIntoView()")
    x, y = report.js(
        "(() => { const b = document.querySelector('.mark.hue-0 .hit').getBoundingClientRect();"
        "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    report.pointer("mousePressed", x, y)
    report.pointer("mouseReleased", x, y)
    report.settle()
    assert pressed(report, "codecs") == [CODECS[0]]


def test_the_envelope_is_what_a_codec_reaches(report):
    points = "[{rate: 0.3, value: 5}, {rate: 0.1, value: 2}, {rate: 0.2, value: 6}, {rate: 0.4, value: 6}]"
    assert report.js(f"envelope({points}, true).map(p => p.rate)") == [0.1, 0.2]
    assert report.js(f"envelope({points}, false).map(p => p.rate)") == [0.1]


def test_the_keys_reach_everything(report):
    """Every control can be reached by Tab, has a name, and shows that it has the focus."""
    seen = []
    for _ in range(60):
        report.key("Tab")
        what = report.js(
            "(() => { const e = document.activeElement; return e === document.body ? null :"
            "[e.id || e.textContent, e.labels?.[0]?.textContent || e.getAttribute('aria-label') || e.textContent,"
            "getComputedStyle(e).outlineStyle]; })()"
        )
        if what is None:
            break
        seen.append(what)
    assert all(name.strip() and outline != "none" for _, name, outline in seen), seen
    wanted = {"help-button", "image", "image-next", "against", "divider", "hold", "webp", "0.4", "8×", "psnr"}
    assert wanted <= {name for name, _, _ in seen}, seen
    report.key("?")
    assert report.js("document.querySelector('#help').open")
    report.key("2")  # of no effect below the dialogue
    report.key("Escape")
    assert not report.js("document.querySelector('#help').open")
    assert pressed(report, "codecs") == [CODECS[0]]
    report.js("document.querySelector('#against').focus()")
    report.key("ArrowDown")  # the list's own
    assert report.js("document.querySelector('#head-left').textContent") == CODECS[0]
    assert pressed(report, "rates") == ["0.2"]


def test_every_key_is_in_the_help(report):
    told = " ".join(report.js("[...document.querySelectorAll('#help kbd')].map(k => k.textContent)")).lower()
    told = told.translate(str.maketrans("↑↓←→−", "UDLR-"))
    arrows = {"arrowup": "U", "arrowdown": "D", "arrowleft": "L", "arrowright": "R", "=": "+", "?": "esc"}
    for key in report.js("Object.keys(KEYS)"):
        assert arrows.get(key.lower(), key.lower()) in told, key


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_wide_and_narrow(report, width, height, dark):
    report.size(width, height, dark=dark, phone=width < 800)
    report.wait(f"innerWidth === {width}")
    assert report.js("document.documentElement.scrollWidth") <= width  # nothing sticks out
    ink, paper = (
        sum(map(int, re.findall(r"\d+", report.js(f"getComputedStyle(document.body).{name}"))[:3]))
        for name in ("color", "backgroundColor")
    )
    assert (ink > paper) == dark
    assert abs(ink - paper) > 500
    if width == 1280:
        report.js("document.querySelector('#codecs').append('a codec of a long name '.repeat(9))")  # a row more
        report.wait("document.querySelector('#choice').offsetHeight > 90")
        report.wait("document.querySelector('.toolbar').getBoundingClientRect().bottom < innerHeight")
        bottom = report.js("document.querySelector('.toolbar').getBoundingClientRect().bottom")
        assert bottom <= height  # pictures and their controls without scrolling


def test_a_large_page_opens_at_once(tab, tmp_path):
    """12 images, 4 codecs, 8 rates: 396 pictures of the largest size that the limit leaves to each."""
    rng = np.random.default_rng(0)
    codecs, rates = [f"codec {i}" for i in range(4)], [0.05 * 2 ** (i / 2) for i in range(8)]
    names = [f"image {i}" for i in range(12)]
    side = 264  # 70 kB of noise
    noise = rng.integers(0, 256, (side, side), np.uint8)
    webp = shown.lossless(noise)
    picture = iter(webp + number.to_bytes(4, "big") for number in range(1000))  # trailing bytes: all of them differ
    measures = {name: {"unit": "", "higher_is_better": True} for name in ("psnr", "ssim", "ms_ssim", "gmsd", "swd")}
    point = record(0, 0, 0) | {"metrics": dict.fromkeys(measures, 1 / 3)}
    contents = comparison()[0] | {"codecs": codecs, "rates": rates, "metrics": measures}
    contents["images"] = [{**contents["images"][0], "name": name} for name in names]
    contents["points"] = [
        {**point, "image": name, "codec": codec, "bpp": 0.01 * 1.06**level, "level": f"q{level}"}
        for name in names
        for codec in codecs
        for level in range(60)
    ]
    pictures = {
        (name, codec, rate): {"webp": next(picture), "point": {**point, "bpp": rate}}
        for name in names
        for codec in codecs
        for rate in rates
    }
    originals = {name: {"webp": next(picture), "window": (0, 0, side, side)} for name in names}
    path = tmp_path / "large.html"
    page.write_page(contents, pictures, path, originals=originals)
    assert 30_000_000 < path.stat().st_size < 40_000_000
    tab.size(1280, 800)
    assert any(tab.open(path) < 2 for _ in range(3))  # once is enough on a machine that is busy
    begun = time.monotonic()
    tab.key("n", "2", "ArrowUp")
    assert time.monotonic() - begun < 2
    assert tab.complaints == []
