"""A codec is one module and its numbers: with nothing else changed, all of the package works with it."""

import hashlib
import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import apercu
import apercu.bridges.pillow
import plain_codec
from apercu.bench import compare, own
from apercu.bench.cache import Cache
from apercu.bench.plan import Plan
from apercu.bridges import files
from apercu.cli import train
from apercu.cli.main import main
from apercu.codecs import by_name, encoding, tables
from apercu.codecs.by_name import codec_of
from apercu.errors import ModelError, OptionError
from apercu.format import ids
from apercu.format.container import read_header
from scripts.pictures import noise, scene, wide

KEPT = (by_name.codec_of, tables.shipped, encoding._no_options)


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """The codec in its place; `plain.npy` in the folder that is returned holds its tables."""
    mark = np.array([7], np.uint16)
    np.save(tmp_path / "plain.npy", mark)
    digest = hashlib.sha256(mark.astype("<u2").tobytes()).hexdigest()
    monkeypatch.setitem(sys.modules, "apercu.codecs.plain", plain_codec)
    monkeypatch.setitem(ids.CODECS, "plain", ("huffman", "range"))
    for number, entropy in ((201, "huffman"), (202, "range")):
        monkeypatch.setitem(ids.CODEC_IDS, ("plain", entropy), number)
        monkeypatch.setitem(ids.MODELS, number, ids.Model("plain", entropy, str(tmp_path / "plain.npy"), digest))
        monkeypatch.setitem(ids.DEFAULT_MODEL_IDS, ("plain", entropy), number)
    for function in KEPT:
        function.cache_clear()
    yield tmp_path
    for function in KEPT:
        function.cache_clear()


IMAGES = {
    "grey": scene(40, 50)[:, :, 0],
    "rgb": scene(70, 45, 3),
    "rgba": scene(20, 30, 4),
    "five bands": scene(33, 34, 5),
    "16 bits": wide(scene(40, 37, 3), 0, 65535),
    "1 x 1": np.full((1, 1), 200, np.uint8),
}
EVERY = pytest.mark.parametrize("name", IMAGES)


@EVERY
def test_quality_100_is_without_loss(name):
    data = apercu.encode(IMAGES[name], codec="plain", quality=100)
    assert np.array_equal(apercu.decode(data), IMAGES[name])
    assert apercu.check(data) == []
    told = apercu.info(data)
    assert (told["codec"], told["model"], told["quality"], told["shift"]) == ("plain", 201, 100, 0)


@EVERY
@pytest.mark.parametrize("k", [1, 2, 5, 31])
def test_an_option_may_be_the_target(name, k):
    data = apercu.encode(IMAGES[name], codec="plain", off_by=k)
    assert apercu.info(data)["quality"] is None
    assert np.abs(apercu.decode(data).astype(int) - IMAGES[name]).max() <= k
    with pytest.raises(OptionError, match=r"^one target at a time, not quality, off_by$"):
        apercu.encode(IMAGES[name], codec="plain", off_by=k, quality=30)


def test_budgets_and_psnr():
    image = scene(100, 90, 3)
    sizes = [len(apercu.encode(image, codec="plain", quality=quality)) for quality in (0, 100)]
    data = apercu.encode(image, codec="plain", n_bytes=sum(sizes) // 2)
    assert sizes[0] < len(data) <= sum(sizes) // 2
    assert apercu.encode(image, codec="plain", quality=apercu.info(data)["quality"]) == data
    decoded = apercu.decode(apercu.encode(image, codec="plain", psnr=40))
    assert 10 * np.log10(255**2 / np.mean((decoded.astype(float) - image) ** 2)) > 38


def test_entropy_coders(plain):
    image, made = IMAGES["rgb"], {}
    np.save(plain / "mine.npy", np.array([9], np.uint16))
    for entropy, model_id in ((None, 201), ("huffman", 201), ("range", 202)):
        made[entropy] = apercu.encode(image, codec="plain", quality=100, entropy=entropy)
        assert apercu.info(made[entropy])["model"] == model_id
        mine = apercu.encode(image, codec="plain", quality=100, entropy=entropy, model=plain / "mine.npy")
        assert (read_header(mine).codec, read_header(mine).entropy) == ("plain", entropy or "huffman")
        assert np.array_equal(apercu.decode(made[entropy]), image)
        assert np.array_equal(apercu.decode(mine, model=plain / "mine.npy"), image)
        with pytest.raises(ModelError, match=r"pass it as model="):
            apercu.decode(mine)
    assert made[None] == made["huffman"] != made["range"]
    with pytest.raises(OptionError, match=r"^entropy must be one of 'huffman', 'range', not 'zip'$"):
        apercu.encode(image, codec="plain", entropy="zip")


def test_tiles_windows_layers_and_damage():
    image = scene(70, 45, 3)
    data = apercu.encode(image, codec="plain", quality=100)
    assert (apercu.info(data)["tiles"], apercu.info(data)["layers"]) == (6, 2)
    assert np.array_equal(apercu.decode(data, window=(30, 30, 9, 15)), image[30:39, 30:45])
    coarse = apercu.decode(data, layers=1)
    assert 0 < np.abs(coarse.astype(int) - image).max() <= 2
    header = read_header(data)
    end = header.head_size + sum(length + 4 for length in header.lengths[:6])
    assert np.array_equal(apercu.decode(data[:end], damaged="conceal"), coarse)
    damaged = bytearray(data)
    damaged[header.head_size + 3] ^= 8
    shown = apercu.decode(bytes(damaged), damaged="conceal")
    assert np.all(shown[:32, :32] == 128)
    assert np.array_equal(shown[32:], image[32:])
    with pytest.raises(apercu.ChecksumError, match=r"tile 1 of 6"):
        apercu.decode(bytes(damaged))
    with pytest.raises(OptionError, match=r"^plain has 1 to 2 layers, not 3$"):
        apercu.encode(image, codec="plain", layers=3)


def test_what_does_not_count_is_filled_and_nothing_else():
    """What a mask hides, and colour where alpha is 0."""
    image = (noise((40, 40, 4), 3) >> 8).astype(np.uint8)
    image[:, :9, 3] = 0
    hidden = np.zeros(image.shape, bool)
    hidden[10:30, 12:30, :2] = True
    for dtype in (np.uint8, np.uint16):
        masked = np.ma.MaskedArray(image.astype(dtype), hidden)
        data = apercu.encode(masked, codec="plain", quality=100)
        decoded = apercu.decode(data)
        out = hidden.copy()
        out[image[:, :, 3] == 0, :3] = True
        assert np.array_equal(decoded[~out], image[~out])
        assert np.std(decoded[:, :9, :3]) < np.std(image[:, :9, :3]) / 2
        assert np.std(decoded[hidden]) < np.std(image[hidden]) / 2


def test_its_options_are_its_own(capsys):
    with pytest.raises(OptionError, match=r"^the codec apercu has no off_by; the codec plain has$"):
        apercu.encode(IMAGES["grey"], off_by=3)
    with pytest.raises(OptionError, match=r"^the codec plain has no step and no tables; the codec taha2025 has$"):
        apercu.encode(IMAGES["grey"], codec="plain", step=3, tables="group")
    with pytest.raises(
        OptionError, match=r"^the codec apercu has no step and no entropy; the codecs taha2025 and dct and stacked_ae"
    ):
        apercu.encode(IMAGES["grey"], step=3, entropy="range")
    with pytest.raises(
        OptionError,
        match=r"^codec must be one of apercu, taha2025, dct, predictive, stacked_ae, rnn, plain, not 'wavelet'$",
    ):
        apercu.encode(IMAGES["grey"], codec="wavelet")
    assert main(["encode", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "--off-by K largest error of a sample (plain)" in said
    assert "--entropy NAME how symbols become bits (taha2025, dct, stacked_ae, plain)" in said


def test_the_command_and_the_plugin_take_them(plain, capsys):
    source, target = plain / "a.png", plain / "a.apc"
    Image.fromarray(IMAGES["rgb"]).save(source)
    assert main(["encode", str(source), str(target), "--codec", "plain", "--off-by", "2"]) == 0
    assert capsys.readouterr().err.endswith(" bpp, off_by 2\n")
    assert target.read_bytes() == apercu.encode(IMAGES["rgb"], codec="plain", off_by=2)
    assert main(["decode", str(target), str(plain / "b.png")]) == 0
    stream = io.BytesIO()
    Image.fromarray(IMAGES["rgb"]).save(stream, "APERCU", codec="plain", off_by=2)
    assert stream.getvalue() == target.read_bytes()
    assert main(["info", str(target)]) == 0
    assert main(["check", str(target)]) == 0
    assert main(["encode", str(source), str(target), "--codec", "plain", "--entropy", "zip"]) == 2


def test_it_is_compared_and_has_no_restorer(plain):
    assert own.contestants(["plain"], ["none"], [], []) == [own.Own("plain")]
    (given,) = own.given([f"mine={plain / 'plain.npy'}"], "--model")
    assert own.contestants(["plain"], ["none"], [given], []) == [own.Own("plain"), own.Own("plain", "none", given)]
    with pytest.raises(OptionError, match=r"^restore must be 'none' for a file of the codec plain, not 'cnn'$"):
        apercu.decode(apercu.encode(IMAGES["grey"], codec="plain"), restore="cnn")


def test_it_has_no_training_until_a_module_of_its_name_says_what_it_takes(plain, monkeypatch, capsys):
    call = ["train", "plain", "--images", str(plain), "--out", str(plain / "made.npy")]
    # The command made this of the names that there were when it was imported.
    monkeypatch.setitem(train.TRAINERS, "plain", "apercu.lab.plain")
    assert main(call) == 2
    assert capsys.readouterr().err == "apercu: the codec plain has no training\n"
    lab, given = ModuleType("apercu.lab.plain"), []

    def train_plain(folder, out, seed=5, log=print, every=1):
        given.append((folder, out, seed, every))

    lab.train = train_plain
    monkeypatch.setitem(sys.modules, "apercu.lab.plain", lab)
    assert main(call) == 0
    assert main([*call, "--every", "3", "--seed", "7"]) == 0
    assert given == [(plain, plain / "made.npy", 5, 1), (plain, plain / "made.npy", 7, 3)]
    assert main([*call, "--weights", "a.npy"]) == 2
    assert capsys.readouterr().err.endswith("train plain takes no --weights\n")


def test_it_has_its_points_on_the_page(plain):
    Image.fromarray(scene(64, 80, 3)).save(plain / "a.png")
    plan = Plan(codecs=("apercu:plain/none",), rates=(6.0, 16.0), metrics=("psnr",), repeat=1)
    found = compare.compare({"a": str(plain / "a.png")}, files.read, plan, Cache(plain / "cache"), jobs=1)
    assert {point["codec"] for point in found.report["points"]} == {"apercu:plain/none"}
    assert found.report["arithmetic"] == {}


def test_the_analysis_is_not_written_to():
    image = IMAGES["rgb"].copy()
    apercu.encode(image, codec="plain", quality=50)
    assert np.array_equal(image, IMAGES["rgb"])
    assert codec_of("plain") is plain_codec
