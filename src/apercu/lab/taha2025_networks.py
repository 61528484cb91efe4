"""The networks of Tables 1 and 2 of Taha et al. 2025, trained again, and the pairs (64–1, 64–k) of Tables 3 to 5.

What the paper states: 8×8 blocks, layers without bias (its parameter counts leave no room for one), the activation, the
number of latents and layers, mean squared error. What it leaves open, and what is taken here: the constants below.
Trained networks are kept in a folder, so that a run that was interrupted goes on where it was.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.lab import taha2025
from apercu.stages.blocks import BLOCK

SEED = 2025
BATCH = 1024  # blocks
RATE = 1e-2  # of Adam at the start; it falls to 0 along a cosine
PEAK = 255.0  # the networks see samples from 0 to 1
SAMPLES = BLOCK * BLOCK

WIDTHS = {2: (SAMPLES,), 4: (SAMPLES, 8), 6: (SAMPLES, 16, 8), 8: (SAMPLES, 32, 16, 8)}
"""Widths down to the latents by number of layers: the only powers of two that give the parameter counts of Table 2."""
ACTIVATIONS: dict[str, Callable[[], torch.nn.Module]] = {
    "elu": torch.nn.ELU,
    "relu": torch.nn.ReLU,
    "sigmoid": torch.nn.Sigmoid,
    "swish": torch.nn.SiLU,
    "linear": torch.nn.Identity,
    "none": torch.nn.Identity,
}
"""By the paper's names; after every layer but the last. "linear" and "none" are one function."""

Blocks = NDArray[np.float32]
Log = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """An autoencoder without biases, and how it is trained."""

    activation: str
    layers: int
    latents: int
    seed: int
    steps: int

    @property
    def widths(self) -> tuple[int, ...]:
        """From the 64 samples of a block to the latents and back."""
        down = WIDTHS[self.layers]
        return (*down, self.latents, *down[::-1])

    @property
    def n_parameters(self) -> int:
        """Weights of all layers."""
        return sum(before * after for before, after in zip(self.widths, self.widths[1:], strict=False))

    def build(self) -> torch.nn.Sequential:
        """The untrained network, Glorot's uniform start."""
        torch.manual_seed(self.seed)
        parts: list[torch.nn.Module] = []
        for before, after in zip(self.widths, self.widths[1:], strict=False):
            layer = torch.nn.Linear(before, after, bias=False)
            torch.nn.init.xavier_uniform_(layer.weight)
            parts += [layer, ACTIVATIONS[self.activation]()]
        return torch.nn.Sequential(*parts[:-1])


@dataclass(frozen=True)
class Trained:
    """Mean squared errors of a trained network, in 8-bit units squared."""

    network: Network
    on_training: float
    on_images: dict[str, float]


def sampled_blocks(files: Sequence[Path], per_image: int) -> Blocks:
    """At most so many blocks of each image, drawn and shuffled with SEED: (n, 64) float32, samples from 0 to 1."""
    generator = np.random.default_rng(SEED)
    drawn = []
    for path in files:
        for blocks in taha2025.blocks_of([path]):
            drawn.append(generator.permutation(blocks)[:per_image].astype(np.float32) / PEAK)
    if not drawn:
        raise OptionError("no training image holds a block of 8×8 samples")
    shuffled: Blocks = generator.permutation(np.concatenate(drawn))
    return shuffled


def train(network: Network, blocks: Blocks, images: dict[str, Blocks], kept: Path) -> Trained:
    """Trains a network on blocks (n, 64) of samples from 0 to 1, or takes it from the folder `kept`, and measures it.

    images: the blocks of each image to measure on, by name.
    """
    digest = hashlib.sha256(blocks.tobytes()).hexdigest()
    shape = (network.activation.replace("linear", "none"), network.widths, network.seed, network.steps)
    key = hashlib.sha256(repr((*shape, BATCH, RATE, digest)).encode()).hexdigest()[:16]
    path = kept / f"{network.layers}-{network.latents}-{network.activation.replace('linear', 'none')}-{key}.pt"
    model = network.build()
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
    else:
        _descend(model, torch.from_numpy(blocks), network.steps)
        content = io.BytesIO()
        torch.save(model.state_dict(), content)
        _keep(path, content.getvalue())
    errors = {name: _error(model, torch.from_numpy(image)) for name, image in images.items()}
    return Trained(network, _error(model, torch.from_numpy(blocks)), errors)


def _descend(model: torch.nn.Sequential, blocks: torch.Tensor, steps: int) -> None:
    torch.set_num_threads(1)  # layers this small only wait for each other; and the same sums on every machine
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    batches = torch.split(blocks, BATCH)  # already shuffled
    for step in range(steps):
        batch = batches[step % len(batches)]
        loss = torch.nn.functional.mse_loss(model(batch), batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
        schedule.step()


def _error(model: torch.nn.Sequential, blocks: torch.Tensor) -> float:
    with torch.no_grad():
        return float(torch.nn.functional.mse_loss(model(blocks), blocks)) * PEAK**2


def starts(
    networks: Iterable[Network], blocks: Blocks, images: dict[str, Blocks], kept: Path, log: Log
) -> list[Trained]:
    """Networks of one kind trained from several starts, that of least error on the training blocks first."""
    found = []
    for network in networks:
        begun = time.monotonic()
        found.append(train(network, blocks, images, kept))
        log(
            f"{network.layers} layers, {network.latents} latent{'s' * (network.latents > 1)}, {network.activation}, "
            f"seed {network.seed}: training error {found[-1].on_training:.2f} ({time.monotonic() - begun:.0f} s)"
        )
    return sorted(found, key=lambda one: one.on_training)


def pairs(files: Sequence[Path], outputs: Sequence[int], kept: Path, log: Log) -> dict[int, NDArray[np.int16]]:
    """Weights (2, 1 + k, 64) of a trained pair (64–1, 64–k) for each k, or those from the folder `kept`."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    paths = {k: kept / f"pair-64-{k}-{digest.hexdigest()[:16]}.npy" for k in outputs}
    missing = [k for k in outputs if not paths[k].exists()]
    if missing:
        plain, n_blocks = taha2025.second_moments(list(files))
        g1, _ = taha2025.fit(plain, 1, taha2025.SEED)
        detailed, n_detailed = taha2025.second_moments(list(files), g1)
        log(f"pairs: {n_blocks} blocks train 64–1, {n_detailed} with an error above {taha2025.DETAIL:g} train 64–k")
        for k in missing:
            g2, loss = taha2025.fit(detailed, k, taha2025.SEED)
            floor = taha2025.subspace_loss(detailed, k)
            log(f"64–{k}: training error {loss:.2f}, principal subspace {floor:.2f}")
            axes = taha2025.principal_axes(*g1, plain), taha2025.principal_axes(*g2, detailed)
            content = io.BytesIO()
            np.save(content, taha2025.to_integers(*axes))
            _keep(paths[k], content.getvalue())
    return {k: np.load(path) for k, path in paths.items()}


def _keep(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)
