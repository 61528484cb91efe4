"""Lower bounds of the error of any training: principal subspaces, of training images or of the measured image itself.

A linear autoencoder with k latents, of however many layers, reconstructs within a subspace of k dimensions; none does
better on given blocks than their principal subspace, uncentred (Baldi and Hornik 1989). Fitted to the very image that
is measured it is a bound, no codec: a number of the paper's beyond it cannot come from the same picture.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.stages.blocks import BLOCK

SAMPLES = BLOCK * BLOCK
PEAK = 255.0
LATENTS = 8  # of the codec's second autoencoder
DETAIL = 150.0  # blocks with a larger error under one component fit the eight, as in training
WEIGHT_ONE = 1 << 14

Blocks = NDArray[np.float32]
Matrix = NDArray[np.float64]
Weights = NDArray[np.int16]


def blocks_of(image: NDArray[np.uint8]) -> Blocks:
    """The whole 8×8 blocks of a grey image (H, W): (n, 64) float32, samples from 0 to 1."""
    down, across = (side // BLOCK for side in image.shape)
    cut = image[: down * BLOCK, : across * BLOCK].reshape(down, BLOCK, across, BLOCK).swapaxes(1, 2)
    return (cut.reshape(-1, SAMPLES) / PEAK).astype(np.float32)


def subspace(blocks: Blocks, latents: int) -> Matrix:
    """The principal subspace of blocks: orthonormal rows (latents, 64), the strongest first, each of positive sum."""
    wide = blocks.astype(np.float64)
    rows = np.linalg.eigh(wide.T @ wide)[1][:, : -latents - 1 : -1].T
    signed: Matrix = rows * np.where(rows.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    return signed


def errors(blocks: Blocks, rows: Matrix) -> Matrix:
    """Mean squared error (n,) of each block on a subspace, in 8-bit units squared."""
    wide = blocks.astype(np.float64)
    per_block: Matrix = np.mean((wide - wide @ rows.T @ rows) ** 2, axis=1) * PEAK**2
    return per_block


def own_weights(blocks: Blocks) -> Weights:
    """Weights (2, 9, 64) for the codec, fitted to these very blocks."""
    one = subspace(blocks, 1)
    detailed = blocks[errors(blocks, one) > DETAIL]
    rows = np.concatenate([one, subspace(detailed if len(detailed) >= SAMPLES else blocks, LATENTS)])
    weights: Weights = np.rint(np.stack([rows, rows]) * WEIGHT_ONE).astype(np.int16)
    return weights


def write_model(weights: Weights, path: Path) -> Path:
    """Weights (2, 1 + k, 64) as a file for `encode(model=)`; the rows that are missing are zero.

    A latent that is always zero takes no bits where it has a table of its own. Raises OSError.
    """
    whole = np.zeros((2, 1 + LATENTS, SAMPLES), np.int16)
    whole[:, : weights.shape[1]] = weights
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, whole)
    return path
