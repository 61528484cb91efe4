"""Prediction of breathing, after Pohl et al. 2022: errors of each learner over traces, a sentence, the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.bench.paper.table import Table

CITATION = (
    "M. Pohl, M. Uesaka, H. Takahashi, K. Demachi and R. Bhusal Chhatkuli, Prediction of the position of external "
    "markers using a recurrent neural network trained with unbiased online recurrent optimization for safe lung cancer "
    "radiotherapy, Computer Methods and Programs in Biomedicine, 2022"
)
SOURCE = (
    "The text of the paper was not at hand, and its recordings are not used: traces are simulated, as stated below."
)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
HORIZONS = (1, 5)
"""In steps of 0.1 s."""
LEARNERS = {"uoro": "UORO", "rtrl": "RTRL", "lms": "LMS"}
OTHERS = "linear regression", "last position"

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Of a learner at a horizon: RMSE and the largest error of each trace, in mm, (S,) each; and its rate."""

    name: str
    horizon: int
    rate: float | None
    rmse: Real
    largest: Real


def errors(name: str, horizon: int, rate: float | None, predicted: Real, true: Real) -> Errors:
    """Of positions (S, M, 3) in mm; an error is a distance."""
    distances = np.nan_to_num(np.linalg.norm(predicted - true, axis=-1), nan=np.inf)
    return Errors(name, horizon, rate, np.sqrt(np.square(distances).mean(1)), distances.max(1))


def sentence(found: Sequence[Errors], horizon: int) -> str:
    """Who is ahead at a horizon, and in how many traces UORO is ahead of RTRL, of LMS and of linear regression."""
    mine = sorted((one for one in found if one.horizon == horizon), key=lambda one: float(one.rmse.mean()))
    by_name = {one.name: one for one in mine}
    of_uoro = by_name["UORO"].rmse
    wins = [
        f"{name} in {int((of_uoro < by_name[name].rmse).sum())} of {len(of_uoro)}"
        for name in ("RTRL", "LMS", "linear regression")
    ]
    order = ", ".join(f"{one.name} {one.rmse.mean():.2f}" for one in mine)
    first = "UORO has the least error" if mine[0].name == "UORO" else f"UORO is behind {mine[0].name}"
    return f"{horizon / 10:.1f} s ahead {first}: RMSE in mm {order}; UORO is better than {', than '.join(wins)} traces."


def table(found: Sequence[Errors]) -> Table:
    """A row for each horizon and learner: means over traces, and spreads."""
    columns = [("horizon, s", ".1f"), ("", ""), ("rate", "g"), ("RMSE, mm", ".2f"), ("± of traces", ".2f"),
               ("largest error, mm", ".1f"), ("± of traces, mm", ".1f")]  # fmt: skip
    rows: list[list[str | float | int | None]] = [
        [one.horizon / 10, one.name, one.rate, float(one.rmse.mean()), float(one.rmse.std()),
         float(one.largest.mean()), float(one.largest.std())]
        for one in found
    ]  # fmt: skip
    return Table("errors", "Errors of prediction", columns, rows, ["Means and standard deviations over traces."])


def page(head: Sequence[str], found: Sequence[Errors]) -> str:
    """The page, as Markdown."""
    sentences = [sentence(found, horizon) for horizon in sorted({one.horizon for one in found})]
    parts = ["# Prediction of breathing, as in Pohl et al. 2022", "", f"{CITATION}. {SOURCE}", ""]
    parts += [*(f"- {line}" for line in head), "", *(f"- {line}" for line in sentences), ""]
    parts += [table(found).markdown(), "", "![A trace, and what was predicted](traces.png)", ""]
    return "\n".join(parts)


def draw(true: Real, predicted: dict[str, Real], path: Path) -> None:
    """The first axis of the last 30 s of a trace, (M,) in mm, and what was predicted of it."""
    from matplotlib.figure import Figure

    colours = {"UORO": "#1a80f1", "RTRL": "#ec6622", "LMS": "#05910b", "linear regression": "#b1296e"}
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.subplots()
    part = slice(-300, None)
    seconds = np.arange(len(true))[part] / 10
    axes.plot(seconds, true[part], color="#22261f", linewidth=2, label="position")
    for name, colour in colours.items():
        axes.plot(seconds, predicted[name][part], color=colour, linewidth=1, label=name)
    axes.set_xlabel("seconds of the test")
    axes.set_ylabel("mm")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    figure.savefig(path, dpi=110)
