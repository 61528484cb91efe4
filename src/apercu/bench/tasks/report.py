"""What is written of a run of a task: report.json, points.csv, curves as PNG and SVG, and the page.

The page is that of a comparison (`apercu.bench.page`), with a section of its own: what networks make of the pictures.
"""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apercu.bench import plots
from apercu.bench.cache import write_whole
from apercu.bench.cells import to_cell
from apercu.bench.page import write_page
from apercu.bench.tasks.shown import Pictures
from apercu.bench.tasks.tables import TRAINED, enough, enough_said, said_of, sampled, sure

Report = Mapping[str, Any]
_INTERVALS = ("score", "loss", "recovered", "recovered_further")
_COLUMNS = (
    "shown", "trained", "codec", "rate",
    *(f"{name}{end}" for name in _INTERVALS for end in ("", "_low", "_high")),
    "bpp", "psnr", "missing", "label",
)  # fmt: skip
_PANEL = 6.2, 5.2  # inches
_LABELS = 1.8  # inches, beside the panels
_TITLE = 120  # characters
_SPREAD = 0.012  # of the logarithmic axis, from the mark of one codec to that of the next
_FURTHER = "originals, by networks retrained on them"
_CHANCE = {"shuffled": "chance: truth of other pictures", "grey": "grey pictures"}
_OPEN = {"same": "-", "mixed": ":"}  # how lines of networks are drawn that were trained on


def save(report: Report, shown: Pictures, folder: Path) -> None:
    """Write report.json, points.csv, curves.png, curves.svg and index.html to a folder, which is made if need be.

    report: as `apercu.bench.tasks.run.Result` has it. shown: of `apercu.bench.tasks.shown`.

    Raises MissingExtra without matplotlib, OSError.
    """
    files = {
        "report.json": json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1).encode(),
        "points.csv": points_csv(report).encode(),
        **draw(report),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    write_page(
        _comparison(report, shown),
        shown.pictures,
        folder / "index.html",
        originals=shown.originals,
        title=f"apercu machine: {report['task']['name']}",
    )


def points_csv(report: Report) -> str:
    """Scores, losses and shares recovered as CSV, the originals and the controls first; empty where there is none.

    All text is quoted: a name with a semicolon would be cut where that parts the cells. See `cells` for formulas.
    """
    rows = [{"shown": shown, "trained": "originals", "score": entry}
            for shown, entry in (("originals", report["originals"]), *report["controls"].items())]  # fmt: skip
    if report["further"]:
        rows.append({"shown": "originals", "trained": "further", "score": report["further"]})
    for point in _points(report):
        rows.append({"shown": "coded", **point, "label": report["labels"][point["codec"]]})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    for row in rows:
        flat = dict(row)
        for name in _INTERVALS:
            entry = flat.pop(name, None) or {}
            flat |= {name: entry.get("mean"), f"{name}_low": entry.get("low"), f"{name}_high": entry.get("high")}
        cells = ["" if flat.get(column) is None else flat[column] for column in _COLUMNS]
        writer.writerow([to_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def draw(report: Report) -> dict[str, bytes]:
    """curves.png and curves.svg: the score against the rate, with intervals; beside it that of networks trained on.

    Raises MissingExtra.
    """
    found = {}
    retrained = [how for how in _OPEN if any(point["trained"] == how for point in report["points"])]
    for kind in ("png", "svg"):
        n_panels = 2 if retrained else 1
        with plots.drawing(report["task"]["name"], (n_panels * _PANEL[0] + _LABELS, _PANEL[1])) as figure:
            panels = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
            _panel(panels[0], report, ["originals"], ends=not retrained)
            task = report["task"]
            panels[0].set_ylabel(plots.short(f"{task['score']} (more is better)"), parse_math=False)
            panels[0].set_title(TRAINED["originals"] if task["learns"] else "", loc="left")
            figure.suptitle(plots.short(said_of(task), _TITLE), x=0.01, ha="left", fontsize=11, parse_math=False)
            if retrained:
                _panel(panels[1], report, retrained, ends=True)
                words = {"same": "at the same rate (solid)", "mixed": "at mixed rates (dotted)"}
                said = " and ".join(words[how] for how in retrained)
                panels[1].set_title(f"retrained {said}", loc="left")
            found[f"curves.{kind}"] = plots.file_of(figure, kind)
    return found


def _panel(axes: Any, report: Report, trained: list[str], ends: bool) -> None:
    """One panel: the lines of networks trained in one way or two, the originals and the chance."""
    rates, codecs = report["rates"], report["codecs"]
    plots.rate_axis(axes, rates)
    originals = report["originals"]
    axes.axhline(originals["mean"], color="#333333", linewidth=1.2)
    if originals["low"] is not None:
        axes.axhspan(originals["low"], originals["high"], color="#333333", alpha=0.12, linewidth=0)
    _say(axes, originals["mean"], "originals")
    if trained != ["originals"] and report["further"]:
        axes.axhline(report["further"]["mean"], color="#777777", linewidth=1, linestyle=(0, (6, 4)))
        _say(axes, report["further"]["mean"], _FURTHER, right=True)
    for control, entry in report["controls"].items():
        axes.axhline(entry["mean"], color="#777777", linewidth=1, linestyle=(0, (6, 4)))
        _say(axes, entry["mean"], _CHANCE[control], right=control == "grey")
    looks = plots.styles(codecs)
    lines: dict[str, plots.Curve] = {}
    for how in trained:
        for number, codec in enumerate(codecs):
            scores = {p["rate"]: p["score"] for p in report["points"] if (p["codec"], p["trained"]) == (codec, how)}
            x = [rate * (1 + _SPREAD * (number - (len(codecs) - 1) / 2)) for rate in rates]
            y = [scores[rate]["mean"] for rate in rates]
            spans = [[0 if scores[rate][end] is None else abs(scores[rate][end] - scores[rate]["mean"])
                      for rate in rates] for end in ("low", "high")]  # fmt: skip
            look = dict(looks[codec])
            if how != "originals":
                look |= {"markerfacecolor": "white", "markersize": 5, "linestyle": _OPEN[how]}
            axes.errorbar(x, y, yerr=spans, capsize=2.5, elinewidth=1, **look)
            lines.setdefault(codec, list(zip(x, y, strict=True)))
    if ends:
        plots.label_ends(axes, lines, looks, report["labels"])


def _say(axes: Any, height: float, words: str, right: bool = False) -> None:
    """Words above a level line, at the left or at the right."""
    axes.annotate(
        words,
        xy=(0.99 if right else 0.01, height),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        fontsize=8,
        color="#555555",
        ha="right" if right else "left",
    )


def _points(report: Report) -> list[dict[str, Any]]:
    """The points with losses, of networks that learnt from originals only, and shares recovered, of the others."""
    by_point: dict[Any, dict[str, Any]] = {}
    for one in report["losses"]:
        by_point.setdefault((one["codec"], one["rate"], one["trained"]), {})["loss"] = one["loss"]
    for one in report["recovered"]:
        name = "recovered" if one["of"] == "originals" else "recovered_further"
        by_point.setdefault((one["codec"], one["rate"], one["trained"]), {})[name] = one["share"]
    nothing = dict.fromkeys(_INTERVALS)
    return [
        {**nothing, **point, **by_point.get((point["codec"], point["rate"], point["trained"]), {})}
        for point in report["points"]
    ]


def _comparison(report: Report, shown: Pictures) -> dict[str, Any]:
    """A run as the page takes it: the pictures that it shows, and the section of the task."""
    codecs, n_networks = report["codecs"], len(report["task"]["seeds"])
    return {
        "codecs": codecs,
        "labels": report["labels"],
        "rates": report["rates"],
        "metrics": {"psnr": {"unit": "dB", "higher_is_better": True}},
        "images": shown.images,
        "points": [entry["point"] for entry in shown.pictures.values()],
        "provenance": shown.provenance,
        "environment": report["environment"],
        "task": {
            "said": said_of(report["task"]),
            "score": report["task"]["score"],
            "n_test": report["task"]["n_test"],
            "learns": report["task"]["learns"],
            "sampled": sampled(report["task"]),
            "trained": {how: words for how, words in TRAINED.items()
                        if any(point["trained"] == how for point in report["points"])},
            "teller": f"the first of {n_networks} networks without retraining" if n_networks > 1 else "the network",
            "legend": shown.legend,
            "enough": {
                "said": enough_said(),
                "rates": [[how, codecs.index(codec), report["rates"].index(rate)]
                          for (how, codec), rate in enough(report).items()],
            },
            "further": [_FURTHER, _short(report["further"])] if report["further"] else None,
            "levels": [[_CHANCE.get(name, name), _short(entry)]
                       for name, entry in (("originals", report["originals"]), *report["controls"].items())],
            "points": [
                {
                    "codec": codecs.index(point["codec"]),
                    "rate": report["rates"].index(point["rate"]),
                    "trained": point["trained"],
                    "missing": point["missing"],
                    **{name: _short(point[name]) for name in ("score", "loss")},
                    **{name: _short(sure(report, point[name])) for name in ("recovered", "recovered_further")},
                }
                for point in _points(report)
            ],
        },
    }  # fmt: skip


def _short(entry: Mapping[str, Any] | None) -> list[float | None] | None:
    """[mean, low, high] of an interval."""
    return None if entry is None else [entry["mean"], entry["low"], entry["high"]]
