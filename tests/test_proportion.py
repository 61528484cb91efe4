"""Cost in proportion: doubling bands, tiles, layers, sides or files makes time and memory grow at most 2.5-fold.

Three doublings in one: eight times as much takes 8 times as long where cost is in proportion, at most 15 times (2.5³)
under the law, and 64 times where each looks at all the others.
"""

import time
import tracemalloc

import numpy as np
import pytest

import apercu
from apercu.cli.main import main
from apercu.kernel import memory
from apercu.stages import bands
from scripts.pictures import noise, scene

CODECS = ("apercu", "taha2025")
MOST = 15.6
TRIES = 4
FLOOR_S, FLOOR_BYTES = 0.004, 1 << 18
"""What is less is not measured: it is start-up, and noise of the clock."""


@pytest.fixture(autouse=True)
def no_kept_memory(monkeypatch):
    monkeypatch.setattr(memory, "MOST_BLOCKS", 0)


def seconds(job):
    begin = time.process_time()
    job()
    return time.process_time() - begin


def peak(job):
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_in_proportion(small, large, most=MOST):
    """`small` and `large` are jobs, the second eight times as large. Of each the best time counts."""
    small()  # loads what is loaded once
    once, eight_times = seconds(small), seconds(large)
    for _ in range(TRIES):
        if eight_times <= most * max(once, FLOOR_S):
            break
        once, eight_times = min(once, seconds(small)), min(eight_times, seconds(large))
    assert eight_times <= most * max(once, FLOOR_S), f"time: {once:.4f} s, then {eight_times:.4f} s"
    once, eight_times = peak(small), peak(large)
    assert eight_times <= most * max(once, FLOOR_BYTES), f"memory: {once:,} bytes, then {eight_times:,}"


def textured(height, width, n_bands, dtype=np.uint8):
    slope = np.add.outer(np.arange(height), np.arange(width))[:, :, np.newaxis] + 17 * np.arange(n_bands)
    rough = noise((height, width, n_bands), 3) >> 11
    return ((slope + rough) % 256).astype(np.uint8) if dtype == np.uint8 else (slope * 5 + rough + 300).astype(dtype)


def hot(height, width, n_bands):
    """Every band of 16 bits has a pixel far from all others, which takes a closer look."""
    image = textured(height, width, n_bands, np.uint16) % 4000
    image[height // 2, width // 2] = 65535
    return image


# The image for a number n, and n; the options of encode. One layer: how many are tried depends on the size of the file.
DIMENSIONS = {
    "bands": (lambda n: textured(1, 1, n), 500, {"layers": 1}),
    "bands of 16 bits": (lambda n: textured(4, 4, n, np.uint16), 100, {"layers": 1}),
    "bands with hot pixels": (lambda n: hot(40, 40, n), 8, {"layers": 1}),
    "width": (lambda n: textured(4, n, 3), 8191, {"layers": 1}),
    "height": (lambda n: textured(n, 4, 4, np.uint16), 8191, {"layers": 1}),
    "tiles": (lambda n: textured(128, n, 1), 512, {"layers": 1, "tile": 32, "quality": 10}),
}
EVERY = pytest.mark.parametrize(("codec", "name"), [(codec, name) for codec in CODECS for name in DIMENSIONS])


def images(name):
    make, n, options = DIMENSIONS[name]
    return [make(n), make(8 * n)], options


def of_files(files, job):
    """Two jobs: one for each file."""
    return tuple((lambda data=data: job(data)) for data in files)


@EVERY
def test_encode_and_what_reads_a_sound_file(codec, name):
    pictures, options = images(name)
    files = [apercu.encode(picture, codec=codec, **options) for picture in pictures]
    assert_in_proportion(*of_files(pictures, lambda picture: apercu.encode(picture, codec=codec, **options)))
    for job in (
        apercu.decode,
        lambda data: apercu.decode(data, window=(0, 0, 1, 1)),
        lambda data: apercu.decode(data, layers=1),
        apercu.check,
        apercu.info,
    ):
        assert_in_proportion(*of_files(files, job))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("target", ["n_bytes", "psnr"])
@pytest.mark.parametrize("name", ["bands", "width", "tiles"])
def test_a_search(codec, target, name):
    """A try costs in proportion; how many there are depends on the picture more than on its size."""
    make, n, options = DIMENSIONS[name]
    pictures, goals, tries = [make(n // 16), make(n // 2)], [], []
    for picture in pictures:
        data = apercu.encode(picture, codec=codec, **options | {"quality": 40})
        error = np.mean((picture.astype(float) - apercu.decode(data)) ** 2)
        goals.append({"n_bytes": len(data) + 9} if target == "n_bytes" else {"psnr": 10 * np.log10(255**2 / error)})
    options = {"codec": codec, **{key: value for key, value in options.items() if key != "quality"}}

    def job(picture, goal, progress=None):
        return lambda: apercu.encode(picture, **goal, **options, progress=progress)

    for picture, goal in zip(pictures, goals, strict=True):
        shares = []
        job(picture, goal, shares.append)()
        tries.append(len(shares))
    assert_in_proportion(*map(job, pictures, goals), most=MOST * max(1, tries[1] / tries[0]))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", ["cut", "flipped", "every second"])
def test_what_reads_a_damaged_file(codec, damage):
    files = []
    for picture in images("tiles")[0]:
        data = bytearray(apercu.encode(picture, codec=codec, tile=32, quality=10))
        if damage == "cut":
            del data[len(data) * 2 // 3 :]
        else:
            step = 37 if damage == "flipped" else len(data) // (picture.size // 2048)
            start = len(data) // 4  # behind the directory
            data[start::step] = bytes(255 - byte for byte in data[start::step])
        files.append(bytes(data))
    assert all(1 <= len(apercu.check(data)) <= 9 for data in files)
    assert_in_proportion(*of_files(files, apercu.check))
    assert_in_proportion(*of_files(files, lambda data: apercu.decode(data, damaged="conceal")))


@pytest.mark.parametrize("damaged", [False, True])
def test_layers(damaged):
    """Four times as many layers."""
    picture = textured(256, 256, 3)
    files = [apercu.encode(picture, layers=layers) for layers in (1, 4)]
    jobs = [lambda layers=layers: apercu.encode(picture, layers=layers) for layers in (1, 4)]
    assert_in_proportion(*jobs, most=6.25)
    options = {}
    if damaged:
        files, options = [files[1], files[1][:-6]], {"damaged": "conceal"}
    for job in (lambda data: apercu.decode(data, **options), apercu.check, apercu.info):
        assert_in_proportion(*of_files(files, job), most=6.25)


def test_a_window_costs_what_it_shows():
    data = apercu.encode(textured(512, 4096, 1), tile=32, quality=10)
    whole, one = seconds(lambda: apercu.decode(data)), seconds(lambda: apercu.decode(data, window=(9, 9, 1, 1)))
    assert one < whole / 10
    assert peak(lambda: apercu.decode(data, window=(9, 9, 1, 1))) < 1 << 19


@pytest.mark.parametrize("name", ["bands", "tiles"])
def test_restored(name):
    pytest.importorskip("onnxruntime")
    files = []
    for n in (4, 32):
        repeated = (1, n, 1) if name == "tiles" else (1, 1, n)
        picture = np.tile(scene(64, 64), repeated)
        options = {"tile": 64} if name == "tiles" else {"bands": "spectral"}
        files.append(apercu.encode(picture, quality=35, **options))
        assert not np.array_equal(apercu.decode(files[-1], restore="cnn"), apercu.decode(files[-1]))  # the network runs
    assert_in_proportion(*of_files(files, lambda data: apercu.decode(data, restore="cnn")))


@pytest.mark.parametrize("command", ["encode", "decode", "info", "check"])
def test_commands_with_many_files(command, tmp_path, capsys):
    from PIL import Image

    names = []
    for number in range(80):
        picture = textured(16, 16, 3) + np.uint8(number)
        if command == "encode":
            names.append(tmp_path / f"{number}.png")
            Image.fromarray(picture).save(names[-1])
        else:
            names.append(tmp_path / f"{number}.apc")
            names[-1].write_bytes(apercu.encode(picture))

    def run(n):
        out = ["--out", tmp_path / "out"] if command in ("encode", "decode") else []
        assert main(list(map(str, [command, *names[:n], *out]))) == 0

    run(1)
    assert_in_proportion(lambda: run(10), lambda: run(80))


@pytest.mark.parametrize(
    ("shape", "layers", "runs"), [((90, 120, 3), 1, 3), ((64, 64, 40), 3, 40), ((33, 47, 4), 5, 2)]
)
def test_a_long_stream_is_coded_in_several_calls(shape, layers, runs, monkeypatch):
    """Between two calls of the kernel Python can be interrupted. The bytes and the pixels are the same."""
    calls = []
    for name in ("_encode", "_decode"):
        inner = getattr(bands, name)
        monkeypatch.setattr(bands, name, lambda *given, inner=inner: calls.append(given[6:8]) or inner(*given))
    assert bands.AT_A_TIME == 33_554_432  # about a quarter of a second
    data = apercu.encode(textured(*shape), quality=60, layers=layers)
    picture = apercu.decode(data)
    assert len(calls) == 2 * layers
    for at_a_time in (1, 2000):
        monkeypatch.setattr(bands, "AT_A_TIME", at_a_time)
        del calls[:]
        assert apercu.encode(textured(*shape), quality=60, layers=layers) == data
        assert np.array_equal(apercu.decode(data), picture)
        assert apercu.check(data) == []
        assert len(calls) == 3 * 5 * (shape[2] if at_a_time == 1 else runs)
