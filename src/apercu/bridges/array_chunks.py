"""A chunk of an array as an apercu file: what `zarr` and `numcodecs` share.

Nothing is reshaped, scaled or converted: the configuration says what each axis of a chunk is, and what does not fit is
refused.
"""

import inspect
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.codecs.by_name import options_by_codec
from apercu.errors import FormatError, ImageError, OptionError, TargetUnreachable
from apercu.options import owners, whole
from apercu.restore import by_name
from apercu.stages.colour import Samples
from apercu.stages.sample_types import set_nodata

AXES = ("yx", "yxb", "byx", "...yx", "...yxb", "...byx")
"""What the axes of a chunk may be: y (rows), x (columns), b (bands), and any number of others of length 1 before
them."""

Options = tuple[tuple[str, Any], ...]
"""Names and values of what `apercu.encode` is given, in the order of the names."""

_NOT_STORED = ("model", "progress")  # a path on one machine, and a function
_AT_READING = ("restore", "layers", "damaged", "model")
_N_BANDS = {"rgb": 3, "rgba": 4}
_LARGEST = 65535  # sample


def checked(axes: object, options: Mapping[str, Any]) -> tuple[str, Options]:
    """A configuration that can be stored as JSON; raises OptionError for one with which no chunk could be encoded."""
    if axes not in AXES:
        raise OptionError(f"axes must be one of {', '.join(map(repr, AXES))}, not {axes!r}")
    keywords = inspect.signature(apercu.encode).parameters.values()
    known = [of.name for of in keywords if of.kind is of.KEYWORD_ONLY and of.name not in _NOT_STORED]
    known += ["nodata", *owners(options_by_codec())]
    if unknown := sorted(options.keys() - known):
        raise OptionError(f"a codec of arrays has no option {', '.join(unknown)}; it has axes, {', '.join(known)}")
    plain = {name: _plain(name, value) for name, value in options.items() if value is not None}
    nodata = whole("nodata", plain.get("nodata", 0))
    if not 0 <= nodata <= _LARGEST:
        raise OptionError(f"nodata must be from 0 to {_LARGEST}, not {nodata}")
    _try_out({name: value for name, value in plain.items() if name != "nodata"})
    return str(axes), tuple(sorted(plain.items()))


def _plain(name: str, value: object) -> object:
    """A value that is the same after it has been written as JSON and read again."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, str | int | float):
        raise OptionError(f"{name} must be a number or a text to be stored with an array, not {value!r}")
    return value


def _try_out(options: Mapping[str, Any]) -> None:
    """Raises OptionError where `apercu.encode` would, whatever the chunk."""
    n_bands = _N_BANDS.get(str(options.get("bands")), 1)
    with suppress(TargetUnreachable):  # by this image
        apercu.encode(np.zeros((8, 8, n_bands), np.uint8), **options)


def encode(chunk: Samples, axes: str, options: Options) -> bytes:
    """A chunk as an apercu file. Raises ImageError, OptionError or TargetUnreachable."""
    if chunk.dtype.kind != "u" or chunk.dtype.itemsize > 2:
        raise ImageError(
            f"chunks must be of uint8 or uint16, not {chunk.dtype}: scale and round them before, by the encoding of "
            "xarray (dtype='uint16', scale_factor=…, add_offset=…) or, in Zarr format 3, by a filter such as "
            "FixedScaleOffset(offset=…, scale=…, dtype=…, astype='uint16')"
        )
    n_others = refuse_dimensions(chunk.ndim, axes)
    if any(n != 1 for n in chunk.shape[:n_others]):
        raise ImageError(
            f"a chunk of the shape {chunk.shape} is no image with the axes {axes!r}: set the chunks (inside shards, "
            f"those of a shard) to 1 along the first {n_others} axes"
        )
    image = chunk.reshape(chunk.shape[n_others:])
    if axes.endswith("byx"):
        image = np.moveaxis(image, 0, -1)
    given = {"bands": _bands_of(image) if "bands" not in dict(options) else None, **dict(options)}
    if (nodata := given.pop("nodata", None)) is None:
        return apercu.encode(image, **given)
    return apercu.encode(np.ma.MaskedArray(image, image == nodata), **given)


def refuse_dimensions(n_dimensions: int, axes: str) -> int:
    """How many axes come before those of the image; raises ImageError where a chunk cannot have the axes."""
    n_others = n_dimensions - len(axes.removeprefix("..."))
    if n_others < 0 or (n_others and not axes.startswith("...")):
        raise ImageError(
            f"chunks of {n_dimensions} dimensions cannot have the axes {axes!r}: give axes='yxb' where the last axis "
            "is that of bands, 'byx' where the first of three is, and '...yx' or '...byx' where others come before "
            "these, along which chunks have the length 1"
        )
    return n_others


def _bands_of(image: Samples) -> str:
    """What the bands are where nobody says: as in `apercu.encode`, but nobody's fourth band is taken for alpha."""
    n_bands = image.shape[2] if image.ndim == 3 else 1
    if n_bands == 4:
        raise ImageError("four bands may be colours with alpha or not: give bands='rgba' or bands='spectral'")
    return {1: "grey", 3: "rgb"}.get(n_bands, "spectral")


def decode(
    data: bytes, axes: str, options: Options, expected: tuple[tuple[int, ...], np.dtype[Any]] | None = None
) -> Samples:
    """The chunk of an apercu file, without axes before those of the image unless it is `expected` to have some.

    expected: the shape and dtype that it must have, looked at before memory is allocated.

    Raises FormatError, ModelError, MissingExtra or OptionError.
    """
    found = apercu.info(data)
    settings = _reading(str(found["codec"]))
    size: Any = found.get("reduced") or found
    shape: tuple[Any, ...] = size["height"], size["width"], found["bands"]
    if axes.endswith("yx") and not axes.endswith("byx"):
        if shape[2] != 1:
            raise FormatError(f"a chunk of {shape[2]} bands has not the axes {axes!r}: give 'yxb' or 'byx'")
        shape = shape[:2]
    elif axes.endswith("byx"):
        shape = shape[2], shape[0], shape[1]
    if expected is not None:
        n_others = len(expected[0]) - len(shape)
        shape = (1,) * n_others + shape
        if (shape, found["dtype"]) != (expected[0], expected[1].newbyteorder("=").name):
            raise FormatError(
                f"a chunk of {found['dtype']} and the shape {shape} in an array of {expected[1]} and the chunks "
                f"{expected[0]}"
            )
    image: NDArray[Any] = apercu.decode(data, full_size=True, **settings)
    if (nodata := dict(options).get("nodata")) is not None:
        bands = image.reshape(*image.shape[:2], -1)
        set_nodata(bands, [nodata] * bands.shape[2], apercu.mask(data, full_size=True).reshape(*bands.shape[:2], -1))
        image = bands.reshape(image.shape)
    if axes.endswith("byx") and image.ndim == 3:
        image = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    chunk: Samples = image.reshape(shape)
    return chunk if expected is None else chunk.astype(expected[1], copy=False)


def _reading(codec: str) -> dict[str, Any]:
    """What `apercu.decode` is given, from the setting `apercu` of `zarr.config`; empty where there is no Zarr. Since it
    holds for all arrays, a restorer is left out where it has not learnt the codec."""
    config = getattr(sys.modules.get("zarr"), "config", None)
    given = config.get("apercu", {}) if config is not None else {}
    known = [*_AT_READING, *owners(by_name.options_by_restorer())]
    if not isinstance(given, Mapping) or given.keys() - known:
        raise OptionError(f"the setting apercu of zarr.config holds {', '.join(known)}, not {given!r}")
    by_name.check_options(given.get("restore", "none"), {})
    learnt = given.get("restore", "none") in by_name.ways_of(codec)
    return {name: value for name, value in given.items() if learnt or name in ("layers", "damaged", "model")}
