"""Training of the networks behind restore="cnn" on images that their codecs have encoded and decoded.

Loss: the squared error of RGB and 1 - SSIM of luma, each relative to its value before the network.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

import apercu
from apercu.codecs import decoding
from apercu.errors import MissingExtra, OptionError
from apercu.lab import drawn
from apercu.lab.cnn import Network, export, start_from, to_input
from apercu.lab.images import files_below, manifest, read_rgb
from apercu.lab.likeness import LUMA, dissimilarity, to_rgb
from apercu.lab.steps import Part, Said, average, mean_of, run, share_of_rate
from apercu.processes import in_order, n_cores, pool
from apercu.restore.networks import shipped_file
from apercu.restore.squares import OUT
from apercu.restore.told import COUNTS, GRID, n_told, places
from apercu.restore.told import told as told_beside
from apercu.stages.blocks import Window
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence, Layout

SEED = 2026
NEEDED_AT_THE_END = ("onnx", "onnxscript", "matplotlib")
BATCH, CROP = 16, 128
DECAY = 1e-4  # of AdamW; its rate is that of `share_of_rate`
AVERAGED = 0.998  # weights are averaged over about 500 steps
SIMILARITY = 0.2  # weight of dissimilarity against squared error
GREY = 0.35  # share of crops shown without chroma
HELD_OUT = 20  # each image of so many is not trained on, and tells how training goes
DRAWN_QUALITIES = 512, 24_320  # of drawn pictures, in 1/256
FAINT = 8  # the loss of a drawn picture is relative to its error and 1 / FAINT of the mean one of images


class Recipe(NamedTuple):
    """`versions` of every image: codec, and the qualities in 1/256 among which one is drawn. `grid`: crops begin at
    multiples of so many pixels. `start`: the shipped network whose weights come first. `sizes`: parts of an image's
    size, of which each version has one. `drawn`: how many pictures are drawn to train on beside the images; `in_batch`:
    how many crops of a batch are of these."""

    versions: tuple[tuple[str, int, int], ...]
    steps: int
    rate: float
    grid: int
    start: str | None = None
    sizes: tuple[float, ...] = (1,)
    drawn: int = 0
    in_batch: int = 0

    @property
    def channels(self) -> int:
        """Of the input."""
        return OUT + n_told(self.versions[0][0])


RECIPES = {
    "cnn": Recipe(3 * (("apercu", 6400, 16_000),), 18_000, 1e-3, 2),  # steps from 256 down to 22
    "cnn_blocks": Recipe(
        (*3 * (("taha2025", 1500, 21_000),), ("dct", 1500, 17_500), ("stacked_ae", 1500, 21_000)),
        25_600,
        7e-4,
        GRID,
        start="cnn",
        sizes=(1, 1, 0.75, 0.5),
        drawn=1500,
        in_batch=3,
    ),
}
"""By the name of the network."""

Sample = tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.float16], NDArray[np.uint8]]
"""Luma (H, W), chroma (2, H / 2, W / 2), both with 5 fraction bits; what the network is told beside them, (n, H / 4,
W / 4), without the place; the original (H, W, 3)."""
Groups = list[list[Sample]]
"""Of images, and of drawn pictures where a recipe has them."""
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Luma, chroma, what the network is told beside them, originals in -1 to 1, and which are shown grey (N,). Drawn
pictures come last."""


def train(
    folder: Path,
    out: Path,
    seed: int = SEED,
    log: Callable[[str], None] = print,
    setup: Callable[[], object] | None = None,
    what: str = "cnn",
) -> None:
    """Trains on all images below `folder`; writes the network to `out` (ONNX), and recipe and curve beside it.

    A run that was cut off goes on from `out` with the ending .pt, which is gone at the end. `setup`: as of
    `apercu.lab.apercu.train`. `what`: the network, by its name in RECIPES. Raises OptionError where there is nothing to
    train on, and MissingExtra where a package is missing that is needed at the end of hours.
    """
    if missing := [name for name in NEEDED_AT_THE_END if find_spec(name) is None]:
        raise MissingExtra(f"train {what} needs {' and '.join(missing)}: pip install 'apercu[train]'")
    if setup:
        setup()
    files = files_below(folder)
    how = RECIPES[what]
    with pool(n_cores(), setup, how=None) as run:
        groups = [list(in_order(run, partial(_samples_of, what, seed), enumerate(files)))]
        if how.drawn:
            groups.append(list(in_order(run, partial(_samples_of_drawing, what, seed), range(how.drawn))))
    samples = [[one for index, some in enumerate(group) if index % HELD_OUT for one in some] for group in groups]
    held_out = [[one for some in group[::HELD_OUT] for one in some] for group in groups]
    if not all(samples) or not all(held_out):
        raise OptionError(f"too few images of {CROP} × {CROP} pixels below {folder} to train on")
    network, rows = fit(samples, held_out, how, out.with_suffix(".pt"), seed, log)
    export(network, how.channels, out)
    recipe = {
        "restorer": "cnn",
        "command": f"apercu train {what} --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        "start": how.start,
        "steps": how.steps,
        "batch": [BATCH, CROP, CROP],
        "versions": how.versions,
        "sizes": how.sizes,
        "drawn": how.drawn,
        "drawn_in_batch": how.in_batch,
        "optimiser": f"AdamW, rate {how.rate}, decay {DECAY}, cosine; bfloat16 autocast; mean of weights at {AVERAGED}",
        "loss": f"share of squared error + {SIMILARITY} x share of dissimilarity",
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "log": rows,
        "held_out": [str(path.relative_to(folder)) for path in files[::HELD_OUT]],
        "images": manifest(files, folder),
    }
    out.with_suffix(".json").write_text(json.dumps(recipe, indent=1) + "\n")
    _draw(rows, out.with_suffix(".svg"))
    out.with_suffix(".pt").unlink(missing_ok=True)


def _samples_of(what: str, seed: int, numbered: tuple[int, Path]) -> list[Sample]:
    """An image as decoders have it before the network, at random qualities; none where it is smaller than a crop."""
    index, path = numbered
    rng = np.random.default_rng((seed, index))
    image, _ = read_rgb(path)
    if min(image.shape[:2]) < CROP:
        return []
    recipe, samples = RECIPES[what], []
    for codec, low, high in recipe.versions:
        samples.append(_sample(_smaller(image, rng.choice(recipe.sizes)), codec, int(rng.integers(low, high))))
    return samples


def _samples_of_drawing(what: str, seed: int, index: int) -> list[Sample]:
    """The same of a drawn picture."""
    rng = np.random.default_rng((seed, index, 1))
    image = drawn.picture(rng)
    return [_sample(image, codec, int(rng.integers(*DRAWN_QUALITIES))) for codec, _, _ in RECIPES[what].versions]


def _smaller(image: NDArray[np.uint8], part: float) -> NDArray[np.uint8]:
    """To a part of its size, but not below a crop's."""
    height, width = (max(round(part * side), CROP) for side in image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def _sample(image: NDArray[np.uint8], codec: str, quality_q8: int) -> Sample:
    """An image as the decoder of a codec has it before the network."""
    found: list[Sample] = []

    def keep(planes: list[Plane], layout: Layout, step_q8: int, evidence: Evidence, *_: Window) -> None:
        luma, *pair = (plane[: of.height, : of.width] for plane, of in zip(planes, layout.planes, strict=True))
        told = told_beside(codec, step_q8, evidence, *luma.shape).astype(np.float16)
        found.append((luma.copy(), np.stack(pair), told, image))

    decoding.decode(apercu.encode(image, quality=quality_q8 / 256, codec=codec), decoding.How(restorer=keep))
    return found[0]


def batch_of(groups: Groups, recipe: Recipe, rng: np.random.Generator) -> Batch:
    """Crops of random samples, from multiples of the grid on; each sample as likely as it is large."""
    lumas, chromas, tolds, originals = [], [], [], []
    grid, taken = recipe.grid, []
    for samples, n_taken in zip(groups, (BATCH - recipe.in_batch, recipe.in_batch), strict=False):
        pixels = np.array([luma.size for luma, *_ in samples], float)
        taken += [samples[index] for index in rng.choice(len(samples), n_taken, p=pixels / pixels.sum())]
    for luma, chroma, told, original in taken:
        y, x = (grid * int(rng.integers(0, (side - CROP) // grid + 1)) for side in luma.shape)
        parts = [
            luma[y : y + CROP, x : x + CROP],
            chroma[:, y // 2 : (y + CROP) // 2, x // 2 : (x + CROP) // 2].transpose(1, 2, 0),
            told[:, y // 4 : (y + CROP) // 4, x // 4 : (x + CROP) // 4].transpose(1, 2, 0),
            original[y : y + CROP, x : x + CROP],
        ]
        for flip in range(2):
            if rng.random() < 0.5:
                parts = [np.flip(part, flip) for part in parts]
        if rng.random() < 0.5:
            parts = [part.swapaxes(0, 1) for part in parts]
        lumas.append(parts[0][None].astype(np.float32))
        chromas.append(parts[1].transpose(2, 0, 1).astype(np.float32))
        tolds.append(parts[2].transpose(2, 0, 1).astype(np.float32))
        originals.append(parts[3].transpose(2, 0, 1).astype(np.float32))
    grey = torch.from_numpy(rng.random(BATCH) < GREY)
    hidden = grey[:, None, None, None]
    luma_, chroma_ = torch.from_numpy(np.stack(lumas)) / 4080 - 1, torch.from_numpy(np.stack(chromas)) / 4080
    original_ = torch.from_numpy(np.stack(originals)) / 127.5 - 1
    original_ = torch.where(hidden, (original_ * LUMA).sum(1, keepdim=True).expand(-1, 3, -1, -1), original_)
    chroma_ = torch.where(hidden, torch.zeros(()), chroma_)
    told_ = torch.from_numpy(np.stack(tolds))
    told_[grey, COUNTS + 1 :] = 0
    if grid == GRID:  # the place is that of the crop after it was turned
        place = torch.from_numpy(places(*told_.shape[2:]))
        told_ = torch.cat([told_, place.expand(BATCH, -1, -1, -1)], 1)
    return luma_, chroma_, told_, original_, grey


def loss_of(network: nn.Module, batch: Batch, n_drawn: int) -> tuple[Tensor, list[float]]:
    """The loss, and what the log tells: of images, the shares of squared error and of dissimilarity that are left; of
    the last `n_drawn` pictures, which are drawn, the mean share of squared error."""
    luma, chroma, told, original, grey = batch
    with torch.autocast("cpu", torch.bfloat16):
        residual = network(to_input(luma, chroma, told).to(memory_format=torch.channels_last)).float()
    restored = luma + functional.pixel_shuffle(residual[:, :16], 4)
    colour = chroma + functional.pixel_shuffle(residual[:, 16:], 2) * ~grey[:, None, None, None]
    with torch.no_grad():
        before = (to_rgb(luma, chroma) - original).square().mean((1, 2, 3))
    after = (to_rgb(restored, colour) - original).square().mean((1, 2, 3))
    luma_of = (original * LUMA).sum(1, keepdim=True)
    with torch.no_grad():
        unlike = dissimilarity(luma, luma_of)
    still_unlike = dissimilarity(restored, luma_of)
    n_images = BATCH - n_drawn
    part = torch.ones(BATCH)
    part[n_images:] = 1 / FAINT
    pairs = ((after, before), (still_unlike, unlike))
    error, structure = ((1 + part) * left / (was + part * was[:n_images].mean()) for left, was in pairs)
    told_of = [float(left[:n_images].detach().sum() / was[:n_images].sum()) for left, was in pairs]
    if n_drawn:
        told_of.append(float(error[n_images:].detach().mean()))
    return error.mean() + SIMILARITY * structure.mean(), told_of


def fit(
    samples: Groups,
    held_out: Groups,
    recipe: Recipe,
    checkpoint: Path,
    seed: int,
    log: Callable[[str], None],
) -> tuple[Network, list[dict[str, float]]]:
    """Trains from `checkpoint` on, where there is one. Returns the averaged network and the lines of the log."""
    torch.manual_seed(seed)
    network, averaged = Network(recipe.channels), Network(recipe.channels)
    if recipe.start:
        start_from(network, shipped_file(recipe.start))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=DECAY)
    names = ["error", "dissimilarity", "drawn_error"][: 2 + len(samples[1:])]

    def step_of(step: int) -> Said:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * share_of_rate(step, recipe.steps)
        batch = batch_of(samples, recipe, np.random.default_rng((seed, step)))
        loss, now = loss_of(network, batch, recipe.in_batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        return dict(zip(names, now, strict=True))

    def unseen() -> Said:
        with torch.no_grad():  # the same crops each time
            batches = [batch_of(held_out, recipe, np.random.default_rng((seed, 0, k))) for k in range(8)]
            found = [loss_of(averaged, batch, recipe.in_batch)[1] for batch in batches]
        return mean_of([dict(zip(names, each, strict=True)) for each in found])

    parts: dict[str, Part] = {"network": network, "averaged": averaged, "optimiser": optimiser}
    return averaged, run(parts, recipe.steps, step_of, unseen, checkpoint, log, recipe._asdict() | {"seed": seed})


def _draw(rows: list[dict[str, float]], path: Path) -> None:
    """The curve: what is left of squared error and of dissimilarity, by step."""
    from matplotlib.figure import Figure

    figure = Figure((6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for name, style in (("error", "-"), ("dissimilarity", "--")):
        for prefix, colour, what in (("", "tab:blue", "training"), ("held_out_", "tab:orange", "held out")):
            values = [row[prefix + name] for row in rows]
            axes.plot([row["step"] for row in rows], values, style, color=colour, label=f"{name}, {what}")
    axes.set(xlabel="step", ylabel="share that is left after the network")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
