"""The documents: their links lead somewhere, their examples run, their commands are ones that there are."""

import doctest
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from apercu.cli import main as command
from scripts.pictures import scene

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "spec/*.md", "fuzz/*.md", "vectors/*.md", "web/*.md")
    for path in ROOT.glob(pattern)
)
EXAMPLES = [path for path in sorted((ROOT / "src" / "apercu").rglob("*.py")) if ">>> " in path.read_text("utf-8")]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


EVERY = pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)


@EVERY
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    inside = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [link for link in inside if not (path.parent / link).exists()] == []


@EVERY
def test_fences_of_code_are_lines_of_their_own_and_closed(path):
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    fences = [line for line in text.splitlines() if "```" in line]
    assert all(re.fullmatch(r" *```[a-z]*", line) for line in fences)
    assert not any(line.strip() == "```" for line in fences[::2])
    assert all(line.strip() == "```" for line in fences[1::2])


PYTHON = [path for path in DOCUMENTS if "```python" in path.read_text("utf-8") and path.name != "replace-a-stage.md"]
"""The page that is left out has tests of its own: test_replace_a_stage.py."""
NEEDED = {
    "docs/arrays.md": ("zarr", "xarray"),
    "docs/scenes.md": ("rasterio",),
    "docs/provenance.md": ("onnxruntime",),
}


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_python_in_documents_runs(path, tmp_path, monkeypatch):
    """Each block after those before it, beside a photograph, with the array of one."""
    for package in NEEDED.get(name_of(path), ()):
        pytest.importorskip(package)
    photo = scene(64, 96, 3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Image.Image, "show", lambda shown: shown.load())
    of_the_reader = SimpleNamespace(network=lambda image: int(image.mean() > 128))
    monkeypatch.setitem(sys.modules, "mynetwork", of_the_reader)  # of docs/tasks.md, which is not there
    names = {"image": photo, "original": photo, "decoded": photo // 2}
    for block in re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        exec(compile(block, path.name, "exec"), names)


@EVERY
def test_commands_in_documents_are_ones_that_there_are(path):
    """Lines of code that begin with `apercu` and the name of a command."""
    for line in re.findall(r"^(?: {4,}|\$ )?apercu ([a-z].*)$", path.read_text("utf-8"), re.MULTILINE):
        words = shlex.split(re.split(r"[>|&]", line)[0], comments=True)
        if words[0] in command.COMMANDS:
            module = import_module(command.COMMANDS[words[0]][0])
            parser = command.Parser(f"apercu {words[0]}", module.DESCRIPTION, module.EXAMPLES)
            module.add_arguments(parser)
            parser.parse_args(words[1:])


CITING = re.compile(r"spec/(\w+\.md),\s+((?:\"[^\"]+\"(?:, | and )?)+)")


def test_sections_of_the_specification_that_comments_name_are_there():
    """As `spec/FORMAT.md, "Planes"`: a heading of that file, or words in bold at the beginning of a paragraph."""
    found = 0
    for folder in ("src", "scripts", "tests", "fuzz"):
        for path in sorted((ROOT / folder).rglob("*.[pch]*")):
            cited = CITING.findall(path.read_text("utf-8")) if path.suffix in (".py", ".c", ".h") else []
            for name, sections in cited:
                text = (ROOT / "spec" / name).read_text("utf-8").replace("`", "")
                named = re.findall(r"^(?:#+ (.*)|\*\*(.*?)\.\*\*.*)$", text, re.MULTILINE)
                for section in re.findall(r"\"([^\"]+)\"", sections):
                    found += 1
                    assert section in {heading or words for heading, words in named}, (path, name, section)
    assert found >= 20


def test_there_are_examples_to_run():
    assert ROOT / "README.md" in DOCUMENTS
    text = (ROOT / "README.md").read_text("utf-8")
    assert "```python" in text
    assert "\n    apercu encode " in text
    assert ROOT / "src" / "apercu" / "__init__.py" in EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_in_docstrings_run(path):
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
