"""The network of restore="rnn": one step of a convolutional GRU, which training and decoder repeat.

It sees planes as the networks of restore="cnn" see them. With x the features of what a step is given, and h its state:

    r, z = σ(gates(x, h))    c = tanh(body(x, r ⊙ h))    h' = h + z ⊙ (c - h)    residual' = residual + read(h')

This is the gated recurrent unit of Cho et al. (2014, "Learning phrase representations using RNN encoder-decoder",
equations 5 to 8), whose products are convolutions (Ballas et al. 2016), and whose candidate c is found at two scales.
The residual is a sum of what is read from the state at each step, as the flow is in RAFT (Teed and Deng 2020, section
3.3).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.lab.cnn import Block
from apercu.restore.rnn import GIVEN, STATE
from apercu.restore.squares import OUT

FAR = 96  # channels at an eighth of the size; at a quarter there are STATE
SHARE = 0.3  # residuals are small beside planes: inside, they are divided by this


class Network(nn.Module):
    """A step. Sides h, w at a quarter of the size are even. 23,400 products a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(GIVEN + OUT, STATE, 3, padding=1)
        self.gates = nn.Conv2d(2 * STATE, 2 * STATE, 1)
        self.join = nn.Conv2d(2 * STATE, STATE, 3, padding=1)
        self.before = Block(STATE)
        self.down = nn.Conv2d(STATE, FAR, 2, stride=2)
        self.far = nn.Sequential(Block(FAR), Block(FAR))
        self.up = nn.Conv2d(FAR, 4 * STATE, 1)
        self.after = Block(STATE)
        self.tail = nn.Conv2d(STATE, OUT, 3, padding=1)
        for layer in (self.head, self.join, self.down, self.up):  # torch's own start would make the state small,
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        nn.init.ones_(self.gates.get_parameter("bias"))  # and slow to change
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.get_parameter("bias"))

    def forward(self, values: Tensor) -> Tensor:
        """As a decoder calls it: (N, GIVEN + OUT + STATE, h, w), what is given, residual and state, to
        (N, OUT + STATE, h, w), the next residual and state."""
        return torch.cat(self.step(*torch.split(values, [GIVEN, OUT, STATE], 1)), 1)

    def step(self, given: Tensor, residual: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next residual and state."""
        x = self.head(torch.cat([given, residual / SHARE], 1))
        state_ = state.to(x.dtype)
        reset, update = torch.sigmoid(self.gates(torch.cat([x, state_], 1))).chunk(2, 1)
        near = self.before(x + self.join(torch.cat([x, reset * state_], 1)))
        far = functional.pixel_shuffle(self.up(self.far(self.down(near))), 2)
        candidate = torch.tanh(self.after(near + far))
        state = state + update * (candidate - state)
        return residual + SHARE * self.tail(state.to(x.dtype)), state
