"""The files of the codec `rnn` among the conformance vectors."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import rnn
from apercu.codecs.tables import shipped
from apercu.format.container import Header, pack
from apercu.stages.colour import Samples
from apercu.stages.layout import layout_of
from apercu.stages.rnn_tables import STEPS, WINDOW, shapes, unpack
from apercu.stages.rnn_tables import pack as packed
from apercu.stages.symbol_maps import CLASSES, N_WEIGHTS, MapCoder, as_they_are, n_contexts, n_groups
from scripts.pictures import noise, scene, wide
from scripts.vector_case import KERNEL, Case, Encoded, Fault, Written

GREY = scene(22, 27)[:, :, 0]
RGB = scene(21, 19, 3)
HEAD = (2, 3, 2, 4, 2)
"""Of the user's networks: features, units of the encoder, of the decoder, units that draw, and bits of a step."""


def user_model() -> NDArray[np.int16]:
    """Small networks whose two bits are the signs of what is left along two square waves, and draw some of these; the
    rest is noise; starts of any probability."""
    _, n_encoder, n, _, n_bits = HEAD
    found = {name: _drawn(shape, 31 + seed, 9) for seed, (name, shape) in enumerate(shapes(*HEAD).items())}
    half = np.where(np.arange(WINDOW) < WINDOW // 2, -1, 1)
    waves = [np.outer(half, np.ones(WINDOW)).ravel(), np.outer(np.ones(WINDOW), half).ravel()]
    found["scales"] = np.floor(np.array([[600.0], [200.0]]) * np.arange(STEPS + 2, 2, -1) / (STEPS + 2))
    found["encoder_biases"][:, :n_encoder] = found["decoder_biases"][:, :n] = 1500  # the new state counts most
    found["seen"] //= 5
    for k, wave in enumerate(waves):
        found["seen"][:, k] += 8 * wave
        found["encoder_inputs"][k, 2 * n_encoder + k] += 512
        found["out"][:, len(waves) + k, k] += 512
        found["decoder_inputs"][4 * n_bits + k, 2 * n + k] += 512
        for unit, sign in ((k, 1), (n + k, -1)):
            found["wide"][k, unit] += 512 * sign
            found["drawn"][unit] += 200 * sign * wave
    networks = packed(HEAD, found)
    maps = rnn.maps_of(unpack(networks)[0])
    weights = (noise((CLASSES, n_groups(maps), N_WEIGHTS), 7) % 91).astype(np.uint8)
    n_starts = n_contexts(maps)
    starts = np.stack([1 + noise((n_starts,), 8) % 65535, 2 + noise((n_starts,), 9) % 127], 1).astype(np.uint16)
    return rnn.to_array(networks, weights, starts)


def _drawn(shape: tuple[int, ...], seed: int, most: int) -> NDArray[np.float64]:
    return (noise(shape, seed) % (2 * most + 1)).astype(np.float64) - most


def cases() -> dict[str, Case]:
    """All of them by name."""
    sizes: dict[str, Case] = {}
    for height, width in ((1, 1), (1, 20), (17, 1), (16, 16), (9, 7)):
        sizes[f"rnn-{height}x{width}"] = _case("grey of this size", scene(height, width)[:, :, 0], quality=60)
        sizes[f"rnn-rgb-{height}x{width}"] = _case("colour of this size", scene(height, width, 3), quality=70)
    return sizes | _kinds() | _settings() | _written()


def _case(
    about: str, image: Samples, tile_log2: int = 10, layers: int = 1, user: bool = False, **options: object
) -> Encoded:
    return Encoded(about, image, {"codec": "rnn", **options}, tile_log2, user, layers)


def _with_holes() -> Samples:
    """Colours under an alpha of clear and opaque areas, with places that are all of them."""
    image = scene(49, 51, 4)
    y, x = np.mgrid[:49, :51]
    image[:, :, 3] = np.clip((np.hypot(y - 24, x - 25) - 14) * 60, 0, 255)
    return image


def _kinds() -> dict[str, Case]:
    return {
        "rnn-axis": _case("an array with an axis of one band", scene(9, 12), quality=50),
        "rnn-flat": _case("one value all over", np.full((20, 24, 3), 77, np.uint8), quality=50),
        "rnn-black": _case("nothing but 0", np.zeros((20, 20), np.uint8), quality=80),
        "rnn-white": _case("nothing but 255", np.full((20, 20), 255, np.uint8), quality=80),
        "rnn-chequered": _case("the steepest there is", np.indices((17, 18)).sum(0).astype(np.uint8) % 2 * 255),
        "rnn-noise": _case("saturated colours", (noise((19, 21, 3), 5) % 2 * 255).astype(np.uint8), quality=100),
        "rnn-rgba": _case("with alpha", scene(19, 22, 4), quality=60),
        "rnn-rgba-opaque": _case("an alpha of 255 all over", _opaque(), quality=100),
        "rnn-rgba-holes": _case("places of alpha that are their mean alone", _with_holes(), quality=45),
        "rnn-grey16": _case("uint16 in part of its range", wide(scene(20, 27), 300, 4000)[:, :, 0], quality=80),
        "rnn-grey16-full": _case("uint16 in all of its range", wide(scene(17, 20), 0, 65535)[:, :, 0], quality=95),
        "rnn-rgb16": _case("uint16 in colour", wide(scene(18, 25, 3), 100, 50000), quality=60),
        "rnn-spectral-2": _case("two bands", scene(20, 21, 2), quality=50),
        "rnn-spectral-5": _case("five bands of uint16", wide(scene(11, 18, 5), 900, 60000), quality=55),
    }


def _opaque() -> Samples:
    image = scene(18, 17, 4)
    image[:, :, 3] = 255
    return image


def _settings() -> dict[str, Case]:
    found: dict[str, Case] = {
        "rnn-tiles": _case("tiles of 32, cut at both edges", scene(35, 40)[:, :, 0], 5, quality=50),
        "rnn-tiles-rgb": _case("tiles of one pixel's width and height", scene(33, 33, 3), 5, 2, quality=50),
        "rnn-layers": _case("a layer for the means, and one for each step", GREY, layers=1 + STEPS, quality=70),
        "rnn-layers-rgb": _case("two layers in colour", RGB, layers=2, quality=60),
        "rnn-layers-flat": _case(
            "layers of no bytes", np.full((9, 9), 3, np.uint8), layers=1 + STEPS, quality=50
        ),
        "rnn-layers-4": _case("a last layer of eight steps", scene(40, 38, 3), layers=4, quality=85),
        "rnn-user-model": _case("networks of two bits a step", scene(31, 59, 3), layers=3, user=True, quality=80),
    }  # fmt: skip
    for quality in (0, 15.5, 33, 48.4, 66, 81, 92.3, 100):
        found[f"rnn-quality-{quality:g}".replace(".", "-")] = _case("a place on the path", RGB, quality=quality)
    return found


def _header(height: int, width: int, interpretation: str = "grey", **changes: object) -> Header:
    n_bands = {"grey": 1, "rgb": 3, "spectral": 2}[interpretation]
    plain = Header(height, width, n_bands, interpretation, codec="rnn", model_id=9, quality_q8=12800)
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of Header


def _segments(
    header: Header, seed: int, most: int, everywhere: bool = False, wrong: tuple[int, int] | None = None
) -> list[bytes]:
    """Drawn symbols of a file of one tile, which no image has. most: of means. everywhere: no place stops. wrong: a map
    and the symbol that it has all over."""
    layout = layout_of(header.interpretation, header.n_bands, header.height, header.width)
    tables = shipped(9)
    maps = rnn.map_layout(layout, tables)
    values = (noise((maps.n_symbols,), seed) % 2).astype(np.int16)
    stops = [first for first, _ in rnn.parts(tables.networks, 1 + STEPS)[1:]]
    for plane in range(len(maps.planes)):
        means = maps.part(values, plane, 0)
        means[:] = noise(means.shape, seed + plane).astype(np.int64) % (2 * most + 1) - most
        for index in stops if everywhere else ():
            maps.part(values, plane, index)[:] = 0
        if wrong:
            maps.part(values, plane, wrong[0])[:] = wrong[1]
    coder, symbols, settings = MapCoder(maps, tables.coding), np.zeros(maps.n_symbols, np.int16), as_they_are(maps.maps)
    return [coder.encode(values, *settings, *part, symbols) for part in rnn.parts(tables.networks, header.n_layers)]


def _written() -> dict[str, Case]:
    """Files that keep the rules and that no encoder of this release writes."""
    made = {
        "rnn-made-greatest": ("means to the ends of their range", _header(40, 33), 1, 32767, True),
        "rnn-made-rgb": ("the same in colour", _header(33, 47, "rgb"), 2, 32767, True),
        "rnn-made-coarse": ("places that stop anywhere", _header(70, 65, quality_q8=0), 3, 30, False),
        "rnn-made-fine": ("the finest step", _header(33, 40, "rgb", quality_q8=25600), 4, 70, True),
        "rnn-made-spectral": (
            "bands with companions, in eleven layers",
            _header(36, 49, "spectral", n_layers=1 + STEPS),
            5,
            40,
            False,
        ),
    }  # fmt: skip
    return {
        name: Written(about, pack(header, _segments(header, seed, most, everywhere)))
        for name, (about, header, seed, most, everywhere) in made.items()
    }


def faults(user_file: bytes) -> dict[str, Fault]:
    """Damaged files; `user_file` is a sound one that needs tables of the user's."""
    header = _header(20, 24)
    layered = replace(header, n_layers=1 + STEPS)
    (whole,), layers = _segments(header, 9, 30, True), _segments(layered, 9, 30, True)

    def corrupt(about: str, says: str, header: Header, *segments: bytes) -> Fault:
        return Fault(about, "CorruptStream", says, pack(header, list(segments)))

    def cut(about: str, says: str, header: Header, *segments: bytes) -> Fault:
        return Fault(about, "Truncated", says, pack(header, list(segments)))

    def wrong(about: str, of: Header, index: int, symbol: int) -> Fault:
        return corrupt(about, "neither 0 nor 1", of, *_segments(of, 9, 30, True, (index, symbol)))

    large = _header(90, 95)  # of which more is left than the last bytes of a stream can hold
    several = replace(large, n_layers=1 + STEPS)
    (of_large,), short = _segments(large, 9, 30, True), _segments(several, 9, 30, True)
    short[1] = short[1][: len(short[1]) // 2]
    more, bits = b"\1\2\3\4\5\6", shipped(9).networks.n_bits
    by_hand = replace(header, quality_q8=None, parameters=b"\x09")
    largest = _header(16384, 16384, "spectral", n_bands=4)
    return {
        "rnn-by-hand": corrupt("settings by hand", "by hand", by_hand, whole),
        "rnn-twelve-layers": corrupt("a twelfth layer", "layers", replace(header, n_layers=2 + STEPS), *layers, b""),
        "rnn-stop-2": wrong("places that neither stop nor go on", header, 1, 2),
        "rnn-stop-2-layers": wrong("the same in eleven layers, at the third step", layered, 1 + 2 * (1 + bits), 2),
        "rnn-bit-2": wrong("a bit of 2", header, 1 + bits, 2),
        "rnn-bit-below-0": wrong("a bit of -1, in a layer", layered, 2 + 1 + bits, -1),
        "rnn-cut": cut("symbols of some maps", "end before", large, of_large[: len(of_large) // 2]),
        "rnn-nothing": cut("no byte", "", header, b""),
        "rnn-first-layer-nothing": cut("no byte in the first of eleven layers", "", layered, b"", *layers[1:]),
        "rnn-second-layer-cut": cut("a second layer without its end", "end before", several, *short),
        "rnn-bytes-too-many": corrupt("bytes after the last symbol", KERNEL, header, whole + more),
        "rnn-last-layer-long": corrupt("the same in the last layer", KERNEL, layered, *layers[:-1], layers[-1] + more),
        "rnn-too-few-bytes": cut("more places than the bytes can hold", "", largest, b"\0"),
        "rnn-second-layer-too-few-bytes": cut(
            "the same in the second layer", "", replace(largest, n_layers=2), bytes(3), b"\0\0"
        ),
        "rnn-model-missing": Fault("tables of the user's, not at hand", "ModelError", "needs a user", user_file),
        "rnn-model-of-another-codec": Fault(
            "weights of taha2025", "ModelError", "holds", user_file, "valid/user-model/model.npy"
        ),
    }  # fmt: skip
