"""A task with its data, and a codec, for tests: whose stripes a small drawn picture has, by means of spectra."""

import json
import sys
from dataclasses import dataclass

import numpy as np

from apercu.bench.peers import Peer
from apercu.bench.tasks.data import DataSet, Split
from apercu.errors import OptionError

SIDE = 32
PERIODS = (3.2, 6.4, 16.0)  # pixels
CHANCE = 1 / len(PERIODS)


def drawn(n_train=8, n_test=8):
    """So many pictures of each class to train and to test on, in turns of the classes: grey, 32 x 32."""
    draw = np.random.default_rng(3)

    def split(part, n_each):
        truth = [place % len(PERIODS) for place in range(n_each * len(PERIODS))]
        images = []
        for number in truth:
            turns = np.arange(SIDE) / PERIODS[number] + draw.random()
            stripes = draw.uniform(3, 16) * np.sin(2 * np.pi * turns)
            images.append(np.clip(np.rint(128 + stripes + draw.normal(0, 30, (SIDE, SIDE))), 0, 255).astype(np.uint8))
        return Split(tuple(f"{part}/{place}" for place in range(len(truth))), images, truth)

    return DataSet("classes", ("fine", "middle", "coarse"), split("train", n_train), split("test", n_test))


def features(images):
    """How strong the stripes of each period are in each picture, (N, 3)."""
    waves = np.exp(2j * np.pi * np.arange(SIDE) / np.array(PERIODS)[:, None])
    rows = np.array([image.astype(float).mean(axis=0) - image.mean() for image in images])
    return np.abs(rows @ waves.T) / SIDE


@dataclass(frozen=True)
class Nearest:
    """Finds the class whose mean is nearest; a seed leaves a quarter of the training pictures out."""

    seed: int
    means: tuple = ()

    def retrain(self, images, truth):
        kept = np.random.default_rng(self.seed).permutation(len(images))[: 3 * len(images) // 4]
        seen, truth = features(images)[kept], np.array(truth)[kept]
        return type(self)(self.seed, tuple(tuple(seen[truth == number].mean(axis=0)) for number in range(len(PERIODS))))

    def tally(self, images, truth):
        return [int(found == right) for found, right in zip(self.named(images), truth, strict=True)]

    def named(self, images):
        away = np.linalg.norm(features(images)[:, None] - np.array(self.means)[None], axis=2)
        return away.argmin(axis=1).tolist()

    def measure(self, tallies):
        return sum(tallies) / len(tallies)

    def score(self, images, truth):
        return self.measure(self.tally(images, truth))

    def dump(self):
        return json.dumps(self.means).encode()

    def load(self, data):
        means = json.loads(data)
        if len(means) != len(PERIODS):
            raise OptionError("not of this task")
        return type(self)(self.seed, tuple(map(tuple, means)))


class Telling(Nearest):
    """The same, which tells what it finds."""

    def said(self, images):
        return self.named(images)


def make_telling(seed):
    return Telling(seed)


def make(seed):
    """The task before it has learnt anything."""
    return Nearest(seed)


def _squares(image, side):
    height, width = image.shape
    return image.reshape(height // side, side, width // side, side).mean(axis=(1, 3)).astype(np.uint8)


def _repeated(data, shape):
    side = round((shape[0] * shape[1] / len(data)) ** 0.5)
    small = np.frombuffer(data, np.uint8).reshape(shape[0] // side, shape[1] // side)
    return small.repeat(side, axis=0).repeat(side, axis=1)


SQUARES = Peer(lambda image, side: _squares(image, side).tobytes(), _repeated, (8, 4, 2, 1), "", scales=(1,))
"""A codec of squares of 8, 4, 2 and 1 pixels a side, each a byte of its mean: 0.125, 0.5, 2 and 8 bpp."""
ALL_GREY = Peer(lambda image, _: b"x", lambda _, shape: np.full(shape, 90, np.uint8), (1,), "", scales=(1,))
"""A codec of which nothing can be seen."""


# Tasks of users, right and wrong


def brightness(images, truth):
    """A score: how near means are to those of the truth, which are the originals where nothing is known."""
    return -float(np.mean([abs(image.mean() - right.mean()) for image, right in zip(images, truth, strict=True)]))


class Bright:
    """A task without labels: whether a picture's middle is brighter than the picture."""

    def truth_of(self, originals):
        return [self._is(image) for image in originals]

    def score(self, images, truth):
        return float(np.mean([self._is(image) == right for image, right in zip(images, truth, strict=True)]))

    def _is(self, image):
        return bool(image[8:24, 8:24].mean() > image.mean())


def make_bright(seed):
    return Bright()


def not_a_number(images, truth):
    return float("nan")


def words(images, truth):
    return "good"


def fails(images, truth):
    raise ZeroDivisionError("of the user's own")


def changes_pictures(images, truth):
    images[0][:] = 0
    return 1.0


def three(images, truth, more):
    return 1.0


def make_nothing(seed):
    return object()


class Forgetful:
    """The plain task without a file of what was learnt, and without a tally."""

    def __init__(self, inner):
        self.inner = inner

    def retrain(self, images, truth):
        return Forgetful(self.inner.retrain(images, truth))

    def score(self, images, truth):
        return self.inner.score(images, truth)


def make_forgetful(seed):
    return Forgetful(Nearest(seed))


def leaves(images, truth):
    sys.exit("enough")


def huge(images, truth):
    return 1e200


def counts_from_one(images, truth):
    """As one does whose classes are numbered from 1, in place."""
    for one in truth:
        one -= 1
    return 0.5


class TurnsRound(Nearest):
    """It changes the lists that it is given."""

    def retrain(self, images, truth):
        found = super().retrain(images, truth)
        truth.reverse()
        return found

    def tally(self, images, truth):
        found = super().tally(images, truth)
        truth.clear()
        return found


class OneAndOnly(Nearest):
    """What it learns later is learnt by the same one."""

    def retrain(self, images, truth):
        if self.means:
            return self
        return super().retrain(images, truth)


class ReturnsNothing(Nearest):
    def retrain(self, images, truth):
        return None


class ReturnsAScore(Nearest):
    def retrain(self, images, truth):
        return Bright()


class FindsTooMuch(Bright):
    def __init__(self, seed):
        pass

    def truth_of(self, originals):
        return [*super().truth_of(originals), True]
