"""Tiles stand alone: damage to one, or the end of the file, costs the others nothing."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import apercu
from apercu.format.container import pack, read_header, read_segments
from apercu.stages.blocks import tiles
from scripts.pictures import scene

encode = partial(apercu.encode, codec="taha2025", tile=32)  # a small image has many


def tiled():
    image = scene(75, 100, 3)
    data = encode(image, quality=50)
    header = read_header(data)
    return image, data, header, list(tiles(header.height, header.width, header.tile))


def part(image, window):
    return image[window.top : window.top + window.height, window.left : window.left + window.width]


def test_tiles_do_not_touch_each_other():
    """A tile decodes to what it decodes to alone."""
    image, data, header, windows = tiled()
    decoded = apercu.decode(data)
    for window, segment in zip(windows, read_segments(data, header), strict=True):
        alone = replace(header, height=window.height, width=window.width, tile_log2=0)
        assert np.array_equal(apercu.decode(pack(alone, [segment])), part(decoded, window))
        assert encode(part(image, window), quality=50)[-len(segment) - 2 : -2] == segment


@given(st.data())
def test_a_prefix_shows_the_tiles_that_are_there(data):
    _, whole, header, windows = tiled()
    decoded = apercu.decode(whole)
    n_bytes = data.draw(st.integers(header.head_size, len(whole) - 1))
    prefix = whole[:n_bytes]
    intact = [isinstance(segment, bytes) for segment in read_segments(prefix, header)]
    with pytest.raises(apercu.Truncated):
        apercu.decode(prefix)
    first, last = intact.count(True) + 1, len(intact)
    lost = f"tiles {first}–{last}" if first < last else f"tile {last}"
    assert [(type(fault), str(fault)) for fault in apercu.check(prefix)] == [
        (apercu.Truncated, f"{lost} of 12: the file ends too soon")
    ]
    if not any(intact):
        with pytest.raises(apercu.Truncated):
            apercu.decode(prefix, damaged="conceal")
        return
    shown = apercu.decode(prefix, damaged="conceal")
    assert (shown.shape, shown.dtype) == (decoded.shape, decoded.dtype)
    for window, there in zip(windows, intact, strict=True):
        assert np.array_equal(part(shown, window), part(decoded, window)) or not there
        assert there or np.all(part(shown, window) == 128)


@given(st.data())
def test_damage_to_a_segment_costs_its_own_tile(data):
    _, whole, header, windows = tiled()
    decoded = apercu.decode(whole)
    hit = data.draw(st.integers(0, len(windows) - 1))
    start = header.head_size + sum(header.lengths[:hit]) + 4 * hit
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(start, start + header.lengths[hit] + 3))
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    assume(damaged != whole)
    with pytest.raises(apercu.ChecksumError, match=f"^tile {hit + 1} of 12: the checksum"):
        apercu.decode(damaged)
    assert [type(fault) for fault in apercu.check(damaged)] == [apercu.ChecksumError]
    shown = apercu.decode(damaged, damaged="conceal")
    for index, window in enumerate(windows):
        wanted = 128 if index == hit else part(decoded, window)
        assert np.all(part(shown, window) == wanted)
