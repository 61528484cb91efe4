"""Every codec with every way to restore its files: windows are crops, alpha stays, layers and kinds of images."""

import numpy as np
import pytest

import apercu
from apercu.codecs import decoding
from apercu.restore import cnn
from apercu.restore.by_name import restorer_of, ways_of
from apercu.stages.blocks import Window
from apercu.stages.layout import layout_of
from every_codec import CODECS, EVERY_KIND, drawn, encode, most_layers, mse, part
from scripts.pictures import scene

pytest.importorskip("onnxruntime")
WAYS = [(codec, way) for codec, options in CODECS.items() for way in ways_of(options["codec"])[1:]]
FAITHFUL = [(codec, way) for codec, way in WAYS if restorer_of(way).KIND == "fidelity"]
EVERY_WAY = pytest.mark.parametrize(("codec", "way"), WAYS)
EVERY_FAITHFUL_WAY = pytest.mark.parametrize(("codec", "way"), FAITHFUL)


def quick(way):
    """Options with which a restorer takes least time."""
    return {"steps": 1} if way == "diffusion" else {"steps": 2} if way == "rnn" else {}


def rich(height, width, n_bands=3):
    """Detail in every part."""
    return np.tile(scene(80, 80, n_bands, 3), (-(-height // 80), -(-width // 80), 1))[:height, :width]


def grained(height, width):
    """Edges and grain, as a photograph has them."""
    image = scene(height, width, 3) + np.random.default_rng(5).normal(0, 6, (height, width, 3))
    return image.clip(0, 255).astype(np.uint8)


def test_the_codecs_of_blocks_take_part():
    assert {codec for codec, _ in WAYS} >= {"apercu", "taha2025", "dct", "dct-huffman", "stacked_ae"}


@EVERY_WAY
@EVERY_KIND
def test_shape_and_type_stay(codec, way, kind, dtype):
    for height, width in ((1, 1), (33, 47)):
        image = drawn(kind, height, width, dtype)
        restored = apercu.decode(encode(image, codec, quality=40), restore=way, **quick(way))
        assert (restored.shape, restored.dtype) == (image.shape, image.dtype)


@EVERY_FAITHFUL_WAY
def test_nearer_to_the_original(codec, way):
    for image in (scene(200, 183, 3, 3), scene(97, 180, 1, 3)[:, :, 0]):
        data = encode(image, codec, quality=42)
        assert mse(image, apercu.decode(data, restore=way)) < 0.95 * mse(image, apercu.decode(data))


@EVERY_WAY
def test_windows_are_crops(codec, way):
    data = encode(grained(150, 300), codec, quality=50, tile=128)
    options = restorer_of(way).Options(**quick(way))

    def decoded(window=None):
        restorer = restorer_of(way).load(CODECS[codec]["codec"], options, square=64)
        return decoding.decode(data, decoding.How(restorer=restorer), window)

    whole = decoded()
    assert not np.array_equal(whole, apercu.decode(data))
    for window in (Window(0, 0, 128, 128), Window(100, 61, 50, 90), Window(63, 64, 3, 1), Window(149, 299, 1, 1)):
        assert np.array_equal(decoded(window), part(whole, window))


@EVERY_WAY
def test_windows_across_the_squares_of_the_grid_are_crops(codec, way):
    """Where four meet, with the default; above, with every codec and way."""
    corner = (codec, way) == ("apercu", "cnn")
    data = encode(rich(540, 530 if corner else 80), codec, quality=45)
    whole = apercu.decode(data, restore=way, **quick(way))
    windows = [(505, 500, 20, 25), (513, 30, 9, 50)] if corner else [(505, 10, 20, 25)]
    # Of colour beyond a square, which all have from one place.
    reach = [(511, 511 if corner else 79, 1, 1)] * ((codec, way) in FAITHFUL)
    for window in windows + reach:
        found = apercu.decode(data, restore=way, window=window, **quick(way))
        assert np.array_equal(found, part(whole, window))


@EVERY_WAY
def test_alpha_is_left_as_it_is(codec, way):
    image = np.concatenate([scene(90, 80, 3), scene(90, 80, 1, 5)], 2)
    data = encode(image, codec, quality=42)
    plain, restored = apercu.decode(data), apercu.decode(data, restore=way, **quick(way))
    assert np.array_equal(plain[:, :, 3], restored[:, :, 3])
    assert not np.array_equal(plain[:, :, :3], restored[:, :, :3])


@EVERY_FAITHFUL_WAY
def test_with_fewer_layers_it_is_no_worse(codec, way):
    image = scene(200, 180, 3, 3)
    for quality in (30, 50, 70, 90):
        data = encode(image, codec, quality=quality, layers=most_layers(codec))
        for layers in range(1, min(most_layers(codec), 6)):
            plain, restored = (apercu.decode(data, restore=how, layers=layers) for how in ("none", way))
            assert mse(image, restored) <= 1.012 * mse(image, plain), (quality, layers)


def test_blocks_of_another_size_are_refused():
    """Those of digits."""
    restorer = cnn.load("stacked_ae", cnn.Options())
    where = Window(0, 0, 112, 112), Window(0, 0, 9, 9)
    evidence = [np.zeros((4, 4, 1), np.int16)]
    with pytest.raises(apercu.ModelError, match="8 x 8"):
        restorer([np.zeros((112, 112), np.int16)], layout_of("grey", 1, 112, 112), 4096, evidence, *where)
