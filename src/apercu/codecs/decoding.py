"""From a file to an image: tiles, planes, windows, damage. What a tile's bytes mean is the codec's."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from apercu.codecs import concealment, faults, made, tables
from apercu.codecs.by_name import codec_of
from apercu.codecs.content import fill_with_middle, from_content, layout_of_tile
from apercu.codecs.limits import check_head
from apercu.codecs.protocol import Progress, Setting, no_progress
from apercu.errors import ApercuError, FormatError, OptionError, Truncated
from apercu.format.container import Header, Segments, read_header
from apercu.format.ids import DEFAULT_MODEL_IDS, USER_MODEL
from apercu.kernel.memory import trim
from apercu.stages.arguments import check_limit
from apercu.stages.blocks import Window, overlap, part, relative, tile_at, tiles
from apercu.stages.colour import Samples
from apercu.stages.layout import Layout, Restore

DAMAGED = "raise", "conceal", "fill"
"""What can be done about damage."""


@dataclass(frozen=True)
class How:
    """How a file is decoded; see `apercu.decode`."""

    damaged: str = "raise"
    model: str | Path | None = None
    max_pixels: int | None = None
    progress: Progress = no_progress
    layers: int | None = None
    restorer: Restore | None = None


PLAINLY = How()


class File(NamedTuple):
    """A file whose head has been read."""

    data: bytes
    header: Header
    setting: Setting
    segments: Segments


def opened(data: bytes, max_pixels: int | None) -> File:
    """A file of which no segment has been looked at; raises as `check_head`, or a FormatError."""
    header = read_header(data)
    return File(data, header, check_head(header, max_pixels), Segments(data, header))


def decode(data: bytes | File, how: How = PLAINLY, window: Window | None = None) -> Samples:
    """See `apercu.decode`."""
    begun = _begin(data, how, window)
    header, (_, _, height, width) = begun.file.header, begun.window
    image = np.empty((height, width, header.n_bands), np.uint16 if header.wide else np.uint8)
    for _ in _tiles(begun, how, image):
        pass
    return image[:, :, 0] if header.flat and header.interpretation == "grey" else image


def windows(data: bytes | File, how: How = PLAINLY, window: Window | None = None) -> Iterator[tuple[Window, Samples]]:
    """The image that `decode` returns, tile by tile, each row of tiles from left to right, for those who do not need it
    as a whole: where a part lies in it, and its samples (h, w, B). What is known to be wrong is raised before the first
    part, other faults where they come; where no tile is sound, in place of the last."""
    return _tiles(_begin(data, how, window), how, None)


class _Begun(NamedTuple):
    """A file before its tiles are decoded."""

    file: File
    tables: Any
    window: Window
    chosen: Sequence[int]
    """The tiles that the window touches."""
    n_layers: int
    """That are wanted."""
    reads: list[made.Read] | None
    """What is known of each tile of a file that was made here."""


def _begin(data: bytes | File, how: How, window: Window | None) -> _Begun:
    """What can be read and refused before memory is set aside for the image."""
    file = opened(data, how.max_pixels) if isinstance(data, bytes) else data
    header = file.header
    window = inside(window, header.height, header.width)
    wanted = header.n_layers if how.layers is None else min(how.layers, header.n_layers)
    found = tables.of_file(header, how.model)
    chosen: Sequence[int] = range(header.n_tiles)
    if window != (0, 0, header.height, header.width):
        chosen = touched(header, window)
    if how.damaged == "raise":
        _refuse(file.segments, header, chosen, wanted)
    else:
        looked_at = chosen if how.damaged == "conceal" else range(header.n_tiles)
        _refuse_if_nothing_is_left(file.segments, header, looked_at, how.damaged == "fill")
    reads = made.known(file.data) if wanted == header.n_layers else None
    return _Begun(file, found, window, chosen, wanted, reads)


def _tiles(begun: _Begun, how: How, image: Samples | None) -> Iterator[tuple[Window, Samples]]:
    """Decodes the tiles, into parts of an image if there is one; yields the place of each in the window, and it."""
    header, chosen, damaged = begun.file.header, begun.chosen, how.damaged
    first_fault, is_any_shown = None, False
    known: concealment.Cells = {}
    lost: list[_Lost] = []
    for done, tile in enumerate(chosen):
        how.progress(done / len(chosen))
        place = tile_at(tile, header.height, header.width, header.tile)
        common = overlap(place, begun.window)
        assert common  # for these tiles are chosen
        target = relative(common, begun.window)
        if image is None:
            trim()
            out = np.empty((*target[2:], header.n_bands), np.uint16 if header.wide else np.uint8)
        else:
            out = part(image, target)
        partial = common != place
        samples = np.empty((place.height, place.width, header.n_bands), out.dtype) if partial else out
        fault, n_shown = _show(begun, how, tile, samples, common)
        if fault and damaged == "raise":
            raise faults.placed(fault, header, fault.layer, tile)
        if fault and not n_shown:
            first_fault = first_fault or faults.placed(fault, header, 0, tile)
            lost.append(_Lost(tile, common, out))
            if damaged == "fill":
                known[tile] = None
        else:
            is_any_shown = True
            if partial:
                out[:] = part(samples, relative(common, place))
            elif damaged == "fill" and header.n_tiles > 1:
                known[tile] = concealment.cells_of(samples, header)
        if lost and (image is None or tile == chosen[-1]):
            if damaged == "fill":
                n_lost, lost = len(lost), _not_filled(begun, how, known, lost)
                is_any_shown |= len(lost) < n_lost
            if tile == chosen[-1] and not is_any_shown and first_fault:
                raise first_fault  # before an image is filled, which would take its memory
            while lost:
                fill_with_middle(header, lost.pop().out)
        made = [out]
        del samples, out  # so that who takes it can let go of it, at the latest before the next are made
        yield target, made.pop()
    how.progress(1.0)


class _Lost(NamedTuple):
    """A tile of which nothing can be shown, which part of the image is wanted of it, and where that belongs."""

    tile: int
    wanted: Window
    out: Samples


def _not_filled(begun: _Begun, how: How, known: concealment.Cells, lost: list[_Lost]) -> list[_Lost]:
    """Fills tiles from those around them, decoding the ones that are not known yet; returns those that cannot be."""
    header = begun.file.header

    def cells(tile: int) -> Samples | None:
        place = tile_at(tile, header.height, header.width, header.tile)
        samples = np.empty((place.height, place.width, header.n_bands), np.uint16 if header.wide else np.uint8)
        _, n_shown = _show(begun, how, tile, samples, place)
        return concealment.cells_of(samples, header) if n_shown else None

    return [one for one in lost if not concealment.fill(header, *one, known, cells)]


def _show(begun: _Begun, how: How, tile: int, samples: Samples, wanted: Window) -> tuple[FormatError | None, int]:
    """Decodes what is sound of a tile into `samples`, of it all; returns its first fault, and how many layers were
    decoded."""
    header, setting = begun.file.header, begun.file.setting
    place = tile_at(tile, header.height, header.width, header.tile)
    sound, fault = sound_layers(begun.file.segments, header, tile, begun.n_layers, how.damaged != "raise")
    torn = _torn(begun.file.segments, header, len(sound), tile) if fault and how.damaged == "fill" else b""
    told = header, setting, begun.tables, begun.reads[tile] if begun.reads else None
    return _decode_tile(sound, torn, fault, *told, samples, how.restorer, place, wanted)


def inside(window: Window | None, n_rows: int, n_columns: int) -> Window:
    """A window of an image, all of it for None; raises OptionError for one that goes beyond it."""
    top, left, height, width = window or (0, 0, n_rows, n_columns)
    if not (0 <= top < top + height <= n_rows and 0 <= left < left + width <= n_columns):
        raise OptionError(
            f"window {top, left, height, width} does not lie within {n_rows} rows and {n_columns} columns"
        )
    return Window(top, left, height, width)


def touched(header: Header, window: Window) -> "array[int]":
    """The tiles that a window touches."""
    across, side = -(-header.width // header.tile), header.tile
    rows = range(window.top // side, -(-(window.top + window.height) // side))
    columns = range(window.left // side, -(-(window.left + window.width) // side))
    return array("I", (row * across + column for row in rows for column in columns))


def _segment(segments: Segments, header: Header, layer: int, tile: int, doubted: bool = True) -> bytes | FormatError:
    """A layer of a tile, or its fault; where it is not `doubted`, without another look for one."""
    index = layer * header.n_tiles + tile
    fault = _fault_of(segments, header, layer, tile) if doubted else None
    return fault or segments.content(index)


def _torn(segments: Segments, header: Header, layer: int, tile: int) -> bytes:
    """The first bytes of a segment that has a fault, if its codec can make something of them."""
    known = segments.known_part(layer * header.n_tiles + tile)
    can = codec_of(header.codec).read_torn is not None and len(known) >= _least_bytes_of(header, layer, tile)
    return known if can else b""


def _fault_of(segments: Segments, header: Header, layer: int, tile: int) -> FormatError | None:
    """What can be known of a segment before memory is set aside and it is decoded."""
    index = layer * header.n_tiles + tile
    if fault := segments.fault(index):
        return fault
    if segments.length(index) < _least_bytes_of(header, layer, tile):
        return Truncated("the data end before the content does")
    return None


def _least_bytes_of(header: Header, layer: int, tile: int) -> int:
    """The fewest bytes of a segment of a layer of a tile."""
    _, _, height, width = tile_at(tile, header.height, header.width, header.tile)
    coded = header.codec, header.entropy, header.model_id == USER_MODEL
    kind = (*coded, header.interpretation, header.n_bands, header.wide)
    return _least_bytes(kind, height, width, layer, header.n_layers)


@lru_cache(maxsize=64)  # the tiles of a file have four sizes at most
def _least_bytes(kind: tuple[str, str, bool, str, int, bool], height: int, width: int, layer: int, layers: int) -> int:
    codec, entropy, of_user, interpretation, n_bands, wide = kind
    header = Header(height, width, n_bands, interpretation, wide, codec=codec)
    return codec_of(codec).least_bytes(layout_of_tile(header, height, width), layer, layers, entropy, of_user)


def sound_layers(
    segments: Segments, header: Header, tile: int, wanted: int, doubted: bool = True
) -> tuple[list[bytes], FormatError | None]:
    """The layers of a tile before its first fault, and that fault: later ones cannot be decoded without them."""
    sound: list[bytes] = []
    for layer in range(wanted):
        segment = _segment(segments, header, layer, tile, doubted)
        if isinstance(segment, FormatError):
            segment.layer = layer
            return sound, segment
        sound.append(segment)
    return sound, None


def _decode_tile(
    sound: list[bytes],
    torn: bytes,
    fault: FormatError | None,
    header: Header,
    setting: Setting,
    tables: Any,
    known: made.Read | None,
    out: Samples,
    restorer: Restore | None,
    place: Window,
    wanted: Window,
) -> tuple[FormatError | None, int]:
    """Decodes the layers of a tile up to the first fault into `out`, with what is `torn` of the next one; returns that
    fault, and how many layers were decoded.

    `place`: of the tile in the image. A restorer may leave out what is not `wanted`, a part of it.
    """
    codec, layout = codec_of(header.codec), layout_of_tile(header, *out.shape[:2])
    while sound or torn:
        try:
            if torn and codec.read_torn:
                symbols = codec.read_torn(sound, torn, layout, setting, tables, header.n_layers)
            else:
                symbols = known() if known else codec.read(sound, layout, setting, tables, header.n_layers)
        except FormatError as found:
            if not torn:
                fault = found.with_traceback(None)  # it would keep the decoder's arrays
                del sound[found.layer :]
            symbols = None
        if symbols is None:
            torn = b""
            continue
        content = codec.synthesise(symbols, layout, setting, tables)
        if restorer:
            evidence = codec.evidence(symbols, layout, len(sound) or 1, header.n_layers)
            restorer(content, layout, setting.step_q8, evidence, place, relative(wanted, place))
            del evidence
        del symbols  # which take as much memory as the samples
        from_content(content, header, out)
        break
    return fault, len(sound) + bool(torn)


def _refuse(segments: Segments, header: Header, chosen: Sequence[int], wanted: int) -> None:
    """Raises the first fault of some tiles, as far as it can be known before they are decoded."""
    for layer in range(wanted):
        for tile in chosen:
            if fault := _fault_of(segments, header, layer, tile):
                raise faults.placed(fault, header, layer, tile)
    if len(chosen) == header.n_tiles and wanted == header.n_layers and (fault := segments.excess()):
        raise fault


def _refuse_if_nothing_is_left(segments: Segments, header: Header, chosen: Sequence[int], torn: bool) -> None:
    """Raises the first fault of some tiles if none has a first layer: before memory is set aside for the image. `torn`:
    a part of one will do."""
    first_fault = None
    for tile in chosen:
        fault = _fault_of(segments, header, 0, tile)
        if not fault or (torn and _torn(segments, header, 0, tile)):
            return
        first_fault = first_fault or faults.placed(fault, header, 0, tile)
    if first_fault:
        raise first_fault


def check(data: bytes, model: str | Path | None, max_pixels: int | None) -> list[ApercuError]:
    """See `apercu.check`."""
    check_limit("apercu.MAX_PIXELS", max_pixels)  # which is no fault of the file's
    try:
        _, header, setting, segments = opened(data, max_pixels)
        codec, with_tables = codec_of(header.codec), None
        if model is not None or header.model_id != USER_MODEL:
            with_tables = tables.of_file(header, model)
        elif header.entropy not in codec.SYMBOLS_NEED_TABLES:
            with_tables = tables.shipped(DEFAULT_MODEL_IDS[header.codec, header.entropy])
    except ApercuError as fault:
        return [fault]
    found = faults.Faults(header)
    n_sound = _look_over(segments, header, found)
    if over := segments.excess():
        found.add(over)
    if with_tables is None:
        return found.errors()
    for tile, n_layers in enumerate(n_sound):
        place = tile_at(tile, header.height, header.width, header.tile)
        sound = [segments.content(layer * header.n_tiles + tile) for layer in range(n_layers)]
        try:
            if sound:
                layout = layout_of_tile(header, place.height, place.width)
                codec.read(sound, layout, setting, with_tables, header.n_layers)
        except FormatError as fault:
            found.add(fault, fault.layer, range(tile, tile + 1))
    return found.errors()


def _look_over(segments: Segments, header: Header, found: faults.Faults) -> bytearray:
    """Adds what can be found without decoding; returns for each tile the number of layers before its first fault."""
    n_tiles = header.n_tiles
    n_sound = bytearray([header.n_layers]) * n_tiles
    for layer in range(header.n_layers):
        n_whole = max(segments.n_whole - layer * n_tiles, 0)  # tiles after these are cut off
        for tile in range(min(n_tiles, n_whole + 1)):
            if fault := _fault_of(segments, header, layer, tile):
                those = range(tile, tile + 1 if tile < n_whole else n_tiles)
                found.add(fault, layer, those)
                for lost in those:
                    n_sound[lost] = min(n_sound[lost], layer)
    return n_sound


def info(data: bytes, max_pixels: int | None) -> dict[str, object]:
    """See `apercu.info`."""
    file = opened(data, max_pixels)
    header = file.header
    told: dict[str, object] = {
        "width": header.width,
        "height": header.height,
        "bands": header.n_bands,
        "interpretation": header.interpretation,
        "dtype": "uint16" if header.wide else "uint8",
        "codec": header.codec,
        "entropy": header.entropy,
        "model": header.model_hash.hex() if header.model_id == USER_MODEL else header.model_id,
        "version": header.version,
        "quality": None if header.quality_q8 is None else header.quality_q8 / 256,
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (header.width * header.height),
        "tiles": header.n_tiles,
        "layers": header.n_layers,
    }
    told.update(codec_of(header.codec).tell(file.setting, _first_layers(file)))
    return told


def _first_layers(file: File) -> Iterator[tuple[bytes | ApercuError, Layout]]:
    """The first segment of each tile, or its fault, and the tile's layout."""
    header = file.header
    for tile, window in enumerate(tiles(header.height, header.width, header.tile)):
        yield _segment(file.segments, header, 0, tile), layout_of_tile(header, window.height, window.width)
