"""Pictures and weights that the project draws itself, in integers: for conformance vectors and for the fuzzer."""

import numpy as np
from numpy.typing import NDArray


def noise(shape: tuple[int, ...], seed: int) -> NDArray[np.uint32]:
    """Numbers from 0 to 2^16 - 1 that depend on their place and on `seed` alone (a multiplicative hash)."""
    mixed = np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed * 40503 + 12345)
    for shift, factor in ((15, 2246822519), (13, 3266489917)):
        mixed = ((mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return (mixed >> np.uint64(16)).astype(np.uint32).reshape(shape)


def scene(height: int, width: int, n_bands: int = 1, seed: int = 1) -> NDArray[np.uint8]:
    """Slopes, discs and a little noise, (H, W, B) uint8: smooth blocks and detailed ones."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    bands = []
    for band in range(n_bands):
        values = 40 + (x * (97 + 31 * band) + y * (53 + 17 * seed)) * 2 // max(height, width)
        for k in range(4):
            at = noise((4,), seed * 100 + k)
            row, column = int(at[0]) * height >> 16, int(at[1]) * width >> 16
            radius = 2 + (int(at[2]) * max(height, width) >> 18)
            inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
            values = np.where(inside, (int(at[3]) >> 8) * (band + 2) % 256, values)
        bands.append(values + noise((height, width), seed * 7 + band) % 9)
    return np.stack(bands, axis=2).clip(0, 255).astype(np.uint8)


def wide(samples: NDArray[np.uint8], low: int, high: int, seed: int = 1) -> NDArray[np.uint16]:
    """A uint8 picture as uint16 between `low` and `high`, with detail below the 8 bits."""
    fine = samples.astype(np.int64) * 256 + noise(samples.shape, seed) % 256
    return (low + fine * (high - low) // 65535).astype(np.uint16)


def walsh_weights() -> NDArray[np.int16]:
    """A user's model (2, 9, 64) of Walsh functions: the mean for G1, the eight of lowest sequency for G2."""
    signs = [[1 - 2 * ((row & x).bit_count() % 2) for x in range(8)] for row in (0, 4, 6)]  # 0, 1 and 2 changes of sign
    pairs = ((0, 0), (0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))
    rows = [np.multiply.outer(signs[down], signs[across]).ravel() for down, across in pairs]
    return np.array([rows, rows], np.int16) * np.int16(2048)  # 1/8, which makes a row's norm 1


def user_tables() -> NDArray[np.uint16]:
    """A user's tables for the codec apercu: weights up to 64, the most there is, and starts of any probability."""
    weights = noise((30, 9), 1) % 10
    weights[2::3] = 64
    starts = np.stack([1 + noise((11166,), 2) % 65535, 2 + noise((11166,), 3) % 20], 1)
    return np.concatenate([weights.ravel(), starts.ravel()]).astype(np.uint16)
