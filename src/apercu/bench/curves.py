"""Rate-distortion curves: the best of a codec's points, the value at a rate, and BD-rate between two codecs.

A point is (bpp, value); whether more is better is the metric's to say. Rates are compared as their logarithms.
"""

import csv
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apercu.bench.cells import from_cell
from apercu.errors import MissingExtra, OptionError, printable

Point = tuple[float, float]
"""Bits per pixel, and what a metric says."""

BD_RANGE = (0.04, 0.35)
"""The bits per pixel that BD-rate is computed over."""
MIN_POINTS = 8
"""Of a curve within that range; fewer do not say where it runs."""
MIN_OVERLAP = 0.5
"""The share of the narrower curve's values that both curves have to reach."""
_SAME = 1e-6  # values that differ by no more are one point of the curve


@dataclass(frozen=True)
class BdRate:
    """How many per cent more bits a codec needs than another for the same value, or why that is unknown.

    overlap: the share, 0 to 1, of the narrower curve's range of values that both curves reach.
    """

    percent: float | None
    overlap: float
    refused: str | None = None


def envelope(points: Iterable[Point], higher_is_better: bool = True) -> list[Point]:
    """The points that no other beats at the same rate or a lower one, by rate: what the best settings reach.

    What is not finite (the PSNR of equal images) has no place on a curve, and is left out.
    """
    best, found = -math.inf, []
    sign = 1 if higher_is_better else -1
    for rate, value in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if math.isfinite(value) and sign * value > best:
            best = sign * value
            found.append((rate, value))
    return found


def at_rate(curve: Sequence[Point], rate: float) -> float | None:
    """The value of a curve at a rate, linear between its points in the logarithm of the rate; None outside it."""
    if not curve or not curve[0][0] <= rate <= curve[-1][0]:
        return None
    return float(np.interp(np.log(rate), np.log([point[0] for point in curve]), [point[1] for point in curve]))


def bd_rate(
    reference: Iterable[Point],
    test: Iterable[Point],
    higher_is_better: bool = True,
    limits: tuple[float, float] = BD_RANGE,
) -> BdRate:
    """Bjøntegaard delta rate of `test` against `reference`: below 0, `test` needs fewer bits.

    The mean difference of the logarithms of the rates over the values that both curves reach, interpolated by PCHIP
    (the package `bjontegaard`; Bjøntegaard, VCEG-M33, 2001). The curves are the envelopes of the points, as far as
    their rates are within `limits`.

    Refused where a curve has fewer than `MIN_POINTS` points, or the curves share less than `MIN_OVERLAP` of the
    narrower range of values. Raises MissingExtra.
    """
    sign = 1.0 if higher_is_better else -1.0
    first, second = (_by_value(envelope(points, higher_is_better), sign, limits) for points in (reference, test))
    fewest = min(len(first), len(second))
    low, high = (max(first[0][1], second[0][1]), min(first[-1][1], second[-1][1])) if fewest else (0.0, 0.0)
    span = min(curve[-1][1] - curve[0][1] for curve in (first, second)) if fewest else 0.0
    overlap = max(0.0, high - low) / span if span > 0 else 0.0
    if fewest < MIN_POINTS:
        return BdRate(
            None, overlap, f"{fewest} points from {limits[0]:g} to {limits[1]:g} bpp, {MIN_POINTS} are needed"
        )
    if overlap < MIN_OVERLAP:
        return BdRate(None, overlap, f"the curves share {overlap:.0%} of their values, {MIN_OVERLAP:.0%} are needed")
    package = _bjontegaard()
    rates = [[rate for rate, _ in curve] for curve in (first, second)]
    values = [[value for _, value in curve] for curve in (first, second)]
    percent = package.bd_rate(
        rates[0], values[0], rates[1], values[1], method="pchip", require_matching_points=False, min_overlap=0
    )
    return BdRate(float(percent), overlap)


def _by_value(curve: list[Point], sign: float, limits: tuple[float, float]) -> list[Point]:
    """The part of an envelope between two rates, with values that grow by more than a rounding error."""
    kept: list[Point] = []
    for rate, value in curve:
        if limits[0] <= rate <= limits[1] and (not kept or sign * value - kept[-1][1] > _SAME):
            kept.append((rate, sign * value))
    return kept


def _bjontegaard() -> Any:
    try:
        import bjontegaard
    except ImportError as error:
        raise MissingExtra("BD-rate needs bjontegaard: pip install 'apercu[bench]'") from error
    return bjontegaard


def bd_table(curves: Mapping[str, Mapping[str, Sequence[Point]]], higher_is_better: bool) -> dict[str, Any]:
    """BD-rate of every codec against every other: row -> column -> mean over the images.

    curves: codec -> image -> points.

    An entry has `mean`, in per cent, of the row against the column (None where no image allows it), over so many
    `images`; the mean `overlap` of all that both codecs have; and under `refused` how many images each reason cost.
    """
    return {
        row: {
            column: _mean(
                [
                    bd_rate(curves[column][image], curves[row][image], higher_is_better)
                    for image in curves[row]
                    if image in curves[column]
                ]
            )
            for column in curves
            if column != row
        }
        for row in curves
    }


def _mean(results: Sequence[BdRate]) -> dict[str, Any]:
    found = [result.percent for result in results if result.percent is not None]
    refused: dict[str, int] = {}
    for result in results:
        if result.refused:
            refused[result.refused] = refused.get(result.refused, 0) + 1
    return {
        "mean": sum(found) / len(found) if found else None,
        "images": len(found),
        "overlap": sum(result.overlap for result in results) / len(results) if results else None,
        "refused": refused,
    }


def read_points(path: str | Path, images: Mapping[str, int], metrics: Collection[str]) -> list[dict[str, Any]]:
    """Points measured elsewhere, as records like those of `apercu.bench.compare`.

    The file is CSV with the columns image, codec and bpp, and one for each metric that it has; others are not read.

    images: the names that may occur, with the number of pixels of each.
    metrics: the metrics that are wanted; a point may be without some of them.

    Raises OptionError, naming the line, and OSError.
    """
    with open(path, newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        try:
            columns = reader.fieldnames or []
            missing = [name for name in ("image", "codec", "bpp") if name not in columns]
            known = [name for name in metrics if name in columns]
            if missing or not known:
                wanted = ", ".join(missing) if missing else f"any of {', '.join(metrics)}"
                raise OptionError(f"{path}: no column {wanted}")
            return [_external(row, f"{path}, line {reader.line_num}", images, known) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise OptionError(f"{path}: {error}") from error


def _external(row: dict[str, str], place: str, images: Mapping[str, int], metrics: Sequence[str]) -> dict[str, Any]:
    image, codec = from_cell(row["image"] or ""), printable(from_cell(row["codec"] or ""))
    if image not in images:
        raise OptionError(f"{place}: no image {image!r} among those compared: {', '.join(images)}")
    if not codec:
        raise OptionError(f"{place}: the codec has no name")
    values = {name: _number(row[name], place, name) for name in metrics if row[name]}
    bpp = _number(row["bpp"], place, "bpp")
    if not bpp > 0:
        raise OptionError(f"{place}: bpp is above 0, not {bpp:g}")
    return {
        "image": image,
        "codec": codec,
        "scale": 1,
        "level": "",
        "n_bytes": round(bpp * images[image] / 8),
        "bpp": bpp,
        "metrics": values,
        "encode_s": None,
        "decode_s": None,
        "external": True,
    }


def _number(text: str | None, place: str, name: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        raise OptionError(f"{place}: {name} is no number: {text!r}") from None
    if not math.isfinite(number):
        raise OptionError(f"{place}: {name} is not finite")
    return number
