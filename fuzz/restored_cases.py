"""Files of every codec that has a restorer, damaged or of random images, decoded with each, and held against the plain
pixels."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import apercu
from apercu.codecs import decoding
from apercu.codecs.by_name import codec_of
from apercu.errors import FormatError, ModelError, OptionError
from apercu.format.container import read_header, read_segments
from apercu.format.ids import CODECS
from apercu.restore.by_name import restorer_of, ways_of
from apercu.stages.blocks import Window, part
from calls import call
from mutate import Seed, mutant
from scripts.pictures import noise, scene, wide

WAYS = "cnn", "cnn", "cnn", "rnn", "gan", "diffusion"
"""Restorers, as often as they stand here; all but the first have learnt one codec alone."""
SECONDS = 10.0
"""Of processor time for one call: the networks take 40,000, four times 16,000, 34,000 and four times 60,000 products
a pixel."""
SQUARE = 64
"""Pixels a side of a square of the network's grid where windows are read, so that small images have several."""
WAYS_TO_READ: tuple[dict[str, Any], ...] = ({}, {}, {"layers": 1}, {"damaged": "conceal"})
"""Each as likely; half of all cases read the file as it is."""


def seeds() -> list[Seed]:
    """Files whose blocks the networks are trusted with: of each codec, entropy coder and kind of image; in tiles."""
    images = {
        "grey": scene(61, 72, 1, 2)[:, :, 0],
        "rgba": scene(71, 57, 4, 3),
        "wide": wide(scene(40, 64, 3, 3), 300, 50000),
    }
    files = []
    for codec, coders in CODECS.items():
        for entropy in coders if "cnn" in ways_of(codec) else ():
            how: dict[str, Any] = {"codec": codec} | ({"entropy": entropy} if len(coders) > 1 else {})
            made = {name: apercu.encode(image, quality=40, **how) for name, image in images.items()}
            made["tiles"] = apercu.encode(scene(70, 80, 3, 3), quality=30, tile=64, **how)
            files += [_seed(f"{codec} {entropy} {name}", data) for name, data in made.items()]
    return files


def _seed(name: str, data: bytes) -> Seed:
    header = read_header(data)
    segments = [segment for segment in read_segments(data, header) if isinstance(segment, bytes)]
    return Seed(name, data, header, segments)


def case(rng: random.Random, files: list[Seed]) -> bytes:
    """A mutant, or the file of a random image, which the networks have not always learnt."""
    if rng.random() < 0.5:
        return mutant(rng, files)
    codec = rng.choice([codec for codec in CODECS if "cnn" in ways_of(codec)])
    shape = rng.randrange(1, 150), rng.randrange(1, 150), rng.choice((1, 3, 3, 4, 2, 5))
    seed = rng.randrange(1000)
    image = (noise(shape, seed) >> 8).astype(np.uint8) if rng.randrange(4) == 0 else scene(*shape, seed)
    how: dict[str, Any] = {"quality": rng.choice((0, 100, rng.randrange(3201) / 32))}
    if len(CODECS[codec]) > 1:
        how["entropy"] = rng.choice(CODECS[codec])
    if rng.random() < 0.4:
        how["tile"] = rng.choice((32, 64))
    how["layers"] = rng.randrange(1, codec_of(codec).MOST_LAYERS + 1)
    how["bands"] = rng.choice((None, None, "spectral"))
    return apercu.encode(wide(image, 300, 50000) if rng.random() < 0.3 else image, codec=codec, **how)


def _window(rng: random.Random, shape: tuple[int, ...]) -> Window:
    """Of at most half a square's sides, anywhere."""
    top, left = rng.randrange(shape[0]), rng.randrange(shape[1])
    height, width = (
        1 + rng.randrange(min(side - at, SQUARE // 2)) for side, at in zip(shape, (top, left), strict=False)
    )
    return Window(top, left, height, width)


def run(rng: random.Random, data: bytes, faults: list[str], count: Callable[[str], None]) -> None:
    """The restored image has the shape of the plain one and its alpha, or the error is the same; a window is a crop."""
    how, way = rng.choice(WAYS_TO_READ), rng.choice(WAYS)
    plain = call(faults, "decode", (FormatError, ModelError), apercu.decode, data, **how)
    expected = (FormatError, ModelError, OptionError)
    restored = call(faults, "decode (restored)", expected, apercu.decode, data, restore=way, seconds=SECONDS, **how)
    count("restored" if isinstance(restored, np.ndarray) else type(restored).__name__)
    if not isinstance(plain, np.ndarray):
        if not isinstance(restored, (type(plain), OptionError)):  # what a restorer has not learnt is said first
            faults.append(f"decode raised {plain!r}, and restored it gave {restored!r}")
        return
    header = read_header(data)
    if not isinstance(restored, np.ndarray):
        if way in ways_of(header.codec) or not isinstance(restored, OptionError):
            faults.append(f"decode gave an image, and restored it raised {restored!r}")
        return
    if (restored.shape, restored.dtype) != (plain.shape, plain.dtype):
        faults.append(f"restored as {restored.shape} {restored.dtype}, decoded as {plain.shape} {plain.dtype}")
    elif header.interpretation == "rgba" and not np.array_equal(restored[:, :, 3], plain[:, :, 3]):
        faults.append("alpha was restored")
    if "damaged" not in how:
        window = _window(rng, plain.shape)
        restorer = restorer_of(way).load(header.codec, restorer_of(way).Options(), SQUARE)
        in_squares = partial(decoding.decode, data, decoding.How(restorer=restorer))
        whole, found = (
            call(faults, "decode (restored window)", (), in_squares, window=wanted, seconds=SECONDS)
            for wanted in (None, window)
        )
        if isinstance(whole, np.ndarray) and not np.array_equal(part(whole, window), found):
            faults.append(f"restored, the {window} is not the crop of the whole")
