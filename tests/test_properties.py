"""What `encode` and `decode` promise, on images and settings that Hypothesis picks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apercu
from every_codec import EVERY_CODEC, encode, psnr
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


@EVERY_CODEC
@given(images(), QUALITIES)
def test_shape_and_dtype_come_back_and_info_makes_the_same_bytes(codec, image, quality):
    data = encode(image, codec, quality=quality)
    decoded, told = apercu.decode(data), apercu.info(data)
    assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
    assert told["quality"] == quality
    assert (told["height"], told["width"]) == image.shape[:2]
    assert told["n_bytes"] == len(data)
    assert told["bpp"] == 8 * len(data) / (image.shape[0] * image.shape[1])
    assert apercu.check(data) == []
    assert encode(image, codec, quality=told["quality"]) == data


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


@EVERY_CODEC
@settings(max_examples=20)  # test_every_codec_budgets.py has more of it
@given(images(), st.integers(1, 3000))
def test_a_budget_is_never_passed(codec, image, n_bytes):
    least = len(encode(image, codec, quality=0))
    if n_bytes < least:
        with pytest.raises(apercu.TargetUnreachable, match=f"{least} bytes"):
            encode(image, codec, n_bytes=n_bytes)
        return
    data = encode(image, codec, n_bytes=n_bytes)
    assert len(data) <= n_bytes
    quality = apercu.info(data)["quality"]
    assert encode(image, codec, quality=quality) == data


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
