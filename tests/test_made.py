"""What an encoder keeps of a file that it made spares the decoder its entropy code, and changes no sample."""

import numpy as np
import pytest

import apercu
from apercu.codecs import apercu as codec
from apercu.codecs import job, made
from apercu.format.container import read_header
from scripts.pictures import noise, scene, wide

KINDS = {
    "grey": scene(75, 100, 1)[:, :, 0],
    "rgb": scene(75, 100, 3),
    "rgba": np.concatenate([scene(75, 100, 3), np.where(scene(75, 100, 1) > 90, 255, 0).astype(np.uint8)], 2),
    "spectral": wide(scene(75, 100, 5), 300, 4000),
    "masked": np.ma.MaskedArray(scene(75, 100, 3), noise((75, 100, 3), 5) % 7 == 0),
}
HOW = [{"quality": 70}, {"n_bytes": 900}, {"n_bytes": 2600}, {"psnr": 33.0}, {"quality": 40, "tile": 32}]
HOW += [{"n_bytes": 150, "reduce": "auto"}, {"n_bytes": 2600, "tile": 64, "layers": 2}]


@pytest.fixture
def n_read(monkeypatch):
    """How many tiles have been read from their segments."""
    calls = []
    read = codec.read
    monkeypatch.setattr(codec, "read", lambda *arguments: calls.append(1) or read(*arguments))
    return lambda: len(calls)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", HOW, ids=str)
def test_what_is_kept_gives_the_pixels_that_the_file_gives(kind, options, n_read):
    with made.kept():
        data = apercu.encode(KINDS[kind], **options)
        n_before = n_read()
        found = apercu.decode(data, full_size=True)
        part = apercu.decode(data, window=(3, 5, 16, 20))
        assert n_read() == n_before
    assert data == apercu.encode(KINDS[kind], **options)
    np.testing.assert_array_equal(found, apercu.decode(data, full_size=True))
    np.testing.assert_array_equal(part, apercu.decode(data, window=(3, 5, 16, 20)))
    assert n_read() > n_before


def test_only_files_of_the_block_are_known_and_only_as_a_whole(n_read):
    picture = KINDS["rgb"]
    before = apercu.encode(picture, quality=30, layers=2)
    with made.kept():
        data = apercu.encode(picture, quality=50, layers=2)
        for other, layers in ((before, None), (data, 1)):
            n_before = n_read()
            found = apercu.decode(other, layers=layers)
            assert n_read() > n_before
            with made.kept():
                np.testing.assert_array_equal(found, apercu.decode(other, layers=layers))
    assert not made.is_kept()


def test_of_a_large_image_nothing_is_kept(n_read, monkeypatch):
    monkeypatch.setattr(job, "LARGEST", 2 * 75 * 100 * 3 - 1)
    with made.kept():
        data = apercu.encode(KINDS["rgb"], quality=50)
        n_before = n_read()
        apercu.decode(data)
        assert n_read() > n_before
    assert read_header(data).n_tiles == 1
