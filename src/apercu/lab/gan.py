"""The network of restore="gan": a generator of what the sender had no bits for.

It sees planes in squares, luma of 4×4 samples and chroma of 2×2, as the networks of restore="cnn" do. It is given the
planes as they were decoded, the residual that "cnn" adds to them, the quantiser's step, and noise, a
number for each pixel. It looks at the picture at three scales. Noise enters afterwards, multiplied by what the
picture says of each place: so a surface can stay flat. What comes out is added to the planes that "cnn" gives.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.lab.cnn import Block
from apercu.restore.gan import CHANNELS, NOISE
from apercu.restore.squares import OUT

NEAR, FAR = 64, 96  # channels at a quarter, and at an eighth and a sixteenth of the size
FINE = 3  # beside what is added to luma, at full size


class Generator(nn.Module):
    """(N, CHANNELS, H / 4, W / 4) to (N, 24, H / 4, W / 4); H and W are multiples of 16. 38,900 products a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(CHANNELS - NOISE, NEAR, 3, padding=1)
        self.before = Block(NEAR)
        self.down = nn.Conv2d(NEAR, FAR, 2, stride=2)
        self.far = nn.Sequential(Block(FAR), Block(FAR))
        self.further_down = nn.Conv2d(FAR, FAR, 2, stride=2)
        self.furthest = nn.Sequential(Block(FAR), Block(FAR))
        self.part_up = nn.Conv2d(FAR, 4 * FAR, 1)
        self.back = Block(FAR)
        self.up = nn.Conv2d(FAR, 4 * NEAR, 1)
        self.noise = nn.Conv2d(NOISE, NEAR, 3, padding=1)
        self.gate = nn.Conv2d(NEAR, NEAR, 1)
        self.after = nn.Sequential(Block(NEAR), Block(NEAR), Block(NEAR), Block(NEAR))
        self.tail = nn.Conv2d(NEAR, OUT + 16 * FINE, 3, padding=1)
        nn.init.zeros_(self.tail.weight[:OUT])
        # At full size all samples of luma are alike. Squares have borders, where what is made of noise may break.
        self.fine = nn.Sequential(nn.Conv2d(FINE + 2, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
        # Noise must be heard from the first step on: where it has no part, what statistics gain by more of it is 0.
        self.grain = nn.Conv2d(NEAR, OUT, 1, bias=False)
        nn.init.ones_(self.gate.get_parameter("bias"))
        with torch.no_grad():
            self.grain.weight[16:] *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the planes of "cnn", in their unit."""
        return self.paint(self.look(x[:, : CHANNELS - NOISE]), x[:, CHANNELS - NOISE :])

    def look(self, picture: Tensor) -> Tensor:
        """What the picture says of each place, whatever the noise."""
        near = self.before(self.head(picture))
        far = self.far(self.down(near))
        far = self.back(far + functional.pixel_shuffle(self.part_up(self.furthest(self.further_down(far))), 2))
        found: Tensor = near + functional.pixel_shuffle(self.up(far), 2)
        return found

    def paint(self, near: Tensor, noise: Tensor) -> Tensor:
        """What is added where `look` found this."""
        heard = self.noise(noise) * self.gate(near)
        tail = self.tail(self.after(near + heard))
        added = tail[:, :OUT] + self.grain(heard)
        seen = [functional.pixel_shuffle(squares, 4) for squares in (added[:, :16], tail[:, OUT:], noise)]
        luma = seen[0] + self.fine(torch.cat(seen, 1))
        return 0.1 * torch.cat([functional.pixel_unshuffle(luma, 4), added[:, 16:]], 1)
