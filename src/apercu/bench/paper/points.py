"""The smallest file of the real codec that reaches a PSNR: points of operation, and the search among them.

Every point is a whole file, encoded, decoded and measured. The paper does not say how threshold and step are chosen, so
the best of all is taken.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bench.metrics import psnr

THRESHOLDS = (15.0, 4000.0)
STEPS = (8.0, 330.0)
PLACES = 3200  # of the path of qualities, each with VARIANTS
VARIANTS = 8

Image = NDArray[np.uint8]
Options = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A file: its length, its PSNR in dB, and the arguments of `encode` that made it."""

    n_bits: int
    psnr: float
    options: Options


Near = Callable[[Options], Iterable[Options]]


def measure(image: Image, options: Options) -> Point:
    """Encodes and decodes an image with these arguments."""
    data = apercu.encode(image, codec="taha2025", **options)
    return Point(8 * len(data), psnr(image, apercu.decode(data, model=options.get("model"))), options)


def by_hand(tables: str, model: Path, n_steps: int, n_thresholds: int) -> list[Options]:
    """Every pair of a step and a threshold, both in geometric order."""
    return [
        {"step": float(step), "threshold": float(threshold), "tables": tables, "model": model}
        for step in np.geomspace(*STEPS, n_steps)
        for threshold in np.geomspace(*THRESHOLDS, n_thresholds)
    ]


def near_by_hand(options: Options) -> Iterator[Options]:
    """Finer pairs around one."""
    for step in np.linspace(0.95, 1.05, 11):
        for threshold in np.linspace(0.92, 1.08, 9):
            changed = {"step": options["step"] * float(step), "threshold": options["threshold"] * float(threshold)}
            yield options | changed


def on_path(n_places: int) -> list[Options]:
    """Qualities along the default path, each in all its variants."""
    places = np.unique(np.linspace(0, PLACES, n_places).astype(int))[:-1]
    return [{"quality": (VARIANTS * int(place) + variant) / 256} for place in places for variant in range(VARIANTS)]


def near_on_path(options: Options) -> Iterator[Options]:
    """The same variant at the places around."""
    for distance in range(-8, 9):
        quality = options["quality"] + distance * VARIANTS / 256
        if 0 <= quality < 100:
            yield options | {"quality": quality}


def smallest(image: Image, points: list[Point], target: float, near: Near) -> Point | None:
    """The smallest file found whose PSNR reaches the target, in dB: among the points, and near the best two.

    None where no point reaches it.
    """
    reaching = sorted((point for point in points if point.psnr >= target), key=lambda point: point.n_bits)
    found = list(reaching[:1])
    for point in reaching[:2]:
        found += [
            near_point for options in near(point.options) if (near_point := measure(image, options)).psnr >= target
        ]
    return min(found, key=lambda point: point.n_bits, default=None)
