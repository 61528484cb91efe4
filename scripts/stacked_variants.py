"""What the parts of the stacked autoencoders bring: variants trained alike, and measured by whole files on held-out
images.

    python -m scripts.stacked_variants --images train/ --digits t10k-images-idx3-ubyte.gz --out variants/

Trained networks are kept in the folder OUT, so that a run that was interrupted goes on. No context of a variant is
trained: all begin with contexts that know nothing, and learn from the picture alone.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import apercu
from apercu.bench.curves import at_rate, envelope
from apercu.bench.metrics import bpp, psnr
from apercu.codecs import stacked_ae as codec
from apercu.lab import stacked_ae as lab
from apercu.lab.images import files_below, read_rgb
from apercu.lab.stacked_blocks import (
    HELD_OUT,
    Blocks,
    Kind,
    blocks_of_digits,
    blocks_of_images,
    held_out,
    mosaic,
    read_idx,
)
from apercu.lab.stacked_network import Network, to_tables
from apercu.stages.stacked_tables import pack, unpack
from apercu.stages.symbol_maps import CLASSES, N_WEIGHTS, n_contexts, n_groups

RATES = (0.05, 0.1, 0.15, 0.2, 0.3)
DIGIT_RATES = (0.007, 0.01, 0.015, 0.02, 0.03, 0.04)
QUALITIES = (0, 6, 12, 20, 28, 36, 44, 52, 60, 70, 80, 92, 100)
IMAGES = 8
ACROSS = 36  # digits in a row of the mosaic, which is one tile: in the next, blocks would not be digits
FOUNDED_ON = 15_000


class Variant(NamedTuple):
    """latents: of the experts. stacks: whether there are stacks, and straight: whether there are straight layers.

    joint: whether training is joint, or greedy alone, after which only what bits cost is learnt.
    """

    name: str
    latents: tuple[int, ...]
    stacks: bool = True
    straight: bool = True
    joint: bool = True
    digits: bool = False
    steps: int = 1200


VARIANTS = [
    Variant("one expert", (16,)),
    Variant("four experts", (0, 2, 8, 16)),
    Variant("four experts, stacks alone, greedy", (0, 2, 8, 16), straight=False, joint=False, steps=150),
    Variant("four experts, stacks alone, joint", (0, 2, 8, 16), straight=False),
    Variant("four experts, linear", (0, 2, 8, 16), stacks=False),
    *(
        variant
        for m in (1, 2, 4, 8)
        for variant in (
            Variant(f"digits, m = {m}, linear", (m,), stacks=False, digits=True, steps=1000),
            Variant(f"digits, m = {m}", (m,), digits=True, steps=1000),
        )
    ),
]


def scaled(network: Network, blocks: Blocks) -> None:
    """Latents of a network trained greedily, each so that one of its steps moves a block by one step."""
    batch = lab.batch_of(blocks, np.arange(min(2048, len(blocks.samples))), np.random.default_rng(0))
    with torch.no_grad():
        latents = network.encode(batch.rest, batch.around)
        drawn = network.decode(latents, batch.around)
        for index in range(latents.shape[2]):
            moved = latents.clone()
            moved[:, :, index] += 0.5
            change = (network.decode(moved, batch.around) - drawn) / 0.5
            gain = change.square().sum(2).mean(1).sqrt().clamp_min(1e-3)[:, None]
            network.encoder[-2][:, :, index] *= gain
            network.encoder[-1][:, :, index] *= gain
            network.decoder[0][:, index] /= gain


def trained(variant: Variant, blocks: Blocks, unseen: Blocks, kept: Path) -> NDArray[np.int16]:
    """The packed networks of a variant."""
    path = kept / f"{variant.name.replace(' ', '_').replace(',', '')}.npy"
    if path.exists():
        found: NDArray[np.int16] = np.load(path)
        return found
    torch.set_num_threads(1)
    torch.manual_seed(lab.SEED)
    size = (28, 32, variant.latents, (64, 32), 128) if variant.digits else (8, 3, variant.latents, (32, 16), 0)
    network = Network(Kind(*size, variant.steps, 256 if variant.digits else 512))
    numbers = lab.found(network, blocks, lab.SEED)
    if variant.stacks:
        lab.train_greedily(network, blocks, numbers, lab.SEED, _say)
    still: list[torch.Tensor] = []
    with torch.no_grad():
        if not variant.straight:
            for straight in (network.straight_in, network.straight_out):
                straight.zero_()
                still.append(straight)
            scaled(network, blocks)
        elif variant.stacks:
            lab.soften(network)
        else:
            for stack in (network.encoder, network.decoder):
                stack[-2].zero_()
                stack[-1].zero_()
                still += list(stack)
    if not variant.joint:
        still = [one for one in network.parameters() if one.shape[-2:] != network.scale.shape[-2:]]
        still = [one for one in still if one is not network.prior]
    for tensor in still:
        tensor.requires_grad_(False)
    lab.train_jointly(network, blocks, unseen, path.with_suffix(".pt"), lab.SEED, _say)
    array = pack(to_tables(network))
    np.save(path, array)
    return array


def with_new_contexts(networks: NDArray[np.int16], path: Path) -> Path:
    """A file of tables as the codec takes them, whose contexts know nothing."""
    maps = codec.maps_of(unpack(networks)[0])
    weights = np.full((CLASSES, n_groups(maps), N_WEIGHTS), 12, np.uint8)
    starts = np.tile(np.array((32768, 3), np.uint16), (n_contexts(maps), 1))
    np.save(path, codec.to_array(networks, weights, starts))
    return path


def curve(image: NDArray[np.uint8], model: Path, rates: Sequence[float]) -> list[float]:
    """PSNR at some rates, between the files of QUALITIES: of the best file of all where that is smaller, NaN below the
    smallest."""
    points = []
    for quality in QUALITIES:
        data = apercu.encode(image, quality=quality, codec="stacked_ae", model=model)
        points.append((bpp(data, image), psnr(image, apercu.decode(data, model=model))))
    best = envelope(points)
    found = (at_rate(best, min(rate, best[-1][0])) for rate in rates)
    return [np.nan if value is None else value for value in found]


def _images(folder: Path) -> Iterator[NDArray[np.uint8]]:
    held = files_below(folder)[::HELD_OUT]
    for path in held[:: max(1, len(held) // IMAGES)][:IMAGES]:
        rgb, _ = read_rgb(path)
        yield np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Trains, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--digits", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="variants whose names begin with this")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    lab.FOUNDED_ON = FOUNDED_ON
    digits = read_idx(arguments.digits)
    part = digits[held_out(len(digits))]
    pictures = {False: list(_images(arguments.images)), True: [mosaic(part[: ACROSS**2], ACROSS)]}
    blocks: dict[bool, tuple[Blocks, Blocks]] = {}
    headed: set[bool] = set()
    for variant in VARIANTS:
        if not variant.name.startswith(arguments.only):
            continue
        if variant.digits not in blocks:
            if variant.digits:
                blocks[True] = blocks_of_digits(arguments.digits)
            else:
                blocks[False] = blocks_of_images(files_below(arguments.images), lab.SEED)
        networks = trained(variant, *blocks[variant.digits], arguments.out)
        model = with_new_contexts(networks, arguments.out / f"model-{arguments.only}.npy")
        rates = DIGIT_RATES if variant.digits else RATES
        rows = [curve(picture, model, rates) for picture in pictures[variant.digits]]
        cells = ("–" if np.isnan(value) else f"{value:.2f}" for value in np.mean(rows, 0))
        if variant.digits not in headed:
            headed.add(variant.digits)
            print(f"\n| {'digits' if variant.digits else 'photographs'} | {' | '.join(map(str, rates))} |")
            print(f"|---|{'---|' * len(rates)}")
        print(f"| {variant.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
