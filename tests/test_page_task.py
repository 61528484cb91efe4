"""What networks make of the pictures, on the page of a task, as a browser shows it."""

import re

import pytest

from apercu.bench import page
from apercu.bench.tasks.report import save
from tests import browser, page_case
from tests.task_report import JPEG, pictures, report

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


@pytest.fixture
def opened(tab, file):
    """The page, newly opened; nothing may have gone wrong in it when the test is over."""
    tab.size(1280, 900)
    tab.requests.clear()
    tab.complaints.clear()
    tab.open(file)
    yield tab
    assert tab.js("1") == 1  # so that what came last has been noted
    assert tab.complaints == []
    assert {re.match(r"file:|data:image/webp;", address) is not None for address in tab.requests} == {True}


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
    opened.key("t")
    assert page_case.pressed(opened, "trained") == ["retrained at the same rate"]
    assert rows(opened)[0][3] == "recovered"
    assert rows(opened)[7] == ["=jpeg", "0.05", "0.78 ±0.03", "80 % ±10", "1.4 %"]
    assert opened.js("document.querySelector('#task-curve .curve').getAttribute('d')") != before
    opened.key("t", "t")
    assert page_case.pressed(opened, "trained") == ["trained on originals"]


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
    save(found, pictures(), tmp_path)
    tab.open(tmp_path / "index.html")
    assert tab.js("document.querySelector('#trained-field').hidden")
    assert tab.js("document.querySelector('#sampled').textContent") == "pictures"
    ticks = tab.js("[...document.querySelectorAll('#task-curve text')].map(t => t.textContent)")
    assert "0.2" in ticks
    assert not [text for text in ticks if text.startswith(("-", "−"))]


@pytest.mark.parametrize("width", [360, 1000])
def test_a_narrow_window_has_it_all(opened, width):
    opened.size(width, 800, phone=True, dark=True)
    opened.settle()
    assert opened.js("document.documentElement.scrollWidth") <= width
    assert opened.js("document.querySelector('#task-curve svg').clientWidth") <= width


def test_a_comparison_has_no_such_section(tab, tmp_path):
    contents, shown, originals = page_case.comparison()
    page.write_page(contents, shown, tmp_path / "report.html", originals=originals)
    tab.open(tmp_path / "report.html")
    tab.key("t")
    assert tab.js("document.querySelector('#task-section').hidden && document.querySelector('#task-key').hidden")
