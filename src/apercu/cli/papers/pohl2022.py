"""`apercu reproduce pohl2022`: prediction of breathing by UORO, RTRL, LMS and linear regression."""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apercu.cli.messages import log, say
from apercu.errors import MissingExtra

DESCRIPTION = """\
Prediction of a marker on the chest, 0.1 s and 0.5 s ahead, as in Pohl et al. 2022, on simulated traces: a recurrent
network that learns online by UORO or by RTRL, a linear filter by LMS, and linear regression. It needs no images. The
page is printed, and everything goes into the folder OUT: reproduction.md, results.json, errors.csv and traces.png.
"""

EXAMPLES = """\
examples:
  apercu reproduce pohl2022 --out breathing
  apercu reproduce pohl2022 --quick --out breathing    fewer and shorter traces
"""

FULL, QUICK = (10, 2400), (4, 1200)
"""Traces, and positions of each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--quick", action="store_true", help="fewer and shorter traces; says so")


def run(arguments: argparse.Namespace) -> int:
    """Learn, predict, and write; returns the exit code."""
    if find_spec("torch") is None or find_spec("matplotlib") is None:
        raise MissingExtra("learning and its figure need PyTorch and Matplotlib: pip install 'apercu[train]'")
    from apercu.bench import pohl2022 as bench
    from apercu.lab import breathing

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    n_traces, n_steps = QUICK if arguments.quick else FULL
    # Rates are chosen on the second quarter; the second half is the test.
    traces = np.stack([breathing.trace(n_steps, seed) for seed in range(n_traces)])
    start = traces[:, : n_steps // 4]
    middle, spread = start.mean(1, keepdims=True), start.std((1, 2), keepdims=True)
    found = []
    shown: dict[str, NDArray[np.float64]] = {}
    for horizon in bench.HORIZONS:
        seen, coming = breathing.pairs((traces - middle) / spread, horizon)
        _, true = breathing.pairs(traces, horizon)
        half, quarter = n_steps // 2 - breathing.WINDOW - horizon, n_steps // 4
        predicted: dict[str, tuple[float | None, NDArray[np.float64]]] = {
            "linear regression": (None, breathing.by_regression(seen, coming, half)),
            "last position": (None, seen[:, :, -breathing.N_AXES :]),
        }
        for rule, name in bench.LEARNERS.items():
            log(f"{name}, {horizon} steps ahead")
            by_rate = breathing.by_learning(rule, seen, coming, bench.RATES, horizon) * spread + middle
            tuned = [
                bench.errors(name, horizon, rate, made[:, quarter:half], true[:, quarter:half]).rmse.mean()
                for rate, made in zip(bench.RATES, by_rate, strict=True)
            ]
            best = int(np.argmin(tuned))
            predicted[name] = bench.RATES[best], (by_rate[best] - middle) / spread
        for name in (*bench.LEARNERS.values(), *bench.OTHERS):
            rate, made = predicted[name]
            in_mm = made * spread + middle
            found.append(bench.errors(name, horizon, rate, in_mm[:, half + horizon :], true[:, half + horizon :]))
            shown[name] = in_mm[0, half + horizon :, 0]
        shown["position"] = true[0, half + horizon :, 0]
    head = [
        f"{n_traces} traces of {n_steps / breathing.RATE_HZ:.0f} s, ten positions a second, simulated: "
        "A cos⁶(π φ) after Lujan et al. 1999, with another period (4 s, ±12 %) and amplitude (10 mm, ±20 %) in each "
        "cycle, a drift, and noise of 0.1 mm.",
        f"Seen: the last {breathing.WINDOW} positions. Networks have {breathing.N_UNITS} units. UORO, RTRL and LMS "
        "learn all the time, linear regression from the first half; the second half is the test. Rates are those of "
        f"{', '.join(f'{rate:g}' for rate in bench.RATES)} that did best in the second quarter.",
    ]
    if arguments.quick:
        head.append("A quick run: fewer and shorter traces; do not quote it.")
    page, table = bench.page(head, found), bench.table(found)
    (out / "reproduction.md").write_text(page, encoding="utf-8")
    (out / "errors.csv").write_text(table.csv(), encoding="utf-8")
    sentences = [bench.sentence(found, horizon) for horizon in bench.HORIZONS]
    record = {"tables": [table.record()], "sentences": sentences, "notes": head}
    (out / "results.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    bench.draw(shown.pop("position"), shown, out / "traces.png")
    say(page)
    return 0
