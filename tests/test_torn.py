"""A part of a layer is shown, as far as it is known, and no farther."""

import numpy as np
import pytest

import apercu
from apercu.codecs import apercu as codec
from apercu.codecs.by_name import codec_of
from apercu.codecs.content import layout_of_tile
from apercu.codecs.decoding import opened
from apercu.codecs.tables import of_file
from apercu.format.container import read_header
from every_codec import KINDS, drawn, mse, scene

HOLE = 120


def places(data):
    """First byte and length of each segment."""
    header = read_header(data)
    at, found = header.head_size, []
    for length in header.lengths:
        found.append((at, length))
        at += length + 4
    return found


def with_hole(data, at, length=HOLE):
    """Bytes that are lost, as `assemble` leaves them."""
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def coefficients(data, n_layers, torn=None):
    file = opened(data, None)
    layout = layout_of_tile(file.header, file.header.height, file.header.width)
    segments = [file.segments.content(layer) for layer in range(n_layers)]
    how = layout, file.setting, of_file(file.header, None), file.header.n_layers
    found = codec.read(segments, *how) if torn is None else codec.read_torn(segments, torn, *how)
    return None if found is None else np.concatenate(found)


@pytest.mark.parametrize(("kind", "layer"), [("rgb", 1), ("rgb", 4), ("grey", 2), ("rgba", 1), (list(KINDS)[-1], 3)])
def test_what_is_shown_was_sent(kind, layer):
    """Of any length, whatever was lost after it; and all of it is found but what the last bytes say."""
    data = apercu.encode(drawn(kind, 130, 170), quality=50, layers=5)
    segment = opened(data, None).segments.content(layer)
    whole, before = coefficients(data, layer + 1), coefficients(data, layer)
    n_sent, n_last = np.count_nonzero(whole != before), 0
    for length in range(0, len(segment) + 1, max(len(segment) // 23, 1)):
        found = coefficients(data, layer, segment[:length])
        differ = found != before
        assert np.array_equal(found[differ], whole[differ])
        assert np.count_nonzero(differ) >= n_last
        n_last = np.count_nonzero(differ)
    assert n_last > 0.9 * n_sent


def test_it_is_read_as_far_as_it_is_known():
    """A byte more tells no less, and all but the last bytes are used."""
    data = apercu.encode(scene(200, 200, 3), quality=50, layers=5)
    segment = opened(data, None).segments.content(2)
    whole, before = coefficients(data, 3), coefficients(data, 2)
    n_sent = np.count_nonzero(whole != before)
    half = np.count_nonzero(coefficients(data, 2, segment[: len(segment) // 2]) != before)
    assert n_sent / 4 < half < 3 * n_sent / 4


def test_the_more_is_there_the_closer_it_is():
    """From the first tenth of the first layer on, cut or with a hole."""
    image = scene(320, 320, 3)
    data = apercu.encode(image, n_bytes=4000, layers=5)
    grey = mse(image, np.full_like(image, 128))
    for cut in (lambda at: data[:at], lambda at: with_hole(data, at)):
        errors = [mse(image, apercu.decode(cut(at), damaged="fill")) for at in range(250, len(data), 250)]
        assert errors[0] < grey / 2
        assert errors == sorted(errors, reverse=True)
        steps = [mse(image, apercu.decode(data, layers=layers)) for layers in range(1, 6)]
        assert len(set(errors)) > len(steps) + 3


@pytest.mark.parametrize("kind", KINDS)
def test_first_layers_of_every_kind(kind):
    """Even a part of one is closer than grey; LL is filled from what is known of it."""
    image = drawn(kind, 128, 128)
    data = apercu.encode(image, quality=60, layers=3)
    start, length = places(data)[0]
    shown = apercu.decode(with_hole(data, start + length // 2, len(data)), damaged="fill")
    assert shown.shape == image.shape
    assert mse(image, shown) < mse(image, np.full_like(image, 128))
    with pytest.raises(apercu.FormatError):
        apercu.decode(with_hole(data, start + length // 2, len(data)), damaged="conceal")


def test_a_file_of_one_segment():
    image = scene(200, 200, 3)
    data = apercu.encode(image, quality=40, layers=1)
    assert not read_header(data).lengths
    part = with_hole(data, len(data) // 2)
    with pytest.raises(apercu.ChecksumError):
        apercu.decode(part, damaged="conceal")
    assert mse(image, apercu.decode(part, damaged="fill")) < mse(image, np.full_like(image, 128)) / 4


def test_damage_of_other_kinds_is_not_taken_for_a_gap():
    """A bit that is another: what follows could be anything."""
    data = apercu.encode(scene(200, 200, 3), quality=50, layers=5)
    start, length = places(data)[2]
    for at in (start, start + length // 2, start + length - 1):
        bad = data[:at] + bytes([data[at] ^ 8]) + data[at + 1 :]
        assert np.array_equal(*(apercu.decode(bad, damaged=damaged) for damaged in ("fill", "conceal")))
    assert np.array_equal(apercu.decode(with_hole(data, start, 16), damaged="fill"), apercu.decode(data, layers=2))


@pytest.mark.parametrize("n_lost", [1, 2, 4, 5, 11, 19])
def test_a_gap_may_begin_anywhere(n_lost):
    """In the checksum too, or just before it."""
    data = apercu.encode(scene(200, 200, 3), quality=50, layers=5)
    start, length = places(data)[2]
    bad = with_hole(data, start + length + 4 - n_lost, 60)
    whole, before = (apercu.decode(data, layers=layers) for layers in (3, 2))
    assert mse(whole, apercu.decode(bad, damaged="fill")) < mse(whole, before) / 3


def test_what_is_lost_is_told_as_before():
    data = apercu.encode(scene(200, 200, 3), quality=50, layers=5)
    start, length = places(data)[2]
    bad = with_hole(data, start + length // 2, length // 3)
    assert (apercu.damage(bad) == 3).all()
    assert [type(fault) for fault in apercu.check(bad)] == [apercu.ChecksumError]
    with pytest.raises(apercu.ChecksumError):
        apercu.decode(bad)
    filled = apercu.decode(bad, damaged="fill")
    assert np.array_equal(apercu.decode(bad, damaged="fill", window=(70, 20, 50, 99)), filled[70:120, 20:119])
    assert np.array_equal(apercu.decode(bad, damaged="fill", layers=2), apercu.decode(data, layers=2))


def test_tiles_are_torn_by_themselves():
    """And one of which part of a first layer is there is no less a neighbour."""
    image = scene(128, 192, 3)
    data = apercu.encode(image, quality=50, tile=64, layers=2)
    (start, length), (second, _) = places(data)[:2]
    for bad in (with_hole(data, start + length // 2, length), with_hole(data, start + 3 * length // 4, 2 * length)):
        filled, whole = apercu.decode(bad, damaged="fill"), apercu.decode(data)
        intact = apercu.damage(bad) == 0
        assert intact.any()
        assert np.array_equal(filled[intact], whole[intact])
        assert mse(filled[:64, :64], whole[:64, :64]) < mse(np.full((64, 64, 3), 128, np.uint8), whole[:64, :64]) / 2
    assert second == start + length + 4


def test_many_bands_are_not_read_twice():
    """Each call looks at all planes: of more than 64, nothing is shown of a part."""
    data = apercu.encode(np.zeros((40, 40, 80), np.uint8) + np.arange(80, dtype=np.uint8), quality=50, layers=2)
    start, length = places(data)[1]
    bad = with_hole(data, start + length // 2, length)
    assert np.array_equal(*(apercu.decode(bad, damaged=damaged) for damaged in ("fill", "conceal")))
    assert codec_of("dct").read_torn is None
