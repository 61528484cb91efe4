"""What networks make of the pictures, on the page of a task, as a browser shows it."""

import re

import numpy as np
import pytest

from apercu.bench import page
from apercu.bench.tasks.report import save
from tests import browser, page_case
from tests.task_report import EVIL, JPEG, MASK, pictures, report, told_pictures

pytestmark = pytest.mark.skipif(
    browser.executable() is None, reason=f"the page was not opened: no browser here, none of {', '.join(browser.NAMES)}"
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    save(report(), pictures(), folder)
    return folder / "index.html"


@pytest.fixture(scope="module")
def telling_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("telling")
    save(report(), told_pictures(), folder)
    return folder / "index.html"


@pytest.fixture
def opened(tab, file):
    """The page, newly opened; nothing may have gone wrong in it when the test is over."""
    yield from page_case.looked_at(tab, file, 1280, 900)


@pytest.fixture
def telling(tab, telling_file):
    """The page of a task that tells what it finds, in the same way."""
    yield from page_case.looked_at(tab, telling_file, 1280, 900)


def rows(tab):
    """The table of scores, a list of texts for each row."""
    return tab.js("[...document.querySelectorAll('#scores tr')].map(r => [...r.children].map(c => c.textContent))")


def test_the_table_has_every_point(opened):
    found = rows(opened)
    assert found[0] == ["codec", "bpp", "score", "loss", "no file"]
    assert len(found) == 1 + 9
    assert found[7] == ["=jpeg", "0.05", "0.30 ±0.03", "0.60 ±0.01", "1.4 %"]
    assert "140 pictures, 5 networks" in opened.js("document.querySelector('#task-said').textContent")


def test_a_column_sorts_by_click_and_by_key(opened):
    opened.click("#scores thead th:nth-child(3) button")
    assert [row[2][:4] for row in rows(opened)[1:]] == sorted(row[2][:4] for row in rows(opened)[1:])
    assert opened.js("document.activeElement.textContent") == "score"  # which is written anew, and keeps the focus
    opened.key("Enter")
    assert rows(opened)[1][:2] == ["apercu, restored (cnn)", "0.2"]
    assert opened.js("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"


def test_another_way_of_training(opened):
    assert page_case.pressed(opened, "trained") == ["trained on originals"]
    before = opened.js("document.querySelector('#task-curve .curve').getAttribute('d')")
    said = "90 % of the score on originals is left, by the lower end of the interval: "
    enough = "document.querySelector('#enough').textContent"
    assert opened.js(enough) == (f"{said}apercu, exact from 0.2 bpp on; apercu, restored (cnn) from 0.2 bpp on.")
    opened.key("t")
    assert page_case.pressed(opened, "trained") == ["retrained on originals"]
    assert opened.js(enough).startswith(f"{said}apercu, exact from 0.2 bpp on;")
    assert rows(opened)[7] == ["=jpeg", "0.05", "0.42 ±0.03", "0.51 ±0.01", "1.4 %"]
    opened.key("t")
    assert page_case.pressed(opened, "trained") == ["retrained at the same rate"]
    assert rows(opened)[0][3:5] == ["recovered", "instead of originals"]
    assert rows(opened)[7] == ["=jpeg", "0.05", "0.78 ±0.03", "80 % ±10", "71 % ±10", "1.4 %"]
    assert not opened.js("document.querySelector('#said-retrained').hidden")
    assert opened.js("document.querySelector('#task-curve .curve').getAttribute('d')") != before
    names = "[...document.querySelectorAll('#task-curve .level-name')].map(t => t.textContent)"
    assert opened.js(names)[-1] == "originals, by networks retrained on them"
    opened.key("t", "t")
    assert page_case.pressed(opened, "trained") == ["trained on originals"]
    assert "originals, by networks retrained on them" not in opened.js(names)


def test_points_and_rows_choose_the_pictures(opened):
    opened.click("#scores tbody tr:nth-child(9)")
    assert page_case.pressed(opened, "codecs") == [report()["labels"][JPEG]]
    assert page_case.pressed(opened, "rates") == ["0.2"]
    opened.js(
        "document.querySelector('#task-curve .mark.hue-1 .hit').dispatchEvent(new MouseEvent('click', {bubbles: 1}))"
    )
    opened.settle()
    assert page_case.pressed(opened, "codecs") == ["apercu, restored (cnn)"]
    assert opened.js("document.querySelectorAll('#scores tr.chosen').length") == 1
    opened.key("n")
    assert "truth: sea/<" in opened.js("document.querySelector('#caption').textContent")


def test_intervals_are_as_long_as_they_say(opened):
    scale = opened.js(
        "(() => { const [y, z] = [...document.querySelectorAll('#task-curve .level')].map(l => l.getAttribute('y1'));"
        "return z - y; })()"
    ) / (0.9 - 0.14)
    lengths = opened.js(
        "[...document.querySelectorAll('#task-curve .whisker')].map(w => w.getAttribute('y1') - w.getAttribute('y2'))"
    )
    tall = [length for length in lengths if length]
    assert len(tall) == 9
    assert tall == pytest.approx([0.06 * scale] * 9, rel=1e-3)


def test_a_task_that_does_not_learn(tab, tmp_path):
    found = report(())
    found["task"] |= {"learns": False, "seeds": [0]}
    found["controls"]["shuffled"]["low"] = -5  # which is not drawn, and must not take the room of what is
    found["points"][0]["score"] |= {"mean": 0.98, "low": 0.93, "high": 1.0}
    save(found, pictures(), tmp_path)
    tab.open(tmp_path / "index.html")
    assert rows(tab)[1][2] == "0.98 −0.05 +0.02"
    assert tab.js("document.querySelector('#trained-field').hidden")
    assert tab.js("document.querySelector('#sampled').textContent") == "pictures"
    ticks = tab.js("[...document.querySelectorAll('#task-curve text')].map(t => t.textContent)")
    assert "0.2" in ticks
    assert not [text for text in ticks if text.startswith(("-", "−"))]


@pytest.mark.parametrize("width", [360, 1000])
def test_a_narrow_window_has_it_all(telling, width):
    telling.size(width, 800, phone=True, dark=True)
    telling.settle()
    assert telling.js("document.documentElement.scrollWidth") <= width
    assert telling.js("document.querySelector('#task-curve svg').clientWidth") <= width


def sayings(tab):
    """What is said of the pictures, a list of texts for each row."""
    return tab.js("[...document.querySelectorAll('#said tbody tr')].map(r => [...r.children].map(c => c.textContent))")


def described(tab):
    return tab.js("document.querySelector('#canvas').getAttribute('aria-label')")


def test_what_is_said_stands_below_the_pictures_as_text(telling):
    telling.key("n")
    assert sayings(telling) == [
        ["truth", EVIL, ""], ["original", EVIL, "✓ right"], ["apercu, exact, 0.1 bpp", "field", "✗ wrong"]
    ]  # fmt: skip
    assert telling.js("document.querySelectorAll('#said-section img, #said-section b').length") == 0
    assert "the first of 5 networks" in telling.js("document.querySelector('#said-by').textContent")
    assert telling.js("document.querySelector('#over-field').hidden")  # words only
    assert described(telling).endswith("; apercu, exact, 0.1 bpp: field, wrong")
    assert telling.js("document.querySelector('#status').textContent") == described(telling)
    telling.key("c", "3", "ArrowDown")
    assert [row[:2] for row in sayings(telling)[2:]] == [
        ["apercu, exact, 0.05 bpp", "field"], ["=jpeg, 0.05 bpp", "nothing arrived"]
    ]  # fmt: skip


def test_masks_are_drawn_over_the_pictures_and_put_away(telling):
    assert sayings(telling) == [
        ["truth", f"{EVIL} 100 %", ""],
        ["original", f"field 50 %, {EVIL} 50 %", "score 0.50"],
        ["apercu, exact, 0.1 bpp", f"field 50 %, {EVIL} 50 %", ""],
    ]
    assert "what is true on the left" in telling.js("document.querySelector('#over-said').textContent")
    assert telling.js("[...document.querySelectorAll('#colours li')].map(e => e.textContent)") == ["field", EVIL]
    covered = page_case.picture(telling, 4).astype(float)
    telling.js("document.querySelector('#over').focus()")
    telling.key(" ")
    assert telling.js("document.activeElement.id") == "over"
    assert telling.js("document.querySelector('#colours').hidden")
    bare = page_case.picture(telling, 4).astype(float)
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)]
                        for _, colour in told_pictures().legend["classes"]])  # fmt: skip
    seen = MASK | (np.arange(128) < 64)  # the truth on the left
    assert np.abs(covered - (bare + colours[seen]) / 2).max() < 2
    telling.click("#over-said")
    assert np.array_equal(page_case.picture(telling, 4), covered)
    telling.key("v", "v")
    difference = page_case.picture(telling, 4)  # of the pictures alone
    telling.click("#over")
    assert np.array_equal(page_case.picture(telling, 4), difference)


def test_boxes_are_drawn_over_the_picture_that_they_are_of(telling):
    telling.key("n", "2")
    assert sayings(telling)[2] == ["apercu, restored (cnn), 0.1 bpp", EVIL, "0 of 1"]
    telling.key("Home")  # all of the right picture
    covered = page_case.picture(telling, 4).astype(int)
    telling.click("#over")
    bare = page_case.picture(telling, 4).astype(int)
    rows, columns = np.nonzero(np.abs(covered - bare).max(axis=2) > 20)
    assert (rows.min(), columns.min()) == (16, 16)
    assert 48 <= rows.max() < 48 + 6  # and the text below
    assert np.array_equal(covered[18:46, 18:62], bare[18:46, 18:62])
    telling.click("#over")
    telling.key("End")
    assert np.array_equal(page_case.picture(telling, 4)[:48], bare_original(telling)[:48])


def bare_original(tab):
    tab.click("#over")
    return page_case.picture(tab, 4)


def test_a_task_that_tells_nothing_has_pictures_alone(opened):
    assert opened.js("document.querySelector('#said-section').hidden")
    assert re.fullmatch(r"field/1: left original, right apercu, exact at [\d.]+ bits per pixel", described(opened))


def test_a_comparison_has_no_such_section(tab, tmp_path):
    contents, shown, originals = page_case.comparison()
    page.write_page(contents, shown, tmp_path / "report.html", originals=originals)
    tab.open(tmp_path / "report.html")
    tab.key("t")
    assert tab.js("document.querySelector('#task-section').hidden && document.querySelector('#task-key').hidden")
