"""Multiply-accumulates per pixel, counted from the arrays of an encoder and of a decoder at work."""

from dataclasses import dataclass

import numpy as np

from apercu.codecs import taha2025
from apercu.errors import ApercuError
from apercu.format import weights as weight_files
from apercu.format.container import read_header, read_segments
from apercu.stages.blocks import tiles
from apercu.stages.colour import Samples

_LUMA_PRODUCTS, _CHROMA_PRODUCTS = 3, 1  # of a sample; chroma is made of luma and one colour
_COLOUR_PRODUCTS = 4  # of a pixel on the way back
_CHROMA_SAMPLES = 2 / 4  # of a pixel: two planes at half size


@dataclass(frozen=True)
class Arithmetic:
    """Multiply-accumulates per pixel.

    Transform: the rows of weights that blocks meet. On the way there these are G1's latent, its error (the block's
    energy and the synthesis row) and, where that is above the threshold, G2's eight; on the way back one for every
    latent that is not zero. Colour: products of the colour transform. What the encoder spends on choosing symbols, of
    which there is one for eight pixels at most, is not in it, nor are the shifts and sums of chroma at full size.
    """

    encoder_transform: float
    encoder_colour: float
    decoder_transform: float
    decoder_colour: float


def count(image: Samples, data: bytes) -> Arithmetic:
    """What encoding `image`, (H, W) or (H, W, B), to the file `data` took, and decoding it takes."""
    header = read_header(data)
    weights = weight_files.shipped(header.model_id)
    setting = taha2025.setting_of(header)
    samples = image.reshape(header.height, header.width, header.n_bands)
    n_pixels = header.height * header.width
    row = weights.shape[2]
    to_latents = to_pixels = 0
    windows = tiles(header.height, header.width, header.tile)
    for (top, left, height, width), segment in zip(windows, read_segments(data, header), strict=True):
        if isinstance(segment, ApercuError):
            raise segment
        tile = samples[top : top + height, left : left + width]
        for latents, _ in taha2025.analyse(tile, header, weights, setting).planes:
            detailed = np.any(latents[:, 1:], axis=1)  # where they were not computed, they are zero
            to_latents += row * (3 * len(latents) + (weights.shape[1] - 1) * int(np.count_nonzero(detailed)))
        for _, symbols in taha2025.read([segment], header, weights, height, width):
            to_pixels += row * int(np.count_nonzero(symbols))
    colour = header.interpretation in ("rgb", "rgba")
    return Arithmetic(
        encoder_transform=to_latents / n_pixels,
        encoder_colour=colour * (_LUMA_PRODUCTS + _CHROMA_PRODUCTS * _CHROMA_SAMPLES),
        decoder_transform=to_pixels / n_pixels,
        decoder_colour=float(colour * _COLOUR_PRODUCTS),
    )
