"""Generative restorers: texture where there is some, nothing where there is none; the same for a seed, however it is
cut."""

import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

import apercu
from apercu.bench.tasks.drawing import pixels
from apercu.cli.main import main
from apercu.codecs import decoding
from apercu.errors import MissingExtra, ModelError, OptionError
from apercu.format import ids
from apercu.restore import networks
from apercu.restore.by_name import RESTORERS, restorer_of
from apercu.restore.generated import learnt
from apercu.restore.strokes import strokes
from apercu.stages.blocks import Window
from every_codec import part
from scripts.drawn import sky
from scripts.pictures import scene, wide

pytest.importorskip("onnxruntime")
HORIZON = 64
WAYS = [name for name in RESTORERS if restorer_of(name).KIND == "generative"]


def meadow(height, width, seed=2):
    """A sky without a cloud above 64 rows, discs and grass below; (H, W, 3)."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    spectrum = np.maximum(down**2 + across**2, 1 / (height * width)) ** -0.6
    grass = np.fft.ifft2(np.fft.fft2(np.random.default_rng(seed).normal(size=(height, width))) * spectrum).real
    ground = 64 + 20 * (grass / grass.std())[:, :, None] * [1, 1, 0.9] + scene(height, width, 3, 3) / 2
    ground[:HORIZON] = sky(HORIZON, width)
    return pixels(ground)


def decoded(data, way, **options):
    return apercu.decode(data, restore=way, **options).astype(float)


def in_squares(data, way, side, window=None):
    module = restorer_of(way)
    restorer = module.load("apercu", module.Options(), square=side)
    return decoding.decode(data, decoding.How(restorer=restorer), window).astype(float)


@pytest.fixture(scope="module")
def data():
    return apercu.encode(meadow(160, 192), quality=40)


@pytest.fixture(scope="module")
def faithful(data):
    return apercu.decode(data, restore="cnn").astype(float)


@pytest.fixture(scope="module", params=WAYS)
def way(request):
    return request.param


@pytest.fixture(scope="module")
def generated(data, way):
    return decoded(data, way)


def test_there_is_texture_in_grass_and_none_in_the_sky(data, faithful, generated, way):
    again, other = decoded(data, way, seed=0), decoded(data, way, seed=1)
    assert np.array_equal(again, generated)
    sky, grass = np.s_[: HORIZON - 8], np.s_[HORIZON:]
    assert np.abs(generated - faithful)[grass].mean() > 1
    assert np.abs(generated - other)[grass].mean() > 1
    assert np.abs(generated - other)[sky].mean() < 0.5
    flat = [image[sky].reshape(7, 8, 24, 8, 3).std((1, 3)).mean() for image in (generated, faithful)]
    assert flat[0] < flat[1] + 0.5


def test_strength_goes_from_the_faithful_picture_to_the_generated_one(data, faithful, generated, way):
    assert np.array_equal(decoded(data, way, strength=0), faithful)
    assert np.array_equal(decoded(data, way, strength=0, seed=5), faithful)
    assert np.array_equal(decoded(data, way, strength=1), generated)
    half = decoded(data, way, strength=0.5)
    assert np.abs(half - (faithful + generated) / 2).mean() < 0.6
    assert 0.35 < np.abs(half - faithful).mean() / np.abs(generated - faithful).mean() < 0.65


def test_each_tile_has_noise_of_its_own(way):
    """Two tiles of the same picture, which are the same without noise."""
    tile = meadow(128, 128)
    data = apercu.encode(np.tile(tile, (1, 2, 1)), quality=40, tile=128)
    halves = [np.hsplit(apercu.decode(data, restore=restore).astype(float), 2) for restore in ("cnn", way)]
    assert np.array_equal(*halves[0])
    assert np.abs(np.subtract(*halves[1]))[HORIZON:].mean() > 0.7


def test_the_grid_of_squares_hardly_shows(data, generated, way):
    small = in_squares(data, way, 64)
    assert np.abs(small - generated).mean() < 0.5
    assert np.abs(small - generated).max() < 25
    assert not np.array_equal(small, generated)


def test_windows_in_small_squares_and_tiles_are_crops(way):
    data = apercu.encode(meadow(144, 160)[HORIZON - 16 :], quality=40, tile=128)
    whole = in_squares(data, way, 64)
    for window in (Window(40, 61, 50, 90), Window(63, 127, 3, 2)):
        assert np.array_equal(in_squares(data, way, 64, window), part(whole, window))


@pytest.mark.parametrize("quality", [75, 95])
def test_what_is_coded_finely_is_left_to_cnn(quality, way):
    data = apercu.encode(meadow(96, 128), quality=quality)
    assert np.array_equal(decoded(data, way), apercu.decode(data, restore="cnn"))


def test_the_steps_that_it_has_learnt():
    steps = [1, 20, 25.3, 32, 100, 350, 488, 680, 1000]
    assert [round(learnt(step), 2) for step in steps] == [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0]


def letters(height, width, strokes=(1, 2, 4, 8, 3, 6, 5, 10)):
    """Lines of marks that are 12 pixels high, of strokes as a pocket calculator has them."""
    image = np.full((height, width), 240, np.uint8)
    for top in range(4, height - 12, 18):
        for k, left in enumerate(range(4, width - 8, 10)):
            mark = strokes[(k * k + top) % len(strokes)]
            for bit, (y, x, h, w) in enumerate(((0, 0, 12, 2), (0, 6, 12, 2), (0, 0, 2, 8), (5, 0, 2, 8))):
                if mark >> bit & 1:
                    image[top + y : top + y + h, left + x : left + x + w] = 20
    return image


@pytest.mark.parametrize("image", [letters(160, 200), np.full((160, 160), 90, np.uint8)], ids=["letters", "flat"])
def test_in_letters_and_flat_pictures_nothing_is_made_up(image, way):
    for quality in (25, 35):
        data = apercu.encode(image, quality=quality)
        assert np.abs(decoded(data, way, seed=1) - decoded(data, way)).mean() < 0.5


def test_where_letters_are_in_a_picture():
    image = meadow(192, 256)[:, :, 1]
    image[:, 128:] = letters(192, 128)
    found = []

    def look(planes, layout, step_q8, evidence, *_):
        found.append(strokes(planes[0], evidence[0], step_q8))

    decoding.decode(apercu.encode(image, quality=25), decoding.How(restorer=look))
    assert found[0].shape == (24, 32)
    assert found[0][:, :9].max() == 0
    assert found[0][2:, 24:].min() == 1


def test_blades_of_grass_are_no_letters():
    """Which are strokes as well, but as many light ones as dark ones."""
    rng = np.random.default_rng(1)
    image = Image.new("L", (192, 192), 110)
    for _ in range(1200):
        (x, y), angle, length = rng.uniform(0, 192, 2), rng.uniform(0, np.pi), rng.uniform(6, 16)
        end = x + length * np.cos(angle), y + length * np.sin(angle)
        ImageDraw.Draw(image).line((x, y, *end), fill=int(rng.integers(20, 200)), width=int(rng.integers(1, 3)))
    found = []

    def look(planes, layout, step_q8, evidence, *_):
        found.append(strokes(planes[0], evidence[0], step_q8))

    decoding.decode(apercu.encode(np.asarray(image), quality=36), decoding.How(restorer=look))
    assert found[0].mean() < 0.1


@pytest.mark.parametrize("kind", ["grey", "spectral", "rgb16", "grey16"])
def test_other_kinds_of_images(kind, way):
    image = meadow(96, 160)
    bands = {"grey": image[:, :, 0], "spectral": np.concatenate([image, image[:, :, :2]], 2), "rgb16": image}
    image = bands.get(kind, image[:, :, 1])
    image = wide(image, 1000, 30000) if kind.endswith("16") else image
    data = apercu.encode(image, quality=40)
    plain, made = (apercu.decode(data, restore=how) for how in ("none", way))
    assert (made.shape, made.dtype) == (image.shape, image.dtype)
    assert not np.array_equal(plain, made)
    peak = 29000 if kind.endswith("16") else 255
    assert np.abs(made.astype(float) - plain).mean() < 0.05 * peak
    if kind == "rgb16":
        assert np.array_equal(apercu.decode(data, restore=way, window=(70, 9, 9, 70)), made[70:79, 9:79])


def test_layers_and_damage(way):
    """A cut file shows the layers that are whole, and what is made up of them is little."""
    data = apercu.encode(meadow(128, 160), quality=54, layers=4)
    by_layers = [decoded(data, way, layers=n) for n in range(1, 5)]
    for n, shown in enumerate(by_layers):
        assert np.abs(shown - apercu.decode(data, restore="cnn", layers=n + 1)).mean() < 12
    shown = decoded(data[:-4], way, damaged="conceal")
    assert [np.array_equal(shown, of) for of in by_layers[:3]] == [False, False, True]


def test_options_that_are_refused(data, way):
    for options, says in (
        ({"strength": 1.01}, "strength must be a finite number from 0 to 1"),
        ({"strength": -0.1}, "strength must be"),
        ({"strength": float("nan")}, "strength must be"),
        ({"strength": "much"}, "strength must be a number from 0 to 1, not 'much'"),
        ({"seed": -1}, r"seed must be from 0 to 2\^63 - 1, not -1"),
        ({"seed": 1 << 63}, "seed must be"),
        ({"seed": 0.5}, "seed must be a whole number"),
    ):
        with pytest.raises(OptionError, match=says):
            apercu.decode(data, restore=way, **options)
    with pytest.raises(OptionError, match="strength goes with restore='gan' or 'diffusion'"):
        apercu.decode(data, restore="cnn", strength=1)
    with pytest.raises(
        OptionError, match=f"restore must be 'none' or 'cnn' for a file of the codec taha2025, not '{way}'"
    ):
        apercu.decode(apercu.encode(scene(16, 16), codec="taha2025"), restore=way)
    small = apercu.encode(scene(24, 24, 3), quality=40)
    for seed in ((1 << 63) - 1, np.int64(7), 1 << 32):
        assert decoded(small, way, seed=seed, window=(0, 0, 1, 1)).shape == (1, 1, 3)


def test_networks(data, generated, way, tmp_path):
    path = tmp_path / "mine.onnx"
    path.write_bytes(networks.shipped_file(way))
    assert np.array_equal(decoded(data, way, network=path), generated)
    assert np.array_equal(decoded(data, way, network=way), generated)
    with pytest.raises(ModelError, match=f"network of this restorer for files of the codec apercu is {way}, not cnn"):
        decoded(data, way, network="cnn")
    path.write_bytes(networks.shipped_file("cnn"))
    with pytest.raises(ModelError, match="another network"):
        decoded(data, way, network=path, strength=0)


def test_where_a_picture_comes_from(way, tmp_path):
    module = restorer_of(way)
    steps = {"steps": 4} if way == "diffusion" else {}
    shipped, cnn = ids.NETWORKS[way].sha256, ids.NETWORKS["cnn"].sha256
    assert module.provenance("apercu", module.Options()) == {"network": shipped, "strength": 1.0, "seed": 0, **steps}
    found = module.provenance("apercu", module.Options(strength=0.25, seed=9, network=way))
    assert found == {"network": shipped, "strength": 0.25, "seed": 9, **steps}
    faithful = module.provenance("apercu", module.Options(strength=-0.0))
    assert (faithful["network"], str(faithful["strength"])) == (cnn, "0.0")
    (tmp_path / "abc").write_bytes(b"abc")
    own = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert module.provenance("apercu", module.Options(network=tmp_path / "abc"))["network"] == own


def test_the_command(data, way, tmp_path):
    (tmp_path / "in.apc").write_bytes(data)
    call = ["decode", str(tmp_path / "in.apc"), str(tmp_path / "out.png"), "--restore", way]
    assert main([*call, "--strength", "0.5", "--seed", "3"]) == 0
    assert np.array_equal(Image.open(tmp_path / "out.png"), decoded(data, way, strength=0.5, seed=3))
    assert main([*call, "--strength", "2"]) == 2


def test_without_onnxruntime(data, way, monkeypatch):
    networks.shipped.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        MissingExtra, match=r"^to restore by a network needs onnxruntime: pip install 'apercu\[restore\]'$"
    ):
        apercu.decode(data, restore=way)
    networks.shipped.cache_clear()
