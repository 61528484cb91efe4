"""Means over the images of a comparison: on the curves at a rate, and of the best files within a size."""

from collections.abc import Mapping, Sequence
from typing import Any

from apercu.bench import curves

Record = Mapping[str, Any]
NO_FILE, ONLY_SMALLER, NO_VALUE = "no file", "only smaller", "no value"
MEANINGS = {
    NO_FILE: "the codec has no file that small",
    ONLY_SMALLER: "all its files are smaller",
    NO_VALUE: "its files have no finite value of this metric",
}
"""Why there is no mean."""


def at_rates(
    records: Sequence[Record], metric: str, codecs: Sequence[str], rates: Sequence[float], higher_is_better: bool
) -> dict[str, list[dict[str, Any]]]:
    """codec -> for each rate the mean over the images whose curve reaches it, how many those are, and why none does."""
    table: dict[str, list[dict[str, Any]]] = {}
    for codec in codecs:
        of_codec = [record for record in records if record["codec"] == codec]
        points: dict[str, list[curves.Point]] = {}
        for record in of_codec:
            if (value := record["metrics"].get(metric)) is not None:
                points.setdefault(record["image"], []).append((record["bpp"], value))
        lines = [curves.envelope(of_image, higher_is_better) for of_image in points.values()]
        table[codec] = []
        for rate in rates:
            values = [value for line in lines if (value := curves.at_rate(line, rate)) is not None]
            why = NO_FILE if all(record["bpp"] > rate for record in of_codec) else ONLY_SMALLER if lines else NO_VALUE
            table[codec].append({"rate": rate, **_mean(values, why)})
    return table


def in_bytes(
    records: Sequence[Record],
    metric: str,
    codecs: Sequence[str],
    budgets: Sequence[int],
    first: tuple[str, Any],
) -> dict[str, list[dict[str, Any]]]:
    """codec -> for each size the mean of the best file within it, over the images that have one.

    first: the metric by which a file is the best, by name.
    """
    table: dict[str, list[dict[str, Any]]] = {}
    for codec in codecs:
        by_image: dict[str, list[Record]] = {}
        for record in records:
            if record["codec"] == codec:
                by_image.setdefault(record["image"], []).append(record)
        table[codec] = []
        for n_bytes in budgets:
            among = [best(some, n_bytes, first[0], first[1].higher_is_better) for some in by_image.values()]
            files = [record for record in among if record]
            values = [value for record in files if (value := record["metrics"].get(metric)) is not None]
            table[codec].append({"n_bytes": n_bytes, **_mean(values, NO_VALUE if files else NO_FILE)})
    return table


def best(records: Sequence[Any], n_bytes: float, metric: str, higher_is_better: bool) -> Any | None:
    """The record of at most so many bytes that is the best by a metric, or None; a lossless one is the best of all."""
    sign = 1 if higher_is_better else -1

    def worth(record: Record) -> tuple[float, int]:
        value = record["metrics"].get(metric, 0)
        return (float("inf") if value is None else sign * value), -record["n_bytes"]

    return max((record for record in records if record["n_bytes"] <= n_bytes), key=worth, default=None)


def _mean(values: Sequence[float], why: str) -> dict[str, Any]:
    if not values:
        return {"mean": None, "images": 0, "note": why}
    return {"mean": sum(values) / len(values), "images": len(values), "note": None}
