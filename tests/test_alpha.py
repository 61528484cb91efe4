"""Alpha: opaque comes back opaque, clear comes back clear, at every quality, and costs next to nothing."""

import itertools

import numpy as np
import pytest

import apercu
from apercu.codecs import settled_alpha, taha2025
from apercu.codecs.apercu import at_quality
from apercu.codecs.content import to_content
from apercu.format.container import Header
from apercu.stages.colour import from_planes
from apercu.stages.levels import image_of, measure
from apercu.stages.wavelet import wavelet_analyse, wavelet_synthesise
from scripts.pictures import noise, scene

QUALITIES = (0, 1.5, 3.3, 5, 8, 12.25, 20, 30, 37.5, 44, 50, 58, 66.6, 75, 83, 90, 95, 98.5, 100)
SIZES = ((1, 1), (1, 9), (300, 1), (7, 5), (33, 31), (64, 64), (65, 100))


def with_alpha(height, width, dtype, alpha):
    high = 1 if dtype == np.uint8 else 257
    return np.dstack([scene(height, width, 3).astype(dtype) * high, np.full((height, width), alpha, dtype)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "alpha"), [(np.uint8, 255), (np.uint8, 0), (np.uint16, 65535), (np.uint16, 0)])
def test_opaque_and_clear_come_back(size, dtype, alpha):
    image = with_alpha(*size, dtype, alpha)
    for quality in QUALITIES:
        decoded = apercu.decode(apercu.encode(image, quality=quality))
        assert np.all(decoded[..., 3] == alpha), quality
    for how in ({"bpp": 1.5}, {"n_bytes": 200}, {"psnr": 20}):
        assert np.all(apercu.decode(apercu.encode(image, **how))[..., 3] == alpha) if min(size) > 9 else True


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (33, 17), (64, 70)])
@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, 255), (np.uint8, 0), (np.uint16, 65535), (np.uint16, 0)])
def test_every_step(size, dtype, value):
    """Without the coder, at all steps there are but for a few."""
    height, width = size
    tile = np.full((height, width, 4), value, dtype)
    levels = measure(image_of(tile), "rgba").full if dtype == np.uint16 else ()
    header = Header(height, width, 4, "rgba", wide=dtype == np.uint16, levels=levels)
    planes, layout = to_content(tile, header)
    analysed = np.empty(height * width, np.int16)
    wavelet_analyse(planes[3], height, width, 5, 4080, analysed)
    alpha = settled_alpha.find(planes[3], layout)
    out, whole = np.empty((height, width), np.int16), np.empty((height, width, 4), dtype)
    for quality_q8 in (*range(0, 25_601, 37), 25_600):
        bands = analysed.copy()
        settled_alpha.settle(alpha, at_quality(quality_q8).step_q8, bands)
        wavelet_synthesise(bands, out, 5, 4080)
        from_planes([*planes[:3], out], "rgba", list(levels), whole)
        assert np.all(whole[..., 3] == value)


def test_in_tiles_and_layers():
    image = with_alpha(150, 200, np.uint8, 255)
    image[:64, 64:128, 3] = 0
    image[64:128, :64, 3] = np.arange(64) * 4
    steady = np.ones((150, 200), bool)
    steady[64:128, :64] = False
    for quality, layers in itertools.product((0, 5, 31, 50, 80, 100), (1, 2, 3)):
        decoded = apercu.decode(apercu.encode(image, quality=quality, tile=64, layers=3), layers=layers)
        assert np.array_equal(decoded[steady, 3], image[steady, 3])


@pytest.mark.parametrize(("dtype", "unit"), [(np.uint8, 1), (np.uint16, 257)])
def test_any_other_alpha_comes_as_near_as_a_step_allows(dtype, unit):
    for alpha in (1, 77, 128, 254):
        image = with_alpha(70, 50, dtype, alpha * unit)
        for quality in (0, 20, 50, 80, 100):
            decoded = apercu.decode(apercu.encode(image, quality=quality))[..., 3].astype(int)
            step = at_quality(round(256 * quality)).step_q8 * 122 / 2**16 * 2 / 32  # of LL, in levels
            assert np.abs(decoded - alpha * unit).max() <= (step / 2 + 1) * unit
            assert np.ptp(decoded) <= unit


def disc(softness):
    y, x = np.mgrid[:300, :280]
    return np.clip((110 - np.hypot(y - 150, x - 130)) / softness + 0.5, 0, 1) * 255


@pytest.mark.parametrize("softness", [0.1, 10, 60])
@pytest.mark.parametrize("quality", [5, 35, 50, 80])
def test_the_inside_of_a_soft_edge_is_opaque(softness, quality):
    """At least four fifths of what is opaque, or clear; before, as little as a fiftieth."""
    alpha = disc(softness).round().astype(np.uint8)
    image = np.dstack([scene(300, 280, 3), alpha])
    decoded = apercu.decode(apercu.encode(image, quality=quality))[..., 3]
    assert (decoded[alpha == 255] == 255).mean() >= 0.8
    assert (decoded[alpha == 0] == 0).mean() >= 0.8


def test_alpha_without_a_flat_place_is_as_it_was():
    """Nothing is settled where nothing is at an end of the range."""
    image = np.dstack([scene(90, 80, 3), 100 + noise((90, 80), 3) % 100]).astype(np.uint8)
    planes, layout = to_content(image, Header(90, 80, 4, "rgba"))
    alpha = settled_alpha.find(planes[3], layout)
    before = noise((90 * 80,), 5).view(np.int16)
    after = before.copy()
    settled_alpha.settle(alpha, 100_000, after)
    assert np.array_equal(after, before)


@pytest.mark.parametrize(("side", "most"), [(64, 5), (128, 6), (256, 12)])
def test_opaque_costs_next_to_nothing(side, most):
    image = scene(side, side, 3)
    for quality in (5, 20, 35, 50, 65, 80):
        with_it, without = (
            len(apercu.encode(i, quality=quality))
            for i in (np.dstack([image, np.full((side, side), 255, np.uint8)]), image)
        )
        assert with_it - without <= most


@pytest.mark.parametrize("size", [(8, 8), (33, 17), (64, 70)])
def test_alpha_of_taha2025(size):
    """0 comes back; of 255, the brightest block that one latent can make is 254 in some samples."""
    for dtype, unit in ((np.uint8, 1), (np.uint16, 257)):
        for quality in (0, 5, 12, 15.9, 20, 40, 60, 80, 100):
            clear, opaque = (
                apercu.decode(apercu.encode(with_alpha(*size, dtype, a), codec="taha2025", quality=quality))[..., 3]
                for a in (0, 255 * unit)
            )
            assert np.all(clear == 0)
            assert np.all(opaque >= 254 * unit)
    for step in (1 / 8, 3, 8191):
        by_hand = apercu.encode(with_alpha(*size, np.uint8, 255), codec="taha2025", step=step, threshold=20)
        assert np.all(apercu.decode(by_hand)[..., 3] >= 254)
    assert taha2025.LATENT_LIMIT == 16384


@pytest.mark.parametrize("quality", [2, 20, 50, 90])
def test_opaque_blocks_of_taha2025(quality):
    alpha = disc(10).round().astype(np.uint8)
    image = np.dstack([scene(300, 280, 3), alpha])
    decoded = apercu.decode(apercu.encode(image, codec="taha2025", quality=quality))[..., 3]
    assert (decoded[alpha == 255] >= 254).mean() >= 0.85
    assert (decoded[alpha == 0] == 0).mean() >= 0.85


@pytest.mark.parametrize("how", [{"max_error": 1}, {"max_error": 40}, {"quality": 0}, {"quality": 57}, {"quality": 98}])
@pytest.mark.parametrize(("dtype", "unit"), [(np.uint8, 1), (np.uint16, 257)])
def test_predictive_keeps_all_that_is_clear_or_opaque(how, dtype, unit):
    alpha = disc(10).round().astype(dtype)[::4, ::4] * dtype(unit)
    image = np.dstack([scene(75, 70, 3).astype(dtype) * dtype(unit), alpha])
    decoded = apercu.decode(apercu.encode(image, codec="predictive", **how))[..., 3]
    for end in (0, 255 * unit):
        assert np.all(decoded[alpha == end] == end)
