"""The files of the codec `taha2025` among the conformance vectors: images to encode, and segments that no encoder
writes. Those that are damaged are in `vector_faults`."""

from dataclasses import replace

import numpy as np

from apercu.format.container import Header, pack
from apercu.stages.colour import Levels, Samples
from scripts import vector_cases_dual_maps, vector_faults
from scripts.pictures import noise, scene, walsh_weights, wide
from scripts.segment_writer import bits_of, by_hand, canonical, flat_table, listed_table, to_bytes
from scripts.vector_case import Case, Encoded, Fault, Written

GREY = scene(24, 24)[:, :, 0]
RGB = scene(16, 16, 3)
user_model = walsh_weights


def cases() -> dict[str, Case]:
    """All of them by name."""
    return _greys() | _colours() | _settings() | _tilings() | _written() | vector_cases_dual_maps.cases()


def faults(user_file: bytes) -> dict[str, Fault]:
    """Damaged files; `user_file` is a sound one that needs weights of the user's."""
    return vector_faults.faults(user_file) | vector_cases_dual_maps.faults()


def _greys() -> dict[str, Case]:
    return {
        "grey-1x1": Encoded("one pixel", scene(1, 1)[:, :, 0]),
        "grey-7x5": Encoded("less than a block", scene(7, 5)[:, :, 0]),
        "grey-9x8": Encoded("one row more than a block", scene(9, 8)[:, :, 0], {"quality": 80}),
        "grey-32x32": Encoded("a placeholder", scene(32, 32)[:, :, 0]),
        "grey-64x64": Encoded("the most pixels that a CRC-16 guards", scene(64, 64)[:, :, 0]),
        "grey-65x64": Encoded("the fewest pixels that a CRC-32 guards", scene(65, 64)[:, :, 0]),
        "grey-axis": Encoded("an array with an axis of one band", scene(9, 12)),
        "grey-black": Encoded("nothing but 0", np.zeros((16, 16), np.uint8)),
        "grey-white": Encoded("nothing but 255", np.full((16, 16), 255, np.uint8)),
        "grey-200x1": Encoded("one column", scene(200, 1)[:, :, 0], {"quality": 70}),
        "grey16": Encoded("uint16 in part of its range", wide(scene(20, 17), 300, 4000)[:, :, 0], {"quality": 70}),
        "grey16-full": Encoded("uint16 in all of its range", wide(scene(17, 20), 0, 65535)[:, :, 0], {"quality": 90}),
        "grey16-65535": Encoded("nothing but 65,535", np.full((9, 9), 65535, np.uint16)),
    }


def _colours() -> dict[str, Case]:
    return {
        "rgb-1x1": Encoded("one pixel in colour", scene(1, 1, 3)),
        "rgb-2x3": Encoded("chroma of one sample by two", scene(2, 3, 3), {"quality": 90}),
        "rgb-16x16": Encoded("luma of four blocks, chroma of one", RGB),
        "rgb-17x9": Encoded("odd sides", scene(17, 9, 3), {"quality": 75}),
        "rgb-noise": Encoded(
            "saturated colours", (noise((19, 21, 3), 5) % 2 * 255).astype(np.uint8), {"threshold": 0, "step": 2}
        ),
        "rgb16": Encoded("uint16 in colour", wide(scene(18, 15, 3), 100, 50000), {"quality": 60}),
        "rgba-13x22": Encoded("with alpha", scene(13, 22, 4), {"quality": 60}),
        "rgba16": Encoded("uint16 with alpha, which has its own levels", _rgba16(), {"quality": 70}),
        "spectral-1": Encoded("one band that is not called grey", scene(9, 9), {"bands": "spectral"}),
        "spectral-2": Encoded("two bands", scene(10, 11, 2)),
        "spectral-3": Encoded("three bands that are no colours", RGB, {"bands": "spectral"}),
        "spectral16-5": Encoded("five bands of uint16, each with its levels", _spectral16(), {"quality": 65}),
        "spectral-130": Encoded("a number of bands that takes two bytes", scene(3, 2, 130), {"quality": 20}),
    }


def _rgba16() -> Samples:
    return np.dstack([wide(scene(12, 12, 3), 1000, 9000), wide(scene(12, 12, 1, 2), 0, 65535)])


def _spectral16() -> Samples:
    bands = [wide(scene(11, 14, 1, band), 900 * band, 60000 // (band + 1) + 900 * band) for band in range(5)]
    return np.dstack(bands)


def _settings() -> dict[str, Case]:
    found: dict[str, Case] = {
        "quality-0": Encoded("the lowest quality", GREY, {"quality": 0}),
        "quality-100": Encoded("the highest quality", GREY, {"quality": 100}),
        "all-g1": Encoded("no block above the threshold", GREY, {"threshold": 1e9, "step": 4}),
        "all-g2": Encoded("every block above the threshold", GREY, {"threshold": 0, "step": 24}),
        "mixed": Encoded("blocks of both groups", GREY, {"threshold": 150, "step": 10}),
        "table-group": Encoded("one table for G2", GREY, {"threshold": 10, "step": 6, "tables": "group"}),
        "table-latent": Encoded("a table for each latent", GREY, {"threshold": 10, "step": 6, "tables": "latent"}),
        "rgb-tables": Encoded("tables chosen plane by plane", scene(40, 40, 3), {"threshold": 20, "step": 5}),
        "step-least": Encoded(
            "the smallest step on noise", (noise((16, 24), 9) >> 8).astype(np.uint8), {"threshold": 0, "step": 1 / 8}
        ),
        "step-most": Encoded("the largest step", GREY, {"threshold": 0, "step": 8191.875}),
        "threshold-fraction": Encoded("the smallest threshold above 0", GREY, {"threshold": 1 / 16, "step": 3}),
        "user-model": Encoded("weights of the user's own", GREY, {"quality": 60}, user_model=True),
        "restored-grey": Encoded(
            "a restored image without colour", scene(72, 61, 1, 2)[:, :, 0], {"quality": 35}, restored="cnn"
        ),
    }
    for variant in range(8):
        for quality in (10, 60):
            about = f"variant {variant} of a quality {'below' if quality == 10 else 'above'} the path's change"
            name = f"variant-{variant}-{'low' if quality == 10 else 'high'}"
            found[name] = Encoded(about, GREY, {"quality": quality + variant / 256})
    return found


def _tilings() -> dict[str, Case]:
    return {
        "tiles-grey": Encoded("tiles of 32, cut at both edges", scene(70, 75)[:, :, 0], {"quality": 40}, 5),
        "tiles-rgb": Encoded("tiles of one pixel's width and height", scene(33, 65, 3), {"quality": 50}, 5),
        "tiles-spectral16": Encoded(
            "tiles with levels and settings by hand", wide(scene(40, 34, 2), 7, 800), {"threshold": 30, "step": 6}, 5
        ),
        "tiles-1025": Encoded("tiles of 1024", scene(3, 1025)[:, :, 0], {"quality": 30}),
    }


def of_words(lo: int, lengths: list[int], symbols: list[int]) -> str:
    """A listed table and symbols in its code."""
    words = canonical(lengths)
    return listed_table(lo, lengths) + "".join(words[symbol - lo] for symbol in symbols)


def _written() -> dict[str, Case]:
    """Files that keep the rules and that no encoder of this release writes."""
    grey = by_hand(Header(8, 32, 1, "grey"), 8)  # four blocks, a step of 1
    coarse = by_hand(grey, 65535)
    rgb = by_hand(Header(7, 8, 3, "rgb"), 8)
    bright = replace(grey, wide=True, levels=(Levels(208, 208),))
    all_g1, all_g2 = bits_of(0, 2), bits_of(1, 2)
    deep = of_words(-8, [*range(1, 17), 16], [-8, 8, 7, 0])
    gaps = of_words(-3, [2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [9, -3, -1, 9])
    jumps = of_words(0, [3, 8, 8, 7, 6, 5, 4, 2, 1], [0, 1, 7, 8])
    largest = of_words(0, [1] + [0] * 32766 + [1], [0, 32767, 32767, 0])
    pairs = "".join(flat_table(lo, 1) for lo in (32766, -32768, 32766, 30, 4, 5, 6, -7))
    chroma = flat_table(900, 0) + flat_table(-9000, 1) + "0" + flat_table(9000, 1) + "1"
    levels = flat_table(0, 11) + "".join(bits_of(symbol, 11) for symbol in (2000, 1030, 7, 0))
    made = {
        "made-words-of-16-bits": ("the longest code words", grey, all_g1 + deep),
        "made-gaps": ("symbols without a code word", grey, all_g1 + gaps),
        "made-steps-of-lengths": ("lengths by every kind of step", grey, all_g1 + jumps),
        "made-count-32768": ("the largest table", grey, all_g1 + largest),
        "made-flat-15-bits": ("a flat code of 15 bits", grey, all_g1 + flat_table(0, 15) + bits_of(255, 15) * 4),
        "made-least-symbol": ("the least symbol of all", grey, all_g1 + flat_table(-32768, 0)),
        "made-greatest-symbol": ("the greatest symbol of all", grey, all_g1 + flat_table(32767, 0)),
        "made-clamped": ("latents held to 16,384 and samples to 8,191", coarse, all_g2 + "1" + pairs + "01" * 16),
        "made-chroma-clamped": ("colours far outside of their range", rgb, all_g1 * 3 + chroma),
        "made-levels": ("an offset and a range that together pass 65,535", bright, all_g1 + levels),
        "made-bare": ("no symbol costs a bit", replace(grey, height=40, width=33), all_g1 + flat_table(100, 0)),
    }
    return {name: Written(about, pack(header, [to_bytes(bits)])) for name, (about, header, bits) in made.items()}
