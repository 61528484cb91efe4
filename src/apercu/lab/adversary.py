"""The discriminator that generative restorers learn from beside the judge, and how it learns itself.

It is trained by the relativistic loss of pairs (Jolicoeur-Martineau 2019). Restorers learn by the same loss, and by the
features that it sees (Wang et al. 2018).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.lab.generative_losses import between, share
from apercu.lab.judge import Batch
from apercu.lab.steps import DEVICE, Part, quickly
from apercu.restore.squares import OUT

DEPTHS = 64, 96, 128
"""Channels of the discriminator at a quarter, an eighth and a sixteenth of the size."""
SLOPE = 0.2  # of its rectifiers below 0
BEFORE = 200
"""Steps by which the discriminator begins to learn before others learn from it."""


class Discriminator(nn.Module):
    """Tells, patch by patch at three scales, whether planes are those of an original, given those of "cnn".

    (N, 24, H / 4, W / 4), the difference from "cnn", and the same of "cnn", to (N, 1, h, w) at a quarter, an eighth and
    a sixteenth of the size: higher for originals. The matrix of each layer's weights has spectral norm 1 (Miyato et al.
    2018).
    """

    def __init__(self) -> None:
        super().__init__()
        near, far, furthest = DEPTHS
        norm = nn.utils.parametrizations.spectral_norm
        self.layers = nn.ModuleList(
            [
                nn.Sequential(_layer(2 * OUT, near), _layer(near, near)),
                nn.Sequential(_layer(near, far, 4, 2), _layer(far, far)),
                nn.Sequential(_layer(far, furthest, 4, 2), _layer(furthest, furthest)),
            ]
        )
        self.ends = nn.ModuleList([norm(nn.Conv2d(channels, 1, 1)) for channels in DEPTHS])

    def forward(self, difference: Tensor, given: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Scores, and the features that they are made of."""
        values = torch.cat([5 * difference, given], 1)
        scores, features = [], []
        for layer, end in zip(self.layers, self.ends, strict=True):
            values = layer(values)
            features.append(values)
            scores.append(end(values).float())
        return scores, features


def _layer(given: int, found: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(given, found, size, stride, padding=1)
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(conv), nn.LeakyReLU(SLOPE))


def relativistic_loss(better: list[Tensor], worse: list[Tensor]) -> Tensor:
    """Of scores at each scale, their mean: small where those of `better` are above those of `worse`."""
    pairs = zip(better, worse, strict=True)
    return torch.stack([functional.softplus(b - a).mean() for a, b in pairs]).mean()


class Adversary:
    """The discriminator with its optimiser. `warm`: steps of a training before others learn from it."""

    def __init__(self, rate: float, warm: int) -> None:
        self.warm = warm
        self.network = Discriminator().to(DEVICE)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
        self.optimiser = torch.optim.AdamW(self.network.parameters(), rate, (0.5, 0.99), weight_decay=1e-4)

    def parts(self) -> dict[str, Part]:
        """What a checkpoint keeps."""
        return {"adversary": self.network, "adversary_optimiser": self.optimiser}

    def scores(self, batch: Batch, planes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Of planes in squares at each scale, and its features."""
        with quickly(planes.device):
            given = (planes - batch.restored, batch.restored)
            found, features = self.network(*(each.contiguous(memory_format=torch.channels_last) for each in given))
        return found, [each.float() for each in features]

    def losses(self, step: int, batch: Batch, generated: Tensor) -> dict[str, Tensor]:
        """The losses `adversary` and `features` of a generator at a step; none before it is warm. Their weight rises
        over as many steps."""
        if step < self.warm:
            return {}
        rise = min((step + 1 - self.warm) / max(self.warm, 1), 1)
        self.network.requires_grad_(False)
        with torch.no_grad():
            of_original, seen = self.scores(batch, batch.original)
            _, seen_before = self.scores(batch, batch.restored)
        of_generated, seen_now = self.scores(batch, generated)
        alike = share(between(seen_now, seen), between(seen_before, seen))
        return {"adversary": rise * relativistic_loss(of_generated, of_original), "features": rise * alike}

    def learn(self, step: int, batch: Batch, generated: Tensor) -> dict[str, Tensor]:
        """One step of its own; its loss, `discriminator`."""
        if step < self.warm - BEFORE:
            return {}
        self.network.requires_grad_(True)
        loss = relativistic_loss(*(self.scores(batch, planes)[0] for planes in (batch.original, generated.detach())))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        self.optimiser.step()
        return {"discriminator": loss.detach()}
