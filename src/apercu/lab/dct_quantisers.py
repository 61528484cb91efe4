"""Training of the quantisers of the DCT: prices, smoothing and matrices, for PSNR and for SSIM.

A quantiser is made of named parts, and found by coordinate descent: each part becomes larger or smaller while that
saves bits. The first saves them at equal PSNR over all images and steps. Each further one for PSNR begins as the first
and saves them where each image and step takes the best of those that there are. That for SSIM, which knows luma only,
begins as the first, too: its parts of luma change while that saves bits at equal SSIM and equal error of chroma.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.lab.dct_pictures import Job, centre, coded, picture
from apercu.lab.images import Reader
from apercu.lab.symbol_maps import Real, Trained
from apercu.processes import Run, in_order
from apercu.stages.colour import Plane
from apercu.stages.dct import ORDER, SIDE
from apercu.stages.dct_symbols import BASES, N_QUANTISERS, Quantiser, dct_plane, plane_of
from apercu.stages.symbol_maps import CLASSES

PRICE = 23
STEPS_Q8 = tuple(256 * step for step in (30, 60, 110))
REFERENCE_STEPS_Q8 = tuple(round(256 * 12 * 1.14**k) for k in range(25))
"""Of the curves that bits are compared with: so near to each other that they are straight between two."""
CHANGES = 1.2, 1.08
BAND_ENDS = (1, 3, 5, 8, 14)  # the diagonals of frequencies that bands end at
FIRST = {"price": 1.1, "smoothing 0": 170.0, "smoothing 1": 88.0, "means 0": 0.92, "means 1": 0.65, "class 1": 1.0,
         "band 0 0": 1.2, "band 0 1": 1.12, "band 0 2": 1.12, "band 0 3": 1.07, "band 0 4": 1.07, "band 1 0": 0.95,
         "band 1 1": 1.0, "band 1 2": 0.9, "band 1 3": 0.9, "band 1 4": 0.9}  # fmt: skip
"""The parts to begin with."""
FOR_SSIM = {"price": 0.37, "means 0": 0.92, "band 0 0": 0.92, "band 0 2": 1.2, "band 0 3": 1.7, "band 0 4": 3.0}
"""What some of them are multiplied by to begin with where the goal is SSIM. `FIRST` and these were found on other
training images."""
OF_LUMA = ("price", "smoothing 0", "means 0", "band 0 0", "band 0 2", "band 0 3", "band 0 4", "class 1")
"""What quantisers change of the first; for SSIM, "class 1" otherwise than the rest."""
LEAST_BYTES = 800
"""Smaller files, which are next to empty, do not count: a byte is so much of them."""
MOST_GAIN = 0.015
"""The most that counts of what a file gains by a further quantiser, as a share of its bits: else a few odd files would
decide how it is."""
WINDOW, DEVIATION = 5, 1.5  # of SSIM
BYTES, ERROR, CHROMA_ERROR, DISSIMILARITY = range(4)  # of a point of a curve

Parts = dict[str, float]
Score = Callable[[Parts], float]


def quantiser_of(parts: Parts) -> Quantiser:
    """The quantiser of named parts: the price and, for each class, the limit of smoothing, the base, its means, and
    bands of frequencies, as shares of those to begin with."""
    bands = np.searchsorted(BAND_ENDS, [sum(divmod(int(place), SIDE)) for place in ORDER])
    rows = []
    for chroma, base in enumerate(BASES):
        row = base * parts[f"class {chroma}"] * np.array([parts[f"band {chroma} {band}"] for band in bands])
        row[0] = base * parts[f"class {chroma}"] * parts[f"means {chroma}"]
        rows.append(row)
    matrix = np.clip(np.rint(rows), 1, 4096).astype(np.uint16)
    luma, chroma = (min(4096, round(parts[f"smoothing {number}"])) for number in range(CLASSES))
    return Quantiser(min(255, max(1, round(PRICE * parts["price"]))), (luma, chroma), matrix)


def first_parts() -> Parts:
    """The parts to begin with, of which a share of "class 0" is the step itself."""
    return FIRST | {"class 0": 1.0}


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


def _points(
    read: Reader,
    quantiser: Quantiser,
    expected: NDArray[np.int16],
    trained: Trained,
    for_ssim: bool,
    job: tuple[Path, Sequence[int]],
) -> Real:
    """Of an image, (steps, values): logarithms of the bytes at each step, of the squared error, of chroma's squared
    error, and of luma's dissimilarity where that is wanted."""
    path, steps_q8 = job
    one, tables, found = picture(path, read), trained.tables(), []
    for step_q8 in steps_q8:
        made = coded(read, (quantiser,), expected, tables, Job(path, step_q8))
        made.coder.close()
        planes = [np.empty_like(plane) for plane in one.planes]
        for p, plane in enumerate(planes):
            symbols = plane_of(one.layout, made.symbols, p)
            dct_plane(symbols, int(p > 0), centre(p), step_q8, quantiser, expected, plane)
        errors = [_mean_of_squares(*pair) for pair in zip(one.planes, planes, strict=True)]
        # In R, G and B: a sample of chroma makes up four pixels, with the weights of BT.601.
        chroma = 1.09 * errors[1] + 0.75 * errors[2]
        found.append([made.n_bytes, errors[0] + chroma, chroma])
        found[-1] += [_dissimilarity(one.planes[0], planes[0])] if for_ssim else []
    return np.log(np.maximum(found, 1e-9))


def at_equal(reference: Real, found: Real, what: int) -> Real:
    """How much more there is of each value, as a change of its logarithm, than on the curves of a reference where one
    of them is the same; infinitely more where it is nowhere the same. Both: (values, files, steps)."""
    more = np.empty_like(found)
    for file in range(found.shape[1]):
        order = np.argsort(reference[what, file])
        places, wanted = reference[what, file][order], found[what, file]
        index = np.clip(np.searchsorted(places, wanted) - 1, 0, len(places) - 2)
        share = (wanted - places[index]) / np.maximum(places[index + 1] - places[index], 1e-9)
        curves = reference[:, file][:, order]
        there = curves[:, index] + share * (curves[:, index + 1] - curves[:, index])
        more[:, file] = np.where((share >= 0) & (share <= 1), found[:, file] - there, np.inf)
    return more


def trained_quantisers(
    run: Run,
    read: Reader,
    files: Sequence[Path],
    expected: NDArray[np.int16],
    trained: Trained,
    log: Callable[[str], None],
) -> list[Parts]:
    """The parts of all quantisers: the first for all images, others for PSNR, and at last that for SSIM."""

    def curve(parts: Parts, for_ssim: bool = False, steps_q8: Sequence[int] = STEPS_Q8) -> Real:
        """(values, files, steps)."""
        work = partial(_points, read, quantiser_of(parts), expected, trained, for_ssim)
        return np.array(list(in_order(run, work, [(path, steps_q8) for path in files]))).transpose(2, 0, 1)

    first = first_parts()
    reference, counts = curve(first, steps_q8=REFERENCE_STEPS_Q8), _counts(curve(first))

    def bits(parts: Parts) -> Real:
        """How many more bits for equal error than the reference, of files and steps that count."""
        more: Real = at_equal(reference, curve(parts), ERROR)[BYTES, counts]
        return more

    # A matrix that is all twice as coarse is the same as a step twice as large: one part stays.
    names = [name for name in first if name not in ("class 0", "band 0 1")]
    first, more = _descended(first, names, lambda parts: float(bits(parts).mean()))
    found, best = [first], bits(first)
    log(f"for PSNR: {100 * more:.2f} % of bits; {_said(first)}")
    for _ in range(N_QUANTISERS - 2):
        parts, more = _descended(first, OF_LUMA, partial(_with_others, bits, best))
        found.append(parts)
        taken = float(np.mean(bits(parts) < best))
        best = np.minimum(bits(parts), best)
        log(f"and one more: {100 * more:.2f} % of bits, taken by {100 * taken:.0f} %; {_said(parts)}")
    return [*found, _for_ssim(first, curve, log)]


def _with_others(bits: Callable[[Parts], Real], best: Real, parts: Parts) -> float:
    """How many more bits there are, in the mean, where these parts are taken wherever they beat the best of others."""
    return float(np.clip(bits(parts), best - MOST_GAIN, best).mean())


def _counts(points: Real) -> NDArray[np.bool_]:
    """Which files and steps count."""
    large: NDArray[np.bool_] = points[BYTES] >= np.log(LEAST_BYTES)
    return large if large.any() else ~large


def _said(parts: Parts) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in parts.items())


def _for_ssim(first: Parts, curve: Callable[..., Real], log: Callable[[str], None]) -> Parts:
    """The parts that need the fewest bits at equal SSIM and equal error of chroma; chroma changes by its base alone."""
    reference, coarser = curve(first, True, REFERENCE_STEPS_Q8), CHANGES[0]
    counts = _counts(curve(first))
    by_chroma = curve(first | {"class 1": first["class 1"] * coarser}, True) - curve(first, True)
    bits, error = (by_chroma[value].mean(0) for value in (BYTES, CHROMA_ERROR))  # at each step

    def at_equal_chroma(parts: Parts) -> tuple[float, float]:
        """How many times chroma must become `coarser` for its error to stay; and the change of the logarithm of bytes
        once it has. Grey pictures have no such error."""
        more = at_equal(reference, curve(parts, True), DISSIMILARITY)
        times = -more[CHROMA_ERROR] / error if error.all() else np.zeros_like(more[BYTES])
        return float(times[counts].mean()), float((more[BYTES] + times * bits)[counts].mean())

    parts = {name: share * FOR_SSIM.get(name, 1.0) for name, share in first.items()}
    parts["class 1"] *= coarser ** at_equal_chroma(parts)[0]
    parts, more = _descended(parts, OF_LUMA[:-1], lambda parts: at_equal_chroma(parts)[1])
    parts["class 1"] *= coarser ** at_equal_chroma(parts)[0]
    log(f"for SSIM: {100 * more:.2f} % of bits at equal SSIM and equal error of chroma; {_said(parts)}")
    return parts


def _descended(parts: Parts, names: Sequence[str], score: Score) -> tuple[Parts, float]:
    """The parts once those of these names have been made larger or smaller while that lowered the score; and it."""
    parts, least = dict(parts), score(parts)
    for change in CHANGES:
        for name in names:
            for factor in (change, 1 / change):
                while (found := score(parts | {name: parts[name] * factor})) < least:
                    parts[name] *= factor
                    least = found
    return parts, least
