"""Samples to planes and back, against NumPy in integers and in floating point."""

import itertools

import numpy as np
import pytest

from apercu.stages.colour import (
    Levels,
    from_planes,
    level,
    level_groups,
    plane_sizes,
    to_planes,
)
from apercu.stages.levels import image_of, measure

RGB_TO_Y = np.array([0.299, 0.587, 0.114])
SIZES = ((1, 1), (1, 2), (2, 1), (7, 8), (8, 17), (33, 15), (16, 16))


def extended(plane, unit):
    """The plane with its edge repeated up to multiples of `unit`."""
    return np.pad(plane, [(0, -n % unit) for n in plane.shape], mode="edge")


def scaled(samples, offset, extent):
    """uint16 samples with 5 fraction bits, rounded half up."""
    return (np.clip(samples.astype(np.int64) - offset, 0, extent) * 8160 + extent // 2) // extent


def unscaled(plane, offset, extent):
    return np.minimum(offset + (np.clip(plane.astype(np.int64), 0, 8160) * extent + 4080) // 8160, 65535)


def by_interpolation(chroma, height, width):
    """Chroma at full size through np.interp: sample y of the image lies at (y - 0.5) / 2 of the half-size plane."""
    chroma = chroma[: -(-height // 2), : -(-width // 2)].astype(float)
    down, across = (np.arange(n) / 2 - 0.25 for n in (height, width))
    columns = np.stack([np.interp(down, np.arange(len(chroma)), column) for column in chroma.T], axis=1)
    rows = np.stack([np.interp(across, np.arange(chroma.shape[1]), row) for row in columns])
    return np.floor(rows + 0.5).astype(np.int64)


def colours(luma, cb, cr, height, width):
    """Red, green and blue with 5 fraction bits, BT.601 with 14-bit constants."""
    luma = luma[:height, :width].astype(np.int64)
    cb, cr = (by_interpolation(chroma, height, width) for chroma in (cb, cr))
    green = luma - (round(0.344136 * 2**14) * cb + round(0.714136 * 2**14) * cr + 2**13) // 2**14
    red, blue = (luma + (round(f * 2**14) * c + 2**13) // 2**14 for f, c in ((1.402, cr), (1.772, cb)))
    return np.dstack([red, green, blue])


def decoded(planes, interpretation, levels, shape, dtype):
    out = np.full(shape, 77, dtype)
    from_planes(planes, interpretation, levels, out)
    return out


def test_level_codes():
    values = [level(code) for code in range(209)]
    assert values[:33] == list(range(33))
    assert values[-1] == 65536
    for value, following in itertools.pairwise(values[16:]):
        step = 2 ** (value.bit_length() - 5)  # 4 bits after the leading one
        assert value % step == 0
        assert following - value == step


def test_measured_levels_hold_all_samples_and_no_smaller_do():
    rng = np.random.default_rng(1)
    extremes = [(0, 0), (0, 65535), (65535, 65535), (65534, 65535), (1, 2), (16, 33), (17, 17)]
    for low, high in [*extremes, *np.sort(rng.integers(0, 65536, (300, 2)) >> rng.integers(0, 16, (300, 1)))]:
        image = np.linspace(low, high, 12).round().astype(np.uint16).reshape(3, 4, 1)
        (found,) = measure(image_of(image), "grey").full
        assert level(found.offset_code) <= low < level(found.offset_code + 1)
        assert found.range_code >= 1
        assert level(found.offset_code) + level(found.range_code) >= high
        assert found.range_code == 1 or level(found.offset_code) + level(found.range_code - 1) < high


def measured(image, interpretation):
    return [(level(offset), level(extent)) for offset, extent in measure(image_of(image), interpretation).full]


def test_levels_are_shared_by_colours_only():
    assert level_groups("grey", 1) == [slice(0, 1)]
    assert level_groups("rgb", 3) == [slice(0, 3)]
    assert level_groups("rgba", 4) == [slice(0, 3), slice(3, 4)]
    assert level_groups("spectral", 3) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    image = np.zeros((2, 2, 4), np.uint16) + np.array([0, 16, 32, 31], np.uint16)
    assert measured(image, "rgba") == [(0, 32), (31, 1)]
    assert measured(image, "spectral") == [(0, 1), (16, 1), (32, 1), (31, 1)]


def test_every_sample_in_every_range():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    offsets = (np.arange(1, 209) * 37) % 208
    for first in range(1, 209, 52):  # a few at a time: memory
        some = range(first, min(first + 52, 209))
        levels = [Levels(int(offsets[code - 1]), code) for code in some]
        image = np.repeat(every[..., None], len(levels), axis=2)
        for plane, codes in zip(to_planes(image, "spectral", levels), levels, strict=True):
            assert np.array_equal(plane, scaled(every, *map(level, codes)))


def test_every_value_of_a_plane_in_every_range():
    plane = np.resize(np.arange(-8191, 8192), (128, 128)).astype(np.int16)
    levels = [Levels((code * 37) % 209, code) for code in range(1, 209)] + [Levels(208, 208)]
    out = decoded([plane] * len(levels), "spectral", levels, (128, 128, len(levels)), np.uint16)
    for band, codes in enumerate(levels):
        assert np.array_equal(out[..., band], unscaled(plane, *map(level, codes)))
    grey = decoded([plane], "grey", [], (128, 128, 1), np.uint8)[..., 0]
    assert np.array_equal(grey, np.clip(np.floor(plane / 32 + 0.5), 0, 255))


@pytest.mark.parametrize("size", SIZES)
def test_bands_are_padded_with_their_edge(size):
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (*size, 5), np.uint8)
    planes = to_planes(image, "spectral", [])
    assert plane_sizes("spectral", 5, *size) == [size] * 5
    for band, plane in enumerate(planes):
        assert plane.dtype == np.int16
        assert np.array_equal(plane, extended(image[..., band].astype(int) * 32, 8))
    assert np.array_equal(decoded(planes, "spectral", [], image.shape, np.uint8), image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_colour_to_planes(size, dtype):
    rng = np.random.default_rng(3)
    high = np.iinfo(dtype).max
    corners = rng.choice([0, high], (*size, 4))
    for image in (rng.integers(0, high + 1, (*size, 4)), corners, np.full((*size, 4), high), np.zeros((*size, 4))):
        image = image.astype(dtype)
        levels = measure(image_of(image), "rgba").full if dtype == np.uint16 else []
        luma, cb, cr, alpha = to_planes(image, "rgba", levels)
        extents = [tuple(map(level, codes)) for codes in levels]
        bands = [image[..., band] for band in range(4)]
        bands = [scaled(b, *extents[i // 3]) if extents else b.astype(int) * 32 for i, b in enumerate(bands)]
        assert np.array_equal(alpha, extended(bands[3], 8))

        red, green, blue = (extended(band, 16) for band in bands[:3])
        y = (4899 * red + 9617 * green + 1868 * blue + 8192) // 16384
        assert np.array_equal(luma, y)
        for chroma, band, factor in ((cb, blue, 9246), (cr, red, 11686)):
            sums = (band - y).reshape(len(y) // 2, 2, -1, 2).sum(axis=(1, 3))
            assert np.array_equal(chroma, (sums * factor + 32768) // 65536)

        floats = np.dstack([red, green, blue]) @ RGB_TO_Y
        assert np.abs(luma - floats).max() <= 1.3  # half, and 14-bit constants
        for chroma, band, scale in ((cb, blue, 1.772), (cr, red, 1.402)):
            mean = (band - floats).reshape(len(y) // 2, 2, -1, 2).mean(axis=(1, 3)) / scale
            assert np.abs(chroma - mean).max() <= 1.6


def test_halves_of_chroma_go_up():
    # A sum of four differences times its factor ends in half a unit where the sum is ±2^14.
    red, green, blue = np.mgrid[:256:3, :256:3, :256:3].reshape(3, -1) * 32
    y = (4899 * red + 9617 * green + 1868 * blue + 8192) // 16384
    for chroma, band, factor in ((1, blue, 9246), (2, red, 11686)):
        for difference in (-4096, 4096):
            chosen = np.flatnonzero(band - y == difference)[:4]
            assert chosen.size
            assert 4 * difference * factor % 65536 == 32768
            for colour in np.stack([red, green, blue], axis=1)[chosen] // 32:
                plane = to_planes(np.full((2, 2, 3), colour, np.uint8), "rgb", [])[chroma]
                assert np.all(plane == (4 * difference * factor + 32768) // 65536)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_planes_to_colour(size, dtype):
    rng = np.random.default_rng(4)
    height, width = size
    levels = [Levels(0, 208), Levels(100, 150)] if dtype == np.uint16 else []
    shapes = [(-(-height // 16) * 16, -(-width // 16) * 16), *2 * [(-(-height // 16) * 8, -(-width // 16) * 8)]]
    shapes.append((-(-height // 8) * 8, -(-width // 8) * 8))
    for ends in ((-8191, 0, 8191), range(-8191, 8192)):
        planes = [rng.choice(ends, shape).astype(np.int16) for shape in shapes]
        out = decoded(planes, "rgba", levels, (*size, 4), dtype)
        rgb = colours(*planes[:3], *size)
        alpha = planes[3][:height, :width]
        if dtype == np.uint8:
            expected = [np.clip(np.floor(v / 32 + 0.5), 0, 255) for v in (rgb, alpha[..., None])]
        else:
            pairs = zip((rgb, alpha[..., None]), levels, strict=True)
            expected = [unscaled(v, *map(level, codes)) for v, codes in pairs]
        assert np.array_equal(out, np.concatenate(expected, axis=2))


def test_what_lies_beyond_the_plane_does_not_matter():
    rng = np.random.default_rng(5)
    planes = [rng.integers(-8191, 8192, shape).astype(np.int16) for shape in ((16, 16), (8, 8), (8, 8))]
    before = decoded(planes, "rgb", [], (9, 11, 3), np.uint8)
    for plane, (height, width) in zip(planes, plane_sizes("rgb", 3, 9, 11), strict=True):
        plane[height:] = 1234
        plane[:, width:] = -4321
    assert np.array_equal(decoded(planes, "rgb", [], (9, 11, 3), np.uint8), before)


def test_one_colour_comes_back():
    rng = np.random.default_rng(6)
    for colour in [*itertools.product((0, 255), repeat=3), *rng.integers(0, 256, (200, 3))]:
        image = np.full((9, 9, 3), colour, np.uint8)
        assert np.array_equal(decoded(to_planes(image, "rgb", []), "rgb", [], image.shape, np.uint8), image)


def test_uint16_comes_back_within_a_step():
    rng = np.random.default_rng(7)
    for shift in (0, 4, 12):
        image = rng.integers(0, 65536 >> shift, (30, 30, 2)).astype(np.uint16)
        levels = measure(image_of(image), "spectral").full
        out = decoded(to_planes(image, "spectral", levels), "spectral", levels, image.shape, np.uint16)
        extent = max(level(codes.range_code) for codes in levels)
        assert np.abs(out.astype(int) - image).max() <= extent / 8160 / 2 + 0.5


@pytest.mark.parametrize("interpretation", ["spectral", "rgba"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_in_any_layout(dtype, interpretation):
    rng = np.random.default_rng(8)
    whole = rng.integers(0, 200, (40, 50, 8)).astype(dtype)
    views = {
        "window": whole[3:30, 5:40, :4],
        "flipped": whole[::-1, ::-1, 3::-1],
        "every other": whole[::2, 1::3, ::2],
        "bands first": np.moveaxis(rng.integers(0, 200, (4, 20, 30)).astype(dtype), 0, 2),
        "other byte order": whole[..., :4].astype(whole.dtype.newbyteorder()),
        "unaligned": np.frombuffer(b"\0" + whole[..., :4].tobytes(), np.uint8)[1:].view(dtype).reshape(40, 50, 4),
        "one row": np.broadcast_to(whole[0, :, :4], (12, 50, 4)),
    }
    for name, view in views.items():
        levels = measure(image_of(view), interpretation).full if dtype == np.uint16 else []
        plain = np.ascontiguousarray(view).astype(dtype)
        for a, b in zip(to_planes(view, interpretation, levels), to_planes(plain, interpretation, levels), strict=True):
            assert np.array_equal(a, b), name


@pytest.mark.parametrize("interpretation", ["spectral", "rgba"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_window_is_written_and_nothing_else(dtype, interpretation):
    rng = np.random.default_rng(9)
    image = rng.integers(0, 200, (13, 11, 4)).astype(dtype)
    levels = measure(image_of(image), interpretation).full if dtype == np.uint16 else []
    planes = to_planes(image, interpretation, levels)
    whole = np.full((20, 20, 4), 201, dtype)
    from_planes(planes, interpretation, levels, whole[4:17, 6:17])
    assert np.array_equal(whole[4:17, 6:17], decoded(planes, interpretation, levels, image.shape, dtype))
    whole[4:17, 6:17] = 201
    assert np.all(whole == 201)
