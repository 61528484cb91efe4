"""What errors count for: bits go where they are wanted, budgets are met, and where all is alike no byte changes."""

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges import batch
from apercu.cli.main import main
from apercu.codecs import encoding
from apercu.codecs.by_name import codec_of
from apercu.codecs.importance import map_of
from apercu.codecs.target import Target
from apercu.errors import OptionError
from apercu.stages.activity import codes_of_content
from apercu.stages.bands import pooled
from apercu.stages.blocks import Window, part
from apercu.stages.colour import to_planes
from apercu.stages.layout import layout_of
from scripts.pictures import noise, scene, wide
from windows import Windows

SIDE = 128
REGION = (32, 48, 64, 64)  # a quarter
INSIDE = np.zeros((SIDE, SIDE), bool)
INSIDE[32:96, 48:112] = True


@pytest.fixture(scope="module")
def picture():
    """Texture everywhere, (128, 128, 3): noise of four sizes, each twice as strong as the finer one."""

    def layer(log2):
        coarse = noise((SIDE >> log2, SIDE >> log2, 1), 3 + log2) % (16 << log2)
        return np.kron(coarse, np.ones((1 << log2, 1 << log2, 3), int))

    return np.minimum(sum(map(layer, range(4))), 255).astype(np.uint8)


def psnrs(image, data, peak=255):
    """Inside the region, and outside."""
    errors = (apercu.decode(data, full_size=True).astype(float) - image) ** 2
    return [10 * np.log10(peak**2 / errors[where].mean()) for where in (INSIDE, ~INSIDE)]


@pytest.mark.parametrize("target", [{"quality": 35}, {"n_bytes": 700}, {"psnr": 25}])
def test_a_map_of_ones_changes_no_byte(picture, target):
    plain = apercu.encode(picture, **target)
    for alike in (1, 7.5, np.uint8(255), True):
        assert apercu.encode(picture, importance=np.full((SIDE, SIDE), alike), **target) == plain


def test_a_tile_where_all_counts_is_coded_as_without(picture):
    """By the same function as the others."""
    weights = np.ones((SIDE, SIDE))
    weights[64:, 64:] = 0.1
    plain, weighed = (
        apercu.decode(apercu.encode(picture, quality=40, tile=64, **how)) for how in ({}, {"importance": weights})
    )
    changed = (plain != weighed).any(axis=2)
    assert changed[64:, 64:].mean() > 0.5
    assert not changed[:64].any()
    assert not changed[:, :64].any()


@pytest.mark.parametrize("n_bytes", [500, 900])
def test_a_region_gains_at_equal_bytes(picture, n_bytes):
    plain, marked = (apercu.encode(picture, n_bytes=n_bytes, **how) for how in ({}, {"roi": REGION}))
    gain, loss = np.subtract(psnrs(picture, marked), psnrs(picture, plain))
    assert len(marked) <= n_bytes
    assert gain > 1.0
    assert -4.0 < loss < -0.5


def test_regions_are_weights(picture):
    """1 inside, falling over 16 pixels to 1/16; of several, the larger."""
    weights = map_of(encoding.options_of("apercu", {"roi": [(10, 10, 5, 20), (60, 0, 200, 8)]}), SIDE, SIDE)
    codes = weights.read(Window(0, 0, SIDE, SIDE))[0][:, :, 0]
    assert (codes[10:15, 10:30] == 255).all()
    assert (codes[60:, :8] == 255).all()
    assert codes[14 + 8, 20] == 63
    assert codes[14 + 16, 20] == codes[40, 127] == 15
    assert np.array_equal(part(codes, Window(3, 5, 40, 50)), weights.read(Window(3, 5, 40, 50))[0][:, :, 0])
    whole = apercu.encode(picture, quality=30, roi=(0, 0, SIDE, SIDE))
    assert apercu.encode(picture, quality=30, roi=[[0, 0, SIDE, SIDE]]) == whole == apercu.encode(picture, quality=30)


def test_unimportant_parts_send_next_to_nothing(picture):
    weights = INSIDE.astype(np.float32)
    few = apercu.encode(picture, quality=45, importance=weights)
    blank = picture.copy()
    blank[~INSIDE] = 128
    assert len(few) < 1.2 * len(apercu.encode(blank, quality=45))
    assert len(few) < 0.5 * len(apercu.encode(picture, quality=45))
    means = apercu.decode(few)[:16, :16].mean(axis=(0, 1)), picture[:16, :16].mean(axis=(0, 1))
    assert np.abs(np.subtract(*means)).max() < 12  # but colours are there


def test_weights_meet_coefficients_as_whole_numbers():
    """The mean over the pixels of a place, at least 8/256 and 16/256 in the two coarsest stages."""
    codes = np.zeros((33, 64), np.uint8)
    codes[:, 32:] = 200
    codes[0, 0] = 2
    found = pooled(codes)
    stages = np.split(found, np.cumsum([2 * 2, 3 * 4, 5 * 8, 9 * 16]))
    assert stages[0].reshape(2, 2).tolist() == [[15, 200], [15, 200]]
    assert stages[1].reshape(3, 4).tolist() == 3 * [[7, 7, 200, 200]]
    assert stages[4].reshape(17, 32)[0, [0, 1, 16]].tolist() == [1, 0, 200]
    ones = map_of(encoding.options_of("apercu", {"importance": np.array([[1, 2], [255, 510]])}), 2, 2)
    assert ones.read(Window(0, 0, 2, 2))[0][:, :, 0].tolist() == [[0, 0], [127, 255]]


KINDS = {
    "grey": lambda: scene(SIDE, SIDE)[:, :, 0],
    "rgba": lambda: np.dstack([scene(SIDE, SIDE, 3), np.where(INSIDE, 255, 40).astype(np.uint8)]),
    "wide": lambda: wide(scene(SIDE, SIDE, 3), 300, 9000),
    "bands": lambda: wide(scene(SIDE, SIDE, 6), 0, 4000),
    "masked": lambda: np.ma.array(scene(SIDE, SIDE, 3), mask=np.repeat(np.tri(SIDE, dtype=bool)[:, :, None], 3, 2)),
}


@pytest.mark.parametrize("how", ["roi", "content", "array"])
@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_met(kind, how):
    """Sizes within 2 % or 16 bytes, PSNRs within 0.05 dB; and the quality makes the same bytes again."""
    weights = np.random.default_rng(3).random((SIDE, SIDE)) ** 4 * INSIDE
    given = {"roi": {"roi": REGION}, "content": {"importance": "content"}, "array": {"importance": weights}}[how]
    image = KINDS[kind]()
    data = apercu.encode(image, n_bytes=1200, **given)
    assert 1200 - 24 <= len(data) <= 1200
    again = apercu.encode(image, quality=apercu.info(data)["quality"], **given)
    assert again == data or kind == "masked"  # whose mask may be halved
    assert again != apercu.encode(image, quality=apercu.info(data)["quality"])
    if kind in ("grey", "wide"):
        peak = 255 if kind == "grey" else 65535
        data = apercu.encode(image, psnr=30 if kind == "grey" else 45, **given)
        error = np.mean((apercu.decode(data).astype(float) - image) ** 2)
        assert abs(10 * np.log10(peak**2 / error) - (30 if kind == "grey" else 45)) <= 0.05


@pytest.mark.parametrize("how", [{"roi": (100, 300, 200, 180)}, {"importance": "content"}], ids=str)
def test_large_images_meet_budgets_in_few_passes(how):
    """Read window by window, with the bytes that the array makes."""
    image = scene(512, 512, 3)
    plan = codec_of("apercu").plan("rgb", 3, 512, 512)._replace(tile=64, kept_samples=0)
    given = encoding.How("apercu", encoding.options_of("apercu", how))
    source = Windows(image)
    data = encoding.encode(source, Target(n_bytes=9000), given, plan)
    assert 0.98 * 9000 <= len(data) <= 9000
    assert encoding.encode(image, Target(n_bytes=9000), given, plan) == data
    assert source.n_read <= 5 * 512 * 512


def test_a_reduced_size_is_chosen_by_what_is_important(picture):
    """Lines that half the size cannot show, in a region that is a small part of the picture."""
    image = picture.copy()
    image[40:80, 40:80] = 128 + 100 * ((np.arange(40) // 2) % 2 * 2 - 1)[:, None, None]
    how = {"n_bytes": 160, "roi": (40, 40, 40, 40)}
    files = [apercu.encode(image, reduce=divisor, **how) for divisor in (1, 2, 4)]
    weights = map_of(encoding.options_of("apercu", {"roi": how["roi"]}), SIDE, SIDE)
    counted = weights.read(Window(0, 0, SIDE, SIDE))[0].astype(float) + 1
    errors = [(apercu.decode(data, full_size=True).astype(float) - image) ** 2 for data in files]
    assert np.argmin([(error * counted).sum() for error in errors]) == 0
    assert np.argmin([error.sum() for error in errors]) > 0
    assert apercu.encode(image, reduce="auto", **how) == files[0]


def test_content_finds_texture():
    """Strong texture counts for less than what is flat or stands alone; in tiles as in the whole."""
    rng = np.random.default_rng(2)
    image = np.full((96, 160), 120, np.uint8)
    image[:, 96:] = rng.integers(60, 180, (96, 64))
    image[40:44] = 20  # a line through both
    planes, layout = to_planes(image[:, :, None], "grey", []), layout_of("grey", 1, 96, 160)
    codes = codes_of_content(planes, layout)
    assert codes.shape == image.shape
    assert codes[:, :96].min() > 1.2 * codes[:, 96:].max()
    assert (codes[:32, :96] == 255).all()
    assert (codes[:32, 96:] < 150).all()
    assert codes.min() >= 63
    there = np.s_[32:96, 64:160]
    of_tile = codes_of_content(to_planes(image[there][:, :, None], "grey", []), layout_of("grey", 1, 64, 96))
    assert np.array_equal(of_tile, codes[there])


def test_weights_that_are_masked_count_for_least(picture):
    """Whatever lies below the mask."""
    plain = apercu.encode(picture, quality=30, importance=INSIDE.astype(float))
    masked = np.ma.masked_array(np.where(INSIDE, 1, np.nan), ~INSIDE)
    assert apercu.encode(picture, quality=30, importance=masked) == plain


def test_what_a_region_has_beyond_the_image_changes_nothing(picture):
    plain = apercu.encode(picture, quality=30, roi=(0, 48, SIDE, 80))
    for far in (1, 1 << 80):
        assert apercu.encode(picture, quality=30, roi=(-far, 48, SIDE + 2 * far, 80 + far)) == plain


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"importance": np.ones((SIDE, 7))}, "shape of the image"),
        ({"importance": np.ones((SIDE, SIDE, 1))}, "array (H, W) of numbers"),
        ({"importance": np.full((SIDE, SIDE), np.nan)}, "finite numbers, 0 or more"),
        ({"importance": np.where(INSIDE, np.inf, 1)}, "finite numbers, 0 or more"),
        ({"importance": INSIDE - 0.5}, "finite numbers, 0 or more"),
        ({"importance": np.zeros((SIDE, SIDE))}, "not all 0"),
        ({"importance": INSIDE.astype(complex)}, "array (H, W) of numbers"),
        ({"importance": "faces"}, '"content"'),
        ({"importance": [[1, 2], [3]]}, "array"),
        ({"roi": (0, 0, 10)}, "(top, left, height, width)"),
        ({"roi": [(0, 0, 9, 9), (0, 0, 0, 9)]}, "(top, left, height, width)"),
        ({"roi": (0, 0, 9.5, 9)}, "(top, left, height, width)"),
        ({"roi": []}, "(top, left, height, width)"),
        ({"roi": "0,0,9,9"}, "(top, left, height, width)"),
        ({"roi": np.array(5)}, "(top, left, height, width)"),
        ({"roi": [np.array(5)]}, "(top, left, height, width)"),
        ({"importance": np.ma.masked_all((SIDE, SIDE))}, "not all 0"),
        ({"roi": (SIDE, 0, 9, 9)}, "outside the image"),
        ({"roi": REGION, "importance": "content"}, "give one"),
        ({"roi": REGION, "codec": "dct"}, "dct has no roi"),
    ],
    ids=lambda given: "",
)
def test_what_cannot_be_is_refused(picture, given, words):
    with pytest.raises(OptionError) as refused:
        apercu.encode(picture, quality=10, **given)
    assert words in str(refused.value)


def test_the_command_takes_regions_and_content(picture, tmp_path, capfd):
    name, out = str(tmp_path / "a.png"), tmp_path / "a.apc"
    Image.fromarray(picture).save(name)
    assert main(["encode", name, str(out), "--bytes", "600", "--roi", "32,48,64,64", "--roi", "0,0,9,9"]) == 0
    assert out.read_bytes() == apercu.encode(picture, n_bytes=600, roi=[REGION, (0, 0, 9, 9)])
    assert main(["encode", name, str(out), "--bytes", "600", "--importance", "content"]) == 0
    assert out.read_bytes() == apercu.encode(picture, n_bytes=600, importance="content")
    assert main(["encode", name, str(out), "--roi", "1,2,3"]) == 2
    assert "1,2,3" in capfd.readouterr().err
    assert main(["encode", name, str(out), "--roi", "500,500,3,3"]) == 2
    assert "outside the image" in capfd.readouterr().err


def test_many_files_take_them_too(picture, tmp_path):
    for number in range(2):
        Image.fromarray(picture[: SIDE - 64 * number]).save(tmp_path / f"{number}.png")
    sources = [tmp_path / f"{number}.png" for number in range(2)]
    outcomes = list(batch.encode(sources, tmp_path / "out", n_bytes=500, roi=(70, 0, 20, 20)))
    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert "outside the image" in str(outcomes[1].error)
    outcomes = list(batch.encode(sources, tmp_path / "out", n_bytes=500, importance=INSIDE))
    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert (tmp_path / "out/0.apc").read_bytes() == apercu.encode(picture, n_bytes=500, importance=INSIDE)
    outcomes = list(batch.encode(sources, tmp_path / "out", n_bytes=500, roi=iter([REGION])))
    assert [outcome.error for outcome in outcomes] == [None, None]
    with pytest.raises(OptionError, match="finite"):
        batch.encode(sources, tmp_path / "out", importance=-np.ones((4, 4)))


def test_an_archive_knows_maps_by_their_content(picture, tmp_path):
    pytest.importorskip("fsspec")
    from apercu.bridges.archive import making

    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in/a.png")

    def n_made(**how):
        *_, step = making.make([str(tmp_path / "in")], str(tmp_path / "out"), n_bytes=500, **how)
        return step.n_made

    weights = INSIDE.astype(float)
    given = weights, weights.copy(), 1 - weights, "content"
    assert [n_made(importance=each) for each in given] == [1, 0, 1, 1]
    # Also of others than arrays, and of so many regions that NumPy prints a part of them.
    many = np.tile(REGION, (300, 1))
    others = many.copy()
    others[150] = 0, 0, 9, 9
    assert [n_made(roi=each) for each in (many, list(map(tuple, many)), others)] == [1, 0, 1]

    class Wrapped:
        def __array__(self, dtype=None, copy=None):
            return self.held

        def __repr__(self):
            return "weights"

    wrapped = [Wrapped(), Wrapped()]
    wrapped[0].held, wrapped[1].held = weights + 1, weights + 2
    assert [n_made(importance=each) for each in wrapped] == [1, 1]


def test_scenes_take_them_too(tmp_path):
    """Bands that are rotated, with samples that do not count, read window by window."""
    rasterio = pytest.importorskip("rasterio")
    from apercu.bridges import geo

    image = wide(scene(SIDE, SIDE, 3), 500, 9000)
    image[:40] = 0
    where = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), "nodata": 0}
    size = {"height": SIDE, "width": SIDE, "count": 3, "dtype": "uint16"}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", photometric="minisblack", **where, **size) as out:
        out.write(np.moveaxis(image, -1, 0))
    plain, *weighed = (
        geo.encode(tmp_path / "a.tif", n_bytes=1500, **how)
        for how in ({}, {"roi": (40, 48, 64, 64)}, {"importance": INSIDE}, {"importance": "content"})
    )
    assert all(1470 <= len(data) <= 1500 and data != plain for data in weighed)
    assert apercu.info(weighed[0])["geo"]["crs"] == "EPSG:32632"
    assert geo.encode(tmp_path / "a.tif", n_bytes=1500, importance=np.ones((SIDE, SIDE))) == plain
    with pytest.raises(OptionError, match="shape of the image"):
        geo.encode(tmp_path / "a.tif", importance=np.ones((SIDE, 9)))
