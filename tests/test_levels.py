"""Ranges of uint16 images: the smallest that hold what counts, without hot and dead pixels and areas of 65,535."""

import numpy as np
import pytest

import apercu
from apercu.format.container import read_header
from apercu.stages.colour import level
from apercu.stages.levels import image_of, measure
from scripts.pictures import noise, scene, wide


def ranges(levels):
    return [(level(offset), level(extent)) for offset, extent in levels]


def bulk(image, interpretation="grey", mask=None):
    measured = measure(image_of(image.reshape(*image.shape[:2], -1), mask), interpretation)
    return ranges(measured.bulk), measured.lost


def full(image, interpretation="grey", mask=None):
    return ranges(measure(image_of(image.reshape(*image.shape[:2], -1), mask), interpretation).full)


def satellite(low=300, high=3900, side=256, seed=3):
    """A scene (H, W) uint16: slopes, discs, noise."""
    return wide(scene(side, side, 1, seed), low, high)[:, :, 0]


def wedge(side, share):
    """A corner (H, W) of so many in a hundred."""
    y, x = np.mgrid[:side, :side]
    return x + 0.6 * y < np.percentile(x + 0.6 * y, share)


SCENE = satellite()


def with_pixels(values, scene_of=SCENE, seed=1):
    image = scene_of.copy()
    at = np.random.default_rng(seed).choice(image.size, len(values), replace=False)
    image.flat[at] = values
    return image


@pytest.mark.parametrize(
    "values", [[65535], [65535] * 5, [20000], [65535, 40000, 20000, 9000], range(10000, 65000, 1000)], ids=str
)
def test_hot_pixels_are_left_out(values):
    assert bulk(with_pixels(values))[0] == full(SCENE)
    assert bulk(np.dstack([with_pixels(values), SCENE]), "spectral")[0] == full(np.dstack([SCENE, SCENE]), "spectral")


def test_hot_pixels_anywhere():
    """At corners and edges, in the brightest place, side by side, in a column, in a small image."""
    image = SCENE.copy()
    image[120:130, 60:66] = 3950  # less than one sample in 200
    wanted = full(image)
    for at in ((0, 0), (0, 100), (255, 255), (124, 62), (slice(7, 9), slice(9, 11)), (slice(200, 256), 40)):
        hot = image.copy()
        hot[at] = 65535
        assert bulk(hot)[0] == wanted, at
    small = SCENE[:40, :40].copy()
    wanted = full(small)
    small[20, 21] = 65535
    assert bulk(small)[0] == wanted


def test_the_error_of_what_is_left_out_is_told():
    image = with_pixels([65535, 40000])
    ((offset, extent),), lost = bulk(image)
    assert lost == sum((value - offset - extent) ** 2 for value in (65535, 40000))
    ((offset, extent),), lost = bulk(with_pixels([0, 0, 100], satellite(9000, 12000)))
    assert lost == 2 * offset**2 + (offset - 100) ** 2
    assert bulk(SCENE)[1] == 0


def test_dead_pixels_and_lines_are_left_out():
    bright = satellite(8000, 12000)
    assert bulk(with_pixels([0] * 9, bright))[0] == full(bright)
    assert bulk(with_pixels([0, 1000, 65535, 30000], bright))[0] == full(bright)
    line = bright.copy()
    line[:60, 77] = 0
    assert bulk(line)[0] == full(bright)


@pytest.mark.parametrize("share", [0.05, 1, 5, 40, 60])
def test_areas_of_65535_are_left_out_and_areas_of_0_are_not(share):
    side = 256
    area = wedge(side, share)
    image = np.where(area, 65535, SCENE).astype(np.uint16)
    assert bulk(image)[0] == full(SCENE, mask=area[..., None])
    bright = satellite(8000, 12000)
    image = np.where(area, 0, bright).astype(np.uint16)
    assert bulk(image)[0] == full(image)
    assert bulk(image)[0][0][0] == 0


def test_in_colours_too():
    colours = wide(scene(128, 128, 3), 200, 4000)
    hot = colours.copy()
    hot[40, 50] = 65535
    hot[90, 100, 1] = 50000
    assert bulk(hot, "rgb")[0] == full(colours, "rgb")
    hot[wedge(128, 20)] = 65535
    assert bulk(hot, "rgb")[0][0][1] < 4400
    opaque = np.dstack([hot, np.full((128, 128), 65535, np.uint16)])
    assert bulk(opaque, "rgba")[0][1] == full(opaque, "rgba")[1]


def stars(side, n, sigma, brightest, seed):
    """A dark sky with stars of all magnitudes, (H, W) uint16, saturated at 65,535."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    sky = rng.normal(300, 12, (side, side))
    for flux in brightest * rng.pareto(1.2, n) / 20:
        row, column = rng.uniform(0, side, 2)
        near = slice(max(int(row) - 12, 0), int(row) + 13), slice(max(int(column) - 12, 0), int(column) + 13)
        sky[near] += flux * np.exp(-((y[near] - row) ** 2 + (x[near] - column) ** 2) / (2 * sigma**2))
    return sky.round().clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sigma", [1.0, 1.6, 2.5])
@pytest.mark.parametrize(("n", "brightest"), [(1, 2_000_000), (12, 300_000), (150, 60_000)])
def test_stars_are_no_hot_pixels(n, brightest, sigma, seed):
    image = stars(192, n, sigma, brightest, seed)
    assert bulk(image) == (full(image), 0)


def test_what_stands_out_of_nothing_is_the_picture():
    black = np.zeros((64, 64), np.uint16)
    for image in (black, black + 500, black + 500 + (noise((64, 64), 1) % 10).astype(np.uint16)):
        image[20, 30] = 65535
        assert bulk(image) == (full(image), 0)
    drawing = np.where(scene(64, 64)[:, :, 0] > 120, 65535, 0).astype(np.uint16)  # two values
    assert bulk(drawing) == (full(drawing), 0)


def test_small_bright_things_are_no_hot_pixels():
    """A roof of 3 x 4 samples, brighter than all around."""
    image = SCENE.copy()
    image[100:103, 50:54] = 30000
    assert bulk(image) == (full(image), 0)
    image = satellite(8000, 12000)
    image[100:103, 50:54] = 500  # a pond
    assert bulk(image) == (full(image), 0)


@pytest.mark.parametrize(("long", "wide_"), [(2, 1), (1, 2), (4, 2), (2, 2), (1, 5), (6, 1), (3, 2)])
def test_ships_are_no_hot_pixels(long, wide_):
    """Small things of two samples or more, on a dark sea, and dark ones on bright ground."""
    sea = (300 + noise((256, 256), 4) % 160).astype(np.uint16)
    ground = (9000 + noise((256, 256), 4) % 1600).astype(np.uint16)
    for image, value in ((sea, 3000), (sea, 30000), (ground, 1000)):
        image = image.copy()
        for row, column in ((20, 30), (90, 200), (200, 77), (140, 8)):
            image[row : row + long, column : column + wide_] = value
        assert bulk(image) == (full(image), 0)
    sea[100, 100] = sea[7, 30] = 50000
    assert bulk(sea)[0][0][1] < 500


def test_two_hot_pixels_of_many_may_touch():
    values = [20000] * 40
    image = with_pixels(values)
    row, column = np.argwhere(image == 20000)[20]
    image[row + 1, column - 1] = 20000
    assert bulk(image)[0] == full(SCENE)


@pytest.mark.parametrize("where", [np.s_[100:108, 9], np.s_[:, 255], np.s_[0, 30:80], np.s_[60, :]])
def test_hot_lines_are_left_out(where):
    for value in (30000, 65535):
        image = satellite(300, 3900, 1024)
        wanted = full(image)
        image[where] = value
        assert bulk(image)[0] == wanted


def test_a_wide_bulk_keeps_its_white():
    """Less than four times the bulk: a dark picture with a white frame."""
    image = satellite(0, 20000)
    image[:9] = 65535
    assert bulk(image) == (full(image), 0)


def test_a_tail_without_a_gap_is_kept():
    image = with_pixels([int(4000 * 1.6**k) for k in range(6)])
    assert bulk(image) == (full(image), 0)


def test_what_does_not_count_is_not_measured():
    image = wide(scene(64, 64, 4), 2000, 5000)
    image[..., 3] = 65535
    wanted = full(image, "rgba")
    image[10:30, 10:30] = (0, 65535, 7, 0)
    assert full(image, "rgba")[0] == wanted[0]
    mask = np.zeros((64, 64, 1), bool)
    mask[5:50, 9:60] = True
    assert full(np.where(mask[..., 0], 65535, SCENE[:64, :64]).astype(np.uint16), mask=mask) == full(
        np.where(mask[..., 0], np.median(SCENE[:64, :64][~mask[..., 0]]), SCENE[:64, :64]).astype(np.uint16)
    )
    assert full(image, "rgba", np.ones(image.shape, bool)) == [(0, 1), (0, 1)]
    assert bulk(image, "rgba", np.ones(image.shape, bool)) == ([(0, 1), (0, 1)], 0)


def away_from(places, by=16):
    """Where a square of 33 x 33 holds none of the places."""
    padded = np.pad(places, by).astype(np.int32)
    sums = np.pad(padded, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    n = 2 * by + 1
    return (sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]) == 0


def rmse(a, b, where):
    return np.sqrt(np.mean((a.astype(float) - b)[where] ** 2))


def spoilt():
    hot = SCENE.copy()
    hot[70, 180] = 65535
    several = with_pixels([65535, 50000, 21000, 65535])
    return {"hot": hot, "several": several} | {
        f"wedge of {share} %": np.where(wedge(256, share), 65535, SCENE).astype(np.uint16) for share in (5, 20, 40)
    }


@pytest.mark.parametrize("name", spoilt())
@pytest.mark.parametrize(
    ("codec", "how"),
    [("apercu", {"quality": 50}), ("apercu", {"bpp": 0.1}), ("taha2025", {"quality": 50}), ("taha2025", {"bpp": 0.3})],
    ids=str,
)
def test_error_away_from_outliers(name, codec, how):
    """At most 15 % more than without them."""
    image = spoilt()[name]
    where = away_from(image != SCENE)
    assert where.mean() > 0.45
    found, wanted = (rmse(SCENE, apercu.decode(apercu.encode(i, codec=codec, **how)), where) for i in (image, SCENE))
    assert found <= 1.15 * wanted


def test_no_data_is_the_end_of_the_range():
    image = spoilt()["wedge of 20 %"]
    data = apercu.encode(image, quality=60)
    (levels,) = read_header(data).levels
    (offset, extent), inside = ranges([levels])[0], ~away_from(~wedge(256, 20), 8)
    decoded = apercu.decode(data)[wedge(256, 20) & ~inside]
    assert offset + extent < 4400
    assert np.percentile(decoded, 2) >= 0.97 * (offset + extent)


def test_a_psnr_that_outliers_would_spoil_takes_the_full_range():
    image = spoilt()["hot"]
    for wanted in (40, 50, 56):
        data = apercu.encode(image, psnr=wanted)
        error = np.mean((apercu.decode(data).astype(float) - image) ** 2)
        assert 10 * np.log10(65535**2 / error) >= wanted - 0.05
        (levels,) = read_header(data).levels
        assert (ranges([levels])[0][1] > 60000) == (wanted > 45)


def test_any_layout():
    image = with_pixels([65535, 40000])
    wanted = bulk(image)
    for view in (image.astype(">u2"), np.asfortranarray(image), np.dstack([image, image])[..., 1]):
        assert bulk(view) == wanted


def test_alpha_has_no_outliers():
    """A faint glow, and a sign that is opaque."""
    image = wide(scene(64, 64, 4), 0, 3000)
    image[20:40, 20:40, 3] = 65535
    image[50, 50, 3] = 65535
    assert bulk(image, "rgba")[0][1] == full(image, "rgba")[1]
    assert full(image, "rgba")[1][1] == 65536
