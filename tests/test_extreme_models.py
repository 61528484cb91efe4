"""A user's model may be anything that its reader accepts: every image is coded with it, and comes back."""

from contextlib import suppress

import numpy as np
import pytest

import apercu
from apercu.stages.bands import N_CONTEXTS
from every_codec import encode
from scripts.pictures import noise, scene

N_WEIGHTS = 270


def tables(probability, age, weight=64):
    starts = np.empty((N_CONTEXTS, 2))
    starts[:, 0], starts[:, 1] = probability, age
    return np.concatenate([np.full(N_WEIGHTS, weight), starts.ravel()]).astype(np.uint16)


def mixed(seed):
    rng = np.random.default_rng(seed)
    return tables(
        rng.choice([1, 2, 700, 32768, 65000, 65534, 65535], N_CONTEXTS), rng.choice([2, 3, 128], N_CONTEXTS), seed
    )


def autoencoder(seed):
    """Weights (2, 9, 64) at the bounds of what is accepted."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((2, 9, 64), np.int16)
    weights[0] = rng.choice([-4095, 4095], (9, 64))
    weights[1, 0] = rng.choice([-4095, 0, 4095], 64)
    weights[1, 1:, ::2] = rng.choice([-8191, 8191], (8, 32))
    return weights


def with_maps(seed, expected, weight, probability, age):
    """Such weights, and what range coding takes."""
    numbers = np.concatenate([np.full(56, expected), np.full(324, weight), np.tile((probability, age), 5094)])
    return np.concatenate([autoencoder(seed).ravel(), numbers.astype(np.uint16).view(np.int16)])


MODELS = {
    "apercu": {
        "zeros unlikely": tables(1, 128),
        "zeros unlikely, quick to learn": tables(1, 2, 0),
        "ones unlikely": tables(65535, 128),
        "even": tables(32768, 2),
        "mixed 1": mixed(1),
        "mixed 2": mixed(2),
    },
    "taha2025": {
        "nothing": np.zeros((2, 9, 64), np.int16),
        "bounds 1": autoencoder(1),
        "bounds 2": autoencoder(2),
        "one pixel": np.eye(18, 64, dtype=np.int16).reshape(2, 9, 64) * np.int16(32767),
    },
    "taha2025-range": {
        "zeros unlikely": with_maps(1, 2047, 90, 1, 128),
        "ones unlikely": with_maps(2, -2047, 0, 65535, 2),
    },
}
IMAGES = {
    "1 x 1": np.full((1, 1), 200, np.uint8),
    "2 x 1 of 16 bits": np.array([[0], [65535]], np.uint16),
    "1 x 40 x 5": noise((1, 40, 5), 2).astype(np.uint16),
    "many bands": (noise((3, 2, 60), 3) >> 8).astype(np.uint8),
    "noise": (noise((64, 64), 3) >> 8).astype(np.uint8),
    "black and white": (noise((33, 47, 3), 4) >> 15).astype(np.uint8) * 255,
    "noise of 16 bits": noise((40, 40), 5).astype(np.uint16),
    "ends of 16 bits": (noise((40, 40), 6) >> 15).astype(np.uint16) * 65535,
    "with alpha": scene(30, 40, 4, 3),
    "flat": np.full((50, 50), 77, np.uint8),
}
EVERY = [(codec, model) for codec, models in MODELS.items() for model in models]


@pytest.mark.parametrize(("codec", "model"), EVERY)
def test_every_image_can_be_coded_with_every_model(codec, model, tmp_path):
    path = tmp_path / "model.npy"
    np.save(path, MODELS[codec][model])
    for name, image in IMAGES.items():
        for options in ({"quality": 0}, {"quality": 50}, {"quality": 100}, {"quality": 99, "layers": 1}):
            data = encode(image, codec, model=path, **options)
            back = apercu.decode(data, model=path)
            assert back.shape == image.shape, name
            assert back.dtype == image.dtype
            assert apercu.check(data, model=path) == []
        for target in ({"psnr": 30}, {"n_bytes": len(data) // 2 + 20}):
            with suppress(apercu.TargetUnreachable):
                encode(image, codec, model=path, **target)


@pytest.mark.parametrize(("codec", "model"), EVERY)
def test_any_bytes_with_every_model(codec, model, tmp_path):
    """Damaged files raise errors of the format, or decode."""
    path = tmp_path / "model.npy"
    np.save(path, MODELS[codec][model])
    rng = np.random.default_rng(3)
    sound = encode(IMAGES["noise"], codec, model=path)
    for _ in range(40):
        data = bytearray(sound)
        data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
        apercu.check(bytes(data), model=path)
        with suppress(apercu.ApercuError):
            apercu.decode(bytes(data), model=path, damaged="conceal")
