"""The blocks that stacked autoencoders are trained on, from photographs and from handwritten digits."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apercu.errors import OptionError
from apercu.lab.images import read_rgb
from apercu.stages.blocks import BLOCK
from apercu.stages.colour import Plane, to_planes

HELD_OUT = 20  # each image of so many is not trained on, and tells how training goes
PER_IMAGE, OF_CHROMA = 600, 120  # blocks of luma and of each chroma plane that are drawn from an image
COPIES = 3
"""Of each digit trained on, turned, sheared and scaled a little: 8,000 digits alone would be learnt by heart."""
TURN, SHEAR, SCALE = 0.15, 0.1, 0.1
DIGIT_ROUND, DIGITS_HELD_OUT = 5000, 1000
"""Of every 5,000 digits the first 1,000 are held out: writers follow each other, in two groups of 5,000. How to train
was found out with the last 1,000 of each held out instead."""


class Kind(NamedTuple):
    """What tables are for. side: pixels of a block. latents: of each expert. hidden: widths of the two hidden layers.

    least_step: the finest that the codec uses, in 8-bit units. n_features: width of the linear layer before and after
    all experts; 0: none. steps, batch: of joint training.
    """

    side: int
    least_step: int
    latents: tuple[int, ...]
    hidden: tuple[int, int]
    n_features: int
    steps: int
    batch: int


PHOTOGRAPHS = Kind(8, 3, (0, 1, 2, 4, 4, 8, 8, 16), (32, 16), 0, 9000, 768)
DIGITS = Kind(28, 32, (4, 8, 16, 32), (64, 32), 128, 6000, 256)


class Blocks(NamedTuple):
    """Blocks to train on.

    samples: (n, pixels) int16 with 5 fraction bits. means: (n, 9) float32, of each block and those around it, row by
    row, in 8-bit units. detail_of_image, detail: (n,) float32, the deviation within blocks of the image's luma, and of
    the block's own plane. chroma: (n,) bool.
    """

    samples: NDArray[np.int16]
    means: NDArray[np.float32]
    detail_of_image: NDArray[np.float32]
    detail: NDArray[np.float32]
    chroma: NDArray[np.bool_]


def _of_plane(plane: Plane, side: int, detail: float | None, chroma: bool) -> Blocks:
    """All whole blocks of a plane. detail: that of the image, or None where the plane itself is its luma."""
    down, across = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: down * side, : across * side].reshape(down, side, across, side).swapaxes(1, 2)
    samples = np.ascontiguousarray(cut.reshape(down * across, side * side))
    levels = samples.astype(np.float32) / 32
    means = levels.mean(1, keepdims=True)
    own = float(np.sqrt(((levels - means) ** 2).mean()))
    padded = np.pad(means.reshape(down, across), 1, mode="edge")
    near = np.stack([padded[y : y + down, x : x + across] for y in range(3) for x in range(3)], -1).reshape(-1, 9)
    n = len(samples)
    of_image = np.full(n, own if detail is None else detail, np.float32)
    return Blocks(samples, near, of_image, np.full(n, own, np.float32), np.full(n, chroma))


def _some(blocks: Blocks, n: int, generator: np.random.Generator) -> Blocks:
    which = generator.permutation(len(blocks.samples))[:n]
    return Blocks(*(array[which] for array in blocks))  # type: ignore[arg-type]  # each of its own type


def _joined(parts: Iterable[Blocks], generator: np.random.Generator) -> Blocks:
    joined = Blocks(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return _some(joined, len(joined.samples), generator)


def blocks_of_images(files: list[Path], seed: int) -> tuple[Blocks, Blocks]:
    """Blocks of 8 × 8 to train on, and those held out, drawn from all planes of the images."""
    generator = np.random.default_rng((seed, 0))

    def drawn(path: Path) -> Iterator[Blocks]:
        image, _ = read_rgb(path)
        height, width = (size // (2 * BLOCK) * 2 * BLOCK for size in image.shape[:2])
        if not height or not width:
            return
        luma, *chroma = to_planes(image[:height, :width], "rgb", [])
        of_luma = _of_plane(luma, BLOCK, None, False)
        yield _some(of_luma, PER_IMAGE, generator)
        for plane in chroma:
            yield _some(_of_plane(plane, BLOCK, float(of_luma.detail[0]), True), OF_CHROMA, generator)

    by_file = [list(drawn(path)) for path in files]
    kept = [part for index, parts in enumerate(by_file) for part in parts if index % HELD_OUT]
    held = [part for parts in by_file[::HELD_OUT] for part in parts]
    if not kept or not held:
        raise OptionError(f"{len(files)} images are too few to train on and to hold some out")
    return _joined(kept, generator), _joined(held, generator)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The pictures (n, height, width) of a gzipped IDX file, as the MNIST set has; raises OptionError for others."""
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise OptionError(f"{path}: {error}") from error
    shape = tuple(int.from_bytes(data[at : at + 4], "big") for at in (4, 8, 12))
    if data[:4] != b"\0\0\x08\3" or len(data) != 16 + shape[0] * shape[1] * shape[2]:
        raise OptionError(f"{path} is no IDX file of pictures of 8 bits")
    return np.frombuffer(data, np.uint8, offset=16).reshape(shape)


def held_out(n: int) -> NDArray[np.bool_]:
    """Which of n digits are held out."""
    return np.arange(n) % DIGIT_ROUND < DIGITS_HELD_OUT


def mosaic(digits: NDArray[np.uint8], across: int) -> NDArray[np.uint8]:
    """Pictures (n, height, width) side by side, so many across; what is missing in the last row is black."""
    n, height, width = digits.shape
    down = -(-n // across)
    filled = np.concatenate([digits, np.zeros((down * across - n, height, width), np.uint8)])
    return np.ascontiguousarray(filled.reshape(down, across, height, width).swapaxes(1, 2).reshape(down * height, -1))


def _changed(digit: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A digit turned, sheared and scaled around its middle."""
    angle, shear, across, down = generator.uniform(-1, 1, 4) * (TURN, SHEAR, SCALE, SCALE)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turned @ np.array([[1 + across, shear], [0, 1 + down]])
    middle = np.array(digit.shape[::-1]) / 2
    shift = middle - matrix @ middle
    numbers = (*matrix[0], shift[0], *matrix[1], shift[1])
    picture = Image.fromarray(digit)
    return np.asarray(picture.transform(picture.size, Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR))


def blocks_of_digits(path: Path) -> tuple[Blocks, Blocks]:
    """Digits to train on, and those held out, each as a block, as they stand in a mosaic."""
    digits = read_idx(path)
    if digits.shape[1:] != (DIGITS.side, DIGITS.side):
        raise OptionError(f"{path} holds pictures of {digits.shape[1:]} pixels, not of 28 x 28")
    generator = np.random.default_rng(0)
    out = held_out(len(digits))
    kept = digits[~out]
    copies = [_changed(digit, generator) for _ in range(COPIES) for digit in kept]
    found = []
    for part in (generator.permutation(np.concatenate([kept, np.array(copies)])), digits[out]):
        square = part[: max(int(np.sqrt(len(part))), 1) ** 2]
        plane = mosaic(square, int(np.sqrt(len(square)))).astype(np.int16) * 32
        found.append(_joined([_of_plane(plane, DIGITS.side, None, False)], generator))
    return found[0], found[1]
