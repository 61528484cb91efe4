"""restore="cnn": nearer to the original, the same whatever part is asked for, and refused where it cannot be had."""

import sys

import numpy as np
import pytest

import apercu
from apercu.codecs import apercu as codec
from apercu.errors import MissingExtra, ModelError, OptionError
from apercu.format import ids
from apercu.restore import cnn
from scripts.pictures import scene, wide

pytest.importorskip("onnxruntime")
rng = np.random.default_rng(5)


def textured(height, width, n_bands):
    """Edges and grain, as a photograph has them."""
    image = scene(height, width, n_bands).astype(float)
    return (image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)


IMAGES = {
    "grey": textured(90, 70, 1)[:, :, 0],
    "rgb": textured(97, 131, 3),
    "rgba": textured(40, 50, 4),
    "spectral": textured(40, 50, 5),
    "rgb16": wide(textured(60, 41, 3), 100, 30000),
    "1x1": textured(1, 1, 3),
}


@pytest.mark.parametrize("name", IMAGES)
def test_shape_and_type_stay(name):
    image = IMAGES[name]
    data = apercu.encode(image, codec="apercu", quality=45)
    plain, restored = apercu.decode(data), apercu.decode(data, restore="cnn")
    assert (restored.shape, restored.dtype) == (image.shape, image.dtype)
    assert not np.array_equal(plain, restored) or name == "1x1"
    reach = np.abs(restored.astype(float) - plain).max() / (65535 if image.dtype == np.uint16 else 255)
    assert reach < 0.25


@pytest.mark.parametrize("name", ["grey", "rgb"])
def test_nearer_to_the_original(name):
    image = scene(200, 180, 3, 3) if name == "rgb" else scene(200, 180, 1, 3)[:, :, 0]
    data = apercu.encode(image, codec="apercu", quality=40)
    errors = [np.mean((apercu.decode(data, restore=r).astype(float) - image) ** 2) for r in ("none", "cnn")]
    assert errors[1] < errors[0]


def test_windows_are_crops(monkeypatch):
    monkeypatch.setattr(codec, "TILE_LOG2", 7)
    monkeypatch.setattr(cnn, "SQUARE", 64)
    image = textured(150, 300, 3)
    data = apercu.encode(image, codec="apercu", quality=50)
    whole = apercu.decode(data, restore="cnn")
    for top, left, height, width in ((0, 0, 128, 128), (100, 100, 50, 90), (149, 299, 1, 1)):
        part = apercu.decode(data, restore="cnn", window=(top, left, height, width))
        assert np.array_equal(part, whole[top : top + height, left : left + width])


def test_squares_meet_without_a_seam(monkeypatch):
    """With margins, the grid hardly shows: what differs from one large square is rare and small."""
    data = apercu.encode(textured(120, 200, 3), codec="apercu", quality=50)
    whole = apercu.decode(data, restore="cnn").astype(int)
    monkeypatch.setattr(cnn, "SQUARE", 64)
    squares = apercu.decode(data, restore="cnn").astype(int)
    assert np.abs(whole - squares).mean() < 0.5
    assert not np.array_equal(whole, squares)


def test_other_codecs_have_none():
    with pytest.raises(OptionError, match="taha2025"):
        apercu.decode(apercu.encode(IMAGES["grey"], codec="taha2025"), restore="cnn")


@pytest.fixture
def anew():
    cnn._network.cache_clear()
    yield
    cnn._network.cache_clear()


def test_without_onnxruntime(monkeypatch, anew):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    data = apercu.encode(IMAGES["grey"], codec="apercu")
    with pytest.raises(MissingExtra, match=r"apercu\[restore\]"):
        apercu.decode(data, restore="cnn")
    assert apercu.decode(data).shape == (90, 70)


def test_another_network_is_refused(monkeypatch, anew):
    monkeypatch.setitem(ids.NETWORKS, "cnn", ids.NETWORKS["cnn"]._replace(sha256="0" * 64))
    with pytest.raises(ModelError, match="SHA-256"):
        apercu.decode(apercu.encode(IMAGES["grey"], codec="apercu"), restore="cnn")
    monkeypatch.setitem(ids.NETWORKS, "cnn", ids.NETWORKS["cnn"]._replace(file="nowhere.onnx"))
    with pytest.raises(ModelError, match="cannot read"):
        apercu.decode(apercu.encode(IMAGES["grey"], codec="apercu"), restore="cnn")
