"""Every codec: cost in proportion. Doubling bands, tiles or sides makes time and memory grow at most 2.5-fold, and a
window costs what it shows. The largest images there are."""

from functools import cache

import numpy as np
import pytest

import apercu
from apercu.format import ids
from apercu.format.container import read_header
from every_codec import CODECS, EVERY_CODEC, encode, has_networks, most_layers, psnr
from limits import assert_in_proportion, of_files, peak, seconds, textured


def hot(height, width, n_bands):
    """Every band of 16 bits has a pixel far from all others, which takes a closer look."""
    image = textured(height, width, n_bands, np.uint16) % 4000
    image[height // 2, width // 2] = 65535
    return image


# The image for a number n, and n; the options of encode. One layer: how many are tried depends on the size of the file.
DIMENSIONS = {
    "bands": (lambda n: textured(1, 1, n), 240, {"layers": 1}),
    "bands of 16 bits": (lambda n: textured(4, 4, n, np.uint16), 48, {"layers": 1}),
    "bands with hot pixels": (lambda n: hot(40, 40, n), 5, {"layers": 1}),
    "width": (lambda n: textured(4, n, 3), 2047, {"layers": 1}),
    "height": (lambda n: textured(n, 4, 4, np.uint16), 2047, {"layers": 1}),
    "tiles": (lambda n: textured(128, n, 1), 256, {"layers": 1, "tile": 32, "quality": 10}),
}
OF_ENTROPY = ("bands", "width", "tiles")
"""More maps, larger ones, and more segments; what else grows is the same with each entropy coder of a codec."""
EVERY = pytest.mark.parametrize(
    ("codec", "name"),
    [(codec, name) for codec in CODECS for name in DIMENSIONS if codec in ids.CODECS or name in OF_ENTROPY],
)


def dimension(codec, name):
    """A quarter is enough where a picture takes ten times as long: the clock sees it as well."""
    make, n, options = DIMENSIONS[name]
    return make, n // 4 if has_networks(codec) else n, options


def images(codec, name):
    make, n, options = dimension(codec, name)
    return [make(n), make(8 * n)], options


@cache
def files_in_tiles(codec):
    pictures, options = images(codec, "tiles")
    return [encode(picture, codec, **options) for picture in pictures]


@EVERY
def test_encode_and_what_reads_a_sound_file(codec, name):
    pictures, options = images(codec, name)
    files = assert_in_proportion(*of_files(pictures, lambda picture: encode(picture, codec, **options)))
    for job in (
        apercu.decode,
        lambda data: apercu.decode(data, window=(0, 0, 1, 1)),
        apercu.check,
        apercu.info,
    ):
        assert_in_proportion(*of_files(files, job))


@EVERY_CODEC
@pytest.mark.parametrize("name", OF_ENTROPY)
def test_a_search(codec, name):
    """A try costs in proportion; how many there are depends on the picture more than on its size. The targets take
    turns, so that any two of codec, target and dimension meet."""
    target = ("n_bytes", "psnr")[(list(CODECS).index(codec) + len(name)) % 2]
    make, n, options = dimension(codec, name)
    found = []
    for picture in (make(n // 8), make(n)):
        data = encode(picture, codec, **options | {"quality": 40})
        goal = len(data) + 9 if target == "n_bytes" else psnr(picture, apercu.decode(data))
        found.append((picture, {target: goal}))
    options = {key: value for key, value in options.items() if key != "quality"}

    def search(case):
        shares = []
        encode(case[0], codec, progress=shares.append, **case[1], **options)
        return shares

    assert_in_proportion(*of_files(found, search), times=len)


@EVERY_CODEC
@pytest.mark.parametrize("damage", ["cut", "flipped", "every second"])
def test_what_reads_a_damaged_file(codec, damage):
    files = []
    for picture, sound in zip(images(codec, "tiles")[0], files_in_tiles(codec), strict=True):
        data = bytearray(sound)
        if damage == "cut":
            del data[len(data) * 2 // 3 :]
        else:
            step = 37 if damage == "flipped" else len(data) // (picture.size // 2048)
            start = max(len(data) // 4, read_header(sound).head_size)
            data[start::step] = bytes(255 - byte for byte in data[start::step])
        files.append(bytes(data))
    assert all(1 <= len(apercu.check(data)) <= 9 for data in files)
    assert_in_proportion(*of_files(files, apercu.check))
    assert_in_proportion(*of_files(files, lambda data: apercu.decode(data, damaged="conceal")))


@pytest.mark.parametrize("codec", [codec for codec in CODECS if most_layers(codec) > 1])
@pytest.mark.parametrize("damaged", [False, True])
def test_layers(codec, damaged):
    """As many as there can be, against one."""
    picture, most = textured(256, 256, 3), most_layers(codec)
    jobs = [lambda layers=layers: encode(picture, codec, layers=layers) for layers in (1, most)]
    files = [job() for job in jobs]
    grows = 2.5 ** np.log2(most)
    assert_in_proportion(*jobs, most=grows)
    options = {}
    if damaged:
        files, options = [files[1], files[1][:-6]], {"damaged": "conceal"}
    for job in (lambda data: apercu.decode(data, **options), apercu.check, apercu.info):
        assert_in_proportion(*of_files(files, job), most=grows)


@EVERY_CODEC
def test_a_window_costs_what_it_shows(codec):
    """However large the picture is: of 256 kB of samples more, or 64, nothing but the directory is read."""
    small, large = files_in_tiles(codec)
    whole = seconds(lambda: apercu.decode(large))
    assert min(seconds(lambda: apercu.decode(large, window=(9, 9, 1, 1))) for _ in range(4)) < whole / 10
    least, most = (peak(lambda data=data: apercu.decode(data, window=(9, 9, 1, 1))) for data in (small, large))
    assert most < least + (1 << 14)


LONGEST, MOST_BANDS = [(1, 65535), (65535, 1)], (1, 1, 65535)


@pytest.mark.parametrize(
    ("codec", "shape"),
    [(codec, shape) for codec in CODECS for shape in LONGEST] + [(codec, MOST_BANDS) for codec in ids.CODECS],
)
def test_the_longest_sides_and_the_most_bands(codec, shape):
    """The most bands with one entropy coder of each codec; above, each of them has 480 or more. Where they take long,
    how many layers are best is not tried."""
    options = {"layers": 1} if has_networks(codec) else {}
    data = encode(np.zeros(shape, np.uint8), codec, quality=0, **options)
    assert apercu.decode(data).shape == shape
    with pytest.raises(apercu.ImageError):
        encode(np.zeros([65536 if side == 65535 else 1 for side in shape], np.uint8), codec)
