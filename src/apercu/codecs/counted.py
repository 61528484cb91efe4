"""The samples of a source that count (see `apercu.stages.fill`): how many there are, and their levels."""

import math

import numpy as np

from apercu.codecs.source import ArraySource, Source
from apercu.stages.blocks import tiles
from apercu.stages.colour import Levels
from apercu.stages.levels import Image, image_of, measure, strips


def image_to_measure(source: Source, tile: int) -> Image:
    """The source as levels are measured of it. It is read by tiles of this side, unless it is an array."""
    if isinstance(source, ArraySource):
        return image_of(source.samples, source.mask)
    windows = list(tiles(source.height, source.width, tile))
    return Image(source.height, source.width, source.n_bands, source.read, windows)


def n_counted(image: Image, interpretation: str) -> int:
    """How many samples of an image count."""
    found = (out for *_, out in strips(image, interpretation))
    n_samples = image.height * image.width * image.n_bands
    return n_samples - sum(int(np.count_nonzero(out)) for out in found if out is not None)


def levels_for(image: Image, interpretation: str, psnr: float | None) -> tuple[Levels, ...]:
    """Levels of a uint16 image: the range without outliers, or the full range if the error of the outliers would be
    more than half the error that the target PSNR allows."""
    measured = measure(image, interpretation)
    if psnr is not None and measured.lost:
        best = 10 * math.log10(65535**2 * n_counted(image, interpretation) / (2 * measured.lost))
        if best < psnr:
            return measured.full
    return measured.bulk
