"""What the command says of itself, and of how far it is."""

import io
import re
import subprocess
import sys
from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli import main as command
from apercu.cli import reproduce, streams
from apercu.cli.main import COMMANDS, main
from apercu.cli.reproduce import PAPERS


def test_help(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for name, (_, does) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(does)}$", said, re.MULTILINE)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"apercu {apercu.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_are_right(name, capsys):
    module = import_module(COMMANDS[name][0])
    parser = command.Parser(f"apercu {name}", module.DESCRIPTION, module.EXAMPLES)
    module.add_arguments(parser)
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    examples = re.findall(
        rf"apercu {name} ([^\n>|&]*?)(?:   .*|[>|&].*)?$", said.partition("examples:")[2], re.MULTILINE
    )
    assert examples
    for example in examples:
        parser.parse_args(example.split())


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_has_its_own_help(paper, capsys):
    parser = command.Parser("apercu reproduce", reproduce.DESCRIPTION, reproduce.EXAMPLES)
    reproduce.add_arguments(parser)
    assert main(["reproduce", paper, "--help"]) == 0
    said = capsys.readouterr().out.partition("examples:")[2]
    examples = re.findall(r"apercu reproduce (.*?)(?:   .*)?$", said, re.MULTILINE)
    assert examples
    for example in examples:
        assert parser.parse_args(example.split()).paper == paper


@pytest.mark.parametrize("arguments", [["--help"], ["encode", "--help"], ["decode", "--help"], ["check", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = f"""
import sys
from apercu.cli.main import main
main({arguments!r})
heavy = {{"PIL", "torch", "tifffile", "imagecodecs"}} & set(sys.modules)
others = {{module for module, _ in __import__("apercu.cli.main").cli.main.COMMANDS.values()}} & set(sys.modules)
assert not heavy, heavy
assert len(others) <= 1, others
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def bar(monkeypatch, is_terminal, seconds):
    """What a progress bar prints for work of so many seconds."""
    screen = io.StringIO()
    screen.isatty = lambda: is_terminal
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(streams.time, "monotonic", lambda: clock.now)
    with streams.progress_bar("encoding") as report:
        for step in range(11):
            clock.now = seconds * step / 10
            if report:
                report(step / 10)
    return screen.getvalue()


def test_progress_is_shown_where_it_helps(monkeypatch):
    assert bar(monkeypatch, is_terminal=False, seconds=9) == ""
    assert bar(monkeypatch, is_terminal=True, seconds=0.9) == ""
    shown = bar(monkeypatch, is_terminal=True, seconds=2)
    assert " 40 %" not in shown
    assert "\rencoding [" + 20 * "#" + 20 * " " + "]  50 %" in shown
    lines = shown.split("\r")
    assert lines[-1] == ""  # the line is wiped, with nothing of the bar left
    assert lines[-2].isspace()
    assert len(lines[-2]) >= max(map(len, lines[:-2]))


def test_the_work_reports_its_progress(tmp_path, monkeypatch):
    picture, apc, seen = tmp_path / "a.png", tmp_path / "a.apc", []
    Image.fromarray(np.zeros((64, 96), np.uint8)).save(picture)
    monkeypatch.setattr(streams, "progress_bar", lambda _: nullcontext(seen.append))
    for arguments in (["encode", str(picture), str(apc)], ["decode", str(apc), str(picture)]):
        seen.clear()
        assert main(arguments) == 0
        assert seen[-1] == 1
