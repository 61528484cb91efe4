"""Learnt orthonormal transforms of 16 × 16 blocks, each block by the one that codes it best: a variant of the ablation.

Sparse orthonormal transforms (Sezer, Guleryuz, Altunbasak, "Approximation and compression with sparse orthonormal
transforms", IEEE Transactions on Image Processing 24, 2015): blocks are classified by |x - y|² + T² · nonzeros, y being
what a threshold T leaves, and each class's transform is the nearest rotation from its blocks to what is left of them.
"""

from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from PIL import Image

from apercu.lab.images import files_below
from apercu.stages.colour import Plane
from apercu.stages.wavelet import Bands
from scripts.ablation_dct import fetch_blocks, in_blocks, place_blocks, put_samples

BLOCK, CLASSES = 16, 8
ROUNDS = 20
BLOCKS_OF_AN_IMAGE = 300
THRESHOLD = 40.0
"""In samples of 8 bits, where transforms are learnt."""
OF_STEP = 0.8
"""Threshold by step where an image is coded: T² is the price of the six or seven bits that a symbol takes."""

Real = NDArray[np.float32]


class Learnt:
    """Transforms, and what an encoder has to tell a decoder beside its symbols.

    `turns`: (9, 255, 255), from the DCT's coefficients without DC; the first is the DCT itself. `classes`: of the
    blocks of the last plane that was analysed.
    """

    def __init__(self, turns: Real) -> None:
        self.turns = turns
        self.classes = np.zeros(0, np.intp)

    def side_bytes(self) -> int:
        """What the classes take at their entropy."""
        shares = np.bincount(self.classes, minlength=len(self.turns)) / len(self.classes)
        return int(np.ceil(-len(self.classes) * np.sum(shares * np.log2(np.maximum(shares, 1e-12))) / 8))

    def analyse(
        self, plane: Plane, height: int, width: int, levels: int, centre: int, bands: Bands, step_q8: int, _: int
    ) -> None:
        """In place of `wavelet_analyse`; chroma, with a level less, keeps the DCT."""
        samples = (plane[:height, :width].astype(float) - centre) / 32
        values = np.ascontiguousarray(scipy.fft.dctn(in_blocks(samples, BLOCK), axes=(2, 3), norm="ortho"))
        if levels == 5:
            flat = values.reshape(-1, BLOCK * BLOCK)
            self.classes = _best(self.turns, flat[:, 1:].astype(np.float32), OF_STEP * step_q8 / 256)
            flat[:, 1:] = _turned(self.turns, flat[:, 1:], self.classes)
        place_blocks(values, levels, bands)

    def synthesise(self, bands: Bands, plane: Plane, levels: int, centre: int) -> None:
        """The inverse."""
        values = fetch_blocks(bands, plane.shape[0], plane.shape[1], BLOCK, levels)
        if levels == 5:
            flat = values.reshape(-1, BLOCK * BLOCK)
            flat[:, 1:] = _turned(self.turns.transpose(0, 2, 1), flat[:, 1:], self.classes)
        put_samples(scipy.fft.idctn(values, axes=(2, 3), norm="ortho"), plane, centre)


def _turned(turns: Real, vectors: NDArray[np.float64], classes: NDArray[np.intp]) -> NDArray[np.float64]:
    out = vectors.copy()
    for number, turn in enumerate(turns):
        out[classes == number] = vectors[classes == number] @ turn.T
    return out


def _costs(turn: Real, vectors: Real, threshold: float) -> Real:
    squares = (vectors @ turn.T) ** 2
    costs: Real = np.minimum(squares, np.float32(threshold**2)).sum(1)
    return costs


def _best(turns: Real, vectors: Real, threshold: float) -> NDArray[np.intp]:
    """The class of least cost for each block; the DCT, where all come to the same."""
    costs = np.stack([_costs(turn, vectors, threshold) for turn in turns])
    costs[1:] += np.float32(threshold**2 / 3)  # two bits or three, for a class that is not the most frequent
    best: NDArray[np.intp] = costs.argmin(0)
    return best


def _principal(vectors: Real) -> Real:
    """Principal components, the largest first."""
    components: Real = np.linalg.eigh(vectors.T @ vectors)[1].T[::-1]
    return components


def learn(folder: Path, seed: int = 2026) -> Learnt:
    """From the luma of the images in a folder."""
    rng = np.random.default_rng(seed)
    parts: list[NDArray[np.float64]] = []
    for path in files_below(folder):
        with Image.open(path) as picture:
            luma = np.asarray(picture.convert("L"), float)
        height, width = (side // BLOCK * BLOCK for side in luma.shape[:2])
        found = in_blocks(luma[:height, :width], BLOCK).reshape(-1, BLOCK, BLOCK)
        parts.append(found[rng.choice(len(found), min(len(found), BLOCKS_OF_AN_IMAGE), replace=False)])
    blocks = np.concatenate(parts)
    vectors = scipy.fft.dctn(blocks, axes=(1, 2), norm="ortho").reshape(len(blocks), -1)[:, 1:].astype(np.float32)
    busy = _costs(np.eye(vectors.shape[1], dtype=np.float32), vectors, THRESHOLD) > 2 * THRESHOLD**2
    blocks, vectors = blocks[busy], vectors[busy]
    down, across = np.gradient(blocks, axis=(1, 2))
    angle = np.arctan2(2 * (down * across).sum((1, 2)), (across**2 - down**2).sum((1, 2)))
    classes = ((angle + np.pi) / (2 * np.pi) * CLASSES).astype(np.intp) % CLASSES
    by_size = np.argsort(-np.abs(vectors).mean(0))
    turns = np.stack([_principal(vectors[classes == c]) for c in range(CLASSES)])
    for _ in range(ROUNDS):
        for c in range(CLASSES):
            own = vectors[classes == c]
            kept = own @ turns[c].T
            kept[np.abs(kept) < THRESHOLD] = 0
            u, _, v = np.linalg.svd(kept.T @ own)
            turns[c] = u @ v
        classes = _best(turns, vectors, THRESHOLD)
    placed = np.empty_like(turns)
    for c in range(CLASSES):  # the k-th largest of its coefficients takes the place of the DCT's k-th
        order = np.argsort(-np.abs(vectors[classes == c] @ turns[c].T).mean(0))
        placed[c, by_size] = turns[c, order]
    return Learnt(np.concatenate([np.eye(vectors.shape[1], dtype=np.float32)[None], placed]))
