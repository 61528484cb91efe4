"""Prefixes of version 2: sound ones that fit a file, and damaged ones, most behind lengths and checksums made good."""

import binascii
import random
import zlib
from typing import Any

import numpy as np

from apercu.format.chunk_parts import deflated, dictionary
from apercu.format.chunks import (
    DTYPES,
    MASK_KINDS,
    Bands,
    ControlPoint,
    Gcps,
    Geo,
    MaskBits,
    Reduced,
    Rpcs,
    SampleType,
    Scene,
)
from apercu.format.container import Header, put_varint
from apercu.format.prefix import pack_prefix
from apercu.stages.colour import Levels
from apercu.stages.mask import encode_mask
from apercu.stages.rotation import Rotation
from mutate import NUMBERS, Seed, havoc, mutant

_DEFLATED = 2, 4, 5  # chunks whose payloads are texts as a whole
_FEW = 64  # bands that have something of their own


def scene_mutant(rng: random.Random, seeds: list[Seed]) -> bytes:
    """A valid file, or a mutant of one, behind a prefix."""
    seed = rng.choice([seed for seed in seeds if not seed.name.startswith("many ")])
    return with_prefix(rng, seed.data if rng.random() < 0.8 else mutant(rng, [seed]), seed.header)


def with_prefix(rng: random.Random, data: bytes, header: Header) -> bytes:
    """A file of version 1 behind a prefix; `header` is that of the file, or of one like it."""
    said = _said(rng, header)
    chosen = rng.sample(list(said), rng.randrange(1, 4))
    chunks = [(number, payload) for name in chosen for number, payload in _chunks(Scene(**{name: said[name]}))]
    chunks.sort()
    kind = rng.random()
    if chunks and kind < 0.3:
        at = rng.randrange(len(chunks))
        number, payload = chunks[at]
        chunks[at] = number, _damaged(rng, number, payload)
    elif kind < 0.4:
        chunks.insert(rng.randrange(len(chunks) + 1), (rng.randrange(256), rng.randbytes(rng.randrange(9))))
    body = b"".join(bytes([number]) + put_varint(len(payload)) + payload for number, payload in chunks)
    if kind > 0.9:
        body = havoc(rng, body, bytes(9))
    head = b"\xae\x70\x20" + put_varint(len(body)) + body
    whole = head + binascii.crc32(head).to_bytes(4, "little")
    return (havoc(rng, whole, data) if kind > 0.97 else whole) + data


def _mask(rng: random.Random, header: Header, n_masks: int, halvings: int) -> MaskBits:
    """Of a sound mask, if it is small, or of any bytes."""
    height, width = (-(-side >> halvings) for side in (header.height, header.width))
    data = rng.randbytes(rng.randrange(30))
    if height * width * n_masks < 1 << 14 and rng.random() < 0.8:
        rows, columns, bands = np.ogrid[:height, :width, :n_masks]
        data = encode_mask((rows * rng.randrange(9) + columns * rng.randrange(9) + bands) % 29 < rng.randrange(29))
    return MaskBits(rng.choice(MASK_KINDS), halvings, n_masks, data)


def _chunks(scene: Scene) -> list[tuple[int, bytes]]:
    """What a scene of one field is written as: one chunk, or none."""
    data = pack_prefix(scene)[3:-4]
    found = []
    for _ in range(bool(data)):
        at = next(index for index, byte in enumerate(data) if byte < 128) + 1
        number, rest = data[at], data[at + 1 :]
        found.append((number, rest[next(index for index, byte in enumerate(rest) if byte < 128) + 1 :]))
    return found


def _damaged(rng: random.Random, number: int, payload: bytes) -> bytes:
    """A payload with small accidents, of texts as a rule in the text itself."""
    if number in _DEFLATED and rng.random() < 0.8:
        text = zlib.decompressobj(-15, zdict=dictionary()).decompress(payload)
        return deflated(havoc(rng, text, bytes(range(9))))
    return havoc(rng, payload, bytes(range(9)))


def _said(rng: random.Random, header: Header) -> dict[str, Any]:
    """A field of each kind that fits a header, as a rule."""

    def real() -> float:
        return rng.choice((0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, rng.uniform(-1e7, 1e7), float(rng.choice(NUMBERS))))

    def reals(n: int) -> tuple[float, ...]:
        return tuple(real() for _ in range(n))

    def text() -> str:
        return rng.choice(("", "a", "B04", "reflectance", "é∞", "<x/>", "x" * 300))

    n = header.n_bands if header.n_bands <= _FEW else 1
    crs = rng.choice((None, 4326, 32633, 'GEOGCS["WGS 84",DATUM["WGS_1984"]]'))
    points = tuple(ControlPoint(*reals(5), text(), text()) for _ in range(rng.randrange(1, 9)))
    log2 = rng.choice((1, 1, 2, 3, 15))
    return {
        "geo": Geo(crs, rng.choice((None, reals(6), (10.0, 0.0, 5e5, 0.0, -10.0, 4e6))), rng.random() < 0.5),
        "gcps": Gcps(points, crs),
        "rpcs": Rpcs(*reals(4), reals(20), reals(20), *reals(4), reals(20), reals(20), *reals(3)),
        "bands": Bands((text(),) * n, None, ("red",) * n, reals(n)),
        "tags": {(rng.randrange(n + 1), text()): {text() or "B": text(), "AREA": text()} for _ in range(3)},
        "samples": SampleType(
            rng.choice(DTYPES), ((real(), real() or 1.0),) * rng.choice((1, n)), (rng.choice((0, real(), None)),)
        ),
        "mask": _mask(rng, header, rng.choice((1, n)), rng.choice((0, 0, 1, 5))),
        "rotation": Rotation(
            tuple(tuple(rng.randrange(-128, 128) for _ in range(max(n, 2))) for _ in range(max(n, 2))),
            (Levels(rng.randrange(209), rng.randrange(1, 209)),) * max(n, 2),
            rng.random() < 0.5,
        ),
        "reduced": Reduced(log2, header.height << log2, (header.width << log2) - rng.randrange(1 << log2)),
    }
