"""`apercu reproduce mali2021`: recurrent decoders of blocks, by rule of learning, optimiser and size."""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.cli.messages import log, remark, say
from apercu.errors import ApercuError, MissingExtra, OptionError

if TYPE_CHECKING:
    from apercu.bench.mali2021 import Plan, Quality, Result
    from apercu.lab.block_latents import Coded, Pool
    from apercu.lab.iterative_decoder import Decoder

DESCRIPTION = """\
Recurrent decoders that refine blocks of 8 x 8 from their quantised latents, as in Mali et al. 2021, learnt by BPTT,
TBPTT, SAB, RTRL, UORO, KF-RTRL and SnAp-1 with four optimisers: PSNR and SSIM on held-out images and on images of
another kind, beside the codec's own decode and a linear regression, and whether the findings of the survey hold. The
page is printed, and everything goes into the folder OUT: reproduction.md, results.json, CSV files and figure.png.
"""

EXAMPLES = """\
examples:
  apercu reproduce mali2021 --images photographs --transfer aerial --out decoders
  apercu reproduce mali2021 --images photographs --quick --out decoders    fewer sizes, rules and updates
"""

EVERY = 20
"""Of the training images one in so many is held out, where --test is not given."""
WORKERS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of images to train on")
    parser.add_argument(
        "--test", metavar="DIR", type=Path, help=f"folder of held-out images (default: every {EVERY}th of --images)"
    )
    parser.add_argument("--transfer", metavar="DIR", type=Path, help="folder of images of another kind")
    parser.add_argument("--quick", action="store_true", help="fewer images, rules, sizes and updates; says so")


class Sets(NamedTuple):
    """What all decoders share: pools to learn from and to choose rates by, and the images of the tests."""

    learnt: "Pool"
    checked: "Pool"
    test: "list[Coded]"
    transfer: "list[Coded]"


class Job(NamedTuple):
    """Decoders that differ by optimiser and rate."""

    rule: str
    cell: str
    n_units: int
    rates: Mapping[str, tuple[float, ...]]


def run(arguments: argparse.Namespace) -> int:
    """Learn by every rule, and write; returns the exit code."""
    if find_spec("torch") is None or find_spec("matplotlib") is None:
        raise MissingExtra("learning and its figure need PyTorch and Matplotlib: pip install 'apercu[train]'")
    from apercu.bench import mali2021 as bench
    from apercu.lab.block_latents import regression

    begun = time.monotonic()
    plan = bench.plan(arguments.quick)
    sets, head = _sets(arguments, plan)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    results, thetas = _all(plan, sets)
    linear = regression(sets.learnt, sets.checked)
    decoders: dict[str, Callable[[Coded], Any]] = {
        "the codec": lambda of: of.decoded,
        "linear regression": linear.decode,
    }
    baselines = {name: _on_tests(sets, decode) for name, decode in decoders.items()}
    test, transfer = baselines["the codec"]
    results = [_less(one, test, transfer) for one in results]
    found = bench.verdicts(results)
    head.insert(0, f"{sum(one.holds for one in found)} of {len(found)} findings hold.")
    if arguments.quick:
        head.append("A quick run: fewer images, rules, sizes and updates; do not quote it.")
    head.append(f"Made in {(time.monotonic() - begun) / 60:.1f} minutes.")
    tables = [bench.short_table(results), bench.table(results, baselines)]
    page = bench.page(head, found, tables)
    (out / "reproduction.md").write_text(page, encoding="utf-8")
    for table in tables:
        (out / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")
    verdicts = [{"finding": one.finding, "holds": one.holds, "why": one.why} for one in found]
    record = {"tables": [table.record() for table in tables], "verdicts": verdicts, "notes": head}
    (out / "results.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    bench.draw(results, test.psnr, _pictures(plan, sets, results, thetas), out / "figure.png")
    say(page)
    return 0


def _sets(arguments: argparse.Namespace, plan: "Plan") -> "tuple[Sets, list[str]]":
    """Pools and tests, and what the page says of them."""
    from apercu.bench.mali2021 import QUALITIES, TESTED
    from apercu.lab.block_latents import N_AROUND, N_OWN, coded, pool
    from apercu.lab.images import files_below

    files = files_below(arguments.images)
    held_out = files_below(arguments.test) if arguments.test else files[::EVERY]
    training = files if arguments.test else [file for i, file in enumerate(files) if i % EVERY]
    images = list(_read(training[:: max(1, len(training) // plan.n_images)][: plan.n_images], plan.side))
    if len(images) < 2:
        raise OptionError(f"{arguments.images} has {len(images)} images to train on; it takes two at least")
    checked = images[::8]  # of images whose blocks are not learnt from
    learnt = [image for i, image in enumerate(images) if i % 8]
    other = files_below(arguments.transfer) if arguments.transfer else []
    tests = [[coded(image, TESTED) for image in _read(_some(of, plan.n_tests), plan.side)] for of in (held_out, other)]
    if not tests[0]:
        raise OptionError("no held-out image can be read")
    sets = Sets(
        pool(learnt, QUALITIES, plan.n_updates * plan.n_blocks, 0),
        pool(checked, QUALITIES, plan.n_checked, 1),
        *tests,
    )
    head = [
        f"Trained on {len(sets.learnt.inputs):,} blocks of {len(learnt)} images in {plan.n_updates:,} updates, rates "
        f"chosen on {len(sets.checked.inputs):,} blocks of {len(checked)} others; with RTRL above {plan.sizes[0]} "
        f"units the rates are those chosen at {plan.sizes[0]}.",
        f"Tested on {len(tests[0])} held-out images and {len(tests[1])} of another kind, grey, of at most "
        f"{plan.side} pixels a side.",
        f"Latents: JPEG's, quality {', '.join(map(str, QUALITIES))} in training and {TESTED} in the tests; of the "
        f"zigzag the first {N_OWN} of the block, the first {N_AROUND} of each of its eight neighbours, and the step.",
        "Rules that look forward change the parameters after each of the four refinements of a batch that is four "
        "times as large: all have the same number of updates and of blocks.",
    ]
    return sets, head


def _some(files: Sequence[Path], n: int) -> list[Path]:
    """n of them, evenly spread."""
    return list(files[:: max(1, len(files) // n)][:n])


def _read(files: Iterable[Path], side: int) -> Iterable[NDArray[np.uint8]]:
    """The middle of each image that can be read, grey."""
    from PIL import Image

    from apercu.lab.images import read_rgb

    for path in files:
        try:
            rgb, _ = read_rgb(path)
        except (ApercuError, OSError) as error:
            remark(f"passed over: {error}")
            continue
        grey = np.asarray(Image.fromarray(rgb).convert("L"))
        top, left = (max(0, size - side) // 2 for size in grey.shape)
        if min(grey.shape) < 16:
            remark(f"passed over: {path} has a side below 16 pixels")
            continue
        yield grey[top : top + side, left : left + side]


def _all(plan: "Plan", sets: Sets) -> "tuple[list[Result], list[Any]]":
    """All decoders and their θ, by WORKERS processes."""
    n_workers = min(WORKERS, os.cpu_count() or 1)
    if n_workers == 1:
        _keep(sets, plan)
        return _by(map, plan)
    with ProcessPoolExecutor(n_workers, multiprocessing.get_context("spawn"), _keep, (sets, plan)) as pool:
        return _by(pool.map, plan)


def _by(map_: Callable[..., Iterable[Any]], plan: "Plan") -> "tuple[list[Result], list[Any]]":
    """Those of RTRL above the smallest size come last, with its rates at the smallest."""
    from apercu.bench.mali2021 import RATES

    jobs = [
        Job(rule, cell, size, RATES)
        for size in reversed(plan.sizes)
        for cell in plan.cells
        for rule in plan.rules
        if rule != "RTRL" or size == plan.sizes[0]
    ]
    pairs = _logged(map_, jobs)
    chosen = [one for one, _ in pairs if one.rule == "RTRL"]
    pairs += _logged(
        map_,
        [Job(one.rule, one.cell, size, {one.optimiser: (one.rate,)}) for size in plan.sizes[:0:-1] for one in chosen],
    )
    pairs.sort(key=lambda pair: (plan.rules.index(pair[0].rule), plan.cells.index(pair[0].cell), pair[0].n_units))
    return [result for result, _ in pairs], [theta for _, theta in pairs]


def _logged(map_: Callable[..., Iterable[Any]], jobs: Sequence[Job]) -> "list[tuple[Result, Any]]":
    pairs = []
    for job, found in zip(jobs, map_(_learn, jobs), strict=True):
        pairs += found
        errors = ", ".join(f"{result.optimiser} {result.checked:.3f}" for result, _ in found)
        log(f"{job.rule}, {job.cell}, {job.n_units} units: {errors}")
    return pairs


_kept: list[Any] = []


def _keep(sets: Sets, plan: "Plan") -> None:
    """What a worker process needs for every job."""
    from apercu.lab.iterative_decoder import one_thread

    one_thread()
    _kept[:] = [sets, plan]


def _learn(job: Job) -> "list[tuple[Result, Any]]":
    """The best rate of each optimiser, measured, with its θ as an array."""
    from apercu.bench.mali2021 import Result
    from apercu.lab.iterative_decoder import Decoder, K, Run, scaling, train

    sets, plan = _kept
    decoder = Decoder(job.cell, job.n_units, job.rule, scaling(sets.learnt))
    runs = [Run(optimiser, rate, 0) for optimiser, rates in job.rates.items() for rate in rates]
    trained = train(decoder, runs, sets.learnt, sets.checked, plan.n_updates, plan.n_blocks)
    found = []
    for optimiser in job.rates:
        mine = [i for i, run in enumerate(runs) if run.optimiser == optimiser]
        at = min(mine, key=lambda i: float(np.nan_to_num(trained.errors[i, -1], nan=np.inf)))
        theta = trained.thetas[at]
        test, transfer = _on_tests(sets, partial(_last, decoder, theta))
        steps = [decoder.decode(theta, one) for one in sets.test]
        by_step = [
            _quality([(one.original, made[k]) for one, made in zip(sets.test, steps, strict=True)]).psnr
            for k in range(K)
        ]
        errors = [float(error) for error in trained.errors[at]]
        of_job = job.rule, job.cell, optimiser, job.n_units, runs[at].rate
        found.append((Result(*of_job, trained.updates, errors, by_step, test, transfer), theta))
    return found


def _quality(pairs: "Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]]") -> "Quality":
    """Means of PSNR and SSIM over (original, decoded)."""
    from apercu.bench.mali2021 import Quality
    from apercu.bench.metrics import psnr, ssim

    rounded = [(original, np.round(np.nan_to_num(decoded)).astype(np.uint8)) for original, decoded in pairs]
    return Quality(*(float(np.mean([metric(*pair) for pair in rounded])) for metric in (psnr, ssim)))


def _last(decoder: "Decoder", theta: "NDArray[np.float32]", of: "Coded") -> "NDArray[np.float32]":
    """The picture after the last refinement."""
    return decoder.decode(theta, of)[-1]


def _on_tests(sets: Sets, decode: "Callable[[Coded], Any]") -> "tuple[Quality, Quality | None]":
    """Of held-out images, and of those of the other kind."""
    transfer = _quality([(one.original, decode(one)) for one in sets.transfer]) if sets.transfer else None
    return _quality([(one.original, decode(one)) for one in sets.test]), transfer


def _less(one: "Result", test: "Quality", transfer: "Quality | None") -> "Result":
    """Gains over the codec in place of values."""
    from dataclasses import replace

    of_transfer = one.transfer.less(transfer) if one.transfer and transfer else None
    return replace(one, test=one.test.less(test), transfer=of_transfer)


def _pictures(
    plan: "Plan", sets: Sets, results: "Sequence[Result]", thetas: Sequence[Any]
) -> dict[str, NDArray[np.uint8]]:
    """The middle of the first held-out image: original, codec, and the best decoders of three rules."""
    from apercu.bench.mali2021 import best
    from apercu.lab.iterative_decoder import Decoder, scaling

    first = sets.test[0]
    top, left = (max(0, size - 128) // 2 for size in first.original.shape)
    window = slice(top, top + 128), slice(left, left + 128)
    found: dict[str, Any] = {"original": first.original, "the codec": first.decoded}
    for rule in ("BPTT", "SAB", "RTRL", "UORO"):
        one = best(results, rule, plan.cells[-1])
        theta = thetas[next(i for i, other in enumerate(results) if other is one)]
        decoder = Decoder(one.cell, one.n_units, rule, scaling(sets.learnt))
        found[f"{rule}, {one.cell}, {one.n_units}"] = decoder.decode(theta, first)[-1]
    return {title: np.round(picture[window]).astype(np.uint8) for title, picture in found.items()}
