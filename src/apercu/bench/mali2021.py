"""Recurrent decoders by rule of learning, after Mali et al. 2021: what is run, verdicts from the numbers, the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from apercu.bench.paper.table import Table

CITATION = (
    "A. Mali, A. Ororbia, D. Kifer and C. L. Giles, An empirical analysis of recurrent learning algorithms in neural "
    "lossy image compression systems, DCC 2021; the decoder is after A. Ororbia, A. Mali et al., Learned neural "
    "iterative decoding for lossy image compression systems, DCC 2019"
)
SOURCE = "The texts of both papers were not at hand; the findings are as a survey tells them."
CRITERIA = (
    "The first finding holds where BPTT and SAB both have a higher PSNR than every other rule, in every set; the "
    "second where UORO's SSIM is above the codec's own, and its PSNR below those of BPTT and of SAB; the third where "
    "SGD does better than the mean of the adaptive optimisers with UORO and with RTRL, and not with BPTT; the fourth "
    "where UORO's PSNR changes more over sizes than that of BPTT and of SAB. One seed: small differences say nothing."
)
RATES = {
    "SGD": (0.03, 0.1, 0.3),
    "Adam": (1e-3, 3e-3, 1e-2),
    "RMSprop": (3e-4, 1e-3, 3e-3),
    "Adagrad": (1e-2, 3e-2, 0.1),
}
"""Learning rates that are tried."""
SGD, ADAPTIVE = "SGD", ("Adam", "RMSprop", "Adagrad")
QUALITIES, TESTED = (3, 5, 10), 5
"""JPEG's qualities in training, and in the tests."""


@dataclass(frozen=True)
class Plan:
    """How much is done.

    rules, cells, sizes: of which all combinations are trained. n_updates: of each; n_blocks of training for each of
    them. n_checked: blocks for the choice of rates. n_images: training images, side: pixels a side of what is taken of
    an image. n_tests: of held-out images, and of those of the other kind.
    """

    rules: tuple[str, ...]
    cells: tuple[str, ...]
    sizes: tuple[int, ...]
    n_updates: int
    n_blocks: int
    n_checked: int
    n_images: int
    n_tests: int
    side: int


def plan(quick: bool) -> Plan:
    """The whole work is estimated at three quarters of an hour of a processor, from the time of an update of each rule;
    most of it is RTRL with 64 units. Quick: three minutes."""
    cells = "tanh", "GRU"
    if quick:
        return Plan(("BPTT", "TBPTT", "SAB", "RTRL", "UORO"), cells, (16, 32), 240, 4, 512, 32, 4, 128)
    rules = "BPTT", "TBPTT", "SAB", "RTRL", "UORO", "KF-RTRL", "SnAp-1"
    return Plan(rules, cells, (16, 32, 64), 600, 4, 2048, 120, 12, 256)


@dataclass(frozen=True)
class Quality:
    """Means over a set of images: PSNR in dB, and SSIM."""

    psnr: float
    ssim: float

    def less(self, other: "Quality") -> "Quality":
        """The gain over another."""
        return Quality(self.psnr - other.psnr, self.ssim - other.ssim)


@dataclass(frozen=True)
class Result:
    """One decoder, with the rate that was best on checked blocks: of a rule, a cell, an optimiser and a size.

    errors: on checked blocks, of the codec's own, at `updates`; by_step: PSNR of held-out images after each
    refinement; test, transfer: gains over the codec's decode (transfer None where there were no images).
    """

    rule: str
    cell: str
    optimiser: str
    n_units: int
    rate: float
    updates: list[int]
    errors: list[float]
    by_step: list[float]
    test: Quality
    transfer: Quality | None

    @property
    def checked(self) -> float:
        """The last error, infinite where it is no number."""
        return self.errors[-1] if np.isfinite(self.errors[-1]) else np.inf


def best(results: Sequence[Result], rule: str, cell: str) -> Result:
    """Of a rule and a cell, by the error on checked blocks, not by the tests."""
    return min((one for one in results if (one.rule, one.cell) == (rule, cell)), key=lambda one: one.checked)


def best_gain(results: Sequence[Result], rule: str, of: Callable[[Result], float]) -> float:
    """Of the best decoder of each cell, in the mean over cells."""
    return fmean(of(best(results, rule, cell)) for cell in sorted({one.cell for one in results}))


def _test(one: Result) -> float:
    return one.test.psnr


def _transfer(one: Result) -> float:
    return one.transfer.psnr if one.transfer else np.nan


@dataclass(frozen=True)
class Verdict:
    """A finding, whether it holds, and why."""

    finding: str
    holds: bool
    why: str

    def line(self) -> str:
        """As a sentence."""
        return f"**{self.finding}: {'holds' if self.holds else 'does not hold'} here.** {self.why}"


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """The four findings of the survey, from the gains over the codec's own decode."""
    return [_ahead(results), _good_looking(results), _at_odds(results), _sensitive(results)]


def _rules(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(one.rule for one in results))


def _ahead(results: Sequence[Result]) -> Verdict:
    """Both are ahead of every other rule in every set."""
    sets = {"held-out images": _test}
    if all(one.transfer for one in results):
        sets["images of the other kind"] = _transfer
    holds, parts = True, []
    for name, of in sets.items():
        gains = {rule: best_gain(results, rule, of) for rule in _rules(results)}
        others = max(gain for rule, gain in gains.items() if rule not in ("BPTT", "SAB"))
        holds = holds and min(gains["BPTT"], gains["SAB"]) > others
        ranked = sorted(gains.items(), key=lambda item: -item[1])
        parts.append(f"on {name} " + ", ".join(f"{rule} {gain:+.3f}" for rule, gain in ranked))
    why = f"PSNR over the codec in dB: {'; '.join(parts)}."
    return Verdict("BPTT and SAB ahead on test sets and in transfer", holds, why)


def _good_looking(results: Sequence[Result]) -> Verdict:
    """SSIM better than the codec's, PSNR behind BPTT's and SAB's."""
    ssim = best_gain(results, "UORO", lambda one: one.test.ssim)
    gains = {rule: best_gain(results, rule, _test) for rule in ("UORO", "BPTT", "SAB")}
    holds = ssim > 0 and gains["UORO"] < min(gains["BPTT"], gains["SAB"])
    listed = ", ".join(f"{rule} {gain:+.3f} dB" for rule, gain in gains.items())
    return Verdict(
        "UORO good to look at, yet behind", holds, f"SSIM of UORO over the codec {ssim:+.4f}; PSNR {listed}."
    )


def _at_odds(results: Sequence[Result]) -> Verdict:
    """SGD does better than the mean of the adaptive optimisers, with UORO and with RTRL, and not with BPTT."""

    def gain(rule: str, optimisers: Sequence[str]) -> float:
        return fmean(one.test.psnr for one in results if one.rule == rule and one.optimiser in optimisers)

    found = {rule: (gain(rule, (SGD,)), gain(rule, ADAPTIVE)) for rule in ("UORO", "RTRL", "BPTT")}
    worse = {rule: adaptive < sgd for rule, (sgd, adaptive) in found.items()}
    listed = "; ".join(f"{rule} {sgd:+.3f} and {adaptive:+.3f}" for rule, (sgd, adaptive) in found.items())
    why = f"Mean PSNR over the codec in dB, by SGD and by the adaptive optimisers: {listed}."
    holds = worse["UORO"] and worse["RTRL"] and not worse["BPTT"]
    return Verdict("UORO and RTRL at odds with adaptive optimisers", holds, why)


def _sensitive(results: Sequence[Result]) -> Verdict:
    """Its gain changes more from size to size than that of BPTT and of SAB."""
    found = {}
    for rule in ("UORO", "BPTT", "SAB"):
        gains = [gain for _, gain in by_size(results, rule)]
        found[rule] = max(gains) - min(gains)
    listed = ", ".join(f"{rule} {change:.3f}" for rule, change in found.items())
    sizes = ", ".join(f"{size}: {gain:+.3f}" for size, gain in by_size(results, "UORO"))
    why = f"Most minus least PSNR over sizes in dB: {listed}. UORO by hidden size {sizes}."
    return Verdict("UORO sensitive to hidden size", found["UORO"] > max(found["BPTT"], found["SAB"]), why)


def by_size(results: Sequence[Result], rule: str) -> list[tuple[int, float]]:
    """(size, gain in dB of the best optimiser, in the mean over cells)."""
    sizes = sorted({one.n_units for one in results})
    return [(size, best_gain([one for one in results if one.n_units == size], rule, _test)) for size in sizes]


def table(results: Sequence[Result], baselines: Mapping[str, tuple[Quality, Quality | None]]) -> Table:
    """Every decoder, after the codec's own decode (its PSNR and SSIM themselves) and a linear regression."""
    columns = [("decoder", ""), ("cell", ""), ("units", "d"), ("optimiser", ""), ("rate", "g"),
               ("error, checked", ".4f"),
               ("test, PSNR", ".3f"), ("test, SSIM", ".4f"), ("transfer, PSNR", ".3f"),
               ("transfer, SSIM", ".4f")]  # fmt: skip
    rows: list[list[str | float | int | None]] = []
    codec_test, codec_transfer = baselines["the codec"]

    def cells(test: Quality, transfer: Quality | None) -> list[str | float | int | None]:
        return [test.psnr, test.ssim, *((transfer.psnr, transfer.ssim) if transfer else (None, None))]

    for name, (test, transfer) in baselines.items():
        rows.append([name, None, None, None, None, None, *cells(test, transfer)])
    for one in results:
        test = Quality(codec_test.psnr + one.test.psnr, codec_test.ssim + one.test.ssim)
        transfer = None
        if one.transfer and codec_transfer:
            transfer = Quality(codec_transfer.psnr + one.transfer.psnr, codec_transfer.ssim + one.transfer.ssim)
        rows.append([one.rule, one.cell, one.n_units, one.optimiser, one.rate, one.checked, *cells(test, transfer)])
    notes = ["PSNR in dB and SSIM, means over images; the error is that on checked blocks, of the codec's own."]
    return Table("decoders", "All decoders", columns, rows, notes)


def short_table(results: Sequence[Result]) -> Table:
    """Gains by rule and optimiser: of the mean over cells and sizes, and of the best."""
    optimisers = list(RATES)
    columns = [("rule", ""), *((name, "+.3f") for name in optimisers), ("the best, test", "+.3f"), ("SSIM", "+.4f"),
               ("transfer", "+.3f")]  # fmt: skip
    rows: list[list[str | float | int | None]] = []
    for rule in _rules(results):
        means = [
            fmean(one.test.psnr for one in results if (one.rule, one.optimiser) == (rule, name)) for name in optimisers
        ]
        transfer = best_gain(results, rule, _transfer)
        ssim = best_gain(results, rule, lambda one: one.test.ssim)
        rows.append([rule, *means, best_gain(results, rule, _test), ssim, None if np.isnan(transfer) else transfer])
    notes = [
        "PSNR over the codec's own decode, in dB: by optimiser in the mean over cells and sizes; then that of the size "
        "and the optimiser that were best on checked blocks, in the mean over cells.",
    ]
    return Table("rules", "Rules and optimisers", columns, rows, notes)


def page(head: Sequence[str], found: Sequence[Verdict], tables: Sequence[Table]) -> str:
    """The page, as Markdown."""
    parts = ["# Rules of learning for a recurrent decoder, as in Mali et al. 2021", "", f"{CITATION}. {SOURCE}", ""]
    parts += [*(f"- {line}" for line in head), "", *(f"- {one.line()}" for one in found), "", CRITERIA, ""]
    parts += [*(piece for one in tables for piece in (one.markdown(), "")), "![Curves and pictures](figure.png)", ""]
    return "\n".join(parts)


COLOURS = {"BPTT": "#05910b", "TBPTT": "#7d430f", "SAB": "#b1296e", "RTRL": "#ec6622", "UORO": "#1a80f1",
           "KF-RTRL": "#6e3dbf", "SnAp-1": "#868e82"}  # fmt: skip


def draw(results: Sequence[Result], codec: float, pictures: dict[str, NDArray[np.uint8]], path: Path) -> None:
    """Errors by update, PSNR by refinement, gains by size, of the best decoders with a GRU; and a strip of pictures.

    codec: the PSNR of its own decode. pictures: by title, in order."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.6), layout="constrained")
    curves, strip = np.asarray(figure.subfigures(2, 1, height_ratios=(1.4, 1)))
    panels = curves.subplots(1, 3)
    cell = max({one.cell for one in results}, key=lambda name: name == "GRU")
    for rule in _rules(results):
        one = best(results, rule, cell)
        style = {"color": COLOURS[rule], "label": rule}
        panels[0].plot(one.updates, one.errors, **style)
        panels[1].plot(range(len(one.by_step) + 1), [codec, *one.by_step], **style)
        panels[2].plot(*zip(*by_size(results, rule), strict=True), marker="o", **style)
    titles = [
        (f"best {cell} of each rule: error on checked blocks", "updates", "of the codec's own"),
        ("held-out images", "refinements", "PSNR, dB"),
        ("the best of each size, mean of cells", "hidden units", "PSNR over the codec, dB"),
    ]
    for axes, (title, across, up) in zip(panels, titles, strict=True):
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.grid(alpha=0.3)
    panels[2].axhline(0, color="#868e82", linewidth=0.8)
    panels[0].legend(fontsize=8)
    for axes, (title, picture) in zip(
        np.atleast_1d(np.asarray(strip.subplots(1, len(pictures)))), pictures.items(), strict=True
    ):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    figure.savefig(path, dpi=110)
