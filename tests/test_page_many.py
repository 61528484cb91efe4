"""The page of a comparison of many codecs in a browser: each has a key and a colour, and words where it has no file."""

import pytest

from apercu.bench import page, shown
from tests import browser
from tests.page_case import METRICS, comparison, numbers, original, pressed, record

pytestmark = pytest.mark.skipif(
    browser.executable() is None, reason=f"the page was not opened: no browser here, none of {', '.join(browser.NAMES)}"
)

CODECS = ["apercu:apercu/none", "apercu:apercu+mine/none", *(f"codec-of-a-long-name-{n}" for n in range(12))]
LABELS = {CODECS[0]: "apercu, exact", CODECS[1]: "apercu (mine), exact"}
KEYS = "123456789abdeh"
WITHOUT = CODECS[12]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """One picture, fourteen codecs of which one has no file, one rate and one size in bytes."""
    contents = comparison()[0]
    images = contents["images"][:1]
    points = [{**record(0, 0, 0), "codec": codec} for codec in CODECS if codec != WITHOUT]
    contents |= {
        "codecs": CODECS, "rates": [0.1], "budgets": [4000], "images": images, "points": points, "metrics": METRICS,
        "labels": LABELS | {codec: codec for codec in CODECS[2:]},
        "left_out": [f"{WITHOUT} on boat: does not take boats"],
        "bd_rate": {"psnr": {a: {b: {"mean": 1.5, "images": 1, "overlap": 1} for b in CODECS} for a in CODECS}},
    }  # fmt: skip
    webp = shown.lossless(original(0))
    pictures = {("boat", point["codec"], rate): {"webp": webp, "point": point}
                for point in points for rate in (0.1, "4,000 bytes")}  # fmt: skip
    path = tmp_path_factory.mktemp("page") / "many.html"
    page.write_page(contents, pictures, path, originals={"boat": {"webp": webp, "window": (0, 0, 96, 128)}})
    with browser.opened(tmp_path_factory.mktemp("browser")) as tab:
        tab.size(1280, 900)
        tab.open(path)
        yield tab
        assert tab.complaints == []


def test_every_codec_has_a_key_which_stands_on_its_button(report):
    said = report.js(
        "[...document.querySelectorAll('#codecs button')].map(b => getComputedStyle(b, '::after').content)"
    )
    assert said == [f'"{key}"' for key in KEYS]
    for key, codec in zip(KEYS, CODECS, strict=True):
        report.key(key)
        assert pressed(report, "codecs") == [LABELS.get(codec, codec)]
    report.key("i")  # of no codec
    assert pressed(report, "codecs") == [CODECS[-1]]
    report.key(".")
    assert pressed(report, "codecs") == ["apercu, exact"]
    report.key(",", ",")
    assert pressed(report, "codecs") == [CODECS[-2]]


def test_twelve_codecs_are_seen_in_twelve_colours(report):
    for dark in (False, True):
        report.size(1280, 900, dark=dark)
        colours = report.js(
            "[...document.querySelectorAll('#codecs .swatch')].map(e => getComputedStyle(e).backgroundColor)"
        )
        assert len(set(colours[:12])) == 12
    report.size(1280, 900)
    dashed = report.js("[...document.querySelectorAll('path.curve')].filter(p => p.matches('.dashed')).length")
    assert dashed == 2  # the thirteenth and the fourteenth, in the colours of the first two


def test_a_codec_without_a_file_says_so_and_why(report):
    report.key("e", "ArrowDown")
    assert report.js("document.querySelector('#absent').textContent") == (
        f"{WITHOUT} has no file of at most 0.1 bits per pixel here: does not take boats."
    )
    assert numbers(report)["bytes"][1] == "no file"
    assert report.js("[...document.querySelectorAll('#codecs .absent')].map(b => b.textContent)") == [WITHOUT]
    report.key("ArrowUp")
    assert pressed(report, "rates") == ["4,000 bytes"]
    assert "of at most 4,000 bytes here" in report.js("document.querySelector('#absent').textContent")
    report.key("1", "ArrowDown")
    assert report.js("document.querySelector('#absent').hidden")


def test_headings_of_the_table_are_whole(report):
    cut = report.js("[...document.querySelectorAll('#bd th')].filter(e => e.scrollWidth > e.clientWidth + 1).length")
    assert cut == 0
    assert report.js("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('#bd-section .scroll'))")
    heads = report.js("[...document.querySelectorAll('#bd thead th')].slice(1).map(e => e.textContent)")
    assert heads == [LABELS.get(codec, codec) for codec in CODECS]
