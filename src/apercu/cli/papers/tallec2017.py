"""`apercu reproduce tallec2017`: the influence-balancing task, by TBPTT, RTRL and UORO."""

import argparse
import json
import time
from importlib.util import find_spec
from pathlib import Path

from apercu.cli.messages import log, say
from apercu.errors import MissingExtra

DESCRIPTION = """\
The influence-balancing task of Tallec and Ollivier 2017, on which a parameter helps at once and harms in the long run:
TBPTT that looks back too few steps moves away from the best value, RTRL and UORO find it. Each statement stands beside
what was measured, with a verdict. It needs no images. The page is printed, and everything goes into the folder OUT:
reproduction.md, tables.json, curves.csv, a CSV file for each table, and curves.png.
"""

EXAMPLES = """\
examples:
  apercu reproduce tallec2017 --out balancing
  apercu reproduce tallec2017 --quick --out balancing    fewer steps and runs: a minute in place of five
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--quick", action="store_true", help="fewer steps and runs; says so")


def run(arguments: argparse.Namespace) -> int:
    """Learn by every rule, and write; returns the exit code."""
    if find_spec("torch") is None or find_spec("matplotlib") is None:
        raise MissingExtra("learning and its figure need PyTorch and Matplotlib: pip install 'apercu[train]'")
    from apercu.bench import tallec2017 as bench
    from apercu.lab.influence_balancing import influence, learn

    begun = time.monotonic()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    runs = []
    for line in bench.lines(arguments.quick):
        log(f"{line.name}, {line.n_steps:,} steps, setting of {line.setting}")
        rates = [rate for rate in line.rates for _ in range(line.n_seeds)]
        of_2017 = line.setting == "2017"
        updates, losses = learn(
            line.rule, rates, line.n_steps // line.length, line.length, decreasing=of_2017, last_only=not of_2017
        )
        shape = len(line.rates), line.n_seeds, len(updates)
        runs.append(bench.Runs(line, updates * line.length, losses.reshape(shape)))
        log(f"    {runs[-1].found()}; stated: {line.stated}")
    tables = [
        bench.table(setting, [one for one in runs if one.line.setting == setting]) for setting in ("2021", "2017")
    ]
    verdicts = [one.holds() for one in runs]
    head = [f"{sum(verdicts)} of {len(verdicts)} statements hold."]
    if arguments.quick:
        head.append("A quick run: fewer steps and fewer runs of UORO; do not quote it.")
    head.append(f"Made in {(time.monotonic() - begun) / 60:.1f} minutes.")
    page = bench.page(head, tables, bench.influences_of(influence(200)))
    (out / "reproduction.md").write_text(page, encoding="utf-8")
    (out / "curves.csv").write_text(bench.csv(runs), encoding="utf-8")
    for table in tables:
        (out / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")
    record = {"tables": [table.record() for table in tables], "notes": head}
    (out / "tables.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    bench.draw(runs, out / "curves.png")
    say(page)
    return 0
