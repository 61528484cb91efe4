"""The files of version 2 among the conformance vectors: prefixes of every kind, sound and damaged."""

import binascii
import math
import re
import struct
import zlib
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
from scripts.pictures import scene, wide
from scripts.vector_case import Case, Fault, Written

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
def inner(n_bands: int = 1, is_wide: bool = False, layers: int = 1) -> bytes:
    """A small file of version 1."""
    image = scene(9, 13, n_bands)
    samples = wide(image, 0, 40000) if is_wide else image
    if n_bands == 1:
        return apercu.encode(samples[:, :, 0], quality=30, layers=layers)
    return apercu.encode(samples, quality=30, layers=layers, bands="spectral")


def cases() -> dict[str, Case]:
    """All sound ones by name."""
    return {f"scene-{name}": case for name, case in (_places() | _values() | _masks()).items()}


def faults() -> dict[str, Fault]:
    """All damaged ones by name."""
    return {f"scene-{name}": fault for name, fault in (_prefixes() | _payloads() | _misfits()).items()}


def _case(about: str, said: Scene, n_bands: int = 1, is_wide: bool = False, layers: int = 1) -> Written:
    return Written(about, pack_prefix(said) + inner(n_bands, is_wide, layers))


def _places() -> dict[str, Case]:
    tags = {(0, ""): {"A": "1", "B": ""}, (0, "IMD"): {"é": "<x/>"}, (2, ""): {"C": "line\nline"}}
    points = ControlPoint(0.0, 0.5, 1e5, -3.25, 17.0, "1", "no"), ControlPoint(9.0, 1 / 3, 2e5, 0.1, 0.0, "é", "")
    thirds = tuple(1 / (k + 3) for k in range(20))
    rpcs = Rpcs(5e2, 501.5, 36.1, 0.05, thirds, thirds[::-1], 4.5, 5.0, -115.2, 0.1, thirds, thirds, 6.5, 7.0, 0.25)
    of_bands = Bands(("B04", None), (None, "m²"), ("red", "nir"), (1e-4, 1.0), (0.0, -0.1))
    turned = 9.659258262890683, 2.588190451025207, 399960.123, 2.588190451025207, -9.659258262890683, 1 / 3
    grid = Geo(32632, GRID)
    return {
        "grid": _case("a grid of Sentinel-2", Scene(grid, samples=SampleType("uint16", nodata=(0,))), 1, True),
        "system": _case("a reference system alone", Scene(Geo(4326))),
        "wkt": _case("a reference system in words, samples that are points", Scene(Geo(WKT, None, True))),
        "upright": _case("pixels that are no squares", Scene(Geo(None, (0.1, 0.0, -180.0, 0.0, -0.2, 90.0)))),
        "turned": _case("a turned grid", Scene(Geo(32633, turned))),
        "sheared": _case("six short numbers", Scene(Geo(32633, (10.0, 0.5, 5.0, 0.25, -10.0, 7.0)))),
        "points": _case("control points", Scene(gcps=Gcps(points, 4326))),
        "polynomials": _case("rational polynomials", Scene(rpcs=rpcs)),
        "words": _case("words of bands, and tags", Scene(bands=of_bands, tags=tags), 2),
        "reduced": _case("a reduced size", Scene(grid, reduced=Reduced(2, 33, 52))),
        "layers": _case("an image in layers", Scene(Geo(4326)), 3, layers=3),
        "nothing": Written("a prefix that says nothing", prefixed(b"") + inner()),
        "unknown": Written("a chunk to come, which is skipped", prefixed(chunk(0x7F, b"what?")) + inner()),
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
    turned = Rotation(((37, 37, 37), (-45, 0, 45), (26, -52, 26)), (Levels(0, 100), Levels(30, 120), Levels(5, 90)))

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
        "mask-none": case("a mask that hides nothing", MaskBits("nodata", 4, 1, b""), 255),
        "rotation": _case("components of three bands", Scene(rotation=turned), 3, True),
        "rotation-uint8": _case(
            "components of bands of 8 bits",
            Scene(
                rotation=turned._replace(levels=(Levels(0, 60),) * 3, wide=False),
                samples=SampleType("uint8", nodata=(0,)),
                mask=MaskBits("nodata", 1, 1, _halved(striped, 1)),
            ),
            3,
            True,
        ),
        "rotation-float32": _case(
            "components of mapped bands", Scene(rotation=turned, samples=SampleType("float32", ((0.5, 1e-4),))), 3, True
        ),
    }


def _prefixes() -> dict[str, Fault]:
    sound = pack_prefix(Scene(Geo(32632, GRID)))
    other = prefixed(chunk(0x01, b"\x20")[:-1] + b"\x00")
    file = sound + inner()
    return {
        "cut-after-version": Fault("no length", "Truncated", "within its prefix", sound[:3]),
        "cut-in-chunks": Fault("chunks that are cut", "Truncated", "within its prefix", sound[:12]),
        "cut-in-checksum": Fault("half a checksum", "Truncated", "within its prefix", sound[:-2]),
        "cut-after-prefix": Fault("a prefix alone", "Truncated", "within its head", sound),
        "checksum": Fault(
            "the checksum of another prefix", "ChecksumError", "prefix", sound[:-4] + other[-4:] + inner()
        ),
        "variant": Fault("a variant to come", "UnsupportedVersion", "variant", prefixed(b"", 0x21) + inner()),
        "length": Fault(
            "chunks of 2^24 bytes", "CorruptStream", "length", b"\xae\x70\x20" + put_varint(1 << 24) + bytes(99)
        ),
        "critical": Fault("a chunk to come", "UnknownChunk", "chunk 255", prefixed(chunk(0xFF, b"")) + inner()),
        "twice": Fault("a prefix before a prefix", "UnsupportedVersion", "version 2", sound + file),
        "inner-magic": Fault("another format inside", "NotApercu", "first bytes", sound + b"\x89PNG" + bytes(50)),
        "inner-checksum": Fault("a damaged inner file", "ChecksumError", "match", file[:-1] + bytes([file[-1] ^ 1])),
    }


def _payloads() -> dict[str, Fault]:
    """All break a rule of CorruptStream."""

    def words(text: bytes) -> bytes:
        return put_varint(len(deflated(text))) + deflated(text)

    infinite, nan = struct.pack("<d", math.inf), struct.pack("<d", math.nan)
    found = {
        "chunks out of order": chunk(0x81, b"\x12") + chunk(0x01, b"\x00"),
        "a chunk twice": chunk(0x01, b"\x00") * 2,
        "a chunk longer than the prefix": b"\x01\x05\x00",
        "a chunk without a length": b"\x01",
        "an unknown chunk longer than the prefix": b"\x7f\x05\x00",
        "geo: no bytes": chunk(0x01, b""),
        "geo: bit 6": chunk(0x01, b"\x40"),
        "geo: a fifth kind of transform": chunk(0x01, b"\x14"),
        "geo: a third kind of system": chunk(0x01, b"\x03"),
        "geo: EPSG 0": chunk(0x01, b"\x01\x00"),
        "geo: EPSG 2^24": chunk(0x01, b"\x01" + put_varint(1 << 24)),
        "geo: cut": chunk(0x01, b"\x04\x04\x04"),
        "geo: goes on": chunk(0x01, b"\x04\x04\x04\x04\x04"),
        "geo: not finite": chunk(0x01, b"\x04\x04\x04\x01" + infinite),
        "geo: not finite, raw": chunk(0x01, b"\x10" + struct.pack("<6d", 1, 0, 0, 0, math.nan, 0)),
        "geo: an exponent of 64": chunk(0x01, b"\x04\x04\x04" + put_varint(259) + b"\x02"),
        "geo: a mantissa of 65 bits": chunk(0x01, b"\x04\x04\x04\x05" + put_varint(1 << 64)),
        "geo: an integer of 66 bits": chunk(0x01, b"\x04\x04\x04" + put_varint(1 << 66)),
        "geo: no deflate": chunk(0x01, b"\x02\x02\xff\xff"),
        "geo: deflate that does not end": chunk(0x01, b"\x02\x05" + deflated(b"PROJCS[abc")[:5]),
        "geo: a zero byte": chunk(0x01, b"\x02" + words(b"a\0b")),
        "geo: no UTF-8": chunk(0x01, b"\x02" + words(b"\xff")),
        "gcps: no points": chunk(0x02, deflated(b"\x00\x00")),
        "gcps: more points than bytes": chunk(0x02, deflated(b"\x00" + put_varint(60000) + bytes(100))),
        "gcps: goes on": chunk(0x02, deflated(b"\x00\x01" + bytes(8))),
        "gcps: bytes after the end": chunk(0x02, deflated(b"\x00\x01" + bytes(7)) + b"\x00"),
        "gcps: a third kind of system": chunk(0x02, deflated(b"\x03\x01" + bytes(7))),
        "gcps: inflates beyond 2^20 bytes": chunk(0x02, zlib.compress(bytes((1 << 20) + 1), 9)[2:-4]),
        "rpcs: a third error": chunk(0x03, b"\x04" + bytes(90)),
        "rpcs: 91 numbers": chunk(0x03, b"\x03" + bytes(91)),
        "rpcs: 93 numbers": chunk(0x03, b"\x03" + bytes(93)),
        "bands: bit 5": chunk(0x04, deflated(b"\x20\x01")),
        "bands: none": chunk(0x04, deflated(b"\x01\x00")),
        "bands: a string cut": chunk(0x04, deflated(b"\x01\x01\x03a")),
        "tags: out of order": chunk(0x05, deflated(b"\x01\x00\x01\x01a\x00" + b"\x00\x00\x01\x01a\x00")),
        "tags: namespaces twice": chunk(0x05, deflated(b"\x00\x00\x01\x01a\x00" * 2)),
        "tags: names twice": chunk(0x05, deflated(b"\x00\x00\x02\x01a\x00\x01a\x00")),
        "tags: none in a group": chunk(0x05, deflated(b"\x00\x00\x00")),
        "samples: dtype 11": chunk(0x81, b"\x0b"),
        "samples: a third kind of mapping": chunk(0x81, b"\xc2\x00\x04"),
        "samples: scale 0": chunk(0x81, b"\x43\x04\x00"),
        "samples: not finite": chunk(0x81, b"\x43\x01" + nan + b"\x04"),
        "samples: neither there nor not": chunk(0x81, b"\x32\x01\x02\x00"),
        "samples: no bands": chunk(0x81, b"\x32\x00"),
        "samples: goes on": chunk(0x81, b"\x12\x00"),
        "mask: a fourth kind": chunk(0x82, b"\x03"),
        "mask: 17 halvings": chunk(0x82, b"\x88"),
        "mask: no bytes": chunk(0x82, b""),
        "mask: bytes that are none": chunk(0x82, b"\x00" + b"\x55" * 20),
        "rotation: one band": chunk(0x83, b"\x10\x40\x00\x01"),
        "rotation: 65 bands": chunk(0x83, b"\x10" + bytes(65 * 67)),
        "rotation: cut": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\x00"),
        "rotation: 9 bits": chunk(0x83, b"\x09\x40\x00\x00\x40\x00\x01\x00\x01"),
        "rotation: a range of nothing": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\x00\x00"),
        "rotation: an offset code of 209": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\xd1\x01"),
        "reduced: 2^0": chunk(0x84, b"\x00\x00\x00"),
        "reduced: 2^16": chunk(0x84, b"\x10\x00\x00"),
        "reduced: a side of 2^31 + 1": chunk(0x84, b"\x01" + put_varint(1 << 31) + b"\x00"),
    }
    return {
        re.sub(r"[^a-z0-9]+", "-", about.lower()): Fault(about, "CorruptStream", "", prefixed(chunks) + inner())
        for about, chunks in found.items()
    }


def _misfits() -> dict[str, Fault]:
    """Chunks that do not fit the head."""
    found = {
        "bands": (Scene(bands=Bands(("a", "b"))), 3, False),
        "tags": (Scene(tags={(4, ""): {"a": "b"}}), 3, False),
        "dtype": (Scene(samples=SampleType("uint16", nodata=(0,))), 1, False),
        "no-mapping": (Scene(samples=SampleType("int16")), 1, True),
        "values": (Scene(samples=SampleType("uint16", nodata=(1, 2))), 3, True),
        "mappings": (Scene(samples=SampleType("int16", ((0.0, 1.0), (0.0, 2.0)))), 3, True),
        "size": (Scene(reduced=Reduced(2, 33, 53)), 1, False),
        "rotation": (Scene(rotation=Rotation(((64, 0), (0, 64)), (Levels(0, 1),) * 2)), 3, True),
        "rotation-uint8": (Scene(rotation=Rotation(((64, 0), (0, 64)), (Levels(0, 1),) * 2)), 2, False),
    }
    return {
        f"misfit-{name}": Fault(
            f"a prefix and a head at odds: {name}", "CorruptStream", "", pack_prefix(said) + inner(*of)
        )
        for name, (said, *of) in found.items()
    }
