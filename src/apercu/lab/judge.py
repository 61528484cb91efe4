"""What holds generated planes against their original: the losses of every generative restorer but a discriminator's."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.lab import generative_losses as losses
from apercu.lab.likeness import dissimilarity, to_rgb
from apercu.restore.told import OCTAVE, OCTAVES


class Batch(NamedTuple):
    """Planes in squares, (N, 24, H / 4, W / 4) in -1 to 1, and steps (N,)."""

    original: Tensor
    restored: Tensor
    decoded: Tensor
    step: Tensor


def planes_of(squares: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (N, 1, H, W) and chroma (N, 2, H / 2, W / 2)."""
    return functional.pixel_shuffle(squares[:, :16], 4), functional.pixel_shuffle(squares[:, 16:], 2)


def told_of(step: Tensor) -> Tensor:
    """What networks are told of the steps of a batch: `apercu.restore.told.told_of_step`."""
    return (step.log2() - OCTAVE) / OCTAVES


class Seen(NamedTuple):
    """What losses compare of an image."""

    colour: Tensor
    oriented: list[Tensor]
    deep: list[Tensor]
    direction: list[Tensor]


class Judge(nn.Module):
    """All losses but the discriminator's."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = losses.Oriented()
        self.networks = nn.ModuleList([losses.Deep(name) for name in losses.DEEP_BLOCKS])

    def see(self, squares: Tensor, turn: int) -> Seen:
        """Of planes in squares; the deep networks take turns, and see the picture each time another way up."""
        luma, chroma = planes_of(squares)
        colour = to_rgb(luma, chroma)
        network = self.networks[turn % len(self.networks)]
        features = network(turned(colour, turn // len(self.networks)))
        oriented = losses.statistics(self.filters, luma)
        return Seen(colour, oriented, losses.deep_statistics(features), losses.directions(features))

    def forward(self, batch: Batch, generated: Tensor, again: Tensor, turn: int) -> dict[str, Tensor]:
        """Losses by their names in the recipe: shares of distances that are left, `flat` and `bins`.

        `again`: made with other noise. `bias`, the product of the errors of both, is the error of the mean over all
        noise: it tells noise, which is free, from a pattern, while for statistics alone either serves.
        """
        with torch.no_grad():
            original, before = self.see(batch.original, turn), self.see(batch.restored, turn)
            error_before = (before.colour - original.colour).square().mean((1, 2, 3))
        after = self.see(generated, turn)
        errors = [colour - original.colour for colour in (after.colour, to_rgb(*planes_of(again)))]
        found = {
            "error": losses.share(errors[0].square().mean((1, 2, 3)), error_before),
            "bias": losses.share((errors[0] * errors[1]).mean((1, 2, 3)), error_before),
        }
        for name in ("oriented", "deep", "direction"):
            pair = (losses.between(getattr(seen, name), getattr(original, name)) for seen in (after, before))
            found[name] = losses.share(*pair)
        lumas = [planes_of(squares)[0] for squares in (batch.original, generated, batch.restored)]
        found["structure"] = losses.share(unlike(lumas[1], lumas[0]), unlike(lumas[2], lumas[0]))
        rings = [losses.spectrum(luma)[:, None, None] for luma in lumas]
        found["spectrum"] = losses.share(*(losses.between([of], [rings[0]]) for of in rings[1:]))
        found["flat"] = losses.on_flat(lumas[0], lumas[1] - lumas[2])
        wanted, added = (luma - lumas[2] for luma in lumas[:2])
        found["lattice"], found["lines"] = losses.lattice(wanted, added), losses.lines(wanted, added)
        (luma, chroma), (now, colour) = planes_of(batch.decoded), planes_of(generated)
        found["bins"] = losses.beyond(luma, now, batch.step, 0, 3)
        for k in range(2):
            pair_ = chroma[:, k : k + 1], colour[:, k : k + 1]
            found["bins"] = found["bins"] + losses.beyond(*pair_, batch.step, 1, 2)
        return found


def turned(colour: Tensor, turn: int) -> Tensor:
    """One of the eight ways of laying a square down."""
    colour = colour.rot90(turn % 4, (2, 3))
    return colour.flip(3) if turn // 4 % 2 else colour


def unlike(luma: Tensor, original: Tensor) -> Tensor:
    """1 - SSIM of each image at half and at a quarter of the size, (N, 2): at full size noise counts too much."""
    halves = [functional.avg_pool2d(plane, 2) for plane in (luma, original)]
    quarters = [functional.avg_pool2d(plane, 2) for plane in halves]
    return torch.stack([dissimilarity(*halves), dissimilarity(*quarters)], 1)
