"""Training of the two linear autoencoders of Taha et al. 2025, and their way into int16.

The loss of a linear autoencoder over all blocks x of a training set,

    mean |x − D E x|²  =  trace((I − D E) C (I − D E)ᵀ),    C = mean x xᵀ,

needs the blocks only through their second moments C. So every step below is a step on the whole set at the cost of a
64×64 product, in float64: the same training as with the blocks themselves, without the noise of batches.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from apercu.codecs.tables import of_user
from apercu.codecs.taha2025 import to_array
from apercu.errors import OptionError
from apercu.format.weights import digest
from apercu.lab import recipes
from apercu.lab.images import files_below, read_rgb
from apercu.lab.taha2025_maps import PASSES, QUALITIES, TIMES, train_maps
from apercu.stages.blocks import BLOCK
from apercu.stages.colour import to_planes

SEED = 2025
LATENTS = (1, 8)  # of G1 and G2
DETAIL = 150.0  # blocks with a larger G1 error, in 8-bit units squared, train G2; from 150 to 400 makes no difference
STEPS = 10_000  # of L-BFGS; a tenth comes within 0.1 % of the optimum, all of them within 0.0001 %
WEIGHT_BITS = 14

Matrix = NDArray[np.float64]


def train(
    folder: Path, out: Path, seed: int = SEED, log: Callable[[str], None] = print, weights: Path | None = None
) -> None:
    """Trains on all images below `folder`; writes weights to `out` (.npy, int16 (2, 9, 64)) and the recipe beside them.

    weights: a file of such weights; then these are kept, tables for range coding are trained for them, and `out` holds
    both, for either entropy coder. Raises OptionError where there is nothing to train on, and ModelError for another
    file than that.
    """
    files = files_below(folder)
    if weights is None:
        array, trained = _trained_weights(files, folder, seed, log)
        kept = ""
    else:
        tables, _ = of_user("taha2025", weights)
        array = to_array(tables.weights, train_maps(tables.weights, files, seed, log))
        qualities = ", ".join(map(str, QUALITIES))
        trained = {"weights": digest(tables.weights).hex(), "maps": f"{PASSES} passes, {TIMES} of {qualities} an image"}
        kept = f"--weights {weights.name} "
    recipe = {
        "codec": "taha2025",
        "command": f"apercu train taha2025 --images {folder.name} {kept}--seed {seed} --out {out.name}",
        "seed": seed,
        **trained,
        "sha256": digest(array).hex(),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)


def _trained_weights(
    files: list[Path], folder: Path, seed: int, log: Callable[[str], None]
) -> tuple[NDArray[np.int16], dict[str, object]]:
    """Weights, and what the recipe says of them."""
    plain, n_blocks = second_moments(files)
    g1, loss_1 = fit(plain, LATENTS[0], seed)
    floor_1 = subspace_loss(plain, LATENTS[0])
    log(f"G1: {n_blocks} blocks, loss {loss_1:.4f}, principal subspace {floor_1:.4f}")
    detailed, n_detailed = second_moments(files, g1)
    if n_detailed < BLOCK * BLOCK:
        raise OptionError(
            f"{n_detailed} blocks below {folder} have an error above {DETAIL} under G1: too few to train G2 on"
        )
    g2, loss_2 = fit(detailed, LATENTS[1], seed)
    floor_2 = subspace_loss(detailed, LATENTS[1])
    log(f"G2: {n_detailed} blocks, loss {loss_2:.4f}, principal subspace {floor_2:.4f}")
    weights = to_integers(principal_axes(*g1, plain), principal_axes(*g2, detailed))
    return weights, {
        "torch": torch.__version__.split("+")[0],
        "loss": "mean squared error per sample, full batch through second moments, L-BFGS, float64",
        "G1": {"blocks": n_blocks, "loss": loss_1, "principal_subspace": floor_1},
        "G2": {"blocks": n_detailed, "loss": loss_2, "principal_subspace": floor_2, "G1_error_above": DETAIL},
    }


def blocks_of(files: list[Path]) -> Iterator[Matrix]:
    """The whole 8×8 blocks (n, 64) of each image's luma, in 8-bit units, as the codec makes it."""
    for path in files:
        image, _ = read_rgb(path)
        height, width = (side // BLOCK * BLOCK for side in image.shape[:2])
        if height and width:
            luma = to_planes(image[:height, :width], "rgb", [])[0][:height, :width] / 32
            tall = luma.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).swapaxes(1, 2)
            yield tall.reshape(-1, BLOCK * BLOCK)


def second_moments(files: list[Path], g1: tuple[Matrix, Matrix] | None = None) -> tuple[Matrix, int]:
    """Mean of x xᵀ (64, 64) over all blocks, or over those whose error under G1 is above DETAIL; and their number."""
    total, n = np.zeros((BLOCK * BLOCK, BLOCK * BLOCK)), 0
    for blocks in blocks_of(files):
        if g1 is not None:
            analysis, synthesis = g1
            errors = ((blocks - blocks @ analysis.T @ synthesis.T) ** 2).mean(axis=1)
            blocks = blocks[errors > DETAIL]
        total += blocks.T @ blocks
        n += len(blocks)
    return total / max(n, 1), n


def fit(moments: Matrix, latents: int, seed: int) -> tuple[tuple[Matrix, Matrix], float]:
    """Trained analysis (latents, 64) and synthesis (64, latents), and their loss per sample."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # matrices this small only wait for each other
    scale = float(np.trace(moments))
    target = torch.from_numpy(moments / scale)
    analysis = torch.nn.Linear(BLOCK * BLOCK, latents, bias=False, dtype=torch.float64)
    synthesis = torch.nn.Linear(latents, BLOCK * BLOCK, bias=False, dtype=torch.float64)
    optimiser = torch.optim.LBFGS(
        [*analysis.parameters(), *synthesis.parameters()],
        max_iter=STEPS,
        tolerance_grad=1e-12,
        tolerance_change=1e-15,
        history_size=50,
        line_search_fn="strong_wolfe",
    )
    identity = torch.eye(BLOCK * BLOCK, dtype=torch.float64)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        rest = identity - synthesis.weight @ analysis.weight
        value = torch.trace(rest @ target @ rest.T)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    trained = analysis.weight.detach().numpy(), synthesis.weight.detach().numpy()
    return trained, float(loss().detach()) * scale / moments.shape[0]


def subspace_loss(moments: Matrix, latents: int) -> float:
    """Loss per sample of the principal subspace, uncentred: the optimum by Baldi and Hornik 1989."""
    powers = np.linalg.eigvalsh(moments)  # ascending
    return float(np.mean(powers[:-latents]) * (len(powers) - latents) / len(powers))


def principal_axes(analysis: Matrix, synthesis: Matrix, moments: Matrix) -> tuple[Matrix, Matrix]:
    """The same autoencoder in other coordinates: an orthonormal synthesis, latents uncorrelated and of falling power.

    `synthesis @ analysis`, and with it every reconstruction, stays what it was; the latents gain in coding. Signs are
    set so that each row of the analysis has a positive sum.
    """
    basis, rest = np.linalg.qr(synthesis)
    latents = rest @ analysis
    _, axes = np.linalg.eigh(latents @ moments @ latents.T)
    axes = axes[:, ::-1]
    analysis, synthesis = axes.T @ latents, basis @ axes
    signs = np.where(analysis.sum(axis=1) < 0, -1.0, 1.0)
    return analysis * signs[:, None], synthesis * signs


def to_integers(g1: tuple[Matrix, Matrix], g2: tuple[Matrix, Matrix]) -> NDArray[np.int16]:
    """Weights as the codec takes them: int16 (2, 9, 64), 14 fraction bits."""
    analysis = np.concatenate([g1[0], g2[0]])
    synthesis = np.concatenate([g1[1].T, g2[1].T])
    weights: NDArray[np.int16] = np.rint(np.stack([analysis, synthesis]) * (1 << WEIGHT_BITS)).astype(np.int16)
    return weights
