"""What the specification and `decode`, `info` and `check` promise of files: the paths of quality, limits, what is told.

Numbers are literals, those of the documents: a constant of the package may not stand for the promise that it keeps.
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import apercu
from apercu.bench import arithmetic
from apercu.codecs import apercu as bands
from apercu.codecs import taha2025
from apercu.codecs.by_name import codec_of
from apercu.format import ids
from apercu.format.container import read_header
from apercu.kernel import memory
from files_by_hand import in_parts, sealed, varint
from scripts.pictures import noise, scene

ROOT = Path(__file__).parents[1]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "spec").glob("*.md")))
VALID = ROOT / "vectors" / "valid"
CODECS = ("apercu", "taha2025")


# --- The paths of quality, which version 1 has frozen


def table(heading):
    """The rows of numbers of the first table after these words."""
    rows = re.search(r"(?:^\|.*\n)+", TEXT.split(heading)[1], re.MULTILINE)[0].splitlines()
    return [tuple(map(int, re.findall(r"\d+", row))) for row in rows if re.fullmatch(r"[| \d]+", row)]


def between(knots, place, column):
    """In a straight line, as the text has it."""
    for first, last in pairwise(knots):
        if first[0] <= place <= last[0]:
            d, p = last[0] - first[0], place - first[0]
            return (first[column] * (d - p) + last[column] * p + d // 2) // d
    raise AssertionError(f"no knots around {place}")


def test_every_quality_of_apercu_has_the_step_of_the_text():
    knots = table("**Path of `apercu`.**")
    assert len(knots) == 25
    for quality in range(25601):
        assert bands.at_quality(quality).step_q8 == between(knots, quality, 1), quality


def test_every_quality_of_taha2025_has_the_step_and_the_threshold_of_the_text():
    path = table("**Path of `taha2025`.**")
    plain = table(" place, variants 4 to 7 | step_q3 |\n")
    assert (len(path), len(plain)) == (31, 8)
    factors = {1: (2, 3), 2: (3, 2)}
    for quality in range(25601):
        place, variant = divmod(quality, 8)
        times, over = factors.get(variant, (1, 1)) if place >= 512 else (1, 1)
        if place >= 512 and variant >= 4:
            step, threshold = between(plain, place, 1), 2_097_151
        else:
            step, threshold = between(path, place, 1), between(path, place, 2)
        found = taha2025.at_quality(quality)
        wanted = (step, min(threshold * times // over, 2_097_151))
        assert (found.step_q3, found.threshold_q4) == wanted, quality


# --- The registry


def test_the_registry_of_the_text_is_that_of_the_code():
    codecs = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \| \[(\w+\.md)\]\(\4\) \| (.*) \|$", TEXT, re.MULTILINE)
    assert {(name, entropy): int(number) for name, entropy, number, *_ in codecs} == ids.CODEC_IDS
    assert [name for name, *_, profiles in codecs if "core" in profiles] == ["apercu"]
    assert all(
        (ROOT / "spec" / part).read_text("utf-8").startswith(f"# Codec `{name}`") for name, *_, part, _ in codecs
    )
    models = re.findall(
        r"^\| (\d+) \| `(\w+)` \| `(\w+)` \| `src/apercu/weights/(.*?)` \| `(.*?)` \|$", TEXT, re.MULTILINE
    )
    assert {int(number): tuple(rest) for number, *rest in models} == ids.MODELS


# --- Limits of the container


def head_of(data):
    """A file's head, up to the directory or the first segment."""
    return data[: read_header(data).head_size]


GREY = head_of(apercu.encode(np.full((8, 8), 99, np.uint8)))


@pytest.mark.parametrize("n", range(16))
def test_sizes_of_tiles(n):
    """2^(5 + n) pixels a side, n from 0 to 11, or 15 for the whole image; here in two layers, of one tile each."""
    data = in_parts(GREY, [b"", b""], n << 4 | 1)
    if n in (12, 13, 14):
        with pytest.raises(apercu.CorruptStream):
            apercu.info(data)
    else:
        assert read_header(data).tile == (32 << n if n < 15 else 8)
        assert apercu.decode(data).shape == (8, 8)
        assert (apercu.info(data)["tiles"], apercu.info(data)["layers"]) == (1, 2)


@pytest.mark.parametrize("layers", range(2, 17))
def test_numbers_of_layers(layers):
    """Up to five in apercu, one in taha2025."""
    data = in_parts(GREY, [b""] * layers, 0xF0 | layers - 1)
    assert read_header(data).n_layers == layers
    older = in_parts(head_of(apercu.encode(scene(8, 8), codec="taha2025")), [b""] * layers, 0xF0 | layers - 1)
    for refused in [older] if layers <= 5 else [older, data]:
        for function in (apercu.decode, apercu.info):
            with pytest.raises(apercu.CorruptStream, match="layer"):
                function(refused)
    assert apercu.check(data) == [] or layers > 5


@pytest.mark.parametrize(
    ("codec", "layers", "layered_from", "whole", "cut", "side"),
    [
        ("apercu", 5, 2000, (4096, 8192), (4097, 8192), 4096),
        ("dct", 2, 2000, (4096, 8192), (4097, 8192), 4096),
        ("predictive", 1, 2000, (2048, 2048), (2049, 2048), 2048),
        ("taha2025", 1, 2000, (1024, 1024), (1, 1025), 1024),
        ("stacked_ae", 2, 2000, (1024, 1024), (1, 1025), 1024),
        ("rnn", 11, 4000, (1024, 1024), (1, 1025), 1024),
    ],
)
def test_tiles_and_layers_by_default(codec, layers, layered_from, whole, cut, side):
    """As `encode` says."""
    found = codec_of(codec)
    assert layers == found.MOST_LAYERS
    with pytest.raises(apercu.OptionError, match=rf"\b{'one' if layers == 1 else layers} layer"):
        apercu.encode(scene(20, 20), codec=codec, layers=layers + 1)
    plan = found.plan("grey", 1, *whole)
    assert (plan.tile, plan.layered_from, plan.most_layers) == (None, layered_from, layers)
    assert plan.layers == (4 if codec == "apercu" else layers)
    assert found.plan("grey", 1, *cut).tile == side


def test_the_longest_segment_has_2_to_the_28_bytes_less_one():
    longest = 0xFFFFFFF
    for length, fits in ((longest, True), (longest + 1, False)):
        head = GREY[:2] + bytes([GREY[2] | 4]) + GREY[3:] + b"\xf1" + varint(length) + b"\0"
        data = head + sealed(head, 9999)[-4:]
        if fits:
            assert list(read_header(data).lengths) == [longest, 0]
        with pytest.raises(apercu.Truncated if fits else apercu.CorruptStream):
            apercu.decode(data)


def test_parameters_have_at_most_255_bytes():
    for n_bytes, fits in ((0, True), (255, True), (256, False)):
        data = GREY[:-2] + b"\xff\x7f" + varint(n_bytes) + bytes(n_bytes)
        if fits:
            assert len(read_header(data).parameters) == n_bytes
        else:
            with pytest.raises(apercu.CorruptStream):
                read_header(data)


# --- Limits of size


def test_the_limit_is_2_to_the_28_pixels():
    assert apercu.MAX_PIXELS == 268_435_456


def test_the_memory_that_is_kept_between_calls_is_small():
    """However much was borrowed at a time, by however many: 64 MB at most stay, and none is given out twice."""
    blocks = [memory.borrow(size << 18) for size in (*range(1, 33), 64, 128, 256, 512)]
    addresses = {block.ctypes.data for block in blocks}
    assert len(addresses) == len(blocks)
    for block in blocks:
        memory.give_back(block)
    del blocks, block
    assert sum(block.nbytes for block in memory._spare.values()) <= 64_000_000
    first, second = memory.borrow(1000), memory.borrow(1000)
    assert min(first.nbytes, second.nbytes) >= 1000
    assert not np.shares_memory(first, second)


# --- What is told


def test_what_info_tells_of_apercu():
    image = np.zeros((30, 40, 5), np.uint16)
    data = apercu.encode(image, quality=50)
    assert apercu.info(data) == {
        "width": 40,
        "height": 30,
        "bands": 5,
        "interpretation": "spectral",
        "dtype": "uint16",
        "codec": "apercu",
        "entropy": "range",
        "model": 2,
        "version": 1,
        "quality": 50.0,
        "step": 64.0,  # 16,384 in the table of the path
        "n_bytes": len(data),
        "bpp": 8 * len(data) / 1200,
        "tiles": 1,
        "layers": 1,
    }
    assert [apercu.info(apercu.encode(image, quality=quality))["step"] for quality in (0, 25, 100)] == [1024, 256, 1]
    assert apercu.info(apercu.encode(image[:, :, 0], quality=1 / 256))["quality"] == 1 / 256


def test_what_info_tells_of_taha2025():
    half = np.full((32, 64), 90, np.uint8)
    half[:, 32:] = noise((32, 32), 1)
    data = apercu.encode(half, codec="taha2025", threshold=100, step=12.5)
    assert apercu.info(data) == {
        "width": 64,
        "height": 32,
        "bands": 1,
        "interpretation": "grey",
        "dtype": "uint8",
        "codec": "taha2025",
        "entropy": "huffman",
        "model": 1,
        "version": 1,
        "quality": None,
        "step": 12.5,
        "threshold": 100.0,
        "g1_share": 0.5,
        "g2_share": 0.5,
        "n_bytes": len(data),
        "bpp": 8 * len(data) / 2048,
        "tiles": 1,
        "layers": 1,
    }
    half[:, 16:32] = half[:, 32:48]
    told = apercu.info(apercu.encode(half, codec="taha2025", threshold=100, step=12.5))
    assert (told["g1_share"], told["g2_share"]) == (0.25, 0.75)


@pytest.mark.parametrize(
    ("name", "tiles", "layers"),
    [("tiles-rgb", 6, 1), ("bands-tiles-rgb", 6, 1), ("bands-layers-of-tiles", 4, 3), ("bands-layers-5", 1, 5)],
)
def test_what_info_tells_of_tiles_and_layers(name, tiles, layers):
    told = apercu.info((VALID / name / "in.apc").read_bytes())
    assert (told["tiles"], told["layers"]) == (tiles, layers)


# --- What is lost, and what is shown in its place


# --- Progress, and what the encoder costs


@pytest.mark.parametrize("shape", [(200, 300), (200, 300, 3)])
def test_the_encoder_takes_44_multiplications_a_pixel(shape):
    """Of grey and of RGB, at any quality."""
    image = (noise(shape, 4) >> 8).astype(np.uint8)
    for quality in (10, 50, 90):
        assert arithmetic.count(image, apercu.encode(image, quality=quality)).encoder < 44.5


@pytest.mark.parametrize(
    "file", sorted((ROOT / "src" / "apercu" / "kernel").glob("*.[ch]")), ids=lambda file: file.name
)
def test_the_kernel_takes_no_memory_and_knows_no_floating_point(file):
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.findall(r"\b(?:float|double|malloc|calloc|realloc|free|alloca)\b|<math\.h>|<stdlib\.h>|\d\.\d", code)
