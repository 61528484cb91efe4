"""Files and placeholders for the npm package of web/, and what it has to make of each."""

import base64
import hashlib
import json
from functools import cache

import numpy as np

import apercu
from apercu.codecs.placeholder import read_head
from apercu.format.ids import CODEC_IDS
from scripts import c_library
from scripts.pictures import scene, wide
from scripts.vector_files import read_pixels
from test_conformance import INVALID, VALID, VECTORS
from tests.page_case import original


def encoded(data):
    return base64.b64encode(data).decode()


def expected(data, error):
    """That of the page, which has the codec apercu alone."""
    return c_library.expected(data, error, [CODEC_IDS["apercu", "range"]])


def line(pixels, shown=()):
    """As web_cases.mjs writes an image."""
    height, width, bands = pixels.reshape(*pixels.shape[:2], -1).shape
    name = "Uint16Array" if pixels.dtype == np.uint16 else "Uint8Array"
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return " ".join(map(str, [height, width, bands, name, digest, *shown]))


def valid_cases():
    for name in VALID:
        folder = VECTORS / "valid" / name
        data, test = (folder / "in.apc").read_bytes(), json.loads((folder / "test.json").read_text())
        model = (folder / test["model"]).read_bytes() if test["model"] else None
        wanted = expected(data, "")
        if not wanted:
            file = test["restore"]["none"]["file"]
            wanted = line(read_pixels((folder / file).read_bytes(), file, test["shape"]))
        yield f"valid/{name}", data, model, {}, wanted


def of_package(data, model=None, **options):
    """What the package makes of bytes of the profile core: a line, or the name of an error."""
    try:
        return line(apercu.decode(data, model=model, **options))
    except apercu.ApercuError as error:
        return expected(data, type(error).__name__)


def invalid_cases():
    for name in INVALID:
        file = VECTORS / "invalid" / f"{name}.apc"
        data, test = file.read_bytes(), json.loads(file.with_suffix(".json").read_text())
        path = VECTORS / test["model"] if test["model"] else None
        model = path.read_bytes() if path and path.exists() else None
        wanted = expected(data, test["error"])
        yield f"invalid/{name}", data, model, {}, wanted
        if wanted == test["error"]:
            conceal = {"damaged": "conceal"}
            yield f"invalid/{name} concealed", data, model, conceal, of_package(data, path, **conceal)


def drawn_cases():
    """Small images of all kinds and sizes, whole, in parts, and with a wrong byte in each of several places."""
    rng = np.random.default_rng(16)
    kinds = ("grey", np.uint8, 1), ("rgb", np.uint8, 3), ("rgba", np.uint8, 4), ("spectral", np.uint8, 2)
    kinds += ("grey", np.uint16, 1), ("rgb", np.uint16, 3), ("rgba", np.uint16, 4), ("spectral", np.uint16, 6)
    sizes = (1, 1), (1, 9), (7, 1), (2, 2), (17, 33), (40, 31), (70, 65)
    for size in sizes:
        for bands, dtype, n in kinds:
            smooth = np.add.outer(np.arange(size[0]) ** 2, 3 * np.arange(size[1]))[:, :, None] * np.arange(1, n + 1)
            noise = rng.integers(0, 40, (*size, n))
            most = 255 if dtype == np.uint8 else 4000
            image = ((smooth * 7 + noise * 2) % (most + 1)).astype(dtype)
            options = {"quality": float(rng.integers(20, 100)), "layers": int(rng.integers(1, 6)), "bands": bands}
            data = apercu.encode(image, **options, **({"tile": 32} if max(size) > 64 else {}))
            name = f"{bands} {dtype.__name__} {size}"
            yield name, data, None, {}, of_package(data)
            layers = {"layers": 1 + options["layers"] // 2}
            yield f"{name} {layers}", data, None, layers, of_package(data, **layers)
            for at in rng.integers(2, len(data), 3):
                wrong = bytearray(data)
                wrong[at] ^= 1 << int(rng.integers(8))
                for how in {}, {"damaged": "conceal"}:
                    yield f"{name} {at} {how}", bytes(wrong), None, how, of_package(bytes(wrong), **how)


def of_placeholder(data, size=None):
    """What the package makes of a placeholder: a line of RGBA and of the average colour, or the name of an error."""
    try:
        pixels = np.atleast_3d(apercu.placeholder_image(data, size or read_head(data).scaled(128)))
    except apercu.ApercuError as error:
        return type(error).__name__
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, 2)
    if pixels.shape[2] == 3:
        pixels = np.pad(pixels, ((0, 0), (0, 0), (0, 1)), constant_values=255)
    return line(pixels, apercu.placeholder_info(data)["colour"]).replace("Uint8Array", "Uint8ClampedArray")


def placeholder_cases():
    """Placeholders of all kinds at several sizes, and damaged ones."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:40, :60]
    colour = np.stack([4 * x, 6 * y, 120 + 50 * np.sin(x / 9 + y / 5), 255 - 4 * np.abs(x - 30)], -1).astype(np.uint8)
    made = [
        (colour, 40),
        (colour[:, :, :3], 300),
        (colour[:, :, 1], 30),
        (colour[:30, :9, :3], 24),
        (colour[:2, :, 2], 16),
    ]
    for picture, n_bytes in [*made, (colour[:2, :, 2], 16)]:
        data = apercu.placeholder(picture, n_bytes)
        for size in None, *rng.integers(1, 300, (4, 2)).tolist(), (1, 2000), (2000, 1):
            options = {"height": size[0], "width": size[1]} if size else {}
            yield f"placeholder {picture.shape} {size}", data, None, options, of_placeholder(data, size)
    for file in sorted((VECTORS / "placeholders").glob("*.json")):
        test = json.loads(file.read_text())
        frozen = bytes.fromhex(test["data"])
        for size in [picture["shape"][:2] for picture in test.get("pictures", [])] or [None]:
            options = {"height": size[0], "width": size[1]} if size else {}
            yield f"placeholder {file.stem} {size}", frozen, None, options, of_placeholder(frozen, size)
    kind, long, short = b"\xc0" + data[1:], data + bytes(300), [data[:n] for n in range(8)]
    for wrong in (kind, long, data + b"1" * 20, *short, *(rng.bytes(30) for _ in range(20))):
        yield f"placeholder {wrong.hex()}", wrong, None, {}, of_placeholder(wrong)


@cache
def waves():
    """RGB of 8 bits, 300 x 220, of which most is in the first layer."""
    y, x, c = np.mgrid[:220, :300, :3]
    return (128 + 60 * np.sin(x / 11 + c) * np.cos(y / 13) + 50 * np.sin((x + y) / 23)).astype(np.uint8)


ENCODINGS = [
    {"quality": 60.5, "layers": 3},
    {"quality": 47, "layers": 5, "tile": 32},
    {"quality": 55, "layers": 1, "tile": 64, "model": 10},
    {"quality": 62, "model": 10},
    {"quality": 70, "tile": 64},
    {"quality": 90, "tile": 64},
    {"quality": 90},
    {"quality": 5},
]
"""Options of an encoder, as web/ has them."""


@cache
def pictures():
    """Of several kinds and numbers of layers."""
    colour = original(1, (40, 56))
    return [
        apercu.encode(colour, quality=70, layers=4),
        apercu.encode(np.dstack([colour, colour[:, :, :1]]), quality=60, layers=5, tile=32),
        apercu.encode(colour.astype(np.uint16) * 17 + 300, quality=80, layers=2),
        apercu.encode(colour[:, :, 0].astype(np.uint16) * 9, quality=50, layers=3),
        apercu.encode(colour[:, :, 1], quality=40, layers=1),
        apercu.encode(np.dstack([colour, colour]), quality=70, layers=3),
    ]


@cache
def textured():
    """Files of all that decides how much a restorer adds (`apercu.restore.trust`): edges, slopes, points, waves,
    chequers, colours, steps. Each of its numbers counts in one of them, at least."""
    y, x = np.mgrid[:200, :330]
    three = np.ones(3)
    waves = (120 + 50 * np.sin(x / 4) + 25 * np.cos(y / 5.2))[:, :, None] * [1, 0.9, 0.8]
    chequers = 255 * ((x // 6 + y // 6) % 2)[:, :, None] * three
    hues = np.stack([120 + 80 * np.sin(x / 9), 120 + 80 * np.sin(y / 7), 120 + 80 * np.sin((x + y) / 11)], -1)
    drawn = np.where((x < 110)[:, :, None], waves, np.where((x < 220)[:, :, None], chequers, scene(200, 330, 3, 2)))
    noisy = scene(200, 330, 3) + (x < 160)[:, :, None] * np.random.default_rng(3).normal(0, 25, (200, 330, 3))
    pictures = (scene(200, 330, 3), 30), (scene(200, 330, 3, 5), 58), (scene(200, 330, 3, 5), 66), (hues, 40)
    cases = *pictures, (drawn, 50), (drawn, 57), (noisy, 55)
    return [
        *(apercu.encode(np.clip(picture, 0, 255).astype(np.uint8), quality=quality) for picture, quality in cases),
        apercu.encode(scene(150, 560, 3), quality=30),
        apercu.encode(scene(140, 103, 3), quality=35, tile=64, layers=3),
        apercu.encode(wide(scene(150, 200)[:, :, 0], 300, 40000), quality=30),
    ]


def cases():
    """Name, bytes, user's model, options, what is wanted."""
    return [*valid_cases(), *invalid_cases(), *drawn_cases(), *placeholder_cases()]


def listed(cases):
    """As web_cases.mjs reads them."""
    return [
        {
            "data": encoded(data),
            "model": model and encoded(model),
            "options": options,
            "placeholder": name.startswith("placeholder"),
        }
        for name, data, model, options, _ in cases
    ]


def differences(cases, found):
    """Those that differ in what is wanted; layers shown, at the end, are not."""
    return [
        (name, wanted, got)
        for (name, *_, wanted), got in zip(cases, found, strict=True)
        if f"{got} ".find(f"{wanted} ")
    ]
