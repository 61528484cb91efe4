"""apercu beside the second decoder: on what it encodes, on files that no encoder of ours writes, on damaged ones."""

import itertools
from functools import partial

import numpy as np
import pytest

import apercu
import reference_bytes
import reference_decoder
from files_by_hand import BitWriter, in_parts, random_segment, sealed, table, taken_apart, varint

encode = partial(apercu.encode, codec="taha2025")

BANDS = {"grey": 1, "rgb": 3, "rgba": 4, "spectral": 5}
SIZES = ((1, 1), (1, 9), (8, 8), (33, 17), (64, 64), (65, 64), (75, 101))
SETTINGS = (
    {"quality": 0},
    {"quality": 9.25 + 7 / 256},
    {"quality": 33.3},
    {"quality": 50 + 5 / 256},
    {"quality": 100},
    {"step": 0.125, "threshold": 0},
    {"step": 8191.875, "threshold": 131071},
    {"step": 3, "threshold": 25, "tables": "group"},
    {"step": 3, "threshold": 25, "tables": "latent"},
)


def picture(rng, height, width, bands, dtype):
    """Waves, an edge and noise, in a random part of the range of `dtype`."""
    y, x = np.mgrid[:height, :width]
    image = np.empty((height, width, bands))
    for band in range(bands):
        wave = np.sin(x / rng.uniform(2, 40)) * np.cos(y / rng.uniform(2, 40) + band) + (x > y)
        image[..., band] = wave + rng.normal(0, rng.choice([0, 0.05, 0.5]), (height, width))
    low, high = np.sort(rng.uniform(0, np.iinfo(dtype).max, 2))
    image = (image - image.min()) / max(np.ptp(image), 1)
    return np.round(low + image * (high - low)).astype(dtype)


def outcome(decode, data):
    """The pixels, or the name of the error."""
    try:
        return decode(data)
    except (apercu.ApercuError, reference_bytes.Refused) as error:
        return type(error).__name__


def assert_same(data):
    """Both decoders refuse `data` for the same reason, or give the same pixels. Returns them."""
    ours, theirs = outcome(apercu.decode, data), outcome(reference_decoder.decode, data)
    if isinstance(theirs, str) or isinstance(ours, str):
        assert isinstance(ours, str), f"only the reference refuses: {theirs}"
        assert ours == theirs
    else:
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    return ours


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", BANDS)
def test_encoded_images(bands, dtype):
    rng = np.random.default_rng([BANDS[bands], np.dtype(dtype).itemsize])
    for (height, width), settings in itertools.product(SIZES, SETTINGS):
        image = picture(rng, height, width, BANDS[bands], dtype)
        image = image[..., 0] if bands == "grey" and rng.random() < 0.5 else image
        decoded = assert_same(encode(image, bands=bands, **settings))
        assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)


def test_one_band_is_spectral_where_it_is_said_so():
    image = picture(np.random.default_rng(1), 20, 30, 1, np.uint16)
    assert assert_same(encode(image, bands="spectral", quality=60)).shape == (20, 30, 1)


def test_extremes_of_the_samples():
    checks = np.indices((24, 40)).sum(0) % 2 * 255
    for image in (np.zeros((9, 9)), np.full((9, 9), 255), checks, np.dstack([checks, 255 - checks, checks])):
        for settings in ({"quality": 100}, {"step": 0.125, "threshold": 0}, {"quality": 20}):
            assert_same(encode(image.astype(np.uint8), **settings))
            assert_same(encode(image.astype(np.uint16) * 257, **settings))


def test_every_quality_has_the_step_of_the_text():
    image = np.full((8, 8), 77, np.uint8)
    for quality_q8 in (*range(0, 25600, 67), *range(4072, 4112), *range(9712, 9744), *range(25560, 25601)):
        data = encode(image, quality=quality_q8 / 256)
        head = reference_decoder.read_head(reference_decoder.Bytes(data), 2**28)
        told = apercu.info(data)
        assert told["quality"] == quality_q8 / 256
        assert told["step"] == head.setting / 8
        assert_same(data)


@pytest.mark.parametrize("shape", [(1030, 20), (20, 1025, 3), (3, 2050, 2)])
def test_images_above_a_tile(shape):
    image = picture(np.random.default_rng(3), *(*shape, 1)[:3], np.uint8).reshape(shape)
    bands = "spectral" if shape[2:] == (2,) else None
    for quality in (10, 70):
        data = encode(image, quality=quality, bands=bands)
        assert apercu.info(data)["tiles"] > 1
        assert len(reference_decoder.symbols(data)) == apercu.info(data)["tiles"]
        assert_same(data)


def small_tiles(rng, bands, dtype, tile=32, height=70, width=45):
    """Head and segments of an image in tiles of 32 × 32, each from an encoding of its own."""
    image = picture(rng, height, width, BANDS[bands], dtype)
    head, _, _ = taken_apart(encode(image, bands=bands, step=4, threshold=30))
    parts = [image[y : y + tile, x : x + tile] for y in range(0, height, tile) for x in range(0, width, tile)]
    return head, [taken_apart(encode(part, bands=bands, step=4, threshold=30))[1] for part in parts]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", BANDS)
def test_small_tiles(bands, dtype):
    head, segments = small_tiles(np.random.default_rng(4), bands, dtype)
    assert assert_same(in_parts(head, segments)).shape[:2] == (70, 45)


def test_tilings():
    head, segments = small_tiles(np.random.default_rng(5), "grey", np.uint8)
    for size, layers in itertools.product(range(16), range(1, 17)):
        side = 2 ** (5 + size)
        n_segments = -(-70 // side) * -(-45 // side) * layers
        decoded = assert_same(in_parts(head, (segments * 16)[:n_segments], size << 4 | layers - 1))
        assert isinstance(decoded, str) == ((size, layers) != (0, 1))
        assert_same(in_parts(head, segments, size << 4 | layers - 1))


@pytest.mark.parametrize("seed", range(6))
def test_random_segments(seed):
    # Steps, tables and symbols that no encoder of ours writes, to the ends of their ranges.
    rng = np.random.default_rng([6, seed])
    for _ in range(40):
        height, width = rng.integers(1, 40, 2)
        name = list(BANDS)[rng.integers(4)]
        step_q3 = int(rng.choice([1, 2, 16, 200, 4000, 65535]))
        image = np.zeros((height, width, BANDS[name]), rng.choice([np.uint8, np.uint16]))
        head, _, n_pixels = taken_apart(encode(image, bands=name, step=step_q3 / 8, threshold=1))
        levels = 0 if image.dtype == np.uint8 else {"grey": 1, "rgb": 1, "rgba": 2, "spectral": 5}[name]
        if levels:
            codes = rng.integers(1, 209, 2 * levels).astype(np.uint8).tobytes()
            at = len(head) - len(varint(step_q3)) - 1 - 1 - 2 * levels  # n, step, threshold
            head = head[:at] + codes + head[at + 2 * levels :]
        full, half = -(-height // 8) * -(-width // 8), -(-height // 16) * -(-width // 16)
        planes = {"grey": [full], "rgb": [full, half, half], "rgba": [full, half, half, full], "spectral": [full] * 5}
        data = sealed(head + random_segment(rng, planes[name]), n_pixels)
        assert not isinstance(assert_same(data), str)


TWO = ("eg", 0, 4)  # a count of two symbols
FLAT = "0" + "10000" + "0000"  # a table of one symbol, 0
SEGMENTS = {  # of one block: bits, and the error that refuses them
    "two symbols": ("00" + table(0, TWO, (0, 4), (0, 1)) + "1", None),
    "a run between": ("00" + table(0, ("eg", 3, 4), (0, 4), (7, 3), ("eg", 2, 0), (0, 1)) + "1", None),
    "a run to the end": ("00" + table(0, ("eg", 3, 4), (0, 4), (0, 1), (7, 3), ("eg", 2, 0)) + "1", "CorruptStream"),
    "a run beyond": ("00" + table(0, ("eg", 3, 4), (0, 4), (0, 1), (7, 3), ("eg", 9, 0)) + "1", "CorruptStream"),
    "mode 3": ("11" + FLAT, "CorruptStream"),
    "flags alike": ("100" + FLAT, "CorruptStream"),
    "flags alike, of G2": ("101" + "0" + FLAT, "CorruptStream"),
    "flat, one symbol": ("00" + FLAT, None),
    "lowest symbol": ("00" + table(65535, TWO, (0, 4), (0, 1)) + "1", None),
    "highest symbol": ("00" + table(65532, TWO, (0, 4), (0, 1)) + "1", None),
    "above the highest": ("00" + table(65534, TWO, (0, 4), (0, 1)) + "1", "CorruptStream"),
    "lo too far": ("00" + table(65536, TWO, (0, 4), (0, 1)) + "1", "CorruptStream"),
    "20 zeros": ("00" + "0" + "0" * 20 + "1" * 32, "CorruptStream"),
    "21 zeros": ("00" + "0" + "0" * 21 + "1" * 32, "CorruptStream"),
    "all symbols": ("00" + table(65535, ("eg", 32766, 4), (0, 4), (7, 3), ("eg", 32765, 0), (0, 1)) + "1", None),
    "a symbol more": ("00" + table(65535, ("eg", 32767, 4), (0, 4), (7, 3), ("eg", 32766, 0), (0, 1)), "CorruptStream"),
    "length 0": ("00" + table(0, TWO, (0, 4), (5, 3)) + "1", "CorruptStream"),
    "length 17": ("00" + table(0, TWO, (15, 4), (4, 3)) + "1", "CorruptStream"),
    "incomplete": ("00" + table(0, TWO, (0, 4), (4, 3)) + "1", "CorruptStream"),
    "too many words": ("00" + table(0, ("eg", 1, 4), (0, 4), (0, 1), (0, 1)) + "1", "CorruptStream"),
    "filling": ("00" + FLAT + "0001", "CorruptStream"),
    "a byte more": ("00" + FLAT + "0000" + "0" * 8, "CorruptStream"),
    "nothing": ("", "Truncated"),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_segments_by_hand(name):
    bits, error = SEGMENTS[name]
    head, _, n_pixels = taken_apart(encode(np.zeros((8, 8), np.uint8), step=1, threshold=1))
    decoded = assert_same(sealed(head + BitWriter(bits).bytes(), n_pixels))
    assert (decoded if isinstance(decoded, str) else None) == error


def test_settings_by_hand():
    seen = {}
    for image in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.uint8)):
        head, segment, n_pixels = taken_apart(encode(image, quality=50))
        for word in (0, 1, 4095, 4096, 12345, *range(25595, 25605), 28000, 32766, 32767):
            for axis in (0, 32768):
                changed = head[:-2] + (word | axis).to_bytes(2, "little")
                seen[image.ndim, word, axis] = assert_same(sealed(changed + segment, n_pixels))
    refused = {key for key, decoded in seen.items() if isinstance(decoded, str)}
    assert refused == {key for key in seen if key[1] > 25600 or key[::2] == (3, 32768)}


def mutant(rng, data):
    data = bytearray(data)
    for _ in range(rng.integers(1, 3)):
        at = int(rng.integers(len(data) if rng.random() < 0.5 else min(len(data), 16))) if data else 0
        kind = rng.integers(5)
        if kind == 0 and data:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and data:
            data[at] = int(rng.choice([0, 255, rng.integers(256)]))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = rng.bytes(int(rng.integers(1, 4)))
        else:
            del data[at : at + 1]
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_mutants(seed, monkeypatch):
    # Half of them have their checksums made good again.
    monkeypatch.setattr(apercu, "MAX_PIXELS", 2**18)
    monkeypatch.setattr(reference_decoder.decode, "__defaults__", (None, 2**18))
    rng = np.random.default_rng([7, seed])
    shape = ((1, 1), (24, 17), (65, 64), (40, 56))[seed % 4]
    files = []
    for (name, bands), dtype in itertools.product(BANDS.items(), (np.uint8, np.uint16)):
        settings = SETTINGS[int(rng.integers(len(SETTINGS)))]
        files.append(encode(picture(rng, *shape, bands, dtype), bands=name, **settings))
    tiled = [small_tiles(rng, "rgba", dtype, height=40, width=40) for dtype in (np.uint8, np.uint16)]
    names = []
    for _ in range(120):
        head, segment, n_pixels = taken_apart(files[rng.integers(len(files))])
        data = sealed(mutant(rng, head + segment), n_pixels)
        names.append(assert_same(data if rng.random() < 0.7 else mutant(rng, data)))
        head, segments = tiled[rng.integers(2)]
        chosen = int(rng.integers(len(segments)))
        broken = [mutant(rng, s) if i == chosen else s for i, s in enumerate(segments)]
        data = in_parts(head, segments if rng.random() < 0.5 else broken)
        names.append(assert_same(data if rng.random() < 0.5 else mutant(rng, data)))
    assert {"CorruptStream", "Truncated", "ChecksumError"} <= {name for name in names if isinstance(name, str)}
    assert any(not isinstance(name, str) for name in names)


def test_every_prefix_is_refused():
    rng = np.random.default_rng(8)
    whole = [
        encode(picture(rng, 20, 30, 3, np.uint16), quality=60),
        in_parts(*small_tiles(rng, "rgb", np.uint8)),
    ]
    for data in whole:
        for n_bytes in range(len(data)):
            assert isinstance(assert_same(data[:n_bytes]), str)
        assert isinstance(assert_same(data + b"\0"), str)


def test_user_trained_weights(tmp_path):
    weights = np.load(reference_decoder.ROOT / "src/apercu/weights/taha2025.npy")
    mine, others = tmp_path / "mine.npy", tmp_path / "others.npy"
    np.save(mine, weights[:, ::-1] // 2)
    np.save(others, weights // 2)
    data = encode(picture(np.random.default_rng(9), 40, 40, 3, np.uint8), model=mine, quality=70)
    assert np.array_equal(apercu.decode(data, model=mine), reference_decoder.decode(data, np.load(mine)))
    assert assert_same(data) == "ModelError"
    assert outcome(lambda data: apercu.decode(data, model=others), data) == "ModelError"
    assert outcome(lambda data: reference_decoder.decode(data, np.load(others)), data) == "ModelError"


@pytest.mark.parametrize("bands", [1, 4, 5, 9])
def test_limit_of_size(bands, monkeypatch):
    data = encode(np.zeros((20, 30, bands), np.uint8), bands="spectral")
    limit = max(600, -(-600 * bands // 4))
    for max_pixels in (limit - 1, limit):
        monkeypatch.setattr(apercu, "MAX_PIXELS", max_pixels)
        monkeypatch.setattr(reference_decoder.decode, "__defaults__", (None, max_pixels))
        assert (assert_same(data) == "TooLarge") if max_pixels < limit else not isinstance(assert_same(data), str)


def test_a_difference_is_seen(monkeypatch):
    data = encode(picture(np.random.default_rng(10), 40, 40, 3, np.uint8), quality=70)
    monkeypatch.setattr(reference_decoder, "samples", lambda v, head, band: np.clip(v, 0, 8160) >> 5)
    with pytest.raises(AssertionError):
        assert_same(data)
    monkeypatch.setattr(reference_bytes, "CorruptStream", reference_bytes.Truncated)
    with pytest.raises(AssertionError):
        assert_same(sealed(data[:-2] + b"\0", 1600))


@pytest.mark.parametrize("case", range(24))
def test_apercu_is_decoded_the_same(case):
    rng = np.random.default_rng((77, case))
    layers = int(rng.choice([1, 3, 5]))
    height, width = (int(side) for side in rng.integers(1, 45, 2))
    dtype = (np.uint8, np.uint16)[case % 2]
    data = encode(
        picture(rng, height, width, (1, 3, 4, 2)[case // 2 % 4], dtype),
        codec="apercu",
        quality=int(rng.integers(0, 101)),
        tile=32,
        layers=layers,
    )
    assert_same(data)
