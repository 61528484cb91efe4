"""Random images through `apercu.encode` with every option, and what the file has to keep of its promises."""

import random
from pathlib import Path
from typing import Any

import numpy as np

import apercu
import models
from apercu.codecs.by_name import codec_of, options_by_codec
from apercu.errors import OptionError, TargetUnreachable
from apercu.format.ids import CODECS
from apercu.options import about
from apercu.stages.fill import hidden
from mutate import havoc, repair
from scripts.pictures import noise, scene, wide

MANY_ONE_IN, MODEL_ONE_IN = 12, 2


def image(rng: random.Random, judge: Any, folder: Path) -> list[str]:
    """An image to a file and back: encode, decode, check and info have to agree."""
    picture, bands = _picture(rng)
    options = _options(rng, bands)
    model = None
    if rng.randrange(MODEL_ONE_IN) == 0:
        model = folder / f"user-{rng.randrange(4)}.npy"
        options["model"] = models.write(model, models.random_model(rng, options["codec"], options.get("entropy")))
        judge.counts["user models"] += 1
    try:
        data = apercu.encode(picture, **options)
    except TargetUnreachable:
        return []
    except OptionError as error:
        if model and "would cut the blocks" in str(error):  # of 28 × 28
            return []
        raise
    what = f"{picture.shape} {picture.dtype} {options}"
    faults = [f"{what}: {fault}" for fault in _broken_promises(picture, options, data)]
    if model and rng.random() < 0.5:
        judge.file(repair(havoc(rng, data, data)), rng, model)
    return faults


def broken_model(rng: random.Random, judge: Any, folder: Path) -> list[str]:
    """A file of weights that may be none: it is refused as such, or serves."""
    codec = rng.choice(tuple(CODECS))
    path = models.write(folder / "broken.npy", models.broken_file(rng, models.random_model(rng, codec)))
    data = judge.call("encode (model)", apercu.encode, scene(9, 9), codec=codec, model=path)
    if isinstance(data, Exception):
        return []
    return [] if apercu.decode(data, model=path).shape == (9, 9, 1) else ["a broken model changes the shape"]


def _broken_promises(picture: np.ndarray, options: dict[str, Any], data: bytes) -> list[str]:
    model = options.get("model")
    decoded, told = apercu.decode(data, model=model), apercu.info(data)
    faults = []
    if decoded.shape != picture.shape or decoded.dtype != picture.dtype.newbyteorder("="):
        faults.append(f"decoded as {decoded.shape} {decoded.dtype}")
    if "max_error" in told and (worst := _worst(picture, decoded, told["interpretation"])) > told["max_error"]:
        faults.append(f"a sample is off by {worst}, max_error is {told['max_error']}")
    if "n_bytes" in options and len(data) > options["n_bytes"]:
        faults.append(f"{len(data)} bytes")
    if "bpp" in options and 8 * len(data) > options["bpp"] * picture.shape[0] * picture.shape[1]:
        faults.append(f"{len(data)} bytes are more bits a pixel")
    plain = picture.copy() if isinstance(picture, np.ma.MaskedArray) else np.ascontiguousarray(picture)
    if apercu.encode(plain, **options) != data:
        faults.append("encoded twice, two files")
    of_codec = about(options_by_codec()[options["codec"]])
    targets = [name for name, what in of_codec.items() if what.is_target]
    kept = ("codec", "model", "bands", "tile", "layers", *(of_codec.keys() - targets))
    settings = {name: options[name] for name in kept if name in options}
    target = {"quality": told["quality"]}
    if told["quality"] is None:
        target = {name: told[name] for name in targets}
    mask: Any = told.get("mask")
    exact = mask is None or mask["exact"]  # one that a budget halved does not come again without the budget
    if exact and "psnr" not in options and apercu.encode(picture, **target, **settings) != data:
        faults.append(f"{target} from info makes another file")
    wanted = {
        "height": picture.shape[0],
        "width": picture.shape[1],
        "bands": picture.shape[2] if picture.ndim == 3 else 1,
        "dtype": picture.dtype.newbyteorder("=").name,
        "codec": options["codec"],
        "n_bytes": len(data),
    }
    if "layers" in options:
        wanted["layers"] = options["layers"]
    if "tile" in options:
        down, across = (-(-side // options["tile"]) for side in picture.shape[:2])
        wanted["tiles"] = down * across
    faults += [
        f"info tells of {told[name]} {name}, not {value}" for name, value in wanted.items() if told[name] != value
    ]
    if found := apercu.check(data, model=model):
        faults.append(f"check finds {found}")
    for layers in range(1, int(told["layers"]) + 1):  # type: ignore[call-overload]  # info has many types
        if apercu.decode(data, model=model, layers=layers).shape != picture.shape:
            faults.append(f"layers={layers} has another shape")
    return faults


def _worst(picture: np.ndarray, decoded: np.ndarray, interpretation: object) -> int:
    """The largest error of the samples that count."""
    shape = (*picture.shape[:2], -1)
    mask = np.ma.getmaskarray(picture).reshape(shape) if isinstance(picture, np.ma.MaskedArray) else None
    samples = np.asarray(picture).reshape(shape)
    out = hidden(np.ascontiguousarray(samples), str(interpretation), mask)
    errors = np.abs(samples.astype(int) - decoded.reshape(shape))
    return int(errors.max() if out is None else errors[~out].max(initial=0))


def _picture(rng: random.Random) -> tuple[np.ndarray, str | None]:
    height, width = rng.choice((1, 7, 8, 9, rng.randrange(1, 48))), rng.choice((1, 2, 15, 17, rng.randrange(1, 48)))
    n_bands = rng.choice((1, 1, 3, 4, 2, 5))
    many = rng.randrange(MANY_ONE_IN)
    if many == 0:
        height, width, n_bands = rng.choice((1, 2)), rng.choice((1, 3)), rng.choice((40, 300, 1200))
    elif many == 1:
        height, width, n_bands = rng.choice(((1, 900, 1), (500, 1, 3), (100, 130, 1)))
    elif many == 2:
        height = width = 1
    bands = rng.choice((None, None, "spectral")) if n_bands in (1, 3, 4) else "spectral"
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
    if rng.random() < 0.15:
        hidden = noise(picture.shape, seed + 1) % rng.choice((2, 9, 1)) == 0
        picture = np.ma.MaskedArray(picture, hidden)
    if bands is None and n_bands == 1 and rng.random() < 0.7:
        picture = picture[:, :, 0]
    return picture, bands or {1: "grey", 3: "rgb", 4: "rgba"}[n_bands]


def _options(rng: random.Random, bands: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {"codec": rng.choice(tuple(CODECS)), "bands": bands}
    kind = rng.randrange(9)
    if kind < 3:
        options["quality"] = rng.choice((0, 100, rng.randrange(3201) / 32))
    elif kind < 5:
        options["codec"] = "taha2025"
        options["threshold"] = rng.choice((0, 1 / 16, 50, 1e9, rng.random() * 1000))
        options["step"] = rng.choice((1 / 8, 1, 8191.875, 2 ** rng.randrange(-3, 13)))
    elif kind == 5:
        options["n_bytes"] = rng.choice((12, 40, 200, rng.randrange(1, 2000)))
    elif kind == 6:
        options["bpp"] = rng.choice((0.05, 0.3, 2.0, 9.0, rng.random() * 4 + 0.01))
    elif kind == 7:
        options["psnr"] = rng.choice((10, 25.5, 40))
    elif rng.random() < 0.7:
        options["codec"] = "predictive"
        options["max_error"] = rng.choice((0, 0, 1, 2, rng.randrange(40), 254, 255, rng.randrange(65536), 65535))
    if options["codec"] == "taha2025" and rng.random() < 0.4:
        options["tables"] = rng.choice(("group", "latent"))
    if rng.random() < 0.4:
        options["tile"] = rng.choice((32, 32, 64, 65536))
    if "tables" not in options and len(coders := CODECS[options["codec"]]) > 1:
        options["entropy"] = rng.choice(coders)
    if (most := codec_of(options["codec"]).MOST_LAYERS) > 1 and rng.random() < 0.5:
        options["layers"] = rng.randrange(1, most + 1)
    return options
