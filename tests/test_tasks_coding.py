"""Pictures as they arrive in a run of a task: of a peer the best of all its files that are small enough."""

import numpy as np
import pytest

from apercu.bench import peers
from apercu.bench.cache import Cache
from apercu.bench.metrics import psnr
from apercu.bench.plan import Plan
from apercu.bench.tasks import coding

BOX = np.zeros((64, 64, 3), np.uint8)
BOX[20:40, 10:50] = 255, 20, 30
LINE = np.random.default_rng(1).integers(0, 256, (1, 500)).astype(np.uint8)


@pytest.mark.parametrize(
    ("codec", "image"),
    [("jpeg-prog", BOX), ("webp", BOX), ("jpegxl", BOX), ("jpegxr", LINE)],
    ids=["jpeg-prog", "webp", "jpegxl", "jpegxr"],
)
def test_the_best_file_of_a_peer_is_found_where_a_finer_level_makes_a_smaller_one(tmp_path, codec, image):
    """The limit is the size of the file that is smallest beside a coarser one: a search for whom what is finer is
    larger would end before it."""
    peer = peers.PEERS[codec]
    if why := peers.fault(peer):
        pytest.skip(why)
    files = [(scale, data) for scale in peer.scales for data in files_of(peer, image, scale)]
    sizes = [len(data) for scale, data in files if scale == 1]
    most = min(range(len(sizes)), key=lambda place: sizes[place] / max(sizes[: place + 1]))
    small = [(scale, data) for scale, data in files if len(data) <= sizes[most]]
    values = [(psnr(image, peers.array_of(peer, data, image.shape, scale)), -len(data)) for scale, data in small]
    rate = 8 * sizes[most] / (image.shape[0] * image.shape[1])
    ((n_bytes, quality),) = coding.summary(image, codec, Plan((codec,), (rate,), ("psnr",)), Cache(tmp_path))
    assert (quality, -n_bytes) == max(values)


def test_that_a_codec_failed_is_not_kept(tmp_path, monkeypatch):
    two = Plan(("jpeg", "png"), (0.01, 4.0), ("psnr",))
    real = peers.file_of

    def fails(*_):
        raise OSError("the library is not there")

    monkeypatch.setattr(peers, "file_of", fails)
    assert coding.summary(BOX, "jpeg", two, Cache(tmp_path)) == [(None, None)] * 2
    monkeypatch.setattr(peers, "file_of", real)
    (nothing, _), (n_bytes, _) = coding.summary(BOX, "jpeg", two, Cache(tmp_path))
    assert nothing is None
    assert n_bytes is not None
    monkeypatch.setattr(peers, "file_of", fails)
    assert coding.summary(BOX, "jpeg", two, Cache(tmp_path))[0] == (None, None)
    assert coding.summary(BOX, "jpeg", two, Cache(tmp_path))[1][0] == n_bytes


def files_of(peer, image, scale):
    """The files of a picture at each level that can code it."""
    found = []
    for level in peer.levels_for(image, scale):
        try:
            found.append(peers.file_of(peer, image, level, scale))
        except Exception:  # JPEG XR takes no picture of a few pixels
            continue
    return found
