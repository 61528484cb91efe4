"""The codec apercu: symbols come back, layers and windows agree with the whole, damage costs its own part alone."""

from pathlib import Path

import numpy as np
import pytest

import apercu
from apercu.codecs.apercu import at_quality, stages_of
from apercu.codecs.tables import shipped
from apercu.errors import CorruptStream
from apercu.format.container import Header, pack
from apercu.stages.bands import BandCoder, BandPlane, dequantise
from scripts.pictures import scene

ROOT = Path(__file__).parents[1]


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def encode(image, **options):
    return apercu.encode(image, codec="apercu", **options)


SHAPES = [(1, 1), (1, 40), (37, 1), (5, 3), (64, 64), (33, 70)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kinds", [[(0, -1)], [(0, -1), (1, 0), (1, 1)], [(0, -1), (0, 0)]], ids=str)
@pytest.mark.parametrize("step_q8", [64, 4000, 100_000])
def test_symbols_come_back(shape, kinds, step_q8):
    height, width = shape
    planes = [BandPlane(*((width + c) >> c, (height + c) >> c), c, k) for c, k in kinds]
    size = sum(p.width * p.height for p in planes)
    coefficients = np.random.default_rng(2).laplace(0, 400, size).clip(-32768, 32767).astype(np.int16)
    writer, reader, decoder = (BandCoder(planes, shipped(2)) for _ in range(3))
    written, read, decoded = (np.zeros(size, np.int16) for _ in range(3))
    for first, last in ((5, 4), (3, 1)):
        data = writer.encode(coefficients, step_q8, first, last, written)
        reader.decode(data, 0, first, last, read)
        decoder.decode(data, step_q8, first, last, decoded)
    assert np.array_equal(read, written)
    assert written.any() or step_q8 == 100_000
    assert np.array_equal(dequantise(written, planes, step_q8), decoded)


def test_extreme_coefficients_come_back():
    plane = BandPlane(20, 20, 0, -1)
    coefficients = np.array([-32768, 32767] * 200, np.int16)
    writer, reader = (BandCoder([plane], shipped(2)) for _ in range(2))
    written, read = (np.zeros(400, np.int16) for _ in range(2))
    reader.decode(writer.encode(coefficients, 1, 5, 1, written), 0, 5, 1, read)
    assert np.array_equal(read, written)
    assert abs(int(read.min())) == read.max() == 32767


@pytest.mark.parametrize("step_q8", [1, 77, 3000, 262_144])
def test_the_largest_symbols_are_dequantised_as_they_are_decoded(step_q8):
    planes = [BandPlane(40, 24, 0, -1), BandPlane(20, 12, 1, 0), BandPlane(20, 12, 1, 1)]
    coefficients = np.array([-32768, 32767, 32766, 20000, -9000, 1] * 240, np.int16)
    writer, reader = (BandCoder(planes, shipped(2)) for _ in range(2))
    written, decoded = (np.zeros(1440, np.int16) for _ in range(2))
    reader.decode(writer.encode(coefficients, 1, 5, 1, written), step_q8, 5, 1, decoded)
    assert np.array_equal(dequantise(written, planes, step_q8), decoded)


def test_better_than_taha2025_at_equal_size():
    image = scene(128, 128)[:, :, 0]
    data = encode(image, bpp=0.3)
    older = apercu.encode(image, codec="taha2025", bpp=0.3)
    assert psnr(image, apercu.decode(data)) > psnr(image, apercu.decode(older)) + 1


def test_path():
    steps = [at_quality(quality).step_q8 for quality in range(25_601)]
    assert steps == sorted(steps, reverse=True)
    assert (steps[0], steps[6400], steps[-1]) == (262_144, 65_536, 256)


def test_stages_of_layers():
    for layers in (1, 2, 3, 4, 5):
        stages = [stage for layer in range(layers) for stage in range(*_downwards(stages_of(layer, layers)))]
        assert stages == [5, 4, 3, 2, 1]


def _downwards(stages):
    first, last = stages
    return first, last - 1, -1


def test_heads_that_no_encoder_writes():
    header = Header(8, 8, 1, "grey", codec="apercu", model_id=2, quality_q8=99)
    for changes in ({"n_layers": 6}, {"quality_q8": None}):
        header = Header(8, 8, 1, "grey", codec="apercu", model_id=2, **({"quality_q8": 99} | changes))
        with pytest.raises(CorruptStream):
            apercu.decode(pack(header, [b""] * header.n_layers))


@pytest.mark.parametrize("quality", [0, 5, 12, 20])
def test_flat_colours_come_back_flat_and_within_half_a_step(quality):
    """A step of LL is 1/33 of an orthonormal one; chroma has a fifth more, and 1.772 times that in blue."""
    rng = np.random.default_rng(4)
    step = at_quality(quality * 256).step_q8 / 256
    for _ in range(12):
        colour = rng.integers(0, 256, 3)
        image = np.broadcast_to(colour.astype(np.uint8), (96, 96, 3))
        decoded = apercu.decode(encode(image, quality=quality)).astype(int)
        assert np.abs(decoded - image).max() <= step / 66 * (1 + 1.2 * 1.772) + 4
        assert np.ptp(decoded, axis=(0, 1)).max() <= 4
