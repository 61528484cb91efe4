"""Every codec: what was encoded comes back, windows are crops, layers refine, what is hidden does not count."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_features__

import apercu
from apercu.format.container import read_header, read_segments
from every_codec import (
    DTYPES,
    EVERY_CODEC,
    EVERY_KIND,
    drawn,
    encode,
    most_layers,
    mse,
    part,
    psnr,
    taken_apart,
    tiled,
    turn,
)
from scripts.pictures import noise, scene, wide

# --- Round trip

SETTINGS = ({"quality": 0}, {"quality": 37.5, "tile": 32}, {"quality": 100})
SIZES = ((1, 1), (1, 13), (37, 1), (5, 3), (31, 33), (32, 64), (65, 63))


@EVERY_CODEC
@EVERY_KIND
def test_shape_and_dtype_come_back_and_the_same_bytes_twice(codec, kind, dtype):
    """Of the settings each size takes one in turn, so that each meets every size, codec, kind and dtype."""
    for number, size in enumerate(SIZES, turn(codec, kind, dtype)):
        image = drawn(kind, *size, dtype)
        before = image.copy()
        for options in SETTINGS if size == SIZES[-1] else (SETTINGS[number % 3],):
            data = encode(image, codec, **options)
            decoded = apercu.decode(data)
            assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
            assert apercu.check(data) == []
            assert encode(image, codec, **options | {"quality": apercu.info(data)["quality"]}) == data
        assert np.array_equal(image, before)
    drift = decoded.mean((0, 1)) - image.mean((0, 1))  # of quality 100, the largest size
    assert np.abs(drift).max() <= 0.005 * np.iinfo(dtype).max


@EVERY_CODEC
@EVERY_KIND
def test_files_grow_and_errors_shrink_with_quality(codec, kind, dtype):
    image = drawn(kind, 90, 71, dtype)
    files = [encode(image, codec, quality=quality) for quality in (0, 30, 60, 100)]
    decoded = [apercu.decode(data) for data in files]
    sizes, errors = [len(data) for data in files], [mse(image, pixels) for pixels in decoded]
    assert sizes == sorted(set(sizes))
    assert errors == sorted(set(errors), reverse=True)
    assert psnr(image, decoded[-1]) > 27


@EVERY_CODEC
@pytest.mark.parametrize("value", [0, 65535, 30000])
@pytest.mark.parametrize("shape", [(4, 4), (1, 9), (9, 1), (6, 70), (2000, 4), (1, 1200), (3, 3, 5)])
def test_a_hot_pixel_in_a_narrow_picture(codec, shape, value):
    """No wider or higher than a dead line is long."""
    image = (np.arange(np.prod(shape)) % 200 + 5000).astype(np.uint16).reshape(shape)
    image[shape[0] // 2, shape[1] // 2] = value
    decoded = apercu.decode(encode(image, codec, quality=90))
    assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)


@EVERY_CODEC
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_of_an_array_does_not_matter(codec, dtype):
    plain = drawn("rgb", 37, 50, dtype)
    frozen = plain.copy()
    frozen.flags.writeable = False
    views = {
        "turned": np.ascontiguousarray(plain[::-1, ::-1])[::-1, ::-1],
        "strided": np.repeat(np.repeat(plain, 2, axis=0), 3, axis=1)[::2, ::3],
        "part": np.pad(plain, ((1, 2), (3, 1), (0, 2)))[1:-2, 3:-1, :-2],
        "bands first": np.moveaxis(np.moveaxis(plain, 2, 0).copy(), 0, 2),
        "columns first": np.asfortranarray(plain),
        "other byte order": plain.astype(plain.dtype.newbyteorder()),
        "read-only": frozen,
    }
    wanted = encode(plain, codec, quality=60)
    for name, view in views.items():
        assert np.array_equal(view, plain), name
        assert encode(view, codec, quality=60) == wanted, name


@EVERY_CODEC
def test_any_buffer_is_a_file(codec):
    data = encode(scene(20, 20), codec)
    for given in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert np.array_equal(apercu.decode(given), apercu.decode(data))
        assert apercu.info(given) == apercu.info(data)
        assert apercu.check(given) == []


# --- The same bytes and pixels, whatever else goes on

DIGESTS = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
import apercu
from apercu.format.container import read_header, read_segments
from every_codec import CODECS, encode
from scripts.pictures import scene, wide
images = [scene(70, 90)[:, :, 0], wide(scene(50, 60, 5), 30, 9000)]
jobs = [(i, c, how) for c in CODECS for i, how in zip(images, ({"bpp": 0.6}, {"psnr": 27}))]
jobs += [(scene(400, 380, 3, 2), c, {"quality": 62.5}) for c in CODECS]  # large enough for threads of OpenBLAS
def digest(job):
    image, codec, how = job
    data = encode(image, codec, **how)
    return hashlib.sha256(data + apercu.decode(data).tobytes()).hexdigest()
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    print(*pool.map(digest, jobs), len(jobs))
"""


def test_same_bytes_and_pixels_on_any_machine():
    """With 1, 2 and 8 threads, and as OpenBLAS runs on an old processor and on a new one; each in a fresh process."""
    tests = Path(__file__).parent
    found = set()
    new = "SkylakeX" if __cpu_features__.get("AVX512_SKX") else "Zen"  # others have no such instructions
    for threads, core in (("1", "Prescott"), ("2", "Haswell"), ("8", new)):
        settings = {"OPENBLAS_CORETYPE": core, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        settings["PYTHONPATH"] = os.pathsep.join([str(tests), str(tests.parent)])
        call = [sys.executable, "-c", DIGESTS, threads]
        done = subprocess.run(call, env=os.environ | settings, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1
    *digests, n_jobs = found.pop().split()
    assert len(set(digests)) == int(n_jobs)


@EVERY_CODEC
def test_threads_do_not_disturb_each_other(codec):
    jobs = [drawn("rgb", 50, 61), drawn("spectral of 5", 31, 40, np.uint16)] * 2
    wanted = [encode(image, codec, quality=70) for image in jobs]
    found: list[object] = [None] * len(jobs)

    def work(index):
        data = {encode(jobs[index], codec, quality=70) for _ in range(12)}
        pixels = {apercu.decode(wanted[index]).tobytes() for _ in range(12)}
        found[index] = data, pixels

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [({data}, {apercu.decode(data).tobytes()}) for data in wanted]


# --- Tiles, windows and layers


@EVERY_CODEC
@pytest.mark.parametrize(("height", "width", "tile", "tiles"), [(100, 100, 32, 16), (100, 30, 64, 2), (40, 40, 64, 1)])
def test_tiles_and_layers_by_hand(codec, height, width, tile, tiles):
    image = scene(height, width, 3)
    for layers in {1, 2, 5} & set(range(most_layers(codec) + 1)):
        data = encode(image, codec, quality=60, tile=tile, layers=layers)
        assert (apercu.info(data)["tiles"], apercu.info(data)["layers"]) == (tiles, layers)
        assert psnr(image, apercu.decode(data)) > 20


@EVERY_CODEC
def test_tiles_do_not_touch_each_other(codec):
    """A tile is coded as it is alone, to the same bytes."""
    image, data = tiled(codec)
    decoded = apercu.decode(data)
    header, windows, _ = taken_apart(data)
    segments = list(read_segments(data, header))
    for tile, window in enumerate(windows):
        alone = encode(part(image, window), codec, quality=60, layers=header.n_layers)
        assert list(read_segments(alone, read_header(alone))) == segments[tile::12]
        assert np.array_equal(apercu.decode(alone), part(decoded, window))


WINDOWS = [
    (0, 0, 75, 100), (0, 0, 1, 1), (74, 99, 1, 1), (31, 63, 2, 2), (32, 64, 32, 32), (0, 0, 32, 33), (64, 0, 11, 31),
    (10, 20, 50, 60), (33, 1, 30, 98), (40, 0, 1, 100), (0, 50, 75, 1),
]  # fmt: skip


@EVERY_CODEC
@EVERY_KIND
def test_windows_are_crops(codec, kind, dtype):
    """Of the windows a third in turn, so that each meets every codec, every kind and every dtype."""
    image = drawn(kind, 75, 100, dtype)
    for options in ({"tile": 32, "layers": most_layers(codec)}, {}):
        data = encode(image, codec, quality=60, **options)
        for layers in {1, most_layers(codec)}:
            whole = apercu.decode(data, layers=layers)
            for window in WINDOWS[turn(codec, kind, dtype) % 3 :: 3]:
                found = apercu.decode(data, window=window, layers=layers)
                assert found.dtype == image.dtype
                assert np.array_equal(found, part(whole, window))


@EVERY_CODEC
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layer_adds_detail(codec, dtype):
    image, data = tiled(codec, "rgb", dtype)
    n_layers = apercu.info(data)["layers"]
    quality = [psnr(image, apercu.decode(data, layers=layers)) for layers in range(1, n_layers + 1)]
    assert quality == sorted(set(quality))
    assert np.array_equal(apercu.decode(data, layers=99), apercu.decode(data))


# --- Samples that do not count


def with_holes(height, width, dtype):
    """RGBA with clear places, soft and solid ones."""
    colours = noise((height, width, 3), 1) >> (8 if dtype == np.uint8 else 0)
    y, x = np.mgrid[:height, :width]
    alpha = np.clip(((x - width // 3) ** 2 + (y - height // 2) ** 2) // 9 - 12, 0, 255)
    return np.dstack([colours, alpha * (1 if dtype == np.uint8 else 257)]).astype(dtype)


@EVERY_CODEC
@pytest.mark.parametrize("dtype", DTYPES)
def test_colour_under_alpha_0_makes_no_difference(codec, dtype):
    image = with_holes(60, 90, dtype)
    clear = image[..., 3] == 0
    assert clear.any()
    files = set()
    for colour in (0, 7, np.iinfo(dtype).max):
        image[clear, :3] = colour
        for view in (image, np.asfortranarray(image), image.astype(image.dtype.newbyteorder())):
            files.add(encode(view, codec, quality=40))
    assert len(files) == 1
    shown = scene(60, 90, 3).astype(dtype) * (1 if dtype == np.uint8 else 257)
    for how in ({"bpp": 2.0}, {"psnr": 24}):
        files = set()
        for colour in (0, 200):
            shown[clear] = colour
            files.add(encode(np.dstack([shown, image[..., 3]]), codec, **how))
        assert len(files) == 1


@EVERY_CODEC
@pytest.mark.parametrize("shape", [(60, 50), (60, 50, 1), (60, 50, 3), (60, 50, 4), (60, 50, 5)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_data_under_a_mask_make_no_difference(codec, shape, dtype):
    image = scene(60, 50, shape[2] if len(shape) == 3 else 1).reshape(shape)
    image = image if dtype == np.uint8 else wide(image, 900, 4000)
    mask = noise(shape, 5) % 7 == 0
    mask[20:45, 10:30] = True
    mask[20:24, 30:40] = False
    image[20:24, 30:32] = np.iinfo(dtype).max  # beside what is hidden, which may be the same
    files = set()
    for under in (0, 77, np.iinfo(dtype).max):
        data = np.where(mask, under, image).astype(dtype)
        files.add(encode(np.ma.array(data, mask=mask), codec, quality=45))
    assert len(files) == 1
    decoded = apercu.decode(files.pop())
    assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
    assert not isinstance(decoded, np.ma.MaskedArray)


@EVERY_CODEC
def test_a_mask_that_hides_nothing_or_all(codec):
    image = scene(33, 40, 3)
    plain = encode(image, codec, quality=50)
    for mask in (np.ma.nomask, False, np.zeros(image.shape, bool)):
        assert encode(np.ma.array(image, mask=mask), codec, quality=50) == plain
    for dtype in DTYPES:
        gone = np.ma.array(image.astype(dtype), mask=True)
        for how in ({"quality": 50}, {"bpp": 1}, {"psnr": 30}):
            assert apercu.decode(encode(gone, codec, **how)).shape == image.shape


@EVERY_CODEC
def test_psnr_is_that_of_samples_that_count(codec):
    image = with_holes(90, 80, np.uint8)
    image[..., :3] = scene(90, 80, 3)
    image[image[..., 3] == 0, :3] = 255
    counts = np.ones(image.shape, bool)
    counts[..., :3] = image[..., 3:] > 0
    colours, mask = image[..., :3], ~counts[..., :3]
    for given, where in ((image, counts), (np.ma.array(colours, mask=mask), ~mask)):
        samples = np.asarray(given)[where]
        target = psnr(samples, apercu.decode(encode(given, codec, quality=50))[where])
        assert abs(psnr(samples, apercu.decode(encode(given, codec, psnr=target))[where]) - target) <= 0.05
