"""Scenes as GeoTIFF, also cloud-optimised (COG), by GDAL's drivers of these names."""

import mmap
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.geo_metadata import as_written, colours_of, crs_as_rasterio, describe
from apercu.bridges.geo_open import CACHE, rasterio_of
from apercu.bridges.geo_read import opaque
from apercu.errors import FileFormatError
from apercu.format.chunks import Scene
from apercu.replacing import replacing_by_name
from apercu.stages.blocks import Window
from apercu.stages.fill import Mask

_BLOCK = 512
_LARGE = 256  # pixels a side, from which a file is tiled
_BESIDE = (".aux.xml", ".msk", ".ovr")
_COG = {
    "compress": "DEFLATE",
    "blocksize": _BLOCK,
    "bigtiff": "IF_SAFER",
    "overview_resampling": "AVERAGE",
}
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has not, and GDAL leaves out."""
_QUOTE = {'"': "&quot;"}


class Raster(NamedTuple):
    """A scene that is to be written, window by window."""

    height: int
    width: int
    n_bands: int
    dtype: np.dtype[Any]
    interpretation: str
    nodata: float | int | None
    kind: str | None
    """Of the mask, as `apercu.format.chunks` has it: "alpha" becomes a band, "band" the mask of the dataset."""
    scene: Scene
    """What is said of it; its georeference is that of this height and width."""


Part = tuple[NDArray[Any], Mask | None]
"""Of a window, samples (h, w, B), and which do not count, (h, w, 1) or (h, w, B)."""


def write(
    target: str | os.PathLike[str], raster: Raster, parts: Iterable[tuple[Window, *Part]], *, cog: bool = False
) -> None:
    """Write a GeoTIFF, deflated, in tiles of 512 × 512 where it is larger than one.

    Args:
        target: a path; the file takes the place of one that is there, whole or not at all.
        raster: what it is.
        parts: all of it in any order, window by window; in that of its rows, little memory is needed.
        cog: whether to write a cloud-optimised GeoTIFF, with overviews.

    Raises:
        MissingExtra: rasterio is not installed.
        FileFormatError: GDAL cannot write it.
        OSError: the file cannot be written.
    """
    rasterio = rasterio_of("a GeoTIFF needs")
    from rasterio.shutil import copy

    with replacing_by_name(target) as name, rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_TIFF_INTERNAL_MASK=True):
        first = os.path.join(os.path.dirname(name), ".whole.tif") if cog else name
        is_named = any(namespace for _, namespace in raster.scene.tags or ())
        items = _of_bands(raster.scene) if cog and is_named else b""
        room = {f"apercu{os.urandom(8).hex()}": "-" * len(items)} if items else {}
        with _created(first, raster, 1 if cog else 6) as dataset:
            _fill(dataset, raster, parts)
            dataset.update_tags(**room)
        if cog:
            with faults_of_gdal():
                copy(first, name, driver="COG", copy_src_mdd="YES" if is_named else "AUTO", **_cog(raster))
            os.unlink(first)
            if room:
                _put(name, items, room)
        stale = [suffix for suffix in _BESIDE if not os.path.exists(name + suffix)]
    for suffix in stale:  # of the file that was there, and GDAL would take it for the new one's
        with suppress(OSError):
            os.unlink(os.path.realpath(target) + suffix)


def _predictor(dtype: np.dtype[Any]) -> int:
    """TIFF's number of a way to predict samples: of floats, of integers, or none for integers of 64 bits, which GDAL's
    library predicts since libtiff 4.3.1 only."""
    return 3 if dtype.kind == "f" else 2 if dtype.itemsize < 8 else 1


def _cog(raster: Raster) -> dict[str, Any]:
    return _COG | {"predictor": ("NO", "STANDARD", "FLOATING_POINT")[_predictor(raster.dtype) - 1]}


def _of_bands(scene: Scene) -> bytes:
    """Tags of bands, as the XML that GDAL writes. As soon as a copy is to have tags of namespaces, GDAL leaves out
    those of bands without one, before GDAL 3.10 those with one; what comes twice is the same to it."""
    items = []
    for (band, namespace), pairs in (scene.tags or {}).items():
        domain = f' domain="{escape(NO_XML.sub("", namespace), _QUOTE)}"' if namespace else ""
        whole = next((kind for kind in ("xml", "json") if namespace.startswith(kind + ":")), "")
        for name, text in as_written(namespace, pairs).items() if band else ():
            if whole:  # a text that rasterio writes as KEY=VALUE
                name, text = {"xml": "doc", "json": "json"}[whole], f"{name}={text}"
            name = escape(NO_XML.sub("", name), _QUOTE)
            text = escape(escape(NO_XML.sub("", text)))  # GDAL escapes a text twice
            items.append(f'<Item name="{name}" sample="{band - 1}"{domain}>{text}</Item>')
    return "".join(items).encode()


def _put(path: str, items: bytes, room: dict[str, str]) -> None:
    """Let tags take the place of one of the dataset that is as long: no byte moves, and a COG stays one."""
    place = "".join(f'<Item name="{name}">{text}</Item>' for name, text in room.items()).encode()
    with open(path, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as content:
        if (at := content.find(place)) < 0:
            raise FileFormatError("GDAL writes tags in a form that is not known")
        content[at : at + len(place)] = items.ljust(len(place))


def write_empty(name: str, raster: Raster) -> None:
    """Write a GeoTIFF that says all that is said of a scene, and holds next to no samples; raises as `write`."""
    rasterio = rasterio_of("a GeoTIFF needs")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), _created(name, raster, 1, sparse_ok=True) as dataset:
        describe(dataset, raster.scene, raster.interpretation)
        if raster.kind == "band":
            dataset.write_mask(np.ones((1, 1), np.bool_), window=((0, 1), (0, 1)))


@contextmanager
def _created(name: str, raster: Raster, effort: int, **how: Any) -> Iterator[Any]:
    """A new GeoTIFF, a rasterio dataset that is open for writing."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    profile = _profile(raster, effort)
    with faults_of_gdal(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(name, "w", **profile, **how)
        except (TypeError, ValueError) as error:  # a dtype or a no-data value that rasterio has not
            raise FileFormatError(f"no GeoTIFF can be made of it: {error}") from error
        with dataset:
            yield dataset


@contextmanager
def faults_of_gdal() -> Iterator[None]:
    """What GDAL cannot write, as FileFormatError."""
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        raise FileFormatError(" ".join(str(error.__cause__ or error).split())) from error


def _profile(raster: Raster, effort: int) -> dict[str, Any]:
    has_alpha = raster.kind == "alpha"
    n_bands = raster.n_bands + has_alpha
    colours = colours_of(raster.scene, raster.interpretation, n_bands)
    tiled = min(raster.height, raster.width) >= _LARGE
    profile = {
        "driver": "GTiff",
        "height": raster.height,
        "width": raster.width,
        "count": n_bands,
        "dtype": raster.dtype.name,
        "nodata": raster.nodata,
        "photometric": "RGB" if colours[:3] == ["red", "green", "blue"] else "MINISBLACK",
        "alpha": "NON-PREMULTIPLIED" if colours[-1] == "alpha" else "NO",
        "compress": "DEFLATE",
        "zlevel": effort,
        "predictor": _predictor(raster.dtype),
        "interleave": "pixel",
        "bigtiff": "IF_SAFER",
        "tiled": tiled,
        **({"blockxsize": _BLOCK, "blockysize": _BLOCK} if tiled else {}),
    }
    geo = raster.scene.geo
    if geo and geo.crs is not None:
        profile["crs"] = crs_as_rasterio(geo.crs)
    if geo and geo.transform:
        from rasterio import Affine

        profile["transform"] = Affine(*geo.transform)
    return profile


def _fill(dataset: Any, raster: Raster, parts: Iterable[tuple[Window, *Part]]) -> None:
    describe(dataset, raster.scene, raster.interpretation)
    for window, samples, hidden in parts:
        _write_part(dataset, raster, window, samples, hidden)
        del samples, hidden  # before the next are made


def _write_part(dataset: Any, raster: Raster, window: Window, samples: NDArray[Any], hidden: Mask | None) -> None:
    from rasterio.windows import Window as Place

    numbers = list(range(1, raster.n_bands + 1))
    for top in range(0, window.height, _BLOCK):  # rasterio copies what it writes
        rows = slice(top, min(top + _BLOCK, window.height))
        place = Place(window.left, window.top + top, window.width, rows.stop - top)
        dataset.write(np.moveaxis(samples[rows], -1, 0), numbers, window=place)
        if raster.kind not in ("alpha", "band"):
            continue
        shown = np.ones((rows.stop - top, window.width), np.bool_)
        if hidden is not None:
            shown &= ~hidden[rows].all(axis=2)
        if raster.kind == "alpha":
            dataset.write(shown.astype(raster.dtype) * opaque(raster.dtype), len(numbers) + 1, window=place)
        else:
            dataset.write_mask(shown, window=place)
