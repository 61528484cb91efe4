"""The page: one HTML file in which a comparison can be looked at, without a network or a server.

    page/report.html   the document, with places for the rest
    page/report.css    how it looks, light and dark
    page/stage.js      the two pictures: divider, flip, difference, zoom
    page/made.js       how a picture was made, and what of it was sent or invented
    page/curves.js     the rate-distortion curves
    page/numbers.js    the numbers, curves and BD-rates beside the pictures
    page/task.js, .css what networks make of the pictures, in the report of a task
    page/said.js       what a network says of the pictures, in words and over them
    page/report.js     what is chosen, and the keys

Pictures stand in the page as Base64 in scripts of a type that no browser runs, and become images when they are looked
at: so a page of 40 MB opens at once. A Content-Security-Policy allows the page's own script and nothing from a network.
"""

import base64
import hashlib
import html
import json
import math
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from apercu.bench.cache import write_whole
from apercu.bench.plan import in_bytes
from apercu.bench.shown import fit

LIMIT = 39_000_000  # bytes of a page; pictures are cut to smaller windows above it

_SCRIPTS = "stage.js", "made.js", "curves.js", "numbers.js", "task.js", "said.js", "report.js"

_SAID = "said", "truth"

Comparison = Mapping[str, Any]
Originals = Mapping[str, Mapping[str, Any]]
Pictures = Mapping[tuple[str, str, float | str], Mapping[str, Any]]


def write_page(
    comparison: Comparison,
    pictures: Pictures,
    out: Path,
    *,
    originals: Originals,
    title: str = "apercu compare",
    limit: int = LIMIT,
) -> None:
    """Write the page of a comparison; the arguments are those of `page_html`.

    Raises:
        OSError: `out` cannot be written.
    """
    write_whole(out, page_html(comparison, pictures, originals, title=title, limit=limit).encode())


def page_html(
    comparison: Comparison,
    pictures: Pictures,
    originals: Originals,
    *,
    title: str = "apercu compare",
    limit: int = LIMIT,
) -> str:
    """The page as HTML.

    Args:
        comparison: what comparison.json holds: `codecs`, `rates` (bpp), `metrics` (name -> unit, higher_is_better),
            `images` (name, width, height, bands, dtype, optionally note), `points`, `bd_rate`, `environment`; and where
            there are any `budgets` (bytes), `labels` (codec -> what it is called), `provenance` (codec -> what
            `apercu.provenance` tells), `left_out` (reasons), `task` (what networks make of the pictures, as
            `apercu.bench.tasks.report` has it).
        pictures: for (image, codec, rate or "N bytes") {"webp": lossless WebP, "point": the record of what is shown},
            and "sent", the exact decode of the same file as lossless WebP, of one with generated parts; one that is
            missing is a rate which that codec does not reach. "said", where there is any, is what a network says of it:
            {"words", optionally "verdict", "good", "boxes", "webp" of the same window and "map"}, see
            `apercu.bench.tasks.said`.
        originals: for an image {"webp": lossless WebP, "window": (top, left, height, width), "note": optional remark,
            "said" as in a picture, "truth" in the same shape}, the same window as in its pictures; an image without one
            is shown decoded only.
        title: of the page.
        limit: bytes; above it the pictures are cut to smaller windows.

    Returns:
        one document, which names no other.
    """
    data = _data(comparison)
    rest = len(_json(data)) + 100_000
    both: dict[tuple[Any, ...], Mapping[str, Any]] = dict(pictures)
    both |= {(*key, "sent"): {"webp": of["sent"]} for key, of in pictures.items() if "sent" in of}
    said: dict[tuple[Any, ...], Mapping[str, Any]] = {
        (*key, of): entry[of]
        for key, entry in ({(name,): entry for name, entry in originals.items()} | dict(pictures)).items()
        for of in _SAID
        if of in entry
    }
    both |= {key: one for key, one in said.items() if "webp" in one}
    originals, fitted = fit(originals, both, max(0, limit - rest) * 3 // 4)
    ids: dict[bytes, int] = {}
    names = [image["name"] for image in comparison["images"]]
    for entry, name in zip(data["images"], names, strict=True):
        if name in originals:
            entry["original"] = ids.setdefault(originals[name]["webp"], len(ids))
            entry["window"] = originals[name]["window"]
            if note := originals[name].get("note"):
                entry["note"] = note
            entry |= {of: _said(said[name, of], fitted.get((name, of)), ids) for of in _SAID if (name, of) in said}
    codecs, rates = list(comparison["codecs"]), _rates(comparison)
    for key, picture in pictures.items():
        name, codec, rate = key
        place = names.index(name), codecs.index(codec), rates.index(rate)
        number, *sent = (ids.setdefault(fitted[of]["webp"], len(ids)) for of in (key, (*key, "sent")) if of in fitted)
        data["pictures"].append([*place, number, _record(picture["point"]), *sent])
        if (*key, "said") in said:
            data["said"].append([*place, _said(said[(*key, "said")], fitted.get((*key, "said")), ids)])
    style = _part("report.css") + _part("task.css")
    script = "".join(_part(name) for name in _SCRIPTS)
    return Template(_part("report.html")).substitute(
        title=html.escape(title),
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        style=style,
        script=script,
        data=_json(data),
        pictures="\n".join(_picture(number, webp) for webp, number in ids.items()),
    )


def _data(comparison: Comparison) -> dict[str, Any]:
    """What the page's script reads, without the pictures."""
    points: dict[str, dict[str, list[Any]]] = {}
    for record in comparison["points"]:
        points.setdefault(record["image"], {}).setdefault(record["codec"], []).append(_record(record))
    external = {record["codec"] for record in comparison["points"] if record.get("external")}
    labels = _Labels(comparison.get("labels", {}))
    shown = list(comparison["codecs"])
    measured = dict.fromkeys(record["codec"] for record in comparison["points"])
    others = [codec for codec in measured if codec not in shown]
    return {
        "codecs": [labels[codec] for codec in shown],
        "others": [labels[codec] for codec in others],  # curves without pictures
        "external": sorted(labels[codec] for codec in external),
        "rates": _rates(comparison),
        "left_out": list(comparison.get("left_out", ())),
        "metrics": [{"name": name, **entry} for name, entry in comparison["metrics"].items()],
        "images": [dict(image) for image in comparison["images"]],
        "points": [
            [points.get(image["name"], {}).get(codec, []) for codec in shown + others] for image in comparison["images"]
        ],
        # As text: a script has no whole numbers above 2^53, and other numbers are rounded here.
        "provenance": [
            {name: str(value) for name, value in comparison.get("provenance", {}).get(codec, {}).items()}
            for codec in shown
        ],
        # [image, codec, rate, picture, record], the first three as places in the lists above, and what was sent of it
        "pictures": [],
        "said": [],  # [image, codec, rate, what a network says of that picture]
        "bd_rate": {
            metric: {labels[row]: {labels[c]: cell for c, cell in cells.items()} for row, cells in table.items()}
            for metric, table in (comparison.get("bd_rate") or {}).items()
        },
        "environment": comparison.get("environment") or {},
        "task": comparison.get("task"),
    }


class _Labels(dict[str, str]):
    """What codecs are called: themselves, where nothing else is said."""

    def __missing__(self, codec: str) -> str:
        return codec


def _rates(comparison: Comparison) -> list[float | str]:
    """Rates as numbers, sizes as text."""
    return [*comparison["rates"], *(in_bytes(n) for n in comparison.get("budgets", ()))]


def _record(point: Mapping[str, Any]) -> dict[str, Any]:
    """A measured point, as far as the page shows it."""
    kept = {key: point[key] for key in ("bpp", "n_bytes", "level", "encode_s", "decode_s") if key in point}
    if point.get("scale", 1) != 1:
        kept["scale"] = point["scale"]
    return kept | {"metrics": dict(point["metrics"])}


def _said(said: Mapping[str, Any], over: Mapping[str, Any] | None, ids: dict[bytes, int]) -> dict[str, Any]:
    """What a network says of a picture, with the number of what is drawn over that in place of its bytes."""
    found = {key: value for key, value in said.items() if key != "webp"}
    return found if over is None else {**found, "over": ids.setdefault(over["webp"], len(ids))}


def _json(data: Any) -> str:
    """JSON that may stand in a script element: no `<`, and what is not finite as a word."""
    return json.dumps(_finite(data), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, str) or not isinstance(value, Iterable | float):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(f"{value:.6g}")
        return None if math.isnan(value) else "∞" if value > 0 else "−∞"
    return [_finite(item) for item in value]


def _picture(number: int, webp: bytes) -> str:
    return f'<script type="text/plain" id="picture-{number}">{base64.b64encode(webp).decode()}</script>'


def _part(name: str) -> str:
    return (files("apercu.bench") / "page" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
