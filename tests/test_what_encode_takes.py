"""What `apercu.encode` takes that is not an array of samples: images of Pillow's, lists, bands that come first."""

import io
import subprocess
import sys
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

import apercu
from picture_bytes import file_of, image_of, read, with_chunks

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "I;16B"]


def decoded(image, **options):
    return apercu.decode(apercu.encode(image, quality=100, **options))


@pytest.mark.parametrize("mode", MODES)
def test_an_image_of_pillow_is_coded_as_its_colours(mode):
    image = image_of(mode)
    assert image.mode == mode
    info = apercu.info(apercu.encode(image))
    if mode.startswith("I"):
        assert (info["interpretation"], info["dtype"]) == ("grey", "uint16")
        assert apercu.encode(image) == apercu.encode(np.asarray(image).astype(np.uint16))
        return
    kind = "rgba" if mode in ("LA", "La", "PA", "RGBA", "RGBa") else "grey" if mode in ("1", "L") else "rgb"
    assert (info["interpretation"], info["dtype"], info["width"], info["height"]) == (kind, "uint8", 96, 64)
    shown = image.convert("LA") if mode == "La" else image
    if mode == "LAB":
        shown = Image.fromarray(read(file_of(image, "TIFF"))[0])
    expected = np.asarray(shown.convert({"grey": "L", "rgb": "RGB", "rgba": "RGBA"}[kind]))
    assert apercu.encode(image) == apercu.encode(expected)
    if mode != "LAB":
        original = np.asarray(image_of("RGB").convert("L" if mode in ("1", "L", "LA", "La") else "RGB"))
        found = decoded(image)[..., 0] if kind == "rgba" and original.ndim == 2 else decoded(image)
        found = found[..., :3] if original.ndim == 3 else found
        coarse = {"1": 128, "P": 40, "PA": 40}.get(mode, 5)  # a dither, a palette of the web
        assert np.abs(found.astype(int) - original).mean() < coarse


@pytest.mark.parametrize(("mode", "words"), [("F", "floating-point"), ("I", "32-bit")])
def test_an_image_of_pillow_that_would_lose_bits_is_refused_by_its_mode(mode, words):
    with pytest.raises(apercu.ImageError, match=f"mode {mode} .*{words}"):
        apercu.encode(Image.new(mode, (8, 8)))


def test_a_16_bit_pgm_that_pillow_has_opened():
    samples = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    with Image.open(io.BytesIO(file_of(samples, "PPM"))) as opened:
        assert apercu.encode(opened) == apercu.encode(samples)


@pytest.mark.parametrize("mode", MODES)
def test_a_budget_for_an_image_of_pillow(mode):
    for options in ({"bpp": 2}, {"bpp": 2, "codec": "taha2025"}):
        assert 8 * len(apercu.encode(image_of(mode), **options)) <= 2 * 96 * 64


def test_the_profile_the_gamma_and_the_transparent_colour_of_an_image_count():
    flat = Image.new("RGB", (16, 16), (60, 200, 60))
    flat.info["icc_profile"] = imagecodecs.cms_profile("adobergb")
    assert np.abs(decoded(flat).astype(int) - (0, 201, 37)).max() <= 6
    with Image.open(io.BytesIO(with_chunks(file_of(np.asarray(flat)), (b"gAMA", (100000).to_bytes(4))))) as opened:
        assert np.abs(decoded(opened).astype(int) - (133, 229, 133)).max() <= 6
    grey = Image.new("L", (16, 16), 7)
    grey.info["transparency"] = 7
    assert decoded(grey)[..., 3].max() == 0
    assert grey.info == {"transparency": 7}  # nobody wrote to it
    palette = Image.fromarray(np.tile(np.arange(2, dtype=np.uint8), (16, 8)), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.info["transparency"] = 1
    assert apercu.info(apercu.encode(palette))["interpretation"] == "rgba"


def test_the_orientation_of_an_image_of_pillow_is_left_to_pillow():
    exif = Image.Exif()
    exif[274] = 6
    with Image.open(io.BytesIO(file_of(image_of("RGB"), "JPEG", exif=exif))) as opened:
        assert decoded(opened).shape == (64, 96, 3)
        assert decoded(ImageOps.exif_transpose(opened)).shape == (96, 64, 3)
        assert read(file_of(image_of("RGB"), "JPEG", exif=exif))[0].shape == (96, 64, 3)


def test_bands_of_an_image_of_pillow_may_be_named():
    assert apercu.info(apercu.encode(image_of("RGB"), bands="spectral"))["interpretation"] == "spectral"
    with pytest.raises(apercu.OptionError, match="does not fit"):
        apercu.encode(image_of("RGB"), bands="grey")


def test_pillow_is_not_imported_for_arrays():
    code = "import sys, numpy, apercu; apercu.encode(numpy.zeros((8, 8), 'u1')); assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- other things


@pytest.mark.parametrize("options", [{}, {"bpp": 1}, {"n_bytes": 999}, {"psnr": 30}])
@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("photo.png", "files.read makes one"),
        (b"\x89PNG", "files.read makes one"),
        (Path("photo.png"), "files.read makes one"),
        (None, "not object"),
        ([[1, 2], [3, 4]], "not int64"),
        ([[1], [2, 3]], "uint8 or uint16"),
        (np.zeros((8, 8)), "not float64"),
        (np.zeros(8, np.uint8), r"shape .*not \(8,\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"not \(2, 8, 8, 3\)"),
        (np.uint8(1), r"not \(\)"),
    ],
)
def test_what_is_no_image_is_refused_whatever_the_target(image, words, options):
    with pytest.raises(apercu.ImageError, match=words):
        apercu.encode(image, **options)


def test_a_budget_for_whatever_numpy_takes():
    class Host:
        def __array__(self, dtype=None, copy=None):
            return np.zeros((64, 64), np.uint8)

    assert apercu.encode(Host(), bpp=1) == apercu.encode(np.zeros((64, 64), np.uint8), bpp=1)
    rows = list(np.zeros((64, 64), np.uint8))
    assert apercu.encode(rows, bpp=1) == apercu.encode(Host(), bpp=1)


@pytest.mark.parametrize("shape", [(3, 64, 80), (4, 40, 30), (1, 16, 16), (3, 16, 20), (12, 64, 64)])
def test_bands_that_seem_to_come_first_are_remarked_upon(shape):
    with pytest.warns(UserWarning, match=r"np\.moveaxis\(image, 0, -1\)") as caught:
        apercu.encode(np.zeros(shape, np.uint8))
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("shape", "bands"),
    [((3, 64, 80), "spectral"), ((64, 80, 3), None), ((3, 64, 5), None), ((3, 4, 3), None), ((40, 64, 64), None)],
)
def test_other_shapes_are_not(shape, bands):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apercu.encode(np.zeros(shape, np.uint8), bands=bands)
