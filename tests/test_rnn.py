"""restore="rnn": what a step is given and what becomes of what it finds; steps, windows, and networks of any kind."""

import hashlib
import warnings
from functools import partial

import numpy as np
import pytest

import apercu
from apercu.codecs import decoding
from apercu.errors import ModelError, OptionError
from apercu.options import made
from apercu.restore import cnn, networks, rnn
from apercu.restore.rnn import FOUND, GIVEN, STATE, Options, refined
from apercu.restore.squares import OUT
from apercu.restore.trust import trust
from apercu.stages.blocks import Window
from every_codec import part
from rnn_step import step_file
from scripts.pictures import scene
from test_every_codec_restored import grained

pytest.importorskip("onnxruntime")
GIVEN_VALUES = np.random.default_rng(1).normal(size=(1, GIVEN, 4, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("network") / "step.onnx"
    path.write_bytes(step_file())
    return path


def decoded(data, network, window=None, square=64, **options):
    restorer = rnn.load("apercu", made(Options, {"network": network, **options}), square)
    return decoding.decode(data, decoding.How(restorer=restorer), window)


# --- Steps


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_a_step_is_given_what_the_one_before_found(steps):
    found = np.random.default_rng(2).normal(size=(steps, 1, FOUND, 4, 6)).astype(np.float32)
    shown = []

    def step(values):
        shown.append(values.copy())
        return found[len(shown) - 1]

    residual = refined(step, steps, GIVEN_VALUES)
    assert residual == pytest.approx(found[min(steps, 3) - 1 :, :, :OUT].mean(0), abs=1e-6)
    assert len(shown) == steps
    for k, values in enumerate(shown):
        assert np.array_equal(values[:, :GIVEN], GIVEN_VALUES)
        assert np.array_equal(values[:, GIVEN:], found[k - 1] if k else np.zeros_like(found[0]))


@pytest.mark.parametrize("most", [3e38, -3e38])
def test_networks_that_find_anything(most):
    """A step is given no number that is too large, and there are no warnings."""
    shown = []

    def step(values):
        shown.append(np.abs(values[:, GIVEN:]).max())
        return np.full((1, FOUND, 4, 6), most, np.float32)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        residual = refined(step, 3, GIVEN_VALUES)
    assert shown == [0, 32, 32]
    assert np.abs(residual).max() == 32


def test_steps_change_the_picture_and_four_are_the_default(network):
    data = apercu.encode(scene(96, 128, 3, 3), quality=40)
    found = [decoded(data, network, steps=steps).astype(int) for steps in (1, 2, 4)]
    assert [np.abs(a - b).mean() > 0.3 for a, b in zip(found, [apercu.decode(data), *found], strict=False)] == [
        True
    ] * 3
    assert np.array_equal(decoded(data, network), found[2])


@pytest.mark.parametrize(
    ("steps", "says"), [(0, "steps must be 1 or more"), (9, "steps must be at most 8"), (1.5, "steps must be a whole")]
)
def test_steps_that_are_refused(steps, says):
    with pytest.raises(OptionError, match=says):
        made(Options, {"steps": steps})


def test_where_a_picture_comes_from(network):
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    assert rnn.provenance("apercu", Options(network=network)) == {"network": digest, "steps": 4}
    assert rnn.provenance("apercu", Options(network=network, steps=2)) == {"network": digest, "steps": 2}


# --- Places


def test_windows_are_crops(network):
    """Of whole images in several tiles and squares, however many steps reach across them."""
    data = apercu.encode(grained(150, 300), quality=50, tile=128)
    whole = decoded(data, network)
    assert not np.array_equal(whole, apercu.decode(data))
    for window in (Window(0, 0, 128, 128), Window(100, 61, 50, 90), Window(63, 64, 3, 1), Window(149, 299, 1, 1)):
        assert np.array_equal(decoded(data, network, window), part(whole, window))


def test_alpha_stays_and_planes_without_colour_are_refined_one_by_one(network):
    grey, alpha = scene(90, 80, 1, 3), scene(90, 80, 1, 5)
    data = apercu.encode(np.concatenate([scene(90, 80, 3), alpha], 2), quality=42)
    plain, restored = apercu.decode(data), decoded(data, network)
    assert np.array_equal(plain[:, :, 3], restored[:, :, 3])
    assert not np.array_equal(plain[:, :, :3], restored[:, :, :3])
    one, two = (decoded(apercu.encode(grey.repeat(n, 2), quality=42), network) for n in (1, 2))
    assert np.array_equal(one[:, :, 0], two[:, :, 0])


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (31, 33), (65, 37)])
def test_odd_sizes(size, network):
    image = scene(*size, 3, 1)
    assert decoded(apercu.encode(image, quality=40), network).shape == image.shape


def test_where_nothing_is_trusted_nothing_is_added(network):
    """In flat pictures, and in files that are finer than the network has learnt."""
    for image, quality in ((np.full((90, 70), 90, np.uint8), 40), (scene(96, 128, 3, 3), 80)):
        data = apercu.encode(image, quality=quality)
        assert np.array_equal(decoded(data, network), apercu.decode(data))


def test_pixels_do_not_depend_on_threads():
    """After eight steps of the shipped network: sums in another order round a pixel another way at most."""
    ort = pytest.importorskip("onnxruntime")
    data = apercu.encode(np.tile(scene(96, 128, 3, 3), (2, 3, 1)), quality=40)
    found = []
    for threads in (1, 2, 5):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        session = ort.InferenceSession(networks.shipped_file("rnn"), options, providers=["CPUExecutionProvider"])
        step = partial(refined, lambda values, session=session: session.run(None, {networks.INPUT: values})[0], 8)
        restorer = partial(cnn.restore, step, "apercu", 512, trust)
        found.append(decoding.decode(data, decoding.How(restorer=restorer)).astype(int))
    assert np.abs(found[0] - apercu.decode(data)).max() > 3
    assert max(np.abs(of - found[0]).max() for of in found) <= 1


# --- Networks


def test_a_network_of_other_channels_is_refused(tmp_path):
    pytest.importorskip("onnx")
    path = tmp_path / "other.onnx"
    for channels in ((GIVEN + FOUND + 1, FOUND), (GIVEN + FOUND, OUT), (25, 24)):
        path.write_bytes(step_file(channels))
        with pytest.raises(ModelError, match="another network"):
            rnn.load("apercu", Options(network=path))


def test_what_the_documents_say_of_the_channels():
    assert (GIVEN, OUT, STATE, FOUND) == (25, 24, 64, 88)
