"""What `encode` and `decode` promise, on images and settings that Hypothesis picks."""

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

import apercu
from scripts.pictures import noise, scene, wide

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
    assert apercu.check(data) == []
    assert apercu.encode(image, quality=told["quality"]) == data


@given(images(), BY_HAND)
def test_settings_by_hand_come_back_and_make_the_same_bytes(image, by_hand):
    data = apercu.encode(image, codec="taha2025", **by_hand)
    decoded, told = apercu.decode(data), apercu.info(data)
    assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
    assert told["quality"] is None
    assert abs(told["step"] - by_hand["step"]) <= 1 / 16
    settings = {"threshold": told["threshold"], "step": told["step"], "tables": by_hand["tables"]}
    again = apercu.encode(image, codec="taha2025", **settings)
    assert again == data


@given(images(), st.integers(1, 3000))
def test_a_budget_is_never_passed(image, n_bytes):
    least = len(apercu.encode(image, quality=0))
    if n_bytes < least:
        with pytest.raises(apercu.TargetUnreachable, match=f"{least} bytes"):
            apercu.encode(image, n_bytes=n_bytes)
        return
    data = apercu.encode(image, n_bytes=n_bytes)
    assert len(data) <= n_bytes
    quality = apercu.info(data)["quality"]
    assert apercu.encode(image, quality=quality) == data


@given(st.integers(128, 256), st.integers(128, 256), st.floats(0.05, 1.5), st.booleans())
def test_a_budget_is_met_closely_on_a_photograph(height, width, bpp, colour):
    """Within 2 % or 16 bytes, whichever is more, or else at quality 100."""
    image = astronaut()[100 : 100 + height, 60 : 60 + width]
    image = image if colour else image[:, :, 1]
    n_bytes = int(bpp * height * width / 8)
    n_found = len(apercu.encode(image, bpp=bpp))
    assert n_found <= n_bytes
    assert n_found >= n_bytes - max(16, 0.02 * n_bytes) or n_found == len(apercu.encode(image, quality=100))


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
    if abs(found - target) > 0.05 and quality > 0:
        others = (psnr(image, apercu.decode(apercu.encode(image, quality=other))) for other in range(101))
        assert all(abs(other - target) > 0.05 for other in others)


def test_a_psnr_is_met_on_an_image_of_some_size():
    """Where no single block counts for much, the steps are fine enough for 0.05 dB."""
    image = scene(256, 256)[:, :, 0]
    for target in (26, 31.25, 34):
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
