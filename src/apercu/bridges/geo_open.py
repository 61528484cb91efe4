"""Opening a raster with GDAL, by rasterio: what may be opened, and with which cache."""

import errno
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from types import ModuleType
from typing import Any

from apercu.errors import FileFormatError, MissingExtra, OptionError, printable

CACHE = 16 << 20
"""Bytes of GDAL's own cache of blocks, which would be 5 % of the memory of the machine."""
_IN_MEMORY = re.compile(r"'?/vsi(mem|pythonfilelike)/[^\s':,]*'?")
_FROM_ANYONE = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0c": "JP2OpenJPEG",
}
"""GDAL's drivers of files that name no others, by the first bytes: for scenes that anyone may have sent."""
_ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
"""What keeps GDAL from looking for files beside one (.msk, .ovr, .aux.xml, .tfw), which it opens by their content."""


def rasterio_of(what_needs: str) -> ModuleType:
    """The module rasterio. Raises MissingExtra where there is none."""
    try:
        import rasterio
    except ImportError as error:
        raise MissingExtra(f"{what_needs} rasterio: pip install 'apercu[geo]'") from error
    module: ModuleType = rasterio
    return module


def check_name(path: str | os.PathLike[str], what_names: str) -> None:
    """Raises OptionError for a path whose bytes are not UTF-8, which no text can name."""
    try:
        os.path.abspath(path).encode()
    except UnicodeEncodeError:
        raise OptionError(f"{what_names} names its file, whose name is not UTF-8: {printable(str(path))}") from None


@contextmanager
def opened(scene: Any, *, alone: bool = False, **how: Any) -> Iterator[Any]:
    """A raster that GDAL reads, by its path or URL, as a rasterio dataset; a dataset that is open stays so.

    Args:
        scene: a path, a URL, whatever else GDAL opens (`/vsizip/…`, `NETCDF:"a.nc":t`), the content of a TIFF or
            JPEG 2000 (BytesIO), or an open dataset.
        alone: for a file that anyone may have sent: it is a TIFF or a JPEG 2000, and nothing beside it is looked at.
        how: arguments of `rasterio.open`, such as `driver`.

    Raises:
        MissingExtra: rasterio is not installed.
        FileFormatError: GDAL cannot read it, or a part of it while it is open.
        OptionError: it is none of these.
    """
    rasterio = rasterio_of("a scene needs")
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    with ExitStack() as stack:
        stack.enter_context(rasterio.Env())  # without which GDAL prints its errors beside raising them
        if isinstance(scene, BytesIO):
            content = scene.getvalue()
            # Not by any driver: some read files and addresses that the content names.
            how = {"driver": _driver_of(content[:4]), **how}
            scene = stack.enter_context(rasterio.MemoryFile(content, filename="stream")).name
        name = name_of(scene)
        try:
            if alone:
                stack.enter_context(rasterio.Env(**_ALONE))
                with open(scene, "rb") as file:
                    how["driver"] = _driver_of(file.read(4))
            if not isinstance(scene, rasterio.io.DatasetReader | rasterio.io.DatasetWriter | rasterio.vrt.WarpedVRT):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NotGeoreferencedWarning)
                    try:
                        scene = stack.enter_context(rasterio.open(scene, **how))
                    except TypeError as error:
                        raise OptionError(f"a scene is a path, a URL or a dataset: {error}") from error
            stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
            yield scene
        except RasterioError as error:
            said = _IN_MEMORY.sub(lambda _: name, " ".join(str(error.__cause__ or error).split()))
            if said.endswith(os.strerror(errno.ENOENT)) and not os.path.exists(name):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
            raise FileFormatError(said if name in said else f"{name}: {said}") from error
        except UnicodeError as error:  # to GDAL all is UTF-8
            raise FileFormatError(f"{name}: its name, or what is said in it, is not UTF-8") from error


def name_of(scene: Any) -> str:
    """What messages call a scene: a path, a URL or an open dataset."""
    return printable(_IN_MEMORY.sub("the stream", str(getattr(scene, "name", scene))))


def _driver_of(begin: bytes) -> str:
    """That of a file that anyone may have sent, by its first bytes; raises FileFormatError where GDAL is not to read
    it."""
    driver = _FROM_ANYONE.get(begin)
    if driver is None:
        raise FileFormatError(
            "neither a picture nor a TIFF or JPEG 2000: it may name other files; give its path to apercu encode"
        )
    return driver
