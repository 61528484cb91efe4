"""Training of the tables of the DCT: the matrix of the quantiser, what is expected of low frequencies, contexts.

What is expected is found by least squares from means as they are decoded. The matrix and the price of a bit are found
by coordinate descent: each of its parts becomes larger or smaller while that saves bits at equal PSNR, or at equal
SSIM. Contexts: `apercu.lab.symbol_maps`.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError, printable
from apercu.lab.images import Reader, fault_of, files_below, manifest, read_rgb, sound
from apercu.lab.symbol_maps import Coded, Real, Trained, train_tables
from apercu.processes import Run, in_order, n_cores, pool
from apercu.stages.colour import FULL, Plane, to_planes
from apercu.stages.dct import N_EXPECTED, N_SUMS, ORDER, SIDE, dct_analyse
from apercu.stages.dct_symbols import BASES, MAPS, DctTables, dct_encode, dct_plane, dct_steps, plane_of
from apercu.stages.symbol_maps import CLASSES, MapCoder, MapLayout, MapPlane, MapTables, map_numbers

SEED = 2026
STEPS_Q8 = tuple(256 * step for step in (16, 24, 36, 54, 80, 120, 180))
SEARCH_STEPS_Q8 = tuple(256 * step for step in (30, 60, 110))
FIRST_PRICE = 23
FIRST_MEANS = 0.7  # the step of the means, as a share of that of other frequencies
CHANGES, ROUNDS = (1.12, 1 / 1.12), 2
SEARCH_IMAGES = 24
MOST_SIDE, LEAST_SIDE = 1 << 12, 16  # chroma has half of it, and a block is 8
PASSES = 2
GOALS = ("psnr", "ssim")

Job = tuple[Path, int]


class Quantiser(NamedTuple):
    """The price of a bit and the matrix, see `DctTables`."""

    price: int
    matrix: NDArray[np.uint16]


class Picture:
    """An image of three planes as coefficients: its planes, the layout, and the coefficients of all maps."""

    def __init__(self, path: Path, read: Reader) -> None:
        image = read(path)[0][:MOST_SIDE, :MOST_SIDE]
        self.planes = to_planes(image, "rgb", [])
        sizes = [(plane.shape[0] // SIDE, plane.shape[1] // SIDE) for plane in self.planes]
        self.layout = MapLayout([MapPlane(*size, int(p > 0), p - 1) for p, size in enumerate(sizes)], MAPS)
        self.coefficients = np.empty(self.layout.n_symbols, np.int16)
        for p, (plane, size) in enumerate(zip(self.planes, sizes, strict=True)):
            dct_analyse(plane, *size, _centre(p), plane_of(self.layout, self.coefficients, p))


@lru_cache(SEARCH_IMAGES)
def _picture(path: Path, read: Reader) -> Picture:
    return Picture(path, read)


def _fault(read: Reader, path: Path) -> str | None:
    """Why a file cannot be used, or None."""
    fault = fault_of(read, path)
    if fault is None and min(read(path)[0].shape[:2]) < LEAST_SIDE:
        return f"{printable(str(path))}: smaller than {LEAST_SIDE} pixels a side"
    return fault


def _centre(plane: int) -> int:
    return 0 if plane else FULL // 2


def coded(read: Reader, quantiser: Quantiser, expected: NDArray[np.int16], tables: MapTables, job: Job) -> Coded:
    """An image coded at a step with these tables."""
    path, step_q8 = job
    picture = _picture(path, read)
    coder = MapCoder(picture.layout, tables)
    values, symbols = picture.coefficients.copy(), np.zeros(picture.layout.n_symbols, np.int16)
    streams = dct_encode(coder, values, step_q8, DctTables(*quantiser, expected, tables), symbols)
    return Coded(coder, values, dct_steps(step_q8, quantiser.matrix), symbols, sum(map(len, streams)))


def quantiser_of(parts: dict[str, float]) -> Quantiser:
    """The quantiser of named parts: the price and, for each class, the base, its means, and four bands of frequencies,
    as shares of those to begin with."""
    diagonals = np.array([sum(divmod(int(place), SIDE)) for place in ORDER])
    bands = np.select([diagonals <= 1, diagonals <= 3, diagonals <= 5], [0, 1, 2], 3)
    rows = []
    for chroma, base in enumerate(BASES):
        row = base * parts[f"class {chroma}"] * np.array([parts[f"band {chroma} {band}"] for band in bands])
        row[0] = base * parts[f"class {chroma}"] * parts[f"means {chroma}"]
        rows.append(row)
    matrix = np.clip(np.rint(rows), 1, 4096).astype(np.uint16)
    return Quantiser(min(255, max(1, round(FIRST_PRICE * parts["price"]))), matrix)


def first_parts() -> dict[str, float]:
    """The parts to begin with: a flat matrix."""
    parts = {"price": 1.0}
    for chroma in range(CLASSES):
        parts |= {f"class {chroma}": 1.0, f"means {chroma}": FIRST_MEANS}
        parts |= {f"band {chroma} {band}": 1.0 for band in range(4)}
    return parts


def _sums(means: Real, odd_down: int, odd_across: int) -> list[Real]:
    """The sums that `dct_expect` weights, for a parity of frequencies."""
    height, width = means.shape
    padded = np.pad(means, 1, mode="edge")
    n, s, w, e = (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1)))
    nw, ne, sw, se = (padded[i : i + height, j : j + width] for i in (0, 2) for j in (0, 2))
    if not odd_down and not odd_across:
        return [n + s - 2 * means, w + e - 2 * means, nw + ne + sw + se - 4 * means]
    if not odd_across:
        return [n - s, nw + ne - sw - se]
    return [nw - ne - sw + se] if odd_down else [w - e, nw + sw - ne - se]


def _moments(read: Reader, quantiser: Quantiser, job: Job) -> list[tuple[Real, Real]]:
    """For each class and expected map, the moments of the sums, and those of the sums with the coefficients."""
    path, step_q8 = job
    picture = _picture(path, read)
    steps = dct_steps(step_q8, quantiser.matrix)[:, 0] / 64
    found = [(np.zeros((N_SUMS, N_SUMS)), np.zeros(N_SUMS)) for _ in range(CLASSES * N_EXPECTED)]
    for p, plane in enumerate(picture.layout.planes):
        maps = plane_of(picture.layout, picture.coefficients, p).astype(float)
        means = np.rint(maps[0] / steps[plane.chroma]) * steps[plane.chroma]
        for index in range(N_EXPECTED):
            down, across = divmod(int(ORDER[1 + index]), SIDE)
            sums = np.zeros((N_SUMS, means.size))
            for k, one in enumerate(_sums(means, down % 2, across % 2)):
                sums[k] = one.ravel() * 256 / step_q8
            left, right = found[plane.chroma * N_EXPECTED + index]
            left += sums @ sums.T
            right += sums @ maps[1 + index].ravel() * 256 / step_q8
    return found


def trained_expected(run: Run, read: Reader, quantiser: Quantiser, jobs: Sequence[Job]) -> NDArray[np.int16]:
    """Weights of `dct_expect` for both classes, (2, 9, 3), by least squares."""
    total: list[tuple[Real, Real]] = []
    for moments in in_order(run, partial(_moments, read, quantiser), jobs):
        both = zip(total, moments, strict=True) if total else ((one, one) for one in moments)
        total = [(a[0] + b[0], a[1] + b[1]) for a, b in both]
    weights = np.zeros((CLASSES * N_EXPECTED, N_SUMS))
    for row, (left, right) in zip(weights, total, strict=True):
        row[:] = np.linalg.lstsq(left, right, rcond=1e-9)[0]
    found: NDArray[np.int16] = np.clip(np.rint(4096 * weights), -2047, 2047).astype(np.int16)
    return found.reshape(CLASSES, N_EXPECTED, N_SUMS)


def _mean_of_squares(a: Plane, b: Plane) -> float:
    return float(np.mean((a.astype(float) - b) ** 2)) / 1024


def _box(a: Real) -> Real:
    """Means over windows of 8 × 8."""
    sums = np.pad(a, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    found: Real = (sums[8:, 8:] - sums[:-8, 8:] - sums[8:, :-8] + sums[:-8, :-8]) / 64
    return found


def _dissimilarity(a: Plane, b: Plane) -> float:
    """1 - SSIM (Wang et al. 2004) with square windows."""
    x, y = a / 32.0, b / 32.0
    mx, my = _box(x), _box(y)
    vx, vy, cov = _box(x * x) - mx * mx, _box(y * y) - my * my, _box(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return 1 - float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


def _point(
    read: Reader, goal: str, quantiser: Quantiser, expected: NDArray[np.int16], trained: Trained, job: Job
) -> tuple[float, float]:
    """Logarithms of the bytes and of the error of an image at a step."""
    tables = trained.tables()
    one = coded(read, quantiser, expected, tables, job)
    one.coder.close()
    picture = _picture(job[0], read)
    errors = []
    for p, plane in enumerate(picture.planes):
        out = np.empty_like(plane)
        chroma = picture.layout.planes[p].chroma
        symbols = plane_of(picture.layout, one.symbols, p)
        dct_plane(symbols, chroma, _centre(p), job[1], DctTables(*quantiser, expected, tables), out)
        errors.append(_dissimilarity(plane, out) if goal == "ssim" else _mean_of_squares(plane, out))
    # Of the three, in R, G and B: a sample of chroma makes up four pixels, with the weights of BT.601.
    error = errors[0] if goal == "ssim" else errors[0] + 1.09 * errors[1] + 0.75 * errors[2]
    if goal == "ssim":
        error += 0.05 * (errors[1] + errors[2])  # else chroma would cost nothing
    return float(np.log(one.n_bytes)), float(np.log(error))


def _curve(run: Run, point: Callable[[Job], tuple[float, float]], files: Sequence[Path]) -> NDArray[np.float64]:
    jobs = [(path, step) for path in files for step in SEARCH_STEPS_Q8]
    return np.array(list(in_order(run, point, jobs))).reshape(len(files), len(SEARCH_STEPS_Q8), 2)


def _more_bits(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The change in the logarithm of bytes at equal error, in the mean over images and steps."""
    slopes = np.gradient(before[..., 0], axis=1) / np.gradient(before[..., 1], axis=1)
    return float(np.mean(after[..., 0] - before[..., 0] - slopes * (after[..., 1] - before[..., 1])))


def trained_quantiser(
    run: Run,
    read: Reader,
    goal: str,
    files: Sequence[Path],
    expected: NDArray[np.int16],
    trained: Trained,
    log: Callable[[str], None],
) -> dict[str, float]:
    """The parts of the quantiser that need the fewest bits for equal quality."""
    parts = first_parts()

    def curve(parts: dict[str, float]) -> NDArray[np.float64]:
        return _curve(run, partial(_point, read, goal, quantiser_of(parts), expected, trained), files)

    first = curve(parts)
    least = 0.0
    for _ in range(ROUNDS):
        for name in [name for name in parts if name != "class 0"]:  # which is the step itself
            for change in CHANGES:
                while (more := _more_bits(first, curve(parts | {name: parts[name] * change}))) < least:
                    parts[name] *= change
                    least = more
    log(f"quantiser: {100 * least:.2f} % of bits")
    return parts


def train(
    folder: Path,
    out: Path,
    seed: int = SEED,
    log: Callable[[str], None] = print,
    read: Reader = read_rgb,
    goal: str = "psnr",
    every: int = 1,
) -> None:
    """Trains on all images below `folder`, or one of `every`; writes tables to `out` (.npy, uint16) and the recipe
    beside them.

    goal: "psnr" or "ssim", for which the matrix is. read: how a file becomes an array (H, W, 3); what it cannot read is
    passed over and named in the log, as is what has less than 16 pixels a side. Raises OptionError where there is
    nothing to train on, and for another goal or an `every` below 1.
    """
    if goal not in GOALS or every < 1:
        raise OptionError(f"the goal is psnr or ssim, and one of every 1 or more images is taken, not {goal}, {every}")
    files = files_below(folder)[::every]
    with pool(n_cores(), None, how=None) as run:
        files = sound(files, in_order(run, partial(_fault, read), files), log)
        jobs = [(path, STEPS_Q8[(i + k) % 7]) for i, path in enumerate(files) for k in (0, 2, 4)]
        quantiser = quantiser_of(first_parts())
        expected = trained_expected(run, read, quantiser, jobs)
        few = files[:: max(1, len(files) // SEARCH_IMAGES)]
        some = [job for job in jobs if job[0] in few]
        first = train_tables(run, partial(coded, read, quantiser, expected), some, MAPS, seed, 1, log)
        parts = trained_quantiser(run, read, goal, few, expected, first, log)
        quantiser = quantiser_of(parts)
        expected = trained_expected(run, read, quantiser, jobs)
        trained = train_tables(run, partial(coded, read, quantiser, expected), jobs, MAPS, seed, PASSES, log)
    array = pack(quantiser, expected, trained)
    options = f"--goal {goal} --every {every} --seed {seed}"
    recipe = {
        "codec": "dct",
        "command": f"apercu train dct --images {folder.name} {options} --out {out.name}",
        "seed": seed,
        "goal": goal,
        "quantiser": {name: round(value, 4) for name, value in parts.items()},
        "sha256": hashlib.sha256(array.astype("<u2").tobytes()).hexdigest(),
        "images": manifest(files, folder),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    out.with_suffix(".json").write_text(json.dumps(recipe, indent=1) + "\n")


def pack(quantiser: Quantiser, expected: NDArray[np.int16], trained: Trained) -> NDArray[np.uint16]:
    """The numbers of a file: price, matrix, expected + 32,768, tables of maps."""
    shifted = (expected.astype(np.int32) + 32768).astype(np.uint16)
    maps = map_numbers(trained.weights, trained.starts)
    return np.concatenate([[np.uint16(quantiser.price)], quantiser.matrix.ravel(), shifted.ravel(), maps])
