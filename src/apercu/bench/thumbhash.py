"""ThumbHash (Evan Wallace 2023): a picture in 20 to 25 bytes, as a few cosines of luma and of two colour differences.

Pictures without alpha. The Python packages of that name have faults (one prints as it decodes, and repeats the cosines
of its first pixel over all others), so the hundred lines stand here, after the reference at github.com/evanw/thumbhash.

A hash: 24 bits (mean luma 6, mean p 6, mean q 6, largest luma coefficient 5, alpha 1), 16 bits (coefficients along the
shorter side 3, largest p 6, largest q 6, landscape 1), then 4 bits for each coefficient of luma, p and q.
"""

import numpy as np
from numpy.typing import NDArray

from apercu.stages.colour import Samples

MAX_SIDE = 100
"""Largest width and height that a hash is made from."""
_LUMA = 7  # coefficients along the longer side
_SATURATION = 1.25  # by which a decoder makes up for the coarse colour

Plane = NDArray[np.float64]


def encode(image: Samples) -> bytes:
    """The hash of an RGB image, uint8 (H, W, 3), of at most `MAX_SIDE` pixels a side. Raises ValueError above."""
    height, width = image.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise ValueError(f"{width} × {height} is above {MAX_SIDE} × {MAX_SIDE}")
    red, green, blue = np.moveaxis(image.astype(np.float64) / 255, -1, 0)
    across, down = (max(1, _rounded(_LUMA * side / max(width, height))) for side in (width, height))
    luma_mean, luma, luma_scale = _analyse((red + green + blue) / 3, max(3, across), max(3, down))
    p_mean, p, p_scale = _analyse((red + green) / 2 - blue, 3, 3)
    q_mean, q, q_scale = _analyse(red - green, 3, 3)
    landscape = width > height
    header = _rounded(63 * luma_mean) | _rounded(31.5 + 31.5 * p_mean) << 6 | _rounded(31.5 + 31.5 * q_mean) << 12
    header |= _rounded(31 * luma_scale) << 18
    second = (down if landscape else across) | _rounded(63 * p_scale) << 3 | _rounded(63 * q_scale) << 9
    second |= landscape << 15
    nibbles = [_rounded(15 * value) for value in (*luma, *p, *q)]
    nibbles += [0] * (len(nibbles) % 2)
    pairs = [low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True)]
    return bytes([*header.to_bytes(3, "little"), *second.to_bytes(2, "little"), *pairs])


def decode(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """What a hash without alpha shows, uint8 (height, width, 3), at the size (height, width)."""
    header, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    shorter, landscape = second & 7, second >> 15
    across, down = (_LUMA, max(3, shorter)) if landscape else (max(3, shorter), _LUMA)
    values = np.array([nibble for byte in data[5:] for nibble in (byte & 15, byte >> 4)], np.float64) / 7.5 - 1
    n_luma, n_colour = len(_orders(across, down)), len(_orders(3, 3))
    luma, p, q = np.split(values[: n_luma + 2 * n_colour], [n_luma, n_luma + n_colour])
    luma_plane = _synthesise((header & 63) / 63, luma * ((header >> 18 & 31) / 31), across, down, size)
    p_scale, q_scale = (second >> 3 & 63) / 63 * _SATURATION, (second >> 9 & 63) / 63 * _SATURATION
    p_plane = _synthesise((header >> 6 & 63) / 31.5 - 1, p * p_scale, 3, 3, size)
    q_plane = _synthesise((header >> 12 & 63) / 31.5 - 1, q * q_scale, 3, 3, size)
    blue = luma_plane - 2 / 3 * p_plane
    red = (3 * luma_plane - blue + q_plane) / 2
    colour = np.stack([red, red - q_plane, blue], axis=-1)
    shown: NDArray[np.uint8] = (255 * np.clip(colour, 0, 1)).astype(np.uint8)
    return shown


def _orders(across: int, down: int) -> list[tuple[int, int]]:
    """The orders (x, y) of the cosines that are kept, without the mean."""
    return [(x, y) for y in range(down) for x in range(across) if (x or y) and x * down < across * (down - y)]


def _cosines(n: int, order: int) -> Plane:
    cosines: Plane = np.cos(np.pi / n * order * (np.arange(n) + 0.5))
    return cosines


def _analyse(plane: Plane, across: int, down: int) -> tuple[float, list[float], float]:
    """Mean; coefficients, 0 to 1 with 0.5 for none; and the largest of them before they were scaled."""
    height, width = plane.shape
    found = [
        float(_cosines(height, y) @ plane @ _cosines(width, x)) / plane.size
        for x, y in [(0, 0), *_orders(across, down)]
    ]
    mean, rest = found[0], found[1:]
    scale = max(abs(value) for value in rest)
    return mean, [0.5 + 0.5 / scale * value if scale else value for value in rest], scale


def _synthesise(mean: float, coefficients: Plane, across: int, down: int, size: tuple[int, int]) -> Plane:
    plane = np.full(size, mean)
    for value, (x, y) in zip(coefficients, _orders(across, down), strict=True):
        plane += 2 * value * np.outer(_cosines(size[0], y), _cosines(size[1], x))  # 2 for all, as the reference has it
    return plane


def _rounded(value: float) -> int:
    return int(np.floor(value + 0.5))
