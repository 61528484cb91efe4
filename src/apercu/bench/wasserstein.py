"""Wasserstein distortion: whether a decoded image has, in each place, the texture of its original.

Qiu, Wagner, Ballé and Theis, "Wasserstein distortion: unifying fidelity and realism", CISS 2024: the statistics of
features in a window around each place are compared, as if they were Gaussian, by the squared 2-Wasserstein distance:
(difference of means)² + (difference of deviations)². A small window asks for the same pixels, a large one for the
same texture. Here the features are like those of Portilla and Simoncelli ("A parametric texture model based on joint
statistics of complex wavelet coefficients", IJCV 2000): bands of a complex steerable pyramid, their moduli, and
products of moduli of neighbouring scales, which are large where edges lie. No trained network is needed.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from apercu.bench.planes import Peak, Plane, checked, mean_over_planes, peak_of
from apercu.errors import MissingExtra
from apercu.stages.colour import Samples

SCALES, ORIENTATIONS = 4, 4
SIGMA = 8
"""Standard deviation in pixels of the Gaussian window; in a band at 1 / 2^k of the size, 1 / 2^k of that."""
MARGIN = 32
"""Pixels by which an image is continued, mirrored, before it is transformed."""
SMALLEST_WASSERSTEIN = 2 * MARGIN

Complex = NDArray[np.complexfloating]
Feature = NDArray[np.floating]


def wasserstein(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Wasserstein distortion in squared units of samples on a scale of 255, from 0 (equal) up.

    The mean over places and orientations, summed over scales and kinds of features, with a window of SIGMA pixels. On
    luma, as said in metrics.py. Of periods above 64 pixels, and of the mean, it sees nothing. Raises OptionError, also
    for a side below 64 pixels, and MissingExtra.
    """
    checked(original, decoded, SMALLEST_WASSERSTEIN)
    unit = 255 / peak_of(original, peak)

    def distance(first: Plane, second: Plane) -> float:
        pairs = zip(features(unit * first), features(unit * second), strict=True)
        return sum(_between(a, b, SIGMA / 2**scale) for (scale, a), (_, b) in pairs) / ORIENTATIONS

    return mean_over_planes(original, decoded, distance)


def _between(a: Feature, b: Feature, sigma: float) -> float:
    (mean_a, deviation_a), (mean_b, deviation_b) = _statistics(a, sigma), _statistics(b, sigma)
    return float(np.mean((mean_a - mean_b) ** 2 + (deviation_a - deviation_b) ** 2))


def _statistics(feature: Feature, sigma: float) -> tuple[Feature, Feature]:
    """Local mean and standard deviation, at every second place where the window allows that."""
    try:
        from scipy.ndimage import gaussian_filter
    except ImportError:
        raise MissingExtra("the metric wasserstein needs scipy: pip install 'apercu[measures]'") from None
    places = (slice(None, None, 2),) * 2 if sigma >= 2 else (slice(None),) * 2
    mean, square = (gaussian_filter(values, sigma, truncate=3)[places] for values in (feature, feature**2))
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def features(plane: Plane) -> Iterator[tuple[int, Feature]]:
    """Features of a plane with the scale that each belongs to: it has 1 / 2^scale of the size, without the margin."""
    finer: list[Feature] = []
    for scale, bands in enumerate(steerable(plane)):
        inside = (slice(MARGIN >> scale, -(MARGIN >> scale)),) * 2
        moduli = [np.abs(band) for band in bands]
        for band, modulus in zip(bands, moduli, strict=True):
            yield scale, band.real[inside]
            yield scale, modulus[inside]
        for fine, coarse in zip(finer, moduli, strict=False):
            yield scale, np.sqrt(_halved(fine) * coarse)[inside]
        finer = moduli


def _halved(values: Feature) -> Feature:
    """Means of 2×2."""
    found: Feature = (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) / 4
    return found


def steerable(plane: Plane) -> Iterator[list[Complex]]:
    """Analytic bands, by scale, the finest first, and orientation, of a plane with its margin.

    Filters of octave width with raised cosines in the logarithm of frequency, and cosines to the power
    ORIENTATIONS - 1 in direction; a scale is sampled at half the rate of the one before.
    """
    unit = 1 << SCALES
    sides = ((MARGIN, MARGIN + -side % unit) for side in plane.shape)
    spectrum: Complex = np.fft.fft2(np.pad(plane.astype(np.float32), tuple(sides), mode="symmetric"))
    for _ in range(SCALES):
        height, width = spectrum.shape
        y, x = np.fft.fftfreq(height)[:, np.newaxis], np.fft.fftfreq(width)
        octave = np.log2(np.maximum(np.hypot(y, x), 1e-9) / 0.25)  # of the middle of the band
        ring = np.cos(np.pi / 2 * np.clip(octave, -1, 1))
        angle = np.arctan2(y, x)
        bands = []
        for k in range(ORIENTATIONS):
            turned = (angle - np.pi * k / ORIENTATIONS + np.pi) % (2 * np.pi) - np.pi
            lobe = np.where(np.abs(turned) < np.pi / 2, 2 * np.cos(turned) ** (ORIENTATIONS - 1), 0)
            bands.append(np.fft.ifft2(spectrum * (ring * lobe)).astype(np.complex64))
        yield bands
        low = np.where(octave < 0, np.sin(np.pi / 2 * np.clip(-octave, 0, 1)), 0)
        spectrum = _cropped(spectrum * low)


def _cropped(spectrum: Complex) -> Complex:
    """The lower half of the frequencies: every second sample."""
    height, width = spectrum.shape
    rows, columns = (np.r_[0 : side // 4, side - side // 4 : side] for side in (height, width))
    found: Complex = spectrum[np.ix_(rows, columns)] / 4
    return found
