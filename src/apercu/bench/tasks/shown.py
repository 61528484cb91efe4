"""The pictures of a run's page: some test pictures, spread over the classes, and what each codec leaves of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from apercu.bench.cache import Cache
from apercu.bench.own import OURS
from apercu.bench.pictures import original_picture
from apercu.bench.plan import Plan
from apercu.bench.shown import centred, cut, lossless
from apercu.bench.tasks.coding import coded, decoded, of_picture
from apercu.bench.tasks.data import DataSet
from apercu.errors import printable
from apercu.stages.colour import Samples

MOST = 8
"""Test pictures that a page shows."""


@dataclass(frozen=True)
class Pictures:
    """What a page shows, in the shape that `apercu.bench.page.page_html` takes.

    images: what is known of each picture. originals: name -> {"webp", "window", "note"}. pictures: (name, codec, rate)
    -> {"webp", "point"}, and "sent" where parts are generated; one is missing where the codec has no file so small.
    provenance: codec -> what `apercu.provenance` tells, of those of apercu.
    """

    images: list[dict[str, Any]]
    originals: dict[str, dict[str, Any]]
    pictures: dict[tuple[str, str, float | str], dict[str, Any]]
    provenance: dict[str, dict[str, object]]


def pictures(data: DataSet, plan: Plan, store: Cache) -> Pictures:
    """Up to `MOST` test pictures as they arrive; what the run has coded is in its store. Raises what codecs raise."""
    provenance = {codec: plan.own(codec).provenance for codec in plan.codecs if codec.startswith(OURS)}
    found = Pictures([], {}, {}, provenance)
    for place in spread(data):
        _add(found, data, place, plan, store)
    return found


def spread(data: DataSet, most: int = MOST) -> list[int]:
    """Places of up to `most` test pictures, in order: of each class in turn where there are classes, else evenly."""
    n_pictures, truth = len(data.test.images), data.test.truth
    if data.classes and truth is not None and all(_is_class(entry, data.classes) for entry in truth):
        of_classes = [[place for place, entry in enumerate(truth) if entry == number]
                      for number in range(len(data.classes))]  # fmt: skip
        in_turn = [place for row in zip_longest(*of_classes) for place in row if place is not None]
        return sorted(in_turn[:most])
    n_shown = min(most, n_pictures)
    return [number * n_pictures // n_shown for number in range(n_shown)]


def _is_class(entry: Any, classes: Sequence[str]) -> bool:
    return isinstance(entry, int) and 0 <= entry < len(classes)


def _add(found: Pictures, data: DataSet, place: int, plan: Plan, store: Cache) -> None:
    image = data.test.images[place]
    this = of_picture(image)
    name = printable(data.test.names[place])
    original = original_picture(this)
    truth: Any = data.test.truth[place] if data.test.truth is not None else None
    if _is_class(truth, data.classes):
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


def _webp(image: Samples, codec: str, rate: float, plan: Plan, store: Cache) -> bytes:
    """Lossless WebP of the window of a picture, as it arrives, that the page shows."""
    picture = cut(decoded(image, codec, rate, plan, store), centred(*image.shape[:2]))
    return lossless(np.asarray(picture, np.uint8))
