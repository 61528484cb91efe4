"""What an encoder aims at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from apercu.codecs.source import Source
from apercu.errors import OptionError
from apercu.options import number, peak_or_range, targets, whole
from apercu.stages.blocks import Window

DEFAULT_QUALITY = 50
_LEAST_PEAK = 1e-50
_AT_ONCE = 1 << 22
"""Samples of a source that are read together."""


@dataclass(frozen=True)
class Target:
    """The target of an encoder; one is set, unless the codec's options take its place."""

    n_bytes: int | None = None
    psnr: float | None = None
    quality: float | None = None
    peak: float | str | None = None
    """What `psnr` relates errors to: a number, "range", or None for 255 or 65,535."""

    def of_65535(self) -> float | None:
        """The PSNR of a uint16 image that is related to 65,535, where the peak is a number or None."""
        if self.psnr is None or self.peak is None:
            return self.psnr
        return self.psnr + 20 * math.log10(65535 / float(self.peak))


def measured(target: Target, source: Source) -> Target:
    """A target whose peak is a number: "range" is from the smallest to the largest sample that counts."""
    if target.psnr is None or isinstance(target.peak, float | int):
        return target
    if target.peak is None:
        return replace(target, peak=65535.0 if source.dtype.itemsize == 2 else 255.0)
    least, most = math.inf, -math.inf
    n_rows = max(_AT_ONCE // (source.width * source.n_bands), 1)
    for top in range(0, source.height, n_rows):
        samples, mask = source.read(Window(top, 0, min(n_rows, source.height - top), source.width))
        counted = samples if mask is None else samples[~mask]
        if counted.size:
            least, most = min(least, float(counted.min())), max(most, float(counted.max()))
    return replace(target, peak=max(most - least, 1.0))


def target_of(given: Mapping[str, Any], n_pixels: int, options: Any = None, peak: float | str | None = None) -> Target:
    """The target among n_bytes, bpp, psnr and quality, of which None is not given, for an image of so many pixels.

    options: those of the codec, of which some take the place of a target. Without any, quality 50. Raises OptionError.
    """
    n_bytes, bpp, psnr, quality = (given.get(name) for name in ("n_bytes", "bpp", "psnr", "quality"))
    names = [name for name, value in given.items() if value is not None]
    if by_hand := targets(options) if options else []:
        names.append(" and ".join(by_hand))
    if len(names) > 1:
        raise OptionError(f"one target at a time, not {', '.join(names)}")
    if n_bytes is not None:
        n_bytes = whole("n_bytes (--bytes)", n_bytes)
        if n_bytes <= 0:
            raise OptionError(f"n_bytes (--bytes) must be above 0, not {n_bytes}")
    if bpp is not None:
        bpp = number("bpp", bpp, " above 0", lambda found: found > 0)
        n_bytes = math.floor(min(bpp * n_pixels / 8, 1 << 62))
    if psnr is not None:
        psnr = number("psnr", psnr, ", 0 or more", lambda found: found >= 0)
    if not names:
        quality = DEFAULT_QUALITY
    if quality is not None:
        quality = number("quality", quality, " from 0 to 100", lambda found: 0 <= found <= 100)
    if peak is not None:
        peak = peak_or_range("peak", peak)
        if not isinstance(peak, str) and not _LEAST_PEAK <= peak <= 1 / _LEAST_PEAK:
            raise OptionError(f"peak must be from {_LEAST_PEAK:g} to {1 / _LEAST_PEAK:g}, not {peak:g}")
        if psnr is None:
            raise OptionError("peak says what psnr means: give both")
    return Target(n_bytes, psnr, quality, peak)
