"""The small tables of codec `apercu`: which contexts can occur, how bytes become starts, how they are trained."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.codecs import apercu as codec
from apercu.codecs.tables import named, of_user, shipped
from apercu.errors import ModelError
from apercu.format.ids import MODELS, PLACEHOLDER_TABLES
from apercu.format.weights import FOLDER
from apercu.lab import apercu_small as lab
from apercu.lab.band_bits import bits_of
from apercu.stages.band_contexts import AGES, N_LOGITS, PROBABILITIES, packed, places, reached, unpacked
from apercu.stages.bands import N_CONTEXTS, STAGES, BandCoder, start_contexts
from apercu.stages.layout import layout_of
from apercu.stages.range_coding import BYPASS, range_encode
from scripts.pictures import noise, scene, user_tables

SPEC = (Path(__file__).parents[1] / "spec/apercu.md").read_text("utf-8")
SMALL = np.load(FOLDER / "apercu_small.npy")


def coded(kind, height, width, n_bands, values, step_q8, tables, array):
    """The bytes of these coefficients, and the bits that their symbols make, with where they start."""
    layout = layout_of(kind, n_bands, height, width)
    coder = BandCoder(codec.band_planes(layout), tables)
    coefficients, symbols = values[: coder.n_samples].copy(), np.zeros(coder.n_samples, np.int16)
    data = coder.encode(coefficients, step_q8, STAGES, 1, symbols)
    bits = bits_of(symbols, coder.planes, tables.weights)
    coder.close()
    starts = array[270:].reshape(N_CONTEXTS, 2)
    shifts = np.tile(np.array([4, 7], np.uint16), (N_CONTEXTS, 1))
    return data, bits, np.hstack([starts, shifts])


@pytest.mark.parametrize("step_q8", [1, 256, 30_000, 262_144])
@pytest.mark.parametrize(
    ("kind", "height", "width", "n_bands"),
    [("grey", 1, 1, 1), ("grey", 37, 50, 1), ("rgb", 41, 35, 3), ("spectral", 22, 19, 3), ("rgba", 3, 64, 4)],
)
def test_the_bits_of_symbols_are_those_of_the_coder(kind, height, width, n_bands, step_q8):
    """So each has its context, and only those occur that small tables have."""
    array = user_tables()
    tables = codec.read_tables(array, "range")
    size = np.exp2(np.arange(8000) % 16) - 1
    values = (np.round(noise((8000,), 7) / 32768.0 - 1, 3) * size).astype(np.int16)
    data, bits, starts = coded(kind, height, width, n_bands, values, step_q8, tables, array)
    assert range_encode(bits.bits, bits.contexts, N_CONTEXTS, starts) == data
    assert set(bits.contexts.tolist()) - {BYPASS} <= set(reached().tolist())


def test_the_specification_has_the_numbers_of_the_code():
    text = SPEC.split("**Small tables.**")[1]
    rows = re.findall(r"^    ([\d, ]+)$", text, re.MULTILINE)
    half = [int(number) for row in rows[:2] for number in re.findall(r"\d+", row)]
    assert half == PROBABILITIES[:32].tolist()
    assert PROBABILITIES[::-1].tolist() == (65536 - PROBABILITIES.astype(int)).tolist()
    assert PROBABILITIES.tolist() == [round(65536 / (1 + np.exp((31.5 - i) / 4))) for i in range(64)]
    assert "A[0] to A[3] are {}, {}, {} and {}".format(*AGES) in text
    counts = [int(cell) for cell in re.search(r"^\| number \| (.*) \|$", text, re.MULTILINE)[1].split(" | ")]
    assert counts == [np.isin(indices, reached()).sum() for indices in places().values()]
    assert sum(counts) == len(reached()) == 8119
    assert SMALL.shape == (8362,)


def test_bytes_become_starts():
    tables = np.zeros(8362, np.uint8)
    tables[243:] = np.arange(8119) % 256
    weights, starts = unpacked(tables)
    i, j = 1 + 64 * 2, 5 + 64 * 3
    assert starts[reached()[i]].tolist() == [32, 32]
    assert starts[reached()[j]].tolist() == [87, 91]
    assert starts[reached()[63 + 64]].tolist() == [65511, 11]
    codes = np.zeros(N_CONTEXTS, np.uint8)
    codes[reached()] = tables[243:]
    assert np.array_equal(packed(weights, codes), tables)
    weights[:] = np.arange(270).reshape(30, 9) % 64
    again, _ = unpacked(packed(weights, codes))
    assert not again[15:18].any()  # chroma in stage 1
    assert np.array_equal(np.delete(again, (15, 16, 17), 0), np.delete(weights, (15, 16, 17), 0))


def test_they_are_taken_by_name():
    image = scene(90, 70, 3)
    data = apercu.encode(image, quality=50, model="apercu_small")
    assert apercu.info(data)["model"] == 10
    assert apercu.check(data) == []
    assert np.square(apercu.decode(data).astype(float) - image).mean() < 100
    plain = apercu.encode(image, quality=50)
    assert apercu.info(plain)["model"] == 2
    assert plain[:3] == data[:3]
    assert plain[4:] != data[4:]
    for other in ("taha2025", "dct"):
        with pytest.raises(ModelError, match="apercu_small is not for the codec"):
            apercu.encode(image, model="apercu_small", codec=other)
    assert named("apercu_small.npy", "apercu", "range") is None


def test_a_size_and_a_psnr_are_met():
    image = scene(200, 180, 3)
    data = apercu.encode(image, n_bytes=900, model="apercu_small")
    assert 880 < len(data) <= 900
    data = apercu.encode(image, psnr=33, model="apercu_small")
    assert 10 * np.log10(255**2 / np.square(apercu.decode(data).astype(float) - image).mean()) == pytest.approx(
        33, abs=0.05
    )


def test_tables_of_a_user_may_be_small(tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, SMALL[::-1] % 64)
    data = apercu.encode(scene(40, 30), model=path)
    digest = hashlib.sha256((SMALL[::-1] % 64).tobytes()).hexdigest()
    assert apercu.info(data)["model"] == digest[:16]
    assert apercu.decode(data, model=path).shape == (40, 30, 1)
    with pytest.raises(ModelError, match="user-trained"):
        apercu.decode(data)


@pytest.mark.parametrize(
    "array",
    [SMALL[1:], SMALL.reshape(2, -1), np.where(np.arange(8362) == 242, 65, SMALL).astype(np.uint8), SMALL.astype("u2")],
)
def test_other_arrays_are_refused(array, tmp_path):
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(ModelError):
        of_user("apercu", tmp_path / "other.npy")
    for other in ("taha2025", "dct", "predictive", "stacked_ae", "rnn"):
        with pytest.raises(ModelError):
            of_user(other, tmp_path / "other.npy")


def test_costs_are_those_of_the_range_coder():
    bits = (noise((40, lab.SEEN), 3) % 5 == 0).astype(np.uint8)
    lengths = np.sort(noise((40,), 4).astype(np.int64) % (lab.SEEN + 1))[::-1]
    p0, ages = np.array([[60_000, 900, 32_768]] * 40, np.int32), np.array([[4, 91, 128]] * 40, np.int32)
    costs = lab.costs_of(bits, lengths, p0, ages)
    contexts = np.repeat(np.arange(40), lengths)
    kept = bits[np.arange(lab.SEEN) < lengths[:, None]]
    for lane in range(3):
        starts = np.array([[p0[0, lane], ages[0, lane], 4, 7]] * 40)
        assert 8 * len(range_encode(kept, contexts, 40, starts)) == pytest.approx(costs[:, lane].sum(), abs=24)


def test_training_brings_gains(tmp_path):
    for number in range(2):
        Image.fromarray(scene(150, 140, 3, number)).save(tmp_path / f"{number}.png")
    lines = []
    lab.train(tmp_path, tmp_path / "small.npy", log=lines.append)
    recipe = json.loads((tmp_path / "small.json").read_text())
    array = np.load(tmp_path / "small.npy")
    assert recipe["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()
    assert min(recipe["gains_in_per_cent"].values()) > 0
    assert np.array_equal(unpacked(array)[0][:15], shipped(2).weights[:15])
    assert recipe["images"]["n_images"] == 2
    for image in (scene(150, 140, 3), scene(33, 30, 3, 1)):
        sizes = [len(apercu.encode(image, quality=40, model=model)) for model in (None, tmp_path / "small.npy")]
        assert sizes[1] - 9 < sizes[0]  # a file with tables of a user's names them in 9 bytes


def test_tables_of_placeholders_are_trained_twice(tmp_path):
    """The second time on what the first ones make of the pictures."""
    for number in range(2):
        Image.fromarray(scene(120, 180, 3, number)).save(tmp_path / f"{number}.png")
    lab.train(tmp_path, tmp_path / "twice.npy", log=lambda _: None, what="placeholder")
    recipe = json.loads((tmp_path / "twice.json").read_text())
    assert [min(gains.values()) > 0 for gains in recipe["gains_in_per_cent"]] == [True, True]
    assert recipe["sha256"] == hashlib.sha256(np.load(tmp_path / "twice.npy").tobytes()).hexdigest()


def test_those_of_placeholders_are_those_of_their_recipe():
    recipe = json.loads((FOLDER / "placeholder.json").read_text())
    digest = hashlib.sha256(np.load(FOLDER / "placeholder.npy").tobytes()).hexdigest()
    assert recipe["sha256"] == PLACEHOLDER_TABLES.sha256 == digest
    assert recipe["begun_with"]["sha256"] == MODELS[2].sha256
    assert len(recipe["gains_in_per_cent"]) == lab.PASSES["placeholder"]


def test_the_shipped_ones_are_those_of_their_recipe():
    recipe = json.loads((FOLDER / "apercu_small.json").read_text())
    assert recipe["sha256"] == MODELS[10].sha256 == hashlib.sha256(SMALL.tobytes()).hexdigest()
    assert recipe["begun_with"]["sha256"] == MODELS[2].sha256
    assert min(recipe["gains_in_per_cent"].values()) > 0
    codes = SMALL[243:]
    assert PROBABILITIES[codes % N_LOGITS].max() <= 65_511
    assert start_contexts(unpacked(SMALL)[1]).tolist() == shipped(10).contexts.tolist()


def test_bytes_lie_where_the_documents_say():
    """docs/apercu.md, "Small tables": what an encoder needs that takes them from the array itself."""
    zero = [200 * k for k in range(6)] + [600 + 100 * k for k in range(6, 15)]
    zero += [-900 + 200 * k for k in range(15, 18)] + [900 + 100 * k for k in range(18, 27)]
    bands = [
        (of_class, stage, orientation)
        for of_class in (0, 1)
        for stage in range(of_class, 5)
        for orientation in range(3)
    ]
    found = np.full(N_CONTEXTS, -1)
    found[reached()] = np.arange(8119)
    by_kind = {kind: found[indices] for kind, indices in places().items()}
    for k, band in enumerate(bands):
        around, before, g = np.indices((10, 10, 2))
        if band[1] < 2:
            wanted = zero[k] + 20 * around + 2 * before + g
        else:
            wanted = np.where(g == 0, zero[k] + 10 * around + before, -1)
        assert np.array_equal(by_kind["zero"][band], wanted)
        assert np.array_equal(by_kind["sign"][band], 3600 + 81 * k + np.arange(81))
        bucket, place = np.indices((10, 14))
        assert np.array_equal(by_kind["magnitude"][band[:2]], 5787 + 140 * (k // 3) + 14 * bucket + place)
        if band[1] < 2:
            flags, bucket = np.indices((8, 10))
            wanted = 7047 + 80 * (k - 9 * band[0]) + 10 * flags + bucket
            assert np.array_equal(by_kind["flag"][band], wanted)
    of_class, bucket, place = np.indices((2, 10, 16))
    assert np.array_equal(by_kind["length"][..., :16], 7767 + 160 * of_class + 16 * bucket + place)
    of_class, length = np.indices((2, 15))
    assert np.array_equal(by_kind["second"][:, 2:], 8087 + 15 * of_class + length)
    assert by_kind["sign of LL"].tolist() == [8117, 8118]
