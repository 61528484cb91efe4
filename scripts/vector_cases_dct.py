"""The files of the codec `dct` among the conformance vectors, of both entropy coders."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import dct
from apercu.codecs.tables import shipped
from apercu.format.container import Header, pack, put_varint
from apercu.stages.colour import Samples
from apercu.stages.layout import layout_of
from apercu.stages.map_huffman import HuffmanMapCoder
from apercu.stages.symbol_maps import MapCoder
from scripts.pictures import noise, scene, wide
from scripts.segment_writer import bits_of, exp_golomb, flat_table, listed_table, to_bytes
from scripts.vector_case import KERNEL, Case, Encoded, Fault, Written

GREY = scene(22, 27)[:, :, 0]
RGB = scene(21, 19, 3)
MODELS = {"range": 3, "huffman": 4}


def user_model() -> NDArray[np.uint16]:
    """Drawn tables, some numbers at the ends of their ranges."""
    smoothing = noise((8,), 6) % 500
    smoothing[[0, 3]] = 4096, 0
    matrices = 1 + noise((512,), 1) % 700
    matrices[:2], matrices[70] = 4096, 1
    expected = 32768 + noise((54,), 2) % 801 - 400
    expected[:2] = 32768 + 2047, 32768 - 2047
    weights = noise((2, 15, 18), 3) % 91
    starts = np.stack([1 + noise((8490,), 4) % 65535, 2 + noise((8490,), 5) % 127], 1)
    parts = [23, 1, 255, 40], smoothing, matrices, expected, weights.ravel(), starts.ravel()
    return np.concatenate(parts).astype(np.uint16)


def cases() -> dict[str, Case]:
    """All of them by name."""
    found = {}
    for entropy in MODELS:
        for name, case in (_sizes(entropy) | _kinds(entropy) | _settings(entropy) | _written(entropy)).items():
            found[f"dct-{entropy}-{name}"] = case
    return found


def _case(
    entropy: str,
    about: str,
    image: Samples,
    tile_log2: int = 10,
    layers: int = 1,
    user: bool = False,
    **options: object,
) -> Encoded:
    return Encoded(about, image, {"codec": "dct", "entropy": entropy, **options}, tile_log2, user, layers)


def _sizes(entropy: str) -> dict[str, Case]:
    found: dict[str, Case] = {}
    for height, width in ((1, 1), (1, 20), (17, 1), (8, 8), (9, 7)):
        grey, rgb = scene(height, width)[:, :, 0], scene(height, width, 3)
        found[f"{height}x{width}"] = _case(entropy, "grey of this size", grey, quality=60)
        found[f"rgb-{height}x{width}"] = _case(entropy, "colour of this size", rgb, quality=70)
    return found


def _with_holes() -> Samples:
    image = scene(33, 35, 4)
    y, x = np.mgrid[:33, :35]
    image[:, :, 3] = np.clip((np.hypot(y - 16, x - 17) - 9) * 60, 0, 255)
    return image


def _kinds(entropy: str) -> dict[str, Case]:
    saturated = (noise((19, 21, 3), 5) % 2 * 255).astype(np.uint8)
    steep = np.indices((17, 18)).sum(0).astype(np.uint8) % 2 * 255
    images: dict[str, tuple[str, Samples, float]] = {
        "axis": ("an array with an axis of one band", scene(9, 12), 50),
        "flat": ("one value all over", np.full((20, 24, 3), 77, np.uint8), 50),
        "black": ("nothing but 0", np.zeros((20, 20), np.uint8), 80),
        "white": ("nothing but 255", np.full((20, 20), 255, np.uint8), 80),
        "chequered": ("the steepest there is", steep, 50),
        "noise": ("saturated colours", saturated, 100),
        "rgba": ("with alpha", scene(19, 22, 4), 60),
        "rgba-holes": ("blocks of alpha that are all clear or opaque", _with_holes(), 45),
        "grey16": ("uint16 in part of its range", wide(scene(20, 27), 300, 4000)[:, :, 0], 80),
        "grey16-full": ("uint16 in all of its range", wide(scene(17, 20), 0, 65535)[:, :, 0], 95),
        "rgb16": ("uint16 in colour", wide(scene(18, 25, 3), 100, 50000), 60),
        "spectral-2": ("two bands", scene(20, 21, 2), 50),
        "spectral-5": ("five bands of uint16", wide(scene(11, 18, 5), 900, 60000), 55),
    }
    return {name: _case(entropy, about, image, quality=quality) for name, (about, image, quality) in images.items()}


def _steep() -> Samples:
    """Noise of 0 and 255, and slopes."""
    image = (noise((24, 17, 3), 8) % 2 * 255).astype(np.uint8)
    image[9:] = scene(15, 17, 3)
    return image


def _settings(entropy: str) -> dict[str, Case]:
    uneven = scene(33, 33, 3)
    found: dict[str, Case] = {
        "tiles": _case(entropy, "tiles of 32, cut at both edges", scene(35, 40)[:, :, 0], 5, quality=50),
        "tiles-rgb": _case(entropy, "tiles of one pixel's width and height", uneven, 5, 2, quality=50),
        "layers": _case(entropy, "two layers", GREY, layers=2, quality=70),
        "layers-rgb": _case(entropy, "two layers in colour", RGB, layers=2, quality=60),
        "layers-flat": _case(entropy, "nothing but means", np.full((9, 9), 3, np.uint8), layers=2, quality=50),
        "user-model": _case(entropy, "tables of the user's own", _steep(), user=True, quality=100),
        "restored": replace(
            _case(entropy, "a restored image with alpha", scene(67, 72, 4, 3), quality=50), restored="cnn"
        ),
    }
    for quality in (0, 15.5, 33, 48.4, 66, 81, 92.3, 100):
        found[f"quality-{quality:g}".replace(".", "-")] = _case(entropy, "a place on the path", RGB, quality=quality)
    for number in (1, 2, 3):
        quality = 60 + number / 256
        found[f"quantiser-{number}"] = _case(entropy, "a quantiser that is not the first", uneven, quality=quality)
        found[f"user-quantiser-{number}"] = _case(
            entropy, "another quantiser of the user's", _steep(), user=True, quality=quality
        )
    found["tuned"] = _case(entropy, "tuned for SSIM", scene(40, 37, 3, 4), quality=55, tune="ssim")
    found["tuned-100"] = _case(entropy, "the finest, which is not tuned", RGB, quality=100, tune="ssim")
    return found


def _header(entropy: str, height: int, width: int, interpretation: str = "grey", **changes: object) -> Header:
    n_bands = {"grey": 1, "rgb": 3, "spectral": 2}[interpretation]
    other = "" if entropy == "range" else entropy
    kind = {"codec": "dct", "other_entropy": other, "model_id": MODELS[entropy], "quality_q8": 12800}
    return replace(Header(height, width, n_bands, interpretation), **{**kind, **changes})  # type: ignore[arg-type]


def _streams(header: Header, seed: int, most: int, share: int) -> list[bytes]:
    """Both streams of drawn symbols of a file of one tile, of which one in `share` is not 0."""
    layout = layout_of(header.interpretation, header.n_bands, header.height, header.width)
    maps = dct.map_layout(layout)
    values = (noise((maps.n_symbols,), seed).astype(np.int64) % (2 * most + 1) - most).astype(np.int16)
    values[noise((maps.n_symbols,), seed + 50) % share > 0] = 0
    if header.entropy == "huffman":
        for plane in range(len(maps.planes)):
            maps.part(values, plane, 0)[:] //= 2  # what a mean is less its guess has 16 bits
    ones, none = np.full((2, 64), 64, np.int32), np.zeros((2, 64), np.int32)
    tables, symbols = shipped(MODELS[header.entropy]), np.zeros(maps.n_symbols, np.int16)
    coder = MapCoder(maps, tables.maps) if header.entropy == "range" else HuffmanMapCoder(maps)
    return [coder.encode(values, ones, none, *part, symbols) for part in ((0, 1), (1, 64))]


def _in_one(first: bytes, second: bytes) -> bytes:
    return put_varint(len(first)) + first + second


def _written(entropy: str) -> dict[str, Case]:
    """Files that keep the rules and that no encoder of this release writes."""
    made = {
        "made-greatest": ("coefficients that no image has", _header(entropy, 24, 17), 1, 32767, 1),
        "made-rgb": ("the same in colour", _header(entropy, 17, 25, "rgb"), 2, 32767, 3),
        "made-coarse": ("the largest step", _header(entropy, 20, 17, "rgb", quality_q8=3), 3, 700, 9),
        "made-fine": ("the finest step", _header(entropy, 24, 33, quality_q8=25600), 4, 90, 20),
    }
    found: dict[str, Case] = {
        name: Written(about, pack(header, [_in_one(*_streams(header, *how))]))
        for name, (about, header, *how) in made.items()
    }
    spectral = _header(entropy, 20, 25, "spectral", n_layers=2)
    found["made-spectral"] = Written("bands with companions", pack(spectral, _streams(spectral, 5, 40, 12)))
    if entropy == "huffman":
        found |= _by_words()
    return found


TABLE, ZEROS = flat_table(0, 9), 15
"""A code in which each word is itself, in 9 bits; and the word of 16 zeros."""


def _number(zeros: int, n_bits: int, bits: str) -> str:
    """A number after some zeros: its sign and the bits behind its first."""
    return _word(16 + 16 * (n_bits - 1) + zeros, bits)


def _word(word: int, bits: str = "") -> str:
    return bits_of(word, 9) + bits


END = _word(0)
MEAN = to_bytes(TABLE + _number(0, 1, "0"))
"""The means of one block: 1."""


def _by_words() -> dict[str, Case]:
    """Streams of grey files put together word by word."""
    one, two, six = (_header("huffman", 8 * down, 8 * across) for down, across in ((1, 1), (1, 2), (2, 3)))
    bare, least = to_bytes(flat_table(0, 0)), _number(0, 15, "1" * 15)
    run = to_bytes(TABLE + _word(2, "10"))  # 2^2 and 2 blocks
    made: dict[str, tuple[str, Header, bytes, bytes]] = {
        "made-bare": ("codes of one word, which takes no bits", one, bare, bare),
        "made-bare-zeros": ("the same of zeros, and no end", two, bare, to_bytes(flat_table(1, 0) + "0")),
        "made-run": ("one word for all blocks", six, run, run),
        "made-zeros": ("zeros by sixteens", one, MEAN, to_bytes(TABLE + _word(ZEROS) * 3 + _number(14, 1, "1"))),
        "made-least": ("the least symbol of all", one, to_bytes(TABLE + least), to_bytes(TABLE + least + END)),
        "made-16-bits": (
            "from the least mean to the greatest", two,
            to_bytes(TABLE + least + _number(0, 16, "0" + bits_of(65534 - 32768, 15))), to_bytes(TABLE + END * 2),
        ),
    }  # fmt: skip
    return {name: Written(about, pack(header, [_in_one(*streams)])) for name, (about, header, *streams) in made.items()}


def faults(user_file: bytes) -> dict[str, Fault]:
    """Damaged files; `user_file` is a sound one that needs tables of the user's."""
    by_entropy = {f"dct-{entropy}-{name}": fault for entropy in MODELS for name, fault in _of_segments(entropy).items()}
    return by_entropy | {f"dct-huffman-{name}": fault for name, fault in _of_words().items()} | {
        "dct-model-missing": Fault("tables of the user's, not at hand", "ModelError", "needs a user", user_file),
        "dct-model-of-another-codec": Fault(
            "weights of taha2025", "ModelError", "holds no", user_file, "valid/user-model/model.npy"
        ),
    }  # fmt: skip


def _of_segments(entropy: str) -> dict[str, Fault]:
    header = _header(entropy, 20, 24)
    layered, large = replace(header, n_layers=2), _header(entropy, 40, 48)
    means, _ = _streams(large, 9, 9000, 1)
    first, second = streams = _streams(header, 9, 9000, 2)
    more = b"\1\2\3\4\5\6"

    def corrupt(about: str, says: str, header: Header, *segments: bytes) -> Fault:
        return Fault(about, "CorruptStream", says, pack(header, list(segments)))

    def cut(about: str, says: str, header: Header, *segments: bytes) -> Fault:
        return Fault(about, "Truncated", says, pack(header, list(segments)))

    by_hand = replace(header, quality_q8=None, parameters=b"\x09")
    says = KERNEL if entropy == "range" else "follow"
    found = {
        "by-hand": corrupt("settings by hand", "by hand", by_hand, _in_one(*streams)),
        "three-layers": corrupt("a third layer", "layers", replace(header, n_layers=3), *streams, second),
        "nothing": cut("no byte", "", header, b""),
        "length-cut": cut("half of a length", "", header, b"\x80"),
        "length-padded": corrupt("a length in too many bytes", "long", header, b"\x85\x00" + bytes(20)),
        "length-2-28": corrupt("a first stream of 2^28 bytes", "", header, put_varint(1 << 28) + bytes(20)),
        "length-beyond": cut("a first stream that ends early", "early", header, put_varint(30) + bytes(29)),
        "first-cut": cut("means of some blocks", "end before", large, _in_one(means[: len(means) // 2], b"")),
        "second-cut": cut("symbols of some blocks", "end before", header, _in_one(first, second[: len(second) // 2])),
        "first-long": corrupt("bytes after the last mean", says, header, _in_one(first + more, second)),
        "second-long": corrupt("bytes after the last symbol", says, header, _in_one(first, second + more)),
        "second-layer-cut": cut("a second layer without its end", "end before", layered, first, second[:3]),
        "second-layer-long": corrupt("bytes after a second layer", says, layered, first, second + more),
    }
    if entropy == "range":
        found["too-few-bytes"] = cut("more blocks than the bytes can hold", "", _header("range", 16384, 16384), b"\0\0")
    return found


def _of_words() -> dict[str, Fault]:
    one, two, six = (_header("huffman", 8 * down, 8 * across) for down, across in ((1, 1), (1, 2), (2, 3)))
    none, least = to_bytes(TABLE + END), _number(0, 15, "1" * 15)

    def corrupt(about: str, first: bytes | str, second: bytes | str, header: Header = one, says: str = KERNEL) -> Fault:
        streams = [to_bytes(TABLE + part) if isinstance(part, str) else part for part in (first, second)]
        return Fault(about, "CorruptStream", says, pack(header, [_in_one(*streams)]))

    def of_table(about: str, table: str) -> Fault:
        return corrupt(about, MEAN, to_bytes(table + "01" * 40))

    return {
        "word-272": corrupt("a word that there is not", _word(272), END),
        "word-minus-1": corrupt("a word below 0", to_bytes(flat_table(-1, 1) + "0"), none),
        "zeros-too-many": corrupt("64 zeros for 63 numbers", MEAN, _word(ZEROS) * 4),
        "numbers-too-many": corrupt("a second mean for a block", _number(1, 1, "0"), END),
        "number-after-the-last": corrupt("a 64th number", MEAN, _word(ZEROS) * 3 + _number(15, 1, "0")),
        "symbol-32768": corrupt("a symbol above 32,767", MEAN, _number(0, 16, "0" * 16)),
        "symbol-minus-32768": corrupt("a symbol below -32,767", MEAN, _number(0, 16, "1" + "0" * 15)),
        "mean-beyond": corrupt("a mean below -32,767", least + _number(0, 1, "1"), END * 2, two),
        "run-beyond": corrupt("the end of eight blocks of six", _word(3, "000"), _word(2, "10"), six),
        "filling": corrupt("a bit that is not zero after the last", to_bytes(TABLE + END + "1"), none, one, "follow"),
        "byte-after": corrupt("a byte of zeros after the last symbol", MEAN, none + b"\0", one, "follow"),
        "lo-65536": of_table("a least word above 32,767", "0" + exp_golomb(65536, 4) + "0000"),
        "flat-beyond": of_table("a code that ends at 32,768", flat_table(32767, 1)),
        "code-incomplete": of_table("a code with words to spare", listed_table(0, [2, 2, 2])),
        "code-oversubscribed": of_table("a code with too few words", listed_table(0, [1, 1, 1])),
        "table-cut": Fault(
            "half of a table", "Truncated", "end before", pack(one, [_in_one(MEAN, to_bytes(TABLE)[:1])])
        ),
    }
