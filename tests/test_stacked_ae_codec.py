"""The codec of stacked autoencoders, with small drawn tables: any picture, alpha, layers, and what is refused."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import apercu
from apercu.codecs import encoding
from apercu.codecs import stacked_ae as codec
from apercu.codecs.encoding import Target
from apercu.codecs.plan import Plan
from apercu.errors import CorruptStream, ModelError, OptionError
from apercu.stages.layout import layout_of
from apercu.stages.stacked_tables import pack
from apercu.stages.symbol_maps import CLASSES, N_WEIGHTS, MapCoder, n_contexts, n_groups
from scripts.pictures import scene
from test_stacked_ae import drawn_tables


def file_of(tables):
    """The numbers of a file of tables whose contexts know nothing."""
    maps = codec.maps_of(tables)
    weights = np.full((CLASSES, n_groups(maps), N_WEIGHTS), 12, np.uint8)
    starts = np.tile(np.array((32768, 3), np.uint16), (n_contexts(maps), 1))
    return codec.to_array(pack(tables), weights, starts)


@pytest.fixture(scope="module", params=[(8, 0), (28, 6)], ids=["8", "28"])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "drawn.npy"
    np.save(path, file_of(drawn_tables(*request.param, size=100)))
    return path


def test_any_picture_comes_back(model):
    """A finer step brings every kind of picture closer, and its size and dtype stay."""
    for n_bands, wide in ((1, False), (3, False), (4, False), (3, True), (6, True)):
        image = scene(45, 70, n_bands)
        image = image.astype(np.uint16) * 200 + 900 if wide else image
        errors = []
        for quality in (20, 90):
            data = apercu.encode(image, quality=quality, codec="stacked_ae", model=model)
            back = apercu.decode(data, model=model)
            assert back.shape == image.shape
            assert back.dtype == image.dtype
            assert apercu.check(data) == []
            assert apercu.info(data)["codec"] == "stacked_ae"
            errors.append(float(((back.astype(float) - image) ** 2).mean()))
        assert errors[1] < errors[0]


def test_a_picture_smaller_than_a_block(model):
    image = scene(3, 5, 3)
    assert apercu.decode(apercu.encode(image, quality=60, codec="stacked_ae", model=model), model=model).shape == (
        3,
        5,
        3,
    )


def test_alpha_without_shades_stays_as_it_is(model):
    """Where a whole block is transparent or opaque, it stays so."""
    image = scene(112, 112, 4)
    image[:, :, 3] = 255
    image[:56, :56, 3] = 0
    for quality in (0, 40, 100):
        data = apercu.encode(image, quality=quality, codec="stacked_ae", model=model)
        assert np.array_equal(apercu.decode(data, model=model)[:, :, 3], image[:, :, 3])


def test_tiles_cut_no_block(model):
    """Where a tile would, the image is one, and what was asked for otherwise is refused."""
    image = scene(1040, 9, 1)
    small = np.load(model)[0] == 8
    assert apercu.info(apercu.encode(image, codec="stacked_ae", quality=30))["tiles"] == 2
    data = apercu.encode(image, codec="stacked_ae", quality=30, model=model)
    assert apercu.info(data)["tiles"] == (2 if small else 1)
    assert apercu.decode(data, model=model).shape == image.shape
    for tile, plan in ((64, None), (None, Plan(64))):
        given = image, Target(quality=30), encoding.How("stacked_ae", model=model, tile=tile), plan
        if small:
            assert apercu.info(encoding.encode(*given))["tiles"] == 17
        else:
            with pytest.raises(OptionError, match=r"^tiles of 64 .* cut the blocks of 28 × 28 of this model"):
                encoding.encode(*given)
    one = apercu.encode(image, codec="stacked_ae", quality=30, model=model, tile=2048)
    assert apercu.info(one)["tiles"] == 1


def test_blocks_of_digits_lie_on_digits(tmp_path):
    """Beyond 1,024 pixels too: a mosaic of the same digit has the same symbols everywhere."""
    path = tmp_path / "drawn.npy"
    np.save(path, file_of(drawn_tables(28, 6, size=100)))
    digit = scene(28, 28)[:, :, 0]
    data = apercu.encode(np.tile(digit, (1, 40)), codec="stacked_ae", quality=60, model=path)
    decoded = apercu.decode(data, model=path)
    assert np.array_equal(decoded[:, 28 * 20 : 28 * 21], decoded[:, 28 * 37 : 28 * 38])


def test_the_first_layer_shows_the_means(model):
    image = scene(128, 160, 1).reshape(128, 160)
    data = apercu.encode(image, quality=80, codec="stacked_ae", model=model, layers=2)
    assert apercu.info(data)["layers"] == 2
    coarse, whole = (apercu.decode(data, model=model, layers=n).astype(float) for n in (1, 2))
    assert ((whole - image) ** 2).mean() < ((coarse - image) ** 2).mean() < ((image.mean() - image) ** 2).mean()


def test_every_quality_has_the_step_of_the_specification():
    """In a straight line between the knots of the table."""
    text = (Path(__file__).parents[1] / "spec" / "stacked_ae.md").read_text("utf-8")
    places, steps = (
        [int(cell) for cell in re.search(rf"^\| {name} \|(.*)\|$", text, re.MULTILINE)[1].split("|")]
        for name in ("place", "step_q5")
    )
    assert (places[0], places[-1], len(steps)) == (0, 25_600, 17)
    for (a, first), (b, last) in pairwise(zip(places, steps, strict=True)):
        for quality in range(a, b + 1):
            p, d = quality - a, b - a
            assert codec.at_quality(quality).step_q5 == (first * (d - p) + last * p + d // 2) // d, quality


def test_experts_that_there_are_not_are_refused():
    tables = codec.read_tables(file_of(drawn_tables()), "range")
    layout = layout_of("grey", 1, 16, 16)
    maps = codec.map_layout(layout, tables)
    values = np.zeros(maps.n_symbols, np.int16)
    maps.part(values, 0, 1)[:] = 4
    coder = MapCoder(maps, tables.coding)
    steps, prices = np.full((CLASSES, len(maps.maps)), 64, np.int32), np.zeros((CLASSES, len(maps.maps)), np.int32)
    segment = coder.encode(values, steps, prices, 0, len(maps.maps), np.zeros_like(values))
    coder.close()
    with pytest.raises(CorruptStream, match="expert") as fault:
        codec.read([segment], layout, None, tables, 1)
    assert fault.value.layer == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda array: array.astype(np.uint16), "int16"),
        (lambda array: array[:-1], "after its networks"),
        (lambda array: np.append(array, np.int16(1)), "after its networks"),
        (lambda array: np.concatenate([array[:1] + np.int16(1), array[1:]]), "9 pixels a side"),
        (lambda array: np.concatenate([array[:-1], np.array([1], np.int16)]), "out of range"),
        (lambda array: np.concatenate([array[:-2], np.array([0, 3], np.int16)]), "out of range"),
    ],
)
def test_other_tables_are_refused(change, said, tmp_path):
    path = tmp_path / "other.npy"
    np.save(path, change(file_of(drawn_tables())))
    with pytest.raises(ModelError, match=said):
        apercu.encode(scene(16, 16, 3), quality=50, codec="stacked_ae", model=path)
