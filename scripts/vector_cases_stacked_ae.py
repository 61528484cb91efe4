"""The files of the codec `stacked_ae` among the conformance vectors."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import stacked_ae
from apercu.codecs.tables import shipped
from apercu.format.container import Header, pack
from apercu.stages.colour import Samples
from apercu.stages.layout import layout_of
from apercu.stages.symbol_maps import MapCoder
from scripts.pictures import noise, scene, wide
from scripts.vector_case import KERNEL, Case, Encoded, Fault, Written

GREY = scene(22, 27)[:, :, 0]
RGB = scene(21, 19, 3)
EXPERTS = 8  # of the shipped tables


def user_model() -> NDArray[np.int16]:
    """Small networks for blocks of 28 × 28, with features; two experts of equal latents; starts of any probability."""
    side, least, features, first, second, latents = 28, 1, 3, 4, 2, (0, 2, 2)
    parts = [np.array([side, least, features, first, second, len(latents), *latents])]
    for shape in ((side * side, features), (features, side * side)):
        parts.append(_drawn(shape, len(parts), 60))
    for m in latents:
        for widths in ((features + 10, first, second, m), (m + 10, second, first, features)):
            for pair in pairwise(widths):
                parts += [_drawn(pair, len(parts), 900), _drawn((pair[1],), len(parts) + 90, 300)]
            parts.append(_drawn((widths[0], widths[-1]), len(parts), 900))
    parts.append(noise((12, len(latents)), 5) % 400)
    parts += [noise((12, m, 16), 6) % 900 for m in latents]
    weights = noise((2, 4, 18), 7) % 91
    starts = np.stack([1 + noise((2 * 4 * 283 + 8670,), 8) % 65535, 2 + noise((2 * 4 * 283 + 8670,), 9) % 127], 1)
    numbers = np.concatenate([part.ravel().astype(np.int64) for part in (*parts, weights, starts)])
    return numbers.astype(np.uint16).view(np.int16)


def _drawn(shape: tuple[int, ...], seed: int, most: int) -> NDArray[np.int64]:
    return (noise(shape, 20 + seed) % (2 * most + 1)).astype(np.int64) - most


def cases() -> dict[str, Case]:
    """All of them by name."""
    sizes: dict[str, Case] = {}
    for height, width in ((1, 1), (1, 20), (17, 1), (8, 8), (9, 7)):
        sizes[f"stacked-{height}x{width}"] = _case("grey of this size", scene(height, width)[:, :, 0], quality=60)
        sizes[f"stacked-rgb-{height}x{width}"] = _case("colour of this size", scene(height, width, 3), quality=70)
    return sizes | _kinds() | _settings() | _written() | _huffman()


def _case(
    about: str, image: Samples, tile_log2: int = 10, layers: int = 1, user: bool = False, **options: object
) -> Encoded:
    return Encoded(about, image, {"codec": "stacked_ae", **options}, tile_log2, user, layers)


def _with_holes() -> Samples:
    """Colours under an alpha of clear and opaque areas, with blocks that are all of them."""
    image = scene(33, 35, 4)
    y, x = np.mgrid[:33, :35]
    image[:, :, 3] = np.clip((np.hypot(y - 16, x - 17) - 9) * 60, 0, 255)
    return image


def _kinds() -> dict[str, Case]:
    return {
        "stacked-axis": _case("an array with an axis of one band", scene(9, 12), quality=50),
        "stacked-flat": _case("one value all over", np.full((20, 24, 3), 77, np.uint8), quality=50),
        "stacked-black": _case("nothing but 0", np.zeros((20, 20), np.uint8), quality=80),
        "stacked-white": _case("nothing but 255", np.full((20, 20), 255, np.uint8), quality=80),
        "stacked-chequered": _case("the steepest there is", np.indices((17, 18)).sum(0).astype(np.uint8) % 2 * 255),
        "stacked-noise": _case(
            "saturated colours", (noise((19, 21, 3), 5) % 2 * 255).astype(np.uint8), quality=100
        ),
        "stacked-rgba": _case("with alpha", scene(19, 22, 4), quality=60),
        "stacked-rgba-holes": _case("blocks of alpha that are their mean alone", _with_holes(), quality=45),
        "stacked-grey16": _case("uint16 in part of its range", wide(scene(20, 27), 300, 4000)[:, :, 0], quality=80),
        "stacked-grey16-full": _case("uint16 in all of its range", wide(scene(17, 20), 0, 65535)[:, :, 0], quality=95),
        "stacked-rgb16": _case("uint16 in colour", wide(scene(18, 25, 3), 100, 50000), quality=60),
        "stacked-spectral-2": _case("two bands", scene(20, 21, 2), quality=50),
        "stacked-spectral-5": _case("five bands of uint16", wide(scene(11, 18, 5), 900, 60000), quality=55),
    }  # fmt: skip


def _settings() -> dict[str, Case]:
    found: dict[str, Case] = {
        "stacked-tiles": _case("tiles of 32, cut at both edges", scene(35, 40)[:, :, 0], 5, quality=50),
        "stacked-tiles-rgb": _case("tiles of one pixel's width and height", scene(33, 33, 3), 5, 2, quality=50),
        "stacked-layers": _case("two layers", GREY, layers=2, quality=70),
        "stacked-layers-rgb": _case("two layers in colour", RGB, layers=2, quality=60),
        "stacked-layers-flat": _case("a second layer of no bytes", np.full((9, 9), 3, np.uint8), layers=2, quality=50),
        "stacked-restored": replace(
            _case("a restored image of uint16", wide(scene(72, 80, 3, 3), 300, 50000), quality=35), restored="cnn"
        ),
        "stacked-restored-spectral": replace(
            _case("restored bands that are no colours", scene(72, 61, 2, 2), quality=45), restored="cnn"
        ),
        "stacked-user-model": _case(
            "blocks of 28 × 28 and their features", scene(31, 59, 3), layers=2, user=True, quality=100
        ),
    }
    for quality in (0, 15.5, 33, 48.4, 66, 81, 92.3, 100):
        found[f"stacked-quality-{quality:g}".replace(".", "-")] = _case("a place on the path", RGB, quality=quality)
    return found


def _huffman() -> dict[str, Case]:
    return {
        "stacked-huffman": _case("Huffman codes", GREY, quality=60, entropy="huffman"),
        "stacked-huffman-rgb": _case("the same in colour", RGB, quality=80, entropy="huffman"),
        "stacked-huffman-flat": _case("words for no bits", np.full((20, 24, 3), 77, np.uint8), entropy="huffman"),
        "stacked-huffman-tiles": _case("in tiles and two layers", scene(40, 70), 5, 2, quality=55, entropy="huffman"),
        "stacked-huffman-spectral16": _case("bands of 16 bits", wide(scene(9, 17, 2), 5, 900), entropy="huffman"),
    }


def _header(height: int, width: int, interpretation: str = "grey", **changes: object) -> Header:
    n_bands = {"grey": 1, "rgb": 3, "spectral": 2}[interpretation]
    plain = Header(height, width, n_bands, interpretation, codec="stacked_ae", model_id=6, quality_q8=12800)
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of Header


def _segments(header: Header, seed: int, most: int, expert: int | None = None) -> list[bytes]:
    """Drawn symbols of a file of one tile, which no image has; `expert`: that of all blocks, drawn by default."""
    layout = layout_of(header.interpretation, header.n_bands, header.height, header.width)
    tables = shipped(6)
    maps = stacked_ae.map_layout(layout, tables)
    values = (noise((maps.n_symbols,), seed).astype(np.int64) % (2 * most + 1) - most).astype(np.int16)
    for plane in range(len(maps.planes)):
        of_plane = maps.part(values, plane, 1)
        of_plane[:] = np.abs(of_plane) % (EXPERTS + 1) if expert is None else expert
    ones, none = np.full((2, len(maps.maps)), 64, np.int32), np.zeros((2, len(maps.maps)), np.int32)
    parts = [(0, len(maps.maps))] if header.n_layers == 1 else [(0, 2), (2, len(maps.maps))]
    coder, symbols = MapCoder(maps, tables.coding), np.zeros(maps.n_symbols, np.int16)
    return [coder.encode(values, ones, none, *part, symbols) for part in parts]


def _written() -> dict[str, Case]:
    """Files that keep the rules and that no encoder of this release writes."""
    made = {
        "stacked-made-greatest": ("symbols to the ends of their range", _header(40, 33), 1, 32767),
        "stacked-made-rgb": ("the same in colour", _header(33, 47, "rgb"), 2, 32767),
        "stacked-made-coarse": ("the largest step", _header(33, 40, "rgb", quality_q8=0), 3, 700),
        "stacked-made-fine": ("the finest step, means far apart", _header(32, 40, quality_q8=25600), 4, 900),
        "stacked-made-spectral": (
            "bands with companions, in two layers",
            _header(20, 33, "spectral", n_layers=2),
            5,
            40,
        ),
    }
    return {
        name: Written(about, pack(header, _segments(header, seed, most)))
        for name, (about, header, seed, most) in made.items()
    }


def faults(user_file: bytes) -> dict[str, Fault]:
    """Damaged files; `user_file` is a sound one that needs tables of the user's."""
    header = _header(20, 24)
    layered = replace(header, n_layers=2)
    (whole,), layers = _segments(header, 9, 3000), _segments(layered, 9, 3000)

    def corrupt(about: str, says: str, header: Header, *segments: bytes) -> Fault:
        return Fault(about, "CorruptStream", says, pack(header, list(segments)))

    def cut(about: str, says: str, header: Header, *segments: bytes) -> Fault:
        return Fault(about, "Truncated", says, pack(header, list(segments)))

    more = b"\1\2\3\4\5\6"
    by_hand = replace(header, quality_q8=None, parameters=b"\x09")
    beyond, of_two = (_segments(one, 9, 30, EXPERTS + 1) for one in (header, layered))
    return {
        "stacked-by-hand": corrupt("settings by hand", "by hand", by_hand, whole),
        "stacked-three-layers": corrupt("a third layer", "layers", replace(header, n_layers=3), *layers, layers[1]),
        "stacked-expert-9": corrupt("a block of the tenth of nine choices", "expert", header, *beyond),
        "stacked-expert-9-layers": corrupt("the same in two layers", "expert", layered, *of_two),
        "stacked-cut": cut("symbols of some maps", "end before", header, whole[: len(whole) // 2]),
        "stacked-nothing": cut("no byte", "", header, b""),
        "stacked-first-layer-nothing": cut("no byte in the first of two layers", "", layered, b"", layers[1]),
        "stacked-second-layer-cut": cut(
            "a second layer without its end", "end before", layered, layers[0], layers[1][: len(layers[1]) // 2]
        ),
        "stacked-bytes-too-many": corrupt("bytes after the last symbol", KERNEL, header, whole + more),
        "stacked-second-layer-long": corrupt(
            "the same in a second layer", KERNEL, layered, layers[0], layers[1] + more
        ),
        "stacked-too-few-bytes": cut("more blocks than the bytes can hold", "", _header(16384, 16384), b"\0"),
        "stacked-model-missing": Fault("tables of the user's, not at hand", "ModelError", "needs a user", user_file),
        "stacked-model-of-another-codec": Fault(
            "weights of taha2025", "ModelError", "holds", user_file, "valid/user-model/model.npy"
        ),
    }
