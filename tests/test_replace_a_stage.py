"""The page "Replace a stage": its code as it stands there, under every way in which processes start."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.codecs import apercu as codec
from scripts.pictures import scene

PAGE = Path(__file__).parents[1] / "docs/replace-a-stage.md"
RUN = """\
import multiprocessing
from pathlib import Path
import compare_wavelets
if __name__ == "__main__":
    multiprocessing.set_start_method({how!r})
    compare_wavelets.main(Path("train"), Path("test"))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The two files of the page, and pictures: two to train on, one to measure on."""
    path = tmp_path_factory.mktemp("example")
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"Save this as `(\w+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in found] == ["own_wavelet.py", "compare_wavelets.py"]
    for name, code in found:
        (path / name).write_text(code, encoding="utf-8")
    for kind, seeds in {"train": (0, 1), "test": (2,)}.items():
        (path / kind).mkdir()
        for seed in seeds:
            Image.fromarray(scene(100, 140, 3, seed)).save(path / kind / f"{seed}.png")
    return path


@pytest.fixture
def own_wavelet(folder, monkeypatch):
    """The module, whose stages are in force until the test is over."""
    specification = importlib.util.spec_from_file_location("own_wavelet", folder / "own_wavelet.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(codec, "transform", codec.transform)
    module.install()
    return module


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (97, 130), (1, 40), (33, 5)])
@pytest.mark.parametrize("levels", [4, 5])
def test_the_wavelet_is_its_own_inverse(own_wavelet, shape, levels):
    plane = np.random.default_rng(0).integers(0, 8160, shape).astype(np.int16)
    bands, back = np.zeros(plane.size, np.int16), np.empty_like(plane)
    own_wavelet.analyse(plane, *shape, levels, 4080, bands)
    own_wavelet.synthesise(bands, back, levels, 4080)
    assert np.abs(plane.astype(int) - back).max() <= 10  # a third of an 8-bit level


def test_the_codec_uses_it(own_wavelet):
    image = np.ascontiguousarray(scene(100, 140, 3, 5)[..., 1])
    data = apercu.encode(image, quality=100)
    error = np.mean((apercu.decode(data).astype(float) - image) ** 2)
    assert 10 * np.log10(255**2 / error) > 42


def test_the_page_runs_however_processes_start(folder):
    """Spawned and forked processes train the same tables, which are not those of the other wavelet."""
    tables = {}
    for how in ("spawn", "fork"):
        (folder / "run.py").write_text(RUN.format(how=how))
        done = subprocess.run([sys.executable, "run.py"], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert re.search(r"^The 5/3 needs [+-]\d+\.\d % of bits .* over 1 pictures$", done.stdout, re.MULTILINE)
        tables[how] = [(folder / f"{name}.npy").read_bytes() for name in ("nine-seven", "five-three")]
    assert tables["spawn"] == tables["fork"]
    assert tables["fork"][0] != tables["fork"][1]
