"""Random input for the coders and the transform; each function returns what it found wrong."""

import random
from functools import cache

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.errors import CorruptStream, Truncated
from apercu.stages.dual_code import dual_decode, dual_encode
from apercu.stages.mask import decode_mask, encode_mask
from apercu.stages.range_coding import BYPASS, range_decode, range_encode
from apercu.stages.wavelet import wavelet_analyse, wavelet_synthesise
from mutate import havoc
from scripts.pictures import scene


def range_coder(rng: random.Random) -> list[str]:
    """Bits through the range coder and back, and damaged streams."""
    n, n_contexts = rng.choice((0, 1, 7, 60, 400)), rng.choice((1, 2, 9))
    draw = np.random.default_rng(rng.randrange(1 << 32))
    contexts = draw.integers(0, n_contexts, n)
    contexts[draw.random(n) < rng.choice((0, 0.2))] = BYPASS
    bits = (draw.random(n) < rng.choice((0, 0.001, 0.1, 0.5, 1))).astype(np.uint8)
    starts = None
    if rng.random() < 0.5:
        starts = draw.integers((1, 2, 1, 1), (65536, 129, 8, 8), (n_contexts, 4))
        starts[:, 0] = rng.choice((1, 65535, 30000))
    data = range_encode(bits, contexts, n_contexts, starts)
    faults = []
    if not np.array_equal(range_decode(data, contexts, n_contexts, starts), bits):
        faults.append("the range coder does not give back its bits")
    for _ in range(3):
        damaged = havoc(rng, data, rng.randbytes(40))
        stream = np.frombuffer(damaged, np.uint8).copy().data  # what lies behind is out of bounds
        try:
            if range_decode(stream, contexts, n_contexts, starts).shape != bits.shape:
                faults.append("range_decode returned another shape")
        except (CorruptStream, Truncated):
            pass
    return faults


def drawn_mask(rng: random.Random) -> NDArray[np.bool_]:
    """Masks (H, W, B) with slanted edges, points and noise, more or less alike; sides below 64."""
    height, width = rng.randrange(1, 64), rng.randrange(1, 64)
    shape = height, width, rng.choice((1, 1, 2, 4))
    draw, (y, x) = np.random.default_rng(rng.randrange(1 << 32)), np.mgrid[:height, :width]
    mask = np.zeros(shape, np.bool_)
    for _ in range(rng.choice((0, 1, 2, 4))):
        mask ^= (rng.randrange(-9, 10) * x + rng.randrange(-9, 10) * y < rng.randrange(-200, 400))[:, :, np.newaxis]
    return mask ^ (draw.random(shape) < rng.choice((0, 0, 0.002, 0.02, 0.5)))


def masks(rng: random.Random) -> list[str]:
    """Masks to bytes and back, and damaged streams, for masks of this size or others."""
    mask = drawn_mask(rng)
    data, faults = encode_mask(mask), []
    if not np.array_equal(decode_mask(data, *mask.shape), mask):
        faults.append("masks do not come back")
    for _ in range(3):
        shape = mask.shape if rng.random() < 0.8 else drawn_mask(rng).shape
        stream = np.frombuffer(havoc(rng, data, rng.randbytes(40)), np.uint8).copy().data
        try:
            if decode_mask(stream, *shape).shape != shape:
                faults.append("decode_mask returned another shape")
        except (CorruptStream, Truncated):
            pass
    return faults


def symbols(rng: random.Random) -> list[str]:
    """Groups and symbols of any size through the entropy coder and back."""
    draw = np.random.default_rng(rng.randrange(1 << 32))
    planes = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        skewed = rng.random() < 0.05
        n = 4000 if skewed else rng.choice((1, 2, 20, 60, 300))
        groups = (draw.random(n) < rng.choice((0, 0.1, 0.5, 1))).astype(np.uint8)
        size = rng.choice((0, 0.3, 1, 5, 300, 16000))
        values = np.rint(draw.laplace(0, size, (n, 8)))
        if skewed:  # as Fibonacci's numbers are: words that would grow beyond 16 bits
            values = draw.geometric(0.41, (n, 8)) + 0.0
        values = (values + rng.choice((0, 0, -16384, 16384))).clip(-16383, 16383).astype(np.int16)
        values[groups == 0, 1:] = 0
        planes.append((groups, values))
    data = dual_encode(planes, rng.choice((None, "group", "latent")))
    again = dual_decode(data, [len(groups) for groups, _ in planes])
    if not all(
        np.array_equal(a, b) for old, new in zip(planes, again, strict=True) for a, b in zip(old, new, strict=True)
    ):
        return ["the entropy coder does not give back its symbols"]
    return []


def wavelet(rng: random.Random) -> list[str]:
    """A plane of any size to its bands and back; and bands that no plane has, whose sums leave 16 bits."""
    height, width, centre = rng.choice((1, 2, 9, 40)), rng.choice((1, 3, 8, 33)), rng.choice((0, 4080))
    levels, draw = rng.randrange(1, 6), np.random.default_rng(rng.randrange(1 << 32))
    plane = draw.integers(0, 256, (height, width)).astype(np.int16) * 32 + centre - 4080  # chroma is signed around 0
    bands, back = np.empty(height * width, np.int16), np.empty_like(plane)
    wavelet_analyse(plane, height, width, levels, centre, bands)
    wavelet_synthesise(bands, back, levels, centre)
    faults = [] if np.abs(back - plane).max() <= 64 else ["the wavelet does not give back its plane"]
    wild = draw.integers(-32768, 32768, height * width).astype(np.int16)
    wavelet_synthesise(wild, back, levels, centre)
    if np.abs(back).max() > 8191:
        faults.append("the synthesis passes its limits")
    return faults


@cache
def placeholders() -> list[bytes]:
    """Sound ones of every kind."""
    found = []
    for seed, n_bytes in enumerate((16, 21, 32, 64, 128, 300)):
        image = scene(50 + 9 * seed, 70, 3, seed=seed)
        alpha = np.where(np.arange(70) < 30, 0, 255)[None, :, None].repeat(len(image), 0).astype(np.uint8)
        for picture in (image, image[:, :, 0], np.concatenate([image, alpha], axis=2)):
            found.append(apercu.placeholder(picture, n_bytes))
    return found


def placeholder(rng: random.Random) -> list[str]:
    """A damaged placeholder is a picture or a FormatError; it has no checksum."""
    data = bytearray(rng.choice(placeholders()))
    for _ in range(rng.randrange(4)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if rng.randrange(2):
        start = rng.randrange(len(data) + 1)
        data[start:] = rng.randbytes(rng.randrange(40))
    height, width = rng.randrange(1, 20), rng.randrange(1, 20)
    try:
        shown = apercu.placeholder_image(bytes(data), (height, width))
    except apercu.FormatError:
        return []
    return [] if shown.shape[:2] == (height, width) else [f"a placeholder of {shown.shape[:2]}, not {height, width}"]
