"""The figure of docs/recurrent.md: the noise of one estimate of a gradient against the number of units.

    python -m scripts.figure_rules [OUT]

OUT: the folder, by default docs/images. It prints the numbers, too.
"""

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.func import vmap

from apercu.lab.online_rules import kf_rtrl, random_signs, rtrl, snap1, units_fed, uoro
from apercu.lab.recurrent_cells import initial, tanh_cell

UNITS = (4, 8, 16, 32, 64)
N_INPUTS, N_STEPS = 2, 16
N_NETWORKS, N_SEEDS = 8, 64
STYLES = {"UORO": ("#1a80f1", "o"), "KF-RTRL": ("#6e3dbf", "s"), "SnAp-1 (its error, no noise)": ("#ec6622", "^")}


def errors(n_units: int, seed: int) -> dict[str, float]:
    """Of a random tanh network with a linear readout: the root mean square error of one estimate of the gradient by the
    cell's parameters, over seeds of the rule, as a multiple of the gradient's length."""
    draw = torch.Generator().manual_seed(seed)
    cell = tanh_cell(N_INPUTS, n_units)
    n = cell.n_parameters
    readout = torch.randn(n_units, generator=draw, dtype=torch.float64) / n_units**0.5
    parameters = torch.cat([initial(cell, draw, dtype=torch.float64), readout])
    inputs = torch.randn(N_STEPS, N_INPUTS, generator=draw, dtype=torch.float64)
    targets = torch.randn(N_STEPS, generator=draw, dtype=torch.float64)
    state = torch.zeros(n_units, dtype=torch.float64)

    def loss(theta: Tensor, here: Tensor, target: Tensor) -> Tensor:
        return 0.5 * (theta[n:] @ here - target).square()

    given = cell, loss, parameters, inputs, targets, state
    exact = rtrl(*given).gradient[:n]

    def relative(found: Tensor) -> float:
        return float((found[..., :n] - exact).square().sum(-1).mean().sqrt() / exact.norm())

    def signs(*of_step: int) -> Tensor:
        return random_signs(N_SEEDS, N_STEPS, *of_step, generator=draw, dtype=torch.float64)

    names = iter(STYLES)
    return {
        next(names): relative(vmap(lambda one: uoro(*given, one).gradient)(signs(n_units))),
        next(names): relative(vmap(lambda one: kf_rtrl(*given, one).gradient)(signs(1, 2))),
        next(names): relative(snap1(*given, units_fed(cell, parameters, state, inputs[0])).gradient),
    }


def main(out: Path) -> None:
    """Measure, print, and draw."""
    found: dict[str, list[list[float]]] = {name: [] for name in STYLES}
    for n_units in UNITS:
        of_networks = [errors(n_units, seed) for seed in range(N_NETWORKS)]
        for name, rows in found.items():
            rows.append([one[name] for one in of_networks])
        print(n_units, {name: round(float(torch.tensor(rows[-1]).median()), 2) for name, rows in found.items()})
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for name, (colour, marker) in STYLES.items():
        values = torch.tensor(found[name])  # (units, networks)
        axes.plot(UNITS, values.median(1).values, marker=marker, color=colour, label=name)
        axes.fill_between(UNITS, values.amin(1), values.amax(1), color=colour, alpha=0.15, linewidth=0)
    axes.axhline(1, color="#868e82", linewidth=1, linestyle="--")
    axes.annotate(
        "as large as the gradient", (UNITS[-1], 1), (0, 4), textcoords="offset points", ha="right", fontsize=9
    )
    axes.set(xscale="log", yscale="log", xlabel="units", ylabel="error of one estimate / length of the gradient")
    axes.set_xticks(UNITS, [str(n_units) for n_units in UNITS])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out / "rules-noise.svg", metadata={"Date": None})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs/images")
