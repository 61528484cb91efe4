"""Training of the stacked autoencoders: experts are founded, trained greedily, then jointly; then they become integers.
Last, the range coder learns the symbols that they make (`apercu.lab.stacked_maps`).

1. Blocks are shared out among experts by subspaces: each block goes to the one that codes it best, each expert takes
   the principal subspace of its blocks; again and again (k-means with subspaces in the place of means).
2. Each expert's stack is trained greedily on its own blocks, layer by layer, each as a denoising autoencoder (Vincent
   et al., JMLR 11, 2010): noise is added, a share of the inputs is set to zero, and the layer has to undo both.
3. All is trained jointly for squared error + LAMBDA · bits, with uniform noise in the place of rounding (Ballé, Laparra
   and Simoncelli, ICLR 2017). Bits come from a logistic distribution for each latent, of a learnt scale that depends on
   the step. A block trains its best expert; at first others as well, the more the less worse they are.

Everything is measured in steps of the quantiser, and the step is drawn anew for each block of a batch, in proportion to
how detailed its image is: so images are at like rates, and one network serves all steps.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apercu.codecs.stacked_ae import to_array
from apercu.errors import OptionError
from apercu.lab import recipes
from apercu.lab.images import files_below
from apercu.lab.stacked_blocks import DIGITS, PHOTOGRAPHS, Blocks, blocks_of_digits, blocks_of_images
from apercu.lab.stacked_maps import MAP_STEPS, train_maps
from apercu.lab.stacked_network import Network, leaky, to_tables
from apercu.lab.steps import share_of_rate
from apercu.stages.stacked_tables import AROUND, pack

SEED = 2023
LAMBDA = 0.15  # squared steps a bit
RATE = 2e-3  # of Adam, times `share_of_rate`
SHARING = 4.0  # how much worse an expert may be and still be trained, in the loss's unit; zero from half the steps on
STEP_RANGE = 0.5, 8.0  # steps in units of the deviation within the blocks of an image
LEAST_STEP, LARGEST_STEP = 3.0, 400.0
GREEDY_STEPS, GREEDY_BATCH = 600, 128  # for each layer; blocks for each expert
NOISE, DROPPED = 0.5, 0.1  # deviation in steps, and share of inputs set to zero
ROUNDS, FOUNDED_ON = 8, 40_000  # of sharing out, and on how many blocks
RIDGE = 1e-3  # of the regression on what lies around
EVERY = 500  # steps, a line of the log and a checkpoint

Log = Callable[[str], None]


@dataclass(frozen=True)
class Batch:
    """Blocks less their means (n, pixels), what lies around (n, 10), both in steps; log of the deviation in steps (n,);
    and the limits of each block's pixels (n, 1)."""

    rest: Tensor
    around: Tensor
    detail: Tensor
    low: Tensor
    high: Tensor


def batch_of(blocks: Blocks, which: NDArray[np.intp], generator: np.random.Generator) -> Batch:
    """Some of the blocks, each at a step of its own; means are quantised, by noise in the place of rounding."""
    chroma = blocks.chroma[which]
    own = blocks.detail_of_image[which] * np.where(chroma, 0.5, 1.0)
    lowest, highest = STEP_RANGE
    steps = own * lowest * (highest / lowest) ** generator.random(len(which))
    steps = np.clip(steps, LEAST_STEP, LARGEST_STEP)[:, None].astype(np.float32)
    side = math.isqrt(blocks.samples.shape[1])
    noise = generator.random((len(which), 9), np.float32) - 0.5
    means = blocks.means[which] / steps * side + noise  # in steps of their own
    own_mean = means[:, 4:5]
    around = np.concatenate([means[:, :4] - own_mean, means[:, 5:] - own_mean, own_mean, 255 / steps], 1) / 8
    shown = own_mean * steps / side
    rest = (blocks.samples[which].astype(np.float32) / 32 - shown) / steps
    detail = np.log(np.maximum(blocks.detail[which], 0.1) / steps[:, 0])
    low, high = np.where(chroma, -127.5, 0)[:, None], np.where(chroma, 127.5, 255)[:, None]
    arrays = (rest, around, np.clip(detail, -3.2, 1.4), (low - shown) / steps, (high - shown) / steps)
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in arrays))


def losses(network: Network, batch: Batch, noise: Tensor) -> Tensor:
    """Squared error + LAMBDA · bits of the latents, (n, experts); the experts' numbers are not in it."""
    latents = network.encode(batch.rest, batch.around)
    noisy = latents + noise * network.mask
    drawn = torch.clamp(network.decode(noisy, batch.around), batch.low, batch.high)
    errors = (drawn - batch.rest).square().sum(2)
    return (errors + LAMBDA * network.bits(noisy, batch.detail)).T


def _loss(network: Network, batch: Batch, generator: torch.Generator, sharing: float) -> Tensor:
    noise = torch.rand(len(network.kind.latents), len(batch.rest), max(network.kind.latents), generator=generator) - 0.5
    found, numbers = losses(network, batch, noise), LAMBDA * network.choice_bits(batch.detail)
    total = (found + numbers).detach()
    if sharing > 0.02:
        shares = torch.softmax(-total / sharing, 1)
    else:
        shares = nn.functional.one_hot(total.argmin(1), total.shape[1]).float()
    return (shares * (found + numbers)).sum(1).mean()


def found(network: Network, blocks: Blocks, seed: int) -> NDArray[np.intp]:
    """Step 1: subspaces as the straight layers of each expert. Returns the numbers of experts of FOUNDED_ON blocks."""
    generator = np.random.default_rng((seed, 1))
    which = np.resize(generator.permutation(len(blocks.samples)), min(FOUNDED_ON, len(blocks.samples)))
    batch = batch_of(blocks, which, generator)
    if network.features:
        rest = batch.rest.numpy()
        axes = np.linalg.eigh(rest.T @ rest)[1][:, ::-1][:, : network.kind.n_features]
        with torch.no_grad():
            network.features[0].copy_(torch.from_numpy(axes.copy()))
            network.features[1].copy_(torch.from_numpy(axes.T.copy()))
    inputs = (batch.rest @ network.features[0] if network.features else batch.rest).detach().numpy().astype(np.float64)
    around = batch.around.numpy().astype(np.float64)
    n_inputs = inputs.shape[1]
    energy = (inputs**2).sum(1)
    order = np.argsort(energy * np.exp(generator.normal(size=len(inputs))))
    numbers = np.empty(len(inputs), np.intp)
    for number, part in enumerate(np.array_split(order, len(network.kind.latents))):
        numbers[part] = number
    for _ in range(ROUNDS):
        costs = np.empty((len(inputs), len(network.kind.latents)))
        for number, m in enumerate(network.kind.latents):
            own = numbers == number
            if own.sum() < 4 * AROUND:  # too few to learn from: it starts from all of them
                own = np.ones(len(numbers), bool)
            beside = around[own]
            ridge = beside.T @ beside + RIDGE * len(beside) * np.eye(AROUND)
            guess = np.linalg.solve(ridge, beside.T @ inputs[own])
            left = inputs - around @ guess
            axes = np.linalg.eigh(left[own].T @ left[own])[1][:, ::-1][:, :m]
            latents = left @ axes
            bits = (2 * np.log2(1 + 1.5 * np.abs(latents))).sum(1)
            costs[:, number] = (left**2).sum(1) - (latents**2).sum(1) + LAMBDA * (bits + m / 4)
            with torch.no_grad():
                network.straight_in[number, :, :m] = torch.from_numpy(np.concatenate([axes, -guess @ axes]))
                network.straight_out[number, :m] = torch.from_numpy(axes.T.copy())
                network.straight_out[number, -AROUND:] = torch.from_numpy(guess)
        numbers = costs.argmin(1)
    assert network.straight_in.shape[1] == n_inputs + AROUND
    return numbers


def train_greedily(network: Network, blocks: Blocks, numbers: NDArray[np.intp], seed: int, log: Log) -> None:
    """Step 2: each layer of the stacks in turn, on the blocks that `found` gave to each expert."""
    generator = np.random.default_rng((seed, 1))
    which = np.resize(generator.permutation(len(blocks.samples)), len(numbers))
    batch = batch_of(blocks, which, generator)
    torch_generator = torch.Generator().manual_seed(seed)
    n_experts = len(network.kind.latents)
    rest = (batch.rest @ network.features[0] if network.features else batch.rest).detach()
    own = [np.flatnonzero(numbers == number) for number in range(n_experts)]
    own = [part if len(part) else np.arange(len(numbers)) for part in own]
    n_layers = len(network.encoder) // 2
    for depth in range(n_layers):
        last = depth == n_layers - 1
        back = 2 * (n_layers - 1 - depth)
        layer = [network.encoder[2 * depth], network.encoder[2 * depth + 1]]
        undoing = [network.decoder[back], network.decoder[back + 1]]
        optimiser = torch.optim.Adam([*layer, *undoing], RATE)
        seen: list[float] = []
        for _ in range(GREEDY_STEPS):
            drawn = np.stack([generator.choice(part, GREEDY_BATCH) for part in own])
            with torch.no_grad():
                beside = batch.around[drawn]
                clean = rest[drawn]
                hidden = torch.cat([clean, beside], 2)
                for before in range(depth):
                    weights, biases = network.encoder[2 * before], network.encoder[2 * before + 1]
                    hidden = leaky(torch.baddbmm(biases, hidden, weights))
                wanted = clean if depth == 0 else hidden
                kept = torch.rand(hidden.shape, generator=torch_generator) >= DROPPED
                spoilt = (hidden + NOISE * torch.randn(hidden.shape, generator=torch_generator)) * kept
            code = torch.baddbmm(layer[1], spoilt, layer[0])
            code = torch.cat([code * network.mask, beside], 2) if last else leaky(code)
            undone = torch.baddbmm(undoing[1], code, undoing[0])
            loss = ((undone if depth == 0 else leaky(undone)) - wanted).square().sum(2).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            seen.append(float(loss.detach()))
        log(f"layer {depth + 1}, greedily: loss {seen[0]:.3f}, in the end {seen[-1]:.3f}")


def train_jointly(network: Network, blocks: Blocks, unseen: Blocks, checkpoint: Path, seed: int, log: Log) -> list[Any]:
    """Step 3, from `checkpoint` on where there is one. Returns the lines of the log."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, RATE, betas=(0.9, 0.99))
    rows: list[Any] = []
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        rows = state["rows"]
    begun, so_far = time.monotonic(), rows[-1]["seconds"] if rows else 0
    held = batch_of(unseen, np.arange(min(len(unseen.samples), 4096)), np.random.default_rng(seed))
    recent, steps = [], network.kind.steps
    for step in range(rows[-1]["step"] if rows else 0, steps):
        generator = np.random.default_rng((seed, 2, step))
        noise = torch.Generator().manual_seed(seed + step)
        batch = batch_of(blocks, generator.integers(len(blocks.samples), size=network.kind.batch), generator)
        loss = _loss(network, batch, noise, SHARING * max(0.0, 1 - 2 * step / steps))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(parameters, 20.0)
        for group in optimiser.param_groups:
            group["lr"] = RATE * share_of_rate(step, steps)
        optimiser.step()
        network.hold()
        recent.append(float(loss.detach()))
        if (step + 1) % EVERY and step + 1 < steps:
            continue
        with torch.no_grad():
            told = float(_loss(network, held, torch.Generator().manual_seed(seed), 0))
        seconds = round(so_far + time.monotonic() - begun)
        rows.append(
            {"step": step + 1, "loss": round(float(np.mean(recent)), 4), "held_out": round(told, 4), "seconds": seconds}
        )
        log(json.dumps(rows[-1]))
        recent.clear()
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "rows": rows}
        torch.save(state, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)
    return rows


def train(folder: Path, out: Path, seed: int = SEED, log: Log = print) -> None:
    """Trains on all images below `folder`, or on the digits of an IDX file there; writes tables to `out` (.npy, int16)
    and the recipe beside them.

    A run that was cut off goes on from `out` with the ending .pt, which is gone at the end. Raises OptionError where
    there is nothing to train on.
    """
    torch.set_num_threads(1)  # layers this small only wait for each other; and the same sums on every machine
    torch.manual_seed(seed)
    digits = sorted(folder.glob("*images-idx3-ubyte.gz"))
    kind, files = (DIGITS, digits[:1]) if digits else (PHOTOGRAPHS, files_below(folder))
    blocks, unseen = blocks_of_digits(files[0]) if digits else blocks_of_images(files, seed)
    if not len(blocks.samples) or not len(unseen.samples):
        raise OptionError(f"too few blocks of {kind.side} x {kind.side} pixels below {folder} to train on")
    log(f"{len(blocks.samples)} blocks to train on, {len(unseen.samples)} held out")
    network = Network(kind)
    checkpoint = out.with_suffix(".pt")
    if not checkpoint.exists():
        train_greedily(network, blocks, found(network, blocks, seed), seed, log)
        soften(network)
    rows = train_jointly(network, blocks, unseen, checkpoint, seed, log)
    try:
        networks = pack(to_tables(network))
    except ValueError as error:
        raise OptionError(f"training failed: {error}") from error
    maps = train_maps(networks, files, seed, log)
    array = to_array(networks, maps.weights, maps.starts)
    recipe = {
        "codec": "stacked_ae",
        "command": f"apercu train stacked_ae --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        "experts": list(kind.latents),
        "hidden": list(kind.hidden),
        "features": kind.n_features,
        "greedy": f"{GREEDY_STEPS} steps a layer, noise {NOISE}, dropped {DROPPED}",
        "joint": f"{kind.steps} steps of {kind.batch} blocks, Adam from {RATE} down a cosine, lambda {LAMBDA}",
        "maps": f"from the symbols of the networks, at steps of {', '.join(map(str, MAP_STEPS))}",
        "sha256": hashlib.sha256(array.astype("<i2").tobytes()).hexdigest(),
        "log": rows,
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)
    checkpoint.unlink(missing_ok=True)


def soften(network: Network) -> None:
    """Lets the straight layers lead when joint training begins: what the stacks add to them starts small."""
    with torch.no_grad():
        for stack in (network.encoder, network.decoder):
            stack[-2].mul_(0.1)
            stack[-1].mul_(0.1)
