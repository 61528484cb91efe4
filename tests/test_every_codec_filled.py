"""Every codec: tiles that are lost are filled from those around them, and it is known where."""

from array import array
from dataclasses import replace

import numpy as np
import pytest

import apercu
from apercu.codecs.decoding import How, opened, windows
from apercu.codecs.scenes import split
from apercu.format.container import Segments, pack, read_header, read_segments
from apercu.stages.blocks import tiles
from apercu.stages.membrane import stretched
from every_codec import CODECS, DTYPES, EVERY_CODEC, KINDS, drawn, encode, most_layers, mse
from limits import at_most
from scripts.pictures import scene

TILE = 32


def losing(data, lost):
    """A file whose segments (layer, tile) of a set are damaged."""
    header = read_header(data)
    segments, out = Segments(data, header), bytearray(data)
    for layer, tile in lost:
        index = layer * header.n_tiles + tile
        start = header.head_size + sum(segments.length(before) + 4 for before in range(index))
        out[start + segments.length(index)] ^= 0xFF  # of its checksum, since a segment may be empty
    return bytes(out)


def tile_places(image):
    return [np.s_[top : top + h, left : left + w] for top, left, h, w in tiles(*image.shape[:2], TILE)]


@EVERY_CODEC
def test_filled_tiles_are_closer_than_the_middle(codec):
    """And all others are as they were; so are all windows."""
    number = list(CODECS).index(codec)
    kind, dtype = list(KINDS)[number % 6], DTYPES[number // 2 % 2]
    image = drawn(kind, 100, 130, dtype)
    whole = encode(image, codec, quality=60, tile=TILE)
    data = losing(whole, {(0, 0), (0, 7), (0, 8), (0, 19)})
    shown = apercu.decode(whole)
    concealed, filled = (apercu.decode(data, damaged=damaged) for damaged in ("conceal", "fill"))
    lost = apercu.damage(data) > 0
    assert lost.sum() == TILE * TILE * 3 + (100 - 3 * TILE) * (130 - 4 * TILE)
    assert np.array_equal(filled[~lost], shown[~lost])
    assert mse(shown[lost], filled[lost]) < mse(shown[lost], concealed[lost]) / 3
    for top, left, height, width in ((0, 0, 5, 5), (30, 20, 40, 99), (99, 129, 1, 1), (33, 70, 20, 20)):
        part = apercu.decode(data, damaged="fill", window=(top, left, height, width))
        assert np.array_equal(part, filled[top : top + height, left : left + width])


def test_parts_are_those_of_the_whole():
    """Of images that are decoded tile by tile, in which a tile is filled before those after it come."""
    image = scene(100, 130, 3)
    data = losing(apercu.encode(image, quality=40, tile=TILE), {(0, tile) for tile in (0, 1, 5, 6, 12)})
    filled = apercu.decode(data, damaged="fill")
    parts = list(windows(opened(data, None), How(damaged="fill")))
    assert len(parts) == 20
    for (top, left, height, width), part in parts:
        assert np.array_equal(part, filled[top : top + height, left : left + width])


@pytest.mark.parametrize("kind", KINDS)
def test_a_flat_image_comes_back(kind):
    """There is nothing that a gap could differ in."""
    image = np.full_like(drawn(kind, 96, 96), 77)
    whole = apercu.encode(image, quality=60, tile=TILE)
    data = losing(whole, {(0, tile) for tile in (0, 2, 3, 4, 8)})
    assert np.abs(apercu.decode(data, damaged="fill").astype(int) - apercu.decode(whole)).max() <= 1


def test_far_tiles_are_taken_where_none_is_near():
    """But not those that are more than eight tiles away: such tiles stay as they are with "conceal"."""
    image = scene(TILE * 3, TILE * 12, 3)
    whole = apercu.encode(image, quality=40, tile=TILE)
    data = losing(whole, {(0, tile) for tile in range(35)})
    filled, concealed = (apercu.decode(data, damaged=damaged) for damaged in ("fill", "conceal"))
    near = apercu.decode(whole)[-TILE:, -TILE:].astype(int)
    assert np.array_equal(filled[-TILE:, -TILE:], near)
    for column in range(3, 12):
        shown = filled[:TILE, column * TILE :][:, :TILE]
        assert np.abs(shown.mean((0, 1)) - near.mean((0, 1))).max() < 40
    assert np.array_equal(filled[:, : 3 * TILE], concealed[:, : 3 * TILE])
    assert np.array_equal(apercu.decode(data, damaged="fill", window=(9, 0, 9, 200)), filled[9:18, :200])


def test_many_lost_tiles_take_no_longer_each():
    """However far the next one is that is there."""
    whole = apercu.encode(scene(TILE, TILE * 1000), quality=20, tile=TILE, layers=1)
    data = losing(whole, {(0, tile) for tile in range(1000) if tile != 500})
    with at_most(3):
        apercu.decode(data, damaged="fill")


@EVERY_CODEC
def test_damage_counts_lost_layers(codec):
    layers = most_layers(codec)
    image = drawn("rgb", 70, 90)
    whole = encode(image, codec, quality=50, tile=TILE, layers=layers)
    assert not apercu.damage(whole).any()
    data = losing(whole, {(0, 1), (layers - 1, 5), (0, 8)})
    expected = np.zeros((70, 90), np.uint8)
    for tile, n_lost in ((1, layers), (5, 1), (8, layers)):
        expected[tile_places(image)[tile]] = n_lost
    found = apercu.damage(data)
    assert np.array_equal(found, expected)
    assert np.array_equal(apercu.damage(data, window=(20, 30, 40, 33)), expected[20:60, 30:63])
    differs = (apercu.decode(data, damaged="conceal") != apercu.decode(whole)).any(axis=2)
    assert not differs[found == 0].any()


def test_damage_of_a_reduced_image():
    image = scene(201, 300, 3)
    data = apercu.encode(image, quality=50, tile=TILE, reduce=2)
    assert apercu.damage(data).shape == (101, 150)
    start = len(data) - len(split(data)[1])
    damaged = data[:start] + losing(data[start:], {(0, 3)})
    small, large = apercu.damage(damaged), apercu.damage(damaged, full_size=True)
    assert large.shape == (201, 300)
    assert np.array_equal(large, small.repeat(2, 0).repeat(2, 1)[:201])
    assert np.array_equal(apercu.damage(damaged, full_size=True, window=(51, 203, 30, 41)), large[51:81, 203:244])
    filled = apercu.decode(damaged, damaged="fill", full_size=True)
    assert mse(image, filled) < mse(image, apercu.decode(damaged, damaged="conceal", full_size=True))


def test_content_that_breaks_a_rule_is_damage_too():
    """A checksum that holds does not make a segment sound."""
    image = scene(40, 70, 3)
    data = apercu.encode(image, quality=50, tile=TILE, layers=2)
    header = read_header(data)
    segments = [bytes(each) for each in read_segments(data, header)]
    segments[1] = segments[1] + bytes(40)
    broken = pack(replace(header, lengths=array("I")), segments)
    lost = apercu.damage(broken)
    assert np.array_equal(np.unique(lost[:TILE, TILE : 2 * TILE]), [2])
    assert not lost[TILE:].any()
    filled = apercu.decode(broken, damaged="fill")
    assert mse(image, filled) < mse(image, apercu.decode(broken, damaged="conceal"))


def test_nothing_to_fill_from_is_refused():
    one = apercu.encode(scene(60, 60, 3), quality=40)
    tiled = apercu.encode(scene(60, 60, 3), quality=40, tile=TILE)
    for data in (one[:-1], losing(tiled, {(0, tile) for tile in range(4)})):
        with pytest.raises((apercu.ChecksumError, apercu.Truncated)):
            apercu.decode(data, damaged="fill")
    with pytest.raises(apercu.OptionError, match="fill"):
        apercu.decode(tiled, damaged="mend")


def test_a_membrane_keeps_slopes():
    """What is between two slopes lies on them: the mean of four neighbours is each sample of a plane."""
    y, x = np.mgrid[:64, :64]
    plane = (y + 2 * x).astype(np.uint8)[:, :, np.newaxis]
    missing = np.zeros((64, 64), np.bool_)
    missing[24:40, 20:44] = True
    found = stretched(np.where(missing[:, :, np.newaxis], np.uint8(0), plane), missing)
    assert np.abs(found.astype(int) - plane).max() <= 1
    assert np.array_equal(stretched(plane, ~np.zeros_like(missing)), np.zeros_like(plane))
