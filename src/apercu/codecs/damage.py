"""Where a file is damaged: how many layers of each pixel are lost."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import decoding, scenes, tables
from apercu.codecs.by_name import codec_of
from apercu.codecs.content import layout_of_tile
from apercu.errors import FormatError
from apercu.stages.blocks import Window, overlap, part, relative, tile_at

Lost = NDArray[np.uint8]


def damage(
    data: bytes, model: str | Path | None, max_pixels: int | None, window: Window | None, full_size: bool
) -> Lost:
    """See `apercu.damage`."""
    file = scenes.opened(data, max_pixels, with_mask=False)
    window = scenes.inside(file, window, full_size, max_pixels)
    if not full_size or not file.log2:
        return _of_coded(file.inner, model, window)
    rows, columns = (
        np.arange(first, first + n) >> file.log2
        for first, n in ((window.top, window.height), (window.left, window.width))
    )
    top, left = int(rows[0]), int(columns[0])
    coded = _of_coded(file.inner, model, Window(top, left, int(rows[-1]) - top + 1, int(columns[-1]) - left + 1))
    found: Lost = coded[np.ix_(rows - top, columns - left)]
    return found


def _of_coded(file: decoding.File, model: str | Path | None, window: Window) -> Lost:
    header, with_tables = file.header, tables.of_file(file.header, model)
    codec, lost = codec_of(header.codec), np.zeros(window[2:], np.uint8)
    for tile in decoding.touched(header, window):
        place = tile_at(tile, header.height, header.width, header.tile)
        common = overlap(place, window)
        assert common  # for the window touches these tiles
        sound, _ = decoding.sound_layers(file.segments, header, tile, header.n_layers)
        while sound:
            try:
                layout = layout_of_tile(header, place.height, place.width)
                codec.read(sound, layout, file.setting, with_tables, header.n_layers)
                break
            except FormatError as fault:
                del sound[fault.layer :]
        part(lost, relative(common, window))[:] = header.n_layers - len(sound)
    return lost
