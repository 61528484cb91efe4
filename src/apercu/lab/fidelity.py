"""The frame of every training of a restorer of fidelity: images that their codecs have encoded and decoded, crops of
them, the loss, the loop, and the files that are written.

Loss: the squared error of RGB and 1 - SSIM of luma, each relative to its value before the network.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

import apercu
from apercu.codecs import decoding
from apercu.errors import MissingExtra, OptionError
from apercu.lab import drawn, recipes
from apercu.lab.cnn import export
from apercu.lab.images import files_below, read_rgb
from apercu.lab.likeness import LUMA, dissimilarity, to_rgb
from apercu.lab.steps import CPU, Log, Part, Said, average, has_bfloat16, mean_of, run, share_of_rate
from apercu.processes import in_order, n_cores, pool
from apercu.restore.squares import OUT
from apercu.restore.told import COUNTS, GRID, n_told, places
from apercu.restore.told import told as told_beside
from apercu.stages.blocks import Window
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence, Layout

SEED = 2026
NEEDED_AT_THE_END = ("onnx", "onnxscript", "matplotlib")
CROP = 128
DECAY = 1e-4  # of AdamW; its rate is that of `share_of_rate`
AVERAGED = 0.998  # weights are averaged over about 500 steps
SIMILARITY = 0.2  # weight of dissimilarity against squared error
LOSS = f"share of squared error + {SIMILARITY} x share of dissimilarity"
GREY = 0.35  # share of crops shown without chroma
HELD_OUT = 20  # each image of so many is not trained on, and tells how training goes
HELD_OUT_BATCHES = 8
DRAWN_QUALITIES = 512, 24_320  # of drawn pictures, in 1/256
FAINT = 8  # the loss of a drawn picture is relative to its error and 1 / FAINT of the mean one of images


class Recipe(NamedTuple):
    """`versions` of every image: codec, and the qualities in 1/256 among which one is drawn. `grid`: crops begin at
    multiples of so many pixels. `start`: the shipped network whose weights come first. `sizes`: parts of an image's
    size, of which each version has one. `drawn`: how many pictures are drawn to train on beside the images; `in_batch`:
    how many crops of a batch, which has `batch` of them, are of these."""

    versions: tuple[tuple[str, int, int], ...]
    steps: int
    rate: float
    grid: int
    start: str | None = None
    sizes: tuple[float, ...] = (1,)
    drawn: int = 0
    in_batch: int = 0
    batch: int = 16

    @property
    def channels(self) -> int:
        """Of the input."""
        return OUT + n_told(self.versions[0][0])


Sample = tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.float16], NDArray[np.uint8]]
"""Luma (H, W), chroma (2, H / 2, W / 2), both with 5 fraction bits; what the network is told beside them, (n, H / 4,
W / 4), without the place; the original (H, W, 3)."""
Groups = list[list[Sample]]
"""Of images, and of drawn pictures where a recipe has them."""
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Luma, chroma, what the network is told beside them, originals in -1 to 1, and which are shown grey (N,). Drawn
pictures come last."""


class Fit(Protocol):
    """A training."""

    def __call__(
        self, samples: Groups, held_out: Groups, recipe: Recipe, checkpoint: Path, seed: int, log: Log, /
    ) -> tuple[nn.Module, list[Said]]:
        """Trains from `checkpoint` on, where there is one. Returns the averaged network and the lines of the log."""


class Course(NamedTuple):
    """What one training has of its own. `what`: its name for `apercu train`. `restorer`: that of the network.
    `channels`: of the network's input. `loss`: said in the file of the recipe, with all in `more`."""

    what: str
    restorer: str
    channels: int
    fit: Fit
    recipe: Recipe
    loss: str = LOSS
    more: Mapping[str, object] = {}


def train(
    course: Course, folder: Path, out: Path, seed: int, log: Log, setup: Callable[[], object] | None = None
) -> None:
    """Trains on all images below `folder`; writes the network to `out` (ONNX), and recipe and curve beside it.

    A run that was cut off goes on from `out` with the ending .pt, which is gone at the end. `setup`: as of
    `apercu.lab.apercu.train`. Raises OptionError where there is nothing to train on, and MissingExtra where a package
    is missing that is needed at the end of hours.
    """
    what, how = course.what, course.recipe
    if missing := [name for name in NEEDED_AT_THE_END if find_spec(name) is None]:
        raise MissingExtra(f"train {what} needs {' and '.join(missing)}: pip install 'apercu[train]'")
    if setup:
        setup()
    files = files_below(folder)
    with pool(n_cores(), setup, how=None) as run:
        groups = [list(in_order(run, partial(samples_of, how, seed), enumerate(files)))]
        if how.drawn:
            groups.append(list(in_order(run, partial(samples_of_drawing, how, seed), range(how.drawn))))
    samples = [[one for index, some in enumerate(group) if index % HELD_OUT for one in some] for group in groups]
    held_out = [[one for some in group[::HELD_OUT] for one in some] for group in groups]
    if not all(samples) or not all(held_out):
        raise OptionError(f"too few images of {CROP} × {CROP} pixels below {folder} to train on")
    network, rows = course.fit(samples, held_out, how, out.with_suffix(".pt"), seed, log)
    export(network, course.channels, out)
    precision = "bfloat16 autocast" if has_bfloat16(CPU) else "float32"
    recipe = {
        "restorer": course.restorer,
        "command": f"apercu train {what} --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        "start": how.start,
        "steps": how.steps,
        "batch": [how.batch, CROP, CROP],
        "versions": how.versions,
        "sizes": how.sizes,
        "drawn": how.drawn,
        "drawn_in_batch": how.in_batch,
        "optimiser": f"AdamW, rate {how.rate}, decay {DECAY}, cosine; {precision}; mean of weights at {AVERAGED}",
        "loss": course.loss,
        **course.more,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "log": rows,
        "held_out": [str(path.relative_to(folder)) for path in files[::HELD_OUT]],
    }
    recipes.write(out, recipe, files, folder)
    _draw(rows, out.with_suffix(".svg"))
    out.with_suffix(".pt").unlink(missing_ok=True)


def samples_of(recipe: Recipe, seed: int, numbered: tuple[int, Path]) -> list[Sample]:
    """An image as decoders have it before the network, at random qualities; none where it is smaller than a crop."""
    index, path = numbered
    rng = np.random.default_rng((seed, index))
    image, _ = read_rgb(path)
    if min(image.shape[:2]) < CROP:
        return []
    samples = []
    for codec, low, high in recipe.versions:
        samples.append(_sample(_smaller(image, rng.choice(recipe.sizes)), codec, int(rng.integers(low, high))))
    return samples


def samples_of_drawing(recipe: Recipe, seed: int, index: int) -> list[Sample]:
    """The same of a drawn picture."""
    rng = np.random.default_rng((seed, index, 1))
    image = drawn.picture(rng)
    return [_sample(image, codec, int(rng.integers(*DRAWN_QUALITIES))) for codec, _, _ in recipe.versions]


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
    for samples, n_taken in zip(groups, (recipe.batch - recipe.in_batch, recipe.in_batch), strict=False):
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
    grey = torch.from_numpy(rng.random(recipe.batch) < GREY)
    hidden = grey[:, None, None, None]
    luma_, chroma_ = torch.from_numpy(np.stack(lumas)) / 4080 - 1, torch.from_numpy(np.stack(chromas)) / 4080
    original_ = torch.from_numpy(np.stack(originals)) / 127.5 - 1
    original_ = torch.where(hidden, (original_ * LUMA).sum(1, keepdim=True).expand(-1, 3, -1, -1), original_)
    chroma_ = torch.where(hidden, torch.zeros(()), chroma_)
    told_ = torch.from_numpy(np.stack(tolds))
    told_[grey, COUNTS + 1 :] = 0
    if grid == GRID:  # the place is that of the crop after it was turned
        place = torch.from_numpy(places(*told_.shape[2:]))
        told_ = torch.cat([told_, place.expand(recipe.batch, -1, -1, -1)], 1)
    return luma_, chroma_, told_, original_, grey


def left(batch: Batch, residual: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Of each image: the squared error of RGB and the dissimilarity of luma, of planes with a residual
    (N, 24, H / 4, W / 4) or without one."""
    luma, chroma, _, original, grey = batch
    if residual is not None:
        luma = luma + functional.pixel_shuffle(residual[:, :16], 4)
        chroma = chroma + functional.pixel_shuffle(residual[:, 16:], 2) * ~grey[:, None, None, None]
    error = (to_rgb(luma, chroma) - original).square().mean((1, 2, 3))
    return error, dissimilarity(luma, (original * LUMA).sum(1, keepdim=True))


def shares(after: tuple[Tensor, Tensor], before: tuple[Tensor, Tensor], n_drawn: int) -> tuple[Tensor, list[float]]:
    """The loss of what is `left` after a network and was before it, and what the log tells: of images, the shares of
    squared error and of dissimilarity that are left; of the last `n_drawn` pictures, which are drawn, the mean share of
    squared error."""
    n_images = len(after[0]) - n_drawn
    part = torch.ones(len(after[0]))
    part[n_images:] = 1 / FAINT
    pairs = [*zip(after, before, strict=True)]
    error, structure = ((1 + part) * now / (was + part * was[:n_images].mean()) for now, was in pairs)
    told_of = [float(now[:n_images].detach().sum() / was[:n_images].sum()) for now, was in pairs]
    if n_drawn:
        told_of.append(float(error[n_images:].detach().mean()))
    return error.mean() + SIMILARITY * structure.mean(), told_of


def learn(
    networks: tuple[nn.Module, nn.Module],
    loss_of: Callable[[nn.Module, Batch, int | None], tuple[Tensor, Said]],
    samples: Groups,
    held_out: Groups,
    recipe: Recipe,
    checkpoint: Path,
    seed: int,
    log: Log,
    made_by: Mapping[str, object],
) -> list[Said]:
    """Trains from `checkpoint` on, where there is one. Returns the lines of the log.

    `networks`: the one that learns, and the mean of its weights, which is the one to keep. `loss_of`: the loss of a
    network for a batch at a step, and what the log tells; without a step, of crops that are not trained on.
    """
    network, averaged = networks
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=DECAY)

    def step_of(step: int) -> Said:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * share_of_rate(step, recipe.steps)
        batch = batch_of(samples, recipe, np.random.default_rng((seed, step)))
        loss, told = loss_of(network, batch, step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average(averaged, network, min(AVERAGED, (step + 1) / (step + 10)))
        return told

    def unseen() -> Said:
        with torch.no_grad():  # the same crops each time
            batches = [batch_of(held_out, recipe, np.random.default_rng((seed, 0, k))) for k in range(HELD_OUT_BATCHES)]
            return mean_of([loss_of(averaged, batch, None)[1] for batch in batches])

    parts: dict[str, Part] = {"network": network, "averaged": averaged, "optimiser": optimiser}
    return run(parts, recipe.steps, step_of, unseen, checkpoint, log, made_by)


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
