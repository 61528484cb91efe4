"""How similar a decoded image is to its original: error, structure, gradients; and the user's own metrics.

Every metric takes two arrays, the original first, both uint8 or both uint16, of one shape (H, W) or (H, W, B), and
returns a float. The scale is `peak`: the largest sample of the dtype, 255 or 65535, unless a number or "range" is given
(`apercu.bench.planes.peak_of`). Where a metric is defined on one plane, three bands stand for R, G and B and are
measured on luma; of any other number of bands it is the mean over the planes.
What each metric measures, and how it was checked: docs/metrics.md.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from apercu.bench import users
from apercu.bench.deep import NEEDS as DEEP_NEEDS
from apercu.bench.deep import SMALLEST_DEEP, deep, deep_unseen
from apercu.bench.planes import Peak, Plane, checked, mean_over_planes, peak_of
from apercu.bench.simulacra import SMALLEST_SSIMULACRA2, ssimulacra2, takes
from apercu.bench.texture import SMALLEST_SPECTRUM, SMALLEST_SWD, spectrum, swd
from apercu.bench.wasserstein import SMALLEST_WASSERSTEIN, wasserstein
from apercu.errors import OptionError
from apercu.stages.colour import Samples

_SIGMA, _RADIUS = 1.5, 5  # of the Gaussian window of SSIM, in pixels: 11 x 11
_K1, _K2 = 0.01, 0.03
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM, the finest scale first
_GRADIENT_CONSTANT = 170.0  # of GMSD, on a scale of 255

SMALLEST_SSIM = 2 * _RADIUS + 1
SMALLEST_MS_SSIM = SMALLEST_SSIM * 2 ** (len(_SCALE_WEIGHTS) - 1)
SMALLEST_GMSD = 6  # which leaves 3 x 3 gradients

_STRIP = 64  # rows that are filtered at once: what they take stays in the processor's cache
_CHUNK = 1 << 20  # samples summed at once: of 65535^2 each, they add up exactly in a float64


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it."""

    function: Callable[..., float]
    """Takes original and decoded; raises OptionError where it cannot be measured. The package's own take `peak` too,
    unless `only_8_bits`."""
    higher_is_better: bool
    unit: str
    """As printed; empty for a bare number."""
    smallest: int = 1
    """Pixels that the shorter side of the image must have."""
    needs: tuple[str, ...] = ()
    """Packages beyond NumPy, those of the extra `measures`."""
    only_8_bits: bool = False
    """Whether it takes grey and RGB of 8 bits alone, on their own scale."""

    def refusal(self, image: Samples) -> str | None:
        """Why it cannot measure an image, or None."""
        if min(image.shape[:2]) < self.smallest:
            return f"sides below {self.smallest} pixels"
        return "not grey or RGB of 8 bits" if self.only_8_bits and not takes(image) else None


def bpp(data: bytes, original: Samples) -> float:
    """Bits per pixel (height x width, all bands together) of a whole file, headers and checksums included."""
    n_pixels: int = original.shape[0] * original.shape[1]
    return 8 * len(data) / n_pixels


def psnr(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Peak signal-to-noise ratio in dB over all samples of all bands; infinite for equal images.

    10 log10(peak^2 / mean squared error), where the peak is 255 or 65535, or what is given. Raises OptionError.
    """
    checked(original, decoded)
    return _decibels(_squared_error(original, decoded) / original.size, peak_of(original, peak))


def psnr_per_plane(original: Samples, decoded: Samples, peak: Peak = None) -> list[float]:
    """`psnr` of each band by itself, in dB; "range" is then that of the band. Raises OptionError."""
    checked(original, decoded)
    first, second = (image.reshape(*image.shape[:2], -1) for image in (original, decoded))
    n_pixels = first.shape[0] * first.shape[1]
    pairs = [(first[:, :, band], second[:, :, band]) for band in range(first.shape[2])]
    return [_decibels(_squared_error(*pair) / n_pixels, peak_of(pair[0], peak)) for pair in pairs]


def _squared_error(original: Samples, decoded: Samples) -> float:
    """The sum of squared differences, exact for images of up to 2^21 samples, and chunk by chunk of all others."""
    first, second = original.reshape(-1), decoded.reshape(-1)
    total = 0.0
    for start in range(0, first.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        difference = first[part].astype(np.float64) - second[part]
        total += float(difference @ difference)
    return total


def _decibels(mean_squared_error: float, largest: float) -> float:
    return math.inf if mean_squared_error == 0 else 10 * math.log10(largest**2 / mean_squared_error)


def ssim(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Mean structural similarity, at most 1 (equal); can be negative.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
    Trans. Image Processing 13(4), 2004, as in the authors' ssim_index.m: Gaussian window of 11 x 11 pixels, sigma 1.5,
    weights that add up to 1; variances of the whole window (not of a sample); K1 = 0.01, K2 = 0.03; mean over the
    windows that lie wholly inside the image. At the image's own size: ssim.m, a later program of the authors', first
    reduces images of 384 pixels a side and above, and this does not. On luma, as said above.

    Raises OptionError, also for a side below 11 pixels.
    """
    checked(original, decoded, SMALLEST_SSIM)
    largest = peak_of(original, peak)
    return mean_over_planes(original, decoded, lambda first, second: _structure(first, second, largest)[0])


def ms_ssim(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Multi-scale structural similarity, 0 to 1 (equal).

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", 37th Asilomar
    Conference on Signals, Systems and Computers, 2003, as in the authors' msssim.m: SSIM's window at five scales, each
    the mean of 2 x 2 pixels of the one before (at an odd end the last row or column counts twice); the product of
    contrast and structure at scales 1 to 4 and of all of SSIM at scale 5, to the powers 0.0448, 0.2856, 0.3001, 0.2363
    and 0.1333. A negative mean, of which there is no such power, counts as 0.

    Fewer scales would be another measure under the same name, so images with a side below 176 pixels are refused, as by
    the authors. Raises OptionError.
    """
    checked(original, decoded, SMALLEST_MS_SSIM)
    largest = peak_of(original, peak)
    return mean_over_planes(original, decoded, lambda first, second: _over_scales(first, second, largest))


def _over_scales(first: Plane, second: Plane, largest: float) -> float:
    product = 1.0
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        if scale:
            first, second = _halved(first, "symmetric"), _halved(second, "symmetric")
        whole, contrast_structure = _structure(first, second, largest)
        factor = whole if scale == len(_SCALE_WEIGHTS) - 1 else contrast_structure
        product *= max(factor, 0.0) ** weight
    return product


def _structure(first: Plane, second: Plane, largest: float) -> tuple[float, float]:
    """Means over all windows inside the planes: of SSIM, and of its second factor, contrast and structure."""
    c1, c2 = (_K1 * largest) ** 2, (_K2 * largest) ** 2
    n_rows, n_columns = first.shape[0] - 2 * _RADIUS, first.shape[1] - 2 * _RADIUS
    sum_whole = sum_contrast = 0.0
    for top in range(0, n_rows, _STRIP):
        x, y = (plane[top : top + _STRIP + 2 * _RADIUS] for plane in (first, second))
        mean_x, mean_y = _windowed(x), _windowed(y)
        mean_product, mean_squares = mean_x * mean_y, mean_x**2 + mean_y**2
        covariance = _windowed(x * y) - mean_product
        variances = _windowed(x * x + y * y) - mean_squares
        contrast = (2 * covariance + c2) / (variances + c2)
        sum_contrast += float(contrast.sum())
        sum_whole += float((contrast * (2 * mean_product + c1) / (mean_squares + c1)).sum())
    return sum_whole / (n_rows * n_columns), sum_contrast / (n_rows * n_columns)


_offsets = np.arange(-_RADIUS, _RADIUS + 1)
_WINDOW = np.exp(-(_offsets**2) / (2 * _SIGMA**2))
_WINDOW /= _WINDOW.sum()


def _windowed(plane: Plane) -> Plane:
    """Means under the Gaussian window, where it lies inside: (H - 10, W - 10)."""
    for _ in range(2):  # down, then across
        n = plane.shape[0] - 2 * _RADIUS
        sums = _WINDOW[_RADIUS] * plane[_RADIUS : _RADIUS + n]
        for k in range(_RADIUS):
            sums += _WINDOW[k] * (plane[k : k + n] + plane[2 * _RADIUS - k : 2 * _RADIUS - k + n])
        plane = sums.T
    return plane


def _halved(plane: Plane, beyond: str) -> Plane:
    """Means of 2 x 2 pixels; `beyond` says what stands in for those outside an odd side, as in numpy.pad."""
    height, width = plane.shape
    if height % 2 or width % 2:
        padding = ((0, height % 2), (0, width % 2))
        plane = np.pad(plane, padding, mode="symmetric" if beyond == "symmetric" else "constant")
    means: Plane = (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4
    return means


def gmsd(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Gradient magnitude similarity deviation, from 0 (equal) up; seldom above 0.4.

    Xue, Zhang, Mou and Bovik, "Gradient magnitude similarity deviation: a highly efficient perceptual image quality
    index", IEEE Trans. Image Processing 23(2), 2014, as in the authors' GMSD.m: means of 2 x 2 pixels, Prewitt
    gradients, zeros outside the image, the constant 170 (on a scale of 255, and in proportion to the square of the
    peak), and the standard deviation of the similarities as of a sample (n - 1). On luma, as said above.

    Raises OptionError, also for a side below 6 pixels.
    """
    checked(original, decoded, SMALLEST_GMSD)
    constant = _GRADIENT_CONSTANT * (peak_of(original, peak) / 255) ** 2

    def deviation(first: Plane, second: Plane) -> float:
        x, y = (_gradient_magnitude(_halved(plane, "zero")) for plane in (first, second))
        similarity = (2 * x * y + constant) / (x**2 + y**2 + constant)
        return float(np.std(similarity, ddof=1))

    return mean_over_planes(original, decoded, deviation)


def _gradient_magnitude(plane: Plane) -> Plane:
    """Of Prewitt's two gradients, with zeros outside."""
    padded = np.pad(plane, 1)
    summed_down = padded[:-2] + padded[1:-1] + padded[2:]
    summed_across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    magnitude: Plane = np.hypot(summed_down[:, 2:] - summed_down[:, :-2], summed_across[2:] - summed_across[:-2]) / 3
    return magnitude


METRICS = {
    "psnr": Metric(psnr, True, "dB"),
    "ssim": Metric(ssim, True, "", SMALLEST_SSIM),
    "ms_ssim": Metric(ms_ssim, True, "", SMALLEST_MS_SSIM),
    "gmsd": Metric(gmsd, False, "", SMALLEST_GMSD),
    "swd": Metric(swd, False, "10⁻³", SMALLEST_SWD),
    "spectrum": Metric(spectrum, False, "dB", SMALLEST_SPECTRUM),
}
"""The metrics by name."""

MEASURES = {
    "ssimulacra2": Metric(ssimulacra2, True, "", SMALLEST_SSIMULACRA2, ("ssimulacra2",), only_8_bits=True),
    "wasserstein": Metric(wasserstein, False, "", SMALLEST_WASSERSTEIN, ("scipy",)),
    "deep": Metric(deep, False, "10⁻³", SMALLEST_DEEP, DEEP_NEEDS["lite0"]),
    "deep_unseen": Metric(deep_unseen, False, "10⁻³", SMALLEST_DEEP, DEEP_NEEDS["lite2"]),
}
"""Those that take longer, or need the extra `measures`: measured where they are asked for."""


def load_metric(name: str) -> Metric:
    """A user's own metric, `"module:function"`: the function takes (original, decoded) and returns a number.

    The module is looked for where Python looks, and last in the current folder, which stays on `sys.path`. The function
    may have the attributes `higher_is_better` (bool, otherwise True) and `unit` (str, otherwise empty). What comes back
    can be sent to another process where the function itself can.

    Raises OptionError: no such module or function, an error while the module is imported, or attributes of the wrong
    type. The metric raises it where the function raises anything, or returns what is no number.
    """
    function = users.load(name, "metric")
    higher_is_better, unit = getattr(function, "higher_is_better", True), getattr(function, "unit", "")
    if not isinstance(higher_is_better, bool):
        raise OptionError(f"metric {name}: higher_is_better is {higher_is_better!r}, not True or False")
    if not isinstance(unit, str):
        raise OptionError(f"metric {name}: unit is {unit!r}, not a string")
    return Metric(partial(_users, name, function), higher_is_better, unit)


def _users(name: str, function: Callable[[Samples, Samples], Any], original: Samples, decoded: Samples) -> float:
    checked(original, decoded)
    try:
        value = function(original, decoded)
    except Exception as error:  # a user's function can raise anything
        raise OptionError(f"metric {name} failed: {users.said(error)}") from error
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"metric {name} returned a {type(value).__name__}, not a number") from error
