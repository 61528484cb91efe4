"""Scenes in strips: windows of a row are read from a copy of it, and are the same."""

from types import SimpleNamespace

import numpy as np
import pytest

from apercu.bridges import geo_rows
from apercu.bridges.geo_rows import by_rows
from apercu.codecs.source import ArraySource
from apercu.stages.blocks import Window, part, tiles
from scripts.pictures import scene, wide
from windows import Windows

SAMPLES = wide(scene(100, 130, 3), 500, 9000)
EDGE = np.add.outer(np.arange(100), np.arange(130)) < 60
MASKS = {
    "none": None,
    "one": np.broadcast_to(EDGE[:, :, np.newaxis], SAMPLES.shape),
    "each": np.dstack([EDGE, np.flip(EDGE), np.zeros_like(EDGE)]),
}
STRIPS = SimpleNamespace(block_shapes=[(1, 130)] * 3, width=130)
TILES = SimpleNamespace(block_shapes=[(16, 16)] * 3, width=130)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(geo_rows, "CACHE", 0)
    monkeypatch.setattr(geo_rows, "_AT_ONCE", 7 * 130 * 6)


def all_the_same(side, mask=None):
    whole = ArraySource(SAMPLES, mask)
    windows = [*tiles(100, 130, side), Window(3, 40, 50, 90), Window(4, 41, 9, 8), Window(50, 0, 50, 130)]
    with by_rows(STRIPS, ArraySource(SAMPLES, mask)) as rows:
        for window in windows:
            samples, mask = rows.read(window)
            wanted, hidden = whole.read(window)
            assert np.array_equal(samples, wanted)
            assert np.array_equal(
                np.zeros(samples.shape) if mask is None else mask, np.zeros(samples.shape) if hidden is None else hidden
            )
            other = wanted + np.uint16(1)
            assert rows.squared_error(window, other) == whole.squared_error(window, other)


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("side", [32, 64])
def test_windows_are_the_same(kind, side):
    all_the_same(side, MASKS[kind])


def test_each_row_is_read_once_for_a_row_of_tiles():
    source = Windows(SAMPLES, MASKS["one"])
    with by_rows(STRIPS, source) as rows:
        for window in tiles(100, 130, 32):
            rows.read(window)
    assert source.n_read == 100 * 130
    with by_rows(TILES, source) as rows:
        assert rows is source


def test_what_is_held_has_a_limit(monkeypatch):
    monkeypatch.setattr(geo_rows, "_MOST_HELD", 32 * 6 * 70)
    all_the_same(32)
    with by_rows(STRIPS, ArraySource(SAMPLES)) as rows:
        rows.read(Window(0, 0, 32, 32))
        assert rows._file.seek(0, 2) == 32 * 6 * 70


def test_small_scenes_are_held_by_gdal(monkeypatch):
    monkeypatch.setattr(geo_rows, "CACHE", SAMPLES.nbytes)
    source = ArraySource(SAMPLES)
    with by_rows(STRIPS, source) as rows:
        assert rows is source


@pytest.mark.parametrize("takes_a_part", [True, False])
def test_without_room_for_a_file_windows_are_the_same(takes_a_part, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file, self.left = file, 5000

        def seek(self, at):
            self.file.seek(at)

        def write(self, data):
            content = data.tobytes()
            self.left -= len(content)
            if self.left >= 0:
                return self.file.write(content)
            if takes_a_part:
                return self.file.write(content[: len(content) // 2])
            raise OSError(28, "No space left on device")

    source = Windows(SAMPLES, MASKS["one"])
    with by_rows(STRIPS, source) as rows:
        rows._file = Full(rows._file)
        for window in tiles(100, 130, 32):
            samples, mask = rows.read(window)
            assert np.array_equal(samples, part(SAMPLES, window))
            assert np.array_equal(mask, part(MASKS["one"], window))
        assert source.n_read < 1.2 * 100 * 130  # no second attempt

    def refused(**_):
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(geo_rows, "TemporaryFile", refused)
    with by_rows(STRIPS, source) as rows:
        assert rows is source
