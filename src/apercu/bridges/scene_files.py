"""Which files are scenes, for GDAL to read, and which are pictures (`files.py`).

A scene is: what is no file by its name (a URL, /vsizip/…, NETCDF:"a.nc":t); a TIFF that says where it lies, which
samples are no data or anything else in GDAL's own tags, or whose samples or bands a picture does not have; a JPEG 2000
that says where it lies; and any other file that Pillow does not know, unless it has the name of a picture. A page that
is chosen, and a TIFF of several, are pictures.
"""

import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from apercu.bridges.files import PICTURE_SUFFIXES, suffix_of
from apercu.bridges.geo_open import rasterio_of
from apercu.bridges.opened import open_picture
from apercu.bridges.tiff import is_tiff
from apercu.bridges.tiff_page import number
from apercu.bridges.tiff_pages import directories
from apercu.bridges.tiff_tags import form_and_first, read_tags, values_of
from apercu.errors import OptionError, naming_file
from apercu.format.ids import MAGIC
from apercu.format.prefix import has_prefix

_GEOREFERENCE = (33550, 33922, 34264, 34735, 50844)  # scale, tie points, matrix, GeoKeys (OGC 19-008r4), RPCs
_GDAL = (42112, 42113)  # metadata, no-data
_BITS, _PHOTOMETRIC, _N_SAMPLES, _EXTRA, _FORMAT = 258, 262, 277, 338, 339
_WANTED = {
    **dict.fromkeys((*_GEOREFERENCE, *_GDAL), 1 << 24),
    **dict.fromkeys((_BITS, _PHOTOMETRIC, _N_SAMPLES, _EXTRA, _FORMAT), 1 << 18),
}
_TIFF = (".tif", ".tiff")
_UNSIGNED, _BLACK_IS_ZERO, _RGB = 1, 1, 2

_JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n"
_GEO_JP2 = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")  # the UUID of a box that holds a GeoTIFF
_GML_JP2 = b"gml.data"
_PLACE_IN_JP2 = 1 << 20  # bytes at either end of a file, in which its boxes are

# Not by their content, since a file of GDAL's may name others, and addresses, which a picture from anyone must not.
_PICTURES = (
    *(*PICTURE_SUFFIXES, ".apc", ".gif", ".avif", ".heic", ".heif", ".ico", ".jxl", ".psd", ".svg"),
    *(".jp2", ".j2k", ".jpf", ".jpx", ".jpm", ".j2c", ".jpc"),
)
_NO_FILE = re.compile(r"/vsi|\w\w[\w+.-]*:")  # a drive of Windows has one letter


Given = str | os.PathLike[str] | BytesIO
"""A file by its name, or what it holds."""
LEFT_OUT = "its georeference, no-data value and tags are left out; pip install 'apercu[geo]' keeps them"
"""What is said of a scene that is read as a picture."""


def of_picture(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an encoder without those that scenes alone have."""
    return {name: value for name, value in options.items() if name != "tags"}


def can_be_read(source: Given) -> bool:
    """Whether a scene is for GDAL to read: rasterio is installed, or it is no file, for which there is no other way."""
    return find_spec("rasterio") is not None or not (isinstance(source, BytesIO) or os.path.exists(source))


def is_geotiff(data: bytes, suffix: str, cog: bool) -> bool:
    """Whether an apercu file is to be written by GDAL, under this suffix: as a COG, or since a prefix says more of it
    than other writers of TIFF keep.

    Raises OptionError for a COG under another suffix, and MissingExtra for one without rasterio.
    """
    if cog and suffix not in _TIFF:
        raise OptionError(f"a cloud-optimised GeoTIFF is named .tif, not {suffix!r}")
    if cog:
        rasterio_of("a cloud-optimised GeoTIFF needs")
    return cog or (suffix in _TIFF and has_prefix(data) and find_spec("rasterio") is not None)


def loses_its_place(data: bytes, suffix: str) -> bool:
    """Whether a TIFF of an apercu file leaves out what its prefix says, since rasterio is not installed."""
    return suffix in _TIFF and has_prefix(data) and find_spec("rasterio") is None


def is_scene(source: Given, page: int | None = None) -> bool:
    """Whether a file, or what a stream holds, is a scene; its head is looked at. `page`: what was chosen of a file of
    several. Of streams, GDAL reads TIFF and JPEG 2000 alone.

    Raises OSError where a file that is there cannot be opened.
    """
    if page is not None:
        return False
    if not isinstance(source, str | os.PathLike):
        source.seek(0)
        head = source.read(32)
        source.seek(0)
        return (is_tiff(head) or head.startswith(_JPEG_2000)) and _is_scene(source, "")
    name = os.fspath(source)
    if _NO_FILE.match(name) and not os.path.exists(name):
        return True
    if not os.path.isfile(name):  # a pipe gives what it has only once
        return False
    with naming_file(name), open(name, "rb") as stream:
        return _is_scene(stream, suffix_of(name))


def _is_scene(stream: BinaryIO, suffix: str) -> bool:
    head = stream.read(32)
    if head.startswith(MAGIC) or not head:
        return False
    if is_tiff(head):
        try:
            return _is_scene_tiff(stream)
        except Exception:  # damaged: what is wrong, the reader of pictures says
            return False
    if head.startswith(_JPEG_2000):
        end = stream.seek(0, 2)
        stream.seek(0)
        ends = stream.read(_PLACE_IN_JP2)
        stream.seek(max(end - _PLACE_IN_JP2, 0))
        ends += stream.read(_PLACE_IN_JP2)
        return _GEO_JP2 in ends or _GML_JP2 in ends
    if suffix in _PICTURES:
        return False
    if _is_known_by_name_only(head):
        return True
    try:
        open_picture(stream, None)
        return False
    except UnidentifiedImageError:
        return True
    except Exception:  # Pillow knows it, and does not like it
        return False


def _is_known_by_name_only(head: bytes) -> bool:
    """Whether Pillow knows a kind of file, and leaves it to others to read it: HDF5, GRIB, BUFR."""
    Image.init()
    return any(
        accepts(head)
        for make, accepts in Image.OPEN.values()
        if accepts and isinstance(make, type) and issubclass(make, ImageFile.StubImageFile)
    )


def _is_scene_tiff(stream: BinaryIO) -> bool:
    pages = [each for each in directories(stream) if not each.is_reduced and not each.is_mask]
    if len(pages) != 1:
        return False
    form, _ = form_and_first(stream)
    tags = read_tags(stream, form, pages[0].offset, _WANTED)
    if any(name in tags for name in (*_GEOREFERENCE, *_GDAL)):
        return True

    def numbers(name: int, default: tuple[float, ...]) -> tuple[float, ...]:
        return values_of(tags[name], form) if name in tags else default

    if any(kind != _UNSIGNED for kind in numbers(_FORMAT, (_UNSIGNED,))) or max(numbers(_BITS, (1,))) > 16:
        return True
    n_samples, photometric = (number(tags, form, name, 1) for name in (_N_SAMPLES, _PHOTOMETRIC))
    if photometric not in (_RGB, _BLACK_IS_ZERO):
        return False
    n_more, extra = n_samples - (3 if photometric == _RGB else 1), numbers(_EXTRA, ())
    has_alpha = n_more == 1 and (extra in ((1,), (2,)) or (photometric == _RGB and not extra))
    return n_more > 0 and not has_alpha
