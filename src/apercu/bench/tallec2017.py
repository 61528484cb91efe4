"""The influence-balancing task of Tallec and Ollivier 2017: what the papers say, and verdicts from curves of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.bench.paper.table import Table

CITATION = "C. Tallec and Y. Ollivier, Unbiased Online Recurrent Optimization, ICLR 2018, arXiv 1702.05043, section 6.1"
LATER = (
    "P. Vicol, L. Metz and J. Sohl-Dickstein, Unbiased Gradient Estimation in Unrolled Computation Graphs with "
    "Persistent Evolution Strategies, ICML 2021, whose code has this task, too"
)
SOURCE = "The text of the paper of 2017 was not at hand: its rates and its TBPTT(200) are unchecked."
NOT_STATED = (
    "the state at the start and θ at the start (here s = 1 and θ = ½, as the code of 2021 has them)",
    "whether the gradients of a piece are added or averaged (here added)",
    "the value of the rate η that each curve was made with (here seven of them, 10⁻⁵ to 10⁻²)",
    "the number of steps and the number of runs of UORO",
    "ε of UORO's ρ (here 10⁻⁷, as the code of 2021 has it)",
)
CONVERGED, FAR = 0.01, 100.0
"""Of the loss in the long run at the start: what it has to be at the end, or beyond which it is lost."""

CONVERGES, STAYS, DRIFTS, DIVERGES = "converges", "gets nearer", "drifts away", "diverges"


@dataclass(frozen=True)
class Line:
    """A rule in a setting, and what is said of it.

    name: as it is shown; `setting`: "2021", a constant rate and a loss at the last step of a piece, or "2017", a rate
    η / (1 + √t) and a loss at every step; `rule`: "tbptt", "rtrl" or "uoro"; `length`: of a piece, in steps; `rates`:
    η of each kind of run; `n_seeds`: runs for each of these; `n_steps` of the network, of which each update takes
    `length`; `stated`: CONVERGES, DRIFTS or DIVERGES, for some rate with `setting` "2017", for the one with "2021".
    """

    name: str
    setting: str
    rule: str
    length: int
    rates: tuple[float, ...]
    n_seeds: int
    n_steps: int
    stated: str


DECADES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def lines(quick: bool) -> list[Line]:
    """The whole work takes about five minutes of a processor; quick: fewer steps and runs, about one."""
    seeds = 4 if quick else 20
    updates, many = (1_000, 8_000) if quick else (3_000, 30_000)
    n, noisy = (2_000, 5_000) if quick else (20_000, 20_000)
    pieces = 20_000  # with half of that a large first step of TBPTT(100) may still look like success
    far = 700 if quick else updates  # of 100 steps each
    return [
        Line("TBPTT(1)", "2021", "tbptt", 1, (1e-4,), 1, updates, DRIFTS),
        Line("TBPTT(10)", "2021", "tbptt", 10, (1e-4,), 1, updates * 10, DIVERGES),
        Line("TBPTT(100)", "2021", "tbptt", 100, (1e-4,), 1, far * 100, CONVERGES),
        Line("RTRL", "2021", "rtrl", 1, (1e-4,), 1, updates, CONVERGES),
        Line("UORO, rate 1e-5", "2021", "uoro", 1, (1e-5,), seeds, many, CONVERGES),
        Line("UORO, rate 1e-4", "2021", "uoro", 1, (1e-4,), seeds, updates, DIVERGES),
        *(Line(f"TBPTT({k})", "2017", "tbptt", k, DECADES, 1, n, DIVERGES) for k in (1, 10)),
        Line("TBPTT(100)", "2017", "tbptt", 100, DECADES, 1, pieces, DIVERGES),
        Line("TBPTT(200)", "2017", "tbptt", 200, DECADES, 1, pieces, CONVERGES),
        Line("RTRL", "2017", "rtrl", 1, DECADES, 1, n, CONVERGES),
        Line("UORO", "2017", "uoro", 1, DECADES, seeds, noisy, CONVERGES),
    ]


@dataclass(frozen=True)
class Runs:
    """The curves of a line: steps of the network (K,) and the loss in the long run (rates, seeds, K)."""

    line: Line
    steps: NDArray[np.int64]
    losses: NDArray[np.float64]

    def typical(self) -> NDArray[np.float64]:
        """The median over seeds, (rates, K)."""
        return np.asarray(np.median(self.losses, axis=1))

    def best(self) -> int:
        """The rate whose median ends lowest."""
        return int(self.typical()[:, -1].argmin())

    def found(self) -> str:
        """What the median run of the best rate does."""
        return became(self.typical()[self.best()])

    def holds(self) -> bool:
        """Whether that is what is stated. "Diverges" of all rates says that none converges or gets nearer."""
        if self.line.stated == DIVERGES and self.line.setting == "2017":
            return self.found() in (DRIFTS, DIVERGES)
        return self.found() == self.line.stated


def became(curve: NDArray[np.float64]) -> str:
    """What a curve of losses (K,) does, from its first to its last value."""
    ratio = curve[-1] / curve[0]
    if ratio <= CONVERGED:
        return CONVERGES
    if ratio <= 1:
        return STAYS
    return DRIFTS if ratio <= FAR else DIVERGES


STATED = {CONVERGES: "converges", DRIFTS: "moves away from the best θ", DIVERGES: "diverges"}
OF_ANY_RATE = {CONVERGES: "converges, with a suitable rate", DIVERGES: "does not converge with any rate"}


def table(setting: str, runs: Sequence[Runs]) -> Table:
    """A row for each rule of a setting: the statement, what was found, the verdict."""
    columns = [("", ""), ("steps", ",d"), ("stated", ""), ("found", ""), ("rate", ".0e"), ("loss at the end", ".2g"),
               ("runs that converge", ""), ("verdict", "")]  # fmt: skip
    rows: list[list[str | float | int | None]] = []
    for one in runs:
        best = one.best()
        ends = [became(curve) for curve in one.losses[best]]
        words = OF_ANY_RATE if setting == "2017" else STATED
        rows.append(
            [
                one.line.name, int(one.steps[-1]), words[one.line.stated], one.found(), one.line.rates[best],
                float(one.typical()[best, -1]), f"{ends.count(CONVERGES)} of {len(ends)}",
                "holds" if one.holds() else "does not hold",
            ]
        )  # fmt: skip
    titles = {
        "2021": "A constant rate, the loss at the last step of a piece, as in the code of Vicol et al. 2021",
        "2017": "Rates η / (1 + √t), a loss at every step, as in Tallec and Ollivier 2017",
    }
    notes = [
        f"The loss is that in the long run, ½ (−6 θ − 1)², 8 at the start: at most {CONVERGED:.0%} of that is "
        f"“{CONVERGES}”, more than that at the start “{DRIFTS}”, more than {FAR:.0f} times that “{DIVERGES}”. Of "
        "several runs, the median counts."
    ]
    if setting == "2017":
        notes.append("Of the seven rates the best is shown.")
    return Table(f"setting{setting}", titles[setting], columns, rows, notes)


def page(head: Sequence[str], tables: Sequence[Table], influences: Sequence[tuple[int, float, float]]) -> str:
    """The page, as Markdown. influences: (k, ds₁/dθ by the last k steps, its mean over pieces of k steps)."""
    parts = ["# Influence balancing, as in Tallec and Ollivier 2017", "", f"{CITATION}. {LATER}. {SOURCE}", ""]
    parts += [f"- {line}" for line in head]
    parts += ["", "What the paper does not state, as far as we know:", "", *(f"- {one};" for one in NOT_STATED)]
    parts += ["", *(piece for one in tables for piece in (one.markdown(), ""))]
    parts += [
        "### Why",
        "",
        "What the last k steps alone do to s₁ for each unit of θ, and the mean of that over the steps of a piece of k, "
        "the first of which sees one step back and the last k. The true value is −6. TBPTT that has a loss at the end "
        "of a piece follows the first number, TBPTT that has one at every step the second; where it is above 0, θ goes "
        "the wrong way.",
        "",
        "| k | by the last k steps | mean over a piece |",
        "|---|---|---|",
        *(f"| {k} | {last:+.2f} | {mean:+.2f} |".replace("-", "−") for k, last, mean in influences),
        "",
        "![The loss in the long run against the steps of the network](curves.png)",
        "",
    ]
    return "\n".join(parts)


def influences_of(by_last: NDArray[np.float64]) -> list[tuple[int, float, float]]:
    """Rows of the last table of the page, from ds₁/dθ by the last 1, 2, … steps."""
    means = by_last.cumsum() / np.arange(1, len(by_last) + 1)
    return [(k, float(by_last[k - 1]), float(means[k - 1])) for k in (1, 10, 20, 50, 100, 200)]


def csv(runs: Sequence[Runs]) -> str:
    """All curves: setting, rule, rate, run, step of the network, loss in the long run."""
    rows = ["setting,rule,rate,run,step,loss"]
    for one in runs:
        for rate, of_rate in zip(one.line.rates, one.losses, strict=True):
            for seed, curve in enumerate(of_rate):
                start = f'{one.line.setting},"{one.line.name}",{rate:g},{seed}'
                rows += [f"{start},{step},{loss:.6g}" for step, loss in zip(one.steps, curve, strict=True)]
    return "\n".join([*rows, ""])


def draw(runs: Sequence[Runs], path: Path) -> None:
    """A panel for each setting: medians at the best rate, and the band of the middle half of the runs. PNG or SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.8), layout="constrained")
    titles = {"2021": "constant rate, loss at the end of a piece", "2017": "decreasing rate, loss at every step"}
    colours = {"TBPTT(1)": "#868e82", "TBPTT(10)": "#7d430f", "TBPTT(100)": "#ec6622", "TBPTT(200)": "#b1296e",
               "RTRL": "#05910b", "UORO": "#1a80f1", "UORO, rate 1e-5": "#1a80f1",
               "UORO, rate 1e-4": "#6e3dbf"}  # fmt: skip
    for axes, (setting, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        for one in (one for one in runs if one.line.setting == setting):
            best = one.best()
            low, middle, high = np.clip(np.percentile(one.losses[best], (25, 50, 75), axis=0), 1e-12, 1e8)
            dashes = "--" if one.line.rule == "tbptt" else "-"
            label = f"{one.line.name}" + (f", η = {one.line.rates[best]:.0e}" if setting == "2017" else "")
            axes.plot(one.steps[1:], middle[1:], dashes, color=colours[one.line.name], label=label)
            if one.line.n_seeds > 1:
                axes.fill_between(
                    one.steps[1:], low[1:], high[1:], color=colours[one.line.name], alpha=0.2, linewidth=0
                )
        axes.set(xscale="log", yscale="log", ylim=(1e-6, 1e6), title=title)
        axes.set_xlabel("steps of the network")
        axes.set_ylabel("loss in the long run")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="lower left")
    figure.savefig(path, dpi=110)
