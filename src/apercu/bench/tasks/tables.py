"""The tables of a run of a task as text: scores, losses beside other codecs, what retraining and restoring do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from apercu.bench.tables import table

Report = Mapping[str, Any]
_SAID_AT = 0.1  # bpp: the rate nearest to it is put in words
ENOUGH = 0.9
"""Of the score on originals: a rate that leaves as much is said to be enough."""
TRAINED = {
    "originals": "trained on originals",
    "further": "retrained on originals",
    "same": "retrained at the same rate",
    "mixed": "retrained at mixed rates",
}
"""How networks were trained, in words."""


def tables(report: Report, width: int | None = None) -> str:
    """The scores, the losses as shares of those of other codecs, what retraining regains and what restoring changes.

    width: characters of a line, where there is a limit; tables that are wider come in parts.
    """
    return "\n\n".join([_head(report), *_enough(report, width), *_scores(report, width), *_relative(report, width),
                        *_recovered(report, width), *_restoration(report, width)])  # fmt: skip


def with_interval(entry: Mapping[str, Any] | None, by_cent: bool = False, signed: bool = False) -> str:
    """A mean and how far its interval reaches: "0.46 ±0.03", "0.98 -0.05 +0.02" where it ends at 1; "57 % ±6"."""
    if entry is None:
        return "-"
    times, unit = (100, " %") if by_cent else (1, "")
    mean, low, high = entry["mean"], entry["low"], entry["high"]
    reach = [] if low is None else [round(times * one, 9) for one in (mean - low, high - mean)]
    digits = 0 if by_cent else decimals(max(reach, default=0) or mean)
    said = f"{times * mean:{'+' if signed else ''}z.{digits}f}{unit}"
    if not reach:
        return said
    below, above = (f"{one:.{digits}f}" for one in reach)
    return f"{said} ±{below}" if below == above else f"{said} -{below} +{above}"


def sure(report: Report, share: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A share of a loss as it is shown: None where the loss may be none at all, so that a share of it says nothing."""
    unsure = share is None or (share["low"] is None and report["originals"]["low"] is not None)
    return None if unsure else share


def decimals(value: float) -> int:
    """How many decimals a score is told with, so that its error has two digits, or one where it is a tenth or more."""
    size = abs(value)
    return 3 if size < 0.0095 else 2 if size < 10 else 1 if size < 100 else 0


def said_of(task: Mapping[str, Any]) -> str:
    """What was scored on what: "segmentation: mean intersection over union, on 18 pictures, 5 networks"."""
    networks = f", {_several(len(task['seeds']), 'network')}" if task["learns"] else ""
    pictures = _several(task["n_test"], "drawn picture" if task["drawn"] else "picture")
    seen = f" ({task['n_seen']} of them trained on)" if task["n_seen"] else ""
    return f"{task['name']}: {task['score']}, on {pictures}{seen}{networks}"


def sampled(task: Mapping[str, Any]) -> str:
    """What intervals are over; one network tells nothing of others."""
    return "networks and pictures" if task["learns"] and len(task["seeds"]) > 1 else "pictures"


def _several(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _head(report: Report) -> str:
    controls = report["controls"]
    chance = f"by truth of other pictures: {with_interval(controls['shuffled'])}" if "shuffled" in controls else (
        "not known, since there is no other picture to take the truth of"
    )  # fmt: skip
    further = f", by networks retrained on them {with_interval(report['further'])}" if report["further"] else ""
    return "\n".join([
        f"{said_of(report['task'])} (±: 95 %, over {sampled(report['task'])})",
        f"originals {with_interval(report['originals'])}{further}; chance, {chance}; "
        f"grey pictures: {with_interval(controls['grey'])}",
        *_missing(report),
    ])  # fmt: skip


def _missing(report: Report) -> Iterable[str]:
    """Of each codec for how many pictures grey stands, so that a score is guessed there."""
    n_test = report["task"]["n_test"]
    for codec in report["codecs"]:
        missing = {p["rate"]: p["missing"] for p in report["points"] if p["codec"] == codec and p["missing"]}
        if missing:
            each = ", ".join(f"{n} at {rate:g} bpp" for rate, n in missing.items())
            label = report["labels"][codec]
            yield f"{label} has no file so small for {each}, of {n_test} pictures; grey stands for them"


def enough(report: Report) -> dict[tuple[str, str], float]:
    """The lowest rate that is enough, by (trained, codec): there and at all higher ones the share of the score on
    originals that is left is `ENOUGH`, by the lower end of its interval."""
    found: dict[tuple[str, str], float] = {}
    over: set[tuple[str, str]] = set()
    for one in sorted(report["kept"], key=lambda one: -one["rate"]):
        which = one["trained"], one["codec"]
        if which not in over and one["share"]["low"] is not None and one["share"]["low"] >= ENOUGH:
            found[which] = one["rate"]
        else:
            over.add(which)
    return found


def _enough(report: Report, width: int | None) -> Iterable[str]:
    ways = list(dict.fromkeys(one["trained"] for one in report["kept"]))
    found = enough(report)
    if not ways:
        return
    rows = {
        report["labels"][codec]: [f"{found[how, codec]:g}" if (how, codec) in found else "-" for how in ways]
        for codec in report["codecs"]
    }
    heads = [TRAINED[how] for how in ways] if report["task"]["learns"] else ["bpp"]
    yield f"Rate in bpp from which on {enough_said()}\n" + table(heads, rows, width)


def enough_said() -> str:
    """What is enough, in words."""
    return f"{100 * ENOUGH:.0f} % of the score on originals is left, by the lower end of the interval"


def _scores(report: Report, width: int | None) -> Iterable[str]:
    for how, words in TRAINED.items():
        found = {(p["codec"], p["rate"]): p["score"] for p in report["points"] if p["trained"] == how}
        if found:
            trained = f", {words}" if report["task"]["learns"] else ""
            yield f"Score at rates in bpp{trained}\n" + _by_rate(report, report["codecs"], found.get, width)


def _relative(report: Report, width: int | None) -> Iterable[str]:
    found = {(one["to"], one["codec"], one["rate"]): sure(report, one["share"]) for one in report["relative"]}
    labels = report["labels"]
    for peer in dict.fromkeys(one["to"] for one in report["relative"]):
        codecs = list(dict.fromkeys(one["codec"] for one in report["relative"] if one["to"] == peer))

        def share(of: tuple[str, float], peer: str = peer) -> Any:
            return found.get((peer, *of))

        text = _by_rate(report, codecs, share, width, by_cent=True)
        rate = min(report["rates"], key=lambda one: abs(one - _SAID_AT))
        said = [
            f"At {rate:g} bpp {labels[codec]} loses {with_interval(one, by_cent=True)} of what {labels[peer]} loses"
            + _grey(report, peer, rate)
            for codec in codecs if (one := share((codec, rate)))
        ]  # fmt: skip
        yield "\n".join([f"Loss against originals, as a share of the loss of {labels[peer]}", text, *said])


def _grey(report: Report, codec: str, rate: float) -> str:
    """The end of a sentence on a codec: for how many pictures it has no file, so that little is said of it."""
    missing = max(p["missing"] for p in report["points"] if (p["codec"], p["rate"]) == (codec, rate))
    return f", which has no file for {missing} of {report['task']['n_test']} pictures." if missing else "."


def _recovered(report: Report, width: int | None) -> Iterable[str]:
    for how, base in dict.fromkeys((one["trained"], one["of"]) for one in report["recovered"]):
        of_both = [one for one in report["recovered"] if (one["trained"], one["of"]) == (how, base)]
        found = {(one["codec"], one["rate"]): sure(report, one["share"]) for one in of_both}
        codecs = [codec for codec in report["codecs"] if any(of == codec for of, _ in found)]
        text = _by_rate(report, codecs, found.get, width, by_cent=True)
        instead = " instead of on originals for as long" if base == "further" else ""
        yield f"Share of the loss that comes back, {TRAINED[how]}{instead}\n{text}"


def _restoration(report: Report, width: int | None) -> Iterable[str]:
    for how in dict.fromkeys(one["trained"] for one in report["restoration"]):
        of_how = [one for one in report["restoration"] if one["trained"] == how]
        found = {(one["codec"], one["rate"]): one["difference"] for one in of_how}
        codecs = list(dict.fromkeys(one["codec"] for one in of_how))
        text = _by_rate(report, codecs, found.get, width, signed=True)
        trained = f", {TRAINED[how]}" if report["task"]["learns"] else ""
        yield f"Score of restored pictures less that of exact ones{trained}\n{text}"


def _by_rate(
    report: Report,
    codecs: Sequence[str],
    of: Callable[[tuple[str, float]], Any],
    width: int | None,
    by_cent: bool = False,
    signed: bool = False,
) -> str:
    """A row for each codec, by its label, and a column for each rate."""
    rates = report["rates"]
    rows = {
        report["labels"][codec]: [with_interval(of((codec, rate)), by_cent, signed) for rate in rates]
        for codec in codecs
    }
    return table([f"{rate:g}" for rate in rates], rows, width)
