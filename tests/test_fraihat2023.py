"""`apercu reproduce fraihat2023`: rates beside distortions, of digits, grey and colour pictures."""

import math
import re
import zlib

import numpy as np
import pytest
from PIL import Image

from apercu.bench import fraihat2023 as bench
from apercu.cli.main import main
from apercu.lab.stacked_blocks import mosaic
from scripts.pictures import scene
from test_train_stacked_ae import drawn_digits, idx


def rows_of(page, title):
    """The rows of a table: cells by the first of them."""
    lines = page.split(f"## {title}")[1].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {first: rest for first, *rest in cells if first}


def test_the_command_writes_a_page(tmp_path, capsys):
    """Every lossy row of ours has at least the PSNR of the JPEG above it, and rates are those of the bytes."""
    (tmp_path / "pictures").mkdir()
    Image.fromarray(scene(48, 64, 1).reshape(48, 64)).save(tmp_path / "pictures" / "grey.png")
    Image.fromarray(scene(48, 64, 3)).save(tmp_path / "pictures" / "colour.png")
    (tmp_path / "digits.gz").write_bytes(idx(drawn_digits(4)))
    call = ["reproduce", "fraihat2023", "--images", str(tmp_path / "pictures"), "--out", str(tmp_path / "out")]
    assert main([*call, "--digits", str(tmp_path / "digits.gz")]) == 0
    page = (tmp_path / "out" / "fraihat2023.md").read_text("utf-8")
    assert page in capsys.readouterr().out
    for title, n_raw, printed in (
        ("Digits: 4 pictures", "3,136", ("−26.55 %", "85.37 %", "65.91 %")),
        ("Grey: 1 picture", "3,072", ("0.40 %", "86.31 %", "85.51 %")),
        ("Colour: 1 picture", "9,216", ("−1.44 %", "68.54 %", "66.39 %")),
    ):
        rows = rows_of(page, title)
        assert rows["raw pixels"][:3] == [n_raw, "0.00 %", "exact"]
        original = int(n_raw.replace(",", ""))
        reached = 0.0
        for name, (n_bytes, rate, psnr, theirs) in rows.items():
            found = 100 - 100 * int(n_bytes.replace(",", "")) / original
            assert float(rate.rstrip(" %").replace("−", "-")) == pytest.approx(found, abs=0.006)
            of = [word for word in ("zip", "stacked_ae", "JPEG") if name.startswith(word)]
            assert theirs == dict(zip(("zip", "stacked_ae", "JPEG"), printed, strict=True)).get("".join(of), "")
            if of == ["JPEG"]:
                reached = float(psnr.split()[0])
            elif of == ["stacked_ae"]:
                assert float(psnr.split()[0]) >= reached or "does not reach" in name
    assert re.search(r"1 − [\d,]+ / 2,347 =", page)  # 5,866,822 for 10,000
    assert main([*call, "--digits", str(tmp_path / "digits.gz"), "--train", str(tmp_path)]) == 2
    assert "unrecognized arguments: --train" in capsys.readouterr().err


def test_psnr_is_over_all_samples():
    """Not the mean of pictures: a small one counts for little."""
    pictures = [np.zeros((3, 10), np.uint8), np.zeros((1, 10), np.uint8)]
    decoded = [np.zeros((3, 10), np.uint8), np.full((1, 10), 2, np.uint8)]
    assert bench.psnr_of(pictures, decoded) == pytest.approx(10 * math.log10(255**2))
    assert bench.psnr_of(pictures, pictures) == math.inf


def test_a_zip_counts_its_heads():
    """Of each file 30 bytes and its name before it, 46 and its name at the end; 22 bytes close the archive."""
    packed = len(zlib.compress(b"a" * 100, wbits=-15))
    assert bench.zipped([b"a" * 100] * 2, "some/{:03d}".format) == 2 * (30 + 46 + 2 * 8 + packed) + 22


@pytest.mark.parametrize("better", [3, -3])
@pytest.mark.parametrize("wanted", [12.0, 20.3, 28.9])
def test_a_quality_is_looked_for_on_some_and_held_against_all(monkeypatch, wanted, better):
    """Of 40 pictures every eighth is coded while it searches, which are better or worse than the others; all of them
    four times at the most."""
    pictures = [np.full((4, 4), number, np.uint8) for number in range(40)]
    coded = []

    def own(some, quality, _):
        coded.append(len(some))
        off = [
            (255 / 10 ** ((10 + 20 * (quality / 100) ** 0.5 + (better if len(some) < 40 else 0)) / 20)) for _ in some
        ]
        return [b"" for _ in some], [picture + value for picture, value in zip(some, off, strict=True)]

    monkeypatch.setattr(bench, "own", own)
    quality, (_, decoded) = bench.at_psnr(pictures, wanted, None)
    assert wanted <= bench.psnr_of(pictures, decoded) <= wanted + 0.15
    assert quality == pytest.approx(100 * ((wanted - 10) / 20) ** 2, abs=1.3)
    assert set(coded) == {5, 40}
    assert coded.count(40) <= 4
    assert len(coded) <= 40
    assert bench.at_psnr(pictures, 30.1, None) is None
    assert bench.at_psnr(pictures, 9.0, None)[0] == 0


def test_a_mosaic_is_one_tile(monkeypatch):
    """A tile of 1,024 pixels has 36 digits of 28 a side; in the next one, blocks would not be digits."""
    asked = []

    def lossy_rows(pictures, *_):
        asked.append(pictures)
        return [bench.row("half", pictures, ([bytes(bench.raw(pictures) // 2)], pictures))]

    monkeypatch.setattr(bench, "lossy_rows", lossy_rows)
    monkeypatch.setattr(bench, "lossless_rows", lambda _: [])
    monkeypatch.setattr(bench, "compressed_already", lambda _: [])
    digits = [np.full((28, 28), number % 256, np.uint8) for number in range(1400)]
    page = bench.report({"digits": digits}, digits, mosaic, print)
    assert page.count("| 50.00 % |") == 2  # against the pixels that are in the mosaic, not against all
    assert [picture.shape for picture in asked[1]] == [(1008, 1008)]
    bench.report({"digits": digits[:30]}, digits[:30], mosaic, print)
    assert [picture.shape for picture in asked[3]] == [(140, 140)]
