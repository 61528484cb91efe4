"""The documents: the figure is that of its script, terms are defined where they first stand, links lead to files."""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import figure_codec

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_the_figure_is_that_of_its_script():
    figure = figure_codec.figure()
    assert (DOCS / "images/codec.svg").read_text(encoding="utf-8") == figure
    words = "".join(ElementTree.fromstring(figure).itertext())
    for term in ("tiles", "planes", "bands", "groups", "layers", "stage 5", "symbols"):
        assert term in words


def test_terms_of_the_codec_are_defined_where_they_first_stand():
    text = (DOCS / "apercu.md").read_text(encoding="utf-8").split("## From an image to a file")[1]
    text = re.sub(r"\*\*.*?\*\*|`.*?`", lambda match: " " * len(match[0]), text)  # headings of paragraphs, and code
    for term in ("tiles", "plane", "chroma", "bands", "level", "coefficients", "stage", "quantiser", "symbol",
                 "range coder", "context", "parent", "sisters", "group", "layer", "tables"):  # fmt: skip
        first = re.search(rf"(?<!spectral )\b{term}\b", text)
        assert first, term
        assert text[first.start() - 1] + text[first.end()] == "**", text[first.start() - 60 : first.end() + 20]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_extra_is_listed():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    listed = re.findall(r"^    pip install '\.\[(\w+)\]'  +# ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(extras - {"demo", "test", "dev"})  # which make installs
    section = (DOCS / "dependencies.md").read_text("utf-8").split("## Extras")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == extras
