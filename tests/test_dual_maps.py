"""taha2025 with the range coder: maps of its symbols, the pixels of Huffman coding, tables that are refused."""

from functools import partial

import numpy as np
import pytest

import apercu
from apercu.codecs import taha2025
from apercu.codecs.tables import of_user, shipped
from apercu.errors import CorruptStream, ModelError, OptionError
from apercu.format.weights import FOLDER
from apercu.stages.colour import to_planes
from apercu.stages.dual_code import dual_encode
from apercu.stages.dual_maps import MAPS, dual_from_maps, dual_get_maps, dual_put_maps, dual_to_maps
from apercu.stages.layout import layout_of
from apercu.stages.symbol_maps import MapCoder, MapLayout, MapPlane, as_they_are
from scripts.pictures import noise, scene, wide

encode = partial(apercu.encode, codec="taha2025")
PLANES = [MapPlane(5, 7, 0, -1), MapPlane(3, 4, 1, 0), MapPlane(3, 4, 1, 1), MapPlane(1, 1, 0, -1)]
LAYOUT = MapLayout(PLANES, MAPS)
TABLES = shipped(7).coding


def drawn(rng, most, share):
    """Groups and symbols of the planes, G2 in a share of the blocks."""
    found = []
    for height, width, *_ in PLANES:
        groups = (rng.random(height * width) < share).astype(np.uint8)
        symbols = rng.integers(-most, most + 1, (height * width, 8)).astype(np.int16)
        symbols[groups == 0, 1:] = 0
        found.append((groups, symbols))
    return found


def same(one, other):
    return all(np.array_equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


@pytest.mark.parametrize("share", [0, 0.3, 1])
@pytest.mark.parametrize("most", [0, 2, 300, 16384])
def test_what_is_put_comes_back(most, share):
    planes = drawn(np.random.default_rng([most, int(10 * share)]), most, share)
    assert same(dual_get_maps(dual_put_maps(planes, LAYOUT, TABLES), LAYOUT, TABLES), planes)
    for expected in (np.full((2, 7, 4), 2047, np.int16), np.full((2, 7, 4), -2047, np.int16)):
        assert same(dual_from_maps(dual_to_maps(planes, LAYOUT, expected), LAYOUT, expected), planes)


def test_what_is_expected_is_that_of_the_text():
    """A ramp down, 3 a block: the first detail has 4096ths of n - s, which is -6 inside and -3 at the edge."""
    layout = MapLayout([MapPlane(4, 1, 0, -1)], MAPS)
    symbols = np.zeros((4, 8), np.int16)
    symbols[:, 0] = [0, 3, 6, 9]
    expected = np.zeros((2, 7, 4), np.int16)
    expected[0, 0] = 2000, 0, 0, 0
    expected[0, 6] = 0, 0, -1000, 0
    values = dual_to_maps([(np.ones(4, np.uint8), symbols)], layout, expected)
    assert layout.part(values, 0, 2).ravel().tolist() == [1, 3, 3, 1]
    assert layout.part(values, 0, 8).ravel().tolist() == [1, 0, 0, -1]
    assert layout.part(values, 0, 5).ravel().tolist() == [0, 0, 0, 0]


def test_a_group_that_there_is_not_is_refused():
    values = np.zeros(LAYOUT.n_symbols, np.int16)
    LAYOUT.part(values, 2, 1)[1, 2] = 2
    coder = MapCoder(LAYOUT, TABLES.maps)
    stream = coder.encode(values, *as_they_are(MAPS), 0, len(MAPS), np.zeros_like(values))
    coder.close()
    with pytest.raises(CorruptStream, match="group"):
        dual_get_maps(stream, LAYOUT, TABLES)


IMAGES = {
    "grey": scene(70, 90)[:, :, 0],
    "rgb": scene(61, 83, 3),
    "rgba": scene(40, 33, 4),
    "spectral": scene(17, 40, 5),
    "16 bits": wide(scene(40, 40, 3), 300, 40_000),
    "noise": (noise((40, 56, 3), 3) >> 8).astype(np.uint8),
    "black and white": (noise((33, 47, 3), 4) >> 15).astype(np.uint8) * 255,
    "one pixel": np.full((1, 1), 200, np.uint8),
}
SETTINGS = [{"quality": q + variant / 256} for q in (0, 30, 60, 99) for variant in (0, 1, 6)] + [
    {"threshold": 0, "step": 1 / 8},
    {"threshold": 20, "step": 3},
    {"threshold": 1e9, "step": 8191.875},
]


@pytest.mark.parametrize("name", IMAGES)
def test_both_entropy_coders_give_the_same_pixels(name):
    for settings in SETTINGS:
        huffman, ranged = (encode(IMAGES[name], entropy=one, **settings) for one in ("huffman", "range"))
        assert huffman == encode(IMAGES[name], **settings)  # which stays the default
        assert np.array_equal(apercu.decode(huffman), apercu.decode(ranged))
        assert apercu.check(ranged) == []


def test_range_coding_takes_far_fewer_bits():
    image = scene(240, 320, 3)
    for quality, most in ((20, 0.6), (40, 0.75), (60, 0.85)):
        huffman, ranged = (len(encode(image, entropy=one, quality=quality)) for one in ("huffman", "range"))
        assert ranged < most * huffman


def test_what_info_tells():
    told = apercu.info(encode(IMAGES["rgb"], entropy="range", quality=50))
    assert (told["codec"], told["entropy"], told["model"]) == ("taha2025", "range", 7)
    assert not {"g1_share", "g2_share"} & told.keys()
    told = apercu.info(encode(IMAGES["rgb"], quality=50))
    assert (told["entropy"], told["model"]) == ("huffman", 1)
    assert told["g1_share"] + told["g2_share"] == 1


def test_tables_of_huffman_codes_are_no_option_of_range_coding():
    for settings in ({"quality": 50}, {"threshold": 5, "step": 3}, {"n_bytes": 900}):
        with pytest.raises(OptionError, match="tables are those of Huffman codes"):
            encode(IMAGES["grey"], entropy="range", tables="group", **settings)


def file_of(tmp_path, array):
    np.save(tmp_path / "own.npy", array)
    return tmp_path / "own.npy"


def test_a_file_for_both_entropy_coders(tmp_path):
    """Huffman coding takes the weights of it, and makes of an image what it makes with the weights alone."""
    both, alone = np.load(FOLDER / "taha2025_range.npy"), np.load(FOLDER / "taha2025.npy")
    assert np.array_equal(both[:1152], alone.ravel())
    image = IMAGES["rgb"]
    ours, theirs = (encode(image, model=file_of(tmp_path, array)) for array in (both, alone))
    assert ours[13:-4] == theirs[13:-4]  # but for the hash of the model and the checksum
    assert np.array_equal(apercu.decode(ours, model=file_of(tmp_path, both)), apercu.decode(encode(image)))
    with pytest.raises(ModelError, match="no tables for range coding: apercu train taha2025 --weights makes them"):
        encode(image, model=file_of(tmp_path, alone), entropy="range")


@pytest.mark.parametrize(
    ("at", "number", "says"),
    [
        (0, 32767, None),
        (1152, 2047, None),
        (1152, 2048, "2047 at most"),
        (1207, -2048, "2047 at most"),
        (1207, -32768, "2047 at most"),
        (1208, 90, None),
        (1208, 91, "90 at most"),
        (1531, -1, "90 at most"),
        (1532, -1, None),
        (1532, 0, "holds no tables"),
        (1533, 128, None),
        (1533, 129, "holds no tables"),
        (1533, 1, "holds no tables"),
        (11719, -1, "holds no tables"),
    ],
)
@pytest.mark.parametrize("entropy", ["huffman", "range"])
def test_numbers_out_of_range_are_refused(at, number, says, entropy, tmp_path):
    array = np.load(FOLDER / "taha2025_range.npy")
    array[at] = number
    if says is None:
        assert (of_user("taha2025", file_of(tmp_path, array), entropy)[0].coding is None) == (entropy == "huffman")
    else:
        with pytest.raises(ModelError, match=says):
            of_user("taha2025", file_of(tmp_path, array), entropy)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(11719, np.int16),
        np.zeros(11721, np.int16),
        np.zeros((2, 5860), np.int16),
        np.zeros(11720, np.uint16),
        np.full(11720, 32767, np.int16),
    ],
    ids=["short", "long", "shape", "unsigned", "large weights"],
)
def test_other_arrays_are_refused(array, tmp_path):
    for entropy in ("huffman", "range"):
        with pytest.raises(ModelError):
            of_user("taha2025", file_of(tmp_path, array), entropy)


def test_symbols_are_chosen_as_for_huffman_codes():
    """The stage's own bytes: what is put for range coding is what Huffman codes of the same setting say."""
    setting = taha2025.at_quality(256 * 45)
    image = IMAGES["rgb"]
    layout = layout_of("rgb", 3, *image.shape[:2])
    analysis = taha2025.analyse(to_planes(image, "rgb", []), layout, setting, shipped(1))
    planes = taha2025.chosen(analysis, setting)
    assert taha2025.code(analysis, setting, shipped(1), 1) == [dual_encode(planes)]
    (ranged,) = taha2025.code(analysis, setting, shipped(7), 1)
    assert same(taha2025.read([ranged], layout, setting, shipped(7), 1), planes)
