"""What a search tells of its progress."""

from itertools import pairwise

import pytest

from apercu.codecs import encoding
from every_codec import EVERY_CODEC, encode
from scripts.pictures import scene


@pytest.fixture
def codings(monkeypatch):
    """Counts the calls that code the whole image."""
    made = []
    for name in ("file", "squared_error"):
        whole = getattr(encoding.Job, name)
        monkeypatch.setattr(encoding.Job, name, lambda job, setting, do=whole: made.append(setting) or do(job, setting))
    return made


@EVERY_CODEC
@pytest.mark.parametrize("target", [{"psnr": 24.3}, {"n_bytes": 900}])
@pytest.mark.parametrize("tile", [None, 32])
def test_progress_moves_with_every_coding(codec, target, tile, codings):
    """It grows from 0 to 1, and is told at the beginning of each coding and of each tile in it."""
    seen, at = [], []

    def progress(share):
        seen.append(share)
        at.append(len(codings))

    encode(scene(150, 130, 1, 9)[:, :, 0], codec, tile=tile, progress=progress, **target)
    assert (seen[0], seen[-1]) == (0, 1)
    assert all(before < after for before, after in pairwise(seen))
    assert set(range(2, len(codings) + 1)) <= set(at)
    assert max(after - before for before, after in pairwise(seen[:-1])) <= 0.11
    assert tile is None or len(seen) > 15 * len(codings)
