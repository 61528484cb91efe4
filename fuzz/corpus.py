"""Valid files to begin with: small, and of every kind that the format knows."""

from functools import partial
from pathlib import Path

import numpy as np

import apercu
from apercu.codecs.by_name import codec_of
from apercu.format.container import read_header, read_segments
from apercu.format.ids import CODECS
from mutate import Seed
from scripts.pictures import noise, scene, walsh_weights, wide

SMALL_TILE = 32
LARGE = "many "
"""How the names of those begin that take long: they are chosen seldom."""


def write_model(path: Path) -> None:
    """Weights that are not the shipped ones."""
    np.save(path, walsh_weights())


def seeds(model: Path) -> list[Seed]:
    """The same on every machine; `model` is the file of `write_model`."""
    grey, rgb, rgba = scene(32, 32), scene(24, 19, 3), scene(17, 33, 4)
    files = {
        "1x1": apercu.encode(scene(1, 1)[:, :, 0], codec="taha2025"),
        "grey": apercu.encode(scene(40, 56)[:, :, 0], quality=70, codec="taha2025"),
        "axis": apercu.encode(grey, quality=30, codec="taha2025"),
        "rgb": apercu.encode(rgb, quality=60, codec="taha2025"),
        "rgba": apercu.encode(rgba, quality=45, codec="taha2025"),
        "noise": apercu.encode((noise((72, 80), 3) >> 8).astype(np.uint8), quality=90, codec="taha2025"),
        "flat": apercu.encode(np.full((64, 64), 77, np.uint8), quality=20, codec="taha2025"),
        "spectral": apercu.encode(scene(9, 9, 6), quality=80, codec="taha2025"),
        "grey16": apercu.encode(wide(scene(33, 20), 200, 4000)[:, :, 0], quality=75, codec="taha2025"),
        "rgb16": apercu.encode(wide(rgb, 0, 65535), quality=50, codec="taha2025"),
        "spectral16": apercu.encode(wide(scene(16, 25, 5), 1000, 60000), quality=65, codec="taha2025"),
        "by hand": apercu.encode(grey, threshold=20, step=3, tables="latent", codec="taha2025"),
        "one table": apercu.encode(scene(48, 48), threshold=0, step=0.5, tables="group", codec="taha2025"),
        "all g1": apercu.encode(grey, threshold=1e6, step=2, codec="taha2025"),
        "all g2": apercu.encode(grey, threshold=0, step=16, codec="taha2025"),
        "apercu": apercu.encode(scene(40, 56)[:, :, 0], codec="apercu", quality=60),
        "apercu rgb": apercu.encode(scene(33, 47, 3), codec="apercu", quality=70),
        "apercu noise": apercu.encode((noise((40, 40), 3) >> 8).astype(np.uint8), codec="apercu", quality=95),
        "apercu spectral16": apercu.encode(wide(scene(16, 25, 3), 1000, 60000), codec="apercu", bands="spectral"),
        "user model": apercu.encode(scene(64, 65)[:, :, 0], quality=60, model=model, codec="taha2025"),
    }
    encode = partial(apercu.encode, tile=SMALL_TILE)  # tiles as in a large image, in a small one
    files["apercu tiles"] = encode(scene(70, 40, 3), codec="apercu", quality=60, layers=3)
    files["apercu layers"] = encode(scene(32, 30)[:, :, 0], codec="apercu", quality=75, layers=5)
    files["tiles"] = encode(scene(70, 90)[:, :, 0], quality=40, codec="taha2025")
    files["rgb tiles"] = encode(scene(33, 65, 3), quality=55, codec="taha2025")
    files["wide tiles"] = encode(wide(scene(40, 40, 2), 5, 900), threshold=50, step=8, codec="taha2025")
    many = {
        "bands": apercu.encode(scene(1, 1, 3000), codec="apercu", bands="spectral"),
        "bands of 2x3": apercu.encode(scene(2, 3, 400), codec="apercu", bands="spectral", quality=80, layers=3),
        "bands taha2025": apercu.encode(scene(3, 2, 700), codec="taha2025", bands="spectral", quality=70),
        "bands wide": apercu.encode(wide(scene(1, 2, 900), 10, 50000), codec="apercu", bands="spectral"),
        "tiles": encode(scene(50, 1100)[:, :, 0], codec="apercu", quality=60, layers=2),
        "tiles taha2025": encode(scene(1400, 33)[:, :, 0], codec="taha2025", quality=60),
        "tiles in a row": encode(scene(1, 20000), codec="apercu", quality=40, layers=1),
    }
    files |= {LARGE + name: data for name, data in many.items()}
    sparse, predictive = (scene(70, 70)[:, :, 0] // 8 * 8), partial(apercu.encode, codec="predictive")
    files["predictive maps"] = predictive(np.dstack([sparse, sparse ^ 1]), max_error=0)
    files["predictive by hand"] = predictive(scene(9, 12, 6), max_error=3)
    others = [(codec, entropy) for codec, coders in CODECS.items() for entropy in coders[1:]]
    for codec, entropy in [*((codec, None) for codec in CODECS if codec not in ("apercu", "taha2025")), *others]:
        how = {"codec": codec} if entropy is None else {"codec": codec, "entropy": entropy}
        for name, image in {"grey": grey[:, :, 0], "rgba": rgba, "wide": wide(scene(16, 25, 3), 1000, 60000)}.items():
            files[" ".join([*how.values(), name])] = apercu.encode(image, quality=60, **how)
        layers = min(codec_of(codec).MOST_LAYERS, 3)
        files[" ".join([*how.values(), "tiles"])] = encode(scene(70, 40, 3), quality=50, layers=layers, **how)
    files["1x1 rgb"] = apercu.encode(scene(1, 1, 3), codec="apercu", quality=80)
    files["1x1 rgba"] = apercu.encode(wide(scene(1, 1, 4), 0, 60000), codec="apercu", layers=5)
    files["1x1 spectral"] = apercu.encode(scene(1, 1, 9), codec="apercu", quality=90)
    return [_seed(name, data) for name, data in files.items()]


def _seed(name: str, data: bytes) -> Seed:
    header = read_header(data)
    segments = [segment for segment in read_segments(data, header) if isinstance(segment, bytes)]
    return Seed(name, data, header, segments)
