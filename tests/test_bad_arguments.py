"""Arrays, options and models that cannot be: a named error each, before any work."""

import sys

import numpy as np
import pytest

import apercu
from apercu.errors import ImageError, ModelError, NotApercu, OptionError, TargetUnreachable
from scripts.pictures import noise, scene, walsh_weights

# --- Images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8)),
        np.full((8, 8), np.nan),
        np.zeros((8, 8), np.float16),
        np.zeros((8, 8), bool),
        np.zeros((8, 8), np.int8),
        np.zeros((8, 8), np.int16),
        np.zeros((8, 8), np.int32),
        np.zeros((8, 8), np.uint32),
        np.zeros((8, 8), np.uint64),
        np.zeros((8, 8), complex),
        np.zeros((8, 8), object),
        np.zeros((8, 8), "S1"),
        np.zeros((8, 8), "M8[s]"),
        np.zeros((8, 8), [("r", "u1"), ("g", "u1")]),
        [[1, 2], [3, 4]],
        [[1, 2], [3]],
        None,
        "picture.png",
        7,
    ],
    ids=lambda image: str(getattr(image, "dtype", type(image).__name__)),
)
def test_arrays_of_other_kinds_are_refused(image):
    with pytest.raises(ImageError, match="uint8 or uint16"):
        apercu.encode(image)


@pytest.mark.parametrize(
    "shape", [(), (8,), (0, 8), (8, 0), (0, 0), (8, 8, 0), (1, 8, 8, 3), (65536, 1), (1, 65536), (1, 1, 65536)]
)
def test_arrays_of_other_shapes_are_refused(shape):
    with pytest.raises(ImageError):
        apercu.encode(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("shape", "bands"),
    [
        ((8, 8), "rgb"),
        ((8, 8), "spectral"),
        ((8, 8, 3), "grey"),
        ((8, 8, 3), "rgba"),
        ((8, 8, 4), "rgb"),
        ((8, 8, 2), "grey"),
        ((8, 8), "cmyk"),
        ((8, 8), ""),
        ((8, 8), 3),
        ((8, 8), []),
    ],
)
def test_bands_that_do_not_fit_are_refused(shape, bands):
    with pytest.raises(OptionError, match="bands"):
        apercu.encode(np.zeros(shape, np.uint8), bands=bands)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"quality": 101}, "^quality must be a finite number from 0 to 100, not 101$"),
        ({"quality": -0.01}, "quality"),
        ({"quality": np.nan}, "quality"),
        ({"quality": np.inf}, "quality"),
        ({"quality": "high"}, "quality"),
        ({"quality": [50]}, "quality"),
        ({"quality": 10**400}, "quality"),
        ({"psnr": np.nan}, "psnr"),
        ({"psnr": -np.inf}, "psnr"),
        ({"psnr": -5}, "^psnr must be a finite number, 0 or more, not -5$"),
        ({"psnr": -1e-9}, "psnr must be"),
        ({"psnr": "best"}, "psnr"),
        ({"bpp": np.nan}, "^bpp must be a finite number above 0, not nan$"),
        ({"bpp": np.inf}, "^bpp must be a finite number above 0, not inf$"),
        ({"bpp": -1}, "^bpp must be a finite number above 0, not -1$"),
        ({"bpp": 0}, "^bpp must be a finite number above 0, not 0$"),
        ({"bpp": "small"}, "^bpp must be a number above 0, not 'small'$"),
        ({"n_bytes": 100.0}, "n_bytes"),
        ({"n_bytes": "100"}, "n_bytes"),
        ({"n_bytes": 0}, r"^n_bytes \(--bytes\) must be above 0, not 0$"),
        ({"n_bytes": -5}, r"^n_bytes \(--bytes\) must be above 0, not -5$"),
        ({"step": 4}, "^the codec apercu has no step; the codec taha2025 has$"),
        ({"threshold": 4}, "^the codec apercu has no threshold;"),
        ({"threshold": 4, "step": 4}, "^the codec apercu has no threshold and no step;"),
        ({"tables": "group"}, "^the codec apercu has no tables;"),
        ({"qualty": 40}, "^encode has no option qualty$"),
        ({"qualty": None, "network": 3}, "^encode has no option qualty, network$"),
        ({"step": 4, "codec": "jpeg"}, "^codec must be one of apercu, taha2025"),
        ({"step": 4, "codec": "taha2025"}, "together"),
        ({"threshold": 4, "codec": "taha2025"}, "together"),
        ({"step": 0, "threshold": 4, "codec": "taha2025"}, "step must be above 0"),
        ({"step": -1, "threshold": 4, "codec": "taha2025"}, "step must be above 0"),
        ({"step": 8192, "threshold": 4, "codec": "taha2025"}, "at most 8191.875"),
        ({"step": 1e308, "threshold": 4, "codec": "taha2025"}, "at most 8191.875"),
        ({"step": np.nan, "threshold": 4, "codec": "taha2025"}, "step must be a finite number"),
        ({"step": 4, "threshold": -1, "codec": "taha2025"}, "threshold must be 0 or more"),
        ({"step": 4, "threshold": np.inf, "codec": "taha2025"}, "threshold must be a finite number"),
        ({"step": 4, "threshold": "low", "codec": "taha2025"}, "threshold must be a number"),
        ({"step": 4, "threshold": 10**400, "codec": "taha2025"}, "threshold is too large"),
        ({"quality": 50, "bpp": 1}, "one target"),
        ({"n_bytes": 99, "psnr": 30}, "one target"),
        ({"quality": 50, "threshold": 4, "step": 4, "codec": "taha2025"}, "one target"),
        ({"codec": "jpeg"}, "codec"),
        ({"codec": None}, "codec"),
        ({"codec": []}, "codec"),
        ({"tables": "both"}, "tables"),
        ({"tables": []}, "tables"),
    ],
)
def test_options_of_encode(options, says):
    with pytest.raises(OptionError, match=says):
        apercu.encode(scene(9, 9)[:, :, 0], **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"restore": "vae"}, "^restore must be 'none' or 'cnn' or 'rnn' or 'gan' or 'diffusion', not 'vae'$"),
        ({"restore": []}, "^restore must be"),
        ({"network": "mine.onnx"}, "^network goes with restore='cnn' or 'rnn' or 'gan' or 'diffusion'$"),
        ({"restor": "cnn"}, "^decode has no option restor$"),
        ({"restore": "cnn", "step": 4}, "^decode has no option step$"),
        ({"damaged": "hide"}, "^damaged must be"),
    ],
)
def test_options_of_decode(options, says):
    with pytest.raises(OptionError, match=says):
        apercu.decode(apercu.encode(scene(9, 9)[:, :, 0]), **options)


@pytest.mark.parametrize("options", [{"n_bytes": 3}, {"n_bytes": 1}, {"bpp": 1e-9}, {"psnr": 99}])
def test_targets_out_of_reach_name_the_nearest(options):
    with pytest.raises(TargetUnreachable, match=r"the nearest|quality 100 gives \S+ dB, the most of those tried"):
        apercu.encode(scene(40, 40)[:, :, 0], **options)


@pytest.mark.parametrize("options", [{"n_bytes": 10**30}, {"bpp": 1e308}, {"psnr": 0}])
def test_targets_that_all_settings_meet(options):
    quality = apercu.info(apercu.encode(scene(40, 40)[:, :, 0], **options))["quality"]
    assert quality == (0 if "psnr" in options else 100)


def test_a_restorer_that_the_codec_lacks_is_refused_before_a_package_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    data = apercu.encode(scene(40, 40), codec="predictive")
    with pytest.raises(OptionError, match=r"^restore must be 'none' for a file of the codec predictive, not 'cnn'$"):
        apercu.decode(data, restore="cnn", network="none.onnx")
    with pytest.raises(NotApercu):
        apercu.decode(b"no file", restore="cnn", network="none.onnx")


# --- Models ---------------------------------------------------------------------------------------


def npy(shape, n_bytes=2304, kind="<i2"):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode("latin-1") + bytes(n_bytes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        b"PK\x03\x04" + bytes(100),
        npy("(2, 9, 64)")[:500],
        npy("(2, 9, 65)", 2340),
        npy("(2, 9, 64)", 2304, "<u2"),
        npy("(2, 9, 64)", 9216, "<f8"),
        npy("(2, 9, 64)", 9216, "|O"),
        npy("(900000000000, 64)"),
        npy("(2, 9, (64"),
        npy("(-2, 9, 64)"),
    ],
)
def test_files_that_hold_no_weights_are_refused(tmp_path, content):
    path = tmp_path / "model.npy"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.npy"):
        apercu.encode(scene(9, 9), codec="taha2025", model=path)


def test_weights_too_large_for_32_bits_are_refused(tmp_path):
    for at in ((0, 0), (1, 0), (1, 5)):
        weights = walsh_weights()
        weights[at] = 32767
        np.save(tmp_path / "model.npy", weights)
        with pytest.raises(ModelError, match="too large"):
            apercu.encode(scene(9, 9), codec="taha2025", model=tmp_path / "model.npy")


def test_the_largest_weights_that_are_allowed(tmp_path):
    """Latents that reach their limit in both directions still have a code word each."""
    weights = walsh_weights()
    weights[0, 1], weights[0, 2] = 4095, -4095
    np.save(tmp_path / "model.npy", weights)
    image = noise((16, 16), 1).astype(np.uint16).astype(np.uint8) | 240
    image[8:] = 0
    data = apercu.encode(image, codec="taha2025", threshold=0, step=1 / 8, model=tmp_path / "model.npy")
    assert apercu.decode(data, model=tmp_path / "model.npy").shape == image.shape
