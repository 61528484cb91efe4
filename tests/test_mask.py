"""Masks: they come back, in how many bytes, at what cost, and what damage does; a second decoder of the same text."""

import itertools
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference_bytes
import reference_mask
from apercu.errors import CorruptStream, FormatError, OptionError, Truncated
from apercu.stages import mask as masks
from apercu.stages.mask import decode_mask, decode_planes, encode_mask, encode_planes, halved, pack, unpack
from drawn_masks import clouds, footprint, points, rectangle
from limits import assert_in_proportion, at_most

SHAPES = ((1, 1), (1, 7), (1, 8), (9, 1), (8, 9), (17, 24), (5, 300), (1, 65535), (65535, 1))
SLANTED, SPECKS = rectangle(190, 170), points(190, 170, 9)


def there_and_back(mask):
    """The bytes; what comes back is checked."""
    data = encode_mask(mask)
    back = decode_mask(data, *(mask.shape if mask.ndim == 3 else (*mask.shape, 1)))
    assert back.dtype == np.bool_
    np.testing.assert_array_equal(back, mask if mask.ndim == 3 else mask[:, :, np.newaxis])
    return data


def by_reference(data, shape):
    return np.moveaxis(np.array(reference_mask.decode(data, *shape), bool), 0, -1)


# --- What comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.5, 0.97, 1])
def test_masks_of_every_size_come_back(shape, share):
    drawn = np.random.default_rng(sum(shape)).random((*shape, 2)) < share
    there_and_back(drawn)
    there_and_back(drawn[:, :, 0])


@st.composite
def drawn_masks(draw):
    """Slanted areas, discs, points and noise, one over the other, in up to four bands that are more or less alike."""
    height, width, n_masks = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.integers(1, 4))
    mask = np.zeros((height, width, n_masks), bool)
    y, x = np.mgrid[:height, :width]
    for kind in draw(st.lists(st.integers(0, 5), max_size=6)):
        band = slice(None) if draw(st.booleans()) else draw(st.integers(0, n_masks - 1))
        a, b, c = (draw(st.integers(-20, 60)) for _ in range(3))
        if kind <= 1:
            area = (a * x + b * y < 20 * c) ^ (kind == 1)
        elif kind == 2:
            area = (x - a) ** 2 + (y - b) ** 2 < 8 * c
        elif kind == 3:
            area = (x + y + a) % 2 == 0
        else:
            area = np.random.default_rng(abs(a)).random((height, width)) < (0.5 if kind == 4 else 0.02)
        mask[:, :, band] ^= area if isinstance(band, int) else area[:, :, np.newaxis]
    return mask


@given(drawn_masks())
def test_any_mask_comes_back_and_the_second_decoder_agrees(mask):
    data = there_and_back(mask)
    np.testing.assert_array_equal(by_reference(data, mask.shape), mask)


def test_the_second_decoder_reads_longer_lines_and_every_way_to_code_them():
    bands = np.stack([rectangle(190, 170, shift=s) | points(190, 170, 4, seed) for s, seed in ((0, 1), (0.02, 2))], -1)
    for mask in (footprint(220, curve=0.03)[:, :, np.newaxis], bands, clouds(90, 100, 2)[:, :, np.newaxis]):
        np.testing.assert_array_equal(by_reference(there_and_back(mask), mask.shape), mask)


def test_a_line_looks_back_at_4096_steps():
    """An edge with steps to the side so far apart that it matters, and then unrest, so that it shows."""
    rng = np.random.default_rng(3)
    runs = np.concatenate([np.full(6, 2050), np.full(6, 2051), rng.integers(1, 9, 120)])
    ends = np.clip(2 + np.cumsum(np.concatenate([np.ones(12, int), rng.integers(-2, 3, 120)])), 1, 23)
    mask = np.arange(24) < np.repeat(ends, runs)[:, np.newaxis]
    np.testing.assert_array_equal(by_reference(there_and_back(mask), (*mask.shape, 1))[:, :, 0], mask)


FROZEN = (
    "80003b52d7fa69e23ff8c74f18fea2ff8329cc9b10b86f34265fa64f71fe96aa1a91f44d68a2fbdd791ae491d8b5702b5c8a"
    "70a670a933eae54fe1b757c9bbf932ba88bcae609dbe0b74d22f9aee3746850c087f4e09cb7854ef35234ce6122b5b502c25"
    "bec1d03395b85730d11fa6dbf76083aa0b9e321447ad27198b1d72"
)


def test_the_same_mask_gives_the_same_bytes_everywhere():
    """A change of these is a change of the format."""
    y, x = np.mgrid[:70, :90]
    slanted = (7 * x + 2 * y < 300) | (5 * y - x > 310)
    noise = np.random.default_rng(1).integers(0, 4, (70, 90)) == 0
    data = encode_mask(np.stack([slanted, slanted, slanted ^ ((x * 31 + y * 17) % 997 == 0), noise & (y > 60)], -1))
    assert data.hex() == FROZEN


def test_memory_that_was_used_before_makes_no_difference():
    drawn = [footprint(90), np.random.default_rng(1).random((90, 90)) < 0.4, np.ones((90, 90), bool)]
    alone = [encode_mask(mask) for mask in drawn]
    for first, second in itertools.permutations(range(3), 2):
        decode_mask(alone[first], 90, 90, 1)
        assert encode_mask(drawn[second]) == alone[second]
        np.testing.assert_array_equal(decode_mask(alone[second], 90, 90, 1)[:, :, 0], drawn[second])


def test_masks_as_bits():
    bands = np.stack([SLANTED, SLANTED ^ SPECKS, SPECKS], -1)
    planes = pack(bands)
    assert (planes.shape, planes.dtype) == ((3, 190, 22), np.uint8)
    np.testing.assert_array_equal(unpack(planes, 170), bands)
    data = encode_planes(planes, 170)
    assert data == encode_mask(bands)
    np.testing.assert_array_equal(decode_planes(data, 190, 170, 3), planes)
    planes[:, :, -1] |= 0x3F  # past the width
    assert encode_planes(planes, 170) == data


# --- In how many bytes -----------------------------------------------------------------------------


@pytest.mark.parametrize(("angle", "curve"), [(12, 0), (9.3, 0.02), (16, -0.03), (2, 0.01)])
def test_a_footprint_of_fourteen_modules_is_small(angle, curve):
    assert len(there_and_back(footprint(2500, angle=angle, curve=curve))) <= 320


def test_bytes_of_drawn_masks():
    """No more than was measured when they were drawn, with little to spare."""
    sizes = {
        "slanted": (SLANTED, 19),
        "points": (points(800, 800, 20), 50),
        "clouds": (clouds(300, 300, 10), 1850),
        "fine clouds": (clouds(300, 300, 2), 8600),
        "noise": (np.random.default_rng(1).random((200, 200)) < 0.5, 5650),
        "checkers": (np.indices((300, 300)).sum(0) % 2 == 0, 40),
        "all": (np.ones((4000, 3000), bool), 12),
        "none": (np.zeros((4000, 3000), bool), 0),
    }
    found = {name: len(there_and_back(mask)) for name, (mask, _) in sizes.items()}
    assert {name: n for name, n in found.items() if n > sizes[name][1]} == {}


def test_a_band_like_the_one_before_costs_what_differs():
    one = len(encode_mask(SLANTED))
    assert len(there_and_back(np.repeat(SLANTED[:, :, np.newaxis], 64, 2))) <= one + 2
    assert len(there_and_back(np.stack([SLANTED, SLANTED, SLANTED ^ SPECKS], -1))) <= one + 24
    edges = np.stack([rectangle(700, 600, shift=shift) for shift in (0, 0.02, 0.03)], -1)
    n_changed = np.count_nonzero(edges[:, :, 1:] ^ edges[:, :, :-1])
    assert n_changed > 20
    assert len(there_and_back(edges)) <= len(encode_mask(edges[:, :, 0])) + 8 + 1.6 * n_changed
    unlike = np.stack([SLANTED, clouds(190, 170)], -1)
    assert len(there_and_back(unlike)) <= one + len(encode_mask(clouds(190, 170))) + 3


# --- At what cost ----------------------------------------------------------------------------------


def test_cost_is_in_proportion_to_the_pixels():
    rng = np.random.default_rng(1)
    for small, large in (
        (footprint(700), footprint(1980)),
        (clouds(350, 350, 3), clouds(990, 990, 3)),
        (rng.random((350, 350)) < 0.5, rng.random((990, 990)) < 0.5),
    ):
        assert_in_proportion(lambda mask=small: there_and_back(mask), lambda mask=large: there_and_back(mask))


@pytest.mark.slow
def test_a_mask_of_a_hundred_million_pixels():
    mask = footprint(10_000, angle=11.3, curve=0.02)
    with at_most(1.2):
        data = encode_mask(mask)
        back = decode_mask(data, 10_000, 10_000, 1)
    assert np.array_equal(back[:, :, 0], mask)
    assert len(data) <= 600
    with at_most(1):
        small = halved(pack(mask), 10_000)
    assert len(encode_planes(small, 5000)) <= 450


# --- Damage ----------------------------------------------------------------------------------------


@given(st.binary(max_size=40), st.integers(1, 24), st.integers(1, 24), st.integers(1, 3))
def test_any_bytes_are_a_mask_or_refused(data, height, width, n_masks):
    agree(data, (height, width, n_masks))


@given(drawn_masks(), st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 255)), max_size=3), st.integers(0, 4))
def test_damaged_masks(mask, changes, cut):
    data = bytearray(encode_mask(mask))
    for place, change in changes:
        if data:
            data[place % len(data)] ^= change
    agree(bytes(data[: len(data) - cut] if cut < 4 else data + b"\1"), mask.shape)


def agree(data, shape):
    """Both decoders make the same of the bytes."""
    try:
        found = decode_mask(data, *shape)
    except FormatError as error:
        with pytest.raises(getattr(reference_bytes, type(error).__name__)):
            by_reference(data, shape)
    else:
        np.testing.assert_array_equal(found, by_reference(data, shape))


def test_refusals_have_their_errors():
    data = encode_mask(footprint(300))
    with pytest.raises(CorruptStream):
        decode_mask(data + b"\1", 300, 300, 1)
    with pytest.raises(Truncated):
        decode_mask(data[:-30], 300, 300, 1)


@pytest.mark.parametrize(("height", "width", "data"), [(3, 3, "80188b7d5a73"), (4, 4, "8052a558"), (3, 2, "8079cb74")])
def test_outlines_have_no_more_steps_than_pixels_have_edges(height, width, data):
    """These would be sound if one might have twice as many, and the last if each might have as many."""
    with pytest.raises(CorruptStream):
        decode_mask(bytes.fromhex(data), height, width, 1)
    agree(bytes.fromhex(data), (height, width, 1))


def test_few_bytes_for_many_pixels_take_no_longer_than_the_pixels_do():
    """The most that a stream of likely bits can ask for: masks that follow every edge there is, or none."""
    for data in (b"", b"\0" * 3000, b"\xff" * 3000, b"\x5a\x93" * 1500, bytes(range(256)) * 12):
        with at_most(2), suppress(FormatError):
            decode_planes(data, 2000, 2000, 8)


# --- Half the size ---------------------------------------------------------------------------------


@given(drawn_masks())
def test_halved_counts_what_it_stands_for(mask):
    height, width, n_masks = mask.shape
    small = unpack(halved(pack(mask), width), -(-width // 2))
    assert small.shape == (-(-height // 2), -(-width // 2), n_masks)
    for (y, x, band), value in np.ndenumerate(small):
        part = mask[2 * y : 2 * y + 2, 2 * x : 2 * x + 2, band]
        assert value == (2 * np.count_nonzero(part) >= part.size)


def test_halved_masks_of_many_rows():
    """A mask whose every pixel is repeated, longer than what is halved at a time."""
    small = clouds(700, 13, 2)
    for odd in (0, 1):
        large = small.repeat(2, 0).repeat(2, 1)[: 1400 - odd, : 26 - odd]
        np.testing.assert_array_equal(unpack(halved(pack(large), 26 - odd), 13)[:, :, 0], small)


# --- Arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mask",
    [
        None,
        [[True]],
        np.ones((2, 2), np.uint8),
        np.ones(4, bool),
        np.ones((0, 4), bool),
        np.ones((2, 2, 0), bool),
        np.ones((1, 65536), bool),
        np.ones((1, 1, 1, 1), bool),
    ],
)
def test_other_arrays_are_refused(mask):
    for function in (encode_mask, pack):
        with pytest.raises(OptionError):
            function(mask)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 65536, 1), (1, 1, 0), (1, 1, 65536), (1.0, 1, 1), (1, None, 1)])
def test_other_sizes_are_refused(sizes):
    with pytest.raises(OptionError):
        decode_mask(b"", *sizes)
    with pytest.raises(OptionError):
        decode_mask("", 1, 1, 1)


def test_planes_of_another_shape_are_refused():
    planes = np.zeros((2, 5, 3), np.uint8)
    for wrong, width in (
        (planes, 16),
        (planes, 25),
        (planes[0], 24),
        (planes.astype(int), 24),
        (planes[:0], 24),
        (planes, 0),
    ):
        with pytest.raises(OptionError):
            encode_planes(wrong, width)
        with pytest.raises(OptionError):
            unpack(wrong, width)
        with pytest.raises(OptionError):
            halved(wrong, width)


def test_a_workspace_that_is_too_small_is_refused():
    workspace = np.empty(masks._workspace(9, 9), np.uint8)
    bits, out = np.zeros(18, np.uint8), np.empty(200, np.uint8)
    room = (masks.address(workspace), workspace.size - 1)
    assert masks._encode(masks.address(bits), 9, 9, 1, *room, masks.address(out), out.size) == -1
    assert masks._decode(None, 0, 9, 9, 1, *room, masks.address(bits)) == -1
    assert masks._workspace(0, 9) == masks._workspace(9, 65536) == -4
