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


class Cell(nn.Module):
    """A GRU, convolutional where kernels are 3 × 3, whose gates are piecewise linear: z and r are a / 4 + 1 / 2 held to
    0 … 1, the candidate is held to -1 … 1. The reset gate acts after the matrix, so that one matrix serves all three.
    """

    def __init__(self, n_inputs: int, n_units: int, n_beside: int, side: int) -> None:
        """`n_beside`: other states that this cell sees; `side`: of its kernels, 1 or 3."""
        super().__init__()
        self.inputs = nn.Conv2d(n_inputs, 3 * n_units, side, padding=side // 2)
        self.states = nn.Conv2d(n_units + n_beside, 3 * n_units, side, padding=side // 2, bias=False)

    def forward(self, x: Tensor, state: Tensor, beside: Tensor | None = None) -> Tensor:
        """x: (N, inputs, h, w); state, and what comes back: (N, units, h, w)."""
        z_x, r_x, c_x = self.inputs(x).chunk(3, 1)
        z_s, r_s, c_s = self.states(state if beside is None else torch.cat([state, beside], 1)).chunk(3, 1)
        z, r = ((a / 4 + 0.5).clamp(0, 1) for a in (z_x + z_s, r_x + r_s))
        candidate = (c_x + r * c_s).clamp(-1, 1)
        found: Tensor = state + z * (candidate - state)
        return found


def waves(n: int) -> Tensor:
    """The n cosines of least frequency on a window, (n, 24, 24), of norm 1."""
    at = (torch.arange(WINDOW) + 0.5) / WINDOW
    pairs = sorted(((i, j) for i in range(WINDOW) for j in range(WINDOW)), key=lambda p: (p[0] ** 2 + p[1] ** 2, p))
    drawn = [torch.cos(math.pi * i * at)[:, None] * torch.cos(math.pi * j * at)[None] for i, j in pairs[:n]]
    return torch.stack([wave / wave.norm() for wave in drawn])


class Network(nn.Module):
    """Encoder and decoder. `scales` (2, steps) are the deviations of what is left before each step, in 8-bit units."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Conv2d(1, FEATURES, WINDOW, stride=SIDE, bias=False)
        self.encoder = Cell(FEATURES, ENCODER, DECODER, 1)
        self.out = nn.Conv2d(ENCODER, BITS, 1)
        self.decoder = Cell(BITS, DECODER, 0, 3)
        self.wide = nn.Conv2d(DECODER + BITS, WIDE, 1)
        self.drawn = nn.ConvTranspose2d(WIDE, 1, WINDOW, stride=SIDE, bias=False)
        self.start_encoder = nn.Parameter(torch.zeros(CLASSES, ENCODER))
        self.start_decoder = nn.Parameter(torch.zeros(CLASSES, DECODER))
        self.scales: Tensor
        self.register_buffer("scales", torch.tensor([[20.0], [4.0]]) * 0.88 ** torch.arange(STEPS))
        with torch.no_grad():
            self.seen.weight.copy_(0.2 * waves(FEATURES)[:, None])
            self.drawn.weight.copy_(0.7 * waves(WIDE)[:, None])

    def starts(self, chroma: Tensor, down: int, across: int) -> tuple[Tensor, Tensor]:
        """States before the first step, for planes (N,) that are chroma or not."""
        both = (start[chroma.long()][:, :, None, None] for start in (self.start_encoder, self.start_decoder))
        encoder, decoder = (start.expand(-1, -1, down, across) for start in both)
        return encoder, decoder

    def encode(self, left: Tensor, scale: Tensor, states: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The encoder's state and the bits before they are bits, -1 to 1, from what is left, (N, 1, 16 h + 8, 16 w +
        8), and its scale (N, 1, 1, 1)."""
        seen = self.seen((left / scale).clamp(-MOST_SEEN, MOST_SEEN)).clamp(-MOST_FEATURE, MOST_FEATURE)
        state = self.encoder(seen, *states)
        return state, self.out(state).clamp(-1, 1)

    def draw(self, state: Tensor, bits: Tensor, going: Tensor) -> Tensor:
        """What places add that go on (N, 1, h, w), in scales, (N, 1, 16 h + 8, 16 w + 8)."""
        wide = self.wide(torch.cat([state, bits], 1)).clamp(0, MOST_FEATURE)
        drawn: Tensor = self.drawn(wide * going)
        return drawn

    def hold(self) -> None:
        """Makes weights smaller whose sums would not be exact as integers."""
        with torch.no_grad():
            for name, weight, dims in self._matrices():
                total = weight.abs().sum(dims, keepdim=True)
                weight.mul_((0.98 * largest_sum(name) / ONE / total.clamp_min(1e-9)).clamp(max=1))
            self.start_encoder.clamp_(-1, 1)
            self.start_decoder.clamp_(-1, 1)

    def _matrices(self) -> list[tuple[str, Tensor, tuple[int, ...]]]:
        """Of each matrix its name in a file, its weights, and the dimensions over which an output adds up."""
        every = (1, 2, 3)
        return [
            ("seen", self.seen.weight, every),
            ("encoder_inputs", self.encoder.inputs.weight, every),
            ("encoder_states", self.encoder.states.weight, every),
            ("out", self.out.weight, every),
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

    biased = network.encoder.inputs, network.out, network.decoder.inputs, network.wide
    encoder_biases, out_biases, decoder_biases, wide_biases = (
        whole(conv.bias) for conv in biased if conv.bias is not None
    )
    numbers = {
        "scales": np.clip(whole(network.scales, 32), 1, LARGEST_SCALE),
        "start_encoder": whole(network.start_encoder),
        "start_decoder": whole(network.start_decoder),
        "seen": whole(network.seen.weight).reshape(FEATURES, -1).T,
        "encoder_inputs": matrix(network.encoder.inputs),
        "encoder_states": matrix(network.encoder.states),
        "encoder_biases": encoder_biases,
        "out": matrix(network.out),
        "out_biases": out_biases,
        "decoder_inputs": matrix(network.decoder.inputs),
        "decoder_states": matrix(network.decoder.states),
        "decoder_biases": decoder_biases,
        "wide": matrix(network.wide),
        "wide_biases": wide_biases,
        "drawn": whole(network.drawn.weight).reshape(WIDE, -1),
    }
    return pack((FEATURES, ENCODER, DECODER, WIDE, BITS), numbers)
