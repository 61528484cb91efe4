"""A picture or a scene to a preview, and how far the preview is from it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bridges import files, scene_files
from apercu.codecs import scenes
from apercu.stages.fill import Mask, hidden

_ROWS = 64  # that are measured at once

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
    if is_scene and scene_files.can_be_read(path):
        return _of_scene(path, is_measured, options)
    made = _of_picture(path, page, is_measured, options)
    return made._replace(remark=scene_files.LEFT_OUT) if is_scene else made


def _of_picture(path: str, page: int | None, is_measured: bool, options: Mapping[str, Any]) -> Preview:
    image, bands = files.read(path, page=page)
    data = apercu.encode(image, **{"bands": bands, **scene_files.of_picture(options)})
    facts: dict[str, Any] = apercu.info(data)
    rmse = None
    if is_measured:
        decoded = apercu.decode(data, full_size=True, model=options.get("model"))
        whole = image.reshape(*image.shape[:2], -1)
        rmse = _rmse(iter([(whole, None, decoded.reshape(whole.shape))]), facts["interpretation"])
    return Preview(data, facts, rmse, None)


def _of_scene(path: str, is_measured: bool, options: Mapping[str, Any]) -> Preview:
    from apercu.bridges import geo, geo_read  # rasterio comes with them

    data = geo.encode(path, **options)
    facts: dict[str, Any] = apercu.info(data)
    rmse = None
    if is_measured:
        shown = geo.Opened(data, True, model=options.get("model"))
        with geo_read.opened(path) as dataset:
            raster = geo_read.RasterSource(dataset, geo_read.bands_of(dataset))
            parts = ((*raster.read(window), samples) for window, samples, _ in shown.parts())
            rmse = _rmse(parts, facts["interpretation"])
    samples = scenes.split(data)[0].samples
    return Preview(data, facts, rmse, None if samples is None else _mapping_error(samples.dtype, samples.mapping))


def _rmse(parts: Iterator[Part], interpretation: str) -> float | None:
    """None where no sample counts."""
    total, n_counted = 0.0, 0
    for samples, mask, decoded in parts:
        for top in range(0, len(samples), _ROWS):
            rows = slice(top, top + _ROWS)
            out = hidden(samples[rows], interpretation, None if mask is None else mask[rows])
            difference = samples[rows].astype(np.float64)
            difference -= decoded[rows]
            difference = difference.ravel() if out is None else difference[~out]
            total += float(difference @ difference)
            n_counted += difference.size
    return math.sqrt(total / n_counted) if n_counted else None


def _mapping_error(dtype: str, mapping: tuple[tuple[float, float], ...] | None) -> float | None:
    if mapping is None:
        return None
    step = max(scale for _, scale in mapping)
    return 0.0 if step == 1 and np.dtype(dtype).kind in "iu" else step / 2
