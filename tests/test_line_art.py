"""Text and line art are told apart from photographs, and `encode` says so."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from apercu.bridges.line_art import is_line_art
from apercu.cli.main import main
from scripts.pictures import scene
from test_border import drawn


def page(size=14, colour=0, paper=255):
    image = Image.new("L", (400, 300), paper)
    draw = ImageDraw.Draw(image)
    for y in range(5, 290 - size, size * 3 // 2):
        draw.text(
            (8, y), "The quick brown fox jumps over the lazy dog " * 2, fill=colour, font=ImageFont.load_default(size)
        )
    return np.asarray(image)


def lines():
    image = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(image)
    for i in range(12):
        draw.line((i * 40, 0, 400 - i * 20, 300), fill=(0, 0, 0), width=2)
        draw.ellipse((i * 15, i * 10, i * 15 + 100, i * 10 + 75), outline=(200, 0, 0), width=3)
    return np.asarray(image)


@pytest.mark.parametrize(
    "image", [page(10), page(24), page(14, 255, 20), np.dstack([page(), page(), page(14, 100)]), lines()]
)
def test_text_and_lines(image):
    assert is_line_art(image)


@pytest.mark.parametrize(
    "image",
    [
        drawn(1),
        scene(100, 120, 3),
        np.zeros((50, 60), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.tile(np.arange(200, dtype=np.uint8), (30, 1)),
        np.random.default_rng(1).integers(0, 256, (60, 60, 3)).astype(np.uint8),
        np.where(np.indices((90, 90)).sum(0) > 90, drawn(2, 90), 0).astype(np.uint8),
        page().astype(np.uint16) * 257,
    ],
)
def test_what_is_no_line_art(image):
    assert not is_line_art(image)


def test_encode_says_so_at_low_rates(tmp_path, capsys):
    for name, image in (("page", page()), ("lines", lines()), ("photo", drawn(1))):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    said = {}
    for name, *options in (
        ("page", "--bpp", "0.3"),
        ("page", "--quality", "100"),
        ("photo", "--bpp", "0.3"),
        ("page", "--bpp", "0.3", "--quiet"),
    ):
        assert main(["encode", str(tmp_path / f"{name}.png"), str(tmp_path / "a.apc"), *options]) == 0
        said[name, *options] = capsys.readouterr().err
    assert [key for key, text in said.items() if "text or line art" in text] == [("page", "--bpp", "0.3")]
    names = [str(tmp_path / f"{name}.png") for name in ("page", "lines", "photo")]
    assert main(["encode", *names, "--out", str(tmp_path / "out"), "--bpp", "0.3"]) == 0
    assert "page.png and 1 more look like text or line art" in capsys.readouterr().err
