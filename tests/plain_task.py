"""A task with its data, for tests: which of three colours a small drawn picture has most of, by nearest means."""

import json
from dataclasses import dataclass, field

import numpy as np

from apercu.bench.tasks.data import DataSet, Split
from apercu.errors import OptionError

N_CLASSES, SIDE = 3, 32
CHANCE = 1 / N_CLASSES
_COLOURS = ((150, 110, 100), (105, 150, 110), (100, 110, 150))


def drawn(n_train=8, n_test=8, spread=18.0):
    """So many pictures of each class to train and to test on, 32 x 32 RGB: a colour, and stripes across it."""
    draw = np.random.default_rng(3)

    def split(part, n_each):
        truth = [number for number in range(N_CLASSES) for _ in range(n_each)]
        images = []
        for number in truth:
            colour = np.array(_COLOURS[number]) + draw.normal(0, spread, 3)
            stripes = 12 * np.sin(np.arange(SIDE) * draw.uniform(0.2, 0.6))
            images.append(np.clip(colour + stripes[:, None, None] + np.zeros((SIDE, SIDE, 1)), 0, 255).astype(np.uint8))
        return Split(tuple(f"{part}/{place}" for place in range(len(truth))), images, truth)

    return DataSet("classes", ("red", "green", "blue"), split("train", n_train), split("test", n_test))


def features(images):
    """The mean colour of each picture, (N, 3)."""
    return np.array([image.reshape(-1, 3).mean(axis=0) for image in images])


@dataclass(frozen=True)
class Nearest:
    """Finds the class whose mean is nearest; a seed leaves a quarter of the training pictures out."""

    seed: int
    means: tuple = field(default=())

    def retrain(self, images, truth):
        draw = np.random.default_rng(self.seed)
        kept = draw.random(len(images)) < 0.75
        seen, truth = features(images), np.array(truth)
        means = [seen[kept & (truth == number)].mean(axis=0).tolist() for number in range(N_CLASSES)]
        return Nearest(self.seed, tuple(map(tuple, means)))

    def tally(self, images, truth):
        away = np.linalg.norm(features(images)[:, None] - np.array(self.means)[None], axis=2)
        return [int(found == right) for found, right in zip(away.argmin(axis=1), truth, strict=True)]

    def measure(self, tallies):
        return sum(tallies) / len(tallies)

    def score(self, images, truth):
        return self.measure(self.tally(images, truth))

    def dump(self):
        return json.dumps(self.means).encode()

    def load(self, data):
        means = json.loads(data)
        if len(means) != N_CLASSES:
            raise OptionError("not of this task")
        return Nearest(self.seed, tuple(map(tuple, means)))


def make(seed):
    """The task before it has learnt anything."""
    return Nearest(seed)
