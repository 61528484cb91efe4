"""Pictures as Pillow opens them, one call at a time: under our limit of pixels, and within bounds of time and memory.

`Image.open` takes its limit from a setting of the process, and its remarks on odd files go through another; neither is
touched here. EXIF is kept from Pillow, which reads all of it at once; `exif.py` looks for the little that is needed.
"""

import re
import struct
from io import BytesIO
from typing import BinaryIO

from PIL import IcoImagePlugin, Image, JpegImagePlugin, UnidentifiedImageError

from apercu.bridges import boxes, jpeg_head
from apercu.bridges.embedded import jpeg_2000_size, webp_canvas
from apercu.bridges.geometry import check_page, check_size, most_pixels
from apercu.bridges.png_chunks import SIGNATURE, without_metadata
from apercu.errors import FileFormatError

_DRAWINGS = ("EPS", "WMF")
_ELSEWHERE = ("TIFF", "MPO")  # what is read in tiff.py, and a name of JPEG files with several pictures
_ICO = b"\0\0\1\0"
_JPEG = b"\xff\xd8\xff"
_JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_ICON_PIXELS = 1 << 21  # the largest icon is 1024 × 1024, and in an ICO its mask counts as much again
_MOST_DRAWN = 16  # times the limit of pixels: what the frames before one may take, each the whole picture


def open_picture(stream: BinaryIO, page: int | None) -> Image.Image:
    """Open a file at a page; its samples are not read yet.

    Args:
        stream: the file, seekable, of any kind but TIFF.
        page: which of several frames, from 1; None for a file that has no more than one.

    Raises:
        FileFormatError: above `apercu.MAX_PIXELS`, a drawing, several frames and none chosen, or what takes far more
            time or memory than its size says.
        OptionError: there is no such page.
        UnidentifiedImageError: no picture of a kind that is known. Other exceptions come out of Pillow, for damaged
            files.
    """
    stream.seek(0)
    head = stream.read(32)
    stream.seek(0)
    if head.startswith(_JPEG):
        return _jpeg(stream.read(), page)
    if head.startswith(_ICO):
        return _at_page(_icon(BytesIO(stream.read())), page)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        if canvas := webp_canvas(head):
            check_size(*canvas, 1)
        image = _as_pillow_does(_InShortReads(stream.read()))
    elif head[4:8] == b"ftyp":
        image = _as_pillow_does(BytesIO(boxes.without_exif(stream.read())))
    else:
        if head.startswith(_JPEG_2000):
            check_size(*jpeg_2000_size(stream.read()))
        image = _png_or_other(stream)
    check_size(*image.size, 1)
    if image.format == "ICNS":
        stream.seek(0)
        _check_icons(stream.read())
    return _at_page(image, page)


def _jpeg(data: bytes, page: int | None) -> Image.Image:
    head = jpeg_head.read_head(data)
    # By default the first picture of several: the others are previews and other views, which viewers leave out.
    if page is not None:
        starts = jpeg_head.pictures(data, head)
        if start := starts[check_page(page, len(starts), "MPO" if len(starts) > 1 else "JPEG")]:
            data = data[start:]
            head = jpeg_head.read_head(data)
    check_size(head.width, head.height, 1)
    image = JpegImagePlugin.JpegImageFile(BytesIO(jpeg_head.without_exif(data, head)))
    image.info |= {"exif": head.exif, "xmp": head.xmp}
    return image


def _png_or_other(stream: BinaryIO) -> Image.Image:
    """Open a file; a PNG that Pillow refuses, once more without metadata, which may be all that is broken."""
    try:
        return _as_pillow_does(stream)
    except Exception:
        stream.seek(0)
        if stream.read(len(SIGNATURE)) != SIGNATURE:
            raise
        return _as_pillow_does(BytesIO(without_metadata(SIGNATURE + stream.read(), but=b"eXIf")))


def _as_pillow_does(stream: BinaryIO) -> Image.Image:
    """`Image.open` without its limit: every format that knows the first bytes may try."""
    stream.seek(0)
    head = stream.read(16)
    tried: set[str] = set()
    for load_more in (Image.preinit, Image.init):
        load_more()
        for name in [name for name in Image.ID if name not in tried]:
            tried.add(name)
            make, accepts = Image.OPEN[name]
            if name in _ELSEWHERE:
                continue
            try:
                if accepts and (isinstance(said := accepts(head), str) or not said):
                    continue
                if name in _DRAWINGS:
                    raise FileFormatError(f"a {name} is a drawing, not a picture; render it first")
                stream.seek(0)
                return make(stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue
    raise UnidentifiedImageError("no picture")


def _icon(stream: BinaryIO) -> Image.Image:
    """The largest picture of an ICO, which Pillow would read before it tells its size."""
    directory = IcoImagePlugin.IcoFile(stream)
    stream.seek(directory.entry[0].offset)
    head = stream.read(24)
    if head.startswith(SIGNATURE):
        _check_icon(*struct.unpack_from(">II", head, 16))
    else:
        _check_icon(*struct.unpack_from("<ii", head, 4))
    image = directory.frame(0)
    image.format = "ICO"
    return image


def _check_icons(data: bytes) -> None:
    """Refuse an ICNS that holds a PNG or a JPEG 2000 larger than an icon."""
    for found in re.finditer(re.escape(SIGNATURE), data):
        _check_icon(*struct.unpack_from(">II", data, found.start() + 16))
    for found in re.finditer(rb"\xff\x4f\xff\x51", data):
        _check_icon(*struct.unpack_from(">II", data, found.start() + 8))


def _check_icon(width: int, height: int) -> None:
    if width * height > _ICON_PIXELS:
        raise FileFormatError(f"an icon that holds a picture of {width} × {height} pixels")


def _at_page(image: Image.Image, page: int | None) -> Image.Image:
    # The first picture of a PSD is all its layers together.
    is_one = image.format == "PSD"
    frame = check_page(page, 1 if is_one else getattr(image, "n_frames", 1), image.format or "")
    if frame:
        most = most_pixels()
        if most is not None and frame * image.width * image.height > _MOST_DRAWN * most:
            raise FileFormatError(
                f"to draw frame {frame + 1} of {image.width} × {image.height} pixels takes all before it, which are "
                "too many (apercu.MAX_PIXELS, --max-pixels)"
            )
        image.seek(frame)
        check_size(*image.size, 1)
    return image


class _InShortReads(BytesIO):
    """Gives no more than 16 bytes at once where a length is asked for: Pillow then leaves the size of a WebP to us."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size if size is None or size < 0 else min(size, 16))
