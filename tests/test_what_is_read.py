"""What a decoder reads and checks for each task, and leaves unread: spec/FORMAT.md, "What a decoder reads"."""

import numpy as np
import pytest

import apercu
from apercu.errors import ChecksumError, CorruptStream, ModelError, UnknownModel
from apercu.format.container import Segments, read_header
from files_by_hand import in_parts
from scripts.pictures import noise, user_tables

IMAGE = (noise((64, 64), 7) >> 8).astype(np.uint8)
DATA = apercu.encode(IMAGE, quality=60, tile=32, layers=2)
"""Segments 0 to 3 are of the first layer, 4 to 7 of the second."""
TASKS = {
    "image": ({}, range(8)),
    "first tile": ({"window": (0, 0, 32, 32)}, (0, 4)),
    "left tiles": ({"window": (31, 0, 2, 32)}, (0, 2, 4, 6)),
    "one layer": ({"layers": 1}, range(4)),
    "one layer of the last tile": ({"window": (40, 40, 8, 8), "layers": 1}, (3,)),
}


def places():
    """First and last byte of each segment, without its checksum."""
    header = read_header(DATA)
    segments, at, found = Segments(DATA, header), header.head_size, []
    for index in range(8):
        found.append((at, at + segments.length(index) - 1))
        at += segments.length(index) + 4
    assert at == len(DATA)
    assert all(first < last for first, last in found)
    return found


@pytest.mark.parametrize("task", TASKS)
def test_damage_counts_where_it_is_read(task):
    options, read = TASKS[task]
    sound = apercu.decode(DATA, **options)
    for index, ends in enumerate(places()):
        for at in ends:
            damaged = bytearray(DATA)
            damaged[at] ^= 1
            if index in read:
                with pytest.raises(ChecksumError):
                    apercu.decode(bytes(damaged), **options)
            else:
                assert np.array_equal(apercu.decode(bytes(damaged), **options), sound)


@pytest.mark.parametrize("task", TASKS)
def test_bytes_after_the_last_segment_count_for_the_whole_image_alone(task):
    options, _ = TASKS[task]
    if task == "image":
        with pytest.raises(CorruptStream, match="follow the last segment"):
            apercu.decode(DATA + b"\0")
    else:
        assert np.array_equal(apercu.decode(DATA + b"\0", **options), apercu.decode(DATA, **options))
    concealed = apercu.decode(DATA + b"\0", damaged="conceal", **options)
    assert np.array_equal(concealed, apercu.decode(DATA, **options))
    assert [type(fault) for fault in apercu.check(DATA + b"\0")] == [CorruptStream]


def test_a_layer_is_shown_before_the_next_arrives():
    end = places()[3][1] + 5
    assert np.array_equal(apercu.decode(DATA[:end], layers=1), apercu.decode(DATA, layers=1))


def test_concealing_needs_a_sound_first_layer_among_the_tiles_of_the_window():
    damaged = bytearray(DATA)
    damaged[places()[0][0]] ^= 1
    with pytest.raises(ChecksumError):
        apercu.decode(bytes(damaged), damaged="conceal", window=(0, 0, 32, 32))
    apercu.decode(bytes(damaged), damaged="conceal", window=(0, 0, 33, 32))


def test_what_a_file_is_needs_neither_weights_nor_segments(tmp_path):
    np.save(tmp_path / "own.npy", user_tables())
    data = apercu.encode(IMAGE, quality=60, model=tmp_path / "own.npy")
    told = apercu.info(data)
    with pytest.raises(ModelError):
        apercu.decode(data)
    head = data[: read_header(data).head_size]
    assert apercu.info(head) == told | {"n_bytes": len(head), "bpp": 8 * len(head) / IMAGE.size}
    cut = DATA[: read_header(DATA).head_size]
    assert apercu.info(cut)["layers"] == 2


def test_what_a_file_is_needs_settings_and_layers_that_its_codec_has():
    by_hand = apercu.encode(IMAGE, codec="taha2025", threshold=50, step=20)
    head = by_hand[: read_header(by_hand).head_size]
    assert apercu.info(head)["quality"] is None
    with pytest.raises(CorruptStream):
        apercu.info(head[:3] + b"\2" + head[4:])  # apercu has no settings by hand
    with pytest.raises(CorruptStream):
        apercu.info(in_parts(head, [b""] * 2, 0xF1))  # taha2025 has no second layer


@pytest.mark.parametrize("number", [b"\x4d", b"\0\x4d"], ids=["model", "codec"])
def test_a_codec_that_a_decoder_does_not_have_is_refused_at_its_number(number):
    """Whatever comes after it, and if nothing does."""
    for rest in (b"", bytes(40), DATA[4:]):
        for read in (apercu.decode, apercu.info):
            with pytest.raises(UnknownModel):
                read(DATA[:3] + number + rest)
