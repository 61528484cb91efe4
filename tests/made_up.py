"""A generative restorer for tests: it adds a chequer of squares to luma, and no network."""

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from sys import modules

import numpy as np
import pytest

from apercu.options import number, option, whole
from apercu.restore import by_name

NAME = "made_up"
KIND = "generative"
CODECS = ("apercu", "dct")
NETWORK = "0123456789abcdef" * 4
DEPTH = 8 << 5
"""Of 8-bit samples, with 5 fraction bits, at strength 1."""


@dataclass(frozen=True)
class Options:
    amount: float | None = option("how much is made up", "A", number, float)
    draw: int | None = option("which of many", "N", whole, int)


def strength_of(options):
    return 1.0 if options.amount is None else options.amount


def seed_of(options):
    return 0 if options.draw is None else options.draw


def load(codec, options):
    return partial(restore, strength_of(options), seed_of(options))


def restore(strength, seed, planes, *_):
    y, x = np.indices(planes[0].shape)
    planes[0] += np.where((y // 4 + x // 4 + seed) % 2, 1, -1).astype(np.int16) * np.int16(strength * DEPTH)


def provenance(codec, options):
    return {"network": NETWORK, "strength": strength_of(options), "seed": seed_of(options)}


@contextmanager
def known():
    """While it lasts, restore="made_up" is one of the restorers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(modules, f"apercu.restore.{NAME}", modules[__name__])
        patch.setattr(by_name, "RESTORERS", (*by_name.RESTORERS, NAME))
        yield
        by_name.restorer_of.cache_clear()
