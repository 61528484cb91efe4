"""What drawn pictures are made of: rough ground, shapes at any angle, samples, and sets of as many of each class."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from apercu.bench.tasks.data import DataSet, Split
from apercu.stages.colour import Samples

Values = NDArray[np.float64]
Point = tuple[float, float] | Values
"""x to the right and y downwards, in pixels."""
Points = Sequence[Point] | Values
"""(n, 2)."""
FINER = 2
"""Shapes are drawn so much larger and reduced again, so that their edges are smooth."""


def of_classes(
    kind: str,
    classes: Sequence[str],
    seed: int,
    draw: Callable[[int, np.random.Generator], Samples],
    n_train: int,
    n_test: int,
) -> DataSet:
    """Pictures, drawn by the number of their class: so many of each to train and to test on."""
    splits = []
    for part, n in (("train", n_train), ("test", n_test)):
        which = [(number, k) for number in range(len(classes)) for k in range(n)]
        images = [draw(number, np.random.default_rng((seed, number, n, k))) for number, k in which]
        names = tuple(f"{part}/{classes[number]}/{k:02}" for number, k in which)
        splits.append(Split(names, images, [number for number, _ in which]))
    return DataSet(kind, tuple(classes), splits[0], splits[1])


def pixels(values: Values) -> Samples:
    """Rounded and clipped to uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def rough(rng: np.random.Generator, fall: float, shape: tuple[int, int]) -> Values:
    """Noise (H, W) whose amplitude falls with the frequency to the power of `fall`, of mean 0 and deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = 1
    spectrum = (rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)) / frequency**fall
    spectrum[0, 0] = 0
    values: Values = np.fft.irfft2(spectrum, shape)
    values /= values.std()
    return values


def ground(
    rng: np.random.Generator,
    colour: Sequence[float] | Values,
    shape: tuple[int, int],
    strength: float,
    fall: float = 1.3,
) -> Values:
    """(H, W, 3): a colour, a little off, with rough light and shade of so many levels."""
    off = rng.normal(0, 8, 3) + rng.normal(0, 10)
    return np.asarray(colour) + off + strength * rough(rng, fall, shape)[:, :, None]


def box(middle: Point, width: float, height: float, angle: float) -> Values:
    """The corners (4, 2) of a rectangle about its middle, turned by an angle in radians."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    return turned(corners, angle, middle)


def turned(points: Points, angle: float, to: Point = (0.0, 0.0)) -> Values:
    """Points turned about the origin by an angle in radians, and then moved with the origin to another place."""
    cos, sin = np.cos(angle), np.sin(angle)
    found: Values = np.asarray(points, float) @ np.array([(cos, sin), (-sin, cos)]) + np.asarray(to)
    return found


class Sheet:
    """Shapes on nothing: how much of each pixel they cover."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._image = Image.new("L", (FINER * shape[1], FINER * shape[0]), 0)
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Points) -> "Sheet":
        """A filled polygon."""
        self._draw.polygon(_scaled(points), fill=255)
        return self

    def line(self, points: Points, width: float) -> "Sheet":
        """A line through points with round joints and ends, `width` pixels wide."""
        scaled = _scaled(points)
        self._draw.line(scaled, fill=255, width=max(1, round(FINER * width)), joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            self._dot(x, y, FINER * width / 2)
        return self

    def disc(self, x: float, y: float, radius: float) -> "Sheet":
        """A filled circle."""
        self._dot(FINER * x, FINER * y, FINER * radius)
        return self

    def _dot(self, x: float, y: float, radius: float) -> None:
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)

    def cover(self) -> Values:
        """(H, W, 1), from 0 to 1."""
        return np.asarray(self._image.reduce(FINER), float)[:, :, None] / 255


def _scaled(points: Points) -> list[tuple[float, float]]:
    return [(float(FINER * x), float(FINER * y)) for x, y in points]


def over(below: Values, colour: Values | Sequence[float], cover: Values) -> Values:
    """A colour (3,) or picture (H, W, 3) laid over another where `cover` (H, W, 1) says so."""
    return below + (np.asarray(colour) - below) * cover
