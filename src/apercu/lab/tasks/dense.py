"""Networks that say something of every place of a picture: an encoder and a decoder, and their training on one thread.

Everything is in cells of CELL × CELL pixels. A picture is halved by the mean of 2 × 2 pixels, so that a cell is 2 × 2
values; the network gives a vector for each cell; the score is taken in pixels, to which that is enlarged. Targets are
sums over the pixels of a cell: no label is lost by reducing them. With a quarter of the pixels a training on one thread
is a matter of two minutes.

The encoder is the first half of EfficientNet-Lite0 (Tan and Le 2019) as its package brings it, trained to name
photographs, for a hundred labelled pictures are too few to learn from nothing what things look like; all of it is
trained further. The decoder joins equal sizes: Ronneberger, Fischer and Brox, U-Net, MICCAI 2015.
"""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from apercu.errors import OptionError
from apercu.lab.imagenet import DEVIATION, MEAN
from apercu.lab.tasks import learning
from apercu.stages.colour import Samples

CELL = 4
"""Pixels to each side of what the network gives one vector for."""
STAGES = 0, 1, 3, 5, 11
"""Where the blocks of EfficientNet-Lite0 are parted: what comes out has cells of 4, 8, 16 and 32 pixels."""
BANDS = 16, 24, 40, 112
COARSEST = 16  # values of a halved picture to each side of a place of the last stage
LEAST = 24  # bands within a unit, at least
DECAY = 1e-3
JITTER = 0.2  # of brightness and contrast, as the largest share that they change by

Target = NDArray[Any]
"""(m, rows, columns) uint8 or float32: what is true of each cell."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""Of what the network says (batch, n, rows, columns) and targets (batch, m, rows, columns), both float32: a mean."""


class Course(NamedTuple):
    """How many crops are seen in all, and in a batch; the highest rate; a crop's sides at most, in cells;
    whether half of them are mirrored."""

    seen: int
    in_batch: int
    rate: float
    crop: tuple[int, int]
    mirrored: bool = True


class Unit(nn.Module):
    """Two filters of each band, each followed by a mixture of bands; what they find is added to what came in."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        wide = max(bands, LEAST)
        self.layers = nn.Sequential(
            nn.Conv2d(bands, bands, 3, 1, 1, groups=bands), nn.Conv2d(bands, wide, 1), nn.BatchNorm2d(wide), nn.ReLU(),
            nn.Conv2d(wide, wide, 3, 1, 1, groups=wide), nn.Conv2d(wide, bands, 1), nn.BatchNorm2d(bands),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands, rows, columns) to the same."""
        found: Tensor = functional.relu(x + self.layers(x))
        return found


class Network(nn.Module):
    """Halved pictures (batch, 3, 2 × rows, 2 × columns), float32, to n_out numbers for each cell, (batch, n_out, rows,
    columns)."""

    def __init__(self, n_out: int) -> None:
        super().__init__()
        network = learning.efficientnet()
        self.stem = nn.Sequential(network._conv_stem, network._swish)
        self.stages = nn.ModuleList(nn.Sequential(*network._blocks[begin:end]) for begin, end in pairwise(STAGES))
        self.requires_grad_(True)
        self.whole = nn.Linear(BANDS[-1], BANDS[-1])  # what the mean over the whole picture says of each place
        self.up = nn.ModuleList(nn.Conv2d(BANDS[k + 1], BANDS[k], 1) for k in range(len(BANDS) - 1))
        self.joint = nn.ModuleList(Unit(bands) for bands in BANDS[:-1])
        self.out = nn.Conv2d(BANDS[0], n_out, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        rows, columns = x.shape[2] // 2, x.shape[3] // 2
        x = functional.pad(x, (0, -x.shape[3] % COARSEST, 0, -x.shape[2] % COARSEST), "replicate")
        x = self.stem(x)
        stages = []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        x = x + self.whole(x.mean((2, 3)))[:, :, None, None]
        for up, joint, beside in zip(self.up[::-1], self.joint[::-1], stages[-2::-1], strict=True):
            x = joint(beside + functional.interpolate(up(x), beside.shape[2:], mode="bilinear"))
        found: Tensor = self.out(x)
        return found[:, :, :rows, :columns]


def fresh(n_out: int, seed: int) -> Network:
    """A network as it is before it has learnt its task. Raises MissingExtra without EfficientNet's packages."""
    with learning.alone(seed):
        network = Network(n_out)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    return network.eval()


def halved(image: Samples) -> NDArray[np.uint8]:
    """(2 × rows, 2 × columns, 3) uint8, means of 2 × 2 pixels of a picture (H, W) or (H, W, 3) uint8 whose last row and
    column are repeated to whole cells.

    Raises ImageError for another dtype or shape.
    """
    learning.check_picture(image)
    rgb = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, 2)
    rgb = np.pad(rgb, ((0, -rgb.shape[0] % CELL), (0, -rgb.shape[1] % CELL), (0, 0)), "edge")
    quads = rgb.reshape(rgb.shape[0] // 2, 2, rgb.shape[1] // 2, 2, 3).sum((1, 3), dtype=np.uint16)
    found: NDArray[np.uint8] = ((quads + 2) // 4).astype(np.uint8)
    return found


def cells_of(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, rows, columns): sums over cells of (n, H, W) uint8 of at most 15; pixels beyond the edge count as 0."""
    n, height, width = values.shape
    padded = np.pad(values, ((0, 0), (0, -height % CELL), (0, -width % CELL)))
    split = padded.reshape(n, padded.shape[1] // CELL, CELL, padded.shape[2] // CELL, CELL)
    sums: NDArray[np.uint8] = split.sum((2, 4), dtype=np.uint8)
    return sums


def train(
    network: Network, images: Sequence[Samples], targets: Sequence[Target], loss: Loss, course: Course, seed: int
) -> Network:
    """A copy of a network that has learnt from pictures (H, W) or (H, W, 3) uint8 and their targets: crops at random
    places, of which half are mirrored, in changed light.

    On the same machine the same arguments give the same network. Raises ImageError.
    """
    learner = copy.deepcopy(network)
    rng = np.random.default_rng(seed)
    inputs = [halved(image) for image in images]
    size = (
        min(course.crop[0], *(target.shape[1] for target in targets)),
        min(course.crop[1], *(target.shape[2] for target in targets)),
    )
    in_batch = min(course.in_batch, len(inputs))
    order = np.zeros(0, int)

    def loss_of_batch() -> Tensor:
        nonlocal order
        if len(order) < in_batch:  # none comes again before the others have come
            order = rng.permutation(len(inputs))
        now, order = order[:in_batch], order[in_batch:]
        crops = [_crop(inputs[k], targets[k], size, course.mirrored, rng) for k in now]
        x = _light(to_input([picture for picture, _ in crops]), rng)
        return loss(learner(x), torch.from_numpy(np.stack([truth for _, truth in crops])).float())

    with learning.alone(seed):
        learning.fit(learner, loss_of_batch, max(1, course.seen // in_batch), course.rate, DECAY)
    return learner


def _crop(
    picture: NDArray[np.uint8], target: Target, size: tuple[int, int], mirrored: bool, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Target]:
    """The same place of a halved picture and of its target."""
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(target.shape[1:], size, strict=True))
    bottom, right = top + size[0], left + size[1]
    picture, target = picture[2 * top : 2 * bottom, 2 * left : 2 * right], target[:, top:bottom, left:right]
    if mirrored and rng.random() < 0.5:
        return picture[:, ::-1], target[:, :, ::-1]
    return picture, target


def to_input(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(batch, 3, rows, columns) float32, -1 to 1, of (rows, columns, 3) uint8 of one size."""
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)  # which is channels-last
    return (x.float() - MEAN) / DEVIATION


def _light(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Brighter or darker, with more or less contrast, a little of another colour."""
    gain = rng.uniform(1 - JITTER, 1 + JITTER, (len(x), 1, 1, 1)) * rng.uniform(0.95, 1.05, (len(x), 3, 1, 1))
    lift = rng.uniform(-JITTER, JITTER, (len(x), 1, 1, 1))
    return x * torch.from_numpy(gain).float() + torch.from_numpy(lift).float()


def told(network: Network, image: Samples) -> Tensor:
    """What a network says of each pixel: (n_out, H, W) float32, enlarged linearly from cells. Raises ImageError."""
    height, width = image.shape[:2]
    picture = halved(image)
    with learning.alone(0), torch.inference_mode():
        cells = network(to_input([picture]))
        pixels = functional.interpolate(cells, scale_factor=float(CELL), mode="bilinear")
    found: Tensor = pixels[0, :, :height, :width]
    return found


def paired(images: Sequence[Samples], truth: Sequence[Any]) -> None:
    """Raises OptionError where there is not one truth for each picture, or no picture at all."""
    if not len(images) or len(images) != len(truth):
        raise OptionError(f"one truth for each picture is needed; given are {len(images)} and {len(truth)}")


def dumped(network: Network | None, kind: str, seed: int) -> bytes:
    """The network that a task of a kind and seed has learnt. Raises OptionError for none."""
    weights = learning.weights_of(learning.known(network))
    return learning.to_bytes({"kind": np.array(kind), "seed": np.array(seed), **weights})


def loaded(data: bytes, kind: str, seed: int) -> Network:
    """What `dumped` wrote for a task of this kind and seed. Raises OptionError for other bytes."""
    arrays = learning.from_bytes(data)
    of_seed = arrays.pop("seed", np.array(-1))
    whole = of_seed.shape == () and of_seed.dtype.kind in "iu"
    if str(arrays.pop("kind", "")) != kind or not whole or arrays.get("out.bias", np.zeros(())).ndim != 1:
        raise OptionError(f"these bytes are not what a task of {kind} has learnt")
    if int(of_seed) != seed:
        raise OptionError(f"what was learnt is of seed {int(of_seed)}, not {seed}")
    network = fresh(len(arrays["out.bias"]), 0)
    learning.give(network, arrays)
    return network
