"""The files of `taha2025` with the range coder among the conformance vectors."""

from dataclasses import replace

import numpy as np

from apercu.codecs import taha2025
from apercu.codecs.tables import shipped
from apercu.format.container import Header, pack
from apercu.stages.colour import Samples
from apercu.stages.dual_maps import MAPS
from apercu.stages.layout import layout_of
from apercu.stages.symbol_maps import MapCoder, Values, as_they_are
from scripts.pictures import noise, scene, wide
from scripts.segment_writer import by_hand
from scripts.vector_case import KERNEL, Case, Encoded, Fault, Written

GREY = scene(24, 24)[:, :, 0]


def cases() -> dict[str, Case]:
    """All of them by name."""
    found: dict[str, Case] = {
        "ranged-1x1": _case("one pixel", scene(1, 1)[:, :, 0]),
        "ranged-9x8": _case("one row more than a block", scene(9, 8)[:, :, 0], quality=80),
        "ranged-flat": _case("one value all over", np.full((20, 24, 3), 77, np.uint8), quality=50),
        "ranged-rgb": _case("odd sides in colour", scene(41, 35, 3), quality=60),
        "ranged-rgba": _case("with alpha", scene(29, 22, 4), quality=60),
        "ranged-noise": _case(
            "the smallest step on noise", (noise((16, 24), 9) >> 8).astype(np.uint8), threshold=0, step=1 / 8
        ),
        "ranged-spectral16": _case("bands with companions", wide(scene(19, 25, 4), 9, 900), bands="spectral"),
        "ranged-all-g1": _case("no block above the threshold", GREY, threshold=1e9, step=4),
        "ranged-all-g2": _case("every block above the threshold", GREY, threshold=0, step=24),
        "ranged-mixed": _case("blocks of both groups", GREY, threshold=150, step=10),
        "ranged-tiles": _case("tiles of 32, cut at both edges", scene(70, 75)[:, :, 0], 5, quality=40),
        "ranged-variant": _case("a variant of the path", GREY, quality=60 + 6 / 256),
        "ranged-restored": replace(_case("a restored image", scene(71, 89, 3, 3), quality=35), restored="cnn"),
    }
    made = {
        "ranged-made-greatest": ("symbols to the ends of their range", 1, 32767),
        "ranged-made-far": ("details held where they leave their range", 2, 16383),
    }
    header = by_hand(Header(24, 40, 3, "rgb", model_id=7, other_entropy="range"), 3)
    return found | {
        name: Written(about, pack(header, [_stream(header, _drawn(header, seed, most))]))
        for name, (about, seed, most) in made.items()
    }


def _case(about: str, image: Samples, tile_log2: int = 10, **options: object) -> Encoded:
    return Encoded(about, image, {"codec": "taha2025", "entropy": "range", **options}, tile_log2)


def _drawn(header: Header, seed: int, most: int, group: int | None = None) -> Values:
    """Maps that no image has; `group`: that of all blocks, drawn by default."""
    layout = taha2025.map_layout(layout_of(header.interpretation, header.n_bands, header.height, header.width))
    values = (noise((layout.n_symbols,), seed).astype(np.int64) % (2 * most + 1) - most).astype(np.int16)
    for plane in range(len(layout.planes)):
        of_plane = layout.part(values, plane, 1)
        of_plane[:] = np.abs(of_plane) % 2 if group is None else group
    return values


def _stream(header: Header, values: Values) -> bytes:
    layout = taha2025.map_layout(layout_of(header.interpretation, header.n_bands, header.height, header.width))
    coder = MapCoder(layout, shipped(7).coding.maps)
    stream = coder.encode(values, *as_they_are(MAPS), 0, len(MAPS), np.zeros_like(values))
    coder.close()
    return stream


def faults() -> dict[str, Fault]:
    """Damaged files."""
    header = by_hand(Header(16, 24, 1, "grey", model_id=7, other_entropy="range"), 40)
    whole = _stream(header, _drawn(header, 9, 3000))

    def of(error: str, about: str, says: str, segment: bytes, header: Header = header) -> Fault:
        return Fault(about, error, says, pack(header, [segment]))

    large, many = replace(header, height=16384, width=16384), replace(header, height=64, width=64)
    long = _stream(many, _drawn(many, 9, 3000, 1))
    return {
        "ranged-flag-2": of("CorruptStream", "a flag above 1", "group", _stream(header, _drawn(header, 9, 30, 2))),
        "ranged-cut": of("Truncated", "symbols of some blocks", "end before", long[: len(long) // 2], many),
        "ranged-bytes-too-many": of("CorruptStream", "bytes after the last symbol", KERNEL, whole + bytes(range(1, 7))),
        "ranged-nothing": of("Truncated", "no byte", "", b""),
        "ranged-too-few-bytes": of("Truncated", "more blocks than the bytes can hold", "", b"\0", large),
    }
