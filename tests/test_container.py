"""Header and segments to bytes and back, and how small they are."""

import binascii
from dataclasses import replace

import numpy as np
import pytest

import apercu
from apercu.errors import ChecksumError, CorruptStream, Truncated, UnknownModel
from apercu.format import ids
from apercu.format.container import BY_HAND, Header, pack, put_varint, read_header, read_segments, read_varints
from apercu.format.weights import FOLDER
from apercu.stages.colour import Levels

GREY = Header(8, 16, 1, "grey", quality_q8=12800)
TILES = replace(GREY, height=40, width=70, tile_log2=5)

HEADERS = {
    "grey": GREY,
    "axis": replace(GREY, flat=False),
    "rgb": replace(GREY, n_bands=3, interpretation="rgb"),
    "rgba16": replace(GREY, n_bands=4, interpretation="rgba", wide=True, levels=(Levels(0, 208), Levels(208, 1))),
    "spectral16": replace(
        GREY, n_bands=200, interpretation="spectral", wide=True, levels=tuple(Levels(k, 208 - k) for k in range(200))
    ),
    "smallest": replace(GREY, height=1, width=1, quality_q8=0),
    "largest": replace(GREY, height=65535, width=65535, n_bands=65535, interpretation="spectral", quality_q8=25600),
    "by hand": replace(GREY, quality_q8=None, parameters=put_varint(65535) + put_varint(0)),
    "no parameters": replace(GREY, quality_q8=None),
    "user model": replace(GREY, model_id=0, model_hash=b"abcdefgh"),
    "tiles": TILES,
    "layers": replace(TILES, n_layers=16),
    "layers of one tile": replace(GREY, n_layers=3),
    "largest tiles": replace(GREY, height=65535, width=65535, tile_log2=15),
}


@pytest.mark.parametrize("name", HEADERS)
def test_round_trip(name):
    header = HEADERS[name]
    segments = [bytes([index % 251]) * (index * 37 % 300) for index in range(header.n_tiles * header.n_layers)]
    data = pack(header, segments)
    found = read_header(data)
    many = len(segments) > 1
    assert list(found.lengths) == (list(map(len, segments)) if many else [])
    assert found == replace(header, lengths=found.lengths, head_size=found.head_size)
    assert list(read_segments(data, found)) == segments
    assert read_header(data[: found.head_size]) == found


@pytest.mark.parametrize("name", HEADERS)
def test_a_head_that_is_cut_asks_for_more(name):
    header = HEADERS[name]
    data = pack(header, [b"\0"] * (header.n_tiles * header.n_layers))
    for n_bytes in range(read_header(data).head_size):
        with pytest.raises(Truncated):
            read_header(data[:n_bytes])


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16383, 16384, 2**28 - 1])
def test_varints(value):
    data = put_varint(value)
    assert len(data) == max(1, -(-value.bit_length() // 7))
    assert read_varints(data * 3, 3, value) == [value] * 3
    if value:
        with pytest.raises(CorruptStream):
            read_varints(data, 1, value - 1)
    for wrong in (data[:-1], data + b"\0", data[:-1] + bytes([data[-1] | 128, 0])):
        with pytest.raises(CorruptStream):
            read_varints(wrong, 1, 2**60)


def test_checksums_are_the_ones_that_have_names():
    """Against the check values of their definitions: both checksums of "123456789"."""
    assert binascii.crc_hqx(b"123456789", 0xFFFF) == 0x29B1  # CRC-16/IBM-3740
    assert binascii.crc32(b"123456789") == 0xCBF43926  # CRC-32/ISO-HDLC
    small, large = pack(GREY, [b"s"]), pack(replace(GREY, height=4097, width=1), [b"s"])
    assert small[-2:] == binascii.crc_hqx(small[:-2], 0xFFFF).to_bytes(2, "little")
    assert large[-4:] == binascii.crc32(large[:-4]).to_bytes(4, "little")


def test_a_segment_of_another_place_or_file_does_not_pass():
    data = pack(TILES, [b"same"] * 6)
    other = pack(replace(TILES, quality_q8=1), [b"same"] * 6)
    start = read_header(data).head_size
    swapped = bytearray(data)
    swapped[start : start + 8] = data[start + 8 : start + 16]
    found = list(read_segments(bytes(swapped), read_header(data)))
    assert isinstance(found[0], ChecksumError)
    assert found[1:] == [b"same"] * 5
    mixed = data[:start] + other[start:]
    assert all(isinstance(segment, ChecksumError) for segment in read_segments(mixed, read_header(data)))


def test_a_prefix_loses_the_segments_that_are_cut():
    segments = [b"0" * 10, b"1" * 20, b"2" * 30, b"3", b"4", b"5"]
    data = pack(TILES, segments)
    header = read_header(data)
    for n_bytes in range(header.head_size, len(data) + 1):
        found = list(read_segments(data[:n_bytes], header))
        intact = [segment for segment in found if isinstance(segment, bytes)]
        assert intact == segments[: len(intact)]
        assert all(isinstance(segment, Truncated) for segment in found[len(intact) :])
        assert len(found) == 6


def overhead(image, **options):
    """Bytes of a file that are not its segments."""
    data = apercu.encode(image, **{"codec": "taha2025"} | options)
    return len(data) - sum(map(len, read_segments(data, read_header(data))))


def test_everything_else_is_small():
    """Under 48 bytes for 512 × 512 and under 12 for 32 × 32: what is neither code lengths, flags nor latents."""
    ramp = np.add.outer(np.arange(512), np.arange(512)) % 256
    assert overhead(ramp.astype(np.uint8)) == 14
    assert overhead(ramp[:32, :32].astype(np.uint8)) == 10
    assert overhead(np.dstack([ramp] * 3).astype(np.uint8)) == 14
    assert overhead(np.dstack([ramp] * 4).astype(np.uint16)) == 18
    assert overhead(ramp.astype(np.uint16)) == 16
    assert overhead(ramp[:32, :32].astype(np.uint8), codec="apercu") == 10
    assert overhead(ramp.astype(np.uint8), codec="apercu") == 14
    assert overhead(ramp.astype(np.uint8), codec="apercu", layers=4) <= 38
    assert overhead(np.dstack([ramp] * 12).astype(np.uint16)) == 39
    assert overhead(ramp[:32, :32].astype(np.uint8), threshold=50, step=8) == 14  # four bytes of parameters


def test_by_hand_is_no_quality():
    assert BY_HAND == 32_767
    with pytest.raises(CorruptStream):
        read_header(pack(replace(GREY, quality_q8=25601), [b""]))


def test_wire_numbers_are_never_reused():
    """A number that was given once means the same for ever: this list grows, and nothing else."""
    assert ids.MAGIC == b"\xae\x70"
    assert ids.INTERPRETATION_IDS == {"grey": 0, "rgb": 1, "rgba": 2, "spectral": 3}
    assert ids.CODEC_IDS == {
        ("apercu", "range"): 2, ("taha2025", "huffman"): 1, ("dct", "range"): 3, ("dct", "huffman"): 4,
        ("predictive", "range"): 5,
        ("stacked_ae", "range"): 6, ("taha2025", "range"): 7, ("stacked_ae", "huffman"): 8,
        ("rnn", "range"): 9,
    }  # fmt: skip
    models = {number: (model.codec, model.entropy) for number, model in ids.MODELS.items()}
    assert models == {
        1: ("taha2025", "huffman"), 2: ("apercu", "range"), 3: ("dct", "range"), 4: ("dct", "huffman"),
        5: ("predictive", "range"),
        6: ("stacked_ae", "range"), 7: ("taha2025", "range"), 8: ("stacked_ae", "huffman"),
        9: ("rnn", "range"), 10: ("apercu", "range"),
    }  # fmt: skip
    assert ids.NAMED_MODELS == {"apercu_small": 10}
    assert ids.USER_MODEL not in ids.MODELS
    assert all((FOLDER / model.file).exists() for model in ids.MODELS.values())


@pytest.mark.parametrize("number", sorted(set(range(256)) - set(ids.MODELS) - {ids.USER_MODEL}))
def test_models_to_come_are_refused(number):
    with pytest.raises(UnknownModel, match=str(number)):
        read_header(pack(replace(GREY, model_id=number), [b""]))
