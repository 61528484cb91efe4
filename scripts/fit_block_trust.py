"""Fits the numbers of apercu.restore.block_trust, and writes them and their recipe into the package.

    python -m scripts.fit_block_trust --images FOLDER

Parts of the training images below FOLDER and drawn pictures are encoded by each codec at random qualities and decoded.
Of each block are taken its signs of a photograph, and the gain or the harm of the network's residual. From these a
perceptron of one hidden layer learns factors by which photographs gain, hardly a picture loses, and drawn ones are left
alone where nothing is gained. A second one learns the same from other pictures. A quarter of an hour on one core; needs
PyTorch. Of the images that `apercu train cnn_blocks` held out every other one is learnt from, the first among them; the
others are left to measure by.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import apercu
from apercu.bench.tasks.drawing import pixels
from apercu.codecs import decoding
from apercu.format.ids import NETWORKS
from apercu.lab import drawn
from apercu.lab.fidelity import HELD_OUT
from apercu.lab.images import files_below, read_rgb
from apercu.lab.likeness import LUMA
from apercu.restore import block_trust, cnn
from apercu.restore.told import BLOCK_CODECS
from apercu.stages.blocks import BLOCK, Window
from apercu.stages.colour import Plane, Samples
from apercu.stages.layout import Evidence, Layout
from scripts.drawn import images
from scripts.measure_trust import in_full

FILE = Path("src/apercu/weights/block_trust.npy")
SEED = 12
PHOTOGRAPHS, DRAWINGS, REGULAR, SEEDS = 220, 600, 800, (101, 301, 302, 401, 402)
"""How many images beside those held out, how many drawings of `apercu.lab.drawn`, and how many waves, stripes,
edges; the seeds of `scripts.drawn`."""
QUALITIES = (2, 30), (2, 96)
"""Each as likely as the other."""
STEPS, RATE, DECAY = 350, 2e-2, 3e-2
HARM, IDLE, JITTER = 12.0, 0.12, 0.15
"""What a dB lost counts against one gained; what a factor of 1 costs in a drawn picture; noise on the signs."""


class Case(NamedTuple):
    """Signs of some blocks of a decoded picture (n, SIGNS); for each the products of residual and error and the squares
    of the residual, relative to the picture's squared error (n,)."""

    photograph: bool
    signs: NDArray[np.float32]
    products: NDArray[np.float32]
    squares: NDArray[np.float32]


def main() -> None:
    """Fits, writes, and tells."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--images", type=Path, metavar="FOLDER", required=True)
    folder = parser.parse_args().images
    begin, members, counts = time.monotonic(), [], [0, 0]
    for seed in (SEED, SEED + 1):
        rng, pictures, weights = np.random.default_rng(seed), list(_pictures(folder, seed)), []
        for codec in BLOCK_CODECS:
            cases = [_case(codec, *picture, rng) for picture in pictures]
            print(seed, codec, len(cases), round(time.monotonic() - begin), flush=True)
            weights.append(_fit(cases))
        members.append(np.stack(weights))
        counts = [sum(photograph == kind for _, photograph in pictures) for kind in (True, False)]
    np.save(FILE, np.stack(members, 1))
    data = FILE.read_bytes()
    recipe = {
        "command": f"python -m scripts.fit_block_trust --images {folder.name}",
        "network": NETWORKS["cnn_blocks"].sha256,
        "seed": SEED,
        "members": len(members),
        "photographs": counts[0],
        "drawn": counts[1],
        "steps": STEPS,
        "torch": torch.__version__.split("+")[0],
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    FILE.with_suffix(".json").write_text(json.dumps(recipe, indent=1) + "\n")


def _pictures(folder: Path, seed: int) -> Iterator[tuple[Samples, bool]]:
    """Grey pictures, and whether each is a photograph; each one several times where there are few of its kind."""
    rng = np.random.default_rng(seed)
    files = files_below(folder)
    learnt = [path for index, path in enumerate(files) if index % HELD_OUT]
    chosen = [learnt[index] for index in rng.choice(len(learnt), min(PHOTOGRAPHS, len(learnt)), False)]
    for path in [*chosen, *3 * files[:: 2 * HELD_OUT]]:
        grey = _grey(read_rgb(path)[0])
        for side in rng.choice((128, 192, 256), 2):
            y, x = (int(rng.integers(0, max(length - side, 0) + 1)) for length in grey.shape)
            yield grey[y : y + side, x : x + side], True
    for index in range(DRAWINGS):
        grey = _grey(drawn.picture(np.random.default_rng((seed, index))))
        for _ in range(2):
            height, width = rng.integers(70, 250, 2)
            yield grey[:height, :width], False
    for _ in range(REGULAR):
        yield _regular(rng), False
    for of_images in SEEDS:
        for image in images(of_images).values():
            if min(image.shape[:2]) >= block_trust.LEAST_SIDE:
                yield from 3 * [(_grey(image), False)]


def _regular(rng: np.random.Generator) -> Samples:
    """Waves, stripes, rings or chequers of one period, one edge or one disc."""
    height, width = rng.integers(90, 220, 2)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    angle = rng.integers(4) * np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
    along, aside = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    period = np.exp(rng.uniform(np.log(4), np.log(40)))
    frequency = 2 * np.pi / (round(period) if rng.random() < 0.4 else period)
    wave = np.sin(frequency * along + rng.uniform(0, 6))
    rings = np.sin(frequency * np.hypot(y - rng.uniform(0, height), x - rng.uniform(0, width)))
    edge = np.sign(along - rng.uniform(along.min(), along.max()))
    disc = np.sign(rng.uniform(10, 90) - np.hypot(y - rng.uniform(0, height), x - rng.uniform(0, width)))
    side = 8 * rng.integers(1, 5) if rng.random() < 0.4 else rng.integers(4, 40)
    squares = 2 * ((y // side + x // side) % 2) - 1
    kinds = (wave, np.sign(wave), rings, np.sign(wave * np.sin(frequency * aside)), edge, disc, squares)
    shown = kinds[int(rng.choice(7, p=(0.25, 0.2, 0.1, 0.05, 0.1, 0.15, 0.15)))]
    return pixels(rng.uniform(60, 196) + rng.uniform(8, 110) * shown)


def _grey(image: Samples) -> NDArray[np.uint8]:
    """Of 8 bits: the luma of what has three bands or more, else the first band."""
    values = image.astype(float) / (257 if image.dtype == np.uint16 else 1)
    if values.ndim == 3:
        values = values[:, :, :3] @ LUMA.numpy().ravel() if values.shape[2] > 2 else values[:, :, 0]
    return np.rint(values).astype(np.uint8)


def _case(codec: str, image: Samples, photograph: bool, rng: np.random.Generator) -> Case:
    """Of a picture at a random quality."""
    restore = cnn.load(codec, cnn.Options(), trust=in_full)
    found: list[Case] = []

    def look(planes: list[Plane], layout: Layout, step_q8: int, evidence: Evidence, *where: Window) -> None:
        height, width = image.shape
        luma = planes[0][:height, :width].copy()
        restore(planes, layout, step_q8, evidence, *where)
        error = luma / 32 - image
        residual = (planes[0][:height, :width] - luma) / 32
        signs = block_trust.signs(codec, luma, evidence[0], step_q8 / 256).reshape(block_trust.SIGNS, -1)
        products, squares = (_sums(values).ravel() for values in (error * residual, residual**2))
        n = products.size
        chosen = rng.permutation(n)[: max(n // 4, 40)]
        scale = n / len(chosen) / max((error**2).sum(), 0.01 * image.size)
        parts = (signs.T[chosen], scale * products[chosen], scale * squares[chosen])
        found.append(Case(photograph, *(part.astype(np.float32) for part in parts)))

    data = apercu.encode(image, codec=codec, quality=float(rng.uniform(*QUALITIES[rng.integers(2)])))
    decoding.decode(data, decoding.How(restorer=look))
    return found[0]


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each block."""
    down, across = (np.arange(0, side, BLOCK) for side in values.shape)
    sums: NDArray[np.float64] = np.add.reduceat(np.add.reduceat(values, down, 0), across, 1)
    return sums


def _fit(cases: list[Case]) -> NDArray[np.float32]:
    """The numbers of a perceptron, as `apercu.restore.block_trust.FILE` has them."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    signs, products, squares = (torch.from_numpy(np.concatenate([case[part] for case in cases])) for part in (1, 2, 3))
    sizes = torch.tensor([len(case.signs) for case in cases])
    of = torch.repeat_interleave(torch.arange(len(cases)), sizes)
    photograph = torch.tensor([case.photograph for case in cases])
    means, deviations = signs.mean(0), signs.std(0) + 0.01
    signs = ((signs - means) / deviations).clamp(-4, 4)
    hidden, last = torch.nn.Linear(signs.shape[1], block_trust.HIDDEN), torch.nn.Linear(block_trust.HIDDEN, 1)
    optimiser = torch.optim.AdamW([*hidden.parameters(), *last.parameters()], RATE, weight_decay=DECAY)

    def by_case(values: Tensor) -> Tensor:
        return torch.zeros(len(cases)).index_add(0, of, values)

    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        factors = torch.sigmoid(last(torch.tanh(hidden(signs + JITTER * torch.randn_like(signs)))))[:, 0]
        left = 1 + by_case(2 * factors * products + factors**2 * squares)
        more = 10 * torch.log10(left.clamp(min=1e-3))  # dB, of error
        cost = HARM * more.clamp(min=0) + torch.where(photograph, more.clamp(max=0), IDLE * by_case(factors) / sizes)
        loss = cost[photograph].mean() + cost[~photograph].mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimiser.step()
        if step + 1 == STEPS:
            print(round(float(loss.detach()), 4), flush=True)
    numbers = np.zeros((2 + block_trust.HIDDEN, block_trust.SIGNS + 2), np.float32)
    numbers[:2, : block_trust.SIGNS] = torch.stack([means, deviations]).numpy()
    with torch.no_grad():
        numbers[0, block_trust.SIGNS] = float(last.bias)
        numbers[2:] = torch.cat([hidden.weight, hidden.bias[:, None], last.weight.T], 1).numpy()
    return numbers


if __name__ == "__main__":
    main()
