"""Masks drawn for tests: True where a sample does not count."""

import numpy as np


def footprint(side, modules=14, angle=12.0, curve=0.0, seed=1):
    """What a push-broom sensor leaves in a square tile: two long slanted edges, and modules side by side that begin and
    end in turn earlier and later. `angle` in degrees, `curve` of the edges as a share of the side."""
    rng = np.random.default_rng(seed)
    sine, cosine = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    half, later = rng.uniform(0.28, 0.4), np.arange(modules) % 2 * rng.uniform(0.02, 0.06)
    first = later - rng.uniform(0.3, 0.5) + rng.normal(0, 0.002, modules)
    last = later + rng.uniform(0.3, 0.5) + rng.normal(0, 0.002, modules)
    mask = np.empty((side, side), bool)
    x = np.arange(side) / side - rng.uniform(0.35, 0.65)
    middle = rng.uniform(0.35, 0.65)
    for top in range(0, side, 256):  # little memory
        y = np.arange(top, min(top + 256, side))[:, np.newaxis] / side - middle
        across, along = x * cosine + y * sine, y * cosine - x * sine
        across, along = across + curve * along**2, along + curve / 2 * across**2
        module = np.clip((across + half) / (2 * half) * modules, 0, modules - 1).astype(int)
        mask[top : top + 256] = (np.abs(across) >= half) | (along <= first[module]) | (along >= last[module])
    return mask


def rectangle(height, width, angle=14.0, shift=0.0):
    """Outside of a rotated rectangle; `shift` moves its edges, in pixels."""
    sine, cosine = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    y, x = np.mgrid[:height, :width] - np.array([height * 0.51, width * 0.48])[:, np.newaxis, np.newaxis]
    across, along = x * cosine + y * sine + shift, y * cosine - x * sine
    return (np.abs(across) > 0.39 * width) | (np.abs(along) > 0.41 * height)


def clouds(height, width, size=6.0, seed=1, share=0.3):
    """Areas with smooth outlines: smoothed noise above a threshold, that a `share` of it passes."""
    rng = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width)
    field = np.fft.irfft2(
        np.fft.rfft2(rng.normal(size=(height, width))) * np.exp(-2 * size**2 * (x**2 + y**2)), (height, width)
    )
    return field > np.quantile(field, 1 - share)


def points(height, width, n, seed=1):
    """Single pixels."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    mask[rng.integers(0, height, n), rng.integers(0, width, n)] = True
    return mask
