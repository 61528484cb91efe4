"""Whole files in C: the profile core, held to the vectors and to the package."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import apercu
import c_library
from scripts.vector_files import NOW, read_pixels
from test_conformance import INVALID, VALID, VECTORS

pytestmark = pytest.mark.skipif(not c_library.HAS_COMPILER, reason="no C compiler here")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return c_library.build(tmp_path_factory.mktemp("c"), "-O2")


@pytest.fixture(scope="module")
def c(built):
    return c_library.Decoder(built)


def same(found, wanted):
    """Pixels, or the names of errors."""
    if isinstance(found, str) or isinstance(wanted, str):
        return isinstance(found, str) and isinstance(wanted, str) and found == wanted
    return found.dtype == wanted.dtype and np.array_equal(found, wanted)


def valid(name):
    folder = VECTORS / "valid" / name
    return folder, (folder / "in.apc").read_bytes(), json.loads((folder / "test.json").read_text())


@pytest.mark.parametrize("name", VALID)
def test_bytes_become_the_pixels_of_the_vector_or_are_refused_as_not_read(c, name):
    folder, data, test = valid(name)
    model = folder / test["model"] if test["model"] else None
    if data[2] >> 4 == 2:
        assert c_library.outcome(c.decode, data) == "UnsupportedVersion"
    elif not c_library.is_read(data):
        assert c_library.outcome(c.decode, data, model=model) == "UnknownModel"
    else:
        wanted = test["restore"]["none"]
        pixels = read_pixels((folder / wanted["file"]).read_bytes(), wanted["file"], test["shape"])
        assert same(c.decode(data, model=model), pixels)
        assert same(c.decode(data, model=model, damaged="conceal"), pixels)
        assert c.opened(data).quality_q8 == 256 * apercu.info(data)["quality"]


@pytest.mark.parametrize("name", INVALID)
def test_damage_is_refused_by_name(c, name):
    file = VECTORS / "invalid" / f"{name}.apc"
    data, test = file.read_bytes(), json.loads(file.with_suffix(".json").read_text())
    model = VECTORS / test["model"] if test["model"] else None
    error = test["error"] if c_library.is_read(data) else "UnknownModel"
    if data[2:3] and data[2] >> 4 == 2 and name in NOW or name.startswith("scene"):
        error = "UnsupportedVersion"
    assert c_library.outcome(c.decode, data, model=model) == error
    shown = c_library.outcome(c.decode, data, model=model, damaged="conceal")
    if not same(shown, error):
        assert same(shown, apercu.decode(data, model=model, damaged="conceal"))
