"""apercu as a format of Pillow's: `import apercu.bridges.pillow` registers it, for `Image.open` and `Image.save`.

    image.save("photo.apc", bpp=0.1)          # or n_bytes=, psnr=, quality= and what else `apercu.encode` takes
    Image.open("photo.apc").save("photo.png")

The suffix is .apc and the MIME type image/x-apercu, a name of our own that is registered nowhere. Modes are L, RGB,
RGBA and I;16; files of other bands or depths are for `apercu.decode`.
"""

from typing import IO

import numpy as np
from PIL import Image, ImageFile

import apercu
from apercu.errors import ApercuError, FileFormatError, FormatError, Truncated
from apercu.format.container import Header, read_header
from apercu.format.ids import MAGIC

FORMAT = "APERCU"

_MODES = {("grey", False): "L", ("grey", True): "I;16", ("rgb", False): "RGB", ("rgba", False): "RGBA"}
_HEAD_BYTES = 1 << 16  # more than the header of any but an enormous image takes
_OPTIONS = ("bpp", "n_bytes", "psnr", "quality", "codec", "threshold", "step", "tables", "model", "progress")


class ApercuImageFile(ImageFile.ImageFile):
    """An apercu file that Pillow has opened; decoded when its pixels are first asked for."""

    format = FORMAT
    format_description = "apercu, lossy compression at very low bit rates"

    def _open(self) -> None:
        assert self.fp is not None
        header = _read_header(self.fp)
        try:
            self._mode = _MODES[header.interpretation, header.wide]
        except KeyError:
            what = f"{header.n_bands} {header.interpretation} bands of {16 if header.wide else 8} bits"
            raise FileFormatError(f"Pillow has no mode for {what}: use apercu.decode") from None
        self._size = (header.width, header.height)
        self.tile = [ImageFile._Tile("apercu", (0, 0, *self._size), 0, None)]


class ApercuDecoder(ImageFile.PyDecoder):
    """All of a file to pixels, once; a damaged one as far as it is intact under `ImageFile.LOAD_TRUNCATED_IMAGES`."""

    _pulls_fd = True

    def decode(self, buffer: object) -> tuple[int, int]:
        """See `PIL.ImageFile.PyDecoder.decode`."""
        assert self.fd is not None
        damaged = "conceal" if ImageFile.LOAD_TRUNCATED_IMAGES else "raise"
        try:
            pixels = apercu.decode(self.fd.read(), damaged=damaged)
        except ApercuError as error:  # an OSError is what Pillow's other formats raise, and what callers catch
            raise OSError(f"cannot load this apercu file: {error}") from error
        self.set_as_raw(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
        return -1, 0


def _read_header(stream: IO[bytes]) -> Header:
    """The header, from as little of the file as it takes."""
    head = stream.read(_HEAD_BYTES)
    while True:
        try:
            return read_header(head)
        except Truncated as error:
            more = stream.read(len(head))
            if not more:
                raise SyntaxError(str(error)) from error
            head += more
        except FormatError as error:  # a SyntaxError lets Pillow try its other formats
            raise SyntaxError(str(error)) from error


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    bands = next((interpretation for (interpretation, _), mode in _MODES.items() if mode == image.mode), None)
    if bands is None:
        raise FileFormatError(f"cannot write mode {image.mode} as {FORMAT}: convert it to {', '.join(_MODES.values())}")
    options = {name: image.encoderinfo[name] for name in _OPTIONS if name in image.encoderinfo}
    stream.write(apercu.encode(np.asarray(image), bands=bands, **options))


Image.register_open(FORMAT, ApercuImageFile, _accept)
Image.register_decoder("apercu", ApercuDecoder)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, ".apc")
Image.register_mime(FORMAT, "image/x-apercu")
