"""What a decoder of blocks is given and has to give: latents of blocks of 8 × 8 as JPEG quantises them, and samples.

The codec is a DCT of 8 × 8 (`apercu.stages.dct`) with the matrix for luma and the qualities of JPEG. Its own decode is
what a decoder has to better.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.stages.dct import N_MAPS, ORDER, SIDE, dct_analyse, dct_dequantise, dct_synthesise

Real = NDArray[np.float32]

N_OWN, N_AROUND = 15, 3
"""Latents of the zigzag that count, of the block itself and of each of its eight neighbours."""
AROUND = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if (down, across) != (0, 0)]
N_INPUTS = N_OWN + len(AROUND) * N_AROUND + 1
N_SAMPLES = SIDE * SIDE

_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""ITU-T T.81, table K.1, row by row."""
_CENTRE, _UNIT = 128 << 5, 1 << 5  # planes have 5 fraction bits
_STEP_UNIT = 64 * 16  # steps of `dct_dequantise` are in 1/64 of a coefficient of 4 fraction bits


class Coded(NamedTuple):
    """An image after the codec, of h × w blocks.

    inputs: (h, w, N_INPUTS) float32, in samples: N_OWN latents of the block, N_AROUND of each neighbour, whose means
        are less that of the block, and log₂ of the step of the means.
    decoded: (8 h, 8 w) float32, the codec's own decode, 0 to 255, not rounded.
    original: (8 h, 8 w) uint8.
    """

    inputs: Real
    decoded: Real
    original: NDArray[np.uint8]


def steps_of(quality: int) -> NDArray[np.int32]:
    """JPEG's steps for luma at a quality of 1 to 100, (64,) in the order of `ORDER`, as the Independent JPEG Group
    scales them."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps: NDArray[np.int32] = np.clip((np.array(_LUMA, np.int32)[ORDER] * scale + 50) // 100, 1, 255)
    return steps


def coded(image: NDArray[np.uint8], quality: int) -> Coded:
    """A grey image (H, W), of which whole blocks count, through the codec. At the border a block's own latents stand
    for those of the neighbours that there are not."""
    height, width = (side // SIDE for side in image.shape)
    original = image[: height * SIDE, : width * SIDE]
    plane = original.astype(np.int16) * _UNIT
    maps = np.empty((N_MAPS, height, width), np.int16)
    dct_analyse(plane, height, width, _CENTRE, maps)
    steps = steps_of(quality)
    symbols = np.round(maps / (16.0 * steps[:, None, None])).astype(np.int16)
    dct_dequantise(symbols, steps * _STEP_UNIT, maps)
    dct_synthesise(maps, height, width, _CENTRE, plane)
    decoded = np.clip(plane / np.float32(_UNIT), 0, 255).astype(np.float32)
    latents: Real = maps.astype(np.float32) / np.float32(16)
    return Coded(_inputs(latents, int(steps[0])), decoded, original)


def _inputs(latents: Real, step: int) -> Real:
    """(64, h, w) -> (h, w, N_INPUTS)."""
    _, height, width = latents.shape
    padded = np.pad(latents[:N_AROUND], ((0, 0), (1, 1), (1, 1)), mode="edge")
    parts = [latents[:N_OWN]]
    for down, across in AROUND:
        near = padded[:, 1 + down : 1 + down + height, 1 + across : 1 + across + width].copy()
        near[0] -= latents[0]
        parts.append(near)
    parts.append(np.full((1, height, width), np.log2(step), np.float32))
    return np.moveaxis(np.concatenate(parts), 0, -1)


def cut(plane: Real) -> Real:
    """(8 h, 8 w) -> blocks (h w, 64)."""
    height, width = (side // SIDE for side in plane.shape)
    return plane.reshape(height, SIDE, width, SIDE).swapaxes(1, 2).reshape(-1, N_SAMPLES)


def join(blocks: Real, height: int, width: int) -> Real:
    """The inverse: blocks (h w, 64) of `height` × `width` blocks -> (8 h, 8 w)."""
    return blocks.reshape(height, width, SIDE, SIDE).swapaxes(1, 2).reshape(height * SIDE, width * SIDE)


class Pool(NamedTuple):
    """Blocks from many images: inputs (N, N_INPUTS), and what the codec's decode lacks, (N, 64)."""

    inputs: Real
    lacking: Real


def pool(images: Iterable[NDArray[np.uint8]], qualities: Iterable[int], n_blocks: int, seed: int) -> Pool:
    """`n_blocks` at random of all blocks of the images at all qualities, again and again where these are fewer."""
    draw = np.random.default_rng(seed)
    inputs, lacking = [], []
    qualities = tuple(qualities)
    for image in images:
        for quality in qualities:
            of = coded(image, quality)
            inputs.append(of.inputs.reshape(-1, N_INPUTS))
            lacking.append(cut(of.original - of.decoded))
    all_inputs, all_lacking = np.concatenate(inputs), np.concatenate(lacking)
    n_rounds = -(-n_blocks // len(all_inputs))
    chosen = np.concatenate([draw.permutation(len(all_inputs)) for _ in range(n_rounds)])[:n_blocks]
    return Pool(all_inputs[chosen], all_lacking[chosen])


class Regression(NamedTuple):
    """What is lacking, linear in the inputs: mean (N_INPUTS,), weights (N_INPUTS + 1, 64), the last for a 1."""

    mean: Real
    weights: Real

    def __call__(self, inputs: Real) -> Real:
        """(…, N_INPUTS) -> (…, 64)."""
        lacking: Real = (inputs - self.mean) @ self.weights[:-1] + self.weights[-1]
        return lacking

    def decode(self, of: Coded) -> Real:
        """The picture (8 h, 8 w), 0 to 255, not rounded."""
        height, width, n_inputs = of.inputs.shape
        lacking = self(of.inputs.reshape(-1, n_inputs))
        picture: Real = np.clip(of.decoded + join(lacking, height, width), 0, 255)
        return picture


RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
"""As multiples of the power of each input."""


def regression(of: Pool, checked: Pool) -> Regression:
    """Least squares with the ridge, of RIDGES, that does best on other blocks."""
    mean = of.inputs.mean(0)
    x = np.concatenate([of.inputs - mean, np.ones((len(of.inputs), 1), np.float32)], 1).astype(np.float64)
    gram, y = x.T @ x, of.lacking.astype(np.float64)
    power = np.diag(np.maximum(gram.diagonal(), 1e-9 * len(x)))
    found = [Regression(mean, np.linalg.solve(gram + ridge * power, x.T @ y).astype(np.float32)) for ridge in RIDGES]
    return min(found, key=lambda one: float(np.square(checked.lacking - one(checked.inputs)).mean()))
