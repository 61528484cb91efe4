"""The network of restore="diffusion": samples of the wavelet bands that the sender had no bits for, coarse to fine.

One network serves levels 3, 2 and 1 of the luma of codec apercu. At each it is given what is known there and noise, and
gives a *sample* of what is missing, not its mean (De Bortoli et al. 2025, "Distributional diffusion models with scoring
rules"): so few steps of denoising are enough. It works at the grid of the bands. Its coarser scales could leave
lattices of 8 to 32 pixels; the loss of that name holds down the one of 8.
"""

from torch import Tensor, nn
from torch.nn import functional

from apercu.lab.cnn import Block
from apercu.restore.diffusion import BANDS, GIVEN, NOISE

NEAR, MIDDLE, FAR = 48, 80, 96  # channels at the size of the bands, at half and at a quarter of it


class Sampler(nn.Module):
    """(N, GIVEN + NOISE, h, w) to (N, 3, h, w), multiples of 4. 238,000 products for each place of a level."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(GIVEN, NEAR, 3, padding=1)
        self.down = nn.Conv2d(NEAR, MIDDLE, 2, stride=2)
        self.middle = Block(MIDDLE)
        self.further_down = nn.Conv2d(MIDDLE, FAR, 2, stride=2)
        self.far = nn.Sequential(Block(FAR), Block(FAR), Block(FAR))
        self.part_up = nn.Conv2d(FAR, 4 * MIDDLE, 1)
        self.back = Block(MIDDLE)
        self.up = nn.Conv2d(MIDDLE, 4 * NEAR, 1)
        self.noise = nn.Conv2d(NOISE, NEAR, 3, padding=1)
        self.gate = nn.Conv2d(NEAR, NEAR, 1)
        self.after = nn.Sequential(Block(NEAR), Block(NEAR), Block(NEAR))
        self.tail = nn.Conv2d(NEAR, BANDS, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        # Noise must be heard from the first step on: where it has no part, what statistics gain by more of it is 0.
        self.grain = nn.Conv2d(NEAR, BANDS, 1, bias=False)
        nn.init.ones_(self.gate.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        """A sample of what is missing, in its unit."""
        return self.paint(self.look(x[:, :GIVEN]), x[:, GIVEN:])

    def look(self, given: Tensor) -> Tensor:
        """What is known of each place, whatever the noise."""
        near = functional.relu(self.head(given))
        middle = self.middle(self.down(near))
        far = self.far(self.further_down(middle))
        middle = self.back(middle + functional.pixel_shuffle(self.part_up(far), 2))
        found: Tensor = near + functional.pixel_shuffle(self.up(middle), 2)
        return found

    def paint(self, near: Tensor, noise: Tensor) -> Tensor:
        """A sample where `look` found this."""
        heard = self.noise(noise) * self.gate(near)
        found: Tensor = self.tail(self.after(near + heard)) + self.grain(heard)
        return found
