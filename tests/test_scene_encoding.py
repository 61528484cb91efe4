"""Scenes made: masks within their share of a budget, rotation, reduced size, and what a file says of them."""

import numpy as np
import pytest

import apercu
from apercu.codecs import scene_mask, scenes
from apercu.codecs.encoding import How
from apercu.codecs.source import ArraySource
from apercu.codecs.target import Target
from apercu.errors import OptionError, TargetUnreachable
from apercu.format.chunks import Geo, SampleType, Scene
from apercu.format.prefix import pack_prefix
from scripts.pictures import scene, wide
from windows import Windows

GEO = Geo(32632, (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0))
IMAGE = wide(scene(120, 160, 3), 500, 9000)
SPECTRAL = How("apercu", bands="spectral")


def wedge(height=120, width=160):
    """A mask with a slanted edge, as at the border of a scene."""
    y, x = np.mgrid[:height, :width]
    return 3 * x + y < width // 2


def speckled(height=120, width=160):
    """A mask that takes many bytes."""
    y, x = np.mgrid[:height, :width]
    return (x * x + 3 * y * y + x * y) % 7 < 2


def with_mask(mask, image=IMAGE):
    extent = mask.shape[: image.ndim] if image.ndim == 2 else (*mask.shape[:2], -1)
    return np.ma.MaskedArray(image, np.broadcast_to(mask.reshape(extent), image.shape))


# --- Masks of arrays ------------------------------------------------------------------------------
@pytest.mark.parametrize("bands", ["rgb", "spectral"])
@pytest.mark.parametrize("target", [{"quality": 30}, {"n_bytes": 3000}, {"bpp": 0.5}, {"psnr": 55}])
def test_a_mask_comes_back(target, bands):
    hidden = wedge()
    data = apercu.encode(with_mask(hidden), bands=bands, **target)
    assert np.array_equal(apercu.mask(data), hidden)
    assert np.array_equal(apercu.mask(data, window=(10, 3, 50, 20)), hidden[10:60, 3:23])
    told = apercu.info(data)
    assert (told["version"], told["mask"]["kind"], told["mask"]["exact"]) == (2, "band", True)
    assert told["mask"]["n_bytes"] < 60
    assert told["rotated"] is None
    if "n_bytes" in target:
        assert 2940 <= len(data) <= 3000
    if "bpp" in target:
        assert 1176 <= len(data) <= 1200
    error = (apercu.decode(data).astype(float) - IMAGE)[~hidden]
    if "psnr" in target:
        assert abs(20 * np.log10(65535 / np.sqrt((error**2).mean())) - 55) < 0.05
    assert apercu.encode(with_mask(hidden), bands=bands, quality=told["quality"]) == data
    assert apercu.check(data) == []


def test_what_lies_under_a_mask_makes_no_difference():
    other = IMAGE.copy()
    other[wedge()] = 65535
    assert apercu.encode(with_mask(wedge(), other)) == apercu.encode(with_mask(wedge()))


def test_an_image_of_which_all_counts_is_one_of_version_1():
    data = apercu.encode(IMAGE, quality=30)
    assert data[2] >> 4 == 1
    assert apercu.encode(np.ma.MaskedArray(IMAGE), quality=30) == data
    assert apercu.encode(np.ma.MaskedArray(IMAGE, np.zeros(IMAGE.shape, np.bool_)), quality=30) == data


def test_bands_with_masks_of_their_own():
    each = np.dstack([wedge(), wedge() | (np.arange(160) > 150), np.zeros((120, 160), np.bool_)])
    data = apercu.encode(with_mask(each), quality=30)
    assert np.array_equal(apercu.mask(data), each)
    assert apercu.mask(data, window=(0, 0, 5, 6)).shape == (5, 6, 3)


def test_masks_that_differ_in_a_part_of_the_image(monkeypatch):
    monkeypatch.setattr(scene_mask, "SIDE_READ", 32)
    each = np.repeat(wedge()[..., None], 3, axis=2)
    each[110:, 150:, 1] = True
    data = apercu.encode(with_mask(each), quality=30)
    assert np.array_equal(apercu.mask(data), each)


@pytest.mark.parametrize(("shape", "found"), [((120, 160), (120, 160)), ((120, 160, 1), (120, 160))])
def test_a_mask_of_one_band(shape, found):
    data = apercu.encode(with_mask(wedge(), IMAGE[..., 0].reshape(shape)), quality=30)
    assert apercu.mask(data).shape == found
    assert apercu.decode(data).shape == shape


def test_a_mask_that_is_too_large_for_a_budget_is_halved_and_a_file_says_so():
    exact = len(apercu.encode(with_mask(speckled()), quality=0)) - len(apercu.encode(IMAGE, quality=0))
    sizes = {}
    for n_bytes in (400, 1000, 2000, 7000):
        data = apercu.encode(with_mask(speckled()), n_bytes=n_bytes)
        assert n_bytes - max(n_bytes // 50, 16) <= len(data) <= n_bytes
        told = apercu.info(data)["mask"]
        sizes[n_bytes] = told["halvings"]
        assert told["exact"] == (told["halvings"] == 0)
        assert told["n_bytes"] <= n_bytes / (20 if told["exact"] else 8)
        wanted = speckled()
        for _ in range(told["halvings"]):
            padded = np.pad(wanted, [(0, n % 2) for n in wanted.shape], "edge")
            wanted = padded.reshape(padded.shape[0] // 2, 2, -1, 2).sum(axis=(1, 3)) >= 2
        side = 1 << told["halvings"]
        whole = wanted.repeat(side, 0).repeat(side, 1)[:120, :160]
        assert np.array_equal(apercu.mask(data), whole)
        assert np.array_equal(apercu.mask(data, window=(33, 1, 17, 150)), whole[33:50, 1:151])
    assert 2000 / 20 < exact < 7000 / 20
    assert [*sizes.values()] == sorted(sizes.values(), reverse=True)
    assert sizes[7000] == 0
    assert sizes[400] > 0


def test_a_mask_is_halved_no_further_than_it_must_be():
    """Two discs take 31 bytes, at half size 25, at a quarter 17. A halved mask may take an eighth of the budget."""
    y, x = np.mgrid[:120, :160]
    discs = ((y - 60) ** 2 + (x - 80) ** 2 < 400) | ((y - 20) ** 2 + (x - 30) ** 2 < 225)
    found = {}
    for n_bytes in (180, 300, 600, 640):
        told = apercu.info(apercu.encode(with_mask(discs), n_bytes=n_bytes))["mask"]
        found[n_bytes] = told["halvings"], told["n_bytes"]
    assert found == {180: (2, 17), 300: (1, 25), 600: (1, 25), 640: (0, 31)}


def test_mask_and_levels_take_one_pass():
    """Of a source that is not in memory; of uint8 there are no levels, but a rotation needs them."""
    hidden = np.repeat(wedge()[..., None], 3, axis=2)
    for image, bands in ((IMAGE, "rgb"), (IMAGE, "spectral"), ((IMAGE >> 8).astype(np.uint8), "spectral")):
        windows = Windows(image, hidden)
        how = Scene(), Target(quality=40), How("apercu", bands=bands, layers=4)
        data = scenes.encode(windows, *how)
        n_spread = 120 * 160 if bands == "spectral" else 0  # of which a rotation is made
        assert windows.n_read == (1 + 1) * 120 * 160 + n_spread
        assert data == scenes.encode(ArraySource(image, hidden), *how)


def test_a_budget_that_cannot_hold_prefix_and_image():
    said = Scene(geo=GEO, tags={(0, ""): {"a": "b" * 50 + "".join(map(chr, range(200, 900)))}})
    with pytest.raises(TargetUnreachable, match=r"^300 bytes are too few: georeference, .* take \d{3,} alone"):
        scenes.encode(IMAGE, said, Target(n_bytes=300), How("apercu"))
    room = len(pack_prefix(said)) + 9
    with pytest.raises(TargetUnreachable, match=r"^besides a prefix of \d{3,} bytes, \d+ bytes are too few"):
        scenes.encode(IMAGE, said, Target(n_bytes=room), How("apercu"))
    with pytest.raises(OptionError, match="bands"):
        scenes.encode(IMAGE, said, Target(n_bytes=300), How("apercu", bands="rgba"))


# --- Scenes ---------------------------------------------------------------------------------------
def test_a_scene_in_one_file():
    hidden = wedge()
    source = ArraySource(*(np.ascontiguousarray(a) for a in (IMAGE, np.repeat(hidden[..., None], 3, axis=2))))
    said = Scene(geo=GEO, samples=SampleType("int16", ((-500.0, 1.0),), (-9999,)))
    data = scenes.encode(source, said, Target(n_bytes=4000), SPECTRAL, mask_kind="nodata")
    assert 3920 <= len(data) <= 4000
    decoded, told = apercu.decode(data), apercu.info(data)
    assert decoded.dtype == np.int16
    assert np.array_equal((decoded == -9999).all(axis=2), hidden)
    assert np.array_equal((decoded == -9999).any(axis=2), hidden)
    assert (told["mask"]["kind"], told["nodata"], told["dtype"]) == ("nodata", (-9999,) * 3, "int16")
    assert np.array_equal(apercu.decode(data, window=(17, 5, 40, 66)), decoded[17:57, 5:71])
    windows = Windows(IMAGE, np.repeat(hidden[..., None], 3, axis=2))
    assert scenes.encode(windows, said, Target(n_bytes=4000), SPECTRAL, mask_kind="nodata") == data


def test_a_rotation_leaves_room_for_the_image():
    base = scene(128, 128)[..., 0]
    alike = np.dstack([base * np.uint16(gain) for gain in range(20, 36)])  # whose rotation takes 291 bytes
    for n_bytes, rotates in ((200, False), (400, False), (450, True)):
        data = scenes.encode(alike, Scene(), Target(n_bytes=n_bytes), SPECTRAL)
        assert len(data) <= n_bytes
        assert (apercu.info(data).get("rotated") or False) == rotates


def test_bands_are_rotated_where_that_gains():
    rng = np.random.default_rng(0)
    base = scene(120, 160)[..., 0].astype(float)
    alike = np.dstack([base * gain + rng.normal(0, 2, base.shape) for gain in (20, 24, 30)]).clip(0).astype(np.uint16)
    found = {}
    for rotate in (False, True):
        data = scenes.encode(alike, Scene(GEO), Target(n_bytes=3000), SPECTRAL, rotate=rotate)
        found[rotate] = ((apercu.decode(data).astype(float) - alike) ** 2).mean()
        assert (apercu.info(data)["rotated"] or False) == rotate
        assert 2940 <= len(data) <= 3000
    assert found[True] < 0.8 * found[False]
    for psnr in (50, 55):
        data = scenes.encode(alike, Scene(), Target(psnr=psnr), SPECTRAL)
        error = ((apercu.decode(data).astype(float) - alike) ** 2).mean()
        assert abs(10 * np.log10(65535**2 / error) - psnr) < 0.05
    narrow = (alike >> 5).astype(np.uint8)
    data = scenes.encode(narrow, Scene(), Target(psnr=35), SPECTRAL)
    assert apercu.info(data)["rotated"]
    assert (apercu.info(data)["dtype"], apercu.decode(data).dtype) == ("uint8", np.uint8)
    error = ((apercu.decode(data).astype(float) - narrow) ** 2).mean()
    assert abs(10 * np.log10(255**2 / error) - 35) < 0.05
    assert data[2] >> 4 == 2
    plain = scenes.encode(narrow, Scene(), Target(quality=30), How("predictive", bands="spectral"))
    assert plain == apercu.encode(narrow, quality=30, codec="predictive", bands="spectral")


@pytest.mark.parametrize("shape", [(120, 160), (120, 160, 1), (120, 160, 3)])
def test_an_image_at_a_reduced_size(shape):
    image = IMAGE[..., : shape[2] if len(shape) == 3 else 1].reshape(shape)[:117]
    hidden = wedge()[:117]
    masked = np.ma.MaskedArray(image, np.broadcast_to(hidden.reshape(117, 160, *[1] * (image.ndim - 2)), image.shape))
    data = scenes.encode(masked, Scene(geo=GEO), Target(n_bytes=1500), How("apercu"), log2=2)
    assert len(data) <= 1500
    told = apercu.info(data)
    assert (told["height"], told["width"], told["reduced"]["factor"]) == (30, 40, 4)
    assert told["geo"]["transform"] == (40.0, 0.0, 399960.0, 0.0, -40.0, 4900020.0)
    small, full = apercu.decode(data), apercu.decode(data, full_size=True)
    assert (small.shape, full.shape) == ((30, 40, *shape[2:]), image.shape)
    assert np.abs(full.astype(float) - image)[~hidden].mean() < 700
    place = (50, 20, 41, 90)
    assert np.array_equal(apercu.decode(data, full_size=True, window=place), full[50:91, 20:110])
    assert np.array_equal(apercu.mask(data, full_size=True), apercu.mask(data).repeat(4, 0).repeat(4, 1)[:117])
    assert np.array_equal(
        apercu.mask(data, full_size=True, window=place), apercu.mask(data, full_size=True)[50:91, 20:110]
    )
    with pytest.raises(OptionError, match="window"):
        apercu.decode(data, window=place)


def test_the_best_size_for_a_budget():
    said = Scene(geo=GEO)
    data = scenes.encode(IMAGE, said, Target(n_bytes=42), How("apercu"), log2=None)
    assert len(data) <= 42
    assert apercu.info(data)["reduced"]["factor"] >= 4
    assert apercu.decode(data, full_size=True).shape == IMAGE.shape
    data = scenes.encode(IMAGE, said, Target(n_bytes=20_000), How("apercu"), log2=None)
    assert apercu.info(data)["reduced"] is None
    quality = scenes.encode(IMAGE, said, Target(quality=20), How("apercu"), log2=None)
    assert apercu.info(quality)["reduced"] is None
