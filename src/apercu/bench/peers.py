"""The other codecs that users might choose: one `Peer` each, from an array to the bytes of a whole file and back.

A peer is taken at its best: `file_of` and `array_of` also reduce the picture to a half or a quarter before coding and
enlarge it after, with Lanczos, as people do at very low rates. The cost of a file is its length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from io import BytesIO
from typing import Any, cast

import numpy as np
import PIL
from PIL import Image, features

from apercu.bench import thumbhash
from apercu.errors import MissingExtra
from apercu.stages.colour import Samples

Level = Any  # what a peer's encoder takes: a number, or a number and a kind of chroma
SCALES = (1, 2, 4)
"""How many times a picture is reduced, in width and in height, before it is coded."""

_BENCH = "pip install 'apercu[bench]'"
_TINY = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
_COLOURS_8 = frozenset({("grey", 8), ("rgb", 8)})
_ALPHA_8 = _COLOURS_8 | {("rgba", 8)}
_DEEP = _ALPHA_8 | {("grey", 16), ("rgb", 16), ("rgba", 16)}
_ALL = _DEEP | {("spectral", 8), ("spectral", 16)}


@dataclass(frozen=True)
class Peer:
    """A codec of someone else's.

    encode: an array, uint8 or uint16, (H, W) or (H, W, B), and a level, to the bytes of a file.
    decode: those bytes and the array's shape, to an array of that shape.
    levels: what to encode at, coarse to fine.
    finer: levels beyond, at full size only, for smooth images and high rates.
    label: how a level is written, as a format of the level's parts.
    """

    encode: Callable[[Samples, Level], bytes]
    decode: Callable[[bytes, tuple[int, ...]], Samples]
    levels: tuple[Level, ...]
    mime: str
    finer: tuple[Level, ...] = ()
    label: str = "q{}"
    takes: frozenset[tuple[str, int]] = _COLOURS_8
    """Kinds of bands and bits per sample."""
    package: str | None = None
    """What it needs beyond Pillow."""
    feature: str | None = None
    """What Pillow has to be built with."""
    scales: tuple[int, ...] = SCALES

    def levels_for(self, image: Samples, scale: int = 1) -> tuple[Level, ...]:
        """The levels that make sense for an image: a grey one has no chroma to keep at full size."""
        levels = self.levels + (self.finer if scale == 1 else ())
        grey = image.ndim == 2
        return tuple(level for level in levels if not (grey and isinstance(level, tuple) and level[1] == "4:4:4"))

    def name_of(self, level: Level) -> str:
        """A level as text, the same for the same level: `q12`, `d10.5`, `q12 4:4:4`."""
        return self.label.format(*(level if isinstance(level, tuple) else (f"{level:g}",)))

    def refusal(self, image: Samples, bands: str) -> str | None:
        """Why it cannot take an image, or None."""
        bits = 8 * image.dtype.itemsize
        return None if (bands, bits) in self.takes else f"does not take {bits}-bit {bands}"

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        has_package = self.package is None or find_spec(self.package) is not None
        return has_package and (self.feature is None or bool(features.check(self.feature)))

    @property
    def version(self) -> str:
        """The library behind it, with its version."""
        return _version(self.package, self.feature)


@cache
def _version(package: str | None, feature: str | None) -> str:
    if package is not None:
        return f"{package} {metadata.version(package)}"
    library = "" if feature is None else f", {feature} {features.version(feature) or 'unknown'}"
    return f"Pillow {PIL.__version__}{library}"


def chosen(names: list[str] | None) -> tuple[list[str], dict[str, str]]:
    """The peers to run, and those left out, with the reason.

    names: those asked for; None for all that run here.
    Raises MissingExtra when one that was asked for does not run, and KeyError when there is none of that name.
    """
    wanted = list(PEERS) if names is None else names
    faults = {name: why for name in wanted if (why := fault(PEERS[name]))}
    if names is not None and faults:
        raise MissingExtra("; ".join(f"{name}: {why}" for name, why in faults.items()))
    return [name for name in wanted if name not in faults], faults


def fault(peer: Peer) -> str | None:
    """Why a peer does not run here, or None: a tiny picture goes there and back."""
    if not peer.available:
        return f"needs Pillow with {peer.feature}" if peer.package is None else f"needs {peer.package}, {_BENCH}"
    try:
        peer.decode(peer.encode(_TINY, peer.levels[0]), _TINY.shape)
    except Exception as error:  # other codecs raise almost any exception
        return f"{peer.version} does not code a picture: {type(error).__name__}: {error}".splitlines()[0]
    return None


def file_of(peer: Peer, image: Samples, level: Level, scale: int) -> bytes:
    """The file of an image that is first reduced `scale` times."""
    height, width = image.shape[:2]
    small = image if scale == 1 else resize(image, (max(1, height // scale), max(1, width // scale)))
    return peer.encode(small, level)


def array_of(peer: Peer, data: bytes, shape: tuple[int, ...], scale: int) -> Samples:
    """The image of this shape that such a file holds, enlarged again."""
    height, width = shape[:2]
    if scale == 1:
        return peer.decode(data, shape)
    return resize(peer.decode(data, (max(1, height // scale), max(1, width // scale), *shape[2:])), (height, width))


def resize(image: Samples, size: tuple[int, int]) -> Samples:
    """An image, uint8 or uint16, at (height, width), by Lanczos, band by band."""
    if image.ndim == 3:
        bands = [resize(image[..., band], size) for band in range(image.shape[2])]
        return cast("Samples", np.stack(bands, axis=-1))
    plane = Image.fromarray(image if image.dtype == np.uint8 else image.astype(np.float32))
    resized = np.array(plane.resize((size[1], size[0]), Image.Resampling.LANCZOS))
    if image.dtype == np.uint8:
        return resized
    rounded: Samples = np.clip(np.rint(resized), 0, 65535).astype(np.uint16)
    return rounded


def _pillow(kind: str, **options: Any) -> Callable[[Samples, Level], bytes]:
    def encode(image: Samples, quality: Level) -> bytes:
        file = BytesIO()
        Image.fromarray(image).save(file, kind, quality=quality, **options)
        return file.getvalue()

    return encode


def _pillow_decode(data: bytes, shape: tuple[int, ...]) -> Samples:
    mode = "L" if len(shape) == 2 else "RGBA" if shape[2] == 4 else "RGB"
    with Image.open(BytesIO(data)) as picture:
        return np.array(picture.convert(mode))


def _webp_encode(image: Samples, quality: Level) -> bytes:
    file = BytesIO()
    picture = Image.fromarray(image)
    picture = picture if picture.mode == "RGBA" else picture.convert("RGB")
    picture.save(file, "WEBP", quality=quality, method=6)
    return file.getvalue()


def _avif(**options: Any) -> Callable[[Samples, Level], bytes]:
    """AVIF with libaom at Pillow's default speed; colour at half size unless the level says otherwise."""

    def encode(image: Samples, level: Level) -> bytes:
        quality, chroma = level if isinstance(level, tuple) else (level, "4:2:0")
        chroma = "4:0:0" if image.ndim == 2 else chroma
        file = BytesIO()
        picture = Image.fromarray(image)
        picture.save(file, "AVIF", quality=quality, speed=6, max_threads=1, subsampling=chroma, **options)
        return file.getvalue()

    return encode


def _jpeg2000_encode(image: Samples, psnr: Level) -> bytes:
    """The bare codestream, without the boxes of a .jp2 file: a few tens of bytes fewer."""
    import imagecodecs

    return bytes(imagecodecs.jpeg2k_encode(image, level=psnr, codecformat="j2k", reversible=False))


def _jpeg2000_decode(data: bytes, shape: tuple[int, ...]) -> Samples:
    import imagecodecs

    image: Samples = imagecodecs.jpeg2k_decode(data).reshape(shape)
    return image


def _jpegxl_encode(image: Samples, distance: Level) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(image, distance=distance, effort=7, numthreads=1))


def _jpegxl_decode(data: bytes, shape: tuple[int, ...]) -> Samples:
    import imagecodecs

    image: Samples = imagecodecs.jpegxl_decode(data, numthreads=1).reshape(shape)
    return image


def _jpegxr_encode(image: Samples, level: Level) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxr_encode(image, level=level))


def _jpegxr_decode(data: bytes, shape: tuple[int, ...]) -> Samples:
    import imagecodecs

    image: Samples = imagecodecs.jpegxr_decode(data).reshape(shape)
    return image


_HASHED = 32  # pixels of the longer side that hashes are made from and shown at; they hold no detail beyond
_PACKAGE_OF_HASH = "blurhash"


def _reduced_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    longer = max(shape[:2])
    return max(1, round(shape[0] * side / longer)), max(1, round(shape[1] * side / longer))


def _as_rgb(image: Samples) -> Samples:
    return image if image.ndim == 3 else cast("Samples", np.stack([image] * 3, axis=-1))


def _blurhash_encode(image: Samples, components: Level) -> bytes:
    """The hash as its users send it: ASCII, two characters for a component."""
    import blurhash

    across, down = components
    small = resize(image, _reduced_size(image.shape, _HASHED))
    colour = _as_rgb(small)
    text: str = blurhash.encode(colour.tolist(), across, down)
    return text.encode("ascii")


def _blurhash_decode(data: bytes, shape: tuple[int, ...]) -> Samples:
    import blurhash

    height, width = _reduced_size(shape, _HASHED)
    colour = np.asarray(blurhash.decode(data.decode("ascii"), width, height), np.uint8)
    small = colour if len(shape) == 3 else np.array(Image.fromarray(colour).convert("L"))
    return resize(small, (shape[0], shape[1]))


def _thumbhash_encode(image: Samples, _: Level) -> bytes:
    small = resize(image, _reduced_size(image.shape, min(thumbhash.MAX_SIDE, max(image.shape[:2]))))
    return thumbhash.encode(_as_rgb(small))


def _thumbhash_decode(data: bytes, shape: tuple[int, ...]) -> Samples:
    colour = thumbhash.decode(data, _reduced_size(shape, _HASHED))
    small = colour[..., :3] if len(shape) == 3 else np.array(Image.fromarray(colour[..., :3]).convert("L"))
    return resize(small, (shape[0], shape[1]))


_JPEG_LEVELS = (*range(1, 16), *range(16, 40, 3))
_JPEG_FINER = tuple(range(40, 96, 5))
_AVIF_LEVELS = (*range(0, 30, 2), *range(30, 61, 4))
_AVIF_PSNR_LEVELS, _AVIF_PSNR_FINER = (
    tuple((quality, chroma) for quality in qualities for chroma in ("4:2:0", "4:4:4"))
    for qualities in ((*range(0, 30, 3), *range(30, 61, 5)), range(65, 96, 5))
)
_JPEGXL_DISTANCES = (25, 22, 19, 16, 14, 12, 10.5, 9, 8, 7, 6, 5.2, 4.5, 3.8, 3.2, 2.6, 2)
_BLURHASH_COMPONENTS = ((3, 3), (4, 3), (4, 4), (6, 5), (9, 9))

PEERS: dict[str, Peer] = {
    "jpeg": Peer(_pillow("JPEG"), _pillow_decode, _JPEG_LEVELS, "image/jpeg", _JPEG_FINER, feature="jpg"),
    "jpeg-prog": Peer(
        _pillow("JPEG", optimize=True, progressive=True),
        _pillow_decode,
        _JPEG_LEVELS,
        "image/jpeg",
        _JPEG_FINER,
        feature="jpg",
    ),
    "webp": Peer(
        _webp_encode,
        _pillow_decode,
        (*range(0, 20, 2), *range(20, 56, 5)),
        "image/webp",
        tuple(range(60, 96, 5)),
        takes=_ALPHA_8,
        feature="webp",
    ),
    "jpeg2000": Peer(
        _jpeg2000_encode,
        _jpeg2000_decode,
        tuple(float(psnr) for psnr in np.arange(18, 38.1, 0.5)),
        "image/jp2",
        tuple(float(psnr) for psnr in range(39, 51)),
        label="{} dB",
        takes=_ALL,
        package="imagecodecs",
    ),
    "jpegxl": Peer(
        _jpegxl_encode,
        _jpegxl_decode,
        _JPEGXL_DISTANCES,
        "image/jxl",
        (1.6, 1.2, 0.9, 0.6, 0.4),
        label="d{}",
        takes=_DEEP,
        package="imagecodecs",
    ),
    "jpegxr": Peer(
        _jpegxr_encode,
        _jpegxr_decode,
        (0.001, *(float(step) / 100 for step in range(2, 40, 3))),
        "image/vnd.ms-photo",
        tuple(float(step) / 100 for step in range(41, 90, 4)),
        package="imagecodecs",
    ),
    "avif": Peer(
        _avif(), _pillow_decode, _AVIF_LEVELS, "image/avif", tuple(range(64, 97, 4)), takes=_ALPHA_8, feature="avif"
    ),
    "avif-psnr": Peer(
        _avif(advanced={"tune": "psnr"}),
        _pillow_decode,
        _AVIF_PSNR_LEVELS,
        "image/avif",
        _AVIF_PSNR_FINER,
        label="q{} {}",
        takes=_ALPHA_8,
        feature="avif",
    ),
    "blurhash": Peer(
        _blurhash_encode,
        _blurhash_decode,
        _BLURHASH_COMPONENTS,
        "text/plain",
        label="{} × {}",
        package=_PACKAGE_OF_HASH,
        scales=(1,),
    ),
    "thumbhash": Peer(
        _thumbhash_encode, _thumbhash_decode, (1,), "application/octet-stream", label="hash", scales=(1,)
    ),
}
"""The peers by name. AVIF is there as users get it, tuned for SSIM, and tuned for PSNR with colour at either size."""
