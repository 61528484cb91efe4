"""What the steps of every training of a network have in common: the rate, the average of weights, checkpoints."""

import math
from pathlib import Path

import torch
from torch import nn

WARM = 100


def share_of_rate(step: int, steps: int) -> float:
    """Of the full rate: it rises for WARM steps and falls to zero like a cosine."""
    return min((step + 1) / WARM, 0.5 * (1 + math.cos(math.pi * step / steps)))


def average(mean: nn.Module, network: nn.Module, kept: float) -> None:
    """Moves the weights of `mean` towards those of a network, of which it takes a share of 1 - `kept`."""
    with torch.no_grad():
        for averaged, current in zip(mean.parameters(), network.parameters(), strict=True):
            averaged.lerp_(current, 1 - kept)


def save(state: dict[str, object], checkpoint: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    torch.save(state, checkpoint.with_suffix(".new"))
    checkpoint.with_suffix(".new").replace(checkpoint)
