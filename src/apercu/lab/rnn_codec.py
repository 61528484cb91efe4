"""The networks of codec="rnn" while they are trained, and their way into integers.

After Toderici et al. (Full Resolution Image Compression with Recurrent Neural Networks, CVPR 2017): at each step a
recurrent encoder sees the error that is left, a binariser makes bits of it, and a recurrent decoder adds to the
picture what these stand for. Places are 16 × 16 samples of one plane. Gates are piecewise linear, as the codec has
them in integers; states lie in -1 to 1.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from apercu.stages.rnn_tables import (
    CLASSES,
    LARGEST_SCALE,
    MARGIN,
    ONE,
    SIDE,
    STEPS,
    WINDOW,
    largest_sum,
    pack,
)

FEATURES, ENCODER, DECODER, WIDE, BITS = 128, 64, 72, 160, 8
"""Features of what is seen of a place; units of both cells; units that draw; binary latents of a step."""
MOST_SEEN, MOST_FEATURE = 4.0, 2.0
SEEN, DRAWN, MEAN, LARGEST, AFTER_A_BIT = 0.2, 2.5, 7.0, 1.6, 0.36
"""At first: weights of what is seen and drawn; the mean size of a coefficient in scales, times its frequency; the
largest weight of a bit; and the share of a variance that the sign leaves (Max, IRE Trans. IT 6, 1960)."""
LARGEST_NUMBER = 60.0
"""Of weights that have no sums to keep: they fit in 16 bits."""


class Cell(nn.Module):
    """A GRU, convolutional where kernels are 3 × 3, whose gates are piecewise linear: z and r are a / 4 + 1 / 2 held to
    0 … 1, the candidate is held to -1 … 1. The reset gate acts after the matrix, so that one matrix serves all three.
    """

    def __init__(self, n_inputs: int, n_units: int, n_beside: int, side: int) -> None:
        """`n_beside`: other states that this cell sees; `side`: of its kernels, 1 or 3. Each step has its biases."""
        super().__init__()
        self.inputs = nn.Conv2d(n_inputs, 3 * n_units, side, padding=side // 2, bias=False)
        self.biases = nn.Parameter(torch.zeros(STEPS, 3 * n_units, 1, 1))
        self.states = nn.Conv2d(n_units + n_beside, 3 * n_units, side, padding=side // 2, bias=False)

    def forward(self, step: int, x: Tensor, state: Tensor, beside: Tensor | None = None) -> Tensor:
        """x: (N, inputs, h, w); state, and what comes back: (N, units, h, w)."""
        z_x, r_x, c_x = (self.inputs(x) + self.biases[step]).chunk(3, 1)
        z_s, r_s, c_s = self.states(state if beside is None else torch.cat([state, beside], 1)).chunk(3, 1)
        z, r = ((a / 4 + 0.5).clamp(0, 1) for a in (z_x + z_s, r_x + r_s))
        candidate = (c_x + r * c_s).clamp(-1, 1)
        found: Tensor = state + z * (candidate - state)
        return found


def lapped(n: int) -> tuple[Tensor, Tensor]:
    """The n functions of least frequency of an orthogonal lapped transform whose hop is a place and whose window is 24
    × 24 (Princen and Bradley, IEEE Trans. ASSP 34(5), 1986), (n, 24, 24); and their frequencies, (n,)."""
    at = torch.arange(2 * SIDE) + 0.5
    rise = torch.sin(math.pi / 2 * ((at - MARGIN) / (2 * MARGIN)).clamp(0, 1))
    phases = (at + SIDE / 2)[None] * (torch.arange(SIDE) + 0.5)[:, None]
    all_along = math.sqrt(2 / SIDE) * rise * rise.flip(0) * torch.cos(math.pi / SIDE * phases)
    along = all_along[:, MARGIN : MARGIN + WINDOW]  # it is 0 elsewhere
    frequency = torch.hypot(*torch.meshgrid(*[torch.arange(SIDE) + 0.5] * 2, indexing="ij")).ravel()
    chosen = torch.argsort(frequency, stable=True)[:n]
    both = along[:, None, :, None] * along[None, :, None, :]
    return both.flatten(0, 1)[chosen], frequency[chosen]


class Network(nn.Module):
    """Encoder and decoder. `scales` (2, steps) are the deviations of what is left before each step, in 8-bit units.

    They begin as a transform coder: each bit is the sign of what is left along the function of a lapped transform along
    which most is left, if variances fall with the square of the frequency, and draws some of it. Without weights of its
    own a step could not tell which one it is before the states had learnt to count: late steps brought next to nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Conv2d(1, FEATURES, WINDOW, stride=SIDE, bias=False)
        self.encoder = Cell(FEATURES, ENCODER, DECODER, 1)
        self.out = nn.Parameter(0.01 * torch.randn(STEPS, BITS, FEATURES + ENCODER, 1, 1))
        self.out_biases = nn.Parameter(torch.zeros(STEPS, BITS))
        self.decoder = Cell(BITS, DECODER, 0, 3)
        self.wide = nn.Conv2d(DECODER, WIDE, 1, bias=False)
        self.wide_bits = nn.Parameter(0.01 * torch.randn(STEPS, WIDE, BITS, 1, 1))
        self.wide_biases = nn.Parameter(torch.zeros(STEPS, WIDE))
        self.drawn = nn.ConvTranspose2d(WIDE, 1, WINDOW, stride=SIDE, bias=False)
        self.start_encoder = nn.Parameter(torch.zeros(CLASSES, ENCODER))
        self.start_decoder = nn.Parameter(torch.zeros(CLASSES, DECODER))
        self.scales: Tensor
        self.register_buffer("scales", torch.tensor([[26.0], [4.5]]) * 0.95 ** torch.arange(STEPS))
        with torch.no_grad():
            self._begin()

    def _begin(self) -> None:
        """As a transform coder, as far as there are features and units that draw."""
        n = min(FEATURES, WIDE // 2)
        waves, frequencies = lapped(FEATURES)
        self.seen.weight.copy_(SEEN * waves[:, None])
        self.wide.weight.mul_(0.1)
        self.drawn.weight.copy_(DRAWN * torch.cat([waves[:n], -waves[:n], waves[: WIDE - 2 * n]])[:, None])
        left = 1 / frequencies[:n] ** 2
        for step, bit in np.ndindex(STEPS, BITS):
            wave = int(left.argmax())
            self.out[step, bit, wave] = 2
            for unit, sign in ((wave, 1), (n + wave, -1)):
                self.wide_bits[step, unit, bit] = sign * min(MEAN / DRAWN * float(left[wave]) ** 0.5, LARGEST)
            left[wave] *= AFTER_A_BIT

    def starts(self, chroma: Tensor, down: int, across: int) -> tuple[Tensor, Tensor]:
        """States before the first step, for planes (N,) that are chroma or not."""
        both = (start[chroma.long()][:, :, None, None] for start in (self.start_encoder, self.start_decoder))
        encoder, decoder = (start.expand(-1, -1, down, across) for start in both)
        return encoder, decoder

    def encode(self, step: int, left: Tensor, scale: Tensor, states: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The encoder's state and the bits before they are bits, -1 to 1, from what is left, (N, 1, 16 h + 8, 16 w +
        8), and its scale (N, 1, 1, 1)."""
        seen = self.seen((left / scale).clamp(-MOST_SEEN, MOST_SEEN)).clamp(-MOST_FEATURE, MOST_FEATURE)
        state = self.encoder(step, seen, *states)
        out = functional.conv2d(torch.cat([seen, state], 1), self.out[step], self.out_biases[step])
        return state, out.clamp(-1, 1)

    def draw(self, step: int, state: Tensor, bits: Tensor, going: Tensor) -> Tensor:
        """What places add that go on (N, 1, h, w), in scales, (N, 1, 16 h + 8, 16 w + 8)."""
        wide = self.wide(state) + functional.conv2d(bits, self.wide_bits[step], self.wide_biases[step])
        drawn: Tensor = self.drawn(wide.clamp(0, MOST_FEATURE) * going)
        return drawn

    def hold(self) -> None:
        """Makes weights smaller whose sums would not be exact as integers."""
        with torch.no_grad():
            for name, weight, dims in self._matrices():
                total = weight.abs().sum(dims, keepdim=True)
                weight.mul_((0.98 * largest_sum(name) / ONE / total.clamp_min(1e-9)).clamp(max=1))
            for free in (self.encoder.biases, self.decoder.biases, self.out_biases, self.wide_bits, self.wide_biases):
                free.clamp_(-LARGEST_NUMBER, LARGEST_NUMBER)
            self.start_encoder.clamp_(-1, 1)
            self.start_decoder.clamp_(-1, 1)

    def _matrices(self) -> list[tuple[str, Tensor, tuple[int, ...]]]:
        """Of each matrix its name in a file, its weights, and the dimensions over which an output adds up."""
        every = (1, 2, 3)
        return [
            ("seen", self.seen.weight, every),
            ("encoder_inputs", self.encoder.inputs.weight, every),
            ("encoder_states", self.encoder.states.weight, every),
            ("out", self.out, (2, 3, 4)),
            ("decoder_inputs", self.decoder.inputs.weight, every),
            ("decoder_states", self.decoder.states.weight, every),
            ("wide", self.wide.weight, every),
            ("drawn", self.drawn.weight, (0,)),
        ]


def places(values: Tensor) -> Tensor:
    """Sums over the places of planes with margins, (N, 1, 16 h + 8, 16 w + 8) to (N, 1, h, w)."""
    inner = values[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return functional.avg_pool2d(inner, SIDE) * SIDE**2


def interpolated(means: Tensor) -> Tensor:
    """Bilinear between the middles of places, (N, 1, h, w) to (N, 1, 16 h + 8, 16 w + 8)."""
    whole = functional.interpolate(means, scale_factor=SIDE, mode="bilinear", align_corners=False)
    return functional.pad(whole, (MARGIN,) * 4, mode="replicate")


def to_array(network: Network) -> NDArray[np.int16]:
    """The networks as the codec takes them; raises ValueError where a number is too large."""

    def whole(tensor: Tensor, unit: int = ONE) -> NDArray[np.float64]:
        array: NDArray[np.float64] = np.rint(tensor.detach().cpu().numpy().astype(np.float64) * unit)
        return array

    def matrix(conv: nn.Conv2d) -> NDArray[np.float64]:
        """(out, in, 3, 3) to (places around, in; out)."""
        return whole(conv.weight).transpose(2, 3, 1, 0).reshape(-1, conv.out_channels)

    def of_steps(weight: Tensor) -> NDArray[np.float64]:
        """(steps, out, in, 1, 1) to (steps, in, out)."""
        return whole(weight[:, :, :, 0, 0]).swapaxes(1, 2)

    numbers = {
        "scales": np.clip(whole(network.scales, 32), 1, LARGEST_SCALE),
        "start_encoder": whole(network.start_encoder),
        "start_decoder": whole(network.start_decoder),
        "seen": whole(network.seen.weight).reshape(FEATURES, -1).T,
        "encoder_inputs": matrix(network.encoder.inputs),
        "encoder_states": matrix(network.encoder.states),
        "encoder_biases": whole(network.encoder.biases[:, :, 0, 0]),
        "out": of_steps(network.out),
        "out_biases": whole(network.out_biases),
        "decoder_inputs": matrix(network.decoder.inputs),
        "decoder_states": matrix(network.decoder.states),
        "decoder_biases": whole(network.decoder.biases[:, :, 0, 0]),
        "wide": matrix(network.wide),
        "wide_bits": of_steps(network.wide_bits),
        "wide_biases": whole(network.wide_biases),
        "drawn": whole(network.drawn.weight).reshape(WIDE, -1),
    }
    return pack((FEATURES, ENCODER, DECODER, WIDE, BITS), numbers)
