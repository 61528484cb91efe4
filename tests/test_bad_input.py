"""Whatever comes in, a named error goes out, soon and without a great amount of memory."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import apercu
from apercu.errors import (
    CorruptStream,
    FormatError,
    NotApercu,
    OptionError,
    Truncated,
    UnknownModel,
    UnsupportedVersion,
)
from apercu.format.container import Header, pack, put_varint
from limits import at_most, within
from scripts.pictures import scene
from scripts.segment_writer import flat_table, to_bytes

encode = partial(apercu.encode, codec="taha2025")

SMALL = encode(scene(12, 10)[:, :, 0], quality=70)
SECONDS = 10


@pytest.fixture(autouse=True)
def soon():
    """Every test here is about calls that have to end soon."""
    with at_most(SECONDS):
        yield


@pytest.fixture
def in_little_memory():
    """Nothing is set aside for what a file only declares."""
    with within(1 << 25):  # 65,535 bands have a few numbers each
        yield


def every_call(data):
    """The errors with which each way to read `data` refuses it."""
    for function in (apercu.decode, apercu.info):
        with pytest.raises(FormatError) as caught:
            function(data)
        yield type(caught.value)
    with pytest.raises(FormatError) as caught:
        apercu.decode(data, damaged="conceal")
    yield type(caught.value)
    yield type(apercu.check(data)[0])


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\xae", b"\xaep"])
def test_the_beginning_of_a_file_is_truncated(data):
    assert set(every_call(data)) == {Truncated}


@pytest.mark.parametrize(
    "data", [b"\x00", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xaeq" + SMALL[2:], bytes(10**6)]
)
def test_other_files_are_not_apercu(data):
    assert set(every_call(data)) == {NotApercu}


@pytest.mark.parametrize("version", [0, *range(3, 16)])
def test_other_versions_are_refused_by_name(version):
    data = SMALL[:2] + bytes([version << 4 | SMALL[2] & 15]) + SMALL[3:]
    assert set(every_call(data)) == {UnsupportedVersion}
    with pytest.raises(UnsupportedVersion, match=f"version {version}"):
        apercu.decode(data)


@pytest.mark.parametrize("low_bits", range(1, 16))
def test_variants_of_version_2_are_refused_by_name(low_bits):
    data = SMALL[:2] + bytes([0x20 | low_bits]) + SMALL[3:]
    assert set(every_call(data)) == {UnsupportedVersion}


def test_unknown_models_and_codecs_are_refused_by_name():
    for data in (SMALL[:3] + b"\xff" + SMALL[4:], SMALL[:3] + b"\x00\x63" + bytes(8) + SMALL[4:]):
        assert set(every_call(data)) == {UnknownModel}


def lie(**changes):
    """A file of a few bytes that declares something else; its checksums are right."""
    header = replace(Header(8, 8, 1, "grey", quality_q8=0), **changes)
    return pack(header, [to_bytes("00" + flat_table(0, 0))])


@pytest.mark.parametrize("segment", [to_bytes("00" + flat_table(0, 0)), to_bytes("11")], ids=["sound", "corrupt"])
def test_many_tiles_take_time_in_proportion(segment):
    """Sixteen times as many tiles take sixteen times as long: 256 times, if each looked at all others."""

    def seconds(side):
        header = Header(side, side, 1, "grey", quality_q8=0, tile_log2=5)
        data = pack(header, [to_bytes("00" + flat_table(0, 0))] + [segment] * (header.n_tiles - 1))
        begin = time.process_time()
        assert apercu.decode(data, damaged="conceal").shape == (side, side)
        lost = "" if segment != b"\xc0" else f"tiles 2–{header.n_tiles:,} of {header.n_tiles:,}: "
        assert ["".join(str(fault).partition(": ")[:2]) for fault in apercu.check(data)] == [lost] * (lost != "")
        return time.process_time() - begin

    seconds(320)
    assert seconds(1280) < 60 * seconds(320)


def test_many_faults_take_little_memory(in_little_memory):
    """An error that is kept does not keep what the decoder worked with."""
    header = Header(640, 640, 1, "grey", quality_q8=0, tile_log2=5)
    cut = to_bytes("00" + flat_table(0, 15))
    data = pack(header, [to_bytes("00" + flat_table(0, 0))] + [cut] * (header.n_tiles - 1))
    (fault,) = apercu.check(data)
    assert str(fault) == "tiles 2–400 of 400: the data end before the content does"
    assert apercu.decode(data, damaged="conceal").shape == (640, 640)


def test_parameters_that_cannot_be():
    for parameters in (b"", b"\x08", put_varint(0) + b"\0", put_varint(65536) + b"\0", b"\x08" + put_varint(1 << 21)):
        assert set(every_call(lie(quality_q8=None, parameters=parameters))) == {CorruptStream}


@pytest.mark.parametrize("data", [None, 5, "text", [1, 2], 1.5, object(), np.zeros(3), np.zeros(3, object)])
def test_what_is_not_bytes_is_refused(data):
    for function in (apercu.decode, apercu.info, apercu.check):
        with pytest.raises(OptionError, match="bytes"):
            function(data)
