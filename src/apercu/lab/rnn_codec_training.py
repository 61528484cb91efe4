"""Training of the networks of codec="rnn", by back-propagation through all steps; then they become integers, and the
range coder learns the symbols that they make (`rnn_codec_maps`).

The loss is the mean over the steps of the logarithm of the squared error, so that each step counts for how much of the
error before it is taken away, luma and chroma by themselves. In half of the crops places stop as the encoder lets them
stop: after a step that brought too little, at a price drawn for each crop. A stopped place keeps its state. In place of
bits go signs, at first of noisy numbers (Toderici et al., ICLR 2016); gradients pass as if they were the numbers.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apercu.codecs import rnn as codec
from apercu.errors import OptionError
from apercu.lab import recipes
from apercu.lab.images import files_below, read_rgb
from apercu.lab.rnn_codec import BITS, DECODER, ENCODER, FEATURES, WIDE, Network, interpolated, places, to_array
from apercu.lab.rnn_codec_maps import MAP_STEPS, train_maps
from apercu.lab.steps import Losses, Part, Said, average, run, share_of_rate
from apercu.stages.colour import to_planes
from apercu.stages.rnn_tables import CLASSES, MARGIN, SIDE, STEPS

SEED = 2017
N_STEPS = 16_000
BATCH, CROP = (12, 4), 128  # crops of luma and of chroma; samples a side
RATE = 1.5e-3  # of Adam, times `share_of_rate`
AVERAGED = 0.998  # weights are averaged over about 500 steps
NOISY = 0.15  # share of the steps in which bits are noisy; the noise falls to zero on the way
SETTLING, FOLLOWED = 0.5, 0.02  # share of the steps in which scales follow what is left, and how fast
PRICES = 300.0, 60_000.0  # squared errors for a step of a place of luma, of which one is drawn for each crop
CHEAPER = 4.0  # of chroma
CHROMA_COUNTS = 0.25  # of the loss, beside luma
MEAN_STEP = (4.0, 2.0)  # of luma and chroma, in 8-bit units
HELD_OUT = 20  # each image of so many is not trained on
TOLD = (0, 1, 2, 4, 7, 10)  # steps whose PSNR is logged

Planes = list[NDArray[np.int8] | NDArray[np.uint8]]
Log = Callable[[str], None]


class Unrolled(NamedTuple):
    """What steps make of planes: mean squared errors before and after each step, luma and chroma, [steps + 1][2]; the
    deviations of what was left before each, (2, steps); and how many places went on, (steps,)."""

    errors: list[list[Tensor]]
    left: Tensor
    going: Tensor


def unroll(
    network: Network, planes: Tensor, chroma: Tensor, price: Tensor, noise: float, generator: torch.Generator
) -> Unrolled:
    """All steps on planes (N, 1, H + 8, W + 8) with their margins, in 8-bit units.

    chroma: (N,) bool. price: (N, 1, 1, 1), the squared error that a step has to take away from a place, or the place
    stops; below 0: none stops. noise: 0 to 1.
    """
    counts = float(SIDE**2)
    step = torch.tensor(MEAN_STEP)[chroma.long()][:, None, None, None]
    means = places(planes) / counts
    drawn = interpolated(torch.round(means / step) * step)
    down, across = means.shape[2:]
    encoder, decoder = network.starts(chroma, down, across)
    going = torch.ones_like(means)
    before = places((planes - drawn).square())
    errors, left, went = [_by_class(before, chroma)], [], []
    for t in range(STEPS):
        rest = planes - drawn
        left.append(torch.stack([error.detach() for error in errors[-1]]).sqrt())
        scale = network.scales[chroma.long(), t][:, None, None, None]
        encoder, soft = network.encode(t, rest, scale, (encoder, decoder))
        random = 2 * torch.rand(soft.shape, generator=generator) - 1
        hard = torch.where(soft.detach() + noise * random >= 0, 1.0, -1.0)
        bits = (soft + (hard - soft).detach()) * going
        decoder = torch.where(going > 0, network.decoder(t, bits, decoder), decoder)
        drawn = drawn + scale * network.draw(t, decoder, bits, going)
        after = places((planes - drawn).square())
        errors.append(_by_class(after, chroma))
        went.append(going.mean())
        going = going * (before - after > price)
        before = after.detach()
    return Unrolled(errors, torch.stack(left, 1), torch.stack(went))


def _by_class(sums: Tensor, chroma: Tensor) -> list[Tensor]:
    """Mean squared errors of luma and of chroma."""
    return [sums[chroma == bool(number)].mean() / SIDE**2 for number in range(CLASSES)]


def loss_of(found: Unrolled) -> Tensor:
    """The mean over steps and classes of the logarithm of the squared error."""
    losses = [torch.log(luma + 0.1) + CHROMA_COUNTS * torch.log(chroma + 0.02) for luma, chroma in found.errors[1:]]
    return torch.stack(losses).mean()


def planes_of(files: list[Path], log: Log) -> tuple[Planes, Planes]:
    """Planes of luma (uint8) and of chroma (int8), rounded, of all images that are large enough."""
    luma: Planes = []
    chroma: Planes = []
    for path in files:
        image, bands = read_rgb(path)
        of_image = [np.rint(plane / 32) for plane in to_planes(image, bands, [])]
        if min(of_image[1].shape) < CROP + 2 * MARGIN:
            log(f"passed over, too small: {path.name}")
            continue
        luma.append(np.clip(of_image[0], 0, 255).astype(np.uint8))
        chroma += [np.clip(plane, -128, 127).astype(np.int8) for plane in of_image[1:]]
    return luma, chroma


def batch_of(sources: tuple[Planes, Planes], sizes: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """Crops of luma, then of chroma, (N, 1, CROP + 8, CROP + 8), turned and mirrored."""
    side, found = CROP + 2 * MARGIN, []
    for planes, size in zip(sources, sizes, strict=True):
        for number in rng.integers(len(planes), size=size):
            plane = planes[number]
            top, first = (int(rng.integers(n - side + 1)) for n in plane.shape)
            crop = plane[top : top + side, first : first + side]
            crop = np.rot90(crop, int(rng.integers(4)))
            found.append(crop[:, ::-1] if rng.integers(2) else crop)
    return torch.from_numpy(np.stack(found).astype(np.float32))[:, None]


def train(
    folder: Path, out: Path, seed: int = SEED, log: Log = print, n_steps: int = N_STEPS, batch: tuple[int, int] = BATCH
) -> None:
    """Trains on all images below `folder`; writes tables to `out` (.npy, int16) and the recipe beside them.

    A run that was cut off goes on from `out` with the ending .pt, which is gone at the end. `n_steps`, `batch`: for
    tests. Raises OptionError where there is nothing to train on.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    files = files_below(folder)
    kept = planes_of([path for index, path in enumerate(files) if index % HELD_OUT], log)
    held = planes_of(files[::HELD_OUT], log)
    if not kept[0] or not held[0]:
        raise OptionError(f"the images below {folder} are too few or too small to train on and to hold some out")
    network, mean = Network(), Network()
    mean.load_state_dict(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), RATE, betas=(0.9, 0.99))
    unseen = batch_of(held, batch, np.random.default_rng((seed, 1)))
    chroma = torch.arange(sum(batch)) >= batch[0]
    cheaper = torch.where(chroma, CHEAPER, 1.0)

    def step_of(step: int) -> Losses:
        rng, generator = np.random.default_rng((seed, 2, step)), torch.Generator().manual_seed(seed + step)
        planes = batch_of(kept, batch, rng)
        lowest, highest = PRICES
        drawn = lowest * (highest / lowest) ** rng.random(len(planes))
        price = torch.from_numpy(np.where(rng.random(len(planes)) < 0.5, drawn, -np.inf)).float() / cheaper
        noise = max(0.0, 1 - step / (NOISY * n_steps))
        found = unroll(network, planes, chroma, price[:, None, None, None], noise, generator)
        loss = loss_of(found)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for group in optimiser.param_groups:
            group["lr"] = RATE * share_of_rate(step, n_steps)
        optimiser.step()
        network.hold()
        if step < SETTLING * n_steps:
            network.scales.lerp_(found.left, FOLLOWED)
        average(mean, network, min(AVERAGED, (1 + step) / (10 + step)))
        mean.scales.copy_(network.scales)
        return {"loss": loss.detach(), "going": found.going[-1]}

    def held_out() -> Said:
        with torch.no_grad():
            price = torch.full((len(unseen), 1, 1, 1), -torch.inf)
            found = unroll(mean, unseen, chroma, price, 0.0, torch.Generator().manual_seed(seed))
        said = {"loss": round(float(loss_of(found)), 4)}
        for name, number in (("luma", 0), ("chroma", 1)):
            mse = [float(errors[number]) for errors in found.errors]
            said |= {f"{name}_db_{t}": round(10 * float(np.log10(255**2 / mse[t])), 2) for t in TOLD}
        return said

    checkpoint = out.with_suffix(".pt")
    made_by = {"recipe": f"rnn codec, {n_steps} steps of {batch[0]} and {batch[1]} crops", "seed": seed}
    parts: dict[str, Part] = {"network": network, "mean": mean, "optimiser": optimiser}
    rows = run(parts, n_steps, step_of, held_out, checkpoint, log, made_by)
    try:
        networks = to_array(mean)
    except ValueError as error:
        raise OptionError(f"training failed: {error}") from error
    maps = train_maps(networks, files, seed, log)
    array = codec.to_array(networks, maps.weights, maps.starts)
    recipe = {
        "codec": "rnn",
        "command": f"apercu train rnn-codec --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        "joint": f"{n_steps} steps of {batch[0]} crops of luma and {batch[1]} of chroma, {CROP} samples a side; Adam "
        f"from {RATE} down a cosine; weights averaged by {AVERAGED}",
        "networks": f"{BITS} bits in each of {STEPS} steps; {FEATURES} features, {ENCODER}, {DECODER} and {WIDE} units",
        "maps": f"from the symbols of the networks, at steps of {', '.join(map(str, MAP_STEPS))}",
        "sha256": hashlib.sha256(array.astype("<i2").tobytes()).hexdigest(),
        "log": rows,
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)
    checkpoint.unlink(missing_ok=True)
