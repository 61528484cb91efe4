"""Mutants of files and placeholders: all engines of the npm package make the same of each, or refuse it alike."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import apercu
from scripts.pictures import scene, wide
from tests import web_files, web_package

pytestmark = web_package.NEEDED
N_MUTANTS = 6000
NAMES = {"NotApercu", "UnsupportedVersion", "UnknownModel", "Truncated", "CorruptStream", "ChecksumError", "TooLarge"}


def sound():
    """Files and placeholders to begin with."""
    files = [
        apercu.encode(scene(66 + i, 70, n, i), quality=50 + 10 * i, layers=layers)
        for i, n in enumerate((3, 1, 4, 6))
        for layers in (1, 3)
    ]
    files += [apercu.encode(wide(scene(70, 70, 3), 300, 40000), quality=70, layers=1)]
    files += [apercu.encode(scene(70, 70, 3), quality=60, tile=32, layers=2)]
    placeholders = [apercu.placeholder(scene(60, 90, n), 30) for n in (1, 3, 4)]
    return {"files": files, "placeholders": placeholders}


@pytest.mark.slow
def test_mutants(tmp_path):
    (tmp_path / "files.json").write_text(json.dumps(sound(), default=web_files.encoded))
    script = Path(__file__).with_name("web_fuzz.mjs")
    command = ["node", script, web_package.build() / "apercu.js", tmp_path / "files.json", N_MUTANTS, 16]
    said = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout
    found = json.loads(said)
    assert found["different"] == []
    assert set(found["counts"]) <= NAMES | {"shown"}
    assert np.sum(list(found["counts"].values())) == N_MUTANTS
    assert found["counts"]["shown"] > N_MUTANTS / 40
    assert found["counts"]["CorruptStream"] > N_MUTANTS / 5
