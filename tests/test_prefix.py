"""The prefix of version 2: its bytes, what it can say, what is refused; and a second reader, which agrees."""

import hashlib
import math
import random
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

import reference_chunks
import reference_scenes
from apercu.errors import ApercuError, CorruptStream, OptionError, Truncated, UnknownChunk, UnsupportedVersion
from apercu.format.chunk_parts import deflated, dictionary, number, put_number
from apercu.format.chunk_places import at_coded_size
from apercu.format.chunks import (
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
from apercu.format.container import Header, Reader
from apercu.format.ids import CHUNK_IDS
from apercu.format.prefix import fitted, has_prefix, pack_prefix, read_prefix
from apercu.format.weights import FOLDER
from apercu.stages.colour import Levels
from apercu.stages.rotation import Rotation
from files_by_hand import varint
from limits import within
from reference_bytes import Refused
from scripts.vector_cases_scenes import chunk, prefixed

ROOT = Path(__file__).parents[1]
SENTINEL = Scene(
    geo=Geo(32632, (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0)), samples=SampleType("uint16", nodata=(0,))
)
LANDSAT = Scene(
    geo=Geo(32618, (300.038239038384, 0.0, 425085.0, 0.0, -300.038239038384, 5215515.0)),
    samples=SampleType("uint16", nodata=(0,)),
)
RAW = 1.0000483155950517, 0.0, 593270.2919143771, 0.0, -1.0000483155950517, 5747657.4158721585
ROTATED = Geo(32633, (9.659258262890683, 2.588190451025207, 399960.123, 2.588190451025207, -9.659258262890683, 1 / 3))
WKT = 'PROJCS["unnamed",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]]],UNIT["metre",1]]'
RPCS = Rpcs(
    500.0, 501.5, 36.1, 0.05, tuple(1 / (k + 3) for k in range(20)), tuple(-k / 7 for k in range(20)), 1024.5, 1025.0,
    -115.2, 0.1, (1.0, *[0.0] * 19), tuple(1e-9 * k for k in range(20)), 2048.0, 2049.0, 0.25, None,
)  # fmt: skip
EVERYTHING = Scene(
    geo=Geo(WKT, (0.1, 0.0, -180.0, 0.0, -0.2, 90.0), True),
    gcps=Gcps(
        (ControlPoint(0.0, 0.5, 1e5, -3.25, 17.0, "1", "no"), ControlPoint(9.0, 1 / 3, 2e5, 0.1, 0.0, "é", "")), 4326
    ),
    rpcs=RPCS,
    bands=Bands(("B04", None), (None, "m²"), ("red", "nir"), (1e-4, 1.0), (0.0, -0.1)),
    tags={(0, ""): {"A": "1", "B": ""}, (0, "IMD"): {"é": "<x/>"}, (2, ""): {"C": "line\nline"}},
    samples=SampleType("int16", ((-5.0, 1.0), (0.25, 1 / 3)), (-9999, None)),
    mask=MaskBits("nodata", 2, 1, b"mask"),
    rotation=Rotation(((64, -128), (127, 0)), (Levels(0, 1), Levels(208, 208)), False),
    reduced=Reduced(3, 100_000, 7),
)


# --- Bytes ----------------------------------------------------------------------------------------
def test_the_example_of_the_specification():
    bytes_of_it = "ae 70 20 0f 01 0a 05 20 28 e0 d2 61 d0 a5 ac 09 81 01 12 6f fc 86 f8"
    assert pack_prefix(SENTINEL).hex(" ") == bytes_of_it
    assert f"    {bytes_of_it}\n" in (ROOT / "spec" / "scenes.md").read_text("utf-8")


def test_the_dictionary_is_that_of_the_specification():
    text = (ROOT / "spec" / "scenes.md").read_text("utf-8")
    lines = (FOLDER / "scenes.txt").read_bytes()
    assert f"{len(lines):,} bytes" in text
    assert hashlib.sha256(lines).hexdigest() in text
    assert dictionary() == lines.replace(b"\x0a", b"\x00")
    assert dictionary() == reference_chunks.DICTIONARY


@pytest.mark.parametrize(
    ("scene", "n_bytes"),
    [
        (SENTINEL, 23),
        (LANDSAT, 31),
        (Scene(geo=ROTATED, samples=SampleType("uint16", nodata=(0,))), 63),
        (Scene(geo=Geo(32632)), 8 + 4),
        (Scene(geo=Geo(3857)), 8 + 5),
        (Scene(geo=Geo(None, RAW)), 8 + 2 + 1 + 24),
        (Scene(geo=Geo(point=True)), 8 + 3),
        (Scene(samples=SampleType("int16", ((-32768.0, 1.0),), (-9999,))), 8 + 2 + 1 + 3 + 3 + 1),
        (Scene(reduced=Reduced(2, 10_000, 10_000)), 8 + 2 + 5),
    ],
)
def test_how_few_bytes_it_takes(scene, n_bytes):
    assert len(pack_prefix(scene)) == n_bytes


def test_every_code_of_epsg_comes_back():
    codes = [1, 127, 128, 32600, 32601, 32660, 32661, 32700, 32701, 32760, 32761, 4326, (1 << 24) - 1]
    for code in codes:
        data = pack_prefix(Scene(geo=Geo(code)))
        assert read_prefix(data)[0].geo == Geo(code)
        assert reference_scenes.read(data)[0][0x01] == (code, None, False)


def test_a_reference_system_of_the_usual_words_takes_few_bytes():
    assert len(pack_prefix(Scene(geo=Geo(WKT)))) < 8 + 40


@pytest.mark.parametrize(
    "scene", [Scene(), Scene(Geo(), Gcps(()), bands=Bands(), tags={(1, "x"): {}}, samples=SampleType("uint8"))]
)
def test_nothing_to_say_takes_no_bytes(scene):
    assert pack_prefix(scene) == b""


# --- There and back -------------------------------------------------------------------------------
PARTS = {name: Scene(**{name: getattr(EVERYTHING, name)}) for name in CHUNK_IDS}


@pytest.mark.parametrize("scene", [SENTINEL, LANDSAT, EVERYTHING, *PARTS.values()])
def test_what_is_written_is_read(scene):
    data = pack_prefix(scene)
    assert read_prefix(data + b"what follows") == (scene, len(data))
    assert has_prefix(data)
    found, rest = reference_scenes.read(data + b"what follows")
    assert rest == b"what follows"
    assert told_by_reference(found) == told(scene)


def told(scene):
    """A scene as the second reader has it."""
    found = {}
    if scene.geo:
        found[0x01] = tuple(scene.geo)
    if scene.gcps:
        found[0x02] = scene.gcps.crs, [tuple(point) for point in scene.gcps.points]
    if scene.rpcs:
        found[0x03] = scene.rpcs._asdict()
    if scene.bands:
        found[0x04] = [*scene.bands]
    if scene.tags:
        found[0x05] = scene.tags
    if samples := scene.samples:
        found[0x81] = samples.dtype, samples.nodata and [*samples.nodata], samples.mapping and [*samples.mapping]
    if scene.mask:
        found[0x82] = (("nodata", "alpha", "band").index(scene.mask.kind), *scene.mask[1:])
    if scene.rotation:
        matrix, levels, is_wide = scene.rotation
        found[0x83] = [[*row] for row in matrix], [tuple(codes) for codes in levels], is_wide
    if scene.reduced:
        found[0x84] = tuple(scene.reduced)
    return found


def told_by_reference(found):
    shapes = {
        0x04: lambda bands: bands[1],
        0x81: lambda samples: (samples["dtype"], samples["nodata"], samples["mapping"]),
        0x82: lambda mask: (mask["kind"], mask["halvings"], 0 if mask["each"] else 1, mask["data"]),
        0x83: lambda rotation: (rotation[0].tolist(), *rotation[1:]),
    }
    return {number: shapes.get(number, lambda value: value)(value) for number, value in found.items()}


@pytest.mark.parametrize(
    "transform",
    [
        (10.0, 0.0, 0.0, 0.0, -10.0, 0.0),
        (10.0, 0.0, 0.0, 0.0, 10.0, 0.0),
        (1e-5, 0.0, 5e-324, 0.0, -1.7976931348623157e308, 2.0**53 + 2),
        RAW,
        (*RAW[:4], -1 / 3, RAW[5]),
        (10.0, -0.0, 0.0, 0.0, -10.0, 0.0),
        (-0.0, 0.0, -0.0, 0.0, 0.0, 0.0),
        (1.5, 0.25, 1e22, -0.5, 123456.789, -1e-300),
        (math.pi, math.e, math.tau, 1 / 3, 2 / 3, 0.1),
    ],
)
def test_every_transform_comes_back_bit_for_bit(transform):
    scene, _ = read_prefix(pack_prefix(Scene(geo=Geo(None, transform))))
    assert struct.pack("<6d", *scene.geo.transform) == struct.pack("<6d", *transform)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "00"), (1.0, "04"), (-1.0, "02"), (10.0, "28"), (0.5, "050a"), (0.1, "0502"), (1e-5, "1502"),
        (-0.0, "010000000000000080"), (1e23, "5f02"), (1e63, "ff0102"), (1e64, "01f5f93fe9034f384d"),
        (math.pi, "3dc2b4aba2e1d0940b"), (math.nan, "01000000000000f87f"), (2**64 - 1, "fcffffffffffffffff07"),
    ],
)  # fmt: skip
def test_numbers_in_bytes(value, written):
    data = put_number(value)
    assert data.hex() == written
    found = number(Reader(data), finite=False)
    assert struct.pack("<d", found) == struct.pack("<d", value)
    assert isinstance(found, int) or not float(value).is_integer() or "e" in repr(value) or value == 0


def test_numbers_of_every_kind_come_back():
    draw = random.Random(5)
    for _ in range(4000):
        any_bits = struct.unpack("<d", draw.randbytes(8))[0]
        decimal = round(draw.uniform(-1e7, 1e7), draw.randrange(9)) * 10.0 ** draw.randrange(-70, 70)
        for value in (any_bits, decimal, float(draw.getrandbits(draw.randrange(70)))):
            data = put_number(value)
            assert len(data) <= 9
            for found in (number(Reader(data), False), reference_chunks.number(reference_chunks.Bytes(data), False)):
                assert struct.pack("<d", found) == struct.pack("<d", value)


def test_a_smaller_size_lies_at_the_same_place():
    scene = at_coded_size(replace(EVERYTHING, geo=Geo(None, (10.0, 1.0, 500.0, 2.0, -10.0, 900.0))))
    assert scene.geo.transform == (80.0, 8.0, 500.0, 16.0, -80.0, 900.0)
    assert [(point.row, point.column, point.x) for point in scene.gcps.points] == [
        (0, 0.0625, 1e5),
        (1.125, 1 / 24, 2e5),
    ]
    assert (scene.rpcs.line_off, scene.rpcs.line_scale) == (127.625, 128.125)
    assert (scene.rpcs.samp_off, scene.rpcs.samp_scale) == (255.5625, 256.125)
    assert at_coded_size(SENTINEL) is SENTINEL


# --- What cannot be said --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "scene",
    [
        Scene(geo=Geo(0)),
        Scene(geo=Geo(1 << 24)),
        Scene(geo=Geo("a\0b")),
        Scene(geo=Geo("\udc80")),
        Scene(geo=Geo(None, (1.0, 0.0, math.nan, 0.0, 1.0, 0.0))),
        Scene(geo=Geo(None, (1.0, 0.0, 0.0))),
        Scene(gcps=Gcps((ControlPoint(0, 0, math.inf, 0),))),
        Scene(rpcs=RPCS._replace(line_num_coeff=(1.0,))),
        Scene(bands=Bands(("a",), ("b", "c"))),
        Scene(tags={(-1, ""): {"a": "b"}}),
        Scene(tags={(0, ""): {"": "b"}}),
        Scene(tags={(0, ""): {"a": "b" * (1 << 20)}}),
        Scene(samples=SampleType("complex64")),
        Scene(samples=SampleType("int16", ((0.0, 0.0),))),
        Scene(samples=SampleType("int16", ((0.0, 1.0), (0.0, 2.0)), (1, 2, 3))),
        Scene(mask=MaskBits("cloud", 0, 1, b"")),
        Scene(mask=MaskBits("band", 17, 1, b"")),
        Scene(mask=MaskBits("band", 0, 1, bytes(1 << 24))),
        Scene(rotation=Rotation(((64,),), (Levels(0, 1),))),
        Scene(rotation=Rotation(((64, 0), (0,)), (Levels(0, 1),) * 2)),
        Scene(rotation=Rotation(((128, 0), (0, 64)), (Levels(0, 1),) * 2)),
        Scene(reduced=Reduced(0, 10, 10)),
        Scene(reduced=Reduced(1, (1 << 31) + 1, 10)),
    ],
)
def test_what_a_prefix_cannot_hold(scene):
    with pytest.raises(OptionError):
        pack_prefix(scene)


# --- Refusals -------------------------------------------------------------------------------------
BOMB = zlib.compress(bytes(1 << 26), 9)[2:-4]
SOUND = chunk(0x01, b"\x20")


def test_unknown_chunks_are_skipped_or_refused():
    scene, start = read_prefix(prefixed(SOUND + chunk(0x7F, b"anything")))
    assert scene == Scene(geo=Geo(point=True))
    assert start == 8 + 3 + 10
    with pytest.raises(UnknownChunk, match="chunk 255"):
        read_prefix(prefixed(SOUND + chunk(0xFF, b"anything")))
    for low_bits in range(1, 16):
        with pytest.raises(UnsupportedVersion):
            read_prefix(prefixed(SOUND, 0x20 | low_bits))
    assert read_prefix(prefixed(b"")) == (Scene(), 8)


def test_a_beginning_is_truncated_and_another_byte_is_noticed():
    data = pack_prefix(EVERYTHING)
    for n in range(3, len(data)):
        with pytest.raises(Truncated):
            read_prefix(data[:n])
    for at in range(3, len(data)):
        with pytest.raises(ApercuError):
            read_prefix(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] + bytes(4))


def test_a_false_length_takes_no_memory():
    with within(1_000_000):
        with pytest.raises(Truncated):
            read_prefix(b"\xae\x70\x20" + varint((1 << 24) - 1) + bytes(100))
        with pytest.raises(CorruptStream):
            read_prefix(b"\xae\x70\x20" + varint(1 << 24) + bytes(100))


def test_what_inflates_without_end_is_refused():
    with within(20_000_000), pytest.raises(CorruptStream, match="too long"):
        read_prefix(prefixed(chunk(0x05, BOMB)))


# --- What chunks and head say of each other -------------------------------------------------------
NARROW, WIDE = Header(9, 13, 3, "rgb"), Header(9, 13, 3, "spectral", wide=True)
EVEN = Rotation(((64, 0, 0),) * 3, (Levels(0, 1),) * 3)


@pytest.mark.parametrize(
    ("scene", "header"),
    [
        (Scene(bands=Bands(("a", "b"))), NARROW),
        (Scene(bands=Bands(("a", "b", "c", "d"))), NARROW),
        (Scene(tags={(4, ""): {"a": "b"}}), NARROW),
        (Scene(samples=SampleType("uint16", nodata=(0,))), NARROW),
        (Scene(samples=SampleType("uint8", nodata=(0,))), WIDE),
        (Scene(samples=SampleType("uint8", nodata=(0,)), rotation=EVEN), WIDE),
        (Scene(samples=SampleType("int16")), WIDE),
        (Scene(samples=SampleType("uint16", nodata=(1, 2))), WIDE),
        (Scene(samples=SampleType("int8", ((0.0, 1.0), (0.0, 2.0)))), WIDE),
        (Scene(rotation=EVERYTHING.rotation), WIDE),
        (Scene(rotation=EVEN), NARROW),
        (Scene(reduced=Reduced(1, 19, 26)), WIDE),
        (Scene(reduced=Reduced(1, 18, 24)), WIDE),
    ],
)
def test_chunks_that_do_not_fit_the_head(scene, header):
    with pytest.raises(CorruptStream, match=r"fit|without a mapping"):
        fitted(read_prefix(pack_prefix(scene))[0], header)


@pytest.mark.parametrize(
    ("payload", "fits", "does_not"),
    [
        (chunk(0x04, deflated(b"\0\3")), 3, 1),  # nothing is said of three bands
        (chunk(0x04, deflated(b"\1\1A")), 1, 3),
        (chunk(0x81, b"\x32\1\0"), 1, 3),  # each its own no-data value, and there is one
        (chunk(0x81, b"\x82\1\0\4"), 1, 3),  # each its own mapping
    ],
)
def test_bands_that_are_counted_are_those_of_the_head(payload, fits, does_not):
    scene, _ = read_prefix(prefixed(payload))
    fitted(scene, Header(9, 13, fits, "spectral", wide=True))
    with pytest.raises(CorruptStream, match="fit"):
        fitted(scene, Header(9, 13, does_not, "spectral", wide=True))


def test_a_value_for_all_bands_becomes_one_for_each():
    alpha = MaskBits("alpha", 0, 0, b"")
    scene = Scene(
        bands=Bands(("a", "b", "c", "alpha")),
        tags={(4, ""): {"a": "b"}},
        samples=SampleType("int16", ((1.0, 2.0),), (7,)),
        mask=alpha,
        reduced=Reduced(1, 18, 25),
    )
    found = fitted(scene, WIDE)
    assert found.samples == SampleType("int16", ((1.0, 2.0),) * 3, (7, 7, 7))
    assert found.mask.n_masks == 3
    assert replace(found, samples=scene.samples, mask=alpha) == scene


def test_random_payloads_are_read_alike_or_refused_alike():
    draw = random.Random(11)
    sound = [read_prefix(pack_prefix(scene))[0] and pack_prefix(scene) for scene in PARTS.values()]
    for _ in range(3000):
        data = bytearray(draw.choice(sound))[4:-4]
        if draw.random() < 0.5 and data[0] in (2, 4, 5):
            text = bytearray(reference_chunks.inflate(bytes(data[2 if data[1] < 128 else 3 :])))
            text[draw.randrange(len(text))] = draw.choice((0, 1, 2, 255, draw.randrange(256)))
            data = chunk(data[0], deflated(bytes(text)))
        else:
            data[draw.randrange(2, len(data))] ^= 1 << draw.randrange(8)
        try:
            theirs = repr(told_by_reference(reference_scenes.read(prefixed(bytes(data)))[0]))
        except Refused as refusal:
            theirs = type(refusal).__name__
        try:
            ours = repr(told(read_prefix(prefixed(bytes(data)))[0]))
        except ApercuError as refusal:
            ours = type(refusal).__name__
        assert ours == theirs
