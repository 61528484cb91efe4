"""How like an image is to its original, as losses take it: on planes and colours in -1 to 1, in torch."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

LUMA = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]


def to_rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Planes in -1 to 1 to RGB (N, 3, H, W) in the same unit: chroma by the triangle filter of the format."""
    h, w = chroma.shape[2:]
    full = functional.interpolate(chroma, size=(2 * h, 2 * w), mode="bilinear", align_corners=False)
    cb, cr = full[:, :1], full[:, 1:]
    return torch.cat([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], 1)


def dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    """1 - SSIM (Wang et al. 2004) of luma (N, 1, H, W) in -1 to 1, a number an image: Gaussian of 1.5 samples."""
    across, down = (_windows(side, a.dtype, a.device) for side in (a.shape[3], a.shape[2]))

    def blurred(v: Tensor) -> Tensor:
        return down.T @ (v @ across)

    ma, mb = blurred(a), blurred(b)
    va, vb, both = blurred(a * a) - ma * ma, blurred(b * b) - mb * mb, blurred(a * b) - ma * mb
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    # Luminance is compared around black: samples are centred here.
    ma, mb = ma + 1, mb + 1
    ssim = (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return 1 - ssim.mean((1, 2, 3))


@cache
def _windows(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A Gaussian window at every place of a line, (side, side - 10): products with it are far quicker than convolutions
    of one channel."""
    x = torch.arange(-5, 6, dtype=dtype)
    g = torch.exp(-(x**2) / 4.5)
    g = g / g.sum()
    windows = [functional.pad(g, (at, side - len(g) - at)) for at in range(side - len(g) + 1)]
    return torch.stack(windows, 1).to(device)
