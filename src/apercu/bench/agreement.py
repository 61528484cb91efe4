"""Whether a picture says what its file says: how many symbols it has again when the codec analyses it.

Most symbols are zeros, so those that are not are counted by themselves, and every plane and stage, too: a share of all
symbols would hide that a picture has lost what little was sent.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from apercu.codecs import apercu as codec
from apercu.codecs import tables
from apercu.codecs.content import layout_of_tile
from apercu.codecs.decoding import File, opened
from apercu.errors import OptionError
from apercu.format.prefix import read_prefix
from apercu.stages.bands import STAGES, band_step_q6
from apercu.stages.blocks import Window, part, tiles
from apercu.stages.colour import Plane, Samples, to_planes
from apercu.stages.layout import PlaneLayout
from apercu.stages.wavelet import Bands, places_with_low, wavelet_analyse


class Agreement(NamedTuple):
    """Of some symbols: how many are not 0, how many of these the picture has with the same value and sign, how many
    there are, and how many of all it has."""

    sent: int
    kept: int
    symbols: int
    same: int


ByStage = dict[tuple[int, int], Agreement]
"""By plane, in coded order, and stage."""


def agreement(data: bytes, picture: Samples, layers: int | None = None) -> ByStage:
    """Of a file of codec `apercu` and a picture, (H, W) or (H, W, B), that was decoded from it in whatever way.

    The picture has a symbol if its coefficient is nearer to it than to any other: no farther than half a step. Nothing
    is fitted at borders, as in decoding. `layers`: the first so many alone, where the picture was made of no more.
    Raises OptionError for another codec, rotated bands or another size, and a FormatError for a faulty file.
    """
    scene, start = read_prefix(data)
    file = opened(data[start:], None)
    header = file.header
    samples = picture[:, :, np.newaxis] if picture.ndim == 2 else picture
    shape = header.height, header.width, header.n_bands
    if header.codec != "apercu" or scene.rotation is not None:
        raise OptionError("agreement is counted for files of codec apercu, without rotation of bands")
    if samples.shape != shape or samples.dtype != (np.uint16 if header.wide else np.uint8):
        raise OptionError(f"the picture is {samples.dtype}, {samples.shape}, and not what the file holds, {shape}")
    n_read = min(layers or header.n_layers, header.n_layers)
    _, last = codec.stages_of(n_read - 1, header.n_layers)
    found: list[ByStage] = []
    for tile, window in enumerate(tiles(header.height, header.width, header.tile)):
        layout = layout_of_tile(header, window.height, window.width)
        planes = to_planes(part(samples, window), header.interpretation, list(header.levels))
        sent = _symbols(file, tile, window, n_read)
        for index, (plane, of, symbols) in enumerate(zip(planes, layout.planes, sent, strict=True)):
            found += [{(index, stage): counts} for stage, counts in _of_plane(plane, of, symbols, file, last)]
    return total(found)


def total(found: Iterable[ByStage]) -> ByStage:
    """The sums over pictures."""
    sums: ByStage = {}
    for of_picture in found:
        for place, counts in of_picture.items():
            before = sums.get(place, Agreement(0, 0, 0, 0))
            sums[place] = Agreement(*(a + b for a, b in zip(before, counts, strict=True)))
    return sums


def worst(found: ByStage) -> tuple[float, float]:
    """The smallest shares of any plane and stage: kept of what was sent, and the same of all symbols."""
    return (
        min((counts.kept / counts.sent for counts in found.values() if counts.sent), default=1.0),
        min((counts.same / counts.symbols for counts in found.values() if counts.symbols), default=1.0),
    )


def _symbols(file: File, tile: int, window: Window, n_read: int) -> list[Bands]:
    """Of each plane of a tile."""
    header, segments = file.header, []
    for layer in range(n_read):
        index = layer * header.n_tiles + tile
        if fault := file.segments.fault(index):
            raise fault
        segments.append(file.segments.content(index))
    layout = layout_of_tile(header, window.height, window.width)
    return codec.read(segments, layout, None, tables.of_file(header, None), header.n_layers)


def _of_plane(plane: Plane, of: PlaneLayout, symbols: Bands, file: File, last: int) -> Iterable[tuple[int, Agreement]]:
    """Of each band of the stages down to the last, with its stage."""
    levels, step_q8 = STAGES - of.chroma, file.setting.step_q8
    bands: Bands = np.empty(symbols.size, np.int16)
    wavelet_analyse(plane, of.height, of.width, levels, of.centre, bands)
    places = places_with_low(symbols, of.height, of.width, levels).items()
    for (level, orientation), (start, height, width) in places:
        if (stage := level + of.chroma) < last:
            continue
        sent, has = (values[start : start + height * width].astype(np.int64) for values in (symbols, bands))
        step_q6 = band_step_q6(step_q8, of.chroma, level, orientation)
        same = 2 * np.abs(64 * has - sent * step_q6) <= step_q6
        counts = sent != 0, same & (sent != 0), np.ones_like(same), same
        yield stage, Agreement(*(int(np.count_nonzero(values)) for values in counts))
