"""What the tests over all codecs share. A codec of `format/ids.py` takes part in all of them, with each of its entropy
coders.

What one codec has more or less of than another it tells itself: how many layers it makes it says in its refusals, its
options are those of its module, its tables stand in the list of models.
"""

from functools import cache

import numpy as np
import pytest

import apercu
from apercu.format import ids
from apercu.format.container import read_header
from apercu.format.weights import FOLDER
from apercu.stages.blocks import tiles
from scripts.pictures import noise, scene, wide

CODECS = {codec: {"codec": codec} for codec in ids.CODECS} | {
    f"{codec}-{entropy}": {"codec": codec, "entropy": entropy}
    for codec, (_, *others) in ids.CODECS.items()
    for entropy in others
}
"""Options of `encode` by name."""
EVERY_CODEC = pytest.mark.parametrize("codec", CODECS)

KINDS = {"flat grey": 1, "grey": 1, "rgb": 3, "rgba": 4, "spectral of 2": 2, "spectral of 5": 5, "spectral of 12": 12}
"""Bands of each."""
DTYPES = (np.uint8, np.uint16)
EVERY_KIND = pytest.mark.parametrize(
    ("kind", "dtype"), [pytest.param(kind, dtype, id=f"{kind}-{dtype.__name__}") for kind in KINDS for dtype in DTYPES]
)


def turn(codec, kind, dtype):
    """Whose turn it is where a test takes a part of its cases: another with each codec, each kind and each dtype."""
    return list(CODECS).index(codec) + list(KINDS).index(kind) + DTYPES.index(dtype)


def encode(image, codec, **options):
    return apercu.encode(image, **CODECS[codec], **options)


def drawn(kind, height, width, dtype=np.uint8, seed=1):
    """A scene of a kind; of 16 bits from 300 to 40,000."""
    image = scene(height, width, KINDS[kind], seed)
    image = wide(image, 300, 40_000, seed) if dtype == np.uint16 else image
    return image[:, :, 0] if kind == "flat grey" else image


def rough(*shape, seed=1):
    """Noise of 8 bits."""
    return (noise(shape, seed) >> 8).astype(np.uint8)


def mse(image, decoded):
    return float(np.mean((image.astype(np.float64) - decoded) ** 2))


def psnr(image, decoded):
    """In dB over all samples, the peak being the largest number of the dtype."""
    error = mse(image, decoded)
    return 10 * np.log10(np.iinfo(image.dtype).max ** 2 / error) if error else np.inf


@cache
def most_layers(codec):
    """The most layers that the codec makes: it refuses more."""
    for n in range(1, 17):
        try:
            encode(scene(8, 8), codec, layers=n + 1)
        except apercu.OptionError:
            return n
    raise AssertionError("more layers than a file can have")


@cache
def tiled(codec, kind="rgb", dtype=np.uint8):
    """A picture of twelve tiles of 32 pixels in up to five layers, and its file."""
    image = drawn(kind, 75, 100, dtype)
    return image, encode(image, codec, quality=60, tile=32, layers=min(5, most_layers(codec)))


def taken_apart(data):
    """Header, windows of the tiles, and where each segment begins: layer by layer, and tile by tile within one."""
    header = read_header(data)
    starts = header.head_size + np.cumsum([0, *(length + 4 for length in header.lengths)])
    return header, list(tiles(header.height, header.width, header.tile)), starts.tolist()


def part(image, window):
    top, left, height, width = window
    return image[top : top + height, left : left + width]


def has_networks(codec):
    """Whether it takes about ten times as long as others: it has more numbers than one of contexts."""
    tables = shipped_tables(codec)
    return tables is not None and tables.size > 1 << 16


@cache
def shipped_tables(codec):
    """The array of the tables that a codec codes with by default; None where they are in no file."""
    name = CODECS[codec]["codec"]
    entropy = CODECS[codec].get("entropy", ids.CODECS[name][0])
    model = ids.MODELS[ids.DEFAULT_MODEL_IDS[name, entropy]]
    return np.load(FOLDER / model.file) if model.file else None
