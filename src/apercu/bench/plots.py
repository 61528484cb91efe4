"""Rate-distortion curves as pictures: one figure for each metric, as PNG and as SVG."""

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from statistics import fmean
from typing import Any

import numpy as np

from apercu.bench import curves
from apercu.bench.own import OURS
from apercu.errors import MissingExtra

COLOURS = (
    "#1a80f1", "#ec6622", "#05910b", "#6e3dbf", "#b1296e", "#868e82",
    "#7d430f", "#245877", "#b672da", "#014604", "#241295", "#5a014e",
)  # fmt: skip
"""As far apart as twelve colours can be that are seen on white, for those too who cannot tell red from green. The page
has the same; dashes and markers say it again."""
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_MARKERS = "osD^v<>PX*"
_GRID = 60  # rates at which a mean curve is drawn
_BEYOND = 1.15  # how far the axis goes past the lowest and the highest rate
_LABEL_GAP = 0.042  # of the height of the axes, from one label to the next
_SIZE = (8.0, 5.2)  # inches
_TITLE, _LABEL = 80, 40  # characters, beyond which a name is cut
_FILE = 60  # characters of a metric's name in that of a file

_WORDS = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "gmsd": "GMSD",
    "swd": "sliced Wasserstein distance",
    "spectrum": "distance of power spectra",
}

Curve = list[tuple[float, float]]


def draw(report: Mapping[str, Any]) -> dict[str, bytes]:
    """The figures of a report by file name, `curves-METRIC.png` and `.svg`.

    A curve is the mean over the images of each image's best at that rate, drawn where every image that the codec can
    take reaches the rate, so that no curve bends because the images under it change. Raises MissingExtra.
    """
    found = {}
    for metric, entry in report["metrics"].items():
        lines = mean_curves(report, metric)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", metric)
        if len(name) > _FILE:
            name = f"{name[:_FILE]}-{hashlib.sha256(metric.encode()).hexdigest()[:8]}"
        for kind in ("png", "svg"):
            found[f"curves-{name}.{kind}"] = _figure(report, metric, entry, lines, kind)
    return found


def mean_curves(report: Mapping[str, Any], metric: str) -> dict[str, Curve]:
    """codec -> [(rate, mean over its images)] where all of them reach the rate; a codec that never does has none."""
    better = report["metrics"][metric]["higher_is_better"]
    points: dict[str, dict[str, list[curves.Point]]] = {}
    for record in report["points"]:
        value = record["metrics"].get(metric)
        if value is not None:
            points.setdefault(record["codec"], {}).setdefault(record["image"], []).append((record["bpp"], value))
    rates = _rates(report)
    low, high = _axis(rates)
    grid = sorted({*np.geomspace(low, high, _GRID).tolist(), *rates})
    found = {}
    for codec, images in points.items():
        envelopes = [curves.envelope(of_image, better) for of_image in images.values()]
        curve = []
        for rate in grid:
            values = [value for line in envelopes if (value := curves.at_rate(line, rate)) is not None]
            if len(values) == len(envelopes):
                curve.append((rate, sum(values) / len(values)))
        if curve:
            found[codec] = curve
    return found


def _rates(report: Mapping[str, Any]) -> list[float]:
    """The rates of a report, and its sizes as the rates that they are for its images, the least and the greatest."""
    if report["rates"]:
        return list(report["rates"])
    sizes = [image["width"] * image["height"] for image in report["images"]]
    return sorted({8 * n / pixels for n in report["budgets"] for pixels in (min(sizes), max(sizes))})


def _axis(rates: Sequence[float]) -> tuple[float, float]:
    return min(rates) / _BEYOND, max(rates) * _BEYOND


def _figure(
    report: Mapping[str, Any], metric: str, entry: Mapping[str, Any], lines: Mapping[str, Curve], kind: str
) -> bytes:
    with drawing(metric) as figure:
        axes = figure.add_subplot()
        rates = _rates(report)
        rate_axis(axes, rates)
        word, unit = _WORDS.get(metric, metric), f" in {entry['unit']}" if entry["unit"] else ""
        better = "more" if entry["higher_is_better"] else "less"
        axes.set_ylabel(short(f"{word}{unit} ({better} is better)"), parse_math=False)
        n = len(report["images"])
        images = report["images"][0]["name"] if n == 1 else f"mean over {n} images, where all reach the rate"
        axes.set_title(short(f"{word}: {images}"), loc="left", fontsize=11, parse_math=False)
        looks = styles([*report["codecs"], *dict.fromkeys(p["codec"] for p in report["points"])])
        for codec, curve in lines.items():
            x, y = zip(*curve, strict=True)
            style = looks[codec]
            marks = [number for number, rate in enumerate(x) if rate in rates]
            axes.plot(x, y, markevery=marks, **style)
        label_ends(axes, lines, looks, report["labels"])
        return file_of(figure, kind)


@contextmanager
def drawing(salt: str, size: tuple[float, float] = _SIZE) -> Iterator[Any]:
    """A figure of matplotlib, `size` in inches; `salt` makes the names in an SVG. Raises MissingExtra."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("curves need matplotlib: pip install 'apercu[bench]'") from error
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's own settings are
        mpl.rcParams.update({"svg.hashsalt": salt, "font.size": 10, "svg.fonttype": "none"})
        yield Figure(figsize=size, layout="constrained")


def file_of(figure: Any, kind: str) -> bytes:
    """A figure as "png" or "svg"; the same curves make the same file."""
    buffer = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in letters that the font has not is drawn as boxes
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def rate_axis(axes: Any, rates: Sequence[float]) -> None:
    """Rates on a logarithmic axis, with a tick at each."""
    axes.set_xscale("log")
    axes.set_xlim(*_axis(rates))
    axes.set_xticks(rates, [f"{rate:.3g}" for rate in rates], minor=False)
    axes.set_xticks([], minor=True)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("bits per pixel of the whole file (logarithmic)")


def short(text: str, n_most: int = _TITLE) -> str:
    """A text, cut where it is longer."""
    return text if len(text) <= n_most else f"{text[: n_most - 1]}…"


def styles(codecs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How each codec is drawn: colour, dashes, marker, width."""
    found: dict[str, dict[str, Any]] = {}
    for number, codec in enumerate(dict.fromkeys(codecs)):
        ours = codec.startswith(OURS)
        found[codec] = {
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": "-" if ours else _DASHES[(number + number // len(COLOURS)) % len(_DASHES)],
            "marker": _MARKERS[number % len(_MARKERS)],
            "markersize": 5 if ours else 3.5,
            "linewidth": 2.4 if ours else 1.4,
            "zorder": 3 if ours else 2,
        }
    return found


def label_ends(
    axes: Any, lines: Mapping[str, Curve], looks: Mapping[str, dict[str, Any]], labels: Mapping[str, str]
) -> None:
    """Each codec's name at the right, beside the end of its curve, in its colour; none over another."""
    low, high = axes.get_ylim()
    span = (high - low) or 1.0
    left, right = np.log(axes.get_xlim())
    ends = sorted((((curve[-1][1] - low) / span, codec) for codec, curve in lines.items()), reverse=True)
    places = _spread([wanted for wanted, _ in ends])
    for (wanted, codec), place in zip(ends, places, strict=True):
        across = (np.log(lines[codec][-1][0]) - left) / (right - left)
        colour = looks[codec]["color"]
        axes.annotate(
            short(labels[codec], _LABEL),
            xy=(across, wanted),
            xycoords="axes fraction",
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=colour,
            va="center",
            annotation_clip=False,
            parse_math=False,  # a $ in the name of a file is no formula
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 1,
                "relpos": (0, 0.5),
            },
        )


def _spread(wanted: Sequence[float]) -> list[float]:
    """Heights, from the top down, that are `_LABEL_GAP` apart at least and as near to those wanted as they can be."""
    blocks: list[list[float]] = []  # of labels that touch; as if there were no gap, since that is added after
    for number, height in enumerate(wanted):
        blocks.append([height + number * _LABEL_GAP])
        while len(blocks) > 1 and fmean(blocks[-2]) < fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    level = [fmean(block) for block in blocks for _ in block]
    return [height - number * _LABEL_GAP for number, height in enumerate(level)]
