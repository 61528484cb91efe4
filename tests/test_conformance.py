"""Bytes to symbols and pixels, held to the frozen vectors; and the checks themselves, which must be able to fail."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import apercu
import reference_bytes
import reference_decoder
import reference_scenes
from apercu.format.ids import NETWORKS
from scripts import encoded
from scripts.freeze_vectors import freeze
from scripts.vector_files import NOW, read_pixels, write_pixels, write_symbols, write_words

VECTORS = Path(__file__).parents[1] / "vectors"
LEAST_VALID, LEAST_INVALID = 440, 326  # as many as were frozen with version 2
UNNAMED = "65947dc5f608746f139bd9d263d12f242d04769a5b5ca7fb883b853e499eeba1"  # the network of cases that name none


def frozen(root=VECTORS):
    manifest = root / "manifest.json"
    return json.loads(manifest.read_text())["files"] if manifest.exists() else {}


VALID = sorted({path.split("/")[1] for path in frozen() if path.startswith("valid/")})
INVALID = sorted({Path(path).stem for path in frozen() if path.startswith("invalid/")})


def faults_of_manifest(root):
    """Vectors that are missing, changed or not listed."""
    listed = frozen(root)
    present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    faults = [f"missing: {path}" for path in sorted(set(listed) - present)]
    faults += [f"not listed: {path}" for path in sorted(present - set(listed) - {"manifest.json", "README.md"})]
    for path in sorted(present & set(listed)):
        if hashlib.sha256((root / path).read_bytes()).hexdigest() != listed[path]:
            faults.append(f"changed: {path}")
    return faults


def shipped_as(sha256):
    """The name of the shipped network that has this SHA-256; None where none has."""
    return next((name for name, network in NETWORKS.items() if network.sha256 == sha256), None)


def alike(found, pixels, tolerance):
    """Whether samples differ by no more; those of version 2, which may be NaN, not at all."""
    return np.array_equal(found, pixels, equal_nan=True) or (
        tolerance > 0 and np.abs(found.astype(int) - pixels).max() <= tolerance
    )


def faults_of_valid(folder):
    """Where a sound file is not decoded as it should be."""
    test = json.loads((folder / "test.json").read_text())
    data = (folder / "in.apc").read_bytes()
    model = folder / test["model"] if test["model"] else None
    faults = []
    if write_symbols(data, model) != ((folder / test["symbols"]).read_text() if test["symbols"] else ""):
        faults.append("symbols")
    for restore, wanted in test["restore"].items():
        network = None if restore == "none" else shipped_as(wanted.get("network", UNNAMED))
        if restore != "none" and network is None:
            faults.append(f"the network of {restore} is not shipped")
            continue
        found = apercu.decode(data, restore=restore, model=model, network=network, steps=wanted.get("steps"))
        pixels = read_pixels((folder / wanted["file"]).read_bytes(), wanted["file"], test["shape"])
        if list(found.shape) != test["shape"] or str(found.dtype) != test["dtype"] or found.dtype != pixels.dtype:
            faults.append(f"shape or dtype of {restore}")
        elif not alike(found, pixels, wanted["tolerance"]):
            faults.append(f"pixels of {restore}")
    if write_words(data) != test.get("says", {}):
        faults.append("what the prefix says")
    if full := test.get("full_size"):
        found, pixels = apercu.decode(data, full_size=True), full_pixels(folder, full)
        if found.shape != pixels.shape or found.dtype != pixels.dtype or not alike(found, pixels, 0):
            faults.append("the full size")
    if ("full_size" in test) != bool(apercu.info(data).get("reduced")):
        faults.append("whether there is a full size")
    if apercu.info(data)["interpretation"] != test["interpretation"]:
        faults.append("interpretation")
    if apercu.check(data, model=model):
        faults.append("check finds a fault")
    return faults


def said_by_reference(data):
    """What the second reader finds in a prefix, as `test.json` has it."""
    chunks = reference_scenes.read(data)[0] if data[2] == 0x20 else {}
    found = {}
    if 0x01 in chunks:
        found["geo"] = dict(zip(("crs", "transform", "point"), chunks[0x01], strict=True))
    if 0x02 in chunks:
        crs, points = chunks[0x02]
        found["gcps"] = {"points": points, "crs": crs}
    if 0x03 in chunks:
        found["rpcs"] = chunks[0x03]
    if 0x04 in chunks:
        found["bands"] = dict(zip(("names", "units", "colours", "scales", "offsets"), chunks[0x04][1], strict=True))
    if 0x05 in chunks:
        found["tags"] = [[*place, group] for place, group in chunks[0x05].items()]
    return json.loads(json.dumps(found))


def full_pixels(folder, full):
    """Those of the full size of a reduced image."""
    return read_pixels((folder / full["file"]).read_bytes(), full["file"], full["shape"])


def faults_of_invalid(file):
    """Where a damaged file is not refused as it should be."""
    test = json.loads(file.with_suffix(".json").read_text())
    data = file.read_bytes()
    model = file.parents[1] / test["model"] if test["model"] else None
    error = getattr(apercu, NOW.get(file.stem, test["error"]))
    faults = []
    for damaged in ("raise", "conceal"):
        try:
            apercu.decode(data, model=model, damaged=damaged)
        except apercu.ApercuError as found:
            if type(found) is not error:
                faults.append(f"{damaged}: {found!r}")
        else:
            if damaged == "raise":
                faults.append("not refused")
    if error is not apercu.ModelError and error not in map(type, apercu.check(data)):
        faults.append("check does not find it")
    return faults


def test_no_vector_is_missing_or_changed():
    assert faults_of_manifest(VECTORS) == []
    assert len(VALID) >= LEAST_VALID
    assert len(INVALID) >= LEAST_INVALID


@pytest.mark.parametrize("name", VALID)
def test_bytes_become_these_symbols_and_pixels(name):
    assert faults_of_valid(VECTORS / "valid" / name) == []


@pytest.mark.parametrize("name", INVALID)
def test_damage_is_refused_by_name(name):
    assert faults_of_invalid(VECTORS / "invalid" / f"{name}.apc") == []


def test_every_encoded_case_is_noted():
    assert list(json.loads(encoded.NOTED.read_text())) == encoded.names()


@pytest.mark.parametrize("name", encoded.names())
def test_this_release_encodes_the_same_bytes_everywhere(name):
    """Not a promise of the format: a release with a better encoder notes its own."""
    assert encoded.digest(name) == json.loads(encoded.NOTED.read_text())[name]


@pytest.mark.parametrize("name", VALID)
def test_a_decoder_written_from_the_specification_agrees(name):
    folder = VECTORS / "valid" / name
    test = json.loads((folder / "test.json").read_text())
    weights = np.load(folder / test["model"]) if test["model"] else None
    wanted = test["restore"]["none"]
    pixels = read_pixels((folder / wanted["file"]).read_bytes(), wanted["file"], test["shape"])
    found = reference_scenes.decode((folder / "in.apc").read_bytes(), weights)
    assert found.shape == pixels.shape
    assert np.array_equal(found, pixels, equal_nan=True)
    assert said_by_reference((folder / "in.apc").read_bytes()) == test.get("says", {})
    if full := test.get("full_size"):
        found = reference_scenes.decode((folder / "in.apc").read_bytes(), weights, full_size=True)
        np.testing.assert_array_equal(found, full_pixels(folder, full), strict=True)


@pytest.mark.parametrize("name", INVALID)
def test_a_decoder_written_from_the_specification_refuses_it_too(name):
    test = json.loads((VECTORS / "invalid" / f"{name}.json").read_text())
    weights = np.load(VECTORS / test["model"]) if test["model"] else None
    decode = reference_decoder.decode if name in NOW else reference_scenes.decode  # the first is of version 1 alone
    with pytest.raises(getattr(reference_bytes, test["error"])):
        decode((VECTORS / "invalid" / f"{name}.apc").read_bytes(), weights)


# --- The checks themselves ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory):
    """A small set of vectors, frozen anew."""
    folder = tmp_path_factory.mktemp("frozen")
    freeze(folder, ["grey-7x5", "rgb16", "user-model", "mode-3", "model-other", "empty"])
    return folder


@pytest.fixture
def some(made_anew, tmp_path):
    """A copy of it."""
    return shutil.copytree(made_anew, tmp_path / "some")


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_untouched_vectors_pass(some):
    assert faults_of_manifest(some) == []
    for folder in (some / "valid").iterdir():
        assert faults_of_valid(folder) == []
    for file in (some / "invalid").glob("*.apc"):
        assert faults_of_invalid(file) == []


def test_a_vector_that_is_missing_changed_or_not_listed_fails(some):
    (some / "valid" / "rgb16" / "symbols").unlink()
    (some / "invalid" / "empty.apc").write_bytes(b"\0")
    (some / "invalid" / "more.apc").write_bytes(b"")
    assert faults_of_manifest(some) == [
        "missing: valid/rgb16/symbols",
        "not listed: invalid/more.apc",
        "changed: invalid/empty.apc",
    ]


def test_another_symbol_fails(some):
    file = some / "valid" / "grey-7x5" / "symbols"
    *before, last = file.read_text().split(" ")
    file.write_text(" ".join([*before, f"{int(last) + 1}\n"]))
    assert faults_of_valid(file.parent) == ["symbols"]


@pytest.mark.parametrize("name", ["grey-7x5", "rgb16"])
def test_another_pixel_fails(some, name):
    folder = some / "valid" / name
    (file,) = folder.glob("plain.*")
    shape = json.loads((folder / "test.json").read_text())["shape"]
    pixels = read_pixels(file.read_bytes(), file.name, shape).copy()
    pixels.flat[-1] ^= 1
    file.write_bytes(write_pixels(pixels)[1])
    assert faults_of_valid(folder) == ["pixels of none"]
    edit(folder / "test.json", restore={"none": {"file": file.name, "tolerance": 1}})
    assert faults_of_valid(folder) == []


def test_another_restored_pixel_and_another_network_fail(tmp_path):
    pytest.importorskip("onnxruntime")
    freeze(tmp_path, ["ranged-restored"])
    folder = tmp_path / "valid" / "ranged-restored"
    test = json.loads((folder / "test.json").read_text())
    assert test["restore"]["cnn"]["network"] == NETWORKS["cnn_blocks"].sha256
    assert faults_of_valid(folder) == []
    pixels = read_pixels((folder / "cnn.png").read_bytes(), "cnn.png", test["shape"]).copy()
    for more, faults in ((1, []), (2, ["pixels of cnn"])):
        changed = pixels.copy()
        changed[30, 40, 1] += more
        (folder / "cnn.png").write_bytes(write_pixels(changed)[1])
        assert faults_of_valid(folder) == faults
    edit(folder / "test.json", restore={"cnn": {"file": "cnn.png", "tolerance": 255, "network": "0" * 64}})
    assert faults_of_valid(folder) == ["the network of cnn is not shipped"]


def test_another_shape_dtype_or_interpretation_fails(some):
    folder = some / "valid" / "rgb16"
    for changes, fault in (
        ({"shape": [15, 18, 3]}, "shape or dtype of none"),
        ({"dtype": "uint8"}, "shape or dtype of none"),
        ({"interpretation": "spectral"}, "interpretation"),
    ):
        before = (folder / "test.json").read_bytes()
        edit(folder / "test.json", **changes)
        assert faults_of_valid(folder) == [fault]
        (folder / "test.json").write_bytes(before)


def test_another_error_and_none_fail(some):
    file = some / "invalid" / "mode-3.apc"
    edit(file.with_suffix(".json"), error="Truncated")
    assert len(faults_of_invalid(file)) == 3
    shutil.copy(some / "valid" / "grey-7x5" / "in.apc", file)
    assert faults_of_invalid(file) == ["not refused", "check does not find it"]


def test_frozen_means_frozen(some):
    file = some / "valid" / "grey-7x5" / "in.apc"
    before = (some / "manifest.json").read_bytes()
    file.write_bytes(b"damaged")
    with pytest.raises(FileExistsError, match="grey-7x5"):
        freeze(some, ["grey-1x1", "grey-7x5"])
    shutil.rmtree(file.parent)  # still in the manifest
    with pytest.raises(FileExistsError, match="grey-7x5"):
        freeze(some, ["grey-7x5"])
    assert (some / "manifest.json").read_bytes() == before
    assert not (some / "valid" / "grey-1x1").exists()
    with pytest.raises(KeyError, match="no case"):
        freeze(some, ["of-no-such-name"])


def test_new_cases_leave_those_that_stand_alone(some):
    file = some / "valid" / "grey-7x5" / "in.apc"
    file.write_bytes(b"damaged")
    written = freeze(some, [])
    assert file.read_bytes() == b"damaged"
    assert not any(path.startswith("valid/grey-7x5/") for path in written)
    assert len(written) > 200
    assert faults_of_manifest(some) == ["changed: valid/grey-7x5/in.apc"]
