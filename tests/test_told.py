"""What the network for codecs of blocks is told beside the planes, square by square."""

import numpy as np
import pytest

import apercu
from apercu.codecs import decoding
from apercu.restore import networks
from apercu.restore.told import told
from scripts.pictures import scene


@pytest.fixture
def given(monkeypatch):
    """What the network is given, (35, H / 4, W / 4) each time; it adds nothing."""
    seen = []

    def network(values):
        seen.append(values[0].copy())
        return np.zeros((1, 24, *values.shape[2:]), np.float32)

    monkeypatch.setattr(networks, "shipped", lambda _: network)
    return seen


@pytest.mark.parametrize(("codec", "number", "first"), [("taha2025", 0, 1), ("dct", 1, 1), ("stacked_ae", 2, 0)])
def test_each_square_is_told_of_its_own_blocks(given, codec, number, first):
    data = apercu.encode(np.tile(scene(60, 93, 3, 3), (1, 7, 1)), codec=codec, quality=45)
    kept = []
    keep = decoding.How(restorer=lambda _, __, step_q8, evidence, *___: kept.append((step_q8, evidence)))
    decoding.decode(data, keep)
    apercu.decode(data, restore="cnn")
    ((step_q8, evidence),) = kept
    assert [values.shape for values in given] == [(35, 16, 136), (35, 16, 44)]
    for values, start in zip(given, (0, 480), strict=True):
        assert np.unique(values[24]) == pytest.approx([(np.log2(step_q8 / 256) - 6) / 3], rel=1e-6)
        assert [np.unique(values[25 + n]).tolist() for n in range(3)] == [[float(n == number)] for n in range(3)]
        for plane, side in enumerate((8, 16, 16)):
            counts = (evidence[plane][:, start // side :, first:] != 0).sum(2)
            expected = np.log2(1 + counts).repeat(side // 4, 0).repeat(side // 4, 1) / 3
            width = min(values.shape[2], (651 - start + 3) // 4)
            np.testing.assert_allclose(values[28 + plane, :15, :width], expected[:15, :width], rtol=1e-5)
        assert values[31:, :4, 0].tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
        assert values[31:, 0, :4].tolist() == [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]]


def test_a_plane_by_itself_has_no_symbols_of_chroma():
    evidence = [np.ones((3, 2, 8), np.int16)]
    channels = told("taha2025", 64 << 8, evidence, 21, 13)
    assert channels.shape == (7, 6, 4)
    assert channels[:, 5, 3].tolist() == [0, 1, 0, 0, 1, 0, 0]  # log2(1 + 7) / 3


def test_the_wavelet_s_is_told_the_step_alone():
    assert told("apercu", 512 << 8, [], 9, 8).tolist() == [[[1, 1]] * 3]
