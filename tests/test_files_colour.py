"""Colours are read as sRGB, whatever profile stands beside them."""

import io
import sys
import zlib

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from apercu.bridges.icc import samples_to_srgb
from picture_bytes import file_of, read, tiff_of, with_chunks

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


def png16_of(array, profile):
    return with_chunks(imagecodecs.png_encode(array), (b"iCCP", b"a profile\0\0" + zlib.compress(profile)))


def assert_unchanged(data, array, bands):
    found, kind = read(data)
    assert kind == bands
    np.testing.assert_array_equal(found, array)


def test_a_profile_is_converted_to_srgb():
    ramp = np.stack(np.meshgrid(*[np.arange(40, 220, 48)] * 3), -1).reshape(8, 8, 3).astype(np.uint8)
    wide_gamut = imagecodecs.cms_profile("adobergb")
    stored = ImageCms.profileToProfile(
        Image.fromarray(ramp), ImageCms.createProfile("sRGB"), ImageCms.getOpenProfile(io.BytesIO(wide_gamut))
    )
    alike = np.abs(np.asarray(stored).astype(int) - ramp).max(-1) <= 2
    assert not alike.all()  # the test is about something
    for options in ({}, {"kind": "TIFF"}, {"kind": "WEBP", "lossless": True}):
        found, bands = read(file_of(stored, icc_profile=wide_gamut, **options))
        assert bands == "rgb"
        assert np.abs(found.astype(int) - ramp).max() <= 3
    with_alpha = np.dstack([np.asarray(stored), ramp[..., 0]])
    found, _ = read(file_of(with_alpha, icc_profile=wide_gamut))
    assert np.abs(found[..., :3].astype(int) - ramp).max() <= 3
    np.testing.assert_array_equal(found[..., 3], ramp[..., 0])
    deep = np.asarray(stored).astype(np.uint16) * 257
    for data in (png16_of(deep, wide_gamut), tiff_of(deep, photometric="rgb", iccprofile=wide_gamut)):
        found, _ = read(data)
        assert found.dtype == np.uint16
        assert np.abs(found / 257 - ramp).max() <= 3


def test_a_grey_profile_is_converted_too():
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    levels = np.array([[0, 55, 128, 255]], np.uint8)
    expected = np.array([[0, 128, 188, 255]])  # the transfer function of IEC 61966-2-1
    found, bands = read(file_of(levels, icc_profile=linear))
    assert bands == "grey"
    assert np.abs(found - expected).max() <= 1
    found, bands = read(file_of(levels.astype(np.uint16) * 257, icc_profile=linear))
    assert (bands, found.dtype) == ("grey", np.uint16)
    assert np.abs(found / 257 - expected).max() <= 1


def test_profiles_that_change_nothing():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_unchanged(file_of(RGB, icc_profile=srgb), RGB, "rgb")
    assert_unchanged(tiff_of(RGB16, photometric="rgb", iccprofile=srgb), RGB16, "rgb")
    # Broken, or of another colour space than the samples: as if it were not there.
    assert_unchanged(file_of(RGB, icc_profile=b"no profile" * 20), RGB, "rgb")
    assert_unchanged(file_of(GREY, icc_profile=imagecodecs.cms_profile("adobergb")), GREY, "grey")


def test_16_bit_srgb_needs_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert samples_to_srgb(RGB16, srgb) is RGB16


def test_cielab_is_converted():
    lab = ImageCms.profileToProfile(
        Image.fromarray(RGB), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    del lab.info["icc_profile"]
    found, bands = read(file_of(lab, "TIFF"))
    assert bands == "rgb"
    assert np.abs(found.astype(int) - RGB).mean() < 4  # 8 bits of L*a*b* are coarse
