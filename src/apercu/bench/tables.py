"""The tables of a report as text, wide enough for what stands in them."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from apercu.bench.means import MEANINGS
from apercu.bench.plan import in_bytes

_HEADING = 11  # characters that the words of a heading are set in, unless one of them is longer
_GAP = 2


def tables(report: Mapping[str, Any], width: int | None = None) -> str:
    """Means at the rates and in the bytes, BD-rate, times and arithmetic.

    width: characters of a line, where there is a limit; tables that are wider come in parts, one below the other.
    """
    labels, n_images = report["labels"], len(report["images"])
    blocks = []
    for metric, entry in report["metrics"].items():
        unit = f" in {entry['unit']}" if entry["unit"] else ""
        rates, sizes = [f"{rate:g}" for rate in report["rates"]], [in_bytes(n) for n in report["budgets"]]
        if rates:
            means = {labels[codec]: list(map(_mean_cell, row)) for codec, row in report["means"][metric].items()}
            title = f"{metric}{unit}: mean over the images that reach a rate in bpp (of {n_images})"
            blocks.append(_titled(title, table(rates, means, width), _remarks(means)))
        if sizes:
            means = {
                labels[codec]: list(map(_mean_cell, row)) for codec, row in report["means_in_bytes"][metric].items()
            }
            title = f"{metric}{unit}: mean of the best files of at most so many bytes (of {n_images} images)"
            blocks.append(_titled(title, table(sizes, means, width), _remarks(means)))
        rows = report["bd_rate"][metric]
        shown = [codec for codec in rows if any(row.get(codec, {}).get("images") for row in rows.values())]
        cells = {labels[codec]: [_bd_cell(rows[codec].get(column)) for column in shown] for codec in shown}
        if shown:
            blocks.append(_titled(_bd_title(report, metric), table([labels[codec] for codec in shown], cells, width)))
    blocks.append(_titled(
        "Milliseconds per megapixel, and multiply-accumulates per pixel, without those of restorers (one thread, while "
        "others worked; medians)",
        table(["encode", "decode", "encoder", "decoder"], _times(report), width),
    ))  # fmt: skip
    return "\n\n".join(blocks)


def table(headings: Sequence[str], rows: Mapping[str, Sequence[str]], width: int | None = None) -> str:
    """Rows by name below headings, which are broken into lines at spaces. Nothing is cut off."""
    wrapped = [textwrap.wrap(heading, _HEADING, break_long_words=False, break_on_hyphens=False) for heading in headings]
    widths = [
        _GAP + max(map(len, (*lines, *(row[at] for row in rows.values() if at < len(row)))), default=0)
        for at, lines in enumerate(wrapped)
    ]
    left = max(map(len, rows), default=0)
    parts, begin = [], 0
    while begin < len(headings):
        end = begin + 1
        while end < len(headings) and (width is None or left + sum(widths[begin : end + 1]) <= width):
            end += 1
        parts.append(_part(wrapped[begin:end], {n: row[begin:end] for n, row in rows.items()}, widths[begin:end], left))
        begin = end
    return "\n\n".join(parts)


def _part(
    headings: Sequence[Sequence[str]], rows: Mapping[str, Sequence[str]], widths: Sequence[int], left: int
) -> str:
    height = max(map(len, headings), default=0)
    lines = [("", [heading[at - height + len(heading)] if at >= height - len(heading) else "" for heading in headings])
             for at in range(height)]  # fmt: skip
    return "\n".join(
        (f"{name:{left}}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=False))).rstrip()
        for name, cells in (*lines, *rows.items())
    )


def _titled(title: str, text: str, remarks: Sequence[str] = ()) -> str:
    return "\n".join([title, text, *remarks])


def _remarks(rows: Mapping[str, Sequence[str]]) -> list[str]:
    """What the words in a table mean, those that are in it."""
    cells = {cell for row in rows.values() for cell in row}
    return [f"({word}: {meaning})" for word, meaning in MEANINGS.items() if word in cells]


def _mean_cell(entry: Mapping[str, Any]) -> str:
    note: str = entry["note"]
    return note if entry["mean"] is None else f"{entry['mean']:.4g}/{entry['images']}"


def _bd_title(report: Mapping[str, Any], metric: str) -> str:
    low, high = report["bd_range"]
    overlaps = [e["overlap"] for row in report["bd_rate"][metric].values() for e in row.values() if e["images"]]
    least = f"; on average these curves share at least {min(overlaps):.0%} of their range" if overlaps else ""
    return (
        f"BD-rate on {metric} in %, {low:g} to {high:g} bpp: below 0 the row needs fewer bits than the column "
        f"(after /: how many images have curves that overlap enough{least})"
    )


def _bd_cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    return "-" if entry["mean"] is None else f"{entry['mean']:.1f}/{entry['images']}"


def _times(report: Mapping[str, Any]) -> dict[str, list[str]]:
    rows = {}
    for codec, times in report["times"].items():
        work = report["arithmetic"].get(codec)
        cells = [f"{1000 * times[f'{way}_s_per_megapixel']:.1f}" for way in ("encode", "decode")]
        rows[report["labels"][codec]] = cells + ([f"{work['encoder']:.2f}", f"{work['decoder']:.2f}"] if work else [])
    return rows
