"""Samples for the training of generative restorers: images as the decoder has them, kept in files.

A sample is (H / 4, W / 4, 72) int16 with 5 fraction bits: 24 channels of the original's planes, 24 of those that
restore="cnn" gives, and 24 of those that restore="none" gives. Each 24 are luma in squares of 4×4 samples and chroma in
squares of 2×2, as the networks take them. Files are mapped, not read: a step of training needs few of their pages.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import apercu
from apercu.codecs import decoding
from apercu.errors import OptionError
from apercu.lab.images import files_below, read_rgb
from apercu.restore import cnn
from apercu.stages.blocks import Window
from apercu.stages.colour import Plane, to_planes
from apercu.stages.layout import Evidence, Layout

RATES = 0.03, 0.15
"""Bits a pixel, between which the rate of a sample lies; its logarithm is uniform."""
UNIT = 8
"""Sides of a sample are multiples of this number of pixels."""
AS_TAKEN = 5
"""Versions of an image at its own size; all after them are made smaller."""
SMALLER = 0.42, 0.8
"""Times its size, between which such a version's lies; its logarithm is uniform."""
HELD_OUT = 20
"""Each image of so many is not trained on."""

Packed = NDArray[np.int16]


class Sample(NamedTuple):
    """A sample, the step that its image was quantised with, and its name."""

    packed: Packed
    step: float
    name: str


def pack(planes: list[Plane]) -> Packed:
    """Luma (H, W) and two planes of chroma (H / 2, W / 2) to (H / 4, W / 4, 24); as torch's pixel_unshuffle orders
    them."""
    height, width = planes[0].shape
    down, across = height // 4, width // 4
    parts = []
    for plane, side in zip(planes, (4, 2, 2), strict=True):
        squares = plane.reshape(down, side, across, side).transpose(0, 2, 1, 3)
        parts.append(squares.reshape(down, across, side * side))
    return np.concatenate(parts, 2)


def unpack(packed: Packed) -> list[Plane]:
    """The inverse of `pack`."""
    down, across, _ = packed.shape
    planes, start = [], 0
    for side in (4, 2, 2):
        part = packed[:, :, start : start + side * side].reshape(down, across, side, side)
        planes.append(np.ascontiguousarray(part.transpose(0, 2, 1, 3).reshape(down * side, across * side)))
        start += side * side
    return planes


def sample_of(image: NDArray[np.uint8], bpp: float) -> tuple[Packed, float]:
    """An RGB image, cut to whole UNITs, after a file of so many bits a pixel; and its step."""
    height, width = (side // UNIT * UNIT for side in image.shape[:2])
    image = np.ascontiguousarray(image[:height, :width])
    better = cnn.load("apercu", cnn.Options())
    found: list[tuple[Packed, float]] = []

    def keep(planes: list[Plane], layout: Layout, step_q8: int, evidence: Evidence, *where: Window) -> None:
        sizes = [(plane.height, plane.width) for plane in layout.planes]

        def shown(of: list[Plane]) -> Packed:
            return pack([plane[:h, :w] for plane, (h, w) in zip(of, sizes, strict=True)])

        original, plain = shown(to_planes(image, "rgb", [])), shown(planes)
        better(planes, layout, step_q8, evidence, *where)
        found.append((np.concatenate([original, shown(planes), plain], 2), step_q8 / 256))

    decoding.decode(apercu.encode(image, bpp=bpp), decoding.How(restorer=keep))
    return found[0]


def turned(image: NDArray[np.uint8], way: int) -> NDArray[np.uint8]:
    """One of the eight ways of laying an image down, of which 0 is its own."""
    image = np.rot90(image, way)
    return image[:, ::-1] if way // 4 % 2 else image


def smaller(image: NDArray[np.uint8], least_side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """An image at SMALLER times its size, but not below `least_side`: it is sharper, and has more texture a pixel."""
    height, width = image.shape[:2]
    low = np.log(max(SMALLER[0], min(1.0, least_side / min(height, width))))
    times = float(np.exp(rng.uniform(low, max(low, np.log(SMALLER[1])))))
    size = round(width * times), round(height * times)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def make(folder: Path, to: Path, versions: int, least_side: int, seed: int, log: Callable[[str], None]) -> None:
    """Makes the samples of all images below `folder` that are not there yet; those of held-out images, too.

    Each version of an image has a rate of its own, and is laid down another way, and some are made smaller: what a
    network has learnt by heart of an image is of no use for the next version. Raises OptionError where samples are
    there that were made otherwise.
    """
    to.mkdir(exist_ok=True)
    how = json.dumps({"seed": seed, "rates": RATES, "smaller": [AS_TAKEN, SMALLER], "apercu": apercu.__version__})
    told = to / "how.txt"
    if told.read_text() != how if told.exists() else any(to.iterdir()):
        raise OptionError(f"{to} has samples that were made in another way: move it away to make them again")
    told.write_text(how)
    files = files_below(folder)
    for version in range(versions):
        for index, path in enumerate(files):
            target = to / f"{index:05}-{version}.npy"
            if target.exists():
                continue
            image, _ = read_rgb(path)
            if min(image.shape[:2]) < least_side + UNIT:
                continue
            rng = np.random.default_rng((seed, index, version))
            low, high = np.log(RATES)
            rate = float(np.exp(rng.uniform(low, high)))
            if version >= AS_TAKEN:
                image = smaller(image, least_side + UNIT, rng)
            packed, step = sample_of(turned(image, version), rate)
            said = {"step": step, "name": str(path.relative_to(folder))}
            target.with_suffix(".json").write_text(json.dumps(said) + "\n")
            with target.with_suffix(".new").open("wb") as file:
                np.save(file, packed)
            target.with_suffix(".new").replace(target)
        log(f"samples: version {version + 1} of {versions} of {len(files)} images")


def load(folder: Path, held_out: bool) -> list[Sample]:
    """The samples in a folder that are trained on, or those of images that are not. Raises OptionError where there are
    none."""
    samples = []
    for path in sorted(folder.glob("*.npy")):
        if (int(path.name.partition("-")[0]) % HELD_OUT == 0) == held_out:
            said = json.loads(path.with_suffix(".json").read_text())
            samples.append(Sample(np.load(path, mmap_mode="r"), said["step"], said["name"]))
    if not samples:
        raise OptionError(f"no samples in {folder}: too few images that are large enough")
    return samples
