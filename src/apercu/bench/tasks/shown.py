"""The pictures of a run's page: some test pictures, spread over the classes, and what each codec leaves of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from apercu.bench.cache import Cache
from apercu.bench.own import OURS
from apercu.bench.pictures import original_picture
from apercu.bench.plan import Plan
from apercu.bench.shown import centred, cut, lossless
from apercu.bench.tasks.coding import coded, decoded, of_picture
from apercu.bench.tasks.data import DataSet, is_class, spread
from apercu.bench.tasks.said import ORIGINAL, Record, Told, judged, legend, put
from apercu.errors import printable
from apercu.stages.colour import Samples


@dataclass(frozen=True)
class Pictures:
    """What a page shows, in the shape that `apercu.bench.page.page_html` takes.

    images: what is known of each picture. originals: name -> {"webp", "window", "note"}. pictures: (name, codec, rate)
    -> {"webp", "point"}, and "sent" where parts are generated; one is missing where the codec has no file so small.
    Both have "said", what the network finds there, where the task tells, and originals "truth"; see `said.put`.
    provenance: codec -> what `apercu.provenance` tells, of those of apercu. legend: of `said.legend`.
    """

    images: list[dict[str, Any]]
    originals: dict[str, dict[str, Any]]
    pictures: dict[tuple[str, str, float | str], dict[str, Any]]
    provenance: dict[str, dict[str, object]]
    legend: dict[str, Any] = field(default_factory=dict)


def pictures(data: DataSet, plan: Plan, store: Cache, told: Told | None = None) -> Pictures:
    """The test pictures of `data.spread` as they arrive; what the run has coded is in its store. Raises what codecs
    raise. told: what `apercu.bench.tasks.run` has been told of them."""
    provenance = {codec: plan.own(codec).provenance for codec in plan.codecs if codec.startswith(OURS)}
    colours = legend([record for records in (told or {}).values() for record in records], data.classes)
    found = Pictures([], {}, {}, provenance, colours)
    for number, place in enumerate(spread(data)):
        _add(found, data, place, plan, store)
        for key, records in (told or {}).items():
            _tell(found, found.images[-1]["name"], key, records[number], data.classes)
    return found


def _add(found: Pictures, data: DataSet, place: int, plan: Plan, store: Cache) -> None:
    image = data.test.images[place]
    this = of_picture(image)
    name = printable(data.test.names[place])
    while name in found.originals:  # of another file whose name is the same but for what cannot be printed
        name += "'"
    original = original_picture(this)
    truth: Any = data.test.truth[place] if data.test.truth is not None else None
    if is_class(truth, data.classes):
        original["note"] = f"truth: {printable(data.classes[truth])}"
    found.originals[name] = original
    found.images.append({
        "name": name,
        "width": image.shape[1],
        "height": image.shape[0],
        "bands": 1 if image.ndim == 2 else image.shape[2],
        "dtype": str(image.dtype),
    })  # fmt: skip
    for codec in plan.codecs:
        for rate, one in coded(this, codec, plan.rates, plan, store).items():
            if one.n_bytes is None:
                continue
            point = {
                "image": name,
                "codec": codec,
                "scale": one.scale,
                "n_bytes": one.n_bytes,
                "bpp": 8 * one.n_bytes / this.n_pixels,
                "metrics": {} if one.psnr is None else {"psnr": one.psnr},
            }
            found.pictures[name, codec, rate] = {"webp": _webp(image, codec, rate, plan, store), "point": point}
            if found.provenance.get(codec, {}).get("kind") == "generative":
                exact = replace(plan.own(codec), restore="none", network=None).name
                found.pictures[name, codec, rate]["sent"] = _webp(image, exact, rate, plan, store)


def _tell(found: Pictures, name: str, key: tuple[str, float], record: Record, classes: Sequence[str]) -> None:
    """Adds what is said of a picture, and what is true of it; of what did not arrive nothing."""
    original, said = found.originals[name], {**put(record["said"], classes, found.legend), **judged(record)}
    if key != ORIGINAL:
        found.pictures.get((name, *key), {})["said"] = said
        return
    original["said"] = said
    if record["truth"]:
        original["truth"] = put(record["truth"], classes, found.legend)
        original.pop("note", None)  # which says the same


def _webp(image: Samples, codec: str, rate: float, plan: Plan, store: Cache) -> bytes:
    """Lossless WebP of the window of a picture, as it arrives, that the page shows."""
    picture = cut(decoded(image, codec, rate, plan, store), centred(*image.shape[:2]))
    return lossless(np.asarray(picture, np.uint8))
