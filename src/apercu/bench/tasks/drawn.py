"""Data sets that the package draws, for a first run of each task without any files: the same on every call.

They show that a task works and how its score falls with the rate. They are drawings: no figure of theirs says how real
pictures fare.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from apercu.bench.tasks.data import DataSet, Split
from apercu.bench.tasks.drawing import Sheet, Values, box, ground, of_classes, over, pixels, turned
from apercu.stages.colour import Samples

SEED = 17
SIDE = 128
"""Pixels to each side of a scene from above."""
SHAPE = SIDE, SIDE
N_TRAIN, N_TEST = 25, 10
"""Scenes of each class."""
WATER, GRASS, EARTH, ASPHALT = (38, 72, 98), (92, 118, 66), (142, 120, 90), (96, 96, 98)
TILES = (168, 84, 64), (128, 120, 116), (150, 104, 84)
Rng = np.random.Generator


def scenes() -> DataSet:
    """Six classes of places seen from above, RGB, 128 × 128: boats, fields, forest, roads, roofs, and water alone."""
    classes = tuple(sorted(SCENES))
    return of_classes("classes", classes, SEED, lambda number, rng: SCENES[classes[number]](rng), N_TRAIN, N_TEST)


def digits() -> DataSet:
    """The ten digits in strokes, grey, 28 × 28, white on black: 30 of each to train on, 10 to test on."""
    return of_classes("digits", tuple("0123456789"), SEED, _digit, 30, 10)


def segments() -> DataSet:
    """Places from above, RGB, 192 × 144, with masks of five classes: grass, water, road, roof, tree."""
    splits = []
    for part, n in (("train", 48), ("test", 20)):
        pairs = [_segmented(np.random.default_rng((SEED, 2, n, k))) for k in range(n)]
        splits.append(Split(tuple(f"{part}/{k:02}" for k in range(n)), *map(tuple, zip(*pairs, strict=True))))
    return DataSet("masks", ("grass", "water", "road", "roof", "tree"), splits[0], splits[1])


def _water(rng: Rng) -> Samples:
    return pixels(_sea(rng))


def _sea(rng: Rng) -> Values:
    sea = ground(rng, WATER, SHAPE, rng.uniform(2, 9))
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 12)
    swell = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 6))
    found: Values = sea + rng.uniform(0, 4) * swell[:, :, None]
    return found


def _boats(rng: Rng) -> Samples:
    picture = _sea(rng)
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform(12, SIDE - 12, 2)
        length, angle = rng.uniform(8, 22), rng.uniform(0, 2 * np.pi)
        half = length * rng.uniform(0.13, 0.2)
        wake = np.array([(-length / 2, 0), (-2 * length, -half), (-2.2 * length, half)])
        foam = Sheet(SHAPE).polygon(turned(wake, angle, (x, y))).cover()
        picture = over(picture, (150, 175, 185), foam * rng.uniform(0.1, 0.5))
        bow = (length / 2, 0)
        hull = [bow, (length / 4, half), (-length / 2, half), (-length / 2, -half), (length / 4, -half)]
        picture = over(picture, rng.uniform(140, 245, 3), Sheet(SHAPE).polygon(turned(hull, angle, (x, y))).cover())
        cabin = box(turned([(-length / 8, 0)], angle, (x, y))[0], length / 4, half, angle)
        picture = over(picture, rng.uniform(30, 120, 3), Sheet(SHAPE).polygon(cabin).cover())
    return pixels(picture)


def _fields(rng: Rng) -> Samples:
    picture = ground(rng, GRASS, SHAPE, 5)
    angle, size = rng.uniform(0, np.pi), rng.uniform(28, 52)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    plots = [
        box(turned([(1.5 * size * (column + rng.normal(0, 0.05)), row * size)], angle)[0] + SIDE / 2,
            1.44 * size, 0.94 * size, angle)
        for row in range(-3, 4) for column in range(-2, 3)
    ]  # fmt: skip
    crop_of = rng.integers(8, size=len(plots))
    for number in range(8):
        sheet = Sheet(SHAPE)
        for plot, crop in zip(plots, crop_of, strict=True):
            if crop == number:
                sheet.polygon(plot)
        colour = np.array([GRASS, EARTH, (176, 160, 92), (70, 96, 52)][number % 4])
        furrow = angle + np.pi / 2 * rng.integers(2)
        stripes = np.sin(2 * np.pi * (x * np.cos(furrow) + y * np.sin(furrow)) / rng.uniform(3, 7))
        crops = ground(rng, colour, SHAPE, 4) + rng.uniform(0, 9) * stripes[:, :, None]
        picture = over(picture, crops, sheet.cover())
    return pixels(picture)


def _crowns(rng: Rng, picture: Values, n: int, radius: tuple[float, float]) -> tuple[Values, Values]:
    """Trees over a picture, lit from above left, and where they are."""
    shape = picture.shape[:2]
    light, everywhere = Sheet(shape), Sheet(shape)
    for x, y, share in rng.random((n, 3)):
        r = radius[0] + share * (radius[1] - radius[0])
        everywhere.disc(x * shape[1], y * shape[0], r)
        light.disc(x * shape[1] - r / 3, y * shape[0] - r / 3, r / 2)
    cover = everywhere.cover()
    found = over(picture, ground(rng, (44, 72, 38), shape, 9, 0.8), cover)
    return over(found, (104, 132, 78), light.cover() * cover * 0.6), cover


def _forest(rng: Rng) -> Samples:
    picture = ground(rng, (40, 58, 34), SHAPE, 8)
    for _ in range(3):
        picture, _cover = _crowns(rng, picture, int(rng.integers(30, 60)), (3, 8))
    return pixels(picture)


def _roads(rng: Rng) -> Samples:
    picture = ground(rng, EARTH if rng.random() < 0.4 else GRASS, SHAPE, 8)
    angle = rng.uniform(0, np.pi)
    for turn in (0, np.pi / 2)[: int(rng.integers(1, 3))]:
        width = rng.uniform(10, 22)
        offset = rng.uniform(-30, 30)
        middle = turned([(-SIDE, offset), (SIDE, offset)], angle + turn) + SIDE / 2
        road = Sheet(SHAPE).line(middle, width).cover()
        picture = over(picture, ground(rng, ASPHALT, SHAPE, 3), road)
        dashes = Sheet(SHAPE)
        for at in np.arange(-SIDE, SIDE, 9.0):
            dashes.line(turned([(at, offset), (at + 4, offset)], angle + turn) + SIDE / 2, 1)
        picture = over(picture, (225, 225, 215), dashes.cover())
        for _ in range(int(rng.integers(1, 7))):
            at = (rng.uniform(-SIDE / 2, SIDE / 2), offset + rng.choice([-1, 1]) * width / 4)
            car = box(turned([at], angle + turn)[0] + SIDE / 2, 7, 3.4, angle + turn)
            picture = over(picture, rng.uniform(20, 240, 3), Sheet(SHAPE).polygon(car).cover())
    return pixels(picture)


def _houses(rng: Rng, picture: Values, houses: Sequence[tuple[Values, float, float]], angle: float) -> Values:
    """Roofs of two slopes and their shadows over a picture. houses: the middle, width and height of each."""
    shape = picture.shape[:2]
    shadow, roofs, lit = Sheet(shape), [Sheet(shape) for _ in TILES], [Sheet(shape) for _ in TILES]
    for at, width, height in houses:
        kind = int(rng.integers(len(TILES)))
        shadow.polygon(box(at + 3, width, height, angle))
        roofs[kind].polygon(box(at, width, height, angle))
        upper = at + turned([(0, -height / 4)], angle)[0]
        lit[kind].polygon(box(upper, width, height / 2, angle))
    picture = over(picture, (35, 40, 38), 0.7 * shadow.cover())
    for colour, roof, upper_half in zip(TILES, roofs, lit, strict=True):
        tiles = np.array(colour) + rng.normal(0, 10)
        picture = over(over(picture, tiles, roof.cover()), tiles + 35, upper_half.cover())
    return picture


def _roofs(rng: Rng) -> Samples:
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(26, 38)
    houses = []
    for row in range(-3, 4):
        for column in range(-3, 4):
            centre = turned([(column * pitch, row * pitch)], angle)[0] + SIDE / 2 + rng.normal(0, 2, 2)
            if rng.random() < 0.85:
                houses.append((centre, pitch * rng.uniform(0.5, 0.75), pitch * rng.uniform(0.35, 0.55)))
    return pixels(_houses(rng, ground(rng, GRASS, SHAPE, 8), houses, angle))


SCENES: dict[str, Callable[[Rng], Samples]] = {
    "boats": _boats,
    "fields": _fields,
    "forest": _forest,
    "roads": _roads,
    "roofs": _roofs,
    "water": _water,
}


def _segmented(rng: Rng) -> tuple[Samples, NDArray[np.uint8]]:
    """A picture (144, 192, 3) and the class of each of its pixels."""
    shape = 144, 192
    picture, mask = ground(rng, GRASS, shape, 8), np.zeros(shape, np.uint8)
    angle = rng.uniform(-0.5, 0.5) + np.pi / 2 * rng.integers(2)
    centre = np.array([shape[1] / 2, shape[0] / 2])
    side = rng.uniform(20, 70)
    shore = turned([(-300, side), (-40, side + rng.uniform(-20, 20)), (300, side), (300, 300), (-300, 300)], angle)
    lake = Sheet(shape).polygon(shore + centre).cover()
    picture, mask[lake[:, :, 0] > 0.5] = over(picture, ground(rng, WATER, shape, 5), lake), 1
    offset = side - rng.uniform(35, 60)
    road = Sheet(shape).line(turned([(-300, offset), (300, offset)], angle) + centre, rng.uniform(7, 14)).cover()
    picture, mask[road[:, :, 0] > 0.5] = over(picture, ground(rng, ASPHALT, shape, 3), road), 2
    houses = []
    for step in np.arange(-110, 111, 27.0):
        for side_of_road in (-19, -46):
            at = turned([(step, offset + side_of_road)], angle)[0] + centre + rng.normal(0, 2, 2)
            if rng.random() < 0.7:
                houses.append((at, rng.uniform(14, 21), rng.uniform(11, 15)))
    roofs = Sheet(shape)
    for at, width, height in houses:
        roofs.polygon(box(at, width, height, angle))
    picture, mask[roofs.cover()[:, :, 0] > 0.5] = _houses(rng, picture, houses, angle), 3
    picture, trees = _crowns(rng, picture, int(rng.integers(8, 25)), (4, 9))
    mask[trees[:, :, 0] > 0.5] = 4
    return pixels(picture), mask


_ROUND = [(0.5 + 0.28 * np.sin(a), 0.5 - 0.4 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 25)]
_LOWER = [(0.5 + 0.24 * np.sin(a), 0.68 - 0.22 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 25)]
_UPPER = [(0.5 + 0.2 * np.sin(a), 0.28 - 0.18 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 25)]
STROKES: tuple[list[list[tuple[float, float]]], ...] = (
    [_ROUND],
    [[(0.35, 0.25), (0.52, 0.1), (0.52, 0.9)]],
    [[(0.25, 0.3), (0.35, 0.13), (0.6, 0.1), (0.74, 0.28), (0.62, 0.5), (0.25, 0.9), (0.78, 0.9)]],
    [[(0.26, 0.15), (0.6, 0.1), (0.72, 0.28), (0.45, 0.46), (0.74, 0.64), (0.62, 0.88), (0.25, 0.85)]],
    [[(0.62, 0.9), (0.62, 0.1), (0.22, 0.62), (0.8, 0.62)]],
    [[(0.74, 0.1), (0.32, 0.1), (0.28, 0.45), (0.58, 0.42), (0.74, 0.62), (0.6, 0.88), (0.25, 0.86)]],
    [[(0.66, 0.1), (0.42, 0.25), (0.27, 0.62)], _LOWER],
    [[(0.24, 0.12), (0.76, 0.12), (0.42, 0.9)]],
    [_UPPER, _LOWER],
    [[(0.72, 0.3), (0.68, 0.6), (0.58, 0.9)], [(x - 0.02, y + 0.04) for x, y in _UPPER]],
)
"""Lines of each digit in a square of side 1, y downwards."""


def _digit(number: int, rng: Rng) -> Samples:
    sheet = Sheet((28, 28))
    bend = np.eye(2) + rng.normal(0, 0.12, (2, 2))
    size, width = rng.uniform(18, 23), rng.uniform(1.6, 3.2)
    for stroke in STROKES[number]:
        points = (np.array(stroke) - 0.5 + rng.normal(0, 0.02, (len(stroke), 2))) @ bend
        sheet.line(turned(points, rng.normal(0, 0.12)) * size + 14 + rng.normal(0, 0.5, 2), width)
    return pixels(255 * sheet.cover()[:, :, 0])
