"""Training of the tables of the sample predictor: taps of its experts, and what each context begins with.

Taps: the experts are trained together, for what their blend misses. It is blended as the codec does it, each expert
weighted by the inverse square of its errors around a place, and a miss costs what a heavy-tailed distribution would
charge for it whose width is the mean of the misses before. They begin as the predictors of the literature: the plane
and the gradients of X. Wu and N. Memon (CALIC, 1997) and of JPEG XL, and the same between bands.

Contexts: pictures are coded with several largest errors, and each context starts with the mean of its final
probabilities, as those of the codec `apercu` do.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from apercu.lab import recipes
from apercu.lab.images import Reader, fault_of, files_below, read_rgb, sound
from apercu.stages.colour import Samples
from apercu.stages.predict import CLASSES, EXPERTS, INPUTS, N_CONTEXTS, PredictTables, encode_samples, predict_tables

SEED = 2026
STEPS, RATE, BATCH, SIDE = 3000, 1e-2, 12, 56
CODED = 150
"""Pictures that contexts are trained on, taken evenly from all."""
MAX_ERRORS = (0, 1, 4, 12)
PASSES = 2
NEW = (32768, 3)  # a context that knows nothing
LEAST, MOST = (
    127,
    65409,
)  # where probabilities stop that only ever see one kind of bit: a likelier start would never learn
TRUST, LEAST_BITS = 60, 30
TAP_BITS, BORDER = 10, 3

Place = tuple[int, int, int]
"""A sample near the one that is predicted: its band (0 its own, 1 the one before, 2 the one before that), rows down and
columns to the right."""
NEAR: tuple[Place, ...] = ((0, 0, -1), (0, 0, -2), (0, -1, -1), (0, -1, 1), (0, -2, 0), (0, -2, 1))
FAR: tuple[Place, ...] = ((0, -1, -2), (0, -1, 2), (0, -2, -1), (0, -2, 2), (0, -2, -2))
FIRST: tuple[Place, ...] = ((1, 0, 0), (1, -1, 0), (1, -1, -1), (1, -1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))
SECOND: tuple[Place, ...] = ((2, 0, 0), (2, -1, 0), (2, -1, -1), (2, 0, 1))
PLACES = (NEAR + FAR, NEAR + FIRST + FAR[:3], NEAR + FIRST[:6] + SECOND)
"""The inputs of each class; from each, the sample of BASES of the same band is taken off."""
BASES: tuple[Place, ...] = ((0, -1, 0), (1, 0, -1), (2, 0, -1))

PLANE, UP, ACROSS, FLAT = (1, 0, -1), (0, 0, 0, 1, 0, -1), (1, 0, 0, 1), (0.5, 0, -0.25, 0.25)
HALF = (0.5, 0, 0, 0, 0, 0)
BEGIN: tuple[tuple[tuple[float, ...], ...], ...] = (
    (PLANE, UP, ACROSS, FLAT, (0, 0, 0, 0, -0.5), (1.5, -0.5), (0.5, 0, 0, 0.5), HALF),
    (
        PLANE,
        UP,
        ACROSS,
        FLAT,
        (1, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 0, 0, 0, 1, -1),
        (1, 0, -1, 0, 0, 0, 1, -1, 1),
        (*HALF, 1, -0.5),
    ),
    (
        PLANE,
        (*HALF, 0, 0, 0, 0, 0, 0, 1, -0.5),
        (*HALF, 0.5, -0.25, 0, 0, 0, 0, 0.5, -0.25),
        FLAT,
        (1, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 0, 0, 0, 1, -1),
        (1, 0, -1, 0, 0, 0, 1, -1, 1),
        (*HALF, 1, -0.5),
    ),
)
"""The taps that training begins with, for each class; what is not given is 0."""

Log = Callable[[str], None]
Picture = NDArray[np.uint8]


def train(
    folder: Path, out: Path, seed: int = SEED, log: Log = print, read: Reader = read_rgb, steps: int = STEPS
) -> None:
    """Trains on all images below `folder`; writes tables to `out` (.npy, uint16) and the recipe beside them.

    Raises OptionError where there is nothing to train on.
    """
    files = files_below(folder)
    files = sound(files, [fault_of(read, path) for path in files], log)
    pictures = [halved(read(path)[0]) for path in files]
    taps, losses = trained_taps(pictures, seed, steps, log)
    starts, sizes = trained_starts(pictures[:: max(1, len(pictures) // CODED)], taps, log)
    array = np.concatenate([taps.ravel().view(np.uint16), starts.ravel()])
    recipe = {
        "codec": "predictive",
        "command": f"apercu train predictive --images {folder.name} --seed {seed} --out {out.name}",
        "seed": seed,
        "losses": losses,
        "bytes_before_each_pass": sizes,
        "sha256": hashlib.sha256(array.astype("<u2").tobytes()).hexdigest(),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)


def halved(image: Samples) -> Picture:
    """A picture of 8 bits at half size, (H, W, 3), in which less is left of what its file has lost."""
    height, width = (max(side // 2, 1) for side in image.shape[:2])
    if min(image.shape[:2]) < 2:
        return image.astype(np.uint8)
    cut = image[: 2 * height, : 2 * width].astype(np.uint16)
    return ((cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2] + 2) >> 2).astype(np.uint8)


def patch(pictures: list[Picture], rng: np.random.Generator) -> NDArray[np.float32]:
    """A piece of a picture, (SIDE, SIDE, 3), green first; every other time with bands as scenes have them: in another
    order, of other contrast, some with noise of their own."""
    picture = pictures[rng.integers(len(pictures))]
    height, width = picture.shape[:2]
    top, left = (int(rng.integers(max(side - SIDE, 0) + 1)) for side in (height, width))
    piece = picture[top : top + SIDE, left : left + SIDE].astype(np.float32)[..., [1, 0, 2]]
    piece = np.pad(piece, ((0, SIDE - piece.shape[0]), (0, SIDE - piece.shape[1]), (0, 0)), mode="edge")
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    if rng.random() < 0.5:
        if rng.random() < 0.5:
            piece = piece[..., rng.permutation(3)]
        piece = piece * np.exp(rng.normal(0, 0.5, 3)) * np.exp(rng.normal(0.5, 1))
        if rng.random() < 0.3:
            piece = piece + rng.normal(0, 1, piece.shape) * np.exp(rng.normal(0.5, 1, 3))
        piece = np.round(piece)
    return piece.astype(np.float32)


def _moved(planes: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The samples so far away, the edge repeated."""
    height, width = planes.shape[-2:]
    padded = functional.pad(planes, (2, 2, 2, 2), mode="replicate")
    return padded[..., 2 + down : 2 + down + height, 2 + right : 2 + right + width]


def blended(bands: list[torch.Tensor], taps: torch.Tensor, of_class: int) -> torch.Tensor:
    """The prediction of bands[0], (N, H, W), from itself and those before it, as the codec blends it."""
    bases = [_moved(bands[band], down, right) for band, down, right in BASES[: of_class + 1]]
    inputs = [_moved(bands[band], down, right) - bases[band] for band, down, right in PLACES[of_class]]
    experts = bases[0][:, None] + torch.einsum("ij,bjhw->bihw", taps, torch.stack(inputs, 1))
    missed = (bands[0][:, None] - experts).abs()
    above = _moved(missed, -1, 0) + _moved(missed, -1, -1) + _moved(missed, -1, 1)
    energy = above + 2 * _moved(missed, 0, -1) + _moved(missed, 0, -2) + 0.5
    return (torch.softmax(-2 * torch.log(energy), 1) * experts).sum(1)


def _total(planes: torch.Tensor, places: tuple[tuple[int, int], ...]) -> torch.Tensor:
    return torch.stack([_moved(planes, *place) for place in places]).sum(0)


def cost(band: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    """What a prediction misses, in units of about a bit, but for a constant."""
    missed = (band - prediction).abs()
    near, far = ((0, -1), (-1, 0)), ((-1, -1), (-1, 1), (0, -2), (-2, 0))
    around = 2 * _total(missed, near) + _total(missed, far)
    width = around / 8 + 0.4
    each = torch.log(width) + 1.2 * torch.log1p(missed / width)
    return each[:, BORDER:-BORDER, BORDER:-BORDER].mean()


def trained_taps(pictures: list[Picture], seed: int, steps: int, log: Log) -> tuple[NDArray[np.int16], list[float]]:
    """Taps (3, 8, 16) with 10 fraction bits, and the mean loss of each tenth of the steps."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    taps = []
    for of_class, places in enumerate(PLACES):
        begin = torch.zeros(EXPERTS, len(places))
        for expert, values in enumerate(BEGIN[of_class]):
            begin[expert, : len(values)] = torch.tensor(values)
        taps.append((begin + 0.02 * torch.randn(begin.shape)).requires_grad_())
    optimiser = torch.optim.Adam(taps, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses: list[float] = []
    total = 0.0
    tenth = max(steps // 10, 1)
    for step in range(1, steps + 1):
        pieces = torch.tensor(np.stack([patch(pictures, rng) for _ in range(BATCH)])).permute(3, 0, 1, 2)
        loss = torch.zeros(())
        for of_class in range(CLASSES):
            bands = [pieces[band] for band in range(of_class, -1, -1)]
            loss = loss + cost(bands[0], blended(bands, taps[of_class], of_class))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # of PyTorch
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % tenth == 0:
            losses.append(round(total / tenth, 4))
            log(f"taps, step {step} of {steps}: {losses[-1]}")
            total = 0.0
    whole = np.zeros((CLASSES, EXPERTS, INPUTS), np.int16)
    for of_class, trained in enumerate(taps):
        whole[of_class, :, : trained.shape[1]] = np.rint((1 << TAP_BITS) * trained.detach().numpy())
    return whole, losses


def trained_starts(pictures: list[Picture], taps: NDArray[np.int16], log: Log) -> tuple[NDArray[np.uint16], list[int]]:
    """Starts (25080, 2), and the bytes that all pictures took before each pass."""
    starts = np.tile(np.array(NEW, np.uint16), (N_CONTEXTS, 1))
    sizes: list[int] = []
    for _ in range(PASSES):
        found, size = _after(pictures, predict_tables(taps, starts), starts)
        sizes.append(size)
        log(f"contexts, pass {len(sizes)}: {size} bytes")
        starts = found
    return starts, sizes


def _after(
    pictures: list[Picture], tables: PredictTables, starts: NDArray[np.uint16]
) -> tuple[NDArray[np.uint16], int]:
    """Starts by the moments of what contexts end at; and the size of all pictures."""
    n, np_, npp, thin = (np.zeros(N_CONTEXTS) for _ in range(4))
    size = 0
    for picture in pictures:
        for max_error in MAX_ERRORS:
            for image in (picture[..., [1, 0, 2]], picture[..., 1:2]):
                ends = np.empty(N_CONTEXTS, np.uint64)
                size += len(encode_samples(np.ascontiguousarray(image), max_error, tables, contexts=ends))
                fields = ends.view(np.uint16).reshape(-1, 4)
                p, age = fields[:, :2].mean(1) / 65536, (fields[:, 2] & 255).astype(float)
                bits = np.maximum(age - starts[:, 1], 0)
                n, np_, npp, thin = n + bits, np_ + bits * p, npp + bits * p * p, thin + bits / (bits + 2)
    before = starts[:, 0] / 65536
    mean, seen = (np_ + 2 * before) / (n + 2), np.maximum(n, 1e-9)
    variance = npp / seen - 2 * mean * np_ / seen + mean**2
    apart = np.maximum(variance - mean * (1 - mean) * thin / seen, 1e-7)
    trust = np.where(n < LEAST_BITS, NEW[1], np.clip(mean * (1 - mean) / apart - 1, 2, TRUST))
    return np.stack([np.clip(np.rint(65536 * mean), LEAST, MOST), np.floor(trust)], 1).astype(np.uint16), size
