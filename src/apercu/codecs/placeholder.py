"""Placeholders: a picture in 16 to 300 bytes, for a field of a database or a page (spec/PLACEHOLDER.md).

encode:  image → means of areas → planes, less their mean → wavelet → range coding
decode:  image ← colour ← cubic filter ← planes and mean  ← wavelet ← range decoding
"""

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import apercu as codec
from apercu.codecs import tables
from apercu.errors import CorruptStream, ImageError, NotApercu, OptionError, TargetUnreachable, Truncated
from apercu.options import whole
from apercu.stages.area import Weights, area_weights, cubic_weights, enlarge, fit, fitting_weights
from apercu.stages.blocks import Window
from apercu.stages.colour import FULL, Plane, Samples, to_planes
from apercu.stages.layout import Layout, Restore, layout_of
from apercu.stages.resize import add_up, means, reduced_size

LEAST_BYTES, MOST_BYTES = 16, 300
HEAD_BYTES = 4
KINDS = ("grey", "rgb", "rgba")
"""By their number; 3 is none yet."""
N_BANDS = (1, 3, 4)
"""Of each kind."""
SIDES = (4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128)
"""The longer side of the shrunk picture, by its code."""
SHORTER = (16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
"""The shorter side in sixteenths of the longer, by its code."""
QUALITY_0, QUALITY_STEP = 4800, 250
"""The quality, in 1/256, that code 0 and each further one of 0 to 63 stand for."""
DEFAULT_SIDE = 256
"""The longer side of the picture of a placeholder, where none is asked for."""
_MEASURED_SIDE = 192
"""The longer side that errors are measured at: what is finer than this no placeholder holds."""
_LIKELY = 4
"""Of the placeholders that are likely to be the closest."""
_COUNTS_FOR = np.array([[3, 1.428, 0.688, 0], [1.428, 3.258, 0.246, 0], [0.688, 0.246, 2.476, 0], [0, 0, 0, 1]])
_COUNTS_FOR = np.rint(1024 * _COUNTS_FOR).astype(np.int64)
"""What products of errors of planes count for in the squared error of red, green, blue and alpha, in 1/1024."""
_REDUCED_SIDE = 2048
MOST_PIXELS = 1 << 24
"""Of a picture that is made of a placeholder."""


class Head(NamedTuple):
    """The first four bytes. `colour`: the codes of the mean of luma and chroma, 0 to 31."""

    kind: str
    portrait: bool
    aspect: int
    side: int
    quality: int
    colour: tuple[int, int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the shrunk picture."""
        return self.scaled(SIDES[self.side])

    def scaled(self, longer: int) -> tuple[int, int]:
        """Height and width for a longer side."""
        shorter = max((longer * SHORTER[self.aspect] + 8) // 16, 1)
        return (longer, shorter) if self.portrait else (shorter, longer)

    @property
    def means(self) -> tuple[int, int, int]:
        """Of luma, Cb and Cr, as samples of planes."""
        luma, cb, cr = self.colour
        return (luma * FULL + 15) // 31, (cb - 16) * 192, (cr - 16) * 192

    @property
    def setting(self) -> codec.Setting:
        """Of the codec."""
        return codec.at_quality(QUALITY_0 + QUALITY_STEP * self.quality)


def write_head(head: Head) -> bytes:
    """The four bytes: kind 2 bits, portrait 1, aspect 4, side 4, quality 6, luma 5, Cb 5, Cr 5."""
    value = KINDS.index(head.kind)
    for number, bits in ((head.portrait, 1), (head.aspect, 4), (head.side, 4), (head.quality, 6)):
        value = value << bits | number
    for number in head.colour:
        value = value << 5 | number
    return value.to_bytes(HEAD_BYTES, "big")


def read_head(data: bytes) -> Head:
    """The head of a placeholder; raises Truncated, NotApercu or CorruptStream."""
    if len(data) < HEAD_BYTES:
        raise Truncated(f"a placeholder has {HEAD_BYTES} bytes or more, not {len(data)}")
    value = int.from_bytes(data[:HEAD_BYTES], "big")
    if value >> 30 == len(KINDS):
        raise NotApercu("is no placeholder of a kind that this release knows")
    if len(data) > MOST_BYTES:
        raise CorruptStream(f"a placeholder has at most {MOST_BYTES} bytes, not {len(data)}")
    colour = value >> 10 & 31, value >> 5 & 31, value & 31
    kind = KINDS[value >> 30]
    return Head(kind, bool(value >> 29 & 1), value >> 25 & 15, value >> 21 & 15, value >> 15 & 63, colour)


def mean_colour(head: Head) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of the mean; grey has three that are equal."""
    luma, cb, cr = (np.full((1, 1), value, np.int32) for value in head.means)
    if head.kind == "grey":
        cb = cr = np.zeros((1, 1), np.int32)
    red, green, blue = _to_samples([luma, cb, cr])[0, 0].tolist()
    return red, green, blue


def check(kind: str, n_bands: int, n_bytes: object) -> None:
    """Raises OptionError or ImageError for what `encode` does not take."""
    if isinstance(n_bytes, bool) or not isinstance(n_bytes, int | np.integer):
        raise OptionError(f"n_bytes must be a whole number, not {n_bytes!r}")
    if not LEAST_BYTES <= n_bytes <= MOST_BYTES:
        raise OptionError(f"n_bytes must be {LEAST_BYTES} to {MOST_BYTES}, not {n_bytes}")
    if kind not in KINDS or N_BANDS[KINDS.index(kind)] != n_bands:
        raise ImageError(f"a placeholder is of grey, rgb or rgba, not of {kind} with {n_bands} bands")


def tell(data: bytes) -> dict[str, object]:
    """See `apercu.placeholder_info`."""
    head = read_head(data)
    sixteenths = SHORTER[head.aspect] / 16
    height, width = head.size
    aspect = sixteenths if head.portrait else 1 / sixteenths
    return {"kind": head.kind, "aspect": aspect, "colour": mean_colour(head), "height": height, "width": width}


def encode(image: Samples, kind: str, n_bytes: int) -> bytes:
    """A placeholder of an image, uint8 or uint16 (H, W, B), of at most `n_bytes`.

    Sides of the shrunk picture and quality are those whose picture is the closest to the image, measured at 192 pixels
    or less a side. Raises OptionError, ImageError or TargetUnreachable.
    """
    check(kind, image.shape[2], n_bytes)
    head, truth = measured(image, kind)
    targets = planes_at_full_size(truth, kind)
    found: set[tuple[int, bytes]] = set()
    for side in sides_to_try(n_bytes):
        planes = fitted_planes(targets, head._replace(side=side))
        for one_price in (True, False):
            found.update(_finest(targets, planes, head._replace(side=side), n_bytes, one_price))
    if not found:
        raise TargetUnreachable(f"no placeholder of this picture has {n_bytes} bytes")
    likely = [data for _, data in sorted(found)[:_LIKELY]]
    errors = [_error(truth.astype(np.int32), decode(data, truth.shape[:2]), kind) for data in likely]
    return likely[errors.index(min(errors))]


def measured(image: Samples, kind: str) -> tuple[Head, NDArray[np.uint8]]:
    """The head of placeholders of an image but for side and quality, and the image at the size that errors are measured
    at."""
    height, width = image.shape[:2]
    longer, shorter = max(height, width), min(height, width)
    aspect = min(range(16), key=lambda code: abs(SHORTER[code] * longer - 16 * shorter))
    log2 = 0
    while reduced_size(longer, log2) > _REDUCED_SIDE:
        log2 += 1
    if log2:
        mask = None
        if kind == "rgba":  # colours where alpha is 0 do not count
            mask = np.zeros(image.shape, np.bool_)
            mask[:, :, :3] = image[:, :, 3:] == 0
        image, _ = means(*add_up(image, mask, log2), image.dtype)
    head = Head(kind, height > width, aspect, 0, 0, (0, 0, 0))
    truth = shrink(_as_uint8(image), *head.scaled(min(longer, _MEASURED_SIDE)))
    luma, *others = (int(plane[0, 0]) for plane in to_planes(shrink(truth, 1, 1), kind, []))
    cb, cr = [min(max((chroma + 96) // 192 + 16, 0), 31) for chroma in others[:2]] or [16, 16]
    return head._replace(colour=(min((luma * 31 + FULL // 2) // FULL, 31), cb, cr)), truth


def planes_at_full_size(image: NDArray[np.uint8], kind: str) -> list[Plane]:
    """Planes of an image, chroma at full size too: of each pixel four times, which is what chroma is a mean of."""
    height, width = image.shape[:2]
    luma, *others = to_planes(image.repeat(2, 0).repeat(2, 1), kind, [])
    chroma, alpha = others[:2], others[2:]
    whole = [luma[::2, ::2], *chroma, *(plane[::2, ::2] for plane in alpha)]
    return [plane[:height, :width] for plane in whole]


def fitted_planes(targets: list[Plane], head: Head) -> list[Plane]:
    """Planes of the shrunk picture of a head, less their means, for an image whose `targets` are its planes at full
    size."""
    layout, planes = layout_of_head(head), []
    for target, of, mean in zip(targets, layout.planes, (*_shifts(head), 0), strict=False):
        down, across = _fitting(len(target), of.height), _fitting(target.shape[1], of.width)
        plane = np.clip(fit(target, down, across), of.centre - FULL // 2, of.centre + FULL // 2)
        planes.append((plane - mean).astype(np.int16))
    return planes


_fitting = lru_cache(maxsize=64)(fitting_weights)
_enlarging = lru_cache(maxsize=64)(cubic_weights)


def sides_to_try(n_bytes: int) -> range:
    """Codes of seven sides, which are the best for a size on training images; fewer at the ends."""
    middle = min(range(len(SIDES)), key=lambda code: abs(SIDES[code] ** 2 - 36 * (n_bytes - HEAD_BYTES)))
    return range(max(middle - 2, 0), min(middle + 5, len(SIDES)))


def _finest(
    targets: list[Plane], planes: list[Plane], head: Head, n_bytes: int, one_price: bool
) -> list[tuple[int, bytes]]:
    """The placeholders that fit of the highest quality for which bisection finds that it does, and of those around it,
    since size does not fall evenly and the largest is not always the best; at the sides of the head. Of each about what
    its error is.

    `one_price`: see `apercu.stages.layout.Layout`."""
    shipped = tables.of_placeholders()
    layout = layout_of_head(head)._replace(one_price=one_price)
    analysis = codec.analyse(planes, layout, None, shipped)

    @cache
    def coded(quality: int) -> bytes:
        tried = head._replace(quality=quality)
        return write_head(tried) + codec.code(analysis, tried.setting, shipped, 1)[0]

    low, high = 0, 63
    while low < high:
        middle = (low + high + 1) // 2
        if len(coded(middle)) <= n_bytes:
            low = middle
        else:
            high = middle - 1
    around = [coded(quality) for quality in range(max(low - 1, 0), min(low + 3, 64))]
    return [(_estimate(targets, data), data) for data in around if len(data) <= n_bytes]


def _estimate(targets: list[Plane], data: bytes) -> int:
    """The squared error of the picture of a placeholder, about: of samples that are not rounded and have no ends."""
    head = read_head(data)
    layout = layout_of_head(head)
    off = []
    for target, plane in zip(targets, _planes(data, head, layout, None), strict=True):
        down, across = _enlarging(len(plane), len(target)), _enlarging(plane.shape[1], target.shape[1])
        off.append((target - enlarge(plane, down, across)).ravel())
    rows = np.stack(off).astype(np.float64)  # whole numbers, and below 2^53 are their products
    return int(((rows @ rows.T).astype(np.int64) * _COUNTS_FOR[: len(rows), : len(rows)]).sum())


def layout_of_head(head: Head) -> Layout:
    """Of its shrunk picture."""
    return layout_of(head.kind, N_BANDS[KINDS.index(head.kind)], *head.size)


def _shifts(head: Head) -> tuple[int, int, int]:
    """What the planes are coded less: so that their mean is the middle of their range."""
    luma, cb, cr = head.means
    return luma - FULL // 2, cb, cr


def shrink(image: Samples, height: int, width: int) -> NDArray[np.uint8]:
    """Means of areas of uint8 (H, W, B); of rgba, colours count as much as their alpha."""
    down, across = area_weights(image.shape[0], height), area_weights(image.shape[1], width)
    n_bands = image.shape[2]
    if n_bands < 4:
        total = image.shape[0] * image.shape[1]
        bands = [(_sums(image[:, :, band], down, across) + total // 2) // total for band in range(n_bands)]
        return np.stack(bands, axis=-1).astype(np.uint8)
    alpha = image[:, :, 3].astype(np.int64)
    total = image.shape[0] * image.shape[1]
    weights = _sums(alpha, down, across)
    weighed = [_sums(image[:, :, band] * alpha, down, across) for band in range(3)]
    some = np.maximum(weights, 1)
    mean = [int(each.sum()) // max(int(weights.sum()), 1) for each in weighed]
    bands = [np.where(weights > 0, (each + some // 2) // some, m) for each, m in zip(weighed, mean, strict=True)]
    return np.stack([*bands, (weights + total // 2) // total], axis=-1).astype(np.uint8)


def _sums(band: NDArray[Any], down: Weights, across: Weights) -> NDArray[np.int64]:
    return (down @ band.astype(np.float64) @ across.T).astype(np.int64)


def _as_uint8(image: Samples) -> Samples:
    """uint16 from its smallest to its largest sample that is seen, or from 0 to 65,535 where all are equal; alpha from
    0 to 65,535."""
    if image.dtype == np.uint8:
        return image
    wide = image.astype(np.int64)
    colours, alpha = wide[:, :, :3], wide[:, :, 3:]
    seen = colours[alpha[:, :, 0] > 0] if alpha.any() else colours
    least, most = int(seen.min()), int(seen.max())
    if least == most:
        least, most = 0, 65535
    shown = np.clip((colours - least) * 255 // (most - least), 0, 255)
    return np.concatenate([shown, alpha // 257], axis=2).astype(np.uint8)


def _error(truth: NDArray[np.int32], shown: Samples, kind: str) -> int:
    """The squared error; of colours where alpha is 0 none."""
    shown = shown.reshape(truth.shape)
    off = (truth - shown) ** 2
    if kind == "rgba":
        off[:, :, :3] *= truth[:, :, 3:] > 0
    return int(off.sum())


def decode(data: bytes, size: tuple[int, int] | None = None, restore: Restore | None = None) -> NDArray[np.uint8]:
    """The picture of a placeholder, uint8 (H, W) or (H, W, B), at a size (height, width), by default 256 pixels along
    the longer side. Raises a FormatError, or OptionError for a size that cannot be."""
    head = read_head(data)
    height, width = _checked(size) if size is not None else head.scaled(DEFAULT_SIDE)
    planes = _planes(data, head, layout_of_head(head), restore)
    filters = [(cubic_weights(rows, height), cubic_weights(columns, width)) for rows, columns in _sizes(planes)]
    samples = _to_samples([enlarge(plane, *each) for plane, each in zip(planes, filters, strict=True)])
    return samples[:, :, 0] if head.kind == "grey" else samples


def _sizes(planes: list[Plane]) -> list[tuple[int, int]]:
    return [(len(plane), len(plane[0])) for plane in planes]


def _planes(data: bytes, head: Head, layout: Layout, restore: Restore | None) -> list[Plane]:
    """The planes of the shrunk picture."""
    shipped = tables.of_placeholders()
    bands = codec.read([data[HEAD_BYTES:]], layout, head.setting, shipped, 1)
    known = codec.evidence([each.copy() for each in bands], layout, 1, 1)
    planes = codec.synthesise(bands, layout, head.setting, shipped)
    for index, mean in enumerate((*_shifts(head), 0)[: len(planes)]):  # that of alpha is 0
        planes[index] = np.clip(planes[index].astype(np.int32) + mean, -FULL, FULL).astype(np.int16)
    if restore:
        whole = Window(0, 0, layout.height, layout.width)
        restore(planes, layout, head.setting.step_q8, known, whole, whole)
    return planes


def _checked(size: tuple[int, int]) -> tuple[int, int]:
    try:
        height, width = (whole("size", side) for side in size)
    except (TypeError, ValueError):
        raise OptionError(f"size must be (height, width), not {size!r}") from None
    if not (1 <= height <= 65535 and 1 <= width <= 65535 and height * width <= MOST_PIXELS):
        raise OptionError(f"size must be 1 to 65,535 a side and at most {MOST_PIXELS:,} pixels, not {size!r}")
    return height, width


def _to_samples(planes: list[NDArray[np.int32]]) -> NDArray[np.uint8]:
    """Planes at one size to uint8 (H, W, B), as FORMAT.md has it ("Planes")."""
    if len(planes) >= 3:
        luma, cb, cr = planes[:3]
        red, blue = luma + (22970 * cr + 8192 >> 14), luma + (29032 * cb + 8192 >> 14)
        green = luma - (5638 * cb + 11700 * cr + 8192 >> 14)
        planes = [red, green, blue, *planes[3:]]
    return np.stack([(np.clip(plane, 0, FULL) + 16 >> 5).astype(np.uint8) for plane in planes], axis=-1)
