"""From a file to an image: tiles, windows, damage. What a tile's bytes mean is the codec's."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from apercu.codecs.by_name import CODECS, Progress, part
from apercu.errors import ApercuError, FormatError, OptionError, TooLarge
from apercu.format import weights as weight_files
from apercu.format.container import Header, read_header, read_segments
from apercu.format.ids import DEFAULT_MODEL_IDS, USER_MODEL
from apercu.stages.blocks import Window, tiles
from apercu.stages.colour import Samples


def check_restore(data: bytes, restore: str) -> None:
    """Raises OptionError if the codec of a file has no such restorer, and FormatError if the header is broken."""
    codec = read_header(data).codec
    if restore not in CODECS[codec].RESTORERS:
        ways = " or ".join(map(repr, CODECS[codec].RESTORERS))
        raise OptionError(f"restore must be {ways} for a file of the codec {codec}, not {restore!r}")


def decode(
    data: bytes,
    damaged: str,
    model: str | Path | None,
    max_pixels: int | None,
    progress: Progress,
    window: Window | None = None,
    layers: int | None = None,
    restorer: Any = None,
) -> Samples:
    """See `apercu.decode`."""
    header = read_header(data)
    _check_size(header, max_pixels)
    codec = CODECS[header.codec]
    codec.setting_of(header)
    window = _inside(window or Window(0, 0, header.height, header.width), header)
    wanted = header.n_layers if layers is None else min(layers, header.n_layers)
    weights = weight_files.of_stream(header.codec, header.model_id, header.model_hash, model)
    segments = list(read_segments(data, header))
    by_tile = [segments[tile : header.n_tiles * wanted : header.n_tiles] for tile in range(header.n_tiles)]
    windows = list(tiles(header.height, header.width, header.tile))
    chosen = [tile for tile, place in enumerate(windows) if _overlap(place, window)]
    if damaged == "raise":
        whole = len(chosen) == header.n_tiles and wanted == header.n_layers
        _refuse(segments if whole else [segment for tile in chosen for segment in by_tile[tile]])
    image = np.empty((window.height, window.width, header.n_bands), np.uint16 if header.wide else np.uint8)
    lost: list[tuple[ApercuError, Samples]] = []
    for done, tile in enumerate(chosen):
        progress(done / len(chosen))
        place = windows[tile]
        common = _overlap(place, window)
        assert common
        out = part(image, _moved(common, window))
        partial = common != place
        samples = np.empty((place.height, place.width, header.n_bands), image.dtype) if partial else out
        fault, n_shown = _decode_tile(by_tile[tile], header, weights, samples, restorer, _moved(common, place))
        if fault and damaged == "raise":
            raise fault
        if fault and not n_shown:
            lost.append((fault, out))
        elif partial:
            out[:] = part(samples, _moved(common, place))
    if len(lost) == len(chosen):
        raise lost[0][0]
    for _, out in lost:
        codec.fill(header, out)
    progress(1.0)
    return image[:, :, 0] if header.flat and header.interpretation == "grey" else image


def _inside(window: Window, header: Header) -> Window:
    top, left, height, width = window
    inside = 0 <= top < top + height <= header.height and 0 <= left < left + width <= header.width
    if not inside:
        raise OptionError(f"window {tuple(window)} does not lie within {header.height} rows and {header.width} columns")
    return window


def _overlap(a: Window, b: Window) -> Window | None:
    top, left = max(a.top, b.top), max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - top
    width = min(a.left + a.width, b.left + b.width) - left
    return Window(top, left, height, width) if height > 0 and width > 0 else None


def _moved(window: Window, origin: Window) -> Window:
    """A window in the coordinates of another."""
    return window._replace(top=window.top - origin.top, left=window.left - origin.left)


def _decode_tile(
    layers: list[bytes | ApercuError], header: Header, weights: Any, out: Samples, restorer: Any, wanted: Window
) -> tuple[ApercuError | None, int]:
    """Decodes the layers of a tile up to the first fault into `out`; returns that fault, and how many layers were
    decoded.

    A restorer may leave out what is not `wanted`, a part of the tile.
    """
    sound = _sound(layers)
    fault = next((segment for segment in layers if isinstance(segment, ApercuError)), None)
    while sound:
        try:
            CODECS[header.codec].decode(sound, header, weights, out, restorer, wanted)
        except FormatError as found:
            fault = found.with_traceback(None)  # it would keep the decoder's arrays, and there may be many faults
            sound.pop()
        else:
            break
    return fault, len(sound)


def _sound(layers: list[bytes | ApercuError]) -> list[bytes]:
    """The layers before the first fault: the later ones cannot be decoded without it."""
    return list(takewhile(lambda segment: isinstance(segment, bytes), layers))  # type: ignore[arg-type]  # not narrowed


def _refuse(segments: list[bytes | ApercuError]) -> None:
    """Raises the first fault."""
    for segment in segments:
        if isinstance(segment, ApercuError):
            raise segment


def check(data: bytes, model: str | Path | None, max_pixels: int | None) -> list[ApercuError]:
    """See `apercu.check`."""
    try:
        header = read_header(data)
        _check_size(header, max_pixels)
        CODECS[header.codec].setting_of(header)
        weights = None
        if model is not None or header.model_id != USER_MODEL:
            weights = weight_files.of_stream(header.codec, header.model_id, header.model_hash, model)
        elif not CODECS[header.codec].SYMBOLS_NEED_TABLES:
            weights = weight_files.shipped(DEFAULT_MODEL_IDS[header.codec])
    except ApercuError as fault:
        return [fault]
    segments = list(read_segments(data, header))
    faults = [segment for segment in segments if isinstance(segment, ApercuError)]
    if weights is None:
        return faults
    for tile, window in enumerate(tiles(header.height, header.width, header.tile)):
        layers = segments[tile : header.n_tiles * header.n_layers : header.n_tiles]
        try:
            if sound := _sound(layers):
                CODECS[header.codec].read(sound, header, weights, window.height, window.width)
        except ApercuError as fault:
            faults.append(fault.with_traceback(None))  # as in _decode_tile
    return faults


def info(data: bytes, max_pixels: int | None) -> dict[str, object]:
    """See `apercu.info`."""
    header = read_header(data)
    _check_size(header, max_pixels)  # some codecs count their blocks
    CODECS[header.codec].setting_of(header)
    told: dict[str, object] = {
        "width": header.width,
        "height": header.height,
        "bands": header.n_bands,
        "interpretation": header.interpretation,
        "dtype": "uint16" if header.wide else "uint8",
        "codec": header.codec,
        "model": header.model_hash.hex() if header.model_id == USER_MODEL else header.model_id,
        "version": header.version,
        "quality": None if header.quality_q8 is None else header.quality_q8 / 256,
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (header.width * header.height),
        "tiles": header.n_tiles,
        "layers": header.n_layers,
    }
    told.update(CODECS[header.codec].tell(header, _first_layers(data, header)))
    return told


def _first_layers(data: bytes, header: Header) -> Iterator[tuple[bytes | ApercuError, int, int]]:
    """The first segment of each tile, or its fault, and the tile's height and width."""
    places = tiles(header.height, header.width, header.tile)
    for window, segment in zip(places, read_segments(data, header), strict=False):
        yield segment, window.height, window.width


def _check_size(header: Header, max_pixels: int | None) -> None:
    """Checked before memory is allocated for the image."""
    n_pixels = header.height * header.width
    if max_pixels is not None and (n_pixels > max_pixels or n_pixels * header.n_bands > 4 * max_pixels):
        raise TooLarge(
            f"{header.width} x {header.height} pixels of {header.n_bands} bands are more than apercu.MAX_PIXELS = "
            f"{max_pixels} allows; raise it, or set it to None, for a file that you trust"
        )
