"""Where the samples of a tile lie, and what a codec tells a restorer of where its symbols are."""

import numpy as np
import pytest

import apercu
from apercu.codecs import decoding
from apercu.stages.layout import layout_of, layout_of_bands
from scripts.pictures import scene

# Of 33 rows and 20 columns: (rows, columns, chroma, companion) of each plane.
WHOLE, HALF = (33, 20), (17, 10)
LAYOUTS = {
    ("grey", 1): [(*WHOLE, 0, -1)],
    ("rgb", 3): [(*WHOLE, 0, -1), (*HALF, 1, 0), (*HALF, 1, 1)],
    ("rgba", 4): [(*WHOLE, 0, -1), (*HALF, 1, 0), (*HALF, 1, 1), (*WHOLE, 0, -1)],
    ("spectral", 3): [(*WHOLE, 0, -1), (*WHOLE, 0, 0), (*WHOLE, 0, 1)],
}


@pytest.mark.parametrize(("interpretation", "n_bands"), LAYOUTS)
def test_layout(interpretation, n_bands):
    layout = layout_of(interpretation, n_bands, 33, 20)
    assert list(map(tuple, layout.planes)) == LAYOUTS[interpretation, n_bands]
    assert layout.n_samples == sum(plane[0] * plane[1] for plane in LAYOUTS[interpretation, n_bands])
    assert [plane.centre for plane in layout.planes] == [0 if plane[2] else 4080 for plane in layout.planes]
    assert layout.planes[0].blocks == (5, 3)
    bands = layout_of_bands(interpretation, n_bands, 33, 20)
    assert list(map(tuple, bands.planes)) == LAYOUTS["spectral", 3][:1] + [(33, 20, 0, k) for k in range(n_bands - 1)]


def seen_of(data):
    """What a restorer is given of a file of one tile."""
    seen = []
    decoding.decode(data, decoding.How(restorer=lambda *given: seen.append(given)))
    (given,) = seen
    return given


def test_what_a_restorer_sees_of_apercu():
    image = scene(33, 20, 3)
    planes, layout, step_q8, evidence, place, wanted = seen_of(apercu.encode(image, quality=25))
    assert [plane.shape for plane in planes] == [(33, 20), (17, 10), (17, 10)]
    assert (layout.interpretation, step_q8, place, wanted) == ("rgb", 65536, (0, 0, 33, 20), (0, 0, 33, 20))
    assert [values.shape for values in evidence] == [(660,), (170,), (170,)]
    assert evidence[0].any()


def test_a_restorer_knows_where_a_tile_lies():
    """In pixels of the coded image, whatever window is asked for."""
    seen = []
    data = apercu.encode(np.zeros((300, 700), np.uint8), quality=50, tile=256)
    how = decoding.How(restorer=lambda *given: seen.append(given[-2:]))
    decoding.decode(data, how, (250, 500, 10, 100))
    assert seen == [
        ((0, 256, 256, 256), (250, 244, 6, 12)),
        ((0, 512, 256, 188), (250, 0, 6, 88)),
        ((256, 256, 44, 256), (0, 244, 4, 12)),
        ((256, 512, 44, 188), (0, 0, 4, 88)),
    ]


def test_what_a_restorer_sees_of_taha2025():
    """Symbols of blocks; of those that G1 codes one, and zeros."""
    image = scene(33, 20, 3)
    image[:8] = 90
    data = apercu.encode(image, codec="taha2025", threshold=20, step=3)
    planes, layout, step_q8, evidence, *_ = seen_of(data)
    assert [plane.shape for plane in planes] == [(40, 24), (24, 16), (24, 16)]
    assert step_q8 == 3 * 256
    assert [values.shape for values in evidence] == [(5, 3, 8), (3, 2, 8), (3, 2, 8)]
    assert [values.shape[:2] for values in evidence] == [plane.blocks for plane in layout.planes]
    g2 = [bool(block[1:].any()) for values in evidence for block in values.reshape(-1, 8)]
    assert not any(g2[:3])  # the first row of blocks is flat
    assert 0 < sum(g2) / len(g2) <= apercu.info(data)["g2_share"] < 1
