"""What a search expects of a file before it is coded."""

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.codecs import apercu as codec
from apercu.codecs import dct, encoding, forecast
from apercu.codecs.content import to_content
from apercu.codecs.tables import shipped
from apercu.format.container import Header
from apercu.lab import forecast as lab
from apercu.lab.recipes import images_of
from scripts.pictures import scene, wide

MODELS = [(codec, 2, "range"), (dct, 3, "range"), (dct, 4, "huffman")]
"""Codec, model and entropy coder: each has weights of its own."""


def counts_of(image, bands, module=codec, model_id=2):
    header = Header(*image.shape, bands, codec=module.__name__.rsplit(".", 1)[-1])
    tables = shipped(model_id)
    return module.counts(module.analyse(*to_content(image, header), None, tables), tables)


def test_magnitudes_are_counted_by_half_octaves_of_the_step():
    """Bin k begins at 2^(k/2) steps, whichever sign; steps of a fourth and of a half, 3 and 5 coefficients."""
    found = forecast.counted(np.array([0, 1, -3, 1, 2, -3, 100, -32768], np.int16), [0.25, 0.5], [3, 5])
    magnitudes = [0, 4, 12, 2, 4, 6, 200, 65536]
    expected = np.zeros(50, int)
    for magnitude in magnitudes:
        expected[max(k for k in range(50) if k == 0 or 2 ** (k / 2) <= magnitude)] += 1
    assert found.tolist() == expected.tolist()
    assert np.flatnonzero(found).tolist() == [0, 2, 4, 5, 7, 15, 32]


def test_all_are_counted_where_they_are_more_than_are_taken_at_a_time():
    """The bins do not depend on where one piece ends and the next begins."""
    many = (np.arange(200_001) % 4001 - 2000).astype(np.int16)
    sizes = [70_001, 50_000, 80_000]
    whole = forecast.counted(many, [0.5, 0.25, 0.03], sizes)
    parts = np.split(many, np.cumsum(sizes)[:-1])
    apart = sum(
        forecast.counted(part, [step], [part.size]) for part, step in zip(parts, (0.5, 0.25, 0.03), strict=True)
    )
    assert whole.sum() == 200_001
    assert whole.tolist() == apart.tolist()


def test_every_sample_of_a_picture_is_counted_but_the_first_of_each_row_of_ll():
    counts = counts_of(scene(100, 140, 3), "rgb")
    assert counts.sum(1).tolist() == [100 * 140 - 4 * 5, 2 * (50 * 70 - 4 * 5), 4 * 4, 2 * 4 * 4]


def test_every_coefficient_of_blocks_is_counted_by_class_and_band():
    """Of 13 × 18 blocks, and 7 × 9 of chroma twice."""
    counts = counts_of(scene(100, 140, 3), "rgb", dct, 3)
    in_bands = [1, 2, 7, 11, 22, 21]
    assert counts.sum(1).tolist() == [n * 13 * 18 for n in in_bands] + [n * 2 * 7 * 9 for n in in_bands]


def test_coefficients_of_blocks_are_counted_by_their_own_steps():
    """A matrix twice as coarse is a bin of an octave lower, which is two."""
    image = scene(80, 96, 1, 3)
    header = Header(*image.shape, "grey", codec="dct")
    tables = shipped(3)
    first = tables.quantisers[0]
    coarse = tables._replace(quantisers=(first._replace(matrix=2 * first.matrix),))
    fine, half = (dct.counts(dct.analyse(*to_content(image, header), None, t), t) for t in (tables, coarse))
    assert fine[:6, 30:].sum() > 0
    assert np.array_equal(fine[:, 3:], half[:, 1:-2])


def test_changes_of_means_are_those_that_are_coded():
    means = np.array([[5, 7, 7], [6, 6, 90], [6, 8, 2]], np.int32)
    assert dct._changes(means).tolist() == [[5, 2, 0], [1, -1, 84], [0, 2, -88]]


@pytest.mark.parametrize(("module", "model_id", "entropy"), MODELS)
@pytest.mark.parametrize("bands", ["grey", "rgb"])
def test_sizes_and_errors_are_forecast(bands, module, model_id, entropy):
    """Of drawn pictures, which the training images have little in common with; of blocks, which leave files of them
    that are next to empty, with grain."""
    for seed in (1, 2, 3):
        image = scene(200, 240, 3 if bands == "rgb" else 1, seed)
        if module is dct:
            grain = np.random.default_rng(seed).normal(0, 20, (50, 60, 1)).repeat(4, 0).repeat(4, 1)
            image = np.clip(image + grain, 0, 255).astype(np.uint8)
        expected = forecast.forecast(counts_of(image, bands, module, model_id), forecast.shipped(model_id)[0])
        for quality in (40, 50) if module is dct else (20, 40, 60):
            options = {"codec": "dct", "entropy": entropy} if module is dct else {}
            data = apercu.encode(image, quality=quality, **options)
            step_q8 = codec.at_quality(256 * quality).step_q8
            error = np.sum((image.astype(float) - apercu.decode(data).reshape(image.shape)) ** 2) / image.shape[2]
            assert 0.55 < expected.n_bytes(step_q8) / len(data) < 1.6
            assert 0.55 < expected.error(step_q8) / error < 1.6


def test_a_forecast_goes_evenly_from_step_to_step():
    """Sizes never grow with the step; at a knot both sides agree."""
    expected = forecast.forecast(counts_of(scene(90, 90, 1, 4), "grey"), forecast.shipped(2)[0])
    steps = range(256, 262_144, 97)
    sizes = [expected.n_bytes(step) for step in steps]
    assert all(a >= b for a, b in pairwise(sizes))
    for knot in (512, 724, 32_768, 131_072):
        assert expected.n_bytes(knot - 1) == pytest.approx(expected.n_bytes(knot), rel=0.01)
        assert expected.error(knot - 1) == pytest.approx(expected.error(knot), rel=0.01)


@pytest.fixture
def codings(monkeypatch):
    """Counts the calls that code the whole image."""
    made = []
    for name in ("file", "squared_error"):
        whole = getattr(encoding.Job, name)
        monkeypatch.setattr(encoding.Job, name, lambda job, at, do=whole: made.append(at) or do(job, at))
    return made


@pytest.mark.parametrize("options", [{}, {"codec": "dct"}, {"codec": "dct", "entropy": "huffman"}])
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba", "spectral", "wide"])
def test_few_codings_are_needed(kind, options, codings):
    """Seven at the most, where a search without a forecast takes eleven; with dct thirteen for a size, in place of
    fifteen: files of such pictures are next to empty. In one, sizes leap over the target, and another quantiser meets
    it."""
    image = scene(240, 260, {"grey": 1, "rgb": 3, "rgba": 4, "spectral": 5, "wide": 3}[kind], 5)
    image = wide(image, 300, 20_000) if kind == "wide" else image
    for target in ({"n_bytes": 1500}, {"n_bytes": 4000}, {"psnr": 27}, {"psnr": 30})[: 2 if options else 4]:
        codings.clear()
        data = apercu.encode(image, bands="spectral" if kind == "spectral" else None, **target, **options)
        leaps = kind == "spectral" and "entropy" in options
        assert 1 <= len(codings) <= (20 if leaps else 13 if options else 7)
        assert "n_bytes" not in target or 0.98 * target["n_bytes"] <= len(data) <= target["n_bytes"]


def test_tiles_are_forecast_together(codings):
    image = scene(300, 310, 3, 6)
    assert len(apercu.encode(image, n_bytes=6000, tile=64)) <= 6000
    assert len(codings) <= 7


@pytest.mark.parametrize(
    ("model_id", "name", "shape"),
    [
        (2, "apercu_forecast", (1, 2, 4, 16)),
        (3, "dct_forecast", (4, 2, 12, 16)),
        (4, "dct_huffman_forecast", (4, 2, 12, 16)),
    ],
)
def test_shipped_weights_are_those_of_the_recipe_beside_them(model_id, name, shape):
    recipe = json.loads((forecast.FOLDER / f"{name}.json").read_text())
    weights = forecast.shipped(model_id)
    assert weights.shape == shape
    assert hashlib.sha256(weights.astype("<u4").tobytes()).hexdigest() == recipe["sha256"]
    assert f" {name}.npy" in recipe["command"]
    assert recipe["wrong_by"]["size"] < 0.115
    assert recipe["wrong_by"]["error"] < 0.115


@pytest.fixture
def folder(tmp_path):
    for seed in range(3):
        Image.fromarray(scene(110, 130, 3, seed + 1)).save(tmp_path / f"{seed}.png")
    return tmp_path


def test_weights_are_trained_again_to_the_same_bytes(folder, monkeypatch):
    monkeypatch.setattr(lab, "QUALITIES", (10, 30, 50))
    outs = [folder / "one.npy", folder / "two.npy"]
    for out in outs:
        lab.train("apercu", folder, out, log=lambda _: None)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    recipe = json.loads(outs[0].with_suffix(".json").read_text())
    assert recipe["wrong_by"]["size"] < 0.05  # of few pictures, weights come nearer than the shipped ones
    assert list(images_of(outs[0].with_suffix(".json"))) == ["0.png", "1.png", "2.png"]


def test_a_codec_that_counts_nothing_is_not_trained(folder):
    with pytest.raises(apercu.OptionError, match="taha2025 counts nothing"):
        lab.train("taha2025", folder, folder / "out.npy", log=lambda _: None)


def test_least_wrong_weights_are_those_that_made_the_numbers():
    rng = np.random.default_rng(5)
    features = rng.uniform(0, 10, (300, 3)) * [1, 30, 1]
    true = features @ [2.0, 0.1, 0.0]
    np.testing.assert_allclose(lab.least_wrong(features, true, true), [2.0, 0.1, 0.0], atol=1e-3)
