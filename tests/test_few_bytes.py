"""A few bytes that declare much cost little; what a segment can hold is known from its length."""

import math
import zlib
from dataclasses import replace

import numpy as np
import pytest

import apercu
from apercu.format.container import Header, pack, read_header
from apercu.format.ids import DEFAULT_MODEL_IDS, MODELS
from apercu.format.weights import FOLDER
from apercu.stages.band_contexts import unpacked
from files_by_hand import varint
from limits import at_most, within
from scripts.pictures import scene, user_tables

APERCU = Header(8, 8, 1, "grey", quality_q8=0, codec="apercu", model_id=2)


@pytest.fixture
def cheap():
    """Seconds and memory that a file of a few bytes may take."""
    with at_most(5), within(60 << 20):
        yield


def every_error(data):
    for options in ({}, {"damaged": "conceal"}, {"window": (0, 0, 1, 1)}):
        with pytest.raises(apercu.FormatError) as caught:
            apercu.decode(data, **options)
        yield type(caught.value)
    yield from map(type, apercu.check(data))


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("n_bytes", [1, 4, 30])
@pytest.mark.parametrize(
    "header",
    [
        replace(APERCU, height=65535, width=4096),
        replace(APERCU, height=16384, width=16384, n_bands=4, interpretation="spectral"),
        replace(APERCU, height=16384, width=16384, n_bands=3, interpretation="rgb"),
        replace(APERCU, height=128, width=128, n_bands=65535, interpretation="spectral"),
    ],
    ids=["grey", "spectral", "rgb", "bands"],
)
def test_a_segment_that_cannot_hold_its_samples_is_truncated(header, n_bytes):
    for layers in (1, 4):
        data = pack(replace(header, n_layers=layers), [bytes(n_bytes)] * layers)
        assert set(every_error(data)) == {apercu.Truncated}


THIN = {"height": 1, "width": 16_384, "n_bands": 65_535}
"""Within the limit of samples, and sixteen times it in blocks of 16 × 16."""


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("codec", ["apercu", "taha2025", "dct", "stacked_ae", "rnn"])
@pytest.mark.parametrize("turned", [False, True])
def test_whole_blocks_of_a_thin_image_count(codec, turned):
    size = {"height": 16_384, "width": 1, "n_bands": 65_535} if turned else THIN
    header = replace(APERCU, codec=codec, model_id=DEFAULT_MODEL_IDS[codec, "range"], interpretation="spectral", **size)
    assert header.height * header.width * header.n_bands <= 4 * 2**28 == 4 * apercu.MAX_PIXELS
    data = pack(header, [bytes(30)])
    assert set(every_error(data)) == {apercu.TooLarge}
    with pytest.raises(apercu.TooLarge, match="17179607040 samples in whole blocks"):
        apercu.info(data)
    an_eighth = pack(replace(header, n_bands=8191), [bytes(30)])
    assert apercu.info(an_eighth)["bands"] == 8191


def test_whole_blocks_do_not_count_where_there_are_none(monkeypatch):
    header = replace(APERCU, codec="predictive", model_id=DEFAULT_MODEL_IDS["predictive", "range"], **THIN)
    header = replace(header, interpretation="spectral", quality_q8=25600)
    assert apercu.info(pack(header, [bytes(30)]))["bands"] == 65_535
    header = replace(APERCU, codec="rnn", model_id=9, interpretation="spectral", **THIN)
    monkeypatch.setattr(apercu, "MAX_PIXELS", None)
    assert apercu.info(pack(header, [bytes(30)]))["bands"] == 65_535


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        (1 << 28, {"height": 16_000, "width": 16_777, "n_bands": 4, "interpretation": "rgba"}),
        (1 << 28, {"height": 4097, "width": 65_519, "n_bands": 4, "interpretation": "spectral"}),
        (1 << 28, {"height": 1, "width": 65_535, "n_bands": 2000, "interpretation": "spectral"}),
        (1_000_000, {"height": 1, "width": 2000, "n_bands": 500, "interpretation": "spectral"}),
        (1_000_000, {"height": 999, "width": 1001, "n_bands": 4, "interpretation": "rgba"}),
        (1, {"height": 1, "width": 1, "n_bands": 4, "interpretation": "rgba"}),
    ],
)
def test_whole_blocks_do_not_count_in_images_of_usual_shapes(limit, size, monkeypatch):
    """Up to the last pixel that the limit allows, and where there are few samples."""
    monkeypatch.setattr(apercu, "MAX_PIXELS", limit)
    header = replace(APERCU, codec="rnn", model_id=9, **size)
    assert apercu.info(pack(header, [bytes(30)]))["bands"] == header.n_bands


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("n_bytes", [1, 4, 30])
def test_a_segment_that_cannot_hold_a_table_for_each_band_is_truncated(n_bytes):
    header = replace(
        APERCU, codec="taha2025", model_id=1, height=128, width=128, n_bands=65535, interpretation="spectral"
    )
    assert set(every_error(pack(header, [bytes(n_bytes)]))) == {apercu.Truncated}


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("n_bytes", [1, 4, 30])
@pytest.mark.parametrize("model_id", [3, 4, 6, 7, 8])
@pytest.mark.parametrize(
    "size",
    [{"height": 16384, "width": 16384, "n_bands": 4}, {"height": 128, "width": 128, "n_bands": 65535}],
    ids=["large", "bands"],
)
def test_a_segment_that_cannot_hold_its_maps_is_truncated(model_id, size, n_bytes):
    header = replace(APERCU, codec=MODELS[model_id].codec, model_id=model_id, interpretation="spectral", **size)
    assert set(every_error(pack(header, [bytes(n_bytes)]))) == {apercu.Truncated}


def most_bits_a_byte(starts):
    """Of any contexts with these starts: zeros alone make the likeliest zeros (spec/FORMAT.md, "Contexts")."""
    fast = starts[:, 0].astype(int)
    slow, age, most = fast.copy(), starts[:, 1].astype(int), fast.max()
    for _ in range(1000):
        shift = np.floor(np.log2(age)).astype(int)
        fast += (65536 - fast) >> np.minimum(shift, 4)
        slow += (65536 - slow) >> np.minimum(shift, 7)
        age = np.minimum(age + 1, 128)
        most = max(most, ((fast + slow) >> 1).max())
    return 8 / -math.log2(most / 65536)


def test_no_byte_holds_more_bits_than_the_limits():
    """With every shipped model, and with any."""
    for model in MODELS.values():
        if model.codec == "apercu":
            array = np.load(FOLDER / model.file)
            starts = unpacked(array)[1] if array.dtype == np.uint8 else array[270:].reshape(-1, 2)
            assert most_bits_a_byte(starts) <= 28_000 < 2**15
    assert most_bits_a_byte(np.array([(65535, 2), (65535, 128)])) <= 363_500 < 2**19


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_the_smoothest_pictures_are_read(layers):
    for shape in ((1500, 1500, 3), (65535, 1), (1, 65535, 4), (40, 40, 300)):
        for value in (0, 128, 255):
            image = np.full(shape, value, np.uint8)
            data = apercu.encode(image, quality=0, layers=layers)
            assert apercu.check(data) == []
            assert apercu.decode(data).shape == shape


def test_tables_of_the_most_likely_zeros_are_read(tmp_path):
    """They hold more than the shipped ones can: a file of model 0 has a limit of its own."""
    tables = user_tables()
    tables[270::2], tables[271::2] = 65535, 128
    np.save(tmp_path / "likely.npy", tables)
    image = np.full((8192, 8192), 128, np.uint8)
    data = apercu.encode(image, quality=0, layers=1, model=tmp_path / "likely.npy")
    n_groups = 8192**2 * 15 // 16 // 16
    assert n_groups > (len(data) - 22 + 5) * 2**15
    assert np.ptp(apercu.decode(data, model=tmp_path / "likely.npy")) == 0
    assert apercu.check(data) == []


# --- The directory


def directory(header, rest):
    """A head with parts whose directory has these bytes, without segments."""
    whole = pack(header, [b""] * (header.n_tiles * header.n_layers))
    return whole[: read_header(whole).head_size - 4 - header.n_tiles * header.n_layers] + rest


TILES = replace(APERCU, height=4096, width=4096, tile_log2=5)


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    ("rest", "error"),
    [
        (b"", apercu.Truncated),
        (b"\0" * 16383, apercu.Truncated),
        (b"\0" * 16384, apercu.Truncated),  # the checksum is missing
        (b"\0" * 16384 + b"1234", apercu.ChecksumError),
        (b"\x85\x01" * 16383, apercu.Truncated),
        (b"\x80" * 10**7, apercu.CorruptStream),
        (b"\0" * 9000 + b"\x80" * 10**7, apercu.CorruptStream),
        (varint(2**28 - 1) * 16384 + b"1234", apercu.ChecksumError),
        (varint(2**28) * 16384, apercu.CorruptStream),
        (b"\0" * 9000 + b"\x85\x00" + b"\0" * 9000, apercu.CorruptStream),
        (b"\xff" * 20000, apercu.CorruptStream),
    ],
    ids=[str(number) for number in range(11)],  # of the bytes, names would be megabytes
)
def test_a_directory_is_bounded_by_the_file(rest, error):
    assert set(every_error(directory(TILES, rest))) == {error}
    with pytest.raises(error):
        apercu.info(directory(TILES, rest))


def test_lengths_of_every_size_are_read():
    lengths = [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1] * 1820 + [5] * 4
    data = directory(TILES, b"".join(map(varint, lengths)))
    data += zlib.crc32(data).to_bytes(4, "little")
    assert list(read_header(data).lengths) == lengths
    assert read_header(data).head_size == len(data)


@pytest.mark.usefixtures("cheap")
def test_a_long_number_is_refused_without_reading_it():
    for start in (b"\xae\x70\x10\x02", b"\xae\x70\x10\x02\x07", b"\xae\x70\x13\x02\x07\x07"):
        with pytest.raises(apercu.CorruptStream):
            apercu.info(start + b"\x80" * 10**7)


# --- What check finds


def damaged_tiles(every, layers=2):
    data = bytearray(apercu.encode(scene(512, 1024)[:, :, 0], tile=32, layers=layers, quality=30))
    header = read_header(bytes(data))
    at = header.head_size
    for number, length in enumerate(header.lengths):
        if number % every == 0:
            data[at + length] ^= 255
        at += length + 4
    return bytes(data)


def test_faults_of_a_kind_are_one_fault():
    names = "1, 3, 5, 7, 9, 11, 13, 15, 248 more"
    what = "the checksum does not match"
    assert [str(fault) for fault in apercu.check(damaged_tiles(2))] == [
        f"tiles {names} of 512, layer {layer} of 2: {what}" for layer in (1, 2)
    ]
    assert [str(fault) for fault in apercu.check(damaged_tiles(512, 1))] == [f"tile 1 of 512: {what}"]


def test_a_file_cut_short_names_what_is_missing():
    data = apercu.encode(scene(512, 1024)[:, :, 0], tile=32, layers=4, quality=30)
    header = read_header(data)
    first = header.head_size + sum(header.lengths[:100]) + 400
    late = " of 4: the file ends too soon"
    assert [str(fault) for fault in apercu.check(data[:first])] == [
        f"tiles 101–512 of 512, layer 1{late}",
        *(f"tiles 1–512 of 512, layer {layer}{late}" for layer in (2, 3, 4)),
    ]
    (fault,) = apercu.check(data[:-1])
    assert str(fault) == f"tile 512 of 512, layer 4{late}"
    with pytest.raises(apercu.Truncated, match=r"^tile 101 of 512, layer 1 of 4: the file ends"):
        apercu.decode(data[:first])
