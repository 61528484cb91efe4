"""Recipes name the list of the images that something was made from, and share it."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from apercu.format.weights import FOLDER
from apercu.lab import recipes

SHIPPED = [path for path in sorted(FOLDER.glob("*.json")) if "images" in json.loads(path.read_text())]
ODD = ["a b.png", "é.png", "deep/er.png"]
ODD += ["back\\slash.png", "two\nlines.png", "\\n.png", "both\\n\n.png", "re\rturn.png", "\udcff.png"]


def written(folder, names, out, recipe=None):
    files = [folder / name for name in names]
    for number, file in enumerate(files):
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(bytes([number]))
    recipes.write(out, recipe or {}, files, folder)
    return json.loads(out.with_suffix(".json").read_text())


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda path: path.stem)
def test_what_is_shipped_names_its_images(recipe):
    found = recipes.images_of(recipe)
    assert found
    assert all(len(bytes.fromhex(digest)) == 32 for digest in found.values())
    assert json.loads(recipe.read_text())["sha256"]


def test_no_list_is_shipped_that_no_recipe_names():
    named = {json.loads(path.read_text())["images"]["list"] for path in SHIPPED}
    assert {path.name for path in FOLDER.glob("*.sha256")} == named
    assert len(named) < len(SHIPPED) / 2


def test_names_come_back_whatever_they_are(tmp_path):
    recipe = written(tmp_path / "images", ODD, tmp_path / "mine.npy", {"seed": 3})
    assert recipe["seed"] == 3
    expected = {name: hashlib.sha256(bytes([number])).hexdigest() for number, name in enumerate(ODD)}
    assert recipes.images_of(tmp_path / "mine.json") == expected


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum here")
def test_sha256sum_reads_lists(tmp_path):
    recipe = written(tmp_path / "images", ODD, tmp_path / "mine.npy")
    command = ["sha256sum", "--check", "--strict", str(tmp_path / recipe["images"]["list"])]
    assert subprocess.run(command, cwd=tmp_path / "images", capture_output=True).returncode == 0
    Path(tmp_path / "images" / ODD[4]).write_bytes(b"other")
    assert subprocess.run(command, cwd=tmp_path / "images", capture_output=True).returncode == 1


def test_the_same_images_make_the_same_list(tmp_path):
    first, second = (written(tmp_path / "a", ["1.png", "2.png"], tmp_path / name) for name in ("x.npy", "y.onnx"))
    other = written(tmp_path / "b", ["1.png", "3.png"], tmp_path / "z.npy")
    assert first["images"] == second["images"] != other["images"]
    assert len(list(tmp_path.glob("*.sha256"))) == 2


def test_another_list_is_noticed(tmp_path):
    recipe = written(tmp_path / "a", ["1.png"], tmp_path / "x.npy")
    with (tmp_path / recipe["images"]["list"]).open("a") as file:
        file.write("0" * 64 + "  2.png\n")
    with pytest.raises(ValueError, match="is not the list of"):
        recipes.images_of(tmp_path / "x.json")
