"""Multiply-accumulates per pixel, counted from the arrays of an encoder and a decoder."""

from dataclasses import dataclass

import numpy as np

from apercu.codecs import tables, taha2025
from apercu.codecs.content import to_content
from apercu.errors import ApercuError
from apercu.format.container import Header, read_header, read_segments
from apercu.stages import dual_maps
from apercu.stages.bands import STAGES
from apercu.stages.blocks import BLOCK, tiles
from apercu.stages.colour import Samples
from apercu.stages.dct import N_EXPECTED, N_SUMS
from apercu.stages.dct_symbols import MAPS
from apercu.stages.layout import layout_of
from apercu.stages.map_huffman import PASSES
from apercu.stages.symbol_maps import Map
from apercu.stages.wavelet import band_places

_LUMA_PRODUCTS, _CHROMA_PRODUCTS = 3, 1  # of a sample; chroma is made of luma and one colour
_COLOUR_PRODUCTS = 4  # of a pixel on the way back
_CHROMA_SAMPLES = 2 / 4  # of a pixel: two planes at half size
_LIFTING = 4  # steps, each with a product for every other sample of a row or column
_END = 4  # products at an end of a row or column that is fitted to the step
_MENDED_TO = 1  # the finest level whose border is mended by what is decoded of those above it
_NEAR = 6  # weights of magnitudes within a band, for a sample
_FLAGGED = 2  # stages whose samples are weighed in groups first
_WEIGHED = 5  # a sample in steps, what it costs as 0, and its error and the cost of a symbol
_CHOSEN = 7  # a sample in steps, and error and cost of three symbols
_DCT = 8  # of a sample, four in each direction
_SMOOTHED = 2 * 2 * BLOCK  # of a block: the rows along two of its edges
_WITHIN_MAP, _OF_ALL, _OF_FIRST, _OF_COMPANION = 6, 2, 2, 2  # weights of magnitudes of maps
_HUFFMAN_CHOSEN = 1 + 2 * PASSES  # a sample in steps in each pass, and what it costs as 0 in all but the first


@dataclass(frozen=True)
class Arithmetic:
    """Multiply-accumulates per pixel.

    Transform: of taha2025, the rows of weights that blocks meet. On the way there these are G1's latent, its error (the
    block's energy and the synthesis row) and, where that is above the threshold, G2's eight; on the way back one for
    every latent that is not zero. Of apercu, the lifting steps of all levels and the gain of LL; on the way there also
    what is done at the border, and all levels but the finest once more, to know there what is decoded. Colour:
    products of the colour transform. Contexts: the weighted sums of magnitudes, as if every sample were visited, and of
    taha2025 what is expected; the decoder needs the same. Choice: of apercu, what the encoder spends on choosing
    symbols, as if none were plainly 0, which nine in ten are. Shifts and sums are not in it.
    """

    encoder_transform: float
    encoder_colour: float
    encoder_contexts: float
    encoder_choice: float
    decoder_transform: float
    decoder_colour: float
    decoder_contexts: float

    @property
    def encoder(self) -> float:
        """All of the encoder's."""
        return self.encoder_transform + self.encoder_colour + self.encoder_contexts + self.encoder_choice

    @property
    def decoder(self) -> float:
        """All of the decoder's."""
        return self.decoder_transform + self.decoder_colour + self.decoder_contexts


def count(image: Samples, data: bytes, model: str | None = None) -> Arithmetic:
    """What encoding `image`, (H, W) or (H, W, B), to the file `data` of a codec in COUNTED took, and decoding it takes.

    model: file of user-trained weights, where the file needs it.
    """
    header = read_header(data)
    colour = header.interpretation in ("rgb", "rgba")
    encoder, decoder, contexts, choice = COUNTED[header.codec](image, data, header, model)
    n_pixels = header.height * header.width
    return Arithmetic(
        encoder_transform=encoder / n_pixels,
        encoder_colour=colour * (_LUMA_PRODUCTS + _CHROMA_PRODUCTS * _CHROMA_SAMPLES),
        encoder_contexts=contexts / n_pixels,
        encoder_choice=choice / n_pixels,
        decoder_transform=decoder / n_pixels,
        decoder_colour=float(colour * _COLOUR_PRODUCTS),
        decoder_contexts=contexts / n_pixels,
    )


def _of_apercu(_image: Samples, _data: bytes, header: Header, _model: str | None) -> tuple[float, float, float, float]:
    transform = border = contexts = choice = 0.0
    for window in tiles(header.height, header.width, header.tile):
        for plane in layout_of(header.interpretation, header.n_bands, window.height, window.width).planes:
            height, width, levels = plane.height, plane.width, STAGES - plane.chroma
            for (level, orientation), (_, down, across) in band_places(height, width, levels).items():
                contexts += down * across * (_NEAR + 1 + orientation + (plane.companion >= 0))
                choice += down * across * (_CHOSEN + _WEIGHED * (level + plane.chroma <= _FLAGGED))
            for level in range(1, levels + 1):
                low_h, low_w = -(-height // 2), -(-width // 2)
                products = 2 * (_LIFTING / 2) * height * width + low_h * low_w
                transform += products
                # Ends of rows and columns of two bands take over, of one mend, once with what was wanted, once decoded.
                border += 2 * _END * (height + width + 2 * (low_h + low_w)) + (products if level > _MENDED_TO else 0)
                height, width = low_h, low_w
    return transform + border, transform, contexts, choice


def _contexts_of_maps(header: Header, maps: list[Map]) -> tuple[int, int]:
    """Blocks of a file, and products of its contexts, as if every block had all maps."""
    blocks = contexts = 0
    for window in tiles(header.height, header.width, header.tile):
        for plane in layout_of(header.interpretation, header.n_bands, window.height, window.width).planes:
            here = plane.blocks[0] * plane.blocks[1]
            blocks += here
            for m, kind in enumerate(maps):
                weights = _WITHIN_MAP + len(kind.earlier) + min(len(kind.earlier), 2) + _OF_ALL + _OF_FIRST * (m > 0)
                contexts += here * (weights + _OF_COMPANION * (plane.companion >= 0))
    return blocks, contexts


def _of_dct(_image: Samples, _data: bytes, header: Header, _model: str | None) -> tuple[float, float, float, float]:
    blocks, contexts = _contexts_of_maps(header, MAPS)
    samples = blocks * len(MAPS)
    transform = (_DCT + 1) * samples + N_EXPECTED * N_SUMS * blocks
    ranged = header.entropy == "range"
    choice = (_CHOSEN if ranged else _HUFFMAN_CHOSEN) * samples
    return transform, transform + _SMOOTHED * blocks, contexts * ranged, choice


def _of_taha2025(image: Samples, data: bytes, header: Header, model: str | None) -> tuple[float, float, float, float]:
    found = tables.of_file(header, model)
    setting = taha2025.setting_of(header)
    samples = image.reshape(header.height, header.width, header.n_bands)
    row = found.weights.shape[2]
    to_latents = to_pixels = 0
    windows = tiles(header.height, header.width, header.tile)
    for (top, left, height, width), segment in zip(windows, read_segments(data, header), strict=True):
        if isinstance(segment, ApercuError):
            raise segment
        tile = samples[top : top + height, left : left + width]
        planes, layout = to_content(tile, header)
        for latents, _ in taha2025.analyse(planes, layout, setting, found).planes:
            detailed = np.any(latents[:, 1:], axis=1)  # where they were not computed, they are zero
            to_latents += row * (3 * len(latents) + (found.weights.shape[1] - 1) * int(np.count_nonzero(detailed)))
        for _, symbols in taha2025.read([segment], layout, setting, found, 1):
            to_pixels += row * int(np.count_nonzero(symbols))
    if header.entropy == "huffman":
        return to_latents, to_pixels, 0.0, 0.0
    blocks, contexts = _contexts_of_maps(header, dual_maps.MAPS)
    return to_latents, to_pixels, contexts + blocks * dual_maps.N_EXPECTED * dual_maps.N_SUMS, 0.0


COUNTED = {"apercu": _of_apercu, "taha2025": _of_taha2025, "dct": _of_dct}
"""The codecs whose arrays can be counted."""
