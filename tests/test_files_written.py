"""Picture files are written without loss or not at all, and no file is left half-written."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from apercu.bridges import files
from apercu.errors import FileFormatError, MissingExtra

RNG = np.random.default_rng(3)
BANDS = {"grey": (5, 7), "rgb": (5, 7, 3), "rgba": (5, 7, 4), "spectral": (5, 7, 6)}
SAMPLES = {
    (bands, bits): RNG.integers(0, 1 << bits, shape, dtype=f"uint{bits}")
    for bands, shape in BANDS.items()
    for bits in (8, 16)
}
HELD = {
    ".png": [("grey", 8), ("rgb", 8), ("rgba", 8), ("grey", 16), ("rgb", 16), ("rgba", 16)],
    ".tif": list(SAMPLES),
    ".tiff": list(SAMPLES),
    ".webp": [("rgb", 8), ("rgba", 8)],
    ".bmp": [("grey", 8), ("rgb", 8)],
    ".pgm": [("grey", 8), ("grey", 16)],
    ".ppm": [("rgb", 8)],
}


@pytest.mark.parametrize(("suffix", "bands", "bits"), [(s, *kind) for s, kinds in HELD.items() for kind in kinds])
def test_written_and_read_again(tmp_path, suffix, bands, bits):
    path = tmp_path / f"picture{suffix.upper()}"
    array = SAMPLES[bands, bits]
    files.write(path, array, bands)
    found, kind = files.read(path)
    assert (kind, found.dtype) == (bands, array.dtype)
    np.testing.assert_array_equal(found, array)
    assert os.listdir(tmp_path) == [path.name]


def test_grey_webp_and_jpeg_come_close(tmp_path):
    ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (120, 1))
    files.write(tmp_path / "a.webp", ramp, "grey")
    np.testing.assert_array_equal(files.read(tmp_path / "a.webp")[0][..., 1], ramp)
    for array, bands in ((ramp, "grey"), (np.dstack([ramp, ramp.T, ramp[::-1]]), "rgb")):
        files.write(tmp_path / "a.jpg", array, bands)
        found, kind = files.read(tmp_path / "a.jpg")
        assert kind == bands
        assert np.abs(found.astype(int) - array).mean() < 2


def test_an_axis_of_one_grey_band_is_dropped(tmp_path):
    files.write(tmp_path / "a.png", SAMPLES["grey", 8][..., None], "grey")
    np.testing.assert_array_equal(files.read(tmp_path / "a.png")[0], SAMPLES["grey", 8])


def test_arrays_of_any_strides(tmp_path):
    for (bands, bits), array in SAMPLES.items():
        path = tmp_path / ("a.tif" if bands == "spectral" else "a.png")
        files.write(path, array[::-1, ::2], bands)
        np.testing.assert_array_equal(files.read(path)[0], array[::-1, ::2], err_msg=f"{bands} {bits}")


@pytest.mark.parametrize(
    ("suffix", "bands", "bits", "serving"),
    [
        (".jpg", "rgba", 8, ".png or .tif or .tiff or .webp"),
        (".jpg", "grey", 16, ".png or .tif"),
        (".bmp", "rgba", 8, ".png"),
        (".webp", "rgb", 16, ".png or .tif or .tiff"),
        (".pgm", "rgb", 8, ".ppm"),
        (".png", "spectral", 8, ".tif or .tiff"),
        (".png", "spectral", 16, ".tif or .tiff"),
        (".apc", "rgb", 8, "no picture format is known"),
        ("", "rgb", 8, "no picture format is known"),
    ],
)
def test_what_would_lose_bits_is_refused(tmp_path, suffix, bands, bits, serving):
    path = tmp_path / f"picture{suffix}"
    with pytest.raises(FileFormatError, match=serving):
        files.write(path, SAMPLES[bands, bits], bands)
    assert os.listdir(tmp_path) == []


def test_a_side_too_long_for_the_format_is_a_plain_error(tmp_path):
    with pytest.raises(FileFormatError, match="16383"):
        files.write(tmp_path / "long.webp", np.zeros((1, 16384), np.uint8), "grey")
    assert os.listdir(tmp_path) == []


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    for suffix, kind in ((".png", ("rgb", 16)), (".tif", ("rgb", 16)), (".tif", ("spectral", 8))):
        with pytest.raises(MissingExtra, match=r"apercu\[tiff\]"):
            files.write(tmp_path / f"a{suffix}", SAMPLES[kind], kind[0])
    for suffix, kind in ((".png", ("grey", 16)), (".tif", ("grey", 16)), (".tif", ("rgba", 8))):
        files.write(tmp_path / f"a{suffix}", SAMPLES[kind], kind[0])


def test_pillow_writes_the_pixels_it_was_given(tmp_path):
    files.write(tmp_path / "a.png", SAMPLES["rgba", 8], "rgba")
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), SAMPLES["rgba", 8])
