"""Block transforms in the place of the wavelet, for the ablation.

The place of a coefficient of a block is that of the wavelet's coefficient of the same frequencies. Coefficients of DC
go through what levels are left of the wavelet.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from apercu.stages.bands import band_step
from apercu.stages.colour import Plane
from apercu.stages.wavelet import Bands, band_places, wavelet_analyse, wavelet_synthesise

Blocks = NDArray[np.float64]
"""(rows of blocks, columns of blocks, side, side), orthonormal, in samples of 8 bits."""
_LOW_SCALES = {4: 244 / 256, 5: 122 / 256}


def dct_analyse(
    block: int, plane: Plane, height: int, width: int, levels: int, centre: int, bands: Bands, *_: int
) -> None:
    """In place of `wavelet_analyse`; the sides are multiples of the block."""
    samples = (plane[:height, :width].astype(float) - centre) / 32
    place_blocks(scipy.fft.dctn(in_blocks(samples, min(block, 1 << levels)), axes=(2, 3), norm="ortho"), levels, bands)


def dct_synthesise(block: int, bands: Bands, plane: Plane, levels: int, centre: int) -> None:
    """The inverse of `dct_analyse`."""
    values = fetch_blocks(bands, plane.shape[0], plane.shape[1], min(block, 1 << levels), levels)
    put_samples(scipy.fft.idctn(values, axes=(2, 3), norm="ortho"), plane, centre)


def in_blocks(samples: NDArray[np.float64], block: int) -> Blocks:
    """The blocks of (H, W)."""
    height, width = samples.shape
    return samples.reshape(height // block, block, width // block, block).transpose(0, 2, 1, 3)


def put_samples(blocks: Blocks, plane: Plane, centre: int) -> None:
    """The inverse of `in_blocks`, as samples of a plane."""
    samples = blocks.transpose(0, 2, 1, 3).reshape(plane.shape) * 32 + centre
    plane[:] = np.rint(samples).clip(-8191, 8191).astype(np.int16)


def place_blocks(values: Blocks, levels: int, bands: Bands) -> None:
    """Coefficients to where the wavelet's would lie."""
    rows, columns, block, _ = values.shape
    own = block.bit_length() - 1
    places = band_places(rows * block, columns * block, levels)
    bands[:] = 0
    for level in range(1, own + 1):
        for orientation, (down, across) in enumerate(_parts(block, level)):
            start, h, w = places[level, orientation]
            part = values[:, :, down, across].transpose(0, 2, 1, 3).reshape(h, w) * _scale(level, orientation)
            bands[start : start + h * w] = np.rint(part).clip(-32767, 32767).astype(np.int16).ravel()
    low = values[:, :, 0, 0]
    if own == levels:
        bands[: low.size] = np.rint(low * _LOW_SCALES[levels]).clip(-32767, 32767).astype(np.int16).ravel()
        return
    # A DC is `block` times the mean: as samples that a wavelet of fewer levels may take, 5 fraction bits.
    small = np.rint(low / block * 32).astype(np.int16)
    inner = np.empty(small.size, np.int16)
    wavelet_analyse(small, rows, columns, levels - own, 0, inner)
    bands[: inner.size] = inner


def fetch_blocks(bands: Bands, height: int, width: int, block: int, levels: int) -> Blocks:
    """The inverse of `place_blocks`."""
    own, rows, columns = block.bit_length() - 1, height // block, width // block
    values = np.zeros((rows, columns, block, block))
    places = band_places(height, width, levels)
    for level in range(1, own + 1):
        for orientation, (down, across) in enumerate(_parts(block, level)):
            start, h, w = places[level, orientation]
            side = block >> level
            part = bands[start : start + h * w].reshape(rows, side, columns, side) / _scale(level, orientation)
            values[:, :, down, across] = part.transpose(0, 2, 1, 3)
    if own == levels:
        values[:, :, 0, 0] = bands[: rows * columns].reshape(rows, columns) / _LOW_SCALES[levels]
    else:
        small = np.empty((rows, columns), np.int16)
        wavelet_synthesise(np.ascontiguousarray(bands[: small.size]), small, levels - own, 0)
        values[:, :, 0, 0] = small / 32 * block
    return values


def _scale(level: int, orientation: int) -> float:
    """From an orthonormal coefficient in samples of 8 bits to the unit of its band."""
    return band_step(1 << 18, 0, level, orientation) / 1024


def _parts(block: int, level: int) -> list[tuple[slice, slice]]:
    low, high = slice(0, block >> level), slice(block >> level, block >> (level - 1))
    return [(low, high), (high, low), (high, high)]
