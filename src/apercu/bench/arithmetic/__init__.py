"""Multiply-accumulates per pixel, counted from the arrays of an encoder and a decoder.

A codec's arithmetic is counted by the module of its name in this package, which has a function

    work(image, data, header, model) -> Work

of the image, (H, W) or (H, W, B), its file and the file's header, and the path of user-trained weights or None. A codec
without such a module is not counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from apercu.codecs.by_name import codec_of
from apercu.codecs.content import layout_of_tile
from apercu.format.container import Header, Segments, read_header
from apercu.stages.blocks import Window, tiles
from apercu.stages.colour import Samples
from apercu.stages.layout import Layout

_LUMA_PRODUCTS, _CHROMA_PRODUCTS = 3, 1  # of a sample; chroma is made of luma and one colour
_COLOUR_PRODUCTS = 4  # of a pixel on the way back
_CHROMA_SAMPLES = 2 / 4  # of a pixel: two planes at half size


class Work(NamedTuple):
    """Products of a whole image, but for colours. encode, decode: of the transform there and back. contexts: the same
    in encoder and decoder. choice: what the encoder spends on choosing symbols besides."""

    encode: float
    decode: float
    contexts: float = 0.0
    choice: float = 0.0


@dataclass(frozen=True)
class Arithmetic:
    """Multiply-accumulates per pixel: of the transform, as the module of the codec says; of colours, where the codec
    codes planes; of contexts; and of the choice of symbols. Shifts and sums are not in it, nor is the entropy coder."""

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


def is_counted(codec: str) -> bool:
    """Whether the arithmetic of a codec can be counted."""
    return find_spec(f"{__name__}.{codec}") is not None


def count(image: Samples, data: bytes, model: str | None = None) -> Arithmetic:
    """What encoding `image`, (H, W) or (H, W, B), to the file `data` of a codec that is counted took, and decoding it
    takes.

    model: file of user-trained weights, where the file needs it.
    """
    header = read_header(data)
    has_colours = header.interpretation in ("rgb", "rgba") and codec_of(header.codec).DOMAIN == "planes"
    work: Work = import_module(f"{__name__}.{header.codec}").work(image, data, header, model)
    n_pixels = header.height * header.width
    return Arithmetic(
        encoder_transform=work.encode / n_pixels,
        encoder_colour=has_colours * (_LUMA_PRODUCTS + _CHROMA_PRODUCTS * _CHROMA_SAMPLES),
        encoder_contexts=work.contexts / n_pixels,
        encoder_choice=work.choice / n_pixels,
        decoder_transform=work.decode / n_pixels,
        decoder_colour=float(has_colours * _COLOUR_PRODUCTS),
        decoder_contexts=work.contexts / n_pixels,
    )


def layouts(header: Header) -> Iterator[tuple[Window, Layout]]:
    """The tiles of an image, and the layout of each."""
    for window in tiles(header.height, header.width, header.tile):
        yield window, layout_of_tile(header, window.height, window.width)


def layers(data: bytes, header: Header, tile: int) -> list[bytes]:
    """The segments of a tile; raises the fault of one that is not sound."""
    segments = Segments(data, header)
    found = []
    for layer in range(header.n_layers):
        index = layer * header.n_tiles + tile
        if fault := segments.fault(index):
            raise fault
        found.append(segments.content(index))
    return found
