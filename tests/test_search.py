"""How often a search codes an image, and what it tells of its progress."""

from itertools import pairwise

import numpy as np
import pytest

import apercu
from apercu.codecs import encoding
from scripts.pictures import noise, scene, wide

Y, X = np.mgrid[0:64, 0:64]
NASTY = {
    "flat": np.full((64, 64), 77, np.uint8),
    "flat in colour": np.full((40, 60, 3), (10, 200, 90), np.uint8),
    "flat of 16 bits": np.full((64, 64), 12345, np.uint16),
    "black": np.zeros((17, 3), np.uint8),
    "chequered": ((X + Y) % 2 * 255).astype(np.uint8),
    "chequered by 2": ((X // 2 + Y // 2) % 2 * 255).astype(np.uint8),
    "chequered faintly": ((X // 3 + Y // 3) % 2 * 9 + 100).astype(np.uint8),
    "chequered in colour": np.stack([(X // k + Y // k) % 2 * 255 for k in (2, 3, 5)], 2).astype(np.uint8),
    "slope": (X + Y).astype(np.uint8),
    "dot": ((X == 30) & (Y == 31)).astype(np.uint8) * 255,
    "noise": (noise((48, 48), 3) >> 8).astype(np.uint8),
    "noise of 16 bits": noise((32, 32), 5).astype(np.uint16),
    "scene": scene(70, 60, 3, 2),
    "scene of 16 bits": wide(scene(40, 40, 1, 4), 300, 4000)[:, :, 0],
    "1 x 1": np.full((1, 1), 9, np.uint8),
    "2 x 2": np.array([[0, 255], [255, 0]], np.uint8),
}
CODECS = ("apercu", "taha2025")


@pytest.fixture
def codings(monkeypatch):
    """Counts the calls that code the whole image."""
    made = []
    for name in ("file", "squared_error"):
        whole = getattr(encoding._Job, name)
        monkeypatch.setattr(
            encoding._Job, name, lambda job, setting, do=whole: made.append(setting) or do(job, setting)
        )
    return made


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", NASTY)
def test_a_search_codes_40_times_at_most(name, codec, codings):
    image = NASTY[name]
    least, most = (len(apercu.encode(image, codec=codec, quality=quality)) for quality in (0, 100))
    targets = [{"psnr": psnr} for psnr in (5, 20, 25.5, 31, 36, 40, 43.21, 46, 50, 55, 61, 70, 90, 140)]
    targets += [{"n_bytes": int(n)} for n in np.unique(np.geomspace(least, most + 1, 7).astype(int))]
    for target in targets:
        codings.clear()
        try:
            data = apercu.encode(image, codec=codec, **target)
        except apercu.TargetUnreachable:
            data = None
        assert 1 <= len(codings) <= 40, target
        if data:
            assert apercu.encode(image, codec=codec, quality=apercu.info(data)["quality"]) == data


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("target", [{"psnr": 24.3}, {"n_bytes": 900}, {"bpp": 0.4}])
@pytest.mark.parametrize("tile", [None, 32])
def test_progress_moves_with_every_coding(codec, target, tile, codings):
    """It grows from 0 to 1, and is told at the beginning of each coding and of each tile in it."""
    seen, at = [], []

    def progress(share):
        seen.append(share)
        at.append(len(codings))

    apercu.encode(scene(150, 130, 1, 9)[:, :, 0], codec=codec, tile=tile, progress=progress, **target)
    assert (seen[0], seen[-1]) == (0, 1)
    assert all(before < after for before, after in pairwise(seen))
    assert set(range(2, len(codings) + 1)) <= set(at)
    assert max(after - before for before, after in pairwise(seen[:-1])) <= 0.11
    assert tile is None or len(seen) > 15 * len(codings)
