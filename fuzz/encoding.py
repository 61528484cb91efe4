"""Random input for everything that writes; each function returns what it found wrong."""

import random
from pathlib import Path

import numpy as np

import apercu
from apercu.errors import CorruptStream, TargetUnreachable, Truncated
from apercu.stages.entropy import dual_decode, dual_encode
from apercu.stages.range_coding import BYPASS, range_decode, range_encode
from apercu.stages.wavelet import wavelet_analyse, wavelet_synthesise
from mutate import havoc
from scripts.pictures import noise, scene, wide


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
        stream = np.frombuffer(
            havoc(rng, data, rng.randbytes(40)), np.uint8
        ).copy()  # what lies behind is out of bounds
        try:
            if range_decode(stream, contexts, n_contexts, starts).shape != bits.shape:
                faults.append("range_decode returned another shape")
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
    plane = draw.integers(0, 256, (height, width)).astype(np.int16) * 32
    bands, back = np.empty(height * width, np.int16), np.empty_like(plane)
    wavelet_analyse(plane, height, width, levels, centre, bands)
    wavelet_synthesise(bands, back, levels, centre)
    faults = [] if np.abs(back - plane).max() <= 64 else ["the wavelet does not give back its plane"]
    wild = draw.integers(-32768, 32768, height * width).astype(np.int16)
    wavelet_synthesise(wild, back, levels, centre)
    if np.abs(back).max() > 8191:
        faults.append("the synthesis passes its limits")
    return faults


def image(rng: random.Random, model: Path) -> list[str]:
    """An image to a file and back; the file must keep the promises of `apercu.encode`."""
    picture, options = _picture(rng), _options(rng)
    if rng.random() < 0.5 or {"threshold", "tables"} & set(options):
        options["codec"] = "taha2025"
        if rng.random() < 0.1:
            options["model"] = model
    try:
        data = apercu.encode(picture, **options)
    except TargetUnreachable:
        return []
    what = f"{picture.shape} {picture.dtype} {options}"
    decoded, told = apercu.decode(data, model=model), apercu.info(data)
    faults = []
    if decoded.shape != picture.shape or decoded.dtype != picture.dtype.newbyteorder("="):
        faults.append(f"{what}: decoded as {decoded.shape} {decoded.dtype}")
    if "n_bytes" in options and len(data) > options["n_bytes"]:
        faults.append(f"{what}: {len(data)} bytes")
    if apercu.encode(np.ascontiguousarray(picture), **options) != data:
        faults.append(f"{what}: encoded twice, two files")
    settings = {name: options[name] for name in ("codec", "model", "tables", "bands") if name in options}
    target = {"quality": told["quality"]}
    if told["quality"] is None:
        target = {"threshold": told["threshold"], "step": told["step"]}
    if apercu.encode(picture, **target, **settings) != data:
        faults.append(f"{what}: {target} from info makes another file")
    if found := apercu.check(data):
        faults.append(f"{what}: check finds {found}")
    return faults


def _picture(rng: random.Random) -> np.ndarray:
    height, width = rng.choice((1, 7, 8, 9, rng.randrange(1, 48))), rng.choice((1, 2, 15, 17, rng.randrange(1, 48)))
    n_bands = rng.choice((1, 1, 3, 4, 2, 5))
    seed = rng.randrange(1000)
    kind = rng.randrange(4)
    if kind == 0:
        picture = scene(height, width, n_bands, seed)
    elif kind == 1:
        picture = (noise((height, width, n_bands), seed) >> 8).astype(np.uint8)
    elif kind == 2:
        picture = np.full((height, width, n_bands), rng.choice((0, 1, 127, 255)), np.uint8)
    else:
        picture = (noise((height, width, n_bands), seed) % 2 * 255).astype(np.uint8)
    if rng.random() < 0.4:
        low = rng.choice((0, 0, 1000, 65535))
        picture = wide(picture, low, rng.choice((low, 65535, 65535)), seed)
        if rng.random() < 0.3:
            picture = picture.astype(">u2")
    if rng.random() < 0.3:
        picture = picture[::-1, :, ::-1]
    return picture[:, :, 0] if n_bands == 1 and rng.random() < 0.7 else picture


def _options(rng: random.Random) -> dict[str, object]:
    options: dict[str, object] = {}
    kind = rng.randrange(8)
    if kind < 3:
        options["quality"] = rng.choice((0, 100, rng.randrange(3201) / 32))
    elif kind < 6:
        options["threshold"] = rng.choice((0, 1 / 16, 50, 1e9, rng.random() * 1000))
        options["step"] = rng.choice((1 / 8, 1, 8191.875, 2 ** rng.randrange(-3, 13)))
    elif kind == 6:
        options["n_bytes"] = rng.choice((12, 40, 200, rng.randrange(2000)))
    else:
        options["psnr"] = rng.choice((10, 25.5, 40))
    if rng.random() < 0.4:
        options["tables"] = rng.choice(("group", "latent"))
    return options
