"""A picture or a scene to a preview, and how far the preview is from it."""

import math
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bridges import files, scene_files
from apercu.codecs import made, scenes
from apercu.codecs.decoding import How
from apercu.codecs.source import squared_error
from apercu.stages.fill import Mask, hidden

_AT_ONCE = 1 << 18  # samples

Part = tuple[NDArray[Any], Mask | None, NDArray[Any]]
"""Samples (h, w, B), which of them do not count, and what they are decoded to."""


class Preview(NamedTuple):
    """A preview and what is said of it."""

    data: bytes
    facts: Mapping[str, Any]
    """Those of `apercu.info`."""
    rmse: float | None
    """Root of the mean squared error of all samples that count, at the full size, in units of the samples."""
    mapping_error: float | None
    """At most, in units of the samples: what it takes to hold them in 16 bits. None for samples that are held as they
    are."""
    remark: str = ""
    """What of a scene is left out."""


def make(path: str, page: int | None, is_measured: bool, options: Mapping[str, Any]) -> Preview:
    """The preview of a file; options are those of `apercu.encode`.

    Raises FileFormatError, OptionError, TargetUnreachable, MissingExtra, OSError, and what else decoders raise.
    """
    is_scene = scene_files.is_scene(path, page)
    with made.kept() if is_measured else nullcontext():
        if is_scene and scene_files.can_be_read(path):
            return _of_scene(path, is_measured, options)
        of_picture = _of_picture(path, page, is_measured, options)
    return of_picture._replace(remark=scene_files.LEFT_OUT) if is_scene else of_picture


def _of_picture(path: str, page: int | None, is_measured: bool, options: Mapping[str, Any]) -> Preview:
    image, bands = files.read(path, page=page)
    data = apercu.encode(image, **{"bands": bands, **scene_files.of_picture(options)})
    facts: dict[str, Any] = apercu.info(data)
    rmse = None
    if is_measured:
        whole = image.reshape(*image.shape[:2], -1)
        decoded = apercu.decode(data, full_size=True, model=options.get("model")).reshape(whole.shape)
        rmse = _rmse([(whole, None, decoded)], facts["interpretation"])
    return Preview(data, facts, rmse, None)


def _of_scene(path: str, is_measured: bool, options: Mapping[str, Any]) -> Preview:
    from apercu.bridges import geo, geo_read  # rasterio comes with them

    with geo_read.raster_of(path, alone=True) as raster:
        data = geo.encode(raster, **options)
        facts: dict[str, Any] = apercu.info(data)
        rmse = None
        if is_measured:
            shown = geo.Opened(data, True, how=How(model=options.get("model")))
            parts = ((*raster.read(window), shown.part(window)[0]) for window in shown.windows())
            rmse = _rmse(parts, facts["interpretation"])
    samples = scenes.split(data)[0].samples
    return Preview(data, facts, rmse, None if samples is None else _mapping_error(samples.dtype, samples.mapping))


def _rmse(parts: Iterable[Part], interpretation: str) -> float | None:
    """None where no sample counts."""
    total: float = 0
    n_counted = 0
    for samples, mask, decoded in parts:
        out = hidden(samples, interpretation, mask)
        total += _squared_error(samples, out, decoded)
        n_counted += samples.size - (0 if out is None else int(np.count_nonzero(out)))
    return math.sqrt(total / n_counted) if n_counted else None


def _squared_error(samples: NDArray[Any], out: Mask | None, decoded: NDArray[Any]) -> float:
    """Summed over the samples that are not `out`. Exact for integers of 16 bits or fewer."""
    if samples.dtype in (np.uint8, np.uint16):
        return squared_error(samples, out, decoded)
    sums = []
    n_rows = max(_AT_ONCE // samples[0].size, 1)
    for top in range(0, len(samples), n_rows):
        rows = slice(top, top + n_rows)
        difference = samples[rows].astype(np.float64)
        difference -= decoded[rows]
        if out is not None:
            difference[out[rows]] = 0
        sums.append(float(np.square(difference).sum()))
    total = math.fsum(sums)
    return int(total) if samples.dtype.kind in "iu" else total


def _mapping_error(dtype: str, mapping: tuple[tuple[float, float], ...] | None) -> float | None:
    if mapping is None:
        return None
    step = max(scale for _, scale in mapping)
    return 0.0 if step == 1 and np.dtype(dtype).kind in "iu" else step / 2
