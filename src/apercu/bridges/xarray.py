"""apercu as an engine of xarray: `xr.open_dataset("scene.apc")`, read where it is looked at.

    scene = xr.open_dataarray("scene.apc", engine="apercu")                      # nothing is decoded yet
    scene.isel(y=slice(0, 512), x=slice(0, 512)).values                          # the tiles that this touches
    xr.open_dataset("s3://bucket/scene.apc", engine="apercu", chunks={}, restore="cnn")    # Dask, a chunk for each tile

The samples are the variable `band_data`, (band, y, x), or (y, x) of an image without an axis of bands, as rioxarray
names them. xarray finds the engine by itself for names that end in .apc.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bridges import bounded
from apercu.bridges.coordinates import GRID_MAPPING, attributes, coordinates
from apercu.bridges.label import attributes_of
from apercu.codecs import limits, scenes
from apercu.errors import MissingExtra, OptionError, naming
from apercu.format.chunk_places import at_coded_size
from apercu.format.chunks import Scene
from apercu.format.ids import MAGIC
from apercu.options import positive_if_given
from apercu.restore import by_name
from apercu.stages.colour import Samples

try:
    import xarray as xr
    from xarray.backends import BackendArray, BackendEntrypoint, CachingFileManager
    from xarray.core import indexing
except ImportError as error:
    raise MissingExtra("apercu.bridges.xarray needs xarray: pip install 'apercu[arrays]'") from error

NAME = "band_data"
"""The variable of the samples."""


class ApercuBackendEntrypoint(BackendEntrypoint):
    """What xarray calls; see `open_dataset`."""

    description = "Open apercu files (.apc), window by window"
    url = ""
    # Named here since xarray looks for them itself only where there are no further ones.
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "mask_and_scale")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether the name ends in .apc, or bytes or a file at its beginning start as an apercu file does."""
        if isinstance(filename_or_obj, str | os.PathLike):
            return os.fspath(filename_or_obj).endswith(".apc")
        if isinstance(filename_or_obj, bytes):
            return filename_or_obj.startswith(MAGIC)
        if not hasattr(filename_or_obj, "seekable") or not filename_or_obj.seekable() or filename_or_obj.tell() != 0:
            return False
        start = filename_or_obj.read(len(MAGIC))
        filename_or_obj.seek(0)
        return bool(start == MAGIC)

    def open_dataset(
        self,
        filename_or_obj: object,
        *,
        drop_variables: str | Iterable[str] | None = None,
        mask_and_scale: bool = True,
        restore: str = "none",
        layers: int | None = None,
        model: str | os.PathLike[str] | None = None,
        full_size: bool = False,
        storage_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """The image of a file, lazily; a window of it decodes the tiles that it touches.

        filename_or_obj: a path, a URL for fsspec, the bytes of a file, or a binary file that is open.
        mask_and_scale: whether samples that do not count become NaN, and scales and offsets are applied.
        restore, layers, model, full_size, options: as for `apercu.decode`. Attributes say how samples were restored.
        storage_options: for fsspec.

        Raises FormatError, ModelError, MissingExtra, OptionError or OSError: here for what the head of the file tells,
        of the rest when samples are looked at.
        """
        manager: CachingFileManager[_Content] = CachingFileManager(
            _content, _source_of(filename_or_obj, storage_options or {}), mode="rb"
        )
        content = manager.acquire()
        how = {"restore": restore, "layers": positive_if_given("layers", layers), "model": model, **options}
        by_name.restorer_for_file(restore, content.data, options)  # says what is wrong before samples are looked at
        file = content.file
        # Coordinates take memory before any samples do.
        limits.check_size(*file.size(full_size), file.header.n_bands, apercu.MAX_PIXELS)
        scene = file.scene if full_size else at_coded_size(file.scene)
        dataset = _dataset(content, _Samples(file, manager, how, full_size), scene, mask_and_scale)
        dataset[NAME].attrs |= attributes_of(apercu.provenance(content.data, restore=restore, **options))
        dataset.set_close(manager.close)
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return dataset.drop_vars(dropped, errors="ignore")


@dataclass(frozen=True)
class _Content:
    """A file that has been read; files are small, so that a process reads each but once."""

    data: bytes
    file: scenes.Opened

    def close(self) -> None:
        """What xarray calls of a file that it no longer needs."""


_Source = str | bytes | tuple[Any, str]
"""The path of a file, its content, or a file system of fsspec and a path there: what another process can use too, and
what is equal there."""


def _source_of(given: object, storage_options: Mapping[str, Any]) -> _Source:
    if isinstance(given, bytes):
        return given
    if hasattr(given, "read"):
        return bounded.read_apercu(cast(IO[bytes], given))
    if not isinstance(given, str | os.PathLike):
        raise OptionError(f"a path, bytes or a binary file can be opened, not {type(given).__name__}")
    path = os.fspath(given)
    if "://" not in path and "::" not in path:
        return path
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtra("to open a URL takes fsspec: pip install 'apercu[archive]'") from None
    return cast(_Source, url_to_fs(path, **storage_options))


def _content(source: _Source, mode: str) -> _Content:
    if isinstance(source, bytes):
        return _content_of(source)
    name = source if isinstance(source, str) else source[1]
    with naming(name), open(name, mode) if isinstance(source, str) else source[0].open(name, mode) as stream:
        return _content_of(bounded.read_apercu(stream))


def _content_of(data: bytes) -> _Content:
    return _Content(data, scenes.opened(data, apercu.MAX_PIXELS, with_mask=False))


def _dataset(content: _Content, samples: "_Samples", scene: Scene, mask_and_scale: bool) -> xr.Dataset:
    """The samples with coordinates and attributes, decoded by the CF conventions if `mask_and_scale` is set."""
    said = attributes(scene, samples.dtype, content.file.header.n_bands)
    if mask_and_scale and scene.mask and "_FillValue" not in said:
        samples.hide()
    dimensions = ("band", "y", "x")[-len(samples.shape) :]
    variable = xr.Variable(dimensions, indexing.LazilyIndexedArray(samples), said)
    height, width = samples.shape[-2:]
    chunks = content.file.header.n_bands, min(samples.tile, height), min(samples.tile, width)
    variable.encoding["preferred_chunks"] = dict(zip(dimensions, chunks[-len(dimensions) :], strict=True))
    places = coordinates(scene, height, width)
    if GRID_MAPPING in places:
        variable.encoding["grid_mapping"] = GRID_MAPPING
    if "band" in dimensions:
        places["band"] = xr.Variable("band", np.arange(1, content.file.header.n_bands + 1))
    dataset = xr.Dataset({NAME: variable}, places, (scene.tags or {}).get((0, "")))
    return xr.decode_cf(dataset, mask_and_scale=mask_and_scale, decode_times=False, decode_coords=False)


class _Samples(BackendArray):
    """The samples of a file as xarray indexes them, at the size that is coded or the full one."""

    def __init__(
        self, file: scenes.Opened, manager: "CachingFileManager[_Content]", how: dict[str, Any], full_size: bool
    ) -> None:
        header, size = file.header, file.size(full_size)
        flat = header.flat and header.interpretation == "grey"
        self.shape = size if flat else (header.n_bands, *size)
        self.dtype = np.dtype(file.dtype())
        self._manager, self._how, self._full_size, self._hides = manager, how, full_size, False
        self.tile = header.tile << (file.scene.reduced.log2 if full_size and file.scene.reduced else 0)

    def hide(self) -> None:
        """From now on, samples that do not count are NaN."""
        if self.dtype.kind != "f":
            self.dtype = np.dtype(np.float32 if self.dtype.itemsize <= 2 else np.float64)
        self._hides = True

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._indexed)

    def _indexed(self, key: tuple[Any, ...]) -> Samples:
        """Of an integer, a slice or an array of integers for each axis."""
        axes = [np.arange(size)[part] for size, part in zip(self.shape, key, strict=True)]
        bands = np.atleast_1d(axes[0]) if len(axes) == 3 else np.arange(1)
        rows, columns = np.atleast_1d(axes[-2]), np.atleast_1d(axes[-1])
        if not (bands.size and rows.size and columns.size):
            return np.empty([part.size for part in axes if part.ndim], self.dtype)
        image = self._read(rows, columns, bands)
        return np.moveaxis(image, -1, 0).reshape([part.size for part in axes if part.ndim])

    def _read(self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]) -> Samples:
        """These rows, columns and bands, (rows, columns, bands). Where most rows between them are not wanted, a row of
        tiles at a time."""
        content = self._manager.acquire()
        left, width = int(columns.min()), int(np.ptp(columns)) + 1
        sparse = 2 * rows.size <= np.ptp(rows) + 1
        strip_of = rows // self.tile if sparse else np.zeros_like(rows)
        out = np.empty((rows.size, columns.size, bands.size), self.dtype)
        for strip in np.unique(strip_of):
            those = np.flatnonzero(strip_of == strip)
            top, height = int(rows[those].min()), int(np.ptp(rows[those])) + 1
            image = self._window(content.data, (top, left, height, width))
            if image.shape == out.shape and _ascend(rows) and _ascend(columns) and _ascend(bands):
                return image
            out[those] = image[np.ix_(rows[those] - top, columns - left, bands)]
        return out

    def _window(self, data: bytes, window: tuple[int, int, int, int]) -> Samples:
        image = apercu.decode(data, window=window, full_size=self._full_size, **self._how)
        image = image.reshape(*window[2:], -1)
        if self._hides:
            hidden = apercu.mask(data, window=window, full_size=self._full_size).reshape(*window[2:], -1)
            image = np.where(hidden, self.dtype.type(np.nan), image).astype(self.dtype, copy=False)
        return image


def _ascend(chosen: NDArray[np.intp]) -> bool:
    return bool(np.all(np.diff(chosen) == 1))
