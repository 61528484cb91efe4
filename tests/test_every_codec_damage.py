"""Every codec: damage is refused by name, and costs its own part alone; a file cannot claim more than it holds."""

import random
from array import array
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import apercu
from apercu.format.container import pack, read_header, read_segments
from every_codec import EVERY_CODEC, drawn, encode, most_layers, part, rough, taken_apart, tiled
from limits import at_most, within
from scripts.pictures import scene


def refusals(data):
    """The errors with which each way to read `data` refuses it."""
    for options in ({}, {"damaged": "conceal"}, {"window": (0, 0, 1, 1)}):
        with pytest.raises(apercu.FormatError) as caught:
            apercu.decode(data, **options)
        yield type(caught.value)
    yield type(apercu.check(data)[0])


def small(codec):
    """A file with a checksum of 16 bits."""
    return encode(scene(12, 10)[:, :, 0], codec, quality=70)


def larger(codec):
    """A file with a checksum of 32 bits."""
    return encode(scene(70, 70, 3), codec, quality=12)


def few_tiles(codec):
    """Six tiles in as many layers as there can be."""
    image = scene(40, 70)[:, :, 0]
    return image, encode(image, codec, quality=40, tile=32, layers=most_layers(codec))


# --- Damage that costs everything


@EVERY_CODEC
@pytest.mark.parametrize("make", [small, larger])
def test_a_file_of_one_segment_cut_at_any_byte_is_refused(codec, make):
    data = make(codec)
    for n_bytes in range(len(data)):
        for damaged in ("raise", "conceal"):
            with pytest.raises((apercu.Truncated, apercu.ChecksumError)):
                apercu.decode(data[:n_bytes], damaged=damaged)


@EVERY_CODEC
@pytest.mark.parametrize("make", [small, larger])
def test_no_flipped_bit_goes_unseen(codec, make):
    """Both checksums find every single bit, and every two bits that are near to each other."""
    data = make(codec)
    bits = int.from_bytes(data, "big")
    for at in range(8 * len(data)):
        for mask in (1, 3, 5, 0x81):
            if not mask << at >> (8 * len(data)):
                # Of a head that names a model of a user's now, nothing else can be said.
                with pytest.raises((apercu.FormatError, apercu.ModelError)):
                    apercu.decode((bits ^ mask << at).to_bytes(len(data), "big"))


@EVERY_CODEC
def test_nothing_may_follow_a_file(codec):
    with pytest.raises(apercu.ChecksumError):
        apercu.decode(small(codec) + b"\0")
    _, data = few_tiles(codec)
    with pytest.raises(apercu.CorruptStream, match=r"bytes follow the last segment: 1$"):
        apercu.decode(data + b"\0")
    assert [type(fault) for fault in apercu.check(data + b"\0")] == [apercu.CorruptStream]
    assert np.array_equal(apercu.decode(data + b"\0", damaged="conceal"), apercu.decode(data))


# --- Damage that costs a part


def lost(image, window):
    """Whether a tile is the middle of the range."""
    return np.all(part(image, window) == 128)


@EVERY_CODEC
def test_no_flipped_bit_goes_unseen_in_tiles(codec):
    """One segment is lost, and no more."""
    _, data = few_tiles(codec)
    head_size = read_header(data).head_size
    for at in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(apercu.FormatError):
            apercu.decode(damaged)
        if at // 8 < head_size:
            with pytest.raises(apercu.FormatError):
                apercu.decode(damaged, damaged="conceal")
        elif at % 8 == at // 8 % 8:  # a bit of each byte
            assert len(apercu.check(damaged)) == 1
            apercu.decode(damaged, damaged="conceal")


@EVERY_CODEC
@pytest.mark.parametrize(("kind", "dtype"), [("rgb", np.uint8), ("spectral of 5", np.uint16), ("flat grey", np.uint8)])
def test_a_damaged_segment_costs_its_own_tile_its_own_detail(codec, kind, dtype):
    """The layers before it are shown, or the middle of the range; every other tile is whole."""
    _, data = tiled(codec, kind, dtype)
    header, windows, starts = taken_apart(data)
    whole = {layers: apercu.decode(data, layers=layers) for layers in range(1, header.n_layers + 1)}
    for segment in range(len(starts) - 1):
        layer, tile = divmod(segment, 12)
        damaged = bytearray(data)
        damaged[random.Random(segment).randrange(starts[segment], starts[segment + 1])] ^= 1 << segment % 8
        place = f"tile {tile + 1} of 12" + f", layer {layer + 1} of {header.n_layers}" * (header.n_layers > 1)
        with pytest.raises(apercu.ChecksumError, match=f"^{place}: the checksum"):
            apercu.decode(damaged)
        assert [str(fault) for fault in apercu.check(damaged)] == [f"{place}: the checksum does not match"]
        shown = apercu.decode(damaged, damaged="conceal")
        assert (shown.shape, shown.dtype) == (whole[1].shape, whole[1].dtype)
        for index, window in enumerate(windows):
            if index != tile:
                assert np.array_equal(part(shown, window), part(whole[header.n_layers], window))
                if segment % 5 == 0:  # a window needs its own tiles alone
                    there = apercu.decode(damaged, window=window)
                    assert np.array_equal(there, part(whole[header.n_layers], window))
            elif layer:
                assert np.array_equal(part(shown, window), part(whole[layer], window))
                assert np.array_equal(apercu.decode(damaged, layers=layer), whole[layer])
            else:
                assert dtype == np.uint16 or lost(shown, window)
                with pytest.raises(apercu.ChecksumError):
                    apercu.decode(damaged, window=window, damaged="conceal")


def level(code):
    """A level of 16 bits by its code (spec/FORMAT.md)."""
    return code if code < 16 else (16 + code % 16) << (code // 16 - 1)


@EVERY_CODEC
@pytest.mark.parametrize("kind", ["flat grey", "rgb", "rgba", "spectral of 5"])
def test_a_lost_tile_of_16_bits_is_the_middle_between_the_levels(codec, kind):
    """Planes of 4080, without colour."""
    data = bytearray(tiled(codec, kind, np.uint16)[1])
    header, windows, starts = taken_apart(bytes(data))
    data[starts[0]] ^= 1
    shown = part(apercu.decode(data, damaged="conceal"), windows[0])
    for band in range(header.n_bands):
        group = {"spectral": band, "rgba": band // 3}.get(header.interpretation, 0)
        offset, across = (level(code) for code in header.levels[group])
        assert np.all(np.atleast_3d(shown)[..., band] == offset + (4080 * across + 4080) // 8160)


@EVERY_CODEC
def test_a_prefix_shows_what_is_complete(codec):
    """Each tile in the layers that are there, or the middle of the range; what is missing is named. What is shown of a
    cut segment is looked at where the cut is at its beginning, behind it, and before its end, by turns."""
    _, data = tiled(codec)
    header, windows, starts = taken_apart(data)
    whole = {layers: apercu.decode(data, layers=layers) for layers in range(1, header.n_layers + 1)}
    for n_segments, (start, following) in enumerate(pairwise(starts)):
        for turn, n_bytes in enumerate((start, start + 1, following - 1)):
            prefix = data[:n_bytes]
            with pytest.raises(apercu.Truncated):
                apercu.decode(prefix)
            layer, tile = divmod(n_segments, 12)
            first = [f"tiles {tile + 1}–12 of 12" if tile < 11 else "tile 12 of 12"]
            missing = first + ["tiles 1–12 of 12"] * (header.n_layers - 1 - layer)
            layers = range(layer + 1, header.n_layers + 1)
            of = [f", layer {n} of {header.n_layers}" * (header.n_layers > 1) for n in layers]
            faults = apercu.check(prefix)
            assert {type(fault) for fault in faults} == {apercu.Truncated}
            said = [f"{these}{which}: the file ends too soon" for these, which in zip(missing, of, strict=True)]
            assert [str(fault) for fault in faults] == said
            if n_segments == 0:
                with pytest.raises(apercu.Truncated):
                    apercu.decode(prefix, damaged="conceal")
                continue
            if turn != n_segments % 3:
                continue
            shown = apercu.decode(prefix, damaged="conceal")
            for index, window in enumerate(windows):
                n_layers = layer + (index < tile)
                if n_layers:
                    assert np.array_equal(part(shown, window), part(whole[n_layers], window))
                else:
                    assert lost(shown, window)


@EVERY_CODEC
def test_a_file_cut_within_its_head_is_refused(codec):
    _, data = tiled(codec)
    for n_bytes in range(read_header(data).head_size):
        assert set(refusals(data[:n_bytes])) == {apercu.Truncated}


# --- Checksums that are right, and content that is not


def repacked(data, change):
    """The file with its segments changed, and checksums that are right."""
    header = read_header(data)
    return pack(header, change(list(read_segments(data, header))))


@EVERY_CODEC
def test_a_segment_has_neither_more_nor_less_than_is_read(codec):
    data = encode(scene(60, 75, 3), codec, quality=60)
    longer = repacked(data, lambda segments: [segments[0] + b"\1\2\3\4\5\6\7\x08\x09"])
    shorter = repacked(data, lambda segments: [segments[0][:-20]])
    assert set(refusals(longer)) == {apercu.CorruptStream}
    assert set(refusals(shorter)) == {apercu.Truncated}


@EVERY_CODEC
def test_a_fault_in_the_content_costs_its_own_tile_its_own_detail(codec):
    _, data = tiled(codec)
    header, windows, starts = taken_apart(data)
    whole = {layers: apercu.decode(data, layers=layers) for layers in range(1, header.n_layers + 1)}
    for segment in range(0, len(starts) - 1, 5):
        layer, tile = divmod(segment, 12)

        def more(segments, segment=segment):
            segments[segment] += b"more bytes than are read"
            return segments

        damaged = repacked(data, more)
        place = f"tile {tile + 1} of 12" + f", layer {layer + 1} of {header.n_layers}" * (header.n_layers > 1)
        (fault,) = apercu.check(damaged)
        assert isinstance(fault, apercu.CorruptStream)
        assert str(fault).startswith(f"{place}: ")
        with pytest.raises(apercu.CorruptStream, match=f"^{place}"):
            apercu.decode(damaged)
        shown = apercu.decode(damaged, damaged="conceal")
        for index, window in enumerate(windows):
            if n_layers := layer if index == tile else header.n_layers:
                assert np.array_equal(part(shown, window), part(whole[n_layers], window))
            else:
                assert lost(shown, window)


def disturbed(segments, rng):
    """The segments with a few bytes of one of them changed, and at times its end cut off."""
    at = rng.randrange(len(segments))
    segment = bytearray(segments[at])
    for _ in range(rng.choice((1, 1, 2, 9)) if segment else 0):
        segment[rng.randrange(len(segment))] ^= rng.randrange(1, 256)
    end = rng.choice((len(segment), len(segment), rng.randrange(len(segment) + 1)))
    return [*segments[:at], bytes(segment[:end]), *segments[at + 1 :]]


@EVERY_CODEC
def test_any_bytes_in_a_segment_decode_or_are_refused(codec):
    """With an error of the format, which `check` finds too."""
    rng, decoded = random.Random(codec), 0
    for kind, dtype in (("rgb", np.uint8), ("spectral of 5", np.uint16), ("flat grey", np.uint8)):
        image = drawn(kind, 33, 40, dtype)
        sound = encode(image, codec, quality=50, layers=most_layers(codec))
        for _ in range(60):
            data = repacked(sound, lambda segments: disturbed(segments, rng))
            faults = apercu.check(data)
            assert {type(fault) for fault in faults} <= {apercu.Truncated, apercu.CorruptStream}
            if faults:
                with pytest.raises(type(faults[0])):
                    apercu.decode(data)
            else:
                decoded += 1
                found = apercu.decode(data)
                assert (found.shape, found.dtype) == (image.shape, image.dtype)
    assert 0 < decoded < 180


# --- A few bytes that declare much


@pytest.fixture
def cheap():
    """Seconds and memory that a file of a few bytes may take."""
    with at_most(5), within(60 << 20):
        yield


def claiming(codec, segments, **changes):
    """A file that declares something else than it holds; its checksums are right."""
    header = read_header(encode(rough(8, 8), codec, quality=0))
    return pack(replace(header, lengths=array("I"), head_size=0, **changes), segments)


@EVERY_CODEC
@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    "changes",
    [
        {"height": 65535, "width": 65535},
        {"height": 65535, "width": 4097},
        {"height": 9000, "width": 30000, "interpretation": "spectral", "n_bands": 65535},
        {"height": 16384, "width": 16384, "interpretation": "spectral", "n_bands": 5},
    ],
    ids=str,
)
def test_an_image_above_the_limit_is_too_large(codec, changes):
    data = claiming(codec, [b"\0" * 30], **changes)
    assert set(refusals(data)) == {apercu.TooLarge}
    with pytest.raises(apercu.TooLarge):
        apercu.info(data)


@EVERY_CODEC
@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    "changes",
    [
        {"height": 65535, "width": 4096},
        {"height": 16384, "width": 16384, "interpretation": "rgb", "n_bands": 3},
        {"height": 16384, "width": 16384, "interpretation": "spectral", "n_bands": 4},
        {"height": 128, "width": 128, "interpretation": "spectral", "n_bands": 65535},
    ],
    ids=str,
)
def test_a_segment_of_nothing_holds_no_image(codec, changes):
    for layers in {1, most_layers(codec)}:
        assert set(refusals(claiming(codec, [b""] * layers, n_layers=layers, **changes))) == {apercu.Truncated}


@EVERY_CODEC
@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    "changes",
    [
        {"height": 4000},
        {"width": 30000},
        {"height": 1500, "width": 1500},
        {"interpretation": "spectral", "n_bands": 600},
        {"interpretation": "spectral", "n_bands": 3000, "wide": True, "levels": ((0, 208),) * 3000},
    ],
    ids=lambda changes: str(changes)[:50],
)
def test_the_segment_of_a_small_image_holds_no_larger_one(codec, changes):
    data = encode(rough(8, 8), codec, quality=100)
    segments = list(read_segments(data, read_header(data)))
    assert set(refusals(claiming(codec, segments, **changes))) <= {apercu.Truncated, apercu.CorruptStream}


@EVERY_CODEC
@pytest.mark.usefixtures("cheap")
def test_of_many_tiles_that_hold_nothing_none_takes_memory(codec):
    """Each is refused by itself, the image is not set aside."""
    data = claiming(codec, [b""] * 64, height=16384, width=16384, tile_log2=11)
    assert set(refusals(data)) == {apercu.Truncated}


@EVERY_CODEC
@pytest.mark.usefixtures("cheap")
def test_a_directory_that_lies_costs_nothing(codec):
    data = claiming(codec, [b"\0"] * 3, height=65535, width=4096, tile_log2=5)
    assert set(refusals(data)) == {apercu.Truncated}


@EVERY_CODEC
def test_more_layers_than_the_codec_has_are_refused(codec):
    segments = [b""] * (most_layers(codec) + 1)
    data = claiming(codec, segments, n_layers=len(segments))
    assert set(refusals(data)) == {apercu.CorruptStream}
    with pytest.raises(apercu.CorruptStream, match="layer"):
        apercu.info(data)
