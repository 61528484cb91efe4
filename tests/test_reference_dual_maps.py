"""The second decoder on taha2025 with the range coder: what it reads there is what it reads from Huffman codes."""

from functools import partial

import numpy as np
import pytest

import apercu
import reference_dual_maps
import reference_taha2025
from apercu.codecs import taha2025
from apercu.codecs.content import layout_of_tile
from apercu.codecs.tables import shipped
from apercu.format.container import read_header, read_segments
from apercu.format.weights import FOLDER
from reference_bytes import ModelError, Refused
from reference_decoder import Plane
from scripts.pictures import noise, scene, wide

encode = partial(apercu.encode, codec="taha2025")
WEIGHTS, *TABLES = reference_dual_maps.tables(np.load(FOLDER / "taha2025_range.npy"), 7)
IMAGES = {
    "grey": scene(30, 41)[:, :, 0],
    "rgb": scene(33, 50, 3),
    "rgba": scene(24, 33, 4),
    "spectral of 16 bits": wide(scene(17, 24, 3), 7, 800),
    "noise": (noise((24, 40), 9) >> 8).astype(np.uint8),
}
SETTINGS = ({"quality": 10}, {"quality": 45}, {"quality": 80 + 2 / 256}, {"threshold": 0, "step": 1 / 8})


def planes_of(image, bands):
    """Planes in samples, and in blocks with class and companion."""
    full, half = image.shape[:2], tuple(-(-side // 2) for side in image.shape[:2])
    n_bands = 1 if image.ndim == 2 else image.shape[2]
    colour = n_bands in (3, 4) and bands != "spectral"
    kinds = [(full, 0, None), (half, 1, 0), (half, 1, 1), (full, 0, None)]
    if not colour:
        kinds = [(full, 0, band - 1 if band else None) for band in range(n_bands)]
    kinds = kinds[:n_bands]
    blocks = [(-(-h // 8), -(-w // 8), *rest) for (h, w), *rest in kinds]
    return [Plane(*size, bool(chroma)) for size, chroma, _ in kinds], blocks


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", IMAGES)
def test_both_entropy_coders_say_the_same(name, settings):
    image, bands = IMAGES[name], "spectral" if "spectral" in name else None
    planes, blocks = planes_of(image, bands)
    segments = {}
    for entropy in ("huffman", "range"):
        data = encode(image, entropy=entropy, bands=bands, **settings)
        (segments[entropy],) = read_segments(data, read_header(data))
    wanted = reference_taha2025.read_segment(segments["huffman"], planes)
    found = reference_dual_maps.read_segment(segments["range"], blocks, *TABLES)
    for one, other in zip(wanted, found, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_it_refuses_what_the_kernel_refuses(seed):
    """And reads the same of what neither refuses, from bytes that no encoder wrote."""
    image = IMAGES["rgb"]
    _, blocks = planes_of(image, None)
    data = encode(image, entropy="range", quality=50)
    header, (whole,) = read_header(data), read_segments(data, read_header(data))
    rng, outcomes = np.random.default_rng(seed), set()
    layout = layout_of_tile(header, *image.shape[:2])
    for length in rng.integers(1, len(whole) + 12, 8).tolist():
        segment = (whole + bytes(12))[:length] if length % 2 else rng.bytes(length)
        told = []
        for read in (
            lambda segment=segment: taha2025.read([segment], layout, None, shipped(7), 1),
            lambda segment=segment: reference_dual_maps.read_segment(segment, blocks, *TABLES),
        ):
            try:
                told.append([groups.tolist() for groups, _ in read()])
            except (apercu.ApercuError, Refused) as error:
                told.append(type(error).__name__)
        assert told[0] == told[1]
        outcomes.add(str(told[0])[:9])
    assert len(outcomes) > 1


@pytest.mark.parametrize(("at", "number"), [(1152, 2048), (1208, 91), (1532, 0), (1533, 1), (1533, 129)])
def test_tables_out_of_range_are_refused(at, number):
    array = np.load(FOLDER / "taha2025_range.npy")
    array[at] = number
    with pytest.raises(ModelError):
        reference_dual_maps.tables(array, 7)
    with pytest.raises(ModelError):
        reference_dual_maps.tables(array[:-1], 7)
