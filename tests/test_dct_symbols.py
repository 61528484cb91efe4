"""From planes to streams and back by the DCT: quality, what the means tell, tables of files, training on drawn
pictures."""

import json

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from apercu.errors import OptionError
from apercu.lab import dct as lab
from apercu.lab import dct_quantisers as search
from apercu.lab.recipes import images_of
from apercu.stages.colour import FULL, from_planes, to_planes
from apercu.stages.dct import dct_analyse
from apercu.stages.dct_symbols import MAPS, STREAMS, dct_encode, dct_plane, dct_steps, dct_tables, plane_of
from apercu.stages.map_huffman import HuffmanMapCoder
from apercu.stages.symbol_maps import MapCoder, MapLayout, MapPlane
from scripts.pictures import scene
from tests.map_cases import ENTROPIES

IMAGE = scene(150, 170, 3, 9)


@pytest.fixture(scope="module")
def short():
    """Training in little time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "n_cores", lambda: 1)
        patch.setattr(lab, "SEARCH_IMAGES", 1)
        patch.setattr(search, "CHANGES", (1.12,))
        patch.setattr(search, "STEPS_Q8", (7680, 15360))
        patch.setattr(search, "REFERENCE_STEPS_Q8", (5120, 7680, 10240, 15360, 20480))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory, short):
    """Tables trained on four drawn pictures: their file."""
    folder = tmp_path_factory.mktemp("images")
    for seed in range(4):
        Image.fromarray(scene(150, 170, 3, seed)).save(folder / f"{seed}.png")
    Image.fromarray(scene(40, 15, 3)).save(folder / "too small.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    said = []
    lab.train(folder, folder / "dct.npy", log=said.append)
    return folder / "dct.npy", said


@pytest.fixture(scope="module")
def tables(trained):
    return dct_tables(np.load(trained[0]))


def coded(image, entropy, step, tables):
    """The streams of an image in colour, its layout, and the symbols."""
    planes = to_planes(image, "rgb", [])
    sizes = [(plane.shape[0] // 8, plane.shape[1] // 8) for plane in planes]
    layout = MapLayout([MapPlane(*size, int(p > 0), p - 1) for p, size in enumerate(sizes)], MAPS)
    coefficients, symbols = np.empty(layout.n_symbols, np.int16), np.zeros(layout.n_symbols, np.int16)
    for p, (plane, size) in enumerate(zip(planes, sizes, strict=True)):
        dct_analyse(plane, *size, 0 if p else FULL // 2, plane_of(layout, coefficients, p))
    coder = MapCoder(layout, tables.maps) if entropy == "range" else HuffmanMapCoder(layout)
    streams = dct_encode(coder, coefficients, 256 * step, tables.quantisers[0], tables.expected, symbols)
    return streams, layout, symbols


def shown(image, layout, symbols, step, tables):
    planes = []
    for p, (height, width, chroma, _) in enumerate(layout.planes):
        planes.append(np.empty((8 * height, 8 * width), np.int16))
        how = 0 if p else FULL // 2, 256 * step, tables.quantisers[0], tables.expected
        dct_plane(plane_of(layout, symbols, p), chroma, *how, planes[-1])
    out = np.empty_like(image)
    from_planes(planes, "rgb", [], out)
    return out


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_what_is_read_shows_the_picture(entropy, tables):
    sizes, quality = [], []
    for step in (120, 40, 12, 2):
        streams, layout, symbols = coded(IMAGE, entropy, step, tables)
        coder = MapCoder(layout, tables.maps) if entropy == "range" else HuffmanMapCoder(layout)
        read = np.zeros(layout.n_symbols, np.int16)
        for stream, maps in zip(streams, STREAMS, strict=True):
            coder.decode(stream, *maps, read)
        assert np.array_equal(read, symbols)
        sizes.append(sum(map(len, streams)))
        quality.append(psnr(IMAGE, shown(IMAGE, layout, read, step, tables)))
    assert sizes == sorted(sizes)
    assert quality == sorted(quality)
    assert quality[0] > 20
    assert quality[3] > 33  # chroma is at half size


def test_contexts_save_bits(tables):
    (means, rest), (means_huffman, rest_huffman) = (coded(IMAGE, entropy, 40, tables)[0] for entropy in ENTROPIES)
    assert len(means) < 0.95 * len(means_huffman)
    assert len(rest) < 0.95 * len(rest_huffman)


def test_what_is_expected_saves_bits_and_shows_more(tables):
    """Of a picture of slopes; and the means alone show more of it."""
    y, x = np.mgrid[:160, :160] / 160
    image = np.stack([60 + 90 * x, 40 + 150 * y * y, 200 - 120 * x * y], -1).astype(np.uint8)
    without = tables._replace(expected=np.zeros_like(tables.expected))
    found = []
    for one in (tables, without):
        streams, layout, symbols = coded(image, "range", 40, one)
        only = symbols.copy()
        for p in range(3):
            plane_of(layout, only, p)[1:] = 0
        found.append((sum(map(len, streams)), psnr(image, shown(image, layout, only, 40, one))))
    assert found[0][0] < 0.9 * found[1][0]
    assert found[0][1] > found[1][1] + 1


def test_steps():
    matrix = np.full((2, 64), 256, np.uint16)
    matrix[1], matrix[0, 5], matrix[0, 6] = 154, 512, 1
    steps = dct_steps(256 * 10, matrix)
    assert steps[0, :7].tolist() == [10240, 10240, 10240, 10240, 10240, 20480, 40]  # 10 x 16 x 64, twice, 1 / 256
    assert dct_steps(1, matrix)[0, 6] == 1
    assert dct_steps(1 << 18, np.full((2, 64), 4096, np.uint16)).max() == 1 << 24


def test_edges_between_blocks_are_smoothed_by_class(tables):
    """By a number of the quantiser: 0 leaves them, a large one changes those of its own class."""
    _, layout, symbols = coded(IMAGE, "range", 60, tables)

    def planes(*smoothing):
        quantiser = tables.quantisers[0]._replace(smoothing=smoothing)
        made = [np.empty((8 * height, 8 * width), np.int16) for height, width, *_ in layout.planes]
        for p, plane in enumerate(made):
            how = int(p > 0), 0 if p else FULL // 2, 256 * 60, quantiser, tables.expected
            dct_plane(plane_of(layout, symbols, p), *how, plane)
        return made

    plain = planes(0, 0)
    for of_class, more in ((0, planes(300, 0)), (1, planes(0, 300))):
        for p, (a, b) in enumerate(zip(plain, more, strict=True)):
            changed = a != b
            assert changed.any() == (of_class == int(p > 0))
            inner = changed.reshape(len(a) // 8, 8, -1, 8)[:, 2:6, :, 2:6]
            assert not inner.any()


def test_training(trained):
    """Contexts and weights bring what they should on the very pictures; the recipe belongs to the file."""
    path, said = trained
    sizes = [int(line.split()[2]) for line in said if line.startswith("pass ")]
    assert sizes[-1] < 0.85 * sizes[2]
    recipe = json.loads(path.with_suffix(".json").read_text())
    assert recipe["command"].startswith("apercu train dct --images")
    assert len(images_of(path.with_suffix(".json"))) == 4
    passed_over = [line for line in said if line.startswith("passed over: ")]
    assert ["broken.jpg" in line or "too small.png: smaller" in line for line in passed_over] == [True, True]


def test_the_command_trains(trained, monkeypatch, capsys):
    """That of the recipe makes the same file, with its options, and files of these tables need them."""
    folder = trained[0].parent
    monkeypatch.chdir(folder.parent)
    call = f"apercu train dct --images {folder.name} --every 4 --seed 7 --out mine.npy"
    made = []
    for _ in range(2):
        assert main(call.split()[1:]) == 0
        assert "pass 2: " in capsys.readouterr().out
        out = folder.parent / "mine.npy"
        made.append(out.read_bytes())
        recipe = json.loads(out.with_suffix(".json").read_text())
        call = recipe["command"]
    assert made[0] == made[1] != trained[0].read_bytes()
    assert (recipe["seed"], set(images_of(out.with_suffix(".json")))) == (7, {"0.png"})
    for entropy in ENTROPIES:
        data = apercu.encode(IMAGE, codec="dct", entropy=entropy, quality=30, model=out)
        assert apercu.info(data)["model"] == recipe["sha256"][:16]
        assert apercu.decode(data, model=out).shape == IMAGE.shape


@pytest.mark.parametrize("picture", [scene(96, 112)[:, :, 0], np.full((64, 64), 90, np.uint8)], ids=["grey", "flat"])
def test_pictures_without_colour_make_tables_that_can_be_used(picture, short, tmp_path):
    """Chroma has no error then, that of a flat picture has none at all."""
    Image.fromarray(picture).save(tmp_path / "grey.png")
    lab.train(tmp_path, tmp_path / "grey.npy", log=lambda line: None)
    for options in ({"psnr": 30}, {"quality": 40, "tune": "ssim"}, {"quality": 40, "entropy": "huffman"}):
        data = apercu.encode(IMAGE, codec="dct", model=tmp_path / "grey.npy", **options)
        assert apercu.decode(data, model=tmp_path / "grey.npy").shape == IMAGE.shape


def test_dissimilarity_is_that_of_one_window():
    """Of 11 × 11 samples, weighted by a Gaussian whose standard deviation is 1.5."""
    rng = np.random.default_rng(4)
    a, b = (rng.integers(0, 8161, (11, 11)).astype(np.int16) for _ in range(2))
    weights = np.exp(-(np.arange(-5, 6)[:, None] ** 2 + np.arange(-5, 6) ** 2) / 4.5)
    x, y, weights = a / 32, b / 32, weights / weights.sum()
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy, cov = (weights * x * x).sum() - mx**2, (weights * y * y).sum() - my**2, (weights * x * y).sum() - mx * my
    same = (2 * mx * my + 6.5025) * (2 * cov + 58.5225) / ((mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225))
    assert search._dissimilarity(a, b) == pytest.approx(1 - same)
    assert search._dissimilarity(a, a) == pytest.approx(0)


def test_how_much_more_there_is_at_equal_quality():
    """Bytes fall by 2 and a distortion grows by 1 a step: a distortion that is larger by 1/4 takes bytes for half."""
    steps = np.arange(4.0)
    reference = np.stack([-2 * steps, steps])[:, None]
    found = reference[:, :, 1:3] + np.array([0.1, 0.25])[:, None, None]
    np.testing.assert_allclose(search.at_equal(reference, found, 1), np.array([0.6, 0])[:, None, None] + np.zeros(2))
    beyond = np.array([[[2.5, -8.0]], [[-0.01, 3.01]]])
    assert np.all(search.at_equal(reference, beyond, 1) == np.inf)


def test_the_quantiser_for_ssim_differs_in_luma_alone_and_in_how_coarse_chroma_is(trained):
    first, *_, ssim = json.loads(trained[0].with_suffix(".json").read_text())["quantisers"]
    changed = {name for name in first if first[name] != ssim[name]}
    of_luma = {"price", "smoothing 0", "means 0", *(f"band 0 {band}" for band in (0, 2, 3, 4))}
    assert changed & of_luma
    assert changed <= of_luma | {"class 1"}


def test_each_part_goes_where_the_score_is_least():
    """Of a sum of squares of logarithms, from which one part is left out."""
    best = {"a": 1.3, "b": 0.8, "c": 1.1}

    def score(parts):
        return sum(np.log(parts[name] / best[name]) ** 2 for name in parts)

    found, least = search._descended(dict.fromkeys(best, 1.0), ["a", "b"], score)
    assert found["c"] == 1
    assert least == score(found) < score(dict.fromkeys(best, 1.0))
    assert all(abs(np.log(found[name] / best[name])) < 0.07 for name in "ab")


def test_options_that_training_refuses(trained, tmp_path, capsys):
    call = ["--images", str(trained[0].parent), "--out", str(tmp_path / "mine.npy")]
    for wrong in (["apercu", "--every", "2"], ["dct", "--every", "0"]):
        assert main(["train", *wrong, *call]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("place", "number"), [(0, 0), (3, 256), (4, 4097), (12, 0), (523, 4097), (524, 30720),
                                               (577, 34816), (578, 91), (1118, 0), (1119, 1), (1119, 129)])  # fmt: skip
def test_tables_out_of_range_are_refused(place, number, trained):
    array = np.load(trained[0])
    array[place] = number
    with pytest.raises(OptionError):
        dct_tables(array)


def test_tables_of_another_size_are_refused(trained):
    array = np.load(trained[0])
    for other in (array[:-1], np.append(array, array[:1]), array.astype(np.int16), array[None]):
        with pytest.raises(OptionError):
            dct_tables(np.ascontiguousarray(other))
