"""The damaged files of version 2 among the conformance vectors."""

import math
import re
import struct
import zlib

from apercu.format.chunk_parts import deflated
from apercu.format.chunks import Bands, Geo, MaskBits, Reduced, SampleType, Scene
from apercu.format.container import put_varint
from apercu.format.prefix import pack_prefix
from apercu.stages.colour import Levels
from apercu.stages.rotation import Rotation
from scripts.vector_case import Fault
from scripts.vector_cases_scenes import GRID, chunk, inner, prefixed

TURNED = Rotation(((64, 0), (0, 64)), (Levels(0, 1),) * 2)


def faults() -> dict[str, Fault]:
    """All by name."""
    return {f"scene-{name}": fault for name, fault in (_prefixes() | _payloads() | _masks() | _misfits()).items()}


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
        "length-long": Fault(
            "a length that is longer than need be", "CorruptStream", "length", b"\xae\x70\x20\x80\x00" + bytes(99)
        ),
        "order-checksum": Fault(
            "a chunk to come, and a checksum that is wrong",
            "ChecksumError",
            "prefix",
            prefixed(chunk(0xFF, b""))[:-4] + bytes(4),
        ),
        "order-chunks": Fault(
            "a chunk that breaks a rule, and one to come",
            "CorruptStream",
            "",
            prefixed(chunk(0x81, b"\x0f") + chunk(0xFF, b"")) + inner(),
        ),
        "order-head": Fault(
            "chunks that do not fit, and a head that breaks a rule",
            "UnknownModel",
            "",
            pack_prefix(Scene(samples=SampleType("int16"))) + inner()[:3] + b"\xfe" + inner()[4:],
        ),
        "order-fit": Fault(
            "chunks that do not fit, and a mask that breaks a rule",
            "CorruptStream",
            "without a mapping",
            pack_prefix(Scene(samples=SampleType("int16"), mask=MaskBits("band", 0, 1, b"\x55" * 20))) + inner(),
        ),
        "critical-first": Fault(
            "the first critical one", "UnknownChunk", "chunk 128", prefixed(chunk(0x80, b"")) + inner()
        ),
        "critical-next": Fault(
            "the next critical one", "UnknownChunk", "chunk 133", prefixed(chunk(0x85, b"")) + inner()
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
        "a length of a chunk that is longer than need be": b"\x01\x81\x00\x00",
        "a length of a chunk of 2^24": b"\x01" + put_varint(1 << 24) + bytes(9),
        "geo: no bytes": chunk(0x01, b""),
        "geo: bit 6": chunk(0x01, b"\x40"),
        "geo: bit 7": chunk(0x01, b"\x80"),
        "geo: float64 of no transform": chunk(0x01, b"\x10"),
        "geo: a third kind of system": chunk(0x01, b"\x03"),
        "geo: EPSG 0": chunk(0x01, b"\x01\x00"),
        "geo: EPSG 2^24": chunk(0x01, b"\x01" + put_varint((1 << 24) + 127)),
        "geo: zone 61 in the north": chunk(0x01, b"\x01\x3d"),
        "geo: zone 0 in the south": chunk(0x01, b"\x01\x40"),
        "geo: zone 63 in the south": chunk(0x01, b"\x01\x7f"),
        "geo: cut": chunk(0x01, b"\x04\x04\x04"),
        "geo: goes on": chunk(0x01, b"\x04\x04\x04\x04\x04"),
        "geo: not finite": chunk(0x01, b"\x04\x04\x04\x01" + infinite),
        "geo: not finite, raw": chunk(0x01, b"\x1c" + struct.pack("<6d", 1, 0, 0, 0, math.nan, 0)),
        "geo: raw, cut": chunk(0x01, b"\x14" + bytes(23)),
        "geo: raw, goes on": chunk(0x01, b"\x18" + bytes(33)),
        "geo: an exponent of 64": chunk(0x01, b"\x04\x04\x04" + put_varint(259) + b"\x02"),
        "geo: a mantissa of 65 bits": chunk(0x01, b"\x04\x04\x04\x05" + put_varint(1 << 64)),
        "geo: an integer of 66 bits": chunk(0x01, b"\x04\x04\x04" + put_varint(1 << 66)),
        "geo: no deflate": chunk(0x01, b"\x02\x02\xff\xff"),
        "geo: deflate that does not end": chunk(0x01, b"\x02\x05" + deflated(b"PROJCS[abc")[:5]),
        "geo: a WKT of 2^21 bytes": chunk(0x01, b"\x02" + put_varint(1 << 21)),
        "geo: a WKT that is cut": chunk(0x01, b"\x02" + words(b"PROJCS")[:-1]),
        "geo: a WKT with bytes after its end": chunk(0x01, b"\x02\x03\x03\x00\x00"),
        "geo: a zero byte": chunk(0x01, b"\x02" + words(b"a\0b")),
        "geo: no UTF-8": chunk(0x01, b"\x02" + words(b"\xff")),
        "gcps: no points": chunk(0x02, deflated(b"\x00\x00")),
        "gcps: more points than bytes": chunk(0x02, deflated(b"\x00" + put_varint(60000) + bytes(100))),
        "gcps: goes on": chunk(0x02, deflated(b"\x00\x01" + bytes(8))),
        "gcps: EPSG 0": chunk(0x02, deflated(b"\x01\x00\x01" + bytes(7))),
        "gcps: 65 537 points": chunk(0x02, deflated(b"\x00" + put_varint(65537) + bytes(7 * 65537))),
        "gcps: not finite": chunk(0x02, deflated(b"\x00\x01\x01" + infinite + bytes(6))),
        "gcps: no UTF-8": chunk(0x02, deflated(b"\x00\x01" + bytes(5) + b"\xff\x00\x00")),
        "gcps: a string is not there": chunk(0x02, deflated(b"\x00\x01" + bytes(5) + b"aa")),
        "gcps: bytes after the end": chunk(0x02, deflated(b"\x00\x01" + bytes(7)) + b"\x00"),
        "gcps: a third kind of system": chunk(0x02, deflated(b"\x03\x01" + bytes(7))),
        "gcps: inflates beyond 2^20 bytes": chunk(0x02, zlib.compress(bytes((1 << 20) + 1), 9)[2:-4]),
        "rpcs: a third error": chunk(0x03, b"\x04" + bytes(90)),
        "rpcs: not finite": chunk(0x03, b"\x00\x01" + nan + bytes(89)),
        "rpcs: 91 numbers": chunk(0x03, b"\x03" + bytes(91)),
        "rpcs: 93 numbers": chunk(0x03, b"\x03" + bytes(93)),
        "bands: bit 5": chunk(0x04, deflated(b"\x20\x01")),
        "bands: none": chunk(0x04, deflated(b"\x01\x00")),
        "bands: bytes after the end": chunk(0x04, deflated(b"\x00\x01") + b"\x00"),
        "bands: 65 537": chunk(0x04, deflated(b"\x01" + put_varint(65537) + bytes(65537))),
        "bands: more than bytes": chunk(0x04, deflated(b"\x01\x03\x00\x00")),
        "bands: a string is not there": chunk(0x04, deflated(b"\x01\x02aa")),
        "bands: no UTF-8": chunk(0x04, deflated(b"\x02\x01\xc3")),
        "bands: not finite": chunk(0x04, deflated(b"\x08\x01\x01" + nan)),
        "bands: goes on": chunk(0x04, deflated(b"\x08\x01\x02\x02")),
        "tags: the number 0": chunk(0x05, b"\x00"),
        "tags: a ninth way to resample": chunk(0x05, b"\x09"),
        "tags: a sixth resolution": chunk(0x05, b"\x60"),
        "tags: no bytes": chunk(0x05, b""),
        "tags: no text": chunk(0x05, deflated(b"")),
        "tags: no deflate": chunk(0x05, b"\xff\xff"),
        "tags: bytes after the end": chunk(0x05, deflated(b"a\0b") + b"\x00"),
        "tags: a name without a value": chunk(0x05, deflated(b"a\0")),
        "tags: no UTF-8": chunk(0x05, deflated(b"a\0\xff")),
        "tags: out of order": chunk(0x05, deflated(b"\0\2\0a\0b\0\0\1\0a\0b")),
        "tags: namespaces out of order": chunk(0x05, deflated(b"\0\0y\0a\0b\0\0\0x\0a\0b")),
        "tags: namespaces twice": chunk(0x05, deflated(b"\0\0x\0a\0b\0\0\0x\0a\0b")),
        "tags: the first group twice": chunk(0x05, deflated(b"a\0b\0\0\0\0c\0d")),
        "tags: names out of order": chunk(0x05, deflated(b"b\0c\0a\0d")),
        "tags: names twice": chunk(0x05, deflated(b"a\0b\0a\0c")),
        "tags: none in a group": chunk(0x05, deflated(b"a\0b\0\0\1\0")),
        "tags: none in a group before another": chunk(0x05, deflated(b"a\0b\0\0\1\0\0\2\0a\0b")),
        "tags: an end without a group": chunk(0x05, deflated(b"a\0b\0\0")),
        "tags: no namespace": chunk(0x05, deflated(b"a\0b\0\0\1")),
        "tags: band 65 537": chunk(0x05, deflated(b"a\0b\0\0" + put_varint(65537) + b"\0a\0b")),
        "tags: inflate beyond 2^20 bytes": chunk(0x05, zlib.compress(b"a\0" + b"b" * ((1 << 20) - 1), 9)[2:-4]),
        "samples: dtype 11": chunk(0x81, b"\x0b"),
        "samples: a third kind of mapping": chunk(0x81, b"\xc2\x00\x04"),
        "samples: scale 0": chunk(0x81, b"\x43\x04\x00"),
        "samples: not finite": chunk(0x81, b"\x43\x01" + nan + b"\x04"),
        "samples: a scale that is not finite": chunk(0x81, b"\x43\x00\x01" + infinite),
        "samples: a mapping that is cut": chunk(0x81, b"\x43\x04"),
        "samples: a no-data value that is cut": chunk(0x81, b"\x22\x01" + nan[:7]),
        "samples: neither there nor not": chunk(0x81, b"\x32\x01\x02\x00"),
        "samples: no bands": chunk(0x81, b"\x32\x00"),
        "samples: goes on": chunk(0x81, b"\x12\x00"),
        "mask: a fourth kind": chunk(0x82, b"\x03"),
        "mask: 17 halvings": chunk(0x82, b"\x88"),
        "mask: no bytes": chunk(0x82, b""),
        "mask: bytes that are none": chunk(0x82, b"\x00" + b"\x55" * 20),
        "rotation: no bytes": chunk(0x83, b""),
        "rotation: one band": chunk(0x83, b"\x10\x40\x00\x01"),
        "rotation: 65 bands": chunk(0x83, b"\x10" + bytes(65 * 67)),
        "rotation: cut": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\x00"),
        "rotation: 9 bits": chunk(0x83, b"\x09\x40\x00\x00\x40\x00\x01\x00\x01"),
        "rotation: a range of nothing": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\x00\x00"),
        "rotation: an offset code of 209": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\xd1\x01"),
        "rotation: a range code of 209": chunk(0x83, b"\x10\x40\x00\x00\x40\x00\x01\x00\xd1"),
        "reduced: no bytes": chunk(0x84, b""),
        "reduced: cut": chunk(0x84, b"\x01\x00"),
        "reduced: goes on": chunk(0x84, b"\x01\x00\x00\x00"),
        "reduced: 2^0": chunk(0x84, b"\x00\x00\x00"),
        "reduced: 2^16": chunk(0x84, b"\x10\x00\x00"),
        "reduced: a side of 2^31 + 1": chunk(0x84, b"\x01" + put_varint(1 << 31) + b"\x00"),
    }
    return {
        re.sub(r"[^a-z0-9]+", "-", about.lower()): Fault(about, "CorruptStream", "", prefixed(chunks) + inner())
        for about, chunks in found.items()
    }


def _masks() -> dict[str, Fault]:
    """Data of one mask, or of two, that break a rule of spec/mask.md; by hand."""

    def of(about: str, data: str, n_masks: int = 1, error: str = "CorruptStream") -> Fault:
        said = Scene(mask=MaskBits("band", 0, n_masks, bytes.fromhex(data)))
        return Fault(about, error, "", pack_prefix(said) + inner(n_masks))

    return {
        "mask-gap": of("a gap of more than 31 bits", "80f11d12"),
        "mask-place": of("an outline that begins beyond the mask", "88e9f512"),
        "mask-likely": of("a likely place that there is not", "b11be210e96dc798db1d", 2),
        "mask-steps": of("an outline that does not end", "80cef312"),
        "mask-steps-in-all": of("outlines of more steps than edges", "821be29ce96dc7f7dbde", 2),
        "mask-goes-on": of("bytes after the last mask", "7f8ff56e"),
        "mask-cut": of("data that end early", "80f03912", 1, "Truncated"),
    }


def _misfits() -> dict[str, Fault]:
    """Chunks that do not fit the head."""
    found = {
        "bands": (Scene(bands=Bands(("a", "b"))), 3, False),
        "bands-alpha": (Scene(bands=Bands(("a", "b", "c", "d")), mask=MaskBits("band", 0, 1, b"")), 3, False),
        "tags": (Scene(tags={(4, ""): {"a": "b"}}), 3, False),
        "tags-alpha": (Scene(tags={(5, ""): {"a": "b"}}, mask=MaskBits("alpha", 0, 1, b"")), 3, False),
        "dtype-rotated": (Scene(samples=SampleType("uint8", nodata=(0,)), rotation=TURNED), 2, True),
        "width": (Scene(reduced=Reduced(1, 18, 27)), 1, False),
        "dtype": (Scene(samples=SampleType("uint16", nodata=(0,))), 1, False),
        "no-mapping": (Scene(samples=SampleType("int16")), 1, True),
        "values": (Scene(samples=SampleType("uint16", nodata=(1, 2))), 3, True),
        "mappings": (Scene(samples=SampleType("int16", ((0.0, 1.0), (0.0, 2.0)))), 3, True),
        "size": (Scene(reduced=Reduced(2, 33, 53)), 1, False),
        "rotation": (Scene(rotation=TURNED), 3, True),
        "rotation-uint8": (Scene(rotation=TURNED), 2, False),
    }
    # What no encoder writes: a count of which what is said does not tell.
    counted = {
        "no-words": (chunk(0x04, deflated(b"\0\3")), 1, False),
        "one-value": (chunk(0x81, b"\x32\1\0"), 3, True),
        "one-mapping": (chunk(0x81, b"\x82\1\0\4"), 3, True),
    }
    files = {name: pack_prefix(said) + inner(*of) for name, (said, *of) in found.items()}
    files |= {name: prefixed(chunks) + inner(*of) for name, (chunks, *of) in counted.items()}
    return {
        f"misfit-{name}": Fault(f"a prefix and a head at odds: {name}", "CorruptStream", "", data)
        for name, data in files.items()
    }
