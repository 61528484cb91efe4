"""Prediction of samples: what comes back, how close, in how many bytes; and a second decoder of the same text."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference_bytes
import reference_predictive
from apercu.errors import CorruptStream, OptionError, Truncated
from apercu.stages import predict
from apercu.stages.predict import decode_samples, encode_samples, predict_tables

NEW = np.tile(np.array([32768, 3], np.uint16), (25080, 1))


def drawn_taps(seed=1):
    """The plane; the sample to the left, with the change of the band before; and six predictors at random."""
    taps = np.rint(np.random.default_rng(seed).uniform(-400, 400, (3, 8, 16))).astype(np.int16)
    taps[:, :2] = 0
    taps[:, 0, (0, 2)] = 1024, -1024
    taps[:, 1, 0] = taps[1:, 1, 6] = 1024
    return taps


TAPS = drawn_taps()
TABLES = predict_tables(TAPS, NEW)
ARRAY = np.concatenate([TAPS.ravel().view(np.uint16), NEW.ravel()])


def there_and_back(samples, max_error=0, order=None, tables=TABLES, coarser_from=None):
    """The bytes; what comes back is checked."""
    told, back = np.empty_like(samples), np.empty_like(samples)
    data = encode_samples(samples, max_error, tables, order, coarser_from, told)
    decode_samples(data, back, max_error, tables, order, coarser_from)
    np.testing.assert_array_equal(back, told)
    off = np.abs(back.astype(int) - samples)
    assert off[:coarser_from].max(initial=0) <= max_error
    assert coarser_from is None or off[coarser_from:].max(initial=0) <= max_error + 1
    return data


def waves(height, width, n_bands, dtype, noise=2.0, seed=0):
    """Waves, an edge and noise over half of the range."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = np.stack([np.sin(x / 9 + b) * np.cos(y / 7) + (x > y) for b in range(n_bands)], -1)
    scale = np.iinfo(dtype).max / 8
    return np.rint(scale * (image + 2) + rng.normal(0, noise * scale / 32, image.shape)).astype(dtype)


EXTREMES = {
    "noise": lambda rng, shape, top: rng.integers(0, top + 1, shape),
    "two values": lambda rng, shape, top: rng.integers(0, 2, shape) * top,
    "checkers": lambda rng, shape, top: np.indices(shape).sum(0) % 2 * top,
    "black": lambda rng, shape, top: np.zeros(shape),
    "white": lambda rng, shape, top: np.full(shape, top),
    "slope": lambda rng, shape, top: np.indices(shape)[1] * top // max(shape[1] - 1, 1),
    "gaps": lambda rng, shape, top: rng.integers(0, top // 17 + 1, shape) * 17,
    "ends": lambda rng, shape, top: np.where(
        rng.random(shape) < 0.5, rng.integers(0, 4, shape), top - rng.integers(0, 4, shape)
    ),
}
SHAPES = ((1, 1, 1), (1, 70, 1), (70, 1, 2), (2, 2, 3), (3, 65, 4), (33, 130, 3))


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_extremes_come_back(name, dtype):
    """Whatever the samples, in all sizes and numbers of bands."""
    rng = np.random.default_rng(5)
    for shape in SHAPES:
        samples = EXTREMES[name](rng, shape, np.iinfo(dtype).max).astype(dtype)
        for max_error in (0, 1, 6, 255, 1000, 32767, 65535):
            there_and_back(samples, max_error)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_small_error_is_kept(dtype):
    """From 0 to 32 by every sample; and a larger one takes fewer bytes."""
    samples = waves(40, 50, 3, dtype)
    sizes = [len(there_and_back(samples, max_error)) for max_error in range(33)]
    assert all(after < before for before, after in itertools.pairwise(sizes[:9]))
    assert sizes[32] < sizes[8] < 0.8 * sizes[0]


@pytest.mark.parametrize("max_error", [0, 3])
def test_sizes_between_two_errors(max_error):
    """The more rows may be off by one more, the fewer bytes; and a second decoder finds the same samples."""
    samples = waves(50, 40, 2, np.uint8)
    rows = (50, 40, 30, 20, 10, 0)
    sizes = [len(there_and_back(samples, max_error, coarser_from=row)) for row in rows]
    assert all(after < before for before, after in itertools.pairwise(sizes))
    assert sizes[0] == len(there_and_back(samples, max_error))
    assert abs(sizes[-1] - len(there_and_back(samples, max_error + 1))) < 3
    small, told = samples[:12, :20].copy(), np.empty((12, 20, 2), np.uint8)
    data = encode_samples(small, max_error, TABLES, coarser_from=5, decoded=told)
    decoded = reference_predictive.decode(data, small.shape, 255, max_error, ARRAY, 5)
    np.testing.assert_array_equal(np.array(decoded).transpose(1, 2, 0), told)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("max_error", [1, 6, 90])
def test_ends_of_the_range_come_back_where_that_is_asked_for(max_error, dtype):
    """In the second band: holes, edges that are soft and noise, none of which ends where it did not."""
    top, rng = np.iinfo(dtype).max, np.random.default_rng(7)
    y, x = np.mgrid[:40, :60]
    soft = np.clip((np.hypot(y - 20, x - 30) - 12) * (top // 8), 0, top)
    noisy = np.where(x < 20, rng.integers(0, 4, (40, 60)), np.where(x < 40, soft, top - rng.integers(0, 4, (40, 60))))
    samples, told = np.dstack([noisy, noisy]).astype(dtype), np.empty((40, 60, 2), dtype)
    data = encode_samples(samples, max_error, TABLES, decoded=told, ends_from=1)
    back = np.empty_like(samples)
    decode_samples(data, back, max_error, TABLES)
    assert np.array_equal(back, told)
    assert np.abs(back.astype(int) - samples).max() <= max_error
    for end in (0, top):
        assert np.all(back[samples[..., 1] == end, 1] == end)
        assert not np.all(back[samples[..., 0] == end, 0] == end)


def test_an_error_is_used_and_not_passed():
    """Some sample is off by as much as it may be."""
    samples = waves(60, 60, 1, np.uint8)
    for max_error in (1, 3, 9):
        told = np.empty_like(samples)
        encode_samples(samples, max_error, TABLES, decoded=told)
        assert np.abs(told.astype(int) - samples).max() == max_error


@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.sampled_from([0, 0, 1, 5, 300]),
    st.sampled_from([np.uint8, np.uint16]), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 60, 255]),
)  # fmt: skip
def test_any_samples_come_back(height, width, n_bands, max_error, dtype, seed, most):
    """Samples of few values and of many, in any order of bands."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, most + 1, (height, width, n_bands)).astype(dtype)
    samples *= np.array(np.iinfo(dtype).max // most, dtype)
    there_and_back(samples, max_error, rng.permutation(n_bands).tolist())


def test_smooth_samples_take_few_bytes():
    """Less than the noise that they have: 5.1 bits for noise of a deviation of 8."""
    samples = waves(150, 150, 1, np.uint8, noise=8)
    assert 8 * len(there_and_back(samples)) < 5.6 * samples.size
    assert len(there_and_back(np.full((500, 500, 1), 77, np.uint8))) < 80


def test_bands_predict_each_other():
    """A second band that differs by little noise takes a fraction of the first."""
    first = waves(100, 100, 1, np.uint16, noise=8)
    rng = np.random.default_rng(1)
    both = np.concatenate([first, first + rng.integers(0, 40, first.shape).astype(np.uint16)], 2)
    alone, together = len(there_and_back(first)), len(there_and_back(both))
    assert together < 1.6 * alone


def test_pixels_that_repeat_cost_little():
    """A picture at twice its size takes about as much as it did."""
    small = waves(64, 64, 1, np.uint16)
    large = small.repeat(2, 0).repeat(2, 1)
    assert len(there_and_back(large)) < 1.45 * len(there_and_back(small))


def test_unused_values_cost_nothing():
    """Low bits that are always 0, or steps of another size, take only what the map takes."""
    samples = waves(80, 80, 1, np.uint8).astype(np.uint16)
    plain = len(there_and_back(samples))
    for stretched in (samples * 16, samples * 257, samples * 5 + 3):
        data = there_and_back(stretched)
        assert data[0] == 1
        assert len(data) < plain + 60
    irregular = np.sort(np.random.default_rng(0).choice(32000, 256, replace=False)) * 2
    assert there_and_back(irregular.astype(np.uint16)[np.random.default_rng(1).integers(0, 40, (80, 80, 1))])[0] == 1


def test_calls_of_any_length_make_the_same_bytes(monkeypatch):
    """The state goes on from call to call."""
    samples = waves(37, 41, 3, np.uint8)
    for max_error in (0, 2):
        whole = there_and_back(samples, max_error)
        for at_a_time in (1, 200):
            monkeypatch.setattr(predict, "AT_A_TIME", at_a_time)
            assert there_and_back(samples, max_error) == whole
        monkeypatch.undo()


REFERENCE_CASES = [
    (name, dtype, max_error, shape)
    for name in EXTREMES
    for dtype, max_error, shape in (
        (np.uint8, 0, (7, 9, 1)), (np.uint16, 0, (6, 5, 3)), (np.uint8, 2, (5, 6, 3)), (np.uint16, 700, (4, 7, 2)),
    )
]  # fmt: skip


def reference(data, shape, dtype, max_error, array=ARRAY):
    """What the second decoder makes of bytes, (H, W, B)."""
    decoded = reference_predictive.decode(data, shape, np.iinfo(dtype).max, max_error, array)
    return np.array(decoded).transpose(1, 2, 0)


@pytest.mark.parametrize(("name", "dtype", "max_error", "shape"), REFERENCE_CASES)
def test_second_decoder_of_extremes(name, dtype, max_error, shape):
    """It makes the same samples."""
    samples = EXTREMES[name](np.random.default_rng(5), shape, np.iinfo(dtype).max).astype(dtype)
    told = np.empty_like(samples)
    data = encode_samples(samples, max_error, TABLES, decoded=told)
    np.testing.assert_array_equal(reference(data, shape, dtype, max_error), told)


@pytest.mark.parametrize(
    ("dtype", "max_error", "shape"),
    [(np.uint8, 0, (20, 31, 3)), (np.uint16, 0, (15, 30, 4)), (np.uint8, 1, (30, 40, 1)), (np.uint16, 90, (14, 67, 3))],
)
def test_second_decoder_of_waves(dtype, max_error, shape):
    """Also where contexts, biases and what is learnt have gone a way."""
    samples = waves(*shape, dtype)
    samples[10:, :15] = samples[10, 0]  # where nothing happens
    told = np.empty_like(samples)
    data = encode_samples(samples, max_error, TABLES, decoded=told)
    np.testing.assert_array_equal(reference(data, shape, dtype, max_error), told)


def test_second_decoder_of_maps():
    """Bands with a map, and bands without."""
    samples = np.concatenate([waves(64, 64, 2, np.uint8).astype(np.uint16), waves(64, 64, 1, np.uint16)], 2)
    samples[..., 1] *= 100
    data = encode_samples(samples, 0, TABLES)
    assert data[0] == 1
    np.testing.assert_array_equal(reference(data, samples.shape, np.uint16, 0), samples)


def outcome(decode):
    """The samples, or the name of the error."""
    try:
        return decode().tolist()
    except (Truncated, CorruptStream, reference_bytes.Truncated, reference_bytes.CorruptStream) as error:
        return type(error).__name__


@pytest.mark.parametrize("max_error", [0, 1, 40])
def test_any_bytes_mean_the_same_to_both(max_error):
    """Random bytes, damaged streams, and streams cut short."""
    rng = np.random.default_rng(max_error)
    shape, good = (6, 7, 2), encode_samples(waves(6, 7, 2, np.uint16), max_error, TABLES)
    seen = set()
    for number in range(60):
        data = bytearray(good) if number % 2 else bytearray(rng.bytes(int(rng.integers(1, 90))))
        if number % 4 == 1:
            data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
        elif number % 4 == 3:
            del data[int(rng.integers(len(data))) :]
        elif max_error == 0 and data:
            data[0] = number % 3 // 2

        def ours(data=bytes(data)):
            out = np.empty(shape, np.uint16)
            decode_samples(data, out, max_error, TABLES)
            return out

        found = outcome(ours)
        assert found == outcome(lambda data=bytes(data): reference(data, shape, np.uint16, max_error)), number
        seen.add(found if isinstance(found, str) else "samples")
    assert {"samples", "Truncated", "CorruptStream"} <= seen


def numbers(*values):
    """Numbers of 16 bits."""
    return np.array(values, "<u2").tobytes()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Truncated),
        (b"\2", CorruptStream),
        (b"\1", Truncated),
        (b"\1" + numbers(0, 0, 5, 2, 1, 1), Truncated),
        (b"\1" + numbers(0, 3, 5, 0), CorruptStream),  # no such band
        (b"\1" + numbers(1, 1, 5, 0, 0, 5, 0), CorruptStream),  # not in order
        (b"\1" + numbers(0, 0, 5, 1, 0, 1), CorruptStream),
        (b"\1" + numbers(0, 0, 5, 1, 1, 0), CorruptStream),
        (b"\1" + numbers(0, 0, 5, 1, 65531, 1), CorruptStream),
        (b"\1" + numbers(0, 0, 5, 1, 65535, 65535), CorruptStream),
    ],
)
def test_maps_that_are_none(data, error):
    """Each breaks a rule, before memory is set aside."""
    out = np.full((4, 4, 3), 9, np.uint16)
    with pytest.raises(error):
        decode_samples(data, out, 0, TABLES)
    assert (out == 9).all()
    with pytest.raises(Exception, match=r".") as found:
        reference(data, (4, 4, 3), np.uint16, 0)
    assert found.type.__name__ == error.__name__


def test_tables_that_are_none():
    """Taps whose sums would leave 32 bits, and probabilities that there are not."""
    large, none = TAPS.copy(), NEW.copy()
    large[1, 2] = 513
    predict_tables(np.where(large == 513, np.int16(512), large), NEW)
    none[7, 0] = 0
    for taps, starts in ((large, NEW), (TAPS, none), (TAPS.astype(np.int32), NEW), (TAPS, NEW[1:])):
        with pytest.raises(OptionError):
            predict_tables(taps, starts)


def test_tables_at_their_limits():
    """Experts of the largest taps, of either sign, on samples at both ends of 16 bits, in all classes."""
    rng = np.random.default_rng(2)
    for kind in range(3):
        taps = np.zeros((3, 8, 16), np.int16)
        taps[:] = (8192, 0) * 8 if kind == 0 else 0
        if kind == 0:
            taps[:] = 0
            taps[..., 1::8] = 4096
        elif kind == 1:
            taps[:] = rng.choice([-512, 512], taps.shape)
        else:
            taps[..., 0] = -8192
        tables = predict_tables(taps, NEW)
        for name in ("two values", "noise", "ends"):
            samples = EXTREMES[name](rng, (20, 70, 4), 65535).astype(np.uint16)
            for max_error in (0, 3):
                there_and_back(samples, max_error, tables=tables)
