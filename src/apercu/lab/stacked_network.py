"""The networks of stacked autoencoders while they are trained, and their way into integers."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from apercu.lab.stacked_blocks import Kind
from apercu.stages.stacked_ae import LOWEST_LEVEL
from apercu.stages.stacked_tables import (
    AROUND,
    FRACTION_BITS,
    LEVELS,
    MAGNITUDES,
    WEIGHT_BITS,
    Expert,
    Layer,
    Real,
    StackedTables,
    widths,
)

LEAK = 0.25
LARGEST_WEIGHT = 7.99  # 16 bits with 12 fraction bits
LARGEST_SUM = 15.9  # of the magnitudes of the weights to an output; 16 would leave 32 bits


class Network(nn.Module):
    """All experts of a kind, as stacks of equal width whose latents beyond an expert's own are held at zero."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        n_pixels, most = kind.side**2, max(kind.latents)
        n = len(kind.latents)
        self.kind = kind
        down, up = widths(kind.n_features or n_pixels, kind.hidden, most)
        self.encoder, self.decoder = _stack(n, down), _stack(n, up)
        self.straight_in = nn.Parameter(torch.zeros(n, down[0], most))
        self.straight_out = nn.Parameter(torch.zeros(n, up[0], up[-1]))
        self.scale, self.slope = (nn.Parameter(torch.zeros(n, 1, most)) for _ in range(2))
        self.prior = nn.Parameter(torch.zeros(3, n))
        self.features = nn.ParameterList()
        if kind.n_features:
            basis = torch.linalg.qr(torch.randn(n_pixels, kind.n_features))[0]
            self.features = nn.ParameterList([basis.clone(), basis.T.clone()])
        mask = torch.arange(most)[None, None] < torch.tensor(kind.latents)[:, None, None]
        self.mask: Tensor
        self.register_buffer("mask", mask.float())

    def encode(self, rest: Tensor, around: Tensor) -> Tensor:
        """Latents (experts, n, most) of blocks (n, pixels)."""
        inputs = torch.cat([rest @ self.features[0] if self.features else rest, around], 1)
        return _through(self.encoder, self.straight_in, inputs) * self.mask

    def decode(self, latents: Tensor, around: Tensor) -> Tensor:
        """Blocks (experts, n, pixels)."""
        inputs = torch.cat([latents, around.expand(len(latents), -1, -1)], 2)
        drawn = _through(self.decoder, self.straight_out, inputs)
        return drawn @ self.features[1] if self.features else drawn

    def bits(self, latents: Tensor, detail: Tensor) -> Tensor:
        """What noisy latents cost: -log2 of a logistic distribution, over a width of 1."""
        scale = torch.exp(self.scale + self.slope * detail[None, :, None])
        size = latents.abs()
        likely = torch.sigmoid((0.5 - size) / scale) - torch.sigmoid((-0.5 - size) / scale)
        return (-torch.log2(likely.clamp_min(1e-7)) * self.mask).sum(2)

    def hold(self) -> None:
        """Makes weights smaller whose sums would leave 32 bits as integers."""
        with torch.no_grad():
            for stack, straight in ((self.encoder, self.straight_in), (self.decoder, self.straight_out)):
                for weights in list(stack)[:-2:2]:
                    weights.mul_((LARGEST_SUM / weights.abs().sum(1, keepdim=True)).clamp(max=1))
                share = LARGEST_SUM / (stack[-2].abs().sum(1, keepdim=True) + straight.abs().sum(1, keepdim=True))
                stack[-2].mul_(share.clamp(max=1))
                straight.mul_(share.clamp(max=1))
            for weights in self.features:
                weights.mul_((LARGEST_SUM / weights.abs().sum(0, keepdim=True)).clamp(max=1))
            for tensor in self.parameters():
                tensor.clamp_(-LARGEST_WEIGHT, LARGEST_WEIGHT)

    def choice_bits(self, detail: Tensor) -> Tensor:
        """What the number of each expert costs, (n, experts)."""
        powers = torch.stack([torch.ones_like(detail), detail, detail * detail], 1)
        return -torch.log_softmax(powers @ self.prior, 1) / math.log(2)


def _stack(n_experts: int, sizes: list[int]) -> nn.ParameterList:
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.randn(n_experts, n_in, n_out) / math.sqrt(n_in), torch.zeros(n_experts, 1, n_out)]
    return nn.ParameterList(layers)


def leaky(hidden: Tensor) -> Tensor:
    """The activation, leaky ReLU; as integers a shift to the right by two below zero."""
    return torch.maximum(hidden, LEAK * hidden)


def _through(stack: nn.ParameterList, straight: Tensor, inputs: Tensor) -> Tensor:
    batched = inputs.expand(len(straight), *inputs.shape[-2:])
    hidden = batched
    for index in range(0, len(stack) - 2, 2):
        hidden = leaky(torch.baddbmm(stack[index + 1], hidden, stack[index]))
    return torch.baddbmm(stack[-1], hidden, stack[-2]) + torch.bmm(batched, straight)


def to_tables(network: Network) -> StackedTables:
    """The tables as the codec takes them; raises OptionError where a weight is too large for them."""
    unit = 1 << WEIGHT_BITS

    def whole(tensor: Tensor) -> Real:
        array: Real = np.rint(tensor.detach().numpy().astype(np.float64) * unit)
        return array

    def layers(stack: nn.ParameterList, number: int, keep: dict[int, Any]) -> tuple[Layer, ...]:
        found = []
        for index in range(0, len(stack), 2):
            weights, biases = whole(stack[index][number]), stack[index + 1][number, 0].detach().numpy()
            rows, columns = keep.get(index, (slice(None), slice(None)))
            biases = np.rint(biases.astype(np.float64) * (1 << FRACTION_BITS))[columns] * unit
            found.append(Layer(np.ascontiguousarray(weights[rows][:, columns]), biases))
        return tuple(found)

    centre = (torch.arange(LEVELS) + LOWEST_LEVEL + 0.5) * math.log(2) / 2
    with torch.no_grad():
        choice = np.rint(64 * network.choice_bits(centre).numpy()).astype(np.int64)
        scale = torch.exp(network.scale + network.slope * centre[None, :, None])  # (experts, levels, latents)
        size = torch.arange(MAGNITUDES)
        likely = torch.sigmoid((0.5 - size) / scale[..., None]) - torch.sigmoid((-0.5 - size) / scale[..., None])
        costs = np.rint(-64 * torch.log2(likely.double().clamp_min(2.0**-30)).numpy()).astype(np.int64)
    experts = []
    last = len(network.encoder) - 2
    for number, m in enumerate(network.kind.latents):
        most = max(network.kind.latents)
        code, rows = slice(m), np.r_[:m, most : most + AROUND]
        encoder = layers(network.encoder, number, {last: (slice(None), code)})
        decoder = layers(network.decoder, number, {0: (rows, slice(None))})
        straight = whole(network.straight_in[number])[:, code], whole(network.straight_out[number])[rows]
        experts.append(Expert(m, encoder, straight[0], decoder, straight[1], costs[number, :, :m]))
    features = (whole(network.features[0]), whole(network.features[1])) if network.features else None
    return StackedTables(network.kind.side, network.kind.least_step, features, tuple(experts), choice)
