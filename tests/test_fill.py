"""Samples that do not count: filled smoothly, at next to no cost, and what they were makes no difference."""

import io

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges.files import read
from apercu.stages.colour import Levels
from apercu.stages.fill import filled, hidden
from scripts.pictures import noise, scene, wide

SIZES = ((1, 1), (1, 2), (2, 1), (3, 5), (1, 37), (41, 1), (16, 16), (33, 62), (70, 45))


def plainly(values, weights, middle):
    """Push–pull of one band in plain integers: `values` (H, W) as the kernel counts them, `weights` 0 to 255."""
    values, weights = values.astype(np.int64), weights.astype(np.int64)
    pyramid = [(values, weights)]
    while pyramid[-1][0].size > 1 or len(pyramid) == 1:
        below, w = pyramid[-1]
        height, width = (-(-n // 2) for n in below.shape)
        padding = [(0, n % 2) for n in below.shape]
        w4, v4 = (
            np.pad(a, padding).reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4)
            for a in (w, w * below)
        )
        total = w4.sum(2)
        mean = (v4.sum(2) + total // 2) // np.maximum(total, 1)
        level_weights = np.minimum(total, 255)
        if len(pyramid) == 1:  # those with nothing to fill under them or beside count no more
            solid = np.pad(w, padding, mode="edge").reshape(height, 2, width, 2).min((1, 3)) == 255
            around = np.pad(solid, 1, constant_values=True)
            inner = np.all([around[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
            level_weights = np.where(inner, 0, level_weights)
        pyramid.append((mean, level_weights))
    above = pyramid[-1][0] if pyramid[-1][1].any() else np.full((1, 1), middle)
    for below, w in pyramid[-2::-1]:
        rows, columns = (np.arange(n) for n in below.shape)
        (top, bottom), (left, right) = neighbours(rows, above.shape[0]), neighbours(columns, above.shape[1])
        down = 3 * above[top] + above[bottom]
        around = (3 * down[:, left] + down[:, right] + 8) >> 4
        above = np.where(w == 255, below, (w * below + (255 - w) * around + 127) // 255)
    return above


def neighbours(places, n):
    near, far = places // 2, places // 2 + np.where(places % 2, 1, -1)
    return near, np.where((far < 0) | (far >= n), near, far)


def picture(height, width, dtype, seed=1):
    """RGBA with holes, soft places and solid ones."""
    colours = noise((height, width, 3), seed) >> (8 if dtype == np.uint8 else 0)
    y, x = np.mgrid[:height, :width]
    alpha = np.clip(((x - width // 3) ** 2 + (y - height // 2) ** 2) // 9 - 12, 0, 255) * (
        257 if dtype == np.uint16 else 1
    )
    return np.dstack([colours, alpha]).astype(dtype)


LEVELS = {np.uint8: (), np.uint16: (Levels(0, 208), Levels(0, 208))}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_fill_beside_a_plain_one(size, dtype):
    image = picture(*size, dtype)
    alpha = image[..., 3].astype(np.int64)
    weights = np.minimum(alpha if dtype == np.uint8 else -(-alpha // 257), 15) * 17
    parts = 256 if dtype == np.uint8 else 1
    found = filled(image, "rgba", LEVELS[dtype], None)
    for band in range(3):
        wanted = plainly(image[..., band].astype(np.int64) * parts, weights, 32768)
        assert np.array_equal(
            found[..., band], np.where(weights == 255, image[..., band], (wanted + parts // 2) // parts)
        )
    assert np.array_equal(found[..., 3], image[..., 3])
    solid = image[..., 3] >= 15 * (257 if dtype == np.uint16 else 1)
    assert np.array_equal(found[solid], image[solid])


def test_nothing_to_fill_is_not_copied():
    image = picture(20, 30, np.uint8)
    image[..., 3] = 15
    assert filled(image, "rgba", (), None) is image
    assert filled(image, "rgba", (), np.zeros(image.shape, bool)) is image
    assert filled(image[..., :3], "rgb", (), None) is not image
    clear = picture(20, 30, np.uint8) * 0
    assert filled(clear, "spectral", (), None) is clear  # four bands, but no alpha


def test_hot_pixels_are_not_filled_and_areas_of_no_data_are():
    """Nothing is copied for a pixel; areas are found across the rows at which the work is cut."""
    levels = (Levels(0, 112),)  # 0 to 1024
    image = wide(scene(600, 40, 1), 100, 900)
    image[300, 20] = image[255:257, 7:9] = 65535
    assert filled(image, "grey", levels, None) is image
    for top in (250, 254, 255, 256, 509, 513):
        area = image.copy()
        area[top : top + 5, 10:15] = 65535
        found = filled(area, "grey", levels, None)
        assert found[top : top + 5, 10:15].max() <= 1024
        assert (found[top : top + 5, 10:15] < 1024).any()


def test_a_hole_in_a_slope_is_closed():
    y, x = np.mgrid[:64, :96]
    slope = (40 + x + y).astype(np.uint8)
    mask = ((x - 50) ** 2 + (y - 30) ** 2 < 15**2)[..., None]
    found = filled(np.where(mask, 0, slope[..., None]).astype(np.uint8), "grey", (), mask)
    assert np.array_equal(found[~mask], slope[~mask[..., 0]])
    assert np.abs(found[..., 0].astype(int) - slope).max() <= 12


def test_one_colour_goes_everywhere():
    for dtype, high in ((np.uint8, 255), (np.uint16, 65535)):
        for colour in (0, 1, high // 3, high):
            image = np.zeros((37, 70, 4), dtype)
            image[5:9, 40:43] = (colour, high - colour, colour, high)
            found = filled(image, "rgba", LEVELS[dtype], None)
            assert np.array_equal(found[..., :3], np.broadcast_to([colour, high - colour, colour], (37, 70, 3)))


def test_where_nothing_counts_is_the_middle():
    assert np.all(filled(np.zeros((5, 9, 1), np.uint8), "grey", (), np.ones((5, 9, 1), bool)) == 128)
    levels = (Levels(16, 31),)  # 16 to 47
    assert np.all(filled(np.zeros((5, 9, 1), np.uint16), "grey", levels, np.ones((5, 9, 1), bool)) == 32)
    clear = np.zeros((40, 50, 4), np.uint8)
    assert len(apercu.encode(clear, quality=90)) <= 17


def test_what_is_hidden():
    image = np.full((2, 3, 4), 9, np.uint8)
    assert hidden(image, "rgba", None) is None
    image[0, 1, 3] = 0
    wanted = np.zeros((2, 3, 4), bool)
    wanted[0, 1, :3] = True
    assert np.array_equal(hidden(image, "rgba", None), wanted)
    mask = np.zeros((2, 3, 4), bool)
    mask[:, 1, 3] = True  # what alpha is there, nobody knows
    assert np.array_equal(hidden(image, "rgba", mask), mask)
    assert hidden(image, "spectral", None) is None


def test_masked_samples_cost_nothing():
    image = scene(128, 128, 3)
    mask = np.zeros(image.shape, bool)
    mask[:, 40:] = True
    rough = np.where(mask, noise(image.shape, 1) % 256, image).astype(np.uint8)
    whole, part = len(apercu.encode(rough, quality=60)), len(apercu.encode(np.ma.array(rough, mask=mask), quality=60))
    assert part < whole / 5
    assert part < 1.3 * len(apercu.encode(image[:, :40], quality=60))


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def over(image, ground):
    alpha = image[..., 3:] / 255
    return image[..., :3] * alpha + ground * (1 - alpha)


def disc(colours, softness=6):
    """A picture (H, W, 3) cut out by a disc with a soft edge; black where it is clear."""
    height, width = colours.shape[:2]
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)
    alpha = np.clip((0.39 * height - away) / softness + 0.5, 0, 1) * 255
    return np.dstack([colours * (alpha >= 0.5)[..., None], alpha.round()]).astype(np.uint8)


@pytest.mark.parametrize(("codec", "least"), [("apercu", 38), ("taha2025", 28)])
def test_a_disc_has_no_rim(codec, least):
    colours = np.broadcast_to(np.array([250, 128, 100], np.uint8), (256, 256, 3))
    image = disc(colours)
    spread = np.dstack([colours, image[..., 3]])
    found, wanted = (
        psnr(over(image, 255), over(apercu.decode(apercu.encode(i, n_bytes=1200, codec=codec)), 255))
        for i in (image, spread)
    )
    assert found >= wanted - 1
    assert found >= least


def test_a_cut_out_picture_has_no_rim():
    """Within 1 dB of the same picture whose colours go on under the clear part, over black and over white."""
    y, x = np.mgrid[:256, :256]
    colours = np.dstack([90 + x // 2, 200 - y // 3, 60 + (x + y) // 4]).astype(np.uint8)
    image = disc(colours, 20)
    spread = np.dstack([colours, image[..., 3]])
    for ground in (0, 255):
        found, wanted = (
            psnr(over(spread, ground), over(apercu.decode(apercu.encode(i, n_bytes=1500)), ground))
            for i in (image, spread)
        )
        assert found >= wanted - 1


def test_noise_in_colours_that_can_hardly_be_seen_is_not_coded():
    """Colours that were multiplied by alpha and divided again, as most programs keep them."""
    colours = scene(256, 256, 3) // 32 * 32 + 20
    image = disc(colours, 90)
    alpha = image[..., 3:].astype(float)
    seen = np.round(image[..., :3] * alpha / 255)
    again = np.where(alpha > 0, np.minimum(np.round(seen * 255 / np.maximum(alpha, 1)), 255), 0)
    noisy = np.dstack([again, image[..., 3]]).astype(np.uint8)
    assert len(apercu.encode(noisy, quality=70)) < 1.1 * len(apercu.encode(image, quality=70))


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    file.seek(0)
    return file


def test_clear_colours_of_files_make_no_difference():
    """Palettes and levels that are transparent, and grey with alpha: what is under them is not coded."""
    index = (scene(64, 64)[:, :, 0] // 40).astype(np.uint8)
    files = {}
    for clear in (0, 255):
        palette = Image.fromarray(index, "L").convert("P")
        palette.putpalette([clear] * 3 + [(40 * i + 7 * c) % 256 for i in range(1, 8) for c in range(3)])
        grey = np.where(index == 0, clear, index * 30).astype(np.uint8)
        with_alpha = Image.merge("LA", [Image.fromarray(grey), Image.fromarray((index > 0).astype(np.uint8) * 255)])
        for kind, file in (("palette", saved(palette, transparency=0)), ("grey", saved(with_alpha))):
            files.setdefault(kind, set()).add(apercu.encode(read(file)[0], quality=60))
    assert {kind: len(made) for kind, made in files.items()} == {"palette": 1, "grey": 1}
