"""Training of the tables of the DCT: the matrix of the quantiser, what is expected of low frequencies, contexts.

What is expected is found by least squares from means as they are decoded. The matrix and the price of a bit are found
by coordinate descent: each of its parts becomes larger or smaller while that saves bits at equal PSNR. For SSIM, which
knows luma only, those of luma then go on while that saves bits at equal SSIM and equal error of chroma. Contexts:
`apercu.lab.symbol_maps`.
"""

import hashlib
import json
import sys
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
PRICE = 23
CHANGES, ROUNDS = (1.12, 1 / 1.12), 1
BAND_ENDS = (1, 3, 5, 8, 14)  # the diagonals of frequencies that bands end at
FIRST_PRICE, FIRST_MEANS = 1.2544, (0.9834, 0.7)
FIRST_BANDS = ((1.12, 1.12, 1.12, 1.0, 1.0), (0.8929, 1.0, 0.8929, 0.8929, 0.8929))
"""The parts to begin with, by class: what was found on 24 images at three steps."""
FOR_SSIM = {"price": 0.7, "means 0": 0.85, "band 0 0": 0.8, "band 0 1": 0.95, "band 0 2": 1.15, "band 0 3": 1.4,
            "band 0 4": 1.8}  # fmt: skip
"""What some are multiplied by to begin with where the goal is SSIM."""
SSIM_PRICE, SSIM_MEANS, SSIM_FIRST, SSIM_SLOPE = 0.7, 0.85, 0.8, 0.1
"""The same for tables that are made from others: of the first diagonal of frequencies, and what each further one adds.
Found on eight photographs at three steps: of six slopes, the one that gains in SSIM and keeps chroma's error."""
SEARCH_IMAGES = 24
MOST_SIDE, LEAST_SIDE = 1 << 12, 16  # chroma has half of it, and a block is 8
PASSES = 2
FEW = 200  # images that are coded at three steps each, where more are coded at one; jobs that weights are found from
BYTES, ERROR, CHROMA_ERROR, DISSIMILARITY = range(4)  # of a point of a curve
WINDOW, DEVIATION = 5, 1.5  # of SSIM
GOALS = ("psnr", "ssim", "none")

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
    """The quantiser of named parts: the price and, for each class, the base, its means, and bands of frequencies, as
    shares of those to begin with."""
    bands = np.searchsorted(BAND_ENDS, [sum(divmod(int(place), SIDE)) for place in ORDER])
    rows = []
    for chroma, base in enumerate(BASES):
        row = base * parts[f"class {chroma}"] * np.array([parts[f"band {chroma} {band}"] for band in bands])
        row[0] = base * parts[f"class {chroma}"] * parts[f"means {chroma}"]
        rows.append(row)
    matrix = np.clip(np.rint(rows), 1, 4096).astype(np.uint16)
    return Quantiser(min(255, max(1, round(PRICE * parts["price"]))), matrix)


def first_parts() -> dict[str, float]:
    """The parts to begin with."""
    parts = {"price": FIRST_PRICE}
    for chroma in range(CLASSES):
        parts |= {f"class {chroma}": 1.0, f"means {chroma}": FIRST_MEANS[chroma]}
        parts |= {f"band {chroma} {band}": share for band, share in enumerate(FIRST_BANDS[chroma])}
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


def _blurred(a: Real) -> Real:
    """Means over windows, weighted by a Gaussian."""
    weights = np.exp(-(np.arange(-WINDOW, WINDOW + 1) ** 2) / (2 * DEVIATION**2))
    weights /= weights.sum()
    for _ in range(2):
        a = sum((w * a[i : len(a) - 2 * WINDOW + i] for i, w in enumerate(weights)), np.zeros(1)).T
    return a


def _dissimilarity(a: Plane, b: Plane) -> float:
    """1 - SSIM (Wang et al., IEEE Transactions on Image Processing 13, 2004)."""
    x, y = a / 32.0, b / 32.0
    mx, my = _blurred(x), _blurred(y)
    vx, vy, cov = _blurred(x * x) - mx * mx, _blurred(y * y) - my * my, _blurred(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return 1 - float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


def _point(
    read: Reader, quantiser: Quantiser, expected: NDArray[np.int16], trained: Trained, for_ssim: bool, job: Job
) -> list[float]:
    """Logarithms of the bytes of an image at a step, of its squared error, of chroma's squared error, and of luma's
    dissimilarity where that is wanted."""
    tables = trained.tables()
    one = coded(read, quantiser, expected, tables, job)
    one.coder.close()
    picture = _picture(job[0], read)
    planes = []
    for p, plane in enumerate(picture.planes):
        planes.append(np.empty_like(plane))
        symbols = plane_of(picture.layout, one.symbols, p)
        dct_plane(symbols, int(p > 0), _centre(p), job[1], DctTables(*quantiser, expected, tables), planes[-1])
    errors = [_mean_of_squares(*pair) for pair in zip(picture.planes, planes, strict=True)]
    # In R, G and B: a sample of chroma makes up four pixels, with the weights of BT.601.
    chroma = 1.09 * errors[1] + 0.75 * errors[2]
    found = [one.n_bytes, errors[0] + chroma, chroma]
    found += [_dissimilarity(picture.planes[0], planes[0])] if for_ssim else []
    logarithms: list[float] = np.log(np.maximum(found, 1e-9)).tolist()
    return logarithms


def _curve(run: Run, point: Callable[[Job], list[float]], files: Sequence[Path]) -> Real:
    """(values, files, steps), of each what `_point` says."""
    jobs = [(path, step) for path in files for step in SEARCH_STEPS_Q8]
    return np.array(list(in_order(run, point, jobs))).reshape(len(files), len(SEARCH_STEPS_Q8), -1).transpose(2, 0, 1)


def _at_equal(before: Real, after: Real, what: int) -> Real:
    """The changes of the logarithms, (values, files, steps), once the step has been changed so that one of them is the
    same."""
    slopes = np.gradient(before, axis=2)
    changed: Real = after - before - slopes / slopes[what] * (after[what] - before[what])
    return changed


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

    def curve(parts: dict[str, float], for_ssim: bool = False) -> Real:
        return _curve(run, partial(_point, read, quantiser_of(parts), expected, trained, for_ssim), files)

    parts = first_parts()
    first = curve(parts)

    def more_for_psnr(parts: dict[str, float]) -> float:
        return float(_at_equal(first, curve(parts), ERROR)[BYTES].mean())

    # "class 0" is the step itself.
    parts, more = _descended(parts, [name for name in parts if name != "class 0"], more_for_psnr)
    log(f"quantiser: {100 * more:.2f} % of bits at equal PSNR")
    if goal == "psnr":
        return parts

    first, coarser = curve(parts, True), CHANGES[0]
    of_chroma = curve(parts | {"class 1": parts["class 1"] * coarser}, True) - first
    bits, error = of_chroma[BYTES].mean(0), of_chroma[CHROMA_ERROR].mean(0)  # at each step

    def at_equal_chroma(parts: dict[str, float]) -> tuple[Real, Real]:
        """At equal SSIM, how many times chroma must become `coarser` for its error to stay; and then, the change of
        the logarithm of bytes."""
        changed = _at_equal(first, curve(parts, True), DISSIMILARITY)
        times = -changed[CHROMA_ERROR] / error
        return times, changed[BYTES] + times * bits

    def more_for_ssim(parts: dict[str, float]) -> float:
        return float(at_equal_chroma(parts)[1].mean())

    names = ["price", "means 0", *(f"band 0 {band}" for band in range(len(BAND_ENDS)))]
    parts |= {name: parts[name] * share for name, share in FOR_SSIM.items()}
    for _ in range(ROUNDS):
        parts["class 1"] *= coarser ** float(at_equal_chroma(parts)[0].mean())
        parts, more = _descended(parts, names, more_for_ssim, 1)
    parts["class 1"] *= coarser ** float(at_equal_chroma(parts)[0].mean())
    log(f"quantiser: {100 * more:.2f} % of bits at equal SSIM and equal error of chroma")
    return parts


def _descended(
    parts: dict[str, float], names: Sequence[str], more_bits: Callable[[dict[str, float]], float], rounds: int = ROUNDS
) -> tuple[dict[str, float], float]:
    """The parts once those of these names have been made larger or smaller while that saved bits; and how many."""
    parts, least = dict(parts), more_bits(parts)
    for _ in range(rounds):
        for name in names:
            for change in CHANGES:
                while (more := more_bits(parts | {name: parts[name] * change})) < least:
                    parts[name] *= change
                    least = more
    return parts, least


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

    goal: "psnr" or "ssim", for which the matrix is; "none": the one that a search begins with. read: how a file becomes
        an array (H, W, 3); what it cannot read is passed over and named in the log, as is what has less than 16 pixels
        a side.

    Raises OptionError where there is nothing to train on, and for another goal or an `every` below 1.
    """
    if goal not in GOALS or every < 1:
        raise OptionError(
            f"the goal is psnr, ssim or none, and one of every 1 or more images is taken, not {goal}, {every}"
        )
    files = files_below(folder)[::every]
    with pool(n_cores(), None, how=None) as run:
        files = sound(files, in_order(run, partial(_fault, read), files), log)
        shifts = (0, 2, 4) if len(files) <= FEW else (0,)
        jobs = [(path, STEPS_Q8[(i + k) % 7]) for i, path in enumerate(files) for k in shifts]
        quantiser = quantiser_of(first_parts())
        expected = trained_expected(run, read, quantiser, jobs)
        few = files[:: max(1, len(files) // SEARCH_IMAGES)]
        some = [(path, step) for path in few for step in SEARCH_STEPS_Q8]
        parts = first_parts()
        if goal != "none":
            first = train_tables(run, partial(coded, read, quantiser, expected), some, MAPS, seed, 1, log)
            parts = trained_quantiser(run, read, goal, few, expected, first, log)
            quantiser = quantiser_of(parts)
            expected = trained_expected(run, read, quantiser, jobs)
        some = jobs[:: -(-len(jobs) // FEW)]
        trained = train_tables(run, partial(coded, read, quantiser, expected), jobs, MAPS, seed, PASSES, log, some)
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


def tuned_for_ssim(array: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Tables for SSIM from those for PSNR: with another price and other steps of luma, finer at low frequencies and
    coarser at high ones; all else is the same."""
    diagonals = np.array([sum(divmod(int(place), SIDE)) for place in ORDER])
    shares = np.where(diagonals == 0, SSIM_MEANS, SSIM_FIRST + SSIM_SLOPE * (diagonals - 1))
    tuned = array.copy()
    tuned[0] = max(1, round(SSIM_PRICE * array[0]))
    tuned[1 : 1 + len(ORDER)] = np.clip(np.rint(shares * array[1 : 1 + len(ORDER)]), 1, 4096)
    return tuned


def write_for_ssim(source: Path, out: Path) -> None:
    """Writes `tuned_for_ssim` of a file, and the recipe beside it."""
    array = np.load(source)
    tuned = tuned_for_ssim(array)
    recipe = {
        "codec": "dct",
        "command": f"python -m apercu.lab.dct {source.name} {out.name}",
        "goal": "ssim",
        "made_from": hashlib.sha256(array.astype("<u2").tobytes()).hexdigest(),
        "sha256": hashlib.sha256(tuned.astype("<u2").tobytes()).hexdigest(),
    }
    with out.open("wb") as file:
        np.save(file, tuned)
    out.with_suffix(".json").write_text(json.dumps(recipe, indent=1) + "\n")


if __name__ == "__main__":
    write_for_ssim(Path(sys.argv[1]), Path(sys.argv[2]))
