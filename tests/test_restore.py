"""restore="cnn": nearer to the original, the same whatever part is asked for, and refused where it cannot be had."""

import sys

import numpy as np
import pytest

import apercu
from apercu.codecs import decoding
from apercu.errors import MissingExtra, ModelError, OptionError
from apercu.format import ids
from apercu.restore import cnn, networks, squares
from apercu.stages.blocks import Window
from scripts.pictures import scene, wide

pytest.importorskip("onnxruntime")
rng = np.random.default_rng(5)


def textured(height, width, n_bands):
    """Edges and grain, as a photograph has them."""
    image = scene(height, width, n_bands).astype(float)
    return (image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)


def rich(height, width, n_bands):
    """Detail in every part, so that the network counts in full."""
    across = -(-width // 80)
    return np.tile(scene(80, 80, n_bands, 3), (-(-height // 80), across, 1))[:height, :width]


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


def in_squares_of_64(data, window=None):
    return decoding.decode(data, decoding.How(restorer=cnn.load("apercu", cnn.Options(), square=64)), window)


def test_windows_are_crops():
    image = textured(150, 300, 3)
    data = apercu.encode(image, codec="apercu", quality=50, tile=128)
    whole = in_squares_of_64(data)
    for top, left, height, width in ((0, 0, 128, 128), (100, 100, 50, 90), (149, 299, 1, 1)):
        part = in_squares_of_64(data, Window(top, left, height, width))
        assert np.array_equal(part, whole[top : top + height, left : left + width])


@pytest.fixture
def runs(monkeypatch):
    """The sizes of what the network sees, (height, width) in pixels; it adds nothing."""
    seen = []

    def network(values):
        height, width = values.shape[2:]
        seen.append((4 * height, 4 * width))
        return np.zeros((1, 24, height, width), np.float32)

    monkeypatch.setattr(networks, "shipped", lambda _: network)
    return seen


def test_the_network_sees_squares_of_512_with_a_margin_of_32(runs):
    data = apercu.encode(rich(600, 1000, 1)[:, :, 0], codec="apercu", quality=45)
    apercu.decode(data, restore="cnn")
    assert runs == [(544, 544), (544, 520), (120, 544), (120, 520)]


@pytest.mark.parametrize(
    ("n_bands", "window", "n_runs"),
    [
        (1, (10, 20, 30, 40), 1),
        (1, (511, 511, 1, 1), 1),
        (1, (511, 511, 2, 1), 2),
        (1, (0, 0, 600, 1000), 4),
        (3, (10, 20, 30, 40), 1),
        (3, (509, 20, 1, 1), 1),
        (3, (510, 20, 1, 1), 2),  # whose chroma lies beyond
        (3, (513, 20, 1, 1), 2),
        (3, (514, 20, 1, 1), 1),
        (5, (10, 20, 30, 40), 5),
    ],
)
def test_a_window_costs_the_squares_that_it_needs(runs, n_bands, window, n_runs):
    image = rich(600, 1000, n_bands)
    apercu.decode(apercu.encode(image, codec="apercu", quality=45), restore="cnn", window=window)
    assert len(runs) == n_runs


def test_where_nothing_would_count_the_network_is_not_run(runs):
    apercu.decode(apercu.encode(textured(200, 300, 3), codec="apercu", quality=80), restore="cnn")
    apercu.decode(apercu.encode(np.full((600, 700), 90, np.uint8), codec="apercu", quality=40), restore="cnn")
    assert runs == []


@pytest.mark.filterwarnings("error")
def test_a_network_may_add_more_than_numbers_hold():
    plane, factors = np.full((8, 16), 100, np.int16), np.ones((1, 2), np.float32)
    correction = np.repeat(np.float32([[3e38, -3e38]]), 8, 1).repeat(8, 0)
    found = squares.sums(plane, correction, factors, 8)
    assert found[:, :8].min() == 8160
    assert found[:, 8:].max() == -8160


def test_windows_across_squares_are_crops():
    image = rich(560, 620, 3)
    data = apercu.encode(image, codec="apercu", quality=45)
    whole, plain = apercu.decode(data, restore="cnn"), apercu.decode(data)
    for top, left, height, width in ((500, 500, 40, 40), (511, 511, 1, 1), (510, 30, 3, 50), (0, 513, 9, 9)):
        place = np.s_[top : top + height, left : left + width]
        assert np.array_equal(apercu.decode(data, restore="cnn", window=(top, left, height, width)), whole[place])
        assert not np.array_equal(whole[place], plain[place])


def test_squares_meet_without_a_seam():
    """With margins, the grid hardly shows: what differs from one large square is rare and small."""
    data = apercu.encode(textured(120, 200, 3), codec="apercu", quality=50)
    whole = apercu.decode(data, restore="cnn").astype(int)
    small = in_squares_of_64(data).astype(int)
    assert np.abs(whole - small).mean() < 0.5
    assert not np.array_equal(whole, small)


def test_a_codec_without_loss_has_none():
    with pytest.raises(OptionError, match="predictive"):
        apercu.decode(apercu.encode(IMAGES["grey"], codec="predictive"), restore="cnn")


@pytest.fixture
def anew():
    networks.shipped.cache_clear()
    yield
    networks.shipped.cache_clear()


def network_of(path, name="planes", n_out=24, value=0.0):
    """An ONNX file that gives `value` everywhere."""
    onnx = pytest.importorskip("onnx")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    sides = ["down", "across"]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", [name, "axis"], ["mean"], keepdims=1),
            helper.make_node("Mul", ["mean", "factors"], ["none"]),
            helper.make_node("Add", ["none", "values"], ["lack"]),
        ],
        "of one value",
        [helper.make_tensor_value_info(name, number, [1, 25, *sides])],
        [helper.make_tensor_value_info("lack", number, [1, n_out, *sides])],
        [
            helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1]),
            helper.make_tensor("factors", number, [1, n_out, 1, 1], [0.0] * n_out),
            helper.make_tensor("values", number, [1, n_out, 1, 1], [value] * n_out),
        ],
    )
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    )
    return path


def test_network_of_a_user(tmp_path):
    data = apercu.encode(rich(200, 180, 1)[:, :, 0] // 2 + 50, codec="apercu", quality=40)
    path = network_of(tmp_path / "a.onnx", value=10 / 127.5)
    assert np.array_equal(apercu.decode(data, restore="cnn", network=path), apercu.decode(data) + 10)
    assert np.array_equal(apercu.decode(data, restore="cnn", network=str(path)), apercu.decode(data) + 10)


def test_networks_that_are_none(tmp_path):
    data = apercu.encode(IMAGES["grey"], codec="apercu")
    (tmp_path / "text.onnx").write_text("no network")
    for network, words in (
        (tmp_path / "nowhere.onnx", "cannot read"),
        ("a\0b", "cannot read"),
        (7, "path of a file"),
        (tmp_path / "text.onnx", "text.onnx is not ONNX"),
        (network_of(tmp_path / "names.onnx", name="pixels"), "another network"),
        (network_of(tmp_path / "channels.onnx", n_out=23), "another network"),
        (network_of(tmp_path / "nan.onnx", value=np.nan), "not finite"),
    ):
        with pytest.raises(ModelError, match=words):
            apercu.decode(data, restore="cnn", network=network)
    with pytest.raises(OptionError, match="restore='cnn'"):
        apercu.decode(data, network=tmp_path / "nowhere.onnx")


def test_a_network_that_was_shipped_has_a_name(monkeypatch):
    image = rich(80, 90, 3)
    for codec, name, other in (("apercu", "cnn", "cnn_blocks"), ("taha2025", "cnn_blocks", "cnn")):
        data = apercu.encode(image, codec=codec, quality=40)
        restored = apercu.decode(data, restore="cnn")
        monkeypatch.setitem(ids.NETWORKS, f"{name}-1", ids.NETWORKS[name])
        for chosen in (name, f"{name}-1"):
            assert np.array_equal(apercu.decode(data, restore="cnn", network=chosen), restored)
        monkeypatch.setitem(ids.NETWORKS, f"{other}-1", ids.NETWORKS[other])
        for strange in (other, f"{other}-1"):
            says = f"^the network of this restorer for files of the codec {codec} is {name}, not {strange}$"
            with pytest.raises(ModelError, match=says):
                apercu.decode(data, restore="cnn", network=strange)
        with pytest.raises(ModelError, match="cannot read the network"):
            apercu.decode(data, restore="cnn", network=f"{name}-9")


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
