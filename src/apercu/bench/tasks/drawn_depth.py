"""A rendered scene whose depth is known: balls on a floor before a wall, by rays through a pinhole."""

import numpy as np

from apercu.bench.tasks.data import DataSet, Split
from apercu.bench.tasks.drawing import Values, pixels, rough
from apercu.stages.colour import Samples

SEED = 23
HEIGHT, WIDTH = 96, 128
FOCAL = 110.0  # pixels
EYE = 1.5  # metres above the floor
HORIZON = 36.0  # the row that looks straight ahead
N_TRAIN, N_TEST = 80, 30


def depth() -> DataSet:
    """Scenes, RGB, 96 rows of 128 pixels; the truth of each is float32 (96, 128), the distance from the camera's
    plane in metres, from about 1.5 to 12."""
    splits = []
    for part, n in (("train", N_TRAIN), ("test", N_TEST)):
        pairs = [_scene(np.random.default_rng((SEED, n, k))) for k in range(n)]
        images, truth = zip(*pairs, strict=True)
        splits.append(Split(tuple(f"{part}/{k:02}" for k in range(n)), images, truth))
    return DataSet("depth", (), splits[0], splits[1])


def _scene(rng: np.random.Generator) -> tuple[Samples, Values]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    right, down = (columns - WIDTH / 2) / FOCAL, (rows - HORIZON) / FOCAL  # of rays, for one metre ahead
    wall = rng.uniform(6, 12)
    floor = EYE / np.maximum(down, 1e-6)
    ahead = np.minimum(floor, wall)
    picture = rng.uniform(70, 200, 3) + 14 * rough(rng, 1.5, (HEIGHT, WIDTH))[:, :, None]
    tile = rng.uniform(0.4, 1.2)
    dark = (np.floor(right * floor / tile) + np.floor(floor / tile)) % 2
    planks = rng.uniform(60, 190, 3) + rng.uniform(10, 60) * dark[:, :, None]
    picture = np.where((floor < wall)[:, :, None], planks + rng.normal(0, 4, (HEIGHT, WIDTH, 1)), picture)
    light = _unit(np.array([rng.uniform(-0.7, 0.7), -1, rng.uniform(-0.9, -0.2)]))
    for _ in range(int(rng.integers(2, 7))):
        radius = rng.uniform(0.25, 0.8)
        away = rng.uniform(2.5, wall - radius)
        centre = np.array([rng.uniform(-0.5, 0.5) * away, EYE - radius, away])
        rays = np.stack([right, down, np.ones_like(right)], 2)
        a, b, c = (rays**2).sum(2), rays @ centre, centre @ centre - radius**2
        inside = b**2 - a * c
        near = (b - np.sqrt(np.maximum(inside, 0))) / a
        seen = (inside > 0) & (near < ahead)
        normals = (rays * near[:, :, None] - centre) / radius
        shade = 0.35 + 0.65 * np.clip(normals @ light, 0, 1)
        picture = np.where(seen[:, :, None], rng.uniform(60, 250, 3) * shade[:, :, None], picture)
        ahead = np.where(seen, near, ahead)
    haze = np.exp(-ahead / 20)[:, :, None]
    return pixels(picture * haze + 190 * (1 - haze)), ahead.astype(np.float32)


def _unit(vector: Values) -> Values:
    found: Values = vector / np.linalg.norm(vector)
    return found
