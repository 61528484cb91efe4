"""Whether a decoded image has the texture of its original, in any place: two metrics without a trained network.

Error and structural similarity compare pixel with pixel, and prefer a smooth surface to grass in other places.
These two compare statistics. What metrics have in common is said at the top of metrics.py.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from apercu.bench.planes import Peak, Plane, checked, mean_over_planes, peak_of
from apercu.stages.colour import Samples

SMALLEST_SWD = 16
SMALLEST_SPECTRUM = 16

_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16
_SIDE = 7  # pixels of a patch
_N_PATCHES = 4096  # at most, from each level
_N_DIRECTIONS = 512

Level = NDArray[np.float32]
"""One level of a pyramid, (H, W, B)."""
Points = NDArray[np.float64]


def swd(original: Samples, decoded: Samples, seed: int = 0, own_scale: bool = False, peak: Peak = None) -> float:
    """Sliced Wasserstein distance of the patches of two Laplacian pyramids, times 1000, from 0 (equal) up.

    Karras, Aila, Laine and Lehtinen, "Progressive growing of GANs for improved quality, stability, and variation", ICLR
    2018, section 5: at each level, down to one of 16 pixels, patches of 7 x 7 x B, each band less a mean and over a
    standard deviation; the mean distance between their sorted projections on 512 random directions; and the mean over
    the levels. Two things differ, since they compare many images with many, and here there is one pair:

    - 4096 patches are drawn from each level, or all where there are no more, and from the same places of both images,
      so that equal images have distance 0. They draw 128 from each image.
    - Mean and standard deviation are those of the original for both, so that lost contrast counts. With `own_scale`
      each image is measured on its own, as they do: then only the shape of the texture counts.

    A standard deviation below that of rounding to 8 bits is taken for that. seed: of places and directions; the same
    gives the same value but for rounding. Raises OptionError, also for a side below 16 pixels.
    """
    checked(original, decoded, SMALLEST_SWD)
    rounding = peak_of(original, peak) / 255 / 12**0.5
    random = np.random.RandomState(seed)  # NumPy keeps its numbers the same for ever, those of default_rng it does not
    distances = []
    for levels in zip(laplacian_pyramid(original), laplacian_pyramid(decoded), strict=True):
        height, width, n_bands = levels[0].shape
        places = _places(height, width, random)
        directions = random.standard_normal((_SIDE * _SIDE * n_bands, _N_DIRECTIONS))
        directions /= np.sqrt((directions**2).sum(axis=0))
        first, second = (patches(level, places) for level in levels)
        scale = scale_of(first, rounding)
        second = standardised(second, *(scale_of(second, rounding) if own_scale else scale))
        distances.append(sliced_distance(standardised(first, *scale), second, directions))
    return 1000 * float(np.mean(distances))


def laplacian_pyramid(image: Samples) -> Iterator[Level]:
    """Details level by level, (H, W, B) float32 and half the size each, and last what is left of the image.

    A level whose shorter side has 32 pixels or more is halved again. Burt and Adelson, "The Laplacian pyramid as a
    compact image code", 1983, with the binomial window of five, mirrored at the borders.
    """
    rest = image.reshape(*image.shape[:2], -1).astype(np.float32)
    while min(rest.shape[:2]) >= 2 * SMALLEST_SWD:
        smaller = _smoothed(rest)[::2, ::2].copy()
        spread = np.zeros_like(rest)
        spread[::2, ::2] = smaller
        rest -= 4 * _smoothed(spread)
        yield rest
        rest = smaller
    yield rest


def _smoothed(level: Level) -> Level:
    for _ in range(2):  # down, then across
        n = level.shape[0]
        padded = np.pad(level, ((2, 2), (0, 0), (0, 0)), mode="reflect")
        sums = _BINOMIAL[0] * padded[:n]
        for k in range(1, 5):
            sums += _BINOMIAL[k] * padded[k : k + n]
        level = sums.swapaxes(0, 1)
    return level


def _places(height: int, width: int, random: np.random.RandomState) -> NDArray[np.intp]:
    """Top and left corners, (2, N), of patches of a level."""
    rows, columns = height - _SIDE + 1, width - _SIDE + 1
    if rows * columns <= _N_PATCHES:
        return np.indices((rows, columns)).reshape(2, -1)
    return np.stack([random.randint(rows, size=_N_PATCHES), random.randint(columns, size=_N_PATCHES)])


def patches(level: Level, places: NDArray[np.intp]) -> Points:
    """The patches at `places`, (N, B, 7, 7)."""
    found: Points = sliding_window_view(level, (_SIDE, _SIDE), axis=(0, 1))[places[0], places[1]].astype(np.float64)
    return found


def scale_of(found: Points, smallest: float) -> tuple[Points, Points]:
    """Mean and standard deviation, at least `smallest`, of each band over all patches, (1, B, 1, 1) each."""
    axes = (0, 2, 3)
    return found.mean(axes, keepdims=True), np.maximum(found.std(axes, keepdims=True), smallest)


def standardised(found: Points, mean: Points, deviation: Points) -> Points:
    """Patches less the mean and over the deviation, as points (N, B x 49)."""
    return ((found - mean) / deviation).reshape(len(found), -1)


def sliced_distance(first: NDArray[np.float64], second: NDArray[np.float64], directions: NDArray[np.float64]) -> float:
    """The 1-Wasserstein distance of two sets of points, (N, D), along each of `directions`, (D, K): their mean."""
    across = directions.T.astype(np.float32)  # single precision sorts twice as fast, and the last digits are noise
    projections = (np.sort(across @ points.T.astype(np.float32), axis=1) for points in (first, second))
    return float(np.mean(np.abs(np.subtract(*projections))))


def spectrum(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Distance of the radial power spectra in dB, from 0 (the same power at every frequency) up.

    The root mean square, over the rings of `radial_spectrum`, of 10 log10 of the ratio of the two powers, to each of
    which 1/12 is added, the power of rounding to 8 bits: below that, power tells nothing. Which of the two has more is
    not told. Mean over planes as said in metrics.py. Compare Durall, Keuper and Keuper, "Watch your up-convolution",
    CVPR 2020, who find generated images by such spectra.

    Raises OptionError, also for a side below 16 pixels.
    """
    checked(original, decoded, SMALLEST_SPECTRUM)
    unit = 255 / peak_of(original, peak)  # so that 8 and 16 bits give the same

    def distance(first: Plane, second: Plane) -> float:
        powers = [radial_spectrum(unit * plane) + 1 / 12 for plane in (first, second)]
        return float(np.sqrt(np.mean((10 * np.log10(powers[1] / powers[0])) ** 2)))

    return mean_over_planes(original, decoded, distance)


def radial_spectrum(plane: Plane) -> NDArray[np.float64]:
    """Mean power of a plane (H, W) at each frequency, over all directions, in squared units of its samples.

    One value for each ring k = 1, 2, … n // 2, n being the shorter side: the mean over frequencies of k / n cycles a
    pixel, to the nearest k. The plane is taken less its mean and times a Hann window, and power is over that of the
    window: white noise of variance v gives v in every ring.
    """
    height, width = plane.shape
    window = np.outer(_hann(height), _hann(width))
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2 / (window**2).sum()
    n = min(height, width)
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    ring = np.rint(n * frequency).astype(np.intp)
    times = np.full(power.shape, 2.0)  # in the whole transform, of which this is half
    times[:, 0] = 1
    if width % 2 == 0:
        times[:, -1] = 1
    sums = np.bincount(ring.ravel(), (times * power).ravel())
    counts = np.bincount(ring.ravel(), times.ravel())
    return sums[1 : n // 2 + 1] / counts[1 : n // 2 + 1]


def _hann(n: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
