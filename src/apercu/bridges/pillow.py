"""apercu as a format of Pillow's: `import apercu.bridges.pillow` registers it, for `Image.open` and `Image.save`.

    image.save("photo.apc", bpp=0.1)          # or n_bytes=, psnr=, quality= and what else `apercu.encode` takes
    Image.open("photo.apc").save("photo.png")

The suffix is .apc and the MIME type image/x-apercu, a name of our own that is registered nowhere. Files that open are
decoded exactly, and are of modes L, RGB, RGBA and I;16; those of other bands or depths are for `apercu.decode`. Images
of any mode but F and I are saved, as `apercu.encode` takes them: palettes, CMYK and so on become RGB or RGBA in sRGB,
by the ICC profile and the transparent colour that the image has (`info`) or that are given as icc_profile= and
transparency=.

Such a file holds no metadata of pictures: dpi=, exif=, xmp= and comment= are passed over, as by Pillow's own formats
that cannot hold them. Any other option that `apercu.encode` does not know is refused. Every error is a `PluginError`.
"""

import inspect
from typing import IO, Any

from PIL import Image, ImageFile

import apercu
from apercu.bridges import bounded
from apercu.bridges.pictures import samples_in_memory
from apercu.codecs.by_name import options_by_codec
from apercu.codecs.scenes import Opened, opened
from apercu.errors import ApercuError, FileFormatError, FormatError, Truncated
from apercu.format.ids import MAGIC
from apercu.options import owners

FORMAT = "APERCU"

_MODES = {("grey", "uint8"): "L", ("grey", "uint16"): "I;16", ("rgb", "uint8"): "RGB", ("rgba", "uint8"): "RGBA"}
_HEAD_BYTES = 1 << 16  # more than the header of any but an enormous image takes
_ARGUMENTS = [name for name, of in inspect.signature(apercu.encode).parameters.items() if of.kind is of.KEYWORD_ONLY]
_OVERRULING = ("icc_profile", "transparency")  # take the place of what the image has of the same name
_PASSED_OVER = ("dpi", "exif", "xmp", "comment", "append_images")  # the last is `_save_all`'s


class PluginError(FileFormatError, OSError):
    """An image cannot be opened, loaded or saved as apercu; an OSError is what callers of Pillow catch.

    `__cause__` is the error of apercu's that says why, where there is one.
    """


class ApercuImageFile(ImageFile.ImageFile):
    """An apercu file that Pillow has opened; decoded when its pixels are first asked for."""

    format = FORMAT
    format_description = "apercu, lossy compression at very low bit rates"

    def _open(self) -> None:
        assert self.fp is not None
        file = _opened(self.fp)
        dtype, header = file.dtype(), file.header
        try:
            self._mode = _MODES[header.interpretation, dtype]
        except KeyError:
            what = f"{header.n_bands} {header.interpretation} bands of {dtype}"
            raise PluginError(f"Pillow has no mode for {what}: use apercu.decode") from None
        self._size = (header.width, header.height)
        self.tile = [ImageFile._Tile("apercu", (0, 0, *self._size), 0, None)]

    def verify(self) -> None:
        """Read all of the file, its checksums and what they guard; to be called before anything is loaded.

        Raises:
            PluginError: there is a fault; `apercu.check` lists all of them.
        """
        if self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        self.fp.seek(0)
        faults: list[ApercuError]
        try:
            faults = apercu.check(bounded.read_apercu(self.fp))
        except FormatError as fault:
            faults = [fault]
        super().verify()
        if faults:
            raise PluginError(f"a damaged apercu file: {faults[0]}") from faults[0]


class ApercuDecoder(ImageFile.PyDecoder):
    """All of a file to pixels, once; a damaged one as far as it is intact under `ImageFile.LOAD_TRUNCATED_IMAGES`."""

    _pulls_fd = True

    def decode(self, buffer: object) -> tuple[int, int]:
        """See `PIL.ImageFile.PyDecoder.decode`."""
        assert self.fd is not None
        damaged = "conceal" if ImageFile.LOAD_TRUNCATED_IMAGES else "raise"
        try:
            data = bounded.read_apercu(self.fd, cut=damaged == "conceal")
            pixels = apercu.decode(data, damaged=damaged)
        except ApercuError as error:
            raise PluginError(f"cannot load this apercu file: {error}") from error
        self.set_as_raw(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
        return -1, 0


def _opened(stream: IO[bytes]) -> Opened:
    """What is said of the image, from as little of the file as it takes."""
    head = stream.read(_HEAD_BYTES)
    while True:
        try:
            return opened(head, None, with_mask=False)
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
    given: dict[str, Any] = image.encoderinfo
    known = [*_ARGUMENTS, *owners(options_by_codec())]
    if unknown := sorted(given.keys() - {*known, *_OVERRULING, *_PASSED_OVER}):
        raise PluginError(f"{FORMAT} knows no option {', '.join(unknown)}; it takes {', '.join(known)}")
    options = {name: given[name] for name in known if name in given}
    try:
        samples, bands = samples_in_memory(_overruled(image, given))
        data = apercu.encode(samples, **{"bands": bands, **options})
    except FileFormatError as error:
        raise PluginError(f"cannot write mode {image.mode} as {FORMAT}: {error}") from error
    except ApercuError as error:
        raise PluginError(f"cannot write this image as {FORMAT}: {error}") from error
    stream.write(data)


def _save_all(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    """As `_save`, for `save_all=True` of an image that is alone."""
    if image.encoderinfo.get("append_images") or getattr(image, "n_frames", 1) > 1:
        raise PluginError(f"an {FORMAT} file holds one picture: save the frames one by one")
    _save(image, stream, filename)


def _overruled(image: Image.Image, given: dict[str, Any]) -> Image.Image:
    """The image with the profile and the transparent colour that were given; None of either means none."""
    own = {name: given[name] for name in _OVERRULING if name in given}
    if not own:
        return image
    image = image.copy()
    image.info = {name: value for name, value in (image.info | own).items() if value is not None}
    return image


Image.register_open(FORMAT, ApercuImageFile, _accept)
Image.register_decoder("apercu", ApercuDecoder)
Image.register_save(FORMAT, _save)
Image.register_save_all(FORMAT, _save_all)
Image.register_extension(FORMAT, ".apc")
Image.register_mime(FORMAT, "image/x-apercu")
