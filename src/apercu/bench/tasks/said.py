"""What a network says of the pictures that a report shows: kept as JSON, held against the truth, and put for people.

What is kept of one picture is {"text"}, {"class"}, {"boxes": [[left, top, right, bottom, text]]}, {"mask", "numbers"},
with the classes that are there, or {"map", "low", "high"}, levels 0 to 254 between two values. The last two are grey
PNG in Base64, of the window that the page shows; 255 stands for nothing.
"""

import base64
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apercu.bench.plots import COLOURS
from apercu.bench.shown import centred, cut, lossless
from apercu.bench.tasks.boxes import matched
from apercu.errors import printable

Packed = dict[str, Any]
"""What is said of a picture, or true of it, as it is kept; see this module."""
Record = Mapping[str, Any]
"""{"said": Packed, "truth": Packed or None}, with what `verdict` makes of both."""
Told = dict[tuple[str, float], list[Record]]
"""Records of the pictures that are shown, by (codec, rate), and of the originals."""
ORIGINAL = "", 0.0
NOTHING = 255
"""In a mask or a map: nothing is said of this pixel."""
_STEPS = NOTHING - 1  # from the lowest value of a map to the highest
_PALER = 0.55  # of a colour, where all have been used and they begin again
_PALEST = 2  # times that they are paler
_MOST_NAMED = 4  # classes of a mask that are told in words
_STOPS = 9  # of a map's colours, for the legend


def pack(entry: Any, shape: tuple[int, int]) -> Packed | None:
    """What is said or true of a picture (H, W), as it is kept; None for what cannot be shown."""
    if isinstance(entry, str):
        return {"text": entry}
    if isinstance(entry, int | np.integer) and not isinstance(entry, bool):
        return {"class": int(entry)} if entry >= 0 else None
    if isinstance(entry, np.ndarray):
        if entry.shape == shape:
            return _packed(cut(entry, centred(*shape)))
        entry = entry.tolist()
    if not isinstance(entry, list | tuple):
        return None
    boxes = [_box(one) for one in entry]
    return {"boxes": boxes} if all(boxes) else None


def _packed(values: NDArray[Any]) -> Packed | None:
    if values.dtype.kind in "biu":
        numbers = np.unique(values).tolist()
        if numbers[0] < 0 or numbers[-1] > NOTHING:
            return None
        return {"mask": _png(values), "numbers": [int(number) for number in numbers if number != NOTHING]}
    if values.dtype.kind != "f":
        return None
    there = np.isfinite(values)
    if not there.any():
        return {"map": _png(np.full(values.shape, NOTHING)), "low": None, "high": None}
    low, high = float(values[there].min()), float(values[there].max())
    levels = np.rint(_STEPS * (values.astype(float) - low) / ((high - low) or 1.0))
    return {"map": _png(np.where(there, levels, NOTHING)), "low": low, "high": high}


def _box(one: Any) -> list[Any] | None:
    try:
        edges, text = one if len(one) == 2 else (one, "")
        if isinstance(edges, str):
            return None
        left, top, right, bottom = (round(float(edge), 1) for edge in edges)
    except (TypeError, ValueError):
        return None
    return [left, top, right, bottom, str(text)] if all(map(math.isfinite, (left, top, right, bottom))) else None


def _png(values: NDArray[Any]) -> str:
    file = BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _levels(packed: Packed) -> NDArray[np.uint8]:
    png = base64.b64decode(packed["mask"] if "mask" in packed else packed["map"])
    with Image.open(BytesIO(png)) as picture:
        return np.array(picture)


def verdict(
    said: Packed, truth: Packed | None, classes: Sequence[str], score: Callable[[], float | None]
) -> dict[str, Any]:
    """How what is said goes with the truth; {} where that is not told.

    {"right": bool} of a name. Of boxes how many are of one place and one text, "same", how many are true, "expected",
    and how many have no partner there, "more". {"score"} of masks and maps, which is asked for.
    """
    if truth is None:
        return {}
    if "boxes" in said and "boxes" in truth:
        found, expected = said["boxes"], truth["boxes"]
        pairs = matched([one[:4] for one in found], [one[:4] for one in expected])
        same = sum(found[i][4] == expected[j][4] for i, j in pairs)
        return {"same": same, "expected": len(expected), "more": len(found) - len(pairs)}
    if any(kind in said and kind in truth for kind in ("mask", "map")):
        return {"score": score()}
    if "class" in said and "class" in truth:
        return {"right": said["class"] == truth["class"]}
    if all("class" in one or "text" in one for one in (said, truth)):
        return {"right": _name(said, classes) == _name(truth, classes)}
    return {}


def _name(packed: Packed, classes: Sequence[str]) -> str:
    return _class(packed["class"], classes) if "class" in packed else printable(packed["text"])


def _class(number: int, classes: Sequence[str]) -> str:
    return printable(classes[number]) if number < len(classes) else str(number)


def legend(records: Iterable[Record], classes: Sequence[str]) -> dict[str, Any]:
    """What colours mean, on all pictures: {"classes": [[name, colour]], "numbers"} of masks, {"low", "high", "ramp":
    colours} of maps, from the lowest to the highest value of what is true, where any is, else of what is said."""
    said, true = [], []
    for record in records:
        said.append(record["said"])
        true += [record["truth"]] if record["truth"] else []
    found: dict[str, Any] = {}
    if numbers := {number for one in said + true for number in one.get("numbers", ())}:
        found["numbers"] = sorted(numbers)
        found["classes"] = [[_class(number, classes), _css(_colour(place))]
                            for place, number in enumerate(found["numbers"])]  # fmt: skip
    true, said = ([one for one in among if one.get("low") is not None] for among in (true, said))
    if maps := true or said:
        stops = np.linspace(0, _STEPS, _STOPS).astype(int)
        found |= {"low": min(one["low"] for one in maps), "high": max(one["high"] for one in maps),
                  "ramp": [_css(_ramp()[stop]) for stop in stops]}  # fmt: skip
    return found


def put(packed: Packed, classes: Sequence[str], of: Mapping[str, Any]) -> dict[str, Any]:
    """What is said or true as the page shows it, with the colours of a legend: {"words"}, and what is drawn over the
    picture: "boxes" in its pixels, or "webp" of the window that is shown and whether it is a "map"."""
    if "boxes" in packed:
        boxes = [[*one[:4], printable(one[4])] for one in packed["boxes"]]
        texts = [one[4] for one in boxes if one[4]]
        return {"words": " · ".join(texts) or f"{len(boxes) or 'none'} found", "boxes": boxes}
    if "mask" in packed:
        numbers, colours = _levels(packed), [(0, 0, 0)] * NOTHING
        for place, number in enumerate(of.get("numbers", ())):
            colours[number] = _colour(place)
        return {"words": _shares(numbers, classes), "map": False, "webp": _drawn(numbers, colours)}
    if "map" in packed and packed["low"] is None:
        return {"words": "nothing"}
    if "map" in packed:
        levels = _levels(packed)
        values = packed["low"] + levels * ((packed["high"] - packed["low"]) / _STEPS)
        again = np.clip(np.rint(_STEPS * (values - of["low"]) / ((of["high"] - of["low"]) or 1.0)), 0, _STEPS)
        shown = np.where(levels == NOTHING, NOTHING, again).astype(np.uint8)
        return {"words": f"{packed['low']:.3g} to {packed['high']:.3g}", "map": True, "webp": _drawn(shown, _ramp())}
    return {"words": _name(packed, classes)}


def _shares(numbers: NDArray[np.uint8], classes: Sequence[str]) -> str:
    """The classes that have most of what is shown of a picture, with their shares."""
    counts = np.bincount(numbers.ravel(), minlength=NOTHING + 1)[:NOTHING]
    most = np.argsort(-counts, kind="stable")[:_MOST_NAMED].tolist()
    shares = [f"{_class(number, classes)} {100 * counts[number] / numbers.size:.0f} %" for number in most
              if counts[number]]  # fmt: skip
    return ", ".join(shares) or "nothing"


def judged(record: Record) -> dict[str, Any]:
    """{"verdict": in words}, and where it is one or the other "good", whether it is so; {} where nothing is told."""
    if "right" in record:
        return {"verdict": "right" if record["right"] else "wrong", "good": record["right"]}
    if "same" in record:
        same, expected, more = record["same"], record["expected"], record["more"]
        words = f"{same} of {expected}" + (f", {more} more" if more else "")
        return {"verdict": words if expected or more else "right", "good": same == expected and not more}
    return {} if record.get("score") is None else {"verdict": f"score {record['score']:.2f}"}


def _drawn(levels: NDArray[np.uint8], colours: Iterable[tuple[int, int, int]]) -> bytes:
    """Lossless WebP, in which nothing is seen where the level is `NOTHING`."""
    table = np.array([*((*colour, 255) for colour in colours), (0, 0, 0, 0)], np.uint8)
    return lossless(table[levels])


def _colour(place: int) -> tuple[int, int, int]:
    """Of the class at a place of the legend: one of twelve, and then paler ones, of which the last come again."""
    colour, paler = COLOURS[place % len(COLOURS)], _PALER ** min(place // len(COLOURS), _PALEST)
    red, green, blue = (round(255 + paler * (int(colour[at : at + 2], 16) - 255)) for at in (1, 3, 5))
    return red, green, blue


def _ramp() -> list[tuple[int, int, int]]:
    """Of each level of a map: viridis, which is seen as even by those too who cannot tell red from green."""
    from matplotlib import colormaps

    colours = colormaps["viridis"](np.linspace(0, 1, _STEPS + 1), bytes=True)
    return [(int(red), int(green), int(blue)) for red, green, blue, _ in colours]


def _css(colour: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
