"""Files at a reduced size: any budget, never worse, exact at the full size; and the peak of a PSNR."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from apercu.codecs.forecast import FOLDER
from apercu.errors import OptionError, TargetUnreachable
from apercu.stages.resize import add_up, means
from scripts.pictures import noise, scene


def squared(first, second):
    return int(((first.astype(int) - second) ** 2).sum())


SHAPES = [
    *((shape, np.uint8) for shape in [(1, 1), (700, 900), (1, 2000), (300, 1, 3), (417, 200, 4), (90, 70, 9)]),
    ((5, 4, 90), np.uint8),
    *((shape, np.uint16) for shape in [(2, 3), (400, 333), (260, 240, 3), (180, 200, 4), (64, 80, 13)]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "dtype"), SHAPES, ids=str)
def test_any_budget_from_64_bytes_up_is_met(shape, dtype):
    height, width, n_bands = (*shape, 1)[:3]
    drawn = scene(height, width, n_bands, 2)
    image = (drawn if dtype == np.uint8 else drawn.astype(np.uint16) * 231).reshape(shape)
    for n_bytes in (64, 200):
        data = apercu.encode(image, n_bytes=n_bytes, reduce="auto")
        assert len(data) <= n_bytes
        assert apercu.check(data) == []
        full = apercu.decode(data, full_size=True)
        assert (full.shape, full.dtype) == (image.shape, image.dtype)
        flat = np.full_like(image, np.rint(image.mean()))
        assert squared(image, full) <= squared(image, flat)


@pytest.mark.parametrize("codec", ["apercu", "dct", "predictive", "rnn", "stacked_ae", "taha2025"])
def test_every_codec_meets_any_budget(codec):
    image = scene(120, 160, 20, 3)
    with pytest.raises(TargetUnreachable, match=r'64 bytes are too few: .*; reduce="auto" \(--reduce auto\) codes'):
        apercu.encode(image, n_bytes=64, codec=codec)
    data = apercu.encode(image, n_bytes=64, reduce="auto", codec=codec)
    assert len(data) <= 64
    assert apercu.decode(data, full_size=True).shape == image.shape


def test_more_bands_than_a_head_has_room_for():
    image = np.zeros((3, 3, 60), np.uint16)
    with pytest.raises(TargetUnreachable, match=r"^at 1/4 of the size, besides a prefix of \d+ bytes, \d+ bytes are"):
        apercu.encode(image, n_bytes=64, reduce="auto")


DRAWN = {
    "scene": scene(256, 320, 3, 5),
    "noise": noise((128, 128, 1), 6).astype(np.uint8),
    "flat": np.full((200, 200), 77, np.uint8),
    "lines": np.tile(np.repeat(np.array([0, 255], np.uint8), 1), (128, 64)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_never_worse_than_the_full_size(name):
    image = DRAWN[name]
    for n_bytes in (150, 400, 1600):
        auto = apercu.encode(image, n_bytes=n_bytes, reduce="auto")
        try:
            plain = apercu.encode(image, n_bytes=n_bytes)
        except TargetUnreachable:
            continue
        assert squared(image, apercu.decode(auto, full_size=True)) <= squared(image, apercu.decode(plain))


def test_with_enough_bytes_nothing_changes():
    image = scene(256, 320, 3, 5)
    assert apercu.encode(image, n_bytes=4000, reduce="auto") == apercu.encode(image, n_bytes=4000)
    assert apercu.encode(image, quality=20, reduce="auto") == apercu.encode(image, quality=20, reduce=1)
    assert apercu.encode(image, psnr=30, reduce="auto") == apercu.encode(image, psnr=30)


def test_progress_goes_up_to_1():
    told = []
    apercu.encode(scene(256, 320, 3, 5), n_bytes=150, reduce="auto", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(set(told)) > 8


def test_tables_of_ones_own(tmp_path):
    tables = tmp_path / "own.npy"
    np.save(tables, np.load(FOLDER / "apercu.npy"))
    image = scene(200, 256, 3, 5)
    data = apercu.encode(image, n_bytes=150, reduce="auto", model=tables)
    assert len(data) <= 150
    assert apercu.decode(data, full_size=True, model=tables).shape == image.shape


def test_a_size_that_is_asked_for():
    image = scene(101, 67, 3, 7)
    data = apercu.encode(image, quality=60, reduce=4)
    told = apercu.info(data)
    assert told["reduced"] == {"factor": 4, "height": 101, "width": 67}
    assert (told["height"], told["width"]) == (26, 17)
    small, _ = means(*add_up(image, None, 2), image.dtype)
    inner = apercu.encode(small, quality=60)
    assert data.endswith(inner)
    assert np.array_equal(apercu.decode(data), apercu.decode(inner))
    assert apercu.encode(image, quality=told["quality"], reduce=4) == data
    by_psnr = apercu.encode(image, psnr=32, reduce=4)
    error = squared(small, apercu.decode(by_psnr)) / small.size
    assert abs(10 * np.log10(255**2 / error) - 32) < 0.2
    whole = apercu.decode(data, full_size=True)
    for window in [(0, 0, 101, 67), (13, 9, 30, 40), (100, 66, 1, 1)]:
        top, left, height, width = window
        part_of = apercu.decode(data, full_size=True, window=window)
        assert np.array_equal(part_of, whole[top : top + height, left : left + width])


def test_what_a_mask_hides_makes_no_difference():
    image = scene(200, 160, 1, 8)[:, :, 0].astype(np.uint16) * 100
    mask = np.zeros(image.shape, bool)
    mask[:70, :90] = True
    mask[150, 3] = True
    files = []
    for under in (0, 65535):
        hidden = image.copy()
        hidden[mask] = under
        files.append(apercu.encode(np.ma.masked_array(hidden, mask), n_bytes=180, reduce="auto"))
    assert files[0] == files[1]
    assert len(files[0]) <= 180


# --- The peak ---------------------------------------------------------------------------------------


def test_the_peak_of_eleven_bits():
    image = scene(128, 128, 1, 9)[:, :, 0].astype(np.uint16) * 8
    data = apercu.encode(image, psnr=34, peak=2047)
    error = squared(image, apercu.decode(data)) / image.size
    assert abs(10 * np.log10(2047**2 / error) - 34) < 0.2
    far = 34 + 20 * np.log10(65535 / 2047)
    assert apercu.encode(image, psnr=far) == data
    extent = int(image.max()) - int(image.min())
    assert apercu.encode(image, psnr=34, peak="range") == apercu.encode(image, psnr=34, peak=extent)


def test_the_range_is_of_what_counts():
    image = scene(96, 96, 1, 9)[:, :, 0].astype(np.uint16) * 8
    mask = np.zeros(image.shape, bool)
    mask[:20] = True
    hidden = np.ma.masked_array(np.where(mask, np.uint16(60000), image), mask)
    extent = int(image[20:].max()) - int(image[20:].min())
    assert apercu.encode(hidden, psnr=33, peak="range") == apercu.encode(hidden, psnr=33, peak=extent)


@pytest.mark.parametrize("peak", [0, -5, float("nan"), float("inf"), "bits", [1], None])
def test_peaks_that_there_are_not(peak):
    image = np.zeros((8, 8), np.uint8)
    if peak is None:
        with pytest.raises(OptionError, match="peak says what psnr means"):
            apercu.encode(image, n_bytes=100, peak=255)
    else:
        with pytest.raises(OptionError, match="peak must be"):
            apercu.encode(image, psnr=30, peak=peak)


# --- The command ------------------------------------------------------------------------------------


def test_the_command_reduces_and_enlarges(tmp_path, capsys):
    image = scene(150, 201, 3, 4)
    picture, coded, full, small = (str(tmp_path / name) for name in ("a.png", "a.apc", "full.png", "small.png"))
    Image.fromarray(image).save(picture)
    assert main(["encode", picture, coded, "--quality", "70", "--reduce", "4"]) == 0
    assert "a.apc: 201 × 150 at 1/4 rgb uint8, " in capsys.readouterr().err
    assert main(["decode", coded, full, "--full-size"]) == 0
    assert main(["decode", coded, small]) == 0
    data = Path(coded).read_bytes()
    assert data == apercu.encode(image, quality=70, reduce=4)
    assert np.array_equal(np.asarray(Image.open(full)), apercu.decode(data, full_size=True))
    assert np.array_equal(np.asarray(Image.open(small)), apercu.decode(data))
    assert apercu.decode(data).shape == (38, 51, 3)
    assert main(["encode", picture, coded, "--bytes", "64", "--reduce", "auto", "--quiet"]) == 0
    assert Path(coded).read_bytes() == apercu.encode(image, n_bytes=64, reduce="auto")
    assert main(["encode", picture, coded, "--psnr", "30", "--peak", "range", "--quiet"]) == 0
    assert Path(coded).read_bytes() == apercu.encode(image, psnr=30, peak="range")
    capsys.readouterr()
    for wrong, said in [(["--reduce", "3"], "reduce must be"), (["--psnr", "30", "--peak", "x"], "peak must be")]:
        assert main(["encode", picture, coded, *wrong]) == 2
        assert said in capsys.readouterr().err
