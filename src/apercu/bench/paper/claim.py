"""The paper's claim, "better than JPEG below 0.22 bits per pixel", against JPEG as its users have it, at full size.

Curves of the codec and of two JPEGs, baseline and optimised progressive, and the rate at which one overtakes the other.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

import apercu
from apercu.bench.curves import at_rate, envelope
from apercu.bench.metrics import bpp, psnr, ssim
from apercu.bench.paper import published
from apercu.bench.paper.points import Image, Point
from apercu.bench.peers import PEERS

RIVALS = {"jpeg": "baseline JPEG", "jpeg-prog": "optimised progressive JPEG"}
QUALITIES = range(1, 61)
RATES = (0.10, 0.15, 0.20, 0.22, 0.25, 0.30)
DRAWN = (0.05, 0.36)  # bits per pixel that the curves are drawn over
_MOST_POINTS = 40  # of a curve
_LOOKED_AT = 1000  # rates between which a crossing is looked for


@dataclass(frozen=True)
class CurvePoint:
    """A file on a curve: bits per pixel, PSNR in dB, SSIM."""

    bpp: float
    psnr: float
    ssim: float


Curve = list[CurvePoint]


def jpeg_curve(image: Image, rival: str) -> Curve:
    """Every quality from 1 to 60, at full size."""
    peer = PEERS[rival]
    found = []
    for quality in QUALITIES:
        data = peer.encode(image, quality)
        decoded = peer.decode(data, image.shape)
        found.append(CurvePoint(bpp(data, image), psnr(image, decoded), ssim(image, decoded)))
    return _best(found)


def codec_curve(image: Image, points: Iterable[Point]) -> Curve:
    """The best of the points at each rate, thinned, decoded again for SSIM."""
    by_rate = {(point.n_bits / image.size, point.psnr): point for point in points}
    best = [key for key in envelope(by_rate) if DRAWN[0] <= key[0] <= DRAWN[1]]
    every = max(1, len(best) / _MOST_POINTS)
    found = []
    for index in range(math.ceil(len(best) / every)):
        options = by_rate[best[int(index * every)]].options
        data = apercu.encode(image, codec="taha2025", **options)
        decoded = apercu.decode(data, model=options.get("model"))
        found.append(CurvePoint(bpp(data, image), psnr(image, decoded), ssim(image, decoded)))
    return found


def _best(points: Curve) -> Curve:
    kept = set(envelope((point.bpp, point.psnr) for point in points))
    return sorted((point for point in points if (point.bpp, point.psnr) in kept), key=lambda point: point.bpp)


def psnr_of(curve: Curve) -> list[tuple[float, float]]:
    """(bits per pixel, PSNR) of a curve."""
    return [(point.bpp, point.psnr) for point in curve]


def gain(ours: Curve, theirs: Curve, rate: float) -> float | None:
    """PSNR of the first less that of the second at a rate, in dB; None outside either."""
    first, second = at_rate(psnr_of(ours), rate), at_rate(psnr_of(theirs), rate)
    return None if first is None or second is None else first - second


@dataclass(frozen=True)
class Verdict:
    """Where a curve lies above a rival's, in bits per pixel, over the rates from `low` to `high` that both reach."""

    low: float
    high: float
    better: list[tuple[float, float]]

    @property
    def holds(self) -> bool:
        """Better than the rival at every rate below 0.22 that both reach, to the two decimals of the claim."""
        return (
            bool(self.better) and self.better[0][0] == self.low and round(self.better[0][1], 2) >= published.CLAIMED_BPP
        )

    def __str__(self) -> str:
        if not self.better:
            return f"at no rate from {self.low:.3f} to {self.high:.3f}"
        return ", ".join(f"{low:.3f} to {high:.3f}" for low, high in self.better)


def verdict(ours: Curve, theirs: Curve) -> Verdict:
    """Looks for the stretches of rates over which `ours` has the higher PSNR."""
    low, high = max(ours[0].bpp, theirs[0].bpp), min(ours[-1].bpp, theirs[-1].bpp)
    rates = np.geomspace(low, high, _LOOKED_AT)
    rates[[0, -1]] = low, high
    better: list[tuple[float, float]] = []
    ahead = False
    for before, rate in zip([low, *map(float, rates)], map(float, rates), strict=False):
        was, ahead = ahead, (gain(ours, theirs, rate) or 0.0) > 0
        if ahead and not was:
            better.append((rate, rate))
        elif ahead:
            better[-1] = better[-1][0], rate
        elif was:
            better[-1] = better[-1][0], before
    return Verdict(low, high, better)


def gains_of_paper(image: str, theirs: Curve) -> list[tuple[float, float | None]]:
    """At each of the paper's own points of eight outputs: bits per pixel, and its PSNR less the rival's."""
    found = []
    for decibels, _, _, bits in published.SIZES[image]:
        rate = bits / (published.SIZE[0] * published.SIZE[1])
        other = at_rate(psnr_of(theirs), rate)
        found.append((rate, None if other is None else decibels - other))
    return found
