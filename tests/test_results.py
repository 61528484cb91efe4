"""The results page: parts are measured by themselves, and what is measured is what the files take."""

import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

import apercu
from scripts.pictures import scene

imagecodecs = pytest.importorskip("imagecodecs")
results = pytest.importorskip("scripts.results")  # which needs Matplotlib
lossless = pytest.importorskip("scripts.lossless")


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page of three parts, and the parts that are measured."""
    measured = []

    def part(name):
        def text(_):
            measured.append(name)
            return f"### Below\n\n{name} {len(measured)}"

        return results.Part(name.capitalize(), text, tmp_path / ("other" if name == "elsewhere" else "PAGE"))

    (tmp_path / "other").write_text("# Other\n\nhead\n\n## Z\n\nz\n\n## Elsewhere\n\nold\n\n## A\n\na\n")
    for name in ("PAGE", "BUILD", "CURVES"):
        monkeypatch.setattr(results, name, tmp_path / name)
    monkeypatch.setattr(results, "PARTS", {name: part(name) for name in ("first", "second", "elsewhere", "third")})
    monkeypatch.setattr(results, "commit", lambda: "0123abc")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["results", "--data", str(tmp_path), *arguments])
        results.main()
        return results.PAGE.read_text("utf-8") if results.PAGE.exists() else "", measured

    return run


def test_a_part_is_measured_again_and_the_others_stay(page):
    text, measured = page()
    assert measured == ["first", "second", "elsewhere", "third"]
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## First", "## Second", "## Third"]
    assert text.count("from commit 0123abc") == 3
    again, measured = page("--only", "second")
    assert measured == ["first", "second", "elsewhere", "third", "second"]
    assert again == text.replace("second 2", "second 5")


def test_parts_stand_in_the_order_of_the_page(page):
    page("--only", "third")
    text, _ = page("--only", "first")
    assert text.index("## First") < text.index("## Third")
    assert "## Second" not in text


def test_a_part_of_another_page_leaves_its_order(page, tmp_path):
    page("--only", "elsewhere")
    text = (tmp_path / "other").read_text("utf-8")
    assert text.startswith("# Other\n\nhead\n\n## Z\n\nz\n\n## Elsewhere\n\nMeasured on ")
    assert text.endswith("### Below\n\nelsewhere 1\n\n## A\n\na\n")
    assert not results.PAGE.exists()


def test_a_page_of_a_command_becomes_a_section():
    assert results.lowered("# Title\n\n## Part\ntext\n### Smaller\n") == "### Part\ntext\n#### Smaller"


def test_bytes_without_loss(tmp_path):
    """Every set is there; ours is the whole file, and a band of TIFF that is signed, but never below 0, is taken."""
    for folder in ("kodak", "geo"):
        (tmp_path / folder).mkdir()
    image = scene(40, 48, 3)
    Image.fromarray(image).save(tmp_path / "kodak" / "a.png")
    signed = (image.astype(np.int16) * 9).astype(np.int16)
    tifffile.imwrite(tmp_path / "geo" / "b.tif", signed, photometric="rgb")
    page = lossless.report(tmp_path)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "|" in line]
    exact = {row[0]: row[1:] for row in rows if len(row) == 4}
    assert set(lossless.CODECS) <= set(exact)
    n_bytes = len(apercu.encode(image, codec="predictive", max_error=0))
    of_jpeg_ls = sum(len(imagecodecs.jpegls_encode(np.ascontiguousarray(image[..., band]))) for band in range(3))
    assert exact["predictive"][1] == f"{n_bytes:,} ({n_bytes / of_jpeg_ls:.3f})"
    assert exact["JPEG-LS"][1] == f"{of_jpeg_ls:,} (1.000)"
    lossy = {(row[0], row[1]) for row in rows if len(row) == 5}
    assert {("8", "predictive"), ("8", "JPEG-LS"), ("1", "LERC with Zstandard")} <= lossy
    assert ("1", "PNG") not in lossy  # it has no loss


def test_a_file_that_is_off_by_more_is_found():
    image = np.zeros((2, 2), np.uint8)
    lossless.held(image, image + np.uint8(2), 2, "a codec")
    with pytest.raises(AssertionError, match="a codec is off by 3, not by 2 at the most"):
        lossless.held(image, image + np.uint8(3), 2, "a codec")


def test_signed_samples_below_0_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((8, 8), -1, np.int16))
    with pytest.raises(apercu.ApercuError, match="signed samples"):
        lossless.read(tmp_path / "a.tif")
