"""What `encode` and `decode` promise, on images and settings that Hypothesis picks."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import apercu
from apercu.codecs import taha2025
from apercu.format.container import pack, read_header, read_segments
from apercu.stages.blocks import tiles
from scripts.pictures import noise, scene, wide

settings.register_profile("apercu", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("apercu")
MAX_SIDE = 70


@st.composite
def images(draw, most_bands=5):
    """An array that can be encoded: scenes, noise and flat ones, of every shape and dtype."""
    height, width = draw(st.integers(1, MAX_SIDE)), draw(st.integers(1, MAX_SIDE))
    n_bands, seed = draw(st.integers(1, most_bands)), draw(st.integers(0, 999))
    kind = draw(st.sampled_from(["scene", "noise", "flat"]))
    if kind == "scene":
        image = scene(height, width, n_bands, seed)
    elif kind == "noise":
        image = (noise((height, width, n_bands), seed) >> 8).astype(np.uint8)
    else:
        image = np.full((height, width, n_bands), seed % 256, np.uint8)
    if draw(st.booleans()):
        low = draw(st.integers(0, 65535))
        image = wide(image, low, draw(st.integers(low, 65535)), seed)
    return image[:, :, 0] if n_bands == 1 and draw(st.booleans()) else image


QUALITIES = st.integers(0, 100 * 256).map(lambda q: q / 256)
BY_HAND = st.fixed_dictionaries(
    {
        "threshold": st.one_of(st.sampled_from([0, 1 / 16, 1e9]), st.floats(0, 5000)),
        "step": st.one_of(st.sampled_from([1 / 8, 8191.875]), st.floats(1 / 8, 500)),
        "tables": st.sampled_from([None, "group", "latent"]),
    }
)


def mse(a, b):
    return float(np.mean((a.astype(np.float64) - b) ** 2))


def psnr(a, b):
    peak = 65535 if a.dtype == np.uint16 else 255
    return np.inf if np.array_equal(a, b) else 10 * np.log10(peak**2 / mse(a, b))


@given(images(), QUALITIES)
def test_shape_and_dtype_come_back_and_info_makes_the_same_bytes(image, quality):
    data = apercu.encode(image, quality=quality)
    decoded, told = apercu.decode(data), apercu.info(data)
    assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
    assert told["quality"] == quality
    assert (told["height"], told["width"]) == image.shape[:2]
    assert told["n_bytes"] == len(data)
    assert told["bpp"] == 8 * len(data) / (image.shape[0] * image.shape[1])
    assert told["g1_share"] + told["g2_share"] == 1
    assert apercu.check(data) == []
    assert apercu.encode(image, quality=told["quality"]) == data


@given(images(), BY_HAND)
def test_settings_by_hand_come_back_and_make_the_same_bytes(image, by_hand):
    data = apercu.encode(image, **by_hand)
    decoded, told = apercu.decode(data), apercu.info(data)
    assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
    assert told["quality"] is None
    assert abs(told["step"] - by_hand["step"]) <= 1 / 16
    again = apercu.encode(image, threshold=told["threshold"], step=told["step"], tables=by_hand["tables"])
    assert again == data


@given(images(), st.integers(0, 3000))
def test_a_budget_is_never_passed_and_met_closely(image, n_bytes):
    least = len(apercu.encode(image, quality=0))
    if n_bytes < least:
        with pytest.raises(apercu.TargetUnreachable, match=f"{least} bytes"):
            apercu.encode(image, n_bytes=n_bytes)
        return
    data = apercu.encode(image, n_bytes=n_bytes)
    assert len(data) <= n_bytes
    if len(data) < n_bytes - max(16, 0.02 * n_bytes):
        assert data == apercu.encode(image, quality=100)
    quality = apercu.info(data)["quality"]
    assert apercu.encode(image, quality=quality) == data


@given(images(most_bands=3), st.floats(0.05, 8))
def test_bits_per_pixel_are_bytes(image, bpp):
    n_pixels = image.shape[0] * image.shape[1]
    try:
        data = apercu.encode(image, bpp=bpp)
    except apercu.TargetUnreachable:
        assert bpp * n_pixels / 8 < len(apercu.encode(image, quality=0))
    else:
        assert 8 * len(data) <= bpp * n_pixels
        assert data == apercu.encode(image, n_bytes=int(bpp * n_pixels / 8))


@given(images(most_bands=3), st.floats(15, 40))
def test_a_psnr_is_met_or_refused_for_a_reason(image, target):
    """Where no setting comes near the target, none of quality's whole numbers does."""
    best = psnr(image, apercu.decode(apercu.encode(image, quality=100)))
    if best < target - 0.05:
        with pytest.raises(apercu.TargetUnreachable):
            apercu.encode(image, psnr=target)
        return
    data = apercu.encode(image, psnr=target)
    found, quality = psnr(image, apercu.decode(data)), apercu.info(data)["quality"]
    assert apercu.encode(image, quality=quality) == data
    if found > target + 0.05 and quality > 0:
        assert psnr(image, apercu.decode(apercu.encode(image, quality=max(quality - 1, 0)))) < target
    if found < target - 0.05:
        assert psnr(image, apercu.decode(apercu.encode(image, quality=min(quality + 1, 100)))) > target


def test_a_psnr_is_met_on_an_image_of_some_size():
    """Where no single block counts for much, the steps are fine enough for 0.05 dB."""
    image = scene(256, 256)[:, :, 0]
    for target in (20.5, 26, 31.25, 34):
        assert abs(psnr(image, apercu.decode(apercu.encode(image, psnr=target))) - target) <= 0.05


@given(images(), st.sampled_from(["turned", "reversed", "strided", "big-endian", "read-only", "transposed"]))
def test_the_layout_of_an_array_does_not_matter(image, layout):
    plain = image
    if layout == "turned":
        image, plain = image[::-1, ::-1], image[::-1, ::-1].copy()
    elif layout == "reversed":
        image = np.flip(np.ascontiguousarray(np.flip(image)))
    elif layout == "strided":
        image = np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, ::3]
    elif layout == "big-endian":
        image = image.astype(image.dtype.newbyteorder(">"))
    elif layout == "read-only":
        image = image.copy()
        image.flags.writeable = False
    else:
        image = np.asfortranarray(image)
    before = image.copy()
    assert apercu.encode(image, quality=60) == apercu.encode(plain, quality=60)
    assert np.array_equal(image, before)


@given(st.sampled_from(["bytes", "bytearray", "memoryview", "array"]))
def test_any_buffer_is_a_file(kind):
    data = apercu.encode(scene(20, 20))
    given_as = {
        "bytes": bytes,
        "bytearray": bytearray,
        "memoryview": memoryview,
        "array": lambda content: np.frombuffer(content, np.uint8),
    }[kind](data)
    assert np.array_equal(apercu.decode(given_as), apercu.decode(data))
    assert apercu.info(given_as) == apercu.info(data)
    assert apercu.check(given_as) == []


# --- Tiles ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    """Tiles of 32 pixels: a small image has many."""
    patch = pytest.MonkeyPatch()
    patch.setattr(taha2025, "TILE_LOG2", 5)
    yield
    patch.undo()


def tiled():
    image = scene(75, 100, 3)
    data = apercu.encode(image, quality=50)
    header = read_header(data)
    return image, data, header, list(tiles(header.height, header.width, header.tile))


def part(image, window):
    return image[window.top : window.top + window.height, window.left : window.left + window.width]


def test_tiles_do_not_touch_each_other():
    """A tile decodes to what it decodes to alone."""
    image, data, header, windows = tiled()
    decoded = apercu.decode(data)
    for window, segment in zip(windows, read_segments(data, header), strict=True):
        alone = replace(header, height=window.height, width=window.width, tile_log2=0, lengths=())
        assert np.array_equal(apercu.decode(pack(alone, [segment])), part(decoded, window))
        assert apercu.encode(part(image, window), quality=50)[-len(segment) - 2 : -2] == segment


@given(st.data())
def test_a_prefix_shows_the_tiles_that_are_there(data):
    _, whole, header, windows = tiled()
    decoded = apercu.decode(whole)
    n_bytes = data.draw(st.integers(header.head_size, len(whole) - 1))
    prefix = whole[:n_bytes]
    intact = [isinstance(segment, bytes) for segment in read_segments(prefix, header)]
    with pytest.raises(apercu.Truncated):
        apercu.decode(prefix)
    assert [type(fault) for fault in apercu.check(prefix)] == [apercu.Truncated] * intact.count(False)
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
    with pytest.raises(apercu.ChecksumError, match=f"segment {hit}"):
        apercu.decode(damaged)
    assert [type(fault) for fault in apercu.check(damaged)] == [apercu.ChecksumError]
    shown = apercu.decode(damaged, damaged="conceal")
    for index, window in enumerate(windows):
        wanted = 128 if index == hit else part(decoded, window)
        assert np.all(part(shown, window) == wanted)


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(images(), images())
def test_threads_do_not_disturb_each_other(first, second):
    jobs = [first, second] * 2
    wanted = [apercu.encode(image, quality=70) for image in jobs]
    found: list[object] = [None] * len(jobs)

    def work(index):
        data = [apercu.encode(jobs[index], quality=70) for _ in range(8)]
        pixels = [apercu.decode(wanted[index]) for _ in range(8)]
        found[index] = set(data), all(np.array_equal(p, pixels[0]) for p in pixels)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [({data}, True) for data in wanted]
