"""What the bench measures on where the user names no image: photographs of scikit-image, or drawings in their place."""

import numpy as np
from numpy.typing import NDArray

_SMALL = 64  # pixels a side of the thumbnails
_SIDE = 512

Picture = NDArray[np.uint8]


def default_images() -> tuple[dict[str, Picture], str]:
    """Pictures by name, and where they are from: grey (H, W) and RGB (H, W, 3), uint8, of 512 and of 64 pixels a side.

    They are photographs that come with scikit-image (public domain), or drawings where it is not installed.
    """
    try:
        import skimage.data
    except ImportError:
        grey, colour = drawn(_SIDE, _SIDE), drawn(_SIDE, _SIDE, 3)
        names, origin = ("drawn grey", "drawn colour"), "drawings, since scikit-image is not installed"
    else:
        grey, colour = np.asarray(skimage.data.camera(), np.uint8), np.asarray(skimage.data.astronaut(), np.uint8)
        names, origin = ("camera", "astronaut"), "photographs of scikit-image"
    images = dict(zip(names, (grey, colour), strict=True))
    small = {f"{name}, reduced": _reduced(image) for name, image in images.items()}
    return images | small, origin


def drawn(height: int, width: int, n_bands: int = 1) -> Picture:
    """A picture with slopes, edges and texture, (H, W) or, of more than one band, (H, W, B) uint8: always the same.

    A drawing of 512 x 512 is repeated over larger ones, so that no more than the picture itself is set aside for them.
    """
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    noise = np.random.default_rng(0).random((_SIDE, _SIDE), np.float32)
    image = np.empty((height, width, n_bands), np.uint8)
    for band in range(n_bands):
        turn = 2 * np.pi / _SIDE
        shade = 128 + 60 * np.sin(turn * (x + band * y)) * np.cos(turn * 2 * y + band)
        disc = (x - 150 - 40 * band) ** 2 + (y - 300) ** 2 < 90**2
        bars = (x // 12 % 2 == 0) & (x > 320) & (y < 200)
        grass = (noise - 0.5) * np.where(y > 350, 60, 6)
        square = np.clip(shade + 50 * disc - 40 * bars + grass, 0, 255).astype(np.uint8)
        for top in range(0, height, _SIDE):
            for left in range(0, width, _SIDE):
                part = image[top : top + _SIDE, left : left + _SIDE, band]
                part[:] = square[: part.shape[0], : part.shape[1]]
    return image if n_bands > 1 else image[:, :, 0]


def _reduced(image: Picture) -> Picture:
    """To 64 x 64 pixels: means of squares."""
    size = (_SMALL, _SIDE // _SMALL, _SMALL, _SIDE // _SMALL, *image.shape[2:])
    means: Picture = image.reshape(size).mean(axis=(1, 3)).astype(np.uint8)
    return means
