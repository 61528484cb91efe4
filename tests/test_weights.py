"""Weights by id and from files: what is refused, and the bounds that keep the kernel's sums within 32 bits."""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from apercu.codecs.tables import of_file, of_user, shipped
from apercu.errors import ModelError
from apercu.format import weights as weight_files
from apercu.format.container import Header
from apercu.format.ids import MODELS, USER_MODEL
from apercu.format.weights import FOLDER
from apercu.stages.rnn_tables import shapes
from apercu.stages.stacked_tables import unpack
from limits import within
from rnn_case import file_of
from scripts.pictures import user_tables

GREY = Header(8, 8, 1, "grey", codec="taha2025", model_id=1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in place of the shipped weights."""
    monkeypatch.setattr(weight_files, "FOLDER", tmp_path)
    shipped.cache_clear()
    yield tmp_path
    shipped.cache_clear()


def saved(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize("model_id", [number for number, model in MODELS.items() if model.codec == "taha2025"])
def test_shipped_weights(model_id):
    weights = shipped(model_id).weights
    assert weights.shape == (2, 9, 64)
    assert weights.dtype == np.int16
    assert weights.flags.c_contiguous
    assert np.array_equal(weights, shipped(1).weights)
    norms = np.sqrt((weights.astype(float) ** 2).sum(2)) / 2**14
    assert np.abs(norms - 1).max() < 0.01


def test_shipped_file_changed_or_lost(folder):
    with pytest.raises(ModelError, match="cannot read"):
        shipped(1)
    saved(folder / MODELS[1].file, np.zeros((2, 9, 64), np.int16))
    with pytest.raises(ModelError, match="SHA-256"):
        shipped(1)


def test_users_weights(tmp_path):
    rng = np.random.default_rng(1)
    weights = rng.integers(-2000, 2000, (2, 9, 64)).astype(np.int16)
    digest = hashlib.sha256(weights.astype("<i2").tobytes()).digest()[:8]
    for name, array in (("as it is", weights), ("big", weights.astype(">i2")), ("fortran", np.asfortranarray(weights))):
        path = saved(tmp_path / f"{name}.npy", array)
        for given in (path, str(path)):
            found, found_hash = of_user("taha2025", given)
            assert np.array_equal(found.weights, weights)
            assert found.weights.dtype == np.int16
            assert found.weights.flags.c_contiguous
            assert found_hash == digest
            of_user_file = replace(GREY, model_id=USER_MODEL, model_hash=digest)
            assert np.array_equal(of_file(of_user_file, given).weights, weights)
    with pytest.raises(ModelError, match="is not the model of this file"):
        of_file(replace(GREY, model_id=USER_MODEL, model_hash=bytes(8)), path)
    with pytest.raises(ModelError, match=f"user-trained model, SHA-256 {digest.hex()}"):
        of_file(replace(GREY, model_id=USER_MODEL, model_hash=digest), None)
    assert of_file(GREY, path) is shipped(1)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 9, 64), np.float32),
        np.zeros((2, 9, 64), np.uint16),
        np.zeros((2, 9, 64), np.int32),
        np.zeros((2, 9, 64), np.complex64),
        np.zeros((2, 9, 64), "S2"),
        np.zeros((2, 9, 64), "m8[s]"),
        np.zeros((2, 9, 63), np.int16),
        np.zeros((18, 64), np.int16),
        np.zeros((2, 0, 64), np.int16),
        np.int16(3),
        np.array([{}, None]),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_other_arrays(array, tmp_path):
    with pytest.raises(ModelError):
        of_user("taha2025", saved(tmp_path / "other.npy", array))


def test_files_that_hold_no_array(tmp_path):
    file = tmp_path / "file.npy"
    whole = saved(tmp_path / "whole.npy", np.zeros((2, 9, 64), np.int16)).read_bytes()
    zipped = tmp_path / "zipped.npz"
    np.savez(zipped, weights=np.zeros((2, 9, 64), np.int16))
    for content in (b"", b"\x93NUMPY", whole[:100], whole[:-1], b"not an array", b"PK\3\4", zipped.read_bytes()):
        file.write_bytes(content)
        with pytest.raises(ModelError):
            of_user("taha2025", file)
    for path in (tmp_path, tmp_path / "missing.npy", "", None, 3, b"\0"):
        with pytest.raises(ModelError):
            of_user("taha2025", path)


def header(text):
    """The beginning of a .npy file."""
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode("latin-1")


@pytest.mark.parametrize(
    "content",
    [
        header("{'descr': '<i2', 'fortran_order': False, 'shape': (1099511627776,), }\n"),  # 2 TiB
        header("{'descr': '<i2', 'fortran_order': False, 'shape': (9223372036854775807, 3), }\n"),
        header("{'descr': '<i2', 'fortran_order': False, 'shape': (-1,), }\n") + bytes(100),
        header("{'descr': '|V2147483647', 'fortran_order': False, 'shape': (4,), }\n"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n") + b"cos\nsystem\n(S'false'\ntR.",
        header("__import__('os').abort()\n"),
        header("(" * 60_000),
        header("{" * 60_000),
        header("-" * 60_000 + "1\n"),
        b"cos\nsystem\n(S'false'\ntR.",  # a pickle
        b"\x80\x04.",
        b"\x93NUMPY" + bytes(2 << 20),
    ],
    ids=range(12),
)
def test_files_made_to_harm(content, tmp_path):
    file = tmp_path / "file.npy"
    file.write_bytes(content)
    for codec in ("apercu", "taha2025"):
        with within(40_000_000), pytest.raises(ModelError, match="no file of weights"):
            of_user(codec, file)


def test_archives_are_not_unpacked(tmp_path):
    """64 MB of zeros in 64 kB."""
    file = tmp_path / "zeros.npz"
    np.savez_compressed(file, weights=np.zeros(32_000_000, np.int16))
    assert file.stat().st_size < 100_000
    with within(5_000_000), pytest.raises(ModelError, match="no file of weights"):
        of_user("apercu", file)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero")
def test_a_file_without_an_end_is_read_to_its_limit():
    with pytest.raises(ModelError, match="no file of weights"):
        of_user("apercu", "/dev/zero")


@pytest.mark.parametrize("model_id", MODELS)
def test_tables_of_either_byte_order(model_id, tmp_path):
    model = MODELS[model_id]
    array = np.load(FOLDER / model.file)
    for order in "<>":
        path = saved(tmp_path / "tables.npy", array.astype(array.dtype.newbyteorder(order)))
        assert of_user(model.codec, path, model.entropy)[1].hex() == model.sha256[:16]


def test_the_widest_networks_of_rnn(tmp_path):
    """All widths are 256, and a step has 8 bits (spec/rnn.md, "Tables")."""
    head = 256, 256, 256, 256, 8
    numbers = {name: np.full(shape, float(name == "scales")) for name, shape in shapes(*head).items()}
    path = saved(tmp_path / "wide.npy", file_of(numbers, head))
    assert path.stat().st_size > 5_000_000
    assert of_user("rnn", path)[0].networks.decoder.states.shape == (9 * 256, 3 * 256)


def test_the_widest_networks_of_stacked_ae(tmp_path):
    """Blocks of 28 x 28, eight experts of 32 latents each, hidden layers of 256 (spec/stacked_ae.md, "Tables")."""
    encoder = 794 * 256 + 256 + 256 * 256 + 256 + 256 * 32 + 32 + 794 * 32
    decoder = 42 * 256 + 256 + 256 * 256 + 256 + 256 * 784 + 784 + 42 * 784
    networks = np.zeros(14 + 8 * (encoder + decoder) + 12 * 8 + 8 * 12 * 32 * 16, np.int16)
    networks[:14] = 28, 1, 0, 256, 256, 8, *[32] * 8
    tables, rest = unpack(networks)
    assert (tables.side, rest.size) == (28, 0)
    shipped_rest = unpack(np.load(FOLDER / "stacked_ae.npy"))[1]
    path = saved(tmp_path / "wide.npy", np.concatenate([networks, np.resize(shipped_rest, 1)]))
    assert path.stat().st_size > 9_900_000
    with pytest.raises(ModelError, match="numbers after its networks"):  # so it was read to its end
        of_user("stacked_ae", path)


def test_a_file_above_the_limit_says_so(tmp_path):
    path = saved(tmp_path / "large.npy", np.zeros(1 << 23, np.int16))
    with within(40_000_000), pytest.raises(ModelError, match="has more than 16 MiB"):
        of_user("apercu", path)


@pytest.mark.parametrize("sign", [-1, 1])
def test_sums_at_their_bounds(sign, tmp_path):
    row = np.zeros(64, np.int64)
    row[:8] = 32767  # 8 short of 2^18
    for side, index in ((0, 0), (0, 8), (1, 0)):
        for more, fits in ((7, True), (8, False)):
            weights = np.zeros((2, 9, 64), np.int64)
            weights[side, index] = row
            weights[side, index, 8] = more
            assert loads(tmp_path, sign * weights) == fits
    for more, fits in ((7, True), (8, False)):
        weights = np.zeros((2, 9, 64), np.int64)
        weights[1, 1:, 63] = 8191  # 8 short of 2^16, all latents together
        weights[1, 4, 63] += more
        weights[1, 0, 63] = 32767  # G1's is a sum of its own
        weights[0, 1:, 63] = 32767
        assert loads(tmp_path, sign * weights) == fits


def test_the_lowest_number_counts_as_its_size(tmp_path):
    weights = np.zeros((2, 9, 64), np.int64)
    weights[0, 3, :8] = -32768
    assert not loads(tmp_path, weights)
    weights[0, 3, 7] += 1
    assert loads(tmp_path, weights)


def loads(folder, weights):
    path = saved(folder / "weights.npy", weights.astype(np.int16))
    try:
        found, _ = of_user("taha2025", path)
    except ModelError as error:
        if "too large" in str(error):
            return False
        raise
    return np.array_equal(found.weights, weights)


def test_users_tables(tmp_path):
    tables = user_tables()
    found, _ = of_user("apercu", saved(tmp_path / "t.npy", tables))
    assert found.weights.max() == 64
    for place, value in ((3, 65), (270, 0), (271, 1), (271, 129)):
        wrong = tables.copy()
        wrong[place] = value
        with pytest.raises(ModelError, match="out of range"):
            of_user("apercu", saved(tmp_path / "t.npy", wrong))
    for wrong in (tables[:-1], tables.astype(np.int16), tables.reshape(2, -1)):
        with pytest.raises(ModelError, match="does not hold"):
            of_user("apercu", saved(tmp_path / "t.npy", wrong))
