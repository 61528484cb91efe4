"""The files of version 2 among the conformance vectors: prefixes of every kind."""

import binascii
import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.format.chunk_parts import deflated
from apercu.format.chunks import Bands, ControlPoint, Gcps, Geo, MaskBits, Reduced, Rpcs, SampleType, Scene
from apercu.format.container import put_varint
from apercu.format.prefix import pack_prefix
from apercu.stages.colour import Levels
from apercu.stages.mask import encode_mask, encode_planes, halved, pack
from apercu.stages.rotation import Rotation
from scripts.pictures import noise, scene, wide
from scripts.vector_case import Case, Written

WKT = 'PROJCS["unnamed",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]]],UNIT["metre",1]]'
GRID = 10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0


def prefixed(chunks: bytes, version: int = 0x20) -> bytes:
    """A prefix of these chunks."""
    body = bytes([0xAE, 0x70, version]) + put_varint(len(chunks)) + chunks
    return body + binascii.crc32(body).to_bytes(4, "little")


def chunk(number: int, payload: bytes) -> bytes:
    """A chunk."""
    return bytes([number]) + put_varint(len(payload)) + payload


@cache
def inner(n_bands: int = 1, is_wide: bool = False, layers: int = 1, height: int = 9, width: int = 13) -> bytes:
    """A small file of version 1."""
    image = scene(height, width, n_bands)
    samples = wide(image, 0, 40000) if is_wide else image
    if n_bands == 1:
        return apercu.encode(samples[:, :, 0], quality=30, layers=layers)
    return apercu.encode(samples, quality=30, layers=layers, bands="spectral")


def cases() -> dict[str, Case]:
    """All sound ones by name."""
    return {
        f"scene-{name}": case
        for name, case in (_places() | _words() | _values() | _masks() | _rotations() | _reduced()).items()
    }


def _case(
    about: str, said: Scene, n_bands: int = 1, is_wide: bool = False, layers: int = 1, size: tuple[int, int] = (9, 13)
) -> Written:
    return Written(about, pack_prefix(said) + inner(n_bands, is_wide, layers, *size))


def _places() -> dict[str, Case]:
    points = ControlPoint(0.0, 0.5, 1e5, -3.25, 17.0, "1", "no"), ControlPoint(9.0, 1 / 3, 2e5, 0.1, 0.0, "é", "")
    thirds = tuple(1 / (k + 3) for k in range(20))
    rpcs = Rpcs(5e2, 501.5, 36.1, 0.05, thirds, thirds[::-1], 4.5, 5.0, -115.2, 0.1, thirds, thirds, 6.5, 7.0, 0.25)
    turned = 9.659258262890683, 2.588190451025207, 399960.123, 2.588190451025207, -9.659258262890683, 1 / 3
    grid = Geo(32632, GRID)
    return {
        "grid": _case("a grid of Sentinel-2", Scene(grid, samples=SampleType("uint16", nodata=(0,))), 1, True),
        "system": _case("a reference system alone", Scene(Geo(4326))),
        "wkt": _case("a reference system in words, samples that are points", Scene(Geo(WKT, None, True))),
        "upright": _case("pixels that are no squares", Scene(Geo(None, (0.1, 0.0, -180.0, 0.0, -0.2, 90.0)))),
        "turned": _case("a turned grid", Scene(Geo(32633, turned))),
        "south": _case("a zone of UTM in the south", Scene(Geo(32760, (-10.0, 0.0, 5.0, 0.0, 10.0, 1e7)))),
        "authority": _case("a reference system by the code of another authority", Scene(Geo("ESRI:102008"))),
        "square-raw": _case("squares of long numbers", Scene(Geo(None, (1 / 3, 0.0, 1 / 7, 0.0, -1 / 3, 1e6 / 7)))),
        "upright-raw": _case(
            "other pixels of long numbers", Scene(Geo(None, (1 / 3, 0.0, 1 / 7, 0.0, -1 / 9, 1e6 / 7)))
        ),
        "sheared": _case("six short numbers", Scene(Geo(32633, (10.0, 0.5, 5.0, 0.25, -10.0, 7.0)))),
        "points": _case("control points", Scene(gcps=Gcps(points, 4326))),
        "polynomials": _case("rational polynomials", Scene(rpcs=rpcs)),
        "layers": _case("an image in layers", Scene(Geo(4326)), 3, layers=3),
        "nothing": Written("a prefix that says nothing", prefixed(b"") + inner()),
        "unknown": Written("a chunk to come, which is skipped", prefixed(chunk(0x7F, b"what?")) + inner()),
    }


def _words() -> dict[str, Case]:
    tags = {(0, ""): {"A": "1", "B": ""}, (0, "IMD"): {"é": "<x/>"}, (2, ""): {"C": "line\nline"}}
    of_bands = Bands(("B04", None), (None, "m²"), ("red", "nir"), (1e-4, 1.0), (0.0, -0.1))
    resolution = {"TIFFTAG_RESOLUTIONUNIT": "2 (pixels/inch)", "TIFFTAG_XRESOLUTION": "96", "TIFFTAG_YRESOLUTION": "96"}

    def usual(number: int) -> Written:
        return Written(f"tags that are the number {number}", prefixed(chunk(0x05, bytes([number]))) + inner())

    of_text = {
        "tags-ended": ("a text whose last string has its zero byte", b"A\0B\0"),
        "tags-empty-value": ("a value that is empty", b"A\0\0"),
        "tags-of-band": ("tags of a band alone", b"\0\1\0A\0B"),
    }
    found: dict[str, Case] = {
        name: Written(about, prefixed(chunk(0x05, deflated(text))) + inner()) for name, (about, text) in of_text.items()
    }
    return found | {
        "words": _case("words of bands, and tags", Scene(bands=of_bands, tags=tags), 2),
        "names": Written("a name that ends with the text", prefixed(chunk(0x04, deflated(b"\x01\x02\0B4"))) + inner(2)),
        "no-words": Written("bands of which nothing is said", prefixed(chunk(0x04, deflated(b"\0\1"))) + inner()),
        "tags-usual": _case("usual tags", Scene(tags={(0, ""): {"OVR_RESAMPLING_ALG": "RMS", **resolution}})),
        "tags-usual-least": usual(0x01),
        "tags-usual-most": usual(0x58),
    }


def _values() -> dict[str, Case]:
    def case(about: str, dtype: str, *mapping: tuple[float, float], nodata: tuple[float | int | None, ...]) -> Written:
        n_bands = max(len(mapping), len(nodata))
        return _case(about, Scene(samples=SampleType(dtype, mapping, nodata)), n_bands, True)

    least32 = -3.4028234663852886e38
    return {
        "int8": case("wide samples as int8, cut off at its ends", "int8", (-140.0, 1 / 256), nodata=(None,)),
        "int16": case("int16 of three bands", "int16", (-5.0, 1.0), (0.25, 1 / 3), (9.0, -0.5), nodata=(-5, None, 9.5)),
        "uint32": case("uint32", "uint32", (4e9, 1e5), nodata=(2**32 - 1,)),
        "int32": case("int32, downwards", "int32", (7.5, -1000.0), nodata=(-(2**31),)),
        "uint64": case("uint64, up to its end", "uint64", (1e19, 1e15), nodata=(2**64 - 1,)),
        "int64": case("int64, down to its end", "int64", (0.0, -1e15), nodata=(-(2**63),)),
        "float16": case("float16, up to infinity", "float16", (0.0, 2.0), nodata=(math.inf,)),
        "float32": case("float32 and its least number", "float32", (-1.5, 0.001), nodata=(least32,)),
        "float64": case("float64, not a number", "float64", (1e-3, 1 / 7), (0.0, 1.0), nodata=(math.nan, 0.0)),
        "moved": _case("samples that would be no data", Scene(samples=SampleType("uint8", nodata=(30, None, 90))), 3),
    }


def _halved(mask: NDArray[np.bool_], times: int) -> bytes:
    planes, width = pack(mask), mask.shape[1]
    for _ in range(times):
        planes, width = halved(planes, width), -(-width // 2)
    return encode_planes(planes, width)


def _masks() -> dict[str, Case]:
    rows, columns = np.mgrid[:9, :13]
    slanted, striped = 2 * columns + rows < 9, columns % 4 > 1
    each = encode_mask(np.dstack([slanted, striped]))
    rows, columns = np.mgrid[:40, :67]
    round_, coarse = (columns - 30) ** 2 + (rows - 17) ** 2 < 250, noise((40, 67), 3) % 3 == 0
    bitten = round_ & ~((columns > 37) & (columns < 42) & (rows < 20))
    large = Scene(mask=MaskBits("band", 0, 1, encode_mask(7 * columns - 3 * rows < 211)))
    differing = encode_mask(np.dstack([round_, bitten, bitten, coarse]))
    several = Scene(mask=MaskBits("nodata", 0, 4, differing), samples=SampleType("uint8", nodata=(0,)))

    def case(about: str, mask: MaskBits, nodata: float | None = None, n_bands: int = 1, **said: Any) -> Written:
        samples = None if nodata is None else SampleType("uint8", nodata=(nodata,))
        return _case(about, Scene(mask=mask, samples=samples, **said), n_bands)

    names = Bands(("a", "b", "alpha"), colours=("red", None, "alpha"))
    return {
        "mask": case("a mask of its own", MaskBits("band", 0, 1, encode_mask(slanted))),
        "mask-nodata": case("a mask by a no-data value", MaskBits("nodata", 0, 1, encode_mask(slanted)), 32),
        "mask-alpha": case(
            "alpha that is a mask, and has a name and tags",
            MaskBits("alpha", 0, 1, encode_mask(striped)),
            n_bands=2,
            bands=names,
            tags={(3, ""): {"a": "b"}},
        ),
        "mask-each": case("masks of two bands", MaskBits("nodata", 0, 2, each), 0, 2),
        "mask-halved": case("a mask at a quarter", MaskBits("nodata", 2, 1, _halved(slanted, 2)), 255),
        "mask-outline": _case("a mask with a long border", large, size=(40, 67)),
        "mask-pixels": _case(
            "a mask of single pixels",
            Scene(mask=MaskBits("nodata", 0, 1, encode_mask(coarse)), samples=SampleType("uint8", nodata=(9,))),
            size=(40, 67),
        ),
        "mask-several": _case("masks that differ, are the same, and have nothing in common", several, 4, size=(40, 67)),
        "mask-none": case("a mask that hides nothing", MaskBits("nodata", 4, 1, b""), 255),
    }


def _rotations() -> dict[str, Case]:
    turned = Rotation(((37, 37, 37), (-45, 0, 45), (26, -52, 26)), (Levels(0, 100), Levels(30, 120), Levels(5, 90)))
    uint8 = turned._replace(levels=(Levels(0, 60),) * 3, wide=False)
    striped = np.mgrid[:9, :13][1] % 4 > 1
    hidden = MaskBits("nodata", 1, 1, _halved(striped, 1))

    def of(n_bands: int) -> Written:
        draw = (noise((n_bands, n_bands), n_bands) % 256).astype(np.uint8).view(np.int8).tolist()
        levels = tuple(Levels(7 * band % 209, 208 - band) for band in range(n_bands))
        said = Scene(rotation=Rotation(tuple(map(tuple, draw)), levels))
        return _case(f"components of {n_bands} bands, any matrix", said, n_bands, True, size=(3, 5))

    return {
        "rotation": _case("components of three bands", Scene(rotation=turned), 3, True),
        "rotation-uint8": _case(
            "components of bands of 8 bits",
            Scene(rotation=uint8, samples=SampleType("uint8", nodata=(0,)), mask=hidden),
            3,
            True,
        ),
        "rotation-float32": _case(
            "components of mapped bands", Scene(rotation=turned, samples=SampleType("float32", ((0.5, 1e-4),))), 3, True
        ),
        **{f"rotation-{n}-bands": of(n) for n in (2, 4, 15, 16, 63, 64)},
    }


def _reduced() -> dict[str, Case]:
    grid, nodata = Geo(32632, GRID), SampleType("uint16", nodata=(0,))
    slanted = 2 * np.mgrid[:9, :13][1] + np.mgrid[:9, :13][0] < 9
    turned = Rotation(((45, 45), (-45, 45)), (Levels(0, 120), Levels(30, 100)))
    mask, halved = MaskBits("nodata", 0, 1, encode_mask(slanted)), MaskBits("nodata", 1, 1, _halved(slanted, 1))
    return {
        "reduced": _case("a reduced size", Scene(grid, reduced=Reduced(2, 33, 52))),
        "reduced-rgb": Written(
            "colours at a half",
            pack_prefix(Scene(reduced=Reduced(1, 17, 25))) + apercu.encode(scene(9, 13, 3), quality=90),
        ),
        "reduced-rotation": _case(
            "components at a half, with a mask",
            Scene(rotation=turned, samples=nodata, mask=mask, reduced=Reduced(1, 18, 26)),
            2,
            True,
        ),
        "reduced-float32": _case(
            "mapped samples at an eighth, with half a mask",
            Scene(samples=SampleType("float32", ((0.5, 1e-4),), (-1.0,)), mask=halved, reduced=Reduced(3, 65, 104)),
            1,
            True,
        ),
        "reduced-row": _case("one row, of three", Scene(reduced=Reduced(2, 3, 17)), size=(1, 5)),
        "reduced-pixel": _case("one pixel, of 32 × 9", Scene(reduced=Reduced(5, 32, 9)), size=(1, 1)),
        "reduced-most": _case("the largest k", Scene(reduced=Reduced(15, 1, 5)), size=(1, 1)),
    }
