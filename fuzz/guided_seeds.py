"""Inputs for the coverage-guided harnesses to begin with: the segments of valid files, each behind the numbers that its
harness reads first (fuzz/guided/bands.c, coders.c), and random bytes for the others."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import corpus
import encoding
from apercu.codecs.by_name import codec_of
from apercu.errors import ApercuError
from apercu.format.container import Header, read_header, read_segments
from apercu.format.prefix import read_prefix
from apercu.stages.blocks import n_blocks
from apercu.stages.mask import encode_mask
from scripts import c_library
from segments import random_segment

ROOT = Path(__file__).resolve().parents[1]
BANDS_DECODE, DUAL_DECODE, MASK_DECODE, FILE, FAMILIES = 0, 2, 14, 17, 18
LAYOUTS = {"grey": 0, "rgb": 1, "rgba": 2, "spectral": 3}
MOST_SIDE, MOST_BLOCKS_A_SIDE, MOST_WHOLE = 80, 9, 4000
RANDOM_INPUTS, GRAMMAR_SEGMENTS, MASKS = 12, 40, 12


def inputs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(name, input), the same every time; `folder` is for a model."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus.write_model(folder / "model.npy")
    rng = random.Random(0)
    files = [(path.parent.name, path.read_bytes()) for path in sorted((ROOT / "vectors/valid").glob("*/in.apc"))]
    seeds = corpus.seeds(folder / "model.npy")
    files += [(seed.name, seed.data) for seed in seeds]
    for name, data in files:
        if made := of_file(data):
            yield name.replace(" ", "-"), made
        if data[2] >> 4 == 1 and data[3] in c_library.MODELS_READ and len(data) < MOST_WHOLE:
            yield f"whole-{name.replace(' ', '-')}", bytes([FILE, 0]) + data
    plain = [seed for seed in seeds if seed.header.codec == "taha2025" and fits(seed.header)]
    for index in range(GRAMMAR_SEGMENTS):
        header = plain[index % len(plain)].header
        yield f"grammar-{index}", of_segments(header, [random_segment(rng, header)])
    for index in range(MASKS):
        drawn = encoding.drawn_mask(rng)
        height, width, n_masks = drawn.shape
        size = bytes([MASK_DECODE, width - 1, height - 1, n_masks - 1, 1])
        yield f"mask-{index}", size + encode_mask(drawn)
    for family in range(FAMILIES):
        for index in range(RANDOM_INPUTS):
            yield f"random-{family}-{index}", bytes([family]) + rng.randbytes(rng.choice((8, 40, 300)))


def of_file(data: bytes) -> bytes | None:
    """The first tile of a file, if it is small enough for a harness."""
    data = data[read_prefix(data)[1] :]  # version 1 begins there
    header = read_header(data)
    segments = list(read_segments(data, header))[: header.n_tiles * header.n_layers : header.n_tiles]
    sound = [segment for segment in segments if not isinstance(segment, ApercuError)]
    known = header.codec in ("apercu", "taha2025") and fits(header)
    return of_segments(header, sound) if known and len(sound) == len(segments) else None


def fits(header: Header) -> bool:
    """Whether the harnesses take tiles of this size."""
    height, width = (min(side, header.tile) for side in (header.height, header.width))
    if header.codec == "apercu":
        return max(height, width) <= MOST_SIDE and height * width * header.n_bands <= 1 << 14
    return max(n_blocks(height), n_blocks(width)) <= MOST_BLOCKS_A_SIDE and header.n_bands <= 4


def of_segments(header: Header, segments: list[bytes]) -> bytes:
    """The segments of one tile, one for each layer, as an input."""
    height, width = (min(side, header.tile) for side in (header.height, header.width))
    setting = codec_of(header.codec).setting_of(header)
    if header.codec == "taha2025":
        step = (setting.step_q3 - 1).to_bytes(2, "little")
        blocks = bytes([n_blocks(width) - 1, n_blocks(height) - 1, header.n_bands - 1])
        return bytes([DUAL_DECODE]) + blocks + step + bytes(2) + segments[0]
    layout = bytes([LAYOUTS[header.interpretation]]) + (header.n_bands - 1).to_bytes(2, "little")
    step = setting.step_q8.to_bytes(3, "little")
    how = bytes([1, len(segments) - 1, 0, 0])  # symbols as well as coefficients; the shipped tables
    *first, last = segments
    body = b"".join(len(segment).to_bytes(2, "little") + segment for segment in first) + last
    return bytes([BANDS_DECODE]) + layout + bytes([width - 1, height - 1]) + step + how + body


def tables() -> str:
    """The shipped tables as C, which the harnesses include."""
    folder = ROOT / "src/apercu/weights"
    bands, dual = np.load(folder / "apercu.npy"), np.load(folder / "taha2025.npy")
    n_weights = 30 * 9
    arrays = {
        "uint8_t SHIPPED_WEIGHTS": bands[:n_weights],
        "uint16_t SHIPPED_STARTS": bands[n_weights:],
        "int16_t SHIPPED_DUAL": dual.ravel(),
    }
    lines = (f"static const {name}[] = {{{','.join(map(str, array))}}};\n" for name, array in arrays.items())
    return "#include <stdint.h>\n" + "".join(lines)
