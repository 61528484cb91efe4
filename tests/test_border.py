"""The border of a tile: what the encoder does there, and that it is as good as the inside."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import apercu
from apercu.codecs import encoding
from apercu.codecs.apercu import plan
from apercu.codecs.by_name import codec_of
from apercu.format.container import Header
from apercu.stages.wavelet import wavelet_analyse

SOURCE = Path(__file__).parents[1] / "src/apercu/kernel/wavelet_border.c"
ALPHA, BETA, GAMMA, DELTA = -1.586134342, -0.052980119, 0.882911076, 0.443506852


def synthesis(n):
    """Functions of the low-pass and of the high-pass samples of a row of n, as columns."""
    n_low, n_high = (n + 1) // 2, n // 2
    even, odd = np.eye(n)[:n_low], np.eye(n)[n_low:]

    def around_even(x):
        return np.vstack([x[:1], x])[:n_low] + np.vstack([x, x[-1:]])[:n_low]

    def around_odd(x):
        return x[:n_high] + np.vstack([x, x[-1:]])[1 : n_high + 1]

    even = even - DELTA * around_even(odd)
    odd = odd - GAMMA * around_odd(even)
    even = even - BETA * around_even(odd)
    odd = odd - ALPHA * around_odd(even)
    rows = np.empty((n, n))
    rows[::2], rows[1::2] = even, odd
    return rows[:, :n_low], rows[:, n_low:]


@pytest.mark.parametrize(
    ("name", "n", "high", "end"),
    [
        (("OPEN_TAKES", 0), 64, 0, 1),
        (("OPEN_TAKES", 0), 65, -1, 1),
        (("FOLDED_TAKES", 0), 64, -1, 1.5),
        (("FOLDED_TAKES", 1), 64, -1, 3),
        (("FOLDED_TAKES", 2), 64, -1, 8),
    ],
)
def test_what_low_pass_samples_take_over(name, n, high, end):
    """By least squares, in which the last sample of the row counts `end` times."""
    low, highs = synthesis(n)
    nearest = slice(0, 3) if high == 0 else slice(None, -4, -1)
    weights = np.ones(n)
    weights[0 if high == 0 else -1] = end
    weighted = low[:, nearest].T * weights
    found = np.linalg.solve(weighted @ low[:, nearest], weighted @ highs[:, high])
    assert np.abs(32768 * found - constants(*name)).max() <= 1


@pytest.mark.parametrize(
    ("name", "n", "high"), [("OPEN_MENDS", 64, 0), ("FOLDED_MENDS", 64, -1), ("OPEN_MENDS", 65, -1)]
)
def test_what_high_pass_samples_mend(name, n, high):
    low, highs = synthesis(n)
    nearest = slice(0, 3) if high == 0 else slice(None, -4, -1)
    function = highs[:, high]
    assert np.abs(32768 * low[:, nearest].T @ function / (function @ function) - constants(name)).max() <= 1


def constants(name, which=0):
    """Those of an array in the source, or of one of its rows."""
    rows = re.search(rf"\b{name}(?:\[WEIGHTS\])?\[TAPS\] = ([{{}}\-\d, ]+)", SOURCE.read_text())[1]
    return [int(number) for number in re.findall(r"-?\d+", rows)][3 * which : 3 * which + 3]


@cache
def drawn(seed, side=320):
    """Like a photograph in its spectrum, with edges."""
    rng = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    fall = 1 / np.maximum(np.hypot(down, across), 1 / side) ** 1.2
    image = np.fft.irfft2(fall * np.exp(2j * np.pi * rng.random(fall.shape)), (side, side))
    image /= image.std()
    y, x = np.mgrid[:side, :side]
    for _ in range(6):
        angle, offset = rng.random() * np.pi, rng.random() * side
        image += rng.normal() * (np.cos(angle) * (x - side / 2) + np.sin(angle) * (y - side / 2) > offset - side / 2)
    return np.clip(128 + 40 * image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("restore", ["none", "cnn"])
@pytest.mark.parametrize(("side", "quality"), [(256, 30), (256, 38), (257, 34), (240, 34)])
def test_edges_are_as_good_as_the_inside(side, quality, restore):
    """The same pixels, once at the edge of a picture and once inside a larger one, at 0.02 to 0.1 bpp."""
    errors = np.zeros((2, 4))
    n_bytes = 0
    for seed in range(8):
        large = drawn(seed)
        small = np.ascontiguousarray(large[30 : 30 + side, 30 : 30 + side])
        data = apercu.encode(small, quality=quality)
        n_bytes += len(data)
        inside = apercu.decode(apercu.encode(large, quality=quality), restore=restore)[30 : 30 + side, 30 : 30 + side]
        for row, decoded in enumerate((apercu.decode(data, restore=restore), inside)):
            squared = (decoded.astype(float) - small) ** 2
            errors[row] += [part.mean() for part in (squared[0], squared[-1], squared[:, 0], squared[:, -1])]
    assert 0.02 < 8 * n_bytes / (8 * side**2) < 0.1
    assert 10 * np.log10(errors[0] / errors[1]).max() < 1.0


def kink(image, row):
    """Of the slope across the line between two rows, mean over the columns."""
    rows = image[row - 2 : row + 2].astype(float)
    return np.abs(rows[2] - rows[1] - (rows[1] - rows[0] + rows[3] - rows[2]) / 2).mean()


@pytest.mark.parametrize("restore", ["none", "cnn"])
def test_large_pictures_have_no_seam(restore):
    image = drawn(3, 1200)
    data = apercu.encode(image, bpp=0.03)
    decoded = apercu.decode(data, restore=restore)
    elsewhere = np.median([kink(decoded, row) for row in range(900, 1020)])
    assert apercu.info(data)["tiles"] == 1
    assert kink(decoded, 1024) < 1.5 * elsewhere
    assert kink(decoded.T, 1024) < 1.5 * np.median([kink(decoded.T, row) for row in range(900, 1020)])


@pytest.mark.parametrize(
    ("height", "width", "bands", "side"),
    [
        (3648, 5472, ("rgb", 3), None),  # 20 megapixels
        (4717, 4742, ("rgb", 3), None),
        (4730, 4742, ("rgb", 3), 4096),
        (5793, 5793, ("grey", 1), 4096),
        (5792, 5792, ("grey", 1), None),
        (10_000, 10_000, ("rgb", 3), 4096),
        (10_000, 10_000, ("spectral", 4), 2048),
        (10_000, 10_000, ("spectral", 13), 1024),
        (1100, 1100, ("spectral", 300), 1024),
        (600, 600, ("spectral", 300), 1024),
    ],
)
def test_sides_of_tiles(height, width, bands, side):
    assert plan(*bands, height, width).tile == side


@pytest.mark.parametrize(("side", "wide", "found"), [(10_000, True, 2048), (10_000, False, 4096), (4000, True, None)])
def test_tiles_of_colours_of_16_bits_are_smaller(side, wide, found):
    header = Header(side, side, 3, "rgb", wide=wide)
    assert encoding._planned(header, codec_of("apercu"), None, None, None, None).tile == found
    assert encoding._planned(header, codec_of("apercu"), None, 4096, None, None).tile == 4096


def test_extreme_pictures_stay_within_16_bits():
    """Nothing wraps: no sample is far from what it was, below quality 58, where borders are fitted, and above."""
    chequered, columns = np.indices((64, 96)).sum(0) % 2, np.indices((33, 64))[1] % 2
    for image in (chequered, columns, np.random.default_rng(5).integers(0, 2, (65, 64))):
        image = (255 * image).astype(np.uint8)
        for quality in (50, 57, 60, 76, 90):
            decoded = apercu.decode(apercu.encode(image, quality=quality)).astype(int)
            assert np.abs(decoded - image).max() < 90


def test_without_a_step_the_wavelet_is_the_plain_one():
    plane = (drawn(1)[:70, :81].astype(np.int16) * 32).copy()
    plain, fine, coarse = (np.empty(70 * 81, np.int16) for _ in range(3))
    wavelet_analyse(plane, 70, 81, 5, 4080, plain)
    wavelet_analyse(plane, 70, 81, 5, 4080, fine, 511)
    wavelet_analyse(plane, 70, 81, 5, 4080, coarse, 30_000)
    assert np.array_equal(plain, fine)
    different = np.flatnonzero(coarse != plain)
    assert 100 < len(different) < 70 * 81 / 2
