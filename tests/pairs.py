"""Originals and decoded images that metrics are tried on: drawn, in integers, the same everywhere."""

import numpy as np

from scripts.pictures import noise, scene


def damaged(original: np.ndarray, seed: int, step: int = 16) -> np.ndarray:
    """Blurred, coarsely quantised, a little noise."""
    samples = original.astype(np.int64)
    soft = (samples + np.roll(samples, 1, 0) + np.roll(samples, 1, 1) + np.roll(samples, (1, 1), (0, 1))) // 4
    return (soft // step * step + 4 + noise(original.shape, seed + 50) % 7).clip(0, 255).astype(np.uint8)


def pair(height: int, width: int, n_bands: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    original = scene(height, width, n_bands, seed)
    return original, damaged(original, seed)
