"""Moving figures: six frames of what a stick figure does, side by side in one picture, so that one file holds them."""

from collections.abc import Callable

import numpy as np

from apercu.bench.tasks.data import DataSet
from apercu.bench.tasks.drawing import Sheet, Values, of_classes, over, pixels, rough
from apercu.stages.colour import Samples

SEED = 29
FRAME = 48
"""Pixels to each side of a frame."""
ROWS, COLUMNS = 2, 3
"""Frames of a picture, in the order in which one reads."""
N_TRAIN, N_TEST = 40, 12

Pose = tuple[float, float, tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""How high the hips are above where they are in standing, in parts of the figure's height; how far the back leans; and
the angles of both arms (upper, lower) and both legs: in radians from hanging down, forwards."""


def action() -> DataSet:
    """Five classes, RGB, 96 rows of 144 pixels: crouch, fall, jump, walk, wave; six frames in two rows."""
    classes = tuple(sorted(ACTIONS))
    return of_classes(
        "classes", classes, SEED, lambda number, rng: _strip(ACTIONS[classes[number]], rng), N_TRAIN, N_TEST
    )


def _strip(pose: Callable[[float], Pose], rng: np.random.Generator) -> Samples:
    shape = ROWS * FRAME, COLUMNS * FRAME
    picture = rng.uniform(90, 220, 3) + rng.uniform(2, 14) * rough(rng, 1.4, (FRAME, FRAME))[:, :, None]
    below = np.tile(picture, (ROWS, COLUMNS, 1))
    ink = rng.uniform(0, 70, 3)
    height, width = rng.uniform(27, 36), rng.uniform(1.8, 3.0)
    facing, begin, pace = rng.choice([-1, 1]), rng.random(), rng.uniform(0.8, 1.2)
    at = np.array([FRAME / 2 + rng.uniform(-3, 3), 43 + rng.uniform(-2, 2)])
    sheet = Sheet(shape)
    for number in range(ROWS * COLUMNS):
        corner = np.array([number % COLUMNS, number // COLUMNS]) * FRAME
        time = begin + pace * number / (ROWS * COLUMNS)
        _figure(sheet, _shaken(pose(time), rng), corner + at, height, facing, width)
    return pixels(over(below, ink, sheet.cover()))


def _shaken(pose: Pose, rng: np.random.Generator) -> Pose:
    lift, lean, *limbs = pose
    first, second, third, fourth = ((upper + rng.normal(0, 0.1), lower + rng.normal(0, 0.1)) for upper, lower in limbs)
    return lift, lean + rng.normal(0, 0.05), first, second, third, fourth


def _figure(sheet: Sheet, pose: Pose, feet: Values, height: float, facing: int, width: float) -> None:
    lift, lean, *limbs = pose
    hips = feet - (0, height * (0.46 + lift))
    neck = hips + _towards(np.pi - lean, 0.34 * height, facing)
    head = neck + _towards(np.pi - lean, 0.12 * height, facing)
    sheet.line([hips, neck], width).disc(head[0], head[1], 0.09 * height)
    for (upper, lower), start, length in zip(limbs, (neck, neck, hips, hips), (0.17, 0.17, 0.23, 0.23), strict=True):
        joint = start + _towards(upper, length * height, facing)
        sheet.line([start, joint, joint + _towards(lower, length * height, facing)], width)


def _towards(angle: float, length: float, facing: int) -> Values:
    return length * np.array([facing * np.sin(angle), np.cos(angle)])


def _walk(time: float) -> Pose:
    swing = np.sin(2 * np.pi * time)
    legs = (0.5 * swing, 0.5 * swing - 0.2), (-0.5 * swing, -0.5 * swing - 0.2)
    return 0.0, 0.05, (-0.5 * swing, 0.3 - 0.5 * swing), (0.5 * swing, 0.3 + 0.5 * swing), *legs


def _wave(time: float) -> Pose:
    return 0.0, 0.0, (2.3, np.pi + 0.7 * np.sin(4 * np.pi * time)), (0.1, 0.1), (0.1, 0.1), (-0.1, -0.1)


def _jump(time: float) -> Pose:
    up = np.sin(np.pi * (time % 1)) ** 2
    return 0.22 * up, 0.0, (2.6 * up, 2.8 * up), (2.3 * up, 2.5 * up), (0.1, 0.1 - 0.3 * up), (-0.1, -0.1 - 0.3 * up)


def _crouch(time: float) -> Pose:
    down = np.sin(np.pi * (time % 1)) ** 2
    legs = (1.4 * down, -0.9 * down), (1.2 * down, -1.0 * down)
    return -0.24 * down, 0.4 * down, (1.2 * down, 1.4 * down), (1.0 * down, 1.3 * down), *legs


def _fall(time: float) -> Pose:
    gone = 0.5 - 0.5 * np.cos(np.pi * (time % 1))
    legs = (-1.4 * gone, -1.5 * gone), (-1.2 * gone, -1.3 * gone)
    return -0.4 * gone, 1.45 * gone, (0.8 * gone, 1.2 * gone), (2.2 * gone, 2.0 * gone), *legs


ACTIONS: dict[str, Callable[[float], Pose]] = {
    "crouch": _crouch,
    "fall": _fall,
    "jump": _jump,
    "walk": _walk,
    "wave": _wave,
}
"""By name, the pose at a time; one round lasts from 0 to 1."""
